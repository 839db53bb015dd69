/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/runtime/runtime_internal.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

slc_time slc_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (slc_time)now.tv_sec * SLC_SECOND + (slc_time)now.tv_nsec;
}

uint64_t slc_unix_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec;
}

/* ---- slots ---- */

enum slc_status slots_init(struct slots *slots, size_t small, size_t large)
{
    enum slc_status status = slc_pool_init(&slots->small, SLC_SLOT_SMALL, small > 0 ? small : 1);
    return status != SLC_OK ? status : slc_pool_init(&slots->large, SLC_SLOT_LARGE, large > 0 ? large : 1);
}

void slots_free(struct slots *slots)
{
    slc_pool_free(&slots->small);
    slc_pool_free(&slots->large);
}

uint8_t *slots_take(struct slots *slots, size_t bytes)
{
    if (bytes <= SLC_SLOT_SMALL) return slc_pool_take(&slots->small);
    return bytes <= SLC_SLOT_LARGE ? slc_pool_take(&slots->large) : NULL;
}

void slots_give(struct slots *slots, uint8_t *slot)
{
    const struct slc_pool *small = &slots->small;
    bool is_small = slot >= small->memory && slot < small->memory + small->count * small->slot_bytes;
    slc_pool_give(is_small ? &slots->small : &slots->large, slot);
}

/* ---- making ---- */

static enum slc_status make_worker(struct slc_runtime *r, unsigned index, const struct slc_role *role, bool spin)
{
    struct slc_worker *w = aligned_alloc(64, (sizeof *w + 63) & ~(size_t)63);
    if (w == NULL) return SLC_NO_MEMORY;
    memset(w, 0, sizeof *w);
    r->worker[index] = w;
    w->runtime = r;
    w->index = index;
    w->role = *role;
    w->armed_earliest = SLC_NEVER;
    slc_parker_init(&w->parker, spin);
    (void)snprintf(w->thread.name, sizeof w->thread.name, "%s-work-%u", r->name, index % 100);
    const struct slc_runtime_config *c = &r->config;
    if (slots_init(&w->slots, c->small_slots, c->large_slots) != SLC_OK ||
        slc_ring_init(&w->command, sizeof(struct slc_note), 4096) != SLC_OK ||
        slc_ring_init(&w->event, sizeof(struct slc_note), 16384) != SLC_OK ||
        slc_ring_init(&w->arm, sizeof(struct slc_timer_entry), 8192) != SLC_OK ||
        slc_ring_init(&w->due, sizeof(uint64_t), 8192) != SLC_OK) {
        return SLC_NO_MEMORY;
    }
    for (unsigned from = 0; from < r->workers; from++) {
        if (from != index && slc_ring_init(&w->pass[from], sizeof(struct slc_note), 8192) != SLC_OK) {
            return SLC_NO_MEMORY;
        }
    }
    return slc_random_from_system(&w->random);
}

static enum slc_status make_channel(struct slc_runtime *r, unsigned worker, unsigned network)
{
    struct channel *channel = aligned_alloc(64, (sizeof *channel + 63) & ~(size_t)63);
    if (channel == NULL) return SLC_NO_MEMORY;
    memset(channel, 0, sizeof *channel);
    r->channel[worker][network] = channel;
    size_t slots = r->config.small_slots + r->config.large_slots + 2;
    /* Whoever has a slot finds room to send it: a role that tried again at once would wait for a network thread that
     * may be waiting for it. Control of links comes on top. */
    if (slc_ring_init(&channel->tx, sizeof(struct tx), slots + 1024) != SLC_OK ||
        slc_ring_init(&channel->rx, sizeof(struct slc_received), 8192) != SLC_OK ||
        slc_ring_init(&channel->sent, sizeof(uint8_t *), slots) != SLC_OK ||
        slc_ring_init(&channel->released, sizeof(uint8_t *), slots) != SLC_OK) {
        return SLC_NO_MEMORY;
    }
    return SLC_OK;
}

static enum slc_status make_network(struct slc_runtime *r, unsigned index, struct slc_error *error)
{
    struct network *n = calloc(1, sizeof *n);
    if (n == NULL) return SLC_NO_MEMORY;
    r->network[index] = n;
    n->runtime = r;
    n->index = index;
    (void)snprintf(n->thread.name, sizeof n->thread.name, "%s-net-%u", r->name, index % 100);
    return network_init(n, error);
}

/* CPUs in the order workers, networks, timer; a short list goes round. */
static void assign_cpus(struct slc_runtime *r)
{
    unsigned next = 0;
    const struct slc_runtime_config *c = &r->config;
    struct thread *threads[MAX_WORKERS + MAX_NETWORKS + 1];
    unsigned n = 0;
    for (unsigned i = 0; i < r->workers; i++) {
        threads[n++] = &r->worker[i]->thread;
    }
    for (unsigned i = 0; i < r->networks; i++) {
        threads[n++] = &r->network[i]->thread;
    }
    threads[n++] = &r->timer.thread;
    for (unsigned i = 0; i < n; i++) {
        threads[i]->cpu = c->cpus != NULL && c->cpu_count > 0 ? c->cpus[next++ % c->cpu_count] : -1;
    }
}

static bool spins(const struct slc_runtime_config *config)
{
    if (config->wait != SLC_WAIT_ADAPTIVE) return config->wait == SLC_WAIT_SPIN;
    /* Both an engine and a local network may run here: spin only where there is clearly a CPU for everyone. */
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return cpus >= 4 * (long)(config->workers + config->networks + 1);
}

static enum slc_status make_all(struct slc_runtime *r, const struct slc_role *roles, struct slc_error *error)
{
    bool spin = spins(&r->config);
    slc_parker_init(&r->control, false);
    slc_parker_init(&r->timer.parker, spin);
    r->timer.runtime = r;
    atomic_init(&r->timer.next_wake, SLC_NEVER);
    (void)snprintf(r->timer.thread.name, sizeof r->timer.thread.name, "%s-timer", r->name);
    enum slc_status status = slc_wheel_new(&r->timer.wheel, r->config.timers, slc_now());
    for (unsigned i = 0; i < r->workers && status == SLC_OK; i++) {
        status = make_worker(r, i, &roles[i], spin);
        for (unsigned n = 0; n < r->networks && status == SLC_OK; n++) {
            status = make_channel(r, i, n);
        }
    }
    if (status != SLC_OK) return slc_fail(error, status, "threads' rings: %s", slc_status_text(status));
    for (unsigned n = 0; n < r->networks && status == SLC_OK; n++) {
        status = make_network(r, n, error);
    }
    if (status == SLC_OK) assign_cpus(r);
    return status;
}

enum slc_status slc_runtime_new(struct slc_runtime **runtime, const struct slc_runtime_config *config,
                                const struct slc_role *roles, struct slc_error *error)
{
    *runtime = NULL;
    if (config->workers == 0 || config->workers > MAX_WORKERS) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "%u workers: 1 to %d can be had", config->workers, MAX_WORKERS);
    }
    if (config->networks == 0 || config->networks > MAX_NETWORKS) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "%u network threads: 1 to %d can be had", config->networks,
                        MAX_NETWORKS);
    }
    struct slc_runtime *r = aligned_alloc(64, (sizeof *r + 63) & ~(size_t)63);
    if (r == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    memset(r, 0, sizeof *r);
    atomic_init(&r->fd, -1);
    r->config = *config;
    r->workers = config->workers;
    r->networks = config->networks;
    (void)snprintf(r->name, sizeof r->name, "%.5s", config->name != NULL ? config->name : "sluice");
    enum slc_status status = make_all(r, roles, error);
    if (status != SLC_OK) {
        slc_runtime_free(r);
        return status;
    }
    *runtime = r;
    return SLC_OK;
}

/* ---- starting and stopping ---- */

bool runtime_stopping(const struct slc_runtime *runtime)
{
    return atomic_load_explicit(&runtime->stopping, memory_order_acquire);
}

void thread_begin(const struct thread *thread)
{
    (void)pthread_setname_np(pthread_self(), thread->name);
    /* The kernel may otherwise end a sleep 50 us late to save wakes. */
    (void)prctl(PR_SET_TIMERSLACK, 1000UL);
    if (thread->cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)thread->cpu, &set);
        (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
    }
}

static enum slc_status start_thread(struct thread *thread, void *(*main)(void *), void *argument,
                                    struct slc_error *error)
{
    /* Signals belong to the control thread. */
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread->handle, NULL, main, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) return slc_fail(error, SLC_IO, "cannot start thread %s: %s", thread->name, strerror(failed));
    thread->running = true;
    return SLC_OK;
}

enum slc_status slc_runtime_start(struct slc_runtime *r, struct slc_error *error)
{
    enum slc_status status = start_thread(&r->timer.thread, timer_main, &r->timer, error);
    for (unsigned i = 0; i < r->networks && status == SLC_OK; i++) {
        status = start_thread(&r->network[i]->thread, network_main, r->network[i], error);
    }
    for (unsigned i = 0; i < r->workers && status == SLC_OK; i++) {
        status = start_thread(&r->worker[i]->thread, worker_main, r->worker[i], error);
    }
    r->started = status == SLC_OK;
    if (status != SLC_OK) slc_runtime_stop(r);
    return status;
}

static void join(struct thread *thread)
{
    if (thread->running) (void)pthread_join(thread->handle, NULL);
    thread->running = false;
}

void slc_runtime_stop(struct slc_runtime *r)
{
    atomic_store(&r->stopping, true);
    for (unsigned i = 0; i < r->workers; i++) {
        if (r->worker[i] == NULL) continue;
        slc_parker_wake(&r->worker[i]->parker);
        join(&r->worker[i]->thread);
    }
    /* Networks and timer outlive the workers, which may wait for room in their rings. */
    atomic_store(&r->stopping_network, true);
    slc_parker_wake(&r->timer.parker);
    join(&r->timer.thread);
    for (unsigned i = 0; i < r->networks; i++) {
        if (r->network[i] == NULL) continue;
        if (r->network[i]->loop != NULL) slc_loop_wake(r->network[i]->loop);
        join(&r->network[i]->thread);
    }
}

static void free_channel(struct channel *channel)
{
    if (channel == NULL) return;
    struct tx tx;
    while (slc_ring_pop_spsc(&channel->tx, &tx, 1) == 1) {
        if (tx.kind == TX_CONNECT) free(tx.connect);
    }
    slc_ring_free(&channel->tx);
    slc_ring_free(&channel->rx);
    slc_ring_free(&channel->sent);
    slc_ring_free(&channel->released);
    free(channel);
}

static void free_worker(struct slc_worker *w)
{
    if (w == NULL) return;
    slots_free(&w->slots);
    for (unsigned n = 0; n < MAX_NETWORKS; n++) {
        for (size_t i = 0; i < w->kept[n].len; i++) {
            free(w->kept[n].tx[i].connect);
        }
        free(w->kept[n].tx);
    }
    slc_ring_free(&w->command);
    slc_ring_free(&w->event);
    slc_ring_free(&w->arm);
    slc_ring_free(&w->due);
    for (unsigned from = 0; from < MAX_WORKERS; from++) {
        slc_ring_free(&w->pass[from]);
    }
    slc_random_wipe(&w->random);
    free(w);
}

void slc_runtime_free(struct slc_runtime *r)
{
    if (r == NULL) return;
    slc_runtime_stop(r);
    for (unsigned n = 0; n < r->networks; n++) {
        if (r->network[n] == NULL) continue;
        network_free(r->network[n]);
        free(r->network[n]);
    }
    for (unsigned i = 0; i < r->workers; i++) {
        for (unsigned n = 0; n < r->networks; n++) {
            free_channel(r->channel[i][n]);
        }
        free_worker(r->worker[i]);
    }
    slc_wheel_free(r->timer.wheel);
    if (atomic_load(&r->fd) >= 0) (void)close(atomic_load(&r->fd));
    free(r);
}

/* ---- control thread ---- */

enum slc_status slc_runtime_listen(struct slc_runtime *r, unsigned network, unsigned worker,
                                   const struct slc_address *address, enum slc_protocol protocol, struct slc_tls *tls,
                                   uint64_t token, struct slc_address *bound, struct slc_error *error)
{
    if (r->started || network >= r->networks || worker >= r->workers) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "listening begins before the threads do");
    }
    struct network *n = r->network[network];
    if (n->listener_count == MAX_LISTENERS) {
        return slc_fail(error, SLC_FULL, "more than %d listeners on one network thread", MAX_LISTENERS);
    }
    struct listener *listener = &n->listeners[n->listener_count];
    *listener = (struct listener){.token = token, .worker = (uint16_t)worker, .protocol = (uint8_t)protocol};
    enum slc_status status =
        slc_loop_listen(n->loop, address, tls, n->listener_count, &listener->conn, &listener->bound, error);
    if (status != SLC_OK) return status;
    if (bound != NULL) *bound = listener->bound;
    n->listener_count++;
    return SLC_OK;
}

void slc_runtime_set_noise(struct slc_runtime *r, uint64_t listener_token, const struct slc_noise_keys *keys)
{
    for (unsigned i = 0; i < r->networks; i++) {
        for (size_t l = 0; l < r->network[i]->listener_count; l++) {
            struct listener *listener = &r->network[i]->listeners[l];
            if (listener->token != listener_token || listener->protocol != SLC_PROTOCOL_NODE) continue;
            listener->has_noise = keys != NULL;
            if (keys != NULL) listener->noise = *keys;
        }
    }
}

enum slc_status slc_runtime_command(struct slc_runtime *r, unsigned worker, const struct slc_note *command)
{
    if (worker >= r->workers) return SLC_BAD_ARGUMENT;
    bool room = slc_ring_push_spsc(&r->worker[worker]->command, command, 1) == 1;
    slc_parker_wake(&r->worker[worker]->parker);
    return room ? SLC_OK : SLC_AGAIN;
}

size_t slc_runtime_events(struct slc_runtime *r, unsigned worker, struct slc_note *events, size_t cap)
{
    return slc_ring_pop_spsc(&r->worker[worker]->event, events, cap);
}

void slc_runtime_wait(struct slc_runtime *r, slc_time timeout)
{
    uint32_t ticket = slc_parker_ticket(&r->control);
    if (atomic_exchange(&r->woken, false)) return;
    for (unsigned i = 0; i < r->workers; i++) {
        if (slc_ring_waiting_spsc(&r->worker[i]->event) > 0) return;
    }
    slc_parker_park(&r->control, ticket, timeout == SLC_NEVER ? SLC_NEVER : slc_now() + timeout);
}

void slc_runtime_wake(struct slc_runtime *r)
{
    atomic_store(&r->woken, true);
    runtime_wake_control(r);
}

void runtime_wake_control(struct slc_runtime *r)
{
    slc_parker_wake(&r->control);
    int fd = atomic_load(&r->fd);
    if (fd >= 0 && !atomic_exchange(&r->fd_written, true)) (void)eventfd_write(fd, 1);
}

int slc_runtime_fd(struct slc_runtime *r)
{
    if (atomic_load(&r->fd) < 0) {
        int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
        atomic_store(&r->fd_written, fd >= 0);
        atomic_store(&r->fd, fd);
    }
    return atomic_load(&r->fd);
}

void slc_runtime_heard(struct slc_runtime *r)
{
    eventfd_t value;
    int fd = atomic_load(&r->fd);
    if (fd < 0) return;
    /* In this order: who finds the flag still set pushed before we look into the rings. */
    (void)eventfd_read(fd, &value);
    (void)atomic_exchange(&r->fd_written, false);
}

void slc_runtime_poke(struct slc_runtime *r, unsigned worker)
{
    slc_parker_wake(&r->worker[worker]->parker);
}

const char *slc_runtime_backend(const struct slc_runtime *r)
{
    return slc_loop_name(r->network[0]->loop);
}

static void report_thread(struct slc_thread_report *row, enum slc_thread_kind kind, unsigned index,
                          const struct thread *thread)
{
    const struct thread_numbers *n = &thread->numbers;
    *row = (struct slc_thread_report){.kind = kind, .index = index, .cpu = thread->cpu};
    memcpy(row->name, thread->name, sizeof row->name);
#define COPY(name) row->name = atomic_load_explicit(&n->name, memory_order_relaxed)
    COPY(busy);
    COPY(starved);
    COPY(backpressured);
    COPY(housekeeping);
    COPY(turns);
    COPY(frames_in);
    COPY(frames_out);
    COPY(bytes_in);
    COPY(bytes_out);
    COPY(system_calls);
    COPY(ring_full);
    COPY(late_frames);
    COPY(frames_dropped);
    COPY(latest);
#undef COPY
}

size_t slc_runtime_report(const struct slc_runtime *r, struct slc_thread_report *rows, size_t cap)
{
    size_t n = 0;
    for (unsigned i = 0; i < r->workers && n < cap; i++) {
        report_thread(&rows[n++], SLC_THREAD_WORKER, i, &r->worker[i]->thread);
    }
    for (unsigned i = 0; i < r->networks && n < cap; i++) {
        report_thread(&rows[n++], SLC_THREAD_NETWORK, i, &r->network[i]->thread);
    }
    if (n < cap) report_thread(&rows[n++], SLC_THREAD_TIMER, 0, &r->timer.thread);
    return n;
}

void slc_runtime_lateness(const struct slc_runtime *r, struct slc_histogram *lateness)
{
    for (unsigned i = 0; i < r->networks; i++) {
        slc_histogram_merge(lateness, &r->network[i]->lateness);
    }
}
