/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_API_STATISTICS_H
#define SLUICE_API_STATISTICS_H

#include "sluice/engine.h"

/*
 * What an engine did since it was opened, all its clients together (rules for all functions: sluice/sluice.h).
 */

#ifdef __cplusplus
extern "C" {
#endif

/* One list makes the struct, a program's printing of it, and the manual. New names are added at its end. */
#define SLC_STATISTICS(X) SLC_STATISTICS_NOW(X) SLC_STATISTICS_SUMS(X)

#define SLC_STATISTICS_NOW(X)                                                                                          \
    X(clients, "clients that are there now")                                                                           \
    X(clients_ready, "of these, at their gateways now")                                                                \
    X(events_lost, "events, and messages received, lost for lack of memory")

/* Sums since the engine was opened. */
#define SLC_STATISTICS_SUMS(X)                                                                                         \
    X(messages_sent, "messages whose every part was sent")                                                             \
    X(messages_acked, "messages whose every part was acked")                                                           \
    X(messages_expired, "messages given up")                                                                           \
    X(messages_delivered, "messages received whole")                                                                   \
    X(real_sent, "packets of messages, first time")                                                                    \
    X(retransmitted, "packets sent again because no ack came")                                                         \
    X(cover_sent, "cover packets")                                                                                     \
    X(surb_packets_sent, "packets that carry only SURBs or ask for them")                                              \
    X(packet_bytes_sent, "bytes of Sphinx packets")                                                                    \
    X(wire_bytes_sent, "bytes to gateways")                                                                            \
    X(data_received, "payloads received that were not acks")                                                           \
    X(cover_received, "payloads received that were our own cover")                                                     \
    X(acks_received, "acks of messages' packets")                                                                      \
    X(unknown_acks, "acks that match nothing: late or forged")                                                         \
    X(duplicate_fragments, "parts of messages that were here before")                                                  \
    X(refused_payloads, "payloads that could not be opened or read")                                                   \
    X(refused_messages, "whole messages that could not be read")                                                       \
    X(refused_frames, "frames that were not our gateway's")                                                            \
    X(surbs_made, "SURBs handed out")                                                                                  \
    X(surbs_used, "SURBs of others used")                                                                              \
    X(surbs_stored, "SURBs of others received")                                                                        \
    X(surb_requests_sent, "requests for more SURBs sent")                                                              \
    X(surb_requests_served, "requests for more SURBs answered")                                                        \
    X(slots, "sending times of the Poisson stream that fell due")                                                      \
    X(slots_late, "of these, filled more than 1 ms after their time")                                                  \
    X(slots_missed, "of these, dropped because the engine was too far behind")                                         \
    X(slot_lateness_worst_ns, "the worst of them")                                                                     \
    X(connects, "connections asked for")                                                                               \
    X(losts, "connections lost")

struct slc_statistics {
    size_t size; /* sizeof(struct slc_statistics) */
#define X(name, text) uint64_t name;
    SLC_STATISTICS(X)
#undef X
};

/* Fills `statistics`, whose size is set. Any thread. */
SLC_API enum slc_status slc_stats(struct slc_engine_id engine, struct slc_statistics *statistics);

#ifdef __cplusplus
}
#endif

#endif
