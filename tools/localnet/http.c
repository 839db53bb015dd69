/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/localnet/http.h"

#include "tools/common/embedded.h"
#include "tools/localnet/faults.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slc_localnet_http {
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock; /* of `net`: its control thread is whoever holds it */
    struct slc_localnet *net;
};

/* Chapter 6, section 3.2. Matched at the end of the path, so any base URL works. */
static const struct {
    const char *end;
    enum slc_document document;
} documents[] = {
    {"/v1/epoch/key-rotation-info", SLC_DOCUMENT_ROTATION},
    {"/v1/nym-nodes/rewarded-set", SLC_DOCUMENT_REWARDED_SET},
    {"/v2/unstable/nym-nodes/skimmed/mixnodes/active", SLC_DOCUMENT_MIXNODES},
    {"/v2/unstable/nym-nodes/skimmed/entry-gateways", SLC_DOCUMENT_ENTRY_GATEWAYS},
    {"/v2/unstable/nym-nodes/skimmed", SLC_DOCUMENT_ALL_NODES},
    {"/v2/unstable/nym-nodes/semi-skimmed", SLC_DOCUMENT_SEMI_SKIMMED},
    {"/topology.json", SLC_DOCUMENT_TOPOLOGY_FILE},
};

/* What real nodes ask for besides, and the least that satisfies them. */
static const struct {
    const char *end, *answer;
} constants[] = {
    {"/v1/nym-nodes/refresh-described", "null"},
    {"/v1/nym-nodes/described", "{\"pagination\":{\"total\":0,\"page\":0,\"size\":0},\"data\":[]}"},
    {"/v1/unstable/nym-nodes/by-addresses", "{\"existence\":{}}"},
    {"/v1/health", "{\"status\":\"up\",\"uptime\":1}"},
};

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned code, const char *type, const void *body,
                              size_t len, enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(len, (void *)(uintptr_t)body, mode);
    if (response == NULL) return MHD_NO;
    (void)MHD_add_response_header(response, "Content-Type", type);
    (void)MHD_add_response_header(response, "Access-Control-Allow-Origin", "*");
    (void)MHD_add_response_header(response, "Access-Control-Allow-Headers", "*");
    (void)MHD_add_response_header(response, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_json(struct MHD_Connection *connection, unsigned code, cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (text == NULL) return MHD_NO;
    return answer(connection, code, "application/json", text, strlen(text), MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned code, const char *why)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "error", why);
    return answer_json(connection, code, json);
}

/* ---- numbers ---- */

static cJSON *counters_json(const struct slc_localnet *net, int node)
{
    struct slc_node_counters counters;
    slc_localnet_counters(net, node, &counters);
    cJSON *json = cJSON_CreateObject();
#define X(name, text) (void)cJSON_AddNumberToObject(json, #name, (double)counters.name);
    SLC_NODE_COUNTERS(X)
#undef X
    return json;
}

static cJSON *epoch_json(const struct slc_localnet *net)
{
    struct slc_rotation_info info;
    slc_localnet_rotation_info(net, &info);
    uint32_t rotation = slc_localnet_network(net)->rotation_id;
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddNumberToObject(json, "id", (double)info.current_epoch);
    (void)cJSON_AddNumberToObject(json, "start", (double)info.epoch_start);
    (void)cJSON_AddNumberToObject(json, "seconds", (double)info.epoch_seconds);
    (void)cJSON_AddNumberToObject(json, "rotation", rotation);
    (void)cJSON_AddNumberToObject(json, "rotation_epochs", info.validity_epochs);
    (void)cJSON_AddNumberToObject(json, "next_rotation",
                                  (double)(info.initial_epoch + ((uint64_t)rotation + 1) * info.validity_epochs));
    return json;
}

static cJSON *node_json(const struct slc_localnet_http *http, size_t i)
{
    const struct slc_network *network = slc_localnet_network(http->net);
    const struct slc_node *node = &network->nodes[i];
    char text[SLC_ADDRESS_TEXT_MAX], identity[SLC_BASE58_MAX];
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddNumberToObject(json, "id", node->id);
    (void)cJSON_AddNumberToObject(json, "layer", network->layer[i]);
    (void)cJSON_AddStringToObject(json, "role", network->layer[i] == 0 ? "gateway" : "mixnode");
    if (slc_base58_encode(identity, sizeof identity, slc_bytes(node->identity, SLC_IDENTITY_BYTES)) == SLC_OK) {
        (void)cJSON_AddStringToObject(json, "identity", identity);
    }
    slc_address_to_text(&node->mix, text);
    (void)cJSON_AddStringToObject(json, "mix", text);
    if (node->has_entry) {
        slc_address_to_text(&node->ws, text);
        (void)cJSON_AddStringToObject(json, "ws", text);
    }
    const struct slc_faults *f = slc_localnet_faults(http->net, (int)i);
    (void)cJSON_AddBoolToObject(json, "foreign", f == NULL);
    if (f != NULL) cJSON_AddItemToObject(json, "faults", slc_faults_json(f, network->layer[i] == 0));
    cJSON_AddItemToObject(json, "counters", counters_json(http->net, (int)i));
    return json;
}

static cJSON *status_json(const struct slc_localnet_http *http)
{
    cJSON *json = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(json, "program", "sluice " SLUICE_VERSION);
    (void)cJSON_AddStringToObject(json, "backend", slc_localnet_backend(http->net));
    (void)cJSON_AddNumberToObject(json, "waiting", (double)slc_localnet_waiting(http->net));
    cJSON_AddItemToObject(json, "epoch", epoch_json(http->net));
    cJSON_AddItemToObject(json, "total", counters_json(http->net, SLC_ALL_NODES));
    cJSON *nodes = cJSON_AddArrayToObject(json, "nodes");
    for (size_t i = 0; i < slc_localnet_network(http->net)->node_count; i++) {
        (void)cJSON_AddItemToArray(nodes, node_json(http, i));
    }
    cJSON *threads = cJSON_AddArrayToObject(json, "threads");
    struct slc_thread_report rows[128];
    size_t n = slc_localnet_threads(http->net, rows, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        cJSON *thread = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(thread, "name", rows[i].name);
        (void)cJSON_AddNumberToObject(thread, "busy_seconds", (double)rows[i].busy / 1e9);
        (void)cJSON_AddNumberToObject(thread, "starved_seconds", (double)rows[i].starved / 1e9);
        (void)cJSON_AddNumberToObject(thread, "backpressured_seconds", (double)rows[i].backpressured / 1e9);
        (void)cJSON_AddNumberToObject(thread, "frames_dropped", (double)rows[i].frames_dropped);
        (void)cJSON_AddItemToArray(threads, thread);
    }
    return json;
}

static bool is_gauge(const char *counter)
{
    return strcmp(counter, "clients_online") == 0 || strcmp(counter, "inbox_waiting") == 0;
}

/* Prometheus text. */
static enum MHD_Result answer_metrics(const struct slc_localnet_http *http, struct MHD_Connection *connection)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) return MHD_NO;
    const struct slc_network *network = slc_localnet_network(http->net);
#define X(name, help)                                                                                                  \
    (void)fprintf(out, "# HELP sluice_node_" #name " %s\n# TYPE sluice_node_" #name " %s\n", help,                     \
                  is_gauge(#name) ? "gauge" : "counter");                                                              \
    for (size_t i = 0; i < network->node_count; i++) {                                                                 \
        struct slc_node_counters c;                                                                                    \
        slc_localnet_counters(http->net, (int)i, &c);                                                                  \
        (void)fprintf(out, "sluice_node_" #name "{node=\"%u\"} %llu\n", network->nodes[i].id,                          \
                      (unsigned long long)c.name);                                                                     \
    }
    SLC_NODE_COUNTERS(X)
#undef X
    (void)fprintf(out,
                  "# HELP sluice_packets_waiting packets in delays and queues\n"
                  "# TYPE sluice_packets_waiting gauge\nsluice_packets_waiting %zu\n",
                  slc_localnet_waiting(http->net));
    (void)fprintf(out,
                  "# HELP sluice_epoch the network's epoch\n# TYPE sluice_epoch gauge\nsluice_epoch %llu\n"
                  "# HELP sluice_rotation the network's key rotation\n"
                  "# TYPE sluice_rotation gauge\nsluice_rotation %u\n",
                  (unsigned long long)network->epoch_id, network->rotation_id);
    if (fclose(out) != 0) return MHD_NO;
    return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4", text, len, MHD_RESPMEM_MUST_FREE);
}

/* ---- control: POST /control/<node id or all>/<order>?loss=2%&paused=true ---- */

static const char orders[] = "faults, cut, forget; of all: epoch, rotate";

static enum MHD_Result obeyed(const struct slc_localnet_http *http, struct MHD_Connection *connection,
                              enum slc_status status)
{
    if (status == SLC_OK) return answer_json(connection, MHD_HTTP_OK, status_json(http));
    return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "the mixnet is behind with its orders: repeat this one");
}

/* What the query changes; `wrong` names the argument that is not one, or whose value is not such a value. */
struct change {
    struct slc_faults faults;
    const char *wrong;
    bool of_gateways; /* something that only gateways have */
};

static enum MHD_Result take_argument(void *self, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct change *change = self;
    change->of_gateways |= slc_faults_is_of_gateways(name);
    if (slc_faults_set(&change->faults, name, value)) return MHD_YES;
    change->wrong = name;
    return MHD_NO;
}

/* "all", or a node's id; -2: neither. */
static int node_of(const struct slc_localnet_http *http, const char *name)
{
    if (strcmp(name, "all") == 0) return SLC_ALL_NODES;
    const struct slc_network *network = slc_localnet_network(http->net);
    char id[16];
    for (size_t i = 0; i < network->node_count; i++) {
        (void)snprintf(id, sizeof id, "%u", network->nodes[i].id);
        if (strcmp(name, id) == 0) return (int)i;
    }
    return -2;
}

static bool is_gateway(const struct slc_localnet_http *http, int node)
{
    return node == SLC_ALL_NODES || slc_localnet_network(http->net)->layer[node] == 0;
}

static const char no_clients[] = "that node is a mixnode: no clients";

static enum MHD_Result set_faults(struct slc_localnet_http *http, struct MHD_Connection *connection, int node)
{
    size_t nodes = slc_localnet_network(http->net)->node_count;
    enum slc_status status = SLC_OK;
    /* The values are the same for every node, so they are wrong for the first, before anything changed, or for none. */
    for (size_t i = 0; i < nodes && status == SLC_OK; i++) {
        const struct slc_faults *before = slc_localnet_faults(http->net, (int)i);
        if ((node != SLC_ALL_NODES && node != (int)i) || before == NULL) continue;
        struct change change = {.faults = *before};
        (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_argument, &change);
        if (change.wrong != NULL) {
            char why[512];
            (void)snprintf(why, sizeof why, "%.64s: %s", change.wrong, slc_faults_words());
            return refuse(connection, MHD_HTTP_BAD_REQUEST, why);
        }
        if (change.of_gateways && !is_gateway(http, node)) return refuse(connection, MHD_HTTP_CONFLICT, no_clients);
        status = slc_localnet_set_faults(http->net, (int)i, &change.faults);
    }
    return obeyed(http, connection, status);
}

/* Orders to the network as a whole. */
static enum MHD_Result turn(struct slc_localnet_http *http, struct MHD_Connection *connection, int node, bool rotate)
{
    if (node != SLC_ALL_NODES) {
        return refuse(connection, MHD_HTTP_CONFLICT, "epochs and rotations are of the whole network: /control/all");
    }
    return obeyed(http, connection, rotate ? slc_localnet_rotate(http->net) : slc_localnet_next_epoch(http->net));
}

static enum MHD_Result control(struct slc_localnet_http *http, struct MHD_Connection *connection, const char *path)
{
    char name[32], order[32];
    int end = 0;
    if (sscanf(path, "/control/%31[^/]/%31[^/]%n", name, order, &end) != 2 || path[end] != 0) {
        return refuse(connection, MHD_HTTP_NOT_FOUND, "want /control/NODE/ORDER: an id or all, and an order");
    }
    int node = node_of(http, name);
    if (node < SLC_ALL_NODES) return refuse(connection, MHD_HTTP_NOT_FOUND, "no such node; see /status.json");
    if (node >= 0 && slc_localnet_faults(http->net, node) == NULL) {
        return refuse(connection, MHD_HTTP_CONFLICT, "that node is run by somebody else");
    }
    if (strcmp(order, "faults") == 0) return set_faults(http, connection, node);
    bool rotate = strcmp(order, "rotate") == 0;
    if (rotate || strcmp(order, "epoch") == 0) return turn(http, connection, node, rotate);
    bool cut = strcmp(order, "cut") == 0;
    if (!cut && strcmp(order, "forget") != 0) {
        char why[96];
        (void)snprintf(why, sizeof why, "no such order: %s", orders);
        return refuse(connection, MHD_HTTP_NOT_FOUND, why);
    }
    if (!is_gateway(http, node)) return refuse(connection, MHD_HTTP_CONFLICT, no_clients);
    return obeyed(http, connection, cut ? slc_localnet_cut(http->net, node) : slc_localnet_forget(http->net, node));
}

/* ---- requests ---- */

static enum MHD_Result get(struct slc_localnet_http *http, struct MHD_Connection *connection, const char *path)
{
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        if (!ends_with(path, documents[i].end)) continue;
        char *text = slc_network_document(slc_localnet_network(http->net), documents[i].document);
        if (text == NULL) return MHD_NO;
        return answer(connection, MHD_HTTP_OK, "application/json", text, strlen(text), MHD_RESPMEM_MUST_FREE);
    }
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        if (!ends_with(path, constants[i].end)) continue;
        const char *text = constants[i].answer;
        return answer(connection, MHD_HTTP_OK, "application/json", text, strlen(text), MHD_RESPMEM_PERSISTENT);
    }
    if (strcmp(path, "/") == 0) {
        struct slc_bytes page = slc_embedded_status_page();
        return answer(connection, MHD_HTTP_OK, "text/html; charset=utf-8", page.data, page.len, MHD_RESPMEM_PERSISTENT);
    }
    if (strcmp(path, "/status.json") == 0) return answer_json(connection, MHD_HTTP_OK, status_json(http));
    if (strcmp(path, "/metrics") == 0) return answer_metrics(http, connection);
    return refuse(connection, MHD_HTTP_NOT_FOUND, "not here; the status page is /");
}

static enum MHD_Result respond(struct slc_localnet_http *http, struct MHD_Connection *connection, const char *path,
                               const char *method)
{
    bool post = strcmp(method, "POST") == 0;
    if (strncmp(path, "/control/", 9) == 0) {
        if (post) return control(http, connection, path);
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "an order is a POST");
    }
    if (post || strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) return get(http, connection, path);
    return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, POST or OPTIONS");
}

static enum MHD_Result handle(void *self, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *body, size_t *body_len, void **state)
{
    (void)version;
    (void)body;
    static int seen;
    if (*state == NULL) {
        *state = &seen;
        return MHD_YES;
    }
    if (*body_len > 0) {
        *body_len = 0; /* bodies of real nodes' requests are not needed */
        return MHD_YES;
    }
    if (strcmp(method, "OPTIONS") == 0)
        return answer(connection, MHD_HTTP_NO_CONTENT, "text/plain", "", 0, MHD_RESPMEM_PERSISTENT);
    struct slc_localnet_http *http = self;
    (void)pthread_mutex_lock(&http->lock);
    enum MHD_Result result = respond(http, connection, path, method);
    (void)pthread_mutex_unlock(&http->lock);
    return result;
}

/* ---- beginning and end ---- */

enum slc_status slc_localnet_http_start(struct slc_localnet_http **out, struct slc_localnet *net, uint16_t port,
                                        uint16_t *bound, struct slc_error *error)
{
    *out = NULL;
    struct slc_localnet_http *http = calloc(1, sizeof *http);
    if (http == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    http->net = net;
    (void)pthread_mutex_init(&http->lock, NULL);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    errno = 0;
    http->daemon =
        MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, handle, http, MHD_OPTION_SOCK_ADDR, &address,
                         MHD_OPTION_CONNECTION_LIMIT, 512u, MHD_OPTION_CONNECTION_TIMEOUT, 120u, MHD_OPTION_END);
    if (http->daemon == NULL) {
        enum slc_status status = errno == EACCES ? SLC_DENIED : SLC_IO;
        (void)slc_fail(error, status, "127.0.0.1:%u: %s; choose another --api-port", port,
                       errno != 0 ? strerror(errno) : "the directory cannot listen there");
        slc_localnet_http_stop(http);
        return status;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
    *bound = info != NULL && info->port != 0 ? info->port : port;
    *out = http;
    return SLC_OK;
}

slc_time slc_localnet_http_tick(struct slc_localnet_http *http)
{
    (void)pthread_mutex_lock(&http->lock);
    slc_time next = slc_localnet_tick(http->net);
    (void)pthread_mutex_unlock(&http->lock);
    return next;
}

void slc_localnet_http_stop(struct slc_localnet_http *http)
{
    if (http == NULL) return;
    if (http->daemon != NULL) MHD_stop_daemon(http->daemon);
    (void)pthread_mutex_destroy(&http->lock);
    free(http);
}
