/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/traffic.h"

void slc_traffic_default(struct slc_traffic *traffic)
{
    *traffic = (struct slc_traffic){
        .pacing = SLC_PACING_POISSON,
        .main_mean = 20 * SLC_MILLISECOND,
        .loop_mean = 200 * SLC_MILLISECOND,
        .hop_delay = 15 * SLC_MILLISECOND,
        .ack_hop_delay = 15 * SLC_MILLISECOND,
        .ack_wait_factor = 1.5,
        .ack_wait_extra = 1500 * SLC_MILLISECOND,
        .retransmissions = 0,
        .size = SLC_SIZE_REGULAR,
        .look_ahead = 20 * SLC_MILLISECOND,
        .surbs_minimum = 10,
        .surbs_maximum = 200,
        .request_minimum = 10,
        .request_maximum = 50,
        .request_honoured = 500,
        .request_wait = 10 * SLC_SECOND,
        .request_drop = 300 * SLC_SECOND,
        .request_repeats = 5,
        .reply_key_age = 24 * 3600 * SLC_SECOND,
        .max_pending = 65536,
        .max_reply_keys = 65536,
        .max_stored_surbs = 20000,
        .max_sender_tags = 4096,
        .max_reassembly_bytes = (size_t)64 << 20,
        .reassembly_timeout = 1800 * SLC_SECOND,
    };
}

void slc_traffic_fast(struct slc_traffic *traffic)
{
    slc_traffic_default(traffic);
    traffic->hop_delay = 10 * SLC_MILLISECOND;
    traffic->main_mean = 4 * SLC_MILLISECOND;
    traffic->loop_mean = 2000 * SLC_SECOND;
}

double slc_traffic_slots_per_second(const struct slc_traffic *traffic)
{
    if (traffic->pacing == SLC_PACING_NONE || traffic->main_mean == 0) return 0;
    return (double)SLC_SECOND / (double)traffic->main_mean;
}
