/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_FE_U64_H
#define SLUICE_FE_U64_H

#include "crypto/curve/bounds.h"
#include "crypto/curve/curve_internal.h"

/*
 * Field elements modulo p = 2^255 - 19 for one lane: 5 limbs of 51 bits, products in 128 bits. The interface is the one
 * that kernel.h describes; a fe_ header of another back end has the same names.
 *
 * Bounds: a product has limbs < 2^51 + 2^14. `fe` and `fe_wide` hold limbs < 2^54, which is what a multiplication
 * takes. Only products (and canonical values) are ever subtracted, so adding 2p keeps a difference positive and below
 * 2^54; nothing is left to carry. The one exception: the comb's first point has X = s - d + 2p and Y = s + d for an
 * entry's sum s and difference d, so that Y + 2p - X is 2d, limb by limb.
 */

#define FE_LIMIT      (UINT64_C(1) << 54)
#define PRODUCT_LIMIT ((UINT64_C(1) << 51) + (UINT64_C(1) << 14))

enum { LANES = 1 };

typedef uint64_t lane;
typedef uint64_t lane_mask; /* all ones or zero */
typedef unsigned __int128 wide_word;

typedef struct {
    uint64_t v[FIELD_LIMBS];
} fe;
typedef struct {
    uint64_t v[FIELD_LIMBS];
} fe_wide;

CURVE_FIELD_IS_INTEGER

/* Keeps the compiler from seeing that a mask has two values, and from branching on it. */
CURVE_INLINE uint64_t opaque(uint64_t x)
{
    __asm__("" : "+r"(x));
    return x;
}

CURVE_INLINE lane lane_all(uint64_t x)
{
    return x;
}

CURVE_INLINE bool lane_any(lane x)
{
    return x != 0;
}

CURVE_INLINE lane lane_load(const uint64_t words[LANES])
{
    return words[0];
}

CURVE_INLINE void lane_store(uint64_t words[LANES], lane x)
{
    words[0] = x;
}

CURVE_INLINE lane lane_shift(lane x, unsigned bits)
{
    return x >> bits;
}

CURVE_INLINE lane_mask lane_is_zero(lane x)
{
    return opaque(((x | (0 - x)) >> 63) - 1);
}

#include "crypto/curve/fe_51.h"

CURVE_INLINE fe fe_one(void)
{
    return (fe){{1}};
}

CURVE_INLINE fe fe_zero(void)
{
    return (fe){{0}};
}

CURVE_INLINE fe_wide fe_widen(fe canonical)
{
    fe_wide r;
    for (int i = 0; i < FIELD_LIMBS; i++) {
        r.v[i] = canonical.v[i];
    }
    return r;
}

CURVE_INLINE fe fe_carry(fe_wide a)
{
    fe r;
    CHECK_LIMBS(a.v, x >= FE_LIMIT);
    for (int i = 0; i < FIELD_LIMBS; i++) {
        r.v[i] = a.v[i];
    }
    return r;
}

CURVE_INLINE fe fe_select(lane_mask where, fe otherwise, fe then)
{
    for (int i = 0; i < FIELD_LIMBS; i++) {
        otherwise.v[i] ^= where & (otherwise.v[i] ^ then.v[i]);
    }
    return otherwise;
}

CURVE_INLINE fe_wide wide_select(lane_mask where, fe_wide otherwise, fe_wide then)
{
    for (int i = 0; i < FIELD_LIMBS; i++) {
        otherwise.v[i] ^= where & (otherwise.v[i] ^ then.v[i]);
    }
    return otherwise;
}

/* Carries 128-bit columns. The last carry reaches limb 0 times 19; one more step keeps limb 0 below 2^51. */
CURVE_INLINE fe_wide fold(wide_word c0, wide_word c1, wide_word c2, wide_word c3, wide_word c4)
{
    fe_wide r;
    c1 += (uint64_t)(c0 >> 51);
    c2 += (uint64_t)(c1 >> 51);
    c3 += (uint64_t)(c2 >> 51);
    c4 += (uint64_t)(c3 >> 51);
    uint64_t low = ((uint64_t)c0 & LIMB_MASK) + 19 * (uint64_t)(c4 >> 51);
    r.v[0] = low & LIMB_MASK;
    r.v[1] = ((uint64_t)c1 & LIMB_MASK) + (low >> 51);
    r.v[2] = (uint64_t)c2 & LIMB_MASK;
    r.v[3] = (uint64_t)c3 & LIMB_MASK;
    r.v[4] = (uint64_t)c4 & LIMB_MASK;
    CHECK_LIMBS(r.v, x >= PRODUCT_LIMIT);
    return r;
}

CURVE_INLINE wide_word times(uint64_t a, uint64_t b)
{
    return (wide_word)a * b;
}

CURVE_INLINE fe_wide fe_mul(fe a, fe b)
{
    CHECK_LIMBS(a.v, x >= FE_LIMIT);
    CHECK_LIMBS(b.v, x >= FE_LIMIT);
    uint64_t b1 = 19 * b.v[1], b2 = 19 * b.v[2], b3 = 19 * b.v[3], b4 = 19 * b.v[4];
    return fold(
        times(a.v[0], b.v[0]) + times(a.v[1], b4) + times(a.v[2], b3) + times(a.v[3], b2) + times(a.v[4], b1),
        times(a.v[0], b.v[1]) + times(a.v[1], b.v[0]) + times(a.v[2], b4) + times(a.v[3], b3) + times(a.v[4], b2),
        times(a.v[0], b.v[2]) + times(a.v[1], b.v[1]) + times(a.v[2], b.v[0]) + times(a.v[3], b4) + times(a.v[4], b3),
        times(a.v[0], b.v[3]) + times(a.v[1], b.v[2]) + times(a.v[2], b.v[1]) + times(a.v[3], b.v[0]) +
            times(a.v[4], b4),
        times(a.v[0], b.v[4]) + times(a.v[1], b.v[3]) + times(a.v[2], b.v[2]) + times(a.v[3], b.v[1]) +
            times(a.v[4], b.v[0]));
}

CURVE_INLINE fe_wide fe_sqr(fe a)
{
    CHECK_LIMBS(a.v, x >= FE_LIMIT);
    uint64_t twice0 = 2 * a.v[0], twice1 = 2 * a.v[1], twice2 = 38 * a.v[2], last = 19 * a.v[4], twice4 = 2 * last;
    return fold(times(a.v[0], a.v[0]) + times(twice4, a.v[1]) + times(twice2, a.v[3]),
                times(twice0, a.v[1]) + times(twice4, a.v[2]) + times(a.v[3], 19 * a.v[3]),
                times(twice0, a.v[2]) + times(a.v[1], a.v[1]) + times(twice4, a.v[3]),
                times(twice0, a.v[3]) + times(twice1, a.v[2]) + times(a.v[4], last),
                times(twice0, a.v[4]) + times(twice1, a.v[3]) + times(a.v[2], a.v[2]));
}

CURVE_INLINE fe_wide fe_mul_biased(fe a, fe b)
{
    return fe_mul(a, b);
}

CURVE_INLINE fe_wide fe_sqr_biased(fe a)
{
    return fe_sqr(a);
}

CURVE_INLINE fe_wide wide_bias(fe_wide a)
{
    return a;
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
    static const uint64_t twice_p[FIELD_LIMBS] = {0xfffffffffffda, 0xffffffffffffe, 0xffffffffffffe, 0xffffffffffffe,
                                                  0xffffffffffffe};
    for (int i = 0; i < FIELD_LIMBS; i++) {
        CHECK_BOUND(b.v[i] > a.v[i] + twice_p[i]);
        a.v[i] += twice_p[i] - b.v[i];
    }
    return a;
}

CURVE_INLINE fe_wide wide_add_multiple(fe_wide a, fe b, uint32_t k)
{
    return fold(a.v[0] + times(b.v[0], k), a.v[1] + times(b.v[1], k), a.v[2] + times(b.v[2], k),
                a.v[3] + times(b.v[3], k), a.v[4] + times(b.v[4], k));
}

CURVE_INLINE fe fe_of(struct limbs a)
{
    return (fe){{a.v[0], a.v[1], a.v[2], a.v[3], a.v[4]}};
}

CURVE_INLINE fe fe_load(const lane w[4])
{
    return fe_of(limbs_load(w));
}

CURVE_INLINE void fe_store(lane w[4], fe a)
{
    limbs_store(w, (struct limbs){{a.v[0], a.v[1], a.v[2], a.v[3], a.v[4]}});
}

typedef uint64_t pair __attribute__((vector_size(16), may_alias));

/* Reads all 16 entries, keeps the wanted one: addresses do not depend on the digit. */
CURVE_INLINE fe scan(const uint64_t limbs[FIELD_LIMBS][COMB_POINTS], const pair keep[COMB_POINTS / 2])
{
    uint64_t found[FIELD_LIMBS];
    for (int i = 0; i < FIELD_LIMBS; i++) {
        const pair *entries = (const pair *)limbs[i];
        pair sum = entries[0] & keep[0];
        for (int k = 1; k < COMB_POINTS / 2; k++) {
            sum |= entries[k] & keep[k];
        }
        found[i] = sum[0] | sum[1];
    }
    return fe_of(limbs_from_table(found));
}

CURVE_INLINE lane_mask comb_lookup(fe *sum, fe *difference, fe *product, const struct comb_block *block, lane digit)
{
    lane_mask negative = lane_is_zero(digit & COMB_POINTS);
    uint64_t index = (digit ^ negative) & (COMB_POINTS - 1);
    pair keep[COMB_POINTS / 2];
    for (uint64_t k = 0; k < COMB_POINTS / 2; k++) {
        keep[k] = (pair){lane_is_zero(index ^ (2 * k)), lane_is_zero(index ^ (2 * k + 1))};
    }
    fe s = scan(block->sum, keep);
    fe d = scan(block->difference, keep);
    *sum = fe_select(negative, s, d);
    *difference = fe_select(negative, d, s);
    *product = scan(block->product, keep);
    return negative;
}

#endif
