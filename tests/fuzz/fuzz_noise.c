/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/wire/noise.h"

/*
 * A frame from outside at every step of a session. Byte 0: how many good frames go before it (0 to 4). Nothing but
 * the very frame that is due may be accepted; only its reserved bytes may differ.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin(struct slc_noise *initiator, struct slc_noise *responder)
{
    /* The responder's public key for the secret of 32 bytes 0x22 (noise.json, second case). */
    static const uint8_t responder_key[32] = {0x0f, 0xaa, 0x68, 0x4e, 0xd2, 0x88, 0x67, 0xb9, 0x7f, 0x4a, 0x6a,
                                              0x2d, 0xee, 0x5d, 0xf8, 0xce, 0x97, 0x4e, 0x76, 0xb7, 0x01, 0x8e,
                                              0x3f, 0x22, 0xa1, 0xc4, 0xcf, 0x26, 0x78, 0x57, 0x0f, 0x20};
    uint8_t key[4][32];
    for (unsigned i = 0; i < 4; i++) {
        memset(key[i], (int)(0x11 * (i + 1)), 32);
    }
    if (slc_noise_init(initiator, SLC_NOISE_INITIATOR, key[0], responder_key, key[2]) != SLC_OK) abort();
    if (slc_noise_init(responder, SLC_NOISE_RESPONDER, key[1], NULL, key[3]) != SLC_OK) abort();
}

/* The frame that is due at a step, and who gets it. */
static size_t due(struct slc_noise *from, unsigned step, uint8_t frame[128])
{
    if (step < 3) {
        struct slc_writer w = slc_writer(frame, 128);
        if (slc_noise_write_handshake(from, &w) != SLC_OK) abort();
        return w.len;
    }
    memset(frame, 0, 128);
    memset(frame + SLC_NOISE_HEAD_BYTES, 0x5a, 9);
    if (slc_noise_seal(from, frame, 9) != SLC_OK) abort();
    return 9 + SLC_NOISE_OVERHEAD;
}

static enum slc_status deliver(struct slc_noise *to, unsigned step, const uint8_t *frame, size_t len)
{
    if (step < 3) return slc_noise_read_handshake(to, slc_bytes(frame, len));
    size_t plain;
    uint8_t *copy = malloc(len);
    if (copy == NULL) abort();
    memcpy(copy, frame, len);
    enum slc_status status = slc_noise_open(to, copy, len, &plain);
    free(copy);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    struct slc_noise initiator, responder;
    begin(&initiator, &responder);
    unsigned good = data[0] % 5;
    for (unsigned step = 0; step <= good; step++) {
        struct slc_noise *from = step % 2 == 0 || step >= 3 ? &initiator : &responder;
        struct slc_noise *to = from == &initiator ? &responder : &initiator;
        uint8_t frame[128];
        size_t len = due(from, step, frame);
        if (step < good) {
            if (deliver(to, step, frame, len) != SLC_OK) abort();
            continue;
        }
        if (deliver(to, step, data + 1, size - 1) != SLC_OK) break;
        if (len != size - 1 || memcmp(frame, data + 1, 5) != 0 || memcmp(frame + 8, data + 9, len - 8) != 0) abort();
    }
    slc_noise_wipe(&initiator);
    slc_noise_wipe(&responder);
    return 0;
}
