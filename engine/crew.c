/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_internal.h"

#include "crypto/base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FRAMES = 256 };

/* Its address tells threads apart. */
static _Thread_local char here;

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

static size_t port_waiting(void *self, uint32_t index)
{
    struct crew *crew = self;
    return slc_worker_waiting(crew->worker, crew->links[index]);
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

static void connect_to(struct crew *crew, uint32_t index, struct slc_address address, const struct slc_node *gateway)
{
    struct slc_tls *tls = crew->engine->tls;
    crew->generations[index]++;
    if (tls != NULL) address.port = gateway->wss_port;
    /* Without memory for the request the session's own time limit ends the wait. */
    enum slc_status status = slc_worker_connect(crew->worker, &address, tls != NULL ? gateway->hostname : "",
                                                SLC_PROTOCOL_WS_CLIENT, tls, NULL, connection_token(crew, index));
    (void)status;
}

static void port_connect(void *self, uint32_t index, const struct slc_node *gateway)
{
    struct crew *crew = self;
    if (crew->links[index] != 0) port_disconnect(self, index);
    crew->fallback[index] = gateway->ws_other.version != 0;
    connect_to(crew, index, gateway->ws, gateway);
}

/* The first address failed: false: there is no other one, or it failed, too (chapter 3, section 2.1). */
static bool connect_to_other(struct crew *crew, uint32_t index)
{
    const struct slc_node *gateway = slc_clients_gateway(crew->clients, index);
    if (!crew->fallback[index] || gateway == NULL || gateway->ws_other.version == 0) return false;
    crew->fallback[index] = false;
    connect_to(crew, index, gateway->ws_other, gateway);
    return true;
}

static void port_arm(void *self, slc_time deadline, uint64_t token)
{
    slc_worker_arm(((struct crew *)self)->worker, deadline, token);
}

static void port_message_done(void *self, uint8_t *memory)
{
    slc_buffers_give(&((struct crew *)self)->outgoing, memory);
}

/* ---- events ---- */

static bool keep_for_later(struct backlog *b, const struct slc_note *note)
{
    if (b->len == b->cap && b->first > 0) {
        b->len -= b->first;
        memmove(b->notes, b->notes + b->first, b->len * sizeof *b->notes);
        b->first = 0;
    }
    if (b->len == b->cap) {
        size_t cap = b->cap == 0 ? 256 : b->cap * 2;
        struct slc_note *grown = realloc(b->notes, cap * sizeof *grown);
        if (grown == NULL) return false;
        b->notes = grown;
        b->cap = cap;
    }
    b->notes[b->len++] = *note;
    return true;
}

static void lose(struct crew *crew)
{
    atomic_fetch_add_explicit(&crew->events_lost, 1, memory_order_relaxed);
}

static void tell(struct crew *crew, const struct slc_engine_event *event)
{
    struct slc_note note;
    memcpy(note.bytes, event, sizeof *event);
    bool behind = crew->worker == NULL || crew->backlog.first < crew->backlog.len;
    if (!behind && slc_worker_event(crew->worker, &note) == SLC_OK) return;
    if (keep_for_later(&crew->backlog, &note)) return;
    lose(crew);
    if (event->data != NULL) slc_buffers_give(&crew->delivered, event->data);
}

/* False: some are still waiting. */
static bool tell_backlog(struct crew *crew)
{
    struct backlog *b = &crew->backlog;
    while (b->first < b->len && slc_worker_event(crew->worker, &b->notes[b->first]) == SLC_OK) {
        b->first++;
    }
    if (b->first < b->len) return false;
    b->first = b->len = 0;
    return true;
}

/* Copies what the event shows. Without memory the event still tells how much was lost. */
static void attach(struct crew *crew, struct slc_engine_event *out, struct slc_bytes data)
{
    out->len = data.len;
    out->data = slc_buffers_take(&crew->delivered, data.len > 0 ? data.len : 1);
    if (out->data == NULL) {
        lose(crew);
        out->status = SLC_NO_MEMORY;
        return;
    }
    if (data.len > 0) memcpy(out->data, data.data, data.len);
}

static void port_event(void *self, const struct slc_client_event *event)
{
    struct crew *crew = self;
    struct slc_engine_event out = {.kind = event->kind,
                                   .client = crew->numbers[event->index],
                                   .token = event->token,
                                   .at = event->at,
                                   .status = event->status,
                                   .has_tag = event->has_tag,
                                   .is_reply = event->is_reply,
                                   .timestamp = event->timestamp,
                                   .len = event->settled};
    memcpy(out.tag, event->tag, sizeof out.tag);
    if (event->kind == SLC_CLIENT_ACKED || event->kind == SLC_CLIENT_EXPIRED) crew->unsettled--;
    if (event->kind == SLC_CLIENT_DELIVERED) attach(crew, &out, event->data);
    if (event->kind == SLC_CLIENT_READY) attach(crew, &out, slc_bytes(event->key, SLC_SEAL_KEY_BYTES));
    if (event->error != NULL) {
        attach(crew, &out, slc_bytes(event->error->text, strlen(event->error->text) + 1));
        out.text = (const char *)out.data;
    }
    tell(crew, &out);
}

/* ---- the role ---- */

static void crew_start(void *self, struct slc_worker *w, slc_time now)
{
    struct crew *crew = self;
    (void)now;
    crew->worker = w;
    atomic_store(&crew->home, (const void *)&here);
}

size_t slc_crew_memory(struct crew *crew)
{
    const void *home = atomic_load(&crew->home);
    if (home == NULL || home == &here) return slc_clients_memory(crew->clients);
    unsigned asked = atomic_fetch_add(&crew->memory_asked, 1) + 1;
    slc_runtime_poke(crew->engine->runtime, (unsigned)(crew - crew->engine->crews));
    const struct timespec nap = {.tv_nsec = 100 * (long)SLC_MICROSECOND};
    for (unsigned naps = 0; naps < 1000 && (int)(atomic_load(&crew->memory_told) - asked) < 0; naps++) {
        (void)nanosleep(&nap, NULL);
    }
    return atomic_load(&crew->memory);
}

static void tell_memory(struct crew *crew)
{
    unsigned asked = atomic_load_explicit(&crew->memory_asked, memory_order_relaxed);
    if (asked == atomic_load_explicit(&crew->memory_told, memory_order_relaxed)) return;
    atomic_store(&crew->memory, slc_clients_memory(crew->clients));
    atomic_store(&crew->memory_told, asked);
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
        crew->fallback[index] = false;
        slc_clients_opened(crew->clients, index, now, slc_unix_seconds());
        break;
    case SLC_RECEIVED_TEXT:
        slc_clients_text(crew->clients, index, slc_bytes(r->data, r->len), now, slc_unix_seconds());
        break;
    case SLC_RECEIVED_CLOSED:
        if (crew->links[index] == 0 && connect_to_other(crew, index)) break;
        crew->links[index] = 0;
        crew->generations[index]++;
        slc_clients_closed(crew->clients, index, (enum slc_status)r->status, r->reason, now);
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
        bool stale = index >= crew->places || r->token != connection_token(crew, index);
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
    const struct slc_outgoing *m = &parcel->outgoing;
    struct slc_engine_event failed = {
        .kind = SLC_CLIENT_EXPIRED, .client = crew->numbers[m->index], .token = m->token, .at = now, .len = m->len};
    failed.status = slc_clients_send(crew->clients, m, now);
    if (failed.status == SLC_OK) {
        crew->unsettled++;
        return;
    }
    tell(crew, &failed);
    slc_buffers_give(&crew->outgoing, parcel);
}

static void add_client(struct crew *crew, uint32_t client, struct newcomer *newcomer, slc_time now)
{
    uint32_t index = slc_place_of(client) / crew->engine->workers;
    struct slc_error error = {0};
    crew->numbers[index] = client;
    if (newcomer->setup.shared_key != NULL) newcomer->setup.shared_key = newcomer->shared_key;
    crew->identities[index] = newcomer->setup.identity;
    enum slc_status status = slc_clients_add_at(crew->clients, &newcomer->setup, now, index);
    if (status == SLC_OK) slc_memories_restore(&newcomer->memories, crew->clients, index, now);
    slc_memories_free(&newcomer->memories);
    slc_guarded_free(newcomer);
    if (status == SLC_OK) return;
    (void)slc_fail(&error, status, "adding the client: %s", slc_status_text(status));
    port_event(crew, &(struct slc_client_event){
                         .kind = SLC_CLIENT_FAILED, .index = index, .at = now, .status = status, .error = &error});
}

static void remove_client(struct crew *crew, uint32_t client, slc_time now)
{
    uint32_t index = slc_place_of(client) / crew->engine->workers;
    if (slc_clients_has(crew->clients, index)) {
        slc_clients_leave(crew->clients, index, now);
    } else {
        /* Adding it failed. */
        port_event(crew, &(struct slc_client_event){.kind = SLC_CLIENT_REMOVED, .index = index, .at = now});
    }
}

static void tell_lane(struct crew *crew, uint32_t client, uint64_t lane, slc_time now)
{
    uint32_t index = slc_place_of(client) / crew->engine->workers;
    bool there = slc_clients_has(crew->clients, index);
    tell(crew, &(struct slc_engine_event){.kind = SLC_CLIENT_LANE,
                                          .client = client,
                                          .token = lane,
                                          .at = now,
                                          .len = there ? slc_clients_lane_queue(crew->clients, index, lane) : 0});
}

static void close_lane(struct crew *crew, uint32_t client, uint64_t lane, slc_time now)
{
    uint32_t index = slc_place_of(client) / crew->engine->workers;
    if (slc_clients_has(crew->clients, index)) slc_clients_close_lane(crew->clients, index, lane, now);
}

static void obey(struct crew *crew, const struct command *command, slc_time now)
{
    switch (command->kind) {
    case COMMAND_SEND:
        send_parcel(crew, command->parcel, now);
        return;
    case COMMAND_TOPOLOGY:
        slc_clients_set_topology(crew->clients, command->topology, command->has_info ? &command->info : NULL);
        slc_topology_release(command->topology);
        return;
    case COMMAND_ADD:
        add_client(crew, command->client, command->newcomer, now);
        return;
    case COMMAND_REMOVE:
        remove_client(crew, command->client, now);
        return;
    case COMMAND_LANE_CLOSE:
        close_lane(crew, command->client, command->lane, now);
        return;
    case COMMAND_LANE_ASK:
        tell_lane(crew, command->client, command->lane, now);
        return;
    case COMMAND_CLOSE:
        crew->closing = true;
        crew->close_by = command->deadline;
        return;
    }
}

static void crew_command(void *self, const struct slc_note *commands, size_t n, slc_time now)
{
    for (size_t i = 0; i < n; i++) {
        struct command command;
        memcpy(&command, commands[i].bytes, sizeof command);
        obey(self, &command, now);
    }
}

/* ---- the orderly end ---- */

/* Returns when it next wants a look. */
static slc_time close_on(struct crew *crew, slc_time now)
{
    if (!crew->closing || crew->ended) return SLC_NEVER;
    if (!crew->leaving) {
        if (crew->unsettled > 0 && now < crew->close_by) return crew->close_by;
        crew->leaving = true;
        slc_clients_leave_all(crew->clients, now);
    }
    if (slc_clients_count(crew->clients) > 0) return SLC_NEVER;
    crew->ended = true;
    tell(crew, &(struct slc_engine_event){.kind = SLC_CLIENT_CLOSED, .client = UINT32_MAX, .at = now});
    return SLC_NEVER;
}

static slc_time crew_run(void *self, slc_time now)
{
    struct crew *crew = self;
    bool told = tell_backlog(crew);
    slc_crew_hear_durable(crew, now);
    bool again = slc_clients_run(crew->clients, now, slc_unix_seconds());
    slc_time next = close_on(crew, now);
    slc_crew_hand_records(crew);
    tell_memory(crew);
    atomic_store_explicit(&crew->ready, slc_clients_ready(crew->clients), memory_order_relaxed);
    if (again) return now + SLC_MILLISECOND / 4;
    return told || next < now + SLC_MILLISECOND ? next : now + SLC_MILLISECOND;
}

/* Stopped without an orderly end. */
static void crew_stop(void *self, slc_time now)
{
    struct crew *crew = self;
    (void)now;
    slc_clients_settle(crew->clients);
    slc_crew_hand_records(crew);
    atomic_store(&crew->home, NULL);
}

struct slc_role slc_crew_role(struct crew *crew)
{
    return (struct slc_role){.self = crew,
                             .start = crew_start,
                             .received = crew_received,
                             .due = crew_due,
                             .command = crew_command,
                             .run = crew_run,
                             .stop = crew_stop};
}

/* ---- making ---- */

enum slc_status slc_crew_init(struct crew *crew, struct slc_engine *e, const struct slc_rotation_info *info)
{
    const struct slc_engine_config *c = &e->config;
    size_t clients = (c->max_clients + e->workers - 1) / e->workers;
    crew->engine = e;
    enum slc_status status = slc_random_from_system(&crew->random);
    if (status != SLC_OK) return status;
    crew->places = clients;
    crew->links = calloc(clients, sizeof *crew->links);
    crew->generations = calloc(clients, sizeof *crew->generations);
    crew->fallback = calloc(clients, sizeof *crew->fallback);
    crew->numbers = calloc(clients, sizeof *crew->numbers);
    crew->queues = calloc(clients, sizeof *crew->queues);
    crew->identities = calloc(clients, sizeof *crew->identities);
    crew->frames = calloc(FRAMES, sizeof *crew->frames);
    bool made = crew->links != NULL && crew->fallback != NULL && crew->generations != NULL && crew->numbers != NULL &&
                crew->queues != NULL;
    if (!made || crew->identities == NULL || crew->frames == NULL) return SLC_NO_MEMORY;
    const struct slc_clients_config config = {.traffic = &c->traffic,
                                              .random = &crew->random,
                                              .max_clients = clients,
                                              .batch = 512,
                                              .queues = crew->queues,
                                              .port = {.self = crew,
                                                       .slot = port_slot,
                                                       .slot_drop = port_slot_drop,
                                                       .send = port_send,
                                                       .waiting = port_waiting,
                                                       .connect = port_connect,
                                                       .disconnect = port_disconnect,
                                                       .arm = port_arm,
                                                       .event = port_event,
                                                       .message_done = port_message_done,
                                                       .keep = c->storage != NULL ? slc_crew_keep : NULL}};
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
    for (size_t i = crew->backlog.first; i < crew->backlog.len; i++) {
        struct slc_engine_event event;
        memcpy(&event, crew->backlog.notes[i].bytes, sizeof event);
        if (event.data != NULL) slc_buffers_give(&crew->delivered, event.data);
    }
    free(crew->backlog.notes);
    free(crew->links);
    free(crew->generations);
    free(crew->fallback);
    free(crew->numbers);
    free(crew->queues);
    free(crew->identities);
    free(crew->frames);
    slc_buffers_free(&crew->outgoing);
    slc_buffers_free(&crew->delivered);
    slc_random_wipe(&crew->random);
}
