/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_WEBSOCKET_H
#define SLUICE_WEBSOCKET_H

#include "crypto/base/bytes.h"
#include "crypto/base/error.h"
#include "crypto/base/random.h"
#include "net/io/pool.h"

/*
 * A WebSocket connection (RFC 6455) without I/O, either end, the HTTP upgrade included
 * (docs/protocol/3-gateway.md, sections 2.3 and 13.2). Bytes in, messages and bytes to send out.
 *
 * No extensions, no subprotocols. Client frames are masked, server frames are not; the other way round is refused.
 * A message that lies wholly in what was fed is handed out in place; only one that straddles two feeds is gathered
 * in a slot of the carry pool, so an idle connection holds no buffer.
 */

enum slc_ws_role { SLC_WS_CLIENT, SLC_WS_SERVER };

enum slc_ws_kind {
    SLC_WS_OPEN,   /* the upgrade is done; nothing else comes before it                                        */
    SLC_WS_TEXT,   /* a whole text message, checked to be UTF-8                                                */
    SLC_WS_BINARY, /* a whole binary message                                                                   */
    SLC_WS_PONG,   /* (pings are answered by slc_ws_next() itself)                                             */
    SLC_WS_CLOSE,  /* the peer closes; the answer is already in `reply`; drop the connection after sending it  */
    SLC_WS_FAILED, /* protocol error: `status` and `reason` say which; drop the connection                     */
};

struct slc_ws_event {
    enum slc_ws_kind kind;
    uint8_t *data; /* of the message, or the close's reason; may be written to; valid until the next call */
    size_t len;
    uint16_t close_code; /* SLC_WS_CLOSE: the peer's, or 1005 when it gave none */
    enum slc_status status;
    const char *reason; /* SLC_WS_FAILED: static text */
};

enum {
    SLC_WS_HEAD_MAX = 14,   /* longest frame header: 2 + 8 length + 4 mask                  */
    SLC_WS_REPLY_MAX = 512, /* room that slc_ws_next() may need in `reply` per call          */
    SLC_WS_HTTP_HEAD_MAX = 8192,
};

enum slc_ws_opcode {
    SLC_WS_OP_TEXT = 1,
    SLC_WS_OP_BINARY = 2,
    SLC_WS_OP_CLOSE = 8,
    SLC_WS_OP_PING = 9,
    SLC_WS_OP_PONG = 10
};

/* One connection; plain memory, no pointer into itself. Treat as opaque. */
struct slc_ws {
    struct slc_pool *carry_pool; /* where straddling messages are gathered                        */
    uint8_t *carry;              /* a slot of it, or NULL                                          */
    size_t carry_len;
    size_t message_len; /* bytes at the front of carry that belong to an unfinished, fragmented message */
    uint8_t *at;        /* fed, not yet consumed                                                   */
    size_t left;
    uint8_t role, state, message_opcode, failed;
    char accept_key[28]; /* client: the Sec-WebSocket-Accept to expect                             */
};

/*
 * carry_pool  slots at least as long as the longest message accepted plus SLC_WS_HEAD_MAX; longer messages fail with
 *             SLC_TOO_LONG before a byte of them is kept; a pool without a free slot fails with SLC_FULL. An HTTP head
 *             may fill a slot, up to SLC_WS_HTTP_HEAD_MAX. While a message in fragments is unfinished, 131 bytes of
 *             the slot are kept free for a control frame that may come between them.
 */
void slc_ws_init(struct slc_ws *ws, enum slc_ws_role role, struct slc_pool *carry_pool);

/* Returns a held slot. */
void slc_ws_drop(struct slc_ws *ws);

/* Client: appends the upgrade request for `host` (as in the URL: "127.0.0.1:9000") and `path` to `out`. */
SLC_MUST_CHECK enum slc_status slc_ws_request(struct slc_ws *ws, const char *host, const char *path,
                                              struct slc_random *random, struct slc_writer *out);

/* Hands over received bytes; they may be changed in place and must stay until slc_ws_next() returned false. */
void slc_ws_feed(struct slc_ws *ws, uint8_t *data, size_t len);

/*
 * The next event; false: all bytes are consumed, feed more. Appends what must be sent back (upgrade response, pong,
 * close) to `reply`, which has SLC_WS_REPLY_MAX bytes of room. Client frames are masked with `random`; a server may
 * pass NULL. Of more pings than their pongs find room for in one call, the last is answered (RFC 6455, 5.5.3). A
 * failure's close frame, or HTTP error, is in `reply` too. Nothing comes after SLC_WS_CLOSE and SLC_WS_FAILED.
 */
bool slc_ws_next(struct slc_ws *ws, struct slc_ws_event *event, struct slc_random *random, struct slc_writer *reply);

/*
 * Makes a frame of `len` payload bytes in place: writes the header right in front of `payload`, where there must be
 * SLC_WS_HEAD_MAX bytes of room, and masks the payload when `mask` is not NULL (clients: 4 fresh random bytes).
 * Returns the header's length: the frame is payload - result .. payload + len. Any thread.
 */
size_t slc_ws_frame(uint8_t *payload, size_t len, enum slc_ws_opcode opcode, const uint8_t mask[4]);

#endif
