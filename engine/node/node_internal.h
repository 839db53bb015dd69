/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NODE_INTERNAL_H
#define SLUICE_NODE_INTERNAL_H

#include "engine/node/inbox.h"
#include "engine/node/localnet.h"
#include "engine/node/replay.h"
#include "net/gateway/frame.h"
#include "net/gateway/server.h"
#include "net/io/pool.h"
#include "net/wire/websocket.h"

#include <stdatomic.h>

/*
 * The local mixnet's rooms: localnet.c makes and steers it, crew.c is what one worker does, open.c opens packets in
 * batches, gateway.c talks to clients, hop.c hands packets to the next node.
 */

enum {
    OPEN_BATCH = 256,  /* packets opened at once         */
    FRAME_BATCH = 256, /* client frames opened at once   */
    PUSH_BATCH = 256,  /* payloads sealed at once        */
    PASSED = 14,       /* pointers in one note           */
    PEER_QUEUE = 2000, /* packets waiting for a TCP connection (docs/protocol/6-network.md, section 1.10) */
};
#define REMEMBERED_TAGS ((size_t)1 << 22) /* of each key's replay filter */
#define MAXIMUM_DELAY   (10 * SLC_SECOND)

/* A packet between nodes. It lies in a pool of the worker that took it in, and goes home when it is done with. */
struct transit {
    struct transit *next;
    slc_time arrived;
    uint32_t node; /* index of the node it is at, or on its way to */
    uint32_t len;
    uint16_t home;
    uint8_t rotation; /* enum slc_rotation, as the frame says it came in */
    uint8_t made_for; /* enum slc_rotation, as the client said; only to tell a retired key from a damaged packet */
    uint8_t pool;
    bool faulted; /* faults have had their turn */
    bool leaving; /* waits its delay, then goes to `node` */
    _Alignas(16) uint8_t bytes[];
};

enum { POOL_ACK, POOL_REGULAR, POOL_LARGE, POOLS };

/* Sphinx keys of a node: of this rotation, and for one more epoch of the one before. */
enum node_key { KEY_CURRENT, KEY_BEFORE, KEYS, KEY_RETIRED = KEYS };

struct node {
    unsigned index, worker;
    uint8_t layer; /* 0: gateway */
    bool foreign;
    struct slc_address mix;
    uint8_t secret[KEYS][SLC_KEY_BYTES];    /* its worker's Sphinx keys */
    uint8_t chain[SLC_KEY_BYTES];           /* its worker's: what the next secrets follow from */
    uint8_t published[SLC_KEY_BYTES];       /* the control thread's chain, as far as the directory is */
    struct slc_identity identity, impostor; /* the impostor's is what `wrong_key` registers with */
    struct slc_noise_keys noise;
    struct slc_faults faults;          /* its worker's copy */
    struct slc_faults ordered;         /* the control thread's: as last ordered */
    struct transit *held, *held_last;  /* while paused */
    struct slc_node_counters counters; /* its worker writes, others read relaxed */
    slc_time next_cut;                 /* with faults.cut_every */
    struct slc_registry *registry;     /* gateways */
    struct slc_inbox *inbox;
};

/* One client connection of a gateway. */
struct connection {
    slc_link link; /* 0: unused */
    uint32_t node;
    uint32_t next_free;
    bool mail; /* its client has payloads in the inbox that found no room to leave */
    struct slc_server_session *session;
};

/* Another node over TCP, as this worker reaches it. */
struct peer {
    slc_link link;
    bool connecting;
    struct transit *queue, *queue_last;
    size_t queued;
};

struct push {
    struct connection *connection;
    struct slc_registered *client;
    uint8_t *slot;
    size_t len;
    bool garbage;
};

struct crew {
    struct slc_localnet *net;
    struct slc_worker *worker;
    unsigned index;
    struct slc_random random;
    struct slc_pool pool[POOLS];
    uint32_t rotation;               /* of KEY_CURRENT, for all its nodes */
    bool overlap;                    /* KEY_BEFORE is still good          */
    struct slc_replay *replay[KEYS]; /* a filter goes with its keys; KEY_BEFORE may be NULL */
    struct slc_sphinx_scratch *scratch;
    struct transit *arrivals, *arrivals_last; /* to be opened this turn */
    struct slc_open_job *jobs;
    struct transit **opening;
    struct slc_frame_job *frame_jobs;
    uint32_t *frame_of_job;      /* index into frames */
    struct slc_received *frames; /* client frames of this turn */
    size_t frame_count;
    struct slc_frame_job *push_jobs;
    struct push *pushes;
    size_t push_count;
    struct connection *connections;
    size_t connection_count;
    uint32_t free_connection;
    uint32_t *by_link[16];   /* per network thread: link index -> connection index + 1 */
    struct peer *peers;      /* per node, with tcp_hops */
    struct slc_note *outbox; /* per worker: a note being filled with packets for it, and one with packets going home */
    struct slc_note *kept;   /* notes that found a ring full */
    uint32_t *kept_to;
    size_t kept_len, kept_cap;
    bool peers_wait;        /* some peer's connection is open and packets for it found no room to leave */
    _Atomic size_t waiting; /* packets in delays, queues and holds */
    bool mail;
};

enum note_kind { NOTE_PACKETS, NOTE_HOME, NOTE_FAULTS, NOTE_CUT, NOTE_FORGET, NOTE_EPOCH };

/* Between workers, and from the control thread. */
struct node_note {
    uint32_t kind;
    uint32_t count;
    union {
        struct transit *packet[PASSED];
        struct {
            int32_t node;
            struct slc_faults faults;
        } order;
        struct {
            uint32_t rotation;
            bool overlap; /* the first epoch of the rotation: the keys before are still good */
        } epoch;
    };
};
_Static_assert(sizeof(struct node_note) <= SLC_NOTE_BYTES, "a note");

struct slc_localnet {
    struct slc_localnet_config config;
    struct slc_runtime *runtime;
    struct slc_network network;
    struct slc_node *public_nodes; /* what the directory says of them */
    uint8_t *layers;
    uint8_t (*noise_keys)[SLC_KEY_BYTES];
    struct node *nodes;
    size_t node_count;
    size_t own_count; /* ours come first */
    struct crew *crews;
    unsigned workers;
    int32_t *by_port; /* 65536 places: node index or -1; ports of loopback addresses */
    uint8_t fault_key[16];
    slc_time next_epoch;
};

static inline void node_count(struct node *node, size_t offset, uint64_t by)
{
    uint64_t *counter = (uint64_t *)(void *)((uint8_t *)&node->counters + offset);
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + by, __ATOMIC_RELAXED);
}
#define COUNT(node, name, by) node_count(node, offsetof(struct slc_node_counters, name), by)

/* ---- crew.c ---- */

struct transit *transit_new(struct crew *crew, size_t len);
void transit_free(struct crew *crew, struct transit *t);
/* The packet has come to node t->node, of this worker or another. */
void transit_arrive(struct crew *crew, struct transit *t);
/* Uniform in [0, 1), from node, rule and (the first 32) bytes alone: the same suffer in every run with the same seed.
 */
double crew_fault_draw(const struct crew *crew, const struct node *node, uint8_t rule, struct slc_bytes bytes);
void crew_wait_changed(struct crew *crew, int by);
bool crew_may_wait(const struct crew *crew);
struct slc_role crew_role(struct crew *crew);

/* ---- orders.c ---- */

/* To the workers of `node`, or of all. SLC_AGAIN: one has no room; it, and those behind it, have not heard. */
SLC_MUST_CHECK enum slc_status orders_send(struct slc_localnet *net, int node, const struct node_note *order);

/* ---- rotation.c ---- */

/* The first keys of a node of ours, from its chain; the public one to `public_key`. */
void rotation_begin(struct node *node, uint8_t public_key[SLC_KEY_BYTES]);
/* The worker's side of a new epoch: the same order twice does no harm. */
void rotation_obey(struct crew *crew, uint32_t rotation, bool overlap);
/* Which key opens a packet with this tag (chapter 6, section 1.4). */
enum node_key rotation_key(const struct crew *crew, enum slc_rotation tag);
/* The tag of what was opened with `key`. */
enum slc_rotation rotation_tag(const struct crew *crew, enum node_key key);
/* Test and set in the filter of the key that opened the packet. */
bool rotation_replayed(struct crew *crew, enum node_key key, const uint8_t tag[SLC_REPLAY_TAG_BYTES]);

/* ---- open.c ---- */

/* Opens everything that has arrived, until nothing is left. */
void open_arrivals(struct crew *crew, slc_time now);

/* ---- hop.c ---- */

/* Sends a packet on to the node at `address`, from `from`, now. */
void hop_send(struct crew *crew, struct node *from, const struct slc_address *address, struct transit *t, slc_time now);
int32_t hop_find(const struct slc_localnet *net, const struct slc_address *address);
/* Events of our connections to peers. */
void hop_received(struct crew *crew, const struct slc_received *r, slc_time now);
/* Tries again what found no room to leave. */
void hop_flush(struct crew *crew);
void hop_leave(struct crew *crew, struct transit *t, slc_time now);

/* ---- gateway.c ---- */

void gateway_received(struct crew *crew, const struct slc_received *r, slc_time now);
/* The frames gathered by gateway_received(): opened, charged, handed to their first hop. */
void gateway_frames(struct crew *crew, slc_time now);
void gateway_deliver(struct crew *crew, struct node *gateway, const uint8_t destination[SLC_DESTINATION_BYTES],
                     struct slc_bytes payload);
void gateway_flush(struct crew *crew);
void gateway_tick(struct crew *crew, slc_time now);
void gateway_cut(struct crew *crew, struct node *gateway);
void gateway_forget(struct crew *crew, struct node *gateway);
void gateway_free(struct crew *crew);

/* ---- tokens of connections and timers ---- */

#define TOKEN_KIND(token) ((token) >> 60)
enum { TOKEN_TIMER_TICK = 1, TOKEN_CLIENTS = 2, TOKEN_NODES = 3, TOKEN_PEER = 4 };
#define TOKEN(kind, value) ((uint64_t)(kind) << 60 | (value))

#endif
