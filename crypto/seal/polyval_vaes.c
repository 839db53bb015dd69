/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/secret.h"
#include "crypto/seal/polyval_internal.h"

#include <immintrin.h>

/*
 * POLYVAL with VPCLMULQDQ: 32 blocks, four to a vector, share one reduction. The sum stays spread over the lanes; only
 * its product with key^32 waits for the stride before.
 */

enum { BLOCK = 16, VECTOR = 64, PER_VECTOR = VECTOR / BLOCK, VECTORS = 8, STRIDE = VECTORS * VECTOR };
enum { POWERS = VECTORS * PER_VECTOR };

/* key^32 .. key^1, then what a vector read at one of the last reads too much: it meets zeros only. */
struct powers {
    _Alignas(VECTOR) uint8_t of[POWERS + PER_VECTOR][BLOCK];
};

#define INLINE static inline __attribute__((always_inline))

/* An unreduced product in each 128-bit lane: low + (middle + low + high) x^64 + high x^128 (Karatsuba). */
struct product {
    __m512i low;
    __m512i middle;
    __m512i high;
};

INLINE struct product no_product(void)
{
    return (struct product){_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
}

INLINE __m512i add_halves(__m512i v)
{
    return _mm512_xor_si512(v, _mm512_shuffle_epi32(v, (_MM_PERM_ENUM)0x4e));
}

INLINE void add_product(struct product *p, __m512i a, __m512i b)
{
    p->low = _mm512_xor_si512(p->low, _mm512_clmulepi64_epi128(a, b, 0x00));
    p->high = _mm512_xor_si512(p->high, _mm512_clmulepi64_epi128(a, b, 0x11));
    p->middle = _mm512_xor_si512(p->middle, _mm512_clmulepi64_epi128(add_halves(a), add_halves(b), 0x00));
}

/* As in polyval_aesni.c, in each lane. */
INLINE __m512i reduce(struct product p)
{
    const __m512i poly = _mm512_set1_epi64((long long)0xc200000000000000);
    __m512i middle = _mm512_ternarylogic_epi64(p.middle, p.low, p.high, 0x96);
    __m512i low = _mm512_xor_si512(p.low, _mm512_bslli_epi128(middle, 8));
    __m512i high = _mm512_xor_si512(p.high, _mm512_bsrli_epi128(middle, 8));
    low = _mm512_xor_si512(_mm512_shuffle_epi32(low, (_MM_PERM_ENUM)0x4e), _mm512_clmulepi64_epi128(low, poly, 0x00));
    low = _mm512_xor_si512(_mm512_shuffle_epi32(low, (_MM_PERM_ENUM)0x4e), _mm512_clmulepi64_epi128(low, poly, 0x00));
    return _mm512_xor_si512(high, low);
}

INLINE __m512i dot(__m512i a, __m512i b)
{
    struct product p = no_product();
    add_product(&p, a, b);
    return reduce(p);
}

INLINE __m512i broadcast(__m512i v)
{
    return _mm512_shuffle_i32x4(v, v, 0x00);
}

/* The sum of the lanes. */
INLINE __m128i add_lanes(__m512i v)
{
    __m256i half = _mm256_xor_si256(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* Lanes key^4, key^3, key^2, key. */
INLINE __m512i first_powers(__m512i key)
{
    __m512i square = dot(key, key);
    __m512i low = _mm512_mask_blend_epi64(0xcc, square, key);                 /* 2 1 2 1 */
    __m512i scale = _mm512_mask_blend_epi64(0x0f, square, broadcast(square)); /* 2 2 .. */
    return _mm512_mask_blend_epi64(0x0f, low, dot(low, scale));               /* 4 3 2 1 */
}

/* As many as `blocks` blocks need. */
INLINE void fill_powers(struct powers *powers, __m512i key, size_t blocks)
{
    __m512i *vector = (__m512i *)powers->of;
    vector[VECTORS] = _mm512_setzero_si512();
    vector[7] = first_powers(key);
    if (blocks <= PER_VECTOR) return;
    __m512i fourth = broadcast(vector[7]);
    vector[6] = dot(vector[7], fourth);
    __m512i eighth = broadcast(vector[6]);
    vector[5] = dot(vector[7], eighth);
    vector[4] = dot(vector[6], eighth);
    if (blocks <= 4 * (size_t)PER_VECTOR) return;
    __m512i sixteenth = broadcast(vector[4]);
    for (unsigned i = 0; i < 4; i++) {
        vector[i] = dot(vector[4 + i], sixteenth);
    }
}

INLINE __m512i load(const uint8_t *data, size_t len)
{
    return _mm512_maskz_loadu_epi8(len >= VECTOR ? ~(uint64_t)0 : ((uint64_t)1 << len) - 1, data);
}

INLINE __m512i load_power(const uint8_t power[BLOCK])
{
    return _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)power));
}

void slc_polyval_vaes(uint8_t sum[BLOCK], const uint8_t key[BLOCK], const uint8_t *data, size_t len,
                      const uint8_t last[BLOCK])
{
    struct powers powers;
    size_t blocks = (len + BLOCK - 1) / BLOCK + 1;
    __m512i h = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)key)), s = _mm512_setzero_si512();
    fill_powers(&powers, h, blocks);
    for (; blocks > POWERS; blocks -= POWERS) {
        struct product p = no_product();
        for (size_t i = 0; i < VECTORS; i++) {
            add_product(&p, load(data + VECTOR * i, len - VECTOR * i), _mm512_load_si512(powers.of[PER_VECTOR * i]));
        }
        add_product(&p, s, load_power(powers.of[0]));
        s = reduce(p);
        data += STRIDE;
        len -= len < STRIDE ? len : STRIDE;
    }
    struct product p = no_product();
    const uint8_t(*power)[BLOCK] = (const uint8_t(*)[BLOCK])powers.of + POWERS - blocks;
    for (size_t at = 0; at < len; at += VECTOR) {
        add_product(&p, load(data + at, len - at), _mm512_loadu_si512(power[at / BLOCK]));
    }
    add_product(&p, s, load_power(power[0]));
    add_product(&p, _mm512_zextsi128_si512(_mm_loadu_si128((const __m128i *)last)), h);
    _mm_storeu_si128((__m128i *)sum, add_lanes(reduce(p)));
    slc_wipe(&powers, sizeof powers);
}
