/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/runtime/wheel.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Five levels of 64 slots. A slot of level k spans 64^k ms; level 4 reaches 12 days, and what lies beyond waits in its
 * last slot and is sorted in again when that comes round. A bitmap per level finds the next occupied slot in one step.
 */
enum { LEVELS = 5, SLOT_BITS = 6, SLOTS = 1 << SLOT_BITS };
#define NOBODY UINT32_MAX

struct node {
    struct slc_timer_entry entry;
    uint32_t next;
};

struct slc_wheel {
    struct node *nodes;
    size_t capacity;
    uint32_t free_list;
    size_t armed;
    uint64_t tick;                       /* ms up to and including which everything has expired   */
    uint32_t slot[LEVELS][SLOTS];        /* lists of nodes, newest first                          */
    uint64_t occupied[LEVELS];           /* bit s: slot s has nodes                               */
    uint32_t expired_head, expired_tail; /* due, not yet taken by slc_wheel_expire(), in order    */
};

/* A deadline fires at the first whole millisecond not before it. */
static uint64_t tick_of(slc_time deadline)
{
    return deadline / SLC_MILLISECOND + (deadline % SLC_MILLISECOND != 0);
}

enum slc_status slc_wheel_new(struct slc_wheel **wheel, size_t capacity, slc_time now)
{
    *wheel = NULL;
    if (capacity == 0 || capacity >= NOBODY) return SLC_BAD_ARGUMENT;
    struct slc_wheel *w = calloc(1, sizeof *w);
    struct node *nodes = calloc(capacity, sizeof *nodes);
    if (w == NULL || nodes == NULL) {
        free(w);
        free(nodes);
        return SLC_NO_MEMORY;
    }
    for (size_t i = 0; i < capacity; i++) {
        nodes[i].next = i + 1 < capacity ? (uint32_t)(i + 1) : NOBODY;
    }
    w->nodes = nodes;
    w->capacity = capacity;
    w->tick = now / SLC_MILLISECOND;
    w->expired_head = w->expired_tail = NOBODY;
    memset(w->slot, 0xff, sizeof w->slot);
    *wheel = w;
    return SLC_OK;
}

enum slc_status slc_wheel_grow(struct slc_wheel *w)
{
    size_t capacity = w->capacity * 2;
    if (capacity >= NOBODY) return SLC_NO_MEMORY;
    struct node *nodes = realloc(w->nodes, capacity * sizeof *nodes);
    if (nodes == NULL) return SLC_NO_MEMORY;
    for (size_t i = w->capacity; i < capacity; i++) {
        nodes[i].next = i + 1 < capacity ? (uint32_t)(i + 1) : w->free_list;
    }
    w->nodes = nodes;
    w->free_list = (uint32_t)w->capacity;
    w->capacity = capacity;
    return SLC_OK;
}

void slc_wheel_free(struct slc_wheel *wheel)
{
    if (wheel == NULL) return;
    free(wheel->nodes);
    free(wheel);
}

static void append_expired(struct slc_wheel *w, uint32_t n)
{
    w->nodes[n].next = NOBODY;
    if (w->expired_head == NOBODY) {
        w->expired_head = n;
    } else {
        w->nodes[w->expired_tail].next = n;
    }
    w->expired_tail = n;
}

static void place(struct slc_wheel *w, uint32_t n)
{
    uint64_t at = tick_of(w->nodes[n].entry.deadline);
    if (at <= w->tick) {
        append_expired(w, n);
        return;
    }
    /* The lowest level on which `at` and the present differ only within one turn of the wheel. */
    uint64_t differing = at ^ w->tick;
    unsigned level = (63u - (unsigned)__builtin_clzll(differing)) / SLOT_BITS;
    if (level >= LEVELS) {
        /* The top level goes round: what lies within one turn keeps its place, what lies beyond is sorted in again. */
        level = LEVELS - 1;
        uint64_t farthest = w->tick + ((uint64_t)(SLOTS - 1) << (SLOT_BITS * level));
        if (at > farthest) at = farthest;
    }
    unsigned s = (unsigned)(at >> (SLOT_BITS * level)) % SLOTS;
    w->nodes[n].next = w->slot[level][s];
    w->slot[level][s] = n;
    w->occupied[level] |= UINT64_C(1) << s;
}

enum slc_status slc_wheel_arm(struct slc_wheel *wheel, const struct slc_timer_entry *entry)
{
    uint32_t n = wheel->free_list;
    if (n == NOBODY) return SLC_FULL;
    wheel->free_list = wheel->nodes[n].next;
    wheel->nodes[n].entry = *entry;
    wheel->armed++;
    place(wheel, n);
    return SLC_OK;
}

/* Empties a slot, oldest first, into lower levels or the expired list. */
static void open_slot(struct slc_wheel *w, unsigned level, unsigned s)
{
    uint32_t reversed = NOBODY;
    uint32_t n = w->slot[level][s];
    w->slot[level][s] = NOBODY;
    w->occupied[level] &= ~(UINT64_C(1) << s);
    while (n != NOBODY) {
        uint32_t next = w->nodes[n].next;
        w->nodes[n].next = reversed;
        reversed = n;
        n = next;
    }
    while (reversed != NOBODY) {
        uint32_t next = w->nodes[reversed].next;
        place(w, reversed);
        reversed = next;
    }
}

/* The next tick after the present at which some slot opens; UINT64_MAX: none. */
static uint64_t next_opening(const struct slc_wheel *w)
{
    uint64_t best = UINT64_MAX;
    for (unsigned level = 0; level < LEVELS; level++) {
        if (w->occupied[level] == 0) continue;
        unsigned shift = SLOT_BITS * level;
        unsigned here = (unsigned)(w->tick >> shift) % SLOTS;
        /* Slots after `here` in wheel order; the present one itself is a full turn away. */
        unsigned by = (here + 1) % SLOTS;
        uint64_t turned = by == 0 ? w->occupied[level] : w->occupied[level] >> by | w->occupied[level] << (SLOTS - by);
        uint64_t ahead = (uint64_t)__builtin_ctzll(turned) + 1;
        uint64_t at = ((w->tick >> shift) + ahead) << shift;
        if (at < best) best = at;
    }
    return best;
}

static void advance(struct slc_wheel *w, uint64_t to)
{
    for (;;) {
        uint64_t at = next_opening(w);
        if (at > to) break;
        w->tick = at;
        /* Higher levels first: what they hold may belong into the lower slot that opens at the same tick. */
        for (unsigned level = LEVELS; level-- > 0;) {
            unsigned shift = SLOT_BITS * level;
            if ((at & ((UINT64_C(1) << shift) - 1)) != 0) continue;
            unsigned s = (unsigned)(at >> shift) % SLOTS;
            if (w->occupied[level] >> s & 1) open_slot(w, level, s);
        }
    }
    if (to > w->tick) w->tick = to;
}

size_t slc_wheel_expire(struct slc_wheel *wheel, slc_time now, struct slc_timer_entry *out, size_t cap)
{
    advance(wheel, now / SLC_MILLISECOND);
    size_t n = 0;
    while (n < cap && wheel->expired_head != NOBODY) {
        uint32_t node = wheel->expired_head;
        wheel->expired_head = wheel->nodes[node].next;
        out[n++] = wheel->nodes[node].entry;
        wheel->nodes[node].next = wheel->free_list;
        wheel->free_list = node;
        wheel->armed--;
    }
    return n;
}

slc_time slc_wheel_next(const struct slc_wheel *wheel)
{
    if (wheel->expired_head != NOBODY) return 0;
    uint64_t at = next_opening(wheel);
    return at == UINT64_MAX ? SLC_NEVER : at * SLC_MILLISECOND;
}

size_t slc_wheel_armed(const struct slc_wheel *wheel)
{
    return wheel->armed;
}
