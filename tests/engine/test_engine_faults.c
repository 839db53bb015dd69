/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/engine_world.h"
#include "tests/support/certificate.h"

#include <stdlib.h>
#include <unistd.h>

/* Gateways that are reached by TLS, at their second address, or not as they should be. */

static char folder[] = "/tmp/sluice-faults-XXXXXX";
static char certificate[64], key[64], stranger[64], stranger_key[64];

static int make_certificates(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) return -1;
    (void)snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
    (void)snprintf(key, sizeof key, "%s/key.pem", folder);
    (void)snprintf(stranger, sizeof stranger, "%s/stranger.pem", folder);
    (void)snprintf(stranger_key, sizeof stranger_key, "%s/stranger-key.pem", folder);
    certificate_make(certificate, key, "DNS:gateway.test");
    certificate_make(stranger, stranger_key, "DNS:gateway.test");
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    return remove(certificate) | remove(key) | remove(stranger) | remove(stranger_key) | rmdir(folder);
}

/* The i-th gateway of the world's snapshot, which nobody uses yet. */
static struct slc_node *gateway_of(const struct world *w, unsigned i)
{
    const struct slc_node *nodes[8] = {0};
    assert_true(slc_topology_gateways(w->topology, true, nodes, 8) > i);
    return &w->topology->nodes[nodes[i] - w->topology->nodes];
}

static void make_net(struct world *w)
{
    struct slc_error error = {0};
    struct slc_localnet_config net;
    memset(w, 0, sizeof *w);
    w->may_fail = true;
    slc_localnet_config_default(&net);
    net.runtime.max_connections = 256;
    must(slc_localnet_new(&w->net, &net, &error), &error);
    must(slc_localnet_topology(w->net, &w->topology, &error), &error);
    must(slc_localnet_start(w->net, &error), &error);
}

static void make_engine(struct world *w, uint32_t clients, bool tls, const char *ca_file)
{
    struct slc_error error = {0};
    struct slc_engine_config config;
    slc_engine_config_default(&config);
    config.runtime.max_connections = 64;
    config.max_clients = clients;
    config.tls = tls;
    config.ca_file = ca_file;
    must(slc_engine_new(&w->engine, &config, w->topology, NULL, &error), &error);
    for (uint32_t i = 0; i < clients; i++) {
        must(slc_engine_recipient(w->engine, add_client(w, i), &w->recipient[i]), NULL);
    }
    must(slc_engine_start(w->engine, &error), &error);
}

static struct slc_engine_client look(const struct world *w, uint32_t client)
{
    struct slc_engine_client what;
    must(slc_engine_look(w->engine, client, &what), NULL);
    return what;
}

static void cross(struct world *w, uint32_t clients, size_t len)
{
    for (uint32_t i = 0; i < clients; i++) {
        struct slc_send send = {.client = i, .token = i, .len = len, .recipient = w->recipient[(i + 1) % clients]};
        post(w, &send);
    }
    wait_for(w, &w->acked, w->acked + clients, 60);
}

static struct tls_front *put_tls_before(struct slc_node *gateway)
{
    struct tls_front *front = tls_front_start(certificate, key, &gateway->ws, &gateway->wss_port);
    (void)snprintf(gateway->hostname, sizeof gateway->hostname, "gateway.test");
    return front;
}

static void messages_cross_by_tls(void **state)
{
    (void)state;
    struct world w;
    make_net(&w);
    struct tls_front *front[2] = {put_tls_before(gateway_of(&w, 0)), put_tls_before(gateway_of(&w, 1))};
    make_engine(&w, 4, true, certificate);
    wait_for(&w, &w.ready, 4, 30);
    cross(&w, 4, 20000);
    assert_int_equal(w.delivered, 4);
    /* And again after the lines were cut. */
    must(slc_localnet_cut(w.net, SLC_ALL_NODES), NULL);
    wait_for(&w, &w.ready, 8, 30);
    cross(&w, 4, 5000);
    assert_int_equal(w.lost, 4);
    assert_int_equal(w.failed, 0);
    end_world(&w);
    tls_front_stop(front[0]);
    tls_front_stop(front[1]);
}

static void a_certificate_nobody_vouches_for_is_told_in_words(void **state)
{
    (void)state;
    struct world w;
    make_net(&w);
    struct tls_front *front = put_tls_before(gateway_of(&w, 0));
    make_engine(&w, 1, true, stranger);
    wait_for(&w, &w.lost, 2, 30);
    struct slc_engine_client what = look(&w, 0);
    assert_int_equal(what.state, SLC_ENGINE_CONNECTING);
    assert_int_equal(what.status, SLC_UNTRUSTED);
    assert_non_null(strstr(what.text, "TLS certificate not trusted"));
    assert_non_null(strstr(what.text, "self-signed"));
    end_world(&w);
    tls_front_stop(front);
}

static void nobody_who_listens_is_told_in_words(void **state)
{
    (void)state;
    struct world w;
    make_net(&w);
    gateway_of(&w, 0)->ws.port = 1;
    make_engine(&w, 1, false, NULL);
    wait_for(&w, &w.lost, 1, 30);
    assert_int_equal(look(&w, 0).status, SLC_REFUSED);
    assert_non_null(strstr(look(&w, 0).text, "nobody listens"));
    end_world(&w);
}

static void the_second_address_is_tried_when_the_first_fails(void **state)
{
    (void)state;
    struct world w;
    make_net(&w);
    for (unsigned i = 0; i < 2; i++) {
        struct slc_node *gateway = gateway_of(&w, i);
        gateway->ws_other = gateway->ws;
        gateway->ws.port = 1;
    }
    make_engine(&w, 2, false, NULL);
    wait_for(&w, &w.ready, 2, 30);
    cross(&w, 2, 3000);
    assert_int_equal(w.lost, 0);
    end_world(&w);
}

static void clients_of_a_gateway_that_forgot_them_register_anew(void **state)
{
    (void)state;
    struct world w;
    make_net(&w);
    make_engine(&w, 4, false, NULL);
    wait_for(&w, &w.ready, 4, 30);
    must(slc_localnet_forget(w.net, SLC_ALL_NODES), NULL);
    must(slc_localnet_cut(w.net, SLC_ALL_NODES), NULL);
    wait_for(&w, &w.ready, 8, 60);
    cross(&w, 4, 3000);
    assert_int_equal(w.failed, 0);
    end_world(&w);
}

static void another_gateway_at_the_address_is_never_registered_with(void **state)
{
    (void)state;
    struct world w;
    make_net(&w);
    gateway_of(&w, 0)->ws = gateway_of(&w, 1)->ws;
    make_engine(&w, 1, false, NULL);
    wait_for(&w, &w.failed, 1, 30);
    assert_int_equal(look(&w, 0).state, SLC_ENGINE_FAILED);
    assert_int_equal(look(&w, 0).status, SLC_BAD_SIGNATURE);
    assert_int_equal(w.ready, 0);
    end_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_cross_by_tls),
        cmocka_unit_test(a_certificate_nobody_vouches_for_is_told_in_words),
        cmocka_unit_test(nobody_who_listens_is_told_in_words),
        cmocka_unit_test(the_second_address_is_tried_when_the_first_fails),
        cmocka_unit_test(clients_of_a_gateway_that_forgot_them_register_anew),
        cmocka_unit_test(another_gateway_at_the_address_is_never_registered_with),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
