/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/directory/directory.h"

/*
 * A topology file. Whatever is accepted is routable and consistent, and survives being published and parsed again,
 * where a published network can express it (one role per node).
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds) abort();
}

static void check_snapshot(const struct slc_topology *topology)
{
    for (unsigned i = 0; i < SLC_LAYERS; i++) {
        demand(topology->layer_count[i] > 0);
        for (size_t n = 0; n < topology->layer_count[i]; n++) {
            demand(slc_topology_find_id(topology, topology->layer[i][n]->id) == topology->layer[i][n]);
        }
    }
    demand(topology->gateway_count > 0);
    for (size_t i = 0; i < topology->node_count; i++) {
        const struct slc_node *node = &topology->nodes[i];
        demand(i == 0 || topology->nodes[i - 1].id < node->id);
        demand(slc_topology_find(topology, node->identity) == node);
        demand(node->hop.key != NULL && node->mix.port != 0);
        demand(!node->has_entry || node->ws.port != 0);
        demand(memchr(node->hostname, 0, sizeof node->hostname) != NULL);
    }
    struct slc_random random;
    slc_random_from_number(&random, 1, 1);
    const struct slc_node *route[SLC_ROUTE_HOPS];
    demand(slc_topology_route(topology, &random, &topology->nodes[0], route) == SLC_OK);
}

/* 0: no layer; 4: several, which a published network cannot say. */
static uint8_t layer_of(const struct slc_topology *topology, const struct slc_node *node)
{
    uint8_t found = 0;
    for (unsigned i = 0; i < SLC_LAYERS; i++) {
        for (size_t n = 0; n < topology->layer_count[i]; n++) {
            if (topology->layer[i][n] == node) {
                found = found == 0 ? (uint8_t)(i + 1) : 4;
            }
        }
    }
    return found;
}

static void check_published(const struct slc_topology *topology)
{
    uint8_t *layer = calloc(topology->node_count, 1);
    demand(layer != NULL);
    size_t gateways = 0;
    bool expressible = true;
    for (size_t i = 0; i < topology->node_count; i++) {
        layer[i] = layer_of(topology, &topology->nodes[i]);
        gateways += layer[i] == 0;
        expressible = expressible && layer[i] < 4;
    }
    if (expressible && gateways > 0) {
        struct slc_network network = {.epoch_id = topology->epoch_id,
                                      .rotation_id = topology->rotation_id,
                                      .validity_epochs = 24,
                                      .epoch_seconds = 3600,
                                      .nodes = topology->nodes,
                                      .layer = layer,
                                      .node_count = topology->node_count};
        char *text = slc_network_document(&network, SLC_DOCUMENT_TOPOLOGY_FILE);
        demand(text != NULL);
        struct slc_topology *again;
        demand(slc_topology_parse_file(slc_bytes_of_text(text), "again", &again, NULL) == SLC_OK);
        check_snapshot(again);
        demand(again->node_count == topology->node_count && again->rotation_id == topology->rotation_id &&
               again->epoch_id == topology->epoch_id && again->gateway_count == gateways);
        for (size_t i = 0; i < again->node_count; i++) {
            const struct slc_node *a = &again->nodes[i], *b = &topology->nodes[i];
            demand(a->id == b->id && memcmp(a->identity, b->identity, sizeof a->identity) == 0 &&
                   memcmp(a->sphinx_key, b->sphinx_key, sizeof a->sphinx_key) == 0 &&
                   memcmp(a->hop.address, b->hop.address, sizeof a->hop.address) == 0);
            demand(layer[i] != 0 || (a->has_entry == b->has_entry && strcmp(a->hostname, b->hostname) == 0 &&
                                     a->wss_port == b->wss_port && slc_address_equal(&a->ws, &b->ws)));
        }
        slc_topology_release(again);
        free(text);
    }
    free(layer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slc_topology *topology;
    struct slc_error error = {.status = SLC_OK};
    enum slc_status status = slc_topology_parse_file(slc_bytes(data, size), "input", &topology, &error);
    demand((status == SLC_OK) == (topology != NULL));
    demand((status == SLC_OK) == (error.text[0] == 0));
    demand(status != SLC_NO_MEMORY); /* also what a text that only cJSON refuses would give */
    if (topology != NULL) {
        check_snapshot(topology);
        check_published(topology);
        slc_topology_release(topology);
    }
    return 0;
}
