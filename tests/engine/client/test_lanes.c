/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet.h"

#include <stdlib.h>

#include "tests/support/vectors.h"

/* Lanes of one client as an application sees them: who goes first, how much waits, what a close does. */

static struct slc_traffic slow(void)
{
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.loop_mean = 0;
    traffic.adaptive = false;
    return traffic;
}

static enum slc_status send_in(struct mininet *net, uint64_t lane, uint64_t token, size_t len, uint32_t surbs)
{
    struct slc_outgoing out = {.index = 0, .token = token, .lane = lane, .surbs = surbs, .len = len};
    slc_clients_recipient(net->clients, 1, &out.recipient);
    out.offset = slc_outgoing_head(false, false, surbs);
    out.memory = calloc(1, out.offset + len + 1);
    assert_non_null(out.memory);
    enum slc_status status = slc_clients_send(net->clients, &out, net->now);
    if (status != SLC_OK) free(out.memory);
    return status;
}

static size_t waits(const struct mininet *net, uint64_t lane)
{
    return slc_clients_lane_queue(net->clients, 0, lane);
}

static void a_small_lane_does_not_wait_for_a_large_one(void **state)
{
    (void)state;
    struct slc_traffic traffic = slow();
    struct mininet *net = mininet_new(31, 2, &traffic, 256);
    mininet_ready(net);
    assert_int_equal(send_in(net, 0, 1, 1600 * 2000, 0), SLC_OK);
    assert_true(waits(net, 0) >= 1980);
    assert_int_equal(send_in(net, 7, 2, 1600 * 20, 0), SLC_OK);
    mininet_run(net, 3 * SLC_SECOND);
    /* 20 packets took 20 slots, not 2000: the small lane had them all. */
    assert_int_equal(waits(net, 7), 0);
    assert_int_equal(net->client[0].acked, 1);
    assert_true(waits(net, 0) > 1800);
    mininet_free(net);
}

static void lanes_share_slots_evenly_while_small(void **state)
{
    (void)state;
    struct slc_traffic traffic = slow();
    struct mininet *net = mininet_new(32, 2, &traffic, 256);
    mininet_ready(net);
    for (uint64_t lane = 1; lane <= 4; lane++) {
        assert_int_equal(send_in(net, lane, lane, 1600 * 95, 0), SLC_OK);
    }
    mininet_run(net, 4 * SLC_SECOND);
    for (uint64_t lane = 1; lane <= 4; lane++) {
        assert_in_range(waits(net, lane), 95 - 50 - 25, 95 - 50 + 25); /* binomial: 200 slots, sigma 6 */
    }
    mininet_free(net);
}

static void a_length_is_right_at_any_time(void **state)
{
    (void)state;
    struct slc_traffic traffic = slow();
    struct mininet *net = mininet_new(33, 2, &traffic, 256);
    mininet_ready(net);
    assert_int_equal(waits(net, 5), 0);
    assert_int_equal(send_in(net, 5, 1, 10, 0), SLC_OK);
    assert_int_equal(waits(net, 5), 1);
    assert_int_equal(send_in(net, 5, 2, 1600 * 9, 0), SLC_OK);
    assert_int_equal(waits(net, 5), 10);
    assert_int_equal(waits(net, 0), 0);
    /* One that waits for its SURBs to be made is there, too. */
    assert_int_equal(send_in(net, 5, 3, 10, 1), SLC_OK);
    assert_int_equal(waits(net, 5), 11);
    assert_int_equal(slc_clients_queue(net->clients, 0), 11);
    while (waits(net, 5) > 0) {
        assert_int_equal(slc_clients_queue(net->clients, 0), waits(net, 5));
        mininet_run(net, 5 * SLC_MILLISECOND);
    }
    mininet_run(net, 3 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 3);
    assert_int_equal(net->delivery_count, 3);
    mininet_free(net);
}

static void a_close_settles_what_was_not_sent(void **state)
{
    (void)state;
    struct slc_traffic traffic = slow();
    struct mininet *net = mininet_new(34, 2, &traffic, 256);
    mininet_ready(net);
    assert_int_equal(send_in(net, 5, 1, 100, 0), SLC_OK);
    mininet_run(net, 500 * SLC_MILLISECOND);
    assert_int_equal(net->client[0].acked, 1);
    assert_int_equal(send_in(net, 5, 2, 1600 * 300, 0), SLC_OK);
    mininet_run(net, 500 * SLC_MILLISECOND);
    /* Part of it is on its way; the rest, one that did not begin and one without its SURBs yet are not. */
    assert_int_equal(send_in(net, 5, 3, 100, 0), SLC_OK);
    assert_int_equal(send_in(net, 5, 4, 100, 2), SLC_OK);
    assert_int_equal(send_in(net, 6, 5, 1600 * 3, 0), SLC_OK);
    assert_true(waits(net, 5) > 200);
    slc_clients_close_lane(net->clients, 0, 5, net->now);
    assert_int_equal(waits(net, 5), 0);
    assert_true(waits(net, 6) >= 3);
    assert_int_equal(slc_clients_queue(net->clients, 0), waits(net, 6));
    assert_int_equal(net->client[0].expired, 3);
    assert_int_equal(net->client[0].status, SLC_CLOSED);
    assert_int_equal(net->done_count, 4);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->lanes_closed, 1);
    /* Nothing of it is left to be repeated (trap 23), and it can be used again. */
    uint64_t sent = counters->real_sent;
    assert_int_equal(send_in(net, 5, 6, 100, 0), SLC_OK);
    mininet_run(net, 5 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 3);
    assert_in_range(counters->real_sent - sent, 4, 6);
    assert_int_equal(counters->retransmitted, 0);
    slc_clients_close_lane(net->clients, 0, 5, net->now);
    slc_clients_close_lane(net->clients, 99, 5, net->now);
    assert_int_equal(counters->lanes_closed, 1);
    mininet_free(net);
}

static void a_drained_lane_is_not_stale_but_a_starved_one_is(void **state)
{
    (void)state;
    struct slc_traffic traffic = slow();
    traffic.main_mean = SLC_SECOND;
    traffic.max_pending = 1000000;
    struct mininet *net = mininet_new(35, 2, &traffic, 256);
    net->keep_deliveries = false;
    mininet_ready(net);
    assert_int_equal(send_in(net, 1, 1, 1600 * 900, 0), SLC_OK);
    mininet_run(net, 650 * SLC_SECOND);
    /* The reference gives the rest up after ten minutes without something new (trap 24). */
    assert_int_equal(net->client[0].expired, 0);
    assert_in_range(waits(net, 1), 150, 400);
    /* Small lanes that never end starve it. */
    for (unsigned i = 0; i < 1300; i++) {
        if (waits(net, 2) < 20) assert_int_equal(send_in(net, 2, 100 + i, 10, 0), SLC_OK);
        if (waits(net, 1) > 0 && waits(net, 1) < 120) assert_int_equal(send_in(net, 1, 2, 1600 * 200, 0), SLC_OK);
        mininet_run(net, SLC_SECOND / 2);
        if (net->client[0].expired > 0) break;
    }
    assert_in_range(net->client[0].expired, 1, 2);
    assert_int_equal(net->client[0].status, SLC_TIMEOUT);
    assert_int_equal(waits(net, 1), 0);
    mininet_free(net);
}

static void a_client_that_was_away_loses_no_lane(void **state)
{
    (void)state;
    struct slc_traffic traffic = slow();
    traffic.main_mean = SLC_SECOND;
    struct mininet *net = mininet_new(36, 2, &traffic, 256);
    mininet_ready(net);
    net->client[0].refuse = true;
    mininet_cut(net, 0);
    assert_int_equal(send_in(net, 1, 1, 100, 0), SLC_OK);
    assert_int_equal(send_in(net, 2, 2, 100, 0), SLC_OK);
    mininet_run(net, 1300 * SLC_SECOND);
    assert_int_equal(net->client[0].expired, 0);
    net->client[0].refuse = false;
    mininet_run(net, 120 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 2);
    mininet_free(net);
}

static void a_client_that_may_not_send_loses_no_lane(void **state)
{
    (void)state;
    struct slc_traffic traffic = slow();
    traffic.main_mean = SLC_SECOND;
    struct mininet *net = mininet_new(38, 2, &traffic, 256);
    mininet_ready(net);
    net->hidden[MININET_MIXES] = true;
    mininet_refresh(net);
    assert_int_equal(send_in(net, 1, 1, 100, 0), SLC_OK);
    mininet_run(net, 1300 * SLC_SECOND);
    net->hidden[MININET_MIXES] = false;
    mininet_refresh(net);
    mininet_stall(net, 0, true);
    assert_int_equal(send_in(net, 2, 2, 1600 * 60, 0), SLC_OK);
    mininet_run(net, 1300 * SLC_SECOND);
    assert_int_equal(net->client[0].expired, 0);
    assert_true(waits(net, 2) > 20);
    mininet_stall(net, 0, false);
    mininet_run(net, 120 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 2);
    mininet_free(net);
}

static void replies_keep_their_lane_while_they_wait_for_surbs(void **state)
{
    (void)state;
    struct slc_traffic traffic = slow();
    struct mininet *net = mininet_new(37, 2, &traffic, 256);
    mininet_ready(net);
    assert_int_equal(mininet_send(net, 0, 1, 1, (const uint8_t *)"ask", 3, true, 10), SLC_OK);
    mininet_run(net, 2 * SLC_SECOND);
    struct mininet_delivery *d = mininet_next(net);
    struct slc_outgoing out = {.index = 1, .token = 2, .reply = true, .lane = 9, .len = 1600 * 5};
    memcpy(out.tag, d->tag, sizeof out.tag);
    mininet_forget(d);
    out.offset = slc_outgoing_head(true, false, 0);
    out.memory = calloc(1, out.offset + out.len);
    net->loss = 1; /* no SURBs come */
    assert_int_equal(slc_clients_send(net->clients, &out, net->now), SLC_OK);
    size_t all = slc_clients_lane_queue(net->clients, 1, 9);
    assert_in_range(all, 5, 6);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(slc_clients_lane_queue(net->clients, 1, 9), all);
    /* As in the reference a close leaves them alone. */
    slc_clients_close_lane(net->clients, 1, 9, net->now);
    assert_int_equal(slc_clients_lane_queue(net->clients, 1, 9), all);
    net->loss = 0;
    mininet_run(net, 60 * SLC_SECOND);
    assert_int_equal(slc_clients_lane_queue(net->clients, 1, 9), 0);
    assert_int_equal(net->client[1].acked, 1);
    mininet_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_lane_does_not_wait_for_a_large_one),
        cmocka_unit_test(lanes_share_slots_evenly_while_small),
        cmocka_unit_test(a_length_is_right_at_any_time),
        cmocka_unit_test(a_close_settles_what_was_not_sent),
        cmocka_unit_test(a_drained_lane_is_not_stale_but_a_starved_one_is),
        cmocka_unit_test(a_client_that_was_away_loses_no_lane),
        cmocka_unit_test(a_client_that_may_not_send_loses_no_lane),
        cmocka_unit_test(replies_keep_their_lane_while_they_wait_for_surbs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
