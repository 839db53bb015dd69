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

/* Relaxed stores of the one writer cost what plain ones do, and let others read while it writes. */
static void put(uint64_t *place, uint64_t value)
{
    __atomic_store_n(place, value, __ATOMIC_RELAXED);
}

static uint64_t get(const uint64_t *place)
{
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

void slc_histogram_record(struct slc_histogram *h, uint64_t ns)
{
    if (h->count == 0 || ns < h->min) put(&h->min, ns);
    if (h->count == 0 || ns > h->max) put(&h->max, ns);
    put(&h->sum, h->sum + ns);
    size_t bucket = bucket_of(ns);
    put(&h->bucket[bucket], h->bucket[bucket] + 1);
    put(&h->count, h->count + 1);
}

void slc_histogram_merge(struct slc_histogram *into, const struct slc_histogram *from)
{
    uint64_t count = 0, min = get(&from->min), max = get(&from->max);
    if (get(&from->count) == 0) return;
    for (size_t i = 0; i < SLC_HISTOGRAM_BUCKETS; i++) {
        uint64_t n = get(&from->bucket[i]);
        into->bucket[i] += n;
        count += n;
    }
    if (into->count == 0 || min < into->min) into->min = min;
    if (into->count == 0 || max > into->max) into->max = max;
    into->count += count;
    into->sum += get(&from->sum);
}

void slc_histogram_since(struct slc_histogram *h, const struct slc_histogram *before)
{
    uint64_t count = 0, max = h->max;
    for (size_t i = 0; i < SLC_HISTOGRAM_BUCKETS; i++) {
        uint64_t n = h->bucket[i] -= before->bucket[i];
        if (n == 0) continue;
        if (count == 0) h->min = i > 0 ? highest_in(i - 1) + 1 : 0;
        h->max = highest_in(i) < max ? highest_in(i) : max;
        count += n;
    }
    h->count = count;
    h->sum -= before->sum;
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
    return h->count == 0 ? 0 : (double)h->sum / (double)h->count;
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
