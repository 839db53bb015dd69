/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/report/sample.h"

#include "tools/common/embedded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char *page;
static size_t page_len;

static void write_page(const struct slc_report *report)
{
    free(page);
    page = NULL;
    FILE *out = open_memstream(&page, &page_len);
    assert_non_null(out);
    assert_true(slc_report_html(report, out));
    assert_int_equal(fclose(out), 0);
}

static int make_page(void **state)
{
    static struct slc_report report;
    *state = &report;
    sample_report(&report);
    write_page(&report);
    return 0;
}

static int drop_page(void **state)
{
    sample_free(*state);
    free(page);
    page = NULL;
    return 0;
}

/* Where the charting library stands in the page: its text is not ours to check. */
static char *library_in_page(void)
{
    struct slc_bytes library = slc_embedded_chart_library();
    return memmem(page, page_len, library.data, library.len);
}

static void the_page_holds_library_and_report_whole(void **state)
{
    assert_non_null(library_in_page());
    char *json = slc_report_json(*state, true);
    assert_non_null(strstr(page, json));
    free(json);
    assert_null(strstr(page, "@CHART@"));
    assert_null(strstr(page, "@JSON@"));
    assert_null(strstr(page, "@SUMMARY@"));
}

static void the_page_refers_to_nothing_outside_and_may_load_nothing(void **state)
{
    (void)state;
    assert_non_null(
        strstr(page, "content=\"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'\""));
    size_t library_len = slc_embedded_chart_library().len;
    memset(library_in_page(), ' ', library_len);
    static const char *const references[] = {"http:",   "https:", "//cdn", "src=",   "href=",   "url(",
                                             "@import", "<link",  "<img",  "fetch(", "import(", "XMLHttpRequest"};
    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        if (strcasestr(page, references[i]) != NULL) fail_msg("the page has %s", references[i]);
    }
}

static unsigned occurrences(const char *what)
{
    unsigned n = 0;
    for (const char *at = page; (at = strstr(at, what)) != NULL; at++) {
        n++;
    }
    return n;
}

static void text_from_outside_adds_no_markup(void **state)
{
    struct slc_report *report = *state;
    unsigned scripts = occurrences("<script"), ends = occurrences("</script");
    (void)snprintf(report->target, sizeof report->target, "</script><script>alert(1)</script><!--</noscript>");
    slc_report_reason(report, "gateway says <b>&amp;</b></pre>");
    (void)snprintf(report->gateways[0].identity, sizeof report->gateways[0].identity, "<i>");
    (void)snprintf(report->threads[0].name, sizeof report->threads[0].name, "</script>");
    write_page(report);
    assert_int_equal(occurrences("<script"), scripts);
    assert_int_equal(occurrences("</script"), ends);
    assert_int_equal(occurrences("</noscript>"), 1);
    assert_int_equal(occurrences("</pre>"), 1);
    assert_null(strstr(page, "<b>"));
    assert_null(strstr(page, "<i>"));
}

static void a_full_disk_is_noticed(void **state)
{
    FILE *out = fopen("/dev/full", "w");
    assert_non_null(out);
    bool written = slc_report_html(*state, out);
    assert_false(written && fflush(out) == 0);
    (void)fclose(out);
}

static void readers_without_scripts_get_the_summary(void **state)
{
    (void)state;
    const char *summary = strstr(page, "<noscript><pre>");
    assert_non_null(summary);
    assert_non_null(strstr(summary, "20,012"));
    assert_non_null(strstr(summary, SLC_REPORT_ANONYMITY));
}

int main(void)
{
#define WITH_PAGE(test) cmocka_unit_test_setup_teardown(test, make_page, drop_page)
    const struct CMUnitTest tests[] = {
        WITH_PAGE(the_page_holds_library_and_report_whole),
        WITH_PAGE(the_page_refers_to_nothing_outside_and_may_load_nothing),
        WITH_PAGE(text_from_outside_adds_no_markup),
        WITH_PAGE(a_full_disk_is_noticed),
        WITH_PAGE(readers_without_scripts_get_the_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
