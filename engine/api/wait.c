/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/api/api_internal.h"

#include <time.h>

enum slc_status slc_wait(struct slc_engine_id engine, uint32_t timeout_ms)
{
    struct api *api;
    enum slc_status status = slc_api_of(engine, &api);
    if (status != SLC_OK) return status;
    if (slc_api_waiting(api)) {
        /* Whoever found a worker behind gives it a moment, so that trying again is not all that is done. */
        if (api->room_count > 0) slc_api_pause();
        return SLC_OK;
    }
    slc_engine_wait(api->engine, timeout_ms == SLC_FOREVER ? SLC_NEVER : timeout_ms * SLC_MILLISECOND);
    return SLC_OK;
}

void slc_api_pause(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

enum slc_status slc_wake(struct slc_engine_id engine)
{
    struct api *api = slc_api_pin(engine);
    if (api == NULL) return SLC_BAD_HANDLE;
    slc_engine_wake(api->engine);
    slc_api_unpin(engine);
    return SLC_OK;
}

enum slc_status slc_fd(struct slc_engine_id engine, int *fd)
{
    struct api *api;
    enum slc_status status = fd == NULL ? SLC_BAD_ARGUMENT : slc_api_of(engine, &api);
    if (status != SLC_OK) return status;
    *fd = slc_engine_fd(api->engine);
    return *fd < 0 ? SLC_IO : SLC_OK;
}
