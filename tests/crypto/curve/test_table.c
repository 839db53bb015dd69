/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "crypto/curve/curve.h"

#include <openssl/bn.h>
#include <sodium.h>
#include <stdlib.h>

/* Which keys are on the curve is decided by OpenSSL's big numbers: u^3 + 486662 u^2 + u must be a square. */

static BN_CTX *context;
static BIGNUM *prime;

static int set_up(void **state)
{
    (void)state;
    context = BN_CTX_new();
    return sodium_init() >= 0 && context != NULL &&
                   BN_hex2bn(&prime, "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed") > 0
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    BN_free(prime);
    BN_CTX_free(context);
    return 0;
}

static bool on_the_twist(const uint8_t key[SLC_KEY_BYTES])
{
    uint8_t masked[SLC_KEY_BYTES];
    memcpy(masked, key, sizeof masked);
    masked[31] &= 0x7f;
    BIGNUM *u = BN_lebin2bn(masked, sizeof masked, NULL), *v = BN_new();
    assert_non_null(u);
    assert_non_null(v);
    assert_true(BN_copy(v, u) != NULL && BN_add_word(v, 486662) == 1 && BN_mod_mul(v, v, u, prime, context) == 1 &&
                BN_add_word(v, 1) == 1 && BN_mod_mul(v, v, u, prime, context) == 1);
    int symbol = BN_kronecker(v, prime, context);
    assert_true(symbol >= -1);
    BN_free(u);
    BN_free(v);
    return symbol == -1;
}

static void a_key_gets_a_table_exactly_when_it_is_on_the_curve(void **state)
{
    (void)state;
    struct slc_random random;
    slc_test_random(&random, 10);
    int accepted = 0, refused = 0;
    for (int i = 0; i < 300; i++) {
        uint8_t key[SLC_KEY_BYTES];
        slc_random_bytes(&random, key, sizeof key);
        if (i < 38) { /* non-canonical: p + 0 .. p + 18, both values of bit 255 */
            memset(key, 0xff, sizeof key);
            key[0] = (uint8_t)(0xed + i % 19);
            key[31] = i < 19 ? 0x7f : 0xff;
        }
        uint8_t ignored[SLC_KEY_BYTES];
        bool good = !on_the_twist(key) && crypto_scalarmult(ignored, key, key) == 0;
        struct slc_curve_table *table;
        enum slc_status status = slc_curve_table_new(&table, key);
        assert_int_equal(status, good ? SLC_OK : SLC_BAD_KEY);
        assert_true((table != NULL) == good);
        slc_curve_table_free(table);
        accepted += good;
        refused += !good;
    }
    assert_true(accepted > 60 && refused > 60);
}

static void spellings_of_one_key_give_one_table(void **state)
{
    (void)state;
    struct slc_curve_table *table;
    uint8_t again[SLC_KEY_BYTES] = {9};
    again[31] = 0x80;
    assert_int_equal(slc_curve_table_new(&table, again), SLC_OK);
    assert_memory_equal(table, slc_curve_base(), slc_curve_table_bytes());
    slc_curve_table_free(table);

    memset(again, 0xff, sizeof again); /* p + 9 */
    again[0] = 0xed + 9;
    again[31] = 0x7f;
    assert_int_equal(slc_curve_table_new(&table, again), SLC_OK);
    assert_memory_equal(table, slc_curve_base(), slc_curve_table_bytes());
    slc_curve_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_gets_a_table_exactly_when_it_is_on_the_curve),
        cmocka_unit_test(spellings_of_one_key_give_one_table),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
