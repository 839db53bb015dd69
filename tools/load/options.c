/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/load_internal.h"

#include "crypto/base/random.h"
#include "engine/message/message.h"

#include <stdio.h>
#include <string.h>

static const char *const arrivals_choices[] = {"poisson", "constant", NULL};
static const char *const pacing_choices[] = {"default", "fast", "none", NULL};
static const char *const packet_choices[] = {"regular", "extended8", "extended16", "extended32", NULL};
static const char *const io_choices[] = {"auto", "io_uring", "poll", NULL};
static const char *const wait_choices[] = {"adaptive", "spin", "block", NULL};
static const enum slc_packet_size packet_sizes[] = {SLC_SIZE_REGULAR, SLC_SIZE_EXTENDED_8, SLC_SIZE_EXTENDED_16,
                                                    SLC_SIZE_EXTENDED_32};

enum { SURBS_MAX = 1000 }; /* in one message: half a megabyte of them */

/* Seeds are reported in JSON, whose numbers are exact up to here. */
#define SEED_MAX ((UINT64_C(1) << 53) - 1)

static void set_defaults(struct slc_load_options *o)
{
    *o = (struct slc_load_options){
        .mixnodes = 3,
        .gateways = 2,
        .local_threads = 1,
        .clients = 25,
        .duration = 20 * SLC_SECOND,
        .warm_up = SLC_SECOND,
        .drain = 10 * SLC_SECOND,
        .rate = 10,
        .message_bytes = 1000,
        .services = 1,
        .epoch = 3600 * SLC_SECOND,
        .rotation_epochs = 24,
    };
}

static int parse(int argc, char **argv, struct slc_load_options *o)
{
    const struct slc_option options[] = {
        {NULL, 0, NULL, NULL, "What is loaded (a local mixnet inside this process unless named):", 0, 0, NULL, NULL},
        {"local", SLC_OPTION_FLAG, &o->local, NULL, "a mixnet inside this process", 0, 0, NULL, NULL},
        {"network", SLC_OPTION_TEXT, &o->network, "FILE", "the mixnet of a topology file", 0, 0, NULL, NULL},
        {"nym-api", SLC_OPTION_TEXT, &o->api, "URL", "the mixnet of a directory", 0, 0, NULL, NULL},
        {"tls", SLC_OPTION_FLAG, &o->tls, NULL, "connect to gateways by wss", 0, 0, NULL, NULL},
        {"ca-file", SLC_OPTION_TEXT, &o->ca_file, "FILE", "with --tls: trust these roots, not the system's", 0, 0, NULL,
         NULL},
        {"i-have-permission-to-load-this-network", SLC_OPTION_FLAG, &o->permitted, NULL,
         "needed where nodes are not on this machine", 0, 0, NULL, NULL},

        {NULL, 0, NULL, NULL, "The load:", 0, 0, NULL, NULL},
        {"clients", SLC_OPTION_NUMBER, &o->clients, "N", "virtual clients; default 25", 1, 100000, NULL, NULL},
        {"duration", SLC_OPTION_DURATION, &o->duration, "TIME", "how long is measured; default 20s", SLC_SECOND / 10,
         48 * 3600 * SLC_SECOND, NULL, NULL},
        {"rate", SLC_OPTION_RATE, &o->rate, "RATE", "messages of each client; default 10/s; 0: cover only", 0, 0, NULL,
         &o->rate_given},
        {"total-rate", SLC_OPTION_RATE, &o->total_rate, "RATE", "messages of all clients, instead of --rate", 0, 0,
         NULL, &o->total_rate_given},
        {"arrivals", SLC_OPTION_CHOICE, &o->arrivals, "KIND", "poisson (default) or constant", 0, 0, arrivals_choices,
         NULL},
        {"size", SLC_OPTION_BYTES, &o->message_bytes, "BYTES", "of a message, 40 or more; default 1000",
         SLC_LOAD_HEAD_BYTES, 64 << 20, NULL, NULL},
        {"surbs", SLC_OPTION_NUMBER, &o->surbs, "N",
         "reply SURBs in each message; default 0; with --ping what the "
         "answer takes, and 10 more in a client's first",
         0, SURBS_MAX, NULL, &o->surbs_given},
        {"seed", SLC_OPTION_NUMBER, &o->seed, "N", "repeat this schedule; default: drawn, and reported", 0, SEED_MAX,
         NULL, &o->seed_given},
        {"warmup", SLC_OPTION_DURATION, &o->warm_up, "TIME", "load before measuring; default 1s", 0, 3600 * SLC_SECOND,
         NULL, NULL},
        {"drain", SLC_OPTION_DURATION, &o->drain, "TIME", "longest wait for what is under way; default 10s", 0,
         3600 * SLC_SECOND, NULL, NULL},
        {"connect", SLC_OPTION_DURATION, &o->connect, "TIME",
         "longest wait until all are ready; default 10s + 10ms a client", SLC_MILLISECOND, 3600 * SLC_SECOND, NULL,
         NULL},

        {NULL, 0, NULL, NULL, "Round trips:", 0, 0, NULL, NULL},
        {"ping", SLC_OPTION_FLAG, &o->ping, NULL, "messages are requests; echo services answer them by SURB", 0, 0,
         NULL, NULL},
        {"to", SLC_OPTION_LIST, &o->to, "ADDRESS", "of a running sluice echo; again for more; default: in this process",
         0, 0, NULL, NULL},
        {"address-file", SLC_OPTION_TEXT, &o->address_file, "FILE", "or addresses as sluice echo writes them", 0, 0,
         NULL, NULL},
        {"services", SLC_OPTION_NUMBER, &o->services, "N", "how many answer in this process; default 1", 1, 10000, NULL,
         &o->services_given},

        {NULL, 0, NULL, NULL, "The clients' traffic:", 0, 0, NULL, NULL},
        {"pacing", SLC_OPTION_CHOICE, &o->pacing, "KIND", "default (Poisson slots, 50/s), fast, or none (at once)", 0,
         0, pacing_choices, &o->pacing_given},
        {"no-cover", SLC_OPTION_FLAG, &o->no_cover, NULL, "no cover packets; implies --pacing none", 0, 0, NULL, NULL},
        {"packet-size", SLC_OPTION_CHOICE, &o->packet_size, "SIZE", "regular (default), extended8, 16 or 32", 0, 0,
         packet_choices, &o->packet_size_given},
        {"hop-delay", SLC_OPTION_DURATION, &o->hop_delay, "TIME", "mean delay per hop; default 15ms", 0,
         10 * SLC_SECOND, NULL, &o->hop_delay_given},
        SLC_TRAFFIC_OPTIONS(&o->traffic),

        {NULL, 0, NULL, NULL, "The local mixnet:", 0, 0, NULL, NULL},
        {"mixnodes", SLC_OPTION_NUMBER, &o->mixnodes, "N", "in three layers; default 3", 3, 1000, NULL, NULL},
        {"gateways", SLC_OPTION_NUMBER, &o->gateways, "N", "default 2", 1, 1000, NULL, NULL},
        {"local-threads", SLC_OPTION_NUMBER, &o->local_threads, "N", "its workers; default 1", 1, 256, NULL, NULL},
        {"tcp-hops", SLC_OPTION_FLAG, &o->tcp_hops, NULL, "hops over loopback TCP, not in memory", 0, 0, NULL, NULL},
        {"no-delays", SLC_OPTION_FLAG, &o->no_delays, NULL, "nodes do not wait", 0, 0, NULL, NULL},
        {"loss", SLC_OPTION_SHARE, &o->loss, "SHARE", "of packets lost at each hop", 0, 0, NULL, NULL},
        {"duplicate", SLC_OPTION_SHARE, &o->duplicate, "SHARE", "of packets doubled at each hop", 0, 0, NULL, NULL},
        {"cut-every", SLC_OPTION_DURATION, &o->cut_every, "TIME", "all gateway connections are cut so often", 0,
         48 * 3600 * SLC_SECOND, NULL, NULL},
        {"epoch", SLC_OPTION_DURATION, &o->epoch, "TIME", "of its epochs, whole seconds; default 1h", SLC_SECOND,
         365 * 86400 * SLC_SECOND, NULL, NULL},
        {"rotation-epochs", SLC_OPTION_NUMBER, &o->rotation_epochs, "N",
         "epochs until its nodes' keys rotate; default 24", 1, 1000000, NULL, NULL},
        {"rotation-tags", SLC_OPTION_FLAG, &o->frames_v8, NULL, "hops carry the rotation of a packet's key", 0, 0, NULL,
         NULL},

        {NULL, 0, NULL, NULL, "The engine and the report:", 0, 0, NULL, NULL},
        {"home", SLC_OPTION_TEXT, &o->home, "DIR", "keep the clients there and use them again; else fresh ones", 0, 0,
         NULL, NULL},
        {"threads", SLC_OPTION_NUMBER, &o->threads, "N", "workers; default: one less than CPUs", 1, 256, NULL, NULL},
        {"cpu-list", SLC_OPTION_CPUS, &o->cpus, "LIST", "pin the engine's threads, as in 0,2-3", 0, 0, NULL, NULL},
        {"io", SLC_OPTION_CHOICE, &o->io, "KIND", "auto (default), io_uring or poll", 0, 0, io_choices, NULL},
        {"wait", SLC_OPTION_CHOICE, &o->wait, "KIND", "adaptive (default), spin or block", 0, 0, wait_choices, NULL},
        {"json", SLC_OPTION_TEXT, &o->json, "FILE", "write the report as JSON; -: standard output", 0, 0, NULL, NULL},
        {"html", SLC_OPTION_TEXT, &o->html, "FILE", "write the report as one page with plots", 0, 0, NULL, NULL},
        {"quiet", SLC_OPTION_FLAG, &o->quiet, NULL, "no progress", 0, 0, NULL, NULL},
    };
    int rest;
    int result = slc_options_parse(argc, argv, "load-test a mixnet, open loop, every message accounted for", options,
                                   sizeof options / sizeof *options, &rest);
    if (result < 0 && rest < argc) {
        (void)fprintf(stderr, "sluice load: %s: an argument that is no option; see sluice load --help\n", argv[rest]);
        return SLC_EXIT_USAGE;
    }
    return result;
}

static int refuse(const char *why)
{
    (void)fprintf(stderr, "sluice load: %s\n", why);
    return SLC_EXIT_USAGE;
}

static enum slc_status make_traffic(const struct slc_load_options *o, struct slc_traffic *traffic,
                                    struct slc_error *error)
{
    slc_traffic_default(traffic);
    if (o->pacing == SLC_LOAD_PACING_FAST) slc_traffic_fast(traffic);
    if (o->pacing == SLC_LOAD_PACING_NONE) traffic->pacing = SLC_PACING_NONE;
    if (o->no_cover) traffic->no_loop = true;
    enum slc_status status = slc_traffic_words_apply(&o->traffic, traffic, error);
    if (o->hop_delay_given) traffic->hop_delay = traffic->ack_hop_delay = o->hop_delay;
    if (o->packet_size_given) traffic->size = packet_sizes[o->packet_size];
    return status == SLC_OK ? slc_traffic_check(traffic, error) : status;
}

static int check(struct slc_load_options *o)
{
    if ((o->local ? 1 : 0) + (o->network != NULL ? 1 : 0) + (o->api != NULL ? 1 : 0) > 1) {
        return refuse("--local, --network and --nym-api each name what is loaded: give one of them");
    }
    o->local = o->network == NULL && o->api == NULL;
    if (o->rate_given && o->total_rate_given) return refuse("give --rate or --total-rate, not both");
    if (o->traffic.presets != NULL && (o->pacing_given || o->no_cover)) {
        return refuse("--preset says how packets leave: leave out --pacing and --no-cover");
    }
    if (o->no_cover && o->pacing_given && o->pacing != SLC_LOAD_PACING_NONE) {
        return refuse("--no-cover: empty slots of a Poisson stream are cover packets; it goes with --pacing none only");
    }
    if (o->no_cover) o->pacing = SLC_LOAD_PACING_NONE;
    struct slc_traffic traffic;
    struct slc_error error = {0};
    if (make_traffic(o, &traffic, &error) != SLC_OK) return refuse(error.text);
    if (o->epoch % SLC_SECOND != 0) return refuse("--epoch wants whole seconds, as 60s");
    if (!o->local && (o->cut_every > 0 || o->loss > 0 || o->duplicate > 0)) {
        return refuse("--cut-every, --loss and --duplicate belong to a local mixnet; another one has POST /control");
    }
    bool elsewhere = o->to.count > 0 || o->address_file != NULL;
    if (!o->ping && (elsewhere || o->services_given))
        return refuse("--to, --address-file and --services go with --ping");
    if (elsewhere && o->services_given)
        return refuse("--services run in this process; --to and --address-file elsewhere");
    if (elsewhere && o->local) {
        return refuse("services elsewhere cannot be on a mixnet inside this process: name theirs by --nym-api or "
                      "--network");
    }
    if (o->ping && o->surbs_given && o->surbs == 0) return refuse("no answer comes without SURBs: leave out --surbs 0");
    if (o->ca_file != NULL && !o->tls) return refuse("--ca-file goes with --tls");
    if (o->json != NULL && o->html != NULL && strcmp(o->json, o->html) == 0) {
        return refuse("--json and --html name the same file");
    }
    if (o->html != NULL && strcmp(o->html, "-") == 0) return refuse("--html wants a file");
    return -1;
}

static int complete(struct slc_load_options *o)
{
    if (o->total_rate_given) {
        o->rate = o->total_rate / (double)o->clients;
    } else {
        o->total_rate = o->rate * (double)o->clients;
    }
    if (o->total_rate > 1e8) return refuse("more than 100,000,000 messages a second: no clock here is that fine");
    if (!o->seed_given) {
        struct slc_random random;
        if (slc_random_from_system(&random) != SLC_OK) return refuse("the system gives no randomness");
        o->seed = slc_random_u64(&random) & SEED_MAX;
        slc_random_wipe(&random);
    }
    return -1;
}

int slc_load_options_parse(int argc, char **argv, struct slc_load_options *o)
{
    set_defaults(o);
    int result = parse(argc, argv, o);
    if (result < 0) result = check(o);
    if (result < 0) result = complete(o);
    return result;
}

void slc_load_traffic(const struct slc_load_options *o, struct slc_traffic *traffic)
{
    (void)!make_traffic(o, traffic, NULL);
}

static size_t fragments_of(enum slc_message_kind kind, uint32_t surbs, uint64_t bytes,
                           const struct slc_traffic *traffic)
{
    struct slc_cut cut;
    size_t len = slc_message_head_bytes(kind, surbs, slc_traffic_hops(traffic)) + (size_t)bytes;
    return slc_cut_plan(&cut, len, slc_fragment_bytes(traffic->size)) == SLC_OK ? cut.fragments : 0;
}

uint32_t slc_load_surbs(const struct slc_load_options *o, const struct slc_traffic *traffic, bool first)
{
    if (!o->ping || o->surbs_given) return (uint32_t)o->surbs;
    size_t answer = fragments_of(SLC_MESSAGE_REPLY, 0, o->message_bytes, traffic);
    uint32_t surbs = (uint32_t)(answer < SURBS_MAX ? answer : SURBS_MAX);
    return surbs + (first ? traffic->surbs_minimum : 0);
}

size_t slc_load_packets_per_message(const struct slc_load_options *o, const struct slc_traffic *traffic)
{
    uint32_t surbs = slc_load_surbs(o, traffic, false);
    return fragments_of(surbs > 0 ? SLC_MESSAGE_REPLIABLE : SLC_MESSAGE_PLAIN, surbs, o->message_bytes, traffic);
}

enum slc_status slc_load_fits(const struct slc_load_options *o, const struct slc_traffic *traffic,
                              struct slc_error *error)
{
    double slots = slc_traffic_slots_per_second(traffic);
    size_t packets = slc_load_packets_per_message(o, traffic);
    double wanted = o->rate * (double)packets;
    if (slots <= 0 || wanted < slots) return SLC_OK;
    return slc_fail(
        error, SLC_OUT_OF_RANGE,
        "%.6g messages/s of %zu packet%s are %.6g packets/s a client, and its slots carry %.6g: queues only "
        "grow; lower --rate or --size, or take --pacing fast or none",
        o->rate, packets, packets == 1 ? "" : "s", wanted, slots);
}

enum slc_status slc_load_may(const struct slc_load_options *o, const struct slc_traffic *traffic,
                             struct slc_error *error)
{
    if (!o->permitted) {
        return slc_fail(error, SLC_DENIED,
                        "its nodes are not on this machine. Loading a network that others use harms them; if it is "
                        "yours, or its operators agreed, say --i-have-permission-to-load-this-network");
    }
    double slots = slc_traffic_slots_per_second(traffic);
    double messages = o->rate * (double)slc_load_packets_per_message(o, traffic);
    slc_time mean = slc_traffic_loop_mean(traffic);
    double loop = mean > 0 ? (double)SLC_SECOND / (double)mean : 0;
    double packets = ((slots > 0 ? slots : messages) + loop) * (double)o->clients;
    if (o->ping && o->to.count == 0 && o->address_file == NULL) {
        size_t answer = fragments_of(SLC_MESSAGE_REPLY, 0, o->message_bytes, traffic);
        packets += o->total_rate * (double)answer + loop * (double)o->services;
    }
    if (packets <= SLC_LOAD_CEILING) return SLC_OK;
    return slc_fail(
        error, SLC_OUT_OF_RANGE,
        "%llu clients would send %.0f packets/s, cover and answers included; the ceiling for a network that is not on "
        "this machine is %d",
        (unsigned long long)o->clients, packets, SLC_LOAD_CEILING);
}
