/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LOAD_MESSAGE_H
#define SLUICE_LOAD_MESSAGE_H

#include "crypto/base/bytes.h"
#include "crypto/base/time.h"

#include <sodium.h>

/*
 * What a load message carries: who sent it when, and a checksum over all of it, so that what arrives can be told from
 * what was sent. Big-endian:
 *
 *     offset  bytes
 *          0      4  magic "SLLD"
 *          4      4  length of the whole message
 *          8      8  id, counted from 0 in order of intended time
 *         16      8  intended time, nanoseconds of the run's clock
 *         24      4  sender
 *         28      4  recipient
 *         32      8  SipHash-2-4, under the run's key, of everything else in order
 *         40         filler drawn from the id
 */
enum { SLC_LOAD_HEAD_BYTES = 40 };

/* The key is the run's own: a message of another run does not verify. */
struct slc_load_key {
    uint8_t bytes[crypto_shorthash_KEYBYTES];
};

struct slc_load_head {
    uint64_t id;
    slc_time intended;
    uint32_t sender, recipient;
};

/* Fills out[0 .. len); len >= SLC_LOAD_HEAD_BYTES. */
void slc_load_message_write(uint8_t *out, size_t len, const struct slc_load_head *head, const struct slc_load_key *key);

enum slc_load_check {
    SLC_LOAD_INTACT,
    SLC_LOAD_DAMAGED,      /* the head can be read, the checksum or the length is wrong */
    SLC_LOAD_UNRECOGNISED, /* not one of ours                                           */
};
/* `head` is filled unless UNRECOGNISED; of a DAMAGED message it is to be believed only where the ledger agrees. */
enum slc_load_check slc_load_message_check(struct slc_bytes message, const struct slc_load_key *key,
                                           struct slc_load_head *head);

#endif
