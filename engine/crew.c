/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_internal.h"

#include <stdlib.h>
#include <string.h>

enum { FRAMES = 256 };

/* ---- what clients want done ---- */

static uint8_t *port_slot(void *self, size_t bytes)
{
    return slc_worker_slot(((struct crew *)self)->worker, bytes);
}

static void port_slot_drop(void *self, uint8_t *slot)
{
    slc_worker_slot_drop(((struct crew *)self)->worker, slot);
}

static enum slc_status port_send(void *self, uint32_t index, uint8_t *slot, const uint8_t *data, size_t len,
                                 slc_time due)
{
    struct crew *crew = self;
    return slc_worker_send(crew->worker, crew->links[index], slot, data, len, due);
}

static void port_disconnect(void *self, uint32_t index)
{
    struct crew *crew = self;
    slc_worker_close(crew->worker, crew->links[index], true);
    crew->links[index] = 0;
    /* What is still under way of that connection is no longer this client's. */
    crew->generations[index]++;
}

static uint64_t connection_token(const struct crew *crew, uint32_t index)
{
    return (uint64_t)crew->generations[index] << 32 | index;
}

static void port_connect(void *self, uint32_t index, const struct slc_node *gateway)
{
    struct crew *crew = self;
    if (crew->links[index] != 0) port_disconnect(self, index);
    crew->generations[index]++;
    struct slc_address address = gateway->ws;
    bool tls = crew->engine->tls != NULL;
    if (tls) address.port = gateway->wss_port;
    /* Without memory for the request the session's own time limit ends the wait. */
    enum slc_status status =
        slc_worker_connect(crew->worker, &address, tls ? gateway->hostname : "", SLC_PROTOCOL_WS_CLIENT,
                           crew->engine->tls, NULL, connection_token(crew, index));
    (void)status;
}

static void port_arm(void *self, slc_time deadline, uint64_t token)
{
    slc_worker_arm(((struct crew *)self)->worker, deadline, token);
}

static void port_message_done(void *self, uint8_t *memory)
{
    slc_buffers_give(&((struct crew *)self)->outgoing, memory);
}

static void keep_for_later(struct crew *crew, const struct slc_note *note)
{
    if (crew->backlog_len == crew->backlog_cap) {
        size_t cap = crew->backlog_cap == 0 ? 256 : crew->backlog_cap * 2;
        struct slc_note *grown = realloc(crew->backlog, cap * sizeof *grown);
        if (grown == NULL) return;
        crew->backlog = grown;
        crew->backlog_cap = cap;
    }
    crew->backlog[crew->backlog_len++] = *note;
}

static void tell(struct crew *crew, const struct slc_engine_event *event)
{
    struct slc_note note;
    memcpy(note.bytes, event, sizeof *event);
    if (crew->backlog_len > 0 || slc_worker_event(crew->worker, &note) != SLC_OK) keep_for_later(crew, &note);
}

static void port_event(void *self, const struct slc_client_event *event)
{
    struct crew *crew = self;
    struct slc_engine_event out = {.kind = event->kind,
                                   .client = event->index * crew->engine->workers + slc_worker_index(crew->worker),
                                   .token = event->token,
                                   .at = event->at,
                                   .status = event->status,
                                   .has_tag = event->has_tag,
                                   .is_reply = event->is_reply,
                                   .timestamp = event->timestamp};
    memcpy(out.tag, event->tag, sizeof out.tag);
    struct slc_bytes data = event->data;
    if (event->kind == SLC_CLIENT_READY) data = slc_bytes(event->key, SLC_SEAL_KEY_BYTES);
    if (event->error != NULL) data = slc_bytes(event->error->text, strlen(event->error->text) + 1);
    if (event->kind == SLC_CLIENT_DELIVERED || data.len > 0) {
        out.data = slc_buffers_take(&crew->delivered, data.len > 0 ? data.len : 1);
        if (out.data == NULL) return;
        if (data.len > 0) memcpy(out.data, data.data, data.len);
        out.len = data.len;
    }
    if (event->error != NULL) out.text = (const char *)out.data;
    tell(crew, &out);
}

/* ---- the role ---- */

static void crew_start(void *self, struct slc_worker *w, slc_time now)
{
    (void)now;
    ((struct crew *)self)->worker = w;
}

static void pass_frames(struct crew *crew, const struct slc_received *received, size_t first, size_t end, size_t frames,
                        slc_time now)
{
    if (frames > 0) slc_clients_frames(crew->clients, crew->frames, frames, now);
    for (size_t i = first; i < end; i++) {
        slc_worker_release(crew->worker, &received[i]);
    }
}

static void take_one(struct crew *crew, const struct slc_received *r, uint32_t index, slc_time now)
{
    switch ((enum slc_received_kind)r->kind) {
    case SLC_RECEIVED_OPEN:
        crew->links[index] = r->link;
        slc_clients_opened(crew->clients, index, now, slc_unix_seconds());
        break;
    case SLC_RECEIVED_TEXT:
        slc_clients_text(crew->clients, index, slc_bytes(r->data, r->len), now, slc_unix_seconds());
        break;
    case SLC_RECEIVED_CLOSED:
        crew->links[index] = 0;
        crew->generations[index]++;
        slc_clients_closed(crew->clients, index, (enum slc_status)r->status, now);
        break;
    default:
        break;
    }
}

static void crew_received(void *self, const struct slc_received *received, size_t n, slc_time now)
{
    struct crew *crew = self;
    size_t first = 0, frames = 0;
    for (size_t i = 0; i < n; i++) {
        const struct slc_received *r = &received[i];
        uint32_t index = (uint32_t)r->token;
        bool stale = index >= crew->client_count || r->token != connection_token(crew, index);
        if (stale) {
            if (r->kind == SLC_RECEIVED_OPEN) slc_worker_close(crew->worker, r->link, true);
            continue;
        }
        if (r->kind == SLC_RECEIVED_BINARY) {
            crew->frames[frames++] = (struct slc_client_frame){.index = index, .data = r->data, .len = r->len};
        }
        /* Order within a connection is kept: what came before a text is handled before it. */
        if (r->kind != SLC_RECEIVED_BINARY || frames == FRAMES) {
            pass_frames(crew, received, first, i, frames, now);
            first = i;
            frames = 0;
            take_one(crew, r, index, now);
        }
    }
    pass_frames(crew, received, first, n, frames, now);
}

static void crew_due(void *self, const uint64_t *tokens, size_t n, slc_time now)
{
    slc_clients_due(((struct crew *)self)->clients, tokens, n, now, slc_unix_seconds());
}

static void send_parcel(struct crew *crew, struct parcel *parcel, slc_time now)
{
    enum slc_status status = slc_clients_send(crew->clients, &parcel->outgoing, now);
    if (status == SLC_OK) return;
    tell(crew, &(struct slc_engine_event){.kind = SLC_CLIENT_EXPIRED,
                                          .client = parcel->outgoing.index * crew->engine->workers +
                                                    slc_worker_index(crew->worker),
                                          .token = parcel->outgoing.token,
                                          .at = now,
                                          .status = status});
    slc_buffers_give(&crew->outgoing, parcel);
}

static void crew_command(void *self, const struct slc_note *commands, size_t n, slc_time now)
{
    struct crew *crew = self;
    for (size_t i = 0; i < n; i++) {
        struct command command;
        memcpy(&command, commands[i].bytes, sizeof command);
        if (command.kind == COMMAND_SEND) {
            send_parcel(crew, command.parcel, now);
        } else {
            slc_clients_set_topology(crew->clients, command.topology, command.has_info ? &command.info : NULL);
            slc_topology_release(command.topology);
        }
    }
}

static slc_time crew_run(void *self, slc_time now)
{
    struct crew *crew = self;
    size_t told = 0;
    while (told < crew->backlog_len && slc_worker_event(crew->worker, &crew->backlog[told]) == SLC_OK) {
        told++;
    }
    crew->backlog_len -= told;
    if (told > 0) memmove(crew->backlog, crew->backlog + told, crew->backlog_len * sizeof *crew->backlog);
    bool again = slc_clients_run(crew->clients, now, slc_unix_seconds());
    atomic_store_explicit(&crew->ready, slc_clients_ready(crew->clients), memory_order_relaxed);
    if (crew->backlog_len > 0) return now + SLC_MILLISECOND;
    return again ? now + SLC_MILLISECOND / 4 : SLC_NEVER;
}

struct slc_role slc_crew_role(struct crew *crew)
{
    return (struct slc_role){.self = crew,
                             .start = crew_start,
                             .received = crew_received,
                             .due = crew_due,
                             .command = crew_command,
                             .run = crew_run};
}

/* ---- making ---- */

enum slc_status slc_crew_init(struct crew *crew, struct slc_engine *e, const struct slc_rotation_info *info)
{
    const struct slc_engine_config *c = &e->config;
    size_t clients = (c->max_clients + e->workers - 1) / e->workers;
    crew->engine = e;
    enum slc_status status = slc_random_from_system(&crew->random);
    if (status != SLC_OK) return status;
    crew->links = calloc(clients, sizeof *crew->links);
    crew->generations = calloc(clients, sizeof *crew->generations);
    crew->frames = calloc(FRAMES, sizeof *crew->frames);
    if (crew->links == NULL || crew->generations == NULL || crew->frames == NULL) return SLC_NO_MEMORY;
    const struct slc_clients_config config = {.traffic = &c->traffic,
                                              .random = &crew->random,
                                              .max_clients = clients,
                                              .batch = 512,
                                              .port = {.self = crew,
                                                       .slot = port_slot,
                                                       .slot_drop = port_slot_drop,
                                                       .send = port_send,
                                                       .connect = port_connect,
                                                       .disconnect = port_disconnect,
                                                       .arm = port_arm,
                                                       .event = port_event,
                                                       .message_done = port_message_done}};
    status = slc_clients_new(&crew->clients, &config);
    size_t parcel_bytes = sizeof(struct parcel) + c->message_bytes;
    if (status == SLC_OK) status = slc_buffers_init(&crew->outgoing, parcel_bytes, c->message_slots);
    if (status == SLC_OK) status = slc_buffers_init(&crew->delivered, c->message_bytes, c->message_slots);
    if (status == SLC_OK) slc_clients_set_topology(crew->clients, e->topology, info);
    return status;
}

void slc_crew_free(struct crew *crew)
{
    slc_clients_free(crew->clients);
    for (size_t i = 0; i < crew->backlog_len; i++) {
        struct slc_engine_event event;
        memcpy(&event, crew->backlog[i].bytes, sizeof event);
        if (event.data != NULL) slc_buffers_give(&crew->delivered, event.data);
    }
    free(crew->backlog);
    free(crew->links);
    free(crew->generations);
    free(crew->frames);
    slc_buffers_free(&crew->outgoing);
    slc_buffers_free(&crew->delivered);
    slc_random_wipe(&crew->random);
}
