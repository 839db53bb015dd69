/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LOAD_INTERNAL_H
#define SLUICE_LOAD_INTERNAL_H

#include "engine/engine.h"
#include "engine/node/localnet.h"
#include "tools/common/mixnet.h"
#include "tools/common/options.h"
#include "tools/common/traffic.h"
#include "tools/load/arrivals.h"
#include "tools/load/ledger.h"
#include "tools/load/message.h"

/* The parts of `sluice load`: options, what is loaded, the run, and what it says while it runs. One thread. */

enum slc_load_pacing { SLC_LOAD_PACING_DEFAULT, SLC_LOAD_PACING_FAST, SLC_LOAD_PACING_NONE };

struct slc_load_options {
    bool local;
    const char *network, *api;
    uint64_t mixnodes, gateways, local_threads; /* of the local mixnet   */
    double loss, duplicate;
    bool tcp_hops, no_delays, frames_v8;
    slc_time cut_every, epoch; /* 0: never */
    uint64_t rotation_epochs;

    bool ping, surbs_given, services_given; /* ping: messages are requests, answered by services */
    struct slc_text_list to;
    const char *address_file;
    uint64_t services; /* in this process, unless others are named */

    uint64_t clients;
    slc_time duration, warm_up, drain, connect;
    double rate, total_rate; /* one of both is given; then both are set */
    bool rate_given, total_rate_given;
    unsigned arrivals, pacing; /* enum slc_arrivals_kind, enum slc_load_pacing */
    bool pacing_given, no_cover;
    uint64_t message_bytes, surbs, hop_delay;
    bool hop_delay_given;
    unsigned packet_size; /* index into the choices */
    bool packet_size_given;
    struct slc_traffic_words traffic;
    uint64_t seed;
    bool seed_given;

    uint64_t threads; /* 0: the engine's own choice */
    struct slc_cpu_list cpus;
    unsigned io, wait; /* enum slc_loop_backend, enum slc_wait */
    bool tls;
    const char *ca_file;
    const char *home; /* NULL: fresh clients in each run */

    const char *json, *html;
    bool quiet, permitted;
};

/* Parses and checks the command line, and completes rates and seed. Returns -1 to go on, else the exit code. */
int slc_load_options_parse(int argc, char **argv, struct slc_load_options *options);
/* The engine's traffic as the options ask for it; they were checked. */
void slc_load_traffic(const struct slc_load_options *options, struct slc_traffic *traffic);
/*
 * SURBs that a message carries. In a ping, unless named: what its answer takes, and in a client's first request besides
 * what a service keeps for asking for more (docs/protocol/4-client.md, section 7.4).
 */
uint32_t slc_load_surbs(const struct slc_load_options *options, const struct slc_traffic *traffic, bool first);
/* Packets that one message takes: fragments of it with its head. */
size_t slc_load_packets_per_message(const struct slc_load_options *options, const struct slc_traffic *traffic);
/*
 * Whether the slots of one client carry its messages. SLC_OUT_OF_RANGE with the arithmetic in `error` when they
 * cannot.
 */
SLC_MUST_CHECK enum slc_status slc_load_fits(const struct slc_load_options *options, const struct slc_traffic *traffic,
                                             struct slc_error *error);
/*
 * Whether a network that is not on this machine may be loaded so: SLC_DENIED without the flag, SLC_OUT_OF_RANGE above
 * SLC_LOAD_CEILING packets a second, cover included.
 */
enum { SLC_LOAD_CEILING = 1000 };
SLC_MUST_CHECK enum slc_status slc_load_may(const struct slc_load_options *options, const struct slc_traffic *traffic,
                                            struct slc_error *error);

/* ---- what is loaded ---- */

struct slc_load_target {
    struct slc_localnet *net; /* NULL: runs elsewhere */
    struct slc_mixnet mixnet;
    char text[320]; /* for people */
};
/* Starts, reads or fetches it. Returns -1, or the exit code after saying why. */
int slc_load_target_open(struct slc_load_target *target, const struct slc_load_options *options);
/* The local mixnet's snapshot as it is now, in place of the one before. Control thread. */
SLC_MUST_CHECK enum slc_status slc_load_target_refresh(struct slc_load_target *target, struct slc_error *error);
void slc_load_target_close(struct slc_load_target *target);

/* ---- the run ---- */

/*
 * Runs the load and fills the report, whose rows, gateways and threads are then to be freed by
 * slc_load_report_free(). SIGINT and SIGTERM end it early, with a report. Returns -1 when there is a report, else the
 * exit code after saying why not.
 */
int slc_load_run(const struct slc_load_options *options, struct slc_load_target *target, struct slc_report *report);
void slc_load_report_free(struct slc_report *report);

/* Judges a filled report: verdict, reasons. */
void slc_load_judge(struct slc_report *report, bool interrupted, const char *does_not_fit);

/* ---- progress, on standard error ---- */

struct slc_load_progress {
    bool quiet, terminal;
    unsigned rows; /* shown or not */
};
void slc_load_progress_init(struct slc_load_progress *progress, bool quiet);
/* After each row: rewrites one line on a terminal, else writes every fifth. */
void slc_load_progress_row(struct slc_load_progress *progress, const struct slc_report_row *row, const char *phase,
                           uint32_t clients);
/* Ends the rewritten line, before something else is written. */
void slc_load_progress_end(struct slc_load_progress *progress);

#endif
