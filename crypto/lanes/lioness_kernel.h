/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LIONESS_KERNEL_H
#define SLUICE_LIONESS_KERNEL_H

#include "crypto/base/burn.h"
#include "crypto/base/secret.h"
#include "crypto/lanes/lanes.h"
#include "crypto/lanes/vector.h"

/*
 * LIONESS over a tile of LANES32 packets (chapter 1, section 2.3). Included by kernels.h.
 *
 * A tile holds the packets transposed: row w is 64-bit word w of every packet, in two halves of LANES64 lanes. A packet
 * of up to 2080 bytes is transposed in once, takes all its layers in place and is transposed out once; a longer one
 * goes through the tile window by window, once per pass.
 *
 * ChaCha20 wants one packet per 32-bit lane, BLAKE2b one per 64-bit lane. Packets are dealt to the halves in pairs
 * (0 1 4 5 .. | 2 3 6 7 ..) so that zipping two 32-bit rows inside 16-byte groups gives the two halves of a 64-bit row.
 */

enum {
    LEFT_BYTES = 32,
    LEFT_ROWS = LEFT_BYTES / 8,
    LEFT_SLOTS = (int)LANES64 > (int)LEFT_ROWS ? (int)LANES64 : (int)LEFT_ROWS, /* whole vectors */
    WINDOW_BYTES = 2048,
    WINDOW_ROWS = WINDOW_BYTES / 8,
    KEY_ROWS = SLC_PAYLOAD_KEY_BYTES / 8,
    CHACHA_BYTES = 64,
    CHACHA_ROWS = CHACHA_BYTES / 8,
    BLAKE2B_BYTES = 128,
    BLAKE2B_ROWS = BLAKE2B_BYTES / 8,
    STREAM_KEY_ROWS = 4,
    HASH_KEY_ROWS = 8,
    /* Words of the payload key where k1, k2, k3, k4 start. */
    K1 = 0,
    K2 = 4,
    K3 = 12,
    K4 = 16,
    NO_KEY = KEY_ROWS,
};

struct row {
    u64v half[2];
};

struct tile {
    struct row left[LEFT_ROWS];
    struct row right[WINDOW_ROWS + LANES64]; /* a window; rows past the data are zero up to a BLAKE2b block's end */
    struct row key[KEY_ROWS];
    u32v chacha[16];
    u64v blake2b[2][8];
    u64v hash_key[BLAKE2B_ROWS][2];
    uint8_t *packet[2][LANES64];
    const uint8_t *packet_key[2][LANES64];
    bool idle[2][LANES64];
};

static const uint64_t BLAKE2B_START[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                          0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                          0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

/* Digest length 32, key length 64, fanout 1, depth 1. */
static const uint64_t BLAKE2B_PARAMETERS = 0x01014020;

#define QUARTER_ROUND(a, b, c, d)                                                                                      \
    do {                                                                                                               \
        x[a] += x[b];                                                                                                  \
        x[d] = ROTATE_RIGHT32_16(x[d] ^ x[a]);                                                                         \
        x[c] += x[d];                                                                                                  \
        x[b] = ROTATE_RIGHT32(x[b] ^ x[c], 20);                                                                        \
        x[a] += x[b];                                                                                                  \
        x[d] = ROTATE_RIGHT32_24(x[d] ^ x[a]);                                                                         \
        x[c] += x[d];                                                                                                  \
        x[b] = ROTATE_RIGHT32(x[b] ^ x[c], 25);                                                                        \
    } while (0)

/* XORs `blocks` blocks of keystream into rows; `state` keeps the counter. */
NOINLINE void chacha20(struct row *row, u32v state[16], size_t blocks)
{
    for (size_t block = 0; block < blocks; block++, row += CHACHA_ROWS) {
        u32v x[16];
        memcpy(x, state, sizeof x);
        for (unsigned round = 0; round < 20; round += 2) {
            QUARTER_ROUND(0, 4, 8, 12);
            QUARTER_ROUND(1, 5, 9, 13);
            QUARTER_ROUND(2, 6, 10, 14);
            QUARTER_ROUND(3, 7, 11, 15);
            QUARTER_ROUND(0, 5, 10, 15);
            QUARTER_ROUND(1, 6, 11, 12);
            QUARTER_ROUND(2, 7, 8, 13);
            QUARTER_ROUND(3, 4, 9, 14);
        }
        for (unsigned i = 0; i < CHACHA_ROWS; i++) {
            u32v low = x[2 * i] + state[2 * i];
            u32v high = x[2 * i + 1] + state[2 * i + 1];
            row[i].half[0] ^= (u64v)SHUFFLE32(low, high, 0, 4, 1, 5);
            row[i].half[1] ^= (u64v)SHUFFLE32(low, high, 2, 6, 3, 7);
        }
        state[12] += 1; /* at most 512 blocks: the upper half of the counter stays 0 */
    }
}

#define MIX(a, b, c, d, x, y)                                                                                          \
    do {                                                                                                               \
        v[a] += v[b] + message[2 * (x)];                                                                               \
        v[d] = ROTATE_RIGHT64_32(v[d] ^ v[a]);                                                                         \
        v[c] += v[d];                                                                                                  \
        v[b] = ROTATE_RIGHT64_24(v[b] ^ v[c]);                                                                         \
        v[a] += v[b] + message[2 * (y)];                                                                               \
        v[d] = ROTATE_RIGHT64_16(v[d] ^ v[a]);                                                                         \
        v[c] += v[d];                                                                                                  \
        v[b] = ROTATE_RIGHT64_63(v[b] ^ v[c]);                                                                         \
    } while (0)

#define MIX_ROUND(m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15)                                \
    do {                                                                                                               \
        MIX(0, 4, 8, 12, m0, m1);                                                                                      \
        MIX(1, 5, 9, 13, m2, m3);                                                                                      \
        MIX(2, 6, 10, 14, m4, m5);                                                                                     \
        MIX(3, 7, 11, 15, m6, m7);                                                                                     \
        MIX(0, 5, 10, 15, m8, m9);                                                                                     \
        MIX(1, 6, 11, 12, m10, m11);                                                                                   \
        MIX(2, 7, 8, 13, m12, m13);                                                                                    \
        MIX(3, 4, 9, 14, m14, m15);                                                                                    \
    } while (0)

/* One compression of one half; message words are `message[0], message[2], ..`: every other vector, as in rows. */
NOINLINE void blake2b(u64v state[8], const u64v *message, uint64_t counter, bool last)
{
    u64v v[16];
    for (unsigned i = 0; i < 8; i++) {
        v[i] = state[i];
        v[8 + i] = all64(BLAKE2B_START[i]);
    }
    v[12] ^= counter;
    v[14] ^= last ? ~(uint64_t)0 : 0;
    MIX_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    MIX_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
    MIX_ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
    MIX_ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
    MIX_ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
    MIX_ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
    MIX_ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
    MIX_ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
    MIX_ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
    MIX_ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
    MIX_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    MIX_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
    for (unsigned i = 0; i < 8; i++) {
        state[i] ^= v[i] ^ v[8 + i];
    }
}

/* `len` bytes at offset to rows, whole vectors (LANES64 rows) with zeros past `len`. */
NOINLINE void load_rows(struct row *row, const uint8_t *const (*packet)[LANES64], size_t offset, size_t len)
{
    for (size_t at = 0; at < len; at += VECTOR_BYTES, row += LANES64) {
        for (unsigned half = 0; half < 2; half++) {
            u32v v[LANES64];
            for (unsigned lane = 0; lane < LANES64; lane++) {
                const uint8_t *from = packet[half][lane] + offset + at;
                if (len - at >= VECTOR_BYTES) {
                    v[lane] = load32(from);
                } else {
                    v[lane] = all32(0);
                    memcpy(&v[lane], from, len - at);
                }
            }
            transpose64(v);
            for (unsigned i = 0; i < LANES64; i++) {
                row[i].half[half] = (u64v)v[i];
            }
        }
    }
}

NOINLINE void store_rows(const struct tile *tile, const struct row *row, size_t offset, size_t len)
{
    for (size_t at = 0; at < len; at += VECTOR_BYTES, row += LANES64) {
        for (unsigned half = 0; half < 2; half++) {
            u32v v[LANES64];
            for (unsigned i = 0; i < LANES64; i++) {
                v[i] = (u32v)row[i].half[half];
            }
            transpose64(v);
            for (unsigned lane = 0; lane < LANES64; lane++) {
                if (tile->idle[half][lane]) continue;
                memcpy(tile->packet[half][lane] + offset + at, &v[lane],
                       len - at < VECTOR_BYTES ? len - at : VECTOR_BYTES);
            }
        }
    }
}

/* Zeroes what lies past `len` bytes up to the end of a BLAKE2b block. */
INLINE void zero_tail(struct row *row, size_t len)
{
    size_t at = len / 8;
    size_t end = (len + BLAKE2B_BYTES - 1) / BLAKE2B_BYTES * BLAKE2B_ROWS;
    if (len % 8 > 0) {
        uint64_t keep = ((uint64_t)1 << (8 * (len % 8))) - 1;
        row[at].half[0] &= keep;
        row[at].half[1] &= keep;
        at++;
    }
    for (; at < end; at++) {
        row[at] = (struct row){{all64(0), all64(0)}};
    }
}

/* Keystream under L ^ k from block 0 on. */
INLINE void start_stream(struct tile *tile, unsigned key)
{
    static const uint32_t SIGMA[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    for (unsigned i = 0; i < 4; i++) {
        tile->chacha[i] = all32(SIGMA[i]);
        tile->chacha[12 + i] = all32(0);
    }
    for (unsigned i = 0; i < STREAM_KEY_ROWS; i++) {
        u32v a = (u32v)(tile->left[i].half[0] ^ tile->key[key + i].half[0]);
        u32v b = (u32v)(tile->left[i].half[1] ^ tile->key[key + i].half[1]);
        tile->chacha[4 + 2 * i] = SHUFFLE32(a, b, 0, 2, 4, 6);
        tile->chacha[5 + 2 * i] = SHUFFLE32(a, b, 1, 3, 5, 7);
    }
}

INLINE void start_hash(struct tile *tile, unsigned key)
{
    for (unsigned half = 0; half < 2; half++) {
        for (unsigned i = 0; i < 8; i++) {
            tile->blake2b[half][i] = all64(BLAKE2B_START[i] ^ (i == 0 ? BLAKE2B_PARAMETERS : 0));
        }
        for (unsigned i = 0; i < BLAKE2B_ROWS; i++) {
            tile->hash_key[i][half] = i < HASH_KEY_ROWS ? tile->key[key + i].half[half] : all64(0);
        }
    }
    for (unsigned half = 0; half < 2; half++) {
        blake2b(tile->blake2b[half], &tile->hash_key[0][half], BLAKE2B_BYTES, false);
    }
}

/* Absorbs a window: `len` bytes after `before` bytes of R. */
INLINE void hash_window(struct tile *tile, size_t before, size_t len, bool last)
{
    for (size_t at = 0; at < len; at += BLAKE2B_BYTES) {
        bool final = last && len - at <= BLAKE2B_BYTES;
        size_t counter = BLAKE2B_BYTES + before + (final ? len : at + BLAKE2B_BYTES);
        for (unsigned half = 0; half < 2; half++) {
            blake2b(tile->blake2b[half], &tile->right[at / 8].half[half], counter, final);
        }
    }
}

/*
 * R ^= S(L ^ stream key), then L ^= H(hash key, R); NO_KEY leaves a half out. `resident`: R is in the tile and stays
 * there; otherwise it passes through.
 */
static void pass(struct tile *tile, size_t right_len, bool resident, unsigned stream_key, unsigned hash_key)
{
    if (stream_key != NO_KEY) start_stream(tile, stream_key);
    if (hash_key != NO_KEY) start_hash(tile, hash_key);
    for (size_t at = 0; at < right_len; at += WINDOW_BYTES) {
        size_t len = right_len - at < WINDOW_BYTES ? right_len - at : WINDOW_BYTES;
        if (!resident) {
            load_rows(tile->right, (const uint8_t *const(*)[LANES64])tile->packet, LEFT_BYTES + at, len);
            zero_tail(tile->right, len);
        }
        if (stream_key != NO_KEY) {
            chacha20(tile->right, tile->chacha, (len + CHACHA_BYTES - 1) / CHACHA_BYTES);
            zero_tail(tile->right, len);
            if (!resident) store_rows(tile, tile->right, LEFT_BYTES + at, len);
        }
        if (hash_key != NO_KEY) hash_window(tile, at, len, len == right_len - at);
    }
    for (unsigned i = 0; hash_key != NO_KEY && i < LEFT_ROWS; i++) {
        tile->left[i].half[0] ^= tile->blake2b[0][i];
        tile->left[i].half[1] ^= tile->blake2b[1][i];
    }
}

static void deal_packets(struct tile *tile, uint8_t *const *block, unsigned used)
{
    for (unsigned half = 0; half < 2; half++) {
        for (unsigned lane = 0; lane < LANES64; lane++) {
            unsigned i = 4 * (lane / 2) + 2 * half + lane % 2;
            tile->idle[half][lane] = i >= used;
            tile->packet[half][lane] = block[i < used ? i : 0];
        }
    }
}

static void load_key(struct tile *tile, const uint8_t *const *key, unsigned used)
{
    for (unsigned half = 0; half < 2; half++) {
        for (unsigned lane = 0; lane < LANES64; lane++) {
            unsigned i = 4 * (lane / 2) + 2 * half + lane % 2;
            tile->packet_key[half][lane] = key[i < used ? i : 0];
        }
    }
    load_rows(tile->key, tile->packet_key, 0, SLC_PAYLOAD_KEY_BYTES);
}

INLINE void lioness(uint8_t *const *block, size_t len, const uint8_t *const *key, unsigned layers, size_t n,
                    bool encrypt)
{
    struct tile tile;
    struct row left[LEFT_SLOTS];
    size_t right_len = len - LEFT_BYTES;
    bool resident = right_len <= WINDOW_BYTES;
    for (size_t i = 0; i < n; i += LANES32) {
        unsigned used = n - i < LANES32 ? (unsigned)(n - i) : LANES32;
        deal_packets(&tile, block + i, used);
        const uint8_t *const(*packet)[LANES64] = (const uint8_t *const(*)[LANES64])tile.packet;
        load_rows(left, packet, 0, LEFT_BYTES);
        memcpy(tile.left, left, sizeof tile.left);
        if (resident) {
            load_rows(tile.right, packet, LEFT_BYTES, right_len);
            zero_tail(tile.right, right_len);
        }
        for (unsigned layer = 0; layer < layers; layer++) {
            load_key(&tile, key + layer * n + i, used);
            if (encrypt) {
                pass(&tile, right_len, resident, K1, K2);
                pass(&tile, right_len, resident, K3, K4);
            } else {
                pass(&tile, right_len, resident, NO_KEY, K4);
                pass(&tile, right_len, resident, K3, K2);
                pass(&tile, right_len, resident, K1, NO_KEY);
            }
        }
        memcpy(left, tile.left, sizeof tile.left);
        store_rows(&tile, left, 0, LEFT_BYTES);
        if (resident) store_rows(&tile, tile.right, LEFT_BYTES, right_len);
    }
    slc_wipe(&tile, sizeof tile);
    slc_wipe(left, sizeof left);
    slc_burn_stack();
}

static void lioness_encrypt(uint8_t *const *block, size_t len, const uint8_t *const *key, unsigned layers, size_t n)
{
    lioness(block, len, key, layers, n, true);
}

static void lioness_decrypt(uint8_t *const *block, size_t len, const uint8_t *const *key, unsigned layers, size_t n)
{
    lioness(block, len, key, layers, n, false);
}

#endif
