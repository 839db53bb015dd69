/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

/*
 * When to ask a peer for more SURBs, and when to stop (docs/protocol/4-client.md, sections 7.5 and 7.7).
 *
 * The reference takes SURBs for a reply's fragments when it is handed in; here a fragment takes its SURB with its slot.
 * So the rules count what is there as the reference would find it after that: fragments for which there are SURBs above
 * the reserve have taken them, fresh before stale.
 */

#define CHECK_PERIOD (5 * SLC_SECOND)

struct need {
    uint32_t have;      /* fresh SURBs that stay, and those on their way                  */
    uint32_t fragments; /* of replies, with no SURB above the reserve                     */
    uint32_t again;     /* fragments that wait to be sent again, with none either         */
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static struct need need_of(const struct slc_traffic *t, const struct store *s)
{
    uint32_t count = slc_store_count(s);
    uint32_t free = count > t->surbs_minimum ? count - t->surbs_minimum : 0;
    uint32_t waiting = s->stalled + s->resumed;
    uint32_t again = smaller(waiting, free);
    uint32_t fragments = smaller(s->unsent, free - again);
    return (struct need){.have = s->fresh.count - smaller(again + fragments, s->fresh.count) + s->requested,
                         .fragments = s->unsent - fragments,
                         .again = waiting - again};
}

static uint32_t request_size(const struct slc_traffic *t, struct need need)
{
    uint32_t amount = need.fragments + need.again + t->surbs_buffer;
    if (amount < t->request_minimum) amount = t->request_minimum;
    return smaller(amount, t->request_maximum);
}

bool slc_store_request(struct slc_clients *c, struct client *k, struct store *s, uint32_t amount)
{
    if (slc_store_count(s) == 0) return false;
    uint8_t *memory = malloc(SLC_SURB_REQUEST_BYTES);
    if (memory == NULL) return false;
    struct slc_recipient self;
    slc_clients_recipient(c, slc_client_index(c, k), &self);
    struct slc_writer w = slc_writer(memory, SLC_SURB_REQUEST_BYTES);
    slc_message_write_surb_request(&w, &self, amount);
    struct message model = {.kind = SLC_MESSAGE_SURB_REQUEST, .store = s};
    if (slc_messages_add(c, k, &model, memory, SLC_SURB_REQUEST_BYTES) != SLC_OK) return false;
    s->requested += amount;
    s->asked = c->now;
    COUNT(c, k, surb_requests_sent, 1);
    return true;
}

void slc_store_ask(struct slc_clients *c, struct client *k, struct store *s)
{
    const struct slc_traffic *t = c->traffic;
    struct need need = need_of(t, s);
    uint32_t queue = need.fragments + need.again;
    if (queue > 0 && k->replies->checked == SLC_NEVER) k->replies->checked = c->now + CHECK_PERIOD;
    if (queue > 0 && s->waits == 0) s->waits = c->now;
    if (need.have >= t->surbs_maximum || need.have >= queue + t->surbs_minimum + t->surbs_buffer) return;
    (void)slc_store_request(c, k, s, request_size(t, need));
}

/* ---- silence ---- */

slc_time slc_reply_due(const struct client *k)
{
    return k->replies == NULL ? SLC_NEVER : k->replies->checked;
}

/*
 * Whether to go on waiting. The five minutes count from when something began to wait: the reference counts from the
 * last SURBs alone, and gives a reply up that is the first for so long before it could be answered.
 */
static bool bear_silence(struct slc_clients *c, struct client *k, struct store *s, struct need need, slc_time now)
{
    const struct slc_traffic *t = c->traffic;
    int64_t silence = (int64_t)now - s->heard;
    int64_t waited = (int64_t)(now - s->waits);
    if (s->repeats > t->request_repeats) return false;
    if ((silence < waited ? silence : waited) > (int64_t)t->request_drop) return false;
    if (silence <= (int64_t)t->request_wait) return true;
    s->repeats++;
    (void)slc_store_request(c, k, s, request_size(t, need));
    s->requested = 0;
    return true;
}

/* Whether something still waits. */
static bool check_store(struct slc_clients *c, struct client *k, struct store *s, slc_time now)
{
    struct need need = need_of(c->traffic, s);
    if (need.fragments + need.again == 0) {
        s->waits = 0;
        return false;
    }
    if (s->waits == 0) s->waits = now;
    if (bear_silence(c, k, s, need, now)) return true;
    if (need.fragments > 0) {
        slc_store_drop(c, s, SLC_BAD_SURB);
    } else {
        /* The reference never looks at these; nobody would ever hear of them. The tag stays good for what comes. */
        slc_store_give_up_stalled(c, s, SLC_BAD_SURB);
        s->repeats = 0;
        s->waits = 0;
    }
    return false;
}

void slc_reply_check(struct slc_clients *c, struct client *k, slc_time now)
{
    struct replies *r = k->replies;
    bool waiting = false;
    c->now = now;
    for (uint32_t i = r->stores_len; i-- > 0;) {
        waiting = check_store(c, k, r->stores[i], now) || waiting;
    }
    r->checked = waiting ? now + CHECK_PERIOD : SLC_NEVER;
}
