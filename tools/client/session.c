/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/client/session.h"

#include "crypto/base/secret.h"
#include "tools/common/mixnet.h"
#include "tools/common/options.h"

#include <stdio.h>
#include <string.h>

/* ---- who and where ---- */

static enum slc_status pick_gateway(const struct slc_topology *topology, bool mixing_too, struct slc_random *random,
                                    uint8_t gateway[SLC_IDENTITY_BYTES], struct slc_error *error)
{
    const struct slc_node *node = slc_topology_any_gateway(topology, mixing_too, random);
    if (node == NULL) return slc_fail(error, SLC_NO_ROUTE, "the topology has no gateway that takes clients");
    memcpy(gateway, node->identity, SLC_IDENTITY_BYTES);
    return SLC_OK;
}

/* The identity of a home: its first, a published client's that lies there, or a fresh one. */
static enum slc_status open_home(struct slc_session *s, const char *home, struct slc_random *random,
                                 struct slc_stored_client *stored, struct slc_error *error)
{
    uint64_t identity;
    enum slc_status status = slc_storage_open(&s->storage, home, error);
    if (status != SLC_OK) return status;
    const char *notice = slc_storage_notice(s->storage);
    if (notice != NULL) (void)fprintf(stderr, "sluice client: %s\n", notice);
    if (slc_storage_count(s->storage) == 0) {
        status = slc_storage_import(s->storage, home, &identity, error);
        if (status == SLC_NOT_FOUND) status = slc_storage_provide(s->storage, 1, random, error);
    }
    return status == SLC_OK ? slc_storage_find(s->storage, 1, stored, error) : status;
}

/* Keys, gateway and, if there is one, the registration there. */
static enum slc_status find_identity(struct slc_session *s, const struct slc_session_options *o,
                                     const struct slc_traffic *traffic, const struct slc_topology *topology,
                                     struct slc_stored_client *stored, struct slc_error *error)
{
    struct slc_random random;
    uint8_t named[SLC_IDENTITY_BYTES];
    if (o->gateway != NULL && slc_base58_key(named, o->gateway) != SLC_OK) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "--gateway %.60s: not an identity key in base58", o->gateway);
    }
    enum slc_status status = slc_random_from_system(&random);
    if (status != SLC_OK) return slc_fail(error, status, "%s", slc_status_text(status));
    if (o->home != NULL) {
        status = open_home(s, o->home, &random, stored, error);
    } else {
        slc_client_keys_generate(&stored->keys, &random);
    }
    if (status == SLC_OK && o->gateway != NULL) {
        if (s->storage != NULL) status = slc_storage_registration(s->storage, named, stored, error);
        memcpy(stored->gateway, named, sizeof named);
    } else if (status == SLC_OK && !stored->has_gateway) {
        status = pick_gateway(topology, traffic->ignore_ingress_role, &random, stored->gateway, error);
    }
    if (status == SLC_OK && s->storage != NULL && !stored->registered) {
        status = slc_storage_choose(s->storage, stored->identity, stored->gateway, error);
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
    if (o->refresh > 0) c->traffic.topology_refresh = o->refresh;
    if (o->network == NULL) {
        c->nym_apis = &o->nym_api;
        c->nym_api_count = 1;
    }
    return slc_traffic_words_apply(&o->traffic, &c->traffic, error);
}

static int start_engine(struct slc_session *s, const struct slc_engine_config *config, const struct slc_mixnet *mixnet,
                        const struct slc_client_setup *setup, struct slc_error *error)
{
    if (slc_engine_new(&s->engine, config, mixnet->topology, slc_mixnet_info(mixnet), error) != SLC_OK) {
        return SLC_EXIT_USAGE;
    }
    enum slc_status status = slc_engine_add(s->engine, setup, &s->client);
    if (status != SLC_OK) {
        char gateway[SLC_BASE58_MAX] = "";
        (void)!slc_base58_encode(gateway, sizeof gateway, slc_bytes(setup->gateway, SLC_IDENTITY_BYTES));
        const char *words = slc_engine_storage_words(s->engine);
        if (words[0] == 0) words = status == SLC_NO_ROUTE ? "not in this network" : slc_status_text(status);
        (void)slc_fail(error, status, "gateway %s: %s", gateway, words);
        return SLC_EXIT_USAGE;
    }
    slc_engine_recipient(s->engine, s->client, &s->self);
    const struct slc_node *gateway = slc_topology_find(mixnet->topology, s->self.gateway);
    if (gateway != NULL) slc_address_to_text(&gateway->ws, s->gateway);
    return slc_engine_start(s->engine, error) == SLC_OK ? -1 : SLC_EXIT_USAGE;
}

static int open_with(struct slc_session *s, const struct slc_session_options *o, struct slc_engine_config *config,
                     const struct slc_mixnet *mixnet, struct slc_error *error)
{
    struct secrets {
        struct slc_client_setup setup;
        struct slc_stored_client stored;
    } *secrets = slc_guarded_new(sizeof *secrets);
    if (secrets == NULL) {
        (void)slc_fail(error, SLC_NO_MEMORY, "no guarded memory for the keys");
        return SLC_EXIT_USAGE;
    }
    int code = SLC_EXIT_USAGE;
    if (find_identity(s, o, &config->traffic, mixnet->topology, &secrets->stored, error) == SLC_OK) {
        config->storage = s->storage;
        slc_stored_setup(&secrets->stored, &secrets->setup);
        code = start_engine(s, config, mixnet, &secrets->setup, error);
    }
    slc_guarded_free(secrets);
    return code;
}

int slc_session_open(struct slc_session *s, const struct slc_session_options *o, struct slc_error *error)
{
    *s = (struct slc_session){0};
    struct slc_engine_config config;
    struct slc_mixnet mixnet;
    if (configure(o, &config, error) != SLC_OK) return SLC_EXIT_USAGE;
    int code = slc_mixnet_find(&mixnet, o->nym_api, o->network, o->fetch_limit, error);
    if (code >= 0) return code;
    code = open_with(s, o, &config, &mixnet, error);
    slc_mixnet_release(&mixnet);
    return code;
}

void slc_session_close(struct slc_session *s)
{
    if (s->engine != NULL) {
        slc_engine_stop(s->engine);
        const char *words = slc_engine_storage_words(s->engine);
        if (words[0] != 0) (void)fprintf(stderr, "sluice client: %s\n", words);
    }
    slc_engine_free(s->engine);
    slc_storage_close(s->storage);
    s->engine = NULL;
    s->storage = NULL;
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

static void warn(const struct slc_engine_event *event)
{
    if (event->kind == SLC_CLIENT_STORAGE && event->status != SLC_OK) {
        (void)fprintf(stderr, "sluice client: %s\n", event->text);
    }
    if (event->kind == SLC_CLIENT_TOPOLOGY && event->status != SLC_OK) {
        (void)fprintf(stderr, "sluice client: the topology is not refreshed: %s\n", event->text);
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
        warn(&events[i]);
    }
    return n;
}

void slc_session_wake(void *self)
{
    const struct slc_session *s = self;
    if (s->engine != NULL) slc_engine_wake(s->engine);
}
