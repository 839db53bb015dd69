/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LOOP_INTERNAL_H
#define SLUICE_LOOP_INTERNAL_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "net/io/loop.h"
#include "net/io/pool.h"
#include "net/io/tls_internal.h"

/*
 * What the rooms of the event loop share: the table of connections (loop_conn.c), delivery of events (loop_event.c),
 * the two back ends (loop_poll.c, loop_uring.c), and sockets (socket.c).
 *
 * A back end moves bytes and reports; the common part decides. Everything that happened waits as an item in one queue,
 * in order, until the caller takes it as an event; TLS is undone there, between the queue and the caller.
 */

enum {
    LOOP_SEND_BOUND = 4 << 20,         /* bytes queued on one connection before SLC_FULL                           */
    LOOP_SEND_ITEMS = 4096,            /* buffers queued on one connection before SLC_FULL                         */
    LOOP_ITEMS_PER_CONN = 32,          /* what the pool holds for each connection; all share it                    */
    LOOP_ITEMS_SHARED = 8192,          /* and what it holds besides: two connections at their bound                */
    LOOP_EVENTS_PER_CONN = 4,          /* accepted or connected, resumed data, end, closed                         */
    LOOP_LISTENERS_MAX = 16,           /* slots of the table beyond max_connections                                */
    LOOP_SURPLUS = LOOP_LISTENERS_MAX, /* accepts in flight, one for each listener, while connects fill the table */
    LOOP_DATA_ITEMS = 512,             /* received buffers that may wait for the caller                            */
    LOOP_GATHER = 64,                  /* buffers of one connection in one send call                               */
    LOOP_PLAIN_ARENA = 1 << 18,        /* decrypted bytes handed out by one slc_loop_wait()                        */
    LOOP_BACKLOG = 4096,               /* listen(); the kernel caps it at net.core.somaxconn                       */
};

#define LOOP_NONE           UINT32_MAX
#define LOOP_STASH          UINT64_MAX /* DATA whose bytes are not a back end's buffer but allocated memory      */
#define LOOP_CLOSE_TIME     (2 * SLC_SECOND)        /* an orderly close: draining, then the peer's end        */
#define LOOP_HANDSHAKE_TIME (10 * SLC_SECOND)       /* TLS of an accepted connection                          */
#define LOOP_ACCEPT_PAUSE   (100 * SLC_MILLISECOND) /* after EMFILE and its kin                               */

enum loop_conn_state {
    CONN_FREE,
    CONN_LISTENING,
    CONN_CONNECTING,
    CONN_HANDSHAKING, /* TLS                                                                                     */
    CONN_OPEN,
    CONN_DRAINING,  /* no more is taken; what is queued still goes out                                           */
    CONN_LINGERING, /* our end is sent, the peer's is awaited                                                    */
    CONN_CLOSING,   /* the back end lets go of the descriptor                                                    */
    CONN_CLOSED,    /* descriptor closed, CLOSED waits for the caller                                            */
};

enum loop_item_kind { ITEM_SENT, ITEM_DATA, ITEM_END, ITEM_ACCEPTED, ITEM_CONNECTED, ITEM_CLOSED };

/* First a buffer in a connection's send queue, then its SENT event; or another event. One pool slot (64 bytes). */
struct loop_item {
    struct loop_item *next;
    uint8_t *data;
    size_t len;
    size_t done;     /* bytes sent, or fed to TLS                                                                */
    uint64_t cookie; /* SENT: the caller's; DATA: the back end's name of the buffer                              */
    uint32_t conn;
    int system_error; /* END: 0 is an orderly end                                                                */
    enum loop_item_kind kind;
};

struct loop_list {
    struct loop_item *head;
    struct loop_item *tail;
    size_t count;
};

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct loop_conn {
    int fd;
    uint32_t generation;
    enum loop_conn_state state;
    bool listener;
    bool paused;     /* listener: no descriptor or no slot left                                                  */
    bool announced;  /* the caller knows it: ACCEPTED was given, or it connected by itself; CLOSED is due        */
    bool discard;    /* the caller has ended it: no more DATA                                                    */
    bool want_read;  /* the caller's wish, slc_loop_read()                                                       */
    bool read_ended; /* the peer's end, or an error, was reported                                                */
    bool dirty;      /* in the list of connections with something to send                                        */
    bool sending;    /* the back end cannot take more now: a send is in flight, or the socket is full            */
    bool kept;       /* there is something to resume with: a stash, or plaintext inside TLS                      */
    bool broken;     /* TLS failed: only its alert still goes out                                                */
    bool shut;       /* close_notify is queued                                                                   */
    bool accepted;   /* by a listener of ours                                                                    */
    bool choked;     /* TLS has to say something before it can read on, and its ring is full                     */
    bool end_held;   /* the peer's end came while reading was off                                                */

    enum slc_status result; /* of CLOSED                                                                         */
    int system_error;
    const char *reason;

    uint64_t token;
    struct loop_list queue;     /* to send                                                                           */
    size_t queued;              /* bytes in it                                                                       */
    struct slc_tls *tls_config; /* listener: for accepted connections                                            */
    struct tls_stream *tls;
    uint8_t *stash; /* read before slc_loop_read(off) took effect                                                */
    size_t stash_len;
    slc_time deadline;
    uint32_t heap_at; /* place in the heap of deadlines, LOOP_NONE: none                                         */
    uint32_t next;    /* in the free list                                                                        */
    uint32_t next_dirty;
    union socket_address peer;

    /* The back end's own. */
    bool receiving;   /* wanted: receive, or accept                                                            */
    bool attended;    /* io_uring: in the list of connections whose operations need a look                     */
    uint32_t watched; /* poll: epoll interest; io_uring: operations in flight                                  */
    uint32_t next_attended;
};

/* A back end. All calls in the loop's thread; `c` is never FREE. */
struct loop_backend {
    bool blocking_sockets;
    void (*free)(struct slc_loop *loop);
    void (*accept)(struct slc_loop *loop, struct loop_conn *c, bool on);
    void (*connect)(struct slc_loop *loop, struct loop_conn *c);
    void (*read)(struct slc_loop *loop, struct loop_conn *c, bool on);
    /* Something is queued and `sending` is false. Takes it by loop_gather(), reports by loop_sent(). */
    void (*send)(struct slc_loop *loop, struct loop_conn *c);
    /* Stops all use of the descriptor, then calls loop_gone(), at once or later. */
    void (*close)(struct slc_loop *loop, struct loop_conn *c);
    /* Gives a received buffer back. */
    void (*release)(struct slc_loop *loop, uint64_t buffer);
    /* Submits, waits, reports. */
    void (*turn)(struct slc_loop *loop, slc_time timeout);
};

struct slc_loop {
    const struct loop_backend *backend;
    void *backend_state;
    char name[352];

    struct loop_conn *conns;
    size_t conn_slots;
    size_t max_connections;
    size_t open; /* connections, without listeners */
    size_t listeners;
    uint32_t free_conn;
    uint32_t dirty_head;
    uint32_t dirty_tail;

    uint32_t listener[LOOP_LISTENERS_MAX]; /* indices */

    uint32_t *heap; /* indices of connections by deadline */
    size_t heap_len;

    struct slc_pool items;
    size_t event_reserve; /* items that send queues leave for events */
    struct loop_list events;
    struct loop_list lent; /* DATA given to the caller by the last wait */
    size_t data_items;     /* received buffers in `events` and `lent` */
    uint8_t *plain;        /* decrypted bytes of this wait */
    size_t plain_used;

    int wake_fd;
    atomic_int wake_state;
    atomic_uint_fast64_t wake_calls;
    uint64_t system_calls;
    uint64_t accept_pauses;
};

/* Back ends: fill loop->backend, ->backend_state and ->name. */
enum slc_status loop_poll_init(struct slc_loop *loop, struct slc_error *error);
enum slc_status loop_uring_init(struct slc_loop *loop, struct slc_error *error);

/* ---- loop_conn.c: the table and the life of a connection ---- */

static inline uint32_t loop_index(const struct slc_loop *loop, const struct loop_conn *c)
{
    return (uint32_t)(c - loop->conns);
}

static inline slc_conn loop_id(const struct slc_loop *loop, const struct loop_conn *c)
{
    return (uint64_t)c->generation << 32 | loop_index(loop, c);
}

enum slc_status loop_table_new(struct slc_loop *loop, size_t max_connections);
void loop_table_free(struct slc_loop *loop);
/* The connection or listener of an id; NULL for a stale one. */
struct loop_conn *loop_find(struct slc_loop *loop, slc_conn id);
/* A free slot, generation set, or NULL (beyond the surplus). Counted as listener or connection. */
struct loop_conn *loop_conn_take(struct slc_loop *loop, bool listener);
void loop_conn_give(struct slc_loop *loop, struct loop_conn *c);

/* Sets or (SLC_NEVER) takes away the deadline. */
void loop_deadline(struct slc_loop *loop, struct loop_conn *c, slc_time deadline);
/* Acts on deadlines that passed. */
void loop_expire(struct slc_loop *loop, slc_time now);
slc_time loop_now(void);

/* Puts the connection in the list that the next turn sends. */
void loop_dirty(struct slc_loop *loop, struct loop_conn *c);
/* Hands every dirty connection to the back end. */
void loop_flush(struct slc_loop *loop);
/* No more is taken from the caller; what is queued goes out, then CLOSED with this result. */
void loop_drain(struct slc_loop *loop, struct loop_conn *c, enum slc_status result, int system_error,
                const char *reason);
/* Ends at once. Nothing after the first call changes the result. */
void loop_fail(struct slc_loop *loop, struct loop_conn *c, enum slc_status result, int system_error,
               const char *reason);
/* A listener whose accept was paused may have room again. */
void loop_accept_again(struct slc_loop *loop);

/* Whether one more can be accepted; if not, the listener is paused. */
bool loop_has_room(struct slc_loop *loop, struct loop_conn *listener);

/* What back ends report. */
void loop_accepted(struct slc_loop *loop, struct loop_conn *listener, int fd, const union socket_address *peer);
void loop_accept_failed(struct slc_loop *loop, struct loop_conn *listener, int system_error);
void loop_connected(struct slc_loop *loop, struct loop_conn *c, int system_error);
void loop_received(struct slc_loop *loop, struct loop_conn *c, uint8_t *data, size_t len, uint64_t buffer);
void loop_received_end(struct slc_loop *loop, struct loop_conn *c, int system_error);
/* The next bytes to send, at most LOOP_GATHER pieces; 0: nothing. */
size_t loop_gather(struct slc_loop *loop, struct loop_conn *c, struct iovec *iov);
void loop_sent(struct slc_loop *loop, struct loop_conn *c, size_t len);
void loop_send_failed(struct slc_loop *loop, struct loop_conn *c, int system_error);
void loop_gone(struct slc_loop *loop, struct loop_conn *c);

/* ---- loop_event.c: items and their delivery ---- */

void loop_push(struct loop_list *list, struct loop_item *item);
struct loop_item *loop_pop(struct loop_list *list);
/* Queues an event; the pool holds enough for all there can be. */
struct loop_item *loop_event(struct slc_loop *loop, struct loop_conn *c, enum loop_item_kind kind);
/* Gives back what the last wait lent to the caller. */
void loop_reclaim(struct slc_loop *loop);
/* Reading is on again: what was kept comes first. */
void loop_resume(struct slc_loop *loop, struct loop_conn *c);
/* Turns items into events until `cap` or nothing is left that can be delivered. */
size_t loop_deliver(struct slc_loop *loop, struct slc_loop_event *events, size_t cap);
/* Moves plaintext from the send queue through TLS; SENT for what went in. */
void loop_encrypt(struct slc_loop *loop, struct loop_conn *c);

/* ---- socket.c ---- */

socklen_t socket_address_of(const struct slc_address *address, union socket_address *out);
void socket_address_to(const union socket_address *in, struct slc_address *address);
socklen_t socket_address_len(const union socket_address *address);
/* A TCP socket with TCP_NODELAY, close-on-exec, non-blocking unless `blocking`; -1 with errno. */
int socket_new(const union socket_address *address, bool blocking);
/* The next close() sends a reset. */
void socket_reset_on_close(int fd);
/* ECONNREFUSED is SLC_REFUSED, ETIMEDOUT is SLC_TIMEOUT, the rest SLC_IO. */
enum slc_status socket_status(int system_error);

#endif
