/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

enum slc_status slc_route_draw(struct slc_clients *c, struct slc_route *route, const struct journey *journey,
                               uint8_t *random, struct slc_address *first_hop, slc_time *wait)
{
    const struct slc_node *nodes[SLC_ROUTE_HOPS] = {journey->egress};
    unsigned hops = journey->straight ? 1 : SLC_ROUTE_HOPS;
    if (journey->egress == NULL) return SLC_NO_ROUTE;
    if (!journey->straight) {
        enum slc_status status = slc_topology_route(journey->snapshot, journey->nodes, journey->egress, nodes);
        if (status != SLC_OK) return status;
    }
    *route = (struct slc_route){.hops = (uint8_t)hops, .version = SLC_SPHINX_SEEDS, .random = random};
    for (unsigned i = 0; i < hops; i++) {
        route->hop[i] = &nodes[i]->hop;
        route->delay_ns[i] = slc_random_exponential(c->random, journey->mean);
        /* The last hop delivers at once. */
        if (i + 1 < hops) *wait += route->delay_ns[i];
    }
    memcpy(route->destination, journey->destination, sizeof route->destination);
    slc_random_bytes(c->random, random, slc_route_random_bytes(hops));
    *first_hop = nodes[0]->mix;
    return SLC_OK;
}
