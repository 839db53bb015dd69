/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <sodium.h>

#include "net/wire/node_link.h"

/*
 * A link between nodes. Byte 0: bit 0 raw bytes at a sniffing acceptor, else the bytes are the plaintext of a Noise
 * session; bytes 1 and 2 seed the pieces. However the stream is cut, and whether it went through Noise or not, the
 * packets are the same.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slc_pool pool;
static const uint8_t secret[2][32] = {{1}, {2}};
static const uint8_t ephemeral[2][32] = {{3}, {4}};

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void begin(struct slc_node_link *link, enum slc_node_link_role role, enum slc_node_link_mode mode)
{
    /* X25519 of the secret {2, 0, ...} and the base point. */
    static uint8_t acceptor_key[32];
    if (acceptor_key[0] == 0) (void)crypto_scalarmult_base(acceptor_key, secret[SLC_NODE_LINK_ACCEPTOR]);
    struct slc_node_link_config config = {.role = role,
                                          .mode = mode,
                                          .send_version = SLC_NODE_FRAME_V7,
                                          .static_secret = secret[role],
                                          .peer_key = acceptor_key,
                                          .ephemeral = ephemeral[role],
                                          .carry_pool = &pool};
    if (slc_node_link_init(link, &config) != SLC_OK) abort();
}

/* Feeds bytes in pieces (`seed` 0: at once) and adds what they give to the hash. */
static uint64_t feed(struct slc_node_link *link, uint64_t hash, const uint8_t *data, size_t size, unsigned seed,
                     struct slc_writer *reply)
{
    for (size_t at = 0; at < size;) {
        size_t piece = size - at;
        if (seed != 0) {
            seed = (seed * 1103515245u + 12345u) | 1u;
            size_t most = (seed >> 16) % 4 == 0 ? 5000 : 40;
            piece = 1 + (seed >> 18) % most;
            if (piece > size - at) piece = size - at;
        }
        uint8_t *copy = malloc(piece);
        if (copy == NULL) abort();
        memcpy(copy, data + at, piece);
        at += piece;
        slc_node_link_feed(link, copy, piece);
        struct slc_node_link_event event;
        while (slc_node_link_next(link, &event, reply)) {
            if (event.kind == SLC_NODE_LINK_READY) continue;
            uint32_t about[4] = {event.kind, event.size, event.rotation, event.status};
            hash = hash_bytes(hash, about, sizeof about);
            if (event.kind == SLC_NODE_LINK_FAILED) continue;
            if (event.packet_bytes != slc_packet_bytes(event.size)) abort();
            hash = hash_bytes(hash, event.packet, event.packet_bytes);
            memset(event.packet, 0xee, event.packet_bytes);
        }
        free(copy);
    }
    return hash;
}

static uint64_t play_raw(const uint8_t *data, size_t size, enum slc_node_link_mode mode, unsigned seed)
{
    struct slc_node_link link;
    uint8_t room[SLC_NODE_LINK_REPLY_MAX];
    struct slc_writer reply = slc_writer(room, sizeof room);
    begin(&link, SLC_NODE_LINK_ACCEPTOR, mode);
    uint64_t hash = feed(&link, 1, data, size, seed, &reply);
    slc_node_link_drop(&link);
    if (pool.taken != 0) abort();
    return hash;
}

/* The same bytes as the plaintext of a session, in data frames whose lengths come from the seed. */
static uint64_t play_noise(const uint8_t *data, size_t size, unsigned seed, unsigned pieces)
{
    struct slc_node_link connector, acceptor;
    uint8_t hello[SLC_NODE_LINK_REPLY_MAX], answer[SLC_NODE_LINK_REPLY_MAX], last[SLC_NODE_LINK_REPLY_MAX];
    struct slc_writer from_connector = slc_writer(hello, sizeof hello);
    struct slc_writer from_acceptor = slc_writer(answer, sizeof answer);
    struct slc_writer finish = slc_writer(last, sizeof last);
    begin(&connector, SLC_NODE_LINK_CONNECTOR, SLC_NODE_LINK_NOISE);
    begin(&acceptor, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_SNIFF);
    if (slc_node_link_start(&connector, &from_connector) != SLC_OK) abort();
    uint64_t hash = feed(&acceptor, 1, hello, from_connector.len, pieces, &from_acceptor);
    (void)feed(&connector, 1, answer, from_acceptor.len, pieces, &finish);
    hash = feed(&acceptor, hash, last, finish.len, pieces, &from_acceptor);
    if (!slc_node_link_is_ready(&connector) || !slc_node_link_is_ready(&acceptor)) abort();

    size_t wire_cap = size * 2 + (size / 8 + 1) * SLC_NOISE_OVERHEAD;
    uint8_t *wire = malloc(wire_cap);
    if (wire == NULL) abort();
    size_t wire_len = 0;
    for (size_t at = 0; at < size;) {
        seed = (seed * 1103515245u + 12345u) | 1u;
        size_t part = 8 + (seed >> 16) % 4000;
        if (part > size - at) part = size - at;
        memcpy(wire + wire_len + SLC_NOISE_HEAD_BYTES, data + at, part);
        if (slc_noise_seal(&connector.noise, wire + wire_len, part) != SLC_OK) abort();
        at += part;
        wire_len += part + SLC_NOISE_OVERHEAD;
    }
    hash = feed(&acceptor, hash, wire, wire_len, pieces, &from_acceptor);
    free(wire);
    slc_node_link_drop(&connector);
    slc_node_link_drop(&acceptor);
    if (pool.taken != 0) abort();
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) return 0;
    if (pool.memory == NULL && slc_pool_init(&pool, SLC_NODE_LINK_CARRY_BYTES, 2) != SLC_OK) return 0;
    unsigned seed = 1u + data[1] + 256u * data[2];
    const uint8_t *stream = data + 3;
    size_t len = size - 3;
    if ((data[0] & 1) != 0) {
        uint64_t whole = play_raw(stream, len, SLC_NODE_LINK_SNIFF, 0);
        if (play_raw(stream, len, SLC_NODE_LINK_SNIFF, seed) != whole) abort();
        return 0;
    }
    uint64_t raw = play_raw(stream, len, SLC_NODE_LINK_RAW, 0);
    if (play_noise(stream, len, seed, 0) != raw || play_noise(stream, len, seed, seed) != raw) abort();
    return 0;
}
