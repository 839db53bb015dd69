/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net/io/loop_internal.h"

/*
 * Completions (io_uring). A connection has at most one receive (multishot, into buffers that all connections share),
 * one send and one cancellation in flight. What a connection should be doing is decided by its state; attend() compares
 * that with what is in flight, once per turn, so nothing but a turn touches the ring, and the ring belongs to the
 * thread that takes the first turn.
 *
 * Linux 6.0 is needed: it brought multishot receive together with IORING_SETUP_SINGLE_ISSUER, whose presence is
 * therefore the probe for both. Sockets are blocking, since for others io_uring answers EAGAIN instead of waiting.
 */

enum {
    URING_ENTRIES = 1024,
    URING_COMPLETIONS = 8192,
    URING_IOV = 8192,        /* pieces of all gathered sends between two submissions */
    URING_BUFFER = 16 << 10, /* one receive */
    URING_BUFFERS_LEAST = 32,
    URING_BUFFERS_MOST = 256,
    URING_GROUP = 0,
    URING_SEND_MOST = 1 << 30, /* io_uring counts bytes in an int */
};

_Static_assert((int)URING_BUFFERS_MOST <= (int)LOOP_DATA_ITEMS, "every buffer has an item");

/* user_data: the operation and the slot. No generation: a slot is not given back while it has one in flight. */
enum uring_op { OP_NONE, OP_RECEIVE, OP_SEND, OP_CANCEL, OP_WAKE };

/* loop_conn.watched */
enum { IN_RECEIVE = 1, IN_SEND = 2, IN_CANCEL = 4, IN_ANY = 7, IS_MULTISHOT = 8 };

static uint32_t op_bit(enum uring_op op)
{
    return op == OP_RECEIVE ? IN_RECEIVE : op == OP_SEND ? IN_SEND : IN_CANCEL;
}

struct uring_state {
    struct io_uring ring;
    bool have_ring;
    bool enabled;
    size_t in_flight; /* operations of connections */
    struct io_uring_buf_ring *buffers;
    size_t buffers_bytes;
    uint8_t *memory;
    uint32_t buffer_count;
    int added; /* buffers put into the ring, not yet shown to the kernel */
    uint32_t attend_head;
    uint32_t attend_tail;
    uint64_t wake_count;
    bool wake_armed;
    /* The kernel copies these when it takes the submission. */
    unsigned iov_used;
    unsigned messages_used;
    struct iovec iov[URING_IOV];
    struct msghdr messages[URING_ENTRIES];
};

/* ---- submission ---- */

static void attend_later(struct slc_loop *loop, struct loop_conn *c)
{
    struct uring_state *u = loop->backend_state;
    if (c->attended) return;
    c->attended = true;
    c->next_attended = LOOP_NONE;
    uint32_t index = loop_index(loop, c);
    if (u->attend_tail == LOOP_NONE) {
        u->attend_head = index;
    } else {
        loop->conns[u->attend_tail].next_attended = index;
    }
    u->attend_tail = index;
}

/*
 * The ring becomes the calling thread's. liburing 2.3 declares a function for it, but its library lacks it. The ring's
 * descriptor is not registered: that would save little, and it is a number in the thread's own table, so that freeing
 * the loop in another thread would hit whichever ring has that number there.
 */
static bool enable(struct uring_state *u)
{
    if (u->enabled) return true;
    if (syscall(SYS_io_uring_register, u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) != 0) return false;
    u->enabled = true;
    return true;
}

/* Ahead of the turn's own submission, where the queue is full. */
static void submit(struct slc_loop *loop)
{
    struct uring_state *u = loop->backend_state;
    if (!enable(u)) return;
    loop->system_calls++;
    (void)io_uring_submit(&u->ring);
    if (io_uring_sq_ready(&u->ring) == 0) u->iov_used = u->messages_used = 0;
}

/* NULL where the kernel takes no submission now (no memory): the caller tries again in a later turn. */
static struct io_uring_sqe *next_entry(struct slc_loop *loop)
{
    struct uring_state *u = loop->backend_state;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
    if (sqe != NULL) return sqe;
    submit(loop);
    return io_uring_get_sqe(&u->ring);
}

static uint64_t tag(const struct slc_loop *loop, const struct loop_conn *c, enum uring_op op)
{
    return (uint64_t)op << 32 | loop_index(loop, c);
}

static void launch(struct slc_loop *loop, struct loop_conn *c, struct io_uring_sqe *sqe, enum uring_op op)
{
    struct uring_state *u = loop->backend_state;
    io_uring_sqe_set_data64(sqe, tag(loop, c, op));
    c->watched |= op_bit(op);
    u->in_flight++;
}

/* As many as a whole backlog may come from a multishot accept at once, so it is for a table with room for them. */
static bool room_for_backlog(const struct slc_loop *loop)
{
    return loop->open + LOOP_BACKLOG < loop->max_connections;
}

static void prepare_receive(struct slc_loop *loop, struct loop_conn *c, struct io_uring_sqe *sqe)
{
    if (c->state != CONN_LISTENING) {
        io_uring_prep_recv_multishot(sqe, c->fd, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = URING_GROUP;
    } else if (room_for_backlog(loop)) {
        io_uring_prep_multishot_accept(sqe, c->fd, NULL, NULL, SOCK_CLOEXEC);
        c->watched |= IS_MULTISHOT;
    } else {
        io_uring_prep_accept(sqe, c->fd, NULL, NULL, SOCK_CLOEXEC);
    }
}

/* The operation that brings what is in flight nearer to what should be; OP_NONE: it is there. */
static enum uring_op needed(struct slc_loop *loop, struct loop_conn *c)
{
    bool receives = c->watched & IN_RECEIVE;
    if (c->watched & IN_CANCEL) return OP_NONE;
    switch (c->state) {
    case CONN_FREE:
    case CONN_CLOSED:
        return OP_NONE;
    case CONN_CLOSING:
        return OP_CANCEL;
    case CONN_CONNECTING:
        return c->watched & IN_SEND ? OP_NONE : OP_SEND;
    case CONN_LISTENING:
        if (receives) {
            bool too_many = (c->watched & IS_MULTISHOT) && !room_for_backlog(loop);
            return c->receiving && !too_many ? OP_NONE : OP_CANCEL;
        }
        return c->receiving && loop_has_room(loop, c) ? OP_RECEIVE : OP_NONE;
    default:
        if (receives == c->receiving) return OP_NONE;
        return receives ? OP_CANCEL : OP_RECEIVE;
    }
}

static void attend(struct slc_loop *loop, struct loop_conn *c)
{
    enum uring_op op = needed(loop, c);
    if (op == OP_NONE) return;
    struct io_uring_sqe *sqe = next_entry(loop);
    if (sqe == NULL) {
        attend_later(loop, c);
        return;
    }
    if (op == OP_RECEIVE) {
        prepare_receive(loop, c, sqe);
    } else if (op == OP_SEND) {
        io_uring_prep_connect(sqe, c->fd, &c->peer.any, socket_address_len(&c->peer));
    } else if (c->state == CONN_CLOSING) {
        io_uring_prep_cancel_fd(sqe, c->fd, IORING_ASYNC_CANCEL_ALL);
    } else {
        io_uring_prep_cancel64(sqe, tag(loop, c, OP_RECEIVE), 0);
    }
    launch(loop, c, sqe, op);
}

static void attend_all(struct slc_loop *loop)
{
    struct uring_state *u = loop->backend_state;
    uint32_t index = u->attend_head;
    u->attend_head = u->attend_tail = LOOP_NONE;
    while (index != LOOP_NONE) {
        struct loop_conn *c = &loop->conns[index];
        index = c->next_attended;
        c->attended = false;
        attend(loop, c);
    }
}

static void uring_read(struct slc_loop *loop, struct loop_conn *c, bool on)
{
    c->receiving = on;
    attend_later(loop, c);
}

static void uring_connect(struct slc_loop *loop, struct loop_conn *c)
{
    attend_later(loop, c);
}

static void uring_close(struct slc_loop *loop, struct loop_conn *c)
{
    if ((c->watched & IN_ANY) == 0) {
        loop_gone(loop, c);
    } else {
        attend_later(loop, c);
    }
}

static void uring_send(struct slc_loop *loop, struct loop_conn *c)
{
    struct uring_state *u = loop->backend_state;
    /* Room first: what is gathered must stay in its place until it is submitted. */
    if (io_uring_sq_space_left(&u->ring) == 0 || u->iov_used + LOOP_GATHER > URING_IOV) submit(loop);
    if (io_uring_sq_space_left(&u->ring) == 0 || u->iov_used + LOOP_GATHER > URING_IOV) {
        loop_dirty(loop, c);
        return;
    }
    struct iovec *iov = u->iov + u->iov_used;
    size_t pieces = loop_gather(loop, c, iov);
    if (pieces == 0) return;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
    /* MSG_WAITALL: the kernel goes on by itself after a partial send. */
    if (pieces == 1) {
        size_t len = iov->iov_len < URING_SEND_MOST ? iov->iov_len : URING_SEND_MOST;
        io_uring_prep_send(sqe, c->fd, iov->iov_base, len, MSG_NOSIGNAL | MSG_WAITALL);
    } else {
        struct msghdr *message = &u->messages[u->messages_used++];
        *message = (struct msghdr){.msg_iov = iov, .msg_iovlen = pieces};
        io_uring_prep_sendmsg(sqe, c->fd, message, MSG_NOSIGNAL | MSG_WAITALL);
        u->iov_used += (unsigned)pieces;
    }
    c->sending = true;
    launch(loop, c, sqe, OP_SEND);
}

static void uring_release(struct slc_loop *loop, uint64_t buffer)
{
    struct uring_state *u = loop->backend_state;
    io_uring_buf_ring_add(u->buffers, u->memory + buffer * URING_BUFFER, URING_BUFFER, (unsigned short)buffer,
                          io_uring_buf_ring_mask(u->buffer_count), u->added++);
}

/* ---- completion ---- */

static void accept_completed(struct slc_loop *loop, struct loop_conn *listener, int result)
{
    if (result >= 0 && listener->state == CONN_LISTENING) {
        /* One multishot accept has no room for many peers' addresses. */
        union socket_address peer = {0};
        socklen_t len = sizeof peer;
        loop->system_calls++;
        (void)getpeername(result, &peer.any, &len);
        loop_accepted(loop, listener, result, &peer);
    } else if (result >= 0) {
        (void)close(result);
    } else if (listener->state == CONN_LISTENING && result != -ECANCELED) {
        loop_accept_failed(loop, listener, -result);
    }
}

static void receive_completed(struct slc_loop *loop, struct loop_conn *c, int result, uint32_t flags)
{
    struct uring_state *u = loop->backend_state;
    if (flags & IORING_CQE_F_BUFFER) {
        uint32_t buffer = flags >> IORING_CQE_BUFFER_SHIFT;
        if (result > 0 && c->state < CONN_CLOSING) {
            loop_received(loop, c, u->memory + (size_t)buffer * URING_BUFFER, (size_t)result, buffer);
        } else {
            uring_release(loop, buffer);
        }
    }
    if (result > 0 || c->state >= CONN_CLOSING) return;
    /* ENOBUFS: all buffers are with the caller; it starts again when they are back. */
    if (result == -ENOBUFS || result == -ECANCELED || result == -EINTR || result == -EAGAIN) return;
    loop_received_end(loop, c, -result);
}

static void send_completed(struct slc_loop *loop, struct loop_conn *c, int result)
{
    c->sending = false;
    if (result >= 0) {
        loop_sent(loop, c, (size_t)result);
    } else if (result == -EINTR || result == -EAGAIN) {
        loop_dirty(loop, c);
    } else if (c->state < CONN_CLOSING) {
        loop_send_failed(loop, c, -result);
    }
}

static void completed(struct slc_loop *loop, const struct io_uring_cqe *cqe)
{
    struct uring_state *u = loop->backend_state;
    enum uring_op op = (enum uring_op)(cqe->user_data >> 32);
    if (op == OP_WAKE) {
        u->wake_armed = false;
        return;
    }
    struct loop_conn *c = &loop->conns[(uint32_t)cqe->user_data];
    bool last = !(cqe->flags & IORING_CQE_F_MORE);
    if (last) {
        c->watched &= ~op_bit(op);
        if (op == OP_RECEIVE) c->watched &= ~(uint32_t)IS_MULTISHOT;
        u->in_flight--;
    }
    if (op == OP_RECEIVE && c->listener) {
        accept_completed(loop, c, cqe->res);
    } else if (op == OP_RECEIVE) {
        receive_completed(loop, c, cqe->res, cqe->flags);
    } else if (op == OP_SEND && c->state == CONN_CONNECTING) {
        loop_connected(loop, c, -cqe->res);
    } else if (op == OP_SEND && c->sending) {
        send_completed(loop, c, cqe->res);
    }
    if (!last && !c->listener) return;
    if (c->state == CONN_CLOSING && (c->watched & IN_ANY) == 0) {
        loop_gone(loop, c);
    } else {
        attend_later(loop, c);
    }
}

static void arm_wake(struct slc_loop *loop)
{
    struct uring_state *u = loop->backend_state;
    if (u->wake_armed) return;
    struct io_uring_sqe *sqe = next_entry(loop);
    if (sqe == NULL) return;
    io_uring_prep_read(sqe, loop->wake_fd, &u->wake_count, sizeof u->wake_count, 0);
    io_uring_sqe_set_data64(sqe, (uint64_t)OP_WAKE << 32);
    u->wake_armed = true;
}

/* The one system call of a turn; none where there is nothing to submit, to wait for, or to run. */
static void enter(struct slc_loop *loop, slc_time timeout)
{
    struct uring_state *u = loop->backend_state;
    if (timeout == 0) {
        unsigned flags = IO_URING_READ_ONCE(*u->ring.sq.kflags);
        if (io_uring_sq_ready(&u->ring) == 0 && !(flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))) return;
        (void)io_uring_submit_and_get_events(&u->ring);
    } else {
        struct __kernel_timespec time = {.tv_sec = (int64_t)(timeout / SLC_SECOND),
                                         .tv_nsec = (int64_t)(timeout % SLC_SECOND)};
        struct io_uring_cqe *first;
        (void)io_uring_submit_and_wait_timeout(&u->ring, &first, 1, timeout == SLC_NEVER ? NULL : &time, NULL);
    }
    loop->system_calls++;
    if (io_uring_sq_ready(&u->ring) == 0) u->iov_used = u->messages_used = 0;
}

static void uring_turn(struct slc_loop *loop, slc_time timeout)
{
    struct uring_state *u = loop->backend_state;
    if (!enable(u)) return;
    if (u->added > 0) io_uring_buf_ring_advance(u->buffers, u->added);
    u->added = 0;
    arm_wake(loop);
    attend_all(loop);
    enter(loop, timeout);

    unsigned head;
    unsigned n = 0;
    struct io_uring_cqe *cqe;
    io_uring_for_each_cqe(&u->ring, head, cqe)
    {
        completed(loop, cqe);
        n++;
    }
    io_uring_cq_advance(&u->ring, n);
}

/* ---- life ---- */

/*
 * Until no operation can touch memory of ours or of the caller. Another thread than the ring's may not submit (EEXIST)
 * and need not: the kernel cancels a thread's operations when it exits, and the rest with the ring.
 */
static void quiesce(struct uring_state *u)
{
    for (unsigned tries = 0; u->in_flight > 0 && tries < 100; tries++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
        if (sqe != NULL) {
            io_uring_prep_cancel(sqe, NULL, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
            io_uring_sqe_set_data64(sqe, (uint64_t)OP_WAKE << 32);
        }
        struct __kernel_timespec time = {.tv_nsec = SLC_MILLISECOND};
        struct io_uring_cqe *cqe;
        int result = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &time, NULL);
        if (result == -EEXIST || result == -EBADFD) return;
        unsigned head;
        unsigned n = 0;
        io_uring_for_each_cqe(&u->ring, head, cqe)
        {
            bool ours = cqe->user_data >> 32 != OP_WAKE;
            if (ours && !(cqe->flags & IORING_CQE_F_MORE)) u->in_flight--;
            n++;
        }
        io_uring_cq_advance(&u->ring, n);
    }
}

static void uring_free(struct slc_loop *loop)
{
    struct uring_state *u = loop->backend_state;
    if (u->have_ring) {
        for (size_t i = 0; i < loop->conn_slots; i++) {
            struct loop_conn *c = &loop->conns[i];
            if (c->fd < 0) continue;
            if (c->state == CONN_LISTENING) {
                /* The ring may hold the socket a little longer than we do; the port must be free at once. */
                (void)shutdown(c->fd, SHUT_RDWR);
            } else {
                socket_reset_on_close(c->fd);
            }
        }
        if (u->enabled) quiesce(u);
        io_uring_queue_exit(&u->ring);
    }
    if (u->memory != NULL) (void)munmap(u->memory, (size_t)u->buffer_count * URING_BUFFER);
    if (u->buffers != NULL) (void)munmap(u->buffers, u->buffers_bytes);
    free(u);
    loop->backend_state = NULL;
    loop->backend = NULL;
}

static const struct loop_backend uring_backend = {
    .blocking_sockets = true,
    .free = uring_free,
    .accept = uring_read,
    .connect = uring_connect,
    .read = uring_read,
    .send = uring_send,
    .close = uring_close,
    .release = uring_release,
    .turn = uring_turn,
};

static enum slc_status denied(struct slc_error *error, const char *what, int system_error)
{
    switch (system_error) {
    case EPERM:
    case EACCES:
        return slc_fail(error, SLC_DENIED,
                        "io_uring denied: %s: %s (sysctl kernel.io_uring_disabled, or a seccomp filter)", what,
                        strerror(system_error));
    case ENOMEM:
        return slc_fail(error, SLC_DENIED, "io_uring denied: %s: %s (see ulimit -l)", what, strerror(system_error));
    case ENOSYS:
        return slc_fail(error, SLC_UNSUPPORTED, "io_uring missing: %s: the kernel has none", what);
    case EINVAL:
        return slc_fail(error, SLC_UNSUPPORTED, "io_uring too old: %s: Linux 6.0 is needed", what);
    default:
        return slc_fail(error, SLC_UNSUPPORTED, "io_uring failed: %s: %s", what, strerror(system_error));
    }
}

/* Deferred task work is Linux 6.1's. Disabled at first: the ring is for the thread that enables it. */
static int setup_ring(struct uring_state *u, bool *deferred)
{
    struct io_uring_params params = {.cq_entries = URING_COMPLETIONS};
    unsigned common = IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
                      IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG;
    params.flags = common | IORING_SETUP_DEFER_TASKRUN;
    *deferred = true;
    int result = io_uring_queue_init_params(URING_ENTRIES, &u->ring, &params);
    if (result == -EINVAL) {
        params = (struct io_uring_params){.cq_entries = URING_COMPLETIONS, .flags = common | IORING_SETUP_COOP_TASKRUN};
        *deferred = false;
        result = io_uring_queue_init_params(URING_ENTRIES, &u->ring, &params);
    }
    u->have_ring = result == 0;
    return result;
}

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static int setup_buffers(struct slc_loop *loop)
{
    struct uring_state *u = loop->backend_state;
    u->buffer_count = URING_BUFFERS_LEAST;
    while (u->buffer_count < URING_BUFFERS_MOST && u->buffer_count < loop->max_connections) {
        u->buffer_count *= 2;
    }
    u->buffers_bytes = u->buffer_count * sizeof(struct io_uring_buf);
    u->memory = map((size_t)u->buffer_count * URING_BUFFER);
    u->buffers = map(u->buffers_bytes);
    if (u->memory == NULL || u->buffers == NULL) return -ENOMEM;
    io_uring_buf_ring_init(u->buffers);
    struct io_uring_buf_reg reg = {
        .ring_addr = (uint64_t)(uintptr_t)u->buffers, .ring_entries = u->buffer_count, .bgid = URING_GROUP};
    int result = io_uring_register_buf_ring(&u->ring, &reg, 0);
    for (uint32_t i = 0; result == 0 && i < u->buffer_count; i++) {
        uring_release(loop, i);
    }
    return result;
}

enum slc_status loop_uring_init(struct slc_loop *loop, struct slc_error *error)
{
    struct uring_state *u = calloc(1, sizeof *u);
    if (u == NULL) return slc_fail(error, SLC_NO_MEMORY, "io_uring: no memory");
    u->attend_head = u->attend_tail = LOOP_NONE;
    loop->backend_state = u;
    bool deferred = false;
    const char *what = "io_uring_setup";
    int result = setup_ring(u, &deferred);
    if (result == 0) {
        what = "io_uring_register";
        result = setup_buffers(loop);
    }
    if (result == 0) {
        /* A filter may allow all but this; a ring that is not enabled answers EBADFD. */
        what = "io_uring_enter";
        result = io_uring_enter((unsigned)u->ring.ring_fd, 0, 0, IORING_ENTER_GETEVENTS, NULL);
        if (result == -EBADFD) result = 0;
    }
    if (result != 0) {
        uring_free(loop);
        return denied(error, what, -result);
    }
    loop->backend = &uring_backend;
    (void)snprintf(loop->name, sizeof loop->name,
                   "io_uring (multishot receive and accept, %u provided buffers, single issuer%s)", u->buffer_count,
                   deferred ? ", deferred task work" : "");
    return SLC_OK;
}
