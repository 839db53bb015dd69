/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LOAD_RUN_INTERNAL_H
#define SLUICE_LOAD_RUN_INTERNAL_H

#include "tools/common/crowd.h"
#include "tools/load/load_internal.h"
#include "tools/load/ping.h"

/* One run: run.c drives it, measure.c takes its figures. */

enum { SLC_LOAD_THREADS = 1024 };

struct slc_load_snapshot {
    slc_time at, driver_busy;
    struct slc_client_counters counters, service_counters;
    struct slc_echo_counts books;
    struct slc_histogram slot_lateness;
    size_t resident;
    struct slc_thread_report threads[SLC_LOAD_THREADS]; /* the engine's, the services', the local mixnet's */
    size_t engine_threads, all_threads;
};

/* What goes on in a mixnet while it is loaded. */
struct slc_load_faults {
    slc_time next_cut, next_epoch;
    struct slc_refresh *refresh; /* of a directory's mixnet */
    uint64_t cuts, rotations;
    bool cut_waits; /* a worker of the local mixnet had no room for the order */
};

struct slc_load {
    const struct slc_load_options *options;
    struct slc_load_target *target;
    struct slc_report *report;
    struct slc_traffic traffic;

    struct slc_storage *storage; /* NULL: fresh clients */
    struct slc_crowd crowd;
    struct slc_engine *engine;
    struct slc_ping *ping;               /* NULL: messages go to the other clients       */
    bool *has_asked;                     /* ping: per client, it sent its first request  */
    struct slc_topology *first_topology; /* holds `gateways`                             */
    const struct slc_node **gateways;    /* clients are dealt out over them in turn      */
    size_t gateway_count;
    struct slc_load_faults faults;
    struct slc_recipient *recipients; /* per client of the schedule */
    uint32_t *numbers;                /* per client of the schedule: the engine's number */
    uint32_t *places;                 /* the other way round, by the engine's number   */
    size_t place_count;

    struct slc_arrivals arrivals;
    struct slc_arrival next;
    struct slc_ledger ledger;
    struct slc_load_key key;
    slc_time lead;           /* how long before its intended time a message is handed over */
    struct slc_send stuck;   /* prepared, and its worker's ring was full                   */
    bool is_stuck, offering; /* offering: the schedule is not at its end                   */
    slc_time stuck_since;    /* its intended time                                          */
    slc_time origin;         /* of the schedule, on the engine's clock                     */

    uint32_t failed_clients;
    char failure[SLC_REPORT_REASON_BYTES]; /* the first client that gave up, or the last that was lost */

    struct slc_load_snapshot *start, *stop, *end; /* of measuring; end: after the drain */
    struct slc_report_row row_before;             /* sums at the end of the last row    */
    slc_time row_from, row_due;
    size_t row_cap, resident_before; /* before the clients */
    struct slc_load_progress progress;
};

/* Begins cuts, epochs and refreshes; call when everybody is connected. */
SLC_MUST_CHECK enum slc_status slc_load_faults_begin(struct slc_load *load, struct slc_error *error);
/* What is due of them; returns when to call again. */
slc_time slc_load_faults_turn(struct slc_load *load, slc_time now);
void slc_load_faults_end(struct slc_load *load);

void slc_load_snapshot_take(const struct slc_load *load, struct slc_load_snapshot *snapshot);
/* Begins the rows of seconds, at the schedule's origin. */
void slc_load_rows_begin(struct slc_load *load);
/* Ends a row when it is due, or now. */
void slc_load_row(struct slc_load *load, slc_time now, bool end_it, const char *phase);
/* Bytes of this process in memory now; 0 when the system does not say. */
size_t slc_load_resident(void);
/* From the snapshots, the ledger and the engine into the report; before the engine stops. */
SLC_MUST_CHECK enum slc_status slc_load_measure(struct slc_load *load);

#endif
