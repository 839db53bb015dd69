/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/oracle.h"
#include "tests/support/routes.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Random packets and SURBs between us and both releases of sphinx-packet: what one side builds the other opens at every
 * hop, for every version, packet size and route length.
 */

enum { NODES = 16, EACH = 67, SURBS_EACH = 112, BATCH_MAX = 128 };

static const unsigned crates[] = {6, 8};
static const uint16_t versions[] = {SLC_SPHINX_EXPLICIT_KEYS, SLC_SPHINX_SEEDS, SLC_SPHINX_SINGLE_SEED};
static const enum slc_packet_size sizes[] = {SLC_SIZE_ACK, SLC_SIZE_REGULAR, SLC_SIZE_EXTENDED_8, SLC_SIZE_EXTENDED_16,
                                             SLC_SIZE_EXTENDED_32};

static struct slc_oracle oracle;
static struct slc_sphinx_scratch *scratch;
static struct slc_test_net net;
static struct slc_random rng;

/* What one batch is about. */
struct batch {
    unsigned crate, hops;
    uint16_t version;
    size_t n, payload_bytes, packet_bytes;
    struct slc_route route[BATCH_MAX];
    uint8_t random[BATCH_MAX][SLC_ROUTE_RANDOM_MAX];
    struct slc_bytes plaintext[BATCH_MAX];
    uint8_t *packet[BATCH_MAX];
};

static void fill(struct batch *b)
{
    b->packet_bytes = SLC_HEADER_BYTES + b->payload_bytes;
    for (size_t i = 0; i < b->n; i++) {
        slc_test_net_route(&net, &b->route[i], (uint8_t)b->hops, b->version, &rng, b->random[i]);
        size_t len = slc_random_below(&rng, (uint32_t)(b->payload_bytes - SLC_PAYLOAD_OVERHEAD) + 1);
        /* The fullest fits too. */
        if (i == 0) len = b->payload_bytes - SLC_PAYLOAD_OVERHEAD;
        uint8_t *plaintext = malloc(len + 1);
        b->packet[i] = malloc(b->packet_bytes);
        assert_non_null(plaintext);
        assert_non_null(b->packet[i]);
        slc_random_bytes(&rng, plaintext, len);
        b->plaintext[i] = slc_bytes(plaintext, len);
    }
}

static void empty(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        free((void *)(uintptr_t)b->plaintext[i].data);
        free(b->packet[i]);
    }
}

static const uint8_t *secret_of(const struct slc_hop *hop)
{
    return slc_test_net_find(&net, hop->address)->secret;
}

static void ask_route(const struct slc_route *route)
{
    slc_ask_u16(&oracle, route->version);
    slc_ask_u8(&oracle, route->hops);
    for (unsigned h = 0; h < route->hops; h++) {
        uint8_t public_key[SLC_KEY_BYTES];
        slc_public_key(public_key, secret_of(route->hop[h]));
        slc_ask_raw(&oracle, route->hop[h]->address, SLC_ADDRESS_BYTES);
        slc_ask_raw(&oracle, public_key, sizeof public_key);
        slc_ask_u64(&oracle, route->delay_ns[h]);
    }
    slc_ask_raw(&oracle, route->destination, sizeof route->destination);
    slc_ask_raw(&oracle, route->identifier, sizeof route->identifier);
}

static void ask_head(char op, const struct batch *b)
{
    slc_ask_u8(&oracle, (unsigned)op);
    slc_ask_u8(&oracle, b->crate);
    slc_ask_u32(&oracle, b->n);
}

static struct slc_reader answer_head(const struct batch *b)
{
    struct slc_reader r = slc_oracle_ask(&oracle);
    assert_int_equal(slc_read_u32(&r), b->n);
    return r;
}

/* The crate opens b->packet at every hop and sees b->route; `last[i]` is what came out, a view of the answer. */
static void crate_opens(const struct batch *b, struct slc_bytes last[BATCH_MAX])
{
    ask_head('o', b);
    for (size_t i = 0; i < b->n; i++) {
        slc_ask_u8(&oracle, b->hops);
        for (unsigned h = 0; h < b->hops; h++) {
            slc_ask_raw(&oracle, secret_of(b->route[i].hop[h]), SLC_KEY_BYTES);
        }
        slc_ask_bytes(&oracle, slc_bytes(b->packet[i], b->packet_bytes));
    }
    struct slc_reader r = answer_head(b);
    for (size_t i = 0; i < b->n; i++) {
        const struct slc_route *route = &b->route[i];
        assert_int_equal(slc_read_u8(&r), b->hops);
        for (unsigned h = 0; h + 1 < b->hops; h++) {
            slc_expect_bytes(slc_read_bytes(&r, 32), slc_bytes(route->hop[h + 1]->address, 32), "the next hop");
            assert_int_equal(slc_read_u64(&r), route->delay_ns[h]);
        }
        assert_int_equal(slc_read_u16(&r), b->version);
        slc_expect_bytes(slc_read_bytes(&r, 32), slc_bytes(route->destination, 32), "the destination");
        slc_expect_bytes(slc_read_bytes(&r, 16), slc_bytes(route->identifier, 16), "the identifier");
        last[i] = slc_answer_bytes(&r);
    }
    slc_oracle_done(&r);
}

/* The same by us; the packets are opened in place. */
static void we_open(const struct batch *b, struct slc_open_job jobs[BATCH_MAX])
{
    memset(jobs, 0, BATCH_MAX * sizeof *jobs);
    for (unsigned h = 0; h < b->hops; h++) {
        for (size_t i = 0; i < b->n; i++) {
            jobs[i].node_secret = secret_of(b->route[i].hop[h]);
            jobs[i].packet = b->packet[i];
            jobs[i].packet_bytes = b->packet_bytes;
        }
        bool last = h + 1 == b->hops;
        enum slc_status status = slc_packets_open(scratch, jobs, b->n);
        if (!last) assert_int_equal(status, SLC_OK);
        for (size_t i = 0; i < b->n; i++) {
            const struct slc_route *route = &b->route[i];
            const uint8_t *to = last ? route->destination : route->hop[h + 1]->address;
            assert_int_equal(jobs[i].version, b->version);
            assert_int_equal(jobs[i].kind, last ? SLC_OPEN_FINAL : SLC_OPEN_FORWARD);
            slc_expect_bytes(slc_bytes(jobs[i].address, 32), slc_bytes(to, 32), "where to");
            if (!last) assert_int_equal(jobs[i].delay_ns, route->delay_ns[h]);
            if (last) slc_expect_bytes(slc_bytes(jobs[i].identifier, 16), slc_bytes(route->identifier, 16), "the id");
        }
    }
}

/* ---- packets ---- */

static void we_build(struct batch *b)
{
    struct slc_packet_job jobs[BATCH_MAX];
    for (size_t i = 0; i < b->n; i++) {
        jobs[i] = (struct slc_packet_job){
            .route = b->route[i], .plaintext = b->plaintext[i], .payload_bytes = b->payload_bytes, .out = b->packet[i]};
    }
    assert_int_equal(slc_packets_build(scratch, jobs, b->n), SLC_OK);
}

static void crate_builds(struct batch *b)
{
    ask_head('b', b);
    for (size_t i = 0; i < b->n; i++) {
        ask_route(&b->route[i]);
        slc_ask_u32(&oracle, b->payload_bytes);
        slc_ask_bytes(&oracle, b->plaintext[i]);
    }
    struct slc_reader r = answer_head(b);
    for (size_t i = 0; i < b->n; i++) {
        struct slc_bytes packet = slc_answer_bytes(&r);
        assert_int_equal(packet.len, b->packet_bytes);
        memcpy(b->packet[i], packet.data, packet.len);
    }
    slc_oracle_done(&r);
}

/* Calls `act` with a batch of random packets for every crate, version, size and route length. Returns how many. */
static size_t for_every_packet(void (*act)(struct batch *b))
{
    size_t packets = 0;
    static struct batch b;
    for (size_t c = 0; c < 2; c++) {
        for (size_t v = 0; v < 3; v++) {
            for (size_t s = 0; s < 5; s++) {
                for (unsigned hops = 1; hops <= SLC_MAX_HOPS; hops++) {
                    b.crate = crates[c];
                    b.version = versions[v];
                    b.hops = hops;
                    b.n = EACH;
                    b.payload_bytes = slc_plaintext_bytes(sizes[s]) + SLC_PAYLOAD_OVERHEAD;
                    fill(&b);
                    act(&b);
                    empty(&b);
                    packets += b.n;
                }
            }
        }
    }
    return packets;
}

static void build_here_open_there(struct batch *b)
{
    struct slc_bytes last[BATCH_MAX];
    we_build(b);
    crate_opens(b, last);
    for (size_t i = 0; i < b->n; i++) {
        slc_expect_bytes(last[i], b->plaintext[i], "the plaintext");
    }
}

static void build_there_open_here(struct batch *b)
{
    static struct slc_open_job jobs[BATCH_MAX];
    crate_builds(b);
    we_open(b, jobs);
    for (size_t i = 0; i < b->n; i++) {
        assert_int_equal(jobs[i].status, SLC_OK);
        slc_expect_bytes(jobs[i].plaintext, b->plaintext[i], "the plaintext");
    }
}

static void packets_we_build_are_opened_by_the_crates(void **state)
{
    (void)state;
    size_t packets = for_every_packet(build_here_open_there);
    print_message("%zu packets built here, opened there\n", packets);
    assert_true(packets >= 10000);
}

static void packets_the_crates_build_are_opened_by_us(void **state)
{
    (void)state;
    size_t packets = for_every_packet(build_there_open_here);
    print_message("%zu packets built there, opened here\n", packets);
    assert_true(packets >= 10000);
}

/* ---- SURBs ---- */

struct surbs {
    uint8_t surb[BATCH_MAX][SLC_SURB_MAX_BYTES];
    size_t len[BATCH_MAX];
    uint8_t recovery[BATCH_MAX][SLC_RECOVERY_MAX_BYTES];
};

static size_t recovery_bytes(const struct batch *b)
{
    return SLC_IDENTIFIER_BYTES + SLC_PAYLOAD_SEED_BYTES * (size_t)b->hops;
}

static void we_make(const struct batch *b, struct surbs *s)
{
    struct slc_surb_job jobs[BATCH_MAX];
    bool single = b->version == SLC_SPHINX_SINGLE_SEED;
    for (size_t i = 0; i < b->n; i++) {
        jobs[i] =
            (struct slc_surb_job){.route = b->route[i], .out = s->surb[i], .recovery = single ? s->recovery[i] : NULL};
    }
    assert_int_equal(slc_surbs_build(scratch, jobs, b->n), SLC_OK);
    for (size_t i = 0; i < b->n; i++) {
        s->len[i] = jobs[i].out_len;
    }
}

static void crate_makes(const struct batch *b, struct surbs *s)
{
    ask_head('s', b);
    for (size_t i = 0; i < b->n; i++) {
        ask_route(&b->route[i]);
    }
    struct slc_reader r = answer_head(b);
    for (size_t i = 0; i < b->n; i++) {
        struct slc_bytes surb = slc_answer_bytes(&r), recovery = slc_answer_bytes(&r);
        assert_in_range(surb.len, SLC_SURB_HEAD_BYTES + 1, SLC_SURB_MAX_BYTES);
        memcpy(s->surb[i], surb.data, surb.len);
        s->len[i] = surb.len;
        if (b->version != SLC_SPHINX_SINGLE_SEED || b->crate == 6) continue;
        assert_int_equal(recovery.len, recovery_bytes(b));
        memcpy(s->recovery[i], recovery.data, recovery.len);
    }
    slc_oracle_done(&r);
}

static void we_use(const struct batch *b, const struct surbs *s)
{
    struct slc_surb_use jobs[BATCH_MAX];
    for (size_t i = 0; i < b->n; i++) {
        jobs[i] = (struct slc_surb_use){.surb = slc_bytes(s->surb[i], s->len[i]),
                                        .explicit_keys = b->version == SLC_SPHINX_EXPLICIT_KEYS,
                                        .plaintext = b->plaintext[i],
                                        .payload_bytes = b->payload_bytes,
                                        .out = b->packet[i]};
    }
    assert_int_equal(slc_surbs_use(scratch, jobs, b->n), SLC_OK);
    for (size_t i = 0; i < b->n; i++) {
        slc_expect_bytes(slc_bytes(jobs[i].first_hop, 32), slc_bytes(b->route[i].hop[0]->address, 32), "first hop");
    }
}

static void crate_uses(const struct batch *b, const struct surbs *s)
{
    ask_head('u', b);
    for (size_t i = 0; i < b->n; i++) {
        slc_ask_bytes(&oracle, slc_bytes(s->surb[i], s->len[i]));
        slc_ask_u32(&oracle, b->payload_bytes);
        slc_ask_bytes(&oracle, b->plaintext[i]);
    }
    struct slc_reader r = answer_head(b);
    for (size_t i = 0; i < b->n; i++) {
        slc_expect_bytes(slc_read_bytes(&r, 32), slc_bytes(b->route[i].hop[0]->address, 32), "the first hop");
        struct slc_bytes packet = slc_answer_bytes(&r);
        assert_int_equal(packet.len, b->packet_bytes);
        memcpy(b->packet[i], packet.data, packet.len);
    }
    slc_oracle_done(&r);
}

/* Made here, used there: the reply comes to us. */
static void make_here_use_there(struct batch *b)
{
    static struct surbs s;
    static struct slc_open_job jobs[BATCH_MAX];
    we_make(b, &s);
    crate_uses(b, &s);
    we_open(b, jobs);
    for (size_t i = 0; i < b->n; i++) {
        struct slc_bytes plaintext = jobs[i].plaintext;
        if (b->version == SLC_SPHINX_SINGLE_SEED) {
            struct slc_bytes recovery = slc_bytes(s.recovery[i], recovery_bytes(b));
            uint8_t *payload = b->packet[i] + SLC_HEADER_BYTES;
            assert_int_equal(jobs[i].status, b->hops == 1 ? SLC_OK : SLC_BAD_PAYLOAD);
            assert_int_equal(slc_surb_recover(recovery, payload, b->payload_bytes, &plaintext), SLC_OK);
        } else {
            assert_int_equal(jobs[i].status, SLC_OK);
        }
        slc_expect_bytes(plaintext, b->plaintext[i], "the reply");
    }
}

static void crate_recovers(const struct batch *b, const struct surbs *s, const struct slc_bytes last[BATCH_MAX])
{
    slc_ask_u8(&oracle, 'r');
    slc_ask_u32(&oracle, b->n);
    for (size_t i = 0; i < b->n; i++) {
        slc_ask_bytes(&oracle, slc_bytes(s->recovery[i], recovery_bytes(b)));
        slc_ask_bytes(&oracle, last[i]);
    }
    struct slc_reader r = answer_head(b);
    for (size_t i = 0; i < b->n; i++) {
        slc_expect_bytes(slc_answer_bytes(&r), b->plaintext[i], "the recovered reply");
    }
    slc_oracle_done(&r);
}

/* Made there, used here: the reply comes to the crate. */
static void make_there_use_here(struct batch *b)
{
    static struct surbs s;
    struct slc_bytes last[BATCH_MAX];
    crate_makes(b, &s);
    we_use(b, &s);
    crate_opens(b, last);
    if (b->version == SLC_SPHINX_SINGLE_SEED && b->hops > 1) {
        crate_recovers(b, &s, last);
        return;
    }
    for (size_t i = 0; i < b->n; i++) {
        slc_expect_bytes(last[i], b->plaintext[i], "the reply");
    }
}

static size_t for_every_surb(unsigned crate, uint16_t version, void (*act)(struct batch *b))
{
    size_t surbs = 0;
    static struct batch b;
    for (size_t s = 0; s < 5; s++) {
        for (unsigned hops = 1; hops <= SLC_MAX_HOPS; hops++) {
            /* With explicit keys the network knows four hops only. */
            if (version == SLC_SPHINX_EXPLICIT_KEYS && hops != 4) continue;
            b.crate = crate;
            b.version = version;
            b.hops = hops;
            b.n = SURBS_EACH;
            b.payload_bytes = slc_plaintext_bytes(sizes[s]) + SLC_PAYLOAD_OVERHEAD;
            fill(&b);
            act(&b);
            empty(&b);
            surbs += b.n;
        }
    }
    return surbs;
}

static void surbs_we_make_are_used_by_the_crates(void **state)
{
    (void)state;
    size_t surbs = for_every_surb(6, SLC_SPHINX_SEEDS, make_here_use_there);
    surbs += for_every_surb(6, SLC_SPHINX_SINGLE_SEED, make_here_use_there);
    surbs += for_every_surb(8, SLC_SPHINX_SEEDS, make_here_use_there);
    surbs += for_every_surb(8, SLC_SPHINX_SINGLE_SEED, make_here_use_there);
    print_message("%zu SURBs made here, used there\n", surbs);
    assert_true(surbs >= 10000);
}

static void surbs_the_crates_make_are_used_by_us(void **state)
{
    (void)state;
    /* Twice the newer ones: 0.6.0 knows no single seed, and explicit keys have one length only. */
    size_t surbs = for_every_surb(6, SLC_SPHINX_EXPLICIT_KEYS, make_there_use_here);
    surbs += for_every_surb(6, SLC_SPHINX_SEEDS, make_there_use_here);
    for (unsigned i = 0; i < 2; i++) {
        surbs += for_every_surb(8, SLC_SPHINX_SEEDS, make_there_use_here);
        surbs += for_every_surb(8, SLC_SPHINX_SINGLE_SEED, make_there_use_here);
    }
    print_message("%zu SURBs made there, used here\n", surbs);
    assert_true(surbs >= 10000);
}

/* ---- what both refuse ---- */

static void a_changed_packet_is_refused_by_both(void **state)
{
    (void)state;
    static struct batch b = {.crate = 8, .version = SLC_SPHINX_SEEDS, .hops = 4, .n = BATCH_MAX};
    static struct slc_open_job jobs[BATCH_MAX];
    b.payload_bytes = slc_plaintext_bytes(SLC_SIZE_ACK) + SLC_PAYLOAD_OVERHEAD;
    fill(&b);
    we_build(&b);
    ask_head('o', &b);
    for (size_t i = 0; i < b.n; i++) {
        /* A bit of MAC or routing information; alpha's top bit alone would not matter. */
        size_t bit = 32 * 8 + slc_random_below(&rng, (SLC_HEADER_BYTES - 32) * 8);
        b.packet[i][bit / 8] ^= (uint8_t)(1u << bit % 8);
        slc_ask_u8(&oracle, 1);
        slc_ask_raw(&oracle, secret_of(b.route[i].hop[0]), SLC_KEY_BYTES);
        slc_ask_bytes(&oracle, slc_bytes(b.packet[i], b.packet_bytes));
        jobs[i] = (struct slc_open_job){
            .node_secret = secret_of(b.route[i].hop[0]), .packet = b.packet[i], .packet_bytes = b.packet_bytes};
    }
    struct slc_reader r = answer_head(&b);
    assert_int_equal(slc_packets_open(scratch, jobs, b.n), SLC_PARTIAL);
    for (size_t i = 0; i < b.n; i++) {
        assert_int_equal(slc_read_u8(&r), 0);
        assert_int_equal(jobs[i].status, SLC_BAD_MAC);
    }
    slc_oracle_done(&r);
    empty(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_we_build_are_opened_by_the_crates),
        cmocka_unit_test(packets_the_crates_build_are_opened_by_us),
        cmocka_unit_test(surbs_we_make_are_used_by_the_crates),
        cmocka_unit_test(surbs_the_crates_make_are_used_by_us),
        cmocka_unit_test(a_changed_packet_is_refused_by_both),
    };
    slc_oracle_start(&oracle);
    slc_test_random(&rng, 1);
    slc_test_net_new(&net, NODES, &rng);
    if (slc_sphinx_scratch_new(&scratch, BATCH_MAX) != SLC_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    slc_sphinx_scratch_free(scratch);
    slc_test_net_free(&net);
    slc_oracle_stop(&oracle);
    return failed;
}
