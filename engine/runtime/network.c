/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/secret.h"
#include "engine/runtime/runtime_internal.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOBODY UINT32_MAX
enum { REPLIES_PER_LINK = 64 /* what honest pings between messages of one read need at most */ };
/* A page of the calendar opens when all its frames are due, so a frame leaves at most this late and never early. */
#define PAGE (SLC_MILLISECOND / 4)

slc_link network_link_name(const struct network *n, uint32_t link)
{
    return (uint64_t)n->index << 56 | (uint64_t)(n->links[link].generation & 0xffffff) << 32 | link;
}

static struct link *find_link(struct network *n, slc_link name, uint32_t *index)
{
    uint32_t link = (uint32_t)name;
    if (link >= n->link_count || n->links[link].conn == 0 || network_link_name(n, link) != name) return NULL;
    *index = link;
    return &n->links[link];
}

static uint32_t take_link(struct network *n)
{
    uint32_t link = n->free_link;
    if (link == NOBODY) return NOBODY;
    n->free_link = n->links[link].next_free;
    uint32_t generation = (n->links[link].generation + 1) & 0xffffff;
    if (generation == 0) generation = 1;
    n->links[link] = (struct link){.generation = generation};
    atomic_store_explicit(&n->waiting[link], (uint64_t)generation << 32, memory_order_relaxed);
    return link;
}

static void give_link(struct network *n, uint32_t link)
{
    struct link *l = &n->links[link];
    link_end(n, link);
    free(l->request);
    l->request = NULL;
    l->conn = 0;
    l->next_free = n->free_link;
    n->free_link = link;
}

/* ---- to workers ---- */

static void take_released(struct network *n)
{
    uint8_t *slots[BATCH];
    for (unsigned i = 0; i < n->runtime->workers; i++) {
        struct slc_ring *ring = &n->runtime->channel[i][n->index]->released;
        for (size_t got; (got = slc_ring_pop_spsc(ring, slots, BATCH)) > 0;) {
            for (size_t s = 0; s < got; s++) {
                slots_give(&n->slots, slots[s]);
            }
        }
    }
}

static void wake_workers(struct network *n)
{
    for (unsigned i = 0; n->wake_workers != 0; i++, n->wake_workers >>= 1) {
        if (n->wake_workers & 1) slc_parker_wake(&n->runtime->worker[i]->parker);
    }
}

/* The worker is behind: while we wait we read nothing, so TCP tells the peers. Returns false when all is stopping. */
static bool wait_for_worker(struct network *n)
{
    if (atomic_load_explicit(&n->runtime->stopping_network, memory_order_relaxed)) return false;
    slc_time begin = slc_now();
    count(&n->thread.numbers.ring_full, 1);
    wake_workers(n);
    const struct timespec nap = {.tv_nsec = 50 * (long)SLC_MICROSECOND};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    take_released(n);
    count(&n->thread.numbers.backpressured, slc_now() - begin);
    return true;
}

void network_deliver(struct network *n, struct slc_received received, uint16_t worker, const uint8_t *data)
{
    if (data != NULL) {
        /* The copy is what lets a worker keep a message longer than the loop keeps its receive buffer. */
        while ((received.data = slots_take(&n->slots, received.len)) == NULL) {
            if (!wait_for_worker(n)) return;
        }
        memcpy(received.data, data, received.len);
    }
    struct slc_ring *ring = &n->runtime->channel[worker][n->index]->rx;
    while (slc_ring_push_spsc(ring, &received, 1) == 0) {
        n->wake_workers |= UINT64_C(1) << worker;
        if (wait_for_worker(n)) continue;
        if (received.data != NULL) slots_give(&n->slots, received.data);
        return;
    }
    n->wake_workers |= UINT64_C(1) << worker;
    count(&n->thread.numbers.frames_in, data != NULL);
}

void network_fail(struct network *n, uint32_t link, enum slc_status why, const char *reason)
{
    struct link *l = &n->links[link];
    if (l->closing) return;
    l->closing = true;
    /* A listener's half-open connections never reached a worker. */
    if (l->open || l->outgoing) {
        const struct slc_received received = {.kind = SLC_RECEIVED_CLOSED,
                                              .link = l->open ? network_link_name(n, link) : 0,
                                              .token = l->token,
                                              .status = (uint8_t)why,
                                              .at = slc_now(),
                                              .reason = reason};
        network_deliver(n, received, l->worker, NULL);
    }
}

/* ---- frames: from the ring through the calendar to the socket ---- */

static void send_home(struct network *n, struct frame *frame)
{
    struct slc_ring *ring = &n->runtime->channel[frame->worker][n->index]->sent;
    /* The ring holds more elements than the worker has slots. */
    (void)slc_ring_push_spsc(ring, &frame->slot, 1);
}

static void give_frame(struct network *n, uint32_t f)
{
    n->frames[f].next = n->free_frame;
    n->free_frame = f;
}

/* A frame of the link went to the loop, or came back from it. */
static void count_waiting(struct network *n, const struct frame *frame, bool more)
{
    _Atomic uint64_t *waiting = &n->waiting[frame->link];
    uint64_t value = atomic_load_explicit(waiting, memory_order_relaxed);
    if (value >> 32 != frame->generation) return;
    atomic_store_explicit(waiting, more ? value + 1 : value - 1, memory_order_relaxed);
}

static void put_on_wire(struct network *n, uint32_t f, slc_time now)
{
    struct frame *frame = &n->frames[f];
    struct link *l = &n->links[frame->link];
    bool live = l->conn != 0 && l->generation == frame->generation && !l->closing;
    bool node = live && l->protocol == SLC_PROTOCOL_NODE;
    bool sent = node ? node_send(n, frame->link, frame->data, frame->len)
                     : live && slc_loop_send(n->loop, l->conn, frame->data, frame->len, f) == SLC_OK;
    if (node || !sent) {
        send_home(n, frame);
        give_frame(n, f);
    } else {
        count_waiting(n, frame, true);
    }
    if (!sent) {
        count(&n->thread.numbers.frames_dropped, 1);
        return;
    }
    if (frame->due != 0) {
        slc_time late = now > frame->due ? now - frame->due : 0;
        slc_histogram_record(&n->lateness, late);
        if (late > SLC_MILLISECOND) {
            count(&n->thread.numbers.late_frames, 1);
            count_highest(&n->thread.numbers.latest, late);
        }
    }
    count(&n->thread.numbers.frames_out, 1);
    count(&n->thread.numbers.bytes_out, frame->len);
}

static uint64_t page_of(slc_time due)
{
    return due / PAGE + (due % PAGE != 0);
}

/* In order of due within a page, then of arrival; frames of one link mostly come in order, so the tail comes first. */
static void page_insert(struct network *n, unsigned page, uint32_t f)
{
    slc_time due = n->frames[f].due;
    uint32_t *at = &n->calendar[page];
    if (*at != NOBODY && n->frames[n->calendar_tail[page]].due <= due) at = &n->frames[n->calendar_tail[page]].next;
    while (*at != NOBODY && n->frames[*at].due <= due) {
        at = &n->frames[*at].next;
    }
    n->frames[f].next = *at;
    if (*at == NOBODY) n->calendar_tail[page] = f;
    *at = f;
}

static void calendar_add(struct network *n, uint32_t f)
{
    uint64_t tick = page_of(n->frames[f].due);
    /* Further ahead than the calendar reaches: the last page; put back when its turn comes too early. */
    if (tick >= n->calendar_tick + CALENDAR) tick = n->calendar_tick + CALENDAR - 1;
    if (tick <= n->calendar_tick) tick = n->calendar_tick + 1;
    page_insert(n, tick % CALENDAR, f);
    n->calendar_held++;
}

static void calendar_release(struct network *n, slc_time now)
{
    uint64_t tick = now / PAGE;
    while (n->calendar_held > 0 && n->calendar_tick < tick) {
        n->calendar_tick++;
        unsigned page = n->calendar_tick % CALENDAR;
        uint32_t f = n->calendar[page];
        n->calendar[page] = NOBODY;
        while (f != NOBODY) {
            uint32_t next = n->frames[f].next;
            n->calendar_held--;
            if (n->frames[f].due > now) {
                calendar_add(n, f);
            } else {
                put_on_wire(n, f, now);
            }
            f = next;
        }
    }
    n->calendar_tick = tick;
}

static slc_time calendar_next(const struct network *n)
{
    if (n->calendar_held == 0) return SLC_NEVER;
    for (uint64_t tick = n->calendar_tick + 1; tick <= n->calendar_tick + CALENDAR; tick++) {
        if (n->calendar[tick % CALENDAR] != NOBODY) return tick * PAGE;
    }
    return SLC_NEVER;
}

static void take_frame(struct network *n, const struct tx *tx, uint16_t worker, slc_time now)
{
    uint32_t f = n->free_frame; /* as many as all workers have slots, so never NOBODY */
    n->free_frame = n->frames[f].next;
    n->frames[f] = (struct frame){.due = tx->due,
                                  .data = tx->data,
                                  .slot = tx->slot,
                                  .len = tx->len,
                                  .link = (uint32_t)tx->link,
                                  .worker = worker};
    uint32_t link;
    struct link *l = find_link(n, tx->link, &link);
    n->frames[f].generation = l == NULL ? 0 : l->generation;
    if (l == NULL) {
        n->frames[f].link = 0;
        send_home(n, &n->frames[f]);
        give_frame(n, f);
    } else if (tx->due <= now) {
        put_on_wire(n, f, now);
    } else {
        calendar_add(n, f);
    }
}

static void begin_connect(struct network *n, const struct tx *tx, uint16_t worker, slc_time now)
{
    uint32_t link = take_link(n);
    struct slc_received failed = {.kind = SLC_RECEIVED_CLOSED, .token = tx->token, .status = SLC_FULL, .at = now};
    if (link == NOBODY) {
        free(tx->connect);
        network_deliver(n, failed, worker, NULL);
        return;
    }
    struct link *l = &n->links[link];
    l->request = tx->connect;
    l->worker = worker;
    l->token = tx->token;
    l->outgoing = true;
    l->protocol = (uint8_t)tx->connect->protocol;
    l->give_up = now + 10 * SLC_SECOND;
    const char *host = tx->connect->host[0] != 0 ? tx->connect->host : NULL;
    enum slc_status status = SLC_FULL;
    if (link_begin(n, link, NULL)) {
        status =
            slc_loop_connect(n->loop, &tx->connect->address, tx->connect->tls, host, 10 * SLC_SECOND, link, &l->conn);
    }
    if (status != SLC_OK) {
        l->conn = 0;
        give_link(n, link);
        failed.status = (uint8_t)status;
        network_deliver(n, failed, worker, NULL);
    }
}

static void control_link(struct network *n, const struct tx *tx)
{
    uint32_t link;
    struct link *l = find_link(n, tx->link, &link);
    if (l == NULL) return;
    if (tx->kind == TX_TOKEN) {
        l->token = tx->token;
        return;
    }
    network_fail(n, link, SLC_CLOSED, NULL);
    if (tx->kind != TX_RESET) {
        slc_loop_close(n->loop, l->conn, false);
    } else if (!l->resetting) {
        l->resetting = true;
        n->resets[n->reset_count++] = tx->link;
    }
}

/* A reset throws away what the loop has not sent: so it comes after the loop had its turn with what stood before it. */
static void reset_links(struct network *n)
{
    for (size_t i = 0; i < n->reset_count; i++) {
        uint32_t link;
        struct link *l = find_link(n, n->resets[i], &link);
        if (l != NULL) slc_loop_close(n->loop, l->conn, true);
    }
    n->reset_count = 0;
}

static bool take_tx(struct network *n, slc_time now)
{
    struct tx batch[BATCH];
    bool any = false;
    for (uint16_t i = 0; i < n->runtime->workers; i++) {
        size_t got = slc_ring_pop_spsc(&n->runtime->channel[i][n->index]->tx, batch, BATCH);
        any |= got == BATCH;
        for (size_t t = 0; t < got; t++) {
            if (batch[t].kind == TX_SEND) {
                take_frame(n, &batch[t], i, now);
            } else if (batch[t].kind == TX_CONNECT) {
                begin_connect(n, &batch[t], i, now);
            } else {
                control_link(n, &batch[t]);
            }
        }
    }
    return any;
}

uint8_t *network_reply_slot(struct network *n, uint32_t link)
{
    struct link *l = &n->links[link];
    /* Half of the pool is for first replies alone. */
    if (l->replies > 0 && (l->replies >= REPLIES_PER_LINK || n->replies.taken >= n->replies.count / 2)) return NULL;
    uint8_t *slot = slc_pool_take(&n->replies);
    if (slot == NULL) return NULL;
    n->reply_owner[(size_t)(slot - n->replies.memory) / n->replies.slot_bytes] = link;
    l->replies++;
    return slot;
}

static void reply_home(struct network *n, uint64_t place)
{
    n->links[n->reply_owner[place]].replies--;
    slc_pool_give(&n->replies, n->replies.memory + place * n->replies.slot_bytes);
}

void network_reply(struct network *n, uint32_t link, uint8_t *slot, size_t len)
{
    uint64_t place = (uint64_t)(slot - n->replies.memory) / n->replies.slot_bytes;
    if (len == 0 || slc_loop_send(n->loop, n->links[link].conn, slot, len, REPLY_COOKIE | place) != SLC_OK) {
        reply_home(n, place);
    }
}

/* ---- events of the loop ---- */

static void accepted(struct network *n, const struct slc_loop_event *event, slc_time now)
{
    const struct listener *listener = &n->listeners[event->token];
    uint32_t link = take_link(n);
    if (link == NOBODY) {
        slc_loop_close(n->loop, event->conn, true);
        slc_loop_set_token(n->loop, event->conn, NOBODY);
        return;
    }
    struct link *l = &n->links[link];
    l->conn = event->conn;
    l->worker = listener->worker;
    l->protocol = listener->protocol;
    l->token = listener->token;
    l->give_up = now + 3 * SLC_SECOND / 2; /* chapter 3, section 13.1 */
    slc_loop_set_token(n->loop, event->conn, link);
    if (!link_begin(n, link, listener->has_noise ? &listener->noise : NULL)) {
        l->closing = true;
        slc_loop_close(n->loop, event->conn, true);
        return;
    }
    link_connected(n, link, now);
}

static void sent(struct network *n, uint64_t cookie)
{
    if (cookie & REPLY_COOKIE) {
        reply_home(n, cookie & ~REPLY_COOKIE);
        return;
    }
    if (cookie & NODE_COOKIE) {
        slc_pool_give(&n->node_out, n->node_out.memory + (cookie & ~NODE_COOKIE) * n->node_out.slot_bytes);
        return;
    }
    count_waiting(n, &n->frames[cookie], false);
    send_home(n, &n->frames[cookie]);
    give_frame(n, (uint32_t)cookie);
}

static const char *words(const struct slc_loop_event *event)
{
    if (event->reason != NULL) return event->reason;
    if (event->status == SLC_REFUSED) return "connection refused: nobody listens there";
    return event->system_error != 0 ? strerrordesc_np(event->system_error) : NULL;
}

static void handle(struct network *n, const struct slc_loop_event *event, slc_time now)
{
    if (event->kind == SLC_LOOP_SENT) {
        sent(n, event->cookie);
        return;
    }
    if (event->kind == SLC_LOOP_ACCEPTED) {
        accepted(n, event, now);
        return;
    }
    if (event->token >= n->link_count || n->links[event->token].conn != event->conn) return;
    uint32_t link = (uint32_t)event->token;
    struct link *l = &n->links[link];
    switch (event->kind) {
    case SLC_LOOP_CONNECTED:
        link_connected(n, link, now);
        break;
    case SLC_LOOP_DATA:
        count(&n->thread.numbers.bytes_in, event->len);
        if (!l->closing) link_data(n, link, event->data, event->len, now);
        break;
    case SLC_LOOP_CLOSED:
        network_fail(n, link, event->status, words(event));
        give_link(n, link);
        break;
    default:
        break;
    }
}

/* Connections whose upgrade or handshake does not come to an end. */
static void sweep(struct network *n, slc_time now)
{
    if (now < n->next_sweep) return;
    n->next_sweep = now + SLC_SECOND / 4;
    for (uint32_t i = 0; i < n->link_count; i++) {
        struct link *l = &n->links[i];
        if (l->conn == 0 || l->open || l->closing || now < l->give_up) continue;
        network_fail(n, i, SLC_TIMEOUT, "no answer to our greeting in time");
        slc_loop_close(n->loop, l->conn, true);
    }
}

void *network_main(void *argument)
{
    struct network *n = argument;
    struct thread_numbers *numbers = &n->thread.numbers;
    struct slc_loop_event events[BATCH];
    thread_begin(&n->thread);
    n->calendar_tick = slc_now() / PAGE;
    while (!atomic_load_explicit(&n->runtime->stopping_network, memory_order_acquire)) {
        slc_time begin = slc_now();
        take_released(n);
        bool more = take_tx(n, begin);
        calendar_release(n, begin);
        sweep(n, begin);
        wake_workers(n);
        slc_time next = calendar_next(n);
        if (n->next_sweep < next) next = n->next_sweep;
        slc_time before = slc_now();
        slc_time timeout = more || n->reset_count > 0 || next <= before ? 0 : next - before;
        size_t got = slc_loop_wait(n->loop, timeout, events, BATCH);
        slc_time after = slc_now();
        for (size_t i = 0; i < got; i++) {
            handle(n, &events[i], after);
        }
        reset_links(n);
        wake_workers(n);
        count(&numbers->turns, 1);
        /* What slc_loop_wait() spends on system calls cannot be told from sleeping, unless it did not sleep. */
        count(&numbers->busy, (before - begin) + (slc_now() - after) + (timeout == 0 ? after - before : 0));
        if (timeout != 0) count(&numbers->starved, after - before);
        atomic_store_explicit(&numbers->system_calls, slc_loop_system_calls(n->loop), memory_order_relaxed);
    }
    return NULL;
}

/* ---- beginning and end ---- */

enum slc_status network_init(struct network *n, struct slc_error *error)
{
    const struct slc_runtime_config *config = &n->runtime->config;
    enum slc_status status = slc_loop_new(&n->loop, config->backend, config->max_connections, error);
    if (status != SLC_OK) return status;
    size_t per_worker = config->small_slots + config->large_slots + 2; /* slots_init() makes at least one of each */
    n->link_count = config->max_connections + 64;
    n->frame_count = (uint32_t)(per_worker * n->runtime->workers + 1);
    n->links = calloc(n->link_count, sizeof *n->links);
    n->waiting = calloc(n->link_count, sizeof *n->waiting);
    n->resets = calloc(n->link_count, sizeof *n->resets);
    n->frames = calloc(n->frame_count, sizeof *n->frames);
    size_t state_bytes = sizeof(struct slc_ws);
    if (sizeof(struct slc_node_link) > state_bytes) state_bytes = sizeof(struct slc_node_link);
    size_t replies = 2 * config->max_connections + 64; /* a first one for each connection, and as many more */
    n->reply_owner = calloc(replies, sizeof *n->reply_owner);
    if (n->links == NULL || n->waiting == NULL || n->resets == NULL || n->frames == NULL || n->reply_owner == NULL ||
        slots_init(&n->slots, config->small_slots, config->large_slots) != SLC_OK ||
        slc_pool_init(&n->carry, SLC_SLOT_LARGE + SLC_WS_HEAD_MAX, config->max_connections) != SLC_OK ||
        slc_pool_init(&n->node_carry, SLC_NODE_LINK_CARRY_BYTES, config->max_connections) != SLC_OK ||
        slc_pool_init(&n->node_out, SLC_NODE_LINK_ONE_MAX, 1024) != SLC_OK ||
        slc_pool_init(&n->states, state_bytes, n->link_count) != SLC_OK ||
        slc_pool_init(&n->replies, 4 * SLC_WS_REPLY_MAX, replies) != SLC_OK) {
        return slc_fail(error, SLC_NO_MEMORY, "no memory for %zu connections", config->max_connections);
    }
    for (uint32_t i = 0; i < n->link_count; i++) {
        n->links[i].next_free = i + 1 < n->link_count ? i + 1 : NOBODY;
    }
    for (uint32_t i = 0; i < n->frame_count; i++) {
        n->frames[i].next = i + 1 < n->frame_count ? i + 1 : NOBODY;
    }
    memset(n->calendar, 0xff, sizeof n->calendar);
    status = slc_random_from_system(&n->random);
    if (status != SLC_OK) return slc_fail(error, status, "the system gives no randomness");
    slc_random_bytes(&n->random, n->noise_secret, sizeof n->noise_secret);
    return SLC_OK;
}

void network_free(struct network *n)
{
    for (uint32_t i = 0; n->links != NULL && i < n->link_count; i++) {
        if (n->links[i].conn != 0) give_link(n, i);
    }
    slc_loop_free(n->loop);
    free(n->links);
    free(n->waiting);
    free(n->resets);
    free(n->reply_owner);
    free(n->frames);
    slots_free(&n->slots);
    slc_pool_free(&n->carry);
    slc_pool_free(&n->states);
    slc_pool_free(&n->replies);
    slc_pool_free(&n->node_carry);
    slc_pool_free(&n->node_out);
    slc_wipe(n->noise_secret, sizeof n->noise_secret);
    slc_random_wipe(&n->random);
}
