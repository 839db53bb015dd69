/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NODE_LINK_H
#define SLUICE_NODE_LINK_H

#include "net/io/pool.h"
#include "net/wire/node_frame.h"
#include "net/wire/noise.h"

/*
 * One connection between two nodes without I/O, either end, raw or in Noise (docs/protocol/6-network.md, sections
 * 1.3, 1.10 and 2). Bytes in, packets out; packets in, bytes to send out.
 *
 * Packets flow from the connector to the acceptor only. A connector is fed too, to take part in the handshake and to
 * see garbage; packets it is given are to be thrown away. The 1.5 s a handshake may take are the caller's to watch.
 *
 * A packet that lies wholly in what was fed is handed out in place, also after decryption; only what straddles is
 * gathered in a slot of the carry pool, so an idle connection holds no buffer.
 */

enum slc_node_link_role { SLC_NODE_LINK_CONNECTOR, SLC_NODE_LINK_ACCEPTOR };

enum slc_node_link_mode {
    SLC_NODE_LINK_RAW,
    SLC_NODE_LINK_NOISE,
    SLC_NODE_LINK_SNIFF, /* acceptor: the first byte tells, 1 is Noise (section 2.5); connector: as RAW */
};

enum {
    /* Slots of a carry pool: a packet frame and a Noise frame, both not whole; raw links need only the former. */
    SLC_NODE_LINK_CARRY_BYTES = SLC_NODE_FRAME_MAX + SLC_NOISE_FRAME_MAX,
    SLC_NODE_LINK_REPLY_MAX = SLC_NOISE_HANDSHAKE_FRAME_MAX, /* room that slc_node_link_next() may need in `reply` */
    /* Plaintext of the data frames we make; a real node's buffer grows with longer ones (section 2.2). */
    SLC_NODE_LINK_PLAINTEXT = 32 << 10,
    /* What one packet of the largest size needs in slc_node_link_send(): it goes over two data frames. */
    SLC_NODE_LINK_ONE_MAX = SLC_NODE_FRAME_MAX + 2 * SLC_NOISE_OVERHEAD,
};

struct slc_node_link_config {
    enum slc_node_link_role role;
    enum slc_node_link_mode mode;
    enum slc_node_frame_version send_version;
    const uint8_t *static_secret; /* our noise secret, 32 bytes; must outlive the link; NULL for raw links       */
    const uint8_t *peer_key;      /* connector with Noise: the peer's noise key, 32 bytes; read at init           */
    const uint8_t *ephemeral;     /* 32 fresh random bytes, copied; NULL for raw links                            */
    struct slc_pool *carry_pool;  /* slots of SLC_NODE_LINK_CARRY_BYTES; shared by the links of a thread          */
};

enum slc_node_link_kind {
    SLC_NODE_LINK_READY, /* the Noise handshake is done; a raw link is ready from the start and gives no such event  */
    SLC_NODE_LINK_PACKET,
    SLC_NODE_LINK_FAILED, /* drop the connection; packets before this one are good. SLC_CLOSED: the peer ended it     */
};

struct slc_node_link_event {
    enum slc_node_link_kind kind;
    enum slc_packet_size size;
    enum slc_rotation rotation;
    uint8_t *packet; /* SLC_NODE_LINK_PACKET: may be written to (opening in place); valid until the next call */
    size_t packet_bytes;
    enum slc_status status;
    const char *reason; /* SLC_NODE_LINK_FAILED: static text */
};

/* One connection; plain memory, no pointer into itself. Treat as opaque. */
struct slc_node_link {
    struct slc_pool *carry_pool;
    uint8_t *carry;   /* a slot of it, or NULL: an unfinished packet frame, then an unfinished Noise frame */
    size_t frame_len; /* bytes of the former                                                               */
    size_t noise_len; /* bytes of the latter                                                               */
    uint8_t *plain;   /* packet frames, not yet consumed: in what was fed, or in the carry                 */
    size_t plain_left;
    uint8_t *at; /* fed and not yet consumed                                                          */
    size_t left;
    const uint8_t *static_secret;
    uint8_t ephemeral[SLC_NOISE_KEY_BYTES];
    uint8_t role, send_version, state;
    struct slc_noise noise;
};

/* A connector with Noise allocates its cipher contexts here, an acceptor when it is called. SLC_NO_MEMORY. */
SLC_MUST_CHECK enum slc_status slc_node_link_init(struct slc_node_link *link,
                                                  const struct slc_node_link_config *config);
/* Returns a held slot, wipes and frees the keys. */
void slc_node_link_drop(struct slc_node_link *link);

/* Connector: appends what must be sent first (a handshake frame; nothing on a raw link). SLC_BAD_KEY, SLC_TOO_LONG. */
SLC_MUST_CHECK enum slc_status slc_node_link_start(struct slc_node_link *link, struct slc_writer *out);

/* Hands over received bytes; they may be changed in place and must stay until slc_node_link_next() returned false. */
void slc_node_link_feed(struct slc_node_link *link, uint8_t *data, size_t len);

/*
 * The next event; false: all bytes are consumed, feed more. Appends the handshake's answers to `reply`, which has
 * SLC_NODE_LINK_REPLY_MAX bytes of room.
 */
bool slc_node_link_next(struct slc_node_link *link, struct slc_node_link_event *event, struct slc_writer *reply);

/* Whether slc_node_link_send() may be called. */
bool slc_node_link_is_ready(const struct slc_node_link *link);

struct slc_node_packet {
    struct slc_bytes packet; /* exactly of one of the packet sizes */
    enum slc_rotation rotation;
};

/*
 * Appends frames for as many of the `n` packets as `out` has room for (one always fits SLC_NODE_LINK_ONE_MAX bytes),
 * in order; `*sent` says how many. Noise data frames are filled up to SLC_NODE_LINK_PLAINTEXT bytes, so packets given
 * together share them. SLC_AGAIN: the handshake is not done. SLC_BAD_ARGUMENT: a length that is no packet's; nothing
 * was written.
 */
SLC_MUST_CHECK enum slc_status slc_node_link_send(struct slc_node_link *link, const struct slc_node_packet *packets,
                                                  size_t n, struct slc_writer *out, size_t *sent);

#endif
