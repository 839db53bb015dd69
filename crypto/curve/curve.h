/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CURVE_H
#define SLUICE_CURVE_H

#include "crypto/base/bytes.h"
#include "crypto/base/error.h"

/*
 * X25519 in batches (docs/protocol/1-sphinx.md, sections 4 and 11.1; docs/performance.md).
 *
 * Keys that come back again and again (nodes of a topology, the base point, a frequent recipient) get a table once;
 * a multiplication by a table costs a fraction of a ladder. A route's secrets are products of clamped scalars, kept
 * modulo the group order, so hop i costs one multiplication whatever i is.
 *
 * Everything here is constant time in scalars and points; which table a job uses is not a secret from the machine.
 * Results do not depend on batch size, order or back end. No allocation except where said. Threads: scratch belongs
 * to one thread; tables are read-only after they are built.
 */

enum {
    SLC_KEY_BYTES = 32, /* an X25519 secret, public key or shared secret */
};

/* Multiples of 8P for one public key P. Opaque; immutable; 64-byte aligned. */
struct slc_curve_table;

/*
 * Builds the table of `public_key` (bit 255 ignored, non-canonical values taken as RFC 7748 does); allocates.
 * SLC_BAD_KEY: the key is on the twist, or of low order, so that a shared secret with it would protect nothing;
 * `*table` is then NULL. Free with slc_curve_table_free(), which takes NULL.
 */
SLC_MUST_CHECK enum slc_status slc_curve_table_new(struct slc_curve_table **table,
                                                   const uint8_t public_key[SLC_KEY_BYTES]);
void slc_curve_table_free(struct slc_curve_table *table);
/* Bytes of one table, for the report. */
size_t slc_curve_table_bytes(void);

/* The base point's table; built at the first call (any thread), never freed. */
const struct slc_curve_table *slc_curve_base(void);

/*
 * A product of clamped X25519 secrets divided by 8, modulo the order of the base point. Secret: wipe it.
 * slc_scalar_start() takes the first factor, slc_scalar_multiply() each further one; both clamp what they are given.
 */
struct slc_scalar {
    uint64_t word[4];
};
void slc_scalar_start(struct slc_scalar *scalar, const uint8_t secret[SLC_KEY_BYTES]);
void slc_scalar_multiply(struct slc_scalar *scalar, const uint8_t secret[SLC_KEY_BYTES]);

/* One multiplication: `out` = u([8 * scalar] P) for the P of `table`, canonical, 32 bytes. `out` may not overlap. */
struct slc_curve_job {
    const struct slc_curve_table *table;
    const struct slc_scalar *scalar;
    uint8_t *out;
};

/*
 * Runs `n` jobs, any mixture of tables; jobs of one table share vectors, so sort nothing beforehand.
 * scratch  slc_curve_scratch_bytes(n) bytes, 64-byte aligned; secrets in it are wiped before return.
 */
void slc_curve_multiply(const struct slc_curve_job *jobs, size_t n, void *scratch);
size_t slc_curve_scratch_bytes(size_t n);

/*
 * One plain X25519 (RFC 7748) on a point that has no table: a packet's alpha, an ephemeral key.
 * Clamps `secret`; right for the twist and for low-order points too (all-zero result, no error: chapter 1, 4.1).
 */
struct slc_ladder_job {
    const uint8_t *secret; /* 32 bytes */
    const uint8_t *point;  /* 32 bytes */
    uint8_t *out;          /* 32 bytes; may not overlap `secret` or `point` */
};
void slc_ladder(const struct slc_ladder_job *jobs, size_t n);

/*
 * The same for points that are multiplied more than once, as a node's packets are: with its secret, then with the
 * blinding factor that comes of it. slc_own_tables() makes a small table for each of `n` points, slc_own_multiply()
 * multiplies each of the same `n` points by its job's secret as slc_ladder() does, as often as wanted. From the second
 * time on this is the faster way.
 * tables  slc_own_table_bytes(n) bytes, 64-byte aligned; not secret from whoever sees the points, so nothing wipes it.
 */
struct slc_own_job {
    const uint8_t *secret; /* 32 bytes; NULL: leave this point out */
    uint8_t *out;          /* 32 bytes; may not overlap a secret   */
};
size_t slc_own_table_bytes(size_t n);
void slc_own_tables(const uint8_t *const *point, size_t n, void *tables);
void slc_own_multiply(const struct slc_own_job *jobs, size_t n, const void *tables);

/* The public key of one secret: for key generation, not for batches. */
void slc_public_key(uint8_t public_key[SLC_KEY_BYTES], const uint8_t secret[SLC_KEY_BYTES]);

#endif
