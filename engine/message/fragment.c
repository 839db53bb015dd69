/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/message/message.h"

#define SET_FLAG UINT32_C(0x80000000) /* every set id in a fragment's header, the linked one too */
#define SET_MASK UINT32_C(0x7fffffff)

enum slc_status slc_fragment_parse(struct slc_bytes bytes, struct slc_fragment *fragment)
{
    struct slc_reader r = slc_reader(bytes);
    uint32_t set = slc_read_u32(&r);
    uint8_t total = slc_read_u8(&r);
    uint8_t position = slc_read_u8(&r);
    /* Zero, or the first byte of a linked id: the flag makes the two distinct. */
    uint32_t link = slc_read_u8(&r);
    if (link != 0) {
        link = link << 24 | (uint32_t)slc_read_be(&r, 3);
    }
    struct slc_bytes payload = slc_read_rest(&r);
    if (!slc_reader_ok(&r)) return SLC_TOO_SHORT;

    if ((set & SET_FLAG) == 0 || (set & SET_MASK) == 0) return SLC_MALFORMED;
    if (position == 0 || position > total) return SLC_MALFORMED;
    if (link != 0) {
        if ((link & SET_FLAG) == 0 || (link & SET_MASK) == 0 || link == set) return SLC_MALFORMED;
        if (position != 1 && position != SLC_SET_MAX) return SLC_MALFORMED;
    }
    *fragment = (struct slc_fragment){
        .id = {set & SET_MASK, position},
        .total = total,
        .previous = position == 1 ? link & SET_MASK : 0,
        .next = position == 1 ? 0 : link & SET_MASK,
        .payload = payload,
    };
    return SLC_OK;
}
