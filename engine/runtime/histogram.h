/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_HISTOGRAM_H
#define SLUICE_HISTOGRAM_H

#include "crypto/base/time.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A high-dynamic-range histogram of durations in nanoseconds: constant relative error, fixed memory, recording in a few
 * instructions. One writer; others read by merging it into a histogram of theirs. Plain memory: zeroed is empty.
 */

enum {
    SLC_HISTOGRAM_SUB_BITS = 7, /* 128 steps per power of two: error below 0.8 %  */
    SLC_HISTOGRAM_SUB = 1 << SLC_HISTOGRAM_SUB_BITS,
    SLC_HISTOGRAM_POWERS = 44 - SLC_HISTOGRAM_SUB_BITS, /* up to 2^44 ns, about 4.9 hours; beyond: clamped */
    SLC_HISTOGRAM_BUCKETS = (SLC_HISTOGRAM_POWERS + 1) * SLC_HISTOGRAM_SUB,
};

struct slc_histogram {
    uint64_t count;
    uint64_t min, max; /* exact but after _since(); meaningless when count is 0 */
    uint64_t sum;
    uint64_t bucket[SLC_HISTOGRAM_BUCKETS];
};

void slc_histogram_record(struct slc_histogram *h, uint64_t ns);
/* Adds `from`, which its writer may be writing to: what it records meanwhile is in it or not. */
void slc_histogram_merge(struct slc_histogram *into, const struct slc_histogram *from);
/* Leaves in `h` what it recorded since it was as in `before`; min and max are then those of its buckets. */
void slc_histogram_since(struct slc_histogram *h, const struct slc_histogram *before);
/* The value at or below which `share` (0 .. 1) of the records lie, within the relative error; 0 when empty. */
uint64_t slc_histogram_at(const struct slc_histogram *h, double share);
double slc_histogram_mean(const struct slc_histogram *h);
/* Walks non-empty buckets: highest value and count of bucket i or the next non-empty one; false at the end. */
bool slc_histogram_next(const struct slc_histogram *h, size_t *i, uint64_t *value, uint64_t *count);

#endif
