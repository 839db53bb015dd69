/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/buffers.h"

#include <stdlib.h>
#include <string.h>

enum slc_status slc_buffers_init(struct slc_buffers *b, size_t bytes, size_t count)
{
    b->bytes = (bytes + 63) & ~(size_t)63;
    b->count = count;
    b->memory = aligned_alloc(64, b->bytes * count);
    if (b->memory == NULL) return SLC_NO_MEMORY;
    enum slc_status status = slc_ring_init(&b->home, sizeof(uint8_t *), count);
    for (size_t i = 0; i < count && status == SLC_OK; i++) {
        uint8_t *buffer = b->memory + i * b->bytes;
        (void)slc_ring_push_spsc(&b->home, &buffer, 1);
    }
    return status;
}

void slc_buffers_free(struct slc_buffers *b)
{
    slc_ring_free(&b->home);
    free(b->memory);
}

/* NULL only when there is no memory at all: what does not fit, or finds no buffer, is allocated. */
void *slc_buffers_take(struct slc_buffers *b, size_t bytes)
{
    uint8_t *buffer;
    if (bytes > b->bytes) return malloc(bytes);
    if (b->untouched != NULL) {
        void *taken = b->untouched;
        memcpy(&b->untouched, taken, sizeof b->untouched);
        return taken;
    }
    return slc_ring_pop_spsc(&b->home, &buffer, 1) == 1 ? buffer : malloc(bytes);
}

static bool is_slab(const struct slc_buffers *b, const void *buffer)
{
    const uint8_t *at = buffer;
    return at >= b->memory && at < b->memory + b->bytes * b->count;
}

/* The taking side changes its mind; the ring home has another producer. */
void slc_buffers_untake(struct slc_buffers *b, void *buffer)
{
    if (!is_slab(b, buffer)) {
        free(buffer);
        return;
    }
    memcpy(buffer, &b->untouched, sizeof b->untouched);
    b->untouched = buffer;
}

void slc_buffers_give(struct slc_buffers *b, void *buffer)
{
    if (is_slab(b, buffer)) {
        (void)slc_ring_push_spsc(&b->home, &buffer, 1);
    } else {
        free(buffer);
    }
}
