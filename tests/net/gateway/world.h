/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_GATEWAY_WORLD_H
#define SLUICE_TEST_GATEWAY_WORLD_H

#include <stdlib.h>

#include "crypto/base/random.h"
#include "net/gateway/client.h"
#include "net/gateway/messages.h"
#include "net/gateway/server.h"

/*
 * One client and one gateway with nothing between them but memory: texts travel in queues, time is a number, and the
 * line may be cut, held or answered by nobody. What happens depends on the seed alone.
 */

enum { WORLD_QUEUE = 16, WORLD_UNIX_START = 1700000000 };

struct world_text {
    size_t len;
    uint8_t data[SLC_GATEWAY_TEXT_MAX];
};

struct world_queue {
    struct world_text text[WORLD_QUEUE];
    unsigned first;
    unsigned count;
};

struct world {
    slc_time now;
    uint64_t unix_offset; /* the wall clock is this and the seconds of `now` */
    struct slc_random random;
    struct slc_client_keys keys;
    struct slc_identity gateway;
    struct slc_registry *registry;
    struct slc_server_config server_config;
    struct slc_gateway_client *client;
    struct slc_server_session *server; /* of the connection that is open */
    uint64_t connection;               /* 0: none; else the token, counting up */
    uint64_t connections;
    struct world_queue up;   /* client to gateway */
    struct world_queue down; /* gateway to client */

    bool refuse;         /* connections are refused                                         */
    bool mute;           /* the gateway hangs: the line is open and nobody answers           */
    bool hold;           /* connections neither open nor fail                                */
    unsigned cut_after;  /* cut the line after so many texts, both ways together; 0: never   */
    uint8_t say_version; /* what supportedProtocol tells; 0: what the gateway says           */
    unsigned cut_chance; /* of 256, after each text                                          */

    unsigned texts; /* delivered on this connection  */
    unsigned connects, registered, ready, lost, disconnects, failed, drops, drop_others, asked_version, claims, auths;
    unsigned inits, forgets, left;
    enum slc_status error;
    char error_text[320];
    uint8_t registered_key[SLC_SEAL_KEY_BYTES];
};

static inline uint64_t world_unix(const struct world *w)
{
    return w->unix_offset + w->now / SLC_SECOND;
}

static inline void world_new_registry(struct world *w)
{
    slc_registry_free(w->registry);
    if (slc_registry_new(&w->registry, 1000) != SLC_OK) abort();
    w->server_config.registry = w->registry;
}

static inline void world_client(struct world *w, const uint8_t *shared_key, uint64_t last_timestamp, uint32_t attempts)
{
    struct slc_gateway_client_config config = {.keys = &w->keys,
                                               .shared_key = shared_key,
                                               .last_timestamp = last_timestamp,
                                               .attempts = attempts,
                                               .random = &w->random};
    memcpy(config.gateway, w->gateway.public_key, SLC_IDENTITY_BYTES);
    slc_gateway_client_init(w->client, &config, w->now);
}

static inline struct world *world_new(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL) abort();
    slc_random_from_number(&w->random, seed, 0);
    slc_client_keys_generate(&w->keys, &w->random);
    uint8_t identity[32];
    slc_random_bytes(&w->random, identity, sizeof identity);
    slc_identity_from_seed(&w->gateway, identity);
    w->unix_offset = WORLD_UNIX_START;
    w->client = calloc(1, slc_gateway_client_bytes());
    w->server = calloc(1, slc_server_session_bytes());
    if (w->client == NULL || w->server == NULL) abort();
    w->server_config = (struct slc_server_config){.identity = &w->gateway, .random = &w->random};
    world_new_registry(w);
    world_client(w, NULL, 0, 0);
    return w;
}

static inline void world_free(struct world *w)
{
    slc_gateway_client_drop(w->client);
    slc_registry_free(w->registry);
    free(w->client);
    free(w->server);
    free(w);
}

static inline void world_push(struct world_queue *q, struct slc_bytes text)
{
    if (text.len == 0 || text.len > SLC_GATEWAY_TEXT_MAX) abort();
    if (q->count == WORLD_QUEUE) return; /* lost; only a test that never delivers comes here */
    struct world_text *slot = &q->text[(q->first + q->count++) % WORLD_QUEUE];
    memcpy(slot->data, text.data, text.len);
    slot->len = text.len;
}

static inline struct world_text *world_pop(struct world_queue *q)
{
    if (q->count == 0) return NULL;
    struct world_text *text = &q->text[q->first];
    q->first = (q->first + 1) % WORLD_QUEUE;
    q->count--;
    return text;
}

/* The gateway's end goes away; what was on the line is lost. */
static inline void world_hang_up(struct world *w)
{
    if (w->connection == 0) return;
    w->connection = 0;
    w->up.count = 0;
    w->down.count = 0;
    slc_server_session_closed(w->server);
}

/* Both ends see the line go. */
static inline void world_cut(struct world *w)
{
    if (w->connection == 0) return;
    world_hang_up(w);
    slc_gateway_client_closed(w->client, SLC_CLOSED, NULL, w->now);
}

static inline void world_connect(struct world *w)
{
    w->connects++;
    if (w->hold) return;
    if (w->refuse) {
        slc_gateway_client_closed(w->client, SLC_REFUSED, NULL, w->now);
        return;
    }
    w->connection = ++w->connections;
    w->texts = 0;
    slc_server_session_init(w->server, &w->server_config, w->connection, w->now);
    slc_gateway_client_opened(w->client, w->now, world_unix(w));
}

static inline void world_note_request(struct world *w, struct slc_bytes text)
{
    struct slc_control_message m;
    if (slc_control_message_parse(text, SLC_MESSAGES_REQUEST, &m) != SLC_OK) return;
    w->asked_version += m.kind == SLC_MESSAGE_SUPPORTED_PROTOCOL_ASK;
    w->claims += m.kind == SLC_MESSAGE_CLAIM_TESTNET_BANDWIDTH;
    w->auths += m.kind == SLC_MESSAGE_AUTHENTICATE_V2;
    w->inits += m.kind == SLC_MESSAGE_REGISTER_INIT && m.data.len == 80;
}

static inline bool world_client_event(struct world *w)
{
    struct slc_gateway_event event;
    uint8_t buffer[SLC_GATEWAY_TEXT_MAX];
    struct slc_writer out = slc_writer(buffer, sizeof buffer);
    if (!slc_gateway_client_next(w->client, &event, &out)) return false;
    if (!slc_writer_ok(&out)) abort();
    if (event.error != NULL) {
        w->error = event.error->status;
        memcpy(w->error_text, event.error->text, sizeof w->error_text);
    }
    switch (event.kind) {
    case SLC_GATEWAY_CONNECT:
        if (w->connection != 0) abort();
        world_connect(w);
        break;
    case SLC_GATEWAY_SEND:
        if (w->connection == 0) abort();
        world_note_request(w, event.text);
        world_push(&w->up, event.text);
        break;
    case SLC_GATEWAY_REGISTERED:
        w->registered++;
        memcpy(w->registered_key, slc_gateway_client_key(w->client), SLC_SEAL_KEY_BYTES);
        break;
    case SLC_GATEWAY_READY:
        if (!slc_gateway_client_ready(w->client)) abort();
        w->ready++;
        break;
    case SLC_GATEWAY_LOST:
        if (slc_gateway_client_ready(w->client) || event.error == NULL) abort();
        w->lost++;
        break;
    case SLC_GATEWAY_DISCONNECT:
        w->disconnects++;
        world_hang_up(w);
        break;
    case SLC_GATEWAY_FAILED:
        if (event.error == NULL || event.error->text[0] == 0) abort();
        w->failed++;
        break;
    case SLC_GATEWAY_LEFT:
        w->left++;
        world_hang_up(w);
        break;
    }
    return true;
}

/* A gateway that tells another version than ours does. */
static inline struct slc_bytes world_disguise(const struct world *w, struct slc_bytes text, struct slc_writer *out)
{
    struct slc_control_message m;
    if (w->say_version == 0 || slc_control_message_parse(text, SLC_MESSAGES_RESPONSE, &m) != SLC_OK ||
        m.kind != SLC_MESSAGE_SUPPORTED_PROTOCOL_ANSWER) {
        return text;
    }
    m.version = w->say_version;
    slc_control_message_write(&m, out);
    return slc_bytes(out->data, out->len);
}

static inline bool world_server_event(struct world *w)
{
    struct slc_server_event event;
    uint8_t buffer[SLC_SERVER_TEXT_MAX];
    uint8_t other[SLC_SERVER_TEXT_MAX];
    struct slc_writer out = slc_writer(buffer, sizeof buffer);
    struct slc_writer disguised = slc_writer(other, sizeof other);
    if (w->connection == 0 || !slc_server_session_next(w->server, &event, &out)) return false;
    if (!slc_writer_ok(&out)) abort();
    switch (event.kind) {
    case SLC_SERVER_SEND:
        if (!w->mute) world_push(&w->down, world_disguise(w, event.text, &disguised));
        break;
    case SLC_SERVER_DROP:
        w->drops++;
        /* What was sent before arrives; then the end. */
        while (w->down.count > 0 && w->connection != 0) {
            struct world_text *text = world_pop(&w->down);
            slc_gateway_client_text(w->client, slc_bytes(text->data, text->len), w->now, world_unix(w));
            while (world_client_event(w)) {
            }
        }
        world_cut(w);
        break;
    case SLC_SERVER_DROP_OTHER:
        w->drop_others++;
        break;
    case SLC_SERVER_AUTHENTICATED:
        if (event.client == NULL || event.client->connection != w->connection) abort();
        break;
    case SLC_SERVER_FORGET:
        w->forgets++;
        break;
    }
    return true;
}

static inline bool world_maybe_cut(struct world *w)
{
    uint8_t dice = 0;
    w->texts++;
    if (w->cut_chance > 0) slc_random_bytes(&w->random, &dice, 1);
    if (w->texts != w->cut_after && dice >= w->cut_chance) return false;
    world_cut(w);
    return true;
}

static inline bool world_deliver(struct world *w)
{
    struct world_text *text = world_pop(&w->up);
    if (text != NULL) {
        if (!w->mute) slc_server_session_text(w->server, slc_bytes(text->data, text->len), w->now, world_unix(w));
        (void)world_maybe_cut(w);
        return true;
    }
    text = world_pop(&w->down);
    if (text == NULL) return false;
    slc_gateway_client_text(w->client, slc_bytes(text->data, text->len), w->now, world_unix(w));
    (void)world_maybe_cut(w);
    return true;
}

/* Everything that happens without time passing. */
static inline void world_settle(struct world *w)
{
    unsigned steps = 0;
    while (world_client_event(w) || world_server_event(w) || world_deliver(w)) {
        if (++steps > 10000) abort(); /* a loop that time does not slow down */
    }
}

/* Runs for `span`, from deadline to deadline. */
static inline void world_run(struct world *w, slc_time span)
{
    slc_time end = w->now + span;
    unsigned steps = 0;
    world_settle(w);
    for (;;) {
        slc_time due = slc_gateway_client_due(w->client);
        slc_time server_due = w->connection != 0 && !w->mute ? slc_server_session_due(w->server) : SLC_NEVER;
        if (server_due < due) due = server_due;
        if (due > end) break;
        if (due > w->now) w->now = due;
        if (++steps > 1000000) abort(); /* a deadline that does not go away */
        slc_gateway_client_tick(w->client, w->now, world_unix(w));
        if (w->connection != 0 && !w->mute) slc_server_session_tick(w->server, w->now);
        world_settle(w);
    }
    w->now = end;
}

/* Text of the test's own making, as if the gateway had sent it. */
static inline void world_say(struct world *w, const char *text)
{
    slc_gateway_client_text(w->client, slc_bytes_of_text(text), w->now, world_unix(w));
    world_settle(w);
}

#endif
