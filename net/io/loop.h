/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LOOP_H
#define SLUICE_LOOP_H

#include "crypto/base/error.h"
#include "crypto/base/time.h"
#include "net/wire/address.h"

/*
 * The event loop: sockets as byte streams, one thread, no protocol. Two back ends behind one interface, io_uring and
 * poll, chosen at run time. Plain TCP or TLS (OpenSSL); the user of a connection does not see the difference.
 */

enum slc_loop_backend { SLC_LOOP_AUTO, SLC_LOOP_URING, SLC_LOOP_POLL };

struct slc_loop;

/*
 * AUTO takes io_uring where the kernel allows it, else poll. URING alone: SLC_UNSUPPORTED or SLC_DENIED with the
 * reason (`io_uring denied: ...`) when it cannot be had. max_connections bounds everything the loop allocates.
 */
SLC_MUST_CHECK enum slc_status slc_loop_new(struct slc_loop **loop, enum slc_loop_backend backend,
                                            size_t max_connections, struct slc_error *error);
/* Closes all connections (reset) and frees. */
void slc_loop_free(struct slc_loop *loop);
/* "io_uring (multishot receive, ...)" or "poll": for the report. */
const char *slc_loop_name(const struct slc_loop *loop);

/* A connection or listener: index and generation, so that a stale one is recognised. 0 is none. */
typedef uint64_t slc_conn;

enum slc_loop_event_kind {
    SLC_LOOP_ACCEPTED,  /* a new connection on a listener (with TLS: after the handshake; one that fails it is never
                           seen); `peer` set; `token` is the listener's                                             */
    SLC_LOOP_CONNECTED, /* connect (and TLS handshake) done                                                        */
    SLC_LOOP_DATA,      /* `data`, `len`: writable, valid until the next slc_loop_wait()                            */
    SLC_LOOP_SENT,      /* the buffer with `cookie` is no longer needed, sent or not                                */
    SLC_LOOP_CLOSED,    /* the end, last event of the connection: `status` SLC_CLOSED (orderly, or by us), SLC_IO,
                           SLC_TIMEOUT, SLC_REFUSED (by the peer's host, or TLS: `reason`), SLC_UNTRUSTED (its
                           certificate); all its SENT events came before                                           */
};

struct slc_loop_event {
    enum slc_loop_event_kind kind;
    slc_conn conn;
    uint64_t token; /* as given to listen, connect or slc_loop_set_token() */
    uint8_t *data;
    size_t len;
    uint64_t cookie;
    enum slc_status status;
    int system_error; /* errno of SLC_IO, else 0 */
    const char
        *reason; /* CLOSED: words for a person where there are any, else NULL; they live as long as the process */
    struct slc_address peer;
};

/* TLS of one side; NULL where none is wanted. Free after the loops that use it. */
struct slc_tls;
/* Client: verifies against the system's roots, or `ca_file` when not NULL, and the host name. */
SLC_MUST_CHECK enum slc_status slc_tls_client(struct slc_tls **tls, const char *ca_file, struct slc_error *error);
SLC_MUST_CHECK enum slc_status slc_tls_server(struct slc_tls **tls, const char *certificate_file, const char *key_file,
                                              struct slc_error *error);
void slc_tls_free(struct slc_tls *tls);

/* Listens; port 0 takes a free one, which `bound` then tells. SLC_IO ("127.0.0.1:9000: address in use"), SLC_DENIED. */
SLC_MUST_CHECK enum slc_status slc_loop_listen(struct slc_loop *loop, const struct slc_address *address,
                                               struct slc_tls *tls, uint64_t token, slc_conn *listener,
                                               struct slc_address *bound, struct slc_error *error);
/*
 * Begins to connect; CONNECTED or CLOSED follows within `timeout`. host: for TLS, the name (or literal IP) to verify;
 * else NULL. Buffers may be queued at once. SLC_FULL when max_connections are open or the process has no descriptor
 * left; SLC_BAD_ARGUMENT for TLS without a host, SLC_NO_MEMORY, SLC_IO.
 */
SLC_MUST_CHECK enum slc_status slc_loop_connect(struct slc_loop *loop, const struct slc_address *address,
                                                struct slc_tls *tls, const char *host, slc_time timeout, uint64_t token,
                                                slc_conn *conn);
void slc_loop_set_token(struct slc_loop *loop, slc_conn conn, uint64_t token);

/*
 * Queues a buffer, in order; it must stay until its SENT event returns `cookie`. Buffers queued on one connection
 * within a turn leave together; len is 1 or more. SLC_CLOSED: the connection is gone, no SENT follows. SLC_FULL: the
 * per-connection bound (4 MiB, 4096 buffers) is queued, peer does not read; no SENT follows. With TLS, SENT means
 * encrypted.
 */
SLC_MUST_CHECK enum slc_status slc_loop_send(struct slc_loop *loop, slc_conn conn, const uint8_t *data, size_t len,
                                             uint64_t cookie);
/*
 * Stops or resumes reading, so that TCP pushes back. No DATA comes while it is off; what was read before it took
 * effect is kept and comes first afterwards. The peer's end is seen only while reading is on.
 */
void slc_loop_read(struct slc_loop *loop, slc_conn conn, bool on);
/*
 * Ends a connection or listener: orderly after what is queued was sent (reset false), or at once with a TCP reset.
 * No DATA follows; SENT and CLOSED do, for an orderly end when the peer has ended its side too, after 2 s at most
 * (SLC_TIMEOUT if it did not take what was queued). A listener ends without an event.
 *
 * A peer that ends its side ends the connection: what is queued then is still sent, within 2 s, then CLOSED comes.
 */
void slc_loop_close(struct slc_loop *loop, slc_conn conn, bool reset);

/*
 * Submits what was queued, waits until something happens or `timeout` (nanoseconds; 0: only looks) passes, and fills
 * up to `cap` events. Returns how many. Events of one connection keep their order. May return 0 before the time is
 * over, so the clock tells whether it is. SLC_NEVER waits for ever. One thread, which may be another than the one that
 * made the loop, but is the same for all calls after the first wait.
 */
size_t slc_loop_wait(struct slc_loop *loop, slc_time timeout, struct slc_loop_event *events, size_t cap);

/*
 * Makes slc_loop_wait() return, the one in progress or else the next. The only function another thread may call; a
 * system call only when the loop sleeps. What was written before is seen after the wait.
 */
void slc_loop_wake(struct slc_loop *loop);

/* System calls made so far to move bytes and to wait (not those that open and close), for the report. */
uint64_t slc_loop_system_calls(const struct slc_loop *loop);
/* How often accepting was paused because the table, or the process's or the system's descriptors, were used up. */
uint64_t slc_loop_accept_pauses(const struct slc_loop *loop);

#endif
