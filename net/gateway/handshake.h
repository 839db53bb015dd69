/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_GATEWAY_HANDSHAKE_H
#define SLUICE_GATEWAY_HANDSHAKE_H

#include "crypto/keys/keys.h"
#include "crypto/seal/gcm_siv.h"

/*
 * The cryptography of registration and authentication, both ends (docs/protocol/3-gateway.md, sections 4, 6 and 7.1).
 * Payloads in, payloads out; everything random is an argument. Any thread, one struct at a time.
 */

enum {
    SLC_HANDSHAKE_SALT_BYTES = 16,
    SLC_HANDSHAKE_SEALED_BYTES = SLC_SIGNATURE_BYTES + SLC_SEAL_TAG_BYTES,
    SLC_HANDSHAKE_INIT_BYTES = SLC_IDENTITY_BYTES + SLC_KEY_BYTES + SLC_HANDSHAKE_SALT_BYTES,
    SLC_HANDSHAKE_ANSWER_BYTES = SLC_KEY_BYTES + SLC_HANDSHAKE_SEALED_BYTES + SLC_SEAL_NONCE_BYTES,
    SLC_HANDSHAKE_PROOF_BYTES = SLC_HANDSHAKE_SEALED_BYTES + SLC_SEAL_NONCE_BYTES,
    SLC_HANDSHAKE_ACCEPTED = 1, /* the one byte of message 4 */
};
_Static_assert(SLC_HANDSHAKE_INIT_BYTES == 80, "message 1, section 6");
_Static_assert(SLC_HANDSHAKE_ANSWER_BYTES == 124, "message 2, section 6");
_Static_assert(SLC_HANDSHAKE_PROOF_BYTES == 92, "message 3, section 6");

/* One end of one handshake. Secret: wipe it (slc_wipe) when the key is taken or the attempt is over. */
struct slc_handshake {
    uint8_t ephemeral_secret[SLC_KEY_BYTES];
    uint8_t ephemeral_key[SLC_KEY_BYTES];
    uint8_t peer_ephemeral_key[SLC_KEY_BYTES];
    uint8_t peer_identity[SLC_IDENTITY_BYTES];
    uint8_t salt[SLC_HANDSHAKE_SALT_BYTES];
    uint8_t shared_key[SLC_SEAL_KEY_BYTES]; /* valid after message 2 was read or written */
};

/* Client: message 1. `ephemeral_secret` and `salt` are fresh random bytes. */
void slc_handshake_init(struct slc_handshake *h, const struct slc_identity *client,
                        const uint8_t ephemeral_secret[SLC_KEY_BYTES], const uint8_t salt[SLC_HANDSHAKE_SALT_BYTES],
                        uint8_t init[SLC_HANDSHAKE_INIT_BYTES]);

/*
 * Client: reads message 2, checks that it comes from `gateway`, writes message 3; the nonce is fresh and random.
 * SLC_MALFORMED (length), SLC_BAD_KEY (the keys agree on zero: everybody would know the result), SLC_BAD_MAC,
 * SLC_BAD_SIGNATURE (whoever answers is not the gateway that the topology names).
 */
SLC_MUST_CHECK enum slc_status slc_handshake_prove(struct slc_handshake *h, struct slc_bytes answer,
                                                   const uint8_t gateway[SLC_IDENTITY_BYTES],
                                                   const struct slc_identity *client,
                                                   const uint8_t nonce[SLC_SEAL_NONCE_BYTES],
                                                   uint8_t proof[SLC_HANDSHAKE_PROOF_BYTES]);

/*
 * Gateway: reads message 1, writes message 2; `ephemeral_secret` and `nonce` are fresh random bytes. The client's
 * identity is then in h->peer_identity, not proven yet. SLC_MALFORMED (length, or no point), SLC_BAD_KEY.
 */
SLC_MUST_CHECK enum slc_status slc_handshake_answer(struct slc_handshake *h, struct slc_bytes init,
                                                    const struct slc_identity *gateway,
                                                    const uint8_t ephemeral_secret[SLC_KEY_BYTES],
                                                    const uint8_t nonce[SLC_SEAL_NONCE_BYTES],
                                                    uint8_t answer[SLC_HANDSHAKE_ANSWER_BYTES]);

/* Gateway: checks message 3. SLC_MALFORMED (length), SLC_BAD_MAC, SLC_BAD_SIGNATURE. */
SLC_MUST_CHECK enum slc_status slc_handshake_accept(const struct slc_handshake *h, struct slc_bytes proof);

/* ---- authenticateV2 (section 7.1) ---- */

enum {
    SLC_AUTH_CIPHERTEXT_BYTES = SLC_IDENTITY_BYTES + SLC_SEAL_TAG_BYTES,
    SLC_AUTH_SIGNED_BYTES = 1 + SLC_IDENTITY_BYTES + SLC_AUTH_CIPHERTEXT_BYTES + SLC_SEAL_NONCE_BYTES + 8,
    SLC_AUTH_WINDOW = 120, /* seconds that the clocks may differ */
};
_Static_assert(SLC_AUTH_SIGNED_BYTES == 101, "section 7.1");

struct slc_authentication {
    uint8_t version;
    uint8_t identity[SLC_IDENTITY_BYTES];
    uint8_t ciphertext[SLC_AUTH_CIPHERTEXT_BYTES];
    uint8_t nonce[SLC_SEAL_NONCE_BYTES];
    uint64_t timestamp; /* seconds since 1970 */
    uint8_t signature[SLC_SIGNATURE_BYTES];
};

/* Client: fills the rest of `a`, whose version, nonce (fresh, random) and timestamp are set. */
void slc_authentication_make(struct slc_authentication *a, const struct slc_identity *client,
                             const uint8_t shared_key[SLC_SEAL_KEY_BYTES]);
/* The bytes that are signed. */
void slc_authentication_signed(const struct slc_authentication *a, uint8_t bytes[SLC_AUTH_SIGNED_BYTES]);
/* Gateway: SLC_OUT_OF_RANGE (clock), SLC_BAD_SIGNATURE. The key is not needed yet. */
SLC_MUST_CHECK enum slc_status slc_authentication_verify(const struct slc_authentication *a, uint64_t unix_now);
/* Gateway: whether the client holds the key, and the stamp is newer than `last`; SLC_BAD_MAC, SLC_REPLAY. */
SLC_MUST_CHECK enum slc_status slc_authentication_accept(const struct slc_authentication *a,
                                                         const uint8_t shared_key[SLC_SEAL_KEY_BYTES], uint64_t last);

#endif
