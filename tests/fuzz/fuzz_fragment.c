/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "engine/message/message.h"

/* A fragment that is read has one header only: written again from its fields, it gives the same bytes. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slc_fragment fragment;
    enum slc_status status = slc_fragment_parse(slc_bytes(data, size), &fragment);
    if (status != SLC_OK) {
        if (status != SLC_TOO_SHORT && status != SLC_MALFORMED) abort();
        return 0;
    }
    uint8_t head[SLC_FRAGMENT_LINKED_HEAD_BYTES];
    struct slc_writer w = slc_writer(head, sizeof head);
    slc_write_u32(&w, UINT32_C(0x80000000) | fragment.id.set);
    slc_write_u8(&w, fragment.total);
    slc_write_u8(&w, fragment.id.position);
    uint32_t link = fragment.previous | fragment.next;
    if (link != 0) {
        slc_write_u32(&w, UINT32_C(0x80000000) | link);
    } else {
        slc_write_u8(&w, 0);
    }
    if (w.len + fragment.payload.len != size || memcmp(head, data, w.len) != 0) abort();
    if (fragment.payload.data != data + w.len) abort();
    if (fragment.previous != 0 && (fragment.next != 0 || fragment.id.position != 1)) abort();
    if (fragment.next != 0 && (fragment.id.position != SLC_SET_MAX || fragment.total != SLC_SET_MAX)) abort();

    /* The other readers of decrypted bytes: nothing is both a fragment and cover. */
    size_t len;
    if (slc_cover_is(slc_bytes(data, size))) abort();
    if (slc_unpad(fragment.payload, &len) == SLC_OK &&
        (len >= fragment.payload.len || fragment.payload.data[len] != 1)) {
        abort();
    }
    return 0;
}
