/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

/*
 * Key rotations: which SURBs of others are stale, which are void, and when keys of ours and of nodes are too old
 * (docs/protocol/4-client.md, section 12).
 *
 * Nodes know the keys of the rotation before for one epoch more. In that epoch stale SURBs are still good, most of all
 * for asking for new ones; after it nothing is built with them. Where we leave the reference, it is to lose less:
 *   - SURBs that are known to be of the new rotation stay fresh when the others become stale;
 *   - SURBs of the other parity, and those that came more than an epoch before the rotation began, are void only when
 *     that epoch is over, not as soon as it begins: the reference forgets whoever it has not heard of in the last hour
 *     of a rotation;
 *   - a refresh request that brought nothing is repeated at each check while there is a SURB to do it with (trap 36);
 *   - the wall clock is believed only where it agrees with the snapshot, so that a step of the clock drops nothing;
 *     ages count on the monotonic one.
 */

#define DEFAULT_EPOCH  INT64_C(3600) /* seconds; where the directory has not said */
#define STUCK_MARGIN   2             /* seconds around the refresh (section 12.3; trap 9) */
#define CHECKS_A_EPOCH 8
#define ARM_TOKEN      UINT32_MAX /* of no client */

static bool has_info(const struct slc_clients *c)
{
    return c->info.validity_epochs > 0 && c->info.epoch_seconds > 0 && c->info.epoch_seconds < UINT32_MAX;
}

static int64_t epoch_seconds(const struct slc_clients *c)
{
    return has_info(c) ? (int64_t)c->info.epoch_seconds : DEFAULT_EPOCH;
}

/* ---- what the rotation info says of a time ---- */

static uint64_t epoch_at(const struct slc_rotation_info *info, int64_t unix_seconds)
{
    int64_t length = (int64_t)info->epoch_seconds;
    int64_t passed = unix_seconds - info->epoch_start;
    int64_t epochs = passed / length - (passed % length < 0);
    if (epochs < 0 && (uint64_t)-epochs > info->current_epoch) return 0;
    return info->current_epoch + (uint64_t)epochs;
}

static uint32_t rotation_at(const struct slc_rotation_info *info, int64_t unix_seconds)
{
    return slc_rotation_id(epoch_at(info, unix_seconds), info->initial_epoch, info->validity_epochs);
}

/* When it begins. */
static int64_t start_of(const struct slc_rotation_info *info, uint64_t rotation)
{
    uint64_t epoch = info->initial_epoch + rotation * info->validity_epochs;
    return info->epoch_start + (int64_t)(epoch - info->current_epoch) * (int64_t)info->epoch_seconds;
}

/* The directory goes on telling of an epoch that is over: its rotations are late, too. */
static bool is_stuck(const struct slc_clients *c)
{
    const struct slc_topology *t = c->topology;
    if (t->refreshed_at == 0) return false;
    return epoch_at(&c->info, t->refreshed_at - STUCK_MARGIN) != t->epoch_id &&
           epoch_at(&c->info, t->refreshed_at + STUCK_MARGIN) != t->epoch_id;
}

/* Whether the rotation that the clock says can be that of a network whose snapshot is at most an epoch old. */
static bool clock_agrees(const struct slc_clients *c, int64_t unix_seconds)
{
    const struct slc_rotation_info *info = &c->info;
    uint64_t expected = rotation_at(info, unix_seconds), known = c->topology->rotation_id;
    int64_t epoch = (int64_t)info->epoch_seconds;
    if (expected == known) return true;
    if (expected == known + 1) return unix_seconds < start_of(info, expected) + epoch;
    return expected + 1 == known && unix_seconds >= start_of(info, known) - epoch;
}

/* ---- snapshots ---- */

static slc_time after(slc_time now, int64_t seconds)
{
    return seconds <= 0 ? now : now + (slc_time)seconds * SLC_SECOND;
}

void slc_rotation_refreshed(struct slc_clients *c, struct slc_topology *before)
{
    struct rotation *r = &c->rotation;
    r->refreshed = 0;
    if (before == NULL || before->rotation_id == c->topology->rotation_id) return;
    slc_topology_release(r->previous);
    r->previous = slc_topology_hold(before);
    int64_t epoch = epoch_seconds(c), left = epoch, unix_now = slc_unix(c, c->now);
    if (has_info(c) && rotation_at(&c->info, unix_now) == c->topology->rotation_id) {
        left = start_of(&c->info, c->topology->rotation_id) + epoch - unix_now;
    }
    r->previous_until = after(c->now, left < epoch ? left : epoch);
}

/* When nodes forget the snapshot's own keys. What the directory has just said is good for an epoch at least. */
static slc_time retirement(const struct slc_clients *c, slc_time now)
{
    if (!has_info(c) || c->topology->rotation_id == UINT32_MAX) return SLC_NEVER;
    int64_t epoch = (int64_t)c->info.epoch_seconds;
    int64_t left = start_of(&c->info, (uint64_t)c->topology->rotation_id + 1) + epoch - slc_unix(c, now);
    int64_t most = (c->info.validity_epochs + INT64_C(1)) * epoch;
    return after(now, left <= 0 || left > most ? epoch : left);
}

const struct slc_topology *slc_rotation_snapshot(const struct slc_clients *c, uint8_t rotation)
{
    const struct slc_topology *previous = c->rotation.previous;
    bool of_previous = rotation != SLC_ROTATION_UNKNOWN && rotation != c->topology->rotation && previous != NULL &&
                       rotation == previous->rotation && c->now < c->rotation.previous_until;
    return of_previous ? previous : c->topology;
}

void slc_rotation_free(struct slc_clients *c)
{
    slc_topology_release(c->rotation.previous);
}

/* ---- the check ---- */

struct judgement {
    slc_time now;
    int64_t void_before; /* seconds of `now` */
    bool whole;          /* nobody knows the time: a tag goes whole, when it is older than any rotation   */
    bool move;           /* what is fresh becomes stale                                                 */
    bool over;           /* the epoch in which keys of the rotation before still work                   */
    uint8_t parity;      /* all others are void; SLC_ROTATION_UNKNOWN: no looking at it                 */
    uint8_t only;        /* the same, as long as until the check after the next                           */
};

static bool has_turned(struct slc_clients *c)
{
    struct rotation *r = &c->rotation;
    if (!r->has_known) {
        bool expects = has_info(c) && c->topology->rotation_id != UINT32_MAX;
        r->known = expects ? rotation_at(&c->info, slc_unix(c, c->now)) : c->topology->rotation_id;
        r->has_known = true;
    }
    bool move = r->turned;
    r->turned = r->known != c->topology->rotation_id;
    r->known = c->topology->rotation_id;
    return move;
}

static struct judgement judge(struct slc_clients *c, slc_time now)
{
    struct judgement j = {.now = now, .void_before = INT64_MIN, .move = has_turned(c)};
    int64_t seconds = (int64_t)(now / SLC_SECOND), unix_now = slc_unix(c, now), epoch = epoch_seconds(c);
    j.over = c->rotation.previous_until != 0 && now >= c->rotation.previous_until;
    if (!has_info(c)) return j;
    if (is_stuck(c) || !clock_agrees(c, unix_now)) {
        j.whole = true;
        j.void_before = seconds - (c->info.validity_epochs + INT64_C(1)) * epoch;
        return j;
    }
    uint32_t expected = rotation_at(&c->info, unix_now);
    int64_t start = start_of(&c->info, expected);
    j.over = unix_now >= start + epoch;
    int64_t back = j.over ? epoch : (c->info.validity_epochs + INT64_C(1)) * epoch;
    j.void_before = seconds - (unix_now - (start - back));
    /* Who is a little ahead of us makes SURBs for a rotation that we do not expect yet. */
    bool ends = unix_now >= start_of(&c->info, (uint64_t)expected + 1) - epoch / CHECKS_A_EPOCH;
    if (j.over && !ends) j.parity = (uint8_t)(expected % 2 == 1 ? SLC_ROTATION_ODD : SLC_ROTATION_EVEN);
    bool ends_soon = unix_now >= start_of(&c->info, (uint64_t)expected + 1) - 2 * epoch / CHECKS_A_EPOCH;
    j.only = ends_soon ? SLC_ROTATION_UNKNOWN : j.parity;
    return j;
}

static bool is_void(const struct surb_block *block, const struct judgement *j)
{
    if (j->whole) return false;
    bool other =
        j->parity != SLC_ROTATION_UNKNOWN && block->rotation != SLC_ROTATION_UNKNOWN && block->rotation != j->parity;
    return other || block->received < j->void_before;
}

static void throw_void(struct slc_clients *c, struct surb_pile *pile, const struct judgement *j)
{
    struct surb_block *before = NULL;
    for (struct surb_block **at = &pile->first; *at != NULL;) {
        if (is_void(*at, j)) {
            slc_store_scrap(c, slc_pile_cut(pile, at, before));
        } else {
            before = *at;
            at = &before->next;
        }
    }
}

/* Fresh SURBs that are not of the snapshot's rotation, or may not be, become stale. Returns how many. */
static uint32_t make_stale(const struct slc_clients *c, struct store *s)
{
    uint32_t before = s->fresh.count;
    struct surb_block *last = NULL;
    for (struct surb_block **at = &s->fresh.first; *at != NULL;) {
        bool fresh = (*at)->rotation != SLC_ROTATION_UNKNOWN && (*at)->rotation == c->topology->rotation;
        if (fresh) {
            last = *at;
            at = &last->next;
        } else {
            slc_pile_append(&s->stale, slc_pile_cut(&s->fresh, at, last));
        }
    }
    return before - s->fresh.count;
}

static void refresh(struct slc_clients *c, struct client *k, struct store *s, uint32_t moved, slc_time now)
{
    uint32_t most = c->traffic->request_honoured;
    if (moved > 0) {
        s->refreshing += moved;
    } else {
        if (s->refreshing == 0 || now - s->asked < c->traffic->request_wait) return;
        /* No answer came: what was asked for is not on its way any more. */
        s->requested -= s->refreshing < s->requested ? s->refreshing : s->requested;
    }
    if (s->refreshing > most) s->refreshing = most;
    /* What cannot be asked for now is asked for at the next check, unless there is nothing to ask with. */
    if (!slc_store_request(c, k, s, s->refreshing) && slc_store_count(s) == 0) s->refreshing = 0;
}

/* Whether the tag goes. */
static bool is_forgotten(const struct slc_clients *c, const struct store *s, const struct judgement *j)
{
    if (j->void_before != INT64_MIN && s->heard < j->void_before * (int64_t)SLC_SECOND) return true;
    bool silent = (int64_t)j->now - s->heard > (int64_t)c->traffic->request_drop;
    return silent && slc_store_count(s) == 0 && s->messages == NULL;
}

static void check_store(struct slc_clients *c, struct client *k, struct store *s, const struct judgement *j)
{
    throw_void(c, &s->fresh, j);
    throw_void(c, &s->stale, j);
    uint32_t moved = j->move ? make_stale(c, s) : 0;
    if (j->over) slc_store_throw(c, s, &s->stale, UINT32_MAX);
    s->most = 0;
    if (is_forgotten(c, s, j)) {
        slc_store_drop(c, s, SLC_BAD_SURB);
    } else {
        refresh(c, k, s, moved, j->now);
    }
}

static void check(struct slc_clients *c, slc_time now)
{
    struct judgement j = judge(c, now);
    c->rotation.only = j.only;
    for (size_t i = 0; i < c->count; i++) {
        struct client *k = &c->clients[i];
        if (k->replies == NULL) continue;
        slc_reply_keys_age(c, k, now);
        for (uint32_t place = k->replies->stores_len; place-- > 0;) {
            check_store(c, k, k->replies->stores[place], &j);
        }
    }
    if (c->rotation.previous != NULL && now >= c->rotation.previous_until) {
        slc_topology_release(c->rotation.previous);
        c->rotation.previous = NULL;
    }
}

static slc_time check_period(const struct slc_clients *c)
{
    slc_time period = (slc_time)epoch_seconds(c) * SLC_SECOND / CHECKS_A_EPOCH;
    return period > SLC_SECOND ? period : SLC_SECOND;
}

void slc_rotation_run(struct slc_clients *c, slc_time now)
{
    struct rotation *r = &c->rotation;
    if (c->topology == NULL) return;
    if (r->refreshed == 0) {
        r->refreshed = now;
        r->retires = retirement(c, now);
    }
    r->retired = now >= r->retires;
    /* The directory may say, or correct, how long an epoch is. */
    slc_time period = check_period(c);
    if (now < r->next && period == r->period) return;
    check(c, now);
    r->period = period;
    r->next = now + period;
    c->port.arm(c->port.self, r->next, ARM_TOKEN);
}
