/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CURVE_KERNEL_H
#define SLUICE_CURVE_KERNEL_H

/*
 * The point arithmetic of every back end, written once. A back end is a source file that includes its fe_ header, then
 * this one, then CURVE_BACKEND(name). Everything below runs on LANES multiplications at once.
 *
 * A fe_ header gives
 *   lane, lane_mask      one 64-bit word per lane, one choice per lane
 *   fe                   "tight": what a multiplication takes and a table holds
 *   fe_wide              "wide": what a multiplication gives; can be added and subtracted, then needs fe_carry()
 *   fe_mul, fe_sqr       fe, fe -> fe_wide;  fe_carry: fe_wide -> fe
 *   fe_*_biased          the same with a multiple of p added, where adding it is free; wide_bias() adds it anywhere.
 *                        The left side of wide_sub() must be biased once, so that no limb goes below zero.
 *   fe_widen             fe -> fe_wide, only of canonical values (table entries, loaded bytes, constants)
 *   wide_add_multiple    a + k * b with a small constant k
 *   fe_load, fe_store    4 words per lane to and from fe; loading ignores bit 255, storing is canonical
 *   comb_lookup          the signed table entry of a digit, per lane, in constant time; says which were negative
 *   field_enter, field_leave   around a batch: the floating-point state that the arithmetic needs
 * with the bounds that make this right at its top.
 */

/* Recoded scalars, points and the inversion's temporaries: up to 17 KB of frames with 64-byte vectors. */
#define SLC_BURN_BYTES (5 * 4096)
#include "crypto/base/burn.h"

#include "crypto/curve/fe_generic.h"

#include <string.h>

#define CURVE_A24 121665 /* (486662 - 2) / 4, RFC 7748 */

/* What a multiplication leaves for the shared inversion: u = num / den. */
struct quotient {
    fe num;
    fe den;
    union {
        fe before; /* the product of the denominators before this one; then */
        lane u[4]; /* the result's words                                    */
    };
};
_Static_assert(sizeof(struct quotient) <= CURVE_QUOTIENT_BYTES, "a quotient fits the scratch");

/* Extended Edwards coordinates, a = -1; the additions used are complete, so no point is special. */
struct point {
    fe_wide X, Y, Z;
    fe T;
};

CURVE_INLINE lane comb_digit(const lane t[4], unsigned column)
{
    lane digit = lane_all(0);
    for (unsigned tooth = COMB_TEETH; tooth-- > 0;) {
        unsigned bit = column + COMB_SPACING * tooth;
        digit = (digit + digit) | (lane_shift(t[bit / 64], bit % 64) & lane_all(1));
    }
    return digit;
}

CURVE_INLINE void comb_first(struct point *p, const struct comb_block *block, lane digit)
{
    fe sum, difference, product;
    (void)comb_lookup(&sum, &difference, &product, block, digit);
    fe_wide plus = fe_widen(sum), minus = fe_widen(difference);
    p->X = wide_sub(wide_bias(plus), minus);
    p->Y = wide_add(plus, minus);
    p->Z = fe_widen(fe_one());
    p->T = fe_product(fe_carry(p->X), fe_carry(p->Y));
}

/* Mixed addition of a halved Niels point. A negative one has sum and difference exchanged, and F and G. */
CURVE_INLINE void comb_add(struct point *p, const struct comb_block *block, lane digit)
{
    fe sum, difference, product;
    lane_mask negative = comb_lookup(&sum, &difference, &product, block, digit);
    fe_wide B = fe_mul_biased(fe_carry(wide_add(p->Y, p->X)), sum);
    fe_wide A = fe_mul(fe_carry(wide_sub(wide_bias(p->Y), p->X)), difference);
    fe_wide C = fe_mul(p->T, product);
    fe E = fe_carry(wide_sub(B, A));
    fe H = fe_carry(wide_add(B, A));
    fe_wide less = wide_sub(wide_bias(p->Z), C), more = wide_add(p->Z, C);
    fe F = fe_carry(wide_select(negative, less, more));
    fe G = fe_carry(wide_select(negative, more, less));
    p->X = fe_mul(E, F);
    p->Y = fe_mul(G, H);
    p->Z = fe_mul(F, G);
    p->T = fe_product(E, H);
}

/* p->T is left undone when another doubling follows, which does not read it. */
CURVE_INLINE void point_double(struct point *p, bool with_T)
{
    fe_wide A = fe_sqr_biased(fe_carry(p->X)), B = fe_sqr(fe_carry(p->Y)), C = fe_sqr(fe_carry(p->Z));
    fe_wide S = fe_sqr(fe_carry(wide_add(p->X, p->Y)));
    fe_wide H = wide_add(A, B), G = wide_sub(A, B);
    fe E = fe_carry(wide_sub(H, S)), F = fe_carry(wide_add(wide_add(C, C), G));
    fe h = fe_carry(H), g = fe_carry(G);
    p->X = fe_mul(E, F);
    p->Y = fe_mul(g, h);
    p->Z = fe_mul(F, g);
    if (with_T) p->T = fe_product(E, h);
}

CURVE_INLINE void prefetch_block(const struct comb_block *block)
{
    for (size_t at = 0; at < sizeof *block; at += 64) {
        __builtin_prefetch((const char *)block + at, 0, 2);
    }
}

/*
 * The comb over recoded scalars `t` (recode()). The next vector's table comes into the second cache during the last
 * pass: with hundreds of tables it would otherwise be waited for, block by block.
 */
CURVE_KERNEL void comb(struct quotient *q, const struct slc_curve_table *table, const lane t[4],
                       const struct slc_curve_table *next)
{
    struct point p;
    comb_first(&p, &table->block[0], comb_digit(t, COMB_COLUMNS - 1));
    unsigned done = 1;
    for (unsigned column = COMB_COLUMNS; column-- > 0; done = 0) {
        if (column < COMB_COLUMNS - 1) point_double(&p, true);
        for (unsigned i = done; i < COMB_BLOCKS; i++) {
            if (column == 0 && next != NULL) prefetch_block(&next->block[i]);
            comb_add(&p, &table->block[i], comb_digit(t, COMB_COLUMNS * i + column));
        }
    }
    /* The map from Edwards to Montgomery: u = (1 + y) / (1 - y). */
    q->num = fe_carry(wide_add(p.Z, p.Y));
    q->den = fe_carry(wide_sub(wide_bias(p.Z), p.Y));
}

/*
 * Makes the scalar odd by taking l - s for even s (only u is wanted, and u(-P) = u(P)), then t = (s - 1)/2 + 2^254,
 * whose bits are the comb's signs.
 */
static inline void recode(uint64_t t[4][LANES], unsigned i, const struct slc_scalar *scalar)
{
    static const uint64_t order[4] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000};
    uint64_t even = (scalar->word[0] & 1) - 1, odd[4], borrow = 0;
    __asm__("" : "+r"(even));
    for (int k = 0; k < 4; k++) {
        unsigned __int128 x = (unsigned __int128)order[k] - scalar->word[k] - borrow;
        borrow = (uint64_t)(x >> 64) & 1;
        odd[k] = scalar->word[k] ^ (even & (scalar->word[k] ^ (uint64_t)x));
    }
    for (int k = 0; k < 3; k++) {
        t[k][i] = odd[k] >> 1 | odd[k + 1] << 63;
    }
    t[3][i] = odd[3] >> 1 | UINT64_C(1) << 62;
}

/*
 * u = num / den for all vectors with one inversion (Montgomery). A zero denominator would make every product zero, so
 * it is replaced by 1 and its numerator by 0: the result of such a lane is 0, and no other lane notices.
 */
CURVE_KERNEL void divide(struct quotient *q, size_t count)
{
    fe all = fe_one();
    for (size_t i = 0; i < count; i++) {
        lane w[4];
        fe_store(w, q[i].den);
        lane_mask zero = lane_is_zero(w[0] | w[1] | w[2] | w[3]);
        q[i].den = fe_select(zero, q[i].den, fe_one());
        q[i].num = fe_select(zero, q[i].num, fe_zero());
        q[i].before = all;
        all = fe_product(all, q[i].den);
    }
    fe inverse = fe_invert(all);
    for (size_t i = count; i-- > 0;) {
        fe u = fe_product(q[i].num, fe_product(inverse, q[i].before));
        inverse = fe_product(inverse, q[i].den);
        fe_store(q[i].u, u);
    }
}

static inline void give(uint8_t out[SLC_KEY_BYTES], const struct quotient *q, unsigned i)
{
    for (size_t k = 0; k < 4; k++) {
        uint64_t words[LANES];
        memcpy(words, &q->u[k], sizeof words);
        for (unsigned byte = 0; byte < 8; byte++) {
            out[8 * k + byte] = (uint8_t)(words[i] >> 8 * byte);
        }
    }
}

static __attribute__((noinline)) void multiply_in_state(const struct comb_vector *vectors, size_t count,
                                                        const struct slc_curve_job *jobs, const uint32_t *order,
                                                        void *work)
{
    struct quotient *q = work;
    for (size_t v = 0; v < count; v++) {
        const struct comb_vector *vector = &vectors[v];
        uint64_t t[4][LANES];
        for (unsigned i = 0; i < LANES; i++) {
            recode(t, i, jobs[order[vector->first + (i < vector->lanes ? i : 0)]].scalar);
        }
        lane words[4] = {lane_load(t[0]), lane_load(t[1]), lane_load(t[2]), lane_load(t[3])};
        const struct slc_curve_table *next = v + 1 < count ? vectors[v + 1].table : NULL;
        comb(&q[v], vector->table, words, next != vector->table ? next : NULL);
    }
    divide(q, count);
    for (size_t v = 0; v < count; v++) {
        for (unsigned i = 0; i < vectors[v].lanes; i++) {
            give(jobs[order[vectors[v].first + i]].out, &q[v], i);
        }
    }
}

CURVE_INLINE void swap(lane_mask where, fe_wide *a, fe_wide *b)
{
    fe_wide x = *a;
    *a = wide_select(where, x, *b);
    *b = wide_select(where, *b, x);
}

/* RFC 7748, section 5, with a scalar already clamped. */
CURVE_KERNEL void ladder_vector(struct quotient *q, const fe x1, const lane scalar[4])
{
    fe_wide x2 = wide_bias(fe_widen(fe_one())), z2 = fe_widen(fe_zero());
    fe_wide x3 = wide_bias(fe_widen(x1)), z3 = fe_widen(fe_one());
    lane before = lane_all(0);
    for (unsigned bit = 255; bit-- > 0;) {
        lane now = lane_shift(scalar[bit / 64], bit % 64) & lane_all(1);
        lane_mask change = lane_is_zero((before ^ now) ^ lane_all(1));
        before = now;
        swap(change, &x2, &x3);
        swap(change, &z2, &z3);
        fe A = fe_carry(wide_add(x2, z2)), B = fe_carry(wide_sub(x2, z2));
        fe C = fe_carry(wide_add(x3, z3)), D = fe_carry(wide_sub(x3, z3));
        fe_wide AA = fe_sqr_biased(A), BB = fe_sqr(B);
        fe_wide DA = fe_mul_biased(D, A), CB = fe_mul(C, B);
        fe E = fe_carry(wide_sub(AA, BB));
        x3 = fe_sqr_biased(fe_carry(wide_add(DA, CB)));
        z3 = fe_mul(x1, fe_square(fe_carry(wide_sub(DA, CB))));
        x2 = fe_mul_biased(fe_carry(AA), fe_carry(BB));
        z2 = fe_mul(E, fe_carry(wide_add_multiple(AA, E, CURVE_A24)));
    }
    /* A clamped scalar ends in zeros, so the points are back in their places. */
    q->num = fe_carry(x2);
    q->den = fe_carry(z2);
}

static inline uint64_t key_word(const uint8_t key[SLC_KEY_BYTES], size_t k)
{
    uint64_t word = 0;
    for (unsigned byte = 0; byte < 8; byte++) {
        word |= (uint64_t)key[8 * k + byte] << 8 * byte;
    }
    return word;
}

static __attribute__((noinline)) void ladder_in_state(const struct slc_ladder_job *jobs, size_t n, void *work)
{
    struct quotient *q = work;
    size_t count = (n + LANES - 1) / LANES;
    for (size_t v = 0; v < count; v++) {
        uint64_t s[4][LANES], u[4][LANES];
        for (size_t i = 0; i < LANES; i++) {
            const struct slc_ladder_job *job = &jobs[LANES * v + i < n ? LANES * v + i : LANES * v];
            for (size_t k = 0; k < 4; k++) {
                s[k][i] = key_word(job->secret, k);
                u[k][i] = key_word(job->point, k);
            }
            s[0][i] &= ~UINT64_C(7);
            s[3][i] = (s[3][i] & ~(UINT64_C(1) << 63)) | UINT64_C(1) << 62;
        }
        lane scalar[4] = {lane_load(s[0]), lane_load(s[1]), lane_load(s[2]), lane_load(s[3])};
        lane x1[4] = {lane_load(u[0]), lane_load(u[1]), lane_load(u[2]), lane_load(u[3])};
        ladder_vector(&q[v], fe_load(x1), scalar);
    }
    divide(q, count);
    for (size_t i = 0; i < n; i++) {
        give(jobs[i].out, &q[i / LANES], (unsigned)(i % LANES));
    }
}

static void multiply(const struct comb_vector *vectors, size_t count, const struct slc_curve_job *jobs,
                     const uint32_t *order, void *work)
{
    field_state state = field_enter();
    multiply_in_state(vectors, count, jobs, order, work);
    slc_burn_stack();
    field_leave(state);
}

static void ladder(const struct slc_ladder_job *jobs, size_t n, void *work)
{
    field_state state = field_enter();
    ladder_in_state(jobs, n, work);
    slc_burn_stack();
    field_leave(state);
}

#include "crypto/curve/own_table.h"

#define CURVE_BACKEND(name)                                                                                            \
    const struct curve_backend slc_curve_##name = {LANES, multiply, ladder, own_tables, own_multiplications};

#endif
