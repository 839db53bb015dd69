/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BOUNDS_H
#define SLUICE_BOUNDS_H

/*
 * The bounds that each fe_ header states at its top, checked where arithmetic relies on them: with -DSLC_CHECK_BOUNDS
 * only, since a check is a branch on secrets. The tests `*_bounds` link the back ends compiled so, in every build.
 *
 * CHECK_BOUND(over)   `over`: a lane; anything but zero in it ends the program and names the place
 */

#ifdef SLC_CHECK_BOUNDS

#include <stdio.h>
#include <stdlib.h>

static __attribute__((noinline, cold, noreturn)) void bound_broken(const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: a limb is out of its bounds\n", file, line);
    abort();
}

#define CHECK_BOUND(over)                                                                                              \
    do {                                                                                                               \
        if (lane_any(over)) bound_broken(__FILE__, __LINE__);                                                          \
    } while (0)

/* Every limb of a field element; `x` names a limb inside `over`. */
#define CHECK_LIMBS(limbs, over)                                                                                       \
    do {                                                                                                               \
        for (int at_ = 0; at_ < FIELD_LIMBS; at_++) {                                                                  \
            __typeof__((limbs)[0]) x = (limbs)[at_];                                                                   \
            CHECK_BOUND(over);                                                                                         \
        }                                                                                                              \
    } while (0)

#else
#define CHECK_BOUND(over)        ((void)0)
#define CHECK_LIMBS(limbs, over) ((void)0)
#endif

#endif
