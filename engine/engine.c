/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include "crypto/base/secret.h"
#include "engine/runtime/ring.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The engine: one crew of virtual clients per worker, and the buffers and notes that travel between crews and the
 * control thread. A client's number is its index on its worker times the workers, plus the worker.
 */

enum command_kind { COMMAND_SEND, COMMAND_TOPOLOGY };

struct command {
    enum command_kind kind;
    struct parcel *parcel;         /* SEND     */
    struct slc_topology *topology; /* TOPOLOGY: held for the receiver */
    struct slc_rotation_info info;
    bool has_info;
};
_Static_assert(sizeof(struct command) <= SLC_NOTE_BYTES, "a command is a note");
_Static_assert(sizeof(struct slc_engine_event) <= SLC_NOTE_BYTES, "an event is a note");

/* A message on its way to a worker: what it is, head room, data. Starts a message slot, or an allocation. */
struct parcel {
    struct slc_outgoing outgoing;
    uint8_t bytes[];
};

/* A slab of equal buffers that travel between two threads: taken on one side, given back through a ring. */
struct buffers {
    uint8_t *memory;
    size_t bytes, count;  /* of one buffer, rounded; how many */
    struct slc_ring home; /* from the side that uses them to the side that takes them */
    void *untouched;      /* taken and not used; the taking side's; linked through their first bytes */
};

struct crew {
    struct slc_engine *engine;
    struct slc_worker *worker;
    struct slc_clients *clients;
    struct slc_random random;
    slc_link *links;       /* per client; 0: not connected             */
    uint32_t *generations; /* of its connections, to know a stale one  */
    size_t client_count;
    struct slc_client_frame *frames;
    struct buffers outgoing;  /* taken by control, given back by the crew */
    struct buffers delivered; /* taken by the crew, given back by control */
    struct slc_note *backlog; /* events that found the ring full          */
    size_t backlog_len, backlog_cap;
    _Atomic size_t ready;
};

enum { FRAMES = 256 };

struct slc_engine {
    struct slc_engine_config config;
    struct slc_runtime *runtime;
    struct slc_topology *topology;
    struct slc_tls *tls;
    struct crew *crews;
    unsigned workers;
    size_t client_count;
    unsigned next_poll;
    bool started;
};

/* ---- buffers ---- */

static enum slc_status buffers_init(struct buffers *b, size_t bytes, size_t count)
{
    b->bytes = (bytes + 63) & ~(size_t)63;
    b->count = count;
    b->memory = aligned_alloc(64, b->bytes * count);
    if (b->memory == NULL) return SLC_NO_MEMORY;
    enum slc_status status = slc_ring_init(&b->home, sizeof(uint8_t *), count);
    for (size_t i = 0; i < count && status == SLC_OK; i++) {
        uint8_t *buffer = b->memory + i * b->bytes;
        (void)slc_ring_push_spsc(&b->home, &buffer, 1);
    }
    return status;
}

static void buffers_free(struct buffers *b)
{
    slc_ring_free(&b->home);
    free(b->memory);
}

/* NULL only when there is no memory at all: what does not fit, or finds no buffer, is allocated. */
static void *buffers_take(struct buffers *b, size_t bytes)
{
    uint8_t *buffer;
    if (bytes > b->bytes) return malloc(bytes);
    if (b->untouched != NULL) {
        void *taken = b->untouched;
        memcpy(&b->untouched, taken, sizeof b->untouched);
        return taken;
    }
    return slc_ring_pop_spsc(&b->home, &buffer, 1) == 1 ? buffer : malloc(bytes);
}

static bool is_slab(const struct buffers *b, const void *buffer)
{
    const uint8_t *at = buffer;
    return at >= b->memory && at < b->memory + b->bytes * b->count;
}

/* The taking side changes its mind; the ring home has another producer. */
static void buffers_untake(struct buffers *b, void *buffer)
{
    if (!is_slab(b, buffer)) {
        free(buffer);
        return;
    }
    memcpy(buffer, &b->untouched, sizeof b->untouched);
    b->untouched = buffer;
}

static void buffers_give(struct buffers *b, void *buffer)
{
    if (is_slab(b, buffer)) {
        (void)slc_ring_push_spsc(&b->home, &buffer, 1);
    } else {
        free(buffer);
    }
}

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
    buffers_give(&((struct crew *)self)->outgoing, memory);
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
        out.data = buffers_take(&crew->delivered, data.len > 0 ? data.len : 1);
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
    buffers_give(&crew->outgoing, parcel);
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

/* ---- making ---- */

void slc_engine_config_default(struct slc_engine_config *config)
{
    memset(config, 0, sizeof *config);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    config->runtime.workers = cpus > 2 ? (unsigned)(cpus < 64 ? cpus : 64) - 1 : 1;
    config->runtime.networks = 1;
    config->runtime.max_connections = 16384;
    config->runtime.small_slots = 8192;
    config->runtime.large_slots = 64;
    config->runtime.timers = 65536;
    config->runtime.name = "slc";
    config->max_clients = 16384;
    config->message_bytes = 4096;
    config->message_slots = 4096;
    slc_traffic_default(&config->traffic);
}

static enum slc_status make_crew(struct slc_engine *e, struct crew *crew, const struct slc_rotation_info *info)
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
    if (status == SLC_OK) status = buffers_init(&crew->outgoing, parcel_bytes, c->message_slots);
    if (status == SLC_OK) status = buffers_init(&crew->delivered, c->message_bytes, c->message_slots);
    if (status == SLC_OK) slc_clients_set_topology(crew->clients, e->topology, info);
    return status;
}

static enum slc_status make_all(struct slc_engine *e, const struct slc_rotation_info *info, struct slc_error *error)
{
    e->crews = calloc(e->workers, sizeof *e->crews);
    struct slc_role *roles = calloc(e->workers, sizeof *roles);
    enum slc_status status = e->crews == NULL || roles == NULL ? SLC_NO_MEMORY : SLC_OK;
    for (unsigned i = 0; i < e->workers && status == SLC_OK; i++) {
        status = make_crew(e, &e->crews[i], info);
        roles[i] = (struct slc_role){.self = &e->crews[i],
                                     .start = crew_start,
                                     .received = crew_received,
                                     .due = crew_due,
                                     .command = crew_command,
                                     .run = crew_run};
    }
    if (status != SLC_OK) (void)slc_fail(error, status, "making the engine: %s", slc_status_text(status));
    if (status == SLC_OK && e->config.tls) status = slc_tls_client(&e->tls, e->config.ca_file, error);
    if (status == SLC_OK) status = slc_runtime_new(&e->runtime, &e->config.runtime, roles, error);
    free(roles);
    return status;
}

enum slc_status slc_engine_new(struct slc_engine **engine, const struct slc_engine_config *config,
                               struct slc_topology *topology, const struct slc_rotation_info *info,
                               struct slc_error *error)
{
    *engine = NULL;
    struct slc_engine *e = calloc(1, sizeof *e);
    if (e == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    e->config = *config;
    e->workers = config->runtime.workers;
    e->topology = slc_topology_hold(topology);
    enum slc_status status = make_all(e, info, error);
    if (status != SLC_OK) {
        slc_engine_free(e);
        return status;
    }
    *engine = e;
    return SLC_OK;
}

enum slc_status slc_engine_start(struct slc_engine *e, struct slc_error *error)
{
    enum slc_status status = slc_runtime_start(e->runtime, error);
    e->started = status == SLC_OK;
    return status;
}

void slc_engine_stop(struct slc_engine *e)
{
    if (e->runtime != NULL) slc_runtime_stop(e->runtime);
}

static void free_undelivered(struct slc_engine *e)
{
    if (e->runtime == NULL) return;
    struct slc_engine_event events[64];
    for (size_t n; (n = slc_engine_poll(e, events, 64)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            slc_engine_release(e, &events[i]);
        }
    }
}

static void free_crew(struct crew *crew)
{
    slc_clients_free(crew->clients);
    for (size_t i = 0; i < crew->backlog_len; i++) {
        struct slc_engine_event event;
        memcpy(&event, crew->backlog[i].bytes, sizeof event);
        if (event.data != NULL) buffers_give(&crew->delivered, event.data);
    }
    free(crew->backlog);
    free(crew->links);
    free(crew->generations);
    free(crew->frames);
    buffers_free(&crew->outgoing);
    buffers_free(&crew->delivered);
    slc_random_wipe(&crew->random);
}

void slc_engine_free(struct slc_engine *e)
{
    if (e == NULL) return;
    slc_engine_stop(e);
    free_undelivered(e);
    for (unsigned i = 0; e->crews != NULL && i < e->workers; i++) {
        free_crew(&e->crews[i]);
    }
    free(e->crews);
    slc_runtime_free(e->runtime);
    slc_tls_free(e->tls);
    slc_topology_release(e->topology);
    free(e);
}

/* ---- clients and messages ---- */

static struct crew *crew_of(const struct slc_engine *e, uint32_t client)
{
    return &e->crews[client % e->workers];
}

enum slc_status slc_engine_add(struct slc_engine *e, const struct slc_client_setup *setup, uint32_t *client)
{
    if (e->started) return SLC_BAD_ARGUMENT;
    if (e->client_count == e->config.max_clients) return SLC_FULL;
    unsigned worker = (unsigned)(e->client_count % e->workers);
    struct crew *crew = &e->crews[worker];
    uint32_t index;
    enum slc_status status = slc_clients_add(crew->clients, setup, slc_now(), &index);
    if (status != SLC_OK) return status;
    crew->client_count++;
    e->client_count++;
    *client = index * e->workers + worker;
    return SLC_OK;
}

void slc_engine_recipient(const struct slc_engine *e, uint32_t client, struct slc_recipient *recipient)
{
    slc_clients_recipient(crew_of(e, client)->clients, client / e->workers, recipient);
}

void slc_engine_set_topology(struct slc_engine *e, struct slc_topology *topology, const struct slc_rotation_info *info)
{
    for (unsigned i = 0; i < e->workers; i++) {
        struct command command = {.kind = COMMAND_TOPOLOGY, .topology = topology, .has_info = info != NULL};
        if (info != NULL) command.info = *info;
        struct slc_note note;
        memcpy(note.bytes, &command, sizeof command);
        slc_topology_hold(topology);
        /* A worker that lags this far behind gets the next refresh. */
        if (slc_runtime_command(e->runtime, i, &note) != SLC_OK) slc_topology_release(topology);
    }
}

static struct parcel *parcel_of(const struct slc_send *send)
{
    return (struct parcel *)(void *)(send->data - slc_outgoing_head(send->reply, send->anonymous, send->surbs) -
                                     offsetof(struct parcel, bytes));
}

enum slc_status slc_engine_prepare(struct slc_engine *e, struct slc_send *send)
{
    if (send->client >= e->client_count) return SLC_BAD_ARGUMENT;
    size_t head = slc_outgoing_head(send->reply, send->anonymous, send->surbs);
    size_t bytes = sizeof(struct parcel) + head + send->len;
    struct buffers *buffers = &crew_of(e, send->client)->outgoing;
    struct parcel *parcel = buffers_take(buffers, bytes);
    if (parcel == NULL) return SLC_NO_MEMORY;
    send->data = parcel->bytes + head;
    return SLC_OK;
}

enum slc_status slc_engine_submit(struct slc_engine *e, const struct slc_send *send)
{
    struct parcel *parcel = parcel_of(send);
    parcel->outgoing = (struct slc_outgoing){
        .index = send->client / e->workers,
        .token = send->token,
        .reply = send->reply,
        .recipient = send->recipient,
        .surbs = send->surbs,
        .anonymous = send->anonymous,
        .memory = (uint8_t *)parcel,
        .offset = (size_t)(send->data - (uint8_t *)parcel),
        .len = send->len,
        .intended = send->intended,
    };
    memcpy(parcel->outgoing.tag, send->tag, sizeof parcel->outgoing.tag);
    const struct command command = {.kind = COMMAND_SEND, .parcel = parcel};
    struct slc_note note;
    memcpy(note.bytes, &command, sizeof command);
    return slc_runtime_command(e->runtime, send->client % e->workers, &note);
}

void slc_engine_abandon(struct slc_engine *e, const struct slc_send *send)
{
    buffers_untake(&crew_of(e, send->client)->outgoing, parcel_of(send));
}

size_t slc_engine_poll(struct slc_engine *e, struct slc_engine_event *events, size_t cap)
{
    size_t n = 0;
    for (unsigned tried = 0; tried < e->workers && n < cap; tried++) {
        struct slc_note notes[64];
        unsigned worker = e->next_poll++ % e->workers;
        size_t want = cap - n < 64 ? cap - n : 64;
        size_t got = slc_runtime_events(e->runtime, worker, notes, want);
        for (size_t i = 0; i < got; i++) {
            memcpy(&events[n++], notes[i].bytes, sizeof *events);
        }
    }
    return n;
}

void slc_engine_release(struct slc_engine *e, const struct slc_engine_event *event)
{
    if (event->data == NULL) return;
    if (event->kind == SLC_CLIENT_READY) slc_wipe(event->data, event->len);
    buffers_give(&crew_of(e, event->client)->delivered, event->data);
}

void slc_engine_wait(struct slc_engine *e, slc_time timeout)
{
    slc_runtime_wait(e->runtime, timeout);
}

void slc_engine_wake(struct slc_engine *e)
{
    slc_runtime_wake(e->runtime);
}

/* ---- numbers ---- */

static void add_counters(struct slc_client_counters *sum, const struct slc_client_counters *from)
{
    uint64_t worst = sum->slot_lateness_worst_ns;
#define X(name, text) sum->name += __atomic_load_n(&from->name, __ATOMIC_RELAXED);
    SLC_CLIENT_COUNTERS(X)
#undef X
    uint64_t other = __atomic_load_n(&from->slot_lateness_worst_ns, __ATOMIC_RELAXED);
    sum->slot_lateness_worst_ns = other > worst ? other : worst;
}

void slc_engine_counters(const struct slc_engine *e, struct slc_client_counters *counters)
{
    memset(counters, 0, sizeof *counters);
    for (unsigned i = 0; i < e->workers; i++) {
        add_counters(counters, slc_clients_counters(e->crews[i].clients));
    }
}

void slc_engine_gateway_counters(const struct slc_engine *e, const uint8_t gateway[SLC_IDENTITY_BYTES],
                                 struct slc_client_counters *counters)
{
    memset(counters, 0, sizeof *counters);
    for (unsigned i = 0; i < e->workers; i++) {
        const struct slc_client_counters *from = slc_clients_gateway_counters(e->crews[i].clients, gateway);
        if (from != NULL) add_counters(counters, from);
    }
}

size_t slc_engine_ready(const struct slc_engine *e)
{
    size_t ready = 0;
    for (unsigned i = 0; i < e->workers; i++) {
        ready += atomic_load_explicit(&e->crews[i].ready, memory_order_relaxed);
    }
    return ready;
}

size_t slc_engine_threads(const struct slc_engine *e, struct slc_thread_report *rows, size_t cap)
{
    return slc_runtime_report(e->runtime, rows, cap);
}

const char *slc_engine_backend(const struct slc_engine *e)
{
    return slc_runtime_backend(e->runtime);
}

size_t slc_engine_client_memory(const struct slc_engine *e)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < e->workers; i++) {
        bytes += slc_clients_memory(e->crews[i].clients);
    }
    return bytes;
}
