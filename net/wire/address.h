/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_ADDRESS_H
#define SLUICE_ADDRESS_H

#include "crypto/base/bytes.h"
#include "crypto/base/error.h"

/*
 * Network addresses of nodes, as values and in the four widths of the protocol (docs/protocol/2-messages.md, 3.4):
 * unpadded (7 or 19 bytes), padded to 19 in front of a SURB-ACK, padded to 32 in Sphinx headers.
 */

struct slc_address {
    uint8_t version; /* 4 or 6; 0: none                         */
    uint8_t ip[16];  /* network order; 4 bytes used for IPv4    */
    uint16_t port;
};

enum { SLC_ADDRESS_TEXT_MAX = 64, SLC_ADDRESS_UNPADDED_MAX = 19 };

/* Bytes of the unpadded form: 7 or 19; 0 for an address that is none. */
size_t slc_address_bytes(const struct slc_address *address);
/* Appends the unpadded form, or the form padded with zeros to `width` (19 or 32). */
void slc_address_write(struct slc_writer *w, const struct slc_address *address);
void slc_address_write_padded(struct slc_writer *w, const struct slc_address *address, size_t width);
/* Reads the unpadded form; SLC_TOO_SHORT, SLC_MALFORMED (version neither 4 nor 6). Padding is the caller's to skip. */
SLC_MUST_CHECK enum slc_status slc_address_read(struct slc_reader *r, struct slc_address *address);
/* "127.0.0.1:1789" or "[::1]:1789". */
SLC_MUST_CHECK enum slc_status slc_address_from_text(const char *text, struct slc_address *address);
/* A literal IP without a port; the port is set to `port`. */
SLC_MUST_CHECK enum slc_status slc_address_from_ip(const char *ip, uint16_t port, struct slc_address *address);
void slc_address_to_text(const struct slc_address *address, char text[SLC_ADDRESS_TEXT_MAX]);
bool slc_address_equal(const struct slc_address *a, const struct slc_address *b);
/* 127.0.0.0/8 or ::1: the only targets the load tool takes without an explicit acknowledgement. */
bool slc_address_is_loopback(const struct slc_address *address);

#endif
