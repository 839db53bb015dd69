/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/arrivals.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CLIENTS = 25, DRAWN = 100000 };

static void poisson_gaps_have_mean_and_spread_of_their_rate(void **state)
{
    (void)state;
    struct slc_arrivals a;
    assert_int_equal(slc_arrivals_init(&a, SLC_ARRIVALS_POISSON, CLIENTS, 1000, 11), SLC_OK);
    slc_time last[CLIENTS] = {0};
    double sum = 0, squares = 0;
    unsigned n = 0;
    slc_time before = 0;
    for (unsigned i = 0; i < DRAWN; i++) {
        struct slc_arrival x = slc_arrivals_next(&a);
        assert_true(x.at >= before);
        assert_true(x.sender < CLIENTS && x.recipient < CLIENTS && x.sender != x.recipient);
        before = x.at;
        if (last[x.sender] != 0) {
            double gap = (double)(x.at - last[x.sender]) / 1e6;
            sum += gap;
            squares += gap * gap;
            n++;
        }
        last[x.sender] = x.at;
    }
    /* One client of 25 at 1000/s: exponential gaps, mean and standard deviation 25 ms. */
    double mean = sum / n;
    assert_true(fabs(mean - 25) < 0.5);
    assert_true(fabs(sqrt(squares / n - mean * mean) - 25) < 0.5);
    slc_arrivals_free(&a);
}

static void high_rates_do_not_drift_by_rounding(void **state)
{
    (void)state;
    struct slc_arrivals a;
    assert_int_equal(slc_arrivals_init(&a, SLC_ARRIVALS_POISSON, CLIENTS, 5e7, 3), SLC_OK);
    slc_time at = 0;
    for (unsigned i = 0; i < 10 * DRAWN; i++) {
        at = slc_arrivals_next(&a).at;
    }
    /* 10^6 gaps of 20 ns: 20 ms, standard deviation 0.1 %; cutting each to whole nanoseconds would lose 2.5 %. */
    assert_true(fabs((double)at / 20e6 - 1) < 0.005);
    slc_arrivals_free(&a);
}

static void constant_arrivals_keep_one_period_for_each_client(void **state)
{
    (void)state;
    struct slc_arrivals a;
    assert_int_equal(slc_arrivals_init(&a, SLC_ARRIVALS_CONSTANT, CLIENTS, 1000, 5), SLC_OK);
    slc_time last[CLIENTS] = {0}, before = 0;
    for (unsigned i = 0; i < DRAWN; i++) {
        struct slc_arrival x = slc_arrivals_next(&a);
        assert_true(x.at >= before);
        before = x.at;
        if (i >= CLIENTS) assert_true(llabs((long long)(x.at - last[x.sender]) - 25000000) <= 1);
        last[x.sender] = x.at;
    }
    slc_arrivals_free(&a);
}

static void the_same_seed_gives_the_same_schedule_and_another_one_another(void **state)
{
    (void)state;
    struct slc_arrivals a, b, c;
    assert_int_equal(slc_arrivals_init(&a, SLC_ARRIVALS_POISSON, CLIENTS, 100, 7), SLC_OK);
    assert_int_equal(slc_arrivals_init(&b, SLC_ARRIVALS_POISSON, CLIENTS, 100, 7), SLC_OK);
    assert_int_equal(slc_arrivals_init(&c, SLC_ARRIVALS_POISSON, CLIENTS, 100, 8), SLC_OK);
    unsigned same = 0;
    for (unsigned i = 0; i < 1000; i++) {
        struct slc_arrival x = slc_arrivals_next(&a), y = slc_arrivals_next(&b), z = slc_arrivals_next(&c);
        assert_int_equal(x.at, y.at);
        assert_int_equal(x.sender, y.sender);
        assert_int_equal(x.recipient, y.recipient);
        same += x.at == z.at;
    }
    assert_true(same < 3);
}

static void a_client_alone_writes_to_itself_and_no_rate_never_comes(void **state)
{
    (void)state;
    struct slc_arrivals a;
    assert_int_equal(slc_arrivals_init(&a, SLC_ARRIVALS_CONSTANT, 1, 10, 1), SLC_OK);
    struct slc_arrival x = slc_arrivals_next(&a);
    assert_int_equal(x.sender, 0);
    assert_int_equal(x.recipient, 0);
    slc_arrivals_free(&a);
    assert_int_equal(slc_arrivals_init(&a, SLC_ARRIVALS_CONSTANT, 5, 0, 1), SLC_OK);
    assert_true(slc_arrivals_next(&a).at == SLC_NEVER);
    slc_arrivals_free(&a);
}

static void the_bound_holds_for_both_kinds(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        enum slc_arrivals_kind kind = seed % 2 ? SLC_ARRIVALS_POISSON : SLC_ARRIVALS_CONSTANT;
        struct slc_arrivals a;
        assert_int_equal(slc_arrivals_init(&a, kind, CLIENTS, 333, seed), SLC_OK);
        uint64_t n = 0;
        while (slc_arrivals_next(&a).at < 10 * SLC_SECOND) {
            n++;
        }
        assert_true(n <= slc_arrivals_bound(kind, CLIENTS, 333, 10 * SLC_SECOND));
        assert_true(n > 3000);
        slc_arrivals_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poisson_gaps_have_mean_and_spread_of_their_rate),
        cmocka_unit_test(high_rates_do_not_drift_by_rounding),
        cmocka_unit_test(constant_arrivals_keep_one_period_for_each_client),
        cmocka_unit_test(the_same_seed_gives_the_same_schedule_and_another_one_another),
        cmocka_unit_test(a_client_alone_writes_to_itself_and_no_rate_never_comes),
        cmocka_unit_test(the_bound_holds_for_both_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
