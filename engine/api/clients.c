/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/api/api_internal.h"

#include "crypto/base/secret.h"
#include "engine/engine_internal.h"

enum { PATIENCE = 10000 };

/* ---- which gateway ---- */

static enum slc_status pick_gateway(struct api *api, uint8_t gateway[SLC_IDENTITY_BYTES], struct slc_error *error)
{
    const struct slc_topology *topology = api->engine->topology;
    if (topology == NULL)
        return slc_fail(error, SLC_NO_ROUTE, "the network is not known any more: no directory answers");
    const struct slc_node *node =
        slc_topology_any_gateway(topology, api->engine->config.traffic.ignore_ingress_role, &api->random);
    if (node == NULL) return slc_fail(error, SLC_NO_ROUTE, "the network has no gateway that takes clients");
    memcpy(gateway, node->identity, SLC_IDENTITY_BYTES);
    return SLC_OK;
}

/* ---- adding ---- */

/* Until what its last life in this engine recorded is durable; then it is read again, with its registration. */
static enum slc_status settle(struct api *api, struct slc_stored_client *stored, struct slc_error *error)
{
    enum slc_status status = slc_engine_identity(api->engine, stored->identity);
    if (status == SLC_NOT_FOUND) return SLC_OK;
    for (unsigned waited = 0; status == SLC_AGAIN && waited < PATIENCE; waited++) {
        slc_api_pause();
        status = slc_engine_identity(api->engine, stored->identity);
    }
    return slc_storage_find(api->storage, stored->identity, stored, error);
}

/* The identity of that name, or a new one under it. */
static enum slc_status find_stored(struct api *api, const char *name, struct slc_stored_client *stored,
                                   struct slc_error *error)
{
    enum slc_status status = slc_storage_find_name(api->storage, name, stored, error);
    if (status == SLC_OK) return settle(api, stored, error);
    if (status != SLC_NOT_FOUND) return status;
    slc_client_keys_generate(&stored->keys, &api->random);
    return slc_storage_add(api->storage, name, &stored->keys, &stored->identity, error);
}

static enum slc_status find_gateway(struct api *api, const char *text, struct slc_stored_client *stored,
                                    struct slc_error *error)
{
    uint8_t named[SLC_IDENTITY_BYTES];
    enum slc_status status = SLC_OK;
    if (text != NULL && slc_base58_key(named, text) != SLC_OK) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "gateway %.60s: not an identity key in base58", text);
    }
    if (text != NULL) {
        if (api->storage != NULL) status = slc_storage_registration(api->storage, named, stored, error);
        memcpy(stored->gateway, named, sizeof named);
    } else if (!stored->has_gateway) {
        status = pick_gateway(api, stored->gateway, error);
    }
    if (status != SLC_OK || api->storage == NULL || stored->registered) return status;
    /* The program learns the address now. */
    return slc_storage_choose(api->storage, stored->identity, stored->gateway, error);
}

/* Workers may be behind with their orders: that passes. */
static enum slc_status add_to_engine(struct api *api, const struct slc_client_setup *setup, uint32_t *number,
                                     struct slc_error *error)
{
    enum slc_status status = slc_engine_add(api->engine, setup, number);
    for (unsigned waited = 0; status == SLC_AGAIN && waited < PATIENCE; waited++) {
        slc_api_pause();
        status = slc_engine_add(api->engine, setup, number);
    }
    if (status == SLC_OK) return SLC_OK;
    if (status == SLC_FULL)
        return slc_fail(error, status, "%zu clients are there already (max_clients)", api->max_clients);
    if (status == SLC_NO_ROUTE) {
        char gateway[SLC_BASE58_MAX] = "";
        (void)!slc_base58_encode(gateway, sizeof gateway, slc_bytes(setup->gateway, SLC_IDENTITY_BYTES));
        return slc_fail(error, status, "gateway %s: not in this network", gateway);
    }
    const char *words = slc_engine_storage_words(api->engine);
    return slc_fail(error, status, "adding a client: %s",
                    status == SLC_DUPLICATE ? "that name is in use"
                    : words[0] != 0         ? words
                                            : slc_status_text(status));
}

/* What `add` works with, all secret. */
struct api_newcomer {
    struct slc_client_setup setup;
    struct slc_stored_client stored;
};

static enum slc_status add(struct api *api, const struct slc_client_options *o, struct api_newcomer *n,
                           uint32_t *number, struct slc_error *error)
{
    enum slc_status status = SLC_OK;
    if (api->storage != NULL) {
        status = find_stored(api, o->name, &n->stored, error);
    } else {
        slc_client_keys_generate(&n->stored.keys, &api->random);
    }
    if (status == SLC_OK) status = find_gateway(api, o->gateway, &n->stored, error);
    if (status != SLC_OK) return status;
    slc_stored_setup(&n->stored, &n->setup);
    return add_to_engine(api, &n->setup, number, error);
}

/* With a folder every client has a name in it, without one none has. */
static enum slc_status check_name(const struct api *api, const char *name, struct slc_error *error)
{
    if (name == NULL && api->storage == NULL) return SLC_OK;
    if (name == NULL) return slc_fail(error, SLC_BAD_ARGUMENT, "a client of an engine with a folder wants a name");
    if (api->storage == NULL) {
        return slc_fail(error, SLC_UNSUPPORTED, "client %.64s: a name wants an engine with a folder (storage)", name);
    }
    size_t len = strlen(name),
           known = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    if (len >= 1 && len <= SLC_NAME_MAX && known == len) return SLC_OK;
    return slc_fail(error, SLC_BAD_ARGUMENT, "client %.64s: a name has 1 to %d letters, digits, '-', '_', '.'", name,
                    SLC_NAME_MAX);
}

enum slc_status slc_add(struct slc_engine_id engine, const struct slc_client_options *options,
                        struct slc_client_id *client, struct slc_error *error)
{
    struct api *api;
    struct slc_client_options o;
    enum slc_status status = client == NULL ? SLC_BAD_ARGUMENT : slc_api_of(engine, &api);
    if (status == SLC_OK) status = slc_api_take(&o, sizeof o, sizeof o, options);
    if (status == SLC_OK && api->finishing) status = SLC_CLOSED;
    if (status != SLC_OK) return slc_fail(error, status, "slc_add: %s", slc_status_text(status));
    status = check_name(api, o.name, error);
    if (status != SLC_OK) return status;
    struct api_newcomer *newcomer = slc_guarded_new(sizeof *newcomer);
    if (newcomer == NULL) return slc_fail(error, SLC_NO_MEMORY, "no guarded memory for the keys");
    uint32_t number;
    status = add(api, &o, newcomer, &number, error);
    slc_guarded_free(newcomer);
    if (status != SLC_OK) return status;
    api->clients[slc_place_of(number)] =
        (struct api_client){.number = number, .taken = true, .state = SLC_STATE_CONNECTING, .user = o.user};
    atomic_fetch_add_explicit(&api->client_count, 1, memory_order_relaxed);
    *client = slc_api_client_id(api, number);
    return SLC_OK;
}

enum slc_status slc_remove(struct slc_client_id client)
{
    struct api *api;
    struct api_client *c;
    enum slc_status status = slc_api_client_of(client, &api, &c);
    if (status != SLC_OK) return status;
    status = slc_engine_remove(api->engine, c->number);
    for (unsigned waited = 0; status == SLC_AGAIN && waited < PATIENCE; waited++) {
        slc_api_pause();
        status = slc_engine_remove(api->engine, c->number);
    }
    /* It leaves already, with the whole engine. */
    if (status == SLC_NOT_FOUND) status = SLC_OK;
    if (status == SLC_OK) c->removed = true;
    return status;
}

enum slc_status slc_info(struct slc_client_id client, struct slc_client_info *info)
{
    struct api *api;
    struct api_client *c;
    enum slc_status status = info == NULL ? SLC_BAD_ARGUMENT : slc_api_client_of(client, &api, &c);
    if (status != SLC_OK) return status;
    struct slc_engine_client what;
    struct slc_client_info own = {.state = (enum slc_client_state)c->state, .user = c->user};
    status = slc_engine_recipient(api->engine, c->number, &own.recipient);
    if (status == SLC_OK) status = slc_engine_look(api->engine, c->number, &what);
    if (status != SLC_OK) return SLC_BAD_HANDLE;
    own.unacked_messages = what.messages;
    own.unacked_bytes = what.bytes;
    own.queued_packets = what.fragments;
    return slc_api_give(info, sizeof own, &own, sizeof own);
}
