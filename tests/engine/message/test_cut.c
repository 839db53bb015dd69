/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/message/message.h"

static const cJSON *cases(const char *section)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/cases", section);
    return slc_vec_list(slc_vectors("messages.json"), path);
}

static enum slc_packet_size size_named(const char *name)
{
    static const struct {
        const char *name;
        enum slc_packet_size size;
    } NAMES[] = {
        {"regular", SLC_SIZE_REGULAR},
        {"extended8", SLC_SIZE_EXTENDED_8},
        {"extended16", SLC_SIZE_EXTENDED_16},
        {"extended32", SLC_SIZE_EXTENDED_32},
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(NAMES[i].name, name) == 0) return NAMES[i].size;
    }
    fail_msg("no size is called %s", name);
    return SLC_SIZE_REGULAR;
}

static void slots_are_those_of_the_crates(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("slots"))
    {
        assert_int_equal(slc_fragment_bytes(size_named(slc_vec_text(it, "size"))), slc_vec_u64(it, "slot"));
    }
}

/* Section 8.6 as the chapter writes it, from the padded length m: not how cut.c computes it. */
static void required_fragments(uint64_t m, uint64_t slot, uint64_t *count, uint64_t *space)
{
    uint64_t u = slot - 7, l = slot - 10, edge = 255 * u - 3, middle = 255 * u - 6, full = 0, f = m, first = u;
    if (m > 255 * u) {
        uint64_t n = m <= 2 * edge ? 2 : (m - 2 * edge + middle - 1) / middle + 2;
        uint64_t linked = 2 * n - 3;
        full = (n - 1) * 255;
        f = m - linked * l - (full - linked) * u;
        first = l;
    }
    if (f <= first) {
        *count = full + 1;
        *space = first - f;
        return;
    }
    uint64_t q = (f - first) / u, r = (f - first) % u;
    *count = r == 0 ? full + q + 1 : full + q + 2;
    *space = r == 0 ? 0 : u - r;
}

static void expect_plan(uint64_t padded, uint64_t slot, uint64_t count, uint64_t space)
{
    struct slc_cut cut;
    assert_int_equal(slc_cut_plan(&cut, padded - 1, slot), SLC_OK);
    if (cut.fragments != count || cut.padding != space || cut.sets != (count + 254) / 255) {
        fail_msg("%llu bytes in slots of %llu: %zu fragments, %zu sets, %zu zeros; wanted %llu, %llu",
                 (unsigned long long)padded, (unsigned long long)slot, cut.fragments, cut.sets, cut.padding,
                 (unsigned long long)count, (unsigned long long)space);
    }
}

static void plans_need_the_fragments_that_the_crates_count(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("required_fragments"))
    {
        const cJSON *row = NULL;
        cJSON_ArrayForEach(row, slc_vec_list(it, "message_len__fragments__space_in_last"))
        {
            uint64_t count, space;
            required_fragments(slc_vec_u64(row, "0"), slc_vec_u64(it, "slot"), &count, &space);
            assert_int_equal(count, slc_vec_u64(row, "1"));
            assert_int_equal(space, slc_vec_u64(row, "2"));
            expect_plan(slc_vec_u64(row, "0"), slc_vec_u64(it, "slot"), count, space);
        }
    }
}

static void plans_follow_the_formula_at_every_length(void **state)
{
    (void)state;
    static const uint64_t SLOTS[] = {11, 17, 20, 30, 1611, 7755, 15947, 32331};
    struct slc_random random;
    slc_test_random(&random, 1);
    for (size_t i = 0; i < sizeof SLOTS / sizeof SLOTS[0]; i++) {
        uint64_t slot = SLOTS[i], count, space;
        for (uint64_t padded = 1; padded <= 40000; padded++) {
            required_fragments(padded, slot, &count, &space);
            expect_plan(padded, slot, count, space);
        }
        for (unsigned n = 0; n < 40000; n++) {
            uint64_t padded = 1 + slc_random_u64(&random) % (slot * 255 * 12);
            required_fragments(padded, slot, &count, &space);
            expect_plan(padded, slot, count, space);
        }
    }
}

static void impossible_plans_are_refused(void **state)
{
    (void)state;
    struct slc_cut cut;
    assert_int_equal(slc_cut_plan(&cut, 100, 10), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_cut_plan(&cut, SIZE_MAX, 1611), SLC_TOO_LONG);
    assert_int_equal(slc_cut_plan(&cut, SIZE_MAX - 1, 1611), SLC_TOO_LONG);
    /* 2^31 - 1 sets of the smallest fragments, and one byte more. */
    size_t most = (size_t)2 * (255 * 4 - 3) + (size_t)(INT32_MAX - 2) * (255 * 4 - 6);
    assert_int_equal(slc_cut_plan(&cut, most - 1, 11), SLC_OK);
    assert_int_equal(cut.sets, INT32_MAX);
    assert_int_equal(slc_cut_plan(&cut, most, 11), SLC_TOO_LONG);
}

/* All fragments of a message back to back. */
static uint8_t *cut_all(const struct slc_cut *cut, const uint8_t *message, const uint32_t *set_ids)
{
    uint8_t *out = malloc(cut->fragments * cut->fragment_bytes);
    assert_non_null(out);
    for (size_t i = 0; i < cut->fragments; i++) {
        slc_cut_write(cut, message, set_ids, i, out + i * cut->fragment_bytes);
    }
    return out;
}

static void padding_is_that_of_the_crates(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("padding"))
    {
        struct slc_bytes data = slc_vec_bytes(it, "plain_data");
        uint8_t *message = malloc(1 + data.len);
        assert_non_null(message);
        message[0] = 0;
        if (data.len > 0) memcpy(message + 1, data.data, data.len);

        struct slc_cut cut;
        static const uint32_t SET_IDS[] = {1, 2, 3};
        size_t slot = slc_fragment_bytes(size_named(slc_vec_text(it, "size")));
        assert_int_equal(slc_cut_plan(&cut, 1 + data.len, slot), SLC_OK);
        assert_int_equal(cut.fragments, slc_vec_u64(it, "fragments"));
        assert_int_equal(cut.padding, slc_vec_u64(it, "zeros_after_marker"));
        uint8_t *fragments = cut_all(&cut, message, SET_IDS);
        uint8_t *padded = malloc(cut.fragments * slot);
        assert_non_null(padded);
        size_t len = 0;
        for (size_t i = 0; i < cut.fragments; i++) {
            struct slc_fragment fragment;
            assert_int_equal(slc_fragment_parse(slc_bytes(fragments + i * slot, slot), &fragment), SLC_OK);
            memcpy(padded + len, fragment.payload.data, fragment.payload.len);
            len += fragment.payload.len;
        }
        assert_int_equal(len, slc_vec_u64(it, "padded_len"));
        slc_vec_expect_sha256(it, "padded_sha256", slc_bytes(padded, len));
        free(padded);
        free(fragments);
        free(message);
    }
}

static void expect_boundaries(const cJSON *it, const struct slc_cut *cut, const uint8_t *fragments)
{
    const cJSON *wanted = NULL;
    cJSON_ArrayForEach(wanted, slc_vec(it, "boundary_fragments"))
    {
        size_t index = slc_vec_u64(wanted, "set") * SLC_SET_MAX + slc_vec_u64(wanted, "position") - 1;
        size_t set;
        uint8_t position;
        slc_cut_place(cut, index, &set, &position);
        assert_int_equal(set, slc_vec_u64(wanted, "set"));
        assert_int_equal(position, slc_vec_u64(wanted, "position"));
        struct slc_bytes first = slc_vec_bytes(wanted, "bytes_first32");
        slc_expect_bytes(slc_bytes(fragments + index * cut->fragment_bytes, first.len), first, "a boundary fragment");
    }
}

/*
 * The crates cut what they are given, without padding it. We cut a message that is one byte shorter: its marker takes
 * the last byte's place. With that byte put back and the zeros cut off, everything must be equal.
 */
static void fragments_are_those_of_the_crates(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("split"))
    {
        struct slc_bytes message = slc_vec_bytes(it, "message");
        size_t slot = slc_vec_u64(it, "slot");
        uint32_t set_ids[16];
        struct slc_cut cut;
        assert_int_equal(slc_cut_plan(&cut, message.len - 1, slot), SLC_OK);
        assert_int_equal(cut.sets, slc_vec_count(it, "set_ids"));
        assert_true(cut.sets <= 16);
        for (size_t set = 0; set < cut.sets; set++) {
            char at[24];
            (void)snprintf(at, sizeof at, "%zu", set);
            set_ids[set] = (uint32_t)slc_vec_u64(slc_vec(it, "set_ids"), at);
            size_t in_set = set + 1 < cut.sets ? SLC_SET_MAX : cut.fragments - set * SLC_SET_MAX;
            assert_int_equal(in_set, slc_vec_u64(slc_vec(it, "set_sizes"), at));
        }
        uint8_t *fragments = cut_all(&cut, message.data, set_ids);
        size_t len = cut.fragments * slot - cut.padding;
        assert_int_equal(fragments[len - 1], 1);
        fragments[len - 1] = message.data[message.len - 1];
        assert_int_equal(len, slc_vec_u64(it, "concatenated_len"));
        slc_vec_expect_sha256(it, "concatenated_sha256", slc_bytes(fragments, len));
        expect_boundaries(it, &cut, fragments);
        free(fragments);
    }
}

static void set_ids_have_31_bits_and_are_neither_0_nor_alike(void **state)
{
    (void)state;
    enum { IDS = 2000 };
    static uint32_t ids[IDS];
    uint32_t all_bits = 0;
    struct slc_random random;
    slc_test_random(&random, 2);
    slc_set_ids(ids, IDS, &random);
    for (size_t i = 0; i < IDS; i++) {
        assert_in_range(ids[i], 1, INT32_MAX);
        all_bits |= ids[i];
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(ids[i], ids[j]);
        }
    }
    assert_int_equal(all_bits, INT32_MAX);
}

static void the_last_marker_ends_the_message(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("unpad"))
    {
        size_t len = 0;
        struct slc_message message;
        struct slc_bytes padded = slc_vec_bytes(it, "padded");
        enum slc_status status = slc_unpad(padded, &len);
        const cJSON *error = slc_vec_find(it, "result/error");
        if (error != NULL && slc_vec_is(it, "result/error", "InvalidMessagePadding")) {
            assert_int_equal(status, SLC_MALFORMED);
            continue;
        }
        assert_int_equal(status, SLC_OK);
        status = slc_message_parse(slc_bytes(padded.data, len), &message);
        if (error != NULL) {
            assert_int_not_equal(status, SLC_OK);
            if (slc_vec_is(it, "result/error", "EmptyMessage")) assert_int_equal(len, 0);
            if (slc_vec_is(it, "result/error", "InvalidMessageType")) assert_int_equal(status, SLC_UNSUPPORTED);
            continue;
        }
        assert_int_equal(status, SLC_OK);
        bool plain = slc_vec_is(it, "result/ok/type", "plain");
        assert_int_equal(message.kind, plain ? SLC_MESSAGE_PLAIN : SLC_MESSAGE_REPLY);
        slc_vec_expect(it, "result/ok/data", message.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_those_of_the_crates),
        cmocka_unit_test(plans_need_the_fragments_that_the_crates_count),
        cmocka_unit_test(plans_follow_the_formula_at_every_length),
        cmocka_unit_test(impossible_plans_are_refused),
        cmocka_unit_test(padding_is_that_of_the_crates),
        cmocka_unit_test(fragments_are_those_of_the_crates),
        cmocka_unit_test(set_ids_have_31_bits_and_are_neither_0_nor_alike),
        cmocka_unit_test(the_last_marker_ends_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
