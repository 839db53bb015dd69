/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RING_H
#define SLUICE_RING_H

#include "crypto/base/error.h"

/*
 * A bounded ring between exactly one producer thread and one consumer thread: elements of one size, copied in and out
 * in batches. Lock-free; neither side ever waits for the other. What happens when it is full is each user's to
 * document.
 */

struct slc_ring {
    _Alignas(64) uint32_t head; /* producer's: elements ever pushed; read by the consumer  */
    uint32_t tail_seen;         /* producer's copy of tail                                 */
    _Alignas(64) uint32_t tail; /* consumer's: elements ever popped; read by the producer  */
    uint32_t head_seen;         /* consumer's copy of head                                 */
    _Alignas(64) uint8_t *elements;
    uint32_t mask;
    uint32_t element_bytes;
    uint32_t high_water; /* producer's: most elements seen waiting */
};

/* capacity is rounded up to a power of two. Allocates once. SLC_NO_MEMORY. */
SLC_MUST_CHECK enum slc_status slc_ring_init(struct slc_ring *ring, size_t element_bytes, size_t capacity);
void slc_ring_free(struct slc_ring *ring);

/* Producer thread: copies in up to `n` elements, in order; returns how many found room. */
size_t slc_ring_push_spsc(struct slc_ring *ring, const void *elements, size_t n);
/* Consumer thread: copies out up to `n` elements; returns how many there were. */
size_t slc_ring_pop_spsc(struct slc_ring *ring, void *elements, size_t n);
/* Consumer thread: whether anything waits. */
size_t slc_ring_waiting_spsc(struct slc_ring *ring);
/* Producer thread: free places. */
size_t slc_ring_room_spsc(struct slc_ring *ring);

#endif
