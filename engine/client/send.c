/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

/*
 * Outgoing messages: queued first in, first out, cut when a slot is filled, kept until the last ack
 * (docs/protocol/4-client.md, sections 3, 4.1, 6 and 7.4).
 */

enum {
    SLAB = 64,          /* messages allocated at a time                                                     */
    REPLY_ATTEMPTS = 10 /* retransmissions of what goes through SURBs, if nothing else is said (section 1.3) */
};
#define LATE     SLC_MILLISECOND
#define PATIENCE SLC_SECOND /* behind which slots are given up */

struct message_slab {
    struct message_slab *next;
    struct message messages[SLAB];
};

/* ---- lists and slabs ---- */

void slc_list_append(struct message_list *list, struct message *m)
{
    m->previous = list->last;
    m->next = NULL;
    m->list = list;
    *(list->last == NULL ? &list->first : &list->last->next) = m;
    list->last = m;
}

void slc_list_remove(struct message *m)
{
    if (m->list == NULL) return;
    *(m->previous == NULL ? &m->list->first : &m->previous->next) = m->next;
    *(m->next == NULL ? &m->list->last : &m->next->previous) = m->previous;
    m->list = NULL;
}

static struct message *message_new(struct slc_clients *c)
{
    if (c->free_messages == NULL) {
        struct message_slab *slab = calloc(1, sizeof *slab);
        if (slab == NULL) return NULL;
        slab->next = c->slabs;
        c->slabs = slab;
        for (size_t i = 0; i < SLAB; i++) {
            slab->messages[i].next_bare = c->free_messages;
            c->free_messages = &slab->messages[i];
        }
    }
    struct message *m = c->free_messages;
    c->free_messages = m->next_bare;
    *m = (struct message){.live = true};
    return m;
}

/* Not in `bare`: those are not settled before they are made. */
static void message_free(struct slc_clients *c, struct message *m)
{
    slc_list_remove(m);
    if (m->store != NULL) slc_store_leave(m);
    if (m->set_ids != &m->one_set) free(m->set_ids);
    if (m->internal) {
        free(m->memory);
    } else if (c->port.message_done != NULL) {
        c->port.message_done(c->port.self, m->memory);
    }
    m->live = false;
    m->next_bare = c->free_messages;
    c->free_messages = m;
}

void slc_send_drop_all(struct slc_clients *c)
{
    while (c->slabs != NULL) {
        struct message_slab *slab = c->slabs;
        c->slabs = slab->next;
        for (size_t i = 0; i < SLAB; i++) {
            struct message *m = &slab->messages[i];
            m->store = NULL;
            m->list = NULL;
            if (m->live) message_free(c, m);
        }
        free(slab);
    }
}

size_t slc_send_memory(const struct slc_clients *c)
{
    size_t bytes = 0;
    for (const struct message_slab *slab = c->slabs; slab != NULL; slab = slab->next) {
        bytes += sizeof *slab;
    }
    return bytes;
}

/* ---- taking messages ---- */

size_t slc_outgoing_head(bool reply, bool anonymous, uint32_t surbs)
{
    if (reply) return slc_message_head_bytes(SLC_MESSAGE_REPLY, 0);
    if (anonymous || surbs > 0) return slc_message_head_bytes(SLC_MESSAGE_REPLIABLE, surbs);
    return slc_message_head_bytes(SLC_MESSAGE_PLAIN, 0);
}

/* Cuts and queues; the message is its caller's again on an error. */
static enum slc_status enqueue(struct slc_clients *c, struct client *k, struct message *m, size_t len)
{
    enum slc_status status = slc_cut_plan(&m->cut, len, c->fragment_bytes);
    if (status != SLC_OK) return status;
    if (k->queued + k->pending.used + m->cut.fragments > c->traffic->max_pending) return SLC_FULL;
    m->set_ids = &m->one_set;
    if (m->cut.sets > 1) m->set_ids = malloc(m->cut.sets * sizeof *m->set_ids);
    if (m->set_ids == NULL) return SLC_NO_MEMORY;
    slc_set_ids(m->set_ids, m->cut.sets, c->random);
    m->client = slc_client_index(c, k);
    slc_list_append(&k->queue, m);
    k->queued += m->cut.fragments;
    m->bare = m->surbs > 0;
    if (m->bare) {
        m->next_bare = NULL;
        *(c->bare_last == NULL ? &c->bare_first : &c->bare_last->next_bare) = m;
        c->bare_last = m;
    }
    /* With pacing, the next slot finds it. */
    if (c->traffic->pacing == SLC_PACING_NONE || m->bare) slc_client_activate(c, k);
    return SLC_OK;
}

static enum slc_status address_message(struct slc_clients *c, struct client *k, struct message *m,
                                       const struct slc_outgoing *out)
{
    if (out->reply) {
        m->kind = SLC_MESSAGE_REPLY;
        if (out->len == 0) return SLC_TOO_SHORT;
        m->store = slc_store_find(k, out->tag);
        return m->store == NULL ? SLC_NOT_FOUND : SLC_OK;
    }
    bool anonymous = out->anonymous || out->surbs > 0;
    m->kind = anonymous ? SLC_MESSAGE_REPLIABLE : SLC_MESSAGE_PLAIN;
    m->recipient = out->recipient;
    m->surbs = out->surbs;
    if (c->topology == NULL || slc_topology_find(c->topology, out->recipient.gateway) == NULL) return SLC_NO_ROUTE;
    if (anonymous && slc_reply_tag(c, k, &m->recipient, true) == NULL) return SLC_NO_MEMORY;
    return SLC_OK;
}

enum slc_status slc_clients_send(struct slc_clients *c, const struct slc_outgoing *out, slc_time now)
{
    size_t head = slc_outgoing_head(out->reply, out->anonymous, out->surbs);
    if (out->index >= c->count || out->offset < head || out->surbs > UINT16_MAX) return SLC_BAD_ARGUMENT;
    struct client *k = &c->clients[out->index];
    if (k->failed) return SLC_CLOSED;
    struct message *m = message_new(c);
    if (m == NULL) return SLC_NO_MEMORY;
    c->now = now;
    m->token = out->token;
    m->intended = out->intended;
    m->memory = out->memory;
    m->bytes = out->memory + out->offset - head;
    enum slc_status status = address_message(c, k, m, out);
    struct store *store = m->store;
    m->store = NULL;
    if (status == SLC_OK) status = enqueue(c, k, m, head + out->len);
    if (status != SLC_OK) {
        m->live = false;
        m->next_bare = c->free_messages;
        c->free_messages = m;
        return status;
    }
    if (store != NULL) slc_store_join(store, m);
    /* A head with SURBs is written when they are made. */
    if (m->bare) return SLC_OK;
    struct slc_writer w = slc_writer(m->bytes, head);
    const uint8_t *tag = m->kind == SLC_MESSAGE_REPLIABLE ? slc_reply_tag(c, k, &m->recipient, false) : NULL;
    slc_message_write_head(&w, (enum slc_message_kind)m->kind, tag, NULL, 0, SLC_ROTATION_UNKNOWN);
    if (store != NULL) slc_store_ask(c, k, store);
    return SLC_OK;
}

enum slc_status slc_send_internal(struct slc_clients *c, struct client *k, const struct message *model, uint8_t *memory,
                                  size_t len)
{
    struct message *m = message_new(c);
    if (m == NULL) {
        free(memory);
        return SLC_NO_MEMORY;
    }
    *m = *model;
    m->live = m->internal = true;
    m->memory = m->bytes = memory;
    m->store = NULL;
    enum slc_status status = enqueue(c, k, m, len);
    if (status != SLC_OK) {
        free(memory);
        m->live = false;
        m->next_bare = c->free_messages;
        c->free_messages = m;
        return status;
    }
    if (model->store != NULL) slc_store_join(model->store, m);
    return SLC_OK;
}

/* ---- ends of messages ---- */

static struct slc_client_event event_of(const struct message *m, enum slc_client_event_kind kind, slc_time at)
{
    return (struct slc_client_event){.kind = kind, .token = m->token, .at = at};
}

/* Takes the fragment from acks and alarms; a queue that still holds its place will free it. */
static void forget_fragment(struct slc_clients *c, struct client *k, const struct message *m, size_t fragment)
{
    (void)c;
    size_t set;
    uint8_t position;
    slc_cut_place(&m->cut, fragment, &set, &position);
    uint32_t place = slc_pending_find(&k->pending, m->set_ids[set], position);
    if (place == SLC_NO_PLACE || k->pending.entries[place].message != m) return;
    slc_pending_remove(&k->pending, place, k->pending.entries[place].queued);
}

void slc_send_expire(struct slc_clients *c, struct message *m, enum slc_status status)
{
    struct client *k = &c->clients[m->client];
    for (size_t i = 0; i < m->next_fragment; i++) {
        forget_fragment(c, k, m, i);
    }
    k->queued -= m->cut.fragments - m->next_fragment;
    if (m->store != NULL && m->list == &m->store->waiting) {
        m->store->waiting_fragments -= (uint32_t)m->cut.fragments - m->next_fragment;
    }
    if (!m->internal) {
        struct slc_client_event event = event_of(m, SLC_CLIENT_EXPIRED, c->now);
        event.status = status;
        COUNT(c, k, messages_expired, 1);
        slc_client_event(c, k, &event);
    }
    message_free(c, m);
}

void slc_send_expire_all(struct slc_clients *c, struct client *k, enum slc_status status)
{
    uint32_t index = slc_client_index(c, k);
    slc_surbs_forget(c, k);
    for (struct message_slab *slab = c->slabs; slab != NULL; slab = slab->next) {
        for (size_t i = 0; i < SLAB; i++) {
            struct message *m = &slab->messages[i];
            if (m->live && m->client == index) slc_send_expire(c, m, status);
        }
    }
}

void slc_send_ack(struct slc_clients *c, struct client *k, struct slc_fragment_id id)
{
    uint32_t place = slc_pending_find(&k->pending, id.set, id.position);
    if (place == SLC_NO_PLACE || k->pending.entries[place].attempts == 0) {
        COUNT(c, k, unknown_acks, 1);
        return;
    }
    COUNT(c, k, acks_received, 1);
    struct message *m = k->pending.entries[place].message;
    slc_pending_remove(&k->pending, place, k->pending.entries[place].queued);
    if (k->pending.used + 1 == k->pending.max) slc_client_activate(c, k);
    if (++m->acked < m->cut.fragments) return;
    if (!m->internal) {
        struct slc_client_event event = event_of(m, SLC_CLIENT_ACKED, c->now);
        COUNT(c, k, messages_acked, 1);
        slc_client_event(c, k, &event);
    }
    message_free(c, m);
}

/* ---- retransmission ---- */

static void queue_retry(struct client *k, uint32_t place)
{
    struct slc_pending_entry *e = &k->pending.entries[place];
    e->queued = true;
    e->next = SLC_NO_PLACE;
    if (k->retry_first == SLC_NO_PLACE) {
        k->retry_first = place;
    } else {
        k->pending.entries[k->retry_last].next = place;
    }
    k->retry_last = place;
    k->retries++;
    k->queued++;
}

static uint32_t attempts_allowed(const struct slc_clients *c, const struct message *m)
{
    if (c->traffic->retransmissions > 0) return c->traffic->retransmissions;
    bool by_surb = m->kind == SLC_MESSAGE_REPLY || m->kind == SLC_MESSAGE_SURB_REQUEST;
    return by_surb ? REPLY_ATTEMPTS : UINT16_MAX;
}

void slc_send_overdue(struct slc_clients *c, struct client *k, slc_time now)
{
    uint32_t place;
    c->now = now;
    while (slc_pending_expired(&k->pending, now, &place)) {
        struct slc_pending_entry *e = &k->pending.entries[place];
        struct message *m = e->message;
        if (e->attempts > attempts_allowed(c, m)) {
            slc_send_expire(c, m, SLC_TIMEOUT);
        } else {
            queue_retry(k, place);
        }
    }
}

static void stall(struct client *k, struct store *store, uint32_t place)
{
    struct slc_pending_entry *e = &k->pending.entries[place];
    e->queued = true;
    e->next = SLC_NO_PLACE;
    if (store->stalled_first == SLC_NO_PLACE) {
        store->stalled_first = place;
    } else {
        k->pending.entries[store->stalled_last].next = place;
    }
    store->stalled_last = place;
    store->stalled++;
    k->queued++;
}

void slc_send_resume(struct slc_clients *c, struct client *k, struct store *store)
{
    while (store->stalled_first != SLC_NO_PLACE) {
        uint32_t place = store->stalled_first;
        store->stalled_first = k->pending.entries[place].next;
        k->queued--;
        queue_retry(k, place);
    }
    store->stalled = 0;
    while (store->waiting.first != NULL) {
        struct message *m = store->waiting.first;
        slc_list_remove(m);
        slc_list_append(&k->queue, m);
    }
    store->waiting_fragments = 0;
    slc_client_activate(c, k);
}

/* ---- the next fragment ---- */

/* SLC_OK: `plan` says where it goes; else why it cannot go now. */
static enum slc_status find_way(struct slc_clients *c, struct client *k, struct message *m, bool again,
                                struct plan *plan)
{
    if (m->kind == SLC_MESSAGE_REPLY || m->kind == SLC_MESSAGE_SURB_REQUEST) {
        uint32_t reserve = c->traffic->surbs_minimum;
        uint32_t keep = again && reserve > 0 ? reserve - 1 : reserve;
        if (m->kind == SLC_MESSAGE_SURB_REQUEST) keep = 0;
        plan->kind = PLAN_REPLY;
        return slc_store_take(c, k, m->store, keep, &plan->ticket) ? SLC_OK : SLC_AGAIN;
    }
    plan->kind = PLAN_FRAGMENT;
    if (m->snapshot != c->snapshot) {
        m->egress = slc_topology_find(c->topology, m->recipient.gateway);
        m->snapshot = c->snapshot;
    }
    plan->egress = m->egress;
    return m->egress == NULL ? SLC_NO_ROUTE : SLC_OK;
}

static bool plan_retry(struct slc_clients *c, struct client *k, struct plan *plan)
{
    while (k->retry_first != SLC_NO_PLACE) {
        uint32_t place = k->retry_first;
        struct slc_pending_entry *e = &k->pending.entries[place];
        k->retry_first = e->next;
        k->retries--;
        k->queued--;
        if (e->state == SLC_PENDING_DROPPED) {
            slc_pending_remove(&k->pending, place, false);
            continue;
        }
        struct message *m = e->message;
        enum slc_status status = find_way(c, k, m, true, plan);
        if (status == SLC_OK) {
            e->queued = true; /* in a plan */
            plan->place = place;
            return true;
        }
        e->queued = false;
        if (status == SLC_NO_ROUTE) {
            slc_send_expire(c, m, status);
            continue;
        }
        stall(k, m->store, place);
        slc_store_ask(c, k, m->store);
    }
    return false;
}

/* A pending entry for the message's next fragment. */
static enum slc_status enter(struct slc_clients *c, struct client *k, struct message *m, uint32_t *place)
{
    for (;;) {
        size_t set;
        uint8_t position;
        slc_cut_place(&m->cut, m->next_fragment, &set, &position);
        enum slc_status status = slc_pending_add(&k->pending, m->set_ids[set], position, place);
        if (status != SLC_DUPLICATE || m->next_fragment > 0) return status;
        slc_set_ids(m->set_ids, m->cut.sets, c->random);
    }
}

static bool plan_first_time(struct slc_clients *c, struct client *k, slc_time now, struct plan *plan)
{
    struct message *m;
    while ((m = k->queue.first) != NULL) {
        slc_time until = now + c->traffic->look_ahead;
        if (m->bare || (c->traffic->pacing == SLC_PACING_NONE && m->intended > until)) return false;
        if (k->pending.used >= k->pending.max) return false;
        enum slc_status status = find_way(c, k, m, false, plan);
        if (status == SLC_AGAIN) {
            slc_list_remove(m);
            slc_list_append(&m->store->waiting, m);
            m->store->waiting_fragments += (uint32_t)m->cut.fragments - m->next_fragment;
            slc_store_ask(c, k, m->store);
            continue;
        }
        if (status == SLC_OK) {
            status = enter(c, k, m, &plan->place);
            if (status == SLC_FULL || status == SLC_NO_MEMORY) {
                if (plan->kind == PLAN_REPLY) slc_store_untake(k, m->store, &plan->ticket);
                return false;
            }
        }
        if (status != SLC_OK) {
            slc_send_expire(c, m, status);
            continue;
        }
        struct slc_pending_entry *e = &k->pending.entries[plan->place];
        e->message = m;
        e->fragment = m->next_fragment++;
        e->queued = true;
        k->queued--;
        if (m->next_fragment == m->cut.fragments) slc_list_remove(m);
        return true;
    }
    return false;
}

/* ---- slots ---- */

static struct plan *open_plan(struct slc_clients *c, struct client *k)
{
    if (c->plan_count == c->batch) slc_build(c);
    struct plan *plan = &c->plans[c->plan_count];
    *plan = (struct plan){.client = slc_client_index(c, k), .place = SLC_NO_PLACE};
    plan->slot = c->port.slot(c->port.self, c->packet_bytes + SLC_SEAL_TAG_BYTES);
    return plan->slot == NULL ? NULL : plan;
}

static void plan_cover(const struct client *k, struct plan *plan)
{
    plan->kind = PLAN_COVER;
    plan->egress = k->own;
}

static void count_slot(struct slc_clients *c, struct client *k, slc_time slot, slc_time now)
{
    COUNT(c, k, slots, 1);
    if (now <= slot + LATE) return;
    COUNT(c, k, slots_late, 1);
    if (now - slot > c->counters.slot_lateness_worst_ns) {
        slc_client_bump(&c->counters.slot_lateness_worst_ns, now - slot - c->counters.slot_lateness_worst_ns);
    }
    uint64_t *worst = &c->gateways[k->gateway]->counters.slot_lateness_worst_ns;
    if (now - slot > *worst) slc_client_bump(worst, now - slot - *worst);
}

static bool fill_main(struct slc_clients *c, struct client *k, slc_time now)
{
    slc_time mean = c->traffic->main_mean;
    uint64_t missed = slc_schedule_skip(&k->main, now, PATIENCE, mean, c->random);
    if (missed > 0) {
        COUNT(c, k, slots, missed);
        COUNT(c, k, slots_missed, missed);
    }
    while (k->main.next <= now + c->traffic->look_ahead) {
        struct plan *plan = open_plan(c, k);
        if (plan == NULL) return false;
        plan->due = k->main.next;
        if (!plan_retry(c, k, plan) && !plan_first_time(c, k, now, plan)) plan_cover(k, plan);
        c->plan_count++;
        count_slot(c, k, k->main.next, now);
        slc_schedule_advance(&k->main, mean, c->random);
    }
    return true;
}

/* Whether a look into the queues is worth a slot. */
static bool has_work(const struct slc_clients *c, const struct client *k, slc_time now)
{
    if (k->retry_first != SLC_NO_PLACE) return true;
    const struct message *m = k->queue.first;
    return m != NULL && !m->bare && m->intended <= now + c->traffic->look_ahead && k->pending.used < k->pending.max;
}

static bool send_all(struct slc_clients *c, struct client *k, slc_time now)
{
    while (has_work(c, k, now)) {
        struct plan *plan = open_plan(c, k);
        if (plan == NULL) return false;
        bool found = plan_retry(c, k, plan);
        if (found) {
            plan->due = now;
        } else {
            found = plan_first_time(c, k, now, plan);
        }
        if (!found) {
            c->port.slot_drop(c->port.self, plan->slot);
            return true;
        }
        const struct message *m = k->pending.entries[plan->place].message;
        if (plan->due == 0) plan->due = m->intended > now ? m->intended : now;
        c->plan_count++;
    }
    return true;
}

static bool fill_loop(struct slc_clients *c, struct client *k, slc_time now)
{
    while (k->loop.next <= now + c->traffic->look_ahead) {
        struct plan *plan = open_plan(c, k);
        if (plan == NULL) return false;
        plan->due = k->loop.next;
        plan_cover(k, plan);
        c->plan_count++;
        /* Cover never builds a backlog: of slots that have passed, one is filled. */
        (void)slc_schedule_skip(&k->loop, now, 0, c->traffic->loop_mean, c->random);
        if (k->loop.next <= plan->due) slc_schedule_advance(&k->loop, c->traffic->loop_mean, c->random);
    }
    return true;
}

bool slc_send_plan(struct slc_clients *c, struct client *k, slc_time now)
{
    if (!k->ready) return true;
    c->now = now;
    if (k->own == NULL) {
        /* No acks can come back: nothing may be sent until the gateway is in the snapshot again. */
        (void)slc_schedule_skip(&k->main, now + c->traffic->look_ahead, 0, c->traffic->main_mean, c->random);
        (void)slc_schedule_skip(&k->loop, now + c->traffic->look_ahead, 0, c->traffic->loop_mean, c->random);
        return true;
    }
    bool enough = c->traffic->pacing == SLC_PACING_POISSON ? fill_main(c, k, now) : send_all(c, k, now);
    return enough && (c->traffic->loop_mean == 0 || fill_loop(c, k, now));
}

slc_time slc_send_due(struct slc_clients *c, struct client *k)
{
    slc_time due = slc_schedule_round(slc_pending_due(&k->pending), c->traffic->look_ahead);
    if (c->traffic->pacing == SLC_PACING_POISSON) return due;
    if (k->retry_first != SLC_NO_PLACE) return c->now;
    const struct message *m = k->queue.first;
    if (m == NULL || m->bare || k->pending.used >= k->pending.max) return due;
    slc_time start = m->intended > c->traffic->look_ahead ? m->intended - c->traffic->look_ahead : 0;
    return start < due ? start : due;
}

/* ---- results ---- */

/* The chapter's wait; from the third repeat on longer, and never in step with others (trap 28). */
static slc_time patience(struct slc_clients *c, const struct plan *plan, unsigned attempts)
{
    slc_time wait = (slc_time)(c->traffic->ack_wait_factor * (double)plan->wait) + c->traffic->ack_wait_extra;
    if (attempts <= 2) return wait;
    unsigned doublings = attempts - 2 < 5 ? attempts - 2 : 5;
    wait <<= doublings;
    return wait + (slc_time)(slc_random_unit(c->random) * (double)wait / 4);
}

static void count_sent(struct slc_clients *c, struct client *k, const struct message *m, bool again)
{
    bool surbs_only = m->kind == SLC_MESSAGE_SURBS || m->kind == SLC_MESSAGE_SURB_REQUEST;
    if (again) {
        COUNT(c, k, retransmitted, 1);
    } else if (surbs_only) {
        COUNT(c, k, surb_packets_sent, 1);
    } else {
        COUNT(c, k, real_sent, 1);
    }
}

static void sent_once(struct slc_clients *c, struct client *k, struct message *m, slc_time due)
{
    if (m->first_due == 0 || due < m->first_due) m->first_due = due;
    if (++m->sent < m->cut.fragments || m->internal) return;
    struct slc_client_event event = event_of(m, SLC_CLIENT_SENT, m->first_due);
    COUNT(c, k, messages_sent, 1);
    slc_client_event(c, k, &event);
}

void slc_send_result(struct slc_clients *c, const struct plan *plan, bool sent)
{
    struct client *k = &c->clients[plan->client];
    struct slc_pending_entry *e = &k->pending.entries[plan->place];
    if (e->state == SLC_PENDING_DROPPED) {
        slc_pending_remove(&k->pending, plan->place, false);
        return;
    }
    struct message *m = e->message;
    e->queued = false;
    if (!sent) {
        if (plan->kind == PLAN_REPLY) slc_store_untake(k, m->store, &plan->ticket);
        queue_retry(k, plan->place);
        return;
    }
    bool again = e->attempts > 0;
    if (e->attempts < UINT16_MAX) e->attempts++;
    slc_pending_fly(&k->pending, plan->place, plan->due + patience(c, plan, e->attempts));
    count_sent(c, k, m, again);
    if (plan->kind == PLAN_REPLY) COUNT(c, k, surbs_used, 1);
    if (!again) sent_once(c, k, m, plan->due);
}
