/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/vectors.h"

/* Streams under load: what a gateway that does not read does to them, sizes of packets, and the look-ahead. */

static struct slc_traffic defaults(void)
{
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    return traffic;
}

/* Slots of client 0 in `seconds`, from the recorded times at which its frames left. */
static size_t sent_in(struct mininet *net, slc_time duration)
{
    size_t before = net->client[0].due_count;
    mininet_run(net, duration);
    return net->client[0].due_count - before;
}

/* ---- a gateway that does not read (sections 3.3 and 4.1) ---- */

static void a_gateway_that_does_not_read_slows_the_stream_and_cover_is_dropped(void **state)
{
    (void)state;
    struct slc_traffic traffic = defaults();
    struct mininet *net = mininet_new(41, 2, &traffic, 256);
    mininet_ready(net);
    mininet_run(net, 3 * SLC_SECOND);
    net->record_dues = true;
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    mininet_stall(net, 0, true);
    mininet_run(net, 4 * SLC_SECOND);
    /* The queue's 32 and what was on its way to it, then nothing; one step a second. */
    assert_in_range(net->client[0].waiting, 32, 45);
    assert_in_range(counters->slowdowns, 3, 4);
    assert_true(counters->cover_dropped > 5);
    assert_true(counters->slots_missed > 20);
    uint64_t dropped = counters->cover_dropped;
    mininet_run(net, 10 * SLC_SECOND);
    assert_int_equal(counters->slowdowns, 5);
    assert_in_range(net->client[0].waiting, 32, 45);
    assert_in_range(counters->cover_dropped - dropped, 25, 80); /* not slowed: five a second */
    /* Read again: slots of 120 ms at first, then faster every two seconds. */
    mininet_stall(net, 0, false);
    mininet_run(net, SLC_SECOND);
    assert_in_range(sent_in(net, SLC_SECOND), 3, 30);
    mininet_run(net, 12 * SLC_SECOND);
    assert_int_equal(counters->speedups, 5);
    assert_in_range(sent_in(net, 4 * SLC_SECOND), 160, 280);
    /* The other client noticed nothing. */
    assert_int_equal(net->client[1].lost, 0);
    mininet_free(net);
}

static void without_adaptation_the_stream_blocks_and_goes_on_at_its_pace(void **state)
{
    (void)state;
    struct slc_traffic traffic = defaults();
    traffic.adaptive = false;
    traffic.loop_mean = 0;
    struct mininet *net = mininet_new(42, 2, &traffic, 256);
    mininet_ready(net);
    net->record_dues = true;
    mininet_stall(net, 0, true);
    mininet_run(net, 10 * SLC_SECOND);
    assert_in_range(net->client[0].waiting, 32, 40);
    mininet_stall(net, 0, false);
    mininet_run(net, 2 * SLC_SECOND);
    assert_in_range(sent_in(net, 4 * SLC_SECOND), 150, 260);
    assert_int_equal(slc_clients_counters(net->clients)->slowdowns, 0);
    mininet_free(net);
}

static void a_message_in_a_stuck_connection_is_not_repeated_behind_itself(void **state)
{
    (void)state;
    struct slc_traffic traffic = defaults();
    traffic.loop_mean = 0;
    struct mininet *net = mininet_new(43, 2, &traffic, 256);
    mininet_ready(net);
    mininet_stall(net, 0, true);
    static const uint8_t data[1600 * 20];
    assert_int_equal(mininet_send(net, 0, 1, 1, data, sizeof data, false, 0), SLC_OK);
    mininet_run(net, 30 * SLC_SECOND);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_true(counters->real_sent > 15);
    assert_int_equal(counters->retransmitted, 0);
    mininet_stall(net, 0, false);
    mininet_run(net, 20 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 1);
    assert_in_range(counters->retransmitted, 0, 2);
    mininet_free(net);
}

static void an_unpaced_client_fills_a_stuck_connection_no_further_than_its_queue(void **state)
{
    (void)state;
    struct slc_traffic traffic = defaults();
    traffic.pacing = SLC_PACING_NONE;
    struct mininet *net = mininet_new(44, 2, &traffic, 256);
    mininet_ready(net);
    mininet_stall(net, 0, true);
    uint8_t *data = calloc(1, 2000000);
    assert_int_equal(mininet_send(net, 0, 1, 1, data, 2000000, false, 0), SLC_OK);
    mininet_run(net, 5 * SLC_SECOND);
    assert_in_range(net->client[0].waiting, 256, 270);
    assert_true(slc_clients_queue(net->clients, 0) > 900);
    mininet_stall(net, 0, false);
    mininet_run(net, 10 * SLC_SECOND);
    assert_int_equal(net->client[0].acked, 1);
    assert_int_equal(net->delivery_count, 1);
    free(data);
    mininet_free(net);
}

/* ---- sizes (sections 4.3 and 4.4) ---- */

static void cover_has_both_sizes_in_their_ratio(void **state)
{
    (void)state;
    struct slc_traffic traffic = defaults();
    traffic.secondary_size = SLC_SIZE_EXTENDED_8;
    struct mininet *net = mininet_new(45, 2, &traffic, 256);
    mininet_ready(net);
    net->record_dues = true;
    /* Slots for frames are scarce, and that must not show. */
    net->slot_limit = 9;
    mininet_run(net, 60 * SLC_SECOND);
    double n = (double)net->client[0].due_count, large = (double)net->client[0].large_frames;
    assert_true(n > 3000);
    assert_true(fabs(large - 0.3 * n) < 3.3 * sqrt(n * 0.3 * 0.7));
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_true(counters->cover_received > 6000);
    assert_int_equal(counters->refused_payloads + net->unopened, 0);
    mininet_free(net);
}

static void a_message_takes_the_size_that_needs_fewer_packets(void **state)
{
    (void)state;
    struct slc_traffic traffic = defaults();
    traffic.pacing = SLC_PACING_NONE;
    traffic.loop_mean = 0;
    traffic.secondary_size = SLC_SIZE_EXTENDED_8;
    struct mininet *net = mininet_new(46, 2, &traffic, 256);
    mininet_ready(net);
    net->record_dues = true;
    /* 1603 bytes still fit one regular packet, 7746 one of extended8 (chapter 2, section 8). */
    static const struct {
        size_t len, packets, large;
    } cases[] = {{10, 1, 0}, {1602, 1, 0}, {1603, 1, 1}, {3000, 1, 1}, {7746, 1, 1}, {7747, 2, 2}, {100000, 13, 13}};
    uint8_t *data = calloc(1, 100000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t before = net->client[0].due_count, large = net->client[0].large_frames;
        assert_int_equal(mininet_send(net, 0, 1, i, data, cases[i].len, false, 0), SLC_OK);
        mininet_run(net, 2 * SLC_SECOND);
        assert_int_equal(net->client[0].due_count - before, cases[i].packets);
        assert_int_equal(net->client[0].large_frames - large, cases[i].large);
        assert_int_equal(net->client[0].acked, i + 1);
    }
    assert_int_equal(net->delivery_count, sizeof cases / sizeof *cases);
    free(data);
    mininet_free(net);
}

static void repeats_keep_their_size_and_replies_choose_theirs(void **state)
{
    (void)state;
    struct slc_traffic traffic = defaults();
    traffic.pacing = SLC_PACING_NONE;
    traffic.loop_mean = 0;
    traffic.secondary_size = SLC_SIZE_EXTENDED_32;
    traffic.retransmissions = 3;
    struct mininet *net = mininet_new(47, 2, &traffic, 256);
    mininet_ready(net);
    net->record_dues = true;
    uint8_t *data = calloc(1, 40000);
    net->loss = 1;
    assert_int_equal(mininet_send(net, 0, 1, 1, data, 5000, false, 0), SLC_OK);
    assert_int_equal(mininet_send(net, 0, 1, 2, data, 100, false, 0), SLC_OK);
    mininet_run(net, 60 * SLC_SECOND);
    assert_int_equal(net->client[0].due_count, 8);
    assert_int_equal(net->client[0].large_frames, 4);
    net->loss = 0;
    assert_int_equal(mininet_send(net, 0, 1, 3, data, 100, true, 40), SLC_OK);
    mininet_run(net, 2 * SLC_SECOND);
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_int_equal(mininet_reply(net, 1, d->tag, 4, data, 40000), SLC_OK);
    mininet_forget(d);
    mininet_run(net, 3 * SLC_SECOND);
    assert_int_equal(net->client[1].due_count, 2);
    assert_int_equal(net->client[1].large_frames, 2);
    assert_int_equal(net->client[1].acked, 1);
    assert_int_equal(net->delivery_count, 2);
    free(data);
    mininet_free(net);
}

/* ---- look-ahead (docs/engine.md) ---- */

static double mean_look_ahead(const struct slc_client_counters *now, const struct slc_client_counters *before)
{
    return (double)(now->look_ahead_ns - before->look_ahead_ns) / (double)(now->batches - before->batches) / 1e6;
}

static void slots_are_filled_shortly_before_their_time_when_there_is_little_to_do(void **state)
{
    (void)state;
    struct slc_traffic traffic = defaults();
    struct mininet *few = mininet_new(48, 2, &traffic, 256);
    mininet_ready(few);
    mininet_run(few, 10 * SLC_SECOND);
    const struct slc_client_counters *counters = slc_clients_counters(few->clients);
    struct slc_client_counters before = *counters;
    mininet_run(few, 2 * SLC_SECOND);
    assert_true(mean_look_ahead(counters, &before) < 2.2);
    mininet_free(few);

    struct mininet *many = mininet_new(49, 60, &traffic, 256);
    mininet_ready(many);
    mininet_run(many, SLC_SECOND);
    counters = slc_clients_counters(many->clients);
    before = *counters;
    mininet_run(many, SLC_SECOND / 2);
    assert_true(mean_look_ahead(counters, &before) > 19.9);
    mininet_free(many);
}

static void a_message_waits_for_a_slot_and_hardly_for_the_look_ahead(void **state)
{
    (void)state;
    struct slc_traffic traffic = defaults();
    traffic.loop_mean = 0;
    traffic.main_mean = 5 * SLC_MILLISECOND;
    double waited[2];
    for (unsigned i = 0; i < 2; i++) {
        if (i == 1) traffic.look_ahead_min = traffic.look_ahead;
        struct mininet *net = mininet_new(50, 2, &traffic, 256);
        mininet_ready(net);
        mininet_run(net, 8 * SLC_SECOND);
        slc_time sum = 0;
        for (unsigned m = 0; m < 100; m++) {
            slc_time handed_in = net->now;
            assert_int_equal(mininet_send(net, 0, 1, m, (const uint8_t *)"x", 1, false, 0), SLC_OK);
            mininet_run(net, 103 * SLC_MILLISECOND);
            assert_true(net->client[0].sent_at >= handed_in);
            sum += net->client[0].sent_at - handed_in;
        }
        waited[i] = (double)sum / 100 / 1e6;
        mininet_free(net);
    }
    /* A mean of 5 ms for the slot, and 1 to 2 or 10 to 20 ms for it to be one that is not filled yet. */
    assert_true(waited[0] < 10);
    assert_true(waited[1] > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_that_does_not_read_slows_the_stream_and_cover_is_dropped),
        cmocka_unit_test(without_adaptation_the_stream_blocks_and_goes_on_at_its_pace),
        cmocka_unit_test(a_message_in_a_stuck_connection_is_not_repeated_behind_itself),
        cmocka_unit_test(an_unpaced_client_fills_a_stuck_connection_no_further_than_its_queue),
        cmocka_unit_test(cover_has_both_sizes_in_their_ratio),
        cmocka_unit_test(a_message_takes_the_size_that_needs_fewer_packets),
        cmocka_unit_test(repeats_keep_their_size_and_replies_choose_theirs),
        cmocka_unit_test(slots_are_filled_shortly_before_their_time_when_there_is_little_to_do),
        cmocka_unit_test(a_message_waits_for_a_slot_and_hardly_for_the_look_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
