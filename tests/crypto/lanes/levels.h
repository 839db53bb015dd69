/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_LEVELS_H
#define SLUICE_TEST_LEVELS_H

#include "crypto/base/cpu.h"
#include "tests/support/vectors.h"

/*
 * Runs a check on every level that this CPU and this build have, with and without the SHA instructions if it has them,
 * and puts the level back.
 */
static inline void on_every_level(void (*check)(void))
{
    enum slc_cpu before = slc_cpu();
    for (int level = SLC_CPU_PORTABLE; level <= (int)slc_cpu_best(); level++) {
        assert_int_equal(slc_cpu_force((enum slc_cpu)level, NULL), SLC_OK);
        print_message("  %s\n", slc_cpu_name((enum slc_cpu)level));
        check();
        if (slc_cpu_has_sha()) {
            slc_cpu_use_sha(false);
            print_message("  %s without SHA instructions\n", slc_cpu_name((enum slc_cpu)level));
            check();
            slc_cpu_use_sha(true);
        }
    }
    assert_int_equal(slc_cpu_force(before, NULL), SLC_OK);
}

/* The end of a main(): the tests, once on every level. */
#define RETURN_RUN_ON_EVERY_LEVEL(tests, set_up, tear_down)                                                            \
    do {                                                                                                               \
        int failed_ = 0;                                                                                               \
        for (int level_ = SLC_CPU_PORTABLE; level_ <= (int)slc_cpu_best(); level_++) {                                 \
            if (slc_cpu_force((enum slc_cpu)level_, NULL) != SLC_OK) return 1;                                         \
            failed_ += cmocka_run_group_tests_name(slc_cpu_name((enum slc_cpu)level_), tests, set_up, tear_down);      \
        }                                                                                                              \
        return failed_;                                                                                                \
    } while (0)

/* Batch sizes around every width of vector, and large ones. */
static const size_t BATCHES[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 511, 1024};
enum { BATCH_COUNT = sizeof BATCHES / sizeof BATCHES[0], BATCH_MAX = 1024 };

#endif
