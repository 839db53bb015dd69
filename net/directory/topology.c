/* SPDX-License-Identifier: Apache-2.0 */
#include "net/directory/topology.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Positions of nodes by one of their keys: open addressing, at most half full. */
struct index {
    uint32_t *slot; /* position + 1; 0: free */
    size_t mask;
    size_t key_offset; /* of the 32-byte key in a slc_node */
};

/* One allocation: this, the nodes, the layers' pointers, the index. Only the curve tables are apart. */
struct snapshot {
    struct slc_topology topology; /* first: a pointer to it is a pointer to the snapshot */
    atomic_uint holders;
    struct index by_identity;
};

/* ---- look-up ---- */

static size_t hash_key(const uint8_t key[32])
{
    uint64_t word[4], mixed = 0;
    memcpy(word, key, sizeof word);
    for (int i = 0; i < 4; i++) {
        mixed = (mixed ^ word[i]) * UINT64_C(0x9e3779b97f4a7c15);
        mixed ^= mixed >> 29;
    }
    return (size_t)mixed;
}

/* The slot that holds `key`, or the free one where it belongs. */
static uint32_t *index_slot(const struct index *index, const struct slc_node *nodes, const uint8_t key[32])
{
    size_t at = hash_key(key) & index->mask;
    while (index->slot[at] != 0) {
        const struct slc_node *node = &nodes[index->slot[at] - 1];
        if (memcmp((const uint8_t *)node + index->key_offset, key, 32) == 0) break;
        at = (at + 1) & index->mask;
    }
    return &index->slot[at];
}

const struct slc_node *slc_topology_find(const struct slc_topology *topology,
                                         const uint8_t identity[SLC_IDENTITY_BYTES])
{
    const struct snapshot *snapshot = (const struct snapshot *)topology;
    uint32_t found = *index_slot(&snapshot->by_identity, topology->nodes, identity);
    return found == 0 ? NULL : &topology->nodes[found - 1];
}

const struct slc_node *slc_topology_find_id(const struct slc_topology *topology, uint32_t id)
{
    size_t low = 0, high = topology->node_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (topology->nodes[middle].id == id) return &topology->nodes[middle];
        if (topology->nodes[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool takes_clients(const struct slc_node *node, bool mixing_too)
{
    return node->has_entry && node->entry && (mixing_too || !node->mixnode);
}

size_t slc_topology_gateways(const struct slc_topology *topology, bool mixing_too, const struct slc_node **out,
                             size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < topology->node_count; i++) {
        const struct slc_node *node = &topology->nodes[i];
        if (!takes_clients(node, mixing_too)) continue;
        if (count < cap) out[count] = node;
        count++;
    }
    return count;
}

const struct slc_node *slc_topology_any_gateway(const struct slc_topology *topology, bool mixing_too,
                                                struct slc_random *random)
{
    size_t count = slc_topology_gateways(topology, mixing_too, NULL, 0);
    if (count == 0) return NULL;
    uint32_t nth = slc_random_below(random, (uint32_t)count);
    const struct slc_node *node = topology->nodes;
    while (!takes_clients(node, mixing_too) || nth-- > 0) {
        node++;
    }
    return node;
}

enum slc_status slc_topology_route(const struct slc_topology *topology, struct slc_random *random,
                                   const struct slc_node *egress, const struct slc_node *route[SLC_ROUTE_HOPS])
{
    if (egress == NULL) return SLC_NO_ROUTE;
    for (unsigned i = 0; i < SLC_LAYERS; i++) {
        route[i] = topology->layer[i][slc_random_below(random, (uint32_t)topology->layer_count[i])];
    }
    route[SLC_LAYERS] = egress;
    return SLC_OK;
}

uint32_t slc_rotation_id(uint64_t epoch, uint64_t initial_epoch, uint32_t validity_epochs)
{
    uint64_t passed = epoch > initial_epoch ? epoch - initial_epoch : 0;
    uint64_t rotation = passed / validity_epochs;
    return rotation > UINT32_MAX ? UINT32_MAX : (uint32_t)rotation;
}

/* ---- owners ---- */

struct slc_topology *slc_topology_hold(struct slc_topology *topology)
{
    atomic_fetch_add_explicit(&((struct snapshot *)topology)->holders, 1, memory_order_relaxed);
    return topology;
}

void slc_topology_release(struct slc_topology *topology)
{
    if (topology == NULL) return;
    struct snapshot *snapshot = (struct snapshot *)topology;
    /* Release what this owner read before, acquire what all others did: the last one frees. */
    if (atomic_fetch_sub_explicit(&snapshot->holders, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < topology->node_count; i++) {
        /* The snapshot made the tables; `const` is for its readers. */
        slc_curve_table_free((struct slc_curve_table *)(uintptr_t)topology->nodes[i].hop.key);
    }
    free(snapshot);
}

/* ---- building ---- */

static int compare_details(const void *a, const void *b)
{
    const struct slc_node_details *left = *(const struct slc_node_details *const *)a;
    const struct slc_node_details *right = *(const struct slc_node_details *const *)b;
    if (left->node.id != right->node.id) return left->node.id < right->node.id ? -1 : 1;
    return left < right ? -1 : left > right; /* one array: the order in which they were given */
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static size_t sort_unique(uint32_t *ids, size_t count)
{
    if (count == 0) return 0;
    qsort(ids, count, sizeof *ids, compare_ids);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (ids[i] != ids[kept - 1]) {
            ids[kept++] = ids[i];
        }
    }
    return kept;
}

static void copy_ids(uint32_t *to, const uint32_t *from, size_t count)
{
    if (count > 0) {
        memcpy(to, from, count * sizeof *to);
    }
}

static size_t index_slots(size_t node_count)
{
    size_t slots = 8;
    while (slots < 2 * node_count) {
        slots *= 2;
    }
    return slots;
}

static struct snapshot *snapshot_new(size_t node_count, const struct slc_rewarded_set *set)
{
    size_t layer_ids = set->layer_count[0] + set->layer_count[1] + set->layer_count[2];
    size_t slots = index_slots(node_count);
    size_t pointers = layer_ids * sizeof(const struct slc_node *);
    _Static_assert(sizeof(struct snapshot) % _Alignof(struct slc_node) == 0, "the nodes follow the snapshot");
    _Static_assert(sizeof(struct slc_node) % _Alignof(void *) == 0, "the layers follow the nodes");
    uint8_t *memory =
        calloc(1, sizeof(struct snapshot) + node_count * sizeof(struct slc_node) + pointers + slots * sizeof(uint32_t));
    if (memory == NULL) return NULL;
    struct snapshot *snapshot = (struct snapshot *)memory;
    struct slc_topology *topology = &snapshot->topology;
    uint8_t *at = memory + sizeof(struct snapshot);
    topology->nodes = (struct slc_node *)at;
    at += node_count * sizeof(struct slc_node);
    for (unsigned i = 0; i < SLC_LAYERS; i++) {
        topology->layer[i] = (const struct slc_node **)at;
        at += set->layer_count[i] * sizeof(const struct slc_node *);
    }
    snapshot->by_identity = (struct index){(uint32_t *)at, slots - 1, offsetof(struct slc_node, identity)};
    atomic_init(&snapshot->holders, 1);
    return snapshot;
}

/* Adds one node; leaving it out for its keys is counted, not a failure. */
static enum slc_status add_node(struct snapshot *snapshot, struct index *by_sphinx_key, const struct slc_node *from)
{
    struct slc_topology *topology = &snapshot->topology;
    uint32_t *identity = index_slot(&snapshot->by_identity, topology->nodes, from->identity);
    uint32_t *sphinx_key = index_slot(by_sphinx_key, topology->nodes, from->sphinx_key);
    if (*identity != 0 || *sphinx_key != 0) {
        topology->refused_nodes++;
        return SLC_OK;
    }
    struct slc_curve_table *table = NULL;
    enum slc_status status = slc_curve_table_new(&table, from->sphinx_key);
    if (status == SLC_BAD_KEY) {
        topology->refused_nodes++;
        return SLC_OK;
    }
    if (status != SLC_OK) return status;
    struct slc_node *node = &topology->nodes[topology->node_count++];
    *node = *from;
    node->hop.key = table;
    struct slc_writer address = slc_writer(node->hop.address, sizeof node->hop.address);
    slc_address_write_padded(&address, &node->mix, sizeof node->hop.address);
    *identity = *sphinx_key = (uint32_t)topology->node_count;
    return SLC_OK;
}

/* `order`: room for one pointer per node. */
static enum slc_status add_nodes(struct snapshot *snapshot, const struct slc_node_details *nodes, size_t count,
                                 const struct slc_node_details **order)
{
    struct index by_sphinx_key = {NULL, snapshot->by_identity.mask, offsetof(struct slc_node, sphinx_key)};
    by_sphinx_key.slot = calloc(by_sphinx_key.mask + 1, sizeof(uint32_t));
    if (by_sphinx_key.slot == NULL) return SLC_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        order[i] = &nodes[i];
    }
    qsort(order, count, sizeof(const struct slc_node_details *), compare_details);
    enum slc_status status = SLC_OK;
    for (size_t i = 0; i < count && status == SLC_OK; i++) {
        bool overwritten = i + 1 < count && order[i + 1]->node.id == order[i]->node.id;
        if (!overwritten) {
            status = add_node(snapshot, &by_sphinx_key, &order[i]->node);
        }
    }
    free(by_sphinx_key.slot);
    return status;
}

/* `ids`: room for the longest layer, and for both gateway lists together. */
static void add_roles(struct slc_topology *topology, const struct slc_rewarded_set *set, uint32_t *ids)
{
    for (unsigned i = 0; i < SLC_LAYERS; i++) {
        copy_ids(ids, set->layer[i], set->layer_count[i]);
        size_t count = sort_unique(ids, set->layer_count[i]);
        for (size_t n = 0; n < count; n++) {
            const struct slc_node *node = slc_topology_find_id(topology, ids[n]);
            if (node != NULL) {
                topology->layer[i][topology->layer_count[i]++] = node;
            }
        }
    }
    copy_ids(ids, set->entry, set->entry_count);
    copy_ids(ids + set->entry_count, set->exit, set->exit_count);
    topology->gateway_count = sort_unique(ids, set->entry_count + set->exit_count);
}

static enum slc_status check_routable(const struct slc_topology *topology, const struct slc_rewarded_set *set,
                                      struct slc_error *error)
{
    for (unsigned i = 0; i < SLC_LAYERS; i++) {
        if (topology->layer_count[i] > 0) continue;
        if (set->layer_count[i] == 0) {
            return slc_fail(error, SLC_NO_ROUTE, "layer %u has no node; a route needs one in every layer", i + 1);
        }
        return slc_fail(error, SLC_NO_ROUTE,
                        "layer %u lists %zu nodes, but none with usable details (%zu nodes were refused for their "
                        "keys); a route needs one in every layer",
                        i + 1, set->layer_count[i], topology->refused_nodes);
    }
    if (topology->gateway_count == 0) {
        return slc_fail(error, SLC_NO_ROUTE, "no entry and no exit gateway is listed; at least one is needed");
    }
    return SLC_OK;
}

static size_t longest_list(const struct slc_rewarded_set *set)
{
    size_t longest = set->entry_count + set->exit_count;
    for (unsigned i = 0; i < SLC_LAYERS; i++) {
        longest = set->layer_count[i] > longest ? set->layer_count[i] : longest;
    }
    return longest;
}

static bool too_many(size_t node_count, const struct slc_rewarded_set *set)
{
    const size_t max = SLC_TOPOLOGY_NODES_MAX;
    return node_count > max || set->entry_count > max || set->exit_count > max || longest_list(set) > max;
}

enum slc_status slc_topology_new(struct slc_topology **topology, const struct slc_node_details *nodes,
                                 size_t node_count, const struct slc_rewarded_set *set, uint32_t rotation_id,
                                 uint64_t epoch_id, struct slc_error *error)
{
    *topology = NULL;
    if (too_many(node_count, set)) {
        return slc_fail(error, SLC_TOO_LONG, "a topology of more than %d nodes", SLC_TOPOLOGY_NODES_MAX);
    }
    struct snapshot *snapshot = snapshot_new(node_count, set);
    const struct slc_node_details **order = calloc(node_count + 1, sizeof(const struct slc_node_details *));
    uint32_t *ids = calloc(longest_list(set) + 1, sizeof(uint32_t));
    enum slc_status status = SLC_NO_MEMORY;
    if (snapshot != NULL && order != NULL && ids != NULL) {
        snapshot->topology.rotation_id = rotation_id;
        snapshot->topology.rotation = slc_rotation_of(rotation_id);
        snapshot->topology.epoch_id = epoch_id;
        status = add_nodes(snapshot, nodes, node_count, order);
    }
    if (status == SLC_OK) {
        add_roles(&snapshot->topology, set, ids);
        status = check_routable(&snapshot->topology, set, error);
    } else {
        (void)slc_fail(error, status, "no memory for a topology of %zu nodes", node_count);
    }
    free(ids);
    free(order);
    if (status != SLC_OK) {
        slc_topology_release(snapshot != NULL ? &snapshot->topology : NULL);
        return status;
    }
    *topology = &snapshot->topology;
    return SLC_OK;
}
