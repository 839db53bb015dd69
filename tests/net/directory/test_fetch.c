/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/directory/network.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

/* A nym-api on loopback that plays one fault at a time. */

enum fault {
    NONE,
    PAGED,           /* D comes in pages of one                                   */
    PAGED_SHORT,     /* D promises more than its pages have                       */
    PAGES_DISAGREE,  /* page 1 of D is of another epoch                           */
    TOTAL_ZERO,      /* D says that there is nothing, and has everything          */
    DISAGREE_ONCE,   /* the first rewarded set is of another epoch                */
    DISAGREE_ALWAYS, /* all are                                                   */
    NOT_FOUND,       /* E: 404                                                    */
    BROKEN,          /* E: 500                                                    */
    REDIRECT,        /* E: 302 to itself                                          */
    GARBAGE,         /* E: HTML                                                   */
    EMPTY,           /* E: no body                                                */
    ENDLESS,         /* E: a body that never ends                                 */
    CUT_TWICE,       /* E: the connection breaks off in the body, two times       */
    CUT_ALWAYS,      /* E: every time                                             */
    SLOW,            /* E: the body starts and stays where it is                  */
    ROTATION_404,    /* B: 404                                                    */
};

struct server {
    struct MHD_Daemon *daemon;
    char base[64];
    enum fault fault;
    char *mixnodes, *gateways, *page[3];
    atomic_uint requests[4];  /* B, C, D, E */
    atomic_bool wrong_client; /* a request without our user agent, or not a GET */
};

static ssize_t endless_body(void *context, uint64_t at, char *to, size_t max)
{
    (void)context;
    (void)at;
    memset(to, ' ', max);
    return (ssize_t)max;
}

static ssize_t cut_body(void *context, uint64_t at, char *to, size_t max)
{
    (void)context;
    if (at > 0 || max == 0) return MHD_CONTENT_READER_END_WITH_ERROR;
    *to = '{';
    return 1;
}

static ssize_t slow_body(void *context, uint64_t at, char *to, size_t max)
{
    (void)context;
    if (at > 0 || max == 0) return 0; /* nothing yet, and never more */
    *to = '{';
    return 1;
}

static enum MHD_Result answer_with(struct MHD_Connection *connection, unsigned code, const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (code == MHD_HTTP_FOUND) {
        (void)MHD_add_response_header(response, "Location", "http://192.0.2.1/");
    }
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_from(struct MHD_Connection *connection, uint64_t size,
                                   MHD_ContentReaderCallback read_body)
{
    struct MHD_Response *response = MHD_create_response_from_callback(size, 4096, read_body, NULL, NULL);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_mixnodes(struct server *server, struct MHD_Connection *connection)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "page");
    unsigned page = text != NULL ? (unsigned)atoi(text) : 99;
    if (server->fault == PAGED || server->fault == PAGED_SHORT || server->fault == PAGES_DISAGREE) {
        if (page > 2) return answer_with(connection, MHD_HTTP_OK, server->page[2]);
        return answer_with(connection, MHD_HTTP_OK, server->page[page]);
    }
    return answer_with(connection, page <= 1 ? MHD_HTTP_OK : MHD_HTTP_BAD_REQUEST, server->mixnodes);
}

static enum MHD_Result answer_gateways(struct server *server, struct MHD_Connection *connection)
{
    switch (server->fault) {
    case NOT_FOUND:
        return answer_with(connection, MHD_HTTP_NOT_FOUND, "{}");
    case BROKEN:
        return answer_with(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, server->gateways);
    case REDIRECT:
        return answer_with(connection, MHD_HTTP_FOUND, server->gateways);
    case GARBAGE:
        return answer_with(connection, MHD_HTTP_OK, "<html>a captive portal</html>");
    case EMPTY:
        return answer_with(connection, MHD_HTTP_OK, "");
    case ENDLESS:
        return answer_from(connection, MHD_SIZE_UNKNOWN, endless_body);
    case SLOW:
        return answer_from(connection, 1000, slow_body);
    case CUT_TWICE:
        if (server->requests[3] > 2) break;
        return answer_from(connection, 1000, cut_body);
    case CUT_ALWAYS:
        return answer_from(connection, 1000, cut_body);
    default:
        break;
    }
    return answer_with(connection, MHD_HTTP_OK, server->gateways);
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_len, void **state)
{
    (void)version;
    (void)upload;
    (void)upload_len;
    (void)state;
    struct server *server = context;
    const char *agent = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "User-Agent");
    if (agent == NULL || strncmp(agent, "sluice/", 7) != 0 || strcmp(method, "GET") != 0) {
        server->wrong_client = true;
    }
    if (strcmp(url, "/api/v1/epoch/key-rotation-info") == 0) {
        server->requests[0]++;
        return answer_with(connection, server->fault == ROTATION_404 ? MHD_HTTP_NOT_FOUND : MHD_HTTP_OK, TEST_ROTATION);
    }
    if (strcmp(url, "/api/v1/nym-nodes/rewarded-set") == 0) {
        bool other = server->fault == DISAGREE_ALWAYS || (server->fault == DISAGREE_ONCE && server->requests[1] == 0);
        server->requests[1]++;
        char text[] = TEST_REWARDED_SET;
        if (other) {
            memcpy(strstr(text, "100"), "101", 3);
        }
        return answer_with(connection, MHD_HTTP_OK, text);
    }
    if (strcmp(url, "/api/v2/unstable/nym-nodes/skimmed/mixnodes/active") == 0) {
        server->requests[2]++;
        return answer_mixnodes(server, connection);
    }
    if (strcmp(url, "/api/v2/unstable/nym-nodes/skimmed/entry-gateways") == 0) {
        server->requests[3]++;
        return answer_gateways(server, connection);
    }
    server->wrong_client = true;
    return answer_with(connection, MHD_HTTP_NOT_FOUND, "{}");
}

static void replace(char **text, const char *path, const char *value)
{
    char *edited = test_edit(*text, path, value);
    free(*text);
    *text = edited;
}

static void start(struct server *server, enum fault fault)
{
    memset(server, 0, sizeof *server);
    server->fault = fault;
    server->mixnodes = test_mixnodes();
    server->gateways = test_entry_gateways();
    for (uint32_t i = 0; i < 3; i++) {
        server->page[i] = test_list((const uint32_t[]){i + 1}, 1, false, 3, i);
    }
    if (fault == TOTAL_ZERO) replace(&server->mixnodes, "nodes/pagination/total", "0");
    if (fault == PAGES_DISAGREE) replace(&server->page[1], "metadata/absolute_epoch_id", "101");
    if (fault == PAGED_SHORT) {
        replace(&server->page[0], "nodes/pagination/total", "4");
        replace(&server->page[2], "nodes/data", "[]");
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, server,
                                      MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    assert_non_null(server->daemon);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    (void)snprintf(server->base, sizeof server->base, "http://127.0.0.1:%u/api", info->port);
}

static void stop(struct server *server)
{
    MHD_stop_daemon(server->daemon);
    assert_false(server->wrong_client);
    free(server->mixnodes);
    free(server->gateways);
    for (int i = 0; i < 3; i++) {
        free(server->page[i]);
    }
}

static void expect_requests(const struct server *server, unsigned b, unsigned c, unsigned d, unsigned e)
{
    assert_int_equal(server->requests[0], b);
    assert_int_equal(server->requests[1], c);
    assert_int_equal(server->requests[2], d);
    assert_int_equal(server->requests[3], e);
}

/* A fetch that must give the network of the documents. */
static void expect_network(struct server *server)
{
    struct slc_topology *topology;
    struct slc_rotation_info info;
    struct slc_error error = {.status = SLC_OK};
    if (slc_directory_fetch(server->base, 20000, &topology, &info, &error) != SLC_OK) fail_msg("%s", error.text);
    assert_int_equal(topology->node_count, 5);
    assert_int_equal(slc_topology_gateways(topology, true, NULL, 0), 2);
    assert_int_equal(info.current_epoch, 100);
    slc_topology_release(topology);
}

static void expect_failure(struct server *server, unsigned timeout_ms, enum slc_status wanted, const char *says)
{
    struct slc_topology *topology;
    struct slc_error error = {.status = SLC_OK};
    enum slc_status status = slc_directory_fetch(server->base, timeout_ms, &topology, NULL, &error);
    if (status != wanted || strstr(error.text, says) == NULL) {
        fail_msg("\"%s\": %s; wanted was \"%s\": %s", slc_status_text(status), error.text, slc_status_text(wanted),
                 says);
    }
    assert_null(topology);
    /* Every message starts with what was asked. */
    assert_memory_equal(error.text, "http://127.0.0.1:", 17);
}

static void a_network_is_fetched_with_one_request_for_each_document(void **state)
{
    (void)state;
    struct server server;
    start(&server, NONE);
    expect_network(&server);
    expect_requests(&server, 1, 1, 1, 1);
    strcat(server.base, "//");
    expect_network(&server);
    struct slc_topology *topology;
    assert_int_equal(slc_directory_fetch(server.base, 20000, &topology, NULL, NULL), SLC_OK);
    slc_topology_release(topology);
    expect_requests(&server, 2, 3, 3, 3);
    stop(&server);
}

static void pages_are_asked_for_until_the_total_is_there(void **state)
{
    (void)state;
    struct server server;
    start(&server, PAGED);
    expect_network(&server);
    expect_requests(&server, 1, 1, 3, 1);
    stop(&server);

    start(&server, TOTAL_ZERO);
    expect_network(&server);
    expect_requests(&server, 1, 1, 2, 1); /* one extra request, as the published clients make */
    stop(&server);

    start(&server, PAGED_SHORT);
    expect_failure(&server, 20000, SLC_TOO_SHORT, "?page=2: the pages end after 2 of 4 nodes");
    expect_requests(&server, 0, 1, 3, 0);
    stop(&server);
}

static void a_disagreement_is_followed_by_one_more_attempt(void **state)
{
    (void)state;
    struct server server;
    start(&server, DISAGREE_ONCE);
    expect_network(&server);
    expect_requests(&server, 1, 2, 2, 2);
    stop(&server);

    start(&server, DISAGREE_ALWAYS);
    expect_failure(&server, 20000, SLC_AGAIN, "epoch_id of the rewarded set is 101, of the node lists 100");
    expect_requests(&server, 0, 2, 2, 2);
    stop(&server);

    start(&server, PAGES_DISAGREE);
    expect_failure(&server, 20000, SLC_AGAIN, "absolute_epoch_id differs from the first page's");
    expect_requests(&server, 0, 2, 4, 0);
    stop(&server);
}

static void an_http_status_is_an_error_without_retry(void **state)
{
    (void)state;
    static const struct {
        enum fault fault;
        const char *says;
    } cases[] = {{NOT_FOUND, "entry-gateways?page=0: 404 not found; check the API URL"},
                 {BROKEN, "entry-gateways?page=0: the directory answered 500"},
                 {REDIRECT, "entry-gateways?page=0: the directory answered 302, a redirection"}};
    for (size_t i = 0; i < 3; i++) {
        struct server server;
        start(&server, cases[i].fault);
        expect_failure(&server, 20000, SLC_REFUSED, cases[i].says);
        expect_requests(&server, 0, 1, 1, 1);
        stop(&server);
    }
    struct server server;
    start(&server, ROTATION_404);
    struct slc_topology *topology;
    struct slc_rotation_info info;
    struct slc_error error;
    assert_int_equal(slc_directory_fetch(server.base, 20000, &topology, &info, &error), SLC_REFUSED);
    assert_non_null(strstr(error.text, "/api/v1/epoch/key-rotation-info: 404"));
    expect_requests(&server, 1, 0, 0, 0);
    stop(&server);
}

static void what_is_not_a_directory_is_refused(void **state)
{
    (void)state;
    struct server server;
    start(&server, GARBAGE);
    expect_failure(&server, 20000, SLC_MALFORMED, "entry-gateways?page=0:1:1: a value must start here");
    stop(&server);
    start(&server, EMPTY);
    expect_failure(&server, 20000, SLC_TOO_SHORT, "entry-gateways?page=0: empty");
    stop(&server);
    start(&server, ENDLESS);
    expect_failure(&server, 60000, SLC_TOO_LONG, "entry-gateways?page=0: the answer is longer than");
    expect_requests(&server, 0, 1, 1, 1);
    stop(&server);
}

static void a_broken_connection_is_retried_three_times(void **state)
{
    (void)state;
    struct server server;
    start(&server, CUT_TWICE);
    expect_network(&server);
    expect_requests(&server, 1, 1, 1, 3);
    stop(&server);
    start(&server, CUT_ALWAYS);
    expect_failure(&server, 20000, SLC_IO, "entry-gateways?page=0: ");
    expect_requests(&server, 0, 1, 1, 4);
    stop(&server);
}

static int listen_on_loopback(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return listener;
}

static void silence_ends_at_the_deadline(void **state)
{
    (void)state;
    struct server server;
    start(&server, SLOW); /* in the middle of a body */
    expect_failure(&server, 300, SLC_TIMEOUT, "no answer in time");
    stop(&server);

    uint16_t port; /* connected by the kernel, and never answered */
    int listener = listen_on_loopback(&port);
    memset(&server, 0, sizeof server);
    (void)snprintf(server.base, sizeof server.base, "http://127.0.0.1:%u", port);
    expect_failure(&server, 200, SLC_TIMEOUT, "/v1/nym-nodes/rewarded-set: no answer in time");
    assert_int_equal(close(listener), 0);
    expect_failure(&server, 20000, SLC_IO, "is the directory running there?"); /* and now refused */
}

static void only_plain_web_addresses_are_taken(void **state)
{
    (void)state;
    static const char *const bases[] = {
        "",
        "127.0.0.1:8000",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://",
        "http://a:b@127.0.0.1",
        "http://127.0.0.1/?page=0",
        "http://127.0.0.1/api#top",
        "HTTP//127.0.0.1",
    };
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        struct slc_topology *topology;
        struct slc_error error = {.status = SLC_OK};
        enum slc_status status = slc_directory_fetch(bases[i], 1000, &topology, NULL, &error);
        if (status != SLC_BAD_ARGUMENT) fail_msg("\"%s\": %s (%s)", bases[i], slc_status_text(status), error.text);
        assert_null(topology);
        assert_null(strstr(error.text, "a:b")); /* a password does not go into a message */
    }
    static char much[4096];
    memset(much, 'a', sizeof much - 1);
    memcpy(much, "http://", 7);
    struct slc_topology *topology;
    assert_int_equal(slc_directory_fetch(much, 1000, &topology, NULL, NULL), SLC_TOO_LONG);
}

static int start_curl(void **state)
{
    (void)state;
    slc_directory_start();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_is_fetched_with_one_request_for_each_document),
        cmocka_unit_test(pages_are_asked_for_until_the_total_is_there),
        cmocka_unit_test(a_disagreement_is_followed_by_one_more_attempt),
        cmocka_unit_test(an_http_status_is_an_error_without_retry),
        cmocka_unit_test(what_is_not_a_directory_is_refused),
        cmocka_unit_test(a_broken_connection_is_retried_three_times),
        cmocka_unit_test(silence_ends_at_the_deadline),
        cmocka_unit_test(only_plain_web_addresses_are_taken),
    };
    return cmocka_run_group_tests(tests, start_curl, NULL);
}
