/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_RUN_H
#define SLUICE_SIM_RUN_H

#include "engine/engine.h"
#include "engine/node/localnet.h"
#include "tests/sim/scenario.h"

/* A scenario from its first event to its last check. */

struct sim_result {
    bool passed;
    char invariant[400]; /* what was broken, and by what figures */
    slc_time at;         /* virtual, since the beginning         */
    uint64_t trace;      /* hash of all that happened            */
    uint64_t outcome;    /* hash of what applications saw, times left out */
    uint64_t messages, acked, expired, delivered, replies, died;
    uint64_t again;   /* deliveries of what an earlier life was given */
    uint64_t packets; /* data packets of clients on their first links */
    uint64_t events;
    slc_time virtual_time;
    double seconds; /* of processor, one thread */
};

/* trace: FILE * for a line per event, or NULL. False: an invariant was broken. */
bool sim_run(const struct sim_options *options, struct sim_result *result, void *trace);

#endif
