/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_GATEWAY_SERVER_H
#define SLUICE_GATEWAY_SERVER_H

#include "crypto/base/time.h"
#include "crypto/keys/keys.h"
#include "crypto/seal/gcm_siv.h"

/*
 * The gateway's end of a session with a client, and the registry of clients behind it
 * (docs/protocol/3-gateway.md, sections 6 to 13 and 18; chapter 7, section 4). No I/O; one thread owns both.
 */

/* What a gateway remembers of one client. */
struct slc_registered {
    uint8_t identity[SLC_IDENTITY_BYTES];
    uint8_t key[SLC_SEAL_KEY_BYTES];
    uint64_t last_timestamp; /* of the last accepted authenticateV2; must grow */
    int64_t bandwidth;
    uint64_t bandwidth_day; /* UTC day (seconds / 86400) on which the allowance was claimed */
    uint64_t connection;    /* token of the live connection, 0: offline                      */
    bool known;             /* false: forgotten, or never registered                         */
};

/* Clients by identity; grows by allocation at registration, never on the packet path. */
struct slc_registry;
SLC_MUST_CHECK enum slc_status slc_registry_new(struct slc_registry **registry, size_t max_clients);
void slc_registry_free(struct slc_registry *registry);
/* NULL when there is no entry; a forgotten client still has one. The pointer stays valid as long as the registry. */
struct slc_registered *slc_registry_find(struct slc_registry *registry, const uint8_t identity[SLC_IDENTITY_BYTES]);
/*
 * The entry of `identity`, made if there is none; for registration, and for clients kept from an earlier run (the
 * caller then sets key, stamps and `known`). SLC_FULL (max_clients), SLC_NO_MEMORY.
 */
SLC_MUST_CHECK enum slc_status slc_registry_add(struct slc_registry *registry,
                                                const uint8_t identity[SLC_IDENTITY_BYTES],
                                                struct slc_registered **client);
/* How many clients are known. */
size_t slc_registry_count(const struct slc_registry *registry);
/* Entry i of all there are, in the order in which they came, forgotten ones included; NULL behind the last. */
struct slc_registered *slc_registry_at(struct slc_registry *registry, size_t i);

enum slc_server_event_kind {
    SLC_SERVER_SEND,          /* send `text`                                                                    */
    SLC_SERVER_AUTHENTICATED, /* `client` is online on this connection: deliver its inbox, open its binary frames;
                                 its answer was handed out before (trap T5)                                     */
    SLC_SERVER_DROP,          /* close this connection (reset TCP, chapter 7 section 4 item 18)                  */
    SLC_SERVER_DROP_OTHER,    /* a newer login won: close connection `other`                                     */
    SLC_SERVER_FORGET,        /* the client asked to be forgotten: drop its inbox                                */
};

struct slc_server_event {
    enum slc_server_event_kind kind;
    struct slc_bytes text;
    struct slc_registered *client;
    uint64_t other;
};

enum { SLC_SERVER_TEXT_MAX = 2048 };

struct slc_server_config {
    const struct slc_identity *identity; /* the gateway's */
    struct slc_registry *registry;
    struct slc_random *random;
    bool metered; /* false: every answer shows plenty, as most test networks do */
};

/* One connection; opaque. */
struct slc_server_session;
size_t slc_server_session_bytes(void);
/* connection: a token that is unique among live connections, not 0. */
void slc_server_session_init(struct slc_server_session *s, const struct slc_server_config *config, uint64_t connection,
                             slc_time now);
/* Each may make events; take them all with _next() before the next call, or the session is dropped. */
void slc_server_session_text(struct slc_server_session *s, struct slc_bytes text, slc_time now, uint64_t unix_now);
/* A binary frame came before the client authenticated: answers `error` and drops (section 7.3). */
void slc_server_session_binary_refused(struct slc_server_session *s);
/* The connection ended: the client goes offline, unless a newer connection of it is live. Wipes the session. */
void slc_server_session_closed(struct slc_server_session *s);
void slc_server_session_tick(struct slc_server_session *s, slc_time now);
slc_time slc_server_session_due(const struct slc_server_session *s);
bool slc_server_session_next(struct slc_server_session *s, struct slc_server_event *event, struct slc_writer *out);
/* The authenticated client, NULL before. */
struct slc_registered *slc_server_session_client(const struct slc_server_session *s);

/*
 * Charges one accepted packet of `packet_bytes` and appends the answer (`send`, or out_of_bandwidth:
 * SLC_OUT_OF_BANDWIDTH) to `out`. The packet is to be forwarded on SLC_OK only.
 */
SLC_MUST_CHECK enum slc_status slc_server_session_charge(struct slc_server_session *s, size_t packet_bytes,
                                                         uint64_t unix_now, struct slc_writer *out);

#endif
