/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/echo/service.h"

#include "crypto/base/secret.h"
#include "tools/common/crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BURST = 128, SURBS_OF_A_REQUESTER = 64 };
#define RETRY_AFTER (SLC_MILLISECOND / 2)
#define CLOSING     (5 * SLC_SECOND) /* longer than clients take to leave their gateways */

struct slc_echo {
    struct slc_echo_config config;
    struct slc_engine *engine;
    uint32_t *numbers; /* per identity: the engine's number */
    uint32_t *places;  /* the other way round               */
    size_t place_count;
    struct slc_echo_counts counts; /* the driver writes, others read relaxed */
    struct slc_engine_event events[BURST];
    size_t event_count, next_event;
    struct slc_send stuck; /* prepared, and its worker's ring was full */
    bool is_stuck, closed;
    char trouble[240];
};

static void bump(uint64_t *count, uint64_t by)
{
    __atomic_store_n(count, *count + by, __ATOMIC_RELAXED);
}

void slc_echo_config_default(struct slc_echo_config *config, uint64_t requesters)
{
    memset(config, 0, sizeof *config);
    slc_engine_config_default(&config->engine);
    config->engine.runtime.name = "echo";
    config->engine.traffic.pacing = SLC_PACING_NONE;
    config->identities = 1;
    struct slc_traffic *traffic = &config->engine.traffic;
    uint64_t most = requesters < UINT32_MAX / SURBS_OF_A_REQUESTER ? requesters : UINT32_MAX / SURBS_OF_A_REQUESTER;
    if (traffic->max_sender_tags < most) traffic->max_sender_tags = (uint32_t)most;
    if (traffic->max_stored_surbs < most * SURBS_OF_A_REQUESTER) {
        traffic->max_stored_surbs = (uint32_t)most * SURBS_OF_A_REQUESTER;
    }
}

/* ---- making ---- */

static enum slc_status choose_gateways(const struct slc_echo_config *config, const struct slc_topology *topology,
                                       const struct slc_node ***gateways, size_t *count, struct slc_error *error)
{
    bool mixing_too = config->engine.traffic.ignore_ingress_role;
    *count = config->gateway != NULL ? 1 : slc_topology_gateways(topology, mixing_too, NULL, 0);
    if (*count == 0) return slc_fail(error, SLC_NO_ROUTE, "no gateway of this network takes clients");
    *gateways = calloc(*count, sizeof(struct slc_node *));
    if (*gateways == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    if (config->gateway == NULL) {
        *count = slc_topology_gateways(topology, mixing_too, *gateways, *count);
        return SLC_OK;
    }
    (*gateways)[0] = slc_topology_find(topology, config->gateway);
    if ((*gateways)[0] != NULL) return SLC_OK;
    char text[SLC_BASE58_MAX] = "";
    (void)!slc_base58_encode(text, sizeof text, slc_bytes(config->gateway, SLC_IDENTITY_BYTES));
    return slc_fail(error, SLC_NO_ROUTE, "gateway %s: not in this network", text);
}

static enum slc_status add_one(struct slc_echo *e, uint32_t i, const struct slc_client_setup *setup,
                               struct slc_error *error)
{
    enum slc_status status = slc_engine_add(e->engine, setup, &e->numbers[i]);
    if (status == SLC_OK && e->numbers[i] >= e->place_count) status = SLC_OUT_OF_RANGE;
    if (status == SLC_OK) {
        e->places[e->numbers[i]] = i;
        return SLC_OK;
    }
    const char *words = slc_engine_storage_words(e->engine);
    if (words[0] == 0) {
        words = status == SLC_NO_ROUTE ? "its gateway is not in this network any more" : slc_status_text(status);
    }
    return slc_fail(error, status, "identity %u: %s", i, words);
}

static enum slc_status add_identities(struct slc_echo *e, const struct slc_topology *topology,
                                      const struct slc_node *const *gateways, size_t count, struct slc_error *error)
{
    struct slc_crowd crowd;
    struct slc_client_setup setup;
    /* A gateway that was asked for is where all of them are. */
    const struct slc_topology *settled = e->config.gateway != NULL ? NULL : topology;
    enum slc_status status = slc_crowd_open(&crowd, e->config.engine.storage, e->config.identities, error);
    for (uint32_t i = 0; i < e->config.identities && status == SLC_OK; i++) {
        status = slc_crowd_next(&crowd, settled, gateways[i % count], &setup, error);
        if (status == SLC_OK) status = add_one(e, i, &setup, error);
    }
    slc_wipe(&setup, sizeof setup);
    slc_crowd_close(&crowd);
    return status;
}

enum slc_status slc_echo_new(struct slc_echo **echo, const struct slc_echo_config *config,
                             struct slc_topology *topology, const struct slc_rotation_info *info,
                             struct slc_error *error)
{
    *echo = NULL;
    struct slc_echo *e = calloc(1, sizeof *e);
    if (e == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    e->config = *config;
    e->config.engine.max_clients = config->identities;
    if (e->config.engine.runtime.workers > config->identities) {
        e->config.engine.runtime.workers = config->identities;
    }
    /* Numbers are dense over workers, so the highest is below this. */
    e->place_count = (size_t)config->identities + 256;
    e->numbers = calloc(config->identities, sizeof *e->numbers);
    e->places = calloc(e->place_count, sizeof *e->places);
    const struct slc_node **gateways = NULL;
    size_t count = 0;
    enum slc_status status =
        e->numbers == NULL || e->places == NULL ? slc_fail(error, SLC_NO_MEMORY, "no memory") : SLC_OK;
    if (status == SLC_OK) status = choose_gateways(config, topology, &gateways, &count, error);
    if (status == SLC_OK) status = slc_engine_new(&e->engine, &e->config.engine, topology, info, error);
    if (status == SLC_OK) status = add_identities(e, topology, gateways, count, error);
    free(gateways);
    if (status != SLC_OK) {
        slc_echo_free(e);
        return status;
    }
    *echo = e;
    return SLC_OK;
}

enum slc_status slc_echo_start(struct slc_echo *e, struct slc_error *error)
{
    return slc_engine_start(e->engine, error);
}

void slc_echo_free(struct slc_echo *e)
{
    if (e == NULL) return;
    if (e->is_stuck) slc_engine_abandon(e->engine, &e->stuck);
    for (; e->next_event < e->event_count; e->next_event++) {
        slc_engine_release(e->engine, &e->events[e->next_event]);
    }
    slc_engine_free(e->engine);
    free(e->numbers);
    free(e->places);
    free(e);
}

/* ---- answering ---- */

static void finished(struct slc_echo *e, uint64_t *as)
{
    bump(as, 1);
    bump(&e->counts.under_way, UINT64_MAX);
}

/* False: its worker has no room now. */
static bool hand_over(struct slc_echo *e)
{
    enum slc_status status = slc_engine_submit(e->engine, &e->stuck);
    e->is_stuck = status == SLC_AGAIN;
    if (status == SLC_OK || status == SLC_AGAIN) return status == SLC_OK;
    slc_engine_abandon(e->engine, &e->stuck);
    finished(e, &e->counts.failed);
    return true;
}

static bool answer(struct slc_echo *e, const struct slc_engine_event *event)
{
    bump(&e->counts.under_way, 1);
    e->stuck = (struct slc_send){.client = event->client,
                                 .reply = true,
                                 .retransmissions = SLC_RETRANSMISSIONS_UNLIMITED,
                                 .intended = event->at,
                                 .len = event->len};
    memcpy(e->stuck.tag, event->tag, sizeof e->stuck.tag);
    if (slc_engine_prepare(e->engine, &e->stuck) != SLC_OK) {
        finished(e, &e->counts.failed);
        return true;
    }
    memcpy(e->stuck.data, event->data, event->len);
    return hand_over(e);
}

static bool take_message(struct slc_echo *e, const struct slc_engine_event *event)
{
    uint32_t identity = event->client < e->place_count ? e->places[event->client] : UINT32_MAX;
    bump(&e->counts.received, 1);
    bump(&e->counts.received_bytes, event->len);
    if (e->config.arrived != NULL) {
        e->config.arrived(e->config.self, identity, slc_bytes(event->data, event->len), event->at);
    }
    if (!event->has_tag) {
        bump(&e->counts.unanswerable, 1);
    } else if (event->len == 0) {
        bump(&e->counts.empty, 1);
    } else {
        return answer(e, event);
    }
    return true;
}

static void note_trouble(struct slc_echo *e, const struct slc_engine_event *event, const char *what)
{
    uint32_t identity = event->client < e->place_count ? e->places[event->client] : UINT32_MAX;
    (void)snprintf(e->trouble, sizeof e->trouble, "identity %u %s: %s", identity, what,
                   event->text != NULL ? event->text : slc_status_text(event->status));
}

/* False: the event's answer waits for room, and those behind it for their turn. */
static bool take_event(struct slc_echo *e, const struct slc_engine_event *event)
{
    switch (event->kind) {
    case SLC_CLIENT_DELIVERED:
        return take_message(e, event);
    case SLC_CLIENT_SENT:
        bump(&e->counts.sent, 1);
        break;
    case SLC_CLIENT_ACKED:
        finished(e, &e->counts.answered);
        break;
    case SLC_CLIENT_EXPIRED:
        finished(e, &e->counts.failed);
        note_trouble(e, event, "gave an answer up");
        break;
    case SLC_CLIENT_CLOSED:
        e->closed = true;
        break;
    case SLC_CLIENT_STORAGE:
        (void)snprintf(e->trouble, sizeof e->trouble, "%s",
                       event->status == SLC_OK ? ""
                       : event->text != NULL   ? event->text
                                               : "the storage cannot write");
        break;
    case SLC_CLIENT_LOST:
        if (e->counts.gave_up == 0) note_trouble(e, event, "is not connected");
        break;
    case SLC_CLIENT_FAILED:
        if (e->counts.gave_up == 0) note_trouble(e, event, "gave up");
        bump(&e->counts.gave_up, 1);
        break;
    case SLC_CLIENT_TOPOLOGY:
        if (event->status != SLC_OK) {
            (void)fprintf(stderr, "sluice echo: the topology is not refreshed: %s\n", event->text);
        }
        break;
    default:
        break;
    }
    return true;
}

void slc_echo_turn(struct slc_echo *e, slc_time timeout)
{
    if (e->is_stuck && !hand_over(e)) {
        slc_engine_wait(e->engine, timeout < RETRY_AFTER ? timeout : RETRY_AFTER);
        return;
    }
    if (e->next_event == e->event_count) {
        e->next_event = 0;
        e->event_count = slc_engine_poll(e->engine, e->events, BURST);
    }
    if (e->event_count == 0) slc_engine_wait(e->engine, timeout);
    for (bool room = true; room && e->next_event < e->event_count;) {
        const struct slc_engine_event *event = &e->events[e->next_event++];
        room = take_event(e, event);
        slc_engine_release(e->engine, event);
    }
}

void slc_echo_close(struct slc_echo *e, slc_time timeout)
{
    slc_time end = slc_now() + timeout;
    while (e->counts.under_way > 0 && slc_now() < end) {
        slc_echo_turn(e, 10 * SLC_MILLISECOND);
    }
    slc_engine_close(e->engine, 0);
    for (end = slc_now() + CLOSING; !e->closed && slc_now() < end;) {
        slc_echo_turn(e, 10 * SLC_MILLISECOND);
    }
}

/* ---- what it is ---- */

struct slc_engine *slc_echo_engine(const struct slc_echo *e)
{
    return e->engine;
}

void slc_echo_recipient(const struct slc_echo *e, uint32_t identity, struct slc_recipient *recipient)
{
    slc_engine_recipient(e->engine, e->numbers[identity], recipient);
}

const char *slc_echo_trouble(const struct slc_echo *e)
{
    return e->trouble;
}

void slc_echo_counts(const struct slc_echo *e, struct slc_echo_counts *counts)
{
#define X(name, text) counts->name = __atomic_load_n(&e->counts.name, __ATOMIC_RELAXED);
    SLC_ECHO_COUNTERS(X)
#undef X
}

bool slc_echo_balanced(const struct slc_echo_counts *c)
{
    return c->received == c->answered + c->failed + c->unanswerable + c->empty + c->under_way;
}
