/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/runtime/parker.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int clock_now(const struct ck_ec_ops *ops, struct timespec *now)
{
    (void)ops;
    return clock_gettime(CLOCK_MONOTONIC, now);
}

static void futex_wait(const struct ck_ec_wait_state *state, const uint32_t *address, uint32_t expected,
                       const struct timespec *deadline)
{
    (void)state;
    /* BITSET: the deadline is a point of CLOCK_MONOTONIC, not a length of time. */
    (void)syscall(SYS_futex, address, FUTEX_WAIT_BITSET_PRIVATE, expected, deadline, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void futex_wait_64(const struct ck_ec_wait_state *state, const uint64_t *address, uint64_t expected,
                          const struct timespec *deadline)
{
    futex_wait(state, (const uint32_t *)(const void *)address, (uint32_t)expected, deadline);
}

static void futex_wake(const struct ck_ec_ops *ops, const uint32_t *address)
{
    (void)ops;
    (void)syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static void futex_wake_64(const struct ck_ec_ops *ops, const uint64_t *address)
{
    futex_wake(ops, (const uint32_t *)(const void *)address);
}

/* With fewer CPUs than threads, spinning takes the CPU from whoever would bring the work. */
static const struct ck_ec_ops sleeping_ops = {
    .gettime = clock_now,
    .wait32 = futex_wait,
    .wait64 = futex_wait_64,
    .wake32 = futex_wake,
    .wake64 = futex_wake_64,
    .busy_loop_iter = 1,
};
static const struct ck_ec_ops spinning_ops = {
    .gettime = clock_now,
    .wait32 = futex_wait,
    .wait64 = futex_wait_64,
    .wake32 = futex_wake,
    .wake64 = futex_wake_64,
    .busy_loop_iter = 4000,
};

static struct ck_ec_mode mode_of(const struct slc_parker *parker)
{
    return (struct ck_ec_mode){.ops = parker->spin ? &spinning_ops : &sleeping_ops, .single_producer = false};
}

void slc_parker_init(struct slc_parker *parker, bool spin)
{
    ck_ec32_init(&parker->count, 0);
    parker->spin = spin;
}

uint32_t slc_parker_ticket(const struct slc_parker *parker)
{
    return ck_ec32_value(&parker->count);
}

/* ck sleeps in steps that grow eightfold and looks at the deadline only between them: no step may end after it. */
static int end_step_in_time(const struct ck_ec_wait_state *state, struct timespec *step_end)
{
    const struct timespec *deadline = state->data;
    bool later = step_end->tv_sec != deadline->tv_sec ? step_end->tv_sec > deadline->tv_sec
                                                      : step_end->tv_nsec > deadline->tv_nsec;
    if (later) *step_end = *deadline;
    return 0;
}

void slc_parker_park(struct slc_parker *parker, uint32_t ticket, slc_time deadline)
{
    const struct ck_ec_mode mode = mode_of(parker);
    if (deadline == SLC_NEVER) {
        (void)ck_ec32_wait(&parker->count, &mode, ticket, NULL);
        return;
    }
    struct timespec at = {.tv_sec = (time_t)(deadline / SLC_SECOND), .tv_nsec = (long)(deadline % SLC_SECOND)};
    (void)ck_ec32_wait_pred(&parker->count, &mode, ticket, end_step_in_time, &at, &at);
}

void slc_parker_wake(struct slc_parker *parker)
{
    const struct ck_ec_mode mode = mode_of(parker);
    ck_ec32_inc(&parker->count, &mode);
}
