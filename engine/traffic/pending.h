/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PENDING_H
#define SLUICE_PENDING_H

#include <stdbool.h>

#include "crypto/base/time.h"
#include "engine/traffic/index.h"

/*
 * Fragments on their way: what an ack names, and when to stop waiting for it (docs/protocol/4-client.md, section 6).
 * Starts with no memory at all and doubles up to its bound; in between nothing is allocated. One owner.
 */

enum slc_pending_state {
    SLC_PENDING_FREE,
    SLC_PENDING_IDLE,    /* known, with no deadline: being built, or waiting for a slot or a SURB */
    SLC_PENDING_FLYING,  /* sent; the deadline runs                                                */
    SLC_PENDING_DROPPED, /* settled while its owner still has it in a queue; the owner frees it    */
};

struct slc_pending_entry {
    void *message;     /* the owner's */
    slc_time deadline; /* SLC_NEVER unless flying */
    uint32_t fragment; /* of the message */
    uint32_t set;      /* the fragment's name */
    uint32_t next;     /* the owner's, for queues; in the free list when free */
    uint32_t wait;     /* the owner's: how long it waited last */
    uint16_t attempts; /* times sent */
    uint8_t position;
    uint8_t state;  /* enum slc_pending_state */
    uint8_t queued; /* the owner's */
};

struct slc_pending_alarm {
    slc_time deadline;
    uint32_t place;
};

struct slc_pending {
    struct slc_pending_entry *entries;
    struct slc_pending_alarm *heap; /* alarms of settled entries stay until they surface or the heap is full */
    struct slc_index index;
    uint64_t salt;
    uint32_t capacity, max, used, free, heap_len;
};

/* max: most entries; salt: a secret of the client's. */
void slc_pending_init(struct slc_pending *pending, uint32_t max, uint64_t salt);
void slc_pending_free(struct slc_pending *pending);

/* A new idle entry; SLC_FULL, SLC_NO_MEMORY, SLC_DUPLICATE. Pointers to entries are void after it; places stay. */
SLC_MUST_CHECK enum slc_status slc_pending_add(struct slc_pending *pending, uint32_t set, uint8_t position,
                                               uint32_t *place);
/* SLC_NO_PLACE: no such fragment on its way. */
uint32_t slc_pending_find(const struct slc_pending *pending, uint32_t set, uint8_t position);
/* The ack can still come, but the entry's alarm is off (again). */
void slc_pending_idle(struct slc_pending *pending, uint32_t place);
/* Sent: `deadline` is when to send it again. */
void slc_pending_fly(struct slc_pending *pending, uint32_t place, slc_time deadline);
/* Settled: no ack finds it any more. `keep`: the place stays taken (DROPPED) until slc_pending_remove() again. */
void slc_pending_remove(struct slc_pending *pending, uint32_t place, bool keep);

/* The first deadline; SLC_NEVER: none. */
slc_time slc_pending_due(struct slc_pending *pending);
/* An entry whose deadline has come; it is idle then. */
bool slc_pending_expired(struct slc_pending *pending, slc_time now, uint32_t *place);

size_t slc_pending_memory(const struct slc_pending *pending);

#endif
