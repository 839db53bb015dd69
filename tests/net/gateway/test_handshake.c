/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/handshake.h"

#include "net/gateway/messages.h"
#include "tests/support/vectors.h"

/* Oracle: handshakes and authentication requests of nym-gateway-requests 1.22.2 (tests/vectors/gateway.json). */

static const cJSON *vectors(const char *path)
{
    return slc_vec(slc_vectors("gateway.json"), path);
}

struct pair {
    struct slc_identity client;
    struct slc_identity gateway;
    struct slc_handshake at_client;
    struct slc_handshake at_gateway;
    uint8_t init[SLC_HANDSHAKE_INIT_BYTES];
    uint8_t answer[SLC_HANDSHAKE_ANSWER_BYTES];
    uint8_t proof[SLC_HANDSHAKE_PROOF_BYTES];
    const cJSON *t;
};

/* Message 1, from a transcript's secrets. */
static void begin(struct pair *p, const cJSON *transcript)
{
    p->t = transcript;
    slc_identity_from_seed(&p->client, slc_vec_bytes_of(p->t, "client_identity_seed", 32));
    slc_identity_from_seed(&p->gateway, slc_vec_bytes_of(p->t, "gateway_identity_seed", 32));
    slc_handshake_init(&p->at_client, &p->client, slc_vec_bytes_of(p->t, "client_ephemeral_private", 32),
                       slc_vec_bytes_of(p->t, "salt", SLC_HANDSHAKE_SALT_BYTES), p->init);
}

static enum slc_status answer(struct pair *p, struct slc_bytes init)
{
    return slc_handshake_answer(&p->at_gateway, init, &p->gateway,
                                slc_vec_bytes_of(p->t, "gateway_ephemeral_private", 32),
                                slc_vec_bytes_of(p->t, "nonce_message_2", SLC_SEAL_NONCE_BYTES), p->answer);
}

static enum slc_status prove(struct pair *p, struct slc_bytes reply)
{
    return slc_handshake_prove(&p->at_client, reply, p->gateway.public_key, &p->client,
                               slc_vec_bytes_of(p->t, "nonce_message_3", SLC_SEAL_NONCE_BYTES), p->proof);
}

#define BYTES(array) slc_bytes(array, sizeof(array))

static void transcripts_are_repeated_byte_for_byte(void **state)
{
    (void)state;
    size_t cases = 0;
    const cJSON *t;
    cJSON_ArrayForEach(t, slc_vec_list(vectors("transcripts"), ""))
    {
        struct pair p;
        begin(&p, t);
        slc_vec_expect(t, "message_1", BYTES(p.init));
        assert_int_equal(answer(&p, BYTES(p.init)), SLC_OK);
        slc_vec_expect(t, "message_2", BYTES(p.answer));
        assert_int_equal(prove(&p, BYTES(p.answer)), SLC_OK);
        slc_vec_expect(t, "message_3", BYTES(p.proof));
        assert_int_equal(slc_handshake_accept(&p.at_gateway, BYTES(p.proof)), SLC_OK);
        slc_vec_expect(t, "shared_key", BYTES(p.at_client.shared_key));
        slc_vec_expect(t, "shared_key", BYTES(p.at_gateway.shared_key));
        slc_vec_expect(t, "client_identity_public", BYTES(p.at_gateway.peer_identity));
        cases++;
    }
    assert_int_equal(cases, 3);
}

static enum slc_status wanted_status(const cJSON *result)
{
    static const struct {
        const char *error;
        enum slc_status status;
    } NAMES[] = {
        {"KeyUsageFailure", SLC_BAD_MAC},
        {"InvalidSignature", SLC_BAD_SIGNATURE},
        {"MalformedResponse", SLC_MALFORMED},
        {"MalformedRequest", SLC_MALFORMED},
    };
    if (slc_vec_find(result, "ok") != NULL) return SLC_OK;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (slc_vec_is(result, "error", NAMES[i].error)) return NAMES[i].status;
    }
    fail_msg("a result that this test does not know: %s", slc_vec_text(result, "error"));
    return SLC_OK;
}

/* What the state machines decide (versions, message 4, texts that are skipped) is in test_session.c. */
static void bad_second_messages_fail_as_upstreams(void **state)
{
    (void)state;
    struct slc_control_message message;
    size_t cases = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(vectors("handshake_cases/cases/client_side"), ""))
    {
        struct pair p;
        if (strncmp(slc_vec_text(c, "what"), "message 2: ", 11) != 0) continue;
        begin(&p, vectors("transcripts/0"));
        struct slc_bytes text = slc_bytes_of_text(slc_vec_text(c, "gateway_sends/0"));
        assert_int_equal(slc_control_message_parse(text, SLC_MESSAGES_HANDSHAKE, &message), SLC_OK);
        enum slc_status status = prove(&p, message.data);
        if (status != wanted_status(slc_vec(c, "client_result"))) fail_msg("%s", slc_vec_text(c, "what"));
        cases++;
    }
    assert_int_equal(cases, 8);
}

static void bad_first_and_third_messages_fail_as_upstreams(void **state)
{
    (void)state;
    struct slc_control_message message;
    size_t cases = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(vectors("handshake_cases/cases/gateway_side"), ""))
    {
        struct pair p;
        const cJSON *result = slc_vec(c, "gateway_result");
        begin(&p, vectors("transcripts/0"));
        if (!slc_vec_is(c, "message_1", "as in the transcript")) {
            if (answer(&p, slc_vec_bytes(c, "message_1")) != wanted_status(result))
                fail_msg("%s", slc_vec_text(c, "what"));
            cases++;
            continue;
        }
        assert_int_equal(answer(&p, BYTES(p.init)), SLC_OK);
        struct slc_bytes text = slc_bytes_of_text(slc_vec_text(c, "client_then_sends/0"));
        assert_int_equal(slc_control_message_parse(text, SLC_MESSAGES_HANDSHAKE, &message), SLC_OK);
        if (message.kind == SLC_MESSAGE_HANDSHAKE_ERROR) continue;
        if (slc_handshake_accept(&p.at_gateway, message.data) != wanted_status(result))
            fail_msg("%s", slc_vec_text(c, "what"));
        cases++;
    }
    assert_int_equal(cases, 16);
}

static void a_key_that_everybody_knows_is_refused(void **state)
{
    (void)state;
    struct pair p;
    begin(&p, vectors("transcripts/0"));
    memset(p.init + SLC_IDENTITY_BYTES, 0, SLC_KEY_BYTES);
    assert_int_equal(answer(&p, BYTES(p.init)), SLC_BAD_KEY);
}

/* ---- authenticateV2 ---- */

static void load_authentication(struct slc_authentication *a, const cJSON *c)
{
    memset(a, 0, sizeof *a);
    a->version = (uint8_t)slc_vec_u64(c, "protocol_version");
    a->timestamp = slc_vec_u64(c, "timestamp");
    memcpy(a->nonce, slc_vec_bytes_of(c, "nonce", sizeof a->nonce), sizeof a->nonce);
}

static void authentication_requests_are_repeated_byte_for_byte(void **state)
{
    (void)state;
    struct slc_identity client;
    const cJSON *t = vectors("transcripts/0");
    const uint8_t *key = slc_vec_bytes_of(t, "shared_key", 32);
    slc_identity_from_seed(&client, slc_vec_bytes_of(t, "client_identity_seed", 32));
    size_t cases = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(vectors("authenticate/v2"), ""))
    {
        struct slc_authentication a;
        uint8_t bytes[SLC_AUTH_SIGNED_BYTES];
        uint8_t text[2048];
        load_authentication(&a, c);
        slc_authentication_make(&a, &client, key);
        slc_authentication_signed(&a, bytes);
        slc_vec_expect(c, "signed_101_bytes", BYTES(bytes));
        slc_vec_expect(c, "address_ciphertext", BYTES(a.ciphertext));
        slc_vec_expect(c, "signature", BYTES(a.signature));
        struct slc_writer w = slc_writer(text, sizeof text);
        struct slc_control_message message = {.kind = SLC_MESSAGE_AUTHENTICATE_V2,
                                              .version = a.version,
                                              .identity = BYTES(a.identity),
                                              .data = BYTES(a.ciphertext),
                                              .nonce = BYTES(a.nonce),
                                              .timestamp = a.timestamp,
                                              .signature = BYTES(a.signature)};
        slc_control_message_write(&message, &w);
        slc_expect_bytes(slc_bytes(text, w.len), slc_bytes_of_text(slc_vec_text(c, "text")), "authenticateV2");
        assert_int_equal(slc_authentication_verify(&a, a.timestamp), SLC_OK);
        if (a.timestamp > 0) assert_int_equal(slc_authentication_accept(&a, key, a.timestamp - 1), SLC_OK);
        cases++;
    }
    assert_int_equal(cases, 5);
}

/* The rows of authenticate/v2_checks, each by its own cause. */
static void authentication_is_checked_as_upstream_does(void **state)
{
    (void)state;
    struct slc_identity client;
    struct slc_authentication a;
    uint8_t other[SLC_SEAL_KEY_BYTES] = {1};
    const cJSON *t = vectors("transcripts/0");
    const uint8_t *key = slc_vec_bytes_of(t, "shared_key", 32);
    slc_identity_from_seed(&client, slc_vec_bytes_of(t, "client_identity_seed", 32));
    load_authentication(&a, vectors("authenticate/v2/0"));
    slc_authentication_make(&a, &client, key);
    uint64_t now = a.timestamp;

    assert_int_equal(slc_authentication_accept(&a, other, 0), SLC_BAD_MAC);
    for (uint64_t skew = 115; skew <= 125; skew += 5) {
        enum slc_status wanted = skew <= SLC_AUTH_WINDOW ? SLC_OK : SLC_OUT_OF_RANGE;
        assert_int_equal(slc_authentication_verify(&a, now + skew), wanted);
        assert_int_equal(slc_authentication_verify(&a, now - skew), wanted);
    }
    assert_int_equal(slc_authentication_accept(&a, key, now), SLC_REPLAY);
    assert_int_equal(slc_authentication_accept(&a, key, now + 1), SLC_REPLAY);

    struct slc_authentication changed = a;
    changed.timestamp++;
    assert_int_equal(slc_authentication_verify(&changed, now), SLC_BAD_SIGNATURE);
    changed = a;
    changed.version--;
    assert_int_equal(slc_authentication_verify(&changed, now), SLC_BAD_SIGNATURE);
    changed = a;
    changed.ciphertext[SLC_AUTH_CIPHERTEXT_BYTES - 1] ^= 1;
    assert_int_equal(slc_authentication_verify(&changed, now), SLC_BAD_SIGNATURE);
    assert_int_equal(slc_authentication_accept(&changed, key, 0), SLC_BAD_MAC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transcripts_are_repeated_byte_for_byte),
        cmocka_unit_test(bad_second_messages_fail_as_upstreams),
        cmocka_unit_test(bad_first_and_third_messages_fail_as_upstreams),
        cmocka_unit_test(a_key_that_everybody_knows_is_refused),
        cmocka_unit_test(authentication_requests_are_repeated_byte_for_byte),
        cmocka_unit_test(authentication_is_checked_as_upstream_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
