/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/report/sample.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The oracle is the table of docs/report.md: member, type. */

enum { MEMBERS = 320, PATH = 120 };
static struct {
    char path[PATH], type[16];
    bool seen;
} documented[MEMBERS];
static size_t documented_count;

static int read_documentation(void **state)
{
    (void)state;
    FILE *file = fopen(SLUICE_TEST_DATA "/../docs/report.md", "r");
    if (file == NULL) return -1;
    char line[1024];
    while (fgets(line, sizeof line, file) != NULL && documented_count < MEMBERS) {
        if (sscanf(line, "| `%119[^`]` | %15s |", documented[documented_count].path,
                   documented[documented_count].type) != 2) {
            continue;
        }
        /* The table of verdicts has the same look and numbers in the second column. */
        if (documented[documented_count].type[0] < 'a') continue;
        documented_count++;
    }
    (void)fclose(file);
    return documented_count > 100 ? 0 : -1;
}

static bool covers(const char *member, const char *path)
{
    size_t len = strlen(member);
    if (member[len - 1] == '*') return strncmp(member, path, len - 1) == 0;
    return strcmp(member, path) == 0;
}

static bool has_type(const cJSON *value, const char *type)
{
    if (strcmp(type, "text") == 0) return cJSON_IsString(value);
    if (strcmp(type, "bool") == 0) return cJSON_IsBool(value);
    if (strcmp(type, "number") == 0) return cJSON_IsNumber(value);
    if (strcmp(type, "integer") == 0) return cJSON_IsNumber(value) && value->valuedouble == floor(value->valuedouble);
    return strcmp(type, "any") == 0;
}

static void check_leaf(const cJSON *value, const char *path)
{
    for (size_t i = 0; i < documented_count; i++) {
        if (!covers(documented[i].path, path)) continue;
        documented[i].seen = true;
        if (!has_type(value, documented[i].type)) fail_msg("%s is not %s", path, documented[i].type);
        return;
    }
    fail_msg("%s is not in docs/report.md", path);
}

static void check_member(const cJSON *value, const char *path)
{
    if (!cJSON_IsObject(value) && !cJSON_IsArray(value)) {
        check_leaf(value, path);
        return;
    }
    for (const cJSON *child = value->child; child != NULL; child = child->next) {
        char below[PATH];
        int len = cJSON_IsArray(value) ? snprintf(below, sizeof below, "%s[]", path)
                                       : snprintf(below, sizeof below, "%s%s%s", path, *path ? "." : "", child->string);
        assert_true(len > 0 && (size_t)len < sizeof below);
        check_member(child, below);
    }
}

static cJSON *parse(const struct slc_report *report, bool for_html)
{
    char *json = slc_report_json(report, for_html);
    assert_non_null(json);
    if (for_html) assert_null(strpbrk(json, "<>"));
    cJSON *root = cJSON_Parse(json);
    assert_non_null(root);
    free(json);
    return root;
}

static void the_report_and_its_documentation_have_the_same_members(void **state)
{
    (void)state;
    static struct slc_report report;
    sample_report(&report);
    slc_report_reason(&report, "one reason");
    cJSON *root = parse(&report, false);
    check_member(root, "");
    for (size_t i = 0; i < documented_count; i++) {
        if (!documented[i].seen) fail_msg("%s is documented and not in the report", documented[i].path);
    }
    cJSON_Delete(root);
    sample_free(&report);
}

static double number_at(const cJSON *root, const char *group, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, group), name);
    assert_true(cJSON_IsNumber(value));
    return value->valuedouble;
}

static void figures_come_out_as_they_went_in(void **state)
{
    (void)state;
    static struct slc_report report;
    sample_report(&report);
    cJSON *root = parse(&report, false);
    assert_true(number_at(root, "messages", "offered") == 20012);
    assert_true(number_at(root, "packets", "retransmitted") == 12);
    assert_true(number_at(root, "bytes", "delivered") == 20012000);
    assert_true(number_at(root, "duration_seconds", "connect") == 0.131);
    assert_true(fabs(number_at(root, "packets", "sent_per_second") - 27512 / 20.0) < 1e-9);
    const cJSON *latency = cJSON_GetObjectItem(root, "latency_seconds");
    double p50 = number_at(latency, "sent_to_delivered", "p50"), max = number_at(latency, "sent_to_delivered", "max");
    /* Three exponential delays of 15 ms: their median is 2.674 means; and 2 ms. */
    assert_true(fabs(p50 - (2.674 * 0.015 + 0.002)) < 0.001);
    assert_true(max == (double)report.sent_to_delivered.max / 1e9);
    cJSON_Delete(root);
    sample_free(&report);
}

static void distributions_rise_to_everything_and_the_maximum(void **state)
{
    (void)state;
    static struct slc_report report;
    sample_report(&report);
    cJSON *root = parse(&report, false);
    const cJSON *groups = cJSON_GetObjectItem(root, "distribution_seconds"), *points, *point;
    cJSON_ArrayForEach(points, groups)
    {
        double share = 0, seconds = 0;
        assert_in_range(cJSON_GetArraySize(points), 20, 100);
        cJSON_ArrayForEach(point, points)
        {
            assert_true(cJSON_GetArrayItem(point, 0)->valuedouble > share);
            assert_true(cJSON_GetArrayItem(point, 1)->valuedouble > seconds);
            share = cJSON_GetArrayItem(point, 0)->valuedouble;
            seconds = cJSON_GetArrayItem(point, 1)->valuedouble;
        }
        assert_true(share == 1);
        if (strcmp(points->string, "lateness") == 0) assert_true(seconds == (double)report.lateness.max / 1e9);
    }
    cJSON_Delete(root);
    sample_free(&report);
}

static void text_from_outside_survives_a_page(void **state)
{
    (void)state;
    static struct slc_report report;
    static const char hostile[] = "</script><img src=x onerror=\"alert(1)\">&quot;\\";
    sample_report(&report);
    (void)snprintf(report.target, sizeof report.target, "%s", hostile);
    cJSON *root = parse(&report, true);
    assert_string_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(root, "load"), "target")->valuestring, hostile);
    cJSON_Delete(root);
    sample_free(&report);
}

static void cleaning_keeps_utf8_and_stops_what_steers_a_terminal(void **state)
{
    (void)state;
    char out[64];
    slc_report_clean(out, sizeof out, "r\xc3\xa9seau \xe2\x82\xac \xf0\x9f\x8c\x8a");
    assert_string_equal(out, "r\xc3\xa9seau \xe2\x82\xac \xf0\x9f\x8c\x8a");
    slc_report_clean(out, sizeof out, "a\x1b[31mb\r\n\x7f\xc2\x9b\xff\xe2\x82");
    assert_string_equal(out, "a?[31mb????????");
    slc_report_clean(out, 4, "\xe2\x82\xac\xe2\x82\xac");
    assert_string_equal(out, "\xe2\x82\xac");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_report_and_its_documentation_have_the_same_members),
        cmocka_unit_test(figures_come_out_as_they_went_in),
        cmocka_unit_test(distributions_rise_to_everything_and_the_maximum),
        cmocka_unit_test(text_from_outside_survives_a_page),
        cmocka_unit_test(cleaning_keeps_utf8_and_stops_what_steers_a_terminal),
    };
    return cmocka_run_group_tests(tests, read_documentation, NULL);
}
