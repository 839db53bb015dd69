/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/burn.h"
#include "crypto/base/secret.h"
#include "crypto/lanes/aes_internal.h"
#include "crypto/seal/polyval_internal.h"

#include <immintrin.h>
#include <string.h>

/* AES with AES-NI, eight blocks in flight. */

enum { BLOCKS = 8, STATE = SLC_AES_BLOCK };

#define INLINE static inline __attribute__((always_inline))

/* k ^ k << 32 ^ k << 64 ^ k << 96: what the words of a round key inherit from the ones before them. */
INLINE __m128i spread(__m128i k)
{
    k = _mm_xor_si128(k, _mm_slli_si128(k, 4));
    return _mm_xor_si128(k, _mm_slli_si128(k, 8));
}

/*
 * SubWord(RotWord(last word of k)) ^ rcon, and SubWord(last word), in all four words. AESENCLAST is faster than
 * AESKEYGENASSIST, and ShiftRows does nothing to four equal columns.
 */
INLINE __m128i rotated_sub_word(__m128i k, uint32_t rcon)
{
    const __m128i rotate = _mm_set1_epi32(0x0c0f0e0d);
    return _mm_aesenclast_si128(_mm_shuffle_epi8(k, rotate), _mm_set1_epi32((int)rcon));
}

INLINE __m128i sub_word(__m128i k)
{
    return _mm_aesenclast_si128(_mm_shuffle_epi32(k, 0xff), _mm_setzero_si128());
}

INLINE void expand128(__m128i round[SLC_AES128_ROUNDS + 1], const uint8_t *key)
{
    uint32_t rcon = 1;
    __m128i k = _mm_loadu_si128((const __m128i *)key);
    round[0] = k;
#pragma GCC unroll 10
    for (unsigned r = 1; r <= SLC_AES128_ROUNDS; r++) {
        k = _mm_xor_si128(spread(k), rotated_sub_word(k, rcon));
        round[r] = k;
        rcon = r == 8 ? 0x1b : rcon << 1;
    }
}

static void expand256(struct slc_aes256 *schedule, const uint8_t *const *key, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        __m128i *round = (__m128i *)schedule[i].round;
        uint32_t rcon = 1;
        __m128i even = _mm_loadu_si128((const __m128i *)key[i]);
        __m128i odd = _mm_loadu_si128((const __m128i *)(key[i] + STATE));
        round[0] = even;
        round[1] = odd;
        for (unsigned r = 2; r <= SLC_AES256_ROUNDS; r += 2, rcon <<= 1) {
            even = _mm_xor_si128(spread(even), rotated_sub_word(odd, rcon));
            round[r] = even;
            if (r == SLC_AES256_ROUNDS) break;
            odd = _mm_xor_si128(spread(odd), sub_word(even));
            round[r + 1] = odd;
        }
    }
}

INLINE void encrypt(__m128i b[BLOCKS], const __m128i *round, unsigned rounds)
{
    for (unsigned j = 0; j < BLOCKS; j++) {
        b[j] = _mm_xor_si128(b[j], round[0]);
    }
    for (unsigned r = 1; r < rounds; r++) {
        for (unsigned j = 0; j < BLOCKS; j++) {
            b[j] = _mm_aesenc_si128(b[j], round[r]);
        }
    }
    for (unsigned j = 0; j < BLOCKS; j++) {
        b[j] = _mm_aesenclast_si128(b[j], round[rounds]);
    }
}

INLINE void xor_stream(uint8_t *data, const __m128i b[BLOCKS], size_t len)
{
    if (len >= BLOCKS * STATE) {
        for (unsigned j = 0; j < BLOCKS; j++) {
            __m128i *at = (__m128i *)(data + STATE * j);
            _mm_storeu_si128(at, _mm_xor_si128(_mm_loadu_si128(at), b[j]));
        }
        return;
    }
    size_t whole = len / STATE;
    for (unsigned j = 0; j < whole; j++) {
        __m128i *at = (__m128i *)(data + STATE * j);
        _mm_storeu_si128(at, _mm_xor_si128(_mm_loadu_si128(at), b[j]));
    }
    if (len % STATE > 0) {
        __m128i last = _mm_setzero_si128();
        memcpy(&last, data + STATE * whole, len % STATE);
        last = _mm_xor_si128(last, b[whole]);
        memcpy(data + STATE * whole, &last, len % STATE);
    }
}

SLC_IN_FRAME void ctr128_in_frame(uint8_t *const *data, size_t len, const uint8_t *const *key, const uint8_t *const *iv,
                                  size_t n)
{
    __m128i round[SLC_AES128_ROUNDS + 1];
    __m128i b[BLOCKS];
    for (size_t i = 0; i < n; i++) {
        uint64_t prefix = 0;
        uint64_t next = 0;
        expand128(round, key[i]);
        if (iv != NULL) {
            memcpy(&prefix, iv[i], sizeof prefix);
            memcpy(&next, iv[i] + sizeof prefix, sizeof next);
            next = __builtin_bswap64(next);
        }
        for (size_t at = 0; at < len; at += sizeof b) {
            for (unsigned j = 0; j < BLOCKS; j++, next++) {
                b[j] = _mm_set_epi64x((long long)__builtin_bswap64(next), (long long)prefix);
            }
            encrypt(b, round, SLC_AES128_ROUNDS);
            xor_stream(data[i] + at, b, len - at);
        }
    }
}

static void ctr128(uint8_t *const *data, size_t len, const uint8_t *const *key, const uint8_t *const *iv, size_t n)
{
    ctr128_in_frame(data, len, key, iv, n);
    slc_burn_stack();
}

static void encrypt256(const struct slc_aes256 *schedule, uint8_t (*block)[STATE], size_t n)
{
    const __m128i *round = (const __m128i *)schedule->round;
    __m128i b[BLOCKS];
    memset(b, 0, sizeof b);
    memcpy(b, block, n * STATE);
    encrypt(b, round, SLC_AES256_ROUNDS);
    memcpy(block, b, n * STATE);
    slc_wipe(b, sizeof b);
}

static void ctr256(const struct slc_aes256 *schedule, const uint8_t tag[STATE], uint8_t *data, size_t len)
{
    const __m128i *round = (const __m128i *)schedule->round;
    __m128i b[BLOCKS];
    __m128i next = _mm_or_si128(_mm_loadu_si128((const __m128i *)tag), _mm_set_epi64x(INT64_MIN, 0));
    const __m128i one = _mm_set_epi32(0, 0, 0, 1);
    for (size_t at = 0; at < len; at += sizeof b) {
        for (unsigned j = 0; j < BLOCKS; j++) {
            b[j] = next;
            next = _mm_add_epi32(next, one);
        }
        encrypt(b, round, SLC_AES256_ROUNDS);
        xor_stream(data + at, b, len - at);
    }
    slc_wipe(b, sizeof b);
}

const struct slc_aes_kernels slc_aes_kernels_aesni = {
    .ctr128 = ctr128,
    .expand256 = expand256,
    .encrypt256 = encrypt256,
    .ctr256 = ctr256,
    .polyval = slc_polyval_aesni,
};
