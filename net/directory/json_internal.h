/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DIRECTORY_JSON_INTERNAL_H
#define SLUICE_DIRECTORY_JSON_INTERNAL_H

#include <cjson/cJSON.h>

#include "crypto/base/bytes.h"
#include "crypto/base/error.h"

/*
 * JSON from outside, read with bounds and with errors that name the place.
 *
 * The text is first checked against RFC 8259 to the letter (UTF-8, no lone surrogates, no NUL, no trailing bytes,
 * bounded size, depth and number of values), because cJSON alone takes more than JSON. Then cJSON makes the tree, and
 * objects with a key twice are refused: two readers could see two different documents in them.
 *
 * A document is read like bytes through a cursor: the first failure is kept in `status` with its text in `error`
 * ("name:line:column: path: what"); later reads give zeros, and one check at the end is enough. One thread.
 */

enum {
    SLC_DOC_BYTES_MAX = 16 << 20,  /* a directory of 10000 nodes is about 6 MiB                  */
    SLC_DOC_VALUES_MAX = 1 << 20,  /* times about 80 bytes of cJSON                              */
    SLC_DOC_DEPTH_MAX = 32,        /* the deepest known document has 7 levels                    */
    SLC_DOC_NUMBER_CHARS_MAX = 60, /* cJSON cuts numbers at 63 characters                        */
};
/* Whole numbers above it are not exact in a double, which is what cJSON keeps. */
#define SLC_DOC_WHOLE_MAX (UINT64_C(1) << 53)

struct slc_doc {
    const char *name; /* file or URL, for messages; the caller's                                */
    char *text;       /* owned copy, terminated                                                 */
    size_t len;
    cJSON *root;
    enum slc_status status;
    struct slc_error *error; /* may be NULL; the caller's                                        */
};

/* Whether a member must be there; an optional one may be missing or null. */
enum slc_doc_need { SLC_DOC_OPTIONAL, SLC_DOC_REQUIRED };

/*
 * Reads `bytes` (copied). SLC_OK, SLC_TOO_LONG, SLC_TOO_DEEP, SLC_MALFORMED, SLC_NOT_UTF8, SLC_DUPLICATE,
 * SLC_NO_MEMORY. To be closed in every case.
 */
SLC_MUST_CHECK enum slc_status slc_doc_open(struct slc_doc *json, struct slc_bytes bytes, const char *name,
                                            struct slc_error *error);
void slc_doc_close(struct slc_doc *json);

/*
 * Keeps the first failure: `node` (of this document, or NULL: no place) is turned into line, column and path.
 * Returns the kept status.
 */
enum slc_status slc_doc_fail(struct slc_doc *json, const cJSON *node, enum slc_status status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Members of an object. NULL, zero or false when optional and absent, and after any failure. */
const cJSON *slc_doc_member(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need);
const cJSON *slc_doc_object(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need);
const cJSON *slc_doc_array(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need);
const char *slc_doc_text(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need);
bool slc_doc_bool(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need);
/* A whole number in min .. max, max <= SLC_DOC_WHOLE_MAX; SLC_OUT_OF_RANGE. */
uint64_t slc_doc_number(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need,
                        uint64_t min, uint64_t max);
uint32_t slc_doc_u32(struct slc_doc *json, const cJSON *object, const char *key);
/* 1 .. 65535. 0: optional and absent. */
uint16_t slc_doc_port(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need);

/* The value itself, where it is an array's element. */
uint64_t slc_doc_whole(struct slc_doc *json, const cJSON *value, uint64_t min, uint64_t max);
/* The number of an array's elements or an object's members; O(n). */
size_t slc_doc_count(const cJSON *value);

#endif
