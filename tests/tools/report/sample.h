/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_REPORT_SAMPLE_H
#define SLUICE_TEST_REPORT_SAMPLE_H

#include "tools/report/report.h"

#include <math.h>
#include <stdlib.h>

/* A report as a run of 20 s would leave it, with a known number in every member; for tests only. */

enum { SAMPLE_ROWS = 23, SAMPLE_THREADS = 7, SAMPLE_GATEWAYS = 2 };

static inline double sample_unit(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*state >> 11) / 9007199254740992.0;
}

/* The sum of `parts` exponential delays of 15 ms, and a constant. */
static inline uint64_t sample_delay(uint64_t *state, unsigned parts, double constant)
{
    double sum = constant;
    for (unsigned i = 0; i < parts; i++) {
        sum += -log(1 - sample_unit(state)) * 15e6;
    }
    return (uint64_t)sum;
}

static inline void sample_latencies(struct slc_report *r)
{
    uint64_t state = 7;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t slot = sample_delay(&state, 5, 1e6), there = sample_delay(&state, 3, 2e6);
        uint64_t back = sample_delay(&state, 3, 2e6);
        slc_histogram_record(&r->sent_to_delivered, there);
        slc_histogram_record(&r->intended_to_delivered, slot + there);
        slc_histogram_record(&r->sent_to_acked, there + back);
        slc_histogram_record(&r->intended_to_acked, slot + there + back);
        slc_histogram_record(&r->lateness, (uint64_t)(-log(1 - sample_unit(&state)) * 120e3));
        slc_histogram_record(&r->slot_lateness, (uint64_t)(-log(1 - sample_unit(&state)) * 150e3));
        uint64_t answer = sample_delay(&state, 3, 3e6);
        slc_histogram_record(&r->sent_to_answered, there + answer);
        slc_histogram_record(&r->intended_to_answered, slot + there + answer);
    }
}

static inline void sample_rows(struct slc_report *r)
{
    uint64_t state = 3;
    r->rows = calloc(SAMPLE_ROWS, sizeof *r->rows);
    r->row_count = SAMPLE_ROWS;
    for (int i = 0; i < SAMPLE_ROWS; i++) {
        struct slc_report_row *row = &r->rows[i];
        bool offered = i < 21;
        row->at = i < 22 ? i : 21.4;
        row->seconds = i < 22 ? 1 : 0.4;
        row->ready = 25;
        row->offered = offered ? 960 + (uint64_t)(80 * sample_unit(&state)) : 0;
        row->delivered = offered ? row->offered - 20 + (uint64_t)(40 * sample_unit(&state)) : (i == 21 ? 94 : 3);
        row->acked = offered ? row->delivered - 10 + (uint64_t)(20 * sample_unit(&state)) : (i == 21 ? 120 : 9);
        row->in_flight = offered ? 90 + (uint64_t)(30 * sample_unit(&state)) : 0;
        row->real = row->offered;
        row->cover = 1375 - row->offered;
        row->retransmitted = i % 7 == 3 ? 4 : 0;
        row->acks = offered ? row->offered - 5 : 0;
        row->delivered_p50 = offered ? (slc_time)(115e6 + 10e6 * sample_unit(&state)) : 0;
        row->delivered_p99 = offered ? (slc_time)(250e6 + 40e6 * sample_unit(&state)) : 0;
        row->answered = row->acked;
        row->answered_p50 = row->delivered_p50 * 19 / 10;
        row->answered_p99 = row->delivered_p99 * 17 / 10;
        row->resident = (size_t)(60e6 + 1e6 * sample_unit(&state));
        row->lateness_max = (slc_time)(0.4e6 + 2e6 * sample_unit(&state));
    }
}

static inline void sample_parts(struct slc_report *r)
{
    static const char *const names[SAMPLE_THREADS] = {"slc-work-0", "slc-net-0", "slc-timer", "mix-work-0",
                                                      "mix-net-0",  "mix-timer", "driver"};
    static const double busy[SAMPLE_THREADS] = {0.41, 0.13, 0.02, 0.52, 0.14, 0.04, 0.03};
    r->threads = calloc(SAMPLE_THREADS, sizeof *r->threads);
    r->thread_count = SAMPLE_THREADS;
    for (unsigned i = 0; i < SAMPLE_THREADS; i++) {
        struct slc_report_thread *t = &r->threads[i];
        (void)snprintf(t->name, sizeof t->name, "%s", names[i]);
        t->cpu = i < 2 ? (int)i : -1;
        t->busy = busy[i];
        t->housekeeping = 0.01;
        t->starved = 1 - busy[i] - 0.01;
    }
    r->gateways = calloc(SAMPLE_GATEWAYS, sizeof *r->gateways);
    r->gateway_count = SAMPLE_GATEWAYS;
    for (unsigned i = 0; i < SAMPLE_GATEWAYS; i++) {
        struct slc_report_gateway *g = &r->gateways[i];
        (void)snprintf(g->identity, sizeof g->identity, "%s",
                       i == 0 ? "5MWqMQ1zUbGGdbUpEWxNbGyj4tjBVRQcsYuFdfQRhhQd"
                              : "9TAPhCtKpEQxVKHRQ8HEjfdpdcYVJKRaNHjFy2kfdCzn");
        (void)snprintf(g->address, sizeof g->address, "127.0.0.1:%u", 41233 + i);
        g->clients = 13 - i;
        g->counters = (struct slc_client_counters){.messages_sent = 10400 - 800 * i,
                                                   .messages_acked = 10398 - 800 * i,
                                                   .messages_delivered = 9700 + 500 * i,
                                                   .real_sent = 10400 - 800 * i,
                                                   .cover_sent = 3900 + i,
                                                   .retransmitted = 8 + i};
    }
}

static const struct slc_text_list sample_sets = {.text = {"traffic.average_packet_delay=10ms"}, .count = 1};

/* Of a ping with services in this process; to be freed with sample_free(). */
static inline void sample_report(struct slc_report *r)
{
    *r = (struct slc_report){.target = "local mixnet (3 mixnodes, 2 gateways)",
                             .local_network = true,
                             .client_count = 25,
                             .client_rate = 40,
                             .total_rate = 1000,
                             .arrivals = "poisson",
                             .pacing = "poisson",
                             .slots_per_second = 50,
                             .adaptive = true,
                             .presets = "default",
                             .sets = &sample_sets,
                             .cover = true,
                             .message_bytes = 1000,
                             .packets_per_message = 1,
                             .surbs = 1,
                             .opening_surbs = 11,
                             .ping = true,
                             .services = 2,
                             .services_here = true,
                             .seed = 4217,
                             .wanted_duration = 20 * SLC_SECOND,
                             .started_unix = 1764096000,
                             .cpu = "ifma",
                             .backend = "io_uring (multishot receive, provided buffers)",
                             .connecting = 131 * SLC_MILLISECOND,
                             .warm_up = SLC_SECOND,
                             .measured = 20 * SLC_SECOND,
                             .draining = 1400 * SLC_MILLISECOND,
                             .ready = 25,
                             .client_memory = 25 * 29 * 1024,
                             .resident_growth = 25 * 48 * 1024,
                             .resident = 61 << 20,
                             .resident_loaded = 25 * 72 * 1024,
                             .resident_slope = 12345,
                             .wire_bytes_received = 61000000};
    r->messages = (struct slc_report_messages){
        .offered = 20012, .sent = 20012, .delivered = 20012, .acked = 20012, .answered = 20012, .balanced = true};
    r->warm = (struct slc_report_messages){
        .offered = 990, .sent = 990, .delivered = 990, .acked = 990, .answered = 990, .balanced = true};
    r->service_packets = (struct slc_client_counters){
        .surbs_stored = 20287, .surbs_used = 20024, .surb_requests_sent = 3, .real_sent = 20012};
    r->service_books =
        (struct slc_echo_counts){.received = 21002, .received_bytes = 21002000, .sent = 21002, .answered = 21002};
    r->packets = (struct slc_client_counters){.real_sent = 20100,
                                              .cover_sent = 8900,
                                              .retransmitted = 12,
                                              .acks_received = 20012,
                                              .cover_acks_received = 8870,
                                              .surbs_made = 20287,
                                              .surb_requests_served = 3,
                                              .packet_bytes_sent = 70000000,
                                              .wire_bytes_sent = 71000000};
    r->window = (struct slc_client_counters){
        .real_sent = 20000, .cover_sent = 7500, .retransmitted = 12, .slots = 25000, .slots_late = 31};
    sample_latencies(r);
    sample_rows(r);
    sample_parts(r);
}

static inline void sample_free(struct slc_report *r)
{
    free(r->rows);
    free(r->threads);
    free(r->gateways);
}

#endif
