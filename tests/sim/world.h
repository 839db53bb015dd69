/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_WORLD_H
#define SLUICE_SIM_WORLD_H

#include "engine/runtime/runtime.h"

/*
 * The simulated world: one thread, a clock that jumps from event to event, a network whose links can be slow, stalled,
 * refused or cut, and all randomness from one seed (docs/simulator.md). Beside this header the world implements
 * engine/runtime/runtime.h, so that engine, gateways and mixnodes run on it unchanged. There is one world at a time.
 */

/* Ways to break what is tested, so that the checks can be seen to find it. */
enum sim_mutation {
    SIM_AS_IT_IS,
    SIM_DELIVER_TWICE, /* the application is given one message twice                     */
    SIM_LOSE_MESSAGE,  /* ... one message never                                          */
    SIM_REUSE_SURB,    /* one reply goes through the SURB of the one before              */
    SIM_UNEVEN_STREAM, /* clients send messages as soon as they have some                */
    SIM_DAMAGE,        /* a bit of one packet changes between two nodes                  */
    SIM_LEAK,          /* memory grows                                                   */
    SIM_FORGET_FRAME,  /* a frame is neither delivered nor counted as lost               */
    SIM_FORGET_LEASE,  /* records of SURBs' release are called durable, and lost         */
    SIM_FORGET_KEY,    /* the same of reply keys                                         */
    SIM_MUTATIONS
};

struct sim_world_config {
    uint64_t seed;
    slc_time grain;        /* turns of workers begin on multiples of it; at least 1                     */
    slc_time delay;        /* of every link, one way, until sim_path_delay() says otherwise             */
    slc_time jitter;       /* added: uniform in 0 .. jitter                                             */
    uint32_t ring_entries; /* places in command, event and pass rings; 0: as many as the real runtime's */
    uint64_t unix_start;   /* wall clock at the beginning, seconds                                      */
    bool model;            /* the model of cryptography in place of the real one (model.h)              */
    enum sim_mutation mutation;
    slc_time disk_delay; /* of a transaction of the storage, about                                     */
    size_t keeper_bytes; /* most bytes of a worker's records that are not durable; 0: as the real one  */
};

void sim_world_begin(const struct sim_world_config *config);
/* All runtimes have been freed. */
void sim_world_end(void);

/* ---- the scripted network; `port` is a listener's ---- */

void sim_path_delay(uint16_t port, slc_time delay, slc_time jitter);
/* Nothing passes in either direction before `until`; what was sent waits, as TCP does it. */
void sim_path_hold(uint16_t port, slc_time until);
/* Connections to the port are refused. */
void sim_path_refuse(uint16_t port, bool refuse);
/* Resets every connection of the port, or each with probability `share`; what is in flight is lost. */
void sim_path_cut(uint16_t port, double share);
/* The wall clock jumps; the monotonic one does not. */
void sim_clock_step(int64_t seconds);
/* The workers of a runtime (by its configured name) get no processor before `until`. */
void sim_freeze(const char *name, slc_time until);

/* ---- the clients' disk and process ---- */

/* Transactions take about `delay` until then; none ends; each fails. */
void sim_disk_slow(slc_time until, slc_time delay);
void sim_disk_still(slc_time until);
void sim_disk_full(slc_time until);
/*
 * The process with this runtime (by its configured name) dies: nothing of it happens any more, no record is written.
 * Its peers learn it by resets, which overtake what it sent, or else after it. What is left is to free the engine.
 */
void sim_kill(const char *name, bool reset);
/* Lets time pass without a process that waits. */
void sim_sleep(slc_time until);

/* ---- what there is to see ---- */

/* A frame that leaves on a client's link (WS_CLIENT side), as an observer of that link sees it. */
struct sim_uplink {
    unsigned worker;     /* of the engine's runtime  */
    uint32_t index;      /* low half of the connection's token: the client's index on its worker */
    uint32_t connection; /* high half: which of its connections */
    bool binary;
    size_t bytes; /* payload of the WebSocket frame */
    slc_time at;
    uint64_t header; /* fingerprint of the Sphinx header inside; 0: none */
};

struct sim_observer {
    void *self;
    void (*uplink)(void *self, const struct sim_uplink *seen);
    void (*after_event)(void *self);
};
void sim_observe(const struct sim_observer *observer);

struct sim_numbers {
    uint64_t events, turns;
    uint64_t frames_sent;                                     /* taken by slc_worker_send() */
    uint64_t frames_arrived;                                  /* at a worker                */
    uint64_t frames_lost;                                     /* link gone, cut or overfull */
    uint64_t binary_up_sent, binary_up_taken, binary_up_lost; /* clients to gateways; taken: seen by a worker's role */
    uint64_t binary_down_sent, binary_down_taken, binary_down_lost; /* gateways to clients */
    uint64_t trace;                                                 /* hash of everything that happened so far */
};
const struct sim_numbers *sim_numbers(void);
/* Frames on their way now. */
size_t sim_in_flight(void);
/* Adds to the trace: what an application saw belongs to it. */
void sim_trace(uint64_t word);
/* Prints the trace, a line per event, to `file` (FILE *), from now on; NULL: no more. */
void sim_trace_to(void *file);

/* ---- for the crypto seam (seam.c) ---- */

/* Marks the slot that a data packet was built in; what lies in no slot is ignored. */
void sim_mark_header(const uint8_t *packet);
bool sim_model(void);
enum sim_mutation sim_mutation(void);
void sim_random(struct slc_random *random);

#endif
