/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/lanes/lanes_internal.h"

#include <pthread.h>
#include <string.h>

const uint32_t slc_sha256_round[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

const uint32_t slc_sha256_start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* Chapter 1, section 2.2. */
static const char EXPAND_INFO[] = "Dwste mou enan moxlo arketa makru kai ena upomoxlio gia na ton topothetisw kai tha "
                                  "kinisw thn gh.";
static const char PAYLOAD_INFO[] = "sphinx-payload-key-V01-CS01-HKDF:SHA256-INFO";
static const char PAYLOAD_SALT[] = "sphinx-payload-key-V01-CS01-HKDF:SHA256-SALT";

enum {
    BLOCK = 64,
    DIGEST = 32,
    EXPAND_INFO_BYTES = sizeof EXPAND_INFO - 1,
    PAYLOAD_INFO_BYTES = sizeof PAYLOAD_INFO - 1,
};
_Static_assert(EXPAND_INFO_BYTES == 97 && PAYLOAD_INFO_BYTES == 44, "chapter 1, section 2.2");

static struct slc_constants constants;
static pthread_once_t constants_once = PTHREAD_ONCE_INIT;

static uint32_t rotate_right(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static uint32_t load_be(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void make_schedule(uint32_t schedule[64], const uint8_t block[BLOCK])
{
    uint32_t w[64];
    for (unsigned t = 0; t < 16; t++) {
        w[t] = load_be(block + 4 * t);
    }
    for (unsigned t = 16; t < 64; t++) {
        uint32_t x = w[t - 15];
        uint32_t y = w[t - 2];
        w[t] = w[t - 16] + w[t - 7] + (rotate_right(x, 7) ^ rotate_right(x, 18) ^ x >> 3) +
               (rotate_right(y, 17) ^ rotate_right(y, 19) ^ y >> 10);
    }
    for (unsigned t = 0; t < 64; t++) {
        schedule[t] = w[t] + slc_sha256_round[t];
    }
}

static void sha256_block(uint32_t state[8], const uint8_t block[BLOCK])
{
    uint32_t kw[64];
    uint32_t s[8];
    make_schedule(kw, block);
    memcpy(s, state, sizeof s);
    for (unsigned t = 0; t < 64; t++) {
        uint32_t e = rotate_right(s[4], 6) ^ rotate_right(s[4], 11) ^ rotate_right(s[4], 25);
        uint32_t a = rotate_right(s[0], 2) ^ rotate_right(s[0], 13) ^ rotate_right(s[0], 22);
        uint32_t t1 = s[7] + e + ((s[4] & s[5]) ^ (~s[4] & s[6])) + kw[t];
        uint32_t t2 = a + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof s[0]);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++) {
        state[i] += s[i];
    }
}

static void sha256_pads(struct slc_pads *pads, const void *key, size_t len)
{
    uint8_t block[BLOCK] = {0};
    memcpy(block, key, len);
    for (unsigned i = 0; i < BLOCK; i++) {
        block[i] ^= 0x36;
    }
    memcpy(pads->inner, slc_sha256_start, sizeof pads->inner);
    sha256_block(pads->inner, block);
    for (unsigned i = 0; i < BLOCK; i++) {
        block[i] ^= 0x36 ^ 0x5c;
    }
    memcpy(pads->outer, slc_sha256_start, sizeof pads->outer);
    sha256_block(pads->outer, block);
}

static void blake3_zero_pads(struct slc_pads *pads)
{
    uint32_t block[16];
    for (unsigned i = 0; i < 16; i++) {
        block[i] = 0x36363636;
    }
    memcpy(pads->inner, slc_sha256_start, sizeof pads->inner);
    slc_blake3_compress(pads->inner, block, 0, BLOCK, BLAKE3_CHUNK_START);
    for (unsigned i = 0; i < 16; i++) {
        block[i] = 0x5c5c5c5c;
    }
    memcpy(pads->outer, slc_sha256_start, sizeof pads->outer);
    slc_blake3_compress(pads->outer, block, 0, BLOCK, BLAKE3_CHUNK_START);
}

/* The message of one HKDF step after the pad block: T(previous), info, counter, padding; at most three blocks. */
static void make_step(uint8_t message[3 * BLOCK], size_t previous, const char *info, size_t info_len, unsigned counter)
{
    size_t len = previous + info_len + 1;
    size_t end = (len + 9 + BLOCK - 1) / BLOCK * BLOCK;
    uint32_t bits = (uint32_t)(8 * (BLOCK + len));
    memset(message, 0, 3 * BLOCK);
    memcpy(message + previous, info, info_len);
    message[len - 1] = (uint8_t)counter;
    message[len] = 0x80;
    message[end - 2] = (uint8_t)(bits >> 8);
    message[end - 1] = (uint8_t)bits;
}

static void compute(void)
{
    struct slc_constants *c = &constants;
    uint8_t message[3 * BLOCK];

    sha256_pads(&c->expand_salt, "", 0);
    make_step(message, 0, EXPAND_INFO, EXPAND_INFO_BYTES, 1);
    make_schedule(c->expand_first[0], message);
    make_schedule(c->expand_first[1], message + BLOCK);
    for (unsigned t = 1; t < SLC_EXPAND_BLOCKS; t++) {
        make_step(message, DIGEST, EXPAND_INFO, EXPAND_INFO_BYTES, t + 1);
        make_schedule(c->expand_last[t], message + 2 * BLOCK);
    }
    make_schedule(c->expand_middle, message + BLOCK);
    for (unsigned i = 0; i < 8; i++) {
        c->expand_info[i] = load_be(message + DIGEST + 4 * i);
    }

    sha256_pads(&c->payload_salt, PAYLOAD_SALT, sizeof PAYLOAD_SALT - 1);
    make_step(message, 0, PAYLOAD_INFO, PAYLOAD_INFO_BYTES, 1);
    make_schedule(c->payload_first, message);
    for (unsigned t = 1; t < SLC_PAYLOAD_KEY_BLOCKS; t++) {
        make_step(message, DIGEST, PAYLOAD_INFO, PAYLOAD_INFO_BYTES, t + 1);
        make_schedule(c->payload_last[t], message + BLOCK);
    }
    for (unsigned i = 0; i < 8; i++) {
        c->payload_info[i] = load_be(message + DIGEST + 4 * i);
    }

    blake3_zero_pads(&c->blake3_zero_salt);
}

const struct slc_constants *slc_constants(void)
{
    pthread_once(&constants_once, compute);
    return &constants;
}
