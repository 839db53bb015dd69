/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/node/node_internal.h"

#include "net/gateway/messages.h"

#include <stdlib.h>
#include <string.h>

/* A gateway's clients: their connections, what they send into the mixnet, and what comes out for them (chapter 3). */

static struct connection *find(struct crew *crew, slc_link link)
{
    uint32_t place = crew->by_link[link >> 56][(uint32_t)link];
    struct connection *c = place == 0 ? NULL : &crew->connections[place - 1];
    return c != NULL && c->link == link ? c : NULL;
}

static struct connection *by_token(struct crew *crew, uint64_t token)
{
    if (token == 0 || token > crew->connection_count) return NULL;
    struct connection *c = &crew->connections[token - 1];
    return c->link == 0 ? NULL : c;
}

static void close_connection(struct crew *crew, struct connection *c)
{
    struct node *gateway = &crew->net->nodes[c->node];
    if (slc_server_session_client(c->session) != NULL) COUNT(gateway, clients_online, (uint64_t)-1);
    slc_server_session_closed(c->session);
    crew->by_link[c->link >> 56][(uint32_t)c->link] = 0;
    c->link = 0;
    c->next_free = crew->free_connection;
    crew->free_connection = (uint32_t)(c - crew->connections);
}

/* ---- texts ---- */

static bool send_text(struct crew *crew, struct connection *c, uint8_t *slot, size_t len)
{
    uint8_t *text = slot + SLC_SLOT_HEAD;
    size_t head = slc_ws_frame(text, len, SLC_WS_OP_TEXT, NULL);
    if (slc_worker_send(crew->worker, c->link, slot, text - head, head + len, 0) == SLC_OK) return true;
    slc_worker_slot_drop(crew->worker, slot);
    return false;
}

static void note_inbox(struct node *gateway)
{
    COUNT(gateway, inbox_waiting, slc_inbox_count(gateway->inbox) - gateway->counters.inbox_waiting);
}

static void mail_to(struct crew *crew, struct connection *c)
{
    c->mail = true;
    crew->mail = true;
}

/* Returns false when the connection is gone. */
static bool obey_event(struct crew *crew, struct connection *c, const struct slc_server_event *event)
{
    struct node *gateway = &crew->net->nodes[c->node];
    switch (event->kind) {
    case SLC_SERVER_AUTHENTICATED:
        COUNT(gateway, clients_authenticated, 1);
        COUNT(gateway, clients_online, 1);
        mail_to(crew, c);
        return true;
    case SLC_SERVER_FORGET:
        if (event->client != NULL) slc_inbox_forget(gateway->inbox, event->client->identity);
        note_inbox(gateway);
        return true;
    case SLC_SERVER_DROP_OTHER: {
        struct connection *other = by_token(crew, event->other);
        if (other == NULL || other == c) return true;
        slc_worker_close(crew->worker, other->link, true);
        close_connection(crew, other);
        return true;
    }
    case SLC_SERVER_DROP:
        /* Orderly, so that the error text in front of it is read. */
        slc_worker_close(crew->worker, c->link, false);
        close_connection(crew, c);
        return false;
    default:
        return true;
    }
}

static void take_events(struct crew *crew, struct connection *c)
{
    for (;;) {
        uint8_t *slot = slc_worker_slot(crew->worker, SLC_SERVER_TEXT_MAX);
        uint8_t spare[SLC_SERVER_TEXT_MAX];
        struct slc_writer out = slc_writer(slot != NULL ? slot + SLC_SLOT_HEAD : spare, SLC_SERVER_TEXT_MAX);
        struct slc_server_event event;
        bool more = slc_server_session_next(c->session, &event, &out);
        if (more && event.kind == SLC_SERVER_SEND) {
            if (slot != NULL && send_text(crew, c, slot, event.text.len)) continue;
            /* A client would wait for this answer until its own timeout; a cut makes it try again at once. */
            slc_worker_close(crew->worker, c->link, true);
            close_connection(crew, c);
            return;
        }
        if (slot != NULL) slc_worker_slot_drop(crew->worker, slot);
        if (!more || !obey_event(crew, c, &event)) return;
    }
}

/* ---- a door that is not open ---- */

static void say_refused(struct crew *crew, struct connection *c)
{
    uint8_t *slot = slc_worker_slot(crew->worker, SLC_SERVER_TEXT_MAX);
    if (slot == NULL) return;
    struct slc_writer out = slc_writer(slot + SLC_SLOT_HEAD, SLC_SERVER_TEXT_MAX);
    slc_control_message_write(
        &(struct slc_control_message){.kind = SLC_MESSAGE_ERROR,
                                      .text = slc_bytes_of_text("this gateway turns everybody away, on purpose")},
        &out);
    (void)send_text(crew, c, slot, out.len);
}

/* True when a text of a client that is not in has been dealt with; `c` may be gone. */
static bool turned_away(struct crew *crew, struct connection *c)
{
    struct node *gateway = &crew->net->nodes[c->node];
    enum slc_door door = gateway->faults.door;
    if (door == SLC_DOOR_OPEN || slc_server_session_client(c->session) != NULL) return false;
    COUNT(gateway, fault_refused, 1);
    if (door == SLC_DOOR_MUTE) return true;
    if (door == SLC_DOOR_REFUSING) say_refused(crew, c);
    slc_worker_close(crew->worker, c->link, false);
    close_connection(crew, c);
    return true;
}

/* ---- connections ---- */

static void accepted(struct crew *crew, const struct slc_received *r, slc_time now)
{
    struct node *gateway = &crew->net->nodes[(uint32_t)r->token];
    if (gateway->faults.door == SLC_DOOR_SHUT) {
        COUNT(gateway, fault_refused, 1);
        slc_worker_close(crew->worker, r->link, false);
        return;
    }
    uint32_t index = crew->free_connection;
    if (index == UINT32_MAX) {
        slc_worker_close(crew->worker, r->link, true);
        return;
    }
    struct connection *c = &crew->connections[index];
    if (c->session == NULL) c->session = calloc(1, slc_server_session_bytes());
    if (c->session == NULL) {
        slc_worker_close(crew->worker, r->link, true);
        return;
    }
    crew->free_connection = c->next_free;
    c->link = r->link;
    c->node = gateway->index;
    c->mail = false;
    crew->by_link[r->link >> 56][(uint32_t)r->link] = index + 1;
    const struct slc_server_config config = {.identity =
                                                 gateway->faults.wrong_key ? &gateway->impostor : &gateway->identity,
                                             .registry = gateway->registry,
                                             .random = &crew->random,
                                             .metered = crew->net->config.metered};
    slc_server_session_init(c->session, &config, index + 1, now);
}

static void note_registrations(struct crew *crew, struct connection *c, size_t before)
{
    struct node *gateway = &crew->net->nodes[c->node];
    size_t after = slc_registry_count(gateway->registry);
    if (after > before) COUNT(gateway, clients_registered, after - before);
}

void gateway_received(struct crew *crew, const struct slc_received *r, slc_time now)
{
    if (r->kind == SLC_RECEIVED_ACCEPTED) {
        accepted(crew, r, now);
        return;
    }
    struct connection *c = find(crew, r->link);
    if (c == NULL) {
        slc_worker_release(crew->worker, r);
        return;
    }
    if (r->kind == SLC_RECEIVED_BINARY && slc_server_session_client(c->session) != NULL) {
        if (crew->frame_count == FRAME_BATCH) gateway_frames(crew, now);
        crew->frames[crew->frame_count++] = *r;
        return;
    }
    if (r->kind == SLC_RECEIVED_CLOSED) {
        gateway_frames(crew, now);
        c = find(crew, r->link);
        if (c != NULL) close_connection(crew, c);
        return;
    }
    size_t before = slc_registry_count(crew->net->nodes[c->node].registry);
    if (turned_away(crew, c)) {
        slc_worker_release(crew->worker, r);
        return;
    }
    if (r->kind == SLC_RECEIVED_TEXT) {
        slc_server_session_text(c->session, slc_bytes(r->data, r->len), now, slc_unix_seconds());
    } else {
        slc_server_session_binary_refused(c->session);
    }
    note_registrations(crew, c, before);
    take_events(crew, c);
    slc_worker_release(crew->worker, r);
}

static void cut_in_time(struct crew *crew, slc_time now)
{
    for (size_t i = crew->net->config.mixnodes; i < crew->net->own_count; i++) {
        struct node *gateway = &crew->net->nodes[i];
        bool ours = gateway->worker == crew->index && gateway->faults.cut_every > 0;
        if (!ours || now < gateway->next_cut) continue;
        if (gateway->next_cut > 0) gateway_cut(crew, gateway);
        gateway->next_cut = now + gateway->faults.cut_every;
    }
}

void gateway_tick(struct crew *crew, slc_time now)
{
    cut_in_time(crew, now);
    for (size_t i = 0; i < crew->connection_count; i++) {
        struct connection *c = &crew->connections[i];
        if (c->link == 0 || slc_server_session_due(c->session) > now) continue;
        slc_server_session_tick(c->session, now);
        take_events(crew, c);
    }
}

/* ---- into the mixnet ---- */

/* The answer to a packet; false: it is not to be forwarded. */
static bool charge(struct crew *crew, struct connection *c, size_t packet_bytes)
{
    uint8_t *slot = slc_worker_slot(crew->worker, SLC_SERVER_TEXT_MAX);
    uint8_t spare[SLC_SERVER_TEXT_MAX];
    struct slc_writer out = slc_writer(slot != NULL ? slot + SLC_SLOT_HEAD : spare, SLC_SERVER_TEXT_MAX);
    enum slc_status status = slc_server_session_charge(c->session, packet_bytes, slc_unix_seconds(), &out);
    /* Without a slot the answer is left out: clients do not pace on it (chapter 3, trap 19). */
    if (slot != NULL) (void)send_text(crew, c, slot, out.len);
    return status == SLC_OK;
}

static void take_packet(struct crew *crew, struct connection *c, const struct slc_frame_job *job, slc_time now)
{
    struct node *gateway = &crew->net->nodes[c->node];
    struct slc_mix_packet mix;
    if (job->status != SLC_OK ||
        slc_mix_packet_parse(job->plaintext, (enum slc_mix_packet_kind)job->kind, &mix) != SLC_OK) {
        COUNT(gateway, frames_refused, 1);
        return;
    }
    if (!charge(crew, c, mix.packet.len)) return;
    struct transit *t = transit_new(crew, mix.packet.len);
    if (t == NULL) {
        COUNT(gateway, queue_dropped, 1);
        return;
    }
    memcpy(t->bytes, mix.packet.data, mix.packet.len);
    t->rotation = t->made_for = (uint8_t)mix.rotation;
    t->arrived = now;
    COUNT(gateway, packets_received, 1);
    hop_send(crew, gateway, &mix.next_hop, t, now);
}

/* Leaves out frames of connections that ended, or whose client was forgotten, since they came. */
static size_t frames_of_clients(struct crew *crew, size_t n)
{
    size_t jobs = 0;
    for (size_t i = 0; i < n; i++) {
        const struct slc_received *frame = &crew->frames[i];
        struct connection *c = find(crew, frame->link);
        struct slc_registered *client = c == NULL ? NULL : slc_server_session_client(c->session);
        if (client == NULL) continue;
        COUNT(&crew->net->nodes[c->node], bytes_received, frame->len);
        crew->frame_of_job[jobs] = (uint32_t)i;
        crew->frame_jobs[jobs++] = (struct slc_frame_job){.key = client->key, .frame = frame->data, .len = frame->len};
    }
    return jobs;
}

void gateway_frames(struct crew *crew, slc_time now)
{
    size_t n = crew->frame_count;
    crew->frame_count = 0;
    size_t jobs = frames_of_clients(crew, n);
    if (!crew->net->config.sink && jobs > 0) {
        enum slc_status all = slc_frames_open(crew->frame_jobs, jobs);
        (void)all; /* each job has its own status */
    }
    for (size_t i = 0; i < jobs; i++) {
        struct connection *c = find(crew, crew->frames[crew->frame_of_job[i]].link);
        if (c == NULL) continue;
        if (crew->net->config.sink) {
            COUNT(&crew->net->nodes[c->node], packets_received, 1);
        } else {
            take_packet(crew, c, &crew->frame_jobs[i], now);
        }
    }
    for (size_t i = 0; i < n; i++) {
        slc_worker_release(crew->worker, &crew->frames[i]);
    }
}

/* ---- out of the mixnet ---- */

static void send_pushes(struct crew *crew)
{
    slc_frames_seal(crew->push_jobs, crew->push_count, &crew->random);
    for (size_t i = 0; i < crew->push_count; i++) {
        const struct push *push = &crew->pushes[i];
        uint8_t *frame = push->slot + SLC_SLOT_HEAD - SLC_FRAME_HEAD_BYTES;
        size_t len = push->len + SLC_FRAME_OVERHEAD;
        if (push->garbage) slc_random_bytes(&crew->random, frame, len);
        size_t head = slc_ws_frame(frame, len, SLC_WS_OP_BINARY, NULL);
        if (slc_worker_send(crew->worker, push->connection->link, push->slot, frame - head, head + len, 0) != SLC_OK) {
            slc_worker_slot_drop(crew->worker, push->slot);
            COUNT(&crew->net->nodes[push->connection->node], queue_dropped, 1);
        }
    }
    crew->push_count = 0;
}

static bool push_once(struct crew *crew, struct connection *c, struct slc_registered *client, struct slc_bytes payload)
{
    if (crew->push_count == PUSH_BATCH) send_pushes(crew);
    uint8_t *slot = slc_worker_slot(crew->worker, payload.len + SLC_SEAL_TAG_BYTES);
    if (slot == NULL) return false;
    memcpy(slot + SLC_SLOT_HEAD, payload.data, payload.len);
    crew->push_jobs[crew->push_count] = (struct slc_frame_job){.key = client->key,
                                                               .frame = slot + SLC_SLOT_HEAD - SLC_FRAME_HEAD_BYTES,
                                                               .len = payload.len,
                                                               .kind = SLC_FRAME_PUSHED};
    struct node *gateway = &crew->net->nodes[c->node];
    double share = gateway->faults.garbage;
    bool garbage = share > 0 && crew_fault_draw(crew, gateway, 4, payload) < share;
    if (garbage) COUNT(gateway, fault_garbage, 1);
    crew->pushes[crew->push_count++] =
        (struct push){.connection = c, .client = client, .slot = slot, .len = payload.len, .garbage = garbage};
    return true;
}

static bool push_payload(struct crew *crew, struct connection *c, struct slc_registered *client,
                         struct slc_bytes payload)
{
    struct node *gateway = &crew->net->nodes[c->node];
    if (!push_once(crew, c, client, payload)) return false;
    if (gateway->faults.twice && push_once(crew, c, client, payload)) COUNT(gateway, fault_duplicated, 1);
    return true;
}

void gateway_deliver(struct crew *crew, struct node *gateway, const uint8_t destination[SLC_DESTINATION_BYTES],
                     struct slc_bytes payload)
{
    struct slc_registered *client = slc_registry_find(gateway->registry, destination);
    struct connection *c = client == NULL ? NULL : by_token(crew, client->connection);
    if (c != NULL && !c->mail && push_payload(crew, c, client, payload)) {
        COUNT(gateway, payloads_pushed, 1);
        return;
    }
    if (slc_inbox_put(gateway->inbox, destination, payload) != SLC_OK) {
        COUNT(gateway, inbox_dropped, 1);
        return;
    }
    COUNT(gateway, payloads_stored, 1);
    note_inbox(gateway);
    if (c != NULL) mail_to(crew, c);
}

/* Oldest first; what finds no room stays for the next turn. */
static void deliver_mail(struct crew *crew)
{
    bool left = false;
    for (size_t i = 0; i < crew->connection_count; i++) {
        struct connection *c = &crew->connections[i];
        if (c->link == 0 || !c->mail) continue;
        struct node *gateway = &crew->net->nodes[c->node];
        struct slc_registered *client = slc_server_session_client(c->session);
        struct slc_bytes payload;
        c->mail = false;
        while (client != NULL && slc_inbox_first(gateway->inbox, client->identity, &payload)) {
            if (!push_payload(crew, c, client, payload)) {
                c->mail = true;
                break;
            }
            COUNT(gateway, payloads_pushed, 1);
            slc_inbox_drop_first(gateway->inbox, client->identity);
        }
        note_inbox(gateway);
        left |= c->mail;
    }
    crew->mail = left;
}

void gateway_flush(struct crew *crew)
{
    if (crew->push_count > 0) send_pushes(crew);
    if (!crew->mail) return;
    deliver_mail(crew);
    if (crew->push_count > 0) send_pushes(crew);
}

/* ---- orders ---- */

void gateway_cut(struct crew *crew, struct node *gateway)
{
    gateway_flush(crew);
    for (size_t i = 0; i < crew->connection_count; i++) {
        struct connection *c = &crew->connections[i];
        if (c->link == 0 || c->node != gateway->index) continue;
        COUNT(gateway, fault_cut, 1);
        slc_worker_close(crew->worker, c->link, true);
        close_connection(crew, c);
    }
}

void gateway_forget(struct crew *crew, struct node *gateway)
{
    gateway_cut(crew, gateway);
    struct slc_registry *fresh;
    if (slc_registry_new(&fresh, crew->net->config.max_clients) != SLC_OK) return;
    slc_registry_free(gateway->registry);
    gateway->registry = fresh;
}

void gateway_free(struct crew *crew)
{
    for (size_t i = 0; i < crew->connection_count; i++) {
        struct connection *c = &crew->connections[i];
        if (c->link != 0) slc_server_session_closed(c->session);
        free(c->session);
    }
}
