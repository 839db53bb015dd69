/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/bench.h"

#include <stdio.h>

#include "crypto/base/cpu.h"
#include "crypto/base/time.h"
#include "tools/bench/plot.h"
#include "tools/common/file.h"
#include "tools/common/options.h"
#include "tools/subcommands.h"

static const struct bench {
    const char *name;
    int (*run)(const struct slc_bench_options *options, cJSON *all);
    const char *help;
    bool threads; /* of its own: not pinned to one core */
} benches[] = {
    {"packets", slc_bench_packets, "data packets with their acks, from plaintext to finished bytes", false},
    {"messages", slc_bench_messages, "the same from a fragment: the message layer in front", false},
    {"open", slc_bench_open, "packets opened by a node, a forward hop", false},
    {"surbs", slc_bench_surbs, "reply SURBs made, and used", false},
    {"receive", slc_bench_receive, "data packets read by their recipient: key agreement and decryption", false},
    {"seal", slc_bench_seal, "frames of a gateway session sealed, and opened", false},
    {"steps", slc_bench_steps, "single steps, beside libsodium and OpenSSL", false},
    {"engine", slc_bench_engine, "virtual clients and their threads, into gateways that only count", true},
};

static const char *const sizes[] = {"regular", "extended8", "extended16", "extended32", NULL};

enum slc_packet_size slc_bench_size(const struct slc_bench_options *options)
{
    static const enum slc_packet_size values[] = {SLC_SIZE_REGULAR, SLC_SIZE_EXTENDED_8, SLC_SIZE_EXTENDED_16,
                                                  SLC_SIZE_EXTENDED_32};
    return values[options->size];
}

static void print_benches(void)
{
    (void)fprintf(stderr, "usage: sluice bench WHAT [OPTIONS]\n\n");
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++) {
        (void)fprintf(stderr, "  %-10s %s\n", benches[i].name, benches[i].help);
    }
    (void)fprintf(stderr, "  %-10s %s\n", "plot", "a page of plots from what --json wrote");
    (void)fprintf(stderr, "\nsluice bench --help tells the options.\n");
}

/* A run of one bench may measure several things: an object, or an array of them. */
static int write_json(const struct slc_bench_options *options, const cJSON *all)
{
    char *text = cJSON_Print(cJSON_GetArraySize(all) == 1 ? cJSON_GetArrayItem(all, 0) : all);
    struct slc_error error = {0};
    enum slc_status status = text != NULL ? slc_file_write(options->json, text, strlen(text), 0644, &error)
                                          : slc_fail(&error, SLC_NO_MEMORY, "no memory for %s", options->json);
    cJSON_free(text);
    if (status == SLC_OK) return SLC_EXIT_GOOD;
    (void)fprintf(stderr, "sluice bench: %s\n", error.text);
    return SLC_EXIT_USAGE;
}

static int run(const struct bench *bench, const struct slc_bench_options *options)
{
    cJSON *all = cJSON_CreateArray();
    int result = bench->run(options, all);
    if (result == SLC_EXIT_GOOD && options->json != NULL) result = write_json(options, all);
    cJSON_Delete(all);
    return result;
}

int slc_bench_main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "plot") == 0) {
        static char name[] = "bench plot";
        argv[1] = name;
        return slc_bench_plot(argc - 1, argv + 1);
    }
    struct slc_bench_options o = {.hops = 4,
                                  .batch = 1024,
                                  .nodes = 80,
                                  .samples = 41,
                                  .workers = 1,
                                  .clients = 1000,
                                  .duration = 5 * SLC_SECOND};
    const struct slc_option table[] = {
        {NULL, SLC_OPTION_FLAG, NULL, NULL,
         "What is measured: packets, messages, open, surbs, receive, seal, steps, engine (plot: draws it)", 0, 0, NULL,
         NULL},
        {"size", SLC_OPTION_CHOICE, &o.size, "SIZE", "of data packets: regular, extended8, -16, -32 [regular]", 0, 0,
         sizes, NULL},
        {"hops", SLC_OPTION_NUMBER, &o.hops, "N", "of a route, the gateway's included [4]", 1, SLC_MAX_HOPS, NULL,
         NULL},
        {"batch", SLC_OPTION_NUMBER, &o.batch, "N", "pairs, packets or frames in one call [1024]", 1, 65536, NULL,
         NULL},
        {"nodes", SLC_OPTION_NUMBER, &o.nodes, "N", "in each layer [80]", 1, 4096, NULL, NULL},
        {"backend", SLC_OPTION_TEXT, &o.backend, "NAME", "portable, avx2, avx512f or ifma [the best]", 0, 0, NULL,
         NULL},
        {NULL, SLC_OPTION_FLAG, NULL, NULL, "How", 0, 0, NULL, NULL},
        {"samples", SLC_OPTION_NUMBER, &o.samples, "N", "rounds [41]", 1, SLC_BENCH_SAMPLES_MAX, NULL, NULL},
        {"workers", SLC_OPTION_NUMBER, &o.workers, "N", "packets: also N threads, against one; engine [1]", 1, 64, NULL,
         NULL},
        {"clients", SLC_OPTION_NUMBER, &o.clients, "N", "engine: more than a worker can serve [1000]", 1, 100000, NULL,
         NULL},
        {"duration", SLC_OPTION_DURATION, &o.duration, "TIME", "engine [5s]", SLC_SECOND, 0, NULL, NULL},
        {"peers", SLC_OPTION_TEXT, &o.peers, "FILE", "library of published crates [as bench/peers/build.sh puts it]", 0,
         0, NULL, NULL},
        {"no-peers", SLC_OPTION_FLAG, &o.no_peers, NULL, "measure ourselves only", 0, 0, NULL, NULL},
        {"json", SLC_OPTION_TEXT, &o.json, "FILE", "write the figures there, too", 0, 0, NULL, NULL},
    };
    int rest;
    int result = slc_options_parse(argc, argv, "measures the packet engine beside the published crates", table,
                                   sizeof table / sizeof *table, &rest);
    if (result != -1) return result;
    struct slc_error error = {0};
    if (o.backend != NULL && slc_cpu_force_name(o.backend, &error) != SLC_OK) {
        (void)fprintf(stderr, "sluice bench: %s\n", error.text);
        return SLC_EXIT_USAGE;
    }
    for (size_t i = 0; rest + 1 == argc && i < sizeof benches / sizeof *benches; i++) {
        if (strcmp(argv[rest], benches[i].name) != 0) continue;
        /* Ticks of one core are comparable; a wandering thread's are not. */
        if (!benches[i].threads && !slc_bench_pin(0))
            (void)fprintf(stderr, "sluice bench: not pinned to a core: expect noise\n");
        return run(&benches[i], &o);
    }
    print_benches();
    return SLC_EXIT_USAGE;
}
