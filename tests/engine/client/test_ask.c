/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet.h"

#include <stdlib.h>

#include "tests/support/vectors.h"

/* When SURBs are asked for, how many, and when that ends (chapter 4, sections 7.3 to 7.7): numbers from the chapter. */

static const uint8_t zeros[400000];
enum { FRAGMENT = 1604 }; /* of a regular packet */

static struct slc_traffic unpaced(void)
{
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    traffic.loop_mean = 0;
    return traffic;
}

/* Client 1 has `surbs` SURBs of client 0. */
static struct mininet *introduced(uint64_t seed, const struct slc_traffic *traffic, uint32_t surbs,
                                  uint8_t tag[SLC_SENDER_TAG_BYTES])
{
    struct mininet *net = mininet_new(seed, 2, traffic, 256);
    mininet_ready(net);
    assert_int_equal(mininet_send(net, 0, 1, 1, zeros, 8, true, surbs), SLC_OK);
    mininet_run(net, SLC_SECOND);
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    memcpy(tag, d->tag, SLC_SENDER_TAG_BYTES);
    mininet_forget(d);
    return net;
}

/* A reply of so many packets. */
static void reply(struct mininet *net, const uint8_t tag[SLC_SENDER_TAG_BYTES], unsigned packets)
{
    assert_int_equal(mininet_reply(net, 1, tag, 2, zeros, packets * FRAGMENT - 3), SLC_OK);
    assert_int_equal(slc_clients_queue(net->clients, 1) >= packets, 1);
}

struct rounds {
    uint32_t minimum, attached;
    unsigned packets, requests;
};

static void round_trips_are_as_many_as_the_chapter_says(void **state)
{
    (void)state;
    static const struct rounds cases[] = {
        {10, 10, 9, 1},  /* 10 -> 9 after the request -> 19 -> nine packets */
        {20, 10, 1, 2},  /* in-memory SDK: two round trips for a short reply */
        {20, 10, 8, 2},  /* 10 -> 9 -> 19 -> 18 -> 28 -> up to eight         */
        {10, 30, 20, 0}, /* enough attached: none                            */
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slc_traffic traffic = unpaced();
        traffic.surbs_minimum = cases[i].minimum;
        uint8_t tag[SLC_SENDER_TAG_BYTES];
        struct mininet *net = introduced(1 + i, &traffic, cases[i].attached, tag);
        const struct slc_client_counters *counters = slc_clients_counters(net->clients);
        reply(net, tag, cases[i].packets);
        while (net->client[1].acked == 0) {
            mininet_run(net, SLC_MILLISECOND);
        }
        assert_int_equal(counters->surb_requests_sent, cases[i].requests);
        assert_int_equal(counters->retransmitted, 0);
        mininet_free(net);
    }
}

static void requests_are_for_what_waits_between_ten_and_fifty(void **state)
{
    (void)state;
    static const struct {
        unsigned packets, asked;
    } cases[] = {{1, 10}, {10, 10}, {23, 23}, {50, 50}, {200, 50}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slc_traffic traffic = unpaced();
        uint8_t tag[SLC_SENDER_TAG_BYTES];
        struct mininet *net = introduced(10 + i, &traffic, 10, tag);
        const struct slc_client_counters *counters = slc_clients_counters(net->clients);
        reply(net, tag, cases[i].packets);
        while (counters->surbs_made == 10) {
            mininet_run(net, SLC_MILLISECOND);
        }
        /* Before the answer came: all that was asked for at first. */
        assert_int_equal(counters->surbs_stored, 10);
        assert_true(counters->surbs_made >= 10 + cases[i].asked);
        if (cases[i].packets <= 50) assert_int_equal(counters->surbs_made, 10 + cases[i].asked);
        mininet_free(net);
    }
}

static void a_buffer_is_filled_before_anything_waits(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.surbs_buffer = 25;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(20, &traffic, 36, tag);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    /* 36 -> 35: have is not below 0 + 10 + 25. */
    reply(net, tag, 1);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(counters->surb_requests_sent, 0);
    /* 35 -> 34 is: the buffer is asked for. */
    reply(net, tag, 1);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(counters->surb_requests_sent, 1);
    assert_int_equal(counters->surbs_made, 36 + 25);
    assert_int_equal(net->client[1].acked, 2);
    mininet_free(net);
}

static void above_the_maximum_nothing_is_asked_for(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.surbs_minimum = traffic.surbs_maximum = 30;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(21, &traffic, 30, tag);
    reply(net, tag, 1);
    mininet_run(net, 5 * SLC_SECOND - 10 * SLC_MILLISECOND);
    assert_int_equal(slc_clients_counters(net->clients)->surb_requests_sent, 0);
    mininet_free(net);
}

static void a_peer_that_says_nothing_is_asked_seven_times_in_forty_seconds(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.surbs_minimum = 190;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(22, &traffic, 190, tag);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    net->loss = 1;
    slc_time start = net->now;
    reply(net, tag, 1);
    /* Requests at once, then at the checks after ten seconds of silence, which began a second ago at most. */
    static const unsigned at[] = {0, 10, 15, 20, 25, 30, 35};
    for (unsigned i = 0; i < sizeof at / sizeof *at; i++) {
        mininet_run(net, start + at[i] * SLC_SECOND + 100 * SLC_MILLISECOND - net->now);
        assert_int_equal(counters->surb_requests_sent, i + 1);
        assert_int_equal(net->client[1].expired, 0);
    }
    mininet_run(net, start + 40 * SLC_SECOND - 100 * SLC_MILLISECOND - net->now);
    assert_int_equal(net->client[1].expired, 0);
    mininet_run(net, 200 * SLC_MILLISECOND);
    assert_int_equal(net->client[1].expired, 1);
    assert_int_equal(net->client[1].status, SLC_BAD_SURB);
    assert_int_equal(counters->surb_requests_sent, 7);
    assert_int_equal(counters->tags_dropped, 1);
    mininet_free(net);
}

static void answers_that_find_no_room_are_no_progress(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.max_stored_surbs = traffic.surbs_minimum;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(29, &traffic, traffic.surbs_minimum, tag);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    reply(net, tag, 1);
    mininet_run(net, 60 * SLC_SECOND);
    assert_true(counters->surb_requests_served > 0);
    assert_int_equal(net->client[1].expired, 1);
    assert_int_equal(net->client[1].status, SLC_BAD_SURB);
    mininet_free(net);
}

static void an_answer_begins_the_count_again(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.surbs_minimum = 60;
    traffic.request_maximum = 10;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(23, &traffic, 60, tag);
    reply(net, tag, 60);
    /* Silences of 14 s, each of them good for a repeat or two: more than five in all. */
    for (unsigned i = 0; i < 5; i++) {
        net->loss = 1;
        mininet_run(net, 14 * SLC_SECOND);
        net->loss = 0;
        mininet_run(net, 6 * SLC_SECOND);
    }
    net->loss = 0;
    mininet_run(net, 60 * SLC_SECOND);
    assert_int_equal(net->client[1].expired, 0);
    assert_int_equal(net->client[1].acked, 1);
    mininet_free(net);
}

static void who_is_answered_late_is_asked_first_not_given_up(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(24, &traffic, 10, tag);
    mininet_run(net, 1000 * SLC_SECOND);
    net->loss = 1;
    reply(net, tag, 1);
    mininet_run(net, 6 * SLC_SECOND);
    net->loss = 0;
    mininet_run(net, 10 * SLC_SECOND);
    assert_int_equal(net->client[1].expired, 0);
    assert_int_equal(net->client[1].acked, 1);
    mininet_free(net);
}

static void a_repeat_may_take_one_of_the_reserve_and_a_request_the_last(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(25, &traffic, 11, tag);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    net->loss = 1;
    reply(net, tag, 1);
    mininet_run(net, 1400 * SLC_MILLISECOND);
    assert_int_equal(counters->surbs_used, 1);
    /* Ten are left: one repeat. After it, the next one waits, and asks. */
    mininet_run(net, 600 * SLC_MILLISECOND);
    assert_int_equal(counters->surbs_used, 2);
    assert_int_equal(counters->surb_requests_sent, 0);
    mininet_run(net, 2 * SLC_SECOND);
    assert_int_equal(counters->surb_requests_sent, 1);
    assert_true(counters->surbs_used >= 3);
    /* Requests and their repeats go on to the last one; the reply does not. */
    mininet_run(net, 20 * SLC_SECOND);
    assert_int_equal(counters->surbs_used, 11);
    assert_int_equal(counters->retransmitted + counters->surb_packets_sent, 10);
    mininet_free(net);
}

static void repeats_that_find_no_surb_are_given_up_and_the_tag_stays(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.surbs_minimum = 100;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(26, &traffic, 101, tag);
    net->loss = 1;
    reply(net, tag, 1);
    mininet_run(net, 60 * SLC_SECOND);
    assert_int_equal(net->client[1].expired, 1);
    assert_int_equal(net->client[1].status, SLC_BAD_SURB);
    assert_int_equal(slc_clients_queue(net->clients, 1) < 10, 1);
    net->loss = 0;
    reply(net, tag, 1);
    mininet_run(net, 20 * SLC_SECOND);
    assert_int_equal(net->client[1].acked, 1);
    mininet_free(net);
}

static void repeats_that_waited_have_the_first_surbs(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(27, &traffic, 15, tag);
    /* Five packets are lost; another reply waits behind them. */
    net->loss = 1;
    reply(net, tag, 5);
    mininet_run(net, 500 * SLC_MILLISECOND);
    assert_int_equal(mininet_reply(net, 1, tag, 3, zeros, 30 * FRAGMENT - 3), SLC_OK);
    mininet_run(net, 4 * SLC_SECOND);
    net->loss = 0;
    mininet_run(net, 30 * SLC_SECOND);
    assert_int_equal(net->client[1].acked, 2);
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_int_equal(d->len, 5 * FRAGMENT - 3);
    mininet_forget(d);
    mininet_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips_are_as_many_as_the_chapter_says),
        cmocka_unit_test(requests_are_for_what_waits_between_ten_and_fifty),
        cmocka_unit_test(a_buffer_is_filled_before_anything_waits),
        cmocka_unit_test(above_the_maximum_nothing_is_asked_for),
        cmocka_unit_test(a_peer_that_says_nothing_is_asked_seven_times_in_forty_seconds),
        cmocka_unit_test(answers_that_find_no_room_are_no_progress),
        cmocka_unit_test(an_answer_begins_the_count_again),
        cmocka_unit_test(who_is_answered_late_is_asked_first_not_given_up),
        cmocka_unit_test(a_repeat_may_take_one_of_the_reserve_and_a_request_the_last),
        cmocka_unit_test(repeats_that_find_no_surb_are_given_up_and_the_tag_stays),
        cmocka_unit_test(repeats_that_waited_have_the_first_surbs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
