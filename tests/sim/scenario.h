/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_SCENARIO_H
#define SLUICE_SIM_SCENARIO_H

#include "engine/traffic/traffic.h"
#include "tests/sim/world.h"

/*
 * What a seed stands for: a network, its clients, what they say to each other, and what goes wrong. Every kind of fault
 * is drawn from a generator of its own, so leaving one out changes nothing of the others.
 */

/* X(NAME, "name on the command line", "what happens") */
#define SIM_FAULTS(X)                                                                                                  \
    X(LOSS, "loss", "packets are lost where they arrive at a node")                                                    \
    X(DUPLICATE, "duplicate", "packets arrive at a node twice")                                                        \
    X(REORDER, "reorder", "packets are held back, so that later ones overtake them")                                   \
    X(SLOW, "slow", "every packet to a node is late")                                                                  \
    X(PAUSE, "pause", "a node stands still; what came meanwhile waits")                                                \
    X(CUT, "cut", "connections of clients are reset, what is in flight is lost")                                       \
    X(HOLD, "hold", "nothing passes between a gateway and its clients for a while: a stall, or a partition")           \
    X(CRASH, "crash", "a gateway is gone for a while, and comes back with its registrations")                          \
    X(FORGET, "forget", "the same, and it comes back without them")                                                    \
    X(CLOCK, "clock", "the wall clock jumps")                                                                          \
    X(FREEZE, "freeze", "the engine, or the network's nodes, get no processor for a while")                            \
    X(TIGHT, "tight", "rings and slots between threads are few")                                                       \
    X(TCP, "tcp", "hops between nodes go over connections, which are cut")                                             \
    X(JITTER, "jitter", "links are slow and uneven")                                                                   \
    X(TWICE, "twice", "a gateway gives its clients everything twice")                                                  \
    X(NOACKS, "noacks", "a gateway keeps back the acks for its clients")                                               \
    X(ROTATE, "rotate", "epochs are short, and the nodes' keys rotate")                                                \
    X(DISK, "disk", "the clients' disk is slow, or stands still")                                                      \
    X(FULL, "full", "it is full")                                                                                      \
    X(KILL, "kill", "the clients' process dies, and another goes on with its storage")

enum sim_fault {
#define X(name, flag, text) SIM_##name,
    SIM_FAULTS(X)
#undef X
        SIM_FAULT_KINDS
};
const char *sim_fault_name(enum sim_fault fault);
/* -1: no such name. */
int sim_fault_find(const char *name, size_t len);

struct sim_action {
    slc_time at, duration;
    enum sim_fault kind;
    int node; /* index into the network's nodes; -1: all of its kind */
    double amount;
};

/* A message that a client will send. */
struct sim_plan {
    slc_time at;
    uint32_t from, to, len, surbs;
    bool anonymous;
    uint32_t replies; /* how many answers the recipient gives, if it can */
};

struct sim_options {
    uint64_t seed;
    uint32_t without; /* bit per fault kind */
    bool model;
    enum sim_mutation mutation;
    unsigned clients; /* benchmark: this many, default traffic, no faults; 0: all is drawn */
    double hours;
};

struct sim_scenario {
    struct sim_options options;
    unsigned clients, gateways, mixnodes, engine_workers, net_workers;
    unsigned silent; /* the last ones say nothing */
    struct slc_traffic traffic;
    slc_time grain, delay, jitter;
    slc_time active; /* from when all are ready */
    size_t small_slots, large_slots;
    uint32_t ring_entries;
    bool tcp_hops, frames_v8;
    bool storage;        /* clients keep what must survive   */
    slc_time disk_delay; /* of a transaction                 */
    size_t keeper_bytes; /* that may wait for it; 0: default */
    uint64_t epoch_seconds;
    uint32_t validity_epochs;
    slc_time refresh_lag;       /* how long after a new epoch clients learn of it */
    struct sim_action *actions; /* in order of time, from when all are ready */
    size_t action_count;
    struct sim_plan *plans; /* the same */
    size_t plan_count;
};

void sim_scenario_draw(struct sim_scenario *scenario, const struct sim_options *options);
void sim_scenario_free(struct sim_scenario *scenario);
bool sim_has(const struct sim_scenario *scenario, enum sim_fault fault);

#endif
