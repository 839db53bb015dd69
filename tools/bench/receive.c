/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/message/message.h"
#include "tools/bench/bench.h"
#include "tools/common/options.h"

/* A fragment behind its ephemeral key, as a gateway hands it to the recipient (chapter 2, section 15.1). */
struct inbox {
    size_t batch, bytes;
    uint8_t secret[SLC_KEY_BYTES];
    uint8_t *received, *work;
    uint8_t (*shared)[SLC_KEY_BYTES];
    uint8_t (*key)[SLC_SURB_KEY_BYTES];
    struct slc_ladder_job *ladder;
    uint8_t **data, **key_out;
    const uint8_t **shared_in;
};

static bool run(void *self, size_t units)
{
    struct inbox *b = self;
    for (size_t done = 0; done < units; done += b->batch) {
        memcpy(b->work, b->received, b->batch * (SLC_KEY_BYTES + b->bytes));
        slc_ladder(b->ladder, b->batch);
        slc_message_keys(b->key_out, b->shared_in, b->batch);
        slc_aes128_ctr(b->data, b->bytes, (const uint8_t *const *)b->key_out, NULL, b->batch);
    }
    return true;
}

static enum slc_status prepare(struct inbox *b)
{
    size_t stride = SLC_KEY_BYTES + b->bytes;
    b->received = malloc(b->batch * stride);
    b->work = malloc(b->batch * stride);
    b->shared = calloc(b->batch, sizeof *b->shared);
    b->key = calloc(b->batch, sizeof *b->key);
    b->ladder = calloc(b->batch, sizeof *b->ladder);
    b->data = calloc(b->batch, sizeof *b->data);
    b->key_out = calloc(b->batch, sizeof *b->key_out);
    b->shared_in = calloc(b->batch, sizeof *b->shared_in);
    if (b->received == NULL || b->work == NULL || b->shared == NULL || b->key == NULL || b->ladder == NULL ||
        b->data == NULL || b->key_out == NULL || b->shared_in == NULL) {
        return SLC_NO_MEMORY;
    }
    struct slc_random random;
    enum slc_status status = slc_random_from_system(&random);
    if (status != SLC_OK) return status;
    slc_random_bytes(&random, b->secret, sizeof b->secret);
    slc_random_bytes(&random, b->received, b->batch * stride);
    for (size_t i = 0; i < b->batch; i++) {
        uint8_t ephemeral[SLC_KEY_BYTES];
        slc_random_bytes(&random, ephemeral, sizeof ephemeral);
        slc_public_key(b->received + i * stride, ephemeral);
        b->ladder[i] = (struct slc_ladder_job){b->secret, b->work + i * stride, b->shared[i]};
        b->data[i] = b->work + i * stride + SLC_KEY_BYTES;
        b->key_out[i] = b->key[i];
        b->shared_in[i] = b->shared[i];
    }
    slc_random_wipe(&random);
    return SLC_OK;
}

int slc_bench_receive(const struct slc_bench_options *options, cJSON *all)
{
    size_t bytes = slc_fragment_bytes(slc_bench_size(options));
    struct inbox b = {.batch = options->batch, .bytes = bytes};
    enum slc_status status = prepare(&b);
    int result = SLC_EXIT_USAGE;
    if (status == SLC_OK) {
        struct slc_bench_report report = {.bench = "receive",
                                          .unit = "packet",
                                          .work = SLC_BENCH_RECEIVE,
                                          .packets = 1,
                                          .bytes = SLC_KEY_BYTES + bytes,
                                          .options = options};
        struct slc_bench_contender ours = {
            .name = "sluice", .version = "", .run = run, .self = &b, .batch = options->batch};
        result = slc_bench_run(&report, ours, all, NULL);
    } else {
        (void)fprintf(stderr, "sluice bench: %s\n", slc_status_text(status));
    }
    free(b.received);
    free(b.work);
    free(b.shared);
    free(b.key);
    free(b.ladder);
    free(b.data);
    free(b.key_out);
    free(b.shared_in);
    return result;
}
