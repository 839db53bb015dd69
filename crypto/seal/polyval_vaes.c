/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/secret.h"
#include "crypto/seal/polyval_internal.h"

#include <immintrin.h>

/* POLYVAL with VPCLMULQDQ: sixteen blocks, four to a vector, share one reduction. */

enum { BLOCK = 16, VECTOR = 64, VECTORS = 4, STRIDE = VECTORS * VECTOR };

#define INLINE static inline __attribute__((always_inline))

/* An unreduced product in each 128-bit lane: low + middle x^64 + high x^128. */
struct product {
    __m512i low;
    __m512i middle;
    __m512i high;
};

INLINE struct product no_product(void)
{
    return (struct product){_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
}

INLINE void add_product(struct product *p, __m512i a, __m512i b)
{
    p->low = _mm512_xor_si512(p->low, _mm512_clmulepi64_epi128(a, b, 0x00));
    p->high = _mm512_xor_si512(p->high, _mm512_clmulepi64_epi128(a, b, 0x11));
    p->middle = _mm512_xor_si512(p->middle, _mm512_clmulepi64_epi128(a, b, 0x10));
    p->middle = _mm512_xor_si512(p->middle, _mm512_clmulepi64_epi128(a, b, 0x01));
}

/* As in polyval_aesni.c, in each lane. */
INLINE __m512i reduce(struct product p)
{
    const __m512i poly = _mm512_set1_epi64((long long)0xc200000000000000);
    __m512i low = _mm512_xor_si512(p.low, _mm512_bslli_epi128(p.middle, 8));
    __m512i high = _mm512_xor_si512(p.high, _mm512_bsrli_epi128(p.middle, 8));
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

/* The sum of the lanes, in lane 0; the others are zero. */
INLINE __m512i add_lanes(__m512i v)
{
    v = _mm512_xor_si512(v, _mm512_shuffle_i32x4(v, v, 0x4e));
    v = _mm512_xor_si512(v, _mm512_shuffle_i32x4(v, v, 0xb1));
    return _mm512_maskz_mov_epi64(3, v);
}

/* Lanes key^4, key^3, key^2, key. */
INLINE __m512i first_powers(__m512i key)
{
    __m512i square = dot(key, key);
    __m512i low = _mm512_mask_blend_epi64(0xcc, square, key);                 /* 2 1 2 1 */
    __m512i scale = _mm512_mask_blend_epi64(0x0f, square, broadcast(square)); /* 2 2 .. */
    return _mm512_mask_blend_epi64(0x0f, low, dot(low, scale));               /* 4 3 2 1 */
}

INLINE void add_vector(struct product *p, const uint8_t *data, size_t len, __m512i s, __m512i powers)
{
    __mmask64 mask = len >= VECTOR ? ~(uint64_t)0 : ((uint64_t)1 << len) - 1;
    add_product(p, _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, data), s), powers);
}

void slc_polyval_vaes(uint8_t sum[16], const uint8_t key[16], const uint8_t *data, size_t len)
{
    __m512i power[VECTORS]; /* key^(4 (VECTORS - i)) .. key^(4 (VECTORS - i) - 3) */
    __m512i h = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)key));
    __m512i s = _mm512_zextsi128_si512(_mm_loadu_si128((const __m128i *)sum));
    if (len <= BLOCK) {
        struct product p = no_product();
        if (len > 0) {
            add_vector(&p, data, len, s, h);
            s = reduce(p);
        }
        _mm_storeu_si128((__m128i *)sum, _mm512_castsi512_si128(s));
        return;
    }
    power[VECTORS - 1] = first_powers(h);
    if (len >= STRIDE) {
        __m512i fourth = broadcast(power[VECTORS - 1]);
        for (unsigned i = VECTORS - 1; i > 0; i--) {
            power[i - 1] = dot(power[i], fourth);
        }
    }
    for (; len >= STRIDE; data += STRIDE, len -= STRIDE) {
        struct product p = no_product();
        for (unsigned i = VECTORS; i-- > 0;) { /* vector 0 last: it alone waits for the sum before */
            add_vector(&p, data + VECTOR * i, VECTOR, i == 0 ? s : _mm512_setzero_si512(), power[i]);
        }
        s = add_lanes(reduce(p));
    }
    for (; len >= VECTOR; data += VECTOR, len -= VECTOR) {
        struct product p = no_product();
        add_vector(&p, data, VECTOR, s, power[VECTORS - 1]);
        s = add_lanes(reduce(p));
    }
    for (; len > 0; data += BLOCK, len -= len < BLOCK ? len : BLOCK) {
        struct product p = no_product();
        add_vector(&p, data, len < BLOCK ? len : BLOCK, s, h);
        s = _mm512_maskz_mov_epi64(3, reduce(p));
    }
    _mm_storeu_si128((__m128i *)sum, _mm512_castsi512_si128(s));
    slc_wipe(power, sizeof power);
}
