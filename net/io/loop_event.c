/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "net/io/loop_internal.h"

/* ---- lists of items ---- */

void loop_push(struct loop_list *list, struct loop_item *item)
{
    item->next = NULL;
    if (list->tail == NULL) {
        list->head = item;
    } else {
        list->tail->next = item;
    }
    list->tail = item;
    list->count++;
}

static void push_front(struct loop_list *list, struct loop_item *item)
{
    item->next = list->head;
    list->head = item;
    if (list->tail == NULL) list->tail = item;
    list->count++;
}

struct loop_item *loop_pop(struct loop_list *list)
{
    struct loop_item *item = list->head;
    if (item == NULL) return NULL;
    list->head = item->next;
    if (list->head == NULL) list->tail = NULL;
    list->count--;
    return item;
}

static struct loop_item *item_new(struct slc_loop *loop, struct loop_conn *c, enum loop_item_kind kind)
{
    struct loop_item *item = slc_pool_take(&loop->items);
    item->kind = kind;
    item->conn = loop_index(loop, c);
    return item;
}

struct loop_item *loop_event(struct slc_loop *loop, struct loop_conn *c, enum loop_item_kind kind)
{
    struct loop_item *item = item_new(loop, c, kind);
    loop_push(&loop->events, item);
    return item;
}

/* ---- received buffers ---- */

static void release(struct slc_loop *loop, struct loop_item *item)
{
    if (item->cookie == LOOP_STASH) {
        free(item->data);
    } else {
        loop->data_items--;
        loop->backend->release(loop, item->cookie);
    }
    slc_pool_give(&loop->items, item);
}

void loop_reclaim(struct slc_loop *loop)
{
    for (struct loop_item *item; (item = loop_pop(&loop->lent)) != NULL;) {
        release(loop, item);
    }
    loop->plain_used = 0;
}

static bool held_back(const struct loop_conn *c)
{
    return c->choked || (!c->want_read && c->state == CONN_OPEN);
}

/*
 * Bytes that were read before reading was turned off. They are copied, since one connection that is held back must not
 * keep buffers from all others; the kernel stops delivering at the next turn, so it is little, and rare.
 */
static void stash(struct slc_loop *loop, struct loop_conn *c, const uint8_t *data, size_t len)
{
    c->kept = true;
    if (len == 0) return;
    uint8_t *grown = realloc(c->stash, c->stash_len + len);
    if (grown == NULL) {
        loop_fail(loop, c, SLC_IO, ENOMEM, NULL);
        return;
    }
    memcpy(grown + c->stash_len, data, len);
    c->stash = grown;
    c->stash_len += len;
}

void loop_resume(struct slc_loop *loop, struct loop_conn *c)
{
    if (c->state >= CONN_CLOSING || held_back(c)) return;
    if (c->end_held) {
        c->end_held = false;
        struct loop_item *end = item_new(loop, c, ITEM_END);
        end->system_error = 0;
        push_front(&loop->events, end);
    }
    /* With TLS, plaintext may be ready even where no ciphertext is. */
    if (c->kept) {
        c->kept = false;
        struct loop_item *item = item_new(loop, c, ITEM_DATA);
        item->data = c->stash;
        item->len = c->stash_len;
        item->done = 0;
        item->cookie = LOOP_STASH;
        c->stash = NULL;
        c->stash_len = 0;
        push_front(&loop->events, item);
    }
    if (!c->read_ended) loop->backend->read(loop, c, true);
}

/* ---- delivery ---- */

/* What one slc_loop_wait() fills. */
struct taker {
    struct slc_loop_event *events;
    size_t cap;
    size_t n;
};

static struct slc_loop_event *give(struct slc_loop *loop, struct taker *t, const struct loop_conn *c,
                                   enum slc_loop_event_kind kind)
{
    struct slc_loop_event *event = &t->events[t->n++];
    *event = (struct slc_loop_event){.kind = kind, .conn = loop_id(loop, c), .token = c->token};
    return event;
}

static void announce(struct slc_loop *loop, struct taker *t, struct loop_conn *c)
{
    c->announced = true;
    struct slc_loop_event *event = give(loop, t, c, c->accepted ? SLC_LOOP_ACCEPTED : SLC_LOOP_CONNECTED);
    socket_address_to(&c->peer, &event->peer);
}

/* In the order of the stream: all that was received before has been delivered. */
static void peer_ended(struct slc_loop *loop, struct loop_conn *c, int system_error)
{
    if (system_error != 0) {
        loop_fail(loop, c, socket_status(system_error), system_error, NULL);
    } else if (c->state == CONN_HANDSHAKING) {
        loop_fail(loop, c, SLC_IO, ECONNRESET, "the peer ended the TLS handshake");
    } else if (c->state == CONN_LINGERING) {
        loop_fail(loop, c, SLC_CLOSED, 0, NULL);
    } else if (c->state == CONN_OPEN && !c->want_read) {
        c->end_held = true;
    } else if (c->state == CONN_OPEN && c->tls != NULL) {
        loop_drain(loop, c, SLC_IO, ECONNRESET, "TLS ended without close_notify: something may be missing");
    } else if (c->state == CONN_OPEN) {
        loop_drain(loop, c, SLC_CLOSED, 0, NULL);
    } else if (c->state == CONN_DRAINING) {
        loop_dirty(loop, c);
    }
}

static void tls_failed(struct slc_loop *loop, struct loop_conn *c)
{
    /* Draining sends the alert that tells the peer why. */
    c->discard = true;
    c->broken = true;
    bool early = c->state == CONN_HANDSHAKING;
    enum slc_status status = tls_untrusted(c->tls) ? SLC_UNTRUSTED : SLC_REFUSED;
    loop_drain(loop, c, early ? status : SLC_IO, early ? 0 : EPROTO, tls_reason(c->tls));
}

static enum tls_result shake_hands(struct slc_loop *loop, struct taker *t, struct loop_conn *c)
{
    enum tls_result result = tls_handshake(c->tls);
    loop_dirty(loop, c);
    if (result != TLS_DONE) return result;
    c->state = CONN_OPEN;
    loop_deadline(loop, c, SLC_NEVER);
    if (!c->want_read) loop->backend->read(loop, c, false);
    announce(loop, t, c);
    return TLS_DONE;
}

/* Reads what can be read into one event. TLS_DONE: there may be more, but no room for it in this wait. */
static enum tls_result decrypt(struct slc_loop *loop, struct taker *t, struct loop_conn *c)
{
    if (t->n == t->cap) return TLS_DONE;
    uint8_t *plain = loop->plain + loop->plain_used;
    size_t total = 0;
    enum tls_result result = TLS_DONE;
    while (result == TLS_DONE && loop->plain_used < LOOP_PLAIN_ARENA) {
        size_t len;
        result = tls_read(c->tls, loop->plain + loop->plain_used, LOOP_PLAIN_ARENA - loop->plain_used, &len);
        loop->plain_used += len;
        total += len;
    }
    if (total > 0) {
        struct slc_loop_event *event = give(loop, t, c, SLC_LOOP_DATA);
        event->data = plain;
        event->len = total;
    }
    /* Reading may have written: a key update is answered. */
    loop_dirty(loop, c);
    return result;
}

/* False: the item stays first, for the next wait. */
static bool deliver_tls(struct slc_loop *loop, struct taker *t, struct loop_conn *c, struct loop_item *item)
{
    for (;;) {
        size_t fed = tls_feed(c->tls, item->data + item->done, item->len - item->done);
        item->done += fed;
        enum tls_result result = c->state == CONN_HANDSHAKING ? shake_hands(loop, t, c)
                                 : held_back(c)               ? TLS_FULL
                                                              : decrypt(loop, t, c);
        switch (result) {
        case TLS_DONE:
            if (t->n == t->cap || loop->plain_used == LOOP_PLAIN_ARENA) return false;
            break;
        case TLS_MORE:
            if (item->done == item->len) return true;
            break;
        case TLS_FULL:
            /* Held back by the caller, or by its own output: the item must not stand in the way of others. */
            if (!held_back(c)) c->choked = true;
            loop->backend->read(loop, c, false);
            stash(loop, c, item->data + item->done, item->len - item->done);
            return true;
        case TLS_CLOSED:
            c->discard = true;
            loop_drain(loop, c, SLC_CLOSED, 0, NULL);
            return true;
        case TLS_FAILED:
            tls_failed(loop, c);
            return true;
        }
    }
}

static bool deliver_data(struct slc_loop *loop, struct taker *t, struct loop_conn *c, struct loop_item *item)
{
    if (c->discard) {
        /* Nobody wants it. */
    } else if (held_back(c)) {
        stash(loop, c, item->data + item->done, item->len - item->done);
    } else if (c->tls != NULL) {
        if (!deliver_tls(loop, t, c, item)) return false;
    } else {
        struct slc_loop_event *event = give(loop, t, c, SLC_LOOP_DATA);
        event->data = item->data;
        event->len = item->len;
        loop_push(&loop->lent, loop_pop(&loop->events));
        return true;
    }
    release(loop, loop_pop(&loop->events));
    return true;
}

static void deliver_closed(struct slc_loop *loop, struct taker *t, struct loop_conn *c)
{
    if (c->announced) {
        struct slc_loop_event *event = give(loop, t, c, SLC_LOOP_CLOSED);
        event->status = c->result;
        event->system_error = c->system_error;
        event->reason = c->reason;
    }
    tls_stream_free(c->tls);
    c->tls = NULL;
    free(c->stash);
    c->stash = NULL;
    loop_conn_give(loop, c);
}

size_t loop_deliver(struct slc_loop *loop, struct slc_loop_event *events, size_t cap)
{
    struct taker t = {events, cap, 0};
    while (t.n < t.cap && loop->events.head != NULL) {
        struct loop_item *item = loop->events.head;
        struct loop_conn *c = &loop->conns[item->conn];
        if (item->kind == ITEM_DATA) {
            if (!deliver_data(loop, &t, c, item)) break;
            continue;
        }
        (void)loop_pop(&loop->events);
        switch (item->kind) {
        case ITEM_SENT:
            give(loop, &t, c, SLC_LOOP_SENT)->cookie = item->cookie;
            break;
        case ITEM_ACCEPTED:
        case ITEM_CONNECTED:
            announce(loop, &t, c);
            break;
        case ITEM_CLOSED:
            deliver_closed(loop, &t, c);
            break;
        case ITEM_END:
            peer_ended(loop, c, item->system_error);
            break;
        case ITEM_DATA:
            break;
        }
        slc_pool_give(&loop->items, item);
    }
    return t.n;
}

void loop_encrypt(struct slc_loop *loop, struct loop_conn *c)
{
    if (c->state != CONN_OPEN && c->state != CONN_DRAINING) return;
    while (c->queue.head != NULL && !c->broken) {
        struct loop_item *item = c->queue.head;
        size_t taken;
        enum tls_result result = tls_write(c->tls, item->data + item->done, item->len - item->done, &taken);
        if (result == TLS_FAILED) {
            tls_failed(loop, c);
            break;
        }
        if (result != TLS_DONE) return;
        item->done += taken;
        c->queued -= taken;
        if (item->done < item->len) continue;
        item->kind = ITEM_SENT;
        loop_push(&loop->events, loop_pop(&c->queue));
    }
    if (c->broken) {
        /* Never to be encrypted: only the alert goes out. */
        for (struct loop_item *item; (item = loop_pop(&c->queue)) != NULL;) {
            item->kind = ITEM_SENT;
            loop_push(&loop->events, item);
        }
        c->queued = 0;
    } else if (c->state == CONN_DRAINING && !c->shut) {
        c->shut = true;
        tls_shutdown(c->tls);
    }
}
