/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/disk.h"

#include <stdlib.h>

#include "tests/support/vectors.h"

/* What must survive, and when what may leave: whatever the disk does, no key is lost and no SURB used twice. */

static const uint8_t text[] = "who am I";
static uint8_t big[400000];

static struct slc_traffic unpaced(void)
{
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    traffic.loop_mean = 0;
    return traffic;
}

static struct mininet *kept(uint64_t seed, size_t clients, struct disk *disk)
{
    struct slc_traffic traffic = unpaced();
    struct mininet *net = mininet_new_kept(seed, clients, &traffic, disk_keep, disk);
    mininet_ready(net);
    return net;
}

static void finish(struct mininet *net, struct disk *disk)
{
    assert_int_equal(net->reused, 0);
    mininet_free(net);
    disk_free(disk);
}

/* Client 0 writes anonymously to client 1, with a prompt disk. */
static void introduce(struct mininet *net, struct disk *disk, uint32_t surbs, uint8_t tag[SLC_SENDER_TAG_BYTES])
{
    assert_int_equal(mininet_send(net, 0, 1, 1, text, sizeof text, true, surbs), SLC_OK);
    disk_run(disk, net, SLC_SECOND, SLC_MILLISECOND);
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_true(d->has_tag);
    memcpy(tag, d->tag, SLC_SENDER_TAG_BYTES);
    mininet_forget(d);
}

static void expect_reply(struct mininet *net, size_t len)
{
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_int_equal(d->index, 0);
    assert_true(d->is_reply);
    assert_int_equal(d->len, len);
    mininet_forget(d);
}

static void a_session_is_recorded_with_what_it_takes_to_come_back(void **state)
{
    (void)state;
    struct disk disk = {0};
    struct mininet *net = kept(1, 2, &disk);
    assert_int_equal(disk_count(&disk, 0, SLC_RECORD_REGISTRATION), 1);
    const struct slc_client_record *r = &disk.records[0].record;
    const struct mininet_client *k = &net->client[disk.records[0].index];
    assert_int_equal(r->kind, SLC_RECORD_REGISTRATION);
    assert_memory_equal(r->gateway, net->nodes[k->gateway].identity.public_key, SLC_IDENTITY_BYTES);
    assert_memory_equal(r->shared_key, k->key, sizeof k->key);
    assert_true(r->timestamp == k->timestamp);
    mininet_cut(net, 0);
    mininet_run(net, 10 * SLC_SECOND);
    assert_int_equal(disk_count(&disk, 0, SLC_RECORD_REGISTRATION), 2);
    finish(net, &disk);
}

static void surbs_leave_when_their_keys_are_durable_and_nothing_else_waits(void **state)
{
    (void)state;
    struct disk disk = {0};
    struct mininet *net = kept(2, 2, &disk);
    assert_int_equal(mininet_send(net, 0, 1, 1, text, sizeof text, true, 20), SLC_OK);
    assert_int_equal(mininet_send(net, 0, 1, 2, text, sizeof text, false, 0), SLC_OK);
    mininet_run(net, 60 * SLC_SECOND);
    assert_int_equal(disk_count(&disk, 0, SLC_RECORD_KEY), 20);
    assert_int_equal(net->delivery_count, 1);
    assert_int_equal(net->client[0].acked, 1);
    assert_true(slc_clients_queue(net->clients, 0) > 0);
    /* All but the last key is not enough. */
    slc_clients_durable(net->clients, disk.len - 1, net->now);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(net->delivery_count, 1);
    disk_sync(&disk, net);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(net->delivery_count, 2);
    assert_int_equal(net->client[0].acked, 2);
    assert_int_equal(slc_clients_queue(net->clients, 0), 0);
    finish(net, &disk);
}

static void who_is_not_kept_waits_for_nobody(void **state)
{
    (void)state;
    struct disk disk = {.others = 1};
    struct mininet *net = kept(13, 2, &disk);
    assert_int_equal(mininet_send(net, 1, 0, 1, text, sizeof text, true, 20), SLC_OK);
    assert_int_equal(mininet_send(net, 0, 1, 2, text, sizeof text, true, 20), SLC_OK);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(net->client[0].acked, 1);
    assert_int_equal(net->client[1].acked, 0);
    disk_sync(&disk, net);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(net->client[1].acked, 1);
    finish(net, &disk);
}

static void a_reply_finds_its_key_after_a_crash(void **state)
{
    (void)state;
    struct disk disk = {0};
    struct mininet *net = kept(3, 2, &disk);
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    introduce(net, &disk, 40, tag);
    disk_crash(&disk, net);
    mininet_ready(net);
    assert_int_equal(mininet_reply(net, 1, tag, 2, text, sizeof text), SLC_OK);
    disk_run(&disk, net, SLC_SECOND, SLC_MILLISECOND);
    expect_reply(net, sizeof text);
    assert_int_equal(slc_clients_counters(net->clients)->refused_payloads, 0);
    assert_int_equal(disk_count(&disk, 0, SLC_RECORD_KEY_END), 1);
    finish(net, &disk);
}

static void a_restarted_client_still_serves_requests_and_keeps_its_tag(void **state)
{
    (void)state;
    struct disk disk = {0};
    struct mininet *net = kept(4, 2, &disk);
    uint8_t tag[SLC_SENDER_TAG_BYTES], again[SLC_SENDER_TAG_BYTES];
    introduce(net, &disk, 20, tag);
    disk_crash(&disk, net);
    mininet_ready(net);
    assert_int_equal(mininet_reply(net, 1, tag, 2, big, 60000), SLC_OK);
    disk_run(&disk, net, 5 * SLC_SECOND, SLC_MILLISECOND);
    expect_reply(net, 60000);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_true(counters->surb_requests_served > 0);
    assert_int_equal(counters->surb_requests_refused, 0);
    introduce(net, &disk, 20, again);
    assert_memory_equal(tag, again, sizeof tag);
    finish(net, &disk);
}

static void a_crash_costs_few_surbs_and_an_orderly_end_none(void **state)
{
    (void)state;
    static const struct {
        uint32_t surbs, lost;
    } cases[] = {{4, 1}, {10, 3}, {50, 13}, {500, 16}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct disk disk = {0};
        struct mininet *net = kept(5 + i, 2, &disk);
        uint8_t tag[SLC_SENDER_TAG_BYTES];
        introduce(net, &disk, cases[i].surbs, tag);
        assert_int_equal(disk_surbs(&disk, 1), cases[i].surbs - cases[i].lost);
        slc_clients_settle(net->clients);
        disk.durable = disk.len;
        assert_int_equal(disk_surbs(&disk, 1), cases[i].surbs);
        finish(net, &disk);
    }
}

/* A repeat that was on its way, or waited at the gateway, comes to the next life; the simulator found it. */
static void surbs_that_came_before_a_crash_do_not_come_again(void **state)
{
    (void)state;
    struct disk disk = {0};
    struct mininet *net = kept(31, 2, &disk);
    uint8_t message[64 + 8 * SLC_REPLY_SURB_BYTES], tag[SLC_SENDER_TAG_BYTES] = {7};
    uint8_t surbs[8][SLC_REPLY_SURB_BYTES] = {{0}};
    for (unsigned i = 0; i < 8; i++) {
        surbs[i][0] = (uint8_t)i;
        surbs[i][SLC_SURB_KEY_BYTES + SLC_HEADER_BYTES] = 4;
    }
    struct slc_writer w = slc_writer(message, sizeof message);
    const struct slc_surb_list list = {.count = 8,
                                       .hops = SLC_ROUTE_HOPS,
                                       .rotation = net->topology->rotation,
                                       .surb_bytes = SLC_REPLY_SURB_BYTES,
                                       .surbs = slc_bytes(surbs[0], sizeof surbs)};
    slc_message_write_head(&w, SLC_MESSAGE_REPLIABLE, tag, &list);
    mininet_message(net, 1, message, w.len);
    disk_run(&disk, net, SLC_SECOND, SLC_MILLISECOND);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->surbs_stored, 8);
    disk_crash(&disk, net);
    mininet_ready(net);
    size_t left = disk_surbs(&disk, 1);
    counters = slc_clients_counters(net->clients);
    mininet_message(net, 1, message, w.len);
    disk_run(&disk, net, SLC_SECOND, SLC_MILLISECOND);
    assert_int_equal(counters->messages_delivered, 1);
    assert_int_equal(counters->surbs_refused, 8);
    assert_int_equal(counters->surbs_stored, 0);
    assert_int_equal(disk_surbs(&disk, 1), left);
    /* Others with the same tag are taken. */
    message[w.len - 8 * SLC_REPLY_SURB_BYTES] ^= 0x80;
    mininet_message(net, 1, message, w.len);
    disk_run(&disk, net, SLC_SECOND, SLC_MILLISECOND);
    assert_int_equal(counters->surbs_stored, 8);
    finish(net, &disk);
}

static void a_stalled_disk_holds_up_what_needs_it_and_nothing_else(void **state)
{
    (void)state;
    struct disk disk = {0};
    struct mininet *net = kept(9, 2, &disk);
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    introduce(net, &disk, 200, tag);
    /* 100 fragments, and 16 SURBs that may be used. */
    assert_int_equal(mininet_reply(net, 1, tag, 2, big, 160000), SLC_OK);
    mininet_run(net, 30 * SLC_SECOND);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->surbs_used, 16);
    assert_int_equal(net->client[1].acked, 0);
    assert_int_equal(mininet_send(net, 1, 0, 3, text, sizeof text, false, 0), SLC_OK);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(net->client[1].acked, 1);
    assert_int_equal(net->client[1].expired, 0);
    disk_run(&disk, net, 3 * SLC_SECOND, SLC_MILLISECOND);
    assert_int_equal(net->client[1].acked, 2);
    assert_int_equal(counters->surbs_used, 100);
    finish(net, &disk);
}

/* The simulator found it: whoever waited for the disk to release SURBs waited on when those were thrown away. */
static void who_waits_for_surbs_that_make_room_for_others_takes_the_next(void **state)
{
    (void)state;
    struct disk disk = {.others = 2};
    struct slc_traffic traffic = unpaced();
    traffic.max_stored_surbs = 240;
    traffic.surbs_minimum = 0;
    struct mininet *net = mininet_new_kept(14, 3, &traffic, disk_keep, &disk);
    mininet_ready(net);
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    for (uint32_t surbs = 40; surbs <= 200; surbs += 160) {
        assert_int_equal(mininet_send(net, 0, 2, surbs, text, sizeof text, true, surbs), SLC_OK);
        disk_run(&disk, net, SLC_SECOND, SLC_MILLISECOND);
        struct mininet_delivery *d = mininet_next(net);
        assert_non_null(d);
        memcpy(tag, d->tag, sizeof tag);
        mininet_forget(d);
    }
    /* 21 fragments, and 10 of the first 40 SURBs may be used. */
    assert_int_equal(mininet_reply(net, 2, tag, 2, big, 32000), SLC_OK);
    mininet_run(net, SLC_SECOND);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->surbs_used, 10);
    assert_int_equal(mininet_send(net, 1, 2, 3, text, sizeof text, true, 200), SLC_OK);
    mininet_run(net, SLC_SECOND);
    assert_in_range(counters->surbs_outlived, 31, 200);
    disk_run(&disk, net, SLC_SECOND, SLC_MILLISECOND);
    assert_int_equal(net->client[2].acked, 1);
    mininet_forget(mininet_next(net));
    expect_reply(net, 32000);
    finish(net, &disk);
}

static void a_prompt_disk_holds_up_nothing(void **state)
{
    (void)state;
    struct disk disk = {0};
    struct mininet *net = kept(10, 2, &disk);
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    introduce(net, &disk, 200, tag);
    assert_int_equal(mininet_reply(net, 1, tag, 2, big, 160000), SLC_OK);
    disk_run(&disk, net, 400 * SLC_MILLISECOND, 5 * SLC_MILLISECOND);
    mininet_forget(mininet_next(net));
    assert_int_equal(net->client[1].acked, 1);
    /* Released in large steps when much waits. */
    assert_in_range(disk_count(&disk, 1, SLC_RECORD_LEASE), 1, 10);
    finish(net, &disk);
}

static void a_full_disk_takes_keys_again_when_there_is_room(void **state)
{
    (void)state;
    struct disk disk = {.room = 3};
    struct mininet *net = kept(11, 2, &disk);
    assert_int_equal(mininet_send(net, 0, 1, 1, text, sizeof text, true, 20), SLC_OK);
    mininet_run(net, 10 * SLC_SECOND);
    assert_int_equal(net->delivery_count, 0);
    disk.room = 0;
    disk_run(&disk, net, SLC_SECOND, SLC_MILLISECOND);
    assert_int_equal(net->delivery_count, 1);
    /* Replies to come need leave to use SURBs; a disk that takes none holds them up, not the client. */
    struct mininet_delivery *d = mininet_next(net);
    disk.room = 1;
    assert_int_equal(mininet_reply(net, 1, d->tag, 2, big, 12000), SLC_OK);
    mininet_run(net, 10 * SLC_SECOND);
    assert_int_equal(net->client[1].acked, 0);
    disk.room = 0;
    disk_run(&disk, net, 3 * SLC_SECOND, SLC_MILLISECOND);
    assert_int_equal(net->client[1].acked, 1);
    mininet_forget(d);
    finish(net, &disk);
}

/* Whenever the disk syncs and whenever all die. */
static void over_many_crashes_no_surb_is_used_twice(void **state)
{
    (void)state;
    uint64_t replies = 0;
    for (uint64_t seed = 100; seed < 110; seed++) {
        struct disk disk = {0};
        struct slc_random random;
        struct mininet *net = kept(seed, 2, &disk);
        slc_random_from_number(&random, seed, 5);
        uint8_t tag[SLC_SENDER_TAG_BYTES];
        introduce(net, &disk, 100, tag);
        for (unsigned life = 0; life < 8; life++) {
            /* Which may find that all SURBs were lost with the last life. */
            if (mininet_reply(net, 1, tag, life, big, 1 + slc_random_below(&random, 30000)) == SLC_OK) replies++;
            mininet_run(net, slc_random_below(&random, 300) * SLC_MILLISECOND);
            if (slc_random_below(&random, 2) == 0) disk_sync(&disk, net);
            mininet_run(net, slc_random_below(&random, 2000) * SLC_MILLISECOND);
            disk_crash(&disk, net);
            mininet_ready(net);
        }
        for (struct mininet_delivery *d; (d = mininet_next(net)) != NULL; mininet_forget(d)) {
            assert_true(d->is_reply);
        }
        finish(net, &disk);
    }
    assert_true(replies > 40);
}

static void records_that_cannot_be_ours_are_refused(void **state)
{
    (void)state;
    struct disk disk = {0};
    struct mininet *net = kept(12, 1, &disk);
    static const uint8_t zeros[SLC_REPLY_SURB_BYTES];
    const struct slc_client_record bad[] = {
        {.kind = SLC_RECORD_KINDS},
        {.kind = SLC_RECORD_KEY, .digest = zeros, .key = zeros},
        {.kind = SLC_RECORD_SURBS, .tag = zeros, .block = 1, .count = 1, .surb_bytes = 17, .surbs = zeros},
        {.kind = SLC_RECORD_SURBS, .tag = zeros, .block = 0, .count = 1, .surb_bytes = 460, .surbs = zeros},
        {.kind = SLC_RECORD_SURBS,
         .tag = zeros,
         .block = 1,
         .count = 1,
         .released = 2,
         .surb_bytes = 460,
         .surbs = zeros},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(slc_clients_restore(net->clients, 0, &bad[i], net->now, MININET_UNIX), SLC_BAD_ARGUMENT);
    }
    const struct slc_client_record passed_over = {.kind = SLC_RECORD_LEASE, .block = 1};
    assert_int_equal(slc_clients_restore(net->clients, 0, &passed_over, net->now, MININET_UNIX), SLC_OK);
    assert_int_equal(slc_clients_restore(net->clients, 1, &passed_over, net->now, MININET_UNIX), SLC_BAD_ARGUMENT);
    finish(net, &disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_recorded_with_what_it_takes_to_come_back),
        cmocka_unit_test(surbs_leave_when_their_keys_are_durable_and_nothing_else_waits),
        cmocka_unit_test(who_is_not_kept_waits_for_nobody),
        cmocka_unit_test(a_reply_finds_its_key_after_a_crash),
        cmocka_unit_test(a_restarted_client_still_serves_requests_and_keeps_its_tag),
        cmocka_unit_test(a_crash_costs_few_surbs_and_an_orderly_end_none),
        cmocka_unit_test(surbs_that_came_before_a_crash_do_not_come_again),
        cmocka_unit_test(a_stalled_disk_holds_up_what_needs_it_and_nothing_else),
        cmocka_unit_test(who_waits_for_surbs_that_make_room_for_others_takes_the_next),
        cmocka_unit_test(a_prompt_disk_holds_up_nothing),
        cmocka_unit_test(a_full_disk_takes_keys_again_when_there_is_room),
        cmocka_unit_test(over_many_crashes_no_surb_is_used_twice),
        cmocka_unit_test(records_that_cannot_be_ours_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
