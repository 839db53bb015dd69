/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "engine/runtime/ring.h"

#include <pthread.h>
#include <sched.h>

static void a_full_ring_takes_no_more_and_an_empty_one_gives_nothing(void **state)
{
    (void)state;
    struct slc_ring ring;
    assert_int_equal(slc_ring_init(&ring, sizeof(uint64_t), 6), SLC_OK);
    uint64_t in[12], out[12];
    for (uint64_t i = 0; i < 12; i++) {
        in[i] = i;
    }
    assert_int_equal(slc_ring_pop_spsc(&ring, out, 12), 0);
    assert_int_equal(slc_ring_push_spsc(&ring, in, 12), 8);
    assert_int_equal(slc_ring_push_spsc(&ring, in, 1), 0);
    assert_int_equal(slc_ring_room_spsc(&ring), 0);
    assert_int_equal(slc_ring_waiting_spsc(&ring), 8);
    assert_int_equal(slc_ring_pop_spsc(&ring, out, 12), 8);
    assert_memory_equal(in, out, 8 * sizeof *in);
    slc_ring_free(&ring);
}

static void batches_wrap_around_the_end_in_order(void **state)
{
    (void)state;
    struct slc_ring ring;
    struct element {
        uint32_t number;
        uint8_t filling[29];
    };
    assert_int_equal(slc_ring_init(&ring, sizeof(struct element), 16), SLC_OK);
    uint32_t pushed = 0, popped = 0;
    for (unsigned round = 0; round < 1000; round++) {
        struct element batch[16];
        size_t n = round * 7 % 13 + 1;
        for (size_t i = 0; i < n; i++) {
            batch[i] = (struct element){.number = pushed + (uint32_t)i};
        }
        pushed += (uint32_t)slc_ring_push_spsc(&ring, batch, n);
        size_t got = slc_ring_pop_spsc(&ring, batch, round * 5 % 11 + 1);
        for (size_t i = 0; i < got; i++) {
            assert_int_equal(batch[i].number, popped++);
        }
    }
    assert_true(pushed > 1000);
    assert_int_equal(slc_ring_waiting_spsc(&ring), pushed - popped);
    slc_ring_free(&ring);
}

static void indices_may_overflow(void **state)
{
    (void)state;
    struct slc_ring ring;
    assert_int_equal(slc_ring_init(&ring, 4, 4), SLC_OK);
    ring.head = ring.tail = ring.head_seen = ring.tail_seen = UINT32_MAX - 1;
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t out;
        assert_int_equal(slc_ring_push_spsc(&ring, &i, 1), 1);
        assert_int_equal(slc_ring_pop_spsc(&ring, &out, 1), 1);
        assert_int_equal(out, i);
    }
    slc_ring_free(&ring);
}

enum { MANY = 200000 };

static void *produce(void *argument)
{
    struct slc_ring *ring = argument;
    uint64_t next = 1;
    while (next <= MANY) {
        uint64_t batch[17];
        size_t n = next % 17 + 1;
        if (next + n > MANY + 1) n = MANY + 1 - next;
        for (size_t i = 0; i < n; i++) {
            batch[i] = next + i;
        }
        size_t done = slc_ring_push_spsc(ring, batch, n);
        if (done == 0) (void)sched_yield();
        next += done;
    }
    return NULL;
}

static void two_threads_see_every_element_once_and_in_order(void **state)
{
    (void)state;
    struct slc_ring ring;
    assert_int_equal(slc_ring_init(&ring, sizeof(uint64_t), 64), SLC_OK);
    pthread_t producer;
    assert_int_equal(pthread_create(&producer, NULL, produce, &ring), 0);
    uint64_t expected = 1;
    while (expected <= MANY) {
        uint64_t batch[23];
        size_t got = slc_ring_pop_spsc(&ring, batch, 23);
        if (got == 0) (void)sched_yield();
        for (size_t i = 0; i < got; i++) {
            assert_int_equal(batch[i], expected++);
        }
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_int_equal(slc_ring_waiting_spsc(&ring), 0);
    slc_ring_free(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_ring_takes_no_more_and_an_empty_one_gives_nothing),
        cmocka_unit_test(batches_wrap_around_the_end_in_order),
        cmocka_unit_test(indices_may_overflow),
        cmocka_unit_test(two_threads_see_every_element_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
