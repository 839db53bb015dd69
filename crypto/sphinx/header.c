/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sphinx/sphinx_internal.h"

/* Headers, built in place in the packets (chapter 1, sections 5.1 to 5.3). */

enum slc_status slc_route_check(const struct slc_route *route)
{
    if (route->hops < 1 || route->hops > SLC_MAX_HOPS || route->random == NULL) return SLC_BAD_ROUTE;
    for (unsigned hop = 0; hop < route->hops; hop++) {
        if (route->hop[hop] == NULL || route->hop[hop]->key == NULL) return SLC_BAD_ROUTE;
    }
    bool known = route->version >= SLC_SPHINX_EXPLICIT_KEYS && route->version <= SLC_SPHINX_SINGLE_SEED;
    return known ? SLC_OK : SLC_UNSUPPORTED;
}

/* The part of the last hop's routing information that the last hop's keystream covers; the filler follows it. */
static size_t final_bytes(unsigned hops)
{
    return SLC_ROUTING_BYTES - (size_t)SLC_ROUTING_STEP * (hops - 1);
}

static void xor_into(uint8_t *out, const uint8_t *in, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] ^= in[i];
    }
}

/* The keystreams of all hops but the last, which the filler and the layers share. */
static void make_keystreams(struct slc_sphinx_scratch *s, size_t first, size_t count)
{
    uint8_t *stream[SLC_HEADER_TILE * SLC_FORWARD_HOPS];
    const uint8_t *key[SLC_HEADER_TILE * SLC_FORWARD_HOPS];
    size_t n = 0;
    for (size_t j = 0; j < count; j++) {
        for (unsigned hop = 0; hop + 1U < s->header[first + j].route->hops; hop++) {
            stream[n] = s->keystream[j][hop];
            key[n] = s->hop_keys[first + j][hop].stream;
            memset(stream[n++], 0, SLC_KEYSTREAM_BYTES);
        }
    }
    if (n > 0) {
        slc_aes128_ctr(stream, SLC_KEYSTREAM_BYTES, key, NULL, n);
    }
}

static void write_version(uint8_t *routing, uint8_t flag, uint16_t version)
{
    routing[0] = flag;
    routing[1] = 0;
    routing[2] = (uint8_t)(version >> 8);
    routing[3] = (uint8_t)version;
}

/* The innermost routing information, not yet encrypted, and the filler behind it. */
static void write_final(struct slc_header_job *job, uint8_t (*keystream)[SLC_KEYSTREAM_BYTES])
{
    const struct slc_route *route = job->route;
    uint8_t *routing = job->out + SLC_HEADER_ROUTING;
    size_t len = final_bytes(route->hops);
    write_version(routing, SLC_FLAG_FINAL, route->version);
    memcpy(routing + 4, route->destination, SLC_DESTINATION_BYTES);
    memcpy(routing + 36, route->identifier, SLC_IDENTIFIER_BYTES);
    memcpy(routing + SLC_FINAL_META, route->random + SLC_KEY_BYTES, len - SLC_FINAL_META);

    /* The filler only grows at its end, so each hop's tail of keystream falls on the same start. */
    uint8_t *filler = routing + len;
    memset(filler, 0, SLC_ROUTING_BYTES - len);
    for (unsigned hop = 0; hop + 1U < route->hops; hop++) {
        size_t grown = (size_t)SLC_ROUTING_STEP * (hop + 1);
        xor_into(filler, keystream[hop] + SLC_KEYSTREAM_BYTES - grown, grown);
    }
}

/* Encrypts the innermost layers; their lengths depend on the number of hops, so those of one number go together. */
static void encrypt_final(struct slc_sphinx_scratch *s, size_t first, size_t count)
{
    for (unsigned hops = 1; hops <= SLC_MAX_HOPS; hops++) {
        uint8_t *routing[SLC_HEADER_TILE];
        const uint8_t *key[SLC_HEADER_TILE];
        size_t n = 0;
        for (size_t j = first; j < first + count; j++) {
            if (s->header[j].route->hops != hops) continue;
            routing[n] = s->header[j].out + SLC_HEADER_ROUTING;
            key[n++] = s->hop_keys[j][hops - 1].stream;
        }
        if (n > 0) {
            slc_aes128_ctr(routing, final_bytes(hops), key, NULL, n);
        }
    }
}

/* Puts one more hop around the routing information that stands in the header. */
static void wrap(struct slc_header_job *job, unsigned hop, const uint8_t *keystream)
{
    const struct slc_route *route = job->route;
    uint8_t *routing = job->out + SLC_HEADER_ROUTING;
    memmove(routing + SLC_ROUTING_STEP, routing, SLC_ROUTING_BYTES - SLC_ROUTING_STEP);
    write_version(routing, SLC_FLAG_FORWARD, route->version);
    memcpy(routing + 4, route->hop[hop + 1]->address, SLC_ADDRESS_BYTES);
    struct slc_writer w = slc_writer(routing + 36, 8);
    slc_write_u64(&w, route->delay_ns[hop]);
    memcpy(routing + SLC_NODE_META, job->out + SLC_HEADER_MAC, SLC_MAC_BYTES);
    xor_into(routing, keystream, SLC_ROUTING_BYTES);
}

static void build_tile(struct slc_sphinx_scratch *s, size_t first, size_t count)
{
    make_keystreams(s, first, count);
    for (size_t j = 0; j < count; j++) {
        write_final(&s->header[first + j], s->keystream[j]);
    }
    encrypt_final(s, first, count);

    /* Last hop first: each layer's MAC covers the layer inside it. */
    for (unsigned layer = 0; layer < SLC_MAX_HOPS; layer++) {
        uint8_t *mac[SLC_HEADER_TILE];
        const uint8_t *key[SLC_HEADER_TILE];
        const uint8_t *routing[SLC_HEADER_TILE];
        size_t n = 0;
        for (size_t j = 0; j < count; j++) {
            struct slc_header_job *job = &s->header[first + j];
            if (layer >= job->route->hops) continue;
            unsigned hop = job->route->hops - 1U - layer;
            if (layer > 0) {
                wrap(job, hop, s->keystream[j][hop]);
            }
            mac[n] = job->out + SLC_HEADER_MAC;
            key[n] = s->hop_keys[first + j][hop].mac;
            routing[n++] = job->out + SLC_HEADER_ROUTING;
        }
        if (n == 0) return;
        slc_header_macs(mac, key, routing, SLC_ROUTING_BYTES, n);
    }
}

void slc_headers_build(struct slc_sphinx_scratch *s, size_t count)
{
    slc_schedule_run(s, count);
    for (size_t first = 0; first < count; first += SLC_HEADER_TILE) {
        build_tile(s, first, count - first < SLC_HEADER_TILE ? count - first : SLC_HEADER_TILE);
    }
}
