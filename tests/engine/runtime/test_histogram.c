/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/runtime/histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The oracle is the sorted list of what was recorded. */

enum { RECORDS = 20000 };

static uint64_t list[RECORDS];

static int by_value(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* Times of 1 ns to some minutes, as many of each magnitude. */
static uint64_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint64_t)exp((double)(*state >> 40) / (double)(1 << 24) * 26);
}

static void expect_list(const struct slc_histogram *h, size_t n)
{
    static const double shares[] = {0.01, 0.5, 0.9, 0.99, 0.999};
    qsort(list, n, sizeof *list, by_value);
    assert_int_equal(h->count, n);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        double exact = (double)list[(size_t)ceil(shares[i] * (double)n) - 1];
        double told = (double)slc_histogram_at(h, shares[i]);
        if (told < exact || told > exact * 1.008 + 1) fail_msg("%g: %g, not %g", shares[i], told, exact);
    }
}

static void a_percentile_is_exact_to_less_than_a_hundredth(void **state)
{
    (void)state;
    static struct slc_histogram h;
    uint64_t seed = 1;
    double sum = 0;
    for (size_t i = 0; i < RECORDS; i++) {
        list[i] = draw(&seed);
        sum += (double)list[i];
        slc_histogram_record(&h, list[i]);
    }
    expect_list(&h, RECORDS);
    assert_int_equal(h.min, list[0]);
    assert_int_equal(h.max, list[RECORDS - 1]);
    assert_int_equal(slc_histogram_at(&h, 1), list[RECORDS - 1]);
    assert_true(fabs(slc_histogram_mean(&h) - sum / RECORDS) < 1);
}

static void merged_histograms_are_one_of_all_their_records(void **state)
{
    (void)state;
    static struct slc_histogram part[3], whole;
    uint64_t seed = 2;
    for (size_t i = 0; i < RECORDS; i++) {
        list[i] = draw(&seed);
        slc_histogram_record(&part[i % 3], list[i]);
    }
    for (unsigned i = 0; i < 3; i++) {
        slc_histogram_merge(&whole, &part[i]);
    }
    expect_list(&whole, RECORDS);
    assert_int_equal(whole.min, list[0]);
    assert_int_equal(whole.max, list[RECORDS - 1]);
}

static void what_came_since_a_copy_is_what_was_recorded_after_it(void **state)
{
    (void)state;
    static struct slc_histogram h, before;
    uint64_t seed = 3;
    for (size_t i = 0; i < RECORDS; i++) {
        slc_histogram_record(&h, draw(&seed));
    }
    before = h;
    double sum = 0;
    for (size_t i = 0; i < RECORDS / 2; i++) {
        list[i] = draw(&seed) % 1000000;
        sum += (double)list[i];
        slc_histogram_record(&h, list[i]);
    }
    slc_histogram_since(&h, &before);
    expect_list(&h, RECORDS / 2);
    assert_true(h.min <= list[0] && (double)h.min > (double)list[0] * 0.99 - 1);
    assert_true(h.max >= list[RECORDS / 2 - 1] && (double)h.max < (double)list[RECORDS / 2 - 1] * 1.01 + 1);
    assert_true(fabs((double)h.sum / sum - 1) < 0.01);
    before = h;
    slc_histogram_since(&h, &before);
    assert_int_equal(h.count, 0);
    assert_int_equal(slc_histogram_at(&h, 0.99), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_percentile_is_exact_to_less_than_a_hundredth),
        cmocka_unit_test(merged_histograms_are_one_of_all_their_records),
        cmocka_unit_test(what_came_since_a_copy_is_what_was_recorded_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
