/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

#include "crypto/base/secret.h"

/*
 * SURBs for messages that carry some: anonymous ones and answers to requests (docs/protocol/2-messages.md, section 7).
 * Rounds take several messages together, so that ten SURBs each still fill lanes.
 */

enum { ROUND = 512 };

/* Room for one round; grows to the message with the most SURBs. */
struct surb_maker {
    size_t cap;
    unsigned hops;
    size_t random_bytes, surb_bytes; /* of one */
    struct slc_surb_job *jobs;
    uint8_t *random;
    uint8_t *surbs;
};

enum slc_status slc_surb_maker_new(struct slc_clients *c)
{
    struct surb_maker *s = c->surb_maker = calloc(1, sizeof *s);
    if (s == NULL) return SLC_NO_MEMORY;
    s->hops = slc_traffic_hops(c->traffic);
    s->random_bytes = slc_route_random_bytes(s->hops);
    s->surb_bytes = slc_reply_surb_bytes(s->hops);
    return SLC_OK;
}

static void drop_room(struct surb_maker *s)
{
    if (s->random != NULL) slc_wipe(s->random, s->cap * s->random_bytes);
    if (s->surbs != NULL) slc_wipe(s->surbs, s->cap * s->surb_bytes);
    free(s->jobs);
    free(s->random);
    free(s->surbs);
    s->jobs = NULL;
    s->random = s->surbs = NULL;
    s->cap = 0;
}

void slc_surb_maker_free(struct surb_maker *s)
{
    if (s == NULL) return;
    drop_room(s);
    free(s);
}

size_t slc_surb_maker_memory(const struct surb_maker *s)
{
    return sizeof *s + s->cap * (sizeof *s->jobs + s->random_bytes + s->surb_bytes);
}

static bool make_room(struct surb_maker *s, size_t surbs)
{
    if (surbs <= s->cap) return true;
    drop_room(s);
    s->jobs = calloc(surbs, sizeof *s->jobs);
    s->random = calloc(surbs, s->random_bytes);
    s->surbs = calloc(surbs, s->surb_bytes);
    s->cap = surbs;
    if (s->jobs != NULL && s->random != NULL && s->surbs != NULL) return true;
    drop_room(s);
    return false;
}

static enum slc_status order(struct slc_clients *c, struct message *m, struct surb_maker *s, size_t i)
{
    struct client *k = &c->clients[m->client];
    uint8_t *surb = s->surbs + i * s->surb_bytes;
    const struct journey journey = {.snapshot = c->topology,
                                    .egress = k->own,
                                    .destination = k->keys->identity.public_key,
                                    .mean = c->traffic->hop_delay,
                                    .straight = s->hops == 1,
                                    .nodes = c->random};
    struct slc_address first_hop; /* is in the SURB */
    slc_time wait = 0;            /* is its user's */
    enum slc_status status =
        slc_route_draw(c, &s->jobs[i].route, &journey, s->random + i * s->random_bytes, &first_hop, &wait);
    if (status != SLC_OK) return status;
    slc_random_bytes(c->random, surb, SLC_SURB_KEY_BYTES);
    s->jobs[i].out = surb + SLC_SURB_KEY_BYTES;
    s->jobs[i].recovery = NULL;
    /* Before the message leaves: its answer may be fast. */
    return slc_reply_key_keep(c, k, surb, c->now, &m->kept);
}

static bool build_all(struct slc_clients *c, struct surb_maker *s, size_t n)
{
    bool all = true;
    for (size_t done = 0; done < n; done += c->batch) {
        size_t count = n - done < c->batch ? n - done : c->batch;
        all = slc_surbs_build(slc_builder_scratch(c->builder), s->jobs + done, count) == SLC_OK && all;
    }
    return all;
}

/* With its SURBs, the maker's from `first` on. */
static void write_head(struct slc_clients *c, struct message *m, size_t first)
{
    struct client *k = &c->clients[m->client];
    const struct surb_maker *s = c->surb_maker;
    const struct slc_surb_list list = {.count = m->surbs,
                                       .hops = (uint8_t)s->hops,
                                       .rotation = c->topology->rotation,
                                       .surb_bytes = s->surb_bytes,
                                       .surbs = slc_bytes(s->surbs + first * s->surb_bytes, m->surbs * s->surb_bytes)};
    struct slc_writer w = slc_writer(m->bytes, m->cut.len);
    slc_message_write_head(&w, (enum slc_message_kind)m->kind, slc_reply_tag(c, k, &m->recipient, true), &list);
    COUNT(c, k, surbs_made, m->surbs);
    slc_keep_then_queue(c, m);
}

/* One round over `first` up to `end`; false: it failed as a whole, nothing was made. */
static bool make_round(struct slc_clients *c, struct message *first, const struct message *end, size_t surbs)
{
    struct surb_maker *s = c->surb_maker;
    if (!make_room(s, surbs)) return false;
    size_t n = 0;
    for (struct message *m = first; m != end; m = m->next_bare) {
        for (uint32_t i = 0; i < m->surbs; i++) {
            if (order(c, m, s, n++) != SLC_OK) return false;
        }
    }
    if (!build_all(c, s, n)) return false;
    n = 0;
    for (struct message *m = first, *next; m != end; m = next) {
        next = m->next_bare;
        write_head(c, m, n);
        n += m->surbs;
    }
    slc_wipe(s->random, n * s->random_bytes);
    slc_wipe(s->surbs, n * s->surb_bytes);
    return true;
}

void slc_bare_append(struct bare_list *list, struct message *m)
{
    m->next_bare = NULL;
    *(list->first == NULL ? &list->first : &list->last->next_bare) = m;
    list->last = m;
}

struct message *slc_bare_take(struct bare_list *list)
{
    struct message *m = list->first;
    list->first = m->next_bare;
    return m;
}

/* Those whose gateway is not in the snapshot stay for a later one. */
static void take_makeable(struct slc_clients *c, struct bare_list *made)
{
    struct bare_list all = c->bare;
    c->bare = (struct bare_list){0};
    while (all.first != NULL) {
        struct message *m = slc_bare_take(&all);
        slc_bare_append(c->clients[m->client].own != NULL ? made : &c->bare, m);
    }
}

static void put_back(struct slc_clients *c, struct message *first, const struct message *end)
{
    for (struct message *m = first, *next; m != end; m = next) {
        next = m->next_bare;
        slc_bare_append(&c->bare, m);
    }
}

void slc_surbs_make(struct slc_clients *c)
{
    /* While the disk takes no keys there is no use in making any. */
    if (c->bare.first == NULL || c->topology == NULL || c->rotation.retired || c->keep_full) return;
    struct bare_list all = {0};
    take_makeable(c, &all);
    for (struct message *first = all.first; first != NULL;) {
        struct message *end = first;
        size_t surbs = 0;
        do {
            surbs += end->surbs;
            end = end->next_bare;
        } while (end != NULL && surbs + end->surbs <= ROUND);
        if (!make_round(c, first, end, surbs)) put_back(c, first, end);
        first = end;
    }
}

static void forget(struct bare_list *list, uint32_t index)
{
    struct bare_list all = *list;
    *list = (struct bare_list){0};
    while (all.first != NULL) {
        struct message *m = slc_bare_take(&all);
        if (m->client != index) slc_bare_append(list, m);
    }
}

void slc_surbs_forget(struct slc_clients *c, const struct client *k)
{
    if (k == NULL) {
        c->bare = c->unkept = (struct bare_list){0};
        return;
    }
    forget(&c->bare, slc_client_index(c, k));
    forget(&c->unkept, slc_client_index(c, k));
}
