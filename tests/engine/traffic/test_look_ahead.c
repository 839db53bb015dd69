/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/look_ahead.h"

#include "tests/support/vectors.h"

#define MIN (2 * SLC_MILLISECOND)
#define MAX (20 * SLC_MILLISECOND)

/* `rate` packets a second for a while, in turns of 2 ms. */
static void work(struct slc_look_ahead *look, slc_time *now, double rate, slc_time duration)
{
    slc_time end = *now + duration;
    double owed = 0;
    while (*now < end) {
        *now += 2 * SLC_MILLISECOND;
        owed += rate / 500;
        slc_look_ahead_turn(look, (uint64_t)owed, false, *now);
        owed -= (double)(uint64_t)owed;
        assert_in_range(look->value, MIN, MAX);
    }
}

static void it_starts_long_and_is_short_when_there_is_little_to_do(void **state)
{
    (void)state;
    struct slc_look_ahead look;
    slc_time now = 12345;
    slc_look_ahead_start(&look, MIN, MAX);
    assert_int_equal(look.value, MAX);
    work(&look, &now, 55, SLC_SECOND);
    assert_int_equal(look.value, MIN);
}

static void it_grows_with_the_rate_and_comes_down_again(void **state)
{
    (void)state;
    struct slc_look_ahead look;
    slc_time now = 1, last = MIN;
    slc_look_ahead_start(&look, MIN, MAX);
    for (double rate = 600; rate < 2500; rate += 400) {
        work(&look, &now, rate, 5 * SLC_SECOND);
        assert_true(look.value > last);
        last = look.value;
    }
    work(&look, &now, 40000, SLC_SECOND);
    assert_int_equal(look.value, MAX);
    work(&look, &now, 100, 2 * SLC_SECOND);
    assert_int_equal(look.value, MIN);
}

static void a_late_slot_doubles_it_at_once_and_is_forgotten_slowly(void **state)
{
    (void)state;
    struct slc_look_ahead look;
    slc_time now = 1;
    slc_look_ahead_start(&look, MIN, MAX);
    work(&look, &now, 55, SLC_SECOND);
    for (slc_time expected = 2 * MIN; expected < MAX; expected *= 2) {
        slc_look_ahead_turn(&look, 1, true, now);
        assert_int_equal(look.value, expected);
        /* One stall makes many slots late. */
        slc_look_ahead_turn(&look, 1, true, now + SLC_MILLISECOND);
        assert_int_equal(look.value, expected);
        /* Into the next window, and no further: what was learned fades from the first. */
        now = look.window + 100 * SLC_MILLISECOND;
        slc_look_ahead_turn(&look, 5, false, now);
        assert_in_range(look.value, expected * 9 / 10, expected);
        look.value = look.least = expected;
    }
    slc_look_ahead_turn(&look, 1, true, now);
    assert_int_equal(look.value, MAX);
    work(&look, &now, 55, SLC_SECOND);
    assert_in_range(look.value, MAX / 2, MAX - 1);
    work(&look, &now, 55, 30 * SLC_SECOND);
    assert_in_range(look.value, MIN, MIN + MIN / 100);
}

static void a_fixed_one_stays(void **state)
{
    (void)state;
    struct slc_look_ahead look;
    slc_look_ahead_start(&look, MAX, MAX);
    for (slc_time now = 1; now < 10 * SLC_SECOND; now += 7 * SLC_MILLISECOND) {
        slc_look_ahead_turn(&look, now % 100, now % 3 == 0, now);
        assert_int_equal(look.value, MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_starts_long_and_is_short_when_there_is_little_to_do),
        cmocka_unit_test(it_grows_with_the_rate_and_comes_down_again),
        cmocka_unit_test(a_late_slot_doubles_it_at_once_and_is_forgotten_slowly),
        cmocka_unit_test(a_fixed_one_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
