/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_PEERS_ABI_H
#define SLUICE_PEERS_ABI_H

#include <stddef.h>
#include <stdint.h>

/*
 * The contract between `sluice bench` and the library of published crates (bench/peers/src/lib.rs has the other half).
 * The library is loaded at run time, so that Sluice builds without Rust. It lists contenders; each does one kind of
 * work as its crate's users do it, with the crate's own randomness. Everything is called from one thread.
 */

enum { SLC_BENCH_PEERS_ABI = 1 };

/* The kinds of work, and what one unit of each is. */
#define SLC_BENCH_PACKETS   "packets"   /* an ack packet, and a data packet that carries it; finished bytes      */
#define SLC_BENCH_MESSAGES  "messages"  /* the same from a fragment: key agreement with the recipient in front   */
#define SLC_BENCH_OPEN      "open"      /* a packet's bytes opened by a forward hop                              */
#define SLC_BENCH_SEAL      "seal"      /* a frame sealed                                                        */
#define SLC_BENCH_UNSEAL    "unseal"    /* a frame opened                                                        */
#define SLC_BENCH_SURBS     "surbs"     /* a reply SURB made, serialised                                         */
#define SLC_BENCH_SURBS_USE "surbs-use" /* a packet from a SURB's bytes and a plaintext                          */
#define SLC_BENCH_RECEIVE   "receive"   /* a key and a sealed fragment, `bytes` in all: agreement, then decryption  */

struct slc_bench_setup {
    uint32_t nodes; /* in each of the three layers                                             */
    uint32_t hops;  /* of a route, the gateway's included                                      */
    uint32_t bytes; /* plaintext of a data packet, or of a frame                               */
};

struct slc_bench_peer {
    const char *work;    /* one of the above              */
    const char *name;    /* the crate                     */
    const char *version; /* exactly what was compiled     */
    /* State for `run`; NULL: cannot do that. Freed by `close`. */
    void *(*open)(const struct slc_bench_setup *setup);
    /* Does `units` units of work; 0: something failed, and the figures mean nothing. */
    uint8_t (*run)(void *state, size_t units);
    void (*close)(void *state);
};

/* Exported as "slc_bench_peers". NULL when the library speaks another `abi`. The array is static. */
typedef const struct slc_bench_peer *slc_bench_peers_fn(uint32_t abi, size_t *count);

#endif
