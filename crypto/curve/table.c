/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/curve/curve_internal.h"

#include "crypto/curve/fe_u64.h"

#include "crypto/curve/fe_generic.h"

#include <stdlib.h>

/* Building tables: once per key, so one lane and plain point arithmetic. Keys are public: validity may branch. */

enum { POINTS = COMB_BLOCKS * COMB_POINTS };

/* Extended Edwards coordinates: x = X/Z, y = Y/Z, x*y = T/Z, on -x^2 + y^2 = 1 + d x^2 y^2. */
struct edwards {
    fe X, Y, Z, T;
};

static const fe curve_d = {{0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}};
static const fe curve_2d = {{0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}};
static const fe sqrt_minus_1 = {{0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}};
static const fe half = {{0x7fffffffffff7, 0x7ffffffffffff, 0x7ffffffffffff, 0x7ffffffffffff, 0x3ffffffffffff}};

/* Not carried: within the bounds of fe_u64.h as long as what is subtracted is a product, or less than 2p per limb. */
static fe sum(fe a, fe b)
{
    return fe_carry(wide_add(fe_widen(a), fe_widen(b)));
}

static fe difference(fe a, fe b)
{
    return fe_carry(wide_sub(fe_widen(a), fe_widen(b)));
}

static bool is_zero(fe a)
{
    lane w[4];
    fe_store(w, a);
    return (w[0] | w[1] | w[2] | w[3]) == 0;
}

static struct edwards negate(struct edwards p)
{
    p.X = difference(fe_zero(), p.X);
    p.T = difference(fe_zero(), p.T);
    return p;
}

static struct edwards add(const struct edwards *p, const struct edwards *q)
{
    fe A = fe_product(difference(p->Y, p->X), difference(q->Y, q->X));
    fe B = fe_product(sum(p->Y, p->X), sum(q->Y, q->X));
    fe C = fe_product(fe_product(p->T, curve_2d), q->T);
    fe D = fe_product(sum(p->Z, p->Z), q->Z);
    fe E = difference(B, A), F = difference(D, C), G = sum(D, C), H = sum(B, A);
    return (struct edwards){fe_product(E, F), fe_product(G, H), fe_product(F, G), fe_product(E, H)};
}

static struct edwards twice(const struct edwards *p)
{
    fe A = fe_square(p->X), B = fe_square(p->Y), C = fe_square(p->Z);
    fe H = sum(A, B), G = difference(A, B);
    fe E = difference(H, fe_square(sum(p->X, p->Y))), F = sum(sum(C, C), G);
    return (struct edwards){fe_product(E, F), fe_product(G, H), fe_product(F, G), fe_product(E, H)};
}

/*
 * y = (u - 1) / (u + 1), x^2 = (y^2 - 1) / (d y^2 + 1); which root x does not matter, since only u comes out again.
 * False on the twist, where x^2 has no root. u = -1 gives y = 0 by the inverse of 0: not its image, but of low order,
 * as -1 is.
 */
static bool from_montgomery(struct edwards *p, const uint8_t public_key[SLC_KEY_BYTES])
{
    lane w[4] = {0};
    for (size_t i = 0; i < SLC_KEY_BYTES; i++) {
        w[i / 8] |= (uint64_t)public_key[i] << i % 8 * 8;
    }
    fe u = fe_load(w);
    fe y = fe_product(difference(u, fe_one()), fe_invert(sum(u, fe_one())));
    fe y2 = fe_square(y);
    fe n = fe_product(difference(y2, fe_one()), fe_one()), v = sum(fe_product(curve_d, y2), fe_one());
    /* A root of n/v, times a fourth root of 1: n v^3 (n v^7)^((p-5)/8). */
    fe v3 = fe_product(fe_square(v), v), v7 = fe_product(fe_square(v3), v);
    fe x = fe_product(fe_product(n, v3), fe_power_sqrt(fe_product(n, v7)));
    fe vx2 = fe_product(v, fe_square(x));
    if (!is_zero(difference(vx2, n))) {
        if (!is_zero(sum(vx2, n))) return false;
        x = fe_product(x, sqrt_minus_1);
    }
    *p = (struct edwards){x, y, fe_one(), fe_product(x, y)};
    return true;
}

/*
 * The 16 points of one block, tooth 4 positive and teeth 0 .. 3 with the signs that the index's bits say. In Gray code
 * order each is one addition away from the one before.
 */
static void block_points(struct edwards points[COMB_POINTS], const struct edwards tooth[COMB_TEETH],
                         const struct edwards doubled[COMB_TEETH])
{
    struct edwards p = tooth[COMB_TEETH - 1];
    for (unsigned j = 0; j < COMB_TEETH - 1; j++) {
        struct edwards minus = negate(tooth[j]);
        p = add(&p, &minus);
    }
    points[0] = p;
    unsigned gray = 0;
    for (unsigned step = 1; step < COMB_POINTS; step++) {
        unsigned j = (unsigned)__builtin_ctz(step);
        gray ^= 1U << j;
        struct edwards change = (gray >> j & 1) != 0 ? doubled[j] : negate(doubled[j]);
        p = add(&p, &change);
        points[gray] = p;
    }
}

static void all_points(struct edwards points[POINTS], struct edwards p)
{
    struct edwards tooth[COMB_TEETH], doubled[COMB_TEETH];
    for (unsigned j = 0; j < COMB_TEETH; j++) {
        tooth[j] = p;
        for (unsigned k = 0; k < COMB_SPACING; k++) {
            p = twice(&p);
        }
    }
    for (unsigned block = 0; block < COMB_BLOCKS; block++) {
        for (unsigned j = 0; j < COMB_TEETH; j++) {
            doubled[j] = twice(&tooth[j]);
        }
        block_points(points + block * COMB_POINTS, tooth, doubled);
        for (unsigned j = 0; j < COMB_TEETH; j++) {
            tooth[j] = twice(&doubled[j]);
            for (unsigned k = 2; k < COMB_COLUMNS; k++) {
                tooth[j] = twice(&tooth[j]);
            }
        }
    }
}

static void put(uint64_t limbs[FIELD_LIMBS][COMB_POINTS], unsigned at, fe value)
{
    const uint64_t mask = (UINT64_C(1) << 52) - 1;
    lane w[4];
    fe_store(w, value);
    limbs[0][at] = w[0] & mask;
    limbs[1][at] = (w[0] >> 52 | w[1] << 12) & mask;
    limbs[2][at] = (w[1] >> 40 | w[2] << 24) & mask;
    limbs[3][at] = (w[2] >> 28 | w[3] << 36) & mask;
    limbs[4][at] = w[3] >> 16;
}

enum slc_status slc_curve_table_fill(struct slc_curve_table *table, const uint8_t public_key[SLC_KEY_BYTES])
{
    struct edwards p;
    if (!from_montgomery(&p, public_key)) return SLC_BAD_KEY;
    for (int k = 0; k < 3; k++) {
        p = twice(&p);
    }
    if (is_zero(p.X)) return SLC_BAD_KEY;

    struct edwards points[POINTS];
    fe before[POINTS], product = fe_one();
    all_points(points, p);
    for (unsigned i = 0; i < POINTS; i++) {
        before[i] = product;
        product = fe_product(product, points[i].Z);
    }
    fe inverse = fe_invert(product);
    for (unsigned i = POINTS; i-- > 0;) {
        fe z = fe_product(inverse, before[i]);
        inverse = fe_product(inverse, points[i].Z);
        fe x = fe_product(points[i].X, z), y = fe_product(points[i].Y, z);
        struct comb_block *block = &table->block[i / COMB_POINTS];
        put(block->sum, i % COMB_POINTS, fe_product(sum(y, x), half));
        put(block->difference, i % COMB_POINTS, fe_product(difference(y, x), half));
        put(block->product, i % COMB_POINTS, fe_product(fe_product(x, y), curve_d));
    }
    return SLC_OK;
}

enum slc_status slc_curve_table_new(struct slc_curve_table **table, const uint8_t public_key[SLC_KEY_BYTES])
{
    *table = aligned_alloc(alignof(struct slc_curve_table), sizeof **table);
    if (*table == NULL) return SLC_NO_MEMORY;
    enum slc_status status = slc_curve_table_fill(*table, public_key);
    if (status != SLC_OK) {
        free(*table);
        *table = NULL;
    }
    return status;
}

void slc_curve_table_free(struct slc_curve_table *table)
{
    free(table);
}

size_t slc_curve_table_bytes(void)
{
    return sizeof(struct slc_curve_table);
}
