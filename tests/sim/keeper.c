/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/storage/keeper.h"
#include "tests/sim/world_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * engine/storage/keeper.h in virtual time: no thread, the real storage (in memory), and a disk that takes its time. One
 * transaction is under way; the next takes all that came meanwhile. What is written is there when the transaction ends.
 */

enum { GROUP = 4096 };
#define MOST_BYTES  ((size_t)64 << 20)
#define FIRST_RETRY (100 * SLC_MILLISECOND)
#define LAST_RETRY  (5 * SLC_SECOND)

struct queued {
    struct queued *next;
    struct slc_stored_record *record;
    unsigned worker;
};

struct desk {
    uint64_t kept, durable, bytes; /* bytes: not durable yet */
};

struct slc_keeper {
    struct slc_keeper_config config;
    struct desk *desks;
    struct queued *first, *last;
    struct slc_stored_record *group[GROUP];
    unsigned owner[GROUP];
    size_t group_len;
    slc_time began, pause;
    bool started, dead;
    struct slc_error failure;
    struct slc_keeper_report report;
};

/* The one of the process; there is one engine at a time. */
static struct slc_keeper *living;

enum slc_status slc_keeper_new(struct slc_keeper **keeper, const struct slc_keeper_config *config)
{
    struct slc_keeper *k = calloc(1, sizeof *k);
    if (k == NULL) abort();
    k->config = *config;
    k->config.most_bytes = sim.config.keeper_bytes > 0 ? sim.config.keeper_bytes : MOST_BYTES;
    k->pause = FIRST_RETRY;
    k->desks = calloc(config->workers, sizeof *k->desks);
    if (k->desks == NULL) abort();
    *keeper = living = k;
    return SLC_OK;
}

/* ---- the disk ---- */

static void gather(struct slc_keeper *k)
{
    while (k->first != NULL && k->group_len < GROUP) {
        struct queued *taken = k->first;
        k->first = taken->next;
        k->group[k->group_len] = taken->record;
        k->owner[k->group_len++] = taken->worker;
        free(taken);
    }
    if (k->first == NULL) k->last = NULL;
}

/* Half to one and a half of what transactions take now. */
static slc_time drawn_delay(void)
{
    slc_time mean = sim.now < sim.disk.slow_until ? sim.disk.slow_delay : sim.config.disk_delay;
    return 1 + (slc_time)((0.5 + slc_random_unit(&sim.disk.random)) * (double)mean);
}

static void begin_transaction(struct slc_keeper *k)
{
    if (k->group_len == 0) gather(k);
    if (k->group_len == 0) return;
    k->began = sim.now;
    world_add(sim.now + drawn_delay(), EVENT_DISK, k);
}

/* What a mutation loses although it says that it is durable. */
static bool is_forgotten(const struct slc_stored_record *record)
{
    enum slc_client_record_kind kind = record->record.kind;
    return (sim.config.mutation == SIM_FORGET_LEASE && kind == SLC_RECORD_LEASE) ||
           (sim.config.mutation == SIM_FORGET_KEY && kind == SLC_RECORD_KEY);
}

static enum slc_status apply(struct slc_keeper *k, struct slc_error *error)
{
    struct slc_stored_record *kept[GROUP];
    size_t n = 0;
    if (sim.now < sim.disk.full_until) return slc_fail(error, SLC_FULL, "the simulated disk is full");
    for (size_t i = 0; i < k->group_len; i++) {
        if (!is_forgotten(k->group[i])) kept[n++] = k->group[i];
    }
    return n == 0 ? SLC_OK : slc_storage_apply(k->config.storage, kept, n, error);
}

static void free_group(struct slc_keeper *k)
{
    for (size_t i = 0; i < k->group_len; i++) {
        slc_stored_record_free(k->group[i]);
    }
    k->group_len = 0;
}

static void publish(struct slc_keeper *k)
{
    k->report.records += k->group_len;
    k->report.transactions++;
    for (size_t i = 0; i < k->group_len; i++) {
        struct desk *d = &k->desks[k->owner[i]];
        d->durable++;
        d->bytes -= k->group[i]->bytes;
    }
    size_t n = k->group_len;
    free_group(k);
    for (size_t i = 0; i < n && k->config.durable != NULL; i++) {
        bool last = i + 1 == n || k->owner[i + 1] != k->owner[i];
        if (last) k->config.durable(k->config.self, k->owner[i]);
    }
}

static void set_failing(struct slc_keeper *k, bool failing)
{
    k->report.failures += failing;
    if (k->report.failing == failing) return;
    k->report.failing = failing;
    if (k->config.news != NULL) k->config.news(k->config.self);
}

void keeper_disk(struct slc_keeper *k)
{
    if (sim.now < sim.disk.still_until) {
        world_add(sim.disk.still_until, EVENT_DISK, k);
        return;
    }
    struct slc_error error = {0};
    sim_trace(sim.now << 8 | 0xd0);
    slc_time took = sim.now - k->began;
    if (took > k->report.longest) k->report.longest = took;
    enum slc_status status = apply(k, &error);
    if (status == SLC_OK) {
        publish(k);
        k->pause = FIRST_RETRY;
        begin_transaction(k);
    } else {
        k->failure = error;
        world_add(sim.now + k->pause, EVENT_DISK, k);
        k->pause = k->pause * 2 < LAST_RETRY ? k->pause * 2 : LAST_RETRY;
    }
    set_failing(k, status != SLC_OK);
}

/* A transaction may have been written, and nobody was told. */
void keeper_kill(void)
{
    struct slc_keeper *k = living;
    if (k == NULL || k->dead) return;
    struct slc_error error;
    if (slc_random_below(&sim.disk.random, 2) == 0 && k->group_len > 0) (void)!apply(k, &error);
    k->dead = true;
}

void sim_disk_slow(slc_time until, slc_time delay)
{
    sim.disk.slow_until = until;
    sim.disk.slow_delay = delay;
}

void sim_disk_still(slc_time until)
{
    sim.disk.still_until = until;
}

void sim_disk_full(slc_time until)
{
    sim.disk.full_until = until;
}

/* ---- from beginning to end ---- */

enum slc_status slc_keeper_start(struct slc_keeper *k, struct slc_error *error)
{
    (void)error;
    k->started = true;
    return SLC_OK;
}

/* The program waits for it: no time passes. */
enum slc_status slc_keeper_stop(struct slc_keeper *k, uint64_t *lost, struct slc_error *error)
{
    enum slc_status status = SLC_OK;
    *lost = 0;
    if (!k->started || k->dead) return SLC_OK;
    k->started = false;
    for (gather(k); k->group_len > 0 && status == SLC_OK; gather(k)) {
        status = apply(k, error);
        if (status == SLC_OK) publish(k);
    }
    for (unsigned w = 0; w < k->config.workers; w++) {
        *lost += k->desks[w].kept - k->desks[w].durable;
    }
    return status;
}

static bool is_of_keeper(const struct event *event, const void *keeper)
{
    return event->kind == EVENT_DISK && event->subject == keeper;
}

void slc_keeper_free(struct slc_keeper *k)
{
    if (k == NULL) return;
    world_forget(is_of_keeper, k);
    free_group(k);
    while (k->first != NULL) {
        gather(k);
        free_group(k);
    }
    if (living == k) living = NULL;
    free(k->desks);
    free(k);
}

/* ---- a worker's side ---- */

uint64_t slc_keeper_keep(struct slc_keeper *k, unsigned worker, uint64_t identity,
                         const struct slc_client_record *record)
{
    struct desk *d = &k->desks[worker];
    bool must = record->kind == SLC_RECORD_REGISTRATION;
    if (!must && (d->bytes >= k->config.most_bytes || k->dead)) return SLC_KEEP_FULL;
    struct queued *q = calloc(1, sizeof *q);
    struct slc_stored_record *copy = slc_stored_record_new(identity, record);
    if (q == NULL || copy == NULL) abort();
    *q = (struct queued){.record = copy, .worker = worker};
    *(k->first == NULL ? &k->first : &k->last->next) = q;
    k->last = q;
    d->bytes += copy->bytes;
    return ++d->kept;
}

void slc_keeper_turn(struct slc_keeper *k, unsigned worker)
{
    (void)worker;
    if (k->group_len == 0 && k->started && !k->dead) begin_transaction(k);
}

uint64_t slc_keeper_kept(const struct slc_keeper *k, unsigned worker)
{
    return k->desks[worker].kept;
}

uint64_t slc_keeper_durable(const struct slc_keeper *k, unsigned worker)
{
    return k->desks[worker].durable;
}

/* ---- how it is ---- */

void slc_keeper_report(const struct slc_keeper *k, struct slc_keeper_report *report)
{
    *report = k->report;
    for (unsigned w = 0; w < k->config.workers; w++) {
        report->waiting_bytes += k->desks[w].bytes;
    }
}

void slc_keeper_failure(struct slc_keeper *k, struct slc_error *error)
{
    *error = k->failure;
}
