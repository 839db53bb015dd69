/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/storage/storage_internal.h"

#include "crypto/base/secret.h"

#include <stdlib.h>
#include <string.h>

/* ---- copies ---- */

/* What a record points to, and how much of it. */
struct piece {
    const uint8_t **at;
    size_t len;
};
enum { PIECES = 7 };

static void list_pieces(struct slc_client_record *r, struct piece pieces[PIECES])
{
    const struct piece list[PIECES] = {
        {&r->gateway, SLC_IDENTITY_BYTES},
        {&r->shared_key, SLC_SEAL_KEY_BYTES},
        {&r->digest, SLC_SURB_DIGEST_BYTES},
        {&r->key, SLC_SURB_KEY_BYTES},
        {(const uint8_t **)&r->recipient, sizeof *r->recipient},
        {&r->tag, SLC_SENDER_TAG_BYTES},
        {&r->surbs, (size_t)r->count * r->surb_bytes},
    };
    memcpy(pieces, list, sizeof list);
}

struct slc_stored_record *slc_stored_record_new(uint64_t identity, const struct slc_client_record *record)
{
    struct slc_client_record copy = *record;
    struct piece pieces[PIECES];
    size_t bytes = 0;
    list_pieces(&copy, pieces);
    for (size_t i = 0; i < PIECES; i++) {
        if (*pieces[i].at != NULL) bytes += pieces[i].len;
    }
    struct slc_stored_record *stored = malloc(sizeof *stored + bytes);
    if (stored == NULL) return NULL;
    uint8_t *next = stored->data;
    for (size_t i = 0; i < PIECES; i++) {
        if (*pieces[i].at == NULL) continue;
        memcpy(next, *pieces[i].at, pieces[i].len);
        *pieces[i].at = next;
        next += pieces[i].len;
    }
    stored->identity = identity;
    stored->bytes = sizeof *stored + bytes;
    stored->record = copy;
    return stored;
}

void slc_stored_record_free(struct slc_stored_record *stored)
{
    if (stored == NULL) return;
    slc_wipe(stored, stored->bytes);
    free(stored);
}

/* ---- checks ---- */

static void check_key(uint8_t check[ROW_CHECK_BYTES], uint64_t identity, const struct slc_client_record *r)
{
    const struct slc_bytes pieces[] = {slc_bytes(&identity, sizeof identity), slc_bytes(&r->at, sizeof r->at),
                                       slc_bytes(r->digest, SLC_SURB_DIGEST_BYTES),
                                       slc_bytes(r->key, SLC_SURB_KEY_BYTES)};
    slc_row_check(check, pieces, sizeof pieces / sizeof *pieces);
}

static void check_seen(uint8_t check[ROW_CHECK_BYTES], uint64_t identity, const struct slc_client_record *r)
{
    const struct slc_bytes pieces[] = {slc_bytes(&identity, sizeof identity), slc_bytes(&r->at, sizeof r->at),
                                       slc_bytes(r->digest, SLC_SURB_DIGEST_BYTES)};
    slc_row_check(check, pieces, sizeof pieces / sizeof *pieces);
}

static void check_tag(uint8_t check[ROW_CHECK_BYTES], uint64_t identity, const struct slc_client_record *r)
{
    const struct slc_bytes pieces[] = {slc_bytes(&identity, sizeof identity),
                                       slc_bytes(r->recipient, sizeof *r->recipient),
                                       slc_bytes(r->tag, SLC_SENDER_TAG_BYTES)};
    slc_row_check(check, pieces, sizeof pieces / sizeof *pieces);
}

/* Of all but `released`, which changes alone. */
static void check_surbs(uint8_t check[ROW_CHECK_BYTES], uint64_t identity, const struct slc_client_record *r)
{
    const uint64_t numbers[] = {identity,         r->block,    r->count,       r->surb_bytes,
                                r->explicit_keys, r->rotation, (uint64_t)r->at};
    const struct slc_bytes pieces[] = {slc_bytes(numbers, sizeof numbers), slc_bytes(r->tag, SLC_SENDER_TAG_BYTES),
                                       slc_bytes(r->surbs, (size_t)r->count * r->surb_bytes)};
    slc_row_check(check, pieces, sizeof pieces / sizeof *pieces);
}

static void check_lease(uint8_t check[ROW_CHECK_BYTES], uint64_t identity, const struct slc_client_record *r)
{
    const uint64_t numbers[] = {identity, r->block, r->released};
    const struct slc_bytes pieces[] = {slc_bytes(numbers, sizeof numbers)};
    slc_row_check(check, pieces, 1);
}

/* ---- in ---- */

static sqlite3_stmt *begin(struct slc_storage *s, enum statement statement, uint64_t identity)
{
    sqlite3_stmt *prepared = slc_storage_statement(s, statement);
    (void)sqlite3_bind_int64(prepared, 1, (sqlite3_int64)identity);
    return prepared;
}

static enum slc_status put_key(struct slc_storage *s, uint64_t identity, const struct slc_client_record *r,
                               struct slc_error *error)
{
    uint8_t check[ROW_CHECK_BYTES];
    check_key(check, identity, r);
    sqlite3_stmt *put = begin(s, STATEMENT_KEY_PUT, identity);
    slc_row_bind(put, 2, r->digest, SLC_SURB_DIGEST_BYTES);
    slc_row_bind(put, 3, r->key, SLC_SURB_KEY_BYTES);
    (void)sqlite3_bind_int64(put, 4, r->at);
    slc_row_bind(put, 5, check, sizeof check);
    return slc_storage_do(s, put, error);
}

static enum slc_status put_seen(struct slc_storage *s, uint64_t identity, const struct slc_client_record *r,
                                struct slc_error *error)
{
    uint8_t check[ROW_CHECK_BYTES];
    check_seen(check, identity, r);
    sqlite3_stmt *put = begin(s, STATEMENT_SEEN_PUT, identity);
    slc_row_bind(put, 2, r->digest, SLC_SURB_DIGEST_BYTES);
    (void)sqlite3_bind_int64(put, 3, r->at);
    slc_row_bind(put, 4, check, sizeof check);
    return slc_storage_do(s, put, error);
}

static enum slc_status put_tag(struct slc_storage *s, uint64_t identity, const struct slc_client_record *r,
                               struct slc_error *error)
{
    uint8_t check[ROW_CHECK_BYTES];
    check_tag(check, identity, r);
    sqlite3_stmt *put = begin(s, STATEMENT_TAG_PUT, identity);
    slc_row_bind(put, 2, r->recipient, sizeof *r->recipient);
    slc_row_bind(put, 3, r->tag, SLC_SENDER_TAG_BYTES);
    slc_row_bind(put, 4, check, sizeof check);
    return slc_storage_do(s, put, error);
}

static enum slc_status put_surbs(struct slc_storage *s, uint64_t identity, const struct slc_client_record *r,
                                 struct slc_error *error)
{
    uint8_t check[ROW_CHECK_BYTES];
    check_surbs(check, identity, r);
    sqlite3_stmt *body = slc_storage_statement(s, STATEMENT_SURBS_PUT);
    slc_row_bind(body, 1, r->surbs, (size_t)r->count * r->surb_bytes);
    slc_row_bind(body, 2, check, sizeof check);
    enum slc_status status = slc_storage_do(s, body, error);
    if (status != SLC_OK) return status;
    sqlite3_stmt *put = begin(s, STATEMENT_BLOCK_PUT, identity);
    (void)sqlite3_bind_int64(put, 2, (sqlite3_int64)r->block);
    (void)sqlite3_bind_int64(put, 3, r->released);
    (void)sqlite3_bind_int64(put, 4, r->count);
    (void)sqlite3_bind_int64(put, 5, r->surb_bytes);
    (void)sqlite3_bind_int64(put, 6, r->explicit_keys);
    (void)sqlite3_bind_int64(put, 7, r->rotation);
    (void)sqlite3_bind_int64(put, 8, r->at);
    slc_row_bind(put, 9, r->tag, SLC_SENDER_TAG_BYTES);
    (void)sqlite3_bind_int64(put, 10, sqlite3_last_insert_rowid(s->db));
    check_lease(check, identity, r);
    slc_row_bind(put, 11, check, sizeof check);
    return slc_storage_do(s, put, error);
}

static enum slc_status put_lease(struct slc_storage *s, uint64_t identity, const struct slc_client_record *r,
                                 struct slc_error *error)
{
    uint8_t check[ROW_CHECK_BYTES];
    check_lease(check, identity, r);
    sqlite3_stmt *lease = begin(s, STATEMENT_BLOCK_LEASE, identity);
    (void)sqlite3_bind_int64(lease, 2, (sqlite3_int64)r->block);
    (void)sqlite3_bind_int64(lease, 3, r->released);
    slc_row_bind(lease, 4, check, sizeof check);
    return slc_storage_do(s, lease, error);
}

static enum slc_status end_block(struct slc_storage *s, uint64_t identity, const struct slc_client_record *r,
                                 struct slc_error *error)
{
    sqlite3_stmt *body = begin(s, STATEMENT_SURBS_END, identity);
    (void)sqlite3_bind_int64(body, 2, (sqlite3_int64)r->block);
    enum slc_status status = slc_storage_do(s, body, error);
    if (status != SLC_OK) return status;
    sqlite3_stmt *end = begin(s, STATEMENT_BLOCK_END, identity);
    (void)sqlite3_bind_int64(end, 2, (sqlite3_int64)r->block);
    return slc_storage_do(s, end, error);
}

static enum slc_status apply_one(struct slc_storage *s, uint64_t identity, const struct slc_client_record *r,
                                 struct slc_error *error)
{
    sqlite3_stmt *statement;
    switch (r->kind) {
    case SLC_RECORD_REGISTRATION:
        return slc_registration_put(s, identity, r->gateway, r->shared_key, r->timestamp, error);
    case SLC_RECORD_KEY:
        return put_key(s, identity, r, error);
    case SLC_RECORD_KEY_END:
    case SLC_RECORD_SEEN_END:
        statement = begin(s, r->kind == SLC_RECORD_KEY_END ? STATEMENT_KEY_END : STATEMENT_SEEN_END, identity);
        slc_row_bind(statement, 2, r->digest, SLC_SURB_DIGEST_BYTES);
        return slc_storage_do(s, statement, error);
    case SLC_RECORD_SEEN:
        return put_seen(s, identity, r, error);
    case SLC_RECORD_TAG:
        return put_tag(s, identity, r, error);
    case SLC_RECORD_TAG_END:
        statement = begin(s, STATEMENT_TAG_END, identity);
        slc_row_bind(statement, 2, r->recipient, sizeof *r->recipient);
        return slc_storage_do(s, statement, error);
    case SLC_RECORD_SURBS:
        return put_surbs(s, identity, r, error);
    case SLC_RECORD_LEASE:
        return put_lease(s, identity, r, error);
    case SLC_RECORD_SURBS_END:
        return end_block(s, identity, r, error);
    case SLC_RECORD_KINDS:
        break;
    }
    return slc_fail(error, SLC_BAD_ARGUMENT, "a record of no kind");
}

enum slc_status slc_storage_apply(struct slc_storage *s, struct slc_stored_record *const *records, size_t n,
                                  struct slc_error *error)
{
    (void)pthread_mutex_lock(&s->turn);
    enum slc_status status = slc_storage_begin(s, error);
    if (status == SLC_OK) {
        for (size_t i = 0; i < n && status == SLC_OK; i++) {
            status = apply_one(s, records[i]->identity, &records[i]->record, error);
        }
        status = slc_storage_end(s, status, error);
    }
    (void)pthread_mutex_unlock(&s->turn);
    return status;
}

/* ---- out ---- */

static bool same_check(sqlite3_stmt *row, int column, const uint8_t check[ROW_CHECK_BYTES])
{
    const uint8_t *kept = slc_row_blob(row, column, ROW_CHECK_BYTES);
    return kept != NULL && memcmp(kept, check, ROW_CHECK_BYTES) == 0;
}

static bool take_key(sqlite3_stmt *row, uint64_t identity, struct slc_client_record *r)
{
    uint8_t check[ROW_CHECK_BYTES];
    *r = (struct slc_client_record){.kind = SLC_RECORD_KEY,
                                    .digest = slc_row_blob(row, 0, SLC_SURB_DIGEST_BYTES),
                                    .key = slc_row_blob(row, 1, SLC_SURB_KEY_BYTES),
                                    .at = sqlite3_column_int64(row, 2)};
    if (r->digest == NULL || r->key == NULL) return false;
    check_key(check, identity, r);
    return same_check(row, 3, check);
}

static bool take_seen(sqlite3_stmt *row, uint64_t identity, struct slc_client_record *r)
{
    uint8_t check[ROW_CHECK_BYTES];
    *r = (struct slc_client_record){.kind = SLC_RECORD_SEEN,
                                    .digest = slc_row_blob(row, 0, SLC_SURB_DIGEST_BYTES),
                                    .at = sqlite3_column_int64(row, 1)};
    if (r->digest == NULL) return false;
    check_seen(check, identity, r);
    return same_check(row, 2, check);
}

static bool take_tag(sqlite3_stmt *row, uint64_t identity, struct slc_client_record *r)
{
    uint8_t check[ROW_CHECK_BYTES];
    *r = (struct slc_client_record){
        .kind = SLC_RECORD_TAG,
        .recipient = (const struct slc_recipient *)slc_row_blob(row, 0, sizeof(struct slc_recipient)),
        .tag = slc_row_blob(row, 1, SLC_SENDER_TAG_BYTES)};
    if (r->recipient == NULL || r->tag == NULL) return false;
    check_tag(check, identity, r);
    return same_check(row, 2, check);
}

static bool take_surbs(sqlite3_stmt *row, uint64_t identity, struct slc_client_record *r)
{
    uint8_t check[ROW_CHECK_BYTES];
    *r = (struct slc_client_record){.kind = SLC_RECORD_SURBS,
                                    .block = (uint64_t)sqlite3_column_int64(row, 0),
                                    .released = (uint32_t)sqlite3_column_int64(row, 1),
                                    .count = (uint32_t)sqlite3_column_int64(row, 2),
                                    .surb_bytes = (uint16_t)sqlite3_column_int64(row, 3),
                                    .explicit_keys = sqlite3_column_int64(row, 4) != 0,
                                    .rotation = (enum slc_rotation)sqlite3_column_int64(row, 5),
                                    .at = sqlite3_column_int64(row, 6),
                                    .tag = slc_row_blob(row, 7, SLC_SENDER_TAG_BYTES)};
    r->surbs = slc_row_blob(row, 8, (size_t)r->count * r->surb_bytes);
    if (r->tag == NULL || r->surbs == NULL || r->released > r->count) return false;
    check_surbs(check, identity, r);
    if (!same_check(row, 9, check)) return false;
    check_lease(check, identity, r);
    return same_check(row, 10, check);
}

enum slc_status slc_records_prune(struct slc_storage *s, struct slc_error *error)
{
    enum slc_status status = slc_storage_begin(s, error);
    if (status != SLC_OK) return status;
    /* Damaged ones stay, to be told when they are read. */
    for (sqlite3_int64 damaged = 0; status == SLC_OK;) {
        sqlite3_stmt *row = slc_storage_statement(s, STATEMENT_BLOCK_SPENT);
        (void)sqlite3_bind_int64(row, 1, damaged);
        int code = sqlite3_step(row);
        if (code != SQLITE_ROW) {
            if (code != SQLITE_DONE) status = slc_storage_failed(s, code, error);
            (void)sqlite3_reset(row);
            break;
        }
        struct slc_client_record record;
        uint64_t identity = (uint64_t)sqlite3_column_int64(row, 11);
        bool good = take_surbs(row, identity, &record);
        (void)sqlite3_reset(row);
        if (good) {
            status = end_block(s, identity, &record, error);
        } else {
            damaged++;
        }
    }
    return slc_storage_end(s, status, error);
}

struct table {
    enum statement statement;
    bool (*take)(sqlite3_stmt *row, uint64_t identity, struct slc_client_record *r);
    const char *what;
};

static enum slc_status load_table(struct slc_storage *s, const struct table *table, uint64_t identity,
                                  enum slc_status (*each)(void *, const struct slc_client_record *), void *self,
                                  struct slc_error *error)
{
    sqlite3_stmt *row = begin(s, table->statement, identity);
    enum slc_status status = SLC_OK;
    int code = SQLITE_DONE;
    while (status == SLC_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        struct slc_client_record record;
        status = table->take(row, identity, &record) ? each(self, &record)
                                                     : slc_row_damaged(s, table->what, identity, error);
    }
    (void)sqlite3_reset(row);
    if (status == SLC_OK && code != SQLITE_DONE) status = slc_storage_failed(s, code, error);
    return status;
}

static enum slc_status find_identity(struct slc_storage *s, uint64_t identity, struct slc_error *error)
{
    sqlite3_stmt *row = begin(s, STATEMENT_IDENTITY_HAS, identity);
    int code = sqlite3_step(row);
    (void)sqlite3_reset(row);
    if (code == SQLITE_ROW) return SLC_OK;
    if (code != SQLITE_DONE) return slc_storage_failed(s, code, error);
    return slc_fail(error, SLC_NOT_FOUND, "%s: no identity number %llu", s->path, (unsigned long long)identity);
}

enum slc_status slc_storage_load(struct slc_storage *s, uint64_t identity,
                                 enum slc_status (*each)(void *self, const struct slc_client_record *record),
                                 void *self, struct slc_error *error)
{
    static const struct table tables[] = {{STATEMENT_KEY_ALL, take_key, "a reply key"},
                                          {STATEMENT_TAG_ALL, take_tag, "a sender tag"},
                                          {STATEMENT_SEEN_ALL, take_seen, "a mark of SURBs that came"},
                                          {STATEMENT_BLOCK_ALL, take_surbs, "a block of SURBs"}};
    (void)pthread_mutex_lock(&s->turn);
    enum slc_status status = find_identity(s, identity, error);
    for (size_t i = 0; i < sizeof tables / sizeof *tables && status == SLC_OK; i++) {
        status = load_table(s, &tables[i], identity, each, self, error);
    }
    (void)pthread_mutex_unlock(&s->turn);
    return status;
}
