/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/localnet/foreign.h"

#include "tools/common/file.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const cJSON *entry, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static bool number_of(const cJSON *entry, const char *name, uint32_t min, uint32_t max, uint32_t *value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, name);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= min && item->valuedouble <= max)) return false;
    *value = (uint32_t)item->valuedouble;
    return item->valuedouble == (double)*value;
}

static const char *read_entry(const cJSON *entry, struct slc_foreign_node *node)
{
    uint32_t layer;
    if (!number_of(entry, "id", 1, UINT32_MAX, &node->id)) return "id";
    if (!number_of(entry, "layer", 0, SLC_LAYERS, &layer)) return "layer";
    node->layer = (uint8_t)layer;
    if (slc_base58_key(node->identity, text_of(entry, "identity_key")) != SLC_OK) return "identity_key";
    if (slc_base58_key(node->sphinx_key, text_of(entry, "sphinx_key")) != SLC_OK) return "sphinx_key";
    if (slc_address_from_text(text_of(entry, "mix"), &node->mix) != SLC_OK) return "mix";
    if (node->layer == 0 && slc_address_from_text(text_of(entry, "ws"), &node->ws) != SLC_OK) return "ws";
    node->has_noise_key = cJSON_HasObjectItem(entry, "noise_key");
    if (node->has_noise_key && slc_base58_key(node->noise_key, text_of(entry, "noise_key")) != SLC_OK) {
        return "noise_key";
    }
    return NULL;
}

enum slc_status slc_foreign_load(const char *path, struct slc_foreign_node **nodes, size_t *count,
                                 struct slc_error *error)
{
    *nodes = NULL;
    *count = 0;
    char *text;
    enum slc_status status = slc_file_read(path, 1 << 20, &text, error);
    if (status != SLC_OK) return status;
    cJSON *array = cJSON_ParseWithOpts(text, NULL, true);
    free(text);
    if (!cJSON_IsArray(array)) {
        cJSON_Delete(array);
        return slc_fail(error, SLC_MALFORMED, "%s: want a JSON array of nodes", path);
    }
    size_t n = (size_t)cJSON_GetArraySize(array);
    *nodes = calloc(n > 0 ? n : 1, sizeof **nodes);
    status = *nodes == NULL ? slc_fail(error, SLC_NO_MEMORY, "no memory") : SLC_OK;
    const cJSON *entry;
    cJSON_ArrayForEach(entry, array)
    {
        if (status != SLC_OK) break;
        const char *wrong = read_entry(entry, &(*nodes)[*count]);
        if (wrong != NULL) {
            status = slc_fail(error, SLC_MALFORMED, "%s: entry %zu: %s is missing or wrong", path, *count + 1, wrong);
        }
        (*count)++;
    }
    cJSON_Delete(array);
    if (status != SLC_OK) {
        free(*nodes);
        *nodes = NULL;
    }
    return status;
}

static void add_key(cJSON *entry, const char *name, const uint8_t key[32])
{
    char text[SLC_BASE58_MAX];
    if (slc_base58_encode(text, sizeof text, slc_bytes(key, 32)) == SLC_OK) {
        (void)cJSON_AddStringToObject(entry, name, text);
    }
}

static void add_address(cJSON *entry, const char *name, const struct slc_address *address)
{
    char text[SLC_ADDRESS_TEXT_MAX];
    slc_address_to_text(address, text);
    (void)cJSON_AddStringToObject(entry, name, text);
}

char *slc_foreign_document(const struct slc_localnet *net)
{
    const struct slc_network *network = slc_localnet_network(net);
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < network->node_count; i++) {
        if (slc_localnet_faults(net, (int)i) == NULL) continue; /* foreign to us already */
        const struct slc_node *node = &network->nodes[i];
        cJSON *entry = cJSON_CreateObject();
        (void)cJSON_AddNumberToObject(entry, "id", node->id);
        (void)cJSON_AddNumberToObject(entry, "layer", network->layer[i]);
        add_key(entry, "identity_key", node->identity);
        add_key(entry, "sphinx_key", node->sphinx_key);
        add_address(entry, "mix", &node->mix);
        if (node->has_entry) add_address(entry, "ws", &node->ws);
        if (network->noise_key != NULL) add_key(entry, "noise_key", network->noise_key[i]);
        (void)cJSON_AddItemToArray(array, entry);
    }
    char *text = cJSON_Print(array);
    cJSON_Delete(array);
    return text;
}
