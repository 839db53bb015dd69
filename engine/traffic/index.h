/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INDEX_H
#define SLUICE_INDEX_H

#include "crypto/base/error.h"

/*
 * Where in an array of the owner's something stands: open addressing from a 32-bit hash to a place. Several places may
 * share a hash; the owner compares. The hash must be keyed, or made of bytes that no stranger chooses. One owner.
 */

#define SLC_NO_PLACE UINT32_MAX

struct slc_index_slot {
    uint32_t hash;
    uint32_t place; /* and one; 0: free */
};

/* All zero is an empty index that owns nothing. */
struct slc_index {
    struct slc_index_slot *slots;
    uint32_t capacity; /* 0 or a power of two; at most three quarters are in use */
    uint32_t used;
};

void slc_index_free(struct slc_index *index);
/* Makes sure that `entries` in all have room; allocates. SLC_NO_MEMORY: nothing changed. */
SLC_MUST_CHECK enum slc_status slc_index_reserve(struct slc_index *index, uint32_t entries);
/* Room was reserved. */
void slc_index_put(struct slc_index *index, uint32_t hash, uint32_t place);
/* The next place with this hash, or SLC_NO_PLACE; `*cursor` is 0 at the first call. */
uint32_t slc_index_next(const struct slc_index *index, uint32_t hash, uint32_t *cursor);
/* Forgets `place`, which is there. */
void slc_index_remove(struct slc_index *index, uint32_t hash, uint32_t place);
/* Bytes it owns. */
size_t slc_index_memory(const struct slc_index *index);

/* A keyed hash of bytes that strangers may choose: enough against crowding, no more. */
uint32_t slc_index_hash(uint64_t salt, const void *bytes, size_t len);

#endif
