/* SPDX-License-Identifier: Apache-2.0 */
#include "net/io/pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/vectors.h"

static void every_slot_is_its_own_aligned_memory(void **state)
{
    (void)state;
    enum { COUNT = 37 };
    struct slc_pool pool;
    assert_int_equal(slc_pool_init(&pool, 100, COUNT), SLC_OK);
    assert_int_equal(pool.slot_bytes, 128);

    uint8_t *slot[COUNT];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            slot[i] = slc_pool_take(&pool);
            assert_non_null(slot[i]);
            assert_int_equal((uintptr_t)slot[i] % 64, 0);
            assert_true(slot[i] >= pool.memory && slot[i] + 128 <= pool.memory + COUNT * pool.slot_bytes);
            memset(slot[i], (int)i, 128);
        }
        assert_null(slc_pool_take(&pool));
        for (unsigned i = 0; i < COUNT; i++) {
            for (unsigned j = 0; j < 128; j++) {
                assert_int_equal(slot[i][j], i);
            }
        }
        for (unsigned i = 0; i < COUNT; i++) {
            slc_pool_give(&pool, slot[(i * 5 + round) % COUNT]);
        }
        assert_int_equal(pool.taken, 0);
        assert_int_equal(pool.high_water, COUNT);
    }
    slc_pool_free(&pool);
}

static void the_slot_last_given_is_taken_first_and_fresh_ones_last(void **state)
{
    (void)state;
    struct slc_pool pool;
    assert_int_equal(slc_pool_init(&pool, 64, 1000), SLC_OK);
    void *a = slc_pool_take(&pool);
    void *b = slc_pool_take(&pool);
    slc_pool_give(&pool, a);
    slc_pool_give(&pool, b);
    assert_ptr_equal(slc_pool_take(&pool), b);
    assert_ptr_equal(slc_pool_take(&pool), a);
    assert_int_equal(pool.high_water, 2);
    assert_ptr_equal(slc_pool_take(&pool), pool.memory + 2 * 64);
    assert_int_equal(pool.high_water, 3);
    slc_pool_free(&pool);
}

/* The kernel is the judge: which pages of the mapping are resident. */
static void slots_that_were_never_taken_cost_no_memory(void **state)
{
    (void)state;
    enum { PAGES = 4096 };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct slc_pool pool;
    assert_int_equal(slc_pool_init(&pool, page, PAGES), SLC_OK);
    for (unsigned i = 0; i < 3; i++) {
        *(uint8_t *)slc_pool_take(&pool) = 1;
    }
    static unsigned char resident[PAGES];
    assert_int_equal(mincore(pool.memory, PAGES * page, resident), 0);
    assert_true(resident[0] & 1);
    /* The first huge page may come as one; nothing far behind may be there. */
    unsigned there = 0;
    for (unsigned i = PAGES / 2; i < PAGES; i++) {
        there += resident[i] & 1;
    }
    assert_int_equal(there, 0);
    slc_pool_free(&pool);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    struct slc_pool pool;
    assert_int_equal(slc_pool_init(&pool, SIZE_MAX, 1), SLC_NO_MEMORY);
    assert_int_equal(slc_pool_init(&pool, SIZE_MAX / 2, 3), SLC_NO_MEMORY);
    assert_int_equal(slc_pool_init(&pool, SIZE_MAX / 4, 1), SLC_NO_MEMORY);
    assert_null(slc_pool_take(&pool));
    slc_pool_free(&pool);
}

static void a_pool_without_slots_has_none_to_give(void **state)
{
    (void)state;
    struct slc_pool pool;
    assert_int_equal(slc_pool_init(&pool, 64, 0), SLC_OK);
    assert_null(slc_pool_take(&pool));
    slc_pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slot_is_its_own_aligned_memory),
        cmocka_unit_test(the_slot_last_given_is_taken_first_and_fresh_ones_last),
        cmocka_unit_test(slots_that_were_never_taken_cost_no_memory),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(a_pool_without_slots_has_none_to_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
