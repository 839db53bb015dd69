/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/directory/network.h"

#include <unistd.h>

struct row {
    const char *path, *value; /* value NULL: taken out */
    enum slc_status status;
    const char *says; /* part of the error's text */
};

static void check_rows(const struct row *rows, size_t count)
{
    char *valid = test_file();
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        struct slc_topology *topology;
        struct slc_error error = {.status = SLC_OK};
        char *text = test_edit(valid, row->path, row->value);
        enum slc_status status = slc_topology_parse_file(slc_bytes_of_text(text), "net.json", &topology, &error);
        assert_int_equal(topology != NULL, status == SLC_OK);
        if (status != row->status || (row->says != NULL && strstr(error.text, row->says) == NULL)) {
            fail_msg("%s: \"%s\" (%s) where \"%s\" (%s) was wanted", row->path, slc_status_text(status), error.text,
                     slc_status_text(row->status), row->says != NULL ? row->says : "");
        }
        slc_topology_release(topology);
        free(text);
    }
    free(valid);
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof rows / sizeof rows[0])

static void a_file_makes_the_network(void **state)
{
    (void)state;
    char *text = test_file();
    struct slc_topology *topology;
    struct slc_error error = {.status = SLC_OK};
    if (slc_topology_parse_file(slc_bytes_of_text(text), "net.json", &topology, &error) != SLC_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(topology->node_count, 5);
    assert_int_equal(topology->rotation_id, 4);
    assert_int_equal(topology->epoch_id, 100);
    assert_int_equal(topology->refreshed_at, 1780272000); /* date -u -d 2026-06-01 +%s */
    assert_int_equal(slc_topology_gateways(topology, true, NULL, 0), 2);
    assert_true(slc_topology_is_local(topology));
    for (uint32_t id = 1; id <= 5; id++) {
        uint8_t identity[32], sphinx_key[32];
        test_keys(id, identity, sphinx_key);
        const struct slc_node *node = slc_topology_find(topology, identity);
        assert_non_null(node);
        assert_int_equal(node->id, id);
        assert_memory_equal(node->sphinx_key, sphinx_key, 32);
        assert_int_equal(node->mix.port, 10000 + id);
        assert_int_equal(node->mixnode, id < 4);
        assert_int_equal(node->entry && node->exit_nr && node->exit_ipr && node->ws.port == 19080, id >= 4);
    }
    slc_topology_release(topology);
    free(text);
}

static void what_may_be_missing_may_be_missing(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"metadata", NULL, SLC_OK, NULL},
        {"extra", "{}", SLC_OK, NULL},
        {"rewarded_set/epoch_id", NULL, SLC_OK, NULL},
        {"rewarded_set/epoch_id", "99", SLC_OK, NULL},
        {"metadata/refreshed_at", "\"once\"", SLC_OK, NULL},
        {"node_details/1/entry", NULL, SLC_OK, NULL},
        {"node_details/4/entry/hostname", "\"gw.example.org\"", SLC_OK, NULL},
        {"node_details/4/entry/clients_wss_port", "443", SLC_OK, NULL},
        {"node_details/1/mix_host", "\"[::1]:1789\"", SLC_OK, NULL},
        {"node_details/5", NULL, SLC_OK, NULL},
        {"metadata/key_rotation_id", "4294967295", SLC_OK, NULL},
    };
    CHECK_ROWS(rows);

    char *valid = test_file(), *text = test_edit(valid, "metadata", NULL);
    struct slc_topology *topology;
    assert_int_equal(slc_topology_parse_file(slc_bytes_of_text(text), "net.json", &topology, NULL), SLC_OK);
    assert_int_equal(topology->rotation_id, UINT32_MAX);
    assert_int_equal(topology->rotation, SLC_ROTATION_UNKNOWN);
    assert_int_equal(topology->epoch_id, 0);
    slc_topology_release(topology);
    free(text);
    free(valid);
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"rewarded_set", NULL, SLC_MALFORMED, "net.json:1:1: rewarded_set is missing"},
        {"rewarded_set/standby", NULL, SLC_MALFORMED, ": rewarded_set: standby is missing"},
        {"rewarded_set/layer2", "[]", SLC_NO_ROUTE, ": rewarded_set: layer 2 has no node"},
        {"rewarded_set/layer2", "[9]", SLC_NO_ROUTE, ": rewarded_set: layer 2 lists 1 node"},
        {"rewarded_set/entry_gateways", "[]", SLC_NO_ROUTE, "no entry and no exit gateway"},
        {"node_details", "[]", SLC_MALFORMED, ": node_details: must be an object"},
        {"node_details", "{}", SLC_NO_ROUTE, "layer 1"},
        {"node_details/2", NULL, SLC_NO_ROUTE, "layer 2"},
        {"metadata/key_rotation_id", NULL, SLC_MALFORMED, ": metadata: key_rotation_id is missing"},
        {"metadata/refreshed_at", NULL, SLC_MALFORMED, ": metadata: refreshed_at is missing"},
        {"node_details/2/node_id", "1", SLC_MALFORMED, ": node_details.2: stands under this key"},
        {"node_details/02", "{\"node_id\":2}", SLC_MALFORMED, ": node_details.02: stands under this key"},
        {"node_details/2/mix_host", "\"localhost:1\"", SLC_MALFORMED, ": node_details.2.mix_host: must be"},
        {"node_details/2/mix_host", "\"127.0.0.1\"", SLC_MALFORMED, ": node_details.2.mix_host: must be"},
        {"node_details/2/mix_host", "\"127.0.0.1:0\"", SLC_MALFORMED, ": node_details.2.mix_host: must be"},
        {"node_details/2/mix_host", NULL, SLC_MALFORMED, ": node_details.2: mix_host is missing"},
        {"node_details/2/sphinx_key", "[1,2,3]", SLC_MALFORMED, ": node_details.2.sphinx_key: must be an array of 32"},
        {"node_details/2/sphinx_key", "\"abc\"", SLC_MALFORMED, ": node_details.2.sphinx_key: must be an array"},
        {"node_details/2/sphinx_key/31", "256", SLC_OUT_OF_RANGE, ": node_details.2.sphinx_key.31: must be a whole"},
        {"node_details/2/sphinx_key/0", "-1", SLC_OUT_OF_RANGE, ": node_details.2.sphinx_key.0: must be a whole"},
        {"node_details/2/identity_key", "[2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
         SLC_BAD_KEY, ": node_details.2.identity_key: is not the public key"},
        {"node_details/2/sphinx_key", "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]", SLC_NO_ROUTE,
         "1 nodes were refused for their keys"},
        {"node_details/2/supported_roles", NULL, SLC_MALFORMED, ": node_details.2: supported_roles is missing"},
        {"node_details/2/supported_roles/mixnet_exit", "0", SLC_MALFORMED, "mixnet_exit: must be true or false"},
        {"node_details/4/entry/ip_addresses", "[]", SLC_MALFORMED, ": node_details.4.entry.ip_addresses: has no"},
        {"node_details/4/entry/ip_addresses", "[\"a\"]", SLC_MALFORMED, ": node_details.4.entry.ip_addresses.0: must"},
        {"node_details/4/entry/ip_addresses", "[null]", SLC_MALFORMED, ": node_details.4.entry.ip_addresses.0: must"},
        {"node_details/4/entry/clients_ws_port", "0", SLC_OUT_OF_RANGE,
         "clients_ws_port: must be a whole number from 1"},
        {"node_details/4/entry/clients_ws_port", "null", SLC_MALFORMED, "clients_ws_port must not be null"},
    };
    CHECK_ROWS(rows);
}

static void the_place_is_the_one_in_the_text(void **state)
{
    (void)state;
    char *text = test_file();
    char *key = strstr(strstr(text, "\"3\":{"), "\"sphinx_key\":[");
    key += strlen("\"sphinx_key\":");
    key[1] = '-'; /* the first of its numbers is negative now */
    if (key[2] == ',') fail_msg("the first byte of this key has one digit; take another node");
    size_t line = 1, column = 1;
    for (const char *at = text; at < key + 1; at++) {
        column = *at == '\n' ? 1 : column + 1;
        line += *at == '\n';
    }
    struct slc_topology *topology;
    struct slc_error error;
    assert_true(slc_topology_parse_file(slc_bytes_of_text(text), "net.json", &topology, &error) != SLC_OK);
    char wanted[128];
    (void)snprintf(wanted, sizeof wanted, "net.json:%zu:%zu: node_details.3.sphinx_key.0: ", line, column);
    assert_memory_equal(error.text, wanted, strlen(wanted));
    free(text);
}

static void files_are_loaded_or_say_why_not(void **state)
{
    (void)state;
    char path[] = "/tmp/sluice-topology-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    char *text = test_file();
    assert_int_equal(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    struct slc_topology *topology;
    struct slc_error error = {.status = SLC_OK};
    assert_int_equal(slc_topology_load(path, &topology, &error), SLC_OK);
    assert_int_equal(topology->node_count, 5);
    slc_topology_release(topology);

    assert_int_equal(ftruncate(descriptor, 20), 0);
    assert_int_equal(slc_topology_load(path, &topology, &error), SLC_MALFORMED);
    assert_null(topology);
    assert_memory_equal(error.text, path, strlen(path));

    /* Sparse: the bound is met without the bytes on disk. */
    assert_int_equal(ftruncate(descriptor, (off_t)1 << 30), 0);
    assert_int_equal(slc_topology_load(path, &topology, &error), SLC_TOO_LONG);
    assert_int_equal(unlink(path), 0);
    (void)close(descriptor);
    assert_int_equal(slc_topology_load(path, &topology, &error), SLC_NOT_FOUND);
    assert_non_null(strstr(error.text, path));
    assert_int_equal(slc_topology_load("/tmp", &topology, &error), SLC_IO);
    assert_null(topology);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_makes_the_network),
        cmocka_unit_test(what_may_be_missing_may_be_missing),
        cmocka_unit_test(what_is_wrong_is_named_with_its_place),
        cmocka_unit_test(the_place_is_the_one_in_the_text),
        cmocka_unit_test(files_are_loaded_or_say_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
