/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/pace.h"

#include "tests/support/vectors.h"

/* Traces of the multiplier, second by second, as chapter 4, section 3.3, has it. */

#define STEP (10 * SLC_MILLISECOND)

/* Looks every 10 ms with the same queue until `until`; returns when the multiplier changed last, or 0. */
static slc_time look_until(struct slc_pace *pace, uint32_t waiting, slc_time *now, slc_time until)
{
    slc_time last = 0;
    for (; *now <= until; *now += STEP) {
        if (slc_pace_look(pace, waiting, *now) != 0) last = *now;
    }
    return last;
}

static void a_full_queue_slows_by_one_a_second_up_to_six(void **state)
{
    (void)state;
    struct slc_pace pace;
    slc_time now = 0;
    slc_pace_start(&pace, 0);
    assert_int_equal(look_until(&pace, 32, &now, SLC_SECOND), 0); /* not before a second has passed */
    for (uint32_t second = 1; second <= 5; second++) {
        slc_time changed = look_until(&pace, 32, &now, second * (SLC_SECOND + STEP));
        assert_int_equal(changed, second * (SLC_SECOND + STEP));
        assert_int_equal(pace.multiplier, 1 + second);
    }
    assert_int_equal(look_until(&pace, 40, &now, 60 * SLC_SECOND), 0);
    assert_int_equal(pace.multiplier, SLC_PACE_SLOWEST);
}

static void a_queue_that_is_not_full_slows_nothing(void **state)
{
    (void)state;
    struct slc_pace pace;
    slc_time now = 0;
    slc_pace_start(&pace, 0);
    assert_int_equal(look_until(&pace, 31, &now, 60 * SLC_SECOND), 0);
    assert_int_equal(pace.multiplier, 1);
}

static void it_gets_faster_when_nothing_pressed_for_two_seconds(void **state)
{
    (void)state;
    struct slc_pace pace = {.changed = 0, .pressed = 0, .multiplier = 3};
    slc_time now = STEP;
    /* Above the mark of 10 it stays. */
    assert_int_equal(look_until(&pace, 11, &now, 10 * SLC_SECOND), 0);
    slc_time quiet = now - STEP;
    slc_time changed = look_until(&pace, 10, &now, quiet + 2 * SLC_SECOND + STEP);
    assert_int_equal(changed, quiet + 2 * SLC_SECOND + STEP);
    assert_int_equal(pace.multiplier, 2);
    slc_time again = look_until(&pace, 0, &now, changed + 2 * SLC_SECOND + STEP);
    assert_int_equal(again, changed + 2 * SLC_SECOND + STEP);
    assert_int_equal(pace.multiplier, 1);
    assert_int_equal(look_until(&pace, 0, &now, now + 60 * SLC_SECOND), 0);
}

static void one_burst_above_the_mark_starts_the_two_seconds_again(void **state)
{
    (void)state;
    struct slc_pace pace = {.changed = 0, .pressed = 0, .multiplier = 2};
    slc_time now = STEP;
    assert_int_equal(look_until(&pace, 0, &now, 1990 * SLC_MILLISECOND), 0);
    assert_int_equal(slc_pace_look(&pace, 11, now), 0);
    slc_time burst = now;
    now += STEP;
    assert_int_equal(look_until(&pace, 0, &now, burst + 2 * SLC_SECOND), 0);
    assert_int_equal(look_until(&pace, 0, &now, burst + 2 * SLC_SECOND + STEP), burst + 2 * SLC_SECOND + STEP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_slows_by_one_a_second_up_to_six),
        cmocka_unit_test(a_queue_that_is_not_full_slows_nothing),
        cmocka_unit_test(it_gets_faster_when_nothing_pressed_for_two_seconds),
        cmocka_unit_test(one_burst_above_the_mark_starts_the_two_seconds_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
