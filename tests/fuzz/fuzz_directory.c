/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/directory/directory.h"

/*
 * The documents of a nym-api: B, C, D and E in this order, parted by bytes 0xFF, which are in no UTF-8 text. What is
 * missing is empty. An accepted network is routable and consistent; a refused one says why.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds) abort();
}

static struct slc_bytes next_document(struct slc_bytes *rest)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->data, 0xff, rest->len) : NULL;
    size_t len = end != NULL ? (size_t)(end - rest->data) : rest->len;
    struct slc_bytes document = slc_bytes(rest->data, len);
    size_t used = end != NULL ? len + 1 : len;
    *rest = slc_bytes(rest->data != NULL ? rest->data + used : NULL, rest->len - used);
    return document;
}

static void check_rotation(struct slc_bytes document)
{
    struct slc_rotation_info info;
    struct slc_error error = {.status = SLC_OK};
    enum slc_status status = slc_directory_parse_rotation(document, "rotation", &info, &error);
    demand((status == SLC_OK) == (error.text[0] == 0));
    demand(status != SLC_NO_MEMORY);
    if (status == SLC_OK) {
        demand(info.validity_epochs > 0 && info.epoch_seconds > 0);
        (void)slc_rotation_id(info.current_epoch, info.initial_epoch, info.validity_epochs);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slc_bytes rest = slc_bytes(data, size);
    check_rotation(next_document(&rest));
    struct slc_bytes rewarded_set = next_document(&rest);
    struct slc_bytes mixnodes = next_document(&rest);
    struct slc_topology *topology;
    struct slc_error error = {.status = SLC_OK};
    enum slc_status status = slc_directory_parse(rewarded_set, mixnodes, rest, "input", &topology, &error);
    demand((status == SLC_OK) == (topology != NULL));
    demand((status == SLC_OK) == (error.text[0] == 0));
    demand(status != SLC_NO_MEMORY);
    if (topology == NULL) return 0;
    for (unsigned i = 0; i < SLC_LAYERS; i++) {
        demand(topology->layer_count[i] > 0);
    }
    demand(topology->gateway_count > 0);
    for (size_t i = 0; i < topology->node_count; i++) {
        const struct slc_node *node = &topology->nodes[i];
        demand(i == 0 || topology->nodes[i - 1].id < node->id);
        demand(slc_topology_find(topology, node->identity) == node);
        demand(slc_topology_find_id(topology, node->id) == node);
        demand(node->hop.key != NULL && node->mix.port != 0 && node->mix.version != 0);
        demand(!node->has_entry || node->ws.port != 0);
    }
    demand(slc_topology_gateways(topology, true, NULL, 0) <= topology->node_count);
    slc_topology_release(topology);
    return 0;
}
