/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/keys/keys.h"

enum slc_status slc_recipient_parse(struct slc_bytes bytes, struct slc_recipient *recipient)
{
    if (bytes.len < SLC_RECIPIENT_BYTES) return SLC_TOO_SHORT;
    if (bytes.len > SLC_RECIPIENT_BYTES) return SLC_TOO_LONG;
    memcpy(recipient, bytes.data, SLC_RECIPIENT_BYTES);
    enum slc_status status = slc_identity_check(recipient->identity);
    if (status != SLC_OK) return status;
    return slc_identity_check(recipient->gateway);
}

/* One part of the text: a base58 key, and for identities a point. `part` names it to a person. */
static enum slc_status read_part(uint8_t key[32], const char *text, size_t len, const char *part, bool is_identity,
                                 struct slc_error *error)
{
    size_t decoded = 0;
    enum slc_status status = slc_base58_decode(key, 32, &decoded, text, len);
    if (status == SLC_OK && decoded < 32) {
        status = SLC_TOO_SHORT;
    }
    switch (status) {
    case SLC_OK:
        break;
    case SLC_MALFORMED:
        return slc_fail(error, status, "recipient: the %s is not base58 (letters and digits without 0, O, I, l)", part);
    case SLC_TOO_SHORT:
        return slc_fail(error, status, "recipient: the %s has %zu bytes, a key has 32", part, decoded);
    default:
        return slc_fail(error, status, "recipient: the %s has more than the 32 bytes of a key", part);
    }
    if (is_identity && slc_identity_check(key) != SLC_OK) {
        return slc_fail(error, SLC_BAD_KEY, "recipient: the %s is not an Ed25519 key", part);
    }
    return SLC_OK;
}

enum slc_status slc_recipient_from_text(const char *text, struct slc_recipient *recipient, struct slc_error *error)
{
    if (text == NULL || recipient == NULL) return slc_fail(error, SLC_BAD_ARGUMENT, "recipient: NULL");
    const char *at = strchr(text, '@');
    if (at == NULL || strchr(at + 1, '@') != NULL) {
        return slc_fail(error, SLC_MALFORMED, "recipient: wants one '@', as in identity.encryption@gateway");
    }
    const char *dot = memchr(text, '.', (size_t)(at - text));
    if (dot == NULL || memchr(dot + 1, '.', (size_t)(at - dot - 1)) != NULL) {
        return slc_fail(error, SLC_MALFORMED,
                        "recipient: wants one '.' before the '@', as in "
                        "identity.encryption@gateway");
    }
    enum slc_status status = read_part(recipient->identity, text, (size_t)(dot - text), "identity", true, error);
    if (status != SLC_OK) return status;
    status = read_part(recipient->encryption_key, dot + 1, (size_t)(at - dot - 1), "encryption key", false, error);
    if (status != SLC_OK) return status;
    return read_part(recipient->gateway, at + 1, strlen(at + 1), "gateway", true, error);
}

/* Appends the base58 of a key, which always fits its SLC_BASE58_MAX. */
static char *append_key(char *at, const uint8_t key[32])
{
    if (slc_base58_encode(at, SLC_BASE58_MAX, slc_bytes(key, 32)) != SLC_OK) {
        *at = '\0';
    }
    return at + strlen(at);
}

enum slc_status slc_recipient_to_text(const struct slc_recipient *recipient, char text[SLC_RECIPIENT_TEXT_MAX])
{
    if (text == NULL || recipient == NULL) return SLC_BAD_ARGUMENT;
    char *at = append_key(text, recipient->identity);
    *at++ = '.';
    at = append_key(at, recipient->encryption_key);
    *at++ = '@';
    append_key(at, recipient->gateway);
    return SLC_OK;
}
