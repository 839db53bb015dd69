/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

static const struct unit durations[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
static const struct unit sizes[] = {{"", 1},     {"B", 1},      {"KB", 1e3},           {"MB", 1e6},
                                    {"GB", 1e9}, {"KiB", 1024}, {"MiB", 1024 * 1024.}, {"GiB", 1073741824.}};
static const struct unit rates[] = {{"", 1}, {"/s", 1}, {"/m", 1 / 60.}, {"/h", 1 / 3600.}};

static bool parse_with_unit(const char *text, const struct unit *units, size_t n, double *value)
{
    char *end;
    /* strtod() would take "inf", "nan", signs and hexadecimal. */
    if (!isdigit((unsigned char)text[0]) || text[1] == 'x' || text[1] == 'X') return false;
    double number = strtod(text, &end);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(end, units[i].name) != 0) continue;
        *value = number * units[i].factor;
        return isfinite(*value) && *value < 9e18;
    }
    return false;
}

bool slc_parse_duration(const char *text, uint64_t *ns)
{
    double value = 0;
    if (strcmp(text, "0") != 0 && !parse_with_unit(text, durations, sizeof durations / sizeof *durations, &value)) {
        return false;
    }
    *ns = (uint64_t)(value + 0.5);
    return true;
}

bool slc_parse_bytes(const char *text, uint64_t *bytes)
{
    double value;
    if (!parse_with_unit(text, sizes, sizeof sizes / sizeof *sizes, &value)) return false;
    *bytes = (uint64_t)(value + 0.5);
    return true;
}

bool slc_parse_rate(const char *text, double *per_second)
{
    return parse_with_unit(text, rates, sizeof rates / sizeof *rates, per_second);
}

static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    if (!isdigit((unsigned char)text[0])) return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *number = value;
    return errno == 0 && *end == 0;
}

bool slc_parse_share(const char *text, double *share)
{
    char *end;
    if (!isdigit((unsigned char)text[0])) return false;
    double value = strtod(text, &end);
    if (strcmp(end, "%") == 0) {
        value /= 100;
        end++;
    }
    *share = value;
    return *end == 0 && value >= 0 && value <= 1;
}

static bool parse_cpus(const char *text, struct slc_cpu_list *list)
{
    list->count = 0;
    for (;;) {
        char *end;
        if (!isdigit((unsigned char)*text)) return false;
        unsigned long first = strtoul(text, &end, 10), last = first;
        if (*end == '-') {
            if (!isdigit((unsigned char)end[1])) return false;
            last = strtoul(end + 1, &end, 10);
        }
        if (last < first || last > 4095) return false;
        for (unsigned long cpu = first; cpu <= last; cpu++) {
            if (list->count == sizeof list->cpu / sizeof *list->cpu) return false;
            list->cpu[list->count++] = (int)cpu;
        }
        if (*end == 0) return true;
        if (*end != ',') return false;
        text = end + 1;
    }
}

static bool parse_choice(const char *text, const char *const *choices, unsigned *choice)
{
    for (unsigned i = 0; choices[i] != NULL; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *choice = i;
            return true;
        }
    }
    return false;
}

static const char *wanted(const struct slc_option *o, char *text, size_t cap)
{
    switch (o->kind) {
    case SLC_OPTION_SHARE:
        return "a share from 0 to 1, or as 2%";
    case SLC_OPTION_DURATION:
        return "a duration such as 20s, 150ms or 2m";
    case SLC_OPTION_RATE:
        return "a rate such as 40/s";
    case SLC_OPTION_BYTES:
        return "a size such as 1000, 100KB or 2KiB";
    case SLC_OPTION_CPUS:
        return "a list of CPUs such as 0,2-3";
    case SLC_OPTION_LIST:
        return "it at most 64 times";
    case SLC_OPTION_CHOICE: {
        size_t len = (size_t)snprintf(text, cap, "one of");
        for (unsigned i = 0; o->choices[i] != NULL && len < cap; i++) {
            len += (size_t)snprintf(text + len, cap - len, "%s%s", i == 0 ? " " : ", ", o->choices[i]);
        }
        return text;
    }
    default:
        return "a whole number";
    }
}

static bool in_range(const struct slc_option *o, uint64_t value)
{
    return value >= o->min && (o->max == 0 || value <= o->max);
}

static bool set_value(const struct slc_option *o, const char *text, bool *range)
{
    *range = true;
    switch (o->kind) {
    case SLC_OPTION_FLAG:
        *(bool *)o->target = true;
        return true;
    case SLC_OPTION_TEXT:
        *(const char **)o->target = text;
        return true;
    case SLC_OPTION_SHARE:
        return slc_parse_share(text, o->target);
    case SLC_OPTION_RATE:
        return slc_parse_rate(text, o->target);
    case SLC_OPTION_CHOICE:
        return parse_choice(text, o->choices, o->target);
    case SLC_OPTION_CPUS:
        return parse_cpus(text, o->target);
    case SLC_OPTION_LIST: {
        struct slc_text_list *list = o->target;
        if (list->count == SLC_TEXTS_MAX) return false;
        list->text[list->count++] = text;
        return true;
    }
    case SLC_OPTION_NUMBER:
    case SLC_OPTION_DURATION:
    case SLC_OPTION_BYTES:
        break;
    }
    uint64_t value;
    bool good = o->kind == SLC_OPTION_NUMBER     ? parse_number(text, &value)
                : o->kind == SLC_OPTION_DURATION ? slc_parse_duration(text, &value)
                                                 : slc_parse_bytes(text, &value);
    if (!good) return false;
    *range = in_range(o, value);
    *(uint64_t *)o->target = value;
    return *range;
}

static void print_range(FILE *out, const struct slc_option *o)
{
    char low[32], high[32];
    if (o->kind == SLC_OPTION_DURATION) {
        (void)fprintf(out, "%s to %s", slc_duration_text(o->min, low),
                      o->max == 0 ? "any" : slc_duration_text(o->max, high));
    } else if (o->max == 0) {
        (void)fprintf(out, "%llu or more", (unsigned long long)o->min);
    } else {
        (void)fprintf(out, "%llu to %llu", (unsigned long long)o->min, (unsigned long long)o->max);
    }
}

static void print_help(const char *command, const char *summary, const struct slc_option *options, size_t n)
{
    (void)printf("sluice %s: %s\n", command, summary);
    for (size_t i = 0; i < n; i++) {
        const struct slc_option *o = &options[i];
        if (o->name == NULL) {
            (void)printf("\n%s\n", o->help);
            continue;
        }
        char left[64];
        (void)snprintf(left, sizeof left, "--%s%s%s", o->name, o->value != NULL ? " " : "",
                       o->value != NULL ? o->value : "");
        (void)printf("  %-26s %s\n", left, o->help);
    }
    (void)printf("  %-26s %s\n", "--help", "this text");
}

int slc_options_parse(int argc, char **argv, const char *summary, const struct slc_option *options, size_t n, int *rest)
{
    struct option *table = calloc(n + 2, sizeof *table);
    if (table == NULL) return SLC_EXIT_USAGE;
    size_t known = 0;
    for (size_t i = 0; i < n; i++) {
        if (options[i].name == NULL) continue;
        int argument = options[i].kind == SLC_OPTION_FLAG ? no_argument : required_argument;
        table[known++] = (struct option){options[i].name, argument, NULL, (int)i + 256};
    }
    table[known] = (struct option){"help", no_argument, NULL, 'h'};
    int result = -1;
    optind = 0;
    opterr = 0;
    while (result == -1) {
        int at = optind == 0 ? 1 : optind;
        int option = getopt_long(argc, argv, ":h", table, NULL);
        if (option == -1) break;
        if (option == 'h') {
            print_help(argv[0], summary, options, n);
            result = SLC_EXIT_GOOD;
        } else if (option == ':') {
            (void)fprintf(stderr, "sluice %s: %s needs a value\n", argv[0], argv[at]);
            result = SLC_EXIT_USAGE;
        } else if (option == '?') {
            (void)fprintf(stderr, "sluice %s: unknown option %s; see sluice %s --help\n", argv[0], argv[at], argv[0]);
            result = SLC_EXIT_USAGE;
        } else {
            const struct slc_option *o = &options[option - 256];
            bool range;
            char text[256];
            if (!set_value(o, optarg, &range)) {
                (void)fprintf(stderr, "sluice %s: --%s %s: want %s", argv[0], o->name, optarg,
                              wanted(o, text, sizeof text));
                if (!range) {
                    (void)fprintf(stderr, ", ");
                    print_range(stderr, o);
                }
                (void)fprintf(stderr, "\n");
                result = SLC_EXIT_USAGE;
            }
            if (o->given != NULL) *o->given = true;
        }
    }
    *rest = optind;
    free(table);
    return result;
}

const char *slc_duration_text(uint64_t ns, char text[32])
{
    double value = (double)ns;
    if (ns >= 1000000000) {
        (void)snprintf(text, 32, "%.3f s", value / 1e9);
    } else if (ns >= 1000000) {
        (void)snprintf(text, 32, "%.1f ms", value / 1e6);
    } else if (ns >= 1000) {
        (void)snprintf(text, 32, "%.0f us", value / 1e3);
    } else {
        (void)snprintf(text, 32, "%.0f ns", value);
    }
    return text;
}
