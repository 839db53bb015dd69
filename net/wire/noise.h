/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NOISE_H
#define SLUICE_NOISE_H

#include "crypto/base/bytes.h"
#include "crypto/base/error.h"

/*
 * Noise between nodes: Noise_XKpsk3_25519_AESGCM_SHA256, either role, and the frames that carry it
 * (docs/protocol/6-network.md, section 2). Three handshake messages, then data frames both ways.
 *
 * The psk is public information and the responder takes any initiator: Noise hides packets from the wire, it does not
 * keep anybody out. Owner's thread; no allocation after slc_noise_init().
 */

enum slc_noise_role { SLC_NOISE_INITIATOR, SLC_NOISE_RESPONDER };

enum slc_noise_type { SLC_NOISE_HANDSHAKE = 0, SLC_NOISE_DATA = 1 };

enum {
    SLC_NOISE_KEY_BYTES = 32,
    SLC_NOISE_HEAD_BYTES = 8, /* version, pattern, type, length (2), reserved (3) */
    SLC_NOISE_TAG_BYTES = 16,
    SLC_NOISE_OVERHEAD = SLC_NOISE_HEAD_BYTES + SLC_NOISE_TAG_BYTES,
    SLC_NOISE_LENGTH_MAX = 65535,
    SLC_NOISE_FRAME_MAX = SLC_NOISE_HEAD_BYTES + SLC_NOISE_LENGTH_MAX,
    SLC_NOISE_PLAINTEXT_MAX = SLC_NOISE_LENGTH_MAX - SLC_NOISE_TAG_BYTES,
    SLC_NOISE_HANDSHAKE_FRAME_MAX = SLC_NOISE_HEAD_BYTES + 64, /* the third; the others are 56 bytes */
};

/* One direction of data frames. */
struct slc_noise_cipher {
    void *context; /* EVP_CIPHER_CTX, keyed once */
    uint64_t counter;
};

/* One connection. Treat as opaque. The secrets of the handshake are wiped as soon as it is over. */
struct slc_noise {
    uint8_t role;
    uint8_t step; /* handshake messages behind us; 3: data */
    uint8_t hash[32];
    uint8_t chaining_key[32];
    uint8_t key[32];
    uint64_t key_counter;
    uint8_t static_secret[SLC_NOISE_KEY_BYTES];
    uint8_t ephemeral_secret[SLC_NOISE_KEY_BYTES];
    uint8_t remote_ephemeral[SLC_NOISE_KEY_BYTES];
    uint8_t remote_static[SLC_NOISE_KEY_BYTES]; /* responder: of whoever called, known after message 3; unchecked */
    uint8_t psk[32];
    struct slc_noise_cipher send, receive;
};

/*
 * Begins a handshake; allocates two cipher contexts. SLC_NO_MEMORY.
 *
 * static_secret     our X25519 noise secret; copied
 * responder_key     initiator: the responder's public noise key, from the directory; responder: NULL
 * ephemeral_secret  32 fresh random bytes (fixed in tests); copied
 */
SLC_MUST_CHECK enum slc_status slc_noise_init(struct slc_noise *noise, enum slc_noise_role role,
                                              const uint8_t static_secret[SLC_NOISE_KEY_BYTES],
                                              const uint8_t *responder_key,
                                              const uint8_t ephemeral_secret[SLC_NOISE_KEY_BYTES]);
/* Wipes and frees; fine on zeroed memory. */
void slc_noise_wipe(struct slc_noise *noise);

/* Whether the handshake is over and data may flow. */
bool slc_noise_is_ready(const struct slc_noise *noise);
/* Whether the next handshake message is ours to write. */
bool slc_noise_writes_next(const struct slc_noise *noise);

/* Appends the next handshake frame. SLC_BAD_KEY: the other side's key is of low order. SLC_TOO_LONG: no room. */
SLC_MUST_CHECK enum slc_status slc_noise_write_handshake(struct slc_noise *noise, struct slc_writer *out);
/*
 * Takes the other side's next handshake frame, whole, header included. SLC_BAD_MAC, SLC_BAD_KEY and the errors of
 * slc_noise_parse_head(). After any error the connection is dead.
 */
SLC_MUST_CHECK enum slc_status slc_noise_read_handshake(struct slc_noise *noise, struct slc_bytes frame);

/*
 * Judges the 8 bytes of a frame's header for what must come next, and says how many bytes follow it. The reserved
 * bytes are not looked at. SLC_AGAIN: fewer than 8 bytes. SLC_UNSUPPORTED: another version, or the IKpsk2 pattern.
 * SLC_MALFORMED: no pattern; not the type that is due; a handshake message of another length than it has; a data
 * frame shorter than a tag.
 */
SLC_MUST_CHECK enum slc_status slc_noise_parse_head(const struct slc_noise *noise, struct slc_bytes bytes, size_t *len);

/*
 * Makes a data frame in place. `frame` is SLC_NOISE_HEAD_BYTES of room, `len` bytes of plaintext, SLC_NOISE_TAG_BYTES
 * of room; 1 <= len <= SLC_NOISE_PLAINTEXT_MAX (an empty frame would end the stream: SLC_BAD_ARGUMENT).
 */
SLC_MUST_CHECK enum slc_status slc_noise_seal(struct slc_noise *noise, uint8_t *frame, size_t len);
/*
 * Opens a whole data frame in place: the plaintext is at frame + SLC_NOISE_HEAD_BYTES, `*len` bytes.
 * SLC_BAD_MAC; SLC_CLOSED: an empty one, which the reference takes for the end of the stream.
 */
SLC_MUST_CHECK enum slc_status slc_noise_open(struct slc_noise *noise, uint8_t *frame, size_t frame_len, size_t *len);

#endif
