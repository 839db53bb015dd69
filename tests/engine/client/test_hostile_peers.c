/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet.h"

#include <stdlib.h>

#include "tests/support/vectors.h"

/*
 * Peers that mean no good: whoever knows an address can make its client hold and do things. It stays bounded, it is
 * counted, nothing breaks, and those who mean well get what they want meanwhile.
 */

enum { ATTACKED = 0, FRIEND = 1, OTHER = 2 };

static const uint8_t text[] = "in spite of all that";

static struct slc_traffic unpaced(void)
{
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    traffic.loop_mean = 0;
    return traffic;
}

static struct mininet *made(uint64_t seed, size_t clients, const struct slc_traffic *traffic)
{
    struct mininet *net = mininet_new(seed, clients, traffic, 256);
    mininet_ready(net);
    return net;
}

/* FRIEND has written anonymously to ATTACKED. */
static void introduce(struct mininet *net, uint32_t surbs, uint8_t tag[SLC_SENDER_TAG_BYTES])
{
    assert_int_equal(mininet_send(net, FRIEND, ATTACKED, 1, text, sizeof text, true, surbs), SLC_OK);
    mininet_run(net, SLC_SECOND);
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    memcpy(tag, d->tag, SLC_SENDER_TAG_BYTES);
    mininet_forget(d);
}

static void expect_reply_to_friend(struct mininet *net, const uint8_t tag[SLC_SENDER_TAG_BYTES])
{
    assert_int_equal(mininet_reply(net, ATTACKED, tag, 77, text, sizeof text), SLC_OK);
    mininet_run(net, 2 * SLC_SECOND);
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_true(d->is_reply && d->index == FRIEND && d->len == sizeof text);
    mininet_forget(d);
}

static void expect_message(struct mininet *net, uint32_t from, uint32_t to, size_t len)
{
    uint8_t *data = calloc(1, len);
    assert_non_null(data);
    assert_int_equal(mininet_send(net, from, to, 78, data, len, false, 0), SLC_OK);
    mininet_run(net, 3 * SLC_SECOND);
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_true(d->index == to && d->len == len);
    mininet_forget(d);
    free(data);
}

/* SURBs that look like some and lead nowhere. */
static void send_surbs(struct mininet *net, uint64_t tag, uint16_t count)
{
    static uint8_t message[22 + 600 * SLC_REPLY_SURB_BYTES];
    uint8_t tag_bytes[SLC_SENDER_TAG_BYTES] = "hostile";
    memcpy(tag_bytes + 8, &tag, sizeof tag);
    struct slc_writer w = slc_writer(message, sizeof message);
    slc_write_u8(&w, 1);
    slc_write_bytes(&w, tag_bytes, sizeof tag_bytes);
    slc_write_u8(&w, 4);
    slc_write_u16(&w, count);
    slc_write_u8(&w, 4);
    slc_write_u8(&w, SLC_ROTATION_ODD);
    for (uint16_t i = 0; i < count; i++) {
        uint8_t surb[SLC_REPLY_SURB_BYTES] = {0};
        surb[SLC_SURB_KEY_BYTES + SLC_HEADER_BYTES] = 4;
        slc_write_bytes(&w, surb, sizeof surb);
    }
    mininet_message(net, ATTACKED, message, w.len);
}

static void a_flood_of_surbs_under_one_tag_leaves_others_theirs(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.max_stored_surbs = 3000;
    struct mininet *net = made(1, 2, &traffic);
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    introduce(net, 50, tag);
    for (unsigned i = 0; i < 12; i++) {
        send_surbs(net, 1, 600);
        mininet_run(net, 100 * SLC_MILLISECOND);
    }
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    uint64_t held = counters->surbs_stored - counters->surbs_outlived - counters->surbs_used;
    assert_int_equal(counters->surbs_stored + counters->surbs_refused, 12 * 600 + 50);
    assert_int_equal(held, 3000);
    expect_reply_to_friend(net, tag);
    /* A newcomer gets room from who has most. */
    uint64_t stored = counters->surbs_stored;
    assert_int_equal(mininet_send(net, FRIEND, ATTACKED, 2, text, sizeof text, true, 100), SLC_OK);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(counters->surbs_stored, stored + 100);
    held = counters->surbs_stored - counters->surbs_outlived - counters->surbs_used;
    assert_int_equal(held, 3000);
    mininet_free(net);
}

static void a_flood_of_tags_is_bounded_and_spares_who_is_being_answered(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.max_sender_tags = 64;
    struct mininet *net = made(2, 2, &traffic);
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    introduce(net, 10, tag);
    /* Its answer waits for SURBs, which do not come. */
    net->loss = 1;
    assert_int_equal(mininet_reply(net, ATTACKED, tag, 2, text, sizeof text), SLC_OK);
    size_t before = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        send_surbs(net, i, 10);
        mininet_run(net, 2 * SLC_MILLISECOND);
        if (i == 100) before = slc_clients_memory(net->clients);
    }
    assert_in_range(slc_clients_memory(net->clients), 0, before + 4096);
    assert_int_equal(slc_clients_counters(net->clients)->tags_dropped, 1000 + 1 - 64);
    net->loss = 0;
    mininet_run(net, 10 * SLC_SECOND);
    assert_int_equal(net->client[ATTACKED].acked, 1);
    mininet_free(net);
}

static void request_surbs(struct mininet *net, uint32_t as, uint32_t amount)
{
    uint8_t request[SLC_SURB_REQUEST_BYTES];
    struct slc_recipient recipient;
    slc_clients_recipient(net->clients, as, &recipient);
    struct slc_writer w = slc_writer(request, sizeof request);
    slc_message_write_surb_request(&w, &recipient, amount);
    mininet_message(net, ATTACKED, request, sizeof request);
}

static void requests_for_surbs_bind_no_more_than_a_peer_can_use(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    struct mininet *net = made(3, 3, &traffic);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    /* Who never was written to gets none. */
    request_surbs(net, OTHER, 10);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(counters->surb_requests_refused, 1);
    assert_int_equal(counters->surbs_made, 0);
    assert_int_equal(mininet_send(net, ATTACKED, FRIEND, 1, text, sizeof text, true, 10), SLC_OK);
    mininet_run(net, SLC_SECOND);
    net->loss = 1;
    for (unsigned i = 0; i < 500; i++) {
        request_surbs(net, FRIEND, UINT32_MAX);
        mininet_run(net, 10 * SLC_MILLISECOND);
    }
    assert_int_equal(counters->surb_requests_served, 2);
    assert_int_equal(counters->surb_requests_refused, 1 + 498);
    assert_int_equal(counters->surbs_made, 10 + 2 * 500);
    assert_in_range(slc_clients_queue(net->clients, ATTACKED), 0, 300);
    net->loss = 0;
    mininet_run(net, 60 * SLC_SECOND);
    assert_int_equal(slc_clients_queue(net->clients, ATTACKED), 0);
    /* It may ask again when it has them. */
    request_surbs(net, FRIEND, 100);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(counters->surb_requests_served, 3);
    mininet_free(net);
}

static void begin_set(struct mininet *net, uint32_t to, uint32_t id, uint8_t total, size_t payload)
{
    static uint8_t bytes[SLC_LARGEST_PACKET_BYTES];
    struct slc_writer w = slc_writer(bytes, sizeof bytes);
    slc_write_u32(&w, id | 0x80000000u);
    slc_write_u8(&w, total);
    slc_write_u8(&w, 1);
    slc_write_u8(&w, 0);
    slc_write_zeros(&w, payload);
    mininet_fragment(net, to, bytes, w.len);
}

static void sets_that_never_end_are_bounded_in_number_and_bytes(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.max_reassembly_bytes = (size_t)1 << 20;
    struct mininet *net = made(4, 2, &traffic);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    for (uint32_t i = 1; i <= 3000; i++) {
        /* Of one byte that say they are of 255, and large ones. */
        begin_set(net, ATTACKED, i, 255, i % 2 == 0 ? 1 : 1600);
        if (i % 100 == 0) mininet_run(net, 5 * SLC_MILLISECOND);
    }
    mininet_run(net, SLC_SECOND);
    assert_true(counters->sets_evicted > 2000);
    assert_in_range(slc_clients_memory(net->clients), 0, (size_t)48 << 20);
    expect_message(net, FRIEND, ATTACKED, 40000);
    mininet_free(net);
}

static void the_strangers_of_one_client_take_nothing_from_others(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.max_foreign_bytes = (size_t)4 << 20;
    struct mininet *net = made(5, 4, &traffic);
    size_t empty = slc_clients_memory(net->clients);
    for (uint32_t i = 1; i <= 6000; i++) {
        begin_set(net, ATTACKED, i, 2, 1600);
        if (i % 100 == 0) mininet_run(net, 5 * SLC_MILLISECOND);
    }
    mininet_run(net, SLC_SECOND);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_true(counters->sets_evicted > 4000);
    assert_in_range(slc_clients_memory(net->clients) - empty, 0, ((size_t)4 << 20) + (1 << 20));
    uint64_t evicted = counters->sets_evicted;
    /* More than another's share of half a megabyte: the one that holds most gives way. */
    expect_message(net, FRIEND, OTHER, 700000);
    assert_true(counters->sets_evicted > evicted);
    assert_int_equal(counters->refused_payloads, 0);
    assert_in_range(slc_clients_memory(net->clients) - empty, 0, ((size_t)4 << 20) + (1 << 20));
    mininet_free(net);
}

static void sizes_and_links_without_sense_break_nothing(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    struct mininet *net = made(6, 2, &traffic);
    struct slc_random random;
    slc_random_from_number(&random, 6, 6);
    for (unsigned i = 0; i < 4000; i++) {
        uint8_t bytes[80];
        slc_random_bytes(&random, bytes, sizeof bytes);
        /* Few sets, so that they meet; links to each other, circles among them. */
        bytes[1] = bytes[2] = 0;
        bytes[0] = 0x80;
        bytes[3] = (uint8_t)(1 + bytes[3] % 8);
        if (i % 3 == 0) {
            bytes[4] = 255;
            bytes[5] = i % 2 == 0 ? 1 : 255;
            bytes[6] = 0x80;
            bytes[7] = bytes[8] = 0;
            bytes[9] = (uint8_t)(1 + bytes[9] % 8);
        } else {
            bytes[6] = 0;
        }
        mininet_fragment(net, ATTACKED, bytes, slc_random_below(&random, sizeof bytes + 1));
        if (i % 100 == 0) mininet_run(net, 5 * SLC_MILLISECOND);
    }
    mininet_run(net, SLC_SECOND);
    for (struct mininet_delivery *d; (d = mininet_next(net)) != NULL;) {
        mininet_forget(d);
    }
    expect_message(net, FRIEND, ATTACKED, 40000);
    mininet_free(net);
}

static void garbage_and_replies_to_keys_that_nobody_has_are_counted(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    struct mininet *net = made(7, 2, &traffic);
    struct slc_random random;
    slc_random_from_number(&random, 7, 7);
    uint64_t sent = 0;
    uint8_t bytes[1643];
    for (size_t len = 0; len < 400; len++) {
        slc_random_bytes(&random, bytes, len);
        if (len == SLC_ACK_CONTENT_BYTES) continue;
        mininet_push(net, ATTACKED, bytes, len, false);
        sent++;
    }
    for (unsigned i = 0; i < 400; i++) {
        slc_random_bytes(&random, bytes, sizeof bytes);
        mininet_push(net, ATTACKED, bytes, sizeof bytes, false);
        mininet_push(net, ATTACKED, bytes, sizeof bytes, true);
        sent++;
    }
    mininet_run(net, SLC_SECOND);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->data_received, sent);
    assert_int_equal(counters->refused_frames, 400);
    /* About two in a thousand look like a fragment (chapter 2, trap 29). */
    assert_in_range(counters->refused_payloads, sent - 20, sent);
    assert_null(mininet_next(net));
    expect_message(net, FRIEND, ATTACKED, 40000);
    mininet_free(net);
}

static void forged_acks_end_nothing(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    struct mininet *net = made(8, 2, &traffic);
    net->loss = 1;
    uint8_t *data = calloc(1, 300000);
    assert_non_null(data);
    assert_int_equal(mininet_send(net, ATTACKED, FRIEND, 1, data, 300000, false, 0), SLC_OK);
    mininet_run(net, SLC_SECOND);
    struct slc_random random;
    slc_random_from_number(&random, 8, 8);
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t ack[SLC_ACK_CONTENT_BYTES];
        slc_random_bytes(&random, ack, sizeof ack);
        mininet_push(net, ATTACKED, ack, sizeof ack, false);
        if (i % 100 == 0) mininet_run(net, 5 * SLC_MILLISECOND);
    }
    mininet_run(net, SLC_SECOND);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->unknown_acks, 5000);
    assert_int_equal(counters->acks_received, 0);
    assert_int_equal(net->client[ATTACKED].acked, 0);
    net->loss = 0;
    mininet_run(net, 10 * SLC_SECOND);
    assert_int_equal(net->client[ATTACKED].acked, 1);
    assert_int_equal(net->delivery_count, 1);
    free(data);
    mininet_free(net);
}

static void everything_twice_is_delivered_once(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    struct mininet *net = made(9, 2, &traffic);
    net->duplicates = 1;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    introduce(net, 40, tag);
    expect_reply_to_friend(net, tag);
    expect_message(net, FRIEND, ATTACKED, 40000);
    assert_null(mininet_next(net));
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_true(counters->duplicate_fragments >= 26);
    assert_int_equal(counters->refused_payloads + counters->refused_messages, 0);
    mininet_free(net);
}

static void messages_of_no_known_kind_are_counted(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    struct mininet *net = made(10, 2, &traffic);
    struct slc_random random;
    slc_random_from_number(&random, 10, 10);
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t bytes[700];
        size_t len = slc_random_below(&random, sizeof bytes);
        slc_random_bytes(&random, bytes, sizeof bytes);
        bytes[0] %= 4;
        if (i % 2 == 0) bytes[17] %= 7;
        mininet_message(net, ATTACKED, bytes, len);
        if (i % 100 == 0) mininet_run(net, 5 * SLC_MILLISECOND);
    }
    mininet_run(net, SLC_SECOND);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_true(counters->refused_messages > 500);
    assert_int_equal(counters->refused_payloads, 0);
    for (struct mininet_delivery *d; (d = mininet_next(net)) != NULL;) {
        mininet_forget(d);
    }
    expect_message(net, FRIEND, ATTACKED, 40000);
    mininet_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_of_surbs_under_one_tag_leaves_others_theirs),
        cmocka_unit_test(a_flood_of_tags_is_bounded_and_spares_who_is_being_answered),
        cmocka_unit_test(requests_for_surbs_bind_no_more_than_a_peer_can_use),
        cmocka_unit_test(sets_that_never_end_are_bounded_in_number_and_bytes),
        cmocka_unit_test(the_strangers_of_one_client_take_nothing_from_others),
        cmocka_unit_test(sizes_and_links_without_sense_break_nothing),
        cmocka_unit_test(garbage_and_replies_to_keys_that_nobody_has_are_counted),
        cmocka_unit_test(forged_acks_end_nothing),
        cmocka_unit_test(everything_twice_is_delivered_once),
        cmocka_unit_test(messages_of_no_known_kind_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
