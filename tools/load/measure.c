/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/run_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

size_t slc_load_resident(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return 0;
    unsigned long long size, resident;
    bool read = fscanf(file, "%llu %llu", &size, &resident) == 2;
    (void)fclose(file);
    return read ? (size_t)resident * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

void slc_load_snapshot_take(const struct slc_load *l, struct slc_load_snapshot *s)
{
    s->at = slc_now();
    struct timespec busy = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &busy);
    s->driver_busy = (slc_time)busy.tv_sec * SLC_SECOND + (slc_time)busy.tv_nsec;
    slc_engine_counters(l->engine, &s->counters);
    memset(&s->slot_lateness, 0, sizeof s->slot_lateness);
    slc_engine_lateness(l->engine, &s->slot_lateness);
    s->resident = slc_load_resident();
    s->engine_threads = slc_engine_threads(l->engine, s->threads, SLC_LOAD_THREADS);
    s->all_threads = s->engine_threads;
    if (l->ping != NULL) {
        slc_ping_numbers(l->ping, &s->service_counters, &s->books);
        s->all_threads += slc_ping_threads(l->ping, s->threads + s->all_threads, SLC_LOAD_THREADS - s->all_threads);
    }
    if (l->target->net == NULL) return;
    s->all_threads +=
        slc_localnet_threads(l->target->net, s->threads + s->all_threads, SLC_LOAD_THREADS - s->all_threads);
}

/* ---- rows ---- */

static void sums_now(const struct slc_load *l, struct slc_report_row *row)
{
    const struct slc_ledger_counts *run = &l->ledger.run, *warm = &l->ledger.warm;
    struct slc_client_counters c;
    slc_engine_counters(l->engine, &c);
    *row = (struct slc_report_row){.offered = run->offered + warm->offered,
                                   .delivered = run->delivered + warm->delivered,
                                   .acked = run->acked + warm->acked,
                                   .answered = run->answered + warm->answered,
                                   .real = c.real_sent + c.surb_packets_sent,
                                   .cover = c.cover_sent,
                                   .retransmitted = c.retransmitted,
                                   .acks = c.acks_received + c.cover_acks_received};
    uint64_t arrived = row->delivered + run->corrupted + warm->corrupted;
    if (l->ping != NULL) arrived = row->answered + run->answered_wrong + warm->answered_wrong;
    row->in_flight = row->offered - arrived - run->missed - run->refused - warm->missed - warm->refused;
}

/* Whole seconds of the measured time, so the first row is what the warm-up leaves over. */
void slc_load_rows_begin(struct slc_load *l)
{
    sums_now(l, &l->row_before);
    l->row_from = l->origin;
    slc_time first = l->options->warm_up % SLC_SECOND;
    l->row_due = l->origin + (first == 0 ? SLC_SECOND : first);
}

void slc_load_row(struct slc_load *l, slc_time now, bool end_it, const char *phase)
{
    if (now < l->row_due && !end_it) return;
    struct slc_report *r = l->report;
    if (now == l->row_from || r->row_count == l->row_cap) return;
    struct slc_report_row sums, *row = &r->rows[r->row_count++];
    sums_now(l, &sums);
    *row = sums;
    row->at = ((double)now - (double)(l->origin + l->options->warm_up)) / (double)SLC_SECOND;
    row->seconds = (double)(now - l->row_from) / (double)SLC_SECOND;
    row->ready = (uint32_t)slc_engine_ready(l->engine);
    row->offered -= l->row_before.offered;
    row->delivered -= l->row_before.delivered;
    row->acked -= l->row_before.acked;
    row->answered -= l->row_before.answered;
    row->real -= l->row_before.real;
    row->cover -= l->row_before.cover;
    row->retransmitted -= l->row_before.retransmitted;
    row->acks -= l->row_before.acks;
    row->resident = slc_load_resident();
    slc_time p50 = slc_histogram_at(&l->ledger.recent, 0.5), p99 = slc_histogram_at(&l->ledger.recent, 0.99);
    *(l->ping != NULL ? &row->answered_p50 : &row->delivered_p50) = p50;
    *(l->ping != NULL ? &row->answered_p99 : &row->delivered_p99) = p99;
    row->lateness_max = l->ledger.recent_lateness;
    l->row_before = sums;
    l->row_from = now;
    while (l->row_due <= now) {
        l->row_due += SLC_SECOND;
    }
    memset(&l->ledger.recent, 0, sizeof l->ledger.recent);
    l->ledger.recent_lateness = 0;
    slc_load_progress_row(&l->progress, row, phase, r->client_count);
}

/* ---- the report's figures ---- */

static void subtract(struct slc_client_counters *to, const struct slc_client_counters *after,
                     const struct slc_client_counters *before)
{
#define X(name, text) to->name = after->name - before->name;
    SLC_CLIENT_COUNTERS(X)
#undef X
    to->slot_lateness_worst_ns = after->slot_lateness_worst_ns;
}

static uint64_t bytes_in(const struct slc_load_snapshot *s)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->engine_threads; i++) {
        bytes += s->threads[i].kind == SLC_THREAD_NETWORK ? s->threads[i].bytes_in : 0;
    }
    return bytes;
}

static void thread_row(struct slc_report_thread *row, const struct slc_thread_report *after,
                       const struct slc_thread_report *before)
{
    double busy = (double)(after->busy - before->busy), starved = (double)(after->starved - before->starved);
    double pressed = (double)(after->backpressured - before->backpressured);
    double housekeeping = (double)(after->housekeeping - before->housekeeping);
    double all = busy + starved + pressed + housekeeping;
    if (all <= 0) all = 1;
    (void)snprintf(row->name, sizeof row->name, "%s", after->name);
    row->cpu = after->cpu;
    row->busy = busy / all;
    row->starved = starved / all;
    row->backpressured = pressed / all;
    row->housekeeping = housekeeping / all;
}

static enum slc_status measure_threads(const struct slc_load *l)
{
    struct slc_report *r = l->report;
    const struct slc_load_snapshot *start = l->start, *stop = l->stop;
    r->threads = calloc(stop->all_threads + 1, sizeof *r->threads);
    if (r->threads == NULL) return SLC_NO_MEMORY;
    for (size_t i = 0; i < stop->all_threads && i < start->all_threads; i++) {
        thread_row(&r->threads[r->thread_count++], &stop->threads[i], &start->threads[i]);
    }
    struct slc_report_thread *driver = &r->threads[r->thread_count++];
    double whole = (double)(stop->at - start->at);
    (void)snprintf(driver->name, sizeof driver->name, "driver");
    driver->cpu = -1;
    driver->busy = whole > 0 ? (double)(stop->driver_busy - start->driver_busy) / whole : 0;
    if (driver->busy > 1) driver->busy = 1;
    driver->starved = 1 - driver->busy;
    return SLC_OK;
}

static enum slc_status measure_gateways(const struct slc_load *l)
{
    struct slc_report *r = l->report;
    r->gateways = calloc(l->gateway_count, sizeof *r->gateways);
    if (r->gateways == NULL) return SLC_NO_MEMORY;
    r->gateway_count = l->gateway_count;
    for (size_t i = 0; i < l->gateway_count; i++) {
        struct slc_report_gateway *row = &r->gateways[i];
        const struct slc_node *node = l->gateways[i];
        enum slc_status status =
            slc_base58_encode(row->identity, sizeof row->identity, slc_bytes(node->identity, SLC_IDENTITY_BYTES));
        if (status != SLC_OK) return status;
        slc_address_to_text(&node->ws, row->address);
        row->clients = r->client_count / (uint32_t)l->gateway_count + (i < r->client_count % l->gateway_count);
        slc_engine_gateway_counters(l->engine, node->identity, &row->counters);
    }
    return SLC_OK;
}

/* Least squares over the rows in the last 80 % of the measured time: what comes before is still filling up. */
static double resident_slope(const struct slc_report *r)
{
    double end = (double)r->measured / (double)SLC_SECOND, n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (size_t i = 0; i < r->row_count; i++) {
        const struct slc_report_row *row = &r->rows[i];
        if (row->at < 0.2 * end || row->at > end + 0.5) continue;
        double minutes = row->at / 60, bytes = (double)row->resident;
        n++;
        x += minutes;
        y += bytes;
        xx += minutes * minutes;
        xy += minutes * bytes;
    }
    double spread = n * xx - x * x;
    return n > 1 && spread > 0 ? (n * xy - x * y) / spread : 0;
}

static void measure_services(const struct slc_load *l)
{
    struct slc_report *r = l->report;
    if (l->ping == NULL) return;
    r->services = (uint32_t)slc_ping_services(l->ping);
    r->services_here = slc_ping_is_here(l->ping);
    subtract(&r->service_packets, &l->end->service_counters, &l->start->service_counters);
    r->service_books = l->end->books;
}

enum slc_status slc_load_measure(struct slc_load *l)
{
    struct slc_report *r = l->report;
    subtract(&r->packets, &l->end->counters, &l->start->counters);
    subtract(&r->window, &l->stop->counters, &l->start->counters);
    r->wire_bytes_received = bytes_in(l->end) - bytes_in(l->start);
    r->measured = l->stop->at - l->start->at;
    r->draining = l->end->at - l->stop->at;
    r->intended_to_delivered = l->ledger.intended_to_delivered;
    r->intended_to_acked = l->ledger.intended_to_acked;
    r->sent_to_delivered = l->ledger.sent_to_delivered;
    r->sent_to_acked = l->ledger.sent_to_acked;
    r->lateness = l->ledger.lateness;
    r->intended_to_answered = l->ledger.intended_to_answered;
    r->sent_to_answered = l->ledger.sent_to_answered;
    r->slot_lateness = l->stop->slot_lateness;
    slc_histogram_since(&r->slot_lateness, &l->start->slot_lateness);
    measure_services(l);
    slc_ledger_close(&l->ledger, &r->messages, &r->warm);
    r->ready = (uint32_t)slc_engine_ready(l->engine);
    r->failed = l->failed_clients;
    r->client_memory = slc_engine_client_memory(l->engine);
    r->resident = slc_load_resident();
    r->resident_loaded = l->stop->resident > l->resident_before ? l->stop->resident - l->resident_before : 0;
    r->resident_slope = resident_slope(r);
    (void)snprintf(r->backend, sizeof r->backend, "%s", slc_engine_backend(l->engine));
    enum slc_status status = measure_threads(l);
    return status == SLC_OK ? measure_gateways(l) : status;
}
