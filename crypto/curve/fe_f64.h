/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_FE_F64_H
#define SLUICE_FE_F64_H

#include "crypto/curve/bounds.h"
#include "crypto/curve/curve_internal.h"

#include <immintrin.h>

/*
 * Field elements modulo p = 2^255 - 19 in doubles with fused multiply-add: 5 limbs of 51 bits. The interface is the one
 * that kernel.h describes. F64_LANES is 4 (AVX2 and FMA) or 8 (AVX-512F); define it before including this file. About
 * twice as fast as 32-bit integer multiplications, and exact:
 *
 * Adding C1 = 1.5 * 2^103 to a product below 2^102 rounds it to a multiple of 2^51: the high part. Taking that from the
 * product, again in one rounding that loses nothing, leaves the low part, at most 2^50 either way; C2 puts it at
 * 1.5 * 2^52. So both parts stand as integers in the low bits of the doubles, above constants that are known; they are
 * added up as 64-bit integers, which start at minus the sum of the constants.
 *
 * Bounds. fe: limbs within +-(2^50 + 2^17), after fe_carry(); table entries and loaded bytes are 0 .. 2^51 and may only
 * be one side of fe_mul. fe_wide: signed 64-bit integers within +-2^61; a product's are within +-2^59. Being signed,
 * they need no bias.
 */

#ifdef __FAST_MATH__
#error "this arithmetic needs the rounding that -ffast-math takes away"
#endif

#define CARRIED_LIMIT (0x1p50 + 0x1p17)
#define LOADED_LIMIT  0x1p51
#define WIDE_BITS     61
#define PRODUCT_BITS  59

enum { LANES = F64_LANES };

typedef uint64_t lane __attribute__((vector_size(8 * F64_LANES)));
typedef double real __attribute__((vector_size(8 * F64_LANES)));

typedef struct {
    real v[FIELD_LIMBS];
} fe;
typedef struct {
    lane v[FIELD_LIMBS];
} fe_wide;

/* Rounds to nearest whatever the program's mode is, and gives it back with its flags. */
CURVE_INLINE field_state field_enter(void)
{
    field_state state = {_mm_getcsr()};
    _mm_setcsr(0x1f80); /* the state at program start: all exceptions masked, to nearest */
    return state;
}

CURVE_INLINE void field_leave(field_state state)
{
    _mm_setcsr(state.csr);
}

#if F64_LANES == 8
typedef __mmask8 lane_mask;

CURVE_INLINE lane lane_all(uint64_t x)
{
    return (lane)_mm512_set1_epi64((long long)x);
}

CURVE_INLINE real real_all(double x)
{
    return (real)_mm512_set1_pd(x);
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

/* a * b + c in one rounding. */
CURVE_INLINE real fused(real a, real b, real c)
{
    return (real)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}

typedef lane choice;

CURVE_INLINE choice choice_of(lane index)
{
    return index;
}

CURVE_INLINE lane choose(const uint64_t limb[COMB_POINTS], choice index)
{
    return (lane)_mm512_permutex2var_epi64(_mm512_load_si512(limb), (__m512i)index, _mm512_load_si512(limb + 8));
}
#else
typedef lane lane_mask; /* all ones or zero */

CURVE_INLINE lane lane_all(uint64_t x)
{
    return (lane)_mm256_set1_epi64x((long long)x);
}

CURVE_INLINE real real_all(double x)
{
    return (real)_mm256_set1_pd(x);
}

CURVE_INLINE lane lane_load(const uint64_t words[LANES])
{
    return (lane)_mm256_loadu_si256((const __m256i *)(const void *)words);
}

CURVE_INLINE lane lane_shift(lane x, unsigned bits)
{
    return (lane)_mm256_srl_epi64((__m256i)x, _mm_cvtsi32_si128((int)bits));
}

CURVE_INLINE lane_mask lane_is_zero(lane x)
{
    return (lane)_mm256_cmpeq_epi64((__m256i)x, _mm256_setzero_si256());
}

CURVE_INLINE lane lane_select(lane_mask where, lane otherwise, lane then)
{
    return (lane)_mm256_blendv_pd((__m256d)otherwise, (__m256d)then, (__m256d)where);
}

/* a * b + c in one rounding. */
CURVE_INLINE real fused(real a, real b, real c)
{
    return (real)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}

/* Where an index finds its 64-bit word: bits 0 .. 1 permute halves of words, bits 2 and 3 choose among four vectors. */
typedef struct {
    __m256i halves;
    lane_mask bit2, bit3;
} choice;

CURVE_INLINE choice choice_of(lane index)
{
    lane first = (index & lane_all(3)) << 1;
    return (choice){(__m256i)(first | (first + lane_all(1)) << 32), index << 61, index << 60};
}

CURVE_INLINE lane permuted(const uint64_t words[4], choice index)
{
    return (lane)_mm256_permutevar8x32_epi32(_mm256_load_si256((const __m256i *)(const void *)words), index.halves);
}

CURVE_INLINE lane choose(const uint64_t limb[COMB_POINTS], choice index)
{
    lane lower = lane_select(index.bit2, permuted(limb, index), permuted(limb + 4, index));
    lane upper = lane_select(index.bit2, permuted(limb + 8, index), permuted(limb + 12, index));
    return lane_select(index.bit3, lower, upper);
}
#endif

#include "crypto/curve/fe_51.h"

#define C1          0x1.8p103
#define C2          (0x1.8p103 + 0x1.8p52)
#define C1_BITS     UINT64_C(0x4668000000000000) /* of C1, what a high part stands above  */
#define LOW_BITS    UINT64_C(0x4338000000000000) /* of 1.5 * 2^52, below a low part       */
#define TWO_52_BITS UINT64_C(0x4330000000000000)

CURVE_INLINE bool lane_any(lane x)
{
    uint64_t any = 0;
    for (int i = 0; i < LANES; i++) {
        any |= x[i];
    }
    return any != 0;
}

/* What of CHECK_BOUND: doubles beyond +-limit, integers beyond +-2^bits. */
CURVE_INLINE lane real_over(real x, double limit)
{
    return (lane)(x > real_all(limit)) | (lane)(x < real_all(-limit));
}

CURVE_INLINE lane wide_over(lane x, unsigned bits)
{
    return (lane)(x + lane_all(UINT64_C(1) << bits) > lane_all(UINT64_C(2) << bits));
}

/* Integers 0 .. 2^52 - 1 less a small constant, as doubles. */
CURVE_INLINE real to_real(lane x, double less)
{
    return (real)(x + lane_all(TWO_52_BITS)) - real_all(0x1p52 + less);
}

CURVE_INLINE fe fe_of(struct limbs a)
{
    fe r;
    for (int i = 0; i < FIELD_LIMBS; i++) {
        r.v[i] = to_real(a.v[i], 0);
    }
    return r;
}

/* Right for any fe, not only canonical ones. */
CURVE_INLINE fe_wide fe_widen(fe a)
{
    fe_wide r;
    for (int i = 0; i < FIELD_LIMBS; i++) {
        r.v[i] = (lane)(a.v[i] + real_all(0x1.8p52)) - lane_all(LOW_BITS);
    }
    return r;
}

CURVE_INLINE fe fe_zero(void)
{
    real o = real_all(0);
    return (fe){{o, o, o, o, o}};
}

CURVE_INLINE fe fe_one(void)
{
    real o = real_all(0);
    return (fe){{real_all(1), o, o, o, o}};
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
        a.v[i] -= b.v[i];
    }
    return a;
}

CURVE_INLINE fe_wide wide_bias(fe_wide a)
{
    return a;
}

CURVE_INLINE fe fe_select(lane_mask where, fe otherwise, fe then)
{
    for (int i = 0; i < FIELD_LIMBS; i++) {
        otherwise.v[i] = (real)lane_select(where, (lane)otherwise.v[i], (lane)then.v[i]);
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

/*
 * All limbs at once. The added constants make every limb positive (each is above 2^61) and are, in sum, 2^50 in every
 * limb modulo p; taking that 2^50 off again in the conversion makes the limbs lie around zero.
 */
CURVE_INLINE fe fe_carry(fe_wide a)
{
    CHECK_LIMBS(a.v, wide_over(x, WIDE_BITS));
    lane m = lane_all(LIMB_MASK), carry[FIELD_LIMBS];
    for (int i = 0; i < FIELD_LIMBS; i++) {
        a.v[i] += lane_all(i == 0 ? UINT64_C(0x2003ffffffffb400) : UINT64_C(0x2003fffffffffc00));
        carry[i] = a.v[i] >> 51;
        a.v[i] &= m;
    }
    fe r;
    r.v[0] = to_real(a.v[0] + times_19(carry[4]), 0x1p50);
    for (int i = 1; i < FIELD_LIMBS; i++) {
        r.v[i] = to_real(a.v[i] + carry[i - 1], 0x1p50);
    }
    CHECK_LIMBS(r.v, real_over(x, CARRIED_LIMIT));
    return r;
}

/* Adds the two parts of a * b, on their constants. */
CURVE_INLINE void accumulate(lane *low, lane *high, real a, real b)
{
    real h = fused(a, b, real_all(C1));
    *high += (lane)h;
    *low += (lane)fused(a, b, real_all(C2) - h);
}

/* What `lows` low parts and `highs` high parts start at, so that their constants cancel. */
CURVE_INLINE lane start(unsigned lows, unsigned highs)
{
    return lane_all(0 - (lows * LOW_BITS + highs * C1_BITS));
}

CURVE_INLINE fe_wide fold(const lane c[2 * FIELD_LIMBS])
{
    fe_wide r;
#pragma GCC unroll 5
    for (int i = 0; i < FIELD_LIMBS; i++) {
        r.v[i] = c[i] + times_19(c[i + FIELD_LIMBS]);
    }
    CHECK_LIMBS(r.v, wide_over(x, PRODUCT_BITS));
    return r;
}

/* Whether any limb is beyond +-limit. */
CURVE_INLINE lane limbs_over(const real v[FIELD_LIMBS], double limit)
{
    lane over = lane_all(0);
    for (int i = 0; i < FIELD_LIMBS; i++) {
        over |= real_over(v[i], limit);
    }
    return over;
}

CURVE_INLINE fe_wide fe_mul(fe a, fe b)
{
    CHECK_BOUND(limbs_over(a.v, LOADED_LIMIT) | limbs_over(b.v, LOADED_LIMIT));
    CHECK_BOUND(limbs_over(a.v, CARRIED_LIMIT) & limbs_over(b.v, CARRIED_LIMIT));
    lane c[2 * FIELD_LIMBS];
#pragma GCC unroll 10
    for (unsigned k = 0; k < 2 * FIELD_LIMBS; k++) {
        c[k] = start(k < FIELD_LIMBS ? k + 1 : 2 * FIELD_LIMBS - 1 - k, k < FIELD_LIMBS ? k : 2 * FIELD_LIMBS - k);
    }
#pragma GCC unroll 5
    for (int i = 0; i < FIELD_LIMBS; i++) {
#pragma GCC unroll 5
        for (int j = 0; j < FIELD_LIMBS; j++) {
            accumulate(&c[i + j], &c[i + j + 1], a.v[i], b.v[j]);
        }
    }
    return fold(c);
}

/* Products of two different limbs once, one of the two doubled. */
CURVE_INLINE fe_wide fe_sqr(fe a)
{
    CHECK_BOUND(limbs_over(a.v, CARRIED_LIMIT));
    lane c[2 * FIELD_LIMBS];
#pragma GCC unroll 10
    for (unsigned k = 0; k < 2 * FIELD_LIMBS; k++) {
        unsigned lows = k < FIELD_LIMBS ? k + 1 : 2 * FIELD_LIMBS - 1 - k;
        unsigned highs = k < FIELD_LIMBS ? k : 2 * FIELD_LIMBS - k;
        c[k] = start((lows + 1) / 2, (highs + 1) / 2);
    }
#pragma GCC unroll 5
    for (int i = 0; i < FIELD_LIMBS; i++) {
        accumulate(&c[2 * i], &c[2 * i + 1], a.v[i], a.v[i]);
        real twice = a.v[i] + a.v[i];
#pragma GCC unroll 5
        for (int j = i + 1; j < FIELD_LIMBS; j++) {
            accumulate(&c[i + j], &c[i + j + 1], twice, a.v[j]);
        }
    }
    return fold(c);
}

CURVE_INLINE fe_wide fe_mul_biased(fe a, fe b)
{
    return fe_mul(a, b);
}

CURVE_INLINE fe_wide fe_sqr_biased(fe a)
{
    return fe_sqr(a);
}

CURVE_INLINE fe_wide wide_add_multiple(fe_wide a, fe b, uint32_t small)
{
    real k = real_all(small);
    lane over = start(0, 1);
    for (int i = 0; i < FIELD_LIMBS; i++) {
        a.v[i] += start(1, i > 0);
    }
    for (int i = 0; i < FIELD_LIMBS - 1; i++) {
        accumulate(&a.v[i], &a.v[i + 1], b.v[i], k);
    }
    accumulate(&a.v[FIELD_LIMBS - 1], &over, b.v[FIELD_LIMBS - 1], k);
    a.v[0] += times_19(over);
    return a;
}

CURVE_INLINE fe fe_load(const lane w[4])
{
    return fe_of(limbs_load(w));
}

CURVE_INLINE void fe_store(lane w[4], fe a)
{
    fe_wide integers = fe_widen(a);
    struct limbs positive; /* by adding 2p */
    for (int i = 0; i < FIELD_LIMBS; i++) {
        positive.v[i] = integers.v[i] + lane_all(i == 0 ? 0xfffffffffffda : 0xffffffffffffe);
    }
    limbs_store(w, positive);
}

CURVE_INLINE fe chosen(const uint64_t limbs[FIELD_LIMBS][COMB_POINTS], choice index, lane found[FIELD_LIMBS])
{
    for (int i = 0; i < FIELD_LIMBS; i++) {
        found[i] = choose(limbs[i], index);
    }
    return fe_of(limbs_from_table(found));
}

/* All lanes read one block, whatever their digits: a digit only permutes what is read. */
CURVE_INLINE lane_mask comb_lookup(fe *sum, fe *difference, fe *product, const struct comb_block *block, lane digit)
{
    lane_mask negative = lane_is_zero(digit & lane_all(COMB_POINTS));
    lane found[FIELD_LIMBS];
    choice index = choice_of(lane_select(negative, digit, digit ^ lane_all(COMB_POINTS - 1)));
    fe s = chosen(block->sum, index, found), d = chosen(block->difference, index, found);
    *sum = fe_select(negative, s, d);
    *difference = fe_select(negative, d, s);
    *product = chosen(block->product, index, found);
    return negative;
}

#endif
