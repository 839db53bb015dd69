/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/random.h"
#include "tests/sim/model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The model fails where the real cryptography fails. */

enum { HOPS = 4, PLAINTEXT = 21, PACKET = SLC_ACK_PACKET_BYTES };

struct route {
    uint8_t secret[HOPS][SLC_KEY_BYTES];
    struct slc_hop hop[HOPS];
    struct slc_route route;
    uint8_t random[SLC_ROUTE_RANDOM_MAX];
};

static const uint8_t plaintext[PLAINTEXT] = "twenty-one bytes long";

static void make_route(struct route *r)
{
    struct slc_random random;
    slc_random_from_number(&random, 5, 5);
    slc_random_bytes(&random, r->random, sizeof r->random);
    r->route = (struct slc_route){.hops = HOPS, .version = SLC_SPHINX_SEEDS, .random = r->random};
    for (unsigned i = 0; i < HOPS; i++) {
        uint8_t key[SLC_KEY_BYTES];
        struct slc_curve_table *table;
        slc_random_bytes(&random, r->secret[i], sizeof r->secret[i]);
        model_public_key(key, r->secret[i]);
        assert_int_equal(model_table_new(&table, key), SLC_OK);
        memset(r->hop[i].address, (int)i + 1, sizeof r->hop[i].address);
        r->hop[i].key = table;
        r->route.hop[i] = &r->hop[i];
        r->route.delay_ns[i] = 1000 * (i + 1);
    }
    memset(r->route.destination, 0xdd, sizeof r->route.destination);
}

static void free_route(struct route *r)
{
    for (unsigned i = 0; i < HOPS; i++) {
        model_table_free((struct slc_curve_table *)(uintptr_t)r->hop[i].key);
    }
}

static void build(const struct route *r, uint8_t packet[PACKET])
{
    struct slc_packet_job job = {.route = r->route,
                                 .plaintext = slc_bytes(plaintext, PLAINTEXT),
                                 .payload_bytes = PACKET - SLC_HEADER_BYTES,
                                 .out = packet};
    assert_int_equal(model_packets_build(&job, 1), SLC_OK);
}

/* Opens at one hop after the other; returns the first failure. */
static enum slc_status travel(const struct route *r, uint8_t packet[PACKET], struct slc_open_job *last)
{
    for (unsigned i = 0; i < HOPS; i++) {
        *last = (struct slc_open_job){.node_secret = r->secret[i], .packet = packet, .packet_bytes = PACKET};
        if (model_packets_open(last, 1) != SLC_OK) return last->status;
        if (i + 1 == HOPS) break;
        assert_int_equal(last->kind, SLC_OPEN_FORWARD);
        assert_int_equal(last->delay_ns, 1000 * (i + 1));
        assert_memory_equal(last->address, r->hop[i + 1].address, SLC_ADDRESS_BYTES);
    }
    return SLC_OK;
}

static void a_packet_arrives(void **state)
{
    (void)state;
    struct route r;
    struct slc_open_job last;
    uint8_t packet[PACKET];
    make_route(&r);
    build(&r, packet);
    assert_int_equal(travel(&r, packet, &last), SLC_OK);
    assert_int_equal(last.kind, SLC_OPEN_FINAL);
    assert_memory_equal(last.address, r.route.destination, SLC_DESTINATION_BYTES);
    assert_int_equal(last.plaintext.len, PLAINTEXT);
    assert_memory_equal(last.plaintext.data, plaintext, PLAINTEXT);
    free_route(&r);
}

static void any_damaged_byte_is_found(void **state)
{
    (void)state;
    struct route r;
    struct slc_open_job last;
    uint8_t packet[PACKET];
    make_route(&r);
    for (size_t at = 0; at < PACKET; at++) {
        build(&r, packet);
        packet[at] ^= 0x40;
        enum slc_status expected = at < SLC_HEADER_BYTES ? SLC_BAD_MAC : SLC_BAD_PAYLOAD;
        assert_int_equal(travel(&r, packet, &last), expected);
    }
    free_route(&r);
}

static void another_key_does_not_open_and_leaves_the_packet_alone(void **state)
{
    (void)state;
    struct route r;
    uint8_t packet[PACKET], before[PACKET];
    make_route(&r);
    build(&r, packet);
    memcpy(before, packet, PACKET);
    struct slc_open_job job = {.node_secret = r.secret[1], .packet = packet, .packet_bytes = PACKET};
    assert_int_equal(model_packets_open(&job, 1), SLC_PARTIAL);
    assert_int_equal(job.status, SLC_BAD_MAC);
    assert_memory_equal(packet, before, PACKET);
    free_route(&r);
}

static void a_surb_carries_a_reply_and_only_its_own(void **state)
{
    (void)state;
    struct route r;
    struct slc_open_job last;
    uint8_t surb[SLC_SURB_BYTES], packet[PACKET];
    make_route(&r);
    struct slc_surb_job made = {.route = r.route, .out = surb};
    assert_int_equal(model_surbs_build(&made, 1), SLC_OK);
    assert_int_equal(made.out_len, SLC_SURB_BYTES);
    struct slc_surb_use use = {.surb = slc_bytes(surb, sizeof surb),
                               .plaintext = slc_bytes(plaintext, PLAINTEXT),
                               .payload_bytes = PACKET - SLC_HEADER_BYTES,
                               .out = packet};
    assert_int_equal(model_surbs_use(&use, 1), SLC_OK);
    assert_memory_equal(use.first_hop, r.hop[0].address, SLC_ADDRESS_BYTES);
    assert_int_equal(travel(&r, packet, &last), SLC_OK);
    surb[SLC_SURB_BYTES - 1] ^= 1;
    assert_int_equal(model_surbs_use(&use, 1), SLC_OK);
    assert_int_equal(travel(&r, packet, &last), SLC_BAD_PAYLOAD);
    free_route(&r);
}

static void both_sides_agree_on_a_key(void **state)
{
    (void)state;
    uint8_t a[SLC_KEY_BYTES] = {1}, b[SLC_KEY_BYTES] = {2}, a_key[SLC_KEY_BYTES], b_key[SLC_KEY_BYTES];
    uint8_t here[SLC_KEY_BYTES], there[SLC_KEY_BYTES], by_table[SLC_KEY_BYTES];
    model_public_key(a_key, a);
    model_public_key(b_key, b);
    model_ladder(&(struct slc_ladder_job){a, b_key, here}, 1);
    model_ladder(&(struct slc_ladder_job){b, a_key, there}, 1);
    assert_memory_equal(here, there, sizeof here);
    struct slc_scalar scalar;
    struct slc_curve_table *table;
    assert_int_equal(model_table_new(&table, b_key), SLC_OK);
    model_scalar_start(&scalar, a);
    model_multiply(&(struct slc_curve_job){table, &scalar, by_table}, 1);
    assert_memory_equal(here, by_table, sizeof here);
    model_table_free(table);
}

static void a_seal_breaks_with_any_byte_key_or_nonce(void **state)
{
    (void)state;
    uint8_t key[SLC_SEAL_KEY_BYTES] = {3}, nonce[SLC_SEAL_NONCE_BYTES] = {4}, data[150], tag[SLC_SEAL_TAG_BYTES];
    struct slc_seal_job job = {.key = key, .nonce = nonce, .data = data, .len = sizeof data, .tag = tag};
    for (size_t at = 0; at <= sizeof data + 1; at++) {
        memset(data, 7, sizeof data);
        model_seal(&job, 1);
        assert_int_equal(model_unseal(&job, 1), SLC_OK);
        uint8_t *victim = at < sizeof data ? &data[at] : at == sizeof data ? key : nonce;
        *victim ^= 1;
        assert_int_equal(model_unseal(&job, 1), SLC_PARTIAL);
        assert_int_equal(job.status, SLC_BAD_MAC);
        if (at >= sizeof data) *victim ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_arrives),
        cmocka_unit_test(any_damaged_byte_is_found),
        cmocka_unit_test(another_key_does_not_open_and_leaves_the_packet_alone),
        cmocka_unit_test(a_surb_carries_a_reply_and_only_its_own),
        cmocka_unit_test(both_sides_agree_on_a_key),
        cmocka_unit_test(a_seal_breaks_with_any_byte_key_or_nonce),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
