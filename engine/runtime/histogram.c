/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/runtime/histogram.h"

#include <math.h>

static size_t bucket_of(uint64_t ns)
{
    if (ns < SLC_HISTOGRAM_SUB) return (size_t)ns;
    unsigned power = 63u - (unsigned)__builtin_clzll(ns);
    unsigned shift = power - SLC_HISTOGRAM_SUB_BITS;
    size_t sub = (size_t)(ns >> shift) - SLC_HISTOGRAM_SUB;
    size_t bucket = (size_t)(shift + 1) * SLC_HISTOGRAM_SUB + sub;
    return bucket < SLC_HISTOGRAM_BUCKETS ? bucket : SLC_HISTOGRAM_BUCKETS - 1;
}

static uint64_t highest_in(size_t bucket)
{
    if (bucket < SLC_HISTOGRAM_SUB) return bucket;
    unsigned shift = (unsigned)(bucket / SLC_HISTOGRAM_SUB) - 1;
    uint64_t low = ((uint64_t)(bucket % SLC_HISTOGRAM_SUB) + SLC_HISTOGRAM_SUB) << shift;
    return low + ((UINT64_C(1) << shift) - 1);
}

void slc_histogram_record(struct slc_histogram *h, uint64_t ns)
{
    if (h->count == 0 || ns < h->min) h->min = ns;
    if (h->count == 0 || ns > h->max) h->max = ns;
    h->count++;
    h->sum += (double)ns;
    h->bucket[bucket_of(ns)]++;
}

void slc_histogram_merge(struct slc_histogram *into, const struct slc_histogram *from)
{
    if (from->count == 0) return;
    if (into->count == 0 || from->min < into->min) into->min = from->min;
    if (into->count == 0 || from->max > into->max) into->max = from->max;
    into->count += from->count;
    into->sum += from->sum;
    for (size_t i = 0; i < SLC_HISTOGRAM_BUCKETS; i++) {
        into->bucket[i] += from->bucket[i];
    }
}

uint64_t slc_histogram_at(const struct slc_histogram *h, double share)
{
    if (h->count == 0) return 0;
    if (share >= 1.0) return h->max;
    uint64_t wanted = (uint64_t)ceil(share * (double)h->count);
    if (wanted == 0) wanted = 1;
    uint64_t seen = 0;
    for (size_t i = 0; i < SLC_HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= wanted) {
            uint64_t value = highest_in(i);
            return value < h->max ? value : h->max;
        }
    }
    return h->max;
}

double slc_histogram_mean(const struct slc_histogram *h)
{
    return h->count == 0 ? 0 : h->sum / (double)h->count;
}

bool slc_histogram_next(const struct slc_histogram *h, size_t *i, uint64_t *value, uint64_t *count)
{
    for (; *i < SLC_HISTOGRAM_BUCKETS; (*i)++) {
        if (h->bucket[*i] != 0) {
            *value = highest_in(*i);
            *count = h->bucket[*i];
            (*i)++;
            return true;
        }
    }
    return false;
}
