/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sphinx/sphinx_internal.h"
#include "tests/sim/model.h"

/*
 * Sphinx packets of the model: the real layout, in the clear. A hop's key follows from alpha and the node's public key;
 * it makes the MAC over the routing information as that hop sees it, the replay tag, and the seed of the payload. The
 * payload's sixteen zeros hold a sum under the last hop's seed until it is opened, so the first byte that was damaged,
 * or the wrong SURB, spoils it as in a real packet. Alpha stays the same from hop to hop.
 */

enum { ROUTE_SPACE = SLC_ROUTING_BYTES + (SLC_MAX_HOPS - 1) * SLC_ROUTING_STEP, SUM_BYTES = 16 };

static uint64_t hop_key(const uint8_t alpha[SLC_KEY_BYTES], const uint8_t public_key[SLC_KEY_BYTES])
{
    uint64_t a = model_mix(model_word(alpha), model_word(alpha + 8));
    a = model_mix(a ^ model_word(alpha + 16), model_word(alpha + 24));
    return model_mix(a, model_word(public_key));
}

static void two_words(uint8_t out[16], uint64_t a, uint64_t b)
{
    memcpy(out, &a, sizeof a);
    memcpy(out + sizeof a, &b, sizeof b);
}

static void header_mac(uint8_t mac[SLC_MAC_BYTES], uint64_t key, const uint8_t routing[SLC_ROUTING_BYTES])
{
    two_words(mac, model_sum(key, routing, SLC_ROUTING_BYTES), model_mix(key, 21));
}

static void hop_seed(uint8_t seed[SLC_PAYLOAD_SEED_BYTES], uint64_t key)
{
    two_words(seed, model_mix(key, 11), model_mix(key, 12));
}

/* ---- headers ---- */

static void write_step(uint8_t *step, const struct slc_route *route, unsigned hop,
                       const uint8_t next_mac[SLC_MAC_BYTES])
{
    bool last = hop + 1U == route->hops;
    struct slc_writer w = slc_writer(step, SLC_ROUTING_STEP);
    slc_write_u8(&w, last ? SLC_FLAG_FINAL : SLC_FLAG_FORWARD);
    slc_write_u8(&w, 0);
    slc_write_u16(&w, route->version);
    if (last) {
        slc_write_bytes(&w, route->destination, SLC_DESTINATION_BYTES);
        slc_write_bytes(&w, route->identifier, SLC_IDENTIFIER_BYTES);
    } else {
        slc_write_bytes(&w, route->hop[hop + 1]->address, SLC_ADDRESS_BYTES);
        slc_write_u64(&w, route->delay_ns[hop]);
        slc_write_bytes(&w, next_mac, SLC_MAC_BYTES);
    }
}

/* Writes a header, and the seeds of its hops. */
static void build_header(uint8_t *out, const struct slc_route *route, uint8_t seeds[SLC_MAX_HOPS][16])
{
    uint8_t routing[ROUTE_SPACE] = {0};
    uint8_t mac[SLC_MAC_BYTES] = {0};
    memcpy(out, route->random, SLC_KEY_BYTES);
    for (unsigned hop = route->hops; hop-- > 0;) {
        uint8_t *step = routing + (size_t)hop * SLC_ROUTING_STEP;
        uint64_t key = hop_key(out, model_table_key(route->hop[hop]->key));
        write_step(step, route, hop, mac);
        header_mac(mac, key, step);
        hop_seed(seeds[hop], key);
    }
    memcpy(out + SLC_HEADER_MAC, mac, sizeof mac);
    memcpy(out + SLC_HEADER_ROUTING, routing, SLC_ROUTING_BYTES);
}

static enum slc_status check_route(const struct slc_route *route)
{
    enum slc_status status = slc_route_check(route);
    return status == SLC_OK && route->version != SLC_SPHINX_SEEDS ? SLC_UNSUPPORTED : status;
}

/* ---- payloads ---- */

static void payload_sum(uint8_t sum[SUM_BYTES], const uint8_t *payload, size_t bytes, const uint8_t seed[16])
{
    uint64_t key = model_mix(model_word(seed), model_word(seed + 8));
    two_words(sum, model_sum(key, payload + SUM_BYTES, bytes - SUM_BYTES), model_mix(key, bytes));
}

/* ---- building ---- */

/* An ack lies inside the data packet before it, so contents go from the first to the last, and sums the other way. */
enum slc_status model_packets_build(struct slc_packet_job *jobs, size_t n)
{
    size_t live = 0;
    uint8_t seeds[SLC_MAX_HOPS][16];
    for (size_t i = 0; i < n; i++) {
        struct slc_packet_job *job = &jobs[i];
        job->status = check_route(&job->route);
        if (job->status == SLC_OK) job->status = slc_payload_check(job->plaintext.len, job->payload_bytes);
        if (job->status != SLC_OK) continue;
        uint8_t *payload = job->out + SLC_HEADER_BYTES;
        slc_payload_fill(payload, job->payload_bytes, job->plaintext);
        build_header(job->out, &job->route, seeds);
        /* Waits where its sum goes. */
        memcpy(payload, seeds[job->route.hops - 1], SUM_BYTES);
        live++;
    }
    for (size_t i = n; i-- > 0;) {
        if (jobs[i].status != SLC_OK) continue;
        uint8_t *payload = jobs[i].out + SLC_HEADER_BYTES;
        memcpy(seeds[0], payload, SUM_BYTES);
        payload_sum(payload, payload, jobs[i].payload_bytes, seeds[0]);
    }
    return slc_batch_status(live, n);
}

enum slc_status model_surbs_build(struct slc_surb_job *jobs, size_t n)
{
    size_t live = 0;
    for (size_t i = 0; i < n; i++) {
        struct slc_surb_job *job = &jobs[i];
        uint8_t seeds[SLC_MAX_HOPS][16];
        job->out_len = 0;
        job->status = job->route.hops < 1 ? SLC_BAD_SURB : check_route(&job->route);
        if (job->status != SLC_OK) continue;
        build_header(job->out, &job->route, seeds);
        size_t keys = (size_t)job->route.hops * SLC_PAYLOAD_SEED_BYTES;
        memcpy(job->out + SLC_HEADER_BYTES, job->route.hop[0]->address, SLC_ADDRESS_BYTES);
        memcpy(job->out + SLC_SURB_HEAD_BYTES, seeds, keys);
        job->out_len = SLC_SURB_HEAD_BYTES + keys;
        live++;
    }
    return slc_batch_status(live, n);
}

enum slc_status model_surbs_use(struct slc_surb_use *jobs, size_t n)
{
    size_t live = 0;
    for (size_t i = 0; i < n; i++) {
        struct slc_surb_use *job = &jobs[i];
        job->status = job->explicit_keys ? SLC_BAD_SURB : slc_surb_check(job->surb, false);
        if (job->status == SLC_OK) job->status = slc_payload_check(job->plaintext.len, job->payload_bytes);
        if (job->status != SLC_OK) continue;
        uint8_t *payload = job->out + SLC_HEADER_BYTES;
        memcpy(job->out, job->surb.data, SLC_HEADER_BYTES);
        memcpy(job->first_hop, job->surb.data + SLC_HEADER_BYTES, SLC_ADDRESS_BYTES);
        slc_payload_fill(payload, job->payload_bytes, job->plaintext);
        payload_sum(payload, payload, job->payload_bytes, job->surb.data + job->surb.len - SLC_PAYLOAD_SEED_BYTES);
        live++;
    }
    return slc_batch_status(live, n);
}

/* ---- opening ---- */

static enum slc_status open_final(struct slc_open_job *job, uint64_t key)
{
    uint8_t *payload = job->packet + SLC_HEADER_BYTES;
    size_t bytes = job->packet_bytes - SLC_HEADER_BYTES;
    uint8_t seed[16], sum[SUM_BYTES];
    hop_seed(seed, key);
    payload_sum(sum, payload, bytes, seed);
    if (memcmp(sum, payload, sizeof sum) != 0) return SLC_BAD_PAYLOAD;
    memset(payload, 0, sizeof sum);
    return slc_payload_recover(payload, bytes, &job->plaintext);
}

static void shift(uint8_t *header)
{
    uint8_t *routing = header + SLC_HEADER_ROUTING;
    memcpy(header + SLC_HEADER_MAC, routing + SLC_NODE_META, SLC_MAC_BYTES);
    memmove(routing, routing + SLC_ROUTING_STEP, SLC_ROUTING_BYTES - SLC_ROUTING_STEP);
    memset(routing + SLC_ROUTING_BYTES - SLC_ROUTING_STEP, 0, SLC_ROUTING_STEP);
}

static enum slc_status open_one(struct slc_open_job *job)
{
    job->kind = 0;
    job->plaintext = slc_bytes(NULL, 0);
    if (job->packet_bytes < SLC_HEADER_BYTES) return SLC_TOO_SHORT;
    if (job->packet_bytes > SLC_LARGEST_PACKET_BYTES) return SLC_TOO_LONG;
    uint8_t public_key[SLC_KEY_BYTES], mac[SLC_MAC_BYTES];
    model_public_key(public_key, job->node_secret);
    uint64_t key = hop_key(job->packet, public_key);
    header_mac(mac, key, job->packet + SLC_HEADER_ROUTING);
    if (memcmp(mac, job->packet + SLC_HEADER_MAC, sizeof mac) != 0) return SLC_BAD_MAC;
    two_words(job->tag, model_mix(key, 31), model_mix(key, 32));
    two_words(job->tag + 16, model_mix(key, 33), model_mix(key, 34));
    struct slc_reader r = slc_reader(slc_bytes(job->packet + SLC_HEADER_ROUTING, SLC_ROUTING_STEP));
    uint8_t flag = slc_read_u8(&r);
    (void)slc_read_u8(&r);
    job->version = slc_read_u16(&r);
    slc_read_into(&r, job->address, SLC_ADDRESS_BYTES);
    if (flag == SLC_FLAG_FINAL) {
        job->kind = SLC_OPEN_FINAL;
        slc_read_into(&r, job->identifier, SLC_IDENTIFIER_BYTES);
        return open_final(job, key);
    }
    if (flag != SLC_FLAG_FORWARD) return SLC_BAD_ROUTE;
    job->kind = SLC_OPEN_FORWARD;
    job->delay_ns = slc_read_u64(&r);
    if (job->packet_bytes - SLC_HEADER_BYTES < SLC_SHORTEST_PAYLOAD) return SLC_BAD_PAYLOAD;
    shift(job->packet);
    return SLC_OK;
}

enum slc_status model_packets_open(struct slc_open_job *jobs, size_t n)
{
    size_t opened = 0;
    for (size_t i = 0; i < n; i++) {
        jobs[i].status = open_one(&jobs[i]);
        opened += jobs[i].status == SLC_OK;
    }
    return slc_batch_status(opened, n);
}
