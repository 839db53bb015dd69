/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "tools/localnet/foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY "CT9ySXQsrNNFfpNwVtbqAGbMbTWhNyvnKTo5AuqU9XX1"
#define MIXNODE                                                                                                        \
    "{\"id\":900,\"layer\":2,\"identity_key\":\"" KEY "\",\"sphinx_key\":\"" KEY "\",\"mix\":\"127.0.0.1:1789\"}"
#define GATEWAY                                                                                                        \
    "{\"id\":901,\"layer\":0,\"identity_key\":\"" KEY "\",\"sphinx_key\":\"" KEY "\",\"mix\":\"[::1]:1789\","          \
    "\"ws\":\"127.0.0.1:9000\",\"noise_key\":\"" KEY "\"}"

static enum slc_status load(const char *text, struct slc_foreign_node **nodes, size_t *count, struct slc_error *error)
{
    char path[] = "/tmp/sluice-foreign-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
    enum slc_status status = slc_foreign_load(path, nodes, count, error);
    if (status != SLC_OK) {
        assert_null(*nodes);
        assert_non_null(strstr(error->text, path));
    }
    (void)unlink(path);
    return status;
}

static void mixnodes_and_gateways_are_read(void **state)
{
    (void)state;
    struct slc_foreign_node *nodes;
    size_t count;
    struct slc_error error = {0};
    assert_int_equal(load("[" MIXNODE "," GATEWAY "]", &nodes, &count, &error), SLC_OK);
    assert_int_equal(count, 2);
    assert_int_equal(nodes[0].id, 900);
    assert_int_equal(nodes[0].layer, 2);
    assert_int_equal(nodes[0].mix.port, 1789);
    assert_false(nodes[0].has_noise_key);
    assert_int_equal(nodes[1].layer, 0);
    assert_int_equal(nodes[1].mix.version, 6);
    assert_int_equal(nodes[1].ws.port, 9000);
    assert_true(nodes[1].has_noise_key);
    uint8_t key[32];
    assert_int_equal(slc_base58_key(key, KEY), SLC_OK);
    assert_memory_equal(nodes[1].noise_key, key, sizeof key);
    free(nodes);
    assert_int_equal(load("[]", &nodes, &count, &error), SLC_OK);
    assert_int_equal(count, 0);
    free(nodes);
}

static void a_wrong_entry_is_named_with_its_member(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"", "array"},
        {"{}", "array"},
        {"[1]", "entry 1: id"},
        {"[" MIXNODE ",{}]", "entry 2: id"},
        {"[{\"id\":1.5,\"layer\":1}]", "id"},
        {"[{\"id\":-1,\"layer\":1}]", "id"},
        {"[{\"id\":0,\"layer\":1}]", "id"},
        {"[{\"id\":4294967296,\"layer\":1}]", "id"},
        {"[{\"id\":9,\"layer\":4}]", "layer"},
        {"[{\"id\":9,\"layer\":0.5}]", "layer"},
        {"[{\"id\":9,\"layer\":\"1\"}]", "layer"},
        {"[{\"id\":9,\"layer\":1,\"identity_key\":\"abc\"}]", "identity_key"},
        {"[{\"id\":9,\"layer\":1,\"identity_key\":\"" KEY "\"}]", "sphinx_key"},
        {"[{\"id\":9,\"layer\":1,\"identity_key\":\"" KEY "\",\"sphinx_key\":\"" KEY "\",\"mix\":\"here\"}]", "mix"},
        {"[{\"id\":9,\"layer\":0,\"identity_key\":\"" KEY "\",\"sphinx_key\":\"" KEY "\",\"mix\":\"127.0.0.1:1\"}]",
         "ws"},
        {"[{\"id\":9,\"layer\":1,\"identity_key\":\"" KEY "\",\"sphinx_key\":\"" KEY
         "\",\"mix\":\"127.0.0.1:1\",\"noise_key\":7}]",
         "noise_key"},
        {"[" MIXNODE "] trailing", "array"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct slc_foreign_node *nodes;
        size_t count;
        struct slc_error error = {0};
        if (load(wrong[i][0], &nodes, &count, &error) == SLC_OK) fail_msg("taken: %s", wrong[i][0]);
        if (strstr(error.text, wrong[i][1]) == NULL) fail_msg("%s: \"%s\"", wrong[i][0], error.text);
    }
    struct slc_foreign_node *nodes;
    size_t count;
    struct slc_error error = {0};
    assert_int_equal(slc_foreign_load("/nowhere/at/all", &nodes, &count, &error), SLC_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mixnodes_and_gateways_are_read),
        cmocka_unit_test(a_wrong_entry_is_named_with_its_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
