/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SIM_STATS_H
#define SLUICE_SIM_STATS_H

#include <stdbool.h>
#include <stddef.h>

/* Kolmogorov-Smirnov tests, and a growing array of samples. */

struct sim_samples {
    double *at;
    size_t len, cap;
};
void sim_samples_add(struct sim_samples *samples, double value);
void sim_samples_free(struct sim_samples *samples);

/*
 * Whether samples may be of an exponential distribution with this mean; false: the hypothesis is rejected at the level
 * `alpha`. Sorts them. `*distance` is the largest difference of the distributions; too few samples are accepted.
 */
bool sim_ks_exponential(struct sim_samples *samples, double mean, double alpha, double *distance);
/* Whether both may be of one distribution. Sorts both. */
bool sim_ks_equal(struct sim_samples *a, struct sim_samples *b, double alpha, double *distance);

#endif
