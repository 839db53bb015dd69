/* SPDX-License-Identifier: Apache-2.0 */
#include "net/directory/documents_internal.h"

#include <stdlib.h>

#include "net/directory/datetime.h"

/* ---- B: key rotation ---- */

enum slc_status slc_directory_parse_rotation(struct slc_bytes bytes, const char *name, struct slc_rotation_info *info,
                                             struct slc_error *error)
{
    *info = (struct slc_rotation_info){.validity_epochs = 0};
    struct slc_doc json;
    if (slc_doc_open(&json, bytes, name, error) != SLC_OK) {
        slc_doc_close(&json);
        return json.status;
    }
    const cJSON *state = slc_doc_object(&json, json.root, "key_rotation_state", SLC_DOC_REQUIRED);
    info->validity_epochs = (uint32_t)slc_doc_number(&json, state, "validity_epochs", SLC_DOC_REQUIRED, 1, UINT32_MAX);
    info->initial_epoch = slc_doc_u32(&json, state, "initial_epoch_id");
    info->current_epoch = slc_doc_u32(&json, json.root, "current_absolute_epoch_id");
    const char *start = slc_doc_text(&json, json.root, "current_epoch_start", SLC_DOC_REQUIRED);
    if (start != NULL && !slc_datetime_rfc3339(start, &info->epoch_start)) {
        (void)slc_doc_fail(&json, slc_doc_member(&json, json.root, "current_epoch_start", SLC_DOC_OPTIONAL),
                           SLC_MALFORMED, "must be a time as in \"2026-05-16T10:00:00Z\"");
    }
    /* A timer's period is an eighth of it (section 12.3), and a century is enough for its deadlines. */
    const cJSON *duration = slc_doc_object(&json, json.root, "epoch_duration", SLC_DOC_REQUIRED);
    info->epoch_seconds = slc_doc_number(&json, duration, "secs", SLC_DOC_REQUIRED, 1, UINT64_C(100) * 366 * 86400);
    (void)slc_doc_number(&json, duration, "nanos", SLC_DOC_REQUIRED, 0, 999999999);
    /* Nobody uses `progress`, but the published clients refuse a document without it. */
    const cJSON *progress = slc_doc_object(&json, json.root, "progress", SLC_DOC_REQUIRED);
    (void)slc_doc_u32(&json, progress, "current_key_rotation_id");
    (void)slc_doc_u32(&json, progress, "current_rotation_starting_epoch");
    (void)slc_doc_u32(&json, progress, "current_rotation_ending_epoch");
    slc_doc_close(&json);
    return json.status;
}

/* ---- C: rewarded set ---- */

static size_t read_ids(struct slc_doc *json, const cJSON *list, uint32_t *to)
{
    size_t count = 0;
    for (const cJSON *id = list != NULL ? list->child : NULL; id != NULL; id = id->next) {
        to[count++] = (uint32_t)slc_doc_whole(json, id, 0, UINT32_MAX);
    }
    return count;
}

void slc_rewarded_document_read(struct slc_rewarded_document *document, struct slc_doc *json, const cJSON *object)
{
    static const char *const names[] = {"layer1", "layer2", "layer3", "entry_gateways", "exit_gateways", "standby"};
    enum { LISTS = sizeof names / sizeof names[0] };
    *document = (struct slc_rewarded_document){.ids = NULL};
    const cJSON *list[LISTS];
    size_t total = 0;
    for (unsigned i = 0; i < LISTS; i++) {
        list[i] = slc_doc_array(json, object, names[i], SLC_DOC_REQUIRED);
        total += slc_doc_count(list[i]);
    }
    struct slc_rewarded_set *set = &document->set;
    const cJSON *epoch = slc_doc_member(json, object, "epoch_id", SLC_DOC_OPTIONAL);
    set->has_epoch_id = epoch != NULL;
    set->epoch_id = slc_doc_whole(json, epoch, 0, UINT32_MAX);
    document->ids = calloc(total + 1, sizeof(uint32_t));
    if (document->ids == NULL) {
        (void)slc_doc_fail(json, NULL, SLC_NO_MEMORY, "out of memory");
        return;
    }
    uint32_t *at = document->ids;
    size_t count[LISTS];
    const uint32_t *start[LISTS];
    for (unsigned i = 0; i < LISTS; i++) {
        start[i] = at;
        count[i] = read_ids(json, list[i], at);
        at += count[i];
    }
    for (unsigned i = 0; i < SLC_LAYERS; i++) {
        set->layer[i] = start[i];
        set->layer_count[i] = count[i];
    }
    set->entry = start[3];
    set->entry_count = count[3];
    set->exit = start[4];
    set->exit_count = count[4];
}

enum slc_status slc_rewarded_document_parse(struct slc_rewarded_document *document, struct slc_bytes bytes,
                                            const char *name, struct slc_error *error)
{
    *document = (struct slc_rewarded_document){.ids = NULL};
    struct slc_doc json;
    if (slc_doc_open(&json, bytes, name, error) == SLC_OK) {
        slc_rewarded_document_read(document, &json, json.root);
    }
    slc_doc_close(&json);
    return json.status;
}

void slc_rewarded_document_free(struct slc_rewarded_document *document)
{
    free(document->ids);
    *document = (struct slc_rewarded_document){.ids = NULL};
}

/* ---- D, E: metadata ---- */

static void read_fresh(struct slc_doc *json, const cJSON *fresh, struct slc_list_status *status)
{
    status->kind = SLC_LIST_FRESH;
    status->id = slc_doc_u32(json, fresh, "id");
    status->epochs_in_interval = slc_doc_u32(json, fresh, "epochs_in_interval");
    status->current_epoch_id = slc_doc_u32(json, fresh, "current_epoch_id");
    status->total_elapsed_epochs = slc_doc_u32(json, fresh, "total_elapsed_epochs");
    const char *start = slc_doc_text(json, fresh, "current_epoch_start", SLC_DOC_REQUIRED);
    if (start != NULL && !slc_datetime_rfc3339(start, &status->epoch_start)) {
        (void)slc_doc_fail(json, fresh, SLC_MALFORMED, "current_epoch_start must be a time");
    }
    const cJSON *length = slc_doc_object(json, fresh, "epoch_length", SLC_DOC_REQUIRED);
    status->epoch_seconds = slc_doc_number(json, length, "secs", SLC_DOC_REQUIRED, 0, SLC_DOC_WHOLE_MAX);
    status->epoch_nanos = slc_doc_number(json, length, "nanos", SLC_DOC_REQUIRED, 0, 999999999);
}

static void read_status(struct slc_doc *json, const cJSON *metadata, struct slc_list_status *status)
{
    const cJSON *value = slc_doc_member(json, metadata, "status", SLC_DOC_OPTIONAL);
    if (value == NULL) return;
    if (cJSON_IsObject(value)) {
        read_fresh(json, slc_doc_object(json, value, "fresh", SLC_DOC_REQUIRED), status);
    } else if (cJSON_IsString(value) && strcmp(value->valuestring, "no-updates") == 0) {
        status->kind = SLC_LIST_NO_UPDATES;
    } else {
        (void)slc_doc_fail(json, value, SLC_MALFORMED, "must be null, \"no-updates\" or {\"fresh\": ...}");
    }
}

static void read_metadata(struct slc_doc *json, const cJSON *metadata, struct slc_list_metadata *to)
{
    *to = (struct slc_list_metadata){.epoch_id = 0};
    read_status(json, metadata, &to->status);
    to->epoch_id = slc_doc_u32(json, metadata, "absolute_epoch_id");
    to->rotation_id = slc_doc_u32(json, metadata, "rotation_id");
    const char *refreshed = slc_doc_text(json, metadata, "refreshed_at", SLC_DOC_REQUIRED);
    to->refreshed_at = refreshed != NULL ? slc_datetime_lenient(refreshed) : 0;
}

/* What differs, or NULL. */
static const char *metadata_difference(const struct slc_list_metadata *a, const struct slc_list_metadata *b)
{
    const struct slc_list_status *x = &a->status, *y = &b->status;
    if (a->epoch_id != b->epoch_id) return "absolute_epoch_id";
    if (a->rotation_id != b->rotation_id) return "rotation_id";
    bool same = x->kind == y->kind && x->id == y->id && x->epochs_in_interval == y->epochs_in_interval &&
                x->current_epoch_id == y->current_epoch_id && x->total_elapsed_epochs == y->total_elapsed_epochs &&
                x->epoch_seconds == y->epoch_seconds && x->epoch_nanos == y->epoch_nanos &&
                x->epoch_start == y->epoch_start;
    return same ? NULL : "status";
}

/* ---- D, E: nodes ---- */

void slc_document_address(struct slc_doc *json, const cJSON *node, const char *ip, uint16_t port,
                          struct slc_address *address)
{
    if (json->status != SLC_OK || ip == NULL) return;
    if (slc_address_from_ip(ip, port, address) != SLC_OK) {
        (void)slc_doc_fail(json, node, SLC_MALFORMED, "must be a literal IPv4 or IPv6 address");
    }
}

void slc_document_hostname(struct slc_doc *json, const cJSON *entry, char hostname[SLC_HOST_MAX])
{
    const char *text = slc_doc_text(json, entry, "hostname", SLC_DOC_OPTIONAL);
    if (text == NULL) return;
    size_t len = strlen(text);
    if (len >= SLC_HOST_MAX) {
        (void)slc_doc_fail(json, entry, SLC_TOO_LONG, "hostname has %zu characters; at most %d are possible", len,
                           SLC_HOST_MAX - 1);
        return;
    }
    /* It is going to stand in a URL and in an HTTP head. */
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] <= 0x20 || strchr("/?#@\\\"<>", text[i]) != NULL || text[i] == 0x7f) {
            (void)slc_doc_fail(json, entry, SLC_MALFORMED, "hostname is not the name of a host");
            return;
        }
    }
    memcpy(hostname, text, len + 1);
}

static void read_key(struct slc_doc *json, const cJSON *object, const char *member, uint8_t key[32])
{
    const char *text = slc_doc_text(json, object, member, SLC_DOC_REQUIRED);
    if (text == NULL) return;
    enum slc_status status = slc_base58_key(key, text);
    if (status != SLC_OK) {
        (void)slc_doc_fail(json, slc_doc_member(json, object, member, SLC_DOC_REQUIRED), status,
                           "must be a key: base58 of 32 bytes");
    }
}

/* "0.98" to 98: a decimal from 0 to 1 with at most 18 places, times 100, truncated (section 10.7, step 2). */
static bool percent_of(const char *text, uint32_t *percent)
{
    const char *at = text;
    uint32_t whole = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        whole = whole > 1 ? whole : whole * 10 + (uint32_t)(*at - '0');
    }
    if (at == text) return false;
    uint32_t hundredths = 0, places = 0;
    bool zero = true;
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9'; at++, places++) {
            zero = zero && *at == '0';
            hundredths = places < 2 ? hundredths * 10 + (uint32_t)(*at - '0') : hundredths;
        }
        if (places == 0 || places > 18) return false;
        hundredths = places == 1 ? hundredths * 10 : hundredths;
    }
    if (*at != 0 || whole > 1 || (whole == 1 && !zero)) return false;
    *percent = whole * 100 + hundredths;
    return true;
}

static void read_performance(struct slc_doc *json, const cJSON *object, struct slc_node_details *details)
{
    const char *text = slc_doc_text(json, object, "performance", SLC_DOC_REQUIRED);
    if (text != NULL && !percent_of(text, &details->performance)) {
        (void)slc_doc_fail(json, slc_doc_member(json, object, "performance", SLC_DOC_REQUIRED), SLC_OUT_OF_RANGE,
                           "must be a decimal from \"0\" to \"1\"");
    }
}

/* Roles count from the rewarded set alone (section 10.7, step 4), but the field must be there, under either name. */
static void check_role(struct slc_doc *json, const cJSON *object)
{
    const cJSON *role = slc_doc_member(json, object, "epoch_role", SLC_DOC_OPTIONAL);
    role = role != NULL ? role : slc_doc_member(json, object, "role", SLC_DOC_REQUIRED);
    if (role != NULL && !cJSON_IsString(role) && !cJSON_IsObject(role)) {
        (void)slc_doc_fail(json, role, SLC_MALFORMED, "must be a role");
    }
}

/* The first address counts, for clients the second, too; all must be addresses. False: there is none, and the node
 * cannot be used. */
static bool read_addresses(struct slc_doc *json, const cJSON *object, struct slc_node *node)
{
    uint16_t port = slc_doc_port(json, object, "mix_port", SLC_DOC_REQUIRED);
    const cJSON *list = slc_doc_array(json, object, "ip_addresses", SLC_DOC_REQUIRED);
    const cJSON *first = list != NULL ? list->child : NULL;
    for (const cJSON *ip = first; ip != NULL && json->status == SLC_OK; ip = ip->next) {
        if (!cJSON_IsString(ip)) {
            (void)slc_doc_fail(json, ip, SLC_MALFORMED, "must be a string");
        }
        struct slc_address address = {.version = 0};
        slc_document_address(json, ip, ip->valuestring, port, &address);
        if (ip == first) {
            node->mix = address;
        } else if (ip == first->next) {
            node->ws_other = address;
        }
    }
    return first != NULL;
}

static void read_entry(struct slc_doc *json, const cJSON *object, struct slc_node *node)
{
    const cJSON *entry = slc_doc_object(json, object, "entry", SLC_DOC_OPTIONAL);
    if (entry == NULL) return;
    node->has_entry = true;
    node->ws = node->mix;
    node->ws.port = slc_doc_port(json, entry, "ws_port", SLC_DOC_REQUIRED);
    node->ws_other.port = node->ws.port;
    node->wss_port = slc_doc_port(json, entry, "wss_port", SLC_DOC_OPTIONAL);
    slc_document_hostname(json, entry, node->hostname);
}

/* False: the node has no address. */
static bool read_node(struct slc_doc *json, const cJSON *object, struct slc_node_details *details)
{
    *details = (struct slc_node_details){.performance = 0};
    struct slc_node *node = &details->node;
    node->id = slc_doc_u32(json, object, "node_id");
    read_key(json, object, "ed25519_identity_pubkey", node->identity);
    read_key(json, object, "x25519_sphinx_pubkey", node->sphinx_key);
    if (json->status == SLC_OK && slc_identity_check(node->identity) != SLC_OK) {
        (void)slc_doc_fail(json, slc_doc_member(json, object, "ed25519_identity_pubkey", SLC_DOC_REQUIRED), SLC_BAD_KEY,
                           "is not the public key of an identity: no point of Ed25519");
    }
    bool addressed = read_addresses(json, object, node);
    check_role(json, object);
    const cJSON *roles = slc_doc_object(json, object, "supported_roles", SLC_DOC_OPTIONAL);
    node->mixnode = slc_doc_bool(json, roles, "mixnode", SLC_DOC_REQUIRED);
    node->entry = slc_doc_bool(json, roles, "entry", SLC_DOC_REQUIRED);
    node->exit_nr = slc_doc_bool(json, roles, "exit_nr", SLC_DOC_REQUIRED);
    node->exit_ipr = slc_doc_bool(json, roles, "exit_ipr", SLC_DOC_REQUIRED);
    read_entry(json, object, node);
    read_performance(json, object, details);
    return addressed;
}

static void read_page_nodes(struct slc_doc *json, const cJSON *data, struct slc_node_list *list)
{
    size_t wanted = list->count + slc_doc_count(data);
    if (wanted > SLC_TOPOLOGY_NODES_MAX) {
        (void)slc_doc_fail(json, data, SLC_TOO_LONG, "more than %d nodes", SLC_TOPOLOGY_NODES_MAX);
    }
    if (json->status == SLC_OK && wanted > list->cap) {
        struct slc_node_details *grown = realloc(list->nodes, wanted * sizeof *grown);
        if (grown == NULL) {
            (void)slc_doc_fail(json, NULL, SLC_NO_MEMORY, "out of memory");
            return;
        }
        list->nodes = grown;
        list->cap = wanted;
    }
    for (const cJSON *object = data != NULL ? data->child : NULL; object != NULL && json->status == SLC_OK;
         object = object->next) {
        struct slc_node_details *details = &list->nodes[list->count];
        bool addressed = read_node(json, object, details);
        list->entries++;
        if (addressed && details->performance >= list->minimum_performance) {
            list->count++;
        }
    }
}

static void read_page(struct slc_doc *json, struct slc_node_list *list)
{
    const cJSON *document = slc_doc_object(json, json->root, "metadata", SLC_DOC_REQUIRED);
    struct slc_list_metadata metadata;
    read_metadata(json, document, &metadata);
    const cJSON *nodes = slc_doc_object(json, json->root, "nodes", SLC_DOC_REQUIRED);
    const cJSON *pagination = slc_doc_object(json, nodes, "pagination", SLC_DOC_REQUIRED);
    uint64_t total = slc_doc_number(json, pagination, "total", SLC_DOC_REQUIRED, 0, SLC_DOC_WHOLE_MAX);
    if (list->pages == 0) {
        list->metadata = metadata;
        list->total = total;
    }
    const char *difference = metadata_difference(&list->metadata, &metadata);
    if (difference != NULL) {
        (void)slc_doc_fail(json, document, SLC_AGAIN, "%s differs from the first page's", difference);
    }
    read_page_nodes(json, slc_doc_array(json, nodes, "data", SLC_DOC_REQUIRED), list);
    list->pages++;
}

enum slc_status slc_node_list_add(struct slc_node_list *list, struct slc_bytes page, const char *name,
                                  struct slc_error *error)
{
    struct slc_doc json;
    if (slc_doc_open(&json, page, name, error) == SLC_OK) {
        read_page(&json, list);
    }
    slc_doc_close(&json);
    return json.status;
}

bool slc_node_list_wants_more(const struct slc_node_list *list)
{
    /* A first page whose total is not its own size asks for the next even when it is smaller (section 17.3). */
    return list->pages == 1 ? list->entries != list->total : list->entries < list->total;
}

void slc_node_list_free(struct slc_node_list *list)
{
    free(list->nodes);
    *list = (struct slc_node_list){.nodes = NULL};
}

/* ---- C, D and E together ---- */

enum slc_status slc_documents_join(const struct slc_rewarded_document *rewarded, const struct slc_node_list *mixnodes,
                                   const struct slc_node_list *gateways, const char *name,
                                   struct slc_topology **topology, struct slc_error *error)
{
    *topology = NULL;
    const struct slc_list_metadata *metadata = &mixnodes->metadata;
    const char *difference = metadata_difference(metadata, &gateways->metadata);
    if (difference != NULL) {
        return slc_fail(error, SLC_AGAIN,
                        "%s: %s of the mixnodes and of the entry gateways differ: an epoch is "
                        "changing, or the directory is inconsistent",
                        name, difference);
    }
    /* A missing epoch id counts as 0. */
    if (rewarded->set.epoch_id != metadata->epoch_id) {
        return slc_fail(error, SLC_AGAIN,
                        "%s: epoch_id of the rewarded set is %llu%s, of the node lists %u: an epoch "
                        "is changing, or the directory is inconsistent",
                        name, (unsigned long long)rewarded->set.epoch_id,
                        rewarded->set.has_epoch_id ? "" : " (missing)", metadata->epoch_id);
    }
    /* E after D: of two nodes with one id slc_topology_new() takes the last. */
    size_t count = mixnodes->count + gateways->count;
    struct slc_node_details *all = calloc(count + 1, sizeof *all);
    if (all == NULL) return slc_fail(error, SLC_NO_MEMORY, "%s: out of memory", name);
    if (mixnodes->count > 0) memcpy(all, mixnodes->nodes, mixnodes->count * sizeof *all);
    if (gateways->count > 0) memcpy(all + mixnodes->count, gateways->nodes, gateways->count * sizeof *all);
    struct slc_error why = {.status = SLC_OK};
    enum slc_status status =
        slc_topology_new(topology, all, count, &rewarded->set, metadata->rotation_id, metadata->epoch_id, &why);
    free(all);
    if (status != SLC_OK) return slc_fail(error, status, "%s: %s", name, why.text);
    (*topology)->refreshed_at = metadata->refreshed_at;
    return SLC_OK;
}

static enum slc_status add_whole(struct slc_node_list *list, struct slc_bytes document, const char *name,
                                 struct slc_error *error)
{
    enum slc_status status = slc_node_list_add(list, document, name, error);
    if (status == SLC_OK && list->entries < list->total) {
        return slc_fail(error, SLC_TOO_SHORT, "%s: one page of %llu nodes where %llu exist", name,
                        (unsigned long long)list->entries, (unsigned long long)list->total);
    }
    return status;
}

enum slc_status slc_directory_parse(struct slc_bytes rewarded_set, struct slc_bytes mixnodes,
                                    struct slc_bytes entry_gateways, const char *name, struct slc_topology **topology,
                                    struct slc_error *error)
{
    *topology = NULL;
    struct slc_rewarded_document rewarded = {.ids = NULL};
    struct slc_node_list mix = {.minimum_performance = SLC_MINIMUM_PERFORMANCE}, gateways = mix;
    enum slc_status status = slc_rewarded_document_parse(&rewarded, rewarded_set, name, error);
    if (status == SLC_OK) status = add_whole(&mix, mixnodes, name, error);
    if (status == SLC_OK) status = add_whole(&gateways, entry_gateways, name, error);
    if (status == SLC_OK) status = slc_documents_join(&rewarded, &mix, &gateways, name, topology, error);
    slc_rewarded_document_free(&rewarded);
    slc_node_list_free(&mix);
    slc_node_list_free(&gateways);
    return status;
}
