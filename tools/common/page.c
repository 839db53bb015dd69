/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/page.h"

#include "tools/common/embedded.h"

#include <stdlib.h>
#include <string.h>

static bool write_bytes(FILE *out, struct slc_bytes bytes)
{
    return fwrite(bytes.data, 1, bytes.len, out) == bytes.len;
}

/* What stands before `mark`, of which the frame has each once and in order; the rest stays in `frame`. */
static bool write_up_to(FILE *out, struct slc_bytes *frame, const char *mark)
{
    size_t mark_len = strlen(mark);
    const uint8_t *at = memmem(frame->data, frame->len, mark, mark_len);
    if (at == NULL) return false;
    size_t before = (size_t)(at - frame->data);
    bool written = write_bytes(out, slc_bytes(frame->data, before));
    *frame = slc_bytes(at + mark_len, frame->len - before - mark_len);
    return written;
}

bool slc_page_write(FILE *out, const struct slc_page *page, const void *what)
{
    struct slc_bytes frame = slc_embedded_page_frame();
    return write_up_to(out, &frame, "@TITLE@") && slc_page_text(out, page->title) &&
           write_up_to(out, &frame, "@STYLE@") && write_bytes(out, slc_embedded_page_style()) &&
           write_up_to(out, &frame, "@SUMMARY@") && page->summary(out, what) && write_up_to(out, &frame, "@CHART@") &&
           write_bytes(out, slc_embedded_chart_library()) && write_up_to(out, &frame, "@JSON@") &&
           page->json(out, what) && write_up_to(out, &frame, "@PLOTS@") &&
           write_bytes(out, slc_embedded_page_plots()) && write_up_to(out, &frame, "@SCRIPT@") &&
           write_bytes(out, page->script) && write_bytes(out, frame);
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
