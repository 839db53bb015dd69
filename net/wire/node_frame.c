/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/node_frame.h"

enum { TYPE_SPHINX = 0, TYPE_OUTFOX = 2 };

_Static_assert(SLC_NODE_FRAME_MAX == 33137, "chapter 2, section 15.1");

size_t slc_node_frame_head_bytes(enum slc_node_frame_version version)
{
    return version == SLC_NODE_FRAME_V7 ? 3 : 4;
}

void slc_node_frame_write_head(struct slc_writer *w, enum slc_node_frame_version version, enum slc_packet_size size,
                               enum slc_rotation rotation)
{
    const uint8_t head[SLC_NODE_FRAME_HEAD_MAX] = {(uint8_t)version, (uint8_t)size, TYPE_SPHINX, (uint8_t)rotation};
    slc_write_bytes(w, head, slc_node_frame_head_bytes(version));
}

/* The order of the checks is the reference's: version, rotation, size, type. */
enum slc_status slc_node_frame_parse_head(struct slc_bytes bytes, struct slc_node_frame *frame)
{
    *frame = (struct slc_node_frame){.rotation = SLC_ROTATION_UNKNOWN};
    if (bytes.len < 3) return SLC_AGAIN;
    struct slc_reader r = slc_reader(bytes);
    uint8_t version = slc_read_u8(&r);
    uint8_t size = slc_read_u8(&r);
    uint8_t type = slc_read_u8(&r);
    if (version < SLC_NODE_FRAME_V7) return SLC_MALFORMED;
    if (version > SLC_NODE_FRAME_V8) return SLC_UNSUPPORTED;
    if (version == SLC_NODE_FRAME_V8) {
        uint8_t rotation = slc_read_u8(&r);
        if (!slc_reader_ok(&r)) return SLC_AGAIN;
        if (rotation > SLC_ROTATION_EVEN) return SLC_MALFORMED;
        frame->rotation = (enum slc_rotation)rotation;
    }
    frame->size = (enum slc_packet_size)size;
    frame->packet_bytes = slc_packet_bytes(frame->size);
    if (frame->packet_bytes == 0) return SLC_MALFORMED;
    if (type != TYPE_SPHINX) return type == TYPE_OUTFOX ? SLC_UNSUPPORTED : SLC_MALFORMED;
    frame->head_bytes = bytes.len - slc_reader_left(&r);
    return SLC_OK;
}
