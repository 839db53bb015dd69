/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CLIENT_IDENTITY_H
#define SLUICE_CLIENT_IDENTITY_H

#include "crypto/keys/keys.h"
#include "crypto/seal/gcm_siv.h"

#include <stdbool.h>

/*
 * A client's identity on disk: the five PEM files of the published clients (docs/protocol/3-gateway.md, section 14.2),
 * so that a folder of theirs works here and one of ours works there, and `registrations.json`, ours, with the key
 * shared with each gateway. All files have mode 0600. One process at a time may use a folder. Control thread.
 */

/* Loads the keys; makes and stores fresh ones only when none of the five files is there. Errors name the file. */
SLC_MUST_CHECK enum slc_status slc_keys_open(const char *dir, struct slc_client_keys *keys, struct slc_random *random,
                                             struct slc_error *error);

/* What a gateway knows us by. */
struct slc_registration {
    uint8_t gateway[SLC_IDENTITY_BYTES];
    uint8_t key[SLC_SEAL_KEY_BYTES];
    uint64_t timestamp; /* of the last authentication: the next has to be later */
};

/*
 * Finds the registration with `gateway`, or, when that is NULL, the one used last. Without one of ours, it is looked
 * for in a published client's `gateways_registrations.sqlite`, which is only read. SLC_NOT_FOUND: no error, register.
 */
SLC_MUST_CHECK enum slc_status slc_registration_find(const char *dir, const uint8_t *gateway,
                                                     struct slc_registration *registration, struct slc_error *error);
/* Keeps it as the one used last. */
SLC_MUST_CHECK enum slc_status slc_registration_keep(const char *dir, const struct slc_registration *registration,
                                                     struct slc_error *error);

#endif
