/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/lanes/lanes.h"
#include "tests/crypto/lanes/levels.h"
#include "tests/support/vectors.h"

#include <sodium.h>
#include <stdlib.h>

/*
 * The Sphinx and message layer primitives in lanes, on every level: vectors of the published crates, and random
 * batches against compositions of libsodium's single-packet functions.
 */

static const char INFO[] = "Dwste mou enan moxlo arketa makru kai ena upomoxlio gia na ton topothetisw kai tha kinisw "
                           "thn gh.";
static const char PAYLOAD_INFO[] = "sphinx-payload-key-V01-CS01-HKDF:SHA256-INFO";
static const char PAYLOAD_SALT[] = "sphinx-payload-key-V01-CS01-HKDF:SHA256-SALT";

/*
 * A batch of `n` items with inputs and outputs at odd places in memory: item i's start is shifted by i mod 13 bytes,
 * and a canary follows each output.
 */
enum { SLACK = 32, CANARY = 0xa5 };

struct items {
    size_t stride;
    uint8_t *memory;
    uint8_t *at[BATCH_MAX];
};

static void make_items(struct items *items, size_t len, size_t n)
{
    items->stride = len + SLACK;
    items->memory = test_malloc(n * items->stride);
    memset(items->memory, CANARY, n * items->stride);
    for (size_t i = 0; i < n; i++) {
        items->at[i] = items->memory + i * items->stride + i % 13;
    }
}

static void random_items(struct items *items, size_t len, size_t n, struct slc_random *random)
{
    make_items(items, len, n);
    for (size_t i = 0; i < n; i++) {
        slc_random_bytes(random, items->at[i], len);
    }
}

static void expect_canaries(const struct items *items, size_t len, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (const uint8_t *p = items->memory + i * items->stride; p < items->memory + (i + 1) * items->stride; p++) {
            if ((p < items->at[i] || p >= items->at[i] + len) && *p != CANARY) {
                fail_msg("item %zu of %zu: wrote outside its %zu bytes", i, n, len);
            }
        }
    }
}

static void drop_items(struct items *items)
{
    test_free(items->memory);
}

static const uint8_t *const *inputs(const struct items *items)
{
    return (const uint8_t *const *)items->at;
}

/* ---- HKDF-SHA256 and HMAC-SHA256 ---- */

static void hmac_sha256(uint8_t mac[32], struct slc_bytes key, struct slc_bytes a, struct slc_bytes b, int counter)
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key.data, key.len);
    crypto_auth_hmacsha256_update(&state, a.data, a.len);
    crypto_auth_hmacsha256_update(&state, b.data, b.len);
    if (counter > 0) {
        uint8_t byte = (uint8_t)counter;
        crypto_auth_hmacsha256_update(&state, &byte, 1);
    }
    crypto_auth_hmacsha256_final(&state, mac);
}

static void hkdf_sha256(uint8_t *out, unsigned blocks, const char *salt, struct slc_bytes ikm, const char *info)
{
    uint8_t prk[32];
    hmac_sha256(prk, slc_bytes_of_text(salt), ikm, slc_bytes(NULL, 0), 0);
    for (unsigned t = 0; t < blocks; t++) {
        struct slc_bytes previous = t == 0 ? slc_bytes(NULL, 0) : slc_bytes(out + 32 * (t - 1), 32);
        hmac_sha256(out + 32 * t, slc_bytes(prk, 32), previous, slc_bytes_of_text(info), (int)t + 1);
    }
}

static void check_expanded_vectors(void)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("sphinx.json"), "primitives/expanded_secret/cases"))
    {
        uint8_t expanded[SLC_EXPANDED_BYTES];
        uint8_t payload_key[SLC_PAYLOAD_KEY_BYTES];
        const uint8_t *secret = slc_vec_bytes_of(one, "shared_secret", 32);
        const uint8_t *seed = expanded + 32;
        slc_expand_secrets(&(uint8_t *){expanded}, &secret, 9, 1);
        slc_vec_expect(one, "expanded_secret", slc_bytes(expanded, sizeof expanded));
        slc_vec_expect(one, "replay_tag", slc_bytes(expanded + 256, 32));
        slc_expand_payload_keys(&(uint8_t *){payload_key}, &seed, 1);
        slc_vec_expect(one, "payload_key_259", slc_bytes(payload_key, sizeof payload_key));
    }
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("sphinx.json"), "primitives/payload_key_from_seed/cases"))
    {
        uint8_t payload_key[SLC_PAYLOAD_KEY_BYTES];
        const uint8_t *seed = slc_vec_bytes_of(one, "seed", SLC_PAYLOAD_SEED_BYTES);
        slc_expand_payload_keys(&(uint8_t *){payload_key}, &seed, 1);
        slc_vec_expect(one, "payload_key", slc_bytes(payload_key, sizeof payload_key));
    }
}

static void expanded_secrets_are_those_of_the_crates(void **state)
{
    (void)state;
    on_every_level(check_expanded_vectors);
}

static void check_expanded_random(void)
{
    struct slc_random random;
    slc_test_random(&random, 1);
    for (size_t b = 0; b < BATCH_COUNT; b++) {
        size_t n = BATCHES[b];
        for (unsigned blocks = 1; blocks <= 9; blocks += n > 100 ? 4 : 1) {
            struct items secret;
            struct items out;
            random_items(&secret, 32, n, &random);
            make_items(&out, 32 * blocks, n);
            slc_expand_secrets(out.at, inputs(&secret), blocks, n);
            for (size_t i = 0; i < n; i++) {
                uint8_t wanted[SLC_EXPANDED_BYTES];
                hkdf_sha256(wanted, blocks, "", slc_bytes(secret.at[i], 32), INFO);
                assert_memory_equal(out.at[i], wanted, 32 * blocks);
            }
            expect_canaries(&out, 32 * blocks, n);
            drop_items(&secret);
            drop_items(&out);
        }
    }
}

static void expanded_secrets_are_hkdf_for_every_batch_and_length(void **state)
{
    (void)state;
    on_every_level(check_expanded_random);
}

static void check_payload_keys_random(void)
{
    struct slc_random random;
    slc_test_random(&random, 2);
    for (size_t b = 0; b < BATCH_COUNT; b++) {
        size_t n = BATCHES[b];
        struct items seed;
        struct items out;
        random_items(&seed, SLC_PAYLOAD_SEED_BYTES, n, &random);
        make_items(&out, SLC_PAYLOAD_KEY_BYTES, n);
        slc_expand_payload_keys(out.at, inputs(&seed), n);
        for (size_t i = 0; i < n; i++) {
            uint8_t wanted[SLC_PAYLOAD_KEY_BYTES];
            hkdf_sha256(wanted, 6, PAYLOAD_SALT, slc_bytes(seed.at[i], SLC_PAYLOAD_SEED_BYTES), PAYLOAD_INFO);
            assert_memory_equal(out.at[i], wanted, sizeof wanted);
        }
        expect_canaries(&out, SLC_PAYLOAD_KEY_BYTES, n);
        drop_items(&seed);
        drop_items(&out);
    }
}

static void payload_keys_are_hkdf_for_every_batch(void **state)
{
    (void)state;
    on_every_level(check_payload_keys_random);
}

static void check_mac_vectors(void)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("sphinx.json"), "primitives/header_mac/cases"))
    {
        uint8_t mac[SLC_MAC_BYTES];
        const uint8_t *key = slc_vec_bytes_of(one, "key", 16);
        struct slc_bytes data = slc_vec_bytes(one, "data");
        slc_header_macs(&(uint8_t *){mac}, &key, &data.data, data.len, 1);
        slc_vec_expect(one, "mac", slc_bytes(mac, sizeof mac));
    }
}

static void header_macs_are_those_of_the_crates(void **state)
{
    (void)state;
    on_every_level(check_mac_vectors);
}

static void check_macs(size_t n, size_t len, struct slc_random *random)
{
    struct items key;
    struct items message;
    struct items mac;
    random_items(&key, 16, n, random);
    random_items(&message, len, n, random);
    make_items(&mac, SLC_MAC_BYTES, n);
    slc_header_macs(mac.at, inputs(&key), inputs(&message), len, n);
    for (size_t i = 0; i < n; i++) {
        uint8_t wanted[32];
        hmac_sha256(wanted, slc_bytes(key.at[i], 16), slc_bytes(message.at[i], len), slc_bytes(NULL, 0), 0);
        assert_memory_equal(mac.at[i], wanted, SLC_MAC_BYTES);
    }
    expect_canaries(&mac, SLC_MAC_BYTES, n);
    drop_items(&key);
    drop_items(&message);
    drop_items(&mac);
}

static void check_macs_random(void)
{
    struct slc_random random;
    slc_test_random(&random, 3);
    for (size_t b = 0; b < BATCH_COUNT; b++) {
        check_macs(BATCHES[b], 300, &random);
    }
    for (size_t len = 0; len < 200; len++) {
        check_macs(5, len, &random);
    }
}

static void header_macs_are_hmac_for_every_batch_and_length(void **state)
{
    (void)state;
    on_every_level(check_macs_random);
}

/* ---- LIONESS ---- */

static void chacha_round(uint8_t *block, size_t len, const uint8_t *key)
{
    uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {0};
    uint8_t stream_key[32];
    for (unsigned i = 0; i < 32; i++) {
        stream_key[i] = block[i] ^ key[i];
    }
    crypto_stream_chacha20_xor(block + 32, block + 32, len - 32, nonce, stream_key);
}

static void blake2b_round(uint8_t *block, size_t len, const uint8_t *key)
{
    uint8_t digest[32];
    crypto_generichash_blake2b(digest, sizeof digest, block + 32, len - 32, key, 64);
    for (unsigned i = 0; i < 32; i++) {
        block[i] ^= digest[i];
    }
}

static void reference_encrypt(uint8_t *block, size_t len, const uint8_t *key)
{
    chacha_round(block, len, key);
    blake2b_round(block, len, key + 32);
    chacha_round(block, len, key + 96);
    blake2b_round(block, len, key + 128);
}

static void reference_decrypt(uint8_t *block, size_t len, const uint8_t *key)
{
    blake2b_round(block, len, key + 128);
    chacha_round(block, len, key + 96);
    blake2b_round(block, len, key + 32);
    chacha_round(block, len, key);
}

static void check_lioness_vectors(void)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("sphinx.json"), "primitives/lioness/cases"))
    {
        struct slc_bytes plaintext = slc_vec_bytes(one, "plaintext");
        const uint8_t *key = slc_vec_bytes_of(one, "key", SLC_PAYLOAD_KEY_BYTES);
        uint8_t *block = slc_vec_copy(plaintext);
        slc_lioness_encrypt(&block, plaintext.len, &key, 1);
        slc_vec_expect(one, "encrypt", slc_bytes(block, plaintext.len));
        slc_lioness_decrypt(&block, plaintext.len, &key, 1);
        slc_expect_bytes(slc_bytes(block, plaintext.len), plaintext, "decrypt of encrypt");
        slc_lioness_decrypt(&block, plaintext.len, &key, 1);
        slc_vec_expect(one, "decrypt_of_same_input", slc_bytes(block, plaintext.len));
    }
}

static void lioness_is_that_of_the_crates_both_ways(void **state)
{
    (void)state;
    on_every_level(check_lioness_vectors);
}

static void check_lioness(size_t n, size_t len, struct slc_random *random)
{
    struct items key;
    struct items block;
    uint8_t *wanted = test_malloc(n * len);
    random_items(&key, SLC_PAYLOAD_KEY_BYTES, n, random);
    random_items(&block, len, n, random);
    for (size_t i = 0; i < n; i++) {
        memcpy(wanted + i * len, block.at[i], len);
    }
    for (unsigned decrypt = 0; decrypt < 2; decrypt++) {
        (decrypt ? slc_lioness_decrypt : slc_lioness_encrypt)(block.at, len, inputs(&key), n);
        for (size_t i = 0; i < n; i++) {
            /* Decrypts what it encrypted under another key, so that a broken pair cannot cancel out. */
            (decrypt ? reference_decrypt : reference_encrypt)(wanted + i * len, len, key.at[i]);
            assert_memory_equal(block.at[i], wanted + i * len, len);
            key.at[i][i % SLC_PAYLOAD_KEY_BYTES] ^= 1;
        }
        expect_canaries(&block, len, n);
    }
    drop_items(&key);
    drop_items(&block);
    test_free(wanted);
}

static void check_lioness_random(void)
{
    /* Payload sizes of the five packet sizes, and edges of blocks, windows and vectors. */
    static const size_t LENGTHS[] = {33,   38,   64,   95,   96,   97,   159,  160,  161,  288,   2065,
                                     2079, 2080, 2081, 2144, 2145, 4127, 4128, 4129, 8209, 16401, 32785};
    struct slc_random random;
    slc_test_random(&random, 4);
    for (size_t i = 0; i < sizeof LENGTHS / sizeof LENGTHS[0]; i++) {
        for (size_t b = 0; b < BATCH_COUNT && BATCHES[b] <= 33; b++) {
            if (LENGTHS[i] < 5000 || BATCHES[b] % 8 == 1) check_lioness(BATCHES[b], LENGTHS[i], &random);
        }
    }
    for (size_t len = 33; len < 33 + 300; len++) {
        check_lioness(3, len, &random);
    }
    check_lioness(511, 38, &random);
    check_lioness(1024, 38, &random);
    check_lioness(511, 2065, &random);
}

static void lioness_is_libsodiums_composition_for_every_batch_and_length(void **state)
{
    (void)state;
    on_every_level(check_lioness_random);
}

static void check_layers(size_t n, size_t len, unsigned layers, struct slc_random *random)
{
    struct items block;
    struct items apart;
    struct items key;
    random_items(&key, SLC_PAYLOAD_KEY_BYTES, n * layers, random);
    random_items(&block, len, n, random);
    make_items(&apart, len, n);
    for (size_t i = 0; i < n; i++) {
        memcpy(apart.at[i], block.at[i], len);
    }
    for (unsigned decrypt = 0; decrypt < 2; decrypt++) {
        (decrypt ? slc_lioness_decrypt_layers : slc_lioness_encrypt_layers)(block.at, len, inputs(&key), layers, n);
        for (unsigned layer = 0; layer < layers; layer++) {
            (decrypt ? slc_lioness_decrypt : slc_lioness_encrypt)(apart.at, len, inputs(&key) + layer * n, n);
        }
        for (size_t i = 0; i < n; i++) {
            assert_memory_equal(block.at[i], apart.at[i], len);
        }
    }
    drop_items(&key);
    drop_items(&block);
    drop_items(&apart);
}

static void check_layers_random(void)
{
    struct slc_random random;
    slc_test_random(&random, 5);
    for (unsigned layers = 1; layers <= 5; layers++) {
        check_layers(17, 38, layers, &random);
        check_layers(19, 2065, layers, &random);
        check_layers(3, 8209, layers, &random);
    }
}

static void layers_at_once_are_layers_one_by_one(void **state)
{
    (void)state;
    on_every_level(check_layers_random);
}

static void check_shared_inputs(void)
{
    struct slc_random random;
    uint8_t secret[32];
    uint8_t out[20][64];
    uint8_t *at[20];
    const uint8_t *in[20];
    slc_test_random(&random, 6);
    slc_random_bytes(&random, secret, sizeof secret);
    for (unsigned i = 0; i < 20; i++) {
        at[i] = out[19 - i]; /* descending */
        in[i] = secret;      /* the same memory for all */
    }
    slc_expand_secrets(at, in, 2, 20);
    for (unsigned i = 1; i < 20; i++) {
        assert_memory_equal(out[i], out[0], sizeof out[0]);
    }
}

static void inputs_may_be_the_same_memory_and_outputs_in_any_order(void **state)
{
    (void)state;
    on_every_level(check_shared_inputs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expanded_secrets_are_those_of_the_crates),
        cmocka_unit_test(expanded_secrets_are_hkdf_for_every_batch_and_length),
        cmocka_unit_test(payload_keys_are_hkdf_for_every_batch),
        cmocka_unit_test(header_macs_are_those_of_the_crates),
        cmocka_unit_test(header_macs_are_hmac_for_every_batch_and_length),
        cmocka_unit_test(lioness_is_that_of_the_crates_both_ways),
        cmocka_unit_test(lioness_is_libsodiums_composition_for_every_batch_and_length),
        cmocka_unit_test(layers_at_once_are_layers_one_by_one),
        cmocka_unit_test(inputs_may_be_the_same_memory_and_outputs_in_any_order),
    };
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
