/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_GATEWAY_CONTROL_H
#define SLUICE_GATEWAY_CONTROL_H

#include "crypto/seal/gcm_siv.h"

/*
 * Control requests that travel sealed inside encryptedRequest, and their acknowledgements inside encryptedResponse
 * (docs/protocol/3-gateway.md, section 9).
 */

enum slc_control_kind {
    SLC_CONTROL_FORGET_ME,       /* client, stats */
    SLC_CONTROL_REMEMBER_ME,     /* session       */
    SLC_CONTROL_FORGET_ME_ACK,   /* nothing       */
    SLC_CONTROL_REMEMBER_ME_ACK, /* nothing       */
};

/* What kind of client a session is, for the gateway's statistics. */
enum slc_session_type {
    SLC_SESSION_UNKNOWN,
    SLC_SESSION_VPN,
    SLC_SESSION_MIXNET,
    SLC_SESSION_WASM,
    SLC_SESSION_NATIVE,
    SLC_SESSION_SOCKS5,
};

struct slc_control {
    enum slc_control_kind kind;
    enum slc_session_type session;
    bool client; /* delete the client's key, inbox and balance */
    bool stats;
};

enum { SLC_CONTROL_SEALED_MAX = 128 }; /* longest that is written or read; the longest there is has 65 */

/* Reads the plaintext JSON. SLC_UNSUPPORTED (unknown request), SLC_MALFORMED, SLC_DUPLICATE and the other JSON errors.
 */
SLC_MUST_CHECK enum slc_status slc_control_parse(struct slc_bytes plaintext, struct slc_control *control);
void slc_control_write(const struct slc_control *control, struct slc_writer *out);

/* Opens and reads. SLC_MALFORMED (nonce not 12 bytes), SLC_TOO_LONG, SLC_BAD_MAC, and as slc_control_parse(). */
SLC_MUST_CHECK enum slc_status slc_control_open(struct slc_bytes ciphertext, struct slc_bytes nonce,
                                                const uint8_t key[SLC_SEAL_KEY_BYTES], struct slc_control *control);
/* Writes and seals, the tag last; returns the length. */
size_t slc_control_seal(const struct slc_control *control, const uint8_t key[SLC_SEAL_KEY_BYTES],
                        const uint8_t nonce[SLC_SEAL_NONCE_BYTES], uint8_t ciphertext[SLC_CONTROL_SEALED_MAX]);

#endif
