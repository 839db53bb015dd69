/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/schedule.h"

#include "engine/traffic/traffic.h"
#include "tests/support/vectors.h"

static void slots_follow_from_slots_not_from_now(void **state)
{
    (void)state;
    struct slc_random a, b;
    slc_random_from_number(&a, 1, 0);
    slc_random_from_number(&b, 1, 0);
    struct slc_schedule prompt, stalled;
    slc_schedule_start(&prompt, 1000, SLC_MILLISECOND, &a);
    slc_schedule_start(&stalled, 1000, SLC_MILLISECOND, &b);
    uint64_t count = 0;
    while (prompt.next < SLC_SECOND) {
        slc_schedule_advance(&prompt, SLC_MILLISECOND, &a);
        count++;
    }
    assert_int_equal(slc_schedule_skip(&stalled, 2 * SLC_SECOND, SLC_SECOND, SLC_MILLISECOND, &b), count);
    assert_true(stalled.next == prompt.next);
    assert_in_range(count, 850, 1150);
}

static void wakes_lie_on_a_grid_between_half_and_whole_look_ahead_before_the_slot(void **state)
{
    (void)state;
    struct slc_random random;
    slc_random_from_number(&random, 2, 0);
    for (unsigned i = 0; i < 10000; i++) {
        slc_time look_ahead = 2 + slc_random_below(&random, 50000000);
        slc_time slot = look_ahead + slc_random_u64(&random) % SLC_SECOND;
        slc_time wake = slc_schedule_wake(slot, look_ahead);
        assert_int_equal(wake % (look_ahead / 2), 0);
        assert_true(wake + look_ahead >= slot && wake + look_ahead / 2 <= slot + 1);
    }
    assert_true(slc_schedule_wake(SLC_NEVER, 20) == SLC_NEVER);
    assert_true(slc_schedule_wake(5, 20) == 0);
    assert_true(slc_schedule_wake(5, 0) == 5);
    assert_true(slc_schedule_round(SLC_NEVER, 20) == SLC_NEVER);
    assert_true(slc_schedule_round(11, 20) == 20);
}

static void a_mean_of_zero_is_no_stream(void **state)
{
    (void)state;
    struct slc_random random;
    slc_random_from_number(&random, 3, 0);
    struct slc_schedule schedule;
    slc_schedule_start(&schedule, 5, 0, &random);
    assert_true(schedule.next == SLC_NEVER);
    assert_int_equal(slc_schedule_skip(&schedule, SLC_SECOND, 0, 0, &random), 0);
}

static void presets_are_the_reference_s(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    assert_true(slc_traffic_slots_per_second(&traffic) == 50);
    slc_traffic_fast(&traffic);
    assert_true(slc_traffic_slots_per_second(&traffic) == 250);
    assert_true(traffic.ack_hop_delay == 15 * SLC_MILLISECOND && traffic.hop_delay == 10 * SLC_MILLISECOND);
    traffic.pacing = SLC_PACING_NONE;
    assert_true(slc_traffic_slots_per_second(&traffic) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_follow_from_slots_not_from_now),
        cmocka_unit_test(wakes_lie_on_a_grid_between_half_and_whole_look_ahead_before_the_slot),
        cmocka_unit_test(a_mean_of_zero_is_no_stream),
        cmocka_unit_test(presets_are_the_reference_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
