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
    ack->made_for = carrier->made_for;
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
    } else if (good && node->faults.no_acks) {
        COUNT(node, fault_lost, 1);
    } else if (good) {
        gateway_deliver(crew, node, job->address, payload);
    }
    if (!good) COUNT(node, malformed, 1);
    transit_free(crew, t);
}

static void set_job(struct crew *crew, size_t i, struct transit *t, enum node_key key)
{
    crew->opening[i] = t;
    crew->jobs[i] = (struct slc_open_job){
        .node_secret = crew->net->nodes[t->node].secret[key], .packet = t->bytes, .packet_bytes = t->len};
}

static enum node_key key_of(const struct crew *crew, size_t i)
{
    const struct node *node = &crew->net->nodes[crew->opening[i]->node];
    return crew->jobs[i].node_secret == node->secret[KEY_CURRENT] ? KEY_CURRENT : KEY_BEFORE;
}

static size_t take_batch(struct crew *crew)
{
    size_t n = 0;
    while (n < OPEN_BATCH && crew->arrivals != NULL) {
        struct transit *t = crew->arrivals;
        crew->arrivals = t->next;
        struct node *node = &crew->net->nodes[t->node];
        COUNT(node, packets_received, 1);
        t->faulted = false; /* faults have their turn at every node anew */
        enum node_key key = rotation_key(crew, (enum slc_rotation)t->rotation);
        if (key == KEY_RETIRED) {
            COUNT(node, key_retired, 1);
            transit_free(crew, t);
        } else {
            set_job(crew, n++, t, key);
        }
    }
    if (crew->arrivals == NULL) crew->arrivals_last = NULL;
    return n;
}

static void refuse(struct crew *crew, struct node *node, struct transit *t, enum slc_status why)
{
    if (why == SLC_BAD_MAC && rotation_key(crew, (enum slc_rotation)t->made_for) == KEY_RETIRED) {
        COUNT(node, key_retired, 1);
    } else {
        COUNT(node, malformed, 1);
    }
    transit_free(crew, t);
}

static void settle(struct crew *crew, size_t i, slc_time now)
{
    struct transit *t = crew->opening[i];
    struct node *node = &crew->net->nodes[t->node];
    const struct slc_open_job *job = &crew->jobs[i];
    enum node_key key = key_of(crew, i);
    if (job->status != SLC_OK) {
        refuse(crew, node, t, job->status);
        return;
    }
    if (key == KEY_BEFORE) COUNT(node, key_before, 1);
    t->rotation = (uint8_t)rotation_tag(crew, key);
    if (rotation_replayed(crew, key, job->tag)) {
        COUNT(node, replays, 1);
        transit_free(crew, t);
    } else if (job->kind == SLC_OPEN_FORWARD) {
        forward(crew, node, t, job, now);
    } else {
        final(crew, node, t, job, now);
    }
}

/* Opens and settles n packets; returns how many are left in front, to be tried with the key before. */
static size_t open_batch(struct crew *crew, size_t n, slc_time now)
{
    enum slc_status all = slc_packets_open(crew->scratch, crew->jobs, n);
    (void)all; /* each job has its own status */
    size_t again = 0;
    for (size_t i = 0; i < n; i++) {
        bool other = crew->overlap && crew->jobs[i].status == SLC_BAD_MAC && key_of(crew, i) == KEY_CURRENT &&
                     crew->opening[i]->rotation == SLC_ROTATION_UNKNOWN;
        if (other) {
            set_job(crew, again++, crew->opening[i], KEY_BEFORE);
        } else {
            settle(crew, i, now);
        }
    }
    return again;
}

void open_arrivals(struct crew *crew, slc_time now)
{
    while (crew->arrivals != NULL) {
        for (size_t n = take_batch(crew); n > 0;) {
            n = open_batch(crew, n, now);
        }
    }
}
