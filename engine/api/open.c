/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/api/api_internal.h"

#include "engine/traffic/options.h"

#include <pthread.h>
#include <stdlib.h>

enum { CLIENTS_DEFAULT = 1024, WINDOW_MESSAGES = 256, WINDOW_BYTES = 4 << 20, FETCH_MS = 30000 };

static pthread_once_t directory_started = PTHREAD_ONCE_INIT;

/* ---- the network ---- */

/* Asks each URL in turn until one answers; the first failure is the one to tell. */
static enum slc_status fetch(struct api *api, const char *urls, unsigned timeout_ms, struct slc_topology **topology,
                             struct slc_rotation_info *info, struct slc_error *error)
{
    (void)pthread_once(&directory_started, slc_directory_start);
    char *words = strdup(urls), *rest = NULL;
    if (words == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    enum slc_status status = SLC_BAD_ARGUMENT;
    bool asked = false;
    for (char *url = strtok_r(words, " ", &rest); url != NULL && status != SLC_OK; url = strtok_r(NULL, " ", &rest)) {
        struct slc_error one = {0};
        enum slc_status answer = slc_directory_fetch(url, timeout_ms, topology, info, &one);
        if (answer == SLC_OK) api->nym_api = strdup(url);
        if (answer == SLC_OK && api->nym_api == NULL) answer = slc_fail(&one, SLC_NO_MEMORY, "no memory");
        if (answer == SLC_OK || !asked) {
            status = answer;
            if (answer != SLC_OK && error != NULL) *error = one;
        }
        asked = true;
    }
    free(words);
    return asked ? status : slc_fail(error, SLC_BAD_ARGUMENT, "nym_api: there is no URL in it");
}

static enum slc_status find_network(struct api *api, const struct slc_open_options *o, struct slc_topology **topology,
                                    struct slc_rotation_info *info, struct slc_error *error)
{
    if ((o->nym_api == NULL) == (o->topology_file == NULL)) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "a network is wanted: nym_api or topology_file, one of the two");
    }
    if (o->topology_file != NULL) return slc_topology_load(o->topology_file, topology, error);
    return fetch(api, o->nym_api, o->fetch_timeout_ms == 0 ? FETCH_MS : o->fetch_timeout_ms, topology, info, error);
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
    if (status == SLC_OK) status = find_network(api, o, &topology, &info, error);
    if (status != SLC_OK) return status;
    config.storage = api->storage;
    api->notice = api->storage == NULL ? NULL : slc_storage_notice(api->storage);
    api->max_clients = config.max_clients;
    api->window_messages = o->window_messages == 0 ? WINDOW_MESSAGES : o->window_messages;
    api->window_bytes = o->window_bytes == 0 ? WINDOW_BYTES : o->window_bytes;
    api->clients = calloc(api->max_clients, sizeof *api->clients);
    api->rooms = calloc(api->max_clients, sizeof *api->rooms);
    if (api->clients == NULL || api->rooms == NULL) status = slc_fail(error, SLC_NO_MEMORY, "no memory");
    if (status == SLC_OK) {
        status = slc_engine_new(&api->engine, &config, topology, api->nym_api == NULL ? NULL : &info, error);
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
    free(api->nym_api);
    free(api->clients);
    free(api->rooms);
    free(api->holds);
    slc_random_wipe(&api->random);
    free(api);
}
