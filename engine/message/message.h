/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MESSAGE_H
#define SLUICE_MESSAGE_H

#include "crypto/keys/keys.h"
#include "crypto/sphinx/sphinx.h"
#include "net/wire/mix_packet.h"

/*
 * From application bytes to what goes into a Sphinx packet, and back (docs/protocol/2-messages.md, sections 5 to 12).
 * Pure: bytes in, bytes out, no clock, no state but the reassembly buffer's (reassembly.h).
 */

/* ---- sizes (section 16.1) ---- */

enum {
    SLC_SURB_ACK_ADDRESS_BYTES = 19,
    SLC_SURB_ACK_BYTES = SLC_SURB_ACK_ADDRESS_BYTES + SLC_ACK_PACKET_BYTES, /* 405 */
    SLC_KEY_MATERIAL_BYTES = 32, /* ephemeral public key, or the digest of a SURB's key            */
    SLC_PAYLOAD_HEAD_BYTES = SLC_SURB_ACK_BYTES + SLC_KEY_MATERIAL_BYTES, /* 437 */
    SLC_FRAGMENT_HEAD_BYTES = 7,                                          /* unlinked */
    SLC_FRAGMENT_LINKED_HEAD_BYTES = 10,
    SLC_SET_MAX = 255, /* fragments in a set */
    SLC_SENDER_TAG_BYTES = 16,
    SLC_SURB_KEY_BYTES = 16,
    SLC_SURB_DIGEST_BYTES = 32,
    SLC_REPLY_SURB_BYTES = SLC_SURB_KEY_BYTES + SLC_SURB_BYTES, /* 460: four hops, the most that we make */
    SLC_SURB_REQUEST_MAX = 500,                                 /* the most we honour (section 4.6) */
    SLC_SURBS_PER_MESSAGE = 100,                                /* the most in one "additional SURBs" message */
};
_Static_assert(SLC_SURB_ACK_BYTES == 405 && SLC_PAYLOAD_HEAD_BYTES == 437, "section 0");

/* Bytes of one serialised fragment in a data packet of this size: 1611 for regular. Not for SLC_SIZE_ACK. */
static inline size_t slc_fragment_bytes(enum slc_packet_size size)
{
    return slc_plaintext_bytes(size) - SLC_PAYLOAD_HEAD_BYTES;
}

/* Bytes of a reply SURB with so many hops, its key first: 460 for four, 412 for one (section 7.2). */
static inline size_t slc_reply_surb_bytes(unsigned hops)
{
    return SLC_SURB_KEY_BYTES + SLC_SURB_HEAD_BYTES + (size_t)hops * SLC_PAYLOAD_SEED_BYTES;
}

/* ---- the envelope (sections 5.1, 6) ---- */

enum slc_message_kind {
    SLC_MESSAGE_PLAIN,
    SLC_MESSAGE_REPLIABLE,    /* data with a sender tag and SURBs                        */
    SLC_MESSAGE_SURBS,        /* SURBs only: the answer to a request                     */
    SLC_MESSAGE_HEARTBEAT,    /* nobody sends it; its SURBs are kept                     */
    SLC_MESSAGE_REPLY,        /* data that came through one of our SURBs                 */
    SLC_MESSAGE_SURB_REQUEST, /* the holder of our SURBs wants more                      */
};

/* A list of reply SURBs inside a message: views. All zero when it is empty, whatever the wire said. */
struct slc_surb_list {
    size_t count;
    uint8_t hops;       /* seeds per SURB; 0 when explicit_keys                    */
    bool explicit_keys; /* first-generation list: 1164 bytes each                  */
    enum slc_rotation rotation;
    size_t surb_bytes;      /* of one reply SURB, its 16-byte key first                */
    struct slc_bytes surbs; /* count * surb_bytes                                      */
};

struct slc_message {
    enum slc_message_kind kind;
    uint8_t sender_tag[SLC_SENDER_TAG_BYTES]; /* REPLIABLE, SURBS, HEARTBEAT                */
    struct slc_surb_list surbs;
    struct slc_bytes data;          /* PLAIN, REPLIABLE, REPLY: the application's  */
    struct slc_recipient requester; /* SURB_REQUEST */
    uint32_t amount;                /* SURB_REQUEST, as received                   */
};

/*
 * Parses one whole, unpadded message; the result's views point into `bytes`. Every SURB of a list is checked (length,
 * first hop parses); one bad SURB refuses the message, as the network does. First-generation lists (content tags 0-2)
 * are read, though today's crates refuse them: their data is worth having. Any thread.
 * Errors: SLC_TOO_SHORT, SLC_TOO_LONG (a SURB request), SLC_MALFORMED (rotation), SLC_UNSUPPORTED (type, content tag),
 * SLC_BAD_SURB, SLC_BAD_KEY (the requester's). `*message` is then unspecified.
 */
SLC_MUST_CHECK enum slc_status slc_message_parse(struct slc_bytes bytes, struct slc_message *message);

/*
 * Bytes in front of the application's data: 1 plain, 22 and `surbs` SURBs of so many hops repliable, 2 reply; 0 for a
 * SURB request. `hops` counts only where there are SURBs.
 */
size_t slc_message_head_bytes(enum slc_message_kind kind, size_t surbs, unsigned hops);
/*
 * Appends that head. `surbs`: a list of version 259, all of them made for its rotation; NULL or an empty one: none.
 * The data follows, written by the caller; a REPLY must have at least one byte. The writer is left marked when there
 * is no room, for a list of explicit keys or of more than 65535, and for a SURB request. Any thread.
 */
void slc_message_write_head(struct slc_writer *w, enum slc_message_kind kind,
                            const uint8_t sender_tag[SLC_SENDER_TAG_BYTES], const struct slc_surb_list *surbs);
/* The whole 102-byte SURB request. */
enum { SLC_SURB_REQUEST_BYTES = 2 + SLC_RECIPIENT_BYTES + 4 };
void slc_message_write_surb_request(struct slc_writer *w, const struct slc_recipient *self, uint32_t amount);

/* ---- padding and cutting (sections 5.2 and 8) ---- */

/*
 * How a message of `len` bytes (head and data, before padding) is cut into fragments of one size. Fragments are made
 * on demand from the message's bytes, again for each retransmission, so nothing but the message is kept.
 */
struct slc_cut {
    size_t len;            /* of the message, unpadded                                  */
    size_t fragment_bytes; /* slc_fragment_bytes(size)                                  */
    size_t fragments;      /* in all sets                                               */
    size_t sets;
    size_t padding; /* zeros after the 0x01 marker in the last fragment          */
};
/*
 * Plans; fragment_bytes > SLC_FRAGMENT_LINKED_HEAD_BYTES, else SLC_BAD_ARGUMENT. SLC_TOO_LONG when the message needs
 * more sets than there are ids; never for what fits in memory. Any thread.
 */
SLC_MUST_CHECK enum slc_status slc_cut_plan(struct slc_cut *cut, size_t len, size_t fragment_bytes);

/* A fragment's name: which set, which place (1-based). What acks carry. */
struct slc_fragment_id {
    uint32_t set;     /* 1 .. 2^31-1 */
    uint8_t position; /* 1 .. 255    */
};
/* Which set (0-based) and position fragment `index` (0-based over all sets) has. */
void slc_cut_place(const struct slc_cut *cut, size_t index, size_t *set, uint8_t *position);
/*
 * Writes fragment `index`, exactly cut->fragment_bytes, padding included.
 * message  the cut->len bytes that were planned
 * set_ids  one id per set, drawn with slc_set_ids()
 */
void slc_cut_write(const struct slc_cut *cut, const uint8_t *message, const uint32_t *set_ids, size_t index,
                   uint8_t *out);
/* Draws `n` set ids, no two alike: 31 bits, never 0 (section 8.2). Owner's thread of `random`. */
void slc_set_ids(uint32_t *ids, size_t n, struct slc_random *random);

/* A received fragment: views into the bytes (section 8.3). */
struct slc_fragment {
    struct slc_fragment_id id;
    uint8_t total;     /* fragments in the set                              */
    uint32_t previous; /* linked set before this one, 0: none               */
    uint32_t next;     /* linked set after this one, 0: none                */
    struct slc_bytes payload;
};
/* SLC_TOO_SHORT, SLC_MALFORMED; `*fragment` is then unspecified. Any thread. */
SLC_MUST_CHECK enum slc_status slc_fragment_parse(struct slc_bytes bytes, struct slc_fragment *fragment);

/*
 * Length of the message inside padded bytes: what stands before the last 0x01 (section 5.2). What follows it is not
 * looked at, as in the reference. SLC_MALFORMED when there is none.
 */
SLC_MUST_CHECK enum slc_status slc_unpad(struct slc_bytes padded, size_t *len);

/* ---- acks (section 9) ---- */

enum { SLC_ACK_CONTENT_BYTES = SLC_ACK_PLAINTEXT_BYTES };
/* The 21 bytes of an ack for `id`; the cover identifier is {0, 0}. iv: 16 fresh random bytes. */
void slc_ack_write(uint8_t out[SLC_ACK_CONTENT_BYTES], const uint8_t ack_key[SLC_ACK_KEY_BYTES], const uint8_t iv[16],
                   struct slc_fragment_id id);
/* Exactly 21 bytes, else SLC_TOO_SHORT/SLC_TOO_LONG; a negative set id is SLC_MALFORMED. Any thread. */
SLC_MUST_CHECK enum slc_status slc_ack_read(struct slc_bytes content, const uint8_t ack_key[SLC_ACK_KEY_BYTES],
                                            struct slc_fragment_id *id);
static inline bool slc_ack_is_cover(struct slc_fragment_id id)
{
    return id.set == 0 && id.position == 0;
}

/* ---- the last hop (sections 9.3 and 15.4): for gateways ---- */

/* The plaintext of a packet at its last hop, taken apart: views. */
struct slc_delivery {
    struct slc_bytes message;    /* for the client: an ack's 21 bytes, or a data packet's without the SURB-ACK */
    struct slc_bytes ack_packet; /* to be forwarded; empty when the packet was an ack                          */
    struct slc_address ack_hop;  /* where to                                                                   */
};
/*
 * Splits the plaintext of a packet of `size`. A SURB-ACK without a usable address loses the message too, as in the
 * network: SLC_TOO_SHORT, SLC_MALFORMED. The ack packet's own bytes are not looked at. Any thread.
 */
SLC_MUST_CHECK enum slc_status slc_delivery_split(struct slc_delivery *delivery, enum slc_packet_size size,
                                                  struct slc_bytes plaintext);

/* ---- cover (section 12) ---- */

enum { SLC_COVER_BYTES_MIN = 19 };
/* Writes the content of a cover packet: the marker, 0x01, zeros; `len` is the fragment's, at least 19. */
void slc_cover_write(uint8_t *out, size_t len);
/* Whether decrypted data is cover. A fragment never is: its first bit is set. */
bool slc_cover_is(struct slc_bytes plaintext);

/* ---- reply SURBs (section 7) ---- */

/* BLAKE3 of a SURB's key: what a reply's first 32 bytes are. */
void slc_surb_digest(uint8_t digest[SLC_SURB_DIGEST_BYTES], const uint8_t key[SLC_SURB_KEY_BYTES]);

#endif
