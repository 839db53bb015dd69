/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_HTTP_HEAD_H
#define SLUICE_HTTP_HEAD_H

#include "crypto/base/bytes.h"
#include "crypto/base/error.h"

/*
 * Heads of HTTP/1.1 messages (RFC 9112): the start line and the fields up to the empty line. As much as a WebSocket
 * upgrade needs. Lines end with CRLF; folded fields, bare CR or LF, and control characters are refused.
 */

/* A head taken apart; views of the bytes it was parsed from. */
struct slc_http_head {
    struct slc_bytes start[3]; /* request: method, target, version; response: version, status code, reason (or empty) */
    struct slc_bytes fields; /* the field lines, checked                                                              */
};

struct slc_http_field {
    struct slc_bytes name;
    struct slc_bytes value; /* without the white space around it */
};

/*
 * Bytes of the head at the front of `bytes`, the empty line included; 0 when its end is not there yet.
 * `searched` bytes at the front are known not to contain the end (0 at first).
 */
size_t slc_http_head_bytes(struct slc_bytes bytes, size_t searched);

/* `bytes` is one whole head, as measured above. SLC_OK or SLC_MALFORMED. Any thread. */
SLC_MUST_CHECK enum slc_status slc_http_head_parse(struct slc_bytes bytes, struct slc_http_head *head);

/* Walks over the fields: the next one off the front of `fields` (a copy of head->fields); false at the end. */
bool slc_http_field_next(struct slc_bytes *fields, struct slc_http_field *field);

/* How many fields have that name, in any case; `*value` is the first's, or empty. */
size_t slc_http_field_find(const struct slc_http_head *head, const char *name, struct slc_bytes *value);

/* Whether `token` stands, in any case, in the comma-separated lists of all fields with that name. */
bool slc_http_field_has_token(const struct slc_http_head *head, const char *name, const char *token);

/* Whether `bytes` is `text`, exactly or in any case (ASCII). */
bool slc_http_is(struct slc_bytes bytes, const char *text);
bool slc_http_is_nocase(struct slc_bytes bytes, const char *text);

#endif
