/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/storage/storage_internal.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what sqlite says ---- */

/* sqlite forgets the cause when a commit fails; the file, or the log, remembers. */
static int system_errno(sqlite3 *db)
{
    int system = sqlite3_system_errno(db);
    sqlite3_file *log = NULL;
    if (system == 0) (void)sqlite3_file_control(db, NULL, SQLITE_FCNTL_LAST_ERRNO, &system);
    if (system != 0 || sqlite3_file_control(db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK) return system;
    if (log != NULL && log->pMethods != NULL) {
        (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &system);
    }
    return system;
}

enum slc_status slc_storage_failed(const struct slc_storage *s, int code, struct slc_error *error)
{
    const char *words = sqlite3_errstr(code);
    int system = s->db == NULL ? 0 : system_errno(s->db);
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        return slc_fail(error, SLC_DUPLICATE, "%s: already there", s->path);
    case SQLITE_FULL:
        return slc_fail(error, SLC_FULL, "%s: the disk is full; make room there", s->path);
    case SQLITE_NOMEM:
        return slc_fail(error, SLC_NO_MEMORY, "%s: no memory", s->path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
        return slc_fail(error, SLC_DENIED, "%s: cannot be written (%s); look at its permissions and its file system",
                        s->path, system != 0 ? strerror(system) : words);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:
    case SQLITE_SCHEMA:
        return slc_fail(error, SLC_MALFORMED, "%s: damaged (%s); it is left as it is, bring back a copy of it", s->path,
                        sqlite3_errmsg(s->db));
    case SQLITE_IOERR:
        if (system == ENOSPC || system == EDQUOT || system == EFBIG) {
            return slc_fail(error, SLC_FULL, "%s: the disk is full (%s); make room there", s->path, strerror(system));
        }
        return slc_fail(error, SLC_IO, "%s: the disk fails (%s, %s)", s->path, words,
                        system != 0 ? strerror(system) : "no cause given");
    default:
        return slc_fail(error, SLC_IO, "%s: %s", s->path, words);
    }
}

/* ---- statements and transactions ---- */

sqlite3_stmt *slc_storage_statement(struct slc_storage *s, enum statement statement)
{
    sqlite3_stmt *prepared = s->statement[statement];
    (void)sqlite3_reset(prepared);
    (void)sqlite3_clear_bindings(prepared);
    return prepared;
}

enum slc_status slc_storage_do(struct slc_storage *s, sqlite3_stmt *statement, struct slc_error *error)
{
    int code = sqlite3_step(statement);
    /* Before the reset, which forgets the cause. */
    enum slc_status status = code == SQLITE_DONE ? SLC_OK : slc_storage_failed(s, code, error);
    (void)sqlite3_reset(statement);
    /* What was bound belongs to the caller, and is about to go. */
    (void)sqlite3_clear_bindings(statement);
    return status;
}

enum slc_status slc_storage_begin(struct slc_storage *s, struct slc_error *error)
{
    return slc_storage_do(s, slc_storage_statement(s, STATEMENT_BEGIN), error);
}

enum slc_status slc_storage_end(struct slc_storage *s, enum slc_status status, struct slc_error *error)
{
    if (status == SLC_OK) {
        status = slc_storage_do(s, slc_storage_statement(s, STATEMENT_COMMIT), error);
        if (status == SLC_OK) return SLC_OK;
    }
    /* Some failures have rolled back by themselves. */
    struct slc_error ignored;
    if (sqlite3_get_autocommit(s->db) == 0) {
        (void)!slc_storage_do(s, slc_storage_statement(s, STATEMENT_ROLLBACK), &ignored);
    }
    slc_identities_count(s);
    return status;
}

/* ---- rows ---- */

void slc_row_check(uint8_t check[ROW_CHECK_BYTES], const struct slc_bytes *pieces, size_t n)
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, ROW_CHECK_BYTES);
    for (size_t i = 0; i < n; i++) {
        (void)crypto_generichash_update(&state, pieces[i].data, pieces[i].len);
    }
    (void)crypto_generichash_final(&state, check, ROW_CHECK_BYTES);
    sodium_memzero(&state, sizeof state);
}

const uint8_t *slc_row_blob(sqlite3_stmt *row, int column, size_t len)
{
    const uint8_t *blob = sqlite3_column_blob(row, column);
    return blob != NULL && (size_t)sqlite3_column_bytes(row, column) == len ? blob : NULL;
}

void slc_row_bind(sqlite3_stmt *statement, int parameter, const void *bytes, size_t len)
{
    (void)sqlite3_bind_blob64(statement, parameter, bytes, len, SQLITE_STATIC);
}

enum slc_status slc_row_damaged(const struct slc_storage *s, const char *what, uint64_t identity,
                                struct slc_error *error)
{
    return slc_fail(error, SLC_MALFORMED,
                    "%s: damaged: %s of identity %llu; it is left as it is, bring back a copy of it", s->path, what,
                    (unsigned long long)identity);
}

/* ---- opening ---- */

/* A value of one row and column as a number; -1: there is none. */
static int64_t ask_number(struct slc_storage *s, const char *sql)
{
    sqlite3_stmt *row = NULL;
    int64_t number = -1;
    if (sqlite3_prepare_v2(s->db, sql, -1, &row, NULL) == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW) {
        number = sqlite3_column_int64(row, 0);
    }
    (void)sqlite3_finalize(row);
    return number;
}

static enum slc_status run(struct slc_storage *s, const char *sql, struct slc_error *error)
{
    int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? SLC_OK : slc_storage_failed(s, code, error);
}

static enum slc_status open_database(struct slc_storage *s, const char *path, struct slc_error *error)
{
    int code = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) return slc_storage_failed(s, code, error);
    (void)sqlite3_extended_result_codes(s->db, 1);
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* Until it has been looked at, closing it must not write the log into it. */
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    /* EXCLUSIVE: the directory's lock keeps others out, and sqlite needs no shared memory file then. */
    return run(s,
               "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; "
               "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; "
               "PRAGMA journal_size_limit=67108864",
               error);
}

static enum slc_status make_tables(struct slc_storage *s, struct slc_error *error)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d; PRAGMA journal_mode=WAL",
                   APPLICATION_ID, SCHEMA_VERSION);
    enum slc_status status = run(s, sql, error);
    return status == SLC_OK ? run(s, slc_schema_tables, error) : status;
}

/* Makes the database beside its place and moves it there finished, so that there never is half a one. */
static enum slc_status make_database(const char *path, struct slc_error *error)
{
    char beside[STORAGE_PATH_BYTES];
    struct slc_storage making = {.lock = -1};
    if (snprintf(beside, sizeof beside, "%s.new", path) >= (int)sizeof beside) {
        return slc_fail(error, SLC_TOO_LONG, "%.200s...: path too long", path);
    }
    (void)snprintf(making.path, sizeof making.path, "%s", beside);
    enum slc_status status = slc_place_make(beside, error);
    if (status != SLC_OK) return status;
    status = open_database(&making, beside, error);
    if (status == SLC_OK) status = make_tables(&making, error);
    if (status == SLC_OK) (void)sqlite3_db_config(making.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    int code = sqlite3_close(making.db);
    if (status == SLC_OK && code != SQLITE_OK) status = slc_storage_failed(&making, code, error);
    return status == SLC_OK ? slc_place_move(beside, path, error) : status;
}

static enum slc_status check_database(struct slc_storage *s, struct slc_error *error)
{
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &row, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(row);
    enum slc_status status = SLC_OK;
    const char *words = code == SQLITE_ROW ? (const char *)sqlite3_column_text(row, 0) : NULL;
    if (code != SQLITE_ROW) {
        status = slc_storage_failed(s, code, error);
    } else if (words == NULL || strcmp(words, "ok") != 0) {
        status = slc_fail(error, SLC_MALFORMED, "%s: damaged (%s); it is left as it is, bring back a copy of it",
                          s->path, words != NULL ? words : "no answer");
    }
    (void)sqlite3_finalize(row);
    return status;
}

static enum slc_status prepare(struct slc_storage *s, struct slc_error *error)
{
    for (enum statement i = 0; i < STATEMENT_COUNT; i++) {
        int code = sqlite3_prepare_v3(s->db, slc_schema_sql(i), -1, SQLITE_PREPARE_PERSISTENT, &s->statement[i], NULL);
        if (code != SQLITE_OK) return slc_storage_failed(s, code, error);
    }
    slc_identities_count(s);
    return SLC_OK;
}

static enum slc_status mark_in_use(struct slc_storage *s, int in_use, struct slc_error *error)
{
    sqlite3_stmt *mark = slc_storage_statement(s, STATEMENT_MARK_OPEN);
    (void)sqlite3_bind_int(mark, 1, in_use);
    return slc_storage_do(s, mark, error);
}

enum slc_status slc_storage_settle(struct slc_storage *s, struct slc_error *error)
{
    int code = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_FULL, NULL, NULL);
    return code == SQLITE_OK || s->lock < 0 ? SLC_OK : slc_storage_failed(s, code, error);
}

/*
 * The file says whether somebody used it and did not close it. Then its log holds what was written last; without the
 * log nobody knows which SURBs of others were used already, so none may be used again.
 */
static enum slc_status claim(struct slc_storage *s, bool has_log, struct slc_error *error)
{
    enum slc_status status = SLC_OK;
    if (ask_number(s, "SELECT in_use FROM status") == 1 && !has_log) {
        (void)snprintf(s->notice, sizeof s->notice,
                       "%.240s-wal is missing: what was written last is lost, others' SURBs are dropped", s->path);
    }
    if (s->notice[0] != 0) status = run(s, "BEGIN; DELETE FROM surbs; DELETE FROM block; COMMIT", error);
    if (status == SLC_OK) status = slc_records_prune(s, error);
    if (status == SLC_OK) status = mark_in_use(s, 1, error);
    if (status == SLC_OK) status = slc_storage_settle(s, error);
    if (status != SLC_OK) return status;
    s->claimed = true;
    (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return SLC_OK;
}

static enum slc_status open_in_memory(struct slc_storage *s, struct slc_error *error)
{
    (void)snprintf(s->path, sizeof s->path, "in memory");
    enum slc_status status = open_database(s, ":memory:", error);
    if (status == SLC_OK) status = make_tables(s, error);
    return status == SLC_OK ? prepare(s, error) : status;
}

static enum slc_status open_in_place(struct slc_storage *s, const char *dir, struct slc_error *error)
{
    bool has_log = false;
    if (snprintf(s->path, sizeof s->path, "%s/sluice.sqlite", dir) >= (int)sizeof s->path) {
        return slc_fail(error, SLC_TOO_LONG, "%.200s...: path too long", dir);
    }
    enum slc_status status = slc_place_take(dir, &s->lock, error);
    if (status != SLC_OK) return status;
    status = slc_place_look(s->path, &has_log, error);
    if (status == SLC_NOT_FOUND) status = make_database(s->path, error);
    if (status == SLC_OK) status = open_database(s, s->path, error);
    if (status == SLC_OK) status = check_database(s, error);
    if (status == SLC_OK) status = prepare(s, error);
    return status == SLC_OK ? claim(s, has_log, error) : status;
}

enum slc_status slc_storage_open(struct slc_storage **storage, const char *dir, struct slc_error *error)
{
    *storage = NULL;
    struct slc_storage *s = calloc(1, sizeof *s);
    if (s == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    s->lock = -1;
    (void)pthread_mutex_init(&s->turn, NULL);
    enum slc_status status = dir == NULL ? open_in_memory(s, error) : open_in_place(s, dir, error);
    if (status != SLC_OK) {
        slc_storage_close(s);
        return status;
    }
    *storage = s;
    return SLC_OK;
}

void slc_storage_close(struct slc_storage *s)
{
    if (s == NULL) return;
    struct slc_error ignored;
    if (s->claimed) (void)!mark_in_use(s, 0, &ignored);
    for (enum statement i = 0; i < STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize(s->statement[i]);
    }
    (void)sqlite3_close(s->db);
    slc_place_leave(s->lock);
    (void)pthread_mutex_destroy(&s->turn);
    free(s);
}

const char *slc_storage_notice(const struct slc_storage *s)
{
    return s->notice[0] != 0 ? s->notice : NULL;
}
