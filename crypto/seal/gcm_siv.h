/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_GCM_SIV_H
#define SLUICE_GCM_SIV_H

#include "crypto/base/bytes.h"
#include "crypto/base/error.h"

/*
 * AES-256-GCM-SIV (RFC 8452) with empty associated data: what guards the link between a client and its gateway
 * (docs/protocol/3-gateway.md, section 4). In batches, in place.
 */

enum {
    SLC_SEAL_KEY_BYTES = 32,
    SLC_SEAL_NONCE_BYTES = 12,
    SLC_SEAL_TAG_BYTES = 16,
};

struct slc_seal_job {
    const uint8_t *key;     /* 32 bytes                                                             */
    const uint8_t *nonce;   /* 12 bytes                                                             */
    uint8_t *data;          /* `len` bytes, sealed or opened in place                               */
    size_t len;             /* of the plaintext, the tag not counted; may be 0                      */
    uint8_t *tag;           /* 16 bytes: written by seal, compared (constant time) by open          */
    enum slc_status status; /* open: SLC_OK or SLC_BAD_MAC, then `data` is zeroed; seal: always OK  */
};

/* No allocation; secrets are wiped. Any thread. */
void slc_seal(struct slc_seal_job *jobs, size_t n);

/* SLC_OK when every job opened, else SLC_PARTIAL: look at each status. */
SLC_MUST_CHECK enum slc_status slc_unseal(struct slc_seal_job *jobs, size_t n);

#endif
