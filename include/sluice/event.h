/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_API_EVENT_H
#define SLUICE_API_EVENT_H

#include "sluice/client.h"
#include "sluice/message.h"

/*
 * What happened (rules for all functions: sluice/sluice.h). Two ways to learn it, both on the control thread:
 * slc_poll() hands out a batch, slc_dispatch() calls a function for each. A received message is not copied: its event
 * has a view of the engine's buffer, which is the program's until it releases it.
 */

#ifdef __cplusplus
extern "C" {
#endif

enum slc_event_kind {
    SLC_EVENT_MESSAGE = 1, /* a message came: data, len; tag when it can be answered                          */
    SLC_EVENT_SENT,        /* `token`: every part has left once; `at_ns`: when the first one did              */
    SLC_EVENT_ACKED,       /* `token`: it is whole at the recipient's gateway                                 */
    SLC_EVENT_UNDELIVERED, /* `token`: given up; `status` says why                                            */
    SLC_EVENT_ROOM,        /* after SLC_AGAIN: this client takes messages again                               */
    SLC_EVENT_READY,       /* the client is at its gateway; again after each LOST                             */
    SLC_EVENT_LOST,        /* it is not; it reconnects by itself; `status`, `text`                            */
    SLC_EVENT_FAILED,      /* the client gave up: `status`, `text`                                            */
    SLC_EVENT_WARNING,     /* the topology is not refreshed, the folder not written, ...: `status`, `text`     */
    SLC_EVENT_FINISHED,    /* of no client: what slc_finish() began is done; the last event                   */
};

struct slc_event {
    enum slc_event_kind kind;
    enum slc_status status;
    struct slc_client_id client; /* {0}: of no client                                                          */
    void *user;                  /* of its slc_client_options                                                  */
    uint64_t token;
    uint64_t at_ns;      /* CLOCK_MONOTONIC                                                                    */
    const uint8_t *data; /* MESSAGE: a view; NULL when len is 0                                                */
    size_t len;
    const char *text; /* words for `status`; never NULL                                                        */
    bool has_tag;     /* `tag` is its sender's: slc_reply() answers it                                         */
    bool is_reply;    /* it came through one of our SURBs                                                      */
    uint8_t tag[SLC_TAG_BYTES];
    uint64_t hold;        /* what slc_release() goes by; 0: nothing to release                                  */
    uint64_t reserved[4]; /* zero                                                                               */
};

/*
 * Takes up to `cap` events; `*n` is how many, 0 when there are none now. data and text live until slc_release() or
 * slc_close().
 */
SLC_API enum slc_status slc_poll(struct slc_engine_id engine, struct slc_event *events, size_t cap, size_t *n);
/*
 * Gives back what `n` polled events hold, in any order, once each; events that hold nothing may be among them.
 * SLC_BAD_HANDLE: one of them was released before, or is not of this engine; the others are released.
 */
SLC_API enum slc_status slc_release(struct slc_engine_id engine, const struct slc_event *events, size_t n);

/* Called for one event; its views end with the call. It may call any function of this library, slc_close() too. */
typedef void slc_handler(void *self, const struct slc_event *event);
/*
 * Calls `handler` with `self` for the events that are there now, at most `cap` (0: all of a batch of 256), and releases
 * each. `n` (may be NULL): how many. Ends early when the handler closes the engine: SLC_CLOSED.
 */
SLC_API enum slc_status slc_dispatch(struct slc_engine_id engine, slc_handler *handler, void *self, size_t cap,
                                     size_t *n);

/* "message", "sent", ... for logs; "unknown" for what is none. Any thread. */
SLC_API const char *slc_event_name(enum slc_event_kind kind);

#ifdef __cplusplus
}
#endif

#endif
