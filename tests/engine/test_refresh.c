/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "engine/refresh.h"

/* When the topology is asked for again, of whom, and what failures mean: chapter 4, section 10.8. */

static struct slc_refresh_policy policy(size_t urls, bool have)
{
    struct slc_traffic traffic;
    struct slc_refresh_policy p;
    slc_traffic_default(&traffic);
    slc_refresh_policy_init(&p, &traffic, urls, have);
    return p;
}

static void it_is_asked_again_after_five_minutes_and_never_in_step(void **state)
{
    (void)state;
    struct slc_random random;
    slc_random_from_number(&random, 1, 0);
    struct slc_refresh_policy p = policy(1, true);
    slc_time least = SLC_NEVER, most = 0;
    for (unsigned i = 0; i < 1000; i++) {
        slc_time wait = slc_refresh_wait(&p, &random);
        if (wait < least) least = wait;
        if (wait > most) most = wait;
        assert_false(slc_refresh_attempted(&p, true));
    }
    assert_in_range(least, 300 * SLC_SECOND, 301 * SLC_SECOND);
    assert_in_range(most, 329 * SLC_SECOND, 330 * SLC_SECOND);
}

static void without_a_snapshot_it_is_asked_at_once_and_then_ever_later(void **state)
{
    (void)state;
    struct slc_random random;
    slc_random_from_number(&random, 2, 0);
    struct slc_refresh_policy p = policy(1, false);
    assert_int_equal(slc_refresh_wait(&p, &random), 0);
    for (slc_time expected = SLC_SECOND; expected < 300 * SLC_SECOND; expected *= 2) {
        /* There is nothing to clear. */
        assert_false(slc_refresh_attempted(&p, false));
        assert_in_range(slc_refresh_wait(&p, &random), expected, expected + expected / 10);
    }
    assert_false(slc_refresh_attempted(&p, false));
    assert_in_range(slc_refresh_wait(&p, &random), 300 * SLC_SECOND, 330 * SLC_SECOND);
}

static void ten_failures_keep_the_snapshot_and_the_next_one_clears_it_once(void **state)
{
    (void)state;
    struct slc_refresh_policy p = policy(1, true);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < SLC_REFRESH_TOLERATED; i++) {
            assert_false(slc_refresh_attempted(&p, false));
        }
        assert_true(slc_refresh_attempted(&p, false));
        for (unsigned i = 0; i < 30; i++) {
            assert_false(slc_refresh_attempted(&p, false));
        }
        assert_false(slc_refresh_attempted(&p, true));
    }
    /* A success in between starts the count anew. */
    for (unsigned i = 0; i < 50; i++) {
        assert_false(slc_refresh_attempted(&p, i % 10 == 9));
    }
}

static void a_failure_asks_the_next_directory(void **state)
{
    (void)state;
    struct slc_refresh_policy p = policy(3, true);
    assert_int_equal(p.url, 0);
    (void)slc_refresh_attempted(&p, true);
    assert_int_equal(p.url, 0);
    for (size_t i = 1; i < 8; i++) {
        (void)slc_refresh_attempted(&p, false);
        assert_int_equal(p.url, i % 3);
    }
    (void)slc_refresh_attempted(&p, true);
    assert_int_equal(p.url, 7 % 3);
}

static void a_fixed_topology_is_fetched_once(void **state)
{
    (void)state;
    struct slc_random random;
    slc_random_from_number(&random, 3, 0);
    struct slc_refresh_policy p = policy(1, false);
    p.fixed = true;
    assert_int_equal(slc_refresh_wait(&p, &random), 0);
    (void)slc_refresh_attempted(&p, false);
    assert_in_range(slc_refresh_wait(&p, &random), SLC_SECOND, 2 * SLC_SECOND);
    (void)slc_refresh_attempted(&p, true);
    assert_int_equal(slc_refresh_wait(&p, &random), SLC_NEVER);
}

static void the_rotation_info_is_asked_for_first_and_now_and_then(void **state)
{
    (void)state;
    struct slc_refresh_policy p = policy(1, false);
    unsigned asked = 0;
    assert_true(slc_refresh_wants_info(&p));
    /* Until it came. */
    (void)slc_refresh_attempted(&p, false);
    for (unsigned i = 0; i < 120; i++) {
        asked += slc_refresh_wants_info(&p);
        (void)slc_refresh_attempted(&p, true);
    }
    assert_int_equal(asked, 10);
    /* Whoever fetched the first snapshot has it already. */
    p = policy(1, true);
    assert_false(slc_refresh_wants_info(&p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_asked_again_after_five_minutes_and_never_in_step),
        cmocka_unit_test(without_a_snapshot_it_is_asked_at_once_and_then_ever_later),
        cmocka_unit_test(ten_failures_keep_the_snapshot_and_the_next_one_clears_it_once),
        cmocka_unit_test(a_failure_asks_the_next_directory),
        cmocka_unit_test(a_fixed_topology_is_fetched_once),
        cmocka_unit_test(the_rotation_info_is_asked_for_first_and_now_and_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
