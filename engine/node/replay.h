/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_REPLAY_H
#define SLUICE_REPLAY_H

#include "crypto/sphinx/sphinx.h"

/*
 * The replay filter: an exact set of the tags of packets seen (docs/protocol/6-network.md, section 1.6), without false
 * positives. Bounded: two generations of tags, of which the older is forgotten when the younger is full. One owner;
 * tags of all its nodes go together, as a tag depends on the node's key.
 */
struct slc_replay;

/* At least `remembered` of the latest tags are known; twice as many at most. Grows up to that by allocation. */
SLC_MUST_CHECK enum slc_status slc_replay_new(struct slc_replay **replay, size_t remembered);
void slc_replay_free(struct slc_replay *replay);
/* Test and set: true when the tag was there. */
bool slc_replay_seen(struct slc_replay *replay, const uint8_t tag[SLC_REPLAY_TAG_BYTES]);

#endif
