/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crypto/lanes/levels.h"
#include "tests/support/routes.h"

#include <stdlib.h>

/* Opening packets that we did not build. */

static void every_hop_of_a_header_opens_to_the_next(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("sphinx.json"), "headers"))
    {
        struct slc_test_route r;
        uint16_t version = (uint16_t)slc_vec_u64(it, "version");
        slc_test_route_load(&r, slc_vec_text(it, "case"), version);
        uint8_t packet[SLC_HEADER_BYTES + 33] = {0};
        memcpy(packet, slc_vec_bytes_of(it, "header", SLC_HEADER_BYTES), SLC_HEADER_BYTES);
        for (int hop = 0; hop < r.route.hops; hop++) {
            bool last = hop + 1 == r.route.hops;
            struct slc_open_job job = slc_test_open(r.node_secret[hop], packet, sizeof packet);
            const cJSON *keys = cJSON_GetArrayItem(slc_vec_list(r.schedule, "per_hop"), hop);
            slc_vec_expect(keys, "replay_tag", slc_bytes(job.tag, sizeof job.tag));
            assert_int_equal(job.version, version);
            assert_int_equal(job.kind, last ? SLC_OPEN_FINAL : SLC_OPEN_FORWARD);
            if (last) {
                /* The payload was never a packet's: only the header is judged here. */
                assert_int_equal(job.status, SLC_BAD_PAYLOAD);
                assert_memory_equal(job.address, r.route.destination, sizeof job.address);
                assert_memory_equal(job.identifier, r.route.identifier, sizeof job.identifier);
            } else {
                assert_int_equal(job.status, SLC_OK);
                assert_memory_equal(job.address, r.hop[hop + 1].address, sizeof job.address);
                assert_int_equal(job.delay_ns, r.route.delay_ns[hop]);
                const cJSON *next = cJSON_GetArrayItem(slc_vec_list(it, "header_after_hop"), hop);
                slc_vec_expect(next, "", slc_bytes(packet, SLC_HEADER_BYTES));
            }
        }
        slc_test_route_free(&r);
    }
}

/* Whole packets of every size and version after each hop, and what comes out at the last. */
static void every_hop_of_a_packet_opens_to_the_next(void **state)
{
    (void)state;
    struct slc_sphinx_scratch *scratch = NULL;
    assert_int_equal(slc_sphinx_scratch_new(&scratch, 1), SLC_OK);
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("sphinx.json"), "packets"))
    {
        struct slc_test_route r;
        slc_test_route_load(&r, slc_vec_text(it, "case"), (uint16_t)slc_vec_u64(it, "version"));
        size_t len = slc_vec_u64(it, "packet_len");
        uint8_t *packet = malloc(len);
        struct slc_packet_job build = {.route = r.route,
                                       .plaintext = slc_vec_bytes(it, "plaintext"),
                                       .payload_bytes = slc_vec_u64(it, "payload_size"),
                                       .out = packet};
        assert_int_equal(slc_packets_build(scratch, &build, 1), SLC_OK);
        slc_vec_expect(it, "packet", slc_bytes(packet, len));
        struct slc_open_job job = {0};
        for (int hop = 0; hop < r.route.hops; hop++) {
            job = slc_test_open(r.node_secret[hop], packet, len);
            assert_int_equal(job.status, SLC_OK);
            if (hop + 1 == r.route.hops || slc_vec_find(it, "packet_after_hop_sha256") == NULL) continue;
            const cJSON *whole = cJSON_GetArrayItem(slc_vec(it, "packet_after_hop_sha256"), hop);
            const cJSON *payload = cJSON_GetArrayItem(slc_vec(it, "payload_after_hop"), hop);
            slc_vec_expect_sha256(whole, "", slc_bytes(packet, len));
            slc_vec_expect(payload, "", slc_bytes(packet + SLC_HEADER_BYTES, len - SLC_HEADER_BYTES));
        }
        assert_int_equal(job.kind, SLC_OPEN_FINAL);
        slc_vec_expect(it, "plaintext", job.plaintext);
        if (slc_vec_find(it, "final_payload_sha256") != NULL) {
            slc_vec_expect_sha256(it, "final_payload_sha256",
                                  slc_bytes(packet + SLC_HEADER_BYTES, len - SLC_HEADER_BYTES));
        }
        free(packet);
        slc_test_route_free(&r);
    }
    slc_sphinx_scratch_free(scratch);
}

/* Negative cases all travel the nodes of n4. */
static void walk_negative(const cJSON *it, const struct slc_test_route *r)
{
    const cJSON *wanted = slc_vec(it, "result/sphinx_packet_0_8_0");
    struct slc_bytes bytes = slc_vec_bytes(it, "packet");
    uint8_t *packet = slc_vec_copy(bytes);
    const char *name = slc_vec_text(it, "name");
    const cJSON *foreign = slc_vec_find(it, "node_secret");
    bool fails = !slc_vec_is_null(wanted, "fails_at_hop");
    unsigned last = fails ? (unsigned)slc_vec_u64(wanted, "fails_at_hop") : 3;
    struct slc_open_job job = {0};
    unsigned hop = 0;
    do {
        const uint8_t *secret = foreign != NULL ? slc_vec_bytes_of(foreign, "", 32) : r->node_secret[hop];
        job = slc_test_open(secret, packet, bytes.len);
    } while (job.status == SLC_OK && job.kind == SLC_OPEN_FORWARD && ++hop < r->route.hops);

    if (slc_vec_find(wanted, "version") != NULL && job.version != slc_vec_u64(wanted, "version")) {
        fail_msg("%s: version %u", name, job.version);
    }
    if (!fails) {
        if (job.status != SLC_OK || job.kind != SLC_OPEN_FINAL) {
            fail_msg("%s: status %d at hop %u", name, job.status, hop);
        }
        slc_vec_expect(wanted, "plaintext", job.plaintext);
        return;
    }
    static const struct {
        const char *kind;
        enum slc_status status;
    } CLASSES[] = {
        {"InvalidPacket", SLC_TOO_SHORT},
        {"InvalidHeader", SLC_BAD_MAC},
        {"InvalidRouting", SLC_BAD_ROUTE},
        {"InvalidPayload", SLC_BAD_PAYLOAD},
    };
    for (size_t i = 0; i < sizeof CLASSES / sizeof CLASSES[0]; i++) {
        if (slc_vec_is(wanted, "error/kind", CLASSES[i].kind)) {
            if (job.status != CLASSES[i].status || hop != last) {
                fail_msg("%s: status %d at hop %u, wanted %d at hop %u", name, job.status, hop, CLASSES[i].status,
                         last);
            }
            if (job.status == SLC_BAD_MAC && hop == 0) {
                slc_expect_bytes(slc_bytes(packet, bytes.len), bytes, "a packet with a bad MAC");
            }
            return;
        }
    }
    fail_msg("%s: unknown error class", name);
}

static void bad_packets_fail_where_and_as_the_crate_says(void **state)
{
    (void)state;
    struct slc_test_route r;
    slc_test_route_load(&r, "n4", SLC_SPHINX_SEEDS);
    size_t seen = 0;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("sphinx.json"), "negative/cases"))
    {
        walk_negative(it, &r);
        seen++;
    }
    assert_int_equal(seen, 58);
    slc_test_route_free(&r);
}

enum { MIX_PREFIX_V2 = 2 + 7, SURB_ACK_ADDRESS = 19 };

/* Walks a packet from the node of `address` (its first 7 bytes) to the end; the plaintext is a view into `packet`. */
static struct slc_open_job walk(const struct slc_test_route *r, const uint8_t *address, uint8_t *packet, size_t len,
                                const cJSON *it, const char *delays)
{
    struct slc_open_job job = {0};
    unsigned hops = 0;
    do {
        size_t node = 0;
        while (node < r->route.hops && memcmp(r->hop[node].address, address, 7) != 0) {
            node++;
        }
        assert_true(node < r->route.hops && hops < SLC_MAX_HOPS);
        job = slc_test_open(r->node_secret[node], packet, len);
        assert_int_equal(job.status, SLC_OK);
        if (job.kind == SLC_OPEN_FORWARD) {
            assert_int_equal(job.delay_ns, slc_vec_u64(cJSON_GetArrayItem(slc_vec(it, delays), (int)hops), ""));
            hops++;
        }
        address = job.address;
    } while (job.kind == SLC_OPEN_FORWARD);
    assert_int_equal(hops, slc_vec_count(it, delays));
    return job;
}

static void packets_of_the_crates_own_randomness_open_and_so_do_the_acks_inside(void **state)
{
    (void)state;
    struct slc_test_route r;
    slc_test_route_load(&r, "n4", SLC_SPHINX_SEEDS);
    size_t opened = 0;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("captured.json"), "packets"))
    {
        if (slc_vec_find(it, "mix_packet_v2/hex") == NULL) continue; /* long ones are given by digest */
        struct slc_bytes mix = slc_vec_bytes(it, "mix_packet_v2");
        uint8_t *packet = slc_vec_copy(mix) + MIX_PREFIX_V2;
        struct slc_open_job job = walk(&r, mix.data + 2, packet, mix.len - MIX_PREFIX_V2, it, "delays_ns");
        assert_int_equal(job.version, slc_vec_u64(it, "sphinx_version"));
        assert_int_equal(job.plaintext.len, mix.len - MIX_PREFIX_V2 - SLC_PACKET_OVERHEAD);
        size_t ack_len = SURB_ACK_ADDRESS + SLC_ACK_PACKET_BYTES;
        struct slc_bytes delivered = slc_bytes(job.plaintext.data + ack_len, job.plaintext.len - ack_len);
        assert_int_equal(delivered.len, slc_vec_u64(it, "delivered_len"));
        slc_vec_expect_sha256(it, "delivered_sha256", delivered);

        uint8_t ack[SLC_ACK_PACKET_BYTES];
        memcpy(ack, job.plaintext.data + SURB_ACK_ADDRESS, sizeof ack);
        struct slc_open_job ack_job = walk(&r, job.plaintext.data, ack, sizeof ack, it, "ack/ack_delays_ns");
        slc_vec_expect(it, "ack/ack_content", ack_job.plaintext);
        opened++;
    }
    assert_int_equal(opened, 4);
    slc_test_route_free(&r);
}

/* Builds the packet of `p` again, from the plaintext that came out of it: along a route, or with its reply SURB. */
static void build_again(struct slc_sphinx_scratch *scratch, struct slc_test_route *r, const cJSON *p,
                        const struct slc_open_job *opened, struct slc_bytes wanted)
{
    uint8_t *again = slc_vec_copy(slc_vec_repeat(0, wanted.len));
    if (slc_vec_is_null(p, "reply_surb")) {
        memcpy(r->random, slc_vec_bytes_of(p, "initial_secret", 32), 32);
        memcpy(r->route.destination, opened->address, sizeof opened->address);
        struct slc_packet_job job = {.route = r->route,
                                     .plaintext = opened->plaintext,
                                     .payload_bytes = wanted.len - SLC_HEADER_BYTES,
                                     .out = again};
        assert_int_equal(slc_packets_build(scratch, &job, 1), SLC_OK);
    } else {
        struct slc_bytes reply_surb = slc_vec_bytes(p, "reply_surb");
        struct slc_surb_use job = {.surb = slc_bytes(reply_surb.data + 16, reply_surb.len - 16),
                                   .plaintext = opened->plaintext,
                                   .payload_bytes = wanted.len - SLC_HEADER_BYTES,
                                   .out = again};
        assert_int_equal(slc_surbs_use(scratch, &job, 1), SLC_OK);
    }
    slc_expect_bytes(slc_bytes(again, wanted.len), wanted, "built again");
}

/* Composed packets, whose secrets are known. */
static void whole_messages_open_and_are_built_again_equal(void **state)
{
    (void)state;
    struct slc_test_route r;
    struct slc_sphinx_scratch *scratch = NULL;
    slc_test_route_load(&r, "n4", SLC_SPHINX_SEEDS);
    assert_int_equal(slc_sphinx_scratch_new(&scratch, 1), SLC_OK);
    memset(r.route.identifier, 0, sizeof r.route.identifier);
    memcpy(r.random + 32, slc_vec_linear(1, 0, 68).data, 68);
    for (int i = 0; i < 4; i++) {
        const cJSON *delays = slc_vec_list(slc_vectors("messages.json"), "packets/inputs/data_delays_ns");
        r.route.delay_ns[i] = slc_vec_u64(cJSON_GetArrayItem(delays, i), "");
    }
    size_t rebuilt = 0;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("messages.json"), "packets/cases"))
    {
        const cJSON *p = NULL;
        cJSON_ArrayForEach(p, slc_vec_list(it, "packets"))
        {
            if (slc_vec_find(p, "mix_packet_v2/hex") == NULL) continue; /* long ones are given by digest */
            struct slc_bytes mix = slc_vec_bytes(p, "mix_packet_v2");
            struct slc_bytes wanted = slc_bytes(mix.data + MIX_PREFIX_V2, mix.len - MIX_PREFIX_V2);
            uint8_t *packet = slc_vec_copy(wanted);
            struct slc_open_job job = walk(&r, mix.data + 2, packet, wanted.len, p, "delays_seen");
            slc_vec_expect(p, "sphinx_plaintext", job.plaintext);
            build_again(scratch, &r, p, &job, wanted);
            rebuilt++;
        }
    }
    assert_int_equal(rebuilt, 5);
    slc_sphinx_scratch_free(scratch);
    slc_test_route_free(&r);
}

static void nodes_process_packets_as_the_reference_node_does(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    const cJSON *processing = slc_vec(slc_vectors("frames.json"), "processing");
    cJSON_ArrayForEach(it, slc_vec_list(processing, "cases"))
    {
        struct slc_bytes bytes = slc_vec_bytes(it, "packet");
        uint8_t *packet = slc_vec_copy(bytes);
        struct slc_open_job job = slc_test_open(slc_vec_bytes_of(it, "node_private_key", 32), packet, bytes.len);
        assert_int_equal(job.status, SLC_OK);
        assert_int_equal(job.version, SLC_SPHINX_SEEDS);
        if (slc_vec_find(it, "replay_tag") != NULL) {
            slc_vec_expect(it, "replay_tag", slc_bytes(job.tag, sizeof job.tag));
        }
        if (slc_vec_is(it, "result/kind", "forward")) {
            assert_int_equal(job.kind, SLC_OPEN_FORWARD);
            assert_int_equal(job.delay_ns, slc_vec_u64(it, "result/delay_ns"));
            slc_vec_expect(it, "result/packet", slc_bytes(packet, bytes.len));
        } else {
            assert_int_equal(job.kind, SLC_OPEN_FINAL);
            slc_vec_expect(it, "result/destination", slc_bytes(job.address, sizeof job.address));
            if (slc_vec_find(it, "result/message") != NULL) {
                slc_vec_expect(it, "result/message", job.plaintext);
            } else {
                slc_vec_expect_sha256(processing, "final_plaintext_sha256", job.plaintext);
            }
        }
    }
}

static void a_packet_longer_than_any_size_is_refused_unread(void **state)
{
    (void)state;
    const uint8_t secret[SLC_KEY_BYTES] = {1};
    uint8_t *packet = slc_vec_copy(slc_vec_repeat(7, SLC_LARGEST_PACKET_BYTES + 1));
    assert_int_equal(slc_test_open(secret, packet, SLC_LARGEST_PACKET_BYTES + 1).status, SLC_TOO_LONG);
    assert_int_equal(slc_test_open(secret, packet, SLC_LARGEST_PACKET_BYTES).status, SLC_BAD_MAC);
    assert_int_equal(slc_test_open(secret, packet, SLC_PACKET_OVERHEAD - 1).status, SLC_TOO_SHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_hop_of_a_header_opens_to_the_next),
        cmocka_unit_test(every_hop_of_a_packet_opens_to_the_next),
        cmocka_unit_test(bad_packets_fail_where_and_as_the_crate_says),
        cmocka_unit_test(packets_of_the_crates_own_randomness_open_and_so_do_the_acks_inside),
        cmocka_unit_test(whole_messages_open_and_are_built_again_equal),
        cmocka_unit_test(nodes_process_packets_as_the_reference_node_does),
        cmocka_unit_test(a_packet_longer_than_any_size_is_refused_unread),
    };
    RETURN_RUN_ON_EVERY_LEVEL(tests, NULL, NULL);
}
