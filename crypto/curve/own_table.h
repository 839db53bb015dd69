/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CURVE_OWN_TABLE_H
#define SLUICE_CURVE_OWN_TABLE_H

/*
 * Points that are multiplied more than once, each lane with a small table of its own: written once over the fe_ header
 * and the additions of kernel.h, which includes this file. The 204 doublings that spread a comb's teeth are paid once
 * and shared; a multiplication is 51 doublings and 52 additions. Two of them cost 30 % less than two ladders.
 *
 * Both kinds of points are at home here. With A' = A and u' = u on the curve, A' = -A and u' = -u on the twist,
 *     y = (u' - 1) / (u' + 1),  x^2 = -u' (A' + 2) / (u'^2 + A' u' + 1)
 * lies on -x^2 + y^2 = 1 + d x^2 y^2 with d = -(A' - 2) / (A' + 2), which is no square for either: the additions are
 * complete on both, low order and all, and only d and the way back, u = +-(1 + y) / (1 - y), know the difference.
 */

enum { OWN_TEETH = 5, OWN_POINTS = 1 << (OWN_TEETH - 1), OWN_SPACING = 51 };

/* A projective Niels point, everything doubled: Y + X, Y - X, 2 d T, 2 Z. */
struct niels {
    fe sum, difference, product, z;
};

/*
 * For W = 4P and G_j = 2^(51 j) W, entry i is G_4 and for each bit j of i G_j more where it is 1, less where it is 0.
 * A clamped scalar s is 4 (s / 4 + 1) - 4 with an odd number in brackets, whose digits are +-1 (see recode()).
 */
struct own_table {
    struct niels entry[OWN_POINTS];
    struct niels first; /* W */
    lane straight;      /* 0 where the point is on the twist */
};
_Static_assert(sizeof(struct own_table) <= (size_t)LANES * CURVE_OWN_BYTES, "a table fits the caller's memory");

CURVE_INLINE fe fe_constant(const uint64_t words[4])
{
    lane w[4] = {lane_all(words[0]), lane_all(words[1]), lane_all(words[2]), lane_all(words[3])};
    return fe_load(w);
}

/* Bits that are zero where the words are these. */
CURVE_INLINE lane words_differ(const lane w[4], const uint64_t words[4])
{
    return (w[0] ^ lane_all(words[0])) | (w[1] ^ lane_all(words[1])) | (w[2] ^ lane_all(words[2])) |
           (w[3] ^ lane_all(words[3]));
}

CURVE_INLINE struct niels niels_of(const struct point *p, fe d2)
{
    fe_wide zz = wide_add(p->Z, p->Z);
    return (struct niels){fe_carry(wide_add(p->Y, p->X)), fe_carry(wide_sub(wide_bias(p->Y), p->X)),
                          fe_product(p->T, d2), fe_carry(zz)};
}

/* p plus q, or less q where `negative`. p->T is left undone when a doubling follows, which does not read it. */
CURVE_INLINE void niels_add(struct point *p, const struct niels *q, lane_mask negative, bool with_T)
{
    fe sum = fe_select(negative, q->sum, q->difference), difference = fe_select(negative, q->difference, q->sum);
    fe_wide B = fe_mul_biased(fe_carry(wide_add(p->Y, p->X)), sum);
    fe_wide A = fe_mul(fe_carry(wide_sub(wide_bias(p->Y), p->X)), difference);
    fe_wide C = fe_mul(p->T, q->product), D = fe_mul_biased(fe_carry(p->Z), q->z);
    fe E = fe_carry(wide_sub(B, A));
    fe H = fe_carry(wide_add(B, A));
    fe_wide less = wide_sub(D, C), more = wide_add(D, C);
    fe F = fe_carry(wide_select(negative, less, more));
    fe G = fe_carry(wide_select(negative, more, less));
    p->X = fe_mul(E, F);
    p->Y = fe_mul(G, H);
    p->Z = fe_mul(F, G);
    if (with_T) p->T = fe_product(E, H);
}

/* p plus q, or less q where `sign` is 0. */
CURVE_KERNEL void own_add(struct point *p, const struct niels *q, uint64_t sign)
{
    struct point sum = *p;
    niels_add(&sum, q, lane_is_zero(lane_all(sign)), true);
    *p = sum;
}

CURVE_KERNEL void own_double(struct point *p, unsigned times)
{
    struct point q = *p;
    for (unsigned i = 1; i < times; i++) {
        point_double(&q, false);
    }
    point_double(&q, true);
    *p = q;
}

CURVE_INLINE struct point identity(void)
{
    fe one = fe_carry(fe_widen(fe_one())), zero = fe_carry(fe_widen(fe_zero()));
    return (struct point){fe_mul(zero, one), fe_mul(one, one), fe_mul(one, one), zero};
}

/* Steps of four powers at once: one waits for its own last step, step after step. */
enum { TOGETHER = 4 };

CURVE_KERNEL void square_together(fe a[TOGETHER], size_t count, int times)
{
    for (int i = 0; i < times; i++) {
        for (size_t k = 0; k < count; k++) {
            a[k] = fe_square(a[k]);
        }
    }
}

/* r = a^(2^times) b. */
CURVE_INLINE void climb(fe r[TOGETHER], const fe a[TOGETHER], int times, const fe b[TOGETHER], size_t count)
{
    fe c[TOGETHER];
    memcpy(c, a, count * sizeof *c);
    square_together(c, count, times);
    for (size_t k = 0; k < count; k++) {
        r[k] = fe_product(c[k], b[k]);
    }
}

/* r = a^((p - 5) / 8), as fe_power_sqrt(). */
CURVE_KERNEL void power_sqrt_together(fe r[TOGETHER], const fe a[TOGETHER], size_t count)
{
    fe low[TOGETHER], p5[TOGETHER], p10[TOGETHER], p50[TOGETHER]; /* p<n>: a^(2^n - 1) */
    climb(low, a, 1, a, count);
    climb(p5, low, 2, low, count);
    climb(p5, p5, 1, a, count);
    climb(p10, p5, 5, p5, count);
    climb(p50, p10, 10, p10, count); /* p20 */
    climb(p50, p50, 20, p50, count);
    climb(p50, p50, 10, p10, count);
    climb(r, p50, 50, p50, count);
    climb(r, r, 100, r, count);
    climb(r, r, 50, p50, count);
    climb(r, r, 2, a, count);
}

/*
 * P with its T undone; *d2 is 2d. With M = u^2 + A u + 1 and t = u M, s = t^((p + 3) / 8) has s^2 = t f with f a fourth
 * root of 1 (or s = 0). It is +-1 where t is a square, on the curve; then x = sqrt(-(A + 2)) u / sqrt(t). Elsewhere,
 * x = sqrt(-(A - 2) f) u / s. Which root does not matter, only u comes out again. u = 0 gives X = Y = Z = 0, which
 * stays so and is 0 in the end.
 */
CURVE_INLINE fe own_t(fe_wide u_wide)
{
    static const uint64_t a[4] = {486662};
    fe u = fe_carry(u_wide);
    return fe_product(
        u, fe_carry(wide_add(fe_mul(u, fe_carry(wide_add(u_wide, fe_widen(fe_constant(a))))), fe_widen(fe_one()))));
}

CURVE_KERNEL struct point own_point(fe_wide u_wide, fe t, fe power, struct own_table *table, fe *d2)
{
    static const uint64_t minus_one[4] = {0xffffffffffffffec, ~UINT64_C(0), ~UINT64_C(0), INT64_MAX};
    static const uint64_t f[4][4] = {
        {1},
        {0xffffffffffffffec, 0xffffffffffffffff, 0xffffffffffffffff, 0x7fffffffffffffff},
        {0xc4ee1b274a0ea0b0, 0x2f431806ad2fe478, 0x2b4d00993dfbd7a7, 0x2b8324804fc1df0b},
        {0x3b11e4d8b5f15f3d, 0xd0bce7f952d01b87, 0xd4b2ff66c2042858, 0x547cdb7fb03e20f4},
    };
    static const uint64_t root[4][4] = {
        /* of -(A + 2); of A + 2, as s is the root of -t; of -(A - 2) f, twice */
        {0xcc6e04aaff457e06, 0xc5a1d3d14b7d1a82, 0xd27b08dc03fc4f7e, 0x0f26edf460a006bb},
        {0x165db7106377bbd8, 0x9ca5ee38d7b56c9c, 0x3de05885280b5910, 0x141b0b6806563d50},
        {0x4eef5ba2c4d198f6, 0x572c40059afb65b1, 0x6caa0d7aabd3bf7e, 0x30904e2f0bafb7cd},
        {0x74a30aa74a0923db, 0xe2e1528a2c1dcc99, 0xd59f9b8ea35d24f5, 0x6c03509f17ead43e},
    };
    static const uint64_t twice_d[4] = {0xebd69b9426b2f159, 0x00e0149a8283b156, 0x198e80f2eef3d130, 0x2406d9dc56dffce7};
    static const uint64_t twist_d[4] = {0x4bc1e4ed9b93f099, 0x16bbad3084f2a85c, 0x562c42299b739ecc, 0x0120fda429ab9c86};

    fe_wide one = fe_widen(fe_one());
    fe u = fe_carry(u_wide), s = fe_product(t, power), fourth = fe_product(s, power);
    lane w[4];
    fe_store(w, fourth);
    fe c = fe_constant(root[0]);
    for (int k = 1; k < 4; k++) {
        c = fe_select(lane_is_zero(words_differ(w, f[k])), c, fe_constant(root[k]));
    }
    fe_store(w, fe_square(fourth));
    table->straight = words_differ(w, minus_one);
    lane_mask twist = lane_is_zero(table->straight);
    *d2 = fe_select(twist, fe_constant(twice_d), fe_constant(twist_d));

    fe less = fe_carry(wide_sub(wide_bias(u_wide), one)), more = fe_carry(wide_add(u_wide, one));
    fe num = fe_select(twist, less, more), den = fe_select(twist, more, less);
    return (struct point){fe_mul(fe_product(u, c), den), fe_mul(num, s), fe_mul(den, s), t};
}

CURVE_KERNEL void own_fill(struct own_table *table, fe_wide u, fe t, fe power)
{
    fe d2;
    struct niels twice[OWN_TEETH - 1], step;
    struct point p = own_point(u, t, power, table, &d2), all = identity();
    own_double(&p, 2);
    table->first = niels_of(&p, d2);
    for (int j = 0; j < OWN_TEETH; j++) {
        step = niels_of(&p, d2);
        own_add(&all, &step, j == OWN_TEETH - 1);
        if (j == OWN_TEETH - 1) break;
        own_double(&p, 1);
        twice[j] = niels_of(&p, d2);
        own_double(&p, OWN_SPACING - 1);
    }
    /* Gray code: from one entry to the next, one G changes its sign. */
    table->entry[0] = niels_of(&all, d2);
    for (unsigned i = 1; i < OWN_POINTS; i++) {
        unsigned code = i ^ i >> 1, bit = (unsigned)__builtin_ctz(i);
        own_add(&all, &twice[bit], code >> bit & 1);
        table->entry[code] = niels_of(&all, d2);
    }
}

/* Reads all entries, whatever the digit. Says where its negative is meant. */
CURVE_INLINE lane_mask own_lookup(struct niels *q, const struct own_table *table, lane digit)
{
    lane positive = digit >> (OWN_TEETH - 1), index = (digit ^ (positive - lane_all(1))) & lane_all(OWN_POINTS - 1);
    *q = table->entry[0];
    for (unsigned i = 1; i < OWN_POINTS; i++) {
        const struct niels *entry = &table->entry[i];
        lane_mask here = lane_is_zero(index ^ lane_all(i));
        q->sum = fe_select(here, q->sum, entry->sum);
        q->difference = fe_select(here, q->difference, entry->difference);
        q->product = fe_select(here, q->product, entry->product);
        q->z = fe_select(here, q->z, entry->z);
    }
    return lane_is_zero(positive);
}

/* `t` as recode() makes it from s / 4 + 1. */
CURVE_KERNEL void own_multiply(struct quotient *q, const struct own_table *table, const lane t[4])
{
    struct point p = identity();
    struct niels entry;
    lane_mask negative;
    for (unsigned column = OWN_SPACING; column-- > 1;) {
        negative = own_lookup(&entry, table, comb_digit(t, column));
        niels_add(&p, &entry, negative, false);
        point_double(&p, true);
    }
    negative = own_lookup(&entry, table, comb_digit(t, 0));
    niels_add(&p, &entry, negative, true);
    niels_add(&p, &table->first, lane_is_zero(lane_all(0)), false);

    lane_mask twist = lane_is_zero(table->straight);
    fe_wide more = wide_sub(wide_bias(p.Z), p.Y), less = wide_sub(wide_bias(p.Y), p.Z);
    q->num = fe_carry(wide_add(p.Z, p.Y));
    q->den = fe_carry(wide_select(twist, more, less));
}

static __attribute__((noinline)) void own_fill_in_state(const uint8_t *const *point, size_t n, void *tables)
{
    size_t vectors = (n + LANES - 1) / LANES;
    for (size_t first = 0; first < vectors; first += TOGETHER) {
        size_t count = vectors - first < TOGETHER ? vectors - first : TOGETHER;
        fe_wide u[TOGETHER];
        fe t[TOGETHER], power[TOGETHER];
        for (size_t v = 0; v < count; v++) {
            uint64_t word[4][LANES];
            for (size_t i = 0; i < LANES; i++) {
                size_t at = LANES * (first + v) + i;
                for (size_t k = 0; k < 4; k++) {
                    word[k][i] = key_word(point[at < n ? at : LANES * (first + v)], k);
                }
            }
            lane words[4] = {lane_load(word[0]), lane_load(word[1]), lane_load(word[2]), lane_load(word[3])};
            u[v] = fe_widen(fe_load(words));
            t[v] = own_t(u[v]);
        }
        power_sqrt_together(power, t, count);
        for (size_t v = 0; v < count; v++) {
            own_fill((void *)((unsigned char *)tables + (first + v) * LANES * CURVE_OWN_BYTES), u[v], t[v], power[v]);
        }
    }
}

static __attribute__((noinline)) void own_multiply_in_state(const struct slc_own_job *jobs, size_t n,
                                                            const void *tables, void *work)
{
    struct quotient *q = work;
    size_t count = (n + LANES - 1) / LANES;
    for (size_t v = 0; v < count; v++) {
        uint64_t t[4][LANES] = {{0}};
        for (size_t i = 0; i < LANES; i++) {
            const uint8_t *secret = LANES * v + i < n ? jobs[LANES * v + i].secret : NULL;
            if (secret == NULL) continue;
            for (size_t k = 0; k < 4; k++) {
                t[k][i] = key_word(secret, k) >> 3 | (k < 3 ? key_word(secret, k + 1) << 61 : 0);
            }
            /* Clamped, bit 254 is set and bit 255 is not; shifted down by 3, with recode()'s 2^254. */
            t[3][i] = (t[3][i] & ((UINT64_C(1) << 59) - 1)) | UINT64_C(1) << 59 | UINT64_C(1) << 62;
        }
        lane words[4] = {lane_load(t[0]), lane_load(t[1]), lane_load(t[2]), lane_load(t[3])};
        own_multiply(&q[v], (const void *)((const unsigned char *)tables + v * LANES * CURVE_OWN_BYTES), words);
    }
    divide(q, count);
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].secret != NULL) give(jobs[i].out, &q[i / LANES], (unsigned)(i % LANES));
    }
}

static void own_tables(const uint8_t *const *point, size_t n, void *tables)
{
    field_state state = field_enter();
    own_fill_in_state(point, n, tables);
    slc_burn_stack();
    field_leave(state);
}

static void own_multiplications(const struct slc_own_job *jobs, size_t n, const void *tables, void *work)
{
    field_state state = field_enter();
    own_multiply_in_state(jobs, n, tables, work);
    slc_burn_stack();
    field_leave(state);
}

#endif
