/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

/*
 * Records of what must survive (record.h), and what waits until they are on the disk: messages that carry SURBs, for
 * their keys; blocks of others' SURBs, for leave to use more of them.
 */

uint64_t slc_keep(struct slc_clients *c, const struct client *k, const struct slc_client_record *record)
{
    if (c->port.keep == NULL) return 0;
    uint64_t number = c->port.keep(c->port.self, slc_client_index(c, k), record);
    if (number == SLC_KEEP_FULL) c->keep_full = true;
    return number;
}

void slc_keep_registration(struct slc_clients *c, const struct client *k)
{
    (void)slc_keep(c, k,
                   &(struct slc_client_record){.kind = SLC_RECORD_REGISTRATION,
                                               .gateway = c->gateways[k->gateway]->identity,
                                               .shared_key = slc_gateway_client_key(k->session),
                                               .timestamp = slc_gateway_client_last_timestamp(k->session)});
}

/* ---- blocks of SURBs ---- */

static void join_leases(struct slc_clients *c, struct surb_block *block)
{
    block->waits = true;
    block->lease_previous = NULL;
    block->lease_next = c->leases;
    if (c->leases != NULL) c->leases->lease_previous = block;
    c->leases = block;
}

void slc_keep_lease_forget(struct slc_clients *c, struct surb_block *block)
{
    if (!block->waits) return;
    *(block->lease_previous == NULL ? &c->leases : &block->lease_previous->lease_next) = block->lease_next;
    if (block->lease_next != NULL) block->lease_next->lease_previous = block->lease_previous;
    block->waits = false;
}

static void record_lease(struct slc_clients *c, const struct client *k, struct surb_block *block)
{
    block->lease = slc_keep(
        c, k, &(struct slc_client_record){.kind = SLC_RECORD_LEASE, .block = block->id, .released = block->leasing});
}

void slc_keep_lease(struct slc_clients *c, const struct client *k, struct surb_block *block, uint32_t released)
{
    if (block->waits) return;
    block->leasing = released;
    record_lease(c, k, block);
    join_leases(c, block);
}

void slc_keep_first(struct slc_clients *c, struct surb_block *block, uint64_t number)
{
    block->leasing = block->released;
    block->released = 0;
    block->lease = number;
    join_leases(c, block);
}

void slc_keep_block_end(struct slc_clients *c, const struct client *k, struct surb_block *block)
{
    slc_keep_lease_forget(c, block);
    if (block->id == 0) return;
    /* Refused, it stays on the disk with all its used SURBs released: of no use to anyone, until it is too old. */
    (void)slc_keep(c, k, &(struct slc_client_record){.kind = SLC_RECORD_SURBS_END, .block = block->id});
}

static void release(struct slc_clients *c)
{
    for (struct surb_block *block = c->leases, *next; block != NULL; block = next) {
        next = block->lease_next;
        const struct client *k = &c->clients[block->store->client];
        if (block->lease == SLC_KEEP_FULL && !c->keep_full) record_lease(c, k, block);
        if (block->lease > c->durable) continue;
        slc_keep_lease_forget(c, block);
        slc_store_released(c, block);
    }
}

/* ---- messages with SURBs ---- */

void slc_keep_then_queue(struct slc_clients *c, struct message *m)
{
    if (m->kept > c->durable) {
        slc_bare_append(&c->unkept, m);
        return;
    }
    m->bare = false;
    slc_messages_queue(c, m);
}

void slc_clients_durable(struct slc_clients *c, uint64_t sequence, slc_time now)
{
    c->now = now;
    c->keep_full = false;
    if (sequence > c->durable) c->durable = sequence;
    while (c->unkept.first != NULL && c->unkept.first->kept <= c->durable) {
        struct message *m = slc_bare_take(&c->unkept);
        m->bare = false;
        slc_messages_queue(c, m);
    }
    release(c);
}

/* ---- from one life to the next ---- */

enum slc_status slc_clients_restore(struct slc_clients *c, uint32_t index, const struct slc_client_record *record,
                                    slc_time now, uint64_t unix_now)
{
    if (index >= c->count) return SLC_BAD_ARGUMENT;
    struct client *k = &c->clients[index];
    c->now = now;
    c->unix_offset = (int64_t)unix_now - (int64_t)(now / SLC_SECOND);
    switch (record->kind) {
    case SLC_RECORD_KEY:
        return slc_reply_key_restore(c, k, record, now);
    case SLC_RECORD_TAG:
        return slc_reply_tag_restore(c, k, record);
    case SLC_RECORD_SURBS:
        return slc_store_restore(c, k, record, now);
    case SLC_RECORD_SEEN:
        return slc_seen_add(c, k, record->digest, record->at);
    default:
        return record->kind < SLC_RECORD_KINDS ? SLC_OK : SLC_BAD_ARGUMENT;
    }
}

void slc_keep_settle(struct slc_clients *c, const struct client *k)
{
    const struct replies *r = k->replies;
    if (c->port.keep == NULL) return;
    for (uint32_t s = 0; r != NULL && s < r->stores_len; s++) {
        slc_store_settle(c, k, r->stores[s]);
    }
}

void slc_clients_settle(struct slc_clients *c)
{
    for (size_t i = 0; i < c->count; i++) {
        slc_keep_settle(c, &c->clients[i]);
    }
}
