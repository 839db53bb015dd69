/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tools/bench/bench.h"
#include "tools/common/options.h"

struct surbs {
    const struct slc_bench_network *network;
    size_t batch, plaintext_bytes;
    struct slc_random random;
    struct slc_sphinx_scratch *scratch;
    uint8_t (*randomness)[SLC_ROUTE_RANDOM_MAX];
    uint8_t (*surb)[SLC_SURB_MAX_BYTES];
    struct slc_surb_job *make;
    struct slc_surb_use *use;
    uint8_t *plaintext; /* one for all */
    uint8_t *packet;
};

static bool run_make(void *self, size_t units)
{
    struct surbs *s = self;
    for (size_t done = 0; done < units; done += s->batch) {
        for (size_t i = 0; i < s->batch; i++) {
            slc_bench_network_route(s->network, &s->random, &s->make[i].route, s->randomness[i]);
        }
        if (slc_surbs_build(s->scratch, s->make, s->batch) != SLC_OK) return false;
    }
    return true;
}

static bool run_use(void *self, size_t units)
{
    struct surbs *s = self;
    for (size_t done = 0; done < units; done += s->batch) {
        if (slc_surbs_use(s->scratch, s->use, s->batch) != SLC_OK) return false;
    }
    return true;
}

static enum slc_status prepare(struct surbs *s)
{
    size_t packet_bytes = SLC_PACKET_OVERHEAD + s->plaintext_bytes;
    s->randomness = calloc(s->batch, sizeof *s->randomness);
    s->surb = calloc(s->batch, sizeof *s->surb);
    s->make = calloc(s->batch, sizeof *s->make);
    s->use = calloc(s->batch, sizeof *s->use);
    s->plaintext = calloc(1, s->plaintext_bytes);
    s->packet = calloc(s->batch, packet_bytes);
    if (s->randomness == NULL || s->surb == NULL || s->make == NULL || s->use == NULL || s->plaintext == NULL ||
        s->packet == NULL) {
        return SLC_NO_MEMORY;
    }
    for (size_t i = 0; i < s->batch; i++) {
        s->make[i].out = s->surb[i];
        s->use[i] = (struct slc_surb_use){
            .surb = slc_bytes(s->surb[i], SLC_SURB_HEAD_BYTES + s->network->hops * SLC_PAYLOAD_SEED_BYTES),
            .plaintext = slc_bytes(s->plaintext, s->plaintext_bytes),
            .payload_bytes = s->plaintext_bytes + SLC_PAYLOAD_OVERHEAD,
            .out = s->packet + i * packet_bytes};
    }
    enum slc_status status = slc_random_from_system(&s->random);
    return status == SLC_OK ? slc_sphinx_scratch_new(&s->scratch, s->batch) : status;
}

static void release(struct surbs *s)
{
    slc_random_wipe(&s->random);
    slc_sphinx_scratch_free(s->scratch);
    free(s->randomness);
    free(s->surb);
    free(s->make);
    free(s->use);
    free(s->plaintext);
    free(s->packet);
}

int slc_bench_surbs(const struct slc_bench_options *options, cJSON *all)
{
    struct slc_bench_network network = {0};
    struct surbs s = {
        .network = &network, .batch = options->batch, .plaintext_bytes = slc_plaintext_bytes(slc_bench_size(options))};
    enum slc_status status = slc_random_from_system(&s.random);
    if (status == SLC_OK) status = slc_bench_network_new(&network, options->hops, options->nodes, &s.random);
    if (status == SLC_OK) status = prepare(&s);
    int result = SLC_EXIT_USAGE;
    if (status == SLC_OK) {
        struct slc_bench_report report = {.bench = "surbs",
                                          .unit = "surb",
                                          .work = SLC_BENCH_SURBS,
                                          .packets = 1,
                                          .bytes = s.plaintext_bytes,
                                          .options = options};
        struct slc_bench_contender ours = {
            .name = "sluice", .version = "", .run = run_make, .self = &s, .batch = options->batch};
        result = slc_bench_run(&report, ours, all, NULL);
        report.bench = "surbs-use";
        report.work = SLC_BENCH_SURBS_USE;
        report.unit = "packet";
        ours.run = run_use;
        if (result == SLC_EXIT_GOOD) result = slc_bench_run(&report, ours, all, NULL);
    } else {
        (void)fprintf(stderr, "sluice bench: %s\n", slc_status_text(status));
    }
    release(&s);
    slc_bench_network_free(&network);
    return result;
}
