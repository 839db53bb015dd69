/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/seal/gcm_siv.h"
#include "tools/bench/bench.h"
#include "tools/common/options.h"

/* Frames of as many sessions, each with its own key, as an engine's worker has them. */
struct frames {
    size_t batch, bytes;
    uint8_t (*key)[SLC_SEAL_KEY_BYTES];
    uint8_t (*nonce)[SLC_SEAL_NONCE_BYTES];
    uint8_t (*tag)[SLC_SEAL_TAG_BYTES];
    uint8_t *sealed, *data;
    struct slc_seal_job *jobs;
};

static bool run_seal(void *self, size_t units)
{
    struct frames *f = self;
    for (size_t done = 0; done < units; done += f->batch) {
        slc_seal(f->jobs, f->batch);
    }
    return true;
}

static bool run_unseal(void *self, size_t units)
{
    struct frames *f = self;
    for (size_t done = 0; done < units; done += f->batch) {
        memcpy(f->data, f->sealed, f->batch * f->bytes);
        if (slc_unseal(f->jobs, f->batch) != SLC_OK) return false;
    }
    return true;
}

static enum slc_status prepare(struct frames *f)
{
    f->key = calloc(f->batch, sizeof *f->key);
    f->nonce = calloc(f->batch, sizeof *f->nonce);
    f->tag = calloc(f->batch, sizeof *f->tag);
    f->data = calloc(f->batch, f->bytes);
    f->sealed = calloc(f->batch, f->bytes);
    f->jobs = calloc(f->batch, sizeof *f->jobs);
    if (f->key == NULL || f->nonce == NULL || f->tag == NULL || f->data == NULL || f->sealed == NULL ||
        f->jobs == NULL) {
        return SLC_NO_MEMORY;
    }
    struct slc_random random;
    enum slc_status status = slc_random_from_system(&random);
    if (status != SLC_OK) return status;
    slc_random_bytes(&random, f->key, f->batch * sizeof *f->key);
    slc_random_bytes(&random, f->nonce, f->batch * sizeof *f->nonce);
    slc_random_wipe(&random);
    for (size_t i = 0; i < f->batch; i++) {
        f->jobs[i] = (struct slc_seal_job){
            .key = f->key[i], .nonce = f->nonce[i], .data = f->data + i * f->bytes, .len = f->bytes, .tag = f->tag[i]};
    }
    return SLC_OK;
}

int slc_bench_seal(const struct slc_bench_options *options, cJSON *all)
{
    /* A client's frame: kind, rotation and an IPv4 address in front of a packet. */
    enum { FRAME_HEAD_BYTES = 9 };
    struct frames f = {.batch = options->batch, .bytes = FRAME_HEAD_BYTES + slc_packet_bytes(slc_bench_size(options))};
    struct slc_bench_report report = {
        .bench = "seal", .unit = "frame", .work = SLC_BENCH_SEAL, .packets = 1, .bytes = f.bytes, .options = options};
    struct slc_bench_contender ours = {
        .name = "sluice", .version = "", .run = run_seal, .self = &f, .batch = options->batch};
    enum slc_status status = prepare(&f);
    int result = SLC_EXIT_USAGE;
    if (status == SLC_OK) {
        result = slc_bench_run(&report, ours, all, NULL);
    } else {
        (void)fprintf(stderr, "sluice bench: %s\n", slc_status_text(status));
    }
    if (result == SLC_EXIT_GOOD) {
        slc_seal(f.jobs, f.batch);
        memcpy(f.sealed, f.data, f.batch * f.bytes);
        report.bench = "unseal";
        report.work = SLC_BENCH_UNSEAL;
        ours.run = run_unseal;
        result = slc_bench_run(&report, ours, all, NULL);
    }
    free(f.key);
    free(f.nonce);
    free(f.tag);
    free(f.data);
    free(f.sealed);
    free(f.jobs);
    return result;
}
