/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_ENGINE_WORLD_H
#define SLUICE_TEST_ENGINE_WORLD_H

#include "tests/support/vectors.h"

#include "engine/engine.h"
#include "engine/node/localnet.h"

#include <stdio.h>

/* An engine and the local mixnet in one process: real threads, sockets, packets and acks. */

struct world {
    struct slc_localnet *net;
    struct slc_topology *topology;
    struct slc_engine *engine;
    uint32_t clients;
    struct slc_recipient recipient[64];
    size_t ready, lost, sent, acked, delivered, expired, removed, lanes, lane_fragments, closed, failed;
    size_t topologies, topologies_failed;
    bool may_fail;
    enum slc_status expired_status; /* of the last */
    size_t delivered_bytes;
    uint8_t last_tag[SLC_SENDER_TAG_BYTES];
    bool has_tag, got_reply;
    uint32_t tag_owner;
};

static inline void must(enum slc_status status, const struct slc_error *error)
{
    if (status != SLC_OK) fail_msg("%s: %s", slc_status_text(status), error == NULL ? "" : error->text);
}

/* A fresh identity at one of the gateways; its number. */
static inline uint32_t add_client(struct world *w, uint32_t i)
{
    struct slc_random random;
    must(slc_random_from_system(&random), NULL);
    const struct slc_node *gateways[8];
    size_t n = slc_topology_gateways(w->topology, true, gateways, 8);
    struct slc_client_setup setup = {0};
    uint32_t client;
    slc_client_keys_generate(&setup.keys, &random);
    memcpy(setup.gateway, gateways[i % n]->identity, sizeof setup.gateway);
    must(slc_engine_add(w->engine, &setup, &client), NULL);
    return client;
}

/* `tune` may be NULL. */
static inline void make_tuned_world(struct world *w, uint32_t clients, bool tcp_hops,
                                    void (*tune)(struct slc_engine_config *config))
{
    struct slc_error error = {0};
    struct slc_localnet_config net;
    memset(w, 0, sizeof *w);
    slc_localnet_config_default(&net);
    net.tcp_hops = net.noise = tcp_hops;
    net.runtime.max_connections = 256;
    must(slc_localnet_new(&w->net, &net, &error), &error);
    must(slc_localnet_topology(w->net, &w->topology, &error), &error);
    must(slc_localnet_start(w->net, &error), &error);
    struct slc_engine_config config;
    slc_engine_config_default(&config);
    config.runtime.max_connections = 256;
    config.max_clients = clients;
    if (tune != NULL) tune(&config);
    must(slc_engine_new(&w->engine, &config, w->topology, NULL, &error), &error);
    w->clients = clients;
    for (uint32_t i = 0; i < clients; i++) {
        assert_int_equal(add_client(w, i), i);
        must(slc_engine_recipient(w->engine, i, &w->recipient[i]), NULL);
    }
    must(slc_engine_start(w->engine, &error), &error);
}

static inline void make_world(struct world *w, uint32_t clients, bool tcp_hops)
{
    make_tuned_world(w, clients, tcp_hops, NULL);
}

static inline void take(struct world *w, const struct slc_engine_event *event)
{
    switch (event->kind) {
    case SLC_CLIENT_READY:
        w->ready++;
        break;
    case SLC_CLIENT_SENT:
        w->sent++;
        break;
    case SLC_CLIENT_ACKED:
        w->acked++;
        break;
    case SLC_CLIENT_EXPIRED:
        w->expired++;
        w->expired_status = event->status;
        break;
    case SLC_CLIENT_REMOVED:
        w->removed++;
        break;
    case SLC_CLIENT_LANE:
        w->lanes++;
        w->lane_fragments = event->len;
        break;
    case SLC_CLIENT_CLOSED:
        w->closed++;
        break;
    case SLC_CLIENT_LOST:
        w->lost++;
        break;
    case SLC_CLIENT_FAILED:
        if (!w->may_fail) fail_msg("client %u: %s", event->client, event->text);
        w->failed++;
        break;
    case SLC_CLIENT_TOPOLOGY:
        *(event->status == SLC_OK ? &w->topologies : &w->topologies_failed) += 1;
        break;
    case SLC_CLIENT_DELIVERED:
        w->delivered++;
        w->delivered_bytes += event->len;
        w->got_reply |= event->is_reply;
        if (event->has_tag) {
            memcpy(w->last_tag, event->tag, sizeof w->last_tag);
            w->has_tag = true;
            w->tag_owner = event->client;
        }
        for (size_t i = 0; i < event->len; i++) {
            if (event->data[i] != (uint8_t)(i * 7)) fail_msg("byte %zu of %zu is wrong", i, event->len);
        }
        break;
    default:
        break;
    }
}

/* Takes what events there are for `span`. */
static inline void take_for(struct world *w, slc_time span)
{
    struct slc_engine_event events[64];
    for (slc_time end = slc_now() + span; slc_now() < end;) {
        size_t n = slc_engine_poll(w->engine, events, 64);
        for (size_t i = 0; i < n; i++) {
            take(w, &events[i]);
            slc_engine_release(w->engine, &events[i]);
        }
        if (n == 0) slc_engine_wait(w->engine, 2 * SLC_MILLISECOND);
    }
}

/* Until `*counter` reaches `wanted`, at most `seconds`. */
static inline void wait_for(struct world *w, const size_t *counter, size_t wanted, unsigned seconds)
{
    slc_time end = slc_now() + seconds * SLC_SECOND;
    while (*counter < wanted && slc_now() < end) {
        struct slc_engine_event events[64];
        size_t n = slc_engine_poll(w->engine, events, 64);
        for (size_t i = 0; i < n; i++) {
            take(w, &events[i]);
            slc_engine_release(w->engine, &events[i]);
        }
        if (n == 0) slc_engine_wait(w->engine, 20 * SLC_MILLISECOND);
    }
    if (*counter < wanted) {
        struct slc_node_counters c = {0};
        if (w->net != NULL) slc_localnet_counters(w->net, SLC_ALL_NODES, &c);
        fail_msg("%zu of %zu after %u s; malformed %llu, dropped %llu", *counter, wanted, seconds,
                 (unsigned long long)c.malformed, (unsigned long long)c.queue_dropped);
    }
}

static inline void post(struct world *w, struct slc_send *send)
{
    must(slc_engine_prepare(w->engine, send), NULL);
    for (size_t i = 0; i < send->len; i++) {
        send->data[i] = (uint8_t)(i * 7);
    }
    while (slc_engine_submit(w->engine, send) == SLC_AGAIN) {
        slc_engine_wait(w->engine, SLC_MILLISECOND);
    }
}

static inline void end_world(struct world *w)
{
    slc_engine_free(w->engine);
    slc_localnet_free(w->net);
    slc_topology_release(w->topology);
}

#endif
