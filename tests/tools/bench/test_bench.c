/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/bench.h"

#include "crypto/base/cpu.h"
#include "tools/common/file.h"
#include "tools/common/options.h"
#include "tools/subcommands.h"

#include <math.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* Runs `sluice bench` with small batches and returns what it wrote as JSON. */
static cJSON *bench(const char *what, const char *size, const char *hops, const char *backend)
{
    char path[] = "/tmp/sluice-bench-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    (void)close(file);
    const char *argv[] = {"bench",  what, "--no-peers", "--samples", "3",      "--batch", "5",         "--nodes", "3",
                          "--size", size, "--hops",     hops,        "--json", path,      "--backend", backend,   NULL};
    assert_int_equal(slc_bench_main(17, (char **)argv), SLC_EXIT_GOOD);
    char *text = NULL;
    assert_int_equal(slc_file_read(path, 1 << 20, &text, NULL), SLC_OK);
    (void)unlink(path);
    cJSON *json = cJSON_Parse(text);
    free(text);
    assert_non_null(json);
    return json;
}

static double number(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static void a_report_names_back_end_batch_nodes_ticks_stages_and_peers(void **state)
{
    (void)state;
    for (enum slc_cpu level = SLC_CPU_PORTABLE; level <= slc_cpu_best(); level++) {
        cJSON *json = bench("packets", "regular", "4", slc_cpu_name(level));
        assert_string_equal(cJSON_GetObjectItem(json, "backend")->valuestring, slc_cpu_name(level));
        assert_int_equal(number(json, "batch"), 5);
        assert_int_equal(number(json, "nodes"), 3);
        assert_true(number(json, "ticks_per_pair") > 1000);
        assert_true(number(json, "ticks_least") <= number(json, "ticks_per_pair"));
        assert_true(cJSON_IsArray(cJSON_GetObjectItem(json, "peers")));
        cJSON_Delete(json);
    }
}

static void the_stages_of_a_pair_add_up_to_the_pair(void **state)
{
    (void)state;
    cJSON *json = bench("packets", "extended8", "5", "portable");
    double sum = 0;
    const cJSON *stage;
    cJSON_ArrayForEach(stage, cJSON_GetObjectItem(json, "stages"))
    {
        sum += number(stage, "ticks");
    }
    assert_true(fabs(sum - number(json, "ticks_per_pair")) < 1);
    cJSON_Delete(json);
}

static void every_bench_of_packets_runs_at_every_size_and_route(void **state)
{
    (void)state;
    static const char *const benches[] = {"packets", "messages", "open", "surbs", "receive", "seal", "steps"};
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++) {
        /* Where a hop forwards, so from two hops on. */
        cJSON_Delete(bench(benches[i], "regular", "2", "portable"));
        cJSON_Delete(bench(benches[i], "extended16", "5", slc_cpu_name(slc_cpu_best())));
    }
}

static void a_spread_is_least_quartiles_and_median(void **state)
{
    (void)state;
    double values[] = {7, 1, 5, 3, 2, 6, 4, 9, 8};
    struct slc_bench_spread spread = slc_bench_spread(values, 9);
    assert_true(spread.least == 1 && spread.low == 3 && spread.median == 5 && spread.high == 7);
    double one[] = {4};
    spread = slc_bench_spread(one, 1);
    assert_true(spread.least == 4 && spread.low == 4 && spread.median == 4 && spread.high == 4);
}

static void a_ratio_is_taken_within_each_round(void **state)
{
    (void)state;
    /* The machine was twice as slow in the last round, for both. */
    double ours[] = {10, 10, 20}, theirs[] = {30, 50, 80};
    struct slc_bench_contender a = {.sample = ours}, b = {.sample = theirs};
    struct slc_bench_spread ratio = slc_bench_ratio(&a, &b, 3);
    assert_true(ratio.least == 3 && ratio.median == 4 && ratio.high == 5);
}

static bool fails(void *self, size_t units)
{
    (void)units;
    return ++*(unsigned *)self < 4;
}

static void a_contender_that_fails_ends_the_measurement(void **state)
{
    (void)state;
    unsigned calls = 0;
    struct slc_bench_contender c = {.name = "failing", .version = "1", .run = fails, .self = &calls, .batch = 1};
    assert_false(slc_bench_measure(&c, 1, 10));
    assert_int_equal(calls, 4);
    slc_bench_forget(&c, 1);
}

static void an_unknown_bench_or_back_end_is_a_usage_error(void **state)
{
    (void)state;
    const char *unknown[] = {"bench", "pockets", NULL};
    assert_int_equal(slc_bench_main(2, (char **)unknown), SLC_EXIT_USAGE);
    const char *backend[] = {"bench", "packets", "--backend", "mmx", NULL};
    assert_int_equal(slc_bench_main(4, (char **)backend), SLC_EXIT_USAGE);
    const char *nothing[] = {"bench", NULL};
    assert_int_equal(slc_bench_main(1, (char **)nothing), SLC_EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_names_back_end_batch_nodes_ticks_stages_and_peers),
        cmocka_unit_test(the_stages_of_a_pair_add_up_to_the_pair),
        cmocka_unit_test(every_bench_of_packets_runs_at_every_size_and_route),
        cmocka_unit_test(a_spread_is_least_quartiles_and_median),
        cmocka_unit_test(a_ratio_is_taken_within_each_round),
        cmocka_unit_test(a_contender_that_fails_ends_the_measurement),
        cmocka_unit_test(an_unknown_bench_or_back_end_is_a_usage_error),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
