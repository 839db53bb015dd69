/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/keys/keys.h"

enum {
    MAX_INPUT = 1200,                        /* bytes: the longest is a SURB with explicit keys, 1164 */
    MAX_DIGITS = MAX_INPUT * 1366 / 1000 + 1 /* log 256 / log 58 = 1.3657                             */
};

static const char ALPHABET[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

static size_t leading(const uint8_t *bytes, size_t len, uint8_t value)
{
    size_t count = 0;
    while (count < len && bytes[count] == value) {
        count++;
    }
    return count;
}

/* number = number * base + digit, little-endian digits of base `radix`; false when `cap` digits do not hold it. */
static bool multiply_add(uint8_t *number, size_t *len, size_t cap, unsigned base, unsigned digit, unsigned radix)
{
    unsigned carry = digit;
    for (size_t i = 0; i < *len; i++) {
        carry += number[i] * base;
        number[i] = (uint8_t)(carry % radix);
        carry /= radix;
    }
    while (carry > 0) {
        if (*len == cap) return false;
        number[(*len)++] = (uint8_t)(carry % radix);
        carry /= radix;
    }
    return true;
}

enum slc_status slc_base58_encode(char *text, size_t cap, struct slc_bytes bytes)
{
    if (bytes.len > MAX_INPUT) return SLC_TOO_LONG;
    uint8_t digits[MAX_DIGITS];
    size_t count = 0;
    size_t zeros = leading(bytes.data, bytes.len, 0);
    for (size_t i = zeros; i < bytes.len; i++) {
        (void)multiply_add(digits, &count, sizeof digits, 256, bytes.data[i], 58);
    }
    if (cap < zeros + count + 1) return SLC_TOO_LONG;
    memset(text, ALPHABET[0], zeros);
    for (size_t i = 0; i < count; i++) {
        text[zeros + i] = ALPHABET[digits[count - 1 - i]];
    }
    text[zeros + count] = '\0';
    return SLC_OK;
}

enum slc_status slc_base58_decode(uint8_t *out, size_t cap, size_t *out_len, const char *text, size_t len)
{
    *out_len = 0;
    size_t zeros = leading((const uint8_t *)text, len, (uint8_t)ALPHABET[0]);
    if (zeros > cap) return SLC_TOO_LONG;
    uint8_t *number = out + zeros;
    size_t count = 0;
    for (size_t i = zeros; i < len; i++) {
        const char *at = text[i] != '\0' ? strchr(ALPHABET, text[i]) : NULL;
        if (at == NULL) return SLC_MALFORMED;
        if (!multiply_add(number, &count, cap - zeros, 58, (unsigned)(at - ALPHABET), 256)) return SLC_TOO_LONG;
    }
    for (size_t i = 0; i < count / 2; i++) {
        uint8_t low = number[i];
        number[i] = number[count - 1 - i];
        number[count - 1 - i] = low;
    }
    memset(out, 0, zeros);
    *out_len = zeros + count;
    return SLC_OK;
}

enum slc_status slc_base58_key(uint8_t key[32], const char *text)
{
    size_t len = 0;
    enum slc_status status = slc_base58_decode(key, 32, &len, text, strlen(text));
    if (status != SLC_OK) return status;
    return len < 32 ? SLC_TOO_SHORT : SLC_OK;
}
