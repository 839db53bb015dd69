/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/lanes/lanes.h"
#include "tests/crypto/lanes/levels.h"
#include "tests/support/vectors.h"

/*
 * BLAKE3 and what is built of it: the crates' vectors, and a second implementation written from the definition
 * (recursive, one block at a time, message words permuted in place), which shares no code with ours.
 */

/* ---- The second implementation ---- */

static uint32_t rotated(uint32_t x, unsigned n)
{
    return (x >> n) | (x << (32 - n));
}

static void g(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d, uint32_t mx, uint32_t my)
{
    s[a] = s[a] + s[b] + mx;
    s[d] = rotated(s[d] ^ s[a], 16);
    s[c] = s[c] + s[d];
    s[b] = rotated(s[b] ^ s[c], 12);
    s[a] = s[a] + s[b] + my;
    s[d] = rotated(s[d] ^ s[a], 8);
    s[c] = s[c] + s[d];
    s[b] = rotated(s[b] ^ s[c], 7);
}

static const uint32_t START[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                  0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};

struct value {
    uint32_t word[8];
};

static struct value compress(struct value cv, const uint8_t block[64], uint64_t counter, uint32_t len, uint32_t flags)
{
    static const unsigned PERMUTATION[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};
    uint32_t m[16];
    uint32_t s[16];
    for (unsigned i = 0; i < 16; i++) {
        m[i] = (uint32_t)block[4 * i] + ((uint32_t)block[4 * i + 1] << 8) + ((uint32_t)block[4 * i + 2] << 16) +
               ((uint32_t)block[4 * i + 3] << 24);
        s[i] = i < 8 ? cv.word[i] : START[i - 8];
    }
    s[12] = (uint32_t)(counter & 0xffffffff);
    s[13] = (uint32_t)(counter >> 32);
    s[14] = len;
    s[15] = flags;
    for (unsigned round = 0; round < 7; round++) {
        for (unsigned i = 0; i < 4; i++) {
            g(s, i, 4 + i, 8 + i, 12 + i, m[2 * i], m[2 * i + 1]);
        }
        for (unsigned i = 0; i < 4; i++) {
            g(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[8 + 2 * i], m[9 + 2 * i]);
        }
        uint32_t permuted[16];
        for (unsigned i = 0; i < 16; i++) {
            permuted[i] = m[PERMUTATION[i]];
        }
        memcpy(m, permuted, sizeof m);
    }
    struct value out;
    for (unsigned i = 0; i < 8; i++) {
        out.word[i] = s[i] ^ s[i + 8];
    }
    return out;
}

enum { START_FLAG = 1, END_FLAG = 2, PARENT_FLAG = 4, ROOT_FLAG = 8, LONGEST = 20000 };

static struct value chunk_value(const uint8_t *data, size_t len, uint64_t counter, uint32_t root)
{
    struct value cv;
    memcpy(cv.word, START, sizeof START);
    size_t at = 0;
    do {
        uint8_t block[64] = {0};
        size_t piece = len - at > 64 ? 64 : len - at;
        memcpy(block, data + at, piece);
        bool last = at + piece == len;
        uint32_t flags = (at == 0 ? (uint32_t)START_FLAG : 0) | (last ? END_FLAG | root : 0);
        cv = compress(cv, block, counter, (uint32_t)piece, flags);
        at += piece;
    } while (at < len);
    return cv;
}

/* The left subtree has the largest power of two of chunks that leaves at least one byte for the right one. */
static struct value tree_value(const uint8_t *data, size_t len, uint64_t counter, uint32_t root)
{
    if (len <= 1024) return chunk_value(data, len, counter, root);
    size_t left = 1024;
    while (2 * left < len) {
        left *= 2;
    }
    struct value children[2] = {tree_value(data, left, counter, 0),
                                tree_value(data + left, len - left, counter + left / 1024, 0)};
    uint8_t block[64];
    for (unsigned i = 0; i < 64; i++) {
        block[i] = (uint8_t)(children[i / 32].word[i % 32 / 4] >> (8 * (i % 4)));
    }
    struct value cv;
    memcpy(cv.word, START, sizeof START);
    return compress(cv, block, 0, 64, PARENT_FLAG | root);
}

static void reference(uint8_t out[32], const uint8_t *data, size_t len)
{
    struct value v = tree_value(data, len, 0, ROOT_FLAG);
    for (unsigned i = 0; i < 32; i++) {
        out[i] = (uint8_t)(v.word[i / 4] >> (8 * (i % 4)));
    }
}

/* ---- Tests ---- */

static void expect_reference(const uint8_t *data, size_t len)
{
    uint8_t got[32];
    uint8_t wanted[32];
    slc_blake3(got, slc_bytes(data, len));
    reference(wanted, data, len);
    if (memcmp(got, wanted, sizeof got) != 0) fail_msg("BLAKE3 of %zu bytes differs", len);
}

static void every_length_around_blocks_and_chunks_is_the_second_implementations(void **state)
{
    static uint8_t data[LONGEST];
    struct slc_random random;
    (void)state;
    slc_test_random(&random, 1);
    slc_random_bytes(&random, data, sizeof data);
    for (size_t len = 0; len <= 2200; len++) {
        expect_reference(data, len);
    }
    for (size_t edge = 1024; edge < LONGEST; edge += 1024) {
        expect_reference(data, edge - 1);
        expect_reference(data, edge);
        expect_reference(data, edge + 1);
        expect_reference(data, edge + 63);
        expect_reference(data, edge + 64 < LONGEST ? edge + 64 : LONGEST);
    }
    for (unsigned i = 0; i < 200; i++) {
        expect_reference(data, slc_random_below(&random, LONGEST + 1));
    }
}

static void digests_are_those_of_the_crates(void **state)
{
    const cJSON *one;
    uint8_t digest[32];
    (void)state;
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("messages.json"), "surb_key_digest/cases"))
    {
        slc_blake3(digest, slc_vec_bytes(one, "key"));
        slc_vec_expect(one, "digest", slc_bytes(digest, sizeof digest));
    }
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("gateway.json"), "transcripts"))
    {
        slc_blake3(digest, slc_vec_bytes(one, "shared_key"));
        slc_vec_expect(one, "shared_key_blake3", slc_bytes(digest, sizeof digest));
    }
}

static void hmacs_are_those_of_the_crates(void **state)
{
    const cJSON *one;
    (void)state;
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("messages.json"), "hmac_blake3/cases"))
    {
        uint8_t mac[32];
        slc_hmac_blake3(mac, slc_vec_bytes(one, "key"), slc_vec_bytes(one, "data"));
        slc_vec_expect(one, "mac", slc_bytes(mac, sizeof mac));
    }
}

static struct slc_bytes or_empty(const cJSON *one, const char *path)
{
    return slc_vec_is_null(one, path) ? slc_bytes(NULL, 0) : slc_vec_bytes(one, path);
}

static void hkdfs_are_those_of_the_crates(void **state)
{
    const cJSON *one;
    uint8_t okm[255 * 32];
    (void)state;
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("messages.json"), "hkdf_blake3/cases"))
    {
        size_t len = (size_t)slc_vec_u64(one, "length");
        if (slc_vec_find(one, "okm") == NULL)
            continue; /* longer than HKDF allows: our callers' lengths are constants */
        slc_hkdf_blake3(okm, len, or_empty(one, "salt"), slc_vec_bytes(one, "ikm"), or_empty(one, "info"));
        slc_vec_expect(one, "okm", slc_bytes(okm, len));
    }
    const cJSON *transcript = slc_vec(slc_vectors("gateway.json"), "transcripts/0");
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("gateway.json"), "hkdf_hmac_blake3/values"))
    {
        size_t len = (size_t)slc_vec_u64(one, "len");
        slc_hkdf_blake3(okm, len, slc_vec_bytes(transcript, "salt"), slc_vec_bytes(transcript, "dh"),
                        slc_bytes(NULL, 0));
        slc_vec_expect(one, "okm", slc_bytes(okm, len));
    }
}

static void check_shared_keys(void)
{
    const cJSON *one;
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("messages.json"), "shared_key/cases"))
    {
        uint8_t key[16];
        const uint8_t *dh = slc_vec_bytes_of(one, "dh", 32);
        slc_message_keys(&(uint8_t *){key}, &dh, 1);
        slc_vec_expect(one, "key", slc_bytes(key, sizeof key));
    }
}

static void message_keys_are_those_of_the_crates(void **state)
{
    (void)state;
    on_every_level(check_shared_keys);
}

/* HMAC from the definition, with the second implementation. */
static void reference_hmac(uint8_t out[32], const uint8_t key[32], const uint8_t *message, size_t len)
{
    uint8_t input[128];
    for (unsigned i = 0; i < 64; i++) {
        input[i] = (uint8_t)((i < 32 ? key[i] : 0) ^ 0x36);
    }
    memcpy(input + 64, message, len);
    reference(out, input, 64 + len);
    for (unsigned i = 0; i < 64; i++) {
        input[i] = (uint8_t)((i < 32 ? key[i] : 0) ^ 0x5c);
    }
    memcpy(input + 64, out, 32);
    reference(out, input, 96);
}

static void check_message_keys(void)
{
    static uint8_t secret[BATCH_MAX][33];
    static uint8_t key[BATCH_MAX][19];
    static const uint8_t *in[BATCH_MAX];
    static uint8_t *out[BATCH_MAX];
    static const uint8_t zero[32];
    static const uint8_t one = 1;
    struct slc_random random;
    slc_test_random(&random, 2);
    for (size_t b = 0; b < BATCH_COUNT; b++) {
        for (size_t i = 0; i < BATCHES[b]; i++) {
            slc_random_bytes(&random, secret[i], 32);
            memset(key[i], 0xee, sizeof key[i]);
            in[i] = secret[i];
            out[i] = key[i] + 1;
        }
        slc_message_keys(out, in, BATCHES[b]);
        for (size_t i = 0; i < BATCHES[b]; i++) {
            uint8_t prk[32];
            uint8_t t[32];
            reference_hmac(prk, zero, secret[i], 32);
            reference_hmac(t, prk, &one, 1);
            assert_memory_equal(key[i] + 1, t, 16);
            assert_int_equal(key[i][0], 0xee);
            assert_int_equal(key[i][17], 0xee);
        }
    }
}

static void message_keys_are_hkdf_for_every_batch(void **state)
{
    (void)state;
    on_every_level(check_message_keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_around_blocks_and_chunks_is_the_second_implementations),
        cmocka_unit_test(digests_are_those_of_the_crates),
        cmocka_unit_test(hmacs_are_those_of_the_crates),
        cmocka_unit_test(hkdfs_are_those_of_the_crates),
        cmocka_unit_test(message_keys_are_those_of_the_crates),
        cmocka_unit_test(message_keys_are_hkdf_for_every_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
