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
    size_t max_bytes;  /* of all unfinished messages together; beyond it the oldest set goes          */
    size_t max_sets;   /* unfinished sets                                                             */
    size_t remembered; /* set ids kept to recognise late duplicates; a ring, the oldest is forgotten   */
    slc_time timeout;  /* a set whose last fragment is older is dropped; 30 min in the reference      */
};

struct slc_reassembly;
/* Allocates little; grows with use up to the limits. */
SLC_MUST_CHECK enum slc_status slc_reassembly_new(struct slc_reassembly **r,
                                                  const struct slc_reassembly_limits *limits);
void slc_reassembly_free(struct slc_reassembly *r);

enum slc_reassembly_result {
    SLC_REASSEMBLY_WAITING,   /* kept; the message is not whole yet                               */
    SLC_REASSEMBLY_COMPLETE,  /* `message` is whole: padded content head to tail, unpadded length  */
    SLC_REASSEMBLY_DUPLICATE, /* fragment, or its whole message, was here before                  */
    SLC_REASSEMBLY_REFUSED,   /* contradicts its set (other total), a link cycle, or over a bound  */
    SLC_REASSEMBLY_BROKEN,    /* the message became whole but has no padding marker; it is gone    */
};

/*
 * Takes one parsed fragment. On COMPLETE `*message` views the unpadded message; it is valid until the next call, may
 * point into fragment->payload, and its bytes may be changed. Counts are kept for the report.
 */
enum slc_reassembly_result slc_reassembly_add(struct slc_reassembly *r, const struct slc_fragment *fragment,
                                              slc_time now, struct slc_bytes *message);
/* Drops what is stale; call now and then. Returns how many sets went. */
size_t slc_reassembly_sweep(struct slc_reassembly *r, slc_time now);
/* Unfinished sets and their bytes. */
void slc_reassembly_held(const struct slc_reassembly *r, size_t *sets, size_t *bytes);

#endif
