/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_ACTOR_H
#define SLUICE_TEST_ACTOR_H

#include "tests/support/vectors.h"

#include "engine/runtime/runtime.h"
#include "net/wire/websocket.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * A role that does what the test says: the test hands it functions, which run on the worker's thread, and reads what
 * it has received from a log. Two actors, one per worker, over real loopback sockets and the public API only.
 */

enum { ACTORS = 2, LOG_MAX = 8192, TEXT_MAX = 96, PATIENCE_S = 10, SMALL_SLOTS = 64, LARGE_SLOTS = 4 };

struct logged {
    struct slc_received r; /* `data` is not valid any more */
    uint64_t value;        /* TEXT, BINARY, PACKET: first 8 bytes; timers, notes: what they carry */
    uint64_t sum;          /* of the bytes */
    slc_time at;
};

enum { LOGGED_DUE = 100, LOGGED_PASSED };

struct actor {
    struct slc_worker *w;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct logged log[LOG_MAX];
    size_t count;
    bool echo; /* answers each binary message with the same */
    bool hold; /* keeps what it receives                      */
    struct slc_received held[LOG_MAX];
    size_t held_count;
    bool stopped;
    unsigned long turns;
};

struct rig {
    struct slc_runtime *runtime;
    struct actor actor[ACTORS];
    struct slc_address at; /* of the listener; its links go to actor 1 */
    enum slc_loop_backend backend;
};

/* ---- on the worker's thread ---- */

static inline void actor_log(struct actor *a, struct logged entry)
{
    (void)pthread_mutex_lock(&a->lock);
    if (a->count < LOG_MAX) a->log[a->count++] = entry;
    (void)pthread_cond_broadcast(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
}

/* A WebSocket frame with `len` bytes, the first eight of which are `value`; masked as a client must. */
static inline enum slc_status actor_send(struct actor *a, slc_link link, uint64_t value, size_t len, slc_time due,
                                         bool masked)
{
    uint8_t *slot = slc_worker_slot(a->w, len);
    if (slot == NULL) return SLC_FULL;
    uint8_t *payload = slot + SLC_SLOT_HEAD;
    memset(payload, (int)(value & 0xff), len);
    memcpy(payload, &value, len < sizeof value ? len : sizeof value);
    const uint8_t mask[4] = {1, 2, 3, (uint8_t)value};
    size_t head = slc_ws_frame(payload, len, SLC_WS_OP_BINARY, masked ? mask : NULL);
    enum slc_status status = slc_worker_send(a->w, link, slot, payload - head, head + len, due);
    if (status != SLC_OK) slc_worker_slot_drop(a->w, slot);
    return status;
}

/* One byte of rotation and a packet of a size, as NODE links take it. */
static inline enum slc_status actor_send_packet(struct actor *a, slc_link link, uint64_t value,
                                                enum slc_packet_size size, enum slc_rotation rotation)
{
    size_t len = slc_packet_bytes(size);
    uint8_t *slot = slc_worker_slot(a->w, len);
    if (slot == NULL) return SLC_FULL;
    uint8_t *data = slot + SLC_SLOT_HEAD - 1;
    data[0] = (uint8_t)rotation;
    memset(data + 1, (int)(value & 0xff), len);
    memcpy(data + 1, &value, sizeof value);
    enum slc_status status = slc_worker_send(a->w, link, slot, data, len + 1, 0);
    if (status != SLC_OK) slc_worker_slot_drop(a->w, slot);
    return status;
}

static inline void actor_start(void *self, struct slc_worker *w, slc_time now)
{
    (void)now;
    ((struct actor *)self)->w = w;
}

static inline void actor_received(void *self, const struct slc_received *received, size_t n, slc_time now)
{
    struct actor *a = self;
    for (size_t i = 0; i < n; i++) {
        const struct slc_received *r = &received[i];
        struct logged entry = {.r = *r, .at = now};
        if (r->data != NULL) {
            memcpy(&entry.value, r->data, r->len < sizeof entry.value ? r->len : sizeof entry.value);
            for (uint32_t b = 0; b < r->len; b++) {
                entry.sum += r->data[b];
            }
        }
        if (a->echo && r->kind == SLC_RECEIVED_BINARY) {
            enum slc_status status = actor_send(a, r->link, entry.value, r->len, 0, false);
            (void)status; /* what finds no room is missed by the test */
        }
        actor_log(a, entry);
        if (a->hold && r->data != NULL && a->held_count < LOG_MAX) {
            a->held[a->held_count++] = *r;
        } else {
            slc_worker_release(a->w, r);
        }
    }
}

static inline void actor_due(void *self, const uint64_t *tokens, size_t n, slc_time now)
{
    for (size_t i = 0; i < n; i++) {
        actor_log(self, (struct logged){.r.kind = LOGGED_DUE, .value = tokens[i], .at = now});
    }
}

static inline void actor_passed(void *self, const struct slc_note *notes, size_t n, slc_time now)
{
    for (size_t i = 0; i < n; i++) {
        struct logged entry = {.r.kind = LOGGED_PASSED, .at = now};
        memcpy(&entry.value, notes[i].bytes, sizeof entry.value);
        actor_log(self, entry);
    }
}

struct job {
    void (*run)(struct actor *a, void *argument, slc_time now);
    void *argument;
    bool done;
};

static inline void actor_command(void *self, const struct slc_note *commands, size_t n, slc_time now)
{
    struct actor *a = self;
    for (size_t i = 0; i < n; i++) {
        struct job *job;
        memcpy(&job, commands[i].bytes, sizeof job);
        if (job == NULL) continue; /* only there to fill the ring */
        job->run(a, job->argument, now);
        (void)pthread_mutex_lock(&a->lock);
        job->done = true;
        (void)pthread_cond_broadcast(&a->changed);
        (void)pthread_mutex_unlock(&a->lock);
    }
}

static inline void actor_stop(void *self, slc_time now)
{
    (void)now;
    ((struct actor *)self)->stopped = true;
}

/* ---- on the test's thread ---- */

static inline struct timespec actor_patience(void)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    return until;
}

/* Runs a function on an actor's worker and waits for it. */
static inline void rig_do(struct rig *rig, unsigned actor, void (*run)(struct actor *, void *, slc_time),
                          void *argument)
{
    struct job job = {.run = run, .argument = argument}, *pointer = &job;
    struct slc_note note = {0};
    memcpy(note.bytes, &pointer, sizeof pointer);
    assert_int_equal(slc_runtime_command(rig->runtime, actor, &note), SLC_OK);
    struct actor *a = &rig->actor[actor];
    struct timespec until = actor_patience();
    (void)pthread_mutex_lock(&a->lock);
    int failed = 0;
    while (!job.done && failed == 0) {
        failed = pthread_cond_timedwait(&a->changed, &a->lock, &until);
    }
    bool done = job.done;
    (void)pthread_mutex_unlock(&a->lock);
    if (!done) abort(); /* `job` is on our stack: there is no going on */
}

/* Waits until the log holds `n` entries of `kind`; returns a copy of the last of them. */
static inline struct logged rig_wait(struct rig *rig, unsigned actor, int kind, size_t n)
{
    struct actor *a = &rig->actor[actor];
    struct timespec until = actor_patience();
    struct logged last = {0};
    size_t seen = 0;
    int failed = 0;
    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; seen < n && failed == 0;) {
        for (; i < a->count && seen < n; i++) {
            if (a->log[i].r.kind != kind) continue;
            seen++;
            last = a->log[i];
        }
        if (seen < n) failed = pthread_cond_timedwait(&a->changed, &a->lock, &until);
    }
    (void)pthread_mutex_unlock(&a->lock);
    if (seen < n) fail_msg("actor %u: %zu of %zu events of kind %d came", actor, seen, n, kind);
    return last;
}

static inline size_t rig_count(struct rig *rig, unsigned actor, int kind)
{
    struct actor *a = &rig->actor[actor];
    size_t n = 0;
    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->count; i++) {
        n += a->log[i].r.kind == kind;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return n;
}

static inline struct slc_runtime_config rig_config(enum slc_loop_backend backend)
{
    return (struct slc_runtime_config){.workers = ACTORS,
                                       .networks = 1,
                                       .backend = backend,
                                       .max_connections = 64,
                                       .small_slots = SMALL_SLOTS,
                                       .large_slots = LARGE_SLOTS,
                                       .timers = 64,
                                       .name = "test"};
}

/* Listens with `protocol` for actor 1; not yet started. NULL where the back end cannot be had. */
static inline struct rig *rig_new(const struct slc_runtime_config *config, enum slc_protocol protocol)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->backend = config->backend;
    struct slc_role roles[ACTORS];
    for (unsigned i = 0; i < ACTORS; i++) {
        struct actor *a = &rig->actor[i];
        (void)pthread_mutex_init(&a->lock, NULL);
        (void)pthread_cond_init(&a->changed, NULL);
        roles[i] = (struct slc_role){.self = a,
                                     .start = actor_start,
                                     .received = actor_received,
                                     .due = actor_due,
                                     .passed = actor_passed,
                                     .command = actor_command,
                                     .stop = actor_stop};
    }
    struct slc_error error = {0};
    enum slc_status status = slc_runtime_new(&rig->runtime, config, roles, &error);
    if (status == SLC_UNSUPPORTED || status == SLC_DENIED) {
        free(rig);
        return NULL;
    }
    assert_int_equal(status, SLC_OK);
    const struct slc_address loopback = {.version = 4, .ip = {127, 0, 0, 1}};
    status = slc_runtime_listen(rig->runtime, 0, 1, &loopback, protocol, NULL, 77, &rig->at, &error);
    assert_int_equal(status, SLC_OK);
    return rig;
}

static inline void rig_start(struct rig *rig)
{
    struct slc_error error = {0};
    assert_int_equal(slc_runtime_start(rig->runtime, &error), SLC_OK);
}

static inline void rig_free(struct rig *rig)
{
    slc_runtime_stop(rig->runtime);
    for (unsigned i = 0; i < ACTORS; i++) {
        assert_true(rig->actor[i].stopped);
    }
    slc_runtime_free(rig->runtime);
    free(rig);
}

struct connecting {
    struct slc_address to;
    enum slc_protocol protocol;
    const uint8_t *noise_key;
    uint64_t token;
};

static inline void actor_connect(struct actor *a, void *argument, slc_time now)
{
    (void)now;
    const struct connecting *c = argument;
    if (slc_worker_connect(a->w, &c->to, "", c->protocol, NULL, c->noise_key, c->token) != SLC_OK) abort();
}

/* Actor 0 connects to actor 1; both ends' links. */
static inline slc_link rig_connect(struct rig *rig, enum slc_protocol protocol, const uint8_t *noise_key,
                                   uint64_t token, slc_link *accepted)
{
    struct connecting c = {.to = rig->at, .protocol = protocol, .noise_key = noise_key, .token = token};
    size_t before = rig_count(rig, 0, SLC_RECEIVED_OPEN), accepted_before = rig_count(rig, 1, SLC_RECEIVED_ACCEPTED);
    rig_do(rig, 0, actor_connect, &c);
    struct logged open = rig_wait(rig, 0, SLC_RECEIVED_OPEN, before + 1);
    assert_int_equal(open.r.token, token);
    assert_true(open.r.link != 0);
    if (accepted != NULL) *accepted = rig_wait(rig, 1, SLC_RECEIVED_ACCEPTED, accepted_before + 1).r.link;
    return open.r.link;
}

static const enum slc_loop_backend RIG_POLL = SLC_LOOP_POLL, RIG_URING = SLC_LOOP_URING;
/* The same test over both back ends; io_uring is skipped where the kernel refuses it. */
#define ON_BOTH(test)                                                                                                  \
    {#test " (poll)", test, NULL, NULL, (void *)(uintptr_t)&RIG_POLL},                                                 \
    {                                                                                                                  \
#test " (io_uring)", test, NULL, NULL, (void *)(uintptr_t)&RIG_URING                                           \
    }

static inline struct rig *rig_begin(void **state, enum slc_protocol protocol)
{
    struct slc_runtime_config config = rig_config(*(const enum slc_loop_backend *)*state);
    struct rig *rig = rig_new(&config, protocol);
    if (rig == NULL) skip();
    return rig;
}

/* ---- strangers: sockets without a runtime ---- */

static inline int raw_client(const struct slc_address *to)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(to->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (const struct sockaddr *)&in, sizeof in), 0);
    return fd;
}

/* Reads until the peer ends the connection; the bytes in `text`, terminated. */
static inline size_t read_to_end(int fd, char *text, size_t cap)
{
    size_t len = 0;
    for (ssize_t n; len + 1 < cap && (n = read(fd, text + len, cap - 1 - len)) > 0;) {
        len += (size_t)n;
    }
    text[len] = 0;
    return len;
}

#endif
