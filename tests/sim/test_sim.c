/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/run.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The simulator itself: it repeats itself, its model stands for the real thing, and it finds what is broken. */

#define ALL_FAULTS ((1U << SIM_FAULT_KINDS) - 1)

static struct sim_result run(struct sim_options options)
{
    struct sim_result result;
    (void)sim_run(&options, &result, NULL);
    return result;
}

static void must_pass(const struct sim_result *result, uint64_t seed)
{
    if (!result->passed) fail_msg("seed %llu: %s", (unsigned long long)seed, result->invariant);
}

/* A quiet seed with few packets, for what is slow. */
static struct sim_options quiet(uint64_t seed, bool model)
{
    return (struct sim_options){.seed = seed, .model = model, .without = ALL_FAULTS};
}

static void identical_seeds_give_identical_traces(void **state)
{
    (void)state;
    /* Of the last ones' clients the process dies. */
    const uint64_t seeds[] = {1, 2, 3, 4, 5, 6, 7, 22, 40};
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        const struct sim_options options = {.seed = seeds[i], .model = true};
        const struct sim_result first = run(options), second = run(options);
        assert_int_equal(first.trace, second.trace);
        assert_int_equal(first.events, second.events);
        assert_int_equal(first.outcome, second.outcome);
    }
}

static void another_seed_gives_another_trace(void **state)
{
    (void)state;
    assert_int_not_equal(run(quiet(1, true)).trace, run(quiet(2, true)).trace);
}

static void leaving_a_fault_out_changes_nothing_else(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim_scenario all, less;
        const struct sim_options options = {.seed = seed}, without = {.seed = seed, .without = 1U << SIM_CUT};
        sim_scenario_draw(&all, &options);
        sim_scenario_draw(&less, &without);
        assert_int_equal(all.plan_count, less.plan_count);
        assert_memory_equal(all.plans, less.plans, all.plan_count * sizeof *all.plans);
        size_t same = 0;
        for (size_t i = 0; i < all.action_count; i++) {
            if (all.actions[i].kind == SIM_CUT) continue;
            assert_true(same < less.action_count);
            assert_memory_equal(&all.actions[i], &less.actions[same++], sizeof *all.actions);
        }
        assert_int_equal(same, less.action_count);
        sim_scenario_free(&all);
        sim_scenario_free(&less);
    }
}

/* Times agree too: randomness is drawn alike, so packet for packet the same happens at the same instants. */
static void the_model_gives_what_real_cryptography_gives(void **state)
{
    (void)state;
    for (uint64_t seed = 2; seed <= 40; seed += 19) {
        const struct sim_result real = run(quiet(seed, false)), model = run(quiet(seed, true));
        must_pass(&real, seed);
        must_pass(&model, seed);
        assert_int_equal(real.outcome, model.outcome);
        assert_int_equal(real.packets, model.packets);
        assert_int_equal(real.messages, model.messages);
        assert_int_equal(real.virtual_time, model.virtual_time);
    }
}

static void real_packets_bear_faults(void **state)
{
    (void)state;
    const struct sim_options options = {.seed = 22};
    const struct sim_result result = run(options);
    must_pass(&result, options.seed);
}

/* SURBs that come for a rotation that is over were used until the next check. */
static void surbs_that_come_too_late_are_not_used(void **state)
{
    (void)state;
    const struct sim_options options = {.seed = 666, .model = true};
    const struct sim_result result = run(options);
    must_pass(&result, options.seed);
}

static void expect_broken_in(struct sim_options options, enum sim_mutation mutation, const char *words)
{
    options.mutation = mutation;
    const struct sim_result result = run(options);
    if (result.passed || strstr(result.invariant, words) == NULL) {
        fail_msg("mutation %u: expected \"%s\", found \"%s\"", mutation, words, result.invariant);
    }
}

static void expect_broken(enum sim_mutation mutation, const char *words)
{
    expect_broken_in(quiet(5, true), mutation, words);
}

static void what_is_broken_is_found(void **state)
{
    (void)state;
    const struct sim_result sane = run(quiet(5, true));
    must_pass(&sane, 5);
    expect_broken(SIM_DELIVER_TWICE, "delivered twice");
    expect_broken(SIM_LOSE_MESSAGE, "acked and never delivered");
    expect_broken(SIM_REUSE_SURB, "header that was sent before");
    expect_broken(SIM_UNEVEN_STREAM, "not exponential");
    expect_broken(SIM_DAMAGE, "did not open");
    expect_broken(SIM_LEAK, "more than");
    expect_broken(SIM_FORGET_FRAME, "on their way");
}

/* Nothing goes wrong but that the process dies. */
static struct sim_options deadly(uint64_t seed)
{
    return (struct sim_options){.seed = seed, .model = true, .without = ALL_FAULTS & ~(1U << SIM_KILL)};
}

static void what_a_dead_process_forgot_is_found(void **state)
{
    (void)state;
    const uint64_t seeds[] = {22, 80, 188};
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        const struct sim_result sane = run(deadly(seeds[i]));
        must_pass(&sane, seeds[i]);
        assert_true(sane.died > 0);
    }
    expect_broken_in(deadly(22), SIM_FORGET_LEASE, "header that was sent before");
    expect_broken_in(deadly(80), SIM_FORGET_KEY, "could not be read");
    expect_broken_in(deadly(188), SIM_FORGET_KEY, "acked and never delivered");
}

/* A copy of a message, on its way when the process died, comes to the next as if it were the first; its SURBs do not.
 */
static void a_message_may_be_delivered_again_to_the_next_life(void **state)
{
    (void)state;
    const struct sim_options options = {.seed = 471, .model = true};
    const struct sim_result result = run(options);
    must_pass(&result, options.seed);
    assert_true(result.again > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identical_seeds_give_identical_traces),
        cmocka_unit_test(another_seed_gives_another_trace),
        cmocka_unit_test(leaving_a_fault_out_changes_nothing_else),
        cmocka_unit_test(the_model_gives_what_real_cryptography_gives),
        cmocka_unit_test(real_packets_bear_faults),
        cmocka_unit_test(surbs_that_come_too_late_are_not_used),
        cmocka_unit_test(what_is_broken_is_found),
        cmocka_unit_test(what_a_dead_process_forgot_is_found),
        cmocka_unit_test(a_message_may_be_delivered_again_to_the_next_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
