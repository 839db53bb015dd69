/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TOPOLOGY_H
#define SLUICE_TOPOLOGY_H

#include "crypto/base/error.h"
#include "crypto/base/random.h"
#include "crypto/keys/keys.h"
#include "crypto/sphinx/sphinx.h"
#include "net/wire/address.h"
#include "net/wire/mix_packet.h"

/*
 * An immutable snapshot of the network (docs/protocol/2-messages.md, section 13; 4-client.md, sections 10 and 11).
 * Keys and rotation of one packet come from one snapshot. Shared read-only by all threads; reference counted.
 */

enum { SLC_LAYERS = 3, SLC_ROUTE_HOPS = 4, SLC_HOST_MAX = 254 };

struct slc_node {
    uint32_t id;
    uint8_t identity[SLC_IDENTITY_BYTES];
    uint8_t sphinx_key[SLC_KEY_BYTES];
    struct slc_hop hop;                     /* padded mix address and the key's table, which the snapshot owns */
    struct slc_address mix;                 /* first announced IP and mix port                                 */
    bool mixnode, entry, exit_nr, exit_ipr; /* roles the node declares                           */
    bool has_entry;                         /* announces a client socket                                        */
    struct slc_address ws;                  /* client socket: IP and ws port                                    */
    struct slc_address ws_other;            /* the second announced IP, same port; version 0: none              */
    uint16_t wss_port;                      /* 0: none                                                          */
    char hostname[SLC_HOST_MAX];            /* "" : none                                                    */
};

struct slc_topology {
    uint32_t rotation_id; /* 0xFFFFFFFF: not known                                               */
    uint64_t epoch_id;
    int64_t refreshed_at;       /* unix seconds, as the directory says; 0: not known              */
    enum slc_rotation rotation; /* tag for packets made with this snapshot                        */
    struct slc_node *nodes;     /* all nodes with details, sorted by id                           */
    size_t node_count;
    const struct slc_node **layer[SLC_LAYERS]; /* listed for the layer and with details           */
    size_t layer_count[SLC_LAYERS];
    size_t gateway_count; /* ids in the entry and exit sets, details or not                       */
    size_t refused_nodes; /* left out for an unusable key: low order, twist, duplicate            */
};

/* A node as a document names it, before a snapshot is made of many. */
struct slc_node_details {
    struct slc_node node; /* `hop` is ignored: made by slc_topology_new()                   */
    uint32_t performance; /* percent, truncated; for who reads documents, no concern of a snapshot */
};

/* The rewarded set: ids per role; arrays are the caller's. */
struct slc_rewarded_set {
    uint64_t epoch_id;
    bool has_epoch_id;
    const uint32_t *layer[SLC_LAYERS];
    size_t layer_count[SLC_LAYERS];
    const uint32_t *entry, *exit;
    size_t entry_count, exit_count;
};

/*
 * Builds a snapshot: key tables for every node, layers, look-up by identity. Copies what it is given. Of several nodes
 * with one id the last counts. Nodes with low-order or twisted Sphinx keys and duplicates of a Sphinx key or identity
 * (all but the lowest id) are left out and counted. Lists may name an id twice, and ids without details.
 * SLC_NO_ROUTE with a text that names the layer when it is not routable (section 10.7, step 5); SLC_TOO_LONG above
 * SLC_TOPOLOGY_NODES_MAX nodes or listed ids; SLC_NO_MEMORY. `*topology` is NULL after a failure. `refreshed_at` is 0.
 * Cost: one table of slc_curve_table_bytes() per node. Any thread.
 */
enum { SLC_TOPOLOGY_NODES_MAX = 1 << 14 };
SLC_MUST_CHECK enum slc_status slc_topology_new(struct slc_topology **topology, const struct slc_node_details *nodes,
                                                size_t node_count, const struct slc_rewarded_set *set,
                                                uint32_t rotation_id, uint64_t epoch_id, struct slc_error *error);

/*
 * The key rotation of an epoch: (epoch - initial, at least 0) / validity (chapter 2, section 13.5); at most 2^32 - 1.
 * validity >= 1. Any thread.
 */
uint32_t slc_rotation_id(uint64_t epoch, uint64_t initial_epoch, uint32_t validity_epochs);

/* One more owner; one owner less (frees at the last; takes NULL). Any thread. */
struct slc_topology *slc_topology_hold(struct slc_topology *topology);
void slc_topology_release(struct slc_topology *topology);

/* By identity (hash look-up) or id; NULL when unknown. Any thread. */
const struct slc_node *slc_topology_find(const struct slc_topology *topology,
                                         const uint8_t identity[SLC_IDENTITY_BYTES]);
const struct slc_node *slc_topology_find_id(const struct slc_topology *topology, uint32_t id);
/*
 * Gateways a client may register with: entry details and the entry role, in id order; unless `mixing_too` none that
 * also declares to mix (chapter 4, section 11.3). The first `cap` to `out` (NULL with 0); the result is how many there
 * are. Any thread.
 */
size_t slc_topology_gateways(const struct slc_topology *topology, bool mixing_too, const struct slc_node **out,
                             size_t cap);
/* One of them, uniformly; NULL: there is none. */
const struct slc_node *slc_topology_any_gateway(const struct slc_topology *topology, bool mixing_too,
                                                struct slc_random *random);

/*
 * A fresh route to `egress`: one node of each layer, uniformly, then the egress; SLC_NO_ROUTE when egress is NULL
 * (chapter 2, section 13.2). The pointers live as long as the snapshot.
 */
SLC_MUST_CHECK enum slc_status slc_topology_route(const struct slc_topology *topology, struct slc_random *random,
                                                  const struct slc_node *egress,
                                                  const struct slc_node *route[SLC_ROUTE_HOPS]);

#endif
