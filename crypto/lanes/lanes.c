/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/lanes/lanes.h"

#include "crypto/base/cpu.h"
#include "crypto/lanes/aes_internal.h"
#include "crypto/lanes/lanes_internal.h"

#include <stdbool.h>

static const struct slc_lane_kernels *kernels(void)
{
#ifdef SLC_CPU_X86
    enum slc_cpu cpu = slc_cpu();
    if (cpu >= SLC_CPU_AVX512F) return &slc_lane_kernels_avx512;
    if (cpu >= SLC_CPU_AVX2) return &slc_lane_kernels_avx2;
#endif
    return &slc_lane_kernels_portable;
}

const struct slc_aes_kernels *slc_aes_kernels(void)
{
#ifdef SLC_CPU_X86
    enum slc_cpu cpu = slc_cpu();
    if (cpu >= SLC_CPU_IFMA) return &slc_aes_kernels_vaes;
    if (cpu >= SLC_CPU_AVX2) return &slc_aes_kernels_aesni;
#endif
    return &slc_aes_kernels_portable;
}

/* The first `wide_n` packets of a call go to `wide`, the others to `narrow`. */
struct sha256_split {
    const struct slc_sha256_kernels *wide, *narrow;
    size_t wide_n;
};

/*
 * The SHA instructions take as long for every two packets as for one, a vector as long for all its lanes. They beat
 * eight full lanes, and sixteen of which at most SHA_MOST are in use (docs/performance.md).
 */
enum { AVX512_LANES = 16, SHA_MOST = 8 };

static struct sha256_split split_sha256(size_t n)
{
    const struct slc_sha256_kernels *wide = &kernels()->sha256;
#ifdef SLC_CPU_X86
    bool widest = slc_cpu() >= SLC_CPU_AVX512F;
    size_t rest = widest ? n % AVX512_LANES : n;
    if (slc_cpu_has_sha() && (!widest || rest <= SHA_MOST)) {
        return (struct sha256_split){wide, &slc_sha256_kernels_shani, n - rest};
    }
#endif
    return (struct sha256_split){wide, wide, n};
}

void slc_expand_secrets(uint8_t *const *out, const uint8_t *const *secret, unsigned blocks, size_t n)
{
    struct sha256_split s = split_sha256(n);
    size_t w = s.wide_n;
    if (w > 0) s.wide->expand_secrets(out, secret, blocks, w);
    if (w < n) s.narrow->expand_secrets(out + w, secret + w, blocks, n - w);
}

void slc_expand_payload_keys(uint8_t *const *out, const uint8_t *const *seed, size_t n)
{
    struct sha256_split s = split_sha256(n);
    size_t w = s.wide_n;
    if (w > 0) s.wide->expand_payload_keys(out, seed, w);
    if (w < n) s.narrow->expand_payload_keys(out + w, seed + w, n - w);
}

void slc_header_macs(uint8_t *const *mac, const uint8_t *const *key, const uint8_t *const *message, size_t len,
                     size_t n)
{
    struct sha256_split s = split_sha256(n);
    size_t w = s.wide_n;
    if (w > 0) s.wide->header_macs(mac, key, message, len, w);
    if (w < n) s.narrow->header_macs(mac + w, key + w, message + w, len, n - w);
}

void slc_lioness_encrypt(uint8_t *const *block, size_t len, const uint8_t *const *key, size_t n)
{
    kernels()->lioness_encrypt(block, len, key, 1, n);
}

void slc_lioness_decrypt(uint8_t *const *block, size_t len, const uint8_t *const *key, size_t n)
{
    kernels()->lioness_decrypt(block, len, key, 1, n);
}

void slc_lioness_encrypt_layers(uint8_t *const *block, size_t len, const uint8_t *const *key, unsigned layers, size_t n)
{
    kernels()->lioness_encrypt(block, len, key, layers, n);
}

void slc_lioness_decrypt_layers(uint8_t *const *block, size_t len, const uint8_t *const *key, unsigned layers, size_t n)
{
    kernels()->lioness_decrypt(block, len, key, layers, n);
}

void slc_message_keys(uint8_t *const *out, const uint8_t *const *secret, size_t n)
{
    kernels()->message_keys(out, secret, n);
}

void slc_aes128_ctr(uint8_t *const *data, size_t len, const uint8_t *const *key, const uint8_t *const *iv, size_t n)
{
    slc_aes_kernels()->ctr128(data, len, key, iv, n);
}
