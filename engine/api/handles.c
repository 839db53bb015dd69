/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/api/api_internal.h"

#include "engine/engine_internal.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/*
 * Entries are never freed, so that a handle of any age can be looked up. `generation` is 0 while an entry is free.
 * Only the control thread closes an engine, and only it uses `api` without pinning.
 */
static struct entry {
    _Atomic uint32_t generation;
    _Atomic uint32_t pins;       /* calls of any thread under way  */
    _Atomic(const char *) owner; /* mark of the control thread; NULL: the next to come */
    uint32_t last_generation;    /* under `entering`               */
    struct api *api;
} entries[SLC_ENGINES_MAX];
static pthread_mutex_t entering = PTHREAD_MUTEX_INITIALIZER;

enum { SLOT_BITS = 6, GENERATION_BITS = 26 };
_Static_assert(SLC_ENGINES_MAX == 1 << SLOT_BITS && SLOT_BITS + GENERATION_BITS == 32,
               "a client's number takes the rest");

/* Its address names the thread, without a system call. */
static _Thread_local const char mark;

enum slc_status slc_api_enter(struct api *api)
{
    (void)pthread_mutex_lock(&entering);
    struct entry *e = NULL;
    for (unsigned slot = 0; slot < SLC_ENGINES_MAX && e == NULL; slot++) {
        if (entries[slot].api == NULL) e = &entries[slot];
    }
    if (e != NULL) {
        e->last_generation = e->last_generation % ((1U << GENERATION_BITS) - 1) + 1;
        e->api = api;
        api->id = (uint64_t)e->last_generation << SLOT_BITS | (uint64_t)(e - entries);
        atomic_store(&e->owner, &mark);
        atomic_store(&e->generation, e->last_generation);
    }
    (void)pthread_mutex_unlock(&entering);
    return e == NULL ? SLC_FULL : SLC_OK;
}

static struct entry *entry_of(uint64_t id)
{
    struct entry *e = &entries[id % SLC_ENGINES_MAX];
    uint64_t generation = id >> SLOT_BITS;
    return generation != 0 && atomic_load(&e->generation) == generation ? e : NULL;
}

void slc_api_leave(struct api *api)
{
    struct entry *e = &entries[api->id % SLC_ENGINES_MAX];
    atomic_store(&e->generation, 0);
    while (atomic_load(&e->pins) != 0) {
        (void)sched_yield();
    }
    (void)pthread_mutex_lock(&entering);
    e->api = NULL;
    (void)pthread_mutex_unlock(&entering);
}

/* Whether this is the control thread, or becomes it after slc_hand_over(). */
static enum slc_status check_thread(struct entry *e, uint64_t id)
{
    const char *owner = atomic_load(&e->owner);
    if (owner == &mark) return SLC_OK;
    if (owner != NULL || !atomic_compare_exchange_strong(&e->owner, &owner, &mark)) return SLC_WRONG_THREAD;
    if (entry_of(id) != NULL) return SLC_OK;
    /* Another thread had it and closed it in between: this is the next engine there, and not ours. */
    atomic_store(&e->owner, NULL);
    return SLC_BAD_HANDLE;
}

enum slc_status slc_api_of(struct slc_engine_id engine, struct api **api)
{
    struct entry *e = entry_of(engine.value);
    if (e == NULL) return SLC_BAD_HANDLE;
    enum slc_status status = check_thread(e, engine.value);
    if (status == SLC_OK) *api = e->api;
    return status;
}

enum slc_status slc_api_client_of(struct slc_client_id client, struct api **api, struct api_client **c)
{
    enum slc_status status = slc_api_of((struct slc_engine_id){client.value >> 32}, api);
    if (status != SLC_OK) return status;
    uint32_t number = (uint32_t)client.value, place = slc_place_of(number);
    if (place >= (*api)->max_clients) return SLC_BAD_HANDLE;
    *c = &(*api)->clients[place];
    return (*c)->taken && !(*c)->removed && (*c)->number == number ? SLC_OK : SLC_BAD_HANDLE;
}

void slc_api_hand_over(struct api *api)
{
    atomic_store(&entries[api->id % SLC_ENGINES_MAX].owner, NULL);
}

struct api *slc_api_pin(struct slc_engine_id engine)
{
    struct entry *e = &entries[engine.value % SLC_ENGINES_MAX];
    atomic_fetch_add(&e->pins, 1);
    if (entry_of(engine.value) != NULL) return e->api;
    atomic_fetch_sub(&e->pins, 1);
    return NULL;
}

void slc_api_unpin(struct slc_engine_id engine)
{
    atomic_fetch_sub(&entries[engine.value % SLC_ENGINES_MAX].pins, 1);
}
