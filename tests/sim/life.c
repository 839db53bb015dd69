/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/run_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The clients' process: an engine, which may die at any instant, and the next one, which goes on with its storage. */

static void must(enum slc_status status, const struct slc_error *error)
{
    if (status == SLC_OK) return;
    (void)fprintf(stderr, "simulator: %s: %s\n", slc_status_text(status), error->text);
    abort();
}

static void add_client(struct sim_run *run, const struct slc_client_setup *setup, uint32_t i)
{
    struct slc_recipient recipient;
    uint32_t client;
    must(slc_engine_add(run->engine, setup, &client), &(struct slc_error){0});
    slc_engine_recipient(run->engine, client, &recipient);
    bool same = client == i && memcmp(&recipient, &run->clients[i].recipient, sizeof recipient) == 0;
    if (run->life == 1) {
        run->clients[i].recipient = recipient;
    } else if (!same) {
        sim_broken(run, "client %u has another address in its life %u", i, run->life);
    }
}

static void make_clients(struct sim_run *run)
{
    const struct sim_scenario *s = &run->scenario;
    struct slc_random random;
    const struct slc_node *gateways[16];
    size_t n = slc_topology_gateways(run->topology, true, gateways, 16);
    slc_random_from_number(&random, s->options.seed, 99);
    for (uint32_t i = 0; i < s->clients; i++) {
        struct slc_client_setup setup = {0};
        slc_client_keys_generate(&setup.keys, &random);
        memcpy(setup.gateway, gateways[i % n]->identity, sizeof setup.gateway);
        add_client(run, &setup, i);
        /* Numbers of identities are given in order. */
        if (run->storage != NULL) run->clients[i].identity = i + 1;
    }
}

static void restore_clients(struct sim_run *run)
{
    for (uint32_t i = 0; i < run->scenario.clients; i++) {
        struct slc_client_setup setup = {0};
        struct slc_stored_client stored;
        struct slc_error error = {0};
        must(slc_storage_find(run->storage, run->clients[i].identity, &stored, &error), &error);
        slc_stored_setup(&stored, &setup);
        if (!stored.registered) {
            run->unregistered++;
            memcpy(setup.gateway, run->clients[i].recipient.gateway, sizeof setup.gateway);
        }
        add_client(run, &setup, i);
    }
}

static void make_engine(struct sim_run *run)
{
    const struct sim_scenario *s = &run->scenario;
    struct slc_error error = {0};
    struct slc_engine_config config;
    struct slc_rotation_info info;
    struct slc_topology *topology;
    slc_engine_config_default(&config);
    config.runtime.workers = s->engine_workers;
    config.runtime.small_slots = s->small_slots;
    config.runtime.large_slots = s->large_slots;
    config.runtime.max_connections = 4 * s->clients + 64;
    config.runtime.timers = 4096;
    config.traffic = s->traffic;
    config.max_clients = s->clients;
    config.message_slots = 256;
    config.storage = run->storage;
    must(slc_localnet_topology(run->net, &topology, &error), &error);
    slc_localnet_rotation_info(run->net, &info);
    must(slc_engine_new(&run->engine, &config, topology, &info, &error), &error);
    slc_topology_release(topology);
}

void sim_life_begin(struct sim_run *run)
{
    struct slc_error error = {0};
    if (run->engine != NULL) return;
    run->life++;
    make_engine(run);
    if (run->life == 1) {
        make_clients(run);
    } else {
        restore_clients(run);
    }
    must(slc_engine_start(run->engine, &error), &error);
}

static void add(struct slc_client_counters *sum, const struct slc_client_counters *more)
{
#define X(name, text) sum->name += more->name;
    SLC_CLIENT_COUNTERS(X)
#undef X
}

void sim_life_counters(const struct sim_run *run, struct slc_client_counters *counters)
{
    *counters = (struct slc_client_counters){0};
    if (run->engine != NULL) slc_engine_counters(run->engine, counters);
    add(counters, &run->past);
}

void sim_life_end(struct sim_run *run, bool reset)
{
    struct slc_client_counters so_far;
    if (run->engine == NULL) return;
    sim_life_counters(run, &so_far);
    run->past = so_far;
    sim_kill("slc", reset);
    slc_engine_free(run->engine);
    run->engine = NULL;
    sim_app_mourn(run);
    sim_check_life(run);
}
