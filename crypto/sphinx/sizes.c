/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sphinx/sphinx.h"

/* By tag; the extended ones are not in order of size. */
static const uint16_t PLAINTEXT_BYTES[] = {
    [SLC_SIZE_REGULAR] = 2048,    [SLC_SIZE_ACK] = SLC_ACK_PLAINTEXT_BYTES, [SLC_SIZE_EXTENDED_32] = 32768,
    [SLC_SIZE_EXTENDED_8] = 8192, [SLC_SIZE_EXTENDED_16] = 16384,
};
enum { SIZES = sizeof PLAINTEXT_BYTES / sizeof PLAINTEXT_BYTES[0] };

size_t slc_plaintext_bytes(enum slc_packet_size size)
{
    unsigned tag = (unsigned)size;
    return tag < SIZES ? PLAINTEXT_BYTES[tag] : 0;
}

size_t slc_packet_bytes(enum slc_packet_size size)
{
    size_t plaintext = slc_plaintext_bytes(size);
    return plaintext > 0 ? plaintext + SLC_PACKET_OVERHEAD : 0;
}

enum slc_status slc_packet_size_of_plaintext(size_t bytes, enum slc_packet_size *size)
{
    for (unsigned tag = 1; tag < SIZES; tag++) {
        if (PLAINTEXT_BYTES[tag] == bytes) {
            *size = (enum slc_packet_size)tag;
            return SLC_OK;
        }
    }
    return SLC_UNSUPPORTED;
}

enum slc_status slc_packet_size_of(size_t bytes, enum slc_packet_size *size)
{
    if (bytes < SLC_PACKET_OVERHEAD) return SLC_UNSUPPORTED;
    return slc_packet_size_of_plaintext(bytes - SLC_PACKET_OVERHEAD, size);
}

size_t slc_route_random_bytes(unsigned hops)
{
    if (hops < 1 || hops > SLC_MAX_HOPS) return 0;
    return 32 + 248 - (size_t)SLC_ROUTING_STEP * (hops - 1);
}
