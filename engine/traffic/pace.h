/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PACE_H
#define SLUICE_PACE_H

#include "crypto/base/time.h"

/*
 * The adaptive sending delay (docs/protocol/4-client.md, section 3.3): slots come up to six times slower while the
 * gateway's connection does not take what it is given. Pure; one owner.
 *
 * `waiting` is how many frames were due and are not written to the connection: the reference's mix queue of 32.
 */

enum {
    SLC_PACE_QUEUE = 32, /* full */
    SLC_PACE_MARK = 10,  /* above it the queue presses */
    SLC_PACE_SLOWEST = 6,
};

struct slc_pace {
    slc_time changed; /* when the multiplier changed last, up or down */
    slc_time pressed; /* when the queue was above the mark last       */
    uint32_t multiplier;
};

void slc_pace_start(struct slc_pace *pace, slc_time now);
/* A look at the queue; returns by how much the multiplier changed: -1, 0 or 1. */
int slc_pace_look(struct slc_pace *pace, uint32_t waiting, slc_time now);

#endif
