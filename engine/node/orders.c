/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/node/node_internal.h"

#include <string.h>

/* What the control thread tells the workers. */

enum slc_status orders_send(struct slc_localnet *net, int node, const struct node_note *order)
{
    if (node != SLC_ALL_NODES && (node < 0 || (size_t)node >= net->own_count)) return SLC_BAD_ARGUMENT;
    struct slc_note note = {0};
    memcpy(note.bytes, order, sizeof *order);
    if (node != SLC_ALL_NODES) return slc_runtime_command(net->runtime, net->nodes[node].worker, &note);
    enum slc_status status = SLC_OK;
    for (unsigned i = 0; i < net->workers && status == SLC_OK; i++) {
        status = slc_runtime_command(net->runtime, i, &note);
    }
    return status;
}

enum slc_status slc_localnet_set_faults(struct slc_localnet *net, int node, const struct slc_faults *faults)
{
    const struct node_note order = {.kind = NOTE_FAULTS, .order = {.node = node, .faults = *faults}};
    enum slc_status status = orders_send(net, node, &order);
    for (size_t i = 0; i < net->own_count && status == SLC_OK; i++) {
        if (node == SLC_ALL_NODES || node == (int)i) net->nodes[i].ordered = *faults;
    }
    return status;
}

const struct slc_faults *slc_localnet_faults(const struct slc_localnet *net, int node)
{
    if (node < 0 || (size_t)node >= net->own_count) return NULL;
    return &net->nodes[node].ordered;
}

enum slc_status slc_localnet_cut(struct slc_localnet *net, int node)
{
    return orders_send(net, node, &(struct node_note){.kind = NOTE_CUT, .order = {.node = node}});
}

enum slc_status slc_localnet_forget(struct slc_localnet *net, int node)
{
    return orders_send(net, node, &(struct node_note){.kind = NOTE_FORGET, .order = {.node = node}});
}
