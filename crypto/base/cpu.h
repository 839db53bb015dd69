/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CPU_H
#define SLUICE_CPU_H

#include "crypto/base/error.h"

#include <stdbool.h>

/* Defined where the AVX back ends are compiled in: guards every use of their functions. */
#if defined(SLUICE_AVX) && defined(__x86_64__)
#define SLC_CPU_X86 1
#endif

/*
 * Which instructions the kernels may use. Picked once, from the CPU and from SLUICE_CPU in the environment
 * (portable | avx2 | avx512f | ifma), before the first batch; every kernel asks here and nowhere else.
 */

enum slc_cpu {
    SLC_CPU_PORTABLE, /* C with 16-byte vectors; AES by constant-time C                              */
    SLC_CPU_AVX2,     /* AVX2, FMA, AES-NI, PCLMULQDQ                                                 */
    SLC_CPU_AVX512F,  /* AVX-512 F, BW, VL, DQ and the above; no IFMA                                */
    SLC_CPU_IFMA,     /* and AVX-512 IFMA, VAES, VPCLMULQDQ                                           */
    SLC_CPU_COUNT
};

/*
 * The level in force. The first call decides it: the best, or SLUICE_CPU's if that can run. It cannot fail, so a
 * program calls slc_cpu_check() first. Any thread.
 */
enum slc_cpu slc_cpu(void);

/*
 * Whether SLUICE_CPU, if set, names a level that runs here. SLC_UNSUPPORTED with the levels there are in `error`
 * otherwise; a program then stops, since slc_cpu() would quietly take the best level. Any thread.
 */
SLC_MUST_CHECK enum slc_status slc_cpu_check(struct slc_error *error);

/*
 * Forces a level, for tests and `--backend`. SLC_UNSUPPORTED, with the levels this CPU and this build have in
 * `error`, when it cannot run. Not while batches run on other threads.
 */
SLC_MUST_CHECK enum slc_status slc_cpu_force(enum slc_cpu level, struct slc_error *error);

/* By name, as in SLUICE_CPU. */
SLC_MUST_CHECK enum slc_status slc_cpu_force_name(const char *name, struct slc_error *error);

/*
 * Whether kernels may use the SHA instructions too: this CPU and this build have them, the level in force is above
 * portable, and slc_cpu_use_sha(false) did not switch them off. Any thread.
 */
bool slc_cpu_has_sha(void);

/* Switches the SHA instructions off and on again, for tests: CPUs of any level may lack them. Not while batches run. */
void slc_cpu_use_sha(bool use);

/* "portable", "avx2", "avx512f" or "ifma". */
const char *slc_cpu_name(enum slc_cpu level);

/* The best level this machine and this build can run. */
enum slc_cpu slc_cpu_best(void);

#endif
