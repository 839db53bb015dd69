/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_MODEL_H
#define SLUICE_SIM_MODEL_H

#include "crypto/seal/gcm_siv.h"
#include "crypto/sphinx/sphinx.h"

/*
 * A model of the cryptography: the sizes, places and failures of the real one, without its cost and without any
 * security. Keys agree by multiplication modulo a prime, tags are keyed checksums, so that a wrong key, a wrong
 * rotation and a damaged byte are still found out. Payloads are not encrypted, only checked. For the simulator alone.
 */

SLC_MUST_CHECK enum slc_status model_packets_build(struct slc_packet_job *jobs, size_t n);
SLC_MUST_CHECK enum slc_status model_packets_open(struct slc_open_job *jobs, size_t n);
/* Version 259 only; else SLC_UNSUPPORTED. */
SLC_MUST_CHECK enum slc_status model_surbs_build(struct slc_surb_job *jobs, size_t n);
SLC_MUST_CHECK enum slc_status model_surbs_use(struct slc_surb_use *jobs, size_t n);

SLC_MUST_CHECK enum slc_status model_table_new(struct slc_curve_table **table, const uint8_t *public_key);
void model_table_free(struct slc_curve_table *table);
const struct slc_curve_table *model_base(void);
void model_multiply(const struct slc_curve_job *jobs, size_t n);
void model_ladder(const struct slc_ladder_job *jobs, size_t n);
void model_public_key(uint8_t public_key[SLC_KEY_BYTES], const uint8_t secret[SLC_KEY_BYTES]);
void model_scalar_start(struct slc_scalar *scalar, const uint8_t secret[SLC_KEY_BYTES]);
void model_message_keys(uint8_t *const *out, const uint8_t *const *secret, size_t n);
void model_aes128_ctr(uint8_t *const *data, size_t len, const uint8_t *const *key, const uint8_t *const *iv, size_t n);
void model_seal(struct slc_seal_job *jobs, size_t n);
SLC_MUST_CHECK enum slc_status model_unseal(struct slc_seal_job *jobs, size_t n);

/* What the files of the model share: the public key inside a table. */
const uint8_t *model_table_key(const struct slc_curve_table *table);
/* A checksum of `len` bytes under a key of one word. */
uint64_t model_sum(uint64_t key, const uint8_t *data, size_t len);
uint64_t model_mix(uint64_t a, uint64_t b);
uint64_t model_word(const uint8_t *bytes);

#endif
