/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "crypto/base/cpu.h"
#include "crypto/curve/curve.h"

#include <sodium.h>
#include <stdlib.h>

/*
 * The oracle is libsodium's ladder, one multiplication after another. Every test runs on every level this CPU has;
 * tables are built once, so they also serve levels other than the one in force when they were built.
 */

enum { TABLES = 40, JOBS = 1024, FACTORS_MAX = 5 };

/* Keys with tables, and jobs with the results that libsodium gives. */
static struct slc_curve_table *tables[TABLES];
static uint8_t keys[TABLES][SLC_KEY_BYTES];
static struct slc_scalar scalars[JOBS];
static size_t table_of[JOBS];
static uint8_t expected[JOBS][SLC_KEY_BYTES];

static void force(enum slc_cpu level)
{
    struct slc_error error;
    assert_int_equal(slc_cpu_force(level, &error), SLC_OK);
}

#define FOR_EACH_LEVEL(level)                                                                                          \
    for (enum slc_cpu level = SLC_CPU_PORTABLE; level <= slc_cpu_best() && (force(level), true); level++)

static bool sodium_x25519(uint8_t out[SLC_KEY_BYTES], const uint8_t *secret, const uint8_t *point)
{
    bool nonzero = crypto_scalarmult(out, secret, point) == 0;
    if (!nonzero) memset(out, 0, SLC_KEY_BYTES);
    return nonzero;
}

static int set_up(void **state)
{
    (void)state;
    if (sodium_init() < 0) return -1;
    struct slc_random random;
    slc_test_random(&random, 1);
    /* Random bytes, not made keys: most points of the main curve have a torsion component. */
    for (size_t i = 0; i < TABLES;) {
        slc_random_bytes(&random, keys[i], SLC_KEY_BYTES);
        if (slc_curve_table_new(&tables[i], keys[i]) == SLC_OK) i++;
    }
    for (size_t i = 0; i < JOBS; i++) {
        uint8_t secret[SLC_KEY_BYTES], next[SLC_KEY_BYTES];
        table_of[i] = slc_random_below(&random, TABLES);
        uint32_t factors = 1 + slc_random_below(&random, FACTORS_MAX);
        slc_random_bytes(&random, secret, sizeof secret);
        slc_scalar_start(&scalars[i], secret);
        (void)sodium_x25519(expected[i], secret, keys[table_of[i]]);
        for (uint32_t k = 1; k < factors; k++) {
            slc_random_bytes(&random, secret, sizeof secret);
            slc_scalar_multiply(&scalars[i], secret);
            (void)sodium_x25519(next, secret, expected[i]);
            memcpy(expected[i], next, sizeof next);
        }
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLES; i++) {
        slc_curve_table_free(tables[i]);
    }
    return 0;
}

static void multiply(const struct slc_curve_job *jobs, size_t n)
{
    size_t bytes = slc_curve_scratch_bytes(n);
    /* A guard behind the scratch: the sanitizers do not see inside our own layout. */
    uint8_t *scratch = aligned_alloc(64, bytes + 64);
    assert_non_null(scratch);
    memset(scratch + bytes, 0x5a, 64);
    slc_curve_multiply(jobs, n, scratch);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(scratch[bytes + i], 0x5a);
    }
    free(scratch);
}

static void products_of_clamped_scalars_equal_libsodiums_chain_in_every_batch_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 7, 8, 9, 15, 16, 17, 511, 1024};
    static uint8_t out[JOBS][SLC_KEY_BYTES];
    static struct slc_curve_job jobs[JOBS];
    FOR_EACH_LEVEL(level)
    {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            size_t n = sizes[s], first = (JOBS - n) / 2;
            memset(out, 0xaa, sizeof out);
            for (size_t i = 0; i < n; i++) {
                jobs[i] = (struct slc_curve_job){tables[table_of[first + i]], &scalars[first + i], out[i]};
            }
            multiply(jobs, n);
            assert_memory_equal(out, expected[first], n * SLC_KEY_BYTES);
        }
    }
}

static void results_do_not_depend_on_the_order_of_jobs(void **state)
{
    (void)state;
    static uint8_t out[JOBS][SLC_KEY_BYTES];
    static struct slc_curve_job jobs[JOBS];
    struct slc_random random;
    slc_test_random(&random, 2);
    FOR_EACH_LEVEL(level)
    {
        for (size_t i = 0; i < JOBS; i++) {
            size_t j = slc_random_below(&random, (uint32_t)i + 1);
            jobs[i] = jobs[j];
            jobs[j] = (struct slc_curve_job){tables[table_of[i]], &scalars[i], out[i]};
        }
        multiply(jobs, JOBS);
        assert_memory_equal(out, expected, sizeof out);
        memset(out, 0, sizeof out);
    }
}

static void one_table_for_a_whole_batch_and_one_table_per_job_both_fill_vectors_right(void **state)
{
    (void)state;
    enum { N = 300 }; /* more vectors than one shared inversion takes, on one-lane back ends */
    static uint8_t secret[N][SLC_KEY_BYTES], out[N][SLC_KEY_BYTES], wanted[N][SLC_KEY_BYTES];
    static struct slc_scalar scalar[N];
    static struct slc_curve_job jobs[N];
    struct slc_random random;
    slc_test_random(&random, 3);
    for (size_t spread = 1; spread <= TABLES; spread += TABLES - 1) {
        for (size_t i = 0; i < N; i++) {
            slc_random_bytes(&random, secret[i], SLC_KEY_BYTES);
            slc_scalar_start(&scalar[i], secret[i]);
            jobs[i] = (struct slc_curve_job){tables[i % spread], &scalar[i], out[i]};
            (void)sodium_x25519(wanted[i], secret[i], keys[i % spread]);
        }
        FOR_EACH_LEVEL(level)
        {
            multiply(jobs, N);
            assert_memory_equal(out, wanted, sizeof out);
            memset(out, 0, sizeof out);
        }
    }
}

static void a_zero_result_changes_no_other_job(void **state)
{
    (void)state;
    enum { N = 100 };
    static const struct slc_scalar zero;
    static const uint8_t nothing[SLC_KEY_BYTES];
    static uint8_t out[N][SLC_KEY_BYTES];
    struct slc_curve_job jobs[N];
    FOR_EACH_LEVEL(level)
    {
        memset(out, 0xaa, sizeof out);
        for (size_t i = 0; i < N; i++) {
            jobs[i] = (struct slc_curve_job){tables[table_of[i]], i % 11 == 5 ? &zero : &scalars[i], out[i]};
        }
        multiply(jobs, N);
        for (size_t i = 0; i < N; i++) {
            assert_memory_equal(out[i], i % 11 == 5 ? nothing : expected[i], SLC_KEY_BYTES);
        }
    }
}

static void an_empty_batch_writes_nothing(void **state)
{
    (void)state;
    FOR_EACH_LEVEL(level)
    {
        multiply(NULL, 0);
        slc_ladder(NULL, 0);
    }
}

static void secrets_in_scratch_are_wiped(void **state)
{
    (void)state;
    FOR_EACH_LEVEL(level)
    {
        size_t bytes = slc_curve_scratch_bytes(1);
        uint64_t *scratch = aligned_alloc(64, bytes);
        uint8_t out[SLC_KEY_BYTES];
        uint64_t first;
        struct slc_curve_job job = {tables[table_of[0]], &scalars[0], out};
        assert_non_null(scratch);
        slc_curve_multiply(&job, 1, scratch);
        memcpy(&first, out, sizeof first);
        for (size_t i = 0; i < bytes / sizeof *scratch; i++) {
            assert_int_not_equal(scratch[i], first);
        }
        free(scratch);
    }
}

static void published_x25519_cases_hold_for_ladder_and_comb(void **state)
{
    (void)state;
    const cJSON *one;
    FOR_EACH_LEVEL(level)
    {
        cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("sphinx.json"), "primitives/x25519/cases"))
        {
            const uint8_t *secret = slc_vec_bytes_of(one, "scalar", SLC_KEY_BYTES);
            const uint8_t *point = slc_vec_bytes_of(one, "u", SLC_KEY_BYTES);
            uint8_t out[SLC_KEY_BYTES];
            struct slc_ladder_job job = {secret, point, out};
            slc_ladder(&job, 1);
            slc_vec_expect(one, "out", slc_bytes(out, sizeof out));

            struct slc_curve_table *table;
            if (slc_curve_table_new(&table, point) != SLC_OK) continue;
            struct slc_scalar scalar;
            slc_scalar_start(&scalar, secret);
            multiply(&(struct slc_curve_job){table, &scalar, out}, 1);
            slc_vec_expect(one, "out", slc_bytes(out, sizeof out));
            slc_curve_table_free(table);
        }
    }
}

static void published_routes_give_their_shared_secrets_and_alphas(void **state)
{
    (void)state;
    const cJSON *route;
    FOR_EACH_LEVEL(level)
    {
        cJSON_ArrayForEach(route, slc_vec_list(slc_vectors("sphinx.json"), "key_schedules"))
        {
            const uint8_t *initial = slc_vec_bytes_of(route, "initial_secret", SLC_KEY_BYTES);
            struct slc_scalar scalar;
            slc_scalar_start(&scalar, initial);
            uint8_t alpha[SLC_KEY_BYTES], out[SLC_KEY_BYTES];
            slc_public_key(alpha, initial);
            for (size_t hop = 0; hop < slc_vec_u64(route, "hops"); hop++) {
                char path[64];
                (void)snprintf(path, sizeof path, "alpha/%zu", hop);
                slc_vec_expect(route, path, slc_bytes(alpha, sizeof alpha));
                (void)snprintf(path, sizeof path, "route/%zu/public", hop);
                struct slc_curve_table *table;
                assert_int_equal(slc_curve_table_new(&table, slc_vec_bytes_of(route, path, SLC_KEY_BYTES)), SLC_OK);
                multiply(&(struct slc_curve_job){table, &scalar, out}, 1);
                slc_curve_table_free(table);
                (void)snprintf(path, sizeof path, "per_hop/%zu/shared_secret", hop);
                slc_vec_expect(route, path, slc_bytes(out, sizeof out));

                (void)snprintf(path, sizeof path, "per_hop/%zu/blinding_factor", hop);
                const uint8_t *blinding = slc_vec_bytes_of(route, path, SLC_KEY_BYTES);
                slc_scalar_multiply(&scalar, blinding);
                slc_ladder(&(struct slc_ladder_job){blinding, alpha, out}, 1);
                memcpy(alpha, out, sizeof alpha);
            }
        }
    }
}

static void public_keys_are_libsodiums(void **state)
{
    (void)state;
    struct slc_random random;
    slc_test_random(&random, 4);
    FOR_EACH_LEVEL(level)
    {
        for (int i = 0; i < 50; i++) {
            uint8_t secret[SLC_KEY_BYTES], ours[SLC_KEY_BYTES], theirs[SLC_KEY_BYTES];
            slc_random_bytes(&random, secret, sizeof secret);
            if (i < 2) memset(secret, i == 0 ? 0 : 0xff, sizeof secret);
            slc_public_key(ours, secret);
            assert_int_equal(crypto_scalarmult_base(theirs, secret), 0);
            assert_memory_equal(ours, theirs, sizeof ours);
        }
    }
}

/* All low-order points, with the non-canonical spellings of 0 and 1 and with bit 255 set. */
static const char *const low_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000080",
};

static void ladders_equal_libsodiums_on_any_point_beside_low_order_neighbours(void **state)
{
    (void)state;
    enum { N = 400 };
    static const size_t sizes[] = {1, 2, 7, 8, 9, 127, 128, 129, N};
    static uint8_t secret[N][SLC_KEY_BYTES], point[N][SLC_KEY_BYTES], out[N][SLC_KEY_BYTES], wanted[N][SLC_KEY_BYTES];
    static struct slc_ladder_job jobs[N];
    struct slc_random random;
    slc_test_random(&random, 5);
    size_t zeros = 0;
    for (size_t i = 0; i < N; i++) {
        slc_random_bytes(&random, secret[i], SLC_KEY_BYTES);
        slc_random_bytes(&random, point[i], SLC_KEY_BYTES); /* half of these are on the twist */
        if (i % 9 == 3) {
            size_t which = i / 9 % (sizeof low_order / sizeof *low_order);
            memcpy(point[i], slc_vec_from_text(low_order[which]).data, SLC_KEY_BYTES);
        } else if (i % 9 == 6) { /* p + 0 .. p + 18, with and without bit 255 */
            memset(point[i], 0xff, SLC_KEY_BYTES);
            point[i][0] = (uint8_t)(0xed + i / 9 % 19);
            point[i][31] = i % 2 == 0 ? 0xff : 0x7f;
        }
        zeros += !sodium_x25519(wanted[i], secret[i], point[i]);
        jobs[i] = (struct slc_ladder_job){secret[i], point[i], out[i]};
    }
    assert_true(zeros >= N / 9);
    FOR_EACH_LEVEL(level)
    {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            memset(out, 0xaa, sizeof out);
            slc_ladder(jobs, sizes[s]);
            assert_memory_equal(out, wanted, sizes[s] * SLC_KEY_BYTES);
        }
    }
}

/* Points on the curve, on the twist and of low order side by side, each table used twice, with gaps the second time. */
static void points_own_tables_serve_any_point_and_any_number_of_secrets(void **state)
{
    (void)state;
    enum { N = 200 };
    static const size_t sizes[] = {1, 2, 7, 8, 9, 33, 127, 128, 129, N};
    static uint8_t secret[2][N][SLC_KEY_BYTES], point[N][SLC_KEY_BYTES], out[N][SLC_KEY_BYTES],
        wanted[2][N][SLC_KEY_BYTES], untouched[SLC_KEY_BYTES];
    static const uint8_t *points[N];
    struct slc_random random;
    slc_test_random(&random, 6);
    memset(untouched, 0xaa, sizeof untouched);
    for (size_t i = 0; i < N; i++) {
        slc_random_bytes(&random, point[i], SLC_KEY_BYTES);
        if (i % 5 == 3) {
            size_t which = i / 5 % (sizeof low_order / sizeof *low_order);
            memcpy(point[i], slc_vec_from_text(low_order[which]).data, SLC_KEY_BYTES);
        }
        points[i] = point[i];
        for (int k = 0; k < 2; k++) {
            slc_random_bytes(&random, secret[k][i], SLC_KEY_BYTES);
            (void)sodium_x25519(wanted[k][i], secret[k][i], point[i]);
        }
    }
    void *own = aligned_alloc(64, slc_own_table_bytes(N));
    assert_non_null(own);
    FOR_EACH_LEVEL(level)
    {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            static struct slc_own_job jobs[N];
            slc_own_tables(points, sizes[s], own);
            for (size_t k = 0; k < 2; k++) {
                memset(out, 0xaa, sizeof out);
                for (size_t i = 0; i < sizes[s]; i++) {
                    jobs[i] = (struct slc_own_job){k == 1 && i % 3 == 1 ? NULL : secret[k][i], out[i]};
                }
                slc_own_multiply(jobs, sizes[s], own);
                for (size_t i = 0; i < sizes[s]; i++) {
                    assert_memory_equal(out[i], jobs[i].secret == NULL ? untouched : wanted[k][i], SLC_KEY_BYTES);
                }
            }
        }
    }
    free(own);
}

static void keys_of_low_order_get_no_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof low_order / sizeof *low_order; i++) {
        struct slc_curve_table *table = tables[0];
        assert_int_equal(slc_curve_table_new(&table, slc_vec_from_text(low_order[i]).data), SLC_BAD_KEY);
        assert_null(table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_clamped_scalars_equal_libsodiums_chain_in_every_batch_size),
        cmocka_unit_test(results_do_not_depend_on_the_order_of_jobs),
        cmocka_unit_test(one_table_for_a_whole_batch_and_one_table_per_job_both_fill_vectors_right),
        cmocka_unit_test(a_zero_result_changes_no_other_job),
        cmocka_unit_test(an_empty_batch_writes_nothing),
        cmocka_unit_test(secrets_in_scratch_are_wiped),
        cmocka_unit_test(published_x25519_cases_hold_for_ladder_and_comb),
        cmocka_unit_test(published_routes_give_their_shared_secrets_and_alphas),
        cmocka_unit_test(public_keys_are_libsodiums),
        cmocka_unit_test(ladders_equal_libsodiums_on_any_point_beside_low_order_neighbours),
        cmocka_unit_test(points_own_tables_serve_any_point_and_any_number_of_secrets),
        cmocka_unit_test(keys_of_low_order_get_no_table),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
