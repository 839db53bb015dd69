/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/node/inbox.h"

#include <stdlib.h>
#include <string.h>

struct letter {
    struct letter *next;
    size_t len;
    uint8_t bytes[];
};

struct box {
    struct box *next; /* of the same hash */
    uint8_t identity[SLC_IDENTITY_BYTES];
    struct letter *first, *last;
    size_t count;
};

enum { BOXES = 4096 };

struct slc_inbox {
    size_t per_client, in_all, count;
    struct box *box[BOXES];
};

enum slc_status slc_inbox_new(struct slc_inbox **inbox, size_t per_client, size_t in_all)
{
    *inbox = calloc(1, sizeof **inbox);
    if (*inbox == NULL) return SLC_NO_MEMORY;
    (*inbox)->per_client = per_client;
    (*inbox)->in_all = in_all;
    return SLC_OK;
}

/* Identities are public keys, so uniform unless somebody makes them otherwise; the bound on letters bounds the lists.
 */
static struct box **find(const struct slc_inbox *inbox, const uint8_t *identity)
{
    size_t hash = ((size_t)identity[1] << 8 | identity[2]) % BOXES;
    struct box **at = (struct box **)&inbox->box[hash];
    while (*at != NULL && memcmp((*at)->identity, identity, SLC_IDENTITY_BYTES) != 0) {
        at = &(*at)->next;
    }
    return at;
}

enum slc_status slc_inbox_put(struct slc_inbox *inbox, const uint8_t identity[SLC_IDENTITY_BYTES],
                              struct slc_bytes payload)
{
    struct box **at = find(inbox, identity);
    if (inbox->count >= inbox->in_all || (*at != NULL && (*at)->count >= inbox->per_client)) return SLC_FULL;
    struct letter *letter = malloc(sizeof *letter + payload.len);
    if (letter == NULL) return SLC_FULL;
    *letter = (struct letter){.len = payload.len};
    memcpy(letter->bytes, payload.data, payload.len);
    if (*at == NULL) {
        *at = calloc(1, sizeof **at);
        if (*at == NULL) {
            free(letter);
            return SLC_FULL;
        }
        memcpy((*at)->identity, identity, SLC_IDENTITY_BYTES);
    }
    struct box *box = *at;
    *(box->first == NULL ? &box->first : &box->last->next) = letter;
    box->last = letter;
    box->count++;
    inbox->count++;
    return SLC_OK;
}

bool slc_inbox_first(const struct slc_inbox *inbox, const uint8_t identity[SLC_IDENTITY_BYTES],
                     struct slc_bytes *payload)
{
    const struct box *box = *find(inbox, identity);
    if (box == NULL) return false;
    *payload = slc_bytes(box->first->bytes, box->first->len);
    return true;
}

void slc_inbox_drop_first(struct slc_inbox *inbox, const uint8_t identity[SLC_IDENTITY_BYTES])
{
    struct box **at = find(inbox, identity);
    struct box *box = *at;
    if (box == NULL) return;
    struct letter *letter = box->first;
    box->first = letter->next;
    box->count--;
    inbox->count--;
    free(letter);
    if (box->first != NULL) return;
    *at = box->next;
    free(box);
}

void slc_inbox_forget(struct slc_inbox *inbox, const uint8_t identity[SLC_IDENTITY_BYTES])
{
    struct slc_bytes payload;
    while (slc_inbox_first(inbox, identity, &payload)) {
        slc_inbox_drop_first(inbox, identity);
    }
}

size_t slc_inbox_count(const struct slc_inbox *inbox)
{
    return inbox->count;
}

void slc_inbox_free(struct slc_inbox *inbox)
{
    if (inbox == NULL) return;
    for (size_t i = 0; i < BOXES; i++) {
        while (inbox->box[i] != NULL) {
            /* A copy: a box goes with its last letter. */
            uint8_t identity[SLC_IDENTITY_BYTES];
            memcpy(identity, inbox->box[i]->identity, sizeof identity);
            slc_inbox_forget(inbox, identity);
        }
    }
    free(inbox);
}
