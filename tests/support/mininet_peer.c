/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet_internal.h"

#include <stdlib.h>

/* A stranger who knows a client's address and writes what he likes: what his packets decrypt to, without the packets.
 */

void mininet_fragment(struct mininet *net, uint32_t to, const uint8_t *fragment, size_t len)
{
    struct slc_recipient recipient;
    uint8_t secret[SLC_KEY_BYTES], shared[SLC_KEY_BYTES], key[SLC_SURB_KEY_BYTES];
    slc_clients_recipient(net->clients, to, &recipient);
    slc_random_bytes(&net->random, secret, sizeof secret);
    slc_ladder(&(struct slc_ladder_job){secret, recipient.encryption_key, shared}, 1);
    uint8_t *keys = key;
    const uint8_t *agreed = shared;
    slc_message_keys(&keys, &agreed, 1);

    uint8_t *payload = mininet_need(malloc(SLC_KEY_MATERIAL_BYTES + len));
    slc_public_key(payload, secret);
    memcpy(payload + SLC_KEY_MATERIAL_BYTES, fragment, len);
    uint8_t *data = payload + SLC_KEY_MATERIAL_BYTES;
    const uint8_t *with = key;
    slc_aes128_ctr(&data, len, &with, NULL, 1);
    mininet_push(net, to, payload, SLC_KEY_MATERIAL_BYTES + len, false);
    free(payload);
}

void mininet_message(struct mininet *net, uint32_t to, const uint8_t *message, size_t len)
{
    struct slc_cut cut;
    uint32_t ids[64];
    size_t fragment_bytes = slc_fragment_bytes(net->traffic.size);
    if (slc_cut_plan(&cut, len, fragment_bytes) != SLC_OK || cut.sets > sizeof ids / sizeof *ids) abort();
    slc_set_ids(ids, cut.sets, &net->random);
    uint8_t *fragment = mininet_need(malloc(fragment_bytes));
    for (size_t i = 0; i < cut.fragments; i++) {
        slc_cut_write(&cut, message, ids, i, fragment);
        mininet_fragment(net, to, fragment, fragment_bytes);
    }
    free(fragment);
}
