/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

#include "crypto/base/secret.h"

/*
 * What we handed out: our tags towards others, and the keys of our SURBs. A key leaves at its first use; that it was
 * used is remembered until its place in the ring is needed, so that a repeat is not taken for a packet of another kind
 * (docs/protocol/4-client.md, sections 7.1 and 7.8; trap 20).
 */

enum { FIRST_KEYS = 16, FIRST_CONTACTS = 4 };

/* 32 bytes; the digest is made again from the key when the 8 bytes agree. */
struct reply_key {
    uint8_t digest_head[8];
    uint8_t key[SLC_SURB_KEY_BYTES];
    uint32_t made; /* seconds */
    uint32_t used;
};

struct contact {
    struct slc_recipient recipient;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
};

static uint32_t digest_hash(const uint8_t *digest)
{
    /* Uniform by itself: whoever could choose it would have to find preimages. */
    uint32_t hash;
    memcpy(&hash, digest, sizeof hash);
    return hash;
}

/* ---- tags ---- */

static enum slc_status grow_contacts(const struct slc_clients *c, struct replies *r)
{
    uint32_t cap = r->contacts_cap == 0 ? FIRST_CONTACTS : r->contacts_cap * 2;
    if (cap > c->traffic->max_sender_tags) cap = c->traffic->max_sender_tags;
    if (cap == 0 || slc_index_reserve(&r->contact_index, cap) != SLC_OK) return SLC_NO_MEMORY;
    struct contact *grown = realloc(r->contacts, cap * sizeof *grown);
    if (grown == NULL) return SLC_NO_MEMORY;
    r->contacts = grown;
    r->contacts_cap = cap;
    return SLC_OK;
}

const uint8_t *slc_reply_tag(struct slc_clients *c, struct client *k, const struct slc_recipient *recipient, bool make)
{
    struct replies *r = make ? slc_replies_of(c, k) : k->replies;
    if (r == NULL) return NULL;
    uint32_t hash = slc_index_hash(k->pending.salt, recipient, sizeof *recipient), cursor = 0, place;
    while ((place = slc_index_next(&r->contact_index, hash, &cursor)) != SLC_NO_PLACE) {
        struct contact *contact = &r->contacts[place];
        if (memcmp(&contact->recipient, recipient, sizeof *recipient) == 0) return contact->tag;
    }
    if (!make) return NULL;
    if (r->contacts_len == r->contacts_cap && r->contacts_cap < c->traffic->max_sender_tags &&
        grow_contacts(c, r) != SLC_OK) {
        return NULL;
    }
    if (r->contacts_cap == 0) return NULL;
    place = r->contacts_next;
    struct contact *contact = &r->contacts[place];
    if (r->contacts_len == r->contacts_cap) {
        /* The oldest goes: that peer's requests are not served any more. */
        uint32_t old = slc_index_hash(k->pending.salt, &contact->recipient, sizeof contact->recipient);
        slc_index_remove(&r->contact_index, old, place);
    } else {
        r->contacts_len++;
    }
    r->contacts_next = (place + 1) % c->traffic->max_sender_tags;
    contact->recipient = *recipient;
    slc_random_bytes(c->random, contact->tag, sizeof contact->tag);
    slc_index_put(&r->contact_index, hash, place);
    return contact->tag;
}

/* ---- keys ---- */

static struct reply_key *key_at(const struct replies *r, uint32_t place)
{
    return &r->keys[place];
}

static void index_keys(struct replies *r)
{
    for (uint32_t i = 0; i < r->keys_len; i++) {
        uint32_t place = (r->keys_first + i) % r->keys_cap;
        slc_index_put(&r->key_index, digest_hash(key_at(r, place)->digest_head), place);
    }
}

static enum slc_status grow_keys(const struct slc_clients *c, struct replies *r)
{
    uint32_t cap = r->keys_cap == 0 ? FIRST_KEYS : r->keys_cap * 2;
    if (cap > c->traffic->max_reply_keys) cap = c->traffic->max_reply_keys;
    if (cap <= r->keys_cap) return SLC_FULL;
    struct slc_index index = {0};
    if (slc_index_reserve(&index, cap) != SLC_OK) return SLC_NO_MEMORY;
    struct reply_key *keys = calloc(cap, sizeof *keys);
    if (keys == NULL) {
        slc_index_free(&index);
        return SLC_NO_MEMORY;
    }
    for (uint32_t i = 0; i < r->keys_len; i++) {
        keys[i] = *key_at(r, (r->keys_first + i) % r->keys_cap);
    }
    if (r->keys != NULL) slc_wipe(r->keys, r->keys_cap * sizeof *keys);
    free(r->keys);
    slc_index_free(&r->key_index);
    r->keys = keys;
    r->key_index = index;
    r->keys_cap = cap;
    r->keys_first = 0;
    index_keys(r);
    return SLC_OK;
}

static void drop_oldest_key(struct replies *r)
{
    struct reply_key *key = key_at(r, r->keys_first);
    slc_index_remove(&r->key_index, digest_hash(key->digest_head), r->keys_first);
    slc_wipe(key, sizeof *key);
    r->keys_first = (r->keys_first + 1) % r->keys_cap;
    r->keys_len--;
}

static bool too_old(const struct slc_clients *c, const struct reply_key *key, slc_time now)
{
    return now / SLC_SECOND - key->made > c->traffic->reply_key_age / SLC_SECOND;
}

void slc_reply_keys_age(struct slc_clients *c, struct client *k, slc_time now)
{
    struct replies *r = k->replies;
    while (r != NULL && r->keys_len > 0 && too_old(c, key_at(r, r->keys_first), now)) {
        drop_oldest_key(r);
    }
}

enum slc_status slc_reply_key_keep(struct slc_clients *c, struct client *k, const uint8_t key[SLC_SURB_KEY_BYTES],
                                   slc_time now)
{
    struct replies *r = slc_replies_of(c, k);
    if (r == NULL) return SLC_NO_MEMORY;
    if (r->keys_len == r->keys_cap) slc_reply_keys_age(c, k, now);
    if (r->keys_len == r->keys_cap) {
        enum slc_status status = grow_keys(c, r);
        if (status != SLC_OK && r->keys_cap == 0) return SLC_NO_MEMORY;
        if (status != SLC_OK) drop_oldest_key(r);
    }
    uint32_t place = (r->keys_first + r->keys_len++) % r->keys_cap;
    struct reply_key *entry = key_at(r, place);
    uint8_t digest[SLC_SURB_DIGEST_BYTES];
    slc_surb_digest(digest, key);
    *entry = (struct reply_key){.made = (uint32_t)(now / SLC_SECOND)};
    memcpy(entry->digest_head, digest, sizeof entry->digest_head);
    memcpy(entry->key, key, sizeof entry->key);
    slc_index_put(&r->key_index, digest_hash(digest), place);
    return SLC_OK;
}

enum reply_key_result slc_reply_key_take(struct client *k, const uint8_t digest[SLC_SURB_DIGEST_BYTES],
                                         uint8_t key[SLC_SURB_KEY_BYTES])
{
    struct replies *r = k->replies;
    if (r == NULL) return REPLY_KEY_NONE;
    uint32_t cursor = 0, hash = digest_hash(digest), place;
    while ((place = slc_index_next(&r->key_index, hash, &cursor)) != SLC_NO_PLACE) {
        struct reply_key *entry = key_at(r, place);
        if (memcmp(entry->digest_head, digest, sizeof entry->digest_head) != 0) continue;
        if (entry->used) return REPLY_KEY_USED;
        uint8_t whole[SLC_SURB_DIGEST_BYTES];
        slc_surb_digest(whole, entry->key);
        if (memcmp(whole, digest, sizeof whole) != 0) continue;
        memcpy(key, entry->key, SLC_SURB_KEY_BYTES);
        slc_wipe(entry->key, sizeof entry->key);
        entry->used = 1;
        return REPLY_KEY_FOUND;
    }
    return REPLY_KEY_NONE;
}

/* ---- serving requests ---- */

void slc_reply_serve(struct slc_clients *c, struct client *k, const struct slc_recipient *requester, uint32_t amount)
{
    /* Who never had a SURB of ours has no business asking. */
    if (slc_reply_tag(c, k, requester, false) == NULL) return;
    if (amount > c->traffic->request_honoured) amount = c->traffic->request_honoured;
    COUNT(c, k, surb_requests_served, 1);
    while (amount > 0) {
        uint32_t surbs = amount < SLC_SURBS_PER_MESSAGE ? amount : SLC_SURBS_PER_MESSAGE;
        amount -= surbs;
        /* Whatever others ask for, half of the room stays for our own messages. */
        if (k->queued + k->pending.used > c->traffic->max_pending / 2) return;
        size_t len = slc_message_head_bytes(SLC_MESSAGE_SURBS, surbs);
        uint8_t *memory = malloc(len);
        struct message model = {.kind = SLC_MESSAGE_SURBS, .recipient = *requester, .surbs = surbs};
        if (memory == NULL || slc_messages_add(c, k, &model, memory, len) != SLC_OK) return;
    }
}

/* ---- both sides' memory ---- */

struct replies *slc_replies_of(struct slc_clients *c, struct client *k)
{
    (void)c;
    if (k->replies == NULL) {
        k->replies = calloc(1, sizeof *k->replies);
        if (k->replies != NULL) k->replies->checked = SLC_NEVER;
    }
    return k->replies;
}

void slc_replies_free(struct slc_clients *c, struct client *k)
{
    struct replies *r = k->replies;
    if (r == NULL) return;
    slc_stores_free(c, r);
    if (r->keys != NULL) slc_wipe(r->keys, r->keys_cap * sizeof *r->keys);
    free(r->keys);
    slc_index_free(&r->key_index);
    free(r->contacts);
    slc_index_free(&r->contact_index);
    free(r);
    k->replies = NULL;
}

size_t slc_replies_memory(const struct replies *r)
{
    if (r == NULL) return 0;
    return sizeof *r + r->keys_cap * sizeof *r->keys + r->contacts_cap * sizeof *r->contacts +
           slc_index_memory(&r->key_index) + slc_index_memory(&r->contact_index) + slc_index_memory(&r->store_index) +
           r->stores_cap * (sizeof(struct store *)) + r->stores_len * sizeof(struct store) +
           (size_t)r->stored * (SLC_REPLY_SURB_BYTES + 8);
}
