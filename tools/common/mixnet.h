/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MIXNET_H
#define SLUICE_MIXNET_H

#include "crypto/base/time.h"
#include "net/directory/directory.h"

/* Which mixnet a subcommand works with, as its command line names it. Control thread; blocks. */

struct slc_mixnet {
    struct slc_topology *topology;
    struct slc_rotation_info info;
    bool has_info; /* a directory told; a topology file cannot */
};

/*
 * Fetches from a directory (`nym_api`, its base URL, within `limit` ns) or reads a topology file; one of both is NULL.
 * Returns -1, or the exit code with what is wrong in `error`.
 */
int slc_mixnet_find(struct slc_mixnet *mixnet, const char *nym_api, const char *topology_file, slc_time limit,
                    struct slc_error *error);
/* As slc_engine_new() and slc_engine_set_topology() want it. */
const struct slc_rotation_info *slc_mixnet_info(const struct slc_mixnet *mixnet);
/* Takes one that was not found too. */
void slc_mixnet_release(struct slc_mixnet *mixnet);

#endif
