/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "crypto/keys/keys.h"

static void recipients_are_read_and_written_as_the_crates_do(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("messages.json"), "recipient/cases"))
    {
        struct slc_recipient parsed;
        struct slc_recipient from_text;
        struct slc_error error = {0};
        char text[SLC_RECIPIENT_TEXT_MAX];
        assert_int_equal(slc_recipient_parse(slc_vec_bytes(it, "bytes"), &parsed), SLC_OK);
        assert_int_equal(slc_recipient_from_text(slc_vec_text(it, "text"), &from_text, &error), SLC_OK);
        assert_memory_equal(&parsed, &from_text, sizeof parsed);
        slc_vec_expect(it, "sphinx_destination", slc_bytes(parsed.identity, sizeof parsed.identity));
        slc_recipient_to_text(&parsed, text);
        assert_string_equal(text, slc_vec_text(it, "text"));
    }
}

/* The part that is named in the reference's error must be the part that ours names. */
static void expect_failure(const cJSON *it, enum slc_status status, const char *said)
{
    static const char *const PARTS[][2] = {
        {"MalformedRecipientError", "wants one"},
        {"MalformedIdentityError", "the identity"},
        {"MalformedEncryptionKeyError", "the encryption key"},
        {"MalformedGatewayError", "the gateway"},
    };
    const char *error = slc_vec_text(it, "result/error");
    assert_int_not_equal(status, SLC_OK);
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        if (strcmp(PARTS[i][0], error) == 0) {
            if (said != NULL && strstr(said, PARTS[i][1]) == NULL) {
                fail_msg("%s: \"%s\" does not say \"%s\"", slc_vec_text(it, "name"), said, PARTS[i][1]);
            }
            return;
        }
    }
    fail_msg("unknown error class %s", error);
}

static void malformed_recipients_are_refused_for_the_reference_s_reason(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("messages.json"), "recipient_decode/cases"))
    {
        struct slc_recipient recipient;
        const cJSON *ok = slc_vec_find(it, "result/ok");
        if (slc_vec_find(it, "text") != NULL) {
            struct slc_error error = {0};
            enum slc_status status = slc_recipient_from_text(slc_vec_text(it, "text"), &recipient, &error);
            assert_int_equal(status, error.status);
            if (ok == NULL) {
                expect_failure(it, status, error.text);
            } else {
                assert_int_equal(status, SLC_OK);
                slc_vec_expect(ok, "", slc_bytes(&recipient, sizeof recipient));
            }
        } else {
            enum slc_status status = slc_recipient_parse(slc_vec_bytes(it, "bytes"), &recipient);
            if (ok == NULL) {
                assert_int_equal(status, SLC_BAD_KEY);
            } else {
                char text[SLC_RECIPIENT_TEXT_MAX];
                assert_int_equal(status, SLC_OK);
                slc_recipient_to_text(&recipient, text);
                assert_string_equal(text, slc_vec_text(ok, ""));
            }
        }
    }
}

static void only_96_bytes_are_a_recipient(void **state)
{
    (void)state;
    struct slc_bytes bytes = slc_vec_bytes(slc_vectors("messages.json"), "recipient/cases/0/bytes");
    struct slc_recipient recipient;
    uint8_t longer[97] = {0};
    memcpy(longer, bytes.data, 96);
    assert_int_equal(slc_recipient_parse(slc_bytes(longer, 97), &recipient), SLC_TOO_LONG);
    assert_int_equal(slc_recipient_parse(slc_bytes(longer, 95), &recipient), SLC_TOO_SHORT);
    assert_int_equal(slc_recipient_parse(slc_bytes(NULL, 0), &recipient), SLC_TOO_SHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipients_are_read_and_written_as_the_crates_do),
        cmocka_unit_test(malformed_recipients_are_refused_for_the_reference_s_reason),
        cmocka_unit_test(only_96_bytes_are_a_recipient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
