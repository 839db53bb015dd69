/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/plot.h"

#include "tools/common/embedded.h"
#include "tools/common/file.h"
#include "tools/common/options.h"
#include "tools/subcommands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* What `sluice bench packets --json` writes, in pieces. */
#define HEAD                                                                                                           \
    "{\"bench\":\"packets\",\"unit\":\"pair\",\"backend\":\"avx2\",\"cpu\":\"A CPU\",\"batch\":32,\"nodes\":80,"       \
    "\"hops\":4,\"size\":\"regular\",\"samples\":21,\"ticks_per_ns\":2.5,\"ticks_per_pair\":123456,"                   \
    "\"ticks_least\":123000,\"ns\":49382.4,\"per_second_per_core\":20250,"
#define STAGES                                                                                                         \
    "\"stages\":[{\"name\":\"curve\",\"ticks\":65432,\"model_ticks\":64321},{\"name\":\"rest\",\"ticks\":-5}],"
#define PEERS                                                                                                          \
    "\"peers\":[{\"name\":\"crate\",\"version\":\"0.8.0\",\"ticks_per_pair\":1975296,\"ticks_least\":1970000,"         \
    "\"ratio\":16.125,\"ratio_low\":15.75,\"ratio_high\":16.5}]}"
#define ENGINE                                                                                                         \
    "{\"bench\":\"engine\",\"backend\":\"ifma\",\"io\":\"epoll\",\"clients\":1000,\"workers\":1,\"seconds\":5,"        \
    "\"packets_per_second\":40817,\"counted_per_second\":40800,\"packets_per_worker_core_second\":46800,"              \
    "\"packets_per_core_second\":45000,\"packets_per_batch\":99,\"slots_missed_per_second\":0,"                        \
    "\"threads\":[{\"name\":\"slc-work-0\",\"busy\":0.875,\"on_a_core\":0.75,\"system_calls_per_packet\":0.5}]}"

struct folder {
    char path[64], in[96], html[96];
    char *page;
    size_t page_len;
};

static int make_folder(void **state)
{
    static struct folder f;
    f = (struct folder){.path = "/tmp/sluice-plot-XXXXXX"};
    assert_non_null(mkdtemp(f.path));
    (void)snprintf(f.in, sizeof f.in, "%s/in.json", f.path);
    (void)snprintf(f.html, sizeof f.html, "%s/out.html", f.path);
    *state = &f;
    return 0;
}

static int drop_folder(void **state)
{
    struct folder *f = *state;
    free(f->page);
    (void)unlink(f->in);
    (void)unlink(f->html);
    return rmdir(f->path);
}

static void write_input(const struct folder *f, const char *json)
{
    assert_int_equal(slc_file_write(f->in, json, strlen(json), 0600, NULL), SLC_OK);
}

static int plot(const struct folder *f, const char *html, const char *targets)
{
    const char *argv[] = {"bench", "plot", "--html", html, f->in, targets != NULL ? "--targets" : NULL, targets, NULL};
    return slc_bench_main(targets != NULL ? 7 : 5, (char **)argv);
}

static void make_page(struct folder *f, const char *json, const char *targets)
{
    write_input(f, json);
    assert_int_equal(plot(f, f->html, targets), SLC_EXIT_GOOD);
    free(f->page);
    assert_int_equal(slc_file_read(f->html, 4 << 20, &f->page, NULL), SLC_OK);
    f->page_len = strlen(f->page);
}

/* The JSON inside the page. */
static cJSON *data_of(const struct folder *f)
{
    static const char mark[] = "<script type=\"application/json\" id=\"report\">";
    const char *at = strstr(f->page, mark);
    assert_non_null(at);
    cJSON *json = cJSON_ParseWithOpts(at + strlen(mark), &at, false);
    assert_non_null(json);
    assert_memory_equal(at, "</script>", 9);
    return json;
}

static double number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsNumber(item)) fail_msg("no number %s", name);
    return item->valuedouble;
}

static const cJSON *entry(const cJSON *object, const char *list, int at)
{
    const cJSON *item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(object, list), at);
    if (item == NULL) fail_msg("no %s[%d]", list, at);
    return item;
}

static void the_page_holds_what_the_files_say(void **state)
{
    struct folder *f = *state;
    make_page(f, "[" HEAD STAGES PEERS "," ENGINE "]", "packets:avx2=15.5,open=10");
    cJSON *data = data_of(f);
    const cJSON *packets = entry(data, "runs", 0), *engine = entry(data, "runs", 1);
    assert_true(number(packets, "ticks") == 123456 && number(packets, "batch") == 32);
    assert_true(number(entry(packets, "stages", 0), "model_ticks") == 64321);
    assert_true(number(entry(packets, "stages", 1), "ticks") == -5);
    const cJSON *peer = entry(packets, "peers", 0);
    assert_true(number(peer, "ticks") == 1975296 && number(peer, "ratio") == 16.125);
    assert_true(number(peer, "ratio_low") == 15.75 && number(peer, "ratio_high") == 16.5);
    assert_true(number(entry(engine, "threads", 0), "busy") == 0.875);
    assert_true(number(entry(data, "targets", 0), "ratio") == 15.5);
    assert_string_equal(cJSON_GetObjectItem(entry(data, "targets", 0), "backend")->valuestring, "avx2");
    assert_null(cJSON_GetObjectItem(entry(data, "targets", 1), "backend"));
    cJSON_Delete(data);
}

static void what_a_bench_writes_today_can_be_plotted(void **state)
{
    struct folder *f = *state;
    static const char *const benches[] = {"packets", "messages", "open", "surbs", "receive", "seal", "steps"};
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++) {
        const char *argv[] = {"bench", benches[i], "--no-peers", "--samples", "1",   "--batch",
                              "2",     "--nodes",  "2",          "--json",    f->in, NULL};
        assert_int_equal(slc_bench_main(11, (char **)argv), SLC_EXIT_GOOD);
        assert_int_equal(plot(f, f->html, NULL), SLC_EXIT_GOOD);
    }
}

static void readers_without_scripts_get_the_figures(void **state)
{
    struct folder *f = *state;
    make_page(f, "[" HEAD STAGES PEERS "," ENGINE "]", NULL);
    const char *summary = strstr(f->page, "<noscript><pre>");
    assert_non_null(summary);
    assert_non_null(strstr(summary, "packets, avx2, batch 32: 123456 ticks a pair"));
    assert_non_null(strstr(summary, "(15.75 .. 16.50) times as fast as crate 0.8.0"));
    assert_non_null(strstr(summary, "40817 packets a second"));
}

static void the_page_refers_to_nothing_outside_and_may_load_nothing(void **state)
{
    struct folder *f = *state;
    make_page(f, HEAD STAGES PEERS, NULL);
    assert_non_null(
        strstr(f->page, "content=\"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'\""));
    static const char *const marks[] = {"@STYLE@", "@SUMMARY@", "@CHART@", "@JSON@", "@PLOTS@"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        assert_null(strstr(f->page, marks[i]));
    }
    struct slc_bytes library = slc_embedded_chart_library();
    char *inside = memmem(f->page, f->page_len, library.data, library.len);
    assert_non_null(inside);
    memset(inside, ' ', library.len);
    static const char *const references[] = {"http:",   "https:", "//cdn", "src=",   "href=",   "url(",
                                             "@import", "<link",  "<img",  "fetch(", "import(", "XMLHttpRequest"};
    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        if (strcasestr(f->page, references[i]) != NULL) fail_msg("the page has %s", references[i]);
    }
}

static unsigned occurrences(const char *text, const char *what)
{
    unsigned n = 0;
    for (; (text = strstr(text, what)) != NULL; text++) {
        n++;
    }
    return n;
}

static void text_from_a_file_adds_no_markup(void **state)
{
    struct folder *f = *state;
    make_page(f, HEAD STAGES PEERS, NULL);
    unsigned scripts = occurrences(f->page, "<script"), ends = occurrences(f->page, "</script");
    make_page(f,
              HEAD STAGES
              "\"peers\":[{\"name\":\"</script><script>alert(1)</script></pre><b>\\u001b[31m\",\"version\":\"<!--\","
              "\"ticks_per_pair\":1,\"ticks_least\":1,\"ratio\":1,\"ratio_low\":1,\"ratio_high\":1}]}",
              NULL);
    assert_int_equal(occurrences(f->page, "<script"), scripts);
    assert_int_equal(occurrences(f->page, "</script"), ends);
    assert_int_equal(occurrences(f->page, "</pre>"), 1);
    assert_null(strstr(f->page, "<b>"));
    assert_null(strstr(f->page, "\\u001b"));
    assert_null(strchr(f->page, '\x1b'));
}

static void what_is_no_bench_is_refused_with_file_and_member(void **state)
{
    struct folder *f = *state;
    static const struct {
        const char *json, *why;
    } cases[] = {
        {"", ":1: not JSON"},
        {"{\n\"bench\":\n}", ":3: not JSON"},
        {HEAD STAGES PEERS "x", ":1: not JSON"},
        {"7", "not an object"},
        {"[]", "no run in it"},
        {"[{\"bench\":\"packets\"}]", "[0].backend: missing"},
        {"{\"verdict\":\"good\"}", "bench: missing"},
        {"{\"bench\":7}", "bench: not a text"},
        {HEAD "\"peers\":[]}", "stages: missing"},
        {HEAD "\"stages\":{},\"peers\":[]}", "stages: not an array"},
        {HEAD STAGES "\"peers\":[{\"name\":\"crate\"}]}", "peers[0].version: missing"},
        {HEAD STAGES "\"peers\":[{\"name\":\"crate\",\"version\":\"1\"}]}", "peers[0].ticks_per_pair: missing"},
        {HEAD "\"stages\":[{\"name\":\"curve\",\"ticks\":1e999}],\"peers\":[]}", "stages[0].ticks: not a number"},
        {HEAD "\"stages\":[{\"name\":\"curve\",\"ticks\":\"9\"}],\"peers\":[]}", "stages[0].ticks: not a number"},
        {HEAD "\"table_count\":1,\"workers_ratio\":-1," STAGES PEERS, "workers_ratio: not a number from 0"},
        {"[" HEAD STAGES PEERS ",{\"bench\":\"engine\",\"backend\":\"ifma\"}]", "[1].io: missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_input(f, cases[i].json);
        cJSON *runs = cJSON_CreateArray();
        struct slc_error error = {0};
        assert_int_equal(slc_plot_read(f->in, runs, &error), SLC_MALFORMED);
        cJSON_Delete(runs);
        assert_int_equal(strncmp(error.text, f->in, strlen(f->in)), 0);
        if (strstr(error.text, cases[i].why) == NULL) fail_msg("\"%s\" is not in: %s", cases[i].why, error.text);
        assert_int_equal(plot(f, f->html, NULL), SLC_EXIT_USAGE);
        assert_int_equal(access(f->html, F_OK), -1);
    }
}

static void lists_and_texts_have_bounds(void **state)
{
    struct folder *f = *state;
    char *json = NULL;
    size_t len;
    for (int more = 0; more <= 1; more++) {
        FILE *out = open_memstream(&json, &len);
        assert_non_null(out);
        (void)fprintf(out, "%s\"stages\":[{\"name\":\"%0*d\",\"ticks\":1}", HEAD, SLC_PLOT_TEXT_MAX - 1, 0);
        for (int i = 1; i < SLC_PLOT_LIST_MAX + more; i++) {
            (void)fprintf(out, ",{\"name\":\"s\",\"ticks\":1}");
        }
        (void)fprintf(out, "],%s", PEERS);
        assert_int_equal(fclose(out), 0);
        write_input(f, json);
        free(json);
        assert_int_equal(plot(f, f->html, NULL), more == 0 ? SLC_EXIT_GOOD : SLC_EXIT_USAGE);
    }
    char text[1024];
    (void)snprintf(text, sizeof text, "{\"bench\":\"%0*d\"}", SLC_PLOT_TEXT_MAX, 0);
    write_input(f, text);
    cJSON *runs = cJSON_CreateArray();
    struct slc_error error = {0};
    assert_int_equal(slc_plot_read(f->in, runs, &error), SLC_MALFORMED);
    assert_non_null(strstr(error.text, "bench: a text longer than"));
    cJSON_Delete(runs);
}

static void bad_input_leaves_an_old_page_as_it_was(void **state)
{
    struct folder *f = *state;
    assert_int_equal(slc_file_write(f->html, "old", 3, 0600, NULL), SLC_OK);
    write_input(f, "{}");
    assert_int_equal(plot(f, f->html, NULL), SLC_EXIT_USAGE);
    char *old = NULL;
    assert_int_equal(slc_file_read(f->html, 100, &old, NULL), SLC_OK);
    assert_string_equal(old, "old");
    free(old);
}

static void files_that_cannot_be_read_or_written_are_usage_errors(void **state)
{
    struct folder *f = *state;
    assert_int_equal(plot(f, f->html, NULL), SLC_EXIT_USAGE); /* no input yet */
    write_input(f, HEAD STAGES PEERS);
    assert_int_equal(plot(f, "/nonexistent/out.html", NULL), SLC_EXIT_USAGE);
    assert_int_equal(plot(f, f->path, NULL), SLC_EXIT_USAGE);
    assert_int_equal(plot(f, "/dev/full", NULL), SLC_EXIT_USAGE);
    const char *no_html[] = {"bench", "plot", f->in, NULL}, *no_file[] = {"bench", "plot", "--html", f->html, NULL};
    assert_int_equal(slc_bench_main(3, (char **)no_html), SLC_EXIT_USAGE);
    assert_int_equal(slc_bench_main(4, (char **)no_file), SLC_EXIT_USAGE);
}

static void a_target_is_a_bench_perhaps_a_back_end_and_a_ratio(void **state)
{
    (void)state;
    static const char *const bad[] = {"",        "packets",  "packets=", "=3",      "packets:=3", "packets:ifma=0",
                                      "open=1,", "open=nan", "open=inf", "open=3x", "<b>=3",      "open=-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cJSON *targets = cJSON_CreateArray();
        struct slc_error error = {0};
        if (slc_plot_targets(bad[i], targets, &error) != SLC_MALFORMED) fail_msg("taken: %s", bad[i]);
        cJSON_Delete(targets);
    }
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(the_page_holds_what_the_files_say),
        IN_FOLDER(what_a_bench_writes_today_can_be_plotted),
        IN_FOLDER(readers_without_scripts_get_the_figures),
        IN_FOLDER(the_page_refers_to_nothing_outside_and_may_load_nothing),
        IN_FOLDER(text_from_a_file_adds_no_markup),
        IN_FOLDER(what_is_no_bench_is_refused_with_file_and_member),
        IN_FOLDER(lists_and_texts_have_bounds),
        IN_FOLDER(bad_input_leaves_an_old_page_as_it_was),
        IN_FOLDER(files_that_cannot_be_read_or_written_are_usage_errors),
        cmocka_unit_test(a_target_is_a_bench_perhaps_a_back_end_and_a_ratio),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
