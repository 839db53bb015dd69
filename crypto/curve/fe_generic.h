/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_FE_GENERIC_H
#define SLUICE_FE_GENERIC_H

/*
 * Powers in the field, over whichever fe_ header was included before this one (see kernel.h). Inversion by Fermat: no
 * branch, and the inverse of 0 is 0.
 */

CURVE_INLINE fe fe_product(fe a, fe b)
{
    return fe_carry(fe_mul(a, b));
}

CURVE_INLINE fe fe_square(fe a)
{
    return fe_carry(fe_sqr(a));
}

CURVE_KERNEL fe fe_square_times(fe a, int n)
{
    for (int i = 0; i < n; i++) {
        a = fe_square(a);
    }
    return a;
}

/* a^(2^250 - 1), and a^11 beside it. */
CURVE_INLINE fe fe_power_250(fe a, fe *a11)
{
    fe a2 = fe_square(a);
    fe a9 = fe_product(a, fe_square_times(a2, 2));
    *a11 = fe_product(a2, a9);
    fe p5 = fe_product(a9, fe_square(*a11)); /* p<n>: a^(2^n - 1) */
    fe p10 = fe_product(fe_square_times(p5, 5), p5);
    fe p20 = fe_product(fe_square_times(p10, 10), p10);
    fe p40 = fe_product(fe_square_times(p20, 20), p20);
    fe p50 = fe_product(fe_square_times(p40, 10), p10);
    fe p100 = fe_product(fe_square_times(p50, 50), p50);
    fe p200 = fe_product(fe_square_times(p100, 100), p100);
    return fe_product(fe_square_times(p200, 50), p50);
}

/* a^(p - 2) = a^(2^255 - 21). */
CURVE_INLINE fe fe_invert(fe a)
{
    fe a11;
    fe p250 = fe_power_250(a, &a11);
    return fe_product(fe_square_times(p250, 5), a11);
}

/* a^((p - 5) / 8) = a^(2^252 - 3). */
CURVE_INLINE fe fe_power_sqrt(fe a)
{
    fe a11;
    fe p250 = fe_power_250(a, &a11);
    return fe_product(fe_square_times(p250, 2), a);
}

#endif
