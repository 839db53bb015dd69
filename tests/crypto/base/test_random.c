/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>

/* Statistics run on fixed seeds, so they hold always or never; the bounds are those of chance at 1 in 10^6 or rarer. */

static const uint8_t seed[32] = {1, 2, 3, 4, 5, 6, 7, 8};

/* Fast key erasure done by hand with libsodium: of each refill the first 32 bytes are the next key. */
static void the_stream_of_a_seed_is_chacha20_with_key_erasure(void **state)
{
    (void)state;
    enum { REFILLS = 4, TOTAL = REFILLS * SLC_RANDOM_POOL };
    static uint8_t wanted[TOTAL], got[TOTAL];
    uint8_t key[32], block[32 + SLC_RANDOM_POOL];
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    memcpy(key, seed, sizeof key);
    for (size_t i = 0; i < REFILLS; i++) {
        assert_int_equal(crypto_stream_chacha20(block, sizeof block, nonce, key), 0);
        memcpy(key, block, sizeof key);
        memcpy(wanted + i * SLC_RANDOM_POOL, block + sizeof key, SLC_RANDOM_POOL);
    }
    struct slc_random random;
    slc_random_from_seed(&random, seed);
    /* In pieces of growing size, across refills: pieces do not change the stream. */
    size_t at = 0;
    for (size_t piece = 0; at < TOTAL; piece++) {
        size_t len = piece < TOTAL - at ? piece : TOTAL - at;
        slc_random_bytes(&random, got + at, len);
        at += len;
    }
    assert_memory_equal(got, wanted, TOTAL);
}

static void what_was_drawn_is_gone_from_the_state(void **state)
{
    (void)state;
    struct slc_random random;
    uint8_t drawn[100];
    slc_random_from_seed(&random, seed);
    slc_random_bytes(&random, drawn, sizeof drawn);
    assert_null(memmem(&random, sizeof random, drawn, 8));
    assert_null(memmem(&random, sizeof random, seed, sizeof seed));
    assert_int_equal(random.used, sizeof drawn);
    for (size_t i = 0; i < random.used; i++) {
        assert_int_equal(random.pool[i], 0);
    }
    slc_random_wipe(&random);
    for (size_t i = 0; i < sizeof random.key; i++) {
        assert_int_equal(random.key[i], 0);
    }
}

static void numbers_seed_streams_that_differ_in_either_number_and_repeat(void **state)
{
    (void)state;
    static const uint64_t numbers[][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}, {UINT64_MAX, 0}, {0, UINT64_MAX}};
    enum { N = sizeof numbers / sizeof *numbers };
    uint64_t first[N];
    for (size_t i = 0; i < N; i++) {
        struct slc_random a, b;
        slc_random_from_number(&a, numbers[i][0], numbers[i][1]);
        slc_random_from_number(&b, numbers[i][0], numbers[i][1]);
        first[i] = slc_random_u64(&a);
        assert_true(first[i] == slc_random_u64(&b));
        for (size_t k = 0; k < i; k++) {
            assert_true(first[i] != first[k]);
        }
    }
}

static void two_generators_from_the_system_differ(void **state)
{
    (void)state;
    struct slc_random a, b;
    assert_int_equal(slc_random_from_system(&a), SLC_OK);
    assert_int_equal(slc_random_from_system(&b), SLC_OK);
    assert_true(slc_random_u64(&a) != slc_random_u64(&b));
}

static double chi_square(const size_t *count, uint32_t bins, double draws)
{
    double sum = 0, wanted = draws / bins;
    for (uint32_t i = 0; i < bins; i++) {
        double off = (double)count[i] - wanted;
        sum += off * off / wanted;
    }
    return sum;
}

static void bounded_numbers_are_uniform_and_in_bounds(void **state)
{
    (void)state;
    enum { DRAWS = 200000, BINS_MAX = 257 };
    static const uint32_t bounds[] = {1, 2, 3, 10, 80, 256, BINS_MAX};
    struct slc_random random;
    slc_random_from_number(&random, 7, 0);
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
        size_t count[BINS_MAX] = {0};
        for (int i = 0; i < DRAWS; i++) {
            uint32_t x = slc_random_below(&random, bounds[b]);
            assert_true(x < bounds[b]);
            count[x]++;
        }
        double freedom = bounds[b] - 1;
        assert_true(chi_square(count, bounds[b], DRAWS) < freedom + 5 * sqrt(2 * freedom) + 12);
    }
}

/* With 3 * 2^30, a remainder would draw the lower third twice as often, a multiplication the multiples of 3. */
static void a_bound_that_does_not_divide_2_to_the_32_has_no_bias(void **state)
{
    (void)state;
    enum { DRAWS = 100000 };
    const uint32_t bound = UINT32_C(3) << 30;
    struct slc_random random;
    slc_random_from_number(&random, 8, 0);
    size_t third[3] = {0}, residue[3] = {0};
    for (int i = 0; i < DRAWS; i++) {
        uint32_t x = slc_random_below(&random, bound);
        assert_true(x < bound);
        third[x >> 30]++;
        residue[x % 3]++;
    }
    assert_true(chi_square(third, 3, DRAWS) < 30);
    assert_true(chi_square(residue, 3, DRAWS) < 30);
}

static void unit_numbers_fill_the_interval_evenly(void **state)
{
    (void)state;
    enum { DRAWS = 200000, BINS = 100 };
    size_t count[BINS] = {0};
    struct slc_random random;
    slc_random_from_number(&random, 9, 0);
    for (int i = 0; i < DRAWS; i++) {
        double u = slc_random_unit(&random);
        assert_true(u >= 0 && u < 1);
        count[(int)(u * BINS)]++;
    }
    assert_true(chi_square(count, BINS, DRAWS) < 99 + 5 * sqrt(198.0) + 12);
}

static void exponential_times_have_the_mean_the_spread_and_the_shape(void **state)
{
    (void)state;
    enum { DRAWS = 200000 };
    const uint64_t mean = 50000000; /* 50 ms */
    struct slc_random random;
    slc_random_from_number(&random, 10, 0);
    double sum = 0, squares = 0;
    size_t beyond[4] = {0};
    for (int i = 0; i < DRAWS; i++) {
        double t = (double)slc_random_exponential(&random, mean) / (double)mean;
        sum += t;
        squares += t * t;
        for (int k = 0; k < 4; k++) {
            beyond[k] += t > k + 1;
        }
    }
    assert_true(fabs(sum / DRAWS - 1) < 5 / sqrt(DRAWS));
    assert_true(fabs(squares / DRAWS - 2) < 5 * sqrt(20.0 / DRAWS));
    for (int k = 0; k < 4; k++) { /* the share beyond k means is e^-k */
        double share = exp(-(k + 1));
        assert_true(fabs((double)beyond[k] / DRAWS - share) < 5 * sqrt(share / DRAWS));
    }
}

static void a_mean_of_zero_gives_zero_and_draws_nothing(void **state)
{
    (void)state;
    struct slc_random random, before;
    slc_random_from_number(&random, 11, 0);
    (void)slc_random_u64(&random);
    before = random;
    assert_true(slc_random_exponential(&random, 0) == 0);
    assert_memory_equal(&random, &before, sizeof random);
}

static void exponential_times_follow_the_unit_numbers_of_the_same_seed(void **state)
{
    (void)state;
    struct slc_random a, b;
    slc_random_from_number(&a, 12, 0);
    slc_random_from_number(&b, 12, 0);
    for (int i = 0; i < 1000; i++) {
        double wanted = -log(1 - slc_random_unit(&b)) * 1e9;
        assert_true(fabs((double)slc_random_exponential(&a, 1000000000) - wanted) <= 0.5 + 1e-6 * wanted);
    }
}

int main(void)
{
    if (sodium_init() < 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stream_of_a_seed_is_chacha20_with_key_erasure),
        cmocka_unit_test(what_was_drawn_is_gone_from_the_state),
        cmocka_unit_test(numbers_seed_streams_that_differ_in_either_number_and_repeat),
        cmocka_unit_test(two_generators_from_the_system_differ),
        cmocka_unit_test(bounded_numbers_are_uniform_and_in_bounds),
        cmocka_unit_test(a_bound_that_does_not_divide_2_to_the_32_has_no_bias),
        cmocka_unit_test(unit_numbers_fill_the_interval_evenly),
        cmocka_unit_test(exponential_times_have_the_mean_the_spread_and_the_shape),
        cmocka_unit_test(a_mean_of_zero_gives_zero_and_draws_nothing),
        cmocka_unit_test(exponential_times_follow_the_unit_numbers_of_the_same_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
