/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/http_head.h"

#include <strings.h>

static bool is_token_char(uint8_t c)
{
    bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return alphanumeric || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct slc_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_token_char(text.data[i])) return false;
    }
    return text.len > 0;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Field values and reason phrases: visible characters, white space, and bytes above ASCII. */
static bool is_field_text(struct slc_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

static struct slc_bytes trimmed(struct slc_bytes text)
{
    while (text.len > 0 && is_space(text.data[0])) {
        text = slc_bytes(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && is_space(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* What stands before `separator`, taken off the front of `*text` with it; everything when there is no separator. */
static struct slc_bytes cut(struct slc_bytes *text, uint8_t separator, bool *found)
{
    const uint8_t *at = text->len == 0 ? NULL : memchr(text->data, separator, text->len);
    *found = at != NULL;
    if (at == NULL) {
        struct slc_bytes all = *text;
        *text = slc_bytes(NULL, 0);
        return all;
    }
    struct slc_bytes front = slc_bytes(text->data, (size_t)(at - text->data));
    *text = slc_bytes(at + 1, text->len - front.len - 1);
    return front;
}

/* The next line off the front of `*text`, without its CRLF. A CR elsewhere is left in and refused as field text. */
static bool line_next(struct slc_bytes *text, struct slc_bytes *line)
{
    bool found;
    *line = cut(text, '\n', &found);
    if (!found || line->len == 0 || line->data[line->len - 1] != '\r') return false;
    line->len--;
    return true;
}

size_t slc_http_head_bytes(struct slc_bytes bytes, size_t searched)
{
    static const char end[] = "\r\n\r\n";
    enum { END = sizeof end - 1 };
    size_t from = searched < END ? 0 : searched - (END - 1);
    if (bytes.len < from + END) return 0;
    const uint8_t *at = memmem(bytes.data + from, bytes.len - from, end, END);
    return at == NULL ? 0 : (size_t)(at - bytes.data) + END;
}

bool slc_http_field_next(struct slc_bytes *fields, struct slc_http_field *field)
{
    struct slc_bytes line;
    bool found;
    if (!line_next(fields, &line)) return false;
    field->name = cut(&line, ':', &found);
    field->value = trimmed(line);
    return found && is_token(field->name) && is_field_text(field->value);
}

enum slc_status slc_http_head_parse(struct slc_bytes bytes, struct slc_http_head *head)
{
    *head = (struct slc_http_head){0};
    struct slc_bytes line;
    bool found;
    if (!line_next(&bytes, &line) || !is_field_text(line)) return SLC_MALFORMED;
    head->start[0] = cut(&line, ' ', &found);
    if (!found) return SLC_MALFORMED;
    head->start[1] = cut(&line, ' ', &found);
    head->start[2] = line;
    if (head->start[0].len == 0 || head->start[1].len == 0) return SLC_MALFORMED;

    if (bytes.len < 2) return SLC_MALFORMED;
    head->fields = slc_bytes(bytes.data, bytes.len - 2);
    struct slc_http_field field;
    struct slc_bytes rest = head->fields;
    while (rest.len > 0) {
        if (!slc_http_field_next(&rest, &field)) return SLC_MALFORMED;
    }
    return memcmp(bytes.data + head->fields.len, "\r\n", 2) == 0 ? SLC_OK : SLC_MALFORMED;
}

bool slc_http_is(struct slc_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && (bytes.len == 0 || memcmp(bytes.data, text, bytes.len) == 0);
}

bool slc_http_is_nocase(struct slc_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && (bytes.len == 0 || strncasecmp((const char *)bytes.data, text, bytes.len) == 0);
}

size_t slc_http_field_find(const struct slc_http_head *head, const char *name, struct slc_bytes *value)
{
    size_t count = 0;
    struct slc_http_field field;
    *value = slc_bytes(NULL, 0);
    for (struct slc_bytes rest = head->fields; slc_http_field_next(&rest, &field);) {
        if (!slc_http_is_nocase(field.name, name)) continue;
        if (count == 0) *value = field.value;
        count++;
    }
    return count;
}

bool slc_http_field_has_token(const struct slc_http_head *head, const char *name, const char *token)
{
    struct slc_http_field field;
    for (struct slc_bytes rest = head->fields; slc_http_field_next(&rest, &field);) {
        if (!slc_http_is_nocase(field.name, name)) continue;
        bool more = true;
        while (more) {
            if (slc_http_is_nocase(trimmed(cut(&field.value, ',', &more)), token)) return true;
        }
    }
    return false;
}
