/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

/*
 * Others' SURBs, by sender tag: what we answer with. Thresholds, requests for more and silence follow
 * docs/protocol/4-client.md, sections 7.2 to 7.7; key rotation 12.3, simplified: what was made for the old rotation is
 * dropped, except one SURB that asks for new ones.
 */

enum { FIRST_STORES = 4 };
#define CHECK_PERIOD (5 * SLC_SECOND)

/* SURBs that came in one message, in one piece. */
struct surb_block {
    struct surb_block *next;
    uint32_t count, used;
    uint16_t surb_bytes;
    uint8_t rotation;
    bool explicit_keys;
    uint8_t bytes[];
};

static uint32_t tag_hash(const struct client *k, const uint8_t tag[SLC_SENDER_TAG_BYTES])
{
    return slc_index_hash(k->pending.salt, tag, SLC_SENDER_TAG_BYTES);
}

struct store *slc_store_find(const struct client *k, const uint8_t tag[SLC_SENDER_TAG_BYTES])
{
    const struct replies *r = k->replies;
    if (r == NULL) return NULL;
    uint32_t cursor = 0, hash = tag_hash(k, tag), place;
    while ((place = slc_index_next(&r->store_index, hash, &cursor)) != SLC_NO_PLACE) {
        if (memcmp(r->stores[place]->tag, tag, SLC_SENDER_TAG_BYTES) == 0) return r->stores[place];
    }
    return NULL;
}

/* ---- messages of a store ---- */

void slc_store_join(struct store *store, struct message *m)
{
    m->store = store;
    m->store_previous = NULL;
    m->store_next = store->messages;
    if (store->messages != NULL) store->messages->store_previous = m;
    store->messages = m;
    if (m->kind == SLC_MESSAGE_REPLY) store->unsent += (uint32_t)m->cut.fragments;
}

void slc_store_leave(struct message *m)
{
    *(m->store_previous == NULL ? &m->store->messages : &m->store_previous->store_next) = m->store_next;
    if (m->store_next != NULL) m->store_next->store_previous = m->store_previous;
    if (m->kind == SLC_MESSAGE_REPLY) m->store->unsent -= (uint32_t)m->cut.fragments - m->next_fragment;
    m->store = NULL;
}

/* ---- stores ---- */

static void unlink_age(struct replies *r, struct store *s)
{
    *(s->older == NULL ? &r->oldest : &s->older->newer) = s->newer;
    *(s->newer == NULL ? &r->newest : &s->newer->older) = s->older;
}

static void link_newest(struct replies *r, struct store *s)
{
    s->older = r->newest;
    s->newer = NULL;
    *(r->newest == NULL ? &r->oldest : &r->newest->newer) = s;
    r->newest = s;
}

static void free_blocks(struct surb_block *block)
{
    while (block != NULL) {
        struct surb_block *next = block->next;
        free(block);
        block = next;
    }
}

/* A plan may still point into it. */
static void spend(struct slc_clients *c, struct surb_block *block)
{
    block->next = c->spent;
    c->spent = block;
}

void slc_surbs_discard(struct slc_clients *c)
{
    free_blocks(c->spent);
    c->spent = NULL;
}

static void drop_stalled(struct client *k, struct store *s)
{
    while (s->stalled_first != SLC_NO_PLACE) {
        uint32_t place = s->stalled_first;
        struct slc_pending_entry *e = &k->pending.entries[place];
        s->stalled_first = e->next;
        k->queued--;
        /* Its message is gone by now. */
        slc_pending_remove(&k->pending, place, false);
    }
}

static void drop_store(struct slc_clients *c, struct client *k, struct store *s, enum slc_status status)
{
    struct replies *r = k->replies;
    while (s->messages != NULL) {
        slc_messages_expire(c, s->messages, status);
    }
    drop_stalled(k, s);
    r->stored -= s->count;
    while (s->first != NULL) {
        struct surb_block *block = s->first;
        s->first = block->next;
        spend(c, block);
    }
    unlink_age(r, s);
    slc_index_remove(&r->store_index, s->hash, s->place);
    struct store *last = r->stores[--r->stores_len];
    if (last != s) {
        slc_index_remove(&r->store_index, last->hash, last->place);
        last->place = s->place;
        r->stores[last->place] = last;
        slc_index_put(&r->store_index, last->hash, last->place);
    }
    free(s);
}

void slc_stores_free(struct slc_clients *c, struct replies *r)
{
    (void)c;
    for (uint32_t i = 0; i < r->stores_len; i++) {
        free_blocks(r->stores[i]->first);
        free(r->stores[i]);
    }
    free(r->stores);
    slc_index_free(&r->store_index);
}

/* The longest silent goes, rather one that nobody writes to. */
static void make_room(struct slc_clients *c, struct client *k)
{
    struct store *s = k->replies->oldest;
    while (s != NULL && s->messages != NULL) {
        s = s->newer;
    }
    drop_store(c, k, s != NULL ? s : k->replies->oldest, SLC_NOT_FOUND);
}

static struct store *store_new(struct slc_clients *c, struct client *k, const uint8_t tag[SLC_SENDER_TAG_BYTES])
{
    struct replies *r = slc_replies_of(c, k);
    if (r == NULL || c->traffic->max_sender_tags == 0) return NULL;
    if (r->stores_len >= c->traffic->max_sender_tags) make_room(c, k);
    if (r->stores_len == r->stores_cap) {
        uint32_t cap = r->stores_cap == 0 ? FIRST_STORES : r->stores_cap * 2;
        struct store **grown = realloc(r->stores, cap * sizeof(struct store *));
        if (grown == NULL) return NULL;
        r->stores = grown;
        if (slc_index_reserve(&r->store_index, cap) != SLC_OK) return NULL;
        r->stores_cap = cap;
    }
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    memcpy(s->tag, tag, sizeof s->tag);
    s->stalled_first = s->stalled_last = SLC_NO_PLACE;
    s->place = r->stores_len;
    s->hash = tag_hash(k, tag);
    r->stores[r->stores_len++] = s;
    slc_index_put(&r->store_index, s->hash, s->place);
    link_newest(r, s);
    return s;
}

/* ---- SURBs in and out ---- */

static bool put(struct slc_clients *c, struct client *k, struct store *s, const struct slc_surb_list *surbs)
{
    struct replies *r = k->replies;
    size_t room = c->traffic->max_stored_surbs > r->stored ? c->traffic->max_stored_surbs - r->stored : 0;
    size_t count = surbs->count < room ? surbs->count : room;
    if (count == 0) return false;
    struct surb_block *block = malloc(sizeof *block + count * surbs->surb_bytes);
    if (block == NULL) return false;
    *block = (struct surb_block){.count = (uint32_t)count,
                                 .surb_bytes = (uint16_t)surbs->surb_bytes,
                                 .rotation = (uint8_t)surbs->rotation,
                                 .explicit_keys = surbs->explicit_keys};
    memcpy(block->bytes, surbs->surbs.data, count * surbs->surb_bytes);
    *(s->first == NULL ? &s->first : &s->last->next) = block;
    s->last = block;
    s->count += block->count;
    r->stored += block->count;
    COUNT(c, k, surbs_stored, count);
    return true;
}

void slc_store_receive(struct slc_clients *c, struct client *k, const uint8_t tag[SLC_SENDER_TAG_BYTES],
                       const struct slc_surb_list *surbs, bool asked_for, slc_time now)
{
    if (surbs->count == 0) return;
    struct store *s = slc_store_find(k, tag);
    if (s == NULL) s = store_new(c, k, tag);
    if (s == NULL) return;
    if (asked_for) s->requested -= surbs->count < s->requested ? (uint32_t)surbs->count : s->requested;
    if (!put(c, k, s, surbs)) return;
    s->heard = now;
    s->repeats = 0;
    unlink_age(k->replies, s);
    link_newest(k->replies, s);
    if (s->messages == NULL) return;
    slc_send_resume(c, k, s);
    slc_store_ask(c, k, s);
}

bool slc_store_take(struct slc_clients *c, struct client *k, struct store *s, uint32_t keep, struct ticket *ticket)
{
    if (s->count <= keep) return false;
    struct surb_block *block = s->first;
    *ticket = (struct ticket){.bytes = block->bytes + (size_t)block->used * block->surb_bytes,
                              .len = block->surb_bytes,
                              .rotation = block->rotation,
                              .explicit_keys = block->explicit_keys};
    s->count--;
    k->replies->stored--;
    if (++block->used == block->count) {
        s->first = block->next;
        spend(c, block);
    }
    return true;
}

void slc_store_untake(struct client *k, struct store *s, const struct ticket *ticket)
{
    struct surb_block *block = malloc(sizeof *block + ticket->len);
    /* One SURB less; the fragment waits for another. */
    if (block == NULL) return;
    *block = (struct surb_block){.next = s->first,
                                 .count = 1,
                                 .surb_bytes = ticket->len,
                                 .rotation = ticket->rotation,
                                 .explicit_keys = ticket->explicit_keys};
    memcpy(block->bytes, ticket->bytes, ticket->len);
    if (s->first == NULL) s->last = block;
    s->first = block;
    s->count++;
    k->replies->stored++;
}

/* ---- asking for more ---- */

static uint32_t at_least(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void request(struct slc_clients *c, struct client *k, struct store *s, uint32_t amount)
{
    if (s->count == 0) return;
    uint8_t *memory = malloc(SLC_SURB_REQUEST_BYTES);
    if (memory == NULL) return;
    struct slc_recipient self;
    slc_clients_recipient(c, slc_client_index(c, k), &self);
    struct slc_writer w = slc_writer(memory, SLC_SURB_REQUEST_BYTES);
    slc_message_write_surb_request(&w, &self, amount);
    struct message model = {.kind = SLC_MESSAGE_SURB_REQUEST, .store = s};
    if (slc_messages_add(c, k, &model, memory, SLC_SURB_REQUEST_BYTES) != SLC_OK) return;
    s->requested += amount;
    COUNT(c, k, surb_requests_sent, 1);
}

/* Fragments for which there is no SURB above the reserve. */
static uint32_t lacking(const struct slc_traffic *t, const struct store *s)
{
    uint32_t free = s->count > t->surbs_minimum ? s->count - t->surbs_minimum : 0;
    uint32_t wanted = s->unsent + s->stalled;
    return wanted > free ? wanted - free : 0;
}

static uint32_t request_size(const struct slc_traffic *t, const struct store *s)
{
    uint32_t amount = at_least(lacking(t, s), t->request_minimum);
    return amount < t->request_maximum ? amount : t->request_maximum;
}

static void expect_answer(struct replies *r, slc_time now)
{
    if (r->checked == SLC_NEVER) r->checked = now + CHECK_PERIOD;
}

void slc_store_ask(struct slc_clients *c, struct client *k, struct store *s)
{
    const struct slc_traffic *t = c->traffic;
    uint32_t queue = s->unsent + s->stalled;
    if (lacking(t, s) > 0) expect_answer(k->replies, c->now);
    /* What there is goes to the queue first: neither side of the rule changes its answer by that. */
    uint32_t have = s->count + s->requested;
    if (have >= t->surbs_maximum + queue - lacking(t, s) || have >= queue + t->surbs_minimum) return;
    request(c, k, s, request_size(t, s));
}

/* ---- silence ---- */

slc_time slc_reply_due(const struct client *k)
{
    return k->replies == NULL ? SLC_NEVER : k->replies->checked;
}

/* Whether the store goes on. */
static bool bear_silence(struct slc_clients *c, struct client *k, struct store *s, slc_time now)
{
    const struct slc_traffic *t = c->traffic;
    slc_time silence = now - s->heard;
    if (s->repeats > t->request_repeats || silence > t->request_drop) return false;
    if (silence <= t->request_wait) return true;
    s->repeats++;
    request(c, k, s, request_size(t, s));
    s->requested = 0;
    return true;
}

void slc_reply_check(struct slc_clients *c, struct client *k, slc_time now)
{
    struct replies *r = k->replies;
    bool waiting = false;
    c->now = now;
    for (uint32_t i = r->stores_len; i-- > 0;) {
        struct store *s = r->stores[i];
        if (lacking(c->traffic, s) == 0) continue;
        if (bear_silence(c, k, s, now)) {
            waiting = true;
        } else {
            drop_store(c, k, s, SLC_BAD_SURB);
        }
    }
    r->checked = waiting ? now + CHECK_PERIOD : SLC_NEVER;
}

/* ---- rotation ---- */

static bool outlived(const struct slc_clients *c, const struct surb_block *block)
{
    return block->rotation != SLC_ROTATION_UNKNOWN && c->topology->rotation != SLC_ROTATION_UNKNOWN &&
           block->rotation != c->topology->rotation;
}

static void rotate_store(struct slc_clients *c, struct client *k, struct store *s)
{
    uint32_t gone = 0;
    struct surb_block *keep = NULL;
    struct surb_block **at = &s->first;
    s->last = NULL;
    while (*at != NULL) {
        struct surb_block *block = *at;
        if (!outlived(c, block)) {
            s->last = block;
            at = &block->next;
            continue;
        }
        *at = block->next;
        gone += block->count - block->used;
        if (keep != NULL) spend(c, keep);
        keep = block;
    }
    if (keep == NULL) return;
    s->count -= gone;
    k->replies->stored -= gone;
    /* The old keys are good for one more epoch: long enough to ask for new SURBs through one of the old. */
    keep->used = keep->count - 1;
    keep->next = s->first;
    if (s->first == NULL) s->last = keep;
    s->first = keep;
    s->count++;
    k->replies->stored++;
    request(c, k, s, gone < c->traffic->request_maximum ? gone : c->traffic->request_maximum);
}

void slc_reply_rotate(struct slc_clients *c, struct client *k)
{
    if (k->replies == NULL) return;
    for (uint32_t i = 0; i < k->replies->stores_len; i++) {
        rotate_store(c, k, k->replies->stores[i]);
    }
}
