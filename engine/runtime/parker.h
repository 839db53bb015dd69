/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PARKER_H
#define SLUICE_PARKER_H

#include "crypto/base/time.h"

#include <ck_ec.h>
#include <stdbool.h>

/*
 * Where one thread sleeps until others have something for it: an event count (ck_ec) over a futex. Take a ticket, look
 * once more whether there is work, park with the ticket: a wake in between is not lost.
 */

struct slc_parker {
    struct ck_ec32 count;
    bool spin; /* look a while before sleeping */
};

void slc_parker_init(struct slc_parker *parker, bool spin);
/* The parking thread, before its last look. */
uint32_t slc_parker_ticket(const struct slc_parker *parker);
/* Sleeps until a wake after the ticket, or `deadline` (SLC_NEVER: none); may return early. */
void slc_parker_park(struct slc_parker *parker, uint32_t ticket, slc_time deadline);
/* Any thread, and signal handlers; a system call only when somebody sleeps. */
void slc_parker_wake(struct slc_parker *parker);

#endif
