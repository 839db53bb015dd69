/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/runtime/ring.h"

#include <stdlib.h>
#include <string.h>

enum slc_status slc_ring_init(struct slc_ring *ring, size_t element_bytes, size_t capacity)
{
    size_t size = 1;
    while (size < capacity) {
        size *= 2;
    }
    memset(ring, 0, sizeof *ring);
    if (element_bytes == 0 || element_bytes > UINT32_MAX || size > UINT32_MAX / 2) return SLC_BAD_ARGUMENT;
    size_t bytes = (size * element_bytes + 63) & ~(size_t)63;
    ring->elements = aligned_alloc(64, bytes);
    if (ring->elements == NULL) return SLC_NO_MEMORY;
    ring->mask = (uint32_t)(size - 1);
    ring->element_bytes = (uint32_t)element_bytes;
    return SLC_OK;
}

void slc_ring_free(struct slc_ring *ring)
{
    free(ring->elements);
    memset(ring, 0, sizeof *ring);
}

/* A batch lies in the ring in at most two pieces: up to the end of the memory, and from its start. */
static void copy_in(struct slc_ring *ring, uint32_t at, const uint8_t *from, size_t n)
{
    size_t first = ring->mask + 1 - (at & ring->mask);
    if (first > n) first = n;
    memcpy(ring->elements + (size_t)(at & ring->mask) * ring->element_bytes, from, first * ring->element_bytes);
    memcpy(ring->elements, from + first * ring->element_bytes, (n - first) * ring->element_bytes);
}

static void copy_out(const struct slc_ring *ring, uint32_t at, uint8_t *to, size_t n)
{
    size_t first = ring->mask + 1 - (at & ring->mask);
    if (first > n) first = n;
    memcpy(to, ring->elements + (size_t)(at & ring->mask) * ring->element_bytes, first * ring->element_bytes);
    memcpy(to + first * ring->element_bytes, ring->elements, (n - first) * ring->element_bytes);
}

size_t slc_ring_room_spsc(struct slc_ring *ring)
{
    /* Pairs with the consumer's release of the tail: its reads are over before we write there again. */
    ring->tail_seen = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
    return (size_t)(ring->mask + 1) - (size_t)(ring->head - ring->tail_seen);
}

size_t slc_ring_push_spsc(struct slc_ring *ring, const void *elements, size_t n)
{
    size_t room = (size_t)(ring->mask + 1) - (size_t)(ring->head - ring->tail_seen);
    if (room < n) room = slc_ring_room_spsc(ring);
    if (n > room) n = room;
    if (n == 0) return 0;
    copy_in(ring, ring->head, elements, n);
    __atomic_store_n(&ring->head, ring->head + (uint32_t)n, __ATOMIC_RELEASE);
    uint32_t waiting = ring->head - ring->tail_seen;
    if (waiting > ring->high_water) __atomic_store_n(&ring->high_water, waiting, __ATOMIC_RELAXED);
    return n;
}

size_t slc_ring_waiting_spsc(struct slc_ring *ring)
{
    ring->head_seen = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
    return (size_t)(ring->head_seen - ring->tail);
}

size_t slc_ring_pop_spsc(struct slc_ring *ring, void *elements, size_t n)
{
    size_t waiting = (size_t)(ring->head_seen - ring->tail);
    if (waiting < n) waiting = slc_ring_waiting_spsc(ring);
    if (n > waiting) n = waiting;
    if (n == 0) return 0;
    copy_out(ring, ring->tail, elements, n);
    __atomic_store_n(&ring->tail, ring->tail + (uint32_t)n, __ATOMIC_RELEASE);
    return n;
}
