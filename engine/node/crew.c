/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/node/node_internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TICK (50 * SLC_MILLISECOND)

static const size_t pool_bytes[POOLS] = {SLC_ACK_PACKET_BYTES, SLC_REGULAR_PACKET_BYTES, SLC_LARGEST_PACKET_BYTES};

struct transit *transit_new(struct crew *crew, size_t len)
{
    unsigned pool = POOL_ACK;
    while (pool < POOLS && pool_bytes[pool] < len) {
        pool++;
    }
    struct transit *t = pool < POOLS ? slc_pool_take(&crew->pool[pool]) : NULL;
    if (t == NULL) return NULL;
    t->next = NULL;
    t->home = (uint16_t)crew->index;
    t->pool = (uint8_t)pool;
    t->len = (uint32_t)len;
    t->faulted = t->leaving = false;
    return t;
}

/* ---- between workers ---- */

static void keep(struct crew *crew, unsigned to, const struct slc_note *note)
{
    if (crew->kept_len == crew->kept_cap) {
        size_t cap = crew->kept_cap == 0 ? 64 : crew->kept_cap * 2;
        struct slc_note *notes = realloc(crew->kept, cap * sizeof *notes);
        if (notes != NULL) crew->kept = notes;
        uint32_t *receivers = realloc(crew->kept_to, cap * sizeof *receivers);
        if (receivers != NULL) crew->kept_to = receivers;
        if (notes == NULL || receivers == NULL) return;
        crew->kept_cap = cap;
    }
    crew->kept[crew->kept_len] = *note;
    crew->kept_to[crew->kept_len++] = to;
}

static void pass(struct crew *crew, unsigned to, struct slc_note *note)
{
    if (crew->kept_len > 0 || slc_worker_pass(crew->worker, to, note) != SLC_OK) keep(crew, to, note);
}

static void pass_kept(struct crew *crew)
{
    size_t done = 0;
    while (done < crew->kept_len && slc_worker_pass(crew->worker, crew->kept_to[done], &crew->kept[done]) == SLC_OK) {
        done++;
    }
    if (done == 0) return;
    crew->kept_len -= done;
    memmove(crew->kept, crew->kept + done, crew->kept_len * sizeof *crew->kept);
    memmove(crew->kept_to, crew->kept_to + done, crew->kept_len * sizeof *crew->kept_to);
}

/* Gathers packets for another worker in notes; two per worker: packets that go on, and packets that go home. */
static void pass_packet(struct crew *crew, unsigned to, enum note_kind kind, struct transit *t)
{
    struct slc_note *note = &crew->outbox[to * 2 + (kind == NOTE_HOME)];
    struct node_note *filling = (struct node_note *)(void *)note->bytes;
    filling->kind = kind;
    filling->packet[filling->count++] = t;
    if (filling->count < PASSED) return;
    pass(crew, to, note);
    filling->count = 0;
}

static void flush_outbox(struct crew *crew)
{
    for (unsigned i = 0; i < crew->net->workers * 2; i++) {
        struct node_note *filling = (struct node_note *)(void *)crew->outbox[i].bytes;
        if (filling->count == 0) continue;
        pass(crew, i / 2, &crew->outbox[i]);
        filling->count = 0;
    }
}

void transit_free(struct crew *crew, struct transit *t)
{
    if (t->home == crew->index) {
        slc_pool_give(&crew->pool[t->pool], t);
    } else {
        pass_packet(crew, t->home, NOTE_HOME, t);
    }
}

void crew_wait_changed(struct crew *crew, int by)
{
    size_t now = atomic_load_explicit(&crew->waiting, memory_order_relaxed);
    atomic_store_explicit(&crew->waiting, now + (size_t)by, memory_order_relaxed);
}

bool crew_may_wait(const struct crew *crew)
{
    return atomic_load_explicit(&crew->waiting, memory_order_relaxed) <
           crew->net->config.queue_packets / crew->net->workers;
}

/* ---- arrivals, and what goes wrong on purpose ---- */

static void append(struct transit **first, struct transit **last, struct transit *t)
{
    t->next = NULL;
    *(*first == NULL ? first : &(*last)->next) = t;
    *last = t;
}

double crew_fault_draw(const struct crew *crew, const struct node *node, uint8_t rule, struct slc_bytes bytes)
{
    uint8_t input[37] = {0}, hash[8];
    const uint32_t index = node->index;
    memcpy(input, &index, 4);
    input[4] = rule;
    memcpy(input + 5, bytes.data, bytes.len < 32 ? bytes.len : 32);
    crypto_shorthash(hash, input, sizeof input, crew->net->fault_key);
    uint64_t drawn;
    memcpy(&drawn, hash, sizeof drawn);
    return (double)(drawn >> 11) * 0x1p-53;
}

static bool suffers(const struct crew *crew, const struct node *node, uint8_t rule, const struct transit *t,
                    double share)
{
    return share > 0 && crew_fault_draw(crew, node, rule, slc_bytes(t->bytes, t->len)) < share;
}

/* Held back as on a slow link: it arrives later, so the node's own delay comes on top. */
static void hold_back(struct crew *crew, struct node *node, struct transit *t, slc_time delay)
{
    if (!crew_may_wait(crew)) {
        COUNT(node, queue_dropped, 1);
        transit_free(crew, t);
        return;
    }
    COUNT(node, fault_delayed, 1);
    crew_wait_changed(crew, 1);
    t->arrived += delay;
    slc_worker_arm(crew->worker, t->arrived, (uint64_t)(uintptr_t)t);
}

static struct transit *copy_of(struct crew *crew, const struct transit *t)
{
    struct transit *copy = transit_new(crew, t->len);
    if (copy == NULL) return NULL;
    copy->node = t->node;
    copy->rotation = t->rotation;
    copy->made_for = t->made_for;
    copy->arrived = t->arrived;
    copy->faulted = true;
    memcpy(copy->bytes, t->bytes, t->len);
    return copy;
}

/* True when the packet goes on now. A copy shares the fate of its original. */
static bool apply_faults(struct crew *crew, struct node *node, struct transit *t)
{
    const struct slc_faults *f = &node->faults;
    t->faulted = true;
    if (suffers(crew, node, 1, t, f->loss)) {
        COUNT(node, fault_lost, 1);
        transit_free(crew, t);
        return false;
    }
    slc_time delay = f->extra_delay;
    if (suffers(crew, node, 3, t, f->reorder)) delay += f->reorder_delay;
    struct transit *copy = suffers(crew, node, 2, t, f->duplicate) ? copy_of(crew, t) : NULL;
    if (copy != NULL) {
        COUNT(node, fault_duplicated, 1);
        if (delay > 0) {
            hold_back(crew, node, copy, delay);
        } else {
            append(&crew->arrivals, &crew->arrivals_last, copy);
        }
    }
    if (delay > 0) hold_back(crew, node, t, delay);
    return delay == 0;
}

static bool has_faults(const struct slc_faults *f)
{
    return f->loss > 0 || f->duplicate > 0 || f->reorder > 0 || f->extra_delay > 0;
}

void transit_arrive(struct crew *crew, struct transit *t)
{
    struct node *node = &crew->net->nodes[t->node];
    if (node->worker != crew->index) {
        pass_packet(crew, node->worker, NOTE_PACKETS, t);
        return;
    }
    if (node->faults.paused) {
        if (!crew_may_wait(crew)) {
            COUNT(node, queue_dropped, 1);
            transit_free(crew, t);
            return;
        }
        crew_wait_changed(crew, 1);
        append(&node->held, &node->held_last, t);
        return;
    }
    if (!t->faulted && has_faults(&node->faults) && !apply_faults(crew, node, t)) return;
    append(&crew->arrivals, &crew->arrivals_last, t);
}

/* A node that was frozen reads what piled up when it goes on (chapter 6, section 4.4). */
static void release_held(struct crew *crew, struct node *node, slc_time now)
{
    struct transit *t = node->held;
    node->held = node->held_last = NULL;
    while (t != NULL) {
        struct transit *next = t->next;
        crew_wait_changed(crew, -1);
        t->arrived = now;
        transit_arrive(crew, t);
        t = next;
    }
}

/* ---- the role ---- */

static void crew_start(void *self, struct slc_worker *w, slc_time now)
{
    struct crew *crew = self;
    crew->worker = w;
    slc_worker_arm(w, now + TICK, TOKEN(TOKEN_TIMER_TICK, 0));
}

static void node_received(struct crew *crew, const struct slc_received *r, slc_time now)
{
    if (r->kind != SLC_RECEIVED_PACKET) return;
    struct node *node = &crew->net->nodes[(uint32_t)r->token];
    struct transit *t = transit_new(crew, r->len);
    if (t == NULL) {
        COUNT(node, queue_dropped, 1);
    } else {
        memcpy(t->bytes, r->data, r->len);
        t->node = node->index;
        t->rotation = t->made_for = r->rotation;
        t->arrived = now;
        transit_arrive(crew, t);
    }
    slc_worker_release(crew->worker, r);
}

static void crew_received(void *self, const struct slc_received *received, size_t n, slc_time now)
{
    struct crew *crew = self;
    for (size_t i = 0; i < n; i++) {
        switch (TOKEN_KIND(received[i].token)) {
        case TOKEN_CLIENTS:
            gateway_received(crew, &received[i], now);
            break;
        case TOKEN_NODES:
            node_received(crew, &received[i], now);
            break;
        case TOKEN_PEER:
            hop_received(crew, &received[i], now);
            break;
        default:
            slc_worker_release(crew->worker, &received[i]);
            break;
        }
    }
}

static void crew_due(void *self, const uint64_t *tokens, size_t n, slc_time now)
{
    struct crew *crew = self;
    for (size_t i = 0; i < n; i++) {
        if (TOKEN_KIND(tokens[i]) == TOKEN_TIMER_TICK) {
            gateway_tick(crew, now);
            slc_worker_arm(crew->worker, now + TICK, tokens[i]);
            continue;
        }
        struct transit *t = (struct transit *)(uintptr_t)tokens[i];
        crew_wait_changed(crew, -1);
        if (t->leaving) {
            hop_leave(crew, t, now);
        } else {
            transit_arrive(crew, t);
        }
    }
}

static void crew_passed(void *self, const struct slc_note *notes, size_t n, slc_time now)
{
    struct crew *crew = self;
    for (size_t i = 0; i < n; i++) {
        const struct node_note *note = (const struct node_note *)(const void *)notes[i].bytes;
        for (uint32_t p = 0; p < note->count; p++) {
            struct transit *t = note->packet[p];
            if (note->kind == NOTE_HOME) {
                slc_pool_give(&crew->pool[t->pool], t);
            } else {
                t->arrived = now;
                transit_arrive(crew, t);
            }
        }
    }
}

static void obey(struct crew *crew, const struct node_note *note, slc_time now)
{
    if (note->kind == NOTE_EPOCH) {
        rotation_obey(crew, note->epoch.rotation, note->epoch.overlap);
        return;
    }
    for (size_t i = 0; i < crew->net->own_count; i++) {
        struct node *node = &crew->net->nodes[i];
        if (node->worker != crew->index || (note->order.node != SLC_ALL_NODES && note->order.node != (int32_t)i)) {
            continue;
        }
        if (note->kind == NOTE_FAULTS) {
            node->faults = note->order.faults;
            node->next_cut = now + node->faults.cut_every;
            if (!node->faults.paused) release_held(crew, node, now);
        } else if (node->layer == 0 && note->kind == NOTE_CUT) {
            gateway_cut(crew, node);
        } else if (node->layer == 0 && note->kind == NOTE_FORGET) {
            gateway_forget(crew, node);
        }
    }
}

static void crew_command(void *self, const struct slc_note *commands, size_t n, slc_time now)
{
    for (size_t i = 0; i < n; i++) {
        obey(self, (const struct node_note *)(const void *)commands[i].bytes, now);
    }
}

static slc_time crew_run(void *self, slc_time now)
{
    struct crew *crew = self;
    pass_kept(crew);
    gateway_frames(crew, now);
    open_arrivals(crew, now);
    gateway_flush(crew);
    hop_flush(crew);
    flush_outbox(crew);
    return crew->kept_len > 0 || crew->peers_wait || crew->mail ? now + SLC_MILLISECOND / 4 : SLC_NEVER;
}

struct slc_role crew_role(struct crew *crew)
{
    return (struct slc_role){.self = crew,
                             .start = crew_start,
                             .received = crew_received,
                             .due = crew_due,
                             .command = crew_command,
                             .passed = crew_passed,
                             .run = crew_run};
}
