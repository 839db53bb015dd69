/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_STORAGE_H
#define SLUICE_STORAGE_H

#include "engine/client/client.h"
#include "engine/client/record.h"

/*
 * What clients keep between runs (docs/storage.md; docs/protocol/4-client.md, section 14.4): identities, gateway
 * registrations, and what replies need. One directory per engine, with one sqlite database in WAL mode; what a
 * function has returned for is safe from a crash of the process and from a loss of power.
 *
 * No thread and no clock in it: engine/storage/keeper.h writes behind workers' backs, the simulator calls it directly.
 * Any thread; calls take turns. They wait for the disk, so no worker may call them.
 */

struct slc_storage;

/*
 * Opens, or makes, the storage in `dir` (made with mode 0700; its files 0600); NULL: in memory, gone with the handle.
 * What is there and cannot be used stays as it is, and nothing is made in its place. The error names the file and what
 * to do:
 *   SLC_DUPLICATE    another process uses it (which one)
 *   SLC_DENIED       no permission, or others may write the directory or read the keys
 *   SLC_MALFORMED    damaged, or not a database of ours
 *   SLC_UNSUPPORTED  made by a newer version
 *   SLC_FULL, SLC_IO the disk
 */
SLC_MUST_CHECK enum slc_status slc_storage_open(struct slc_storage **storage, const char *dir, struct slc_error *error);
/* Takes NULL. */
void slc_storage_close(struct slc_storage *storage);
/* What a person should know about the storage that was opened, or NULL; lives as long as it. */
const char *slc_storage_notice(const struct slc_storage *storage);

/* ---- identities and their registrations ---- */

enum { SLC_STORED_NAME_MAX = 64 }; /* characters, and the final 0 */

/* Keep it in guarded memory. */
struct slc_stored_client {
    uint64_t identity; /* its number: 1 and up, in order of making */
    char name[SLC_STORED_NAME_MAX];
    struct slc_client_keys keys;
    bool has_gateway; /* the one used last, or chosen: part of its address */
    bool registered;  /* there, with what follows                          */
    uint8_t gateway[SLC_IDENTITY_BYTES];
    uint8_t shared_key[SLC_SEAL_KEY_BYTES];
    uint64_t timestamp; /* of the last authentication: the next has to be later */
};

uint64_t slc_storage_count(const struct slc_storage *storage);
/* The one with the lowest number above `after`; 0: the first. SLC_NOT_FOUND: there is none. */
SLC_MUST_CHECK enum slc_status slc_storage_next(struct slc_storage *storage, uint64_t after,
                                                struct slc_stored_client *stored, struct slc_error *error);
/* By number, or by name. SLC_NOT_FOUND. */
SLC_MUST_CHECK enum slc_status slc_storage_find(struct slc_storage *storage, uint64_t identity,
                                                struct slc_stored_client *stored, struct slc_error *error);
SLC_MUST_CHECK enum slc_status slc_storage_find_name(struct slc_storage *storage, const char *name,
                                                     struct slc_stored_client *stored, struct slc_error *error);
/* Fills in the registration of `stored` with `gateway` instead; `registered` is false when there is none. */
SLC_MUST_CHECK enum slc_status slc_storage_registration(struct slc_storage *storage,
                                                        const uint8_t gateway[SLC_IDENTITY_BYTES],
                                                        struct slc_stored_client *stored, struct slc_error *error);
/*
 * Keeps where an identity is going to register, before anybody hears of its address: a crash before its registration
 * is kept does not move it.
 */
SLC_MUST_CHECK enum slc_status slc_storage_choose(struct slc_storage *storage, uint64_t identity,
                                                  const uint8_t gateway[SLC_IDENTITY_BYTES], struct slc_error *error);
/* Keeps keys as a new identity; `name` may be "". SLC_DUPLICATE (the name), SLC_TOO_LONG, disk. */
SLC_MUST_CHECK enum slc_status slc_storage_add(struct slc_storage *storage, const char *name,
                                               const struct slc_client_keys *keys, uint64_t *identity,
                                               struct slc_error *error);
/* Makes as many nameless identities as are missing to `count`, all or none. */
SLC_MUST_CHECK enum slc_status slc_storage_provide(struct slc_storage *storage, uint64_t count,
                                                   struct slc_random *random, struct slc_error *error);
/*
 * Adds the identity of a published client's directory, with its active registration; that directory is only read.
 * SLC_NOT_FOUND: none of its key files is there; a directory that lost some of them is SLC_MALFORMED.
 */
SLC_MUST_CHECK enum slc_status slc_storage_import(struct slc_storage *storage, const char *dir, uint64_t *identity,
                                                  struct slc_error *error);
/* Forgets an identity and all that belongs to it. SLC_NOT_FOUND. */
SLC_MUST_CHECK enum slc_status slc_storage_remove(struct slc_storage *storage, uint64_t identity,
                                                  struct slc_error *error);
/* What slc_engine_add() wants; points into `stored`, whose gateway is left to choose when it has none. */
void slc_stored_setup(const struct slc_stored_client *stored, struct slc_client_setup *setup);

/* ---- records (engine/client/record.h) ---- */

/* A record that owns what it points to. */
struct slc_stored_record {
    uint64_t identity;
    size_t bytes; /* of all of it */
    struct slc_client_record record;
    uint8_t data[];
};
/* NULL: no memory. Any thread; not for packet paths. */
struct slc_stored_record *slc_stored_record_new(uint64_t identity, const struct slc_client_record *record);
/* Wipes it. Takes NULL. */
void slc_stored_record_free(struct slc_stored_record *record);

/*
 * Applies records in order, all or none: when it returns SLC_OK they are durable. After a failure the same may be
 * tried again.
 */
SLC_MUST_CHECK enum slc_status slc_storage_apply(struct slc_storage *storage, struct slc_stored_record *const *records,
                                                 size_t n, struct slc_error *error);
/*
 * What is left of an identity's records, as such: its KEYs and SEENs, oldest first, its TAGs, its SURBS in order of
 * block with `released` as the last LEASE said; the registration is in slc_stored_client. `each` may not call back into
 * the storage, and what it is handed lives during the call; what it returns ends the load unless it is SLC_OK.
 * SLC_NOT_FOUND.
 */
SLC_MUST_CHECK enum slc_status slc_storage_load(struct slc_storage *storage, uint64_t identity,
                                                enum slc_status (*each)(void *self,
                                                                        const struct slc_client_record *record),
                                                void *self, struct slc_error *error);

#endif
