/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/runtime/runtime_internal.h"

#include <stdlib.h>
#include <string.h>

static unsigned network_of(slc_link link)
{
    return (unsigned)(link >> 56);
}

unsigned slc_worker_index(const struct slc_worker *w)
{
    return w->index;
}

struct slc_random *slc_worker_random(struct slc_worker *w)
{
    return &w->random;
}

uint8_t *slc_worker_slot(struct slc_worker *w, size_t bytes)
{
    uint8_t *slot = slots_take(&w->slots, SLC_SLOT_HEAD + bytes);
    if (slot == NULL) w->backpressured = true;
    return slot;
}

void slc_worker_slot_drop(struct slc_worker *w, uint8_t *slot)
{
    slots_give(&w->slots, slot);
}

static bool push_tx(struct slc_worker *w, unsigned network, const struct tx *tx)
{
    if (network >= w->runtime->networks) return false;
    if (slc_ring_push_spsc(&w->runtime->channel[w->index][network]->tx, tx, 1) == 1) {
        w->wake_networks |= UINT64_C(1) << network;
        return true;
    }
    /* The network thread may be asleep on a full ring only if nobody told it. */
    slc_loop_wake(w->runtime->network[network]->loop);
    w->backpressured = true;
    count(&w->thread.numbers.ring_full, 1);
    return false;
}

enum slc_status slc_worker_send(struct slc_worker *w, slc_link link, uint8_t *slot, const uint8_t *data, size_t len,
                                slc_time due)
{
    if (link == 0) return SLC_CLOSED;
    const struct tx tx = {.kind = TX_SEND, .link = link, .slot = slot, .data = data, .len = (uint32_t)len, .due = due};
    return push_tx(w, network_of(link), &tx) ? SLC_OK : SLC_AGAIN;
}

size_t slc_worker_waiting(const struct slc_worker *w, slc_link link)
{
    unsigned network = network_of(link);
    uint32_t index = (uint32_t)link;
    if (link == 0 || network >= w->runtime->networks) return 0;
    const struct network *n = w->runtime->network[network];
    if (index >= n->link_count) return 0;
    uint64_t waiting = atomic_load_explicit(&n->waiting[index], memory_order_relaxed);
    return waiting >> 32 == (link >> 32 & 0xffffff) ? (uint32_t)waiting : 0;
}

/*
 * Control of a link may not get lost, and the network thread may be waiting for us, so we cannot wait for it: what
 * finds the ring full is kept, in order, and goes before anything else next turn.
 */
static void push_control(struct slc_worker *w, unsigned network, const struct tx *tx)
{
    if (network >= w->runtime->networks) return;
    struct kept_tx *kept = &w->kept[network];
    if (kept->len == 0 && push_tx(w, network, tx)) return;
    if (kept->len == kept->cap) {
        size_t cap = kept->cap == 0 ? 64 : kept->cap * 2;
        struct tx *grown = realloc(kept->tx, cap * sizeof *grown);
        if (grown == NULL) {
            free(tx->connect);
            return;
        }
        kept->tx = grown;
        kept->cap = cap;
    }
    kept->tx[kept->len++] = *tx;
}

static void push_kept(struct slc_worker *w)
{
    for (unsigned n = 0; n < w->runtime->networks; n++) {
        struct kept_tx *kept = &w->kept[n];
        size_t done = 0;
        while (done < kept->len && push_tx(w, n, &kept->tx[done])) {
            done++;
        }
        kept->len -= done;
        if (done > 0) memmove(kept->tx, kept->tx + done, kept->len * sizeof *kept->tx);
    }
}

enum slc_status slc_worker_connect(struct slc_worker *w, const struct slc_address *address, const char *host,
                                   enum slc_protocol protocol, struct slc_tls *tls, const uint8_t *noise_peer_key,
                                   uint64_t token)
{
    struct connect_request *request = calloc(1, sizeof *request);
    if (request == NULL) return SLC_NO_MEMORY;
    request->address = *address;
    request->protocol = protocol;
    request->tls = tls;
    if (noise_peer_key != NULL) {
        request->has_noise_key = true;
        memcpy(request->noise_key, noise_peer_key, SLC_KEY_BYTES);
    }
    strncpy(request->host, host, sizeof request->host - 1);
    /* Tokens number clients or nodes, so this spreads connections evenly over the network threads. */
    unsigned network = (unsigned)((token & UINT32_MAX) % w->runtime->networks);
    push_control(w, network, &(struct tx){.kind = TX_CONNECT, .connect = request, .token = token});
    return SLC_OK;
}

void slc_worker_set_token(struct slc_worker *w, slc_link link, uint64_t token)
{
    push_control(w, network_of(link), &(struct tx){.kind = TX_TOKEN, .link = link, .token = token});
}

void slc_worker_close(struct slc_worker *w, slc_link link, bool reset)
{
    if (link == 0) return;
    push_control(w, network_of(link), &(struct tx){.kind = reset ? TX_RESET : TX_CLOSE, .link = link});
}

void slc_worker_release(struct slc_worker *w, const struct slc_received *received)
{
    if (received->data == NULL) return;
    unsigned network = network_of(received->link);
    /* The ring holds more elements than the network thread has slots, so there is always room. */
    (void)slc_ring_push_spsc(&w->runtime->channel[w->index][network]->released, &received->data, 1);
}

static void push_armed(struct slc_worker *w)
{
    size_t done = 0;
    while (done < w->armed_count) {
        done += slc_ring_push_spsc(&w->arm, w->armed + done, w->armed_count - done);
        if (done < w->armed_count) {
            count(&w->thread.numbers.ring_full, 1);
            slc_parker_wake(&w->runtime->timer.parker);
            if (atomic_load_explicit(&w->runtime->stopping_network, memory_order_relaxed)) break;
            (void)sched_yield();
        }
    }
    w->armed_count = 0;
}

void slc_worker_arm(struct slc_worker *w, slc_time deadline, uint64_t token)
{
    if (w->armed_count == BATCH) push_armed(w);
    w->armed[w->armed_count++] = (struct slc_timer_entry){.deadline = deadline, .token = token, .owner = w->index};
    if (deadline < w->armed_earliest) w->armed_earliest = deadline;
}

enum slc_status slc_worker_pass(struct slc_worker *w, unsigned to, const struct slc_note *note)
{
    if (to >= w->runtime->workers || to == w->index) return SLC_BAD_ARGUMENT;
    if (slc_ring_push_spsc(&w->runtime->worker[to]->pass[w->index], note, 1) == 1) {
        w->wake_workers |= UINT64_C(1) << to;
        return SLC_OK;
    }
    count(&w->thread.numbers.ring_full, 1);
    w->backpressured = true;
    return SLC_AGAIN;
}

enum slc_status slc_worker_event(struct slc_worker *w, const struct slc_note *event)
{
    if (slc_ring_push_spsc(&w->event, event, 1) == 1) {
        w->wake_control = true;
        return SLC_OK;
    }
    count(&w->thread.numbers.ring_full, 1);
    w->wake_control = true;
    return SLC_AGAIN;
}

/* ---- the loop ---- */

static void take_home_sent(struct slc_worker *w)
{
    uint8_t *slots[BATCH];
    for (unsigned n = 0; n < w->runtime->networks; n++) {
        struct slc_ring *ring = &w->runtime->channel[w->index][n]->sent;
        for (size_t got; (got = slc_ring_pop_spsc(ring, slots, BATCH)) > 0;) {
            for (size_t i = 0; i < got; i++) {
                slots_give(&w->slots, slots[i]);
            }
        }
    }
}

/* Each input is taken once a turn, at most a batch, so that none of them starves the others. */
static bool take_inputs(struct slc_worker *w, slc_time now)
{
    bool any = false;
    const struct slc_role *role = &w->role;
    struct slc_received received[BATCH];
    for (unsigned n = 0; n < w->runtime->networks; n++) {
        size_t got = slc_ring_pop_spsc(&w->runtime->channel[w->index][n]->rx, received, BATCH);
        if (got > 0 && role->received != NULL) role->received(role->self, received, got, now);
        any |= got > 0;
    }
    uint64_t tokens[BATCH];
    size_t due = slc_ring_pop_spsc(&w->due, tokens, BATCH);
    if (due > 0 && role->due != NULL) role->due(role->self, tokens, due, now);
    any |= due > 0;
    struct slc_note notes[64];
    for (unsigned from = 0; from < w->runtime->workers; from++) {
        if (from == w->index) continue;
        size_t got = slc_ring_pop_spsc(&w->pass[from], notes, 64);
        if (got > 0 && role->passed != NULL) role->passed(role->self, notes, got, now);
        any |= got > 0;
    }
    size_t commands = slc_ring_pop_spsc(&w->command, notes, 64);
    if (commands > 0 && role->command != NULL) role->command(role->self, notes, commands, now);
    return any || commands > 0;
}

static bool inputs_waiting(struct slc_worker *w)
{
    for (unsigned n = 0; n < w->runtime->networks; n++) {
        if (slc_ring_waiting_spsc(&w->runtime->channel[w->index][n]->rx) > 0) return true;
        if (w->backpressured && slc_ring_waiting_spsc(&w->runtime->channel[w->index][n]->sent) > 0) return true;
    }
    for (unsigned from = 0; from < w->runtime->workers; from++) {
        if (from != w->index && slc_ring_waiting_spsc(&w->pass[from]) > 0) return true;
    }
    return slc_ring_waiting_spsc(&w->due) > 0 || slc_ring_waiting_spsc(&w->command) > 0;
}

static void wake_others(struct slc_worker *w)
{
    struct slc_runtime *r = w->runtime;
    if (w->armed_count > 0) push_armed(w);
    /* An atomic update, not a load: it may not be seen before what was pushed (the timer thread does the reverse). */
    if (w->armed_earliest != SLC_NEVER && w->armed_earliest < atomic_fetch_or(&r->timer.next_wake, 0)) {
        slc_parker_wake(&r->timer.parker);
    }
    w->armed_earliest = SLC_NEVER;
    for (unsigned n = 0; w->wake_networks != 0; n++, w->wake_networks >>= 1) {
        if (w->wake_networks & 1) slc_loop_wake(r->network[n]->loop);
    }
    for (unsigned i = 0; w->wake_workers != 0; i++, w->wake_workers >>= 1) {
        if (w->wake_workers & 1) slc_parker_wake(&r->worker[i]->parker);
    }
    if (w->wake_control) runtime_wake_control(r);
    w->wake_control = false;
}

void *worker_main(void *argument)
{
    struct slc_worker *w = argument;
    struct thread_numbers *numbers = &w->thread.numbers;
    thread_begin(&w->thread);
    slc_time now = slc_now();
    if (w->role.start != NULL) w->role.start(w->role.self, w, now);
    for (;;) {
        /* Before the look at `stopping`, as before every look: the wake that tells of it may come in between. */
        uint32_t ticket = slc_parker_ticket(&w->parker);
        if (runtime_stopping(w->runtime)) break;
        slc_time begin = slc_now();
        w->backpressured = false;
        take_home_sent(w);
        push_kept(w);
        slc_time taken = slc_now();
        bool any = take_inputs(w, taken);
        slc_time next = w->role.run != NULL ? w->role.run(w->role.self, taken) : SLC_NEVER;
        slc_time ran = slc_now();
        wake_others(w);
        now = slc_now();
        count(&numbers->turns, 1);
        count(&numbers->housekeeping, (taken - begin) + (now - ran));
        count(&numbers->busy, ran - taken);
        if (any || next <= now || inputs_waiting(w)) continue;
        /* Slots that come home do not wake us; when we need one, look again soon. */
        bool pressed = w->backpressured;
        slc_time until = pressed && next > now + SLC_MILLISECOND / 4 ? now + SLC_MILLISECOND / 4 : next;
        slc_parker_park(&w->parker, ticket, until);
        count(pressed ? &numbers->backpressured : &numbers->starved, slc_now() - now);
    }
    /* What commands carry changes hands when they are taken, so none is left behind. */
    struct slc_note notes[64];
    for (size_t n; (n = slc_ring_pop_spsc(&w->command, notes, 64)) > 0;) {
        if (w->role.command != NULL) w->role.command(w->role.self, notes, n, slc_now());
    }
    if (w->role.stop != NULL) w->role.stop(w->role.self, slc_now());
    wake_others(w);
    return NULL;
}
