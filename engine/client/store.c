/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

#include "crypto/base/secret.h"

/*
 * Others' SURBs, by sender tag: what we answer with (docs/protocol/4-client.md, sections 7.2, 7.4 and 7.6). When to ask
 * for more stands in ask.c, what a key rotation does to them in rotation.c.
 *
 * With records kept (record.h) the first SURBs of a block are released by the block's own record, further ones ahead of
 * their use. So few that a crash leaves most of a small block, so many that sending never waits for the disk.
 */

enum { FIRST_STORES = 4, LEASE_MAX = 16, LEASE_SHARE = 4 /* of a block that is released at a time */ };

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

static size_t block_bytes(const struct surb_block *block)
{
    return sizeof *block + (size_t)block->count * block->surb_bytes;
}

/* Secrets: what is not used, others could use. */
static void free_blocks(struct slc_clients *c, struct surb_block *block)
{
    while (block != NULL) {
        struct surb_block *next = block->next;
        slc_keep_lease_forget(c, block);
        slc_wipe(block, block_bytes(block));
        free(block);
        block = next;
    }
}

/* It has left its pile. A plan may still point into it. */
static void spend(struct slc_clients *c, struct surb_block *block)
{
    struct store *s = block->store;
    struct client *k = &c->clients[s->client];
    bool awaited = block->waits;
    slc_keep_block_end(c, k, block);
    slc_foreign_less(c, k, block_bytes(block));
    block->next = c->spent;
    c->spent = block;
    /* Who waited for leave to use it would not be told: there may be others, or it is time to ask. */
    if (awaited && s->messages != NULL) slc_send_resume(c, k, s);
}

void slc_surbs_discard(struct slc_clients *c)
{
    free_blocks(c, c->spent);
    c->spent = NULL;
}

void slc_store_give_up_stalled(struct slc_clients *c, struct store *s, enum slc_status status)
{
    struct client *k = &c->clients[s->client];
    while (s->stalled_first != SLC_NO_PLACE) {
        uint32_t place = s->stalled_first;
        struct slc_pending_entry *e = &k->pending.entries[place];
        if (e->state != SLC_PENDING_DROPPED) slc_messages_expire(c, e->message, status);
        s->stalled_first = e->next;
        /* Its message is gone by now, and with it it was counted out. */
        slc_pending_remove(&k->pending, place, false);
    }
    s->stalled = 0;
}

void slc_store_drop(struct slc_clients *c, struct store *s, enum slc_status status)
{
    struct client *k = &c->clients[s->client];
    struct replies *r = k->replies;
    while (s->messages != NULL) {
        slc_messages_expire(c, s->messages, status);
    }
    slc_store_give_up_stalled(c, s, status);
    slc_store_throw(c, s, &s->fresh, UINT32_MAX);
    slc_store_throw(c, s, &s->stale, UINT32_MAX);
    COUNT(c, k, tags_dropped, 1);
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
    for (uint32_t i = 0; i < r->stores_len; i++) {
        free_blocks(c, r->stores[i]->fresh.first);
        free_blocks(c, r->stores[i]->stale.first);
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
    slc_store_drop(c, s != NULL ? s : k->replies->oldest, SLC_NOT_FOUND);
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
    s->client = slc_client_index(c, k);
    r->stores[r->stores_len++] = s;
    slc_index_put(&r->store_index, s->hash, s->place);
    link_newest(r, s);
    return s;
}

/* ---- piles ---- */

void slc_pile_append(struct surb_pile *pile, struct surb_block *block)
{
    block->next = NULL;
    *(pile->first == NULL ? &pile->first : &pile->last->next) = block;
    pile->last = block;
    pile->count += block->count - block->used;
}

struct surb_block *slc_pile_cut(struct surb_pile *pile, struct surb_block **at, struct surb_block *before)
{
    struct surb_block *block = *at;
    *at = block->next;
    if (pile->last == block) pile->last = before;
    pile->count -= block->count - block->used;
    return block;
}

static void count_thrown(struct slc_clients *c, const struct store *s, uint32_t n)
{
    struct client *k = &c->clients[s->client];
    COUNT(c, k, surbs_outlived, n);
    k->replies->stored -= n;
}

void slc_store_scrap(struct slc_clients *c, struct surb_block *block)
{
    count_thrown(c, block->store, block->count - block->used);
    spend(c, block);
}

void slc_store_throw(struct slc_clients *c, struct store *s, struct surb_pile *pile, uint32_t n)
{
    while (n > 0 && pile->first != NULL) {
        struct surb_block *block = pile->first;
        uint32_t left = block->count - block->used;
        if (left > n) {
            block->used += n;
            pile->count -= n;
            count_thrown(c, s, n);
            return;
        }
        n -= left;
        slc_store_scrap(c, slc_pile_cut(pile, &pile->first, NULL));
    }
}

/* ---- SURBs in ---- */

static uint32_t release_share(uint32_t count)
{
    uint32_t share = (count + LEASE_SHARE - 1) / LEASE_SHARE;
    return share < LEASE_MAX ? share : LEASE_MAX;
}

/* NULL: no memory. Not in a pile yet. */
static struct surb_block *block_new(struct slc_clients *c, struct store *s, const struct slc_client_record *record,
                                    slc_time now)
{
    size_t bytes = (size_t)record->count * record->surb_bytes;
    struct surb_block *block = malloc(sizeof *block + bytes);
    if (block == NULL) return NULL;
    *block = (struct surb_block){.store = s,
                                 .id = record->block,
                                 .received = (int64_t)(now / SLC_SECOND),
                                 .count = record->count,
                                 .released = record->released,
                                 .surb_bytes = record->surb_bytes,
                                 .rotation = (uint8_t)record->rotation,
                                 .explicit_keys = record->explicit_keys};
    memcpy(block->bytes, record->surbs, bytes);
    slc_foreign_more(c, &c->clients[s->client], block_bytes(block));
    return block;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The oldest first: stale ones, then fresh ones. Returns how many went. */
static uint32_t throw_oldest(struct slc_clients *c, struct store *s, uint32_t n)
{
    uint32_t before = slc_store_count(s);
    uint32_t stale = smaller(s->stale.count, n);
    slc_store_throw(c, s, &s->stale, stale);
    slc_store_throw(c, s, &s->fresh, n - stale);
    return before - slc_store_count(s);
}

/*
 * So that one peer cannot crowd out the others: who has more than an equal share makes room, the one that sends now
 * first of all, for its newest last longest. Only who has less takes a look at all the others.
 */
static uint32_t make_surb_room(struct slc_clients *c, struct client *k, struct store *s, uint32_t count)
{
    const struct replies *r = k->replies;
    uint32_t room = c->traffic->max_stored_surbs > r->stored ? c->traffic->max_stored_surbs - r->stored : 0;
    if (room >= count) return count;
    uint32_t share = c->traffic->max_stored_surbs / r->stores_len, own = slc_store_count(s);
    if (own + count > share) room += throw_oldest(c, s, smaller(own + count - share, count - room));
    while (room < count && slc_store_count(s) + room < share) {
        struct store *most = r->stores[0];
        for (uint32_t i = 1; i < r->stores_len; i++) {
            if (slc_store_count(r->stores[i]) > slc_store_count(most)) most = r->stores[i];
        }
        if (most == s || slc_store_count(most) <= share) break;
        room += throw_oldest(c, most, smaller(slc_store_count(most) - share, count - room));
    }
    return smaller(count, room);
}

static uint32_t fitting(struct slc_clients *c, struct client *k, const struct slc_surb_list *surbs, uint32_t count)
{
    size_t room = slc_foreign_room(c, k, sizeof(struct surb_block) + count * surbs->surb_bytes);
    if (room <= sizeof(struct surb_block)) return 0;
    size_t fit = (room - sizeof(struct surb_block)) / surbs->surb_bytes;
    return fit < count ? (uint32_t)fit : count;
}

void slc_stores_shed(struct slc_clients *c, struct client *k, size_t bytes)
{
    struct replies *r = k->replies;
    if (r == NULL) return;
    size_t target = k->foreign > bytes ? k->foreign - bytes : 0;
    for (struct store *s = r->oldest, *newer; s != NULL && k->foreign > target; s = newer) {
        newer = s->newer;
        if (s->messages == NULL) slc_store_drop(c, s, SLC_NOT_FOUND);
    }
}

/* False: these SURBs came before, in this life or an earlier one. */
static bool first_time(struct slc_clients *c, struct client *k, const struct slc_surb_list *surbs, slc_time now)
{
    if (c->port.keep == NULL) return true;
    uint8_t digest[SLC_SURB_DIGEST_BYTES];
    slc_surb_digest(digest, surbs->surbs.data);
    if (slc_seen(k, digest)) return false;
    int64_t at = slc_unix(c, now);
    if (slc_seen_add(c, k, digest, at) != SLC_OK) return false;
    (void)slc_keep(c, k, &(struct slc_client_record){.kind = SLC_RECORD_SEEN, .digest = digest, .at = at});
    return true;
}

static bool put(struct slc_clients *c, struct client *k, struct store *s, const struct slc_surb_list *surbs,
                slc_time now)
{
    struct replies *r = k->replies;
    uint32_t came = (uint32_t)surbs->count;
    if (!first_time(c, k, surbs, now)) {
        COUNT(c, k, surbs_refused, came);
        return false;
    }
    uint32_t count = fitting(c, k, surbs, make_surb_room(c, k, s, came));
    COUNT(c, k, surbs_refused, came - count);
    if (count == 0) return false;
    struct slc_client_record record = {.kind = SLC_RECORD_SURBS,
                                       .tag = s->tag,
                                       .block = r->last_block + 1,
                                       .count = count,
                                       .released = release_share(count),
                                       .surb_bytes = (uint16_t)surbs->surb_bytes,
                                       .explicit_keys = surbs->explicit_keys,
                                       .rotation = surbs->rotation,
                                       .surbs = surbs->surbs.data,
                                       .at = slc_unix(c, now)};
    uint64_t number = slc_keep(c, k, &record);
    if (number == 0 || number == SLC_KEEP_FULL) {
        /* Nobody else knows of them: they are ours alone to use. */
        record.block = 0;
        record.released = count;
    } else {
        r->last_block++;
    }
    struct surb_block *block = block_new(c, s, &record, now);
    if (block == NULL) return false;
    if (record.block != 0) slc_keep_first(c, block, number);
    slc_pile_append(&s->fresh, block);
    r->stored += count;
    COUNT(c, k, surbs_stored, count);
    return true;
}

void slc_store_receive(struct slc_clients *c, struct client *k, const uint8_t tag[SLC_SENDER_TAG_BYTES],
                       const struct slc_surb_list *surbs, bool asked_for, slc_time now)
{
    if (surbs->count == 0) return;
    uint32_t count = (uint32_t)surbs->count;
    struct store *s = slc_store_find(k, tag);
    if (s == NULL) s = store_new(c, k, tag);
    if (s == NULL) return;
    if (asked_for) {
        s->requested -= count < s->requested ? count : s->requested;
        s->refreshing -= count < s->refreshing ? count : s->refreshing;
    }
    /* Made long ago for a message that found its way late: nodes have forgotten the keys. */
    uint8_t only = c->rotation.only, made_for = (uint8_t)surbs->rotation;
    if (only != SLC_ROTATION_UNKNOWN && made_for != SLC_ROTATION_UNKNOWN && made_for != only) {
        COUNT(c, k, surbs_refused, count);
        return;
    }
    if (!put(c, k, s, surbs, now)) return;
    /* Where there is no room, answers bring no more than requests cost: that is silence too, and ends like it. */
    if (!asked_for || slc_store_count(s) > s->most) {
        s->heard = (int64_t)now;
        s->repeats = 0;
        s->most = slc_store_count(s);
    }
    unlink_age(k->replies, s);
    link_newest(k->replies, s);
    uint32_t reserve = c->traffic->surbs_minimum;
    if (s->fresh.count > reserve) slc_store_throw(c, s, &s->stale, s->fresh.count - reserve);
    if (s->messages == NULL) return;
    slc_send_resume(c, k, s);
    slc_store_ask(c, k, s);
}

enum slc_status slc_store_restore(struct slc_clients *c, struct client *k, const struct slc_client_record *record,
                                  slc_time now)
{
    size_t surb_bytes = record->surb_bytes;
    if (record->block == 0 || record->count == 0 || surb_bytes <= SLC_SURB_KEY_BYTES ||
        record->released > record->count || record->rotation > SLC_ROTATION_EVEN) {
        return SLC_BAD_ARGUMENT;
    }
    for (uint32_t i = 0; i < record->count; i++) {
        const uint8_t *surb = record->surbs + i * surb_bytes + SLC_SURB_KEY_BYTES;
        if (slc_surb_check(slc_bytes(surb, surb_bytes - SLC_SURB_KEY_BYTES), record->explicit_keys) != SLC_OK) {
            return SLC_BAD_ARGUMENT;
        }
    }
    struct replies *r = slc_replies_of(c, k);
    if (r == NULL) return SLC_NO_MEMORY;
    if (record->block > r->last_block) r->last_block = record->block;
    uint32_t left = record->count - record->released;
    if (left == 0) return SLC_OK;
    struct store *s = slc_store_find(k, record->tag);
    if (s == NULL) s = store_new(c, k, record->tag);
    if (s == NULL) return SLC_NO_MEMORY;
    if (left > c->traffic->max_stored_surbs - r->stored) return SLC_FULL;
    struct surb_block *block = block_new(c, s, record, now);
    if (block == NULL) return SLC_NO_MEMORY;
    /* What was released may have been used. */
    block->used = block->released;
    int64_t age = slc_unix(c, now) - record->at;
    if (age > 0) block->received -= age;
    slc_pile_append(&s->fresh, block);
    r->stored += left;
    int64_t heard = block->received * (int64_t)SLC_SECOND;
    if (s->fresh.first == block || heard > s->heard) s->heard = heard;
    return SLC_OK;
}

/* ---- SURBs out ---- */

/* Keeps what is released ahead of what is used. False: the next one is not released yet. */
static bool released(struct slc_clients *c, struct client *k, struct store *s, struct surb_block *block)
{
    uint32_t share = release_share(block->count);
    if (block->released < block->count && block->released < block->used + (share + 1) / 2) {
        uint32_t more = s->unsent + s->stalled > share ? s->unsent + s->stalled : share;
        uint32_t from = block->used > block->released ? block->used : block->released;
        slc_keep_lease(c, k, block, more < block->count - from ? from + more : block->count);
    }
    return block->used < block->released;
}

bool slc_store_take(struct slc_clients *c, struct client *k, struct store *s, uint32_t keep, struct ticket *ticket)
{
    /* A packet under a retired key never arrives. */
    slc_time until = c->rotation.previous_until;
    if (s->stale.count > 0 && until != 0 && c->now >= until) {
        slc_store_throw(c, s, &s->stale, UINT32_MAX);
        s->most = 0;
    }
    if (slc_store_count(s) <= keep) return false;
    struct surb_pile *pile = s->fresh.count > 0 ? &s->fresh : &s->stale;
    struct surb_block *block = pile->first;
    if (!released(c, k, s, block)) return false;
    *ticket = (struct ticket){.bytes = block->bytes + (size_t)block->used * block->surb_bytes,
                              .len = block->surb_bytes,
                              .rotation = block->rotation,
                              .explicit_keys = block->explicit_keys,
                              .stale = pile == &s->stale};
    pile->count--;
    k->replies->stored--;
    if (++block->used == block->count) {
        pile->first = block->next;
        spend(c, block);
    }
    return true;
}

void slc_store_untake(struct slc_clients *c, struct client *k, struct store *s, const struct ticket *ticket)
{
    const struct slc_client_record record = {.count = 1,
                                             .released = 1,
                                             .surb_bytes = ticket->len,
                                             .explicit_keys = ticket->explicit_keys,
                                             .rotation = (enum slc_rotation)ticket->rotation,
                                             .surbs = ticket->bytes};
    struct surb_block *block = block_new(c, s, &record, c->now);
    /* One SURB less; the fragment waits for another. */
    if (block == NULL) return;
    struct surb_pile *pile = ticket->stale ? &s->stale : &s->fresh;
    block->next = pile->first;
    if (pile->first == NULL) pile->last = block;
    pile->first = block;
    pile->count++;
    k->replies->stored++;
}

void slc_store_released(struct slc_clients *c, struct surb_block *block)
{
    struct store *s = block->store;
    block->released = block->leasing;
    if (s->messages != NULL) slc_send_resume(c, &c->clients[s->client], s);
}

static void settle(struct slc_clients *c, const struct client *k, const struct surb_block *block)
{
    for (; block != NULL; block = block->next) {
        bool ahead = block->used < block->released || block->waits;
        if (block->id == 0 || !ahead) continue;
        (void)slc_keep(
            c, k, &(struct slc_client_record){.kind = SLC_RECORD_LEASE, .block = block->id, .released = block->used});
    }
}

void slc_store_settle(struct slc_clients *c, const struct client *k, const struct store *s)
{
    settle(c, k, s->fresh.first);
    settle(c, k, s->stale.first);
}
