/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_AES_INTERNAL_H
#define SLUICE_AES_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/* AES once per level. Shared inside the crypto floor: lanes (AES-128-CTR) and seal (AES-256-GCM-SIV). */

enum { SLC_AES_BLOCK = 16, SLC_AES128_ROUNDS = 10, SLC_AES256_ROUNDS = 14 };

/* Round keys as FIPS 197 writes them, on every level. */
struct slc_aes256 {
    _Alignas(64) uint8_t round[SLC_AES256_ROUNDS + 1][SLC_AES_BLOCK];
};

struct slc_aes_kernels {
    /* As slc_aes128_ctr(). */
    void (*ctr128)(uint8_t *const *data, size_t len, const uint8_t *const *key, const uint8_t *const *iv, size_t n);

    /* schedule[i] from key[i] (32 bytes). */
    void (*expand256)(struct slc_aes256 *schedule, const uint8_t *const *key, size_t n);

    /* Encrypts `n` <= 8 blocks in place. */
    void (*encrypt256)(const struct slc_aes256 *schedule, uint8_t (*block)[SLC_AES_BLOCK], size_t n);

    /*
     * XORs keystream into `len` bytes (RFC 8452, 4): the first counter is the tag with its last bit set, and the
     * counter proper its first 4 bytes, little-endian, which wrap.
     */
    void (*ctr256)(const struct slc_aes256 *schedule, const uint8_t tag[SLC_AES_BLOCK], uint8_t *data, size_t len);

    /*
     * RFC 8452's POLYVAL of `len` bytes, zero-padded to whole blocks, and the block `last`. The time depends on `len`
     * only.
     */
    void (*polyval)(uint8_t sum[SLC_AES_BLOCK], const uint8_t key[SLC_AES_BLOCK], const uint8_t *data, size_t len,
                    const uint8_t last[SLC_AES_BLOCK]);
};

extern const struct slc_aes_kernels slc_aes_kernels_portable;
extern const struct slc_aes_kernels slc_aes_kernels_aesni;
extern const struct slc_aes_kernels slc_aes_kernels_vaes;

/* Of the level in force. */
const struct slc_aes_kernels *slc_aes_kernels(void);

#endif
