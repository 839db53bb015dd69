/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RUNTIME_H
#define SLUICE_RUNTIME_H

#include "crypto/base/random.h"
#include "crypto/base/time.h"
#include "crypto/sphinx/sphinx.h"
#include "engine/runtime/histogram.h"
#include "net/io/loop.h"
#include "net/wire/mix_packet.h"

/*
 * The threads: workers that own state and do all thinking and cryptography, network threads that move and frame bytes,
 * one timer thread with a wheel (docs/engine.md). The only place with threads, clocks and system calls; what a worker
 * does is a role handed in, and roles know nothing of threads.
 *
 *     control --commands--> worker --tx, due times--> network --> sockets
 *             <--events---         <--whole messages--
 *                                  --arm--> timer --due-->
 *
 * Every ring is single producer, single consumer. When one is full: tx: slc_worker_send() says SLC_AGAIN and the role
 * keeps the frame (backpressure); control of links waits in order for the next turn; rx: the network thread reads
 * nothing until the worker catches up, so TCP pushes back; arm, due: the timer thread takes or hands out the rest next;
 * commands, passes, events: SLC_AGAIN, the caller keeps it and tries again. Nothing is dropped silently.
 */

enum slc_wait { SLC_WAIT_ADAPTIVE, SLC_WAIT_SPIN, SLC_WAIT_BLOCK };

struct slc_runtime_config {
    unsigned workers;   /* >= 1 */
    unsigned networks;  /* >= 1 */
    const int *cpus;    /* CPUs to pin threads to, in the order workers, networks, timer; NULL: not pinned */
    unsigned cpu_count; /* fewer than threads: reused round robin                                          */
    enum slc_wait wait; /* ADAPTIVE: spins a little where there are more CPUs than threads, else blocks    */
    enum slc_loop_backend backend;
    size_t max_connections; /* per network thread */
    size_t small_slots;     /* frames of SLC_SLOT_SMALL bytes per worker (tx), and per network thread (rx)     */
    size_t large_slots;     /* of SLC_SLOT_LARGE                                                               */
    size_t timers;          /* armed entries without further allocation                                        */
    bool node_frames_v8;    /* NODE links send the current frame header; else the legacy one, as real nodes do */
    const char *name; /* at most 5 characters of thread names: "sluic", "mix"                                         */
};

/* A slot holds a whole message; its head room lets WebSocket header, seal and packet head grow to the front in place.
 */
enum {
    SLC_SLOT_HEAD = 64,
    SLC_SLOT_SMALL = 2560,  /* 64 + 2413 packet + 16 tag, rounded: regular and ack packets, control texts */
    SLC_SLOT_LARGE = 33280, /* 64 + 33133 + 16, rounded: the largest packet                                */
};
_Static_assert(SLC_SLOT_HEAD + SLC_REGULAR_PACKET_BYTES + 16 <= SLC_SLOT_SMALL, "a regular packet, sealed");
_Static_assert(SLC_SLOT_HEAD + SLC_LARGEST_PACKET_BYTES + 16 <= SLC_SLOT_LARGE, "the largest packet, sealed");

struct slc_runtime;
struct slc_worker;

/* A connection as workers name it; 0 is none. A stale one is recognised and ignored. */
typedef uint64_t slc_link;

enum slc_protocol {
    SLC_PROTOCOL_WS_CLIENT,
    SLC_PROTOCOL_WS_SERVER,
    SLC_PROTOCOL_NODE, /* node-to-node frames; connect side sends, accept side receives */
};

enum slc_received_kind {
    SLC_RECEIVED_ACCEPTED, /* WS_SERVER: upgrade done on an accepted connection; NODE: accepted. `token`: the listener's
                            */
    SLC_RECEIVED_OPEN, /* our connection is up (upgrade, Noise done); `link` is usable now; `token` as given          */
    SLC_RECEIVED_TEXT,
    SLC_RECEIVED_BINARY,
    SLC_RECEIVED_PACKET, /* NODE: one packet with `rotation` and `size`                                               */
    SLC_RECEIVED_CLOSED, /* last of its link (or of a connect that failed: link 0); `status` says why                 */
};

/* What a network thread hands to a worker. `data` lies in a slot of the network thread: give it back by _release(). */
struct slc_received {
    slc_link link;
    uint64_t token; /* as given to connect or listen, or set by slc_worker_set_token() */
    uint8_t *data;  /* writable; NULL when there is none */
    uint32_t len;
    uint8_t kind;       /* enum slc_received_kind */
    uint8_t status;     /* CLOSED: enum slc_status */
    uint8_t rotation;   /* PACKET: enum slc_rotation */
    uint8_t size;       /* PACKET: enum slc_packet_size */
    slc_time at;        /* when the network thread saw it */
    const char *reason; /* CLOSED: words for a person, which live as long as the process; NULL: none */
};

/* A message between control thread and worker, or between workers; its content is the role's. */
enum { SLC_NOTE_BYTES = 128 };
struct slc_note {
    _Alignas(8) uint8_t bytes[SLC_NOTE_BYTES];
};

/*
 * What a worker does. All calls come on the worker's thread with one `now` per turn; batches are in order of arrival.
 * Any of them may be NULL. `run` comes last in every turn: build and send what the others left; it returns when it
 * next wants to be called even if nothing arrives (SLC_NEVER: not before; now: at once).
 */
struct slc_role {
    void *self;
    void (*start)(void *self, struct slc_worker *w, slc_time now);
    void (*received)(void *self, const struct slc_received *received, size_t n, slc_time now);
    void (*due)(void *self, const uint64_t *tokens, size_t n, slc_time now);
    void (*command)(void *self, const struct slc_note *commands, size_t n, slc_time now); /* from the control thread */
    void (*passed)(void *self, const struct slc_note *notes, size_t n, slc_time now);     /* from other workers      */
    slc_time (*run)(void *self, slc_time now);
    void (*stop)(void *self, slc_time now); /* last call */
};

/* roles: one per worker. Starts nothing yet. */
SLC_MUST_CHECK enum slc_status slc_runtime_new(struct slc_runtime **runtime, const struct slc_runtime_config *config,
                                               const struct slc_role *roles, struct slc_error *error);
SLC_MUST_CHECK enum slc_status slc_runtime_start(struct slc_runtime *runtime, struct slc_error *error);
/* Stops all threads (joins them); roles' stop() is called on their workers. Idempotent. */
void slc_runtime_stop(struct slc_runtime *runtime);
void slc_runtime_free(struct slc_runtime *runtime);

/* ---- control thread (the one that made the runtime) ---- */

/* Before start: listen on network thread `network`; accepted links go to `worker`. `bound` tells the port. */
SLC_MUST_CHECK enum slc_status slc_runtime_listen(struct slc_runtime *runtime, unsigned network, unsigned worker,
                                                  const struct slc_address *address, enum slc_protocol protocol,
                                                  struct slc_tls *tls, uint64_t token, struct slc_address *bound,
                                                  struct slc_error *error);
/* How a NODE listener or connection speaks: Noise with these keys. Before start. NULL keys: raw. */
struct slc_noise_keys {
    uint8_t secret[SLC_KEY_BYTES];
    uint8_t public_key[SLC_KEY_BYTES];
};
void slc_runtime_set_noise(struct slc_runtime *runtime, uint64_t listener_token, const struct slc_noise_keys *keys);

/* SLC_AGAIN: the worker's command ring is full. */
SLC_MUST_CHECK enum slc_status slc_runtime_command(struct slc_runtime *runtime, unsigned worker,
                                                   const struct slc_note *command);
/* Takes up to `cap` events of one worker. */
size_t slc_runtime_events(struct slc_runtime *runtime, unsigned worker, struct slc_note *events, size_t cap);
/* Blocks until some worker has an event or `timeout` (ns) passes. */
void slc_runtime_wait(struct slc_runtime *runtime, slc_time timeout);
/* Ends slc_runtime_wait(), the one in progress or else the next; any thread, and signal handlers. */
void slc_runtime_wake(struct slc_runtime *runtime);
/* Wakes `worker`: its run() is called soon, even if nothing came for it. Any thread. */
void slc_runtime_poke(struct slc_runtime *runtime, unsigned worker);
/*
 * A descriptor that is readable when some worker may have an event or slc_runtime_wake() was called;
 * slc_runtime_heard() makes it unreadable: call it before slc_runtime_events(), and slc_runtime_wake() after it when
 * events may be left. Made at the first call, the runtime's; -1: the process has none left.
 */
int slc_runtime_fd(struct slc_runtime *runtime);
void slc_runtime_heard(struct slc_runtime *runtime);
/* "io_uring (...)" or "poll ..." */
const char *slc_runtime_backend(const struct slc_runtime *runtime);

/* The clock of the whole process. Any thread. */
slc_time slc_now(void);
uint64_t slc_unix_seconds(void);

/* ---- workers: only from a role's calls ---- */

unsigned slc_worker_index(const struct slc_worker *w);
/* A generator of the worker's own, seeded by the system. */
struct slc_random *slc_worker_random(struct slc_worker *w);

/* A tx slot with room for `bytes` after SLC_SLOT_HEAD; NULL: none free now (backpressure). */
uint8_t *slc_worker_slot(struct slc_worker *w, size_t bytes);
/* Gives back a slot that was not sent. */
void slc_worker_slot_drop(struct slc_worker *w, uint8_t *slot);

/*
 * Sends what stands in a tx slot, at `due` (0 or past: now) but not before; frames of one link leave in order of due,
 * then of this call. `data` points into `slot`: a finished WebSocket frame, or on a NODE link one byte of
 * enum slc_rotation and then the packet. The slot is the runtime's from here on SLC_OK.
 * SLC_AGAIN: the ring is full; SLC_CLOSED: the link is gone (slot still the caller's in both cases).
 */
SLC_MUST_CHECK enum slc_status slc_worker_send(struct slc_worker *w, slc_link link, uint8_t *slot, const uint8_t *data,
                                               size_t len, slc_time due);
/*
 * Frames of a link that were due and are not written yet, as its network thread saw them last: what a peer that does
 * not read makes grow. 0 for a stale link and for NODE links.
 */
size_t slc_worker_waiting(const struct slc_worker *w, slc_link link);
/* Connects to `address`; OPEN or CLOSED follows with `token`. host: Host header and TLS name; "" : the address. */
SLC_MUST_CHECK enum slc_status slc_worker_connect(struct slc_worker *w, const struct slc_address *address,
                                                  const char *host, enum slc_protocol protocol, struct slc_tls *tls,
                                                  const uint8_t *noise_peer_key, uint64_t token);
void slc_worker_set_token(struct slc_worker *w, slc_link link, uint64_t token);
/* Closes; frames not yet due are dropped, those before it that were due are handed to TCP first. CLOSED still follows.
 */
void slc_worker_close(struct slc_worker *w, slc_link link, bool reset);
/* Gives back the slot of a received message (its `data`); needed exactly once for each non-NULL data. */
void slc_worker_release(struct slc_worker *w, const struct slc_received *received);

/* due() gets `token` when `deadline` has come. */
void slc_worker_arm(struct slc_worker *w, slc_time deadline, uint64_t token);
/* To another worker's passed(). SLC_AGAIN: full; SLC_BAD_ARGUMENT: no such worker, or this one. */
SLC_MUST_CHECK enum slc_status slc_worker_pass(struct slc_worker *w, unsigned to, const struct slc_note *note);
/* To the control thread. SLC_AGAIN: full; keep it and try in the next run(). */
SLC_MUST_CHECK enum slc_status slc_worker_event(struct slc_worker *w, const struct slc_note *event);

/* ---- what threads did (docs/engine.md, "Numbers the engine keeps") ---- */

enum slc_thread_kind {
    SLC_THREAD_WORKER,
    SLC_THREAD_NETWORK,
    SLC_THREAD_TIMER,
    SLC_THREAD_STORAGE, /* the engine's: turns are transactions, frames_in records; backpressured: waiting for the disk
                         */
};

struct slc_thread_report {
    enum slc_thread_kind kind;
    unsigned index;
    char name[16];
    int cpu;                                             /* pinned to, or -1 */
    slc_time busy, starved, backpressured, housekeeping; /* ns since start                                        */
    uint64_t turns;
    uint64_t frames_in, frames_out, bytes_in, bytes_out; /* network                                               */
    uint64_t system_calls;                               /* network                                               */
    uint64_t ring_full;                                  /* how often a ring was found full                        */
    uint64_t frames_dropped; /* network: the connection was gone, or its peer does not read */
    uint64_t late_frames;    /* network: left more than 1 ms after their due time      */
    slc_time latest;         /* network, timer: the worst lateness                     */
};
/* Fills up to `cap` rows: workers, networks, timer. Any thread; numbers are of the moment. */
size_t slc_runtime_report(const struct slc_runtime *runtime, struct slc_thread_report *rows, size_t cap);
/* Adds how long after their due times frames left since start; frames without one are not in it. Any thread. */
void slc_runtime_lateness(const struct slc_runtime *runtime, struct slc_histogram *lateness);

#endif
