/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_STORAGE_INTERNAL_H
#define SLUICE_STORAGE_INTERNAL_H

#include "engine/storage/storage.h"

#include <pthread.h>
#include <sqlite3.h>

/*
 * The rooms of this folder and what they share:
 *   place.c       the directory: its lock, modes, and the head of the database file
 *   storage.c     opening and closing, transactions, what sqlite says in words
 *   schema.c      tables and statements
 *   identities.c  identities and registrations
 *   records.c     records in and out
 *   import.c      a published client's directory
 */

enum { STORAGE_PATH_BYTES = 4096, ROW_CHECK_BYTES = 16 };

/* "Slui" and the version of the tables: in the head of every database of ours. */
enum { APPLICATION_ID = 0x536c7569, SCHEMA_VERSION = 1 };

#define STORAGE_STATEMENTS(X)                                                                                          \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                                        \
    X(COMMIT, "COMMIT")                                                                                                \
    X(ROLLBACK, "ROLLBACK")                                                                                            \
    X(MARK_OPEN, "UPDATE status SET in_use = ?1")                                                                      \
    X(IDENTITY_PUT, "INSERT INTO identity(id, name, seed, public, encryption_secret, encryption, ack, row_check) "     \
                    "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                                                          \
    X(IDENTITY_COUNT, "SELECT (SELECT count(*) FROM identity), (SELECT max(seq) FROM sqlite_sequence)")                \
    X(IDENTITY_HAS, "SELECT 1 FROM identity WHERE id = ?1")                                                            \
    X(IDENTITY_NEXT, IDENTITY_COLUMNS " WHERE i.id > ?1 ORDER BY i.id LIMIT 1")                                        \
    X(IDENTITY_BY_ID, IDENTITY_COLUMNS " WHERE i.id = ?1")                                                             \
    X(IDENTITY_BY_NAME, IDENTITY_COLUMNS " WHERE i.name = ?1")                                                         \
    X(REGISTRATION_PUT, "INSERT OR REPLACE INTO registration(identity, gateway, key, timestamp, row_check) "           \
                        "VALUES(?1, ?2, ?3, ?4, ?5)")                                                                  \
    X(REGISTRATION_USED, "UPDATE identity SET gateway = ?2 WHERE id = ?1")                                             \
    X(REGISTRATION_GET, "SELECT gateway, key, timestamp, row_check FROM registration "                                 \
                        "WHERE identity = ?1 AND gateway = ?2")                                                        \
    X(KEY_PUT, "INSERT OR REPLACE INTO reply_key VALUES(?1, ?2, ?3, ?4, ?5)")                                          \
    X(KEY_END, "DELETE FROM reply_key WHERE identity = ?1 AND digest = ?2")                                            \
    X(KEY_ALL, "SELECT digest, key, at, row_check FROM reply_key WHERE identity = ?1 ORDER BY at")                     \
    X(SEEN_PUT, "INSERT OR REPLACE INTO seen VALUES(?1, ?2, ?3, ?4)")                                                  \
    X(SEEN_END, "DELETE FROM seen WHERE identity = ?1 AND digest = ?2")                                                \
    X(SEEN_ALL, "SELECT digest, at, row_check FROM seen WHERE identity = ?1 ORDER BY at")                              \
    X(TAG_PUT, "INSERT OR REPLACE INTO tag VALUES(?1, ?2, ?3, ?4)")                                                    \
    X(TAG_END, "DELETE FROM tag WHERE identity = ?1 AND recipient = ?2")                                               \
    X(TAG_ALL, "SELECT recipient, tag, row_check FROM tag WHERE identity = ?1")                                        \
    X(SURBS_PUT, "INSERT INTO surbs(surbs, row_check) VALUES(?1, ?2)")                                                 \
    X(BLOCK_PUT, "INSERT OR REPLACE INTO block VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")                  \
    X(BLOCK_LEASE, "UPDATE block SET released = ?3, row_check = ?4 WHERE identity = ?1 AND block = ?2")                \
    X(SURBS_END, "DELETE FROM surbs WHERE id = (SELECT surbs FROM block WHERE identity = ?1 AND block = ?2)")          \
    X(BLOCK_END, "DELETE FROM block WHERE identity = ?1 AND block = ?2")                                               \
    X(BLOCK_ALL, BLOCK_COLUMNS " WHERE b.identity = ?1 ORDER BY b.block")                                              \
    X(BLOCK_SPENT, BLOCK_COLUMNS " WHERE b.released >= b.count LIMIT 1 OFFSET ?1")                                     \
    X(FORGET_SURBS, "DELETE FROM surbs WHERE id IN (SELECT surbs FROM block WHERE identity = ?1)")                     \
    X(FORGET_BLOCKS, "DELETE FROM block WHERE identity = ?1")                                                          \
    X(FORGET_SEEN, "DELETE FROM seen WHERE identity = ?1")                                                             \
    X(FORGET_TAGS, "DELETE FROM tag WHERE identity = ?1")                                                              \
    X(FORGET_KEYS, "DELETE FROM reply_key WHERE identity = ?1")                                                        \
    X(FORGET_REGISTRATIONS, "DELETE FROM registration WHERE identity = ?1")                                            \
    X(FORGET_IDENTITY, "DELETE FROM identity WHERE id = ?1")

#define IDENTITY_COLUMNS                                                                                               \
    "SELECT i.id, i.name, i.seed, i.public, i.encryption_secret, i.encryption, i.ack, i.row_check, "                   \
    "i.gateway, r.key, r.timestamp, r.row_check "                                                                      \
    "FROM identity i LEFT JOIN registration r ON r.identity = i.id AND r.gateway = i.gateway"

#define BLOCK_COLUMNS                                                                                                  \
    "SELECT b.block, b.released, b.count, b.surb_bytes, b.explicit_keys, b.rotation, b.at, b.tag, s.surbs, "           \
    "s.row_check, b.row_check, b.identity FROM block b LEFT JOIN surbs s ON s.id = b.surbs"

enum statement {
#define X(name, sql) STATEMENT_##name,
    STORAGE_STATEMENTS(X)
#undef X
        STATEMENT_COUNT
};

struct slc_storage {
    char path[STORAGE_PATH_BYTES]; /* of the database, for people */
    int lock;                      /* its descriptor; -1: in memory */
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENT_COUNT];
    bool claimed; /* the file says that it is in use: by us */
    pthread_mutex_t turn;
    uint64_t identities, last_identity; /* how many, and the highest number ever given */
    char notice[320];
};

/* ---- place.c ---- */

/* Makes and locks `dir`. */
SLC_MUST_CHECK enum slc_status slc_place_take(const char *dir, int *lock, struct slc_error *error);
void slc_place_leave(int lock);
/* What lies at `path`: SLC_NOT_FOUND nothing; SLC_OK a database of ours, which `has_log` or not. */
SLC_MUST_CHECK enum slc_status slc_place_look(const char *path, bool *has_log, struct slc_error *error);
/* An empty file of mode 0600 at `path`, replacing what an interrupted making left. */
SLC_MUST_CHECK enum slc_status slc_place_make(const char *path, struct slc_error *error);
/* Puts the finished `from` at `to`, safe from loss of power. */
SLC_MUST_CHECK enum slc_status slc_place_move(const char *from, const char *to, struct slc_error *error);

/* ---- schema.c ---- */

/* Text of the tables, and of a statement. */
extern const char slc_schema_tables[];
const char *slc_schema_sql(enum statement statement);

/* ---- storage.c ---- */

/* Fills `error` with what sqlite says about the last call, and what to do. */
enum slc_status slc_storage_failed(const struct slc_storage *s, int code, struct slc_error *error);
/* The statement, ready to be bound. */
sqlite3_stmt *slc_storage_statement(struct slc_storage *s, enum statement statement);
/* Steps a statement that gives no rows, once, and resets it. */
SLC_MUST_CHECK enum slc_status slc_storage_do(struct slc_storage *s, sqlite3_stmt *statement, struct slc_error *error);
SLC_MUST_CHECK enum slc_status slc_storage_begin(struct slc_storage *s, struct slc_error *error);
/* Commits when `status` is SLC_OK, else rolls back; returns what became of it. */
SLC_MUST_CHECK enum slc_status slc_storage_end(struct slc_storage *s, enum slc_status status, struct slc_error *error);

/* Brings what is committed from the log into the database itself, so that losing the log does not lose it. */
SLC_MUST_CHECK enum slc_status slc_storage_settle(struct slc_storage *s, struct slc_error *error);

/* What a row's check column says of `n` pieces of it; a row that says otherwise is damaged. */
void slc_row_check(uint8_t check[ROW_CHECK_BYTES], const struct slc_bytes *pieces, size_t n);
/* A blob column of exactly `len` bytes; NULL: it is not that. */
const uint8_t *slc_row_blob(sqlite3_stmt *row, int column, size_t len);
void slc_row_bind(sqlite3_stmt *statement, int parameter, const void *bytes, size_t len);
enum slc_status slc_row_damaged(const struct slc_storage *s, const char *what, uint64_t identity,
                                struct slc_error *error);

/* ---- records.c ---- */

/* Ends blocks that a crash left without a SURB to use. */
SLC_MUST_CHECK enum slc_status slc_records_prune(struct slc_storage *s, struct slc_error *error);

/* ---- identities.c, while the caller holds the turn ---- */

/* Counts them; again after a transaction that failed. */
void slc_identities_count(struct slc_storage *s);

SLC_MUST_CHECK enum slc_status slc_identity_put(struct slc_storage *s, const char *name,
                                                const struct slc_client_keys *keys, uint64_t *identity,
                                                struct slc_error *error);
SLC_MUST_CHECK enum slc_status slc_registration_put(struct slc_storage *s, uint64_t identity,
                                                    const uint8_t gateway[SLC_IDENTITY_BYTES],
                                                    const uint8_t key[SLC_SEAL_KEY_BYTES], uint64_t timestamp,
                                                    struct slc_error *error);

#endif
