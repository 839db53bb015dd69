/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

/* Bounds on what strangers can make the clients of one owner hold (client_internal.h). */

#define LOOK_PERIOD (100 * SLC_MILLISECOND) /* at who holds most: it takes a walk over all clients */

static size_t room_of(const struct slc_clients *c, const struct client *k)
{
    size_t half = c->traffic->max_foreign_bytes / 2;
    size_t share = half / c->count;
    size_t common = half > c->foreign ? half - c->foreign : 0;
    size_t own = share > k->foreign ? share - k->foreign : 0;
    return own > common ? own : common;
}

static struct client *glutton(struct slc_clients *c)
{
    if (c->now - c->glutton_at >= LOOK_PERIOD) {
        for (uint32_t i = 0; i < c->count; i++) {
            if (c->clients[i].foreign > c->clients[c->glutton].foreign) c->glutton = i;
        }
        c->glutton_at = c->now;
    }
    return &c->clients[c->glutton];
}

size_t slc_foreign_room(struct slc_clients *c, struct client *k, size_t want)
{
    size_t room = room_of(c, k);
    if (room >= want) return room;
    struct client *most = glutton(c);
    if (most == k || most->foreign <= k->foreign + want) return room;
    /* In large steps, so that one walk does for many. */
    size_t more = (most->foreign - k->foreign) / 2;
    size_t before = most->foreign;
    slc_receive_shed(c, most, more);
    if (before - most->foreign < more) slc_stores_shed(c, most, more - (before - most->foreign));
    return room_of(c, k);
}
