/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/routes.h"

#include <stdlib.h>

#include "crypto/base/cpu.h"

/*
 * Batches: whatever stands beside a job, however many there are, in whatever order and on whatever instructions, the
 * job's bytes are the same, and they open.
 */

enum { NODES = 40, LARGEST = 1024 };

static struct slc_test_net net;
static struct slc_sphinx_scratch *scratch;

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

/* Random jobs and all their memory. */
struct jobs {
    size_t n;
    struct slc_packet_job *job;
    uint8_t (*random)[SLC_ROUTE_RANDOM_MAX];
    uint8_t *plaintext; /* of all jobs: slices of one random text */
};

static size_t random_payload_bytes(struct slc_random *random)
{
    static const enum slc_packet_size SIZES[] = {SLC_SIZE_EXTENDED_8, SLC_SIZE_EXTENDED_16, SLC_SIZE_EXTENDED_32};
    uint32_t draw = slc_random_below(random, 64);
    if (draw < 3) return slc_plaintext_bytes(SIZES[draw]) + SLC_PAYLOAD_OVERHEAD;
    if (draw < 6) return 33 + slc_random_below(random, 300);
    return slc_plaintext_bytes(draw < 35 ? SLC_SIZE_REGULAR : SLC_SIZE_ACK) + SLC_PAYLOAD_OVERHEAD;
}

static struct jobs jobs_new(size_t n, struct slc_random *random)
{
    struct jobs jobs = {n, calloc(n, sizeof *jobs.job), calloc(n, sizeof *jobs.random), malloc(1 << 15)};
    slc_random_bytes(random, jobs.plaintext, 1 << 15);
    for (size_t i = 0; i < n; i++) {
        struct slc_packet_job *job = &jobs.job[i];
        uint8_t hops = (uint8_t)(1 + slc_random_below(random, SLC_MAX_HOPS));
        uint16_t version = (uint16_t)(SLC_SPHINX_EXPLICIT_KEYS + slc_random_below(random, 3));
        slc_test_net_route(&net, &job->route, hops, version, random, jobs.random[i]);
        job->payload_bytes = random_payload_bytes(random);
        size_t room = job->payload_bytes - SLC_PAYLOAD_OVERHEAD;
        size_t len = slc_random_below(random, 2) ? room : slc_random_below(random, (uint32_t)room + 1);
        job->plaintext = slc_bytes(jobs.plaintext + slc_random_below(random, (1U << 15) - (uint32_t)len + 1), len);
        job->out = calloc(1, SLC_HEADER_BYTES + job->payload_bytes);
    }
    return jobs;
}

static void jobs_free(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->n; i++) {
        free(jobs->job[i].out);
    }
    free(jobs->job);
    free(jobs->random);
    free(jobs->plaintext);
}

static struct slc_bytes packet_of(const struct slc_packet_job *job)
{
    return slc_bytes(job->out, SLC_HEADER_BYTES + job->payload_bytes);
}

/* Copies of all packets, and their release. */
static uint8_t **keep_packets(const struct jobs *jobs)
{
    uint8_t **kept = calloc(jobs->n, sizeof *kept);
    for (size_t i = 0; i < jobs->n; i++) {
        struct slc_bytes packet = packet_of(&jobs->job[i]);
        kept[i] = malloc(packet.len);
        memcpy(kept[i], packet.data, packet.len);
    }
    return kept;
}

static void free_packets(uint8_t **kept, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(kept[i]);
    }
    free(kept);
}

static void expect_packets(const struct jobs *jobs, uint8_t *const *kept, const char *what)
{
    for (size_t i = 0; i < jobs->n; i++) {
        struct slc_bytes packet = packet_of(&jobs->job[i]);
        assert_int_equal(jobs->job[i].status, SLC_OK);
        slc_expect_bytes(packet, slc_bytes(kept[i], packet.len), what);
    }
}

static void shuffle(size_t *order, size_t n, struct slc_random *random)
{
    for (size_t i = 0; i < n; i++) {
        order[i] = i;
    }
    for (size_t i = n; i > 1; i--) {
        size_t j = slc_random_below(random, (uint32_t)i);
        size_t swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
}

static void expect_final(const struct slc_packet_job *built, const struct slc_open_job *opened)
{
    assert_int_equal(opened->kind, SLC_OPEN_FINAL);
    assert_memory_equal(opened->address, built->route.destination, sizeof opened->address);
    assert_memory_equal(opened->identifier, built->route.identifier, sizeof opened->identifier);
    slc_expect_bytes(opened->plaintext, built->plaintext, "plaintext");
}

/* Opens all packets hop by hop, each time in a new order, each at the node its last hop named. */
static void expect_all_open(const struct jobs *jobs, struct slc_random *random)
{
    size_t *order = calloc(jobs->n, sizeof *order);
    size_t *index = calloc(jobs->n, sizeof *index);
    struct slc_open_job *open = calloc(jobs->n, sizeof *open);
    for (unsigned hop = 0; hop < SLC_MAX_HOPS; hop++) {
        size_t n = 0;
        shuffle(order, jobs->n, random);
        for (size_t i = 0; i < jobs->n; i++) {
            const struct slc_packet_job *job = &jobs->job[order[i]];
            if (hop >= job->route.hops) continue;
            index[n] = order[i];
            open[n++] = (struct slc_open_job){
                .node_secret = slc_test_net_find(&net, job->route.hop[hop]->address)->secret,
                .packet = job->out,
                .packet_bytes = SLC_HEADER_BYTES + job->payload_bytes,
            };
        }
        assert_int_equal(slc_packets_open(scratch, open, n), SLC_OK);
        for (size_t i = 0; i < n; i++) {
            const struct slc_packet_job *job = &jobs->job[index[i]];
            assert_int_equal(open[i].status, SLC_OK);
            assert_int_equal(open[i].version, job->route.version);
            if (hop + 1 == job->route.hops) {
                expect_final(job, &open[i]);
            } else {
                assert_int_equal(open[i].kind, SLC_OPEN_FORWARD);
                assert_int_equal(open[i].delay_ns, job->route.delay_ns[hop]);
                assert_memory_equal(open[i].address, job->route.hop[hop + 1]->address, SLC_ADDRESS_BYTES);
            }
        }
    }
    free(order);
    free(index);
    free(open);
}

static void batches_of_every_size_give_the_bytes_of_single_packets_on_every_cpu_level(void **state)
{
    (void)state;
    static const size_t SIZES[] = {1, 2, 7, 8, 9, 15, 16, 17, 511, LARGEST};
    enum slc_cpu before = slc_cpu();
    struct slc_random random;
    slc_test_random(&random, 1);
    for (size_t s = 0; s < sizeof SIZES / sizeof SIZES[0]; s++) {
        struct jobs jobs = jobs_new(SIZES[s], &random);
        assert_int_equal(slc_cpu_force(before, NULL), SLC_OK);
        for (size_t i = 0; i < jobs.n; i++) {
            assert_int_equal(slc_packets_build(scratch, &jobs.job[i], 1), SLC_OK);
        }
        uint8_t **alone = keep_packets(&jobs);
        for (enum slc_cpu level = SLC_CPU_PORTABLE; level < SLC_CPU_COUNT; level++) {
            if (slc_cpu_force(level, NULL) != SLC_OK) continue;
            assert_int_equal(slc_packets_build(scratch, jobs.job, jobs.n), SLC_OK);
            expect_packets(&jobs, alone, slc_cpu_name(level));
            expect_all_open(&jobs, &random);
        }
        free_packets(alone, jobs.n);
        jobs_free(&jobs);
    }
    assert_int_equal(slc_cpu_force(before, NULL), SLC_OK);
}

static void the_order_of_jobs_changes_no_byte(void **state)
{
    (void)state;
    struct slc_random random;
    slc_test_random(&random, 2);
    struct jobs jobs = jobs_new(100, &random);
    struct slc_packet_job *mixed = calloc(jobs.n, sizeof *mixed);
    size_t order[100];
    assert_int_equal(slc_packets_build(scratch, jobs.job, jobs.n), SLC_OK);
    uint8_t **kept = keep_packets(&jobs);
    for (int round = 0; round < 4; round++) {
        shuffle(order, jobs.n, &random);
        for (size_t i = 0; i < jobs.n; i++) {
            mixed[i] = jobs.job[order[i]];
        }
        assert_int_equal(slc_packets_build(scratch, mixed, jobs.n), SLC_OK);
        expect_packets(&jobs, kept, "another order");
    }
    free_packets(kept, jobs.n);
    free(mixed);
    jobs_free(&jobs);
}

static void an_ack_is_built_inside_the_data_packet_that_carries_it(void **state)
{
    (void)state;
    enum { N = 37, OFFSET = 19, AT = SLC_HEADER_BYTES + SLC_PAYLOAD_OVERHEAD - 1 + OFFSET };
    static uint8_t plaintext[N][2048], data[N][SLC_REGULAR_PACKET_BYTES], ack[N][SLC_ACK_PACKET_BYTES];
    static uint8_t both[N][SLC_REGULAR_PACKET_BYTES], randomness[2 * N][SLC_ROUTE_RANDOM_MAX];
    static struct slc_packet_job jobs[2 * N];
    struct slc_random random;
    slc_test_random(&random, 6);
    slc_random_bytes(&random, plaintext, sizeof plaintext);
    for (unsigned i = 0; i < 2 * N; i++) {
        bool is_ack = i >= N;
        uint8_t hops = (uint8_t)(1 + slc_random_below(&random, SLC_MAX_HOPS));
        slc_test_net_route(&net, &jobs[i].route, hops, SLC_SPHINX_SEEDS, &random, randomness[i]);
        jobs[i].plaintext = slc_bytes(plaintext[i % N], is_ack ? SLC_ACK_PLAINTEXT_BYTES : sizeof plaintext[0]);
        jobs[i].payload_bytes = jobs[i].plaintext.len + SLC_PAYLOAD_OVERHEAD;
        jobs[i].out = is_ack ? both[i - N] + AT : both[i];
    }
    enum slc_cpu before = slc_cpu();
    for (enum slc_cpu level = SLC_CPU_PORTABLE; level < SLC_CPU_COUNT; level++) {
        if (slc_cpu_force(level, NULL) != SLC_OK) continue;
        assert_int_equal(slc_packets_build(scratch, jobs, 2 * N), SLC_OK);
        for (unsigned i = 0; i < N; i++) {
            /* The same one after the other: the ack, its bytes into the plaintext, the data packet. */
            struct slc_packet_job first = jobs[N + i], then = jobs[i];
            uint8_t whole[sizeof plaintext[0]];
            first.out = ack[i];
            assert_int_equal(slc_packets_build(scratch, &first, 1), SLC_OK);
            memcpy(whole, plaintext[i], sizeof whole);
            memcpy(whole + OFFSET, ack[i], sizeof ack[i]);
            then.plaintext.data = whole;
            then.out = data[i];
            assert_int_equal(slc_packets_build(scratch, &then, 1), SLC_OK);
            assert_memory_equal(both[i], data[i], sizeof data[i]);
        }
    }
    assert_int_equal(slc_cpu_force(before, NULL), SLC_OK);
}

/* Breaks a job in one of the ways a caller can; what it must then be told. */
static enum slc_status break_job(struct slc_packet_job *job, unsigned way)
{
    static const struct slc_hop no_key = {.key = NULL};
    switch (way) {
    case 0:
        job->route.hops = 0;
        return SLC_BAD_ROUTE;
    case 1:
        job->route.hops = SLC_MAX_HOPS + 1;
        return SLC_BAD_ROUTE;
    case 2:
        job->route.hop[job->route.hops - 1] = NULL;
        return SLC_BAD_ROUTE;
    case 3:
        job->route.hop[0] = &no_key;
        return SLC_BAD_ROUTE;
    case 4:
        job->route.random = NULL;
        return SLC_BAD_ROUTE;
    case 5:
        job->route.version = 257;
        return SLC_UNSUPPORTED;
    case 6:
        job->plaintext.len = job->payload_bytes - SLC_PAYLOAD_OVERHEAD + 1;
        return SLC_BAD_PAYLOAD;
    case 7:
        job->payload_bytes = 32;
        return SLC_BAD_PAYLOAD;
    default:
        job->payload_bytes = SLC_LARGEST_PACKET_BYTES - SLC_HEADER_BYTES + 1;
        return SLC_BAD_PAYLOAD;
    }
}

static void a_bad_job_fails_alone_and_its_memory_is_not_touched(void **state)
{
    (void)state;
    enum { N = 90, WAYS = 9 };
    struct slc_random random;
    slc_test_random(&random, 3);
    struct jobs jobs = jobs_new(N, &random);
    assert_int_equal(slc_packets_build(scratch, jobs.job, N), SLC_OK);
    uint8_t **kept = keep_packets(&jobs);
    struct slc_packet_job sound[N];
    enum slc_status wanted[N];
    memcpy(sound, jobs.job, sizeof sound);
    for (unsigned i = 0; i < N; i++) {
        memset(jobs.job[i].out, 0xee, SLC_HEADER_BYTES + jobs.job[i].payload_bytes);
        wanted[i] = i % 3 == 1 ? break_job(&jobs.job[i], i / 3 % WAYS) : SLC_OK;
    }
    assert_int_equal(slc_packets_build(scratch, jobs.job, N), SLC_PARTIAL);
    for (unsigned i = 0; i < N; i++) {
        struct slc_bytes packet = packet_of(&sound[i]);
        assert_int_equal(jobs.job[i].status, wanted[i]);
        struct slc_bytes untouched = slc_vec_repeat(0xee, packet.len);
        slc_expect_bytes(packet, wanted[i] == SLC_OK ? slc_bytes(kept[i], packet.len) : untouched, "packet");
    }
    free_packets(kept, N);
    jobs_free(&jobs);
}

static void a_bad_packet_fails_alone_and_one_with_a_bad_mac_is_left_as_it_came(void **state)
{
    (void)state;
    enum { N = 150 };
    struct slc_random random;
    slc_test_random(&random, 4);
    struct jobs jobs = jobs_new(N, &random);
    struct slc_open_job open[N];
    struct slc_open_job sound[N];
    assert_int_equal(slc_packets_build(scratch, jobs.job, N), SLC_OK);
    for (unsigned i = 0; i < N; i++) {
        struct slc_packet_job *job = &jobs.job[i];
        open[i] = (struct slc_open_job){.node_secret = slc_test_net_find(&net, job->route.hop[0]->address)->secret,
                                        .packet = job->out,
                                        .packet_bytes = SLC_HEADER_BYTES + job->payload_bytes};
    }
    uint8_t **came = keep_packets(&jobs);
    memcpy(sound, open, sizeof sound);
    assert_int_equal(slc_packets_open(scratch, sound, N), SLC_OK);
    uint8_t **opened = keep_packets(&jobs);

    for (unsigned i = 0; i < N; i++) {
        memcpy(open[i].packet, came[i], open[i].packet_bytes);
        if (i % 5 == 1) {
            came[i][32 + slc_random_below(&random, 316)] ^= 0x10;
            memcpy(open[i].packet, came[i], open[i].packet_bytes);
        } else if (i % 5 == 3) {
            open[i].packet_bytes = slc_random_below(&random, SLC_PACKET_OVERHEAD);
        }
    }
    assert_int_equal(slc_packets_open(scratch, open, N), SLC_PARTIAL);
    for (unsigned i = 0; i < N; i++) {
        bool bad = i % 5 == 1 || i % 5 == 3;
        struct slc_bytes packet = packet_of(&jobs.job[i]);
        assert_int_equal(open[i].status, i % 5 == 1 ? SLC_BAD_MAC : i % 5 == 3 ? SLC_TOO_SHORT : SLC_OK);
        slc_expect_bytes(packet, slc_bytes(bad ? came[i] : opened[i], packet.len), "packet");
        if (!bad) {
            assert_memory_equal(open[i].tag, sound[i].tag, sizeof sound[i].tag);
        }
    }
    free_packets(came, N);
    free_packets(opened, N);
    jobs_free(&jobs);
}

/* SURBs of both kinds beside each other, used in one batch, and taken to their creators. */
static void surbs_carry_replies_in_batches(void **state)
{
    (void)state;
    enum { N = 77, PAYLOAD = 2048 + SLC_PAYLOAD_OVERHEAD };
    struct slc_random random;
    slc_test_random(&random, 5);
    struct jobs jobs = jobs_new(N, &random);
    static struct slc_surb_job surb[N];
    static struct slc_surb_use use[N];
    static uint8_t bytes[N][SLC_SURB_MAX_BYTES];
    static uint8_t recovery[N][SLC_RECOVERY_MAX_BYTES];
    static uint8_t packet[N][SLC_REGULAR_PACKET_BYTES];
    for (unsigned i = 0; i < N; i++) {
        surb[i] = (struct slc_surb_job){.route = jobs.job[i].route, .out = bytes[i], .recovery = recovery[i]};
        surb[i].route.version = i % 2 ? SLC_SPHINX_SEEDS : SLC_SPHINX_SINGLE_SEED;
    }
    surb[40].route.version = SLC_SPHINX_EXPLICIT_KEYS;
    assert_int_equal(slc_surbs_build(scratch, surb, N), SLC_PARTIAL);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(surb[i].status, i == 40 ? SLC_BAD_SURB : SLC_OK);
        use[i] = (struct slc_surb_use){.surb = slc_bytes(bytes[i], surb[i].out_len),
                                       .plaintext = slc_bytes(jobs.plaintext + i, 2048 - i),
                                       .payload_bytes = PAYLOAD,
                                       .out = packet[i]};
    }
    assert_int_equal(slc_surbs_use(scratch, use, N), SLC_PARTIAL);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(use[i].status, i == 40 ? SLC_BAD_SURB : SLC_OK);
        if (i == 40) continue;
        struct slc_open_job job = {.address = {0}};
        memcpy(job.address, use[i].first_hop, sizeof job.address);
        do {
            const struct slc_test_node *node = slc_test_net_find(&net, job.address);
            job = slc_test_open(node->secret, packet[i], sizeof packet[i]);
        } while (job.kind == SLC_OPEN_FORWARD && job.status == SLC_OK);
        assert_int_equal(job.kind, SLC_OPEN_FINAL);
        if (surb[i].route.version == SLC_SPHINX_SINGLE_SEED) {
            struct slc_bytes material = slc_bytes(recovery[i], 16 + 16 * (size_t)surb[i].route.hops);
            assert_int_equal(slc_surb_recover(material, packet[i] + SLC_HEADER_BYTES, PAYLOAD, &job.plaintext), SLC_OK);
        } else {
            assert_int_equal(job.status, SLC_OK);
        }
        slc_expect_bytes(job.plaintext, use[i].plaintext, "reply");
    }
    jobs_free(&jobs);
}

static void a_batch_larger_than_its_scratch_is_refused(void **state)
{
    (void)state;
    struct slc_sphinx_scratch *small = NULL;
    struct slc_packet_job job[3] = {{.status = SLC_OK}};
    struct slc_open_job open[3] = {{.status = SLC_OK}};
    assert_int_equal(slc_sphinx_scratch_new(&small, 0), SLC_BAD_ARGUMENT);
    assert_null(small);
    assert_int_equal(slc_sphinx_scratch_new(&small, 2), SLC_OK);
    assert_int_equal(slc_packets_build(small, job, 3), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_packets_open(small, open, 3), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_packets_build(small, job, 0), SLC_OK);
    assert_int_equal(slc_packets_open(small, open, 0), SLC_OK);
    slc_sphinx_scratch_free(small);
    slc_sphinx_scratch_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_of_every_size_give_the_bytes_of_single_packets_on_every_cpu_level),
        cmocka_unit_test(the_order_of_jobs_changes_no_byte),
        cmocka_unit_test(an_ack_is_built_inside_the_data_packet_that_carries_it),
        cmocka_unit_test(a_bad_job_fails_alone_and_its_memory_is_not_touched),
        cmocka_unit_test(a_bad_packet_fails_alone_and_one_with_a_bad_mac_is_left_as_it_came),
        cmocka_unit_test(surbs_carry_replies_in_batches),
        cmocka_unit_test(a_batch_larger_than_its_scratch_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
