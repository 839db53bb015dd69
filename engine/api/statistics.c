/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/api/api_internal.h"

enum slc_status slc_stats(struct slc_engine_id engine, struct slc_statistics *statistics)
{
    if (statistics == NULL) return SLC_BAD_ARGUMENT;
    struct api *api = slc_api_pin(engine);
    if (api == NULL) return SLC_BAD_HANDLE;
    struct slc_client_counters from;
    struct slc_statistics own = {0};
    slc_engine_counters(api->engine, &from);
#define X(name, text) own.name = from.name;
    SLC_STATISTICS_SUMS(X)
#undef X
    own.clients = atomic_load_explicit(&api->client_count, memory_order_relaxed);
    own.clients_ready = slc_engine_ready(api->engine);
    own.events_lost = slc_engine_events_lost(api->engine);
    slc_api_unpin(engine);
    return slc_api_give(statistics, sizeof own, &own, sizeof own);
}
