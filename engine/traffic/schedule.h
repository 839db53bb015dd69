/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SCHEDULE_H
#define SLUICE_SCHEDULE_H

#include <stdbool.h>

#include "crypto/base/random.h"
#include "crypto/base/time.h"

/*
 * A chain of Poisson slots, drawn ahead (docs/protocol/4-client.md, sections 3.1 and 4.1). Each slot's time follows
 * from the one before, never from "now", so that the times do not tell when, or how late, slots were filled. Plain
 * memory; one owner.
 */

struct slc_schedule {
    slc_time next; /* the slot that is to be filled next; SLC_NEVER: the stream is off */
};

/* The first slot is Exp(mean) after `now`; a mean of 0 turns the stream off. */
void slc_schedule_start(struct slc_schedule *schedule, slc_time now, slc_time mean, struct slc_random *random);
void slc_schedule_stop(struct slc_schedule *schedule);

/* Draws the slot after `next`. */
void slc_schedule_advance(struct slc_schedule *schedule, slc_time mean, struct slc_random *random);

/*
 * Gives up slots that are more than `patience` behind `now`: a stall does not become a burst of its own length
 * (trap 29). Returns how many went.
 */
uint64_t slc_schedule_skip(struct slc_schedule *schedule, slc_time now, slc_time patience, slc_time mean,
                           struct slc_random *random);

/*
 * When to fill the next slot: look_ahead before it, rounded up to a multiple of look_ahead / 2, so that many clients
 * fall due together; still at least look_ahead / 2 before it.
 */
slc_time slc_schedule_wake(slc_time slot, slc_time look_ahead);
/* The same grid for a deadline that may come late but not early. */
slc_time slc_schedule_round(slc_time deadline, slc_time look_ahead);

#endif
