/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_KEYS_H
#define SLUICE_KEYS_H

#include "crypto/base/bytes.h"
#include "crypto/base/error.h"
#include "crypto/base/random.h"
#include "crypto/curve/curve.h"
#include "sluice/recipient.h"

/*
 * Identities and long-lived keys of clients and nodes, and their texts (docs/protocol/2-messages.md, sections 2.4 to
 * 2.7 and 3; docs/protocol/3-gateway.md, section 14).
 */

enum {
    SLC_IDENTITY_BYTES = 32, /* an Ed25519 public key                        */
    SLC_SIGNATURE_BYTES = 64,
    SLC_ACK_KEY_BYTES = 16,
    SLC_BASE58_MAX = 45, /* characters of a 32-byte key, and the final 0 */
};

/* Ed25519 (libsodium): the seed is what is stored, the public key is the client's address at its gateway. */
struct slc_identity {
    uint8_t seed[32];
    uint8_t public_key[SLC_IDENTITY_BYTES];
};
void slc_identity_from_seed(struct slc_identity *identity, const uint8_t seed[32]);
void slc_sign(uint8_t signature[SLC_SIGNATURE_BYTES], struct slc_bytes message, const struct slc_identity *identity);
/* SLC_OK or SLC_BAD_SIGNATURE. */
SLC_MUST_CHECK enum slc_status slc_verify(const uint8_t signature[SLC_SIGNATURE_BYTES], struct slc_bytes message,
                                          const uint8_t public_key[SLC_IDENTITY_BYTES]);
/*
 * Whether 32 bytes decompress to a point of Ed25519: the only check the network makes (chapter 2, section 2.5: small
 * order, y >= p and x = 0 with the sign bit set are accepted). SLC_OK or SLC_BAD_KEY.
 */
SLC_MUST_CHECK enum slc_status slc_identity_check(const uint8_t public_key[SLC_IDENTITY_BYTES]);

/* Everything secret a client owns. Keep it in guarded memory where it lives long. */
struct slc_client_keys {
    struct slc_identity identity;
    uint8_t encryption_secret[SLC_KEY_BYTES]; /* X25519, unclamped as stored */
    uint8_t encryption_key[SLC_KEY_BYTES];
    uint8_t ack_key[SLC_ACK_KEY_BYTES];
};
void slc_client_keys_generate(struct slc_client_keys *keys, struct slc_random *random);

/* ---- recipients (chapter 2, sections 3.1 and 3.2) ---- */

_Static_assert(sizeof(struct slc_recipient) == SLC_RECIPIENT_BYTES, "the wire form is the struct");
_Static_assert(SLC_IDENTITY_BYTES == 32 && SLC_KEY_BYTES == 32, "keys in sluice/recipient.h");
_Static_assert(SLC_RECIPIENT_TEXT_MAX == 3 * (SLC_BASE58_MAX - 1) + 2 + 1, "three keys, '.', '@' and the final 0");

/* SLC_TOO_SHORT/SLC_TOO_LONG (not 96 bytes), SLC_BAD_KEY (identity or gateway is not a point). */
SLC_MUST_CHECK enum slc_status slc_recipient_parse(struct slc_bytes bytes, struct slc_recipient *recipient);

/* ---- base58, Bitcoin alphabet, no checksum (section 2.7) ---- */

/* Writes a terminated text; SLC_TOO_LONG when `cap` is too small. At most 1200 bytes in. Not constant time. */
SLC_MUST_CHECK enum slc_status slc_base58_encode(char *text, size_t cap, struct slc_bytes bytes);
/* Decodes the `len` characters of `text`; SLC_MALFORMED for a foreign character, SLC_TOO_LONG. */
SLC_MUST_CHECK enum slc_status slc_base58_decode(uint8_t *out, size_t cap, size_t *out_len, const char *text,
                                                 size_t len);
/* A key: exactly 32 bytes; SLC_MALFORMED, SLC_TOO_SHORT, SLC_TOO_LONG. */
SLC_MUST_CHECK enum slc_status slc_base58_key(uint8_t key[32], const char *text);

/* ---- base64, standard alphabet, padded (chapter 3, section 4) ---- */

SLC_MUST_CHECK enum slc_status slc_base64_encode(char *text, size_t cap, struct slc_bytes bytes);
SLC_MUST_CHECK enum slc_status slc_base64_decode(uint8_t *out, size_t cap, size_t *out_len, const char *text,
                                                 size_t len);

/* ---- PEM of raw keys (chapter 3, section 14.2) ---- */

/* Tags as the published clients write them: "ED25519 PRIVATE KEY", "X25519 PUBLIC KEY", ... */
/* Writes the PEM with CRLF line ends and a terminating 0. */
SLC_MUST_CHECK enum slc_status slc_pem_encode(char *text, size_t cap, const char *tag, struct slc_bytes key);
/* Reads a PEM with CRLF or LF and exactly `tag`; SLC_MALFORMED, SLC_NOT_FOUND (other tag), SLC_TOO_LONG. */
SLC_MUST_CHECK enum slc_status slc_pem_decode(uint8_t *out, size_t cap, size_t *out_len, const char *tag,
                                              struct slc_bytes text);

#endif
