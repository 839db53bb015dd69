/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

/*
 * Which lists of others' SURBs came before, by the digest of the first one's key: a copy of a message that comes to the
 * next process (its sender repeated it, or the gateway kept it) must not bring SURBs again that are used. Kept only
 * with records: in one process, the sets that came are remembered.
 */

enum { FIRST_SEEN = 16, SEEN_AGE = 3 * 24 * 3600 /* seconds: nodes have forgotten the keys of two rotations */ };

struct seen {
    uint8_t digest[SLC_SURB_DIGEST_BYTES];
    int64_t at; /* unix seconds */
};

static uint32_t hash_of(const struct client *k, const uint8_t digest[SLC_SURB_DIGEST_BYTES])
{
    return slc_index_hash(k->pending.salt, digest, SLC_SURB_DIGEST_BYTES);
}

static void index_all(const struct client *k, struct replies *r)
{
    for (uint32_t i = 0; i < r->seen_len; i++) {
        uint32_t place = (r->seen_first + i) % r->seen_cap;
        slc_index_put(&r->seen_index, hash_of(k, r->seen[place].digest), place);
    }
}

static enum slc_status grow(struct slc_clients *c, struct client *k, struct replies *r)
{
    uint32_t cap = r->seen_cap == 0 ? FIRST_SEEN : r->seen_cap * 2;
    if (cap > c->traffic->max_reply_keys) cap = c->traffic->max_reply_keys;
    if (cap <= r->seen_cap) return SLC_FULL;
    size_t more = (cap - r->seen_cap) * (sizeof *r->seen + 2 * sizeof(struct slc_index_slot));
    if (r->seen_cap > 0 && slc_foreign_room(c, k, more) < more) return SLC_FULL;
    struct slc_index index = {0};
    if (slc_index_reserve(&index, cap) != SLC_OK) return SLC_NO_MEMORY;
    struct seen *grown = calloc(cap, sizeof *grown);
    if (grown == NULL) {
        slc_index_free(&index);
        return SLC_NO_MEMORY;
    }
    for (uint32_t i = 0; i < r->seen_len; i++) {
        grown[i] = r->seen[(r->seen_first + i) % r->seen_cap];
    }
    slc_seen_free(r);
    slc_foreign_more(c, k, more);
    r->seen = grown;
    r->seen_index = index;
    r->seen_cap = cap;
    r->seen_first = 0;
    index_all(k, r);
    return SLC_OK;
}

static void drop_oldest(struct slc_clients *c, struct client *k, struct replies *r)
{
    const struct seen *oldest = &r->seen[r->seen_first];
    slc_index_remove(&r->seen_index, hash_of(k, oldest->digest), r->seen_first);
    /* Refused, it stays on the disk and is dropped in the next life. */
    (void)slc_keep(c, k, &(struct slc_client_record){.kind = SLC_RECORD_SEEN_END, .digest = oldest->digest});
    r->seen_first = (r->seen_first + 1) % r->seen_cap;
    r->seen_len--;
}

bool slc_seen(const struct client *k, const uint8_t digest[SLC_SURB_DIGEST_BYTES])
{
    const struct replies *r = k->replies;
    if (r == NULL || r->seen_len == 0) return false;
    uint32_t cursor = 0, hash = hash_of(k, digest), place;
    while ((place = slc_index_next(&r->seen_index, hash, &cursor)) != SLC_NO_PLACE) {
        if (memcmp(r->seen[place].digest, digest, SLC_SURB_DIGEST_BYTES) == 0) return true;
    }
    return false;
}

enum slc_status slc_seen_add(struct slc_clients *c, struct client *k, const uint8_t digest[SLC_SURB_DIGEST_BYTES],
                             int64_t at)
{
    struct replies *r = slc_replies_of(c, k);
    if (r == NULL) return SLC_NO_MEMORY;
    while (r->seen_len > 0 && at - r->seen[r->seen_first].at > SEEN_AGE) {
        drop_oldest(c, k, r);
    }
    if (r->seen_len == r->seen_cap) {
        enum slc_status status = grow(c, k, r);
        if (status != SLC_OK && r->seen_cap == 0) return status;
        if (status != SLC_OK) drop_oldest(c, k, r);
    }
    uint32_t place = (r->seen_first + r->seen_len++) % r->seen_cap;
    r->seen[place].at = at;
    memcpy(r->seen[place].digest, digest, SLC_SURB_DIGEST_BYTES);
    slc_index_put(&r->seen_index, hash_of(k, digest), place);
    return SLC_OK;
}

void slc_seen_free(struct replies *r)
{
    free(r->seen);
    slc_index_free(&r->seen_index);
    r->seen = NULL;
}

size_t slc_seen_memory(const struct replies *r)
{
    return r->seen_cap * sizeof *r->seen + slc_index_memory(&r->seen_index);
}
