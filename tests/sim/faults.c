/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/run_internal.h"

#include <stdlib.h>
#include <string.h>

/* The script: what goes wrong when, and that it is right again. */

enum { MOST_LOSS_PERCENT = 30 };

struct sim_fault_state {
    size_t node_count;
    slc_time *end;            /* per action: when it ends; 0: not begun or over */
    struct slc_faults *wrong; /* per node, as last ordered                      */
};

static slc_time now_of(const struct sim_run *run)
{
    return slc_now() - run->origin;
}

void sim_faults_init(struct sim_run *run)
{
    struct sim_fault_state *f = calloc(1, sizeof *f);
    if (f == NULL) abort();
    f->node_count = slc_localnet_network(run->net)->node_count;
    f->end = calloc(run->scenario.action_count + 1, sizeof *f->end);
    f->wrong = calloc(f->node_count, sizeof *f->wrong);
    if (f->end == NULL || f->wrong == NULL) abort();
    run->faults = f;
}

void sim_faults_free(struct sim_run *run)
{
    if (run->faults == NULL) return;
    free(run->faults->end);
    free(run->faults->wrong);
    free(run->faults);
}

/* ---- faults of nodes: the sum of the actions that are going on ---- */

static void add_fault(struct slc_faults *f, const struct sim_action *a)
{
    double share = a->amount * MOST_LOSS_PERCENT / 100;
    switch (a->kind) {
    case SIM_LOSS:
        f->loss = f->loss > share ? f->loss : share;
        break;
    case SIM_CRASH:
    case SIM_FORGET:
        f->loss = 1;
        break;
    case SIM_DUPLICATE:
        f->duplicate = share;
        break;
    case SIM_REORDER:
        f->reorder = a->amount;
        f->reorder_delay = (slc_time)(a->amount * 400 * (double)SLC_MILLISECOND);
        break;
    case SIM_SLOW:
        f->extra_delay = (slc_time)(a->amount * 2000 * (double)SLC_MILLISECOND);
        break;
    case SIM_PAUSE:
        f->paused = true;
        break;
    case SIM_TWICE:
        f->twice = true;
        break;
    case SIM_NOACKS:
        f->no_acks = true;
        break;
    default:
        break;
    }
}

/* Returns false when an order found no room: it is given again. */
static bool order_faults(struct sim_run *run)
{
    struct sim_fault_state *f = run->faults;
    bool all = true;
    for (size_t node = 0; node < f->node_count; node++) {
        struct slc_faults wrong;
        memset(&wrong, 0, sizeof wrong);
        for (size_t i = 0; i < run->scenario.action_count; i++) {
            const struct sim_action *a = &run->scenario.actions[i];
            if (f->end[i] != 0 && (a->node < 0 || a->node == (int)node)) add_fault(&wrong, a);
        }
        if (memcmp(&wrong, &f->wrong[node], sizeof wrong) == 0) continue;
        if (slc_localnet_set_faults(run->net, (int)node, &wrong) == SLC_OK) {
            f->wrong[node] = wrong;
        } else {
            all = false;
        }
    }
    return all;
}

/* ---- actions ---- */

static uint16_t port_of(const struct sim_run *run, int node, bool of_clients)
{
    const struct slc_node *n = &slc_localnet_network(run->net)->nodes[node];
    return of_clients ? n->ws.port : n->mix.port;
}

static void refresh(struct sim_run *run)
{
    struct slc_error error = {0};
    struct slc_topology *topology;
    struct slc_rotation_info info;
    if (run->engine == NULL) return; /* the next one begins with the newest */
    if (slc_localnet_topology(run->net, &topology, &error) != SLC_OK) {
        sim_broken(run, "the network describes itself badly: %s", error.text);
        return;
    }
    slc_localnet_rotation_info(run->net, &info);
    slc_engine_set_topology(run->engine, topology, &info);
    slc_topology_release(topology);
}

slc_time sim_epochs_pass(struct sim_run *run)
{
    slc_time next = slc_localnet_tick(run->net);
    uint64_t epoch = slc_localnet_network(run->net)->epoch_id;
    if (epoch != run->epoch) run->refresh = slc_now() + run->scenario.refresh_lag;
    sim_check_keys(run, epoch != run->epoch);
    run->epoch = epoch;
    if (run->refresh != 0 && run->refresh <= slc_now()) {
        run->refresh = 0;
        refresh(run);
    }
    return run->refresh != 0 && run->refresh < next ? run->refresh : next;
}

/* Slow for a while, or worse. */
static void disturb_disk(const struct sim_action *a)
{
    slc_time until = slc_now() + a->duration;
    if (a->kind == SIM_FULL) {
        sim_disk_full(until);
    } else if (a->amount < 0.3) {
        sim_disk_still(until);
    } else {
        sim_disk_slow(until, 20 * SLC_MILLISECOND + (slc_time)(a->amount * 480 * (double)SLC_MILLISECOND));
    }
}

static void begin(struct sim_run *run, const struct sim_action *a)
{
    switch (a->kind) {
    case SIM_CUT:
        sim_path_cut(port_of(run, a->node, true), a->amount);
        break;
    case SIM_HOLD:
        sim_path_hold(port_of(run, a->node, true), slc_now() + a->duration);
        break;
    case SIM_CRASH:
    case SIM_FORGET:
        sim_path_refuse(port_of(run, a->node, true), true);
        sim_path_cut(port_of(run, a->node, true), 1);
        break;
    case SIM_CLOCK:
        sim_clock_step((int64_t)((a->amount - 0.5) * 240));
        break;
    case SIM_FREEZE:
        sim_freeze(a->amount < 0.5 ? "slc" : "mix", slc_now() + a->duration);
        break;
    case SIM_DISK:
    case SIM_FULL:
        disturb_disk(a);
        break;
    case SIM_KILL:
        sim_life_end(run, a->amount < 0.5);
        break;
    case SIM_TCP:
        if (a->node >= 0) sim_path_cut(port_of(run, a->node, false), 1);
        break;
    default:
        break;
    }
}

static void end(struct sim_run *run, const struct sim_action *a)
{
    if (a->kind == SIM_KILL) sim_life_begin(run);
    if (a->kind != SIM_CRASH && a->kind != SIM_FORGET) return;
    if (a->kind == SIM_FORGET) {
        enum slc_status status = slc_localnet_forget(run->net, a->node);
        (void)status; /* without room for the order it is a crash like the other kind */
    }
    sim_path_refuse(port_of(run, a->node, true), false);
}

static bool lasts(enum sim_fault kind)
{
    return kind != SIM_CUT && kind != SIM_CLOCK && kind != SIM_TCP;
}

slc_time sim_faults_obey(struct sim_run *run)
{
    struct sim_fault_state *f = run->faults;
    const struct sim_scenario *s = &run->scenario;
    slc_time now = now_of(run), next = SLC_NEVER;
    while (run->next_action < s->action_count && s->actions[run->next_action].at <= now) {
        const struct sim_action *a = &s->actions[run->next_action];
        begin(run, a);
        if (lasts(a->kind)) f->end[run->next_action] = now + a->duration + 1;
        run->next_action++;
    }
    if (run->next_action < s->action_count) next = s->actions[run->next_action].at;
    for (size_t i = 0; i < run->next_action; i++) {
        if (f->end[i] == 0) continue;
        if (f->end[i] <= now) {
            f->end[i] = 0;
            end(run, &s->actions[i]);
        } else if (f->end[i] < next) {
            next = f->end[i];
        }
    }
    if (!order_faults(run)) next = now + 5 * SLC_MILLISECOND;
    return next == SLC_NEVER ? SLC_NEVER : run->origin + next;
}

void sim_faults_heal(struct sim_run *run)
{
    for (size_t i = 0; i < run->next_action; i++) {
        if (run->faults->end[i] != 0) run->faults->end[i] = now_of(run);
    }
    run->next_action = run->scenario.action_count;
    sim_disk_slow(0, 0);
    sim_disk_still(0);
    sim_disk_full(0);
}
