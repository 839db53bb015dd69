/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/keys/keys.h"

/* Any text as a PEM file; a key that was read is written and read again. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const TAGS[] = {"ED25519 PRIVATE KEY", "AES-128-CTR ACKNOWLEDGEMENTS KEY", "", "K"};
    for (size_t i = 0; i < sizeof TAGS / sizeof TAGS[0]; i++) {
        uint8_t key[96];
        uint8_t again[96];
        char text[512];
        size_t len = 0;
        size_t again_len = 0;
        if (slc_pem_decode(key, sizeof key, &len, TAGS[i], slc_bytes(data, size)) != SLC_OK) {
            if (len != 0) abort();
            continue;
        }
        if (slc_pem_encode(text, sizeof text, TAGS[i], slc_bytes(key, len)) != SLC_OK) abort();
        if (slc_pem_decode(again, len, &again_len, TAGS[i], slc_bytes_of_text(text)) != SLC_OK) abort();
        if (again_len != len || memcmp(again, key, len) != 0) abort();
    }
    return 0;
}
