/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LOAD_RUN_INTERNAL_H
#define SLUICE_LOAD_RUN_INTERNAL_H

#include "tools/load/load_internal.h"

/* One run: run.c drives it, measure.c takes its figures. */

enum { SLC_LOAD_THREADS = 1024 };

struct slc_load_snapshot {
    slc_time at, driver_busy;
    struct slc_client_counters counters;
    struct slc_thread_report threads[SLC_LOAD_THREADS]; /* the engine's, then the local mixnet's */
    size_t engine_threads, all_threads;
};

struct slc_load {
    const struct slc_load_options *options;
    struct slc_load_target *target;
    struct slc_report *report;
    struct slc_traffic traffic;

    struct slc_engine *engine;
    const struct slc_node **gateways; /* clients are dealt out over them in turn */
    size_t gateway_count;
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
    size_t row_cap;
    struct slc_load_progress progress;
};

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
