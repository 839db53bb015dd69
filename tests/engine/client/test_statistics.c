/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet.h"

#include <cjson/cJSON.h>
#include <sodium.h>

#include "engine/client/client_internal.h"
#include "tests/support/vectors.h"

/* Reports to a statistics provider, as chapter 4, section 9 lists them. */

enum { PROVIDER = 1, CLIENTS = 2 };

/* Two clients, the second of which is the provider for both. */
static struct mininet *reporting_net(struct slc_traffic *traffic)
{
    struct mininet *before = mininet_new(50, CLIENTS, traffic, 256);
    slc_clients_recipient(before->clients, PROVIDER, &traffic->stats_provider);
    mininet_free(before);
    traffic->has_stats_provider = true;
    traffic->stats_interval = 60 * SLC_SECOND;
    return mininet_new(50, CLIENTS, traffic, 256);
}

static cJSON *report_of(const struct mininet_delivery *d)
{
    cJSON *json = cJSON_ParseWithLength((const char *)d->data, d->len);
    assert_non_null(json);
    return json;
}

static uint64_t number(const cJSON *json, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, name);
    if (!cJSON_IsNumber(value)) fail_msg("%s is missing", name);
    return (uint64_t)value->valuedouble;
}

static void expect_text(const cJSON *json, const char *name, const char *text)
{
    const char *is = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
    assert_non_null(is);
    assert_string_equal(is, text);
}

static void a_report_comes_when_ready_and_then_each_interval(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    struct mininet *net = reporting_net(&traffic);
    mininet_ready(net);
    mininet_run(net, 5 * SLC_SECOND);
    /* From each client, to the one. */
    assert_int_equal(net->delivery_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        struct mininet_delivery *d = mininet_next(net);
        assert_int_equal(d->index, PROVIDER);
        assert_false(d->has_tag);
        mininet_forget(d);
    }
    mininet_run(net, 50 * SLC_SECOND);
    assert_int_equal(net->delivery_count, 2);
    mininet_run(net, 17 * SLC_SECOND);
    assert_int_equal(net->delivery_count, 4);
    assert_int_equal(slc_clients_counters(net->clients)->statistics_sent, 4);
    /* The application is not told of them. */
    assert_int_equal(net->client[0].sent + net->client[0].acked, 0);
    mininet_free(net);
}

static void a_report_says_what_the_chapter_lists(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    struct mininet *net = reporting_net(&traffic);
    mininet_ready(net);
    mininet_run(net, 5 * SLC_SECOND);
    struct mininet_delivery *d = mininet_next(net);
    cJSON *json = report_of(d);
    expect_text(json, "kind", "client_stats_report");
    expect_text(json, "api_version", "v1");
    expect_text(json, "last_update_time", "2023-11-14 22:13:00.0 +00:00:00");
    expect_text(json, "client_type", "sluice");
    assert_true(cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(json, "os_information")));
    const cJSON *gateway = cJSON_GetObjectItemCaseSensitive(json, "gateway_conn_stats");
    assert_true(cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(gateway, "failures")));
    assert_true(cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(json, "nym_api_stats")));
    assert_int_equal(number(cJSON_GetObjectItemCaseSensitive(json, "connection_stats"), "vpn_exit_spent"), 0);
    /* The hash of one of the two identities. */
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "client_id"));
    unsigned matches = 0;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct slc_recipient recipient;
        char text[64 + SLC_BASE58_MAX] = "client_stats_id", hex[65];
        uint8_t hash[32];
        slc_clients_recipient(net->clients, i, &recipient);
        assert_int_equal(slc_base58_encode(text + 15, SLC_BASE58_MAX, slc_bytes(recipient.identity, 32)), SLC_OK);
        (void)crypto_hash_sha256(hash, (const uint8_t *)text, strlen(text));
        matches += strcmp(id, sodium_bin2hex(hex, sizeof hex, hash, 32)) == 0;
    }
    assert_int_equal(matches, 1);
    cJSON_Delete(json);
    mininet_forget(d);
    mininet_free(net);
}

static void reports_of_all_clients_add_up_to_the_counters(void **state)
{
    (void)state;
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    struct mininet *net = reporting_net(&traffic);
    mininet_ready(net);
    net->loss = 0.03;
    uint8_t data[5000] = {1};
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(mininet_send(net, i % 2, (i + 1) % 2, i, data, sizeof data, true, 5), SLC_OK);
    }
    mininet_run(net, 30 * SLC_SECOND);
    uint64_t sums[6] = {0};
    static const char *const NAMES[] = {"real_packets_sent",      "cover_packets_sent_size",  "cover_packets_received",
                                        "real_packets_sent_size", "total_acks_received_size", "retransmissions_queued"};
    for (uint32_t i = 0; i < CLIENTS; i++) {
        char text[4096];
        size_t len = slc_statistics_write(net->clients, &net->clients->clients[i], net->now, text, sizeof text);
        assert_true(len > 0);
        cJSON *json = cJSON_ParseWithLength(text, len);
        const cJSON *packets = cJSON_GetObjectItemCaseSensitive(json, "packet_stats");
        for (unsigned n = 0; n < 6; n++) {
            sums[n] += number(packets, NAMES[n]);
        }
        assert_int_equal(slc_statistics_write(net->clients, &net->clients->clients[i], net->now, text, len), 0);
        cJSON_Delete(json);
    }
    const struct slc_client_counters *n = slc_clients_counters(net->clients);
    assert_true(n->retransmitted > 0);
    assert_true(sums[0] == n->real_sent + n->retransmitted + n->surb_packets_sent);
    assert_true(sums[1] == n->cover_sent * SLC_REGULAR_PACKET_BYTES);
    assert_true(sums[2] == n->cover_received);
    assert_true(sums[3] == sums[0] * SLC_REGULAR_PACKET_BYTES);
    assert_true(sums[4] == 21 * (n->acks_received + n->unknown_acks + n->cover_acks_received));
    assert_true(sums[5] == n->retransmitted);
    mininet_free(net);
}

static void without_a_provider_or_switched_off_nobody_reports(void **state)
{
    (void)state;
    for (unsigned off = 0; off < 2; off++) {
        struct slc_traffic traffic;
        slc_traffic_default(&traffic);
        struct mininet *net = reporting_net(&traffic);
        if (off == 0) traffic.stats_enabled = false;
        if (off == 1) traffic.has_stats_provider = false;
        mininet_free(net);
        net = mininet_new(50, CLIENTS, &traffic, 256);
        mininet_ready(net);
        mininet_run(net, 130 * SLC_SECOND);
        assert_int_equal(net->delivery_count, 0);
        assert_int_equal(slc_clients_counters(net->clients)->statistics_sent, 0);
        mininet_free(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_comes_when_ready_and_then_each_interval),
        cmocka_unit_test(a_report_says_what_the_chapter_lists),
        cmocka_unit_test(reports_of_all_clients_add_up_to_the_counters),
        cmocka_unit_test(without_a_provider_or_switched_off_nobody_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
