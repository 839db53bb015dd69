/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_GATEWAY_CLIENT_H
#define SLUICE_GATEWAY_CLIENT_H

#include "crypto/base/time.h"
#include "crypto/keys/keys.h"
#include "crypto/seal/gcm_siv.h"
#include "net/gateway/control.h"

/*
 * A client's session with its gateway as a state machine: version negotiation, registration, authentication, bandwidth,
 * reconnection (docs/protocol/3-gateway.md, sections 3, 6, 7, 8, 10, 13). Text messages, deadlines and the state of
 * the connection in; text messages to send and events out. Binary frames do not pass through here: their owner seals
 * and opens them in batches (frame.h) with slc_gateway_client_key() while the session is ready.
 */

enum slc_gateway_event_kind {
    SLC_GATEWAY_CONNECT,    /* open a WebSocket to the gateway now, then call _opened() or _closed()             */
    SLC_GATEWAY_SEND,       /* send `text` as one text message                                                   */
    SLC_GATEWAY_REGISTERED, /* a shared key was agreed; store it if the identity is kept (slc_gateway_client_key) */
    SLC_GATEWAY_READY,      /* authenticated, bandwidth claimed: binary frames may flow                          */
    SLC_GATEWAY_LOST,       /* not ready (any more): `error` says why; after every attempt that failed, too      */
    SLC_GATEWAY_DISCONNECT, /* drop the connection; a SLC_GATEWAY_CONNECT follows when it is worth another try   */
    SLC_GATEWAY_FAILED,     /* given up: `error` says why and what to do; no further events                      */
    SLC_GATEWAY_LEFT,       /* slc_gateway_client_leave() is done: drop the connection; no further events         */
};

struct slc_gateway_event {
    enum slc_gateway_event_kind kind;
    struct slc_bytes text;         /* SLC_GATEWAY_SEND: in the writer handed to _next() */
    const struct slc_error *error; /* SLC_GATEWAY_FAILED, SLC_GATEWAY_LOST: inside the session */
};

enum { SLC_GATEWAY_TEXT_MAX = 2048 }; /* longest text message this client sends */

struct slc_gateway_client_config {
    const struct slc_client_keys *keys;  /* outlives the session                                        */
    uint8_t gateway[SLC_IDENTITY_BYTES]; /* identity from the topology                                  */
    const uint8_t *shared_key;           /* 32 bytes of an earlier registration, copied; NULL: register */
    uint64_t last_timestamp;             /* seconds used in the last authentication, 0 if unknown       */
    uint32_t attempts;                   /* reconnection attempts before giving up; 0: no limit         */
    slc_time answer_timeout;             /* wait for the answer to a control request; 0: 300 s          */
    struct slc_random *random;           /* of the owner's thread; outlives the session                 */
};

/* Plain memory, opaque; a few hundred bytes. */
struct slc_gateway_client;
size_t slc_gateway_client_bytes(void);

/* Starts in "wants to connect". */
void slc_gateway_client_init(struct slc_gateway_client *g, const struct slc_gateway_client_config *config,
                             slc_time now);
/* Wipes the shared key. */
void slc_gateway_client_drop(struct slc_gateway_client *g);

/*
 * What happened; each may make events. unix_now: wall clock in seconds, needed for authentication stamps only.
 * _closed() reports an end that the session did not ask for: a connection that failed to open, or was lost;
 * `reason`: words for a person, or NULL.
 */
void slc_gateway_client_opened(struct slc_gateway_client *g, slc_time now, uint64_t unix_now);
void slc_gateway_client_text(struct slc_gateway_client *g, struct slc_bytes text, slc_time now, uint64_t unix_now);
void slc_gateway_client_closed(struct slc_gateway_client *g, enum slc_status why, const char *reason, slc_time now);
void slc_gateway_client_tick(struct slc_gateway_client *g, slc_time now, uint64_t unix_now);
/*
 * The last thing: sends `farewell` (a forget-me or remember-me, section 9; NULL: nothing) and waits for its ack, 2 s at
 * most; at once where the session is not authenticated. SLC_GATEWAY_LEFT follows. Meanwhile frames may still arrive.
 */
void slc_gateway_client_leave(struct slc_gateway_client *g, const struct slc_control *farewell, slc_time now);
/* Counts bytes of packets sent, so that bandwidth is claimed before it runs out; look at _next() and _due() after it.
 */
void slc_gateway_client_sent(struct slc_gateway_client *g, size_t packet_bytes);

/* The next event; false: nothing to do until called again or due. `out` has SLC_GATEWAY_TEXT_MAX bytes of room. */
bool slc_gateway_client_next(struct slc_gateway_client *g, struct slc_gateway_event *event, struct slc_writer *out);
/* When to call _tick(); SLC_NEVER: not at all. */
slc_time slc_gateway_client_due(const struct slc_gateway_client *g);

bool slc_gateway_client_ready(const struct slc_gateway_client *g);
/* 32 bytes; valid from SLC_GATEWAY_REGISTERED on (pushed frames may arrive before SLC_GATEWAY_READY). */
const uint8_t *slc_gateway_client_key(const struct slc_gateway_client *g);
/* Negotiated version: >= 5 sends mix packets v2, else v1. */
unsigned slc_gateway_client_version(const struct slc_gateway_client *g);
/* Balance the gateway last told, less what was sent since. */
int64_t slc_gateway_client_bandwidth(const struct slc_gateway_client *g);
/* Seconds to keep for the next run's last_timestamp. */
uint64_t slc_gateway_client_last_timestamp(const struct slc_gateway_client *g);

#endif
