/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/keys/keys.h"

#include <sodium.h>

enum { VARIANT = sodium_base64_VARIANT_ORIGINAL };

enum slc_status slc_base64_encode(char *text, size_t cap, struct slc_bytes bytes)
{
    /* libsodium ends the process when the room is too small. */
    if (bytes.len > cap || cap < sodium_base64_encoded_len(bytes.len, VARIANT)) return SLC_TOO_LONG;
    (void)sodium_bin2base64(text, cap, bytes.data, bytes.len, VARIANT);
    return SLC_OK;
}

enum slc_status slc_base64_decode(uint8_t *out, size_t cap, size_t *out_len, const char *text, size_t len)
{
    *out_len = 0;
    /* The exact length is asked first: a decoder that runs out of room cannot tell it from a foreign character. */
    if (len % 4 != 0) return SLC_MALFORMED;
    size_t padding = 0;
    while (padding < 2 && padding < len && text[len - 1 - padding] == '=') {
        padding++;
    }
    if (len / 4 * 3 - padding > cap) return SLC_TOO_LONG;
    const char *end = NULL;
    int failed = sodium_base642bin(out, cap, text, len, NULL, out_len, &end, VARIANT);
    if (failed || end != text + len) {
        *out_len = 0;
        return SLC_MALFORMED;
    }
    return SLC_OK;
}
