/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_NETWORK_H
#define SLUICE_TEST_NETWORK_H

#include "tests/support/vectors.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/directory/directory.h"

/*
 * A network for the tests of this room, and its documents written by hand after chapter 7, section 5, so that parsers
 * are not tested with what our own publisher writes. Node n has keys from seeds of its number, made by libsodium.
 */

static inline void test_keys(uint32_t id, uint8_t identity[32], uint8_t sphinx_key[32])
{
    uint8_t seed[32] = {0}, secret[64];
    memcpy(seed + 8, &id, sizeof id); /* not where X25519 clamps */
    seed[16] = 1;
    assert_int_equal(crypto_sign_seed_keypair(identity, secret, seed), 0);
    seed[16] = 2;
    assert_int_equal(crypto_scalarmult_base(sphinx_key, seed), 0);
}

static inline struct slc_node_details test_node(uint32_t id)
{
    struct slc_node_details details = {.performance = 100};
    struct slc_node *node = &details.node;
    node->id = id;
    test_keys(id, node->identity, node->sphinx_key);
    node->mix = (struct slc_address){4, {127, 0, 0, 1}, (uint16_t)(10000 + id)};
    node->mixnode = true;
    return details;
}

static inline struct slc_node_details test_gateway(uint32_t id)
{
    struct slc_node_details details = test_node(id);
    struct slc_node *node = &details.node;
    node->mixnode = false;
    node->entry = node->exit_nr = node->exit_ipr = node->has_entry = true;
    node->ws = node->mix;
    node->ws.port = (uint16_t)(20000 + id);
    return details;
}

/* ---- documents ---- */

static inline char *test_skimmed(uint32_t id, bool gateway)
{
    uint8_t identity[32], sphinx_key[32];
    char identity_text[SLC_BASE58_MAX], sphinx_text[SLC_BASE58_MAX], *text = NULL;
    test_keys(id, identity, sphinx_key);
    assert_int_equal(slc_base58_encode(identity_text, sizeof identity_text, slc_bytes(identity, 32)), SLC_OK);
    assert_int_equal(slc_base58_encode(sphinx_text, sizeof sphinx_text, slc_bytes(sphinx_key, 32)), SLC_OK);
    char role[64];
    (void)snprintf(role, sizeof role, gateway ? "\"EntryGateway\"" : "{\"Mixnode\":{\"layer\":%u}}", id);
    const char *flag = gateway ? "true" : "false";
    assert_true(asprintf(&text,
                         "{\"node_id\":%u,\"ed25519_identity_pubkey\":\"%s\",\"ip_addresses\":[\"127.0.0.1\"],"
                         "\"mix_port\":%u,\"x25519_sphinx_pubkey\":\"%s\",\"role\":%s,\"supported_roles\":{\"mixnode\":"
                         "%s,\"entry\":%s,\"exit_nr\":%s,\"exit_ipr\":%s},\"entry\":%s,\"performance\":\"1\"}",
                         id, identity_text, 10000 + id, sphinx_text, role, gateway ? "false" : "true", flag, flag, flag,
                         gateway ? "{\"hostname\":null,\"ws_port\":19080,\"wss_port\":null}" : "null") > 0);
    return text;
}

enum { TEST_TEXT_MAX = 16384 };

static inline char *test_list(const uint32_t *ids, size_t count, bool gateways, unsigned total, unsigned page)
{
    char *text = calloc(1, TEST_TEXT_MAX);
    FILE *out = text != NULL ? fmemopen(text, TEST_TEXT_MAX, "w") : NULL;
    assert_non_null(out);
    (void)fprintf(out,
                  "{\"metadata\":{\"status\":null,\"absolute_epoch_id\":100,\"rotation_id\":4,\"refreshed_at\":"
                  "\"2026-05-16 10:00:00.0 +00:00:00\"},\n\"nodes\":{\"pagination\":{\"total\":%u,\"page\":%u,\"size\":"
                  "%zu},\"data\":[",
                  total, page, count);
    for (size_t i = 0; i < count; i++) {
        char *node = test_skimmed(ids[i], gateways);
        (void)fprintf(out, "%s\n%s", i > 0 ? "," : "", node);
        free(node);
    }
    (void)fprintf(out, "]}}");
    assert_int_equal(fclose(out), 0);
    return text;
}

/* Document D: mixnodes 1, 2, 3, one per layer. */
static inline char *test_mixnodes(void)
{
    return test_list((const uint32_t[]){1, 2, 3}, 3, false, 3, 0);
}

/* Document E: gateways 4 and 5. */
static inline char *test_entry_gateways(void)
{
    return test_list((const uint32_t[]){4, 5}, 2, true, 2, 0);
}

#define TEST_REWARDED_SET                                                                                              \
    "{\"epoch_id\":100,\"entry_gateways\":[4,5],\"exit_gateways\":[],\"layer1\":[1],\"layer2\":[2],\"layer3\":[3],"    \
    "\"standby\":[]}"
#define TEST_ROTATION                                                                                                  \
    "{\"key_rotation_state\":{\"validity_epochs\":24,\"initial_epoch_id\":0},\"current_absolute_epoch_id\":100,"       \
    "\"current_epoch_start\":\"2026-11-23T21:35:00Z\",\"epoch_duration\":{\"secs\":3600,\"nanos\":0},"                 \
    "\"progress\":{\"current_key_rotation_id\":4,\"current_rotation_starting_epoch\":96,"                              \
    "\"current_rotation_ending_epoch\":119}}"

/* The topology file of the same network (chapter 6, section 3.6). */
static inline char *test_file(void)
{
    char *text = calloc(1, TEST_TEXT_MAX);
    FILE *out = text != NULL ? fmemopen(text, TEST_TEXT_MAX, "w") : NULL;
    assert_non_null(out);
    (void)fprintf(out, "{\"metadata\":{\"key_rotation_id\":4,\"absolute_epoch_id\":100,\"refreshed_at\":"
                       "\"2026-06-01T00:00:00Z\"},\n \"rewarded_set\":" TEST_REWARDED_SET ",\n \"node_details\":{");
    for (uint32_t id = 1; id <= 5; id++) {
        uint8_t key[2][32];
        test_keys(id, key[0], key[1]);
        (void)fprintf(out, "%s\n  \"%u\":{\"node_id\":%u,\"mix_host\":\"127.0.0.1:%u\"", id > 1 ? "," : "", id, id,
                      10000 + id);
        for (int which = 0; which < 2; which++) {
            (void)fprintf(out, ",\n    \"%s\":[", which == 0 ? "identity_key" : "sphinx_key");
            for (int i = 0; i < 32; i++) {
                (void)fprintf(out, "%s%u", i > 0 ? "," : "", key[which][i]);
            }
            (void)fprintf(out, "]");
        }
        (void)fprintf(
            out, ",\n    \"entry\":%s,\"supported_roles\":{\"mixnode\":%s,\"mixnet_entry\":%s,\"mixnet_exit\":%s}}",
            id < 4 ? "null"
                   : "{\"ip_addresses\":[\"127.0.0.1\"],\"clients_ws_port\":19080,\"hostname\":null,"
                     "\"clients_wss_port\":null}",
            id < 4 ? "true" : "false", id < 4 ? "false" : "true", id < 4 ? "false" : "true");
    }
    (void)fprintf(out, "\n }}\n");
    assert_int_equal(fclose(out), 0);
    return text;
}

/* ---- editing ---- */

/*
 * `text` with the value at `path` ("nodes/data/0/entry") replaced by the JSON `value`, added when it is not there, or
 * taken out when `value` is NULL. To be freed.
 */
static inline char *test_edit(const char *text, const char *path, const char *value)
{
    cJSON *root = cJSON_Parse(text);
    assert_non_null(root);
    cJSON *at = root;
    char part[64];
    while (true) {
        size_t len = strcspn(path, "/");
        assert_true(len < sizeof part);
        memcpy(part, path, len);
        part[len] = 0;
        path += len;
        if (*path++ == 0) break;
        at = cJSON_IsArray(at) ? cJSON_GetArrayItem(at, atoi(part)) : cJSON_GetObjectItemCaseSensitive(at, part);
        assert_non_null(at);
    }
    cJSON *fresh = value != NULL ? cJSON_Parse(value) : NULL;
    assert_true(value == NULL || fresh != NULL);
    if (cJSON_IsArray(at) && fresh != NULL) {
        assert_true(cJSON_ReplaceItemInArray(at, atoi(part), fresh));
    } else if (cJSON_IsArray(at)) {
        cJSON_DeleteItemFromArray(at, atoi(part));
    } else {
        cJSON_DeleteItemFromObjectCaseSensitive(at, part);
        if (fresh != NULL) assert_true(cJSON_AddItemToObject(at, part, fresh));
    }
    char *edited = cJSON_Print(root);
    assert_non_null(edited);
    cJSON_Delete(root);
    return edited;
}

#endif
