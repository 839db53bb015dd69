/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crypto/lanes/levels.h"
#include "tests/support/routes.h"

#include <stdlib.h>

/* SURBs made, read, used and recovered as the published crates do. */

static struct slc_sphinx_scratch *scratch;

static int make_scratch(void **state)
{
    (void)state;
    return slc_sphinx_scratch_new(&scratch, 16) == SLC_OK ? 0 : -1;
}

static int free_scratch(void **state)
{
    (void)state;
    slc_sphinx_scratch_free(scratch);
    return 0;
}

/* Makes the SURB of a vector; version 258 is read only. */
static void expect_made(const cJSON *it, struct slc_test_route *r, uint16_t version)
{
    uint8_t out[SLC_SURB_MAX_BYTES];
    uint8_t recovery[SLC_RECOVERY_MAX_BYTES];
    bool single = version == SLC_SPHINX_SINGLE_SEED;
    struct slc_surb_job job = {.route = r->route, .out = out, .recovery = single ? recovery : NULL};
    if (version == SLC_SPHINX_EXPLICIT_KEYS) {
        assert_int_equal(slc_surbs_build(scratch, &job, 1), SLC_PARTIAL);
        assert_int_equal(job.status, SLC_BAD_SURB);
        return;
    }
    if (single) {
        memcpy(job.route.identifier, slc_vec_bytes_of(it, "identifier", 16), 16);
    }
    assert_int_equal(slc_surbs_build(scratch, &job, 1), SLC_OK);
    slc_vec_expect(it, "surb", slc_bytes(out, job.out_len));
    if (single) {
        slc_vec_expect(it, "recovery", slc_bytes(recovery, 16 + 16 * (size_t)r->route.hops));
    }
}

/* Takes a reply to its last hop, and there judges what comes out. */
static void expect_travel(const cJSON *it, struct slc_test_route *r, uint8_t *packet, size_t len)
{
    struct slc_open_job job = {0};
    for (int hop = 0; hop < r->route.hops; hop++) {
        job = slc_test_open(r->node_secret[hop], packet, len);
        if (hop + 1 < r->route.hops) {
            assert_int_equal(job.status, SLC_OK);
            if (slc_vec_find(it, "packet_after_hop_sha256") != NULL) {
                const cJSON *after = cJSON_GetArrayItem(slc_vec(it, "packet_after_hop_sha256"), hop);
                slc_vec_expect_sha256(after, "", slc_bytes(packet, len));
            }
        }
    }
    assert_int_equal(job.kind, SLC_OPEN_FINAL);
    if (slc_vec_find(it, "recovery") == NULL) {
        assert_int_equal(job.status, SLC_OK);
        slc_vec_expect_sha256(it, "recovered_plaintext_at_last_hop_sha256", job.plaintext);
        return;
    }
    /* Single seed: the last hop is the creator, and only its recovery material opens the payload. */
    uint8_t *payload = packet + SLC_HEADER_BYTES;
    size_t payload_bytes = len - SLC_HEADER_BYTES;
    struct slc_bytes plaintext;
    assert_int_equal(job.status, r->route.hops == 1 ? SLC_OK : SLC_BAD_PAYLOAD);
    slc_vec_expect(it, "identifier", slc_bytes(job.identifier, sizeof job.identifier));
    slc_vec_expect(it, "sealed_payload_at_last_hop", slc_bytes(payload, payload_bytes));
    assert_int_equal(slc_surb_recover(slc_vec_bytes(it, "recovery"), payload, payload_bytes, &plaintext), SLC_OK);
    slc_vec_expect(it, "reply_plaintext", plaintext);
    slc_vec_expect_sha256(it, "recovered_by_creator_sha256", plaintext);
}

/* The bytes of a SURB; long ones are given by digest and put together from header, address and keys. */
static struct slc_bytes surb_of(const cJSON *it)
{
    if (slc_vec_find(it, "surb/hex") != NULL) return slc_vec_bytes(it, "surb");
    const cJSON *header = NULL;
    cJSON_ArrayForEach(header, slc_vec_list(slc_vectors("sphinx.json"), "headers"))
    {
        if (slc_vec_is(header, "case", slc_vec_text(it, "case")) &&
            slc_vec_u64(header, "version") == slc_vec_u64(it, "version")) {
            break;
        }
    }
    struct slc_bytes keys = slc_vec_bytes(it, "key_material");
    uint8_t *bytes = slc_vec_copy(slc_vec_repeat(0, SLC_SURB_HEAD_BYTES + keys.len));
    memcpy(bytes, slc_vec_bytes_of(header, "header", SLC_HEADER_BYTES), SLC_HEADER_BYTES);
    memcpy(bytes + SLC_HEADER_BYTES, slc_vec_bytes_of(it, "first_hop", SLC_ADDRESS_BYTES), SLC_ADDRESS_BYTES);
    memcpy(bytes + SLC_SURB_HEAD_BYTES, keys.data, keys.len);
    struct slc_bytes surb = slc_bytes(bytes, SLC_SURB_HEAD_BYTES + keys.len);
    slc_vec_expect(it, "surb", surb);
    return surb;
}

static void surbs_are_made_used_and_recovered_as_the_crates_do(void **state)
{
    (void)state;
    size_t used = 0;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("sphinx.json"), "surbs"))
    {
        struct slc_test_route r;
        uint16_t version = (uint16_t)slc_vec_u64(it, "version");
        bool explicit_keys = version == SLC_SPHINX_EXPLICIT_KEYS;
        slc_test_route_load(&r, slc_vec_text(it, "case"), version);
        expect_made(it, &r, version);

        size_t len = SLC_HEADER_BYTES + slc_vec_u64(it, "payload_size");
        uint8_t *packet = malloc(len);
        struct slc_surb_use use = {.surb = surb_of(it),
                                   .explicit_keys = explicit_keys,
                                   .plaintext = slc_vec_bytes(it, "reply_plaintext"),
                                   .payload_bytes = len - SLC_HEADER_BYTES,
                                   .out = packet};
        enum slc_status status = slc_surbs_use(scratch, &use, 1);
        if (explicit_keys && r.route.hops != 4) {
            assert_int_equal(status, SLC_PARTIAL);
            assert_int_equal(use.status, SLC_BAD_SURB);
        } else {
            assert_int_equal(status, SLC_OK);
            slc_vec_expect(it, "first_hop", slc_bytes(use.first_hop, sizeof use.first_hop));
            slc_vec_expect(it, "packet", slc_bytes(packet, len));
            expect_travel(it, &r, packet, len);
            used++;
        }
        free(packet);
        slc_test_route_free(&r);
    }
    assert_int_equal(used, 8 + 8 + 2);
}

static void only_one_to_five_whole_seeds_are_a_surb(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("sphinx.json"), "surb_parse/cases"))
    {
        size_t len = slc_vec_u64(it, "surb_len");
        const cJSON *wanted = slc_vec(it, "sphinx_packet_0_8_0");
        bool accepted = cJSON_IsString(wanted) && slc_vec_is(wanted, "", "accepted");
        struct slc_bytes surb = slc_vec_repeat(3, len);
        assert_int_equal(slc_surb_check(surb, false), accepted ? SLC_OK : SLC_BAD_SURB);
        assert_int_equal(slc_surb_check(surb, true), len == SLC_SURB_MAX_BYTES ? SLC_OK : SLC_BAD_SURB);
    }
    assert_int_equal(slc_surb_check(slc_bytes(NULL, 0), false), SLC_BAD_SURB);
}

static void what_the_crates_refuse_to_create_is_refused(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    size_t seen = 0;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("sphinx.json"), "surb_create/cases"))
    {
        /* Our jobs carry as many delays as hops by their shape. */
        if (slc_vec_u64(it, "delays") != slc_vec_u64(it, "hops")) continue;
        struct slc_test_route r;
        uint8_t out[SLC_SURB_MAX_BYTES];
        uint8_t recovery[SLC_RECOVERY_MAX_BYTES];
        slc_test_route_load(&r, "n4", (uint16_t)slc_vec_u64(it, "version"));
        r.route.hops = (uint8_t)slc_vec_u64(it, "hops");
        memset(r.route.identifier, 0, sizeof r.route.identifier);
        for (int with_recovery = 0; with_recovery < 2; with_recovery++) {
            struct slc_surb_job job = {.route = r.route, .out = out, .recovery = with_recovery ? recovery : NULL};
            assert_int_equal(slc_surbs_build(scratch, &job, 1), SLC_PARTIAL);
            assert_int_equal(job.status, SLC_BAD_SURB);
            assert_int_equal(job.out_len, 0);
        }
        seen++;
        slc_test_route_free(&r);
    }
    assert_int_equal(seen, 5);

    struct slc_test_route r;
    uint8_t out[SLC_SURB_MAX_BYTES];
    slc_test_route_load(&r, "n5", SLC_SPHINX_SEEDS);
    struct slc_surb_job job = {.route = r.route, .out = out};
    job.route.hops = 6;
    assert_int_equal(slc_surbs_build(scratch, &job, 1), SLC_PARTIAL);
    assert_int_equal(job.status, SLC_BAD_ROUTE);
    slc_test_route_free(&r);
}

/* A one-hop SURB made by the crates with randomness of their own. */
static void a_captured_surb_carries_a_reply_to_its_gateway(void **state)
{
    (void)state;
    struct slc_test_route r;
    slc_test_route_load(&r, "n4", SLC_SPHINX_SEEDS);
    struct slc_bytes reply_surb = slc_vec_bytes(slc_vectors("captured.json"), "reply_surb_one_hop");
    struct slc_bytes reply = slc_vec_pat(2048);
    uint8_t packet[SLC_REGULAR_PACKET_BYTES];
    struct slc_surb_use use = {.surb = slc_bytes(reply_surb.data + 16, reply_surb.len - 16),
                               .plaintext = reply,
                               .payload_bytes = sizeof packet - SLC_HEADER_BYTES,
                               .out = packet};
    assert_int_equal(slc_surbs_use(scratch, &use, 1), SLC_OK);
    assert_memory_equal(use.first_hop, r.hop[3].address, SLC_ADDRESS_BYTES);
    struct slc_open_job job = slc_test_open(r.node_secret[3], packet, sizeof packet);
    assert_int_equal(job.status, SLC_OK);
    slc_expect_bytes(job.plaintext, reply, "reply");
    slc_test_route_free(&r);
}

static void recovery_material_of_a_wrong_shape_is_refused_and_the_payload_kept(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 16 + 6 * 16 + 1; len++) {
        uint8_t payload[38] = {0};
        struct slc_bytes plaintext;
        enum slc_status status = slc_surb_recover(slc_vec_pat(len), payload, sizeof payload, &plaintext);
        bool whole = len >= 32 && len % 16 == 0 && len <= 96;
        assert_int_equal(status, whole ? SLC_BAD_PAYLOAD : SLC_BAD_SURB);
        if (!whole) {
            slc_expect_bytes(slc_bytes(payload, sizeof payload), slc_vec_repeat(0, sizeof payload), "payload");
        }
    }
    uint8_t payload[32] = {0};
    struct slc_bytes plaintext;
    assert_int_equal(slc_surb_recover(slc_vec_pat(32), payload, sizeof payload, &plaintext), SLC_BAD_PAYLOAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(surbs_are_made_used_and_recovered_as_the_crates_do),
        cmocka_unit_test(only_one_to_five_whole_seeds_are_a_surb),
        cmocka_unit_test(what_the_crates_refuse_to_create_is_refused),
        cmocka_unit_test(a_captured_surb_carries_a_reply_to_its_gateway),
        cmocka_unit_test(recovery_material_of_a_wrong_shape_is_refused_and_the_payload_kept),
    };
    RETURN_RUN_ON_EVERY_LEVEL(tests, make_scratch, free_scratch);
}
