/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SECRET_H
#define SLUICE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Handling of secrets: wiped by a store the compiler may not drop, compared in constant time, long-lived ones in
 * guarded memory (locked, not in core dumps, between inaccessible pages).
 */

/* Overwrites `len` bytes with zeros. Any thread. */
void slc_wipe(void *secret, size_t len);

/* Whether two secrets of `len` bytes are equal; time depends on `len` only. Any thread. */
bool slc_equal(const void *a, const void *b, size_t len);

/*
 * Says that these bytes, though computed from secrets, may decide branches from here on: a verdict, or what a packet's
 * recipient acts upon. Does nothing; the proof of constant time (tests/crypto/ct) compiles it in, to mark them so.
 */
#ifdef SLC_CONSTANT_TIME_PROOF
void slc_declassify(const void *bytes, size_t len);
#else
static inline void slc_declassify(const void *bytes, size_t len)
{
    (void)bytes;
    (void)len;
}
#endif

/*
 * Guarded memory for long-lived keys: zeroed, whole pages, so not for one object per packet or per virtual client;
 * allocate an array. NULL when there is none. Freed (and wiped) by slc_guarded_free(), which takes NULL. Any thread.
 */
void *slc_guarded_new(size_t len);
void slc_guarded_free(void *memory);

#endif
