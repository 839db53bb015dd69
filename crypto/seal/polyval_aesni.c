/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/secret.h"
#include "crypto/seal/polyval_internal.h"

#include <immintrin.h>
#include <string.h>

/* POLYVAL with PCLMULQDQ: eight blocks share one reduction, at the end up to nine. */

enum { BLOCK = 16, STRIDE = 8, POWERS = STRIDE + 1 };

#define INLINE static inline __attribute__((always_inline))

/* An unreduced product: low + (middle + low + high) x^64 + high x^128 (Karatsuba). */
struct product {
    __m128i low;
    __m128i middle;
    __m128i high;
};

INLINE struct product no_product(void)
{
    return (struct product){_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};
}

INLINE __m128i add_halves(__m128i v)
{
    return _mm_xor_si128(v, _mm_shuffle_epi32(v, 0x4e));
}

INLINE void add_product(struct product *p, __m128i a, __m128i b)
{
    p->low = _mm_xor_si128(p->low, _mm_clmulepi64_si128(a, b, 0x00));
    p->high = _mm_xor_si128(p->high, _mm_clmulepi64_si128(a, b, 0x11));
    p->middle = _mm_xor_si128(p->middle, _mm_clmulepi64_si128(add_halves(a), add_halves(b), 0x00));
}

/* Times x^-128 mod x^128 + x^127 + x^126 + x^121 + 1, in two Montgomery steps of 64 bits (S. Gueron). */
INLINE __m128i reduce(struct product p)
{
    const __m128i poly = _mm_set_epi64x((long long)0xc200000000000000, 1);
    __m128i middle = _mm_xor_si128(p.middle, _mm_xor_si128(p.low, p.high));
    __m128i low = _mm_xor_si128(p.low, _mm_slli_si128(middle, 8));
    __m128i high = _mm_xor_si128(p.high, _mm_srli_si128(middle, 8));
    low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4e), _mm_clmulepi64_si128(low, poly, 0x10));
    low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4e), _mm_clmulepi64_si128(low, poly, 0x10));
    return _mm_xor_si128(high, low);
}

INLINE __m128i dot(__m128i a, __m128i b)
{
    struct product p = no_product();
    add_product(&p, a, b);
    return reduce(p);
}

void slc_polyval_aesni(uint8_t sum[BLOCK], const uint8_t key[BLOCK], const uint8_t *data, size_t len,
                       const uint8_t last[BLOCK])
{
    __m128i power[POWERS]; /* power[i] = key^(i + 1) */
    __m128i s = _mm_setzero_si128();
    size_t blocks = (len + BLOCK - 1) / BLOCK + 1;
    power[0] = _mm_loadu_si128((const __m128i *)key);
    for (unsigned i = 1; i < (blocks < POWERS ? blocks : POWERS); i++) {
        power[i] = dot(power[i - 1 - i / 2], power[i / 2]);
    }
    for (; blocks > POWERS; data += STRIDE * BLOCK, len -= STRIDE * BLOCK, blocks -= STRIDE) {
        struct product p = no_product();
        for (unsigned i = STRIDE; i-- > 0;) { /* block 0 last: it alone waits for the sum before */
            __m128i x = _mm_loadu_si128((const __m128i *)(data + BLOCK * i));
            add_product(&p, i == 0 ? _mm_xor_si128(x, s) : x, power[STRIDE - 1 - i]);
        }
        s = reduce(p);
    }
    struct product p = no_product();
    for (; blocks > 1; blocks--) {
        size_t piece = len < BLOCK ? len : BLOCK;
        __m128i x = _mm_setzero_si128();
        memcpy(&x, data, piece);
        add_product(&p, _mm_xor_si128(x, s), power[blocks - 1]);
        s = _mm_setzero_si128();
        data += piece;
        len -= piece;
    }
    add_product(&p, _mm_xor_si128(_mm_loadu_si128((const __m128i *)last), s), power[0]);
    _mm_storeu_si128((__m128i *)sum, reduce(p));
    slc_wipe(power, sizeof power);
}
