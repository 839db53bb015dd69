/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/secret.h"
#include "crypto/lanes/aes_internal.h"
#include "crypto/seal/polyval_internal.h"

#include <stdbool.h>
#include <string.h>

/* Schedules of MAX_KEYS keys, one of them in planes, and planes. */
#define SLC_BURN_BYTES (3 * 4096)
#include "crypto/base/burn.h"

/*
 * AES without tables: eight blocks at once, bit-sliced. Plane b holds bit b of every byte: byte p of a plane belongs to
 * byte position p of the state, and bit j of it to block j. No branch and no address depends on a secret.
 */

enum { BLOCKS = 8, STATE = SLC_AES_BLOCK, MAX_ROUNDS = SLC_AES256_ROUNDS, MAX_KEYS = 32 };

typedef uint8_t plane __attribute__((vector_size(STATE)));
typedef uint32_t plane32 __attribute__((vector_size(STATE)));
typedef uint64_t plane64 __attribute__((vector_size(STATE)));

/* Round keys in planes, the same for all blocks. */
struct sliced_key {
    plane round[MAX_ROUNDS + 1][8];
};

/* Transposes the 8 x 8 bit matrices made by the same byte of eight vectors; its own inverse. */
static void transpose_bits(plane v[8])
{
#define SWAP(a, b, low, shift)                                                                                         \
    do {                                                                                                               \
        plane64 t = (((plane64)v[a] >> (shift)) ^ (plane64)v[b]) & (low);                                              \
        v[b] ^= (plane)t;                                                                                              \
        v[a] ^= (plane)(t << (shift));                                                                                 \
    } while (0)
    const uint64_t low1 = 0x5555555555555555;
    const uint64_t low2 = 0x3333333333333333;
    const uint64_t low4 = 0x0f0f0f0f0f0f0f0f;
    for (unsigned i = 0; i < 8; i += 2) {
        SWAP(i, i + 1, low1, 1);
    }
    for (unsigned i = 0; i < 8; i += i % 2 == 0 ? 1 : 3) {
        SWAP(i, i + 2, low2, 2);
    }
    for (unsigned i = 0; i < 4; i++) {
        SWAP(i, i + 4, low4, 4);
    }
#undef SWAP
}

/* J. Boyar, R. Peralta, "A depth-16 circuit for the AES S-box" (2011), with their names. */
static inline __attribute__((always_inline)) void sub_bytes(plane q[8])
{
    plane x0 = q[7], x1 = q[6], x2 = q[5], x3 = q[4], x4 = q[3], x5 = q[2], x6 = q[1], x7 = q[0];

    plane y14 = x3 ^ x5, y13 = x0 ^ x6, y9 = x0 ^ x3, y8 = x0 ^ x5, t0 = x1 ^ x2;
    plane y1 = t0 ^ x7, y4 = y1 ^ x3, y12 = y13 ^ y14, y2 = y1 ^ x0, y5 = y1 ^ x6;
    plane y3 = y5 ^ y8, t1 = x4 ^ y12, y15 = t1 ^ x5, y20 = t1 ^ x1, y6 = y15 ^ x7;
    plane y10 = y15 ^ t0, y11 = y20 ^ y9, y7 = x7 ^ y11, y17 = y10 ^ y11, y19 = y10 ^ y8;
    plane y16 = t0 ^ y11, y21 = y13 ^ y16, y18 = x0 ^ y16;

    plane t2 = y12 & y15, t3 = y3 & y6, t4 = t3 ^ t2, t5 = y4 & x7, t6 = t5 ^ t2;
    plane t7 = y13 & y16, t8 = y5 & y1, t9 = t8 ^ t7, t10 = y2 & y7, t11 = t10 ^ t7;
    plane t12 = y9 & y11, t13 = y14 & y17, t14 = t13 ^ t12, t15 = y8 & y10, t16 = t15 ^ t12;
    plane t17 = t4 ^ t14, t18 = t6 ^ t16, t19 = t9 ^ t14, t20 = t11 ^ t16;
    plane t21 = t17 ^ y20, t22 = t18 ^ y19, t23 = t19 ^ y21, t24 = t20 ^ y18;

    plane t25 = t21 ^ t22, t26 = t21 & t23, t27 = t24 ^ t26, t28 = t25 & t27, t29 = t28 ^ t22;
    plane t30 = t23 ^ t24, t31 = t22 ^ t26, t32 = t31 & t30, t33 = t32 ^ t24, t34 = t23 ^ t33;
    plane t35 = t27 ^ t33, t36 = t24 & t35, t37 = t36 ^ t34, t38 = t27 ^ t36, t39 = t29 & t38;
    plane t40 = t25 ^ t39, t41 = t40 ^ t37, t42 = t29 ^ t33, t43 = t29 ^ t40, t44 = t33 ^ t37;
    plane t45 = t42 ^ t41;

    plane z0 = t44 & y15, z1 = t37 & y6, z2 = t33 & x7, z3 = t43 & y16, z4 = t40 & y1, z5 = t29 & y7;
    plane z6 = t42 & y11, z7 = t45 & y17, z8 = t41 & y10, z9 = t44 & y12, z10 = t37 & y3, z11 = t33 & y4;
    plane z12 = t43 & y13, z13 = t40 & y5, z14 = t29 & y2, z15 = t42 & y9, z16 = t45 & y14, z17 = t41 & y8;

    plane t46 = z15 ^ z16, t47 = z10 ^ z11, t48 = z5 ^ z13, t49 = z9 ^ z10, t50 = z2 ^ z12;
    plane t51 = z2 ^ z5, t52 = z7 ^ z8, t53 = z0 ^ z3, t54 = z6 ^ z7, t55 = z16 ^ z17;
    plane t56 = z12 ^ t48, t57 = t50 ^ t53, t58 = z4 ^ t46, t59 = z3 ^ t54, t60 = t46 ^ t57;
    plane t61 = z14 ^ t57, t62 = t52 ^ t58, t63 = t49 ^ t58, t64 = z4 ^ t59, t65 = t61 ^ t62;
    plane t66 = z1 ^ t63, t67 = t64 ^ t65, s3 = t53 ^ t66;

    q[7] = t59 ^ t63;
    q[6] = t64 ^ ~s3;
    q[5] = t55 ^ ~t67;
    q[4] = s3;
    q[3] = t51 ^ t66;
    q[2] = t47 ^ t65;
    q[1] = t56 ^ ~t62;
    q[0] = t48 ^ ~t60;
}

/* Row r of the state moves r columns to the left; a column is one 32-bit word. */
static inline __attribute__((always_inline)) void shift_rows(plane q[8])
{
    for (unsigned b = 0; b < 8; b++) {
        plane32 v = (plane32)q[b];
        plane32 by1 = __builtin_shufflevector(v, v, 1, 2, 3, 0);
        plane32 by2 = __builtin_shufflevector(v, v, 2, 3, 0, 1);
        plane32 by3 = __builtin_shufflevector(v, v, 3, 0, 1, 2);
        q[b] = (plane)((v & 0x000000ff) | (by1 & 0x0000ff00) | (by2 & 0x00ff0000) | (by3 & 0xff000000));
    }
}

static inline __attribute__((always_inline)) plane rotate_column(plane v, unsigned bytes)
{
    plane32 w = (plane32)v;
    return (plane)(w >> 8 * bytes | w << (32 - 8 * bytes));
}

/* With r the column rotated by one byte: 2a ^ 3r ^ rot2(a) ^ rot3(a) = 2(a ^ r) ^ r ^ rot2(a ^ r). */
static inline __attribute__((always_inline)) void mix_columns(plane q[8])
{
    plane r[8];
    plane t[8];
    for (unsigned b = 0; b < 8; b++) {
        r[b] = rotate_column(q[b], 1);
        t[b] = q[b] ^ r[b];
    }
    for (unsigned b = 0; b < 8; b++) {
        q[b] = r[b] ^ rotate_column(t[b], 2) ^ t[(b + 7) % 8];
    }
    q[1] ^= t[7]; /* the reduction by x^4 + x^3 + x + 1; bit 0 got its t[7] above */
    q[3] ^= t[7];
    q[4] ^= t[7];
}

static inline __attribute__((always_inline)) void add_round_key(plane q[8], const plane key[8])
{
    for (unsigned b = 0; b < 8; b++) {
        q[b] ^= key[b];
    }
}

/* Encrypts eight blocks of 16 bytes in place. */
static void encrypt(plane q[8], const struct sliced_key *key, unsigned rounds)
{
    transpose_bits(q);
    add_round_key(q, key->round[0]);
    for (unsigned round = 1; round < rounds; round++) {
        sub_bytes(q);
        shift_rows(q);
        mix_columns(q);
        add_round_key(q, key->round[round]);
    }
    sub_bytes(q);
    shift_rows(q);
    add_round_key(q, key->round[rounds]);
    transpose_bits(q);
}

static void slice_key(struct sliced_key *sliced, const uint8_t (*round)[STATE], unsigned rounds)
{
    for (unsigned r = 0; r <= rounds; r++) {
        plane key;
        memcpy(&key, round[r], sizeof key);
        for (unsigned b = 0; b < 8; b++) {
            sliced->round[r][b] = (plane)((key & (uint8_t)(1u << b)) != 0);
        }
    }
}

/*
 * The key schedules of up to MAX_KEYS keys of `words` 32-bit words (4 or 8) side by side, so that one bit-sliced S-box
 * serves them all. Round key bytes of key k start at schedule + k * stride.
 */
static void expand(uint8_t *schedule, size_t stride, const uint8_t *const *key, unsigned words, size_t n)
{
    union {
        plane q[8];
        uint8_t byte[MAX_KEYS][4];
    } s;
    unsigned total = 4 * (words + 7); /* 4 x (rounds + 1) */
    uint8_t rcon = 1;
    memset(&s, 0, sizeof s);
    for (size_t k = 0; k < n; k++) {
        memcpy(schedule + k * stride, key[k], 4 * words);
    }
    for (unsigned i = words; i < total; i++) {
        bool rotate = i % words == 0;
        bool substitute = rotate || (words == 8 && i % words == 4);
        for (size_t k = 0; k < n; k++) {
            const uint8_t *previous = schedule + k * stride + 4 * (i - 1);
            for (unsigned b = 0; b < 4; b++) {
                s.byte[k][b] = previous[rotate ? (b + 1) % 4 : b];
            }
        }
        if (substitute) {
            transpose_bits(s.q);
            sub_bytes(s.q);
            transpose_bits(s.q);
        }
        for (size_t k = 0; k < n; k++) {
            uint8_t *word = schedule + k * stride + 4 * i;
            const uint8_t *before = word - 4 * words;
            for (unsigned b = 0; b < 4; b++) {
                word[b] = (uint8_t)(before[b] ^ s.byte[k][b] ^ (rotate && b == 0 ? rcon : 0u));
            }
        }
        if (rotate) rcon = (uint8_t)(rcon << 1 ^ (rcon >> 7) * 0x1b);
    }
    slc_wipe(&s, sizeof s);
}

static void xor_stream(uint8_t *data, const plane q[8], size_t len)
{
    const uint8_t *stream = (const uint8_t *)q;
    for (size_t i = 0; i < len; i++) {
        data[i] ^= stream[i];
    }
}

static void ctr128_one(uint8_t *data, size_t len, const struct sliced_key *key, const uint8_t *iv)
{
    plane q[BLOCKS];
    uint8_t counter[STATE] = {0};
    uint64_t next;
    if (iv != NULL) memcpy(counter, iv, STATE);
    memcpy(&next, counter + 8, sizeof next);
    next = __builtin_bswap64(next);
    for (size_t at = 0; at < len; at += sizeof q) {
        for (unsigned j = 0; j < BLOCKS; j++, next++) {
            uint64_t swapped = __builtin_bswap64(next);
            memcpy(counter + 8, &swapped, sizeof swapped);
            memcpy(&q[j], counter, STATE);
        }
        encrypt(q, key, SLC_AES128_ROUNDS);
        xor_stream(data + at, q, len - at < sizeof q ? len - at : sizeof q);
    }
    slc_wipe(q, sizeof q);
}

SLC_IN_FRAME void ctr128_in_frame(uint8_t *const *data, size_t len, const uint8_t *const *key, const uint8_t *const *iv,
                                  size_t n)
{
    uint8_t schedule[MAX_KEYS][SLC_AES128_ROUNDS + 1][STATE];
    struct sliced_key sliced;
    for (size_t i = 0; i < n; i += MAX_KEYS) {
        size_t keys = n - i < MAX_KEYS ? n - i : MAX_KEYS;
        expand(schedule[0][0], sizeof schedule[0], key + i, 4, keys);
        for (size_t k = 0; k < keys; k++) {
            slice_key(&sliced, (const uint8_t(*)[STATE])schedule[k], SLC_AES128_ROUNDS);
            ctr128_one(data[i + k], len, &sliced, iv == NULL ? NULL : iv[i + k]);
        }
    }
}

static void ctr128(uint8_t *const *data, size_t len, const uint8_t *const *key, const uint8_t *const *iv, size_t n)
{
    ctr128_in_frame(data, len, key, iv, n);
    slc_burn_stack();
}

static void expand256(struct slc_aes256 *schedule, const uint8_t *const *key, size_t n)
{
    for (size_t i = 0; i < n; i += MAX_KEYS) {
        expand(schedule[i].round[0], sizeof *schedule, key + i, 8, n - i < MAX_KEYS ? n - i : MAX_KEYS);
    }
}

static void encrypt256(const struct slc_aes256 *schedule, uint8_t (*block)[STATE], size_t n)
{
    struct sliced_key sliced;
    plane q[BLOCKS] = {{0}};
    slice_key(&sliced, schedule->round, SLC_AES256_ROUNDS);
    memcpy(q, block, n * STATE);
    encrypt(q, &sliced, SLC_AES256_ROUNDS);
    memcpy(block, q, n * STATE);
    slc_wipe(&sliced, sizeof sliced);
    slc_wipe(q, sizeof q);
}

static void ctr256(const struct slc_aes256 *schedule, const uint8_t tag[STATE], uint8_t *data, size_t len)
{
    struct sliced_key sliced;
    plane q[BLOCKS];
    uint32_t next = tag[0] | (uint32_t)tag[1] << 8 | (uint32_t)tag[2] << 16 | (uint32_t)tag[3] << 24;
    slice_key(&sliced, schedule->round, SLC_AES256_ROUNDS);
    for (size_t at = 0; at < len; at += sizeof q) {
        for (unsigned j = 0; j < BLOCKS; j++, next++) {
            uint8_t block[STATE];
            memcpy(block, tag, STATE);
            block[STATE - 1] |= 0x80;
            for (unsigned b = 0; b < 4; b++) {
                block[b] = (uint8_t)(next >> (8 * b));
            }
            memcpy(&q[j], block, STATE);
        }
        encrypt(q, &sliced, SLC_AES256_ROUNDS);
        xor_stream(data + at, q, len - at < sizeof q ? len - at : sizeof q);
    }
    slc_wipe(&sliced, sizeof sliced);
    slc_wipe(q, sizeof q);
}

const struct slc_aes_kernels slc_aes_kernels_portable = {
    .ctr128 = ctr128,
    .expand256 = expand256,
    .encrypt256 = encrypt256,
    .ctr256 = ctr256,
    .polyval = slc_polyval_portable,
};
