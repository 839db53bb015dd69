/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/json.h"

struct scan {
    const uint8_t *at;
    const uint8_t *end;
    enum slc_status status;
};

static bool fail(struct scan *s, enum slc_status status)
{
    if (s->status == SLC_OK) s->status = status;
    return false;
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r')) {
        s->at++;
    }
}

static bool take(struct scan *s, char c)
{
    if (s->at == s->end || *s->at != (uint8_t)c) return false;
    s->at++;
    return true;
}

static bool take_word(struct scan *s, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0) return fail(s, SLC_MALFORMED);
    s->at += len;
    return true;
}

static bool take_digits(struct scan *s)
{
    const uint8_t *start = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
        s->at++;
    }
    return s->at > start;
}

static bool scan_number(struct scan *s)
{
    (void)take(s, '-');
    if (!take(s, '0') && !take_digits(s)) return fail(s, SLC_MALFORMED);
    if (take(s, '.') && !take_digits(s)) return fail(s, SLC_MALFORMED);
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+')) (void)take(s, '-');
        if (!take_digits(s)) return fail(s, SLC_MALFORMED);
    }
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The four digits after \u. */
static bool scan_unit(struct scan *s, uint32_t *unit)
{
    *unit = 0;
    for (unsigned i = 0; i < 4; i++) {
        int digit = s->at < s->end ? hex_digit(*s->at) : -1;
        if (digit < 0) return fail(s, SLC_MALFORMED);
        *unit = *unit << 4 | (uint32_t)digit;
        s->at++;
    }
    return true;
}

/* One escape, its backslash already taken, as a code point. */
static bool scan_escape(struct scan *s, uint32_t *code)
{
    static const char NAMES[] = "\"\\/bfnrt";
    static const char VALUES[] = "\"\\/\b\f\n\r\t";
    if (s->at == s->end) return fail(s, SLC_MALFORMED);
    uint8_t name = *s->at++;
    if (name != 'u') {
        const char *found = name == 0 ? NULL : strchr(NAMES, name);
        if (found == NULL) return fail(s, SLC_MALFORMED);
        *code = (uint8_t)VALUES[found - NAMES];
        return true;
    }
    if (!scan_unit(s, code)) return false;
    if (*code < 0xd800 || *code > 0xdfff) return true;
    uint32_t low = 0;
    if (*code > 0xdbff || !take(s, '\\') || !take(s, 'u') || !scan_unit(s, &low) || low < 0xdc00 || low > 0xdfff) {
        return fail(s, SLC_MALFORMED);
    }
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static void write_code(struct slc_writer *w, uint32_t code)
{
    if (code < 0x80) {
        slc_write_u8(w, (uint8_t)code);
    } else if (code < 0x800) {
        slc_write_u8(w, (uint8_t)(0xc0 | code >> 6));
    } else if (code < 0x10000) {
        slc_write_u8(w, (uint8_t)(0xe0 | code >> 12));
        slc_write_u8(w, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
    } else {
        slc_write_u8(w, (uint8_t)(0xf0 | code >> 18));
        slc_write_u8(w, (uint8_t)(0x80 | (code >> 12 & 0x3f)));
        slc_write_u8(w, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
    }
    if (code >= 0x80) slc_write_u8(w, (uint8_t)(0x80 | (code & 0x3f)));
}

/* A string, from its first quote past its last; resolved into `out` when that is not NULL. */
static bool scan_string(struct scan *s, struct slc_writer *out)
{
    if (!take(s, '"')) return fail(s, SLC_MALFORMED);
    while (s->at < s->end) {
        uint8_t c = *s->at++;
        if (c == '"') return true;
        if (c < 0x20) return fail(s, SLC_MALFORMED);
        uint32_t code = 0;
        if (c == '\\') {
            if (!scan_escape(s, &code)) return false;
            if (out != NULL) write_code(out, code);
        } else if (out != NULL) {
            slc_write_u8(out, c);
        }
    }
    return fail(s, SLC_MALFORMED);
}

static bool scan_value(struct scan *s, unsigned depth, enum slc_json_kind *kind);

static bool scan_list(struct scan *s, unsigned depth, bool object)
{
    enum slc_json_kind kind;
    char close = object ? '}' : ']';
    if (depth == SLC_JSON_MAX_DEPTH) return fail(s, SLC_TOO_DEEP);
    s->at++;
    skip_space(s);
    if (take(s, close)) return true;
    do {
        skip_space(s);
        if (object) {
            if (!scan_string(s, NULL)) return false;
            skip_space(s);
            if (!take(s, ':')) return fail(s, SLC_MALFORMED);
            skip_space(s);
        }
        if (!scan_value(s, depth + 1, &kind)) return false;
        skip_space(s);
    } while (take(s, ','));
    return take(s, close) || fail(s, SLC_MALFORMED);
}

static bool scan_value(struct scan *s, unsigned depth, enum slc_json_kind *kind)
{
    switch (s->at < s->end ? *s->at : 0) {
    case '{':
        *kind = SLC_JSON_OBJECT;
        return scan_list(s, depth, true);
    case '[':
        *kind = SLC_JSON_ARRAY;
        return scan_list(s, depth, false);
    case '"':
        *kind = SLC_JSON_STRING;
        return scan_string(s, NULL);
    case 't':
        *kind = SLC_JSON_TRUE;
        return take_word(s, "true");
    case 'f':
        *kind = SLC_JSON_FALSE;
        return take_word(s, "false");
    case 'n':
        *kind = SLC_JSON_NULL;
        return take_word(s, "null");
    default:
        *kind = SLC_JSON_NUMBER;
        return scan_number(s);
    }
}

/* Length of the UTF-8 sequence at `at`, 0 if it is none: shortest form only, no surrogates, up to U+10FFFF. */
static size_t utf8_length(const uint8_t *at, size_t left)
{
    uint8_t first = at[0];
    if (first < 0x80) return 1;
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < len) return 0;
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
    }
    if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f)) return 0;
    if ((first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f)) return 0;
    return len;
}

static bool is_utf8(struct slc_bytes text)
{
    for (size_t at = 0, len; at < text.len; at += len) {
        len = utf8_length(text.data + at, text.len - at);
        if (len == 0) return false;
    }
    return true;
}

enum slc_status slc_json_parse(struct slc_bytes text, struct slc_json *value)
{
    if (text.len == 0) return SLC_MALFORMED;
    if (!is_utf8(text)) return SLC_NOT_UTF8;
    struct scan s = {text.data, text.data + text.len, SLC_OK};
    skip_space(&s);
    const uint8_t *start = s.at;
    if (!scan_value(&s, 0, &value->kind)) return s.status;
    value->raw = slc_bytes(start, (size_t)(s.at - start));
    skip_space(&s);
    return s.at == s.end ? SLC_OK : SLC_MALFORMED;
}

struct slc_json_walk slc_json_enter(const struct slc_json *value)
{
    struct slc_json_walk walk = {.object = value->kind == SLC_JSON_OBJECT};
    if (walk.object || value->kind == SLC_JSON_ARRAY) walk.left = slc_bytes(value->raw.data + 1, value->raw.len - 1);
    return walk;
}

bool slc_json_next(struct slc_json_walk *walk, struct slc_json *key, struct slc_json *value)
{
    if (walk->left.len == 0) return false;
    struct scan s = {walk->left.data, walk->left.data + walk->left.len, SLC_OK};
    skip_space(&s);
    (void)take(&s, ',');
    skip_space(&s);
    if (s.at == s.end || *s.at == '}' || *s.at == ']') return false;
    if (walk->object) {
        const uint8_t *start = s.at;
        if (!scan_string(&s, NULL)) return false;
        *key = (struct slc_json){SLC_JSON_STRING, slc_bytes(start, (size_t)(s.at - start))};
        skip_space(&s);
        (void)take(&s, ':');
        skip_space(&s);
    }
    const uint8_t *start = s.at;
    if (!scan_value(&s, 0, &value->kind)) return false;
    value->raw = slc_bytes(start, (size_t)(s.at - start));
    walk->left = slc_bytes(s.at, (size_t)(s.end - s.at));
    return true;
}

enum slc_status slc_json_text(const struct slc_json *value, uint8_t *out, size_t cap, size_t *len)
{
    if (value->kind != SLC_JSON_STRING) return SLC_MALFORMED;
    struct scan s = {value->raw.data, value->raw.data + value->raw.len, SLC_OK};
    struct slc_writer w = slc_writer(out, cap);
    if (!scan_string(&s, &w)) return s.status;
    *len = w.len;
    return slc_writer_ok(&w) ? SLC_OK : SLC_TOO_LONG;
}

bool slc_json_is(const struct slc_json *value, const char *text)
{
    enum { LONGEST = 64 }; /* no name of the protocol is longer */
    uint8_t own[LONGEST];
    size_t len = 0;
    return slc_json_text(value, own, sizeof own, &len) == SLC_OK && len == strlen(text) && memcmp(own, text, len) == 0;
}

/* Sign and magnitude of an integer literal. */
static enum slc_status integer(const struct slc_json *value, bool *negative, uint64_t *magnitude)
{
    if (value->kind != SLC_JSON_NUMBER) return SLC_MALFORMED;
    struct slc_bytes digits = value->raw;
    *negative = digits.data[0] == '-';
    if (*negative) digits = slc_bytes(digits.data + 1, digits.len - 1);
    *magnitude = 0;
    bool overflow = false;
    for (size_t i = 0; i < digits.len; i++) {
        uint8_t c = digits.data[i];
        if (c < '0' || c > '9') return SLC_MALFORMED;
        overflow |= __builtin_mul_overflow(*magnitude, 10u, magnitude);
        overflow |= __builtin_add_overflow(*magnitude, (uint64_t)(c - '0'), magnitude);
    }
    if (overflow) return SLC_OUT_OF_RANGE;
    return *negative && *magnitude == 0 ? SLC_MALFORMED : SLC_OK;
}

enum slc_status slc_json_u64(const struct slc_json *value, uint64_t max, uint64_t *out)
{
    bool negative = false;
    enum slc_status status = integer(value, &negative, out);
    if (status != SLC_OK) return status;
    return negative || *out > max ? SLC_OUT_OF_RANGE : SLC_OK;
}

enum slc_status slc_json_i64(const struct slc_json *value, int64_t *out)
{
    bool negative = false;
    uint64_t magnitude = 0;
    enum slc_status status = integer(value, &negative, &magnitude);
    if (status != SLC_OK) return status;
    if (magnitude > (uint64_t)INT64_MAX + negative) return SLC_OUT_OF_RANGE;
    *out = negative ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    return SLC_OK;
}

enum slc_status slc_json_bytes(const struct slc_json *value, uint8_t *out, size_t cap, size_t *len)
{
    if (value->kind != SLC_JSON_ARRAY) return SLC_MALFORMED;
    struct slc_json_walk walk = slc_json_enter(value);
    struct slc_json key;
    struct slc_json element;
    *len = 0;
    while (slc_json_next(&walk, &key, &element)) {
        uint64_t byte = 0;
        enum slc_status status = slc_json_u64(&element, UINT8_MAX, &byte);
        if (status != SLC_OK) return status;
        if (*len == cap) return SLC_TOO_LONG;
        out[(*len)++] = (uint8_t)byte;
    }
    return SLC_OK;
}

void slc_json_write_raw(struct slc_writer *w, const char *text)
{
    slc_write_bytes(w, text, strlen(text));
}

void slc_json_write_text(struct slc_writer *w, struct slc_bytes text)
{
    static const char HEX[] = "0123456789abcdef";
    slc_write_u8(w, '"');
    for (size_t i = 0; i < text.len; i++) {
        static const char VALUES[] = "\"\\\b\f\n\r\t";
        static const char NAMES[] = "\"\\bfnrt";
        uint8_t c = text.data[i];
        const char *found = c == 0 ? NULL : strchr(VALUES, c);
        if (found != NULL) {
            slc_write_u8(w, '\\');
            slc_write_u8(w, (uint8_t)NAMES[found - VALUES]);
        } else if (c < 0x20) {
            slc_json_write_raw(w, "\\u00");
            slc_write_u8(w, (uint8_t)HEX[c >> 4]);
            slc_write_u8(w, (uint8_t)HEX[c & 15]);
        } else {
            slc_write_u8(w, c);
        }
    }
    slc_write_u8(w, '"');
}

void slc_json_write_u64(struct slc_writer *w, uint64_t value)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    slc_write_bytes(w, digits + at, sizeof digits - at);
}

void slc_json_write_i64(struct slc_writer *w, int64_t value)
{
    if (value < 0) slc_write_u8(w, '-');
    slc_json_write_u64(w, value < 0 ? (uint64_t)(-(value + 1)) + 1 : (uint64_t)value);
}

void slc_json_write_bytes(struct slc_writer *w, struct slc_bytes bytes)
{
    slc_write_u8(w, '[');
    for (size_t i = 0; i < bytes.len; i++) {
        if (i > 0) slc_write_u8(w, ',');
        slc_json_write_u64(w, bytes.data[i]);
    }
    slc_write_u8(w, ']');
}
