/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/schedule.h"

void slc_schedule_start(struct slc_schedule *schedule, slc_time now, slc_time mean, struct slc_random *random)
{
    schedule->next = mean == 0 ? SLC_NEVER : now;
    if (mean != 0) slc_schedule_advance(schedule, mean, random);
}

void slc_schedule_stop(struct slc_schedule *schedule)
{
    schedule->next = SLC_NEVER;
}

void slc_schedule_advance(struct slc_schedule *schedule, slc_time mean, struct slc_random *random)
{
    schedule->next += slc_random_exponential(random, mean);
}

uint64_t slc_schedule_skip(struct slc_schedule *schedule, slc_time now, slc_time patience, slc_time mean,
                           struct slc_random *random)
{
    uint64_t skipped = 0;
    while (schedule->next < now && now - schedule->next > patience) {
        slc_schedule_advance(schedule, mean, random);
        skipped++;
    }
    return skipped;
}

slc_time slc_schedule_round(slc_time deadline, slc_time look_ahead)
{
    slc_time grain = look_ahead / 2;
    if (grain == 0 || deadline > SLC_NEVER - grain) return deadline;
    return (deadline + grain - 1) / grain * grain;
}

slc_time slc_schedule_wake(slc_time slot, slc_time look_ahead)
{
    if (slot == SLC_NEVER) return SLC_NEVER;
    return slc_schedule_round(slot > look_ahead ? slot - look_ahead : 0, look_ahead);
}
