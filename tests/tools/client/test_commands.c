/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "tools/client/commands.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ADDRESS                                                                                                        \
    "6fkypdDSw9BquCXsnhkuJhMf5ybWnaGWyNaa8g5LBk8R.Efmm8ZhaSjdZtn3NHjAok8KHhfoGikpffTWjXRYButTz@"                       \
    "Gx9qVSxQ9zhtxZJDQ8swBQ18a4vHTvUfDSFpCK5RvyU5"
#define TAG "Mr6hVJVXZD8Eber91uRCsD"

static struct slc_error error;

static enum slc_status parse(const char *text, struct slc_command *command)
{
    static char line[4096];
    (void)snprintf(line, sizeof line, "%s", text);
    error = (struct slc_error){0};
    return slc_command_parse(line, command, &error);
}

static void a_message_with_surbs_is_anonymous(void **state)
{
    (void)state;
    struct slc_command c;
    char address[SLC_RECIPIENT_TEXT_MAX];
    assert_int_equal(parse("send " ADDRESS " 10 some file.bin", &c), SLC_OK);
    assert_int_equal(c.kind, SLC_COMMAND_SEND);
    assert_true(c.anonymous);
    assert_int_equal(c.surbs, 10);
    assert_string_equal(c.source, "some file.bin");
    slc_recipient_to_text(&c.recipient, address);
    assert_string_equal(address, ADDRESS);
    assert_int_equal(parse("send " ADDRESS " 0 f", &c), SLC_OK);
    assert_true(c.anonymous);
}

static void a_dash_in_place_of_surbs_is_a_plain_message(void **state)
{
    (void)state;
    struct slc_command c;
    assert_int_equal(parse("send " ADDRESS " - -two  words ", &c), SLC_OK);
    assert_false(c.anonymous);
    assert_int_equal(c.surbs, 0);
    assert_string_equal(c.source, "-two  words ");
}

static void a_reply_names_a_tag(void **state)
{
    (void)state;
    struct slc_command c;
    char tag[SLC_BASE58_MAX];
    assert_int_equal(parse("reply " TAG " -x", &c), SLC_OK);
    assert_int_equal(c.kind, SLC_COMMAND_REPLY);
    assert_int_equal(slc_base58_encode(tag, sizeof tag, slc_bytes(c.tag, sizeof c.tag)), SLC_OK);
    assert_string_equal(tag, TAG);
}

static void what_is_no_command_is_refused_with_the_word_that_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum slc_status status;
        const char *words;
    } cases[] = {
        {"", SLC_NOT_FOUND, "empty line"},
        {"sned a b c", SLC_NOT_FOUND, "sned"},
        {"quit ", SLC_OK, ""},
        {"send", SLC_TOO_SHORT, "send ADDRESS SURBS FILE"},
        {"send " ADDRESS, SLC_TOO_SHORT, "send ADDRESS SURBS FILE"},
        {"send " ADDRESS " 10", SLC_TOO_SHORT, "send ADDRESS SURBS FILE"},
        {"send " ADDRESS " 10 ", SLC_TOO_SHORT, "send ADDRESS SURBS FILE"},
        {"send " ADDRESS " ten f", SLC_OUT_OF_RANGE, "ten"},
        {"send " ADDRESS " 1001 f", SLC_OUT_OF_RANGE, "1001"},
        {"send " ADDRESS " -1 f", SLC_OUT_OF_RANGE, "-1"},
        {"send " ADDRESS " +1 f", SLC_OUT_OF_RANGE, "+1"},
        {"send " ADDRESS " 99999999999999999999999 f", SLC_OUT_OF_RANGE, "999999"},
        {"send nobody 10 f", SLC_MALFORMED, ""},
        {"reply " TAG, SLC_TOO_SHORT, "reply TAG FILE"},
        {"reply " TAG "1 f", SLC_MALFORMED, "no sender tag"},
        {"reply 0OIl f", SLC_MALFORMED, "0OIl"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slc_command c;
        enum slc_status status = parse(cases[i].line, &c);
        if (status != cases[i].status || strstr(error.text, cases[i].words) == NULL) {
            fail_msg("\"%s\": status %d, \"%s\"", cases[i].line, (int)status, error.text);
        }
    }
}

static void a_body_is_text_or_every_byte_of_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/sluice-body-XXXXXX", *body;
    size_t len;
    assert_int_equal(slc_command_body("-hello there", &body, &len, &error), SLC_OK);
    assert_int_equal(len, 11);
    assert_memory_equal(body, "hello there", 11);
    free(body);

    int fd = mkstemp(path);
    uint8_t *bytes = slc_vec_copy(slc_vec_linear(7, 0, 200000));
    assert_true(fd >= 0);
    assert_int_equal(slc_command_body(path, &body, &len, &error), SLC_OK);
    assert_int_equal(len, 0);
    free(body);
    assert_int_equal(write(fd, bytes, 200000), 200000);
    (void)close(fd);
    assert_int_equal(slc_command_body(path, &body, &len, &error), SLC_OK);
    slc_expect_bytes(slc_bytes(body, len), slc_bytes(bytes, 200000), "the file");
    free(body);
    assert_int_equal(truncate(path, SLC_COMMAND_BODY_MAX + 1), 0);
    assert_int_equal(slc_command_body(path, &body, &len, &error), SLC_TOO_LONG);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(slc_command_body(path, &body, &len, &error), SLC_NOT_FOUND);
    assert_non_null(strstr(error.text, path));
}

/* ---- lines ---- */

static sem_t woken;

static void wake(void *self)
{
    (void)self;
    (void)sem_post(&woken);
}

/* The next line, or NULL at the end. */
static char *next(struct slc_lines *lines)
{
    char *line;
    for (;;) {
        enum slc_lines_result result = slc_lines_take(lines, &line);
        if (result == SLC_LINES_LINE) return line;
        if (result == SLC_LINES_END) return NULL;
        (void)sem_wait(&woken);
    }
}

static void lines_come_whole_in_order_and_then_the_end(void **state)
{
    (void)state;
    static const char *const parts[] = {"fir", "st\nsecond\r\n\nfo", "urth"};
    static const char *const lines_wanted[] = {"first", "second", "", "fourth"};
    int ends[2];
    struct slc_lines *lines;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(slc_lines_start(&lines, ends[0], wake, NULL, &error), SLC_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(write(ends[1], parts[i], strlen(parts[i])), strlen(parts[i]));
    }
    (void)close(ends[1]);
    for (size_t i = 0; i < 4; i++) {
        char *line = next(lines);
        assert_non_null(line);
        assert_string_equal(line, lines_wanted[i]);
        free(line);
    }
    assert_null(next(lines));
    slc_lines_stop(lines);
    (void)close(ends[0]);
}

static void a_reader_ends_with_lines_nobody_took(void **state)
{
    (void)state;
    int ends[2];
    struct slc_lines *lines;
    assert_int_equal(pipe(ends), 0);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(write(ends[1], "line\n", 5), 5);
    }
    assert_int_equal(slc_lines_start(&lines, ends[0], wake, NULL, &error), SLC_OK);
    free(next(lines));
    slc_lines_stop(lines);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_with_surbs_is_anonymous),
        cmocka_unit_test(a_dash_in_place_of_surbs_is_a_plain_message),
        cmocka_unit_test(a_reply_names_a_tag),
        cmocka_unit_test(what_is_no_command_is_refused_with_the_word_that_is_wrong),
        cmocka_unit_test(a_body_is_text_or_every_byte_of_a_file),
        cmocka_unit_test(lines_come_whole_in_order_and_then_the_end),
        cmocka_unit_test(a_reader_ends_with_lines_nobody_took),
    };
    (void)sem_init(&woken, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
