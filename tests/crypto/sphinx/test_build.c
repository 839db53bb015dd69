/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crypto/lanes/levels.h"
#include "tests/support/routes.h"

#include <stdlib.h>

#include "crypto/sphinx/sphinx_internal.h"

/* Packets against those of the published crates, byte for byte. */

static struct slc_sphinx_scratch *scratch;

static int make_scratch(void **state)
{
    (void)state;
    return slc_sphinx_scratch_new(&scratch, 64) == SLC_OK ? 0 : -1;
}

static int free_scratch(void **state)
{
    (void)state;
    slc_sphinx_scratch_free(scratch);
    return 0;
}

static void sizes_are_those_of_the_network(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum slc_packet_size size;
    } SIZES[] = {
        {"ack", SLC_SIZE_ACK},
        {"regular", SLC_SIZE_REGULAR},
        {"extended8", SLC_SIZE_EXTENDED_8},
        {"extended16", SLC_SIZE_EXTENDED_16},
        {"extended32", SLC_SIZE_EXTENDED_32},
    };
    const cJSON *it = NULL;
    size_t seen = 0;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("sphinx.json"), "meta/sizes"))
    {
        assert_string_equal(slc_vec_text(it, "name"), SIZES[seen].name);
        size_t packet = slc_vec_u64(it, "packet");
        size_t plaintext = slc_vec_u64(it, "plaintext");
        enum slc_packet_size size = 0;
        assert_int_equal(slc_packet_bytes(SIZES[seen].size), packet);
        assert_int_equal(slc_plaintext_bytes(SIZES[seen].size), plaintext);
        assert_int_equal(slc_packet_size_of(packet, &size), SLC_OK);
        assert_int_equal(size, SIZES[seen].size);
        assert_int_equal(slc_packet_size_of_plaintext(plaintext, &size), SLC_OK);
        assert_int_equal(size, SIZES[seen].size);
        assert_int_equal(slc_packet_size_of(packet + 1, &size), SLC_UNSUPPORTED);
        assert_int_equal(slc_packet_size_of_plaintext(plaintext - 1, &size), SLC_UNSUPPORTED);
        seen++;
    }
    assert_int_equal(seen, sizeof SIZES / sizeof SIZES[0]);
    enum slc_packet_size size = 0;
    assert_int_equal(slc_packet_size_of(SLC_PACKET_OVERHEAD, &size), SLC_UNSUPPORTED);
    assert_int_equal(slc_packet_size_of(0, &size), SLC_UNSUPPORTED);
    for (int tag = 0; tag <= 255; tag++) {
        bool known = tag >= 1 && tag <= 5;
        assert_int_equal(slc_packet_bytes((enum slc_packet_size)tag) != 0, known);
    }
}

static void key_schedules_give_every_hop_its_secrets(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("sphinx.json"), "key_schedules"))
    {
        for (uint16_t version = SLC_SPHINX_EXPLICIT_KEYS; version <= SLC_SPHINX_SINGLE_SEED; version++) {
            struct slc_test_route r;
            uint8_t header[SLC_HEADER_BYTES];
            slc_test_route_load(&r, slc_vec_text(it, "case"), version);
            scratch->header[0] = (struct slc_header_job){&r.route, header};
            slc_schedule_run(scratch, 1);
            slc_vec_expect(it, "alpha/0", slc_bytes(header, SLC_KEY_BYTES));
            for (int hop = 0; hop < r.route.hops; hop++) {
                const cJSON *wanted = cJSON_GetArrayItem(slc_vec_list(it, "per_hop"), hop);
                const struct slc_hop_keys *keys = &scratch->hop_keys[0][hop];
                slc_vec_expect(wanted, "stream_key", slc_bytes(keys->stream, sizeof keys->stream));
                slc_vec_expect(wanted, "mac_key", slc_bytes(keys->mac, sizeof keys->mac));
                if (version == SLC_SPHINX_EXPLICIT_KEYS) {
                    slc_vec_expect(wanted, "payload_key_258",
                                   slc_bytes(scratch->explicit_key[0][hop], SLC_PAYLOAD_KEY_BYTES));
                } else {
                    slc_vec_expect(wanted, "payload_key_seed", slc_bytes(keys->seed, sizeof keys->seed));
                }
            }
            slc_sphinx_scratch_wipe(scratch, 1);
            slc_test_route_free(&r);
        }
    }
}

static void headers_are_those_of_the_crates(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("sphinx.json"), "headers"))
    {
        struct slc_test_route r;
        uint8_t header[SLC_HEADER_BYTES];
        slc_test_route_load(&r, slc_vec_text(it, "case"), (uint16_t)slc_vec_u64(it, "version"));
        scratch->header[0] = (struct slc_header_job){&r.route, header};
        slc_headers_build(scratch, 1);
        slc_vec_expect(it, "header", slc_bytes(header, sizeof header));
        slc_vec_expect(it, "mac_per_hop/0", slc_bytes(header + SLC_HEADER_MAC, SLC_MAC_BYTES));
        slc_sphinx_scratch_wipe(scratch, 1);
        slc_test_route_free(&r);
    }
}

/* All packets of the file in one batch after another: routes, sizes and versions mixed as they come. */
static void packets_are_those_of_the_crates(void **state)
{
    (void)state;
    enum { BATCH = 64 };
    struct slc_test_route *route = calloc(BATCH, sizeof *route);
    struct slc_packet_job *job = calloc(BATCH, sizeof *job);
    const cJSON *it = slc_vec_list(slc_vectors("sphinx.json"), "packets")->child;
    while (it != NULL) {
        const cJSON *first = it;
        size_t n = 0;
        for (; it != NULL && n < BATCH; it = it->next, n++) {
            slc_test_route_load(&route[n], slc_vec_text(it, "case"), (uint16_t)slc_vec_u64(it, "version"));
            job[n] = (struct slc_packet_job){.route = route[n].route,
                                             .plaintext = slc_vec_bytes(it, "plaintext"),
                                             .payload_bytes = slc_vec_u64(it, "payload_size"),
                                             .out = malloc(slc_vec_u64(it, "packet_len"))};
        }
        assert_int_equal(slc_packets_build(scratch, job, n), SLC_OK);
        for (size_t i = 0; i < n; i++, first = first->next) {
            assert_int_equal(job[i].status, SLC_OK);
            slc_vec_expect(first, "packet", slc_bytes(job[i].out, SLC_HEADER_BYTES + job[i].payload_bytes));
            free(job[i].out);
            slc_test_route_free(&route[i]);
        }
    }
    free(route);
    free(job);
}

static void what_the_crates_refuse_to_build_is_refused(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("sphinx.json"), "create_errors/cases"))
    {
        uint64_t hops = slc_vec_u64(it, "hops");
        /* Our jobs carry as many delays as hops by their shape. */
        if (slc_vec_u64(it, "delays") != hops) continue;
        struct slc_test_route r;
        uint8_t out[1024];
        slc_test_route_load(&r, "n4", SLC_SPHINX_SEEDS);
        struct slc_packet_job job = {.route = r.route,
                                     .plaintext = slc_vec_pat(slc_vec_u64(it, "message_len")),
                                     .payload_bytes = slc_vec_u64(it, "payload_size"),
                                     .out = out};
        job.route.hops = (uint8_t)hops;
        enum slc_status status = slc_packets_build(scratch, &job, 1);
        if (slc_vec_find(it, "result/packet_len") != NULL) {
            assert_int_equal(status, SLC_OK);
            assert_int_equal(slc_vec_u64(it, "result/packet_len"), SLC_HEADER_BYTES + job.payload_bytes);
        } else {
            bool routing = slc_vec_is(it, "result/kind", "InvalidRouting");
            assert_int_equal(status, SLC_PARTIAL);
            assert_int_equal(job.status, routing ? SLC_BAD_ROUTE : SLC_BAD_PAYLOAD);
        }
        slc_test_route_free(&r);
    }
}

static void acks_are_those_of_the_crates(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    size_t built = 0;
    struct slc_test_route r;
    slc_test_route_load(&r, "n4", SLC_SPHINX_SEEDS);
    const uint8_t *recipient = slc_vec_bytes_of(slc_vectors("messages.json"), "recipient/cases/0/bytes", 96);
    memcpy(r.route.destination, recipient, 32);
    memset(r.route.identifier, 0, sizeof r.route.identifier);
    for (unsigned i = 0; i < 4; i++) {
        r.route.delay_ns[i] = 11 * (i + 1);
    }
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("messages.json"), "surb_ack/cases"))
    {
        if (slc_vec_find(it, "initial_secret") == NULL) continue;
        uint8_t surb_ack[19 + SLC_ACK_PACKET_BYTES] = {0};
        memcpy(r.random, slc_vec_bytes_of(it, "initial_secret", 32), 32);
        memcpy(r.random + 32, slc_vec_linear(1, 0, 68).data, 68);
        struct slc_packet_job job = {.route = r.route,
                                     .plaintext = slc_vec_bytes(it, "delivered"),
                                     .payload_bytes = SLC_ACK_PLAINTEXT_BYTES + SLC_PAYLOAD_OVERHEAD,
                                     .out = surb_ack + 19};
        assert_int_equal(slc_packets_build(scratch, &job, 1), SLC_OK);
        memcpy(surb_ack, r.hop[0].address, 19);
        slc_vec_expect(it, "surb_ack", slc_bytes(surb_ack, sizeof surb_ack));
        built++;
    }
    assert_int_equal(built, 2);
    slc_test_route_free(&r);
}

static bool all_zero(const void *memory, size_t len)
{
    const uint8_t *bytes = memory;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0) return false;
    }
    return true;
}

static void nothing_secret_stays_in_the_scratch(void **state)
{
    (void)state;
    for (uint16_t version = SLC_SPHINX_EXPLICIT_KEYS; version <= SLC_SPHINX_SEEDS; version++) {
        struct slc_test_route r;
        uint8_t out[SLC_ACK_PACKET_BYTES];
        slc_test_route_load(&r, "n4", version);
        struct slc_packet_job job = {.route = r.route, .plaintext = slc_vec_pat(21), .payload_bytes = 38, .out = out};
        memset(scratch->hop_keys, 0, 64 * sizeof *scratch->hop_keys);
        memset(scratch->explicit_key, 0, 64 * sizeof *scratch->explicit_key);
        assert_int_equal(slc_packets_build(scratch, &job, 1), SLC_OK);
        assert_true(all_zero(scratch->scalar, sizeof *scratch->scalar));
        assert_true(all_zero(scratch->secret, sizeof *scratch->secret));
        assert_true(all_zero(scratch->hop_keys, 64 * sizeof *scratch->hop_keys));
        assert_true(all_zero(scratch->explicit_key, 64 * sizeof *scratch->explicit_key));
        assert_true(all_zero(scratch->expanded, sizeof *scratch->expanded));
        assert_true(all_zero(scratch->keystream, sizeof *scratch->keystream));
        assert_true(all_zero(scratch->payload_key, sizeof *scratch->payload_key));
        struct slc_open_job open = {.node_secret = r.node_secret[0], .packet = out, .packet_bytes = sizeof out};
        assert_int_equal(slc_packets_open(scratch, &open, 1), SLC_OK);
        assert_true(all_zero(scratch->slot, sizeof *scratch->slot));
        slc_test_route_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_those_of_the_network),
        cmocka_unit_test(key_schedules_give_every_hop_its_secrets),
        cmocka_unit_test(headers_are_those_of_the_crates),
        cmocka_unit_test(packets_are_those_of_the_crates),
        cmocka_unit_test(what_the_crates_refuse_to_build_is_refused),
        cmocka_unit_test(acks_are_those_of_the_crates),
        cmocka_unit_test(nothing_secret_stays_in_the_scratch),
    };
    RETURN_RUN_ON_EVERY_LEVEL(tests, make_scratch, free_scratch);
}
