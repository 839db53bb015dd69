/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/client.h"

#include "crypto/base/random.h"
#include "crypto/base/secret.h"
#include "net/gateway/client_internal.h"

#define OPEN_TIMEOUT    (20 * SLC_SECOND)  /* connect, TLS and upgrade together                  */
#define ANSWER_TIMEOUT  (300 * SLC_SECOND) /* the reference's default (section 8.3)              */
#define CLAIM_PAUSE     SLC_SECOND         /* between claims that do not fill the balance        */
#define FIRST_JITTER    (100 * SLC_MILLISECOND)
#define SHORTEST_PAUSE  (500 * SLC_MILLISECOND)
#define LONGEST_PAUSE   (5 * SLC_SECOND)
#define ELSEWHERE_PAUSE (60 * SLC_SECOND) /* at most, while our identity is logged in somewhere else */
#define FAREWELL_LIMIT  (2 * SLC_SECOND)  /* the reference's sleep before it closes (section 9) */
#define STABLE_AFTER    (5 * SLC_SECOND)  /* a session that lasted this long starts the pauses anew */

enum { LOW_BANDWIDTH = 40000000 }; /* claim below (section 10.2) */

size_t slc_gateway_client_bytes(void)
{
    return sizeof(struct slc_gateway_client);
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
    g->deadline = slc_gateway_after(now, OPEN_TIMEOUT);
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
    slc_time pause = SHORTEST_PAUSE << doublings, longest = g->elsewhere ? ELSEWHERE_PAUSE : LONGEST_PAUSE;
    if (g->elsewhere) pause <<= 4;
    if (pause > longest) pause = longest;
    return pause + jitter(g, pause / 2);
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

void slc_gateway_give_up(struct slc_gateway_client *g, bool open)
{
    end_connection(g, open);
    g->state = STATE_FAILED;
    g->deadline = SLC_NEVER;
    g->pending |= PENDING_FAILED;
}

void slc_gateway_lose(struct slc_gateway_client *g, bool open, slc_time now)
{
    /*
     * Two with one identity that drive each other out hold the line as long as the other waits: only a session that is
     * long measured by our own last pause makes us quick again.
     */
    slc_time stable = 4 * g->last_pause > STABLE_AFTER ? 4 * g->last_pause : STABLE_AFTER;
    if (g->used && now >= g->ready_since && now - g->ready_since >= stable) g->pauses = 0;
    end_connection(g, open);
    if (g->limit > 0 && g->failures >= g->limit) {
        struct slc_error last = g->error;
        (void)slc_fail(&g->error, last.status, "no session with the gateway after %u attempts to reconnect; last: %s",
                       g->failures, last.text);
        slc_gateway_give_up(g, open);
        return;
    }
    g->failures++;
    g->pending |= PENDING_LOST;
    g->state = STATE_PAUSE;
    g->last_pause = pause_length(g);
    g->deadline = slc_gateway_after(now, g->last_pause);
    g->pauses++;
    g->elsewhere = false;
}

/* ---- bandwidth ---- */

static void claim(struct slc_gateway_client *g, slc_time now)
{
    g->claiming = true;
    g->claim_deadline = slc_gateway_after(now, g->answer_timeout);
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

void slc_gateway_authenticated(struct slc_gateway_client *g, int64_t bandwidth, slc_time now)
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
    g->claim_deadline = balance < LOW_BANDWIDTH ? slc_gateway_after(now, CLAIM_PAUSE) : SLC_NEVER;
    if (balance > 0) become_ready(g, now);
}

static void out_of_bandwidth(struct slc_gateway_client *g, const struct slc_control_message *message, slc_time now)
{
    if (g->ready) {
        (void)slc_fail(&g->error, SLC_OUT_OF_BANDWIDTH, "gateway wants %lld bytes of bandwidth and has %lld of ours",
                       (long long)message->required, (long long)message->bandwidth);
        g->ready = false;
        g->pending = (g->pending & ~(uint32_t)PENDING_READY) | PENDING_LOST;
    }
    read_balance(g, message->bandwidth < LOW_BANDWIDTH ? message->bandwidth : 0, now);
}

static void read_error(struct slc_gateway_client *g, const struct slc_control_message *message, slc_time now)
{
    char said[WORDS_MAX];
    (void)slc_control_message_words(message->text, said, sizeof said);
    if (g->claiming && !g->used) {
        (void)slc_fail(&g->error, SLC_REFUSED,
                       "gateway gives no free bandwidth (%s): it wants zk-nym credentials; choose another gateway",
                       said);
        slc_gateway_give_up(g, true);
        return;
    }
    (void)slc_fail(&g->error, SLC_REFUSED, "gateway reported an error: %s", said);
    slc_gateway_lose(g, true, now);
}

static void open_text(struct slc_gateway_client *g, const struct slc_control_message *message, slc_time now)
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
    struct slc_control_message message;
    enum slc_status status = slc_control_message_parse(text, SLC_MESSAGES_RESPONSE, &message);
    if (status == SLC_UNSUPPORTED) return; /* of a later version; it can be no answer to what we ask */
    if (status != SLC_OK) {
        (void)slc_fail(&g->error, status, "gateway sent text that is no message: %s", slc_status_text(status));
        slc_gateway_lose(g, true, now);
        return;
    }
    if (g->state == STATE_OPEN) {
        open_text(g, &message, now);
    } else {
        slc_gateway_login_response(g, &message, now, unix_now);
    }
}

/* ---- the end ---- */

static void leave(struct slc_gateway_client *g)
{
    end_connection(g, false);
    g->pending = PENDING_LEFT;
    g->state = STATE_FAILED;
    g->deadline = SLC_NEVER;
}

void slc_gateway_client_leave(struct slc_gateway_client *g, const struct slc_control *farewell, slc_time now)
{
    if (g->state == STATE_FAILED || g->state == STATE_LEAVING) return;
    if (farewell == NULL || g->state != STATE_OPEN) {
        leave(g);
        return;
    }
    g->farewell = *farewell;
    g->pending = (g->pending & PENDING_REGISTERED) | PENDING_FAREWELL;
    g->state = STATE_LEAVING;
    g->claim_deadline = SLC_NEVER;
    g->deadline = slc_gateway_after(now, FAREWELL_LIMIT);
}

/* The ack, or words that say that there will be none. */
static void leaving_text(struct slc_gateway_client *g, struct slc_bytes text)
{
    struct slc_control_message message;
    struct slc_control answer;
    if (slc_control_message_parse(text, SLC_MESSAGES_RESPONSE, &message) != SLC_OK) return;
    bool acked = message.kind == SLC_MESSAGE_ENCRYPTED_RESPONSE &&
                 slc_control_open(message.data, message.nonce, g->key, &answer) == SLC_OK;
    if (acked || message.kind == SLC_MESSAGE_ERROR) leave(g);
}

/* ---- what happened ---- */

void slc_gateway_client_opened(struct slc_gateway_client *g, slc_time now, uint64_t unix_now)
{
    if (g->state != STATE_OPENING) return;
    g->pending &= ~(uint32_t)PENDING_CONNECT;
    if (g->version != 0) {
        slc_gateway_log_in(g, now, unix_now);
        return;
    }
    g->pending |= PENDING_VERSION;
    g->state = STATE_VERSION;
    g->deadline = slc_gateway_after(now, g->answer_timeout);
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
        slc_gateway_handshake_text(g, text, now);
        return;
    case STATE_LEAVING:
        leaving_text(g, text);
        return;
    default:
        session_text(g, text, now, unix_now);
        return;
    }
}

void slc_gateway_client_closed(struct slc_gateway_client *g, enum slc_status why, const char *reason, slc_time now)
{
    if (g->state == STATE_PAUSE || g->state == STATE_FAILED) {
        /* It went before we could say goodbye. */
        g->pending &= ~(uint32_t)(PENDING_SENDS | PENDING_DISCONNECT);
        return;
    }
    if (g->state == STATE_LEAVING) {
        leave(g);
        return;
    }
    const char *what = g->state == STATE_OPENING ? "could not connect to the gateway" : "gateway closed the connection";
    if (why == SLC_OK) why = SLC_CLOSED;
    bool cause = why == SLC_UNTRUSTED || reason == NULL;
    (void)slc_fail(&g->error, why, "%s: %s%s%s%s", what, cause ? slc_status_text(why) : reason,
                   cause && reason != NULL ? " (" : "", cause && reason != NULL ? reason : "",
                   cause && reason != NULL ? ")" : "");
    slc_gateway_lose(g, false, now);
}

static void timed_out(struct slc_gateway_client *g, const char *what, slc_time now)
{
    if (g->state == STATE_ANSWER || g->state == STATE_ACCEPTANCE) {
        slc_gateway_handshake_failed(g, SLC_TIMEOUT, now);
        return;
    }
    (void)slc_fail(&g->error, SLC_TIMEOUT, "gateway did not answer %s in time", what);
    slc_gateway_lose(g, true, now);
}

static void tick_claim(struct slc_gateway_client *g, slc_time now)
{
    if (g->claim_deadline == 0) g->claim_deadline = slc_gateway_after(now, g->answer_timeout);
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
        g->deadline = slc_gateway_after(now, OPEN_TIMEOUT);
        return;
    case STATE_CLOCK:
        slc_gateway_authenticate(g, now, unix_now);
        return;
    case STATE_LEAVING:
        leave(g);
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

/* ---- what to do ---- */

static void write_farewell(struct slc_gateway_client *g, struct slc_writer *out)
{
    uint8_t nonce[SLC_SEAL_NONCE_BYTES];
    uint8_t sealed[SLC_CONTROL_SEALED_MAX];
    slc_random_bytes(g->random, nonce, sizeof nonce);
    size_t len = slc_control_seal(&g->farewell, g->key, nonce, sealed);
    slc_control_message_write(&(struct slc_control_message){.kind = SLC_MESSAGE_ENCRYPTED_REQUEST,
                                                            .data = slc_bytes(sealed, len),
                                                            .nonce = slc_bytes(nonce, sizeof nonce)},
                              out);
}

static void write_pending(struct slc_gateway_client *g, uint32_t what, struct slc_writer *out)
{
    switch (what) {
    case PENDING_HANDSHAKE_ERROR:
        slc_control_message_write(
            &(struct slc_control_message){.kind = SLC_MESSAGE_HANDSHAKE_ERROR, .text = slc_bytes_of_text(g->complaint)},
            out);
        return;
    case PENDING_FAREWELL:
        write_farewell(g, out);
        return;
    case PENDING_VERSION:
        slc_control_message_write(&(struct slc_control_message){.kind = SLC_MESSAGE_SUPPORTED_PROTOCOL_ASK}, out);
        return;
    case PENDING_PAYLOAD:
        slc_control_message_write(&(struct slc_control_message){.kind = SLC_MESSAGE_HANDSHAKE_PAYLOAD,
                                                                .version = g->version,
                                                                .data = slc_bytes(g->payload, g->payload_len)},
                                  out);
        return;
    case PENDING_AUTH:
        slc_gateway_write_authentication(g, out);
        return;
    default:
        slc_control_message_write(&(struct slc_control_message){.kind = SLC_MESSAGE_CLAIM_TESTNET_BANDWIDTH}, out);
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
    case PENDING_LEFT:
        return SLC_GATEWAY_LEFT;
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
