/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_VECTOR_H
#define SLUICE_VECTOR_H

#include <stdint.h>
#include <string.h>

/*
 * Vectors of VECTOR_BYTES (16, 32 or 64; set by the file that is compiled) in the compilers' vector extensions, and
 * the few shuffles that the kernels need. A shuffle never crosses a 16-byte group, so each is one instruction on every
 * target; only transposes move whole groups.
 */

#if VECTOR_BYTES != 16 && VECTOR_BYTES != 32 && VECTOR_BYTES != 64
#error "VECTOR_BYTES must be 16, 32 or 64"
#endif

#define INLINE   static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))

typedef uint8_t u8v __attribute__((vector_size(VECTOR_BYTES)));
typedef uint16_t u16v __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t u32v __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t u64v __attribute__((vector_size(VECTOR_BYTES)));

enum { LANES32 = VECTOR_BYTES / 4, LANES64 = VECTOR_BYTES / 8 };

/* SHUFFLE32: the same choice in every 16-byte group, 0-3 from a, 4-7 from b. */
#define AT32(i, g)             (4 * (g) + ((i)&3) + ((i) >> 2) * LANES32)
#define GROUP32(g, w, x, y, z) AT32(w, g), AT32(x, g), AT32(y, g), AT32(z, g)
#if VECTOR_BYTES == 16
#define SHUFFLE32(a, b, w, x, y, z) __builtin_shufflevector(a, b, GROUP32(0, w, x, y, z))
#elif VECTOR_BYTES == 32
#define SHUFFLE32(a, b, w, x, y, z) __builtin_shufflevector(a, b, GROUP32(0, w, x, y, z), GROUP32(1, w, x, y, z))
#else
#define SHUFFLE32(a, b, w, x, y, z)                                                                                    \
    __builtin_shufflevector(a, b, GROUP32(0, w, x, y, z), GROUP32(1, w, x, y, z), GROUP32(2, w, x, y, z),              \
                            GROUP32(3, w, x, y, z))
#endif

/* SHUFFLE8: the same order of bytes in every 16-byte group, as two runs of eight. */
#define RUN8(o, a, b, c, d, e, f, g, h)                                                                                \
    (o) + (a), (o) + (b), (o) + (c), (o) + (d), (o) + (e), (o) + (f), (o) + (g), (o) + (h)
#define PAIR8(o, ...) RUN8(o, __VA_ARGS__), RUN8((o) + 8, __VA_ARGS__)
#if VECTOR_BYTES == 16
#define SHUFFLE8(v, ...) __builtin_shufflevector(v, v, PAIR8(0, __VA_ARGS__))
#elif VECTOR_BYTES == 32
#define SHUFFLE8(v, ...) __builtin_shufflevector(v, v, PAIR8(0, __VA_ARGS__), PAIR8(16, __VA_ARGS__))
#else
#define SHUFFLE8(v, ...)                                                                                               \
    __builtin_shufflevector(v, v, PAIR8(0, __VA_ARGS__), PAIR8(16, __VA_ARGS__), PAIR8(32, __VA_ARGS__),               \
                            PAIR8(48, __VA_ARGS__))
#endif

INLINE u32v all32(uint32_t x)
{
    return (u32v){0} + x;
}

INLINE u64v all64(uint64_t x)
{
    return (u64v){0} + x;
}

INLINE u32v load32(const void *p)
{
    u32v v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE u64v load64(const void *p)
{
    u64v v;
    memcpy(&v, p, sizeof v);
    return v;
}

#define ROTATE_RIGHT32(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define ROTATE_RIGHT64(x, n) ((x) >> (n) | (x) << (64 - (n)))

/*
 * Rotations by whole bytes: AVX-512 rotates words natively; AVX2 shuffles bytes, one instruction instead of three; with
 * 16 bytes only 16-bit pieces are cheap to move on every CPU.
 */
#if VECTOR_BYTES == 64
#define ROTATE_RIGHT32_16(x) ROTATE_RIGHT32(x, 16)
#define ROTATE_RIGHT32_8(x)  ROTATE_RIGHT32(x, 8)
#define ROTATE_RIGHT32_24(x) ROTATE_RIGHT32(x, 24)
#define ROTATE_RIGHT64_32(x) ROTATE_RIGHT64(x, 32)
#define ROTATE_RIGHT64_24(x) ROTATE_RIGHT64(x, 24)
#define ROTATE_RIGHT64_16(x) ROTATE_RIGHT64(x, 16)
#define ROTATE_RIGHT64_63(x) ROTATE_RIGHT64(x, 63)
#elif VECTOR_BYTES == 32
#define ROTATE_RIGHT32_16(x) ((u32v)SHUFFLE8((u8v)(x), 2, 3, 0, 1, 6, 7, 4, 5))
#define ROTATE_RIGHT32_8(x)  ((u32v)SHUFFLE8((u8v)(x), 1, 2, 3, 0, 5, 6, 7, 4))
#define ROTATE_RIGHT32_24(x) ((u32v)SHUFFLE8((u8v)(x), 3, 0, 1, 2, 7, 4, 5, 6))
#define ROTATE_RIGHT64_32(x) ((u64v)SHUFFLE32((u32v)(x), (u32v)(x), 1, 0, 3, 2))
#define ROTATE_RIGHT64_24(x) ((u64v)SHUFFLE8((u8v)(x), 3, 4, 5, 6, 7, 0, 1, 2))
#define ROTATE_RIGHT64_16(x) ((u64v)SHUFFLE8((u8v)(x), 2, 3, 4, 5, 6, 7, 0, 1))
#else
#define SHUFFLE16(x, ...)    __builtin_shufflevector((u16v)(x), (u16v)(x), __VA_ARGS__)
#define ROTATE_RIGHT32_16(x) ((u32v)SHUFFLE16(x, 1, 0, 3, 2, 5, 4, 7, 6))
#define ROTATE_RIGHT32_8(x)  ROTATE_RIGHT32(x, 8)
#define ROTATE_RIGHT32_24(x) ROTATE_RIGHT32(x, 24)
#define ROTATE_RIGHT64_32(x) ((u64v)SHUFFLE32((u32v)(x), (u32v)(x), 1, 0, 3, 2))
#define ROTATE_RIGHT64_24(x) ROTATE_RIGHT64(x, 24)
#define ROTATE_RIGHT64_16(x) ((u64v)SHUFFLE16(x, 1, 2, 3, 0, 5, 6, 7, 4))
#endif

#if VECTOR_BYTES != 64
/* An addition runs on more ports than a shift. */
INLINE u64v rotate_left64_1(u64v x)
{
    return x >> 63 | (x + x);
}
#define ROTATE_RIGHT64_63(x) rotate_left64_1(x)
#endif

INLINE u32v swap_bytes32(u32v x)
{
#if VECTOR_BYTES == 16
    x = ROTATE_RIGHT32_16(x);
    return (x & 0x00ff00ff) << 8 | (x >> 8 & 0x00ff00ff);
#else
    return (u32v)SHUFFLE8((u8v)x, 3, 2, 1, 0, 7, 6, 5, 4);
#endif
}

/* Treats `stride`-spaced vectors as a square matrix of 16-byte groups and transposes it. */
INLINE void transpose_groups(u32v *v, unsigned stride)
{
#if VECTOR_BYTES == 32
    u32v a = v[0];
    u32v b = v[stride];
    v[0] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    v[stride] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
#elif VECTOR_BYTES == 64
#define EVEN_GROUPS(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define ODD_GROUPS(a, b)  __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
    u32v even01 = EVEN_GROUPS(v[0], v[stride]);
    u32v odd01 = ODD_GROUPS(v[0], v[stride]);
    u32v even23 = EVEN_GROUPS(v[2 * stride], v[3 * stride]);
    u32v odd23 = ODD_GROUPS(v[2 * stride], v[3 * stride]);
    v[0] = EVEN_GROUPS(even01, even23);
    v[stride] = EVEN_GROUPS(odd01, odd23);
    v[2 * stride] = ODD_GROUPS(even01, even23);
    v[3 * stride] = ODD_GROUPS(odd01, odd23);
#else
    (void)v;
    (void)stride;
#endif
}

/* In place: LANES32 vectors, word j of vector i to word i of vector j. */
INLINE void transpose32(u32v v[LANES32])
{
    for (unsigned i = 0; i < LANES32; i += 4) {
        u32v low01 = SHUFFLE32(v[i], v[i + 1], 0, 4, 1, 5);
        u32v high01 = SHUFFLE32(v[i], v[i + 1], 2, 6, 3, 7);
        u32v low23 = SHUFFLE32(v[i + 2], v[i + 3], 0, 4, 1, 5);
        u32v high23 = SHUFFLE32(v[i + 2], v[i + 3], 2, 6, 3, 7);
        v[i] = SHUFFLE32(low01, low23, 0, 1, 4, 5);
        v[i + 1] = SHUFFLE32(low01, low23, 2, 3, 6, 7);
        v[i + 2] = SHUFFLE32(high01, high23, 0, 1, 4, 5);
        v[i + 3] = SHUFFLE32(high01, high23, 2, 3, 6, 7);
    }
    for (unsigned i = 0; i < 4; i++) {
        transpose_groups(v + i, 4);
    }
}

/* In place: LANES64 vectors of 64-bit words. */
INLINE void transpose64(u32v v[LANES64])
{
    for (unsigned i = 0; i < LANES64; i += 2) {
        u32v low = SHUFFLE32(v[i], v[i + 1], 0, 1, 4, 5);
        u32v high = SHUFFLE32(v[i], v[i + 1], 2, 3, 6, 7);
        v[i] = low;
        v[i + 1] = high;
    }
    for (unsigned i = 0; i < 2; i++) {
        transpose_groups(v + i, 2);
    }
}

/*
 * `len` bytes at in[lane] + offset, as 32-bit words in memory order: word j of every lane to row[j]. Rows are written
 * up to the next whole vector (LANES32 rows), zeros past `len`. Lanes from `used` on repeat lane 0.
 */
INLINE void load_words(u32v *row, const uint8_t *const *in, size_t offset, size_t len, unsigned used)
{
    for (size_t at = 0; at < len; at += VECTOR_BYTES, row += LANES32) {
        for (unsigned lane = 0; lane < LANES32; lane++) {
            const uint8_t *from = in[lane < used ? lane : 0] + offset + at;
            if (len - at >= VECTOR_BYTES) {
                row[lane] = load32(from);
            } else {
                u32v v = {0};
                memcpy(&v, from, len - at);
                row[lane] = v;
            }
        }
        transpose32(row);
    }
}

/* The inverse; row[0 .. ceil(len / 4)) to out[lane], for used lanes only. The rows are destroyed. */
INLINE void store_words(uint8_t *const *out, size_t len, u32v *row, unsigned used)
{
    for (size_t at = 0; at < len; at += VECTOR_BYTES, row += LANES32) {
        transpose32(row);
        for (unsigned lane = 0; lane < used; lane++) {
            memcpy(out[lane] + at, &row[lane], len - at < VECTOR_BYTES ? len - at : VECTOR_BYTES);
        }
    }
}

#endif
