/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PAGE_H
#define SLUICE_PAGE_H

#include "crypto/base/bytes.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * Self-contained HTML pages: a template of tools/ with marks such as @JSON@ in it, each replaced once. Templates carry
 * a content security policy that forbids every load, so nothing is fetched when a page is viewed.
 */

/* Writes something about `what`; false: a write failed or there is no memory, see errno. */
typedef bool slc_page_fn(FILE *out, const void *what);

struct slc_page_part {
    const char *mark;
    slc_page_fn *write;
};

/* Writes the page; `parts` in the order of their marks. False: a write failed, or a mark is not there. */
bool slc_page_write(FILE *out, struct slc_bytes page, const struct slc_page_part *parts, size_t n, const void *what);

/* Parts that every page has: look (@STYLE@), charting library (@CHART@), helpers in JavaScript (@PLOTS@). */
slc_page_fn slc_page_style, slc_page_chart, slc_page_plots;

/* Text as HTML shows it. */
bool slc_page_text(FILE *out, const char *text);

/*
 * JSON that can stand inside a script element: '<' and '>' as escapes. Frees `json` (malloc; NULL gives NULL); the
 * result is the caller's, NULL without memory.
 */
char *slc_page_json(char *json);

#endif
