/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <sodium.h>

#include "crypto/base/random.h"
#include "crypto/base/secret.h"
#include "net/gateway/server.h"

/*
 * Open addressing over pointers to entries that never move. Identities are chosen by strangers, so the hash has a
 * secret key; entries are never taken out, so a probe may stop at the first gap.
 */
struct slc_registry {
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
    struct slc_registered **entries; /* in the order in which they came */
    size_t count;
    size_t room; /* of entries; there are twice as many slots */
    size_t max;
    uint32_t *slots; /* index + 1 into entries, 0: free */
};

enum { FIRST_ROOM = 64 };

enum slc_status slc_registry_new(struct slc_registry **registry, size_t max_clients)
{
    *registry = NULL;
    if (max_clients == 0 || max_clients >= UINT32_MAX / 2) return SLC_BAD_ARGUMENT;
    struct slc_random random;
    enum slc_status status = slc_random_from_system(&random);
    if (status != SLC_OK) return status;
    struct slc_registry *r = calloc(1, sizeof *r);
    if (r != NULL) {
        slc_random_bytes(&random, r->hash_key, sizeof r->hash_key);
        r->max = max_clients;
    }
    slc_random_wipe(&random);
    *registry = r;
    return r == NULL ? SLC_NO_MEMORY : SLC_OK;
}

void slc_registry_free(struct slc_registry *registry)
{
    if (registry == NULL) return;
    for (size_t i = 0; i < registry->count; i++) {
        slc_wipe(registry->entries[i], sizeof *registry->entries[i]);
        free(registry->entries[i]);
    }
    free(registry->entries);
    free(registry->slots);
    free(registry);
}

/* The slot of `identity`, or the free one where it belongs; `room` is a power of two. */
static uint32_t *find_slot(const struct slc_registry *r, uint32_t *slots, size_t room, const uint8_t *identity)
{
    uint8_t hash[crypto_shorthash_BYTES];
    uint64_t start = 0;
    _Static_assert(sizeof hash == sizeof start, "SipHash gives 8 bytes");
    (void)crypto_shorthash(hash, identity, SLC_IDENTITY_BYTES, r->hash_key);
    memcpy(&start, hash, sizeof start);
    size_t mask = 2 * room - 1;
    for (size_t i = (size_t)start & mask;; i = (i + 1) & mask) {
        if (slots[i] == 0 || memcmp(r->entries[slots[i] - 1]->identity, identity, SLC_IDENTITY_BYTES) == 0) {
            return &slots[i];
        }
    }
}

static enum slc_status grow(struct slc_registry *r)
{
    size_t room = r->room == 0 ? FIRST_ROOM : 2 * r->room;
    uint32_t *slots = calloc(2 * room, sizeof *slots);
    struct slc_registered **entries = realloc(r->entries, room * sizeof(struct slc_registered *));
    if (entries != NULL) r->entries = entries;
    if (slots == NULL || entries == NULL) {
        free(slots);
        return SLC_NO_MEMORY;
    }
    for (size_t i = 0; i < r->count; i++) {
        *find_slot(r, slots, room, r->entries[i]->identity) = (uint32_t)i + 1;
    }
    free(r->slots);
    r->slots = slots;
    r->room = room;
    return SLC_OK;
}

struct slc_registered *slc_registry_find(struct slc_registry *registry, const uint8_t identity[SLC_IDENTITY_BYTES])
{
    if (registry->room == 0) return NULL;
    uint32_t index = *find_slot(registry, registry->slots, registry->room, identity);
    return index == 0 ? NULL : registry->entries[index - 1];
}

enum slc_status slc_registry_add(struct slc_registry *registry, const uint8_t identity[SLC_IDENTITY_BYTES],
                                 struct slc_registered **client)
{
    *client = slc_registry_find(registry, identity);
    if (*client != NULL) return SLC_OK;
    if (registry->count == registry->max) return SLC_FULL;
    enum slc_status status = registry->count == registry->room ? grow(registry) : SLC_OK;
    if (status != SLC_OK) return status;
    struct slc_registered *entry = calloc(1, sizeof *entry);
    if (entry == NULL) return SLC_NO_MEMORY;
    memcpy(entry->identity, identity, SLC_IDENTITY_BYTES);
    uint32_t *slot = find_slot(registry, registry->slots, registry->room, identity);
    registry->entries[registry->count++] = entry;
    *slot = (uint32_t)registry->count;
    *client = entry;
    return SLC_OK;
}

size_t slc_registry_count(const struct slc_registry *registry)
{
    size_t known = 0;
    for (size_t i = 0; i < registry->count; i++) {
        known += registry->entries[i]->known;
    }
    return known;
}

struct slc_registered *slc_registry_at(struct slc_registry *registry, size_t i)
{
    return i < registry->count ? registry->entries[i] : NULL;
}
