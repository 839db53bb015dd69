/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS SLC_MILLISECOND

static struct slc_ledger ledger;
static struct slc_report_messages run, warm;

static int open_books(void **state)
{
    (void)state;
    return slc_ledger_init(&ledger, 10000) == SLC_OK ? 0 : -1;
}

static int close_books(void **state)
{
    (void)state;
    slc_ledger_free(&ledger);
    return 0;
}

/* A message of 1 to 2, intended at `ms`, handed over at once. */
static uint64_t submit(uint64_t ms)
{
    uint64_t id;
    assert_int_equal(slc_ledger_offer(&ledger, ms * MS, 1, 2, false, &id), SLC_OK);
    slc_ledger_submitted(&ledger, id, ms * MS);
    return id;
}

static void arrive(uint64_t id, uint64_t at_ms)
{
    slc_ledger_arrived(&ledger, id, ledger.records[id].intended, 2, true, at_ms * MS);
}

static void expect_balance(bool balanced)
{
    slc_ledger_close(&ledger, &run, &warm);
    assert_int_equal(run.balanced, balanced);
    assert_int_equal(run.offered, run.sent + run.missed + run.refused + run.waiting);
    assert_int_equal(run.sent, run.delivered + run.corrupted + run.lost + run.in_flight);
}

static void each_message_has_exactly_one_fate(void **state)
{
    (void)state;
    uint64_t whole = submit(100), lost = submit(100), flying = submit(100), given_up = submit(100);
    uint64_t waiting = submit(100), refused = submit(100), broken = submit(100), missed;
    assert_int_equal(slc_ledger_offer(&ledger, 100 * MS, 1, 2, false, &missed), SLC_OK);
    slc_ledger_missed(&ledger, missed);
    const uint64_t sent[] = {whole, lost, flying, given_up, broken};
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++) {
        slc_ledger_sent(&ledger, sent[i], 110 * MS);
    }
    arrive(whole, 150);
    slc_ledger_acked(&ledger, whole, 190 * MS);
    slc_ledger_acked(&ledger, lost, 190 * MS);
    slc_ledger_expired(&ledger, given_up);
    slc_ledger_expired(&ledger, refused);
    slc_ledger_arrived(&ledger, broken, 100 * MS, 2, false, 160 * MS);
    expect_balance(true);
    assert_int_equal(run.offered, 8);
    assert_int_equal(run.sent, 5);
    assert_int_equal(run.delivered, 1);
    assert_int_equal(run.corrupted, 1);
    assert_int_equal(run.lost, 2);
    assert_int_equal(run.in_flight, 1);
    assert_int_equal(run.waiting, 1);
    assert_int_equal(run.refused, 1);
    assert_int_equal(run.missed, 1);
    assert_int_equal(run.acked, 2);
    (void)waiting;
    /* Open: acked but not here, still flying, waiting, here but broken and not acked. */
    assert_int_equal(ledger.open, 4);
}

static void latencies_run_from_the_intended_and_from_the_sent_time(void **state)
{
    (void)state;
    uint64_t id = submit(1000);
    slc_ledger_sent(&ledger, id, 1020 * MS);
    arrive(id, 1070);
    slc_ledger_acked(&ledger, id, 1120 * MS);
    assert_int_equal(ledger.intended_to_delivered.max, 70 * MS);
    assert_int_equal(ledger.sent_to_delivered.max, 50 * MS);
    assert_int_equal(ledger.intended_to_acked.max, 120 * MS);
    assert_int_equal(ledger.sent_to_acked.max, 100 * MS);
}

static void lateness_is_what_the_generator_added(void **state)
{
    (void)state;
    uint64_t id;
    assert_int_equal(slc_ledger_offer(&ledger, 500 * MS, 1, 2, false, &id), SLC_OK);
    slc_ledger_submitted(&ledger, id, 507 * MS);
    submit(600);
    assert_int_equal(ledger.lateness.count, 2);
    assert_int_equal(ledger.lateness.max, 7 * MS);
    assert_int_equal(ledger.recent_lateness, 7 * MS);
}

static void an_arrival_may_overtake_its_own_sent(void **state)
{
    (void)state;
    uint64_t id = submit(100);
    arrive(id, 150);
    slc_ledger_sent(&ledger, id, 110 * MS);
    slc_ledger_acked(&ledger, id, 200 * MS);
    expect_balance(true);
    assert_int_equal(run.delivered, 1);
    assert_int_equal(ledger.sent_to_delivered.max, 40 * MS);
    assert_int_equal(ledger.open, 0);
}

static void the_second_arrival_is_a_duplicate_and_counts_once(void **state)
{
    (void)state;
    uint64_t id = submit(100);
    slc_ledger_sent(&ledger, id, 110 * MS);
    arrive(id, 150);
    arrive(id, 160);
    arrive(id, 170);
    expect_balance(true);
    assert_int_equal(run.delivered, 1);
    assert_int_equal(run.duplicated, 2);
    assert_int_equal(ledger.intended_to_delivered.count, 1);
}

static void an_arrival_at_somebody_else_is_corrupted(void **state)
{
    (void)state;
    uint64_t id = submit(100);
    slc_ledger_sent(&ledger, id, 110 * MS);
    slc_ledger_arrived(&ledger, id, 100 * MS, 3, true, 150 * MS);
    expect_balance(true);
    assert_int_equal(run.corrupted, 1);
    assert_int_equal(run.delivered, 0);
}

static void a_damaged_head_that_disagrees_with_the_record_names_nobody(void **state)
{
    (void)state;
    uint64_t id = submit(100);
    slc_ledger_sent(&ledger, id, 110 * MS);
    slc_ledger_arrived(&ledger, id, 101 * MS, 2, false, 150 * MS);
    slc_ledger_arrived(&ledger, 77, 100 * MS, 2, false, 150 * MS);
    slc_ledger_arrived(&ledger, UINT64_MAX, 0, 2, false, 150 * MS);
    expect_balance(true);
    assert_int_equal(run.unrecognised, 3);
    assert_int_equal(run.in_flight, 1);
}

static void an_event_that_cannot_be_breaks_the_balance(void **state)
{
    (void)state;
    uint64_t id = submit(100);
    slc_ledger_sent(&ledger, id, 110 * MS);
    slc_ledger_acked(&ledger, id, 150 * MS);
    expect_balance(true);
    slc_ledger_acked(&ledger, id, 151 * MS);
    slc_ledger_close(&ledger, &run, &warm);
    assert_false(run.balanced);
}

static void an_event_about_an_unknown_message_breaks_the_balance(void **state)
{
    (void)state;
    submit(100);
    slc_ledger_acked(&ledger, 1, 150 * MS);
    slc_ledger_close(&ledger, &run, &warm);
    assert_false(run.balanced);
}

static void giving_up_before_sending_turns_when_it_arrives_after_all(void **state)
{
    (void)state;
    uint64_t id = submit(100);
    slc_ledger_expired(&ledger, id);
    expect_balance(true);
    assert_int_equal(run.refused, 1);
    arrive(id, 150);
    expect_balance(true);
    assert_int_equal(run.refused, 0);
    assert_int_equal(run.delivered, 1);
}

static void warm_up_messages_stay_out_of_the_run(void **state)
{
    (void)state;
    uint64_t id;
    assert_int_equal(slc_ledger_offer(&ledger, 10 * MS, 1, 2, true, &id), SLC_OK);
    slc_ledger_submitted(&ledger, id, 10 * MS);
    slc_ledger_sent(&ledger, id, 20 * MS);
    arrive(id, 60);
    expect_balance(true);
    assert_int_equal(run.offered, 0);
    assert_int_equal(warm.delivered, 1);
    assert_true(warm.balanced);
    assert_int_equal(ledger.intended_to_delivered.count, 0);
    assert_int_equal(ledger.lateness.count, 0);
}

static void the_ledger_takes_no_more_than_it_has_room_for(void **state)
{
    (void)state;
    struct slc_ledger small;
    uint64_t id;
    assert_int_equal(slc_ledger_init(&small, 1), SLC_OK);
    assert_int_equal(slc_ledger_offer(&small, 1, 1, 2, false, &id), SLC_OK);
    assert_int_equal(slc_ledger_offer(&small, 1, 1, 2, false, &id), SLC_FULL);
    slc_ledger_free(&small);
}

static void answer(uint64_t id, uint32_t at_client, bool intact, uint64_t at_ms)
{
    slc_ledger_answered(&ledger, id, ledger.records[id].intended, at_client, intact, at_ms * MS);
}

static void expect_answers(void)
{
    expect_balance(true);
    assert_int_equal(run.sent, run.answered + run.answered_wrong + run.unanswered);
}

static void each_request_has_one_answer_or_none(void **state)
{
    (void)state;
    ledger.asks = true;
    uint64_t right = submit(100), damaged = submit(100), astray = submit(100), silent = submit(100);
    for (uint64_t id = 0; id < 4; id++) {
        slc_ledger_sent(&ledger, id, 110 * MS);
        slc_ledger_acked(&ledger, id, 190 * MS);
        arrive(id, 150);
    }
    assert_int_equal(ledger.open, 4);
    answer(right, 1, true, 220);
    answer(damaged, 1, false, 220);
    answer(astray, 3, true, 220);
    (void)silent;
    expect_answers();
    assert_int_equal(run.delivered, 4);
    assert_int_equal(run.answered, 1);
    assert_int_equal(run.answered_wrong, 2);
    assert_int_equal(run.unanswered, 1);
    assert_int_equal(ledger.open, 1);
    assert_int_equal(ledger.intended_to_answered.count, 1);
    assert_int_equal(ledger.intended_to_answered.max, 120 * MS);
    assert_int_equal(ledger.sent_to_answered.max, 110 * MS);
    assert_int_equal(ledger.intended_to_delivered.max, 50 * MS);
}

static void an_answer_proves_that_its_request_arrived(void **state)
{
    (void)state;
    ledger.asks = true;
    uint64_t id = submit(100);
    answer(id, 1, true, 220);
    expect_answers();
    assert_int_equal(run.sent, 1);
    assert_int_equal(run.delivered, 1);
    assert_int_equal(ledger.intended_to_delivered.count, 0);
    assert_int_equal(ledger.open, 1);
    slc_ledger_sent(&ledger, id, 110 * MS);
    slc_ledger_acked(&ledger, id, 230 * MS);
    expect_answers();
    assert_int_equal(ledger.open, 0);
}

static void the_second_answer_counts_as_such(void **state)
{
    (void)state;
    ledger.asks = true;
    uint64_t id = submit(100);
    slc_ledger_sent(&ledger, id, 110 * MS);
    answer(id, 1, true, 220);
    answer(id, 1, true, 230);
    expect_answers();
    assert_int_equal(run.answered, 1);
    assert_int_equal(run.answered_again, 1);
    assert_int_equal(ledger.intended_to_answered.count, 1);
}

/* Any story that events can tell, in any order, leaves the sums right and both ways of counting agreed. */
static void random_stories_balance(void **state)
{
    (void)state;
    const char *text = getenv("SLUICE_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 20260101;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (unsigned story = 0; story < 600; story++) {
        slc_ledger_free(&ledger);
        assert_int_equal(slc_ledger_init(&ledger, 64), SLC_OK);
        ledger.asks = story % 2 == 1;
        uint8_t said[64] = {0};
        for (unsigned i = 0; i < 64; i++) {
            submit(100 + i);
        }
        for (unsigned step = 0; step < 200; step++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            uint64_t id = seed >> 40 & 63;
            uint8_t what = (uint8_t)(1 << (seed >> 50 & 3));
            bool once = !(said[id] & what);
            if (what == 1 && once) slc_ledger_sent(&ledger, id, 500 * MS);
            if (what == 2 && once && !(said[id] & 4)) slc_ledger_acked(&ledger, id, 600 * MS);
            if (what == 4 && once && !(said[id] & 2)) slc_ledger_expired(&ledger, id);
            if (what == 8 && ledger.asks && seed >> 53 & 1) answer(id, 1, seed >> 54 & 1, 650);
            if (what == 8) slc_ledger_arrived(&ledger, id, (100 + id) * MS, 2, seed >> 52 & 1, 550 * MS);
            said[id] |= what;
        }
        expect_balance(true);
        if (ledger.asks) expect_answers();
    }
}

int main(void)
{
#define WITH_BOOKS(test) cmocka_unit_test_setup_teardown(test, open_books, close_books)
    const struct CMUnitTest tests[] = {
        WITH_BOOKS(each_message_has_exactly_one_fate),
        WITH_BOOKS(latencies_run_from_the_intended_and_from_the_sent_time),
        WITH_BOOKS(lateness_is_what_the_generator_added),
        WITH_BOOKS(an_arrival_may_overtake_its_own_sent),
        WITH_BOOKS(the_second_arrival_is_a_duplicate_and_counts_once),
        WITH_BOOKS(an_arrival_at_somebody_else_is_corrupted),
        WITH_BOOKS(a_damaged_head_that_disagrees_with_the_record_names_nobody),
        WITH_BOOKS(an_event_that_cannot_be_breaks_the_balance),
        WITH_BOOKS(an_event_about_an_unknown_message_breaks_the_balance),
        WITH_BOOKS(giving_up_before_sending_turns_when_it_arrives_after_all),
        WITH_BOOKS(warm_up_messages_stay_out_of_the_run),
        WITH_BOOKS(the_ledger_takes_no_more_than_it_has_room_for),
        WITH_BOOKS(each_request_has_one_answer_or_none),
        WITH_BOOKS(an_answer_proves_that_its_request_arrived),
        WITH_BOOKS(the_second_answer_counts_as_such),
        WITH_BOOKS(random_stories_balance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
