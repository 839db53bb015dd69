/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "crypto/keys/keys.h"

/* RFC 4648, section 10. */
static const char *const RFC4648[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void the_rfc_s_examples_hold_in_exactly_their_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof RFC4648 / sizeof RFC4648[0]; i++) {
        struct slc_bytes bytes = slc_bytes_of_text(RFC4648[i][0]);
        char text[16];
        uint8_t back[16];
        size_t len = 0;
        size_t chars = strlen(RFC4648[i][1]);
        assert_int_equal(slc_base64_encode(text, chars + 1, bytes), SLC_OK);
        assert_string_equal(text, RFC4648[i][1]);
        assert_int_equal(slc_base64_encode(text, chars, bytes), SLC_TOO_LONG);
        assert_int_equal(slc_base64_decode(back, bytes.len, &len, RFC4648[i][1], chars), SLC_OK);
        slc_expect_bytes(slc_bytes(back, len), bytes, RFC4648[i][1]);
        if (bytes.len > 0) {
            assert_int_equal(slc_base64_decode(back, bytes.len - 1, &len, RFC4648[i][1], chars), SLC_TOO_LONG);
            assert_int_equal(len, 0);
        }
    }
}

static void what_is_not_canonical_is_refused(void **state)
{
    (void)state;
    static const char *const WRONG[] = {
        "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm-v", "Zm_v", "Z m9", "Zm9v\n", "=", "====", "Zg==Zg==", "Zm9v=",
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        uint8_t out[16];
        size_t len = 1;
        if (slc_base64_decode(out, sizeof out, &len, WRONG[i], strlen(WRONG[i])) != SLC_MALFORMED || len != 0) {
            fail_msg("\"%s\" was accepted", WRONG[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfc_s_examples_hold_in_exactly_their_room),
        cmocka_unit_test(what_is_not_canonical_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
