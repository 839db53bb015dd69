/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SHA256_KERNEL_H
#define SLUICE_SHA256_KERNEL_H

#include "crypto/base/secret.h"
#include "crypto/lanes/lanes.h"
#include "crypto/lanes/lanes_internal.h"
#include "crypto/lanes/vector.h"

/* A struct sha256_scratch, the tail of a message, and what the compressions spill. */
#define SLC_BURN_BYTES (176 * VECTOR_BYTES + 4096)
#include "crypto/base/burn.h"

/* SHA-256 with one packet per 32-bit lane, and the key derivations and MACs made of it. Included by kernels.h. */

enum { DIGEST_WORDS = 8, BLOCK_WORDS = 16, BLOCK_BYTES = 64, DIGEST_BYTES = 32 };

INLINE u32v sum0(u32v a)
{
    return ROTATE_RIGHT32(a, 2) ^ ROTATE_RIGHT32(a, 13) ^ ROTATE_RIGHT32(a, 22);
}

INLINE u32v sum1(u32v e)
{
    return ROTATE_RIGHT32(e, 6) ^ ROTATE_RIGHT32(e, 11) ^ ROTATE_RIGHT32(e, 25);
}

INLINE u32v sigma0(u32v w)
{
    return ROTATE_RIGHT32(w, 7) ^ ROTATE_RIGHT32(w, 18) ^ w >> 3;
}

INLINE u32v sigma1(u32v w)
{
    return ROTATE_RIGHT32(w, 17) ^ ROTATE_RIGHT32(w, 19) ^ w >> 10;
}

#define SHA_ROUND(a, b, c, d, e, f, g, h, kw)                                                                          \
    do {                                                                                                               \
        u32v t1 = s[h] + (kw) + sum1(s[e]) + (s[g] ^ (s[e] & (s[f] ^ s[g])));                                          \
        s[d] += t1;                                                                                                    \
        s[h] = t1 + sum0(s[a]) + ((s[a] & s[b]) | (s[c] & (s[a] | s[b])));                                             \
    } while (0)

/* Eight rounds bring the state's words back to their places; KW(t) is W[t] + K[t]. */
#define SHA_ROUNDS(t, KW)                                                                                              \
    do {                                                                                                               \
        SHA_ROUND(0, 1, 2, 3, 4, 5, 6, 7, KW((t) + 0));                                                                \
        SHA_ROUND(7, 0, 1, 2, 3, 4, 5, 6, KW((t) + 1));                                                                \
        SHA_ROUND(6, 7, 0, 1, 2, 3, 4, 5, KW((t) + 2));                                                                \
        SHA_ROUND(5, 6, 7, 0, 1, 2, 3, 4, KW((t) + 3));                                                                \
        SHA_ROUND(4, 5, 6, 7, 0, 1, 2, 3, KW((t) + 4));                                                                \
        SHA_ROUND(3, 4, 5, 6, 7, 0, 1, 2, KW((t) + 5));                                                                \
        SHA_ROUND(2, 3, 4, 5, 6, 7, 0, 1, KW((t) + 6));                                                                \
        SHA_ROUND(1, 2, 3, 4, 5, 6, 7, 0, KW((t) + 7));                                                                \
    } while (0)

NOINLINE void sha256(u32v state[DIGEST_WORDS], const u32v block[BLOCK_WORDS])
{
    u32v s[DIGEST_WORDS];
    u32v w[BLOCK_WORDS];
    memcpy(s, state, sizeof s);
    memcpy(w, block, sizeof w);
    for (unsigned t = 0; t < 64; t += 16) {
        const uint32_t *k = slc_sha256_round + t;
        if (t > 0) {
#define EXPAND(j) w[j] += w[((j) + 9) & 15] + sigma0(w[((j) + 1) & 15]) + sigma1(w[((j) + 14) & 15])
            EXPAND(0), EXPAND(1), EXPAND(2), EXPAND(3), EXPAND(4), EXPAND(5), EXPAND(6), EXPAND(7);
            EXPAND(8), EXPAND(9), EXPAND(10), EXPAND(11), EXPAND(12), EXPAND(13), EXPAND(14), EXPAND(15);
#undef EXPAND
        }
#define SCHEDULED(j) (w[j] + k[j])
        SHA_ROUNDS(0, SCHEDULED);
        SHA_ROUNDS(8, SCHEDULED);
#undef SCHEDULED
    }
    for (unsigned i = 0; i < DIGEST_WORDS; i++) {
        state[i] += s[i];
    }
}

/* A block that is the same in all lanes and known beforehand. */
NOINLINE void sha256_constant(u32v state[DIGEST_WORDS], const uint32_t schedule[64])
{
    u32v s[DIGEST_WORDS];
    memcpy(s, state, sizeof s);
    for (unsigned t = 0; t < 64; t += 8) {
        const uint32_t *kw = schedule + t;
#define CONSTANT(j) kw[j]
        SHA_ROUNDS(0, CONSTANT);
#undef CONSTANT
    }
    for (unsigned i = 0; i < DIGEST_WORDS; i++) {
        state[i] += s[i];
    }
}

struct hmac {
    u32v inner[DIGEST_WORDS];
    u32v outer[DIGEST_WORDS];
};

INLINE void set_state(u32v state[DIGEST_WORDS], const uint32_t words[DIGEST_WORDS])
{
    for (unsigned i = 0; i < DIGEST_WORDS; i++) {
        state[i] = all32(words[i]);
    }
}

/* Fills block[from ..] with SHA-256's padding of a message of `len` bytes. */
INLINE void pad_block(u32v block[BLOCK_WORDS], unsigned from, size_t len)
{
    block[from] = all32(0x80000000);
    for (unsigned i = from + 1; i < BLOCK_WORDS; i++) {
        block[i] = all32(0);
    }
    block[BLOCK_WORDS - 1] = all32((uint32_t)(8 * len));
}

/* Absorbs a key of `words` words; block[0 .. words) holds it and is destroyed. */
INLINE void hmac_key(struct hmac *hmac, u32v block[BLOCK_WORDS], unsigned words)
{
    for (unsigned i = 0; i < BLOCK_WORDS; i++) {
        block[i] = i < words ? block[i] ^ 0x36363636 : all32(0x36363636);
    }
    set_state(hmac->inner, slc_sha256_start);
    sha256(hmac->inner, block);
    for (unsigned i = 0; i < BLOCK_WORDS; i++) {
        block[i] ^= 0x36363636 ^ 0x5c5c5c5c;
    }
    set_state(hmac->outer, slc_sha256_start);
    sha256(hmac->outer, block);
}

/* HMAC's second half: the inner digest is in block[0 .. 8). */
INLINE void hmac_outer(u32v mac[DIGEST_WORDS], const u32v outer[DIGEST_WORDS], u32v block[BLOCK_WORDS])
{
    pad_block(block, DIGEST_WORDS, BLOCK_BYTES + DIGEST_BYTES);
    memcpy(mac, outer, DIGEST_WORDS * sizeof(u32v));
    sha256(mac, block);
}

/* HKDF's extract with a constant salt: keying material of `words` words in block[0 .. words); PRK absorbed as key. */
INLINE void hkdf_extract(struct hmac *prk, const struct slc_pads *salt, u32v block[BLOCK_WORDS], unsigned words)
{
    u32v state[DIGEST_WORDS];
    pad_block(block, words, BLOCK_BYTES + 4 * words);
    set_state(state, salt->inner);
    sha256(state, block);
    memcpy(block, state, sizeof state);
    set_state(state, salt->outer);
    pad_block(block, DIGEST_WORDS, BLOCK_BYTES + DIGEST_BYTES);
    sha256(state, block);
    memcpy(block, state, sizeof state);
    hmac_key(prk, block, DIGEST_WORDS);
}

struct sha256_scratch {
    struct hmac hmac;
    u32v block[BLOCK_WORDS];
    u32v out[SLC_EXPAND_BLOCKS * DIGEST_WORDS + LANES32]; /* T1, T2, ...; the last vector may be read whole */
};

INLINE void to_host(u32v *row, unsigned rows)
{
    for (unsigned i = 0; i < rows; i++) {
        row[i] = swap_bytes32(row[i]);
    }
}

/* The first block of step t > 0: T(t-1) and the first 32 bytes of info. */
INLINE void hkdf_step(struct sha256_scratch *s, unsigned t, const uint32_t info[DIGEST_WORDS])
{
    u32v *state = s->out + t * DIGEST_WORDS;
    memcpy(state, s->hmac.inner, sizeof s->hmac.inner);
    if (t > 0) {
        memcpy(s->block, state - DIGEST_WORDS, sizeof s->hmac.inner);
        for (unsigned i = 0; i < DIGEST_WORDS; i++) {
            s->block[DIGEST_WORDS + i] = all32(info[i]);
        }
        sha256(state, s->block);
    }
}

INLINE void hkdf_finish_step(struct sha256_scratch *s, unsigned t)
{
    u32v *state = s->out + t * DIGEST_WORDS;
    memcpy(s->block, state, sizeof s->hmac.inner);
    hmac_outer(state, s->hmac.outer, s->block);
}

SLC_IN_FRAME void expand_secrets_in_frame(uint8_t *const *out, const uint8_t *const *secret, unsigned blocks, size_t n)
{
    const struct slc_constants *c = slc_constants();
    struct sha256_scratch s;
    memset(s.out, 0, sizeof s.out);
    for (size_t i = 0; i < n; i += LANES32) {
        unsigned used = n - i < LANES32 ? (unsigned)(n - i) : LANES32;
        load_words(s.block, secret + i, 0, 32, used);
        to_host(s.block, 8);
        hkdf_extract(&s.hmac, &c->expand_salt, s.block, 8);
        for (unsigned t = 0; t < blocks; t++) {
            u32v *state = s.out + t * DIGEST_WORDS;
            hkdf_step(&s, t, c->expand_info);
            sha256_constant(state, t == 0 ? c->expand_first[0] : c->expand_middle);
            sha256_constant(state, t == 0 ? c->expand_first[1] : c->expand_last[t]);
            hkdf_finish_step(&s, t);
        }
        to_host(s.out, blocks * DIGEST_WORDS);
        store_words(out + i, blocks * DIGEST_BYTES, s.out, used);
    }
}

static void expand_secrets(uint8_t *const *out, const uint8_t *const *secret, unsigned blocks, size_t n)
{
    expand_secrets_in_frame(out, secret, blocks, n);
    slc_burn_stack();
}

SLC_IN_FRAME void expand_payload_keys_in_frame(uint8_t *const *out, const uint8_t *const *seed, size_t n)
{
    const struct slc_constants *c = slc_constants();
    struct sha256_scratch s;
    memset(s.out, 0, sizeof s.out);
    for (size_t i = 0; i < n; i += LANES32) {
        unsigned used = n - i < LANES32 ? (unsigned)(n - i) : LANES32;
        load_words(s.block, seed + i, 0, SLC_PAYLOAD_SEED_BYTES, used);
        to_host(s.block, 4);
        hkdf_extract(&s.hmac, &c->payload_salt, s.block, 4);
        for (unsigned t = 0; t < SLC_PAYLOAD_KEY_BLOCKS; t++) {
            hkdf_step(&s, t, c->payload_info);
            sha256_constant(s.out + t * DIGEST_WORDS, t == 0 ? c->payload_first : c->payload_last[t]);
            hkdf_finish_step(&s, t);
        }
        to_host(s.out, SLC_PAYLOAD_KEY_BLOCKS * DIGEST_WORDS);
        store_words(out + i, SLC_PAYLOAD_KEY_BYTES, s.out, used);
    }
}

static void expand_payload_keys(uint8_t *const *out, const uint8_t *const *seed, size_t n)
{
    expand_payload_keys_in_frame(out, seed, n);
    slc_burn_stack();
}

/* The rest of a message, shorter than a block, with the padding, as one or two blocks. */
static void absorb_tail(u32v state[DIGEST_WORDS], const uint8_t *const *message, size_t offset, size_t len,
                        unsigned used)
{
    uint8_t tail[LANES32][2 * BLOCK_BYTES];
    const uint8_t *lane[LANES32];
    u32v block[BLOCK_WORDS];
    size_t left = len - offset;
    size_t end = left + 9 <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
    uint64_t bits = __builtin_bswap64(8 * (uint64_t)(BLOCK_BYTES + len));
    memset(tail, 0, sizeof tail);
    for (unsigned i = 0; i < LANES32; i++) {
        memcpy(tail[i], message[i < used ? i : 0] + offset, left);
        tail[i][left] = 0x80;
        memcpy(tail[i] + end - sizeof bits, &bits, sizeof bits);
        lane[i] = tail[i];
    }
    for (size_t at = 0; at < end; at += BLOCK_BYTES) {
        load_words(block, lane, at, BLOCK_BYTES, LANES32);
        to_host(block, BLOCK_WORDS);
        sha256(state, block);
    }
    slc_wipe(tail, sizeof tail);
    slc_wipe(block, sizeof block);
}

SLC_IN_FRAME void header_macs_in_frame(uint8_t *const *mac, const uint8_t *const *key, const uint8_t *const *message,
                                       size_t len, size_t n)
{
    struct sha256_scratch s;
    memset(s.out, 0, sizeof s.out);
    for (size_t i = 0; i < n; i += LANES32) {
        unsigned used = n - i < LANES32 ? (unsigned)(n - i) : LANES32;
        load_words(s.block, key + i, 0, 16, used);
        to_host(s.block, 4);
        hmac_key(&s.hmac, s.block, 4);
        size_t at = 0;
        for (; len - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
            load_words(s.block, message + i, at, BLOCK_BYTES, used);
            to_host(s.block, BLOCK_WORDS);
            sha256(s.hmac.inner, s.block);
        }
        absorb_tail(s.hmac.inner, message + i, at, len, used);
        memcpy(s.block, s.hmac.inner, sizeof s.hmac.inner);
        hmac_outer(s.out, s.hmac.outer, s.block);
        to_host(s.out, DIGEST_WORDS);
        store_words(mac + i, SLC_MAC_BYTES, s.out, used);
    }
}

static void header_macs(uint8_t *const *mac, const uint8_t *const *key, const uint8_t *const *message, size_t len,
                        size_t n)
{
    header_macs_in_frame(mac, key, message, len, n);
    slc_burn_stack();
}

#endif
