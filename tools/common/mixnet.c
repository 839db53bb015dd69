/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/mixnet.h"

#include "tools/common/options.h"

#include <string.h>

int slc_mixnet_find(struct slc_mixnet *m, const char *nym_api, const char *topology_file, slc_time limit,
                    struct slc_error *error)
{
    memset(m, 0, sizeof *m);
    if (topology_file != NULL) {
        return slc_topology_load(topology_file, &m->topology, error) == SLC_OK ? -1 : SLC_EXIT_USAGE;
    }
    slc_directory_start();
    unsigned limit_ms = (unsigned)(limit / SLC_MILLISECOND);
    enum slc_status status = slc_directory_fetch(nym_api, limit_ms, &m->topology, &m->info, error);
    m->has_info = status == SLC_OK;
    if (status == SLC_OK) return -1;
    bool reached = status != SLC_IO && status != SLC_TIMEOUT && status != SLC_REFUSED && status != SLC_AGAIN;
    return reached ? SLC_EXIT_USAGE : SLC_EXIT_NO_CONNECTION;
}

const struct slc_rotation_info *slc_mixnet_info(const struct slc_mixnet *m)
{
    return m->has_info ? &m->info : NULL;
}

void slc_mixnet_release(struct slc_mixnet *m)
{
    slc_topology_release(m->topology);
    m->topology = NULL;
}
