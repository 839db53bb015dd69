/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/message/message.h"

#define SET_FLAG UINT32_C(0x80000000)
#define SETS_MAX UINT32_C(0x7fffffff) /* as many as there are ids */

/* Payload of an unlinked and of a linked fragment: U and L of the chapter. */
static size_t unlinked_bytes(const struct slc_cut *cut)
{
    return cut->fragment_bytes - SLC_FRAGMENT_HEAD_BYTES;
}

static size_t linked_bytes(const struct slc_cut *cut)
{
    return cut->fragment_bytes - SLC_FRAGMENT_LINKED_HEAD_BYTES;
}

/* Padded bytes in front of set `set`: the first one has one linked fragment, those between have two (section 8.5). */
static size_t bytes_before_set(const struct slc_cut *cut, size_t set)
{
    enum { LINK_BYTES = SLC_FRAGMENT_LINKED_HEAD_BYTES - SLC_FRAGMENT_HEAD_BYTES };
    size_t full = SLC_SET_MAX * unlinked_bytes(cut);
    return set == 0 ? 0 : set * (full - 2 * LINK_BYTES) + LINK_BYTES;
}

static size_t divide_up(size_t value, size_t by)
{
    return value / by + (value % by != 0);
}

enum slc_status slc_cut_plan(struct slc_cut *cut, size_t len, size_t fragment_bytes)
{
    if (fragment_bytes <= SLC_FRAGMENT_LINKED_HEAD_BYTES) return SLC_BAD_ARGUMENT;
    if (len == SIZE_MAX) return SLC_TOO_LONG;
    *cut = (struct slc_cut){.len = len, .fragment_bytes = fragment_bytes, .sets = 1};
    size_t padded = len + 1;
    size_t unlinked = unlinked_bytes(cut);
    size_t edge = bytes_before_set(cut, 1);
    size_t middle = bytes_before_set(cut, 2) - edge;
    if (padded > 2 * edge) {
        cut->sets = 2 + divide_up(padded - 2 * edge, middle);
    } else if (padded > SLC_SET_MAX * unlinked) {
        cut->sets = 2;
    }
    if (cut->sets > SETS_MAX) return SLC_TOO_LONG;

    size_t last_set = padded - bytes_before_set(cut, cut->sets - 1);
    size_t first = cut->sets == 1 ? unlinked : linked_bytes(cut);
    size_t further = last_set <= first ? 0 : divide_up(last_set - first, unlinked);
    cut->fragments = (cut->sets - 1) * SLC_SET_MAX + 1 + further;
    cut->padding = first + further * unlinked - last_set;
    return SLC_OK;
}

void slc_cut_place(const struct slc_cut *cut, size_t index, size_t *set, uint8_t *position)
{
    (void)cut; /* every set but the last is full, whatever the size */
    *set = index / SLC_SET_MAX;
    *position = (uint8_t)(index % SLC_SET_MAX + 1);
}

void slc_cut_write(const struct slc_cut *cut, const uint8_t *message, const uint32_t *set_ids, size_t index,
                   uint8_t *out)
{
    size_t set;
    uint8_t position;
    slc_cut_place(cut, index, &set, &position);
    bool last_set = set == cut->sets - 1;
    uint8_t total = last_set ? (uint8_t)(cut->fragments - set * SLC_SET_MAX) : SLC_SET_MAX;

    struct slc_writer w = slc_writer(out, cut->fragment_bytes);
    slc_write_u32(&w, SET_FLAG | set_ids[set]);
    slc_write_u8(&w, total);
    slc_write_u8(&w, position);
    if (position == 1 && set > 0) {
        slc_write_u32(&w, SET_FLAG | set_ids[set - 1]);
    } else if (position == SLC_SET_MAX && !last_set) {
        slc_write_u32(&w, SET_FLAG | set_ids[set + 1]);
    } else {
        slc_write_u8(&w, 0);
    }

    size_t at = bytes_before_set(cut, set);
    if (position > 1) {
        at += (set == 0 ? unlinked_bytes(cut) : linked_bytes(cut)) + (position - 2U) * unlinked_bytes(cut);
    }
    size_t room = w.cap - w.len;
    size_t left = cut->len - at; /* the marker's fragment is the last, so at <= len */
    if (left >= room) {
        slc_write_bytes(&w, message + at, room);
        return;
    }
    if (left > 0) slc_write_bytes(&w, message + at, left);
    slc_write_u8(&w, 1);
    slc_write_zeros(&w, w.cap - w.len);
}

static bool is_among(uint32_t id, const uint32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == id) return true;
    }
    return false;
}

void slc_set_ids(uint32_t *ids, size_t n, struct slc_random *random)
{
    /* Two sets of one message under one id could never be told apart again; a set linked to itself is malformed. */
    for (size_t i = 0; i < n; i++) {
        do {
            slc_random_bytes(random, &ids[i], sizeof ids[i]);
            ids[i] &= ~SET_FLAG;
        } while (ids[i] == 0 || is_among(ids[i], ids, i));
    }
}

enum slc_status slc_unpad(struct slc_bytes padded, size_t *len)
{
    const uint8_t *marker = padded.len == 0 ? NULL : memrchr(padded.data, 1, padded.len);
    if (marker == NULL) return SLC_MALFORMED;
    *len = (size_t)(marker - padded.data);
    return SLC_OK;
}
