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

static struct slc_fragment_id id_at(const cJSON *it, const char *path)
{
    struct slc_reader r = slc_reader(slc_bytes(slc_vec_bytes_of(it, path, 5), 5));
    struct slc_fragment_id id = {.set = slc_read_u32(&r)};
    id.position = slc_read_u8(&r);
    return id;
}

static void acks_are_written_and_read_as_the_crates_do(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("ack_content"))
    {
        struct slc_fragment_id id;
        const uint8_t *key = slc_vec_bytes_of(it, "ack_key", SLC_ACK_KEY_BYTES);
        struct slc_bytes content = slc_vec_bytes(it, "content");
        if (content.len != SLC_ACK_CONTENT_BYTES) {
            assert_int_equal(slc_ack_read(content, key, &id), SLC_TOO_SHORT);
            continue;
        }
        struct slc_fragment_id wanted = id_at(it, "identifier");
        uint8_t written[SLC_ACK_CONTENT_BYTES];
        slc_ack_write(written, key, slc_vec_bytes_of(it, "iv", 16), wanted);
        slc_vec_expect(it, "content", slc_bytes(written, sizeof written));
        assert_int_equal(slc_ack_read(content, key, &id), SLC_OK);
        assert_int_equal(id.set, wanted.set);
        assert_int_equal(id.position, wanted.position);
        assert_int_equal(slc_ack_is_cover(id), wanted.set == 0 && wanted.position == 0);
    }
}

/* Trap 22: the reference panics on more than 21 bytes. */
static void an_ack_of_another_length_is_refused(void **state)
{
    (void)state;
    struct slc_fragment_id id;
    struct slc_bytes zeros = slc_vec_repeat(0, 64);
    for (size_t len = 0; len <= zeros.len; len++) {
        enum slc_status wanted = len < 21 ? SLC_TOO_SHORT : SLC_TOO_LONG;
        if (len != 21) assert_int_equal(slc_ack_read(slc_bytes(zeros.data, len), zeros.data, &id), wanted);
    }
}

static void identifiers_are_read_as_the_crates_read_them(void **state)
{
    (void)state;
    const uint8_t key[SLC_ACK_KEY_BYTES] = {7};
    const uint8_t iv[16] = {9};
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("fragment_identifier"))
    {
        struct slc_fragment_id id;
        struct slc_fragment_id sent = id_at(it, "bytes");
        uint8_t content[SLC_ACK_CONTENT_BYTES];
        slc_ack_write(content, key, iv, sent);
        enum slc_status status = slc_ack_read(slc_bytes(content, sizeof content), key, &id);
        if (slc_vec_find(it, "result/error") != NULL) {
            assert_int_equal(status, SLC_MALFORMED);
            continue;
        }
        assert_int_equal(status, SLC_OK);
        assert_int_equal(id.set, slc_vec_u64(it, "result/set_id"));
        assert_int_equal(id.position, sent.position);
    }
}

/* Opens one layer after the other with the nodes that the vectors' routes use. */
static struct slc_bytes open_at_all_hops(uint8_t *packet, size_t len)
{
    const cJSON *schedule = NULL;
    cJSON_ArrayForEach(schedule, slc_vec_list(slc_vectors("sphinx.json"), "key_schedules"))
    {
        if (slc_vec_is(schedule, "case", "n4")) break;
    }
    struct slc_sphinx_scratch *scratch = NULL;
    assert_int_equal(slc_sphinx_scratch_new(&scratch, 1), SLC_OK);
    struct slc_open_job job = {.packet = packet, .packet_bytes = len};
    const cJSON *node = NULL;
    cJSON_ArrayForEach(node, slc_vec_list(schedule, "route"))
    {
        job.node_secret = slc_vec_bytes_of(node, "secret", 32);
        assert_int_equal(slc_packets_open(scratch, &job, 1), SLC_OK);
    }
    assert_int_equal(job.kind, SLC_OPEN_FINAL);
    slc_sphinx_scratch_free(scratch);
    return job.plaintext;
}

/* A SURB-ACK in front of a message, as the last hop finds them. */
static enum slc_status split_with(struct slc_delivery *delivery, struct slc_bytes surb_ack, struct slc_bytes message)
{
    static uint8_t plaintext[2048];
    struct slc_writer w = slc_writer(plaintext, sizeof plaintext);
    slc_write_bytes(&w, surb_ack.data, surb_ack.len);
    slc_write_bytes(&w, message.data, message.len);
    assert_true(slc_writer_ok(&w));
    return slc_delivery_split(delivery, SLC_SIZE_REGULAR, slc_bytes(plaintext, w.len));
}

static void a_surb_ack_is_split_off_and_brings_its_identifier_home(void **state)
{
    (void)state;
    const uint8_t *ack_key = slc_vec_from_text("range(0,16)").data;
    struct slc_bytes message = slc_vec_pat(100);
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, cases("surb_ack"))
    {
        const cJSON *given = slc_vec_find(it, "surb_ack");
        if (given == NULL) continue; /* variations, described in words: the next test makes them */
        struct slc_delivery delivery;
        char text[SLC_ADDRESS_TEXT_MAX];
        assert_int_equal(split_with(&delivery, slc_vec_bytes(it, "surb_ack"), message), SLC_OK);
        slc_address_to_text(&delivery.ack_hop, text);
        assert_string_equal(text, slc_vec_text(it, "first_hop"));
        slc_expect_bytes(delivery.message, message, "the message");

        struct slc_fragment_id id;
        struct slc_fragment_id wanted = id_at(it, "identifier");
        assert_int_equal(delivery.ack_packet.len, SLC_ACK_PACKET_BYTES);
        uint8_t *packet = slc_vec_copy(delivery.ack_packet);
        struct slc_bytes content = open_at_all_hops(packet, SLC_ACK_PACKET_BYTES);
        slc_vec_expect(it, "delivered", content);
        assert_int_equal(slc_delivery_split(&delivery, SLC_SIZE_ACK, content), SLC_OK);
        assert_ptr_equal(delivery.message.data, content.data);
        assert_int_equal(delivery.message.len, content.len);
        assert_int_equal(delivery.ack_packet.len, 0);
        assert_int_equal(slc_ack_read(content, ack_key, &id), SLC_OK);
        assert_int_equal(id.set, wanted.set);
        assert_int_equal(id.position, wanted.position);
    }
}

static void the_last_hop_splits_or_refuses_as_the_node_does(void **state)
{
    (void)state;
    /* The sections "last_hop" and the second half of "surb_ack", whose inputs are described in words. */
    struct slc_bytes good = slc_vec_bytes(slc_vectors("messages.json"), "surb_ack/cases/0/surb_ack");
    struct slc_bytes nothing = slc_bytes(good.data, 0);
    struct slc_delivery delivery;
    char text[SLC_ADDRESS_TEXT_MAX];

    assert_int_equal(split_with(&delivery, slc_bytes(good.data, 404), nothing), SLC_TOO_SHORT);

    assert_int_equal(split_with(&delivery, good, nothing), SLC_OK);
    assert_int_equal(delivery.message.len, 0);
    slc_address_to_text(&delivery.ack_hop, text);
    assert_string_equal(text, "10.0.0.1:1789");

    uint8_t *bytes = slc_vec_copy(slc_vec_linear(1, 4, 500)); /* 04 05 06 .. is no address: set one */
    static const uint8_t arbitrary[] = {4, 1, 2, 3, 4, 5, 6};
    memcpy(bytes, arbitrary, sizeof arbitrary);
    assert_int_equal(split_with(&delivery, slc_bytes(bytes, 500), nothing), SLC_OK);
    assert_int_equal(delivery.message.len, 95);
    slc_address_to_text(&delivery.ack_hop, text);
    assert_string_equal(text, "3.4.5.6:258");

    for (unsigned version = 0; version < 256; version++) {
        bytes[0] = (uint8_t)version;
        enum slc_status wanted = version == 4 || version == 6 ? SLC_OK : SLC_MALFORMED;
        assert_int_equal(split_with(&delivery, slc_bytes(bytes, 500), nothing), wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acks_are_written_and_read_as_the_crates_do),
        cmocka_unit_test(an_ack_of_another_length_is_refused),
        cmocka_unit_test(identifiers_are_read_as_the_crates_read_them),
        cmocka_unit_test(a_surb_ack_is_split_off_and_brings_its_identifier_home),
        cmocka_unit_test(the_last_hop_splits_or_refuses_as_the_node_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
