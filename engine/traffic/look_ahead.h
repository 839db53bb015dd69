/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LOOK_AHEAD_H
#define SLUICE_LOOK_AHEAD_H

#include <stdbool.h>

#include "crypto/base/time.h"

/*
 * How long before its time a slot is filled (docs/engine.md, "Time"). Long look-aheads make large batches, which cost
 * less a packet, and outlast a busy moment; short ones let a message leave sooner. When slots fall does not depend on
 * it. So: short while there is little to build, growing with the rate of packets, and at once, twofold, when a slot was
 * filled after its time; from that it comes down again over some seconds. Pure, and without a clock of its own, so that
 * a simulation repeats; one owner.
 */

struct slc_look_ahead {
    slc_time value; /* in force */
    slc_time min, max;
    slc_time least;    /* what lateness taught; never above max */
    slc_time window;   /* when the running one began; 0: at the first turn */
    uint64_t packets;  /* in it */
    double per_second; /* smoothed */
    bool late;         /* in it */
};

/* Starts with `max`. */
void slc_look_ahead_start(struct slc_look_ahead *look, slc_time min, slc_time max);
/* A turn of the owner's begins: `packets` were built, and slots filled late or not, since the last call. */
void slc_look_ahead_turn(struct slc_look_ahead *look, uint64_t packets, bool late, slc_time now);

#endif
