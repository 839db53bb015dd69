/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PAGE_H
#define SLUICE_PAGE_H

#include "crypto/base/bytes.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * Self-contained HTML pages: the frame that all have (tools/report/frame.html), with a page's own title, JSON and
 * script in it. The frame carries a content security policy that forbids every load, so nothing is fetched when a page
 * is viewed.
 */

/* Writes something about `what`; false: a write failed or there is no memory, see errno. */
typedef bool slc_page_fn(FILE *out, const void *what);

struct slc_page {
    const char *title;
    slc_page_fn *summary; /* text, for readers without scripts                              */
    slc_page_fn *json;    /* `report` of the script; through slc_page_json()                */
    struct slc_bytes script;
};

/* Writes the page about `what`. False: a write failed, or there is no memory. */
bool slc_page_write(FILE *out, const struct slc_page *page, const void *what);

/* Text as HTML shows it. */
bool slc_page_text(FILE *out, const char *text);

/*
 * JSON that can stand inside a script element: '<' and '>' as escapes. Frees `json` (malloc; NULL gives NULL); the
 * result is the caller's, NULL without memory.
 */
char *slc_page_json(char *json);

#endif
