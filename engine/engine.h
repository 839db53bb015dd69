/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_ENGINE_H
#define SLUICE_ENGINE_H

#include "engine/client/client.h"
#include "engine/runtime/runtime.h"
#include "engine/storage/keeper.h"

/*
 * The engine as a program uses it: virtual clients spread over pinned workers, driven from one control thread.
 *
 * All functions belong to the control thread (the one that made the engine), except where said. Nothing here blocks but
 * slc_engine_wait(). Messages travel without a copy: a program writes its bytes into a buffer of the worker that will
 * send them.
 */

struct slc_engine_config {
    struct slc_runtime_config runtime;
    struct slc_traffic traffic;
    const char *const *nym_apis; /* directories the topology is refreshed from, as the traffic says; until start */
    size_t nym_api_count;        /* 0: slc_engine_set_topology() is the program's. Call slc_directory_start() first */
    size_t max_clients;
    size_t message_bytes; /* buffers for messages up to this many bytes, head included, are made at start: 4096      */
    size_t message_slots; /* how many per worker, in each direction; longer messages, or more at once, are allocated */
    bool tls;             /* connect by wss:// to hostname and wss_port; else ws:// to the first IP                 */
    const char *ca_file;  /* with tls: trust this instead of the system's roots; NULL: the system's                 */
    struct slc_storage *storage; /* outlives the engine; NULL: nothing is kept, no disk is touched                 */
};
/* One worker less than CPUs (at least 1), one network thread, default traffic. */
void slc_engine_config_default(struct slc_engine_config *config);

struct slc_engine;
/*
 * Holds `topology`. With nym_apis it may be NULL: it is fetched after slc_engine_start(), and clients with a
 * gateway_wait wait for it.
 */
SLC_MUST_CHECK enum slc_status slc_engine_new(struct slc_engine **engine, const struct slc_engine_config *config,
                                              struct slc_topology *topology, const struct slc_rotation_info *info,
                                              struct slc_error *error);
/* Starts the threads; clients connect at once. */
SLC_MUST_CHECK enum slc_status slc_engine_start(struct slc_engine *engine, struct slc_error *error);
/*
 * The orderly end. Begins it and returns: no message is taken any more (SLC_CLOSED); what is under way has `timeout` ns
 * to be settled; then every message that is not is EXPIRED with SLC_CLOSED, gateways are told what the traffic says,
 * each client ends with REMOVED, and the last event is SLC_CLIENT_CLOSED. Go on with slc_engine_poll() until then:
 * taking that event stops the threads. Idempotent; nothing of it before slc_engine_start().
 */
void slc_engine_close(struct slc_engine *engine, slc_time timeout);
/* Stops the threads at once, without the events above. Idempotent. */
void slc_engine_stop(struct slc_engine *engine);
/* Stops and frees. Buffers and events still out are gone with it. Takes NULL. */
void slc_engine_free(struct slc_engine *engine);

/* ---- clients ---- */

/*
 * Adds a client, before or after slc_engine_start(). `client` is its number: what events carry and all else takes. A
 * number is not used again before 4096 other clients had its place, so that a stale one is recognised (SLC_NOT_FOUND).
 *
 * With a storage, an identity of number 0 is written to it, as a new one, before it is used, and what is kept of any
 * other comes back; both wait for the disk. SLC_NOT_FOUND: there is no such identity; SLC_DUPLICATE: it is in use;
 * SLC_MALFORMED, SLC_IO, SLC_DENIED: the storage, slc_engine_storage_words() says more (SLC_FULL too, with words).
 *
 * SLC_FULL: max_clients are there; SLC_NO_ROUTE: the gateway is not in the topology; SLC_AGAIN: the worker is busy, or
 * slc_engine_identity() says so, try again after slc_engine_poll(); SLC_NO_MEMORY. After start, what fails later is a
 * FAILED event.
 */
SLC_MUST_CHECK enum slc_status slc_engine_add(struct slc_engine *engine, const struct slc_client_setup *setup,
                                              uint32_t *client);
/*
 * Whether a stored identity may be added, and read from the storage for that: SLC_NOT_FOUND: it was not here in this
 * run, SLC_OK: it was, and all that it recorded is durable, so it is to be read now; SLC_AGAIN: not yet, its
 * registration may be missing in what is read; SLC_DUPLICATE: it is in use.
 */
SLC_MUST_CHECK enum slc_status slc_engine_identity(const struct slc_engine *engine, uint64_t identity);
/*
 * Ends a client in order: its unsettled messages are EXPIRED with SLC_CLOSED, the gateway is told what the traffic
 * says, then REMOVED comes as its last event. From here on only events know its number. SLC_NOT_FOUND; SLC_AGAIN as
 * above.
 */
SLC_MUST_CHECK enum slc_status slc_engine_remove(struct slc_engine *engine, uint32_t client);
/* Its address. SLC_NOT_FOUND. */
enum slc_status slc_engine_recipient(const struct slc_engine *engine, uint32_t client, struct slc_recipient *recipient);

enum slc_engine_state {
    SLC_ENGINE_CONNECTING, /* was not ready yet                          */
    SLC_ENGINE_READY,
    SLC_ENGINE_LOST,    /* was ready; it reconnects by itself         */
    SLC_ENGINE_FAILED,  /* given up: remove it                        */
    SLC_ENGINE_LEAVING, /* slc_engine_remove() or _close() was called */
};

/* What the control thread knows of a client, as of the events it has taken. */
struct slc_engine_client {
    enum slc_engine_state state;
    enum slc_status status; /* of the last LOST or FAILED, SLC_OK: none was                       */
    const char *text;       /* its words, "" : none; lives until the next slc_engine_poll()       */
    uint8_t gateway[SLC_IDENTITY_BYTES];
    size_t fragments; /* that wait for a slot or for SURBs, as the worker last published        */
    size_t messages;  /* submitted, neither ACKED nor EXPIRED                                   */
    size_t bytes;     /* of their data                                                          */
};
/* No round trip, so good enough for backpressure before each message. SLC_NOT_FOUND. */
SLC_MUST_CHECK enum slc_status slc_engine_look(const struct slc_engine *engine, uint32_t client,
                                               struct slc_engine_client *what);
/* Messages and bytes of all clients that are submitted and not settled. */
void slc_engine_unsettled(const struct slc_engine *engine, size_t *messages, size_t *bytes);

/* A newer snapshot for every packet from now on; NULL: the last one does not count any more, nothing can be built. */
void slc_engine_set_topology(struct slc_engine *engine, struct slc_topology *topology,
                             const struct slc_rotation_info *info);

/* ---- sending ---- */

struct slc_send {
    uint32_t client;
    uint64_t token; /* comes back in SENT, ACKED, EXPIRED */
    bool reply;     /* to `tag`, else to `recipient`      */
    bool anonymous; /* with a sender tag and `surbs` SURBs */
    uint32_t surbs;
    struct slc_recipient recipient;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    slc_time intended;        /* without pacing: when it shall leave */
    uint64_t lane;            /* connection it belongs to; 0: the general lane (chapter 4, section 2) */
    uint32_t retransmissions; /* most repeats of a fragment; SLC_RETRANSMISSIONS_DEFAULT (0), _NONE, _UNLIMITED */
    size_t len;
    uint8_t *data; /* result of prepare: write `len` bytes here */
};
/*
 * Gives `send->data`. SLC_NOT_FOUND (no such client), SLC_CLOSED (it is leaving, or the engine closing), SLC_NO_MEMORY.
 * May be given up by slc_engine_abandon().
 */
SLC_MUST_CHECK enum slc_status slc_engine_prepare(struct slc_engine *engine, struct slc_send *send);
/*
 * Hands it to its client; ACKED or EXPIRED follows, exactly one. SLC_AGAIN: the worker's ring is full, submit again
 * later. SLC_CLOSED: as above, abandon it.
 */
SLC_MUST_CHECK enum slc_status slc_engine_submit(struct slc_engine *engine, const struct slc_send *send);
void slc_engine_abandon(struct slc_engine *engine, const struct slc_send *send);

/*
 * Closes a lane of a client: what of its messages waits for a slot is not sent any more, and they are EXPIRED with
 * SLC_CLOSED. Asks how many fragments wait in it: the answer is a LANE event. Both in order with what was submitted
 * before. SLC_NOT_FOUND; SLC_AGAIN: the worker's ring is full.
 */
SLC_MUST_CHECK enum slc_status slc_engine_lane_close(struct slc_engine *engine, uint32_t client, uint64_t lane);
SLC_MUST_CHECK enum slc_status slc_engine_lane_ask(struct slc_engine *engine, uint32_t client, uint64_t lane);

/* ---- what happened ---- */

struct slc_engine_event {
    enum slc_client_event_kind kind;
    uint32_t client;
    uint64_t token; /* of slc_send; LANE: which; TOPOLOGY: failures in a row */
    slc_time at;    /* SENT: due time of the first fragment; others: when the worker saw it */
    enum slc_status status;
    const char *text; /* LOST, FAILED, TOPOLOGY, STORAGE: why; lives until slc_engine_release() */
    bool has_tag, is_reply;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    uint8_t *data; /* DELIVERED: yours until slc_engine_release(); NULL: no memory for `len` bytes, they are lost */
    size_t len;    /* of data; ACKED, EXPIRED: of the message's data; LANE: fragments that wait */
    uint64_t timestamp; /* READY: worth keeping, with the key in `data` (32 bytes, release it too) */
};
/* Takes up to `cap` events. */
size_t slc_engine_poll(struct slc_engine *engine, struct slc_engine_event *events, size_t cap);
/* Gives back an event's data; events without data may be given too. */
void slc_engine_release(struct slc_engine *engine, const struct slc_engine_event *event);
/* Blocks until there may be events, or for `timeout` ns. slc_engine_wake() ends it: any thread, signal handlers. */
void slc_engine_wait(struct slc_engine *engine, slc_time timeout);
void slc_engine_wake(struct slc_engine *engine);
/*
 * A descriptor that is readable when there may be events, or somebody called slc_engine_wake(): for poll() and epoll
 * beside other descriptors. Only slc_engine_poll() makes it unreadable; do not read it. Made at the first call, the
 * engine's; -1: the process has none left.
 */
int slc_engine_fd(struct slc_engine *engine);

/* What the storage said last, "": nothing is wrong. Control thread; lives until the next call of any function here. */
const char *slc_engine_storage_words(const struct slc_engine *engine);

/* ---- numbers; any thread ---- */

/* Zeros without a storage. */
void slc_engine_storage(const struct slc_engine *engine, struct slc_keeper_report *report);

void slc_engine_counters(const struct slc_engine *engine, struct slc_client_counters *counters);
void slc_engine_gateway_counters(const struct slc_engine *engine, const uint8_t gateway[SLC_IDENTITY_BYTES],
                                 struct slc_client_counters *counters);
size_t slc_engine_ready(const struct slc_engine *engine);
/* Events that were lost because there was no memory to keep them, payloads that were for the same reason included. */
uint64_t slc_engine_events_lost(const struct slc_engine *engine);
size_t slc_engine_threads(const struct slc_engine *engine, struct slc_thread_report *rows, size_t cap);
/* Adds how long after its slot each packet left for its gateway, since start (slc_runtime_lateness()). */
void slc_engine_lateness(const struct slc_engine *engine, struct slc_histogram *lateness);
const char *slc_engine_backend(const struct slc_engine *engine);
/* Bytes of all clients together, from the allocator's view. Asks the workers: waits up to 100 ms for each. */
size_t slc_engine_client_memory(const struct slc_engine *engine);

#endif
