/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LOAD_PING_H
#define SLUICE_LOAD_PING_H

#include "tools/echo/service.h"
#include "tools/load/load_internal.h"

/*
 * The other side of `sluice load --ping`: echo services that answer the clients' requests by SURB. They run in this
 * process, on an engine and a thread of their own, unless the options name addresses of services that run elsewhere.
 *
 * The load's thread calls these functions.
 */

/* A request as it came to a service of this process. */
struct slc_ping_arrival {
    uint64_t id;
    slc_time intended, at;
    uint32_t service;
    bool recognised, intact;
};

struct slc_ping;
/*
 * Reads the addresses, or makes the services and lets them connect. `key` checks what comes to them and outlives this;
 * SLC_NO_ROUTE, SLC_NOT_FOUND and others: `error` says.
 */
SLC_MUST_CHECK enum slc_status slc_ping_open(struct slc_ping **ping, const struct slc_load_options *options,
                                             const struct slc_mixnet *mixnet, const struct slc_load_key *key,
                                             struct slc_error *error);
/* Ends the services; takes NULL. */
void slc_ping_close(struct slc_ping *ping);

/* Whether the services run here. */
bool slc_ping_is_here(const struct slc_ping *ping);
/* All services of this process are connected, or run elsewhere. */
bool slc_ping_ready(const struct slc_ping *ping);
/* Why not; "": not known. */
const char *slc_ping_trouble(const struct slc_ping *ping);

size_t slc_ping_services(const struct slc_ping *ping);
/* The one that client `place` asks, and its address. */
uint32_t slc_ping_service_of(const struct slc_ping *ping, uint32_t place, struct slc_recipient *recipient);

/* What came to the services since the last call; valid until the next. */
const struct slc_ping_arrival *slc_ping_arrivals(struct slc_ping *ping, size_t *count);
/* A newer snapshot for the services of this process. */
void slc_ping_set_mixnet(struct slc_ping *ping, const struct slc_mixnet *mixnet);

/* The services' own counters and books, when they run here; else zeros. */
void slc_ping_numbers(const struct slc_ping *ping, struct slc_client_counters *clients, struct slc_echo_counts *books);
size_t slc_ping_threads(const struct slc_ping *ping, struct slc_thread_report *rows, size_t cap);

#endif
