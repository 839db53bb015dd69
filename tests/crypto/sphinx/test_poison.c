/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crypto/lanes/levels.h"
#include "tests/support/routes.h"

#include <stdlib.h>

/*
 * Packets made to hurt, in the middle of a batch that a node opens: their keys are of low order, on the twist, not
 * canonical, their lengths none. Each fails, or opens, as it would alone, and no neighbour notices.
 */

enum { NODES = 5, LARGEST = 1024, WAYS = 8, PAYLOAD_MAX = 2048 + SLC_PAYLOAD_OVERHEAD };

static struct slc_test_net net;
static struct slc_sphinx_scratch *scratch;
static uint8_t packet[LARGEST][SLC_HEADER_BYTES + PAYLOAD_MAX], alone[LARGEST][SLC_HEADER_BYTES + PAYLOAD_MAX];
static struct slc_open_job job[LARGEST], alone_job[LARGEST];

/* Chapter 1, section 4.1: what is sent for these is the all-zero secret. */
static const char *const LOW_ORDER[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};
enum { LOW_ORDERS = sizeof LOW_ORDER / sizeof LOW_ORDER[0] };

static int set_up(void **state)
{
    (void)state;
    struct slc_random random;
    slc_test_random(&random, 0);
    slc_test_net_new(&net, NODES, &random);
    return slc_sphinx_scratch_new(&scratch, LARGEST) == SLC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    slc_sphinx_scratch_free(scratch);
    slc_test_net_free(&net);
    return 0;
}

/* Sound packets of all sizes up to the regular one, versions and numbers of hops. */
static void build(size_t n, struct slc_random *random)
{
    static uint8_t storage[LARGEST][SLC_ROUTE_RANDOM_MAX];
    static struct slc_packet_job built[LARGEST];
    for (size_t i = 0; i < n; i++) {
        size_t payload = i % 3 == 0 ? PAYLOAD_MAX : SLC_ACK_PLAINTEXT_BYTES + SLC_PAYLOAD_OVERHEAD;
        built[i] =
            (struct slc_packet_job){.plaintext = slc_bytes(storage[i], 21), .payload_bytes = payload, .out = packet[i]};
        slc_test_net_route(&net, &built[i].route, (uint8_t)(1 + i % SLC_MAX_HOPS),
                           (uint16_t)(SLC_SPHINX_EXPLICIT_KEYS + i / 2 % 3), random, storage[i]);
        job[i] = (struct slc_open_job){.node_secret = slc_test_net_find(&net, built[i].route.hop[0]->address)->secret,
                                       .packet = packet[i],
                                       .packet_bytes = SLC_HEADER_BYTES + payload};
    }
    assert_int_equal(slc_packets_build(scratch, built, n), SLC_OK);
}

/* A header whose key is of low order, and that is right for the all-zero secret: it goes through every step. */
static void forge_low_order(uint8_t *header, const char *alpha)
{
    static const uint8_t zero[SLC_KEY_BYTES];
    uint8_t expanded[SLC_EXPANDED_BYTES], routing[SLC_ROUTING_BYTES] = {1, 0, 1, 3};
    const uint8_t *secret = zero, *stream = expanded, *mac = expanded + 16, *message = header + 48;
    uint8_t *to = expanded, *at = routing;
    memcpy(header, slc_vec_from_text(alpha).data, SLC_KEY_BYTES);
    slc_expand_secrets(&to, &secret, SLC_EXPANDED_BYTES / 32, 1);
    slc_aes128_ctr(&at, sizeof routing, &stream, NULL, 1);
    memcpy(header + 48, routing, sizeof routing);
    to = header + 32;
    slc_header_macs(&to, &mac, &message, SLC_ROUTING_BYTES, 1);
}

/* What becomes of packet i, spoilt in one of the ways a sender can. */
static enum slc_status spoil(size_t i, unsigned way, struct slc_random *random)
{
    switch (way) {
    case 0: /* a key of low order under the packet's own MAC */
        memcpy(packet[i], slc_vec_from_text(LOW_ORDER[i % LOW_ORDERS]).data, SLC_KEY_BYTES);
        return SLC_BAD_MAC;
    case 1:
        forge_low_order(packet[i], LOW_ORDER[i % LOW_ORDERS]);
        return SLC_OK;
    case 2: /* any key: half of them are on the twist */
        slc_random_bytes(random, packet[i], SLC_KEY_BYTES);
        return SLC_BAD_MAC;
    case 3: /* p + 1 .. p + 18 */
        memset(packet[i], 0xff, SLC_KEY_BYTES);
        packet[i][0] = (uint8_t)(0xee + i % 18);
        return SLC_BAD_MAC;
    case 4:
        job[i].packet_bytes = SLC_PACKET_OVERHEAD - 1;
        return SLC_TOO_SHORT;
    case 5:
        job[i].packet_bytes = 0;
        return SLC_TOO_SHORT;
    case 6:
        job[i].packet_bytes = SLC_LARGEST_PACKET_BYTES + 1;
        return SLC_TOO_LONG;
    default:
        packet[i][SLC_HEADER_BYTES - 1] ^= 0x80;
        return SLC_BAD_MAC;
    }
}

static void expect_as_alone(size_t n, const enum slc_status *wanted)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(job[i].status, wanted[i]);
        assert_int_equal(job[i].kind, alone_job[i].kind);
        assert_memory_equal(packet[i], alone[i], sizeof packet[i]);
        if (wanted[i] == SLC_OK) assert_memory_equal(job[i].tag, alone_job[i].tag, SLC_REPLAY_TAG_BYTES);
    }
}

static void check_batch(size_t n, struct slc_random *random)
{
    static enum slc_status wanted[LARGEST];
    static uint8_t came[LARGEST][SLC_HEADER_BYTES + PAYLOAD_MAX];
    static struct slc_open_job given[LARGEST];
    unsigned way = slc_random_below(random, WAYS);
    build(n, random);
    for (size_t i = 0; i < n; i++) {
        bool spoilt = n < 8 || slc_random_below(random, 3) == 0;
        wanted[i] = spoilt ? spoil(i, way++ % WAYS, random) : SLC_OK;
    }
    memcpy(came, packet, sizeof came);
    memcpy(given, job, sizeof given);

    assert_int_equal(slc_cpu_force(SLC_CPU_PORTABLE, NULL), SLC_OK);
    for (size_t i = 0; i < n; i++) {
        (void)!slc_packets_open(scratch, &job[i], 1);
    }
    memcpy(alone, packet, sizeof alone);
    memcpy(alone_job, job, sizeof alone_job);
    expect_as_alone(n, wanted);
    for (int level = SLC_CPU_PORTABLE; level <= (int)slc_cpu_best(); level++) {
        assert_int_equal(slc_cpu_force((enum slc_cpu)level, NULL), SLC_OK);
        memcpy(packet, came, sizeof packet);
        memcpy(job, given, sizeof job);
        (void)!slc_packets_open(scratch, job, n);
        expect_as_alone(n, wanted);
    }
}

static void spoilt_packets_change_nothing_for_their_neighbours_on_any_level(void **state)
{
    (void)state;
    static const size_t SIZES[] = {1, 2, 7, 8, 9, 15, 16, 17, 64, 65, 511, LARGEST};
    enum slc_cpu before = slc_cpu();
    struct slc_random random;
    slc_test_random(&random, 1);
    for (size_t s = 0; s < sizeof SIZES / sizeof SIZES[0]; s++) {
        for (unsigned round = 0; round < (SIZES[s] < 20 ? 10U : 1U); round++) {
            check_batch(SIZES[s], &random);
        }
    }
    assert_int_equal(slc_cpu_force(before, NULL), SLC_OK);
}

/* All nine lanes of low order: not one result is anything but zero, and the next hop's key is zero too. */
static void check_only_low_order(void)
{
    struct slc_random random;
    static const uint8_t zero[SLC_KEY_BYTES];
    slc_test_random(&random, 2);
    build(9, &random);
    for (size_t i = 0; i < 9; i++) {
        forge_low_order(packet[i], LOW_ORDER[i % LOW_ORDERS]);
    }
    assert_int_equal(slc_packets_open(scratch, job, 9), SLC_OK);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(job[i].kind, SLC_OPEN_FORWARD);
        assert_int_equal(job[i].version, SLC_SPHINX_SEEDS);
        assert_memory_equal(packet[i], zero, sizeof zero);
        assert_memory_equal(job[i].tag, job[0].tag, SLC_REPLAY_TAG_BYTES);
    }
}

static void a_batch_of_nothing_but_low_order_keys_opens_to_zero_keys(void **state)
{
    (void)state;
    on_every_level(check_only_low_order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spoilt_packets_change_nothing_for_their_neighbours_on_any_level),
        cmocka_unit_test(a_batch_of_nothing_but_low_order_keys_opens_to_zero_keys),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
