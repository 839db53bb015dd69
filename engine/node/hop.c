/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/node/node_internal.h"

#include <sodium.h>
#include <string.h>

/* From one node to the next: in memory, or over TCP in node frames (docs/protocol/6-network.md, section 1.10). */

int32_t hop_find(const struct slc_localnet *net, const struct slc_address *address)
{
    int32_t index = net->by_port[address->port];
    if (index >= 0 && slc_address_equal(&net->nodes[index].mix, address)) return index;
    for (size_t i = net->own_count; i < net->node_count; i++) {
        if (slc_address_equal(&net->nodes[i].mix, address)) return (int32_t)i;
    }
    return -1;
}

static bool over_tcp(const struct crew *crew, const struct node *to)
{
    return to->foreign || crew->net->config.tcp_hops;
}

static bool send_frame(struct crew *crew, struct peer *peer, struct transit *t)
{
    uint8_t *slot = slc_worker_slot(crew->worker, t->len);
    if (slot == NULL) return false;
    uint8_t *data = slot + SLC_SLOT_HEAD - 1;
    data[0] = t->rotation;
    memcpy(data + 1, t->bytes, t->len);
    if (slc_worker_send(crew->worker, peer->link, slot, data, t->len + 1, 0) == SLC_OK) return true;
    slc_worker_slot_drop(crew->worker, slot);
    return false;
}

static void drain(struct crew *crew, struct peer *peer)
{
    while (peer->queue != NULL && send_frame(crew, peer, peer->queue)) {
        struct transit *t = peer->queue;
        peer->queue = t->next;
        peer->queued--;
        crew_wait_changed(crew, -1);
        transit_free(crew, t);
    }
    if (peer->queue == NULL) {
        peer->queue_last = NULL;
    } else {
        crew->peers_wait = true;
    }
}

void hop_flush(struct crew *crew)
{
    if (!crew->peers_wait) return;
    crew->peers_wait = false;
    for (size_t i = 0; i < crew->net->node_count; i++) {
        struct peer *peer = &crew->peers[i];
        if (peer->link != 0 && peer->queue != NULL) drain(crew, peer);
    }
}

static void send_tcp(struct crew *crew, struct transit *t)
{
    struct node *to = &crew->net->nodes[t->node];
    struct peer *peer = &crew->peers[t->node];
    if (peer->link != 0) drain(crew, peer);
    if (peer->link != 0 && peer->queue == NULL && send_frame(crew, peer, t)) {
        transit_free(crew, t);
        return;
    }
    if (peer->queued >= PEER_QUEUE || !crew_may_wait(crew)) {
        COUNT(to, queue_dropped, 1);
        transit_free(crew, t);
        return;
    }
    t->next = NULL;
    *(peer->queue == NULL ? &peer->queue : &peer->queue_last->next) = t;
    peer->queue_last = t;
    peer->queued++;
    crew_wait_changed(crew, 1);
    if (peer->link != 0) crew->peers_wait = true;
    if (peer->link == 0 && !peer->connecting) {
        const uint8_t(*keys)[SLC_KEY_BYTES] = crew->net->network.noise_key;
        peer->connecting =
            slc_worker_connect(crew->worker, &to->mix, "", SLC_PROTOCOL_NODE, NULL,
                               keys != NULL && !sodium_is_zero(keys[t->node], SLC_KEY_BYTES) ? keys[t->node] : NULL,
                               TOKEN(TOKEN_PEER, t->node)) == SLC_OK;
    }
}

void hop_leave(struct crew *crew, struct transit *t, slc_time now)
{
    t->leaving = false;
    t->arrived = now;
    /* As over TCP: the legacy frame header has no room for the tag, so acks cross a seam (4-client.md, section 12.4).
     */
    if (!crew->net->config.frames_v8) t->rotation = SLC_ROTATION_UNKNOWN;
    if (over_tcp(crew, &crew->net->nodes[t->node])) {
        send_tcp(crew, t);
    } else {
        transit_arrive(crew, t);
    }
}

void hop_send(struct crew *crew, struct node *from, const struct slc_address *address, struct transit *t, slc_time now)
{
    int32_t next = hop_find(crew->net, address);
    if (next < 0) {
        COUNT(from, no_next_hop, 1);
        transit_free(crew, t);
        return;
    }
    COUNT(from, packets_forwarded, 1);
    t->node = (uint32_t)next;
    hop_leave(crew, t, now);
}

void hop_received(struct crew *crew, const struct slc_received *r, slc_time now)
{
    (void)now;
    struct peer *peer = &crew->peers[(uint32_t)r->token];
    if (r->kind == SLC_RECEIVED_OPEN) {
        peer->connecting = false;
        peer->link = r->link;
        drain(crew, peer);
    } else if (r->kind == SLC_RECEIVED_CLOSED && (r->link == peer->link || r->link == 0)) {
        /* As in the reference, what waited for a connection that failed is lost; the next packet tries again. */
        peer->connecting = false;
        peer->link = 0;
        while (peer->queue != NULL) {
            struct transit *t = peer->queue;
            peer->queue = t->next;
            COUNT(&crew->net->nodes[t->node], queue_dropped, 1);
            crew_wait_changed(crew, -1);
            transit_free(crew, t);
        }
        peer->queue_last = NULL;
        peer->queued = 0;
    }
    slc_worker_release(crew->worker, r);
}
