/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CLIENT_H
#define SLUICE_CLIENT_H

#include "crypto/keys/keys.h"
#include "engine/client/record.h"
#include "engine/traffic/traffic.h"
#include "net/directory/directory.h"
#include "net/gateway/client.h"

/*
 * Virtual clients: everything a Nym client does between the application and its gateway's socket, for many identities
 * at once, as one state machine without I/O (docs/protocol/4-client.md; 2-messages.md; 3-gateway.md).
 *
 * One owner (a worker, the simulator, a test) calls these functions, hands in time, and gets effects through a port of
 * functions. Packets of all clients are built, and received frames opened, in batches. No allocation per packet.
 */

struct slc_client_event;

/* What the clients want done; all calls come from inside the functions below. */
struct slc_client_port {
    void *self;
    /* A frame slot with `bytes` of room after SLC_SLOT_HEAD bytes of head room; NULL: none now, the client waits. */
    uint8_t *(*slot)(void *self, size_t bytes);
    void (*slot_drop)(void *self, uint8_t *slot);
    /*
     * Sends a finished WebSocket frame of client `index` at `due` (0: now); `data` points into `slot`. SLC_OK: the slot
     * is gone. Else (SLC_AGAIN, SLC_CLOSED) the client drops it and repeats the packet later.
     */
    enum slc_status (*send)(void *self, uint32_t index, uint8_t *slot, const uint8_t *data, size_t len, slc_time due);
    /*
     * How many frames of client `index` were due and are not written yet: what stands in the reference's mix queue
     * (chapter 4, section 3.3). NULL: none ever.
     */
    size_t (*waiting)(void *self, uint32_t index);
    /* Open a WebSocket to `gateway` for client `index`; answer by _opened() or _closed(). Drop the old one first. */
    void (*connect)(void *self, uint32_t index, const struct slc_node *gateway);
    void (*disconnect)(void *self, uint32_t index);
    /* Call slc_clients_due() with `token` when `deadline` has come. Stale tokens are recognised. */
    void (*arm)(void *self, slc_time deadline, uint64_t token);
    /* Something the application wants to know. Views are valid during the call only. */
    void (*event)(void *self, const struct slc_client_event *event);
    /* The buffer of a message handed in by slc_clients_send() is no longer needed. */
    void (*message_done)(void *self, uint8_t *memory);
    /*
     * Keeps a record of client `index` (record.h): copied in the call. Answers its number, from 1 and ascending over
     * all clients; 0: this client is not kept, nothing waits; SLC_KEEP_FULL: no room now, never for a registration. Who
     * was refused tries again after the next slc_clients_durable(). NULL: nobody is kept.
     */
    uint64_t (*keep)(void *self, uint32_t index, const struct slc_client_record *record);
};

enum slc_client_event_kind {
    SLC_CLIENT_READY,     /* authenticated; `key` and `timestamp` are worth keeping with the identity              */
    SLC_CLIENT_LOST,      /* not connected for now; it reconnects by itself                                       */
    SLC_CLIENT_FAILED,    /* given up: `error` says why                                                           */
    SLC_CLIENT_SENT,      /* `token`: every fragment has been sent once; `at`: when the first one was due on the wire */
    SLC_CLIENT_ACKED,     /* `token`: every fragment is acked: it is at the recipient's gateway                    */
    SLC_CLIENT_EXPIRED,   /* `token`: given up: too many retransmissions, no route, no SURBs (`status` says which) */
    SLC_CLIENT_DELIVERED, /* a message came: `data`, and `tag` when it can be answered                             */
    /* made by the engine (engine/engine.h) */
    SLC_CLIENT_REMOVED,  /* last event of a client that was removed; its number may come back for another          */
    SLC_CLIENT_LANE,     /* answer to slc_engine_lane_ask(): `len` fragments wait in lane `token`                */
    SLC_CLIENT_TOPOLOGY, /* of no client: a refresh of the topology ended: `status`, `text`                        */
    SLC_CLIENT_STORAGE,  /* of no client: the storage cannot write, what needs it waits: `status`, `text`; SLC_OK:
                            it can again                                                                            */
    SLC_CLIENT_CLOSED,   /* of no client, the last event of all: slc_engine_close() is done; `status`, `text`: what
                            could not be kept                                                                       */
};

struct slc_client_event {
    enum slc_client_event_kind kind;
    uint32_t index; /* which client */
    uint64_t token; /* of slc_outgoing */
    slc_time at;
    enum slc_status status;
    const struct slc_error *error;
    const uint8_t *key;    /* READY: 32 bytes */
    uint64_t timestamp;    /* READY */
    uint64_t gateway_node; /* READY: id of the node */
    bool has_tag;
    bool is_reply; /* came through one of our SURBs */
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct slc_bytes data;
    size_t settled; /* ACKED, EXPIRED: bytes of the message's data */
};

struct slc_clients_config {
    const struct slc_traffic *traffic; /* outlives the clients */
    struct slc_client_port port;
    struct slc_random *random; /* of the owner's thread; outlives the clients */
    size_t max_clients;
    size_t batch;     /* most packets built in one pass: 256 .. 1024 */
    uint32_t *queues; /* max_clients, or NULL: slc_clients_queue() of each, published with relaxed stores */
};

struct slc_clients;
SLC_MUST_CHECK enum slc_status slc_clients_new(struct slc_clients **clients, const struct slc_clients_config *config);
/* Wipes every key. Messages still held are given back by port.message_done(). */
void slc_clients_free(struct slc_clients *clients);

/*
 * The snapshot and rotation info that new packets use; holds the topology. Call again at every refresh. NULL: the last
 * one does not count any more, nothing is built until another comes (chapter 4, section 10.8). A client whose gateway
 * is not in it stays connected and sends nothing; one that is not connected waits for a snapshot that has it.
 */
void slc_clients_set_topology(struct slc_clients *clients, struct slc_topology *topology,
                              const struct slc_rotation_info *info);

struct slc_client_setup {
    struct slc_client_keys keys; /* copied; wipe yours */
    uint8_t gateway[SLC_IDENTITY_BYTES];
    const uint8_t *shared_key; /* of an earlier registration, or NULL */
    uint64_t last_timestamp;
    slc_time gateway_wait; /* a gateway that is not in the topology is waited for so long, then FAILED; 0: not at all */
    uint64_t identity;     /* its number in the engine's storage; 0: none (yet) */
};
/* Adds a client; it asks for its connection at the next run. SLC_FULL; SLC_NO_ROUTE: gateway not in the topology. */
SLC_MUST_CHECK enum slc_status slc_clients_add(struct slc_clients *clients, const struct slc_client_setup *setup,
                                               slc_time now, uint32_t *index);
/* The same at a place of the caller's choice, which must be free: fewer than max_clients. SLC_BAD_ARGUMENT. */
SLC_MUST_CHECK enum slc_status slc_clients_add_at(struct slc_clients *clients, const struct slc_client_setup *setup,
                                                  slc_time now, uint32_t index);
/*
 * Ends a client: its messages are EXPIRED with SLC_CLOSED, its gateway is told what the traffic says of it
 * (forget-me or remember-me, chapter 3, section 9), and within 2 s REMOVED is
 * its last event; from then on its place is free. No index that is not there does harm.
 */
void slc_clients_leave(struct slc_clients *clients, uint32_t index, slc_time now);
/* The same for all. */
void slc_clients_leave_all(struct slc_clients *clients, slc_time now);
bool slc_clients_has(const struct slc_clients *clients, uint32_t index);
/* Clients that are there, leaving ones included. */
size_t slc_clients_count(const struct slc_clients *clients);
/*
 * What an earlier life has left, record by record in any order, after slc_clients_add() and before the next
 * slc_clients_run(): keys, tags and blocks of SURBs, each as it stands after all its records (a block with its last
 * count of released ones); other kinds are passed over. Copied; not recorded again. SLC_BAD_ARGUMENT: no such record
 * can have been made; SLC_FULL: above this run's bounds; SLC_NO_MEMORY.
 */
SLC_MUST_CHECK enum slc_status slc_clients_restore(struct slc_clients *clients, uint32_t index,
                                                   const struct slc_client_record *record, slc_time now,
                                                   uint64_t unix_now);
/* Every record up to `sequence` is on the disk: what waited for it goes on. Call slc_clients_run() after it. */
void slc_clients_durable(struct slc_clients *clients, uint64_t sequence, slc_time now);
/* Before an orderly end, when nothing is sent any more: gives back SURBs that were released and not used. */
void slc_clients_settle(struct slc_clients *clients);
/* Its gateway in the snapshot; NULL: not there now. */
const struct slc_node *slc_clients_gateway(const struct slc_clients *clients, uint32_t index);
/* Its address. */
void slc_clients_recipient(const struct slc_clients *clients, uint32_t index, struct slc_recipient *recipient);

/* A message to send. The head grows to the front of the data, so the buffer needs that room. */
struct slc_outgoing {
    uint32_t index;
    uint64_t token; /* comes back in events                                                        */
    bool reply;     /* to `tag`, else to `recipient`                                               */
    struct slc_recipient recipient;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    uint32_t surbs; /* anonymous with so many SURBs when > 0 or `anonymous`                        */
    bool anonymous;
    uint8_t *memory;          /* the buffer; given back by port.message_done()                               */
    size_t offset;            /* where the data starts: >= slc_outgoing_head(reply, anonymous, surbs)        */
    size_t len;               /* of the data                                                                 */
    slc_time intended;        /* no pacing: when it shall leave; otherwise ignored                           */
    uint64_t lane;            /* connection it belongs to (chapter 4, section 2.1); 0: the general lane      */
    uint32_t retransmissions; /* most repeats of a fragment, then EXPIRED; or one of SLC_RETRANSMISSIONS_...   */
};
/* Room that the head of such a message needs, with whatever options; any thread. */
size_t slc_outgoing_head(bool reply, bool anonymous, uint32_t surbs);
/*
 * Takes the message; it is built and sent in later runs. On an error (SLC_FULL: too many pending fragments,
 * SLC_NO_ROUTE: recipient's gateway unknown, SLC_NOT_FOUND: no SURBs for that tag, SLC_TOO_SHORT: empty reply) the
 * buffer stays the caller's and no event follows.
 */
SLC_MUST_CHECK enum slc_status slc_clients_send(struct slc_clients *clients, const struct slc_outgoing *message,
                                                slc_time now);
/* Fragments of client `index` that wait for a slot or for SURBs: what a sender can use as backpressure. */
size_t slc_clients_queue(const struct slc_clients *clients, uint32_t index);
/*
 * The same of one lane of the application's (0: the general lane), retransmissions apart: right at any time, also after
 * it was closed (chapter 4, section 2.4).
 */
size_t slc_clients_lane_queue(const struct slc_clients *clients, uint32_t index, uint64_t lane);
/*
 * Closes a lane: what of its messages has no slot yet is not sent any more, and those messages are EXPIRED with
 * SLC_CLOSED; fragments that are on their way still arrive. Replies that wait for SURBs stay, as in the reference. A
 * later message opens the lane again.
 */
void slc_clients_close_lane(struct slc_clients *clients, uint32_t index, uint64_t lane, slc_time now);

/* ---- what happened ---- */

void slc_clients_opened(struct slc_clients *clients, uint32_t index, slc_time now, uint64_t unix_now);
/* `reason`: words for a person, or NULL. */
void slc_clients_closed(struct slc_clients *clients, uint32_t index, enum slc_status why, const char *reason,
                        slc_time now);
void slc_clients_text(struct slc_clients *clients, uint32_t index, struct slc_bytes text, slc_time now,
                      uint64_t unix_now);
/* Binary frames of any clients; bytes are changed in place; all are done with at return. */
struct slc_client_frame {
    uint32_t index;
    uint8_t *data;
    size_t len;
};
void slc_clients_frames(struct slc_clients *clients, const struct slc_client_frame *frames, size_t n, slc_time now);
void slc_clients_due(struct slc_clients *clients, const uint64_t *tokens, size_t n, slc_time now, uint64_t unix_now);
/*
 * Builds and sends what is due: fills slots of the look-ahead, retransmissions, SURBs, replies, control texts. Call
 * after each round of the others. Returns true when it stopped for lack of slots and wants to be called again.
 */
bool slc_clients_run(struct slc_clients *clients, slc_time now, uint64_t unix_now);

/* ---- numbers; single writer (the owner), others may read with relaxed loads ---- */

/* One list makes the struct, its JSON and its documentation. */
#define SLC_CLIENT_COUNTERS(X)                                                                                         \
    X(real_sent, "data packets of messages, first time")                                                               \
    X(retransmitted, "data packets sent again because no ack came")                                                    \
    X(cover_sent, "cover packets, main and loop stream")                                                               \
    X(surb_packets_sent, "data packets that carry only SURBs or ask for them")                                         \
    X(surb_request_packets_sent, "of these, packets that ask for SURBs")                                               \
    X(packet_bytes_sent, "bytes of Sphinx packets")                                                                    \
    X(cover_bytes_sent, "of these, bytes of cover packets")                                                            \
    X(wire_bytes_sent, "bytes of WebSocket frames")                                                                    \
    X(data_received, "payloads that were not acks")                                                                    \
    X(data_bytes_received, "bytes of them")                                                                            \
    X(cover_received, "payloads that were our own cover")                                                              \
    X(cover_bytes_received, "bytes of them")                                                                           \
    X(acks_received, "acks of messages' packets")                                                                      \
    X(cover_acks_received, "acks of cover packets")                                                                    \
    X(unknown_acks, "acks that match nothing pending: late or forged")                                                 \
    X(duplicate_fragments, "fragments that were here before")                                                          \
    X(refused_payloads, "payloads that could not be opened or parsed")                                                 \
    X(refused_messages, "whole messages that could not be parsed")                                                     \
    X(refused_frames, "binary frames that did not authenticate")                                                       \
    X(messages_sent, "messages whose every fragment was sent")                                                         \
    X(messages_acked, "messages whose every fragment was acked")                                                       \
    X(messages_expired, "messages given up")                                                                           \
    X(messages_delivered, "messages handed to the application")                                                        \
    X(surbs_made, "SURBs handed out")                                                                                  \
    X(surbs_used, "SURBs of others used")                                                                              \
    X(surbs_stored, "SURBs of others received")                                                                        \
    X(surb_requests_sent, "requests for more SURBs sent")                                                              \
    X(surb_requests_served, "requests for more SURBs answered")                                                        \
    X(surb_requests_refused, "requests from strangers, or while enough SURBs for that peer are on their way")          \
    X(surbs_refused, "SURBs of others for which there was no room")                                                    \
    X(surbs_outlived, "SURBs of others thrown away unused: their keys are retired, or they made room")                 \
    X(tags_dropped, "peers forgotten: silent, outlived, or they made room")                                            \
    X(heartbeats, "heartbeats received")                                                                               \
    X(sets_evicted, "unfinished sets of fragments that made room for others")                                          \
    X(sets_stale, "unfinished sets of fragments that were given up")                                                   \
    X(slots, "slots of the main stream that fell due while connected")                                                 \
    X(slots_late, "of these, filled more than 1 ms after their time")                                                  \
    X(slots_missed, "of these, dropped because we were too far behind")                                                \
    X(slot_lateness_worst_ns, "the worst of them")                                                                     \
    X(batches, "batches of packets built")                                                                             \
    X(batch_packets, "packets in them")                                                                                \
    X(look_ahead_ns, "look-aheads, added up over the batches")                                                         \
    X(slowdowns, "steps by which main streams became slower, for gateways that did not keep up")                       \
    X(speedups, "steps by which they became faster again")                                                             \
    X(cover_dropped, "loop cover packets left out because the gateway did not keep up")                                \
    X(lanes_closed, "lanes that were closed, or waited too long, with something in them")                              \
    X(statistics_sent, "reports handed to a statistics provider")                                                      \
    X(connects, "connections asked for")                                                                               \
    X(losts, "connections lost")

struct slc_client_counters {
#define X(name, text) uint64_t name;
    SLC_CLIENT_COUNTERS(X)
#undef X
};

/* Sums over all clients of this owner. */
const struct slc_client_counters *slc_clients_counters(const struct slc_clients *clients);
/* Sums over the clients of one gateway (by node identity); NULL: none here. */
const struct slc_client_counters *slc_clients_gateway_counters(const struct slc_clients *clients,
                                                               const uint8_t gateway[SLC_IDENTITY_BYTES]);
/* Clients that are ready now. */
size_t slc_clients_ready(const struct slc_clients *clients);
/* Bytes allocated for all clients, tables and scratch. */
size_t slc_clients_memory(const struct slc_clients *clients);

#endif
