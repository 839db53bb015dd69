/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/lanes.h"

#include <stdlib.h>

#include "tests/support/vectors.h"

/* Which lane goes next, against the probabilities that chapter 4, section 2.2, gives; and lanes' books. */

enum { DRAWS = 60000, LANES_MAX = 12 };

struct rig {
    struct slc_lanes lanes;
    struct slc_lane_pool pool;
    struct slc_random random;
    struct slc_lane_item items[LANES_MAX];
};

static struct slc_lane_name connection(unsigned i)
{
    return slc_lane_of_connection(i + 1);
}

/* Lane i holds packets[i], of which it has sent sent[i]. */
static void rig_fill(struct rig *r, uint64_t seed, const uint32_t *packets, const uint32_t *sent, unsigned n)
{
    memset(r, 0, sizeof *r);
    slc_random_from_number(&r->random, seed, 4);
    for (unsigned i = 0; i < n; i++) {
        uint32_t all = packets[i] + sent[i];
        assert_int_equal(slc_lanes_store(&r->lanes, &r->pool, connection(i), &r->items[i], all, 1), SLC_OK);
        for (uint32_t s = 0; s < sent[i]; s++) {
            slc_lanes_sent(&r->lanes, &r->pool, &r->items[i], 1);
        }
    }
    assert_int_equal(r->lanes.count, n);
}

/* Draws again and again from the same state, and compares with what is expected by the sum of squares. */
static void expect_shares(struct rig *r, const double *share, unsigned n)
{
    uint32_t seen[LANES_MAX] = {0};
    for (unsigned d = 0; d < DRAWS; d++) {
        const struct slc_lane *lane = slc_lanes_pick(&r->lanes, &r->random);
        assert_non_null(lane);
        seen[lane->name.connection - 1]++;
    }
    double sum = 0;
    unsigned cells = 0;
    for (unsigned i = 0; i < n; i++) {
        double expected = share[i] * DRAWS;
        if (expected == 0) {
            assert_int_equal(seen[i], 0);
            continue;
        }
        sum += ((double)seen[i] - expected) * ((double)seen[i] - expected) / expected;
        cells++;
    }
    /* 0.1 % points of chi-square with 1 .. 11 degrees of freedom. */
    static const double critical[] = {0, 10.83, 13.82, 16.27, 18.47, 20.52, 22.46, 24.32, 26.12, 27.88, 29.59, 31.26};
    if (cells > 1 && sum > critical[cells - 1]) fail_msg("chi-square %.2f of %u cells", sum, cells);
    slc_lane_pool_free(&r->pool);
}

static void small_lanes_go_first_and_all_alike(void **state)
{
    (void)state;
    static const uint32_t packets[] = {99, 100, 1, 5000, 50}, sent[] = {0, 3000, 7, 9000, 0};
    static const double share[] = {1 / 3., 0, 1 / 3., 0, 1 / 3.};
    struct rig r;
    rig_fill(&r, 1, packets, sent, 5);
    expect_shares(&r, share, 5);
}

static void among_large_lanes_the_four_that_sent_most_go_more_often(void **state)
{
    (void)state;
    /* 2/3 among four, 1/3 among seven: 1/6 + 1/21 or 1/21. */
    static const uint32_t packets[] = {100, 200, 300, 400, 500, 600, 700}, sent[] = {5, 60, 10, 70, 80, 20, 50};
    const double often = 1 / 6. + 1 / 21., seldom = 1 / 21.;
    const double share[] = {seldom, often, seldom, often, often, seldom, often};
    struct rig r;
    rig_fill(&r, 2, packets, sent, 7);
    expect_shares(&r, share, 7);
}

static void fewer_than_four_large_lanes_are_all_among_the_most_sent(void **state)
{
    (void)state;
    static const uint32_t packets[] = {100, 100, 100}, sent[] = {0, 1, 1000};
    static const double share[] = {1 / 3., 1 / 3., 1 / 3.};
    struct rig r;
    rig_fill(&r, 3, packets, sent, 3);
    expect_shares(&r, share, 3);
}

static void one_lane_needs_no_dice(void **state)
{
    (void)state;
    static const uint32_t packets[] = {1000}, sent[] = {0};
    struct rig r;
    rig_fill(&r, 4, packets, sent, 1);
    struct slc_random before = r.random;
    assert_ptr_equal(slc_lanes_pick(&r.lanes, &r.random), r.items[0].lane);
    assert_memory_equal(&before, &r.random, sizeof before);
    slc_lane_pool_free(&r.pool);
    struct slc_lanes none = {0};
    assert_null(slc_lanes_pick(&none, &r.random));
}

/* A model: plain arrays, looked through from end to end. */
struct model {
    uint32_t lane, packets; /* lane 0: in none */
    bool parked;
    uint64_t order;
};

static uint32_t model_length(const struct model *items, unsigned n, uint32_t lane, bool parked)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        if (items[i].lane == lane && items[i].parked == parked) sum += items[i].packets;
    }
    return sum;
}

static int model_head(const struct model *items, unsigned n, uint32_t lane)
{
    int head = -1;
    for (unsigned i = 0; i < n; i++) {
        bool here = items[i].lane == lane && !items[i].parked && items[i].packets > 0;
        if (here && (head < 0 || items[i].order < items[head].order)) head = (int)i;
    }
    return head;
}

enum { ITEMS = 40, STEPS = 60000, MODEL_LANES = 6 };

static void change(struct rig *r, struct slc_lane_item *item, struct model *m, uint64_t step)
{
    uint32_t dice = slc_random_below(&r->random, 10);
    if (m->lane == 0 || m->packets == 0) {
        m->lane = 1 + slc_random_below(&r->random, MODEL_LANES);
        m->packets = 1 + slc_random_below(&r->random, 5);
        m->parked = false;
        m->order = step;
        assert_int_equal(slc_lanes_store(&r->lanes, &r->pool, connection(m->lane - 1), item, m->packets, step), SLC_OK);
    } else if (dice < 2) {
        m->packets++;
        assert_int_equal(slc_lanes_store(&r->lanes, &r->pool, connection(m->lane - 1), item, 1, step), SLC_OK);
    } else if (dice < 4 && !m->parked) {
        m->parked = true;
        slc_lanes_park(&r->lanes, item);
    } else if (dice < 7 && m->parked) {
        m->parked = false;
        m->order = step;
        slc_lanes_unpark(&r->lanes, item, step);
    } else if (dice == 9) {
        uint32_t gone = 1 + slc_random_below(&r->random, m->packets);
        m->packets -= gone;
        slc_lanes_drop(&r->lanes, &r->pool, item, gone);
    }
}

static void lanes_keep_their_books_and_their_order(void **state)
{
    (void)state;
    static struct rig r;
    static struct slc_lane_item items[ITEMS];
    struct model model[ITEMS] = {0};
    memset(&r, 0, sizeof r);
    slc_random_from_number(&r.random, 5, 4);
    for (uint64_t step = 1; step < STEPS; step++) {
        unsigned i = slc_random_below(&r.random, ITEMS);
        change(&r, &items[i], &model[i], step);
        struct slc_lane *lane = slc_lanes_pick(&r.lanes, &r.random);
        if (lane != NULL && step % 2 == 0) {
            int head = model_head(model, ITEMS, (uint32_t)lane->name.connection);
            assert_ptr_equal(lane->first, &items[head]);
            model[head].packets--;
            slc_lanes_sent(&r.lanes, &r.pool, lane->first, step);
        }
        uint32_t at = 1 + (uint32_t)step % MODEL_LANES;
        uint32_t ready = model_length(model, ITEMS, at, false), parked = model_length(model, ITEMS, at, true);
        lane = slc_lanes_find(&r.lanes, connection(at - 1));
        if (ready + parked == 0) {
            assert_null(lane);
        } else {
            assert_non_null(lane);
            assert_int_equal(lane->packets, ready);
            assert_int_equal(lane->parked, parked);
        }
    }
    /* As many lanes as ever at once, whatever came and went. */
    assert_true(slc_lane_pool_memory(&r.pool) < 64 * 128);
    slc_lane_pool_free(&r.pool);
}

static void an_emptied_lane_begins_anew(void **state)
{
    (void)state;
    static const uint32_t packets[] = {1, 200}, sent[] = {500, 3};
    struct rig r;
    rig_fill(&r, 6, packets, sent, 2);
    assert_int_equal(r.items[0].lane->transmitted, 500);
    slc_lanes_sent(&r.lanes, &r.pool, &r.items[0], 2);
    assert_null(slc_lanes_find(&r.lanes, connection(0)));
    assert_int_equal(slc_lanes_store(&r.lanes, &r.pool, connection(0), &r.items[0], 1, 3), SLC_OK);
    assert_int_equal(r.items[0].lane->transmitted, 0);
    slc_lane_pool_free(&r.pool);
}

static void age_counts_from_the_last_packet_in_or_out(void **state)
{
    (void)state;
    static const uint32_t packets[] = {3, 3}, sent[] = {0, 0};
    struct rig r;
    rig_fill(&r, 7, packets, sent, 2);
    assert_null(slc_lanes_stale(&r.lanes, 101, 100));
    assert_ptr_equal(slc_lanes_stale(&r.lanes, 102, 100), r.items[0].lane);
    slc_lanes_sent(&r.lanes, &r.pool, &r.items[0], 50);
    assert_ptr_equal(slc_lanes_stale(&r.lanes, 102, 100), r.items[1].lane);
    slc_lanes_park(&r.lanes, &r.items[1]);
    assert_null(slc_lanes_stale(&r.lanes, 140, 100));
    slc_lanes_unpark(&r.lanes, &r.items[1], 120);
    assert_ptr_equal(slc_lanes_stale(&r.lanes, 200, 100), r.items[0].lane);
    slc_lanes_renew(&r.lanes, 200);
    assert_null(slc_lanes_stale(&r.lanes, 300, 100));
    slc_lane_pool_free(&r.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_lanes_go_first_and_all_alike),
        cmocka_unit_test(among_large_lanes_the_four_that_sent_most_go_more_often),
        cmocka_unit_test(fewer_than_four_large_lanes_are_all_among_the_most_sent),
        cmocka_unit_test(one_lane_needs_no_dice),
        cmocka_unit_test(lanes_keep_their_books_and_their_order),
        cmocka_unit_test(an_emptied_lane_begins_anew),
        cmocka_unit_test(age_counts_from_the_last_packet_in_or_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
