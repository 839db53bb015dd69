/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "crypto/curve/curve.h"

#include <sodium.h>

/* The oracle is libsodium's arithmetic modulo the same order. */

enum { CASES = 2000 };

static void clamped(uint8_t out[SLC_KEY_BYTES], const uint8_t secret[SLC_KEY_BYTES])
{
    memcpy(out, secret, SLC_KEY_BYTES);
    out[0] &= 0xf8;
    out[31] = (uint8_t)((out[31] & 0x7f) | 0x40);
}

static void sodium_reduce(uint8_t out[SLC_KEY_BYTES], const uint8_t in[SLC_KEY_BYTES])
{
    uint8_t wide[64] = {0};
    memcpy(wide, in, SLC_KEY_BYTES);
    crypto_core_ed25519_scalar_reduce(out, wide);
}

static void expect_scalar(const struct slc_scalar *scalar, const uint8_t wanted[SLC_KEY_BYTES])
{
    uint8_t bytes[SLC_KEY_BYTES];
    for (size_t i = 0; i < SLC_KEY_BYTES; i++) {
        bytes[i] = (uint8_t)(scalar->word[i / 8] >> 8 * (i % 8));
    }
    slc_expect_bytes(slc_bytes(bytes, sizeof bytes), slc_bytes(wanted, SLC_KEY_BYTES), "scalar");
}

/* Random secrets, and now and then the smallest and the largest. */
static void draw(struct slc_random *random, uint8_t secret[SLC_KEY_BYTES], int i)
{
    slc_random_bytes(random, secret, SLC_KEY_BYTES);
    if (i % 50 == 0) memset(secret, i % 100 == 0 ? 0 : 0xff, SLC_KEY_BYTES);
}

static void the_first_factor_is_clamped_and_divided_by_8(void **state)
{
    (void)state;
    struct slc_random random;
    slc_test_random(&random, 20);
    for (int i = 0; i < CASES; i++) {
        uint8_t secret[SLC_KEY_BYTES], c[SLC_KEY_BYTES], eighth[SLC_KEY_BYTES];
        draw(&random, secret, i);
        clamped(c, secret);
        for (size_t k = 0; k < SLC_KEY_BYTES; k++) {
            eighth[k] = (uint8_t)(c[k] >> 3 | (k + 1 < SLC_KEY_BYTES ? c[k + 1] << 5 : 0));
        }
        sodium_reduce(eighth, eighth);
        struct slc_scalar scalar;
        slc_scalar_start(&scalar, secret);
        expect_scalar(&scalar, eighth);
    }
}

static void each_further_factor_multiplies_modulo_the_order(void **state)
{
    (void)state;
    struct slc_random random;
    slc_test_random(&random, 21);
    uint8_t product[SLC_KEY_BYTES];
    struct slc_scalar scalar;
    for (int i = 0; i < CASES; i++) {
        uint8_t secret[SLC_KEY_BYTES], c[SLC_KEY_BYTES];
        draw(&random, secret, i);
        if (i == 0) {
            slc_scalar_start(&scalar, secret);
            for (size_t k = 0; k < SLC_KEY_BYTES; k++) {
                product[k] = (uint8_t)(scalar.word[k / 8] >> 8 * (k % 8));
            }
            continue;
        }
        clamped(c, secret);
        sodium_reduce(c, c);
        crypto_core_ed25519_scalar_mul(product, product, c);
        slc_scalar_multiply(&scalar, secret);
        expect_scalar(&scalar, product);
    }
}

/* Any 256-bit number a caller may hold is reduced, not only what slc_scalar_start() makes. */
static void the_largest_words_are_still_reduced(void **state)
{
    (void)state;
    uint8_t secret[SLC_KEY_BYTES], all[SLC_KEY_BYTES], c[SLC_KEY_BYTES], product[SLC_KEY_BYTES];
    memset(secret, 0xff, sizeof secret);
    memset(all, 0xff, sizeof all);
    struct slc_scalar scalar = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    slc_scalar_multiply(&scalar, secret);
    clamped(c, secret);
    sodium_reduce(c, c);
    sodium_reduce(all, all);
    crypto_core_ed25519_scalar_mul(product, all, c);
    expect_scalar(&scalar, product);
}

int main(void)
{
    if (sodium_init() < 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_factor_is_clamped_and_divided_by_8),
        cmocka_unit_test(each_further_factor_multiplies_modulo_the_order),
        cmocka_unit_test(the_largest_words_are_still_reduced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
