/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/burn.h"
#include "crypto/base/secret.h"
#include "crypto/lanes/lanes.h"
#include "crypto/lanes/lanes_internal.h"

#include <immintrin.h>
#include <string.h>

/*
 * SHA-256 with the SHA instructions, two packets at once: a packet's rounds wait for each other, and the unit takes
 * another's in between. More at once would not fit the registers, and the unit is busy with two.
 */

enum { STREAMS = 2, BLOCK_VECTORS = 4, BLOCK_BYTES = 64, VECTOR_BYTES = 16, DIGEST_BYTES = 32 };

#define INLINE   static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))

/* The state as the instructions want it: words a, b, e, f, and c, d, g, h, from the highest down. */
struct state {
    __m128i abef[STREAMS];
    __m128i cdgh[STREAMS];
};

struct block {
    __m128i word[STREAMS][BLOCK_VECTORS];
};

INLINE __m128i load(const void *from)
{
    return _mm_loadu_si128(from);
}

INLINE __m128i swap_bytes(__m128i x)
{
    return _mm_shuffle_epi8(x, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

INLINE void set_state(struct state *s, const uint32_t words[8])
{
    __m128i badc = _mm_shuffle_epi32(load(words), 0xb1);
    __m128i efgh = _mm_shuffle_epi32(load(words + 4), 0x1b);
    __m128i abef = _mm_alignr_epi8(badc, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, badc, 0xf0);
    for (unsigned i = 0; i < STREAMS; i++) {
        s->abef[i] = abef;
        s->cdgh[i] = cdgh;
    }
}

/* The eight words in order, as a message takes them. */
INLINE void get_words(__m128i words[2], const struct state *s, unsigned stream)
{
    __m128i feba = _mm_shuffle_epi32(s->abef[stream], 0x1b);
    __m128i dchg = _mm_shuffle_epi32(s->cdgh[stream], 0xb1);
    words[0] = _mm_blend_epi16(feba, dchg, 0xf0);
    words[1] = _mm_alignr_epi8(dchg, feba, 8);
}

/* Four rounds of both; kw is W[t] + K[t]. */
#define FOUR_ROUNDS(kw0, kw1)                                                                                          \
    do {                                                                                                               \
        __m128i x = (kw0), y = (kw1);                                                                                  \
        cdgh0 = _mm_sha256rnds2_epu32(cdgh0, abef0, x);                                                                \
        cdgh1 = _mm_sha256rnds2_epu32(cdgh1, abef1, y);                                                                \
        abef0 = _mm_sha256rnds2_epu32(abef0, cdgh0, _mm_shuffle_epi32(x, 0x0e));                                       \
        abef1 = _mm_sha256rnds2_epu32(abef1, cdgh1, _mm_shuffle_epi32(y, 0x0e));                                       \
    } while (0)

#define BEGIN_ROUNDS(s)                                                                                                \
    __m128i abef0 = (s)->abef[0], abef1 = (s)->abef[1];                                                                \
    __m128i cdgh0 = (s)->cdgh[0], cdgh1 = (s)->cdgh[1]

#define END_ROUNDS(s)                                                                                                  \
    do {                                                                                                               \
        (s)->abef[0] = _mm_add_epi32((s)->abef[0], abef0);                                                             \
        (s)->abef[1] = _mm_add_epi32((s)->abef[1], abef1);                                                             \
        (s)->cdgh[0] = _mm_add_epi32((s)->cdgh[0], cdgh0);                                                             \
        (s)->cdgh[1] = _mm_add_epi32((s)->cdgh[1], cdgh1);                                                             \
    } while (0)

/* The next four words of a message, in place of the first of the sixteen before them. */
INLINE __m128i expand(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
    return _mm_sha256msg2_epu32(sum, w3);
}

NOINLINE void sha256(struct state *s, const struct block *block)
{
    BEGIN_ROUNDS(s);
    __m128i a0 = block->word[0][0], b0 = block->word[0][1], c0 = block->word[0][2], d0 = block->word[0][3];
    __m128i a1 = block->word[1][0], b1 = block->word[1][1], c1 = block->word[1][2], d1 = block->word[1][3];
    for (unsigned t = 0; t < 64; t += 16) {
        const uint32_t *k = slc_sha256_round + t;
#define ROUNDS(w, at)      FOUR_ROUNDS(_mm_add_epi32(w##0, load(k + (at))), _mm_add_epi32(w##1, load(k + (at))))
#define EXPAND(w, x, y, z) w##0 = expand(w##0, x##0, y##0, z##0), w##1 = expand(w##1, x##1, y##1, z##1)
        if (t > 0) {
            EXPAND(a, b, c, d);
            EXPAND(b, c, d, a);
            EXPAND(c, d, a, b);
            EXPAND(d, a, b, c);
        }
        ROUNDS(a, 0);
        ROUNDS(b, 4);
        ROUNDS(c, 8);
        ROUNDS(d, 12);
#undef EXPAND
#undef ROUNDS
    }
    END_ROUNDS(s);
}

/* A block that is the same for all and known beforehand. */
NOINLINE void sha256_constant(struct state *s, const uint32_t schedule[64])
{
    BEGIN_ROUNDS(s);
    for (unsigned t = 0; t < 64; t += 16) {
        const uint32_t *kw = schedule + t;
        FOUR_ROUNDS(load(kw), load(kw));
        FOUR_ROUNDS(load(kw + 4), load(kw + 4));
        FOUR_ROUNDS(load(kw + 8), load(kw + 8));
        FOUR_ROUNDS(load(kw + 12), load(kw + 12));
    }
    END_ROUNDS(s);
}

/* ---- HMAC and HKDF ---- */

struct hmac {
    struct state inner;
    struct state outer;
};

struct scratch {
    struct hmac hmac;
    struct state state;
    struct block block;
};

/* `vectors` vectors at in[stream] + offset; a stream without a packet works on the first one's. */
INLINE void load_block(struct block *block, const uint8_t *const *in, size_t offset, unsigned vectors, unsigned used)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        const uint8_t *from = in[i < used ? i : 0] + offset;
        for (unsigned j = 0; j < vectors; j++) {
            block->word[i][j] = swap_bytes(load(from + VECTOR_BYTES * j));
        }
    }
}

INLINE void digest_to_block(struct block *block, const struct state *s)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        get_words(block->word[i], s, i);
    }
}

/* Fills the block from vector `from` on with SHA-256's padding of a message of `len` bytes. */
INLINE void pad_block(struct block *block, unsigned from, unsigned len)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        for (unsigned j = from; j < BLOCK_VECTORS; j++) {
            int length = j == BLOCK_VECTORS - 1 ? (int)(8 * len) : 0;
            block->word[i][j] = _mm_set_epi32(length, 0, 0, j == from ? INT32_MIN : 0);
        }
    }
}

/* Absorbs a key of `vectors` vectors; the block's first ones hold it and are destroyed. */
INLINE void hmac_key(struct hmac *hmac, struct block *block, unsigned vectors)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        for (unsigned j = 0; j < BLOCK_VECTORS; j++) {
            __m128i key = j < vectors ? block->word[i][j] : _mm_setzero_si128();
            block->word[i][j] = _mm_xor_si128(key, _mm_set1_epi8(0x36));
        }
    }
    set_state(&hmac->inner, slc_sha256_start);
    sha256(&hmac->inner, block);
    for (unsigned i = 0; i < STREAMS; i++) {
        for (unsigned j = 0; j < BLOCK_VECTORS; j++) {
            block->word[i][j] = _mm_xor_si128(block->word[i][j], _mm_set1_epi8(0x36 ^ 0x5c));
        }
    }
    set_state(&hmac->outer, slc_sha256_start);
    sha256(&hmac->outer, block);
}

/* HMAC's second half: the inner hash is in `state`, the MAC replaces it. */
INLINE void hmac_outer(struct state *state, const struct state *outer, struct block *block)
{
    digest_to_block(block, state);
    pad_block(block, 2, BLOCK_BYTES + DIGEST_BYTES);
    *state = *outer;
    sha256(state, block);
}

/* HKDF's extract with a constant salt: keying material in the block's first vectors; PRK absorbed as key. */
INLINE void hkdf_extract(struct scratch *s, const struct slc_pads *salt, unsigned vectors)
{
    struct state outer;
    pad_block(&s->block, vectors, BLOCK_BYTES + VECTOR_BYTES * vectors);
    set_state(&s->state, salt->inner);
    set_state(&outer, salt->outer);
    sha256(&s->state, &s->block);
    hmac_outer(&s->state, &outer, &s->block);
    digest_to_block(&s->block, &s->state);
    hmac_key(&s->hmac, &s->block, 2);
}

/* The first block of step t > 0: T(t-1), which `state` holds, and the first 32 bytes of info. */
INLINE void hkdf_step(struct scratch *s, unsigned t, const uint32_t info[8])
{
    if (t > 0) {
        digest_to_block(&s->block, &s->state);
        for (unsigned i = 0; i < STREAMS; i++) {
            s->block.word[i][2] = load(info);
            s->block.word[i][3] = load(info + 4);
        }
    }
    s->state = s->hmac.inner;
    if (t > 0) sha256(&s->state, &s->block);
}

INLINE void hkdf_finish_step(struct scratch *s, unsigned t, uint8_t *const *out, unsigned used)
{
    hmac_outer(&s->state, &s->hmac.outer, &s->block);
    for (unsigned i = 0; i < used; i++) {
        __m128i words[2];
        uint8_t *to = out[i] + DIGEST_BYTES * t;
        get_words(words, &s->state, i);
        _mm_storeu_si128((void *)to, swap_bytes(words[0]));
        _mm_storeu_si128((void *)(to + VECTOR_BYTES), swap_bytes(words[1]));
    }
}

SLC_IN_FRAME void expand_secrets_in_frame(uint8_t *const *out, const uint8_t *const *secret, unsigned blocks, size_t n)
{
    const struct slc_constants *c = slc_constants();
    struct scratch s;
    for (size_t i = 0; i < n; i += STREAMS) {
        unsigned used = n - i < STREAMS ? 1 : STREAMS;
        load_block(&s.block, secret + i, 0, 2, used);
        hkdf_extract(&s, &c->expand_salt, 2);
        for (unsigned t = 0; t < blocks; t++) {
            hkdf_step(&s, t, c->expand_info);
            sha256_constant(&s.state, t == 0 ? c->expand_first[0] : c->expand_middle);
            sha256_constant(&s.state, t == 0 ? c->expand_first[1] : c->expand_last[t]);
            hkdf_finish_step(&s, t, out + i, used);
        }
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
    struct scratch s;
    for (size_t i = 0; i < n; i += STREAMS) {
        unsigned used = n - i < STREAMS ? 1 : STREAMS;
        load_block(&s.block, seed + i, 0, 1, used);
        hkdf_extract(&s, &c->payload_salt, 1);
        for (unsigned t = 0; t < SLC_PAYLOAD_KEY_BLOCKS; t++) {
            hkdf_step(&s, t, c->payload_info);
            sha256_constant(&s.state, t == 0 ? c->payload_first : c->payload_last[t]);
            hkdf_finish_step(&s, t, out + i, used);
        }
    }
}

static void expand_payload_keys(uint8_t *const *out, const uint8_t *const *seed, size_t n)
{
    expand_payload_keys_in_frame(out, seed, n);
    slc_burn_stack();
}

/* The rest of a message, shorter than a block, with the padding, as one or two blocks. */
INLINE void absorb_tail(struct scratch *s, const uint8_t *const *message, size_t offset, size_t len, unsigned used)
{
    uint8_t tail[STREAMS][2 * BLOCK_BYTES];
    const uint8_t *const at[STREAMS] = {tail[0], tail[1]};
    size_t left = len - offset;
    size_t end = left + 9 <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
    uint64_t bits = __builtin_bswap64(8 * (uint64_t)(BLOCK_BYTES + len));
    memset(tail, 0, sizeof tail);
    for (unsigned i = 0; i < STREAMS; i++) {
        memcpy(tail[i], message[i < used ? i : 0] + offset, left);
        tail[i][left] = 0x80;
        memcpy(tail[i] + end - sizeof bits, &bits, sizeof bits);
    }
    for (size_t from = 0; from < end; from += BLOCK_BYTES) {
        load_block(&s->block, at, from, BLOCK_VECTORS, STREAMS);
        sha256(&s->state, &s->block);
    }
    slc_wipe(tail, sizeof tail);
}

SLC_IN_FRAME void header_macs_in_frame(uint8_t *const *mac, const uint8_t *const *key, const uint8_t *const *message,
                                       size_t len, size_t n)
{
    struct scratch s;
    for (size_t i = 0; i < n; i += STREAMS) {
        unsigned used = n - i < STREAMS ? 1 : STREAMS;
        load_block(&s.block, key + i, 0, 1, used);
        hmac_key(&s.hmac, &s.block, 1);
        s.state = s.hmac.inner;
        size_t at = 0;
        for (; len - at >= BLOCK_BYTES; at += BLOCK_BYTES) {
            load_block(&s.block, message + i, at, BLOCK_VECTORS, used);
            sha256(&s.state, &s.block);
        }
        absorb_tail(&s, message + i, at, len, used);
        hmac_outer(&s.state, &s.hmac.outer, &s.block);
        for (unsigned j = 0; j < used; j++) {
            __m128i words[2];
            get_words(words, &s.state, j);
            _mm_storeu_si128((void *)mac[i + j], swap_bytes(words[0]));
        }
    }
}

static void header_macs(uint8_t *const *mac, const uint8_t *const *key, const uint8_t *const *message, size_t len,
                        size_t n)
{
    header_macs_in_frame(mac, key, message, len, n);
    slc_burn_stack();
}

const struct slc_sha256_kernels slc_sha256_kernels_shani = {
    .expand_secrets = expand_secrets,
    .expand_payload_keys = expand_payload_keys,
    .header_macs = header_macs,
};
