/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

#include "crypto/base/secret.h"

/*
 * What we handed out: our tags towards others, and the keys of our SURBs. A key leaves at its first use; that it was
 * used is remembered until its place in the ring is needed, so that a repeat is not taken for a packet of another kind
 * (docs/protocol/4-client.md, sections 7.1 and 7.8; trap 20).
 *
 * Unlike the reference's, tags are kept over a restart when records are: requests for more SURBs that come through
 * those handed out before are still served, and whoever answers finds us under one tag.
 */

enum { FIRST_KEYS = 16, FIRST_CONTACTS = 4 };

/* 32 bytes; the digest is made again from the key when the 8 bytes agree. */
struct reply_key {
    uint8_t digest_head[8];
    uint8_t key[SLC_SURB_KEY_BYTES];
    int32_t made; /* seconds of `now`; negative: before it began */
    uint32_t used;
};
_Static_assert(sizeof(struct reply_key) == 32, "65536 of them per client at most");

struct contact {
    struct slc_recipient recipient;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    uint32_t serving; /* SURBs on their way to it in answer to requests */
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

static uint32_t contact_hash(const struct client *k, const struct slc_recipient *recipient)
{
    return slc_index_hash(k->pending.salt, recipient, sizeof *recipient);
}

static struct contact *contact_find(const struct client *k, const struct slc_recipient *recipient)
{
    struct replies *r = k->replies;
    if (r == NULL) return NULL;
    uint32_t hash = contact_hash(k, recipient), cursor = 0, place;
    while ((place = slc_index_next(&r->contact_index, hash, &cursor)) != SLC_NO_PLACE) {
        if (memcmp(&r->contacts[place].recipient, recipient, sizeof *recipient) == 0) return &r->contacts[place];
    }
    return NULL;
}

static struct contact *contact_new(struct slc_clients *c, struct client *k, const struct slc_recipient *recipient)
{
    struct replies *r = slc_replies_of(c, k);
    if (r == NULL) return NULL;
    if (r->contacts_len == r->contacts_cap && r->contacts_cap < c->traffic->max_sender_tags &&
        grow_contacts(c, r) != SLC_OK) {
        return NULL;
    }
    if (r->contacts_cap == 0) return NULL;
    uint32_t place = r->contacts_next;
    struct contact *contact = &r->contacts[place];
    if (r->contacts_len == r->contacts_cap) {
        /* The oldest goes: that peer's requests are not served any more. */
        slc_index_remove(&r->contact_index, contact_hash(k, &contact->recipient), place);
        (void)slc_keep(c, k, &(struct slc_client_record){.kind = SLC_RECORD_TAG_END, .recipient = &contact->recipient});
    } else {
        r->contacts_len++;
    }
    r->contacts_next = (place + 1) % c->traffic->max_sender_tags;
    *contact = (struct contact){.recipient = *recipient};
    slc_index_put(&r->contact_index, contact_hash(k, recipient), place);
    return contact;
}

const uint8_t *slc_reply_tag(struct slc_clients *c, struct client *k, const struct slc_recipient *recipient, bool make)
{
    struct contact *contact = contact_find(k, recipient);
    if (contact != NULL || !make) return contact == NULL ? NULL : contact->tag;
    contact = contact_new(c, k, recipient);
    if (contact == NULL) return NULL;
    slc_random_bytes(c->random, contact->tag, sizeof contact->tag);
    (void)slc_keep(c, k,
                   &(struct slc_client_record){.kind = SLC_RECORD_TAG, .recipient = recipient, .tag = contact->tag});
    return contact->tag;
}

enum slc_status slc_reply_tag_restore(struct slc_clients *c, struct client *k, const struct slc_client_record *record)
{
    if (contact_find(k, record->recipient) != NULL) return SLC_BAD_ARGUMENT;
    if (k->replies != NULL && k->replies->contacts_len == c->traffic->max_sender_tags) return SLC_FULL;
    struct contact *contact = contact_new(c, k, record->recipient);
    if (contact == NULL) return SLC_NO_MEMORY;
    memcpy(contact->tag, record->tag, sizeof contact->tag);
    return SLC_OK;
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

static void keep_key_end(struct slc_clients *c, const struct client *k, const struct reply_key *key)
{
    if (c->port.keep == NULL) return;
    uint8_t digest[SLC_SURB_DIGEST_BYTES];
    slc_surb_digest(digest, key->key);
    /* Refused, it stays on the disk until it is too old. */
    (void)slc_keep(c, k, &(struct slc_client_record){.kind = SLC_RECORD_KEY_END, .digest = digest});
}

static void drop_oldest_key(struct slc_clients *c, struct client *k)
{
    struct replies *r = k->replies;
    struct reply_key *key = key_at(r, r->keys_first);
    if (!key->used) keep_key_end(c, k, key);
    slc_index_remove(&r->key_index, digest_hash(key->digest_head), r->keys_first);
    slc_wipe(key, sizeof *key);
    r->keys_first = (r->keys_first + 1) % r->keys_cap;
    r->keys_len--;
}

static bool too_old(const struct slc_clients *c, const struct reply_key *key, slc_time now)
{
    return (int64_t)(now / SLC_SECOND) - key->made > (int64_t)(c->traffic->reply_key_age / SLC_SECOND);
}

void slc_reply_keys_age(struct slc_clients *c, struct client *k, slc_time now)
{
    struct replies *r = k->replies;
    while (r != NULL && r->keys_len > 0 && too_old(c, key_at(r, r->keys_first), now)) {
        drop_oldest_key(c, k);
    }
}

static enum slc_status key_add(struct slc_clients *c, struct client *k, const uint8_t key[SLC_SURB_KEY_BYTES],
                               const uint8_t digest[SLC_SURB_DIGEST_BYTES], int64_t made)
{
    struct replies *r = k->replies;
    if (r->keys_len == r->keys_cap) slc_reply_keys_age(c, k, c->now);
    if (r->keys_len == r->keys_cap) {
        enum slc_status status = grow_keys(c, r);
        if (status != SLC_OK && r->keys_cap == 0) return SLC_NO_MEMORY;
        if (status != SLC_OK) drop_oldest_key(c, k);
    }
    uint32_t place = (r->keys_first + r->keys_len++) % r->keys_cap;
    struct reply_key *entry = key_at(r, place);
    *entry = (struct reply_key){.made = (int32_t)made};
    memcpy(entry->digest_head, digest, sizeof entry->digest_head);
    memcpy(entry->key, key, sizeof entry->key);
    slc_index_put(&r->key_index, digest_hash(digest), place);
    return SLC_OK;
}

enum slc_status slc_reply_key_keep(struct slc_clients *c, struct client *k, const uint8_t key[SLC_SURB_KEY_BYTES],
                                   slc_time now, uint64_t *kept)
{
    if (slc_replies_of(c, k) == NULL) return SLC_NO_MEMORY;
    uint8_t digest[SLC_SURB_DIGEST_BYTES];
    slc_surb_digest(digest, key);
    const struct slc_client_record record = {
        .kind = SLC_RECORD_KEY, .digest = digest, .key = key, .at = slc_unix(c, now)};
    uint64_t number = slc_keep(c, k, &record);
    if (number == SLC_KEEP_FULL) return SLC_AGAIN;
    *kept = number;
    return key_add(c, k, key, digest, (int64_t)(now / SLC_SECOND));
}

enum slc_status slc_reply_key_restore(struct slc_clients *c, struct client *k, const struct slc_client_record *record,
                                      slc_time now)
{
    if (slc_replies_of(c, k) == NULL) return SLC_NO_MEMORY;
    uint8_t digest[SLC_SURB_DIGEST_BYTES];
    slc_surb_digest(digest, record->key);
    if (memcmp(digest, record->digest, sizeof digest) != 0) return SLC_BAD_ARGUMENT;
    if (k->replies->keys_len == c->traffic->max_reply_keys) return SLC_FULL;
    int64_t age = slc_unix(c, now) - record->at;
    if (age < 0) age = 0;
    if (age > INT32_MAX / 2) age = INT32_MAX / 2;
    return key_add(c, k, record->key, digest, (int64_t)(now / SLC_SECOND) - age);
}

enum reply_key_result slc_reply_key_take(struct slc_clients *c, struct client *k,
                                         const uint8_t digest[SLC_SURB_DIGEST_BYTES], uint8_t key[SLC_SURB_KEY_BYTES])
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
        keep_key_end(c, k, entry);
        slc_wipe(entry->key, sizeof entry->key);
        entry->used = 1;
        return REPLY_KEY_FOUND;
    }
    return REPLY_KEY_NONE;
}

/* ---- serving requests ---- */

/*
 * So many may be on their way to one peer at a time: it asks for no more than it can keep, and whoever repeats requests
 * gets no more of us than one who waits for the answers.
 */
enum { SERVING_MAX = 2 * SLC_SURB_REQUEST_MAX };

/* False: no room. */
static bool serve_some(struct slc_clients *c, struct client *k, const struct slc_recipient *requester, uint32_t surbs)
{
    /* Whatever others ask for, half of the room stays for our own messages. */
    if (k->queued + k->pending.used > c->traffic->max_pending / 2) return false;
    size_t len = slc_message_head_bytes(SLC_MESSAGE_SURBS, surbs, slc_traffic_hops(c->traffic));
    if (len > slc_foreign_room(c, k, len)) return false;
    uint8_t *memory = malloc(len);
    if (memory == NULL) return false;
    struct message model = {.kind = SLC_MESSAGE_SURBS, .recipient = *requester, .surbs = surbs};
    if (slc_messages_add(c, k, &model, memory, len) != SLC_OK) return false;
    slc_foreign_more(c, k, len);
    return true;
}

void slc_reply_serve(struct slc_clients *c, struct client *k, const struct slc_recipient *requester, uint32_t amount)
{
    /* Who never had a SURB of ours has no business asking. */
    struct contact *contact = contact_find(k, requester);
    if (amount > c->traffic->request_honoured) amount = c->traffic->request_honoured;
    if (contact == NULL || contact->serving + amount > SERVING_MAX) {
        COUNT(c, k, surb_requests_refused, 1);
        return;
    }
    COUNT(c, k, surb_requests_served, 1);
    while (amount > 0) {
        uint32_t surbs = amount < SLC_SURBS_PER_MESSAGE ? amount : SLC_SURBS_PER_MESSAGE;
        amount -= surbs;
        if (!serve_some(c, k, requester, surbs)) return;
        contact->serving += surbs;
    }
}

void slc_reply_served(struct slc_clients *c, struct client *k, const struct message *m)
{
    slc_foreign_less(c, k, m->cut.len);
    struct contact *contact = contact_find(k, &m->recipient);
    /* It may have been forgotten since, and met again. */
    if (contact != NULL) contact->serving -= m->surbs < contact->serving ? m->surbs : contact->serving;
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
    slc_seen_free(r);
    free(r);
    k->replies = NULL;
}

size_t slc_replies_memory(const struct replies *r)
{
    if (r == NULL) return 0;
    return sizeof *r + slc_seen_memory(r) + r->keys_cap * sizeof *r->keys + r->contacts_cap * sizeof *r->contacts +
           slc_index_memory(&r->key_index) + slc_index_memory(&r->contact_index) + slc_index_memory(&r->store_index) +
           r->stores_cap * (sizeof(struct store *)) + r->stores_len * sizeof(struct store) +
           (size_t)r->stored * (SLC_REPLY_SURB_BYTES + 8);
}
