/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet.h"

#include <stdlib.h>

#include "tests/support/vectors.h"

/* Replies by SURB, both ends: tags, stores, requests for more, silence, rotation. */

static uint8_t *bytes_of(uint64_t seed, size_t len)
{
    struct slc_random random;
    uint8_t *data = malloc(len + 1);
    assert_non_null(data);
    slc_random_from_number(&random, seed, 99);
    slc_random_bytes(&random, data, len);
    return data;
}

static struct slc_traffic unpaced(void)
{
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    traffic.loop_mean = 0;
    return traffic;
}

/* Client 0 writes anonymously to client 1, which learns the tag. */
static struct mininet *introduced(uint64_t seed, const struct slc_traffic *traffic, uint32_t surbs,
                                  uint8_t tag[SLC_SENDER_TAG_BYTES])
{
    struct mininet *net = mininet_new(seed, 2, traffic, 256);
    mininet_ready(net);
    assert_int_equal(mininet_send(net, 0, 1, 1, (const uint8_t *)"who am I", 8, true, surbs), SLC_OK);
    mininet_run(net, 2 * SLC_SECOND);
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_int_equal(d->index, 1);
    assert_int_equal(d->len, 8);
    assert_false(d->is_reply);
    assert_int_equal(d->has_tag, surbs > 0);
    memcpy(tag, d->tag, SLC_SENDER_TAG_BYTES);
    mininet_forget(d);
    return net;
}

static void expect_reply(struct mininet *net, const uint8_t *data, size_t len)
{
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_int_equal(d->index, 0);
    assert_true(d->is_reply);
    assert_false(d->has_tag);
    assert_int_equal(d->len, len);
    assert_memory_equal(d->data, data, len);
    mininet_forget(d);
}

static void a_reply_within_the_reserve_needs_no_request(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(1, &traffic, 20, tag);
    assert_int_equal(mininet_reply(net, 1, tag, 2, (const uint8_t *)"x", 1), SLC_OK);
    mininet_run(net, SLC_SECOND);
    expect_reply(net, (const uint8_t *)"x", 1);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->surbs_made, 20);
    assert_int_equal(counters->surbs_stored, 20);
    assert_int_equal(counters->surbs_used, 1);
    assert_int_equal(counters->surb_requests_sent, 0);
    assert_int_equal(net->client[1].acked, 1);
    mininet_free(net);
}

static void ten_surbs_are_all_reserve_so_that_a_request_goes_first(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(2, &traffic, 10, tag);
    assert_int_equal(mininet_reply(net, 1, tag, 2, (const uint8_t *)"hello", 5), SLC_OK);
    assert_int_equal(slc_clients_queue(net->clients, 1), 2); /* the reply and the request */
    mininet_run(net, 3 * SLC_SECOND);
    expect_reply(net, (const uint8_t *)"hello", 5);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->surb_requests_sent, 1);
    assert_int_equal(counters->surb_requests_served, 1);
    assert_int_equal(counters->surbs_made, 20);
    assert_int_equal(counters->surbs_used, 2);
    assert_int_equal(slc_clients_queue(net->clients, 1), 0);
    mininet_free(net);
}

static void long_replies_ask_again_and_again(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(3, &traffic, 10, tag);
    uint8_t *data = bytes_of(3, 300000);
    assert_int_equal(mininet_reply(net, 1, tag, 2, data, 300000), SLC_OK);
    mininet_run(net, 20 * SLC_SECOND);
    expect_reply(net, data, 300000);
    assert_null(mininet_next(net));
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_true(counters->surb_requests_sent >= 3);
    assert_int_equal(counters->surb_requests_served, counters->surb_requests_sent);
    assert_int_equal(counters->refused_payloads + counters->refused_messages, 0);
    assert_int_equal(counters->retransmitted, 0);
    free(data);
    mininet_free(net);
}

static void replies_survive_losses_and_repeats_with_pacing_and_cover(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(4, &traffic, 30, tag);
    net->loss = 0.05;
    net->duplicates = 0.05;
    net->jitter = 5 * SLC_MILLISECOND;
    uint8_t *data = bytes_of(4, 40000);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(mininet_reply(net, 1, tag, 10 + i, data, 40000), SLC_OK);
    }
    mininet_run(net, 60 * SLC_SECOND);
    for (unsigned i = 0; i < 3; i++) {
        expect_reply(net, data, 40000);
    }
    assert_null(mininet_next(net));
    assert_int_equal(net->client[1].acked, 3);
    assert_int_equal(net->client[1].expired, 0);
    assert_true(slc_clients_counters(net->clients)->retransmitted > 0);
    assert_int_equal(slc_clients_queue(net->clients, 1), 0);
    free(data);
    mininet_free(net);
}

static void who_cannot_be_answered_is_said_at_once(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(5, &traffic, 0, tag);
    assert_int_equal(mininet_reply(net, 1, tag, 2, (const uint8_t *)"x", 1), SLC_NOT_FOUND);
    mininet_free(net);
    net = introduced(5, &traffic, 12, tag);
    assert_int_equal(mininet_reply(net, 1, tag, 2, NULL, 0), SLC_TOO_SHORT);
    assert_int_equal(net->done_count, 1);
    mininet_free(net);
}

static void a_peer_that_stays_silent_is_given_up_after_five_requests(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(6, &traffic, 10, tag);
    net->loss = 1;
    slc_time start = net->now;
    assert_int_equal(mininet_reply(net, 1, tag, 2, (const uint8_t *)"x", 1), SLC_OK);
    while (net->client[1].expired == 0 && net->now < start + 120 * SLC_SECOND) {
        mininet_run(net, SLC_SECOND);
    }
    assert_int_equal(net->client[1].expired, 1);
    assert_int_equal(net->client[1].status, SLC_BAD_SURB);
    /* Ten seconds of silence, then every five (section 7.7): 40 to 45 s. */
    assert_in_range(net->now - start, 34 * SLC_SECOND, 50 * SLC_SECOND);
    assert_int_equal(slc_clients_queue(net->clients, 1), 0);
    assert_int_equal(mininet_reply(net, 1, tag, 3, (const uint8_t *)"x", 1), SLC_NOT_FOUND);
    mininet_free(net);
}

static void one_tag_per_recipient_and_process(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(7, &traffic, 3, tag);
    assert_int_equal(mininet_send(net, 0, 1, 2, (const uint8_t *)"again", 5, false, 3), SLC_OK);
    mininet_run(net, SLC_SECOND);
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_memory_equal(d->tag, tag, SLC_SENDER_TAG_BYTES);
    mininet_forget(d);
    assert_int_equal(mininet_send(net, 0, 0, 3, (const uint8_t *)"self", 4, true, 3), SLC_OK);
    mininet_run(net, SLC_SECOND);
    d = mininet_next(net);
    assert_non_null(d);
    assert_memory_not_equal(d->tag, tag, SLC_SENDER_TAG_BYTES);
    mininet_forget(d);
    mininet_free(net);
}

static void after_a_rotation_new_surbs_are_asked_for(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = introduced(8, &traffic, 40, tag);
    mininet_rotate(net);
    /* One check sees it, the next one acts; one each eighth of an hour. */
    mininet_run(net, 1000 * SLC_SECOND);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->surb_requests_sent, 1);
    assert_int_equal(counters->surbs_made, 80);
    assert_int_equal(counters->surbs_used, 1);
    assert_int_equal(mininet_reply(net, 1, tag, 2, (const uint8_t *)"new", 3), SLC_OK);
    mininet_run(net, SLC_SECOND);
    expect_reply(net, (const uint8_t *)"new", 3);
    mininet_free(net);
}

static void stored_surbs_tags_and_keys_are_bounded(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.max_stored_surbs = 50;
    traffic.max_reply_keys = 64;
    traffic.max_sender_tags = 2;
    struct mininet *net = mininet_new(9, 5, &traffic, 256);
    mininet_ready(net);
    uint8_t tags[4][SLC_SENDER_TAG_BYTES];
    for (uint32_t i = 1; i < 5; i++) {
        assert_int_equal(mininet_send(net, i, 0, i, (const uint8_t *)"hi", 2, true, 30), SLC_OK);
        mininet_run(net, SLC_SECOND);
        struct mininet_delivery *d = mininet_next(net);
        assert_non_null(d);
        memcpy(tags[i - 1], d->tag, sizeof tags[i - 1]);
        mininet_forget(d);
    }
    /* Two tags are left, and each has its half of the room. */
    assert_int_equal(slc_clients_counters(net->clients)->surbs_stored, 30 + 25 + 25 + 25);
    assert_int_equal(mininet_reply(net, 0, tags[0], 1, (const uint8_t *)"x", 1), SLC_NOT_FOUND);
    assert_int_equal(mininet_reply(net, 0, tags[1], 1, (const uint8_t *)"x", 1), SLC_NOT_FOUND);
    assert_int_equal(mininet_reply(net, 0, tags[2], 1, (const uint8_t *)"x", 1), SLC_OK);
    assert_int_equal(mininet_reply(net, 0, tags[3], 1, (const uint8_t *)"y", 1), SLC_OK);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(net->delivery_count, 6);
    /* Client 1 hands out 90 SURBs: the keys of the first 26 are gone, and their replies with them. */
    size_t before = slc_clients_memory(net->clients);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(mininet_send(net, 1, 0, 100 + i, (const uint8_t *)"hi", 2, true, 30), SLC_OK);
        mininet_run(net, 300 * SLC_MILLISECOND);
    }
    assert_true(slc_clients_memory(net->clients) < before + 64 * 1024);
    mininet_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_within_the_reserve_needs_no_request),
        cmocka_unit_test(ten_surbs_are_all_reserve_so_that_a_request_goes_first),
        cmocka_unit_test(long_replies_ask_again_and_again),
        cmocka_unit_test(replies_survive_losses_and_repeats_with_pacing_and_cover),
        cmocka_unit_test(who_cannot_be_answered_is_said_at_once),
        cmocka_unit_test(a_peer_that_stays_silent_is_given_up_after_five_requests),
        cmocka_unit_test(one_tag_per_recipient_and_process),
        cmocka_unit_test(after_a_rotation_new_surbs_are_asked_for),
        cmocka_unit_test(stored_surbs_tags_and_keys_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
