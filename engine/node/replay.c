/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/node/replay.h"

#include <stdlib.h>
#include <string.h>

/* Half a tag: among 2^32 tags two agree by chance with probability 2^-65. */
struct tag {
    uint64_t half[2];
};

/* Open addressing; tags are uniform, so their own bits are the hash. All-zero marks an empty place. */
struct generation {
    struct tag *tags;
    size_t places, used;
};

struct slc_replay {
    struct generation young, old;
    size_t remembered;
};

enum { FIRST_PLACES = 1024 };

static bool generation_init(struct generation *g, size_t places)
{
    g->tags = calloc(places, sizeof *g->tags);
    g->places = g->tags == NULL ? 0 : places;
    g->used = 0;
    return g->tags != NULL;
}

static struct tag *find(const struct generation *g, const struct tag *tag)
{
    size_t at = tag->half[0] & (g->places - 1);
    while ((g->tags[at].half[0] | g->tags[at].half[1]) != 0) {
        if (g->tags[at].half[0] == tag->half[0] && g->tags[at].half[1] == tag->half[1]) break;
        at = (at + 1) & (g->places - 1);
    }
    return &g->tags[at];
}

static bool is_set(const struct tag *tag)
{
    return (tag->half[0] | tag->half[1]) != 0;
}

enum slc_status slc_replay_new(struct slc_replay **replay, size_t remembered)
{
    struct slc_replay *r = calloc(1, sizeof *r);
    *replay = NULL;
    if (r == NULL) return SLC_NO_MEMORY;
    r->remembered = remembered;
    if (!generation_init(&r->young, FIRST_PLACES)) {
        free(r);
        return SLC_NO_MEMORY;
    }
    *replay = r;
    return SLC_OK;
}

void slc_replay_free(struct slc_replay *replay)
{
    if (replay == NULL) return;
    free(replay->young.tags);
    free(replay->old.tags);
    free(replay);
}

/* A full generation becomes the old one; a growing one doubles. Without memory the present one is used on, fuller. */
static void make_room(struct slc_replay *r)
{
    struct generation next;
    if (r->young.used >= r->remembered) {
        if (!generation_init(&next, r->young.places)) return;
        free(r->old.tags);
        r->old = r->young;
        r->young = next;
        return;
    }
    if (!generation_init(&next, r->young.places * 2)) return;
    for (size_t i = 0; i < r->young.places; i++) {
        if (is_set(&r->young.tags[i])) *find(&next, &r->young.tags[i]) = r->young.tags[i];
    }
    next.used = r->young.used;
    free(r->young.tags);
    r->young = next;
}

bool slc_replay_seen(struct slc_replay *r, const uint8_t bytes[SLC_REPLAY_TAG_BYTES])
{
    struct tag tag;
    memcpy(&tag, bytes, sizeof tag);
    if (!is_set(&tag)) tag.half[0] = 1;
    struct tag *place = find(&r->young, &tag);
    if (is_set(place)) return true;
    if (r->old.tags != NULL && is_set(find(&r->old, &tag))) return true;
    if (r->young.used + 1 < r->young.places) {
        *place = tag;
        r->young.used++;
    }
    if (r->young.used >= r->remembered || r->young.used * 4 >= r->young.places * 3) make_room(r);
    return false;
}
