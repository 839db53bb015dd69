/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tools/bench/bench.h"
#include "tools/common/options.h"

/* Packets for the first hop of a network, kept as they were made, and a copy to open in place. */
struct opening {
    size_t batch, packet_bytes;
    struct slc_sphinx_scratch *scratch;
    uint8_t *made, *opened;
    struct slc_open_job *jobs;
};

static bool run(void *self, size_t units)
{
    struct opening *o = self;
    for (size_t done = 0; done < units; done += o->batch) {
        memcpy(o->opened, o->made, o->batch * o->packet_bytes);
        if (slc_packets_open(o->scratch, o->jobs, o->batch) != SLC_OK) return false;
    }
    return true;
}

static enum slc_status make_packets(struct opening *o, const struct slc_bench_network *network,
                                    enum slc_packet_size size)
{
    struct slc_bench_pairs pairs = {0};
    enum slc_status status = slc_bench_pairs_new(&pairs, network, size, o->batch);
    if (status == SLC_OK) {
        bool built = slc_bench_pairs_run(&pairs, o->batch);
        status = built ? SLC_OK : pairs.jobs[0].status;
        memcpy(o->made, pairs.packet, o->batch * o->packet_bytes);
    }
    slc_bench_pairs_free(&pairs);
    return status;
}

static enum slc_status prepare(struct opening *o, struct slc_bench_network *network,
                               const struct slc_bench_options *options)
{
    struct slc_random random;
    enum slc_status status = slc_random_from_system(&random);
    /* A node has its own key and nobody else's: one node in every layer. */
    if (status == SLC_OK) status = slc_bench_network_new(network, options->hops, 1, &random);
    if (status == SLC_OK) status = slc_sphinx_scratch_new(&o->scratch, o->batch);
    if (status != SLC_OK) return status;
    o->made = malloc(o->batch * o->packet_bytes);
    o->opened = malloc(o->batch * o->packet_bytes);
    o->jobs = calloc(o->batch, sizeof *o->jobs);
    if (o->made == NULL || o->opened == NULL || o->jobs == NULL) return SLC_NO_MEMORY;
    for (size_t i = 0; i < o->batch; i++) {
        o->jobs[i] = (struct slc_open_job){.node_secret = network->first_secret,
                                           .packet = o->opened + i * o->packet_bytes,
                                           .packet_bytes = o->packet_bytes};
    }
    return make_packets(o, network, slc_bench_size(options));
}

int slc_bench_open(const struct slc_bench_options *options, cJSON *all)
{
    struct slc_bench_network network = {0};
    enum slc_packet_size size = slc_bench_size(options);
    struct opening o = {.batch = options->batch, .packet_bytes = slc_packet_bytes(size)};
    enum slc_status status = prepare(&o, &network, options);
    int result = SLC_EXIT_USAGE;
    if (status == SLC_OK) {
        struct slc_bench_report report = {.bench = "open",
                                          .unit = "packet",
                                          .work = SLC_BENCH_OPEN,
                                          .packets = 1,
                                          .bytes = slc_plaintext_bytes(size),
                                          .options = options};
        struct slc_bench_contender ours = {
            .name = "sluice", .version = "", .run = run, .self = &o, .batch = options->batch};
        result = slc_bench_run(&report, ours, all, NULL);
    } else {
        (void)fprintf(stderr, "sluice bench: %s\n", slc_status_text(status));
    }
    slc_sphinx_scratch_free(o.scratch);
    free(o.made);
    free(o.opened);
    free(o.jobs);
    slc_bench_network_free(&network);
    return result;
}
