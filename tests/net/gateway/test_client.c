/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/client.h"

#include <stdlib.h>

#include "net/gateway/handshake.h"
#include "net/gateway/messages.h"
#include "tests/support/vectors.h"

/* The client's state machine against recorded gateways. Oracle: what nym-gateway-requests 1.22.2 sent and concluded in
 * the same place (tests/vectors/gateway.json, transcripts and handshake_cases). */

static const cJSON *vectors(const char *path)
{
    return slc_vec(slc_vectors("gateway.json"), path);
}

struct bench {
    struct slc_gateway_client *client;
    struct slc_client_keys keys;
    struct slc_random random;
    char sent[8][SLC_GATEWAY_TEXT_MAX + 1];
    size_t sent_count;
    bool registered;
    bool over;
    enum slc_status error;
};

/* A client with the identity of a transcript, that draws the transcript's ephemeral key, salt and nonce. */
static struct bench *bench_new(const cJSON *t)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    slc_identity_from_seed(&b->keys.identity, slc_vec_bytes_of(t, "client_identity_seed", 32));
    struct slc_writer pool =
        slc_writer(b->random.pool, SLC_KEY_BYTES + SLC_HANDSHAKE_SALT_BYTES + SLC_SEAL_NONCE_BYTES);
    slc_write_bytes(&pool, slc_vec_bytes_of(t, "client_ephemeral_private", 32), SLC_KEY_BYTES);
    slc_write_bytes(&pool, slc_vec_bytes_of(t, "salt", SLC_HANDSHAKE_SALT_BYTES), SLC_HANDSHAKE_SALT_BYTES);
    slc_write_bytes(&pool, slc_vec_bytes_of(t, "nonce_message_3", SLC_SEAL_NONCE_BYTES), SLC_SEAL_NONCE_BYTES);
    memmove(b->random.pool + SLC_RANDOM_POOL - pool.len, b->random.pool, pool.len);
    b->random.used = SLC_RANDOM_POOL - pool.len;

    struct slc_gateway_client_config config = {.keys = &b->keys, .random = &b->random};
    memcpy(config.gateway, slc_vec_bytes_of(t, "gateway_identity_public", 32), SLC_IDENTITY_BYTES);
    b->client = calloc(1, slc_gateway_client_bytes());
    assert_non_null(b->client);
    slc_gateway_client_init(b->client, &config, 0);
    return b;
}

static void bench_free(struct bench *b)
{
    slc_gateway_client_drop(b->client);
    free(b->client);
    free(b);
}

static void drain(struct bench *b)
{
    struct slc_gateway_event event;
    uint8_t text[SLC_GATEWAY_TEXT_MAX];
    struct slc_writer out = slc_writer(text, sizeof text);
    for (; slc_gateway_client_next(b->client, &event, &out); out.len = 0) {
        if (event.kind == SLC_GATEWAY_CONNECT) slc_gateway_client_opened(b->client, 0, 1700000000);
        if (event.kind == SLC_GATEWAY_REGISTERED) b->registered = true;
        if (event.kind == SLC_GATEWAY_DISCONNECT) b->over = true;
        if (event.error != NULL) b->error = event.error->status;
        if (event.kind != SLC_GATEWAY_SEND) continue;
        assert_true(b->sent_count < 8);
        memcpy(b->sent[b->sent_count++], event.text.data, event.text.len);
    }
}

static void say(struct bench *b, const char *text)
{
    slc_gateway_client_text(b->client, slc_bytes_of_text(text), 0, 1700000000);
    drain(b);
}

/* Up to message 1; the version question is sent[0], message 1 is sent[1]. */
static struct bench *registering(const cJSON *t)
{
    struct bench *b = bench_new(t);
    drain(b);
    assert_string_equal(b->sent[0], "{\"type\":\"supportedProtocol\"}");
    say(b, "{\"type\":\"supportedProtocol\",\"version\":6}");
    assert_int_equal(b->sent_count, 2);
    return b;
}

static void registrations_are_upstreams_text_for_text(void **state)
{
    (void)state;
    size_t cases = 0;
    const cJSON *t;
    cJSON_ArrayForEach(t, slc_vec_list(vectors("transcripts"), ""))
    {
        if (slc_vec_u64(t, "protocol_version") != SLC_GATEWAY_VERSION) continue;
        struct bench *b = registering(t);
        assert_string_equal(b->sent[1], slc_vec_text(t, "wire/0/text"));
        say(b, slc_vec_text(t, "wire/1/text"));
        assert_string_equal(b->sent[2], slc_vec_text(t, "wire/2/text"));
        say(b, slc_vec_text(t, "wire/3/text"));
        assert_true(b->registered);
        say(b, slc_vec_text(t, "wire/4/text"));
        assert_string_equal(b->sent[3], "{\"type\":\"claimFreeTestnetBandwidth\"}");
        assert_int_equal(b->sent_count, 4);
        assert_false(slc_gateway_client_ready(b->client));
        say(b, "{\"type\":\"bandwidth\",\"available_total\":68719476736,\"upgrade_mode\":false}");
        assert_true(slc_gateway_client_ready(b->client));
        slc_vec_expect(t, "shared_key", slc_bytes(slc_gateway_client_key(b->client), SLC_SEAL_KEY_BYTES));
        bench_free(b);
        cases++;
    }
    assert_int_equal(cases, 2);
}

static void check_sent(struct bench *b, const cJSON *c)
{
    const cJSON *wanted = slc_vec(c, "client_sends_after_message_1");
    struct slc_control_message message;
    size_t at = 2;
    const cJSON *text;
    cJSON_ArrayForEach(text, wanted)
    {
        if (strcmp(text->valuestring, "message 3") != 0) {
            assert_string_equal(b->sent[at++], text->valuestring);
            continue;
        }
        struct slc_bytes sent = slc_bytes_of_text(b->sent[at++]);
        assert_int_equal(slc_control_message_parse(sent, SLC_MESSAGES_HANDSHAKE, &message), SLC_OK);
        assert_int_equal(message.version, slc_vec_u64(c, "version_in_message_3"));
        slc_vec_expect(vectors("transcripts/0"), "message_3", message.data);
    }
    assert_int_equal(b->sent_count, at);
}

static void gateways_good_and_bad_are_met_as_upstream_does(void **state)
{
    (void)state;
    size_t cases = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(vectors("handshake_cases/cases/client_side"), ""))
    {
        struct bench *b = registering(vectors("transcripts/0"));
        const cJSON *text;
        cJSON_ArrayForEach(text, slc_vec(c, "gateway_sends"))
        {
            if (!b->over) say(b, text->valuestring);
        }
        if (slc_vec_count(c, "gateway_sends") == 0) slc_gateway_client_closed(b->client, SLC_CLOSED, NULL, 0);
        drain(b);
        check_sent(b, c);
        const cJSON *ok = slc_vec_find(c, "client_result/ok");
        if (b->registered != (ok != NULL)) fail_msg("%s", slc_vec_text(c, "what"));
        if (ok != NULL) {
            assert_false(b->over);
            assert_int_equal(slc_gateway_client_version(b->client), slc_vec_u64(ok, "negotiated_protocol"));
            slc_vec_expect(ok, "shared_key", slc_bytes(slc_gateway_client_key(b->client), SLC_SEAL_KEY_BYTES));
        } else {
            assert_int_not_equal(b->error, SLC_OK);
        }
        bench_free(b);
        cases++;
    }
    assert_int_equal(cases, 21);
}

static void a_key_that_was_agreed_is_told_even_if_the_connection_is_gone(void **state)
{
    (void)state;
    const cJSON *t = vectors("transcripts/0");
    struct bench *b = registering(t);
    say(b, slc_vec_text(t, "wire/1/text"));
    slc_gateway_client_text(b->client, slc_bytes_of_text(slc_vec_text(t, "wire/3/text")), 0, 1700000000);
    slc_gateway_client_closed(b->client, SLC_CLOSED, NULL, 0);
    drain(b);
    assert_true(b->registered);
    slc_vec_expect(t, "shared_key", slc_bytes(slc_gateway_client_key(b->client), SLC_SEAL_KEY_BYTES));
    bench_free(b);
}

/* The table of versions: packets v2 from 5 on, authentication from 4 on, nothing above 6. */
static void the_versions_mean_what_upstream_says(void **state)
{
    (void)state;
    size_t cases = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(vectors("versions"), ""))
    {
        uint64_t version = slc_vec_u64(c, "version");
        assert_int_equal(version >= SLC_GATEWAY_VERSION_OLDEST, slc_vec_is_true(c, "authenticate_v2"));
        assert_int_equal(version >= SLC_GATEWAY_VERSION_ROTATION, slc_vec_is_true(c, "key_rotation_packet"));
        assert_int_equal(version > SLC_GATEWAY_VERSION, slc_vec_is_true(c, "future"));
        cases++;
    }
    assert_int_equal(cases, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registrations_are_upstreams_text_for_text),
        cmocka_unit_test(gateways_good_and_bad_are_met_as_upstream_does),
        cmocka_unit_test(a_key_that_was_agreed_is_told_even_if_the_connection_is_gone),
        cmocka_unit_test(the_versions_mean_what_upstream_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
