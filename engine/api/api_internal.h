/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_API_INTERNAL_H
#define SLUICE_API_INTERNAL_H

#include "engine/engine.h"
#include "sluice/sluice.h"

#include <stdatomic.h>

/*
 * The public API (include/sluice/) over the engine (engine/engine.h): handles that are checked, one control thread,
 * events whose views are counted. Everything here belongs to the control thread, except where said.
 *
 * An engine's handle is its entry and the entry's generation; a client's is that and its number in the engine, whose
 * generation is the engine's.
 */

/* What the API keeps of a client, by its place. */
struct api_client {
    uint32_t number;
    bool taken, removed;
    bool starved;  /* got SLC_AGAIN for its window: wants ROOM */
    bool in_rooms; /* will be told ROOM */
    uint8_t state; /* enum slc_client_state                                   */
    void *user;
};

/* An event the program holds. */
struct api_hold {
    struct slc_engine_event event;
    uint32_t generation; /* odd while it is held */
    uint32_t next_free;
};

enum { API_INBOX = 64 };
#define API_NO_HOLD UINT32_MAX

struct api {
    uint64_t id; /* value of its handle */
    struct slc_engine *engine;
    struct slc_storage *storage; /* NULL: nothing is kept */
    const char *notice;          /* the storage's, to be told; NULL: none, or told */
    const char **nym_apis;       /* URLs, in the text below; NULL: a topology file */
    size_t nym_api_count;
    char *nym_api_text;
    struct slc_random random; /* for keys and the choice of gateways */
    uint32_t window_messages;
    uint64_t window_bytes;
    bool finishing; /* slc_finish() was called  */
    bool closed;    /* slc_close() inside a handler: freed when the outermost slc_dispatch() returns */
    unsigned dispatching;
    struct api_client *clients; /* by place */
    size_t max_clients;
    _Atomic size_t client_count; /* written by the control thread */
    uint32_t *rooms;             /* numbers of clients to be told ROOM, each once */
    size_t room_count;
    struct slc_engine_event inbox[API_INBOX]; /* taken from the engine, not by the program */
    size_t inbox_first, inbox_len;
    struct api_hold *holds;
    size_t hold_count, held;
    uint32_t free_hold;
};

/* ---- handles.c ---- */

/* A free entry for a new engine, the calling thread as its control thread. SLC_FULL, SLC_NO_MEMORY. */
SLC_MUST_CHECK enum slc_status slc_api_enter(struct api *api);
/* Makes the engine's handles bad, and waits for calls of other threads. */
void slc_api_leave(struct api *api);
/* The engine behind a handle, for its control thread: SLC_BAD_HANDLE, SLC_WRONG_THREAD. */
SLC_MUST_CHECK enum slc_status slc_api_of(struct slc_engine_id engine, struct api **api);
SLC_MUST_CHECK enum slc_status slc_api_client_of(struct slc_client_id client, struct api **api, struct api_client **c);
void slc_api_hand_over(struct api *api);
/* The same for any thread and signal handlers: it stays open until slc_api_unpin(). NULL: a bad handle. */
struct api *slc_api_pin(struct slc_engine_id engine);
void slc_api_unpin(struct slc_engine_id engine);

static inline struct slc_client_id slc_api_client_id(const struct api *api, uint32_t number)
{
    return (struct slc_client_id){api->id << 32 | number};
}

/* ---- structs that grow (sluice/sluice.h) ---- */

/*
 * Copies a struct of the program (NULL: all defaults) into one of ours of `size` bytes: what its size does not reach
 * is zero. SLC_BAD_ARGUMENT: a size below `least`; SLC_UNSUPPORTED: it sets a member we do not know.
 */
SLC_MUST_CHECK enum slc_status slc_api_take(void *ours, size_t size, size_t least, const void *theirs);
/* The other way, for results; the size the program gave stays. */
SLC_MUST_CHECK enum slc_status slc_api_give(void *theirs, size_t least, const void *ours, size_t size);

/* ---- wait.c ---- */

/* A moment, for workers to catch up: they take their orders in milliseconds and wait for nothing of ours. */
void slc_api_pause(void);

/* ---- events.c ---- */

/* ROOM for that client, by the next poll. */
void slc_api_tell_room(struct api *api, struct api_client *c);
/* Whether the next poll has something without the engine. */
bool slc_api_waiting(const struct api *api);
/* Takes all events that are left; how many were messages. */
size_t slc_api_drop_unread(struct api *api);

/* ---- open.c ---- */

/* Frees an engine whose handles are bad already. */
void slc_api_free(struct api *api);

#endif
