/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LEN = 1000 };

static const struct slc_load_key key = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
static const struct slc_load_head sent = {.id = 71, .intended = 123456789012345, .sender = 3, .recipient = 9};

static void what_is_written_checks_and_says_who_and_when(void **state)
{
    (void)state;
    for (size_t len = SLC_LOAD_HEAD_BYTES; len < 100; len++) {
        uint8_t message[100];
        struct slc_load_head head;
        slc_load_message_write(message, len, &sent, &key);
        assert_int_equal(slc_load_message_check(slc_bytes(message, len), &key, &head), SLC_LOAD_INTACT);
        assert_int_equal(head.id, sent.id);
        assert_int_equal(head.intended, sent.intended);
        assert_int_equal(head.sender, sent.sender);
        assert_int_equal(head.recipient, sent.recipient);
    }
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    uint8_t message[64];
    struct slc_load_head head;
    slc_load_message_write(message, sizeof message, &sent, &key);
    for (size_t bit = 0; bit < 8 * sizeof message; bit++) {
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(slc_load_message_check(slc_bytes(message, sizeof message), &key, &head), SLC_LOAD_INTACT);
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void a_cut_or_grown_message_is_damaged_and_a_short_one_is_not_ours(void **state)
{
    (void)state;
    uint8_t message[LEN + 1] = {0};
    struct slc_load_head head;
    slc_load_message_write(message, LEN, &sent, &key);
    assert_int_equal(slc_load_message_check(slc_bytes(message, LEN + 1), &key, &head), SLC_LOAD_DAMAGED);
    assert_int_equal(slc_load_message_check(slc_bytes(message, LEN - 1), &key, &head), SLC_LOAD_DAMAGED);
    assert_int_equal(slc_load_message_check(slc_bytes(message, 31), &key, &head), SLC_LOAD_UNRECOGNISED);
    assert_int_equal(slc_load_message_check(slc_bytes(NULL, 0), &key, &head), SLC_LOAD_UNRECOGNISED);
}

static void a_message_of_another_run_does_not_verify(void **state)
{
    (void)state;
    static const struct slc_load_key other = {{9}};
    uint8_t message[LEN];
    struct slc_load_head head;
    slc_load_message_write(message, LEN, &sent, &other);
    assert_int_equal(slc_load_message_check(slc_bytes(message, LEN), &key, &head), SLC_LOAD_DAMAGED);
}

static void two_messages_share_no_filler(void **state)
{
    (void)state;
    uint8_t a[LEN], b[LEN];
    struct slc_load_head next = sent;
    next.id++;
    slc_load_message_write(a, LEN, &sent, &key);
    slc_load_message_write(b, LEN, &next, &key);
    for (size_t i = SLC_LOAD_HEAD_BYTES; i + 8 <= LEN; i += 8) {
        assert_memory_not_equal(a + i, b + i, 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_checks_and_says_who_and_when),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(a_cut_or_grown_message_is_damaged_and_a_short_one_is_not_ours),
        cmocka_unit_test(a_message_of_another_run_does_not_verify),
        cmocka_unit_test(two_messages_share_no_filler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
