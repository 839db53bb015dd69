/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include <stdio.h>

#include "engine/message/reassembly.h"

/*
 * Packets made wholly by the published crates, opened by the rules of the whole way: MixPacket, four hops, the last
 * hop's split, the message layer's key, fragment, reassembly, envelope; and the ack on its own way home.
 */

/* Opens a packet in place at the vectors' four nodes; checks each node's delay. */
static struct slc_bytes open_at_all_hops(uint8_t *packet, size_t len, const cJSON *delays)
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
    unsigned hop = 0;
    cJSON_ArrayForEach(node, slc_vec_list(schedule, "route"))
    {
        job.node_secret = slc_vec_bytes_of(node, "secret", 32);
        assert_int_equal(slc_packets_open(scratch, &job, 1), SLC_OK);
        assert_int_equal(job.version, SLC_SPHINX_SEEDS);
        char at[8];
        (void)snprintf(at, sizeof at, "%u", hop++);
        if (job.kind == SLC_OPEN_FORWARD) assert_int_equal(job.delay_ns, slc_vec_u64(delays, at));
    }
    assert_int_equal(job.kind, SLC_OPEN_FINAL);
    slc_sphinx_scratch_free(scratch);
    return job.plaintext;
}

static void expect_ack(const cJSON *ack, const struct slc_delivery *delivery)
{
    char text[SLC_ADDRESS_TEXT_MAX];
    slc_address_to_text(&delivery->ack_hop, text);
    assert_string_equal(text, "10.0.0.1:1789");
    uint8_t *packet = slc_vec_copy(delivery->ack_packet);
    struct slc_bytes content = open_at_all_hops(packet, delivery->ack_packet.len, slc_vec(ack, "ack_delays_ns"));
    slc_vec_expect(ack, "ack_content", content);

    struct slc_fragment_id id;
    const uint8_t *ack_key = slc_vec_bytes_of(slc_vectors("captured.json"), "meta/ack_key", SLC_ACK_KEY_BYTES);
    assert_int_equal(slc_ack_read(content, ack_key, &id), SLC_OK);
    uint8_t identifier[5];
    struct slc_writer w = slc_writer(identifier, sizeof identifier);
    slc_write_u32(&w, id.set);
    slc_write_u8(&w, id.position);
    slc_vec_expect(ack, "ack_fragment_id", slc_bytes(identifier, sizeof identifier));
}

/* Decrypts what was delivered, as its recipient or as the owner of the reply SURB. */
static struct slc_bytes decrypted(const cJSON *it, struct slc_bytes delivered)
{
    uint8_t key[16], secret[32];
    uint8_t *key_out = key;
    const uint8_t *key_in = key;
    const uint8_t *secret_in = secret;
    if (slc_vec_find(it, "reply_surb") != NULL) {
        uint8_t digest[SLC_SURB_DIGEST_BYTES];
        memcpy(key, slc_vec_bytes(it, "reply_surb").data, sizeof key);
        slc_surb_digest(digest, key);
        slc_expect_bytes(slc_bytes(delivered.data, 32), slc_bytes(digest, 32), "the digest of the SURB's key");
    } else {
        const uint8_t *own = slc_vec_bytes_of(slc_vectors("captured.json"), "meta/encryption_private", 32);
        struct slc_ladder_job job = {.secret = own, .point = delivered.data, .out = secret};
        slc_ladder(&job, 1);
        slc_message_keys(&key_out, &secret_in, 1);
    }
    size_t len = delivered.len - SLC_KEY_MATERIAL_BYTES;
    uint8_t *plain = slc_vec_copy(slc_bytes(delivered.data + SLC_KEY_MATERIAL_BYTES, len));
    slc_aes128_ctr(&plain, len, &key_in, NULL, 1);
    return slc_bytes(plain, len);
}

static void expect_message(const char *name, struct slc_bytes bytes)
{
    struct slc_message message;
    assert_int_equal(slc_message_parse(bytes, &message), SLC_OK);
    if (strcmp(name, "plain hello") == 0) {
        assert_int_equal(message.kind, SLC_MESSAGE_PLAIN);
        slc_expect_bytes(message.data, slc_bytes_of_text("hello"), name);
    } else if (strcmp(name, "repliable, two SURBs") == 0) {
        assert_int_equal(message.kind, SLC_MESSAGE_REPLIABLE);
        assert_int_equal(message.surbs.count, 2);
        assert_int_equal(message.surbs.hops, 4);
        assert_int_equal(message.surbs.rotation, SLC_ROTATION_EVEN); /* rotation id 2 */
    } else if (strcmp(name, "reply pong") == 0) {
        assert_int_equal(message.kind, SLC_MESSAGE_REPLY);
        slc_expect_bytes(message.data, slc_bytes_of_text("pong"), name);
    } else {
        fail_msg("a message came out of %s", name);
    }
}

static void packets_of_the_crates_arrive(void **state)
{
    (void)state;
    const struct slc_reassembly_limits limits = {
        .max_bytes = 1 << 20, .max_sets = 10, .remembered = 10, .timeout = SLC_SECOND};
    struct slc_reassembly *r = NULL;
    assert_int_equal(slc_reassembly_new(&r, &limits), SLC_OK);
    unsigned opened = 0, messages = 0;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("captured.json"), "packets"))
    {
        /* The longer packets are told by digest only. */
        if (slc_vec_find(it, "mix_packet_v2/hex") == NULL) continue;
        const char *name = slc_vec_text(it, "name");
        struct slc_mix_packet mix;
        struct slc_bytes wire = slc_vec_bytes(it, "mix_packet_v2");
        assert_int_equal(slc_mix_packet_parse(wire, SLC_MIX_PACKET_V2, &mix), SLC_OK);
        uint8_t *packet = slc_vec_copy(mix.packet);
        struct slc_bytes plaintext = open_at_all_hops(packet, mix.packet.len, slc_vec(it, "delays_ns"));

        struct slc_delivery delivery;
        assert_int_equal(plaintext.len, slc_plaintext_bytes(mix.size));
        assert_int_equal(slc_delivery_split(&delivery, mix.size, plaintext), SLC_OK);
        assert_int_equal(delivery.message.len, slc_vec_u64(it, "delivered_len"));
        slc_vec_expect_sha256(it, "delivered_sha256", delivery.message);
        expect_ack(slc_vec(it, "ack"), &delivery);

        opened++;
        struct slc_bytes content = decrypted(it, delivery.message);
        assert_int_equal(slc_cover_is(content), strcmp(name, "loop cover") == 0);
        if (slc_cover_is(content)) continue;
        struct slc_fragment fragment;
        struct slc_bytes message;
        slc_vec_expect_sha256(it, "fragment_sha256", content);
        assert_int_equal(slc_fragment_parse(content, &fragment), SLC_OK);
        assert_int_equal(slc_reassembly_add(r, &fragment, 0, &message), SLC_REASSEMBLY_COMPLETE);
        expect_message(name, message);
        messages++;
    }
    slc_reassembly_free(r);
    assert_int_equal(opened, 4);
    assert_int_equal(messages, 3);
}

static void an_ack_without_delays_arrives(void **state)
{
    (void)state;
    struct slc_delivery delivery;
    struct slc_bytes surb_ack = slc_vec_bytes(slc_vectors("captured.json"), "surb_ack_zero_delay");
    assert_int_equal(surb_ack.len, SLC_SURB_ACK_BYTES);
    assert_int_equal(slc_delivery_split(&delivery, SLC_SIZE_REGULAR, surb_ack), SLC_OK);
    uint8_t *packet = slc_vec_copy(delivery.ack_packet);
    cJSON *zeros = cJSON_Parse("[0, 0, 0]");
    struct slc_bytes content = open_at_all_hops(packet, delivery.ack_packet.len, zeros);
    cJSON_Delete(zeros);
    assert_int_equal(content.len, SLC_ACK_CONTENT_BYTES);
}

static void a_reply_surb_of_one_hop_is_read(void **state)
{
    (void)state;
    struct slc_bytes surb = slc_vec_bytes(slc_vectors("captured.json"), "reply_surb_one_hop");
    uint8_t bytes[22 + 412] = {1, [17] = 4, [19] = 1, [20] = 1, [21] = SLC_ROTATION_EVEN};
    struct slc_message message;
    assert_int_equal(surb.len, 412);
    memcpy(bytes + 22, surb.data, surb.len);
    assert_int_equal(slc_message_parse(slc_bytes(bytes, sizeof bytes), &message), SLC_OK);
    assert_int_equal(message.kind, SLC_MESSAGE_SURBS);
    slc_expect_bytes(message.surbs.surbs, surb, "the SURB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_of_the_crates_arrive),
        cmocka_unit_test(an_ack_without_delays_arrives),
        cmocka_unit_test(a_reply_surb_of_one_hop_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
