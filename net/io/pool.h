/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_POOL_H
#define SLUICE_POOL_H

#include "crypto/base/bytes.h"
#include "crypto/base/error.h"

/*
 * Fixed-size slots, allocated at start: what the packet path uses in place of malloc(). A pool belongs to one thread;
 * slots that travel to other threads come home by ring.
 */

struct slc_pool {
    uint8_t *memory; /* `count` slots of `slot_bytes`, 64-byte aligned; one mapping, so untouched slots cost nothing */
    void *free_list;
    size_t slot_bytes;
    size_t count;
    size_t taken;
    size_t high_water; /* most slots ever taken at once */
};

/* slot_bytes is rounded up to a multiple of 64. SLC_NO_MEMORY. */
SLC_MUST_CHECK enum slc_status slc_pool_init(struct slc_pool *pool, size_t slot_bytes, size_t count);
/* Frees the memory, whoever still holds slots. */
void slc_pool_free(struct slc_pool *pool);
/* A slot with undefined content, or NULL when all are taken: backpressure, not an error. Owner's thread. */
void *slc_pool_take(struct slc_pool *pool);
/* Gives a slot back; `slot` must be one of this pool's, taken. Owner's thread. */
void slc_pool_give(struct slc_pool *pool, void *slot);

#endif
