/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/storage/storage.h"
#include "tools/common/file.h"
#include "tools/common/metrics.h"
#include "tools/common/mixnet.h"
#include "tools/common/options.h"
#include "tools/common/signals.h"
#include "tools/common/traffic.h"
#include "tools/echo/say.h"
#include "tools/echo/service.h"
#include "tools/subcommands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `sluice echo`: the service of service.h as a program that an operator runs. */

struct options {
    const char *nym_api, *network, *gateway, *ca_file, *address_file, *home;
    bool tls, no_cover, json, metrics, pacing_given;
    unsigned pacing, io, wait;
    uint64_t identities, requesters, threads, metrics_port;
    slc_time duration, connect, linger, status;
    struct slc_traffic_words traffic;
    struct slc_cpu_list cpus;
};

struct program {
    const struct options *o;
    struct slc_storage *storage;
    struct slc_echo *echo;
    struct slc_metrics *metrics;
    uint16_t metrics_port;
    struct slc_echo_voice voice;
};

static const char *const pacing_names[] = {"default", "fast", "none", NULL};
static const char *const io_names[] = {"auto", "io_uring", "poll", NULL};
static const char *const wait_names[] = {"adaptive", "spin", "block", NULL};

static int parse(int argc, char **argv, struct options *o)
{
    const struct slc_option table[] = {
        {.help = "Which network"},
        {"nym-api", SLC_OPTION_TEXT, &o->nym_api, "URL", "its directory, as http://127.0.0.1:8000/api ($NYM_API)", 0, 0,
         NULL, NULL},
        {"network", SLC_OPTION_TEXT, &o->network, "FILE", "or a topology file; it is not refreshed", 0, 0, NULL, NULL},
        {"gateway", SLC_OPTION_TEXT, &o->gateway, "ID", "gateway of all identities (dealt out over all gateways)", 0, 0,
         NULL, NULL},
        {"tls", SLC_OPTION_FLAG, &o->tls, NULL, "connect by wss://", 0, 0, NULL, NULL},
        {"ca-file", SLC_OPTION_TEXT, &o->ca_file, "FILE", "with --tls: trust these roots, not the system's", 0, 0, NULL,
         NULL},
        {.help = "The service"},
        {"identities", SLC_OPTION_NUMBER, &o->identities, "N", "addresses it answers at (1)", 1, 100000, NULL, NULL},
        {"home", SLC_OPTION_TEXT, &o->home, "DIR",
         "keeps identities, registrations and SURBs there between runs (nothing is kept)", 0, 0, NULL, NULL},
        {"requesters", SLC_OPTION_NUMBER, &o->requesters, "N",
         "peers per identity whose SURBs are kept; beyond, the longest silent go (4096)", 1, 10000000, NULL, NULL},
        {"pacing", SLC_OPTION_CHOICE, &o->pacing, "HOW", "none (answers leave at once), default or fast", 0, 0,
         pacing_names, &o->pacing_given},
        {"no-cover", SLC_OPTION_FLAG, &o->no_cover, NULL, "no loop cover", 0, 0, NULL, NULL},
        SLC_TRAFFIC_OPTIONS(&o->traffic),
        {.help = "How long, and what it tells"},
        {"duration", SLC_OPTION_DURATION, &o->duration, "T", "ends by itself (runs until SIGINT or SIGTERM)", 0, 0,
         NULL, NULL},
        {"connect", SLC_OPTION_DURATION, &o->connect, "T", "longest wait until all are ready (30s + 10ms each)",
         SLC_MILLISECOND, 3600 * SLC_SECOND, NULL, NULL},
        {"linger", SLC_OPTION_DURATION, &o->linger, "T", "at the end, for answers under way (5s)", 0, 3600 * SLC_SECOND,
         NULL, NULL},
        {"address-file", SLC_OPTION_TEXT, &o->address_file, "FILE", "addresses, one a line, once all are ready", 0, 0,
         NULL, NULL},
        {"status", SLC_OPTION_DURATION, &o->status, "T", "between status lines on standard error; 0: none (10s)", 0,
         86400 * SLC_SECOND, NULL, NULL},
        {"metrics", SLC_OPTION_NUMBER, &o->metrics_port, "PORT",
         "numbers for Prometheus at http://127.0.0.1:PORT/metrics; 0: a free one", 0, 65535, NULL, &o->metrics},
        {"json", SLC_OPTION_FLAG, &o->json, NULL, "ready and summary as JSON, one object a line", 0, 0, NULL, NULL},
        {.help = "The engine"},
        {"threads", SLC_OPTION_NUMBER, &o->threads, "N", "workers (one less than CPUs, at most one an identity)", 1,
         256, NULL, NULL},
        {"cpu-list", SLC_OPTION_CPUS, &o->cpus, "LIST", "pins worker, network and timer threads", 0, 0, NULL, NULL},
        {"io", SLC_OPTION_CHOICE, &o->io, "B", "auto, io_uring or poll", 0, 0, io_names, NULL},
        {"wait", SLC_OPTION_CHOICE, &o->wait, "W", "adaptive, spin or block", 0, 0, wait_names, NULL},
    };
    int rest;
    int code = slc_options_parse(argc, argv, "a service that answers every message with its own bytes, by SURB", table,
                                 sizeof table / sizeof *table, &rest);
    if (code < 0 && rest < argc) {
        (void)fprintf(stderr, "sluice echo: %s: an argument that is no option; see sluice echo --help\n", argv[rest]);
        return SLC_EXIT_USAGE;
    }
    return code;
}

static int failed(int code, const char *why)
{
    (void)fprintf(stderr, "sluice echo: %s\n", why);
    return code;
}

static int check(struct options *o)
{
    if (o->nym_api == NULL && o->network == NULL) o->nym_api = getenv("NYM_API");
    if ((o->nym_api == NULL) == (o->network == NULL)) {
        return failed(SLC_EXIT_USAGE, "name the network by one of --nym-api URL and --network FILE; a local one is "
                                      "started by: sluice localnet --dir net");
    }
    if (o->traffic.presets != NULL && (o->pacing_given || o->no_cover)) {
        return failed(SLC_EXIT_USAGE, "--preset says how packets leave: leave out --pacing and --no-cover");
    }
    if (o->ca_file != NULL && !o->tls) return failed(SLC_EXIT_USAGE, "--ca-file goes with --tls");
    return -1;
}

static enum slc_status configure(const struct options *o, struct slc_echo_config *config, struct slc_error *error)
{
    slc_echo_config_default(config, o->requesters);
    struct slc_engine_config *c = &config->engine;
    config->identities = (uint32_t)o->identities;
    if (o->pacing != 2) c->traffic.pacing = SLC_PACING_POISSON;
    c->traffic.no_loop = o->no_cover;
    if (o->threads > 0) c->runtime.workers = (unsigned)o->threads;
    c->runtime.cpus = o->cpus.count > 0 ? o->cpus.cpu : NULL;
    c->runtime.cpu_count = o->cpus.count;
    c->runtime.backend = (enum slc_loop_backend)o->io;
    c->runtime.wait = (enum slc_wait)o->wait;
    c->tls = o->tls;
    c->ca_file = o->ca_file;
    if (c->runtime.max_connections < o->identities + 64) c->runtime.max_connections = (size_t)o->identities + 64;
    enum slc_status status = o->pacing == 1 ? slc_traffic_preset(&c->traffic, "fast", error) : SLC_OK;
    return status == SLC_OK ? slc_traffic_words_apply(&o->traffic, &c->traffic, error) : status;
}

/* ---- beginning ---- */

static void wake(void *engine)
{
    slc_engine_wake(engine);
}

static void write_metrics(void *self, FILE *out)
{
    const struct slc_echo *echo = self;
    struct slc_echo_counts counts;
    slc_echo_counts(echo, &counts);
#define X(name, help)                                                                                                  \
    if (&counts.name == &counts.under_way) {                                                                           \
        slc_metrics_gauge(out, "echo_" #name, help, (double)counts.name);                                              \
    } else {                                                                                                           \
        slc_metrics_counter(out, "echo_" #name "_total", help, counts.name);                                           \
    }
    SLC_ECHO_COUNTERS(X)
#undef X
    slc_metrics_engine(out, slc_echo_engine(echo));
}

/* -1, or the exit code with `error` filled. */
static int open_all(struct program *p, struct slc_error *error)
{
    const struct options *o = p->o;
    struct slc_echo_config config;
    struct slc_mixnet mixnet;
    uint8_t gateway[SLC_IDENTITY_BYTES];
    if (configure(o, &config, error) != SLC_OK) return SLC_EXIT_USAGE;
    if (o->gateway != NULL) {
        if (slc_base58_key(gateway, o->gateway) != SLC_OK) {
            (void)slc_fail(error, SLC_BAD_ARGUMENT, "--gateway %.60s: not an identity key in base58", o->gateway);
            return SLC_EXIT_USAGE;
        }
        config.gateway = gateway;
    }
    if (o->home != NULL) {
        if (slc_storage_open(&p->storage, o->home, error) != SLC_OK) return SLC_EXIT_USAGE;
        const char *notice = slc_storage_notice(p->storage);
        if (notice != NULL) (void)fprintf(stderr, "sluice echo: %s\n", notice);
        config.engine.storage = p->storage;
    }
    slc_time limit = o->connect > 0 ? o->connect : 30 * SLC_SECOND;
    int code = slc_mixnet_find(&mixnet, o->nym_api, o->network, limit, error);
    if (code >= 0) return code;
    if (o->nym_api != NULL) {
        config.engine.nym_apis = &o->nym_api;
        config.engine.nym_api_count = 1;
    }
    enum slc_status status = slc_echo_new(&p->echo, &config, mixnet.topology, slc_mixnet_info(&mixnet), error);
    slc_mixnet_release(&mixnet);
    if (status != SLC_OK) return SLC_EXIT_USAGE;
    struct slc_engine *engine = slc_echo_engine(p->echo);
    slc_signals_catch(wake, engine);
    if (o->metrics) {
        status =
            slc_metrics_start(&p->metrics, (uint16_t)o->metrics_port, write_metrics, p->echo, &p->metrics_port, error);
    }
    if (status == SLC_OK) status = slc_echo_start(p->echo, error);
    return status == SLC_OK ? -1 : SLC_EXIT_USAGE;
}

static int connect_all(struct program *p, struct slc_error *error)
{
    const struct options *o = p->o;
    struct slc_engine *engine = slc_echo_engine(p->echo);
    slc_time limit = o->connect > 0 ? o->connect : 30 * SLC_SECOND + o->identities * 10 * SLC_MILLISECOND;
    slc_time end = slc_now() + limit;
    struct slc_echo_counts counts = {0};
    size_t ready = 0;
    while ((ready = slc_engine_ready(engine)) < o->identities) {
        slc_echo_turn(p->echo, 10 * SLC_MILLISECOND);
        slc_echo_counts(p->echo, &counts);
        if (slc_signals_stop()) return SLC_EXIT_GOOD;
        if (counts.gave_up == 0 && slc_now() < end) continue;
        const char *trouble = slc_echo_trouble(p->echo);
        char text[32];
        (void)slc_fail(error, SLC_TIMEOUT, "%zu of %llu identities ready%s%s; %s", ready,
                       (unsigned long long)o->identities, counts.gave_up > 0 ? "" : " after ",
                       counts.gave_up > 0 ? "" : slc_duration_text(limit, text),
                       trouble[0] != 0 ? trouble : "no gateway answered: is the network running?");
        return SLC_EXIT_NO_CONNECTION;
    }
    return -1;
}

/* Addresses to the file, whole or not at all: whoever waits for it may read it as soon as it is there. */
static int keep_addresses(const struct program *p, struct slc_error *error)
{
    const struct options *o = p->o;
    if (o->address_file == NULL) return -1;
    size_t len = 0;
    char *text = malloc((size_t)o->identities * SLC_RECIPIENT_TEXT_MAX);
    for (uint32_t i = 0; text != NULL && i < o->identities; i++) {
        struct slc_recipient recipient;
        slc_echo_recipient(p->echo, i, &recipient);
        slc_recipient_to_text(&recipient, text + len);
        len += strlen(text + len);
        text[len++] = '\n';
    }
    enum slc_status status = text == NULL ? slc_fail(error, SLC_NO_MEMORY, "no memory")
                                          : slc_file_write(o->address_file, text, len, 0644, error);
    free(text);
    return status == SLC_OK ? -1 : SLC_EXIT_USAGE;
}

/* ---- while it runs ---- */

/* False: every identity was refused for good. */
static bool serve(struct program *p)
{
    const struct options *o = p->o;
    slc_time begin = slc_now(), end = o->duration > 0 ? begin + o->duration : SLC_NEVER;
    slc_time next_status = o->status > 0 ? begin + o->status : SLC_NEVER;
    struct slc_echo_counts counts = {0};
    while (!slc_signals_stop() && counts.gave_up < o->identities) {
        slc_time now = slc_now();
        if (now >= end) return true;
        slc_time until = end < next_status ? end : next_status;
        slc_echo_turn(p->echo, until - now < SLC_SECOND ? until - now : SLC_SECOND);
        slc_echo_counts(p->echo, &counts);
        if (slc_now() < next_status) continue;
        slc_echo_say_status(&p->voice, slc_now() - begin);
        next_status += o->status;
    }
    return counts.gave_up < o->identities;
}

static int run(struct program *p, struct slc_error *error)
{
    int code = open_all(p, error);
    if (code >= 0) return code;
    p->voice = (struct slc_echo_voice){
        .echo = p->echo, .identities = (uint32_t)p->o->identities, .json = p->o->json, .metrics_port = p->metrics_port};
    code = connect_all(p, error);
    if (code < 0) code = keep_addresses(p, error);
    if (code >= 0) return code;
    slc_echo_say_ready(&p->voice);
    slc_time begin = slc_now();
    bool served = serve(p);
    slc_time served_for = slc_now() - begin;
    slc_echo_close(p->echo, p->o->linger);
    bool whole = slc_echo_say_summary(&p->voice, served_for);
    if (served) return whole ? SLC_EXIT_GOOD : SLC_EXIT_CHECK_FAILED;
    (void)slc_fail(error, SLC_REFUSED, "no identity is left; %s", slc_echo_trouble(p->echo));
    return SLC_EXIT_NO_CONNECTION;
}

int slc_echo_main(int argc, char **argv)
{
    struct options o = {
        .identities = 1, .requesters = 4096, .pacing = 2, .linger = 5 * SLC_SECOND, .status = 10 * SLC_SECOND};
    int code = parse(argc, argv, &o);
    if (code < 0) code = check(&o);
    if (code >= 0) return code;
    struct slc_error error = {0};
    struct program p = {.o = &o};
    code = run(&p, &error);
    if (error.text[0] != 0) (void)failed(code, error.text);
    slc_metrics_stop(p.metrics);
    slc_signals_catch(NULL, NULL);
    slc_echo_free(p.echo);
    slc_storage_close(p.storage);
    return code;
}
