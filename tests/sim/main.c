/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: slc_sim [--seed N | --seeds A..B] [--model | --real] [--without FAULT,...]\n"
                            "               [--show] [--trace FILE] [--clients N [--hours H]]\n"
                            "Runs random scenarios in virtual time and checks the invariants of docs/simulator.md.\n"
                            "  --seed, --seeds  which scenarios; 1 by default\n"
                            "  --real           real cryptography; by default a model of it, which is faster\n"
                            "  --show           says what the seed stands for\n"
                            "  --trace          writes every event\n"
                            "  --clients        measures: so many clients at default traffic, for --hours (0.1)\n"
                            "  --without        leaves faults out:";

enum { SHRINK_SECONDS = 20 };

struct command {
    struct sim_options options;
    uint64_t first, last;
    FILE *trace;
    bool show;
};

static int refuse(const char *argument)
{
    (void)fprintf(stderr, "slc_sim: %s\n%s", argument, usage);
    for (int i = 0; i < SIM_FAULT_KINDS; i++) {
        (void)fprintf(stderr, " %s", sim_fault_name((enum sim_fault)i));
    }
    (void)fputc('\n', stderr);
    return 2;
}

static bool parse_without(const char *text, uint32_t *without)
{
    while (*text != 0) {
        size_t len = strcspn(text, ",");
        int fault = sim_fault_find(text, len);
        if (fault < 0) return false;
        *without |= 1U << fault;
        text += len + (text[len] == ',');
    }
    return true;
}

static bool parse_seeds(const char *text, uint64_t *first, uint64_t *last)
{
    char *end;
    *first = *last = strtoull(text, &end, 10);
    if (end == text) return false;
    if (strncmp(end, "..", 2) == 0) {
        text = end + 2;
        *last = strtoull(text, &end, 10);
    }
    return *end == 0 && *last >= *first;
}

static bool parse_one(struct command *c, const char *option, const char *value, bool *took)
{
    *took = true;
    if (strcmp(option, "--seed") == 0 || strcmp(option, "--seeds") == 0) return parse_seeds(value, &c->first, &c->last);
    if (strcmp(option, "--without") == 0) return parse_without(value, &c->options.without);
    if (strcmp(option, "--clients") == 0) return (c->options.clients = (unsigned)strtoul(value, NULL, 10)) > 0;
    if (strcmp(option, "--hours") == 0) return (c->options.hours = strtod(value, NULL)) > 0;
    if (strcmp(option, "--trace") == 0) return (c->trace = fopen(value, "w")) != NULL;
    return false;
}

static int parse(struct command *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool took = false, good = true;
        if (strcmp(argv[i], "--real") == 0) {
            c->options.model = false;
        } else if (strcmp(argv[i], "--show") == 0) {
            c->show = true;
        } else if (strcmp(argv[i], "--model") == 0) {
            c->options.model = true;
        } else {
            good = i + 1 < argc && parse_one(c, argv[i], argv[i + 1], &took);
        }
        if (!good) return refuse(argv[i]);
        i += took;
    }
    return 0;
}

/* ---- what failed, as small as it comes cheap ---- */

static void print_repeat(const struct sim_options *o)
{
    (void)printf("  repeat: slc_sim --seed %" PRIu64 "%s", o->seed, o->model ? "" : " --real");
    const char *before = " --without ";
    for (int i = 0; i < SIM_FAULT_KINDS; i++) {
        if ((o->without & 1U << i) == 0) continue;
        (void)printf("%s%s", before, sim_fault_name((enum sim_fault)i));
        before = ",";
    }
    (void)putchar('\n');
}

/* Leaves out one kind of fault after the other as long as it still fails. */
static struct sim_options shrink(struct sim_options o)
{
    double seconds = 0;
    for (int i = 0; i < SIM_FAULT_KINDS && seconds < SHRINK_SECONDS; i++) {
        struct sim_options less = o;
        struct sim_result result;
        less.without |= 1U << i;
        if (less.without == o.without) continue;
        if (!sim_run(&less, &result, NULL)) o = less;
        seconds += result.seconds;
    }
    /* What the scenario never had need not be named. */
    struct sim_scenario with, all;
    struct sim_options everything = o;
    everything.without = 0;
    sim_scenario_draw(&all, &everything);
    sim_scenario_draw(&with, &o);
    for (int i = 0; i < SIM_FAULT_KINDS; i++) {
        if (!sim_has(&all, (enum sim_fault)i)) o.without &= ~(1U << i);
    }
    sim_scenario_free(&all);
    sim_scenario_free(&with);
    return o;
}

/* What the seed stands for, in words. */
static void print_scenario(const struct sim_options *options)
{
    struct sim_scenario s;
    sim_scenario_draw(&s, options);
    const struct slc_traffic *t = &s.traffic;
    (void)printf(
        "%u clients (%u silent) on %u workers, %u gateways and %u mixnodes on %u; %s, main %.0f ms, loop %.0f ms, "
        "hops %.0f and %.0f ms, repeats %u; links %.2f + %.0f ms, turns %.3f ms; rings %u, slots %zu; "
        "epochs %u s, %u a rotation, lag %.1f s; disk %.1f ms, %zu bytes; %zu messages in %.1f s\n",
        s.clients, s.silent, s.engine_workers, s.gateways, s.mixnodes, s.net_workers,
        t->pacing == SLC_PACING_POISSON ? "paced" : "unpaced", (double)t->main_mean / 1e6, (double)t->loop_mean / 1e6,
        (double)t->hop_delay / 1e6, (double)t->ack_hop_delay / 1e6, t->retransmissions, (double)s.delay / 1e6,
        (double)s.jitter / 1e6, (double)s.grain / 1e6, s.ring_entries, s.small_slots, (unsigned)s.epoch_seconds,
        s.validity_epochs, (double)s.refresh_lag / 1e9, (double)s.disk_delay / 1e6, s.keeper_bytes, s.plan_count,
        (double)s.active / 1e9);
    for (size_t i = 0; i < s.action_count; i++) {
        const struct sim_action *a = &s.actions[i];
        (void)printf("%9.3f s  %-9s node %2d  for %6.3f s  %.2f\n", (double)a->at / 1e9, sim_fault_name(a->kind),
                     a->node, (double)a->duration / 1e9, a->amount);
    }
    sim_scenario_free(&s);
}

static void print_failure(const struct sim_options *options, const struct sim_result *result)
{
    (void)printf("seed %" PRIu64 " FAILED at %.6f s: %s\n", options->seed, (double)result->at / 1e9, result->invariant);
    print_repeat(options);
    if (options->clients > 0) return;
    const struct sim_options smallest = shrink(*options);
    struct sim_result again;
    if (smallest.without == options->without || sim_run(&smallest, &again, NULL)) return;
    (void)printf("  and with less, at %.6f s: %s\n", (double)again.at / 1e9, again.invariant);
    print_repeat(&smallest);
}

static void print_success(const struct sim_options *options, const struct sim_result *r)
{
    double virtual = (double)r->virtual_time / 1e9;
    (void)printf("seed %" PRIu64 "  trace %016" PRIx64 "  %5.0f s in %6.2f s  %8" PRIu64 " packets  %5" PRIu64
                 " messages: %" PRIu64 " acked, %" PRIu64 " expired, %" PRIu64 " died, %" PRIu64 " delivered\n",
                 options->seed, r->trace, virtual, r->seconds, r->packets, r->messages, r->acked, r->expired, r->died,
                 r->delivered);
    if (options->clients == 0) return;
    (void)printf("%.1f virtual seconds a processor second, %.0f packets a processor second, %.1f events a packet\n",
                 virtual / r->seconds, (double)r->packets / r->seconds, (double)r->events / (double)r->packets);
}

int main(int argc, char **argv)
{
    struct command c = {.options = {.model = true, .hours = 0.1}, .first = 1, .last = 1};
    int bad = parse(&c, argc, argv);
    if (bad != 0) return bad;
    unsigned failed = 0;
    for (uint64_t seed = c.first; seed <= c.last; seed++) {
        struct sim_result result;
        c.options.seed = seed;
        if (c.show) print_scenario(&c.options);
        if (sim_run(&c.options, &result, c.trace)) {
            print_success(&c.options, &result);
        } else {
            print_failure(&c.options, &result);
            failed++;
        }
        (void)fflush(stdout);
    }
    if (c.trace != NULL) (void)fclose(c.trace);
    return failed > 0;
}
