/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet.h"

#include <stdlib.h>

#include "tests/support/vectors.h"

/* Clients, sessions and messages end to end in a small mixnet: what is handed in arrives once, acks come back. */

static uint8_t *bytes_of(uint64_t seed, size_t len)
{
    struct slc_random random;
    uint8_t *data = malloc(len + 1);
    assert_non_null(data);
    slc_random_from_number(&random, seed, 99);
    slc_random_bytes(&random, data, len);
    return data;
}

static void expect_delivery(struct mininet *net, uint32_t to, const uint8_t *data, size_t len)
{
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_int_equal(d->index, to);
    assert_int_equal(d->len, len);
    assert_memory_equal(d->data, data, len);
    mininet_forget(d);
}

static void messages_of_every_length_arrive_once_and_are_acked(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 1602, 1603, 1604, 3000, 50000, 1000000};
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    struct mininet *net = mininet_new(1, 2, &traffic, 256);
    mininet_ready(net);
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t *data = bytes_of(i, lengths[i]);
        assert_int_equal(mininet_send(net, 0, 1, i, data, lengths[i], false, 0), SLC_OK);
        mininet_run(net, 3 * SLC_SECOND);
        expect_delivery(net, 1, data, lengths[i]);
        assert_null(mininet_next(net));
        assert_int_equal(net->client[0].sent, i + 1);
        assert_int_equal(net->client[0].acked, i + 1);
        assert_int_equal(net->done_count, i + 1);
        free(data);
    }
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->retransmitted, 0);
    assert_int_equal(counters->acks_received, counters->real_sent);
    assert_int_equal(counters->unknown_acks, 0);
    mininet_free(net);
}

/* What went in is what came out or is known to be lost. */
static void expect_balance(const struct mininet *net)
{
    const struct slc_client_counters *n = slc_clients_counters(net->clients);
    uint64_t packets = n->real_sent + n->retransmitted + n->cover_sent + n->surb_packets_sent;
    assert_true(n->packet_bytes_sent == packets * SLC_REGULAR_PACKET_BYTES);
    assert_true(n->wire_bytes_sent == packets * 2460); /* 8 + 14 + 9 + 2413 + 16 */
    assert_true(n->batch_packets == packets);
    assert_int_equal(n->refused_payloads + n->refused_messages + n->refused_frames, 0);
    assert_int_equal(net->unopened, 0);
    struct slc_client_counters sum = {0};
    for (unsigned i = MININET_MIXES; i < MININET_NODES; i++) {
        const struct slc_client_counters *g =
            slc_clients_gateway_counters(net->clients, net->nodes[i].identity.public_key);
        if (g == NULL) continue;
        sum.real_sent += g->real_sent;
        sum.data_received += g->data_received;
        sum.acks_received += g->acks_received;
    }
    assert_true(sum.real_sent == n->real_sent && sum.data_received == n->data_received);
    assert_true(sum.acks_received == n->acks_received);
}

static void counters_balance_after_the_last_packet(void **state)
{
    (void)state;
    struct mininet *net = mininet_new(2, 4, NULL, 256);
    mininet_ready(net);
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t *data = bytes_of(i, i * 20);
        assert_int_equal(mininet_send(net, i % 4, (i + 1) % 4, i, data, i * 20, false, 0), SLC_OK);
        free(data);
    }
    mininet_run(net, 10 * SLC_SECOND);
    expect_balance(net);
    const struct slc_client_counters *n = slc_clients_counters(net->clients);
    assert_int_equal(net->delivery_count, 200);
    assert_int_equal(n->messages_acked, 200);
    assert_int_equal(n->acks_received, n->real_sent);
    /* The last cover is still on its way. */
    assert_in_range(n->cover_received, n->cover_sent - 100, n->cover_sent);
    assert_in_range(n->cover_acks_received, n->cover_sent - 150, n->cover_sent);
    assert_true(n->data_received == n->cover_received + n->real_sent);
    mininet_free(net);
}

static void losses_repeats_and_disorder_are_recovered(void **state)
{
    (void)state;
    struct mininet *net = mininet_new(3, 4, NULL, 256);
    mininet_ready(net);
    net->loss = 0.05;
    net->duplicates = 0.05;
    net->jitter = 20 * SLC_MILLISECOND;
    uint64_t bytes = 0, got = 0;
    for (uint32_t i = 0; i < 120; i++) {
        size_t len = (size_t)i * 97 % 9000;
        uint8_t *data = bytes_of(i, len);
        assert_int_equal(mininet_send(net, i % 4, (i + 1) % 4, i, data, len, false, 0), SLC_OK);
        free(data);
        bytes += len;
    }
    mininet_run(net, 60 * SLC_SECOND);
    for (struct mininet_delivery *d; (d = mininet_next(net)) != NULL; mininet_forget(d)) {
        got += d->len;
    }
    const struct slc_client_counters *n = slc_clients_counters(net->clients);
    assert_int_equal(net->delivery_count, 120);
    assert_true(got == bytes);
    assert_int_equal(n->messages_acked, 120);
    assert_int_equal(n->messages_expired, 0);
    /* About one in ten is lost or unacked. */
    assert_in_range(n->retransmitted, n->real_sent / 25, n->real_sent / 4);
    assert_true(n->duplicate_fragments > 0 && n->unknown_acks > 0);
    mininet_free(net);
}

static void a_message_is_given_up_after_so_many_repeats(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    traffic.loop_mean = 0;
    traffic.retransmissions = 3;
    struct mininet *net = mininet_new(4, 2, &traffic, 256);
    mininet_ready(net);
    net->loss = 1;
    uint8_t *data = bytes_of(1, 5000);
    assert_int_equal(mininet_send(net, 0, 1, 77, data, 5000, false, 0), SLC_OK);
    mininet_run(net, 60 * SLC_SECOND);
    const struct slc_client_counters *n = slc_clients_counters(net->clients);
    assert_int_equal(net->client[0].expired, 1);
    assert_int_equal(net->client[0].status, SLC_TIMEOUT);
    assert_int_equal(net->client[0].sent, 1);
    assert_int_equal(n->real_sent, 4);
    assert_in_range(n->retransmitted, 9, 12);
    assert_int_equal(net->done_count, 1);
    assert_int_equal(slc_clients_queue(net->clients, 0), 0);
    net->loss = 0;
    assert_int_equal(mininet_send(net, 0, 1, 78, data, 5000, false, 0), SLC_OK);
    mininet_run(net, 5 * SLC_SECOND);
    expect_delivery(net, 1, data, 5000);
    free(data);
    mininet_free(net);
}

static void what_waits_for_an_ack_is_bounded(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    traffic.max_pending = 50;
    struct mininet *net = mininet_new(5, 2, &traffic, 256);
    mininet_ready(net);
    uint8_t *data = bytes_of(1, 100000);
    assert_int_equal(mininet_send(net, 0, 1, 1, data, 100000, false, 0), SLC_FULL);
    assert_int_equal(mininet_send(net, 0, 1, 1, data, 50000, false, 0), SLC_OK);
    assert_int_equal(mininet_send(net, 0, 1, 2, data, 50000, false, 0), SLC_FULL);
    mininet_run(net, 3 * SLC_SECOND);
    assert_int_equal(mininet_send(net, 0, 1, 2, data, 50000, false, 0), SLC_OK);
    mininet_run(net, 3 * SLC_SECOND);
    assert_int_equal(net->delivery_count, 2);
    free(data);
    mininet_free(net);
}

static void a_lost_connection_comes_back_and_so_do_its_messages(void **state)
{
    (void)state;
    struct mininet *net = mininet_new(6, 2, NULL, 256);
    mininet_ready(net);
    for (unsigned i = 0; i < 20; i++) {
        uint8_t *data = bytes_of(i, 20000);
        assert_int_equal(mininet_send(net, 0, 1, i, data, 20000, false, 0), SLC_OK);
        free(data);
        mininet_run(net, 700 * SLC_MILLISECOND);
        mininet_cut(net, i % 2);
    }
    mininet_run(net, 60 * SLC_SECOND);
    assert_int_equal(net->delivery_count, 20);
    assert_int_equal(net->client[0].acked, 20);
    assert_true(net->client[0].ready >= 3 && net->client[0].lost + 1 == net->client[0].ready);
    assert_int_equal(slc_clients_ready(net->clients), 2);
    mininet_free(net);
}

static void a_gateway_that_refuses_is_tried_until_it_does_not(void **state)
{
    (void)state;
    struct mininet *net = mininet_new(7, 1, NULL, 256);
    net->client[0].refuse = true;
    mininet_run(net, 30 * SLC_SECOND);
    assert_int_equal(net->client[0].ready, 0);
    assert_in_range(net->client[0].lost, 4, 20);
    assert_int_equal(mininet_send(net, 0, 0, 1, (const uint8_t *)"later", 5, false, 0), SLC_OK);
    net->client[0].refuse = false;
    mininet_run(net, 10 * SLC_SECOND);
    assert_int_equal(net->client[0].ready, 1);
    assert_int_equal(net->delivery_count, 1);
    mininet_free(net);
}

static void many_clients_connect_a_few_at_a_time(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.main_mean = SLC_SECOND;
    traffic.loop_mean = 0;
    struct mininet *net = mininet_new(8, 600, &traffic, 256);
    mininet_run(net, SLC_MILLISECOND);
    assert_int_equal(slc_clients_counters(net->clients)->connects, 256);
    mininet_ready(net);
    assert_int_equal(slc_clients_counters(net->clients)->connects, 600);
    assert_int_equal(slc_clients_counters(net->clients)->losts, 0);
    mininet_free(net);
}

static void messages_without_a_way_are_refused(void **state)
{
    (void)state;
    struct mininet *net = mininet_new(9, 1, NULL, 256);
    struct slc_outgoing out = {.index = 0, .memory = calloc(1, 64), .offset = 1, .len = 1};
    slc_clients_recipient(net->clients, 0, &out.recipient);
    memset(out.recipient.gateway, 1, sizeof out.recipient.gateway);
    assert_int_equal(slc_clients_send(net->clients, &out, net->now), SLC_NO_ROUTE);
    out.index = 1;
    assert_int_equal(slc_clients_send(net->clients, &out, net->now), SLC_BAD_ARGUMENT);
    out.index = 0;
    out.offset = 0;
    assert_int_equal(slc_clients_send(net->clients, &out, net->now), SLC_BAD_ARGUMENT);
    free(out.memory);
    /* Still held at the end: given back. */
    assert_int_equal(mininet_send(net, 0, 0, 1, (const uint8_t *)"x", 1, true, 5), SLC_OK);
    mininet_free(net);
}

static void a_hostile_gateway_changes_nothing_but_counters(void **state)
{
    (void)state;
    struct mininet *net = mininet_new(10, 2, NULL, 256);
    mininet_ready(net);
    mininet_run(net, SLC_SECOND);
    struct slc_random random;
    slc_random_from_number(&random, 10, 5);
    size_t memory = slc_clients_memory(net->clients);
    for (unsigned i = 0; i < 3000; i++) {
        static const size_t lengths[] = {0, 1, 20, 21, 22, 31, 32, 33, 40, 500, 1643, 7787};
        uint8_t payload[7787];
        size_t len = lengths[slc_random_below(&random, sizeof lengths / sizeof *lengths)];
        slc_random_bytes(&random, payload, len);
        mininet_push(net, i % 2, payload, len, i % 7 == 0);
        if (i % 100 == 0) mininet_run(net, 20 * SLC_MILLISECOND);
    }
    mininet_run(net, SLC_SECOND);
    const struct slc_client_counters *n = slc_clients_counters(net->clients);
    assert_in_range(n->refused_frames, 420, 440);
    assert_in_range(n->unknown_acks, 100, 300); /* half of them name no set at all */
    assert_true(n->refused_payloads > 1000);
    assert_int_equal(n->losts, 0);
    assert_int_equal(net->delivery_count, 0);
    assert_true(slc_clients_memory(net->clients) < memory + 3000000);
    uint8_t *data = bytes_of(1, 5000);
    assert_int_equal(mininet_send(net, 0, 1, 1, data, 5000, false, 0), SLC_OK);
    mininet_run(net, 3 * SLC_SECOND);
    expect_delivery(net, 1, data, 5000);
    assert_int_equal(net->client[0].acked, 1);
    free(data);
    mininet_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_every_length_arrive_once_and_are_acked),
        cmocka_unit_test(counters_balance_after_the_last_packet),
        cmocka_unit_test(losses_repeats_and_disorder_are_recovered),
        cmocka_unit_test(a_message_is_given_up_after_so_many_repeats),
        cmocka_unit_test(what_waits_for_an_ack_is_bounded),
        cmocka_unit_test(a_lost_connection_comes_back_and_so_do_its_messages),
        cmocka_unit_test(a_gateway_that_refuses_is_tried_until_it_does_not),
        cmocka_unit_test(many_clients_connect_a_few_at_a_time),
        cmocka_unit_test(messages_without_a_way_are_refused),
        cmocka_unit_test(a_hostile_gateway_changes_nothing_but_counters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
