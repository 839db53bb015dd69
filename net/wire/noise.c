/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/noise.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "crypto/base/secret.h"

#define PROTOCOL_NAME "Noise_XKpsk3_25519_AESGCM_SHA256"
#define PSK_PREFIX    "NYMTECH_NOISE_dQw4w9WgXcQ"

enum {
    KEY = SLC_NOISE_KEY_BYTES,
    TAG = SLC_NOISE_TAG_BYTES,
    HASH = crypto_hash_sha256_BYTES,
    NONCE = 12,
    VERSION = 1,
    PATTERN_XKPSK3 = 1,
    PATTERN_IKPSK2 = 2,
    MESSAGES = 3,
};
_Static_assert(sizeof PROTOCOL_NAME - 1 == HASH, "the name is the first hash, unhashed");

/* The messages' lengths; all payloads are empty. Message 1 is e and a tag, 2 the same, 3 an encrypted s and a tag. */
static const uint16_t message_bytes[MESSAGES] = {KEY + TAG, KEY + TAG, KEY + TAG + TAG};
_Static_assert(SLC_NOISE_HANDSHAKE_FRAME_MAX == SLC_NOISE_HEAD_BYTES + KEY + TAG + TAG, "the longest message");

/* ---- AES-256-GCM ---- */

static enum slc_status cipher_key(void *context, const uint8_t key[KEY])
{
    return EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key, NULL, 1) == 1 ? SLC_OK : SLC_NO_MEMORY;
}

/* `tag` is written when encrypting and compared when decrypting; `data` is changed in place. */
static enum slc_status cipher_run(void *context, bool encrypt, uint64_t counter, struct slc_bytes associated,
                                  uint8_t *data, size_t len, uint8_t tag[TAG])
{
    uint8_t nonce[NONCE];
    struct slc_writer w = slc_writer(nonce, sizeof nonce);
    slc_write_u32(&w, 0);
    slc_write_u64(&w, counter);

    /* The key stays from cipher_key(); GCM encrypts and decrypts with the same key schedule. */
    int out = 0;
    if (EVP_CipherInit_ex(context, NULL, NULL, NULL, nonce, encrypt) != 1) return SLC_NO_MEMORY;
    if (!encrypt && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG, tag) != 1) return SLC_NO_MEMORY;
    if (associated.len > 0 && EVP_CipherUpdate(context, NULL, &out, associated.data, (int)associated.len) != 1) {
        return SLC_NO_MEMORY;
    }
    if (len > 0 && EVP_CipherUpdate(context, data, &out, data, (int)len) != 1) return SLC_NO_MEMORY;
    uint8_t none[TAG];
    if (EVP_CipherFinal_ex(context, none, &out) != 1) return encrypt ? SLC_NO_MEMORY : SLC_BAD_MAC;
    if (encrypt && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG, tag) != 1) return SLC_NO_MEMORY;
    return SLC_OK;
}

/* ---- symmetric state (the Noise specification, section 5.2) ---- */

static void mix_hash(struct slc_noise *n, const void *data, size_t len)
{
    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, n->hash, sizeof n->hash);
    (void)crypto_hash_sha256_update(&state, data, len);
    (void)crypto_hash_sha256_final(&state, n->hash);
}

/* HKDF with up to three outputs; the first replaces the chaining key. */
static void hkdf(struct slc_noise *n, const uint8_t *input, size_t len, uint8_t out[][HASH], unsigned count)
{
    uint8_t prk[HASH];
    uint8_t block[HASH + 1];
    crypto_auth_hmacsha256_state state;
    (void)crypto_auth_hmacsha256_init(&state, n->chaining_key, sizeof n->chaining_key);
    (void)crypto_auth_hmacsha256_update(&state, input, len);
    (void)crypto_auth_hmacsha256_final(&state, prk);
    for (unsigned i = 0; i < count; i++) {
        size_t previous = i == 0 ? 0 : HASH;
        if (i > 0) memcpy(block, out[i - 1], HASH);
        block[previous] = (uint8_t)(i + 1);
        (void)crypto_auth_hmacsha256(out[i], block, previous + 1, prk);
    }
    slc_wipe(prk, sizeof prk);
    slc_wipe(block, sizeof block);
    slc_wipe(&state, sizeof state);
}

static void mix_key(struct slc_noise *n, const uint8_t input[KEY])
{
    uint8_t out[2][HASH];
    hkdf(n, input, KEY, out, 2);
    memcpy(n->chaining_key, out[0], HASH);
    memcpy(n->key, out[1], KEY);
    n->key_counter = 0;
    slc_wipe(out, sizeof out);
}

static void mix_psk(struct slc_noise *n)
{
    uint8_t out[3][HASH];
    hkdf(n, n->psk, sizeof n->psk, out, 3);
    memcpy(n->chaining_key, out[0], HASH);
    mix_hash(n, out[1], HASH);
    memcpy(n->key, out[2], KEY);
    n->key_counter = 0;
    slc_wipe(out, sizeof out);
}

/* Both: libsodium refuses what multiplies to zero, so that no peer can force a known secret. */
static enum slc_status mix_dh(struct slc_noise *n, const uint8_t secret[KEY], const uint8_t public_key[KEY])
{
    uint8_t shared[KEY];
    if (crypto_scalarmult(shared, secret, public_key) != 0) return SLC_BAD_KEY;
    mix_key(n, shared);
    slc_wipe(shared, sizeof shared);
    return SLC_OK;
}

static enum slc_status encrypt_and_hash(struct slc_noise *n, uint8_t *data, size_t len)
{
    enum slc_status status = cipher_key(n->send.context, n->key);
    if (status != SLC_OK) return status;
    status = cipher_run(n->send.context, true, n->key_counter++, slc_bytes(n->hash, HASH), data, len, data + len);
    mix_hash(n, data, len + TAG);
    return status;
}

/* `data` is len bytes of ciphertext and the tag, not changed; the plaintext goes to `out`. */
static enum slc_status decrypt_and_hash(struct slc_noise *n, uint8_t *out, const uint8_t *data, size_t len)
{
    uint8_t tag[TAG];
    memcpy(tag, data + len, TAG);
    if (len > 0) memcpy(out, data, len);
    enum slc_status status = cipher_key(n->receive.context, n->key);
    if (status != SLC_OK) return status;
    status = cipher_run(n->receive.context, false, n->key_counter++, slc_bytes(n->hash, HASH), out, len, tag);
    mix_hash(n, data, len + TAG);
    return status;
}

/* ---- handshake ---- */

enum slc_status slc_noise_init(struct slc_noise *noise, enum slc_noise_role role, const uint8_t static_secret[KEY],
                               const uint8_t *responder_key, const uint8_t ephemeral_secret[KEY])
{
    *noise = (struct slc_noise){.role = (uint8_t)role};
    noise->send.context = EVP_CIPHER_CTX_new();
    noise->receive.context = EVP_CIPHER_CTX_new();
    if (noise->send.context == NULL || noise->receive.context == NULL) {
        slc_noise_wipe(noise);
        return SLC_NO_MEMORY;
    }
    memcpy(noise->static_secret, static_secret, KEY);
    memcpy(noise->ephemeral_secret, ephemeral_secret, KEY);
    uint8_t responder[KEY];
    if (role == SLC_NOISE_INITIATOR) {
        memcpy(responder, responder_key, KEY);
        memcpy(noise->remote_static, responder_key, KEY);
    } else {
        (void)crypto_scalarmult_base(responder, static_secret);
    }

    memcpy(noise->hash, PROTOCOL_NAME, HASH);
    memcpy(noise->chaining_key, PROTOCOL_NAME, HASH);
    mix_hash(noise, "", 0); /* the prologue, empty but hashed */
    mix_hash(noise, responder, KEY);

    crypto_hash_sha256_state state;
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, (const uint8_t *)PSK_PREFIX, sizeof PSK_PREFIX - 1);
    (void)crypto_hash_sha256_update(&state, responder, KEY);
    (void)crypto_hash_sha256_final(&state, noise->psk);
    return SLC_OK;
}

void slc_noise_wipe(struct slc_noise *noise)
{
    EVP_CIPHER_CTX_free(noise->send.context);
    EVP_CIPHER_CTX_free(noise->receive.context);
    slc_wipe(noise, sizeof *noise);
}

bool slc_noise_is_ready(const struct slc_noise *noise)
{
    return noise->step == MESSAGES;
}

bool slc_noise_writes_next(const struct slc_noise *noise)
{
    bool initiators = noise->step % 2 == 0;
    return noise->step < MESSAGES && initiators == (noise->role == SLC_NOISE_INITIATOR);
}

static void write_head(uint8_t *frame, enum slc_noise_type type, size_t len)
{
    const uint8_t head[SLC_NOISE_HEAD_BYTES] = {
        VERSION, PATTERN_XKPSK3, (uint8_t)type, (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0};
    memcpy(frame, head, sizeof head);
}

/* Message 3 is written, or read: one key for each direction, and nothing else is needed any more. */
static enum slc_status split(struct slc_noise *n)
{
    uint8_t out[2][HASH];
    hkdf(n, NULL, 0, out, 2);
    bool initiator = n->role == SLC_NOISE_INITIATOR;
    enum slc_status status = cipher_key(n->send.context, out[initiator ? 0 : 1]);
    if (status == SLC_OK) status = cipher_key(n->receive.context, out[initiator ? 1 : 0]);
    slc_wipe(out, sizeof out);
    slc_wipe(n->chaining_key, sizeof n->chaining_key);
    slc_wipe(n->key, sizeof n->key);
    slc_wipe(n->static_secret, sizeof n->static_secret);
    slc_wipe(n->ephemeral_secret, sizeof n->ephemeral_secret);
    return status;
}

static enum slc_status message_done(struct slc_noise *n)
{
    n->step++;
    return n->step == MESSAGES ? split(n) : SLC_OK;
}

/* The Diffie-Hellman of a message once its `e` or `s` is known: es, ee, se. */
static enum slc_status message_dh(struct slc_noise *n)
{
    bool initiator = n->role == SLC_NOISE_INITIATOR;
    switch (n->step) {
    case 0:
        return initiator ? mix_dh(n, n->ephemeral_secret, n->remote_static)
                         : mix_dh(n, n->static_secret, n->remote_ephemeral);
    case 1:
        return mix_dh(n, n->ephemeral_secret, n->remote_ephemeral);
    default:
        return initiator ? mix_dh(n, n->static_secret, n->remote_ephemeral)
                         : mix_dh(n, n->ephemeral_secret, n->remote_static);
    }
}

/* A pattern with a psk also mixes ephemeral keys into the key. */
static void mix_ephemeral(struct slc_noise *n, const uint8_t public_key[KEY])
{
    mix_hash(n, public_key, KEY);
    mix_key(n, public_key);
}

enum slc_status slc_noise_write_handshake(struct slc_noise *noise, struct slc_writer *out)
{
    if (!slc_noise_writes_next(noise)) return SLC_BAD_ARGUMENT;
    size_t len = message_bytes[noise->step];
    uint8_t *frame = slc_write_space(out, SLC_NOISE_HEAD_BYTES + len);
    if (frame == NULL) return SLC_TOO_LONG;
    write_head(frame, SLC_NOISE_HANDSHAKE, len);

    uint8_t *message = frame + SLC_NOISE_HEAD_BYTES;
    enum slc_status status = SLC_OK;
    bool is_last = noise->step == MESSAGES - 1;
    if (is_last) {
        (void)crypto_scalarmult_base(message, noise->static_secret);
        status = encrypt_and_hash(noise, message, KEY);
    } else {
        (void)crypto_scalarmult_base(message, noise->ephemeral_secret);
        mix_ephemeral(noise, message);
    }
    if (status == SLC_OK) status = message_dh(noise);
    if (status != SLC_OK) return status;
    if (is_last) mix_psk(noise);
    status = encrypt_and_hash(noise, message + len - TAG, 0);
    return status == SLC_OK ? message_done(noise) : status;
}

enum slc_status slc_noise_read_handshake(struct slc_noise *noise, struct slc_bytes frame)
{
    if (slc_noise_is_ready(noise) || slc_noise_writes_next(noise)) return SLC_BAD_ARGUMENT;
    size_t len;
    enum slc_status status = slc_noise_parse_head(noise, frame, &len);
    if (status != SLC_OK) return status;
    if (frame.len != SLC_NOISE_HEAD_BYTES + len) return SLC_MALFORMED;

    const uint8_t *message = frame.data + SLC_NOISE_HEAD_BYTES;
    bool is_last = noise->step == MESSAGES - 1;
    if (is_last) {
        status = decrypt_and_hash(noise, noise->remote_static, message, KEY);
    } else {
        memcpy(noise->remote_ephemeral, message, KEY);
        mix_ephemeral(noise, noise->remote_ephemeral);
    }
    if (status == SLC_OK) status = message_dh(noise);
    if (status != SLC_OK) return status;
    if (is_last) mix_psk(noise);
    status = decrypt_and_hash(noise, NULL, message + len - TAG, 0);
    return status == SLC_OK ? message_done(noise) : status;
}

/* ---- frames ---- */

enum slc_status slc_noise_parse_head(const struct slc_noise *noise, struct slc_bytes bytes, size_t *len)
{
    struct slc_reader r = slc_reader(bytes);
    uint8_t version = slc_read_u8(&r);
    uint8_t pattern = slc_read_u8(&r);
    uint8_t type = slc_read_u8(&r);
    *len = slc_read_u16(&r);
    (void)slc_read_bytes(&r, SLC_NOISE_HEAD_BYTES - 5);
    if (!slc_reader_ok(&r)) return SLC_AGAIN;

    if (version != VERSION || pattern == PATTERN_IKPSK2) return SLC_UNSUPPORTED;
    if (pattern != PATTERN_XKPSK3) return SLC_MALFORMED;
    if (slc_noise_is_ready(noise)) return type == SLC_NOISE_DATA && *len >= TAG ? SLC_OK : SLC_MALFORMED;
    return type == SLC_NOISE_HANDSHAKE && *len == message_bytes[noise->step] ? SLC_OK : SLC_MALFORMED;
}

enum slc_status slc_noise_seal(struct slc_noise *noise, uint8_t *frame, size_t len)
{
    if (!slc_noise_is_ready(noise) || len == 0 || len > SLC_NOISE_PLAINTEXT_MAX) return SLC_BAD_ARGUMENT;
    if (noise->send.counter == UINT64_MAX) return SLC_OUT_OF_RANGE;
    write_head(frame, SLC_NOISE_DATA, len + TAG);
    uint8_t *data = frame + SLC_NOISE_HEAD_BYTES;
    return cipher_run(noise->send.context, true, noise->send.counter++, slc_bytes(NULL, 0), data, len, data + len);
}

enum slc_status slc_noise_open(struct slc_noise *noise, uint8_t *frame, size_t frame_len, size_t *len)
{
    *len = 0;
    size_t following;
    enum slc_status status = slc_noise_parse_head(noise, slc_bytes(frame, frame_len), &following);
    if (status != SLC_OK) return status;
    if (!slc_noise_is_ready(noise) || frame_len != SLC_NOISE_HEAD_BYTES + following) return SLC_BAD_ARGUMENT;
    if (noise->receive.counter == UINT64_MAX) return SLC_OUT_OF_RANGE;

    uint8_t *data = frame + SLC_NOISE_HEAD_BYTES;
    size_t plain = following - TAG;
    uint64_t counter = noise->receive.counter++;
    status = cipher_run(noise->receive.context, false, counter, slc_bytes(NULL, 0), data, plain, data + plain);
    if (status != SLC_OK) return status;
    *len = plain;
    return plain == 0 ? SLC_CLOSED : SLC_OK;
}
