/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/base/time.h"
#include "tools/bench/bench.h"

enum { MEAN_DELAY_NS = 50 * SLC_MILLISECOND };

static enum slc_status add_node(struct slc_bench_network *network, struct slc_hop *hop, struct slc_random *random,
                                uint8_t secret[SLC_KEY_BYTES])
{
    uint8_t key[SLC_KEY_BYTES];
    slc_random_bytes(random, secret, SLC_KEY_BYTES);
    slc_public_key(key, secret);
    slc_random_bytes(random, hop->address, sizeof hop->address);
    struct slc_curve_table *table;
    double start = slc_bench_ticks_now();
    enum slc_status status = slc_curve_table_new(&table, key);
    network->table_ticks += slc_bench_ticks_now() - start;
    hop->key = table;
    if (status == SLC_OK) {
        network->tables[network->table_count++] = table;
    }
    return status;
}

enum slc_status slc_bench_network_new(struct slc_bench_network *network, size_t hops, size_t nodes,
                                      struct slc_random *random)
{
    *network = (struct slc_bench_network){.hops = hops};
    network->tables = calloc(hops * nodes + 1, sizeof *network->tables);
    if (network->tables == NULL) return SLC_NO_MEMORY;
    for (size_t layer = 0; layer < hops; layer++) {
        network->width[layer] = layer + 1 == hops ? 1 : nodes;
        network->layer[layer] = calloc(network->width[layer], sizeof *network->layer[layer]);
        if (network->layer[layer] == NULL) return SLC_NO_MEMORY;
        for (size_t i = 0; i < network->width[layer]; i++) {
            uint8_t other[SLC_KEY_BYTES];
            uint8_t *secret = layer == 0 && i == 0 ? network->first_secret : other;
            enum slc_status status = add_node(network, &network->layer[layer][i], random, secret);
            if (status != SLC_OK) return status;
        }
    }
    return SLC_OK;
}

void slc_bench_network_free(struct slc_bench_network *network)
{
    for (size_t i = 0; i < network->table_count; i++) {
        slc_curve_table_free(network->tables[i]);
    }
    for (size_t layer = 0; layer < network->hops; layer++) {
        free(network->layer[layer]);
    }
    free(network->tables);
}

void slc_bench_network_route(const struct slc_bench_network *network, struct slc_random *random,
                             struct slc_route *route, uint8_t *random_bytes)
{
    for (size_t hop = 0; hop < network->hops; hop++) {
        route->hop[hop] = &network->layer[hop][slc_random_below(random, (uint32_t)network->width[hop])];
        route->delay_ns[hop] = slc_random_exponential(random, MEAN_DELAY_NS);
    }
    route->hops = (uint8_t)network->hops;
    route->version = SLC_SPHINX_SEEDS;
    slc_random_bytes(random, random_bytes, slc_route_random_bytes(route->hops));
    route->random = random_bytes;
}
