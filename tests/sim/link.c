/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world_internal.h"

#include <stdlib.h>
#include <string.h>

/* Connections and frames: what the network threads and TCP do, in virtual time. */

#define CONNECT_PATIENCE (10 * SLC_SECOND)
enum { NOBODY = UINT32_MAX, WS_BINARY = 2, TRIPS = 3 /* SYN, SYN-ACK, upgrade request */, SOCKETS = 64 /* frames */ };

/* ---- slots ---- */

static bool lies_in(const struct slc_pool *pool, const uint8_t *at)
{
    return at >= pool->memory && at < pool->memory + pool->count * pool->slot_bytes;
}

/* NULL: not in a slot of ours. */
struct frame *frame_of(const uint8_t *inside)
{
    struct slc_pool *pool = lies_in(&sim.small, inside) ? &sim.small : &sim.large;
    if (!lies_in(pool, inside)) return NULL;
    size_t index = (size_t)(inside - pool->memory) / pool->slot_bytes;
    return (struct frame *)(void *)(pool->memory + index * pool->slot_bytes);
}

static void uncount(struct frame *f)
{
    if (!f->counted) return;
    f->counted = false;
    (*(f->large ? &f->owner->left.large : &f->owner->left.small))++;
}

static void frame_free(struct frame *f)
{
    slc_pool_give(f->large ? &sim.large : &sim.small, f);
}

uint8_t *slc_worker_slot(struct slc_worker *w, size_t bytes)
{
    bool large = SLC_SLOT_HEAD + bytes > SLC_SLOT_SMALL;
    size_t *left = large ? &w->left.large : &w->left.small;
    if (SLC_SLOT_HEAD + bytes > SLC_SLOT_LARGE || *left == 0) return NULL;
    struct frame *f = slc_pool_take(large ? &sim.large : &sim.small);
    if (f == NULL) return NULL;
    f->large = large;
    f->counted = true;
    f->owner = w;
    f->header = 0;
    (*left)--;
    return f->slot;
}

void slc_worker_slot_drop(struct slc_worker *w, uint8_t *slot)
{
    (void)w;
    struct frame *f = frame_of(slot);
    uncount(f);
    frame_free(f);
}

void slc_worker_release(struct slc_worker *w, const struct slc_received *received)
{
    (void)w;
    if (received->data != NULL) frame_free(frame_of(received->data));
}

void sim_mark_header(const uint8_t *packet)
{
    struct frame *f = frame_of(packet);
    if (f == NULL || packet != f->slot + SLC_SLOT_HEAD) return;
    memcpy(&f->header, packet, sizeof f->header);
}

/* ---- ends of connections ---- */

static struct end *find(const struct end_name *name)
{
    if (!runtime_alive(name->runtime) || name->index >= name->runtime->end_count) return NULL;
    struct end *e = &name->runtime->ends[name->index];
    return e->used && e->generation == name->generation ? e : NULL;
}

static struct end_name name_of_link(struct slc_runtime *r, slc_link link)
{
    return (struct end_name){r, (uint32_t)link, (uint32_t)(link >> 32)};
}

static slc_link link_of(const struct end_name *name)
{
    return (uint64_t)name->generation << 32 | name->index;
}

static struct end *end_new(struct slc_runtime *r, struct end_name *name)
{
    uint32_t index = r->free_end;
    if (index == NOBODY) return NULL;
    struct end *e = &r->ends[index];
    r->free_end = e->next_free;
    uint32_t generation = (e->generation + 1) & 0xffffff;
    *e = (struct end){.generation = generation == 0 ? 1 : generation, .used = true};
    *name = (struct end_name){r, index, e->generation};
    return e;
}

static void end_free(struct slc_runtime *r, struct end *e)
{
    e->used = false;
    e->next_free = r->free_end;
    r->free_end = (uint32_t)(e - r->ends);
}

static slc_time trip(const struct listener *path)
{
    slc_time jitter = path->jitter > 0 ? (slc_time)(slc_random_unit(&sim.random) * (double)path->jitter) : 0;
    slc_time start = sim.now > path->held ? sim.now : path->held;
    return start + path->delay + jitter;
}

/* When what is sent from this end now arrives: after all that was sent before. */
static slc_time arrival(struct end *e)
{
    slc_time at = trip(e->path);
    if (at < e->last) at = e->last;
    e->last = at;
    return at;
}

static void tell(slc_time at, const struct notice *notice)
{
    struct notice *copy = malloc(sizeof *copy);
    if (copy == NULL) abort();
    *copy = *notice;
    world_add(at, EVENT_NOTICE, copy);
}

static void tell_closed(slc_time at, const struct end_name *to, enum slc_status why)
{
    tell(at, &(struct notice){.to = *to, .kind = SLC_RECEIVED_CLOSED, .status = (uint8_t)why});
}

void notice_give(struct notice *notice)
{
    struct slc_runtime *r = notice->to.runtime;
    struct end *e = find(&notice->to);
    if (e != NULL) {
        struct slc_received received = {.link = link_of(&notice->to),
                                        .token = e->token,
                                        .kind = notice->kind,
                                        .status = notice->status,
                                        .at = sim.now};
        bool closed = notice->kind == SLC_RECEIVED_CLOSED;
        e->open |= !closed;
        sim_trace(sim.now << 8 | 0x80 | notice->kind);
        if (closed) end_free(r, e);
        worker_receive(r->worker[e->worker], &received);
    } else if (notice->to.index == NOBODY && runtime_alive(r)) {
        const struct slc_received received = {
            .token = notice->token, .kind = notice->kind, .status = notice->status, .at = sim.now};
        worker_receive(r->worker[notice->worker], &received);
    }
    free(notice);
}

/* ---- listening and connecting ---- */

static struct listener *listener_at(const struct slc_address *address)
{
    for (size_t i = 0; i < sim.listener_count; i++) {
        if (slc_address_equal(&sim.listeners[i].address, address)) return &sim.listeners[i];
    }
    return NULL;
}

enum slc_status slc_runtime_listen(struct slc_runtime *r, unsigned network, unsigned worker,
                                   const struct slc_address *address, enum slc_protocol protocol, struct slc_tls *tls,
                                   uint64_t token, struct slc_address *bound, struct slc_error *error)
{
    (void)network;
    if (r->started || worker >= r->workers || tls != NULL) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "listening begins before the threads do, and without TLS");
    }
    if (sim.listener_count == MAX_LISTENERS) return slc_fail(error, SLC_FULL, "no more listeners");
    struct slc_address mine = *address;
    if (mine.port == 0) mine.port = sim.next_port++;
    if (listener_at(&mine) != NULL) return slc_fail(error, SLC_IO, "port %u: address in use", mine.port);
    sim.listeners[sim.listener_count++] = (struct listener){.address = mine,
                                                            .runtime = r,
                                                            .worker = worker,
                                                            .token = token,
                                                            .protocol = protocol,
                                                            .delay = sim.config.delay,
                                                            .jitter = sim.config.jitter};
    if (bound != NULL) *bound = mine;
    return SLC_OK;
}

void slc_runtime_set_noise(struct slc_runtime *runtime, uint64_t listener_token, const struct slc_noise_keys *keys)
{
    /* Links between nodes carry packets, not bytes: there is nothing to encrypt. */
    (void)runtime;
    (void)listener_token;
    (void)keys;
}

static void connect_failed(const struct connect_request *request, slc_time at, enum slc_status why)
{
    tell(at, &(struct notice){.to = {request->runtime, NOBODY, 0},
                              .worker = request->worker,
                              .kind = SLC_RECEIVED_CLOSED,
                              .status = (uint8_t)why,
                              .token = request->token});
}

enum slc_status slc_worker_connect(struct slc_worker *w, const struct slc_address *address, const char *host,
                                   enum slc_protocol protocol, struct slc_tls *tls, const uint8_t *noise_peer_key,
                                   uint64_t token)
{
    (void)host;
    (void)noise_peer_key;
    struct connect_request *request = calloc(1, sizeof *request);
    if (request == NULL || tls != NULL) {
        free(request);
        return SLC_NO_MEMORY;
    }
    *request = (struct connect_request){.runtime = w->runtime,
                                        .worker = (uint16_t)w->index,
                                        .protocol = (uint8_t)protocol,
                                        .token = token,
                                        .path = listener_at(address),
                                        .asked = sim.now};
    slc_time at = sim.now;
    for (int i = 0; i < TRIPS && request->path != NULL; i++) {
        at += trip(request->path) - sim.now;
    }
    if (at > sim.now + CONNECT_PATIENCE) at = sim.now + CONNECT_PATIENCE;
    world_add(at, EVENT_CONNECT, request);
    return SLC_OK;
}

void connect_now(struct connect_request *request)
{
    struct listener *path = request->path;
    struct slc_runtime *r = request->runtime, *there = path == NULL ? NULL : path->runtime;
    if (!runtime_alive(r)) {
        free(request);
        return;
    }
    bool late = sim.now >= request->asked + CONNECT_PATIENCE || (path != NULL && path->held > sim.now);
    bool refused = !late && (path == NULL || path->refuses || !runtime_alive(there));
    struct end_name here_name = {0}, there_name = {0};
    struct end *mine = late || refused ? NULL : end_new(r, &here_name);
    struct end *theirs = mine == NULL ? NULL : end_new(there, &there_name);
    if (theirs == NULL) {
        if (mine != NULL) end_free(r, mine);
        slc_time at = late ? request->asked + CONNECT_PATIENCE : sim.now + path->delay;
        connect_failed(request, at, late ? SLC_TIMEOUT : refused ? SLC_REFUSED : SLC_FULL);
        free(request);
        return;
    }
    mine->outgoing = true;
    mine->protocol = request->protocol;
    mine->worker = request->worker;
    mine->token = request->token;
    mine->path = theirs->path = path;
    mine->peer = there_name;
    theirs->peer = here_name;
    theirs->protocol = (uint8_t)path->protocol;
    theirs->worker = (uint16_t)path->worker;
    theirs->token = path->token;
    tell(sim.now, &(struct notice){.to = there_name, .kind = SLC_RECEIVED_ACCEPTED});
    tell(arrival(theirs), &(struct notice){.to = here_name, .kind = SLC_RECEIVED_OPEN});
    free(request);
}

void slc_worker_set_token(struct slc_worker *w, slc_link link, uint64_t token)
{
    const struct end_name name = name_of_link(w->runtime, link);
    struct end *e = find(&name);
    if (e != NULL) e->token = token;
}

/* What does not find room in the buffers of both systems' sockets is not written yet. */
size_t slc_worker_waiting(const struct slc_worker *w, slc_link link)
{
    const struct end_name name = name_of_link(w->runtime, link);
    const struct end *e = link == 0 ? NULL : find(&name);
    return e == NULL || e->protocol == SLC_PROTOCOL_NODE || e->waiting < SOCKETS ? 0 : e->waiting - SOCKETS;
}

/* ---- ends ---- */

/* This end is over now; the other learns it when the news has travelled. */
static void close_end(const struct end_name *name, struct end *e, bool reset)
{
    if (e->closing) return;
    e->closing = true;
    tell_closed(sim.now, name, SLC_CLOSED);
    struct end *peer = find(&e->peer);
    if (peer == NULL || peer->closing) return;
    peer->broken |= reset;
    tell_closed(arrival(e), &e->peer, reset ? SLC_IO : SLC_CLOSED);
}

void slc_worker_close(struct slc_worker *w, slc_link link, bool reset)
{
    const struct end_name name = name_of_link(w->runtime, link);
    struct end *e = link == 0 ? NULL : find(&name);
    if (e != NULL) close_end(&name, e, reset);
}

static void cut(const struct end_name *name, struct end *e)
{
    if (e->closing || e->broken) return;
    e->broken = e->closing = true;
    tell_closed(sim.now + e->path->delay, name, SLC_IO);
}

void sim_path_cut(uint16_t port, double share)
{
    for (size_t i = 0; i < MAX_RUNTIMES; i++) {
        struct slc_runtime *r = sim.runtimes[i];
        for (uint32_t n = 0; r != NULL && !r->stopped && n < r->end_count; n++) {
            struct end *e = &r->ends[n];
            if (!e->used || !e->outgoing || e->path->address.port != port) continue;
            if (share < 1 && slc_random_unit(&sim.random) >= share) continue;
            const struct end_name name = {r, n, e->generation};
            struct end *peer = find(&e->peer);
            if (peer != NULL) cut(&e->peer, peer);
            cut(&name, e);
        }
    }
}

void links_drop(struct slc_runtime *r, bool reset)
{
    for (uint32_t n = 0; r->ends != NULL && n < r->end_count; n++) {
        struct end *e = &r->ends[n];
        struct end *peer = e->used ? find(&e->peer) : NULL;
        if (peer == NULL || peer->closing) continue;
        if (reset) peer->broken = peer->closing = true;
        tell_closed(arrival(e), &e->peer, reset ? SLC_IO : SLC_CLOSED);
    }
}

static void set_path(uint16_t port, void (*set)(struct listener *, slc_time, slc_time), slc_time a, slc_time b)
{
    for (size_t i = 0; i < sim.listener_count; i++) {
        if (sim.listeners[i].address.port == port) set(&sim.listeners[i], a, b);
    }
}

static void set_delay(struct listener *path, slc_time delay, slc_time jitter)
{
    path->delay = delay;
    path->jitter = jitter;
}

static void set_held(struct listener *path, slc_time until, slc_time unused)
{
    (void)unused;
    path->held = until;
}

static void set_refuses(struct listener *path, slc_time refuse, slc_time unused)
{
    (void)unused;
    path->refuses = refuse != 0;
}

void sim_path_delay(uint16_t port, slc_time delay, slc_time jitter)
{
    set_path(port, set_delay, delay, jitter);
}

void sim_path_hold(uint16_t port, slc_time until)
{
    set_path(port, set_held, until, 0);
}

void sim_path_refuse(uint16_t port, bool refuse)
{
    set_path(port, set_refuses, refuse, 0);
}

/* ---- frames ---- */

static void unmask(uint8_t *data, size_t len, const uint8_t mask[4])
{
    uint64_t wide;
    uint8_t twice[8];
    memcpy(twice, mask, 4);
    memcpy(twice + 4, mask, 4);
    memcpy(&wide, twice, 8);
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        word ^= wide;
        memcpy(data + i, &word, 8);
    }
    for (; i < len; i++) {
        data[i] ^= mask[i & 3];
    }
}

/* Takes the frame's head off (RFC 6455, section 5.2); what clients and gateways make is well-formed. */
static void take_off_ws(struct frame *f, uint8_t *data, size_t len)
{
    f->kind = (data[0] & 0x0f) == WS_BINARY ? SLC_RECEIVED_BINARY : SLC_RECEIVED_TEXT;
    size_t head = (data[1] & 0x7f) == 126 ? 4 : (data[1] & 0x7f) == 127 ? 10 : 2;
    bool masked = (data[1] & 0x80) != 0;
    uint8_t mask[4];
    if (masked) {
        memcpy(mask, data + head, sizeof mask);
        head += sizeof mask;
    }
    f->data = data + head;
    f->len = (uint32_t)(len - head);
    if (masked) unmask(f->data, f->len, mask);
}

static void take_off(struct frame *f, const struct end *e, uint8_t *data, size_t len)
{
    if (e->protocol != SLC_PROTOCOL_NODE) {
        take_off_ws(f, data, len);
        return;
    }
    enum slc_packet_size size = SLC_SIZE_REGULAR;
    f->kind = SLC_RECEIVED_PACKET;
    f->rotation = data[0];
    f->data = data + 1;
    f->len = (uint32_t)(len - 1);
    if (slc_packet_size_of(f->len, &size) != SLC_OK) abort();
    f->size = (uint8_t)size;
}

static void count_binary(const struct frame *f, uint64_t *up_counter, uint64_t *down_counter)
{
    if (f->kind == SLC_RECEIVED_BINARY) (*(f->up ? up_counter : down_counter))++;
}

static void lose(struct frame *f)
{
    sim.numbers.frames_lost++;
    count_binary(f, &sim.numbers.binary_up_lost, &sim.numbers.binary_down_lost);
    uncount(f);
    frame_free(f);
}

enum slc_status slc_worker_send(struct slc_worker *w, slc_link link, uint8_t *slot, const uint8_t *data, size_t len,
                                slc_time due)
{
    if (link == 0) return SLC_CLOSED;
    struct frame *f = frame_of(slot);
    f->from = name_of_link(w->runtime, link);
    /* A link that is gone takes it all the same, as the real one does; what it was is still known. */
    const struct end *e = &w->runtime->ends[f->from.index];
    f->to = e->peer;
    f->up = e->outgoing;
    take_off(f, e, slot + (data - slot), len);
    sim.numbers.frames_sent++;
    count_binary(f, &sim.numbers.binary_up_sent, &sim.numbers.binary_down_sent);
    f->due = due;
    if (due > sim.now) {
        world_add(due, EVENT_LEAVE, f);
    } else {
        frame_leave(f);
    }
    return SLC_OK;
}

static void show(const struct frame *f, const struct end *e)
{
    if (e->protocol != SLC_PROTOCOL_WS_CLIENT || sim.observer.uplink == NULL) return;
    const struct sim_uplink seen = {.worker = e->worker,
                                    .index = (uint32_t)e->token,
                                    .connection = (uint32_t)(e->token >> 32),
                                    .binary = f->kind == SLC_RECEIVED_BINARY,
                                    .bytes = f->len,
                                    .at = sim.now,
                                    .header = f->header};
    sim.observer.uplink(sim.observer.self, &seen);
}

void frame_leave(struct frame *f)
{
    struct end *e = find(&f->from);
    if (e == NULL || e->closing || e->waiting == QUEUE_FRAMES) {
        lose(f);
        return;
    }
    uncount(f);
    if (sim.config.mutation == SIM_FORGET_FRAME && sim.numbers.frames_sent == 1000) return;
    if (f->due != 0) slc_histogram_record(&f->from.runtime->lateness, sim.now - f->due);
    e->waiting++;
    show(f, e);
    uint64_t last = 0;
    if (f->len >= sizeof last) memcpy(&last, f->data + f->len - sizeof last, sizeof last);
    sim_trace(last ^ f->len);
    world_add(arrival(e), EVENT_ARRIVE, f);
}

void frame_arrive(struct frame *f)
{
    struct end *from = find(&f->from), *to = find(&f->to);
    if (from != NULL) from->waiting--;
    if (to == NULL || to->closing || to->broken) {
        lose(f);
        return;
    }
    const struct slc_received received = {.link = link_of(&f->to),
                                          .token = to->token,
                                          .data = f->data,
                                          .len = f->len,
                                          .kind = f->kind,
                                          .rotation = f->rotation,
                                          .size = f->size,
                                          .at = sim.now};
    sim.numbers.frames_arrived++;
    worker_receive(f->to.runtime->worker[to->worker], &received);
}

void event_discard(const struct event *event)
{
    if (event->kind == EVENT_CONNECT || event->kind == EVENT_NOTICE) free(event->subject);
}
