/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_ECHO_SERVICE_H
#define SLUICE_ECHO_SERVICE_H

#include "engine/engine.h"

/*
 * An echo service: identities on an engine of their own that answer every message which can be answered with its own
 * bytes, by SURB, and repeat an answer until it is acked or no SURBs are to be had. What `sluice echo` is, and what
 * `sluice load --ping` runs beside its clients. With a storage in the engine's configuration the identities are the
 * first ones there, made if they are missing, and come back with their SURBs.
 *
 * One thread (its driver) calls these functions; where any thread may, it is said.
 */

struct slc_echo_config {
    struct slc_engine_config engine; /* from slc_echo_config_default(), then changed                               */
    uint32_t identities;             /* 1 by default                                                               */
    const uint8_t *gateway;          /* of all identities (SLC_IDENTITY_BYTES); NULL: dealt out over all gateways  */
    /* Told of each message before it is answered: which identity, its bytes, when it came. NULL: nobody. */
    void (*arrived)(void *self, uint32_t identity, struct slc_bytes message, slc_time at);
    void *self;
};
/*
 * No pacing, as services embedded in the reference's nodes (docs/protocol/4-client.md, section 3.4), and room for the
 * SURBs of `requesters` peers.
 */
void slc_echo_config_default(struct slc_echo_config *config, uint64_t requesters);

struct slc_echo;
/* Makes engine and identities. SLC_NO_ROUTE: no gateway, or not that one; others: `error` says. */
SLC_MUST_CHECK enum slc_status slc_echo_new(struct slc_echo **echo, const struct slc_echo_config *config,
                                            struct slc_topology *topology, const struct slc_rotation_info *info,
                                            struct slc_error *error);
SLC_MUST_CHECK enum slc_status slc_echo_start(struct slc_echo *echo, struct slc_error *error);
/*
 * The orderly end: answers under way have `timeout` ns to be acked, and what comes meanwhile is answered; then the
 * engine closes, and what is still not acked has failed. Counts stay readable.
 */
void slc_echo_close(struct slc_echo *echo, slc_time timeout);
void slc_echo_free(struct slc_echo *echo);

/* Answers what came; waits up to `timeout` ns when nothing did. slc_engine_wake() ends the wait. */
void slc_echo_turn(struct slc_echo *echo, slc_time timeout);

/* For topology, wakes and numbers; its events and messages are the service's. */
struct slc_engine *slc_echo_engine(const struct slc_echo *echo);
void slc_echo_recipient(const struct slc_echo *echo, uint32_t identity, struct slc_recipient *recipient);
/* The last thing that went wrong, or why the first identity that was refused gave up; "" when nothing did. */
const char *slc_echo_trouble(const struct slc_echo *echo);

/*
 * The service's books. Every message has one end, or its answer is still under way:
 *     received = answered + failed + unanswerable + empty + under_way
 */
#define SLC_ECHO_COUNTERS(X)                                                                                           \
    X(received, "messages that came")                                                                                  \
    X(received_bytes, "bytes of them")                                                                                 \
    X(sent, "answers whose every packet has left once")                                                                \
    X(answered, "answers whose every packet was acked: at the requester's gateway")                                    \
    X(failed, "answers given up: no SURBs came, too many retransmissions, no room")                                    \
    X(unanswerable, "messages without a sender tag: nothing to answer by")                                             \
    X(empty, "messages without a byte: a reply cannot be empty")                                                       \
    X(under_way, "answers neither acked nor given up yet")                                                             \
    X(gave_up, "identities whose gateway refused them for good")

struct slc_echo_counts {
#define X(name, text) uint64_t name;
    SLC_ECHO_COUNTERS(X)
#undef X
};
/* Any thread; the numbers are of the moment. */
void slc_echo_counts(const struct slc_echo *echo, struct slc_echo_counts *counts);
bool slc_echo_balanced(const struct slc_echo_counts *counts);

#endif
