/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "crypto/base/random.h"
#include "crypto/base/secret.h"
#include "net/gateway/client_internal.h"

#define HANDSHAKE_TIMEOUT (5 * SLC_SECOND) /* each message of the handshake (section 13.1) */
#define CLOCK_POLL        (50 * SLC_MILLISECOND)

enum {
    CLOCK_LAG_MAX = 5, /* seconds to wait for the clock: a gateway gives the first message 10 s */
    AUTH_REFUSALS = 2, /* then the stored key is taken for lost                                 */
};

static bool has_words(struct slc_bytes text, const char *words)
{
    return text.len > 0 && memmem(text.data, text.len, words, strlen(words)) != NULL;
}

/* A refusal in the reference's words, or ours: the gateway has no key of ours. */
static bool says_not_registered(struct slc_bytes text)
{
    return has_words(text, "not registered");
}

/* Another connection of this identity is there and answers pings (section 13.4). */
static bool says_elsewhere(struct slc_bytes text)
{
    return has_words(text, "already an open connection");
}

static void lose_unexpected(struct slc_gateway_client *g, const struct slc_control_message *message,
                            const char *waiting_for, slc_time now)
{
    char said[WORDS_MAX];
    if (message != NULL && message->kind == SLC_MESSAGE_ERROR && says_elsewhere(message->text)) {
        g->elsewhere = true;
        (void)slc_fail(&g->error, SLC_DUPLICATE,
                       "this identity is logged in at the gateway from somewhere else: end that one, or wait");
    } else if (message != NULL && message->kind == SLC_MESSAGE_ERROR) {
        (void)slc_fail(&g->error, SLC_REFUSED, "gateway refused %s: %s", waiting_for,
                       slc_control_message_words(message->text, said, sizeof said));
    } else {
        (void)slc_fail(&g->error, SLC_MALFORMED, "gateway sent something else than the answer to %s", waiting_for);
    }
    slc_gateway_lose(g, true, now);
}

/* ---- registration ---- */

static void begin_registration(struct slc_gateway_client *g, slc_time now)
{
    uint8_t secret[SLC_KEY_BYTES];
    uint8_t salt[SLC_HANDSHAKE_SALT_BYTES];
    slc_random_bytes(g->random, secret, sizeof secret);
    slc_random_bytes(g->random, salt, sizeof salt);
    slc_handshake_init(&g->handshake, &g->keys->identity, secret, salt, g->payload);
    slc_wipe(secret, sizeof secret);
    g->payload_len = SLC_HANDSHAKE_INIT_BYTES;
    g->pending |= PENDING_PAYLOAD;
    g->state = STATE_ANSWER;
    g->deadline = slc_gateway_after(now, HANDSHAKE_TIMEOUT);
}

static const char *handshake_reason(enum slc_status status)
{
    switch (status) {
    case SLC_BAD_MAC:
        return "failed to either encrypt or decrypt provided message";
    case SLC_BAD_SIGNATURE:
        return "received invalid signature";
    case SLC_MALFORMED:
        return "received response was malformed:";
    case SLC_REFUSED:
        return "sent request was malformed";
    case SLC_TIMEOUT:
        return "timed out while waiting for the other side";
    case SLC_UNSUPPORTED:
        return "the gateway requests protocol version that's not supported by this client";
    default:
        return "the handshake failed";
    }
}

static void complain(struct slc_gateway_client *g, const char *text, const char *detail)
{
    (void)snprintf(g->complaint, sizeof g->complaint, "%s%s", text, detail);
    g->pending |= PENDING_HANDSHAKE_ERROR;
}

void slc_gateway_handshake_failed(struct slc_gateway_client *g, enum slc_status reason, slc_time now)
{
    complain(g, handshake_reason(reason), "");
    if (reason == SLC_BAD_SIGNATURE) {
        (void)slc_fail(&g->error, reason,
                       "registration: the signature is not that of the gateway in the topology; either the address "
                       "leads to another gateway, or somebody sits between");
        slc_gateway_give_up(g, true);
        return;
    }
    (void)slc_fail(&g->error, reason, "registration: %s", handshake_reason(reason));
    slc_gateway_lose(g, true, now);
}

static void read_answer(struct slc_gateway_client *g, const struct slc_control_message *message, slc_time now)
{
    uint8_t nonce[SLC_SEAL_NONCE_BYTES];
    if (message->version > SLC_GATEWAY_VERSION) {
        char detail[80];
        (void)snprintf(detail, sizeof detail, ". it wants to use v%u whilst we only understand up to v%d",
                       message->version, SLC_GATEWAY_VERSION);
        complain(g, handshake_reason(SLC_UNSUPPORTED), detail);
        (void)slc_fail(&g->error, SLC_UNSUPPORTED,
                       "gateway registers with protocol version %u only, and we speak %d to %d: choose another gateway",
                       message->version, SLC_GATEWAY_VERSION_OLDEST, SLC_GATEWAY_VERSION);
        slc_gateway_give_up(g, true);
        return;
    }
    slc_random_bytes(g->random, nonce, sizeof nonce);
    enum slc_status status =
        slc_handshake_prove(&g->handshake, message->data, g->gateway, &g->keys->identity, nonce, g->payload);
    if (status != SLC_OK) {
        slc_gateway_handshake_failed(g, status, now);
        return;
    }
    g->version = message->version;
    g->payload_len = SLC_HANDSHAKE_PROOF_BYTES;
    g->pending |= PENDING_PAYLOAD;
    g->state = STATE_ACCEPTANCE;
    g->deadline = slc_gateway_after(now, HANDSHAKE_TIMEOUT);
}

static void read_acceptance(struct slc_gateway_client *g, const struct slc_control_message *message, slc_time now)
{
    if (message->data.len != 1) {
        slc_gateway_handshake_failed(g, SLC_MALFORMED, now);
        return;
    }
    if (message->data.data[0] != SLC_HANDSHAKE_ACCEPTED) {
        slc_gateway_handshake_failed(g, SLC_REFUSED, now);
        return;
    }
    memcpy(g->key, g->handshake.shared_key, sizeof g->key);
    slc_wipe(&g->handshake, sizeof g->handshake);
    g->has_key = true;
    g->refusals = 0;
    g->pending |= PENDING_REGISTERED;
    g->state = STATE_REGISTER;
    g->deadline = slc_gateway_after(now, g->answer_timeout);
}

/* What is neither handshakePayload nor handshakeError is skipped, as the reference does. */
void slc_gateway_handshake_text(struct slc_gateway_client *g, struct slc_bytes text, slc_time now)
{
    struct slc_control_message message;
    char said[WORDS_MAX];
    if (slc_control_message_parse(text, SLC_MESSAGES_HANDSHAKE, &message) == SLC_OK) {
        if (message.kind == SLC_MESSAGE_HANDSHAKE_ERROR) {
            (void)slc_fail(&g->error, SLC_REFUSED, "gateway refused to register us: %s",
                           slc_control_message_words(message.text, said, sizeof said));
            complain(g, "error on the remote: ", said);
            slc_gateway_lose(g, true, now);
        } else if (g->state == STATE_ANSWER) {
            read_answer(g, &message, now);
        } else {
            read_acceptance(g, &message, now);
        }
    } else if (slc_control_message_parse(text, SLC_MESSAGES_RESPONSE, &message) == SLC_OK &&
               message.kind == SLC_MESSAGE_ERROR) {
        lose_unexpected(g, &message, "to register us", now);
    }
}

/* ---- authentication ---- */

void slc_gateway_authenticate(struct slc_gateway_client *g, slc_time now, uint64_t unix_now)
{
    if (unix_now <= g->timestamp && g->timestamp - unix_now > CLOCK_LAG_MAX) {
        /* The clock was set back. A registration needs no stamp, and this connection is authenticated by it. */
        begin_registration(g, now);
        return;
    }
    if (unix_now <= g->timestamp) {
        g->state = STATE_CLOCK;
        g->deadline = slc_gateway_after(now, CLOCK_POLL);
        return;
    }
    g->next_stamp = unix_now;
    g->timestamp = unix_now;
    if (g->version < SLC_GATEWAY_VERSION_OLDEST) g->version = SLC_GATEWAY_VERSION_OLDEST;
    g->pending |= PENDING_AUTH;
    g->state = STATE_AUTH;
    g->deadline = slc_gateway_after(now, g->answer_timeout);
}

void slc_gateway_log_in(struct slc_gateway_client *g, slc_time now, uint64_t unix_now)
{
    if (g->has_key) {
        slc_gateway_authenticate(g, now, unix_now);
    } else {
        begin_registration(g, now);
    }
}

static void read_auth_answer(struct slc_gateway_client *g, const struct slc_control_message *message, slc_time now)
{
    bool accepted = message->kind == SLC_MESSAGE_AUTHENTICATED && message->status;
    if (accepted && message->version > SLC_GATEWAY_VERSION) {
        (void)slc_fail(&g->error, SLC_UNSUPPORTED,
                       "gateway authenticates with protocol version %u only, and we speak %d to %d: choose another one",
                       message->version, SLC_GATEWAY_VERSION_OLDEST, SLC_GATEWAY_VERSION);
        slc_gateway_give_up(g, true);
        return;
    }
    if (accepted) {
        g->version = message->version;
        slc_gateway_authenticated(g, message->bandwidth, now);
        return;
    }
    bool refused = message->kind == SLC_MESSAGE_ERROR || message->kind == SLC_MESSAGE_AUTHENTICATED;
    if (refused && !says_elsewhere(message->text)) {
        g->refusals++;
        g->version = 0;
        /* Error texts are free: when the words are others, two refusals in a row say the same. */
        if (says_not_registered(message->text) || g->refusals >= AUTH_REFUSALS) g->has_key = false;
    }
    lose_unexpected(g, message, "our authentication", now);
}

static void read_version(struct slc_gateway_client *g, const struct slc_control_message *message, slc_time now,
                         uint64_t unix_now)
{
    if (message->kind != SLC_MESSAGE_SUPPORTED_PROTOCOL_ANSWER) {
        lose_unexpected(g, message, "our question for its version", now);
        return;
    }
    if (message->version < SLC_GATEWAY_VERSION_OLDEST) {
        (void)slc_fail(&g->error, SLC_UNSUPPORTED,
                       "gateway speaks protocol version %u, and we speak %d to %d: choose another gateway",
                       message->version, SLC_GATEWAY_VERSION_OLDEST, SLC_GATEWAY_VERSION);
        slc_gateway_give_up(g, true);
        return;
    }
    g->version = message->version > SLC_GATEWAY_VERSION ? SLC_GATEWAY_VERSION : message->version;
    slc_gateway_log_in(g, now, unix_now);
}

void slc_gateway_login_response(struct slc_gateway_client *g, const struct slc_control_message *message, slc_time now,
                                uint64_t unix_now)
{
    if (message->kind == SLC_MESSAGE_SENT) return; /* never an answer (section 8.3) */
    switch (g->state) {
    case STATE_VERSION:
        read_version(g, message, now, unix_now);
        return;
    case STATE_AUTH:
        read_auth_answer(g, message, now);
        return;
    case STATE_REGISTER:
        if (message->kind == SLC_MESSAGE_REGISTERED && message->status) {
            slc_gateway_authenticated(g, 0, now);
        } else {
            lose_unexpected(g, message, "our registration", now);
        }
        return;
    default:
        lose_unexpected(g, message, "nothing", now);
        return;
    }
}

void slc_gateway_write_authentication(struct slc_gateway_client *g, struct slc_writer *out)
{
    struct slc_authentication a = {.version = g->version, .timestamp = g->next_stamp};
    slc_random_bytes(g->random, a.nonce, sizeof a.nonce);
    slc_authentication_make(&a, &g->keys->identity, g->key);
    slc_control_message_write(&(struct slc_control_message){.kind = SLC_MESSAGE_AUTHENTICATE_V2,
                                                            .version = a.version,
                                                            .identity = slc_bytes(a.identity, sizeof a.identity),
                                                            .data = slc_bytes(a.ciphertext, sizeof a.ciphertext),
                                                            .nonce = slc_bytes(a.nonce, sizeof a.nonce),
                                                            .timestamp = a.timestamp,
                                                            .signature = slc_bytes(a.signature, sizeof a.signature)},
                              out);
}
