/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/crowd.h"

#include "crypto/base/secret.h"

#include <string.h>

enum slc_status slc_crowd_open(struct slc_crowd *crowd, struct slc_storage *storage, uint64_t count,
                               struct slc_error *error)
{
    *crowd = (struct slc_crowd){.storage = storage};
    enum slc_status status = slc_random_from_system(&crowd->random);
    if (status != SLC_OK) return slc_fail(error, status, "%s", slc_status_text(status));
    crowd->last = slc_guarded_new(sizeof *crowd->last);
    if (crowd->last == NULL) return slc_fail(error, SLC_NO_MEMORY, "no guarded memory for keys");
    return storage == NULL ? SLC_OK : slc_storage_provide(storage, count, &crowd->random, error);
}

static enum slc_status settle(struct slc_crowd *crowd, const struct slc_topology *topology,
                              const struct slc_node *gateway, struct slc_error *error)
{
    struct slc_stored_client *client = crowd->last;
    if (client->registered && topology != NULL && slc_topology_find(topology, client->gateway) != NULL) return SLC_OK;
    enum slc_status status = slc_storage_registration(crowd->storage, gateway->identity, client, error);
    memcpy(client->gateway, gateway->identity, sizeof client->gateway);
    return status;
}

enum slc_status slc_crowd_next(struct slc_crowd *crowd, const struct slc_topology *topology,
                               const struct slc_node *gateway, struct slc_client_setup *setup, struct slc_error *error)
{
    enum slc_status status = SLC_OK;
    if (crowd->storage != NULL) {
        status = slc_storage_next(crowd->storage, crowd->last->identity, crowd->last, error);
        if (status == SLC_OK) status = settle(crowd, topology, gateway, error);
    } else {
        slc_client_keys_generate(&crowd->last->keys, &crowd->random);
        memcpy(crowd->last->gateway, gateway->identity, sizeof crowd->last->gateway);
    }
    if (status == SLC_OK) slc_stored_setup(crowd->last, setup);
    return status;
}

void slc_crowd_close(struct slc_crowd *crowd)
{
    slc_guarded_free(crowd->last);
    slc_random_wipe(&crowd->random);
    *crowd = (struct slc_crowd){0};
}
