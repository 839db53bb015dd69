/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LOCALNET_H
#define SLUICE_LOCALNET_H

#include "engine/runtime/runtime.h"
#include "net/directory/directory.h"

/*
 * A whole mixnet in one process on loopback: mixnodes in three layers and gateways, as roles on a runtime of their own
 * (docs/protocol/6-network.md; 3-gateway.md section 18; 7-peers.md section 4). Gateways speak real WebSocket; a hop
 * between our own nodes is a hand-over in memory, or with tcp_hops a real node frame over loopback TCP, with or without
 * Noise, so that foreign nodes can take part. Sphinx packets are really opened, delays really waited.
 */

/* How a gateway meets a client that wants to log in (docs/protocol/3-gateway.md, sections 7.3 and 13). */
enum slc_door {
    SLC_DOOR_OPEN,
    SLC_DOOR_SHUT,     /* the connection is closed as soon as it is made    */
    SLC_DOOR_MUTE,     /* nothing is answered                               */
    SLC_DOOR_REFUSING, /* everything is answered by an error, then closed   */
};

/* What goes wrong on purpose; decided per packet by a keyed hash, so a seed repeats it (chapter 6, section 4.4). */
struct slc_faults {
    double loss;      /* share of packets dropped where they arrive, 0 .. 1      */
    double duplicate; /* handed over twice: the replay filter must catch it      */
    double reorder;   /* held back by reorder_delay                              */
    slc_time reorder_delay;
    slc_time extra_delay; /* added to every packet                                  */
    bool paused;          /* takes nothing: what arrives waits, bounded              */

    /* of a gateway, to its clients; a mixnode has none of it */
    enum slc_door door; /* clients that are in stay in                                             */
    bool wrong_key;     /* registers with another identity key than the directory names            */
    bool no_acks;       /* acks for its clients vanish                                             */
    bool twice;         /* pushes every payload twice                                              */
    double garbage;     /* share of pushed frames that are random bytes, as long as the true ones  */
    slc_time cut_every; /* resets its clients' connections each time that has passed; 0: never     */
};

/* A node run by somebody else, in place of one of ours. */
struct slc_foreign_node {
    uint32_t id;
    uint8_t layer; /* 1 .. 3, 0: gateway */
    uint8_t identity[SLC_IDENTITY_BYTES];
    uint8_t sphinx_key[SLC_KEY_BYTES];
    struct slc_address mix;
    struct slc_address ws; /* gateway */
    bool has_noise_key;
    uint8_t noise_key[SLC_KEY_BYTES];
};

struct slc_localnet_config {
    unsigned mixnodes;   /* fill up the layers evenly, foreign nodes counted; >= 3 without those      */
    unsigned gateways;   /* >= 1                                                                      */
    bool tcp_hops;       /* node frames over loopback TCP; else hand-over in memory                   */
    bool noise;          /* with tcp_hops                                                             */
    bool frames_v8;      /* packets between nodes carry their rotation's tag, over TCP in the current
                            frame header; default is the legacy one, which has none                   */
    bool sink;           /* gateways authenticate and count what comes in; nothing goes further       */
    bool no_delays;      /* do not wait the delays in the headers                                     */
    bool metered;        /* count bandwidth as a strict gateway does; else every answer shows plenty  */
    uint64_t seed;       /* of node keys and faults; 0: random keys                                   */
    uint32_t first_id;   /* our nodes are first_id, first_id + 1, ...; 1 by default                   */
    uint16_t first_port; /* 0: free ports; else mixnodes first_port + i, gateways' sockets after them */
    const struct slc_foreign_node *foreign;
    size_t foreign_count;
    struct slc_faults faults;          /* of every node at start                                              */
    size_t queue_packets;              /* most packets waiting in all delays and inboxes; beyond: dropped, counted */
    size_t inbox_messages;             /* kept per absent client                                               */
    size_t max_clients;                /* per gateway                                                          */
    uint32_t rotation_id;              /* at start: even and not 0 by default: 4                               */
    uint32_t validity_epochs;          /* of a key rotation, >= 1                                              */
    uint64_t epoch_seconds;            /* >= 1                                                                 */
    struct slc_runtime_config runtime; /* threads, waiting, back end                                  */
};
/* 3 mixnodes, 2 gateways, memory hops, delays obeyed, one worker and one network thread. */
void slc_localnet_config_default(struct slc_localnet_config *config);

struct slc_localnet;
/* Makes keys, binds every port. SLC_IO with "127.0.0.1:9000: address in use" and what to do. */
SLC_MUST_CHECK enum slc_status slc_localnet_new(struct slc_localnet **net, const struct slc_localnet_config *config,
                                                struct slc_error *error);
SLC_MUST_CHECK enum slc_status slc_localnet_start(struct slc_localnet *net, struct slc_error *error);
/* Closes everything; idempotent. */
void slc_localnet_stop(struct slc_localnet *net);
void slc_localnet_free(struct slc_localnet *net);

/*
 * What the directory publishes of it: for slc_network_document() and slc_topology_new(). Valid as long as `net`; the
 * control thread's, as a new epoch changes it.
 */
const struct slc_network *slc_localnet_network(const struct slc_localnet *net);
/* A snapshot of it, as a client would get it from the directory; to be released by the caller. */
SLC_MUST_CHECK enum slc_status slc_localnet_topology(const struct slc_localnet *net, struct slc_topology **topology,
                                                     struct slc_error *error);

/*
 * ---- epochs and key rotation; control thread (docs/protocol/6-network.md, section 1.13; 4-client.md, section 17.5)
 * ----
 *
 * Every `validity_epochs` epochs each node of ours gets a new Sphinx key, and the network's epoch, rotation and keys
 * change in one step. The keys before are good for one more epoch, then retired and wiped. A packet's tag chooses the
 * key; without one (`frames_v8` off) the new key is tried, then the one before. Foreign nodes rotate by themselves.
 */

/* Document B, for who takes snapshots from here. */
void slc_localnet_rotation_info(const struct slc_localnet *net, struct slc_rotation_info *info);
/* Time: steps to the next epoch as often as one is over. Returns when to call it next; may be called at any time. */
slc_time slc_localnet_tick(struct slc_localnet *net);
/*
 * Ahead of time: the next epoch, or the first one of the next rotation, begins now. Clients that extrapolate epochs
 * from document B then take the network for stuck (4-client.md, section 12.3), as after any jump. SLC_AGAIN: a worker
 * has no room for orders; nothing is published, do it again.
 */
SLC_MUST_CHECK enum slc_status slc_localnet_next_epoch(struct slc_localnet *net);
SLC_MUST_CHECK enum slc_status slc_localnet_rotate(struct slc_localnet *net);

/* ---- faults on demand; control thread; take effect within a turn of the workers ---- */

/*
 * node: index into slc_localnet_network()->nodes, or SLC_ALL_NODES; no such node of ours: SLC_BAD_ARGUMENT.
 * SLC_AGAIN: a worker has no room for orders. An order for one node has then not been taken; one for all may have
 * reached some, and does no harm when it is repeated.
 */
enum { SLC_ALL_NODES = -1 };
SLC_MUST_CHECK enum slc_status slc_localnet_set_faults(struct slc_localnet *net, int node,
                                                       const struct slc_faults *faults);
/* As last ordered, or configured; NULL: a foreign node, whose faults are not ours to make, or none at all. */
const struct slc_faults *slc_localnet_faults(const struct slc_localnet *net, int node);
/* Cuts (TCP reset) every client connection of a gateway, or of all. */
SLC_MUST_CHECK enum slc_status slc_localnet_cut(struct slc_localnet *net, int node);
/* Forgets every registration of a gateway, as one that lost its store. */
SLC_MUST_CHECK enum slc_status slc_localnet_forget(struct slc_localnet *net, int node);

/* ---- numbers; any thread, relaxed ---- */

#define SLC_NODE_COUNTERS(X)                                                                                           \
    X(packets_received, "packets that came in, from nodes or clients")                                                 \
    X(packets_forwarded, "handed to the next node")                                                                    \
    X(packets_final, "opened here as their last hop")                                                                  \
    X(acks_forwarded, "SURB-ACKs sent on after a delivery")                                                            \
    X(payloads_pushed, "payloads pushed to a connected client")                                                        \
    X(payloads_stored, "payloads kept for an absent client")                                                           \
    X(inbox_waiting, "payloads in the inbox now")                                                                      \
    X(inbox_dropped, "payloads dropped because the inbox was full")                                                    \
    X(replays, "dropped: seen before")                                                                                 \
    X(key_before, "opened with the key of the rotation before")                                                        \
    X(key_retired, "dropped: made for a key that is retired, as far as its tag tells")                                 \
    X(malformed, "dropped: did not open, or not a packet of ours")                                                     \
    X(no_next_hop, "dropped: the next hop is no known node")                                                           \
    X(queue_dropped, "dropped: a bounded queue was full")                                                              \
    X(fault_lost, "dropped by the loss fault, and acks kept from clients")                                             \
    X(fault_duplicated, "handed over or pushed twice by a fault")                                                      \
    X(fault_delayed, "held back by the reorder or extra delay fault")                                                  \
    X(fault_garbage, "pushed frames replaced by random bytes")                                                         \
    X(fault_refused, "logins shut out, refused or not answered")                                                       \
    X(fault_cut, "client connections reset by orders and by cut_every")                                                \
    X(delays_clamped, "delays above 10 s, cut to 10 s")                                                                \
    X(clients_registered, "registrations")                                                                             \
    X(clients_authenticated, "authentications")                                                                        \
    X(clients_online, "connected now")                                                                                 \
    X(frames_refused, "client frames that did not open or parse")                                                      \
    X(bytes_received, "bytes of client frames")

struct slc_node_counters {
#define X(name, text) uint64_t name;
    SLC_NODE_COUNTERS(X)
#undef X
};
/* node: as above; SLC_ALL_NODES sums. */
void slc_localnet_counters(const struct slc_localnet *net, int node, struct slc_node_counters *counters);
/* Packets waiting in delays now. */
size_t slc_localnet_waiting(const struct slc_localnet *net);
size_t slc_localnet_threads(const struct slc_localnet *net, struct slc_thread_report *rows, size_t cap);
const char *slc_localnet_backend(const struct slc_localnet *net);

#endif
