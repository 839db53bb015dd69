/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/lanes/lanes.h"
#include "tests/crypto/lanes/levels.h"
#include "tests/support/vectors.h"

#include <openssl/evp.h>

/* AES-128-CTR on every level against the crates' vectors and OpenSSL. */

static void check_vectors(void)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("sphinx.json"), "primitives/header_keystream/cases"))
    {
        uint8_t stream[360] = {0};
        const uint8_t *key = slc_vec_bytes_of(one, "key", 16);
        slc_aes128_ctr(&(uint8_t *){stream}, sizeof stream, &key, NULL, 1);
        slc_vec_expect(one, "keystream360", slc_bytes(stream, sizeof stream));
    }
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("messages.json"), "aes_128_ctr/cases"))
    {
        const uint8_t *key = slc_vec_bytes_of(one, "key", 16);
        const uint8_t *iv = slc_vec_bytes_of(one, "iv", 16);
        struct slc_bytes plaintext = slc_vec_bytes(one, "plaintext");
        uint8_t *data = slc_vec_copy(plaintext);
        slc_aes128_ctr(&data, plaintext.len, &key, &iv, 1);
        slc_vec_expect(one, "ciphertext", slc_bytes(data, plaintext.len));
    }
}

static void keystreams_are_those_of_the_crates(void **state)
{
    (void)state;
    on_every_level(check_vectors);
}

/* AES-128-ECB of counter blocks: OpenSSL's own CTR mode carries past 64 bits, ours must not (chapter 2, 2.1). */
static void reference(uint8_t *data, size_t len, const uint8_t *key, const uint8_t *iv)
{
    uint8_t block[16] = {0};
    uint8_t stream[32];
    int written;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, key, NULL), 1);
    if (iv != NULL) memcpy(block, iv, sizeof block);
    for (size_t at = 0; at < len; at++) {
        if (at % 16 == 0) {
            assert_int_equal(EVP_EncryptUpdate(ctx, stream, &written, block, sizeof block), 1);
            for (unsigned b = 15; b >= 8 && ++block[b] == 0; b--) {
            }
        }
        data[at] ^= stream[at % 16];
    }
    EVP_CIPHER_CTX_free(ctx);
}

enum { LEN_MAX = 1700, CANARY = 0x5a };
static uint8_t data[BATCH_MAX][LEN_MAX + 1];
static uint8_t key[BATCH_MAX][16];
static uint8_t iv[BATCH_MAX][16];

static void check_batch(struct slc_random *random, size_t n, size_t len, bool with_iv)
{
    static uint8_t plain[BATCH_MAX][LEN_MAX];
    static uint8_t *at[BATCH_MAX];
    static const uint8_t *keys[BATCH_MAX];
    static const uint8_t *ivs[BATCH_MAX];
    for (size_t i = 0; i < n; i++) {
        slc_random_bytes(random, plain[i], len);
        slc_random_bytes(random, key[i], 16);
        slc_random_bytes(random, iv[i], 16);
        if (i % 2 == 0) memset(iv[i] + 8, 0xff, 7); /* wraps within 256 blocks, and in one case of 256 at once */
        if (i % 8 == 0) iv[i][15] = 0xff;
        memcpy(data[i], plain[i], len);
        data[i][len] = CANARY;
        at[i] = data[i];
        keys[i] = key[i];
        ivs[i] = iv[i];
    }
    slc_aes128_ctr(at, len, keys, with_iv ? ivs : NULL, n);
    for (size_t i = 0; i < n; i++) {
        reference(plain[i], len, key[i], with_iv ? iv[i] : NULL);
        assert_memory_equal(data[i], plain[i], len);
        assert_int_equal(data[i][len], CANARY);
    }
}

static void check_random(void)
{
    struct slc_random random;
    slc_test_random(&random, 1);
    for (size_t b = 0; b < BATCH_COUNT; b++) {
        check_batch(&random, BATCHES[b], 360, false);
        check_batch(&random, BATCHES[b], 5, true);
    }
    for (size_t len = 0; len <= 400; len++) {
        check_batch(&random, 3, len, len % 2 == 0);
    }
    check_batch(&random, 33, 1611, true);
    check_batch(&random, 64, LEN_MAX, true);
}

static void every_batch_length_and_counter_is_openssls(void **state)
{
    (void)state;
    on_every_level(check_random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keystreams_are_those_of_the_crates),
        cmocka_unit_test(every_batch_length_and_counter_is_openssls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
