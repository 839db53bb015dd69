/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/engine_world.h"

#include "tools/localnet/http.h"

/* The engine keeps its topology fresh by itself, from the local mixnet's own directory. */

struct directory {
    struct slc_localnet_http *http;
    uint16_t port;
    char url[64];
};

static void open_directory(struct directory *d, struct slc_localnet *net)
{
    struct slc_error error = {0};
    must(slc_localnet_http_start(&d->http, net, d->port, &d->port, &error), &error);
    (void)snprintf(d->url, sizeof d->url, "http://127.0.0.1:%u/api", d->port);
}

static void close_directory(struct directory *d)
{
    slc_localnet_http_stop(d->http);
    d->http = NULL;
}

/* A net with its directory, and an engine that knows no topology but the directories. */
static void make_world_of(struct world *w, const char *const *urls, size_t count, slc_time every, bool knows)
{
    struct slc_error error = {0};
    struct slc_engine_config config;
    slc_directory_start();
    slc_engine_config_default(&config);
    config.runtime.max_connections = 256;
    config.max_clients = 16;
    config.traffic.topology_refresh = every;
    config.nym_apis = urls;
    config.nym_api_count = count;
    must(slc_engine_new(&w->engine, &config, knows ? w->topology : NULL, NULL, &error), &error);
}

static void make_net(struct world *w)
{
    struct slc_error error = {0};
    struct slc_localnet_config net;
    memset(w, 0, sizeof *w);
    slc_localnet_config_default(&net);
    net.runtime.max_connections = 256;
    must(slc_localnet_new(&w->net, &net, &error), &error);
    must(slc_localnet_topology(w->net, &w->topology, &error), &error);
    must(slc_localnet_start(w->net, &error), &error);
}

static uint32_t add_waiting(struct world *w, slc_time patience, const uint8_t *gateway)
{
    struct slc_random random;
    must(slc_random_from_system(&random), NULL);
    struct slc_client_setup setup = {.gateway_wait = patience};
    const struct slc_node *node;
    uint32_t client;
    (void)slc_topology_gateways(w->topology, true, &node, 1);
    slc_client_keys_generate(&setup.keys, &random);
    memcpy(setup.gateway, gateway != NULL ? gateway : node->identity, sizeof setup.gateway);
    must(slc_engine_add(w->engine, &setup, &client), NULL);
    (void)slc_engine_recipient(w->engine, client, &w->recipient[client]);
    return client;
}

static void start(struct world *w)
{
    struct slc_error error = {0};
    must(slc_engine_start(w->engine, &error), &error);
}

static void send_one(struct world *w, uint64_t token)
{
    struct slc_send send = {.client = 0, .token = token, .len = 100, .recipient = w->recipient[0]};
    post(w, &send);
}

static void an_engine_that_knows_no_topology_asks_one_directory_after_the_other(void **state)
{
    (void)state;
    struct world w;
    struct directory d = {0};
    make_net(&w);
    open_directory(&d, w.net);
    const char *const urls[] = {"http://127.0.0.1:1/api", d.url};
    make_world_of(&w, urls, 2, 60 * SLC_SECOND, false);
    (void)add_waiting(&w, 60 * SLC_SECOND, NULL);
    start(&w);
    wait_for(&w, &w.ready, 1, 30);
    assert_int_equal(w.topologies_failed, 1);
    assert_int_equal(w.topologies, 1);
    assert_int_equal(w.lost, 1); /* it said that it waits for its gateway */
    send_one(&w, 1);
    wait_for(&w, &w.acked, 1, 20);
    close_directory(&d);
    end_world(&w);
}

static void too_many_failures_silence_the_clients_until_a_success(void **state)
{
    (void)state;
    struct world w;
    struct directory d = {0};
    make_net(&w);
    open_directory(&d, w.net);
    const char *const urls[] = {d.url};
    make_world_of(&w, urls, 1, 200 * SLC_MILLISECOND, true);
    (void)add_waiting(&w, 0, NULL);
    start(&w);
    wait_for(&w, &w.ready, 1, 20);
    wait_for(&w, &w.topologies, 2, 20);
    close_directory(&d);
    /* Ten change nothing: what was sent by then is acked, whatever comes after it. */
    wait_for(&w, &w.topologies_failed, 9, 30);
    send_one(&w, 1);
    while (w.topologies_failed <= 10 && w.sent == 0) {
        take_for(&w, 5 * SLC_MILLISECOND);
    }
    if (w.topologies_failed <= 10) wait_for(&w, &w.acked, 1, 20);
    wait_for(&w, &w.topologies_failed, 11, 30);
    take_for(&w, 200 * SLC_MILLISECOND);
    size_t expired = w.expired;
    send_one(&w, 2);
    wait_for(&w, &w.expired, expired + 1, 20);
    assert_int_equal(w.expired_status, SLC_NO_ROUTE);
    struct slc_client_counters before, after;
    slc_engine_counters(w.engine, &before);
    take_for(&w, 300 * SLC_MILLISECOND);
    slc_engine_counters(w.engine, &after);
    assert_int_equal(after.cover_sent, before.cover_sent);
    assert_int_equal(slc_engine_ready(w.engine), 1);
    /* Back again: all goes on where it stood. */
    size_t topologies = w.topologies, acked = w.acked;
    open_directory(&d, w.net);
    wait_for(&w, &w.topologies, topologies + 1, 30);
    take_for(&w, 50 * SLC_MILLISECOND);
    send_one(&w, 3);
    wait_for(&w, &w.acked, acked + 1, 20);
    close_directory(&d);
    end_world(&w);
}

static void a_client_whose_gateway_never_comes_is_given_up(void **state)
{
    (void)state;
    struct world w;
    struct directory d = {0};
    uint8_t nobody[SLC_IDENTITY_BYTES] = {7};
    make_net(&w);
    open_directory(&d, w.net);
    const char *const urls[] = {d.url};
    make_world_of(&w, urls, 1, 50 * SLC_MILLISECOND, false);
    w.may_fail = true;
    uint32_t client = add_waiting(&w, 300 * SLC_MILLISECOND, nobody);
    start(&w);
    wait_for(&w, &w.failed, 1, 20);
    struct slc_engine_client what;
    must(slc_engine_look(w.engine, client, &what), NULL);
    assert_int_equal(what.state, SLC_ENGINE_FAILED);
    assert_int_equal(what.status, SLC_NO_ROUTE);
    send_one(&w, 1);
    wait_for(&w, &w.expired, 1, 20);
    must(slc_engine_remove(w.engine, client), NULL);
    wait_for(&w, &w.removed, 1, 20);
    close_directory(&d);
    end_world(&w);
}

static void it_stops_at_once_while_a_directory_does_not_answer(void **state)
{
    (void)state;
    struct world w;
    make_net(&w);
    /* A gateway's socket accepts and says nothing. */
    const struct slc_node *node;
    char url[80], address[SLC_ADDRESS_TEXT_MAX];
    (void)slc_topology_gateways(w.topology, true, &node, 1);
    slc_address_to_text(&node->ws, address);
    (void)snprintf(url, sizeof url, "http://%s/api", address);
    const char *const urls[] = {url};
    make_world_of(&w, urls, 1, 60 * SLC_SECOND, false);
    start(&w);
    take_for(&w, 100 * SLC_MILLISECOND);
    slc_time begin = slc_now();
    end_world(&w);
    assert_in_range(slc_now() - begin, 0, 5 * SLC_SECOND);
}

static void an_engine_needs_a_topology_or_a_directory(void **state)
{
    (void)state;
    struct slc_engine *engine;
    struct slc_engine_config config;
    struct slc_error error = {0};
    slc_engine_config_default(&config);
    assert_int_equal(slc_engine_new(&engine, &config, NULL, NULL, &error), SLC_BAD_ARGUMENT);
    assert_non_null(strstr(error.text, "directory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_that_knows_no_topology_asks_one_directory_after_the_other),
        cmocka_unit_test(too_many_failures_silence_the_clients_until_a_success),
        cmocka_unit_test(a_client_whose_gateway_never_comes_is_given_up),
        cmocka_unit_test(it_stops_at_once_while_a_directory_does_not_answer),
        cmocka_unit_test(an_engine_needs_a_topology_or_a_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
