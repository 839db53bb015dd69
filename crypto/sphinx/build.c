/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sphinx/sphinx_internal.h"

static enum slc_status check(const struct slc_packet_job *job)
{
    enum slc_status status = slc_route_check(&job->route);
    if (status != SLC_OK) return status;
    return slc_payload_check(job->plaintext.len, job->payload_bytes);
}

enum slc_status slc_packets_build(struct slc_sphinx_scratch *scratch, struct slc_packet_job *jobs, size_t n)
{
    if (n > scratch->batch) return SLC_BAD_ARGUMENT;
    size_t live = 0;
    for (size_t i = 0; i < n; i++) {
        struct slc_packet_job *job = &jobs[i];
        job->status = check(job);
        if (job->status != SLC_OK) continue;
        bool explicit_keys = job->route.version == SLC_SPHINX_EXPLICIT_KEYS;
        scratch->header[live] = (struct slc_header_job){&job->route, job->out};
        scratch->payload[live] = (struct slc_payload_job){
            .payload = job->out + SLC_HEADER_BYTES,
            .keys = explicit_keys ? scratch->explicit_key[live][0] : scratch->hop_keys[live][0].seed,
            .bytes = job->payload_bytes,
            .stride = explicit_keys ? SLC_PAYLOAD_KEY_BYTES : sizeof(struct slc_hop_keys),
            .hops = job->route.hops,
            .explicit_keys = explicit_keys,
        };
        slc_payload_fill(job->out + SLC_HEADER_BYTES, job->payload_bytes, job->plaintext);
        live++;
    }
    slc_headers_build(scratch, live);
    slc_payloads_encrypt(scratch, live);
    slc_sphinx_scratch_wipe(scratch, live);
    return slc_batch_status(live, n);
}
