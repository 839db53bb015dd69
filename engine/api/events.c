/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/api/api_internal.h"

#include "engine/engine_internal.h"

#include <stdlib.h>

enum { DISPATCH_BATCH = 256 };

/* ---- what the program holds ---- */

/* Makes sure that hold() works: an event is taken from the engine only when it can be handed on. */
static bool can_hold(struct api *api)
{
    if (api->free_hold != API_NO_HOLD) return true;
    size_t count = api->hold_count == 0 ? 64 : api->hold_count * 2;
    struct api_hold *grown = realloc(api->holds, count * sizeof *grown);
    if (grown == NULL) return false;
    for (size_t i = api->hold_count; i < count; i++) {
        grown[i] = (struct api_hold){.next_free = api->free_hold};
        api->free_hold = (uint32_t)i;
    }
    api->holds = grown;
    api->hold_count = count;
    return true;
}

static uint64_t hold(struct api *api, const struct slc_engine_event *event)
{
    uint32_t index = api->free_hold;
    struct api_hold *h = &api->holds[index];
    api->free_hold = h->next_free;
    h->event = *event;
    h->generation++;
    api->held++;
    return (uint64_t)h->generation << 32 | index;
}

static enum slc_status let_go(struct api *api, uint64_t held)
{
    uint32_t index = (uint32_t)held, generation = (uint32_t)(held >> 32);
    if (held == 0) return SLC_OK;
    if (index >= api->hold_count || generation % 2 == 0 || api->holds[index].generation != generation) {
        return SLC_BAD_HANDLE;
    }
    struct api_hold *h = &api->holds[index];
    slc_engine_release(api->engine, &h->event);
    h->generation++;
    h->next_free = api->free_hold;
    api->free_hold = index;
    api->held--;
    return SLC_OK;
}

/* ---- room ---- */

void slc_api_tell_room(struct api *api, struct api_client *c)
{
    if (!c->in_rooms) api->rooms[api->room_count++] = c->number;
    c->in_rooms = true;
    slc_engine_wake(api->engine);
}

static bool next_room(struct api *api, struct slc_event *out)
{
    if (api->room_count == 0) return false;
    struct api_client *c = &api->clients[slc_place_of(api->rooms[--api->room_count])];
    c->starved = c->in_rooms = false;
    *out = (struct slc_event){.kind = SLC_EVENT_ROOM,
                              .client = slc_api_client_id(api, c->number),
                              .user = c->user,
                              .at_ns = slc_now(),
                              .text = ""};
    return true;
}

/* A client whose window was full is told when half of it is free. */
static void look_for_room(struct api *api, struct api_client *c)
{
    struct slc_engine_client what;
    if (c->starved && !c->removed && slc_engine_look(api->engine, c->number, &what) == SLC_OK &&
        what.messages <= api->window_messages / 2 && what.bytes <= api->window_bytes / 2) {
        slc_api_tell_room(api, c);
    }
}

/* ---- the engine's events in the API's words ---- */

static bool message_came(struct api *api, const struct slc_engine_event *e, struct slc_event *out)
{
    if (e->data == NULL && e->len > 0) {
        out->kind = SLC_EVENT_WARNING;
        out->status = SLC_NO_MEMORY;
        out->text = "a message was received and lost: no memory for it";
        return true;
    }
    out->kind = SLC_EVENT_MESSAGE;
    out->data = e->len > 0 ? e->data : NULL;
    out->len = e->len;
    out->has_tag = e->has_tag;
    out->is_reply = e->is_reply;
    memcpy(out->tag, e->tag, sizeof out->tag);
    out->hold = hold(api, e);
    return true;
}

static bool state_changed(struct api *api, struct api_client *c, const struct slc_engine_event *e,
                          struct slc_event *out)
{
    static const struct {
        enum slc_event_kind kind;
        enum slc_client_state state;
    } changes[] = {[SLC_CLIENT_READY] = {SLC_EVENT_READY, SLC_STATE_READY},
                   [SLC_CLIENT_LOST] = {SLC_EVENT_LOST, SLC_STATE_CONNECTING},
                   [SLC_CLIENT_FAILED] = {SLC_EVENT_FAILED, SLC_STATE_FAILED}};
    c->state = (uint8_t)changes[e->kind].state;
    out->kind = changes[e->kind].kind;
    if (e->kind == SLC_CLIENT_READY) {
        slc_engine_release(api->engine, e);
    } else if (e->text != NULL) {
        out->text = e->text;
        out->hold = hold(api, e);
    }
    return !c->removed;
}

static bool message_settled(struct api *api, struct api_client *c, enum slc_event_kind kind, struct slc_event *out)
{
    out->kind = kind;
    look_for_room(api, c);
    return true;
}

/* Of no client: only failures are worth words. */
static bool warning_came(struct api *api, const struct slc_engine_event *e, struct slc_event *out)
{
    if (e->status == SLC_OK) {
        slc_engine_release(api->engine, e);
        return false;
    }
    out->kind = SLC_EVENT_WARNING;
    if (e->text != NULL) out->text = e->text;
    out->hold = hold(api, e);
    return true;
}

static bool all_ended(struct api *api, const struct slc_engine_event *e, struct slc_event *out)
{
    out->kind = SLC_EVENT_FINISHED;
    if (e->text != NULL) out->text = e->text;
    out->hold = hold(api, e);
    return true;
}

/* False: nothing the program has to know. */
static bool translate(struct api *api, const struct slc_engine_event *e, struct slc_event *out)
{
    bool of_client = e->client != UINT32_MAX;
    struct api_client *c = of_client ? &api->clients[slc_place_of(e->client)] : NULL;
    *out =
        (struct slc_event){.status = e->status, .at_ns = e->at, .token = e->token, .text = slc_status_text(e->status)};
    if (of_client) {
        out->client = slc_api_client_id(api, e->client);
        out->user = c->user;
    }
    switch (e->kind) {
    case SLC_CLIENT_DELIVERED:
        return message_came(api, e, out);
    case SLC_CLIENT_READY:
    case SLC_CLIENT_LOST:
    case SLC_CLIENT_FAILED:
        return state_changed(api, c, e, out);
    case SLC_CLIENT_SENT:
        out->kind = SLC_EVENT_SENT;
        return true;
    case SLC_CLIENT_ACKED:
        return message_settled(api, c, SLC_EVENT_ACKED, out);
    case SLC_CLIENT_EXPIRED:
        return message_settled(api, c, SLC_EVENT_UNDELIVERED, out);
    case SLC_CLIENT_REMOVED:
        c->taken = false;
        atomic_fetch_sub_explicit(&api->client_count, 1, memory_order_relaxed);
        return false;
    case SLC_CLIENT_TOPOLOGY:
    case SLC_CLIENT_STORAGE:
        return warning_came(api, e, out);
    case SLC_CLIENT_CLOSED:
        return all_ended(api, e, out);
    default:
        slc_engine_release(api->engine, e);
        return false;
    }
}

/* What the folder had to say when it was opened; the words live as long as it. */
static bool tell_notice(struct api *api, struct slc_event *out)
{
    if (api->notice == NULL) return false;
    *out = (struct slc_event){.kind = SLC_EVENT_WARNING, .at_ns = slc_now(), .text = api->notice};
    api->notice = NULL;
    return true;
}

/* SLC_AGAIN: there is none now. */
static enum slc_status next_event(struct api *api, struct slc_event *out)
{
    while (can_hold(api)) {
        if (api->inbox_first == api->inbox_len) {
            if (next_room(api, out) || tell_notice(api, out)) return SLC_OK;
            api->inbox_first = 0;
            api->inbox_len = slc_engine_poll(api->engine, api->inbox, API_INBOX);
            if (api->inbox_len == 0) return SLC_AGAIN;
        }
        if (translate(api, &api->inbox[api->inbox_first++], out)) return SLC_OK;
    }
    return SLC_NO_MEMORY;
}

/* ---- the API ---- */

enum slc_status slc_poll(struct slc_engine_id engine, struct slc_event *events, size_t cap, size_t *n)
{
    struct api *api;
    if (n == NULL || (events == NULL && cap > 0)) return SLC_BAD_ARGUMENT;
    *n = 0;
    enum slc_status status = slc_api_of(engine, &api);
    while (status == SLC_OK && *n < cap) {
        status = next_event(api, &events[*n]);
        if (status == SLC_OK) ++*n;
    }
    if (status == SLC_OK) slc_engine_wake(api->engine); /* there may be more */
    return status == SLC_AGAIN ? SLC_OK : status;
}

enum slc_status slc_release(struct slc_engine_id engine, const struct slc_event *events, size_t n)
{
    struct api *api;
    if (events == NULL && n > 0) return SLC_BAD_ARGUMENT;
    enum slc_status status = slc_api_of(engine, &api), worst = status;
    for (size_t i = 0; i < n && status == SLC_OK; i++) {
        if (let_go(api, events[i].hold) != SLC_OK) worst = SLC_BAD_HANDLE;
    }
    return worst;
}

enum slc_status slc_dispatch(struct slc_engine_id engine, slc_handler *handler, void *self, size_t cap, size_t *n)
{
    struct api *api;
    size_t done = 0;
    if (n != NULL) *n = 0;
    enum slc_status status = handler == NULL ? SLC_BAD_ARGUMENT : slc_api_of(engine, &api);
    if (status != SLC_OK) return status;
    if (cap == 0) cap = DISPATCH_BATCH;
    api->dispatching++;
    while (done < cap && !api->closed) {
        struct slc_event event;
        status = next_event(api, &event);
        if (status != SLC_OK) break;
        handler(self, &event);
        /* The handler may have released it already. */
        (void)let_go(api, event.hold);
        done++;
    }
    if (n != NULL) *n = done;
    api->dispatching--;
    if (api->closed) {
        if (api->dispatching == 0) slc_api_free(api);
        return SLC_CLOSED;
    }
    if (done == cap) slc_engine_wake(api->engine); /* there may be more */
    return status == SLC_AGAIN ? SLC_OK : status;
}

const char *slc_event_name(enum slc_event_kind kind)
{
    static const char *const names[] = {[SLC_EVENT_MESSAGE] = "message", [SLC_EVENT_SENT] = "sent",
                                        [SLC_EVENT_ACKED] = "acked",     [SLC_EVENT_UNDELIVERED] = "undelivered",
                                        [SLC_EVENT_ROOM] = "room",       [SLC_EVENT_READY] = "ready",
                                        [SLC_EVENT_LOST] = "lost",       [SLC_EVENT_FAILED] = "failed",
                                        [SLC_EVENT_WARNING] = "warning", [SLC_EVENT_FINISHED] = "finished"};
    bool known = (unsigned)kind < sizeof names / sizeof *names && names[kind] != NULL;
    return known ? names[kind] : "unknown";
}

bool slc_api_waiting(const struct api *api)
{
    return api->inbox_first < api->inbox_len || api->room_count > 0;
}

size_t slc_api_drop_unread(struct api *api)
{
    size_t messages = 0;
    do {
        for (size_t i = api->inbox_first; i < api->inbox_len; i++) {
            messages += api->inbox[i].kind == SLC_CLIENT_DELIVERED;
            slc_engine_release(api->engine, &api->inbox[i]);
        }
        api->inbox_first = 0;
        api->inbox_len = slc_engine_poll(api->engine, api->inbox, API_INBOX);
    } while (api->inbox_len > 0);
    return messages;
}
