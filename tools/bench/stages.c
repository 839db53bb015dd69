/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/base/cpu.h"
#include "crypto/lanes/lanes.h"
#include "tools/bench/bench.h"

enum { TILE = 16, FORWARD_BLOCKS = 8, LAST_BLOCKS = 2 };

/* What the kernels work on, as it stands in the middle of a build. */
struct kernels {
    struct slc_bench_pairs *pairs;
    struct slc_scalar *scalar;
    struct slc_curve_job *curve_job;
    void *curve;
    uint8_t (*secret)[SLC_KEY_BYTES];
    uint8_t (*expanded)[SLC_EXPANDED_BYTES];              /* a tile */
    uint8_t (*keystream)[SLC_KEYSTREAM_BYTES];            /* a tile, for every hop */
    uint8_t (*payload_key)[TILE * SLC_PAYLOAD_KEY_BYTES]; /* a tile, for every hop */
};

typedef void kernel_fn(struct kernels *k);

static size_t jobs_of(const struct kernels *k)
{
    return 2 * k->pairs->batch;
}

static void run_random(struct kernels *k)
{
    slc_bench_pairs_draw(k->pairs);
}

static void run_curve(struct kernels *k)
{
    size_t hops = k->pairs->network->hops;
    for (size_t step = 0; step <= hops; step++) {
        for (size_t j = 0; j < jobs_of(k); j++) {
            const struct slc_route *route = &k->pairs->jobs[j].route;
            if (step == 0) {
                slc_scalar_start(&k->scalar[j], route->random);
            } else if (step < hops) {
                slc_scalar_multiply(&k->scalar[j], route->random);
            }
            const struct slc_curve_table *table = step < hops ? route->hop[step]->key : slc_curve_base();
            k->curve_job[j] = (struct slc_curve_job){table, &k->scalar[j], k->secret[j]};
        }
        slc_curve_multiply(k->curve_job, jobs_of(k), k->curve);
    }
}

static void run_hkdf(struct kernels *k)
{
    uint8_t *out[TILE], *key[TILE];
    const uint8_t *secret[TILE];
    size_t hops = k->pairs->network->hops;
    for (size_t first = 0; first < jobs_of(k); first += TILE) {
        size_t n = jobs_of(k) - first < TILE ? jobs_of(k) - first : TILE;
        for (size_t i = 0; i < n; i++) {
            out[i] = k->expanded[i];
            secret[i] = k->secret[first + i];
            key[i] = k->payload_key[0] + i * SLC_PAYLOAD_KEY_BYTES;
        }
        for (size_t hop = 0; hop < hops; hop++) {
            slc_expand_secrets(out, secret, hop + 1 < hops ? FORWARD_BLOCKS : LAST_BLOCKS, n);
            slc_expand_payload_keys(key, secret, n);
        }
    }
}

static void run_aes(struct kernels *k)
{
    uint8_t *stream[TILE * (SLC_MAX_HOPS - 1)], *routing[TILE];
    const uint8_t *key[TILE * (SLC_MAX_HOPS - 1)];
    size_t hops = k->pairs->network->hops;
    size_t last = SLC_ROUTING_BYTES - SLC_ROUTING_STEP * (hops - 1);
    for (size_t first = 0; first < jobs_of(k); first += TILE) {
        size_t n = jobs_of(k) - first < TILE ? jobs_of(k) - first : TILE;
        for (size_t i = 0; i < n * (hops - 1); i++) {
            stream[i] = k->keystream[i];
            key[i] = k->secret[first + i % n];
        }
        if (hops > 1) slc_aes128_ctr(stream, SLC_KEYSTREAM_BYTES, key, NULL, n * (hops - 1));
        for (size_t i = 0; i < n; i++) {
            routing[i] = k->pairs->jobs[first + i].out;
            key[i] = k->secret[first + i];
        }
        slc_aes128_ctr(routing, last, key, NULL, n);
    }
}

static void run_mac(struct kernels *k)
{
    uint8_t mac[TILE][SLC_MAC_BYTES], *out[TILE];
    const uint8_t *key[TILE], *message[TILE];
    for (size_t first = 0; first < jobs_of(k); first += TILE) {
        size_t n = jobs_of(k) - first < TILE ? jobs_of(k) - first : TILE;
        for (size_t i = 0; i < n; i++) {
            out[i] = mac[i];
            key[i] = k->secret[first + i];
            message[i] = k->pairs->jobs[first + i].out + SLC_HEADER_BYTES - SLC_ROUTING_BYTES;
        }
        for (size_t hop = 0; hop < k->pairs->network->hops; hop++) {
            slc_header_macs(out, key, message, SLC_ROUTING_BYTES, n);
        }
    }
}

static void run_lioness(struct kernels *k)
{
    uint8_t *block[TILE];
    const uint8_t *key[TILE * SLC_MAX_HOPS];
    size_t hops = k->pairs->network->hops;
    for (size_t first = 0; first < jobs_of(k);) {
        /* Tiles do not mix sizes. */
        size_t end = first < k->pairs->batch ? k->pairs->batch : jobs_of(k);
        size_t n = end - first < TILE ? end - first : TILE;
        for (size_t i = 0; i < n; i++) {
            block[i] = k->pairs->jobs[first + i].out + SLC_HEADER_BYTES;
            for (size_t hop = 0; hop < hops; hop++) {
                key[hop * n + i] = k->payload_key[hop] + i * SLC_PAYLOAD_KEY_BYTES;
            }
        }
        slc_lioness_encrypt_layers(block, k->pairs->jobs[first].payload_bytes, key, (unsigned)hops, n);
        first += n;
    }
}

static const struct {
    const char *name;
    kernel_fn *run;
    double model_avx2, model_ifma; /* ns per pair */
} stages[SLC_STAGE_COUNT] = {
    [SLC_STAGE_RANDOM] = {"routes and randomness", run_random, 0, 0},
    [SLC_STAGE_CURVE] = {"curve", run_curve, 63.6e3 / 2.6, 18.5e3 / 2.6},
    [SLC_STAGE_HKDF] = {"HKDF", run_hkdf, 27.3e3 / 2.6, 14.8e3 / 2.6},
    [SLC_STAGE_AES] = {"header keystreams", run_aes, 1.5e3 / 2.6, 0.6e3 / 2.6},
    [SLC_STAGE_MAC] = {"header MACs", run_mac, 5.0e3 / 2.6, 2.7e3 / 2.6},
    [SLC_STAGE_LIONESS] = {"payloads (LIONESS)", run_lioness, 33.4e3 / 2.6, 17.1e3 / 2.6},
    [SLC_STAGE_GLUE] = {"assembly, memory", NULL, 3.0e3 / 2.6, 2.0e3 / 2.6},
};

const char *slc_bench_stage_name(enum slc_bench_stage stage)
{
    return stages[stage].name;
}

double slc_bench_model_ns(enum slc_bench_stage stage)
{
    if (slc_cpu() == SLC_CPU_IFMA) return stages[stage].model_ifma;
    return slc_cpu() == SLC_CPU_AVX2 ? stages[stage].model_avx2 : 0;
}

static bool take_memory(struct kernels *k)
{
    size_t n = jobs_of(k), hops = k->pairs->network->hops;
    k->scalar = calloc(n, sizeof *k->scalar);
    k->curve_job = calloc(n, sizeof *k->curve_job);
    k->curve = aligned_alloc(64, (slc_curve_scratch_bytes(n) + 63) / 64 * 64);
    k->secret = calloc(n, sizeof *k->secret);
    k->expanded = calloc(TILE, sizeof *k->expanded);
    k->keystream = calloc(TILE * hops, sizeof *k->keystream);
    k->payload_key = calloc(hops, sizeof *k->payload_key);
    return k->scalar != NULL && k->curve_job != NULL && k->curve != NULL && k->secret != NULL && k->expanded != NULL &&
           k->keystream != NULL && k->payload_key != NULL;
}

static void give_memory(struct kernels *k)
{
    free(k->scalar);
    free(k->curve_job);
    free(k->curve);
    free(k->secret);
    free(k->expanded);
    free(k->keystream);
    free(k->payload_key);
}

enum slc_status slc_bench_stages(struct slc_bench_pairs *pairs, size_t samples, double ticks[SLC_STAGE_COUNT])
{
    static double sample[SLC_STAGE_COUNT][SLC_BENCH_SAMPLES_MAX];
    struct kernels k = {.pairs = pairs};
    if (!take_memory(&k)) {
        give_memory(&k);
        return SLC_NO_MEMORY;
    }
    /* A small batch is repeated, as it is in the measurement of the whole. */
    size_t repeat = 1 + 256 / pairs->batch;
    for (size_t round = 0; round < samples; round++) {
        for (size_t stage = 0; stage < SLC_STAGE_COUNT; stage++) {
            if (stages[stage].run == NULL) continue;
            double start = slc_bench_ticks_now();
            for (size_t i = 0; i < repeat; i++) {
                stages[stage].run(&k);
            }
            sample[stage][round] = (slc_bench_ticks_now() - start) / (double)(repeat * pairs->batch);
        }
    }
    for (size_t stage = 0; stage < SLC_STAGE_COUNT; stage++) {
        ticks[stage] = stages[stage].run == NULL ? 0 : slc_bench_spread(sample[stage], samples).median;
    }
    give_memory(&k);
    return SLC_OK;
}
