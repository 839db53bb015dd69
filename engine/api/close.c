/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/api/api_internal.h"

enum slc_status slc_finish(struct slc_engine_id engine, uint32_t timeout_ms)
{
    struct api *api;
    enum slc_status status = slc_api_of(engine, &api);
    if (status != SLC_OK || api->finishing) return status;
    api->finishing = true;
    slc_engine_close(api->engine, timeout_ms == SLC_FOREVER ? SLC_NEVER : timeout_ms * SLC_MILLISECOND);
    return SLC_OK;
}

enum slc_status slc_close(struct slc_engine_id engine, struct slc_close_report *report)
{
    struct api *api;
    struct slc_close_report own = {0};
    enum slc_status status = slc_api_of(engine, &api);
    /* A report that cannot be filled leaves the engine as it is. */
    if (status == SLC_OK && report != NULL) status = slc_api_give(report, sizeof own, &own, sizeof own);
    if (status != SLC_OK) return status;
    slc_api_leave(api);
    slc_engine_stop(api->engine);
    size_t messages, bytes;
    const char *words = slc_engine_storage_words(api->engine);
    if (words[0] != 0) (void)slc_fail(&own.storage, SLC_IO, "%s", words);
    own.unreleased = api->held;
    own.unread = slc_api_drop_unread(api);
    slc_engine_unsettled(api->engine, &messages, &bytes);
    own.unacked = messages;
    if (report != NULL) (void)!slc_api_give(report, sizeof own, &own, sizeof own);
    if (api->dispatching > 0) {
        api->closed = true;
    } else {
        slc_api_free(api);
    }
    return SLC_OK;
}

enum slc_status slc_hand_over(struct slc_engine_id engine)
{
    struct api *api;
    enum slc_status status = slc_api_of(engine, &api);
    if (status != SLC_OK) return status;
    if (api->dispatching > 0) return SLC_BAD_ARGUMENT;
    slc_api_hand_over(api);
    return SLC_OK;
}
