/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/message.h"

#define MAGIC UINT32_C(0x534c4c44)

enum { CHECKSUM_AT = 32 };
_Static_assert(CHECKSUM_AT + crypto_shorthash_BYTES == SLC_LOAD_HEAD_BYTES, "the checksum ends the head");

/* SplitMix64: filler need not be secret, only different in every message and cheap. */
static uint64_t next_filler(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void fill(uint8_t *out, size_t len, uint64_t id)
{
    uint64_t state = id;
    for (; len >= sizeof state; out += sizeof state, len -= sizeof state) {
        uint64_t word = next_filler(&state);
        memcpy(out, &word, sizeof word);
    }
    uint64_t word = next_filler(&state);
    if (len > 0) memcpy(out, &word, len);
}

/* In two steps, so that the checksum's own place is not part of it: the body's hash ends the head's input. */
static void checksum(uint8_t out[crypto_shorthash_BYTES], const uint8_t *message, size_t len,
                     const struct slc_load_key *key)
{
    uint8_t input[CHECKSUM_AT + crypto_shorthash_BYTES];
    memcpy(input, message, CHECKSUM_AT);
    crypto_shorthash(input + CHECKSUM_AT, message + SLC_LOAD_HEAD_BYTES, len - SLC_LOAD_HEAD_BYTES, key->bytes);
    crypto_shorthash(out, input, sizeof input, key->bytes);
}

void slc_load_message_write(uint8_t *out, size_t len, const struct slc_load_head *head, const struct slc_load_key *key)
{
    struct slc_writer w = slc_writer(out, CHECKSUM_AT);
    slc_write_u32(&w, MAGIC);
    slc_write_u32(&w, (uint32_t)len);
    slc_write_u64(&w, head->id);
    slc_write_u64(&w, head->intended);
    slc_write_u32(&w, head->sender);
    slc_write_u32(&w, head->recipient);
    fill(out + SLC_LOAD_HEAD_BYTES, len - SLC_LOAD_HEAD_BYTES, head->id);
    checksum(out + CHECKSUM_AT, out, len, key);
}

enum slc_load_check slc_load_message_check(struct slc_bytes message, const struct slc_load_key *key,
                                           struct slc_load_head *head)
{
    struct slc_reader r = slc_reader(message);
    uint32_t magic = slc_read_u32(&r);
    uint32_t len = slc_read_u32(&r);
    head->id = slc_read_u64(&r);
    head->intended = slc_read_u64(&r);
    head->sender = slc_read_u32(&r);
    head->recipient = slc_read_u32(&r);
    if (!slc_reader_ok(&r) || magic != MAGIC) return SLC_LOAD_UNRECOGNISED;
    if (message.len != len || message.len < SLC_LOAD_HEAD_BYTES) return SLC_LOAD_DAMAGED;
    uint8_t wanted[crypto_shorthash_BYTES];
    checksum(wanted, message.data, message.len, key);
    return memcmp(wanted, message.data + CHECKSUM_AT, sizeof wanted) == 0 ? SLC_LOAD_INTACT : SLC_LOAD_DAMAGED;
}
