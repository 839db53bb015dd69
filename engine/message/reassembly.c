/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/message/reassembly.h"

#include <stdlib.h>

#include "engine/message/set_table_internal.h"

enum { FINISHED = UINT32_MAX }; /* in the table: no index of a set, its message is remembered */
#define ABSENT UINT32_MAX

/* Where a fragment's payload lies in its set's log. */
struct piece {
    uint32_t at; /* ABSENT: not here yet */
    uint32_t len;
};

/*
 * An unfinished set. Payloads are appended to the log in the order of arrival: their lengths are the sender's business,
 * and one small fragment that announces 254 big ones costs no more than itself.
 */
struct set {
    struct set *older, *newer; /* by the time of the last fragment */
    slc_time touched;
    uint32_t id;
    uint32_t index; /* in slc_reassembly.sets */
    uint32_t previous, next;
    uint32_t log_len, log_cap;
    uint8_t *log;
    uint8_t total, here;
    struct piece pieces[];
};

/* A finished set's id, and the sweep before which it was finished. */
struct finished {
    uint32_t id, sweep;
};

struct ring {
    struct finished *sets;
    uint32_t capacity; /* grows to limits.remembered; only then is anything overwritten */
    uint32_t len, oldest;
};

struct slc_reassembly {
    struct slc_reassembly_limits limits;
    struct slc_set_table table; /* set id -> index in `sets`, or FINISHED */
    struct set **sets;
    size_t sets_len, sets_cap;
    struct set *oldest, *newest;
    size_t bytes;
    struct ring ring;
    uint32_t sweeps;
    uint8_t *whole; /* the last message of several fragments, until the next call */
    struct slc_reassembly_counts counts;
};
_Static_assert(sizeof(struct slc_reassembly) <= 256, "every virtual client owns one");

enum slc_status slc_reassembly_new(struct slc_reassembly **r, const struct slc_reassembly_limits *limits)
{
    if (limits->max_sets >= FINISHED || limits->remembered > UINT32_MAX / 4) return SLC_BAD_ARGUMENT;
    *r = calloc(1, sizeof **r);
    if (*r == NULL) return SLC_NO_MEMORY;
    (*r)->limits = *limits;
    /* Where the allocator put us is a guess for a stranger, and no two buffers share it. */
    (*r)->table.salt = (uint32_t)((uintptr_t)*r >> 4);
    return SLC_OK;
}

/* ---- unfinished sets ---- */

static size_t set_bytes(const struct set *set)
{
    return sizeof *set + set->total * sizeof set->pieces[0] + set->log_cap;
}

static void unlink_age(struct slc_reassembly *r, struct set *set)
{
    *(set->older == NULL ? &r->oldest : &set->older->newer) = set->newer;
    *(set->newer == NULL ? &r->newest : &set->newer->older) = set->older;
}

static void link_newest(struct slc_reassembly *r, struct set *set)
{
    set->older = r->newest;
    set->newer = NULL;
    *(r->newest == NULL ? &r->oldest : &r->newest->newer) = set;
    r->newest = set;
}

static void touch(struct slc_reassembly *r, struct set *set, slc_time now)
{
    set->touched = now;
    unlink_age(r, set);
    link_newest(r, set);
}

static void drop(struct slc_reassembly *r, struct set *set)
{
    slc_set_table_remove(&r->table, set->id);
    unlink_age(r, set);
    struct set *last = r->sets[--r->sets_len];
    r->sets[set->index] = last;
    if (last != set) {
        last->index = set->index;
        slc_set_table_put(&r->table, last->id, last->index);
    }
    r->bytes -= set_bytes(set);
    free(set->log);
    free(set);
}

void slc_reassembly_free(struct slc_reassembly *r)
{
    if (r == NULL) return;
    while (r->oldest != NULL) {
        drop(r, r->oldest);
    }
    slc_set_table_free(&r->table);
    free(r->sets);
    free(r->ring.sets);
    free(r->whole);
    free(r);
}

/*
 * Makes room for `more` bytes in `set` (NULL: a set to come), from the oldest other set on. A set that would not fit
 * alone throws nobody out.
 */
static bool make_room(struct slc_reassembly *r, size_t more, const struct set *set)
{
    size_t alone = set == NULL ? 0 : set_bytes(set);
    if (more > r->limits.max_bytes || alone > r->limits.max_bytes - more) return false;
    while (r->bytes > r->limits.max_bytes - more) {
        /* The set in hand was just fed: it is the newest, so it is never reached. */
        drop(r, r->oldest);
        r->counts.evicted++;
    }
    return true;
}

static bool reserve_index(struct slc_reassembly *r)
{
    if (r->sets_len < r->sets_cap) return true;
    size_t cap = r->sets_cap == 0 ? 4 : r->sets_cap * 2;
    struct set **sets = realloc(r->sets, cap * sizeof(struct set *));
    if (sets == NULL) return false;
    r->sets = sets;
    r->sets_cap = cap;
    return true;
}

/* NULL when it cannot be held. */
static struct set *open_set(struct slc_reassembly *r, const struct slc_fragment *fragment, slc_time now)
{
    size_t bytes = sizeof(struct set) + fragment->total * sizeof(struct piece);
    if (r->limits.max_sets == 0 || bytes + fragment->payload.len > r->limits.max_bytes) return NULL;
    if (r->sets_len == r->limits.max_sets) {
        drop(r, r->oldest);
        r->counts.evicted++;
    }
    if (!make_room(r, bytes, NULL) || !reserve_index(r) || slc_set_table_reserve(&r->table) != SLC_OK) return NULL;
    struct set *set = calloc(1, bytes);
    if (set == NULL) return NULL;
    set->id = fragment->id.set;
    set->total = fragment->total;
    set->touched = now;
    for (unsigned i = 0; i < set->total; i++) {
        set->pieces[i].at = ABSENT;
    }
    set->index = (uint32_t)r->sets_len;
    r->sets[r->sets_len++] = set;
    slc_set_table_put(&r->table, set->id, set->index);
    link_newest(r, set);
    r->bytes += bytes;
    return set;
}

/* Room in the log for `len` bytes: doubled, but not beyond what the rest of the set will need at this length. */
static bool grow_log(struct slc_reassembly *r, struct set *set, size_t len)
{
    size_t need = set->log_len + len;
    if (need <= set->log_cap) return true;
    size_t cap = set->log_len + len * (size_t)(set->total - set->here);
    if (cap > 2 * (size_t)set->log_cap) cap = 2 * (size_t)set->log_cap;
    if (cap < need) cap = need;
    if (!make_room(r, cap - set->log_cap, set)) return false;
    uint8_t *log = realloc(set->log, cap);
    if (log == NULL) return false;
    r->bytes += cap - set->log_cap;
    set->log = log;
    set->log_cap = (uint32_t)cap;
    return true;
}

static bool store(struct slc_reassembly *r, struct set *set, const struct slc_fragment *fragment)
{
    struct slc_bytes payload = fragment->payload;
    if (!grow_log(r, set, payload.len)) return false;
    set->pieces[fragment->id.position - 1] = (struct piece){set->log_len, (uint32_t)payload.len};
    if (payload.len > 0) memcpy(set->log + set->log_len, payload.data, payload.len);
    set->log_len += (uint32_t)payload.len;
    set->here++;
    if (fragment->previous != 0) set->previous = fragment->previous;
    if (fragment->next != 0) set->next = fragment->next;
    return true;
}

/* ---- finished sets ---- */

static bool grow_ring(struct slc_reassembly *r)
{
    struct ring *ring = &r->ring;
    size_t capacity = ring->capacity == 0 ? 8 : (size_t)ring->capacity * 2;
    if (capacity > r->limits.remembered) capacity = r->limits.remembered;
    struct finished *sets = malloc(capacity * sizeof *sets);
    if (sets == NULL) return false;
    for (uint32_t i = 0; i < ring->len; i++) {
        sets[i] = ring->sets[(ring->oldest + i) % ring->capacity];
    }
    free(ring->sets);
    *ring = (struct ring){.sets = sets, .capacity = (uint32_t)capacity, .len = ring->len};
    return true;
}

static void forget_oldest(struct slc_reassembly *r)
{
    struct ring *ring = &r->ring;
    slc_set_table_remove(&r->table, ring->sets[ring->oldest].id);
    ring->oldest = (ring->oldest + 1) % ring->capacity;
    ring->len--;
}

/* Without memory a message is delivered all the same, and a late duplicate of it would be delivered again. */
static void remember(struct slc_reassembly *r, uint32_t id)
{
    struct ring *ring = &r->ring;
    if (r->limits.remembered == 0) return;
    if (ring->len == ring->capacity && ring->capacity < r->limits.remembered && !grow_ring(r)) return;
    /* In the ring means in the table, or forgetting it could remove a set that was opened since. */
    if (slc_set_table_reserve(&r->table) != SLC_OK) return;
    if (ring->len == ring->capacity) forget_oldest(r);
    ring->sets[(ring->oldest + ring->len++) % ring->capacity] = (struct finished){id, r->sweeps};
    slc_set_table_put(&r->table, id, FINISHED);
}

static void forget_old(struct slc_reassembly *r)
{
    struct ring *ring = &r->ring;
    r->sweeps++;
    if (r->limits.sweeps == 0) return;
    while (ring->len > 0 && r->sweeps - ring->sets[ring->oldest].sweep > r->limits.sweeps) {
        forget_oldest(r);
    }
}

static enum slc_reassembly_result unpad(struct slc_bytes padded, struct slc_bytes *message)
{
    size_t len;
    if (slc_unpad(padded, &len) != SLC_OK) return SLC_REASSEMBLY_BROKEN;
    *message = slc_bytes(padded.data, len);
    return SLC_REASSEMBLY_COMPLETE;
}

/* ---- messages of several sets ---- */

enum neighbour { NEIGHBOUR_NONE, NEIGHBOUR_WHOLE, NEIGHBOUR_AWAITED, NEIGHBOUR_CONTRADICTS };

/*
 * The set before (after) a whole one. Both must name each other: honest senders always do, and without it a walk along
 * links could run into a loop that does not contain its start.
 */
static enum neighbour neighbour(const struct slc_reassembly *r, const struct set *set, bool before, struct set **other)
{
    uint32_t id = before ? set->previous : set->next;
    uint32_t index;
    *other = NULL;
    if (id == 0) return NEIGHBOUR_NONE;
    if (!slc_set_table_get(&r->table, id, &index)) return NEIGHBOUR_AWAITED;
    if (index == FINISHED) return NEIGHBOUR_CONTRADICTS;
    *other = r->sets[index];
    if ((*other)->here < (*other)->total) return NEIGHBOUR_AWAITED;
    return (before ? (*other)->next : (*other)->previous) == set->id ? NEIGHBOUR_WHOLE : NEIGHBOUR_CONTRADICTS;
}

/* Drops a closed ring of sets: the last one's next is the first, gone by then. */
static void drop_cycle(struct slc_reassembly *r, struct set *set)
{
    while (set != NULL) {
        struct set *next;
        (void)neighbour(r, set, false, &next);
        drop(r, set);
        set = next;
    }
}

/* Copies head to tail into `whole`, drops and remembers the sets. */
static enum slc_reassembly_result join(struct slc_reassembly *r, struct set *head, size_t len,
                                       struct slc_bytes *message)
{
    r->whole = malloc(len > 0 ? len : 1);
    enum slc_reassembly_result result = r->whole == NULL ? SLC_REASSEMBLY_REFUSED : SLC_REASSEMBLY_WAITING;
    size_t at = 0;
    for (struct set *set = head, *next; set != NULL; set = next) {
        (void)neighbour(r, set, false, &next);
        for (unsigned i = 0; r->whole != NULL && i < set->total; i++) {
            const struct piece *piece = &set->pieces[i];
            if (piece->len > 0) memcpy(r->whole + at, set->log + piece->at, piece->len);
            at += piece->len;
        }
        uint32_t id = set->id;
        drop(r, set);
        remember(r, id);
    }
    return result == SLC_REASSEMBLY_REFUSED ? result : unpad(slc_bytes(r->whole, at), message);
}

/* A set has become whole: so may its message have. */
static enum slc_reassembly_result finish(struct slc_reassembly *r, struct set *set, struct slc_bytes *message)
{
    size_t len = set->log_len;
    struct set *head = set;
    struct set *other;
    enum neighbour found[2];
    for (int before = 0; before < 2; before++) {
        struct set *at = set;
        while ((found[before] = neighbour(r, at, before == 1, &other)) == NEIGHBOUR_WHOLE) {
            if (other == set) {
                drop_cycle(r, set);
                return SLC_REASSEMBLY_REFUSED;
            }
            at = other;
            len += at->log_len;
        }
        head = at;
    }
    if (found[0] == NEIGHBOUR_CONTRADICTS || found[1] == NEIGHBOUR_CONTRADICTS) {
        drop(r, set);
        return SLC_REASSEMBLY_REFUSED;
    }
    if (found[0] == NEIGHBOUR_AWAITED || found[1] == NEIGHBOUR_AWAITED) return SLC_REASSEMBLY_WAITING;
    return join(r, head, len, message);
}

/* ---- the way in ---- */

/* A message in one fragment: nothing to keep but its id. */
static enum slc_reassembly_result pass_through(struct slc_reassembly *r, const struct slc_fragment *fragment,
                                               struct slc_bytes *message)
{
    remember(r, fragment->id.set);
    return unpad(fragment->payload, message);
}

static enum slc_reassembly_result add(struct slc_reassembly *r, const struct slc_fragment *fragment, slc_time now,
                                      struct slc_bytes *message)
{
    uint32_t index;
    struct set *set = NULL;
    if (slc_set_table_get(&r->table, fragment->id.set, &index)) {
        if (index == FINISHED) return SLC_REASSEMBLY_DUPLICATE;
        set = r->sets[index];
        if (set->total != fragment->total) return SLC_REASSEMBLY_REFUSED;
        touch(r, set, now);
        if (set->pieces[fragment->id.position - 1].at != ABSENT) return SLC_REASSEMBLY_DUPLICATE;
    } else {
        if (fragment->total == 1 && fragment->previous == 0) return pass_through(r, fragment, message);
        set = open_set(r, fragment, now);
        if (set == NULL) return SLC_REASSEMBLY_REFUSED;
    }
    if (!store(r, set, fragment)) {
        drop(r, set);
        return SLC_REASSEMBLY_REFUSED;
    }
    return set->here < set->total ? SLC_REASSEMBLY_WAITING : finish(r, set, message);
}

enum slc_reassembly_result slc_reassembly_add(struct slc_reassembly *r, const struct slc_fragment *fragment,
                                              slc_time now, struct slc_bytes *message)
{
    free(r->whole);
    r->whole = NULL;
    /* Far above any packet's payload; below it 255 payloads fit the 32-bit offsets of a log. */
    enum { PAYLOAD_MAX = 1 << 20 };
    enum slc_reassembly_result result =
        fragment->payload.len > PAYLOAD_MAX ? SLC_REASSEMBLY_REFUSED : add(r, fragment, now, message);
    r->counts.results[result]++;
    return result;
}

size_t slc_reassembly_sweep(struct slc_reassembly *r, slc_time now)
{
    size_t dropped = 0;
    free(r->whole);
    r->whole = NULL;
    while (r->oldest != NULL && now >= r->oldest->touched && now - r->oldest->touched >= r->limits.timeout) {
        drop(r, r->oldest);
        dropped++;
    }
    r->counts.stale += dropped;
    forget_old(r);
    return dropped;
}

void slc_reassembly_allow(struct slc_reassembly *r, size_t max_bytes)
{
    r->limits.max_bytes = max_bytes;
}

void slc_reassembly_shrink(struct slc_reassembly *r, size_t bytes)
{
    while (r->bytes > bytes) {
        drop(r, r->oldest);
        r->counts.evicted++;
    }
}

void slc_reassembly_held(const struct slc_reassembly *r, size_t *sets, size_t *bytes)
{
    *sets = r->sets_len;
    *bytes = r->bytes;
}

struct slc_reassembly_counts slc_reassembly_counts(const struct slc_reassembly *r)
{
    return r->counts;
}
