/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sphinx/sphinx_internal.h"

#include <stdlib.h>

#include "crypto/base/secret.h"

enum { ALIGNMENT = 64 };

/* Parts of one allocation, handed out in order; with no memory behind it, it only measures. */
struct arena {
    uint8_t *memory;
    size_t used;
};

static void *take(struct arena *arena, size_t count, size_t size)
{
    void *part = arena->memory != NULL ? arena->memory + arena->used : NULL;
    arena->used += (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return part;
}

static void lay_out(struct slc_sphinx_scratch *s, struct arena *arena, size_t batch)
{
    size_t slots = batch < SLC_OPEN_TILE ? batch : SLC_OPEN_TILE;
    s->header = take(arena, batch, sizeof *s->header);
    s->payload = take(arena, batch, sizeof *s->payload);
    s->curve_job = take(arena, batch, sizeof *s->curve_job);
    s->scalar = take(arena, batch, sizeof *s->scalar);
    s->secret = take(arena, batch, sizeof *s->secret);
    s->hop_keys = take(arena, batch, sizeof *s->hop_keys);
    s->explicit_key = take(arena, batch, sizeof *s->explicit_key);
    s->curve = take(arena, slc_curve_scratch_bytes(batch), 1);
    s->expanded = take(arena, SLC_HEADER_TILE, sizeof *s->expanded);
    s->keystream = take(arena, SLC_HEADER_TILE, sizeof *s->keystream);
    s->payload_key = take(arena, SLC_PAYLOAD_TILE * SLC_MAX_HOPS, sizeof *s->payload_key);
    s->slot = take(arena, slots, sizeof *s->slot);
    s->alpha_tables = take(arena, slc_own_table_bytes(slots), 1);
}

enum slc_status slc_sphinx_scratch_new(struct slc_sphinx_scratch **scratch, size_t batch)
{
    enum { BATCH_MAX = 1 << 24 }; /* keeps the sizes below far from overflow */
    *scratch = NULL;
    if (batch < 1 || batch > BATCH_MAX) return SLC_BAD_ARGUMENT;

    struct slc_sphinx_scratch measured = {0};
    struct arena arena = {0};
    (void)take(&arena, 1, sizeof measured);
    lay_out(&measured, &arena, batch);

    size_t bytes = arena.used;
    struct slc_sphinx_scratch *s = aligned_alloc(ALIGNMENT, bytes);
    if (s == NULL) return SLC_NO_MEMORY;
    arena = (struct arena){(uint8_t *)s, 0};
    (void)take(&arena, 1, sizeof *s);
    lay_out(s, &arena, batch);
    s->batch = batch;
    s->bytes = bytes;
    s->explicit_used = false;
    *scratch = s;
    return SLC_OK;
}

void slc_sphinx_scratch_free(struct slc_sphinx_scratch *scratch)
{
    if (scratch == NULL) return;
    slc_wipe(scratch, scratch->bytes);
    free(scratch);
}

void slc_sphinx_scratch_wipe(struct slc_sphinx_scratch *s, size_t count)
{
    size_t tile = count < SLC_HEADER_TILE ? count : SLC_HEADER_TILE;
    size_t payload_tile = count < SLC_PAYLOAD_TILE ? count : SLC_PAYLOAD_TILE;
    slc_wipe(s->scalar, count * sizeof *s->scalar);
    slc_wipe(s->secret, count * sizeof *s->secret);
    slc_wipe(s->hop_keys, count * sizeof *s->hop_keys);
    slc_wipe(s->expanded, tile * sizeof *s->expanded);
    slc_wipe(s->keystream, tile * sizeof *s->keystream);
    slc_wipe(s->payload_key, payload_tile * SLC_MAX_HOPS * sizeof *s->payload_key);
    if (s->explicit_used) {
        slc_wipe(s->explicit_key, count * sizeof *s->explicit_key);
        s->explicit_used = false;
    }
}
