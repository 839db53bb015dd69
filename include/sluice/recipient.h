/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RECIPIENT_H
#define SLUICE_RECIPIENT_H

#include "sluice/status.h"

/*
 * Addresses of clients, as the whole network writes them: "identity.encryption@gateway", each part a key in base58
 * (docs/protocol/2-messages.md, sections 3.1 and 3.2).
 */

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SLC_RECIPIENT_BYTES = 96,     /* the struct below is the wire form            */
    SLC_RECIPIENT_TEXT_MAX = 135, /* characters of the longest text, final 0 included */
};

struct slc_recipient {
    uint8_t identity[32];       /* Ed25519: who, at the gateway */
    uint8_t encryption_key[32]; /* X25519                       */
    uint8_t gateway[32];        /* Ed25519: where               */
};

/*
 * Reads a text. SLC_MALFORMED, SLC_TOO_SHORT, SLC_TOO_LONG, SLC_BAD_KEY: not an address, `error` (may be NULL) says
 * which part is wrong and how; SLC_BAD_ARGUMENT: NULL. `*recipient` is then unspecified. Any thread.
 */
SLC_API SLC_MUST_CHECK enum slc_status slc_recipient_from_text(const char *text, struct slc_recipient *recipient,
                                                               struct slc_error *error);
/* Writes the text; SLC_BAD_ARGUMENT: NULL. Any thread. */
SLC_API enum slc_status slc_recipient_to_text(const struct slc_recipient *recipient, char text[SLC_RECIPIENT_TEXT_MAX]);

#ifdef __cplusplus
}
#endif

#endif
