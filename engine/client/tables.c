/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

/*
 * Curve tables of recipients' encryption keys. A table costs many ladders, so a key must show that it comes back: a
 * small sketch counts appearances, and keys that share a cell wear each other out. Thousands of clients that each send
 * cover to themselves therefore build no tables; a few, or one frequent recipient, soon have theirs.
 */

enum {
    TABLES = 64,    /* about 64 KiB each at most, and only as many as are worth it */
    CELLS = 1024,   /* of the sketch */
    ADMITTED = 64,  /* appearances that earn a table */
    HASH_SALT = 17, /* nobody gains by crowding a cell: it costs the crowd its tables */
};

struct entry {
    uint8_t key[SLC_KEY_BYTES];
    struct slc_curve_table *table;
    uint64_t used;
};

struct cell {
    uint32_t hash;
    uint32_t count;
};

struct key_tables {
    struct entry entries[TABLES];
    size_t count;
    struct slc_index index;
    uint64_t turn; /* entries used in this turn are in somebody's batch */
    struct cell cells[CELLS];
};

enum slc_status slc_key_tables_new(struct key_tables **tables)
{
    *tables = calloc(1, sizeof **tables);
    if (*tables == NULL) return SLC_NO_MEMORY;
    enum slc_status status = slc_index_reserve(&(*tables)->index, TABLES);
    if (status != SLC_OK) free(*tables);
    return status;
}

void slc_key_tables_free(struct key_tables *tables)
{
    if (tables == NULL) return;
    for (size_t i = 0; i < tables->count; i++) {
        slc_curve_table_free(tables->entries[i].table);
    }
    slc_index_free(&tables->index);
    free(tables);
}

void slc_key_tables_turn(struct key_tables *tables)
{
    tables->turn++;
}

static bool earns_table(struct key_tables *tables, uint32_t hash)
{
    struct cell *cell = &tables->cells[hash % CELLS];
    if (cell->hash == hash) {
        if (++cell->count < ADMITTED) return false;
        cell->count = 0;
        return true;
    }
    if (cell->count > 0) {
        cell->count--;
    } else {
        *cell = (struct cell){hash, 1};
    }
    return false;
}

/* A free place, or the one used longest ago; NULL: all are in use by this very batch. */
static struct entry *make_room(struct key_tables *tables)
{
    if (tables->count < TABLES) return &tables->entries[tables->count++];
    struct entry *oldest = &tables->entries[0];
    for (size_t i = 1; i < TABLES; i++) {
        if (tables->entries[i].used < oldest->used) oldest = &tables->entries[i];
    }
    if (oldest->used == tables->turn) return NULL;
    slc_index_remove(&tables->index, slc_index_hash(HASH_SALT, oldest->key, SLC_KEY_BYTES),
                     (uint32_t)(oldest - tables->entries));
    slc_curve_table_free(oldest->table);
    return oldest;
}

const struct slc_curve_table *slc_key_table(struct key_tables *tables, const uint8_t key[SLC_KEY_BYTES])
{
    uint32_t hash = slc_index_hash(HASH_SALT, key, SLC_KEY_BYTES), cursor = 0, place;
    while ((place = slc_index_next(&tables->index, hash, &cursor)) != SLC_NO_PLACE) {
        struct entry *e = &tables->entries[place];
        if (memcmp(e->key, key, SLC_KEY_BYTES) != 0) continue;
        e->used = tables->turn;
        return e->table;
    }
    if (!earns_table(tables, hash)) return NULL;
    struct entry *e = make_room(tables);
    if (e == NULL) return NULL;
    memcpy(e->key, key, SLC_KEY_BYTES);
    e->used = tables->turn;
    /* A key that can have no table stays here as one without, so that it is not tried again and again. */
    enum slc_status status = slc_curve_table_new(&e->table, key);
    (void)status;
    slc_index_put(&tables->index, hash, (uint32_t)(e - tables->entries));
    return e->table;
}

size_t slc_key_tables_memory(const struct key_tables *tables)
{
    return sizeof *tables + tables->count * slc_curve_table_bytes() + slc_index_memory(&tables->index);
}
