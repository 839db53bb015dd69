/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/io/loop_internal.h"

slc_time loop_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (slc_time)now.tv_sec * SLC_SECOND + (slc_time)now.tv_nsec;
}

/* ---- the table ---- */

enum slc_status loop_table_new(struct slc_loop *loop, size_t max_connections)
{
    loop->max_connections = max_connections;
    loop->conn_slots = max_connections + LOOP_SURPLUS + LOOP_LISTENERS_MAX;
    loop->conns = calloc(loop->conn_slots, sizeof *loop->conns);
    loop->heap = calloc(loop->conn_slots, sizeof *loop->heap);
    if (loop->conns == NULL || loop->heap == NULL) return SLC_NO_MEMORY;
    loop->free_conn = LOOP_NONE;
    loop->dirty_head = loop->dirty_tail = LOOP_NONE;
    for (size_t i = loop->conn_slots; i-- > 0;) {
        struct loop_conn *c = &loop->conns[i];
        c->fd = -1;
        c->generation = 1;
        c->heap_at = LOOP_NONE;
        c->next = loop->free_conn;
        loop->free_conn = (uint32_t)i;
    }
    return SLC_OK;
}

void loop_table_free(struct slc_loop *loop)
{
    for (size_t i = 0; loop->conns != NULL && i < loop->conn_slots; i++) {
        struct loop_conn *c = &loop->conns[i];
        if (c->fd >= 0) {
            if (c->state != CONN_LISTENING) socket_reset_on_close(c->fd);
            (void)close(c->fd);
        }
        tls_stream_free(c->tls);
        free(c->stash);
    }
    free(loop->conns);
    free(loop->heap);
}

struct loop_conn *loop_find(struct slc_loop *loop, slc_conn id)
{
    uint32_t index = (uint32_t)id;
    if (index >= loop->conn_slots) return NULL;
    struct loop_conn *c = &loop->conns[index];
    return c->state != CONN_FREE && c->generation == id >> 32 ? c : NULL;
}

struct loop_conn *loop_conn_take(struct slc_loop *loop, bool listener)
{
    size_t *count = listener ? &loop->listeners : &loop->open;
    if (*count >= (listener ? LOOP_LISTENERS_MAX : loop->max_connections + LOOP_SURPLUS)) return NULL;
    uint32_t index = loop->free_conn;
    struct loop_conn *c = &loop->conns[index];
    loop->free_conn = c->next;
    /* A slot given back while still in a list stays in it; whoever walks the list looks at the state. */
    *c = (struct loop_conn){.fd = -1,
                            .generation = c->generation,
                            .heap_at = LOOP_NONE,
                            .next = LOOP_NONE,
                            .listener = listener,
                            .want_read = true,
                            .dirty = c->dirty,
                            .next_dirty = c->next_dirty,
                            .attended = c->attended,
                            .next_attended = c->next_attended};
    if (listener) loop->listener[*count] = index;
    (*count)++;
    return c;
}

void loop_conn_give(struct slc_loop *loop, struct loop_conn *c)
{
    uint32_t index = loop_index(loop, c);
    loop_deadline(loop, c, SLC_NEVER);
    if (c->listener) {
        for (size_t i = 0; i < loop->listeners; i++) {
            if (loop->listener[i] == index) loop->listener[i] = loop->listener[loop->listeners - 1];
        }
        loop->listeners--;
    } else {
        loop->open--;
    }
    c->state = CONN_FREE;
    if (++c->generation == 0) c->generation = 1;
    c->next = loop->free_conn;
    loop->free_conn = index;
    loop_accept_again(loop);
}

/* ---- deadlines: a binary heap of indices ---- */

static void heap_set(struct slc_loop *loop, size_t at, uint32_t index)
{
    loop->heap[at] = index;
    loop->conns[index].heap_at = (uint32_t)at;
}

static slc_time heap_key(const struct slc_loop *loop, size_t at)
{
    return loop->conns[loop->heap[at]].deadline;
}

static void heap_settle(struct slc_loop *loop, size_t at)
{
    uint32_t index = loop->heap[at];
    slc_time key = loop->conns[index].deadline;
    while (at > 0 && heap_key(loop, (at - 1) / 2) > key) {
        heap_set(loop, at, loop->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (size_t child; (child = 2 * at + 1) < loop->heap_len; at = child) {
        if (child + 1 < loop->heap_len && heap_key(loop, child + 1) < heap_key(loop, child)) child++;
        if (heap_key(loop, child) >= key) break;
        heap_set(loop, at, loop->heap[child]);
    }
    heap_set(loop, at, index);
}

void loop_deadline(struct slc_loop *loop, struct loop_conn *c, slc_time deadline)
{
    c->deadline = deadline;
    if (deadline != SLC_NEVER) {
        if (c->heap_at == LOOP_NONE) heap_set(loop, loop->heap_len++, loop_index(loop, c));
        heap_settle(loop, c->heap_at);
    } else if (c->heap_at != LOOP_NONE) {
        size_t at = c->heap_at;
        c->heap_at = LOOP_NONE;
        uint32_t last = loop->heap[--loop->heap_len];
        if (at < loop->heap_len) {
            heap_set(loop, at, last);
            heap_settle(loop, at);
        }
    }
}

static void expire(struct slc_loop *loop, struct loop_conn *c)
{
    switch (c->state) {
    case CONN_LISTENING:
        loop_accept_again(loop);
        break;
    case CONN_CONNECTING:
    case CONN_HANDSHAKING:
        loop_fail(loop, c, SLC_TIMEOUT, 0, NULL);
        break;
    case CONN_DRAINING:
        socket_reset_on_close(c->fd);
        loop_fail(loop, c, SLC_TIMEOUT, 0, "the peer did not take what was queued");
        break;
    case CONN_LINGERING:
        loop_fail(loop, c, SLC_CLOSED, 0, NULL);
        break;
    default:
        break;
    }
}

void loop_expire(struct slc_loop *loop, slc_time now)
{
    while (loop->heap_len > 0 && heap_key(loop, 0) <= now) {
        struct loop_conn *c = &loop->conns[loop->heap[0]];
        loop_deadline(loop, c, SLC_NEVER);
        expire(loop, c);
    }
}

/* ---- sending ---- */

void loop_dirty(struct slc_loop *loop, struct loop_conn *c)
{
    if (c->dirty) return;
    c->dirty = true;
    c->next_dirty = LOOP_NONE;
    uint32_t index = loop_index(loop, c);
    if (loop->dirty_tail == LOOP_NONE) {
        loop->dirty_head = index;
    } else {
        loop->conns[loop->dirty_tail].next_dirty = index;
    }
    loop->dirty_tail = index;
}

size_t loop_gather(struct slc_loop *loop, struct loop_conn *c, struct iovec *iov)
{
    if (c->tls != NULL) {
        loop_encrypt(loop, c);
        uint8_t *data;
        iov[0].iov_len = tls_output(c->tls, &data);
        iov[0].iov_base = data;
        return iov[0].iov_len > 0;
    }
    size_t n = 0;
    for (struct loop_item *item = c->queue.head; item != NULL && n < LOOP_GATHER; item = item->next) {
        iov[n].iov_base = item->data + item->done;
        iov[n].iov_len = item->len - item->done;
        n++;
    }
    return n;
}

static bool has_output(struct loop_conn *c)
{
    uint8_t *data;
    return c->queue.head != NULL || (c->tls != NULL && tls_output(c->tls, &data) > 0);
}

/* The last byte is out: our end follows it, and the peer's is awaited unless it came first. */
static void drained(struct slc_loop *loop, struct loop_conn *c)
{
    if (c->read_ended) {
        loop_fail(loop, c, c->result, c->system_error, c->reason);
        return;
    }
    if (shutdown(c->fd, SHUT_WR) != 0) {
        loop_fail(loop, c, SLC_IO, errno, NULL);
        return;
    }
    c->state = CONN_LINGERING;
}

static void check_drained(struct slc_loop *loop, struct loop_conn *c)
{
    if (c->state != CONN_DRAINING || c->sending) return;
    if (c->tls != NULL) loop_encrypt(loop, c);
    if (!has_output(c)) drained(loop, c);
}

void loop_flush(struct slc_loop *loop)
{
    /* What becomes dirty meanwhile is for the next turn. */
    uint32_t index = loop->dirty_head;
    loop->dirty_head = loop->dirty_tail = LOOP_NONE;
    while (index != LOOP_NONE) {
        struct loop_conn *c = &loop->conns[index];
        index = c->next_dirty;
        c->dirty = false;
        if (c->state != CONN_HANDSHAKING && c->state != CONN_OPEN && c->state != CONN_DRAINING) continue;
        if (!c->sending) loop->backend->send(loop, c);
        check_drained(loop, c);
    }
}

static void consume(struct slc_loop *loop, struct loop_conn *c, size_t len)
{
    c->queued -= len;
    while (len > 0) {
        struct loop_item *item = c->queue.head;
        size_t part = item->len - item->done;
        if (part > len) {
            item->done += len;
            return;
        }
        len -= part;
        item->kind = ITEM_SENT;
        loop_push(&loop->events, loop_pop(&c->queue));
    }
}

void loop_sent(struct slc_loop *loop, struct loop_conn *c, size_t len)
{
    if (c->tls == NULL) {
        consume(loop, c, len);
    } else {
        tls_output_sent(c->tls, len);
        if (c->choked) {
            c->choked = false;
            loop_resume(loop, c);
        }
    }
    if (c->state == CONN_DRAINING || has_output(c)) loop_dirty(loop, c);
}

/* ---- the end ---- */

static void settle_result(struct loop_conn *c, enum slc_status result, int system_error, const char *reason)
{
    /* The first trouble is the cause; what comes of it is not. */
    if (c->result != SLC_OK && c->result != SLC_CLOSED) return;
    c->result = result;
    c->system_error = result == SLC_IO ? system_error : 0;
    c->reason = reason;
}

void loop_drain(struct slc_loop *loop, struct loop_conn *c, enum slc_status result, int system_error,
                const char *reason)
{
    settle_result(c, result, system_error, reason);
    if (c->state != CONN_OPEN && c->state != CONN_HANDSHAKING) return;
    c->state = CONN_DRAINING;
    loop_deadline(loop, c, loop_now() + LOOP_CLOSE_TIME);
    /* Read on, to find the peer's end. */
    if (!c->read_ended) loop->backend->read(loop, c, true);
    loop_dirty(loop, c);
}

void loop_send_failed(struct slc_loop *loop, struct loop_conn *c, int system_error)
{
    bool hung_up = system_error == EPIPE || system_error == ECONNRESET;
    if (!hung_up || c->state != CONN_OPEN || c->read_ended || !c->want_read) {
        loop_fail(loop, c, SLC_IO, system_error, NULL);
        return;
    }
    /* What the peer sent before it went is still to be read; somebody may count on it. */
    settle_result(c, SLC_IO, system_error, NULL);
    c->state = CONN_LINGERING;
    loop_deadline(loop, c, loop_now() + LOOP_CLOSE_TIME);
    loop->backend->read(loop, c, true);
}

void loop_fail(struct slc_loop *loop, struct loop_conn *c, enum slc_status result, int system_error, const char *reason)
{
    if (c->state >= CONN_CLOSING) return;
    settle_result(c, result, system_error, reason);
    if (c->state == CONN_HANDSHAKING) c->discard = true;
    c->state = CONN_CLOSING;
    c->read_ended = true;
    loop_deadline(loop, c, SLC_NEVER);
    loop->backend->close(loop, c);
}

void loop_gone(struct slc_loop *loop, struct loop_conn *c)
{
    (void)close(c->fd);
    c->fd = -1;
    if (c->listener) {
        loop_conn_give(loop, c);
        return;
    }
    c->state = CONN_CLOSED;
    c->queued = 0;
    for (struct loop_item *item; (item = loop_pop(&c->queue)) != NULL;) {
        item->kind = ITEM_SENT;
        loop_push(&loop->events, item);
    }
    (void)loop_event(loop, c, ITEM_CLOSED);
}

/* ---- accepting, connecting, receiving ---- */

static void pause_accept(struct slc_loop *loop, struct loop_conn *listener)
{
    loop->accept_pauses++;
    listener->paused = true;
    loop->backend->accept(loop, listener, false);
}

void loop_accept_again(struct slc_loop *loop)
{
    for (size_t i = 0; i < loop->listeners && loop->open < loop->max_connections; i++) {
        struct loop_conn *listener = &loop->conns[loop->listener[i]];
        if (listener->state != CONN_LISTENING || !listener->paused) continue;
        listener->paused = false;
        loop_deadline(loop, listener, SLC_NEVER);
        loop->backend->accept(loop, listener, true);
    }
}

bool loop_has_room(struct slc_loop *loop, struct loop_conn *listener)
{
    if (loop->open < loop->max_connections) return true;
    if (!listener->paused) pause_accept(loop, listener);
    return false;
}

static void refuse(int fd)
{
    socket_reset_on_close(fd);
    (void)close(fd);
}

void loop_accepted(struct slc_loop *loop, struct loop_conn *listener, int fd, const union socket_address *peer)
{
    (void)loop_has_room(loop, listener);
    struct loop_conn *c = loop_conn_take(loop, false);
    if (c == NULL) {
        refuse(fd);
        return;
    }
    c->fd = fd;
    c->peer = *peer;
    c->token = listener->token;
    c->accepted = true;
    if (listener->tls_config != NULL) {
        c->tls = tls_stream_new(listener->tls_config, NULL);
        if (c->tls == NULL) {
            refuse(fd);
            c->fd = -1;
            loop_conn_give(loop, c);
            return;
        }
        c->state = CONN_HANDSHAKING;
        loop_deadline(loop, c, loop_now() + LOOP_HANDSHAKE_TIME);
    } else {
        c->state = CONN_OPEN;
        c->announced = true;
        (void)loop_event(loop, c, ITEM_ACCEPTED);
    }
    loop->backend->read(loop, c, true);
}

void loop_accept_failed(struct slc_loop *loop, struct loop_conn *listener, int system_error)
{
    switch (system_error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        /* Asking again at once would spin: the connection stays in the backlog and the socket stays readable. */
        if (listener->paused) break;
        pause_accept(loop, listener);
        loop_deadline(loop, listener, loop_now() + LOOP_ACCEPT_PAUSE);
        break;
    default:
        /* That connection was given up by its peer (ECONNABORTED and the like); the next one may be fine. */
        break;
    }
}

void loop_connected(struct slc_loop *loop, struct loop_conn *c, int system_error)
{
    if (c->state != CONN_CONNECTING) return;
    if (system_error != 0) {
        loop_fail(loop, c, socket_status(system_error), system_error, NULL);
        return;
    }
    loop->backend->read(loop, c, c->want_read || c->tls != NULL);
    if (c->state != CONN_CONNECTING) return;
    if (c->tls == NULL) {
        loop_deadline(loop, c, SLC_NEVER);
        c->state = CONN_OPEN;
        (void)loop_event(loop, c, ITEM_CONNECTED);
    } else {
        /* The first flight; the deadline of connect() goes on. */
        c->state = CONN_HANDSHAKING;
        (void)tls_handshake(c->tls);
    }
    loop_dirty(loop, c);
}

void loop_received(struct slc_loop *loop, struct loop_conn *c, uint8_t *data, size_t len, uint64_t buffer)
{
    loop->data_items++;
    struct loop_item *item = loop_event(loop, c, ITEM_DATA);
    item->data = data;
    item->len = len;
    item->done = 0;
    item->cookie = buffer;
}

void loop_received_end(struct slc_loop *loop, struct loop_conn *c, int system_error)
{
    if (c->read_ended) return;
    c->read_ended = true;
    loop->backend->read(loop, c, false);
    loop_event(loop, c, ITEM_END)->system_error = system_error;
}
