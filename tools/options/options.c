/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/traffic.h"
#include "tools/subcommands.h"

#include <stdio.h>
#include <string.h>

/* `sluice options`: what --set and --preset take, with the values they have then. */

static void print_options(const struct slc_traffic *traffic)
{
    struct slc_traffic_option o;
    const char *section = "";
    for (size_t i = 0; slc_traffic_option(i, &o); i++) {
        size_t len = strcspn(o.name, ".");
        if (strncmp(section, o.name, len + 1) != 0) {
            (void)printf("\n[%.*s]\n", (int)len, o.name);
            section = o.name;
        }
        char value[256];
        if (!slc_traffic_get(traffic, o.name, value, sizeof value) || value[0] == 0) {
            (void)snprintf(value, sizeof value, "-");
        }
        (void)printf("%-62s %-12s %s\n", o.name, value, o.help);
    }
}

static void print_presets(void)
{
    const char *name, *help;
    (void)printf("\npresets, for --preset NAME or --preset NAME,NAME\n");
    for (size_t i = 0; slc_traffic_preset_about(i, &name, &help); i++) {
        (void)printf("%-12s %s\n", name, help);
    }
}

int slc_options_main(int argc, char **argv)
{
    struct slc_traffic_words words = {0};
    const struct slc_option table[] = {
        {.help = "Lists every one with its value: the default, or what these make of it"},
        SLC_TRAFFIC_OPTIONS(&words),
    };
    int rest;
    int code = slc_options_parse(argc, argv, "the debug options of clients, for --set of load, echo and client", table,
                                 sizeof table / sizeof *table, &rest);
    if (code >= 0) return code;
    struct slc_traffic traffic;
    struct slc_error error = {0};
    slc_traffic_default(&traffic);
    if (rest < argc) {
        (void)fprintf(stderr, "sluice options: %s: no arguments are taken, only options\n", argv[rest]);
        return SLC_EXIT_USAGE;
    }
    if (slc_traffic_words_apply(&words, &traffic, &error) != SLC_OK) {
        (void)fprintf(stderr, "sluice options: %s\n", error.text);
        return SLC_EXIT_USAGE;
    }
    (void)printf("debug options of clients, for --set SECTION.KEY=VALUE\n");
    print_options(&traffic);
    print_presets();
    return fflush(stdout) == 0 ? SLC_EXIT_GOOD : SLC_EXIT_CHECK_FAILED;
}
