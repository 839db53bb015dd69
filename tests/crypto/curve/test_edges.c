/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crypto/lanes/levels.h"

#include "crypto/curve/curve.h"

#include <sodium.h>
#include <stdlib.h>

/*
 * Keys and scalars chosen to hurt: Project Wycheproof's set, and the edges of our own comb and of the ladder. Also run
 * with field arithmetic that checks its bounds (crypto.curve.bounds_edges).
 */

enum { CASES_MAX = 1024 };

static uint8_t out[CASES_MAX][SLC_KEY_BYTES], wanted[CASES_MAX][SLC_KEY_BYTES];
static uint8_t secret[CASES_MAX][SLC_KEY_BYTES], point[CASES_MAX][SLC_KEY_BYTES];
static struct slc_scalar scalar[CASES_MAX];

static void multiply(const struct slc_curve_job *jobs, size_t n)
{
    void *scratch = aligned_alloc(64, slc_curve_scratch_bytes(n));
    assert_non_null(scratch);
    slc_curve_multiply(jobs, n, scratch);
    free(scratch);
}

/* secret[i] times point[i], all in one batch, by ladder and by the points' own tables. */
static void expect_ladders(size_t n)
{
    static struct slc_ladder_job job[CASES_MAX];
    memset(out, 0xaa, sizeof out);
    for (size_t i = 0; i < n; i++) {
        job[i] = (struct slc_ladder_job){secret[i], point[i], out[i]};
    }
    slc_ladder(job, n);
    for (size_t i = 0; i < n; i++) {
        slc_expect_bytes(slc_bytes(out[i], SLC_KEY_BYTES), slc_bytes(wanted[i], SLC_KEY_BYTES), "ladder");
    }

    static struct slc_own_job own[CASES_MAX];
    static const uint8_t *points[CASES_MAX];
    void *own_tables = aligned_alloc(64, slc_own_table_bytes(n));
    assert_non_null(own_tables);
    memset(out, 0xaa, sizeof out);
    for (size_t i = 0; i < n; i++) {
        own[i] = (struct slc_own_job){secret[i], out[i]};
        points[i] = point[i];
    }
    slc_own_tables(points, n, own_tables);
    slc_own_multiply(own, n, own_tables);
    free(own_tables);
    for (size_t i = 0; i < n; i++) {
        slc_expect_bytes(slc_bytes(out[i], SLC_KEY_BYTES), slc_bytes(wanted[i], SLC_KEY_BYTES), "own table");
    }
}

/* ---- Project Wycheproof ---- */

static size_t load_published(void)
{
    const cJSON *one;
    size_t n = 0;
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("x25519-wycheproof.json"), "cases"))
    {
        assert_true(n < CASES_MAX);
        memcpy(secret[n], slc_vec_bytes_of(one, "private", SLC_KEY_BYTES), SLC_KEY_BYTES);
        memcpy(point[n], slc_vec_bytes_of(one, "public", SLC_KEY_BYTES), SLC_KEY_BYTES);
        memcpy(wanted[n++], slc_vec_bytes_of(one, "shared", SLC_KEY_BYTES), SLC_KEY_BYTES);
    }
    assert_int_equal(n, 518);
    return n;
}

static void check_published_ladders(void)
{
    expect_ladders(load_published());
}

static void published_edge_cases_hold_by_ladder(void **state)
{
    (void)state;
    on_every_level(check_published_ladders);
}

/* Whether a key gets a table is what the published flags say of it: neither on the twist nor of low order. */
static void check_published_combs(void)
{
    static struct slc_curve_table *table[CASES_MAX];
    static struct slc_curve_job job[CASES_MAX];
    static size_t case_of[CASES_MAX];
    size_t count = load_published(), n = 0;
    for (size_t i = 0; i < count; i++) {
        char path[48];
        (void)snprintf(path, sizeof path, "cases/%zu/flags", i);
        const char *flags = slc_vec_text(slc_vectors("x25519-wycheproof.json"), path);
        bool good = strstr(flags, "Twist") == NULL && strstr(flags, "LowOrder") == NULL;
        assert_int_equal(slc_curve_table_new(&table[n], point[i]), good ? SLC_OK : SLC_BAD_KEY);
        if (!good) continue;
        slc_scalar_start(&scalar[n], secret[i]);
        job[n] = (struct slc_curve_job){table[n], &scalar[n], out[n]};
        case_of[n++] = i;
    }
    assert_true(n > 200);
    multiply(job, n);
    for (size_t i = 0; i < n; i++) {
        slc_expect_bytes(slc_bytes(out[i], SLC_KEY_BYTES), slc_bytes(wanted[case_of[i]], SLC_KEY_BYTES), "comb");
        slc_curve_table_free(table[i]);
    }
}

static void published_edge_cases_hold_by_comb_and_bad_keys_get_no_table(void **state)
{
    (void)state;
    on_every_level(check_published_combs);
}

/* ---- scalars at the comb's edges ---- */

static const uint64_t ORDER[4] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000};

static void bytes_of(uint8_t bytes[SLC_KEY_BYTES], const uint64_t word[4])
{
    for (size_t i = 0; i < SLC_KEY_BYTES; i++) {
        bytes[i] = (uint8_t)(word[i / 8] >> 8 * (i % 8));
    }
}

static void take(size_t *n, const uint64_t word[4])
{
    uint8_t wide[64] = {0}, reduced[SLC_KEY_BYTES];
    bytes_of(wide, word);
    crypto_core_ed25519_scalar_reduce(reduced, wide);
    if (sodium_is_zero(reduced, sizeof reduced)) return;
    assert_true(*n < CASES_MAX);
    for (size_t k = 0; k < 4; k++) {
        scalar[*n].word[k] = 0;
        for (size_t b = 0; b < 8; b++) {
            scalar[*n].word[k] |= (uint64_t)reduced[8 * k + b] << 8 * b;
        }
    }
    ++*n;
}

static void halve(uint64_t out_word[4], const uint64_t word[4], uint64_t add)
{
    for (size_t k = 0; k < 4; k++) {
        out_word[k] = word[k] >> 1 | (k < 3 ? word[k + 1] << 63 : 0);
    }
    out_word[0] += add;
}

/*
 * Around every power of two, around the order and its half, both parities; patterns that give every tooth, block or
 * column of the comb the same digit; the longest runs of one bit.
 */
static size_t make_scalars(void)
{
    size_t n = 0;
    for (unsigned bit = 0; bit < 253; bit++) {
        for (int less = 0; less < 3; less++) {
            uint64_t word[4] = {0};
            word[bit / 64] = UINT64_C(1) << bit % 64;
            for (size_t k = 0; less == 1 && k < 4 && word[k]-- == 0; k++) {
            }
            if (less == 2) word[0] ^= bit == 0 ? 2 : 1;
            take(&n, word);
        }
    }
    for (uint64_t less = 1; less < 6; less++) {
        uint64_t near[4] = {ORDER[0] - less, ORDER[1], ORDER[2], ORDER[3]}, half[4];
        take(&n, near);
        halve(half, near, less);
        take(&n, half);
    }
    static const unsigned PERIODS[] = {2, 3, 5, 17, 51, 85};
    for (size_t p = 0; p < sizeof PERIODS / sizeof *PERIODS; p++) {
        for (unsigned phase = 0; phase < PERIODS[p]; phase++) {
            uint64_t word[4] = {0};
            for (unsigned bit = phase; bit < 252; bit += PERIODS[p]) {
                word[bit / 64] |= UINT64_C(1) << bit % 64;
            }
            take(&n, word);
            if (phase % 8 != 0) continue;
            for (size_t k = 0; k < 4; k++) {
                word[k] = ~word[k] & (k == 3 ? 0x0fffffffffffffff : UINT64_MAX);
            }
            take(&n, word);
        }
    }
    return n;
}

/* The oracle is libsodium's Edwards multiplication: of a point of prime order, so that its map to u is defined. */
static void check_comb_edges(void)
{
    static struct slc_curve_job job[CASES_MAX];
    static const uint8_t EIGHT[SLC_KEY_BYTES] = {8}, THREE[SLC_KEY_BYTES] = {3, 1, 4, 1, 5, 9, 2, 6};
    uint8_t base[SLC_KEY_BYTES], key[SLC_KEY_BYTES], s[SLC_KEY_BYTES], product[SLC_KEY_BYTES];
    struct slc_curve_table *table;
    assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(base, THREE), 0);
    assert_int_equal(crypto_sign_ed25519_pk_to_curve25519(key, base), 0);
    assert_int_equal(slc_curve_table_new(&table, key), SLC_OK);
    size_t n = make_scalars();
    for (size_t i = 0; i < n; i++) {
        job[i] = (struct slc_curve_job){table, &scalar[i], out[i]};
        bytes_of(s, scalar[i].word);
        crypto_core_ed25519_scalar_mul(s, s, EIGHT);
        assert_int_equal(crypto_scalarmult_ed25519_noclamp(product, s, base), 0);
        assert_int_equal(crypto_sign_ed25519_pk_to_curve25519(wanted[i], product), 0);
    }
    multiply(job, n);
    for (size_t i = 0; i < n; i++) {
        slc_expect_bytes(slc_bytes(out[i], SLC_KEY_BYTES), slc_bytes(wanted[i], SLC_KEY_BYTES), "comb");
    }
    slc_curve_table_free(table);
}

static void scalars_at_the_edges_of_the_combs_digits_equal_libsodiums(void **state)
{
    (void)state;
    on_every_level(check_comb_edges);
}

/* ---- points at the ladder's edges ---- */

/* u = +-2^k and neighbours, as given and beyond p; scalars of all zeros, all ones, and few bits. */
static size_t make_points(struct slc_random *random)
{
    size_t n = 0;
    for (unsigned bit = 0; bit < 255; bit++) {
        for (unsigned way = 0; way < 4; way++) {
            uint8_t *u = point[n], *s = secret[n];
            memset(u, way % 2 == 0 ? 0 : 0xff, SLC_KEY_BYTES);
            u[bit / 8] ^= (uint8_t)(1U << bit % 8);
            if (way >= 2) u[0] ^= 1;
            slc_random_bytes(random, s, SLC_KEY_BYTES);
            if (bit % 3 == 1) memset(s, way < 2 ? 0 : 0xff, SLC_KEY_BYTES);
            if (bit % 3 == 2) s[bit / 8] ^= (uint8_t)(1U << bit % 8);
            if (crypto_scalarmult(wanted[n], s, u) != 0) memset(wanted[n], 0, SLC_KEY_BYTES);
            n++;
        }
    }
    return n;
}

static void check_ladder_edges(void)
{
    struct slc_random random;
    slc_test_random(&random, 1);
    expect_ladders(make_points(&random));
}

static void points_at_the_edges_of_the_fields_limbs_equal_libsodiums(void **state)
{
    (void)state;
    on_every_level(check_ladder_edges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_edge_cases_hold_by_ladder),
        cmocka_unit_test(published_edge_cases_hold_by_comb_and_bad_keys_get_no_table),
        cmocka_unit_test(scalars_at_the_edges_of_the_combs_digits_equal_libsodiums),
        cmocka_unit_test(points_at_the_edges_of_the_fields_limbs_equal_libsodiums),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
