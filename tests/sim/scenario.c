/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/scenario.h"

#include "crypto/base/random.h"

#include <stdlib.h>
#include <string.h>

enum stream { STREAM_NETWORK = 1, STREAM_TRAFFIC, STREAM_MESSAGES, STREAM_STORAGE, STREAM_FAULTS = 16 };
enum { MOST_ACTIONS = 8, LONGEST_MESSAGE = 60000, PACKETS_A_SECOND = 400 };

static const char *const names[SIM_FAULT_KINDS] = {
#define X(name, flag, text) flag,
    SIM_FAULTS(X)
#undef X
};

const char *sim_fault_name(enum sim_fault fault)
{
    return names[fault];
}

int sim_fault_find(const char *name, size_t len)
{
    for (int i = 0; i < SIM_FAULT_KINDS; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) return i;
    }
    return -1;
}

/* ---- drawing ---- */

static uint32_t between(struct slc_random *r, uint32_t low, uint32_t high)
{
    return low + slc_random_below(r, high - low + 1);
}

/* Small values as likely as large ones. */
static uint32_t skewed(struct slc_random *r, uint32_t low, uint32_t high)
{
    double share = slc_random_unit(r) * slc_random_unit(r);
    return low + (uint32_t)(share * (double)(high - low + 1));
}

static bool chance(struct slc_random *r, double share)
{
    return slc_random_unit(r) < share;
}

static slc_time time_between(struct slc_random *r, slc_time low, slc_time high)
{
    return low + (slc_time)(slc_random_unit(r) * (double)(high - low));
}

static void draw_network(struct sim_scenario *s)
{
    struct slc_random r;
    slc_random_from_number(&r, s->options.seed, STREAM_NETWORK);
    s->clients = skewed(&r, 2, 40);
    s->silent = s->clients / 3;
    s->gateways = between(&r, 1, 3);
    s->mixnodes = between(&r, 3, 6);
    s->engine_workers = between(&r, 1, 3);
    s->net_workers = between(&r, 1, 2);
    s->grain = SLC_MICROSECOND * between(&r, 1, 500);
    s->delay = SLC_MICROSECOND * skewed(&r, 20, 5000);
    s->jitter = 0;
    s->epoch_seconds = 3600;
    s->validity_epochs = 24;
    s->active = time_between(&r, 15 * SLC_SECOND, 45 * SLC_SECOND);
    s->small_slots = 8192;
    s->large_slots = 64;
}

static void draw_traffic(struct sim_scenario *s)
{
    struct slc_random r;
    struct slc_traffic *t = &s->traffic;
    slc_random_from_number(&r, s->options.seed, STREAM_TRAFFIC);
    if (chance(&r, 0.2)) {
        slc_traffic_fast(t);
    } else {
        slc_traffic_default(t);
    }
    if (chance(&r, 0.15)) t->pacing = SLC_PACING_NONE;
    t->adaptive = chance(&r, 0.5);
    if (s->options.mutation == SIM_UNEVEN_STREAM) t->pacing = SLC_PACING_NONE;
    /* So many clients that real time could not carry them send less often. */
    slc_time least = SLC_SECOND * s->clients / PACKETS_A_SECOND;
    if (t->main_mean < least) t->main_mean = least;
    t->main_mean *= between(&r, 1, 4);
    t->loop_mean = chance(&r, 0.2) ? 0 : t->main_mean * between(&r, 4, 20);
    t->hop_delay = SLC_MILLISECOND * between(&r, 1, 60);
    t->ack_hop_delay = SLC_MILLISECOND * between(&r, 1, 60);
    t->look_ahead = SLC_MILLISECOND * between(&r, 2, 40);
    t->surbs_minimum = between(&r, 2, 10);
    t->request_wait = SLC_SECOND * between(&r, 2, 10);
    t->request_drop = SLC_SECOND * between(&r, 20, 60);
    t->retransmissions = chance(&r, 0.2) ? between(&r, 1, 10) : 0;
    if (chance(&r, 0.1)) t->max_pending = between(&r, 100, 400);
    if (chance(&r, 0.1)) t->max_stored_surbs = s->clients * between(&r, 4, 80);
    if (chance(&r, 0.1)) t->max_sender_tags = between(&r, 1, 4);
}

static uint32_t draw_length(struct slc_random *r)
{
    switch (slc_random_below(r, 8)) {
    case 0:
        return between(r, 8, 16);
    case 1:
        return between(r, 1580, 1640); /* around the edge of one fragment */
    case 2:
        return skewed(r, 8, LONGEST_MESSAGE);
    case 3:
        return between(r, 3000, 9000);
    default:
        return between(r, 8, 1500);
    }
}

static int by_time(const void *a, const void *b)
{
    /* Both structs begin with their time. */
    slc_time x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void draw_messages(struct sim_scenario *s)
{
    struct slc_random r;
    slc_random_from_number(&r, s->options.seed, STREAM_MESSAGES);
    /* A tenth to two thirds of what the slots of those who speak carry. */
    double slots = (double)s->active / (double)s->traffic.main_mean * (double)(s->clients - s->silent);
    double budget = slots * (0.1 + 0.55 * slc_random_unit(&r));
    size_t cap = 0;
    while (budget > 0 && s->plan_count < 5000) {
        if (s->plan_count == cap) {
            cap = cap == 0 ? 256 : cap * 2;
            s->plans = realloc(s->plans, cap * sizeof *s->plans);
            if (s->plans == NULL) abort();
        }
        struct sim_plan *p = &s->plans[s->plan_count++];
        *p = (struct sim_plan){.at = time_between(&r, 0, s->active),
                               .from = slc_random_below(&r, s->clients - s->silent),
                               .to = slc_random_below(&r, s->clients),
                               .len = draw_length(&r)};
        if (chance(&r, 0.4)) {
            p->anonymous = true;
            p->surbs = chance(&r, 0.2) ? 0 : skewed(&r, 1, 40);
            p->replies = chance(&r, 0.7) ? skewed(&r, 1, 4) : 0;
        }
        budget -= (double)(p->len + p->surbs * 460) / 1600 + 1;
    }
    if (s->plan_count > 0) qsort(s->plans, s->plan_count, sizeof *s->plans, by_time);
}

static void draw_storage(struct sim_scenario *s)
{
    struct slc_random r;
    slc_random_from_number(&r, s->options.seed, STREAM_STORAGE);
    s->storage = chance(&r, 1.0 / 3);
    if (!s->storage) return;
    bool slow = chance(&r, 0.25), narrow = chance(&r, 0.25);
    s->disk_delay = slow ? SLC_MILLISECOND * between(&r, 20, 500) : SLC_MICROSECOND * between(&r, 100, 2000);
    s->keeper_bytes = narrow ? (size_t)1024 * between(&r, 128, 1024) : 0;
}

/* ---- faults ---- */

static void add_action(struct sim_scenario *s, const struct sim_action *action)
{
    s->actions = realloc(s->actions, (s->action_count + 1) * sizeof *s->actions);
    if (s->actions == NULL) abort();
    s->actions[s->action_count++] = *action;
}

static slc_time longest(enum sim_fault kind)
{
    switch (kind) {
    case SIM_PAUSE:
        return 5 * SLC_SECOND;
    case SIM_HOLD:
        return 20 * SLC_SECOND;
    case SIM_CRASH:
    case SIM_FORGET:
        return 10 * SLC_SECOND;
    case SIM_FREEZE:
        return 2 * SLC_SECOND;
    case SIM_KILL:
        return 5 * SLC_SECOND;
    default:
        return 15 * SLC_SECOND;
    }
}

static bool is_of_gateways(enum sim_fault kind)
{
    return kind == SIM_TWICE || kind == SIM_NOACKS || kind == SIM_CUT || kind == SIM_HOLD || kind == SIM_CRASH ||
           kind == SIM_FORGET;
}

static void draw_actions(struct sim_scenario *s, struct slc_random *r, enum sim_fault kind)
{
    uint32_t n = skewed(r, 1, MOST_ACTIONS);
    for (uint32_t i = 0; i < n; i++) {
        struct sim_action a = {.kind = kind};
        a.at = time_between(r, 0, s->active);
        a.duration = time_between(r, SLC_MILLISECOND, longest(kind));
        uint32_t place = slc_random_below(r, s->gateways), any = slc_random_below(r, s->gateways + s->mixnodes);
        a.node = is_of_gateways(kind) ? (int)(s->mixnodes + place) : (int)any;
        if (chance(r, 0.3) && !is_of_gateways(kind)) a.node = -1;
        a.amount = slc_random_unit(r);
        add_action(s, &a);
    }
}

static void draw_fault(struct sim_scenario *s, enum sim_fault kind)
{
    struct slc_random r;
    bool of_storage = kind == SIM_DISK || kind == SIM_FULL || kind == SIM_KILL;
    slc_random_from_number(&r, s->options.seed, (uint64_t)STREAM_FAULTS + kind);
    if (!chance(&r, of_storage ? 0.5 : 0.25) || (s->options.without & 1U << kind) != 0) return;
    if (of_storage && !s->storage) return;
    switch (kind) {
    case SIM_TIGHT:
        s->ring_entries = 1U << between(&r, 4, 7);
        s->small_slots = between(&r, 16, 128);
        s->large_slots = 4;
        break;
    case SIM_TCP:
        s->tcp_hops = true;
        s->frames_v8 = chance(&r, 0.5);
        draw_actions(s, &r, kind);
        break;
    case SIM_ROTATE:
        s->epoch_seconds = between(&r, 10, 20);
        s->validity_epochs = between(&r, 2, 4);
        s->refresh_lag = time_between(&r, 0, SLC_SECOND * s->epoch_seconds / 4);
        break;
    case SIM_JITTER:
        s->delay = SLC_MILLISECOND * between(&r, 1, 80);
        s->jitter = SLC_MILLISECOND * between(&r, 1, 120);
        break;
    default:
        draw_actions(s, &r, kind);
        break;
    }
}

bool sim_has(const struct sim_scenario *s, enum sim_fault fault)
{
    if (fault == SIM_TIGHT) return s->ring_entries != 0;
    if (fault == SIM_JITTER) return s->jitter != 0;
    if (fault == SIM_ROTATE) return s->refresh_lag != 0;
    if (fault == SIM_TCP) return s->tcp_hops;
    for (size_t i = 0; i < s->action_count; i++) {
        if (s->actions[i].kind == fault) return true;
    }
    return false;
}

/* What is measured: default traffic, a fifth of the slots real, nothing goes wrong. */
static void benchmark(struct sim_scenario *s)
{
    struct slc_random r;
    slc_random_from_number(&r, s->options.seed, STREAM_MESSAGES);
    s->clients = s->options.clients;
    s->gateways = 2;
    s->mixnodes = 3;
    s->epoch_seconds = 3600;
    s->validity_epochs = 24;
    s->engine_workers = s->net_workers = 1;
    s->grain = SLC_MILLISECOND;
    s->delay = SLC_MILLISECOND;
    s->small_slots = 16384;
    s->large_slots = 64;
    s->active = (slc_time)(s->options.hours * 3600 * (double)SLC_SECOND);
    slc_traffic_default(&s->traffic);
    s->plan_count = (size_t)(10 * s->active / SLC_SECOND * s->clients);
    s->plans = calloc(s->plan_count, sizeof *s->plans);
    if (s->plans == NULL) abort();
    for (size_t i = 0; i < s->plan_count; i++) {
        s->plans[i] = (struct sim_plan){.at = s->active / s->plan_count * i,
                                        .from = slc_random_below(&r, s->clients),
                                        .to = slc_random_below(&r, s->clients),
                                        .len = between(&r, 8, 1500)};
    }
}

void sim_scenario_draw(struct sim_scenario *s, const struct sim_options *options)
{
    *s = (struct sim_scenario){.options = *options};
    if (options->clients > 0) {
        benchmark(s);
        return;
    }
    draw_network(s);
    draw_traffic(s);
    draw_messages(s);
    draw_storage(s);
    for (int kind = 0; kind < SIM_FAULT_KINDS; kind++) {
        draw_fault(s, (enum sim_fault)kind);
    }
    if (s->action_count > 0) qsort(s->actions, s->action_count, sizeof *s->actions, by_time);
}

void sim_scenario_free(struct sim_scenario *s)
{
    free(s->actions);
    free(s->plans);
}
