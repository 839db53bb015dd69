/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/report/sample.h"

#include "tools/load/load_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A run of 20 s in which nothing went wrong; each test spoils one thing. */

static struct slc_report report;

static int good_run(void **state)
{
    (void)state;
    sample_report(&report);
    return 0;
}

static int drop_run(void **state)
{
    (void)state;
    sample_free(&report);
    return 0;
}

static void expect(enum slc_verdict verdict, int code, const char *words)
{
    assert_int_equal(report.verdict, verdict);
    assert_int_equal(slc_verdict_exit(report.verdict), code);
    if (words == NULL) {
        assert_int_equal(report.reason_count, 0);
        return;
    }
    for (size_t i = 0; i < report.reason_count; i++) {
        if (strstr(report.reasons[i], words) != NULL) return;
    }
    fail_msg("no reason says %s", words);
}

static void a_run_without_fault_is_good(void **state)
{
    (void)state;
    slc_load_judge(&report, false, NULL);
    expect(SLC_VERDICT_GOOD, 0, NULL);
}

static void one_message_missing_fails(void **state)
{
    (void)state;
    uint64_t *const ends[] = {&report.messages.lost, &report.messages.in_flight, &report.messages.waiting,
                              &report.messages.refused};
    static const char *const words[] = {"1 messages were lost", "in flight", "waiting for a slot", "refused"};
    for (size_t i = 0; i < 4; i++) {
        report.reason_count = 0;
        *ends[i] = 1;
        slc_load_judge(&report, false, NULL);
        expect(SLC_VERDICT_FAILED, 1, words[i]);
        *ends[i] = 0;
    }
}

static void a_wrong_message_fails_even_an_overloaded_run(void **state)
{
    (void)state;
    report.messages.missed = 5;
    report.messages.corrupted = 1;
    slc_load_judge(&report, false, NULL);
    expect(SLC_VERDICT_FAILED, 1, "damaged");
}

static void an_unbalanced_ledger_fails(void **state)
{
    (void)state;
    report.messages.balanced = false;
    slc_load_judge(&report, false, NULL);
    expect(SLC_VERDICT_FAILED, 1, "does not balance");
}

static void a_late_generator_makes_it_invalid_whatever_was_lost(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        slc_histogram_record(&report.lateness, 6 * SLC_MILLISECOND);
    }
    report.messages.lost = 3;
    slc_load_judge(&report, false, NULL);
    expect(SLC_VERDICT_INVALID, 4, "p99 of its lateness");
    assert_true(report.saturated);
}

static void packets_that_leave_late_make_it_invalid_too(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        slc_histogram_record(&report.slot_lateness, 6 * SLC_MILLISECOND);
    }
    slc_load_judge(&report, false, NULL);
    expect(SLC_VERDICT_INVALID, 4, "p99 of its packets' lateness");
    assert_true(report.saturated);
}

static void answers_are_right_and_one_each(void **state)
{
    (void)state;
    uint64_t *const ends[] = {&report.messages.unanswered, &report.messages.answered_wrong,
                              &report.messages.answered_again, &report.service_books.received};
    static const char *const words[] = {"requests were not answered", "answers were wrong", "came more than once",
                                        "the services' books do not balance"};
    for (size_t i = 0; i < 4; i++) {
        report.reason_count = 0;
        uint64_t before = (*ends[i])++;
        slc_load_judge(&report, false, NULL);
        expect(SLC_VERDICT_FAILED, 1, words[i]);
        *ends[i] = before;
    }
}

static void dropped_slots_make_it_invalid(void **state)
{
    (void)state;
    report.window.slots_missed = 26;
    slc_load_judge(&report, false, NULL);
    expect(SLC_VERDICT_INVALID, 4, "26 of 25000 slots were dropped");
}

static void a_rate_that_cannot_fit_is_invalid_but_no_saturation(void **state)
{
    (void)state;
    slc_load_judge(&report, false, "the slots do not carry it");
    expect(SLC_VERDICT_INVALID, 4, "the slots do not carry it");
    assert_false(report.saturated);
}

static void interruption_is_said_before_all_else(void **state)
{
    (void)state;
    report.messages.in_flight = 9;
    slc_load_judge(&report, true, NULL);
    expect(SLC_VERDICT_INTERRUPTED, 130, "in flight");
}

static void more_reasons_than_room_end_in_and_more(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SLC_REPORT_REASONS + 3; i++) {
        slc_report_reason(&report, "reason %u", i);
    }
    assert_int_equal(report.reason_count, SLC_REPORT_REASONS);
    assert_string_equal(report.reasons[0], "reason 0");
    assert_string_equal(report.reasons[SLC_REPORT_REASONS - 1], "and more");
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, good_run, drop_run)
    const struct CMUnitTest tests[] = {
        RUN(a_run_without_fault_is_good),
        RUN(one_message_missing_fails),
        RUN(a_wrong_message_fails_even_an_overloaded_run),
        RUN(an_unbalanced_ledger_fails),
        RUN(a_late_generator_makes_it_invalid_whatever_was_lost),
        RUN(packets_that_leave_late_make_it_invalid_too),
        RUN(answers_are_right_and_one_each),
        RUN(dropped_slots_make_it_invalid),
        RUN(a_rate_that_cannot_fit_is_invalid_but_no_saturation),
        RUN(interruption_is_said_before_all_else),
        RUN(more_reasons_than_room_end_in_and_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
