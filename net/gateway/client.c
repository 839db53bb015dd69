/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/client.h"

#include <stdio.h>

#include "crypto/base/random.h"
#include "crypto/base/secret.h"
#include "net/gateway/control.h"
#include "net/gateway/handshake.h"
#include "net/gateway/messages.h"

#define OPEN_TIMEOUT      (20 * SLC_SECOND)  /* connect, TLS and upgrade together                             */
#define HANDSHAKE_TIMEOUT (5 * SLC_SECOND)   /* each message of the handshake (section 13.1)                  */
#define ANSWER_TIMEOUT    (300 * SLC_SECOND) /* the reference's default (section 8.3)                         */
#define CLOCK_POLL        (50 * SLC_MILLISECOND)
#define CLAIM_PAUSE       SLC_SECOND /* between claims that do not fill the balance                   */
#define FIRST_JITTER      (100 * SLC_MILLISECOND)
#define SHORTEST_PAUSE    (500 * SLC_MILLISECOND)
#define LONGEST_PAUSE     (5 * SLC_SECOND)
#define STABLE_AFTER      (5 * SLC_SECOND) /* a session that lasted this long starts the pauses anew            */

enum {
    LOW_BANDWIDTH = 40000000, /* claim below (section 10.2)                                                  */
    CLOCK_LAG_MAX = 5,        /* seconds to wait for the clock: a gateway gives the first message 10 s       */
    AUTH_REFUSALS = 2,        /* then the stored key is taken for lost                                       */
};

enum { WORDS_MAX = 128 }; /* of the gateway, in an error of ours */

enum state {
    STATE_PAUSE,      /* no connection; CONNECT falls due at `deadline`                     */
    STATE_OPENING,    /* CONNECT was handed out                                             */
    STATE_VERSION,    /* supportedProtocol sent                                             */
    STATE_ANSWER,     /* handshake message 1 sent                                           */
    STATE_ACCEPTANCE, /* handshake message 3 sent                                           */
    STATE_REGISTER,   /* handshake done, `register` to come                                 */
    STATE_CLOCK,      /* the clock still shows the second of the last authentication        */
    STATE_AUTH,       /* authenticateV2 sent                                                */
    STATE_OPEN,       /* authenticated; ready or not                                        */
    STATE_FAILED,
};

/*
 * What _next() still has to hand out. A set, not a queue: an event that nobody took is overtaken by later ones and can
 * never overflow. The order of the values is the order in which they are handed out.
 */
enum pending {
    PENDING_HANDSHAKE_ERROR = 1 << 0,
    PENDING_FORGET = 1 << 1,
    PENDING_LOST = 1 << 2,
    PENDING_DISCONNECT = 1 << 3,
    PENDING_FAILED = 1 << 4,
    PENDING_CONNECT = 1 << 5,
    PENDING_VERSION = 1 << 6,
    PENDING_PAYLOAD = 1 << 7,
    PENDING_REGISTERED = 1 << 8,
    PENDING_AUTH = 1 << 9,
    PENDING_CLAIM = 1 << 10,
    PENDING_READY = 1 << 11,
    PENDING_SENDS =
        PENDING_HANDSHAKE_ERROR | PENDING_FORGET | PENDING_VERSION | PENDING_PAYLOAD | PENDING_AUTH | PENDING_CLAIM,
};

struct slc_gateway_client {
    const struct slc_client_keys *keys;
    struct slc_random *random;
    uint8_t gateway[SLC_IDENTITY_BYTES];
    uint8_t key[SLC_SEAL_KEY_BYTES];
    bool has_key;
    bool ready;
    bool used; /* it was ready on this connection: packets may be on the way */
    bool claiming;
    uint8_t version;  /* negotiated; 0: ask first */
    uint8_t refusals; /* of authentication, in a row */
    enum state state;
    uint32_t pending;
    uint32_t limit;    /* attempts, 0: none */
    uint32_t failures; /* attempts since the session was last ready */
    uint32_t pauses;   /* since it was last stable */
    slc_time answer_timeout;
    slc_time deadline;       /* of the state */
    slc_time claim_deadline; /* of the claim under way; or when one may be made */
    slc_time ready_since;
    uint64_t timestamp;  /* last used */
    uint64_t next_stamp; /* of the authenticateV2 to be written */
    int64_t told;        /* balance */
    uint64_t sent;       /* bytes since it was told */
    struct slc_handshake handshake;
    uint8_t payload[SLC_HANDSHAKE_PROOF_BYTES];
    size_t payload_len;
    char complaint[192]; /* of handshakeError, to the gateway */
    struct slc_error error;
};

size_t slc_gateway_client_bytes(void)
{
    return sizeof(struct slc_gateway_client);
}

static slc_time after(slc_time now, slc_time span)
{
    return span < SLC_NEVER - now ? now + span : SLC_NEVER;
}

void slc_gateway_client_init(struct slc_gateway_client *g, const struct slc_gateway_client_config *config, slc_time now)
{
    memset(g, 0, sizeof *g);
    g->keys = config->keys;
    g->random = config->random;
    memcpy(g->gateway, config->gateway, sizeof g->gateway);
    g->has_key = config->shared_key != NULL;
    if (g->has_key) memcpy(g->key, config->shared_key, sizeof g->key);
    g->timestamp = config->last_timestamp;
    g->limit = config->attempts;
    g->answer_timeout = config->answer_timeout > 0 ? config->answer_timeout : ANSWER_TIMEOUT;
    g->state = STATE_OPENING;
    g->pending = PENDING_CONNECT;
    g->deadline = after(now, OPEN_TIMEOUT);
    g->claim_deadline = SLC_NEVER;
}

void slc_gateway_client_drop(struct slc_gateway_client *g)
{
    slc_wipe(g, sizeof *g);
    g->state = STATE_FAILED;
    g->deadline = SLC_NEVER;
    g->claim_deadline = SLC_NEVER;
}

/* ---- ends of a connection ---- */

static slc_time jitter(struct slc_gateway_client *g, slc_time span)
{
    return (slc_time)(slc_random_unit(g->random) * (double)span);
}

/* At once after a session that lasted, then growing, and never in step with other clients of the same gateway. */
static slc_time pause_length(struct slc_gateway_client *g)
{
    if (g->pauses == 0) return jitter(g, FIRST_JITTER);
    unsigned doublings = g->pauses - 1 < 4 ? g->pauses - 1 : 4;
    slc_time pause = SHORTEST_PAUSE << doublings;
    if (pause > LONGEST_PAUSE) pause = LONGEST_PAUSE;
    return pause + jitter(g, pause / 4);
}

static void end_connection(struct slc_gateway_client *g, bool open)
{
    /* A key that was agreed stays agreed; the owner still has to keep it. */
    g->pending &= open ? PENDING_HANDSHAKE_ERROR | PENDING_REGISTERED : PENDING_REGISTERED;
    if (open) g->pending |= PENDING_DISCONNECT;
    g->ready = false;
    g->used = false;
    g->claiming = false;
    g->claim_deadline = SLC_NEVER;
    slc_wipe(&g->handshake, sizeof g->handshake);
    slc_wipe(g->payload, sizeof g->payload);
}

/* Gives up for good; the error's text is set. */
static void give_up(struct slc_gateway_client *g, bool open)
{
    end_connection(g, open);
    g->state = STATE_FAILED;
    g->deadline = SLC_NEVER;
    g->pending |= PENDING_FAILED;
}

/* This connection is over, the next one may do better; the error's text is set. */
static void lose(struct slc_gateway_client *g, bool open, slc_time now)
{
    if (g->ready && now >= g->ready_since && now - g->ready_since >= STABLE_AFTER) g->pauses = 0;
    end_connection(g, open);
    if (g->limit > 0 && g->failures >= g->limit) {
        struct slc_error last = g->error;
        (void)slc_fail(&g->error, last.status, "no session with the gateway after %u attempts to reconnect; last: %s",
                       g->failures, last.text);
        give_up(g, open);
        return;
    }
    g->failures++;
    g->pending |= PENDING_LOST;
    g->state = STATE_PAUSE;
    g->deadline = after(now, pause_length(g));
    g->pauses++;
}

static void lose_unexpected(struct slc_gateway_client *g, const struct slc_message *message, const char *waiting_for,
                            slc_time now)
{
    char said[WORDS_MAX];
    if (message != NULL && message->kind == SLC_MESSAGE_ERROR) {
        (void)slc_fail(&g->error, SLC_REFUSED, "gateway refused %s: %s", waiting_for,
                       slc_message_words(message->text, said, sizeof said));
    } else {
        (void)slc_fail(&g->error, SLC_MALFORMED, "gateway sent something else than the answer to %s", waiting_for);
    }
    lose(g, true, now);
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
    g->deadline = after(now, HANDSHAKE_TIMEOUT);
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

static void handshake_failed(struct slc_gateway_client *g, enum slc_status reason, slc_time now)
{
    complain(g, handshake_reason(reason), "");
    if (reason == SLC_BAD_SIGNATURE) {
        (void)slc_fail(&g->error, reason,
                       "registration: the signature is not that of the gateway in the topology; either the address "
                       "leads to another gateway, or somebody sits between");
        give_up(g, true);
        return;
    }
    (void)slc_fail(&g->error, reason, "registration: %s", handshake_reason(reason));
    lose(g, true, now);
}

static void read_answer(struct slc_gateway_client *g, const struct slc_message *message, slc_time now)
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
        give_up(g, true);
        return;
    }
    slc_random_bytes(g->random, nonce, sizeof nonce);
    enum slc_status status =
        slc_handshake_prove(&g->handshake, message->data, g->gateway, &g->keys->identity, nonce, g->payload);
    if (status != SLC_OK) {
        handshake_failed(g, status, now);
        return;
    }
    g->version = message->version;
    g->payload_len = SLC_HANDSHAKE_PROOF_BYTES;
    g->pending |= PENDING_PAYLOAD;
    g->state = STATE_ACCEPTANCE;
    g->deadline = after(now, HANDSHAKE_TIMEOUT);
}

static void read_acceptance(struct slc_gateway_client *g, const struct slc_message *message, slc_time now)
{
    if (message->data.len != 1) {
        handshake_failed(g, SLC_MALFORMED, now);
        return;
    }
    if (message->data.data[0] != SLC_HANDSHAKE_ACCEPTED) {
        handshake_failed(g, SLC_REFUSED, now);
        return;
    }
    memcpy(g->key, g->handshake.shared_key, sizeof g->key);
    slc_wipe(&g->handshake, sizeof g->handshake);
    g->has_key = true;
    g->refusals = 0;
    g->pending |= PENDING_REGISTERED;
    g->state = STATE_REGISTER;
    g->deadline = after(now, g->answer_timeout);
}

/* What is neither handshakePayload nor handshakeError is skipped, as the reference does. */
static void handshake_text(struct slc_gateway_client *g, struct slc_bytes text, slc_time now)
{
    struct slc_message message;
    char said[WORDS_MAX];
    if (slc_message_parse(text, SLC_MESSAGES_HANDSHAKE, &message) == SLC_OK) {
        if (message.kind == SLC_MESSAGE_HANDSHAKE_ERROR) {
            (void)slc_fail(&g->error, SLC_REFUSED, "gateway refused to register us: %s",
                           slc_message_words(message.text, said, sizeof said));
            complain(g, "error on the remote: ", said);
            lose(g, true, now);
        } else if (g->state == STATE_ANSWER) {
            read_answer(g, &message, now);
        } else {
            read_acceptance(g, &message, now);
        }
    } else if (slc_message_parse(text, SLC_MESSAGES_RESPONSE, &message) == SLC_OK &&
               message.kind == SLC_MESSAGE_ERROR) {
        lose_unexpected(g, &message, "to register us", now);
    }
}

/* ---- authentication ---- */

static void begin_authentication(struct slc_gateway_client *g, slc_time now, uint64_t unix_now)
{
    if (unix_now <= g->timestamp && g->timestamp - unix_now > CLOCK_LAG_MAX) {
        /* The clock was set back. A registration needs no stamp, and this connection is authenticated by it. */
        begin_registration(g, now);
        return;
    }
    if (unix_now <= g->timestamp) {
        g->state = STATE_CLOCK;
        g->deadline = after(now, CLOCK_POLL);
        return;
    }
    g->next_stamp = unix_now;
    g->timestamp = unix_now;
    if (g->version < SLC_GATEWAY_VERSION_OLDEST) g->version = SLC_GATEWAY_VERSION_OLDEST;
    g->pending |= PENDING_AUTH;
    g->state = STATE_AUTH;
    g->deadline = after(now, g->answer_timeout);
}

static void begin_session(struct slc_gateway_client *g, slc_time now, uint64_t unix_now)
{
    if (g->has_key) {
        begin_authentication(g, now, unix_now);
    } else {
        begin_registration(g, now);
    }
}

static void claim(struct slc_gateway_client *g, slc_time now)
{
    g->claiming = true;
    g->claim_deadline = after(now, g->answer_timeout);
    g->pending |= PENDING_CLAIM;
}

static void become_ready(struct slc_gateway_client *g, slc_time now)
{
    if (g->ready) return;
    g->ready = true;
    g->used = true;
    g->ready_since = now;
    g->failures = 0;
    g->refusals = 0;
    g->pending |= PENDING_READY;
}

static void authenticated(struct slc_gateway_client *g, int64_t bandwidth, slc_time now)
{
    g->state = STATE_OPEN;
    g->deadline = SLC_NEVER;
    g->told = bandwidth;
    g->sent = 0;
    if (slc_gateway_client_bandwidth(g) < LOW_BANDWIDTH) {
        claim(g, now);
    } else {
        become_ready(g, now);
    }
}

/* Whether a refusal says that the gateway has no key of ours: the reference's words, and ours. */
static bool says_not_registered(struct slc_bytes text)
{
    static const char WORDS[] = "not registered";
    return text.len > 0 && memmem(text.data, text.len, WORDS, sizeof WORDS - 1) != NULL;
}

static void read_auth_answer(struct slc_gateway_client *g, const struct slc_message *message, slc_time now)
{
    bool accepted = message->kind == SLC_MESSAGE_AUTHENTICATED && message->status;
    if (accepted && message->version > SLC_GATEWAY_VERSION) {
        (void)slc_fail(&g->error, SLC_UNSUPPORTED,
                       "gateway authenticates with protocol version %u only, and we speak %d to %d: choose another one",
                       message->version, SLC_GATEWAY_VERSION_OLDEST, SLC_GATEWAY_VERSION);
        give_up(g, true);
        return;
    }
    if (accepted) {
        g->version = message->version;
        authenticated(g, message->bandwidth, now);
        return;
    }
    if (message->kind == SLC_MESSAGE_ERROR || message->kind == SLC_MESSAGE_AUTHENTICATED) {
        g->refusals++;
        g->version = 0;
        /* Error texts are free: when the words are others, two refusals in a row say the same. */
        if (says_not_registered(message->text) || g->refusals >= AUTH_REFUSALS) g->has_key = false;
    }
    lose_unexpected(g, message, "our authentication", now);
}

static void read_version(struct slc_gateway_client *g, const struct slc_message *message, slc_time now,
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
        give_up(g, true);
        return;
    }
    g->version = message->version > SLC_GATEWAY_VERSION ? SLC_GATEWAY_VERSION : message->version;
    begin_session(g, now, unix_now);
}

/* ---- the open session ---- */

static void read_balance(struct slc_gateway_client *g, int64_t balance, slc_time now)
{
    g->told = balance;
    g->sent = 0;
    if (g->claiming || balance >= LOW_BANDWIDTH) return;
    if (g->claim_deadline == SLC_NEVER || g->claim_deadline <= now) claim(g, now);
}

static void read_claim_answer(struct slc_gateway_client *g, int64_t balance, slc_time now)
{
    g->claiming = false;
    g->told = balance;
    g->sent = 0;
    /* A claim that did not help is repeated, but not at the pace of the line. */
    g->claim_deadline = balance < LOW_BANDWIDTH ? after(now, CLAIM_PAUSE) : SLC_NEVER;
    if (balance > 0) become_ready(g, now);
}

static void out_of_bandwidth(struct slc_gateway_client *g, const struct slc_message *message, slc_time now)
{
    if (g->ready) {
        (void)slc_fail(&g->error, SLC_OUT_OF_BANDWIDTH, "gateway wants %lld bytes of bandwidth and has %lld of ours",
                       (long long)message->required, (long long)message->bandwidth);
        g->ready = false;
        g->pending = (g->pending & ~(uint32_t)PENDING_READY) | PENDING_LOST;
    }
    read_balance(g, message->bandwidth < LOW_BANDWIDTH ? message->bandwidth : 0, now);
}

static void read_error(struct slc_gateway_client *g, const struct slc_message *message, slc_time now)
{
    char said[WORDS_MAX];
    (void)slc_message_words(message->text, said, sizeof said);
    if (g->claiming && !g->used) {
        (void)slc_fail(&g->error, SLC_REFUSED,
                       "gateway gives no free bandwidth (%s): it wants zk-nym credentials; choose another gateway",
                       said);
        give_up(g, true);
        return;
    }
    (void)slc_fail(&g->error, SLC_REFUSED, "gateway reported an error: %s", said);
    lose(g, true, now);
}

static void open_text(struct slc_gateway_client *g, const struct slc_message *message, slc_time now)
{
    switch (message->kind) {
    case SLC_MESSAGE_SENT:
        read_balance(g, message->bandwidth, now);
        return;
    case SLC_MESSAGE_BANDWIDTH:
        if (g->claiming) read_claim_answer(g, message->bandwidth, now);
        return;
    case SLC_MESSAGE_TYPED_ERROR:
        /* It answers a packet, never the claim: those that were on the way when it was made get one each. */
        if (!message->ticket_replay) out_of_bandwidth(g, message, now);
        return;
    case SLC_MESSAGE_ERROR:
        read_error(g, message, now);
        return;
    default:
        return;
    }
}

static void session_text(struct slc_gateway_client *g, struct slc_bytes text, slc_time now, uint64_t unix_now)
{
    struct slc_message message;
    enum slc_status status = slc_message_parse(text, SLC_MESSAGES_RESPONSE, &message);
    if (status == SLC_UNSUPPORTED) return; /* of a later version; it can be no answer to what we ask */
    if (status != SLC_OK) {
        (void)slc_fail(&g->error, status, "gateway sent text that is no message: %s", slc_status_text(status));
        lose(g, true, now);
        return;
    }
    if (message.kind == SLC_MESSAGE_SENT && g->state != STATE_OPEN) return; /* never an answer (section 8.3) */
    switch (g->state) {
    case STATE_VERSION:
        read_version(g, &message, now, unix_now);
        return;
    case STATE_REGISTER:
        if (message.kind == SLC_MESSAGE_REGISTERED && message.status) {
            authenticated(g, 0, now);
        } else {
            lose_unexpected(g, &message, "our registration", now);
        }
        return;
    case STATE_AUTH:
        read_auth_answer(g, &message, now);
        return;
    case STATE_CLOCK:
        lose_unexpected(g, &message, "nothing", now);
        return;
    default:
        open_text(g, &message, now);
        return;
    }
}

/* ---- what happened ---- */

void slc_gateway_client_opened(struct slc_gateway_client *g, slc_time now, uint64_t unix_now)
{
    if (g->state != STATE_OPENING) return;
    g->pending &= ~(uint32_t)PENDING_CONNECT;
    if (g->version != 0) {
        begin_session(g, now, unix_now);
        return;
    }
    g->pending |= PENDING_VERSION;
    g->state = STATE_VERSION;
    g->deadline = after(now, g->answer_timeout);
}

void slc_gateway_client_text(struct slc_gateway_client *g, struct slc_bytes text, slc_time now, uint64_t unix_now)
{
    switch (g->state) {
    case STATE_PAUSE:
    case STATE_OPENING:
    case STATE_FAILED:
        return;
    case STATE_ANSWER:
    case STATE_ACCEPTANCE:
        handshake_text(g, text, now);
        return;
    default:
        session_text(g, text, now, unix_now);
        return;
    }
}

void slc_gateway_client_closed(struct slc_gateway_client *g, enum slc_status why, slc_time now)
{
    if (g->state == STATE_PAUSE || g->state == STATE_FAILED) return;
    const char *what = g->state == STATE_OPENING ? "could not connect to the gateway" : "gateway closed the connection";
    (void)slc_fail(&g->error, why == SLC_OK ? SLC_CLOSED : why, "%s: %s", what,
                   slc_status_text(why == SLC_OK ? SLC_CLOSED : why));
    lose(g, false, now);
}

static void timed_out(struct slc_gateway_client *g, const char *what, slc_time now)
{
    if (g->state == STATE_ANSWER || g->state == STATE_ACCEPTANCE) {
        handshake_failed(g, SLC_TIMEOUT, now);
        return;
    }
    (void)slc_fail(&g->error, SLC_TIMEOUT, "gateway did not answer %s in time", what);
    lose(g, true, now);
}

static void tick_claim(struct slc_gateway_client *g, slc_time now)
{
    if (g->claim_deadline == 0) g->claim_deadline = after(now, g->answer_timeout);
    if (now < g->claim_deadline) return;
    if (g->claiming) {
        timed_out(g, "our bandwidth claim", now);
    } else {
        claim(g, now);
    }
}

void slc_gateway_client_tick(struct slc_gateway_client *g, slc_time now, uint64_t unix_now)
{
    if (g->state == STATE_OPEN) {
        tick_claim(g, now);
        return;
    }
    if (now < g->deadline) return;
    switch (g->state) {
    case STATE_PAUSE:
        g->state = STATE_OPENING;
        g->pending |= PENDING_CONNECT;
        g->deadline = after(now, OPEN_TIMEOUT);
        return;
    case STATE_CLOCK:
        begin_authentication(g, now, unix_now);
        return;
    case STATE_OPENING:
        timed_out(g, "our connection", now);
        return;
    case STATE_VERSION:
        timed_out(g, "our question for its version", now);
        return;
    case STATE_AUTH:
        timed_out(g, "our authentication", now);
        return;
    default:
        timed_out(g, "our registration", now);
        return;
    }
}

void slc_gateway_client_sent(struct slc_gateway_client *g, size_t packet_bytes)
{
    if (!g->ready) return;
    g->sent += packet_bytes;
    if (g->claiming || g->claim_deadline != SLC_NEVER || slc_gateway_client_bandwidth(g) >= LOW_BANDWIDTH) return;
    claim(g, 0);
    g->claim_deadline = 0; /* set by the tick that is due now: there is no clock here */
}

void slc_gateway_client_forget(struct slc_gateway_client *g)
{
    if (g->state == STATE_OPEN) g->pending |= PENDING_FORGET;
}

/* ---- what to do ---- */

static void write_authentication(struct slc_gateway_client *g, struct slc_writer *out)
{
    struct slc_authentication a = {.version = g->version, .timestamp = g->next_stamp};
    slc_random_bytes(g->random, a.nonce, sizeof a.nonce);
    slc_authentication_make(&a, &g->keys->identity, g->key);
    slc_message_write(&(struct slc_message){.kind = SLC_MESSAGE_AUTHENTICATE_V2,
                                            .version = a.version,
                                            .identity = slc_bytes(a.identity, sizeof a.identity),
                                            .data = slc_bytes(a.ciphertext, sizeof a.ciphertext),
                                            .nonce = slc_bytes(a.nonce, sizeof a.nonce),
                                            .timestamp = a.timestamp,
                                            .signature = slc_bytes(a.signature, sizeof a.signature)},
                      out);
}

static void write_forget(struct slc_gateway_client *g, struct slc_writer *out)
{
    static const struct slc_control FORGET = {.kind = SLC_CONTROL_FORGET_ME, .client = true};
    uint8_t nonce[SLC_SEAL_NONCE_BYTES];
    uint8_t sealed[SLC_CONTROL_SEALED_MAX];
    slc_random_bytes(g->random, nonce, sizeof nonce);
    size_t len = slc_control_seal(&FORGET, g->key, nonce, sealed);
    slc_message_write(&(struct slc_message){.kind = SLC_MESSAGE_ENCRYPTED_REQUEST,
                                            .data = slc_bytes(sealed, len),
                                            .nonce = slc_bytes(nonce, sizeof nonce)},
                      out);
}

static void write_pending(struct slc_gateway_client *g, uint32_t what, struct slc_writer *out)
{
    switch (what) {
    case PENDING_HANDSHAKE_ERROR:
        slc_message_write(
            &(struct slc_message){.kind = SLC_MESSAGE_HANDSHAKE_ERROR, .text = slc_bytes_of_text(g->complaint)}, out);
        return;
    case PENDING_FORGET:
        write_forget(g, out);
        return;
    case PENDING_VERSION:
        slc_message_write(&(struct slc_message){.kind = SLC_MESSAGE_SUPPORTED_PROTOCOL_ASK}, out);
        return;
    case PENDING_PAYLOAD:
        slc_message_write(&(struct slc_message){.kind = SLC_MESSAGE_HANDSHAKE_PAYLOAD,
                                                .version = g->version,
                                                .data = slc_bytes(g->payload, g->payload_len)},
                          out);
        return;
    case PENDING_AUTH:
        write_authentication(g, out);
        return;
    default:
        slc_message_write(&(struct slc_message){.kind = SLC_MESSAGE_CLAIM_TESTNET_BANDWIDTH}, out);
        return;
    }
}

static enum slc_gateway_event_kind event_kind(uint32_t what)
{
    switch (what) {
    case PENDING_LOST:
        return SLC_GATEWAY_LOST;
    case PENDING_DISCONNECT:
        return SLC_GATEWAY_DISCONNECT;
    case PENDING_FAILED:
        return SLC_GATEWAY_FAILED;
    case PENDING_CONNECT:
        return SLC_GATEWAY_CONNECT;
    case PENDING_REGISTERED:
        return SLC_GATEWAY_REGISTERED;
    case PENDING_READY:
        return SLC_GATEWAY_READY;
    default:
        return SLC_GATEWAY_SEND;
    }
}

bool slc_gateway_client_next(struct slc_gateway_client *g, struct slc_gateway_event *event, struct slc_writer *out)
{
    if (g->pending == 0) return false;
    uint32_t what = g->pending & -g->pending;
    g->pending &= ~what;
    *event = (struct slc_gateway_event){.kind = event_kind(what)};
    if ((what & PENDING_SENDS) != 0) {
        size_t start = out->len;
        write_pending(g, what, out);
        event->text = slc_bytes(out->data + start, out->len - start);
    }
    if ((what & (PENDING_LOST | PENDING_FAILED)) != 0) event->error = &g->error;
    return true;
}

slc_time slc_gateway_client_due(const struct slc_gateway_client *g)
{
    return g->state == STATE_OPEN ? g->claim_deadline : g->deadline;
}

bool slc_gateway_client_ready(const struct slc_gateway_client *g)
{
    return g->ready;
}

const uint8_t *slc_gateway_client_key(const struct slc_gateway_client *g)
{
    return g->key;
}

unsigned slc_gateway_client_version(const struct slc_gateway_client *g)
{
    return g->version;
}

int64_t slc_gateway_client_bandwidth(const struct slc_gateway_client *g)
{
    int64_t left = 0;
    int64_t sent = g->sent > INT64_MAX ? INT64_MAX : (int64_t)g->sent;
    return __builtin_sub_overflow(g->told, sent, &left) ? INT64_MIN : left;
}

uint64_t slc_gateway_client_last_timestamp(const struct slc_gateway_client *g)
{
    return g->timestamp;
}
