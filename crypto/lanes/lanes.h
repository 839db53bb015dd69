/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LANES_H
#define SLUICE_LANES_H

#include "crypto/base/bytes.h"

/*
 * Symmetric primitives over many packets at once: lane i of a vector works for packet i.
 *
 * Every function takes `n` packets, as arrays of `n` pointers; a pointer may stand for memory anywhere, but the
 * outputs of one call may not overlap each other or its inputs, unless said. One packet is a batch of one. Secrets in
 * vectors and on the stack are wiped before return. No allocation, no alignment needed. Any thread.
 */

/* ---- SHA-256 (chapter 1, sections 2.2, 4.2, 4.3, 5) ---- */

enum {
    SLC_EXPANDED_BYTES = 288, /* rho 16, mu 16, payload key 192 (or seed 16), blinding 32, replay tag 32 */
    SLC_PAYLOAD_KEY_BYTES = 192,
    SLC_PAYLOAD_SEED_BYTES = 16,
    SLC_MAC_BYTES = 16,
};

/*
 * HKDF-SHA256(salt = "", ikm = secret[i] (32 bytes), info = ESS_INFO), the first 32 * `blocks` bytes to out[i];
 * 1 <= blocks <= 9: 2 for a last hop with seeds, 7 with explicit payload keys, 8 for a forward hop, 9 at a node.
 */
void slc_expand_secrets(uint8_t *const *out, const uint8_t *const *secret, unsigned blocks, size_t n);

/* HKDF-SHA256(PK_SALT, seed[i] (16 bytes), PK_INFO): 192 bytes to out[i]. */
void slc_expand_payload_keys(uint8_t *const *out, const uint8_t *const *seed, size_t n);

/* The first 16 bytes of HMAC-SHA256(key[i] (16 bytes), message[i] (`len` bytes, the same for all)) to mac[i]. */
void slc_header_macs(uint8_t *const *mac, const uint8_t *const *key, const uint8_t *const *message, size_t len,
                     size_t n);

/* ---- LIONESS (chapter 1, section 2.3) ---- */

/* In place over block[i], `len` bytes each (33 .. 32785; the same for all), with key[i] of 192 bytes. */
void slc_lioness_encrypt(uint8_t *const *block, size_t len, const uint8_t *const *key, size_t n);
void slc_lioness_decrypt(uint8_t *const *block, size_t len, const uint8_t *const *key, size_t n);

/*
 * Several layers at once, without moving the packets in and out of lanes between them: key[layer * n + i] is the key
 * of block i in the layer applied as number `layer`.
 */
void slc_lioness_encrypt_layers(uint8_t *const *block, size_t len, const uint8_t *const *key, unsigned layers,
                                size_t n);
void slc_lioness_decrypt_layers(uint8_t *const *block, size_t len, const uint8_t *const *key, unsigned layers,
                                size_t n);

/* ---- AES-128-CTR (chapter 1, section 2.2; chapter 2, section 2.1) ---- */

/*
 * XORs `len` bytes of keystream under key[i] (16 bytes) into data[i]. iv NULL: all-zero IVs; otherwise iv[i] points to
 * 16 bytes. The counter is the last 8 bytes of the IV, big-endian.
 */
void slc_aes128_ctr(uint8_t *const *data, size_t len, const uint8_t *const *key, const uint8_t *const *iv, size_t n);

/* ---- BLAKE3 (chapter 2, sections 2.2, 2.3, 7.4; chapter 3, section 4) ---- */

/* Unkeyed BLAKE3, 32 bytes, of one input of any length. */
void slc_blake3(uint8_t out[32], struct slc_bytes input);

/* HMAC over BLAKE3 with a 64-byte block (not BLAKE3's keyed mode); key of any length. */
void slc_hmac_blake3(uint8_t out[32], struct slc_bytes key, struct slc_bytes message);

/* HKDF over that HMAC; empty `salt` stands for 32 zero bytes; len <= 255 * 32. */
void slc_hkdf_blake3(uint8_t *out, size_t len, struct slc_bytes salt, struct slc_bytes ikm, struct slc_bytes info);

/* The message layer's key: HKDF-BLAKE3(no salt, secret[i] (32 bytes), no info), 16 bytes to out[i], in lanes. */
void slc_message_keys(uint8_t *const *out, const uint8_t *const *secret, size_t n);

#endif
