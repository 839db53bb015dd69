/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_API_ENGINE_H
#define SLUICE_API_ENGINE_H

#include "sluice/status.h"

#include <stdbool.h>

/*
 * Opening and closing an engine, and waiting for it (rules for all functions: sluice/sluice.h).
 */

#ifdef __cplusplus
extern "C" {
#endif

/* An open engine; {0} is none. At most SLC_ENGINES_MAX at once in a process. */
struct slc_engine_id {
    uint64_t value;
};

enum { SLC_ENGINES_MAX = 64, SLC_CLIENTS_MAX = 1 << 18 };

/* As a timeout: without end. */
#define SLC_FOREVER UINT32_MAX

struct slc_open_options {
    size_t size;               /* sizeof(struct slc_open_options)                                                */
    const char *nym_api;       /* the network: "https://HOST/api"; several, asked in turn, have spaces between   */
    const char *topology_file; /* or a file that describes it, never read again; exactly one of the two          */
    const char *storage;       /* folder for identities, registrations, reply keys and SURBs; made when missing,
                                  0700, one process at a time. NULL: nothing is kept, no disk is touched         */
    const char *traffic;       /* how clients pace and cover: presets and options, with semicolons between, as in
                                  "fast; traffic.average_packet_delay=5ms" (sluice-traffic(7)). NULL: as the
                                  reference client                                                              */
    bool tls;                  /* to gateways by wss://; else ws://                                              */
    const char *ca_file;       /* with tls: trust these certificates instead of the system's                     */
    uint32_t workers;          /* threads for clients and cryptography; 0: one less than CPUs, at least 1        */
    uint32_t max_clients;      /* at once, at most SLC_CLIENTS_MAX; 0: 1024. Memory for them is taken at once    */
    uint32_t window_messages;  /* of one client, sent and not yet acked: with more slc_send() says SLC_AGAIN; 0: 256 */
    uint64_t window_bytes;     /* the same in bytes; one message is never too long for it; 0: 4 MiB              */
    uint32_t fetch_timeout_ms; /* for the first answer of the directory; 0: 30,000                               */
};

/*
 * Opens an engine and starts its threads. Blocks for the directory's answer and the folder. `error` (may be NULL) says
 * what was wrong, where, and what to do.
 *
 * SLC_BAD_ARGUMENT (no network or two, a traffic option that is none), SLC_FULL (SLC_ENGINES_MAX), SLC_NO_MEMORY;
 * the topology: SLC_NOT_FOUND, SLC_IO, SLC_TIMEOUT, SLC_REFUSED, SLC_MALFORMED, SLC_NO_ROUTE ...; the folder: SLC_IO,
 * SLC_DENIED, SLC_DUPLICATE (in use by another process), SLC_MALFORMED (damaged: the files are left as they are).
 * Any thread: it becomes the control thread.
 */
SLC_API SLC_MUST_CHECK enum slc_status slc_open(const struct slc_open_options *options, struct slc_engine_id *engine,
                                                struct slc_error *error);

/*
 * Begins the orderly end: no message is taken any more (SLC_CLOSED). Every message under way ends as an event, acked
 * or, when `timeout_ms` has passed, SLC_EVENT_UNDELIVERED with SLC_CLOSED; then comes SLC_EVENT_FINISHED, the last
 * event of all. The program goes on polling until it has seen it. Later calls change nothing.
 */
SLC_API enum slc_status slc_finish(struct slc_engine_id engine, uint32_t timeout_ms);

/* What a close left behind. */
struct slc_close_report {
    size_t size;              /* sizeof(struct slc_close_report)                                     */
    uint64_t unacked;         /* messages taken, neither acked nor reported as undelivered          */
    uint64_t unread;          /* messages received, not polled                              */
    uint64_t unreleased;      /* received and polled, not released: their views end here             */
    struct slc_error storage; /* SLC_OK: what has to be kept is in the folder; else what is lost */
};
/*
 * Ends the engine at once: threads are joined, what has to be kept is on disk, memory is given back. All its handles
 * are bad from here on. `report` (may be NULL) says what was not delivered; after SLC_EVENT_FINISHED no message is.
 * From inside a handler of slc_dispatch() the memory behind the handler's event lives until the handler returns.
 */
SLC_API enum slc_status slc_close(struct slc_engine_id engine, struct slc_close_report *report);

/* The next thread that makes a call for this engine becomes its control thread. */
SLC_API enum slc_status slc_hand_over(struct slc_engine_id engine);

/* ---- waiting ---- */

/*
 * Blocks until there may be something to poll, or slc_wake(), or `timeout_ms`. Returns SLC_OK in each case. May return
 * early.
 */
SLC_API enum slc_status slc_wait(struct slc_engine_id engine, uint32_t timeout_ms);
/*
 * Ends the slc_wait() under way, or the next one; makes slc_fd() readable. Any thread, and signal handlers; never
 * SLC_WRONG_THREAD.
 */
SLC_API enum slc_status slc_wake(struct slc_engine_id engine);
/*
 * `*fd`: an eventfd, readable when there may be something to poll: for poll(2), epoll(7) or io_uring(7), beside other
 * descriptors. A slc_poll() or slc_dispatch() that finds nothing makes it unreadable; nothing else does. Never read,
 * write or close it.
 */
SLC_API enum slc_status slc_fd(struct slc_engine_id engine, int *fd);

#ifdef __cplusplus
}
#endif

#endif
