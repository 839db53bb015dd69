/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_WORLD_INTERNAL_H
#define SLUICE_SIM_WORLD_INTERNAL_H

#include "engine/runtime/ring.h"
#include "engine/runtime/wheel.h"
#include "net/io/pool.h"
#include "tests/sim/world.h"

#include <stdio.h>

/* What the world's files share: world.c has clock and queue, link.c connections and frames, runtime.c runtime.h. */

enum { MAX_RUNTIMES = 8, MAX_WORKERS = 16, MAX_LISTENERS = 256, BATCH = 256, QUEUE_FRAMES = 4096 };

enum event_kind { EVENT_TURN, EVENT_TIMER, EVENT_LEAVE, EVENT_ARRIVE, EVENT_CONNECT, EVENT_NOTICE, EVENT_DISK };

struct event {
    slc_time at;
    uint64_t order; /* of making: events of one instant happen in it */
    void *subject;
    uint32_t kind;
};

/* The other end of a connection, or who is meant: recognised as stale when it is. */
struct end_name {
    struct slc_runtime *runtime; /* NULL: nobody */
    uint32_t index, generation;
};

/* A frame slot with its head; the world's pools hold them. */
struct frame {
    struct end_name from, to;
    uint8_t *data; /* payload, from sending on */
    uint32_t len;
    uint8_t kind; /* enum slc_received_kind */
    uint8_t rotation, size;
    uint8_t large;
    bool counted; /* holds a tx place of its worker */
    bool up;      /* from a client to its gateway    */
    struct slc_worker *owner;
    uint64_t header;
    slc_time due;
    _Alignas(64) uint8_t slot[];
};

struct listener {
    struct slc_address address;
    struct slc_runtime *runtime;
    unsigned worker;
    uint64_t token;
    enum slc_protocol protocol;
    slc_time delay, jitter, held;
    bool refuses;
};

/* One end of a connection. */
struct end {
    uint32_t generation, next_free;
    bool used, open, closing, broken;
    bool outgoing;
    uint8_t protocol;
    uint16_t worker;
    uint32_t waiting; /* frames that left and have not arrived */
    uint64_t token;
    slc_time last; /* when what was sent last from here arrives: order is kept */
    struct end_name peer;
    struct listener *path;
};

struct slots_left {
    size_t small, large;
};

struct slc_worker {
    struct slc_runtime *runtime;
    unsigned index;
    struct slc_role role;
    struct slc_random random;
    slc_time turn_at, frozen;
    struct slots_left left;
    struct slc_received *received;
    size_t received_first, received_len, received_cap;
    uint64_t *due;
    size_t due_first, due_len, due_cap;
    struct slc_ring command, event, pass[MAX_WORKERS];
};

struct slc_runtime {
    struct slc_runtime_config config;
    char name[6];
    unsigned workers;
    bool started, stopped, woken;
    bool killed; /* with its process: no orderly end */
    struct slc_runtime *next_dead;
    struct slc_worker *worker[MAX_WORKERS];
    struct slc_wheel *wheel;
    slc_time timer_at;
    struct slc_histogram lateness;
    struct end *ends;
    uint32_t end_count, free_end;
};

struct connect_request {
    struct slc_runtime *runtime;
    uint16_t worker;
    uint8_t protocol;
    uint64_t token;
    struct listener *path;
    slc_time asked;
};

struct notice {
    struct end_name to; /* index UINT32_MAX: a connect that failed, told to `worker` */
    uint16_t worker;
    uint8_t kind, status;
    uint64_t token;
};

/* The clients' disk. */
struct disk {
    struct slc_random random;
    slc_time slow_until, slow_delay, still_until, full_until;
};

struct world {
    struct sim_world_config config;
    slc_time now;
    int64_t unix_step;
    uint64_t order, streams;
    struct event *heap;
    size_t heap_len, heap_cap;
    struct slc_runtime *runtimes[MAX_RUNTIMES];
    struct slc_runtime *dead; /* killed ones, so that no other has their address: what is under way names them */
    struct disk disk;
    struct listener listeners[MAX_LISTENERS];
    size_t listener_count;
    uint16_t next_port;
    struct slc_pool small, large;
    struct slc_random random;
    struct sim_observer observer;
    struct sim_numbers numbers;
    size_t frames; /* in the queue */
    FILE *trace;
};
extern struct world sim;

void world_add(slc_time at, enum event_kind kind, void *subject);
/* The next event at or before `until`; false: none, and the clock stands at `until`. */
bool world_step(slc_time until);
/* Events of the dead do not happen. */
void world_forget(bool (*of)(const struct event *event, const void *who), const void *who);
bool runtime_alive(const struct slc_runtime *runtime);

/* ---- runtime.c ---- */

void worker_wake(struct slc_worker *w, slc_time at);
void worker_receive(struct slc_worker *w, const struct slc_received *received);
void worker_turn(struct slc_worker *w);
void runtime_timer(struct slc_runtime *runtime);

/* ---- link.c ---- */

void frame_leave(struct frame *frame);
void frame_arrive(struct frame *frame);
void connect_now(struct connect_request *request);
void notice_give(struct notice *notice);
struct frame *frame_of(const uint8_t *inside);
/* A runtime is gone: its connections end, by a reset, or after what is under way. */
void links_drop(struct slc_runtime *runtime, bool reset);
/* Frees what an event that will not happen holds. */
void event_discard(const struct event *event);

/* ---- keeper.c ---- */

struct slc_keeper;
/* A transaction ends. */
void keeper_disk(struct slc_keeper *keeper);
/* Its process dies. */
void keeper_kill(void);

#endif
