/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TRAFFIC_LANES_H
#define SLUICE_TRAFFIC_LANES_H

#include <stdbool.h>
#include <stddef.h>

#include "crypto/base/random.h"
#include "crypto/base/time.h"

/*
 * Transmission lanes of one client, and which packet goes next (docs/protocol/4-client.md, section 2). A lane holds
 * items of the owner's, each worth a number of packets, first in, first out. Lanes come from a pool that many clients
 * share and exist only while something is in them, so a client with nothing to say has none. Pure; one owner.
 *
 * An item may be parked: it keeps its lane and is counted there, but is not chosen (replies that wait for SURBs).
 */

enum slc_lane_kind {
    SLC_LANE_GENERAL,
    SLC_LANE_CONNECTION, /* of the application's, by number                 */
    SLC_LANE_SURB_REQUEST,
    SLC_LANE_SURBS, /* messages that carry only SURBs                       */
    SLC_LANE_RETRANSMISSION,
};

struct slc_lane_name {
    uint64_t connection; /* 0 but for SLC_LANE_CONNECTION */
    enum slc_lane_kind kind;
};

static inline struct slc_lane_name slc_lane_of_connection(uint64_t connection)
{
    return (struct slc_lane_name){connection, connection == 0 ? SLC_LANE_GENERAL : SLC_LANE_CONNECTION};
}

/* Part of something of the owner's; zeroed: in no lane. */
struct slc_lane_item {
    struct slc_lane_item *previous, *next;
    struct slc_lane *lane; /* NULL: in none */
    uint32_t packets;
    bool parked;
};

struct slc_lane {
    struct slc_lane *next; /* of the client's lanes, or of the pool's */
    struct slc_lane_item *first, *last;
    struct slc_lane_name name;
    uint64_t transmitted;
    slc_time touched;         /* when something was stored or sent last */
    uint32_t packets, parked; /* that can go; that are parked           */
};

struct slc_lanes {
    struct slc_lane *first;
    uint32_t count; /* with packets that can go */
};

/* Lanes not in use; all zero is an empty pool. */
struct slc_lane_pool {
    struct slc_lane *free;
    struct slc_lane_slab *slabs;
};
void slc_lane_pool_free(struct slc_lane_pool *pool);
size_t slc_lane_pool_memory(const struct slc_lane_pool *pool);

/*
 * Puts `packets` more packets of `item` at the end of a lane; an item that is in the lane already keeps its place.
 * SLC_NO_MEMORY: nothing changed.
 */
SLC_MUST_CHECK enum slc_status slc_lanes_store(struct slc_lanes *lanes, struct slc_lane_pool *pool,
                                               struct slc_lane_name name, struct slc_lane_item *item, uint32_t packets,
                                               slc_time now);
/*
 * The lane whose first packet goes next (section 2.2); NULL: nothing can go. Lanes with fewer than 100 packets first,
 * any of them alike; else, twice of three times, one of the four that sent most, else any. Draws only when there is
 * something to choose.
 */
struct slc_lane *slc_lanes_pick(const struct slc_lanes *lanes, struct slc_random *random);
/* One packet of `item` got its slot. Its lane is gone when that was the last. */
void slc_lanes_sent(struct slc_lanes *lanes, struct slc_lane_pool *pool, struct slc_lane_item *item, slc_time now);
/* `packets` of `item` will never go; with the last of them it leaves its lane. */
void slc_lanes_drop(struct slc_lanes *lanes, struct slc_lane_pool *pool, struct slc_lane_item *item, uint32_t packets);
void slc_lanes_park(struct slc_lanes *lanes, struct slc_lane_item *item);
/* Back to the end of its lane. */
void slc_lanes_unpark(struct slc_lanes *lanes, struct slc_lane_item *item, slc_time now);

/* NULL: nothing is in it. */
struct slc_lane *slc_lanes_find(const struct slc_lanes *lanes, struct slc_lane_name name);
/* A lane with packets that can go, of which none was stored or sent for longer than `age`; NULL: none. */
struct slc_lane *slc_lanes_stale(const struct slc_lanes *lanes, slc_time now, slc_time age);
/* Nothing could be sent until now: ages start again. */
void slc_lanes_renew(struct slc_lanes *lanes, slc_time now);

#endif
