/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_GATEWAY_JSON_H
#define SLUICE_GATEWAY_JSON_H

#include "crypto/base/bytes.h"
#include "crypto/base/error.h"

/*
 * JSON of the gateway's control messages, read in place without allocation (docs/protocol/3-gateway.md, section 5).
 *
 * A general JSON library loses what decides here: whether an integer was written as `1`, `1.0` or `1e0`, and whether a
 * key came twice. A value is its kind and its text, checked once as a whole; what is inside is walked when asked for.
 * All functions: any thread, no state.
 */

enum { SLC_JSON_MAX_DEPTH = 32 };

enum slc_json_kind {
    SLC_JSON_NULL,
    SLC_JSON_FALSE,
    SLC_JSON_TRUE,
    SLC_JSON_NUMBER,
    SLC_JSON_STRING,
    SLC_JSON_ARRAY,
    SLC_JSON_OBJECT,
};

/* A checked value; `raw` is a view of its text, quotes and brackets included. */
struct slc_json {
    enum slc_json_kind kind;
    struct slc_bytes raw;
};

/*
 * Checks that `text` is exactly one JSON value (RFC 8259) with white space around it, and describes it.
 * SLC_NOT_UTF8, SLC_TOO_DEEP (over SLC_JSON_MAX_DEPTH), SLC_MALFORMED (unpaired surrogates and trailing text too).
 */
SLC_MUST_CHECK enum slc_status slc_json_parse(struct slc_bytes text, struct slc_json *value);

/* Walks the members of a checked object, or the elements of a checked array; other values have none. */
struct slc_json_walk {
    struct slc_bytes left;
    bool object;
};
struct slc_json_walk slc_json_enter(const struct slc_json *value);
/* False at the end. `key`, a string, is set for objects only. */
bool slc_json_next(struct slc_json_walk *walk, struct slc_json *key, struct slc_json *value);

/* Whether a string value, escapes resolved, is `text`. */
bool slc_json_is(const struct slc_json *value, const char *text);

/* Copies a string, escapes resolved, to `out`. SLC_MALFORMED (no string), SLC_TOO_LONG. */
SLC_MUST_CHECK enum slc_status slc_json_text(const struct slc_json *value, uint8_t *out, size_t cap, size_t *len);

/*
 * Integers, as serde takes them: a literal without fraction, exponent or minus zero.
 * SLC_MALFORMED (no integer), SLC_OUT_OF_RANGE (0 .. max; or beyond 64 bits, signed).
 */
SLC_MUST_CHECK enum slc_status slc_json_u64(const struct slc_json *value, uint64_t max, uint64_t *out);
SLC_MUST_CHECK enum slc_status slc_json_i64(const struct slc_json *value, int64_t *out);

/* An array of numbers 0 to 255 as bytes. SLC_MALFORMED, SLC_OUT_OF_RANGE, SLC_TOO_LONG. */
SLC_MUST_CHECK enum slc_status slc_json_bytes(const struct slc_json *value, uint8_t *out, size_t cap, size_t *len);

/* ---- writing, compact as serde_json does ---- */

/* `text` as a quoted string. UTF-8 is the caller's business. */
void slc_json_write_text(struct slc_writer *w, struct slc_bytes text);
void slc_json_write_u64(struct slc_writer *w, uint64_t value);
void slc_json_write_i64(struct slc_writer *w, int64_t value);
/* [1,255,0] */
void slc_json_write_bytes(struct slc_writer *w, struct slc_bytes bytes);
/* A piece of syntax or a literal, as it stands. */
void slc_json_write_raw(struct slc_writer *w, const char *text);

#endif
