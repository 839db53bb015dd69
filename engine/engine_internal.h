/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_ENGINE_INTERNAL_H
#define SLUICE_ENGINE_INTERNAL_H

#include "engine/buffers.h"
#include "engine/engine.h"

#include <stdatomic.h>

/*
 * The engine: one crew of virtual clients per worker, and the buffers and notes that travel between crews and the
 * control thread. A client's number is its index on its worker times the workers, plus the worker.
 * engine.c is the control thread's side, crew.c what a worker does.
 */

enum command_kind { COMMAND_SEND, COMMAND_TOPOLOGY };

struct command {
    enum command_kind kind;
    struct parcel *parcel;         /* SEND     */
    struct slc_topology *topology; /* TOPOLOGY: held for the receiver */
    struct slc_rotation_info info;
    bool has_info;
};
_Static_assert(sizeof(struct command) <= SLC_NOTE_BYTES, "a command is a note");
_Static_assert(sizeof(struct slc_engine_event) <= SLC_NOTE_BYTES, "an event is a note");

/* A message on its way to a worker: what it is, head room, data. Starts a message slot, or an allocation. */
struct parcel {
    struct slc_outgoing outgoing;
    uint8_t bytes[];
};

struct crew {
    struct slc_engine *engine;
    struct slc_worker *worker;
    struct slc_clients *clients;
    struct slc_random random;
    slc_link *links;       /* per client; 0: not connected             */
    uint32_t *generations; /* of its connections, to know a stale one  */
    size_t client_count;
    struct slc_client_frame *frames;
    struct slc_buffers outgoing;  /* taken by control, given back by the crew */
    struct slc_buffers delivered; /* taken by the crew, given back by control */
    struct slc_note *backlog;     /* events that found the ring full          */
    size_t backlog_len, backlog_cap;
    _Atomic size_t ready;
};

struct slc_engine {
    struct slc_engine_config config;
    struct slc_runtime *runtime;
    struct slc_topology *topology;
    struct slc_tls *tls;
    struct crew *crews;
    unsigned workers;
    size_t client_count;
    unsigned next_poll;
    bool started;
};

/* What one worker does with its clients. */
struct slc_role slc_crew_role(struct crew *crew);
SLC_MUST_CHECK enum slc_status slc_crew_init(struct crew *crew, struct slc_engine *engine,
                                             const struct slc_rotation_info *info);
/* After the threads have ended. */
void slc_crew_free(struct crew *crew);

#endif
