/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RUNTIME_INTERNAL_H
#define SLUICE_RUNTIME_INTERNAL_H

#include "engine/runtime/parker.h"
#include "engine/runtime/ring.h"
#include "engine/runtime/runtime.h"
#include "engine/runtime/wheel.h"
#include "net/io/pool.h"
#include "net/wire/node_link.h"
#include "net/wire/websocket.h"

#include <pthread.h>
#include <stdatomic.h>

/* What the files of the runtime share: the threads, and the rings between them. */

enum {
    MAX_WORKERS = 64,
    MAX_NETWORKS = 16,
    BATCH = 256, /* elements taken from a ring at once */
};

/* Numbers of one thread: it alone writes, others read relaxed. */
struct thread_numbers {
    _Atomic uint64_t busy, starved, backpressured, housekeeping, turns;
    _Atomic uint64_t frames_in, frames_out, bytes_in, bytes_out, system_calls, ring_full, late_frames, latest,
        frames_dropped;
};

static inline void count(_Atomic uint64_t *number, uint64_t by)
{
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + by, memory_order_relaxed);
}

static inline void count_highest(_Atomic uint64_t *number, uint64_t value)
{
    if (value > atomic_load_explicit(number, memory_order_relaxed)) {
        atomic_store_explicit(number, value, memory_order_relaxed);
    }
}

struct thread {
    pthread_t handle;
    bool running;
    char name[16];
    int cpu; /* -1: anywhere */
    struct thread_numbers numbers;
};

/* Two classes of slots of one owner. */
struct slots {
    struct slc_pool small, large;
};

enum slc_status slots_init(struct slots *slots, size_t small, size_t large);
void slots_free(struct slots *slots);
uint8_t *slots_take(struct slots *slots, size_t bytes);
void slots_give(struct slots *slots, uint8_t *slot);

/* ---- worker to network ---- */

enum tx_kind { TX_SEND, TX_CONNECT, TX_TOKEN, TX_CLOSE, TX_RESET };

struct tx {
    slc_link link;
    uint8_t *slot;
    const uint8_t *data;
    slc_time due;
    uint64_t token;                  /* TX_TOKEN, TX_CONNECT                                    */
    struct connect_request *connect; /* TX_CONNECT: allocated by the worker, freed by network   */
    uint32_t len;
    uint8_t kind;
};

struct connect_request {
    struct slc_address address;
    enum slc_protocol protocol;
    struct slc_tls *tls;
    bool has_noise_key;
    uint8_t noise_key[SLC_KEY_BYTES];
    char host[256];
};

/* The rings of one (worker, network) pair. */
struct channel {
    struct slc_ring tx;       /* worker -> network: struct tx            */
    struct slc_ring sent;     /* network -> worker: uint8_t * tx slots   */
    struct slc_ring rx;       /* network -> worker: struct slc_received  */
    struct slc_ring released; /* worker -> network: uint8_t * rx slots   */
};

/* Control of links that found the tx ring full; in order. */
struct kept_tx {
    struct tx *tx;
    size_t len, cap;
};

struct slc_worker {
    struct slc_runtime *runtime;
    struct slc_role role;
    unsigned index;
    struct thread thread;
    struct slc_parker parker;
    struct slots slots;
    struct slc_random random;
    struct slc_ring command;             /* control -> worker */
    struct slc_ring event;               /* worker -> control */
    struct slc_ring arm;                 /* worker -> timer: struct slc_timer_entry */
    struct slc_ring due;                 /* timer -> worker: uint64_t tokens */
    struct slc_ring pass[MAX_WORKERS];   /* from worker i -> this: struct slc_note */
    struct slc_timer_entry armed[BATCH]; /* gathered in a turn, pushed at its end */
    size_t armed_count;
    struct kept_tx kept[MAX_NETWORKS];
    slc_time armed_earliest;
    uint64_t wake_networks, wake_workers; /* bit sets: whom to wake at the end of the turn */
    bool wake_control;
    bool backpressured; /* this turn met a full ring or an empty pool */
};

/* A connection of a network thread. */
struct link {
    slc_conn conn; /* 0: unused */
    uint64_t token;
    uint32_t generation;
    uint32_t next_free;
    uint16_t worker;
    uint8_t protocol;
    bool open;     /* upgrade or handshake done, the worker knows the link */
    bool outgoing; /* we connected */
    bool closing;
    bool resetting;   /* in `resets` */
    uint16_t replies; /* slots of replies that its peer has not taken yet */
    slc_time give_up; /* while not open */
    struct connect_request *request;
    union {
        struct slc_ws *ws;
        struct slc_node_link *node;
    };
};

/* A frame between the tx ring and the socket. */
struct frame {
    slc_time due;
    const uint8_t *data;
    uint8_t *slot; /* NULL: `data` is in one of the network's own reply slots */
    uint32_t len;
    uint32_t link;
    uint32_t generation;
    uint32_t next;
    uint16_t worker;
};

enum { CALENDAR = 4096 }; /* pages of a quarter of a millisecond: 1 s; look-aheads are far shorter */

struct listener {
    slc_conn conn;
    uint64_t token;
    uint16_t worker;
    uint8_t protocol;
    bool has_noise;
    struct slc_noise_keys noise;
    struct slc_address bound;
};
enum { MAX_LISTENERS = 1024 };

struct network {
    struct slc_runtime *runtime;
    unsigned index;
    struct thread thread;
    struct slc_loop *loop;
    struct slc_random random;
    struct slots slots;                  /* rx */
    struct slc_pool carry;               /* messages that straddle reads */
    struct slc_pool states;              /* WebSocket or node link state per connection */
    struct slc_pool replies;             /* upgrade answers, pongs, handshakes */
    uint32_t *reply_owner;               /* per slot of it: the link           */
    struct slc_pool node_carry;          /* node frames that straddle reads */
    struct slc_pool node_out;            /* node frames on their way */
    uint8_t noise_secret[SLC_KEY_BYTES]; /* of our connecting side; any key is accepted */
    struct link *links;
    _Atomic uint64_t *waiting; /* per link: its generation, and in the lower half its frames due and not written */
    size_t link_count;
    uint32_t free_link;
    struct frame *frames;
    uint32_t frame_count, free_frame;
    uint32_t calendar[CALENDAR], calendar_tail[CALENDAR];
    uint64_t calendar_tick; /* page up to which frames have been released */
    size_t calendar_held;
    struct listener listeners[MAX_LISTENERS];
    size_t listener_count;
    slc_link *resets; /* ordered in this turn, due after the loop has sent what came before */
    size_t reset_count;
    slc_time next_sweep;
    uint64_t wake_workers;
    struct slc_histogram lateness; /* of frames that had a due time */
};

struct timer_thread {
    struct slc_runtime *runtime;
    struct thread thread;
    struct slc_parker parker;
    struct slc_wheel *wheel;
    _Atomic uint64_t next_wake; /* when it will look by itself */
};

struct slc_runtime {
    struct slc_runtime_config config;
    unsigned workers, networks;
    struct slc_worker *worker[MAX_WORKERS];
    struct network *network[MAX_NETWORKS];
    struct channel *channel[MAX_WORKERS][MAX_NETWORKS];
    struct timer_thread timer;
    struct slc_parker control;
    _Atomic bool woken;            /* by slc_runtime_wake(), since control last waited                  */
    _Atomic int fd;                /* control's eventfd; -1: nobody asked for it                        */
    _Atomic bool fd_written;       /* since control last read it: one system call wakes for many events */
    _Atomic bool stopping;         /* workers leave */
    _Atomic bool stopping_network; /* then networks and timer */
    bool started;
    char name[6];
};

void *worker_main(void *worker);
void *network_main(void *network);
void *timer_main(void *timer);
enum slc_status network_init(struct network *network, struct slc_error *error);
void network_free(struct network *network);
/* Pins and names the calling thread. */
void thread_begin(const struct thread *thread);
/* A worker has events. */
void runtime_wake_control(struct slc_runtime *runtime);
bool runtime_stopping(const struct slc_runtime *runtime);

/* ---- what network.c and network_link.c share ---- */

/*
 * A slot for a reply (upgrade, pong, handshake) on a link. NULL: its peer asks and does not take the answers, so that
 * only this link may suffer. Each link finds its first slot, whatever others do.
 */
uint8_t *network_reply_slot(struct network *n, uint32_t link);
/* Sends a reply slot; it comes home when sent, at once when there is nothing in it. */
void network_reply(struct network *n, uint32_t link, uint8_t *slot, size_t len);
/* Copies a message into an rx slot and hands it to the link's worker; waits for room (TCP pushes back meanwhile). */
void network_deliver(struct network *n, struct slc_received received, uint16_t worker, const uint8_t *data);
slc_link network_link_name(const struct network *n, uint32_t link);
void network_fail(struct network *n, uint32_t link, enum slc_status why, const char *reason);
/* Cookies of the loop: a frame's index, or with one of these bits the place of a slot in a pool of ours. */
#define REPLY_COOKIE (UINT64_C(1) << 63)
#define NODE_COOKIE  (UINT64_C(1) << 62)

/* Protocol side of a link. */
bool link_begin(struct network *n, uint32_t link, const struct slc_noise_keys *noise);
void link_connected(struct network *n, uint32_t link, slc_time now);
void link_data(struct network *n, uint32_t link, uint8_t *data, size_t len, slc_time now);
void link_end(struct network *n, uint32_t link);
void link_failed(struct network *n, uint32_t link, enum slc_status why);
void link_opened(struct network *n, uint32_t link, slc_time now);

/* Node-to-node links (network_node.c). */
bool node_begin(struct network *n, uint32_t link, void *state, const struct slc_noise_keys *noise);
void node_connected(struct network *n, uint32_t link, slc_time now);
void node_data(struct network *n, uint32_t link, uint8_t *data, size_t len, slc_time now);
/* data: a rotation tag, then the packet; copied. False: dropped, nothing was sent. */
bool node_send(struct network *n, uint32_t link, const uint8_t *data, size_t len);
void node_end(struct slc_node_link *node);

#endif
