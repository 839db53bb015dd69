/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DIRECTORY_DATETIME_H
#define SLUICE_DIRECTORY_DATETIME_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Times of the directory (docs/protocol/4-client.md, section 10.4): RFC 3339 ("2026-05-16T10:00:00Z"), and what the
 * Rust `time` crate prints ("2026-05-16 10:01:02.5 +00:00:00"). Seconds since 1970, fractions dropped. Any thread.
 */

enum { SLC_DATETIME_TEXT_MAX = 32 };

/* RFC 3339 only. False: not one; years 1970 to 9999. */
bool slc_datetime_rfc3339(const char *text, int64_t *unix_seconds);
/* Either form; anything else is 0, as the published clients take it. */
int64_t slc_datetime_lenient(const char *text);
/* "2026-05-16T10:00:00Z"; what lies outside 1970 .. 9999 is moved to the nearest end. */
void slc_datetime_to_text(int64_t unix_seconds, char text[SLC_DATETIME_TEXT_MAX]);

#endif
