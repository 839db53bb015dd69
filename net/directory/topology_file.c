/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/directory/datetime.h"
#include "net/directory/documents_internal.h"

/* What a file without `metadata` counts as (section 11.2). */
static const uint32_t ROTATION_NOT_KNOWN = UINT32_MAX;

static void read_key(struct slc_doc *json, const cJSON *object, const char *member, uint8_t key[32])
{
    const cJSON *list = slc_doc_array(json, object, member, SLC_DOC_REQUIRED);
    if (list == NULL) return;
    if (slc_doc_count(list) != 32) {
        (void)slc_doc_fail(json, list, SLC_MALFORMED, "must be an array of 32 bytes; it has %zu", slc_doc_count(list));
        return;
    }
    uint8_t *to = key;
    for (const cJSON *byte = list->child; byte != NULL; byte = byte->next) {
        *to++ = (uint8_t)slc_doc_whole(json, byte, 0, UINT8_MAX);
    }
}

static void read_entry(struct slc_doc *json, const cJSON *object, struct slc_node *node)
{
    const cJSON *entry = slc_doc_object(json, object, "entry", SLC_DOC_OPTIONAL);
    if (entry == NULL) return;
    node->has_entry = true;
    uint16_t port = slc_doc_port(json, entry, "clients_ws_port", SLC_DOC_REQUIRED);
    node->wss_port = slc_doc_port(json, entry, "clients_wss_port", SLC_DOC_OPTIONAL);
    slc_document_hostname(json, entry, node->hostname);
    const cJSON *list = slc_doc_array(json, entry, "ip_addresses", SLC_DOC_REQUIRED);
    if (list != NULL && list->child == NULL) {
        (void)slc_doc_fail(json, list, SLC_MALFORMED, "has no address; clients need one");
    }
    for (const cJSON *ip = list != NULL ? list->child : NULL; ip != NULL && json->status == SLC_OK; ip = ip->next) {
        if (!cJSON_IsString(ip)) {
            (void)slc_doc_fail(json, ip, SLC_MALFORMED, "must be a string");
        }
        struct slc_address address = {.version = 0};
        slc_document_address(json, ip, ip->valuestring, port, &address);
        if (ip == list->child) {
            node->ws = address;
        } else if (ip == list->child->next) {
            node->ws_other = address;
        }
    }
}

static void read_mix_host(struct slc_doc *json, const cJSON *object, struct slc_node *node)
{
    const char *host = slc_doc_text(json, object, "mix_host", SLC_DOC_REQUIRED);
    if (host == NULL) return;
    if (slc_address_from_text(host, &node->mix) != SLC_OK || node->mix.port == 0) {
        (void)slc_doc_fail(json, slc_doc_member(json, object, "mix_host", SLC_DOC_REQUIRED), SLC_MALFORMED,
                           "must be an address and a port, as in \"127.0.0.1:1789\"");
    }
}

static void read_node(struct slc_doc *json, const cJSON *object, struct slc_node_details *details)
{
    *details = (struct slc_node_details){.performance = 100};
    struct slc_node *node = &details->node;
    node->id = slc_doc_u32(json, object, "node_id");
    char key[16];
    (void)snprintf(key, sizeof key, "%u", node->id);
    if (json->status == SLC_OK && strcmp(key, object->string) != 0) {
        (void)slc_doc_fail(json, object, SLC_MALFORMED, "stands under this key, but its node_id is %u", node->id);
    }
    read_key(json, object, "identity_key", node->identity);
    if (json->status == SLC_OK && slc_identity_check(node->identity) != SLC_OK) {
        (void)slc_doc_fail(json, slc_doc_member(json, object, "identity_key", SLC_DOC_REQUIRED), SLC_BAD_KEY,
                           "is not the public key of an identity: no point of Ed25519");
    }
    read_key(json, object, "sphinx_key", node->sphinx_key);
    read_mix_host(json, object, node);
    read_entry(json, object, node);
    const cJSON *roles = slc_doc_object(json, object, "supported_roles", SLC_DOC_REQUIRED);
    node->mixnode = slc_doc_bool(json, roles, "mixnode", SLC_DOC_REQUIRED);
    node->entry = slc_doc_bool(json, roles, "mixnet_entry", SLC_DOC_REQUIRED);
    /* A file has one word for what the API has two for. */
    node->exit_nr = node->exit_ipr = slc_doc_bool(json, roles, "mixnet_exit", SLC_DOC_REQUIRED);
}

/* All nodes, `*count` of them, to be freed; NULL after a failure, which is in `json`. */
static struct slc_node_details *read_nodes(struct slc_doc *json, size_t *count)
{
    const cJSON *map = slc_doc_object(json, json->root, "node_details", SLC_DOC_REQUIRED);
    *count = slc_doc_count(map);
    struct slc_node_details *nodes = calloc(*count + 1, sizeof *nodes);
    if (nodes == NULL) {
        (void)slc_doc_fail(json, NULL, SLC_NO_MEMORY, "out of memory");
        return NULL;
    }
    size_t i = 0;
    for (const cJSON *object = map != NULL ? map->child : NULL; object != NULL && json->status == SLC_OK;
         object = object->next) {
        read_node(json, object, &nodes[i++]);
    }
    return nodes;
}

static void read_topology(struct slc_doc *json, struct slc_topology **topology)
{
    uint32_t rotation_id = ROTATION_NOT_KNOWN, epoch_id = 0;
    int64_t refreshed_at = 0;
    const cJSON *metadata = slc_doc_object(json, json->root, "metadata", SLC_DOC_OPTIONAL);
    if (metadata != NULL) {
        rotation_id = slc_doc_u32(json, metadata, "key_rotation_id");
        epoch_id = slc_doc_u32(json, metadata, "absolute_epoch_id");
        const char *refreshed = slc_doc_text(json, metadata, "refreshed_at", SLC_DOC_REQUIRED);
        refreshed_at = refreshed != NULL ? slc_datetime_lenient(refreshed) : 0;
    }
    struct slc_rewarded_document rewarded;
    const cJSON *set = slc_doc_object(json, json->root, "rewarded_set", SLC_DOC_REQUIRED);
    slc_rewarded_document_read(&rewarded, json, set);
    size_t count;
    struct slc_node_details *nodes = read_nodes(json, &count);
    if (json->status == SLC_OK) {
        struct slc_error why = {.status = SLC_OK};
        enum slc_status status = slc_topology_new(topology, nodes, count, &rewarded.set, rotation_id, epoch_id, &why);
        if (status != SLC_OK) {
            (void)slc_doc_fail(json, set, status, "%s", why.text);
        } else {
            (*topology)->refreshed_at = refreshed_at;
        }
    }
    free(nodes);
    slc_rewarded_document_free(&rewarded);
}

enum slc_status slc_topology_parse_file(struct slc_bytes bytes, const char *name, struct slc_topology **topology,
                                        struct slc_error *error)
{
    *topology = NULL;
    struct slc_doc json;
    if (slc_doc_open(&json, bytes, name, error) == SLC_OK) {
        read_topology(&json, topology);
    }
    slc_doc_close(&json);
    return json.status;
}

enum slc_status slc_topology_load(const char *path, struct slc_topology **topology, struct slc_error *error)
{
    *topology = NULL;
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return slc_fail(error, errno == ENOENT ? SLC_NOT_FOUND : SLC_IO, "%s: cannot be opened: %s", path,
                        strerror(errno));
    }
    /* One byte more than is allowed, so that the parser sees what is too long; no trust in a size told beforehand. */
    size_t cap = 64 << 10, len = 0;
    uint8_t *bytes = malloc(cap);
    while (bytes != NULL) {
        len += fread(bytes + len, 1, cap - len, file);
        if (len < cap || len > SLC_DOC_BYTES_MAX) break;
        cap *= 2;
        uint8_t *grown = realloc(bytes, cap);
        if (grown == NULL) {
            free(bytes);
        }
        bytes = grown;
    }
    int failed = ferror(file) ? errno : 0;
    (void)fclose(file);
    enum slc_status status;
    if (bytes == NULL) {
        status = slc_fail(error, SLC_NO_MEMORY, "%s: out of memory", path);
    } else if (failed != 0) {
        status = slc_fail(error, SLC_IO, "%s: cannot be read: %s", path, strerror(failed));
    } else {
        status = slc_topology_parse_file(slc_bytes(bytes, len), path, topology, error);
    }
    free(bytes);
    return status;
}

bool slc_topology_is_local(const struct slc_topology *topology)
{
    for (size_t i = 0; i < topology->node_count; i++) {
        const struct slc_node *node = &topology->nodes[i];
        if (!slc_address_is_loopback(&node->mix)) return false;
        if (!node->has_entry) continue;
        if (!slc_address_is_loopback(&node->ws)) return false;
        /* A name leads wherever a resolver says. */
        if (node->hostname[0] != 0 && strcmp(node->hostname, "localhost") != 0) return false;
    }
    return true;
}
