/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BUFFERS_H
#define SLUICE_BUFFERS_H

#include "engine/runtime/ring.h"

#include <stdbool.h>

/*
 * Equal buffers that travel between two threads without a lock: one side takes them, the other gives them home through
 * a ring. What does not fit in one, or finds none, is allocated, so taking fails only without memory.
 */

struct slc_buffers {
    uint8_t *memory;
    size_t bytes, count;  /* of one buffer, rounded; how many */
    struct slc_ring home; /* from the side that uses them to the side that takes them */
    void *untouched;      /* taken and not used; the taking side's; linked through their first bytes */
};

/* `count` buffers of `bytes` each, allocated at once. SLC_NO_MEMORY. */
SLC_MUST_CHECK enum slc_status slc_buffers_init(struct slc_buffers *b, size_t bytes, size_t count);
void slc_buffers_free(struct slc_buffers *b);
/* The taking side: room for `bytes`; NULL without memory. */
void *slc_buffers_take(struct slc_buffers *b, size_t bytes);
/* The taking side changes its mind. */
void slc_buffers_untake(struct slc_buffers *b, void *buffer);
/* The other side is done with it. */
void slc_buffers_give(struct slc_buffers *b, void *buffer);

#endif
