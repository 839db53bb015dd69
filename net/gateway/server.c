/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/server.h"

#include <stdio.h>

#include "crypto/base/random.h"
#include "crypto/base/secret.h"
#include "net/gateway/control.h"
#include "net/gateway/handshake.h"
#include "net/gateway/messages.h"

#define FIRST_TIMEOUT     (10 * SLC_SECOND) /* each message before authentication (section 13.1) */
#define HANDSHAKE_TIMEOUT (5 * SLC_SECOND)
#define FREE_ALLOWANCE    INT64_C(68719476736) /* 64 GiB a claim (section 10.2) */
#define DAY               86400

enum state {
    STATE_FRESH,     /* supportedProtocol, registration or authentication */
    STATE_HANDSHAKE, /* message 2 sent                                    */
    STATE_AUTHENTICATED,
    STATE_OVER,
};

enum action_kind {
    ACTION_PAYLOAD,
    ACTION_ACCEPTANCE,
    ACTION_HANDSHAKE_ERROR,
    ACTION_ERROR,
    ACTION_VERSION,
    ACTION_REGISTERED,
    ACTION_AUTHENTICATED,
    ACTION_BANDWIDTH,
    ACTION_CONTROL_ACK,
    ACTION_DROP_OTHER,
    ACTION_ONLINE,
    ACTION_FORGET,
    ACTION_DROP,
};

struct action {
    enum action_kind kind;
    union {
        const char *text;          /* errors               */
        int64_t bandwidth;         /* ACTION_AUTHENTICATED, ACTION_BANDWIDTH */
        uint64_t other;            /* ACTION_DROP_OTHER    */
        enum slc_control_kind ack; /* ACTION_CONTROL_ACK   */
    };
};

/* One text makes at most five actions: acceptance, result, the other's end, online. */
enum { MAX_ACTIONS = 6 };

struct slc_server_session {
    struct slc_server_config config;
    uint64_t connection;
    enum state state;
    uint8_t version; /* echoed in every answer */
    slc_time deadline;
    struct slc_registered *client;
    struct slc_handshake handshake;
    uint8_t payload[SLC_HANDSHAKE_ANSWER_BYTES];
    struct action actions[MAX_ACTIONS];
    unsigned first;
    unsigned count;
    char complaint[160]; /* about what the client complained of */
};

size_t slc_server_session_bytes(void)
{
    return sizeof(struct slc_server_session);
}

void slc_server_session_init(struct slc_server_session *s, const struct slc_server_config *config, uint64_t connection,
                             slc_time now)
{
    memset(s, 0, sizeof *s);
    s->config = *config;
    s->connection = connection;
    s->deadline = now + FIRST_TIMEOUT;
}

static void act(struct slc_server_session *s, struct action action)
{
    if (s->count == MAX_ACTIONS) {
        /* The owner lets answers pile up against the contract; an answer left out would shift all later ones. */
        s->state = STATE_OVER;
        s->actions[(s->first + MAX_ACTIONS - 1) % MAX_ACTIONS] = (struct action){.kind = ACTION_DROP};
        return;
    }
    s->actions[(s->first + s->count++) % MAX_ACTIONS] = action;
}

static void drop(struct slc_server_session *s)
{
    s->state = STATE_OVER;
    s->deadline = SLC_NEVER;
    act(s, (struct action){.kind = ACTION_DROP});
}

static void answer_error(struct slc_server_session *s, const char *text)
{
    act(s, (struct action){.kind = ACTION_ERROR, .text = text});
}

static void refuse(struct slc_server_session *s, const char *text)
{
    answer_error(s, text);
    drop(s);
}

/* Registration and authentication end in two identical errors: clients of the reference expect no less (trap T18). */
static void refuse_twice(struct slc_server_session *s, const char *text)
{
    answer_error(s, text);
    refuse(s, text);
}

/* ---- bandwidth (section 10) ---- */

static int64_t balance(const struct slc_server_session *s, uint64_t unix_now)
{
    if (!s->config.metered) return FREE_ALLOWANCE;
    return s->client->bandwidth_day == unix_now / DAY ? s->client->bandwidth : 0;
}

static int64_t claim(struct slc_server_session *s, uint64_t unix_now)
{
    int64_t total = 0;
    if (!s->config.metered) return FREE_ALLOWANCE;
    if (__builtin_add_overflow(balance(s, unix_now), FREE_ALLOWANCE, &total)) total = INT64_MAX;
    s->client->bandwidth = total;
    s->client->bandwidth_day = unix_now / DAY;
    return total;
}

enum slc_status slc_server_session_charge(struct slc_server_session *s, size_t packet_bytes, uint64_t unix_now,
                                          struct slc_writer *out)
{
    if (s->client == NULL || packet_bytes > INT32_MAX) return SLC_BAD_ARGUMENT;
    int64_t cost = (int64_t)packet_bytes;
    int64_t left = balance(s, unix_now);
    struct slc_control_message answer = {.kind = SLC_MESSAGE_SENT, .bandwidth = left};
    if (left < cost) {
        answer.kind = SLC_MESSAGE_TYPED_ERROR;
        answer.required = cost;
    } else if (s->config.metered) {
        s->client->bandwidth -= cost;
        answer.bandwidth = s->client->bandwidth;
    }
    slc_control_message_write(&answer, out);
    if (!slc_writer_ok(out)) return SLC_TOO_LONG;
    return left < cost ? SLC_OUT_OF_BANDWIDTH : SLC_OK;
}

/* ---- going online ---- */

/* The newest authenticated connection of a client wins (section 18, item 12). */
static void take_over(struct slc_server_session *s, struct slc_registered *client)
{
    if (client->connection != 0 && client->connection != s->connection) {
        act(s, (struct action){.kind = ACTION_DROP_OTHER, .other = client->connection});
    }
    client->connection = s->connection;
    s->client = client;
    s->state = STATE_AUTHENTICATED;
    s->deadline = SLC_NEVER;
}

/* ---- registration (section 6) ---- */

static const char *handshake_reason(enum slc_status status, bool first)
{
    switch (status) {
    case SLC_BAD_MAC:
        return "failed to either encrypt or decrypt provided message";
    case SLC_BAD_SIGNATURE:
        return "received invalid signature";
    case SLC_TIMEOUT:
        return "timed out while waiting for the other side";
    default:
        return first ? "sent request was malformed" : "received response was malformed:";
    }
}

static void handshake_failed(struct slc_server_session *s, const char *text)
{
    slc_wipe(&s->handshake, sizeof s->handshake);
    act(s, (struct action){.kind = ACTION_HANDSHAKE_ERROR, .text = text});
    refuse_twice(s, text);
}

static void begin_registration(struct slc_server_session *s, const struct slc_control_message *message, slc_time now)
{
    uint8_t secret[SLC_KEY_BYTES];
    uint8_t nonce[SLC_SEAL_NONCE_BYTES];
    s->version = message->version > SLC_GATEWAY_VERSION ? SLC_GATEWAY_VERSION : message->version;
    slc_random_bytes(s->config.random, secret, sizeof secret);
    slc_random_bytes(s->config.random, nonce, sizeof nonce);
    enum slc_status status =
        slc_handshake_answer(&s->handshake, message->data, s->config.identity, secret, nonce, s->payload);
    slc_wipe(secret, sizeof secret);
    if (status != SLC_OK) {
        handshake_failed(s, handshake_reason(status, true));
        return;
    }
    act(s, (struct action){.kind = ACTION_PAYLOAD});
    s->state = STATE_HANDSHAKE;
    s->deadline = now + HANDSHAKE_TIMEOUT;
}

static void register_client(struct slc_server_session *s)
{
    struct slc_registered *client = NULL;
    if (slc_registry_add(s->config.registry, s->handshake.peer_identity, &client) != SLC_OK) {
        slc_wipe(&s->handshake, sizeof s->handshake);
        refuse_twice(s, "this gateway takes no more clients");
        return;
    }
    if (!client->known) {
        client->bandwidth = 0;
        client->bandwidth_day = 0;
        client->last_timestamp = 0;
    }
    client->known = true;
    memcpy(client->key, s->handshake.shared_key, sizeof client->key);
    slc_wipe(&s->handshake, sizeof s->handshake);
    act(s, (struct action){.kind = ACTION_ACCEPTANCE});
    act(s, (struct action){.kind = ACTION_REGISTERED});
    take_over(s, client);
    act(s, (struct action){.kind = ACTION_ONLINE});
}

/* Text that does not belong to the handshake is skipped, as the reference does. */
static void handshake_text(struct slc_server_session *s, struct slc_bytes text)
{
    struct slc_control_message message;
    if (slc_control_message_parse(text, SLC_MESSAGES_HANDSHAKE, &message) != SLC_OK) return;
    if (message.kind == SLC_MESSAGE_HANDSHAKE_ERROR) {
        char said[128];
        (void)snprintf(s->complaint, sizeof s->complaint, "error on the remote: %s",
                       slc_control_message_words(message.text, said, sizeof said));
        handshake_failed(s, s->complaint);
        return;
    }
    enum slc_status status = slc_handshake_accept(&s->handshake, message.data);
    if (status != SLC_OK) {
        handshake_failed(s, handshake_reason(status, false));
        return;
    }
    register_client(s);
}

/* ---- authentication (section 7) ---- */

static bool take_bytes(uint8_t *out, size_t len, struct slc_bytes view)
{
    if (view.len != len) return false;
    memcpy(out, view.data, len);
    return true;
}

static const char *check_authentication(struct slc_server_session *s, const struct slc_control_message *message,
                                        uint64_t unix_now, struct slc_registered **client)
{
    struct slc_authentication a = {.version = message->version, .timestamp = message->timestamp};
    if (message->version < SLC_GATEWAY_VERSION_OLDEST || message->version > SLC_GATEWAY_VERSION) {
        return "the protocol version is not supported by this gateway";
    }
    if (!take_bytes(a.identity, sizeof a.identity, message->identity) ||
        !take_bytes(a.ciphertext, sizeof a.ciphertext, message->data) ||
        !take_bytes(a.nonce, sizeof a.nonce, message->nonce) ||
        !take_bytes(a.signature, sizeof a.signature, message->signature)) {
        return "the authentication request has a field of a wrong length";
    }
    enum slc_status status = slc_authentication_verify(&a, unix_now);
    if (status == SLC_OUT_OF_RANGE) return "the provided request timestamp is excessively skewed";
    if (status != SLC_OK) return "failed to verify request signature";
    *client = slc_registry_find(s->config.registry, a.identity);
    if (*client == NULL || !(*client)->known) return "the client is not registered";
    status = slc_authentication_accept(&a, (*client)->key, (*client)->last_timestamp);
    if (status == SLC_BAD_MAC) return "failed to verify provided address ciphertext";
    if (status != SLC_OK) {
        return "the provided request timestamp is smaller or equal to one previously used";
    }
    (*client)->last_timestamp = a.timestamp;
    return NULL;
}

static void authenticate(struct slc_server_session *s, const struct slc_control_message *message, uint64_t unix_now)
{
    struct slc_registered *client = NULL;
    const char *refusal = check_authentication(s, message, unix_now, &client);
    if (refusal != NULL) {
        refuse_twice(s, refusal);
        return;
    }
    s->version = message->version;
    take_over(s, client);
    act(s, (struct action){.kind = ACTION_AUTHENTICATED, .bandwidth = balance(s, unix_now)});
    act(s, (struct action){.kind = ACTION_ONLINE});
}

static void fresh_text(struct slc_server_session *s, struct slc_bytes text, slc_time now, uint64_t unix_now)
{
    struct slc_control_message message;
    if (slc_control_message_parse(text, SLC_MESSAGES_REQUEST, &message) != SLC_OK) {
        refuse(s, "the request is malformed");
        return;
    }
    switch (message.kind) {
    case SLC_MESSAGE_SUPPORTED_PROTOCOL_ASK:
        act(s, (struct action){.kind = ACTION_VERSION});
        s->deadline = now + FIRST_TIMEOUT;
        return;
    case SLC_MESSAGE_REGISTER_INIT:
        begin_registration(s, &message, now);
        return;
    case SLC_MESSAGE_AUTHENTICATE_V2:
        authenticate(s, &message, unix_now);
        return;
    default:
        refuse(s, "only requests to register or to authenticate are allowed");
        return;
    }
}

/* ---- the open session (section 8): one answer per text, the connection stays ---- */

static void control_request(struct slc_server_session *s, const struct slc_control_message *message)
{
    struct slc_control control;
    if (slc_control_open(message->data, message->nonce, s->client->key, &control) != SLC_OK ||
        control.kind > SLC_CONTROL_REMEMBER_ME) {
        answer_error(s, "the encrypted request is malformed");
        return;
    }
    bool forget = control.kind == SLC_CONTROL_FORGET_ME;
    act(s, (struct action){.kind = ACTION_CONTROL_ACK,
                           .ack = forget ? SLC_CONTROL_FORGET_ME_ACK : SLC_CONTROL_REMEMBER_ME_ACK});
    if (forget && control.client) {
        /* The key serves this connection to its end (trap T26); nobody can authenticate with it any more. */
        s->client->known = false;
        act(s, (struct action){.kind = ACTION_FORGET});
    }
}

static void authenticated_text(struct slc_server_session *s, struct slc_bytes text, uint64_t unix_now)
{
    struct slc_control_message message;
    if (slc_control_message_parse(text, SLC_MESSAGES_REQUEST, &message) != SLC_OK) {
        answer_error(s, "the request is malformed");
        return;
    }
    switch (message.kind) {
    case SLC_MESSAGE_SUPPORTED_PROTOCOL_ASK:
        act(s, (struct action){.kind = ACTION_VERSION});
        return;
    case SLC_MESSAGE_CLAIM_TESTNET_BANDWIDTH:
        act(s, (struct action){.kind = ACTION_BANDWIDTH, .bandwidth = claim(s, unix_now)});
        return;
    case SLC_MESSAGE_ENCRYPTED_REQUEST:
        control_request(s, &message);
        return;
    case SLC_MESSAGE_ECASH_CREDENTIAL:
    case SLC_MESSAGE_BANDWIDTH_CREDENTIAL:
    case SLC_MESSAGE_BANDWIDTH_CREDENTIAL_V2:
        answer_error(s, "this gateway takes no credentials; claim free testnet bandwidth");
        return;
    case SLC_MESSAGE_UPGRADE_MODE_JWT:
        answer_error(s, "this gateway knows no upgrade mode");
        return;
    default:
        answer_error(s, "the request is illegal on an authenticated connection");
        return;
    }
}

/* ---- what happened ---- */

void slc_server_session_text(struct slc_server_session *s, struct slc_bytes text, slc_time now, uint64_t unix_now)
{
    switch (s->state) {
    case STATE_FRESH:
        fresh_text(s, text, now, unix_now);
        return;
    case STATE_HANDSHAKE:
        handshake_text(s, text);
        return;
    case STATE_AUTHENTICATED:
        authenticated_text(s, text, unix_now);
        return;
    case STATE_OVER:
        return;
    }
}

void slc_server_session_binary_refused(struct slc_server_session *s)
{
    if (s->state == STATE_FRESH) refuse(s, "binary messages are not allowed before authentication");
}

void slc_server_session_closed(struct slc_server_session *s)
{
    struct slc_registered *client = s->client;
    if (client != NULL && client->connection == s->connection) {
        client->connection = 0;
        if (!client->known) slc_wipe(client->key, sizeof client->key);
    }
    slc_wipe(s, sizeof *s);
    s->state = STATE_OVER;
    s->deadline = SLC_NEVER;
}

void slc_server_session_tick(struct slc_server_session *s, slc_time now)
{
    if (now < s->deadline) return;
    if (s->state == STATE_HANDSHAKE) {
        handshake_failed(s, handshake_reason(SLC_TIMEOUT, false));
    } else if (s->state == STATE_FRESH) {
        refuse(s, "timed out while waiting for a request");
    }
}

slc_time slc_server_session_due(const struct slc_server_session *s)
{
    return s->deadline;
}

struct slc_registered *slc_server_session_client(const struct slc_server_session *s)
{
    return s->client;
}

/* ---- what to do ---- */

static void write_ack(struct slc_server_session *s, enum slc_control_kind kind, struct slc_writer *out)
{
    uint8_t nonce[SLC_SEAL_NONCE_BYTES];
    uint8_t sealed[SLC_CONTROL_SEALED_MAX];
    slc_random_bytes(s->config.random, nonce, sizeof nonce);
    size_t len = slc_control_seal(&(struct slc_control){.kind = kind}, s->client->key, nonce, sealed);
    slc_control_message_write(&(struct slc_control_message){.kind = SLC_MESSAGE_ENCRYPTED_RESPONSE,
                                                            .data = slc_bytes(sealed, len),
                                                            .nonce = slc_bytes(nonce, sizeof nonce)},
                              out);
}

static void write_action(struct slc_server_session *s, const struct action *action, struct slc_writer *out)
{
    static const uint8_t ACCEPTED = SLC_HANDSHAKE_ACCEPTED;
    struct slc_control_message m = {.version = s->version, .status = true};
    switch (action->kind) {
    case ACTION_CONTROL_ACK:
        write_ack(s, action->ack, out);
        return;
    case ACTION_PAYLOAD:
        m.kind = SLC_MESSAGE_HANDSHAKE_PAYLOAD;
        m.data = slc_bytes(s->payload, sizeof s->payload);
        break;
    case ACTION_ACCEPTANCE:
        m.kind = SLC_MESSAGE_HANDSHAKE_PAYLOAD;
        m.data = slc_bytes(&ACCEPTED, 1);
        break;
    case ACTION_HANDSHAKE_ERROR:
        m.kind = SLC_MESSAGE_HANDSHAKE_ERROR;
        m.text = slc_bytes_of_text(action->text);
        break;
    case ACTION_VERSION:
        m.kind = SLC_MESSAGE_SUPPORTED_PROTOCOL_ANSWER;
        m.version = SLC_GATEWAY_VERSION;
        break;
    case ACTION_REGISTERED:
        m.kind = SLC_MESSAGE_REGISTERED;
        break;
    case ACTION_AUTHENTICATED:
        m.kind = SLC_MESSAGE_AUTHENTICATED;
        m.bandwidth = action->bandwidth;
        break;
    case ACTION_BANDWIDTH:
        m.kind = SLC_MESSAGE_BANDWIDTH;
        m.bandwidth = action->bandwidth;
        break;
    default:
        m.kind = SLC_MESSAGE_ERROR;
        m.text = slc_bytes_of_text(action->text);
        break;
    }
    slc_control_message_write(&m, out);
}

bool slc_server_session_next(struct slc_server_session *s, struct slc_server_event *event, struct slc_writer *out)
{
    if (s->count == 0) return false;
    struct action action = s->actions[s->first];
    s->first = (s->first + 1) % MAX_ACTIONS;
    s->count--;
    *event = (struct slc_server_event){.kind = SLC_SERVER_SEND, .client = s->client};
    switch (action.kind) {
    case ACTION_DROP_OTHER:
        event->kind = SLC_SERVER_DROP_OTHER;
        event->other = action.other;
        return true;
    case ACTION_ONLINE:
        event->kind = SLC_SERVER_AUTHENTICATED;
        return true;
    case ACTION_FORGET:
        event->kind = SLC_SERVER_FORGET;
        return true;
    case ACTION_DROP:
        event->kind = SLC_SERVER_DROP;
        return true;
    default:
        break;
    }
    size_t start = out->len;
    write_action(s, &action, out);
    event->text = slc_bytes(out->data + start, out->len - start);
    return true;
}
