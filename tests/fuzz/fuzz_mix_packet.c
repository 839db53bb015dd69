/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/wire/mix_packet.h"

/* Mix packets of both kinds: what is accepted is written back byte for byte. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    for (int kind = SLC_MIX_PACKET_V1; kind <= SLC_MIX_PACKET_V2; kind++) {
        struct slc_mix_packet packet;
        if (slc_mix_packet_parse(slc_bytes(data, size), (enum slc_mix_packet_kind)kind, &packet) != SLC_OK) continue;
        uint8_t head[32];
        struct slc_writer w = slc_writer(head, sizeof head);
        slc_mix_packet_write_head(&w, (enum slc_mix_packet_kind)kind, packet.rotation, &packet.next_hop);
        if (w.len != slc_mix_packet_head_bytes((enum slc_mix_packet_kind)kind, &packet.next_hop)) abort();
        if (w.len + packet.packet.len != size || memcmp(head, data, w.len) != 0) abort();
        if (packet.packet.data != data + w.len || slc_packet_bytes(packet.size) != packet.packet.len) abort();
        if (kind == SLC_MIX_PACKET_V1 && packet.rotation != SLC_ROTATION_UNKNOWN) abort();
    }
    return 0;
}
