/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/options_internal.h"

/* Section 13 of docs/protocol/4-client.md, in its order; then ours. */

#define AT(field) offsetof(struct slc_traffic, field)
#define SECONDS   SLC_SECOND
#define HOUR      (3600 * SLC_SECOND)
#define YEAR      (365 * 24 * HOUR)
#define TICK      (10 * SLC_MICROSECOND)

const struct slc_traffic_row slc_traffic_rows[] = {
    {"traffic.average_packet_delay", KIND_DURATION, AT(hop_delay), "mean delay at each mix hop", 0, HOUR},
    {"traffic.message_sending_average_delay", KIND_DURATION, AT(main_mean), "mean between slots of the main stream",
     TICK, HOUR},
    {"traffic.disable_main_poisson_packet_distribution", KIND_PACING, AT(pacing),
     "packets leave at once, and the main stream has no cover", 0, 0},
    {"traffic.deterministic_route_selection", KIND_BOOL, AT(fixed_routes),
     "all packets of one fragment take the same route", 0, 0},
    {"traffic.maximum_number_of_retransmissions", KIND_REPEATS, AT(retransmissions),
     "per fragment; then its message is given up", 0, 65000},
    {"traffic.primary_packet_size", KIND_SIZE, AT(size), "of data and cover packets", 0, 0},
    {"traffic.secondary_packet_size", KIND_NO_SIZE, AT(secondary_size),
     "for messages that need fewer packets with it, and some cover", 0, 0},
    {"traffic.use_legacy_sphinx_format", KIND_BOOL, NOWHERE,
     "no effect: every packet is of version 0.1.3, so that cover is not told from messages", 0, 0},
    {"traffic.packet_type", KIND_MIX, NOWHERE, "no effect: mix is the only one", 0, 0},
    {"traffic.disable_mix_hops", KIND_BOOL, AT(no_mix_hops),
     "messages, acks and SURBs go only through the last gateway", 0, 0},

    {"cover_traffic.loop_cover_traffic_average_delay", KIND_DURATION, AT(loop_mean),
     "mean between packets of the loop cover stream", TICK, YEAR},
    {"cover_traffic.cover_traffic_primary_size_ratio", KIND_FACTOR, AT(cover_primary_share),
     "share of cover packets of the primary size, if there are two", 0, 1},
    {"cover_traffic.disable_loop_cover_traffic_stream", KIND_BOOL, AT(no_loop), "no loop cover stream", 0, 0},

    {"gateway_connection.gateway_response_timeout", KIND_DURATION, AT(gateway_timeout),
     "how long a gateway has for an answer", TICK, YEAR},

    {"acknowledgements.average_ack_delay", KIND_DURATION, AT(ack_hop_delay), "mean delay of acks at each mix hop", 0,
     HOUR},
    {"acknowledgements.ack_wait_multiplier", KIND_FACTOR, AT(ack_wait_factor),
     "of a packet's and its ack's delays together, before it is sent again", 0, 1000},
    {"acknowledgements.ack_wait_addition", KIND_DURATION, AT(ack_wait_extra), "and so much longer", 0, HOUR},

    {"topology.topology_refresh_rate", KIND_DURATION, AT(topology_refresh), "between fetches of the topology",
     SLC_MILLISECOND, YEAR},
    {"topology.topology_resolution_timeout", KIND_DURATION, NOWHERE, "no effect, as in the reference", 0, YEAR},
    {"topology.disable_refreshing", KIND_BOOL, AT(topology_fixed), "the first topology stays", 0, 0},
    {"topology.max_startup_gateway_waiting_period", KIND_DURATION, AT(startup_gateway_wait),
     "for programs that wait for their gateway to be listed", 0, YEAR},
    {"topology.max_startup_network_waiting_period", KIND_DURATION, AT(startup_network_wait),
     "for programs that wait for a usable network", 0, YEAR},
    {"topology.minimum_mixnode_performance", KIND_NUMBER, AT(mixnode_performance), "percent; others are not used", 0,
     100},
    {"topology.minimum_gateway_performance", KIND_NUMBER, AT(gateway_performance), "percent; others are not used", 0,
     100},
    {"topology.use_extended_topology", KIND_BOOL, AT(extended_topology), "fetch the list of all nodes", 0, 0},
    {"topology.ignore_egress_epoch_role", KIND_BOOL, AT(ignore_egress_role),
     "recipients' gateways may be mixnodes of this epoch", 0, 0},
    {"topology.ignore_ingress_epoch_role", KIND_BOOL, AT(ignore_ingress_role),
     "our gateway may be able to be a mixnode", 0, 0},

    {"reply_surbs.minimum_reply_surb_storage_threshold", KIND_NUMBER, AT(surbs_minimum),
     "reserve per peer, kept for asking for more", 0, 100000},
    {"reply_surbs.maximum_reply_surb_storage_threshold", KIND_NUMBER, AT(surbs_maximum),
     "per peer; with so many no more are asked for", 0, 100000},
    {"reply_surbs.minimum_reply_surb_threshold_buffer", KIND_NUMBER, AT(surbs_buffer),
     "kept per peer beyond the reserve, in advance", 0, 100000},
    {"reply_surbs.minimum_reply_surb_request_size", KIND_NUMBER, AT(request_minimum),
     "SURBs asked for at once, at least", 1, 100000},
    {"reply_surbs.maximum_reply_surb_request_size", KIND_NUMBER, AT(request_maximum),
     "SURBs asked for at once, at most", 1, 100000},
    {"reply_surbs.maximum_allowed_reply_surb_request_size", KIND_NUMBER, AT(request_honoured),
     "of what peers ask for, at most so many are made", 0, 500},
    {"reply_surbs.maximum_reply_surb_rerequest_waiting_period", KIND_DURATION, AT(request_wait),
     "silence before asking again", TICK, YEAR},
    {"reply_surbs.maximum_reply_surb_drop_waiting_period", KIND_DURATION, AT(request_drop),
     "silence before a peer's replies are given up", TICK, YEAR},
    {"reply_surbs.maximum_reply_surbs_rerequests", KIND_NUMBER, AT(request_repeats),
     "requests without progress before they are given up", 0, 100000},
    {"reply_surbs.maximum_reply_key_age", KIND_DURATION, AT(reply_key_age), "lifetime of the keys of SURBs handed out",
     TICK, YEAR},
    {"reply_surbs.surb_mix_hops", KIND_ANYTHING, NOWHERE, "no effect, as in the reference", 0, 0},

    {"stats_reporting.enabled", KIND_BOOL, AT(stats_enabled), "report statistics, if there is a provider", 0, 0},
    {"stats_reporting.provider_address", KIND_PROVIDER, AT(has_stats_provider), "address that statistics are sent to",
     0, 0},
    {"stats_reporting.reporting_interval", KIND_DURATION, AT(stats_interval), "between reports", SLC_MILLISECOND, YEAR},

    {"forget_me.client", KIND_BOOL, AT(forget_client), "ask the gateway at the end to forget this client", 0, 0},
    {"forget_me.stats", KIND_BOOL, AT(forget_stats), "ask the gateway at the end to forget its statistics", 0, 0},
    {"remember_me.stats", KIND_BOOL, AT(remember_stats), "ask the gateway at the end to keep its statistics", 0, 0},
    {"remember_me.session_type", KIND_SESSION, AT(session_type), "what kind of client that was", 0, 0},

    {"sluice.adaptive_sending_delay", KIND_BOOL, AT(adaptive),
     "slots come up to 6 times slower while the gateway does not keep up", 0, 0},
    {"sluice.look_ahead", KIND_DURATION, AT(look_ahead), "how long before its time a slot is filled, at most", TICK,
     SLC_SECOND},
    {"sluice.look_ahead_minimum", KIND_DURATION, AT(look_ahead_min), "the same when there is little to do", TICK,
     SLC_SECOND},
    {"sluice.max_pending_fragments", KIND_NUMBER, AT(max_pending), "waiting or unacked, of one client", 1, 1 << 24},
    {"sluice.max_reply_keys", KIND_NUMBER, AT(max_reply_keys), "keys of SURBs handed out by one client", 1, 1 << 24},
    {"sluice.max_stored_surbs", KIND_NUMBER, AT(max_stored_surbs), "SURBs of others held by one client", 0, 1 << 24},
    {"sluice.max_sender_tags", KIND_NUMBER, AT(max_sender_tags), "peers that one client can answer", 0, 1 << 20},
    {"sluice.max_reassembly_bytes", KIND_BYTES, AT(max_reassembly_bytes), "of messages not yet whole, of one client",
     40000, (uint64_t)1 << 40},
    {"sluice.reassembly_timeout", KIND_DURATION, AT(reassembly_timeout), "after which they are given up", TICK, YEAR},
};

const size_t slc_traffic_row_count = sizeof slc_traffic_rows / sizeof *slc_traffic_rows;
