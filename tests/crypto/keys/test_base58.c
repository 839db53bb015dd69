/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "crypto/keys/keys.h"

static void sender_tags_are_written_and_read_as_the_crates_do(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("messages.json"), "sender_tag/cases"))
    {
        const char *text = slc_vec_text(it, "text");
        uint8_t tag[16];
        size_t len = 0;
        enum slc_status status = slc_base58_decode(tag, sizeof tag, &len, text, strlen(text));
        if (slc_vec_find(it, "bytes") != NULL) {
            char written[SLC_BASE58_MAX];
            assert_int_equal(status, SLC_OK);
            slc_vec_expect(it, "bytes", slc_bytes(tag, len));
            assert_int_equal(slc_base58_encode(written, sizeof written, slc_bytes(tag, len)), SLC_OK);
            assert_string_equal(written, text);
        } else if (slc_vec_is(it, "result/error", "MalformedString")) {
            assert_int_equal(status, SLC_MALFORMED);
        } else {
            assert_true(status == SLC_TOO_LONG || (status == SLC_OK && len != sizeof tag));
        }
    }
}

/* draft-msporny-base58-03, section 5. */
static void the_draft_s_examples_hold(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *text;
    } EXAMPLES[] = {
        {"48656c6c6f20576f726c6421", "2NEpo7TZRRrLZSi2U"},
        {"54686520717569636b2062726f776e20666f78206a756d7073206f76657220746865206c617a7920646f672e",
         "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z"},
        {"0000287fb4cd", "11233QC4"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof EXAMPLES / sizeof EXAMPLES[0]; i++) {
        struct slc_bytes bytes = slc_vec_from_text(EXAMPLES[i].hex);
        char text[128];
        uint8_t back[128];
        size_t len = 0;
        assert_int_equal(slc_base58_encode(text, sizeof text, bytes), SLC_OK);
        assert_string_equal(text, EXAMPLES[i].text);
        assert_int_equal(slc_base58_decode(back, sizeof back, &len, text, strlen(text)), SLC_OK);
        slc_expect_bytes(slc_bytes(back, len), bytes, "decoded");
    }
}

static void a_key_has_32_bytes_and_the_alphabet_only(void **state)
{
    (void)state;
    uint8_t key[32];
    assert_int_equal(slc_base58_key(key, "11111111111111111111111111111111"), SLC_OK);
    assert_int_equal(slc_base58_key(key, "1111111111111111111111111111111"), SLC_TOO_SHORT);
    assert_int_equal(slc_base58_key(key, "111111111111111111111111111111111"), SLC_TOO_LONG);
    assert_int_equal(slc_base58_key(key, "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG"), SLC_OK); /* 2^256 - 1 */
    assert_int_equal(slc_base58_key(key, "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFH"), SLC_TOO_LONG);
    assert_int_equal(slc_base58_key(key, ""), SLC_TOO_SHORT);
    for (int c = 1; c < 256; c++) {
        const char text[2] = {(char)c, '\0'};
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool foreign = !alnum || strchr("0OIl", c) != NULL;
        assert_int_equal(slc_base58_key(key, text), foreign ? SLC_MALFORMED : SLC_TOO_SHORT);
    }
    size_t len = 1;
    assert_int_equal(slc_base58_decode(key, sizeof key, &len, "2\0002", 3), SLC_MALFORMED);
}

static void what_does_not_fit_is_refused_and_what_just_fits_is_not(void **state)
{
    (void)state;
    struct slc_bytes bytes = slc_vec_repeat(0xff, 1200);
    char text[1700];
    uint8_t back[1200];
    size_t len = 0;
    assert_int_equal(slc_base58_encode(text, sizeof text, bytes), SLC_OK);
    size_t chars = strlen(text);
    assert_int_equal(slc_base58_encode(text, chars, bytes), SLC_TOO_LONG);
    assert_int_equal(slc_base58_encode(text, chars + 1, bytes), SLC_OK);
    assert_int_equal(slc_base58_decode(back, sizeof back, &len, text, chars), SLC_OK);
    slc_expect_bytes(slc_bytes(back, len), bytes, "1200 bytes");
    assert_int_equal(slc_base58_decode(back, sizeof back - 1, &len, text, chars), SLC_TOO_LONG);
    assert_int_equal(slc_base58_encode(text, sizeof text, slc_vec_repeat(0xff, 1201)), SLC_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sender_tags_are_written_and_read_as_the_crates_do),
        cmocka_unit_test(the_draft_s_examples_hold),
        cmocka_unit_test(a_key_has_32_bytes_and_the_alphabet_only),
        cmocka_unit_test(what_does_not_fit_is_refused_and_what_just_fits_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
