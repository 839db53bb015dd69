/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/storage/home.h"

#include "engine/runtime/parker.h"
#include "engine/storage/keeper.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

/* The storage thread between workers and a disk: order, bounds, failures. */

static struct slc_parker told;
static _Atomic unsigned news;

static void on_durable(void *self, unsigned worker)
{
    (void)self;
    (void)worker;
    slc_parker_wake(&told);
}

static void on_news(void *self)
{
    (void)self;
    atomic_fetch_add(&news, 1);
    slc_parker_wake(&told);
}

static struct slc_keeper *start_keeper(struct home *h, unsigned workers, size_t most_bytes)
{
    struct slc_keeper *keeper;
    slc_parker_init(&told, false);
    atomic_store(&news, 0);
    const struct slc_keeper_config config = {.storage = h->storage,
                                             .workers = workers,
                                             .most_bytes = most_bytes,
                                             .retry = 5 * SLC_MILLISECOND,
                                             .durable = on_durable,
                                             .news = on_news};
    home_must(slc_storage_provide(h->storage, workers, &h->random, &h->error), h);
    home_must(slc_keeper_new(&keeper, &config), h);
    home_must(slc_keeper_start(keeper, &h->error), h);
    return keeper;
}

static void await_durable(struct slc_keeper *keeper, unsigned worker, uint64_t sequence)
{
    slc_time end = slc_now() + 30 * SLC_SECOND;
    for (;;) {
        uint32_t ticket = slc_parker_ticket(&told);
        slc_keeper_turn(keeper, worker);
        if (slc_keeper_durable(keeper, worker) >= sequence) return;
        if (slc_now() > end) fail_msg("not durable after 30 s");
        slc_parker_park(&told, ticket, slc_now() + SLC_SECOND);
    }
}

static void await_news(unsigned wanted)
{
    slc_time end = slc_now() + 30 * SLC_SECOND;
    for (;;) {
        uint32_t ticket = slc_parker_ticket(&told);
        if (atomic_load(&news) >= wanted) return;
        if (slc_now() > end) fail_msg("no news after 30 s");
        slc_parker_park(&told, ticket, slc_now() + SLC_SECOND);
    }
}

static void what_is_durable_is_in_the_database(void **state)
{
    struct home *h = *state;
    struct slc_keeper *keeper = start_keeper(h, 1, 0);
    struct sample sample;
    uint64_t lost;
    sample_make(&sample, &h->random, 1);
    assert_int_equal(slc_keeper_keep(keeper, 0, 1, &sample.key), 1);
    assert_int_equal(slc_keeper_keep(keeper, 0, 1, &sample.surbs), 2);
    await_durable(keeper, 0, 2);
    assert_int_equal(home_load(h, 1), 2);
    assert_record_equal(h->loaded[0], &sample.key);
    assert_record_equal(h->loaded[1], &sample.surbs);
    /* Stopping writes what nobody has waited for. */
    assert_int_equal(slc_keeper_keep(keeper, 0, 1, &sample.tag), 3);
    assert_int_equal(slc_keeper_stop(keeper, &lost, &h->error), SLC_OK);
    assert_int_equal(lost, 0);
    slc_keeper_free(keeper);
    assert_int_equal(home_load(h, 1), 3);
}

/* ---- several workers ---- */

enum { WORKERS = 3, EACH = 20000 };

struct clerk {
    struct slc_keeper *keeper;
    unsigned worker;
    bool failed;
};

/* Leases of one block, ever higher; the last is what must be found. */
static void *work(void *argument)
{
    struct clerk *c = argument;
    uint64_t sequence = 0, seen = 0;
    struct slc_client_record lease = {.kind = SLC_RECORD_LEASE, .block = 1};
    while (sequence < EACH) {
        lease.released = (uint32_t)sequence % SAMPLE_SURBS;
        uint64_t kept = slc_keeper_keep(c->keeper, c->worker, c->worker + 1, &lease);
        if (kept == SLC_KEEP_FULL) {
            slc_keeper_turn(c->keeper, c->worker);
            (void)sched_yield();
            continue;
        }
        c->failed |= kept != ++sequence;
        if (sequence % 100 == 0) slc_keeper_turn(c->keeper, c->worker);
        uint64_t durable = slc_keeper_durable(c->keeper, c->worker);
        c->failed |= durable < seen || durable > sequence;
        seen = durable;
    }
    return NULL;
}

static void workers_records_keep_their_order_under_load(void **state)
{
    struct home *h = *state;
    struct slc_keeper *keeper = start_keeper(h, WORKERS, 1 << 20);
    struct clerk clerks[WORKERS];
    pthread_t threads[WORKERS];
    struct sample sample;
    uint64_t lost;
    sample_make(&sample, &h->random, 1);
    for (unsigned i = 0; i < WORKERS; i++) {
        home_apply(h, i + 1, &sample.surbs);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        clerks[i] = (struct clerk){.keeper = keeper, .worker = i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &clerks[i]), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_false(clerks[i].failed);
    }
    home_must(slc_keeper_stop(keeper, &lost, &h->error), h);
    assert_int_equal(lost, 0);
    struct slc_keeper_report report;
    slc_keeper_report(keeper, &report);
    assert_int_equal(report.records, WORKERS * EACH);
    assert_int_equal(report.waiting_bytes, 0);
    (void)printf("%llu records in %llu transactions, the longest %.1f ms\n", (unsigned long long)report.records,
                 (unsigned long long)report.transactions, (double)report.longest / 1e6);
    slc_keeper_free(keeper);
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(home_load(h, i + 1), 1);
        assert_int_equal(h->loaded[0]->record.released, (EACH - 1) % SAMPLE_SURBS);
    }
}

/* ---- a disk that is full ---- */

/* Files may not grow beyond what the database's log has now, plus `more`. */
static void limit_disk(const struct home *h, rlim_t more)
{
    struct stat st = {0};
    struct rlimit limit;
    (void)getrlimit(RLIMIT_FSIZE, &limit);
    (void)stat(home_path(h, "sluice.sqlite-wal"), &st);
    limit.rlim_cur = more == RLIM_INFINITY ? limit.rlim_max : (rlim_t)st.st_size + more;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_is_told_survived_and_nothing_is_lost(void **state)
{
    struct home *h = *state;
    struct slc_keeper *keeper = start_keeper(h, 1, 1 << 20);
    struct slc_keeper_report report;
    struct slc_error failure;
    uint64_t sequence = 0, kept, lost;
    (void)signal(SIGXFSZ, SIG_IGN);
    limit_disk(h, 100000);
    /* Until the worker is told that no more fits: bounded, though nobody can write. */
    for (uint64_t block = 1;; block++) {
        struct sample sample;
        sample_make(&sample, &h->random, block);
        kept = slc_keeper_keep(keeper, 0, 1, &sample.surbs);
        if (kept == SLC_KEEP_FULL) break;
        sequence = kept;
        slc_keeper_turn(keeper, 0);
        assert_true(block < 10000);
    }
    await_news(1);
    slc_keeper_report(keeper, &report);
    assert_true(report.failing);
    assert_true(report.failures > 0);
    assert_true(report.waiting_bytes < (2 << 20));
    assert_true(slc_keeper_durable(keeper, 0) < sequence);
    slc_keeper_failure(keeper, &failure);
    assert_int_equal(failure.status, SLC_FULL);
    assert_non_null(strstr(failure.text, h->dir));
    assert_non_null(strstr(failure.text, "make room"));
    limit_disk(h, RLIM_INFINITY);
    await_durable(keeper, 0, sequence);
    await_news(2);
    slc_keeper_report(keeper, &report);
    assert_false(report.failing);
    home_must(slc_keeper_stop(keeper, &lost, &h->error), h);
    slc_keeper_free(keeper);
    home_reopen(h);
    assert_int_equal(home_load(h, 1), sequence);
}

static void what_a_full_disk_did_not_take_is_told_at_the_end(void **state)
{
    struct home *h = *state;
    struct slc_keeper *keeper = start_keeper(h, 1, 0);
    uint64_t lost, kept = 0;
    (void)signal(SIGXFSZ, SIG_IGN);
    limit_disk(h, 0);
    for (uint64_t block = 1; block <= 50; block++) {
        struct sample sample;
        sample_make(&sample, &h->random, block);
        kept = slc_keeper_keep(keeper, 0, 1, &sample.surbs);
    }
    assert_int_equal(kept, 50);
    slc_keeper_turn(keeper, 0);
    enum slc_status status = slc_keeper_stop(keeper, &lost, &h->error);
    limit_disk(h, RLIM_INFINITY);
    assert_int_equal(status, SLC_FULL);
    assert_true(lost > 0);
    uint64_t durable = slc_keeper_durable(keeper, 0);
    assert_int_equal(durable + lost, 50);
    slc_keeper_free(keeper);
    home_reopen(h);
    assert_int_equal(home_load(h, 1), durable);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_durable_is_in_the_database),
        TEST(workers_records_keep_their_order_under_load),
        TEST(a_full_disk_is_told_survived_and_nothing_is_lost),
        TEST(what_a_full_disk_did_not_take_is_told_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
