/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_POLYVAL_INTERNAL_H
#define SLUICE_POLYVAL_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/* The `polyval` of struct slc_aes_kernels (crypto/lanes/aes_internal.h), per level. */
void slc_polyval_portable(uint8_t sum[16], const uint8_t key[16], const uint8_t *data, size_t len,
                          const uint8_t last[16]);
void slc_polyval_aesni(uint8_t sum[16], const uint8_t key[16], const uint8_t *data, size_t len, const uint8_t last[16]);
void slc_polyval_vaes(uint8_t sum[16], const uint8_t key[16], const uint8_t *data, size_t len, const uint8_t last[16]);

#endif
