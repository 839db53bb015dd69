/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_ORACLE_H
#define SLUICE_TEST_ORACLE_H

#include "tests/support/vectors.h"

/*
 * The published crates as a program behind a pipe (tests/peers/oracle, whose main.rs defines the requests). A request
 * is written into `ask`, sent whole, and its answer read whole, so that neither side can wait for the other. What does
 * not go as it should fails the running test.
 */

struct slc_oracle {
    struct slc_buffer {
        uint8_t *data;
        size_t len, cap;
    } ask, answer;
    int to, from;
    long pid;
};

/*
 * Starts the program that SLUICE_ORACLE names. Without it the whole test program ends here: skipped (77), or, with
 * CI=true, failed. Call from main().
 */
void slc_oracle_start(struct slc_oracle *oracle);
/* Ends it; fails unless it ended well. */
void slc_oracle_stop(struct slc_oracle *oracle);

/* Sends `ask` and empties it; the answer lives until the next call. */
struct slc_reader slc_oracle_ask(struct slc_oracle *oracle);
/* At the end of an answer: it was neither shorter nor longer. */
void slc_oracle_done(const struct slc_reader *answer);

/* A request's parts, appended to `ask`. */
void slc_ask_raw(struct slc_oracle *oracle, const void *bytes, size_t len);
void slc_ask_u8(struct slc_oracle *oracle, unsigned value);
void slc_ask_u16(struct slc_oracle *oracle, unsigned value);
void slc_ask_u32(struct slc_oracle *oracle, size_t value);
void slc_ask_u64(struct slc_oracle *oracle, uint64_t value);
void slc_ask_bytes(struct slc_oracle *oracle, struct slc_bytes bytes); /* with its length in front */

/* An answer's length and bytes. */
struct slc_bytes slc_answer_bytes(struct slc_reader *answer);

#endif
