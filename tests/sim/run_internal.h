/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_RUN_INTERNAL_H
#define SLUICE_SIM_RUN_INTERNAL_H

#include "tests/sim/run.h"
#include "tests/sim/stats.h"
#include "tests/sim/world.h"

/* What a run's files share: run.c makes and drives, app.c is the applications, faults.c the script, check.c judges. */

/* One message in the application's ledger. */
struct sim_message {
    uint32_t from, to, len, surbs;
    bool anonymous, reply;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    bool submitted, sent, acked, expired;
    bool died;     /* open when the process died */
    bool orphaned; /* acked and not delivered when the process died: what there was of it may have been in its memory */
    uint8_t status; /* of EXPIRED */
    uint32_t delivered;
    uint32_t life;    /* of the last delivery */
    uint32_t replies; /* still to be given */
};

struct sim_client {
    struct slc_recipient recipient;
    uint64_t identity; /* in the storage; 0: none */
    bool ready, was_ready, failed, spoke;
    uint32_t connection; /* of the packet seen last */
    slc_time last;
    uint32_t since;          /* packets of that connection */
    size_t spell;            /* where its gaps begin       */
    struct sim_samples gaps; /* between packets, seconds   */
    uint64_t packets;
};

/* Fingerprints seen. */
struct sim_headers {
    uint64_t *slots;
    size_t cap, used;
};

struct sim_run {
    struct sim_scenario scenario;
    struct sim_result *result;
    struct slc_localnet *net;
    struct slc_engine *engine; /* NULL: its process died, the next has not begun */
    struct slc_storage *storage;
    uint32_t life;
    struct slc_client_counters past; /* of earlier lives                                         */
    uint64_t unregistered;           /* clients of which the storage did not know when a life began */
    struct slc_topology *topology;
    struct sim_client *clients;
    struct sim_message *messages;
    size_t message_count, message_cap;
    size_t next_plan, next_action;
    uint32_t *waiting; /* messages that found the ring full */
    size_t waiting_len, waiting_cap;
    size_t open; /* submitted, neither acked nor expired */
    struct sim_headers headers;
    size_t packet_bytes; /* of the frames of the first packet seen */
    uint64_t events;
    uint64_t mutated;
    bool failed, ending;
    slc_time origin; /* all were ready */
    struct sim_fault_state *faults;
    uint64_t epoch;   /* the network's, as last seen        */
    slc_time refresh; /* when clients learn of it; 0: known */
    slc_time settled; /* from when on nothing for retired keys is under way any more */
    uint64_t retired; /* packets for retired keys until then                         */
    bool watching;
    size_t leaked;
};

/* Says which invariant is broken; the first counts. */
void sim_broken(struct sim_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- app.c ---- */

/* Sends what is due; returns when it wants to be called next. */
slc_time sim_app_send(struct sim_run *run);
void sim_app_poll(struct sim_run *run);
void sim_app_free(struct sim_run *run);

/* The process died: its messages end with it. */
void sim_app_mourn(struct sim_run *run);

/* ---- life.c ---- */

/* Its first life; the next one, of the same identities, on what the last has left. */
void sim_life_begin(struct sim_run *run);
/* The process dies, by a reset of its connections or an end of them. */
void sim_life_end(struct sim_run *run, bool reset);
/* Of all lives. */
void sim_life_counters(const struct sim_run *run, struct slc_client_counters *counters);

/* ---- faults.c ---- */

void sim_faults_init(struct sim_run *run);
/* Obeys the script up to now; returns when it goes on. */
slc_time sim_faults_obey(struct sim_run *run);
/* Epochs pass, and clients learn of them; returns when it goes on. */
slc_time sim_epochs_pass(struct sim_run *run);
/* All that is wrong is put right. */
void sim_faults_heal(struct sim_run *run);
void sim_faults_free(struct sim_run *run);

/* ---- check.c ---- */

void sim_check_begin(struct sim_run *run);
/* Between epochs: no packet for a retired key comes any more. */
void sim_check_keys(struct sim_run *run, bool new_epoch);
void sim_check_end(struct sim_run *run);
/* Connections of the next life are none of this. */
void sim_check_life(struct sim_run *run);
void sim_check_free(struct sim_run *run);
size_t sim_memory(const struct sim_run *run);

#endif
