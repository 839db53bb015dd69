/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/bench/bench.h"
#include "tools/common/options.h"

/*
 * Single steps of the packet engine beside libsodium and OpenSSL, which do the same step one at a time: X25519 on a
 * point that comes once and on one that has a table, HKDF of a hop's secrets, the keystream of a fragment.
 */

enum { FRAGMENT_BYTES = 1611, HOP_BYTES = SLC_EXPANDED_BYTES };

struct item {
    struct slc_scalar scalar;
    uint8_t secret[SLC_KEY_BYTES];
    uint8_t point[SLC_KEY_BYTES];
    uint8_t out[SLC_KEY_BYTES];
    uint8_t expanded[HOP_BYTES];
    uint8_t fragment[FRAGMENT_BYTES];
};

struct steps {
    size_t batch;
    struct item *items;
    struct slc_curve_table *table; /* of items[0].point */
    struct slc_curve_job *multiplications;
    struct slc_ladder_job *ladders;
    void *curve;
    uint8_t **outs;
    const uint8_t **ins;
    EVP_PKEY *own, *peer;
    EVP_PKEY_CTX *derivation;
    EVP_CIPHER_CTX *cipher;
};

/* ---- ours, batch by batch ---- */

static bool run_ladder(void *self, size_t units)
{
    struct steps *s = self;
    for (size_t done = 0; done < units; done += s->batch) {
        slc_ladder(s->ladders, s->batch);
    }
    return true;
}

static bool run_table(void *self, size_t units)
{
    struct steps *s = self;
    for (size_t done = 0; done < units; done += s->batch) {
        slc_curve_multiply(s->multiplications, s->batch, s->curve);
    }
    return true;
}

static bool run_expand(void *self, size_t units)
{
    struct steps *s = self;
    for (size_t i = 0; i < s->batch; i++) {
        s->outs[i] = s->items[i].expanded;
        s->ins[i] = s->items[i].secret;
    }
    for (size_t done = 0; done < units; done += s->batch) {
        slc_expand_secrets(s->outs, s->ins, HOP_BYTES / 32, s->batch);
    }
    return true;
}

static bool run_keystream(void *self, size_t units)
{
    struct steps *s = self;
    for (size_t i = 0; i < s->batch; i++) {
        s->outs[i] = s->items[i].fragment;
        s->ins[i] = s->items[i].secret;
    }
    for (size_t done = 0; done < units; done += s->batch) {
        slc_aes128_ctr(s->outs, FRAGMENT_BYTES, s->ins, NULL, s->batch);
    }
    return true;
}

/* ---- theirs, one by one ---- */

static bool run_sodium_x25519(void *self, size_t units)
{
    const struct steps *s = self;
    for (size_t i = 0; i < units; i++) {
        struct item *item = &s->items[i % s->batch];
        if (crypto_scalarmult(item->out, item->secret, item->point) != 0) return false;
    }
    return true;
}

static bool run_openssl_x25519(void *self, size_t units)
{
    const struct steps *s = self;
    for (size_t i = 0; i < units; i++) {
        size_t len = SLC_KEY_BYTES;
        if (EVP_PKEY_derive(s->derivation, s->items[i % s->batch].out, &len) != 1) return false;
    }
    return true;
}

static bool run_sodium_expand(void *self, size_t units)
{
    const struct steps *s = self;
    for (size_t i = 0; i < units; i++) {
        struct item *item = &s->items[i % s->batch];
        /* HKDF over libsodium's HMAC: extract, then nine blocks that each cover the one before, 97 bytes of info. */
        uint8_t key[32], message[32 + 97 + 1] = {0};
        static const uint8_t salt[32];
        crypto_auth_hmacsha256(key, item->secret, sizeof item->secret, salt);
        for (unsigned block = 0; block < HOP_BYTES / 32; block++) {
            message[sizeof message - 1] = (uint8_t)(block + 1);
            size_t from = block == 0 ? 32 : 0;
            crypto_auth_hmacsha256(item->expanded + 32 * block, message + from, sizeof message - from, key);
            memcpy(message, item->expanded + 32 * block, 32);
        }
    }
    return true;
}

static bool run_openssl_keystream(void *self, size_t units)
{
    const struct steps *s = self;
    static const uint8_t iv[16];
    for (size_t i = 0; i < units; i++) {
        struct item *item = &s->items[i % s->batch];
        int len;
        if (EVP_EncryptInit_ex(s->cipher, NULL, NULL, item->secret, iv) != 1 ||
            EVP_EncryptUpdate(s->cipher, item->fragment, &len, item->fragment, FRAGMENT_BYTES) != 1) {
            return false;
        }
    }
    return true;
}

/* ---- all of it ---- */

static bool prepare_openssl(struct steps *s)
{
    s->own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, s->items[0].secret, SLC_KEY_BYTES);
    s->peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, s->items[0].point, SLC_KEY_BYTES);
    s->derivation = s->own != NULL ? EVP_PKEY_CTX_new(s->own, NULL) : NULL;
    s->cipher = EVP_CIPHER_CTX_new();
    return s->peer != NULL && s->derivation != NULL && s->cipher != NULL && EVP_PKEY_derive_init(s->derivation) == 1 &&
           EVP_PKEY_derive_set_peer(s->derivation, s->peer) == 1 &&
           EVP_EncryptInit_ex(s->cipher, EVP_aes_128_ctr(), NULL, NULL, NULL) == 1;
}

static enum slc_status prepare(struct steps *s)
{
    size_t n = s->batch;
    s->items = calloc(n, sizeof *s->items);
    s->multiplications = calloc(n, sizeof *s->multiplications);
    s->ladders = calloc(n, sizeof *s->ladders);
    s->curve = aligned_alloc(64, (slc_curve_scratch_bytes(n) + 63) / 64 * 64);
    s->outs = calloc(n, sizeof *s->outs);
    s->ins = calloc(n, sizeof *s->ins);
    if (s->items == NULL || s->multiplications == NULL || s->ladders == NULL || s->curve == NULL || s->outs == NULL ||
        s->ins == NULL) {
        return SLC_NO_MEMORY;
    }
    struct slc_random random;
    enum slc_status status = slc_random_from_system(&random);
    for (size_t i = 0; i < n && status == SLC_OK; i++) {
        struct item *item = &s->items[i];
        slc_random_bytes(&random, item->secret, sizeof item->secret);
        slc_scalar_start(&item->scalar, item->secret);
        slc_public_key(item->point, item->secret);
        s->ladders[i] = (struct slc_ladder_job){item->secret, item->point, item->out};
    }
    slc_random_wipe(&random);
    if (status == SLC_OK) status = slc_curve_table_new(&s->table, s->items[0].point);
    for (size_t i = 0; i < n; i++) {
        s->multiplications[i] = (struct slc_curve_job){s->table, &s->items[i].scalar, s->items[i].out};
    }
    return status != SLC_OK || prepare_openssl(s) ? status : SLC_NO_MEMORY;
}

static void release(struct steps *s)
{
    EVP_PKEY_CTX_free(s->derivation);
    EVP_PKEY_free(s->own);
    EVP_PKEY_free(s->peer);
    EVP_CIPHER_CTX_free(s->cipher);
    slc_curve_table_free(s->table);
    free(s->items);
    free(s->multiplications);
    free(s->ladders);
    free(s->curve);
    free(s->outs);
    free(s->ins);
}

typedef bool run_fn(void *self, size_t units);

int slc_bench_steps(const struct slc_bench_options *options, cJSON *all)
{
    static const struct {
        const char *name, *unit;
        run_fn *ours, *sodium, *openssl;
    } steps[] = {
        {"x25519", "multiplication", run_ladder, run_sodium_x25519, run_openssl_x25519},
        {"x25519-table", "multiplication", run_table, run_sodium_x25519, run_openssl_x25519},
        {"hkdf", "hop", run_expand, run_sodium_expand, NULL},
        {"aes-ctr", "fragment", run_keystream, NULL, run_openssl_keystream},
    };
    struct steps s = {.batch = options->batch};
    enum slc_status status = prepare(&s);
    int result = status == SLC_OK ? SLC_EXIT_GOOD : SLC_EXIT_USAGE;
    if (status != SLC_OK) (void)fprintf(stderr, "sluice bench: %s\n", slc_status_text(status));
    for (size_t i = 0; i < sizeof steps / sizeof *steps && result == SLC_EXIT_GOOD; i++) {
        struct slc_bench_contender libraries[2];
        size_t count = 0;
        if (steps[i].sodium != NULL) {
            libraries[count++] = (struct slc_bench_contender){
                .name = "libsodium", .version = SODIUM_VERSION_STRING, .run = steps[i].sodium, .self = &s, .batch = 1};
        }
        if (steps[i].openssl != NULL) {
            libraries[count++] = (struct slc_bench_contender){
                .name = "OpenSSL", .version = OPENSSL_VERSION_STR, .run = steps[i].openssl, .self = &s, .batch = 1};
        }
        struct slc_bench_report report = {.bench = steps[i].name,
                                          .unit = steps[i].unit,
                                          .work = "",
                                          .options = options,
                                          .libraries = libraries,
                                          .library_count = count};
        struct slc_bench_contender ours = {
            .name = "sluice", .version = "", .run = steps[i].ours, .self = &s, .batch = s.batch};
        result = slc_bench_run(&report, ours, all, NULL);
    }
    release(&s);
    return result;
}
