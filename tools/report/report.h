/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_REPORT_H
#define SLUICE_REPORT_H

#include "engine/client/client.h"
#include "engine/runtime/histogram.h"
#include "engine/runtime/runtime.h"
#include "tools/common/options.h"
#include "tools/common/page.h"
#include "tools/echo/service.h"

#include <stdio.h>

/*
 * What a load run found, filled once by the run and shown three ways: a summary for a screen, JSON for programs
 * (docs/report.md is its schema) and one self-contained HTML page, which is the JSON, a view of it and the charting
 * library. All three show the same numbers, because the page holds nothing but the JSON.
 */

#define SLC_REPORT_SCHEMA "sluice-load-report/2"
/* Said in every report. */
#define SLC_REPORT_ANONYMITY                                                                                           \
    "Load mode gives no anonymity: one machine, one schedule, and contents that say who sent what to whom."

enum slc_verdict {
    SLC_VERDICT_GOOD,
    SLC_VERDICT_FAILED,  /* it ran, and what it checked was not so                             */
    SLC_VERDICT_INVALID, /* the generator did not keep its own schedule: the figures say nothing */
    SLC_VERDICT_INTERRUPTED,
};
const char *slc_verdict_name(enum slc_verdict verdict);
/* The exit code that goes with it (tools/common/options.h). */
int slc_verdict_exit(enum slc_verdict verdict);

/*
 * Each offered message ends in exactly one of the fates below (docs/report.md, "The ledger"):
 *     offered = sent + missed + refused + waiting
 *     sent    = delivered + corrupted + lost + in_flight
 * acked and duplicated are said about messages that have their fate already. Where messages are requests (`ping`), each
 * sent one has an answer's fate besides:
 *     sent    = answered + answered_wrong + unanswered
 */
struct slc_report_messages {
    uint64_t offered;
    uint64_t missed;  /* unsent: the generator could not hand it over in time            */
    uint64_t refused; /* unsent: its client would not take it                            */
    uint64_t waiting; /* unsent: at the end some fragment had still not had a slot       */
    uint64_t sent;    /* every fragment left once                                        */
    uint64_t delivered;
    uint64_t corrupted;
    uint64_t lost;      /* not delivered, and nobody would send it again                   */
    uint64_t in_flight; /* not delivered, and its sender would still repeat it             */
    uint64_t acked;
    uint64_t duplicated;
    uint64_t unrecognised; /* arrivals that are no message of this run                        */
    uint64_t answered;     /* the right answer came to who asked                              */
    uint64_t answered_wrong;
    uint64_t answered_again; /* answers beyond the first                                      */
    uint64_t unanswered;
    bool balanced; /* the two sums hold, and events and records agree                 */
};

struct slc_report_row { /* about a second */
    double at, seconds; /* its end, from the first intended time; its length */
    uint32_t ready;
    uint64_t offered, delivered, acked, answered;
    uint64_t in_flight;                        /* at its end, unsent and sent             */
    uint64_t real, cover, retransmitted, acks; /* packets                                 */
    slc_time delivered_p50, delivered_p99;     /* intended to delivered, of this second; 0: none came */
    slc_time answered_p50, answered_p99;       /* intended to answered                    */
    slc_time lateness_max;                     /* of the generator                        */
    size_t resident;                           /* of the process, at its end              */
};

struct slc_report_gateway {
    char identity[SLC_BASE58_MAX];
    char address[SLC_ADDRESS_TEXT_MAX];
    uint32_t clients;
    struct slc_client_counters counters;
};

struct slc_report_thread {
    char name[24];
    int cpu;                                           /* -1: not pinned            */
    double busy, starved, backpressured, housekeeping; /* shares of its time, 0 .. 1 */
};

enum { SLC_REPORT_REASONS = 12, SLC_REPORT_REASON_BYTES = 240 };

struct slc_report {
    enum slc_verdict verdict;
    char reasons[SLC_REPORT_REASONS][SLC_REPORT_REASON_BYTES]; /* why not good; and what a reader should know */
    size_t reason_count;
    bool saturated;

    /* what was asked for */
    char target[320];
    bool local_network; /* the mixnet ran in this process */
    uint32_t client_count;
    double client_rate, total_rate; /* messages a second */
    const char *arrivals, *pacing;
    double slots_per_second; /* of each client's main stream; 0: no pacing   */
    bool adaptive;           /* slots slow down while a gateway does not keep up */
    bool cover;
    const char *presets;              /* --preset, or NULL                        */
    const struct slc_text_list *sets; /* --set, or NULL                           */
    size_t message_bytes, packets_per_message;
    uint32_t surbs;
    bool ping;              /* messages are requests, answered by SURB                       */
    uint32_t services;      /* that answer them                                              */
    bool services_here;     /* in this process: what they counted is known                   */
    uint32_t opening_surbs; /* in a client's first request; later ones have `surbs`          */
    uint64_t seed;
    slc_time wanted_duration;
    uint64_t started_unix;
    const char *cpu;
    char backend[160];

    /* how long each part took */
    slc_time connecting, warm_up, measured, draining;

    struct slc_report_messages messages, warm; /* warm: those offered before measuring began */

    /* Sums of all clients: in the measured time and the drain after it; in the measured time alone. */
    struct slc_client_counters packets, window;
    uint64_t wire_bytes_received; /* over both */
    /* The services' own, when they are here: sums over measured time and drain; books from their start on. */
    struct slc_client_counters service_packets;
    struct slc_echo_counts service_books;

    struct slc_histogram intended_to_delivered, intended_to_acked, sent_to_delivered, sent_to_acked, lateness;
    struct slc_histogram intended_to_answered, sent_to_answered;
    struct slc_histogram slot_lateness; /* how long after its slot each packet left, cover too */

    uint32_t ready, failed; /* clients at the end */
    size_t client_memory;   /* bytes that the engine's clients hold, all together */
    size_t resident_growth; /* of the process, from before the clients to all of them ready */
    size_t resident;        /* of the process at the end */
    size_t resident_loaded; /* growth since before the clients, when measuring ended */
    double resident_slope;  /* bytes a minute, by least squares over the last 80 % of the measured time */

    struct slc_report_gateway *gateways;
    size_t gateway_count;
    struct slc_report_thread *threads;
    size_t thread_count;
    struct slc_report_row *rows;
    size_t row_count;
};

/* Adds a reason in printf form; the last one is replaced by "and more" when there are too many. */
void slc_report_reason(struct slc_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Packets that the clients sent while measured, a second; and divided by the cores that the engine's threads kept busy
 * (not the local mixnet's, the services' or the driver's). 0: nothing was measured. */
double slc_report_packets_per_second(const struct slc_report *report);
double slc_report_packets_per_core(const struct slc_report *report);
/* SURBs that the services used for each answer, those of warm-up and repeats included; 0: not known. */
double slc_report_surbs_per_answer(const struct slc_report *report);

/* The percentiles every latency is given at, with their names in JSON. */
enum { SLC_REPORT_PERCENTILES = 5 };
extern const struct slc_report_percentile {
    const char *key, *label;
    double share;
} slc_report_percentiles[SLC_REPORT_PERCENTILES];

/* The summary: at most 40 lines of 100 columns and one per gateway and thread beyond four. */
void slc_report_print(const struct slc_report *report, FILE *out);

/* The JSON, allocated; NULL without memory. `for_html`: '<' and '>' are escaped, so that it can stand in a page. */
char *slc_report_json(const struct slc_report *report, bool for_html);

/* The page, to an open file; false: a write failed, see errno. */
bool slc_report_html(const struct slc_report *report, FILE *out);

/* Copies text from outside: what is not UTF-8, and control characters, become question marks; cut to fit `cap`. */
void slc_report_clean(char *out, size_t cap, const char *text);

/*
 * A file that will hold a report: opened before the run, so that a path that cannot be written costs no run; its old
 * content stays until there is a new one.
 */
struct slc_report_file {
    const char *path; /* NULL: not wanted; "-": standard output */
    int fd;
    bool created;
};
SLC_MUST_CHECK enum slc_status slc_report_open(struct slc_report_file *file, const char *path, struct slc_error *error);
/* Writes what `content` writes of `what`, and closes. SLC_IO names the path and the reason. */
SLC_MUST_CHECK enum slc_status slc_report_write(struct slc_report_file *file, slc_page_fn *content, const void *what,
                                                struct slc_error *error);
/* Writes and closes. SLC_IO names the path and the reason, such as a full disk. */
SLC_MUST_CHECK enum slc_status slc_report_write_json(struct slc_report_file *file, const struct slc_report *report,
                                                     struct slc_error *error);
SLC_MUST_CHECK enum slc_status slc_report_write_html(struct slc_report_file *file, const struct slc_report *report,
                                                     struct slc_error *error);
/* Closes without writing; removes the file if slc_report_open() made it. */
void slc_report_abandon(struct slc_report_file *file);

#endif
