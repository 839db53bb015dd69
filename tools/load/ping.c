/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/ping.h"

#include "tools/common/file.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESS_FILE_MAX = 16 << 20 };
#define TURN (50 * SLC_MILLISECOND)

struct slc_ping {
    const struct slc_load_key *key;
    struct slc_recipient *services;
    size_t count, capacity;

    struct slc_echo *echo; /* NULL: they run elsewhere */
    pthread_t thread;
    bool running;
    _Atomic bool stop;
    pthread_mutex_t lock; /* of what follows */
    struct slc_ping_arrival *arrivals, *taken;
    size_t arrived, arrivals_cap, taken_cap;
    struct slc_mixnet newer;
    bool has_newer;
};

/* ---- addresses of others ---- */

static enum slc_status add_address(struct slc_ping *p, const char *text, const char *where, struct slc_error *error)
{
    struct slc_error why = {0};
    if (p->count == p->capacity) {
        size_t cap = p->capacity == 0 ? 16 : p->capacity * 2;
        struct slc_recipient *grown = realloc(p->services, cap * sizeof *grown);
        if (grown == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
        p->services = grown;
        p->capacity = cap;
    }
    enum slc_status status = slc_recipient_from_text(text, &p->services[p->count], &why);
    if (status != SLC_OK) return slc_fail(error, status, "%s: %s", where, why.text);
    p->count++;
    return SLC_OK;
}

static enum slc_status read_addresses(struct slc_ping *p, const char *path, struct slc_error *error)
{
    char *text, *rest = NULL, where[512];
    enum slc_status status = slc_file_read(path, ADDRESS_FILE_MAX, &text, error);
    if (status != SLC_OK) return status;
    unsigned line = 1;
    for (char *at = text; status == SLC_OK && at != NULL && *at != 0; at = rest, line++) {
        rest = strchr(at, '\n');
        if (rest != NULL) *rest++ = 0;
        if (*at == 0) continue;
        (void)snprintf(where, sizeof where, "--address-file %.400s:%u", path, line);
        status = add_address(p, at, where, error);
    }
    free(text);
    if (status == SLC_OK && p->count == 0) {
        status = slc_fail(error, SLC_NOT_FOUND,
                          "--address-file %s: no address in it; sluice echo --address-file "
                          "writes it once it is ready",
                          path);
    }
    return status;
}

/* ---- services of this process ---- */

/* On the services' thread. */
static void take_arrival(void *self, uint32_t service, struct slc_bytes message, slc_time at)
{
    struct slc_ping *p = self;
    struct slc_load_head head = {0};
    enum slc_load_check check = slc_load_message_check(message, p->key, &head);
    (void)pthread_mutex_lock(&p->lock);
    if (p->arrived == p->arrivals_cap) {
        size_t cap = p->arrivals_cap == 0 ? 1024 : p->arrivals_cap * 2;
        struct slc_ping_arrival *grown = realloc(p->arrivals, cap * sizeof *grown);
        if (grown != NULL) {
            p->arrivals = grown;
            p->arrivals_cap = cap;
        }
    }
    /* Without memory it counts as not arrived; its answer will tell. */
    if (p->arrived < p->arrivals_cap) {
        p->arrivals[p->arrived++] = (struct slc_ping_arrival){.id = head.id,
                                                              .intended = head.intended,
                                                              .at = at,
                                                              .service = service,
                                                              .recognised = check != SLC_LOAD_UNRECOGNISED,
                                                              .intact = check == SLC_LOAD_INTACT};
    }
    (void)pthread_mutex_unlock(&p->lock);
}

static void take_newer(struct slc_ping *p)
{
    (void)pthread_mutex_lock(&p->lock);
    struct slc_mixnet newer = p->newer;
    bool has_newer = p->has_newer;
    p->has_newer = false;
    p->newer.topology = NULL;
    (void)pthread_mutex_unlock(&p->lock);
    if (!has_newer) return;
    slc_engine_set_topology(slc_echo_engine(p->echo), newer.topology, slc_mixnet_info(&newer));
    slc_mixnet_release(&newer);
}

static void *serve(void *self)
{
    struct slc_ping *p = self;
    while (!atomic_load_explicit(&p->stop, memory_order_relaxed)) {
        take_newer(p);
        slc_echo_turn(p->echo, TURN);
    }
    return NULL;
}

static size_t at_least(size_t least, double wanted)
{
    return wanted > (double)least ? (size_t)wanted : least;
}

static enum slc_status start_services(struct slc_ping *p, const struct slc_load_options *o,
                                      const struct slc_mixnet *mixnet, struct slc_error *error)
{
    struct slc_echo_config config;
    slc_echo_config_default(&config, o->clients / o->services + 1);
    config.identities = (uint32_t)o->services;
    config.arrived = take_arrival;
    config.self = p;
    struct slc_engine_config *c = &config.engine;
    /* As the clients, but for what a service is: answers leave at once, and it keeps what many sent it. */
    struct slc_traffic of_service = c->traffic;
    slc_load_traffic(o, &c->traffic);
    c->traffic.pacing = of_service.pacing;
    c->traffic.max_sender_tags = of_service.max_sender_tags;
    c->traffic.max_stored_surbs = of_service.max_stored_surbs;
    c->runtime.workers = o->threads > 0 ? (unsigned)o->threads : 1;
    c->runtime.wait = (enum slc_wait)o->wait;
    c->runtime.backend = (enum slc_loop_backend)o->io;
    c->tls = o->tls;
    c->ca_file = o->ca_file;
    c->runtime.max_connections = (size_t)o->services + 64;
    c->message_bytes = (size_t)o->message_bytes + 256;
    c->message_slots = at_least(256, 4 * o->total_rate);
    if (c->message_slots * c->message_bytes > (size_t)128 << 20)
        c->message_slots = ((size_t)128 << 20) / c->message_bytes;
    enum slc_status status = slc_echo_new(&p->echo, &config, mixnet->topology, slc_mixnet_info(mixnet), error);
    if (status != SLC_OK) return status;
    p->services = calloc((size_t)o->services, sizeof *p->services);
    if (p->services == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    for (; p->count < o->services; p->count++) {
        slc_echo_recipient(p->echo, (uint32_t)p->count, &p->services[p->count]);
    }
    status = slc_echo_start(p->echo, error);
    if (status != SLC_OK) return status;
    p->running = pthread_create(&p->thread, NULL, serve, p) == 0;
    return p->running ? SLC_OK : slc_fail(error, SLC_IO, "starting the services' thread failed");
}

/* ---- both ---- */

enum slc_status slc_ping_open(struct slc_ping **ping, const struct slc_load_options *o, const struct slc_mixnet *mixnet,
                              const struct slc_load_key *key, struct slc_error *error)
{
    *ping = NULL;
    struct slc_ping *p = calloc(1, sizeof *p);
    if (p == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    p->key = key;
    (void)pthread_mutex_init(&p->lock, NULL);
    enum slc_status status = SLC_OK;
    for (unsigned i = 0; i < o->to.count && status == SLC_OK; i++) {
        status = add_address(p, o->to.text[i], "--to", error);
    }
    if (status == SLC_OK && o->address_file != NULL) status = read_addresses(p, o->address_file, error);
    if (status == SLC_OK && p->count == 0) status = start_services(p, o, mixnet, error);
    if (status != SLC_OK) {
        slc_ping_close(p);
        return status;
    }
    *ping = p;
    return SLC_OK;
}

void slc_ping_close(struct slc_ping *p)
{
    if (p == NULL) return;
    if (p->running) {
        atomic_store_explicit(&p->stop, true, memory_order_relaxed);
        slc_engine_wake(slc_echo_engine(p->echo));
        (void)pthread_join(p->thread, NULL);
    }
    slc_echo_free(p->echo);
    slc_mixnet_release(&p->newer);
    (void)pthread_mutex_destroy(&p->lock);
    free(p->arrivals);
    free(p->taken);
    free(p->services);
    free(p);
}

bool slc_ping_is_here(const struct slc_ping *p)
{
    return p->echo != NULL;
}

bool slc_ping_ready(const struct slc_ping *p)
{
    return p->echo == NULL || slc_engine_ready(slc_echo_engine(p->echo)) == p->count;
}

const char *slc_ping_trouble(const struct slc_ping *p)
{
    struct slc_echo_counts counts = {0};
    if (p->echo != NULL) slc_echo_counts(p->echo, &counts);
    return counts.gave_up > 0 ? "a service's gateway refused it for good" : "no answer from a service's gateway";
}

size_t slc_ping_services(const struct slc_ping *p)
{
    return p->count;
}

uint32_t slc_ping_service_of(const struct slc_ping *p, uint32_t place, struct slc_recipient *recipient)
{
    uint32_t service = (uint32_t)(place % p->count);
    *recipient = p->services[service];
    return service;
}

const struct slc_ping_arrival *slc_ping_arrivals(struct slc_ping *p, size_t *count)
{
    *count = 0;
    if (p->echo == NULL) return NULL;
    (void)pthread_mutex_lock(&p->lock);
    struct slc_ping_arrival *arrivals = p->arrivals;
    size_t cap = p->arrivals_cap;
    *count = p->arrived;
    p->arrivals = p->taken;
    p->arrivals_cap = p->taken_cap;
    p->arrived = 0;
    (void)pthread_mutex_unlock(&p->lock);
    p->taken = arrivals;
    p->taken_cap = cap;
    return arrivals;
}

void slc_ping_set_mixnet(struct slc_ping *p, const struct slc_mixnet *mixnet)
{
    if (p->echo == NULL) return;
    (void)pthread_mutex_lock(&p->lock);
    slc_mixnet_release(&p->newer);
    p->newer = *mixnet;
    p->newer.topology = slc_topology_hold(mixnet->topology);
    p->has_newer = true;
    (void)pthread_mutex_unlock(&p->lock);
    slc_engine_wake(slc_echo_engine(p->echo));
}

void slc_ping_numbers(const struct slc_ping *p, struct slc_client_counters *clients, struct slc_echo_counts *books)
{
    memset(clients, 0, sizeof *clients);
    memset(books, 0, sizeof *books);
    if (p->echo == NULL) return;
    slc_engine_counters(slc_echo_engine(p->echo), clients);
    slc_echo_counts(p->echo, books);
}

size_t slc_ping_threads(const struct slc_ping *p, struct slc_thread_report *rows, size_t cap)
{
    return p->echo == NULL ? 0 : slc_engine_threads(slc_echo_engine(p->echo), rows, cap);
}
