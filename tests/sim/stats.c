/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/stats.h"

#include <math.h>
#include <stdlib.h>

enum { FEWEST = 50 };

void sim_samples_add(struct sim_samples *s, double value)
{
    if (s->len == s->cap) {
        s->cap = s->cap == 0 ? 256 : s->cap * 2;
        s->at = realloc(s->at, s->cap * sizeof *s->at);
        if (s->at == NULL) abort();
    }
    s->at[s->len++] = value;
}

void sim_samples_free(struct sim_samples *s)
{
    free(s->at);
    *s = (struct sim_samples){0};
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sort(struct sim_samples *s)
{
    qsort(s->at, s->len, sizeof *s->at, compare);
}

/* Kolmogorov's limit, with Stephens' correction for small samples. */
static bool accepted(double distance, double n, double alpha)
{
    double root = sqrt(n);
    return distance * (root + 0.12 + 0.11 / root) <= sqrt(-log(alpha / 2) / 2);
}

bool sim_ks_exponential(struct sim_samples *s, double mean, double alpha, double *distance)
{
    *distance = 0;
    if (s->len < FEWEST) return true;
    sort(s);
    double n = (double)s->len;
    for (size_t i = 0; i < s->len; i++) {
        double expected = 1 - exp(-s->at[i] / mean);
        *distance = fmax(*distance, fmax(expected - (double)i / n, (double)(i + 1) / n - expected));
    }
    return accepted(*distance, n, alpha);
}

bool sim_ks_equal(struct sim_samples *a, struct sim_samples *b, double alpha, double *distance)
{
    *distance = 0;
    if (a->len < FEWEST || b->len < FEWEST) return true;
    sort(a);
    sort(b);
    double n = (double)a->len, m = (double)b->len;
    size_t i = 0, j = 0;
    while (i < a->len && j < b->len) {
        double x = fmin(a->at[i], b->at[j]);
        while (i < a->len && a->at[i] <= x) {
            i++;
        }
        while (j < b->len && b->at[j] <= x) {
            j++;
        }
        *distance = fmax(*distance, fabs((double)i / n - (double)j / m));
    }
    return accepted(*distance, n * m / (n + m), alpha);
}
