/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/vectors.h"

/* When packets leave: the drawn times and nothing else, with and without messages; and what it costs in memory. */

/* ---- malloc() as seen from the clients' code: allocations are counted while it runs ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *memory, size_t size);

static uint64_t allocations;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NO_HOOKS 1
#endif
#endif
#ifndef NO_HOOKS
#define HOOKS 1
void *malloc(size_t size)
{
    allocations += mininet_inside;
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    allocations += mininet_inside;
    return __libc_calloc(n, size);
}

void *realloc(void *memory, size_t size)
{
    allocations += mininet_inside;
    return __libc_realloc(memory, size);
}
#endif
#endif

static int by_time(const void *a, const void *b)
{
    slc_time x = *(const slc_time *)a, y = *(const slc_time *)b;
    return (x > y) - (x < y);
}

/* The Kolmogorov-Smirnov distance of the gaps between sorted times from Exp(mean). */
static double distance(slc_time *times, size_t n, double mean)
{
    qsort(times, n, sizeof *times, by_time);
    for (size_t i = 0; i + 1 < n; i++) {
        times[i] = times[i + 1] - times[i];
    }
    n--;
    qsort(times, n, sizeof *times, by_time);
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double f = 1 - exp(-(double)times[i] / mean);
        worst = fmax(worst, fmax(fabs(f - (double)i / (double)n), fabs(f - (double)(i + 1) / (double)n)));
    }
    return worst;
}

/* One client's main stream for `seconds`; every `every` a message. */
static struct mininet *stream(uint64_t seed, slc_time seconds, slc_time every, slc_time look_ahead, slc_time step)
{
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.loop_mean = 0;
    traffic.look_ahead = traffic.look_ahead_min = look_ahead;
    struct mininet *net = mininet_new(seed, 2, &traffic, 256);
    net->step = step;
    mininet_ready(net);
    net->record_dues = true;
    static const uint8_t data[1000];
    for (slc_time t = 0; t < seconds * SLC_SECOND; t += every) {
        if (every < seconds * SLC_SECOND) {
            assert_int_equal(mininet_send(net, 0, 1, t, data, sizeof data, false, 0), SLC_OK);
        }
        mininet_run(net, every);
    }
    return net;
}

static void expect_exponential(struct mininet *net)
{
    struct mininet_client *k = &net->client[0];
    size_t n = k->due_count;
    assert_true(n > 2500);
    double mean = 20e6;
    double critical = 1.63 / sqrt((double)(n - 1)); /* 1 % */
    double d = distance(k->dues, n, mean);
    if (d > critical) fail_msg("distance %.4f of %zu gaps, critical %.4f", d, n, critical);
    assert_int_equal(slc_clients_counters(net->clients)->slots_late, 0);
}

static void idle_slots_are_poisson(void **state)
{
    (void)state;
    struct mininet *net = stream(11, 60, 60 * SLC_SECOND, 20 * SLC_MILLISECOND, SLC_MILLISECOND);
    expect_exponential(net);
    mininet_free(net);
}

static void messages_do_not_move_slots(void **state)
{
    (void)state;
    struct mininet *net = stream(21, 60, 30 * SLC_MILLISECOND, 20 * SLC_MILLISECOND, SLC_MILLISECOND);
    expect_exponential(net);
    assert_true(slc_clients_counters(net->clients)->real_sent > 1900);
    mininet_free(net);
}

static void overload_does_not_move_slots(void **state)
{
    (void)state;
    struct mininet *net = stream(13, 60, 10 * SLC_MILLISECOND, 20 * SLC_MILLISECOND, SLC_MILLISECOND);
    expect_exponential(net);
    assert_true(slc_clients_queue(net->clients, 0) > 2000);
    mininet_free(net);
}

static void other_look_aheads_do_not_move_slots(void **state)
{
    (void)state;
    struct mininet *net = stream(14, 60, 25 * SLC_MILLISECOND, 200 * SLC_MILLISECOND, SLC_MILLISECOND);
    expect_exponential(net);
    mininet_free(net);
    net = stream(15, 60, 25 * SLC_MILLISECOND, 4 * SLC_MILLISECOND, SLC_MILLISECOND);
    expect_exponential(net);
    mininet_free(net);
}

static void a_look_ahead_that_changes_does_not_move_slots(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.loop_mean = 0;
    struct mininet *net = mininet_new(22, 2, &traffic, 256);
    mininet_ready(net);
    net->record_dues = true;
    static const uint8_t data[1000];
    const struct slc_client_counters *n = slc_clients_counters(net->clients);
    uint64_t shortest = UINT64_MAX, longest = 0;
    for (unsigned i = 0; i < 240; i++) {
        /* An owner that is often busy elsewhere fills slots late, and takes more time for the next. */
        net->step = i / 20 % 2 == 0 ? SLC_MILLISECOND : 12 * SLC_MILLISECOND;
        struct slc_client_counters before = *n;
        assert_int_equal(mininet_send(net, 0, 1, i, data, sizeof data, false, 0), SLC_OK);
        mininet_run(net, SLC_SECOND / 4);
        uint64_t mean = (n->look_ahead_ns - before.look_ahead_ns) / (n->batches - before.batches);
        shortest = mean < shortest ? mean : shortest;
        longest = mean > longest ? mean : longest;
    }
    assert_true(shortest < 3 * SLC_MILLISECOND && longest > 15 * SLC_MILLISECOND);
    struct mininet_client *k = &net->client[0];
    double critical = 1.63 / sqrt((double)(k->due_count - 1));
    assert_true(distance(k->dues, k->due_count, 20e6) < critical);
    mininet_free(net);
}

/* The same seed draws the same times, whether there is something to say or not. */
static void a_stall_is_counted_and_does_not_become_a_burst_of_its_length(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    struct mininet *net = mininet_new(16, 1, &traffic, 256);
    mininet_ready(net);
    mininet_run(net, SLC_SECOND);
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    struct slc_client_counters before = *counters;
    net->step = 5 * SLC_SECOND; /* the owner is away */
    mininet_run(net, 10 * SLC_SECOND);
    net->step = SLC_MILLISECOND;
    uint64_t slots = counters->slots - before.slots, missed = counters->slots_missed - before.slots_missed;
    uint64_t late = counters->slots_late - before.slots_late;
    uint64_t cover = counters->cover_sent - before.cover_sent;
    assert_in_range(slots, 250, 750);
    assert_true(missed > 100);
    assert_in_range(late, 30, 160);
    assert_true(counters->slot_lateness_worst_ns <= SLC_SECOND);
    /* Loop cover makes one of a whole backlog. */
    assert_in_range(cover, slots - missed, slots - missed + 4);
    mininet_free(net);
}

static void a_client_without_slots_waits_and_loses_nothing(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    traffic.loop_mean = 0;
    struct mininet *net = mininet_new(17, 2, &traffic, 256);
    mininet_ready(net);
    net->slot_limit = 7;
    net->send_failure = 0.3;
    uint8_t *data = calloc(1, 200000);
    assert_int_equal(mininet_send(net, 0, 1, 1, data, 200000, false, 0), SLC_OK);
    mininet_run(net, 10 * SLC_SECOND);
    assert_int_equal(net->delivery_count, 1);
    assert_int_equal(net->client[0].acked, 1);
    assert_int_equal(slc_clients_counters(net->clients)->retransmitted, 0);
    assert_int_equal(slc_clients_queue(net->clients, 0), 0);
    free(data);
    mininet_free(net);
}

static void unpaced_messages_leave_when_they_are_meant_to(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    traffic.loop_mean = 0;
    struct mininet *net = mininet_new(18, 1, &traffic, 256);
    mininet_ready(net);
    net->record_dues = true;
    slc_time intended = net->now + 500 * SLC_MILLISECOND + 123;
    struct slc_outgoing out = {.index = 0, .memory = malloc(10), .offset = 1, .len = 1, .intended = intended};
    slc_clients_recipient(net->clients, 0, &out.recipient);
    assert_int_equal(slc_clients_send(net->clients, &out, net->now), SLC_OK);
    mininet_run(net, 400 * SLC_MILLISECOND);
    assert_int_equal(net->client[0].due_count, 0);
    mininet_run(net, SLC_SECOND);
    assert_int_equal(net->client[0].due_count, 1);
    assert_true(net->client[0].dues[0] == intended);
    assert_true(net->client[0].sent_at == intended);
    mininet_free(net);
}

static void steady_traffic_allocates_nothing(void **state)
{
    (void)state;
#ifndef HOOKS
    skip();
#endif
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    struct mininet *net = mininet_new(19, 20, &traffic, 256);
    net->keep_deliveries = false;
    mininet_ready(net);
    static const uint8_t data[1200];
    /* The ring of finished sets is the last to stop growing: 16384 per client, so fill it faster than life. */
    uint64_t before = 0;
    for (unsigned round = 0; round < 2; round++) {
        before = allocations;
        for (unsigned i = 0; i < 200; i++) {
            for (uint32_t from = 0; from < 20; from++) {
                assert_int_equal(mininet_send(net, from, (from + 1) % 20, i, data, sizeof data, false, 0), SLC_OK);
            }
            mininet_run(net, 25 * SLC_MILLISECOND);
        }
    }
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_true(counters->real_sent > 7000);
    assert_true(counters->cover_sent > 1000);
    /* Growth of tables by doubling, far from one per packet. */
    uint64_t grown = allocations - before;
    print_message("%u allocations for %u packets\n", (unsigned)grown, 10000u);
    assert_true(grown < 100);
    mininet_free(net);
}

static void an_idle_client_with_cover_is_small(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    struct mininet *few = mininet_new(20, 10, &traffic, 256);
    struct mininet *many = mininet_new(20, 110, &traffic, 256);
    mininet_ready(few);
    mininet_ready(many);
    /* Not long enough for anybody's key to earn a table: those are shared. */
    mininet_run(few, SLC_SECOND / 2);
    mininet_run(many, SLC_SECOND / 2);
    assert_true(slc_clients_counters(many->clients)->cover_received > 1500);
    size_t each = (slc_clients_memory(many->clients) - slc_clients_memory(few->clients)) / 100;
    print_message("%zu bytes per idle client\n", each);
    assert_in_range(each, 1000, 4096);
    mininet_free(few);
    mininet_free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_slots_are_poisson),
        cmocka_unit_test(messages_do_not_move_slots),
        cmocka_unit_test(overload_does_not_move_slots),
        cmocka_unit_test(other_look_aheads_do_not_move_slots),
        cmocka_unit_test(a_look_ahead_that_changes_does_not_move_slots),
        cmocka_unit_test(a_stall_is_counted_and_does_not_become_a_burst_of_its_length),
        cmocka_unit_test(a_client_without_slots_waits_and_loses_nothing),
        cmocka_unit_test(unpaced_messages_leave_when_they_are_meant_to),
        cmocka_unit_test(steady_traffic_allocates_nothing),
        cmocka_unit_test(an_idle_client_with_cover_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
