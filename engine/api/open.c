/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/api/api_internal.h"

#include "engine/traffic/options.h"

#include <pthread.h>
#include <stdlib.h>

enum { CLIENTS_DEFAULT = 1024, WINDOW_MESSAGES = 256, WINDOW_BYTES = 4 << 20, FETCH_MS = 30000 };

static pthread_once_t directory_started = PTHREAD_ONCE_INIT;

/* ---- the network ---- */

/* The URLs in `nym_api`, for as long as the engine. */
static enum slc_status split_urls(struct api *api, const char *text, struct slc_error *error)
{
    api->nym_api_text = strdup(text);
    api->nym_apis = calloc(strlen(text) / 2 + 1, sizeof *api->nym_apis);
    if (api->nym_api_text == NULL || api->nym_apis == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    char *rest = NULL;
    for (char *url = strtok_r(api->nym_api_text, " ", &rest); url != NULL; url = strtok_r(NULL, " ", &rest)) {
        api->nym_apis[api->nym_api_count++] = url;
    }
    if (api->nym_api_count == 0) return slc_fail(error, SLC_BAD_ARGUMENT, "nym_api: there is no URL in it");
    return SLC_OK;
}

/* Asks each in turn until one answers; the first failure is the one to tell. */
static enum slc_status fetch(struct api *api, const struct slc_open_options *o, const struct slc_traffic *traffic,
                             struct slc_topology **topology, struct slc_rotation_info *info, struct slc_error *error)
{
    const struct slc_fetch_options how = {.timeout_ms = o->fetch_timeout_ms == 0 ? FETCH_MS : o->fetch_timeout_ms,
                                          .mixnode_performance = traffic->mixnode_performance,
                                          .gateway_performance = traffic->gateway_performance,
                                          .extended = traffic->extended_topology};
    (void)pthread_once(&directory_started, slc_directory_start);
    enum slc_status status = split_urls(api, o->nym_api, error);
    if (status != SLC_OK) return status;
    status = slc_directory_fetch_with(api->nym_apis[0], &how, topology, info, error);
    for (size_t i = 1; i < api->nym_api_count && status != SLC_OK; i++) {
        if (slc_directory_fetch_with(api->nym_apis[i], &how, topology, info, NULL) == SLC_OK) status = SLC_OK;
    }
    if (status == SLC_OK && error != NULL) *error = (struct slc_error){0};
    return status;
}

static enum slc_status find_network(struct api *api, const struct slc_open_options *o,
                                    const struct slc_traffic *traffic, struct slc_topology **topology,
                                    struct slc_rotation_info *info, struct slc_error *error)
{
    if ((o->nym_api == NULL) == (o->topology_file == NULL)) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "a network is wanted: nym_api or topology_file, one of the two");
    }
    if (o->topology_file != NULL) return slc_topology_load(o->topology_file, topology, error);
    return fetch(api, o, traffic, topology, info, error);
}

/* ---- traffic ---- */

/* "fast; traffic.average_packet_delay=5ms": presets and options, in order. */
static enum slc_status read_traffic(struct slc_traffic *traffic, const char *text, struct slc_error *error)
{
    char *parts = strdup(text), *rest = NULL;
    if (parts == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    enum slc_status status = SLC_OK;
    for (char *part = strtok_r(parts, ";", &rest); part != NULL && status == SLC_OK;
         part = strtok_r(NULL, ";", &rest)) {
        part += strspn(part, " \t\n");
        size_t len = strlen(part);
        while (len > 0 && strchr(" \t\n", part[len - 1]) != NULL) {
            part[--len] = '\0';
        }
        if (len == 0) continue;
        status = strchr(part, '=') == NULL ? slc_traffic_preset(traffic, part, error)
                                           : slc_traffic_set_text(traffic, part, error);
    }
    free(parts);
    return status == SLC_OK ? SLC_OK : SLC_BAD_ARGUMENT;
}

/* ---- the engine ---- */

/* Room that grows with the clients there may be, so that one client takes little. */
static size_t room_for(size_t clients, size_t each, size_t least, size_t most)
{
    size_t wanted = clients * each;
    return wanted < least ? least : wanted > most ? most : wanted;
}

static enum slc_status configure(const struct slc_open_options *o, struct slc_engine_config *c, struct slc_error *error)
{
    slc_engine_config_default(c);
    if (o->workers > 256) return slc_fail(error, SLC_BAD_ARGUMENT, "workers: at most 256");
    if (o->max_clients > SLC_CLIENTS_MAX) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "max_clients: at most %d", SLC_CLIENTS_MAX);
    }
    if (o->workers > 0) c->runtime.workers = o->workers;
    c->max_clients = o->max_clients == 0 ? CLIENTS_DEFAULT : o->max_clients;
    c->message_slots = room_for(c->max_clients, 8, 64, 4096);
    c->runtime.max_connections = c->max_clients + 16;
    c->runtime.small_slots = room_for(c->max_clients, 16, 2048, 8192);
    c->runtime.large_slots = room_for(c->max_clients, 1, 16, 64);
    c->runtime.timers = room_for(c->max_clients, 16, 16384, 65536);
    c->tls = o->tls;
    c->ca_file = o->ca_file;
    return o->traffic == NULL ? SLC_OK : read_traffic(&c->traffic, o->traffic, error);
}

static enum slc_status make(struct api *api, const struct slc_open_options *o, struct slc_error *error)
{
    struct slc_engine_config config;
    struct slc_topology *topology = NULL;
    struct slc_rotation_info info;
    enum slc_status status = configure(o, &config, error);
    if (status == SLC_OK && o->storage != NULL) status = slc_storage_open(&api->storage, o->storage, error);
    if (status == SLC_OK) status = find_network(api, o, &config.traffic, &topology, &info, error);
    if (status != SLC_OK) return status;
    config.storage = api->storage;
    config.nym_apis = api->nym_apis;
    config.nym_api_count = api->nym_api_count;
    api->notice = api->storage == NULL ? NULL : slc_storage_notice(api->storage);
    api->max_clients = config.max_clients;
    api->window_messages = o->window_messages == 0 ? WINDOW_MESSAGES : o->window_messages;
    api->window_bytes = o->window_bytes == 0 ? WINDOW_BYTES : o->window_bytes;
    api->clients = calloc(api->max_clients, sizeof *api->clients);
    api->rooms = calloc(api->max_clients, sizeof *api->rooms);
    if (api->clients == NULL || api->rooms == NULL) status = slc_fail(error, SLC_NO_MEMORY, "no memory");
    if (status == SLC_OK) {
        status = slc_engine_new(&api->engine, &config, topology, api->nym_api_count == 0 ? NULL : &info, error);
    }
    slc_topology_release(topology);
    if (status == SLC_OK) status = slc_engine_start(api->engine, error);
    return status;
}

enum slc_status slc_open(const struct slc_open_options *options, struct slc_engine_id *engine, struct slc_error *error)
{
    struct slc_open_options o;
    if (engine == NULL || options == NULL) return slc_fail(error, SLC_BAD_ARGUMENT, "slc_open: NULL");
    *engine = (struct slc_engine_id){0};
    enum slc_status status = slc_api_take(&o, sizeof o, sizeof o, options);
    if (status != SLC_OK) return slc_fail(error, status, "slc_open: a size that this library does not know");
    struct api *api = calloc(1, sizeof *api);
    if (api == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    api->free_hold = API_NO_HOLD;
    status = slc_random_from_system(&api->random);
    if (status != SLC_OK) (void)slc_fail(error, status, "%s", slc_status_text(status));
    if (status == SLC_OK) status = make(api, &o, error);
    if (status == SLC_OK) {
        status = slc_api_enter(api);
        if (status != SLC_OK) (void)slc_fail(error, status, "%d engines are open already", SLC_ENGINES_MAX);
    }
    if (status != SLC_OK) {
        slc_api_free(api);
        return status;
    }
    engine->value = api->id;
    return SLC_OK;
}

void slc_api_free(struct api *api)
{
    slc_engine_free(api->engine);
    slc_storage_close(api->storage);
    free(api->nym_apis);
    free(api->nym_api_text);
    free(api->clients);
    free(api->rooms);
    free(api->holds);
    slc_random_wipe(&api->random);
    free(api);
}
