/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/directory/network.h"

#include <openssl/bn.h>
#include <pthread.h>

static struct slc_topology *must_build(const struct slc_node_details *nodes, size_t count,
                                       const struct slc_rewarded_set *set)
{
    struct slc_topology *topology = NULL;
    struct slc_error error = {.status = SLC_OK};
    enum slc_status status = slc_topology_new(&topology, nodes, count, set, 7, 500, &error);
    if (status != SLC_OK) fail_msg("%s", error.text);
    assert_non_null(topology);
    return topology;
}

/* Layers 1 to 3 are nodes 1 to 3, gateway 4 is in the entry set: the frame of most tests. */
static const uint32_t one[] = {1}, two[] = {2}, three[] = {3}, four[] = {4};
static const struct slc_rewarded_set small_set = {
    .layer = {one, two, three}, .layer_count = {1, 1, 1}, .entry = four, .entry_count = 1};

static struct slc_topology *small_network(void)
{
    struct slc_node_details nodes[] = {test_node(1), test_node(2), test_node(3), test_gateway(4)};
    return must_build(nodes, 4, &small_set);
}

/* ---- published vectors ---- */

/* What the vector's names say, as lists; an id list ends in 0. */
struct route_case {
    const char *name;
    uint32_t details[5], layer[3][2], entry[2];
};
static const struct route_case route_cases[] = {
    {"one node per layer", {1, 2, 3, 4}, {{1}, {2}, {3}}, {4}},
    {"egress not in any set, roles enforced", {1, 2, 3, 4}, {{1}, {2}, {3}}, {5}},
    {"unknown egress", {1, 2, 3, 4}, {{1}, {2}, {3}}, {4}},
    {"egress in the set without details", {1, 2, 3}, {{1}, {2}, {3}}, {4}},
    {"no details in layer 2", {1, 3, 4}, {{1}, {2}, {3}}, {4}},
    {"layer 3 empty", {1, 2, 3, 4}, {{1}, {2}, {0}}, {4}},
    {"egress is a layer-2 mix, roles enforced", {1, 2, 3, 4}, {{1}, {2}, {3}}, {4}},
    {"egress is a layer-2 mix, roles ignored", {1, 2, 3, 4}, {{1}, {2}, {3}}, {4}},
    {"no gateways in the set, egress has details", {1, 2, 3, 4}, {{1}, {2}, {3}}, {0}},
    {"empty rewarded set", {1, 2, 3, 4}, {{0}, {0}, {0}}, {0}},
    {"no details at all", {0}, {{1}, {2}, {3}}, {4}},
};

static size_t list_len(const uint32_t *ids, size_t cap)
{
    size_t len = 0;
    while (len < cap && ids[len] != 0) {
        len++;
    }
    return len;
}

static const struct route_case *case_of(const char *name)
{
    for (size_t i = 0; i < sizeof route_cases / sizeof route_cases[0]; i++) {
        if (strcmp(route_cases[i].name, name) == 0) return &route_cases[i];
    }
    fail_msg("no topology is written down for the vector \"%s\"", name);
    return NULL;
}

static void expect_route(const struct slc_topology *topology, const cJSON *vector, struct slc_random *random)
{
    uint8_t identity[32], unused[32];
    test_keys((uint32_t)slc_vec_u64(vector, "egress"), identity, unused);
    const struct slc_node *route[SLC_ROUTE_HOPS];
    enum slc_status status = slc_topology_route(topology, random, slc_topology_find(topology, identity), route);
    if (slc_vec_find(vector, "result/error") != NULL && !slc_vec_is(vector, "result/error", "InvalidEgressRole")) {
        assert_true(slc_vec_is(vector, "result/error", "NonExistentNode"));
        assert_int_equal(status, SLC_NO_ROUTE);
        return;
    }
    /* Egress roles are always ignored here, as by default in the published clients. */
    assert_int_equal(status, SLC_OK);
    for (unsigned i = 0; i < SLC_ROUTE_HOPS; i++) {
        uint32_t wanted = i + 1;
        const cJSON *published = slc_vec_find(vector, "result/route");
        if (published != NULL) {
            wanted = (uint32_t)cJSON_GetArrayItem(published, (int)i)->valuedouble;
        } else if (i == SLC_LAYERS) {
            wanted = (uint32_t)slc_vec_u64(vector, "egress");
        }
        assert_int_equal(route[i]->id, wanted);
    }
}

static void routes_and_routability_are_the_published_ones(void **state)
{
    (void)state;
    struct slc_random random;
    slc_test_random(&random, 1);
    const cJSON *vector;
    cJSON_ArrayForEach(vector, slc_vec_list(slc_vectors("topology.json"), "routes"))
    {
        const struct route_case *c = case_of(slc_vec_text(vector, "name"));
        struct slc_node_details nodes[5];
        size_t count = list_len(c->details, 5);
        for (size_t i = 0; i < count; i++) {
            nodes[i] = test_node(c->details[i]);
        }
        struct slc_rewarded_set set = {.entry = c->entry, .entry_count = list_len(c->entry, 2)};
        for (unsigned i = 0; i < SLC_LAYERS; i++) {
            set.layer[i] = c->layer[i];
            set.layer_count[i] = list_len(c->layer[i], 2);
        }
        struct slc_topology *topology;
        struct slc_error error = {.status = SLC_OK};
        enum slc_status status = slc_topology_new(&topology, nodes, count, &set, 7, 500, &error);
        if (!slc_vec_is_true(vector, "minimally_routable")) {
            assert_int_equal(status, SLC_NO_ROUTE);
            assert_null(topology);
            assert_true(error.text[0] != 0);
            continue;
        }
        assert_int_equal(status, SLC_OK);
        expect_route(topology, vector, &random);
        slc_topology_release(topology);
    }
}

static void rotation_ids_and_tags_are_the_published_ones(void **state)
{
    (void)state;
    const cJSON *vector;
    cJSON_ArrayForEach(vector, slc_vec_list(slc_vectors("topology.json"), "key_rotation"))
    {
        uint32_t id = slc_rotation_id(slc_vec_u64(vector, "epoch"), slc_vec_u64(vector, "initial_epoch"),
                                      (uint32_t)slc_vec_u64(vector, "validity_epochs"));
        assert_int_equal(id, slc_vec_u64(vector, "rotation_id"));
        assert_int_equal(slc_rotation_of(id), slc_vec_u64(vector, "tag"));
    }
    assert_int_equal(slc_rotation_id(UINT64_MAX, 0, 1), UINT32_MAX);
}

/* Chi-square of the published frequencies' topology: ids 10, 12, 14 of layer 2 have details, 11 and 13 have none. */
static void a_layer_is_drawn_from_uniformly(void **state)
{
    (void)state;
    const cJSON *vector = slc_vec(slc_vectors("topology.json"), "frequencies");
    uint32_t layer2[8];
    size_t listed = 0;
    const cJSON *id;
    cJSON_ArrayForEach(id, slc_vec_list(vector, "layer2_ids")) layer2[listed++] = (uint32_t)id->valuedouble;
    struct slc_node_details nodes[8] = {test_node(1), test_node(3), test_gateway(4)};
    size_t count = 3;
    cJSON_ArrayForEach(id, slc_vec_list(vector, "with_details")) nodes[count++] = test_node((uint32_t)id->valuedouble);
    struct slc_rewarded_set set = small_set;
    set.layer[1] = layer2;
    set.layer_count[1] = listed;
    struct slc_topology *topology = must_build(nodes, count, &set);
    assert_int_equal(topology->layer_count[1], slc_vec_count(vector, "with_details"));

    struct slc_random random;
    slc_random_from_number(&random, 20260516, 0);
    const struct slc_node *egress = slc_topology_find_id(topology, 4), *route[SLC_ROUTE_HOPS];
    enum { DRAWS = 300000 };
    double drawn[16] = {0}, chi_square = 0;
    for (int i = 0; i < DRAWS; i++) {
        assert_int_equal(slc_topology_route(topology, &random, egress, route), SLC_OK);
        drawn[route[1]->id] += 1;
    }
    double expected = (double)DRAWS / 3;
    for (size_t i = 0; i < topology->layer_count[1]; i++) {
        double off = drawn[topology->layer[1][i]->id] - expected;
        chi_square += off * off / expected;
    }
    assert_true(drawn[11] == 0 && drawn[13] == 0);
    assert_true(chi_square < 13.8); /* 2 degrees of freedom, 1 in 1000 */
    slc_topology_release(topology);
}

/* ---- look-up ---- */

static void every_node_is_found_by_identity_and_by_id(void **state)
{
    (void)state;
    enum { N = 150 };
    struct slc_node_details nodes[N];
    for (uint32_t i = 0; i < N; i++) {
        nodes[i] = test_node((i * 37) % N + 1); /* not in the order of ids */
    }
    struct slc_topology *topology = must_build(nodes, N, &small_set);
    assert_int_equal(topology->node_count, N);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(topology->nodes[i].id, i + 1);
        const struct slc_node *node = slc_topology_find(topology, nodes[i].node.identity);
        assert_non_null(node);
        assert_int_equal(node->id, nodes[i].node.id);
        assert_ptr_equal(slc_topology_find_id(topology, node->id), node);
        assert_memory_equal(node->sphinx_key, nodes[i].node.sphinx_key, 32);
        assert_non_null(node->hop.key);
    }
    assert_null(slc_topology_find_id(topology, 0));
    assert_null(slc_topology_find_id(topology, N + 1));
    for (uint32_t i = 1000; i < 1050; i++) {
        struct slc_node_details stranger = test_node(i);
        assert_null(slc_topology_find(topology, stranger.node.identity));
    }
    slc_topology_release(topology);
}

static void a_hop_carries_the_padded_address_and_a_table_that_multiplies(void **state)
{
    (void)state;
    struct slc_topology *topology = small_network();
    const struct slc_node *node = slc_topology_find_id(topology, 2);
    const uint8_t address[32] = {4, 10002 >> 8, 10002 & 255, 127, 0, 0, 1};
    assert_memory_equal(node->hop.address, address, 32);

    uint8_t secret[32] = {9, 8, 7}, wanted[32], got[32];
    assert_int_equal(crypto_scalarmult(wanted, secret, node->sphinx_key), 0);
    struct slc_scalar scalar;
    slc_scalar_start(&scalar, secret);
    size_t size = (slc_curve_scratch_bytes(1) + 63) / 64 * 64;
    void *scratch = aligned_alloc(64, size > 0 ? size : 64);
    assert_non_null(scratch);
    struct slc_curve_job job = {node->hop.key, &scalar, got};
    slc_curve_multiply(&job, 1, scratch);
    assert_memory_equal(got, wanted, 32);
    free(scratch);
    assert_int_equal(topology->rotation, SLC_ROTATION_ODD);
    assert_int_equal(topology->rotation_id, 7);
    assert_int_equal(topology->epoch_id, 500);
    slc_topology_release(topology);
}

static void gateways_are_those_with_a_socket_and_the_entry_role(void **state)
{
    (void)state;
    struct slc_node_details nodes[] = {test_gateway(9), test_node(1),    test_node(2),   test_node(3),
                                       test_gateway(8), test_gateway(4), test_gateway(7)};
    nodes[4].node.entry = false;
    nodes[6].node.has_entry = false;
    struct slc_topology *topology = must_build(nodes, 7, &small_set);
    const struct slc_node *gateway[4] = {NULL};
    assert_int_equal(slc_topology_gateways(topology, true, gateway, 1), 2);
    assert_int_equal(gateway[0]->id, 4);
    assert_null(gateway[1]);
    assert_int_equal(slc_topology_gateways(topology, true, gateway, 4), 2);
    assert_int_equal(gateway[1]->id, 9);
    assert_int_equal(slc_topology_gateways(topology, true, NULL, 0), 2);
    slc_topology_release(topology);
}

static void a_gateway_that_can_mix_is_one_only_if_roles_are_ignored(void **state)
{
    (void)state;
    struct slc_random random;
    struct slc_node_details nodes[] = {test_node(1),    test_node(2),    test_node(3),
                                       test_gateway(4), test_gateway(8), test_gateway(9)};
    nodes[3].node.mixnode = nodes[5].node.mixnode = true;
    struct slc_topology *topology = must_build(nodes, 6, &small_set);
    const struct slc_node *gateway[3];
    assert_int_equal(slc_topology_gateways(topology, true, gateway, 3), 3);
    assert_int_equal(slc_topology_gateways(topology, false, gateway, 3), 1);
    assert_int_equal(gateway[0]->id, 8);
    slc_random_from_number(&random, 1, 1);
    unsigned drawn[10] = {0};
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(slc_topology_any_gateway(topology, false, &random)->id, 8);
        drawn[slc_topology_any_gateway(topology, true, &random)->id]++;
    }
    assert_in_range(drawn[4], 60, 140);
    assert_in_range(drawn[8], 60, 140);
    assert_int_equal(drawn[4] + drawn[8] + drawn[9], 300);
    nodes[4].node.mixnode = true;
    slc_topology_release(topology);
    topology = must_build(nodes, 6, &small_set);
    assert_null(slc_topology_any_gateway(topology, false, &random));
    slc_topology_release(topology);
}

/* ---- what is left out ---- */

/* Whether u is the x-coordinate of a point of the twist: u^3 + 486662 u^2 + u is no square (Euler, by OpenSSL). */
static bool is_on_twist(unsigned u)
{
    BN_CTX *context = BN_CTX_new();
    BIGNUM *p = BN_new(), *x = BN_new(), *y = BN_new(), *half = BN_new();
    assert_true(BN_set_bit(p, 255) && BN_sub_word(p, 19) && BN_set_word(x, u));
    assert_true(BN_copy(y, x) != NULL && BN_add_word(y, 486662) && BN_mod_mul(y, y, x, p, context) &&
                BN_add_word(y, 1) && BN_mod_mul(y, y, x, p, context));
    assert_true(BN_copy(half, p) != NULL && BN_sub_word(half, 1) && BN_rshift1(half, half));
    assert_true(BN_mod_exp(y, y, half, p, context));
    bool twist = !BN_is_one(y) && !BN_is_zero(y);
    BN_free(half);
    BN_free(y);
    BN_free(x);
    BN_free(p);
    BN_CTX_free(context);
    return twist;
}

static void unusable_sphinx_keys_cost_their_node_only(void **state)
{
    (void)state;
    static const char *const low_order[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    enum { LOW = sizeof low_order / sizeof low_order[0], TWISTED = 8 };
    struct slc_node_details nodes[4 + LOW + TWISTED] = {test_node(1), test_node(2), test_node(3), test_gateway(4)};
    size_t count = 4;
    for (size_t i = 0; i < LOW; i++) {
        nodes[count] = test_node((uint32_t)(100 + count));
        struct slc_bytes key = slc_vec_from_text(low_order[i]);
        assert_int_equal(key.len, 32);
        memcpy(nodes[count].node.sphinx_key, key.data, 32);
        uint8_t product[32], secret[32] = {5};
        assert_int_equal(crypto_scalarmult(product, secret, key.data), -1);
        count++;
    }
    for (unsigned u = 2; count < 4 + LOW + TWISTED; u++) {
        if (!is_on_twist(u)) continue;
        nodes[count] = test_node((uint32_t)(100 + count));
        memset(nodes[count].node.sphinx_key, 0, 32);
        nodes[count].node.sphinx_key[0] = (uint8_t)u;
        count++;
    }
    struct slc_topology *topology = must_build(nodes, count, &small_set);
    assert_int_equal(topology->node_count, 4);
    assert_int_equal(topology->refused_nodes, LOW + TWISTED);
    slc_topology_release(topology);
}

static void a_layer_of_refused_nodes_is_no_layer(void **state)
{
    (void)state;
    struct slc_node_details nodes[] = {test_node(1), test_node(2), test_node(3), test_gateway(4)};
    memset(nodes[1].node.sphinx_key, 0, 32);
    struct slc_topology *topology;
    struct slc_error error;
    assert_int_equal(slc_topology_new(&topology, nodes, 4, &small_set, 7, 500, &error), SLC_NO_ROUTE);
    assert_null(topology);
    assert_non_null(strstr(error.text, "layer 2"));
    assert_non_null(strstr(error.text, "refused"));
}

static void of_two_nodes_with_one_key_the_lower_id_stays(void **state)
{
    (void)state;
    struct slc_node_details nodes[] = {test_node(30), test_node(20), test_node(1),
                                       test_node(2),  test_node(3),  test_gateway(4)};
    memcpy(nodes[0].node.sphinx_key, nodes[2].node.sphinx_key, 32);
    memcpy(nodes[1].node.identity, nodes[3].node.identity, 32);
    struct slc_topology *topology = must_build(nodes, 6, &small_set);
    assert_int_equal(topology->node_count, 4);
    assert_int_equal(topology->refused_nodes, 2);
    assert_int_equal(slc_topology_find(topology, nodes[3].node.identity)->id, 2);
    assert_null(slc_topology_find_id(topology, 20));
    assert_null(slc_topology_find_id(topology, 30));
    slc_topology_release(topology);
}

static void of_two_nodes_with_one_id_the_last_given_stays(void **state)
{
    (void)state;
    struct slc_node_details nodes[] = {test_gateway(4), test_node(1), test_node(2), test_node(3), test_gateway(4)};
    nodes[0].node.ws.port = 1;
    nodes[4].node.ws.port = 2;
    struct slc_topology *topology = must_build(nodes, 5, &small_set);
    assert_int_equal(topology->node_count, 4);
    assert_int_equal(topology->refused_nodes, 0);
    assert_int_equal(slc_topology_find_id(topology, 4)->ws.port, 2);
    slc_topology_release(topology);
}

static void lists_may_repeat_ids_and_name_unknown_ones(void **state)
{
    (void)state;
    static const uint32_t layer1[] = {1, 9, 1, 77, 1}, entry[] = {4, 4, 50}, exits[] = {50, 4, 60};
    struct slc_node_details nodes[] = {test_node(1), test_node(2), test_node(3), test_gateway(4), test_node(9)};
    struct slc_rewarded_set set = small_set;
    set.layer[0] = layer1;
    set.layer_count[0] = 5;
    set.entry = entry;
    set.entry_count = 3;
    set.exit = exits;
    set.exit_count = 3;
    struct slc_topology *topology = must_build(nodes, 5, &set);
    assert_int_equal(topology->layer_count[0], 2);
    assert_int_equal(topology->layer[0][0]->id, 1);
    assert_int_equal(topology->layer[0][1]->id, 9);
    assert_int_equal(topology->gateway_count, 3);
    slc_topology_release(topology);
}

static void a_network_of_nothing_is_not_routable(void **state)
{
    (void)state;
    struct slc_topology *topology;
    struct slc_error error;
    struct slc_rewarded_set set = {.entry_count = 0};
    assert_int_equal(slc_topology_new(&topology, NULL, 0, &set, 0, 0, &error), SLC_NO_ROUTE);
    assert_null(topology);
    assert_non_null(strstr(error.text, "layer 1"));
    assert_int_equal(slc_topology_new(&topology, NULL, SLC_TOPOLOGY_NODES_MAX + 1, &set, 0, 0, &error), SLC_TOO_LONG);
    set.exit_count = SIZE_MAX;
    assert_int_equal(slc_topology_new(&topology, NULL, 0, &set, 0, 0, &error), SLC_TOO_LONG);
}

static void a_network_is_local_only_when_all_of_it_is(void **state)
{
    (void)state;
    struct slc_node_details nodes[] = {test_node(1), test_node(2), test_node(3), test_gateway(4)};
    struct slc_address far = {4, {192, 0, 2, 1}, 1789};
    for (int change = 0; change < 6; change++) {
        struct slc_node_details changed[4];
        memcpy(changed, nodes, sizeof nodes);
        struct slc_node *gateway = &changed[3].node;
        if (change == 1) changed[1].node.mix = far;
        if (change == 2) gateway->ws = far;
        if (change == 3) strcpy(gateway->hostname, "gw.example.org");
        if (change == 4) strcpy(gateway->hostname, "localhost");
        if (change == 5) gateway->mix = (struct slc_address){6, {[15] = 1}, 1789};
        struct slc_topology *topology = must_build(changed, 4, &small_set);
        assert_int_equal(slc_topology_is_local(topology), change == 0 || change >= 4);
        slc_topology_release(topology);
    }
}

/* ---- owners ---- */

static void *hold_and_release(void *context)
{
    for (int i = 0; i < 20000; i++) {
        struct slc_topology *topology = slc_topology_hold(context);
        if (topology->nodes[0].id != 1) return context;
        slc_topology_release(topology);
    }
    slc_topology_release(context);
    return NULL;
}

/* Sanitizers see a snapshot freed early, twice or never. */
static void the_last_owner_frees_whichever_thread_it_is(void **state)
{
    (void)state;
    struct slc_topology *topology = small_network();
    pthread_t thread[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, hold_and_release, slc_topology_hold(topology)), 0);
    }
    slc_topology_release(topology);
    for (int i = 0; i < 4; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(thread[i], &wrong), 0);
        assert_null(wrong);
    }
    slc_topology_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_and_routability_are_the_published_ones),
        cmocka_unit_test(rotation_ids_and_tags_are_the_published_ones),
        cmocka_unit_test(a_layer_is_drawn_from_uniformly),
        cmocka_unit_test(every_node_is_found_by_identity_and_by_id),
        cmocka_unit_test(a_hop_carries_the_padded_address_and_a_table_that_multiplies),
        cmocka_unit_test(gateways_are_those_with_a_socket_and_the_entry_role),
        cmocka_unit_test(a_gateway_that_can_mix_is_one_only_if_roles_are_ignored),
        cmocka_unit_test(unusable_sphinx_keys_cost_their_node_only),
        cmocka_unit_test(a_layer_of_refused_nodes_is_no_layer),
        cmocka_unit_test(of_two_nodes_with_one_key_the_lower_id_stays),
        cmocka_unit_test(of_two_nodes_with_one_id_the_last_given_stays),
        cmocka_unit_test(lists_may_repeat_ids_and_name_unknown_ones),
        cmocka_unit_test(a_network_of_nothing_is_not_routable),
        cmocka_unit_test(a_network_is_local_only_when_all_of_it_is),
        cmocka_unit_test(the_last_owner_frees_whichever_thread_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
