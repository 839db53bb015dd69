/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_WHEEL_H
#define SLUICE_WHEEL_H

#include "crypto/base/error.h"
#include "crypto/base/time.h"

/*
 * A hierarchical timing wheel: 1 ms finest, deadlines up to years ahead; arming and expiry cost O(1). One thread, or
 * the simulator's virtual time. An entry never fires early; it fires at the first slc_wheel_expire() whose `now` has
 * reached its deadline, earlier deadlines (in whole ms) first.
 */

struct slc_wheel;

struct slc_timer_entry {
    slc_time deadline;
    uint64_t token; /* the owner's; nothing is ever cancelled: the owner recognises stale tokens */
    uint32_t owner; /* which worker */
};

/* Room for `capacity` armed entries, allocated at once. `now` is the wheel's start. */
SLC_MUST_CHECK enum slc_status slc_wheel_new(struct slc_wheel **wheel, size_t capacity, slc_time now);
void slc_wheel_free(struct slc_wheel *wheel);
/* Makes room for as many entries again. SLC_NO_MEMORY: nothing changed. */
SLC_MUST_CHECK enum slc_status slc_wheel_grow(struct slc_wheel *wheel);
/* SLC_FULL when capacity entries are armed. A deadline in the past fires at the next expiry. */
SLC_MUST_CHECK enum slc_status slc_wheel_arm(struct slc_wheel *wheel, const struct slc_timer_entry *entry);
/* Moves up to `cap` expired entries to `out`; call again while it returns `cap`. */
size_t slc_wheel_expire(struct slc_wheel *wheel, slc_time now, struct slc_timer_entry *out, size_t cap);
/* When slc_wheel_expire() next has something; may be early when the next entry is far, never late; SLC_NEVER: empty. */
slc_time slc_wheel_next(const struct slc_wheel *wheel);
size_t slc_wheel_armed(const struct slc_wheel *wheel);

#endif
