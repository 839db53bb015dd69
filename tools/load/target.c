/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/load_internal.h"

#include "net/directory/directory.h"

#include <stdio.h>
#include <string.h>

#define FETCH_LIMIT (20 * SLC_SECOND)

static int failed(int code, const struct slc_error *error)
{
    (void)fprintf(stderr, "sluice load: %s\n", error->text);
    return code;
}

static size_t at_least(size_t least, uint64_t wanted)
{
    return wanted > least ? (size_t)wanted : least;
}

enum slc_status slc_load_target_refresh(struct slc_load_target *t, struct slc_error *error)
{
    struct slc_topology *topology;
    enum slc_status status = slc_localnet_topology(t->net, &topology, error);
    if (status != SLC_OK) return status;
    slc_mixnet_release(&t->mixnet);
    t->mixnet = (struct slc_mixnet){.topology = topology, .has_info = true};
    slc_localnet_rotation_info(t->net, &t->mixnet.info);
    return SLC_OK;
}

static int open_local(struct slc_load_target *t, const struct slc_load_options *o)
{
    struct slc_error error = {0};
    struct slc_localnet_config config;
    slc_localnet_config_default(&config);
    config.mixnodes = (unsigned)o->mixnodes;
    config.gateways = (unsigned)o->gateways;
    config.tcp_hops = o->tcp_hops;
    config.no_delays = o->no_delays;
    config.frames_v8 = o->frames_v8;
    config.epoch_seconds = o->epoch / SLC_SECOND;
    config.validity_epochs = (uint32_t)o->rotation_epochs;
    config.seed = o->seed;
    config.faults.loss = o->loss;
    config.faults.duplicate = o->duplicate;
    config.runtime.workers = (unsigned)o->local_threads;
    config.runtime.wait = (enum slc_wait)o->wait;
    config.runtime.backend = (enum slc_loop_backend)o->io;
    config.runtime.max_connections = at_least(config.runtime.max_connections, o->clients * 5 / 4);
    config.max_clients = at_least(config.max_clients, o->clients);
    if (slc_localnet_new(&t->net, &config, &error) != SLC_OK) return failed(SLC_EXIT_USAGE, &error);
    if (slc_localnet_start(t->net, &error) != SLC_OK) return failed(SLC_EXIT_USAGE, &error);
    if (slc_load_target_refresh(t, &error) != SLC_OK) return failed(SLC_EXIT_USAGE, &error);
    (void)snprintf(t->text, sizeof t->text, "local mixnet (%u mixnodes, %u gateway%s)", config.mixnodes,
                   config.gateways, config.gateways == 1 ? "" : "s");
    return -1;
}

int slc_load_target_open(struct slc_load_target *t, const struct slc_load_options *o)
{
    struct slc_error error = {0};
    memset(t, 0, sizeof *t);
    if (o->local) return open_local(t, o);
    int code = slc_mixnet_find(&t->mixnet, o->api, o->network, FETCH_LIMIT, &error);
    if (code >= 0) return failed(code, &error);
    slc_report_clean(t->text, sizeof t->text, o->network != NULL ? o->network : o->api);
    return -1;
}

void slc_load_target_close(struct slc_load_target *t)
{
    slc_mixnet_release(&t->mixnet);
    if (t->net == NULL) return;
    slc_localnet_stop(t->net);
    slc_localnet_free(t->net);
    t->net = NULL;
}
