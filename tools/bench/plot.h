/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_BENCH_PLOT_H
#define SLUICE_BENCH_PLOT_H

#include <cjson/cJSON.h>

#include "crypto/base/error.h"

/*
 * `sluice bench plot`: one page of plots from the files that `sluice bench ... --json` wrote.
 *
 * The page's JSON is made anew from what the files say: members that a bench writes, each of its kind and within its
 * bounds, text without control characters; nothing else gets into the page.
 */

enum {
    SLC_PLOT_FILE_MAX = 1 << 20, /* bytes                                                   */
    SLC_PLOT_RUNS_MAX = 512,     /* of all files                                            */
    SLC_PLOT_LIST_MAX = 128,     /* peers, stages, or threads of a run                      */
    SLC_PLOT_TEXT_MAX = 192,     /* bytes of a name, with its end                           */
};

/*
 * Appends the runs of one file to the array `runs`. Errors name the file and the member: "a.json: peers[1].ratio: not a
 * number from 0 on".
 */
SLC_MUST_CHECK enum slc_status slc_plot_read(const char *path, cJSON *runs, struct slc_error *error);

/* Appends targets, "packets:ifma=40,open=10", to the array `targets`: a bench, a back end or all of them, a ratio. */
SLC_MUST_CHECK enum slc_status slc_plot_targets(const char *text, cJSON *targets, struct slc_error *error);

/* The subcommand; an exit code. */
int slc_bench_plot(int argc, char **argv);

#endif
