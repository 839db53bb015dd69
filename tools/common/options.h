/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_OPTIONS_H
#define SLUICE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Command lines from a table: parsing over getopt_long(), units, ranges, and the help text come from one place, so that
 * they cannot disagree.
 */

/* Exit codes of every subcommand. */
enum slc_exit {
    SLC_EXIT_GOOD = 0,
    SLC_EXIT_CHECK_FAILED = 1, /* it ran, and what it checked was not so */
    SLC_EXIT_USAGE = 2,        /* flags, files, configuration            */
    SLC_EXIT_NO_CONNECTION = 3,
    SLC_EXIT_SATURATED = 4, /* the generator could not keep its own schedule */
    SLC_EXIT_INTERRUPTED = 130,
};

enum slc_option_kind {
    SLC_OPTION_FLAG,     /* bool *                                                        */
    SLC_OPTION_TEXT,     /* const char **                                                 */
    SLC_OPTION_NUMBER,   /* uint64_t *, within min .. max                                 */
    SLC_OPTION_SHARE,    /* double *, 0 .. 1, also as "2%"                                */
    SLC_OPTION_DURATION, /* uint64_t * nanoseconds: "20s", "150ms", "2m", "1h", "0"        */
    SLC_OPTION_RATE,     /* double * per second: "40/s", "40", "120/m"                    */
    SLC_OPTION_BYTES,    /* uint64_t *: "1000", "100KB", "1MB" (powers of 1000), "2KiB"    */
    SLC_OPTION_CHOICE,   /* unsigned *: index into `choices`                              */
    SLC_OPTION_CPUS,     /* struct slc_cpu_list *: "0,2-3"                                */
    SLC_OPTION_LIST,     /* struct slc_text_list *: each time it is given, one more       */
};

struct slc_cpu_list {
    int cpu[256];
    unsigned count;
};

/* Texts of the command line, which outlives them. */
enum { SLC_TEXTS_MAX = 64 };
struct slc_text_list {
    const char *text[SLC_TEXTS_MAX];
    unsigned count;
};

struct slc_option {
    const char *name; /* without the dashes; NULL: a heading in the help, `help` is its text */
    enum slc_option_kind kind;
    void *target;      /* holds the default before, the value after                           */
    const char *value; /* how the help calls the value: "FILE"                                */
    const char *help;
    uint64_t min, max;          /* NUMBER, BYTES, DURATION; max 0: no bound                            */
    const char *const *choices; /* CHOICE: NULL-terminated                                          */
    bool *given;                /* set when it was on the command line; may be NULL                    */
};

/*
 * Parses argv[1..]; argv[0] is the subcommand. Prints help on --help, and what is wrong with which flag on an error.
 * Arguments that are no options are moved to the end; *rest is the index of the first. Returns -1 to go on, else the
 * exit code.
 */
int slc_options_parse(int argc, char **argv, const char *summary, const struct slc_option *options, size_t n,
                      int *rest);

/* One value of each kind, for files and tests; false: not such a value. */
bool slc_parse_duration(const char *text, uint64_t *ns);
bool slc_parse_bytes(const char *text, uint64_t *bytes);
bool slc_parse_rate(const char *text, double *per_second);
bool slc_parse_share(const char *text, double *share);

/* "1.635 s", "12.3 ms", "840 us": a duration for people; `text` has 32 bytes. Returns text. */
const char *slc_duration_text(uint64_t ns, char text[32]);

#endif
