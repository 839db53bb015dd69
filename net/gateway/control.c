/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/control.h"

#include "net/gateway/json.h"

static const char *const KINDS[] = {
    [SLC_CONTROL_FORGET_ME] = "ForgetMe",
    [SLC_CONTROL_REMEMBER_ME] = "RememberMe",
    [SLC_CONTROL_FORGET_ME_ACK] = "ForgetMeAck",
    [SLC_CONTROL_REMEMBER_ME_ACK] = "RememberMeAck",
};
static const char *const SESSIONS[] = {
    [SLC_SESSION_VPN] = "Vpn",       [SLC_SESSION_MIXNET] = "Mixnet", [SLC_SESSION_WASM] = "Wasm",
    [SLC_SESSION_NATIVE] = "Native", [SLC_SESSION_SOCKS5] = "Socks5", [SLC_SESSION_UNKNOWN] = "Unknown",
};
enum { KIND_COUNT = sizeof KINDS / sizeof KINDS[0], SESSION_COUNT = sizeof SESSIONS / sizeof SESSIONS[0] };

/* The index of a string among `names`, `count` when it is none of them. */
static unsigned find_name(const struct slc_json *value, const char *const *names, unsigned count)
{
    unsigned i = 0;
    while (i < count && !slc_json_is(value, names[i])) {
        i++;
    }
    return i;
}

static enum slc_status read_bool(const struct slc_json *value, bool *out)
{
    *out = value->kind == SLC_JSON_TRUE;
    return *out || value->kind == SLC_JSON_FALSE ? SLC_OK : SLC_MALFORMED;
}

static enum slc_status read_session(const struct slc_json *value, enum slc_session_type *session)
{
    unsigned index = find_name(value, SESSIONS, SESSION_COUNT);
    if (index == SESSION_COUNT) return SLC_UNSUPPORTED;
    *session = (enum slc_session_type)index;
    return SLC_OK;
}

enum { SEEN_CLIENT = 1, SEEN_STATS = 2, SEEN_SESSION = 4 };

static enum slc_status read_member(const struct slc_json *key, const struct slc_json *value,
                                   struct slc_control *control, unsigned *seen)
{
    bool forget = control->kind == SLC_CONTROL_FORGET_ME;
    bool remember = control->kind == SLC_CONTROL_REMEMBER_ME;
    unsigned field = forget && slc_json_is(key, "client")           ? SEEN_CLIENT
                     : forget && slc_json_is(key, "stats")          ? SEEN_STATS
                     : remember && slc_json_is(key, "session_type") ? SEEN_SESSION
                                                                    : 0;
    if ((*seen & field) != 0) return SLC_DUPLICATE;
    *seen |= field;
    if (field == SEEN_CLIENT) return read_bool(value, &control->client);
    if (field == SEEN_STATS) return read_bool(value, &control->stats);
    if (field == SEEN_SESSION) return read_session(value, &control->session);
    return SLC_OK;
}

static unsigned wanted(enum slc_control_kind kind)
{
    switch (kind) {
    case SLC_CONTROL_FORGET_ME:
        return SEEN_CLIENT | SEEN_STATS;
    case SLC_CONTROL_REMEMBER_ME:
        return SEEN_SESSION;
    case SLC_CONTROL_FORGET_ME_ACK:
    case SLC_CONTROL_REMEMBER_ME_ACK:
        break;
    }
    return 0;
}

enum slc_status slc_control_parse(struct slc_bytes plaintext, struct slc_control *control)
{
    struct slc_json root;
    struct slc_json key;
    struct slc_json content;
    struct slc_json more;
    memset(control, 0, sizeof *control);
    enum slc_status status = slc_json_parse(plaintext, &root);
    if (status != SLC_OK) return status;
    if (root.kind != SLC_JSON_OBJECT) return SLC_MALFORMED;
    struct slc_json_walk walk = slc_json_enter(&root);
    if (!slc_json_next(&walk, &key, &content)) return SLC_MALFORMED;
    unsigned kind = find_name(&key, KINDS, KIND_COUNT);
    if (kind == KIND_COUNT) return SLC_UNSUPPORTED;
    if (slc_json_next(&walk, &key, &more) || content.kind != SLC_JSON_OBJECT) return SLC_MALFORMED;

    unsigned seen = 0;
    control->kind = (enum slc_control_kind)kind;
    walk = slc_json_enter(&content);
    while (status == SLC_OK && slc_json_next(&walk, &key, &more)) {
        status = read_member(&key, &more, control, &seen);
    }
    if (status != SLC_OK) return status;
    return seen == wanted(control->kind) ? SLC_OK : SLC_MALFORMED;
}

void slc_control_write(const struct slc_control *control, struct slc_writer *out)
{
    slc_json_write_raw(out, "{\"");
    slc_json_write_raw(out, KINDS[control->kind]);
    slc_json_write_raw(out, "\":{");
    if (control->kind == SLC_CONTROL_FORGET_ME) {
        slc_json_write_raw(out, control->client ? "\"client\":true" : "\"client\":false");
        slc_json_write_raw(out, control->stats ? ",\"stats\":true" : ",\"stats\":false");
    }
    if (control->kind == SLC_CONTROL_REMEMBER_ME) {
        slc_json_write_raw(out, "\"session_type\":\"");
        slc_json_write_raw(out, SESSIONS[control->session]);
        slc_json_write_raw(out, "\"");
    }
    slc_json_write_raw(out, "}}");
}

enum slc_status slc_control_open(struct slc_bytes ciphertext, struct slc_bytes nonce,
                                 const uint8_t key[SLC_SEAL_KEY_BYTES], struct slc_control *control)
{
    uint8_t own[SLC_CONTROL_SEALED_MAX];
    if (nonce.len != SLC_SEAL_NONCE_BYTES) return SLC_MALFORMED;
    if (ciphertext.len < SLC_SEAL_TAG_BYTES) return SLC_BAD_MAC;
    if (ciphertext.len > sizeof own) return SLC_TOO_LONG;
    memcpy(own, ciphertext.data, ciphertext.len);
    size_t len = ciphertext.len - SLC_SEAL_TAG_BYTES;
    struct slc_seal_job job = {.key = key, .nonce = nonce.data, .data = own, .len = len, .tag = own + len};
    if (slc_unseal(&job, 1) != SLC_OK) return SLC_BAD_MAC;
    return slc_control_parse(slc_bytes(own, len), control);
}

size_t slc_control_seal(const struct slc_control *control, const uint8_t key[SLC_SEAL_KEY_BYTES],
                        const uint8_t nonce[SLC_SEAL_NONCE_BYTES], uint8_t ciphertext[SLC_CONTROL_SEALED_MAX])
{
    struct slc_writer w = slc_writer(ciphertext, SLC_CONTROL_SEALED_MAX - SLC_SEAL_TAG_BYTES);
    slc_control_write(control, &w);
    struct slc_seal_job job = {.key = key, .nonce = nonce, .data = ciphertext, .len = w.len, .tag = ciphertext + w.len};
    slc_seal(&job, 1);
    return w.len + SLC_SEAL_TAG_BYTES;
}
