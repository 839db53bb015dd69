/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/api/api_world.h"
#include "tests/support/certificate.h"

#include <cjson/cJSON.h>
#include <poll.h>

/* What the public API promises of messages, windows and ends, over real threads, sockets and packets. */

static void messages_arrive_and_are_told_with_their_tokens(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1602, 1603, 100000};
    struct world w;
    uint8_t *bytes = pattern(100000);
    make_net(&w, 0);
    open_engine(&w, NULL, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    for (size_t i = 0; i < 5; i++) {
        struct slc_send_options options = {.size = sizeof options, .token = 10 + i, .lane = i};
        good(slc_send(w.client[0], &w.recipient[1], bytes, sizes[i], &options), NULL);
    }
    await(&w, SLC_EVENT_ACKED, 5, 60);
    await(&w, SLC_EVENT_MESSAGE, 5, 60);
    assert_int_equal(w.count[SLC_EVENT_SENT], 5);
    assert_int_equal(w.token_sum, 10 + 11 + 12 + 13 + 14);
    assert_int_equal(w.bytes, 0 + 1 + 1602 + 1603 + 100000);
    struct slc_statistics did = {.size = sizeof did};
    good(slc_stats(w.engine, &did), NULL);
    assert_int_equal(did.clients, 2);
    assert_int_equal(did.clients_ready, 2);
    assert_int_equal(did.messages_acked, 5);
    assert_int_equal(did.messages_delivered, 5);
    assert_int_equal(did.events_lost, 0);
    good(slc_close(w.engine, NULL), NULL);
    free(bytes);
    end_net(&w);
}

/* TLS before each of the (two) gateways, told in the topology file. */
static void put_tls_before_gateways(const struct world *w, const char *certificate, const char *key,
                                    struct tls_front *front[2])
{
    char text[1 << 16];
    size_t fronts = 0;
    FILE *file = fopen(w->topology_file, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    assert_int_equal(fclose(file), 0);
    cJSON *root = cJSON_Parse(text), *node;
    cJSON_ArrayForEach(node, cJSON_GetObjectItem(root, "node_details"))
    {
        cJSON *entry = cJSON_GetObjectItem(node, "entry");
        if (!cJSON_IsObject(entry)) continue;
        struct slc_address behind = {.version = 4, .ip = {127, 0, 0, 1}};
        uint16_t port;
        assert_in_range(fronts, 0, 1);
        behind.port = (uint16_t)cJSON_GetObjectItem(entry, "clients_ws_port")->valuedouble;
        front[fronts++] = tls_front_start(certificate, key, &behind, &port);
        cJSON_DeleteItemFromObject(entry, "hostname");
        cJSON_DeleteItemFromObject(entry, "clients_wss_port");
        assert_non_null(cJSON_AddStringToObject(entry, "hostname", "gateway.test"));
        assert_non_null(cJSON_AddNumberToObject(entry, "clients_wss_port", port));
    }
    assert_int_equal(fronts, 2);
    char *out = cJSON_PrintUnformatted(root);
    file = fopen(w->topology_file, "w");
    assert_true(out != NULL && file != NULL && fputs(out, file) >= 0);
    assert_int_equal(fclose(file), 0);
    cJSON_free(out);
    cJSON_Delete(root);
}

static void messages_cross_by_tls(void **state)
{
    (void)state;
    char folder[] = "/tmp/sluice-api-tls-XXXXXX", certificate[64], key[64];
    struct world w;
    struct tls_front *front[2];
    uint8_t *bytes = pattern(20000);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
    (void)snprintf(key, sizeof key, "%s/key.pem", folder);
    certificate_make(certificate, key, "DNS:gateway.test");
    make_net(&w, 0);
    put_tls_before_gateways(&w, certificate, key, front);
    struct slc_open_options options = options_of(&w);
    options.tls = true;
    options.ca_file = certificate;
    open_engine(&w, &options, 4);
    await(&w, SLC_EVENT_READY, 4, 20);
    for (unsigned i = 0; i < 4; i++) {
        good(slc_send(w.client[i], &w.recipient[3 - i], bytes, 20000, NULL), NULL);
    }
    await(&w, SLC_EVENT_ACKED, 4, 60);
    await(&w, SLC_EVENT_MESSAGE, 4, 60);
    assert_int_equal(w.bytes, 4 * 20000);
    assert_int_equal(w.count[SLC_EVENT_LOST], 0);
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
    tls_front_stop(front[0]);
    tls_front_stop(front[1]);
    assert_int_equal(remove(certificate) | remove(key) | rmdir(folder), 0);
    free(bytes);
}

static void a_tag_is_answered_through_surbs(void **state)
{
    (void)state;
    struct world w;
    uint8_t *bytes = pattern(20000);
    make_net(&w, 0);
    open_engine(&w, NULL, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    struct slc_send_options with_surbs = {.size = sizeof with_surbs, .surbs = 15};
    good(slc_send(w.client[0], &w.recipient[1], bytes, 10, &with_surbs), NULL);
    await(&w, SLC_EVENT_MESSAGE, 1, 20);
    assert_true(w.has_tag);
    /* More packets than SURBs: the engine asks for the rest. */
    good(slc_reply(w.client[1], w.tag, bytes, 20000, NULL), NULL);
    await(&w, SLC_EVENT_MESSAGE, 2, 40);
    assert_int_equal(w.bytes, 20010);
    struct slc_statistics did = {.size = sizeof did};
    good(slc_stats(w.engine, &did), NULL);
    assert_true(did.surb_requests_sent > 0);
    good(slc_close(w.engine, NULL), NULL);
    free(bytes);
    end_net(&w);
}

static void a_reply_to_a_tag_that_nobody_sent_is_undelivered(void **state)
{
    (void)state;
    static const uint8_t nobody[SLC_TAG_BYTES] = {1, 2, 3};
    struct world w;
    make_net(&w, 0);
    open_engine(&w, NULL, 1);
    await(&w, SLC_EVENT_READY, 1, 20);
    good(slc_reply(w.client[0], nobody, "x", 1, NULL), NULL);
    await(&w, SLC_EVENT_UNDELIVERED, 1, 20);
    assert_int_equal(w.undelivered_status, SLC_NOT_FOUND);
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

static void a_polled_message_is_a_view_until_it_is_released(void **state)
{
    (void)state;
    struct world w;
    struct slc_event events[16];
    uint8_t *bytes = pattern(3000);
    make_net(&w, 0);
    open_engine(&w, NULL, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    good(slc_send(w.client[0], &w.recipient[1], bytes, 3000, NULL), NULL);
    const struct slc_event *message = NULL;
    for (uint64_t end = now_ms() + 20000; message == NULL && now_ms() < end;) {
        size_t n;
        good(slc_poll(w.engine, events, 16, &n), NULL);
        for (size_t i = 0; i < n; i++) {
            if (events[i].kind == SLC_EVENT_MESSAGE) message = &events[i];
        }
        if (n == 0) good(slc_wait(w.engine, 50), NULL);
    }
    assert_non_null(message);
    assert_int_equal(message->client.value, w.client[1].value);
    assert_ptr_equal(message->user, &w.client[1]);
    assert_int_equal(message->len, 3000);
    assert_memory_equal(message->data, bytes, 3000);
    good(slc_release(w.engine, message, 1), NULL);
    assert_int_equal(slc_release(w.engine, message, 1), SLC_BAD_HANDLE);
    good(slc_close(w.engine, NULL), NULL);
    free(bytes);
    end_net(&w);
}

static void a_full_window_says_again_and_then_room(void **state)
{
    (void)state;
    struct world w;
    make_net(&w, 0);
    struct slc_open_options options = options_of(&w);
    options.window_messages = 4;
    open_engine(&w, &options, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    for (unsigned i = 0; i < 4; i++) {
        good(slc_send(w.client[0], &w.recipient[1], NULL, 0, NULL), NULL);
    }
    assert_int_equal(slc_send(w.client[0], &w.recipient[1], NULL, 0, NULL), SLC_AGAIN);
    /* One client's window is not another's. */
    good(slc_send(w.client[1], &w.recipient[0], NULL, 0, NULL), NULL);
    struct slc_client_info info = {.size = sizeof info};
    good(slc_info(w.client[0], &info), NULL);
    assert_int_equal(info.unacked_messages, 4);
    await(&w, SLC_EVENT_ROOM, 1, 20);
    assert_true(w.count[SLC_EVENT_ACKED] >= 2);
    good(slc_send(w.client[0], &w.recipient[1], NULL, 0, NULL), NULL);
    await(&w, SLC_EVENT_ACKED, 6, 20);
    assert_int_equal(w.count[SLC_EVENT_ROOM], 1);
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

static void bytes_count_against_the_window_too(void **state)
{
    (void)state;
    struct world w;
    uint8_t *bytes = pattern(5000);
    make_net(&w, 0);
    struct slc_open_options options = options_of(&w);
    options.window_bytes = 4000;
    open_engine(&w, &options, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    good(slc_send(w.client[0], &w.recipient[1], bytes, 5000, NULL), NULL);
    assert_int_equal(slc_send(w.client[0], &w.recipient[1], bytes, 1, NULL), SLC_AGAIN);
    await(&w, SLC_EVENT_ROOM, 1, 20);
    good(slc_send(w.client[0], &w.recipient[1], bytes, 1, NULL), NULL);
    good(slc_close(w.engine, NULL), NULL);
    free(bytes);
    end_net(&w);
}

static void the_descriptor_is_readable_while_there_is_something(void **state)
{
    (void)state;
    struct world w;
    struct pollfd p = {.events = POLLIN};
    size_t n;
    make_net(&w, 0);
    open_engine(&w, NULL, 2);
    good(slc_fd(w.engine, &p.fd), NULL);
    await(&w, SLC_EVENT_READY, 2, 20);
    /* It may be readable without need, but not all the time. */
    int readable = 1;
    for (unsigned tries = 0; tries < 20 && readable == 1; tries++) {
        do {
            good(slc_dispatch(w.engine, take, &w, 0, &n), NULL);
        } while (n > 0);
        readable = poll(&p, 1, 100);
    }
    assert_int_equal(readable, 0);
    good(slc_wake(w.engine), NULL);
    assert_int_equal(poll(&p, 1, 0), 1);
    good(slc_dispatch(w.engine, take, &w, 0, &n), NULL);
    good(slc_send(w.client[0], &w.recipient[1], "", 0, NULL), NULL);
    for (uint64_t end = now_ms() + 20000; w.count[SLC_EVENT_MESSAGE] == 0 && now_ms() < end;) {
        assert_int_equal(poll(&p, 1, 20000), 1);
        /* One by one: what is left keeps it readable. */
        good(slc_dispatch(w.engine, take, &w, 1, &n), NULL);
    }
    assert_int_equal(w.count[SLC_EVENT_MESSAGE], 1);
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

static void finishing_waits_for_acks(void **state)
{
    (void)state;
    struct world w;
    struct slc_close_report left = {.size = sizeof left, .unacked = 77};
    make_net(&w, 0);
    open_engine(&w, NULL, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    for (unsigned i = 0; i < 20; i++) {
        good(slc_send(w.client[i % 2], &w.recipient[1 - i % 2], "", 0, NULL), NULL);
    }
    good(slc_finish(w.engine, 20000), NULL);
    good(slc_finish(w.engine, 1), NULL);
    assert_int_equal(slc_send(w.client[0], &w.recipient[1], "", 0, NULL), SLC_CLOSED);
    assert_int_equal(slc_add(w.engine, NULL, &w.client[2], NULL), SLC_CLOSED);
    await(&w, SLC_EVENT_FINISHED, 1, 30);
    assert_int_equal(w.count[SLC_EVENT_ACKED], 20);
    assert_int_equal(w.count[SLC_EVENT_UNDELIVERED], 0);
    good(slc_close(w.engine, &left), NULL);
    assert_int_equal(left.unacked, 0);
    assert_int_equal(left.unread, 0);
    assert_int_equal(left.unreleased, 0);
    end_net(&w);
}

static void what_is_not_acked_in_time_is_told_at_the_end(void **state)
{
    (void)state;
    struct world w;
    struct slc_close_report left = {.size = sizeof left};
    make_net(&w, 1); /* everything is lost */
    open_engine(&w, NULL, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    for (unsigned i = 0; i < 5; i++) {
        good(slc_send(w.client[0], &w.recipient[1], "", 0, NULL), NULL);
    }
    await(&w, SLC_EVENT_SENT, 5, 20);
    good(slc_finish(w.engine, 100), NULL);
    await(&w, SLC_EVENT_FINISHED, 1, 30);
    assert_int_equal(w.count[SLC_EVENT_ACKED], 0);
    assert_int_equal(w.count[SLC_EVENT_UNDELIVERED], 5);
    assert_int_equal(w.undelivered_status, SLC_CLOSED);
    good(slc_close(w.engine, &left), NULL);
    assert_int_equal(left.unacked, 0);
    end_net(&w);
}

static void closing_at_once_counts_what_is_left(void **state)
{
    (void)state;
    struct world w;
    struct slc_close_report left = {.size = sizeof left};
    make_net(&w, 1);
    open_engine(&w, NULL, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    for (unsigned i = 0; i < 7; i++) {
        good(slc_send(w.client[0], &w.recipient[1], "", 0, NULL), NULL);
    }
    await(&w, SLC_EVENT_SENT, 7, 20);
    good(slc_close(w.engine, &left), NULL);
    assert_int_equal(left.unacked, 7);
    end_net(&w);
}

static void a_message_without_retransmission_is_given_up(void **state)
{
    (void)state;
    struct world w;
    make_net(&w, 1);
    open_engine(&w, NULL, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    struct slc_send_options once = {.size = sizeof once, .retransmit = SLC_RETRANSMIT_NEVER, .token = 5};
    good(slc_send(w.client[0], &w.recipient[1], "", 0, &once), NULL);
    await(&w, SLC_EVENT_UNDELIVERED, 1, 20);
    assert_int_not_equal(w.undelivered_status, SLC_OK);
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

static void clients_come_and_go(void **state)
{
    (void)state;
    struct world w;
    struct slc_error error = {0};
    make_net(&w, 0);
    open_engine(&w, NULL, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    good(slc_remove(w.client[1]), NULL);
    assert_int_equal(slc_remove(w.client[1]), SLC_BAD_HANDLE);
    assert_int_equal(slc_send(w.client[1], &w.recipient[0], "", 0, NULL), SLC_BAD_HANDLE);
    for (unsigned i = 0; i < 20; i++) {
        struct slc_client_id passing;
        enum slc_status status = slc_add(w.engine, NULL, &passing, &error);
        good(status, &error);
        assert_int_not_equal(passing.value, w.client[1].value);
        size_t before = w.count[SLC_EVENT_READY];
        await(&w, SLC_EVENT_READY, before + 1, 20);
        good(slc_send(passing, &w.recipient[0], "", 0, NULL), NULL);
        await(&w, SLC_EVENT_ACKED, i + 1, 20);
        good(slc_remove(passing), NULL);
        struct slc_statistics did = {.size = sizeof did, .clients = 9};
        for (uint64_t end = now_ms() + 10000; did.clients != 1 && now_ms() < end;) {
            size_t n;
            good(slc_dispatch(w.engine, take, &w, 0, &n), NULL);
            good(slc_stats(w.engine, &did), NULL);
            if (n == 0) good(slc_wait(w.engine, 20), NULL);
        }
        assert_int_equal(did.clients, 1);
    }
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_and_are_told_with_their_tokens),
        cmocka_unit_test(messages_cross_by_tls),
        cmocka_unit_test(a_tag_is_answered_through_surbs),
        cmocka_unit_test(a_reply_to_a_tag_that_nobody_sent_is_undelivered),
        cmocka_unit_test(a_polled_message_is_a_view_until_it_is_released),
        cmocka_unit_test(a_full_window_says_again_and_then_room),
        cmocka_unit_test(bytes_count_against_the_window_too),
        cmocka_unit_test(the_descriptor_is_readable_while_there_is_something),
        cmocka_unit_test(finishing_waits_for_acks),
        cmocka_unit_test(what_is_not_acked_in_time_is_told_at_the_end),
        cmocka_unit_test(closing_at_once_counts_what_is_left),
        cmocka_unit_test(a_message_without_retransmission_is_given_up),
        cmocka_unit_test(clients_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
