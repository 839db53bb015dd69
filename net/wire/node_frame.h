/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_NODE_FRAME_H
#define SLUICE_NODE_FRAME_H

#include "net/wire/mix_packet.h"

/*
 * The frame around a packet between nodes (docs/protocol/2-messages.md, section 15; 6-network.md, section 1.3):
 * version, size tag, packet type, in version 8 the rotation, then the packet. The size tag is the only length.
 */

/* Real nodes send version 7 by default; both are read, mixed on one connection. */
enum slc_node_frame_version { SLC_NODE_FRAME_V7 = 7, SLC_NODE_FRAME_V8 = 8 };

enum {
    SLC_NODE_FRAME_HEAD_MAX = 4,
    SLC_NODE_FRAME_MAX = SLC_NODE_FRAME_HEAD_MAX + SLC_LARGEST_PACKET_BYTES,
};

struct slc_node_frame {
    enum slc_packet_size size;
    enum slc_rotation rotation; /* unknown in version 7 */
    size_t head_bytes;          /* 3 or 4               */
    size_t packet_bytes;        /* what follows the head */
};

/* Bytes of the header in a version: 3 or 4. */
size_t slc_node_frame_head_bytes(enum slc_node_frame_version version);

/* Appends the header; the packet itself is the caller's to place after it. */
void slc_node_frame_write_head(struct slc_writer *w, enum slc_node_frame_version version, enum slc_packet_size size,
                               enum slc_rotation rotation);

/*
 * Reads the header at the front of `bytes`, of which the packet need not be there yet. Nothing is judged before 3
 * bytes are there, and in version 8 nothing but the version before 4.
 * SLC_AGAIN: more bytes are needed. SLC_MALFORMED: not a frame (version below 7; unknown size, type or rotation).
 * SLC_UNSUPPORTED: a version above 8, or Outfox, which the reference refuses only once the whole frame is there; the
 * answer is the same. Every error is the end of the connection: there is no way to find the next frame.
 */
SLC_MUST_CHECK enum slc_status slc_node_frame_parse_head(struct slc_bytes bytes, struct slc_node_frame *frame);

#endif
