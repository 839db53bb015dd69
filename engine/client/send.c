/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

/* What goes into which slot, and what becomes of it (docs/protocol/4-client.md, sections 3, 4.1 and 6). */

enum {
    TURN = 2,           /* batches that one turn builds at most */
    BLOCKED_MOST = 7,   /* 64 ms between looks at a connection without room */
    UNPACED_QUEUE = 256 /* frames of one client on the connection, without pacing: what keeps a worker's batches full */
};
#define LATE           SLC_MILLISECOND
#define PATIENCE       SLC_SECOND         /* behind which slots are given up */
#define ROUTE_PATIENCE (600 * SLC_SECOND) /* for a recipient's gateway to be listed again: two refreshes */
#define WAIT_GRAIN     SLC_MICROSECOND

/* Where an entry that has no deadline stands (slc_pending_entry.queued). */
enum { QUEUED_NOT, QUEUED_RETRY, QUEUED_STALLED, QUEUED_PLAN };

static slc_time earlier(slc_time a, slc_time b)
{
    return a < b ? a : b;
}

/* ---- retransmission ---- */

static void queue_retry(struct slc_clients *c, struct client *k, uint32_t place)
{
    static const struct slc_lane_name lane = {.kind = SLC_LANE_RETRANSMISSION};
    struct slc_pending_entry *e = &k->pending.entries[place];
    /* Without memory for a lane: later, as if nobody had looked. */
    if (slc_lanes_store(&k->lanes, &c->lane_pool, lane, &k->retries, 1, c->now) != SLC_OK) {
        slc_pending_fly(&k->pending, place, c->now + SLC_SECOND);
        return;
    }
    e->queued = QUEUED_RETRY;
    e->next = SLC_NO_PLACE;
    if (k->retry_first == SLC_NO_PLACE) {
        k->retry_first = place;
    } else {
        k->pending.entries[k->retry_last].next = place;
    }
    k->retry_last = place;
    k->queued++;
}

/* Frees those in front that were settled while they waited. */
static void drop_settled_retries(struct client *k)
{
    while (k->retry_first != SLC_NO_PLACE) {
        uint32_t place = k->retry_first;
        if (k->pending.entries[place].state != SLC_PENDING_DROPPED) return;
        k->retry_first = k->pending.entries[place].next;
        slc_pending_remove(&k->pending, place, false);
    }
}

/* A fragment leaves the lane of retransmissions, whether or not it is one that waited for a SURB. */
static void not_resumed(const struct message *m)
{
    if (m->store != NULL && m->store->resumed > 0) m->store->resumed--;
}

struct message *slc_send_first_retry(struct client *k)
{
    drop_settled_retries(k);
    return k->pending.entries[k->retry_first].message;
}

void slc_send_forget(struct slc_clients *c, struct client *k, uint32_t place)
{
    struct slc_pending_entry *e = &k->pending.entries[place];
    const struct message *m = e->message;
    unsigned queued = e->queued;
    slc_pending_remove(&k->pending, place, queued != QUEUED_NOT);
    if (queued == QUEUED_STALLED) {
        k->queued--;
        m->store->stalled--;
    } else if (queued == QUEUED_RETRY) {
        k->queued--;
        not_resumed(m);
        slc_lanes_drop(&k->lanes, &c->lane_pool, &k->retries, 1);
        if (k->retries.lane == NULL) drop_settled_retries(k);
    }
}

/* What an ack takes on average: for a packet that could not be built, so that nothing was drawn. */
static slc_time usual_wait(const struct slc_traffic *t)
{
    slc_time delays = t->no_mix_hops ? 0 : 3 * (t->hop_delay + t->ack_hop_delay);
    return (slc_time)(t->ack_wait_factor * (double)delays) + t->ack_wait_extra;
}

static uint32_t in_grains(slc_time wait)
{
    return wait / WAIT_GRAIN < UINT32_MAX ? (uint32_t)(wait / WAIT_GRAIN) : UINT32_MAX;
}

/* For an ack, or for another attempt, as long as the time before. */
static void wait_again(struct slc_clients *c, struct client *k, uint32_t place)
{
    struct slc_pending_entry *e = &k->pending.entries[place];
    if (e->wait == 0) e->wait = in_grains(usual_wait(c->traffic) + SLC_MILLISECOND);
    e->queued = QUEUED_NOT;
    slc_pending_fly(&k->pending, place, c->now + e->wait * WAIT_GRAIN);
}

void slc_send_overdue(struct slc_clients *c, struct client *k, slc_time now)
{
    uint32_t place;
    c->now = now;
    while (slc_pending_expired(&k->pending, now, &place)) {
        struct slc_pending_entry *e = &k->pending.entries[place];
        struct message *m = e->message;
        if (k->ready && k->waiting > SLC_PACE_MARK) {
            /* The packet may not even have left: more of them help nobody (trap 30). */
            wait_again(c, k, place);
        } else if (e->attempts > m->retransmissions) {
            slc_messages_expire(c, m, SLC_TIMEOUT);
        } else {
            queue_retry(c, k, place);
        }
    }
}

static void stall(struct client *k, struct store *store, uint32_t place)
{
    struct slc_pending_entry *e = &k->pending.entries[place];
    e->queued = QUEUED_STALLED;
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
        if (k->pending.entries[place].state == SLC_PENDING_DROPPED) {
            slc_pending_remove(&k->pending, place, false);
            continue;
        }
        k->queued--;
        queue_retry(c, k, place);
        store->resumed += k->pending.entries[place].queued == QUEUED_RETRY;
    }
    store->stalled = 0;
    while (store->waiting.first != NULL) {
        struct message *m = store->waiting.first;
        slc_list_remove(m);
        slc_lanes_unpark(&k->lanes, &m->item, c->now);
    }
    slc_client_activate(c, k);
}

/* ---- the next packet ---- */

/* SLC_OK: `plan` says where it goes; else why it cannot go now. */
static enum slc_status find_way(struct slc_clients *c, struct client *k, struct message *m, bool again,
                                struct plan *plan)
{
    if (m->kind == SLC_MESSAGE_REPLY || m->kind == SLC_MESSAGE_SURB_REQUEST) {
        uint32_t reserve = c->traffic->surbs_minimum;
        /* Those that waited to be sent again have the first SURBs (section 7.6), wherever their lane stands. */
        uint32_t keep = reserve + m->store->resumed;
        if (again) keep = reserve > 0 ? reserve - 1 : 0;
        if (m->kind == SLC_MESSAGE_SURB_REQUEST) keep = 0;
        plan->kind = PLAN_REPLY;
        if (!slc_store_take(c, k, m->store, keep, &plan->ticket)) return SLC_AGAIN;
        if (m->kind == SLC_MESSAGE_REPLY) m->store->most = 0;
        return SLC_OK;
    }
    plan->kind = PLAN_FRAGMENT;
    if (m->snapshot != c->snapshot) {
        m->egress = slc_client_egress(c, m->recipient.gateway);
        m->snapshot = c->snapshot;
    }
    plan->egress = m->egress;
    if (m->egress != NULL) {
        m->astray = 0;
        return SLC_OK;
    }
    if (m->astray == 0) m->astray = c->now;
    return SLC_NO_ROUTE;
}

/*
 * No packet can be built: the timer starts again and the attempt does not count (section 6.4, 5). The reference does
 * so for ever (trap 33); a gateway that two refreshes in a row did not list takes its messages with it.
 */
static void go_astray(struct slc_clients *c, struct client *k, struct message *m, uint32_t place)
{
    if (c->now - m->astray > ROUTE_PATIENCE) {
        slc_messages_expire(c, m, SLC_NO_ROUTE);
    } else {
        wait_again(c, k, place);
    }
}

static bool plan_retry(struct slc_clients *c, struct client *k, struct plan *plan)
{
    uint32_t place = k->retry_first;
    struct slc_pending_entry *e = &k->pending.entries[place];
    struct message *m = e->message;
    k->retry_first = e->next;
    k->queued--;
    slc_lanes_sent(&k->lanes, &c->lane_pool, &k->retries, c->now);
    not_resumed(m);
    e->queued = QUEUED_PLAN;
    plan->place = place;
    enum slc_status status = find_way(c, k, m, true, plan);
    if (status == SLC_OK) return true;
    e->queued = QUEUED_NOT;
    if (status == SLC_NO_ROUTE) {
        go_astray(c, k, m, place);
    } else {
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

/* SLC_OK: planned; SLC_AGAIN: not this one, try another; else nothing can be planned now. */
static enum slc_status plan_first_time(struct slc_clients *c, struct client *k, struct message *m, struct plan *plan)
{
    enum slc_status way = find_way(c, k, m, false, plan);
    if (way == SLC_AGAIN) {
        slc_lanes_park(&k->lanes, &m->item);
        slc_list_append(&m->store->waiting, m);
        slc_store_ask(c, k, m->store);
        return SLC_AGAIN;
    }
    enum slc_status status = enter(c, k, m, &plan->place);
    if (status != SLC_OK) {
        if (way == SLC_OK && plan->kind == PLAN_REPLY) slc_store_untake(c, k, m->store, &plan->ticket);
        if (status == SLC_FULL || status == SLC_NO_MEMORY) return status;
        slc_messages_expire(c, m, status);
        return SLC_AGAIN;
    }
    struct slc_pending_entry *e = &k->pending.entries[plan->place];
    e->message = m;
    e->fragment = m->next_fragment++;
    e->queued = QUEUED_PLAN;
    k->queued--;
    if (m->kind == SLC_MESSAGE_REPLY) m->store->unsent--;
    slc_lanes_sent(&k->lanes, &c->lane_pool, &m->item, c->now);
    if (way == SLC_OK) return SLC_OK;
    go_astray(c, k, m, plan->place);
    return SLC_AGAIN;
}

/* Whether the first packet of a lane may go by `until`. */
static bool can_go(const struct slc_clients *c, const struct client *k, const struct slc_lane *lane, slc_time until)
{
    if (lane->packets == 0) return false;
    if (lane->name.kind == SLC_LANE_RETRANSMISSION) return true;
    if (k->pending.used >= k->pending.max) return false;
    const struct message *m = slc_message_of(lane->first);
    return c->traffic->pacing == SLC_PACING_POISSON || m->intended <= until;
}

/* The lane whose turn it is; if that cannot go, one that can. */
static struct slc_lane *next_lane(const struct slc_clients *c, const struct client *k, slc_time until)
{
    struct slc_lane *lane = slc_lanes_pick(&k->lanes, c->random);
    if (lane == NULL || can_go(c, k, lane, until)) return lane;
    for (lane = k->lanes.first; lane != NULL && !can_go(c, k, lane, until);) {
        lane = lane->next;
    }
    return lane;
}

/* A slot for a packet of that size; the plan may have one of another size already. */
static bool take_slot(struct slc_clients *c, struct plan *plan, unsigned size)
{
    if (plan->slot != NULL && plan->size == size) return true;
    if (plan->slot != NULL) c->port.slot_drop(c->port.self, plan->slot);
    plan->size = (uint8_t)size;
    plan->slot = c->port.slot(c->port.self, slc_packet_bytes((enum slc_packet_size)size) + SLC_SEAL_TAG_BYTES);
    return plan->slot != NULL;
}

/* SLC_OK: `plan` is a packet of a message; SLC_NOT_FOUND: there is none to send now; SLC_FULL: no slot for it. */
static enum slc_status plan_message(struct slc_clients *c, struct client *k, slc_time now, struct plan *plan)
{
    const struct slc_lane *lane;
    while ((lane = next_lane(c, k, now + c->look_ahead.value)) != NULL) {
        bool again = lane->name.kind == SLC_LANE_RETRANSMISSION;
        struct message *m = again ? slc_send_first_retry(k) : slc_message_of(lane->first);
        if (!take_slot(c, plan, m->size)) return SLC_FULL;
        enum slc_status status = SLC_AGAIN;
        if (!again) {
            status = plan_first_time(c, k, m, plan);
        } else if (plan_retry(c, k, plan)) {
            status = SLC_OK;
        }
        if (status == SLC_OK) return SLC_OK;
        if (status != SLC_AGAIN) break;
    }
    plan->place = SLC_NO_PLACE;
    return SLC_NOT_FOUND;
}

/* ---- slots ---- */

static struct plan *open_plan(struct slc_clients *c, struct client *k)
{
    if (c->plan_count == c->batch) slc_build(c);
    if (c->refused || c->planned == TURN * c->batch) return NULL;
    struct plan *plan = &c->plans[c->plan_count];
    *plan = (struct plan){.client = slc_client_index(c, k), .place = SLC_NO_PLACE};
    return plan;
}

static void close_plan(struct slc_clients *c)
{
    c->plan_count++;
    c->planned++;
}

void slc_send_draw_cover(struct slc_clients *c, struct client *k)
{
    const struct slc_traffic *t = c->traffic;
    bool primary = t->secondary_size == 0 || slc_random_unit(c->random) < t->cover_primary_share;
    k->cover_size = (uint8_t)(primary ? t->size : t->secondary_size);
}

/* The size was drawn before, so that a lack of large slots does not change how many are large. */
static bool plan_cover(struct slc_clients *c, struct client *k, struct plan *plan)
{
    if (!take_slot(c, plan, k->cover_size)) return false;
    plan->kind = PLAN_COVER;
    plan->egress = k->own;
    slc_send_draw_cover(c, k);
    return true;
}

static void count_slot(struct slc_clients *c, struct client *k, slc_time slot, slc_time now)
{
    COUNT(c, k, slots, 1);
    c->late |= now > slot;
    if (now <= slot + LATE) return;
    COUNT(c, k, slots_late, 1);
    if (now - slot > c->counters.slot_lateness_worst_ns) {
        slc_client_bump(&c->counters.slot_lateness_worst_ns, now - slot - c->counters.slot_lateness_worst_ns);
    }
    uint64_t *worst = &c->gateways[k->gateway]->counters.slot_lateness_worst_ns;
    if (now - slot > *worst) slc_client_bump(worst, now - slot - *worst);
}

/* Mean between slots: longer while the gateway does not take what it is given (section 3.3). */
static slc_time mean_now(struct slc_clients *c, struct client *k, slc_time now)
{
    if (!c->traffic->adaptive) return c->traffic->main_mean;
    int change = slc_pace_look(&k->pace, k->waiting, now);
    if (change > 0) COUNT(c, k, slowdowns, 1);
    if (change < 0) COUNT(c, k, speedups, 1);
    return c->traffic->main_mean * k->pace.multiplier;
}

static bool fill_main(struct slc_clients *c, struct client *k, slc_time now)
{
    slc_time mean = mean_now(c, k, now);
    uint64_t missed = slc_schedule_skip(&k->main, now, PATIENCE, mean, c->random);
    if (missed > 0) {
        COUNT(c, k, slots, missed);
        COUNT(c, k, slots_missed, missed);
    }
    /* A full queue blocks: its slots come when there is room, or are missed. */
    while (k->main.next <= now + c->look_ahead.value && k->waiting < SLC_PACE_QUEUE) {
        struct plan *plan = open_plan(c, k);
        if (plan == NULL) return false;
        plan->due = k->main.next;
        enum slc_status status = plan_message(c, k, now, plan);
        if (status == SLC_FULL || (status == SLC_NOT_FOUND && !plan_cover(c, k, plan))) return false;
        close_plan(c);
        count_slot(c, k, k->main.next, now);
        slc_schedule_advance(&k->main, mean, c->random);
    }
    return true;
}

static bool send_all(struct slc_clients *c, struct client *k, slc_time now)
{
    while (k->lanes.count > 0 && k->waiting < UNPACED_QUEUE) {
        struct plan *plan = open_plan(c, k);
        if (plan == NULL) return false;
        enum slc_status status = plan_message(c, k, now, plan);
        if (status == SLC_FULL) return false;
        if (status != SLC_OK) {
            if (plan->slot != NULL) c->port.slot_drop(c->port.self, plan->slot);
            return true;
        }
        const struct message *m = k->pending.entries[plan->place].message;
        plan->due = m->intended > now ? m->intended : now;
        close_plan(c);
        k->waiting++;
    }
    return true;
}

static bool fill_loop(struct slc_clients *c, struct client *k, slc_time now)
{
    slc_time mean = c->traffic->loop_mean;
    while (k->loop.next <= now + c->look_ahead.value) {
        slc_time slot = k->loop.next;
        if (k->waiting >= SLC_PACE_QUEUE) {
            COUNT(c, k, cover_dropped, 1);
        } else {
            struct plan *plan = open_plan(c, k);
            if (plan == NULL || !plan_cover(c, k, plan)) return false;
            plan->due = slot;
            close_plan(c);
        }
        /* Cover never builds a backlog: of slots that have passed, one is filled. */
        (void)slc_schedule_skip(&k->loop, now, 0, mean, c->random);
        if (k->loop.next <= slot) slc_schedule_advance(&k->loop, mean, c->random);
    }
    return true;
}

bool slc_send_plan(struct slc_clients *c, struct client *k, slc_time now)
{
    if (!k->ready) return true;
    c->now = now;
    bool poisson = c->traffic->pacing == SLC_PACING_POISSON;
    if (k->own == NULL || c->rotation.retired) {
        /* No acks can come back, or no node knows the keys any more: nothing may be sent until the next snapshot. */
        slc_time until = now + c->look_ahead.value;
        slc_lanes_renew(&k->lanes, now);
        (void)slc_schedule_skip(&k->main, until, 0, c->traffic->main_mean, c->random);
        (void)slc_schedule_skip(&k->loop, until, 0, c->traffic->loop_mean, c->random);
        return true;
    }
    k->waiting = c->port.waiting == NULL ? 0 : (uint32_t)c->port.waiting(c->port.self, slc_client_index(c, k));
    bool enough = poisson ? fill_main(c, k, now) : send_all(c, k, now);
    if (enough && slc_traffic_loop_mean(c->traffic) > 0) enough = fill_loop(c, k, now);
    bool full = k->waiting >= (uint32_t)(poisson ? SLC_PACE_QUEUE : UNPACED_QUEUE);
    if (full) {
        slc_lanes_renew(&k->lanes, now);
        if (k->blocked < BLOCKED_MOST) k->blocked++;
    } else {
        k->blocked = 0;
    }
    return enough;
}

slc_time slc_send_due(struct slc_clients *c, struct client *k)
{
    slc_time look_ahead = c->look_ahead.value, due = slc_schedule_round(slc_pending_due(&k->pending), look_ahead);
    /* Nobody tells us when there is room again: we look, ever less often. */
    if (k->blocked > 0) return earlier(due, c->now + (SLC_MILLISECOND << (k->blocked - 1)));
    if (c->traffic->pacing == SLC_PACING_POISSON) return earlier(due, slc_schedule_wake(k->main.next, look_ahead));
    for (const struct slc_lane *lane = k->lanes.first; lane != NULL; lane = lane->next) {
        if (!can_go(c, k, lane, SLC_NEVER)) continue;
        if (lane->name.kind == SLC_LANE_RETRANSMISSION) return c->now;
        const struct message *m = slc_message_of(lane->first);
        due = earlier(due, m->intended > look_ahead ? m->intended - look_ahead : 0);
    }
    return due;
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
        if (m->kind == SLC_MESSAGE_SURB_REQUEST) COUNT(c, k, surb_request_packets_sent, 1);
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

/* The fragment stays with us. */
static void not_sent(struct slc_clients *c, struct client *k, const struct plan *plan, enum slc_status status)
{
    struct message *m = k->pending.entries[plan->place].message;
    if (status == SLC_AGAIN || status == SLC_CLOSED) {
        c->refused = true;
        if (plan->kind == PLAN_REPLY) slc_store_untake(c, k, m->store, &plan->ticket);
        queue_retry(c, k, plan->place);
    } else if (plan->kind == PLAN_REPLY) {
        /* A SURB that cannot be used is spent; the next one may be better. */
        queue_retry(c, k, plan->place);
    } else {
        wait_again(c, k, plan->place);
    }
}

void slc_send_result(struct slc_clients *c, const struct plan *plan, enum slc_status status)
{
    struct client *k = &c->clients[plan->client];
    struct slc_pending_entry *e = &k->pending.entries[plan->place];
    if (e->state == SLC_PENDING_DROPPED) {
        slc_pending_remove(&k->pending, plan->place, false);
        return;
    }
    struct message *m = e->message;
    e->queued = QUEUED_NOT;
    if (status != SLC_OK) {
        not_sent(c, k, plan, status);
        return;
    }
    bool again = e->attempts > 0;
    if (e->attempts < UINT16_MAX) e->attempts++;
    slc_time wait = patience(c, plan, e->attempts);
    e->wait = in_grains(wait);
    slc_pending_fly(&k->pending, plan->place, plan->due + wait);
    count_sent(c, k, m, again);
    if (plan->kind == PLAN_REPLY) COUNT(c, k, surbs_used, 1);
    if (!again) sent_once(c, k, m, plan->due);
}
