/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

/* What goes into which slot, and what becomes of it (docs/protocol/4-client.md, sections 3, 4.1 and 6). */

enum { TURN = 2 /* batches that one turn builds at most */ };
#define LATE     SLC_MILLISECOND
#define PATIENCE SLC_SECOND /* behind which slots are given up */

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

void slc_send_overdue(struct slc_clients *c, struct client *k, slc_time now)
{
    uint32_t place;
    c->now = now;
    while (slc_pending_expired(&k->pending, now, &place)) {
        struct slc_pending_entry *e = &k->pending.entries[place];
        struct message *m = e->message;
        if (e->attempts > m->retransmissions) {
            slc_messages_expire(c, m, SLC_TIMEOUT);
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
            slc_messages_expire(c, m, status);
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
        if (c->traffic->pacing == SLC_PACING_NONE && m->intended > until) return false;
        if (k->pending.used >= k->pending.max) return false;
        enum slc_status status = find_way(c, k, m, false, plan);
        if (status == SLC_AGAIN) {
            slc_list_remove(m);
            slc_list_append(&m->store->waiting, m);
            slc_store_ask(c, k, m->store);
            continue;
        }
        if (status == SLC_OK) {
            status = enter(c, k, m, &plan->place);
            if (status == SLC_FULL || status == SLC_NO_MEMORY) {
                if (plan->kind == PLAN_REPLY) slc_store_untake(c, k, m->store, &plan->ticket);
                return false;
            }
        }
        if (status != SLC_OK) {
            slc_messages_expire(c, m, status);
            continue;
        }
        struct slc_pending_entry *e = &k->pending.entries[plan->place];
        e->message = m;
        e->fragment = m->next_fragment++;
        if (m->kind == SLC_MESSAGE_REPLY) m->store->unsent--;
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
    if (c->refused || c->planned == TURN * c->batch) return NULL;
    struct plan *plan = &c->plans[c->plan_count];
    *plan = (struct plan){.client = slc_client_index(c, k), .place = SLC_NO_PLACE};
    plan->slot = c->port.slot(c->port.self, c->packet_bytes + SLC_SEAL_TAG_BYTES);
    if (plan->slot == NULL) return NULL;
    c->planned++;
    return plan;
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
    return m != NULL && m->intended <= now + c->traffic->look_ahead && k->pending.used < k->pending.max;
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
    if (k->own == NULL || c->rotation.retired) {
        /* No acks can come back, or no node knows the keys any more: nothing may be sent until the next snapshot. */
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
    if (m == NULL || k->pending.used >= k->pending.max) return due;
    slc_time start = m->intended > c->traffic->look_ahead ? m->intended - c->traffic->look_ahead : 0;
    return start < due ? start : due;
}

/* ---- results ---- */

/* The chapter's wait; from the third repeat on longer, and never in step with others (trap 28). */
static slc_time patience(struct slc_clients *c, const struct plan *plan, unsigned attempts)
{
    slc_time wait = (slc_time)(c->traffic->ack_wait_factor * (double)plan->delays) + c->traffic->ack_wait_extra;
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
    struct slc_client_event event = {.kind = SLC_CLIENT_SENT, .token = m->token, .at = m->first_due};
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
        c->refused = true;
        if (plan->kind == PLAN_REPLY) slc_store_untake(c, k, m->store, &plan->ticket);
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
