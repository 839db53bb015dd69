/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/secret.h"
#include "crypto/seal/polyval_internal.h"

#include <immintrin.h>
#include <string.h>

/* POLYVAL with PCLMULQDQ: eight blocks share one reduction. */

enum { BLOCK = 16, POWERS = 8 };

#define INLINE static inline __attribute__((always_inline))

/* An unreduced product: low + middle x^64 + high x^128. */
struct product {
    __m128i low;
    __m128i middle;
    __m128i high;
};

INLINE void add_product(struct product *p, __m128i a, __m128i b)
{
    p->low = _mm_xor_si128(p->low, _mm_clmulepi64_si128(a, b, 0x00));
    p->high = _mm_xor_si128(p->high, _mm_clmulepi64_si128(a, b, 0x11));
    p->middle = _mm_xor_si128(p->middle, _mm_clmulepi64_si128(a, b, 0x10));
    p->middle = _mm_xor_si128(p->middle, _mm_clmulepi64_si128(a, b, 0x01));
}

/* Times x^-128 mod x^128 + x^127 + x^126 + x^121 + 1, in two Montgomery steps of 64 bits (S. Gueron). */
INLINE __m128i reduce(struct product p)
{
    const __m128i poly = _mm_set_epi64x((long long)0xc200000000000000, 1);
    __m128i low = _mm_xor_si128(p.low, _mm_slli_si128(p.middle, 8));
    __m128i high = _mm_xor_si128(p.high, _mm_srli_si128(p.middle, 8));
    low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4e), _mm_clmulepi64_si128(low, poly, 0x10));
    low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4e), _mm_clmulepi64_si128(low, poly, 0x10));
    return _mm_xor_si128(high, low);
}

INLINE __m128i dot(__m128i a, __m128i b)
{
    struct product p = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
    add_product(&p, a, b);
    return reduce(p);
}

void slc_polyval_aesni(uint8_t sum[16], const uint8_t key[16], const uint8_t *data, size_t len)
{
    __m128i power[POWERS]; /* power[i] = key^(i + 1) */
    __m128i s = _mm_loadu_si128((const __m128i *)sum);
    power[0] = _mm_loadu_si128((const __m128i *)key);
    if (len >= POWERS * BLOCK) {
        for (unsigned i = 1; i < POWERS; i++) {
            power[i] = dot(power[i - 1 - i / 2], power[i / 2]);
        }
    }
    for (; len >= POWERS * BLOCK; data += POWERS * BLOCK, len -= POWERS * BLOCK) {
        struct product p = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
        for (unsigned i = POWERS; i-- > 0;) { /* block 0 last: it alone waits for the sum before */
            __m128i x = _mm_loadu_si128((const __m128i *)(data + BLOCK * i));
            add_product(&p, i == 0 ? _mm_xor_si128(x, s) : x, power[POWERS - 1 - i]);
        }
        s = reduce(p);
    }
    while (len > 0) {
        size_t piece = len < BLOCK ? len : BLOCK;
        __m128i x = _mm_setzero_si128();
        memcpy(&x, data, piece);
        s = dot(_mm_xor_si128(s, x), power[0]);
        data += piece;
        len -= piece;
    }
    _mm_storeu_si128((__m128i *)sum, s);
    slc_wipe(power, sizeof power);
}
