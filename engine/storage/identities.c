/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/storage/storage_internal.h"

#include "crypto/base/secret.h"

#include <stdlib.h>
#include <string.h>

/* Of a registration that is still to be made. */
static const uint8_t no_key[SLC_SEAL_KEY_BYTES];

/* ---- rows to clients ---- */

static void check_keys(uint8_t check[ROW_CHECK_BYTES], uint64_t identity, const char *name,
                       const struct slc_client_keys *keys)
{
    const struct slc_bytes pieces[] = {
        slc_bytes(&identity, sizeof identity),
        slc_bytes(keys->identity.seed, sizeof keys->identity.seed),
        slc_bytes(keys->identity.public_key, SLC_IDENTITY_BYTES),
        slc_bytes(keys->encryption_secret, SLC_KEY_BYTES),
        slc_bytes(keys->encryption_key, SLC_KEY_BYTES),
        slc_bytes(keys->ack_key, SLC_ACK_KEY_BYTES),
        slc_bytes_of_text(name),
    };
    slc_row_check(check, pieces, sizeof pieces / sizeof *pieces);
}

static void check_registration(uint8_t check[ROW_CHECK_BYTES], uint64_t identity, const uint8_t *gateway,
                               const uint8_t *key, uint64_t timestamp)
{
    const struct slc_bytes pieces[] = {slc_bytes(&identity, sizeof identity), slc_bytes(gateway, SLC_IDENTITY_BYTES),
                                       slc_bytes(key, SLC_SEAL_KEY_BYTES), slc_bytes(&timestamp, sizeof timestamp)};
    slc_row_check(check, pieces, sizeof pieces / sizeof *pieces);
}

/* The four columns from `first` on: gateway, key, timestamp, check. */
static enum slc_status take_registration(const struct slc_storage *s, sqlite3_stmt *row, int first,
                                         struct slc_stored_client *out, struct slc_error *error)
{
    const uint8_t *gateway = slc_row_blob(row, first, SLC_IDENTITY_BYTES);
    const uint8_t *key = slc_row_blob(row, first + 1, SLC_SEAL_KEY_BYTES);
    const uint8_t *kept = slc_row_blob(row, first + 3, ROW_CHECK_BYTES);
    uint8_t check[ROW_CHECK_BYTES];
    if (gateway == NULL || key == NULL || kept == NULL) {
        return slc_row_damaged(s, "the registration", out->identity, error);
    }
    out->timestamp = (uint64_t)sqlite3_column_int64(row, first + 2);
    check_registration(check, out->identity, gateway, key, out->timestamp);
    if (memcmp(check, kept, sizeof check) != 0) return slc_row_damaged(s, "the registration", out->identity, error);
    memcpy(out->gateway, gateway, SLC_IDENTITY_BYTES);
    memcpy(out->shared_key, key, SLC_SEAL_KEY_BYTES);
    out->has_gateway = true;
    out->registered = !slc_equal(key, no_key, sizeof no_key);
    return SLC_OK;
}

static bool copy(sqlite3_stmt *row, int column, uint8_t *out, size_t len)
{
    const uint8_t *blob = slc_row_blob(row, column, len);
    if (blob != NULL) memcpy(out, blob, len);
    return blob != NULL;
}

/* A row of IDENTITY_COLUMNS. */
static enum slc_status take_row(const struct slc_storage *s, sqlite3_stmt *row, struct slc_stored_client *out,
                                struct slc_error *error)
{
    memset(out, 0, sizeof *out);
    out->identity = (uint64_t)sqlite3_column_int64(row, 0);
    const char *name = (const char *)sqlite3_column_text(row, 1);
    size_t len = name != NULL ? strlen(name) : 0;
    bool whole = len < sizeof out->name;
    if (whole && len > 0) memcpy(out->name, name, len);
    whole = whole && copy(row, 2, out->keys.identity.seed, sizeof out->keys.identity.seed);
    whole = whole && copy(row, 3, out->keys.identity.public_key, SLC_IDENTITY_BYTES);
    whole = whole && copy(row, 4, out->keys.encryption_secret, SLC_KEY_BYTES);
    whole = whole && copy(row, 5, out->keys.encryption_key, SLC_KEY_BYTES);
    whole = whole && copy(row, 6, out->keys.ack_key, SLC_ACK_KEY_BYTES);
    const uint8_t *kept = slc_row_blob(row, 7, ROW_CHECK_BYTES);
    uint8_t check[ROW_CHECK_BYTES];
    check_keys(check, out->identity, out->name, &out->keys);
    if (!whole || kept == NULL || memcmp(check, kept, sizeof check) != 0) {
        return slc_row_damaged(s, "the keys", out->identity, error);
    }
    if (sqlite3_column_type(row, 8) == SQLITE_NULL) return SLC_OK;
    return take_registration(s, row, 8, out, error);
}

/* ---- finding ---- */

void slc_identities_count(struct slc_storage *s)
{
    sqlite3_stmt *row = slc_storage_statement(s, STATEMENT_IDENTITY_COUNT);
    if (sqlite3_step(row) == SQLITE_ROW) {
        s->identities = (uint64_t)sqlite3_column_int64(row, 0);
        s->last_identity = (uint64_t)sqlite3_column_int64(row, 1);
    }
    (void)sqlite3_reset(row);
}

uint64_t slc_storage_count(const struct slc_storage *s)
{
    return s->identities;
}

/* The one row of a bound statement. */
static enum slc_status take_one(struct slc_storage *s, sqlite3_stmt *row, struct slc_stored_client *stored,
                                struct slc_error *error)
{
    int code = sqlite3_step(row);
    enum slc_status status = code == SQLITE_ROW    ? take_row(s, row, stored, error)
                             : code == SQLITE_DONE ? SLC_NOT_FOUND
                                                   : slc_storage_failed(s, code, error);
    (void)sqlite3_reset(row);
    return status;
}

enum slc_status slc_storage_find(struct slc_storage *s, uint64_t identity, struct slc_stored_client *stored,
                                 struct slc_error *error)
{
    (void)pthread_mutex_lock(&s->turn);
    sqlite3_stmt *row = slc_storage_statement(s, STATEMENT_IDENTITY_BY_ID);
    (void)sqlite3_bind_int64(row, 1, (sqlite3_int64)identity);
    enum slc_status status = take_one(s, row, stored, error);
    (void)pthread_mutex_unlock(&s->turn);
    if (status != SLC_NOT_FOUND) return status;
    return slc_fail(error, SLC_NOT_FOUND, "%s: no identity number %llu", s->path, (unsigned long long)identity);
}

enum slc_status slc_storage_next(struct slc_storage *s, uint64_t after, struct slc_stored_client *stored,
                                 struct slc_error *error)
{
    (void)pthread_mutex_lock(&s->turn);
    sqlite3_stmt *row = slc_storage_statement(s, STATEMENT_IDENTITY_NEXT);
    (void)sqlite3_bind_int64(row, 1, (sqlite3_int64)after);
    enum slc_status status = take_one(s, row, stored, error);
    (void)pthread_mutex_unlock(&s->turn);
    if (status != SLC_NOT_FOUND) return status;
    return slc_fail(error, SLC_NOT_FOUND, "%s: no identity above number %llu", s->path, (unsigned long long)after);
}

enum slc_status slc_storage_find_name(struct slc_storage *s, const char *name, struct slc_stored_client *stored,
                                      struct slc_error *error)
{
    (void)pthread_mutex_lock(&s->turn);
    sqlite3_stmt *row = slc_storage_statement(s, STATEMENT_IDENTITY_BY_NAME);
    (void)sqlite3_bind_text(row, 1, name, -1, SQLITE_STATIC);
    enum slc_status status = take_one(s, row, stored, error);
    (void)sqlite3_clear_bindings(row);
    (void)pthread_mutex_unlock(&s->turn);
    if (status != SLC_NOT_FOUND) return status;
    return slc_fail(error, SLC_NOT_FOUND, "%s: no identity named %.64s", s->path, name);
}

static sqlite3_stmt *registration_row(struct slc_storage *s, uint64_t identity,
                                      const uint8_t gateway[SLC_IDENTITY_BYTES])
{
    sqlite3_stmt *row = slc_storage_statement(s, STATEMENT_REGISTRATION_GET);
    (void)sqlite3_bind_int64(row, 1, (sqlite3_int64)identity);
    slc_row_bind(row, 2, gateway, SLC_IDENTITY_BYTES);
    return row;
}

enum slc_status slc_storage_registration(struct slc_storage *s, const uint8_t gateway[SLC_IDENTITY_BYTES],
                                         struct slc_stored_client *stored, struct slc_error *error)
{
    (void)pthread_mutex_lock(&s->turn);
    sqlite3_stmt *row = registration_row(s, stored->identity, gateway);
    stored->registered = false;
    int code = sqlite3_step(row);
    enum slc_status status = code == SQLITE_ROW    ? take_registration(s, row, 0, stored, error)
                             : code == SQLITE_DONE ? SLC_OK
                                                   : slc_storage_failed(s, code, error);
    (void)sqlite3_reset(row);
    (void)sqlite3_clear_bindings(row);
    (void)pthread_mutex_unlock(&s->turn);
    return status;
}

void slc_stored_setup(const struct slc_stored_client *stored, struct slc_client_setup *setup)
{
    *setup = (struct slc_client_setup){.keys = stored->keys, .identity = stored->identity};
    memcpy(setup->gateway, stored->gateway, sizeof setup->gateway);
    if (!stored->registered) return;
    setup->shared_key = stored->shared_key;
    setup->last_timestamp = stored->timestamp;
}

/* ---- adding ---- */

enum slc_status slc_identity_put(struct slc_storage *s, const char *name, const struct slc_client_keys *keys,
                                 uint64_t *identity, struct slc_error *error)
{
    uint8_t check[ROW_CHECK_BYTES];
    if (strlen(name) >= SLC_STORED_NAME_MAX) {
        return slc_fail(error, SLC_TOO_LONG, "%.20s...: a name has at most %d characters", name,
                        SLC_STORED_NAME_MAX - 1);
    }
    check_keys(check, s->last_identity + 1, name, keys);
    sqlite3_stmt *put = slc_storage_statement(s, STATEMENT_IDENTITY_PUT);
    (void)sqlite3_bind_int64(put, 1, (sqlite3_int64)s->last_identity + 1);
    if (name[0] != 0) (void)sqlite3_bind_text(put, 2, name, -1, SQLITE_STATIC);
    slc_row_bind(put, 3, keys->identity.seed, sizeof keys->identity.seed);
    slc_row_bind(put, 4, keys->identity.public_key, SLC_IDENTITY_BYTES);
    slc_row_bind(put, 5, keys->encryption_secret, SLC_KEY_BYTES);
    slc_row_bind(put, 6, keys->encryption_key, SLC_KEY_BYTES);
    slc_row_bind(put, 7, keys->ack_key, SLC_ACK_KEY_BYTES);
    slc_row_bind(put, 8, check, sizeof check);
    enum slc_status status = slc_storage_do(s, put, error);
    if (status == SLC_DUPLICATE) return slc_fail(error, status, "%s: there is a client named %s", s->path, name);
    if (status != SLC_OK) return status;
    s->identities++;
    *identity = ++s->last_identity;
    return SLC_OK;
}

static enum slc_status use_gateway(struct slc_storage *s, uint64_t identity, const uint8_t gateway[SLC_IDENTITY_BYTES],
                                   struct slc_error *error)
{
    sqlite3_stmt *used = slc_storage_statement(s, STATEMENT_REGISTRATION_USED);
    (void)sqlite3_bind_int64(used, 1, (sqlite3_int64)identity);
    slc_row_bind(used, 2, gateway, SLC_IDENTITY_BYTES);
    return slc_storage_do(s, used, error);
}

enum slc_status slc_registration_put(struct slc_storage *s, uint64_t identity,
                                     const uint8_t gateway[SLC_IDENTITY_BYTES], const uint8_t key[SLC_SEAL_KEY_BYTES],
                                     uint64_t timestamp, struct slc_error *error)
{
    uint8_t check[ROW_CHECK_BYTES];
    check_registration(check, identity, gateway, key, timestamp);
    sqlite3_stmt *put = slc_storage_statement(s, STATEMENT_REGISTRATION_PUT);
    (void)sqlite3_bind_int64(put, 1, (sqlite3_int64)identity);
    slc_row_bind(put, 2, gateway, SLC_IDENTITY_BYTES);
    slc_row_bind(put, 3, key, SLC_SEAL_KEY_BYTES);
    (void)sqlite3_bind_int64(put, 4, (sqlite3_int64)timestamp);
    slc_row_bind(put, 5, check, sizeof check);
    enum slc_status status = slc_storage_do(s, put, error);
    return status == SLC_OK ? use_gateway(s, identity, gateway, error) : status;
}

static enum slc_status choose(struct slc_storage *s, uint64_t identity, const uint8_t gateway[SLC_IDENTITY_BYTES],
                              struct slc_error *error)
{
    sqlite3_stmt *row = registration_row(s, identity, gateway);
    int code = sqlite3_step(row);
    (void)sqlite3_reset(row);
    if (code == SQLITE_DONE) return slc_registration_put(s, identity, gateway, no_key, 0, error);
    return code == SQLITE_ROW ? use_gateway(s, identity, gateway, error) : slc_storage_failed(s, code, error);
}

enum slc_status slc_storage_choose(struct slc_storage *s, uint64_t identity, const uint8_t gateway[SLC_IDENTITY_BYTES],
                                   struct slc_error *error)
{
    (void)pthread_mutex_lock(&s->turn);
    enum slc_status status = slc_storage_begin(s, error);
    if (status == SLC_OK) status = slc_storage_end(s, choose(s, identity, gateway, error), error);
    (void)pthread_mutex_unlock(&s->turn);
    return status;
}

enum slc_status slc_storage_add(struct slc_storage *s, const char *name, const struct slc_client_keys *keys,
                                uint64_t *identity, struct slc_error *error)
{
    (void)pthread_mutex_lock(&s->turn);
    enum slc_status status = slc_storage_begin(s, error);
    if (status == SLC_OK) status = slc_storage_end(s, slc_identity_put(s, name, keys, identity, error), error);
    if (status == SLC_OK) status = slc_storage_settle(s, error);
    (void)pthread_mutex_unlock(&s->turn);
    return status;
}

static enum slc_status make(struct slc_storage *s, uint64_t count, struct slc_random *random, struct slc_error *error)
{
    struct slc_client_keys *keys = slc_guarded_new(sizeof *keys);
    if (keys == NULL) return slc_fail(error, SLC_NO_MEMORY, "no guarded memory for keys");
    enum slc_status status = SLC_OK;
    for (uint64_t i = 0; i < count && status == SLC_OK; i++) {
        uint64_t identity;
        slc_client_keys_generate(keys, random);
        status = slc_identity_put(s, "", keys, &identity, error);
    }
    slc_guarded_free(keys);
    return status;
}

enum slc_status slc_storage_provide(struct slc_storage *s, uint64_t count, struct slc_random *random,
                                    struct slc_error *error)
{
    (void)pthread_mutex_lock(&s->turn);
    enum slc_status status = SLC_OK;
    if (count > s->identities) {
        status = slc_storage_begin(s, error);
        if (status == SLC_OK) status = slc_storage_end(s, make(s, count - s->identities, random, error), error);
        if (status == SLC_OK) status = slc_storage_settle(s, error);
    }
    (void)pthread_mutex_unlock(&s->turn);
    return status;
}

/* ---- removing ---- */

static enum slc_status forget(struct slc_storage *s, uint64_t identity, struct slc_error *error)
{
    static const enum statement steps[] = {
        STATEMENT_FORGET_SURBS, STATEMENT_FORGET_BLOCKS,        STATEMENT_FORGET_TAGS,    STATEMENT_FORGET_KEYS,
        STATEMENT_FORGET_SEEN,  STATEMENT_FORGET_REGISTRATIONS, STATEMENT_FORGET_IDENTITY};
    enum slc_status status = SLC_OK;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == SLC_OK; i++) {
        sqlite3_stmt *step = slc_storage_statement(s, steps[i]);
        (void)sqlite3_bind_int64(step, 1, (sqlite3_int64)identity);
        status = slc_storage_do(s, step, error);
    }
    if (status == SLC_OK && sqlite3_changes(s->db) == 0) {
        return slc_fail(error, SLC_NOT_FOUND, "%s: no identity number %llu", s->path, (unsigned long long)identity);
    }
    return status;
}

enum slc_status slc_storage_remove(struct slc_storage *s, uint64_t identity, struct slc_error *error)
{
    (void)pthread_mutex_lock(&s->turn);
    enum slc_status status = slc_storage_begin(s, error);
    if (status == SLC_OK) status = slc_storage_end(s, forget(s, identity, error), error);
    if (status == SLC_OK) s->identities--;
    (void)pthread_mutex_unlock(&s->turn);
    return status;
}
