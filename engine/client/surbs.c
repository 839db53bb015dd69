/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

#include "crypto/base/secret.h"

/*
 * SURBs for messages that carry some: anonymous ones and answers to requests (docs/protocol/2-messages.md, section 7).
 * Rounds take several messages together, so that ten SURBs each still fill lanes.
 */

enum { ROUND = 512, ROUTE_RANDOM = 100 };
_Static_assert(ROUTE_RANDOM == 32 + 248 - 60 * (SLC_ROUTE_HOPS - 1), "slc_route_random_bytes(4)");

/* Room for one round; grows to the message with the most SURBs. */
struct surb_maker {
    size_t cap;
    struct slc_surb_job *jobs;
    uint8_t (*random)[ROUTE_RANDOM];
    uint8_t (*surbs)[SLC_REPLY_SURB_BYTES];
};

enum slc_status slc_surb_maker_new(struct slc_clients *c)
{
    c->surb_maker = calloc(1, sizeof *c->surb_maker);
    return c->surb_maker == NULL ? SLC_NO_MEMORY : SLC_OK;
}

static void drop_room(struct surb_maker *s)
{
    if (s->random != NULL) slc_wipe(s->random, s->cap * sizeof *s->random);
    if (s->surbs != NULL) slc_wipe(s->surbs, s->cap * sizeof *s->surbs);
    free(s->jobs);
    free(s->random);
    free(s->surbs);
    *s = (struct surb_maker){0};
}

void slc_surb_maker_free(struct surb_maker *s)
{
    if (s == NULL) return;
    drop_room(s);
    free(s);
}

size_t slc_surb_maker_memory(const struct surb_maker *s)
{
    return sizeof *s + s->cap * (sizeof *s->jobs + sizeof *s->random + sizeof *s->surbs);
}

static bool make_room(struct surb_maker *s, size_t surbs)
{
    if (surbs <= s->cap) return true;
    drop_room(s);
    s->jobs = calloc(surbs, sizeof *s->jobs);
    s->random = calloc(surbs, sizeof *s->random);
    s->surbs = calloc(surbs, sizeof *s->surbs);
    s->cap = surbs;
    if (s->jobs != NULL && s->random != NULL && s->surbs != NULL) return true;
    drop_room(s);
    return false;
}

static enum slc_status order(struct slc_clients *c, struct message *m, struct surb_maker *s, size_t i)
{
    struct client *k = &c->clients[m->client];
    const struct slc_node *nodes[SLC_ROUTE_HOPS];
    enum slc_status status = slc_topology_route(c->topology, c->random, k->own, nodes);
    if (status != SLC_OK) return status;
    struct slc_route *route = &s->jobs[i].route;
    *route = (struct slc_route){.hops = SLC_ROUTE_HOPS, .version = SLC_SPHINX_SEEDS, .random = s->random[i]};
    for (unsigned hop = 0; hop < SLC_ROUTE_HOPS; hop++) {
        route->hop[hop] = &nodes[hop]->hop;
        route->delay_ns[hop] = slc_random_exponential(c->random, c->traffic->hop_delay);
    }
    memcpy(route->destination, k->keys->identity.public_key, sizeof route->destination);
    slc_random_bytes(c->random, s->random[i], ROUTE_RANDOM);
    slc_random_bytes(c->random, s->surbs[i], SLC_SURB_KEY_BYTES);
    s->jobs[i].out = s->surbs[i] + SLC_SURB_KEY_BYTES;
    s->jobs[i].recovery = NULL;
    /* Before the message leaves: its answer may be fast. */
    return slc_reply_key_keep(c, k, s->surbs[i], c->now, &m->kept);
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

static void write_head(struct slc_clients *c, struct message *m, const uint8_t *surbs)
{
    struct client *k = &c->clients[m->client];
    struct slc_writer w = slc_writer(m->bytes, m->cut.len);
    slc_message_write_head(&w, (enum slc_message_kind)m->kind, slc_reply_tag(c, k, &m->recipient, true), surbs,
                           m->surbs, c->topology->rotation);
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
        write_head(c, m, s->surbs[n]);
        n += m->surbs;
    }
    slc_wipe(s->random, n * sizeof *s->random);
    slc_wipe(s->surbs, n * sizeof *s->surbs);
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
