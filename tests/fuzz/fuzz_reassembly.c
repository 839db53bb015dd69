/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "engine/message/reassembly.h"

/*
 * A stream of fragments, each behind two bytes: its length, and how much time has passed. The bounds hold after each
 * one, a message lies in memory that may be changed, and everything is gone in the end.
 *
 * The set ids are folded to a few, so that sets, links and circles meet by themselves.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t folded(uint32_t set)
{
    return set == 0 ? 0 : 1 + set % 13;
}

static void check_bounds(const struct slc_reassembly *r, const struct slc_reassembly_limits *limits)
{
    size_t sets, bytes;
    slc_reassembly_held(r, &sets, &bytes);
    if (sets > limits->max_sets || bytes > limits->max_bytes || (sets == 0 && bytes != 0)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slc_reassembly_limits limits = {.max_bytes = 12000, .max_sets = 6, .remembered = 5, .timeout = 900};
    struct slc_reassembly *r = NULL;
    if (slc_reassembly_new(&r, &limits) != SLC_OK) abort();
    struct slc_reader in = slc_reader(slc_bytes(data, size));
    slc_time now = 0;
    while (slc_reader_left(&in) > 1) {
        size_t len = slc_read_u8(&in);
        now += slc_read_u8(&in);
        if (len > slc_reader_left(&in)) len = slc_reader_left(&in);
        struct slc_fragment fragment;
        if (slc_fragment_parse(slc_read_bytes(&in, len), &fragment) != SLC_OK) continue;
        fragment.id.set = folded(fragment.id.set);
        fragment.previous = folded(fragment.previous);
        fragment.next = folded(fragment.next);
        /* No parsed fragment is linked to itself. */
        if (fragment.previous == fragment.id.set || fragment.next == fragment.id.set) continue;
        /* Its own copy, so that a sanitizer sees what outlives the call. */
        uint8_t *copy = malloc(fragment.payload.len + 1);
        if (copy == NULL) break;
        if (fragment.payload.len > 0) memcpy(copy, fragment.payload.data, fragment.payload.len);
        fragment.payload.data = copy;
        struct slc_bytes message = {0};
        enum slc_reassembly_result result = slc_reassembly_add(r, &fragment, now, &message);
        if ((unsigned)result >= SLC_REASSEMBLY_RESULTS) abort();
        if (result == SLC_REASSEMBLY_COMPLETE) {
            /* The marker stands behind it. */
            if (message.data[message.len] != 1) abort();
            memset((uint8_t *)(uintptr_t)message.data, 0, message.len);
        }
        free(copy);
        check_bounds(r, &limits);
        if ((now & 63) == 0) (void)slc_reassembly_sweep(r, now);
    }
    (void)slc_reassembly_sweep(r, now + limits.timeout);
    size_t sets, bytes;
    slc_reassembly_held(r, &sets, &bytes);
    if (sets != 0 || bytes != 0) abort();
    slc_reassembly_free(r);
    return 0;
}
