/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/look_ahead.h"

#define WINDOW (100 * SLC_MILLISECOND)
/* Packets a second that cost nothing worth saving even one by one; and that want batches as large as they can be. */
#define FEW  500.0
#define MANY 2500.0
enum {
    SMOOTHING = 4,  /* windows */
    FORGETTING = 32 /* windows in which what lateness taught fades by a factor of e */
};

void slc_look_ahead_start(struct slc_look_ahead *look, slc_time min, slc_time max)
{
    *look = (struct slc_look_ahead){.value = max, .min = min, .max = max, .least = min};
}

static slc_time wanted(const struct slc_look_ahead *look)
{
    double share = (look->per_second - FEW) / (MANY - FEW);
    if (share <= 0) return look->min;
    if (share >= 1) return look->max;
    return look->min + (slc_time)(share * (double)(look->max - look->min));
}

static void close_window(struct slc_look_ahead *look, slc_time now)
{
    double windows = (double)(now - look->window) / (double)WINDOW;
    double rate = (double)look->packets * (double)SLC_SECOND / (double)(now - look->window);
    double weight = windows < SMOOTHING ? windows / SMOOTHING : 1;
    look->per_second += (rate - look->per_second) * weight;
    double fading = windows < FORGETTING ? windows / FORGETTING : 1;
    look->least -= (slc_time)(fading * (double)(look->least - look->min));
    look->packets = 0;
    look->window = now;
}

void slc_look_ahead_turn(struct slc_look_ahead *look, uint64_t packets, bool late, slc_time now)
{
    look->packets += packets;
    if (late && !look->late) {
        /* Once a window: one stall makes many slots late. */
        look->least = look->value > look->max / 2 ? look->max : 2 * look->value;
        look->late = true;
        if (look->value < look->least) look->value = look->least;
    }
    if (look->window == 0) look->window = now;
    if (now - look->window < WINDOW) return;
    close_window(look, now);
    look->late = false;
    look->value = wanted(look);
    if (look->value < look->least) look->value = look->least;
}
