/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/storage/keeper.h"

#include "engine/runtime/parker.h"
#include "engine/runtime/ring.h"
#include "engine/runtime/runtime.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    RING = 4096, /* records of one worker on their way */
    GROUP = 4096 /* most in one transaction           */
};
#define MOST_BYTES  ((size_t)64 << 20)
#define FIRST_RETRY (100 * SLC_MILLISECOND)
#define LAST_RETRY  (5 * SLC_SECOND)

/* What a worker could not hand over yet; in order. */
struct waiting {
    struct waiting *next;
    struct slc_stored_record *record;
};

/* One worker's records. The first part is the worker's, the second the storage thread's. */
struct desk {
    struct slc_ring ring; /* struct slc_stored_record * */
    struct waiting *first, *last;
    bool wake;
    _Atomic uint64_t kept, kept_bytes;     /* so far */
    _Alignas(64) _Atomic uint64_t durable; /* records so far */
    _Atomic uint64_t durable_bytes;
};

struct slc_keeper {
    struct slc_keeper_config config;
    struct desk *desks;
    struct slc_parker parker;
    pthread_t thread;
    bool running;
    _Atomic bool stopping;
    struct slc_stored_record **group;
    unsigned *owner; /* of each in the group */
    size_t group_len;
    _Atomic bool failing;
    _Atomic uint64_t failures, records, transactions, busy, on_disk, idle, longest;
    pthread_mutex_t words; /* guards `failure` */
    struct slc_error failure;
};

/* ---- making ---- */

enum slc_status slc_keeper_new(struct slc_keeper **keeper, const struct slc_keeper_config *config)
{
    *keeper = NULL;
    struct slc_keeper *k = calloc(1, sizeof *k);
    if (k == NULL) return SLC_NO_MEMORY;
    k->config = *config;
    if (k->config.most_bytes == 0) k->config.most_bytes = MOST_BYTES;
    if (k->config.retry == 0) k->config.retry = FIRST_RETRY;
    (void)pthread_mutex_init(&k->words, NULL);
    slc_parker_init(&k->parker, false);
    k->desks = aligned_alloc(64, config->workers * sizeof *k->desks);
    if (k->desks != NULL) memset(k->desks, 0, config->workers * sizeof *k->desks);
    k->group = calloc(GROUP, sizeof(struct slc_stored_record *));
    k->owner = calloc(GROUP, sizeof *k->owner);
    enum slc_status status = k->desks == NULL || k->group == NULL || k->owner == NULL ? SLC_NO_MEMORY : SLC_OK;
    for (unsigned i = 0; i < config->workers && status == SLC_OK; i++) {
        status = slc_ring_init(&k->desks[i].ring, sizeof(struct slc_stored_record *), RING);
    }
    if (status != SLC_OK) {
        slc_keeper_free(k);
        return status;
    }
    *keeper = k;
    return SLC_OK;
}

static void free_desk(struct desk *d)
{
    struct slc_stored_record *record;
    while (d->ring.elements != NULL && slc_ring_pop_spsc(&d->ring, &record, 1) == 1) {
        slc_stored_record_free(record);
    }
    slc_ring_free(&d->ring);
    while (d->first != NULL) {
        struct waiting *next = d->first->next;
        slc_stored_record_free(d->first->record);
        free(d->first);
        d->first = next;
    }
}

void slc_keeper_free(struct slc_keeper *k)
{
    if (k == NULL) return;
    uint64_t lost;
    (void)slc_keeper_stop(k, &lost, NULL);
    for (unsigned i = 0; k->desks != NULL && i < k->config.workers; i++) {
        free_desk(&k->desks[i]);
    }
    for (size_t i = 0; i < k->group_len; i++) {
        slc_stored_record_free(k->group[i]);
    }
    free(k->desks);
    free(k->group);
    free(k->owner);
    (void)pthread_mutex_destroy(&k->words);
    free(k);
}

/* ---- a worker's side ---- */

/* Of a number with a single writer. */
static void add(_Atomic uint64_t *number, uint64_t by)
{
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + by, memory_order_release);
}

static uint64_t waiting_bytes(const struct desk *d)
{
    /* The later number first: read the other way round, the difference could be less than nothing. */
    uint64_t durable = atomic_load_explicit(&d->durable_bytes, memory_order_acquire);
    return atomic_load_explicit(&d->kept_bytes, memory_order_relaxed) - durable;
}

static void hand_over(struct desk *d)
{
    while (d->first != NULL && slc_ring_push_spsc(&d->ring, &d->first->record, 1) == 1) {
        struct waiting *done = d->first;
        d->first = done->next;
        free(done);
        d->wake = true;
    }
    if (d->first == NULL) d->last = NULL;
}

uint64_t slc_keeper_keep(struct slc_keeper *k, unsigned worker, uint64_t identity,
                         const struct slc_client_record *record)
{
    struct desk *d = &k->desks[worker];
    /* Registrations are few, and nobody would try them again. */
    bool must = record->kind == SLC_RECORD_REGISTRATION;
    if (!must && waiting_bytes(d) >= k->config.most_bytes) return SLC_KEEP_FULL;
    struct slc_stored_record *copy = slc_stored_record_new(identity, record);
    if (copy == NULL) return must ? 0 : SLC_KEEP_FULL;
    /* Once handed over, it may be gone, and counted as durable. */
    size_t bytes = copy->bytes;
    add(&d->kept_bytes, bytes);
    if (d->first == NULL && slc_ring_push_spsc(&d->ring, &copy, 1) == 1) {
        d->wake = true;
    } else {
        struct waiting *later = malloc(sizeof *later);
        if (later == NULL) {
            add(&d->kept_bytes, -bytes);
            slc_stored_record_free(copy);
            return must ? 0 : SLC_KEEP_FULL;
        }
        *later = (struct waiting){.record = copy};
        *(d->first == NULL ? &d->first : &d->last->next) = later;
        d->last = later;
    }
    add(&d->kept, 1);
    return atomic_load_explicit(&d->kept, memory_order_relaxed);
}

void slc_keeper_turn(struct slc_keeper *k, unsigned worker)
{
    struct desk *d = &k->desks[worker];
    if (d->first != NULL) hand_over(d);
    if (d->wake) slc_parker_wake(&k->parker);
    d->wake = false;
}

uint64_t slc_keeper_kept(const struct slc_keeper *k, unsigned worker)
{
    return atomic_load_explicit(&k->desks[worker].kept, memory_order_acquire);
}

uint64_t slc_keeper_durable(const struct slc_keeper *k, unsigned worker)
{
    return atomic_load_explicit(&k->desks[worker].durable, memory_order_acquire);
}

/* ---- the storage thread ---- */

/* In turn, so that no worker's records wait for another's. */
static void gather(struct slc_keeper *k)
{
    size_t share = GROUP / k->config.workers > 0 ? GROUP / k->config.workers : 1;
    for (unsigned w = 0; w < k->config.workers && k->group_len < GROUP; w++) {
        size_t want = GROUP - k->group_len < share ? GROUP - k->group_len : share;
        size_t got = slc_ring_pop_spsc(&k->desks[w].ring, k->group + k->group_len, want);
        for (size_t i = 0; i < got; i++) {
            k->owner[k->group_len++] = w;
        }
    }
}

static void set_failing(struct slc_keeper *k, const struct slc_error *error)
{
    bool before = atomic_load(&k->failing), now = error != NULL;
    if (now) {
        (void)pthread_mutex_lock(&k->words);
        bool same = strcmp(k->failure.text, error->text) == 0;
        k->failure = *error;
        (void)pthread_mutex_unlock(&k->words);
        add(&k->failures, 1);
        if (before && same) return;
    }
    if (!before && !now) return;
    atomic_store(&k->failing, now);
    if (k->config.news != NULL) k->config.news(k->config.self);
}

/* The group is on the disk: says so to its workers, and forgets it. */
static void publish(struct slc_keeper *k)
{
    for (size_t i = 0; i < k->group_len; i++) {
        struct desk *d = &k->desks[k->owner[i]];
        add(&d->durable_bytes, k->group[i]->bytes);
        atomic_store_explicit(&d->durable, atomic_load_explicit(&d->durable, memory_order_relaxed) + 1,
                              memory_order_release);
        slc_stored_record_free(k->group[i]);
        bool last = i + 1 == k->group_len || k->owner[i + 1] != k->owner[i];
        if (last && k->config.durable != NULL) k->config.durable(k->config.self, k->owner[i]);
    }
    add(&k->records, k->group_len);
    add(&k->transactions, 1);
    k->group_len = 0;
}

static slc_time processor_time(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (slc_time)t.tv_sec * SLC_SECOND + (slc_time)t.tv_nsec;
}

static enum slc_status write_group(struct slc_keeper *k, struct slc_error *error)
{
    slc_time begin = slc_now(), worked = processor_time();
    enum slc_status status = slc_storage_apply(k->config.storage, k->group, k->group_len, error);
    slc_time took = slc_now() - begin;
    worked = processor_time() - worked;
    add(&k->busy, worked);
    add(&k->on_disk, took > worked ? took - worked : 0);
    if (took > atomic_load_explicit(&k->longest, memory_order_relaxed)) atomic_store(&k->longest, took);
    if (status == SLC_OK) publish(k);
    set_failing(k, status == SLC_OK ? NULL : error);
    return status;
}

static void pause_until(struct slc_keeper *k, slc_time deadline)
{
    while (slc_now() < deadline && !atomic_load(&k->stopping)) {
        uint32_t ticket = slc_parker_ticket(&k->parker);
        if (atomic_load(&k->stopping)) return;
        slc_parker_park(&k->parker, ticket, deadline);
    }
}

static void *keeper_main(void *argument)
{
    struct slc_keeper *k = argument;
    slc_time pause = k->config.retry;
    (void)pthread_setname_np(pthread_self(), "slc-storage");
    for (;;) {
        uint32_t ticket = slc_parker_ticket(&k->parker);
        bool stopping = atomic_load(&k->stopping);
        slc_time begin = slc_now();
        if (k->group_len == 0) gather(k);
        if (k->group_len == 0) {
            if (stopping) return NULL;
            slc_parker_park(&k->parker, ticket, SLC_NEVER);
            add(&k->idle, slc_now() - begin);
            continue;
        }
        struct slc_error error = {0};
        enum slc_status status = write_group(k, &error);
        if (status == SLC_OK) {
            pause = k->config.retry;
            continue;
        }
        if (stopping) return NULL;
        pause_until(k, slc_now() + pause);
        pause = pause * 2 < LAST_RETRY ? pause * 2 : LAST_RETRY;
    }
}

enum slc_status slc_keeper_start(struct slc_keeper *k, struct slc_error *error)
{
    /* Signals belong to the control thread. */
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&k->thread, NULL, keeper_main, k);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) return slc_fail(error, SLC_IO, "cannot start the storage thread: %s", strerror(failed));
    k->running = true;
    return SLC_OK;
}

/* With the threads gone, this one is both sides of the rings. */
static enum slc_status write_rest(struct slc_keeper *k, uint64_t *lost, struct slc_error *error)
{
    enum slc_status status = SLC_OK;
    *lost = 0;
    while (status == SLC_OK) {
        for (unsigned i = 0; i < k->config.workers; i++) {
            hand_over(&k->desks[i]);
        }
        if (k->group_len == 0) gather(k);
        if (k->group_len == 0) break;
        status = write_group(k, error);
    }
    for (unsigned i = 0; i < k->config.workers; i++) {
        *lost += atomic_load(&k->desks[i].kept) - atomic_load(&k->desks[i].durable);
    }
    return status;
}

enum slc_status slc_keeper_stop(struct slc_keeper *k, uint64_t *lost, struct slc_error *error)
{
    *lost = 0;
    if (!k->running) return SLC_OK;
    atomic_store(&k->stopping, true);
    slc_parker_wake(&k->parker);
    (void)pthread_join(k->thread, NULL);
    k->running = false;
    return write_rest(k, lost, error);
}

/* ---- how it is ---- */

void slc_keeper_report(const struct slc_keeper *k, struct slc_keeper_report *report)
{
    *report = (struct slc_keeper_report){.failing = atomic_load(&k->failing)};
#define COPY(name) report->name = atomic_load_explicit(&k->name, memory_order_relaxed)
    COPY(failures);
    COPY(records);
    COPY(transactions);
    COPY(busy);
    COPY(on_disk);
    COPY(idle);
    COPY(longest);
#undef COPY
    for (unsigned i = 0; i < k->config.workers; i++) {
        report->waiting_bytes += waiting_bytes(&k->desks[i]);
    }
}

void slc_keeper_failure(struct slc_keeper *k, struct slc_error *error)
{
    (void)pthread_mutex_lock(&k->words);
    *error = k->failure;
    (void)pthread_mutex_unlock(&k->words);
}
