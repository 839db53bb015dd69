/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/lanes/lanes.h"

#include "crypto/base/cpu.h"
#include "crypto/lanes/aes_internal.h"
#include "crypto/lanes/lanes_internal.h"

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

void slc_expand_secrets(uint8_t *const *out, const uint8_t *const *secret, unsigned blocks, size_t n)
{
    kernels()->expand_secrets(out, secret, blocks, n);
}

void slc_expand_payload_keys(uint8_t *const *out, const uint8_t *const *seed, size_t n)
{
    kernels()->expand_payload_keys(out, seed, n);
}

void slc_header_macs(uint8_t *const *mac, const uint8_t *const *key, const uint8_t *const *message, size_t len,
                     size_t n)
{
    kernels()->header_macs(mac, key, message, len, n);
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
