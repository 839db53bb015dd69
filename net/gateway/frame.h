/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_GATEWAY_FRAME_H
#define SLUICE_GATEWAY_FRAME_H

#include "crypto/base/random.h"
#include "crypto/seal/gcm_siv.h"

/*
 * Binary frames between client and gateway, sealed and opened in batches, in place
 * (docs/protocol/3-gateway.md, section 11): kind(1) encrypted(1) nonce(12) ciphertext tag(16).
 */

enum {
    SLC_FRAME_HEAD_BYTES = 14, /* kind, flag, nonce */
    SLC_FRAME_OVERHEAD = SLC_FRAME_HEAD_BYTES + SLC_SEAL_TAG_BYTES,
    SLC_FRAME_PUSHED = 1, /* gateway to client: an unwrapped payload */
};

struct slc_frame_job {
    const uint8_t *key; /* 32 bytes: the session's shared key                                                    */
    uint8_t *frame;     /* SLC_FRAME_HEAD_BYTES, then the plaintext or ciphertext, then room for the tag          */
    size_t len;         /* seal: bytes of plaintext; open: bytes of the whole frame                              */
    uint8_t kind;       /* seal: input; open: result                                                             */
    struct slc_bytes plaintext; /* open: result, points into frame                                               */
    enum slc_status status;     /* open: SLC_TOO_SHORT, SLC_UNSUPPORTED (flag not 1), SLC_BAD_MAC                 */
};

/* Writes head and tag around each plaintext, with a fresh random nonce; the frame is then len + 30 bytes long. */
void slc_frames_seal(struct slc_frame_job *jobs, size_t n, struct slc_random *random);
SLC_MUST_CHECK enum slc_status slc_frames_open(struct slc_frame_job *jobs, size_t n);

#endif
