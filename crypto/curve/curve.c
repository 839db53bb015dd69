/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/curve/curve.h"

#include "crypto/base/secret.h"
#include "crypto/curve/curve_internal.h"

#include <pthread.h>
#include <string.h>

static const struct curve_backend *backend(void)
{
    static const struct curve_backend *const of_level[SLC_CPU_COUNT] = {
        [SLC_CPU_PORTABLE] = &slc_curve_portable,
#ifdef SLC_CPU_X86
        [SLC_CPU_AVX2] = &slc_curve_avx2,
        [SLC_CPU_AVX512F] = &slc_curve_avx512,
        [SLC_CPU_IFMA] = &slc_curve_ifma,
#endif
    };
    return of_level[slc_cpu()];
}

/* Jobs of one table. `next` is where the table's next job goes in the order. */
struct group {
    const struct slc_curve_table *table;
    uint32_t count;
    uint32_t next;
};

enum { NO_GROUP = 0 }; /* slots hold a group's index plus one */

/* The scratch of n jobs: vectors' quotients first, for alignment, then what grouping needs. */
struct layout {
    size_t slots; /* of a hash table from tables to groups; a power of two, at least twice n */
    size_t groups_at, slots_at, group_of_at, order_at, bytes;
};

static struct layout layout_of(size_t n)
{
    struct layout l = {.slots = 2};
    while (l.slots < 2 * n) {
        l.slots *= 2;
    }
    l.groups_at = (n < CURVE_CHUNK ? n : CURVE_CHUNK) * CURVE_QUOTIENT_BYTES;
    l.slots_at = l.groups_at + n * sizeof(struct group);
    l.group_of_at = l.slots_at + l.slots * sizeof(uint32_t);
    l.order_at = l.group_of_at + n * sizeof(uint32_t);
    l.bytes = (l.order_at + n * sizeof(uint32_t) + 63) / 64 * 64;
    return l;
}

size_t slc_curve_scratch_bytes(size_t n)
{
    return layout_of(n).bytes;
}

static size_t slot_of(const struct slc_curve_table *table, size_t slots)
{
    return (size_t)(((uint64_t)(uintptr_t)table * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (slots - 1);
}

/*
 * Counting sort by table: `order` lists the jobs table by table, each table's in their given order. Groups come in the
 * order in which their tables first appear. Returns how many there are.
 */
static size_t group_jobs(const struct slc_curve_job *jobs, size_t n, struct group *groups, uint32_t *slots,
                         size_t slot_count, uint32_t *group_of, uint32_t *order)
{
    size_t count = 0;
    memset(slots, NO_GROUP, slot_count * sizeof *slots);
    for (size_t i = 0; i < n; i++) {
        size_t at = slot_of(jobs[i].table, slot_count);
        while (slots[at] != NO_GROUP && groups[slots[at] - 1].table != jobs[i].table) {
            at = (at + 1) & (slot_count - 1);
        }
        if (slots[at] == NO_GROUP) {
            groups[count++] = (struct group){jobs[i].table, 0, 0};
            slots[at] = (uint32_t)count;
        }
        group_of[i] = slots[at] - 1;
        groups[group_of[i]].count++;
    }
    uint32_t first = 0;
    for (size_t g = 0; g < count; g++) {
        groups[g].next = first;
        first += groups[g].count;
    }
    for (size_t i = 0; i < n; i++) {
        order[groups[group_of[i]].next++] = (uint32_t)i;
    }
    return count;
}

void slc_curve_multiply(const struct slc_curve_job *jobs, size_t n, void *scratch)
{
    if (n == 0) return;
    const struct curve_backend *b = backend();
    struct layout l = layout_of(n);
    unsigned char *memory = scratch;
    struct group *groups = (void *)(memory + l.groups_at);
    uint32_t *order = (void *)(memory + l.order_at);
    size_t group_count =
        group_jobs(jobs, n, groups, (void *)(memory + l.slots_at), l.slots, (void *)(memory + l.group_of_at), order);

    struct comb_vector vectors[CURVE_CHUNK];
    size_t count = 0;
    uint32_t first = 0;
    for (size_t g = 0; g < group_count; g++) {
        for (uint32_t left = groups[g].count; left > 0;) {
            uint32_t lanes = left < b->lanes ? left : b->lanes;
            vectors[count++] = (struct comb_vector){groups[g].table, first, lanes};
            first += lanes;
            left -= lanes;
            if (count == CURVE_CHUNK) {
                b->multiply(vectors, count, jobs, order, scratch);
                count = 0;
            }
        }
    }
    if (count > 0) b->multiply(vectors, count, jobs, order, scratch);
    slc_wipe(scratch, l.groups_at);
}

void slc_ladder(const struct slc_ladder_job *jobs, size_t n)
{
    /* One lane is faster than a vector with one lane in use: its inversion waits less. */
    const struct curve_backend *b = n > 1 ? backend() : &slc_curve_portable;
    alignas(64) unsigned char work[LADDER_CHUNK * CURVE_QUOTIENT_BYTES];
    for (size_t at = 0; at < n;) {
        size_t part = n - at < (size_t)LADDER_CHUNK * b->lanes ? n - at : (size_t)LADDER_CHUNK * b->lanes;
        b->ladder(jobs + at, part, work);
        at += part;
    }
    slc_wipe(work, sizeof work);
}

size_t slc_own_table_bytes(size_t n)
{
    return (n + CURVE_LANES_MAX - 1) / CURVE_LANES_MAX * CURVE_LANES_MAX * CURVE_OWN_BYTES;
}

void slc_own_tables(const uint8_t *const *point, size_t n, void *tables)
{
    (n > 1 ? backend() : &slc_curve_portable)->own_tables(point, n, tables);
}

void slc_own_multiply(const struct slc_own_job *jobs, size_t n, const void *tables)
{
    const struct curve_backend *b = n > 1 ? backend() : &slc_curve_portable; /* as in slc_ladder() */
    alignas(64) unsigned char work[LADDER_CHUNK * CURVE_QUOTIENT_BYTES];
    for (size_t at = 0; at < n;) {
        size_t part = n - at < (size_t)LADDER_CHUNK * b->lanes ? n - at : (size_t)LADDER_CHUNK * b->lanes;
        b->own_multiply(jobs + at, part, (const unsigned char *)tables + at * CURVE_OWN_BYTES, work);
        at += part;
    }
    slc_wipe(work, sizeof work);
}

static struct slc_curve_table base_table;
static pthread_once_t base_once = PTHREAD_ONCE_INIT;

static void fill_base(void)
{
    static const uint8_t base_point[SLC_KEY_BYTES] = {9};
    (void)!slc_curve_table_fill(&base_table, base_point);
}

const struct slc_curve_table *slc_curve_base(void)
{
    (void)pthread_once(&base_once, fill_base);
    return &base_table;
}

void slc_public_key(uint8_t public_key[SLC_KEY_BYTES], const uint8_t secret[SLC_KEY_BYTES])
{
    struct slc_scalar scalar;
    slc_scalar_start(&scalar, secret);
    struct comb_vector vector = {slc_curve_base(), 0, 1};
    struct slc_curve_job job = {vector.table, &scalar, public_key};
    const uint32_t order[1] = {0};
    alignas(64) unsigned char work[CURVE_QUOTIENT_BYTES];
    slc_curve_portable.multiply(&vector, 1, &job, order, work);
    slc_wipe(work, sizeof work);
    slc_wipe(&scalar, sizeof scalar);
}
