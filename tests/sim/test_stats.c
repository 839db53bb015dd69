/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/random.h"
#include "tests/sim/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

/* The tests of distributions accept what is of them, and reject what is nearly. */

enum { SAMPLES = 5000 };
#define MEAN  0.02
#define ALPHA 1e-4

static struct sim_samples exponential(uint64_t seed, size_t n, double mean)
{
    struct slc_random random;
    struct sim_samples samples = {0};
    slc_random_from_number(&random, seed, 1);
    for (size_t i = 0; i < n; i++) {
        sim_samples_add(&samples, -log(1 - slc_random_unit(&random)) * mean);
    }
    return samples;
}

static void the_distance_is_as_by_hand(void **state)
{
    (void)state;
    /* Sixty samples at the median: the step from 0 to 1 meets a distribution of a half. */
    struct sim_samples samples = {0};
    double distance;
    for (int i = 0; i < 60; i++) {
        sim_samples_add(&samples, log(2) * MEAN);
    }
    assert_false(sim_ks_exponential(&samples, MEAN, ALPHA, &distance));
    assert_true(fabs(distance - 0.5) < 1e-9);
    sim_samples_free(&samples);
}

static void exponential_samples_are_accepted(void **state)
{
    (void)state;
    double distance;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct sim_samples a = exponential(seed, SAMPLES, MEAN), b = exponential(seed + 1000, SAMPLES / 3, MEAN);
        assert_true(sim_ks_exponential(&a, MEAN, ALPHA, &distance));
        assert_true(sim_ks_equal(&a, &b, ALPHA, &distance));
        sim_samples_free(&a);
        sim_samples_free(&b);
    }
}

static void another_mean_is_rejected(void **state)
{
    (void)state;
    double distance;
    struct sim_samples a = exponential(7, SAMPLES, MEAN), b = exponential(8, SAMPLES, MEAN * 1.2);
    assert_false(sim_ks_exponential(&b, MEAN, ALPHA, &distance));
    assert_false(sim_ks_equal(&a, &b, ALPHA, &distance));
    sim_samples_free(&a);
    sim_samples_free(&b);
}

static void another_distribution_of_the_same_mean_is_rejected(void **state)
{
    (void)state;
    double distance;
    struct sim_samples even = {0};
    for (int i = 0; i < SAMPLES; i++) {
        sim_samples_add(&even, 2 * MEAN * i / SAMPLES);
    }
    assert_false(sim_ks_exponential(&even, MEAN, ALPHA, &distance));
    /* The uniform one on 0 .. 2 and the exponential one differ most where 1 - x / 2 and exp(-x) do. */
    assert_true(distance > 0.14 && distance < 0.16);
    sim_samples_free(&even);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_distance_is_as_by_hand),
        cmocka_unit_test(exponential_samples_are_accepted),
        cmocka_unit_test(another_mean_is_rejected),
        cmocka_unit_test(another_distribution_of_the_same_mean_is_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
