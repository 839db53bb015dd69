/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/node_link.h"

#include "crypto/base/secret.h"

enum state { SNIFFING, RAW, HANDSHAKE, SECURED, OVER };

enum { NOISE_FIRST_BYTE = 1 };

/* ---- life ---- */

static enum slc_status begin_noise(struct slc_node_link *link, const uint8_t *peer_key)
{
    enum slc_noise_role role = link->role == SLC_NODE_LINK_CONNECTOR ? SLC_NOISE_INITIATOR : SLC_NOISE_RESPONDER;
    enum slc_status status = slc_noise_init(&link->noise, role, link->static_secret, peer_key, link->ephemeral);
    slc_wipe(link->ephemeral, sizeof link->ephemeral);
    link->state = HANDSHAKE;
    return status;
}

enum slc_status slc_node_link_init(struct slc_node_link *link, const struct slc_node_link_config *config)
{
    *link = (struct slc_node_link){.carry_pool = config->carry_pool,
                                   .static_secret = config->static_secret,
                                   .role = (uint8_t)config->role,
                                   .send_version = (uint8_t)config->send_version};
    bool connects = config->role == SLC_NODE_LINK_CONNECTOR;
    if (config->mode == SLC_NODE_LINK_RAW || (connects && config->mode == SLC_NODE_LINK_SNIFF)) {
        link->state = RAW;
        return SLC_OK;
    }
    if (config->static_secret == NULL || config->ephemeral == NULL || (connects && config->peer_key == NULL)) {
        return SLC_BAD_ARGUMENT;
    }
    memcpy(link->ephemeral, config->ephemeral, sizeof link->ephemeral);
    link->state = SNIFFING;
    if (config->mode == SLC_NODE_LINK_SNIFF) return SLC_OK;
    link->state = HANDSHAKE;
    return connects ? begin_noise(link, config->peer_key) : SLC_OK;
}

static void give_back(struct slc_node_link *link)
{
    if (link->carry != NULL) slc_pool_give(link->carry_pool, link->carry);
    link->carry = NULL;
    link->frame_len = link->noise_len = link->plain_left = 0;
}

void slc_node_link_drop(struct slc_node_link *link)
{
    give_back(link);
    slc_noise_wipe(&link->noise);
    slc_wipe(link->ephemeral, sizeof link->ephemeral);
    link->state = OVER;
    link->left = 0;
}

enum slc_status slc_node_link_start(struct slc_node_link *link, struct slc_writer *out)
{
    if (link->role != SLC_NODE_LINK_CONNECTOR || link->state != HANDSHAKE) return SLC_OK;
    return slc_noise_write_handshake(&link->noise, out);
}

bool slc_node_link_is_ready(const struct slc_node_link *link)
{
    return link->state == RAW || link->state == SECURED;
}

void slc_node_link_feed(struct slc_node_link *link, uint8_t *data, size_t len)
{
    if (link->state == OVER) return;
    link->at = data;
    link->left = len;
}

/* ---- what was fed, and what was kept of it ---- */

/*
 * Moves up to `len` bytes from a stream to the carry, at `offset`. The stream may lie in the carry itself, further
 * behind: a Noise frame that was gathered there and opened in place.
 */
static enum slc_status keep(struct slc_node_link *link, size_t offset, uint8_t **stream, size_t *left, size_t len)
{
    if (link->carry == NULL) link->carry = slc_pool_take(link->carry_pool);
    if (link->carry == NULL) return SLC_FULL;
    if (len > link->carry_pool->slot_bytes - offset) return SLC_TOO_LONG;
    memmove(link->carry + offset, *stream, len);
    *stream += len;
    *left -= len;
    return SLC_OK;
}

/* The first `want` bytes of the current packet frame in one piece; SLC_AGAIN after keeping those that are there. */
static enum slc_status peek_frame(struct slc_node_link *link, size_t want, uint8_t **bytes)
{
    if (link->frame_len == 0 && link->plain_left >= want) {
        *bytes = link->plain;
        return SLC_OK;
    }
    if (link->frame_len < want && link->plain_left > 0) {
        size_t missing = want - link->frame_len;
        size_t len = missing < link->plain_left ? missing : link->plain_left;
        enum slc_status status = keep(link, link->frame_len, &link->plain, &link->plain_left, len);
        if (status != SLC_OK) return status;
        link->frame_len += len;
    }
    *bytes = link->carry;
    return link->frame_len >= want ? SLC_OK : SLC_AGAIN;
}

/* The same for the current Noise frame, which is gathered behind the packet frame. */
static enum slc_status peek_noise(struct slc_node_link *link, size_t want, uint8_t **bytes)
{
    if (link->noise_len == 0 && link->left >= want) {
        *bytes = link->at;
        return SLC_OK;
    }
    if (link->noise_len < want && link->left > 0) {
        size_t missing = want - link->noise_len;
        size_t len = missing < link->left ? missing : link->left;
        enum slc_status status = keep(link, link->frame_len + link->noise_len, &link->at, &link->left, len);
        if (status != SLC_OK) return status;
        link->noise_len += len;
    }
    if (link->noise_len < want) return SLC_AGAIN;
    *bytes = link->carry + link->frame_len;
    return SLC_OK;
}

/* ---- packets in ---- */

static bool failed(struct slc_node_link *link, struct slc_node_link_event *event, enum slc_status status,
                   const char *reason)
{
    link->state = OVER;
    link->left = link->plain_left = 0;
    *event = (struct slc_node_link_event){.kind = SLC_NODE_LINK_FAILED, .status = status, .reason = reason};
    return true;
}

static enum slc_status next_packet(struct slc_node_link *link, struct slc_node_link_event *event)
{
    uint8_t *bytes;
    struct slc_node_frame frame = {0};
    enum slc_status status = SLC_AGAIN;
    for (size_t want = 3; status == SLC_AGAIN && want <= SLC_NODE_FRAME_HEAD_MAX; want++) {
        status = peek_frame(link, want, &bytes);
        if (status != SLC_OK) return status;
        status = slc_node_frame_parse_head(slc_bytes(bytes, want), &frame);
    }
    if (status != SLC_OK) return status;
    size_t len = frame.head_bytes + frame.packet_bytes;
    status = peek_frame(link, len, &bytes);
    if (status != SLC_OK) return status;

    if (link->frame_len > 0) {
        link->frame_len = 0;
    } else {
        link->plain += len;
        link->plain_left -= len;
    }
    *event = (struct slc_node_link_event){.kind = SLC_NODE_LINK_PACKET,
                                          .size = frame.size,
                                          .rotation = frame.rotation,
                                          .packet = bytes + frame.head_bytes,
                                          .packet_bytes = frame.packet_bytes};
    return SLC_OK;
}

static const char *frame_reason(enum slc_status status)
{
    switch (status) {
    case SLC_UNSUPPORTED:
        return "a frame of an unknown version, or an Outfox packet";
    case SLC_FULL:
        return "no buffer for a packet in pieces";
    case SLC_TOO_LONG:
        return "a packet is longer than a buffer";
    default:
        return "bytes that are not a packet frame";
    }
}

/* ---- Noise in ---- */

static const char *noise_reason(enum slc_status status)
{
    switch (status) {
    case SLC_UNSUPPORTED:
        return "not Noise of version 1 with XKpsk3";
    case SLC_BAD_MAC:
        return "a Noise frame fails authentication";
    case SLC_BAD_KEY:
        return "a Noise key of low order";
    case SLC_CLOSED:
        return "the peer ended the stream with an empty Noise frame";
    case SLC_FULL:
        return "no buffer for a Noise frame in pieces";
    case SLC_NO_MEMORY:
        return "no memory for a Noise session";
    default:
        return "a Noise frame that must not come here";
    }
}

static enum slc_status shake(struct slc_node_link *link, struct slc_bytes frame, struct slc_writer *reply)
{
    enum slc_status status = slc_noise_read_handshake(&link->noise, frame);
    if (status == SLC_OK && slc_noise_writes_next(&link->noise)) {
        status = slc_noise_write_handshake(&link->noise, reply);
    }
    if (status == SLC_OK && slc_noise_is_ready(&link->noise)) link->state = SECURED;
    return status;
}

/* Takes one whole Noise frame: a step of the handshake, or more plaintext. */
static enum slc_status next_noise_frame(struct slc_node_link *link, struct slc_writer *reply)
{
    uint8_t *frame;
    size_t len;
    enum slc_status status = peek_noise(link, SLC_NOISE_HEAD_BYTES, &frame);
    if (status != SLC_OK) return status;
    if (link->noise.send.context == NULL) {
        status = begin_noise(link, NULL);
        if (status != SLC_OK) return status;
    }
    status = slc_noise_parse_head(&link->noise, slc_bytes(frame, SLC_NOISE_HEAD_BYTES), &len);
    if (status != SLC_OK) return status;
    len += SLC_NOISE_HEAD_BYTES;
    status = peek_noise(link, len, &frame);
    if (status != SLC_OK) return status;

    if (link->noise_len > 0) {
        link->noise_len = 0;
    } else {
        link->at += len;
        link->left -= len;
    }
    if (link->state == HANDSHAKE) return shake(link, slc_bytes(frame, len), reply);
    link->plain = frame + SLC_NOISE_HEAD_BYTES;
    return slc_noise_open(&link->noise, frame, len, &link->plain_left);
}

/* A raw stream is plaintext as it comes. */
static bool has_more_plaintext(struct slc_node_link *link)
{
    if (link->state == SNIFFING && link->left > 0) link->state = link->at[0] == NOISE_FIRST_BYTE ? HANDSHAKE : RAW;
    if (link->state != RAW || link->left == 0) return false;
    link->plain = link->at;
    link->plain_left = link->left;
    link->left = 0;
    return true;
}

bool slc_node_link_next(struct slc_node_link *link, struct slc_node_link_event *event, struct slc_writer *reply)
{
    /* Only now: the event before may have been a view of it. */
    bool carry_is_used = link->frame_len + link->noise_len + link->plain_left > 0;
    if (!carry_is_used || link->state == OVER) give_back(link);

    while (link->state != OVER) {
        enum slc_status status = next_packet(link, event);
        if (status == SLC_OK) return true;
        if (status != SLC_AGAIN) return failed(link, event, status, frame_reason(status));
        if (has_more_plaintext(link)) continue;
        if (link->state == SNIFFING || link->state == RAW) return false;

        bool was_ready = link->state == SECURED;
        status = next_noise_frame(link, reply);
        if (status == SLC_AGAIN) return false;
        if (status != SLC_OK) return failed(link, event, status, noise_reason(status));
        if (!was_ready && link->state == SECURED) {
            *event = (struct slc_node_link_event){.kind = SLC_NODE_LINK_READY};
            return true;
        }
    }
    return false;
}

/* ---- packets out ---- */

/* The plaintext stream on its way into `out`, cut into data frames when the link is in Noise. */
struct stream {
    struct slc_node_link *link;
    struct slc_writer *out;
    uint8_t *frame; /* the open data frame, or NULL */
    size_t len;     /* plaintext in it              */
    enum slc_status status;
};

static void stream_flush(struct stream *s)
{
    if (s->frame == NULL) return;
    (void)slc_write_space(s->out, SLC_NOISE_TAG_BYTES);
    enum slc_status status = slc_noise_seal(&s->link->noise, s->frame, s->len);
    if (s->status == SLC_OK) s->status = status;
    s->frame = NULL;
}

static void stream_write(struct stream *s, const uint8_t *data, size_t len)
{
    if (s->link->state == RAW) {
        slc_write_bytes(s->out, data, len);
        return;
    }
    while (len > 0) {
        if (s->frame == NULL) {
            s->frame = slc_write_space(s->out, SLC_NOISE_HEAD_BYTES);
            s->len = 0;
        }
        size_t room = SLC_NODE_LINK_PLAINTEXT - s->len;
        size_t part = len < room ? len : room;
        slc_write_bytes(s->out, data, part);
        s->len += part;
        data += part;
        len -= part;
        if (s->len == SLC_NODE_LINK_PLAINTEXT) stream_flush(s);
    }
}

/* Bytes on the wire of so many bytes of packet frames. */
static size_t wire_bytes(const struct slc_node_link *link, size_t plain)
{
    size_t frames = (plain + SLC_NODE_LINK_PLAINTEXT - 1) / SLC_NODE_LINK_PLAINTEXT;
    return plain + (link->state == RAW ? 0 : frames * SLC_NOISE_OVERHEAD);
}

enum slc_status slc_node_link_send(struct slc_node_link *link, const struct slc_node_packet *packets, size_t n,
                                   struct slc_writer *out, size_t *sent)
{
    *sent = 0;
    if (!slc_node_link_is_ready(link)) return SLC_AGAIN;
    enum slc_node_frame_version version = (enum slc_node_frame_version)link->send_version;
    enum slc_packet_size size;
    size_t room = out->cap - out->len;
    size_t plain = 0;
    size_t count = 0;
    for (; count < n; count++) {
        if (slc_packet_size_of(packets[count].packet.len, &size) != SLC_OK) return SLC_BAD_ARGUMENT;
        size_t frame = slc_node_frame_head_bytes(version) + packets[count].packet.len;
        if (wire_bytes(link, plain + frame) > room) break;
        plain += frame;
    }

    struct stream stream = {.link = link, .out = out};
    for (size_t i = 0; i < count; i++) {
        uint8_t head[SLC_NODE_FRAME_HEAD_MAX];
        struct slc_writer w = slc_writer(head, sizeof head);
        if (slc_packet_size_of(packets[i].packet.len, &size) != SLC_OK) return SLC_BAD_ARGUMENT;
        slc_node_frame_write_head(&w, version, size, packets[i].rotation);
        stream_write(&stream, head, w.len);
        stream_write(&stream, packets[i].packet.data, packets[i].packet.len);
    }
    stream_flush(&stream);
    *sent = count;
    return stream.status;
}
