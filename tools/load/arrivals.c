/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/arrivals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Streams of one seed, so that adding a draw to one does not change another. */
enum { STREAM_ARRIVALS = 1 };

static int by_phase(const void *left, const void *right)
{
    const struct slc_phase *a = left, *b = right;
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    return a->client < b->client ? -1 : a->client > b->client;
}

enum slc_status slc_arrivals_init(struct slc_arrivals *a, enum slc_arrivals_kind kind, uint32_t clients,
                                  double total_rate, uint64_t seed)
{
    memset(a, 0, sizeof *a);
    a->kind = kind;
    a->clients = clients;
    a->total_rate = total_rate;
    slc_random_from_number(&a->random, seed, STREAM_ARRIVALS);
    if (kind != SLC_ARRIVALS_CONSTANT || total_rate <= 0) return SLC_OK;
    a->phases = calloc(clients, sizeof *a->phases);
    if (a->phases == NULL) return SLC_NO_MEMORY;
    double period = (double)SLC_SECOND * clients / total_rate;
    for (uint32_t i = 0; i < clients; i++) {
        a->phases[i] = (struct slc_phase){.at = slc_random_unit(&a->random) * period, .client = i};
    }
    qsort(a->phases, clients, sizeof *a->phases, by_phase);
    return SLC_OK;
}

void slc_arrivals_free(struct slc_arrivals *a)
{
    free(a->phases);
    a->phases = NULL;
}

static uint32_t draw_other(struct slc_arrivals *a, uint32_t sender)
{
    if (a->clients == 1) return sender;
    uint32_t other = slc_random_below(&a->random, a->clients - 1);
    return other < sender ? other : other + 1;
}

/* Gaps are summed with their fractions: at high rates whole nanoseconds would change the rate. */
static struct slc_arrival next_poisson(struct slc_arrivals *a)
{
    double gap = -log(1.0 - slc_random_unit(&a->random)) * (double)SLC_SECOND / a->total_rate + a->fraction;
    double whole = floor(gap);
    a->fraction = gap - whole;
    a->last += (slc_time)whole;
    return (struct slc_arrival){.at = a->last, .sender = slc_random_below(&a->random, a->clients)};
}

static struct slc_arrival next_constant(struct slc_arrivals *a)
{
    const struct slc_phase *phase = &a->phases[a->next % a->clients];
    double period = (double)SLC_SECOND * a->clients / a->total_rate;
    double at = phase->at + (double)(a->next / a->clients) * period;
    a->next++;
    return (struct slc_arrival){.at = (slc_time)at, .sender = phase->client};
}

struct slc_arrival slc_arrivals_next(struct slc_arrivals *a)
{
    if (a->total_rate <= 0) return (struct slc_arrival){.at = SLC_NEVER};
    struct slc_arrival arrival = a->kind == SLC_ARRIVALS_POISSON ? next_poisson(a) : next_constant(a);
    arrival.recipient = draw_other(a, arrival.sender);
    return arrival;
}

uint64_t slc_arrivals_bound(enum slc_arrivals_kind kind, uint32_t clients, double total_rate, slc_time duration)
{
    double mean = total_rate * (double)duration / (double)SLC_SECOND;
    double bound = kind == SLC_ARRIVALS_CONSTANT ? mean + clients : mean + 8 * sqrt(mean) + 64;
    return (uint64_t)bound + 1;
}
