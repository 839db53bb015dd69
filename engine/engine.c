/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_internal.h"

#include "crypto/base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOWHERE UINT32_MAX

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

static enum slc_status make_all(struct slc_engine *e, const struct slc_rotation_info *info, struct slc_error *error)
{
    e->crews = calloc(e->workers, sizeof *e->crews);
    e->seats = calloc(e->config.max_clients, sizeof *e->seats);
    e->free_first = e->free_last = NOWHERE;
    struct slc_role *roles = calloc(e->workers, sizeof *roles);
    enum slc_status status = e->crews == NULL || e->seats == NULL || roles == NULL ? SLC_NO_MEMORY : SLC_OK;
    for (unsigned i = 0; i < e->workers && status == SLC_OK; i++) {
        status = slc_crew_init(&e->crews[i], e, info);
        roles[i] = slc_crew_role(&e->crews[i]);
    }
    if (status != SLC_OK) (void)slc_fail(error, status, "making the engine: %s", slc_status_text(status));
    if (status == SLC_OK && e->config.tls) status = slc_tls_client(&e->tls, e->config.ca_file, error);
    if (status == SLC_OK) status = slc_runtime_new(&e->runtime, &e->config.runtime, roles, error);
    if (status == SLC_OK && slc_keeping_new(e) != SLC_OK) status = slc_fail(error, SLC_NO_MEMORY, "no memory");
    free(roles);
    return status;
}

/* Two batches of them. */
static void make_room_for_large_packets(struct slc_engine_config *config)
{
    enum { LARGE_SLOTS = 1024 };
    const struct slc_traffic *t = &config->traffic;
    bool large = t->size != SLC_SIZE_REGULAR || (t->secondary_size != 0 && t->secondary_size != SLC_SIZE_REGULAR);
    if (large && config->runtime.large_slots < LARGE_SLOTS) config->runtime.large_slots = LARGE_SLOTS;
}

enum slc_status slc_engine_new(struct slc_engine **engine, const struct slc_engine_config *config,
                               struct slc_topology *topology, const struct slc_rotation_info *info,
                               struct slc_error *error)
{
    *engine = NULL;
    if (config->max_clients == 0 || config->max_clients >= 1U << PLACE_BITS) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "%zu clients: 1 to %u can be had", config->max_clients,
                        (1U << PLACE_BITS) - 1);
    }
    struct slc_engine *e = calloc(1, sizeof *e);
    if (e == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    e->config = *config;
    make_room_for_large_packets(&e->config);
    e->workers = config->runtime.workers;
    if (topology == NULL && config->nym_api_count == 0) {
        free(e);
        return slc_fail(error, SLC_BAD_ARGUMENT, "neither a topology nor a directory to fetch it from");
    }
    if (topology != NULL) e->topology = slc_topology_hold(topology);
    enum slc_status status = make_all(e, info, error);
    if (status != SLC_OK) {
        slc_engine_free(e);
        return status;
    }
    *engine = e;
    return SLC_OK;
}

static void wake(void *self)
{
    slc_engine_wake(self);
}

static enum slc_status start_refresh(struct slc_engine *e, struct slc_error *error)
{
    const struct slc_refresh_config config = {.urls = e->config.nym_apis,
                                              .url_count = e->config.nym_api_count,
                                              .traffic = &e->config.traffic,
                                              .have = e->topology != NULL,
                                              .wake = wake,
                                              .self = e};
    return e->config.nym_api_count == 0 ? SLC_OK : slc_refresh_start(&e->refresh, &config, error);
}

enum slc_status slc_engine_start(struct slc_engine *e, struct slc_error *error)
{
    enum slc_status status = slc_keeping_start(e, error);
    if (status == SLC_OK) status = start_refresh(e, error);
    if (status == SLC_OK) status = slc_runtime_start(e->runtime, error);
    e->started = status == SLC_OK;
    if (status != SLC_OK) slc_engine_stop(e);
    return status;
}

/* A worker whose ring of commands is full is told by the next poll. */
static void tell_crews_to_close(struct slc_engine *e)
{
    while (e->closing && e->told < e->workers) {
        const struct command order = {.kind = COMMAND_CLOSE, .deadline = e->close_by};
        struct slc_note note;
        memcpy(note.bytes, &order, sizeof order);
        if (slc_runtime_command(e->runtime, e->told, &note) != SLC_OK) return;
        e->told++;
    }
}

void slc_engine_stop(struct slc_engine *e)
{
    slc_refresh_stop(e->refresh);
    e->refresh = NULL;
    if (e->runtime != NULL) slc_runtime_stop(e->runtime);
    slc_keeping_stop(e);
    e->started = false;
    e->closing = true;
    e->told = e->workers;
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

void slc_engine_free(struct slc_engine *e)
{
    if (e == NULL) return;
    slc_engine_stop(e);
    free_undelivered(e);
    for (unsigned i = 0; e->crews != NULL && i < e->workers; i++) {
        slc_crew_free(&e->crews[i]);
    }
    free(e->crews);
    for (size_t i = 0; i < e->seat_count; i++) {
        free(e->seats[i].text);
    }
    free(e->seats);
    slc_keeping_free(e);
    slc_runtime_free(e->runtime);
    slc_tls_free(e->tls);
    slc_topology_release(e->topology);
    free(e);
}

void slc_engine_close(struct slc_engine *e, slc_time timeout)
{
    if (!e->started || e->closing) return;
    slc_time now = slc_now();
    e->closing = true;
    e->close_by = timeout < SLC_NEVER - now ? now + timeout : SLC_NEVER;
    tell_crews_to_close(e);
}

/* ---- clients ---- */

static struct crew *crew_of(const struct slc_engine *e, uint32_t client)
{
    return &e->crews[slc_place_of(client) % e->workers];
}

/* NULL: no such client, or no more. */
static struct seat *seat_of(const struct slc_engine *e, uint32_t client)
{
    uint32_t place = slc_place_of(client);
    struct seat *seat = &e->seats[place];
    return place < e->seat_count && seat->taken && seat->generation == client >> PLACE_BITS ? seat : NULL;
}

/* Who was removed longest ago makes room first. */
static struct seat *take_seat(struct slc_engine *e)
{
    if (e->seat_count < e->config.max_clients) return &e->seats[e->seat_count++];
    if (e->free_first == NOWHERE) return NULL;
    struct seat *seat = &e->seats[e->free_first];
    e->free_first = seat->next_free;
    if (e->free_first == NOWHERE) e->free_last = NOWHERE;
    return seat;
}

static void give_seat(struct slc_engine *e, struct seat *seat)
{
    uint32_t place = (uint32_t)(seat - e->seats);
    free(seat->text);
    *seat = (struct seat){.generation = (seat->generation + 1) % GENERATIONS, .next_free = NOWHERE};
    if (e->free_last == NOWHERE) {
        e->free_first = place;
    } else {
        e->seats[e->free_last].next_free = place;
    }
    e->free_last = place;
}

static enum slc_status command(struct slc_engine *e, uint32_t client, const struct command *what)
{
    struct slc_note note;
    memcpy(note.bytes, what, sizeof *what);
    return slc_runtime_command(e->runtime, slc_place_of(client) % e->workers, &note);
}

static enum slc_status send_newcomer(struct slc_engine *e, const struct slc_client_setup *setup, uint64_t identity,
                                     const struct memories *memories, uint32_t client)
{
    struct newcomer *newcomer = slc_guarded_new(sizeof *newcomer);
    if (newcomer == NULL) return SLC_NO_MEMORY;
    newcomer->setup = *setup;
    newcomer->setup.identity = identity;
    newcomer->memories = *memories;
    if (setup->shared_key != NULL) memcpy(newcomer->shared_key, setup->shared_key, sizeof newcomer->shared_key);
    enum slc_status status =
        command(e, client, &(struct command){.kind = COMMAND_ADD, .client = client, .newcomer = newcomer});
    if (status != SLC_OK) slc_guarded_free(newcomer);
    return status;
}

/* Puts a client with what it remembers on its worker. */
static enum slc_status settle_in(struct slc_engine *e, const struct slc_client_setup *setup, uint64_t identity,
                                 struct memories *memories, uint32_t number)
{
    uint32_t index = slc_place_of(number) / e->workers;
    struct crew *crew = crew_of(e, number);
    enum slc_status status;
    if (e->started) {
        status = send_newcomer(e, setup, identity, memories, number);
    } else {
        crew->numbers[index] = number;
        crew->identities[index] = identity;
        status = slc_clients_add_at(crew->clients, setup, slc_now(), index);
        if (status == SLC_OK) slc_memories_restore(memories, crew->clients, index, slc_now());
    }
    if (status == SLC_OK) return SLC_OK;
    slc_memories_free(memories);
    slc_keeping_dismiss(e, identity, slc_place_of(number) % e->workers);
    return status;
}

enum slc_status slc_engine_add(struct slc_engine *e, const struct slc_client_setup *setup, uint32_t *client)
{
    if (e->closing) return SLC_CLOSED;
    bool known = e->topology != NULL && slc_topology_find(e->topology, setup->gateway) != NULL;
    if (!known && setup->gateway_wait == 0) return SLC_NO_ROUTE;
    struct seat *seat = take_seat(e);
    if (seat == NULL) return SLC_FULL;
    uint32_t number = seat->generation << PLACE_BITS | (uint32_t)(seat - e->seats);
    struct memories memories;
    seat->identity = setup->identity;
    enum slc_status status = slc_keeping_admit(e, &seat->identity, &setup->keys, &memories);
    if (status == SLC_OK) status = settle_in(e, setup, seat->identity, &memories, number);
    if (status != SLC_OK) {
        give_seat(e, seat);
        return status;
    }
    seat->taken = true;
    memcpy(seat->recipient.identity, setup->keys.identity.public_key, SLC_IDENTITY_BYTES);
    memcpy(seat->recipient.encryption_key, setup->keys.encryption_key, SLC_KEY_BYTES);
    memcpy(seat->recipient.gateway, setup->gateway, SLC_IDENTITY_BYTES);
    *client = number;
    return SLC_OK;
}

enum slc_status slc_engine_remove(struct slc_engine *e, uint32_t client)
{
    struct seat *seat = seat_of(e, client);
    if (seat == NULL || seat->state == SLC_ENGINE_LEAVING) return SLC_NOT_FOUND;
    if (!e->started) return SLC_AGAIN;
    enum slc_status status = command(e, client, &(struct command){.kind = COMMAND_REMOVE, .client = client});
    if (status == SLC_OK) seat->state = SLC_ENGINE_LEAVING;
    return status;
}

enum slc_status slc_engine_recipient(const struct slc_engine *e, uint32_t client, struct slc_recipient *recipient)
{
    const struct seat *seat = seat_of(e, client);
    if (seat == NULL) return SLC_NOT_FOUND;
    *recipient = seat->recipient;
    return SLC_OK;
}

enum slc_status slc_engine_look(const struct slc_engine *e, uint32_t client, struct slc_engine_client *what)
{
    const struct seat *seat = seat_of(e, client);
    if (seat == NULL) return SLC_NOT_FOUND;
    const uint32_t *queue = &crew_of(e, client)->queues[slc_place_of(client) / e->workers];
    *what = (struct slc_engine_client){.state = e->closing ? SLC_ENGINE_LEAVING : (enum slc_engine_state)seat->state,
                                       .status = seat->status,
                                       .text = seat->text == NULL ? "" : seat->text,
                                       .fragments = __atomic_load_n(queue, __ATOMIC_RELAXED),
                                       .messages = seat->messages,
                                       .bytes = seat->bytes};
    memcpy(what->gateway, seat->recipient.gateway, sizeof what->gateway);
    return SLC_OK;
}

void slc_engine_unsettled(const struct slc_engine *e, size_t *messages, size_t *bytes)
{
    *messages = e->unsettled;
    *bytes = e->unsettled_bytes;
}

void slc_engine_set_topology(struct slc_engine *e, struct slc_topology *topology, const struct slc_rotation_info *info)
{
    slc_topology_release(e->topology);
    e->topology = topology == NULL ? NULL : slc_topology_hold(topology);
    for (unsigned i = 0; i < e->workers; i++) {
        if (!e->started) {
            slc_clients_set_topology(e->crews[i].clients, topology, info);
            continue;
        }
        struct command order = {.kind = COMMAND_TOPOLOGY, .topology = topology, .has_info = info != NULL};
        if (info != NULL) order.info = *info;
        if (topology != NULL) (void)slc_topology_hold(topology);
        /* A worker that lags this far behind gets the next refresh. */
        if (command(e, i, &order) != SLC_OK) slc_topology_release(topology);
    }
}

/* ---- messages ---- */

static struct parcel *parcel_of(const struct slc_send *send)
{
    return (struct parcel *)(void *)(send->data - slc_outgoing_head(send->reply, send->anonymous, send->surbs) -
                                     offsetof(struct parcel, bytes));
}

enum slc_status slc_engine_prepare(struct slc_engine *e, struct slc_send *send)
{
    const struct seat *seat = seat_of(e, send->client);
    if (seat == NULL) return SLC_NOT_FOUND;
    if (e->closing || seat->state == SLC_ENGINE_LEAVING) return SLC_CLOSED;
    size_t head = slc_outgoing_head(send->reply, send->anonymous, send->surbs);
    size_t bytes = sizeof(struct parcel) + head + send->len;
    struct slc_buffers *buffers = &crew_of(e, send->client)->outgoing;
    struct parcel *parcel = slc_buffers_take(buffers, bytes);
    if (parcel == NULL) return SLC_NO_MEMORY;
    send->data = parcel->bytes + head;
    return SLC_OK;
}

enum slc_status slc_engine_submit(struct slc_engine *e, const struct slc_send *send)
{
    struct seat *seat = seat_of(e, send->client);
    if (seat == NULL || e->closing || seat->state == SLC_ENGINE_LEAVING) return SLC_CLOSED;
    if (!e->started) return SLC_AGAIN; /* nobody would give the parcel back */
    struct parcel *parcel = parcel_of(send);
    parcel->outgoing = (struct slc_outgoing){
        .index = slc_place_of(send->client) / e->workers,
        .token = send->token,
        .reply = send->reply,
        .recipient = send->recipient,
        .surbs = send->surbs,
        .anonymous = send->anonymous,
        .memory = (uint8_t *)parcel,
        .offset = (size_t)(send->data - (uint8_t *)parcel),
        .len = send->len,
        .intended = send->intended,
        .lane = send->lane,
        .retransmissions = send->retransmissions,
    };
    memcpy(parcel->outgoing.tag, send->tag, sizeof parcel->outgoing.tag);
    enum slc_status status = command(e, send->client, &(struct command){.kind = COMMAND_SEND, .parcel = parcel});
    if (status != SLC_OK) return status;
    seat->messages++;
    seat->bytes += send->len;
    e->unsettled++;
    e->unsettled_bytes += send->len;
    return SLC_OK;
}

void slc_engine_abandon(struct slc_engine *e, const struct slc_send *send)
{
    slc_buffers_untake(&crew_of(e, send->client)->outgoing, parcel_of(send));
}

static enum slc_status lane_command(struct slc_engine *e, enum command_kind kind, uint32_t client, uint64_t lane)
{
    const struct seat *seat = seat_of(e, client);
    if (seat == NULL || seat->state == SLC_ENGINE_LEAVING) return SLC_NOT_FOUND;
    return e->started ? command(e, client, &(struct command){.kind = kind, .client = client, .lane = lane}) : SLC_AGAIN;
}

enum slc_status slc_engine_lane_close(struct slc_engine *e, uint32_t client, uint64_t lane)
{
    return lane_command(e, COMMAND_LANE_CLOSE, client, lane);
}

enum slc_status slc_engine_lane_ask(struct slc_engine *e, uint32_t client, uint64_t lane)
{
    return lane_command(e, COMMAND_LANE_ASK, client, lane);
}

/* ---- events ---- */

static void note_loss(struct seat *seat, const struct slc_engine_event *event)
{
    bool failed = event->kind == SLC_CLIENT_FAILED, was_ready = seat->state != SLC_ENGINE_CONNECTING;
    free(seat->text);
    seat->text = event->text == NULL ? NULL : strdup(event->text);
    seat->status = event->status;
    if (seat->state == SLC_ENGINE_LEAVING) return;
    seat->state = failed ? SLC_ENGINE_FAILED : was_ready ? SLC_ENGINE_LOST : SLC_ENGINE_CONNECTING;
}

static void note_settled(struct slc_engine *e, struct seat *seat, const struct slc_engine_event *event)
{
    seat->messages--;
    seat->bytes -= event->len;
    e->unsettled--;
    e->unsettled_bytes -= event->len;
}

static void note_event(struct slc_engine *e, const struct slc_engine_event *event)
{
    struct seat *seat = seat_of(e, event->client);
    if (seat == NULL) return;
    switch (event->kind) {
    case SLC_CLIENT_READY:
        if (seat->state != SLC_ENGINE_LEAVING) seat->state = SLC_ENGINE_READY;
        return;
    case SLC_CLIENT_LOST:
    case SLC_CLIENT_FAILED:
        note_loss(seat, event);
        return;
    case SLC_CLIENT_ACKED:
    case SLC_CLIENT_EXPIRED:
        note_settled(e, seat, event);
        return;
    case SLC_CLIENT_REMOVED:
        slc_keeping_dismiss(e, seat->identity, slc_place_of(event->client) % e->workers);
        give_seat(e, seat);
        return;
    default:
        return;
    }
}

/* The last event of one worker; of the last worker, the last of all. */
static bool note_end(struct slc_engine *e, struct slc_engine_event *event)
{
    if (++e->ended < e->workers) return false;
    slc_engine_stop(e);
    event->status = e->keeping.error.status;
    if (event->status != SLC_OK) event->text = e->keeping.error.text;
    return true;
}

enum { POLL = 64 };

/* `more`: there may be more. */
static size_t poll_worker(struct slc_engine *e, unsigned worker, struct slc_engine_event *events, size_t cap,
                          bool *more)
{
    struct slc_note notes[POLL];
    size_t want = cap < POLL ? cap : POLL, n = 0;
    size_t got = slc_runtime_events(e->runtime, worker, notes, want);
    *more |= got == want;
    for (size_t i = 0; i < got; i++) {
        memcpy(&events[n], notes[i].bytes, sizeof *events);
        if (events[n].kind == SLC_CLIENT_CLOSED) {
            n += note_end(e, &events[n]);
        } else {
            note_event(e, &events[n++]);
        }
    }
    return n;
}

/* A refresh that ended takes effect here, and is an event. */
static size_t poll_refresh(struct slc_engine *e, struct slc_engine_event *event)
{
    struct slc_refresh_result r;
    if (e->refresh == NULL || !slc_refresh_take(e->refresh, &r)) return 0;
    if (r.topology != NULL || r.cleared) slc_engine_set_topology(e, r.topology, r.has_info ? &r.info : NULL);
    slc_topology_release(r.topology);
    e->refresh_error = r.error;
    *event = (struct slc_engine_event){.kind = SLC_CLIENT_TOPOLOGY,
                                       .client = UINT32_MAX,
                                       .token = r.failures,
                                       .at = slc_now(),
                                       .status = r.status,
                                       .text = r.status == SLC_OK ? NULL : e->refresh_error.text};
    return 1;
}

size_t slc_engine_poll(struct slc_engine *e, struct slc_engine_event *events, size_t cap)
{
    size_t n = cap > 0 ? poll_refresh(e, events) : 0;
    unsigned tried = 0;
    bool more = false;
    tell_crews_to_close(e);
    slc_runtime_heard(e->runtime);
    if (cap > 0 && e->ended < e->workers && slc_keeping_news(e, events)) n++;
    for (; tried < e->workers && n < cap; tried++) {
        n += poll_worker(e, e->next_poll++ % e->workers, events + n, cap - n, &more);
    }
    if (more || tried < e->workers) slc_runtime_wake(e->runtime);
    return n;
}

void slc_engine_release(struct slc_engine *e, const struct slc_engine_event *event)
{
    if (event->data == NULL) return;
    if (event->kind == SLC_CLIENT_READY) slc_wipe(event->data, event->len);
    slc_buffers_give(&crew_of(e, event->client)->delivered, event->data);
}

void slc_engine_wait(struct slc_engine *e, slc_time timeout)
{
    slc_runtime_wait(e->runtime, timeout);
}

void slc_engine_wake(struct slc_engine *e)
{
    slc_runtime_wake(e->runtime);
}

int slc_engine_fd(struct slc_engine *e)
{
    return slc_runtime_fd(e->runtime);
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

uint64_t slc_engine_events_lost(const struct slc_engine *e)
{
    uint64_t lost = 0;
    for (unsigned i = 0; i < e->workers; i++) {
        lost += atomic_load_explicit(&e->crews[i].events_lost, memory_order_relaxed);
    }
    return lost;
}

size_t slc_engine_threads(const struct slc_engine *e, struct slc_thread_report *rows, size_t cap)
{
    size_t n = slc_runtime_report(e->runtime, rows, cap);
    return n < cap && slc_keeping_row(e, &rows[n]) ? n + 1 : n;
}

void slc_engine_lateness(const struct slc_engine *e, struct slc_histogram *lateness)
{
    slc_runtime_lateness(e->runtime, lateness);
}

const char *slc_engine_backend(const struct slc_engine *e)
{
    return slc_runtime_backend(e->runtime);
}

size_t slc_engine_client_memory(const struct slc_engine *e)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < e->workers; i++) {
        bytes += slc_crew_memory(&e->crews[i]);
    }
    return bytes;
}
