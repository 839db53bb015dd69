/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/disk.h"

#include <stdlib.h>

#include "tests/support/vectors.h"

/*
 * Key rotations with real keys that nodes forget: epochs of ten minutes, four to a rotation, a refresh each minute.
 * Checks come each eighth of an epoch, 75 s. What the network sees decides: no packet under a forgotten key, ever.
 */

enum { EPOCH = 600, VALIDITY = 4, ROTATION = EPOCH * VALIDITY, CHECK = EPOCH / 8 };

static const uint8_t text[] = "who am I";

static struct slc_traffic unpaced(void)
{
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    traffic.loop_mean = 0;
    return traffic;
}

static void pass(struct mininet *net, unsigned seconds)
{
    mininet_run_refreshed(net, seconds * SLC_SECOND, 60 * SLC_SECOND);
}

static void introduce(struct mininet *net, uint32_t surbs, uint8_t tag[SLC_SENDER_TAG_BYTES])
{
    assert_int_equal(mininet_send(net, 0, 1, 1, text, sizeof text, true, surbs), SLC_OK);
    mininet_run(net, SLC_SECOND);
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    memcpy(tag, d->tag, SLC_SENDER_TAG_BYTES);
    mininet_forget(d);
}

/* Two clients at the beginning of a rotation; client 1 has SURBs of client 0. */
static struct mininet *begun(uint64_t seed, uint32_t surbs, uint8_t tag[SLC_SENDER_TAG_BYTES])
{
    struct slc_traffic traffic = unpaced();
    struct mininet *net = mininet_new(seed, 2, &traffic, 256);
    mininet_ready(net);
    mininet_epochs(net, EPOCH, VALIDITY);
    introduce(net, surbs, tag);
    return net;
}

static void expect_reply(struct mininet *net, const uint8_t tag[SLC_SENDER_TAG_BYTES])
{
    unsigned acked = net->client[1].acked;
    assert_int_equal(mininet_reply(net, 1, tag, 9, text, sizeof text), SLC_OK);
    mininet_run(net, SLC_SECOND);
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_true(d->is_reply && d->index == 0);
    mininet_forget(d);
    assert_int_equal(net->client[1].acked, acked + 1);
}

static void finish(struct mininet *net)
{
    assert_int_equal(net->retired, 0);
    assert_int_equal(net->reused + net->astray, 0);
    assert_int_equal(net->unopened, 0);
    mininet_free(net);
}

static void the_second_check_after_a_change_makes_surbs_stale_and_asks_for_as_many(void **state)
{
    (void)state;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = begun(1, 40, tag);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    pass(net, ROTATION - 10);
    assert_int_equal(counters->surb_requests_sent, 0);
    assert_int_equal(net->rotation_id, 7);
    pass(net, 10 + CHECK);
    assert_int_equal(net->rotation_id, 8);
    assert_int_equal(counters->surb_requests_sent, 0);
    pass(net, 2 * CHECK);
    assert_int_equal(counters->surb_requests_sent, 1);
    assert_int_equal(counters->surbs_made, 80);
    assert_int_equal(counters->surbs_used, 1);
    /* Above the reserve of ten, each fresh one takes the place of a stale one. */
    assert_int_equal(counters->surbs_outlived, 30);
    expect_reply(net, tag);
    pass(net, EPOCH);
    assert_int_equal(counters->surbs_outlived, 39);
    expect_reply(net, tag);
    assert_int_equal(counters->retransmitted, 0);
    finish(net);
}

static void in_the_seam_old_surbs_still_work_and_acks_come_back(void **state)
{
    (void)state;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = begun(2, 40, tag);
    pass(net, ROTATION + 30);
    for (unsigned i = 0; i < 5; i++) {
        expect_reply(net, tag);
    }
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->surbs_used, 5);
    assert_int_equal(counters->retransmitted, 0);
    finish(net);
}

static void messages_on_their_way_cross_the_seam(void **state)
{
    (void)state;
    static const uint8_t big[100000];
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = begun(3, 100, tag);
    pass(net, ROTATION - 1);
    net->loss = 0.2;
    assert_int_equal(mininet_reply(net, 1, tag, 2, big, sizeof big), SLC_OK);
    assert_int_equal(mininet_send(net, 0, 1, 3, big, sizeof big, false, 0), SLC_OK);
    pass(net, 60);
    net->loss = 0;
    pass(net, 60);
    assert_int_equal(net->delivery_count, 3);
    assert_int_equal(net->client[0].acked, 2);
    assert_int_equal(net->client[1].acked, 1);
    finish(net);
}

static void surbs_of_the_new_rotation_stay_fresh(void **state)
{
    (void)state;
    uint8_t tag[SLC_SENDER_TAG_BYTES], again[SLC_SENDER_TAG_BYTES];
    struct mininet *net = begun(4, 20, tag);
    pass(net, ROTATION + 60);
    introduce(net, 30, again);
    assert_memory_equal(tag, again, sizeof tag);
    pass(net, 3 * CHECK);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    /* For the 20 that are stale as many are asked for, through one of the 30. */
    assert_int_equal(counters->surbs_made, 20 + 30 + 20);
    pass(net, 2 * EPOCH);
    assert_int_equal(counters->surbs_outlived, 20);
    assert_int_equal(counters->surbs_used, 1);
    expect_reply(net, tag);
    finish(net);
}

static void what_is_old_is_not_used_when_nodes_have_forgotten_its_keys(void **state)
{
    (void)state;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = begun(5, 40, tag);
    pass(net, ROTATION - 10);
    net->loss = 1;
    pass(net, EPOCH + 5);
    /* Between the end of the overlap and the check that throws them away. */
    enum slc_status status = mininet_reply(net, 1, tag, 2, text, sizeof text);
    uint64_t before = net->packets_in;
    pass(net, 10);
    assert_true(status == SLC_NOT_FOUND || net->packets_in == before);
    net->loss = 0;
    pass(net, EPOCH);
    assert_int_equal(net->client[1].expired, status == SLC_OK);
    assert_int_equal(mininet_reply(net, 1, tag, 3, text, sizeof text), SLC_NOT_FOUND);
    finish(net);
}

static void a_refresh_that_brought_nothing_is_repeated(void **state)
{
    (void)state;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = begun(6, 40, tag);
    pass(net, ROTATION + 60);
    net->loss = 1;
    pass(net, 360);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    uint64_t lost = counters->surb_requests_sent;
    assert_true(lost >= 1);
    assert_int_equal(counters->surbs_made, 40);
    net->loss = 0;
    pass(net, CHECK + 60);
    assert_true(counters->surbs_made >= 80);
    pass(net, EPOCH);
    expect_reply(net, tag);
    finish(net);
}

static void while_the_epoch_is_stuck_tags_live_as_long_as_a_rotation(void **state)
{
    (void)state;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = begun(7, 40, tag);
    net->stuck = true;
    pass(net, ROTATION + EPOCH - 60);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->surbs_outlived, 0);
    expect_reply(net, tag);
    pass(net, 60 + 2 * CHECK);
    assert_int_equal(counters->surbs_outlived, 39);
    assert_int_equal(counters->tags_dropped, 1);
    assert_int_equal(mininet_reply(net, 1, tag, 2, text, sizeof text), SLC_NOT_FOUND);
    finish(net);
}

static void steps_of_the_clock_drop_nothing(void **state)
{
    (void)state;
    static const int64_t steps[] = {86400, -86400, 3 * ROTATION, -ROTATION, INT32_MAX, -MININET_UNIX, 0};
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = begun(8, 40, tag);
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        net->clock_step = steps[i];
        pass(net, 3 * CHECK);
        expect_reply(net, tag);
    }
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->surbs_outlived, 0);
    assert_int_equal(counters->surb_requests_sent, 0);
    /* Replies are found by keys that were made before the steps. */
    assert_int_equal(counters->refused_payloads, 0);
    finish(net);
}

static void a_rotation_under_a_wrong_clock_loses_nothing_either(void **state)
{
    (void)state;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct mininet *net = begun(9, 40, tag);
    net->clock_step = 86400;
    pass(net, ROTATION + 60 + 3 * CHECK);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->surb_requests_sent, 1);
    pass(net, EPOCH);
    expect_reply(net, tag);
    finish(net);
}

static void without_a_directory_a_client_falls_silent_when_its_keys_are_forgotten(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.main_mean = SLC_SECOND;
    traffic.loop_mean = 0;
    struct mininet *net = mininet_new(10, 2, &traffic, 256);
    mininet_ready(net);
    mininet_epochs(net, EPOCH, VALIDITY);
    for (unsigned i = 0; i < ROTATION / 60; i++) {
        mininet_run(net, 60 * SLC_SECOND);
        mininet_turn(net);
    }
    for (unsigned i = 0; i < EPOCH / 10 - 1; i++) {
        mininet_run(net, 10 * SLC_SECOND);
        mininet_turn(net);
    }
    uint64_t before = net->packets_in;
    mininet_run(net, 10 * SLC_SECOND);
    assert_true(net->packets_in > before);
    before = net->packets_in;
    mininet_run(net, 300 * SLC_SECOND);
    assert_int_equal(net->packets_in, before);
    /* It comes back with the directory. */
    mininet_refresh(net);
    mininet_run(net, 60 * SLC_SECOND);
    assert_true(net->packets_in > before + 60);
    finish(net);
}

static void keys_of_surbs_handed_out_are_forgotten_when_they_are_too_old(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    traffic.reply_key_age = 1000 * SLC_SECOND;
    struct disk disk = {0};
    struct mininet *net = mininet_new_kept(11, 2, &traffic, disk_keep, &disk);
    mininet_ready(net);
    mininet_epochs(net, EPOCH, VALIDITY);
    assert_int_equal(mininet_send(net, 0, 1, 1, text, sizeof text, true, 20), SLC_OK);
    disk_run(&disk, net, SLC_SECOND, SLC_MILLISECOND);
    mininet_run(net, 900 * SLC_SECOND);
    assert_int_equal(disk_count(&disk, 0, SLC_RECORD_KEY_END), 0);
    mininet_run(net, 200 * SLC_SECOND);
    assert_int_equal(disk_count(&disk, 0, SLC_RECORD_KEY_END), 20);
    disk_free(&disk);
    finish(net);
}

static void surbs_that_outlived_their_rotation_on_the_disk_are_dropped_at_the_start(void **state)
{
    (void)state;
    struct slc_traffic traffic = unpaced();
    struct disk disk = {0};
    struct mininet *net = mininet_new_kept(12, 2, &traffic, disk_keep, &disk);
    mininet_ready(net);
    mininet_epochs(net, EPOCH, VALIDITY);
    assert_int_equal(mininet_send(net, 0, 1, 1, text, sizeof text, true, 40), SLC_OK);
    disk_run(&disk, net, SLC_SECOND, SLC_MILLISECOND);
    struct mininet_delivery *d = mininet_next(net);
    /* Dead for two rotations: the parity is the same again. */
    net->now += 2 * ROTATION * SLC_SECOND;
    mininet_turn(net);
    assert_int_equal(net->rotation_id, 9);
    disk_crash(&disk, net);
    mininet_ready(net);
    mininet_refresh(net);
    mininet_run(net, CHECK * SLC_SECOND);
    assert_int_equal(slc_clients_counters(net->clients)->surbs_outlived, 30);
    assert_int_equal(mininet_reply(net, 1, d->tag, 2, text, sizeof text), SLC_NOT_FOUND);
    mininet_forget(d);
    disk_free(&disk);
    finish(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_check_after_a_change_makes_surbs_stale_and_asks_for_as_many),
        cmocka_unit_test(in_the_seam_old_surbs_still_work_and_acks_come_back),
        cmocka_unit_test(messages_on_their_way_cross_the_seam),
        cmocka_unit_test(surbs_of_the_new_rotation_stay_fresh),
        cmocka_unit_test(what_is_old_is_not_used_when_nodes_have_forgotten_its_keys),
        cmocka_unit_test(a_refresh_that_brought_nothing_is_repeated),
        cmocka_unit_test(while_the_epoch_is_stuck_tags_live_as_long_as_a_rotation),
        cmocka_unit_test(steps_of_the_clock_drop_nothing),
        cmocka_unit_test(a_rotation_under_a_wrong_clock_loses_nothing_either),
        cmocka_unit_test(without_a_directory_a_client_falls_silent_when_its_keys_are_forgotten),
        cmocka_unit_test(keys_of_surbs_handed_out_are_forgotten_when_they_are_too_old),
        cmocka_unit_test(surbs_that_outlived_their_rotation_on_the_disk_are_dropped_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
