/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/utf8.h"

#define ASCII_MASK UINT64_C(0x8080808080808080)

/* Bytes of the sequence that begins at `at`, or 0 when there is none (RFC 3629, section 4: the second byte's range
 * depends on the first, and that alone rules out long forms, surrogates and what lies above U+10FFFF). */
static size_t sequence(const uint8_t *at, size_t left)
{
    uint8_t first = at[0];
    if (first < 0x80) return 1;
    size_t len = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (len == 0 || len > left) return 0;

    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
    }
    return len;
}

bool slc_utf8_ok(struct slc_bytes text)
{
    size_t at = 0;
    while (at < text.len) {
        uint64_t eight;
        while (text.len - at >= sizeof eight) {
            memcpy(&eight, text.data + at, sizeof eight);
            if ((eight & ASCII_MASK) != 0) break;
            at += sizeof eight;
        }
        if (at == text.len) return true;
        size_t len = sequence(text.data + at, text.len - at);
        if (len == 0) return false;
        at += len;
    }
    return true;
}
