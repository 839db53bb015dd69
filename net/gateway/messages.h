/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_GATEWAY_MESSAGES_H
#define SLUICE_GATEWAY_MESSAGES_H

#include "crypto/base/bytes.h"
#include "crypto/base/error.h"

/*
 * The JSON control messages between client and gateway, both directions, one text message each
 * (docs/protocol/3-gateway.md, sections 3, 5, 6, 7 and 8).
 */

/* Versions of the gateway protocol (section 3). */
enum {
    SLC_GATEWAY_VERSION_OLDEST = 4,   /* the first that can authenticate */
    SLC_GATEWAY_VERSION_ROTATION = 5, /* from here on: mix packets v2    */
    SLC_GATEWAY_VERSION = 6,          /* the newest, ours                */
};

enum {
    SLC_MESSAGE_TEXT_LIMIT = 32 * 1024, /* longest text that is read; an ecash request has about 5 KiB       */
    SLC_MESSAGE_STORE = 2048,           /* bytes, decoded, of all fields of one message                      */
};

/* Which messages are legal where: the same `type` is known in one place and unknown in another. */
enum slc_control_message_set {
    SLC_MESSAGES_REQUEST = 1,   /* client to gateway, outside the handshake */
    SLC_MESSAGES_RESPONSE = 2,  /* gateway to client, outside the handshake */
    SLC_MESSAGES_HANDSHAKE = 4, /* both ways, inside the handshake          */
};

/* The kind is the `type`; behind it the fields that it has. */
enum slc_control_message_kind {
    SLC_MESSAGE_HANDSHAKE_PAYLOAD,         /* version, data                                                      */
    SLC_MESSAGE_HANDSHAKE_ERROR,           /* text                                                               */
    SLC_MESSAGE_REGISTER_INIT,             /* version, data; what a handshakePayload is called as a request      */
    SLC_MESSAGE_AUTHENTICATE_V2,           /* version, identity, data (ciphertext), nonce, timestamp, signature  */
    SLC_MESSAGE_CLAIM_TESTNET_BANDWIDTH,   /* nothing                                                            */
    SLC_MESSAGE_ECASH_CREDENTIAL,          /* data, nonce                                                        */
    SLC_MESSAGE_UPGRADE_MODE_JWT,          /* text                                                               */
    SLC_MESSAGE_ENCRYPTED_REQUEST,         /* data, nonce                                                        */
    SLC_MESSAGE_SUPPORTED_PROTOCOL_ASK,    /* nothing                                                            */
    SLC_MESSAGE_AUTHENTICATE_V1,           /* has_version, version, identity, data, nonce, all three base58 text */
    SLC_MESSAGE_BANDWIDTH_CREDENTIAL,      /* data, nonce                                                        */
    SLC_MESSAGE_BANDWIDTH_CREDENTIAL_V2,   /* data, nonce                                                        */
    SLC_MESSAGE_AUTHENTICATED,             /* version, status, bandwidth, upgrade_mode                           */
    SLC_MESSAGE_REGISTERED,                /* version, status, upgrade_mode                                      */
    SLC_MESSAGE_SUPPORTED_PROTOCOL_ANSWER, /* version                                                            */
    SLC_MESSAGE_BANDWIDTH,                 /* bandwidth, upgrade_mode                                            */
    SLC_MESSAGE_SENT,                      /* bandwidth, upgrade_mode                                            */
    SLC_MESSAGE_ENCRYPTED_RESPONSE,        /* data, nonce                                                        */
    SLC_MESSAGE_ERROR,                     /* text                                                               */
    SLC_MESSAGE_TYPED_ERROR,               /* ticket_replay; or else required, bandwidth: out of bandwidth       */
};

/* One message. Reading, the views point into `store`: do not copy the struct. Writing, they point anywhere. */
struct slc_control_message {
    enum slc_control_message_kind kind;
    uint8_t version;
    bool has_version;
    bool status;
    bool upgrade_mode;
    bool ticket_replay;
    int64_t bandwidth;
    int64_t required;
    uint64_t timestamp;
    struct slc_bytes identity;
    struct slc_bytes data;
    struct slc_bytes nonce;
    struct slc_bytes signature;
    struct slc_bytes text;
    size_t stored;
    uint8_t store[SLC_MESSAGE_STORE];
};

/*
 * Reads one text message of one of `sets` (slc_control_message_set, or-ed). Lengths of byte fields are their user's to
 * check.
 *
 * SLC_UNSUPPORTED: well-formed JSON with a `type` that is unknown there. Otherwise what is wrong: SLC_TOO_LONG,
 * SLC_NOT_UTF8, SLC_TOO_DEEP, SLC_MALFORMED (syntax, missing field, wrong kind of value), SLC_OUT_OF_RANGE,
 * SLC_DUPLICATE (a known key twice). Any thread.
 */
SLC_MUST_CHECK enum slc_status slc_control_message_parse(struct slc_bytes text, unsigned sets,
                                                         struct slc_control_message *message);

/* Appends the message as the published client and gateway write it, byte for byte. Check the writer. Any thread. */
void slc_control_message_write(const struct slc_control_message *message, struct slc_writer *out);

/*
 * A peer's words for people and logs: cut to `cap` with its final 0, at a character's end, and without anything that a
 * terminal would obey. Returns `out`. Any thread.
 */
const char *slc_control_message_words(struct slc_bytes text, char *out, size_t cap);

#endif
