/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/server.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/gateway/control.h"
#include "net/gateway/handshake.h"
#include "net/gateway/messages.h"
#include "tests/support/vectors.h"

/* The gateway's state machine against scripted clients. Oracle for the handshake: nym-gateway-requests 1.22.2
 * (tests/vectors/gateway.json); for the rest, the reactions that chapter 3 lists. */

enum { NOW = 1700000000, LOG = 8 };

static const cJSON *vectors(const char *path)
{
    return slc_vec(slc_vectors("gateway.json"), path);
}

struct bench {
    struct slc_registry *registry;
    struct slc_identity gateway;
    struct slc_identity client;
    struct slc_random random;
    struct slc_server_config config;
    struct slc_server_session *session;
    char sent[LOG][SLC_SERVER_TEXT_MAX + 1];
    size_t sent_count;
    size_t sent_before_online; /* texts handed out before SLC_SERVER_AUTHENTICATED; 0: not online */
    uint64_t dropped_other;
    bool dropped;
    bool forgotten;
};

static void drain(struct bench *b)
{
    struct slc_server_event event;
    uint8_t text[SLC_SERVER_TEXT_MAX];
    struct slc_writer out = slc_writer(text, sizeof text);
    for (; slc_server_session_next(b->session, &event, &out); out.len = 0) {
        assert_false(b->dropped);
        b->dropped = event.kind == SLC_SERVER_DROP;
        b->forgotten |= event.kind == SLC_SERVER_FORGET;
        if (event.kind == SLC_SERVER_DROP_OTHER) b->dropped_other = event.other;
        if (event.kind == SLC_SERVER_AUTHENTICATED) b->sent_before_online = b->sent_count;
        if (event.kind != SLC_SERVER_SEND) continue;
        assert_true(b->sent_count < LOG);
        memcpy(b->sent[b->sent_count], event.text.data, event.text.len);
        b->sent[b->sent_count++][event.text.len] = 0;
    }
}

static void say_bytes(struct bench *b, struct slc_bytes text)
{
    slc_server_session_text(b->session, text, 0, NOW);
    drain(b);
}

static void say(struct bench *b, const char *text)
{
    say_bytes(b, slc_bytes_of_text(text));
}

static void say_message(struct bench *b, const struct slc_control_message *message)
{
    uint8_t text[4096];
    struct slc_writer w = slc_writer(text, sizeof text);
    slc_control_message_write(message, &w);
    assert_true(slc_writer_ok(&w));
    say_bytes(b, slc_bytes(text, w.len));
}

/* A fresh connection of the same gateway. */
static void reopen(struct bench *b, uint64_t connection)
{
    slc_server_session_init(b->session, &b->config, connection, 0);
    b->sent_count = 0;
    b->sent_before_online = 0;
    b->dropped_other = 0;
    b->dropped = false;
    b->forgotten = false;
}

/* A gateway with the identity of a transcript, that draws the transcript's ephemeral key and nonce first. */
static struct bench *bench_new(const cJSON *t)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    slc_identity_from_seed(&b->gateway, slc_vec_bytes_of(t, "gateway_identity_seed", 32));
    slc_identity_from_seed(&b->client, slc_vec_bytes_of(t, "client_identity_seed", 32));
    b->random.used = SLC_RANDOM_POOL - SLC_KEY_BYTES - SLC_SEAL_NONCE_BYTES;
    struct slc_writer pool = slc_writer(b->random.pool + b->random.used, SLC_KEY_BYTES + SLC_SEAL_NONCE_BYTES);
    slc_write_bytes(&pool, slc_vec_bytes_of(t, "gateway_ephemeral_private", 32), SLC_KEY_BYTES);
    slc_write_bytes(&pool, slc_vec_bytes_of(t, "nonce_message_2", SLC_SEAL_NONCE_BYTES), SLC_SEAL_NONCE_BYTES);
    assert_int_equal(slc_registry_new(&b->registry, 100), SLC_OK);
    b->config = (struct slc_server_config){.identity = &b->gateway, .registry = b->registry, .random = &b->random};
    b->session = calloc(1, slc_server_session_bytes());
    assert_non_null(b->session);
    reopen(b, 1);
    return b;
}

static void bench_free(struct bench *b)
{
    slc_server_session_closed(b->session);
    slc_registry_free(b->registry);
    free(b->session);
    free(b);
}

static struct bench *registered_bench(void)
{
    const cJSON *t = vectors("transcripts/0");
    struct bench *b = bench_new(t);
    say(b, slc_vec_text(t, "wire/0/text"));
    say(b, slc_vec_text(t, "wire/2/text"));
    assert_int_equal(b->sent_before_online, 3);
    b->sent_count = 0;
    return b;
}

static struct slc_registered *entry(struct bench *b)
{
    return slc_registry_find(b->registry, b->client.public_key);
}

static bool is_error(const char *text)
{
    return strncmp(text, "{\"type\":\"error\",\"message\":\"", 27) == 0;
}

static void expect_one_error(struct bench *b, bool dropped)
{
    assert_int_equal(b->sent_count, 1);
    assert_true(is_error(b->sent[0]));
    assert_int_equal(b->dropped, dropped);
    b->sent_count = 0;
}

static void expect_two_errors_and_the_end(struct bench *b, size_t first)
{
    assert_int_equal(b->sent_count, first + 2);
    assert_true(is_error(b->sent[first]));
    assert_string_equal(b->sent[first], b->sent[first + 1]);
    assert_true(b->dropped);
}

static void registrations_are_upstreams_text_for_text(void **state)
{
    (void)state;
    size_t cases = 0;
    const cJSON *t;
    cJSON_ArrayForEach(t, slc_vec_list(vectors("transcripts"), ""))
    {
        struct bench *b = bench_new(t);
        say(b, slc_vec_text(t, "wire/0/text"));
        assert_string_equal(b->sent[0], slc_vec_text(t, "wire/1/text"));
        assert_null(slc_server_session_client(b->session));
        say(b, slc_vec_text(t, "wire/2/text"));
        assert_string_equal(b->sent[1], slc_vec_text(t, "wire/3/text"));
        assert_string_equal(b->sent[2], slc_vec_text(t, "wire/4/text"));
        assert_int_equal(b->sent_before_online, 3); /* `register` before any push: trap T5 */
        assert_ptr_equal(slc_server_session_client(b->session), entry(b));
        slc_vec_expect(t, "shared_key", slc_bytes(entry(b)->key, SLC_SEAL_KEY_BYTES));
        assert_int_equal(slc_server_session_due(b->session), SLC_NEVER);
        bench_free(b);
        cases++;
    }
    assert_int_equal(cases, 3);
}

/* Message 1 of a case: the version stands in its name, the payload is the transcript's or its own. */
static void say_first(struct bench *b, const cJSON *c)
{
    struct slc_control_message m = {.kind = SLC_MESSAGE_REGISTER_INIT, .version = SLC_GATEWAY_VERSION};
    const char *proposed = strstr(slc_vec_text(c, "what"), "proposed ");
    if (proposed != NULL) m.version = (uint8_t)strtoul(proposed + 9, NULL, 10);
    m.data = slc_vec_is(c, "message_1", "as in the transcript") ? slc_vec_bytes(vectors("transcripts/0"), "message_1")
                                                                : slc_vec_bytes(c, "message_1");
    say_message(b, &m);
}

static void clients_good_and_bad_are_met_as_upstream_does(void **state)
{
    (void)state;
    size_t cases = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(vectors("handshake_cases/cases/gateway_side"), ""))
    {
        struct bench *b = bench_new(vectors("transcripts/0"));
        struct slc_control_message m;
        const cJSON *text;
        say_first(b, c);
        cJSON_ArrayForEach(text, slc_vec(c, "client_then_sends"))
        {
            say(b, text->valuestring);
        }
        size_t at = 0;
        const cJSON *sent;
        cJSON_ArrayForEach(sent, slc_vec_list(c, "gateway_sends"))
        {
            struct slc_bytes got = slc_bytes_of_text(b->sent[at++]);
            assert_int_equal(slc_control_message_parse(got, SLC_MESSAGES_HANDSHAKE, &m), SLC_OK);
            if (m.kind == SLC_MESSAGE_HANDSHAKE_ERROR) {
                slc_expect_bytes(m.text, slc_bytes_of_text(slc_vec_text(sent, "handshakeError")), "handshakeError");
            } else {
                assert_int_equal(m.data.len, slc_vec_u64(sent, "payload_bytes"));
                assert_int_equal(m.version, slc_vec_u64(sent, "protocol_version"));
            }
        }
        const cJSON *ok = slc_vec_find(c, "gateway_result/ok");
        if ((b->sent_before_online > 0) != (ok != NULL)) fail_msg("%s", slc_vec_text(c, "what"));
        if (ok != NULL) {
            slc_vec_expect(ok, "shared_key", slc_bytes(entry(b)->key, SLC_SEAL_KEY_BYTES));
        } else {
            assert_null(entry(b));
            expect_two_errors_and_the_end(b, at);
        }
        bench_free(b);
        cases++;
    }
    assert_int_equal(cases, 17);
}

static void the_version_is_told_at_any_time(void **state)
{
    (void)state;
    struct bench *b = registered_bench();
    say(b, "{\"type\":\"supportedProtocol\"}");
    reopen(b, 2);
    say(b, "{\"type\":\"supportedProtocol\"}");
    say(b, "{\"type\":\"supportedProtocol\"}");
    assert_int_equal(b->sent_count, 2);
    assert_string_equal(b->sent[1], "{\"type\":\"supportedProtocol\",\"version\":6}");
    assert_false(b->dropped);
    bench_free(b);
}

/* ---- authentication ---- */

struct login {
    uint8_t version;
    uint64_t timestamp;
    bool other_key;
    bool bad_signature;
    bool stranger;
};

static void authenticate(struct bench *b, struct login login)
{
    struct slc_authentication a = {.version = login.version, .timestamp = login.timestamp, .nonce = {9}};
    struct slc_identity stranger;
    uint8_t key[SLC_SEAL_KEY_BYTES];
    slc_identity_from_seed(&stranger, slc_vec_repeat(0x77, 32).data);
    memcpy(key, slc_vec_bytes_of(vectors("transcripts/0"), "shared_key", 32), sizeof key);
    key[0] ^= login.other_key;
    slc_authentication_make(&a, login.stranger ? &stranger : &b->client, key);
    a.signature[3] ^= login.bad_signature;
    say_message(b, &(struct slc_control_message){.kind = SLC_MESSAGE_AUTHENTICATE_V2,
                                                 .version = a.version,
                                                 .identity = slc_bytes(a.identity, sizeof a.identity),
                                                 .data = slc_bytes(a.ciphertext, sizeof a.ciphertext),
                                                 .nonce = slc_bytes(a.nonce, sizeof a.nonce),
                                                 .timestamp = a.timestamp,
                                                 .signature = slc_bytes(a.signature, sizeof a.signature)});
}

static void an_authentication_is_answered_with_its_version(void **state)
{
    (void)state;
    struct bench *b = registered_bench();
    slc_server_session_closed(b->session);
    for (uint8_t version = 4; version <= 6; version++) {
        char wanted[160];
        (void)snprintf(wanted, sizeof wanted,
                       "{\"type\":\"authenticate\",\"protocol_version\":%u,\"status\":true,"
                       "\"bandwidth_remaining\":68719476736,\"upgrade_mode\":false}",
                       version);
        reopen(b, version);
        authenticate(b, (struct login){.version = version, .timestamp = NOW + version});
        assert_int_equal(b->sent_count, 1);
        assert_string_equal(b->sent[0], wanted);
        assert_int_equal(b->sent_before_online, 1);
        assert_int_equal(entry(b)->connection, version);
        slc_server_session_closed(b->session);
        assert_int_equal(entry(b)->connection, 0);
    }
    bench_free(b);
}

static void a_bad_authentication_ends_the_connection_with_two_errors(void **state)
{
    (void)state;
    static const struct login CASES[] = {
        {.version = 3, .timestamp = NOW},
        {.version = 7, .timestamp = NOW},
        {.version = 6, .timestamp = NOW - 121},
        {.version = 6, .timestamp = NOW + 121},
        {.version = 6, .timestamp = NOW, .bad_signature = true},
        {.version = 6, .timestamp = NOW, .other_key = true},
        {.version = 6, .timestamp = NOW, .stranger = true},
        {.version = 6, .timestamp = NOW - 10}, /* used already */
        {.version = 6, .timestamp = NOW - 11},
    };
    struct bench *b = registered_bench();
    entry(b)->last_timestamp = NOW - 10;
    slc_server_session_closed(b->session);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        reopen(b, 10 + i);
        authenticate(b, CASES[i]);
        expect_two_errors_and_the_end(b, 0);
        assert_null(slc_server_session_client(b->session));
        assert_int_equal(entry(b)->last_timestamp, NOW - 10);
        say(b, "{\"type\":\"supportedProtocol\"}"); /* deaf after the end */
        assert_int_equal(b->sent_count, 2);
    }
    bench_free(b);
}

static void the_newest_login_wins_and_the_older_one_cannot_unhook_it(void **state)
{
    (void)state;
    struct bench *b = registered_bench();
    struct slc_server_session *older = b->session;
    b->session = calloc(1, slc_server_session_bytes());
    assert_non_null(b->session);
    reopen(b, 2);
    authenticate(b, (struct login){.version = 6, .timestamp = NOW});
    assert_int_equal(b->dropped_other, 1);
    assert_int_equal(entry(b)->connection, 2);
    slc_server_session_closed(older);
    assert_int_equal(entry(b)->connection, 2);
    free(older);
    bench_free(b);
}

/* ---- before authentication ---- */

static void anything_else_before_authentication_gets_one_error_and_the_end(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "{\"type\":\"claimFreeTestnetBandwidth\"}",
        "{\"type\":\"authenticate\",\"protocol_version\":4,\"address\":\"a\",\"enc_address\":\"b\",\"iv\":\"c\"}",
        "{\"type\":\"encryptedRequest\",\"ciphertext\":[],\"nonce\":[]}",
        "{\"type\":\"nope\"}",
        "garbage",
        "",
    };
    struct bench *b = bench_new(vectors("transcripts/0"));
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        reopen(b, i + 1);
        say(b, TEXTS[i]);
        expect_one_error(b, true);
    }
    reopen(b, 100);
    slc_server_session_binary_refused(b->session);
    drain(b);
    expect_one_error(b, true);
    bench_free(b);
}

static void a_client_that_says_nothing_is_dropped(void **state)
{
    (void)state;
    struct bench *b = bench_new(vectors("transcripts/0"));
    slc_server_session_tick(b->session, 10 * SLC_SECOND - 1);
    drain(b);
    assert_false(b->dropped);
    slc_server_session_tick(b->session, 10 * SLC_SECOND);
    drain(b);
    expect_one_error(b, true);

    reopen(b, 2);
    say(b, slc_vec_text(vectors("transcripts/0"), "wire/0/text"));
    say(b, "garbage"); /* skipped inside the handshake, and no reason to wait longer */
    assert_int_equal(slc_server_session_due(b->session), 5 * SLC_SECOND);
    slc_server_session_tick(b->session, 5 * SLC_SECOND);
    drain(b);
    assert_int_equal(strncmp(b->sent[1], "{\"type\":\"handshakeError\"", 24), 0);
    expect_two_errors_and_the_end(b, 2);
    bench_free(b);
}

/* ---- after authentication ---- */

static void every_text_gets_one_answer_and_the_connection_stays(void **state)
{
    (void)state;
    static const char *const REFUSED[] = {
        "garbage",
        "{\"type\":\"nope\"}",
        "{\"type\":\"ecashCredential\",\"enc_credential\":[1],\"iv\":[2]}",
        "{\"type\":\"bandwidthCredential\",\"enc_credential\":[1],\"iv\":[2]}",
        "{\"type\":\"upgradeModeJWT\",\"token\":\"x\"}",
        "{\"type\":\"handshakePayload\",\"data\":[1]}",
        "{\"type\":\"encryptedRequest\",\"ciphertext\":[1,2,3],\"nonce\":[1]}",
    };
    struct bench *b = registered_bench();
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++) {
        say(b, REFUSED[i]);
        expect_one_error(b, false);
    }
    say(b, "{\"type\":\"claimFreeTestnetBandwidth\"}");
    assert_string_equal(b->sent[0], "{\"type\":\"bandwidth\",\"available_total\":68719476736,\"upgrade_mode\":false}");
    assert_int_equal(b->sent_count, 1);
    bench_free(b);
}

static void encrypted_requests_are_acknowledged_under_the_key(void **state)
{
    (void)state;
    struct bench *b = registered_bench();
    const uint8_t *key = slc_vec_bytes_of(vectors("transcripts/0"), "shared_key", 32);
    size_t cases = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(vectors("encrypted_control/requests"), ""))
    {
        struct slc_control_message m;
        struct slc_control ack;
        entry(b)->known = true;
        b->forgotten = false;
        say(b, slc_vec_text(c, "text"));
        assert_int_equal(b->sent_count, 1);
        b->sent_count = 0;
        assert_int_equal(slc_control_message_parse(slc_bytes_of_text(b->sent[0]), SLC_MESSAGES_RESPONSE, &m), SLC_OK);
        assert_int_equal(m.kind, SLC_MESSAGE_ENCRYPTED_RESPONSE);
        assert_int_equal(slc_control_open(m.data, m.nonce, key, &ack), SLC_OK);
        bool forget = strstr(slc_vec_text(c, "plaintext"), "ForgetMe") != NULL;
        bool client = strstr(slc_vec_text(c, "plaintext"), "\"client\":true") != NULL;
        assert_int_equal(ack.kind, forget ? SLC_CONTROL_FORGET_ME_ACK : SLC_CONTROL_REMEMBER_ME_ACK);
        assert_int_equal(b->forgotten, client);
        assert_int_equal(entry(b)->known, !client);
        cases++;
    }
    assert_int_equal(cases, 9);
    bench_free(b);
}

static void a_forgotten_client_loses_its_key_with_the_connection(void **state)
{
    (void)state;
    static const uint8_t ZERO[SLC_SEAL_KEY_BYTES];
    struct bench *b = registered_bench();
    say(b, slc_vec_text(vectors("encrypted_control/requests/0"), "text"));
    assert_memory_not_equal(entry(b)->key, ZERO, sizeof ZERO); /* it still serves this connection: trap T26 */
    slc_server_session_closed(b->session);
    assert_memory_equal(entry(b)->key, ZERO, sizeof ZERO);
    assert_int_equal(slc_registry_count(b->registry), 0);
    reopen(b, 2);
    authenticate(b, (struct login){.version = 6, .timestamp = NOW});
    expect_two_errors_and_the_end(b, 0);
    assert_non_null(strstr(b->sent[0], "not registered"));
    bench_free(b);
}

static void charge(struct bench *b, size_t bytes, uint64_t unix_now, enum slc_status wanted, const char *answer)
{
    uint8_t text[256] = {0};
    struct slc_writer out = slc_writer(text, sizeof text - 1);
    assert_int_equal(slc_server_session_charge(b->session, bytes, unix_now, &out), wanted);
    assert_string_equal((char *)text, answer);
}

static void packets_are_charged_by_their_inner_length(void **state)
{
    (void)state;
    struct bench *b = registered_bench();
    charge(b, 2413, NOW, SLC_OK, "{\"type\":\"send\",\"remaining_bandwidth\":68719476736,\"upgrade_mode\":false}");
    slc_server_session_closed(b->session);
    b->config.metered = true;
    reopen(b, 2);
    authenticate(b, (struct login){.version = 6, .timestamp = NOW});
    assert_non_null(strstr(b->sent[0], "\"bandwidth_remaining\":0,"));
    charge(b, 2413, NOW, SLC_OUT_OF_BANDWIDTH,
           "{\"type\":\"typedError\",\"error\":{\"out_of_bandwidth\":{\"required\":2413,\"available\":0}}}");
    say(b, "{\"type\":\"claimFreeTestnetBandwidth\"}");
    charge(b, 2413, NOW, SLC_OK, "{\"type\":\"send\",\"remaining_bandwidth\":68719474323,\"upgrade_mode\":false}");
    say(b, "{\"type\":\"claimFreeTestnetBandwidth\"}");
    assert_int_equal(entry(b)->bandwidth, INT64_C(2) * 68719476736 - 2413);
    entry(b)->bandwidth = 2413;
    charge(b, 2413, NOW, SLC_OK, "{\"type\":\"send\",\"remaining_bandwidth\":0,\"upgrade_mode\":false}");
    entry(b)->bandwidth = INT64_MAX;
    say(b, "{\"type\":\"claimFreeTestnetBandwidth\"}");
    assert_int_equal(entry(b)->bandwidth, INT64_MAX);
    charge(b, 2413, NOW + 86400, SLC_OUT_OF_BANDWIDTH,
           "{\"type\":\"typedError\",\"error\":{\"out_of_bandwidth\":{\"required\":2413,\"available\":0}}}");
    bench_free(b);
}

static void a_new_registration_keeps_balance_and_stamp(void **state)
{
    (void)state;
    struct bench *b = registered_bench();
    entry(b)->bandwidth = 77;
    entry(b)->last_timestamp = NOW;
    slc_server_session_closed(b->session);
    reopen(b, 2);
    memset(entry(b)->key, 0, SLC_SEAL_KEY_BYTES);
    b->random.used = SLC_RANDOM_POOL - SLC_KEY_BYTES - SLC_SEAL_NONCE_BYTES;
    struct bench *again = bench_new(vectors("transcripts/0"));
    b->random = again->random;
    bench_free(again);
    say(b, slc_vec_text(vectors("transcripts/0"), "wire/0/text"));
    say(b, slc_vec_text(vectors("transcripts/0"), "wire/2/text"));
    assert_int_equal(b->sent_before_online, 3);
    slc_vec_expect(vectors("transcripts/0"), "shared_key", slc_bytes(entry(b)->key, SLC_SEAL_KEY_BYTES));
    assert_int_equal(entry(b)->bandwidth, 77);
    assert_int_equal(entry(b)->last_timestamp, NOW);
    bench_free(b);
}

static void answers_that_nobody_takes_end_the_session(void **state)
{
    (void)state;
    struct bench *b = registered_bench();
    for (int i = 0; i < 50; i++) {
        slc_server_session_text(b->session, slc_bytes_of_text("garbage"), 0, NOW);
    }
    drain(b);
    assert_true(b->dropped);
    assert_true(b->sent_count < LOG);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registrations_are_upstreams_text_for_text),
        cmocka_unit_test(clients_good_and_bad_are_met_as_upstream_does),
        cmocka_unit_test(the_version_is_told_at_any_time),
        cmocka_unit_test(an_authentication_is_answered_with_its_version),
        cmocka_unit_test(a_bad_authentication_ends_the_connection_with_two_errors),
        cmocka_unit_test(the_newest_login_wins_and_the_older_one_cannot_unhook_it),
        cmocka_unit_test(anything_else_before_authentication_gets_one_error_and_the_end),
        cmocka_unit_test(a_client_that_says_nothing_is_dropped),
        cmocka_unit_test(every_text_gets_one_answer_and_the_connection_stays),
        cmocka_unit_test(encrypted_requests_are_acknowledged_under_the_key),
        cmocka_unit_test(a_forgotten_client_loses_its_key_with_the_connection),
        cmocka_unit_test(packets_are_charged_by_their_inner_length),
        cmocka_unit_test(a_new_registration_keeps_balance_and_stamp),
        cmocka_unit_test(answers_that_nobody_takes_end_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
