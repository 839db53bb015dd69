/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/disk.h"

#include <stdlib.h>

#include "tests/support/vectors.h"

/* The received buffer (chapter 4, section 8), with what strangers and older clients write. */

static struct slc_traffic unpaced(void)
{
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    traffic.loop_mean = 0;
    return traffic;
}

static struct mininet *made(uint64_t seed, size_t clients)
{
    struct slc_traffic traffic = unpaced();
    struct mininet *net = mininet_new(seed, clients, &traffic, 256);
    mininet_ready(net);
    return net;
}

/* Fragment `position` of `total` in set `id`, written by hand (chapter 2, section 8.1). */
static size_t fragment(uint8_t *out, uint32_t id, uint8_t total, uint8_t position, const char *payload, size_t padding)
{
    struct slc_writer w = slc_writer(out, 40000);
    slc_write_u32(&w, id | 0x80000000u);
    slc_write_u8(&w, total);
    slc_write_u8(&w, position);
    slc_write_u8(&w, 0);
    slc_write_bytes(&w, (const uint8_t *)payload, strlen(payload));
    if (padding > 0) slc_write_u8(&w, 1);
    if (padding > 1) slc_write_zeros(&w, padding - 1);
    return w.len;
}

static void push(struct mininet *net, uint32_t id, uint8_t total, uint8_t position, const char *payload, size_t padding)
{
    static uint8_t bytes[40000];
    mininet_fragment(net, 0, bytes, fragment(bytes, id, total, position, payload, padding));
}

static void expect(struct mininet *net, const char *text)
{
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_int_equal(d->len, strlen(text));
    assert_memory_equal(d->data, text, d->len);
    mininet_forget(d);
}

static void messages_come_in_the_order_in_which_they_became_whole(void **state)
{
    (void)state;
    struct mininet *net = made(1, 1);
    uint8_t bytes[64];
    /* Set 1 begins first and ends last; a plain message begins with a zero byte. */
    size_t len = fragment(bytes, 1, 2, 1, "", 0);
    bytes[len++] = 0;
    bytes[len++] = 'a';
    mininet_fragment(net, 0, bytes, len);
    len = fragment(bytes, 2, 1, 1, "", 0);
    memcpy(bytes + len, "\0b\1", 3);
    mininet_fragment(net, 0, bytes, len + 3);
    push(net, 1, 2, 2, "A", 1);
    mininet_run(net, SLC_SECOND);
    expect(net, "b");
    expect(net, "aA");
    assert_null(mininet_next(net));
    mininet_free(net);
}

static void a_set_may_come_in_packets_of_any_sizes(void **state)
{
    (void)state;
    struct mininet *net = made(2, 1);
    uint8_t bytes[64];
    size_t len = fragment(bytes, 7, 3, 1, "", 0);
    memcpy(bytes + len, "\0x", 2);
    push(net, 7, 3, 3, "z", 30000);
    mininet_fragment(net, 0, bytes, len + 2);
    push(net, 7, 3, 2, "y", 0);
    mininet_run(net, SLC_SECOND);
    expect(net, "xyz");
    mininet_free(net);
}

static void what_contradicts_its_set_is_refused_and_the_set_goes_on(void **state)
{
    (void)state;
    struct mininet *net = made(3, 1);
    uint8_t bytes[64];
    size_t len = fragment(bytes, 9, 2, 1, "", 0);
    memcpy(bytes + len, "\0m", 2);
    mininet_fragment(net, 0, bytes, len + 2);
    push(net, 9, 3, 3, "other total", 1);
    push(net, 9, 255, 255, "other total", 1);
    push(net, 9, 2, 1, "other content", 0);
    push(net, 9, 2, 2, "n", 1);
    push(net, 9, 2, 2, "n", 1);
    mininet_run(net, SLC_SECOND);
    expect(net, "mn");
    assert_null(mininet_next(net));
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->refused_payloads, 2);
    assert_int_equal(counters->duplicate_fragments, 2);
    mininet_free(net);
}

static void a_finished_set_is_remembered_for_ten_minutes_of_being_connected(void **state)
{
    (void)state;
    struct mininet *net = made(4, 1);
    uint8_t bytes[64];
    size_t len = fragment(bytes, 5, 1, 1, "", 0);
    memcpy(bytes + len, "\0m\1", 3);
    mininet_fragment(net, 0, bytes, len + 3);
    mininet_run(net, SLC_SECOND);
    expect(net, "m");
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    /* Sweeps come with whatever else wakes the client: here a packet of its own each ten seconds. */
    for (unsigned i = 0; i < 59; i++) {
        assert_int_equal(mininet_send(net, 0, 0, 100 + i, (const uint8_t *)"", 0, false, 0), SLC_OK);
        mininet_run(net, 10 * SLC_SECOND);
        mininet_forget(mininet_next(net));
    }
    mininet_fragment(net, 0, bytes, len + 3);
    mininet_run(net, SLC_SECOND);
    assert_null(mininet_next(net));
    assert_int_equal(counters->duplicate_fragments, 1);
    /* Half an hour away does not count. */
    net->client[0].refuse = true;
    mininet_cut(net, 0);
    mininet_run(net, 1800 * SLC_SECOND);
    net->client[0].refuse = false;
    mininet_ready(net);
    mininet_fragment(net, 0, bytes, len + 3);
    mininet_run(net, SLC_SECOND);
    assert_null(mininet_next(net));
    assert_int_equal(counters->duplicate_fragments, 2);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(mininet_send(net, 0, 0, 200 + i, (const uint8_t *)"", 0, false, 0), SLC_OK);
        mininet_run(net, 10 * SLC_SECOND);
        mininet_forget(mininet_next(net));
    }
    mininet_fragment(net, 0, bytes, len + 3);
    mininet_run(net, SLC_SECOND);
    expect(net, "m");
    mininet_free(net);
}

static void a_set_that_stays_unfinished_is_given_up_after_half_an_hour(void **state)
{
    (void)state;
    struct mininet *net = made(5, 1);
    push(net, 5, 2, 1, "half", 0);
    mininet_run(net, 1700 * SLC_SECOND);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->sets_stale, 0);
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(mininet_send(net, 0, 0, i, (const uint8_t *)"", 0, false, 0), SLC_OK);
        mininet_run(net, 10 * SLC_SECOND);
    }
    assert_int_equal(counters->sets_stale, 1);
    mininet_free(net);
}

/* ---- what carries SURBs ---- */

/* SURBs of client 0, as client 2 has got them, taken from its records. */
static const struct slc_client_record *surbs_of_client_0(struct mininet *net, struct disk *disk, uint32_t surbs)
{
    assert_int_equal(mininet_send(net, 0, 2, 1, (const uint8_t *)"x", 1, true, surbs), SLC_OK);
    disk_run(disk, net, SLC_SECOND, SLC_MILLISECOND);
    mininet_forget(mininet_next(net));
    for (size_t i = 0; i < disk->len; i++) {
        const struct disk_record *r = &disk->records[i];
        if (r->index == 2 && r->record.kind == SLC_RECORD_SURBS) return &r->record;
    }
    fail();
    return NULL;
}

static void write_explicit(struct slc_writer *w, const uint8_t *surb)
{
    enum { HEAD = SLC_SURB_KEY_BYTES + SLC_SURB_HEAD_BYTES };
    slc_write_bytes(w, surb, HEAD);
    for (unsigned hop = 0; hop < 4; hop++) {
        uint8_t key[SLC_PAYLOAD_KEY_BYTES], *out = key;
        const uint8_t *seed = surb + HEAD + hop * SLC_PAYLOAD_SEED_BYTES;
        slc_expand_payload_keys(&out, &seed, 1);
        slc_write_bytes(w, key, sizeof key);
    }
}

static void first_generation_lists_are_read_and_their_surbs_used(void **state)
{
    (void)state;
    static uint8_t message[60000];
    static const uint8_t tag[SLC_SENDER_TAG_BYTES] = "an older client";
    for (uint8_t content = 0; content < 3; content++) {
        struct slc_traffic traffic = unpaced();
        struct disk disk = {0};
        struct mininet *net = mininet_new_kept(6 + content, 3, &traffic, disk_keep, &disk);
        mininet_ready(net);
        const struct slc_client_record *list = surbs_of_client_0(net, &disk, 30);
        /* Data, additional SURBs, heartbeat (chapter 2, section 6.1). */
        struct slc_writer w = slc_writer(message, sizeof message);
        slc_write_u8(&w, 1);
        slc_write_bytes(&w, tag, sizeof tag);
        slc_write_u8(&w, content);
        slc_write_u32(&w, 30);
        for (uint32_t i = 0; i < 30; i++) {
            write_explicit(&w, list->surbs + (size_t)i * list->surb_bytes);
        }
        if (content == 0) slc_write_bytes(&w, (const uint8_t *)"old", 3);
        mininet_message(net, 1, message, w.len);
        disk_run(&disk, net, SLC_SECOND, SLC_MILLISECOND);
        const struct slc_client_counters *counters = slc_clients_counters(net->clients);
        assert_int_equal(counters->surbs_stored, 30 + 30);
        assert_int_equal(counters->heartbeats, content == 2);
        if (content == 0) {
            struct mininet_delivery *d = mininet_next(net);
            assert_non_null(d);
            assert_true(d->has_tag && d->len == 3 && d->index == 1);
            assert_memory_equal(d->tag, tag, sizeof tag);
            mininet_forget(d);
        }
        assert_null(mininet_next(net));
        assert_int_equal(mininet_reply(net, 1, tag, 2, (const uint8_t *)"to an older client", 18), SLC_OK);
        disk_run(&disk, net, SLC_SECOND, SLC_MILLISECOND);
        struct mininet_delivery *d = mininet_next(net);
        assert_non_null(d);
        assert_true(d->is_reply && d->index == 0 && d->len == 18);
        mininet_forget(d);
        assert_int_equal(net->client[1].acked, 1);
        mininet_free(net);
        disk_free(&disk);
    }
}

static void messages_without_data_reach_nobody(void **state)
{
    (void)state;
    struct mininet *net = made(9, 1);
    static const uint8_t tag[SLC_SENDER_TAG_BYTES] = "somebody";
    uint8_t bytes[64];
    for (uint8_t content = 1; content < 6; content++) {
        struct slc_writer w = slc_writer(bytes, sizeof bytes);
        slc_write_u8(&w, 1);
        slc_write_bytes(&w, tag, sizeof tag);
        slc_write_u8(&w, content);
        slc_write_u32(&w, 0);
        mininet_message(net, 0, bytes, w.len);
    }
    mininet_run(net, SLC_SECOND);
    /* Of these one is data without SURBs: a message of no bytes, that cannot be answered. */
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_true(d->len == 0 && !d->has_tag);
    mininet_forget(d);
    assert_null(mininet_next(net));
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->heartbeats, 2);
    assert_int_equal(counters->refused_messages, 0);
    assert_int_equal(mininet_reply(net, 0, tag, 1, (const uint8_t *)"x", 1), SLC_NOT_FOUND);
    mininet_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_in_the_order_in_which_they_became_whole),
        cmocka_unit_test(a_set_may_come_in_packets_of_any_sizes),
        cmocka_unit_test(what_contradicts_its_set_is_refused_and_the_set_goes_on),
        cmocka_unit_test(a_finished_set_is_remembered_for_ten_minutes_of_being_connected),
        cmocka_unit_test(a_set_that_stays_unfinished_is_given_up_after_half_an_hour),
        cmocka_unit_test(first_generation_lists_are_read_and_their_surbs_used),
        cmocka_unit_test(messages_without_data_reach_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
