/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "crypto/keys/keys.h"

/* The tag between the dashes of the first line. */
static const char *tag_of(const char *file)
{
    size_t len = (size_t)(strstr(file + 11, "-----") - (file + 11));
    char *tag = (char *)slc_vec_copy(slc_vec_repeat(0, len + 1));
    memcpy(tag, file + 11, len);
    return tag;
}

static void key_files_of_the_crates_are_read_and_written_to_the_byte(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("gateway.json"), "pem_files"))
    {
        struct slc_bytes file = slc_vec_bytes(it, "file_hex");
        const char *tag = tag_of(slc_vec_text(it, "file_text"));
        uint8_t key[64];
        size_t len = 0;
        char written[256];
        assert_int_equal(slc_pem_decode(key, sizeof key, &len, tag, file), SLC_OK);
        assert_int_equal(len, strncmp(tag, "AES-128", 7) == 0 ? SLC_ACK_KEY_BYTES : 32);
        assert_int_equal(slc_pem_encode(written, file.len + 1, tag, slc_bytes(key, len)), SLC_OK);
        slc_expect_bytes(slc_bytes_of_text(written), file, tag);
        assert_int_equal(slc_pem_encode(written, file.len, tag, slc_bytes(key, len)), SLC_TOO_LONG);
        assert_int_equal(slc_pem_decode(key, len - 1, &len, tag, file), SLC_TOO_LONG);
    }
    uint8_t seed[32];
    size_t len = 0;
    struct slc_bytes first = slc_vec_bytes(slc_vectors("gateway.json"), "pem_files/0/file_hex");
    assert_int_equal(slc_pem_decode(seed, sizeof seed, &len, "ED25519 PRIVATE KEY", first), SLC_OK);
    slc_expect_bytes(slc_bytes(seed, len), slc_vec_repeat(0x11, 32), "seed");
}

static void long_keys_are_wrapped_at_64_columns(void **state)
{
    (void)state;
    struct slc_bytes key = slc_vec_pat(200);
    char text[512];
    uint8_t back[200];
    size_t len = 0;
    assert_int_equal(slc_pem_encode(text, sizeof text, "KEY", key), SLC_OK);
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\r") <= 64);
        assert_int_equal(strcspn(line, "\n"), strcspn(line, "\r") + 1);
    }
    assert_int_equal(slc_pem_decode(back, sizeof back, &len, "KEY", slc_bytes_of_text(text)), SLC_OK);
    slc_expect_bytes(slc_bytes(back, len), key, "200 bytes");
}

static void what_people_do_to_files_is_read_and_what_breaks_them_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum slc_status status;
    } FILES[] = {
        {"-----BEGIN K-----\nAAEC\n-----END K-----\n", SLC_OK},
        {"-----BEGIN K-----\nAAEC\n-----END K-----", SLC_OK},
        {"a note\n\n-----BEGIN K-----\r\nAA\r\nEC\r\n-----END K-----\r\nmore", SLC_OK},
        {"-----BEGIN K-----  \nAAEC \t\n\n-----END K-----\n", SLC_OK},
        {"-----BEGIN J-----\nAAEC\n-----END J-----\n", SLC_NOT_FOUND},
        {"-----BEGIN KK-----\nAAEC\n-----END KK-----\n", SLC_NOT_FOUND},
        {"-----BEGIN ENCRYPTED K-----\nAAEC\n-----END ENCRYPTED K-----\n", SLC_NOT_FOUND},
        {"-----BEGIN K-----\nAAEC\n-----END J-----\n", SLC_MALFORMED},
        {"-----BEGIN K-----\nAAEC\n", SLC_MALFORMED},
        {"-----BEGIN K-----\nAAE\n-----END K-----\n", SLC_MALFORMED},
        {"-----BEGIN K----\nAAEC\n-----END K-----\n", SLC_MALFORMED},
        {"-----BEGIN K-----\nAA*C\n-----END K-----\n", SLC_MALFORMED},
        {"-----BEGIN K-----\nProc-Type: 4\n\nAAEC\n-----END K-----\n", SLC_MALFORMED},
        {"-----BEGIN K-----\nAAECAAECAAECAAECAAEC\n-----END K-----\n", SLC_TOO_LONG},
        {"-----BEGIN \n-----END ", SLC_MALFORMED},
        {"", SLC_MALFORMED},
    };
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        uint8_t key[12];
        size_t len = 9;
        enum slc_status status = slc_pem_decode(key, sizeof key, &len, "K", slc_bytes_of_text(FILES[i].text));
        if (status != FILES[i].status) {
            fail_msg("status %d, wanted %d: %s", status, FILES[i].status, FILES[i].text);
        }
        slc_expect_bytes(slc_bytes(key, len), slc_vec_linear(1, 0, status == SLC_OK ? 3 : 0), FILES[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_files_of_the_crates_are_read_and_written_to_the_byte),
        cmocka_unit_test(long_keys_are_wrapped_at_64_columns),
        cmocka_unit_test(what_people_do_to_files_is_read_and_what_breaks_them_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
