/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet_internal.h"

#include <stdlib.h>

/* ---- nodes and the directory ---- */

static void make_nodes(struct mininet *net)
{
    for (unsigned i = 0; i < MININET_NODES; i++) {
        struct mininet_node *node = &net->nodes[i];
        uint8_t seed[32];
        slc_random_bytes(&net->random, seed, sizeof seed);
        slc_identity_from_seed(&node->identity, seed);
        slc_random_bytes(&net->random, node->secret, sizeof node->secret);
        node->address = (struct slc_address){.version = 4, .ip = {127, 0, 0, 1}, .port = (uint16_t)(1000 + i)};
        if (i < MININET_MIXES) continue;
        mininet_check(slc_registry_new(&node->registry, net->max_clients) == SLC_OK, "registry");
    }
}

static int64_t directory_unix(const struct mininet *net)
{
    return MININET_UNIX + (int64_t)(net->now / SLC_SECOND);
}

static void make_topology(struct mininet *net)
{
    struct slc_node_details details[MININET_NODES] = {0};
    size_t count = 0;
    for (uint32_t i = 0; i < MININET_NODES; i++) {
        if (net->hidden[i]) continue;
        struct slc_node *node = &details[count].node;
        const struct mininet_node *from = &net->nodes[i];
        bool gateway = i >= MININET_MIXES;
        node->id = i + 1;
        memcpy(node->identity, from->identity.public_key, SLC_IDENTITY_BYTES);
        slc_public_key(node->sphinx_key, from->secret[net->rotation_id % 2]);
        node->mix = from->address;
        node->mixnode = !gateway;
        node->entry = node->exit_nr = node->has_entry = gateway;
        node->ws = from->address;
        details[count++].performance = 100;
    }
    static const uint32_t ids[] = {1, 2, 3, 4, 5};
    const size_t each = net->wide ? MININET_MIXES : 1;
    static const uint32_t odd_pair[] = {1, MININET_NODES};
    const uint32_t *first = net->gateway_mixes ? odd_pair : ids;
    const struct slc_rewarded_set set = {.layer = {first, &ids[net->wide ? 0 : 1], &ids[net->wide ? 0 : 2]},
                                         .layer_count = {net->gateway_mixes ? 2 : each, each, each},
                                         .entry = &ids[MININET_MIXES],
                                         .entry_count = MININET_NODES - MININET_MIXES};
    struct slc_error error = {0};
    slc_topology_release(net->topology);
    enum slc_status status =
        slc_topology_new(&net->topology, details, count, &set, net->rotation_id, net->epoch_id, &error);
    mininet_check(status == SLC_OK, error.text);
    if (net->info.validity_epochs > 0) net->topology->refreshed_at = directory_unix(net);
    slc_clients_set_topology(net->clients, net->topology, net->info.validity_epochs > 0 ? &net->info : NULL);
}

static void new_keys(struct mininet *net, uint32_t rotation_id, slc_time overlap)
{
    net->rotation_id = rotation_id;
    net->previous_until = net->now + overlap;
    for (unsigned i = 0; i < MININET_NODES; i++) {
        slc_random_bytes(&net->random, net->nodes[i].secret[rotation_id % 2], SLC_KEY_BYTES);
    }
}

void mininet_rotate(struct mininet *net)
{
    new_keys(net, net->rotation_id + 1, 3600 * SLC_SECOND);
    make_topology(net);
}

void mininet_epochs(struct mininet *net, uint32_t epoch_seconds, uint32_t validity)
{
    net->info = (struct slc_rotation_info){.validity_epochs = validity,
                                           .initial_epoch = net->epoch_id - (uint64_t)net->rotation_id * validity,
                                           .current_epoch = net->epoch_id,
                                           .epoch_start = directory_unix(net),
                                           .epoch_seconds = epoch_seconds};
    make_topology(net);
}

void mininet_turn(struct mininet *net)
{
    const struct slc_rotation_info *info = &net->info;
    if (net->stuck) return;
    uint64_t passed = (uint64_t)(directory_unix(net) - info->epoch_start) / info->epoch_seconds;
    net->epoch_id = info->current_epoch + passed;
    uint32_t rotation_id = slc_rotation_id(net->epoch_id, info->initial_epoch, info->validity_epochs);
    if (rotation_id != net->rotation_id) new_keys(net, rotation_id, info->epoch_seconds * SLC_SECOND);
}

void mininet_refresh(struct mininet *net)
{
    if (net->info.validity_epochs > 0) mininet_turn(net);
    make_topology(net);
}

void mininet_run_refreshed(struct mininet *net, slc_time duration, slc_time period)
{
    for (slc_time end = net->now + duration; net->now < end;) {
        mininet_run(net, end - net->now < period ? end - net->now : period);
        mininet_refresh(net);
    }
}

/* ---- clients ---- */

static void add_client(struct mininet *net, uint32_t number)
{
    struct mininet_client *k = &net->client[number];
    struct slc_client_setup setup = {
        .keys = k->keys, .shared_key = k->has_key ? k->key : NULL, .last_timestamp = k->timestamp};
    memcpy(setup.gateway, net->nodes[k->gateway].identity.public_key, SLC_IDENTITY_BYTES);
    uint32_t index;
    mininet_check(slc_clients_add(net->clients, &setup, net->now, &index) == SLC_OK, "no client more");
    mininet_check(index == number, "clients are numbered in order");
}

static void make_client(struct mininet *net)
{
    struct mininet_client *k = &net->client[net->client_count];
    k->gateway = MININET_MIXES + (unsigned)net->client_count % (MININET_NODES - MININET_MIXES);
    k->session = mininet_need(calloc(1, slc_server_session_bytes()));
    slc_client_keys_generate(&k->keys, &net->random);
    add_client(net, (uint32_t)net->client_count++);
}

static void make_clients(struct mininet *net, size_t batch)
{
    const struct slc_clients_config config = {.traffic = &net->traffic,
                                              .random = &net->client_random,
                                              .max_clients = net->max_clients,
                                              .batch = batch,
                                              .port = mininet_port(net)};
    mininet_check(slc_clients_new(&net->clients, &config) == SLC_OK, "clients");
}

static struct mininet *make_net(uint64_t seed, size_t clients, const struct slc_traffic *traffic)
{
    struct mininet *net = mininet_need(calloc(1, sizeof *net));
    slc_random_from_number(&net->random, seed, 0);
    slc_random_from_number(&net->client_random, seed, 1);
    slc_traffic_default(&net->traffic);
    if (traffic != NULL) net->traffic = *traffic;
    net->now = SLC_SECOND;
    net->step = SLC_MILLISECOND;
    net->rotation_id = 7;
    net->epoch_id = 1000;
    net->max_clients = clients;
    net->keep_deliveries = true;
    net->last_delivery = &net->first_delivery;
    net->client = mininet_need(calloc(clients, sizeof *net->client));
    mininet_check(slc_sphinx_scratch_new(&net->scratch, OPEN_BATCH) == SLC_OK, "scratch");
    return net;
}

static void populate(struct mininet *net, size_t batch)
{
    make_clients(net, batch);
    make_nodes(net);
    make_topology(net);
    for (size_t i = 0; i < net->max_clients; i++) {
        make_client(net);
    }
}

struct mininet *mininet_new(uint64_t seed, size_t clients, const struct slc_traffic *traffic, size_t batch)
{
    struct mininet *net = make_net(seed, clients, traffic);
    populate(net, batch);
    return net;
}

struct mininet *mininet_new_kept(uint64_t seed, size_t clients, const struct slc_traffic *traffic,
                                 uint64_t (*keep)(void *, uint32_t, const struct slc_client_record *), void *keeper)
{
    struct mininet *net = make_net(seed, clients, traffic);
    net->keep = keep;
    net->keeper = keeper;
    populate(net, 256);
    return net;
}

void mininet_crash(struct mininet *net, void (*restore)(void *self, struct mininet *net), void *self)
{
    for (uint32_t i = 0; i < net->client_count; i++) {
        mininet_hang_up(net, &net->client[i]);
    }
    slc_clients_free(net->clients);
    make_clients(net, 256);
    make_topology(net);
    for (uint32_t i = 0; i < net->client_count; i++) {
        add_client(net, i);
    }
    if (restore != NULL) restore(self, net);
}

void mininet_free(struct mininet *net)
{
    slc_clients_free(net->clients);
    for (struct mininet_delivery *d; (d = mininet_next(net)) != NULL;) {
        mininet_forget(d);
    }
    for (size_t i = 0; i < net->heap_len; i++) {
        free(net->heap[i].memory);
    }
    for (size_t i = 0; i < net->client_count; i++) {
        mininet_hang_up(net, &net->client[i]);
        free(net->client[i].session);
        free(net->client[i].dues);
        free(net->client[i].hops);
        while (net->client[i].inbox != NULL) {
            struct mininet_letter *letter = net->client[i].inbox;
            net->client[i].inbox = letter->next;
            free(letter);
        }
    }
    for (unsigned i = MININET_MIXES; i < MININET_NODES; i++) {
        slc_registry_free(net->nodes[i].registry);
    }
    slc_topology_release(net->topology);
    slc_sphinx_scratch_free(net->scratch);
    slc_index_free(&net->alphas);
    free(net->heap);
    free(net->client);
    free(net);
}
