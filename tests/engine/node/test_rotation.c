/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/node/visitor.h"

#include "engine/node/node_internal.h"

#include <sodium.h>

/* Epochs and key rotation (docs/protocol/6-network.md, section 1.13; 4-client.md, sections 12 and 17.5). */

static struct slc_localnet *make(const struct slc_localnet_config *config)
{
    struct slc_localnet *net;
    struct slc_error error = {0};
    if (slc_localnet_new(&net, config, &error) != SLC_OK) fail_msg("%s", error.text);
    return net;
}

static struct slc_localnet *start(const struct slc_localnet_config *config)
{
    struct slc_localnet *net = make(config);
    struct slc_error error = {0};
    if (slc_localnet_start(net, &error) != SLC_OK) fail_msg("%s", error.text);
    return net;
}

static struct slc_localnet_config plain(void)
{
    struct slc_localnet_config config;
    slc_localnet_config_default(&config);
    config.runtime.max_connections = 64;
    config.runtime.small_slots = 2048;
    config.runtime.large_slots = 8;
    return config;
}

static void must(enum slc_status status)
{
    assert_int_equal(status, SLC_OK);
}

static struct slc_node_counters all(const struct slc_localnet *net)
{
    struct slc_node_counters c;
    slc_localnet_counters(net, SLC_ALL_NODES, &c);
    return c;
}

/* ---- what is published ---- */

struct published {
    struct slc_topology *topology;
    struct slc_rotation_info info;
};

static char *document(const struct slc_localnet *net, enum slc_document which)
{
    char *text = slc_network_document(slc_localnet_network(net), which);
    assert_non_null(text);
    return text;
}

/* Through the parsers that refuse documents of different epochs. */
static struct published published(const struct slc_localnet *net)
{
    struct published p;
    struct slc_error error = {0};
    char *b = document(net, SLC_DOCUMENT_ROTATION), *c = document(net, SLC_DOCUMENT_REWARDED_SET),
         *d = document(net, SLC_DOCUMENT_MIXNODES), *e = document(net, SLC_DOCUMENT_ENTRY_GATEWAYS);
    if (slc_directory_parse(slc_bytes_of_text(c), slc_bytes_of_text(d), slc_bytes_of_text(e), "C, D, E", &p.topology,
                            &error) != SLC_OK ||
        slc_directory_parse_rotation(slc_bytes_of_text(b), "B", &p.info, &error) != SLC_OK) {
        fail_msg("%s", error.text);
    }
    free(b);
    free(c);
    free(d);
    free(e);
    struct slc_rotation_info direct;
    slc_localnet_rotation_info(net, &direct);
    assert_int_equal(p.info.validity_epochs, direct.validity_epochs);
    assert_int_equal(p.info.initial_epoch, direct.initial_epoch);
    assert_int_equal(p.info.current_epoch, direct.current_epoch);
    assert_int_equal(p.info.epoch_start, direct.epoch_start);
    assert_int_equal(p.info.epoch_seconds, direct.epoch_seconds);
    assert_int_equal(p.topology->epoch_id, p.info.current_epoch);
    assert_int_equal(p.topology->rotation_id, (p.info.current_epoch - p.info.initial_epoch) / p.info.validity_epochs);
    assert_int_equal(p.topology->rotation, p.topology->rotation_id % 2 == 1 ? SLC_ROTATION_ODD : SLC_ROTATION_EVEN);
    return p;
}

static void expect_keys(const struct slc_topology *a, const struct slc_topology *b, bool same)
{
    assert_int_equal(a->node_count, b->node_count);
    for (size_t i = 0; i < a->node_count; i++) {
        const struct slc_node *x = &a->nodes[i], *y = &b->nodes[i];
        bool foreign = x->id == 900;
        assert_int_equal(memcmp(x->sphinx_key, y->sphinx_key, SLC_KEY_BYTES) == 0, same || foreign);
        assert_memory_equal(x->identity, y->identity, SLC_IDENTITY_BYTES);
    }
}

static void a_rotation_changes_all_documents_and_our_keys_in_one_step(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    struct slc_foreign_node foreign = {.id = 900, .layer = 2, .mix = {.version = 4, .ip = {127, 0, 0, 1}, .port = 9}};
    const uint8_t secret[SLC_KEY_BYTES] = {9};
    struct slc_identity identity;
    slc_identity_from_seed(&identity, secret);
    memcpy(foreign.identity, identity.public_key, sizeof foreign.identity);
    slc_public_key(foreign.sphinx_key, secret);
    config.foreign = &foreign;
    config.foreign_count = 1;
    struct slc_localnet *net = start(&config);
    struct published first = published(net);
    assert_int_equal(first.topology->rotation_id, 4);
    must(slc_localnet_next_epoch(net));
    struct published second = published(net);
    assert_int_equal(second.info.current_epoch, first.info.current_epoch + 1);
    expect_keys(first.topology, second.topology, true);
    must(slc_localnet_rotate(net));
    struct published third = published(net);
    assert_int_equal(third.topology->rotation_id, 5);
    assert_int_equal(third.info.current_epoch, 5 * 24);
    expect_keys(first.topology, third.topology, false);
    slc_topology_release(first.topology);
    slc_topology_release(second.topology);
    slc_topology_release(third.topology);
    slc_localnet_free(net);
}

static void time_alone_turns_epochs_and_rotations(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    config.epoch_seconds = 1;
    config.validity_epochs = 2;
    struct slc_localnet *net = start(&config);
    struct published before = published(net);
    slc_time begin = slc_now();
    assert_true(slc_localnet_tick(net) > begin && slc_localnet_tick(net) <= begin + SLC_SECOND);
    struct visitor *v = visitor_login(net, 0, 1);
    /* It begins in the second of two epochs: one step to the rotation, two more to the next. */
    VISITOR_UNTIL(v, (slc_localnet_tick(net), slc_localnet_network(net)->rotation_id == 6));
    slc_time took = slc_now() - begin;
    struct published after = published(net);
    assert_int_equal(after.info.current_epoch, before.info.current_epoch + 3);
    assert_int_equal(after.info.epoch_start, before.info.epoch_start + 3);
    if (took < 2 * SLC_SECOND) fail_msg("three epochs of a second took %.3f s", (double)took / 1e9);
    slc_topology_release(before.topology);
    slc_topology_release(after.topology);
    visitor_free(v);
    slc_localnet_free(net);
}

static void a_seed_repeats_every_rotation_and_stepping_over_one_changes_nothing(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    config.seed = 7;
    struct slc_localnet *a = make(&config), *b = make(&config);
    must(slc_localnet_rotate(a));
    must(slc_localnet_rotate(a));
    for (unsigned epoch = 0; epoch < 24 + 23; epoch++) {
        must(slc_localnet_next_epoch(b));
    }
    struct published x = published(a), y = published(b);
    assert_int_equal(x.topology->rotation_id, 6);
    expect_keys(x.topology, y.topology, true);
    slc_topology_release(x.topology);
    slc_topology_release(y.topology);
    slc_localnet_free(a);
    slc_localnet_free(b);
}

/* ---- packets across the seam ---- */

enum { OPENS = 8 }; /* data and ack, each at three mixnodes and a gateway */

static void submit(struct visitor *v, const struct journey *j)
{
    visitor_submit(v, j->packet, sizeof j->packet, &j->hop[0]->mix);
}

/*
 * Three messages made before the rotation and sent: before it, in the epoch after it, and when their key is retired.
 * The middle one again: the filter goes with its key.
 */
static void cross_the_seam(const struct slc_localnet_config *config, bool tags_reach_the_nodes)
{
    struct slc_localnet *net = start(config);
    struct visitor *alice = visitor_login(net, 0, 1), *bob = visitor_login(net, 1, 2);
    static struct journey j[3];
    for (uint32_t i = 0; i < 3; i++) {
        j[i].delay = SLC_MILLISECOND;
        visitor_pack(alice, &j[i], bob->gateway, bob->keys.identity.public_key, i);
    }
    submit(alice, &j[0]);
    VISITOR_UNTIL(bob, bob->count == 1);
    VISITOR_UNTIL(alice, visitor_has(alice, 0, true) == 1);
    assert_int_equal(all(net).key_before, 0);

    must(slc_localnet_rotate(net));
    submit(alice, &j[1]);
    VISITOR_UNTIL(bob, visitor_has(bob, 1, false) == 1);
    VISITOR_UNTIL(alice, visitor_has(alice, 1, true) == 1);
    assert_int_equal(all(net).key_before, OPENS);
    submit(alice, &j[0]);
    submit(alice, &j[1]);
    VISITOR_UNTIL(alice, all(net).replays == 2);

    /* Who has the new keys goes on as ever. */
    struct visitor *carol = visitor_login(net, 0, 3);
    assert_int_equal(carol->topology->rotation, SLC_ROTATION_ODD);
    visitor_send(carol, bob, 10, SLC_MILLISECOND);
    VISITOR_UNTIL(bob, visitor_has(bob, 10, false) == 1);
    VISITOR_UNTIL(carol, visitor_has(carol, 10, true) == 1);
    assert_int_equal(all(net).key_before, OPENS + 2);

    must(slc_localnet_next_epoch(net));
    submit(alice, &j[2]);
    VISITOR_UNTIL(alice, all(net).key_retired + all(net).malformed == 1);
    assert_int_equal(all(net).key_retired, tags_reach_the_nodes);
    visitor_send(carol, bob, 11, SLC_MILLISECOND);
    VISITOR_UNTIL(bob, visitor_has(bob, 11, false) == 1);
    VISITOR_UNTIL(carol, visitor_has(carol, 11, true) == 1);
    assert_int_equal(visitor_has(bob, 2, false), 0);
    assert_int_equal(all(net).key_before, OPENS + 2);
    visitor_free(alice);
    visitor_free(bob);
    visitor_free(carol);
    slc_localnet_free(net);
}

static void packets_under_the_old_key_cross_for_one_more_epoch(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    cross_the_seam(&config, true);
    config.runtime.workers = 2;
    config.frames_v8 = true;
    cross_the_seam(&config, true);
}

static void so_they_do_over_tcp_where_the_legacy_header_has_no_tag(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    config.tcp_hops = true;
    cross_the_seam(&config, false);
    config.noise = config.frames_v8 = true;
    cross_the_seam(&config, true);
}

/* A reply through a SURB of the old rotation carries an ack with new keys (4-client.md, section 12.4). */
static void reply_across_the_seam(bool frames_v8, bool ack_comes)
{
    struct slc_localnet_config config = plain();
    config.frames_v8 = frames_v8;
    struct slc_localnet *net = start(&config);
    struct visitor *alice = visitor_login(net, 0, 1), *bob = visitor_login(net, 1, 2);
    must(slc_localnet_rotate(net));
    struct slc_error error = {0};
    struct journey j = {.delay = 0};
    must(slc_localnet_topology(net, &j.ack_topology, &error));
    visitor_pack(alice, &j, bob->gateway, bob->keys.identity.public_key, 1);
    submit(alice, &j);
    VISITOR_UNTIL(bob, visitor_has(bob, 1, false) == 1);
    VISITOR_UNTIL(alice, all(net).malformed + alice->count == 1);
    assert_int_equal(visitor_has(alice, 1, true), ack_comes);
    slc_topology_release(j.ack_topology);
    visitor_free(alice);
    visitor_free(bob);
    slc_localnet_free(net);
}

static void a_new_ack_in_an_old_packet_crosses_where_frames_have_no_tag(void **state)
{
    (void)state;
    reply_across_the_seam(false, true);
    reply_across_the_seam(true, false);
}

/* ---- keys and orders ---- */

static void a_retired_key_is_wiped_with_its_filter(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    struct slc_localnet *net = start(&config);
    must(slc_localnet_rotate(net));
    slc_localnet_stop(net); /* commands at the end are taken, and the workers' state is ours to see */
    assert_true(net->crews[0].overlap);
    assert_non_null(net->crews[0].replay[KEY_BEFORE]);
    for (size_t i = 0; i < net->own_count; i++) {
        assert_false(sodium_is_zero(net->nodes[i].secret[KEY_BEFORE], SLC_KEY_BYTES));
        assert_memory_equal(net->nodes[i].chain, net->nodes[i].published, SLC_KEY_BYTES);
    }
    slc_localnet_free(net);

    net = start(&config);
    must(slc_localnet_rotate(net));
    must(slc_localnet_next_epoch(net));
    slc_localnet_stop(net);
    assert_null(net->crews[0].replay[KEY_BEFORE]);
    for (size_t i = 0; i < net->own_count; i++) {
        assert_true(sodium_is_zero(net->nodes[i].secret[KEY_BEFORE], SLC_KEY_BYTES));
    }
    slc_localnet_free(net);
}

static void orders_that_find_no_room_say_so_and_change_nothing(void **state)
{
    (void)state;
    struct slc_localnet_config config = plain();
    struct slc_localnet *net = make(&config);
    struct slc_faults faults = {.loss = 0};
    enum slc_status status = SLC_OK;
    for (; status == SLC_OK && faults.extra_delay < 100000; faults.extra_delay++) {
        status = slc_localnet_set_faults(net, 0, &faults);
    }
    assert_int_equal(status, SLC_AGAIN);
    assert_int_equal(slc_localnet_faults(net, 0)->extra_delay, faults.extra_delay - 2);
    assert_int_equal(slc_localnet_cut(net, SLC_ALL_NODES), SLC_AGAIN);
    assert_int_equal(slc_localnet_forget(net, 3), SLC_AGAIN);
    struct published before = published(net);
    assert_int_equal(slc_localnet_rotate(net), SLC_AGAIN);
    struct published after = published(net);
    expect_keys(before.topology, after.topology, true);
    assert_int_equal(before.info.current_epoch, after.info.current_epoch);
    slc_topology_release(before.topology);
    slc_topology_release(after.topology);

    struct slc_error error = {0};
    must(slc_localnet_start(net, &error));
    struct visitor *v = visitor_login(net, 0, 1);
    VISITOR_UNTIL(v, slc_localnet_rotate(net) == SLC_OK);
    visitor_free(v);
    assert_int_equal(slc_localnet_cut(net, 5), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_localnet_cut(net, -2), SLC_BAD_ARGUMENT);
    slc_localnet_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rotation_changes_all_documents_and_our_keys_in_one_step),
        cmocka_unit_test(time_alone_turns_epochs_and_rotations),
        cmocka_unit_test(a_seed_repeats_every_rotation_and_stepping_over_one_changes_nothing),
        cmocka_unit_test(packets_under_the_old_key_cross_for_one_more_epoch),
        cmocka_unit_test(so_they_do_over_tcp_where_the_legacy_header_has_no_tag),
        cmocka_unit_test(a_new_ack_in_an_old_packet_crosses_where_frames_have_no_tag),
        cmocka_unit_test(a_retired_key_is_wiped_with_its_filter),
        cmocka_unit_test(orders_that_find_no_room_say_so_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
