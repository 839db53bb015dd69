/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RANDOM_H
#define SLUICE_RANDOM_H

#include "crypto/base/error.h"

/*
 * Randomness handed in. Logic never asks the system for random bytes: it is given a generator that belongs to one
 * thread. The generator is ChaCha20 with fast key erasure: each refill replaces its own key first, so what was drawn
 * cannot be recomputed from the state.
 */

enum { SLC_RANDOM_POOL = 1024 };

struct slc_random {
    uint8_t key[32];
    size_t used;                   /* bytes of pool already handed out; SLC_RANDOM_POOL: empty */
    uint8_t pool[SLC_RANDOM_POOL]; /* handed-out bytes are zeroed                              */
};

/* Seeds from the operating system. SLC_RANDOM_FAILED: do not use the generator. Any thread. */
SLC_MUST_CHECK enum slc_status slc_random_from_system(struct slc_random *random);

/* Seeds from 32 bytes: for tests, simulations and reproducible runs. */
void slc_random_from_seed(struct slc_random *random, const uint8_t seed[32]);

/* Seeds a generator of its own from a number, by hashing it: `--seed N`, one stream per (seed, stream). */
void slc_random_from_number(struct slc_random *random, uint64_t seed, uint64_t stream);

/* `len` fresh bytes to `out`. Owner's thread. */
void slc_random_bytes(struct slc_random *random, void *out, size_t len);
uint64_t slc_random_u64(struct slc_random *random);

/* Uniform in 0 .. bound-1 without bias; bound >= 1. */
uint32_t slc_random_below(struct slc_random *random, uint32_t bound);

/* Uniform in [0, 1), 53 bits. */
double slc_random_unit(struct slc_random *random);

/*
 * An exponentially distributed time with the given mean, both in nanoseconds, rounded to the nearest; mean 0 gives 0
 * without drawing (chapter 1, section 8; chapter 2, section 13.4).
 */
uint64_t slc_random_exponential(struct slc_random *random, uint64_t mean_ns);

/* Wipes the state. */
void slc_random_wipe(struct slc_random *random);

#endif
