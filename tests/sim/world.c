/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world_internal.h"

#include <stdlib.h>
#include <string.h>

/* Clock, queue of events, trace. */

struct world sim;

enum { SMALL_FRAMES = 65536, LARGE_FRAMES = 2048, FIRST_PORT = 20000 };

static void must(bool good, const char *what)
{
    if (good) return;
    (void)fprintf(stderr, "simulator: %s\n", what);
    abort();
}

void sim_world_begin(const struct sim_world_config *config)
{
    sim = (struct world){.config = *config, .next_port = FIRST_PORT};
    if (sim.config.grain == 0) sim.config.grain = 1;
    /* Not 0, which stands for "no time" in many a place. */
    sim.now = SLC_SECOND;
    slc_random_from_number(&sim.random, config->seed, 0);
    sim.streams = 1000;
    slc_random_from_number(&sim.disk.random, config->seed, 1);
    must(slc_pool_init(&sim.small, sizeof(struct frame) + SLC_SLOT_SMALL, SMALL_FRAMES) == SLC_OK &&
             slc_pool_init(&sim.large, sizeof(struct frame) + SLC_SLOT_LARGE, LARGE_FRAMES) == SLC_OK,
         "no memory");
}

void sim_world_end(void)
{
    for (size_t i = 0; i < sim.heap_len; i++) {
        event_discard(&sim.heap[i]);
    }
    free(sim.heap);
    while (sim.dead != NULL) {
        struct slc_runtime *next = sim.dead->next_dead;
        free(sim.dead);
        sim.dead = next;
    }
    slc_pool_free(&sim.small);
    slc_pool_free(&sim.large);
    sim = (struct world){0};
}

bool sim_model(void)
{
    return sim.config.model;
}

enum sim_mutation sim_mutation(void)
{
    return sim.config.mutation;
}

void sim_random(struct slc_random *random)
{
    slc_random_from_number(random, sim.config.seed, sim.streams++);
}

/* ---- the clocks of runtime.h ---- */

slc_time slc_now(void)
{
    return sim.now;
}

uint64_t slc_unix_seconds(void)
{
    return (uint64_t)((int64_t)(sim.config.unix_start + sim.now / SLC_SECOND) + sim.unix_step);
}

void sim_clock_step(int64_t seconds)
{
    sim.unix_step += seconds;
}

/* ---- the queue ---- */

static bool earlier(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static bool is_frame(const struct event *event)
{
    return event->kind == EVENT_LEAVE || event->kind == EVENT_ARRIVE;
}

void world_add(slc_time at, enum event_kind kind, void *subject)
{
    if (sim.heap_len == sim.heap_cap) {
        sim.heap_cap = sim.heap_cap == 0 ? 4096 : sim.heap_cap * 2;
        sim.heap = realloc(sim.heap, sim.heap_cap * sizeof *sim.heap);
        must(sim.heap != NULL, "no memory");
    }
    const struct event event = {
        .at = at > sim.now ? at : sim.now, .order = sim.order++, .subject = subject, .kind = kind};
    size_t i = sim.heap_len++;
    while (i > 0 && earlier(&event, &sim.heap[(i - 1) / 4])) {
        sim.heap[i] = sim.heap[(i - 1) / 4];
        i = (i - 1) / 4;
    }
    sim.heap[i] = event;
    sim.frames += is_frame(&event);
}

void world_forget(bool (*of)(const struct event *event, const void *who), const void *who)
{
    size_t kept = 0, n = sim.heap_len;
    sim.heap_len = sim.frames = 0;
    struct event *events = malloc((n + 1) * sizeof *events);
    must(events != NULL, "no memory");
    for (size_t i = 0; i < n; i++) {
        if (!of(&sim.heap[i], who)) events[kept++] = sim.heap[i];
    }
    /* In the order of making, so that it stays what it was. */
    for (size_t i = 0; i < kept; i++) {
        uint64_t order = sim.order;
        sim.order = events[i].order;
        world_add(events[i].at, (enum event_kind)events[i].kind, events[i].subject);
        sim.order = order;
    }
    free(events);
}

static struct event take_first(void)
{
    struct event first = sim.heap[0];
    struct event last = sim.heap[--sim.heap_len];
    size_t i = 0;
    for (size_t child; (child = 4 * i + 1) < sim.heap_len; i = child) {
        size_t end = child + 4 < sim.heap_len ? child + 4 : sim.heap_len;
        for (size_t c = child + 1; c < end; c++) {
            if (earlier(&sim.heap[c], &sim.heap[child])) child = c;
        }
        if (!earlier(&sim.heap[child], &last)) break;
        sim.heap[i] = sim.heap[child];
    }
    sim.heap[i] = last;
    sim.frames -= is_frame(&first);
    return first;
}

static void happen(const struct event *event)
{
    switch ((enum event_kind)event->kind) {
    case EVENT_TURN:
        worker_turn(event->subject);
        break;
    case EVENT_TIMER:
        runtime_timer(event->subject);
        break;
    case EVENT_LEAVE:
        frame_leave(event->subject);
        break;
    case EVENT_ARRIVE:
        frame_arrive(event->subject);
        break;
    case EVENT_CONNECT:
        connect_now(event->subject);
        break;
    case EVENT_NOTICE:
        notice_give(event->subject);
        break;
    case EVENT_DISK:
        keeper_disk(event->subject);
        break;
    }
}

bool world_step(slc_time until)
{
    if (sim.heap_len == 0 || sim.heap[0].at > until) {
        if (until != SLC_NEVER && until > sim.now) sim.now = until;
        return false;
    }
    struct event event = take_first();
    sim.now = event.at;
    sim.numbers.events++;
    happen(&event);
    if (sim.observer.after_event != NULL) sim.observer.after_event(sim.observer.self);
    return true;
}

void sim_sleep(slc_time until)
{
    while (world_step(until)) {
    }
}

bool runtime_alive(const struct slc_runtime *runtime)
{
    for (size_t i = 0; i < MAX_RUNTIMES; i++) {
        if (sim.runtimes[i] == runtime) return runtime != NULL && !runtime->stopped && !runtime->killed;
    }
    return false;
}

/* ---- what there is to see ---- */

void sim_observe(const struct sim_observer *observer)
{
    sim.observer = *observer;
}

const struct sim_numbers *sim_numbers(void)
{
    return &sim.numbers;
}

size_t sim_in_flight(void)
{
    return sim.frames;
}

void sim_trace(uint64_t word)
{
    uint64_t hash = (sim.numbers.trace ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    sim.numbers.trace = hash ^ hash >> 29;
    if (sim.trace != NULL) {
        (void)fprintf(sim.trace, "%llu %016llx %016llx\n", (unsigned long long)sim.now, (unsigned long long)word,
                      (unsigned long long)sim.numbers.trace);
    }
}

void sim_trace_to(void *file)
{
    sim.trace = file;
}
