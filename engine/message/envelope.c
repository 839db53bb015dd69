/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/message/message.h"

enum { TYPE_PLAIN = 0, TYPE_REPLIABLE = 1, TYPE_REPLY = 2 };                         /* section 5.1 */
enum { CONTENT_DATA = 0, CONTENT_SURBS = 1, CONTENT_HEARTBEAT = 2, CONTENT_V2 = 3 }; /* section 6.1: V2 adds 3 */
enum { REPLY_DATA = 0, REPLY_SURB_REQUEST = 1 };                                     /* section 6.3 */

enum {
    LIST_HEAD_BYTES = 4,
    REPLIABLE_HEAD_BYTES = 1 + SLC_SENDER_TAG_BYTES + 1 + LIST_HEAD_BYTES,
};
_Static_assert(REPLIABLE_HEAD_BYTES == 22, "section 16.2");

/* ---- reading ---- */

static enum slc_status check_surbs(const struct slc_surb_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct slc_reader r = slc_reader(slc_bytes(list->surbs.data + i * list->surb_bytes, list->surb_bytes));
        (void)slc_read_bytes(&r, SLC_SURB_KEY_BYTES);
        struct slc_bytes surb = slc_bytes(r.at, slc_reader_left(&r));
        (void)slc_read_bytes(&r, SLC_HEADER_BYTES);
        struct slc_address first_hop;
        if (slc_surb_check(surb, list->explicit_keys) != SLC_OK || slc_address_read(&r, &first_hop) != SLC_OK) {
            return SLC_BAD_SURB;
        }
    }
    return SLC_OK;
}

static enum slc_status read_surbs(struct slc_reader *r, struct slc_surb_list *list)
{
    /* By division: the first generation's count is any 32-bit number. */
    if (list->count > slc_reader_left(r) / list->surb_bytes) return SLC_TOO_SHORT;
    list->surbs = slc_read_bytes(r, list->count * list->surb_bytes);
    return check_surbs(list);
}

static enum slc_status read_surb_list_v1(struct slc_reader *r, struct slc_surb_list *list)
{
    *list = (struct slc_surb_list){0};
    size_t count = slc_read_u32(r);
    if (!slc_reader_ok(r)) return SLC_TOO_SHORT;
    if (count == 0) return SLC_OK;
    list->count = count;
    list->explicit_keys = true;
    list->rotation = SLC_ROTATION_UNKNOWN;
    list->surb_bytes = SLC_SURB_KEY_BYTES + SLC_SURB_MAX_BYTES;
    return read_surbs(r, list);
}

static enum slc_status read_surb_list_v2(struct slc_reader *r, struct slc_surb_list *list)
{
    *list = (struct slc_surb_list){0};
    size_t count = slc_read_u16(r);
    uint8_t hops = slc_read_u8(r);
    uint8_t rotation = slc_read_u8(r);
    if (!slc_reader_ok(r)) return SLC_TOO_SHORT;
    if (rotation > SLC_ROTATION_EVEN) return SLC_MALFORMED;
    if (count == 0) return SLC_OK;
    /* Twelve seeds have the length of one explicit key: the count of hops is checked, not only the length. */
    if (hops == 0 || hops > SLC_MAX_HOPS) return SLC_BAD_SURB;
    list->count = count;
    list->hops = hops;
    list->rotation = (enum slc_rotation)rotation;
    list->surb_bytes = slc_reply_surb_bytes(hops);
    return read_surbs(r, list);
}

static enum slc_status parse_repliable(struct slc_reader *r, struct slc_message *message)
{
    slc_read_into(r, message->sender_tag, SLC_SENDER_TAG_BYTES);
    uint8_t content = slc_read_u8(r);
    if (!slc_reader_ok(r)) return SLC_TOO_SHORT;
    if (content >= 2 * CONTENT_V2) return SLC_UNSUPPORTED;
    enum slc_status status =
        content < CONTENT_V2 ? read_surb_list_v1(r, &message->surbs) : read_surb_list_v2(r, &message->surbs);
    switch (content % CONTENT_V2) {
    case CONTENT_DATA:
        message->kind = SLC_MESSAGE_REPLIABLE;
        message->data = slc_read_rest(r);
        break;
    case CONTENT_SURBS: /* bytes after the list are tolerated here and below */
        message->kind = SLC_MESSAGE_SURBS;
        break;
    default:
        message->kind = SLC_MESSAGE_HEARTBEAT;
        break;
    }
    return status;
}

static enum slc_status parse_reply(struct slc_reader *r, struct slc_message *message)
{
    uint8_t content = slc_read_u8(r);
    if (!slc_reader_ok(r)) return SLC_TOO_SHORT;
    if (content == REPLY_DATA) {
        message->kind = SLC_MESSAGE_REPLY;
        message->data = slc_read_rest(r);
        return message->data.len == 0 ? SLC_TOO_SHORT : SLC_OK;
    }
    if (content != REPLY_SURB_REQUEST) return SLC_UNSUPPORTED;
    message->kind = SLC_MESSAGE_SURB_REQUEST;
    struct slc_bytes requester = slc_read_bytes(r, SLC_RECIPIENT_BYTES);
    message->amount = slc_read_u32(r);
    if (!slc_reader_ok(r)) return SLC_TOO_SHORT;
    if (slc_reader_left(r) > 0) return SLC_TOO_LONG;
    return slc_recipient_parse(requester, &message->requester);
}

enum slc_status slc_message_parse(struct slc_bytes bytes, struct slc_message *message)
{
    *message = (struct slc_message){.kind = SLC_MESSAGE_PLAIN};
    if (bytes.len == 0) return SLC_TOO_SHORT;
    struct slc_reader r = slc_reader(bytes);
    switch (slc_read_u8(&r)) {
    case TYPE_PLAIN:
        message->data = slc_read_rest(&r);
        return SLC_OK;
    case TYPE_REPLIABLE:
        return parse_repliable(&r, message);
    case TYPE_REPLY:
        return parse_reply(&r, message);
    default:
        return SLC_UNSUPPORTED;
    }
}

/* ---- writing ---- */

size_t slc_message_head_bytes(enum slc_message_kind kind, size_t surbs, unsigned hops)
{
    switch (kind) {
    case SLC_MESSAGE_PLAIN:
        return 1;
    case SLC_MESSAGE_REPLIABLE:
    case SLC_MESSAGE_SURBS:
    case SLC_MESSAGE_HEARTBEAT:
        return REPLIABLE_HEAD_BYTES + surbs * slc_reply_surb_bytes(hops);
    case SLC_MESSAGE_REPLY:
        return 2;
    case SLC_MESSAGE_SURB_REQUEST:
        break;
    }
    return 0;
}

static void write_repliable_head(struct slc_writer *w, uint8_t content, const uint8_t *sender_tag,
                                 const struct slc_surb_list *surbs)
{
    static const struct slc_surb_list none;
    if (surbs == NULL || surbs->count == 0) surbs = &none;
    if (surbs->count > UINT16_MAX || surbs->explicit_keys) {
        w->overrun = true;
        return;
    }
    slc_write_u8(w, TYPE_REPLIABLE);
    slc_write_bytes(w, sender_tag, SLC_SENDER_TAG_BYTES);
    slc_write_u8(w, CONTENT_V2 + content);
    slc_write_u16(w, (uint16_t)surbs->count);
    slc_write_u8(w, surbs->hops);
    slc_write_u8(w, (uint8_t)surbs->rotation);
    slc_write_bytes(w, surbs->surbs.data, surbs->surbs.len);
}

void slc_message_write_head(struct slc_writer *w, enum slc_message_kind kind,
                            const uint8_t sender_tag[SLC_SENDER_TAG_BYTES], const struct slc_surb_list *surbs)
{
    switch (kind) {
    case SLC_MESSAGE_PLAIN:
        slc_write_u8(w, TYPE_PLAIN);
        return;
    case SLC_MESSAGE_REPLIABLE:
        write_repliable_head(w, CONTENT_DATA, sender_tag, surbs);
        return;
    case SLC_MESSAGE_SURBS:
        write_repliable_head(w, CONTENT_SURBS, sender_tag, surbs);
        return;
    case SLC_MESSAGE_HEARTBEAT:
        write_repliable_head(w, CONTENT_HEARTBEAT, sender_tag, surbs);
        return;
    case SLC_MESSAGE_REPLY:
        slc_write_u8(w, TYPE_REPLY);
        slc_write_u8(w, REPLY_DATA);
        return;
    case SLC_MESSAGE_SURB_REQUEST:
        break;
    }
    w->overrun = true;
}

void slc_message_write_surb_request(struct slc_writer *w, const struct slc_recipient *self, uint32_t amount)
{
    slc_write_u8(w, TYPE_REPLY);
    slc_write_u8(w, REPLY_SURB_REQUEST);
    slc_write_bytes(w, self, SLC_RECIPIENT_BYTES);
    slc_write_u32(w, amount);
}

/* ---- reply SURBs ---- */

void slc_surb_digest(uint8_t digest[SLC_SURB_DIGEST_BYTES], const uint8_t key[SLC_SURB_KEY_BYTES])
{
    slc_blake3(digest, slc_bytes(key, SLC_SURB_KEY_BYTES));
}
