/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/page.h"

#include "tools/common/embedded.h"

#include <stdlib.h>
#include <string.h>

static bool write_bytes(FILE *out, struct slc_bytes bytes)
{
    return fwrite(bytes.data, 1, bytes.len, out) == bytes.len;
}

bool slc_page_write(FILE *out, struct slc_bytes page, const struct slc_page_part *parts, size_t n, const void *what)
{
    for (size_t i = 0; i < n; i++) {
        size_t mark_len = strlen(parts[i].mark);
        const uint8_t *mark = memmem(page.data, page.len, parts[i].mark, mark_len);
        if (mark == NULL || !write_bytes(out, slc_bytes(page.data, (size_t)(mark - page.data)))) return false;
        if (!parts[i].write(out, what)) return false;
        page.len -= (size_t)(mark - page.data) + mark_len;
        page.data = mark + mark_len;
    }
    return write_bytes(out, page);
}

bool slc_page_style(FILE *out, const void *what)
{
    (void)what;
    return write_bytes(out, slc_embedded_page_style());
}

bool slc_page_chart(FILE *out, const void *what)
{
    (void)what;
    return write_bytes(out, slc_embedded_chart_library());
}

bool slc_page_plots(FILE *out, const void *what)
{
    (void)what;
    return write_bytes(out, slc_embedded_page_plots());
}

bool slc_page_text(FILE *out, const char *text)
{
    for (; *text != 0; text++) {
        const char *as = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : NULL;
        if (as != NULL ? fputs(as, out) < 0 : fputc(*text, out) == EOF) return false;
    }
    return true;
}

/* Inside a string both may be written as escapes, and outside strings JSON has neither. */
char *slc_page_json(char *json)
{
    if (json == NULL) return NULL;
    size_t len = strlen(json), extra = 0;
    for (size_t i = 0; i < len; i++) {
        extra += json[i] == '<' || json[i] == '>' ? 5 : 0;
    }
    char *out = malloc(len + extra + 1), *at = out;
    for (size_t i = 0; out != NULL && i <= len; i++) {
        if (json[i] == '<' || json[i] == '>') {
            memcpy(at, json[i] == '<' ? "\\u003c" : "\\u003e", 6);
            at += 6;
        } else {
            *at++ = json[i];
        }
    }
    free(json);
    return out;
}
