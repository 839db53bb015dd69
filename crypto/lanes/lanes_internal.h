/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANES_INTERNAL_H
#define SLUICE_LANES_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Between lanes.c, which picks a level, and kernels.h, which is compiled once per level. The members of a table have
 * the contracts of the public functions of the same names; `n` may be any number.
 */

struct slc_sha256_kernels {
    void (*expand_secrets)(uint8_t *const *out, const uint8_t *const *secret, unsigned blocks, size_t n);
    void (*expand_payload_keys)(uint8_t *const *out, const uint8_t *const *seed, size_t n);
    void (*header_macs)(uint8_t *const *mac, const uint8_t *const *key, const uint8_t *const *message, size_t len,
                        size_t n);
};

struct slc_lane_kernels {
    struct slc_sha256_kernels sha256;
    /* key[layer * n + i] is the key of block i in the layer that is applied as number `layer`. */
    void (*lioness_encrypt)(uint8_t *const *block, size_t len, const uint8_t *const *key, unsigned layers, size_t n);
    void (*lioness_decrypt)(uint8_t *const *block, size_t len, const uint8_t *const *key, unsigned layers, size_t n);
    void (*message_keys)(uint8_t *const *out, const uint8_t *const *secret, size_t n);
};

extern const struct slc_lane_kernels slc_lane_kernels_portable; /* 16-byte vectors, any CPU */
extern const struct slc_lane_kernels slc_lane_kernels_avx2;
extern const struct slc_lane_kernels slc_lane_kernels_avx512;
extern const struct slc_sha256_kernels slc_sha256_kernels_shani; /* SHA instructions, two packets at once */

/* SHA-256's round constants and initial state, BLAKE3's initial state (the same words). */
extern const uint32_t slc_sha256_round[64];
extern const uint32_t slc_sha256_start[8];

/* HMAC's two key blocks absorbed. */
struct slc_pads {
    uint32_t inner[8];
    uint32_t outer[8];
};

enum { SLC_EXPAND_BLOCKS = 9, SLC_PAYLOAD_KEY_BLOCKS = 6 };

/*
 * What is the same in every derivation. A "schedule" is the 64 words W[t] + K[t] of a message block without secret
 * bytes, so that the kernels skip the message expansion (a third of the work) in it.
 */
struct slc_constants {
    struct slc_pads expand_salt;  /* SHA-256, ESS_SALT (empty)                                          */
    uint32_t expand_first[2][64]; /* info || 1 || padding                                               */
    uint32_t expand_info[8];      /* T || info: the words of info that share the first block with T     */
    uint32_t expand_middle[64];   /* ... the second block                                               */
    uint32_t expand_last[9][64];  /* ... the third, with the counter; [0] is not used                   */
    struct slc_pads payload_salt; /* SHA-256, PK_SALT                                                   */
    uint32_t payload_first[64];   /* as above for PK_INFO                                               */
    uint32_t payload_info[8];
    uint32_t payload_last[6][64];
    struct slc_pads blake3_zero_salt; /* BLAKE3, the absent salt of the message layer                       */
};

/* Computed by the first call. Any thread. */
const struct slc_constants *slc_constants(void);

/* BLAKE3's compression function, one input; `state` becomes the new chaining value. */
enum { BLAKE3_CHUNK_START = 1, BLAKE3_CHUNK_END = 2, BLAKE3_PARENT = 4, BLAKE3_ROOT = 8 };
void slc_blake3_compress(uint32_t state[8], const uint32_t block[16], uint64_t counter, uint32_t block_len,
                         uint32_t flags);

#endif
