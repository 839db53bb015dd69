/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/directory/network.h"

/*
 * One valid set of documents, changed in one place at a time: what the published clients accept and refuse
 * (docs/protocol/4-client.md, section 17.3; 7-peers.md, section 6), and what no bound of ours lets in.
 */

enum which { B, C, D, E, DE /* both lists alike */ };

struct row {
    enum which document;
    const char *path, *value; /* value NULL: taken out */
    enum slc_status status;
};

static enum slc_status parse_one(enum which document, const char *path, const char *value,
                                 struct slc_topology **topology, struct slc_error *error)
{
    char *text[] = {[C] = strdup(TEST_REWARDED_SET), [D] = test_mixnodes(), [E] = test_entry_gateways()};
    for (int i = C; i <= E && path != NULL; i++) {
        if (i == (int)document || (document == DE && i != C)) {
            char *edited = test_edit(text[i], path, value);
            free(text[i]);
            text[i] = edited;
        }
    }
    enum slc_status status = slc_directory_parse(slc_bytes_of_text(text[C]), slc_bytes_of_text(text[D]),
                                                 slc_bytes_of_text(text[E]), "test", topology, error);
    for (int i = C; i <= E; i++) {
        free(text[i]);
    }
    return status;
}

/* The snapshot that a changed document gives, which must be accepted. */
static struct slc_topology *must_parse(enum which document, const char *path, const char *value)
{
    struct slc_topology *topology;
    struct slc_error error = {.status = SLC_OK};
    if (parse_one(document, path, value, &topology, &error) != SLC_OK)
        fail_msg("%s: %s", path != NULL ? path : "unchanged", error.text);
    assert_non_null(topology);
    return topology;
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        struct slc_topology *topology = NULL;
        struct slc_error error = {.status = SLC_OK};
        enum slc_status status;
        if (row->document == B) {
            struct slc_rotation_info info;
            char *text = test_edit(TEST_ROTATION, row->path, row->value);
            status = slc_directory_parse_rotation(slc_bytes_of_text(text), "test", &info, &error);
            free(text);
        } else {
            status = parse_one(row->document, row->path, row->value, &topology, &error);
            assert_int_equal(topology != NULL, status == SLC_OK);
            slc_topology_release(topology);
        }
        if (status != row->status) {
            fail_msg("%s = %s: \"%s\" where \"%s\" was wanted (%s)", row->path,
                     row->value != NULL ? row->value : "nothing", slc_status_text(status), slc_status_text(row->status),
                     error.text);
        }
        assert_int_equal(error.text[0] != 0, status != SLC_OK);
    }
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof rows / sizeof rows[0])

static void the_unchanged_documents_make_the_network(void **state)
{
    (void)state;
    struct slc_topology *topology = must_parse(C, NULL, NULL);
    assert_int_equal(topology->node_count, 5);
    assert_int_equal(topology->gateway_count, 2);
    assert_int_equal(topology->epoch_id, 100);
    assert_int_equal(topology->rotation_id, 4);
    assert_int_equal(topology->rotation, SLC_ROTATION_EVEN);
    assert_int_equal(topology->refreshed_at, 1778925600); /* date -u -d '2026-05-16 10:00' +%s */
    for (uint32_t id = 1; id <= 5; id++) {
        const struct slc_node *node = slc_topology_find_id(topology, id);
        uint8_t identity[32], sphinx_key[32];
        test_keys(id, identity, sphinx_key);
        assert_memory_equal(node->identity, identity, 32);
        assert_memory_equal(node->sphinx_key, sphinx_key, 32);
        assert_true(slc_address_equal(&node->mix, &(struct slc_address){4, {127, 0, 0, 1}, (uint16_t)(10000 + id)}));
        assert_int_equal(node->mixnode, id < 4);
        assert_int_equal(node->has_entry && node->entry && node->exit_nr && node->exit_ipr, id >= 4);
        if (id < 4) assert_ptr_equal(topology->layer[id - 1][0], node);
    }
    assert_int_equal(slc_topology_find_id(topology, 4)->ws.port, 19080);
    slc_topology_release(topology);
}

static void what_the_published_clients_accept_is_accepted(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {B, "extra", "{\"a\":[1,2,{\"b\":null}]}", SLC_OK},
        {B, "progress/current_key_rotation_id", "9", SLC_OK}, /* unlike D's rotation id */
        {B, "current_epoch_start", "\"2026-11-23T23:35:00.25+02:00\"", SLC_OK},
        {C, "extra", "\"\\u20ac \\ud83d\\ude00\"", SLC_OK},
        {C, "exit_gateways", "[99]", SLC_OK},
        {C, "entry_gateways", "[99]", SLC_OK}, /* an unknown id is enough */
        {C, "layer1", "[1,4]", SLC_OK},        /* a gateway that mixes */
        {C, "layer1", "[1,99,1]", SLC_OK},
        {C, "standby", "[1,2,77]", SLC_OK},
        {DE, "metadata/status", NULL, SLC_OK},
        {DE, "metadata/status", "\"no-updates\"", SLC_OK},
        {DE, "metadata/extra", "1", SLC_OK},
        {DE, "metadata/refreshed_at", "\"2026-05-16T10:01:02Z\"", SLC_OK},
        {DE, "metadata/refreshed_at", "\"yesterday\"", SLC_OK},
        {D, "nodes/data/0/supported_roles", NULL, SLC_OK},
        {E, "nodes/data/0/supported_roles/mixnode", "true", SLC_OK},
        {D, "nodes/data/0/entry", NULL, SLC_OK},
        {D, "nodes/data/0/extra", "[]", SLC_OK},
        {D, "nodes/data/0/role", "\"Standby\"", SLC_OK},
        {D, "nodes/data/0/role", "\"gateway\"", SLC_OK},
        {E, "nodes/data/0/entry/hostname", "\"localhost\"", SLC_OK},
        {E, "nodes/data/0/entry/wss_port", "9001", SLC_OK},
        {E, "nodes/data/0/ip_addresses", "[\"::1\",\"127.0.0.1\"]", SLC_OK},
        {D, "nodes/data/0/performance", "\"0.5\"", SLC_OK},
        {D, "nodes/data/0/performance", "\"1.000000000000000000\"", SLC_OK},
        {DE, "nodes/pagination/total", "0", SLC_OK},
    };
    CHECK_ROWS(rows);
}

static void what_the_published_clients_refuse_is_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {B, "progress", NULL, SLC_MALFORMED},
        {B, "key_rotation_state", NULL, SLC_MALFORMED},
        {B, "current_epoch_start", "\"2026-11-23\"", SLC_MALFORMED},
        {C, "layer1", "[]", SLC_NO_ROUTE},
        {C, "layer2", "[]", SLC_NO_ROUTE},
        {C, "layer3", "[99]", SLC_NO_ROUTE},
        {C, "standby", NULL, SLC_MALFORMED},
        {C, "entry_gateways", "[]", SLC_NO_ROUTE},
        {C, "epoch_id", NULL, SLC_AGAIN},
        {C, "epoch_id", "99", SLC_AGAIN},
        {D, "metadata/absolute_epoch_id", "101", SLC_AGAIN},
        {E, "metadata/absolute_epoch_id", "101", SLC_AGAIN},
        {DE, "metadata/absolute_epoch_id", "101", SLC_AGAIN},
        {E, "metadata/rotation_id", "5", SLC_AGAIN},
        {E, "metadata/status", "\"no-updates\"", SLC_AGAIN},
        {D, "metadata/refreshed_at", NULL, SLC_MALFORMED},
        {D, "metadata/refreshed_at", "0", SLC_MALFORMED},
        {D, "metadata/status", "\"updates\"", SLC_MALFORMED},
        {D, "metadata/status", "{\"fresh\":{}}", SLC_MALFORMED},
        {D, "nodes/data/0/role", NULL, SLC_MALFORMED},
        {D, "nodes/data/0/performance", NULL, SLC_MALFORMED},
        {D, "nodes/data/0/performance", "1", SLC_MALFORMED},
        {D, "nodes/data/0/performance", "\"0.494\"", SLC_NO_ROUTE},
        {D, "nodes/data/0/performance", "\"0.495\"", SLC_NO_ROUTE},
        {D, "nodes/data/0/performance", "\"0.499999999999999999\"", SLC_NO_ROUTE},
        {D, "nodes/data/0/ip_addresses", "[]", SLC_NO_ROUTE}, /* the node is skipped, and layer 1 with it */
        {D, "nodes/pagination", NULL, SLC_MALFORMED},
        {D, "nodes", NULL, SLC_MALFORMED},
        {D, "metadata", NULL, SLC_MALFORMED},
    };
    CHECK_ROWS(rows);
}

static void numbers_keys_and_addresses_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {B, "key_rotation_state/validity_epochs", "0", SLC_OUT_OF_RANGE},
        {B, "epoch_duration/secs", "0", SLC_OUT_OF_RANGE},
        {B, "epoch_duration/secs", "1e300", SLC_OUT_OF_RANGE},
        {B, "epoch_duration/nanos", "1000000000", SLC_OUT_OF_RANGE},
        {B, "current_absolute_epoch_id", "4294967296", SLC_OUT_OF_RANGE},
        {C, "layer1", "[1,-1]", SLC_OUT_OF_RANGE},
        {C, "layer1", "[1,4294967296]", SLC_OUT_OF_RANGE},
        {C, "layer1", "[1.5]", SLC_OUT_OF_RANGE},
        {C, "layer1", "[\"1\"]", SLC_MALFORMED},
        {C, "layer1", "{\"a\":1}", SLC_MALFORMED},
        {C, "epoch_id", "-0.5", SLC_OUT_OF_RANGE},
        {D, "metadata/rotation_id", "4294967296", SLC_OUT_OF_RANGE},
        {D, "nodes/pagination/total", "-1", SLC_OUT_OF_RANGE},
        {D, "nodes/pagination/total", "4", SLC_TOO_SHORT},
        {E, "nodes/data", "[]", SLC_TOO_SHORT}, /* less than `total` promises */
        {D, "nodes/data/1", "7", SLC_MALFORMED},
        {D, "nodes/data/1/node_id", "1e20", SLC_OUT_OF_RANGE},
        {D, "nodes/data/1/mix_port", "0", SLC_OUT_OF_RANGE},
        {D, "nodes/data/1/mix_port", "65536", SLC_OUT_OF_RANGE},
        {D, "nodes/data/1/ip_addresses", "[\"gw.example.org\"]", SLC_MALFORMED},
        {D, "nodes/data/1/ip_addresses", "[\"127.0.0.1\",\"256.0.0.1\"]", SLC_MALFORMED},
        {D, "nodes/data/1/ip_addresses", "[1]", SLC_MALFORMED},
        {D, "nodes/data/1/x25519_sphinx_pubkey", "\"0OIl\"", SLC_MALFORMED},
        {D, "nodes/data/1/x25519_sphinx_pubkey", "\"2222\"", SLC_TOO_SHORT},
        {D, "nodes/data/1/x25519_sphinx_pubkey", "\"22222222222222222222222222222222222222222222222222222222222222\"",
         SLC_TOO_LONG},
        {D, "nodes/data/1/ed25519_identity_pubkey", "12", SLC_MALFORMED},
        /* 32 bytes, y = 2, which is on no point of Ed25519 */
        {D, "nodes/data/1/ed25519_identity_pubkey", "\"8opHzTAnfzRpPEx21XtnrVTX28YQuCpAjcn1PczScKh\"", SLC_BAD_KEY},
        {D, "nodes/data/1/performance", "\"1.01\"", SLC_OUT_OF_RANGE},
        {D, "nodes/data/1/performance", "\"2\"", SLC_OUT_OF_RANGE},
        {D, "nodes/data/1/performance", "\"10\"", SLC_OUT_OF_RANGE},
        {D, "nodes/data/1/performance", "\"-0.5\"", SLC_OUT_OF_RANGE},
        {D, "nodes/data/1/performance", "\"0.9999999999999999999\"", SLC_OUT_OF_RANGE},
        {D, "nodes/data/1/performance", "\".9\"", SLC_OUT_OF_RANGE},
        {D, "nodes/data/1/performance", "\"1.\"", SLC_OUT_OF_RANGE},
        {D, "nodes/data/1/performance", "\"\"", SLC_OUT_OF_RANGE},
        {D, "nodes/data/1/performance", "\"NaN\"", SLC_OUT_OF_RANGE},
        {D, "nodes/data/1/supported_roles", "true", SLC_MALFORMED},
        {D, "nodes/data/1/supported_roles/entry", "1", SLC_MALFORMED},
        {E, "nodes/data/0/entry/ws_port", "0", SLC_OUT_OF_RANGE},
        {E, "nodes/data/0/entry/ws_port", NULL, SLC_MALFORMED},
        {E, "nodes/data/0/entry/wss_port", "70000", SLC_OUT_OF_RANGE},
        {E, "nodes/data/0/entry/hostname", "\"a b\"", SLC_MALFORMED},
        {E, "nodes/data/0/entry/hostname", "\"a\\r\\nHost: b\"", SLC_MALFORMED},
        {E, "nodes/data/0/entry", "[]", SLC_MALFORMED},
    };
    CHECK_ROWS(rows);
}

static void rotation_info_is_read_whole(void **state)
{
    (void)state;
    struct slc_rotation_info info;
    assert_int_equal(slc_directory_parse_rotation(slc_bytes_of_text(TEST_ROTATION), "test", &info, NULL), SLC_OK);
    assert_int_equal(info.validity_epochs, 24);
    assert_int_equal(info.initial_epoch, 0);
    assert_int_equal(info.current_epoch, 100);
    assert_int_equal(info.epoch_start, 1795469700); /* date -u -d '2026-11-23 21:35' +%s */
    assert_int_equal(info.epoch_seconds, 3600);
}

static void rotation_ids_give_the_tags_of_packets(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        enum slc_rotation tag;
    } cases[] = {{"0", SLC_ROTATION_UNKNOWN},
                 {"7", SLC_ROTATION_ODD},
                 {"8", SLC_ROTATION_EVEN},
                 {"4294967295", SLC_ROTATION_UNKNOWN}};
    for (size_t i = 0; i < 4; i++) {
        struct slc_topology *topology = must_parse(DE, "metadata/rotation_id", cases[i].id);
        assert_int_equal(topology->rotation, cases[i].tag);
        slc_topology_release(topology);
    }
}

static void an_interval_in_the_status_must_agree_as_well(void **state)
{
    (void)state;
    static const char fresh[] =
        "{\"fresh\":{\"id\":2,\"epochs_in_interval\":720,\"current_epoch_start\":\"2026-05-16T10:00:00Z\","
        "\"current_epoch_id\":20,\"epoch_length\":{\"secs\":3600,\"nanos\":0},\"total_elapsed_epochs\":500}}";
    slc_topology_release(must_parse(DE, "metadata/status", fresh));
    struct slc_topology *topology;
    assert_int_equal(parse_one(D, "metadata/status", fresh, &topology, NULL), SLC_AGAIN);
    static const char *const members[] = {"id", "epochs_in_interval", "current_epoch_id", "total_elapsed_epochs"};
    for (size_t i = 0; i < 4; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "fresh/%s", members[i]);
        char *other = test_edit(fresh, path, "1");
        char *both = test_mixnodes(), *gateways = test_entry_gateways();
        char *d = test_edit(both, "metadata/status", fresh), *e = test_edit(gateways, "metadata/status", other);
        assert_int_equal(slc_directory_parse(slc_bytes_of_text(TEST_REWARDED_SET), slc_bytes_of_text(d),
                                             slc_bytes_of_text(e), "test", &topology, NULL),
                         SLC_AGAIN);
        free(e);
        free(d);
        free(gateways);
        free(both);
        free(other);
    }
}

static void gateways_without_entry_or_performance_are_none(void **state)
{
    (void)state;
    struct slc_topology *topology = must_parse(E, "nodes/data/0/entry", "null");
    assert_int_equal(slc_topology_gateways(topology, true, NULL, 0), 1);
    assert_false(slc_topology_find_id(topology, 4)->has_entry);
    slc_topology_release(topology);

    topology = must_parse(E, "nodes/data/0/performance", "\"0.4\"");
    assert_null(slc_topology_find_id(topology, 4));
    assert_int_equal(topology->gateway_count, 2); /* listed without details still counts */
    slc_topology_release(topology);

    topology = must_parse(E, "nodes/data/0/ip_addresses", "[\"::1\",\"127.0.0.1\"]");
    assert_int_equal(slc_topology_find_id(topology, 4)->ws.version, 6);
    slc_topology_release(topology);
}

static void an_empty_gateway_list_leaves_a_network_without_gateways(void **state)
{
    (void)state;
    char *d = test_mixnodes(), *e = test_list(NULL, 0, true, 0, 0);
    struct slc_topology *topology;
    assert_int_equal(slc_directory_parse(slc_bytes_of_text(TEST_REWARDED_SET), slc_bytes_of_text(d),
                                         slc_bytes_of_text(e), "test", &topology, NULL),
                     SLC_OK);
    assert_int_equal(slc_topology_gateways(topology, true, NULL, 0), 0);
    slc_topology_release(topology);
    free(d);
    d = test_list(NULL, 0, false, 0, 0);
    assert_int_equal(slc_directory_parse(slc_bytes_of_text(TEST_REWARDED_SET), slc_bytes_of_text(d),
                                         slc_bytes_of_text(e), "test", &topology, NULL),
                     SLC_NO_ROUTE);
    free(d);
    free(e);
}

/* E after D, and only if E's entry passes the filter. */
static void the_gateway_list_overwrites_the_mixnode_list(void **state)
{
    (void)state;
    char *d = test_mixnodes(), *e = test_list((const uint32_t[]){1, 4, 5}, 3, true, 3, 0);
    struct slc_topology *topology;
    assert_int_equal(slc_directory_parse(slc_bytes_of_text(TEST_REWARDED_SET), slc_bytes_of_text(d),
                                         slc_bytes_of_text(e), "test", &topology, NULL),
                     SLC_OK);
    assert_int_equal(topology->node_count, 5);
    assert_true(slc_topology_find_id(topology, 1)->has_entry);
    assert_int_equal(topology->layer_count[0], 1);
    slc_topology_release(topology);

    char *slow = test_edit(e, "nodes/data/0/performance", "\"0.1\"");
    assert_int_equal(slc_directory_parse(slc_bytes_of_text(TEST_REWARDED_SET), slc_bytes_of_text(d),
                                         slc_bytes_of_text(slow), "test", &topology, NULL),
                     SLC_OK);
    assert_false(slc_topology_find_id(topology, 1)->has_entry);
    slc_topology_release(topology);
    free(slow);
    free(e);
    free(d);
}

static void an_error_names_document_line_column_and_member(void **state)
{
    (void)state;
    char *d = test_mixnodes(), *e = test_entry_gateways();
    char *port = strstr(d, "10002");
    memcpy(port, "70000", 5);
    size_t line = 1, column = 1;
    for (const char *at = d; at < port; at++) {
        column = *at == '\n' ? 1 : column + 1;
        line += *at == '\n';
    }
    struct slc_topology *topology;
    struct slc_error error;
    assert_int_equal(slc_directory_parse(slc_bytes_of_text(TEST_REWARDED_SET), slc_bytes_of_text(d),
                                         slc_bytes_of_text(e), "mixnodes", &topology, &error),
                     SLC_OUT_OF_RANGE);
    char wanted[160];
    (void)snprintf(wanted, sizeof wanted,
                   "mixnodes:%zu:%zu: nodes.data.1.mix_port: must be a whole number from 1 to 65535", line, column);
    assert_string_equal(error.text, wanted);
    free(e);
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_unchanged_documents_make_the_network),
        cmocka_unit_test(what_the_published_clients_accept_is_accepted),
        cmocka_unit_test(what_the_published_clients_refuse_is_refused),
        cmocka_unit_test(numbers_keys_and_addresses_out_of_range_are_refused),
        cmocka_unit_test(rotation_info_is_read_whole),
        cmocka_unit_test(rotation_ids_give_the_tags_of_packets),
        cmocka_unit_test(an_interval_in_the_status_must_agree_as_well),
        cmocka_unit_test(gateways_without_entry_or_performance_are_none),
        cmocka_unit_test(an_empty_gateway_list_leaves_a_network_without_gateways),
        cmocka_unit_test(the_gateway_list_overwrites_the_mixnode_list),
        cmocka_unit_test(an_error_names_document_line_column_and_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
