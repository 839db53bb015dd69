/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_WEBSOCKET_INTERNAL_H
#define SLUICE_WEBSOCKET_INTERNAL_H

#include "net/wire/websocket.h"

/* What websocket.c (frames) and websocket_upgrade.c (the HTTP heads in front of them) share. */

enum slc_ws_state { SLC_WS_STATE_UPGRADE, SLC_WS_STATE_FRAMES, SLC_WS_STATE_OVER };

/*
 * Judges the head that begins the connection, a whole one of `head`; a server's answer, good or bad, goes to `reply`.
 * SLC_MALFORMED, SLC_UNSUPPORTED, SLC_REFUSED (client: the server said something else than 101), with `*reason`.
 */
SLC_MUST_CHECK enum slc_status slc_ws_upgrade(struct slc_ws *ws, struct slc_bytes head, struct slc_writer *reply,
                                              const char **reason);

#endif
