/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BLAKE3_KERNEL_H
#define SLUICE_BLAKE3_KERNEL_H

#include "crypto/lanes/sha256_kernel.h"

/* BLAKE3 with one input per 32-bit lane: the message layer's key derivation. Included by kernels.h. */

#define BLAKE3_MIX(a, b, c, d, x, y)                                                                                   \
    do {                                                                                                               \
        v[a] += v[b] + block[x];                                                                                       \
        v[d] = ROTATE_RIGHT32_16(v[d] ^ v[a]);                                                                         \
        v[c] += v[d];                                                                                                  \
        v[b] = ROTATE_RIGHT32(v[b] ^ v[c], 12);                                                                        \
        v[a] += v[b] + block[y];                                                                                       \
        v[d] = ROTATE_RIGHT32_8(v[d] ^ v[a]);                                                                          \
        v[c] += v[d];                                                                                                  \
        v[b] = ROTATE_RIGHT32(v[b] ^ v[c], 7);                                                                         \
    } while (0)

#define BLAKE3_ROUND(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15)                             \
    do {                                                                                                               \
        BLAKE3_MIX(0, 4, 8, 12, m0, m1);                                                                               \
        BLAKE3_MIX(1, 5, 9, 13, m2, m3);                                                                               \
        BLAKE3_MIX(2, 6, 10, 14, m4, m5);                                                                              \
        BLAKE3_MIX(3, 7, 11, 15, m6, m7);                                                                              \
        BLAKE3_MIX(0, 5, 10, 15, m8, m9);                                                                              \
        BLAKE3_MIX(1, 6, 11, 12, m10, m11);                                                                            \
        BLAKE3_MIX(2, 7, 8, 13, m12, m13);                                                                             \
        BLAKE3_MIX(3, 4, 9, 14, m14, m15);                                                                             \
    } while (0)

/* Chunk 0 of every lane; `state` becomes the new chaining value. */
NOINLINE void blake3(u32v state[8], const u32v block[16], uint32_t block_len, uint32_t flags)
{
    u32v v[16];
    for (unsigned i = 0; i < 8; i++) {
        v[i] = state[i];
    }
    for (unsigned i = 0; i < 4; i++) {
        v[8 + i] = all32(slc_sha256_start[i]);
    }
    v[12] = all32(0);
    v[13] = all32(0);
    v[14] = all32(block_len);
    v[15] = all32(flags);
    BLAKE3_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    BLAKE3_ROUND(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8);
    BLAKE3_ROUND(3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1);
    BLAKE3_ROUND(10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6);
    BLAKE3_ROUND(12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4);
    BLAKE3_ROUND(9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7);
    BLAKE3_ROUND(11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13);
    for (unsigned i = 0; i < 8; i++) {
        state[i] = v[i] ^ v[8 + i];
    }
}

/* The second and last block of an HMAC half: `len` bytes in block[0 .. 8). */
INLINE void blake3_finish(u32v state[8], u32v block[16], uint32_t len)
{
    for (unsigned i = 8; i < 16; i++) {
        block[i] = all32(0);
    }
    blake3(state, block, len, BLAKE3_CHUNK_END | BLAKE3_ROOT);
}

SLC_IN_FRAME void message_keys_in_frame(uint8_t *const *out, const uint8_t *const *secret, size_t n)
{
    const struct slc_constants *c = slc_constants();
    struct sha256_scratch s;
    memset(s.out, 0, sizeof s.out);
    for (size_t i = 0; i < n; i += LANES32) {
        unsigned used = n - i < LANES32 ? (unsigned)(n - i) : LANES32;

        load_words(s.block, secret + i, 0, 32, used); /* PRK = HMAC(0^32, secret), to `out` */
        set_state(s.hmac.inner, c->blake3_zero_salt.inner);
        blake3_finish(s.hmac.inner, s.block, 32);
        set_state(s.out, c->blake3_zero_salt.outer);
        memcpy(s.block, s.hmac.inner, sizeof s.hmac.inner);
        blake3_finish(s.out, s.block, 32);

        for (unsigned j = 0; j < 16; j++) { /* T1 = HMAC(PRK, 0x01) */
            s.block[j] = (j < 8 ? s.out[j] : all32(0)) ^ 0x36363636;
        }
        set_state(s.hmac.inner, slc_sha256_start);
        blake3(s.hmac.inner, s.block, 64, BLAKE3_CHUNK_START);
        for (unsigned j = 0; j < 16; j++) {
            s.block[j] ^= 0x36363636 ^ 0x5c5c5c5c;
        }
        set_state(s.hmac.outer, slc_sha256_start);
        blake3(s.hmac.outer, s.block, 64, BLAKE3_CHUNK_START);
        for (unsigned j = 0; j < 8; j++) {
            s.block[j] = all32(j == 0 ? 1 : 0);
        }
        blake3_finish(s.hmac.inner, s.block, 1);
        memcpy(s.block, s.hmac.inner, sizeof s.hmac.inner);
        blake3_finish(s.hmac.outer, s.block, 32);
        memcpy(s.out, s.hmac.outer, sizeof s.hmac.outer);
        store_words(out + i, 16, s.out, used);
    }
}

static void message_keys(uint8_t *const *out, const uint8_t *const *secret, size_t n)
{
    message_keys_in_frame(out, secret, n);
    slc_burn_stack();
}

#endif
