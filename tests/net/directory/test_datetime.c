/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include <time.h>

#include "net/directory/datetime.h"

/* The C library's calendar as the oracle, every 11 hours and some from 1970 to 2105. */
static void times_are_the_c_librarys(void **state)
{
    (void)state;
    for (int64_t at = 0; at < INT64_C(4270000000); at += 39989) {
        time_t seconds = (time_t)at;
        struct tm parts;
        char wanted[64], got[SLC_DATETIME_TEXT_MAX];
        assert_non_null(gmtime_r(&seconds, &parts));
        assert_true(strftime(wanted, sizeof wanted, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0);
        slc_datetime_to_text(at, got);
        assert_string_equal(got, wanted);
        int64_t back = -1;
        assert_true(slc_datetime_rfc3339(wanted, &back));
        assert_int_equal(back, at);
        assert_true(strftime(wanted, sizeof wanted, "%Y-%m-%d %H:%M:%S.0 +00:00:00", &parts) > 0);
        assert_int_equal(slc_datetime_lenient(wanted), at);
    }
}

static void offsets_and_fractions_are_understood(void **state)
{
    (void)state;
    int64_t at = 0;
    assert_true(slc_datetime_rfc3339("2026-05-16T12:30:02.123456789+02:30", &at));
    assert_int_equal(at, 1778925602);
    assert_true(slc_datetime_rfc3339("2026-05-16t04:00:02-06:00", &at));
    assert_int_equal(at, 1778925602);
    assert_int_equal(slc_datetime_lenient("2026-05-16 12:00:02.5 +01:59:60"), 0);
    assert_int_equal(slc_datetime_lenient("2026-05-16 12:00:02.5 +02:00:00"), 1778925602);
    assert_int_equal(slc_datetime_lenient("2026-05-16 10:00:02 +00:00:00"), 1778925602);
}

static void what_is_no_time_is_not_taken(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "2026",
        "2026-05-16",
        "2026-05-16T10:00:00",
        "2026-05-16T10:00:00Zz",
        "2026-05-16T10:00Z",
        "2026-13-16T10:00:00Z",
        "2026-00-16T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "2100-02-29T10:00:00Z",
        "2026-04-31T10:00:00Z",
        "2026-05-16T24:00:00Z",
        "2026-05-16T10:60:00Z",
        "2026-05-16T10:00:61Z",
        "2026-05-16T10:00:00.Z",
        "2026-05-16T10:00:00+24:00",
        "2026-05-16T10:00:00+0200",
        "1969-12-31T23:59:59Z",
        "+026-05-16T10:00:00Z",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t at;
        assert_false(slc_datetime_rfc3339(texts[i], &at));
        assert_int_equal(slc_datetime_lenient(texts[i]), 0);
    }
    int64_t at;
    assert_false(slc_datetime_rfc3339("2026-05-16 10:00:00.0 +00:00:00", &at));
}

static void times_beyond_the_text_form_go_to_its_ends(void **state)
{
    (void)state;
    char text[SLC_DATETIME_TEXT_MAX];
    slc_datetime_to_text(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
    slc_datetime_to_text(INT64_MIN, text);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_the_c_librarys),
        cmocka_unit_test(offsets_and_fractions_are_understood),
        cmocka_unit_test(what_is_no_time_is_not_taken),
        cmocka_unit_test(times_beyond_the_text_form_go_to_its_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
