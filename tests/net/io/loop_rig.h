/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_LOOP_RIG_H
#define SLUICE_TEST_LOOP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/io/loop.h"

/*
 * What the tests of the event loop share: a loop with a log of its events and the bytes that came, an echo, and peers
 * that are plain blocking sockets, so that the other end is not ourselves.
 */

enum { RIG_EVENTS = 1 << 16, RIG_CONNS = 1024, RIG_ECHO = 1, RIG_CLIENT = 2, RIG_SINK = 3 };

#define RIG_PATIENCE (20 * SLC_SECOND) /* a test that waits longer has failed */

struct rig {
    struct slc_loop *loop;
    struct slc_loop_event *log; /* data pointers in it are stale */
    size_t logged;
    struct {
        uint8_t *bytes;
        size_t len, cap;
    } got[RIG_CONNS]; /* by the slot of the connection */
    uint64_t sent;    /* SENT events */
};

static const enum slc_loop_backend RIG_POLL = SLC_LOOP_POLL, RIG_URING = SLC_LOOP_URING;

static inline slc_time rig_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (slc_time)now.tv_sec * SLC_SECOND + (slc_time)now.tv_nsec;
}

/* NULL where this machine or build has no such back end. */
static inline struct rig *rig_new(enum slc_loop_backend backend, size_t max_connections)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig->log = calloc(RIG_EVENTS, sizeof *rig->log);
    struct slc_error error = {0};
    enum slc_status status = slc_loop_new(&rig->loop, backend, max_connections, &error);
    if (status == SLC_OK) return rig;
    if (backend == SLC_LOOP_POLL) fail_msg("%s", error.text);
    print_message("%s\n", error.text);
    free(rig->log);
    free(rig);
    return NULL;
}

static inline void rig_free(struct rig *rig)
{
    slc_loop_free(rig->loop);
    for (size_t i = 0; i < RIG_CONNS; i++) {
        free(rig->got[i].bytes);
    }
    free(rig->log);
    free(rig);
}

static inline size_t rig_slot(slc_conn conn)
{
    assert_true((uint32_t)conn < RIG_CONNS);
    return (uint32_t)conn;
}

static inline void rig_keep(struct rig *rig, const struct slc_loop_event *event)
{
    size_t slot = rig_slot(event->conn);
    size_t need = rig->got[slot].len + event->len;
    if (need > rig->got[slot].cap) {
        rig->got[slot].cap = 2 * need;
        rig->got[slot].bytes = realloc(rig->got[slot].bytes, rig->got[slot].cap);
    }
    memcpy(rig->got[slot].bytes + rig->got[slot].len, event->data, event->len);
    rig->got[slot].len = need;
}

static inline void rig_handle(struct rig *rig, const struct slc_loop_event *event)
{
    if (event->kind == SLC_LOOP_DATA && event->token == RIG_ECHO) {
        uint8_t *copy = malloc(event->len);
        memcpy(copy, event->data, event->len);
        /* The echo keeps little in flight, so it never meets the bound. */
        assert_int_equal(slc_loop_send(rig->loop, event->conn, copy, event->len, (uint64_t)(uintptr_t)copy), SLC_OK);
    } else if (event->kind == SLC_LOOP_DATA) {
        rig_keep(rig, event);
    } else if (event->kind == SLC_LOOP_SENT && event->token == RIG_ECHO) {
        free((void *)(uintptr_t)event->cookie);
    } else if (event->kind == SLC_LOOP_SENT) {
        rig->sent++;
    }
    if (event->kind == SLC_LOOP_ACCEPTED || event->kind == SLC_LOOP_CONNECTED) rig->got[rig_slot(event->conn)].len = 0;
    if (rig->logged < RIG_EVENTS) rig->log[rig->logged++] = *event;
}

static inline size_t rig_turn(struct rig *rig, slc_time timeout)
{
    struct slc_loop_event events[64];
    size_t n = slc_loop_wait(rig->loop, timeout, events, 64);
    for (size_t i = 0; i < n; i++) {
        rig_handle(rig, &events[i]);
    }
    return n;
}

/* Turns until `condition` holds. */
#define RIG_UNTIL(rig, condition)                                                                                      \
    for (slc_time until_ = rig_now() + RIG_PATIENCE; !(condition);) {                                                  \
        if (rig_now() > until_) fail_msg("in vain: %s", #condition);                                                   \
        (void)rig_turn(rig, 10 * SLC_MILLISECOND);                                                                     \
    }

static inline size_t rig_count(const struct rig *rig, enum slc_loop_event_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < rig->logged; i++) {
        n += rig->log[i].kind == kind;
    }
    return n;
}

/* The last event of the kind, of that connection or (0) any; NULL: none yet. */
static inline const struct slc_loop_event *rig_last(const struct rig *rig, enum slc_loop_event_kind kind, slc_conn conn)
{
    for (size_t i = rig->logged; i-- > 0;) {
        if (rig->log[i].kind == kind && (conn == 0 || rig->log[i].conn == conn)) return &rig->log[i];
    }
    return NULL;
}

/* Every connection's CLOSED is its last event. */
static inline void rig_check_order(const struct rig *rig)
{
    for (size_t i = 0; i < rig->logged; i++) {
        if (rig->log[i].kind != SLC_LOOP_CLOSED) continue;
        for (size_t j = i + 1; j < rig->logged; j++) {
            assert_int_not_equal(rig->log[j].conn, rig->log[i].conn);
        }
    }
}

static inline struct slc_address rig_loopback(uint16_t port)
{
    return (struct slc_address){.version = 4, .ip = {127, 0, 0, 1}, .port = port};
}

/* A listener of the loop on a free port. */
static inline struct slc_address rig_listen(struct rig *rig, struct slc_tls *tls, uint64_t token)
{
    struct slc_address any = rig_loopback(0), bound;
    struct slc_error error = {0};
    slc_conn listener;
    if (slc_loop_listen(rig->loop, &any, tls, token, &listener, &bound, &error) != SLC_OK) fail_msg("%s", error.text);
    assert_int_not_equal(bound.port, 0);
    return bound;
}

static inline slc_conn rig_connect(struct rig *rig, const struct slc_address *to, struct slc_tls *tls, const char *host,
                                   slc_time timeout)
{
    slc_conn conn;
    assert_int_equal(slc_loop_connect(rig->loop, to, tls, host, timeout, RIG_CLIENT, &conn), SLC_OK);
    return conn;
}

/* A blocking socket connected to `to`, from the kernel's backlog if need be; it gives up after RIG_PATIENCE. */
static inline int peer_connect(const struct slc_address *to)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(to->port)};
    memcpy(&in.sin_addr, to->ip, 4);
    struct timeval patience = {.tv_sec = (time_t)(RIG_PATIENCE / SLC_SECOND)};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
    return fd;
}

/* Takes what the peer's socket has, without waiting; false at the end of the stream. Appends to *len. */
static inline bool peer_read(int fd, uint8_t *out, size_t cap, size_t *len)
{
    ssize_t n = recv(fd, out + *len, cap - *len, MSG_DONTWAIT);
    if (n < 0) {
        assert_int_equal(errno, EAGAIN);
        return true;
    }
    *len += (size_t)n;
    return n > 0 || *len == cap;
}

static inline void peer_reset(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
}

/* Bytes that differ at every place and for every seed. */
static inline uint8_t *rig_pattern(size_t len, uint32_t seed)
{
    uint8_t *bytes = malloc(len);
    uint32_t x = seed * 2654435761U + 1;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525U + 1013904223U;
        bytes[i] = (uint8_t)(x >> 24);
    }
    return bytes;
}

/* One test, over both back ends. */
#define RIG_BOTH(test)                                                                                                 \
    {#test " (poll)", test, NULL, NULL, (void *)(uintptr_t)&RIG_POLL},                                                 \
    {                                                                                                                  \
#test " (io_uring)", test, NULL, NULL, (void *)(uintptr_t)&RIG_URING                                           \
    }

/* The rig of a test that RIG_BOTH runs. */
static inline struct rig *rig_of(void **state, size_t max_connections)
{
    struct rig *rig = rig_new(*(const enum slc_loop_backend *)*state, max_connections);
    if (rig == NULL) skip();
    return rig;
}

#endif
