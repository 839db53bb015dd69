/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "engine/node/replay.h"

#include <string.h>

/* Tags as uniform as real ones, the same for the same number. */
static void tag_of(uint8_t tag[SLC_REPLAY_TAG_BYTES], uint64_t number)
{
    struct slc_random random;
    slc_random_from_number(&random, number, 5);
    slc_random_bytes(&random, tag, SLC_REPLAY_TAG_BYTES);
}

static bool seen(struct slc_replay *replay, uint64_t number)
{
    uint8_t tag[SLC_REPLAY_TAG_BYTES];
    tag_of(tag, number);
    return slc_replay_seen(replay, tag);
}

static void every_tag_is_new_once_while_the_table_grows(void **state)
{
    (void)state;
    struct slc_replay *replay;
    assert_int_equal(slc_replay_new(&replay, 20000), SLC_OK);
    for (uint64_t i = 0; i < 20000; i++) {
        assert_false(seen(replay, i));
        assert_true(seen(replay, i));
        assert_true(seen(replay, i / 2));
    }
    for (uint64_t i = 0; i < 20000; i++) {
        assert_true(seen(replay, i));
    }
    slc_replay_free(replay);
}

static void the_latest_are_remembered_and_the_oldest_forgotten(void **state)
{
    (void)state;
    enum { REMEMBERED = 1000 };
    struct slc_replay *replay;
    assert_int_equal(slc_replay_new(&replay, REMEMBERED), SLC_OK);
    for (uint64_t i = 0; i < 10 * REMEMBERED; i++) {
        assert_false(seen(replay, i));
        if (i >= REMEMBERED) assert_true(seen(replay, i - REMEMBERED + 1));
    }
    /* Beyond twice as many nothing is kept, which is what bounds the memory. */
    assert_false(seen(replay, 0));
    slc_replay_free(replay);
}

static void tags_that_look_like_an_empty_place_or_share_their_first_bytes_are_told_apart(void **state)
{
    (void)state;
    struct slc_replay *replay;
    assert_int_equal(slc_replay_new(&replay, 100000), SLC_OK);
    uint8_t tag[SLC_REPLAY_TAG_BYTES] = {0};
    assert_false(slc_replay_seen(replay, tag));
    assert_true(slc_replay_seen(replay, tag));
    /* One hash for all of them, so they stand in one run; the run grows over the table's doubling. */
    for (uint32_t i = 1; i < 3000; i++) {
        memcpy(tag + 8, &i, sizeof i);
        assert_false(slc_replay_seen(replay, tag));
    }
    for (uint32_t i = 1; i < 3000; i++) {
        memcpy(tag + 8, &i, sizeof i);
        assert_true(slc_replay_seen(replay, tag));
    }
    slc_replay_free(replay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tag_is_new_once_while_the_table_grows),
        cmocka_unit_test(the_latest_are_remembered_and_the_oldest_forgotten),
        cmocka_unit_test(tags_that_look_like_an_empty_place_or_share_their_first_bytes_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
