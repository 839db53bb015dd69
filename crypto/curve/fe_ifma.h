/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_FE_IFMA_H
#define SLUICE_FE_IFMA_H

#include "crypto/curve/bounds.h"
#include "crypto/curve/curve_internal.h"

#include <immintrin.h>

/*
 * Field elements modulo p = 2^255 - 19 for 8 lanes with AVX-512 IFMA: 5 limbs of 52 bits, the top one of 47. The
 * interface is the one that kernel.h describes.
 *
 * Low and high halves of a product of limbs i, j go to columns i + j and i + j + 1, with no doubling, since the radix
 * is the instruction's own. Column 5 weighs 2^260 = 608 (mod p).
 *
 * Bounds. fe: of limbs 0 .. 3 only the low 52 bits count (the instruction ignores the rest, so nothing masks them);
 * limb 4 < 2^47 + 2^13. fe_wide: limbs < 2^60; a product's are < 2^57 and BIAS adds less than 2^58. A biased left side
 * less a product stays positive.
 */

#define TOP_LIMIT     ((UINT64_C(1) << 47) + (UINT64_C(1) << 13))
#define WIDE_LIMIT    (UINT64_C(1) << 60)
#define PRODUCT_LIMIT (UINT64_C(1) << 57)
#define BIAS_LIMIT    (UINT64_C(1) << 58)

enum { LANES = 8 };

typedef uint64_t lane __attribute__((vector_size(64)));
typedef __mmask8 lane_mask;

typedef struct {
    lane v[FIELD_LIMBS];
} fe;
typedef struct {
    lane v[FIELD_LIMBS];
} fe_wide;

CURVE_FIELD_IS_INTEGER

CURVE_INLINE lane lane_all(uint64_t x)
{
    return (lane)_mm512_set1_epi64((long long)x);
}

CURVE_INLINE lane lane_load(const uint64_t words[LANES])
{
    return (lane)_mm512_loadu_si512(words);
}

CURVE_INLINE lane lane_shift(lane x, unsigned bits)
{
    return (lane)_mm512_srl_epi64((__m512i)x, _mm_cvtsi32_si128((int)bits));
}

CURVE_INLINE lane_mask lane_is_zero(lane x)
{
    return _mm512_testn_epi64_mask((__m512i)x, (__m512i)x);
}

CURVE_INLINE lane lane_select(lane_mask where, lane otherwise, lane then)
{
    return (lane)_mm512_mask_blend_epi64(where, (__m512i)otherwise, (__m512i)then);
}

CURVE_INLINE bool lane_any(lane x)
{
    uint64_t any = 0;
    for (int i = 0; i < LANES; i++) {
        any |= x[i];
    }
    return any != 0;
}

CURVE_INLINE lane lane_over(lane x, uint64_t limit)
{
    return (lane)(x >= lane_all(limit));
}

/* z + low or high 52 bits of the 104-bit product of the low 52 bits of a and b. */
CURVE_INLINE lane low(lane z, lane a, lane b)
{
    return (lane)_mm512_madd52lo_epu64((__m512i)z, (__m512i)a, (__m512i)b);
}

CURVE_INLINE lane high(lane z, lane a, lane b)
{
    return (lane)_mm512_madd52hi_epu64((__m512i)z, (__m512i)a, (__m512i)b);
}

CURVE_INLINE fe fe_zero(void)
{
    lane o = lane_all(0);
    return (fe){{o, o, o, o, o}};
}

CURVE_INLINE fe fe_one(void)
{
    lane o = lane_all(0);
    return (fe){{lane_all(1), o, o, o, o}};
}

CURVE_INLINE fe_wide fe_widen(fe canonical)
{
    fe_wide r;
    for (int i = 0; i < FIELD_LIMBS; i++) {
        r.v[i] = canonical.v[i];
    }
    return r;
}

CURVE_INLINE fe_wide wide_zero(void)
{
    return fe_widen(fe_zero());
}

/* A multiple of p whose limbs are all between 2^57 and 2^58. */
CURVE_INLINE fe_wide bias(void)
{
    lane middle = lane_all(0x20fffffffffffdf);
    return (fe_wide){{lane_all(0x20fffffffffb3ed), middle, middle, middle, lane_all(0x2007fffffffffdf)}};
}

CURVE_INLINE fe_wide wide_add(fe_wide a, fe_wide b)
{
    for (int i = 0; i < FIELD_LIMBS; i++) {
        a.v[i] += b.v[i];
    }
    return a;
}

CURVE_INLINE fe_wide wide_sub(fe_wide a, fe_wide b)
{
    for (int i = 0; i < FIELD_LIMBS; i++) {
        CHECK_BOUND((lane)(a.v[i] < b.v[i]));
        a.v[i] -= b.v[i];
    }
    return a;
}

CURVE_INLINE fe_wide wide_bias(fe_wide a)
{
    return wide_add(a, bias());
}

CURVE_INLINE fe fe_select(lane_mask where, fe otherwise, fe then)
{
    for (int i = 0; i < FIELD_LIMBS; i++) {
        otherwise.v[i] = lane_select(where, otherwise.v[i], then.v[i]);
    }
    return otherwise;
}

CURVE_INLINE fe_wide wide_select(lane_mask where, fe_wide otherwise, fe_wide then)
{
    for (int i = 0; i < FIELD_LIMBS; i++) {
        otherwise.v[i] = lane_select(where, otherwise.v[i], then.v[i]);
    }
    return otherwise;
}

CURVE_INLINE fe fe_carry(fe_wide a)
{
    CHECK_LIMBS(a.v, lane_over(x, WIDE_LIMIT));
    lane top = a.v[4] >> 47;
    fe r;
    r.v[0] = low(a.v[0], top, lane_all(19));
    r.v[1] = a.v[1] + (r.v[0] >> 52);
    r.v[2] = a.v[2] + (r.v[1] >> 52);
    r.v[3] = a.v[3] + (r.v[2] >> 52);
    r.v[4] = (a.v[4] & lane_all((UINT64_C(1) << 47) - 1)) + (r.v[3] >> 52);
    CHECK_BOUND(lane_over(r.v[4], TOP_LIMIT));
    return r;
}

/*
 * Columns 5 .. 9 come down times 608. Columns 5 .. 7 are split at bit 52, the low part multiplied in place and what is
 * above it one column further: so no carry chain comes before the multiplications. Column 9, the high half of limb 4
 * squared and what column 8 carries, is below 2^42 + 2^10; times 608 that is below 2^52, and low() has all of it.
 */
CURVE_INLINE fe_wide fold(const lane c[2 * FIELD_LIMBS])
{
    lane k = lane_all(608);
    fe_wide r = {{c[0], c[1], c[2], c[3], c[4]}};
#pragma GCC unroll 4
    for (int i = 0; i < FIELD_LIMBS - 1; i++) {
        lane column = c[FIELD_LIMBS + i];
        r.v[i] = low(r.v[i], k, column);
        r.v[i + 1] = high(r.v[i + 1], k, column);
        if (i < FIELD_LIMBS - 2) r.v[i + 1] = low(r.v[i + 1], k, column >> 52);
    }
    CHECK_BOUND(lane_over(c[9] + (c[8] >> 52), (UINT64_C(1) << 42) + (UINT64_C(1) << 10)));
    r.v[4] = low(r.v[4], k, c[9] + (c[8] >> 52));
    return r;
}

CURVE_INLINE fe_wide mul_onto(fe_wide start, fe a, fe b)
{
    CHECK_BOUND(lane_over(a.v[4], TOP_LIMIT) | lane_over(b.v[4], TOP_LIMIT));
    lane o = lane_all(0);
    lane c[2 * FIELD_LIMBS] = {start.v[0], start.v[1], start.v[2], start.v[3], start.v[4], o, o, o, o, o};
#pragma GCC unroll 5
    for (int i = 0; i < FIELD_LIMBS; i++) {
#pragma GCC unroll 5
        for (int j = 0; j < FIELD_LIMBS; j++) {
            c[i + j] = low(c[i + j], a.v[i], b.v[j]);
        }
#pragma GCC unroll 5
        for (int j = 0; j < FIELD_LIMBS; j++) {
            c[i + j + 1] = high(c[i + j + 1], a.v[i], b.v[j]);
        }
    }
    return fold(c);
}

/* The products of two different limbs once, doubled together; then the squares. */
CURVE_INLINE fe_wide sqr_onto(fe_wide start, fe a)
{
    CHECK_BOUND(lane_over(a.v[4], TOP_LIMIT));
    lane c[2 * FIELD_LIMBS];
#pragma GCC unroll 10
    for (int k = 0; k < 2 * FIELD_LIMBS; k++) {
        c[k] = lane_all(0);
    }
#pragma GCC unroll 5
    for (int i = 0; i < FIELD_LIMBS; i++) {
#pragma GCC unroll 5
        for (int j = i + 1; j < FIELD_LIMBS; j++) {
            c[i + j] = low(c[i + j], a.v[i], a.v[j]);
            c[i + j + 1] = high(c[i + j + 1], a.v[i], a.v[j]);
        }
    }
#pragma GCC unroll 10
    for (int k = 0; k < 2 * FIELD_LIMBS; k++) {
        c[k] += c[k];
        if (k < FIELD_LIMBS) c[k] += start.v[k];
    }
#pragma GCC unroll 5
    for (int i = 0; i < FIELD_LIMBS; i++) {
        c[2 * i] = low(c[2 * i], a.v[i], a.v[i]);
        c[2 * i + 1] = high(c[2 * i + 1], a.v[i], a.v[i]);
    }
    return fold(c);
}

CURVE_INLINE fe_wide fe_mul(fe a, fe b)
{
    fe_wide r = mul_onto(wide_zero(), a, b);
    CHECK_LIMBS(r.v, lane_over(x, PRODUCT_LIMIT));
    return r;
}

CURVE_INLINE fe_wide fe_mul_biased(fe a, fe b)
{
    fe_wide r = mul_onto(bias(), a, b);
    CHECK_LIMBS(r.v, lane_over(x, PRODUCT_LIMIT + BIAS_LIMIT));
    return r;
}

CURVE_INLINE fe_wide fe_sqr(fe a)
{
    fe_wide r = sqr_onto(wide_zero(), a);
    CHECK_LIMBS(r.v, lane_over(x, PRODUCT_LIMIT));
    return r;
}

CURVE_INLINE fe_wide fe_sqr_biased(fe a)
{
    fe_wide r = sqr_onto(bias(), a);
    CHECK_LIMBS(r.v, lane_over(x, PRODUCT_LIMIT + BIAS_LIMIT));
    return r;
}

CURVE_INLINE fe_wide wide_add_multiple(fe_wide a, fe b, uint32_t small)
{
    lane k = lane_all(small);
    a.v[0] = low(a.v[0], high(lane_all(0), b.v[4], k), lane_all(608));
    a.v[0] = low(a.v[0], b.v[0], k);
    for (int i = 1; i < FIELD_LIMBS; i++) {
        a.v[i] = high(low(a.v[i], b.v[i], k), b.v[i - 1], k);
    }
    return a;
}

CURVE_INLINE fe fe_load(const lane w[4])
{
    lane m = lane_all((UINT64_C(1) << 52) - 1);
    return (fe){{w[0] & m, (w[0] >> 52 | w[1] << 12) & m, (w[1] >> 40 | w[2] << 24) & m, (w[2] >> 28 | w[3] << 36) & m,
                 w[3] << 1 >> 17}};
}

/* Adds 19 * carry, then carries from limb to limb; limb 4 keeps what goes above it. */
CURVE_INLINE void carry_into(lane v[FIELD_LIMBS], lane carry)
{
    v[0] = low(v[0], carry, lane_all(19));
    for (int i = 0; i < FIELD_LIMBS - 1; i++) {
        v[i + 1] += v[i] >> 52;
        v[i] &= lane_all((UINT64_C(1) << 52) - 1);
    }
}

CURVE_INLINE void fe_store(lane w[4], fe a)
{
    lane m = lane_all((UINT64_C(1) << 52) - 1), top = lane_all((UINT64_C(1) << 47) - 1);
    lane v[FIELD_LIMBS] = {a.v[0] & m, a.v[1] & m, a.v[2] & m, a.v[3] & m, a.v[4]};
    for (int round = 0; round < 2; round++) {
        lane carry = v[4] >> 47;
        v[4] &= top;
        carry_into(v, carry);
    }
    /* Now a < 2p: it is at least p exactly when adding 19 carries out of bit 254. */
    lane above = lane_all(19);
    for (int i = 0; i < FIELD_LIMBS - 1; i++) {
        above = (v[i] + above) >> 52;
    }
    carry_into(v, (v[4] + above) >> 47);
    v[4] &= top;
    w[0] = v[0] | v[1] << 52;
    w[1] = v[1] >> 12 | v[2] << 40;
    w[2] = v[2] >> 24 | v[3] << 28;
    w[3] = v[3] >> 36 | v[4] << 16;
}

/* All 8 lanes read one block: a limb of all 16 points is two vectors, and the digit only permutes them. */
CURVE_INLINE lane choose(const uint64_t limb[COMB_POINTS], lane index)
{
    return (lane)_mm512_permutex2var_epi64(_mm512_load_si512(limb), (__m512i)index, _mm512_load_si512(limb + LANES));
}

CURVE_INLINE lane_mask comb_lookup(fe *sum, fe *difference, fe *product, const struct comb_block *block, lane digit)
{
    lane_mask negative = lane_is_zero(digit & lane_all(COMB_POINTS));
    /* A negative digit counts down; the permutation ignores bit 4. */
    lane index = lane_select(negative, digit, digit ^ lane_all(COMB_POINTS - 1));
    for (int k = 0; k < FIELD_LIMBS; k++) {
        lane s = choose(block->sum[k], index), d = choose(block->difference[k], index);
        sum->v[k] = lane_select(negative, s, d);
        difference->v[k] = lane_select(negative, d, s);
        product->v[k] = choose(block->product[k], index);
    }
    return negative;
}

#endif
