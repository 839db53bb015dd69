/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/keys/keys.h"

#include "crypto/base/secret.h"

/* Lines of 64 characters with CRLF, as the published clients write them; a body of raw key bytes, never DER. */
enum {
    LINE = 64,
    MAX_KEY = 768,                 /* bytes; the keys of the network have 16 or 32 */
    MAX_BODY = MAX_KEY / 3 * 4 + 1 /* base64 characters and the final 0            */
};

static const char BEGIN[] = "-----BEGIN ";
static const char END[] = "-----END ";
static const char DASHES[] = "-----";

static void write_text(struct slc_writer *w, const char *text)
{
    slc_write_bytes(w, text, strlen(text));
}

static void write_boundary(struct slc_writer *w, const char *boundary, const char *tag)
{
    write_text(w, boundary);
    write_text(w, tag);
    write_text(w, DASHES);
    write_text(w, "\r\n");
}

enum slc_status slc_pem_encode(char *text, size_t cap, const char *tag, struct slc_bytes key)
{
    char body[MAX_BODY];
    enum slc_status status = slc_base64_encode(body, sizeof body, key);
    if (status != SLC_OK) return status;

    struct slc_writer w = slc_writer(text, cap);
    write_boundary(&w, BEGIN, tag);
    size_t len = strlen(body);
    for (size_t at = 0; at < len; at += LINE) {
        slc_write_bytes(&w, body + at, len - at < LINE ? len - at : LINE);
        write_text(&w, "\r\n");
    }
    write_boundary(&w, END, tag);
    slc_write_u8(&w, 0);
    slc_wipe(body, sizeof body);
    return slc_writer_ok(&w) ? SLC_OK : SLC_TOO_LONG;
}

/* The next line without its end and trailing blanks; false at the end of the text. */
static bool next_line(struct slc_reader *r, struct slc_bytes *line)
{
    size_t left = slc_reader_left(r);
    if (left == 0) return false;
    const uint8_t *feed = memchr(r->at, '\n', left);
    size_t len = feed != NULL ? (size_t)(feed - r->at) : left;
    *line = slc_read_bytes(r, len);
    (void)slc_read_bytes(r, feed != NULL ? 1 : 0);
    while (line->len > 0 && strchr("\r \t", line->data[line->len - 1]) != NULL && line->data[line->len - 1] != '\0') {
        line->len--;
    }
    return true;
}

/* Whether `line` is `boundary` tag "-----"; the tag as a view. */
static bool is_boundary(struct slc_bytes line, const char *boundary, struct slc_bytes *tag)
{
    size_t head = strlen(boundary);
    size_t tail = strlen(DASHES);
    if (line.len < head + tail) return false;
    if (memcmp(line.data, boundary, head) != 0 || memcmp(line.data + line.len - tail, DASHES, tail) != 0) return false;
    *tag = slc_bytes(line.data + head, line.len - head - tail);
    return true;
}

static bool same(struct slc_bytes a, struct slc_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Gathers the base64 between the two boundaries. */
static enum slc_status read_body(struct slc_reader *r, struct slc_bytes tag, struct slc_writer *body)
{
    struct slc_bytes line;
    struct slc_bytes found;
    while (next_line(r, &line)) {
        if (is_boundary(line, END, &found)) {
            if (!same(found, tag)) return SLC_MALFORMED;
            return slc_writer_ok(body) ? SLC_OK : SLC_TOO_LONG;
        }
        slc_write_bytes(body, line.data, line.len);
    }
    return SLC_MALFORMED;
}

enum slc_status slc_pem_decode(uint8_t *out, size_t cap, size_t *out_len, const char *tag, struct slc_bytes text)
{
    *out_len = 0;
    struct slc_reader r = slc_reader(text);
    struct slc_bytes line;
    struct slc_bytes found;
    do {
        if (!next_line(&r, &line)) return SLC_MALFORMED;
    } while (!is_boundary(line, BEGIN, &found));
    if (!same(found, slc_bytes_of_text(tag))) return SLC_NOT_FOUND;

    char body[MAX_BODY];
    struct slc_writer w = slc_writer(body, sizeof body);
    enum slc_status status = read_body(&r, found, &w);
    if (status == SLC_OK) {
        status = slc_base64_decode(out, cap, out_len, body, w.len);
    }
    slc_wipe(body, sizeof body);
    return status;
}
