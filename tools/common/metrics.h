/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_METRICS_H
#define SLUICE_METRICS_H

#include "engine/engine.h"

#include <stdio.h>

/*
 * Numbers of a running program for Prometheus, served as text on 127.0.0.1 by libmicrohttpd on a thread of its own
 * (GET /metrics). Nothing else is answered, and nobody off this machine.
 */
struct slc_metrics;

/* Writes what there is to tell now, with the functions below; called on the server's thread. */
typedef void slc_metrics_fn(void *self, FILE *out);

/* port 0: a free one; `bound` tells. SLC_IO, SLC_DENIED with the port and what to do. */
SLC_MUST_CHECK enum slc_status slc_metrics_start(struct slc_metrics **metrics, uint16_t port, slc_metrics_fn *write,
                                                 void *self, uint16_t *bound, struct slc_error *error);
/* Ends the thread. Takes NULL. */
void slc_metrics_stop(struct slc_metrics *metrics);

/* One number: its name without "sluice_". */
void slc_metrics_counter(FILE *out, const char *name, const char *help, uint64_t value);
void slc_metrics_gauge(FILE *out, const char *name, const char *help, double value);
/* Everything that is known of an engine: the clients' counters, how many are ready, its threads, how late it sends. */
void slc_metrics_engine(FILE *out, const struct slc_engine *engine);

#endif
