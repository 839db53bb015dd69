/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/burn.h"
#include "crypto/lanes/aes_internal.h"
#include "crypto/seal/polyval_internal.h"

#include <immintrin.h>
#include <string.h>

/* AES with VAES: four blocks in a vector; six vectors in flight (a header's keystream is 23 blocks), eight of a frame.
 */

enum { VECTORS = 6, FRAME_VECTORS = 8, STATE = SLC_AES_BLOCK, VECTOR = 64, KEYS = 4, STRIDE = VECTORS * VECTOR };

#define INLINE static inline __attribute__((always_inline))

/* As in aes_aesni.c, for four keys at once. */
INLINE __m512i spread(__m512i k)
{
    k = _mm512_xor_si512(k, _mm512_bslli_epi128(k, 4));
    return _mm512_xor_si512(k, _mm512_bslli_epi128(k, 8));
}

INLINE __m512i rotated_sub_word(__m512i k, uint32_t rcon)
{
    const __m512i rotate = _mm512_set1_epi32(0x0c0f0e0d);
    return _mm512_aesenclast_epi128(_mm512_shuffle_epi8(k, rotate), _mm512_set1_epi32((int)rcon));
}

INLINE __m512i sub_word(__m512i k)
{
    return _mm512_aesenclast_epi128(_mm512_shuffle_epi32(k, (_MM_PERM_ENUM)0xff), _mm512_setzero_si512());
}

/* 16 bytes of each of four keys; those past `n` repeat the first. */
INLINE __m512i gather_keys(const uint8_t *const *key, size_t n, size_t offset)
{
    __m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(key[0] + offset)));
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(key[n > 1 ? 1 : 0] + offset)), 1);
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(key[n > 2 ? 2 : 0] + offset)), 2);
    return _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(key[n > 3 ? 3 : 0] + offset)), 3);
}

/* round[r] holds round key r of the four keys. */
INLINE void expand128(__m512i round[SLC_AES128_ROUNDS + 1], const uint8_t *const *key, size_t n)
{
    uint32_t rcon = 1;
    __m512i k = gather_keys(key, n, 0);
    round[0] = k;
    for (unsigned r = 1; r <= SLC_AES128_ROUNDS; r++) {
        k = _mm512_xor_si512(spread(k), rotated_sub_word(k, rcon));
        round[r] = k;
        rcon = r == 8 ? 0x1b : rcon << 1;
    }
}

INLINE void scatter_round(struct slc_aes256 *schedule, size_t n, unsigned r, __m512i k)
{
    _mm_store_si128((__m128i *)schedule[0].round[r], _mm512_castsi512_si128(k));
    if (n > 1) _mm_store_si128((__m128i *)schedule[1].round[r], _mm512_extracti32x4_epi32(k, 1));
    if (n > 2) _mm_store_si128((__m128i *)schedule[2].round[r], _mm512_extracti32x4_epi32(k, 2));
    if (n > 3) _mm_store_si128((__m128i *)schedule[3].round[r], _mm512_extracti32x4_epi32(k, 3));
}

static void expand256(struct slc_aes256 *schedule, const uint8_t *const *key, size_t n)
{
    for (size_t i = 0; i < n; i += KEYS) {
        size_t keys = n - i < KEYS ? n - i : KEYS;
        uint32_t rcon = 1;
        __m512i even = gather_keys(key + i, keys, 0);
        __m512i odd = gather_keys(key + i, keys, STATE);
        scatter_round(schedule + i, keys, 0, even);
        scatter_round(schedule + i, keys, 1, odd);
        for (unsigned r = 2; r <= SLC_AES256_ROUNDS; r += 2, rcon <<= 1) {
            even = _mm512_xor_si512(spread(even), rotated_sub_word(odd, rcon));
            scatter_round(schedule + i, keys, r, even);
            if (r == SLC_AES256_ROUNDS) break;
            odd = _mm512_xor_si512(spread(odd), sub_word(even));
            scatter_round(schedule + i, keys, r + 1, odd);
        }
    }
}

/* Round key r is at `round + r * stride` bytes, the same for all blocks. */
INLINE __m512i round_key(const uint8_t *round, size_t stride, unsigned r)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(round + r * stride)));
}

INLINE void encrypt(__m512i *b, unsigned vectors, const uint8_t *round, size_t stride, unsigned rounds)
{
    __m512i key = round_key(round, stride, 0);
    for (unsigned j = 0; j < vectors; j++) {
        b[j] = _mm512_xor_si512(b[j], key);
    }
    for (unsigned r = 1; r < rounds; r++) {
        key = round_key(round, stride, r);
        for (unsigned j = 0; j < vectors; j++) {
            b[j] = _mm512_aesenc_epi128(b[j], key);
        }
    }
    key = round_key(round, stride, rounds);
    for (unsigned j = 0; j < vectors; j++) {
        b[j] = _mm512_aesenclast_epi128(b[j], key);
    }
}

INLINE void xor_vector(uint8_t *data, __m512i stream)
{
    _mm512_storeu_si512(data, _mm512_xor_si512(_mm512_loadu_si512(data), stream));
}

INLINE void xor_stream(uint8_t *data, const __m512i *b, unsigned vectors, size_t len)
{
    if (len >= (size_t)vectors * VECTOR) {
        for (unsigned j = 0; j < vectors; j++) {
            xor_vector(data + VECTOR * j, b[j]);
        }
        return;
    }
    size_t whole = len / VECTOR;
    for (unsigned j = 0; j < whole; j++) {
        xor_vector(data + VECTOR * j, b[j]);
    }
    if (len % VECTOR > 0) {
        __mmask64 mask = ((uint64_t)1 << (len % VECTOR)) - 1;
        uint8_t *at = data + VECTOR * whole;
        _mm512_mask_storeu_epi8(at, mask, _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, at), b[whole]));
    }
}

/* Big-endian 64-bit counters in the upper halves; the additions are done on the swapped form and wrap there. */
INLINE void ctr128_one(uint8_t *data, size_t len, const uint8_t *round, const uint8_t *iv)
{
    const __m512i swap_high =
        _mm512_broadcast_i32x4(_mm_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 7, 6, 5, 4, 3, 2, 1, 0));
    const __m512i first = _mm512_set_epi64(3, 0, 2, 0, 1, 0, 0, 0);
    const __m512i step = _mm512_set_epi64(4, 0, 4, 0, 4, 0, 4, 0);
    __m128i start = iv == NULL ? _mm_setzero_si128() : _mm_loadu_si128((const __m128i *)iv);
    __m512i next = _mm512_add_epi64(_mm512_shuffle_epi8(_mm512_broadcast_i32x4(start), swap_high), first);
    for (size_t at = 0; at < len; at += STRIDE) {
        __m512i b[VECTORS];
        for (unsigned j = 0; j < VECTORS; j++) {
            b[j] = _mm512_shuffle_epi8(next, swap_high);
            next = _mm512_add_epi64(next, step);
        }
        encrypt(b, VECTORS, round, KEYS * STATE, SLC_AES128_ROUNDS);
        xor_stream(data + at, b, VECTORS, len - at);
    }
}

SLC_IN_FRAME void ctr128_in_frame(uint8_t *const *data, size_t len, const uint8_t *const *key, const uint8_t *const *iv,
                                  size_t n)
{
    __m512i round[SLC_AES128_ROUNDS + 1];
    for (size_t i = 0; i < n; i += KEYS) {
        size_t keys = n - i < KEYS ? n - i : KEYS;
        expand128(round, key + i, keys);
        for (size_t k = 0; k < keys; k++) {
            ctr128_one(data[i + k], len, (const uint8_t *)round + k * STATE, iv == NULL ? NULL : iv[i + k]);
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
    __m512i b[2];
    uint64_t bytes = n * STATE;
    __mmask64 low = bytes >= VECTOR ? ~(uint64_t)0 : ((uint64_t)1 << bytes) - 1;
    __mmask64 high = bytes <= VECTOR ? 0 : ~(uint64_t)0 >> (2 * VECTOR - bytes);
    b[0] = _mm512_maskz_loadu_epi8(low, block);
    b[1] = _mm512_maskz_loadu_epi8(high, block + 4);
    for (unsigned r = 0; r <= SLC_AES256_ROUNDS; r++) {
        __m512i key = round_key(schedule->round[0], STATE, r);
        for (unsigned j = 0; j < 2; j++) {
            b[j] = r == 0                  ? _mm512_xor_si512(b[j], key)
                   : r < SLC_AES256_ROUNDS ? _mm512_aesenc_epi128(b[j], key)
                                           : _mm512_aesenclast_epi128(b[j], key);
        }
    }
    _mm512_mask_storeu_epi8(block, low, b[0]);
    _mm512_mask_storeu_epi8(block + 4, high, b[1]);
}

static void ctr256(const struct slc_aes256 *schedule, const uint8_t tag[STATE], uint8_t *data, size_t len)
{
    const __m512i first = _mm512_set_epi32(0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0);
    const __m512i step = _mm512_set_epi32(0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4);
    __m128i counter = _mm_or_si128(_mm_loadu_si128((const __m128i *)tag), _mm_set_epi64x(INT64_MIN, 0));
    __m512i next = _mm512_add_epi32(_mm512_broadcast_i32x4(counter), first);
    for (size_t at = 0; at < len; at += FRAME_VECTORS * VECTOR) {
        __m512i b[FRAME_VECTORS];
        for (unsigned j = 0; j < FRAME_VECTORS; j++) {
            b[j] = next;
            next = _mm512_add_epi32(next, step);
        }
        encrypt(b, FRAME_VECTORS, schedule->round[0], STATE, SLC_AES256_ROUNDS);
        xor_stream(data + at, b, FRAME_VECTORS, len - at);
    }
}

const struct slc_aes_kernels slc_aes_kernels_vaes = {
    .ctr128 = ctr128,
    .expand256 = expand256,
    .encrypt256 = encrypt256,
    .ctr256 = ctr256,
    .polyval = slc_polyval_vaes,
};
