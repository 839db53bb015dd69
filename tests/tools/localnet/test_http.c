/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "tools/localnet/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The local mixnet's HTTP side as its users see it: through libcurl, against the documents' own parsers. */

struct site {
    struct slc_localnet *net;
    struct slc_localnet_http *http;
    uint16_t port;
};

struct answer {
    long code;
    char *body;
    size_t len;
    char *head;
    size_t head_len;
};

static size_t gather(char *data, size_t size, size_t n, void *self)
{
    FILE *out = self;
    return fwrite(data, size, n, out);
}

/* method: GET, HEAD, POST, OPTIONS ...; the body of a POST is empty unless given. */
static struct answer ask(const struct site *site, const char *method, const char *path, const char *body)
{
    struct answer a = {0};
    char url[512];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s", site->port, path);
    FILE *out = open_memstream(&a.body, &a.len), *head = open_memstream(&a.head, &a.head_len);
    CURL *curl = curl_easy_init();
    assert_true(out != NULL && head != NULL && curl != NULL);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, gather);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, gather);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, head);
    if (strcmp(method, "POST") == 0) (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body != NULL ? body : "");
    if (strcmp(method, "HEAD") == 0) (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    CURLcode result = curl_easy_perform(curl);
    if (result != CURLE_OK) fail_msg("%s %s: %s", method, path, curl_easy_strerror(result));
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &a.code);
    curl_easy_cleanup(curl);
    (void)fclose(out);
    (void)fclose(head);
    return a;
}

static void done(struct answer *a)
{
    free(a->body);
    free(a->head);
}

static void expect(const struct site *site, const char *method, const char *path, long code, const char *words)
{
    struct answer a = ask(site, method, path, NULL);
    if (a.code != code) fail_msg("%s %s: %ld, not %ld: %s", method, path, a.code, code, a.body);
    if (strstr(a.body, words) == NULL) fail_msg("%s %s does not say \"%s\": %s", method, path, words, a.body);
    assert_non_null(strstr(a.head, "Access-Control-Allow-Origin: *"));
    done(&a);
}

static int open_site(void **state)
{
    static struct site site;
    struct slc_localnet_config config;
    struct slc_error error = {0};
    slc_localnet_config_default(&config);
    static struct slc_foreign_node foreign = {
        .id = 900, .layer = 2, .mix = {.version = 4, .ip = {127, 0, 0, 1}, .port = 9}};
    uint8_t secret[SLC_KEY_BYTES] = {9};
    struct slc_identity identity;
    slc_identity_from_seed(&identity, secret);
    memcpy(foreign.identity, identity.public_key, sizeof foreign.identity);
    slc_public_key(foreign.sphinx_key, secret);
    config.foreign = &foreign;
    config.foreign_count = 1;
    config.faults.loss = 0.25;
    config.faults.reorder_delay = 50 * SLC_MILLISECOND;
    if (slc_localnet_new(&site.net, &config, &error) != SLC_OK) return -1;
    if (slc_localnet_http_start(&site.http, site.net, 0, &site.port, &error) != SLC_OK) return -1;
    if (slc_localnet_start(site.net, &error) != SLC_OK) return -1;
    *state = &site;
    return 0;
}

static int close_site(void **state)
{
    struct site *site = *state;
    slc_localnet_http_stop(site->http);
    slc_localnet_free(site->net);
    return 0;
}

/* ---- documents ---- */

static const struct {
    const char *path;
    enum slc_document document;
} DOCUMENTS[] = {
    {"/v1/epoch/key-rotation-info", SLC_DOCUMENT_ROTATION},
    {"/v1/nym-nodes/rewarded-set", SLC_DOCUMENT_REWARDED_SET},
    {"/v2/unstable/nym-nodes/skimmed/mixnodes/active", SLC_DOCUMENT_MIXNODES},
    {"/v2/unstable/nym-nodes/skimmed/entry-gateways", SLC_DOCUMENT_ENTRY_GATEWAYS},
    {"/v2/unstable/nym-nodes/skimmed", SLC_DOCUMENT_ALL_NODES},
    {"/v2/unstable/nym-nodes/semi-skimmed", SLC_DOCUMENT_SEMI_SKIMMED},
};

static void every_document_is_there_under_any_prefix_and_query(void **state)
{
    const struct site *site = *state;
    static const char *const prefixes[] = {"", "/api", "/some/deep/prefix"};
    static const char *const queries[] = {"", "?page=0", "?page=0&output=bincode&no_legacy=true"};
    for (size_t d = 0; d < sizeof DOCUMENTS / sizeof *DOCUMENTS; d++) {
        char *wanted = slc_network_document(slc_localnet_network(site->net), DOCUMENTS[d].document);
        assert_non_null(wanted);
        for (size_t p = 0; p < 3; p++) {
            for (size_t q = 0; q < 3; q++) {
                char path[256];
                (void)snprintf(path, sizeof path, "%s%s%s", prefixes[p], DOCUMENTS[d].path, queries[q]);
                struct answer a = ask(site, "GET", path, NULL);
                assert_int_equal(a.code, 200);
                assert_string_equal(a.body, wanted);
                assert_non_null(strstr(a.head, "Content-Type: application/json"));
                assert_non_null(strstr(a.head, "Content-Length: "));
                done(&a);
            }
        }
        free(wanted);
    }
}

static void a_client_fetches_a_routable_topology_from_it(void **state)
{
    const struct site *site = *state;
    char base[64];
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%u/api/", site->port);
    struct slc_topology *topology;
    struct slc_rotation_info info;
    struct slc_error error = {0};
    if (slc_directory_fetch(base, 5000, &topology, &info, &error) != SLC_OK) fail_msg("%s", error.text);
    assert_int_equal(topology->gateway_count, 2);
    assert_int_equal(slc_rotation_id(info.current_epoch, info.initial_epoch, info.validity_epochs),
                     topology->rotation_id);
    slc_topology_release(topology);

    struct answer a = ask(site, "GET", "/topology.json", NULL);
    enum slc_status status = slc_topology_parse_file(slc_bytes(a.body, a.len), "it", &topology, &error);
    if (status != SLC_OK) fail_msg("%s", error.text);
    slc_topology_release(topology);
    done(&a);
}

static void what_real_nodes_ask_for_besides_is_answered(void **state)
{
    const struct site *site = *state;
    struct answer a = ask(site, "POST", "/api/v1/nym-nodes/refresh-described", "{\"node_identity_key\":\"x\"}");
    assert_int_equal(a.code, 200);
    assert_string_equal(a.body, "null");
    done(&a);
    expect(site, "GET", "/api/v1/nym-nodes/described?page=0", 200, "\"data\":[]");
    a = ask(site, "POST", "/api/v1/unstable/nym-nodes/by-addresses", "{\"addresses\":[\"127.0.0.1\"]}");
    assert_int_equal(a.code, 200);
    assert_non_null(strstr(a.body, "existence"));
    done(&a);
    expect(site, "GET", "/api/v1/health", 200, "up");
}

static void browsers_may_ask_first_and_heads_have_no_body(void **state)
{
    const struct site *site = *state;
    for (size_t d = 0; d < sizeof DOCUMENTS / sizeof *DOCUMENTS; d++) {
        struct answer a = ask(site, "OPTIONS", DOCUMENTS[d].path, NULL);
        assert_int_equal(a.code, 204);
        assert_int_equal(a.len, 0);
        assert_non_null(strstr(a.head, "Access-Control-Allow-Origin: *"));
        assert_non_null(strstr(a.head, "Access-Control-Allow-Headers: *"));
        assert_non_null(strstr(a.head, "Access-Control-Allow-Methods: GET"));
        done(&a);
        a = ask(site, "HEAD", DOCUMENTS[d].path, NULL);
        assert_int_equal(a.code, 200);
        assert_int_equal(a.len, 0);
        assert_non_null(strstr(a.head, "Content-Length: "));
        done(&a);
    }
}

static void what_is_not_there_says_so(void **state)
{
    const struct site *site = *state;
    expect(site, "GET", "/nothing", 404, "status page");
    expect(site, "GET", "/api", 404, "status page");
    expect(site, "GET", "/v1/epoch/key-rotation-infos", 404, "status page");
    expect(site, "DELETE", "/v1/nym-nodes/rewarded-set", 405, "GET");
    expect(site, "GET", "/control/all/cut", 405, "POST");
    char path[8192];
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[400] = 0;
    expect(site, "GET", path, 404, "error");
}

/* ---- status, metrics, page ---- */

static const cJSON *member(const cJSON *json, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
    if (item == NULL) fail_msg("no member %s", name);
    return item;
}

static cJSON *status_of(const struct site *site)
{
    struct answer a = ask(site, "GET", "/status.json", NULL);
    assert_int_equal(a.code, 200);
    cJSON *json = cJSON_Parse(a.body);
    assert_non_null(json);
    done(&a);
    return json;
}

/* A fault of the node with this id. */
static double fault(const struct site *site, int id, const char *name)
{
    cJSON *json = status_of(site);
    const cJSON *node, *nodes = member(json, "nodes");
    double value = -1;
    cJSON_ArrayForEach(node, nodes)
    {
        if ((int)member(node, "id")->valuedouble != id) continue;
        const cJSON *item = member(member(node, "faults"), name);
        value = cJSON_IsBool(item) ? cJSON_IsTrue(item) : item->valuedouble;
    }
    cJSON_Delete(json);
    return value;
}

static void the_status_tells_every_node_and_thread(void **state)
{
    const struct site *site = *state;
    cJSON *json = status_of(site);
    const cJSON *node, *nodes = member(json, "nodes");
    assert_int_equal(cJSON_GetArraySize(nodes), 6);
    int gateways = 0, foreign = 0;
    cJSON_ArrayForEach(node, nodes)
    {
        bool gateway = strcmp(member(node, "role")->valuestring, "gateway") == 0;
        gateways += gateway;
        foreign += cJSON_IsTrue(member(node, "foreign"));
        assert_int_equal(cJSON_HasObjectItem(node, "ws"), gateway);
        assert_int_equal(cJSON_HasObjectItem(node, "faults"), !cJSON_IsTrue(member(node, "foreign")));
        assert_true(cJSON_IsNumber(member(member(node, "counters"), "packets_received")));
    }
    assert_int_equal(gateways, 2);
    assert_int_equal(foreign, 1);
    assert_true(cJSON_GetArraySize(member(json, "threads")) >= 3);
    assert_true(cJSON_IsNumber(member(json, "waiting")));
    assert_true(cJSON_IsString(member(json, "backend")));
    cJSON_Delete(json);
}

static void metrics_are_in_the_form_that_prometheus_reads(void **state)
{
    const struct site *site = *state;
    struct answer a = ask(site, "GET", "/metrics", NULL);
    assert_int_equal(a.code, 200);
    assert_non_null(strstr(a.head, "text/plain; version=0.0.4"));
    assert_non_null(strstr(a.body, "# TYPE sluice_node_clients_online gauge\n"));
    assert_non_null(strstr(a.body, "# TYPE sluice_node_packets_received counter\n"));
    /* Every line: a comment, or name{labels} number. */
    size_t samples = 0;
    for (char *save, *line = strtok_r(a.body, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        char name[128];
        unsigned long long value;
        unsigned node;
        if (strncmp(line, "# HELP sluice_", 14) == 0 || strncmp(line, "# TYPE sluice_", 14) == 0) continue;
        bool good = sscanf(line, "sluice_%127[a-z_]{node=\"%u\"} %llu", name, &node, &value) == 3 ||
                    sscanf(line, "sluice_%127[a-z_] %llu", name, &value) == 2;
        if (!good) fail_msg("not a sample: %s", line);
        samples++;
    }
    assert_true(samples > 6 * 15);
    done(&a);
}

static void the_page_needs_nothing_from_elsewhere(void **state)
{
    const struct site *site = *state;
    struct answer a = ask(site, "GET", "/", NULL);
    assert_int_equal(a.code, 200);
    assert_non_null(strstr(a.head, "text/html; charset=utf-8"));
    assert_non_null(strstr(a.body, "status.json"));
    assert_null(strstr(a.body, "https://"));
    assert_null(strstr(a.body, "src=\""));
    done(&a);
}

/* ---- control ---- */

static int epoch_of(const struct site *site, const char *name)
{
    cJSON *json = status_of(site);
    int value = (int)member(member(json, "epoch"), name)->valuedouble;
    cJSON_Delete(json);
    return value;
}

static void an_ordered_rotation_is_in_every_document_of_the_next_answer(void **state)
{
    const struct site *site = *state;
    int epoch = epoch_of(site, "id"), rotation = epoch_of(site, "rotation");
    expect(site, "POST", "/control/all/epoch", 200, "\"epoch\"");
    assert_int_equal(epoch_of(site, "id"), epoch + 1);
    assert_int_equal(epoch_of(site, "rotation"), rotation);
    int next = epoch_of(site, "next_rotation");
    expect(site, "POST", "/control/all/rotate", 200, "\"epoch\"");
    assert_int_equal(epoch_of(site, "id"), next);
    assert_int_equal(epoch_of(site, "rotation"), rotation + 1);
    expect(site, "POST", "/control/1/rotate", 409, "/control/all");
    expect(site, "POST", "/control/4/epoch", 409, "/control/all");

    char base[64];
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%u/api", site->port);
    struct slc_topology *topology;
    struct slc_rotation_info info;
    struct slc_error error = {0};
    if (slc_directory_fetch(base, 5000, &topology, &info, &error) != SLC_OK) fail_msg("%s", error.text);
    assert_int_equal(topology->rotation_id, rotation + 1);
    assert_int_equal(topology->epoch_id, next);
    assert_int_equal(info.current_epoch, next);
    slc_topology_release(topology);
    assert_true(slc_localnet_http_tick(site->http) > slc_now());
}

static void faults_change_one_by_one_and_keep_the_rest(void **state)
{
    const struct site *site = *state;
    /* What it was started with is known, and survives a change of something else. */
    assert_float_equal(fault(site, 1, "loss"), 0.25, 1e-9);
    expect(site, "POST", "/control/1/faults?paused=true", 200, "\"paused\":true");
    assert_float_equal(fault(site, 1, "loss"), 0.25, 1e-9);
    assert_float_equal(fault(site, 1, "paused"), 1, 0);
    assert_float_equal(fault(site, 2, "paused"), 0, 0);
    expect(site, "POST", "/control/all/faults?paused=false&loss=2%25&duplicate=0.5&reorder=1&reorder_delay=20ms", 200,
           "");
    assert_float_equal(fault(site, 1, "loss"), 0.02, 1e-9);
    assert_float_equal(fault(site, 5, "loss"), 0.02, 1e-9);
    assert_float_equal(fault(site, 5, "duplicate"), 0.5, 1e-9);
    assert_float_equal(fault(site, 5, "reorder_delay_seconds"), 0.02, 1e-9);
    expect(site, "POST", "/control/5/faults?extra_delay=1.5s", 200, "");
    assert_float_equal(fault(site, 5, "extra_delay_seconds"), 1.5, 1e-9);
    expect(site, "POST", "/control/all/faults?loss=0&duplicate=0&reorder=0&extra_delay=0", 200, "");
}

static void a_wrong_argument_changes_nothing_and_is_named(void **state)
{
    const struct site *site = *state;
    double before = fault(site, 2, "loss");
    static const char *const wrong[][2] = {
        {"loss=1.5", "loss"},
        {"loss=-1", "loss"},
        {"loss=nan", "loss"},
        {"loss=", "loss"},
        {"loss", "loss"},
        {"los=0.1", "los"},
        {"duplicate=2", "duplicate"},
        {"reorder=x", "reorder"},
        {"reorder_delay=5", "reorder_delay"},
        {"extra_delay=11m", "extra_delay"},
        {"extra_delay=1e300s", "extra_delay"},
        {"paused=1", "paused"},
        {"door=ajar", "door"},
        {"door", "door"},
        {"garbage=2", "garbage"},
        {"cut_every=soon", "cut_every"},
        {"no_acks=yes", "no_acks"},
        {"loss=0.5&paused=maybe", "paused"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "/control/all/faults?%s", wrong[i][0]);
        expect(site, "POST", path, 400, wrong[i][1]);
        assert_float_equal(fault(site, 2, "loss"), before, 1e-9);
    }
}

static void orders_go_to_nodes_that_can_obey(void **state)
{
    const struct site *site = *state;
    expect(site, "POST", "/control/4/cut", 200, "nodes");
    expect(site, "POST", "/control/all/cut", 200, "nodes");
    expect(site, "POST", "/control/5/forget", 200, "nodes");
    expect(site, "POST", "/control/1/cut", 409, "mixnode");
    expect(site, "POST", "/control/1/faults?door=shut", 409, "mixnode");
    expect(site, "POST", "/control/1/faults?loss=0.5&twice=true", 409, "mixnode");
    expect(site, "POST",
           "/control/4/faults?door=mute&garbage=1%25&cut_every=30s&no_acks=true&twice=true&wrong_key=true", 200,
           "\"door\":\"mute\",\"wrong_key\":true,\"no_acks\":true,\"twice\":true,\"garbage\":0.01,");
    assert_float_equal(fault(site, 4, "cut_every_seconds"), 30, 1e-9);
    assert_float_equal(fault(site, 5, "twice"), 0, 0);
    expect(site, "POST",
           "/control/all/faults?door=open&garbage=0&cut_every=0s&no_acks=false&twice=false&wrong_key=false", 200,
           "\"door\":\"open\"");
    assert_float_equal(fault(site, 4, "twice"), 0, 0);
    expect(site, "POST", "/control/900/faults?loss=1", 409, "somebody else");
    expect(site, "POST", "/control/900/cut", 409, "somebody else");
    static const char *const nowhere[] = {
        "/control/7/cut",     "/control//cut", "/control/01/cut", "/control/-1/cut", "/control/4/explode",
        "/control/4/cut/now", "/control/4",    "/control/",       "/control/4/cutx", "/control/four/cut"};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        expect(site, "POST", nowhere[i], 404, "error");
    }
}

static void a_port_in_use_is_named(void **state)
{
    const struct site *site = *state;
    struct slc_localnet_http *second;
    uint16_t bound;
    struct slc_error error = {0};
    assert_int_equal(slc_localnet_http_start(&second, site->net, site->port, &bound, &error), SLC_IO);
    assert_null(second);
    char address[32];
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", site->port);
    assert_non_null(strstr(error.text, address));
    assert_non_null(strstr(error.text, "in use"));
}

int main(void)
{
    slc_directory_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_document_is_there_under_any_prefix_and_query),
        cmocka_unit_test(a_client_fetches_a_routable_topology_from_it),
        cmocka_unit_test(what_real_nodes_ask_for_besides_is_answered),
        cmocka_unit_test(browsers_may_ask_first_and_heads_have_no_body),
        cmocka_unit_test(what_is_not_there_says_so),
        cmocka_unit_test(the_status_tells_every_node_and_thread),
        cmocka_unit_test(metrics_are_in_the_form_that_prometheus_reads),
        cmocka_unit_test(the_page_needs_nothing_from_elsewhere),
        cmocka_unit_test(an_ordered_rotation_is_in_every_document_of_the_next_answer),
        cmocka_unit_test(faults_change_one_by_one_and_keep_the_rest),
        cmocka_unit_test(a_wrong_argument_changes_nothing_and_is_named),
        cmocka_unit_test(orders_go_to_nodes_that_can_obey),
        cmocka_unit_test(a_port_in_use_is_named),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}
