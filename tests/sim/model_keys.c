/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/model.h"

#include <stdlib.h>
#include <string.h>

/*
 * Keys and ciphers of the model. A secret stands for a number a modulo p = 2^61 - 1, its public key for a * G: products
 * commute as those of the curve do, and a multiplication costs nothing.
 */

#define P ((UINT64_C(1) << 61) - 1)
#define G UINT64_C(0x0fedcba987654321)

struct slc_curve_table {
    uint8_t key[SLC_KEY_BYTES];
};

uint64_t model_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)(a ^ UINT64_C(0x9e3779b97f4a7c15)) * (b | 1);
    return (uint64_t)product ^ (uint64_t)(product >> 64) ^ b << 1;
}

uint64_t model_word(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

typedef uint64_t lanes __attribute__((vector_size(64)));

/* Sums of words and of running sums: a word that moves or changes shows in one of them. */
uint64_t model_sum(uint64_t key, const uint8_t *data, size_t len)
{
    lanes sum = {key, key + 1, key + 2, key + 3, key + 4, key + 5, key + 6, key + 7};
    lanes running = sum;
    size_t i = 0;
    for (; i + sizeof(lanes) <= len; i += sizeof(lanes)) {
        lanes word;
        memcpy(&word, data + i, sizeof word);
        sum += word;
        running += sum;
    }
    lanes rest = {0};
    if (len > i) memcpy(&rest, data + i, len - i);
    sum += rest;
    running += sum;
    uint64_t hash = model_mix(key, len);
    for (int lane = 0; lane < 8; lane++) {
        hash = model_mix(hash ^ sum[lane], running[lane]);
    }
    return hash;
}

/* ---- keys ---- */

static uint64_t times(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    uint64_t folded = (uint64_t)(product & P) + (uint64_t)(product >> 61);
    folded = (folded & P) + (folded >> 61);
    return folded == P ? 0 : folded;
}

static uint64_t number_of(const uint8_t secret[SLC_KEY_BYTES])
{
    uint64_t n = model_mix(model_word(secret), model_word(secret + 8));
    n = model_mix(n, model_word(secret + 16) ^ model_word(secret + 24)) % P;
    return n == 0 ? 1 : n;
}

/* The number, then bytes that follow from it: keys of 32 bytes that look different everywhere. */
static void write_number(uint8_t out[SLC_KEY_BYTES], uint64_t n)
{
    uint64_t words[4] = {n, model_mix(n, 2), model_mix(n, 3), model_mix(n, 4)};
    memcpy(out, words, sizeof words);
}

static uint64_t read_number(const uint8_t key[SLC_KEY_BYTES])
{
    return model_word(key) % P;
}

enum slc_status model_table_new(struct slc_curve_table **table, const uint8_t *public_key)
{
    *table = NULL;
    if (read_number(public_key) == 0) return SLC_BAD_KEY;
    *table = malloc(sizeof **table);
    if (*table == NULL) return SLC_NO_MEMORY;
    memcpy((*table)->key, public_key, SLC_KEY_BYTES);
    return SLC_OK;
}

void model_table_free(struct slc_curve_table *table)
{
    free(table);
}

const uint8_t *model_table_key(const struct slc_curve_table *table)
{
    return table->key;
}

const struct slc_curve_table *model_base(void)
{
    static struct slc_curve_table base;
    write_number(base.key, G);
    return &base;
}

void model_scalar_start(struct slc_scalar *scalar, const uint8_t secret[SLC_KEY_BYTES])
{
    *scalar = (struct slc_scalar){.word = {number_of(secret)}};
}

void model_multiply(const struct slc_curve_job *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        write_number(jobs[i].out, times(read_number(jobs[i].table->key), jobs[i].scalar->word[0]));
    }
}

void model_ladder(const struct slc_ladder_job *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        write_number(jobs[i].out, times(read_number(jobs[i].point), number_of(jobs[i].secret)));
    }
}

void model_public_key(uint8_t public_key[SLC_KEY_BYTES], const uint8_t secret[SLC_KEY_BYTES])
{
    write_number(public_key, times(G, number_of(secret)));
}

void model_message_keys(uint8_t *const *out, const uint8_t *const *secret, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t words[2] = {model_mix(model_word(secret[i]), 5), model_mix(model_word(secret[i]), 6)};
        memcpy(out[i], words, sizeof words);
    }
}

/* ---- ciphers ---- */

/* Only the front is changed: enough that a wrong key makes nonsense of what is parsed. */
void model_aes128_ctr(uint8_t *const *data, size_t len, const uint8_t *const *key, const uint8_t *const *iv, size_t n)
{
    enum { FRONT = 24 };
    for (size_t i = 0; i < n; i++) {
        uint64_t state = model_mix(model_word(key[i]), model_word(key[i] + 8));
        if (iv != NULL) state = model_mix(state, model_word(iv[i]) ^ model_word(iv[i] + 8));
        for (size_t at = 0; at < len && at < FRONT; at++) {
            if (at % 8 == 0) state = model_mix(state, at + 1);
            data[i][at] ^= (uint8_t)(state >> 8 * (at % 8));
        }
    }
}

static void tag_of(const struct slc_seal_job *job, uint8_t tag[SLC_SEAL_TAG_BYTES])
{
    uint64_t key = model_mix(model_word(job->key), model_word(job->key + 16) ^ model_word(job->nonce));
    uint64_t words[2] = {model_sum(key, job->data, job->len), key};
    memcpy(tag, words, sizeof words);
}

void model_seal(struct slc_seal_job *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tag_of(&jobs[i], jobs[i].tag);
        jobs[i].status = SLC_OK;
    }
}

enum slc_status model_unseal(struct slc_seal_job *jobs, size_t n)
{
    bool all = true;
    for (size_t i = 0; i < n; i++) {
        uint8_t tag[SLC_SEAL_TAG_BYTES];
        tag_of(&jobs[i], tag);
        bool good = memcmp(tag, jobs[i].tag, sizeof tag) == 0;
        if (!good) memset(jobs[i].data, 0, jobs[i].len);
        jobs[i].status = good ? SLC_OK : SLC_BAD_MAC;
        all &= good;
    }
    return all ? SLC_OK : SLC_PARTIAL;
}
