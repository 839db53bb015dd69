/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/secret.h"
#include "engine/runtime/runtime_internal.h"

/* Node-to-node connections: the frames and Noise of net/wire/node_link.h on the network thread. */

bool node_begin(struct network *n, uint32_t link, void *state, const struct slc_noise_keys *noise)
{
    struct link *l = &n->links[link];
    uint8_t ephemeral[SLC_KEY_BYTES];
    slc_random_bytes(&n->random, ephemeral, sizeof ephemeral);
    struct slc_node_link_config config = {
        .role = l->outgoing ? SLC_NODE_LINK_CONNECTOR : SLC_NODE_LINK_ACCEPTOR,
        .mode = SLC_NODE_LINK_RAW,
        .send_version = n->runtime->config.node_frames_v8 ? SLC_NODE_FRAME_V8 : SLC_NODE_FRAME_V7,
        .ephemeral = ephemeral,
        .carry_pool = &n->node_carry,
    };
    if (l->outgoing && l->request->has_noise_key) {
        config.mode = SLC_NODE_LINK_NOISE;
        config.static_secret = n->noise_secret;
        config.peer_key = l->request->noise_key;
    } else if (noise != NULL) {
        /* The first byte tells Noise from raw, which suits every peer (chapter 6, section 2.5). */
        config.mode = SLC_NODE_LINK_SNIFF;
        config.static_secret = noise->secret;
    }
    l->node = state;
    bool made = slc_node_link_init(l->node, &config) == SLC_OK;
    slc_wipe(ephemeral, sizeof ephemeral);
    if (made) return true;
    l->node = NULL;
    slc_pool_give(&n->states, state);
    return false;
}

void node_connected(struct network *n, uint32_t link, slc_time now)
{
    struct link *l = &n->links[link];
    uint8_t *slot = network_reply_slot(n, link);
    if (slot == NULL) {
        link_failed(n, link, SLC_FULL);
        return;
    }
    struct slc_writer out = slc_writer(slot, n->replies.slot_bytes);
    enum slc_status status = l->outgoing ? slc_node_link_start(l->node, &out) : SLC_OK;
    network_reply(n, link, slot, out.len);
    if (status != SLC_OK) {
        link_failed(n, link, status);
    } else if (slc_node_link_is_ready(l->node)) {
        link_opened(n, link, now);
    }
}

static void node_packet(struct network *n, uint32_t link, const struct slc_node_link_event *event, slc_time now)
{
    struct link *l = &n->links[link];
    if (l->outgoing) return; /* nothing is sent back on such a connection (chapter 6, section 1.2) */
    if (!l->open) link_opened(n, link, now);
    const struct slc_received received = {.kind = SLC_RECEIVED_PACKET,
                                          .link = network_link_name(n, link),
                                          .token = l->token,
                                          .len = (uint32_t)event->packet_bytes,
                                          .rotation = (uint8_t)event->rotation,
                                          .size = (uint8_t)event->size,
                                          .at = now};
    network_deliver(n, received, l->worker, event->packet);
}

void node_data(struct network *n, uint32_t link, uint8_t *data, size_t len, slc_time now)
{
    struct link *l = &n->links[link];
    slc_node_link_feed(l->node, data, len);
    while (!l->closing) {
        uint8_t *slot = network_reply_slot(n, link);
        if (slot == NULL) {
            link_failed(n, link, SLC_FULL);
            return;
        }
        struct slc_writer reply = slc_writer(slot, n->replies.slot_bytes);
        struct slc_node_link_event event;
        bool more = slc_node_link_next(l->node, &event, &reply);
        network_reply(n, link, slot, reply.len);
        if (!more) return;
        if (event.kind == SLC_NODE_LINK_PACKET) {
            node_packet(n, link, &event, now);
        } else if (event.kind == SLC_NODE_LINK_READY) {
            if (!l->open) link_opened(n, link, now);
        } else {
            link_failed(n, link, event.status);
        }
    }
}

bool node_send(struct network *n, uint32_t link, const uint8_t *data, size_t len)
{
    struct link *l = &n->links[link];
    uint8_t *slot = slc_pool_take(&n->node_out);
    if (slot == NULL) return false;
    const struct slc_node_packet packet = {.rotation = (enum slc_rotation)data[0],
                                           .packet = slc_bytes(data + 1, len - 1)};
    struct slc_writer out = slc_writer(slot, n->node_out.slot_bytes);
    size_t sent = 0;
    uint64_t place = (uint64_t)(slot - n->node_out.memory) / n->node_out.slot_bytes;
    bool made = slc_node_link_send(l->node, &packet, 1, &out, &sent) == SLC_OK && sent == 1;
    if (made && slc_loop_send(n->loop, l->conn, slot, out.len, NODE_COOKIE | place) == SLC_OK) return true;
    slc_pool_give(&n->node_out, slot);
    /* A Noise frame that was made and not sent leaves a gap in the counters: the peer can read nothing after it. */
    if (made && l->outgoing && l->request->has_noise_key) link_failed(n, link, SLC_FULL);
    return false;
}

void node_end(struct slc_node_link *node)
{
    slc_node_link_drop(node);
}
