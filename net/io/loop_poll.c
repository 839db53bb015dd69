/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/io/loop_internal.h"

/*
 * Readiness (epoll, level-triggered): what is not read in one turn is reported again in the next, so one turn takes
 * one receive per connection and all get their share.
 */

enum {
    POLL_EVENTS = 256,
    POLL_ACCEPTS = 64,            /* per listener and turn */
    POLL_ARENA = 1 << 20,         /* received bytes of one turn */
    POLL_RECEIVE = 64 << 10,      /* of one connection in one turn */
    POLL_RECEIVE_LEAST = 4 << 10, /* less room is not worth a call */
    POLL_ALIGN = 64,
};

#define POLL_WAKE       UINT64_MAX
#define POLL_REGISTERED (UINT32_C(1) << 27) /* beside the interest in loop_conn.watched; no bit of epoll's */

struct poll_state {
    int epoll;
    bool coarse; /* no epoll_pwait2() (before Linux 5.11): whole milliseconds */
    uint8_t *arena;
    size_t used;
    size_t held; /* buffers in the arena that are not released */
    struct epoll_event events[POLL_EVENTS];
};

static void watch(struct slc_loop *loop, struct loop_conn *c)
{
    struct poll_state *p = loop->backend_state;
    uint32_t wanted = POLL_REGISTERED;
    if (c->receiving) wanted |= EPOLLIN;
    if (c->sending) wanted |= EPOLLOUT;
    if (c->watched == wanted) return;
    struct epoll_event event = {.events = wanted & ~POLL_REGISTERED, .data.u64 = loop_index(loop, c)};
    int op = c->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    c->watched = wanted;
    loop->system_calls++;
    if (epoll_ctl(p->epoll, op, c->fd, &event) != 0) loop_fail(loop, c, SLC_IO, errno, NULL);
}

static void poll_connect(struct slc_loop *loop, struct loop_conn *c)
{
    loop->system_calls++;
    if (connect(c->fd, &c->peer.any, socket_address_len(&c->peer)) != 0 && errno != EINPROGRESS) {
        loop_fail(loop, c, socket_status(errno), errno, NULL);
        return;
    }
    c->sending = true;
    watch(loop, c);
}

static void poll_read(struct slc_loop *loop, struct loop_conn *c, bool on)
{
    c->receiving = on;
    watch(loop, c);
}

static void poll_send(struct slc_loop *loop, struct loop_conn *c)
{
    struct iovec iov[LOOP_GATHER];
    bool full = false;
    while (!full) {
        size_t pieces = loop_gather(loop, c, iov);
        if (pieces == 0) break;
        struct msghdr message = {.msg_iov = iov, .msg_iovlen = pieces};
        loop->system_calls++;
        ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            loop_sent(loop, c, (size_t)sent);
        } else if (errno == EAGAIN) {
            full = true;
        } else if (errno != EINTR) {
            loop_send_failed(loop, c, errno);
            return;
        }
    }
    c->sending = full;
    watch(loop, c);
}

static void poll_close(struct slc_loop *loop, struct loop_conn *c)
{
    struct poll_state *p = loop->backend_state;
    /* close() alone does not end the watch while a forked child has the descriptor. */
    if (c->watched != 0) (void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, c->fd, NULL);
    loop_gone(loop, c);
}

static void poll_release(struct slc_loop *loop, uint64_t buffer)
{
    struct poll_state *p = loop->backend_state;
    (void)buffer;
    if (--p->held == 0) p->used = 0;
}

/* ---- what became ready ---- */

static void accept_ready(struct slc_loop *loop, struct loop_conn *listener)
{
    for (unsigned i = 0; i < POLL_ACCEPTS && !listener->paused && loop_has_room(loop, listener); i++) {
        union socket_address peer = {0};
        socklen_t len = sizeof peer;
        loop->system_calls++;
        int fd = accept4(listener->fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            loop_accepted(loop, listener, fd, &peer);
        } else if (errno == EAGAIN) {
            return;
        } else {
            loop_accept_failed(loop, listener, errno);
        }
    }
}

static int pending_error(int fd)
{
    int system_error = 0;
    socklen_t len = sizeof system_error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &system_error, &len) != 0) return errno;
    return system_error;
}

static void connect_ready(struct slc_loop *loop, struct loop_conn *c)
{
    c->sending = false;
    loop_connected(loop, c, pending_error(c->fd));
    if (c->state < CONN_CLOSING) watch(loop, c);
}

static void receive_ready(struct slc_loop *loop, struct loop_conn *c)
{
    struct poll_state *p = loop->backend_state;
    size_t room = POLL_ARENA - p->used;
    /* Level-triggered: it is reported again when the caller has taken what there is. */
    if (room < POLL_RECEIVE_LEAST || loop->data_items >= LOOP_DATA_ITEMS) return;
    uint8_t *at = p->arena + p->used;
    loop->system_calls++;
    ssize_t got = recv(c->fd, at, room < POLL_RECEIVE ? room : POLL_RECEIVE, MSG_DONTWAIT);
    if (got > 0) {
        p->used += ((size_t)got + POLL_ALIGN - 1) / POLL_ALIGN * POLL_ALIGN;
        p->held++;
        loop_received(loop, c, at, (size_t)got, 0);
    } else if (got == 0) {
        loop_received_end(loop, c, 0);
    } else if (errno != EAGAIN && errno != EINTR) {
        loop_received_end(loop, c, errno);
    }
}

static void conn_ready(struct slc_loop *loop, struct loop_conn *c, uint32_t events)
{
    if (c->state == CONN_LISTENING) {
        if (c->receiving) accept_ready(loop, c);
        return;
    }
    if (c->state == CONN_CONNECTING) {
        connect_ready(loop, c);
        return;
    }
    if (c->state == CONN_FREE || c->state >= CONN_CLOSING) return;
    if (c->receiving) {
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive_ready(loop, c);
    } else if ((events & EPOLLERR) || ((events & EPOLLHUP) && !c->read_ended)) {
        /* Reported whether asked for or not; there is nobody to find it by reading. A hang-up alone, when the peer's
         * end was read, is both ends done: the item that says so is on its way. */
        int system_error = pending_error(c->fd);
        loop_fail(loop, c, SLC_IO, system_error != 0 ? system_error : ECONNRESET, NULL);
        return;
    }
    if ((events & EPOLLOUT) && c->sending) {
        c->sending = false;
        /* Through the list, since only there an end of draining is noticed. */
        loop_dirty(loop, c);
    }
}

static int wait_ready(struct poll_state *p, slc_time timeout)
{
    if (!p->coarse) {
        struct timespec time = {.tv_sec = (time_t)(timeout / SLC_SECOND), .tv_nsec = (long)(timeout % SLC_SECOND)};
        int n = epoll_pwait2(p->epoll, p->events, POLL_EVENTS, timeout == SLC_NEVER ? NULL : &time, NULL);
        if (n >= 0 || errno != ENOSYS) return n;
        p->coarse = true;
    }
    slc_time ms = timeout / SLC_MILLISECOND + (timeout % SLC_MILLISECOND != 0);
    return epoll_wait(p->epoll, p->events, POLL_EVENTS,
                      timeout == SLC_NEVER ? -1
                      : ms > INT32_MAX     ? INT32_MAX
                                           : (int)ms);
}

static void poll_turn(struct slc_loop *loop, slc_time timeout)
{
    struct poll_state *p = loop->backend_state;
    loop->system_calls++;
    int n = wait_ready(p, timeout);
    for (int i = 0; i < n; i++) {
        if (p->events[i].data.u64 == POLL_WAKE) continue;
        conn_ready(loop, &loop->conns[p->events[i].data.u64], p->events[i].events);
    }
    loop_flush(loop);
}

static void poll_free(struct slc_loop *loop)
{
    struct poll_state *p = loop->backend_state;
    if (p->epoll >= 0) (void)close(p->epoll);
    free(p->arena);
    free(p);
}

static const struct loop_backend poll_backend = {
    .blocking_sockets = false,
    .free = poll_free,
    .accept = poll_read,
    .connect = poll_connect,
    .read = poll_read,
    .send = poll_send,
    .close = poll_close,
    .release = poll_release,
    .turn = poll_turn,
};

enum slc_status loop_poll_init(struct slc_loop *loop, struct slc_error *error)
{
    struct poll_state *p = calloc(1, sizeof *p);
    if (p == NULL) return slc_fail(error, SLC_NO_MEMORY, "poll: no memory");
    loop->backend_state = p;
    loop->backend = &poll_backend;
    p->arena = malloc(POLL_ARENA);
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    /* Edge-triggered, so that nobody has to read it: every write is an edge. */
    struct epoll_event wake = {.events = EPOLLIN | EPOLLET, .data.u64 = POLL_WAKE};
    if (p->arena == NULL) return slc_fail(error, SLC_NO_MEMORY, "poll: no memory");
    if (p->epoll < 0 || epoll_ctl(p->epoll, EPOLL_CTL_ADD, loop->wake_fd, &wake) != 0) {
        return slc_fail(error, SLC_IO, "poll: epoll: %s", strerror(errno));
    }
    (void)snprintf(loop->name, sizeof loop->name, "poll");
    return SLC_OK;
}
