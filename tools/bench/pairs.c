/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tools/bench/bench.h"

/* In front of the ack inside a data packet: where the gateway is to send it (chapter 2, section 9.2). */
enum { ACK_ADDRESS_BYTES = 19, LEADING_ZEROS = SLC_PAYLOAD_OVERHEAD - 1 };

enum slc_status slc_bench_pairs_new(struct slc_bench_pairs *pairs, const struct slc_bench_network *network,
                                    enum slc_packet_size size, size_t batch)
{
    *pairs = (struct slc_bench_pairs){
        .network = network, .batch = batch, .size = size, .plaintext_bytes = slc_plaintext_bytes(size)};
    pairs->jobs = calloc(2 * batch, sizeof *pairs->jobs);
    pairs->randomness = calloc(2 * batch, sizeof *pairs->randomness);
    pairs->plaintext = malloc(batch * pairs->plaintext_bytes);
    pairs->packet = calloc(batch, slc_packet_bytes(size));
    if (pairs->jobs == NULL || pairs->randomness == NULL || pairs->plaintext == NULL || pairs->packet == NULL) {
        return SLC_NO_MEMORY;
    }
    enum slc_status status = slc_random_from_system(&pairs->random);
    if (status != SLC_OK) return status;

    slc_random_bytes(&pairs->random, pairs->plaintext, batch * pairs->plaintext_bytes);
    static const uint8_t ack[SLC_ACK_PLAINTEXT_BYTES] = {3};
    for (size_t i = 0; i < batch; i++) {
        struct slc_packet_job *data_job = &pairs->jobs[i];
        data_job->plaintext = slc_bytes(pairs->plaintext + i * pairs->plaintext_bytes, pairs->plaintext_bytes);
        data_job->payload_bytes = pairs->plaintext_bytes + SLC_PAYLOAD_OVERHEAD;
        data_job->out = pairs->packet + i * slc_packet_bytes(size);
        struct slc_packet_job *ack_job = &pairs->jobs[batch + i];
        ack_job->plaintext = slc_bytes(ack, sizeof ack);
        ack_job->payload_bytes = sizeof ack + SLC_PAYLOAD_OVERHEAD;
        ack_job->out = data_job->out + SLC_HEADER_BYTES + LEADING_ZEROS + ACK_ADDRESS_BYTES;
    }
    return slc_sphinx_scratch_new(&pairs->scratch, 2 * batch);
}

void slc_bench_pairs_free(struct slc_bench_pairs *pairs)
{
    slc_sphinx_scratch_free(pairs->scratch);
    slc_random_wipe(&pairs->random);
    free(pairs->jobs);
    free(pairs->randomness);
    free(pairs->plaintext);
    free(pairs->packet);
}

void slc_bench_pairs_draw(struct slc_bench_pairs *pairs)
{
    for (size_t i = 0; i < 2 * pairs->batch; i++) {
        slc_bench_network_route(pairs->network, &pairs->random, &pairs->jobs[i].route, pairs->randomness[i]);
    }
}

bool slc_bench_pairs_run(void *self, size_t units)
{
    struct slc_bench_pairs *pairs = self;
    for (size_t done = 0; done < units; done += pairs->batch) {
        slc_bench_pairs_draw(pairs);
        if (slc_packets_build(pairs->scratch, pairs->jobs, 2 * pairs->batch) != SLC_OK) return false;
    }
    return true;
}
