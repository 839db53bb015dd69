/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

/*
 * Outgoing messages from the application's hand to the last ack (docs/protocol/4-client.md, sections 2, 6 and
 * 7.4): queued in lanes, and kept whole, since fragments are cut anew for each packet.
 */

enum {
    SLAB = 64,          /* messages allocated at a time */
    REPLY_REPEATS = 10, /* of what goes through SURBs, if nothing else is said (section 1.3) */
};

struct message_slab {
    struct message_slab *next;
    struct message messages[SLAB];
};

#define STALE_AFTER (600 * SLC_SECOND)

/* ---- lists and slabs ---- */

void slc_list_append(struct message_list *list, struct message *m)
{
    m->previous = list->last;
    m->next = NULL;
    m->list = list;
    *(list->last == NULL ? &list->first : &list->last->next) = m;
    list->last = m;
}

void slc_list_remove(struct message *m)
{
    if (m->list == NULL) return;
    *(m->previous == NULL ? &m->list->first : &m->previous->next) = m->next;
    *(m->next == NULL ? &m->list->last : &m->next->previous) = m->previous;
    m->list = NULL;
}

static struct message *message_new(struct slc_clients *c)
{
    if (c->free_messages == NULL) {
        struct message_slab *slab = calloc(1, sizeof *slab);
        if (slab == NULL) return NULL;
        slab->next = c->slabs;
        c->slabs = slab;
        for (size_t i = 0; i < SLAB; i++) {
            slab->messages[i].next_bare = c->free_messages;
            c->free_messages = &slab->messages[i];
        }
    }
    struct message *m = c->free_messages;
    c->free_messages = m->next_bare;
    *m = (struct message){.live = true};
    return m;
}

/* Not in `bare`: those are not settled before they are made. */
static void message_free(struct slc_clients *c, struct message *m)
{
    slc_list_remove(m);
    if (m->item.lane != NULL) {
        slc_lanes_drop(&c->clients[m->client].lanes, &c->lane_pool, &m->item, m->item.packets);
    }
    if (m->store != NULL) slc_store_leave(m);
    if (m->kind == SLC_MESSAGE_SURBS) slc_reply_served(c, &c->clients[m->client], m);
    if (m->set_ids != &m->one_set) free(m->set_ids);
    if (m->internal) {
        free(m->memory);
    } else if (c->port.message_done != NULL) {
        c->port.message_done(c->port.self, m->memory);
    }
    m->live = false;
    m->next_bare = c->free_messages;
    c->free_messages = m;
}

void slc_messages_free(struct slc_clients *c)
{
    while (c->slabs != NULL) {
        struct message_slab *slab = c->slabs;
        c->slabs = slab->next;
        for (size_t i = 0; i < SLAB; i++) {
            struct message *m = &slab->messages[i];
            m->store = NULL;
            m->list = NULL;
            m->item.lane = NULL;
            if (m->live) message_free(c, m);
        }
        free(slab);
    }
}

size_t slc_messages_memory(const struct slc_clients *c)
{
    size_t bytes = 0;
    for (const struct message_slab *slab = c->slabs; slab != NULL; slab = slab->next) {
        bytes += sizeof *slab;
    }
    return bytes;
}

/* ---- taking messages ---- */

size_t slc_outgoing_head(bool reply, bool anonymous, uint32_t surbs)
{
    if (reply) return slc_message_head_bytes(SLC_MESSAGE_REPLY, 0, 0);
    if (anonymous || surbs > 0) return slc_message_head_bytes(SLC_MESSAGE_REPLIABLE, surbs, SLC_ROUTE_HOPS);
    return slc_message_head_bytes(SLC_MESSAGE_PLAIN, 0, 0);
}

/* What it really takes of that room. */
static size_t head_bytes(const struct slc_clients *c, const struct message *m)
{
    return slc_message_head_bytes((enum slc_message_kind)m->kind, m->surbs, slc_traffic_hops(c->traffic));
}

static uint32_t limit(uint32_t setting, uint32_t otherwise)
{
    if (setting == SLC_RETRANSMISSIONS_DEFAULT) return otherwise;
    return setting == SLC_RETRANSMISSIONS_NONE ? 0 : setting;
}

/* What the message, its kind and the traffic allow, whichever is least (section 1.3). */
static void limit_repeats(const struct slc_clients *c, struct message *m)
{
    bool by_surb = m->kind == SLC_MESSAGE_REPLY || m->kind == SLC_MESSAGE_SURB_REQUEST;
    uint32_t own = limit(m->retransmissions, by_surb ? REPLY_REPEATS : SLC_RETRANSMISSIONS_UNLIMITED);
    uint32_t all = limit(c->traffic->retransmissions, SLC_RETRANSMISSIONS_UNLIMITED);
    m->retransmissions = own < all ? own : all;
}

/* It was parked in its lane until now; with pacing, the next slot finds it. */
void slc_messages_queue(struct slc_clients *c, struct message *m)
{
    struct client *k = &c->clients[m->client];
    if (m->item.parked) slc_lanes_unpark(&k->lanes, &m->item, c->now);
    if (c->traffic->pacing == SLC_PACING_NONE) slc_client_activate(c, k);
}

/* The secondary size where it saves packets (section 4.4). */
static enum slc_status cut(const struct slc_clients *c, struct message *m, size_t len)
{
    enum slc_packet_size primary = c->traffic->size, secondary = c->traffic->secondary_size;
    m->size = (uint8_t)primary;
    enum slc_status status = slc_cut_plan(&m->cut, len, slc_fragment_bytes(primary));
    if (status != SLC_OK || secondary == 0) return status;
    struct slc_cut other;
    if (slc_cut_plan(&other, len, slc_fragment_bytes(secondary)) != SLC_OK) return SLC_OK;
    if (other.fragments >= m->cut.fragments) return SLC_OK;
    m->cut = other;
    m->size = (uint8_t)secondary;
    return SLC_OK;
}

static struct slc_lane_name lane_of(const struct message *m)
{
    if (m->kind == SLC_MESSAGE_SURB_REQUEST) return (struct slc_lane_name){.kind = SLC_LANE_SURB_REQUEST};
    if (m->kind == SLC_MESSAGE_SURBS) return (struct slc_lane_name){.kind = SLC_LANE_SURBS};
    return slc_lane_of_connection(m->connection);
}

/* Cuts and queues; the message is its caller's again on an error. */
static enum slc_status enqueue(struct slc_clients *c, struct client *k, struct message *m, size_t len)
{
    enum slc_status status = cut(c, m, len);
    if (status != SLC_OK) return status;
    if (k->queued + k->pending.used + m->cut.fragments > c->traffic->max_pending) return SLC_FULL;
    m->set_ids = &m->one_set;
    if (m->cut.sets > 1) m->set_ids = malloc(m->cut.sets * sizeof *m->set_ids);
    if (m->set_ids == NULL) return SLC_NO_MEMORY;
    status = slc_lanes_store(&k->lanes, &c->lane_pool, lane_of(m), &m->item, (uint32_t)m->cut.fragments, c->now);
    if (status != SLC_OK) {
        if (m->set_ids != &m->one_set) free(m->set_ids);
        return status;
    }
    slc_set_ids(m->set_ids, m->cut.sets, c->random);
    m->client = slc_client_index(c, k);
    limit_repeats(c, m);
    k->queued += m->cut.fragments;
    m->bare = m->surbs > 0;
    if (m->bare) {
        slc_lanes_park(&k->lanes, &m->item);
        slc_bare_append(&c->bare, m);
        slc_client_activate(c, k);
    } else {
        slc_messages_queue(c, m);
    }
    return SLC_OK;
}

const struct slc_node *slc_client_egress(const struct slc_clients *c, const uint8_t gateway[SLC_IDENTITY_BYTES])
{
    const struct slc_node *node = slc_client_node(c, gateway);
    if (node == NULL || c->traffic->ignore_egress_role) return node;
    for (unsigned layer = 0; layer < SLC_LAYERS; layer++) {
        for (size_t i = 0; i < c->topology->layer_count[layer]; i++) {
            if (c->topology->layer[layer][i] == node) return NULL;
        }
    }
    return node;
}

static enum slc_status address_message(struct slc_clients *c, struct client *k, struct message *m,
                                       const struct slc_outgoing *out)
{
    if (out->reply) {
        m->kind = SLC_MESSAGE_REPLY;
        if (out->len == 0) return SLC_TOO_SHORT;
        m->store = slc_store_find(k, out->tag);
        return m->store == NULL ? SLC_NOT_FOUND : SLC_OK;
    }
    bool anonymous = out->anonymous || out->surbs > 0;
    m->kind = anonymous ? SLC_MESSAGE_REPLIABLE : SLC_MESSAGE_PLAIN;
    m->recipient = out->recipient;
    m->surbs = out->surbs;
    if (slc_client_egress(c, out->recipient.gateway) == NULL) return SLC_NO_ROUTE;
    if (anonymous && slc_reply_tag(c, k, &m->recipient, true) == NULL) return SLC_NO_MEMORY;
    return SLC_OK;
}

enum slc_status slc_clients_send(struct slc_clients *c, const struct slc_outgoing *out, slc_time now)
{
    if (out->index >= c->count || out->surbs > UINT16_MAX) return SLC_BAD_ARGUMENT;
    if (out->offset < slc_outgoing_head(out->reply, out->anonymous, out->surbs)) return SLC_BAD_ARGUMENT;
    struct client *k = &c->clients[out->index];
    if (!k->used) return SLC_NOT_FOUND;
    if (k->failed || k->leaving) return SLC_CLOSED;
    struct message *m = message_new(c);
    if (m == NULL) return SLC_NO_MEMORY;
    c->now = now;
    m->token = out->token;
    m->intended = out->intended;
    m->retransmissions = out->retransmissions;
    m->connection = out->lane;
    m->memory = out->memory;
    enum slc_status status = address_message(c, k, m, out);
    size_t head = head_bytes(c, m);
    m->bytes = out->memory + out->offset - head;
    struct store *store = m->store;
    m->store = NULL;
    if (status == SLC_OK) status = enqueue(c, k, m, head + out->len);
    if (status != SLC_OK) {
        m->live = false;
        m->next_bare = c->free_messages;
        c->free_messages = m;
        return status;
    }
    if (store != NULL) slc_store_join(store, m);
    /* A head with SURBs is written when they are made. */
    if (m->bare) return SLC_OK;
    struct slc_writer w = slc_writer(m->bytes, head);
    const uint8_t *tag = m->kind == SLC_MESSAGE_REPLIABLE ? slc_reply_tag(c, k, &m->recipient, false) : NULL;
    slc_message_write_head(&w, (enum slc_message_kind)m->kind, tag, NULL);
    if (store != NULL) slc_store_ask(c, k, store);
    return SLC_OK;
}

enum slc_status slc_messages_add(struct slc_clients *c, struct client *k, const struct message *model, uint8_t *memory,
                                 size_t len)
{
    struct message *m = message_new(c);
    if (m == NULL) {
        free(memory);
        return SLC_NO_MEMORY;
    }
    *m = *model;
    m->live = m->internal = true;
    m->memory = m->bytes = memory;
    m->store = NULL;
    enum slc_status status = enqueue(c, k, m, len);
    if (status != SLC_OK) {
        free(memory);
        m->live = false;
        m->next_bare = c->free_messages;
        c->free_messages = m;
        return status;
    }
    if (model->store != NULL) slc_store_join(model->store, m);
    return SLC_OK;
}

/* ---- ends of messages ---- */

static struct slc_client_event event_of(const struct slc_clients *c, const struct message *m,
                                        enum slc_client_event_kind kind, slc_time at)
{
    return (struct slc_client_event){
        .kind = kind, .token = m->token, .at = at, .settled = m->cut.len - head_bytes(c, m)};
}

static void forget_fragment(struct slc_clients *c, struct client *k, const struct message *m, size_t fragment)
{
    size_t set;
    uint8_t position;
    slc_cut_place(&m->cut, fragment, &set, &position);
    uint32_t place = slc_pending_find(&k->pending, m->set_ids[set], position);
    if (place == SLC_NO_PLACE || k->pending.entries[place].message != m) return;
    slc_send_forget(c, k, place);
}

void slc_messages_expire(struct slc_clients *c, struct message *m, enum slc_status status)
{
    struct client *k = &c->clients[m->client];
    for (size_t i = 0; i < m->next_fragment; i++) {
        forget_fragment(c, k, m, i);
    }
    k->queued -= m->cut.fragments - m->next_fragment;
    if (!m->internal) {
        struct slc_client_event event = event_of(c, m, SLC_CLIENT_EXPIRED, c->now);
        event.status = status;
        COUNT(c, k, messages_expired, 1);
        slc_client_event(c, k, &event);
    }
    message_free(c, m);
}

void slc_messages_expire_all(struct slc_clients *c, struct client *k, enum slc_status status)
{
    /* Nothing waits and nothing flies, so there is nothing to look for. */
    if (k != NULL && k->queued == 0 && k->pending.used == 0) return;
    slc_surbs_forget(c, k);
    for (struct message_slab *slab = c->slabs; slab != NULL; slab = slab->next) {
        for (size_t i = 0; i < SLAB; i++) {
            struct message *m = &slab->messages[i];
            if (m->live && (k == NULL || k == &c->clients[m->client])) slc_messages_expire(c, m, status);
        }
    }
}

void slc_messages_ack(struct slc_clients *c, struct client *k, struct slc_fragment_id id)
{
    uint32_t place = slc_pending_find(&k->pending, id.set, id.position);
    if (place == SLC_NO_PLACE || k->pending.entries[place].attempts == 0) {
        COUNT(c, k, unknown_acks, 1);
        return;
    }
    COUNT(c, k, acks_received, 1);
    struct message *m = k->pending.entries[place].message;
    slc_send_forget(c, k, place);
    if (k->pending.used + 1 == k->pending.max) slc_client_activate(c, k);
    if (++m->acked < m->cut.fragments) return;
    if (!m->internal) {
        struct slc_client_event event = event_of(c, m, SLC_CLIENT_ACKED, c->now);
        COUNT(c, k, messages_acked, 1);
        slc_client_event(c, k, &event);
    }
    message_free(c, m);
}

/* ---- lanes (section 2) ---- */

size_t slc_clients_lane_queue(const struct slc_clients *c, uint32_t index, uint64_t connection)
{
    if (index >= c->count) return 0;
    const struct slc_lane *lane = slc_lanes_find(&c->clients[index].lanes, slc_lane_of_connection(connection));
    return lane == NULL ? 0 : (size_t)lane->packets + lane->parked;
}

/* Those of the lane that lack SURBs, or whose SURBs' keys are not durable. */
static void expire_bare(struct slc_clients *c, struct bare_list *list, const struct slc_lane *lane)
{
    struct bare_list all = *list;
    *list = (struct bare_list){0};
    while (all.first != NULL) {
        struct message *m = slc_bare_take(&all);
        if (m->item.lane == lane) {
            slc_messages_expire(c, m, SLC_CLOSED);
        } else {
            slc_bare_append(list, m);
        }
    }
}

/* A message that lacks fragments is of no use, so it goes whole. */
static void expire_lane(struct slc_clients *c, struct client *k, struct slc_lane_name name, enum slc_status status)
{
    struct slc_lane *lane;
    while ((lane = slc_lanes_find(&k->lanes, name)) != NULL && lane->packets > 0) {
        bool again = name.kind == SLC_LANE_RETRANSMISSION;
        slc_messages_expire(c, again ? slc_send_first_retry(k) : slc_message_of(lane->first), status);
    }
    COUNT(c, k, lanes_closed, 1);
}

void slc_clients_close_lane(struct slc_clients *c, uint32_t index, uint64_t connection, slc_time now)
{
    if (index >= c->count) return;
    struct client *k = &c->clients[index];
    struct slc_lane_name name = slc_lane_of_connection(connection);
    const struct slc_lane *lane = slc_lanes_find(&k->lanes, name);
    c->now = now;
    if (lane != NULL && lane->packets > 0) expire_lane(c, k, name, SLC_CLOSED);
    lane = slc_lanes_find(&k->lanes, name);
    if (lane != NULL) expire_bare(c, &c->bare, lane);
    lane = slc_lanes_find(&k->lanes, name);
    if (lane != NULL) expire_bare(c, &c->unkept, lane);
}

void slc_messages_expire_stale(struct slc_clients *c, struct client *k, slc_time now)
{
    const struct slc_lane *lane;
    while ((lane = slc_lanes_stale(&k->lanes, now, STALE_AFTER)) != NULL) {
        expire_lane(c, k, lane->name, SLC_TIMEOUT);
    }
}
