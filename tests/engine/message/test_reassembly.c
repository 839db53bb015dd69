/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/message/reassembly.h"

static const struct slc_reassembly_limits AMPLE = {
    .max_bytes = (size_t)64 << 20,
    .max_sets = 1000,
    .remembered = 1000,
    .timeout = 1800 * SLC_SECOND,
};

static struct slc_reassembly *new_reassembly(const struct slc_reassembly_limits *limits)
{
    struct slc_reassembly *r = NULL;
    assert_int_equal(slc_reassembly_new(&r, limits), SLC_OK);
    return r;
}

static struct slc_fragment parsed(struct slc_bytes bytes)
{
    struct slc_fragment fragment;
    assert_int_equal(slc_fragment_parse(bytes, &fragment), SLC_OK);
    return fragment;
}

static void expect_held(const struct slc_reassembly *r, size_t wanted)
{
    size_t sets, bytes;
    slc_reassembly_held(r, &sets, &bytes);
    assert_int_equal(sets, wanted);
    if (wanted == 0) assert_int_equal(bytes, 0);
}

/* ---- hand-made fragments ---- */

static struct slc_fragment piece(uint32_t set, uint8_t position, uint8_t total, const char *payload)
{
    return (struct slc_fragment){.id = {set, position}, .total = total, .payload = slc_bytes_of_text(payload)};
}

/* 255 of these are a set; the first and the last carry its links. */
static struct slc_fragment linked(uint32_t set, uint32_t previous, uint32_t next, unsigned position)
{
    struct slc_fragment fragment = piece(set, (uint8_t)position, SLC_SET_MAX, position == SLC_SET_MAX ? "\1" : "x");
    if (position == 1) fragment.previous = previous;
    if (position == SLC_SET_MAX) fragment.next = next;
    return fragment;
}

/* Feeds a whole linked set; what its last fragment answered. */
static enum slc_reassembly_result add_set(struct slc_reassembly *r, uint32_t set, uint32_t previous, uint32_t next,
                                          struct slc_bytes *message)
{
    for (unsigned position = 1; position < SLC_SET_MAX; position++) {
        struct slc_fragment fragment = linked(set, previous, next, position);
        assert_int_equal(slc_reassembly_add(r, &fragment, 0, message), SLC_REASSEMBLY_WAITING);
    }
    struct slc_fragment last = linked(set, previous, next, SLC_SET_MAX);
    return slc_reassembly_add(r, &last, 0, message);
}

static enum slc_reassembly_result add(struct slc_reassembly *r, struct slc_fragment fragment, slc_time now,
                                      struct slc_bytes *message)
{
    return slc_reassembly_add(r, &fragment, now, message);
}

/* ---- against the crates ---- */

/*
 * The crates' reconstructor hands out padded bytes. The vectors' messages are not padded, so the same bytes with a
 * marker after the last one are what is fed here, and what comes out must be the vectors' message.
 */
static const uint8_t *with_marker(struct slc_bytes fragment, bool last, size_t *len)
{
    uint8_t *copy = slc_vec_copy(slc_vec_repeat(1, fragment.len + 1));
    memcpy(copy, fragment.data, fragment.len);
    *len = fragment.len + last;
    return copy;
}

static void messages_come_out_at_the_crates_step(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("messages.json"), "reassembly/cases"))
    {
        /* One case completes a message twice: the reference's client, not its reconstructor, remembers. */
        struct slc_reassembly_limits limits = AMPLE;
        limits.remembered = strncmp(slc_vec_text(it, "name"), "completed twice", 15) == 0 ? 0 : 1000;
        struct slc_reassembly *r = new_reassembly(&limits);
        const cJSON *event = slc_vec(it, "events")->child;
        const cJSON *index = NULL;
        uint64_t step = 0;
        cJSON_ArrayForEach(index, slc_vec_list(it, "order"))
        {
            char path[32];
            struct slc_bytes message;
            (void)snprintf(path, sizeof path, "input/fragments/%d", (int)slc_vec_u64(index, ""));
            struct slc_bytes bytes = slc_vec_bytes(it, path);
            struct slc_fragment fragment = parsed(bytes);
            size_t len;
            const uint8_t *marked = with_marker(bytes, fragment.id.position == fragment.total, &len);
            fragment = parsed(slc_bytes(marked, len));
            enum slc_reassembly_result result = slc_reassembly_add(r, &fragment, 0, &message);
            assert_int_equal(result == SLC_REASSEMBLY_COMPLETE, event != NULL && slc_vec_u64(event, "step") == step);
            if (result == SLC_REASSEMBLY_COMPLETE) {
                assert_int_equal(fragment.id.set, slc_vec_u64(event, "set_ids/0"));
                slc_vec_expect(event, "message", message);
                event = event->next;
            }
            step++;
        }
        assert_null(event);
        slc_reassembly_free(r);
    }
}

/* Index of the fragment fed at `step`, as the case's name says. */
static size_t order_of(const char *name, size_t step, size_t n)
{
    if (strstr(name, "in order") != NULL) return step;
    if (strstr(name, "reversed") != NULL) return n - 1 - step;
    if (strstr(name, "index*101 mod n") != NULL) return step * 101 % n;
    if (strstr(name, "sets 2 3 1") != NULL) return (step + 255) % n;
    fail_msg("unknown order: %s", name);
    return 0;
}

static void messages_of_several_sets_come_out_at_the_crates_step(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("messages.json"), "reassembly_multi/cases"))
    {
        const char *name = slc_vec_text(it, "name");
        const cJSON *event = slc_vec(it, "events/0");
        struct slc_bytes given = slc_vec_bytes(it, "input/message");
        size_t n = slc_vec_u64(it, "input/fragments");
        size_t slot = slc_vec_u64(it, "input/slot");
        uint32_t set_ids[3];
        for (size_t i = 0; i < slc_vec_count(it, "input/set_ids"); i++) {
            char path[48];
            (void)snprintf(path, sizeof path, "input/set_ids/%zu", i);
            set_ids[i] = (uint32_t)slc_vec_u64(it, path);
        }
        struct slc_cut cut;
        assert_int_equal(slc_cut_plan(&cut, given.len - 1, slot), SLC_OK);
        assert_int_equal(cut.fragments, n);
        struct slc_reassembly *r = new_reassembly(&AMPLE);
        for (size_t step = 0; step < n; step++) {
            uint8_t bytes[64];
            struct slc_bytes message;
            if (step < 8) {
                char path[32];
                (void)snprintf(path, sizeof path, "order_first8/%zu", step);
                assert_int_equal(order_of(name, step, n), slc_vec_u64(it, path));
            }
            size_t index = order_of(name, step, n), len = slot;
            slc_cut_write(&cut, given.data, set_ids, index, bytes);
            if (index == n - 1) {
                /* The crates' last fragment: their last byte where our marker is. Ours goes behind it. */
                len = slot - cut.padding;
                bytes[len - 1] = given.data[given.len - 1];
                bytes[len++] = 1;
            }
            struct slc_fragment fragment = parsed(slc_bytes(bytes, len));
            enum slc_reassembly_result result = slc_reassembly_add(r, &fragment, 0, &message);
            bool last = step == slc_vec_u64(event, "step");
            assert_int_equal(result, last ? SLC_REASSEMBLY_COMPLETE : SLC_REASSEMBLY_WAITING);
            if (last) {
                assert_int_equal(message.len, slc_vec_u64(event, "message_len"));
                slc_vec_expect_sha256(event, "message_sha256", message);
            }
        }
        expect_held(r, 0);
        slc_reassembly_free(r);
    }
}

/* ---- cut, shuffled, duplicated, reassembled ---- */

struct order {
    size_t *index;
    size_t len;
};

/* Every fragment once, and about one in four a second or third time, in a random order. */
static struct order shuffled(size_t fragments, struct slc_random *random)
{
    struct order order = {malloc((fragments * 2 + 2) * sizeof(size_t)), 0};
    assert_non_null(order.index);
    for (size_t i = 0; i < fragments; i++) {
        order.index[order.len++] = i;
    }
    for (size_t again = slc_random_below(random, (uint32_t)(fragments / 2 + 2)); again > 0; again--) {
        order.index[order.len++] = slc_random_below(random, (uint32_t)fragments);
    }
    for (size_t i = order.len; i-- > 1;) {
        size_t j = slc_random_below(random, (uint32_t)i + 1);
        size_t swap = order.index[i];
        order.index[i] = order.index[j];
        order.index[j] = swap;
    }
    return order;
}

/* Ids all over the place and none twice: of 20,000 drawn ones, two would be alike in one run of eleven. */
static void new_set_ids(uint32_t *ids, size_t n)
{
    static uint32_t count;
    for (size_t i = 0; i < n; i++) {
        ids[i] = ++count * UINT32_C(0x9e3779b1) & INT32_MAX;
    }
}

static void round_trip(struct slc_reassembly *r, const uint8_t *message, size_t len, size_t slot,
                       struct slc_random *random)
{
    struct slc_cut cut;
    uint32_t set_ids[16];
    assert_int_equal(slc_cut_plan(&cut, len, slot), SLC_OK);
    assert_true(cut.sets <= 16);
    new_set_ids(set_ids, cut.sets);
    struct order order = shuffled(cut.fragments, random);
    bool *seen = calloc(cut.fragments, sizeof *seen);
    uint8_t *bytes = malloc(slot);
    assert_true(seen != NULL && bytes != NULL);
    size_t distinct = 0;
    for (size_t i = 0; i < order.len; i++) {
        size_t index = order.index[i];
        struct slc_bytes out = {0};
        memset(bytes, 0xee, slot);
        slc_cut_write(&cut, message, set_ids, index, bytes);
        struct slc_fragment fragment = parsed(slc_bytes(bytes, slot));
        enum slc_reassembly_result wanted = seen[index]                     ? SLC_REASSEMBLY_DUPLICATE
                                            : distinct + 1 == cut.fragments ? SLC_REASSEMBLY_COMPLETE
                                                                            : SLC_REASSEMBLY_WAITING;
        distinct += !seen[index];
        seen[index] = true;
        enum slc_reassembly_result result = slc_reassembly_add(r, &fragment, 0, &out);
        if (result != wanted) fail_msg("%zu bytes: answer %d instead of %d", len, (int)result, (int)wanted);
        if (result == SLC_REASSEMBLY_COMPLETE && (out.len != len || (len > 0 && memcmp(out.data, message, len) != 0))) {
            fail_msg("a message of %zu bytes came back as another of %zu", len, out.len);
        }
    }
    expect_held(r, 0);
    free(bytes);
    free(seen);
    free(order.index);
}

/* Random bytes, with many 0x01 and zeros in them. */
static uint8_t *random_message(size_t len, struct slc_random *random)
{
    uint8_t *message = malloc(len);
    assert_non_null(message);
    slc_random_bytes(random, message, len);
    for (size_t i = 0; i < len; i++) {
        if (message[i] < 64) message[i] &= 1;
    }
    return message;
}

static void every_length_survives_shuffling_and_duplication(void **state)
{
    (void)state;
    enum { LONGEST = 20000 };
    struct slc_random random;
    slc_test_random(&random, 1);
    uint8_t *message = random_message(LONGEST, &random);
    struct slc_reassembly *r = new_reassembly(&AMPLE);
    for (size_t len = 0; len <= LONGEST; len++) {
        round_trip(r, message + (LONGEST - len), len, 1611, &random);
    }
    slc_reassembly_free(r);
    free(message);
}

static void lengths_around_full_sets_survive_shuffling_and_duplication(void **state)
{
    (void)state;
    static const size_t SLOTS[] = {17, 20, 1611};
    struct slc_random random;
    slc_test_random(&random, 2);
    uint8_t *message = random_message(2000000, &random);
    for (size_t i = 0; i < sizeof SLOTS / sizeof SLOTS[0]; i++) {
        size_t u = SLOTS[i] - 7, edge = 255 * u - 3, middle = 255 * u - 6;
        const size_t edges[] = {254 * u,           255 * u,           2 * edge,
                                edge + middle + 1, 2 * edge + middle, edge + 2 * middle + u};
        struct slc_reassembly *r = new_reassembly(&AMPLE);
        for (size_t e = 0; e < sizeof edges / sizeof edges[0]; e++) {
            for (size_t len = edges[e] - 4; len <= edges[e] + 4; len++) {
                round_trip(r, message, len, SLOTS[i], &random);
            }
        }
        slc_reassembly_free(r);
    }
    free(message);
}

static void many_messages_at_once_do_not_mix(void **state)
{
    (void)state;
    enum { MESSAGES = 300, SLOT = 30, LONGEST = 700 };
    struct slc_random random;
    slc_test_random(&random, 3);
    struct slc_reassembly *r = new_reassembly(&AMPLE);
    uint8_t *message = random_message(MESSAGES + LONGEST, &random);
    uint32_t set_ids[MESSAGES];
    struct slc_cut cuts[MESSAGES];
    slc_set_ids(set_ids, MESSAGES, &random);
    struct order order = {malloc(MESSAGES * (LONGEST / 20) * sizeof(size_t)), 0};
    for (size_t m = 0; m < MESSAGES; m++) {
        assert_int_equal(slc_cut_plan(&cuts[m], slc_random_below(&random, LONGEST), SLOT), SLC_OK);
        for (size_t i = 0; i < cuts[m].fragments; i++) {
            size_t at = slc_random_below(&random, (uint32_t)order.len + 1);
            order.index[order.len++] = order.index[at];
            order.index[at] = m * 1000 + i;
        }
    }
    size_t complete = 0;
    for (size_t i = 0; i < order.len; i++) {
        uint8_t bytes[SLOT];
        struct slc_bytes out;
        size_t m = order.index[i] / 1000;
        slc_cut_write(&cuts[m], message + m, &set_ids[m], order.index[i] % 1000, bytes);
        struct slc_fragment fragment = parsed(slc_bytes(bytes, SLOT));
        if (slc_reassembly_add(r, &fragment, 0, &out) != SLC_REASSEMBLY_COMPLETE) continue;
        complete++;
        slc_expect_bytes(out, slc_bytes(message + m, cuts[m].len), "one of many messages");
    }
    assert_int_equal(complete, MESSAGES);
    expect_held(r, 0);
    assert_int_equal(slc_reassembly_counts(r).results[SLC_REASSEMBLY_COMPLETE], MESSAGES);
    slc_reassembly_free(r);
    free(order.index);
    free(message);
}

static void a_message_in_one_fragment_is_not_copied(void **state)
{
    (void)state;
    struct slc_reassembly *r = new_reassembly(&AMPLE);
    struct slc_bytes message;
    struct slc_fragment fragment = piece(5, 1, 1, "hello\1");
    assert_int_equal(slc_reassembly_add(r, &fragment, 0, &message), SLC_REASSEMBLY_COMPLETE);
    assert_ptr_equal(message.data, fragment.payload.data);
    assert_int_equal(message.len, 5);
    assert_int_equal(slc_reassembly_add(r, &fragment, 0, &message), SLC_REASSEMBLY_DUPLICATE);
    expect_held(r, 0);
    slc_reassembly_free(r);
}

/* ---- hostile and broken senders ---- */

/* Trap 22: the reference panics on the first pair and completes a message from the second. */
static void a_fragment_with_another_total_is_refused(void **state)
{
    (void)state;
    struct slc_reassembly *r = new_reassembly(&AMPLE);
    struct slc_bytes message;
    assert_int_equal(add(r, piece(7, 1, 2, "ab"), 0, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(add(r, piece(7, 3, 3, "x\1"), 0, &message), SLC_REASSEMBLY_REFUSED);
    assert_int_equal(add(r, piece(7, 2, 3, "x\1"), 0, &message), SLC_REASSEMBLY_REFUSED);
    assert_int_equal(add(r, piece(7, 1, 1, "x\1"), 0, &message), SLC_REASSEMBLY_REFUSED);
    assert_int_equal(add(r, piece(7, 2, 2, "cd\1"), 0, &message), SLC_REASSEMBLY_COMPLETE);
    slc_expect_bytes(message, slc_bytes_of_text("abcd"), "the message");
    slc_reassembly_free(r);
}

static void a_duplicate_does_not_overwrite(void **state)
{
    (void)state;
    struct slc_reassembly *r = new_reassembly(&AMPLE);
    struct slc_bytes message;
    assert_int_equal(add(r, piece(7, 1, 2, "ab"), 0, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(add(r, piece(7, 1, 2, "XYZ"), 0, &message), SLC_REASSEMBLY_DUPLICATE);
    assert_int_equal(add(r, piece(7, 2, 2, "cd\1"), 0, &message), SLC_REASSEMBLY_COMPLETE);
    slc_expect_bytes(message, slc_bytes_of_text("abcd"), "the message");
    assert_int_equal(add(r, piece(7, 2, 2, "cd\1"), 0, &message), SLC_REASSEMBLY_DUPLICATE);
    slc_reassembly_free(r);
}

static void a_message_without_marker_is_broken_and_remembered(void **state)
{
    (void)state;
    struct slc_reassembly *r = new_reassembly(&AMPLE);
    struct slc_bytes message;
    assert_int_equal(add(r, piece(7, 1, 1, "abc"), 0, &message), SLC_REASSEMBLY_BROKEN);
    assert_int_equal(add(r, piece(7, 1, 1, "abc\1"), 0, &message), SLC_REASSEMBLY_DUPLICATE);
    assert_int_equal(add(r, piece(8, 1, 1, ""), 0, &message), SLC_REASSEMBLY_BROKEN);
    assert_int_equal(add(r, piece(9, 1, 2, ""), 0, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(add(r, piece(9, 2, 2, ""), 0, &message), SLC_REASSEMBLY_BROKEN);
    assert_int_equal(add(r, piece(9, 1, 2, "a"), 0, &message), SLC_REASSEMBLY_DUPLICATE);
    expect_held(r, 0);
    slc_reassembly_free(r);
}

/* Trap 22: the reference follows these by recursion, without an end. */
static void sets_linked_in_a_circle_are_refused_and_dropped(void **state)
{
    (void)state;
    for (uint32_t circle = 2; circle <= 5; circle++) {
        struct slc_reassembly *r = new_reassembly(&AMPLE);
        struct slc_bytes message;
        for (uint32_t i = 0; i < circle; i++) {
            enum slc_reassembly_result result =
                add_set(r, 1 + i, 1 + (i + circle - 1) % circle, 1 + (i + 1) % circle, &message);
            assert_int_equal(result, i + 1 < circle ? SLC_REASSEMBLY_WAITING : SLC_REASSEMBLY_REFUSED);
        }
        expect_held(r, 0);
        slc_reassembly_free(r);
    }
}

static void links_that_do_not_meet_are_refused(void **state)
{
    (void)state;
    struct slc_reassembly *r = new_reassembly(&AMPLE);
    struct slc_bytes message;
    /* 1 awaits 2; 3 claims 1 as well; 2 comes after all. */
    assert_int_equal(add_set(r, 1, 0, 2, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(add_set(r, 3, 1, 0, &message), SLC_REASSEMBLY_REFUSED);
    expect_held(r, 1);
    assert_int_equal(add_set(r, 2, 1, 0, &message), SLC_REASSEMBLY_COMPLETE);
    assert_int_equal(message.len, 255 + 254);
    /* 4 names a set that is finished. */
    assert_int_equal(add_set(r, 4, 2, 0, &message), SLC_REASSEMBLY_REFUSED);
    /* Both of these say that the other comes before them. */
    assert_int_equal(add_set(r, 5, 6, 0, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(add_set(r, 6, 5, 0, &message), SLC_REASSEMBLY_REFUSED);
    /* A tail that runs into a circle does not meet it. */
    assert_int_equal(add_set(r, 11, 13, 12, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(add_set(r, 12, 11, 13, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(add_set(r, 14, 0, 12, &message), SLC_REASSEMBLY_REFUSED);
    assert_int_equal(add_set(r, 13, 12, 11, &message), SLC_REASSEMBLY_REFUSED);
    expect_held(r, 1); /* 5, which waits for a set that contradicted it */
    slc_reassembly_free(r);
}

/* Trap 23. */
static void a_flood_of_first_fragments_stays_within_the_bounds(void **state)
{
    (void)state;
    struct slc_reassembly_limits limits = {
        .max_bytes = 100000, .max_sets = 20, .remembered = 16, .timeout = 1800 * SLC_SECOND};
    struct slc_reassembly *r = new_reassembly(&limits);
    struct slc_random random;
    slc_test_random(&random, 4);
    struct slc_bytes payload = slc_vec_repeat(0, 32324);
    for (unsigned i = 0; i < 20000; i++) {
        size_t sets, bytes;
        struct slc_bytes message;
        struct slc_fragment fragment = {
            .id = {1 + slc_random_below(&random, 1000), (uint8_t)(1 + slc_random_below(&random, 255))},
            .total = SLC_SET_MAX,
            .payload = slc_bytes(payload.data, slc_random_below(&random, (uint32_t)payload.len)),
        };
        (void)slc_reassembly_add(r, &fragment, i, &message);
        slc_reassembly_held(r, &sets, &bytes);
        assert_in_range(sets, 0, limits.max_sets);
        assert_in_range(bytes, 0, limits.max_bytes);
    }
    assert_true(slc_reassembly_counts(r).evicted > 10000);
    slc_reassembly_free(r);
}

static void the_set_that_was_fed_longest_ago_makes_room(void **state)
{
    (void)state;
    struct slc_reassembly_limits limits = AMPLE;
    limits.max_sets = 3;
    struct slc_reassembly *r = new_reassembly(&limits);
    struct slc_bytes message;
    for (uint32_t set = 1; set <= 3; set++) {
        assert_int_equal(add(r, piece(set, 1, 3, "a"), set, &message), SLC_REASSEMBLY_WAITING);
    }
    assert_int_equal(add(r, piece(1, 2, 3, "b"), 4, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(add(r, piece(4, 1, 3, "a"), 5, &message), SLC_REASSEMBLY_WAITING); /* 2 goes */
    assert_int_equal(add(r, piece(3, 2, 3, "b"), 6, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(add(r, piece(3, 3, 3, "c\1"), 7, &message), SLC_REASSEMBLY_COMPLETE);
    assert_int_equal(add(r, piece(1, 3, 3, "c\1"), 8, &message), SLC_REASSEMBLY_COMPLETE);
    assert_int_equal(add(r, piece(2, 2, 3, "b"), 9, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(add(r, piece(2, 3, 3, "c\1"), 10, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(slc_reassembly_counts(r).evicted, 1);
    slc_reassembly_free(r);
}

static void a_set_beyond_the_bound_is_refused_and_throws_nobody_out(void **state)
{
    (void)state;
    struct slc_reassembly_limits limits = AMPLE;
    limits.max_bytes = 10000;
    struct slc_reassembly *r = new_reassembly(&limits);
    struct slc_bytes message;
    struct slc_fragment big = {.id = {2, 1}, .total = 200, .payload = slc_vec_repeat(0, 9000)};
    assert_int_equal(add(r, piece(1, 1, 2, "a"), 0, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(slc_reassembly_add(r, &big, 0, &message), SLC_REASSEMBLY_REFUSED);
    big.total = 10;
    big.payload.len = 6000;
    assert_int_equal(slc_reassembly_add(r, &big, 0, &message), SLC_REASSEMBLY_WAITING);
    big.id.position = 2;
    assert_int_equal(slc_reassembly_add(r, &big, 0, &message), SLC_REASSEMBLY_REFUSED);
    expect_held(r, 1);
    assert_int_equal(add(r, piece(1, 2, 2, "b\1"), 0, &message), SLC_REASSEMBLY_COMPLETE);
    assert_int_equal(slc_reassembly_counts(r).evicted, 0);
    slc_reassembly_free(r);
}

static void stale_sets_are_swept_and_fed_ones_stay(void **state)
{
    (void)state;
    struct slc_reassembly_limits limits = AMPLE;
    limits.timeout = 100;
    struct slc_reassembly *r = new_reassembly(&limits);
    struct slc_bytes message;
    assert_int_equal(add(r, piece(1, 1, 3, "a"), 1000, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(add(r, piece(2, 1, 3, "a"), 1010, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(add(r, piece(1, 2, 3, "b"), 1050, &message), SLC_REASSEMBLY_WAITING);
    assert_int_equal(slc_reassembly_sweep(r, 1109), 0);
    assert_int_equal(slc_reassembly_sweep(r, 1110), 1);
    assert_int_equal(add(r, piece(1, 3, 3, "c\1"), 1149, &message), SLC_REASSEMBLY_COMPLETE);
    assert_int_equal(slc_reassembly_sweep(r, SLC_NEVER), 0);
    assert_int_equal(slc_reassembly_counts(r).stale, 1);
    slc_reassembly_free(r);
}

static void the_oldest_remembered_message_is_forgotten_first(void **state)
{
    (void)state;
    struct slc_reassembly_limits limits = AMPLE;
    limits.remembered = 37;
    struct slc_reassembly *r = new_reassembly(&limits);
    struct slc_bytes message;
    for (uint32_t set = 1; set <= 2000; set++) {
        assert_int_equal(add(r, piece(set, 1, 1, "a\1"), 0, &message), SLC_REASSEMBLY_COMPLETE);
        for (uint32_t back = 0; back < 37 && back < set; back++) {
            assert_int_equal(add(r, piece(set - back, 1, 1, "a\1"), 0, &message), SLC_REASSEMBLY_DUPLICATE);
        }
        if (set == 2000) assert_int_equal(add(r, piece(1963, 1, 1, "a\1"), 0, &message), SLC_REASSEMBLY_COMPLETE);
    }
    slc_reassembly_free(r);
}

/* What the allocator gave out between two points. */
static size_t in_use(void)
{
    return mallinfo2().uordblks;
}

static void an_idle_buffer_is_small(void **state)
{
    (void)state;
    enum { BUFFERS = 64 };
    struct slc_reassembly *buffers[BUFFERS];
    size_t before = in_use();
    for (size_t i = 0; i < BUFFERS; i++) {
        buffers[i] = new_reassembly(&AMPLE);
    }
    size_t each = (in_use() - before) / BUFFERS;
    struct slc_bytes message;
    before = in_use();
    for (size_t i = 0; i < BUFFERS; i++) {
        for (uint32_t set = 1; set <= 16; set++) {
            assert_int_equal(add(buffers[i], piece(set, 1, 1, "a\1"), 0, &message), SLC_REASSEMBLY_COMPLETE);
        }
    }
    size_t after_16 = (in_use() - before) / BUFFERS;
    for (size_t i = 0; i < BUFFERS; i++) {
        slc_reassembly_free(buffers[i]);
    }
    if (each == 0) skip(); /* a sanitizer's allocator does not count */
    print_message("an idle buffer takes %zu bytes, %zu after 16 messages\n", each, each + after_16);
    assert_in_range(each, 0, 1023);
    assert_in_range(each + after_16, 0, 1023);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_at_the_crates_step),
        cmocka_unit_test(messages_of_several_sets_come_out_at_the_crates_step),
        cmocka_unit_test(every_length_survives_shuffling_and_duplication),
        cmocka_unit_test(lengths_around_full_sets_survive_shuffling_and_duplication),
        cmocka_unit_test(many_messages_at_once_do_not_mix),
        cmocka_unit_test(a_message_in_one_fragment_is_not_copied),
        cmocka_unit_test(a_fragment_with_another_total_is_refused),
        cmocka_unit_test(a_duplicate_does_not_overwrite),
        cmocka_unit_test(a_message_without_marker_is_broken_and_remembered),
        cmocka_unit_test(sets_linked_in_a_circle_are_refused_and_dropped),
        cmocka_unit_test(links_that_do_not_meet_are_refused),
        cmocka_unit_test(a_flood_of_first_fragments_stays_within_the_bounds),
        cmocka_unit_test(the_set_that_was_fed_longest_ago_makes_room),
        cmocka_unit_test(a_set_beyond_the_bound_is_refused_and_throws_nobody_out),
        cmocka_unit_test(stale_sets_are_swept_and_fed_ones_stay),
        cmocka_unit_test(the_oldest_remembered_message_is_forgotten_first),
        cmocka_unit_test(an_idle_buffer_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
