/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/client/session.h"

#include "crypto/base/secret.h"
#include "tools/client/identity.h"
#include "tools/common/mixnet.h"
#include "tools/common/options.h"

#include <stdio.h>
#include <string.h>

enum { GATEWAYS_MAX = 4096 };

/* ---- who and where ---- */

static enum slc_status pick_gateway(const struct slc_topology *topology, struct slc_random *random,
                                    uint8_t gateway[SLC_IDENTITY_BYTES], struct slc_error *error)
{
    const struct slc_node *nodes[GATEWAYS_MAX];
    size_t n = slc_topology_gateways(topology, nodes, GATEWAYS_MAX);
    if (n == 0) return slc_fail(error, SLC_NO_ROUTE, "the topology has no gateway that takes clients");
    if (n > GATEWAYS_MAX) n = GATEWAYS_MAX;
    memcpy(gateway, nodes[slc_random_below(random, (uint32_t)n)]->identity, SLC_IDENTITY_BYTES);
    return SLC_OK;
}

/* Keys, gateway and, if there is one, the registration there; `r` holds what `setup` points to. */
static enum slc_status find_identity(const struct slc_session_options *o, const struct slc_topology *topology,
                                     struct slc_client_setup *setup, struct slc_registration *r,
                                     struct slc_error *error)
{
    struct slc_random random;
    bool named = o->gateway != NULL, registered = false;
    if (named && slc_base58_key(setup->gateway, o->gateway) != SLC_OK) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "--gateway %.60s: not an identity key in base58", o->gateway);
    }
    enum slc_status status = slc_random_from_system(&random);
    if (status != SLC_OK) return slc_fail(error, status, "%s", slc_status_text(status));
    if (o->keys == NULL) {
        slc_client_keys_generate(&setup->keys, &random);
    } else {
        status = slc_keys_open(o->keys, &setup->keys, &random, error);
        if (status == SLC_OK) status = slc_registration_find(o->keys, named ? setup->gateway : NULL, r, error);
        registered = status == SLC_OK;
        if (status == SLC_NOT_FOUND) status = SLC_OK;
    }
    if (registered) {
        memcpy(setup->gateway, r->gateway, SLC_IDENTITY_BYTES);
        setup->shared_key = r->key;
        setup->last_timestamp = r->timestamp;
    } else if (status == SLC_OK && !named) {
        status = pick_gateway(topology, &random, setup->gateway, error);
    }
    slc_random_wipe(&random);
    return status;
}

static enum slc_status configure(const struct slc_session_options *o, struct slc_engine_config *c,
                                 struct slc_error *error)
{
    slc_engine_config_default(c);
    c->max_clients = 1;
    c->message_slots = 64;
    c->runtime.workers = 1;
    c->runtime.max_connections = 16;
    c->runtime.small_slots = 2048;
    c->runtime.large_slots = 16;
    c->runtime.timers = 16384;
    c->runtime.wait = SLC_WAIT_BLOCK;
    c->runtime.name = "clien";
    c->tls = o->tls;
    c->ca_file = o->ca_file;
    if (o->pacing == 1) slc_traffic_fast(&c->traffic);
    if (o->pacing == 2) c->traffic.pacing = SLC_PACING_NONE;
    c->traffic.no_loop = o->no_cover;
    return slc_traffic_words_apply(&o->traffic, &c->traffic, error);
}

static int start_engine(struct slc_session *s, const struct slc_session_options *o, const struct slc_mixnet *mixnet,
                        const struct slc_client_setup *setup, struct slc_error *error)
{
    struct slc_engine_config config;
    if (configure(o, &config, error) != SLC_OK) return SLC_EXIT_USAGE;
    s->refresh_every = config.traffic.topology_fixed ? 0
                       : o->refresh > 0              ? o->refresh
                                                     : config.traffic.topology_refresh;
    if (slc_engine_new(&s->engine, &config, mixnet->topology, slc_mixnet_info(mixnet), error) != SLC_OK) {
        return SLC_EXIT_USAGE;
    }
    enum slc_status status = slc_engine_add(s->engine, setup, &s->client);
    if (status != SLC_OK) {
        char gateway[SLC_BASE58_MAX] = "";
        (void)!slc_base58_encode(gateway, sizeof gateway, slc_bytes(setup->gateway, SLC_IDENTITY_BYTES));
        (void)slc_fail(error, status, "gateway %s: %s", gateway,
                       status == SLC_NO_ROUTE ? "not in this network" : slc_status_text(status));
        return SLC_EXIT_USAGE;
    }
    slc_engine_recipient(s->engine, s->client, &s->self);
    return slc_engine_start(s->engine, error) == SLC_OK ? -1 : SLC_EXIT_USAGE;
}

int slc_session_open(struct slc_session *s, const struct slc_session_options *o, struct slc_error *error)
{
    *s = (struct slc_session){.keys = o->keys};
    struct slc_mixnet mixnet;
    int code = slc_mixnet_find(&mixnet, o->nym_api, o->network, o->fetch_limit, error);
    if (code >= 0) return code;
    struct secrets {
        struct slc_client_setup setup;
        struct slc_registration registration;
    } *secrets = slc_guarded_new(sizeof *secrets);
    if (secrets == NULL) {
        code = SLC_EXIT_USAGE;
        (void)slc_fail(error, SLC_NO_MEMORY, "no guarded memory for the keys");
    } else if (find_identity(o, mixnet.topology, &secrets->setup, &secrets->registration, error) != SLC_OK) {
        code = SLC_EXIT_USAGE;
    } else {
        code = start_engine(s, o, &mixnet, &secrets->setup, error);
    }
    slc_guarded_free(secrets);
    slc_mixnet_release(&mixnet);
    if (code >= 0 || o->network != NULL || s->refresh_every == 0) return code;
    enum slc_status status = slc_refresh_start(&s->refresh, o->nym_api, s->refresh_every, slc_session_wake, s, error);
    return status == SLC_OK ? -1 : SLC_EXIT_USAGE;
}

void slc_session_close(struct slc_session *s)
{
    slc_refresh_stop(s->refresh);
    slc_engine_free(s->engine);
    s->refresh = NULL;
    s->engine = NULL;
}

/* ---- while it runs ---- */

enum slc_status slc_session_send(struct slc_session *s, const struct slc_command *command, const char *body, size_t len,
                                 uint64_t token)
{
    struct slc_send send = {.client = s->client,
                            .token = token,
                            .reply = command->kind == SLC_COMMAND_REPLY,
                            .anonymous = command->anonymous,
                            .surbs = command->surbs,
                            .recipient = command->recipient,
                            .intended = slc_now(),
                            .len = len};
    memcpy(send.tag, command->tag, sizeof send.tag);
    enum slc_status status = slc_engine_prepare(s->engine, &send);
    if (status != SLC_OK) return status;
    if (len > 0) memcpy(send.data, body, len);
    status = slc_engine_submit(s->engine, &send);
    if (status != SLC_OK) slc_engine_abandon(s->engine, &send);
    return status;
}

static void keep_registration(const struct slc_session *s, const struct slc_engine_event *ready)
{
    if (s->keys == NULL || ready->data == NULL || ready->len != SLC_SEAL_KEY_BYTES) return;
    struct slc_error error = {0};
    struct slc_registration r = {.timestamp = ready->timestamp};
    memcpy(r.gateway, s->self.gateway, sizeof r.gateway);
    memcpy(r.key, ready->data, sizeof r.key);
    if (slc_registration_keep(s->keys, &r, &error) != SLC_OK) {
        (void)fprintf(stderr, "sluice client: the registration is not kept: %s\n", error.text);
    }
    slc_wipe(&r, sizeof r);
}

static void take_topology(struct slc_session *s)
{
    struct slc_topology *topology;
    struct slc_rotation_info info;
    struct slc_error error = {0};
    enum slc_status status = slc_refresh_take(s->refresh, &topology, &info, &error);
    if (status == SLC_OK) {
        slc_engine_set_topology(s->engine, topology, &info);
        slc_topology_release(topology);
    } else if (status != SLC_AGAIN) {
        (void)fprintf(stderr, "sluice client: the topology is not refreshed: %s\n", error.text);
    }
}

size_t slc_session_events(struct slc_session *s, struct slc_engine_event *events, size_t cap, slc_time timeout)
{
    size_t n = slc_engine_poll(s->engine, events, cap);
    if (n == 0 && timeout > 0) {
        slc_engine_wait(s->engine, timeout);
        n = slc_engine_poll(s->engine, events, cap);
    }
    for (size_t i = 0; i < n; i++) {
        if (events[i].kind == SLC_CLIENT_READY) keep_registration(s, &events[i]);
    }
    if (s->refresh != NULL) take_topology(s);
    return n;
}

void slc_session_wake(void *self)
{
    const struct slc_session *s = self;
    if (s->engine != NULL) slc_engine_wake(s->engine);
}
