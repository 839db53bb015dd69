/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BENCH_H
#define SLUICE_BENCH_H

#include <cjson/cJSON.h>

#include "crypto/base/random.h"
#include "crypto/sphinx/sphinx.h"
#include "tools/bench/peers_abi.h"

/*
 * `sluice bench`: the packet engine and the published crates, measured in one run (docs/performance.md).
 *
 * A bench is a kind of work and a contender that does it our way; the library of crates adds theirs. Contenders take
 * turns, sample by sample, on one pinned core, so that what disturbs the machine disturbs all of them; ratios are taken
 * within a round. One thread, except where `--workers` says otherwise.
 */

struct slc_bench_options {
    unsigned size; /* 0 regular, 1 extended8, 2 extended16, 3 extended32 */
    uint64_t hops;
    uint64_t batch; /* pairs, packets or frames in one call */
    uint64_t nodes; /* in a layer */
    uint64_t samples;
    uint64_t workers;
    uint64_t clients;    /* engine */
    uint64_t duration;   /* engine, ns */
    const char *backend; /* NULL: the best */
    const char *json;    /* NULL: no file  */
    const char *peers;   /* NULL: where bench/peers/build.sh puts them */
    bool no_peers;
};
enum slc_packet_size slc_bench_size(const struct slc_bench_options *options);

/* ---- measuring (measure.c) ---- */

enum { SLC_BENCH_SAMPLES_MAX = 1001 };

/* Who does the work. `run` does `units` units; false ends the run, since its figures would mean nothing. */
struct slc_bench_contender {
    const char *name;
    const char *version; /* "" for ourselves */
    bool (*run)(void *self, size_t units);
    void *self;
    size_t batch;   /* units in one call, at least 1; a sample is some milliseconds of calls */
    size_t units;   /* result: units in one sample */
    double *sample; /* result: ticks per unit, in the order they were taken; NULL before */
};

/* Takes `samples` rounds, one sample of each contender in each, after one to warm up. False, said aloud: one failed. */
bool slc_bench_measure(struct slc_bench_contender *contenders, size_t n, size_t samples);
void slc_bench_forget(struct slc_bench_contender *contenders, size_t n);

/* Middle and quartiles, and the least, of `n` values; leaves them in order. */
struct slc_bench_spread {
    double least, low, median, high;
};
struct slc_bench_spread slc_bench_spread(double *values, size_t n);
/* Of the ticks of one contender. */
struct slc_bench_spread slc_bench_ticks(const struct slc_bench_contender *c, size_t samples);
/* Of how many times faster `ours` is than `theirs`, round by round. */
struct slc_bench_spread slc_bench_ratio(const struct slc_bench_contender *ours,
                                        const struct slc_bench_contender *theirs, size_t samples);

/*
 * Time that the calling thread had a core, in ticks of the time stamp counter (nanoseconds where there is none). For
 * samples of a millisecond and more: the clock behind it is a system call.
 */
double slc_bench_ticks_now(void);
double slc_bench_ticks_per_ns(void);
/* Keeps this thread on one CPU: the n-th it may use. False: that CPU is not there. */
bool slc_bench_pin(unsigned n);
/* The CPU's name as the system says it; "unknown". `text` has 96 bytes. Returns text. */
const char *slc_bench_cpu_name(char text[96]);

/* ---- the crates (peers.c) ---- */

struct slc_bench_peers {
    void *library;
    const struct slc_bench_peer *all;
    size_t count;
};
/* Loads the library, once and for good; on failure says aloud that there will be no ratios, and why. */
void slc_bench_peers_load(struct slc_bench_peers *peers, const struct slc_bench_options *options);
/* Appends the contenders for one kind of work; at most `cap`. They live until slc_bench_peers_close(). */
size_t slc_bench_peers_open(const struct slc_bench_peers *peers, const char *work, const struct slc_bench_setup *setup,
                            struct slc_bench_contender *contenders, size_t cap);
void slc_bench_peers_close(const struct slc_bench_contender *contenders, size_t n);

/* ---- a network to send through (network.c) ---- */

struct slc_bench_network {
    size_t hops;
    size_t width[SLC_MAX_HOPS]; /* nodes in each layer; 1 in the last, the gateway */
    struct slc_hop *layer[SLC_MAX_HOPS];
    uint8_t first_secret[SLC_KEY_BYTES]; /* of node 0 of the first layer */
    struct slc_curve_table **tables;
    size_t table_count;
    double table_ticks; /* to build them all */
};
SLC_MUST_CHECK enum slc_status slc_bench_network_new(struct slc_bench_network *network, size_t hops, size_t nodes,
                                                     struct slc_random *random);
void slc_bench_network_free(struct slc_bench_network *network);
/*
 * Draws what a fresh packet needs: a route, its delays, its randomness.
 * random_bytes  SLC_ROUTE_RANDOM_MAX bytes that the route then points to
 */
void slc_bench_network_route(const struct slc_bench_network *network, struct slc_random *random,
                             struct slc_route *route, uint8_t *random_bytes);

/* ---- pairs of a data packet and its ack (pairs.c) ---- */

struct slc_bench_pairs {
    const struct slc_bench_network *network;
    struct slc_random random;
    size_t batch;
    enum slc_packet_size size;
    size_t plaintext_bytes;
    struct slc_sphinx_scratch *scratch;
    struct slc_packet_job *jobs; /* 2 * batch: data packets, then the acks inside them */
    uint8_t (*randomness)[SLC_ROUTE_RANDOM_MAX];
    uint8_t *plaintext; /* batch */
    uint8_t *packet;    /* batch */
};
SLC_MUST_CHECK enum slc_status slc_bench_pairs_new(struct slc_bench_pairs *pairs,
                                                   const struct slc_bench_network *network, enum slc_packet_size size,
                                                   size_t batch);
void slc_bench_pairs_free(struct slc_bench_pairs *pairs);
/* Fresh routes, delays and randomness for both packets of every pair. */
void slc_bench_pairs_draw(struct slc_bench_pairs *pairs);
/* Draws and builds `units` pairs, a multiple of the batch. */
bool slc_bench_pairs_run(void *pairs, size_t units);

/* ---- where the ticks go (stages.c) ---- */

enum slc_bench_stage {
    SLC_STAGE_RANDOM, /* routes, delays, randomness     */
    SLC_STAGE_CURVE,  /* g^x, shared secrets, products  */
    SLC_STAGE_HKDF,   /* secrets and payload keys       */
    SLC_STAGE_AES,    /* keystreams of the headers      */
    SLC_STAGE_MAC,    /* of the headers                 */
    SLC_STAGE_LIONESS,
    SLC_STAGE_GLUE, /* the rest: assembly, copies, the caches' misses */
    SLC_STAGE_COUNT
};
const char *slc_bench_stage_name(enum slc_bench_stage stage);
/*
 * Ticks per pair of the kernels alone, called as a batch of these pairs calls them: the same counts, tiles, tables and
 * memory, in the middle of the product but outside of it, so that the product carries no timers. GLUE is left 0.
 */
SLC_MUST_CHECK enum slc_status slc_bench_stages(struct slc_bench_pairs *pairs, size_t samples,
                                                double ticks[SLC_STAGE_COUNT]);
/*
 * What the kernels were measured to need when each ran by itself on an Intel server core at 2.6 GHz, in nanoseconds
 * per pair of a regular packet and an ack over four hops; 0: not known.
 */
double slc_bench_model_ns(enum slc_bench_stage stage);

/* ---- reports (report.c) ---- */

struct slc_bench_report {
    const char *bench; /* "packets"                                                       */
    const char *unit;  /* "pair"                                                          */
    const char *work;  /* what the crates are asked for                                   */
    size_t packets;    /* that one unit counts                                            */
    size_t bytes;      /* plaintext of a data packet, or of a frame                       */
    const struct slc_bench_options *options;
    const struct slc_bench_contender *libraries; /* system libraries that do the same; NULL: none */
    size_t library_count;
    struct slc_bench_contender *contenders; /* ours first                                 */
    size_t count;
    double stage[SLC_STAGE_COUNT]; /* ticks per unit */
    bool has_stages;
    const struct slc_bench_network *network; /* whose tables to report; may be NULL */
    double workers_ratio;                    /* how many times faster; 0: not measured */
};
void slc_bench_report_print(const struct slc_bench_report *report);
/* One JSON object, which the caller frees. */
cJSON *slc_bench_report_json(const struct slc_bench_report *report);

/*
 * Measures `ours` beside the libraries and the crates that do `report->work`, lets `more` (may be NULL) add to the
 * report, prints it and appends its JSON to `all`. The exit code.
 */
int slc_bench_run(struct slc_bench_report *report, struct slc_bench_contender ours, cJSON *all,
                  void (*more)(struct slc_bench_report *report, void *self));

/* ---- the benches: JSON of what they measure is appended to `all`; exit codes ---- */

int slc_bench_packets(const struct slc_bench_options *options, cJSON *all);
int slc_bench_messages(const struct slc_bench_options *options, cJSON *all);
int slc_bench_open(const struct slc_bench_options *options, cJSON *all);
int slc_bench_seal(const struct slc_bench_options *options, cJSON *all);
int slc_bench_surbs(const struct slc_bench_options *options, cJSON *all);
int slc_bench_receive(const struct slc_bench_options *options, cJSON *all);
int slc_bench_steps(const struct slc_bench_options *options, cJSON *all);
int slc_bench_engine(const struct slc_bench_options *options, cJSON *all);

#endif
