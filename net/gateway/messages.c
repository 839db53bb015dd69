/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/messages.h"

#include "crypto/keys/keys.h"
#include "net/gateway/json.h"

enum field_kind {
    FIELD_U8,
    FIELD_U8_OR_NULL,
    FIELD_U64,
    FIELD_I64,
    FIELD_BOOL,
    FIELD_BYTES,
    FIELD_BASE64,
    FIELD_TEXT,
    FIELD_TYPED_ERROR,
};

struct field {
    const char *key;
    const char *alias;
    enum field_kind kind;
    bool optional;
    size_t offset;
};

enum { MAX_FIELDS = 6 };

struct variant {
    enum slc_control_message_kind kind;
    unsigned sets;
    const char *name;
    const char *alias;
    struct field fields[MAX_FIELDS + 1]; /* in the order in which they are written; ends with a NULL key */
};

#define AT(member) offsetof(struct slc_control_message, member)
#define WANTED(key, kind, member)                                                                                      \
    {                                                                                                                  \
        key, NULL, kind, false, AT(member)                                                                             \
    }
#define DEFAULT(key, kind, member)                                                                                     \
    {                                                                                                                  \
        key, NULL, kind, true, AT(member)                                                                              \
    }

#define VERSION_FIELD DEFAULT("protocol_version", FIELD_U8, version)
#define UPGRADE_FIELD DEFAULT("upgrade_mode", FIELD_BOOL, upgrade_mode)
#define DATA_FIELD    WANTED("data", FIELD_BYTES, data)
#define CREDENTIAL_FIELDS                                                                                              \
    {                                                                                                                  \
        WANTED("enc_credential", FIELD_BYTES, data), WANTED("iv", FIELD_BYTES, nonce)                                  \
    }
#define CIPHER_FIELDS                                                                                                  \
    {                                                                                                                  \
        WANTED("ciphertext", FIELD_BYTES, data), WANTED("nonce", FIELD_BYTES, nonce)                                   \
    }

/* Sections 6 to 8: the one description of every message, for reading and for writing. */
static const struct variant VARIANTS[] = {
    {SLC_MESSAGE_HANDSHAKE_PAYLOAD, SLC_MESSAGES_HANDSHAKE, "handshakePayload", NULL, {VERSION_FIELD, DATA_FIELD}},
    {SLC_MESSAGE_HANDSHAKE_ERROR,
     SLC_MESSAGES_HANDSHAKE,
     "handshakeError",
     NULL,
     {WANTED("message", FIELD_TEXT, text)}},

    {SLC_MESSAGE_REGISTER_INIT,
     SLC_MESSAGES_REQUEST,
     "registerHandshakeInitRequest",
     "handshakePayload",
     {VERSION_FIELD, DATA_FIELD}},
    {SLC_MESSAGE_AUTHENTICATE_V2,
     SLC_MESSAGES_REQUEST,
     "authenticateV2",
     NULL,
     {WANTED("protocolVersion", FIELD_U8, version), WANTED("clientIdentity", FIELD_BYTES, identity),
      WANTED("addressCiphertext", FIELD_BASE64, data), WANTED("nonce", FIELD_BASE64, nonce),
      WANTED("requestUnixTimestamp", FIELD_U64, timestamp), WANTED("requestSignature", FIELD_BYTES, signature)}},
    {SLC_MESSAGE_CLAIM_TESTNET_BANDWIDTH, SLC_MESSAGES_REQUEST, "claimFreeTestnetBandwidth", NULL, {{0}}},
    {SLC_MESSAGE_ECASH_CREDENTIAL,
     SLC_MESSAGES_REQUEST,
     "ecashCredential",
     NULL,
     {WANTED("enc_credential", FIELD_BYTES, data), {"iv", "nonce", FIELD_BYTES, false, AT(nonce)}}},
    {SLC_MESSAGE_UPGRADE_MODE_JWT, SLC_MESSAGES_REQUEST, "upgradeModeJWT", NULL, {WANTED("token", FIELD_TEXT, text)}},
    {SLC_MESSAGE_ENCRYPTED_REQUEST, SLC_MESSAGES_REQUEST, "encryptedRequest", NULL, CIPHER_FIELDS},
    {SLC_MESSAGE_SUPPORTED_PROTOCOL_ASK, SLC_MESSAGES_REQUEST, "supportedProtocol", NULL, {{0}}},
    {SLC_MESSAGE_AUTHENTICATE_V1,
     SLC_MESSAGES_REQUEST,
     "authenticate",
     NULL,
     {DEFAULT("protocol_version", FIELD_U8_OR_NULL, version), WANTED("address", FIELD_TEXT, identity),
      WANTED("enc_address", FIELD_TEXT, data), WANTED("iv", FIELD_TEXT, nonce)}},
    {SLC_MESSAGE_BANDWIDTH_CREDENTIAL, SLC_MESSAGES_REQUEST, "bandwidthCredential", NULL, CREDENTIAL_FIELDS},
    {SLC_MESSAGE_BANDWIDTH_CREDENTIAL_V2, SLC_MESSAGES_REQUEST, "bandwidthCredentialV2", NULL, CREDENTIAL_FIELDS},

    {SLC_MESSAGE_AUTHENTICATED,
     SLC_MESSAGES_RESPONSE,
     "authenticate",
     NULL,
     {VERSION_FIELD, WANTED("status", FIELD_BOOL, status), WANTED("bandwidth_remaining", FIELD_I64, bandwidth),
      UPGRADE_FIELD}},
    {SLC_MESSAGE_REGISTERED,
     SLC_MESSAGES_RESPONSE,
     "register",
     NULL,
     {VERSION_FIELD, WANTED("status", FIELD_BOOL, status), UPGRADE_FIELD}},
    {SLC_MESSAGE_SUPPORTED_PROTOCOL_ANSWER,
     SLC_MESSAGES_RESPONSE,
     "supportedProtocol",
     NULL,
     {WANTED("version", FIELD_U8, version)}},
    {SLC_MESSAGE_BANDWIDTH,
     SLC_MESSAGES_RESPONSE,
     "bandwidth",
     NULL,
     {WANTED("available_total", FIELD_I64, bandwidth), UPGRADE_FIELD}},
    {SLC_MESSAGE_SENT,
     SLC_MESSAGES_RESPONSE,
     "send",
     NULL,
     {WANTED("remaining_bandwidth", FIELD_I64, bandwidth), UPGRADE_FIELD}},
    {SLC_MESSAGE_ENCRYPTED_RESPONSE, SLC_MESSAGES_RESPONSE, "encryptedResponse", NULL, CIPHER_FIELDS},
    {SLC_MESSAGE_ERROR, SLC_MESSAGES_RESPONSE, "error", NULL, {WANTED("message", FIELD_TEXT, text)}},
    {SLC_MESSAGE_TYPED_ERROR,
     SLC_MESSAGES_RESPONSE,
     "typedError",
     NULL,
     {WANTED("error", FIELD_TYPED_ERROR, ticket_replay)}},
};

enum { VARIANT_COUNT = sizeof VARIANTS / sizeof VARIANTS[0] };

/* ---- reading ---- */

/* The only member of an object: how serde tags an enum from outside. */
static enum slc_status only_member(const struct slc_json *object, struct slc_json *key, struct slc_json *value)
{
    struct slc_json more_key;
    struct slc_json more;
    if (object->kind != SLC_JSON_OBJECT) return SLC_MALFORMED;
    struct slc_json_walk walk = slc_json_enter(object);
    if (!slc_json_next(&walk, key, value) || slc_json_next(&walk, &more_key, &more)) return SLC_MALFORMED;
    return SLC_OK;
}

static enum slc_status read_out_of_bandwidth(const struct slc_json *value, struct slc_control_message *message)
{
    struct slc_json key;
    struct slc_json number;
    bool required = false;
    bool available = false;
    if (value->kind != SLC_JSON_OBJECT) return SLC_MALFORMED;
    struct slc_json_walk walk = slc_json_enter(value);
    while (slc_json_next(&walk, &key, &number)) {
        bool is_required = slc_json_is(&key, "required");
        if (!is_required && !slc_json_is(&key, "available")) continue;
        bool *seen = is_required ? &required : &available;
        if (*seen) return SLC_DUPLICATE;
        *seen = true;
        enum slc_status status = slc_json_i64(&number, is_required ? &message->required : &message->bandwidth);
        if (status != SLC_OK) return status;
    }
    return required && available ? SLC_OK : SLC_MALFORMED;
}

static enum slc_status read_typed_error(const struct slc_json *value, struct slc_control_message *message)
{
    struct slc_json key;
    struct slc_json content;
    message->ticket_replay = slc_json_is(value, "ticket_replay");
    if (message->ticket_replay) return SLC_OK;
    enum slc_status status = only_member(value, &key, &content);
    if (status != SLC_OK) return status;
    message->ticket_replay = slc_json_is(&key, "ticket_replay");
    if (message->ticket_replay) return content.kind == SLC_JSON_NULL ? SLC_OK : SLC_MALFORMED;
    return slc_json_is(&key, "out_of_bandwidth") ? read_out_of_bandwidth(&content, message) : SLC_MALFORMED;
}

static enum slc_status read_base64(const struct slc_json *value, uint8_t *out, size_t cap, size_t *len)
{
    enum { LONGEST = 256 }; /* characters; the address ciphertext has 64 */
    uint8_t text[LONGEST];
    size_t text_len = 0;
    enum slc_status status = slc_json_text(value, text, sizeof text, &text_len);
    return status != SLC_OK ? status : slc_base64_decode(out, cap, len, (const char *)text, text_len);
}

/* A field that is bytes in the end, into the message's store. */
static enum slc_status read_stored(enum field_kind kind, const struct slc_json *value,
                                   struct slc_control_message *message, struct slc_bytes *view)
{
    uint8_t *out = message->store + message->stored;
    size_t cap = sizeof message->store - message->stored;
    size_t len = 0;
    enum slc_status status = kind == FIELD_BYTES    ? slc_json_bytes(value, out, cap, &len)
                             : kind == FIELD_BASE64 ? read_base64(value, out, cap, &len)
                                                    : slc_json_text(value, out, cap, &len);
    if (status != SLC_OK) return status;
    *view = slc_bytes(out, len);
    message->stored += len;
    return SLC_OK;
}

static enum slc_status read_field(const struct field *field, const struct slc_json *value,
                                  struct slc_control_message *message)
{
    void *member = (uint8_t *)message + field->offset;
    uint64_t number = 0;
    enum slc_status status = SLC_OK;
    switch (field->kind) {
    case FIELD_U8_OR_NULL:
        message->has_version = value->kind != SLC_JSON_NULL;
        if (!message->has_version) return SLC_OK;
        __attribute__((fallthrough));
    case FIELD_U8:
        status = slc_json_u64(value, UINT8_MAX, &number);
        *(uint8_t *)member = (uint8_t)number;
        return status;
    case FIELD_U64:
        return slc_json_u64(value, UINT64_MAX, member);
    case FIELD_I64:
        return slc_json_i64(value, member);
    case FIELD_BOOL:
        *(bool *)member = value->kind == SLC_JSON_TRUE;
        return *(bool *)member || value->kind == SLC_JSON_FALSE ? SLC_OK : SLC_MALFORMED;
    case FIELD_BYTES:
    case FIELD_BASE64:
    case FIELD_TEXT:
        return read_stored(field->kind, value, message, member);
    case FIELD_TYPED_ERROR:
        return read_typed_error(value, message);
    }
    return SLC_MALFORMED;
}

static const struct variant *find_variant(const struct slc_json *type, unsigned sets)
{
    for (size_t i = 0; i < VARIANT_COUNT; i++) {
        const struct variant *v = &VARIANTS[i];
        if ((v->sets & sets) == 0) continue;
        if (slc_json_is(type, v->name) || (v->alias != NULL && slc_json_is(type, v->alias))) return v;
    }
    return NULL;
}

static const struct field *find_field(const struct variant *variant, const struct slc_json *key, unsigned *index)
{
    for (unsigned i = 0; variant->fields[i].key != NULL; i++) {
        const struct field *field = &variant->fields[i];
        *index = i;
        if (slc_json_is(key, field->key) || (field->alias != NULL && slc_json_is(key, field->alias))) return field;
    }
    return NULL;
}

static enum slc_status read_fields(const struct variant *variant, const struct slc_json *object,
                                   struct slc_control_message *message)
{
    struct slc_json key;
    struct slc_json value;
    unsigned seen = 0;
    unsigned index = 0;
    struct slc_json_walk walk = slc_json_enter(object);
    while (slc_json_next(&walk, &key, &value)) {
        const struct field *field = find_field(variant, &key, &index);
        if (field == NULL) continue;
        if ((seen & 1u << index) != 0) return SLC_DUPLICATE;
        seen |= 1u << index;
        enum slc_status status = read_field(field, &value, message);
        if (status != SLC_OK) return status;
    }
    for (index = 0; variant->fields[index].key != NULL; index++) {
        if (!variant->fields[index].optional && (seen & 1u << index) == 0) return SLC_MALFORMED;
    }
    return SLC_OK;
}

/* The `type`, wherever it stands; also alone in an array, which is how serde reads a sequence without fields. */
static enum slc_status find_type(const struct slc_json *root, struct slc_json *type)
{
    struct slc_json key;
    struct slc_json value;
    bool found = false;
    if (root->kind != SLC_JSON_OBJECT && root->kind != SLC_JSON_ARRAY) return SLC_MALFORMED;
    struct slc_json_walk walk = slc_json_enter(root);
    while (slc_json_next(&walk, &key, &value)) {
        if (root->kind == SLC_JSON_OBJECT && !slc_json_is(&key, "type")) continue;
        if (found) return SLC_DUPLICATE;
        found = true;
        *type = value;
    }
    return found && type->kind == SLC_JSON_STRING ? SLC_OK : SLC_MALFORMED;
}

enum slc_status slc_control_message_parse(struct slc_bytes text, unsigned sets, struct slc_control_message *message)
{
    struct slc_json root;
    struct slc_json type;
    memset(message, 0, sizeof *message);
    if (text.len > SLC_MESSAGE_TEXT_LIMIT) return SLC_TOO_LONG;
    enum slc_status status = slc_json_parse(text, &root);
    if (status == SLC_OK) status = find_type(&root, &type);
    if (status != SLC_OK) return status;
    const struct variant *variant = find_variant(&type, sets);
    if (variant == NULL) return SLC_UNSUPPORTED;
    message->kind = variant->kind;
    if (root.kind == SLC_JSON_ARRAY) return variant->fields[0].key == NULL ? SLC_OK : SLC_MALFORMED;
    return read_fields(variant, &root, message);
}

/* ---- writing ---- */

static void write_base64(struct slc_writer *w, struct slc_bytes bytes)
{
    char text[256] = "";
    if (slc_base64_encode(text, sizeof text, bytes) != SLC_OK) w->overrun = true;
    slc_json_write_text(w, slc_bytes_of_text(text));
}

static void write_typed_error(struct slc_writer *w, const struct slc_control_message *message)
{
    if (message->ticket_replay) {
        slc_json_write_raw(w, "\"ticket_replay\"");
        return;
    }
    slc_json_write_raw(w, "{\"out_of_bandwidth\":{\"required\":");
    slc_json_write_i64(w, message->required);
    slc_json_write_raw(w, ",\"available\":");
    slc_json_write_i64(w, message->bandwidth);
    slc_json_write_raw(w, "}}");
}

static void write_field(struct slc_writer *w, const struct field *field, const struct slc_control_message *message)
{
    const void *member = (const uint8_t *)message + field->offset;
    switch (field->kind) {
    case FIELD_U8_OR_NULL:
        if (!message->has_version) {
            slc_json_write_raw(w, "null");
            return;
        }
        __attribute__((fallthrough));
    case FIELD_U8:
        slc_json_write_u64(w, *(const uint8_t *)member);
        return;
    case FIELD_U64:
        slc_json_write_u64(w, *(const uint64_t *)member);
        return;
    case FIELD_I64:
        slc_json_write_i64(w, *(const int64_t *)member);
        return;
    case FIELD_BOOL:
        slc_json_write_raw(w, *(const bool *)member ? "true" : "false");
        return;
    case FIELD_BYTES:
        slc_json_write_bytes(w, *(const struct slc_bytes *)member);
        return;
    case FIELD_BASE64:
        write_base64(w, *(const struct slc_bytes *)member);
        return;
    case FIELD_TEXT:
        slc_json_write_text(w, *(const struct slc_bytes *)member);
        return;
    case FIELD_TYPED_ERROR:
        write_typed_error(w, message);
        return;
    }
}

void slc_control_message_write(const struct slc_control_message *message, struct slc_writer *out)
{
    const struct variant *variant = NULL;
    for (size_t i = 0; i < VARIANT_COUNT && variant == NULL; i++) {
        if (VARIANTS[i].kind == message->kind) variant = &VARIANTS[i];
    }
    if (variant == NULL) {
        out->overrun = true;
        return;
    }
    slc_json_write_raw(out, "{\"type\":");
    slc_json_write_text(out, slc_bytes_of_text(variant->name));
    for (const struct field *field = variant->fields; field->key != NULL; field++) {
        slc_write_u8(out, ',');
        slc_json_write_text(out, slc_bytes_of_text(field->key));
        slc_write_u8(out, ':');
        write_field(out, field, message);
    }
    slc_write_u8(out, '}');
}

const char *slc_control_message_words(struct slc_bytes text, char *out, size_t cap)
{
    size_t len = text.len < cap ? text.len : cap - 1;
    while (len > 0 && len < text.len && (text.data[len] & 0xc0) == 0x80) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t c = text.data[i];
        out[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    out[len] = 0;
    return out;
}
