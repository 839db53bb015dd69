/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/directory/json_internal.h"

static enum slc_status open_status(const char *text, size_t len, struct slc_error *error)
{
    struct slc_doc json;
    /* An exact copy without a final 0: a sanitizer sees a read beyond it. */
    uint8_t *exact = malloc(len > 0 ? len : 1);
    assert_non_null(exact);
    memcpy(exact, text, len);
    enum slc_status status = slc_doc_open(&json, slc_bytes(exact, len), "t", error);
    free(exact);
    slc_doc_close(&json);
    return status;
}

/* Valid and invalid texts as in RFC 8259's grammar; those marked are accepted by cJSON alone. */
static void json_is_rfc_8259_and_nothing_more(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum slc_status status;
    } cases[] = {
        {"null", SLC_OK},
        {" \t\r\n[1, 2.5e+10, -0, -1E-2, true, false, \"\"] \n", SLC_OK},
        {"{\"a\":{},\"b\":[],\"\":0}", SLC_OK},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"", SLC_OK},
        {"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xed\x9f\xbf\"", SLC_OK},
        {"", SLC_TOO_SHORT},
        {" ", SLC_MALFORMED},
        {"[1] 2", SLC_MALFORMED},           /* cJSON */
        {"[01]", SLC_MALFORMED},            /* cJSON */
        {"[1.]", SLC_MALFORMED},            /* cJSON */
        {"[1.e5]", SLC_MALFORMED},          /* cJSON */
        {"[\x01 1]", SLC_MALFORMED},        /* cJSON */
        {"[\"\n\"]", SLC_MALFORMED},        /* cJSON */
        {"\xef\xbb\xbf[1]", SLC_MALFORMED}, /* cJSON */
        {"[\"\\u0000\"]", SLC_MALFORMED},   /* cJSON: the text would end there */
        {"[\"\xc0\xaf\"]", SLC_NOT_UTF8},
        {"[\"\xe0\x80\xaf\"]", SLC_NOT_UTF8},
        {"[\"\xed\xa0\x80\"]", SLC_NOT_UTF8},
        {"[\"\xf4\x90\x80\x80\"]", SLC_NOT_UTF8},
        {"[\"\xf5\x80\x80\x80\"]", SLC_NOT_UTF8},
        {"[\"\xff\"]", SLC_NOT_UTF8},
        {"[\"\xe2\x82\"]", SLC_NOT_UTF8},
        {"[\"\\ud800\"]", SLC_NOT_UTF8},
        {"[\"\\udc00\\ud800\"]", SLC_NOT_UTF8},
        {"[\"\\ud800\\ud800\"]", SLC_NOT_UTF8},
        {"[\"\\x\"]", SLC_MALFORMED},
        {"[\"\\u12g4\"]", SLC_MALFORMED},
        {"[\"", SLC_MALFORMED},
        {"[\"\\", SLC_MALFORMED},
        {"[1,]", SLC_MALFORMED},
        {"[,1]", SLC_MALFORMED},
        {"{\"a\":1,}", SLC_MALFORMED},
        {"{\"a\" 1}", SLC_MALFORMED},
        {"{a:1}", SLC_MALFORMED},
        {"{\"a\":1", SLC_MALFORMED},
        {"{\"1\":1,", SLC_MALFORMED}, /* cJSON before 1.7.18 reads one byte too far here */
        {"[+1]", SLC_MALFORMED},
        {"[-]", SLC_MALFORMED},
        {"[.5]", SLC_MALFORMED},
        {"[NaN]", SLC_MALFORMED},
        {"[tru]", SLC_MALFORMED},
        {"[1e]", SLC_MALFORMED},
        {"{\"a\":1,\"b\":2,\"a\":3}", SLC_DUPLICATE},
        {"[[{\"x\":{\"k\":1,\"\\u006b\":1}}]]", SLC_DUPLICATE},
        {"{\"a\":1,\"A\":2}", SLC_OK},
        {"[1111111111111111111111111111111111111111111111111111111111111]", SLC_TOO_LONG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slc_error error = {.status = SLC_OK};
        enum slc_status status = open_status(cases[i].text, strlen(cases[i].text), &error);
        if (status != cases[i].status) {
            fail_msg("%s: \"%s\" where \"%s\" was wanted (%s)", cases[i].text, slc_status_text(status),
                     slc_status_text(cases[i].status), error.text);
        }
    }
    assert_int_equal(open_status("[1,\0 2]", 7, NULL), SLC_MALFORMED);
    assert_int_equal(open_status("[\"\0\"]", 5, NULL), SLC_MALFORMED);
    assert_int_equal(open_status("[1]\0", 4, NULL), SLC_MALFORMED);
}

static void size_depth_and_number_of_values_are_bounded(void **state)
{
    (void)state;
    size_t len = SLC_DOC_BYTES_MAX + 1;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, ' ', len);
    text[0] = '1';
    assert_int_equal(open_status(text, len, NULL), SLC_TOO_LONG);
    assert_int_equal(open_status(text, len - 1, NULL), SLC_OK);

    memset(text, '[', len - 1);
    assert_int_equal(open_status(text, len - 1, NULL), SLC_TOO_DEEP);
    for (size_t depth = SLC_DOC_DEPTH_MAX; depth <= SLC_DOC_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(open_status(text, 2 * depth, NULL), depth > SLC_DOC_DEPTH_MAX ? SLC_TOO_DEEP : SLC_OK);
    }

    size_t values = SLC_DOC_VALUES_MAX; /* and the array itself */
    for (size_t i = 0; i < values; i++) {
        text[1 + 2 * i] = '1';
        text[2 + 2 * i] = ',';
    }
    text[0] = '[';
    text[2 * values] = ']';
    assert_int_equal(open_status(text, 2 * values + 1, NULL), SLC_TOO_LONG);
    free(text);
}

static void an_error_names_line_and_column(void **state)
{
    (void)state;
    struct slc_error error;
    static const char text[] = "{\n  \"a\": 1,\n  \"b\": tru\n}";
    assert_int_equal(open_status(text, strlen(text), &error), SLC_MALFORMED);
    assert_string_equal(error.text, "t:3:8: a value must start here");
    static const char twice[] = "{\"a\":{\n\"k\":1,\"k\":2}}";
    assert_int_equal(open_status(twice, strlen(twice), &error), SLC_DUPLICATE);
    assert_non_null(strstr(error.text, "t:2:"));
    assert_non_null(strstr(error.text, "a.k: "));
}

static void the_first_failure_is_kept_and_later_reads_give_zeros(void **state)
{
    (void)state;
    static const char text[] = "{\"list\":[1,\n  {\"n\":300,\"\\u001b[31m\":[5]}],\"m\":7}";
    struct slc_doc json;
    struct slc_error error;
    assert_int_equal(slc_doc_open(&json, slc_bytes_of_text(text), "t", &error), SLC_OK);
    const cJSON *second = slc_doc_array(&json, json.root, "list", SLC_DOC_REQUIRED)->child->next;
    assert_int_equal(slc_doc_number(&json, json.root, "m", SLC_DOC_REQUIRED, 0, 7), 7);
    assert_int_equal(slc_doc_number(&json, json.root, "none", SLC_DOC_OPTIONAL, 1, 7), 0);
    assert_int_equal(json.status, SLC_OK);
    assert_int_equal(slc_doc_number(&json, second, "n", SLC_DOC_REQUIRED, 0, 255), 0);
    assert_int_equal(json.status, SLC_OUT_OF_RANGE);
    assert_string_equal(error.text, "t:2:8: list.1.n: must be a whole number from 0 to 255");
    assert_int_equal(slc_doc_number(&json, json.root, "m", SLC_DOC_REQUIRED, 0, 7), 0);
    assert_null(slc_doc_text(&json, json.root, "absent", SLC_DOC_REQUIRED));
    assert_string_equal(error.text, "t:2:8: list.1.n: must be a whole number from 0 to 255");
    slc_doc_close(&json);

    assert_int_equal(slc_doc_open(&json, slc_bytes_of_text(text), "t", &error), SLC_OK);
    second = slc_doc_array(&json, json.root, "list", SLC_DOC_REQUIRED)->child->next;
    (void)slc_doc_fail(&json, second->child->next->child, SLC_MALFORMED, "bad");
    assert_string_equal(error.text, "t:2:26: list.1.?[31m.0: bad"); /* no escape sequence reaches a terminal */
    slc_doc_close(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_rfc_8259_and_nothing_more),
        cmocka_unit_test(size_depth_and_number_of_values_are_bounded),
        cmocka_unit_test(an_error_names_line_and_column),
        cmocka_unit_test(the_first_failure_is_kept_and_later_reads_give_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
