/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/address.h"

#include "tests/support/vectors.h"

static void addresses_are_written_as_the_published_crate_writes_them(void **state)
{
    (void)state;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(slc_vectors("messages.json"), "node_address/cases"))
    {
        struct slc_address address;
        char text[SLC_ADDRESS_TEXT_MAX];
        assert_int_equal(slc_address_from_text(slc_vec_text(c, "address"), &address), SLC_OK);
        slc_address_to_text(&address, text);
        assert_string_equal(text, slc_vec_text(c, "address"));

        uint8_t room[64];
        struct slc_writer w = slc_writer(room, sizeof room);
        slc_address_write(&w, &address);
        slc_vec_expect(c, "unpadded", slc_bytes(room, w.len));
        assert_int_equal(slc_address_bytes(&address), w.len);
        w.len = 0;
        slc_address_write_padded(&w, &address, 19);
        slc_vec_expect(c, "padded19", slc_bytes(room, w.len));
        w.len = 0;
        slc_address_write_padded(&w, &address, 32);
        slc_vec_expect(c, "padded32", slc_bytes(room, w.len));

        struct slc_reader r = slc_reader(slc_bytes(room, w.len));
        struct slc_address read;
        assert_int_equal(slc_address_read(&r, &read), SLC_OK);
        assert_true(slc_address_equal(&read, &address));
        assert_int_equal(slc_reader_left(&r), 32 - slc_address_bytes(&address));
    }
}

static void addresses_are_read_and_refused_as_the_published_crate_does(void **state)
{
    (void)state;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(slc_vectors("messages.json"), "node_address_decode/cases"))
    {
        struct slc_bytes bytes = slc_vec_bytes(c, "bytes");
        struct slc_reader r = slc_reader(bytes);
        struct slc_address address;
        enum slc_status status = slc_address_read(&r, &address);
        if (slc_vec_find(c, "result/ok") != NULL) {
            char text[SLC_ADDRESS_TEXT_MAX];
            assert_int_equal(status, SLC_OK);
            slc_address_to_text(&address, text);
            assert_string_equal(text, slc_vec_text(c, "result/ok"));
        } else {
            bool version = slc_vec_is(c, "result/error", "InvalidIpVersion");
            assert_int_equal(status, version ? SLC_MALFORMED : SLC_TOO_SHORT);
            assert_int_equal(address.version, 0);
        }
    }
}

static void text_that_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ":",
        "1.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:65536",
        "1.2.3.4:99999999999999999999",
        "1.2.3.4:-1",
        "1.2.3.4:+1",
        "1.2.3.4: 1",
        "1.2.3.4:1 ",
        "1.2.3.4:1x",
        "1.2.3:1",
        "1.2.3.4.5:1",
        "256.1.1.1:1",
        "localhost:1",
        "[1.2.3.4]:1",
        "::1:1",
        "2001:db8::7:1789",
        "[::1]",
        "[::1]1",
        "[::1]:",
        "[::1",
        "[]:1",
        "[::1%lo]:1",
        "[1:2:3:4:5:6:7:8:9]:1",
        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct slc_address address;
        if (slc_address_from_text(bad[i], &address) != SLC_MALFORMED) fail_msg("%s", bad[i]);
        assert_int_equal(address.version, 0);
    }
}

static void only_loopback_is_loopback(void **state)
{
    (void)state;
    static const struct {
        const char *ip;
        bool loopback;
    } cases[] = {{"127.0.0.1", true},        {"127.255.255.254", true}, {"::1", true},  {"128.0.0.1", false},
                 {"126.255.255.255", false}, {"10.127.0.1", false},     {"::2", false}, {"::", false},
                 {"7f00::1", false},         {"0.0.0.0", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slc_address address;
        assert_int_equal(slc_address_from_ip(cases[i].ip, 9, &address), SLC_OK);
        assert_int_equal(address.port, 9);
        assert_int_equal(slc_address_is_loopback(&address), cases[i].loopback);
    }
    struct slc_address none = {0};
    assert_false(slc_address_is_loopback(&none));
}

static void an_address_that_is_none_has_no_bytes(void **state)
{
    (void)state;
    struct slc_address none = {0};
    uint8_t room[32];
    char text[SLC_ADDRESS_TEXT_MAX];
    struct slc_writer w = slc_writer(room, sizeof room);
    slc_address_write(&w, &none);
    assert_int_equal(w.len, 0);
    assert_int_equal(slc_address_bytes(&none), 0);
    slc_address_to_text(&none, text);
    struct slc_address read;
    assert_int_equal(slc_address_from_text(text, &read), SLC_MALFORMED);
}

static void an_address_wider_than_its_field_marks_the_writer(void **state)
{
    (void)state;
    struct slc_address address;
    uint8_t room[64];
    struct slc_writer w = slc_writer(room, sizeof room);
    assert_int_equal(slc_address_from_text("[::1]:1", &address), SLC_OK);
    slc_address_write_padded(&w, &address, 18);
    assert_false(slc_writer_ok(&w));
    assert_int_equal(w.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_written_as_the_published_crate_writes_them),
        cmocka_unit_test(addresses_are_read_and_refused_as_the_published_crate_does),
        cmocka_unit_test(text_that_is_no_address_is_refused),
        cmocka_unit_test(only_loopback_is_loopback),
        cmocka_unit_test(an_address_that_is_none_has_no_bytes),
        cmocka_unit_test(an_address_wider_than_its_field_marks_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
