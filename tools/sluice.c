/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/cpu.h"
#include "tools/common/options.h"
#include "tools/subcommands.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

/* One program; a subcommand is a row here and a folder beside this file. */
static const struct subcommand {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *help;
} subcommands[] = {
    {"load", slc_load_main, "load-test a mixnet, by default a local one started inside"},
    {"localnet", slc_localnet_main, "run a whole mixnet on this machine, for any client"},
    {"client", slc_client_main, "be one Nym client: send, receive, reply"},
    {"echo", slc_echo_main, "be a service that answers every message by SURB"},
    {"options", slc_options_main, "list the debug options of clients, with their values"},
    {"bench", slc_bench_main, "measure the packet engine, beside the published crates"},
};

static void print_help(FILE *out)
{
    (void)fprintf(out, "sluice " SLUICE_VERSION
                       ": a packet engine for the Nym mixnet\n\nusage: sluice COMMAND [OPTIONS]\n\n");
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++) {
        (void)fprintf(out, "  %-10s %s\n", subcommands[i].name, subcommands[i].help);
    }
    (void)fprintf(out, "\nsluice COMMAND --help tells more.\n");
}

int main(int argc, char **argv)
{
    /* Keys live in this process: no core dumps. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    struct slc_error error = {0};
    if (sodium_init() < 0) {
        (void)fprintf(stderr, "sluice: libsodium cannot start: the system gives no randomness\n");
        return SLC_EXIT_USAGE;
    }
    if (slc_cpu_check(&error) != SLC_OK) {
        (void)fprintf(stderr, "sluice: %s\n", error.text);
        return SLC_EXIT_USAGE;
    }
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? SLC_EXIT_USAGE : SLC_EXIT_GOOD;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("sluice " SLUICE_VERSION " (%s)\n", slc_cpu_name(slc_cpu()));
        return SLC_EXIT_GOOD;
    }
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++) {
        if (strcmp(argv[1], subcommands[i].name) == 0) return subcommands[i].main(argc - 1, argv + 1);
    }
    (void)fprintf(stderr, "sluice: unknown command %s; see sluice --help\n", argv[1]);
    return SLC_EXIT_USAGE;
}
