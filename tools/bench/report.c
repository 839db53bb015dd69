/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/base/cpu.h"
#include "tools/bench/bench.h"
#include "tools/common/options.h"

static const char *const size_names[] = {"regular", "extended8", "extended16", "extended32"};

static size_t samples_of(const struct slc_bench_report *r)
{
    return (size_t)r->options->samples;
}

/* The rest, after every kernel has had its part. */
static double glue(const struct slc_bench_report *r, double ticks)
{
    for (size_t stage = 0; stage < SLC_STAGE_COUNT; stage++) {
        ticks -= r->stage[stage];
    }
    return ticks;
}

static double stage_ticks(const struct slc_bench_report *r, enum slc_bench_stage stage, double total)
{
    return stage == SLC_STAGE_GLUE ? glue(r, total) : r->stage[stage];
}

/* The model counted a regular packet over four hops. */
static double model_ticks(const struct slc_bench_report *r, enum slc_bench_stage stage)
{
    if (r->options->hops != 4 || r->options->size != 0) return 0;
    return slc_bench_model_ns(stage) * slc_bench_ticks_per_ns();
}

static void print_stages(const struct slc_bench_report *r, double total)
{
    (void)printf("\n  %-24s %12s %8s %12s\n", "stage", "ticks", "share", "model");
    double model_sum = 0;
    for (enum slc_bench_stage stage = 0; stage < SLC_STAGE_COUNT; stage++) {
        double ticks = stage_ticks(r, stage, total), model = model_ticks(r, stage);
        model_sum += model;
        (void)printf("  %-24s %12.0f %7.1f%%", slc_bench_stage_name(stage), ticks, 100 * ticks / total);
        if (model > 0) (void)printf(" %12.0f", model);
        (void)printf("\n");
    }
    (void)printf("  %-24s %12.0f %7.1f%%", "all", total, 100.0);
    if (model_sum > 0) (void)printf(" %12.0f  (%.2f x the model)", model_sum, total / model_sum);
    (void)printf("\n");
}

static double table_mb(const struct slc_bench_report *r)
{
    return (double)(r->network->table_count * slc_curve_table_bytes()) / 1e6;
}

static double table_ms(const struct slc_bench_report *r)
{
    return r->network->table_ticks / slc_bench_ticks_per_ns() / 1e6;
}

void slc_bench_report_print(const struct slc_bench_report *r)
{
    char cpu[96];
    double per_ns = slc_bench_ticks_per_ns();
    (void)printf("%s: back end %s, batch %llu, %llu nodes a layer, %llu hops, %s; %zu samples\n", r->bench,
                 slc_cpu_name(slc_cpu()), (unsigned long long)r->options->batch, (unsigned long long)r->options->nodes,
                 (unsigned long long)r->options->hops, size_names[r->options->size], samples_of(r));
    (void)printf("%s, %.3f ticks a ns\n\n", slc_bench_cpu_name(cpu), per_ns);
    (void)printf("  %-24s %12s %12s %11s %12s   %s\n", "per", "ticks", "least", "us", "a second", "ratio (quartiles)");
    for (size_t i = 0; i < r->count; i++) {
        const struct slc_bench_contender *c = &r->contenders[i];
        struct slc_bench_spread ticks = slc_bench_ticks(c, samples_of(r));
        char name[64];
        (void)snprintf(name, sizeof name, "%s: %s %s", r->unit, c->name, c->version);
        (void)printf("  %-24s %12.0f %12.0f %11.2f %12.0f", name, ticks.median, ticks.least,
                     ticks.median / per_ns / 1e3, 1e9 * per_ns / ticks.median);
        if (i > 0) {
            struct slc_bench_spread ratio = slc_bench_ratio(&r->contenders[0], c, samples_of(r));
            (void)printf("   %.2f (%.2f .. %.2f)", ratio.median, ratio.low, ratio.high);
        }
        (void)printf("\n");
    }
    if (r->has_stages) print_stages(r, slc_bench_ticks(&r->contenders[0], samples_of(r)).median);
    if (r->network != NULL) {
        (void)printf("\n  tables of %zu nodes: %.2f MB, built in %.0f ms\n", r->network->table_count, table_mb(r),
                     table_ms(r));
    }
    if (r->workers_ratio > 0) {
        (void)printf("  %llu workers, each on its own core: %.2f x one\n", (unsigned long long)r->options->workers,
                     r->workers_ratio);
    }
    (void)printf("\n");
}

static cJSON *stages_json(const struct slc_bench_report *r, double total)
{
    cJSON *stages = cJSON_CreateArray();
    for (enum slc_bench_stage stage = 0; stage < SLC_STAGE_COUNT; stage++) {
        cJSON *item = cJSON_CreateObject();
        double ticks = stage_ticks(r, stage, total), model = model_ticks(r, stage);
        (void)cJSON_AddStringToObject(item, "name", slc_bench_stage_name(stage));
        (void)cJSON_AddNumberToObject(item, "ticks", ticks);
        (void)cJSON_AddNumberToObject(item, "share", ticks / total);
        if (model > 0) (void)cJSON_AddNumberToObject(item, "model_ticks", model);
        (void)cJSON_AddItemToArray(stages, item);
    }
    return stages;
}

static cJSON *peer_json(const struct slc_bench_report *r, const struct slc_bench_contender *peer,
                        const char *ticks_name)
{
    cJSON *item = cJSON_CreateObject();
    struct slc_bench_spread ticks = slc_bench_ticks(peer, samples_of(r));
    struct slc_bench_spread ratio = slc_bench_ratio(&r->contenders[0], peer, samples_of(r));
    (void)cJSON_AddStringToObject(item, "name", peer->name);
    (void)cJSON_AddStringToObject(item, "version", peer->version);
    (void)cJSON_AddNumberToObject(item, ticks_name, ticks.median);
    (void)cJSON_AddNumberToObject(item, "ticks_least", ticks.least);
    (void)cJSON_AddNumberToObject(item, "ratio", ratio.median);
    (void)cJSON_AddNumberToObject(item, "ratio_low", ratio.low);
    (void)cJSON_AddNumberToObject(item, "ratio_high", ratio.high);
    return item;
}

cJSON *slc_bench_report_json(const struct slc_bench_report *r)
{
    cJSON *json = cJSON_CreateObject();
    char cpu[96], ticks_name[64];
    double per_ns = slc_bench_ticks_per_ns();
    struct slc_bench_spread ticks = slc_bench_ticks(&r->contenders[0], samples_of(r));
    (void)snprintf(ticks_name, sizeof ticks_name, "ticks_per_%s", r->unit);
    (void)cJSON_AddStringToObject(json, "bench", r->bench);
    (void)cJSON_AddStringToObject(json, "unit", r->unit);
    (void)cJSON_AddStringToObject(json, "backend", slc_cpu_name(slc_cpu()));
    (void)cJSON_AddStringToObject(json, "cpu", slc_bench_cpu_name(cpu));
    (void)cJSON_AddNumberToObject(json, "batch", (double)r->options->batch);
    (void)cJSON_AddNumberToObject(json, "nodes", (double)r->options->nodes);
    (void)cJSON_AddNumberToObject(json, "hops", (double)r->options->hops);
    (void)cJSON_AddStringToObject(json, "size", size_names[r->options->size]);
    (void)cJSON_AddNumberToObject(json, "samples", (double)samples_of(r));
    (void)cJSON_AddNumberToObject(json, "ticks_per_ns", per_ns);
    (void)cJSON_AddNumberToObject(json, ticks_name, ticks.median);
    (void)cJSON_AddNumberToObject(json, "ticks_least", ticks.least);
    (void)cJSON_AddNumberToObject(json, "ns", ticks.median / per_ns);
    (void)cJSON_AddNumberToObject(json, "per_second_per_core", 1e9 * per_ns / ticks.median);
    if (r->packets > 0) {
        double packets = 1e9 * per_ns / ticks.median * (double)r->packets;
        (void)cJSON_AddNumberToObject(json, "packets_per_second_per_core", packets);
    }
    if (r->workers_ratio > 0) {
        (void)cJSON_AddNumberToObject(json, "workers", (double)r->options->workers);
        (void)cJSON_AddNumberToObject(json, "workers_ratio", r->workers_ratio);
    }
    if (r->network != NULL) {
        (void)cJSON_AddNumberToObject(json, "table_count", (double)r->network->table_count);
        (void)cJSON_AddNumberToObject(json, "table_mb", table_mb(r));
        (void)cJSON_AddNumberToObject(json, "table_ms", table_ms(r));
    }
    (void)cJSON_AddItemToObject(json, "stages", r->has_stages ? stages_json(r, ticks.median) : cJSON_CreateArray());
    cJSON *peers = cJSON_AddArrayToObject(json, "peers");
    for (size_t i = 1; i < r->count; i++) {
        (void)cJSON_AddItemToArray(peers, peer_json(r, &r->contenders[i], ticks_name));
    }
    return json;
}

int slc_bench_run(struct slc_bench_report *report, struct slc_bench_contender ours, cJSON *all,
                  void (*more)(struct slc_bench_report *report, void *self))
{
    enum { CONTENDERS_MAX = 8 };
    struct slc_bench_contender contenders[CONTENDERS_MAX] = {ours};
    struct slc_bench_setup setup = {(uint32_t)report->options->nodes, (uint32_t)report->options->hops,
                                    (uint32_t)report->bytes};
    struct slc_bench_peers peers;
    slc_bench_peers_load(&peers, report->options);
    size_t first_crate = 1 + report->library_count;
    for (size_t i = 0; i < report->library_count; i++) {
        contenders[1 + i] = report->libraries[i];
    }
    report->contenders = contenders;
    report->count = first_crate + slc_bench_peers_open(&peers, report->work, &setup, contenders + first_crate,
                                                       CONTENDERS_MAX - first_crate);

    int result = SLC_EXIT_CHECK_FAILED;
    if (slc_bench_measure(contenders, report->count, samples_of(report))) {
        if (more != NULL) more(report, ours.self);
        slc_bench_report_print(report);
        (void)cJSON_AddItemToArray(all, slc_bench_report_json(report));
        result = SLC_EXIT_GOOD;
    }
    slc_bench_forget(contenders, report->count);
    slc_bench_peers_close(contenders + first_crate, report->count - first_crate);
    return result;
}
