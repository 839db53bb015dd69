/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/traffic.h"

#define MINUTE (60 * SLC_SECOND)

void slc_traffic_default(struct slc_traffic *traffic)
{
    *traffic = (struct slc_traffic){
        .pacing = SLC_PACING_POISSON,
        .main_mean = 20 * SLC_MILLISECOND,
        .adaptive = true,
        .loop_mean = 200 * SLC_MILLISECOND,
        .hop_delay = 15 * SLC_MILLISECOND,
        .ack_hop_delay = 15 * SLC_MILLISECOND,
        .ack_wait_factor = 1.5,
        .ack_wait_extra = 1500 * SLC_MILLISECOND,
        .retransmissions = SLC_RETRANSMISSIONS_DEFAULT,
        .size = SLC_SIZE_REGULAR,
        .cover_primary_share = 0.7,
        .look_ahead = 20 * SLC_MILLISECOND,
        .look_ahead_min = 2 * SLC_MILLISECOND,
        .surbs_minimum = 10,
        .surbs_maximum = 200,
        .request_minimum = 10,
        .request_maximum = 50,
        .request_honoured = 500,
        .request_wait = 10 * SLC_SECOND,
        .request_drop = 5 * MINUTE,
        .request_repeats = 5,
        .reply_key_age = 24 * 60 * MINUTE,
        .gateway_timeout = 5 * MINUTE,
        .topology_refresh = 5 * MINUTE,
        .startup_gateway_wait = 70 * MINUTE,
        .startup_network_wait = 70 * MINUTE,
        .mixnode_performance = 50,
        .gateway_performance = 50,
        .ignore_egress_role = true,
        .ignore_ingress_role = true,
        .stats_enabled = true,
        .stats_interval = 5 * MINUTE,
        .max_pending = 65536,
        .max_reply_keys = 65536,
        .max_stored_surbs = 20000,
        .max_sender_tags = 4096,
        .max_reassembly_bytes = (size_t)64 << 20,
        .reassembly_timeout = 30 * MINUTE,
        .max_foreign_bytes = (size_t)1 << 30,
    };
}

static bool can_carry_messages(enum slc_packet_size size)
{
    return size != SLC_SIZE_ACK && slc_packet_bytes(size) > 0;
}

enum slc_status slc_traffic_check(const struct slc_traffic *t, struct slc_error *error)
{
    if (!can_carry_messages(t->size)) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "packets of messages are of a regular or an extended size");
    }
    if (t->secondary_size != 0 && (!can_carry_messages(t->secondary_size) || t->secondary_size == t->size)) {
        return slc_fail(error, SLC_BAD_ARGUMENT,
                        "the secondary packet size is a regular or an extended size, and not the primary one");
    }
    if (!(t->cover_primary_share >= 0 && t->cover_primary_share <= 1)) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "the primary size's share of cover is between 0 and 1");
    }
    if (t->pacing == SLC_PACING_POISSON && t->main_mean == 0) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "a main stream with a mean of 0 has no slots: turn pacing off");
    }
    if (t->look_ahead_min > t->look_ahead) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "the least look-ahead is above the look-ahead");
    }
    if (t->surbs_minimum > t->surbs_maximum || t->request_minimum > t->request_maximum) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "a minimum of SURBs is above its maximum");
    }
    return SLC_OK;
}

double slc_traffic_slots_per_second(const struct slc_traffic *traffic)
{
    if (traffic->pacing == SLC_PACING_NONE || traffic->main_mean == 0) return 0;
    return (double)SLC_SECOND / (double)traffic->main_mean;
}
