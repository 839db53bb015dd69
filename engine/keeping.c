/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * What the engine does with its storage: new identities are written before they are used, records of an earlier life
 * come back with their client, records of this one go to the storage thread. Without a storage nothing here touches
 * anything.
 */

/* ---- the storage thread ---- */

static void on_durable(void *self, unsigned worker)
{
    slc_runtime_poke(((struct slc_engine *)self)->runtime, worker);
}

static void on_news(void *self)
{
    slc_runtime_wake(((struct slc_engine *)self)->runtime);
}

enum slc_status slc_keeping_new(struct slc_engine *e)
{
    if (e->config.storage == NULL) return SLC_OK;
    const struct slc_keeper_config config = {
        .storage = e->config.storage, .workers = e->workers, .durable = on_durable, .news = on_news, .self = e};
    return slc_keeper_new(&e->keeping.keeper, &config);
}

enum slc_status slc_keeping_start(struct slc_engine *e, struct slc_error *error)
{
    return e->keeping.keeper == NULL ? SLC_OK : slc_keeper_start(e->keeping.keeper, error);
}

void slc_keeping_stop(struct slc_engine *e)
{
    struct keeping *k = &e->keeping;
    uint64_t lost;
    struct slc_error error = {0};
    if (k->keeper == NULL || slc_keeper_stop(k->keeper, &lost, &error) == SLC_OK) return;
    (void)slc_fail(&k->error, error.status, "%llu records are lost: %s", (unsigned long long)lost, error.text);
}

void slc_keeping_free(struct slc_engine *e)
{
    slc_keeper_free(e->keeping.keeper);
    free(e->keeping.uses);
}

bool slc_keeping_news(struct slc_engine *e, struct slc_engine_event *event)
{
    struct keeping *k = &e->keeping;
    if (k->keeper == NULL) return false;
    struct slc_keeper_report report;
    slc_keeper_report(k->keeper, &report);
    struct slc_error now = {0};
    if (report.failing) slc_keeper_failure(k->keeper, &now);
    if (now.status == k->told && strcmp(now.text, k->error.text) == 0) return false;
    k->told = now.status;
    k->error = now;
    *event = (struct slc_engine_event){
        .kind = SLC_CLIENT_STORAGE, .client = UINT32_MAX, .at = slc_now(), .status = now.status, .text = k->error.text};
    return true;
}

/* ---- identities in use ---- */

/*
 * For each identity's number: 0, not used in this run; IN_USE; or how many records its worker had kept when it was
 * removed, and which worker that was.
 */
#define IN_USE UINT64_MAX
enum { WORKER_BITS = 8 };

static enum slc_status make_room(struct keeping *k, uint64_t identity)
{
    if (identity < k->use_count) return SLC_OK;
    size_t count = k->use_count == 0 ? 256 : k->use_count;
    while (count <= identity) {
        count *= 2;
    }
    uint64_t *grown = realloc(k->uses, count * sizeof *grown);
    if (grown == NULL) return SLC_NO_MEMORY;
    memset(grown + k->use_count, 0, (count - k->use_count) * sizeof *grown);
    k->uses = grown;
    k->use_count = count;
    return SLC_OK;
}

enum slc_status slc_engine_identity(const struct slc_engine *e, uint64_t identity)
{
    const struct keeping *k = &e->keeping;
    uint64_t use = identity < k->use_count ? k->uses[identity] : 0;
    if (use == 0) return SLC_NOT_FOUND;
    if (use == IN_USE) return SLC_DUPLICATE;
    /* What its last life has recorded has to be there before it is read. */
    unsigned worker = (unsigned)(use & ((1U << WORKER_BITS) - 1));
    return slc_keeper_durable(k->keeper, worker) < use >> WORKER_BITS ? SLC_AGAIN : SLC_OK;
}

static enum slc_status claim(struct slc_engine *e, uint64_t identity)
{
    enum slc_status status = make_room(&e->keeping, identity);
    if (status == SLC_OK) status = slc_engine_identity(e, identity);
    if (status != SLC_OK && status != SLC_NOT_FOUND) return status;
    e->keeping.uses[identity] = IN_USE;
    return SLC_OK;
}

void slc_keeping_dismiss(struct slc_engine *e, uint64_t identity, unsigned worker)
{
    struct keeping *k = &e->keeping;
    if (k->keeper == NULL || identity == 0) return;
    k->uses[identity] = slc_keeper_kept(k->keeper, worker) << WORKER_BITS | worker;
}

/* ---- what comes back ---- */

static enum slc_status remember(void *self, const struct slc_client_record *record)
{
    struct memories *m = self;
    if (m->count == m->cap) {
        size_t cap = m->cap == 0 ? 16 : m->cap * 2;
        struct slc_stored_record **grown = realloc(m->records, cap * sizeof(struct slc_stored_record *));
        if (grown == NULL) return SLC_NO_MEMORY;
        m->records = grown;
        m->cap = cap;
    }
    m->records[m->count] = slc_stored_record_new(0, record);
    if (m->records[m->count] == NULL) return SLC_NO_MEMORY;
    m->count++;
    return SLC_OK;
}

void slc_memories_free(struct memories *m)
{
    for (size_t i = 0; i < m->count; i++) {
        slc_stored_record_free(m->records[i]);
    }
    free(m->records);
    *m = (struct memories){0};
}

void slc_memories_restore(struct memories *m, struct slc_clients *clients, uint32_t index, slc_time now)
{
    for (size_t i = 0; i < m->count; i++) {
        /* What this run's bounds, or memory, have no room for stays on the disk. */
        (void)!slc_clients_restore(clients, index, &m->records[i]->record, now, slc_unix_seconds());
    }
    slc_memories_free(m);
}

static enum slc_status find(struct slc_engine *e, uint64_t *identity, const struct slc_client_keys *keys,
                            struct memories *m)
{
    struct keeping *k = &e->keeping;
    if (*identity == 0) return slc_storage_add(e->config.storage, "", keys, identity, &k->error);
    return slc_storage_load(e->config.storage, *identity, remember, m, &k->error);
}

enum slc_status slc_keeping_admit(struct slc_engine *e, uint64_t *identity, const struct slc_client_keys *keys,
                                  struct memories *m)
{
    struct keeping *k = &e->keeping;
    bool fresh = *identity == 0;
    *m = (struct memories){0};
    if (k->keeper == NULL) return *identity == 0 ? SLC_OK : SLC_BAD_ARGUMENT;
    enum slc_status status = fresh ? SLC_OK : claim(e, *identity);
    if (status != SLC_OK) return status;
    status = find(e, identity, keys, m);
    if (status == SLC_OK && fresh) status = claim(e, *identity);
    if (status == SLC_OK) return SLC_OK;
    slc_memories_free(m);
    if (!fresh) k->uses[*identity] = 0;
    return status;
}

const char *slc_engine_storage_words(const struct slc_engine *e)
{
    return e->keeping.error.text;
}

void slc_engine_storage(const struct slc_engine *e, struct slc_keeper_report *report)
{
    *report = (struct slc_keeper_report){0};
    if (e->keeping.keeper != NULL) slc_keeper_report(e->keeping.keeper, report);
}

bool slc_keeping_row(const struct slc_engine *e, struct slc_thread_report *row)
{
    struct slc_keeper_report report;
    if (e->keeping.keeper == NULL) return false;
    slc_keeper_report(e->keeping.keeper, &report);
    *row = (struct slc_thread_report){.kind = SLC_THREAD_STORAGE,
                                      .name = "slc-storage",
                                      .cpu = -1,
                                      .busy = report.busy,
                                      .backpressured = report.on_disk,
                                      .starved = report.idle,
                                      .turns = report.transactions,
                                      .frames_in = report.records};
    return true;
}

/* ---- a worker's side ---- */

uint64_t slc_crew_keep(void *self, uint32_t index, const struct slc_client_record *record)
{
    struct crew *crew = self;
    uint64_t identity = crew->identities[index];
    if (identity == 0) return 0;
    return slc_keeper_keep(crew->engine->keeping.keeper, slc_worker_index(crew->worker), identity, record);
}

void slc_crew_hear_durable(struct crew *crew, slc_time now)
{
    const struct slc_keeper *keeper = crew->engine->keeping.keeper;
    uint64_t durable = keeper == NULL ? 0 : slc_keeper_durable(keeper, slc_worker_index(crew->worker));
    if (durable == crew->durable) return;
    crew->durable = durable;
    slc_clients_durable(crew->clients, durable, now);
}

void slc_crew_hand_records(struct crew *crew)
{
    struct slc_keeper *keeper = crew->engine->keeping.keeper;
    if (keeper != NULL) slc_keeper_turn(keeper, slc_worker_index(crew->worker));
}
