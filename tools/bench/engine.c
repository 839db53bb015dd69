/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/base/cpu.h"
#include "crypto/base/secret.h"
#include "engine/engine.h"
#include "engine/node/localnet.h"
#include "tools/bench/bench.h"
#include "tools/common/options.h"

/*
 * The whole engine against gateways that count and go no further: virtual clients with their default pacing and cover,
 * real sessions, WebSocket frames over loopback. More clients than a worker can serve show what it can do; what a
 * packet costs is told by the time its threads had a core, which a machine busy with other things does not change.
 */

enum { THREADS_MAX = 80 };

struct snapshot {
    slc_time at;
    struct slc_client_counters clients;
    struct slc_node_counters sink;
    struct slc_thread_report report[THREADS_MAX];
    uint64_t ran_ns[THREADS_MAX];
    size_t threads;
};

struct trial {
    const struct slc_bench_options *options;
    struct slc_localnet *net;
    struct slc_topology *topology;
    struct slc_engine *engine;
    struct snapshot before, after;
};

static bool read_line(const char *path, char *text, int cap)
{
    FILE *file = fopen(path, "re");
    bool good = file != NULL && fgets(text, cap, file) != NULL;
    if (file != NULL) (void)fclose(file);
    return good;
}

/* Time that this process's threads of one name ran, as the scheduler counts it. */
static uint64_t time_of(const char *name)
{
    DIR *tasks = opendir("/proc/self/task");
    uint64_t sum = 0;
    for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
        char path[300], text[128];
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
        if (!read_line(path, text, sizeof text)) continue;
        text[strcspn(text, "\n")] = 0;
        if (strcmp(text, name) != 0) continue;
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", task->d_name);
        if (read_line(path, text, sizeof text)) sum += strtoull(text, NULL, 10);
    }
    if (tasks != NULL) (void)closedir(tasks);
    return sum;
}

static void take_snapshot(const struct trial *t, struct snapshot *s)
{
    s->at = slc_now();
    slc_engine_counters(t->engine, &s->clients);
    slc_localnet_counters(t->net, SLC_ALL_NODES, &s->sink);
    s->threads = slc_engine_threads(t->engine, s->report, THREADS_MAX);
    for (size_t i = 0; i < s->threads; i++) {
        s->ran_ns[i] = time_of(s->report[i].name);
    }
}

static uint64_t sent(const struct slc_client_counters *c)
{
    return c->cover_sent + c->real_sent + c->retransmitted + c->surb_packets_sent;
}

static void poll_for(struct slc_engine *engine, slc_time until)
{
    struct slc_engine_event events[64];
    for (slc_time now; (now = slc_now()) < until;) {
        size_t n = slc_engine_poll(engine, events, 64);
        for (size_t i = 0; i < n; i++) {
            slc_engine_release(engine, &events[i]);
        }
        if (n == 0) slc_engine_wait(engine, until - now < 50 * SLC_MILLISECOND ? until - now : 50 * SLC_MILLISECOND);
    }
}

static enum slc_status add_clients(struct trial *t, struct slc_error *error)
{
    const struct slc_node *gateways[64];
    size_t count = slc_topology_gateways(t->topology, true, gateways, 64);
    struct slc_random random;
    struct slc_client_setup setup = {0};
    if (count == 0) return slc_fail(error, SLC_NO_ROUTE, "no gateway");
    enum slc_status status = slc_random_from_system(&random);
    for (size_t i = 0; i < t->options->clients && status == SLC_OK; i++) {
        uint32_t number;
        slc_client_keys_generate(&setup.keys, &random);
        memcpy(setup.gateway, gateways[i % count]->identity, sizeof setup.gateway);
        status = slc_engine_add(t->engine, &setup, &number);
    }
    slc_wipe(&setup, sizeof setup);
    slc_random_wipe(&random);
    return status == SLC_OK ? SLC_OK : slc_fail(error, status, "adding clients: %s", slc_status_text(status));
}

static enum slc_status start(struct trial *t, struct slc_error *error)
{
    const struct slc_bench_options *o = t->options;
    struct slc_localnet_config sink;
    slc_localnet_config_default(&sink);
    sink.sink = true;
    sink.max_clients = o->clients;
    sink.runtime.max_connections = o->clients + 64;
    enum slc_status status = slc_localnet_new(&t->net, &sink, error);
    if (status == SLC_OK) status = slc_localnet_start(t->net, error);
    if (status == SLC_OK) status = slc_localnet_topology(t->net, &t->topology, error);
    if (status != SLC_OK) return status;

    struct slc_engine_config config;
    slc_engine_config_default(&config);
    config.max_clients = o->clients;
    config.runtime.workers = (unsigned)o->workers;
    config.runtime.max_connections = o->clients + 64;
    config.runtime.small_slots = 4 * o->clients < 4096 ? 4096 : 4 * o->clients;
    config.runtime.timers = 64 * o->clients;
    const struct slc_network *network = slc_localnet_network(t->net);
    struct slc_rotation_info info = {.validity_epochs = network->validity_epochs,
                                     .initial_epoch = network->initial_epoch,
                                     .current_epoch = network->epoch_id,
                                     .epoch_start = network->epoch_start,
                                     .epoch_seconds = network->epoch_seconds};
    status = slc_engine_new(&t->engine, &config, t->topology, &info, error);
    if (status == SLC_OK) status = add_clients(t, error);
    return status == SLC_OK ? slc_engine_start(t->engine, error) : status;
}

static enum slc_status measure(struct trial *t, struct slc_error *error)
{
    slc_time limit = slc_now() + 30 * SLC_SECOND + t->options->clients * 20 * SLC_MILLISECOND;
    while (slc_engine_ready(t->engine) < t->options->clients) {
        if (slc_now() > limit) {
            return slc_fail(error, SLC_TIMEOUT, "%zu of %llu clients ready", slc_engine_ready(t->engine),
                            (unsigned long long)t->options->clients);
        }
        poll_for(t->engine, slc_now() + 20 * SLC_MILLISECOND);
    }
    poll_for(t->engine, slc_now() + SLC_SECOND);
    take_snapshot(t, &t->before);
    poll_for(t->engine, t->before.at + t->options->duration);
    take_snapshot(t, &t->after);
    return SLC_OK;
}

/* ---- what came out ---- */

static double core_seconds(const struct trial *t, size_t thread)
{
    return (double)(t->after.ran_ns[thread] - t->before.ran_ns[thread]) / 1e9;
}

static double busy_share(const struct trial *t, size_t thread)
{
    return (double)(t->after.report[thread].busy - t->before.report[thread].busy) /
           (double)(t->after.at - t->before.at);
}

static void report_threads(const struct trial *t, double packets, cJSON *json)
{
    cJSON *rows = cJSON_AddArrayToObject(json, "threads");
    (void)printf("\n  %-16s %10s %12s %16s %20s\n", "thread", "busy", "on a core", "ns a packet",
                 "system calls/packet");
    for (size_t i = 0; i < t->after.threads; i++) {
        const struct slc_thread_report *after = &t->after.report[i];
        double seconds = (double)(t->after.at - t->before.at) / 1e9, share = core_seconds(t, i) / seconds;
        double calls = (double)(after->system_calls - t->before.report[i].system_calls) / packets;
        (void)printf("  %-16s %9.1f%% %11.1f%% %16.0f %20.3f\n", after->name, 100 * busy_share(t, i), 100 * share,
                     core_seconds(t, i) * 1e9 / packets, calls);
        cJSON *row = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(row, "name", after->name);
        (void)cJSON_AddNumberToObject(row, "busy", busy_share(t, i));
        (void)cJSON_AddNumberToObject(row, "on_a_core", share);
        (void)cJSON_AddNumberToObject(row, "system_calls_per_packet", calls);
        (void)cJSON_AddItemToArray(rows, row);
    }
}

static void report(const struct trial *t, cJSON *all)
{
    const struct slc_client_counters *before = &t->before.clients, *after = &t->after.clients;
    double seconds = (double)(t->after.at - t->before.at) / 1e9;
    double packets = (double)(sent(after) - sent(before)), workers = 0, every = 0;
    for (size_t i = 0; i < t->after.threads; i++) {
        every += core_seconds(t, i);
        if (t->after.report[i].kind == SLC_THREAD_WORKER) workers += core_seconds(t, i);
    }
    double counted = (double)(t->after.sink.packets_received - t->before.sink.packets_received);
    double batch = (double)(after->batch_packets - before->batch_packets) / (double)(after->batches - before->batches);
    double missed = (double)(after->slots_missed - before->slots_missed);
    (void)printf("engine: back end %s, %llu clients, %llu workers, %.1f s; %s\n\n", slc_cpu_name(slc_cpu()),
                 (unsigned long long)t->options->clients, (unsigned long long)t->options->workers, seconds,
                 slc_engine_backend(t->engine));
    (void)printf("  %-44s %12.0f\n", "data packets a second, each with its ack", packets / seconds);
    (void)printf("  %-44s %12.0f\n", "counted by the gateways", counted / seconds);
    (void)printf("  %-44s %12.0f\n", "for each second a worker had a core", packets / workers);
    (void)printf("  %-44s %12.0f\n", "for each second any thread had a core", packets / every);
    (void)printf("  %-44s %12.1f\n", "packets in a batch", batch);
    (void)printf("  %-44s %12.0f\n", "slots missed a second", missed / seconds);

    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "bench", "engine");
    (void)cJSON_AddStringToObject(json, "backend", slc_cpu_name(slc_cpu()));
    (void)cJSON_AddStringToObject(json, "io", slc_engine_backend(t->engine));
    (void)cJSON_AddNumberToObject(json, "clients", (double)t->options->clients);
    (void)cJSON_AddNumberToObject(json, "workers", (double)t->options->workers);
    (void)cJSON_AddNumberToObject(json, "seconds", seconds);
    (void)cJSON_AddNumberToObject(json, "packets_per_second", packets / seconds);
    (void)cJSON_AddNumberToObject(json, "counted_per_second", counted / seconds);
    (void)cJSON_AddNumberToObject(json, "packets_per_worker_core_second", packets / workers);
    (void)cJSON_AddNumberToObject(json, "packets_per_core_second", packets / every);
    (void)cJSON_AddNumberToObject(json, "packets_per_batch", batch);
    (void)cJSON_AddNumberToObject(json, "slots_missed_per_second", missed / seconds);
    report_threads(t, packets, json);
    (void)printf("\n");
    (void)cJSON_AddItemToArray(all, json);
}

int slc_bench_engine(const struct slc_bench_options *options, cJSON *all)
{
    static struct trial t;
    t = (struct trial){.options = options};
    struct slc_error error = {0};
    enum slc_status status = start(&t, &error);
    if (status == SLC_OK) status = measure(&t, &error);
    if (status == SLC_OK) {
        report(&t, all);
    } else {
        (void)fprintf(stderr, "sluice bench: %s\n", error.text);
    }
    if (t.engine != NULL) slc_engine_stop(t.engine);
    slc_engine_free(t.engine);
    if (t.net != NULL) slc_localnet_stop(t.net);
    slc_localnet_free(t.net);
    slc_topology_release(t.topology);
    return status == SLC_OK ? SLC_EXIT_GOOD : SLC_EXIT_CHECK_FAILED;
}
