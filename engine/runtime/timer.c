/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/runtime/runtime_internal.h"

/*
 * A full wheel grows, which is the one allocation after start: neither may a deadline be lost, nor can we wait for a
 * worker that may itself be waiting for us to take what it armed. Without memory the entry comes back early.
 */
static void arm(struct timer_thread *t, struct slc_worker *w, const struct slc_timer_entry *entry)
{
    if (slc_wheel_arm(t->wheel, entry) == SLC_OK) return;
    count(&t->thread.numbers.ring_full, 1);
    if (slc_wheel_grow(t->wheel) == SLC_OK && slc_wheel_arm(t->wheel, entry) == SLC_OK) return;
    (void)slc_ring_push_spsc(&w->due, &entry->token, 1);
}

static void take_armed(struct timer_thread *t)
{
    struct slc_timer_entry entries[BATCH];
    for (unsigned i = 0; i < t->runtime->workers; i++) {
        struct slc_worker *w = t->runtime->worker[i];
        for (size_t got; (got = slc_ring_pop_spsc(&w->arm, entries, BATCH)) > 0;) {
            for (size_t e = 0; e < got; e++) {
                arm(t, w, &entries[e]);
            }
        }
    }
}

/* No more than every due ring has room for, whoever the entries belong to. */
static size_t room(struct timer_thread *t)
{
    size_t least = BATCH;
    for (unsigned i = 0; i < t->runtime->workers; i++) {
        size_t free_places = slc_ring_room_spsc(&t->runtime->worker[i]->due);
        if (free_places < least) least = free_places;
    }
    return least;
}

/* Returns false when a full ring kept something back. */
static bool hand_out(struct timer_thread *t, slc_time now)
{
    struct slc_timer_entry entries[BATCH];
    uint64_t wake = 0;
    bool all = false;
    while (!all) {
        size_t cap = room(t);
        if (cap == 0) break;
        size_t n = slc_wheel_expire(t->wheel, now, entries, cap);
        all = n < cap;
        for (size_t i = 0; i < n; i++) {
            unsigned owner = entries[i].owner;
            (void)slc_ring_push_spsc(&t->runtime->worker[owner]->due, &entries[i].token, 1);
            wake |= UINT64_C(1) << owner;
            if (now > entries[i].deadline) count_highest(&t->thread.numbers.latest, now - entries[i].deadline);
        }
        count(&t->thread.numbers.frames_out, n);
    }
    if (!all) count(&t->thread.numbers.ring_full, 1);
    for (unsigned i = 0; wake != 0; i++, wake >>= 1) {
        if (wake & 1) slc_parker_wake(&t->runtime->worker[i]->parker);
    }
    return all;
}

void *timer_main(void *argument)
{
    struct timer_thread *t = argument;
    struct thread_numbers *numbers = &t->thread.numbers;
    thread_begin(&t->thread);
    for (;;) {
        /* Before the look at the end, too, so that its wake is not lost. */
        uint32_t ticket = slc_parker_ticket(&t->parker);
        if (atomic_load_explicit(&t->runtime->stopping_network, memory_order_acquire)) break;
        slc_time begin = slc_now();
        take_armed(t);
        bool all = hand_out(t, begin);
        slc_time next = all ? slc_wheel_next(t->wheel) : begin + SLC_MILLISECOND / 4;
        slc_time end = slc_now();
        count(&numbers->turns, 1);
        count(&numbers->busy, end - begin);
        if (next <= end) continue;
        /* Published before the last look: a worker that arms something earlier sees it and wakes us. */
        atomic_store(&t->next_wake, next);
        bool armed = false;
        for (unsigned i = 0; i < t->runtime->workers; i++) {
            armed |= slc_ring_waiting_spsc(&t->runtime->worker[i]->arm) > 0;
        }
        if (!armed) slc_parker_park(&t->parker, ticket, next);
        count(all ? &numbers->starved : &numbers->backpressured, slc_now() - end);
    }
    return NULL;
}
