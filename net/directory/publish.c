/* SPDX-License-Identifier: Apache-2.0 */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "net/directory/datetime.h"
#include "net/directory/directory.h"

/*
 * The document is a tree until it is printed. cJSON answers NULL when memory ends and takes NULL wherever a node
 * belongs, so one flag, looked at in the end, covers all of it.
 */
struct draft {
    const struct slc_network *network;
    bool failed;
};

static cJSON *made(struct draft *draft, cJSON *value)
{
    draft->failed = draft->failed || value == NULL;
    return value;
}

static void put(struct draft *draft, cJSON *object, const char *key, cJSON *value)
{
    if (!cJSON_AddItemToObject(object, key, value)) {
        draft->failed = true;
        cJSON_Delete(value);
    }
}

static void put_number(struct draft *draft, cJSON *object, const char *key, uint64_t number)
{
    (void)made(draft, cJSON_AddNumberToObject(object, key, (double)number));
}

static void put_bool(struct draft *draft, cJSON *object, const char *key, bool value)
{
    (void)made(draft, cJSON_AddBoolToObject(object, key, value));
}

static void put_text(struct draft *draft, cJSON *object, const char *key, const char *text)
{
    (void)made(draft, cJSON_AddStringToObject(object, key, text));
}

static void put_text_or_null(struct draft *draft, cJSON *object, const char *key, const char *text)
{
    put(draft, object, key, text[0] != 0 ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static void put_port_or_null(struct draft *draft, cJSON *object, const char *key, uint16_t port)
{
    put(draft, object, key, port != 0 ? cJSON_CreateNumber(port) : cJSON_CreateNull());
}

static void put_key(struct draft *draft, cJSON *object, const char *key, const uint8_t bytes[32])
{
    char text[SLC_BASE58_MAX];
    draft->failed = draft->failed || slc_base58_encode(text, sizeof text, slc_bytes(bytes, 32)) != SLC_OK;
    if (!draft->failed) {
        put_text(draft, object, key, text);
    }
}

static void put_time(struct draft *draft, cJSON *object, const char *key, int64_t unix_seconds)
{
    char text[SLC_DATETIME_TEXT_MAX];
    slc_datetime_to_text(unix_seconds, text);
    put_text(draft, object, key, text);
}

static cJSON *put_object(struct draft *draft, cJSON *object, const char *key)
{
    return made(draft, cJSON_AddObjectToObject(object, key));
}

static cJSON *put_array(struct draft *draft, cJSON *object, const char *key)
{
    return made(draft, cJSON_AddArrayToObject(object, key));
}

static void append(struct draft *draft, cJSON *array, cJSON *value)
{
    if (!cJSON_AddItemToArray(array, value)) {
        draft->failed = true;
        cJSON_Delete(value);
    }
}

/* "192.0.2.11": the address without its port. */
static cJSON *ip_text(const struct slc_address *address)
{
    char text[SLC_ADDRESS_TEXT_MAX];
    slc_address_to_text(address, text);
    char *start = text[0] == '[' ? text + 1 : text;
    char *end = strrchr(text, text[0] == '[' ? ']' : ':');
    if (end != NULL) {
        *end = 0;
    }
    return cJSON_CreateString(start);
}

/* ---- B ---- */

static void write_rotation(struct draft *draft, cJSON *root)
{
    const struct slc_network *network = draft->network;
    uint64_t start = network->initial_epoch + (uint64_t)network->rotation_id * network->validity_epochs;
    cJSON *state = put_object(draft, root, "key_rotation_state");
    put_number(draft, state, "validity_epochs", network->validity_epochs);
    put_number(draft, state, "initial_epoch_id", network->initial_epoch);
    put_number(draft, root, "current_absolute_epoch_id", network->epoch_id);
    put_time(draft, root, "current_epoch_start", network->epoch_start);
    cJSON *duration = put_object(draft, root, "epoch_duration");
    put_number(draft, duration, "secs", network->epoch_seconds);
    put_number(draft, duration, "nanos", 0);
    cJSON *progress = put_object(draft, root, "progress");
    put_number(draft, progress, "current_key_rotation_id", network->rotation_id);
    put_number(draft, progress, "current_rotation_starting_epoch", start);
    put_number(draft, progress, "current_rotation_ending_epoch", start + network->validity_epochs - 1);
}

/* ---- C ---- */

static void put_ids(struct draft *draft, cJSON *set, const char *key, bool (*is)(const struct slc_network *, size_t))
{
    cJSON *list = put_array(draft, set, key);
    for (size_t i = 0; i < draft->network->node_count; i++) {
        if (is(draft->network, i)) {
            append(draft, list, cJSON_CreateNumber(draft->network->nodes[i].id));
        }
    }
}

static bool is_layer1(const struct slc_network *network, size_t i)
{
    return network->layer[i] == 1;
}

static bool is_layer2(const struct slc_network *network, size_t i)
{
    return network->layer[i] == 2;
}

static bool is_layer3(const struct slc_network *network, size_t i)
{
    return network->layer[i] == 3;
}

static bool is_entry(const struct slc_network *network, size_t i)
{
    return network->layer[i] == 0 && network->nodes[i].has_entry;
}

static bool is_exit(const struct slc_network *network, size_t i)
{
    return network->layer[i] == 0 && !network->nodes[i].has_entry;
}

static bool is_nothing(const struct slc_network *network, size_t i)
{
    (void)network;
    (void)i;
    return false;
}

static void write_rewarded_set(struct draft *draft, cJSON *root)
{
    put_number(draft, root, "epoch_id", draft->network->epoch_id);
    put_ids(draft, root, "entry_gateways", is_entry);
    put_ids(draft, root, "exit_gateways", is_exit);
    put_ids(draft, root, "layer1", is_layer1);
    put_ids(draft, root, "layer2", is_layer2);
    put_ids(draft, root, "layer3", is_layer3);
    put_ids(draft, root, "standby", is_nothing);
}

/* ---- D, E, F ---- */

static void put_role(struct draft *draft, cJSON *object, size_t i)
{
    uint8_t layer = draft->network->layer[i];
    if (layer == 0) {
        put_text(draft, object, "role", is_entry(draft->network, i) ? "EntryGateway" : "ExitGateway");
        return;
    }
    put_number(draft, put_object(draft, put_object(draft, object, "role"), "Mixnode"), "layer", layer);
}

static void put_skimmed(struct draft *draft, cJSON *object, size_t i)
{
    const struct slc_node *node = &draft->network->nodes[i];
    put_number(draft, object, "node_id", node->id);
    put_key(draft, object, "ed25519_identity_pubkey", node->identity);
    append(draft, put_array(draft, object, "ip_addresses"), ip_text(&node->mix));
    put_number(draft, object, "mix_port", node->mix.port);
    put_key(draft, object, "x25519_sphinx_pubkey", node->sphinx_key);
    put_role(draft, object, i);
    /* The npm client drops a gateway that could mix (chapter 7, section 4, item 6): one role per node. */
    bool gateway = draft->network->layer[i] == 0;
    cJSON *roles = put_object(draft, object, "supported_roles");
    put_bool(draft, roles, "mixnode", !gateway);
    put_bool(draft, roles, "entry", gateway && node->entry);
    put_bool(draft, roles, "exit_nr", gateway && node->exit_nr);
    put_bool(draft, roles, "exit_ipr", gateway && node->exit_ipr);
    if (gateway && node->has_entry) {
        cJSON *entry = put_object(draft, object, "entry");
        put_text_or_null(draft, entry, "hostname", node->hostname);
        put_number(draft, entry, "ws_port", node->ws.port);
        put_port_or_null(draft, entry, "wss_port", node->wss_port);
    } else {
        put(draft, object, "entry", cJSON_CreateNull());
    }
    put_text(draft, object, "performance", "1");
}

static void put_semi_skimmed(struct draft *draft, cJSON *object, size_t i)
{
    put_skimmed(draft, put_object(draft, object, "basic"), i);
    static const uint8_t none[SLC_KEY_BYTES];
    if (draft->network->noise_key == NULL || memcmp(draft->network->noise_key[i], none, sizeof none) == 0) {
        put(draft, object, "x25519_noise_versioned_key", cJSON_CreateNull());
        return;
    }
    cJSON *noise = put_object(draft, object, "x25519_noise_versioned_key");
    put_number(draft, noise, "supported_version", 1);
    put_key(draft, noise, "x25519_pubkey", draft->network->noise_key[i]);
}

static void write_nodes(struct draft *draft, cJSON *root, bool mixnodes, bool gateways,
                        void (*put_node)(struct draft *, cJSON *, size_t))
{
    const struct slc_network *network = draft->network;
    cJSON *metadata = put_object(draft, root, "metadata");
    put(draft, metadata, "status", cJSON_CreateNull());
    put_number(draft, metadata, "absolute_epoch_id", network->epoch_id);
    put_number(draft, metadata, "rotation_id", network->rotation_id);
    put_time(draft, metadata, "refreshed_at", network->epoch_start);
    cJSON *nodes = put_object(draft, root, "nodes");
    cJSON *pagination = put_object(draft, nodes, "pagination");
    cJSON *data = put_array(draft, nodes, "data");
    uint64_t count = 0;
    for (size_t i = 0; i < network->node_count; i++) {
        if (network->layer[i] == 0 ? !gateways : !mixnodes) continue;
        cJSON *object = made(draft, cJSON_CreateObject());
        append(draft, data, object);
        put_node(draft, object, i);
        count++;
    }
    put_number(draft, pagination, "total", count);
    put_number(draft, pagination, "page", 0);
    put_number(draft, pagination, "size", count);
}

/* ---- topology file ---- */

static void put_key_bytes(struct draft *draft, cJSON *object, const char *key, const uint8_t bytes[32])
{
    cJSON *list = put_array(draft, object, key);
    for (size_t i = 0; i < 32; i++) {
        append(draft, list, cJSON_CreateNumber(bytes[i]));
    }
}

static void put_details(struct draft *draft, cJSON *map, size_t i)
{
    const struct slc_node *node = &draft->network->nodes[i];
    char text[SLC_ADDRESS_TEXT_MAX];
    (void)snprintf(text, sizeof text, "%u", node->id);
    cJSON *object = put_object(draft, map, text);
    put_number(draft, object, "node_id", node->id);
    slc_address_to_text(&node->mix, text);
    put_text(draft, object, "mix_host", text);
    bool gateway = draft->network->layer[i] == 0;
    if (gateway && node->has_entry) {
        cJSON *entry = put_object(draft, object, "entry");
        append(draft, put_array(draft, entry, "ip_addresses"), ip_text(&node->ws));
        put_number(draft, entry, "clients_ws_port", node->ws.port);
        put_text_or_null(draft, entry, "hostname", node->hostname);
        put_port_or_null(draft, entry, "clients_wss_port", node->wss_port);
    } else {
        put(draft, object, "entry", cJSON_CreateNull());
    }
    put_key_bytes(draft, object, "identity_key", node->identity);
    put_key_bytes(draft, object, "sphinx_key", node->sphinx_key);
    cJSON *roles = put_object(draft, object, "supported_roles");
    put_bool(draft, roles, "mixnode", !gateway);
    put_bool(draft, roles, "mixnet_entry", gateway && node->entry);
    /* As the published clients fold the two. */
    put_bool(draft, roles, "mixnet_exit", gateway && node->exit_nr && node->exit_ipr);
}

static void write_topology_file(struct draft *draft, cJSON *root)
{
    cJSON *metadata = put_object(draft, root, "metadata");
    put_number(draft, metadata, "key_rotation_id", draft->network->rotation_id);
    put_number(draft, metadata, "absolute_epoch_id", draft->network->epoch_id);
    put_time(draft, metadata, "refreshed_at", draft->network->epoch_start);
    write_rewarded_set(draft, put_object(draft, root, "rewarded_set"));
    cJSON *map = put_object(draft, root, "node_details");
    for (size_t i = 0; i < draft->network->node_count; i++) {
        put_details(draft, map, i);
    }
}

char *slc_network_document(const struct slc_network *network, enum slc_document document)
{
    struct draft draft = {network, false};
    cJSON *root = made(&draft, cJSON_CreateObject());
    switch (document) {
    case SLC_DOCUMENT_ROTATION:
        write_rotation(&draft, root);
        break;
    case SLC_DOCUMENT_REWARDED_SET:
        write_rewarded_set(&draft, root);
        break;
    case SLC_DOCUMENT_MIXNODES:
        write_nodes(&draft, root, true, false, put_skimmed);
        break;
    case SLC_DOCUMENT_ENTRY_GATEWAYS:
        write_nodes(&draft, root, false, true, put_skimmed);
        break;
    case SLC_DOCUMENT_ALL_NODES:
        write_nodes(&draft, root, true, true, put_skimmed);
        break;
    case SLC_DOCUMENT_SEMI_SKIMMED:
        write_nodes(&draft, root, true, true, put_semi_skimmed);
        break;
    case SLC_DOCUMENT_TOPOLOGY_FILE:
        write_topology_file(&draft, root);
        break;
    case SLC_DOCUMENT_COUNT:
        draft.failed = true;
        break;
    }
    char *text = draft.failed ? NULL : cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}
