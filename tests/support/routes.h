/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_ROUTES_H
#define SLUICE_TEST_ROUTES_H

#include "crypto/sphinx/sphinx.h"
#include "tests/support/vectors.h"

/* Routes for tests: those of sphinx.json, and networks of nodes whose secrets the test knows. */

/* A case of sphinx.json's key_schedules, ready for a job. Not to be copied: it points into itself. */
struct slc_test_route {
    const cJSON *schedule;
    struct slc_route route;
    struct slc_hop hop[SLC_MAX_HOPS];
    struct slc_curve_table *table[SLC_MAX_HOPS];
    const uint8_t *node_secret[SLC_MAX_HOPS];
    uint8_t random[SLC_ROUTE_RANDOM_MAX];
};
/* `name`: "n1" .. "n5", "edge0" .. "edge2". */
void slc_test_route_load(struct slc_test_route *route, const char *name, uint16_t version);
void slc_test_route_free(struct slc_test_route *route);

struct slc_test_node {
    struct slc_hop hop; /* address: IPv4 10.0.x.y, port 1789 */
    struct slc_curve_table *table;
    uint8_t secret[SLC_KEY_BYTES];
};
struct slc_test_net {
    struct slc_test_node *node;
    size_t count; /* at most 65536 */
};
void slc_test_net_new(struct slc_test_net *net, size_t count, struct slc_random *random);
void slc_test_net_free(struct slc_test_net *net);
/* The node with this address; fails the test when there is none. */
const struct slc_test_node *slc_test_net_find(const struct slc_test_net *net, const uint8_t address[SLC_ADDRESS_BYTES]);
/* Fills `route` with `hops` random nodes, delays, destination and identifier; `storage` holds its random bytes. */
void slc_test_net_route(const struct slc_test_net *net, struct slc_route *route, uint8_t hops, uint16_t version,
                        struct slc_random *random, uint8_t storage[SLC_ROUTE_RANDOM_MAX]);

/* Opens one packet, in place, with a scratch of its own. */
struct slc_open_job slc_test_open(const uint8_t secret[SLC_KEY_BYTES], uint8_t *packet, size_t packet_bytes);

#endif
