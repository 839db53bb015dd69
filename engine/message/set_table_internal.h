/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SET_TABLE_INTERNAL_H
#define SLUICE_SET_TABLE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/base/error.h"

/*
 * What a reassembly buffer knows about a set id: an open-addressing table from ids to 32-bit values, empty until used.
 * Set ids come from strangers; the place of an id is salted, so that they cannot be chosen to meet in one place. The
 * salt never shows in a result. One owner.
 */

struct slc_set_slot {
    uint32_t id; /* 0: free; no set has that id */
    uint32_t value;
};

struct slc_set_table {
    struct slc_set_slot *slots; /* NULL until the first id */
    uint32_t capacity;          /* a power of two          */
    uint32_t used;
    uint32_t salt;
};

/* Room for one more id, so that the next slc_set_table_put() succeeds. SLC_NO_MEMORY. */
SLC_MUST_CHECK enum slc_status slc_set_table_reserve(struct slc_set_table *table);
/* Adds `id`, which must not be there yet, or changes its value. After a reserve. */
void slc_set_table_put(struct slc_set_table *table, uint32_t id, uint32_t value);
/* False when it is not there. */
bool slc_set_table_get(const struct slc_set_table *table, uint32_t id, uint32_t *value);
/* Removes `id` if it is there. */
void slc_set_table_remove(struct slc_set_table *table, uint32_t id);
void slc_set_table_free(struct slc_set_table *table);

#endif
