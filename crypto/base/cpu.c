/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/cpu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef SLC_CPU_X86
#include <cpuid.h>
#endif

static const char *const names[SLC_CPU_COUNT] = {
    [SLC_CPU_PORTABLE] = "portable",
    [SLC_CPU_AVX2] = "avx2",
    [SLC_CPU_AVX512F] = "avx512f",
    [SLC_CPU_IFMA] = "ifma",
};

enum { UNDECIDED = -1 };
static atomic_int level_in_force = UNDECIDED;
static atomic_int sha = UNDECIDED; /* then whether the SHA instructions are there and wanted */

#ifdef SLC_CPU_X86
/* Not every compiler's __builtin_cpu_supports() knows these two; the state of the registers is AVX-512's. */
static bool has_wide_aes(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & bit_VAES) != 0 && (c & bit_VPCLMULQDQ) != 0;
}

static bool has_sha(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

enum slc_cpu slc_cpu_best(void)
{
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma") &&
          __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul"))) {
        return SLC_CPU_PORTABLE;
    }
    if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))) {
        return SLC_CPU_AVX2;
    }
    return __builtin_cpu_supports("avx512ifma") && has_wide_aes() ? SLC_CPU_IFMA : SLC_CPU_AVX512F;
}
#else
static bool has_sha(void)
{
    return false;
}

enum slc_cpu slc_cpu_best(void)
{
    return SLC_CPU_PORTABLE;
}
#endif

const char *slc_cpu_name(enum slc_cpu level)
{
    return (unsigned)level < SLC_CPU_COUNT ? names[level] : "unknown";
}

static enum slc_status refuse(struct slc_error *error, const char *wanted)
{
    char have[64] = "";
    for (unsigned i = 0; i <= (unsigned)slc_cpu_best(); i++) {
        size_t len = strlen(have);
        (void)snprintf(have + len, sizeof have - len, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    return slc_fail(error, SLC_UNSUPPORTED, "CPU level '%.40s' cannot run here; this machine and build have: %s",
                    wanted, have);
}

static bool find_level(const char *name, enum slc_cpu *level)
{
    for (unsigned i = 0; i <= (unsigned)slc_cpu_best(); i++) {
        if (strcmp(name, names[i]) == 0) {
            *level = (enum slc_cpu)i;
            return true;
        }
    }
    return false;
}

/* Empty counts as unset, so that `SLUICE_CPU= sluice ...` clears it. */
static const char *wish(void)
{
    const char *name = getenv("SLUICE_CPU");
    return name != NULL && name[0] != '\0' ? name : NULL;
}

enum slc_cpu slc_cpu(void)
{
    int level = atomic_load_explicit(&level_in_force, memory_order_relaxed);
    if (level == UNDECIDED) {
        const char *name = wish();
        enum slc_cpu found = slc_cpu_best();
        if (name != NULL) (void)find_level(name, &found);
        /* A level forced meanwhile stays: the loser of this exchange reads what won. */
        if (atomic_compare_exchange_strong(&level_in_force, &level, (int)found)) level = (int)found;
    }
    return (enum slc_cpu)level;
}

enum slc_status slc_cpu_check(struct slc_error *error)
{
    const char *name = wish();
    enum slc_cpu level;
    if (name == NULL || find_level(name, &level)) return SLC_OK;
    struct slc_error cause;
    enum slc_status status = refuse(&cause, name);
    return slc_fail(error, status, "SLUICE_CPU: %s", cause.text);
}

enum slc_status slc_cpu_force(enum slc_cpu level, struct slc_error *error)
{
    if ((unsigned)level > (unsigned)slc_cpu_best()) return refuse(error, slc_cpu_name(level));
    atomic_store(&level_in_force, (int)level);
    return SLC_OK;
}

enum slc_status slc_cpu_force_name(const char *name, struct slc_error *error)
{
    enum slc_cpu level;
    if (!find_level(name, &level)) return refuse(error, name);
    return slc_cpu_force(level, error);
}

bool slc_cpu_has_sha(void)
{
    int found = atomic_load_explicit(&sha, memory_order_relaxed);
    if (found == UNDECIDED) {
        found = has_sha();
        atomic_store_explicit(&sha, found, memory_order_relaxed);
    }
    return found != 0 && slc_cpu() > SLC_CPU_PORTABLE;
}

void slc_cpu_use_sha(bool use)
{
    atomic_store(&sha, use && has_sha());
}
