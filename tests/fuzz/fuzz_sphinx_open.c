/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/sphinx/sphinx.h"

/*
 * Opening at a node. Even first byte: the rest is a packet as it came. Odd: the rest is what the node should find,
 * routing information and payload, which are encrypted and get a good MAC first, since no fuzzer will find one.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_PACKET = 4096 };

static const uint8_t SECRET[SLC_KEY_BYTES] = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                              0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                              0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11};
static const uint8_t BASE[SLC_KEY_BYTES] = {9};

/* Routing information and payload -> a packet whose alpha is the base point. */
static size_t wrap(uint8_t *packet, const uint8_t *data, size_t size)
{
    static uint8_t expanded[SLC_EXPANDED_BYTES];
    static int derived;
    if (!derived) {
        uint8_t shared[SLC_KEY_BYTES];
        const uint8_t *secret = shared;
        uint8_t *out = expanded;
        slc_ladder(&(struct slc_ladder_job){SECRET, BASE, shared}, 1);
        slc_expand_secrets(&out, &secret, 9, 1);
        derived = 1;
    }
    memcpy(packet, BASE, sizeof BASE);
    memcpy(packet + 48, data, size);
    uint8_t *routing = packet + 48;
    const uint8_t *covered = routing;
    uint8_t *mac = packet + 32;
    const uint8_t *stream_key = expanded;
    const uint8_t *mac_key = expanded + 16;
    unsigned version = data[2] * 256U + data[3];
    slc_aes128_ctr(&routing, SLC_ROUTING_BYTES, &stream_key, NULL, 1);
    slc_header_macs(&mac, &mac_key, &covered, SLC_ROUTING_BYTES, 1);

    size_t payload_bytes = size - SLC_ROUTING_BYTES;
    if (payload_bytes > 32) {
        uint8_t derived_key[SLC_PAYLOAD_KEY_BYTES];
        uint8_t *out = derived_key;
        uint8_t *payload = packet + SLC_HEADER_BYTES;
        const uint8_t *material = expanded + 32;
        bool explicit_key = version == 1 || version == 257 || version == 258;
        const uint8_t *key = explicit_key ? material : derived_key;
        slc_expand_payload_keys(&out, &material, 1);
        slc_lioness_encrypt(&payload, payload_bytes, &key, 1);
    }
    return 48 + size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct slc_sphinx_scratch *scratch;
    static uint8_t packet[MAX_PACKET];
    static uint8_t came[MAX_PACKET];
    if (scratch == NULL && slc_sphinx_scratch_new(&scratch, 1) != SLC_OK) abort();
    if (size < 1 || size > MAX_PACKET - 64) return 0;
    bool sealed = data[0] % 2 == 1 && size - 1 >= SLC_ROUTING_BYTES;
    size_t len = size - 1;
    if (sealed) {
        len = wrap(packet, data + 1, len);
    } else {
        memcpy(packet, data + 1, len);
    }
    memcpy(came, packet, len);

    struct slc_open_job job = {.node_secret = SECRET, .packet = packet, .packet_bytes = len};
    enum slc_status all = slc_packets_open(scratch, &job, 1);
    if ((all == SLC_OK) != (job.status == SLC_OK)) abort();
    switch (job.status) {
    case SLC_OK:
        if (job.kind == SLC_OPEN_FINAL) {
            const uint8_t *end = packet + len;
            if (job.plaintext.data < packet + SLC_HEADER_BYTES || job.plaintext.data + job.plaintext.len >= end)
                abort();
        } else if (job.kind != SLC_OPEN_FORWARD) {
            abort();
        }
        break;
    case SLC_BAD_MAC:
        if (sealed && len >= SLC_PACKET_OVERHEAD) abort();
        if (memcmp(packet, came, len) != 0) abort();
        break;
    case SLC_TOO_SHORT:
        if (len >= SLC_PACKET_OVERHEAD) abort();
        break;
    case SLC_BAD_ROUTE:
    case SLC_BAD_PAYLOAD:
        break;
    default:
        abort();
    }
    return 0;
}
