/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sphinx/sphinx_internal.h"

#include "crypto/base/secret.h"

/*
 * What a node does with packets (chapter 1, section 7, steps 2 to 13), a tile at a time. A job leaves the tile by
 * getting a status that is not SLC_OK; each step gathers those that are still in.
 */

struct tile {
    struct slc_open_job *job;
    struct slc_open_slot *slot;
    void *tables; /* of the packets' alphas, which are multiplied twice: derive(), blind() */
    size_t count;
};

/* Step 2. A longer packet than any size has is refused before it costs a multiplication. */
static enum slc_status check_length(const struct slc_open_job *job)
{
    if (job->packet_bytes < SLC_PACKET_OVERHEAD) return SLC_TOO_SHORT;
    return job->packet_bytes <= SLC_LARGEST_PACKET_BYTES ? SLC_OK : SLC_TOO_LONG;
}

/* Step 4: shared and expanded secrets. */
static void derive(const struct tile *t)
{
    static const uint8_t no_point[SLC_KEY_BYTES] = {0};
    const uint8_t *point[SLC_OPEN_TILE];
    struct slc_own_job multiply[SLC_OPEN_TILE];
    uint8_t *out[SLC_OPEN_TILE];
    const uint8_t *secret[SLC_OPEN_TILE];
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++) {
        bool in = t->job[i].status == SLC_OK;
        point[i] = in ? t->job[i].packet : no_point;
        multiply[i] = (struct slc_own_job){in ? t->job[i].node_secret : NULL, t->slot[i].secret};
        if (!in) continue;
        out[n] = t->slot[i].expanded;
        secret[n++] = t->slot[i].secret;
    }
    if (n == 0) return;
    slc_own_tables(point, t->count, t->tables);
    slc_own_multiply(multiply, t->count, t->tables);
    slc_expand_secrets(out, secret, SLC_EXPANDED_BYTES / 32, n);
}

/* Step 5, and the tag for step 6, which is the caller's. */
static void check_macs(const struct tile *t)
{
    uint8_t *mac[SLC_OPEN_TILE];
    const uint8_t *key[SLC_OPEN_TILE];
    const uint8_t *routing[SLC_OPEN_TILE];
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (t->job[i].status != SLC_OK) continue;
        mac[n] = t->slot[i].mac;
        key[n] = t->slot[i].expanded + SLC_ESS_MAC;
        routing[n++] = t->job[i].packet + SLC_HEADER_ROUTING;
    }
    if (n == 0) return;
    slc_header_macs(mac, key, routing, SLC_ROUTING_BYTES, n);
    for (size_t i = 0; i < t->count; i++) {
        struct slc_open_job *job = &t->job[i];
        if (job->status != SLC_OK) continue;
        bool right = slc_equal(t->slot[i].mac, job->packet + SLC_HEADER_MAC, SLC_MAC_BYTES);
        slc_declassify(&right, sizeof right);
        if (right) {
            memcpy(job->tag, t->slot[i].expanded + SLC_ESS_TAG, SLC_REPLAY_TAG_BYTES);
        } else {
            job->status = SLC_BAD_MAC;
        }
    }
}

/* Step 7. The 60 zeros become the last step of the next hop's routing information: the filler. */
static void decrypt_routing(const struct tile *t)
{
    uint8_t *routing[SLC_OPEN_TILE];
    const uint8_t *key[SLC_OPEN_TILE];
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (t->job[i].status != SLC_OK) continue;
        routing[n] = t->slot[i].routing;
        key[n] = t->slot[i].expanded + SLC_ESS_STREAM;
        memcpy(routing[n], t->job[i].packet + SLC_HEADER_ROUTING, SLC_ROUTING_BYTES);
        memset(routing[n++] + SLC_ROUTING_BYTES, 0, SLC_ROUTING_STEP);
    }
    if (n > 0) {
        slc_aes128_ctr(routing, SLC_KEYSTREAM_BYTES, key, NULL, n);
    }
}

/* Steps 8 to 10, without the new alpha. */
static enum slc_status read_routing(struct slc_open_job *job, const uint8_t *routing)
{
    struct slc_reader r = slc_reader(slc_bytes(routing, SLC_KEYSTREAM_BYTES));
    slc_declassify(routing, SLC_FINAL_META);
    uint8_t flag = slc_read_u8(&r);
    if (flag != SLC_FLAG_FORWARD && flag != SLC_FLAG_FINAL) return SLC_BAD_ROUTE;
    (void)slc_read_u8(&r); /* the reference ignores the first byte of the version */
    job->version = slc_read_u16(&r);
    slc_read_into(&r, job->address, SLC_ADDRESS_BYTES);
    if (flag == SLC_FLAG_FORWARD) {
        job->kind = SLC_OPEN_FORWARD;
        job->delay_ns = slc_read_u64(&r);
    } else {
        job->kind = SLC_OPEN_FINAL;
        slc_read_into(&r, job->identifier, SLC_IDENTIFIER_BYTES);
    }
    return job->packet_bytes - SLC_HEADER_BYTES < SLC_SHORTEST_PAYLOAD ? SLC_BAD_PAYLOAD : SLC_OK;
}

/* Step 10: the new alpha of forward packets. */
static void blind(const struct tile *t)
{
    struct slc_own_job multiply[SLC_OPEN_TILE];
    bool any = false;
    for (size_t i = 0; i < t->count; i++) {
        bool in = t->job[i].status == SLC_OK && t->job[i].kind == SLC_OPEN_FORWARD;
        multiply[i] = (struct slc_own_job){in ? t->slot[i].expanded + SLC_ESS_BLINDING : NULL, t->slot[i].alpha};
        any |= in;
    }
    if (any) {
        slc_own_multiply(multiply, t->count, t->tables);
    }
}

static bool has_explicit_key(uint16_t version)
{
    return version == 1 || version == 257 || version == SLC_SPHINX_EXPLICIT_KEYS;
}

/* Step 9: the payload key's seed goes through its expansion, unless the version has the key as it is. */
static void derive_payload_keys(const struct tile *t)
{
    uint8_t *out[SLC_OPEN_TILE];
    const uint8_t *seed[SLC_OPEN_TILE];
    size_t n = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (t->job[i].status != SLC_OK) continue;
        const uint8_t *material = t->slot[i].expanded + SLC_ESS_PAYLOAD;
        if (has_explicit_key(t->job[i].version)) {
            memcpy(t->slot[i].payload_key, material, SLC_PAYLOAD_KEY_BYTES);
            continue;
        }
        out[n] = t->slot[i].payload_key;
        seed[n++] = material;
    }
    if (n > 0) {
        slc_expand_payload_keys(out, seed, n);
    }
}

/* Step 11, packets of one length together. */
static void decrypt_payloads(const struct tile *t)
{
    bool done[SLC_OPEN_TILE] = {false};
    for (size_t first = 0; first < t->count; first++) {
        if (t->job[first].status != SLC_OK || done[first]) continue;
        size_t bytes = t->job[first].packet_bytes;
        uint8_t *payload[SLC_OPEN_TILE];
        const uint8_t *key[SLC_OPEN_TILE];
        size_t n = 0;
        for (size_t i = first; i < t->count; i++) {
            if (t->job[i].status != SLC_OK || t->job[i].packet_bytes != bytes) continue;
            done[i] = true;
            payload[n] = t->job[i].packet + SLC_HEADER_BYTES;
            key[n++] = t->slot[i].payload_key;
        }
        slc_lioness_decrypt(payload, bytes - SLC_HEADER_BYTES, key, n);
    }
}

/* Steps 12 and 13. */
static void finish(struct slc_open_job *job, const struct slc_open_slot *slot)
{
    if (job->kind == SLC_OPEN_FINAL) {
        job->status =
            slc_payload_recover(job->packet + SLC_HEADER_BYTES, job->packet_bytes - SLC_HEADER_BYTES, &job->plaintext);
        return;
    }
    memcpy(job->packet, slot->alpha, SLC_KEY_BYTES);
    memcpy(job->packet + SLC_HEADER_MAC, slot->routing + SLC_NODE_META, SLC_MAC_BYTES);
    memcpy(job->packet + SLC_HEADER_ROUTING, slot->routing + SLC_ROUTING_STEP, SLC_ROUTING_BYTES);
}

static size_t open_tile(const struct tile *t)
{
    for (size_t i = 0; i < t->count; i++) {
        t->job[i].kind = 0;
        t->job[i].plaintext = slc_bytes(NULL, 0);
        t->job[i].status = check_length(&t->job[i]);
    }
    derive(t);
    check_macs(t);
    decrypt_routing(t);
    for (size_t i = 0; i < t->count; i++) {
        if (t->job[i].status == SLC_OK) {
            t->job[i].status = read_routing(&t->job[i], t->slot[i].routing);
        }
    }
    blind(t);
    derive_payload_keys(t);
    decrypt_payloads(t);
    size_t opened = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (t->job[i].status == SLC_OK) {
            finish(&t->job[i], &t->slot[i]);
            opened += t->job[i].status == SLC_OK;
        }
    }
    return opened;
}

enum slc_status slc_packets_open(struct slc_sphinx_scratch *scratch, struct slc_open_job *jobs, size_t n)
{
    if (n > scratch->batch) return SLC_BAD_ARGUMENT;
    size_t opened = 0;
    for (size_t first = 0; first < n; first += SLC_OPEN_TILE) {
        size_t count = n - first < SLC_OPEN_TILE ? n - first : SLC_OPEN_TILE;
        opened += open_tile(&(struct tile){&jobs[first], scratch->slot, scratch->alpha_tables, count});
    }
    slc_wipe(scratch->slot, (n < SLC_OPEN_TILE ? n : SLC_OPEN_TILE) * sizeof *scratch->slot);
    return slc_batch_status(opened, n);
}
