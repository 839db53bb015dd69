/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CLIENT_REFRESH_H
#define SLUICE_CLIENT_REFRESH_H

#include "crypto/base/time.h"
#include "net/directory/directory.h"

/*
 * The topology, asked for again every few minutes on a thread of its own, since asking blocks. A failed attempt keeps
 * the old snapshot, as the published clients do (docs/protocol/4-client.md, section 10.6).
 */
struct slc_refresh;
/* slc_directory_start() was called before. `wake` is called on the thread when there is something to take. */
SLC_MUST_CHECK enum slc_status slc_refresh_start(struct slc_refresh **refresh, const char *nym_api, slc_time every,
                                                 void (*wake)(void *self), void *self, struct slc_error *error);
/*
 * SLC_OK: a newer snapshot, the caller's to release. SLC_AGAIN: nothing new. Else the last attempt's failure, told
 * once. Any one thread; never blocks for long.
 */
SLC_MUST_CHECK enum slc_status slc_refresh_take(struct slc_refresh *refresh, struct slc_topology **topology,
                                                struct slc_rotation_info *info, struct slc_error *error);
/* Ends the thread; waits for an attempt under way, at most its time limit. Takes NULL. */
void slc_refresh_stop(struct slc_refresh *refresh);

#endif
