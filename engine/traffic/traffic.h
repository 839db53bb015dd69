/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TRAFFIC_H
#define SLUICE_TRAFFIC_H

#include "crypto/base/time.h"
#include "crypto/sphinx/sphinx.h"

/*
 * How a client paces, covers, acknowledges and repeats: every value with the reference's default
 * (docs/protocol/4-client.md, section 13). Shared read-only by all clients of an engine.
 */

enum slc_pacing {
    SLC_PACING_POISSON, /* the reference: one packet per Poisson slot, cover in empty ones                     */
    SLC_PACING_NONE,    /* every packet leaves as soon as it can; no cover in the main stream                  */
};

struct slc_traffic {
    enum slc_pacing pacing;
    slc_time main_mean;        /* between slots of the main stream: 20 ms                                        */
    slc_time loop_mean;        /* between loop cover packets: 200 ms; 0: no loop cover stream                     */
    slc_time hop_delay;        /* mean delay per mix hop: 15 ms                                                  */
    slc_time ack_hop_delay;    /* the same for acks: 15 ms                                                       */
    double ack_wait_factor;    /* 1.5                                                                            */
    slc_time ack_wait_extra;   /* 1500 ms                                                                        */
    uint32_t retransmissions;  /* per fragment, then the message is reported as expired; 0: no limit             */
    enum slc_packet_size size; /* of data and cover packets: regular                                            */
    slc_time look_ahead;       /* how long before its time a slot is filled: 20 ms                                */

    /* replies (section 7.3) */
    uint32_t surbs_minimum;   /* reserve kept for asking for more: 10                                        */
    uint32_t surbs_maximum;   /* no more is asked above: 200                                                 */
    uint32_t request_minimum; /* SURBs asked for at once: 10 .. 50                                           */
    uint32_t request_maximum;
    uint32_t request_honoured; /* cap on others' requests: 500                                                */
    slc_time request_wait;     /* silence before asking again: 10 s                                           */
    slc_time request_drop;     /* silence before giving up: 5 min                                             */
    uint32_t request_repeats;  /* attempts without progress before giving up: 5                               */
    slc_time reply_key_age;    /* 24 h                                                                        */

    /* bounds of one client, so that no peer can fill memory */
    uint32_t max_pending;        /* fragments on their way, unacked: 65536                                      */
    uint32_t max_reply_keys;     /* keys of SURBs handed out: 65536, the oldest go                              */
    uint32_t max_stored_surbs;   /* SURBs of others: 20000                                                      */
    uint32_t max_sender_tags;    /* peers we can answer: 4096, the longest silent go                            */
    size_t max_reassembly_bytes; /* 64 MiB */
    slc_time reassembly_timeout; /* 30 min */
};

/* The reference's defaults; `fast`: its high-volume preset (section 3.4). */
void slc_traffic_default(struct slc_traffic *traffic);
void slc_traffic_fast(struct slc_traffic *traffic);

/* Slots a second that the main stream offers one client; 0: unlimited (no pacing). */
double slc_traffic_slots_per_second(const struct slc_traffic *traffic);

#endif
