/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CT_PATHS_H
#define SLUICE_CT_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What handles secrets, one path after another, for the two proofs of constant time: memory.c runs each with its
 * secrets undefined under valgrind, steps.c runs each twice with different secrets, instruction by instruction.
 */

enum { SLC_CT_SECRET_BYTES = 4096 };

struct slc_ct_path {
    const char *name;
    /* The secrets of the path are in `secret`; everything else about a run is the same every time. */
    void (*run)(const uint8_t secret[SLC_CT_SECRET_BYTES]);
    /* Not step by step: made of other paths, or portable C, or what it declassifies decides what it does next. */
    bool memory_only;
};

extern const struct slc_ct_path slc_ct_paths[];
extern const size_t slc_ct_path_count;

/* Tables, scratch, and what a path opens: from public bytes, before any path runs. `small` batches, or full. 0, or -1.
 */
int slc_ct_set_up(bool small);

/* Ends the program with a text unless `good`: a path that fails proves nothing. */
void slc_ct_must(int good, const char *what);

/* The opposite of slc_declassify() (crypto/base/secret.h), which is the program's too: marks secrets. */
void slc_ct_classify(const void *bytes, size_t len);

#endif
