/* SPDX-License-Identifier: Apache-2.0 */
#include "net/directory/json_scan_internal.h"

#include <stdbool.h>
#include <string.h>

#include "net/directory/json_internal.h"

static bool fail(struct slc_doc_scan *s, enum slc_status status, const char *problem)
{
    s->status = status;
    s->problem = problem;
    return false;
}

/* The text ends in 0, which no rule accepts: looking at the next byte needs no bound. */
static unsigned char next(const struct slc_doc_scan *s)
{
    return (unsigned char)s->text[s->at];
}

static bool take(struct slc_doc_scan *s, char c)
{
    if (s->text[s->at] != c || s->at >= s->len) return false;
    s->at++;
    return true;
}

static void skip_space(struct slc_doc_scan *s)
{
    while (next(s) == ' ' || next(s) == '\t' || next(s) == '\n' || next(s) == '\r') {
        s->at++;
    }
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* ---- strings ---- */

/* One character of more than one byte, shortest form only, no surrogates, at most U+10FFFF (RFC 3629). */
static bool scan_utf8(struct slc_doc_scan *s)
{
    unsigned char first = next(s);
    unsigned more = first >= 0xc2 && first <= 0xdf ? 1 : first >= 0xe0 && first <= 0xef ? 2 : 3;
    if (first < 0xc2 || first > 0xf4) return fail(s, SLC_NOT_UTF8, "not UTF-8");
    unsigned char low = 0x80, high = 0xbf;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    for (unsigned i = 0; i < more; i++) {
        s->at++;
        if (next(s) < low || next(s) > high) return fail(s, SLC_NOT_UTF8, "not UTF-8");
        low = 0x80;
        high = 0xbf;
    }
    s->at++;
    return true;
}

static bool scan_hex4(struct slc_doc_scan *s, unsigned *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = next(s);
        unsigned digit = is_digit(c)            ? (unsigned)c - '0'
                         : c >= 'a' && c <= 'f' ? (unsigned)c - 'a' + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)c - 'A' + 10
                                                : 16;
        if (digit == 16) return fail(s, SLC_MALFORMED, "\\u needs four hexadecimal digits");
        *value = *value << 4 | digit;
        s->at++;
    }
    return true;
}

static bool scan_escape(struct slc_doc_scan *s)
{
    s->at++;
    unsigned char c = next(s);
    if (c != 0 && strchr("\"\\/bfnrt", c) != NULL) {
        s->at++;
        return true;
    }
    if (!take(s, 'u')) return fail(s, SLC_MALFORMED, "unknown escape");
    unsigned unit = 0, second = 0;
    if (!scan_hex4(s, &unit)) return false;
    if (unit == 0) return fail(s, SLC_MALFORMED, "a NUL character, which no text here may have");
    if (unit < 0xd800 || unit > 0xdfff) return true;
    bool pair = unit <= 0xdbff && take(s, '\\') && take(s, 'u');
    if (pair && !scan_hex4(s, &second)) return false;
    if (second < 0xdc00 || second > 0xdfff) return fail(s, SLC_NOT_UTF8, "half of a surrogate pair");
    return true;
}

static bool scan_string(struct slc_doc_scan *s)
{
    if (!take(s, '"')) return fail(s, SLC_MALFORMED, "a string must start here, with a double quote");
    while (next(s) != '"') {
        if (s->at >= s->len) return fail(s, SLC_MALFORMED, "the text ends inside a string");
        if (next(s) < 0x20) return fail(s, SLC_MALFORMED, "a control character inside a string");
        if (next(s) == '\\') {
            if (!scan_escape(s)) return false;
        } else if (next(s) >= 0x80) {
            if (!scan_utf8(s)) return false;
        } else {
            s->at++;
        }
    }
    s->at++;
    return true;
}

/* ---- values ---- */

static bool scan_digits(struct slc_doc_scan *s)
{
    if (!is_digit(next(s))) return fail(s, SLC_MALFORMED, "a digit is missing");
    while (is_digit(next(s))) {
        s->at++;
    }
    return true;
}

static bool scan_number(struct slc_doc_scan *s)
{
    size_t start = s->at;
    (void)take(s, '-');
    if (!take(s, '0') && !scan_digits(s)) return false;
    if (take(s, '.') && !scan_digits(s)) return false;
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+')) (void)take(s, '-');
        if (!scan_digits(s)) return false;
    }
    if (s->at - start > SLC_DOC_NUMBER_CHARS_MAX) {
        s->at = start;
        return fail(s, SLC_TOO_LONG, "a number of too many characters");
    }
    return true;
}

static bool scan_word(struct slc_doc_scan *s, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(s->text + s->at, word, len) != 0) return fail(s, SLC_MALFORMED, "a value must start here");
    s->at += len;
    return true;
}

static bool scan_value(struct slc_doc_scan *s);

static bool scan_member(struct slc_doc_scan *s)
{
    skip_space(s);
    if (!scan_string(s)) return false;
    skip_space(s);
    if (!take(s, ':')) return fail(s, SLC_MALFORMED, "a colon must follow the key");
    return scan_value(s);
}

static bool scan_list(struct slc_doc_scan *s, char close, bool (*element)(struct slc_doc_scan *))
{
    s->at++;
    skip_space(s);
    if (take(s, close)) return true;
    do {
        if (!element(s)) return false;
        skip_space(s);
    } while (take(s, ','));
    if (!take(s, close)) {
        return fail(s, SLC_MALFORMED, close == '}' ? "a comma or } must follow" : "a comma or ] must follow");
    }
    return true;
}

static bool scan_value(struct slc_doc_scan *s)
{
    skip_space(s);
    if (s->values == s->wanted) {
        s->wanted_at = s->at;
    }
    if (++s->values > SLC_DOC_VALUES_MAX) return fail(s, SLC_TOO_LONG, "too many values");
    if (s->depth >= SLC_DOC_DEPTH_MAX) return fail(s, SLC_TOO_DEEP, "nested too deep");
    s->depth++;
    bool ok;
    switch (next(s)) {
    case '{':
        ok = scan_list(s, '}', scan_member);
        break;
    case '[':
        ok = scan_list(s, ']', scan_value);
        break;
    case '"':
        ok = scan_string(s);
        break;
    case 't':
        ok = scan_word(s, "true");
        break;
    case 'f':
        ok = scan_word(s, "false");
        break;
    case 'n':
        ok = scan_word(s, "null");
        break;
    default:
        ok = next(s) == '-' || is_digit(next(s)) ? scan_number(s) : fail(s, SLC_MALFORMED, "a value must start here");
    }
    s->depth--;
    return ok;
}

void slc_doc_scan(struct slc_doc_scan *s)
{
    s->status = SLC_OK;
    s->at = s->wanted_at = s->values = 0;
    s->depth = 0;
    if (!scan_value(s)) return;
    skip_space(s);
    if (s->at != s->len) {
        (void)fail(s, SLC_MALFORMED, "the document has ended, and something follows");
    }
}

struct slc_doc_place slc_doc_place(const char *text, size_t offset)
{
    struct slc_doc_place place = {1, 1};
    for (size_t i = 0; i < offset; i++) {
        place.column = text[i] == '\n' ? 1 : place.column + 1;
        place.line += text[i] == '\n';
    }
    return place;
}
