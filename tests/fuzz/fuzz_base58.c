/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/keys/keys.h"

/* Base58 has one text for each byte string: what decodes encodes back to itself, and the other way round. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX_TEXT = 1700, MAX_BYTES = 1200 };
    static char text[MAX_TEXT];
    static uint8_t bytes[MAX_BYTES];
    size_t len = 0;
    if (slc_base58_decode(bytes, sizeof bytes, &len, (const char *)data, size) == SLC_OK) {
        if (slc_base58_encode(text, sizeof text, slc_bytes(bytes, len)) != SLC_OK) abort();
        if (strlen(text) != size || memcmp(text, data, size) != 0) abort();
    }
    enum slc_status status = slc_base58_encode(text, sizeof text, slc_bytes(data, size));
    if (status != (size <= MAX_BYTES ? SLC_OK : SLC_TOO_LONG)) abort();
    if (status == SLC_OK) {
        if (slc_base58_decode(bytes, size, &len, text, strlen(text)) != SLC_OK) abort();
        if (len != size || memcmp(bytes, data, size) != 0) abort();
    }
    return 0;
}
