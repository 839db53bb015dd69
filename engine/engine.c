/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_internal.h"

#include "crypto/base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    struct slc_role *roles = calloc(e->workers, sizeof *roles);
    enum slc_status status = e->crews == NULL || roles == NULL ? SLC_NO_MEMORY : SLC_OK;
    for (unsigned i = 0; i < e->workers && status == SLC_OK; i++) {
        status = slc_crew_init(&e->crews[i], e, info);
        roles[i] = slc_crew_role(&e->crews[i]);
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

void slc_engine_free(struct slc_engine *e)
{
    if (e == NULL) return;
    slc_engine_stop(e);
    free_undelivered(e);
    for (unsigned i = 0; e->crews != NULL && i < e->workers; i++) {
        slc_crew_free(&e->crews[i]);
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
    struct slc_buffers *buffers = &crew_of(e, send->client)->outgoing;
    struct parcel *parcel = slc_buffers_take(buffers, bytes);
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
        .lane = send->lane,
        .retransmissions = send->retransmissions,
    };
    memcpy(parcel->outgoing.tag, send->tag, sizeof parcel->outgoing.tag);
    const struct command command = {.kind = COMMAND_SEND, .parcel = parcel};
    struct slc_note note;
    memcpy(note.bytes, &command, sizeof command);
    return slc_runtime_command(e->runtime, send->client % e->workers, &note);
}

void slc_engine_abandon(struct slc_engine *e, const struct slc_send *send)
{
    slc_buffers_untake(&crew_of(e, send->client)->outgoing, parcel_of(send));
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
        bytes += slc_clients_memory(e->crews[i].clients);
    }
    return bytes;
}
