/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/report/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct slc_report report;
static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/sluice-report-XXXXXX");
    if (mkdtemp(folder) == NULL) return -1;
    (void)snprintf(path, sizeof path, "%s/report.json", folder);
    sample_report(&report);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)rmdir(folder);
    sample_free(&report);
    return 0;
}

static size_t content(char *text, size_t cap)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, cap - 1, file);
    text[len] = 0;
    (void)fclose(file);
    return len;
}

static void put(const char *text, size_t times)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < times; i++) {
        assert_true(fputs(text, file) >= 0);
    }
    assert_int_equal(fclose(file), 0);
}

static void a_path_that_cannot_be_written_is_known_at_once_and_named(void **state)
{
    (void)state;
    struct slc_report_file file;
    struct slc_error error = {0};
    assert_int_equal(slc_report_open(&file, "/nonexistent/report.json", &error), SLC_IO);
    assert_non_null(strstr(error.text, "/nonexistent/report.json"));
    assert_non_null(strstr(error.text, "No such file"));
    assert_int_equal(slc_report_open(&file, folder, &error), SLC_IO);
    assert_non_null(strstr(error.text, "directory"));
}

static void the_old_report_stays_until_there_is_a_new_one(void **state)
{
    (void)state;
    struct slc_report_file file;
    struct slc_error error = {0};
    static char text[100000];
    put("old", 1);
    assert_int_equal(slc_report_open(&file, path, &error), SLC_OK);
    assert_int_equal(content(text, sizeof text), 3);
    slc_report_abandon(&file);
    assert_int_equal(content(text, sizeof text), 3);
}

static void a_new_report_leaves_nothing_of_a_longer_old_one(void **state)
{
    (void)state;
    struct slc_report_file file;
    struct slc_error error = {0};
    static char text[1000000];
    put("old old old ", 50000);
    assert_int_equal(slc_report_open(&file, path, &error), SLC_OK);
    assert_int_equal(slc_report_write_json(&file, &report, &error), SLC_OK);
    size_t len = content(text, sizeof text);
    assert_true(len > 1000 && text[0] == '{' && strcmp(text + len - 2, "}\n") == 0);
    assert_null(strstr(text, "old old"));
}

static void a_file_made_for_nothing_goes_again(void **state)
{
    (void)state;
    struct slc_report_file file;
    struct slc_error error = {0};
    assert_int_equal(slc_report_open(&file, path, &error), SLC_OK);
    assert_int_equal(access(path, F_OK), 0);
    slc_report_abandon(&file);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_full_disk_is_told_with_path_and_reason(void **state)
{
    (void)state;
    struct slc_report_file file;
    struct slc_error error = {0};
    assert_int_equal(slc_report_open(&file, "/dev/full", &error), SLC_OK);
    assert_int_equal(slc_report_write_json(&file, &report, &error), SLC_IO);
    assert_non_null(strstr(error.text, "/dev/full"));
    assert_non_null(strstr(error.text, "No space left"));
    assert_int_equal(slc_report_open(&file, "/dev/full", &error), SLC_OK);
    assert_int_equal(slc_report_write_html(&file, &report, &error), SLC_IO);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, drop_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_path_that_cannot_be_written_is_known_at_once_and_named),
        IN_FOLDER(the_old_report_stays_until_there_is_a_new_one),
        IN_FOLDER(a_new_report_leaves_nothing_of_a_longer_old_one),
        IN_FOLDER(a_file_made_for_nothing_goes_again),
        IN_FOLDER(a_full_disk_is_told_with_path_and_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
