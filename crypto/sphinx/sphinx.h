/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SPHINX_H
#define SLUICE_SPHINX_H

#include "crypto/base/bytes.h"
#include "crypto/base/error.h"
#include "crypto/curve/curve.h"
#include "crypto/lanes/lanes.h"

/*
 * Sphinx packets in batches (docs/protocol/1-sphinx.md).
 *
 * A job names a route and a plaintext; a batch turns many jobs into packets at once, hop by hop. The bytes of a
 * packet depend on its job alone, never on its neighbours, the batch's size or the back end. A job that fails says so
 * in its own status and leaves the others unharmed. No allocation, no system call after slc_sphinx_scratch_new().
 * Threads: one scratch, one thread; node keys are shared read-only.
 */

/* ---- sizes (chapter 1, sections 2.1 and 9.1) ---- */

enum {
    SLC_MAX_HOPS = 5,
    SLC_ADDRESS_BYTES = 32,     /* a node's address as it stands in headers and SURBs   */
    SLC_DESTINATION_BYTES = 32, /* a client's Ed25519 identity                          */
    SLC_IDENTIFIER_BYTES = 16,
    SLC_ROUTING_STEP = 60,     /* 1 flag + 3 version + 32 address + 8 delay + 16 MAC   */
    SLC_ROUTING_BYTES = 300,   /* 5 hops x 60                                          */
    SLC_KEYSTREAM_BYTES = 360, /* one step more, for the filler                        */
    SLC_HEADER_BYTES = 348,    /* 32 alpha + 16 MAC + 300 routing information          */
    SLC_PAYLOAD_OVERHEAD = 17, /* 16 leading zeros + 1 marker                          */
    SLC_PACKET_OVERHEAD = 365, /* 348 + 17                                             */
    SLC_REPLAY_TAG_BYTES = 32,
};
_Static_assert(SLC_HEADER_BYTES == 32 + SLC_MAC_BYTES + SLC_ROUTING_BYTES, "alpha, MAC, routing information");
_Static_assert(SLC_ROUTING_BYTES == SLC_MAX_HOPS * SLC_ROUTING_STEP, "five steps");

/* Tags as they stand in node-to-node frames; note the order of the extended ones. */
enum slc_packet_size {
    SLC_SIZE_REGULAR = 1,
    SLC_SIZE_ACK = 2,
    SLC_SIZE_EXTENDED_32 = 3,
    SLC_SIZE_EXTENDED_8 = 4,
    SLC_SIZE_EXTENDED_16 = 5,
};
enum {
    SLC_ACK_PLAINTEXT_BYTES = 21,
    SLC_ACK_PACKET_BYTES = SLC_ACK_PLAINTEXT_BYTES + SLC_PACKET_OVERHEAD, /* 386   */
    SLC_REGULAR_PACKET_BYTES = 2048 + SLC_PACKET_OVERHEAD,                /* 2413  */
    SLC_LARGEST_PACKET_BYTES = 32768 + SLC_PACKET_OVERHEAD,               /* 33133 */
};
/* Bytes of plaintext, or of the whole packet, of a size; 0 for a value that is not a size. */
size_t slc_plaintext_bytes(enum slc_packet_size size);
size_t slc_packet_bytes(enum slc_packet_size size);
/* The size of a packet of `bytes` bytes, or of a plaintext; SLC_UNSUPPORTED when there is none. */
SLC_MUST_CHECK enum slc_status slc_packet_size_of(size_t bytes, enum slc_packet_size *size);
SLC_MUST_CHECK enum slc_status slc_packet_size_of_plaintext(size_t bytes, enum slc_packet_size *size);

/* Versions inside the encrypted routing information (section 3.3). We send 259 for everything. */
enum slc_sphinx_version {
    SLC_SPHINX_EXPLICIT_KEYS = 258,
    SLC_SPHINX_SEEDS = 259,
    SLC_SPHINX_SINGLE_SEED = 260,
};

/* ---- routes ---- */

/* A node as a hop: where packets for it go and what encrypts for it. Owned by whoever made it; immutable. */
struct slc_hop {
    uint8_t address[SLC_ADDRESS_BYTES];
    const struct slc_curve_table *key;
};

/* What a header is made of; used alike for packets and SURBs. */
struct slc_route {
    const struct slc_hop *hop[SLC_MAX_HOPS];
    uint64_t delay_ns[SLC_MAX_HOPS];
    uint8_t hops; /* 1 .. 5; anything else fails the job with SLC_BAD_ROUTE */
    uint16_t version;
    uint8_t destination[SLC_DESTINATION_BYTES];
    uint8_t identifier[SLC_IDENTIFIER_BYTES]; /* zeros in Nym */
    const uint8_t *random; /* slc_route_random_bytes(hops) fresh bytes: initial secret (32), then final padding */
};
/* 32 + 248 - 60 (hops - 1): the randomness one header consumes; 0 when hops is out of range. */
size_t slc_route_random_bytes(unsigned hops);
enum { SLC_ROUTE_RANDOM_MAX = 280 };

/* ---- building ---- */

struct slc_sphinx_scratch;
/* Scratch for batches of up to `batch` jobs (some 1.5 KiB a job); allocates. SLC_BAD_ARGUMENT: batch 0 or absurd. Free
 * takes NULL and wipes. */
SLC_MUST_CHECK enum slc_status slc_sphinx_scratch_new(struct slc_sphinx_scratch **scratch, size_t batch);
void slc_sphinx_scratch_free(struct slc_sphinx_scratch *scratch);

struct slc_packet_job {
    struct slc_route route;
    struct slc_bytes plaintext; /* at most payload_bytes - 17; may not overlap `out`                           */
    size_t payload_bytes;       /* slc_plaintext_bytes(size) + 17; any value from 33 works (tests)             */
    uint8_t *out;               /* 348 + payload_bytes bytes; caller's                                         */
    enum slc_status status;     /* SLC_OK, SLC_BAD_ROUTE, SLC_UNSUPPORTED (version), SLC_BAD_PAYLOAD           */
};

/*
 * Builds n packets. SLC_OK when all succeeded, SLC_PARTIAL when some failed (their `out` is untouched),
 * SLC_BAD_ARGUMENT when n is more than the scratch's batch. Section 5.
 *
 * An ack is best built inside the data packet that carries it, in the same batch: hops of both share lanes, and nothing
 * is copied. Its `out` then lies where its bytes belong in the data packet's payload (out + 348 + 16 + the place in the
 * plaintext), and its job comes after the data packet's, whose payload must be the larger. What the plaintext has there
 * does not matter, unless the ack fails: then the data packet carries it.
 */
SLC_MUST_CHECK enum slc_status slc_packets_build(struct slc_sphinx_scratch *scratch, struct slc_packet_job *jobs,
                                                 size_t n);

/* ---- SURBs (section 6) ---- */

enum {
    SLC_SURB_HEAD_BYTES = SLC_HEADER_BYTES + SLC_ADDRESS_BYTES,           /* 380 */
    SLC_SURB_BYTES = SLC_SURB_HEAD_BYTES + 4 * SLC_PAYLOAD_SEED_BYTES,    /* 444: four hops            */
    SLC_SURB_MAX_BYTES = SLC_SURB_HEAD_BYTES + 4 * SLC_PAYLOAD_KEY_BYTES, /* 1148: four explicit keys  */
    SLC_RECOVERY_MAX_BYTES = SLC_IDENTIFIER_BYTES + SLC_MAX_HOPS * SLC_PAYLOAD_SEED_BYTES,
};

struct slc_surb_job {
    struct slc_route route; /* version 259, or 260 with a non-zero identifier and `recovery`; else SLC_BAD_SURB */
    uint8_t *out;           /* 259: 380 + 16 hops bytes; 260: 396                                               */
    size_t out_len;         /* result                                                                           */
    uint8_t *recovery;      /* 260 only: 16 + 16 hops bytes for the creator; else NULL                          */
    enum slc_status status;
};
SLC_MUST_CHECK enum slc_status slc_surbs_build(struct slc_sphinx_scratch *scratch, struct slc_surb_job *jobs, size_t n);

/* Uses one SURB: a packet from its header and its keys. No public-key operation. */
struct slc_surb_use {
    struct slc_bytes surb;      /* 380 + 16 k bytes, 1 <= k <= 5; `explicit_keys`: 380 + 768                    */
    bool explicit_keys;         /* four full payload keys: only from a first-generation SURB list (chapter 2)   */
    struct slc_bytes plaintext; /* at most payload_bytes - 17                                                   */
    size_t payload_bytes;
    uint8_t *out; /* 348 + payload_bytes bytes                                                    */
    uint8_t first_hop[SLC_ADDRESS_BYTES]; /* result: where the packet goes                                      */
    enum slc_status status;               /* SLC_OK, SLC_BAD_SURB, SLC_BAD_PAYLOAD                              */
};
SLC_MUST_CHECK enum slc_status slc_surbs_use(struct slc_sphinx_scratch *scratch, struct slc_surb_use *jobs, size_t n);

/* Checks a serialised SURB's length (section 6.1): SLC_OK or SLC_BAD_SURB. */
SLC_MUST_CHECK enum slc_status slc_surb_check(struct slc_bytes surb, bool explicit_keys);

/*
 * Version 260: turns the payload that reached the creator back into the plaintext, in place (section 6.4).
 * `*plaintext` points into `payload`.
 */
SLC_MUST_CHECK enum slc_status slc_surb_recover(struct slc_bytes recovery, uint8_t *payload, size_t payload_bytes,
                                                struct slc_bytes *plaintext);

/* ---- opening at a node (section 7, steps 2 to 13) ---- */

enum slc_open_kind { SLC_OPEN_FORWARD = 1, SLC_OPEN_FINAL = 2 };

struct slc_open_job {
    const uint8_t *node_secret; /* 32 bytes, the node's X25519 secret for the packet's rotation                 */
    uint8_t *packet;            /* opened in place: forward: the next packet, same size; final: payload opened  */
    size_t packet_bytes;
    uint8_t kind;                             /* result: enum slc_open_kind                                     */
    uint16_t version;                         /* result                                                         */
    uint64_t delay_ns;                        /* result, forward; not clamped                                   */
    uint8_t address[SLC_ADDRESS_BYTES];       /* result: next hop's address, or the destination                 */
    uint8_t identifier[SLC_IDENTIFIER_BYTES]; /* result, final                                                  */
    uint8_t tag[SLC_REPLAY_TAG_BYTES];        /* result: check and set it before any side effect                */
    struct slc_bytes plaintext;               /* result, final: points into `packet`                            */
    /* SLC_TOO_SHORT, SLC_TOO_LONG, SLC_BAD_MAC, SLC_BAD_ROUTE (packet unchanged by these), SLC_BAD_PAYLOAD */
    enum slc_status status;
};

/*
 * Opens n packets, for any mixture of nodes, sizes and versions. SLC_OK when all opened, SLC_PARTIAL when some failed,
 * SLC_BAD_ARGUMENT when n is more than the scratch's batch.
 * After SLC_BAD_MAC the packet's bytes are unchanged, so that the other rotation's key can be tried.
 */
SLC_MUST_CHECK enum slc_status slc_packets_open(struct slc_sphinx_scratch *scratch, struct slc_open_job *jobs,
                                                size_t n);

#endif
