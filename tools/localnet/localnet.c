/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/node/localnet.h"

#include "tools/common/embedded.h"
#include "tools/common/file.h"
#include "tools/common/options.h"
#include "tools/common/signals.h"
#include "tools/localnet/foreign.h"
#include "tools/localnet/http.h"
#include "tools/subcommands.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct options {
    uint64_t mixnodes, gateways, first_id, seed, port, api_port, threads, queue, inbox, duration, epoch,
        rotation_epochs;
    unsigned hops, frames, backend, wait;
    bool noise, sink, no_delays, metered, json;
    const char *dir, *foreign;
    struct slc_faults faults;
    struct slc_cpu_list cpus;
};

static const char *const hop_names[] = {"memory", "tcp", NULL};
static const char *const frame_names[] = {"v7", "v8", NULL};
static const char *const backend_names[] = {"auto", "io_uring", "poll", NULL};
static const char *const wait_names[] = {"adaptive", "spin", "block", NULL};

static int parse(int argc, char **argv, struct options *o)
{
    const struct slc_option table[] = {
        {.help = "What it is made of"},
        {"mixnodes", SLC_OPTION_NUMBER, &o->mixnodes, "N", "mixnodes, spread over three layers (3)", 0, 1000, NULL,
         NULL},
        {"gateways", SLC_OPTION_NUMBER, &o->gateways, "N", "gateways (2)", 0, 500, NULL, NULL},
        {"foreign", SLC_OPTION_TEXT, &o->foreign, "FILE", "nodes run by others, in place of some of ours", 0, 0, NULL,
         NULL},
        {"first-id", SLC_OPTION_NUMBER, &o->first_id, "N", "our nodes' ids are N, N+1, ... (1)", 1, 1000000000, NULL,
         NULL},
        {"hops", SLC_OPTION_CHOICE, &o->hops, "HOW", "memory: handed over in the process; tcp: real node frames", 0, 0,
         hop_names, NULL},
        {"noise", SLC_OPTION_FLAG, &o->noise, NULL, "with --hops tcp: Noise between nodes", 0, 0, NULL, NULL},
        {"frames", SLC_OPTION_CHOICE, &o->frames, "V", "between nodes: v7 as most send, or v8 with the rotation", 0, 0,
         frame_names, NULL},
        {"sink", SLC_OPTION_FLAG, &o->sink, NULL, "gateways only count what comes in: measures clients alone", 0, 0,
         NULL, NULL},
        {"no-delays", SLC_OPTION_FLAG, &o->no_delays, NULL, "do not wait the delays in the packets", 0, 0, NULL, NULL},
        {"metered", SLC_OPTION_FLAG, &o->metered, NULL, "count clients' bandwidth as a strict gateway does", 0, 0, NULL,
         NULL},
        {"queue", SLC_OPTION_NUMBER, &o->queue, "N", "most packets waiting in all; more are dropped (200000)", 100,
         10000000, NULL, NULL},
        {"inbox", SLC_OPTION_NUMBER, &o->inbox, "N", "payloads kept for an absent client (10000)", 0, 10000000, NULL,
         NULL},
        {"epoch", SLC_OPTION_DURATION, &o->epoch, "T", "length of an epoch, in whole seconds (1h)", 0,
         365 * 86400 * SLC_SECOND, NULL, NULL},
        {"rotation-epochs", SLC_OPTION_NUMBER, &o->rotation_epochs, "N", "epochs until the nodes' keys rotate (24)", 1,
         1000000, NULL, NULL},
        {.help = "What goes wrong, at every node (change it later: POST /control, see docs/localnet.md)"},
        {"loss", SLC_OPTION_SHARE, &o->faults.loss, "P", "share of packets lost, as 2% or 0.02", 0, 0, NULL, NULL},
        {"duplicate", SLC_OPTION_SHARE, &o->faults.duplicate, "P", "share of packets that come twice", 0, 0, NULL,
         NULL},
        {"reorder", SLC_OPTION_SHARE, &o->faults.reorder, "P", "share of packets held back by --reorder-delay", 0, 0,
         NULL, NULL},
        {"reorder-delay", SLC_OPTION_DURATION, &o->faults.reorder_delay, "T", "(50ms)", 0, 600 * SLC_SECOND, NULL,
         NULL},
        {"extra-delay", SLC_OPTION_DURATION, &o->faults.extra_delay, "T", "added to every packet", 0, 600 * SLC_SECOND,
         NULL, NULL},
        {.help = "Where"},
        {"dir", SLC_OPTION_TEXT, &o->dir, "DIR", "writes topology.json, network.env, status.html, foreign.json there",
         0, 0, NULL, NULL},
        {"port", SLC_OPTION_NUMBER, &o->port, "P", "first port: mixnodes and gateways, then client sockets (free ones)",
         0, 65000, NULL, NULL},
        {"api-port", SLC_OPTION_NUMBER, &o->api_port, "P", "port of the directory and the status page (a free one)", 0,
         65535, NULL, NULL},
        {.help = "How"},
        {"seed", SLC_OPTION_NUMBER, &o->seed, "N", "same keys and same faults each time (random)", 0, 0, NULL, NULL},
        {"duration", SLC_OPTION_DURATION, &o->duration, "T", "ends by itself (runs until SIGTERM)", 0, 0, NULL, NULL},
        {"threads", SLC_OPTION_NUMBER, &o->threads, "N", "workers (1)", 1, 64, NULL, NULL},
        {"cpu-list", SLC_OPTION_CPUS, &o->cpus, "LIST", "pins worker, network and timer threads", 0, 0, NULL, NULL},
        {"io", SLC_OPTION_CHOICE, &o->backend, "B", "auto, io_uring or poll", 0, 0, backend_names, NULL},
        {"wait", SLC_OPTION_CHOICE, &o->wait, "W", "adaptive, spin or block", 0, 0, wait_names, NULL},
        {"json", SLC_OPTION_FLAG, &o->json, NULL, "the ready line as JSON, for scripts", 0, 0, NULL, NULL},
    };
    int rest;
    int code = slc_options_parse(argc, argv, "a whole mixnet on loopback, for any Nym client", table,
                                 sizeof table / sizeof *table, &rest);
    if (code < 0 && rest < argc) {
        (void)fprintf(stderr, "sluice localnet: %s: no arguments are taken, only options\n", argv[rest]);
        code = SLC_EXIT_USAGE;
    }
    if (code < 0 && o->noise && o->hops == 0) {
        (void)fprintf(stderr, "sluice localnet: --noise is between nodes that speak TCP: add --hops tcp\n");
        code = SLC_EXIT_USAGE;
    }
    if (code < 0 && (o->epoch == 0 || o->epoch % SLC_SECOND != 0)) {
        (void)fprintf(stderr, "sluice localnet: --epoch: want whole seconds, as 10s or 1h\n");
        code = SLC_EXIT_USAGE;
    }
    return code;
}

static void configure(const struct options *o, struct slc_localnet_config *c)
{
    c->mixnodes = (unsigned)o->mixnodes;
    c->gateways = (unsigned)o->gateways;
    c->first_id = (uint32_t)o->first_id;
    c->tcp_hops = o->hops == 1;
    c->noise = o->noise;
    c->frames_v8 = o->frames == 1;
    c->sink = o->sink;
    c->no_delays = o->no_delays;
    c->metered = o->metered;
    c->seed = o->seed;
    c->first_port = (uint16_t)o->port;
    c->queue_packets = o->queue;
    c->inbox_messages = o->inbox;
    c->epoch_seconds = o->epoch / SLC_SECOND;
    c->validity_epochs = (uint32_t)o->rotation_epochs;
    c->faults = o->faults;
    c->runtime.workers = (unsigned)o->threads;
    c->runtime.backend = (enum slc_loop_backend)o->backend;
    c->runtime.wait = (enum slc_wait)o->wait;
    c->runtime.cpus = o->cpus.count > 0 ? o->cpus.cpu : NULL;
    c->runtime.cpu_count = o->cpus.count;
}

/* ---- what it leaves in its directory ---- */

static enum slc_status write_file(const char *dir, const char *name, const char *data, size_t len,
                                  struct slc_error *error)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
        return slc_fail(error, SLC_TOO_LONG, "%s: path too long", dir);
    }
    return slc_file_write(path, data, len, 0644, error);
}

/* docs/protocol/6-network.md, section 3.4: whatever is missing here, a published client fills with mainnet's. */
static enum slc_status write_environment(const char *dir, const char *api, struct slc_error *error)
{
    char text[2048];
    int len = snprintf(text, sizeof text,
                       "CONFIGURED=true\nNETWORK_NAME=local\nBECH32_PREFIX=n\nMIX_DENOM=unym\nMIX_DENOM_DISPLAY=nym\n"
                       "STAKE_DENOM=unyx\nSTAKE_DENOM_DISPLAY=nyx\nDENOMS_EXPONENT=6\nNYXD=http://127.0.0.1:1\n"
                       "NYM_API=%s\nNYM_APIS='[{\"url\":\"%s/\",\"front_hosts\":null}]'\n",
                       api, api);
    return write_file(dir, "network.env", text, (size_t)len, error);
}

/* The page as it is served, told where it is served, so that it works when opened as a file. */
static enum slc_status write_page(const char *dir, const char *root, struct slc_error *error)
{
    static const char place[] = "<meta name=\"server\" content=\"";
    struct slc_bytes page = slc_embedded_status_page();
    const char *from = (const char *)page.data, *at = memmem(from, page.len, place, sizeof place - 1);
    size_t head = at == NULL ? page.len : (size_t)(at - from) + sizeof place - 1;
    size_t len = page.len + strlen(root);
    char *text = malloc(len);
    if (text == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    memcpy(text, from, head);
    memcpy(text + head, root, strlen(root));
    memcpy(text + head + strlen(root), from + head, page.len - head);
    enum slc_status status = write_file(dir, "status.html", text, len, error);
    free(text);
    return status;
}

static enum slc_status write_json(const char *dir, const char *name, char *json, struct slc_error *error)
{
    if (json == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    enum slc_status status = write_file(dir, name, json, strlen(json), error);
    free(json);
    return status;
}

static enum slc_status write_files(const char *dir, const struct slc_localnet *net, const char *root, const char *api,
                                   struct slc_error *error)
{
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        enum slc_status why = errno == EACCES ? SLC_DENIED : SLC_IO;
        return slc_fail(error, why, "%s: %s", dir, strerror(errno));
    }
    const struct slc_network *network = slc_localnet_network(net);
    char *topology = slc_network_document(network, SLC_DOCUMENT_TOPOLOGY_FILE);
    enum slc_status status = write_json(dir, "topology.json", topology, error);
    if (status == SLC_OK) status = write_json(dir, "foreign.json", slc_foreign_document(net), error);
    if (status == SLC_OK) status = write_environment(dir, api, error);
    return status == SLC_OK ? write_page(dir, root, error) : status;
}

static void say_ready(const struct options *o, const struct slc_network *network, const char *api)
{
    if (!o->json) {
        (void)printf("ready: %zu nodes, directory %s, status page %.*s\n", network->node_count, api,
                     (int)(strlen(api) - strlen("api")), api);
        (void)fflush(stdout);
        return;
    }
    cJSON *ready = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(ready, "event", "ready");
    (void)cJSON_AddStringToObject(ready, "api", api);
    if (o->dir != NULL) (void)cJSON_AddStringToObject(ready, "dir", o->dir);
    cJSON *gateways = cJSON_AddArrayToObject(ready, "gateways");
    for (size_t i = 0; i < network->node_count; i++) {
        if (network->layer[i] != 0) continue;
        const struct slc_node *node = &network->nodes[i];
        char identity[SLC_BASE58_MAX], ws[SLC_ADDRESS_TEXT_MAX];
        cJSON *gateway = cJSON_CreateObject();
        (void)cJSON_AddNumberToObject(gateway, "id", node->id);
        if (slc_base58_encode(identity, sizeof identity, slc_bytes(node->identity, SLC_IDENTITY_BYTES)) == SLC_OK) {
            (void)cJSON_AddStringToObject(gateway, "identity", identity);
        }
        slc_address_to_text(&node->ws, ws);
        (void)cJSON_AddStringToObject(gateway, "ws", ws);
        (void)cJSON_AddItemToArray(gateways, gateway);
    }
    char *text = cJSON_PrintUnformatted(ready);
    cJSON_Delete(ready);
    if (text != NULL) (void)printf("%s\n", text);
    (void)fflush(stdout);
    free(text);
}

static sem_t asked_to_end;

static void wake(void *self)
{
    (void)sem_post(self);
}

/* Until a signal or the time is up; epochs go on meanwhile. */
static void wait_for_end(struct slc_localnet_http *http, slc_time duration)
{
    slc_time end = duration == 0 ? SLC_NEVER : slc_now() + duration;
    for (slc_time now = slc_now(); !slc_signals_stop() && now < end; now = slc_now()) {
        slc_time epoch = slc_localnet_http_tick(http), at = epoch < end ? epoch : end;
        const struct timespec until = {.tv_sec = (time_t)(at / SLC_SECOND), .tv_nsec = (long)(at % SLC_SECOND)};
        (void)sem_clockwait(&asked_to_end, CLOCK_MONOTONIC, &until);
    }
}

static int run(const struct options *o, struct slc_localnet_config *config, struct slc_error *error)
{
    struct slc_localnet *net = NULL;
    struct slc_localnet_http *http = NULL;
    uint16_t api_port = 0;
    enum slc_status status = slc_localnet_new(&net, config, error);
    if (status == SLC_OK) status = slc_localnet_http_start(&http, net, (uint16_t)o->api_port, &api_port, error);
    char root[64], api[64];
    (void)snprintf(root, sizeof root, "http://127.0.0.1:%u/", api_port);
    (void)snprintf(api, sizeof api, "http://127.0.0.1:%u/api", api_port);
    if (status == SLC_OK && o->dir != NULL) status = write_files(o->dir, net, root, api, error);
    if (status == SLC_OK) status = slc_localnet_start(net, error);
    if (status == SLC_OK) {
        say_ready(o, slc_localnet_network(net), api);
        wait_for_end(http, o->duration);
    }
    slc_localnet_http_stop(http);
    slc_localnet_free(net);
    return status == SLC_OK ? SLC_EXIT_GOOD : SLC_EXIT_USAGE;
}

int slc_localnet_main(int argc, char **argv)
{
    struct options o = {.mixnodes = 3,
                        .gateways = 2,
                        .first_id = 1,
                        .threads = 1,
                        .queue = 200000,
                        .inbox = 10000,
                        .epoch = 3600 * SLC_SECOND,
                        .rotation_epochs = 24,
                        .faults = {.reorder_delay = 50 * SLC_MILLISECOND}};
    int code = parse(argc, argv, &o);
    if (code >= 0) return code;
    struct slc_localnet_config config;
    slc_localnet_config_default(&config);
    configure(&o, &config);
    struct slc_error error = {0};
    struct slc_foreign_node *foreign = NULL;
    if (o.foreign != NULL && slc_foreign_load(o.foreign, &foreign, &config.foreign_count, &error) != SLC_OK) {
        (void)fprintf(stderr, "sluice localnet: %s\n", error.text);
        return SLC_EXIT_USAGE;
    }
    config.foreign = foreign;
    (void)sem_init(&asked_to_end, 0, 0);
    slc_signals_catch(wake, &asked_to_end);
    code = run(&o, &config, &error);
    if (code != SLC_EXIT_GOOD) (void)fprintf(stderr, "sluice localnet: %s\n", error.text);
    free(foreign);
    return code;
}
