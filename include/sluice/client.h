/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_API_CLIENT_H
#define SLUICE_API_CLIENT_H

#include "sluice/engine.h"
#include "sluice/recipient.h"

/*
 * Clients: one identity each, at one gateway (rules for all functions: sluice/sluice.h).
 */

#ifdef __cplusplus
extern "C" {
#endif

/* A client of an open engine; {0} is none. It names its engine too. */
struct slc_client_id {
    uint64_t value;
};

enum { SLC_NAME_MAX = 63 }; /* bytes of a client's name, without its final 0 */

struct slc_client_options {
    size_t size;         /* sizeof(struct slc_client_options)                                                    */
    const char *name;    /* under which the engine's folder knows it, 1 to SLC_NAME_MAX letters, digits, '-', '_', '.':
                            the identity of that name, made when there is none. Without a folder NULL: a new
                            identity, gone with the client                                                      */
    const char *gateway; /* identity key in base58; NULL: the one used or chosen last, else one by chance        */
    void *user;          /* comes back in events                                                                 */
};

/*
 * Adds a client; it connects by itself, and SLC_EVENT_READY or SLC_EVENT_FAILED follows. Its address is known at
 * once. `options` may be NULL. `error` (may be NULL) has words.
 *
 * SLC_FULL (max_clients), SLC_NO_ROUTE (gateway not in the network), SLC_BAD_ARGUMENT (gateway, name, or
 * none with a folder), SLC_DUPLICATE (that name is in use), SLC_UNSUPPORTED (a name without a folder), SLC_CLOSED
 * (after slc_finish()), SLC_NO_MEMORY; SLC_IO, SLC_MALFORMED: the folder.
 */
SLC_API SLC_MUST_CHECK enum slc_status slc_add(struct slc_engine_id engine, const struct slc_client_options *options,
                                               struct slc_client_id *client, struct slc_error *error);
/*
 * Disconnects it and forgets its messages: those under way end as SLC_EVENT_UNDELIVERED with SLC_CLOSED. A stored
 * identity stays in its folder. The handle is bad at once; no event names it any more but those.
 */
SLC_API enum slc_status slc_remove(struct slc_client_id client);

enum slc_client_state {
    SLC_STATE_CONNECTING = 1, /* for the first time, or again                                        */
    SLC_STATE_READY,          /* at its gateway                                                      */
    SLC_STATE_FAILED,         /* given up: SLC_EVENT_FAILED said why; only slc_remove() is left for it */
};

struct slc_client_info {
    size_t size; /* sizeof(struct slc_client_info) */
    enum slc_client_state state;
    void *user;
    struct slc_recipient recipient; /* its address                                                     */
    uint64_t unacked_messages;      /* taken by slc_send(), neither acked nor undelivered: the window  */
    uint64_t unacked_bytes;
    uint64_t queued_packets; /* wait for a sending time or for SURBs, a moment ago                  */
};
/* Fills `info`, whose size is set, with what the events polled so far say. */
SLC_API enum slc_status slc_info(struct slc_client_id client, struct slc_client_info *info);

#ifdef __cplusplus
}
#endif

#endif
