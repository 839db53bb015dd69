/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/secret.h"
#include "crypto/lanes/lanes.h"
#include "crypto/lanes/lanes_internal.h"

#include <assert.h>

/* Two hashers, of some 2 KB each, and what the compressions spill. */
#define SLC_BURN_BYTES (2 * 4096)
#include "crypto/base/burn.h"

/* BLAKE3 of one input, its unkeyed hash mode, and HMAC and HKDF over it (chapter 2, section 2.2). */

enum {
    BLOCK = 64,
    CHUNK = 1024,
    DIGEST = 32,
    MAX_DEPTH = 54, /* 2^64 bytes in chunks of 2^10 */
};

static uint32_t rotate_right(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static void mix(uint32_t v[16], unsigned a, unsigned b, unsigned c, unsigned d, uint32_t x, uint32_t y)
{
    v[a] += v[b] + x;
    v[d] = rotate_right(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = rotate_right(v[b] ^ v[c], 12);
    v[a] += v[b] + y;
    v[d] = rotate_right(v[d] ^ v[a], 8);
    v[c] += v[d];
    v[b] = rotate_right(v[b] ^ v[c], 7);
}

void slc_blake3_compress(uint32_t state[8], const uint32_t block[16], uint64_t counter, uint32_t block_len,
                         uint32_t flags)
{
    static const uint8_t ORDER[7][16] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
        {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1}, {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
        {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4}, {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
        {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13}};
    uint32_t v[16];
    for (unsigned i = 0; i < 8; i++) {
        v[i] = state[i];
    }
    for (unsigned i = 0; i < 4; i++) {
        v[8 + i] = slc_sha256_start[i];
    }
    v[12] = (uint32_t)counter;
    v[13] = (uint32_t)(counter >> 32);
    v[14] = block_len;
    v[15] = flags;
    for (unsigned round = 0; round < 7; round++) {
        const uint8_t *m = ORDER[round];
        mix(v, 0, 4, 8, 12, block[m[0]], block[m[1]]);
        mix(v, 1, 5, 9, 13, block[m[2]], block[m[3]]);
        mix(v, 2, 6, 10, 14, block[m[4]], block[m[5]]);
        mix(v, 3, 7, 11, 15, block[m[6]], block[m[7]]);
        mix(v, 0, 5, 10, 15, block[m[8]], block[m[9]]);
        mix(v, 1, 6, 11, 12, block[m[10]], block[m[11]]);
        mix(v, 2, 7, 8, 13, block[m[12]], block[m[13]]);
        mix(v, 3, 4, 9, 14, block[m[14]], block[m[15]]);
    }
    for (unsigned i = 0; i < 8; i++) {
        state[i] = v[i] ^ v[8 + i];
    }
    slc_wipe(v, sizeof v);
}

/* An input given in pieces. A chunk's last block waits in `block` until it is known whether it is the root. */
struct hasher {
    uint32_t state[8];
    uint8_t block[BLOCK];
    uint32_t block_len;
    unsigned blocks; /* of the chunk, absorbed */
    uint64_t chunk;
    unsigned depth;
    uint32_t stack[MAX_DEPTH][8]; /* chaining values of finished subtrees, one per 1 bit of `chunk` */
};

static void load_block(uint32_t words[16], const uint8_t block[BLOCK])
{
    for (unsigned i = 0; i < 16; i++) {
        const uint8_t *p = block + 4 * i;
        words[i] = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    }
}

static void start_chunk(struct hasher *h)
{
    memcpy(h->state, slc_sha256_start, sizeof h->state);
    h->blocks = 0;
    h->block_len = 0;
}

static void start(struct hasher *h)
{
    h->chunk = 0;
    h->depth = 0;
    start_chunk(h);
}

static void absorb_block(struct hasher *h, uint32_t flags)
{
    uint32_t words[16];
    memset(h->block + h->block_len, 0, BLOCK - h->block_len);
    load_block(words, h->block);
    flags |= h->blocks == 0 ? BLAKE3_CHUNK_START : 0;
    slc_blake3_compress(h->state, words, h->chunk, h->block_len, flags);
    h->blocks++;
    h->block_len = 0;
    slc_wipe(words, sizeof words);
}

/* Replaces the right child in `state` by its parent with the stack's top. */
static void merge(struct hasher *h, uint32_t flags)
{
    uint32_t words[16];
    memcpy(words, h->stack[--h->depth], DIGEST);
    memcpy(words + 8, h->state, DIGEST);
    memcpy(h->state, slc_sha256_start, DIGEST);
    slc_blake3_compress(h->state, words, 0, BLOCK, BLAKE3_PARENT | flags);
    slc_wipe(words, sizeof words);
}

static void finish_chunk(struct hasher *h)
{
    absorb_block(h, BLAKE3_CHUNK_END);
    h->chunk++;
    for (uint64_t chunks = h->chunk; (chunks & 1) == 0; chunks >>= 1) {
        merge(h, 0);
    }
    memcpy(h->stack[h->depth++], h->state, DIGEST);
    start_chunk(h);
}

static void update(struct hasher *h, struct slc_bytes input)
{
    while (input.len > 0) {
        if (h->block_len == BLOCK) {
            if (h->blocks == CHUNK / BLOCK - 1) {
                finish_chunk(h);
            } else {
                absorb_block(h, 0);
            }
        }
        size_t len = BLOCK - h->block_len < input.len ? BLOCK - h->block_len : input.len;
        memcpy(h->block + h->block_len, input.data, len);
        h->block_len += (uint32_t)len;
        input = slc_bytes(input.data + len, input.len - len);
    }
}

static void finish(struct hasher *h, uint8_t out[DIGEST])
{
    absorb_block(h, BLAKE3_CHUNK_END | (h->depth == 0 ? BLAKE3_ROOT : 0));
    while (h->depth > 0) {
        merge(h, h->depth == 1 ? BLAKE3_ROOT : 0);
    }
    for (unsigned i = 0; i < DIGEST; i++) {
        out[i] = (uint8_t)(h->state[i / 4] >> (8 * (i % 4)));
    }
    slc_wipe(h, sizeof *h);
}

void slc_blake3(uint8_t out[32], struct slc_bytes input)
{
    struct hasher h;
    start(&h);
    update(&h, input);
    finish(&h, out);
}

struct hmac {
    struct hasher hasher;
    uint8_t pad[BLOCK];
};

static void hmac_start(struct hmac *hmac, struct slc_bytes key)
{
    memset(hmac->pad, 0, sizeof hmac->pad);
    if (key.len > BLOCK) {
        slc_blake3(hmac->pad, key);
    } else if (key.len > 0) {
        memcpy(hmac->pad, key.data, key.len);
    }
    for (unsigned i = 0; i < BLOCK; i++) {
        hmac->pad[i] ^= 0x36;
    }
    start(&hmac->hasher);
    update(&hmac->hasher, slc_bytes(hmac->pad, BLOCK));
}

static void hmac_finish(struct hmac *hmac, uint8_t out[DIGEST])
{
    uint8_t inner[DIGEST];
    finish(&hmac->hasher, inner);
    for (unsigned i = 0; i < BLOCK; i++) {
        hmac->pad[i] ^= 0x36 ^ 0x5c;
    }
    start(&hmac->hasher);
    update(&hmac->hasher, slc_bytes(hmac->pad, BLOCK));
    update(&hmac->hasher, slc_bytes(inner, DIGEST));
    finish(&hmac->hasher, out);
    slc_wipe(inner, sizeof inner);
    slc_wipe(hmac->pad, sizeof hmac->pad);
}

SLC_IN_FRAME void hmac_in_frame(uint8_t out[DIGEST], struct slc_bytes key, struct slc_bytes message)
{
    struct hmac hmac;
    hmac_start(&hmac, key);
    update(&hmac.hasher, message);
    hmac_finish(&hmac, out);
}

void slc_hmac_blake3(uint8_t out[32], struct slc_bytes key, struct slc_bytes message)
{
    hmac_in_frame(out, key, message);
    slc_burn_stack();
}

SLC_IN_FRAME void hkdf_in_frame(uint8_t *out, size_t len, struct slc_bytes salt, struct slc_bytes ikm,
                                struct slc_bytes info)
{
    uint8_t prk[DIGEST];
    uint8_t t[DIGEST];
    struct hmac hmac;
    assert(len <= 255 * DIGEST);
    hmac_in_frame(prk, salt, ikm); /* an empty key and 32 zero bytes give the same pads */
    for (size_t at = 0; at < len; at += DIGEST) {
        uint8_t counter = (uint8_t)(at / DIGEST + 1);
        hmac_start(&hmac, slc_bytes(prk, DIGEST));
        update(&hmac.hasher, slc_bytes(t, at == 0 ? 0 : DIGEST));
        update(&hmac.hasher, info);
        update(&hmac.hasher, slc_bytes(&counter, 1));
        hmac_finish(&hmac, t);
        memcpy(out + at, t, len - at < DIGEST ? len - at : DIGEST);
    }
    slc_wipe(prk, sizeof prk);
    slc_wipe(t, sizeof t);
}

void slc_hkdf_blake3(uint8_t *out, size_t len, struct slc_bytes salt, struct slc_bytes ikm, struct slc_bytes info)
{
    hkdf_in_frame(out, len, salt, ikm, info);
    slc_burn_stack();
}
