/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/message/message.h"
#include "engine/node/node_internal.h"

#include <string.h>

/* Packets at their nodes: opened in batches, checked for replay, sent on or delivered (chapter 1, section 7). */

static void forward(struct crew *crew, struct node *node, struct transit *t, const struct slc_open_job *job,
                    slc_time now)
{
    struct slc_reader reader = slc_reader(slc_bytes(job->address, sizeof job->address));
    struct slc_address address;
    if (node->layer == 0 || slc_address_read(&reader, &address) != SLC_OK) {
        COUNT(node, malformed, 1);
        transit_free(crew, t);
        return;
    }
    slc_time delay = job->delay_ns;
    if (delay > MAXIMUM_DELAY) {
        delay = MAXIMUM_DELAY;
        COUNT(node, delays_clamped, 1);
    }
    if (crew->net->config.no_delays) delay = 0;
    /* The delay counts from the arrival, so time in queues is part of it. */
    if (t->arrived + delay <= now) {
        hop_send(crew, node, &address, t, now);
        return;
    }
    int32_t next = hop_find(crew->net, &address);
    if (next < 0 || !crew_may_wait(crew)) {
        if (next < 0) {
            COUNT(node, no_next_hop, 1);
        } else {
            COUNT(node, queue_dropped, 1);
        }
        transit_free(crew, t);
        return;
    }
    COUNT(node, packets_forwarded, 1);
    t->node = (uint32_t)next;
    t->leaving = true;
    crew_wait_changed(crew, 1);
    slc_worker_arm(crew->worker, t->arrived + delay, (uint64_t)(uintptr_t)t);
}

/* The ack in front of a payload goes out at once, under the rotation of the packet that carried it. */
static void send_ack(struct crew *crew, struct node *gateway, const struct transit *carrier, struct slc_bytes surb_ack,
                     const struct slc_address *address, slc_time now)
{
    struct transit *ack = transit_new(crew, SLC_ACK_PACKET_BYTES);
    if (ack == NULL) {
        COUNT(gateway, queue_dropped, 1);
        return;
    }
    memcpy(ack->bytes, surb_ack.data + SLC_SURB_ACK_ADDRESS_BYTES, SLC_ACK_PACKET_BYTES);
    ack->rotation = carrier->rotation;
    ack->arrived = now;
    COUNT(gateway, acks_forwarded, 1);
    hop_send(crew, gateway, address, ack, now);
}

static void final(struct crew *crew, struct node *node, struct transit *t, const struct slc_open_job *job, slc_time now)
{
    COUNT(node, packets_final, 1);
    struct slc_bytes payload = job->plaintext;
    bool good = node->layer == 0;
    if (good && t->len != SLC_ACK_PACKET_BYTES) {
        struct slc_reader reader = slc_reader(payload);
        struct slc_bytes surb_ack = slc_read_bytes(&reader, SLC_SURB_ACK_BYTES);
        struct slc_bytes message = slc_read_rest(&reader);
        struct slc_reader head = slc_reader(surb_ack);
        struct slc_address address;
        good = slc_reader_ok(&reader) && slc_address_read(&head, &address) == SLC_OK;
        if (good) {
            gateway_deliver(crew, node, job->address, message);
            send_ack(crew, node, t, surb_ack, &address, now);
        }
    } else if (good) {
        gateway_deliver(crew, node, job->address, payload);
    }
    if (!good) COUNT(node, malformed, 1);
    transit_free(crew, t);
}

static size_t take_batch(struct crew *crew)
{
    size_t n = 0;
    while (n < OPEN_BATCH && crew->arrivals != NULL) {
        struct transit *t = crew->arrivals;
        crew->arrivals = t->next;
        crew->opening[n] = t;
        crew->jobs[n++] = (struct slc_open_job){
            .node_secret = crew->net->nodes[t->node].sphinx_secret, .packet = t->bytes, .packet_bytes = t->len};
    }
    if (crew->arrivals == NULL) crew->arrivals_last = NULL;
    return n;
}

void open_arrivals(struct crew *crew, slc_time now)
{
    for (size_t n; (n = take_batch(crew)) > 0;) {
        enum slc_status all = slc_packets_open(crew->scratch, crew->jobs, n);
        (void)all; /* each job has its own status */
        for (size_t i = 0; i < n; i++) {
            struct transit *t = crew->opening[i];
            struct node *node = &crew->net->nodes[t->node];
            const struct slc_open_job *job = &crew->jobs[i];
            COUNT(node, packets_received, 1);
            /* Faults have their turn at every node anew. */
            t->faulted = false;
            if (job->status != SLC_OK) {
                COUNT(node, malformed, 1);
                transit_free(crew, t);
            } else if (slc_replay_seen(crew->replay, job->tag)) {
                COUNT(node, replays, 1);
                transit_free(crew, t);
            } else if (job->kind == SLC_OPEN_FORWARD) {
                forward(crew, node, t, job, now);
            } else {
                final(crew, node, t, job, now);
            }
        }
    }
}
