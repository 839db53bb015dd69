/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/node/visitor.h"

/* Real packets through real gateways and nodes, over the local mixnet's own interface. */

static struct slc_localnet *start(const struct slc_localnet_config *config)
{
    struct slc_localnet *net;
    struct slc_error error = {0};
    if (slc_localnet_new(&net, config, &error) != SLC_OK) fail_msg("%s", error.text);
    if (slc_localnet_start(net, &error) != SLC_OK) fail_msg("%s", error.text);
    return net;
}

static struct slc_localnet_config plain(void)
{
    struct slc_localnet_config config;
    slc_localnet_config_default(&config);
    config.runtime.max_connections = 64;
    config.runtime.small_slots = 2048;
    config.runtime.large_slots = 8;
    return config;
}

static struct slc_node_counters counters(const struct slc_localnet *net, int node)
{
    struct slc_node_counters c;
    slc_localnet_counters(net, node, &c);
    return c;
}

static void must(enum slc_status status)
{
    assert_int_equal(status, SLC_OK);
}

/* ---- through the mixnet and back ---- */

enum { PACKETS = 40 };

static void cross(const struct slc_localnet_config *config)
{
    struct slc_localnet *net = start(config);
    struct visitor *alice = visitor_login(net, 0, 1), *bob = visitor_login(net, 1, 2);
    for (uint32_t i = 0; i < PACKETS; i++) {
        visitor_send(alice, bob, i, SLC_MILLISECOND);
    }
    visitor_send(bob, bob, PACKETS, 0); /* a client at the same gateway, and no delay at all */
    VISITOR_UNTIL(bob, bob->count == PACKETS + 2);
    VISITOR_UNTIL(alice, alice->count == PACKETS);
    for (uint32_t i = 0; i < PACKETS; i++) {
        assert_int_equal(visitor_has(bob, i, false), 1);
        assert_int_equal(visitor_has(alice, i, true), 1);
    }
    assert_int_equal(visitor_has(bob, PACKETS, false), 1);
    assert_int_equal(visitor_has(bob, PACKETS, true), 1);

    size_t layers[4] = {0};
    const struct slc_network *network = slc_localnet_network(net);
    for (size_t i = 0; i < network->node_count; i++) {
        struct slc_node_counters c = counters(net, (int)i);
        if (network->layer[i] != 0) layers[network->layer[i]] += c.packets_received;
        assert_int_equal(c.malformed + c.replays + c.no_next_hop + c.queue_dropped + c.frames_refused, 0);
    }
    for (unsigned layer = 1; layer <= 3; layer++) {
        assert_int_equal(layers[layer], 2 * (PACKETS + 1));
    }
    struct slc_node_counters all = counters(net, SLC_ALL_NODES);
    assert_int_equal(all.packets_final, 2 * (PACKETS + 1));
    assert_int_equal(all.acks_forwarded, PACKETS + 1);
    assert_int_equal(all.payloads_pushed, 2 * (PACKETS + 1));
    assert_int_equal(all.clients_registered, 2);
    assert_int_equal(all.clients_online, 2);
    assert_int_equal(slc_localnet_waiting(net), 0);
    visitor_free(alice);
    visitor_free(bob);
    slc_localnet_free(net);
}

static void packets_cross_three_layers_and_their_acks_come_back(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    cross(&config);
}

static void so_they_do_with_several_workers_networks_and_nodes_in_a_layer(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    config.mixnodes = 7;
    config.gateways = 3;
    config.runtime.workers = 2;
    config.runtime.networks = 2;
    cross(&config);
}

static void so_they_do_over_tcp(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    config.tcp_hops = true;
    cross(&config);
    config.runtime.workers = 2;
    config.frames_v8 = true;
    config.runtime.backend = SLC_LOOP_POLL;
    cross(&config);
}

static void so_they_do_over_noise(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    config.tcp_hops = config.noise = true;
    cross(&config);
    config.frames_v8 = true;
    config.runtime.workers = 2;
    cross(&config);
}

static void a_burst_over_tcp_that_outruns_the_slots_is_not_forgotten(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    config.tcp_hops = true;
    config.runtime.small_slots = 32;
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1), *bob = visitor_login(net, 1, 2);
    struct slc_faults faults = {.paused = true};
    must(slc_localnet_set_faults(net, 0, &faults));
    for (uint32_t i = 0; i < 200; i++) {
        visitor_send(alice, bob, i, 0);
        if (i % 20 == 0) visitor_turn(alice, 0);
    }
    VISITOR_UNTIL(alice, slc_localnet_waiting(net) == 200);
    faults.paused = false;
    must(slc_localnet_set_faults(net, 0, &faults)); /* all at once into the next hop's connection */
    VISITOR_UNTIL(bob, bob->count == 200);
    assert_int_equal(counters(net, SLC_ALL_NODES).queue_dropped, 0);
    visitor_free(alice);
    visitor_free(bob);
    slc_localnet_free(net);
}

/* ---- delays ---- */

static void delays_in_the_headers_are_waited_and_excessive_ones_clamped(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1), *bob = visitor_login(net, 1, 2);
    slc_time begun = slc_now();
    visitor_send(alice, bob, 1, 40 * SLC_MILLISECOND);
    VISITOR_UNTIL(bob, bob->count == 1);
    assert_true(bob->got[0].at - begun >= 120 * SLC_MILLISECOND);
    VISITOR_UNTIL(alice, alice->count == 1);
    assert_true(alice->got[0].at - begun >= 240 * SLC_MILLISECOND);
    visitor_send(alice, bob, 2, 3600 * SLC_SECOND);
    VISITOR_UNTIL(alice, counters(net, SLC_ALL_NODES).delays_clamped == 1);
    assert_int_equal(slc_localnet_waiting(net), 1);
    visitor_free(alice);
    visitor_free(bob);
    slc_localnet_free(net);

    config.no_delays = true;
    net = start(&config);
    alice = visitor_login(net, 0, 1);
    visitor_send(alice, alice, 1, 3600 * SLC_SECOND);
    VISITOR_UNTIL(alice, alice->count == 2);
    visitor_free(alice);
    slc_localnet_free(net);
}

static void an_extra_delay_comes_on_top_of_the_nodes_own(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    config.faults.extra_delay = 30 * SLC_MILLISECOND;
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1), *bob = visitor_login(net, 1, 2);
    slc_time begun = slc_now();
    visitor_send(alice, bob, 1, 40 * SLC_MILLISECOND);
    VISITOR_UNTIL(bob, bob->count == 1);
    /* Three mixnodes with 30 and 40, and the gateway's 30. */
    assert_true(bob->got[0].at - begun >= (4 * 30 + 3 * 40) * SLC_MILLISECOND);
    assert_int_equal(counters(net, SLC_ALL_NODES).fault_delayed >= 4, true);
    visitor_free(alice);
    visitor_free(bob);
    slc_localnet_free(net);
}

/* ---- what goes wrong on purpose ---- */

/* Which of 200 packets survive a loss of 20 % at every node; a bit each. */
static void survivors(uint64_t seed, uint8_t arrived[200])
{
    struct slc_localnet_config config = plain();
    config.seed = seed;
    config.faults.loss = 0.2;
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1), *bob = visitor_login(net, 1, 2);
    /* Logging in draws different amounts of randomness; packets are to be the same each time. */
    slc_random_from_number(&alice->random, 77, 0);
    for (uint32_t i = 0; i < 200; i++) {
        struct journey j = {0};
        slc_random_from_number(&alice->random, 77, i);
        visitor_pack(alice, &j, bob->gateway, bob->keys.identity.public_key, i);
        visitor_submit(alice, j.packet, sizeof j.packet, &j.hop[0]->mix);
        if (i % 20 == 0) visitor_turn(alice, 0);
    }
    /* Each packet ends in exactly one place: lost, or at its last hop; an ack follows each of the latter. */
    VISITOR_UNTIL(alice, counters(net, SLC_ALL_NODES).fault_lost + counters(net, SLC_ALL_NODES).packets_final ==
                             200 + counters(net, SLC_ALL_NODES).acks_forwarded);
    struct slc_node_counters all = counters(net, SLC_ALL_NODES);
    VISITOR_UNTIL(bob, bob->count == all.acks_forwarded);
    for (uint32_t i = 0; i < 200; i++) {
        arrived[i] = (uint8_t)visitor_has(bob, i, false);
    }
    assert_int_equal(all.queue_dropped + all.malformed + all.replays, 0);
    visitor_free(alice);
    visitor_free(bob);
    slc_localnet_free(net);
}

static void a_seed_repeats_keys_and_losses(void **state)
{
    (void)state;
    uint8_t first[200], second[200], other[200];
    survivors(42, first);
    survivors(42, second);
    survivors(43, other);
    assert_memory_equal(first, second, sizeof first);
    assert_memory_not_equal(first, other, sizeof first);
    size_t n = 0;
    for (size_t i = 0; i < sizeof first; i++) {
        n += first[i];
    }
    /* 0.8^4 of 200 are 82; five standard deviations are 35. */
    assert_in_range(n, 47, 117);

    struct slc_localnet_config config = plain();
    struct slc_localnet *a, *b, *c;
    config.seed = 9;
    a = start(&config);
    b = start(&config);
    config.seed = 0;
    c = start(&config);
    for (size_t i = 0; i < slc_localnet_network(a)->node_count; i++) {
        const struct slc_node *x = &slc_localnet_network(a)->nodes[i], *y = &slc_localnet_network(b)->nodes[i];
        const struct slc_node *z = &slc_localnet_network(c)->nodes[i];
        assert_memory_equal(x->identity, y->identity, SLC_IDENTITY_BYTES);
        assert_memory_equal(x->sphinx_key, y->sphinx_key, SLC_KEY_BYTES);
        assert_memory_not_equal(x->sphinx_key, z->sphinx_key, SLC_KEY_BYTES);
    }
    slc_localnet_free(a);
    slc_localnet_free(b);
    slc_localnet_free(c);
}

static void duplicates_are_caught_by_the_replay_filter(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    config.faults.duplicate = 1;
    config.faults.reorder = 0.5;
    config.faults.reorder_delay = 10 * SLC_MILLISECOND;
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1), *bob = visitor_login(net, 1, 2);
    for (uint32_t i = 0; i < 20; i++) {
        visitor_send(alice, bob, i, 0);
    }
    VISITOR_UNTIL(alice, alice->count == 20);
    VISITOR_UNTIL(bob, bob->count == 20);
    /* Four nodes each way, every packet twice at each. */
    VISITOR_UNTIL(bob, counters(net, SLC_ALL_NODES).replays == 160);
    assert_int_equal(counters(net, SLC_ALL_NODES).fault_duplicated, 160);
    assert_int_equal(bob->count, 20);
    visitor_free(alice);
    visitor_free(bob);
    slc_localnet_free(net);
}

static void the_same_packet_again_is_a_replay(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1), *bob = visitor_login(net, 1, 2);
    struct journey j = {0};
    visitor_pack(alice, &j, bob->gateway, bob->keys.identity.public_key, 5);
    for (unsigned i = 0; i < 3; i++) {
        visitor_submit(alice, j.packet, sizeof j.packet, &j.hop[0]->mix);
    }
    VISITOR_UNTIL(alice, counters(net, SLC_ALL_NODES).replays == 2);
    VISITOR_UNTIL(bob, bob->count == 1);
    assert_int_equal(counters(net, (int)(j.hop[0]->id - 1)).replays, 2);
    visitor_free(alice);
    visitor_free(bob);
    slc_localnet_free(net);
}

static void a_paused_node_takes_nothing_until_it_goes_on_and_its_queue_is_bounded(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    config.queue_packets = 100;
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1), *bob = visitor_login(net, 1, 2);
    struct slc_faults faults = {.paused = true};
    must(slc_localnet_set_faults(net, 1, &faults)); /* the second layer */
    assert_true(slc_localnet_faults(net, 1)->paused);
    assert_false(slc_localnet_faults(net, 0)->paused);
    for (uint32_t i = 0; i < 150; i++) {
        visitor_send(alice, bob, i, 0);
        if (i % 20 == 0) visitor_turn(alice, 0);
    }
    VISITOR_UNTIL(alice, counters(net, 1).queue_dropped == 50);
    assert_int_equal(slc_localnet_waiting(net), 100);
    assert_int_equal(counters(net, 1).packets_received, 0);
    assert_int_equal(bob->count, 0);
    faults.paused = false;
    must(slc_localnet_set_faults(net, SLC_ALL_NODES, &faults));
    VISITOR_UNTIL(bob, bob->count == 100);
    assert_int_equal(slc_localnet_waiting(net), 0);
    visitor_free(alice);
    visitor_free(bob);
    slc_localnet_free(net);
}

/* ---- clients that come and go ---- */

static void a_cut_client_comes_back_to_its_mail(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1), *bob = visitor_login(net, 1, 2);
    bob->stays_away = true;
    must(slc_localnet_cut(net, 4)); /* bob's gateway: the second after three mixnodes */
    VISITOR_UNTIL(bob, bob->fd < 0);
    assert_int_equal(counters(net, 4).clients_online, 0);
    assert_int_equal(counters(net, 3).clients_online, 1);
    for (uint32_t i = 0; i < 300; i++) {
        visitor_send(alice, bob, i, 0);
        VISITOR_UNTIL(alice, alice->count == i + 1); /* one after the other, so the order is known */
    }
    assert_int_equal(counters(net, 4).payloads_stored, 300);
    assert_int_equal(counters(net, 4).inbox_waiting, 300);
    bob->stays_away = false;
    visitor_connect(bob);
    VISITOR_UNTIL(bob, slc_gateway_client_ready(bob->session) && bob->count == 300);
    for (uint32_t i = 0; i < 300; i++) {
        assert_memory_equal(bob->got[i].bytes, &i, sizeof i);
    }
    assert_int_equal(counters(net, 4).inbox_waiting, 0);
    assert_int_equal(counters(net, 4).clients_registered, 1);
    assert_int_equal(counters(net, 4).clients_authenticated, 2);
    visitor_free(alice);
    visitor_free(bob);
    slc_localnet_free(net);
}

static void mail_waits_for_identities_that_never_came_and_is_bounded(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    config.inbox_messages = 3;
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1), *bob = visitor_new(net, 1, 2);
    for (uint32_t i = 0; i < 5; i++) {
        visitor_send(alice, bob, i, 0);
        VISITOR_UNTIL(alice, alice->count == i + 1); /* acked all the same: it reached the gateway */
    }
    assert_int_equal(counters(net, 4).payloads_stored, 3);
    assert_int_equal(counters(net, 4).inbox_dropped, 2);
    VISITOR_UNTIL(bob, bob->count == 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_memory_equal(bob->got[i].bytes, &i, sizeof i);
    }
    visitor_free(alice);
    visitor_free(bob);
    slc_localnet_free(net);
}

static void a_gateway_that_forgot_registers_its_clients_again(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1);
    must(slc_localnet_forget(net, 3));
    VISITOR_UNTIL(alice, alice->lost >= 1);
    VISITOR_UNTIL(alice, counters(net, 3).clients_registered == 2 && slc_gateway_client_ready(alice->session));
    assert_int_equal(counters(net, 3).clients_online, 1);
    visitor_send(alice, alice, 1, 0);
    VISITOR_UNTIL(alice, alice->count == 2);
    visitor_free(alice);
    slc_localnet_free(net);
}

static void a_sink_only_counts(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    config.sink = true;
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1);
    for (uint32_t i = 0; i < 10; i++) {
        visitor_send(alice, alice, i, 0);
    }
    VISITOR_UNTIL(alice, counters(net, 3).packets_received == 10);
    assert_int_equal(counters(net, SLC_ALL_NODES).packets_forwarded, 0);
    assert_true(counters(net, 3).bytes_received >= 10 * SLC_REGULAR_PACKET_BYTES);
    visitor_free(alice);
    slc_localnet_free(net);
}

static void what_is_no_packet_is_counted_and_the_client_stays(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1);
    uint8_t room[SLC_WS_HEAD_MAX + 200] = {0};
    visitor_frame(alice, room + SLC_WS_HEAD_MAX, 100, SLC_WS_OP_BINARY); /* does not open */
    visitor_submit(alice, room, 100, &alice->gateway->mix);              /* no packet's length */
    VISITOR_UNTIL(alice, counters(net, 3).frames_refused == 2);

    struct journey j = {0};
    visitor_pack(alice, &j, alice->gateway, alice->keys.identity.public_key, 1);
    const struct slc_address nowhere = {.version = 4, .ip = {127, 0, 0, 1}, .port = 1};
    visitor_submit(alice, j.packet, sizeof j.packet, &nowhere);
    VISITOR_UNTIL(alice, counters(net, 3).no_next_hop == 1);
    visitor_submit(alice, j.packet, sizeof j.packet, &j.hop[1]->mix); /* the wrong node */
    VISITOR_UNTIL(alice, counters(net, SLC_ALL_NODES).malformed == 1);
    j.packet[40] ^= 1; /* the MAC */
    visitor_submit(alice, j.packet, sizeof j.packet, &j.hop[0]->mix);
    VISITOR_UNTIL(alice, counters(net, SLC_ALL_NODES).malformed == 2);
    j.packet[40] ^= 1;
    visitor_submit(alice, j.packet, sizeof j.packet, &j.hop[0]->mix);
    VISITOR_UNTIL(alice, alice->count == 2);
    visitor_free(alice);
    slc_localnet_free(net);
}

/* ---- nodes of others ---- */

static struct slc_foreign_node foreign_of(const struct slc_localnet *net, size_t i, uint32_t id, uint8_t layer)
{
    const struct slc_network *network = slc_localnet_network(net);
    struct slc_foreign_node node = {.id = id, .layer = layer, .mix = network->nodes[i].mix};
    memcpy(node.identity, network->nodes[i].identity, SLC_IDENTITY_BYTES);
    memcpy(node.sphinx_key, network->nodes[i].sphinx_key, SLC_KEY_BYTES);
    if (network->noise_key != NULL) {
        node.has_noise_key = true;
        memcpy(node.noise_key, network->noise_key[i], SLC_KEY_BYTES);
    }
    return node;
}

/* On ports of its own choice, which it can take again later. */
static struct slc_localnet *start_on_fixed_ports(struct slc_localnet_config *config, struct slc_random *random)
{
    struct slc_localnet *net;
    struct slc_error error = {0};
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        config->first_port = (uint16_t)(12000 + slc_random_below(random, 18000));
        enum slc_status status = slc_localnet_new(&net, config, &error);
        if (status == SLC_OK) status = slc_localnet_start(net, &error);
        if (status == SLC_OK) return net;
    }
    fail_msg("%s", error.text);
    return NULL;
}

/*
 * Two networks in which a mixnode of each serves in the other, so each must know the other's addresses: one runs,
 * tells, and runs again with the same seed on the same ports.
 */
static void serve_each_other(bool noise)
{
    struct slc_localnet_config config = plain();
    struct slc_random random;
    slc_test_random(&random, 1);
    config.noise = config.tcp_hops = noise;
    config.seed = 5;
    struct slc_localnet *b = start_on_fixed_ports(&config, &random);
    struct slc_foreign_node theirs = foreign_of(b, 0, 901, 2);
    struct slc_localnet_config mine = plain();
    mine.noise = mine.tcp_hops = noise;
    mine.mixnodes = 2;
    mine.foreign = &theirs;
    mine.foreign_count = 1;
    struct slc_localnet *a = start(&mine);
    const struct slc_network *network = slc_localnet_network(a);
    assert_int_equal(network->layer[0], 1);
    assert_int_equal(network->layer[1], 3);
    assert_int_equal(network->layer[4], 2);
    assert_null(slc_localnet_faults(a, 4));

    struct slc_foreign_node ours[4];
    for (size_t i = 0; i < 4; i++) {
        ours[i] = foreign_of(a, i, 801 + (uint32_t)i, network->layer[i]);
        ours[i].ws = network->nodes[i].ws;
    }
    slc_localnet_free(b);
    config.foreign = ours;
    config.foreign_count = 4;
    b = start(&config);
    assert_memory_equal(slc_localnet_network(b)->nodes[0].sphinx_key, theirs.sphinx_key, SLC_KEY_BYTES);

    struct visitor *alice = visitor_login(a, 0, 1), *bob = visitor_login(a, 1, 2);
    for (uint32_t i = 0; i < 20; i++) {
        visitor_send(alice, bob, i, 0);
    }
    VISITOR_UNTIL(bob, bob->count == 20);
    VISITOR_UNTIL(alice, alice->count == 20);
    assert_int_equal(counters(b, 0).packets_received, 40);
    assert_int_equal(counters(b, 0).packets_forwarded, 40);
    visitor_free(alice);
    visitor_free(bob);
    slc_localnet_free(a);
    slc_localnet_free(b);
}

static void a_node_of_another_network_serves_in_ours(void **state)
{
    (void)state;
    serve_each_other(false);
}

static void so_it_does_over_noise(void **state)
{
    (void)state;
    serve_each_other(true);
}

static void a_foreign_node_that_is_not_there_costs_its_packets_only(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    struct slc_localnet *gone = start(&config);
    struct slc_foreign_node node = foreign_of(gone, 0, 900, 3);
    slc_localnet_free(gone);
    config.mixnodes = 2;
    config.foreign = &node;
    config.foreign_count = 1;
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1);
    for (unsigned round = 1; round <= 2; round++) {
        visitor_send(alice, alice, round, 0);
        VISITOR_UNTIL(alice, counters(net, 4).queue_dropped == round);
    }
    assert_int_equal(slc_localnet_waiting(net), 0);
    visitor_free(alice);
    slc_localnet_free(net);
}

/* ---- what cannot be ---- */

static void expect_refused(const struct slc_localnet_config *config, enum slc_status status, const char *words)
{
    struct slc_localnet *net;
    struct slc_error error = {0};
    assert_int_equal(slc_localnet_new(&net, config, &error), status);
    assert_null(net);
    if (strstr(error.text, words) == NULL) fail_msg("\"%s\" does not say \"%s\"", error.text, words);
}

static void what_cannot_be_is_refused_with_words(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    config.mixnodes = 2;
    expect_refused(&config, SLC_NO_ROUTE, "3 layers");
    config = plain();
    config.gateways = 0;
    expect_refused(&config, SLC_NO_ROUTE, "gateway");
    config = plain();
    config.first_port = 65530;
    expect_refused(&config, SLC_OUT_OF_RANGE, "65535");
    config.first_port = 0;

    config.epoch_seconds = 0;
    expect_refused(&config, SLC_OUT_OF_RANGE, "epoch");
    config = plain();

    struct slc_foreign_node two[2] = {{.id = 3, .layer = 1, .sphinx_key = {9}, .identity = {1}},
                                      {.id = 900, .layer = 1, .sphinx_key = {9}, .identity = {2}}};
    config.foreign = two;
    config.foreign_count = 1;
    expect_refused(&config, SLC_DUPLICATE, "foreign node 3");
    two[0].id = 900;
    config.foreign_count = 2;
    expect_refused(&config, SLC_DUPLICATE, "twice");
    two[0].id = 901;
    expect_refused(&config, SLC_DUPLICATE, "key in common");
    two[1].sphinx_key[0] = 2; /* x^3 + 486662 x^2 + x is no square there: on the twist */
    expect_refused(&config, SLC_BAD_KEY, "foreign node 900: its Sphinx key");
    two[1].sphinx_key[0] = 1; /* of order 4 */
    expect_refused(&config, SLC_BAD_KEY, "foreign node 900: its Sphinx key");
    two[0].layer = 4;
    expect_refused(&config, SLC_BAD_ARGUMENT, "layer 4");
    two[0].layer = 1;
    two[1].sphinx_key[0] = 8;
    config.mixnodes = 1;
    expect_refused(&config, SLC_NO_ROUTE, "layer 3");

    config = plain();
    struct slc_localnet *net = start(&config);
    config.first_port = slc_localnet_network(net)->nodes[0].mix.port;
    char address[SLC_ADDRESS_TEXT_MAX];
    slc_address_to_text(&slc_localnet_network(net)->nodes[0].mix, address);
    expect_refused(&config, SLC_IO, address);
    slc_localnet_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_cross_three_layers_and_their_acks_come_back),
        cmocka_unit_test(so_they_do_with_several_workers_networks_and_nodes_in_a_layer),
        cmocka_unit_test(so_they_do_over_tcp),
        cmocka_unit_test(so_they_do_over_noise),
        cmocka_unit_test(a_burst_over_tcp_that_outruns_the_slots_is_not_forgotten),
        cmocka_unit_test(delays_in_the_headers_are_waited_and_excessive_ones_clamped),
        cmocka_unit_test(an_extra_delay_comes_on_top_of_the_nodes_own),
        cmocka_unit_test(a_seed_repeats_keys_and_losses),
        cmocka_unit_test(duplicates_are_caught_by_the_replay_filter),
        cmocka_unit_test(the_same_packet_again_is_a_replay),
        cmocka_unit_test(a_paused_node_takes_nothing_until_it_goes_on_and_its_queue_is_bounded),
        cmocka_unit_test(a_cut_client_comes_back_to_its_mail),
        cmocka_unit_test(mail_waits_for_identities_that_never_came_and_is_bounded),
        cmocka_unit_test(a_gateway_that_forgot_registers_its_clients_again),
        cmocka_unit_test(a_sink_only_counts),
        cmocka_unit_test(what_is_no_packet_is_counted_and_the_client_stays),
        cmocka_unit_test(a_node_of_another_network_serves_in_ours),
        cmocka_unit_test(so_it_does_over_noise),
        cmocka_unit_test(a_foreign_node_that_is_not_there_costs_its_packets_only),
        cmocka_unit_test(what_cannot_be_is_refused_with_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
