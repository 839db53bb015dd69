/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/api/api_internal.h"

#include "engine/engine_internal.h"

static bool window_full(const struct api *api, const struct slc_engine_client *what)
{
    return what->messages >= api->window_messages || what->bytes >= api->window_bytes;
}

static enum slc_status submit(struct api *api, struct api_client *c, struct slc_send *send, const void *data)
{
    struct slc_engine_client what;
    enum slc_status status = slc_engine_look(api->engine, c->number, &what);
    if (status != SLC_OK) return SLC_BAD_HANDLE;
    if (c->state == SLC_STATE_FAILED || api->finishing) return SLC_CLOSED;
    if (window_full(api, &what)) {
        c->starved = true;
        return SLC_AGAIN;
    }
    status = slc_engine_prepare(api->engine, send);
    if (status != SLC_OK) return status;
    if (send->len > 0) memcpy(send->data, data, send->len);
    status = slc_engine_submit(api->engine, send);
    if (status != SLC_OK) slc_engine_abandon(api->engine, send);
    /* A worker's ring is empty again in a moment, without an event that says so. */
    if (status == SLC_AGAIN) slc_api_tell_room(api, c);
    return status;
}

/* What slc_send() and slc_reply() share: `send` says where to. */
static enum slc_status send_to(struct slc_client_id client, struct slc_send *send, const void *data,
                               const struct slc_send_options *options)
{
    struct api *api;
    struct api_client *c;
    struct slc_send_options o;
    enum slc_status status = slc_api_client_of(client, &api, &c);
    if (status != SLC_OK) return status;
    if (data == NULL && send->len > 0) return SLC_BAD_ARGUMENT;
    status = slc_api_take(&o, sizeof o, sizeof o, options);
    if (status != SLC_OK) return status;
    if (send->len > SLC_MESSAGE_MAX) return SLC_TOO_LONG;
    if (send->reply && send->len == 0) return SLC_TOO_SHORT;
    if (o.surbs > SLC_SURBS_MAX || (send->reply && o.surbs > 0)) return SLC_OUT_OF_RANGE;
    send->client = c->number;
    send->token = o.token;
    send->anonymous = !send->reply && (o.tagged || o.surbs > 0);
    send->surbs = o.surbs;
    send->lane = o.lane;
    send->retransmissions = o.retransmit;
    send->intended = slc_now();
    return submit(api, c, send, data);
}

enum slc_status slc_send(struct slc_client_id client, const struct slc_recipient *recipient, const void *data,
                         size_t len, const struct slc_send_options *options)
{
    if (recipient == NULL) return SLC_BAD_ARGUMENT;
    struct slc_send send = {.recipient = *recipient, .len = len};
    return send_to(client, &send, data, options);
}

enum slc_status slc_reply(struct slc_client_id client, const uint8_t tag[SLC_TAG_BYTES], const void *data, size_t len,
                          const struct slc_send_options *options)
{
    if (tag == NULL) return SLC_BAD_ARGUMENT;
    struct slc_send send = {.reply = true, .len = len};
    memcpy(send.tag, tag, sizeof send.tag);
    return send_to(client, &send, data, options);
}
_Static_assert((int)SLC_TAG_BYTES == (int)SLC_SENDER_TAG_BYTES, "one tag");
_Static_assert(SLC_RETRANSMIT_NEVER == SLC_RETRANSMISSIONS_NONE &&
                   SLC_RETRANSMIT_DEFAULT == SLC_RETRANSMISSIONS_DEFAULT &&
                   SLC_RETRANSMIT_UNLIMITED == SLC_RETRANSMISSIONS_UNLIMITED,
               "one limit");
