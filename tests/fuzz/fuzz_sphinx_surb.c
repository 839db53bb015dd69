/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/sphinx/sphinx.h"

/*
 * A SURB from a stranger: checked, used; and recovery material: what nodes do to a single-seed reply is undone.
 * First byte: bit 0 explicit keys, the rest the reply's length.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAYLOAD = 200 };

static uint8_t packet[SLC_HEADER_BYTES + PAYLOAD];
static uint8_t reply[128];

static void use(struct slc_sphinx_scratch *scratch, struct slc_bytes surb, bool explicit_keys, size_t reply_len)
{
    struct slc_surb_use job = {.surb = surb,
                               .explicit_keys = explicit_keys,
                               .plaintext = slc_bytes(reply, reply_len),
                               .payload_bytes = PAYLOAD,
                               .out = packet};
    bool sound = slc_surb_check(surb, explicit_keys) == SLC_OK;
    if ((slc_surbs_use(scratch, &job, 1) == SLC_OK) != sound) abort();
    if (!sound) {
        if (job.status != SLC_BAD_SURB) abort();
        return;
    }
    if (memcmp(packet, surb.data, SLC_HEADER_BYTES) != 0) abort();
    if (memcmp(job.first_hop, surb.data + SLC_HEADER_BYTES, SLC_ADDRESS_BYTES) != 0) abort();
}

/* A reply through a single-seed SURB, as the nodes leave it with its creator. */
static void recover(struct slc_sphinx_scratch *scratch, struct slc_bytes recovery, size_t reply_len)
{
    uint8_t junk[PAYLOAD] = {0};
    struct slc_bytes plaintext;
    if (slc_surb_recover(recovery, junk, sizeof junk, &plaintext) == SLC_BAD_SURB) return;
    size_t hops = (recovery.len - SLC_IDENTIFIER_BYTES) / SLC_PAYLOAD_SEED_BYTES;
    const uint8_t *seeds = recovery.data + SLC_IDENTIFIER_BYTES;
    uint8_t surb[SLC_SURB_HEAD_BYTES + SLC_PAYLOAD_SEED_BYTES] = {0};
    memcpy(surb + SLC_SURB_HEAD_BYTES, seeds + (hops - 1) * SLC_PAYLOAD_SEED_BYTES, SLC_PAYLOAD_SEED_BYTES);
    use(scratch, slc_bytes(surb, sizeof surb), false, reply_len);
    uint8_t *payload = packet + SLC_HEADER_BYTES;
    for (size_t hop = 0; hop < hops; hop++) {
        uint8_t key[SLC_PAYLOAD_KEY_BYTES];
        uint8_t *out = key;
        const uint8_t *in = key;
        const uint8_t *seed = seeds + hop * SLC_PAYLOAD_SEED_BYTES;
        slc_expand_payload_keys(&out, &seed, 1);
        slc_lioness_decrypt(&payload, PAYLOAD, &in, 1);
    }
    if (slc_surb_recover(recovery, payload, PAYLOAD, &plaintext) != SLC_OK) abort();
    if (plaintext.len != reply_len || memcmp(plaintext.data, reply, reply_len) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct slc_sphinx_scratch *scratch;
    if (scratch == NULL && slc_sphinx_scratch_new(&scratch, 1) != SLC_OK) abort();
    if (size < 1) return 0;
    use(scratch, slc_bytes(data + 1, size - 1), data[0] & 1, data[0] / 2);
    recover(scratch, slc_bytes(data + 1, size - 1), data[0] / 2);
    return 0;
}
