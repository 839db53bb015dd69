/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/directory/network.h"

enum { NODES = 12 };

/* Nodes 1 to 9 in layers 1 to 3, gateways 10 and 11, and 12 that is an exit without a socket. */
struct published {
    struct slc_node node[NODES];
    uint8_t layer[NODES];
    uint8_t noise_key[NODES][SLC_KEY_BYTES];
    struct slc_network network;
};

static void make_network(struct published *p)
{
    memset(p, 0, sizeof *p);
    for (uint32_t i = 0; i < NODES; i++) {
        p->node[i] = i < 9 ? test_node(i + 1).node : test_gateway(i + 1).node;
        p->layer[i] = (uint8_t)(i < 9 ? i % 3 + 1 : 0);
        memset(p->noise_key[i], (int)(i + 1), SLC_KEY_BYTES);
    }
    strcpy(p->node[9].hostname, "gw.example.org");
    p->node[9].wss_port = 9001;
    p->node[10].mix = (struct slc_address){6, {[15] = 1}, 17894};
    p->node[10].ws = (struct slc_address){6, {[15] = 1}, 19080};
    p->node[11].has_entry = p->node[11].entry = false;
    p->network = (struct slc_network){.epoch_id = 100,
                                      .rotation_id = 4,
                                      .validity_epochs = 24,
                                      .initial_epoch = 0,
                                      .epoch_seconds = 3600,
                                      .epoch_start = 1795469700,
                                      .nodes = p->node,
                                      .layer = p->layer,
                                      .node_count = NODES};
}

static char *document(const struct slc_network *network, enum slc_document which)
{
    char *text = slc_network_document(network, which);
    assert_non_null(text);
    return text;
}

static void expect_same_node(const struct slc_node *got, const struct slc_node *wanted)
{
    assert_int_equal(got->id, wanted->id);
    assert_memory_equal(got->identity, wanted->identity, 32);
    assert_memory_equal(got->sphinx_key, wanted->sphinx_key, 32);
    assert_true(slc_address_equal(&got->mix, &wanted->mix));
    assert_int_equal(got->mixnode, wanted->mixnode);
    assert_int_equal(got->entry, wanted->entry);
    assert_int_equal(got->exit_nr, wanted->exit_nr);
    assert_int_equal(got->exit_ipr, wanted->exit_ipr);
    assert_int_equal(got->has_entry, wanted->has_entry);
    assert_int_equal(got->wss_port, wanted->wss_port);
    assert_string_equal(got->hostname, wanted->hostname);
    if (wanted->has_entry) assert_true(slc_address_equal(&got->ws, &wanted->ws));
}

static void expect_same_network(struct slc_topology *topology, const struct published *p, size_t nodes)
{
    assert_int_equal(topology->node_count, nodes);
    assert_int_equal(topology->refused_nodes, 0);
    assert_int_equal(topology->epoch_id, 100);
    assert_int_equal(topology->rotation_id, 4);
    assert_int_equal(topology->refreshed_at, 1795469700);
    assert_int_equal(topology->gateway_count, 3);
    for (size_t i = 0; i < nodes; i++) {
        expect_same_node(&topology->nodes[i], &p->node[i]);
    }
    for (size_t i = 0; i < SLC_LAYERS; i++) {
        assert_int_equal(topology->layer_count[i], 3);
        for (size_t n = 0; n < 3; n++) {
            assert_int_equal(p->layer[topology->layer[i][n]->id - 1], i + 1);
        }
    }
    slc_topology_release(topology);
}

static void what_is_published_parses_to_the_same_network(void **state)
{
    (void)state;
    struct published p;
    make_network(&p);
    char *c = document(&p.network, SLC_DOCUMENT_REWARDED_SET), *d = document(&p.network, SLC_DOCUMENT_MIXNODES),
         *e = document(&p.network, SLC_DOCUMENT_ENTRY_GATEWAYS);
    struct slc_topology *topology;
    struct slc_error error = {.status = SLC_OK};
    if (slc_directory_parse(slc_bytes_of_text(c), slc_bytes_of_text(d), slc_bytes_of_text(e), "published", &topology,
                            &error) != SLC_OK) {
        fail_msg("%s", error.text);
    }
    expect_same_network(topology, &p, NODES);
    free(e);
    free(d);
    free(c);
}

static void a_published_file_parses_to_the_same_network(void **state)
{
    (void)state;
    struct published p;
    make_network(&p);
    char *text = document(&p.network, SLC_DOCUMENT_TOPOLOGY_FILE);
    struct slc_topology *topology;
    struct slc_error error = {.status = SLC_OK};
    if (slc_topology_parse_file(slc_bytes_of_text(text), "published", &topology, &error) != SLC_OK) {
        fail_msg("%s", error.text);
    }
    expect_same_network(topology, &p, NODES);
    free(text);
}

static void expect_json(const char *text, const char *wanted)
{
    cJSON *got = cJSON_Parse(text), *expected = cJSON_Parse(wanted);
    assert_non_null(got);
    assert_non_null(expected);
    if (!cJSON_Compare(got, expected, true)) fail_msg("%s\nwhere this was wanted\n%s", text, wanted);
    cJSON_Delete(got);
    cJSON_Delete(expected);
}

/* The documents of network.h are written by hand after chapter 7, section 5, and chapter 6, section 3.6. */
static void the_documents_are_those_of_the_chapters(void **state)
{
    (void)state;
    struct slc_node node[] = {test_node(1).node, test_node(2).node, test_node(3).node, test_gateway(4).node,
                              test_gateway(5).node};
    node[3].ws.port = node[4].ws.port = 19080;
    static const uint8_t layer[] = {1, 2, 3, 0, 0};
    struct slc_network network = {.epoch_id = 100,
                                  .rotation_id = 4,
                                  .validity_epochs = 24,
                                  .epoch_seconds = 3600,
                                  .epoch_start = 1795469700,
                                  .nodes = node,
                                  .layer = layer,
                                  .node_count = 5};
    static const char refreshed[] = "\"2026-11-23T21:35:00Z\"";
    char *by_hand[SLC_DOCUMENT_COUNT] = {
        [SLC_DOCUMENT_ROTATION] = strdup(TEST_ROTATION),
        [SLC_DOCUMENT_REWARDED_SET] = strdup(TEST_REWARDED_SET),
    };
    char *plain[] = {test_mixnodes(), test_entry_gateways(), test_file()};
    by_hand[SLC_DOCUMENT_MIXNODES] = test_edit(plain[0], "metadata/refreshed_at", refreshed);
    by_hand[SLC_DOCUMENT_ENTRY_GATEWAYS] = test_edit(plain[1], "metadata/refreshed_at", refreshed);
    by_hand[SLC_DOCUMENT_TOPOLOGY_FILE] = test_edit(plain[2], "metadata/refreshed_at", refreshed);
    for (int which = 0; which < SLC_DOCUMENT_COUNT; which++) {
        if (by_hand[which] == NULL) continue;
        char *text = document(&network, (enum slc_document)which);
        expect_json(text, by_hand[which]);
        free(text);
        free(by_hand[which]);
    }
    for (int i = 0; i < 3; i++) {
        free(plain[i]);
    }
}

/* Chapter 7, section 4, item 6; performance stays a string, absent ports are null. */
static void every_gateway_is_as_the_peers_want_it(void **state)
{
    (void)state;
    struct published p;
    make_network(&p);
    p.node[9].mixnode = true; /* it could mix, but this is not what it is here for */
    char *text = document(&p.network, SLC_DOCUMENT_ALL_NODES);
    cJSON *root = cJSON_Parse(text);
    assert_non_null(root);
    assert_int_equal(slc_vec_u64(root, "nodes/pagination/total"), NODES);
    assert_int_equal(slc_vec_count(root, "nodes/data"), NODES);
    assert_true(slc_vec_is_null(root, "metadata/status"));
    assert_true(slc_vec_is(root, "nodes/data/9/role", "EntryGateway"));
    assert_false(slc_vec_is_true(root, "nodes/data/9/supported_roles/mixnode"));
    assert_true(slc_vec_is(root, "nodes/data/9/performance", "1"));
    assert_int_equal(slc_vec_u64(root, "nodes/data/9/entry/wss_port"), 9001);
    assert_true(slc_vec_is(root, "nodes/data/10/ip_addresses/0", "::1"));
    assert_true(slc_vec_is_null(root, "nodes/data/10/entry/wss_port"));
    assert_true(slc_vec_is_null(root, "nodes/data/10/entry/hostname"));
    assert_true(slc_vec_is(root, "nodes/data/11/role", "ExitGateway"));
    assert_true(slc_vec_is_null(root, "nodes/data/11/entry"));
    assert_int_equal(slc_vec_u64(root, "nodes/data/4/role/Mixnode/layer"), 2);
    assert_true(slc_vec_is_null(root, "nodes/data/0/entry"));
    cJSON_Delete(root);
    free(text);
}

static void noise_keys_stand_in_the_semi_skimmed_list(void **state)
{
    (void)state;
    struct published p;
    make_network(&p);
    char *text = document(&p.network, SLC_DOCUMENT_SEMI_SKIMMED);
    cJSON *root = cJSON_Parse(text);
    assert_true(slc_vec_is_null(root, "nodes/data/0/x25519_noise_versioned_key"));
    cJSON_Delete(root);
    free(text);
    p.network.noise_key = p.noise_key;
    text = document(&p.network, SLC_DOCUMENT_SEMI_SKIMMED);
    root = cJSON_Parse(text);
    for (int i = 0; i < NODES; i++) {
        char path[64];
        uint8_t key[32];
        (void)snprintf(path, sizeof path, "nodes/data/%d/x25519_noise_versioned_key/x25519_pubkey", i);
        assert_int_equal(slc_base58_key(key, slc_vec_text(root, path)), SLC_OK);
        assert_memory_equal(key, p.noise_key[i], 32);
    }
    assert_int_equal(slc_vec_u64(root, "nodes/data/0/x25519_noise_versioned_key/supported_version"), 1);
    assert_int_equal(slc_vec_u64(root, "nodes/data/3/basic/node_id"), 4);
    cJSON_Delete(root);
    free(text);
}

static void large_numbers_keep_all_their_digits(void **state)
{
    (void)state;
    struct published p;
    make_network(&p);
    p.node[0].id = UINT32_MAX;
    p.network.epoch_id = UINT32_MAX;
    p.network.rotation_id = UINT32_MAX;
    p.network.epoch_seconds = 3600;
    char *text = document(&p.network, SLC_DOCUMENT_TOPOLOGY_FILE);
    assert_non_null(strstr(text, "\"key_rotation_id\":4294967295,"));
    assert_non_null(strstr(text, "\"node_id\":4294967295,"));
    struct slc_topology *topology;
    assert_int_equal(slc_topology_parse_file(slc_bytes_of_text(text), "published", &topology, NULL), SLC_OK);
    assert_non_null(slc_topology_find_id(topology, UINT32_MAX));
    assert_int_equal(topology->rotation, SLC_ROTATION_UNKNOWN);
    slc_topology_release(topology);
    free(text);
    text = document(&p.network, SLC_DOCUMENT_ROTATION);
    struct slc_rotation_info info;
    p.network.rotation_id = 4;
    assert_int_equal(slc_directory_parse_rotation(slc_bytes_of_text(text), "published", &info, NULL),
                     SLC_OUT_OF_RANGE); /* rotation 2^32 - 1 starts at no epoch there can be */
    free(text);
    text = document(&p.network, SLC_DOCUMENT_ROTATION);
    assert_int_equal(slc_directory_parse_rotation(slc_bytes_of_text(text), "published", &info, NULL), SLC_OK);
    assert_int_equal(info.current_epoch, UINT32_MAX);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_published_parses_to_the_same_network),
        cmocka_unit_test(a_published_file_parses_to_the_same_network),
        cmocka_unit_test(the_documents_are_those_of_the_chapters),
        cmocka_unit_test(every_gateway_is_as_the_peers_want_it),
        cmocka_unit_test(noise_keys_stand_in_the_semi_skimmed_list),
        cmocka_unit_test(large_numbers_keep_all_their_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
