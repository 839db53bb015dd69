/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_VECTORS_H
#define SLUICE_TEST_VECTORS_H

/* cmocka.h wants these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "crypto/base/bytes.h"
#include "crypto/base/random.h"

/*
 * The vectors of tests/vectors (README there) as C values, and randomness for tests.
 *
 * A path names a value below `node` by its members, joined by '/': "cases/0/packet". An empty path is the node itself.
 * Whatever is missing or of another kind fails the running test with the file's member that was wanted, so that a
 * renamed member can never pass for an empty list of cases. Returned memory lives until the process ends. One thread.
 */

/* The root of tests/vectors/<file>; parsed once per process. */
const cJSON *slc_vectors(const char *file);

/* The value at `path`; slc_vec_find() gives NULL where slc_vec() fails. JSON null is a value. */
const cJSON *slc_vec(const cJSON *node, const char *path);
const cJSON *slc_vec_find(const cJSON *node, const char *path);

const char *slc_vec_text(const cJSON *node, const char *path);
/* A number, or a number as decimal text (delays in nanoseconds go up to 2^64 - 1). */
uint64_t slc_vec_u64(const cJSON *node, const char *path);
bool slc_vec_is_null(const cJSON *node, const char *path);
bool slc_vec_is_true(const cJSON *node, const char *path);
/* Whether the text at `path` is `text`. */
bool slc_vec_is(const cJSON *node, const char *path, const char *text);
/* The array at `path`, which must not be empty; with cJSON_ArrayForEach. */
const cJSON *slc_vec_list(const cJSON *node, const char *path);
size_t slc_vec_count(const cJSON *node, const char *path);

/* Bytes from hex (or "hex:..."), from a generator ("range(a,b)", "pat(n)", "xx*n"), or from an object with `hex`. */
struct slc_bytes slc_vec_bytes(const cJSON *node, const char *path);
/* The same, of exactly `len` bytes. */
const uint8_t *slc_vec_bytes_of(const cJSON *node, const char *path, size_t len);
/* `text` as above. */
struct slc_bytes slc_vec_from_text(const char *text);

/* n bytes, byte i = (a * i + b) mod 256; byte i = i mod 251; n times `value`. */
struct slc_bytes slc_vec_linear(unsigned a, unsigned b, size_t n);
struct slc_bytes slc_vec_pat(size_t n);
struct slc_bytes slc_vec_repeat(uint8_t value, size_t n);
/* A copy that may be written. */
uint8_t *slc_vec_copy(struct slc_bytes bytes);

/*
 * Fails unless `got` is what stands at `path`: hex, a generator, {hex}, or an object with any of len, sha256, first32,
 * first64, last32, last64 (all that are there are compared).
 */
void slc_vec_expect(const cJSON *node, const char *path, struct slc_bytes got);
/* Fails unless the text at `path` is the SHA-256 of `got`. */
void slc_vec_expect_sha256(const cJSON *node, const char *path, struct slc_bytes got);
/* Fails, showing both, unless the bytes are equal. */
void slc_expect_bytes(struct slc_bytes got, struct slc_bytes wanted, const char *what);

/*
 * Seeds `random` for a test: from SLUICE_TEST_SEED in the environment, else from the clock. The seed is printed once
 * per process (ctest shows it for a failed test); `stream` keeps the tests of a program apart, so that each is
 * repeatable alone.
 */
void slc_test_random(struct slc_random *random, uint64_t stream);

#endif
