/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/handshake.h"

#include "crypto/base/secret.h"
#include "crypto/lanes/lanes.h"

/* Section 4: K = HKDF over HMAC-BLAKE3 of the raw X25519 result; one block, no info. */
static enum slc_status agree(struct slc_handshake *h)
{
    static const uint8_t ZERO[SLC_KEY_BYTES];
    uint8_t dh[SLC_KEY_BYTES];
    slc_ladder(&(struct slc_ladder_job){h->ephemeral_secret, h->peer_ephemeral_key, dh}, 1);
    enum slc_status status = slc_equal(dh, ZERO, sizeof dh) ? SLC_BAD_KEY : SLC_OK;
    slc_hkdf_blake3(h->shared_key, sizeof h->shared_key, slc_bytes(h->salt, sizeof h->salt), slc_bytes(dh, sizeof dh),
                    slc_bytes(NULL, 0));
    slc_wipe(dh, sizeof dh);
    return status;
}

static void transcript(uint8_t out[2 * SLC_KEY_BYTES], const uint8_t first[SLC_KEY_BYTES],
                       const uint8_t second[SLC_KEY_BYTES])
{
    memcpy(out, first, SLC_KEY_BYTES);
    memcpy(out + SLC_KEY_BYTES, second, SLC_KEY_BYTES);
}

/* signature over own || peer's ephemeral key, sealed, with the nonce behind it (unlike in a binary frame). */
static void seal_signature(const struct slc_handshake *h, const struct slc_identity *identity,
                           const uint8_t nonce[SLC_SEAL_NONCE_BYTES], uint8_t out[SLC_HANDSHAKE_PROOF_BYTES])
{
    uint8_t keys[2 * SLC_KEY_BYTES];
    transcript(keys, h->ephemeral_key, h->peer_ephemeral_key);
    slc_sign(out, slc_bytes(keys, sizeof keys), identity);
    struct slc_seal_job job = {.key = h->shared_key,
                               .nonce = nonce,
                               .data = out,
                               .len = SLC_SIGNATURE_BYTES,
                               .tag = out + SLC_SIGNATURE_BYTES};
    slc_seal(&job, 1);
    memcpy(out + SLC_HANDSHAKE_SEALED_BYTES, nonce, SLC_SEAL_NONCE_BYTES);
}

static enum slc_status open_signature(const struct slc_handshake *h, const uint8_t sealed[SLC_HANDSHAKE_PROOF_BYTES],
                                      const uint8_t signer[SLC_IDENTITY_BYTES])
{
    uint8_t own[SLC_HANDSHAKE_PROOF_BYTES];
    uint8_t keys[2 * SLC_KEY_BYTES];
    memcpy(own, sealed, sizeof own);
    struct slc_seal_job job = {.key = h->shared_key,
                               .nonce = own + SLC_HANDSHAKE_SEALED_BYTES,
                               .data = own,
                               .len = SLC_SIGNATURE_BYTES,
                               .tag = own + SLC_SIGNATURE_BYTES};
    if (slc_unseal(&job, 1) != SLC_OK) return SLC_BAD_MAC;
    transcript(keys, h->peer_ephemeral_key, h->ephemeral_key);
    return slc_verify(own, slc_bytes(keys, sizeof keys), signer);
}

static void take_ephemeral(struct slc_handshake *h, const uint8_t secret[SLC_KEY_BYTES])
{
    memset(h, 0, sizeof *h);
    memcpy(h->ephemeral_secret, secret, SLC_KEY_BYTES);
    slc_public_key(h->ephemeral_key, secret);
}

void slc_handshake_init(struct slc_handshake *h, const struct slc_identity *client,
                        const uint8_t ephemeral_secret[SLC_KEY_BYTES], const uint8_t salt[SLC_HANDSHAKE_SALT_BYTES],
                        uint8_t init[SLC_HANDSHAKE_INIT_BYTES])
{
    take_ephemeral(h, ephemeral_secret);
    memcpy(h->salt, salt, sizeof h->salt);
    struct slc_writer w = slc_writer(init, SLC_HANDSHAKE_INIT_BYTES);
    slc_write_bytes(&w, client->public_key, SLC_IDENTITY_BYTES);
    slc_write_bytes(&w, h->ephemeral_key, SLC_KEY_BYTES);
    slc_write_bytes(&w, h->salt, sizeof h->salt);
}

enum slc_status slc_handshake_prove(struct slc_handshake *h, struct slc_bytes answer,
                                    const uint8_t gateway[SLC_IDENTITY_BYTES], const struct slc_identity *client,
                                    const uint8_t nonce[SLC_SEAL_NONCE_BYTES], uint8_t proof[SLC_HANDSHAKE_PROOF_BYTES])
{
    if (answer.len != SLC_HANDSHAKE_ANSWER_BYTES) return SLC_MALFORMED;
    memcpy(h->peer_identity, gateway, SLC_IDENTITY_BYTES);
    memcpy(h->peer_ephemeral_key, answer.data, SLC_KEY_BYTES);
    enum slc_status status = agree(h);
    if (status == SLC_OK) status = open_signature(h, answer.data + SLC_KEY_BYTES, gateway);
    if (status == SLC_OK) seal_signature(h, client, nonce, proof);
    return status;
}

enum slc_status slc_handshake_answer(struct slc_handshake *h, struct slc_bytes init, const struct slc_identity *gateway,
                                     const uint8_t ephemeral_secret[SLC_KEY_BYTES],
                                     const uint8_t nonce[SLC_SEAL_NONCE_BYTES],
                                     uint8_t answer[SLC_HANDSHAKE_ANSWER_BYTES])
{
    if (init.len != SLC_HANDSHAKE_INIT_BYTES) return SLC_MALFORMED;
    take_ephemeral(h, ephemeral_secret);
    struct slc_reader r = slc_reader(init);
    slc_read_into(&r, h->peer_identity, sizeof h->peer_identity);
    slc_read_into(&r, h->peer_ephemeral_key, sizeof h->peer_ephemeral_key);
    slc_read_into(&r, h->salt, sizeof h->salt);
    if (slc_identity_check(h->peer_identity) != SLC_OK) return SLC_MALFORMED;
    enum slc_status status = agree(h);
    if (status != SLC_OK) return status;
    memcpy(answer, h->ephemeral_key, SLC_KEY_BYTES);
    seal_signature(h, gateway, nonce, answer + SLC_KEY_BYTES);
    return SLC_OK;
}

enum slc_status slc_handshake_accept(const struct slc_handshake *h, struct slc_bytes proof)
{
    if (proof.len != SLC_HANDSHAKE_PROOF_BYTES) return SLC_MALFORMED;
    return open_signature(h, proof.data, h->peer_identity);
}

/* ---- authenticateV2 ---- */

static void seal_address(uint8_t out[SLC_AUTH_CIPHERTEXT_BYTES], const uint8_t address[SLC_IDENTITY_BYTES],
                         const uint8_t nonce[SLC_SEAL_NONCE_BYTES], const uint8_t shared_key[SLC_SEAL_KEY_BYTES])
{
    memcpy(out, address, SLC_IDENTITY_BYTES);
    struct slc_seal_job job = {
        .key = shared_key, .nonce = nonce, .data = out, .len = SLC_IDENTITY_BYTES, .tag = out + SLC_IDENTITY_BYTES};
    slc_seal(&job, 1);
}

void slc_authentication_signed(const struct slc_authentication *a, uint8_t bytes[SLC_AUTH_SIGNED_BYTES])
{
    struct slc_writer w = slc_writer(bytes, SLC_AUTH_SIGNED_BYTES);
    slc_write_u8(&w, a->version);
    slc_write_bytes(&w, a->identity, sizeof a->identity);
    slc_write_bytes(&w, a->ciphertext, sizeof a->ciphertext);
    slc_write_bytes(&w, a->nonce, sizeof a->nonce);
    slc_write_u64(&w, a->timestamp);
}

void slc_authentication_make(struct slc_authentication *a, const struct slc_identity *client,
                             const uint8_t shared_key[SLC_SEAL_KEY_BYTES])
{
    uint8_t bytes[SLC_AUTH_SIGNED_BYTES];
    memcpy(a->identity, client->public_key, sizeof a->identity);
    seal_address(a->ciphertext, a->identity, a->nonce, shared_key);
    slc_authentication_signed(a, bytes);
    slc_sign(a->signature, slc_bytes(bytes, sizeof bytes), client);
}

enum slc_status slc_authentication_verify(const struct slc_authentication *a, uint64_t unix_now)
{
    uint8_t bytes[SLC_AUTH_SIGNED_BYTES];
    uint64_t skew = unix_now > a->timestamp ? unix_now - a->timestamp : a->timestamp - unix_now;
    if (skew > SLC_AUTH_WINDOW) return SLC_OUT_OF_RANGE;
    slc_authentication_signed(a, bytes);
    return slc_verify(a->signature, slc_bytes(bytes, sizeof bytes), a->identity);
}

enum slc_status slc_authentication_accept(const struct slc_authentication *a,
                                          const uint8_t shared_key[SLC_SEAL_KEY_BYTES], uint64_t last)
{
    uint8_t ciphertext[SLC_AUTH_CIPHERTEXT_BYTES];
    seal_address(ciphertext, a->identity, a->nonce, shared_key);
    if (!slc_equal(ciphertext, a->ciphertext, sizeof ciphertext)) return SLC_BAD_MAC;
    return a->timestamp > last ? SLC_OK : SLC_REPLAY;
}
