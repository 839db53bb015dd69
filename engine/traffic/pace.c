/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/pace.h"

#define RISE_AFTER SLC_SECOND
#define FALL_AFTER (2 * SLC_SECOND)

void slc_pace_start(struct slc_pace *pace, slc_time now)
{
    *pace = (struct slc_pace){.changed = now, .pressed = now, .multiplier = 1};
}

int slc_pace_look(struct slc_pace *pace, uint32_t waiting, slc_time now)
{
    slc_time since = now - pace->changed;
    int change = 0;
    if (waiting > SLC_PACE_MARK) pace->pressed = now;
    if (waiting >= SLC_PACE_QUEUE) {
        if (since > RISE_AFTER && pace->multiplier < SLC_PACE_SLOWEST) change = 1;
    } else if (now - pace->pressed > FALL_AFTER && since > FALL_AFTER && pace->multiplier > 1) {
        change = -1;
    }
    if (change == 0) return 0;
    pace->multiplier = (uint32_t)((int)pace->multiplier + change);
    pace->changed = now;
    return change;
}
