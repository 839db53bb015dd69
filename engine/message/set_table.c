/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/message/set_table_internal.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 16 };

static uint32_t home(const struct slc_set_table *table, uint32_t id)
{
    uint32_t hash = id ^ table->salt;
    hash = (hash ^ hash >> 16) * UINT32_C(0x7feb352d);
    hash = (hash ^ hash >> 15) * UINT32_C(0x846ca68b);
    return (hash ^ hash >> 16) & (table->capacity - 1);
}

/* The slot of `id`, or the free one where it would go. There is always a free slot. */
static struct slc_set_slot *find(const struct slc_set_table *table, uint32_t id)
{
    uint32_t at = home(table, id);
    while (table->slots[at].id != 0 && table->slots[at].id != id) {
        at = (at + 1) & (table->capacity - 1);
    }
    return &table->slots[at];
}

enum slc_status slc_set_table_reserve(struct slc_set_table *table)
{
    if (((uint64_t)table->used + 1) * 4 <= (uint64_t)table->capacity * 3) return SLC_OK;
    if (table->capacity > UINT32_MAX / 2) return SLC_NO_MEMORY;
    struct slc_set_table bigger = {
        .capacity = table->capacity == 0 ? FIRST_CAPACITY : table->capacity * 2,
        .salt = table->salt,
    };
    bigger.slots = calloc(bigger.capacity, sizeof *bigger.slots);
    if (bigger.slots == NULL) return SLC_NO_MEMORY;
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].id != 0) slc_set_table_put(&bigger, table->slots[i].id, table->slots[i].value);
    }
    free(table->slots);
    *table = bigger;
    return SLC_OK;
}

void slc_set_table_put(struct slc_set_table *table, uint32_t id, uint32_t value)
{
    struct slc_set_slot *slot = find(table, id);
    table->used += slot->id == 0;
    *slot = (struct slc_set_slot){id, value};
}

bool slc_set_table_get(const struct slc_set_table *table, uint32_t id, uint32_t *value)
{
    if (table->used == 0) return false;
    const struct slc_set_slot *slot = find(table, id);
    *value = slot->value;
    return slot->id != 0;
}

void slc_set_table_remove(struct slc_set_table *table, uint32_t id)
{
    if (table->used == 0) return;
    struct slc_set_slot *hole = find(table, id);
    if (hole->id == 0) return;
    /* Later ids of the same run move back into the hole, unless that is before their home: no tombstones. */
    uint32_t mask = table->capacity - 1;
    uint32_t free_at = (uint32_t)(hole - table->slots);
    for (uint32_t at = (free_at + 1) & mask; table->slots[at].id != 0; at = (at + 1) & mask) {
        uint32_t from_home = (at - home(table, table->slots[at].id)) & mask;
        if (from_home >= ((at - free_at) & mask)) {
            table->slots[free_at] = table->slots[at];
            free_at = at;
        }
    }
    table->slots[free_at].id = 0;
    table->used--;
}

void slc_set_table_free(struct slc_set_table *table)
{
    free(table->slots);
    *table = (struct slc_set_table){.salt = table->salt};
}
