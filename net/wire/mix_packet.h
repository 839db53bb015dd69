/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MIX_PACKET_H
#define SLUICE_MIX_PACKET_H

#include "crypto/sphinx/sphinx.h"
#include "net/wire/address.h"

/*
 * A Sphinx packet with where it goes and which key rotation it was made for: the plaintext of a gateway's binary
 * request (docs/protocol/2-messages.md, section 14; 3-gateway.md, section 11.2).
 */

enum slc_rotation { SLC_ROTATION_UNKNOWN = 0, SLC_ROTATION_ODD = 1, SLC_ROTATION_EVEN = 2 };

/* The tag of a rotation id: 0 and 2^32-1 are unknown (chapter 2, section 4.3). */
enum slc_rotation slc_rotation_of(uint32_t rotation_id);

/* Kind of the binary request that carries it: 1 without, 2 with the rotation byte (gateway protocol >= 5). */
enum slc_mix_packet_kind { SLC_MIX_PACKET_V1 = 1, SLC_MIX_PACKET_V2 = 2 };

struct slc_mix_packet {
    enum slc_rotation rotation;
    struct slc_address next_hop;
    struct slc_bytes packet; /* a view */
    enum slc_packet_size size;
};

/* Bytes in front of the packet: 1 + 1 + 7 for v2 and IPv4, at most 21. */
size_t slc_mix_packet_head_bytes(enum slc_mix_packet_kind kind, const struct slc_address *next_hop);
/* Appends that head; the packet itself is the caller's to place after it. */
void slc_mix_packet_write_head(struct slc_writer *w, enum slc_mix_packet_kind kind, enum slc_rotation rotation,
                               const struct slc_address *next_hop);
/* SLC_TOO_SHORT, SLC_MALFORMED, SLC_UNSUPPORTED (Outfox, unknown length). */
SLC_MUST_CHECK enum slc_status slc_mix_packet_parse(struct slc_bytes bytes, enum slc_mix_packet_kind kind,
                                                    struct slc_mix_packet *packet);

#endif
