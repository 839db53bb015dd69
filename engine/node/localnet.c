/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/node/node_internal.h"

#include "crypto/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void slc_localnet_config_default(struct slc_localnet_config *config)
{
    memset(config, 0, sizeof *config);
    config->mixnodes = 3;
    config->gateways = 2;
    config->first_id = 1;
    config->queue_packets = 200000;
    config->inbox_messages = 10000;
    config->max_clients = 65536;
    config->rotation_id = 4;
    config->validity_epochs = 24;
    config->epoch_seconds = 3600;
    config->runtime.workers = 1;
    config->runtime.networks = 1;
    config->runtime.max_connections = 16384;
    config->runtime.small_slots = 16384;
    config->runtime.large_slots = 256;
    config->runtime.timers = 262144;
    config->runtime.name = "mix";
}

static unsigned own_nodes(const struct slc_localnet_config *c)
{
    return c->mixnodes + c->gateways;
}

/* Snapshots leave a node out for it (net/directory/topology.h), and no route would show why. */
static enum slc_status check_sphinx_key(const struct slc_foreign_node *node, struct slc_error *error)
{
    struct slc_curve_table *table;
    enum slc_status status = slc_curve_table_new(&table, node->sphinx_key);
    slc_curve_table_free(table);
    if (status != SLC_BAD_KEY) return status;
    return slc_fail(
        error, status,
        "foreign node %u: its Sphinx key is of low order or on the twist, no packet can be made for it; give "
        "the key that the node publishes",
        node->id);
}

static enum slc_status check_foreign(const struct slc_localnet_config *c, size_t i, struct slc_error *error)
{
    const struct slc_foreign_node *node = &c->foreign[i];
    if (node->layer > SLC_LAYERS) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "foreign node %u: layer %u; a mixnode's layer is 1 to 3", node->id,
                        node->layer);
    }
    if (node->id >= c->first_id && node->id - c->first_id < own_nodes(c)) {
        return slc_fail(error, SLC_DUPLICATE, "foreign node %u: nodes %u to %u are ours; give it or them other ids",
                        node->id, c->first_id, c->first_id + own_nodes(c) - 1);
    }
    enum slc_status usable = check_sphinx_key(node, error);
    if (usable != SLC_OK) return usable;
    for (size_t before = 0; before < i; before++) {
        const struct slc_foreign_node *other = &c->foreign[before];
        if (other->id == node->id) {
            return slc_fail(error, SLC_DUPLICATE, "foreign node %u: the id is there twice", node->id);
        }
        if (memcmp(other->sphinx_key, node->sphinx_key, SLC_KEY_BYTES) == 0 ||
            memcmp(other->identity, node->identity, SLC_IDENTITY_BYTES) == 0) {
            return slc_fail(error, SLC_DUPLICATE, "foreign nodes %u and %u have a key in common", other->id, node->id);
        }
    }
    return SLC_OK;
}

/* Ours fill up the layers that have the fewest nodes, so a foreign node takes the place of one of them. */
static void choose_layers(const struct slc_localnet_config *c, uint8_t *layers, unsigned in_layer[SLC_LAYERS + 1])
{
    memset(in_layer, 0, (SLC_LAYERS + 1) * sizeof *in_layer);
    for (size_t i = 0; i < c->foreign_count; i++) {
        in_layer[c->foreign[i].layer]++;
    }
    for (unsigned i = 0; i < c->mixnodes; i++) {
        uint8_t layer = 1;
        for (uint8_t other = 2; other <= SLC_LAYERS; other++) {
            if (in_layer[other] < in_layer[layer]) layer = other;
        }
        in_layer[layer]++;
        layers[i] = layer;
    }
}

static enum slc_status check(const struct slc_localnet_config *c, struct slc_error *error)
{
    for (size_t i = 0; i < c->foreign_count; i++) {
        enum slc_status status = check_foreign(c, i, error);
        if (status != SLC_OK) return status;
    }
    size_t foreign_gateways = 0, foreign_mixnodes = 0;
    for (size_t i = 0; i < c->foreign_count; i++) {
        foreign_gateways += c->foreign[i].layer == 0;
        foreign_mixnodes += c->foreign[i].layer != 0;
    }
    if (c->mixnodes + foreign_mixnodes < SLC_LAYERS) {
        return slc_fail(error, SLC_NO_ROUTE, "%zu mixnodes: a route needs one in each of the 3 layers",
                        c->mixnodes + foreign_mixnodes);
    }
    if (c->gateways + foreign_gateways == 0)
        return slc_fail(error, SLC_NO_ROUTE, "a mixnet needs at least one gateway");
    if (c->validity_epochs == 0 || c->epoch_seconds == 0) {
        return slc_fail(error, SLC_OUT_OF_RANGE, "an epoch lasts at least a second, a key rotation at least one epoch");
    }
    if (c->first_port != 0 && c->first_port + own_nodes(c) + c->gateways - 1 > UINT16_MAX) {
        return slc_fail(error, SLC_OUT_OF_RANGE, "%u ports from %u on: there are none above 65535",
                        own_nodes(c) + c->gateways, c->first_port);
    }
    return SLC_OK;
}

/* ---- keys and addresses ---- */

static void make_keys(struct node *node, struct slc_random *random)
{
    uint8_t seed[32];
    slc_random_bytes(random, seed, sizeof seed);
    slc_identity_from_seed(&node->identity, seed);
    seed[0] ^= 1;
    slc_identity_from_seed(&node->impostor, seed);
    slc_random_bytes(random, node->chain, sizeof node->chain);
    slc_random_bytes(random, node->noise.secret, sizeof node->noise.secret);
    slc_public_key(node->noise.public_key, node->noise.secret);
    slc_wipe(seed, sizeof seed);
}

static struct slc_address loopback(uint16_t port)
{
    return (struct slc_address){.version = 4, .ip = {127, 0, 0, 1}, .port = port};
}

static uint16_t port_of(const struct slc_localnet *net, unsigned offset)
{
    return net->config.first_port == 0 ? 0 : (uint16_t)(net->config.first_port + offset);
}

/*
 * A mix port is bound for every node even when hops stay in memory, so that the address published is ours alone and a
 * foreign node can reach it.
 */
static enum slc_status bind_node(struct slc_localnet *net, struct node *node, struct slc_node *public_node,
                                 struct slc_error *error)
{
    unsigned networks = net->config.runtime.networks;
    unsigned network = node->index % networks;
    struct slc_address wanted = loopback(port_of(net, node->index));
    enum slc_status status = slc_runtime_listen(net->runtime, network, node->worker, &wanted, SLC_PROTOCOL_NODE, NULL,
                                                TOKEN(TOKEN_NODES, node->index), &node->mix, error);
    if (status != SLC_OK) return status;
    if (net->config.noise) {
        slc_runtime_set_noise(net->runtime, TOKEN(TOKEN_NODES, node->index), &node->noise);
    }
    public_node->mix = node->mix;
    net->by_port[node->mix.port] = (int32_t)node->index;
    if (node->layer != 0) return SLC_OK;
    wanted = loopback(port_of(net, (unsigned)net->own_count + node->index - net->config.mixnodes));
    return slc_runtime_listen(net->runtime, network, node->worker, &wanted, SLC_PROTOCOL_WS_SERVER, NULL,
                              TOKEN(TOKEN_CLIENTS, node->index), &public_node->ws, error);
}

static enum slc_status make_node(struct slc_localnet *net, unsigned index, struct slc_random *random,
                                 struct slc_error *error)
{
    struct node *node = &net->nodes[index];
    struct slc_node *public_node = &net->public_nodes[index];
    bool gateway = index >= net->config.mixnodes;
    node->index = index;
    node->worker = index % net->workers;
    node->layer = net->layers[index];
    node->faults = node->ordered = net->config.faults;
    make_keys(node, random);
    public_node->id = net->config.first_id + index;
    memcpy(public_node->identity, node->identity.public_key, SLC_IDENTITY_BYTES);
    rotation_begin(node, public_node->sphinx_key);
    public_node->mixnode = !gateway;
    public_node->entry = public_node->has_entry = public_node->exit_nr = public_node->exit_ipr = gateway;
    if (net->config.noise) memcpy(net->noise_keys[index], node->noise.public_key, SLC_KEY_BYTES);
    if (gateway) {
        enum slc_status status = slc_registry_new(&node->registry, net->config.max_clients);
        if (status == SLC_OK) {
            status = slc_inbox_new(&node->inbox, net->config.inbox_messages, net->config.queue_packets);
        }
        if (status != SLC_OK) return slc_fail(error, status, "making a gateway: %s", slc_status_text(status));
    }
    return bind_node(net, node, public_node, error);
}

static void take_foreign(struct slc_localnet *net, size_t place, const struct slc_foreign_node *foreign)
{
    struct node *node = &net->nodes[place];
    struct slc_node *public_node = &net->public_nodes[place];
    node->index = (unsigned)place;
    node->foreign = true;
    node->layer = foreign->layer;
    node->mix = foreign->mix;
    net->layers[place] = foreign->layer;
    public_node->id = foreign->id;
    memcpy(public_node->identity, foreign->identity, SLC_IDENTITY_BYTES);
    memcpy(public_node->sphinx_key, foreign->sphinx_key, SLC_KEY_BYTES);
    public_node->mix = foreign->mix;
    public_node->mixnode = foreign->layer != 0;
    public_node->entry = public_node->has_entry = foreign->layer == 0;
    public_node->ws = foreign->ws;
    if (foreign->has_noise_key) memcpy(net->noise_keys[place], foreign->noise_key, SLC_KEY_BYTES);
}

/* ---- crews ---- */

static enum slc_status make_pools(struct crew *crew)
{
    const struct slc_localnet_config *c = &crew->net->config;
    /* Every packet may wait, and a few hundred be in hand; memory is touched only when used. */
    size_t packets = c->queue_packets / crew->net->workers + 1024;
    static const size_t bytes[POOLS] = {SLC_ACK_PACKET_BYTES, SLC_REGULAR_PACKET_BYTES, SLC_LARGEST_PACKET_BYTES};
    for (unsigned pool = 0; pool < POOLS; pool++) {
        size_t count = pool == POOL_LARGE ? packets / 16 + 64 : packets;
        enum slc_status status = slc_pool_init(&crew->pool[pool], sizeof(struct transit) + bytes[pool], count);
        if (status != SLC_OK) return status;
    }
    return SLC_OK;
}

static enum slc_status make_crew(struct slc_localnet *net, unsigned index)
{
    struct crew *crew = &net->crews[index];
    const struct slc_runtime_config *r = &net->config.runtime;
    crew->net = net;
    crew->index = index;
    crew->rotation = net->config.rotation_id;
    enum slc_status status = slc_random_from_system(&crew->random);
    if (status == SLC_OK) status = make_pools(crew);
    if (status == SLC_OK) status = slc_replay_new(&crew->replay[KEY_CURRENT], REMEMBERED_TAGS);
    if (status == SLC_OK) status = slc_sphinx_scratch_new(&crew->scratch, OPEN_BATCH);
    if (status != SLC_OK) return status;
    crew->jobs = calloc(OPEN_BATCH, sizeof *crew->jobs);
    crew->opening = calloc(OPEN_BATCH, sizeof *crew->opening);
    crew->frame_jobs = calloc(FRAME_BATCH, sizeof *crew->frame_jobs);
    crew->frame_of_job = calloc(FRAME_BATCH, sizeof *crew->frame_of_job);
    crew->frames = calloc(FRAME_BATCH, sizeof *crew->frames);
    crew->push_jobs = calloc(PUSH_BATCH, sizeof *crew->push_jobs);
    crew->pushes = calloc(PUSH_BATCH, sizeof *crew->pushes);
    crew->peers = calloc(net->node_count, sizeof *crew->peers);
    crew->outbox = calloc(net->workers * 2, sizeof *crew->outbox);
    crew->connection_count = r->max_connections * r->networks;
    crew->connections = calloc(crew->connection_count, sizeof *crew->connections);
    bool made = crew->jobs != NULL && crew->opening != NULL && crew->frame_jobs != NULL && crew->frames != NULL &&
                crew->frame_of_job != NULL && crew->push_jobs != NULL && crew->pushes != NULL && crew->peers != NULL &&
                crew->outbox != NULL && crew->connections != NULL;
    for (unsigned n = 0; n < r->networks && made; n++) {
        crew->by_link[n] = calloc(r->max_connections + 64, sizeof *crew->by_link[n]);
        made = crew->by_link[n] != NULL;
    }
    for (uint32_t i = 0; made && i < crew->connection_count; i++) {
        crew->connections[i].next_free = i + 1 < crew->connection_count ? i + 1 : UINT32_MAX;
    }
    return made ? SLC_OK : SLC_NO_MEMORY;
}

static enum slc_status make_all(struct slc_localnet *net, struct slc_error *error)
{
    const struct slc_localnet_config *c = &net->config;
    net->nodes = calloc(net->node_count, sizeof *net->nodes);
    net->public_nodes = calloc(net->node_count, sizeof *net->public_nodes);
    net->layers = calloc(net->node_count, 1);
    net->noise_keys = calloc(net->node_count, sizeof *net->noise_keys);
    net->crews = calloc(net->workers, sizeof *net->crews);
    net->by_port = malloc(65536 * sizeof *net->by_port);
    struct slc_role *roles = calloc(net->workers, sizeof *roles);
    enum slc_status status = SLC_NO_MEMORY;
    if (net->nodes != NULL && net->public_nodes != NULL && net->layers != NULL && net->noise_keys != NULL &&
        net->crews != NULL && net->by_port != NULL && roles != NULL) {
        memset(net->by_port, 0xff, 65536 * sizeof *net->by_port);
        status = SLC_OK;
    }
    for (unsigned i = 0; i < net->workers && status == SLC_OK; i++) {
        status = make_crew(net, i);
        if (status == SLC_OK) roles[i] = crew_role(&net->crews[i]);
    }
    if (status != SLC_OK) (void)slc_fail(error, status, "making the local mixnet: %s", slc_status_text(status));
    if (status == SLC_OK) status = slc_runtime_new(&net->runtime, &c->runtime, roles, error);
    free(roles);
    if (status != SLC_OK) return status;

    struct slc_random random;
    status = slc_random_from_system(&random);
    if (status != SLC_OK) return slc_fail(error, status, "the system gives no randomness");
    if (c->seed != 0) slc_random_from_number(&random, c->seed, 1);
    slc_random_bytes(&random, net->fault_key, sizeof net->fault_key);
    unsigned in_layer[SLC_LAYERS + 1];
    choose_layers(c, net->layers, in_layer);
    for (unsigned layer = 1; layer <= SLC_LAYERS && status == SLC_OK; layer++) {
        if (in_layer[layer] > 0) continue;
        status = slc_fail(error, SLC_NO_ROUTE, "layer %u has no node; a route needs one in every layer", layer);
    }
    for (unsigned i = 0; i < net->own_count && status == SLC_OK; i++) {
        status = make_node(net, i, &random, error);
    }
    slc_random_wipe(&random);
    for (size_t i = 0; i < c->foreign_count; i++) {
        take_foreign(net, net->own_count + i, &c->foreign[i]);
    }
    return status;
}

static bool any_noise(const struct slc_localnet_config *c)
{
    bool any = c->noise;
    for (size_t i = 0; i < c->foreign_count; i++) {
        any |= c->foreign[i].has_noise_key;
    }
    return any;
}

enum slc_status slc_localnet_new(struct slc_localnet **out, const struct slc_localnet_config *config,
                                 struct slc_error *error)
{
    *out = NULL;
    enum slc_status status = check(config, error);
    if (status != SLC_OK) return status;
    struct slc_localnet *net = calloc(1, sizeof *net);
    if (net == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    net->config = *config;
    net->config.runtime.node_frames_v8 = config->frames_v8;
    net->workers = config->runtime.workers;
    net->own_count = config->mixnodes + config->gateways;
    net->node_count = net->own_count + config->foreign_count;
    status = make_all(net, error);
    if (status != SLC_OK) {
        slc_localnet_free(net);
        return status;
    }
    /* Chapter 6, section 3.2: the second epoch of its rotation, so that no key is about to change or just has. */
    net->network = (struct slc_network){
        .rotation_id = config->rotation_id,
        .validity_epochs = config->validity_epochs,
        .initial_epoch = 0,
        .epoch_id = (uint64_t)config->rotation_id * config->validity_epochs + (config->validity_epochs > 1),
        .epoch_seconds = config->epoch_seconds,
        .epoch_start = (int64_t)slc_unix_seconds(),
        .nodes = net->public_nodes,
        .layer = net->layers,
        .noise_key = any_noise(config) ? (const uint8_t(*)[SLC_KEY_BYTES])net->noise_keys : NULL,
        .node_count = net->node_count,
    };
    net->next_epoch = slc_now() + config->epoch_seconds * SLC_SECOND;
    *out = net;
    return SLC_OK;
}

enum slc_status slc_localnet_start(struct slc_localnet *net, struct slc_error *error)
{
    return slc_runtime_start(net->runtime, error);
}

void slc_localnet_stop(struct slc_localnet *net)
{
    if (net->runtime != NULL) slc_runtime_stop(net->runtime);
}

static void free_crew(struct crew *crew)
{
    gateway_free(crew);
    for (unsigned pool = 0; pool < POOLS; pool++) {
        slc_pool_free(&crew->pool[pool]);
    }
    for (unsigned key = 0; key < KEYS; key++) {
        slc_replay_free(crew->replay[key]);
    }
    slc_sphinx_scratch_free(crew->scratch);
    free(crew->jobs);
    free(crew->opening);
    free(crew->frame_jobs);
    free(crew->frame_of_job);
    free(crew->frames);
    free(crew->push_jobs);
    free(crew->pushes);
    free(crew->peers);
    free(crew->outbox);
    free(crew->kept);
    free(crew->kept_to);
    free(crew->connections);
    for (unsigned n = 0; n < sizeof crew->by_link / sizeof *crew->by_link; n++) {
        free(crew->by_link[n]);
    }
    slc_random_wipe(&crew->random);
}

void slc_localnet_free(struct slc_localnet *net)
{
    if (net == NULL) return;
    slc_localnet_stop(net);
    slc_runtime_free(net->runtime);
    for (unsigned i = 0; net->crews != NULL && i < net->workers; i++) {
        free_crew(&net->crews[i]);
    }
    for (size_t i = 0; net->nodes != NULL && i < net->node_count; i++) {
        slc_registry_free(net->nodes[i].registry);
        slc_inbox_free(net->nodes[i].inbox);
    }
    if (net->nodes != NULL) slc_wipe(net->nodes, net->node_count * sizeof *net->nodes);
    free(net->nodes);
    free(net->public_nodes);
    free(net->layers);
    free(net->noise_keys);
    free(net->crews);
    free(net->by_port);
    free(net);
}

/* ---- descriptions ---- */

const struct slc_network *slc_localnet_network(const struct slc_localnet *net)
{
    return &net->network;
}

enum slc_status slc_localnet_topology(const struct slc_localnet *net, struct slc_topology **topology,
                                      struct slc_error *error)
{
    /* Through the documents, as every client gets it: one way to make a snapshot. */
    char *json = slc_network_document(&net->network, SLC_DOCUMENT_TOPOLOGY_FILE);
    if (json == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    enum slc_status status = slc_topology_parse_file(slc_bytes_of_text(json), "local mixnet", topology, error);
    free(json);
    return status;
}

/* ---- numbers ---- */

void slc_localnet_counters(const struct slc_localnet *net, int node, struct slc_node_counters *counters)
{
    memset(counters, 0, sizeof *counters);
    for (size_t i = 0; i < net->node_count; i++) {
        if (node != SLC_ALL_NODES && node != (int)i) continue;
        const struct slc_node_counters *from = &net->nodes[i].counters;
#define X(name, text) counters->name += __atomic_load_n(&from->name, __ATOMIC_RELAXED);
        SLC_NODE_COUNTERS(X)
#undef X
    }
}

size_t slc_localnet_waiting(const struct slc_localnet *net)
{
    size_t waiting = 0;
    for (unsigned i = 0; i < net->workers; i++) {
        waiting += atomic_load_explicit(&net->crews[i].waiting, memory_order_relaxed);
    }
    return waiting;
}

size_t slc_localnet_threads(const struct slc_localnet *net, struct slc_thread_report *rows, size_t cap)
{
    return slc_runtime_report(net->runtime, rows, cap);
}

const char *slc_localnet_backend(const struct slc_localnet *net)
{
    return slc_runtime_backend(net->runtime);
}
