/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/utf8.h"

#include "tests/support/vectors.h"

/* Bytes of `code` in a sequence of `len` bytes, long forms and impossible values included: plain bit shuffling. */
static struct slc_bytes encoded(uint8_t out[4], uint32_t code, unsigned len)
{
    static const uint8_t first[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    for (unsigned i = len; i-- > 1;) {
        out[i] = (uint8_t)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (uint8_t)(first[len] | code);
    return slc_bytes(out, len);
}

/* RFC 3629, section 3. */
static unsigned proper_length(uint32_t code)
{
    if (code >= 0xd800 && code <= 0xdfff) return 0;
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : code < 0x110000 ? 4 : 0;
}

static void every_number_in_every_length_is_judged_by_the_definition(void **state)
{
    (void)state;
    static const uint32_t limit[] = {0, 1u << 7, 1u << 11, 1u << 16, 1u << 21};
    for (unsigned len = 1; len <= 4; len++) {
        for (uint32_t code = 0; code < limit[len]; code++) {
            uint8_t bytes[4];
            struct slc_bytes text = encoded(bytes, code, len);
            if (slc_utf8_ok(text) != (proper_length(code) == len)) fail_msg("U+%X in %u bytes", code, len);
        }
    }
}

static void a_character_is_found_broken_wherever_it_stands(void **state)
{
    (void)state;
    static const uint32_t codes[] = {0xe9, 0x20ac, 0x1f600};
    for (size_t before = 0; before < 40; before++) {
        for (size_t c = 0; c < sizeof codes / sizeof *codes; c++) {
            uint8_t text[64];
            memset(text, 'a', sizeof text);
            unsigned len = proper_length(codes[c]);
            (void)encoded(text + before, codes[c], len);
            assert_true(slc_utf8_ok(slc_bytes(text, sizeof text)));
            for (size_t cut = before + 1; cut < before + len; cut++) {
                assert_false(slc_utf8_ok(slc_bytes(text, cut)));
            }
            assert_true(slc_utf8_ok(slc_bytes(text, before)));
            assert_false(slc_utf8_ok(slc_bytes(text + before + 1, sizeof text - before - 1)));
            text[before + len - 1] = 'a';
            assert_false(slc_utf8_ok(slc_bytes(text, sizeof text)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_in_every_length_is_judged_by_the_definition),
        cmocka_unit_test(a_character_is_found_broken_wherever_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
