/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/wire/websocket_internal.h"

/*
 * A WebSocket connection of either role. Byte 0: bit 0 the role, bit 1 whether the upgrade is skipped; bytes 1 and 2
 * seed the pieces. The rest is the stream: whole and in pieces it must give the same events.
 */

enum { SLOT = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t hash_event(uint64_t hash, const struct slc_ws_event *event)
{
    uint32_t about[4] = {event->kind, event->status, event->close_code, (uint32_t)event->len};
    hash = hash_bytes(hash, about, sizeof about);
    return event->kind == SLC_WS_FAILED ? hash : hash_bytes(hash, event->data, event->len);
}

/* Everything the stream gives, as a hash; `seed` 0 feeds it at once. */
static uint64_t play(const uint8_t *data, size_t size, unsigned flags, unsigned seed)
{
    static struct slc_pool pool;
    if (pool.memory == NULL && slc_pool_init(&pool, SLOT, 1) != SLC_OK) return 0;
    static const uint8_t zeros[32];
    struct slc_random random;
    slc_random_from_seed(&random, zeros);
    struct slc_ws ws;
    slc_ws_init(&ws, (flags & 1) != 0 ? SLC_WS_SERVER : SLC_WS_CLIENT, &pool);
    memcpy(ws.accept_key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof ws.accept_key);
    if ((flags & 2) != 0) ws.state = SLC_WS_STATE_FRAMES;

    uint64_t hash = 1;
    for (size_t at = 0; at < size;) {
        size_t piece = size - at;
        if (seed != 0) {
            seed = (seed * 1103515245u + 12345u) | 1u;
            size_t most = (seed >> 16) % 4 == 0 ? 700 : 9;
            piece = 1 + (seed >> 18) % most;
            if (piece > size - at) piece = size - at;
        }
        uint8_t *copy = malloc(piece);
        if (copy == NULL) abort();
        memcpy(copy, data + at, piece);
        at += piece;
        slc_ws_feed(&ws, copy, piece);
        struct slc_ws_event event;
        for (bool more = true; more;) {
            uint8_t room[SLC_WS_REPLY_MAX];
            struct slc_writer reply = slc_writer(room, sizeof room);
            more = slc_ws_next(&ws, &event, &random, &reply);
            if (!slc_writer_ok(&reply)) abort();
            if (!more) break;
            hash = hash_event(hash, &event);
            if (event.len > 0) memset(event.data, 0xee, event.len);
        }
        free(copy);
    }
    slc_ws_drop(&ws);
    if (pool.taken != 0) abort();
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) return 0;
    unsigned seed = 1u + data[1] + 256u * data[2];
    uint64_t whole = play(data + 3, size - 3, data[0], 0);
    if (play(data + 3, size - 3, data[0], seed) != whole) abort();
    return 0;
}
