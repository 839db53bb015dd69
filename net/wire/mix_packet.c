/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/mix_packet.h"

/* Packet types (chapter 2, section 4.1). Outfox still parses at the reference, and is refused after the length. */
enum { TYPE_SPHINX = 0, TYPE_OUTFOX = 2 };

enum slc_rotation slc_rotation_of(uint32_t rotation_id)
{
    if (rotation_id == 0 || rotation_id == UINT32_MAX) return SLC_ROTATION_UNKNOWN;
    return rotation_id % 2 == 0 ? SLC_ROTATION_EVEN : SLC_ROTATION_ODD;
}

size_t slc_mix_packet_head_bytes(enum slc_mix_packet_kind kind, const struct slc_address *next_hop)
{
    return (kind == SLC_MIX_PACKET_V2 ? 2 : 1) + slc_address_bytes(next_hop);
}

void slc_mix_packet_write_head(struct slc_writer *w, enum slc_mix_packet_kind kind, enum slc_rotation rotation,
                               const struct slc_address *next_hop)
{
    slc_write_u8(w, TYPE_SPHINX);
    if (kind == SLC_MIX_PACKET_V2) slc_write_u8(w, (uint8_t)rotation);
    slc_address_write(w, next_hop);
}

enum slc_status slc_mix_packet_parse(struct slc_bytes bytes, enum slc_mix_packet_kind kind,
                                     struct slc_mix_packet *packet)
{
    *packet = (struct slc_mix_packet){.rotation = SLC_ROTATION_UNKNOWN};
    struct slc_reader r = slc_reader(bytes);
    uint8_t type = slc_read_u8(&r);
    uint8_t rotation = kind == SLC_MIX_PACKET_V2 ? slc_read_u8(&r) : (uint8_t)SLC_ROTATION_UNKNOWN;
    if (!slc_reader_ok(&r)) return SLC_TOO_SHORT;
    if (type != TYPE_SPHINX && type != TYPE_OUTFOX) return SLC_MALFORMED;
    if (rotation > SLC_ROTATION_EVEN) return SLC_MALFORMED;
    packet->rotation = (enum slc_rotation)rotation;

    enum slc_status status = slc_address_read(&r, &packet->next_hop);
    if (status != SLC_OK) return status;
    packet->packet = slc_read_rest(&r);
    status = slc_packet_size_of(packet->packet.len, &packet->size);
    if (status != SLC_OK) return status;
    return type == TYPE_SPHINX ? SLC_OK : SLC_UNSUPPORTED;
}
