/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CLIENT_RECORD_H
#define SLUICE_CLIENT_RECORD_H

#include "engine/message/message.h"

/*
 * What of a client must outlive its process (docs/protocol/4-client.md, sections 7 and 14.4), as a stream of records in
 * order: each changes what the ones before it have built up. Whoever keeps them (struct slc_client_port, keep()) copies
 * a record in the call, numbers it, writes it behind the worker's back, and says with slc_clients_durable() how far the
 * disk has come. After a restart slc_clients_restore() takes what is left.
 *
 * A crash at any instant loses no key and uses no SURB twice, because
 *   - a message that carries SURBs of ours leaves only when all their KEY records are durable;
 *   - a SURB of another goes on the wire only when a record that counts it as released is durable; the block's own
 *     releases the first ones;
 *   - SURBs that came before are known again, should a copy of their message come to the next process.
 * SURBs are released some ahead of their use, so that sending seldom waits; those released and not used are lost in a
 * crash. An orderly end gives them back (slc_clients_settle()).
 *
 * Without keep() nothing is recorded and nothing waits. While keep() has no room, SURBs that come are used without a
 * record: only then a crash forgets that they came.
 */

enum slc_client_record_kind {
    SLC_RECORD_REGISTRATION, /* a session began: gateway, shared_key, timestamp. One per client, the last counts    */
    SLC_RECORD_KEY,          /* a SURB of ours was made: digest, key, at                                            */
    SLC_RECORD_KEY_END,      /* it came back, or is too old: digest                                                 */
    SLC_RECORD_TAG,          /* we write anonymously to `recipient` as `tag`                                        */
    SLC_RECORD_TAG_END,      /* and not any more: recipient                                                         */
    SLC_RECORD_SURBS,        /* another's SURBs came: tag, block, count, released, surb_bytes, explicit_keys, rotation,
                                at, surbs                                                                           */
    SLC_RECORD_LEASE,     /* of that block so many are released from now on: block, released. May be less than before,
                             at an orderly end                                                                   */
    SLC_RECORD_SURBS_END, /* the block is used up or void: block                                                 */
    SLC_RECORD_SEEN,      /* SURBs of another came, before their block's record: digest (of the first one's key), at */
    SLC_RECORD_SEEN_END,  /* they are too old to come again: digest                                               */
    SLC_RECORD_KINDS
};

struct slc_client_record {
    enum slc_client_record_kind kind;
    const uint8_t *gateway;                /* SLC_IDENTITY_BYTES                                                     */
    const uint8_t *shared_key;             /* SLC_SEAL_KEY_BYTES; secret                                             */
    uint64_t timestamp;                    /* of the last authentication                                             */
    const uint8_t *digest;                 /* SLC_SURB_DIGEST_BYTES; names the key                                   */
    const uint8_t *key;                    /* SLC_SURB_KEY_BYTES; secret                                             */
    const struct slc_recipient *recipient; /* names our tag                                                          */
    const uint8_t *tag;                    /* SLC_SENDER_TAG_BYTES                                                   */
    uint64_t block;                        /* from 1; unique among the client's blocks                               */
    uint32_t count;                        /* SURBs in it                                                            */
    uint32_t released;                     /* the first so many may have been used                                   */
    uint16_t surb_bytes;                   /* of one, its 16-byte key first                                          */
    bool explicit_keys;                    /* of the first generation                                                */
    enum slc_rotation rotation;            /* they were made for                                                     */
    const uint8_t *surbs;                  /* count * surb_bytes; secret                                             */
    int64_t at;                            /* unix seconds: when it was made, when they came                         */
};

/* keep()'s answer when it has no room now. */
#define SLC_KEEP_FULL UINT64_MAX

#endif
