/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/secret.h"
#include "crypto/seal/polyval_internal.h"

#include <string.h>

/*
 * POLYVAL with integer multiplications: numbers with three zero bits after each bit cannot carry into a neighbour's
 * place as long as at most 15 products meet there. 60 bits of one factor keep to that; its top 4 bits are done by
 * shifts.
 */

typedef unsigned __int128 u128;

enum { BLOCK = 16 };

static const uint64_t SPACED = 0x1111111111111111;

/* Carry-less product. */
static u128 multiply(uint64_t x, uint64_t y)
{
    const u128 spaced = (u128)SPACED << 64 | SPACED;
    const uint64_t low60 = ((uint64_t)1 << 60) - 1;
    u128 product = 0;
    uint64_t a[4];
    uint64_t b[4];
    for (unsigned i = 0; i < 4; i++) {
        a[i] = x & low60 & SPACED << i;
        b[i] = y & SPACED << i;
    }
    for (unsigned i = 0; i < 4; i++) {
        u128 z =
            (u128)a[0] * b[i] ^ (u128)a[1] * b[(i + 3) % 4] ^ (u128)a[2] * b[(i + 2) % 4] ^ (u128)a[3] * b[(i + 1) % 4];
        product |= z & spaced << i;
    }
    for (unsigned i = 60; i < 64; i++) {
        product ^= (u128)(y & -(x >> i & 1)) << i;
    }
    return product;
}

/* One step of Montgomery's reduction by x^128 + x^127 + x^126 + x^121 + 1: divides by x^64. */
static u128 fold(u128 low)
{
    uint64_t q = (uint64_t)low;
    return low >> 64 ^ (u128)q << 64 ^ (u128)q << 57 ^ (u128)q << 62 ^ (u128)q << 63;
}

/* a * b * x^-128 */
static u128 dot(u128 a, u128 b)
{
    uint64_t a0 = (uint64_t)a;
    uint64_t a1 = (uint64_t)(a >> 64);
    uint64_t b0 = (uint64_t)b;
    uint64_t b1 = (uint64_t)(b >> 64);
    u128 low = multiply(b0, a0);
    u128 high = multiply(b1, a1);
    u128 middle = multiply(b0 ^ b1, a0 ^ a1) ^ low ^ high;
    low ^= middle << 64;
    high ^= middle >> 64;
    return high ^ fold(fold(low));
}

static u128 load(const uint8_t *p)
{
    uint64_t half[2] = {0, 0};
    for (unsigned i = 0; i < BLOCK; i++) {
        half[i / 8] |= (uint64_t)p[i] << (8 * (i % 8));
    }
    return (u128)half[1] << 64 | half[0];
}

void slc_polyval_portable(uint8_t sum[BLOCK], const uint8_t key[BLOCK], const uint8_t *data, size_t len,
                          const uint8_t last[BLOCK])
{
    u128 h = load(key);
    u128 s = 0;
    uint8_t rest[BLOCK] = {0};
    for (; len >= BLOCK; data += BLOCK, len -= BLOCK) {
        s = dot(s ^ load(data), h);
    }
    if (len > 0) {
        memcpy(rest, data, len);
        s = dot(s ^ load(rest), h);
    }
    s = dot(s ^ load(last), h);
    for (unsigned i = 0; i < BLOCK; i++) {
        sum[i] = (uint8_t)(s >> (8 * i));
    }
    slc_wipe(&h, sizeof h);
    slc_wipe(&s, sizeof s);
    slc_wipe(rest, sizeof rest);
}
