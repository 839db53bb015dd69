/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/storage/storage_internal.h"

/* Another column or table is another SCHEMA_VERSION, and a step that brings the older one up to it. */
const char slc_schema_tables[] =
    "CREATE TABLE status(in_use INTEGER NOT NULL);"
    "INSERT INTO status VALUES(0);"
    "CREATE TABLE identity(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, seed BLOB NOT NULL, "
    "public BLOB NOT NULL, encryption_secret BLOB NOT NULL, encryption BLOB NOT NULL, ack BLOB NOT NULL, "
    "gateway BLOB, row_check BLOB NOT NULL);"
    "CREATE TABLE registration(identity INTEGER NOT NULL, gateway BLOB NOT NULL, key BLOB NOT NULL, "
    "timestamp INTEGER NOT NULL, row_check BLOB NOT NULL, PRIMARY KEY(identity, gateway)) WITHOUT ROWID;"
    "CREATE TABLE reply_key(identity INTEGER NOT NULL, digest BLOB NOT NULL, key BLOB NOT NULL, at INTEGER NOT NULL, "
    "row_check BLOB NOT NULL, PRIMARY KEY(identity, digest)) WITHOUT ROWID;"
    "CREATE TABLE tag(identity INTEGER NOT NULL, recipient BLOB NOT NULL, tag BLOB NOT NULL, row_check BLOB NOT NULL, "
    "PRIMARY KEY(identity, recipient)) WITHOUT ROWID;"
    "CREATE TABLE seen(identity INTEGER NOT NULL, digest BLOB NOT NULL, at INTEGER NOT NULL, row_check BLOB NOT NULL, "
    "PRIMARY KEY(identity, digest)) WITHOUT ROWID;"
    /* Leases change often, SURBs never: so the ones lie apart from the others. */
    "CREATE TABLE block(identity INTEGER NOT NULL, block INTEGER NOT NULL, released INTEGER NOT NULL, "
    "count INTEGER NOT NULL, surb_bytes INTEGER NOT NULL, explicit_keys INTEGER NOT NULL, rotation INTEGER NOT NULL, "
    "at INTEGER NOT NULL, tag BLOB NOT NULL, surbs INTEGER NOT NULL, row_check BLOB NOT NULL, "
    "PRIMARY KEY(identity, block)) WITHOUT ROWID;"
    "CREATE TABLE surbs(id INTEGER PRIMARY KEY, surbs BLOB NOT NULL, row_check BLOB NOT NULL);";

static const char *const sql[STATEMENT_COUNT] = {
#define X(name, text) text,
    STORAGE_STATEMENTS(X)
#undef X
};

const char *slc_schema_sql(enum statement statement)
{
    return sql[statement];
}
