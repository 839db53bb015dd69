/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_REFRESH_H
#define SLUICE_REFRESH_H

#include "engine/traffic/traffic.h"
#include "net/directory/directory.h"

/*
 * The topology, asked for again and again (docs/protocol/4-client.md, section 10.8): when, of whom, and what a failure
 * means is the policy, which is pure; the asking blocks and has a thread of its own.
 */

/* ---- the policy ---- */

enum {
    SLC_REFRESH_TOLERATED = 10, /* failures in a row that keep the old snapshot; the next one clears it     */
    SLC_REFRESH_INFO = 12,      /* request B goes with the first refresh and every 12th                     */
};

struct slc_refresh_policy {
    slc_time every; /* between the end of an attempt and the next                                             */
    bool fixed;     /* no refresh once there is a snapshot                                                    */
    bool have;      /* there is one, and it counts                                                            */
    size_t urls;    /* directories; after a failure the next one is asked                                     */
    size_t url;     /* whom to ask                                                                            */
    unsigned failures, successes; /* failures: in a row                                                       */
};
void slc_refresh_policy_init(struct slc_refresh_policy *policy, const struct slc_traffic *traffic, size_t urls,
                             bool have);
/* Whether the attempt that is due asks for the rotation info, too. */
bool slc_refresh_wants_info(const struct slc_refresh_policy *policy);
/*
 * How long to wait before the next attempt: `every` and up to a tenth more, so that many programs do not ask in step;
 * while there never was a snapshot a second, then twice as long each time, up to `every`. SLC_NEVER: no more.
 */
slc_time slc_refresh_wait(const struct slc_refresh_policy *policy, struct slc_random *random);
/* An attempt ended. True: the old snapshot does not count any more, nothing can be built until one succeeds. */
bool slc_refresh_attempted(struct slc_refresh_policy *policy, bool succeeded);

/* ---- the thread ---- */

struct slc_refresh_config {
    const char *const *urls;           /* base URLs of nym-apis; copied                          */
    size_t url_count;                  /* >= 1                                                   */
    const struct slc_traffic *traffic; /* intervals, thresholds                        */
    bool have;                         /* a snapshot was fetched already: wait first   */
    unsigned attempt_ms;               /* limit of one attempt; 0: 30 s                */
    void (*wake)(void *self);          /* called on the thread when there is a result  */
    void *self;
};

struct slc_refresh_result {
    enum slc_status status;        /* of the attempt                                                           */
    struct slc_topology *topology; /* the caller's to release; NULL: none                                      */
    struct slc_rotation_info info;
    bool has_info;
    bool cleared;      /* the failures were too many: the old snapshot does not count any more                    */
    unsigned failures; /* in a row                                                                                */
    struct slc_error error;
};

struct slc_refresh;
/* slc_directory_start() was called before. SLC_NO_MEMORY, SLC_IO (no thread), SLC_BAD_ARGUMENT (no URL). */
SLC_MUST_CHECK enum slc_status slc_refresh_start(struct slc_refresh **refresh, const struct slc_refresh_config *config,
                                                 struct slc_error *error);
/* What came since the last call, the newest; false: nothing. Any one thread; never blocks for long. */
bool slc_refresh_take(struct slc_refresh *refresh, struct slc_refresh_result *result);
/* Asks again at once. */
void slc_refresh_now(struct slc_refresh *refresh);
/* Ends the thread; an attempt under way is given up within a second. Takes NULL. */
void slc_refresh_stop(struct slc_refresh *refresh);

#endif
