/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SPHINX_INTERNAL_H
#define SLUICE_SPHINX_INTERNAL_H

#include "crypto/sphinx/sphinx.h"

/*
 * What the files of this room share: the scratch, and the two stages every build goes through.
 *
 * Stage one makes headers: the key schedule runs hop by hop over the whole batch, because the curve gains from many
 * jobs on one node's table; all that follows works on tiles of a few dozen jobs, whose memory stays in the near caches.
 * Stage two encrypts payloads, tile by tile, jobs of one size together. A SURB takes the first stage only, the use of
 * a SURB only the second.
 */

enum {
    SLC_HEADER_TILE = 32,  /* keystreams of a tile: 32 * 4 * 360 = 46 KB    */
    SLC_PAYLOAD_TILE = 16, /* the widest lanes; 16 * 2065 = 33 KB           */
    SLC_OPEN_TILE = 64,    /* one layer per packet only: full lanes count more */
    SLC_FORWARD_HOPS = SLC_MAX_HOPS - 1,
};

/* Where things stand in expanded secrets (chapter 1, section 4.2). */
enum {
    SLC_ESS_STREAM = 0,
    SLC_ESS_MAC = 16,
    SLC_ESS_PAYLOAD = 32, /* an explicit key of 192 bytes, or a seed of 16 */
    SLC_ESS_BLINDING = 224,
    SLC_ESS_TAG = 256,
    SLC_ESS_FORWARD_BYTES = 256, /* a creator never needs the tag */
};

/* Where things stand in a header, and in decrypted routing information (sections 3, 3.1 and 3.2). */
enum {
    SLC_HEADER_MAC = 32,
    SLC_HEADER_ROUTING = 48,
    SLC_FLAG_FORWARD = 1,
    SLC_FLAG_FINAL = 2,
    SLC_NODE_META = 44,        /* flag 1, version 3, address 32, delay 8       */
    SLC_FINAL_META = 52,       /* flag 1, version 3, address 32, identifier 16 */
    SLC_SHORTEST_PAYLOAD = 33, /* LIONESS needs one byte beyond its left half */
    SLC_LONGEST_PAYLOAD = SLC_LARGEST_PACKET_BYTES - SLC_HEADER_BYTES,
};
_Static_assert(SLC_NODE_META + SLC_MAC_BYTES == SLC_ROUTING_STEP, "a step is the node's part and the next MAC");
_Static_assert(SLC_ESS_BLINDING == SLC_ESS_PAYLOAD + SLC_PAYLOAD_KEY_BYTES, "section 4.2");
_Static_assert(SLC_ESS_TAG + SLC_REPLAY_TAG_BYTES == SLC_EXPANDED_BYTES, "section 4.2");

/* A header to make: job j of stage one. */
struct slc_header_job {
    const struct slc_route *route; /* checked */
    uint8_t *out;                  /* SLC_HEADER_BYTES */
};

/* What stage one leaves behind for hop h of job j; one cache line. */
struct slc_hop_keys {
    uint8_t stream[16];
    uint8_t mac[SLC_MAC_BYTES];
    uint8_t seed[SLC_PAYLOAD_SEED_BYTES];
    uint8_t unused[16];
};
_Static_assert(sizeof(struct slc_hop_keys) == 64, "one cache line");

/* A payload to encrypt, last hop's layer first. */
struct slc_payload_job {
    uint8_t *payload;
    const uint8_t *keys; /* hop 0's seed or explicit key; the next hop's `stride` bytes on */
    size_t bytes;        /* 0: done                                                        */
    uint32_t stride;
    uint8_t hops;
    bool explicit_keys;
};

/* A packet being opened; slot i of a tile belongs to its job i. */
struct slc_open_slot {
    uint8_t expanded[SLC_EXPANDED_BYTES];
    uint8_t routing[SLC_KEYSTREAM_BYTES];
    uint8_t payload_key[SLC_PAYLOAD_KEY_BYTES];
    uint8_t secret[SLC_KEY_BYTES];
    uint8_t alpha[SLC_KEY_BYTES];
    uint8_t mac[SLC_MAC_BYTES];
};

struct slc_sphinx_scratch {
    size_t batch;
    size_t bytes; /* of the whole allocation, this struct included */
    bool explicit_used;

    /* `batch` of each: */
    struct slc_header_job *header;
    struct slc_payload_job *payload;
    struct slc_curve_job *curve_job;
    struct slc_scalar *scalar;
    uint8_t (*secret)[SLC_KEY_BYTES];
    struct slc_hop_keys (*hop_keys)[SLC_MAX_HOPS];
    uint8_t (*explicit_key)[SLC_MAX_HOPS][SLC_PAYLOAD_KEY_BYTES]; /* touched for version 258 only */
    void *curve;                                                  /* slc_curve_scratch_bytes(batch) */

    /* One tile of each: */
    uint8_t (*expanded)[SLC_ESS_FORWARD_BYTES];                  /* SLC_HEADER_TILE  */
    uint8_t (*keystream)[SLC_FORWARD_HOPS][SLC_KEYSTREAM_BYTES]; /* SLC_HEADER_TILE  */
    uint8_t (*payload_key)[SLC_PAYLOAD_KEY_BYTES];               /* SLC_PAYLOAD_TILE * SLC_MAX_HOPS */
    struct slc_open_slot *slot;                                  /* SLC_OPEN_TILE    */
    void *alpha_tables;                                          /* slc_own_table_bytes(SLC_OPEN_TILE) */
};

/* SLC_OK, SLC_BAD_ROUTE (hops, or a hop or randomness that is not there), SLC_UNSUPPORTED (version). */
SLC_MUST_CHECK enum slc_status slc_route_check(const struct slc_route *route);

/* Stage one for header[0 .. count): key schedule and headers; leaves hop_keys and, for version 258, explicit_key. */
void slc_headers_build(struct slc_sphinx_scratch *scratch, size_t count);
/* Its first half (schedule.c): alphas into the headers, keys of every hop. */
void slc_schedule_run(struct slc_sphinx_scratch *scratch, size_t count);

/* SLC_OK or SLC_BAD_PAYLOAD (section 5.4). */
SLC_MUST_CHECK enum slc_status slc_payload_check(size_t plaintext_bytes, size_t payload_bytes);
/* Writes zeros, plaintext, marker and zeros; checked sizes. */
void slc_payload_fill(uint8_t *payload, size_t payload_bytes, struct slc_bytes plaintext);
/* Stage two for payload[0 .. count), filled; the smallest first; consumes the jobs. */
void slc_payloads_encrypt(struct slc_sphinx_scratch *scratch, size_t count);
/* The plaintext inside a decrypted payload, as a view (section 7, step 13). SLC_OK or SLC_BAD_PAYLOAD. */
SLC_MUST_CHECK enum slc_status slc_payload_recover(const uint8_t *payload, size_t payload_bytes,
                                                   struct slc_bytes *plaintext);

/* Wipes what a batch of `count` live jobs left behind. */
void slc_sphinx_scratch_wipe(struct slc_sphinx_scratch *scratch, size_t count);

static inline enum slc_status slc_batch_status(size_t succeeded, size_t n)
{
    return succeeded == n ? SLC_OK : SLC_PARTIAL;
}

#endif
