/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DIRECTORY_JSON_SCAN_INTERNAL_H
#define SLUICE_DIRECTORY_JSON_SCAN_INTERNAL_H

#include <stddef.h>

#include "crypto/base/error.h"

/*
 * Whether a text is JSON (RFC 8259), and where its n-th value stands. Values are counted in the order of the text,
 * the outermost is number 0; keys are not values. No allocation. Any thread.
 */
struct slc_doc_scan {
    const char *text; /* `len` bytes and a final 0 */
    size_t len;
    size_t wanted; /* number of the value whose place is asked for; SIZE_MAX: none */

    enum slc_status status; /* result: SLC_OK, SLC_MALFORMED, SLC_NOT_UTF8, SLC_TOO_DEEP, SLC_TOO_LONG */
    const char *problem;    /* result of a failure: static text                                        */
    size_t at;              /* offset: where scanning stopped                                          */
    size_t wanted_at;       /* result: offset of the wanted value; 0 when there is none                */
    size_t values;          /* values seen                                                             */
    unsigned depth;
};
void slc_doc_scan(struct slc_doc_scan *scan);

/* Line and column of an offset, both from 1; columns are bytes. */
struct slc_doc_place {
    size_t line, column;
};
struct slc_doc_place slc_doc_place(const char *text, size_t offset);

#endif
