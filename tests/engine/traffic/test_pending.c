/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/pending.h"

#include "crypto/base/random.h"
#include "tests/support/vectors.h"

/* The table and its alarms against a plain array that is searched from end to end. */

enum { NAMES = 300, STEPS = 40000 };

struct model {
    bool here, flying;
    slc_time deadline;
    uint32_t place;
};

static uint32_t set_of(unsigned name)
{
    return name / 3 * 1000003 + 1;
}

static uint8_t position_of(unsigned name)
{
    return (uint8_t)(name % 3 + 1);
}

static void expire(struct slc_pending *p, struct model *model, slc_time now)
{
    uint32_t place;
    slc_time last = 0;
    while (slc_pending_expired(p, now, &place)) {
        unsigned name = 0;
        while (name < NAMES && !(model[name].here && model[name].place == place)) {
            name++;
        }
        assert_true(name < NAMES && model[name].flying && model[name].deadline <= now);
        assert_true(model[name].deadline >= last);
        last = model[name].deadline;
        model[name].flying = false;
    }
    slc_time due = SLC_NEVER;
    for (unsigned i = 0; i < NAMES; i++) {
        if (model[i].here && model[i].flying && model[i].deadline < due) due = model[i].deadline;
    }
    assert_true(due > now && slc_pending_due(p) == due);
}

static void it_behaves_like_an_array_that_is_searched(void **state)
{
    (void)state;
    struct slc_random random;
    slc_random_from_number(&random, 21, 0);
    struct slc_pending p;
    slc_pending_init(&p, 200, 12345);
    struct model model[NAMES] = {0};
    uint32_t count = 0;
    for (slc_time now = 1; now < STEPS; now++) {
        unsigned name = slc_random_below(&random, NAMES);
        struct model *m = &model[name];
        uint32_t found = slc_pending_find(&p, set_of(name), position_of(name));
        assert_int_equal(found, m->here ? m->place : SLC_NO_PLACE);
        if (!m->here) {
            enum slc_status status = slc_pending_add(&p, set_of(name), position_of(name), &m->place);
            assert_int_equal(status, count < 200 ? SLC_OK : SLC_FULL);
            m->here = status == SLC_OK;
            m->flying = false;
            count += m->here;
        } else if (slc_random_below(&random, 3) > 0) {
            m->flying = true;
            m->deadline = now + 1 + slc_random_below(&random, 500);
            slc_pending_fly(&p, m->place, m->deadline);
        } else {
            slc_pending_remove(&p, m->place, false);
            m->here = false;
            count--;
        }
        assert_int_equal(p.used, count);
        expire(&p, model, now);
    }
    slc_pending_free(&p);
}

static void one_fragment_is_on_its_way_once(void **state)
{
    (void)state;
    struct slc_pending p;
    uint32_t place;
    slc_pending_init(&p, 10, 1);
    assert_int_equal(slc_pending_add(&p, 5, 1, &place), SLC_OK);
    assert_int_equal(slc_pending_add(&p, 5, 1, &place), SLC_DUPLICATE);
    assert_int_equal(slc_pending_add(&p, 5, 2, &place), SLC_OK);
    slc_pending_free(&p);
}

static void a_settled_entry_in_a_queue_keeps_its_place_and_no_more(void **state)
{
    (void)state;
    struct slc_pending p;
    uint32_t place, other;
    slc_pending_init(&p, 1, 1);
    assert_int_equal(slc_pending_add(&p, 5, 1, &place), SLC_OK);
    slc_pending_fly(&p, place, 100);
    slc_pending_remove(&p, place, true);
    assert_int_equal(slc_pending_find(&p, 5, 1), SLC_NO_PLACE);
    assert_true(slc_pending_due(&p) == SLC_NEVER);
    assert_int_equal(slc_pending_add(&p, 6, 1, &other), SLC_FULL);
    slc_pending_remove(&p, place, false);
    assert_int_equal(slc_pending_add(&p, 6, 1, &other), SLC_OK);
    slc_pending_free(&p);
}

static void memory_does_not_grow_with_the_number_of_deadlines(void **state)
{
    (void)state;
    struct slc_pending p;
    uint32_t place;
    slc_pending_init(&p, 65536, 1);
    for (uint32_t i = 1; i < 16; i++) {
        assert_int_equal(slc_pending_add(&p, i, 1, &place), SLC_OK);
    }
    size_t before = slc_pending_memory(&p);
    for (uint32_t i = 0; i < 100000; i++) {
        slc_pending_fly(&p, i % 15, 1000000 + i);
    }
    assert_int_equal(slc_pending_memory(&p), before);
    assert_true(slc_pending_due(&p) == 1000000 + 100000 - 15);
    slc_pending_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_behaves_like_an_array_that_is_searched),
        cmocka_unit_test(one_fragment_is_on_its_way_once),
        cmocka_unit_test(a_settled_entry_in_a_queue_keeps_its_place_and_no_more),
        cmocka_unit_test(memory_does_not_grow_with_the_number_of_deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
