/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/node/crowd.h"

/*
 * The engine's clients at a gateway that does what it should not (docs/localnet.md), beside clients at one that is
 * well: every message arrives once, what happened is counted and told, memory does not grow, and the others notice
 * nothing.
 */

/* ---- the modes ---- */

static void a_gateway_that_acks_nothing_costs_repeats_and_nothing_else(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    order(w, &(struct slc_faults){.no_acks = true});
    size_t acked = w->acked;
    post_all(w);
    UNTIL(w, w->delivered == w->submitted);
    /* What the good gateway's clients sent is acked; what the evil one's did is repeated as long as it takes. */
    UNTIL(w, w->acked == acked + CLIENTS / 2 * (CLIENTS - 1));
    UNTIL(w, counters(w, true).retransmitted >= 3 * CLIENTS / 2 * (CLIENTS - 1));
    assert_int_equal(w->acked, acked + CLIENTS / 2 * (CLIENTS - 1));
    assert_true(node(w).fault_lost >= counters(w, true).retransmitted);
    order(w, &(struct slc_faults){0});
    expect_all_well(w, memory);
    assert_int_equal(counters(w, false).retransmitted, 0);
    close_world(w);
}

static void a_gateway_that_delivers_twice_delivers_once(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    order(w, &(struct slc_faults){.twice = true});
    for (unsigned round = 0; round < 4; round++) {
        post_all(w);
    }
    expect_all_well(w, memory);
    struct slc_client_counters evil = counters(w, true);
    size_t there = 4 * CLIENTS / 2 * (CLIENTS - 1); /* as many messages as acks come to the evil gateway */
    assert_true(evil.duplicate_fragments >= there);
    assert_true(evil.unknown_acks >= there);
    assert_true(node(w).fault_duplicated >= 2 * there);
    assert_int_equal(counters(w, false).unknown_acks, 0);
    close_world(w);
}

static void garbage_is_counted_and_what_it_replaced_comes_again(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    order(w, &(struct slc_faults){.garbage = 0.3});
    for (unsigned round = 0; round < 4; round++) {
        post_all(w);
    }
    UNTIL(w, w->acked + 5 > w->submitted);
    order(w, &(struct slc_faults){0});
    /* A message whose frame was garbage is acked all the same: the gateway has acked before. That it is lost is its
     * own. */
    UNTIL(w, w->acked == w->submitted);
    let_pass(w, 300 * SLC_MILLISECOND);
    size_t missing = 0;
    for (size_t i = 0; i < w->submitted; i++) {
        assert_true(w->copies[i] <= 1);
        missing += w->copies[i] == 0;
    }
    struct slc_client_counters evil = counters(w, true), good = counters(w, false);
    assert_true(missing > 0 && missing < w->submitted / 2);
    assert_int_equal(evil.refused_frames, node(w).fault_garbage);
    assert_true(evil.refused_frames >= missing);
    assert_int_equal(good.refused_frames + good.losts + w->failed, 0);
    assert_true(slc_engine_client_memory(w->engine) <= memory + MEMORY_SLACK);
    close_world(w);
}

static void a_gateway_with_another_key_is_refused_with_words(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    order(w, &(struct slc_faults){.wrong_key = true});
    must(slc_localnet_forget(w->net, EVIL), NULL);
    UNTIL(w, w->failed == CLIENTS / 2);
    assert_int_equal(w->evil_failed, CLIENTS / 2);
    assert_non_null(strstr(w->text, "signature is not that of the gateway"));
    assert_int_equal(slc_engine_ready(w->engine), CLIENTS / 2);
    post_among_the_good(w);
    UNTIL(w, w->acked == w->submitted);
    assert_int_equal(w->delivered, w->submitted);
    assert_true(slc_engine_client_memory(w->engine) <= memory + MEMORY_SLACK);
    close_world(w);
}

static void a_gateway_that_forgets_registers_its_clients_anew(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    for (unsigned round = 0; round < 2; round++) {
        post_all(w);
        must(slc_localnet_forget(w->net, EVIL), NULL);
        UNTIL(w, slc_engine_ready(w->engine) < CLIENTS);
        UNTIL(w, slc_engine_ready(w->engine) == CLIENTS);
    }
    UNTIL(w, w->acked == w->submitted);
    assert_int_equal(node(w).clients_registered, 3 * CLIENTS / 2);
    assert_int_equal(w->failed + counters(w, false).losts, 0);
    close_world(w);
}

static void connections_cut_again_and_again_come_back_and_nothing_arrives_twice(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    order(w, &(struct slc_faults){.cut_every = 700 * SLC_MILLISECOND});
    for (unsigned round = 0; round < 12; round++) {
        post_all(w);
        let_pass(w, 300 * SLC_MILLISECOND);
    }
    UNTIL(w, node(w).fault_cut >= 4 * CLIENTS / 2);
    order(w, &(struct slc_faults){0});
    UNTIL(w, w->acked == w->submitted);
    let_pass(w, 300 * SLC_MILLISECOND);
    /* What was pushed into a connection that was cut under it is gone, as at a real gateway, and was acked before. */
    size_t missing = 0;
    for (size_t i = 0; i < w->submitted; i++) {
        assert_true(w->copies[i] <= 1);
        missing += w->copies[i] == 0;
    }
    if (missing > w->submitted / 50) fail_msg("%zu of %zu messages are missing", missing, w->submitted);
    assert_true(counters(w, true).losts >= 4 * CLIENTS / 2);
    assert_int_equal(counters(w, false).losts + w->failed, 0);
    assert_true(slc_engine_client_memory(w->engine) <= memory + MEMORY_SLACK);
    close_world(w);
}

/* Clients that cannot come in try again, at growing distances, and come in when the door opens. */
static void expect_door(enum slc_door door, const char *words)
{
    size_t memory;
    struct world *w = begin(&memory);
    order(w, &(struct slc_faults){.door = door});
    must(slc_localnet_cut(w->net, EVIL), NULL);
    UNTIL(w, slc_engine_ready(w->engine) == CLIENTS / 2);
    UNTIL(w, node(w).fault_refused >= CLIENTS / 2);
    post_all(w);
    slc_time begun = slc_now();
    let_pass(w, 3 * SLC_SECOND);
    assert_int_equal(slc_engine_ready(w->engine), CLIENTS / 2);
    if (strstr(w->text, words) == NULL) fail_msg("\"%s\" does not say \"%s\"", w->text, words);
    /* At 0, 0.5, 1.6, 3.7 s and later, each within a quarter: far from a storm. */
    double seconds = (double)(slc_now() - begun) / 1e9;
    if ((double)node(w).fault_refused > CLIENTS / 2 * (4 + seconds))
        fail_msg("%llu attempts in %.1f s", (unsigned long long)node(w).fault_refused, seconds);
    post_among_the_good(w);
    order(w, &(struct slc_faults){0});
    UNTIL(w, slc_engine_ready(w->engine) == CLIENTS);
    expect_all_well(w, memory);
    close_world(w);
}

static void clients_wait_at_a_door_that_is_shut(void **state)
{
    (void)state;
    expect_door(SLC_DOOR_SHUT, "closed the connection");
}

static void clients_wait_at_a_gateway_that_does_not_answer(void **state)
{
    (void)state;
    expect_door(SLC_DOOR_MUTE, "did not answer our authentication in time");
}

static void clients_come_back_to_a_gateway_that_refused_them(void **state)
{
    (void)state;
    expect_door(SLC_DOOR_REFUSING, "turns everybody away");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_that_acks_nothing_costs_repeats_and_nothing_else),
        cmocka_unit_test(a_gateway_that_delivers_twice_delivers_once),
        cmocka_unit_test(garbage_is_counted_and_what_it_replaced_comes_again),
        cmocka_unit_test(a_gateway_with_another_key_is_refused_with_words),
        cmocka_unit_test(a_gateway_that_forgets_registers_its_clients_anew),
        cmocka_unit_test(connections_cut_again_and_again_come_back_and_nothing_arrives_twice),
        cmocka_unit_test(clients_wait_at_a_door_that_is_shut),
        cmocka_unit_test(clients_wait_at_a_gateway_that_does_not_answer),
        cmocka_unit_test(clients_come_back_to_a_gateway_that_refused_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
