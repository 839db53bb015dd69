/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/lanes.h"

#include <stdlib.h>

enum {
    SMALL_LANE = 100, /* packets */
    MOST_SENT = 4,    /* lanes */
    SLAB = 64,        /* lanes allocated at a time */
};

struct slc_lane_slab {
    struct slc_lane_slab *next;
    struct slc_lane lanes[SLAB];
};

/* ---- the pool ---- */

static struct slc_lane *pool_take(struct slc_lane_pool *pool)
{
    if (pool->free == NULL) {
        struct slc_lane_slab *slab = calloc(1, sizeof *slab);
        if (slab == NULL) return NULL;
        slab->next = pool->slabs;
        pool->slabs = slab;
        for (size_t i = 0; i < SLAB; i++) {
            slab->lanes[i].next = pool->free;
            pool->free = &slab->lanes[i];
        }
    }
    struct slc_lane *lane = pool->free;
    pool->free = lane->next;
    return lane;
}

void slc_lane_pool_free(struct slc_lane_pool *pool)
{
    while (pool->slabs != NULL) {
        struct slc_lane_slab *slab = pool->slabs;
        pool->slabs = slab->next;
        free(slab);
    }
    pool->free = NULL;
}

size_t slc_lane_pool_memory(const struct slc_lane_pool *pool)
{
    size_t bytes = 0;
    for (const struct slc_lane_slab *slab = pool->slabs; slab != NULL; slab = slab->next) {
        bytes += sizeof *slab;
    }
    return bytes;
}

/* ---- lanes come and go ---- */

struct slc_lane *slc_lanes_find(const struct slc_lanes *lanes, struct slc_lane_name name)
{
    struct slc_lane *lane = lanes->first;
    while (lane != NULL && (lane->name.kind != name.kind || lane->name.connection != name.connection)) {
        lane = lane->next;
    }
    return lane;
}

/* In place of packets that can go; with the last of them the lane is no candidate any more. */
static void take_packets(struct slc_lanes *lanes, struct slc_lane *lane, uint32_t packets)
{
    lane->packets -= packets;
    if (lane->packets > 0 || packets == 0) return;
    lane->transmitted = 0;
    lanes->count--;
}

static void give_packets(struct slc_lanes *lanes, struct slc_lane *lane, uint32_t packets)
{
    if (lane->packets == 0 && packets > 0) lanes->count++;
    lane->packets += packets;
}

static void leave_if_empty(struct slc_lanes *lanes, struct slc_lane_pool *pool, struct slc_lane *lane)
{
    if (lane->packets > 0 || lane->parked > 0) return;
    struct slc_lane **at = &lanes->first;
    while (*at != lane) {
        at = &(*at)->next;
    }
    *at = lane->next;
    lane->next = pool->free;
    pool->free = lane;
}

static void append(struct slc_lane *lane, struct slc_lane_item *item)
{
    item->previous = lane->last;
    item->next = NULL;
    *(lane->last == NULL ? &lane->first : &lane->last->next) = item;
    lane->last = item;
}

static void unlink_item(struct slc_lane *lane, struct slc_lane_item *item)
{
    *(item->previous == NULL ? &lane->first : &item->previous->next) = item->next;
    *(item->next == NULL ? &lane->last : &item->next->previous) = item->previous;
}

enum slc_status slc_lanes_store(struct slc_lanes *lanes, struct slc_lane_pool *pool, struct slc_lane_name name,
                                struct slc_lane_item *item, uint32_t packets, slc_time now)
{
    struct slc_lane *lane = item->lane != NULL ? item->lane : slc_lanes_find(lanes, name);
    if (lane == NULL) {
        lane = pool_take(pool);
        if (lane == NULL) return SLC_NO_MEMORY;
        /* At the end, so that the order of lanes is that of their first packets. */
        struct slc_lane **at = &lanes->first;
        while (*at != NULL) {
            at = &(*at)->next;
        }
        *at = lane;
        *lane = (struct slc_lane){.name = name};
    }
    if (item->lane == NULL) {
        *item = (struct slc_lane_item){.lane = lane};
        append(lane, item);
    }
    lane->touched = now;
    item->packets += packets;
    if (item->parked) {
        lane->parked += packets;
    } else {
        give_packets(lanes, lane, packets);
    }
    return SLC_OK;
}

void slc_lanes_drop(struct slc_lanes *lanes, struct slc_lane_pool *pool, struct slc_lane_item *item, uint32_t packets)
{
    struct slc_lane *lane = item->lane;
    item->packets -= packets;
    if (item->parked) {
        lane->parked -= packets;
    } else {
        take_packets(lanes, lane, packets);
    }
    if (item->packets > 0) return;
    if (!item->parked) unlink_item(lane, item);
    *item = (struct slc_lane_item){0};
    leave_if_empty(lanes, pool, lane);
}

void slc_lanes_sent(struct slc_lanes *lanes, struct slc_lane_pool *pool, struct slc_lane_item *item, slc_time now)
{
    item->lane->transmitted++;
    item->lane->touched = now;
    slc_lanes_drop(lanes, pool, item, 1);
}

void slc_lanes_park(struct slc_lanes *lanes, struct slc_lane_item *item)
{
    struct slc_lane *lane = item->lane;
    unlink_item(lane, item);
    take_packets(lanes, lane, item->packets);
    lane->parked += item->packets;
    item->parked = true;
}

void slc_lanes_unpark(struct slc_lanes *lanes, struct slc_lane_item *item, slc_time now)
{
    struct slc_lane *lane = item->lane;
    append(lane, item);
    lane->parked -= item->packets;
    give_packets(lanes, lane, item->packets);
    item->parked = false;
    lane->touched = now;
}

/* ---- choosing ---- */

static bool is_small(const struct slc_lane *lane)
{
    return lane->packets < SMALL_LANE;
}

/* The nth lane that has something to send, of all or of the small ones. */
static struct slc_lane *nth(const struct slc_lanes *lanes, uint32_t n, bool small)
{
    for (struct slc_lane *lane = lanes->first; lane != NULL; lane = lane->next) {
        if (lane->packets == 0 || (small && !is_small(lane))) continue;
        if (n-- == 0) return lane;
    }
    return NULL;
}

/* One of those that sent most: at most four, kept in order, the older of two equal ones first. */
static struct slc_lane *busiest(const struct slc_lanes *lanes, struct slc_random *random)
{
    struct slc_lane *most[MOST_SENT + 1];
    uint32_t n = 0;
    for (struct slc_lane *lane = lanes->first; lane != NULL; lane = lane->next) {
        if (lane->packets == 0) continue;
        uint32_t at = n;
        while (at > 0 && most[at - 1]->transmitted < lane->transmitted) {
            most[at] = most[at - 1];
            at--;
        }
        most[at] = lane;
        if (n < MOST_SENT) n++;
    }
    return most[slc_random_below(random, n)];
}

struct slc_lane *slc_lanes_pick(const struct slc_lanes *lanes, struct slc_random *random)
{
    if (lanes->count <= 1) return lanes->count == 0 ? NULL : nth(lanes, 0, false);
    uint32_t small = 0;
    for (const struct slc_lane *lane = lanes->first; lane != NULL; lane = lane->next) {
        small += lane->packets > 0 && is_small(lane);
    }
    if (small > 0) return nth(lanes, small == 1 ? 0 : slc_random_below(random, small), true);
    if (slc_random_below(random, 3) < 2) return busiest(lanes, random);
    return nth(lanes, slc_random_below(random, lanes->count), false);
}

/* ---- age ---- */

struct slc_lane *slc_lanes_stale(const struct slc_lanes *lanes, slc_time now, slc_time age)
{
    for (struct slc_lane *lane = lanes->first; lane != NULL; lane = lane->next) {
        if (lane->packets > 0 && now > lane->touched && now - lane->touched > age) return lane;
    }
    return NULL;
}

void slc_lanes_renew(struct slc_lanes *lanes, slc_time now)
{
    for (struct slc_lane *lane = lanes->first; lane != NULL; lane = lane->next) {
        lane->touched = now;
    }
}
