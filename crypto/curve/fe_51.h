/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_FE_51_H
#define SLUICE_FE_51_H

#include "crypto/curve/curve_internal.h"

/*
 * Bytes, table limbs and canonical values for field elements in 5 integer limbs of 51 bits, over whatever `lane` is:
 * one word, or a vector of them.
 */

#define LIMB_MASK ((UINT64_C(1) << 51) - 1)

struct limbs {
    lane v[FIELD_LIMBS];
};

/* 4 words, bit 255 ignored; up to 2^255 - 1, not reduced. */
CURVE_INLINE struct limbs limbs_load(const lane w[4])
{
    lane m = lane_all(LIMB_MASK);
    return (struct limbs){{w[0] & m, (w[0] >> 51 | w[1] << 13) & m, (w[1] >> 38 | w[2] << 26) & m,
                           (w[2] >> 25 | w[3] << 39) & m, w[3] >> 12 & m}};
}

/* From the 52-bit limbs of a table. */
CURVE_INLINE struct limbs limbs_from_table(const lane t[FIELD_LIMBS])
{
    lane m = lane_all(LIMB_MASK);
    return (struct limbs){{t[0] & m, (t[0] >> 51 | t[1] << 1) & m, (t[1] >> 50 | t[2] << 2) & m,
                           (t[2] >> 49 | t[3] << 3) & m, t[3] >> 48 | t[4] << 4}};
}

CURVE_INLINE lane times_19(lane x)
{
    return x + (x << 1) + (x << 4);
}

/* Limbs below 2^63; 4 canonical words. */
CURVE_INLINE void limbs_store(lane w[4], struct limbs a)
{
    lane m = lane_all(LIMB_MASK), carry;
    for (int round = 0; round < 2; round++) {
        carry = lane_all(0);
        for (int i = 0; i < FIELD_LIMBS; i++) {
            a.v[i] += carry;
            carry = a.v[i] >> 51;
            a.v[i] &= m;
        }
        a.v[0] += times_19(carry);
    }
    /* Now a < 2p: it is at least p exactly when adding 19 carries out of bit 254. */
    carry = lane_all(19);
    for (int i = 0; i < FIELD_LIMBS; i++) {
        carry = (a.v[i] + carry) >> 51;
    }
    carry = times_19(carry);
    for (int i = 0; i < FIELD_LIMBS; i++) {
        a.v[i] += carry;
        carry = a.v[i] >> 51;
        a.v[i] &= m;
    }
    w[0] = a.v[0] | a.v[1] << 51;
    w[1] = a.v[1] >> 13 | a.v[2] << 38;
    w[2] = a.v[2] >> 26 | a.v[3] << 25;
    w[3] = a.v[3] >> 39 | a.v[4] << 12;
}

#endif
