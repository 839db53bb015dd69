/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/refresh.h"
#include "tools/load/run_internal.h"

#include <stdio.h>

/* What happens to a mixnet under load: cuts and epochs of a local one by our order, news of a directory's. */

#define RETRY_AFTER SLC_MILLISECOND

static void wake(void *engine)
{
    slc_engine_wake(engine);
}

enum slc_status slc_load_faults_begin(struct slc_load *l, struct slc_error *error)
{
    const struct slc_load_options *o = l->options;
    struct slc_load_faults *f = &l->faults;
    f->next_cut = o->cut_every > 0 ? slc_now() + o->cut_every : SLC_NEVER;
    f->next_epoch = l->target->net != NULL ? slc_now() : SLC_NEVER;
    if (o->api == NULL || l->traffic.topology_fixed) return SLC_OK;
    const struct slc_refresh_config config = {
        .urls = &o->api, .url_count = 1, .traffic = &l->traffic, .have = true, .wake = wake, .self = l->engine};
    return slc_refresh_start(&f->refresh, &config, error);
}

void slc_load_faults_end(struct slc_load *l)
{
    slc_refresh_stop(l->faults.refresh);
    l->faults.refresh = NULL;
}

static void spread(struct slc_load *l)
{
    const struct slc_mixnet *mixnet = &l->target->mixnet;
    slc_engine_set_topology(l->engine, mixnet->topology, slc_mixnet_info(mixnet));
    if (l->ping != NULL) slc_ping_set_mixnet(l->ping, mixnet);
}

static void cut(struct slc_load *l)
{
    struct slc_load_faults *f = &l->faults;
    f->cut_waits = slc_localnet_cut(l->target->net, SLC_ALL_NODES) == SLC_AGAIN;
    if (!f->cut_waits) f->cuts++;
}

/* Clients hear of an epoch at once, as if each had just refreshed. */
static void epoch(struct slc_load *l)
{
    struct slc_load_faults *f = &l->faults;
    struct slc_error error = {0};
    const struct slc_network *network = slc_localnet_network(l->target->net);
    uint64_t epoch_before = network->epoch_id;
    uint32_t rotation_before = network->rotation_id;
    f->next_epoch = slc_localnet_tick(l->target->net);
    if (network->epoch_id == epoch_before) return;
    f->rotations += network->rotation_id - rotation_before;
    if (slc_load_target_refresh(l->target, &error) == SLC_OK) {
        spread(l);
    } else {
        (void)fprintf(stderr, "sluice load: the old topology stays: %s\n", error.text);
    }
}

/* The load is measured on what the network was told to be: too many failures only warn. */
static void take_news(struct slc_load *l)
{
    struct slc_refresh_result newer;
    if (!slc_refresh_take(l->faults.refresh, &newer)) return;
    if (newer.status != SLC_OK) {
        (void)fprintf(stderr, "sluice load: the topology is not refreshed, the old one stays: %s\n", newer.error.text);
        return;
    }
    struct slc_mixnet *mixnet = &l->target->mixnet;
    slc_topology_release(mixnet->topology);
    mixnet->topology = newer.topology;
    if (newer.has_info) mixnet->info = newer.info;
    mixnet->has_info |= newer.has_info;
    spread(l);
}

slc_time slc_load_faults_turn(struct slc_load *l, slc_time now)
{
    struct slc_load_faults *f = &l->faults;
    if (f->refresh != NULL) take_news(l);
    if (now >= f->next_cut || f->cut_waits) {
        if (now >= f->next_cut) f->next_cut += l->options->cut_every;
        cut(l);
    }
    if (now >= f->next_epoch) epoch(l);
    slc_time next = f->next_cut < f->next_epoch ? f->next_cut : f->next_epoch;
    return f->cut_waits ? now + RETRY_AFTER : next;
}
