/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

#include "crypto/base/secret.h"
#include "engine/runtime/runtime.h"
#include "net/wire/websocket.h"

/* Clients' sessions with their gateways: whose turn it is to connect, texts both ways, what begins and ends with them.
 */

enum {
    CONNECTING_MAX = 256, /* handshakes at a time, so that ten thousand clients do not starve each other's */
};
bool slc_session_waits(const struct client *k)
{
    return k->own == NULL && !k->open && !k->connecting;
}

void slc_session_tell_waiting(struct slc_clients *c, struct client *k, slc_time now)
{
    struct slc_error error = {0};
    (void)slc_fail(&error, SLC_NO_ROUTE, "the gateway is not in the topology: waiting for it");
    slc_client_event(
        c, k, &(struct slc_client_event){.kind = SLC_CLIENT_LOST, .at = now, .status = SLC_NO_ROUTE, .error = &error});
}

static void give_up_waiting(struct slc_clients *c, struct client *k, slc_time now)
{
    struct slc_error error = {0};
    (void)slc_fail(&error, SLC_NO_ROUTE, "the gateway did not come into the topology: choose another one");
    k->failed = true;
    k->give_up = SLC_NEVER;
    slc_client_event(
        c, k,
        &(struct slc_client_event){.kind = SLC_CLIENT_FAILED, .at = now, .status = SLC_NO_ROUTE, .error = &error});
    slc_messages_expire_all(c, k, SLC_CLOSED);
}

void slc_session_queue(struct slc_clients *c, struct client *k)
{
    if (k->waits_connect) return;
    uint32_t index = slc_client_index(c, k);
    k->waits_connect = true;
    k->next_connect = SLC_NO_PLACE;
    if (c->connect_first == SLC_NO_PLACE) {
        c->connect_first = index;
    } else {
        c->clients[c->connect_last].next_connect = index;
    }
    c->connect_last = index;
}

void slc_session_init(struct slc_clients *c, struct client *k, const uint8_t *shared_key, uint64_t last_timestamp,
                      slc_time now)
{
    struct slc_gateway_client_config config = {.keys = k->keys,
                                               .shared_key = shared_key,
                                               .last_timestamp = last_timestamp,
                                               .answer_timeout = c->traffic->gateway_timeout,
                                               .random = c->random};
    memcpy(config.gateway, c->gateways[k->gateway]->identity, sizeof config.gateway);
    slc_gateway_client_init(k->session, &config, now);
}

/* The session's clock starts when it is its turn to connect, however long that took. */
static void start_session(struct slc_clients *c, struct client *k, slc_time now)
{
    uint8_t key[SLC_SEAL_KEY_BYTES];
    memcpy(key, slc_gateway_client_key(k->session), sizeof key);
    slc_session_init(c, k, k->has_key ? key : NULL, slc_gateway_client_last_timestamp(k->session), now);
    slc_wipe(key, sizeof key);
    k->started = true;
}

static void hold_text(struct client *k, struct slc_bytes text)
{
    struct held_text *held = malloc(sizeof *held + text.len);
    /* Without memory the session's own time limit ends the wait for an answer. */
    if (held == NULL) return;
    held->len = text.len;
    memcpy(held->text, text.data, text.len);
    free(k->held);
    k->held = held;
}

/* SLC_AGAIN: no room now. */
static enum slc_status send_text(struct slc_clients *c, struct client *k, struct slc_bytes text)
{
    uint8_t *slot = c->port.slot(c->port.self, text.len);
    if (slot == NULL) return SLC_AGAIN;
    uint8_t *payload = slot + SLC_SLOT_HEAD;
    uint8_t mask[4];
    memcpy(payload, text.data, text.len);
    slc_random_bytes(c->random, mask, sizeof mask);
    size_t head = slc_ws_frame(payload, text.len, SLC_WS_OP_TEXT, mask);
    enum slc_status status =
        c->port.send(c->port.self, slc_client_index(c, k), slot, payload - head, head + text.len, 0);
    if (status != SLC_OK) c->port.slot_drop(c->port.self, slot);
    return status;
}

static void send_held(struct slc_clients *c, struct client *k)
{
    if (k->held == NULL) return;
    if (send_text(c, k, slc_bytes(k->held->text, k->held->len)) == SLC_AGAIN) return;
    free(k->held);
    k->held = NULL;
}

void slc_session_stop(struct slc_clients *c, struct client *k)
{
    if (k->connecting) c->connecting--;
    if (k->ready) c->ready--;
    k->connecting = false;
    k->ready = false;
    slc_schedule_stop(&k->main);
    slc_schedule_stop(&k->loop);
    free(k->held);
    k->held = NULL;
}

static void become_ready(struct slc_clients *c, struct client *k, slc_time now)
{
    if (k->connecting) c->connecting--;
    k->connecting = false;
    if (!k->ready) c->ready++;
    k->ready = true;
    if (c->traffic->pacing == SLC_PACING_POISSON) {
        slc_schedule_start(&k->main, now, c->traffic->main_mean, c->random);
    }
    slc_schedule_start(&k->loop, now, slc_traffic_loop_mean(c->traffic), c->random);
    slc_lanes_renew(&k->lanes, now);
    slc_keep_registration(c, k);
    slc_client_event(c, k,
                     &(struct slc_client_event){.kind = SLC_CLIENT_READY,
                                                .at = now,
                                                .key = slc_gateway_client_key(k->session),
                                                .timestamp = slc_gateway_client_last_timestamp(k->session),
                                                .gateway_node = k->own == NULL ? 0 : k->own->id});
}

static void connect_now(struct slc_clients *c, struct client *k, slc_time now)
{
    COUNT(c, k, connects, 1);
    if (k->own == NULL) {
        slc_gateway_client_closed(k->session, SLC_NO_ROUTE, NULL, now);
        return;
    }
    if (!k->connecting) c->connecting++;
    k->connecting = true;
    c->port.connect(c->port.self, slc_client_index(c, k), k->own);
}

static void ended(struct slc_clients *c, struct client *k, const struct slc_gateway_event *event, slc_time now)
{
    bool for_good = event->kind == SLC_GATEWAY_FAILED;
    slc_session_stop(c, k);
    if (!for_good) COUNT(c, k, losts, 1);
    k->failed = for_good;
    slc_client_event(c, k,
                     &(struct slc_client_event){.kind = for_good ? SLC_CLIENT_FAILED : SLC_CLIENT_LOST,
                                                .at = now,
                                                .status = event->error->status,
                                                .error = event->error});
    if (for_good) slc_messages_expire_all(c, k, SLC_CLOSED);
}

static void obey(struct slc_clients *c, struct client *k, const struct slc_gateway_event *event, slc_time now)
{
    switch (event->kind) {
    case SLC_GATEWAY_CONNECT:
        connect_now(c, k, now);
        return;
    case SLC_GATEWAY_SEND:
        if (send_text(c, k, event->text) == SLC_AGAIN) hold_text(k, event->text);
        return;
    case SLC_GATEWAY_REGISTERED:
        k->has_key = true;
        return;
    case SLC_GATEWAY_READY:
        become_ready(c, k, now);
        return;
    case SLC_GATEWAY_LOST:
    case SLC_GATEWAY_FAILED:
        ended(c, k, event, now);
        return;
    case SLC_GATEWAY_DISCONNECT:
        k->open = false;
        c->port.disconnect(c->port.self, slc_client_index(c, k));
        return;
    case SLC_GATEWAY_LEFT:
        slc_client_vacate(c, k, now);
        return;
    }
}

void slc_session_take_events(struct slc_clients *c, struct client *k, slc_time now)
{
    c->now = now;
    send_held(c, k);
    while (k->used && k->held == NULL) {
        uint8_t text[SLC_GATEWAY_TEXT_MAX];
        struct slc_writer out = slc_writer(text, sizeof text);
        struct slc_gateway_event event;
        if (!slc_gateway_client_next(k->session, &event, &out)) break;
        obey(c, k, &event, now);
        slc_wipe(text, out.len);
    }
    if (k->used) slc_client_activate(c, k);
}

void slc_session_let_connect(struct slc_clients *c, slc_time now, uint64_t unix_now)
{
    while (c->connect_first != SLC_NO_PLACE && c->connecting < CONNECTING_MAX) {
        struct client *k = &c->clients[c->connect_first];
        c->connect_first = k->next_connect;
        k->waits_connect = false;
        if (!k->used || k->leaving || k->own == NULL) continue;
        if (k->started) {
            slc_gateway_client_tick(k->session, now, unix_now);
        } else {
            start_session(c, k, now);
        }
        slc_session_take_events(c, k, now);
    }
}

void slc_session_tick(struct slc_clients *c, struct client *k, slc_time now, uint64_t unix_now)
{
    if (k->held != NULL) slc_session_take_events(c, k, now);
    if (slc_session_waits(k)) {
        if (now >= k->give_up) give_up_waiting(c, k, now);
        return;
    }
    if (!k->started || k->waits_connect || slc_gateway_client_due(k->session) > now) return;
    bool down = !k->open && !k->connecting;
    if (down && c->connecting >= CONNECTING_MAX) {
        slc_session_queue(c, k);
        return;
    }
    slc_gateway_client_tick(k->session, now, unix_now);
    slc_session_take_events(c, k, now);
}

void slc_clients_opened(struct slc_clients *c, uint32_t index, slc_time now, uint64_t unix_now)
{
    if (index >= c->count || !c->clients[index].started) return;
    struct client *k = &c->clients[index];
    k->open = true;
    slc_gateway_client_opened(k->session, now, unix_now);
    slc_session_take_events(c, k, now);
}

void slc_clients_closed(struct slc_clients *c, uint32_t index, enum slc_status why, const char *reason, slc_time now)
{
    if (index >= c->count || !c->clients[index].started) return;
    struct client *k = &c->clients[index];
    k->open = false;
    free(k->held);
    k->held = NULL;
    slc_gateway_client_closed(k->session, why, reason, now);
    slc_session_take_events(c, k, now);
}

void slc_clients_text(struct slc_clients *c, uint32_t index, struct slc_bytes text, slc_time now, uint64_t unix_now)
{
    if (index >= c->count || !c->clients[index].started) return;
    struct client *k = &c->clients[index];
    slc_gateway_client_text(k->session, text, now, unix_now);
    slc_session_take_events(c, k, now);
}
