/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_CROWD_H
#define SLUICE_TEST_CROWD_H

#include "tests/support/vectors.h"

#include "engine/engine.h"
#include "engine/node/localnet.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * The engine's clients in a local mixnet whose one gateway may turn evil, and books of what they send: each message is
 * numbered, and its copies are counted where they arrive.
 */

enum {
    CLIENTS = 8, /* even ones at the evil gateway, odd ones at the good */
    EVIL = 3,    /* index of the node: the first after three mixnodes    */
    MESSAGES_MAX = 4096,
    MESSAGE_BYTES = 1000,
    MEMORY_SLACK = 1 << 20,
};

struct world {
    struct slc_localnet *net;
    struct slc_topology *topology;
    struct slc_engine *engine;
    struct slc_recipient recipient[CLIENTS];
    size_t ready, lost, failed, submitted, acked, delivered, strange, evil_failed;
    uint8_t copies[MESSAGES_MAX]; /* of each message that arrived */
    bool acked_message[MESSAGES_MAX];
    char text[256]; /* of the last failure or loss */
    struct slc_faults faults;
};

static inline void must(enum slc_status status, const struct slc_error *error)
{
    if (status != SLC_OK) fail_msg("%s: %s", slc_status_text(status), error == NULL ? "" : error->text);
}

static inline bool is_evil(uint32_t client)
{
    return client % 2 == 0;
}

static inline struct world *open_world(void)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    struct slc_error error = {0};
    struct slc_localnet_config net;
    slc_localnet_config_default(&net);
    net.runtime.max_connections = 256;
    net.seed = 5;
    must(slc_localnet_new(&w->net, &net, &error), &error);
    must(slc_localnet_topology(w->net, &w->topology, &error), &error);
    must(slc_localnet_start(w->net, &error), &error);
    struct slc_engine_config config;
    slc_engine_config_default(&config);
    config.runtime.max_connections = 256;
    config.max_clients = CLIENTS;
    config.traffic.pacing = SLC_PACING_NONE;
    config.traffic.loop_mean = 0;
    config.traffic.ack_wait_extra = 700 * SLC_MILLISECOND;
    config.traffic.gateway_timeout = SLC_SECOND;
    must(slc_engine_new(&w->engine, &config, w->topology, NULL, &error), &error);
    struct slc_random random;
    slc_random_from_number(&random, 5, 1);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct slc_client_setup setup = {0};
        uint32_t client;
        slc_client_keys_generate(&setup.keys, &random);
        const struct slc_node *gateway = &slc_localnet_network(w->net)->nodes[is_evil(i) ? EVIL : EVIL + 1];
        memcpy(setup.gateway, gateway->identity, sizeof setup.gateway);
        must(slc_engine_add(w->engine, &setup, &client), NULL);
        assert_int_equal(client, i);
        slc_engine_recipient(w->engine, client, &w->recipient[i]);
    }
    must(slc_engine_start(w->engine, &error), &error);
    return w;
}

static inline void take(struct world *w, const struct slc_engine_event *event)
{
    uint32_t number;
    switch (event->kind) {
    case SLC_CLIENT_READY:
        w->ready++;
        break;
    case SLC_CLIENT_FAILED:
        w->failed++;
        w->evil_failed += is_evil(event->client);
        (void)snprintf(w->text, sizeof w->text, "%s", event->text);
        break;
    case SLC_CLIENT_LOST:
        w->lost++;
        if (!is_evil(event->client)) fail_msg("client %u of the good gateway: %s", event->client, event->text);
        (void)snprintf(w->text, sizeof w->text, "%s", event->text);
        break;
    case SLC_CLIENT_ACKED:
        assert_false(w->acked_message[event->token]);
        w->acked_message[event->token] = true;
        w->acked++;
        break;
    case SLC_CLIENT_EXPIRED:
        fail_msg("message %u expired", (unsigned)event->token);
        break;
    case SLC_CLIENT_DELIVERED:
        assert_int_equal(event->len, MESSAGE_BYTES);
        memcpy(&number, event->data, sizeof number);
        assert_true(number < w->submitted && event->client == event->data[4]);
        w->copies[number]++;
        w->delivered++;
        break;
    default:
        break;
    }
}

static inline void turn(struct world *w)
{
    struct slc_engine_event events[64];
    size_t n = slc_engine_poll(w->engine, events, 64);
    for (size_t i = 0; i < n; i++) {
        take(w, &events[i]);
        slc_engine_release(w->engine, &events[i]);
    }
    if (n == 0) slc_engine_wait(w->engine, 5 * SLC_MILLISECOND);
}

#define UNTIL(w, condition)                                                                                            \
    do {                                                                                                               \
        slc_time until_ = slc_now() + 60 * SLC_SECOND;                                                                 \
        while (!(condition) && slc_now() < until_) {                                                                   \
            turn(w);                                                                                                   \
        }                                                                                                              \
        if (!(condition))                                                                                              \
            fail_msg("never came: " #condition "; %zu delivered of %zu", (w)->delivered, (w)->submitted);              \
    } while (0)

static inline void let_pass(struct world *w, slc_time time)
{
    slc_time end = slc_now() + time;
    while (slc_now() < end) {
        turn(w);
    }
}

/* One message from `from` to `to`. */
static inline void post(struct world *w, uint32_t from, uint32_t to)
{
    uint32_t number = (uint32_t)w->submitted++;
    assert_true(number < MESSAGES_MAX);
    struct slc_send send = {
        .client = from, .token = number, .len = MESSAGE_BYTES, .recipient = w->recipient[to], .intended = slc_now()};
    must(slc_engine_prepare(w->engine, &send), NULL);
    memset(send.data, 0, send.len);
    memcpy(send.data, &number, sizeof number);
    send.data[4] = (uint8_t)to;
    while (slc_engine_submit(w->engine, &send) == SLC_AGAIN) {
        turn(w);
    }
}

/* From everybody to everybody else, both gateways and across. */
static inline void post_all(struct world *w)
{
    for (uint32_t from = 0; from < CLIENTS; from++) {
        for (uint32_t to = 0; to < CLIENTS; to++) {
            if (from != to) post(w, from, to);
        }
    }
}

static inline void post_among_the_good(struct world *w)
{
    for (uint32_t from = 1; from < CLIENTS; from += 2) {
        for (uint32_t to = 1; to < CLIENTS; to += 2) {
            if (from != to) post(w, from, to);
        }
    }
}

static inline void order(struct world *w, const struct slc_faults *faults)
{
    must(slc_localnet_set_faults(w->net, EVIL, faults), NULL);
}

static inline struct slc_client_counters counters(const struct world *w, bool evil)
{
    struct slc_client_counters c = {0};
    slc_engine_gateway_counters(w->engine, slc_localnet_network(w->net)->nodes[evil ? EVIL : EVIL + 1].identity, &c);
    return c;
}

static inline struct slc_node_counters node(const struct world *w)
{
    struct slc_node_counters c;
    slc_localnet_counters(w->net, EVIL, &c);
    return c;
}

/* Everything arrived once and is acked; nothing is left that the good gateway's clients saw of it. */
static inline void expect_all_well(struct world *w, size_t memory_before)
{
    UNTIL(w, w->delivered >= w->submitted && w->acked == w->submitted);
    let_pass(w, 200 * SLC_MILLISECOND);
    for (size_t i = 0; i < w->submitted; i++) {
        if (w->copies[i] != 1) fail_msg("message %zu arrived %u times", i, w->copies[i]);
    }
    assert_int_equal(w->failed, 0);
    struct slc_client_counters good = counters(w, false);
    assert_int_equal(good.losts + good.refused_frames + good.refused_payloads + good.refused_messages, 0);
    size_t memory = slc_engine_client_memory(w->engine);
    if (memory > memory_before + MEMORY_SLACK) fail_msg("memory grew from %zu to %zu bytes", memory_before, memory);
}

static inline void close_world(struct world *w)
{
    slc_engine_free(w->engine);
    slc_localnet_free(w->net);
    slc_topology_release(w->topology);
    free(w);
}

/* Ready, and one round of messages through, so that tables have their size. */
static inline struct world *begin(size_t *memory)
{
    struct world *w = open_world();
    UNTIL(w, w->ready == CLIENTS);
    post_all(w);
    UNTIL(w, w->acked == w->submitted);
    *memory = slc_engine_client_memory(w->engine);
    return w;
}

#endif
