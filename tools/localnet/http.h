/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LOCALNET_HTTP_H
#define SLUICE_LOCALNET_HTTP_H

#include "engine/node/localnet.h"

/*
 * The local mixnet's HTTP side (libmicrohttpd, one thread of its own): the nym-api documents under any path prefix, a
 * status page, /status.json, /metrics, and orders under /control (docs/localnet.md).
 */
struct slc_localnet_http;

/*
 * Serves on 127.0.0.1:port (0: a free one, told by `bound`). `net` outlives it, and has no other control thread from
 * here on: orders come from its thread and slc_localnet_http_tick(), one at a time.
 */
SLC_MUST_CHECK enum slc_status slc_localnet_http_start(struct slc_localnet_http **http, struct slc_localnet *net,
                                                       uint16_t port, uint16_t *bound, struct slc_error *error);
/* slc_localnet_tick() of its net; any thread. */
slc_time slc_localnet_http_tick(struct slc_localnet_http *http);
void slc_localnet_http_stop(struct slc_localnet_http *http);

#endif
