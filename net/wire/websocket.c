/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/http_head.h"
#include "net/wire/utf8.h"
#include "net/wire/websocket_internal.h"

/* RFC 6455, section 5.2. */
enum {
    FIN = 0x80,
    RESERVED = 0x70,
    OPCODE = 0x0f,
    CONTROL = 0x08, /* the bit that all control opcodes have */
    OP_CONTINUATION = 0,
    MASKED = 0x80,
    LENGTH = 0x7f,
    LENGTH_16 = 126, /* the length follows in two bytes ...   */
    LENGTH_64 = 127, /* ... or in eight                       */
    MASK_BYTES = 4,
    CONTROL_MAX = 125, /* bytes of payload in a control frame */
    CONTROL_FRAME_MAX = 2 + MASK_BYTES + CONTROL_MAX,
};

/* Close codes (section 7.4). */
enum {
    CLOSE_PROTOCOL_ERROR = 1002,
    CLOSE_NO_STATUS = 1005, /* never on the wire: a close frame without a code */
    CLOSE_NOT_UTF8 = 1007,
    CLOSE_TOO_LONG = 1009,
    CLOSE_TRY_LATER = 1013,
};

/*
 * Pongs take the front of a call's room in `reply`, so that an answer to a close, or a failure's close, still fits
 * behind them. A pong that would begin after this replaces the one before it: section 5.5.3 allows to answer only
 * the last of several pings.
 */
enum { LAST_PONG_START = SLC_WS_REPLY_MAX - 2 * CONTROL_FRAME_MAX };

struct frame {
    uint8_t opcode;
    bool fin;
    uint8_t *payload;
    size_t len;
    size_t bytes; /* of the whole frame */
};

/* One call of slc_ws_next(). */
struct call {
    struct slc_ws *ws;
    struct slc_ws_event *event;
    struct slc_random *random;
    struct slc_writer *reply;
    size_t reply_start; /* length of `reply` when the call began */
    size_t last_pong;   /* where the latest pong begins in it    */
};

/* ---- masks ---- */

typedef uint8_t wide __attribute__((vector_size(32)));

static void apply_mask(uint8_t *data, size_t len, const uint8_t mask[MASK_BYTES])
{
    wide key;
    for (size_t i = 0; i < sizeof key; i += MASK_BYTES) {
        memcpy((uint8_t *)&key + i, mask, MASK_BYTES);
    }
    size_t at = 0;
    for (; len - at >= sizeof key; at += sizeof key) {
        wide block;
        memcpy(&block, data + at, sizeof block);
        block ^= key;
        memcpy(data + at, &block, sizeof block);
    }
    for (; at < len; at++) {
        data[at] ^= mask[at % MASK_BYTES];
    }
}

/* ---- writing ---- */

/* Appends a frame's header, without the mask. */
static void write_head(struct slc_writer *w, enum slc_ws_opcode opcode, size_t len, bool masked)
{
    uint8_t mask_bit = masked ? MASKED : 0;
    slc_write_u8(w, (uint8_t)(FIN | opcode));
    if (len < LENGTH_16) {
        slc_write_u8(w, (uint8_t)(mask_bit | len));
    } else if (len <= UINT16_MAX) {
        slc_write_u8(w, mask_bit | LENGTH_16);
        slc_write_u16(w, (uint16_t)len);
    } else {
        slc_write_u8(w, mask_bit | LENGTH_64);
        slc_write_u64(w, len);
    }
}

size_t slc_ws_frame(uint8_t *payload, size_t len, enum slc_ws_opcode opcode, const uint8_t mask[4])
{
    uint8_t head[SLC_WS_HEAD_MAX];
    struct slc_writer w = slc_writer(head, sizeof head);
    write_head(&w, opcode, len, mask != NULL);
    if (mask != NULL) {
        slc_write_bytes(&w, mask, MASK_BYTES);
        apply_mask(payload, len, mask);
    }
    memcpy(payload - w.len, head, w.len);
    return w.len;
}

/* Appends a control frame as a whole or, where there is no room, not at all. */
static void reply_control(const struct call *call, enum slc_ws_opcode opcode, struct slc_bytes payload)
{
    uint8_t frame[SLC_WS_HEAD_MAX + CONTROL_MAX];
    uint8_t mask[MASK_BYTES];
    bool masked = call->ws->role == SLC_WS_CLIENT;
    if (masked) slc_random_bytes(call->random, mask, sizeof mask);
    if (payload.len > 0) memcpy(frame + SLC_WS_HEAD_MAX, payload.data, payload.len);
    size_t head = slc_ws_frame(frame + SLC_WS_HEAD_MAX, payload.len, opcode, masked ? mask : NULL);
    slc_write_bytes(call->reply, frame + SLC_WS_HEAD_MAX - head, head + payload.len);
}

static void reply_pong(struct call *call, struct slc_bytes payload)
{
    if (call->reply->len - call->reply_start > LAST_PONG_START) call->reply->len = call->last_pong;
    call->last_pong = call->reply->len;
    reply_control(call, SLC_WS_OP_PONG, payload);
}

static void reply_close(const struct call *call, uint16_t code)
{
    uint8_t bytes[2];
    struct slc_writer w = slc_writer(bytes, sizeof bytes);
    if (code != CLOSE_NO_STATUS) slc_write_u16(&w, code);
    reply_control(call, SLC_WS_OP_CLOSE, slc_bytes(bytes, w.len));
}

/* ---- what was fed, and what was kept of it ---- */

void slc_ws_init(struct slc_ws *ws, enum slc_ws_role role, struct slc_pool *carry_pool)
{
    *ws = (struct slc_ws){.carry_pool = carry_pool, .role = (uint8_t)role, .state = SLC_WS_STATE_UPGRADE};
}

void slc_ws_drop(struct slc_ws *ws)
{
    if (ws->carry != NULL) slc_pool_give(ws->carry_pool, ws->carry);
    ws->carry = NULL;
    ws->carry_len = ws->message_len = 0;
}

void slc_ws_feed(struct slc_ws *ws, uint8_t *data, size_t len)
{
    if (ws->state == SLC_WS_STATE_OVER) return;
    ws->at = data;
    ws->left = len;
}

static enum slc_status keep(struct slc_ws *ws, const uint8_t *data, size_t len)
{
    if (ws->carry == NULL) ws->carry = slc_pool_take(ws->carry_pool);
    if (ws->carry == NULL) return SLC_FULL;
    if (len > ws->carry_pool->slot_bytes - ws->carry_len) return SLC_TOO_LONG;
    memcpy(ws->carry + ws->carry_len, data, len);
    ws->carry_len += len;
    return SLC_OK;
}

static void skip(struct slc_ws *ws, size_t len)
{
    ws->at += len;
    ws->left -= len;
}

/*
 * The first `want` bytes of the current frame in one piece, where they lie or in the carry; SLC_AGAIN when they are
 * not all there, after keeping those that are.
 */
static enum slc_status peek(struct slc_ws *ws, size_t want, uint8_t **bytes)
{
    size_t kept = ws->carry_len - ws->message_len;
    if (kept == 0 && ws->left >= want) {
        *bytes = ws->at;
        return SLC_OK;
    }
    if (kept < want && ws->left > 0) {
        size_t len = want - kept < ws->left ? want - kept : ws->left;
        enum slc_status status = keep(ws, ws->at, len);
        if (status != SLC_OK) return status;
        skip(ws, len);
        kept += len;
    }
    *bytes = kept >= want ? ws->carry + ws->message_len : NULL;
    return kept >= want ? SLC_OK : SLC_AGAIN;
}

/* Puts the current frame of `len` bytes, all seen by peek(), behind us. */
static void consume(struct slc_ws *ws, size_t len)
{
    if (ws->carry_len > ws->message_len) {
        ws->carry_len = ws->message_len;
    } else {
        skip(ws, len);
    }
}

/* ---- frames in ---- */

/* Refuses what the first two bytes of a frame already show to be wrong. */
static const char *check_head(const struct slc_ws *ws, const uint8_t head[2])
{
    bool fin = (head[0] & FIN) != 0;
    uint8_t opcode = head[0] & OPCODE;
    if ((head[0] & RESERVED) != 0) return "reserved bits are set, and no extension was agreed on";
    if (((head[1] & MASKED) != 0) != (ws->role == SLC_WS_SERVER)) {
        return ws->role == SLC_WS_SERVER ? "a client's frame is not masked" : "a server's frame is masked";
    }
    switch (opcode) {
    case OP_CONTINUATION:
        return ws->message_opcode == 0 ? "a continuation, and no message was begun" : NULL;
    case SLC_WS_OP_TEXT:
    case SLC_WS_OP_BINARY:
        return ws->message_opcode != 0 ? "a new message inside a fragmented one" : NULL;
    case SLC_WS_OP_CLOSE:
    case SLC_WS_OP_PING:
    case SLC_WS_OP_PONG:
        if (!fin) return "a control frame in fragments";
        return (head[1] & LENGTH) > CONTROL_MAX ? "a control frame longer than 125 bytes" : NULL;
    default:
        return "an opcode that does not exist";
    }
}

/*
 * Whether a slot can hold the message once this frame is added. While a message is unfinished, a whole control frame
 * must fit behind it too.
 */
static bool fits(const struct slc_ws *ws, const uint8_t head[2], uint64_t len)
{
    if ((head[0] & CONTROL) != 0) return true;
    size_t reserve = (head[0] & FIN) != 0 ? SLC_WS_HEAD_MAX : CONTROL_FRAME_MAX;
    size_t slot = ws->carry_pool->slot_bytes;
    return slot >= reserve + ws->message_len && len <= slot - reserve - ws->message_len;
}

/* The length of the payload from a whole frame header; false when it is not in its shortest form, or above 2^63. */
static bool read_length(struct slc_bytes head, uint64_t *len)
{
    struct slc_reader r = slc_reader(head);
    (void)slc_read_u8(&r);
    *len = slc_read_u8(&r) & LENGTH;
    if (*len < LENGTH_16) return true;
    bool is_64 = *len == LENGTH_64;
    *len = is_64 ? slc_read_u64(&r) : slc_read_u16(&r);
    return is_64 ? *len > UINT16_MAX && *len <= INT64_MAX : *len >= LENGTH_16;
}

/* The next whole frame, unmasked; it is consumed, its payload stays valid until the next peek(). */
static enum slc_status next_frame(struct slc_ws *ws, struct frame *frame, const char **reason)
{
    uint8_t *bytes;
    enum slc_status status = peek(ws, 2, &bytes);
    if (status != SLC_OK) return status;
    const char *wrong = check_head(ws, bytes);
    if (wrong != NULL) {
        *reason = wrong;
        return SLC_MALFORMED;
    }

    bool masked = (bytes[1] & MASKED) != 0;
    uint8_t short_len = bytes[1] & LENGTH;
    size_t length_bytes = short_len == LENGTH_64 ? 8 : short_len == LENGTH_16 ? 2 : 0;
    size_t head_bytes = 2 + length_bytes + (masked ? MASK_BYTES : 0);
    status = peek(ws, head_bytes, &bytes);
    if (status != SLC_OK) return status;

    uint64_t len;
    *reason = "a frame's length is not in its shortest form, or has its top bit set";
    if (!read_length(slc_bytes(bytes, head_bytes), &len)) return SLC_MALFORMED;
    *reason = "a message is longer than we accept";
    if (!fits(ws, bytes, len)) return SLC_TOO_LONG;
    status = peek(ws, head_bytes + (size_t)len, &bytes);
    if (status != SLC_OK) return status;

    *frame = (struct frame){.opcode = bytes[0] & OPCODE,
                            .fin = (bytes[0] & FIN) != 0,
                            .payload = bytes + head_bytes,
                            .len = (size_t)len,
                            .bytes = head_bytes + (size_t)len};
    if (masked) apply_mask(frame->payload, frame->len, frame->payload - MASK_BYTES);
    consume(ws, frame->bytes);
    return SLC_OK;
}

/* ---- events ---- */

static bool failed(const struct call *call, enum slc_status status, const char *reason)
{
    bool upgraded = call->ws->state == SLC_WS_STATE_FRAMES;
    call->ws->state = SLC_WS_STATE_OVER;
    call->ws->failed = true;
    call->ws->left = 0;
    *call->event = (struct slc_ws_event){.kind = SLC_WS_FAILED, .status = status, .reason = reason};
    if (upgraded) {
        reply_close(call, status == SLC_NOT_UTF8   ? CLOSE_NOT_UTF8
                          : status == SLC_TOO_LONG ? CLOSE_TOO_LONG
                          : status == SLC_FULL     ? CLOSE_TRY_LATER
                                                   : CLOSE_PROTOCOL_ERROR);
    }
    return true;
}

/* Codes a peer may send: the registered ones, but not those that stand for "none came", and the private ranges. */
static bool is_close_code(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static bool closed(const struct call *call, const struct frame *frame)
{
    uint16_t code = CLOSE_NO_STATUS;
    struct slc_bytes words = slc_bytes(frame->payload, frame->len);
    if (frame->len > 0) {
        struct slc_reader r = slc_reader(words);
        code = slc_read_u16(&r);
        words = slc_read_rest(&r);
        if (!slc_reader_ok(&r) || !is_close_code(code)) {
            return failed(call, SLC_MALFORMED, "a close frame without a valid code");
        }
        if (!slc_utf8_ok(words)) return failed(call, SLC_NOT_UTF8, "a close frame's reason is not UTF-8");
    }
    reply_close(call, code);
    call->ws->state = SLC_WS_STATE_OVER;
    call->ws->left = 0;
    *call->event = (struct slc_ws_event){
        .kind = SLC_WS_CLOSE, .data = frame->payload + (frame->len - words.len), .len = words.len, .close_code = code};
    return true;
}

/* A ping gives no event. */
static bool took_control(struct call *call, const struct frame *frame)
{
    if (frame->opcode == SLC_WS_OP_CLOSE) return closed(call, frame);
    if (frame->opcode == SLC_WS_OP_PING) {
        reply_pong(call, slc_bytes(frame->payload, frame->len));
        return false;
    }
    *call->event = (struct slc_ws_event){.kind = SLC_WS_PONG, .data = frame->payload, .len = frame->len};
    return true;
}

/* Adds a frame to the message; an event once that is whole. */
static bool took_data(const struct call *call, const struct frame *frame)
{
    struct slc_ws *ws = call->ws;
    uint8_t opcode = frame->opcode == OP_CONTINUATION ? ws->message_opcode : frame->opcode;
    uint8_t *message = frame->payload;
    size_t len = frame->len;
    if (len > 0 && (!frame->fin || ws->message_len > 0)) {
        /* The frame may itself lie in the carry, behind the message; its header made room enough. */
        if (ws->carry == NULL) ws->carry = slc_pool_take(ws->carry_pool);
        if (ws->carry == NULL) return failed(call, SLC_FULL, "no buffer for a message in fragments");
        memmove(ws->carry + ws->message_len, frame->payload, len);
        ws->message_len += len;
        ws->carry_len = ws->message_len;
    }
    if (!frame->fin) {
        ws->message_opcode = opcode;
        return false;
    }
    if (ws->message_len > 0) {
        message = ws->carry;
        len = ws->message_len;
    }
    ws->message_opcode = 0;
    ws->carry_len = ws->message_len = 0;

    bool is_text = opcode == SLC_WS_OP_TEXT;
    if (is_text && !slc_utf8_ok(slc_bytes(message, len))) {
        return failed(call, SLC_NOT_UTF8, "a text message is not UTF-8");
    }
    *call->event = (struct slc_ws_event){.kind = is_text ? SLC_WS_TEXT : SLC_WS_BINARY, .data = message, .len = len};
    return true;
}

static bool next_message(struct call *call)
{
    for (;;) {
        struct frame frame = {0};
        const char *reason = "a frame is longer than a buffer";
        enum slc_status status = next_frame(call->ws, &frame, &reason);
        if (status == SLC_AGAIN) return false;
        if (status == SLC_FULL) reason = "no buffer for a message in pieces";
        if (status != SLC_OK) return failed(call, status, reason);
        bool is_control = (frame.opcode & CONTROL) != 0;
        if (is_control ? took_control(call, &frame) : took_data(call, &frame)) return true;
    }
}

/* ---- the upgrade ---- */

/* The whole head, where it lies or gathered in the carry, and consumed; SLC_AGAIN when it is not complete. */
static enum slc_status next_head(struct slc_ws *ws, struct slc_bytes *head)
{
    size_t slot = ws->carry_pool->slot_bytes;
    size_t limit = slot < SLC_WS_HTTP_HEAD_MAX ? slot : SLC_WS_HTTP_HEAD_MAX;
    size_t kept = ws->carry_len;
    size_t fresh = ws->left < limit - kept ? ws->left : limit - kept;
    struct slc_bytes seen = slc_bytes(ws->at, fresh);
    if (kept == 0) {
        size_t len = slc_http_head_bytes(seen, 0);
        if (len > 0) {
            *head = slc_bytes(ws->at, len);
            skip(ws, len);
            return SLC_OK;
        }
        if (fresh == 0) return SLC_AGAIN;
    }
    enum slc_status status = fresh == 0 ? SLC_OK : keep(ws, ws->at, fresh);
    if (status != SLC_OK) return status;
    size_t len = slc_http_head_bytes(slc_bytes(ws->carry, ws->carry_len), kept);
    if (len == 0) {
        skip(ws, fresh);
        return ws->carry_len == limit ? SLC_TOO_LONG : SLC_AGAIN;
    }
    *head = slc_bytes(ws->carry, len);
    skip(ws, len - kept);
    ws->carry_len = 0;
    return SLC_OK;
}

static bool upgraded(struct call *call)
{
    struct slc_bytes head;
    const char *reason = "the HTTP head is too long";
    enum slc_status status = next_head(call->ws, &head);
    if (status == SLC_AGAIN) return false;
    if (status == SLC_FULL) reason = "no buffer for an HTTP head in pieces";
    if (status == SLC_OK) status = slc_ws_upgrade(call->ws, head, call->reply, &reason);
    if (status != SLC_OK) return failed(call, status, reason);
    call->ws->state = SLC_WS_STATE_FRAMES;
    *call->event = (struct slc_ws_event){.kind = SLC_WS_OPEN};
    return true;
}

bool slc_ws_next(struct slc_ws *ws, struct slc_ws_event *event, struct slc_random *random, struct slc_writer *reply)
{
    /* Only now: the event before may have been a view of it. */
    if (ws->carry != NULL && ws->carry_len == 0) slc_ws_drop(ws);

    struct call call = {.ws = ws, .event = event, .random = random, .reply = reply, .reply_start = reply->len};
    call.last_pong = reply->len;
    switch (ws->state) {
    case SLC_WS_STATE_UPGRADE:
        return upgraded(&call);
    case SLC_WS_STATE_FRAMES:
        return next_message(&call);
    default:
        slc_ws_drop(ws);
        return false;
    }
}
