/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The lane kernels, once per level: the including file sets VECTOR_BYTES, LANE_KERNELS (the table's name) and, by its
 * own name's suffix, the instructions.
 */

#include "crypto/lanes/blake3_kernel.h"
#include "crypto/lanes/lioness_kernel.h"
#include "crypto/lanes/sha256_kernel.h"

const struct slc_lane_kernels LANE_KERNELS = {
    .sha256 =
        {
            .expand_secrets = expand_secrets,
            .expand_payload_keys = expand_payload_keys,
            .header_macs = header_macs,
        },
    .lioness_encrypt = lioness_encrypt,
    .lioness_decrypt = lioness_decrypt,
    .message_keys = message_keys,
};
