/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sphinx/sphinx_internal.h"

/*
 * The key schedule (chapter 1, sections 4 and 11.1). Inside one packet it is a strict chain, hop after hop; so hop i
 * of all packets runs together.
 */

/* How much of a hop's expanded secret its creator needs, in blocks of 32 bytes. */
enum { BLOCKS_SEED = 2, BLOCKS_EXPLICIT = 7, BLOCKS_FORWARD = 8 };

static unsigned blocks_needed(const struct slc_route *route, unsigned hop)
{
    if (hop + 1 < route->hops) return BLOCKS_FORWARD;
    return route->version == SLC_SPHINX_EXPLICIT_KEYS ? BLOCKS_EXPLICIT : BLOCKS_SEED;
}

/* Shared secrets of one hop, of all jobs that have it. */
static void agree(struct slc_sphinx_scratch *s, size_t count, unsigned hop)
{
    size_t n = 0;
    for (size_t j = 0; j < count; j++) {
        const struct slc_route *route = s->header[j].route;
        if (hop < route->hops) {
            s->curve_job[n++] = (struct slc_curve_job){route->hop[hop]->key, &s->scalar[j], s->secret[j]};
        }
    }
    slc_curve_multiply(s->curve_job, n, s->curve);
}

/* Keeps what later stages need of an expanded secret, and carries the blinding on to the next hop. */
static void take_keys(struct slc_sphinx_scratch *s, size_t j, unsigned hop, const uint8_t *expanded)
{
    const struct slc_route *route = s->header[j].route;
    struct slc_hop_keys *keys = &s->hop_keys[j][hop];
    memcpy(keys->stream, expanded + SLC_ESS_STREAM, sizeof keys->stream);
    memcpy(keys->mac, expanded + SLC_ESS_MAC, sizeof keys->mac);
    if (route->version == SLC_SPHINX_EXPLICIT_KEYS) {
        memcpy(s->explicit_key[j][hop], expanded + SLC_ESS_PAYLOAD, SLC_PAYLOAD_KEY_BYTES);
        s->explicit_used = true;
    } else {
        memcpy(keys->seed, expanded + SLC_ESS_PAYLOAD, sizeof keys->seed);
    }
    if (hop + 1 < route->hops) {
        slc_scalar_multiply(&s->scalar[j], expanded + SLC_ESS_BLINDING);
    }
}

/* Expands one hop's secrets of all jobs that need `blocks` blocks of it, in tiles. */
static void expand(struct slc_sphinx_scratch *s, size_t count, unsigned hop, unsigned blocks)
{
    uint8_t *out[SLC_HEADER_TILE];
    const uint8_t *secret[SLC_HEADER_TILE];
    size_t job[SLC_HEADER_TILE];
    size_t j = 0;
    while (j < count) {
        size_t n = 0;
        for (; j < count && n < SLC_HEADER_TILE; j++) {
            const struct slc_route *route = s->header[j].route;
            if (hop >= route->hops || blocks_needed(route, hop) != blocks) continue;
            out[n] = s->expanded[n];
            secret[n] = s->secret[j];
            job[n++] = j;
        }
        if (n == 0) return;
        slc_expand_secrets(out, secret, blocks, n);
        for (size_t i = 0; i < n; i++) {
            take_keys(s, job[i], hop, s->expanded[i]);
        }
    }
}

void slc_schedule_run(struct slc_sphinx_scratch *s, size_t count)
{
    unsigned hops = 0;
    for (size_t j = 0; j < count; j++) {
        const struct slc_route *route = s->header[j].route;
        hops = route->hops > hops ? route->hops : hops;
        slc_scalar_start(&s->scalar[j], route->random);
        s->curve_job[j] = (struct slc_curve_job){slc_curve_base(), &s->scalar[j], s->header[j].out};
    }
    slc_curve_multiply(s->curve_job, count, s->curve);
    for (unsigned hop = 0; hop < hops; hop++) {
        agree(s, count, hop);
        expand(s, count, hop, BLOCKS_FORWARD);
        expand(s, count, hop, BLOCKS_SEED);
        expand(s, count, hop, BLOCKS_EXPLICIT);
    }
}
