/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/seal/gcm_siv.h"
#include "tests/crypto/lanes/levels.h"
#include "tests/support/vectors.h"

#include <openssl/evp.h>

/*
 * AES-256-GCM-SIV on every level: RFC 8452's vectors without associated data, the crates' table, and random batches
 * against the RFC's text written bit by bit over OpenSSL's AES.
 */

enum { KEY = SLC_SEAL_KEY_BYTES, NONCE = SLC_SEAL_NONCE_BYTES, TAG = SLC_SEAL_TAG_BYTES, LEN_MAX = 2500 };

/* ---- The definition ---- */

static void aes256(uint8_t out[16], const uint8_t key[KEY], const uint8_t in[16])
{
    int written;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_256_ecb(), NULL, key, NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, out, &written, in, 16), 1);
    EVP_CIPHER_CTX_free(ctx);
}

static bool bit(const uint8_t value[16], unsigned i)
{
    return value[i / 8] >> (i % 8) & 1;
}

/* value * x^-1: when the constant term is set, x^128 + x^127 + x^126 + x^121 + 1 is added first. */
static void divide_by_x(uint8_t value[16])
{
    bool odd = bit(value, 0);
    for (unsigned i = 0; i < 16; i++) {
        value[i] = (uint8_t)(value[i] >> 1 | (i < 15 ? value[i + 1] << 7 : 0));
    }
    if (odd) value[15] ^= 0xe1; /* x^127, x^126, x^125, x^120 */
}

/* sum * key * x^-128, as the sum over key's bits i of sum * x^(i - 128). */
static void dot(uint8_t sum[16], const uint8_t key[16])
{
    uint8_t product[16] = {0};
    for (unsigned i = 0; i < 128; i++) { /* Horner in x^-1, lowest power first */
        if (bit(key, i)) {
            for (unsigned b = 0; b < 16; b++) {
                product[b] ^= sum[b];
            }
        }
        divide_by_x(product);
    }
    memcpy(sum, product, 16);
}

static void polyval(uint8_t sum[16], const uint8_t key[16], const uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len; at += 16) {
        for (unsigned b = 0; b < 16; b++) {
            sum[b] ^= at + b < len ? data[at + b] : 0;
        }
        dot(sum, key);
    }
}

static void reference_seal(uint8_t *data, size_t len, uint8_t tag[TAG], const uint8_t key[KEY],
                           const uint8_t nonce[NONCE])
{
    uint8_t derived[48];
    uint8_t block[16] = {0};
    uint8_t stream[16];
    uint8_t lengths[16] = {0};
    memcpy(block + 4, nonce, NONCE);
    for (unsigned i = 0; i < 6; i++) {
        block[0] = (uint8_t)i;
        aes256(stream, key, block);
        memcpy(derived + 8 * i, stream, 8);
    }
    for (unsigned i = 0; i < 8; i++) {
        lengths[8 + i] = (uint8_t)((uint64_t)len * 8 >> (8 * i));
    }
    uint8_t sum[16] = {0};
    polyval(sum, derived, data, len);
    polyval(sum, derived, lengths, sizeof lengths);
    for (unsigned i = 0; i < NONCE; i++) {
        sum[i] ^= nonce[i];
    }
    sum[15] &= 0x7f;
    aes256(tag, derived + 16, sum);
    memcpy(block, tag, sizeof block);
    block[15] |= 0x80;
    for (size_t at = 0; at < len; at++) {
        if (at % 16 == 0) {
            aes256(stream, derived + 16, block);
            for (unsigned i = 0; i < 4 && ++block[i] == 0; i++) {
            }
        }
        data[at] ^= stream[at % 16];
    }
}

/* ---- Published vectors ---- */

struct published {
    const char *key;
    const char *nonce;
    const char *plaintext;
    const char *result; /* ciphertext and tag */
};

#define ZEROS8      "0000000000000000"
#define ZEROS16     ZEROS8 ZEROS8
#define KEY_ONE     "01000000000000000000000000000000" ZEROS16
#define NONCE_THREE "030000000000000000000000"
#define NUMBER(n)   "0" #n "000000000000000000000000000000"

/* RFC 8452, appendix C.2 (the cases without associated data) and C.3 (counter wrap). */
static const struct published PUBLISHED[] = {
    {KEY_ONE, NONCE_THREE, "", "07f5f4169bbf55a8400cd47ea6fd400f"},
    {KEY_ONE, NONCE_THREE, "0100000000000000", "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"},
    {KEY_ONE, NONCE_THREE, "010000000000000000000000", "9aab2aeb3faa0a34aea8e2b18ca50da9ae6559e48fd10f6e5c9ca17e"},
    {KEY_ONE, NONCE_THREE, NUMBER(1), "85a01b63025ba19b7fd3ddfc033b3e76c9eac6fa700942702e90862383c6c366"},
    {KEY_ONE, NONCE_THREE, NUMBER(1) NUMBER(2),
     "4a6a9db4c8c6549201b9edb53006cba821ec9cf850948a7c86c68ac7539d027fe819e63abcd020b006a976397632eb5d"},
    {KEY_ONE, NONCE_THREE, NUMBER(1) NUMBER(2) NUMBER(3),
     "c00d121893a9fa603f48ccc1ca3c57ce7499245ea0046db16c53c7c66fe717e39cf6c748837b61f6ee3adcee17534ed5"
     "790bc96880a99ba804bd12c0e6a22cc4"},
    {KEY_ONE, NONCE_THREE, NUMBER(1) NUMBER(2) NUMBER(3) NUMBER(4),
     "c2d5160a1f8683834910acdafc41fbb1632d4a353e8b905ec9a5499ac34f96c7e1049eb080883891a4db8caaa1f99dd0"
     "04d80487540735234e3744512c6f90ce112864c269fc0d9d88c61fa47e39aa08"},
    {ZEROS16 ZEROS16, "000000000000000000000000", ZEROS16 "4db923dc793ee6497c76dcc03a98e108",
     "f3f80f2cf0cb2dd9c5984fcda908456cc537703b5ba70324a6793a7bf218d3eaffffffff000000000000000000000000"},
    {ZEROS16 ZEROS16, "000000000000000000000000", "eb3640277c7ffd1303c7a542d02d3e4c0000000000000000",
     "18ce4f0b8cb4d0cac65fea8f79257b20888e53e72299e56dffffffff000000000000000000000000"},
};

static struct slc_seal_job job_of(struct slc_bytes key, struct slc_bytes nonce, uint8_t *data, size_t len, uint8_t *tag)
{
    assert_int_equal(key.len, KEY);
    assert_int_equal(nonce.len, NONCE);
    return (struct slc_seal_job){
        .key = key.data, .nonce = nonce.data, .data = data, .len = len, .tag = tag, .status = SLC_IO};
}

static void seal_and_open(struct slc_bytes key, struct slc_bytes nonce, struct slc_bytes plaintext,
                          uint8_t result[LEN_MAX + TAG])
{
    uint8_t tag[TAG];
    memcpy(result, plaintext.data, plaintext.len);
    struct slc_seal_job job = job_of(key, nonce, result, plaintext.len, tag);
    slc_seal(&job, 1);
    assert_int_equal(job.status, SLC_OK);
    memcpy(result + plaintext.len, tag, TAG);

    uint8_t *opened = slc_vec_copy(slc_bytes(result, plaintext.len));
    job = job_of(key, nonce, opened, plaintext.len, tag);
    assert_int_equal(slc_unseal(&job, 1), SLC_OK);
    assert_int_equal(job.status, SLC_OK);
    slc_expect_bytes(slc_bytes(opened, plaintext.len), plaintext, "opened");
}

static void check_published(void)
{
    uint8_t result[LEN_MAX + TAG];
    for (size_t i = 0; i < sizeof PUBLISHED / sizeof PUBLISHED[0]; i++) {
        const struct published *p = &PUBLISHED[i];
        struct slc_bytes plaintext = slc_vec_from_text(p->plaintext);
        seal_and_open(slc_vec_from_text(p->key), slc_vec_from_text(p->nonce), plaintext, result);
        slc_expect_bytes(slc_bytes(result, plaintext.len + TAG), slc_vec_from_text(p->result), "RFC 8452");
    }
}

static void the_rfcs_vectors_hold_and_counters_wrap(void **state)
{
    (void)state;
    on_every_level(check_published);
}

static void check_crate_table(void)
{
    const cJSON *one;
    uint8_t result[LEN_MAX + TAG];
    struct slc_bytes key = slc_vec_bytes(slc_vectors("gateway.json"), "transcripts/0/shared_key");
    cJSON_ArrayForEach(one, slc_vec_list(slc_vectors("gateway.json"), "aead/values"))
    {
        size_t len = (size_t)slc_vec_u64(one, "len");
        if (len > LEN_MAX) continue;
        seal_and_open(key, slc_vec_bytes(one, "nonce"), slc_vec_linear(11, 5, len), result);
        slc_vec_expect(one, "ciphertext_and_tag", slc_bytes(result, len + TAG));
    }
}

static void sealed_bytes_are_those_of_the_crates(void **state)
{
    (void)state;
    on_every_level(check_crate_table);
}

/* ---- Batches ---- */

struct message {
    uint8_t key[KEY];
    uint8_t nonce[NONCE];
    uint8_t plain[LEN_MAX];
    uint8_t data[LEN_MAX + 1];
    uint8_t tag[TAG + 1];
};

enum { CANARY = 0x3c, LARGEST = 1024 };
static struct message messages[LARGEST];
static struct slc_seal_job jobs[LARGEST];

static void random_batch(struct slc_random *random, size_t n, uint32_t len_bound)
{
    for (size_t i = 0; i < n; i++) {
        struct message *m = &messages[i];
        size_t len = slc_random_below(random, len_bound);
        slc_random_bytes(random, m->key, KEY);
        slc_random_bytes(random, m->nonce, NONCE);
        slc_random_bytes(random, m->plain, len);
        if (i % 3 == 1) memcpy(m->key, messages[i - 1].key, KEY); /* one session, several frames */
        memcpy(m->data, m->plain, len);
        m->data[len] = CANARY;
        m->tag[TAG] = CANARY;
        const uint8_t *key = i % 6 == 1 ? messages[i - 1].key : m->key; /* at the same place in memory, too */
        jobs[i] = job_of(slc_bytes(key, KEY), slc_bytes(m->nonce, NONCE), m->data, len, m->tag);
    }
}

static void check_random(void)
{
    struct slc_random random;
    slc_test_random(&random, 1);
    for (size_t b = 0; b < BATCH_COUNT; b++) {
        size_t n = BATCHES[b];
        random_batch(&random, n, n > 100 ? 60 : LEN_MAX);
        slc_seal(jobs, n);
        for (size_t i = 0; i < n; i++) {
            uint8_t wanted[LEN_MAX];
            uint8_t tag[TAG];
            struct message *m = &messages[i];
            memcpy(wanted, m->plain, jobs[i].len);
            reference_seal(wanted, jobs[i].len, tag, m->key, m->nonce);
            assert_memory_equal(m->data, wanted, jobs[i].len);
            assert_memory_equal(m->tag, tag, TAG);
            assert_int_equal(m->data[jobs[i].len], CANARY);
            assert_int_equal(m->tag[TAG], CANARY);
        }
        assert_int_equal(slc_unseal(jobs, n), SLC_OK);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(jobs[i].status, SLC_OK);
            assert_memory_equal(messages[i].data, messages[i].plain, jobs[i].len);
        }
    }
}

static void every_batch_is_the_rfcs_text(void **state)
{
    (void)state;
    on_every_level(check_random);
}

static void check_lengths(void)
{
    struct slc_random random;
    slc_test_random(&random, 2);
    for (size_t len = 0; len <= 400; len++) {
        uint8_t wanted[LEN_MAX];
        uint8_t tag[TAG];
        random_batch(&random, 1, 1);
        jobs[0].len = len;
        slc_random_bytes(&random, messages[0].data, len);
        memcpy(wanted, messages[0].data, len);
        slc_seal(jobs, 1);
        reference_seal(wanted, len, tag, messages[0].key, messages[0].nonce);
        assert_memory_equal(messages[0].data, wanted, len);
        assert_memory_equal(messages[0].tag, tag, TAG);
    }
}

static void every_length_is_the_rfcs_text(void **state)
{
    (void)state;
    on_every_level(check_lengths);
}

/* Flips one bit of job `victim`; it alone must fail, and be zeroed. */
static void expect_rejection(size_t n, size_t victim, uint8_t *at, unsigned bit_number)
{
    static const uint8_t zeros[LEN_MAX];
    slc_seal(jobs, n);
    at[bit_number / 8] ^= (uint8_t)(1u << (bit_number % 8));
    assert_int_equal(slc_unseal(jobs, n), SLC_PARTIAL);
    at[bit_number / 8] ^= (uint8_t)(1u << (bit_number % 8)); /* a key, nonce or tag is whole again */
    for (size_t i = 0; i < n; i++) {
        struct message *m = &messages[i];
        assert_int_equal(jobs[i].status, i == victim ? SLC_BAD_MAC : SLC_OK);
        assert_memory_equal(m->data, i == victim ? zeros : m->plain, jobs[i].len);
        assert_int_equal(m->data[jobs[i].len], CANARY);
        memcpy(m->data, m->plain, jobs[i].len);
    }
}

static void check_flips(void)
{
    struct slc_random random;
    slc_test_random(&random, 3);
    random_batch(&random, 11, 300);
    for (size_t i = 0; i < 11; i++) {
        jobs[i].key = messages[i].key; /* flipped for one job only */
    }
    for (size_t victim = 0; victim < 11; victim += 5) {
        struct message *m = &messages[victim];
        jobs[victim].len = 70;
        slc_random_bytes(&random, m->plain, 70);
        memcpy(m->data, m->plain, 70);
        m->data[70] = CANARY;
        for (unsigned b = 0; b < 8 * TAG; b++) {
            expect_rejection(11, victim, m->tag, b);
        }
        for (unsigned b = 0; b < 8 * NONCE; b++) {
            expect_rejection(11, victim, m->nonce, b);
        }
        for (unsigned b = 0; b < 8 * KEY; b++) {
            expect_rejection(11, victim, m->key, b);
        }
    }
}

static void a_flipped_bit_of_key_nonce_or_tag_fails_its_own_job_only(void **state)
{
    (void)state;
    on_every_level(check_flips);
}

static void check_data_flips(void)
{
    static const uint8_t zeros[LEN_MAX];
    struct slc_random random;
    slc_test_random(&random, 4);
    random_batch(&random, 9, 300);
    jobs[4].len = 300;
    slc_random_bytes(&random, messages[4].plain, 300);
    for (unsigned b = 0; b < 8 * 300; b++) {
        for (size_t i = 3; i < 6; i++) {
            memcpy(messages[i].data, messages[i].plain, jobs[i].len);
        }
        slc_seal(jobs + 3, 3);
        messages[4].data[b / 8] ^= (uint8_t)(1u << (b % 8));
        assert_int_equal(slc_unseal(jobs + 3, 3), SLC_PARTIAL);
        assert_int_equal(jobs[3].status, SLC_OK);
        assert_int_equal(jobs[4].status, SLC_BAD_MAC);
        assert_int_equal(jobs[5].status, SLC_OK);
        assert_memory_equal(messages[3].data, messages[3].plain, jobs[3].len);
        assert_memory_equal(messages[4].data, zeros, 300);
        assert_memory_equal(messages[5].data, messages[5].plain, jobs[5].len);
    }
}

static void a_flipped_bit_of_data_fails_its_own_job_only(void **state)
{
    (void)state;
    on_every_level(check_data_flips);
}

static void check_lost_byte(void)
{
    struct slc_random random;
    slc_test_random(&random, 5);
    random_batch(&random, 1, 1);
    jobs[0].len = 33;
    memset(messages[0].data, 0, 33); /* zero padding must not make a shorter message valid */
    slc_seal(jobs, 1);
    jobs[0].len = 32;
    assert_int_equal(slc_unseal(jobs, 1), SLC_PARTIAL);
    assert_int_equal(jobs[0].status, SLC_BAD_MAC);
}

static void a_cut_message_fails(void **state)
{
    (void)state;
    on_every_level(check_lost_byte);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_vectors_hold_and_counters_wrap),
        cmocka_unit_test(sealed_bytes_are_those_of_the_crates),
        cmocka_unit_test(every_batch_is_the_rfcs_text),
        cmocka_unit_test(every_length_is_the_rfcs_text),
        cmocka_unit_test(a_flipped_bit_of_key_nonce_or_tag_fails_its_own_job_only),
        cmocka_unit_test(a_flipped_bit_of_data_fails_its_own_job_only),
        cmocka_unit_test(a_cut_message_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
