/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_FILE_H
#define SLUICE_FILE_H

#include "crypto/base/error.h"

/* Reads a whole file of at most `max` bytes; `*text` is 0-terminated, to be freed with free(). Errors name path and
 * why. */
SLC_MUST_CHECK enum slc_status slc_file_read(const char *path, size_t max, char **text, struct slc_error *error);
/*
 * Writes a file whole or not at all: into a new file beside it, synced, then renamed over it, so that a full disk or a
 * crash leaves the old one. mode: 0600 for secrets.
 */
SLC_MUST_CHECK enum slc_status slc_file_write(const char *path, const void *data, size_t len, unsigned mode,
                                              struct slc_error *error);

#endif
