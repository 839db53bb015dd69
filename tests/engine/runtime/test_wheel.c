/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "crypto/base/random.h"
#include "engine/runtime/wheel.h"

#include <stdlib.h>

#define MS SLC_MILLISECOND

static void an_entry_fires_once_not_early_and_at_the_first_ms_after(void **state)
{
    (void)state;
    struct slc_wheel *wheel;
    assert_int_equal(slc_wheel_new(&wheel, 4, 1000 * MS + 3), SLC_OK);
    struct slc_timer_entry out[4];
    assert_int_equal(slc_wheel_next(wheel), SLC_NEVER);
    assert_int_equal(slc_wheel_arm(wheel, &(struct slc_timer_entry){.deadline = 1005 * MS + 1, .token = 7}), SLC_OK);
    assert_int_equal(slc_wheel_next(wheel), 1006 * MS);
    assert_int_equal(slc_wheel_expire(wheel, 1005 * MS + MS - 1, out, 4), 0);
    assert_int_equal(slc_wheel_expire(wheel, 1006 * MS, out, 4), 1);
    assert_int_equal(out[0].token, 7);
    assert_int_equal(slc_wheel_expire(wheel, 2000 * MS, out, 4), 0);
    slc_wheel_free(wheel);
}

static void the_past_fires_at_once_and_a_full_wheel_says_so(void **state)
{
    (void)state;
    struct slc_wheel *wheel;
    struct slc_timer_entry out[4];
    assert_int_equal(slc_wheel_new(&wheel, 2, 50 * MS), SLC_OK);
    assert_int_equal(slc_wheel_arm(wheel, &(struct slc_timer_entry){.deadline = 1, .token = 1}), SLC_OK);
    assert_int_equal(slc_wheel_arm(wheel, &(struct slc_timer_entry){.deadline = 49 * MS, .token = 2}), SLC_OK);
    assert_int_equal(slc_wheel_arm(wheel, &(struct slc_timer_entry){.deadline = 60 * MS, .token = 3}), SLC_FULL);
    assert_int_equal(slc_wheel_next(wheel), 0);
    assert_int_equal(slc_wheel_expire(wheel, 50 * MS, out, 1), 1);
    assert_int_equal(slc_wheel_expire(wheel, 50 * MS, out, 4), 1);
    assert_int_equal(slc_wheel_arm(wheel, &(struct slc_timer_entry){.deadline = 60 * MS, .token = 3}), SLC_OK);
    assert_int_equal(slc_wheel_armed(wheel), 1);
    slc_wheel_free(wheel);
}

enum { ENTRIES = 5000 };

static uint64_t ms_up(slc_time t)
{
    return (t + MS - 1) / MS;
}

/* Deadlines from 1 ms to 40 days, time in jumps of all sizes, entries armed on the way: checked against plain order. */
static void random_deadlines_fire_in_order_whatever_the_steps(void **state)
{
    (void)state;
    const uint8_t seed[32] = {42};
    struct slc_random random;
    slc_random_from_seed(&random, seed);
    struct slc_wheel *wheel;
    slc_time now = 123456789 * MS + 5;
    assert_int_equal(slc_wheel_new(&wheel, ENTRIES, now), SLC_OK);
    slc_time *deadline = calloc(ENTRIES, sizeof *deadline);
    bool *fired = calloc(ENTRIES, sizeof *fired);
    size_t armed = 0, done = 0;
    while (done < ENTRIES) {
        for (unsigned i = 0; i < 50 && armed < ENTRIES; i++) {
            uint64_t span = UINT64_C(1) << (slc_random_below(&random, 32) + 1);
            deadline[armed] = now + slc_random_u64(&random) % (span * MS);
            assert_int_equal(
                slc_wheel_arm(wheel, &(struct slc_timer_entry){.deadline = deadline[armed], .token = armed}), SLC_OK);
            armed++;
        }
        slc_time next = slc_wheel_next(wheel);
        now += slc_random_u64(&random) % ((UINT64_C(1) << slc_random_below(&random, 30)) * MS);
        struct slc_timer_entry out[64];
        slc_time before = 0;
        for (size_t n; (n = slc_wheel_expire(wheel, now, out, 64)) > 0;) {
            for (size_t i = 0; i < n; i++) {
                assert_true(out[i].deadline <= now);
                assert_true(next <= ms_up(out[i].deadline) * MS);
                assert_true(ms_up(out[i].deadline) >= before);
                before = ms_up(out[i].deadline);
                assert_false(fired[out[i].token]);
                fired[out[i].token] = true;
                done++;
            }
        }
        for (size_t i = 0; i < armed; i++) {
            if (!fired[i]) assert_true(ms_up(deadline[i]) * MS > now);
        }
        if (armed == ENTRIES) now += UINT64_C(86400000) * MS;
    }
    assert_int_equal(slc_wheel_armed(wheel), 0);
    free(deadline);
    free(fired);
    slc_wheel_free(wheel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_fires_once_not_early_and_at_the_first_ms_after),
        cmocka_unit_test(the_past_fires_at_once_and_a_full_wheel_says_so),
        cmocka_unit_test(random_deadlines_fire_in_order_whatever_the_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
