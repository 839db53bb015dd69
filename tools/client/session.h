/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CLIENT_SESSION_H
#define SLUICE_CLIENT_SESSION_H

#include "engine/engine.h"
#include "tools/client/commands.h"
#include "tools/common/traffic.h"

/*
 * One client on an engine of its own: network, identity and registration found, kept and refreshed. Control thread,
 * except slc_session_wake().
 */

struct slc_session_options {
    const char *nym_api; /* or NULL with `network`                                 */
    const char *network; /* a topology file; never refreshed                       */
    const char *gateway; /* base58; NULL: the one used last, else one by chance    */
    const char *home;    /* directory of a storage; NULL: a fresh one, not kept    */
    unsigned pacing;     /* 0 default, 1 fast, 2 none                              */
    bool no_cover;       /* no loop cover stream                                   */
    struct slc_traffic_words traffic;
    bool tls;             /* wss://                                                 */
    const char *ca_file;  /* NULL: the system's                                     */
    slc_time refresh;     /* between refreshes of the topology; 0: as the traffic says */
    uint64_t fetch_limit; /* ns for the first fetch                                 */
};

struct slc_session {
    struct slc_engine *engine;
    struct slc_storage *storage; /* NULL: nothing is kept */
    uint32_t client;
    struct slc_recipient self;
    char gateway[SLC_ADDRESS_TEXT_MAX]; /* where it listens, for people */
};

/*
 * Finds everything and starts connecting; SLC_CLIENT_READY follows among the events. Result: -1, or the exit code with
 * `error` filled. Close it in any case.
 */
int slc_session_open(struct slc_session *session, const struct slc_session_options *options, struct slc_error *error);
void slc_session_close(struct slc_session *session);

/* Sends a message; `token` comes back in events. SLC_AGAIN: later, the body stays the caller's in any case. */
SLC_MUST_CHECK enum slc_status slc_session_send(struct slc_session *session, const struct slc_command *command,
                                                const char *body, size_t len, uint64_t token);
/*
 * Waits up to `timeout` for events and takes up to `cap`; give each back with slc_engine_release(). Keeps the
 * topology up to date on the way; what fails in that, or in the storage, is a warning on standard error.
 */
size_t slc_session_events(struct slc_session *session, struct slc_engine_event *events, size_t cap, slc_time timeout);

/* Ends a wait. `self` is the session. Any thread, signal handlers. */
void slc_session_wake(void *self);

#endif
