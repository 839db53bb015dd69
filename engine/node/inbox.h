/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_INBOX_H
#define SLUICE_INBOX_H

#include "crypto/keys/keys.h"

/*
 * Payloads for clients that are not connected (docs/protocol/3-gateway.md, section 12.3), kept for registered and
 * unknown identities alike, so bounded per identity and in all. One owner.
 */
struct slc_inbox;

SLC_MUST_CHECK enum slc_status slc_inbox_new(struct slc_inbox **inbox, size_t per_client, size_t in_all);
void slc_inbox_free(struct slc_inbox *inbox);
/* Copies the payload; SLC_FULL when a bound is reached. */
SLC_MUST_CHECK enum slc_status slc_inbox_put(struct slc_inbox *inbox, const uint8_t identity[SLC_IDENTITY_BYTES],
                                             struct slc_bytes payload);
/* The oldest payload for `identity`, or false; stays valid until slc_inbox_drop_first(). */
bool slc_inbox_first(const struct slc_inbox *inbox, const uint8_t identity[SLC_IDENTITY_BYTES],
                     struct slc_bytes *payload);
void slc_inbox_drop_first(struct slc_inbox *inbox, const uint8_t identity[SLC_IDENTITY_BYTES]);
/* Forgets everything for `identity`. */
void slc_inbox_forget(struct slc_inbox *inbox, const uint8_t identity[SLC_IDENTITY_BYTES]);
size_t slc_inbox_count(const struct slc_inbox *inbox);

#endif
