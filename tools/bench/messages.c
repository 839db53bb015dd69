/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/message/message.h"
#include "tools/bench/bench.h"
#include "tools/common/options.h"

/*
 * Pairs with the message layer in front, as a client makes them (chapter 2, section 10): a fragment under a key agreed
 * with the recipient, whose table is there, since messages have many fragments; and the ack's content under our key.
 */
struct sender {
    struct slc_bench_pairs pairs;
    struct slc_curve_table *recipient;
    void *curve;
    uint8_t ack_key[SLC_ACK_KEY_BYTES];
    uint8_t *fragment; /* one for all */
    uint8_t (*ack)[SLC_ACK_CONTENT_BYTES];
    struct work {
        struct slc_scalar scalar;
        uint8_t shared[SLC_KEY_BYTES];
        uint8_t key[SLC_SURB_KEY_BYTES];
    } * work;
    struct slc_curve_job *multiplications; /* two of each */
    uint8_t **outs;
    const uint8_t **ins;
};

static uint8_t *plaintext_of(const struct sender *s, size_t i)
{
    return s->pairs.plaintext + i * s->pairs.plaintext_bytes;
}

static void agree_on_keys(struct sender *s)
{
    for (size_t i = 0; i < s->pairs.batch; i++) {
        struct work *w = &s->work[i];
        uint8_t ephemeral[SLC_KEY_BYTES];
        slc_random_bytes(&s->pairs.random, ephemeral, sizeof ephemeral);
        slc_scalar_start(&w->scalar, ephemeral);
        uint8_t *public_key = plaintext_of(s, i) + SLC_SURB_ACK_BYTES;
        s->multiplications[2 * i] = (struct slc_curve_job){slc_curve_base(), &w->scalar, public_key};
        s->multiplications[2 * i + 1] = (struct slc_curve_job){s->recipient, &w->scalar, w->shared};
        s->outs[i] = w->key;
        s->ins[i] = w->shared;
    }
    slc_curve_multiply(s->multiplications, 2 * s->pairs.batch, s->curve);
    slc_message_keys(s->outs, s->ins, s->pairs.batch);
}

static void write_contents(struct sender *s)
{
    size_t fragment_bytes = s->pairs.plaintext_bytes - SLC_PAYLOAD_HEAD_BYTES;
    for (size_t i = 0; i < s->pairs.batch; i++) {
        uint8_t iv[16];
        slc_random_bytes(&s->pairs.random, iv, sizeof iv);
        slc_ack_write(s->ack[i], s->ack_key, iv, (struct slc_fragment_id){1, 1});
        s->outs[i] = plaintext_of(s, i) + SLC_PAYLOAD_HEAD_BYTES;
        s->ins[i] = s->work[i].key;
        memcpy(s->outs[i], s->fragment, fragment_bytes);
    }
    slc_aes128_ctr(s->outs, fragment_bytes, s->ins, NULL, s->pairs.batch);
}

static bool run(void *self, size_t units)
{
    struct sender *s = self;
    for (size_t done = 0; done < units; done += s->pairs.batch) {
        agree_on_keys(s);
        write_contents(s);
        if (!slc_bench_pairs_run(&s->pairs, s->pairs.batch)) return false;
    }
    return true;
}

static enum slc_status prepare(struct sender *s, const struct slc_bench_network *network,
                               const struct slc_bench_options *options)
{
    size_t n = options->batch;
    enum slc_status status = slc_bench_pairs_new(&s->pairs, network, slc_bench_size(options), n);
    if (status != SLC_OK) return status;
    s->curve = aligned_alloc(64, (slc_curve_scratch_bytes(2 * n) + 63) / 64 * 64);
    s->fragment = calloc(1, s->pairs.plaintext_bytes);
    s->ack = calloc(n, sizeof *s->ack);
    s->work = calloc(n, sizeof *s->work);
    s->multiplications = calloc(2 * n, sizeof *s->multiplications);
    s->outs = calloc(n, sizeof *s->outs);
    s->ins = calloc(n, sizeof *s->ins);
    if (s->curve == NULL || s->fragment == NULL || s->ack == NULL || s->work == NULL || s->multiplications == NULL ||
        s->outs == NULL || s->ins == NULL) {
        return SLC_NO_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        s->pairs.jobs[n + i].plaintext = slc_bytes(s->ack[i], sizeof s->ack[i]);
    }
    uint8_t secret[SLC_KEY_BYTES], key[SLC_KEY_BYTES];
    slc_random_bytes(&s->pairs.random, secret, sizeof secret);
    slc_random_bytes(&s->pairs.random, s->ack_key, sizeof s->ack_key);
    slc_public_key(key, secret);
    return slc_curve_table_new(&s->recipient, key);
}

int slc_bench_messages(const struct slc_bench_options *options, cJSON *all)
{
    struct slc_bench_network network = {0};
    struct sender s = {0};
    struct slc_random random;
    enum slc_status status = slc_random_from_system(&random);
    if (status == SLC_OK) status = slc_bench_network_new(&network, options->hops, options->nodes, &random);
    if (status == SLC_OK) status = prepare(&s, &network, options);
    int result = SLC_EXIT_USAGE;
    if (status == SLC_OK) {
        struct slc_bench_report report = {.bench = "messages",
                                          .unit = "pair",
                                          .work = SLC_BENCH_MESSAGES,
                                          .packets = 2,
                                          .bytes = s.pairs.plaintext_bytes,
                                          .options = options};
        struct slc_bench_contender ours = {
            .name = "sluice", .version = "", .run = run, .self = &s, .batch = options->batch};
        result = slc_bench_run(&report, ours, all, NULL);
    } else {
        (void)fprintf(stderr, "sluice bench: %s\n", slc_status_text(status));
    }
    slc_curve_table_free(s.recipient);
    slc_bench_pairs_free(&s.pairs);
    free(s.curve);
    free(s.fragment);
    free(s.ack);
    free(s.work);
    free(s.multiplications);
    free(s.outs);
    free(s.ins);
    slc_bench_network_free(&network);
    return result;
}
