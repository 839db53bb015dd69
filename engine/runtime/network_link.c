/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/runtime/runtime_internal.h"

#include <stdio.h>
#include <string.h>

/* The protocol side of a connection: what turns its bytes into messages for a worker. */

void link_failed(struct network *n, uint32_t link, enum slc_status why)
{
    network_fail(n, link, why, NULL);
    slc_loop_close(n->loop, n->links[link].conn, true);
}

void link_opened(struct network *n, uint32_t link, slc_time now)
{
    struct link *l = &n->links[link];
    l->open = true;
    const struct slc_received received = {.kind = l->outgoing ? SLC_RECEIVED_OPEN : SLC_RECEIVED_ACCEPTED,
                                          .link = network_link_name(n, link),
                                          .token = l->token,
                                          .at = now};
    network_deliver(n, received, l->worker, NULL);
}

/* ---- WebSocket ---- */

static void ws_send_request(struct network *n, uint32_t link)
{
    struct link *l = &n->links[link];
    uint8_t *slot = network_reply_slot(n, link);
    if (slot == NULL) {
        link_failed(n, link, SLC_FULL);
        return;
    }
    char host[SLC_ADDRESS_TEXT_MAX];
    slc_address_to_text(&l->request->address, host);
    struct slc_writer out = slc_writer(slot, n->replies.slot_bytes);
    const char *name = l->request->host[0] != 0 ? l->request->host : host;
    if (slc_ws_request(l->ws, name, "/", &n->random, &out) != SLC_OK) {
        network_reply(n, link, slot, 0);
        link_failed(n, link, SLC_BAD_ARGUMENT);
        return;
    }
    network_reply(n, link, slot, out.len);
}

static void ws_message(struct network *n, uint32_t link, const struct slc_ws_event *event, slc_time now)
{
    struct link *l = &n->links[link];
    /* The carry pool rounds its slots up, so a little more than fits an rx slot can get here. */
    if (event->len > SLC_SLOT_LARGE) {
        link_failed(n, link, SLC_TOO_LONG);
        return;
    }
    const struct slc_received received = {.kind = event->kind == SLC_WS_TEXT ? SLC_RECEIVED_TEXT : SLC_RECEIVED_BINARY,
                                          .link = network_link_name(n, link),
                                          .token = l->token,
                                          .len = (uint32_t)event->len,
                                          .at = now};
    /* An empty message still needs an address to be given back. */
    network_deliver(n, received, l->worker, event->len > 0 ? event->data : (const uint8_t *)"");
}

static void ws_event(struct network *n, uint32_t link, const struct slc_ws_event *event, slc_time now)
{
    switch (event->kind) {
    case SLC_WS_OPEN:
        link_opened(n, link, now);
        return;
    case SLC_WS_TEXT:
    case SLC_WS_BINARY:
        ws_message(n, link, event, now);
        return;
    case SLC_WS_PONG:
        return;
    case SLC_WS_CLOSE:
        network_fail(n, link, SLC_CLOSED, NULL);
        slc_loop_close(n->loop, n->links[link].conn, false);
        return;
    case SLC_WS_FAILED:
        link_failed(n, link, event->status);
        return;
    }
}

/* Replies of one read share slots: pings between messages do not cost one each. */
static void ws_data(struct network *n, uint32_t link, uint8_t *data, size_t len, slc_time now)
{
    struct link *l = &n->links[link];
    slc_ws_feed(l->ws, data, len);
    for (bool more = true; more && !l->closing;) {
        uint8_t *slot = network_reply_slot(n, link);
        if (slot == NULL) {
            link_failed(n, link, SLC_FULL);
            return;
        }
        struct slc_writer reply = slc_writer(slot, n->replies.slot_bytes);
        struct slc_ws_event event = {0};
        bool ends = false;
        while (more && !ends && !l->closing && n->replies.slot_bytes - reply.len >= SLC_WS_REPLY_MAX) {
            more = slc_ws_next(l->ws, &event, &n->random, &reply);
            ends = more && (event.kind == SLC_WS_CLOSE || event.kind == SLC_WS_FAILED);
            if (more && !ends) ws_event(n, link, &event, now);
        }
        /* Our last words go before the end. */
        network_reply(n, link, slot, reply.len);
        if (ends) ws_event(n, link, &event, now);
    }
}

/* ---- all ---- */

bool link_begin(struct network *n, uint32_t link, const struct slc_noise_keys *noise)
{
    struct link *l = &n->links[link];
    void *state = slc_pool_take(&n->states);
    if (state == NULL) return false;
    if (l->protocol == SLC_PROTOCOL_NODE) return node_begin(n, link, state, noise);
    l->ws = state;
    slc_ws_init(l->ws, l->protocol == SLC_PROTOCOL_WS_CLIENT ? SLC_WS_CLIENT : SLC_WS_SERVER, &n->carry);
    return true;
}

void link_connected(struct network *n, uint32_t link, slc_time now)
{
    struct link *l = &n->links[link];
    if (l->protocol == SLC_PROTOCOL_WS_CLIENT) {
        ws_send_request(n, link);
    } else if (l->protocol == SLC_PROTOCOL_NODE) {
        node_connected(n, link, now);
    }
}

void link_data(struct network *n, uint32_t link, uint8_t *data, size_t len, slc_time now)
{
    if (n->links[link].protocol == SLC_PROTOCOL_NODE) {
        node_data(n, link, data, len, now);
    } else {
        ws_data(n, link, data, len, now);
    }
}

void link_end(struct network *n, uint32_t link)
{
    struct link *l = &n->links[link];
    if (l->ws == NULL) return;
    if (l->protocol == SLC_PROTOCOL_NODE) {
        node_end(l->node);
    } else {
        slc_ws_drop(l->ws);
    }
    slc_pool_give(&n->states, l->ws);
    l->ws = NULL;
}
