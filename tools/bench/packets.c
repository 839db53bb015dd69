/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdio.h>

#include "tools/bench/bench.h"
#include "tools/common/options.h"

/* A worker of the scaling run: the same batches on a core of its own. */
struct worker {
    pthread_t thread;
    pthread_barrier_t *barrier;
    struct slc_bench_pairs pairs;
    const struct slc_bench_options *options;
    unsigned index;
    bool good;
    double ticks; /* for all its batches */
};

static void *work(void *self)
{
    struct worker *w = self;
    w->good = slc_bench_pin(w->index) && slc_bench_pairs_run(&w->pairs, w->options->batch);
    (void)pthread_barrier_wait(w->barrier);
    double start = slc_bench_ticks_now();
    for (size_t i = 0; i < w->options->samples && w->good; i++) {
        w->good = slc_bench_pairs_run(&w->pairs, w->options->batch);
    }
    w->ticks = slc_bench_ticks_now() - start;
    return NULL;
}

/* Packets per tick of `count` workers at once, each on its own core. */
static double rate(struct worker *workers, unsigned count)
{
    pthread_barrier_t barrier;
    if (pthread_barrier_init(&barrier, NULL, count) != 0) return 0;
    unsigned started = 0;
    for (; started < count; started++) {
        workers[started].barrier = &barrier;
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0) break;
    }
    double sum = 0;
    for (unsigned i = 0; i < started; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        if (!workers[i].good) return 0;
        sum += (double)(workers[i].options->samples * workers[i].options->batch) / workers[i].ticks;
    }
    (void)pthread_barrier_destroy(&barrier);
    return sum;
}

static double scaling(const struct slc_bench_network *network, const struct slc_bench_options *options)
{
    enum { WORKERS_MAX = 64 };
    static struct worker workers[WORKERS_MAX];
    unsigned count = (unsigned)(options->workers < WORKERS_MAX ? options->workers : WORKERS_MAX);
    double one = 0, all = 0;
    unsigned ready = 0;
    for (; ready < count; ready++) {
        struct worker *w = &workers[ready];
        w->options = options;
        w->index = ready;
        if (slc_bench_pairs_new(&w->pairs, network, slc_bench_size(options), options->batch) != SLC_OK) break;
    }
    if (ready == count) {
        one = rate(workers, 1);
        all = rate(workers, count);
    }
    for (unsigned i = 0; i < ready; i++) {
        slc_bench_pairs_free(&workers[i].pairs);
    }
    return one > 0 ? all / one : 0;
}

static void add_stages(struct slc_bench_report *report, void *self)
{
    struct slc_bench_pairs *pairs = self;
    report->has_stages = slc_bench_stages(pairs, report->options->samples, report->stage) == SLC_OK;
    if (report->options->workers > 1) report->workers_ratio = scaling(pairs->network, report->options);
}

int slc_bench_packets(const struct slc_bench_options *options, cJSON *all)
{
    struct slc_bench_network network = {0};
    struct slc_bench_pairs pairs = {0};
    struct slc_random random;
    enum slc_status status = slc_random_from_system(&random);
    if (status == SLC_OK) status = slc_bench_network_new(&network, options->hops, options->nodes, &random);
    if (status == SLC_OK) status = slc_bench_pairs_new(&pairs, &network, slc_bench_size(options), options->batch);
    int result = SLC_EXIT_USAGE;
    if (status == SLC_OK) {
        struct slc_bench_report report = {.bench = "packets",
                                          .unit = "pair",
                                          .work = SLC_BENCH_PACKETS,
                                          .packets = 2,
                                          .bytes = pairs.plaintext_bytes,
                                          .network = &network,
                                          .options = options};
        struct slc_bench_contender ours = {
            .name = "sluice", .version = "", .run = slc_bench_pairs_run, .self = &pairs, .batch = options->batch};
        result = slc_bench_run(&report, ours, all, add_stages);
    } else {
        (void)fprintf(stderr, "sluice bench: %s\n", slc_status_text(status));
    }
    slc_bench_pairs_free(&pairs);
    slc_bench_network_free(&network);
    return result;
}
