/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LOAD_ARRIVALS_H
#define SLUICE_LOAD_ARRIVALS_H

#include "crypto/base/random.h"
#include "crypto/base/time.h"

#include <stdbool.h>

/*
 * When which client has a message for whom: an open-loop schedule. It is drawn from a seed and nothing else, so no
 * answer and no delay can move it, and the same seed gives the same one again.
 *
 * Poisson: every client's messages form a Poisson stream of its own rate. The union of equal, independent Poisson
 * streams is one Poisson stream of the sum of the rates in which each message belongs to a client drawn uniformly; that
 * is what is drawn. Constant: each client has one period for all and a random phase.
 */
enum slc_arrivals_kind { SLC_ARRIVALS_POISSON, SLC_ARRIVALS_CONSTANT };

struct slc_arrival {
    slc_time at; /* from the schedule's start */
    uint32_t sender, recipient;
};

struct slc_arrivals {
    enum slc_arrivals_kind kind;
    uint32_t clients;
    double total_rate;
    struct slc_random random;
    slc_time last;     /* POISSON  */
    double fraction;   /* POISSON: what rounding left */
    uint64_t next;     /* CONSTANT: how many were given out   */
    struct slc_phase { /* CONSTANT: sorted by phase */
        double at;     /* nanoseconds */
        uint32_t client;
    } * phases;
};

/* total_rate in messages a second, all clients together; 0: none ever come. SLC_NO_MEMORY. */
SLC_MUST_CHECK enum slc_status slc_arrivals_init(struct slc_arrivals *arrivals, enum slc_arrivals_kind kind,
                                                 uint32_t clients, double total_rate, uint64_t seed);
void slc_arrivals_free(struct slc_arrivals *arrivals);

/* The next message in order of time; `at` is SLC_NEVER when none comes. A client alone writes to itself. */
struct slc_arrival slc_arrivals_next(struct slc_arrivals *arrivals);

/* A number of messages that `duration` does not exceed but with a probability below 1e-14. */
uint64_t slc_arrivals_bound(enum slc_arrivals_kind kind, uint32_t clients, double total_rate, slc_time duration);

#endif
