/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "engine/engine.h"
#include "engine/node/localnet.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * The engine's clients at a gateway that does what it should not (docs/localnet.md), beside clients at one that is
 * well: every message arrives once, what happened is counted and told, memory does not grow, and the others notice
 * nothing.
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

static void must(enum slc_status status, const struct slc_error *error)
{
    if (status != SLC_OK) fail_msg("%s: %s", slc_status_text(status), error == NULL ? "" : error->text);
}

static bool is_evil(uint32_t client)
{
    return client % 2 == 0;
}

static struct world *open_world(void)
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
    config.traffic.ack_wait_extra = 300 * SLC_MILLISECOND;
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

static void take(struct world *w, const struct slc_engine_event *event)
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

static void turn(struct world *w)
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

static void let_pass(struct world *w, slc_time time)
{
    slc_time end = slc_now() + time;
    while (slc_now() < end) {
        turn(w);
    }
}

/* One message from `from` to `to`. */
static void post(struct world *w, uint32_t from, uint32_t to)
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
static void post_all(struct world *w)
{
    for (uint32_t from = 0; from < CLIENTS; from++) {
        for (uint32_t to = 0; to < CLIENTS; to++) {
            if (from != to) post(w, from, to);
        }
    }
}

static void post_among_the_good(struct world *w)
{
    for (uint32_t from = 1; from < CLIENTS; from += 2) {
        for (uint32_t to = 1; to < CLIENTS; to += 2) {
            if (from != to) post(w, from, to);
        }
    }
}

static void order(struct world *w, const struct slc_faults *faults)
{
    must(slc_localnet_set_faults(w->net, EVIL, faults), NULL);
}

static struct slc_client_counters counters(const struct world *w, bool evil)
{
    struct slc_client_counters c = {0};
    slc_engine_gateway_counters(w->engine, slc_localnet_network(w->net)->nodes[evil ? EVIL : EVIL + 1].identity, &c);
    return c;
}

static struct slc_node_counters node(const struct world *w)
{
    struct slc_node_counters c;
    slc_localnet_counters(w->net, EVIL, &c);
    return c;
}

/* Everything arrived once and is acked; nothing is left that the good gateway's clients saw of it. */
static void expect_all_well(struct world *w, size_t memory_before)
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

static void close_world(struct world *w)
{
    slc_engine_free(w->engine);
    slc_localnet_free(w->net);
    slc_topology_release(w->topology);
    free(w);
}

/* Ready, and one round of messages through, so that tables have their size. */
static struct world *begin(size_t *memory)
{
    struct world *w = open_world();
    UNTIL(w, w->ready == CLIENTS);
    post_all(w);
    UNTIL(w, w->acked == w->submitted);
    *memory = slc_engine_client_memory(w->engine);
    return w;
}

/* ---- the modes ---- */

static void a_gateway_that_acks_nothing_costs_repeats_and_nothing_else(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    order(w, &(struct slc_faults){.no_acks = true});
    size_t acked = w->acked;
    post_all(w);
    UNTIL(w, w->delivered == w->submitted);
    /* What the good gateway's clients sent is acked; what the evil one's did is repeated as long as it takes. */
    UNTIL(w, w->acked == acked + CLIENTS / 2 * (CLIENTS - 1));
    UNTIL(w, counters(w, true).retransmitted >= 3 * CLIENTS / 2 * (CLIENTS - 1));
    assert_int_equal(w->acked, acked + CLIENTS / 2 * (CLIENTS - 1));
    assert_true(node(w).fault_lost >= counters(w, true).retransmitted);
    order(w, &(struct slc_faults){0});
    expect_all_well(w, memory);
    assert_int_equal(counters(w, false).retransmitted, 0);
    close_world(w);
}

static void a_gateway_that_delivers_twice_delivers_once(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    order(w, &(struct slc_faults){.twice = true});
    for (unsigned round = 0; round < 4; round++) {
        post_all(w);
    }
    expect_all_well(w, memory);
    struct slc_client_counters evil = counters(w, true);
    size_t there = 4 * CLIENTS / 2 * (CLIENTS - 1); /* as many messages as acks come to the evil gateway */
    assert_true(evil.duplicate_fragments >= there);
    assert_true(evil.unknown_acks >= there);
    assert_true(node(w).fault_duplicated >= 2 * there);
    assert_int_equal(counters(w, false).unknown_acks, 0);
    close_world(w);
}

static void garbage_is_counted_and_what_it_replaced_comes_again(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    order(w, &(struct slc_faults){.garbage = 0.3});
    for (unsigned round = 0; round < 4; round++) {
        post_all(w);
    }
    UNTIL(w, w->acked + 5 > w->submitted);
    order(w, &(struct slc_faults){0});
    /* A message whose frame was garbage is acked all the same: the gateway has acked before. That it is lost is its
     * own. */
    UNTIL(w, w->acked == w->submitted);
    let_pass(w, 300 * SLC_MILLISECOND);
    size_t missing = 0;
    for (size_t i = 0; i < w->submitted; i++) {
        assert_true(w->copies[i] <= 1);
        missing += w->copies[i] == 0;
    }
    struct slc_client_counters evil = counters(w, true), good = counters(w, false);
    assert_true(missing > 0 && missing < w->submitted / 2);
    assert_int_equal(evil.refused_frames, node(w).fault_garbage);
    assert_true(evil.refused_frames >= missing);
    assert_int_equal(good.refused_frames + good.losts + w->failed, 0);
    assert_true(slc_engine_client_memory(w->engine) <= memory + MEMORY_SLACK);
    close_world(w);
}

static void a_gateway_with_another_key_is_refused_with_words(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    order(w, &(struct slc_faults){.wrong_key = true});
    must(slc_localnet_forget(w->net, EVIL), NULL);
    UNTIL(w, w->failed == CLIENTS / 2);
    assert_int_equal(w->evil_failed, CLIENTS / 2);
    assert_non_null(strstr(w->text, "signature is not that of the gateway"));
    assert_int_equal(slc_engine_ready(w->engine), CLIENTS / 2);
    post_among_the_good(w);
    UNTIL(w, w->acked == w->submitted);
    assert_int_equal(w->delivered, w->submitted);
    assert_true(slc_engine_client_memory(w->engine) <= memory + MEMORY_SLACK);
    close_world(w);
}

static void a_gateway_that_forgets_registers_its_clients_anew(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    for (unsigned round = 0; round < 2; round++) {
        post_all(w);
        must(slc_localnet_forget(w->net, EVIL), NULL);
        UNTIL(w, slc_engine_ready(w->engine) < CLIENTS);
        UNTIL(w, slc_engine_ready(w->engine) == CLIENTS);
    }
    UNTIL(w, w->acked == w->submitted);
    assert_int_equal(node(w).clients_registered, 3 * CLIENTS / 2);
    assert_int_equal(w->failed + counters(w, false).losts, 0);
    close_world(w);
}

static void connections_cut_again_and_again_come_back_and_nothing_arrives_twice(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    order(w, &(struct slc_faults){.cut_every = 700 * SLC_MILLISECOND});
    for (unsigned round = 0; round < 12; round++) {
        post_all(w);
        let_pass(w, 300 * SLC_MILLISECOND);
    }
    UNTIL(w, node(w).fault_cut >= 4 * CLIENTS / 2);
    order(w, &(struct slc_faults){0});
    UNTIL(w, w->acked == w->submitted);
    let_pass(w, 300 * SLC_MILLISECOND);
    /* What was pushed into a connection that was cut under it is gone, as at a real gateway, and was acked before. */
    size_t missing = 0;
    for (size_t i = 0; i < w->submitted; i++) {
        assert_true(w->copies[i] <= 1);
        missing += w->copies[i] == 0;
    }
    if (missing > w->submitted / 50) fail_msg("%zu of %zu messages are missing", missing, w->submitted);
    assert_true(counters(w, true).losts >= 4 * CLIENTS / 2);
    assert_int_equal(counters(w, false).losts + w->failed, 0);
    assert_true(slc_engine_client_memory(w->engine) <= memory + MEMORY_SLACK);
    close_world(w);
}

/* Clients that cannot come in try again, at growing distances, and come in when the door opens. */
static void expect_door(enum slc_door door, const char *words)
{
    size_t memory;
    struct world *w = begin(&memory);
    order(w, &(struct slc_faults){.door = door});
    must(slc_localnet_cut(w->net, EVIL), NULL);
    UNTIL(w, slc_engine_ready(w->engine) == CLIENTS / 2);
    UNTIL(w, node(w).fault_refused >= CLIENTS / 2);
    post_all(w);
    slc_time begun = slc_now();
    let_pass(w, 3 * SLC_SECOND);
    assert_int_equal(slc_engine_ready(w->engine), CLIENTS / 2);
    if (words != NULL && strstr(w->text, words) == NULL) fail_msg("\"%s\" does not say \"%s\"", w->text, words);
    /* At 0, 0.5, 1.6, 3.7 s and later, each within a quarter: far from a storm. */
    double seconds = (double)(slc_now() - begun) / 1e9;
    if ((double)node(w).fault_refused > CLIENTS / 2 * (4 + seconds))
        fail_msg("%llu attempts in %.1f s", (unsigned long long)node(w).fault_refused, seconds);
    post_among_the_good(w);
    order(w, &(struct slc_faults){0});
    /* Who waits for an answer waits as long as the reference does: a new connection ends it. */
    if (door == SLC_DOOR_MUTE) must(slc_localnet_cut(w->net, EVIL), NULL);
    UNTIL(w, slc_engine_ready(w->engine) == CLIENTS);
    expect_all_well(w, memory);
    close_world(w);
}

static void clients_wait_at_a_door_that_is_shut(void **state)
{
    (void)state;
    expect_door(SLC_DOOR_SHUT, "closed the connection");
}

static void clients_wait_at_a_gateway_that_does_not_answer(void **state)
{
    (void)state;
    expect_door(SLC_DOOR_MUTE, NULL);
}

static void clients_come_back_to_a_gateway_that_refused_them(void **state)
{
    (void)state;
    expect_door(SLC_DOOR_REFUSING, "turns everybody away");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_that_acks_nothing_costs_repeats_and_nothing_else),
        cmocka_unit_test(a_gateway_that_delivers_twice_delivers_once),
        cmocka_unit_test(garbage_is_counted_and_what_it_replaced_comes_again),
        cmocka_unit_test(a_gateway_with_another_key_is_refused_with_words),
        cmocka_unit_test(a_gateway_that_forgets_registers_its_clients_anew),
        cmocka_unit_test(connections_cut_again_and_again_come_back_and_nothing_arrives_twice),
        cmocka_unit_test(clients_wait_at_a_door_that_is_shut),
        cmocka_unit_test(clients_wait_at_a_gateway_that_does_not_answer),
        cmocka_unit_test(clients_come_back_to_a_gateway_that_refused_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
