/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sphinx/sphinx_internal.h"

#include "crypto/base/secret.h"

/* Single-use reply blocks (chapter 1, section 6). */

static bool all_zero(const uint8_t *bytes, size_t len)
{
    uint8_t seen = 0;
    for (size_t i = 0; i < len; i++) {
        seen |= bytes[i];
    }
    return seen == 0;
}

static enum slc_status check(const struct slc_surb_job *job)
{
    const struct slc_route *route = &job->route;
    if (route->hops < 1) return SLC_BAD_SURB;
    switch (route->version) {
    case SLC_SPHINX_SEEDS:
        break;
    case SLC_SPHINX_SINGLE_SEED:
        if (job->recovery == NULL || all_zero(route->identifier, SLC_IDENTIFIER_BYTES)) return SLC_BAD_SURB;
        break;
    default:
        return SLC_BAD_SURB;
    }
    return slc_route_check(route);
}

/* What follows the header, and what a single-seed SURB's creator keeps. */
static void write_keys(struct slc_surb_job *job, const struct slc_hop_keys *keys)
{
    const struct slc_route *route = &job->route;
    bool single = route->version == SLC_SPHINX_SINGLE_SEED;
    struct slc_writer w = slc_writer(job->out, SLC_SURB_HEAD_BYTES + SLC_MAX_HOPS * SLC_PAYLOAD_SEED_BYTES);
    (void)slc_write_space(&w, SLC_HEADER_BYTES);
    slc_write_bytes(&w, route->hop[0]->address, SLC_ADDRESS_BYTES);
    for (unsigned hop = single ? route->hops - 1U : 0; hop < route->hops; hop++) {
        slc_write_bytes(&w, keys[hop].seed, SLC_PAYLOAD_SEED_BYTES);
    }
    job->out_len = w.len;
    if (single) {
        w = slc_writer(job->recovery, SLC_RECOVERY_MAX_BYTES);
        slc_write_bytes(&w, route->identifier, SLC_IDENTIFIER_BYTES);
        for (unsigned hop = 0; hop < route->hops; hop++) {
            slc_write_bytes(&w, keys[hop].seed, SLC_PAYLOAD_SEED_BYTES);
        }
    }
}

enum slc_status slc_surbs_build(struct slc_sphinx_scratch *scratch, struct slc_surb_job *jobs, size_t n)
{
    if (n > scratch->batch) return SLC_BAD_ARGUMENT;
    size_t live = 0;
    for (size_t i = 0; i < n; i++) {
        jobs[i].out_len = 0;
        jobs[i].status = check(&jobs[i]);
        if (jobs[i].status == SLC_OK) {
            scratch->header[live++] = (struct slc_header_job){&jobs[i].route, jobs[i].out};
        }
    }
    slc_headers_build(scratch, live);
    size_t next = 0;
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].status == SLC_OK) {
            write_keys(&jobs[i], scratch->hop_keys[next++]);
        }
    }
    slc_sphinx_scratch_wipe(scratch, live);
    return slc_batch_status(live, n);
}

enum slc_status slc_surb_check(struct slc_bytes surb, bool explicit_keys)
{
    if (explicit_keys) return surb.len == SLC_SURB_MAX_BYTES ? SLC_OK : SLC_BAD_SURB;
    if (surb.len <= SLC_SURB_HEAD_BYTES) return SLC_BAD_SURB;
    size_t keys = surb.len - SLC_SURB_HEAD_BYTES;
    bool whole = keys % SLC_PAYLOAD_SEED_BYTES == 0 && keys / SLC_PAYLOAD_SEED_BYTES <= SLC_MAX_HOPS;
    return whole ? SLC_OK : SLC_BAD_SURB;
}

enum slc_status slc_surbs_use(struct slc_sphinx_scratch *scratch, struct slc_surb_use *jobs, size_t n)
{
    if (n > scratch->batch) return SLC_BAD_ARGUMENT;
    size_t live = 0;
    for (size_t i = 0; i < n; i++) {
        struct slc_surb_use *job = &jobs[i];
        job->status = slc_surb_check(job->surb, job->explicit_keys);
        if (job->status == SLC_OK) {
            job->status = slc_payload_check(job->plaintext.len, job->payload_bytes);
        }
        if (job->status != SLC_OK) continue;
        uint32_t stride = job->explicit_keys ? SLC_PAYLOAD_KEY_BYTES : SLC_PAYLOAD_SEED_BYTES;
        memcpy(job->out, job->surb.data, SLC_HEADER_BYTES);
        memcpy(job->first_hop, job->surb.data + SLC_HEADER_BYTES, SLC_ADDRESS_BYTES);
        slc_payload_fill(job->out + SLC_HEADER_BYTES, job->payload_bytes, job->plaintext);
        scratch->payload[live++] = (struct slc_payload_job){
            .payload = job->out + SLC_HEADER_BYTES,
            .keys = job->surb.data + SLC_SURB_HEAD_BYTES,
            .bytes = job->payload_bytes,
            .stride = stride,
            .hops = (uint8_t)((job->surb.len - SLC_SURB_HEAD_BYTES) / stride),
            .explicit_keys = job->explicit_keys,
        };
    }
    slc_payloads_encrypt(scratch, live);
    slc_wipe(scratch->payload_key, SLC_PAYLOAD_TILE * SLC_MAX_HOPS * sizeof *scratch->payload_key);
    return slc_batch_status(live, n);
}

enum slc_status slc_surb_recover(struct slc_bytes recovery, uint8_t *payload, size_t payload_bytes,
                                 struct slc_bytes *plaintext)
{
    *plaintext = slc_bytes(NULL, 0);
    struct slc_reader r = slc_reader(recovery);
    (void)slc_read_bytes(&r, SLC_IDENTIFIER_BYTES);
    size_t hops = slc_reader_left(&r) / SLC_PAYLOAD_SEED_BYTES;
    bool whole = slc_reader_left(&r) % SLC_PAYLOAD_SEED_BYTES == 0;
    if (!slc_reader_ok(&r) || !whole || hops < 1 || hops > SLC_MAX_HOPS) return SLC_BAD_SURB;
    enum slc_status status = slc_payload_check(0, payload_bytes);
    if (status != SLC_OK) return status;

    uint8_t keys[SLC_MAX_HOPS][SLC_PAYLOAD_KEY_BYTES];
    uint8_t *key[SLC_MAX_HOPS];
    const uint8_t *seed[SLC_MAX_HOPS];
    for (size_t hop = 0; hop < hops; hop++) {
        key[hop] = keys[hop];
        seed[hop] = slc_read_bytes(&r, SLC_PAYLOAD_SEED_BYTES).data;
    }
    slc_expand_payload_keys(key, seed, hops);

    /* Every hop took off a layer that nobody had put on; put them back, then take off the replier's one. */
    for (size_t hop = hops; hop-- > 0;) {
        const uint8_t *one = keys[hop];
        slc_lioness_encrypt(&payload, payload_bytes, &one, 1);
    }
    const uint8_t *last = keys[hops - 1];
    slc_lioness_decrypt(&payload, payload_bytes, &last, 1);
    slc_wipe(keys, sizeof keys);
    return slc_payload_recover(payload, payload_bytes, plaintext);
}
