/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TIME_H
#define SLUICE_TIME_H

#include <stdint.h>

/*
 * Time is an argument. Logic is handed "now" and never reads a clock; only threads of the runtime and programs do.
 */

/* Nanoseconds of one monotonic clock; 0 is its start, SLC_NEVER a deadline that does not come. */
typedef uint64_t slc_time;

#define SLC_NEVER       UINT64_MAX
#define SLC_MICROSECOND UINT64_C(1000)
#define SLC_MILLISECOND UINT64_C(1000000)
#define SLC_SECOND      UINT64_C(1000000000)

#endif
