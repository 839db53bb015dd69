/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_REASSEMBLY_H
#define SLUICE_REASSEMBLY_H

#include "crypto/base/time.h"
#include "engine/message/message.h"

/*
 * Fragments to messages (docs/protocol/2-messages.md, section 8.8), bounded in sets and bytes so that a stranger cannot
 * fill memory. One owner. Single-fragment messages, the common case, pass through without a copy or an allocation;
 * others gather in buffers allocated when their first fragment comes.
 */

struct slc_reassembly_limits {
    size_t max_bytes;  /* memory of all unfinished sets together, overhead included; so also the longest message   */
    size_t max_sets;   /* unfinished sets; at either bound the set that was fed longest ago makes room             */
    size_t remembered; /* finished set ids kept to recognise late duplicates; a ring, the oldest is forgotten      */
    uint32_t sweeps;   /* for so many sweeps (trap 27); 0: until the ring is full                                  */
    slc_time timeout;  /* a set whose last fragment is this old is dropped; 30 min in the reference                */
};

struct slc_reassembly;
/*
 * Allocates under 256 bytes; grows with use up to the limits: at most 30 bytes for each remembered id, and a message
 * that becomes whole is held a second time until the next call. SLC_BAD_ARGUMENT, SLC_NO_MEMORY.
 */
SLC_MUST_CHECK enum slc_status slc_reassembly_new(struct slc_reassembly **r,
                                                  const struct slc_reassembly_limits *limits);
void slc_reassembly_free(struct slc_reassembly *r);

enum slc_reassembly_result {
    SLC_REASSEMBLY_WAITING,   /* kept; the message is not whole yet                               */
    SLC_REASSEMBLY_COMPLETE,  /* `message` is whole: padded content head to tail, unpadded length  */
    SLC_REASSEMBLY_DUPLICATE, /* fragment, or its whole message, was here before                  */
    SLC_REASSEMBLY_REFUSED,   /* contradicts its set (other total) or its neighbours (links that do not meet, a
                                 cycle: those sets are dropped), over a bound, or no memory        */
    SLC_REASSEMBLY_BROKEN,    /* the message became whole but has no padding marker; it is gone    */
    SLC_REASSEMBLY_RESULTS
};

/*
 * Takes one parsed fragment. On COMPLETE `*message` views the unpadded message; it is valid until the next call, may
 * point into fragment->payload, and its bytes may be changed. A COMPLETE or BROKEN message's set ids are remembered.
 * Memory is allocated for messages of more than one fragment, and while the ring of remembered ids still grows.
 */
enum slc_reassembly_result slc_reassembly_add(struct slc_reassembly *r, const struct slc_fragment *fragment,
                                              slc_time now, struct slc_bytes *message);
/* Another bound on bytes from now on; what is above it goes when the next fragment needs room. */
void slc_reassembly_allow(struct slc_reassembly *r, size_t max_bytes);
/* Drops the sets that were fed longest ago until at most so many bytes are held: the owner needs the memory elsewhere.
 */
void slc_reassembly_shrink(struct slc_reassembly *r, size_t bytes);
/*
 * Drops what is stale, and forgets ids that were remembered for long enough; call now and then (the reference: every
 * 10 s). Not while nothing can come: repeats of what came before a gap may come right after it. Returns how many sets
 * went.
 */
size_t slc_reassembly_sweep(struct slc_reassembly *r, slc_time now);
/* Unfinished sets and their bytes, as max_sets and max_bytes count them. */
void slc_reassembly_held(const struct slc_reassembly *r, size_t *sets, size_t *bytes);

/* What happened since slc_reassembly_new(), for the report. */
struct slc_reassembly_counts {
    uint64_t results[SLC_REASSEMBLY_RESULTS]; /* fragments, by what slc_reassembly_add() answered              */
    uint64_t evicted;                         /* unfinished sets that made room for others                     */
    uint64_t stale;                           /* unfinished sets that were swept                               */
};
struct slc_reassembly_counts slc_reassembly_counts(const struct slc_reassembly *r);

#endif
