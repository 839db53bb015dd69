/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/node/crowd.h"

/*
 * The engine's clients while the mixnet's keys rotate under them (docs/protocol/4-client.md, section 12): keys and tag
 * of a packet come from one snapshot, and a snapshot that came too late costs repeats, no message.
 */

static void refresh(struct world *w)
{
    struct slc_error error = {0};
    struct slc_topology *topology;
    struct slc_rotation_info info;
    must(slc_localnet_topology(w->net, &topology, &error), &error);
    slc_localnet_rotation_info(w->net, &info);
    slc_engine_set_topology(w->engine, topology, &info);
    slc_topology_release(topology);
}

static struct slc_node_counters all(const struct world *w)
{
    struct slc_node_counters c;
    slc_localnet_counters(w->net, SLC_ALL_NODES, &c);
    return c;
}

static void nothing_is_lost_where_snapshots_come_within_an_epoch(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    for (unsigned rotation = 0; rotation < 4; rotation++) {
        post_all(w);
        must(slc_localnet_rotate(w->net), NULL);
        post_all(w); /* under the keys before */
        let_pass(w, 100 * SLC_MILLISECOND);
        refresh(w);
        post_all(w);
        UNTIL(w, w->acked == w->submitted); /* so nothing is under way when the key retires */
        must(slc_localnet_next_epoch(w->net), NULL);
    }
    expect_all_well(w, memory);
    assert_true(all(w).key_before > 0);
    assert_int_equal(all(w).key_retired + all(w).malformed + all(w).replays, 0);
    close_world(w);
}

static void a_snapshot_that_comes_too_late_costs_repeats_and_no_message(void **state)
{
    (void)state;
    size_t memory;
    struct world *w = begin(&memory);
    must(slc_localnet_rotate(w->net), NULL);
    must(slc_localnet_next_epoch(w->net), NULL);
    size_t delivered = w->delivered;
    post_all(w); /* under keys that are gone */
    UNTIL(w, all(w).key_retired >= CLIENTS * (CLIENTS - 1));
    assert_int_equal(w->delivered, delivered);
    refresh(w);
    expect_all_well(w, memory);
    struct slc_client_counters evil = counters(w, true), good = counters(w, false);
    assert_true(evil.retransmitted + good.retransmitted >= CLIENTS * (CLIENTS - 1));
    assert_int_equal(all(w).malformed, 0);
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_where_snapshots_come_within_an_epoch),
        cmocka_unit_test(a_snapshot_that_comes_too_late_costs_repeats_and_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
