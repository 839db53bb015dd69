/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/plot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/embedded.h"
#include "tools/common/options.h"
#include "tools/report/report.h"

static double number(const cJSON *object, const char *name)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static const char *text(const cJSON *object, const char *name)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return value != NULL ? value : "";
}

static bool write_run(FILE *out, const cJSON *run)
{
    char line[512];
    if (strcmp(text(run, "bench"), "engine") == 0) {
        (void)snprintf(line, sizeof line, "engine, %s, %.0f clients, %.0f workers: %.0f packets a second\n",
                       text(run, "backend"), number(run, "clients"), number(run, "workers"),
                       number(run, "packets_per_second"));
        return slc_page_text(out, line);
    }
    (void)snprintf(line, sizeof line, "%s, %s, batch %.0f: %.0f ticks a %s\n", text(run, "bench"), text(run, "backend"),
                   number(run, "batch"), number(run, "ticks"), text(run, "unit"));
    bool good = slc_page_text(out, line);
    const cJSON *peer;
    cJSON_ArrayForEach(peer, cJSON_GetObjectItemCaseSensitive(run, "peers"))
    {
        (void)snprintf(line, sizeof line, "    %.2f (%.2f .. %.2f) times as fast as %s %s\n", number(peer, "ratio"),
                       number(peer, "ratio_low"), number(peer, "ratio_high"), text(peer, "name"),
                       text(peer, "version"));
        good = good && slc_page_text(out, line);
    }
    return good;
}

/* For readers without scripts. */
static bool write_summary(FILE *out, const void *all)
{
    const cJSON *run;
    bool good = true;
    cJSON_ArrayForEach(run, cJSON_GetObjectItemCaseSensitive(all, "runs"))
    {
        good = good && write_run(out, run);
    }
    return good;
}

static bool write_json(FILE *out, const void *all)
{
    char *json = slc_page_json(cJSON_PrintUnformatted(all));
    bool good = json != NULL && fputs(json, out) >= 0;
    free(json);
    return good;
}

static bool write_page(FILE *out, const void *all)
{
    const struct slc_page page = {
        .title = "Sluice bench", .summary = write_summary, .json = write_json, .script = slc_embedded_plot_script()};
    return slc_page_write(out, &page, all);
}

/* Everything is read before the page is touched: bad input leaves an old page as it was. */
static enum slc_status plot(const char *html, const char *targets, char **files, cJSON *all, struct slc_error *error)
{
    cJSON *wanted = cJSON_AddArrayToObject(all, "targets"), *runs = cJSON_AddArrayToObject(all, "runs");
    if (wanted == NULL || runs == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    enum slc_status status = targets != NULL ? slc_plot_targets(targets, wanted, error) : SLC_OK;
    for (; *files != NULL && status == SLC_OK; files++) {
        status = slc_plot_read(*files, runs, error);
    }
    struct slc_report_file file;
    if (status == SLC_OK) status = slc_report_open(&file, html, error);
    return status == SLC_OK ? slc_report_write(&file, write_page, all, error) : status;
}

int slc_bench_plot(int argc, char **argv)
{
    const char *html = NULL, *targets = NULL;
    const struct slc_option table[] = {
        {NULL, SLC_OPTION_FLAG, NULL, NULL, "FILE...: what sluice bench WHAT --json FILE wrote, one or more", 0, 0,
         NULL, NULL},
        {"html", SLC_OPTION_TEXT, &html, "OUT", "the page; - for standard output", 0, 0, NULL, NULL},
        {"targets", SLC_OPTION_TEXT, &targets, "LIST", "ratios to draw as lines: packets:ifma=40,open=10", 0, 0, NULL,
         NULL},
    };
    int rest;
    int result = slc_options_parse(argc, argv, "draws what the benches found: one page that loads nothing", table,
                                   sizeof table / sizeof *table, &rest);
    if (result != -1) return result;
    if (html == NULL || rest == argc) {
        (void)fprintf(stderr, "sluice bench plot: want --html OUT and at least one FILE\n");
        return SLC_EXIT_USAGE;
    }
    cJSON *all = cJSON_CreateObject();
    struct slc_error error = {0};
    enum slc_status status = plot(html, targets, argv + rest, all, &error);
    cJSON_Delete(all);
    if (status == SLC_OK) return SLC_EXIT_GOOD;
    (void)fprintf(stderr, "sluice bench plot: %s\n", error.text);
    return SLC_EXIT_USAGE;
}
