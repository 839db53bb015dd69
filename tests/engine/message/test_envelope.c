/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include <stdio.h>

#include "engine/message/message.h"

static const cJSON *cases(const char *section)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/cases", section);
    return slc_vec_list(slc_vectors("messages.json"), path);
}

static const char *const KINDS[] = {
    [SLC_MESSAGE_PLAIN] = "plain",
    [SLC_MESSAGE_REPLIABLE] = "repliable data",
    [SLC_MESSAGE_SURBS] = "repliable additional surbs",
    [SLC_MESSAGE_HEARTBEAT] = "repliable heartbeat",
    [SLC_MESSAGE_REPLY] = "reply data",
    [SLC_MESSAGE_SURB_REQUEST] = "surb request",
};

/* What the reference made of the bytes. */
static void expect_message(const cJSON *ok, const struct slc_message *message)
{
    assert_string_equal(KINDS[message->kind], slc_vec_text(ok, "type"));
    if (slc_vec_find(ok, "data") != NULL) slc_vec_expect(ok, "data", message->data);
    if (slc_vec_find(ok, "surbs") != NULL) assert_int_equal(message->surbs.count, slc_vec_u64(ok, "surbs"));
    if (slc_vec_find(ok, "sender_tag") != NULL) {
        slc_vec_expect(ok, "sender_tag", slc_bytes(message->sender_tag, SLC_SENDER_TAG_BYTES));
    }
    if (slc_vec_find(ok, "rotation") != NULL) {
        uint64_t wanted = slc_vec_is_null(ok, "rotation") ? 0 : slc_vec_u64(ok, "rotation");
        assert_int_equal(message->surbs.rotation, wanted);
    }
    if (slc_vec_find(ok, "recipient") != NULL) {
        char text[SLC_RECIPIENT_TEXT_MAX];
        slc_recipient_to_text(&message->requester, text);
        assert_string_equal(text, slc_vec_text(ok, "recipient"));
        assert_int_equal(message->amount, slc_vec_u64(ok, "amount"));
    }
}

enum { HOPS = 4 };

/*
 * Reply SURB `i` of the section "repliable": secret (41+i)*32, key (41+i)*16, over the vectors' four nodes with the
 * delays, destination and padding that the section "reply_surb" states.
 */
static void build_surb(uint8_t out[SLC_REPLY_SURB_BYTES], uint8_t i)
{
    const cJSON *schedule = NULL;
    cJSON_ArrayForEach(schedule, slc_vec_list(slc_vectors("sphinx.json"), "key_schedules"))
    {
        if (slc_vec_is(schedule, "case", "n4")) break;
    }
    struct slc_curve_table *tables[HOPS];
    struct slc_hop nodes[HOPS];
    uint8_t random[SLC_ROUTE_RANDOM_MAX];
    memset(random, 0x41 + i, 32);
    memcpy(random + 32, slc_vec_from_text("range(0,248)").data, 248);
    struct slc_surb_job job = {
        .route = {.hops = HOPS, .version = SLC_SPHINX_SEEDS, .random = random},
        .out = out + SLC_SURB_KEY_BYTES,
    };
    size_t hop = 0;
    const cJSON *node = NULL;
    cJSON_ArrayForEach(node, slc_vec_list(schedule, "route"))
    {
        assert_true(hop < HOPS);
        assert_int_equal(slc_curve_table_new(&tables[hop], slc_vec_bytes_of(node, "public", 32)), SLC_OK);
        memcpy(nodes[hop].address, slc_vec_bytes_of(node, "address", SLC_ADDRESS_BYTES), SLC_ADDRESS_BYTES);
        nodes[hop].key = tables[hop];
        job.route.hop[hop] = &nodes[hop];
        job.route.delay_ns[hop] = 5 + hop;
        hop++;
    }
    struct slc_recipient self;
    struct slc_error error = {0};
    const char *text = slc_vec_text(slc_vectors("messages.json"), "meta/main_recipient");
    assert_int_equal(slc_recipient_from_text(text, &self, &error), SLC_OK);
    memcpy(job.route.destination, self.identity, sizeof self.identity);

    struct slc_sphinx_scratch *scratch = NULL;
    assert_int_equal(slc_sphinx_scratch_new(&scratch, 1), SLC_OK);
    assert_int_equal(slc_surbs_build(scratch, &job, 1), SLC_OK);
    assert_int_equal(job.out_len, SLC_SURB_BYTES);
    memset(out, 0x41 + i, SLC_SURB_KEY_BYTES);
    slc_sphinx_scratch_free(scratch);
    for (hop = 0; hop < HOPS; hop++) {
        slc_curve_table_free(tables[hop]);
    }
}

static const uint8_t *three_surbs(void)
{
    static uint8_t surbs[3 * SLC_REPLY_SURB_BYTES];
    for (uint8_t i = 0; i < 3; i++) {
        build_surb(surbs + (size_t)i * SLC_REPLY_SURB_BYTES, i);
    }
    return surbs;
}

/* Head, then data; the caller frees nothing: the memory is the vectors'. */
static struct slc_bytes message_of(enum slc_message_kind kind, const uint8_t *tag, struct slc_bytes surbs,
                                   enum slc_rotation rotation, struct slc_bytes data)
{
    size_t count = surbs.len / SLC_REPLY_SURB_BYTES;
    const struct slc_surb_list list = {
        .count = count, .hops = HOPS, .rotation = rotation, .surb_bytes = SLC_REPLY_SURB_BYTES, .surbs = surbs};
    size_t head = slc_message_head_bytes(kind, count, HOPS);
    uint8_t *bytes = slc_vec_copy(slc_vec_repeat(0xee, head + data.len));
    struct slc_writer w = slc_writer(bytes, head + data.len);
    slc_message_write_head(&w, kind, tag, &list);
    assert_int_equal(w.len, head);
    slc_write_bytes(&w, data.data, data.len);
    assert_true(slc_writer_ok(&w));
    return slc_bytes(bytes, head + data.len);
}

static void repliable_messages_are_written_and_read_as_the_crates_do(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    const uint8_t *tag = slc_vec_from_text("range(0,16)").data;
    const uint8_t *surbs = three_surbs();
    cJSON_ArrayForEach(it, cases("repliable"))
    {
        bool data = slc_vec_is(it, "content", "data");
        struct slc_bytes bytes = message_of(data ? SLC_MESSAGE_REPLIABLE : SLC_MESSAGE_SURBS, tag,
                                            slc_bytes(surbs, slc_vec_u64(it, "surbs") * SLC_REPLY_SURB_BYTES),
                                            (enum slc_rotation)slc_vec_u64(it, "rotation"),
                                            data ? slc_vec_bytes(it, "data") : slc_bytes(tag, 0));
        slc_vec_expect(it, "prefix22", slc_bytes(bytes.data, 22));
        slc_vec_expect(it, "nym_message", bytes);
        struct slc_message message;
        assert_int_equal(slc_message_parse(bytes, &message), SLC_OK);
        expect_message(slc_vec(it, "parsed/ok"), &message);
        slc_expect_bytes(message.surbs.surbs, slc_bytes(surbs, message.surbs.surbs.len), "the SURBs");
    }
}

static bool is_first_generation(const cJSON *it)
{
    return strncmp(slc_vec_text(it, "name"), "legacy", 6) == 0;
}

static void repliable_messages_are_refused_as_the_crates_refuse_them(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("repliable_decode"))
    {
        struct slc_message message;
        enum slc_status status = slc_message_parse(slc_vec_bytes(it, "nym_message"), &message);
        if (is_first_generation(it)) {
            /* Refused by today's crates, read by those before: we read them, for the data (section 6.1). */
            assert_int_equal(status, SLC_OK);
            assert_int_equal(message.surbs.count, slc_vec_u64(it, "result_1_21_6/surbs"));
            assert_int_equal(message.surbs.explicit_keys, message.surbs.count > 0);
            assert_int_equal(message.surbs.rotation, SLC_ROTATION_UNKNOWN);
            if (slc_vec_find(it, "result_1_21_6/data") != NULL) {
                slc_vec_expect(it, "result_1_21_6/data", message.data);
            }
            continue;
        }
        if (slc_vec_find(it, "result/ok") != NULL) {
            assert_int_equal(status, SLC_OK);
            expect_message(slc_vec(it, "result/ok"), &message);
            continue;
        }
        static const struct {
            const char *said;
            enum slc_status status;
        } REASONS[] = {
            {"Did not provide sufficient number", SLC_TOO_SHORT},
            {"is not a valid content tag", SLC_UNSUPPORTED},
            {"failed to deserialise sphinx key rotation", SLC_MALFORMED},
            {"failed to deserialise replySURB", SLC_BAD_SURB},
        };
        const char *said = slc_vec_text(it, "result/message");
        bool known = false;
        for (size_t i = 0; i < sizeof REASONS / sizeof REASONS[0]; i++) {
            if (strstr(said, REASONS[i].said) == NULL) continue;
            known = true;
            if (status != REASONS[i].status) {
                fail_msg("%s: %s, but the crates say: %s", slc_vec_text(it, "name"), slc_status_text(status), said);
            }
        }
        assert_true(known);
    }
}

static void replies_are_written_and_read_as_the_crates_do(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("reply"))
    {
        struct slc_message message;
        const cJSON *error = slc_vec_find(it, "parsed/error");
        if (error != NULL) {
            assert_int_not_equal(slc_message_parse(slc_vec_bytes(it, "nym_message"), &message), SLC_OK);
            continue;
        }
        struct slc_bytes ours;
        uint8_t request[SLC_SURB_REQUEST_BYTES];
        if (slc_vec_is(it, "content", "data")) {
            ours = message_of(SLC_MESSAGE_REPLY, NULL, slc_bytes(NULL, 0), SLC_ROTATION_UNKNOWN,
                              slc_vec_bytes(it, "data"));
        } else {
            struct slc_recipient self;
            struct slc_error why = {0};
            assert_int_equal(slc_recipient_from_text(slc_vec_text(it, "parsed/ok/recipient"), &self, &why), SLC_OK);
            struct slc_writer w = slc_writer(request, sizeof request);
            slc_message_write_surb_request(&w, &self, (uint32_t)slc_vec_u64(it, "amount"));
            assert_true(slc_writer_ok(&w) && w.len == sizeof request);
            ours = slc_bytes(request, sizeof request);
        }
        slc_vec_expect(it, "nym_message", ours);
        assert_int_equal(slc_message_parse(ours, &message), SLC_OK);
        expect_message(slc_vec(it, "parsed/ok"), &message);
    }
}

/* A message with nothing but this SURB in its list; hops as the length says. */
static enum slc_status parse_with_surb(struct slc_bytes surb, size_t hops, struct slc_message *message)
{
    uint8_t *bytes = slc_vec_copy(slc_vec_repeat(0, 22 + surb.len));
    static const uint8_t HEAD[] = {1};
    memcpy(bytes, HEAD, sizeof HEAD);
    bytes[17] = 3;
    bytes[19] = 1;
    bytes[20] = (uint8_t)hops;
    if (surb.len > 0) memcpy(bytes + 22, surb.data, surb.len);
    return slc_message_parse(slc_bytes(bytes, 22 + surb.len), message);
}

static void reply_surbs_of_every_number_of_hops_are_read(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("reply_surb"))
    {
        struct slc_message message;
        struct slc_bytes surb = slc_vec_bytes(it, "bytes");
        size_t hops = slc_vec_u64(it, "hops");
        assert_int_equal(parse_with_surb(surb, hops, &message), SLC_OK);
        assert_int_equal(message.surbs.count, 1);
        assert_int_equal(message.surbs.hops, hops);
        assert_int_equal(message.surbs.surb_bytes, slc_vec_u64(it, "len"));
        slc_expect_bytes(message.surbs.surbs, surb, "the SURB");
        assert_int_equal(message.data.len, 0);

        uint8_t digest[SLC_SURB_DIGEST_BYTES];
        slc_surb_digest(digest, message.surbs.surbs.data);
        slc_vec_expect(it, "key_digest", slc_bytes(digest, sizeof digest));
        slc_vec_expect(it, "surb_key", slc_bytes(message.surbs.surbs.data, SLC_SURB_KEY_BYTES));
    }
}

static void reply_surbs_that_the_crates_refuse_lose_the_message(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("reply_surb_decode"))
    {
        struct slc_message message;
        size_t len = slc_vec_u64(it, "len");
        /* Two cases print no bytes: they are too long whatever stands in them. */
        struct slc_bytes surb = slc_vec_is_null(it, "bytes") ? slc_vec_repeat(4, len) : slc_vec_bytes(it, "bytes");
        assert_int_equal(surb.len, len);
        size_t hops = len < 396 ? 1 : (len - 396) / 16;
        enum slc_status status = parse_with_surb(surb, hops, &message);
        if (slc_vec_find(it, "result/error") != NULL) {
            /* A list gives each SURB its exact length, so that an odd byte behind it is data of the message. */
            bool odd = len > 396 && (len - 396) % 16 != 0;
            if (odd) assert_int_equal(message.data.len, (len - 396) % 16);
            if (!odd) assert_int_not_equal(status, SLC_OK);
        } else {
            assert_true(slc_vec_is(it, "result", "accepted"));
            assert_int_equal(status, SLC_OK);
        }
    }
}

static void digests_of_surb_keys_are_plain_blake3(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("surb_key_digest"))
    {
        uint8_t digest[SLC_SURB_DIGEST_BYTES];
        slc_surb_digest(digest, slc_vec_bytes_of(it, "key", SLC_SURB_KEY_BYTES));
        slc_vec_expect(it, "digest", slc_bytes(digest, sizeof digest));
    }
}

static void sender_tags_have_the_texts_of_the_crates(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("sender_tag"))
    {
        uint8_t tag[64];
        size_t len = 0;
        const char *text = slc_vec_text(it, "text");
        enum slc_status status = slc_base58_decode(tag, sizeof tag, &len, text, strlen(text));
        if (slc_vec_find(it, "bytes") == NULL) {
            assert_true(status != SLC_OK || len != SLC_SENDER_TAG_BYTES);
            continue;
        }
        char again[64];
        assert_int_equal(status, SLC_OK);
        slc_vec_expect(it, "bytes", slc_bytes(tag, len));
        assert_int_equal(slc_base58_encode(again, sizeof again, slc_bytes(tag, len)), SLC_OK);
        assert_string_equal(again, text);
    }
}

/* Trap 27: 2^32 - 1 times 1164, and counts whose product wraps to a small number. */
static void a_count_of_surbs_beyond_the_bytes_is_refused(void **state)
{
    (void)state;
    static const uint32_t COUNTS[] = {1, 2, 0xffffffff, 0x80000000, 0x40000000, 3689349, 0x10000000};
    for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++) {
        struct slc_message message;
        uint8_t bytes[22 + 1163] = {1};
        struct slc_writer w = slc_writer(bytes + 18, 4);
        slc_write_u32(&w, COUNTS[i]);
        assert_int_equal(slc_message_parse(slc_bytes(bytes, sizeof bytes), &message), SLC_TOO_SHORT);
    }
    for (unsigned hops = 1; hops <= 5; hops++) {
        struct slc_message message;
        uint8_t bytes[22 + 411] = {1, [17] = 3, [18] = 0xff, [19] = 0xff, [20] = (uint8_t)hops};
        assert_int_equal(slc_message_parse(slc_bytes(bytes, sizeof bytes), &message), SLC_TOO_SHORT);
    }
}

/* Trap 28: twelve seeds are as long as one explicit key; no number of hops but 1 to 5 is taken. */
static void a_number_of_hops_outside_1_to_5_is_refused(void **state)
{
    (void)state;
    const uint8_t *valid = three_surbs();
    for (size_t hops = 0; hops < 256; hops++) {
        struct slc_message message;
        uint8_t *surb = slc_vec_copy(slc_vec_repeat(0x5a, 396 + 16 * hops));
        memcpy(surb, valid, 396);
        enum slc_status status = parse_with_surb(slc_bytes(surb, 396 + 16 * hops), hops, &message);
        assert_int_equal(status, hops >= 1 && hops <= 5 ? SLC_OK : SLC_BAD_SURB);
    }
}

static void one_bad_surb_among_many_loses_the_message(void **state)
{
    (void)state;
    enum { COUNT = 7 };
    const uint8_t *tag = slc_vec_from_text("range(0,16)").data;
    uint8_t *surbs = slc_vec_copy(slc_vec_repeat(0, COUNT * SLC_REPLY_SURB_BYTES));
    const uint8_t *valid = three_surbs();
    for (size_t i = 0; i < COUNT; i++) {
        memcpy(surbs + i * SLC_REPLY_SURB_BYTES, valid, SLC_REPLY_SURB_BYTES);
    }
    for (size_t bad = 0; bad <= COUNT; bad++) {
        struct slc_message message;
        uint8_t *hop = surbs + bad * SLC_REPLY_SURB_BYTES + SLC_SURB_KEY_BYTES + SLC_HEADER_BYTES;
        if (bad < COUNT) *hop = 5;
        struct slc_bytes bytes =
            message_of(SLC_MESSAGE_REPLIABLE, tag, slc_bytes(surbs, COUNT * (size_t)SLC_REPLY_SURB_BYTES),
                       SLC_ROTATION_ODD, slc_vec_pat(10));
        assert_int_equal(slc_message_parse(bytes, &message), bad < COUNT ? SLC_BAD_SURB : SLC_OK);
        if (bad < COUNT) *hop = 4;
    }
}

static void heads_that_cannot_be_written_mark_the_writer(void **state)
{
    (void)state;
    uint8_t room[64];
    struct slc_writer w = slc_writer(room, sizeof room);
    slc_message_write_head(&w, SLC_MESSAGE_SURB_REQUEST, NULL, NULL);
    assert_false(slc_writer_ok(&w));
    w = slc_writer(room, sizeof room);
    slc_message_write_head(&w, SLC_MESSAGE_SURBS, room, &(struct slc_surb_list){.count = 65536, .hops = 4});
    assert_false(slc_writer_ok(&w));
    w = slc_writer(room, sizeof room);
    slc_message_write_head(&w, SLC_MESSAGE_SURBS, room, &(struct slc_surb_list){.count = 1, .explicit_keys = true});
    assert_false(slc_writer_ok(&w));
    w = slc_writer(room, 21);
    slc_message_write_head(&w, SLC_MESSAGE_REPLIABLE, room + 32, NULL);
    assert_false(slc_writer_ok(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repliable_messages_are_written_and_read_as_the_crates_do),
        cmocka_unit_test(repliable_messages_are_refused_as_the_crates_refuse_them),
        cmocka_unit_test(replies_are_written_and_read_as_the_crates_do),
        cmocka_unit_test(reply_surbs_of_every_number_of_hops_are_read),
        cmocka_unit_test(reply_surbs_that_the_crates_refuse_lose_the_message),
        cmocka_unit_test(digests_of_surb_keys_are_plain_blake3),
        cmocka_unit_test(sender_tags_have_the_texts_of_the_crates),
        cmocka_unit_test(a_count_of_surbs_beyond_the_bytes_is_refused),
        cmocka_unit_test(a_number_of_hops_outside_1_to_5_is_refused),
        cmocka_unit_test(one_bad_surb_among_many_loses_the_message),
        cmocka_unit_test(heads_that_cannot_be_written_mark_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
