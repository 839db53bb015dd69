/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/load_internal.h"
#include "tools/subcommands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static int failed(int code, const struct slc_error *error)
{
    (void)fprintf(stderr, "sluice load: %s\n", error->text);
    return code;
}

static int may_load(const struct slc_load_options *o, const struct slc_load_target *target)
{
    struct slc_error error = {0};
    struct slc_traffic traffic;
    slc_load_traffic(o, &traffic);
    if (slc_topology_is_local(target->mixnet.topology)) return -1;
    if (slc_load_may(o, &traffic, &error) == SLC_OK) return -1;
    (void)fprintf(stderr, "sluice load: %s: ", target->text);
    (void)fprintf(stderr, "%s\n", error.text);
    return SLC_EXIT_USAGE;
}

/* Both files are tried, and the summary is printed, whatever fails. */
static int write_reports(struct slc_report_file *json, struct slc_report_file *html, const struct slc_report *report)
{
    struct slc_error error = {0};
    bool to_stdout = json->path != NULL && strcmp(json->path, "-") == 0;
    int code = slc_verdict_exit(report->verdict);
    slc_report_print(report, to_stdout ? stderr : stdout);
    if (slc_report_write_json(json, report, &error) != SLC_OK) code = failed(SLC_EXIT_CHECK_FAILED, &error);
    if (slc_report_write_html(html, report, &error) != SLC_OK) code = failed(SLC_EXIT_CHECK_FAILED, &error);
    if (fflush(stdout) != 0) {
        (void)fprintf(stderr, "sluice load: standard output: the summary could not be written\n");
        code = SLC_EXIT_CHECK_FAILED;
    }
    return code;
}

/* Both ends of every connection may be in this process. */
static void raise_file_limit(uint64_t clients)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    rlim_t wanted = (rlim_t)(2 * clients + 1024);
    if (limit.rlim_cur >= wanted) return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int load(const struct slc_load_options *o, struct slc_report_file *json, struct slc_report_file *html)
{
    struct slc_load_target target;
    struct slc_report *report = calloc(1, sizeof *report);
    if (report == NULL) return SLC_EXIT_USAGE;
    raise_file_limit(o->clients);
    int code = slc_load_target_open(&target, o);
    if (code < 0) code = may_load(o, &target);
    if (code < 0) code = slc_load_run(o, &target, report);
    if (code < 0) code = write_reports(json, html, report);
    slc_load_target_close(&target);
    slc_load_report_free(report);
    free(report);
    return code;
}

int slc_load_main(int argc, char **argv)
{
    struct slc_load_options options;
    struct slc_report_file json = {.fd = -1}, html = {.fd = -1};
    struct slc_error error = {0};
    int code = slc_load_options_parse(argc, argv, &options);
    if (code >= 0) return code;
    if (slc_report_open(&json, options.json, &error) != SLC_OK) return failed(SLC_EXIT_USAGE, &error);
    if (slc_report_open(&html, options.html, &error) != SLC_OK) {
        code = failed(SLC_EXIT_USAGE, &error);
    } else {
        code = load(&options, &json, &html);
    }
    slc_report_abandon(&json);
    slc_report_abandon(&html);
    return code;
}
