/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/io/loop_internal.h"

/* slc_loop_wake() makes its system call only for a loop that sleeps. */
enum { WAKE_RUNNING, WAKE_SLEEPING, WAKE_WOKEN };

_Static_assert(sizeof(struct loop_item) <= 64, "one slot of the pool");

static enum slc_status choose_backend(struct slc_loop *loop, enum slc_loop_backend backend, struct slc_error *error)
{
    if (backend == SLC_LOOP_POLL) return loop_poll_init(loop, error);
#ifdef SLUICE_URING
    struct slc_error why = {0};
    enum slc_status status = loop_uring_init(loop, &why);
    if (status == SLC_OK) return SLC_OK;
    if (backend == SLC_LOOP_URING) return slc_fail(error, status, "%s", why.text);
    status = loop_poll_init(loop, error);
    if (status == SLC_OK) (void)snprintf(loop->name, sizeof loop->name, "poll (%s)", why.text);
    return status;
#else
    if (backend == SLC_LOOP_URING) return slc_fail(error, SLC_UNSUPPORTED, "io_uring is not part of this build");
    return loop_poll_init(loop, error);
#endif
}

enum slc_status slc_loop_new(struct slc_loop **out, enum slc_loop_backend backend, size_t max_connections,
                             struct slc_error *error)
{
    *out = NULL;
    if (max_connections == 0 || max_connections > UINT32_MAX / LOOP_SEND_ITEMS) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "event loop: %zu connections", max_connections);
    }
    struct slc_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) return slc_fail(error, SLC_NO_MEMORY, "event loop: no memory");
    loop->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (loop->wake_fd < 0) {
        enum slc_status failed = slc_fail(error, SLC_IO, "event loop: eventfd: %s", strerror(errno));
        slc_loop_free(loop);
        return failed;
    }
    enum slc_status status = loop_table_new(loop, max_connections);
    loop->event_reserve = LOOP_DATA_ITEMS + LOOP_EVENTS_PER_CONN * loop->conn_slots;
    size_t items = loop->event_reserve + LOOP_ITEMS_SHARED + LOOP_ITEMS_PER_CONN * max_connections;
    if (status == SLC_OK) status = slc_pool_init(&loop->items, sizeof(struct loop_item), items);
    if (status == SLC_OK && (loop->plain = malloc(LOOP_PLAIN_ARENA)) == NULL) status = SLC_NO_MEMORY;
    if (status != SLC_OK) {
        (void)slc_fail(error, status, "event loop: no memory for %zu connections", max_connections);
    } else {
        status = choose_backend(loop, backend, error);
    }
    if (status != SLC_OK) {
        slc_loop_free(loop);
        return status;
    }
    *out = loop;
    return SLC_OK;
}

void slc_loop_free(struct slc_loop *loop)
{
    if (loop == NULL) return;
    if (loop->backend != NULL) {
        loop_reclaim(loop);
        for (struct loop_item *item; (item = loop_pop(&loop->events)) != NULL;) {
            if (item->kind == ITEM_DATA && item->cookie == LOOP_STASH) free(item->data);
        }
        /* Nothing may touch the memory of a connection, or the caller's buffers, after this. */
        loop->backend->free(loop);
    }
    loop_table_free(loop);
    slc_pool_free(&loop->items);
    free(loop->plain);
    if (loop->wake_fd >= 0) (void)close(loop->wake_fd);
    free(loop);
}

const char *slc_loop_name(const struct slc_loop *loop)
{
    return loop->name;
}

static enum slc_status listen_failed(const struct slc_address *address, int system_error, struct slc_error *error)
{
    char text[SLC_ADDRESS_TEXT_MAX];
    slc_address_to_text(address, text);
    switch (system_error) {
    case EADDRINUSE:
        return slc_fail(error, SLC_IO, "%s: address in use", text);
    case EACCES:
    case EPERM:
        return slc_fail(error, SLC_DENIED, "%s: no permission to listen there", text);
    default:
        return slc_fail(error, SLC_IO, "%s: %s", text, strerror(system_error));
    }
}

/* A listening socket; -1 with errno. */
static int listen_on(const union socket_address *address, bool blocking)
{
    int fd = socket_new(address, blocking);
    if (fd < 0) return -1;
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &address->any, socket_address_len(address)) == 0 && listen(fd, LOOP_BACKLOG) == 0) return fd;
    int system_error = errno;
    (void)close(fd);
    errno = system_error;
    return -1;
}

enum slc_status slc_loop_listen(struct slc_loop *loop, const struct slc_address *address, struct slc_tls *tls,
                                uint64_t token, slc_conn *listener, struct slc_address *bound, struct slc_error *error)
{
    *listener = 0;
    union socket_address at;
    if (socket_address_of(address, &at) == 0) return slc_fail(error, SLC_BAD_ARGUMENT, "no address to listen on");
    if (tls != NULL && !tls_is_server(tls)) return slc_fail(error, SLC_BAD_ARGUMENT, "a listener needs a server's TLS");
    int fd = listen_on(&at, loop->backend->blocking_sockets);
    if (fd < 0) return listen_failed(address, errno, error);
    struct loop_conn *c = loop_conn_take(loop, true);
    if (c == NULL) {
        (void)close(fd);
        return slc_fail(error, SLC_FULL, "more than %d listeners", LOOP_LISTENERS_MAX);
    }
    c->fd = fd;
    c->state = CONN_LISTENING;
    c->token = token;
    c->tls_config = tls;
    if (bound != NULL) {
        socklen_t len = sizeof at;
        (void)getsockname(fd, &at.any, &len);
        socket_address_to(&at, bound);
    }
    loop->backend->accept(loop, c, true);
    *listener = loop_id(loop, c);
    return SLC_OK;
}

enum slc_status slc_loop_connect(struct slc_loop *loop, const struct slc_address *address, struct slc_tls *tls,
                                 const char *host, slc_time timeout, uint64_t token, slc_conn *conn)
{
    *conn = 0;
    union socket_address peer;
    if (socket_address_of(address, &peer) == 0) return SLC_BAD_ARGUMENT;
    if (tls != NULL && (host == NULL || tls_is_server(tls))) return SLC_BAD_ARGUMENT;
    if (loop->open >= loop->max_connections) return SLC_FULL;
    struct tls_stream *stream = NULL;
    if (tls != NULL && (stream = tls_stream_new(tls, host)) == NULL) return SLC_NO_MEMORY;
    int fd = socket_new(&peer, loop->backend->blocking_sockets);
    if (fd < 0) {
        int system_error = errno;
        tls_stream_free(stream);
        return system_error == EMFILE || system_error == ENFILE ? SLC_FULL : SLC_IO;
    }
    struct loop_conn *c = loop_conn_take(loop, false);
    c->fd = fd;
    c->peer = peer;
    c->token = token;
    c->tls = stream;
    c->announced = true;
    c->state = CONN_CONNECTING;
    slc_time now = loop_now();
    loop_deadline(loop, c, timeout < SLC_NEVER - now ? now + timeout : SLC_NEVER);
    *conn = loop_id(loop, c);
    loop->backend->connect(loop, c);
    return SLC_OK;
}

void slc_loop_set_token(struct slc_loop *loop, slc_conn conn, uint64_t token)
{
    struct loop_conn *c = loop_find(loop, conn);
    if (c != NULL) c->token = token;
}

enum slc_status slc_loop_send(struct slc_loop *loop, slc_conn conn, const uint8_t *data, size_t len, uint64_t cookie)
{
    struct loop_conn *c = loop_find(loop, conn);
    if (c == NULL || c->state < CONN_CONNECTING || c->state > CONN_OPEN) return SLC_CLOSED;
    if (len == 0) return SLC_BAD_ARGUMENT;
    if (c->queue.count >= LOOP_SEND_ITEMS) return SLC_FULL;
    if (c->queued > 0 && (len > LOOP_SEND_BOUND || c->queued > LOOP_SEND_BOUND - len)) return SLC_FULL;
    if (loop->items.count - loop->items.taken <= loop->event_reserve) return SLC_FULL;
    struct loop_item *item = slc_pool_take(&loop->items);
    item->conn = loop_index(loop, c);
    item->data = (uint8_t *)(uintptr_t)data;
    item->len = len;
    item->done = 0;
    item->cookie = cookie;
    loop_push(&c->queue, item);
    c->queued += len;
    if (!c->sending) loop_dirty(loop, c);
    return SLC_OK;
}

void slc_loop_read(struct slc_loop *loop, slc_conn conn, bool on)
{
    struct loop_conn *c = loop_find(loop, conn);
    if (c == NULL || c->listener || c->state > CONN_OPEN || c->want_read == on) return;
    c->want_read = on;
    if (c->state != CONN_OPEN) return;
    if (on) {
        loop_resume(loop, c);
    } else if (!c->read_ended) {
        loop->backend->read(loop, c, false);
    }
}

void slc_loop_close(struct slc_loop *loop, slc_conn conn, bool reset)
{
    struct loop_conn *c = loop_find(loop, conn);
    if (c == NULL || c->state >= CONN_CLOSING) return;
    c->discard = true;
    if (reset && !c->listener) socket_reset_on_close(c->fd);
    if (c->state == CONN_OPEN && !reset) {
        loop_drain(loop, c, SLC_CLOSED, 0, NULL);
    } else if (reset || c->state < CONN_OPEN) {
        loop_fail(loop, c, SLC_CLOSED, 0, NULL);
    }
}

/* The time to wait: no longer than the next deadline, not at all if there is something to deliver. */
static slc_time time_to_wait(struct slc_loop *loop, slc_time timeout)
{
    if (timeout == 0 || loop->events.head != NULL) return 0;
    if (loop->heap_len > 0) {
        slc_time deadline = loop->conns[loop->heap[0]].deadline;
        slc_time now = loop_now();
        slc_time left = deadline > now ? deadline - now : 0;
        if (left < timeout) timeout = left;
    }
    int running = WAKE_RUNNING;
    if (timeout > 0 && !atomic_compare_exchange_strong(&loop->wake_state, &running, WAKE_SLEEPING)) return 0;
    return timeout;
}

size_t slc_loop_wait(struct slc_loop *loop, slc_time timeout, struct slc_loop_event *events, size_t cap)
{
    loop_reclaim(loop);
    loop_flush(loop);
    loop->backend->turn(loop, time_to_wait(loop, timeout));
    atomic_exchange(&loop->wake_state, WAKE_RUNNING);
    if (loop->heap_len > 0) loop_expire(loop, loop_now());
    return loop_deliver(loop, events, cap);
}

void slc_loop_wake(struct slc_loop *loop)
{
    if (atomic_exchange(&loop->wake_state, WAKE_WOKEN) != WAKE_SLEEPING) return;
    atomic_fetch_add_explicit(&loop->wake_calls, 1, memory_order_relaxed);
    uint64_t one = 1;
    /* The counter cannot be full: every sleep adds at most one. */
    ssize_t written = write(loop->wake_fd, &one, sizeof one);
    (void)written;
}

uint64_t slc_loop_system_calls(const struct slc_loop *loop)
{
    return loop->system_calls + atomic_load_explicit(&loop->wake_calls, memory_order_relaxed);
}

uint64_t slc_loop_accept_pauses(const struct slc_loop *loop)
{
    return loop->accept_pauses;
}
