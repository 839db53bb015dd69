/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_ERROR_H
#define SLUICE_ERROR_H

#include "sluice/status.h"

/*
 * Filling a slc_error (sluice/status.h), with what a person needs: what, where, what to do.
 */

/*
 * Fills `error` (may be NULL) and returns `status`, so that a failure is one line:
 *     return slc_fail(error, SLC_MALFORMED, "%s:%u:%u: ...", file, line, column);
 * Longer text is cut. Never put a secret in. Any thread.
 */
enum slc_status slc_fail(struct slc_error *error, enum slc_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
