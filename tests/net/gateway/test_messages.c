/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/messages.h"

#include <stdio.h>

#include "net/gateway/control.h"
#include "net/gateway/json.h"
#include "tests/support/vectors.h"

/* Oracle: the texts that nym-gateway-requests 1.22.2 took, refused and wrote (tests/vectors/gateway.json). */

static const cJSON *vectors(const char *path)
{
    return slc_vec(slc_vectors("gateway.json"), path);
}

static struct slc_bytes text_at(const cJSON *node, const char *path)
{
    return slc_bytes_of_text(slc_vec_text(node, path));
}

static void expect_text(const struct slc_control_message *message, struct slc_bytes wanted)
{
    uint8_t buffer[16384];
    struct slc_writer w = slc_writer(buffer, sizeof buffer);
    slc_control_message_write(message, &w);
    assert_true(slc_writer_ok(&w));
    slc_expect_bytes(slc_bytes(buffer, w.len), wanted, "the message as written");
}

static void check_parse_cases(const char *path, unsigned set, size_t wanted_cases)
{
    struct slc_control_message message;
    size_t cases = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(vectors(path), ""))
    {
        struct slc_bytes text = text_at(c, "text");
        enum slc_status status = slc_control_message_parse(text, set, &message);
        bool accepted = slc_vec_find(c, "accepted_as") != NULL;
        if ((status == SLC_OK) != accepted) fail_msg("%s: %s", slc_vec_text(c, "text"), slc_status_text(status));
        if (accepted) expect_text(&message, text_at(c, "re_encoded"));
        cases++;
    }
    assert_int_equal(cases, wanted_cases);
}

static void requests_are_taken_refused_and_written_as_upstream_does(void **state)
{
    (void)state;
    check_parse_cases("client_control_request/parsing", SLC_MESSAGES_REQUEST, 36);
}

static void responses_are_taken_refused_and_written_as_upstream_does(void **state)
{
    (void)state;
    check_parse_cases("server_response/parsing", SLC_MESSAGES_RESPONSE, 23);
}

static void check_variants(const char *path, unsigned set, size_t wanted_cases)
{
    struct slc_control_message message;
    size_t cases = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(vectors(path), ""))
    {
        struct slc_bytes text = text_at(c, "text");
        assert_int_equal(slc_control_message_parse(text, set, &message), SLC_OK);
        expect_text(&message, text);
        const cJSON *success = slc_vec_find(c, "implies_successful_authentication");
        if (success != NULL) {
            bool kind = message.kind == SLC_MESSAGE_AUTHENTICATED || message.kind == SLC_MESSAGE_REGISTERED;
            assert_int_equal(kind && message.status, cJSON_IsTrue(success));
        }
        cases++;
    }
    assert_int_equal(cases, wanted_cases);
}

static void every_message_survives_reading_and_writing_byte_for_byte(void **state)
{
    (void)state;
    check_variants("client_control_request/variants", SLC_MESSAGES_REQUEST, 10);
    check_variants("server_response/variants", SLC_MESSAGES_RESPONSE, 12);
}

static void handshake_texts_of_the_transcripts_survive_reading_and_writing(void **state)
{
    (void)state;
    struct slc_control_message message;
    const cJSON *transcript;
    cJSON_ArrayForEach(transcript, slc_vec_list(vectors("transcripts"), ""))
    {
        const cJSON *wire = slc_vec_list(transcript, "wire");
        assert_int_equal(slc_vec_count(wire, ""), 5);
        for (int i = 0; i < 5; i++) {
            struct slc_bytes text = text_at(cJSON_GetArrayItem(wire, i), "text");
            unsigned set = i < 4 ? SLC_MESSAGES_HANDSHAKE : SLC_MESSAGES_RESPONSE;
            assert_int_equal(slc_control_message_parse(text, set, &message), SLC_OK);
            expect_text(&message, text);
        }
    }
}

static void the_error_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum slc_status status;
    } CASES[] = {
        {"{\"type\":\"nope\"}", SLC_UNSUPPORTED},
        {"{\"type\":\"send\",\"remaining_bandwidth\":9223372036854775808}", SLC_OUT_OF_RANGE},
        {"{\"type\":\"send\",\"remaining_bandwidth\":18446744073709551616}", SLC_OUT_OF_RANGE},
        {"{\"type\":\"send\",\"remaining_bandwidth\":-9223372036854775809}", SLC_OUT_OF_RANGE},
        {"{\"type\":\"send\",\"remaining_bandwidth\":-0}", SLC_MALFORMED},
        {"{\"type\":\"send\",\"remaining_bandwidth\":01}", SLC_MALFORMED},
        {"{\"type\":\"send\",\"remaining_bandwidth\":+1}", SLC_MALFORMED},
        {"{\"type\":\"send\",\"remaining_bandwidth\":1,}", SLC_MALFORMED},
        {"{\"type\":\"send\",\"remaining_bandwidth\":1", SLC_MALFORMED},
        {"{\"type\":\"send\",\"remaining_bandwidth\":1}}", SLC_MALFORMED},
        {"{\"type\":\"send\",\"send\",\"remaining_bandwidth\":1}", SLC_MALFORMED},
        {"{\"type\":\"send\",\"remaining_bandwidth\":1,\"\\u0072emaining_bandwidth\":1}", SLC_DUPLICATE},
        {"{\"type\":\"error\",\"message\":\"\xc0\x80\"}", SLC_NOT_UTF8},
        {"{\"type\":\"error\",\"message\":\"\xed\xa0\x80\"}", SLC_NOT_UTF8},
        {"{\"type\":\"error\",\"message\":\"\xf4\x90\x80\x80\"}", SLC_NOT_UTF8},
        {"{\"type\":\"error\",\"message\":\"\\ud800\"}", SLC_MALFORMED},
        {"{\"type\":\"error\",\"message\":\"\\ud800\\u0041\"}", SLC_MALFORMED},
        {"{\"type\":\"error\",\"message\":\"\\udc00\"}", SLC_MALFORMED},
        {"{\"type\":\"error\",\"message\":\"a\nb\"}", SLC_MALFORMED},
        {"{\"type\":\"error\",\"message\":\"\\x41\"}", SLC_MALFORMED},
    };
    struct slc_control_message message;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        enum slc_status status =
            slc_control_message_parse(slc_bytes_of_text(CASES[i].text), SLC_MESSAGES_RESPONSE, &message);
        if (status != CASES[i].status) fail_msg("%s: %s", CASES[i].text, slc_status_text(status));
    }
}

static void escapes_are_resolved_and_written_again(void **state)
{
    (void)state;
    static const char READ[] = "{\"\\u0074ype\":\"err\\u006fr\",\"message\":\"\\u00e9\\ud83d\\ude00\\/\\b\\u001F\"}";
    static const char WRITTEN[] = "{\"type\":\"error\",\"message\":\"\xc3\xa9\xf0\x9f\x98\x80/\\b\\u001f\"}";
    struct slc_control_message message;
    assert_int_equal(slc_control_message_parse(slc_bytes_of_text(READ), SLC_MESSAGES_RESPONSE, &message), SLC_OK);
    expect_text(&message, slc_bytes_of_text(WRITTEN));
}

static void depth_and_length_are_bounded(void **state)
{
    (void)state;
    static char text[SLC_MESSAGE_TEXT_LIMIT + 2];
    struct slc_control_message message;
    for (int depth = 30; depth <= 33; depth++) {
        int len = snprintf(text, sizeof text, "{\"type\":\"supportedProtocol\",\"x\":%.*s1%.*s}", depth,
                           "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", depth, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
        enum slc_status wanted = depth < SLC_JSON_MAX_DEPTH ? SLC_OK : SLC_TOO_DEEP;
        assert_int_equal(slc_control_message_parse(slc_bytes(text, (size_t)len), SLC_MESSAGES_REQUEST, &message),
                         wanted);
    }
    memset(text, ' ', sizeof text);
    memcpy(text, "[\"supportedProtocol\"]", 21);
    assert_int_equal(slc_control_message_parse(slc_bytes(text, SLC_MESSAGE_TEXT_LIMIT), SLC_MESSAGES_REQUEST, &message),
                     SLC_OK);
    assert_int_equal(
        slc_control_message_parse(slc_bytes(text, SLC_MESSAGE_TEXT_LIMIT + 1), SLC_MESSAGES_REQUEST, &message),
        SLC_TOO_LONG);
}

static void more_bytes_than_a_message_holds_are_refused(void **state)
{
    (void)state;
    static char text[SLC_MESSAGE_TEXT_LIMIT];
    struct slc_control_message message;
    for (size_t extra = 0; extra < 2; extra++) {
        struct slc_writer w = slc_writer(text, sizeof text);
        slc_json_write_raw(&w, "{\"type\":\"ecashCredential\",\"iv\":[1],\"enc_credential\":");
        slc_json_write_bytes(&w, slc_vec_pat(SLC_MESSAGE_STORE - 1 + extra));
        slc_json_write_raw(&w, "}");
        assert_int_equal(slc_control_message_parse(slc_bytes(text, w.len), SLC_MESSAGES_REQUEST, &message),
                         extra == 0 ? SLC_OK : SLC_TOO_LONG);
    }
}

static void a_peers_words_obey_no_terminal_and_end_at_a_character(void **state)
{
    (void)state;
    char out[8];
    assert_string_equal(slc_control_message_words(slc_bytes_of_text("a\x1b[2J\x7f"), out, sizeof out), "a?[2J?");
    assert_string_equal(slc_control_message_words(slc_bytes_of_text("abcdef\xc3\xa9x"), out, sizeof out), "abcdef");
    assert_string_equal(slc_control_message_words(slc_bytes(NULL, 0), out, sizeof out), "");
}

/* ---- encrypted control requests ---- */

static const uint8_t *control_key(void)
{
    return slc_vec_bytes_of(vectors("transcripts/0"), "shared_key", SLC_SEAL_KEY_BYTES);
}

static void expect_control(const struct slc_control *control, const char *wanted)
{
    uint8_t buffer[SLC_CONTROL_SEALED_MAX];
    struct slc_writer w = slc_writer(buffer, sizeof buffer);
    slc_control_write(control, &w);
    slc_expect_bytes(slc_bytes(buffer, w.len), slc_bytes_of_text(wanted), "the control request as written");
}

static void control_requests_open_and_seal_as_upstreams(void **state)
{
    (void)state;
    static const char *const LISTS[] = {"encrypted_control/requests", "encrypted_control/responses"};
    struct slc_control control;
    struct slc_control_message message;
    size_t cases = 0;
    for (int list = 0; list < 2; list++) {
        const cJSON *c;
        cJSON_ArrayForEach(c, slc_vec_list(vectors(LISTS[list]), ""))
        {
            struct slc_bytes ciphertext = slc_vec_bytes(c, "ciphertext");
            struct slc_bytes nonce = slc_vec_bytes(c, "nonce");
            assert_int_equal(slc_control_open(ciphertext, nonce, control_key(), &control), SLC_OK);
            expect_control(&control, slc_vec_text(c, "plaintext"));
            uint8_t sealed[SLC_CONTROL_SEALED_MAX];
            size_t len = slc_control_seal(&control, control_key(), nonce.data, sealed);
            slc_expect_bytes(slc_bytes(sealed, len), ciphertext, "ciphertext");
            unsigned set = list == 0 ? SLC_MESSAGES_REQUEST : SLC_MESSAGES_RESPONSE;
            assert_int_equal(slc_control_message_parse(text_at(c, "text"), set, &message), SLC_OK);
            slc_expect_bytes(message.data, ciphertext, "ciphertext in the message");
            cases++;
        }
    }
    assert_int_equal(cases, 11);
}

static void bad_control_requests_are_refused(void **state)
{
    (void)state;
    struct slc_control control;
    size_t cases = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(vectors("encrypted_control/negative"), ""))
    {
        enum slc_status status =
            slc_control_open(slc_vec_bytes(c, "ciphertext"), slc_vec_bytes(c, "nonce"), control_key(), &control);
        bool accepted = cJSON_IsString(slc_vec(c, "result"));
        if ((status == SLC_OK) != accepted) fail_msg("%s: %s", slc_vec_text(c, "what"), slc_status_text(status));
        if (accepted) expect_control(&control, slc_vec_text(c, "result"));
        cases++;
    }
    assert_int_equal(cases, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_taken_refused_and_written_as_upstream_does),
        cmocka_unit_test(responses_are_taken_refused_and_written_as_upstream_does),
        cmocka_unit_test(every_message_survives_reading_and_writing_byte_for_byte),
        cmocka_unit_test(handshake_texts_of_the_transcripts_survive_reading_and_writing),
        cmocka_unit_test(the_error_says_what_is_wrong),
        cmocka_unit_test(escapes_are_resolved_and_written_again),
        cmocka_unit_test(depth_and_length_are_bounded),
        cmocka_unit_test(more_bytes_than_a_message_holds_are_refused),
        cmocka_unit_test(a_peers_words_obey_no_terminal_and_end_at_a_character),
        cmocka_unit_test(control_requests_open_and_seal_as_upstreams),
        cmocka_unit_test(bad_control_requests_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
