/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/pending.h"

#include <stdlib.h>

enum {
    FIRST_CAPACITY = 16,
    ALARMS_PER_ENTRY =
        2, /* at most one of an entry's alarms is live, so half of a full heap can always be thrown out */
};

void slc_pending_init(struct slc_pending *p, uint32_t max, uint64_t salt)
{
    *p = (struct slc_pending){.max = max, .salt = salt, .free = SLC_NO_PLACE};
}

void slc_pending_free(struct slc_pending *p)
{
    free(p->entries);
    free(p->heap);
    slc_index_free(&p->index);
    p->entries = NULL;
    p->heap = NULL;
}

static uint32_t hash_of(const struct slc_pending *p, uint32_t set, uint8_t position)
{
    uint64_t name = (uint64_t)set << 8 | position;
    return slc_index_hash(p->salt, &name, sizeof name);
}

static enum slc_status grow(struct slc_pending *p)
{
    if (p->capacity >= p->max) return SLC_FULL;
    uint32_t capacity = p->capacity == 0 ? FIRST_CAPACITY : p->capacity * 2;
    if (capacity > p->max) capacity = p->max;
    struct slc_pending_alarm *heap = realloc(p->heap, (size_t)capacity * ALARMS_PER_ENTRY * sizeof *heap);
    if (heap == NULL) return SLC_NO_MEMORY;
    p->heap = heap;
    struct slc_pending_entry *entries = realloc(p->entries, (size_t)capacity * sizeof *entries);
    if (entries == NULL) return SLC_NO_MEMORY;
    p->entries = entries;
    if (slc_index_reserve(&p->index, capacity) != SLC_OK) return SLC_NO_MEMORY;
    while (p->capacity < capacity) {
        p->entries[p->capacity] = (struct slc_pending_entry){.next = p->free, .deadline = SLC_NEVER};
        p->free = p->capacity++;
    }
    return SLC_OK;
}

enum slc_status slc_pending_add(struct slc_pending *p, uint32_t set, uint8_t position, uint32_t *place)
{
    if (slc_pending_find(p, set, position) != SLC_NO_PLACE) return SLC_DUPLICATE;
    if (p->free == SLC_NO_PLACE) {
        enum slc_status status = grow(p);
        if (status != SLC_OK) return status;
    }
    *place = p->free;
    struct slc_pending_entry *e = &p->entries[*place];
    p->free = e->next;
    *e = (struct slc_pending_entry){
        .deadline = SLC_NEVER, .set = set, .position = position, .next = SLC_NO_PLACE, .state = SLC_PENDING_IDLE};
    slc_index_put(&p->index, hash_of(p, set, position), *place);
    p->used++;
    return SLC_OK;
}

uint32_t slc_pending_find(const struct slc_pending *p, uint32_t set, uint8_t position)
{
    uint32_t cursor = 0, hash = hash_of(p, set, position), place;
    while ((place = slc_index_next(&p->index, hash, &cursor)) != SLC_NO_PLACE) {
        const struct slc_pending_entry *e = &p->entries[place];
        if (e->set == set && e->position == position) return place;
    }
    return SLC_NO_PLACE;
}

void slc_pending_idle(struct slc_pending *p, uint32_t place)
{
    p->entries[place].state = SLC_PENDING_IDLE;
    p->entries[place].deadline = SLC_NEVER;
}

/* ---- the heap of alarms ---- */

static bool is_live(const struct slc_pending *p, struct slc_pending_alarm alarm)
{
    const struct slc_pending_entry *e = &p->entries[alarm.place];
    return e->state == SLC_PENDING_FLYING && e->deadline == alarm.deadline;
}

static void sift_up(struct slc_pending_alarm *heap, uint32_t at)
{
    struct slc_pending_alarm alarm = heap[at];
    while (at > 0 && heap[(at - 1) / 2].deadline > alarm.deadline) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = alarm;
}

static void sift_down(struct slc_pending_alarm *heap, uint32_t len, uint32_t at)
{
    struct slc_pending_alarm alarm = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= len) break;
        if (child + 1 < len && heap[child + 1].deadline < heap[child].deadline) child++;
        if (heap[child].deadline >= alarm.deadline) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = alarm;
}

static void throw_out_dead(struct slc_pending *p)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < p->heap_len; i++) {
        if (is_live(p, p->heap[i])) p->heap[live++] = p->heap[i];
    }
    p->heap_len = live;
    for (uint32_t i = live / 2; i-- > 0;) {
        sift_down(p->heap, live, i);
    }
}

static void drop_first(struct slc_pending *p)
{
    p->heap[0] = p->heap[--p->heap_len];
    if (p->heap_len > 0) sift_down(p->heap, p->heap_len, 0);
}

void slc_pending_fly(struct slc_pending *p, uint32_t place, slc_time deadline)
{
    slc_pending_idle(p, place);
    if (p->heap_len == p->capacity * ALARMS_PER_ENTRY) throw_out_dead(p);
    p->entries[place].state = SLC_PENDING_FLYING;
    p->entries[place].deadline = deadline;
    p->heap[p->heap_len] = (struct slc_pending_alarm){deadline, place};
    sift_up(p->heap, p->heap_len++);
}

slc_time slc_pending_due(struct slc_pending *p)
{
    while (p->heap_len > 0 && !is_live(p, p->heap[0])) {
        drop_first(p);
    }
    return p->heap_len == 0 ? SLC_NEVER : p->heap[0].deadline;
}

bool slc_pending_expired(struct slc_pending *p, slc_time now, uint32_t *place)
{
    if (slc_pending_due(p) > now) return false;
    *place = p->heap[0].place;
    drop_first(p);
    slc_pending_idle(p, *place);
    return true;
}

void slc_pending_remove(struct slc_pending *p, uint32_t place, bool keep)
{
    struct slc_pending_entry *e = &p->entries[place];
    if (e->state != SLC_PENDING_DROPPED) {
        slc_index_remove(&p->index, hash_of(p, e->set, e->position), place);
        p->used--;
    }
    e->deadline = SLC_NEVER;
    e->message = NULL;
    e->state = keep ? SLC_PENDING_DROPPED : SLC_PENDING_FREE;
    if (keep) return;
    e->next = p->free;
    p->free = place;
}

size_t slc_pending_memory(const struct slc_pending *p)
{
    return (size_t)p->capacity * (sizeof *p->entries + ALARMS_PER_ENTRY * sizeof *p->heap) +
           slc_index_memory(&p->index);
}
