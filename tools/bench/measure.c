/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "tools/bench/bench.h"

static uint64_t clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Time that this thread had its core: a busy machine takes the core away, and that is nobody's work. */
static uint64_t busy_ns(void)
{
    struct timespec busy;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &busy);
    return (uint64_t)busy.tv_sec * 1000000000U + (uint64_t)busy.tv_nsec;
}

double slc_bench_ticks_per_ns(void)
{
    static double known;
    if (known > 0) return known;
#if defined(__x86_64__)
    enum { INTERVAL_NS = 20000000 };
    uint64_t start = clock_ns(), ticks = __rdtsc(), end;
    do {
        end = clock_ns();
    } while (end - start < INTERVAL_NS);
    known = (double)(__rdtsc() - ticks) / (double)(end - start);
#else
    known = 1;
#endif
    return known;
}

bool slc_bench_pin(unsigned n)
{
    static cpu_set_t allowed;
    static bool asked;
    if (!asked && sched_getaffinity(0, sizeof allowed, &allowed) != 0) return false;
    asked = true;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || n-- > 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        return sched_setaffinity(0, sizeof one, &one) == 0;
    }
    return false;
}

const char *slc_bench_cpu_name(char text[96])
{
    (void)snprintf(text, 96, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (file == NULL) return text;
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        const char *value = strchr(line, ':');
        if (value == NULL || strncmp(line, "model name", 10) != 0) continue;
        (void)snprintf(text, 96, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
        break;
    }
    (void)fclose(file);
    return text;
}

double slc_bench_ticks_now(void)
{
    return (double)busy_ns() * slc_bench_ticks_per_ns();
}

static bool time_units(const struct slc_bench_contender *c, size_t units, double *ticks)
{
    double start = slc_bench_ticks_now();
    bool good = c->run(c->self, units);
    *ticks = (slc_bench_ticks_now() - start) / (double)units;
    if (!good) (void)fprintf(stderr, "sluice bench: %s %s failed at its work\n", c->name, c->version);
    return good;
}

/* A sample lasts long enough to hide the clock and what the contender before it left in the caches. */
static bool choose_units(struct slc_bench_contender *c)
{
    enum { SAMPLE_NS = 8000000 };
    double ticks;
    if (!time_units(c, c->batch, &ticks) || !time_units(c, c->batch, &ticks)) return false;
    double batches = SAMPLE_NS * slc_bench_ticks_per_ns() / (ticks * (double)c->batch);
    c->units = ((size_t)batches + 1) * c->batch;
    return true;
}

bool slc_bench_measure(struct slc_bench_contender *contenders, size_t n, size_t samples)
{
    for (size_t i = 0; i < n; i++) {
        struct slc_bench_contender *c = &contenders[i];
        c->sample = calloc(samples, sizeof *c->sample);
        if (c->sample == NULL || !choose_units(c)) return false;
    }
    for (size_t round = 0; round < samples; round++) {
        for (size_t i = 0; i < n; i++) {
            if (!time_units(&contenders[i], contenders[i].units, &contenders[i].sample[round])) return false;
        }
    }
    return true;
}

void slc_bench_forget(struct slc_bench_contender *contenders, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(contenders[i].sample);
        contenders[i].sample = NULL;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct slc_bench_spread slc_bench_spread(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return (struct slc_bench_spread){values[0], values[n / 4], values[n / 2], values[n - 1 - n / 4]};
}

struct slc_bench_spread slc_bench_ticks(const struct slc_bench_contender *c, size_t samples)
{
    double values[SLC_BENCH_SAMPLES_MAX];
    memcpy(values, c->sample, samples * sizeof *values);
    return slc_bench_spread(values, samples);
}

struct slc_bench_spread slc_bench_ratio(const struct slc_bench_contender *ours,
                                        const struct slc_bench_contender *theirs, size_t samples)
{
    double values[SLC_BENCH_SAMPLES_MAX];
    for (size_t i = 0; i < samples; i++) {
        values[i] = theirs->sample[i] / ours->sample[i];
    }
    return slc_bench_spread(values, samples);
}
