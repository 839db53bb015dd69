/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/engine_world.h"

#include <poll.h>

/* Clients that come and go while the engine runs, what control knows of them, and the orderly end. */

static void send_one(struct world *w, uint32_t from, const struct slc_recipient *to, uint64_t token, size_t len)
{
    struct slc_send send = {.client = from, .token = token, .len = len, .recipient = *to};
    post(w, &send);
}

static struct slc_engine_client look(const struct world *w, uint32_t client)
{
    struct slc_engine_client what;
    must(slc_engine_look(w->engine, client, &what), NULL);
    return what;
}

static void two_places(struct slc_engine_config *config)
{
    config->max_clients = 2;
    config->traffic.forget_client = true;
}

static void silent(struct slc_engine_config *config)
{
    config->traffic.ack_wait_extra = 100 * SLC_SECOND;
}

static void many_places(struct slc_engine_config *config)
{
    config->traffic.main_mean = 200 * SLC_MILLISECOND;
    config->traffic.loop_mean = 2 * SLC_SECOND;
    config->max_clients = 64;
}

static void a_client_added_while_the_engine_runs_sends_and_receives(void **state)
{
    (void)state;
    struct world w;
    make_tuned_world(&w, 1, false, many_places);
    wait_for(&w, &w.ready, 1, 20);
    uint32_t late = add_client(&w, 1);
    struct slc_recipient recipient;
    must(slc_engine_recipient(w.engine, late, &recipient), NULL);
    assert_int_equal(look(&w, late).state, SLC_ENGINE_CONNECTING);
    /* At once: the order of what is asked is kept. */
    send_one(&w, late, &w.recipient[0], 1, 2000);
    wait_for(&w, &w.ready, 2, 20);
    assert_int_equal(look(&w, late).state, SLC_ENGINE_READY);
    assert_memory_equal(look(&w, late).gateway, recipient.gateway, SLC_IDENTITY_BYTES);
    send_one(&w, 0, &recipient, 2, 3000);
    wait_for(&w, &w.delivered, 2, 20);
    wait_for(&w, &w.acked, 2, 20);
    end_world(&w);
}

static void a_removed_client_is_forgotten_and_its_number_is_stale(void **state)
{
    (void)state;
    struct world w;
    make_tuned_world(&w, 2, false, two_places);
    wait_for(&w, &w.ready, 2, 20);
    struct slc_client_setup none = {0};
    uint32_t number;
    memcpy(none.gateway, w.recipient[0].gateway, sizeof none.gateway);
    assert_int_equal(slc_engine_add(w.engine, &none, &number), SLC_FULL);
    must(slc_engine_remove(w.engine, 1), NULL);
    assert_int_equal(slc_engine_remove(w.engine, 1), SLC_NOT_FOUND);
    assert_int_equal(look(&w, 1).state, SLC_ENGINE_LEAVING);
    struct slc_send send = {.client = 1, .len = 1, .recipient = w.recipient[0]};
    assert_int_equal(slc_engine_prepare(w.engine, &send), SLC_CLOSED);
    wait_for(&w, &w.removed, 1, 20);
    struct slc_engine_client what;
    assert_int_equal(slc_engine_look(w.engine, 1, &what), SLC_NOT_FOUND);
    assert_int_equal(slc_engine_prepare(w.engine, &send), SLC_NOT_FOUND);
    assert_int_equal(slc_engine_ready(w.engine), 1);
    /* Its connection is gone, a moment later at the gateway. */
    struct slc_node_counters counters = {.clients_online = 2};
    for (unsigned i = 0; i < 1000 && counters.clients_online > 1; i++) {
        take_for(&w, 2 * SLC_MILLISECOND);
        slc_localnet_counters(w.net, SLC_ALL_NODES, &counters);
    }
    assert_int_equal(counters.clients_online, 1);
    /* The place is taken again under another number. */
    uint32_t next = add_client(&w, 1);
    assert_int_not_equal(next, 1);
    wait_for(&w, &w.ready, 3, 20);
    assert_int_equal(slc_engine_prepare(w.engine, &send), SLC_NOT_FOUND);
    send_one(&w, next, &w.recipient[0], 5, 500);
    wait_for(&w, &w.acked, 1, 20);
    assert_int_equal(w.lost, 0);
    end_world(&w);
}

static void removing_expires_what_is_not_settled(void **state)
{
    (void)state;
    struct world w;
    make_tuned_world(&w, 2, false, silent);
    wait_for(&w, &w.ready, 2, 20);
    must(slc_localnet_set_faults(w.net, SLC_ALL_NODES, &(struct slc_faults){.loss = 1}), NULL);
    take_for(&w, 50 * SLC_MILLISECOND);
    enum { MESSAGES = 20 };
    for (uint64_t i = 0; i < MESSAGES; i++) {
        send_one(&w, 0, &w.recipient[1], i, 100 * i);
    }
    assert_int_equal(look(&w, 0).messages, MESSAGES);
    assert_int_equal(look(&w, 0).bytes, 100 * MESSAGES * (MESSAGES - 1) / 2);
    wait_for(&w, &w.sent, 5, 20);
    must(slc_engine_remove(w.engine, 0), NULL);
    wait_for(&w, &w.removed, 1, 20);
    assert_int_equal(w.acked, 0);
    assert_int_equal(w.expired, MESSAGES);
    assert_int_equal(w.expired_status, SLC_CLOSED);
    size_t messages, bytes;
    slc_engine_unsettled(w.engine, &messages, &bytes);
    assert_int_equal(messages, 0);
    assert_int_equal(bytes, 0);
    end_world(&w);
}

static void clients_come_and_go_by_the_thousand(void **state)
{
    (void)state;
    enum { ROUNDS = 20, AT_ONCE = 60 };
    struct world w;
    make_tuned_world(&w, 1, false, many_places);
    wait_for(&w, &w.ready, 1, 20);
    size_t memory = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t numbers[AT_ONCE];
        for (uint32_t i = 0; i < AT_ONCE; i++) {
            numbers[i] = add_client(&w, i);
            send_one(&w, numbers[i], &w.recipient[0], i, 800);
        }
        /* Every other round ends while they still connect. */
        if (round % 2 == 0) wait_for(&w, &w.acked, w.acked + AT_ONCE, 30);
        for (uint32_t i = 0; i < AT_ONCE; i++) {
            must(slc_engine_remove(w.engine, numbers[i]), NULL);
        }
        wait_for(&w, &w.removed, (round + 1) * AT_ONCE, 30);
        if (round == 3) memory = slc_engine_client_memory(w.engine);
    }
    assert_int_equal(w.acked + w.expired, ROUNDS * AT_ONCE);
    assert_true(w.acked >= ROUNDS / 2 * AT_ONCE);
    assert_int_equal(slc_engine_ready(w.engine), 1);
    assert_in_range(slc_engine_client_memory(w.engine), 1, memory + 64 * 1024);
    /* Who stayed still works. */
    size_t acked = w.acked;
    send_one(&w, 0, &w.recipient[0], 1, 10);
    wait_for(&w, &w.acked, acked + 1, 20);
    end_world(&w);
}

static void queues_show_what_waits(void **state)
{
    (void)state;
    struct world w;
    make_world(&w, 2, false);
    wait_for(&w, &w.ready, 2, 20);
    assert_int_equal(look(&w, 0).fragments, 0);
    send_one(&w, 0, &w.recipient[1], 1, 300000);
    take_for(&w, 200 * SLC_MILLISECOND);
    struct slc_engine_client what = look(&w, 0);
    assert_in_range(what.fragments, 1, 190); /* a loaded machine may have sent most of it */
    assert_int_equal(what.messages, 1);
    assert_int_equal(what.bytes, 300000);
    wait_for(&w, &w.acked, 1, 60);
    take_for(&w, 50 * SLC_MILLISECOND);
    what = look(&w, 0);
    assert_int_equal(what.fragments + what.messages + what.bytes, 0);
    end_world(&w);
}

static void a_lane_tells_its_queue_and_may_be_closed(void **state)
{
    (void)state;
    struct world w;
    make_world(&w, 2, false);
    wait_for(&w, &w.ready, 2, 20);
    struct slc_send send = {.client = 0, .token = 1, .lane = 7, .len = 400000, .recipient = w.recipient[1]};
    post(&w, &send);
    must(slc_engine_lane_ask(w.engine, 0, 7), NULL);
    wait_for(&w, &w.lanes, 1, 20);
    assert_in_range(w.lane_fragments, 200, 260);
    must(slc_engine_lane_ask(w.engine, 0, 8), NULL);
    wait_for(&w, &w.lanes, 2, 20);
    assert_int_equal(w.lane_fragments, 0);
    must(slc_engine_lane_close(w.engine, 0, 7), NULL);
    wait_for(&w, &w.expired, 1, 20);
    assert_int_equal(w.expired_status, SLC_CLOSED);
    take_for(&w, 20 * SLC_MILLISECOND);
    assert_int_equal(look(&w, 0).messages, 0);
    assert_int_equal(slc_engine_lane_close(w.engine, 55, 7), SLC_NOT_FOUND);
    /* The next message opens it again. */
    send.len = 3000;
    post(&w, &send);
    wait_for(&w, &w.acked, 1, 20);
    end_world(&w);
}

static void the_descriptor_is_readable_when_there_are_events(void **state)
{
    (void)state;
    struct world w;
    make_world(&w, 2, false);
    struct pollfd p = {.fd = slc_engine_fd(w.engine), .events = POLLIN};
    assert_true(p.fd >= 0);
    assert_int_equal(slc_engine_fd(w.engine), p.fd);
    struct slc_engine_event event;
    for (slc_time end = slc_now() + 20 * SLC_SECOND; w.ready < 2;) {
        if (slc_now() > end) fail_msg("no event");
        assert_int_equal(poll(&p, 1, 20000), 1);
        /* One at a time: what is left keeps it readable. */
        if (slc_engine_poll(w.engine, &event, 1) == 0) continue;
        take(&w, &event);
        slc_engine_release(w.engine, &event);
    }
    while (slc_engine_poll(w.engine, &event, 1) > 0) {
        take(&w, &event);
        slc_engine_release(w.engine, &event);
    }
    assert_int_equal(poll(&p, 1, 0), 0);
    slc_engine_wake(w.engine);
    assert_int_equal(poll(&p, 1, 0), 1);
    (void)slc_engine_poll(w.engine, &event, 1);
    assert_int_equal(poll(&p, 1, 0), 0);
    end_world(&w);
}

static void closing_waits_until_everything_is_settled(void **state)
{
    (void)state;
    struct world w;
    make_world(&w, 2, false);
    wait_for(&w, &w.ready, 2, 20);
    for (uint64_t i = 0; i < 40; i++) {
        send_one(&w, i % 2, &w.recipient[(i + 1) % 2], i, 1000);
    }
    slc_engine_close(w.engine, 60 * SLC_SECOND);
    struct slc_send send = {.client = 0, .len = 1, .recipient = w.recipient[0]};
    assert_int_equal(slc_engine_prepare(w.engine, &send), SLC_CLOSED);
    assert_int_equal(look(&w, 0).state, SLC_ENGINE_LEAVING);
    wait_for(&w, &w.closed, 1, 60);
    assert_int_equal(w.acked, 40);
    assert_int_equal(w.expired, 0);
    assert_int_equal(w.removed, 2);
    assert_int_equal(w.closed, 1);
    end_world(&w);
}

static void closing_ends_in_time_and_tells_what_was_not_settled(void **state)
{
    (void)state;
    struct world w;
    make_tuned_world(&w, 2, false, silent);
    wait_for(&w, &w.ready, 2, 20);
    must(slc_localnet_set_faults(w.net, SLC_ALL_NODES, &(struct slc_faults){.loss = 1}), NULL);
    take_for(&w, 50 * SLC_MILLISECOND);
    for (uint64_t i = 0; i < 300; i++) {
        send_one(&w, i % 2, &w.recipient[(i + 1) % 2], i, 1000);
    }
    slc_time begin = slc_now();
    slc_engine_close(w.engine, 300 * SLC_MILLISECOND);
    wait_for(&w, &w.closed, 1, 20);
    assert_in_range(slc_now() - begin, 300 * SLC_MILLISECOND, 10 * SLC_SECOND);
    assert_int_equal(w.acked, 0);
    assert_int_equal(w.expired, 300);
    assert_int_equal(w.expired_status, SLC_CLOSED);
    assert_int_equal(w.removed, 2);
    end_world(&w);
}

static void a_gateway_that_is_gone_is_told_with_its_reason(void **state)
{
    (void)state;
    struct world w;
    make_world(&w, 1, false);
    wait_for(&w, &w.ready, 1, 20);
    assert_string_equal(look(&w, 0).text, "");
    slc_localnet_free(w.net);
    w.net = NULL;
    wait_for(&w, &w.lost, 2, 20);
    struct slc_engine_client what = look(&w, 0);
    assert_int_equal(what.state, SLC_ENGINE_LOST);
    assert_int_equal(what.status, SLC_REFUSED);
    assert_non_null(strstr(what.text, "could not connect to the gateway"));
    end_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_added_while_the_engine_runs_sends_and_receives),
        cmocka_unit_test(a_removed_client_is_forgotten_and_its_number_is_stale),
        cmocka_unit_test(removing_expires_what_is_not_settled),
        cmocka_unit_test(clients_come_and_go_by_the_thousand),
        cmocka_unit_test(queues_show_what_waits),
        cmocka_unit_test(a_lane_tells_its_queue_and_may_be_closed),
        cmocka_unit_test(the_descriptor_is_readable_when_there_are_events),
        cmocka_unit_test(closing_waits_until_everything_is_settled),
        cmocka_unit_test(closing_ends_in_time_and_tells_what_was_not_settled),
        cmocka_unit_test(a_gateway_that_is_gone_is_told_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
