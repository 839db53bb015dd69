/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet.h"

#include <stdlib.h>

#include "tests/support/vectors.h"

/* Acks, timers and retransmission (docs/protocol/4-client.md, section 6), and what a changing topology does to them. */

static struct slc_traffic unpaced(void)
{
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    traffic.loop_mean = 0;
    return traffic;
}

static enum slc_status send_limited(struct mininet *net, uint64_t token, uint32_t retransmissions)
{
    struct slc_outgoing out = {.index = 0, .token = token, .retransmissions = retransmissions, .len = 10};
    slc_clients_recipient(net->clients, 1, &out.recipient);
    out.offset = slc_outgoing_head(false, false, 0);
    out.memory = calloc(1, out.offset + out.len);
    return slc_clients_send(net->clients, &out, net->now);
}

static void the_timer_follows_from_the_delays_that_were_drawn(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.look_ahead = traffic.look_ahead_min = 20 * SLC_MICROSECOND;
    struct mininet *net = mininet_new(61, 2, &traffic, 256);
    mininet_ready(net);
    net->record_dues = true;
    net->loss = 1;
    double sum = 0;
    enum { MESSAGES = 200 };
    for (unsigned i = 0; i < MESSAGES; i++) {
        net->client[0].due_count = 0;
        assert_int_equal(send_limited(net, i, 1), SLC_OK);
        mininet_run(net, 4 * SLC_SECOND);
        assert_int_equal(net->client[0].due_count, 2);
        slc_time wait = net->client[0].dues[1] - net->client[0].dues[0];
        assert_true(wait >= 1500 * SLC_MILLISECOND);
        sum += (double)wait / 1e6;
    }
    assert_int_equal(net->client[0].expired, MESSAGES);
    /* 1500 + 1.5 * 6 * 15 ms; the sum of six exponentials deviates by 55 ms, the mean of 200 by 4. */
    assert_true(sum / MESSAGES > 1635 - 13 && sum / MESSAGES < 1635 + 13);
    mininet_free(net);
}

static void a_message_has_a_limit_of_its_own(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    struct mininet *net = mininet_new(62, 2, &traffic, 256);
    mininet_ready(net);
    net->loss = 1;
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    static const struct {
        uint32_t limit, repeats;
    } cases[] = {{SLC_RETRANSMISSIONS_NONE, 0}, {1, 1}, {4, 4}};
    for (unsigned i = 0; i < 3; i++) {
        uint64_t before = counters->retransmitted;
        assert_int_equal(send_limited(net, i, cases[i].limit), SLC_OK);
        mininet_run(net, 60 * SLC_SECOND);
        assert_int_equal(counters->retransmitted - before, cases[i].repeats);
        assert_int_equal(net->client[0].expired, i + 1);
        assert_int_equal(net->client[0].status, SLC_TIMEOUT);
    }
    /* Without one it goes on, ever more slowly. */
    uint64_t before = counters->retransmitted;
    assert_int_equal(send_limited(net, 9, SLC_RETRANSMISSIONS_DEFAULT), SLC_OK);
    mininet_run(net, 600 * SLC_SECOND);
    assert_in_range(counters->retransmitted - before, 10, 25);
    assert_int_equal(net->client[0].expired, 3);
    net->loss = 0;
    mininet_run(net, 120 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 1);
    mininet_free(net);
}

static void the_smaller_of_two_limits_counts(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.retransmissions = 2;
    struct mininet *net = mininet_new(63, 2, &traffic, 256);
    mininet_ready(net);
    net->loss = 1;
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(send_limited(net, 1, 7), SLC_OK);
    mininet_run(net, 60 * SLC_SECOND);
    assert_int_equal(counters->retransmitted, 2);
    assert_int_equal(send_limited(net, 2, 1), SLC_OK);
    mininet_run(net, 60 * SLC_SECOND);
    assert_int_equal(counters->retransmitted, 3);
    assert_int_equal(send_limited(net, 3, SLC_RETRANSMISSIONS_UNLIMITED), SLC_OK);
    mininet_run(net, 60 * SLC_SECOND);
    assert_int_equal(counters->retransmitted, 5);
    assert_int_equal(net->client[0].expired, 3);
    mininet_free(net);
}

static void replies_are_repeated_ten_times(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    struct mininet *net = mininet_new(64, 2, &traffic, 256);
    mininet_ready(net);
    assert_int_equal(mininet_send(net, 0, 1, 1, (const uint8_t *)"ask", 3, true, 60), SLC_OK);
    mininet_run(net, 2 * SLC_SECOND);
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    net->loss = 1;
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(mininet_reply(net, 1, d->tag, 2, (const uint8_t *)"x", 1), SLC_OK);
    mininet_forget(d);
    mininet_run(net, 900 * SLC_SECOND);
    assert_int_equal(counters->retransmitted, 10);
    assert_int_equal(counters->surbs_used, 11);
    assert_int_equal(net->client[1].expired, 1);
    mininet_free(net);
}

static void a_repeat_does_not_wait_behind_a_long_message(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.loop_mean = 0;
    struct mininet *net = mininet_new(65, 2, &traffic, 256);
    mininet_ready(net);
    net->loss = 1;
    assert_int_equal(send_limited(net, 1, 0), SLC_OK);
    mininet_run(net, SLC_SECOND);
    net->loss = 0;
    uint8_t *data = calloc(1, 1600 * 1000);
    assert_int_equal(mininet_send(net, 0, 1, 2, data, 1600 * 1000, false, 0), SLC_OK);
    mininet_run(net, 2 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 1);
    assert_true(slc_clients_lane_queue(net->clients, 0, 0) > 800);
    free(data);
    mininet_free(net);
}

static void an_ack_that_comes_while_the_repeat_waits_for_a_slot_ends_it(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.loop_mean = 0;
    traffic.main_mean = SLC_SECOND / 2;
    traffic.ack_wait_extra = 0;
    traffic.ack_wait_factor = 0.1;
    struct mininet *net = mininet_new(66, 2, &traffic, 256);
    mininet_ready(net);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(send_limited(net, i, 0), SLC_OK);
        mininet_run(net, 3 * SLC_SECOND);
    }
    mininet_run(net, 60 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 100);
    /* Each timer fires long before its ack comes, but few slots fall in between. */
    assert_true(counters->retransmitted < 40);
    assert_int_equal(counters->unknown_acks + counters->acks_received, 100 + counters->retransmitted);
    assert_int_equal(slc_clients_queue(net->clients, 0), 0);
    assert_int_equal(net->done_count, 100);
    mininet_free(net);
}

/* ---- topology ---- */

static void a_gateway_that_is_not_listed_for_a_while_costs_nothing(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.retransmissions = 2;
    struct mininet *net = mininet_new(67, 3, &traffic, 256);
    mininet_ready(net);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    uint8_t *data = calloc(1, 20000);
    /* One message is on its way when the gateway goes, one has not begun. */
    net->loss = 1;
    assert_int_equal(mininet_send(net, 0, 1, 1, data, 20000, false, 0), SLC_OK);
    mininet_run(net, 100 * SLC_MILLISECOND);
    assert_int_equal(mininet_send(net, 0, 1, 2, data, 5000, false, 0), SLC_OK);
    net->hidden[MININET_MIXES + 1] = true;
    mininet_refresh(net);
    net->loss = 0;
    assert_int_equal(mininet_send(net, 0, 1, 3, data, 10, false, 0), SLC_NO_ROUTE);
    uint64_t sent = counters->real_sent;
    mininet_run(net, 300 * SLC_SECOND);
    assert_int_equal(counters->real_sent, sent);
    assert_int_equal(counters->retransmitted, 0);
    assert_int_equal(net->client[0].expired, 0);
    /* Others are not held up by it. */
    assert_int_equal(mininet_send(net, 0, 2, 4, data, 5000, false, 0), SLC_OK);
    mininet_run(net, 2 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 1);
    net->hidden[MININET_MIXES + 1] = false;
    mininet_refresh(net);
    mininet_run(net, 10 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 3);
    assert_int_equal(net->client[0].expired, 0);
    free(data);
    mininet_free(net);
}

static void a_gateway_that_stays_away_takes_its_messages_with_it(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    struct mininet *net = mininet_new(68, 3, &traffic, 256);
    mininet_ready(net);
    uint8_t *data = calloc(1, 20000);
    assert_int_equal(mininet_send(net, 0, 1, 1, data, 20000, false, 0), SLC_OK);
    net->hidden[MININET_MIXES + 1] = true;
    mininet_refresh(net);
    mininet_run(net, 590 * SLC_SECOND);
    assert_int_equal(net->client[0].expired, 0);
    mininet_run(net, 20 * SLC_SECOND);
    assert_int_equal(net->client[0].expired, 1);
    assert_int_equal(net->client[0].status, SLC_NO_ROUTE);
    assert_int_equal(net->done_count, 1);
    assert_int_equal(slc_clients_queue(net->clients, 0), 0);
    free(data);
    mininet_free(net);
}

static void nothing_leaves_while_our_own_gateway_is_not_listed(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    struct mininet *net = mininet_new(69, 2, &traffic, 256);
    mininet_ready(net);
    net->record_dues = true;
    net->hidden[MININET_MIXES] = true;
    mininet_refresh(net);
    mininet_run(net, SLC_SECOND / 2);
    size_t before = net->client[0].due_count;
    assert_int_equal(mininet_send(net, 0, 1, 1, (const uint8_t *)"later", 5, false, 0), SLC_OK);
    mininet_run(net, 20 * SLC_SECOND);
    assert_int_equal(net->client[0].due_count, before);
    assert_true(net->client[1].due_count > 800);
    net->hidden[MININET_MIXES] = false;
    mininet_refresh(net);
    mininet_run(net, 5 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 1);
    /* No burst in place of what was not sent. */
    assert_in_range(net->client[0].due_count - before, 180, 370);
    mininet_free(net);
}

static void packets_of_the_rotation_before_still_arrive(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.look_ahead = traffic.look_ahead_min = 200 * SLC_MILLISECOND;
    struct mininet *net = mininet_new(70, 2, &traffic, 256);
    mininet_ready(net);
    static const uint8_t data[1600 * 30];
    assert_int_equal(mininet_send(net, 0, 1, 1, data, sizeof data, false, 0), SLC_OK);
    mininet_run(net, 300 * SLC_MILLISECOND);
    /* Frames with old keys are handed out already, others are on their way; the rest of the message is built anew. */
    mininet_rotate(net);
    mininet_run(net, 10 * SLC_SECOND);
    assert_true(net->opened_old > 50);
    assert_int_equal(net->unopened, 0);
    assert_int_equal(net->client[0].acked, 1);
    assert_int_equal(net->delivery_count, 1);
    assert_int_equal(slc_clients_counters(net->clients)->retransmitted, 0);
    uint64_t old = net->opened_old;
    mininet_run(net, 2 * SLC_SECOND);
    assert_int_equal(net->opened_old, old);
    mininet_free(net);
}

/* ---- routes (section 5) ---- */

static unsigned first_hops(const struct mininet *net, size_t from)
{
    unsigned seen = 0;
    for (size_t i = from; i < net->client[0].hop_count; i++) {
        seen |= 1u << net->client[0].hops[i];
    }
    return seen;
}

static void repeats_take_new_routes_unless_routes_are_fixed(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.retransmissions = 12;
    unsigned together = 0;
    for (unsigned fixed = 0; fixed < 2; fixed++) {
        traffic.fixed_routes = fixed;
        struct mininet *net = mininet_new(71, 2, &traffic, 256);
        net->wide = true;
        mininet_refresh(net);
        mininet_ready(net);
        net->record_dues = true;
        net->loss = 1;
        for (unsigned i = 0; i < 8; i++) {
            size_t from = net->client[0].hop_count;
            assert_int_equal(send_limited(net, i, 0), SLC_OK);
            mininet_run(net, 900 * SLC_SECOND);
            assert_int_equal(net->client[0].hop_count - from, 13);
            unsigned seen = first_hops(net, from);
            assert_int_equal(__builtin_popcount(seen) == 1, fixed);
            if (fixed) together |= seen;
        }
        mininet_free(net);
    }
    /* Other fragments, other routes. */
    assert_int_equal(together, 7);
}

static void a_gateway_that_mixes_is_a_recipient_s_only_if_roles_are_ignored(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    for (unsigned ignored = 0; ignored < 2; ignored++) {
        traffic.ignore_egress_role = ignored;
        struct mininet *net = mininet_new(73, 3, &traffic, 256);
        net->gateway_mixes = true;
        mininet_refresh(net);
        mininet_ready(net);
        enum slc_status status = mininet_send(net, 0, 1, 1, (const uint8_t *)"x", 1, false, 0);
        assert_int_equal(status, ignored ? SLC_OK : SLC_NO_ROUTE);
        assert_int_equal(mininet_send(net, 0, 2, 2, (const uint8_t *)"x", 1, false, 0), SLC_OK);
        mininet_run(net, SLC_SECOND);
        assert_int_equal(net->client[0].acked, 1 + ignored);
        mininet_free(net);
    }
}

static void without_mix_hops_messages_go_straight_and_cover_does_not(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.no_mix_hops = true;
    struct mininet *net = mininet_new(72, 2, &traffic, 256);
    mininet_ready(net);
    net->record_dues = true;
    static const uint8_t data[1600 * 10];
    assert_int_equal(mininet_send(net, 0, 1, 1, data, sizeof data, true, 30), SLC_OK);
    mininet_run(net, 3 * SLC_SECOND);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(net->client[0].acked, 1);
    unsigned straight = 0, mixed = 0;
    for (size_t i = 0; i < net->client[0].hop_count; i++) {
        if (net->client[0].hops[i] == MININET_MIXES + 1) straight++;
        if (net->client[0].hops[i] == 0) mixed++;
    }
    assert_int_equal(straight, counters->real_sent);
    assert_int_equal(straight + mixed, net->client[0].hop_count);
    assert_true(mixed > 50);
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_int_equal(mininet_reply(net, 1, d->tag, 2, data, 1000), SLC_OK);
    mininet_forget(d);
    mininet_run(net, 3 * SLC_SECOND);
    assert_int_equal(net->client[1].acked, 1);
    assert_int_equal(counters->retransmitted, 0);
    assert_int_equal(net->delivery_count, 2);
    /* The SURBs were of one hop, the gateway of who made them. */
    unsigned home = 0;
    for (size_t i = 0; i < net->client[1].hop_count; i++) {
        if (net->client[1].hops[i] == MININET_MIXES) home++;
    }
    assert_int_equal(home, 1);
    assert_int_equal(counters->surbs_used, 1);
    mininet_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_timer_follows_from_the_delays_that_were_drawn),
        cmocka_unit_test(a_message_has_a_limit_of_its_own),
        cmocka_unit_test(the_smaller_of_two_limits_counts),
        cmocka_unit_test(replies_are_repeated_ten_times),
        cmocka_unit_test(a_repeat_does_not_wait_behind_a_long_message),
        cmocka_unit_test(an_ack_that_comes_while_the_repeat_waits_for_a_slot_ends_it),
        cmocka_unit_test(a_gateway_that_is_not_listed_for_a_while_costs_nothing),
        cmocka_unit_test(a_gateway_that_stays_away_takes_its_messages_with_it),
        cmocka_unit_test(nothing_leaves_while_our_own_gateway_is_not_listed),
        cmocka_unit_test(packets_of_the_rotation_before_still_arrive),
        cmocka_unit_test(repeats_take_new_routes_unless_routes_are_fixed),
        cmocka_unit_test(a_gateway_that_mixes_is_a_recipient_s_only_if_roles_are_ignored),
        cmocka_unit_test(without_mix_hops_messages_go_straight_and_cover_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
