/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CROWD_H
#define SLUICE_CROWD_H

#include "engine/engine.h"

/*
 * Who the clients of a subcommand with many of them are: fresh identities, or the first ones of a storage, which is
 * filled up when it has too few. Those stay at the gateway that knows them as long as the topology has it. Control
 * thread.
 */

struct slc_crowd {
    struct slc_storage *storage;
    struct slc_random random;
    struct slc_stored_client *last; /* in guarded memory */
};

/* storage: NULL: fresh identities. Close it in any case. */
SLC_MUST_CHECK enum slc_status slc_crowd_open(struct slc_crowd *crowd, struct slc_storage *storage, uint64_t count,
                                              struct slc_error *error);
/*
 * The next one, at `gateway` unless it is settled at another of `topology` (NULL: in any case). `setup` lives until the
 * next call.
 */
SLC_MUST_CHECK enum slc_status slc_crowd_next(struct slc_crowd *crowd, const struct slc_topology *topology,
                                              const struct slc_node *gateway, struct slc_client_setup *setup,
                                              struct slc_error *error);
void slc_crowd_close(struct slc_crowd *crowd);

#endif
