/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/wire/http_head.h"

/* HTTP heads: found at the same place however little of them was searched before; taken apart and put together. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct slc_http_head *head)
{
    static uint8_t room[1 << 18];
    struct slc_writer w = slc_writer(room, sizeof room);
    for (unsigned i = 0; i < 3; i++) {
        slc_write_bytes(&w, head->start[i].data, head->start[i].len);
        slc_write_bytes(&w, i < 2 ? " " : "\r\n", i < 2 ? 1 : 2);
    }
    struct slc_http_field field;
    size_t fields = 0;
    for (struct slc_bytes rest = head->fields; slc_http_field_next(&rest, &field); fields++) {
        slc_write_bytes(&w, field.name.data, field.name.len);
        slc_write_bytes(&w, ": ", 2);
        slc_write_bytes(&w, field.value.data, field.value.len);
        slc_write_bytes(&w, "\r\n", 2);
    }
    slc_write_bytes(&w, "\r\n", 2);
    if (!slc_writer_ok(&w)) return;

    struct slc_http_head again;
    if (slc_http_head_bytes(slc_bytes(room, w.len), 0) != w.len) abort();
    if (slc_http_head_parse(slc_bytes(room, w.len), &again) != SLC_OK) abort();
    for (struct slc_bytes rest = again.fields; slc_http_field_next(&rest, &field);) {
        fields--;
    }
    if (fields != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct slc_bytes all = slc_bytes(data, size);
    size_t len = slc_http_head_bytes(all, 0);
    for (size_t searched = 1; searched < size && searched < 300; searched++) {
        if (slc_http_head_bytes(slc_bytes(data, searched), 0) == 0 && slc_http_head_bytes(all, searched) != len)
            abort();
    }
    struct slc_http_head head;
    struct slc_bytes value;
    if (slc_http_head_parse(slc_bytes(data, len > 0 ? len : size), &head) != SLC_OK) return 0;
    (void)slc_http_field_find(&head, "Host", &value);
    (void)slc_http_field_has_token(&head, "Connection", "upgrade");
    if (len > 0) check_again(&head);
    return 0;
}
