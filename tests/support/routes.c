/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/routes.h"

#include <stdlib.h>

void slc_test_route_load(struct slc_test_route *r, const char *name, uint16_t version)
{
    *r = (struct slc_test_route){0};
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("sphinx.json"), "key_schedules"))
    {
        if (slc_vec_is(it, "case", name)) {
            r->schedule = it;
        }
    }
    if (r->schedule == NULL) {
        fail_msg("sphinx.json has no route \"%s\"", name);
    }
    r->route.version = version;
    r->route.hops = (uint8_t)slc_vec_u64(r->schedule, "hops");
    r->route.random = r->random;
    memcpy(r->route.destination, slc_vec_bytes_of(r->schedule, "destination", 32), 32);
    memcpy(r->route.identifier, slc_vec_bytes_of(r->schedule, "identifier", 16), 16);
    size_t padding = slc_route_random_bytes(r->route.hops) - 32;
    memcpy(r->random, slc_vec_bytes_of(r->schedule, "initial_secret", 32), 32);
    memcpy(r->random + 32, slc_vec_bytes_of(r->schedule, "final_padding", padding), padding);

    const cJSON *nodes = slc_vec_list(r->schedule, "route");
    const cJSON *delays = slc_vec_list(r->schedule, "delays_ns");
    for (int i = 0; i < r->route.hops; i++) {
        const cJSON *node = cJSON_GetArrayItem(nodes, i);
        r->route.delay_ns[i] = slc_vec_u64(cJSON_GetArrayItem(delays, i), "");
        r->node_secret[i] = slc_vec_bytes_of(node, "secret", 32);
        assert_int_equal(slc_curve_table_new(&r->table[i], slc_vec_bytes_of(node, "public", 32)), SLC_OK);
        memcpy(r->hop[i].address, slc_vec_bytes_of(node, "address", 32), 32);
        r->hop[i].key = r->table[i];
        r->route.hop[i] = &r->hop[i];
    }
}

void slc_test_route_free(struct slc_test_route *r)
{
    for (size_t i = 0; i < SLC_MAX_HOPS; i++) {
        slc_curve_table_free(r->table[i]);
    }
}

void slc_test_net_new(struct slc_test_net *net, size_t count, struct slc_random *random)
{
    net->count = count;
    net->node = calloc(count, sizeof *net->node);
    assert_non_null(net->node);
    for (size_t i = 0; i < count; i++) {
        struct slc_test_node *node = &net->node[i];
        uint8_t public_key[SLC_KEY_BYTES];
        const uint8_t address[] = {4, 0x06, 0xfd, 10, 0, (uint8_t)(i >> 8), (uint8_t)i};
        slc_random_bytes(random, node->secret, sizeof node->secret);
        slc_public_key(public_key, node->secret);
        assert_int_equal(slc_curve_table_new(&node->table, public_key), SLC_OK);
        memcpy(node->hop.address, address, sizeof address);
        node->hop.key = node->table;
    }
}

void slc_test_net_free(struct slc_test_net *net)
{
    for (size_t i = 0; i < net->count; i++) {
        slc_curve_table_free(net->node[i].table);
    }
    free(net->node);
    *net = (struct slc_test_net){0};
}

const struct slc_test_node *slc_test_net_find(const struct slc_test_net *net, const uint8_t address[SLC_ADDRESS_BYTES])
{
    size_t index = (size_t)address[5] << 8 | address[6];
    if (index >= net->count || memcmp(net->node[index].hop.address, address, SLC_ADDRESS_BYTES) != 0) {
        fail_msg("no node has this address");
    }
    return &net->node[index];
}

void slc_test_net_route(const struct slc_test_net *net, struct slc_route *route, uint8_t hops, uint16_t version,
                        struct slc_random *random, uint8_t storage[SLC_ROUTE_RANDOM_MAX])
{
    *route = (struct slc_route){.hops = hops, .version = version, .random = storage};
    for (size_t i = 0; i < hops; i++) {
        route->hop[i] = &net->node[slc_random_below(random, (uint32_t)net->count)].hop;
        route->delay_ns[i] = slc_random_u64(random);
    }
    slc_random_bytes(random, route->destination, sizeof route->destination);
    slc_random_bytes(random, route->identifier, sizeof route->identifier);
    slc_random_bytes(random, storage, SLC_ROUTE_RANDOM_MAX);
}

struct slc_open_job slc_test_open(const uint8_t secret[SLC_KEY_BYTES], uint8_t *packet, size_t packet_bytes)
{
    struct slc_sphinx_scratch *scratch = NULL;
    assert_int_equal(slc_sphinx_scratch_new(&scratch, 1), SLC_OK);
    struct slc_open_job job = {.node_secret = secret, .packet = packet, .packet_bytes = packet_bytes};
    enum slc_status status = slc_packets_open(scratch, &job, 1);
    assert_int_equal(status, job.status == SLC_OK ? SLC_OK : SLC_PARTIAL);
    slc_sphinx_scratch_free(scratch);
    return job;
}
