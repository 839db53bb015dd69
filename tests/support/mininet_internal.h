/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_MININET_INTERNAL_H
#define SLUICE_TEST_MININET_INTERNAL_H

#include "tests/support/mininet.h"

/*
 * mininet.c         wires, gateways, nodes and time
 * mininet_making.c  nodes with their keys, the directory, clients and their lives
 * mininet_peer.c    a stranger
 */

enum { OPEN_BATCH = 128, FRAME_BATCH = 256, TOKEN_BATCH = 256 };

enum event_kind { ARM, FRAME, PACKET, PUSH, TEXT, OPENED, CLOSED };

struct mininet_event {
    slc_time at;
    uint64_t sequence;
    enum event_kind kind;
    uint32_t who;        /* client, or node */
    uint64_t connection; /* of the client that this belongs to */
    uint64_t token;
    uint8_t rotation;
    uint8_t *memory; /* freed after the event */
    uint8_t *data;
    size_t len;
};

struct mininet_letter {
    struct mininet_letter *next;
    size_t len;
    uint8_t data[];
};

/* Ends the program with a message when the network's own rules are broken; or when there is no memory. */
void mininet_check(bool condition, const char *what);
void *mininet_need(void *memory);
/* The gateway's end of a client's connection, and what it has not read. */
void mininet_hang_up(struct mininet *net, struct mininet_client *k);
/* What clients see of the network. */
struct slc_client_port mininet_port(struct mininet *net);

#endif
