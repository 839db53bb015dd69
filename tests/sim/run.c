/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/run_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A network, and what lives on it; the phases of a run; what is left of it. */

#define CONNECT_LIMIT (60 * SLC_SECOND)
#define DRAIN_LIMIT   (600 * SLC_SECOND)
#define IDLE          (5 * SLC_SECOND)
enum { IDLE_LIMIT = 24 };
#define UNIX_START UINT64_C(1700000000)

static void must(enum slc_status status, const struct slc_error *error)
{
    if (status == SLC_OK) return;
    (void)fprintf(stderr, "simulator: %s: %s\n", slc_status_text(status), error->text);
    abort();
}

static void make_network(struct sim_run *run)
{
    const struct sim_scenario *s = &run->scenario;
    struct slc_error error = {0};
    struct slc_localnet_config config;
    slc_localnet_config_default(&config);
    config.mixnodes = s->mixnodes;
    config.gateways = s->gateways;
    config.seed = s->options.seed + 1;
    config.tcp_hops = s->tcp_hops;
    config.frames_v8 = s->frames_v8;
    config.epoch_seconds = s->epoch_seconds;
    config.validity_epochs = s->validity_epochs;
    config.queue_packets = s->options.clients > 0 ? 200000 : 20000;
    config.runtime.workers = s->net_workers;
    config.runtime.max_connections = 4 * s->clients + 256;
    config.runtime.timers = 4096;
    must(slc_localnet_new(&run->net, &config, &error), &error);
    must(slc_localnet_topology(run->net, &run->topology, &error), &error);
    must(slc_localnet_start(run->net, &error), &error);
    run->epoch = slc_localnet_network(run->net)->epoch_id;
}

/* ---- phases ---- */

static slc_time earlier(slc_time a, slc_time b)
{
    return a < b ? a : b;
}

/* Lets time pass until `until`, or until `done` says so. */
static void live(struct sim_run *run, slc_time until, bool (*done)(const struct sim_run *))
{
    while (!run->failed && slc_now() < until && !(done != NULL && done(run))) {
        slc_time next = until;
        if (run->origin != 0) {
            next = earlier(next, sim_epochs_pass(run));
            next = earlier(next, sim_faults_obey(run));
            next = earlier(next, sim_app_send(run));
        }
        if (run->engine == NULL) {
            sim_sleep(next);
            continue;
        }
        slc_engine_wait(run->engine, next > slc_now() ? next - slc_now() : 0);
        sim_app_poll(run);
    }
}

static bool all_ready(const struct sim_run *run)
{
    for (unsigned i = 0; i < run->scenario.clients; i++) {
        if (!run->clients[i].ready) return false;
    }
    return true;
}

static bool all_settled(const struct sim_run *run)
{
    return run->open == 0 && run->waiting_len == 0 && run->next_plan == run->scenario.plan_count && all_ready(run);
}

/* Late copies come in, stores of SURBs are filled up; then nothing may grow. */
static void check_idle(struct sim_run *run)
{
    size_t before = SIZE_MAX, now = 0;
    for (int i = 0; i < IDLE_LIMIT && !run->failed; i++) {
        now = sim_memory(run);
        if (now <= before && i > 1) return;
        before = now;
        live(run, slc_now() + IDLE, NULL);
    }
    sim_broken(run, "idle clients' memory does not stop growing: %zu bytes", now);
}

static void pass_through_phases(struct sim_run *run)
{
    live(run, slc_now() + CONNECT_LIMIT, all_ready);
    if (!run->failed && !all_ready(run)) sim_broken(run, "clients do not connect");
    run->origin = slc_now();
    live(run, run->origin + run->scenario.active, NULL);
    sim_faults_heal(run);
    live(run, slc_now() + DRAIN_LIMIT, all_settled);
    check_idle(run);
}

static void finish(struct sim_run *run, const struct timespec *begin)
{
    struct timespec end;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    struct sim_result *r = run->result;
    r->passed = !run->failed;
    r->trace = sim_numbers()->trace;
    r->events = sim_numbers()->events;
    r->messages = run->message_count;
    r->virtual_time = slc_now();
    r->seconds = (double)(end.tv_sec - begin->tv_sec) + (double)(end.tv_nsec - begin->tv_nsec) * 1e-9;
    for (size_t i = 0; i < run->message_count; i++) {
        const struct sim_message *m = &run->messages[i];
        r->outcome = r->outcome * 31 + m->acked + 2U * m->expired + 4U * m->delivered + 8U * m->died;
    }
}

bool sim_run(const struct sim_options *options, struct sim_result *result, void *trace)
{
    struct timespec begin;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    *result = (struct sim_result){0};
    struct sim_run run = {.result = result};
    struct slc_error error = {0};
    sim_scenario_draw(&run.scenario, options);
    const struct sim_scenario *s = &run.scenario;
    sim_world_begin(&(struct sim_world_config){.seed = options->seed,
                                               .grain = s->grain,
                                               .delay = s->delay,
                                               .jitter = s->jitter,
                                               .ring_entries = s->ring_entries,
                                               .unix_start = UNIX_START,
                                               .model = options->model,
                                               .mutation = options->mutation,
                                               .disk_delay = s->disk_delay,
                                               .keeper_bytes = s->keeper_bytes});
    sim_trace_to(trace);
    make_network(&run);
    run.clients = calloc(s->clients, sizeof *run.clients);
    if (run.clients == NULL) abort();
    if (s->storage) must(slc_storage_open(&run.storage, NULL, &error), &error);
    sim_life_begin(&run);
    sim_faults_init(&run);
    sim_check_begin(&run);
    pass_through_phases(&run);
    if (!run.failed) sim_check_end(&run);
    finish(&run, &begin);
    slc_engine_free(run.engine);
    slc_storage_close(run.storage);
    slc_localnet_free(run.net);
    slc_topology_release(run.topology);
    sim_world_end();
    sim_faults_free(&run);
    sim_check_free(&run);
    sim_app_free(&run);
    free(run.clients);
    sim_scenario_free(&run.scenario);
    return result->passed;
}
