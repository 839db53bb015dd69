/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet.h"

#include <stdlib.h>

#include "tests/support/vectors.h"

/* Clients' lives in virtual time: gateways that leave the topology, clients that leave, and many that come back. */

static uint64_t packets(const struct mininet *net)
{
    const struct slc_client_counters *n = slc_clients_counters(net->clients);
    return n->real_sent + n->retransmitted + n->cover_sent + n->surb_packets_sent;
}

static void send_some(struct mininet *net, uint32_t from, uint32_t to, unsigned n)
{
    uint8_t data[3000] = {0};
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(mininet_send(net, from, to, i, data, sizeof data, false, 0), SLC_OK);
    }
}

static void a_topology_that_does_not_count_silences_until_another_comes(void **state)
{
    (void)state;
    struct mininet *net = mininet_new(60, 2, NULL, 256);
    mininet_ready(net);
    send_some(net, 0, 1, 3);
    mininet_run(net, SLC_SECOND);
    slc_clients_set_topology(net->clients, NULL, NULL);
    mininet_run(net, 100 * SLC_MILLISECOND); /* what was built leaves */
    uint64_t before = packets(net);
    mininet_run(net, 10 * SLC_SECOND);
    assert_true(packets(net) == before);
    assert_int_equal(slc_clients_ready(net->clients), 2);
    assert_int_equal(net->client[0].lost + net->client[1].lost, 0);
    uint8_t byte = 1;
    assert_int_equal(mininet_send(net, 0, 1, 9, &byte, 1, false, 0), SLC_NO_ROUTE);
    slc_clients_set_topology(net->clients, net->topology, NULL);
    mininet_run(net, 2 * SLC_SECOND);
    /* 55 a second and client; what was missed is not made up for. */
    assert_in_range(packets(net) - before, 150, 290);
    send_some(net, 1, 0, 3);
    mininet_run(net, 5 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 3);
    assert_int_equal(net->client[1].acked, 3);
    mininet_free(net);
}

static void who_is_not_connected_waits_for_its_gateway_and_does_not_try(void **state)
{
    (void)state;
    struct mininet *net = mininet_new(61, 2, NULL, 256);
    mininet_ready(net);
    slc_clients_set_topology(net->clients, NULL, NULL);
    mininet_cut(net, 0);
    uint64_t connects = slc_clients_counters(net->clients)->connects;
    mininet_run(net, 120 * SLC_SECOND);
    assert_true(slc_clients_counters(net->clients)->connects == connects);
    assert_int_equal(net->client[0].lost, 1);
    assert_int_equal(slc_clients_ready(net->clients), 1);
    slc_clients_set_topology(net->clients, net->topology, NULL);
    mininet_run(net, 2 * SLC_SECOND);
    assert_int_equal(slc_clients_ready(net->clients), 2);
    mininet_free(net);
}

static struct slc_client_setup newcomer(const struct mininet *net, uint64_t seed)
{
    struct slc_random random;
    struct slc_client_setup setup = {0};
    slc_random_from_number(&random, seed, 1);
    slc_client_keys_generate(&setup.keys, &random);
    memcpy(setup.gateway, net->nodes[net->client[0].gateway].identity.public_key, SLC_IDENTITY_BYTES);
    return setup;
}

static void a_client_that_leaves_gives_its_place_to_another(void **state)
{
    (void)state;
    struct mininet *net = mininet_new(62, 2, NULL, 256);
    mininet_ready(net);
    net->loss = 1;
    send_some(net, 0, 1, 7);
    mininet_run(net, 500 * SLC_MILLISECOND);
    slc_clients_leave(net->clients, 0, net->now);
    assert_int_equal(net->client[0].expired, 7);
    assert_int_equal(net->client[0].status, SLC_CLOSED);
    assert_int_equal(net->client[0].removed, 1);
    assert_int_equal(net->done_count, 7);
    assert_false(slc_clients_has(net->clients, 0));
    assert_int_equal(slc_clients_count(net->clients), 1);
    uint8_t byte = 1;
    struct slc_client_setup setup = newcomer(net, 5);
    assert_int_equal(mininet_send(net, 1, 1, 9, &byte, 1, false, 0), SLC_OK);
    /* At once: alarms, frames and a connection of the former one are still on their way. */
    assert_int_equal(slc_clients_add_at(net->clients, &setup, net->now, 1), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_clients_add_at(net->clients, &setup, net->now, 0), SLC_OK);
    net->loss = 0;
    mininet_run(net, 10 * SLC_SECOND);
    assert_int_equal(slc_clients_ready(net->clients), 2);
    struct slc_recipient recipient;
    slc_clients_recipient(net->clients, 0, &recipient);
    assert_memory_equal(recipient.identity, setup.keys.identity.public_key, SLC_IDENTITY_BYTES);
    send_some(net, 0, 1, 4);
    mininet_run(net, 5 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 4);
    assert_int_equal(net->client[0].lost, 0);
    assert_int_equal(net->client[0].expired, 7);
    mininet_free(net);
}

static void leaving_without_being_there_does_no_harm(void **state)
{
    (void)state;
    struct mininet *net = mininet_new(63, 2, NULL, 256);
    slc_clients_leave(net->clients, 77, net->now);
    slc_clients_leave(net->clients, 0, net->now); /* before it ever connected */
    slc_clients_leave(net->clients, 0, net->now);
    assert_int_equal(net->client[0].removed, 1);
    mininet_run(net, 5 * SLC_SECOND);
    assert_int_equal(slc_clients_ready(net->clients), 1);
    mininet_free(net);
}

static void gateways_forget_clients_that_ask_for_it_at_the_end(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.forget_client = true;
    struct mininet *net = mininet_new(64, 6, &traffic, 256);
    mininet_ready(net);
    slc_clients_leave_all(net->clients, net->now);
    assert_int_equal(slc_clients_count(net->clients), 6);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(slc_clients_count(net->clients), 0);
    for (unsigned i = MININET_MIXES; i < MININET_NODES; i++) {
        assert_int_equal(slc_registry_count(net->nodes[i].registry), 0);
    }
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(net->client[i].removed, 1);
        assert_int_equal(net->client[i].lost, 0);
    }
    mininet_free(net);
}

static void a_gateway_that_does_not_come_in_time_is_given_up(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.main_mean = 60 * SLC_SECOND;
    traffic.loop_mean = 0;
    struct mininet *net = mininet_new(65, 2, &traffic, 256);
    mininet_ready(net);
    slc_clients_leave(net->clients, 0, net->now);
    struct slc_client_setup setup = newcomer(net, 6);
    memset(setup.gateway, 9, sizeof setup.gateway);
    assert_int_equal(slc_clients_add_at(net->clients, &setup, net->now, 0), SLC_NO_ROUTE);
    setup.gateway_wait = 70 * 60 * SLC_SECOND;
    assert_int_equal(slc_clients_add_at(net->clients, &setup, net->now, 0), SLC_OK);
    assert_int_equal(net->client[0].lost, 1);
    mininet_run(net, 69 * 60 * SLC_SECOND);
    assert_int_equal(net->client[0].failed, 0);
    mininet_run(net, 2 * 60 * SLC_SECOND);
    assert_int_equal(net->client[0].failed, 1);
    assert_int_equal(net->client[0].lost, 1);
    mininet_free(net);
}

static void many_clients_of_a_gateway_that_is_down_do_not_knock_in_step(void **state)
{
    (void)state;
    enum { MANY = 200, BINS = 200 };
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.main_mean = 10 * SLC_SECOND;
    traffic.loop_mean = 0;
    struct mininet *net = mininet_new(66, MANY, &traffic, 256);
    mininet_ready(net);
    mininet_run(net, 6 * SLC_SECOND);
    for (uint32_t i = 0; i < MANY; i++) {
        net->client[i].refuse = true;
        mininet_cut(net, i);
    }
    uint64_t last = slc_clients_counters(net->clients)->connects, most = 0, late = 0;
    for (unsigned bin = 0; bin < BINS; bin++) {
        mininet_run(net, 100 * SLC_MILLISECOND);
        uint64_t now = slc_clients_counters(net->clients)->connects;
        if (bin >= 50 && now - last > most) most = now - last;
        if (bin >= 50) late += now - last;
        last = now;
    }
    /* Three times each in these 15 s; never a tenth of all in a tenth of a second. */
    assert_in_range(late, 2 * MANY, 5 * MANY);
    assert_in_range(most, 1, MANY / 10);
    for (uint32_t i = 0; i < MANY; i++) {
        net->client[i].refuse = false;
    }
    mininet_run(net, 15 * SLC_SECOND);
    assert_int_equal(slc_clients_ready(net->clients), MANY);
    mininet_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topology_that_does_not_count_silences_until_another_comes),
        cmocka_unit_test(who_is_not_connected_waits_for_its_gateway_and_does_not_try),
        cmocka_unit_test(a_client_that_leaves_gives_its_place_to_another),
        cmocka_unit_test(leaving_without_being_there_does_no_harm),
        cmocka_unit_test(gateways_forget_clients_that_ask_for_it_at_the_end),
        cmocka_unit_test(a_gateway_that_does_not_come_in_time_is_given_up),
        cmocka_unit_test(many_clients_of_a_gateway_that_is_down_do_not_knock_in_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
