/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_ENGINE_INTERNAL_H
#define SLUICE_ENGINE_INTERNAL_H

#include "engine/buffers.h"
#include "engine/engine.h"
#include "engine/refresh.h"

#include <stdatomic.h>

/*
 * The engine: one crew of virtual clients per worker, and the buffers and notes that travel between crews and the
 * control thread. A client's place is its index on its worker times the workers, plus the worker.
 * engine.c is the control thread's side, crew.c what a worker does.
 */

enum command_kind {
    COMMAND_SEND,
    COMMAND_TOPOLOGY,
    COMMAND_ADD,
    COMMAND_REMOVE,
    COMMAND_LANE_CLOSE,
    COMMAND_LANE_ASK,
    COMMAND_CLOSE,
};

/* What an earlier life has left. */
struct memories {
    struct slc_stored_record **records;
    size_t count, cap;
};

/* A client on its way to its worker; in guarded memory. */
struct newcomer {
    struct slc_client_setup setup; /* its shared key, if any, is the one below */
    struct memories memories;
    uint8_t shared_key[SLC_SEAL_KEY_BYTES];
};

struct command {
    enum command_kind kind;
    uint32_t client;               /* ADD, REMOVE, LANE: its number */
    struct parcel *parcel;         /* SEND     */
    struct slc_topology *topology; /* TOPOLOGY: held for the receiver */
    struct slc_rotation_info info;
    bool has_info;
    struct newcomer *newcomer; /* ADD: the receiver frees it */
    uint64_t lane;             /* LANE  */
    slc_time deadline;         /* CLOSE */
};
_Static_assert(sizeof(struct command) <= SLC_NOTE_BYTES, "a command is a note");
_Static_assert(sizeof(struct slc_engine_event) <= SLC_NOTE_BYTES, "an event is a note");

/* A message on its way to a worker: what it is, head room, data. Starts a message slot, or an allocation. */
struct parcel {
    struct slc_outgoing outgoing;
    uint8_t bytes[];
};

/* Events that found the ring full, in order. */
struct backlog {
    struct slc_note *notes;
    size_t first, len, cap; /* notes[first .. len) wait */
};

struct crew {
    struct slc_engine *engine;
    struct slc_worker *worker;
    struct slc_clients *clients;
    struct slc_random random;
    size_t places;         /* for clients                              */
    slc_link *links;       /* per place; 0: not connected              */
    bool *fallback;        /* its gateway's other address is still to be tried */
    uint32_t *generations; /* of its connections, to know a stale one  */
    uint32_t *numbers;     /* of the clients in their places           */
    uint32_t *queues;      /* fragments that wait; written by the crew, read by control, relaxed */
    uint64_t *identities;  /* numbers in the storage; 0: not kept      */
    uint64_t durable;      /* records that clients know to be on disk  */
    struct slc_client_frame *frames;
    struct slc_buffers outgoing;  /* taken by control, given back by the crew */
    struct slc_buffers delivered; /* taken by the crew, given back by control */
    struct backlog backlog;
    size_t unsettled; /* messages taken and neither acked nor expired */
    slc_time close_by;
    bool closing, leaving, ended;
    const void *_Atomic home;                   /* of the thread it runs on; NULL: on none now */
    _Atomic unsigned memory_asked, memory_told; /* by others; by the crew, with `memory` */
    _Atomic size_t memory;
    _Atomic size_t ready;
    _Atomic uint64_t events_lost;
};

enum { PLACE_BITS = 20, GENERATIONS = 1 << (32 - PLACE_BITS) };

/* What control knows of the client in a place; a client's number is its place and its generation above it. */
struct seat {
    uint32_t generation;
    uint32_t next_free;
    bool taken;
    uint8_t state; /* enum slc_engine_state */
    enum slc_status status;
    char *text; /* of the last loss; NULL: none */
    size_t messages, bytes;
    uint64_t identity; /* in the storage; 0: not kept */
    struct slc_recipient recipient;
};

/* Control's side of the storage. */
struct keeping {
    struct slc_keeper *keeper; /* NULL: ephemeral */
    uint64_t *uses;            /* of identities, by number */
    size_t use_count;
    enum slc_status told; /* by the last event */
    struct slc_error error;
};

struct slc_engine {
    struct slc_engine_config config;
    struct keeping keeping;
    struct slc_runtime *runtime;
    struct slc_topology *topology; /* the newest; control's */
    struct slc_tls *tls;
    struct slc_refresh *refresh;    /* NULL: the topology is the program's      */
    struct slc_error refresh_error; /* words of the last TOPOLOGY event         */
    struct crew *crews;
    unsigned workers;
    struct seat *seats;             /* max_clients */
    size_t seat_count;              /* ever taken  */
    uint32_t free_first, free_last; /* oldest first */
    size_t unsettled, unsettled_bytes;
    unsigned next_poll;
    unsigned told, ended; /* crews that were told to close; whose last event was taken */
    slc_time close_by;
    bool started, closing;
};

static inline uint32_t slc_place_of(uint32_t client)
{
    return client & ((1U << PLACE_BITS) - 1);
}

/* ---- keeping.c: the storage; without one these do nothing ---- */

SLC_MUST_CHECK enum slc_status slc_keeping_new(struct slc_engine *engine);
SLC_MUST_CHECK enum slc_status slc_keeping_start(struct slc_engine *engine, struct slc_error *error);
/* After the workers have ended. */
void slc_keeping_stop(struct slc_engine *engine);
void slc_keeping_free(struct slc_engine *engine);
/* Writes a new identity and gives it its number, or loads what another has left. */
SLC_MUST_CHECK enum slc_status slc_keeping_admit(struct slc_engine *engine, uint64_t *identity,
                                                 const struct slc_client_keys *keys, struct memories *memories);
/* Its client, of this worker, is gone. */
void slc_keeping_dismiss(struct slc_engine *engine, uint64_t identity, unsigned worker);
/* Whether there is an event to tell. */
bool slc_keeping_news(struct slc_engine *engine, struct slc_engine_event *event);
/* Whether there is a storage thread to report on. */
bool slc_keeping_row(const struct slc_engine *engine, struct slc_thread_report *row);
/* Hands them to a client that was just added, and frees them. */
void slc_memories_restore(struct memories *memories, struct slc_clients *clients, uint32_t index, slc_time now);
void slc_memories_free(struct memories *memories);
/* Worker: the port's keep(); news from the disk; the end of a turn. */
uint64_t slc_crew_keep(void *crew, uint32_t index, const struct slc_client_record *record);
void slc_crew_hear_durable(struct crew *crew, slc_time now);
void slc_crew_hand_records(struct crew *crew);

/* ---- crew.c ---- */

/* What one worker does with its clients. */
struct slc_role slc_crew_role(struct crew *crew);
SLC_MUST_CHECK enum slc_status slc_crew_init(struct crew *crew, struct slc_engine *engine,
                                             const struct slc_rotation_info *info);
/* Bytes of its clients. Any thread; waits for the crew's next turn, at most 100 ms. */
size_t slc_crew_memory(struct crew *crew);
/* After the threads have ended. */
void slc_crew_free(struct crew *crew);

#endif
