/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TRAFFIC_H
#define SLUICE_TRAFFIC_H

#include <stdbool.h>

#include "crypto/base/time.h"
#include "crypto/keys/keys.h"
#include "crypto/sphinx/sphinx.h"
#include "net/directory/topology.h"
#include "net/gateway/control.h"

/*
 * How a client paces, covers, acknowledges and repeats, and what the reference lets its user set besides: every value
 * with the reference's default (docs/protocol/4-client.md, section 13; by name: options.h). Shared read-only by all
 * clients of an engine.
 */

enum slc_pacing {
    SLC_PACING_POISSON, /* the reference: one packet per Poisson slot, cover in empty ones                     */
    SLC_PACING_NONE,    /* every packet leaves as soon as it can; no cover in the main stream                  */
};

/* Limits of retransmissions, for all and per message (the smaller counts); other numbers are the number. */
#define SLC_RETRANSMISSIONS_DEFAULT   UINT32_C(0) /* no limit, but 10 for what goes through SURBs (section 1.3) */
#define SLC_RETRANSMISSIONS_NONE      (UINT32_MAX - 1)
#define SLC_RETRANSMISSIONS_UNLIMITED UINT32_MAX /* whatever the kind of message */

struct slc_traffic {
    enum slc_pacing pacing;
    slc_time main_mean;        /* between slots of the main stream: 20 ms                                        */
    bool adaptive;             /* slots come up to 6 times slower while the gateway does not keep up: true       */
    slc_time loop_mean;        /* between loop cover packets: 200 ms; 0: no loop cover stream                     */
    bool no_loop;              /* no loop cover stream, whatever its mean: false                                  */
    slc_time hop_delay;        /* mean delay per mix hop: 15 ms                                                  */
    slc_time ack_hop_delay;    /* the same for acks: 15 ms                                                       */
    double ack_wait_factor;    /* 1.5                                                                            */
    slc_time ack_wait_extra;   /* 1500 ms                                                                        */
    uint32_t retransmissions;  /* at most, per fragment; then the message is reported as expired: DEFAULT         */
    enum slc_packet_size size; /* of data and cover packets: regular                                  */
    enum slc_packet_size secondary_size; /* 0: none. For messages that need fewer packets with it, and some cover */
    double cover_primary_share;          /* of cover packets of the primary size, if there are two: 0.7          */
    bool no_mix_hops;                    /* packets of messages go straight to the recipient's gateway: false    */
    bool fixed_routes;                   /* all packets of one fragment take the same route: false               */
    slc_time look_ahead;                 /* how long before its time a slot is filled, at most: 20 ms            */
    slc_time look_ahead_min;             /* the same when there is little to do: 2 ms                            */

    /* replies (section 7.3) */
    uint32_t surbs_minimum;   /* reserve kept for asking for more: 10                                        */
    uint32_t surbs_maximum;   /* no more is asked above: 200                                                 */
    uint32_t surbs_buffer;    /* kept beyond the reserve, in advance: 0                                      */
    uint32_t request_minimum; /* SURBs asked for at once: 10 .. 50                                           */
    uint32_t request_maximum;
    uint32_t request_honoured; /* cap on others' requests: 500                                                */
    slc_time request_wait;     /* silence before asking again: 10 s                                           */
    slc_time request_drop;     /* silence before giving up: 5 min                                             */
    uint32_t request_repeats;  /* attempts without progress before giving up: 5                               */
    slc_time reply_key_age;    /* 24 h                                                                        */

    /* the gateway (sections 13 and 14.3) */
    slc_time gateway_timeout; /* wait for its answers: 5 min                                                 */
    bool forget_client;       /* asked of it at the end: forget this client, its statistics: false            */
    bool forget_stats;
    bool remember_stats; /* asked instead: keep the session's statistics: false                               */
    enum slc_session_type session_type;

    /* the directory, for whoever refreshes it (sections 10.7, 10.8, 11) */
    slc_time topology_refresh;     /* 5 min                                                                 */
    bool topology_fixed;           /* no refreshing: false                                                  */
    slc_time startup_gateway_wait; /* 70 min each, for programs that wait at all                            */
    slc_time startup_network_wait;
    uint32_t mixnode_performance; /* percent, at least: 50                                                 */
    uint32_t gateway_performance; /* 50                                                                    */
    bool extended_topology;       /* one list of all nodes: false                                          */
    bool ignore_egress_role;      /* true                                                                  */
    bool ignore_ingress_role;     /* true                                                                  */

    /* statistics (section 9) */
    bool stats_enabled;      /* true, but nothing is reported without a provider                             */
    bool has_stats_provider; /* false */
    struct slc_recipient stats_provider;
    slc_time stats_interval; /* 300 s */

    /* bounds of one client, so that no peer can fill memory */
    uint32_t max_pending;        /* fragments on their way, unacked: 65536                                      */
    uint32_t max_reply_keys;     /* keys of SURBs handed out: 65536, the oldest go                              */
    uint32_t max_stored_surbs;   /* SURBs of others: 20000                                                      */
    uint32_t max_sender_tags;    /* peers we can answer: 4096, the longest silent go                            */
    size_t max_reassembly_bytes; /* 64 MiB */
    slc_time reassembly_timeout; /* 30 min */
    size_t max_foreign_bytes;    /* what strangers may make all clients of one owner hold together: 1 GiB */
};

/* The reference's defaults; `fast`: its high-volume preset (section 3.4; all presets: options.h). */
void slc_traffic_default(struct slc_traffic *traffic);
void slc_traffic_fast(struct slc_traffic *traffic);

/* Whether values go together; `error` says which do not. SLC_BAD_ARGUMENT. */
SLC_MUST_CHECK enum slc_status slc_traffic_check(const struct slc_traffic *traffic, struct slc_error *error);

/* Mean of the loop cover stream; 0: there is none. */
static inline slc_time slc_traffic_loop_mean(const struct slc_traffic *traffic)
{
    return traffic->no_loop ? 0 : traffic->loop_mean;
}
/* Hops of what is no cover: messages, their acks, SURBs. */
static inline unsigned slc_traffic_hops(const struct slc_traffic *traffic)
{
    return traffic->no_mix_hops ? 1 : SLC_ROUTE_HOPS;
}
/* Slots a second that the main stream offers one client; 0: unlimited (no pacing). */
double slc_traffic_slots_per_second(const struct slc_traffic *traffic);

#endif
