/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/index.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };

void slc_index_free(struct slc_index *index)
{
    free(index->slots);
    *index = (struct slc_index){0};
}

enum slc_status slc_index_reserve(struct slc_index *index, uint32_t entries)
{
    if ((uint64_t)entries * 4 <= (uint64_t)index->capacity * 3) return SLC_OK;
    uint64_t capacity = index->capacity == 0 ? FIRST_CAPACITY : index->capacity;
    while ((uint64_t)entries * 4 > capacity * 3) {
        capacity *= 2;
    }
    if (capacity > UINT32_MAX) return SLC_NO_MEMORY;
    struct slc_index bigger = {.slots = calloc(capacity, sizeof *bigger.slots), .capacity = (uint32_t)capacity};
    if (bigger.slots == NULL) return SLC_NO_MEMORY;
    for (uint32_t i = 0; i < index->capacity; i++) {
        if (index->slots[i].place != 0) slc_index_put(&bigger, index->slots[i].hash, index->slots[i].place - 1);
    }
    free(index->slots);
    *index = bigger;
    return SLC_OK;
}

void slc_index_put(struct slc_index *index, uint32_t hash, uint32_t place)
{
    uint32_t at = hash & (index->capacity - 1);
    while (index->slots[at].place != 0) {
        at = (at + 1) & (index->capacity - 1);
    }
    index->slots[at] = (struct slc_index_slot){hash, place + 1};
    index->used++;
}

uint32_t slc_index_next(const struct slc_index *index, uint32_t hash, uint32_t *cursor)
{
    if (index->used == 0) return SLC_NO_PLACE;
    for (;;) {
        const struct slc_index_slot *slot = &index->slots[(hash + *cursor) & (index->capacity - 1)];
        if (slot->place == 0) return SLC_NO_PLACE;
        ++*cursor;
        if (slot->hash == hash) return slot->place - 1;
    }
}

/* Closes the gap, so that no probe ever has to step over graves. */
static void close_gap(struct slc_index *index, uint32_t gap)
{
    uint32_t mask = index->capacity - 1;
    for (uint32_t at = (gap + 1) & mask; index->slots[at].place != 0; at = (at + 1) & mask) {
        uint32_t home = index->slots[at].hash & mask;
        if (((at - home) & mask) < ((at - gap) & mask)) continue;
        index->slots[gap] = index->slots[at];
        gap = at;
    }
    index->slots[gap] = (struct slc_index_slot){0};
}

void slc_index_remove(struct slc_index *index, uint32_t hash, uint32_t place)
{
    uint32_t mask = index->capacity - 1;
    for (uint32_t at = hash & mask; index->slots[at].place != 0; at = (at + 1) & mask) {
        if (index->slots[at].place != place + 1) continue;
        close_gap(index, at);
        index->used--;
        return;
    }
}

size_t slc_index_memory(const struct slc_index *index)
{
    return index->capacity * sizeof *index->slots;
}

uint32_t slc_index_hash(uint64_t salt, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t hash = salt;
    while (len > 0) {
        uint64_t word = 0;
        size_t step = len < sizeof word ? len : sizeof word;
        memcpy(&word, at, step);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
        hash = (hash ^ salt >> 32) * UINT64_C(0xbf58476d1ce4e5b9);
        hash ^= hash >> 32;
        at += step;
        len -= step;
    }
    return (uint32_t)hash;
}
