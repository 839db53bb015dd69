/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/storage/storage_internal.h"

#include "crypto/base/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A published client's directory (docs/protocol/3-gateway.md, section 14.2): five PEM files and a database. */

enum { PEM_BYTES = 1024, KEY_FILES = 5 };

/* One PEM file and where its bytes lie in the keys. */
struct key_file {
    const char *name, *tag;
    uint8_t *bytes;
    size_t len;
};

static void list_key_files(struct slc_client_keys *keys, struct key_file files[KEY_FILES])
{
    const struct key_file list[KEY_FILES] = {
        {"private_identity.pem", "ED25519 PRIVATE KEY", keys->identity.seed, 32},
        {"public_identity.pem", "ED25519 PUBLIC KEY", keys->identity.public_key, SLC_IDENTITY_BYTES},
        {"private_encryption.pem", "X25519 PRIVATE KEY", keys->encryption_secret, SLC_KEY_BYTES},
        {"public_encryption.pem", "X25519 PUBLIC KEY", keys->encryption_key, SLC_KEY_BYTES},
        {"ack_key.pem", "AES-128-CTR ACKNOWLEDGEMENTS KEY", keys->ack_key, SLC_ACK_KEY_BYTES},
    };
    memcpy(files, list, sizeof list);
}

static enum slc_status path_of(char path[STORAGE_PATH_BYTES], const char *dir, const char *name,
                               struct slc_error *error)
{
    if (snprintf(path, STORAGE_PATH_BYTES, "%s/%s", dir, name) < STORAGE_PATH_BYTES) return SLC_OK;
    return slc_fail(error, SLC_TOO_LONG, "%.200s...: path too long", dir);
}

static enum slc_status read_key(const char *path, const struct key_file *file, struct slc_error *error)
{
    char text[PEM_BYTES];
    uint8_t key[64];
    size_t len = 0;
    FILE *in = fopen(path, "rbe");
    if (in == NULL && errno == ENOENT) {
        return slc_fail(error, SLC_MALFORMED, "%s: missing, and fresh keys would be another address", path);
    }
    if (in == NULL) return slc_fail(error, errno == EACCES ? SLC_DENIED : SLC_IO, "%s: %s", path, strerror(errno));
    size_t text_len = fread(text, 1, sizeof text, in);
    (void)fclose(in);
    enum slc_status status = slc_pem_decode(key, sizeof key, &len, file->tag, slc_bytes(text, text_len));
    bool good = status == SLC_OK && len == file->len;
    if (good) memcpy(file->bytes, key, len);
    slc_wipe(text, sizeof text);
    slc_wipe(key, sizeof key);
    if (good) return SLC_OK;
    return slc_fail(error, SLC_MALFORMED, "%s: not a PEM file of %zu bytes with tag \"%s\"", path, file->len,
                    file->tag);
}

/* The published loader takes a public file on trust; one that does not match is another client's. */
static enum slc_status check_pairs(const char *dir, const struct slc_client_keys *keys, struct slc_error *error)
{
    struct slc_identity identity;
    uint8_t encryption[SLC_KEY_BYTES];
    slc_identity_from_seed(&identity, keys->identity.seed);
    slc_public_key(encryption, keys->encryption_secret);
    bool same = memcmp(identity.public_key, keys->identity.public_key, SLC_IDENTITY_BYTES) == 0;
    slc_wipe(&identity, sizeof identity);
    if (!same) {
        return slc_fail(error, SLC_BAD_KEY, "%s: public_identity.pem is not the key of private_identity.pem", dir);
    }
    if (memcmp(encryption, keys->encryption_key, SLC_KEY_BYTES) != 0) {
        return slc_fail(error, SLC_BAD_KEY, "%s: public_encryption.pem is not the key of private_encryption.pem", dir);
    }
    return SLC_OK;
}

static enum slc_status read_keys(const char *dir, struct slc_client_keys *keys, struct slc_error *error)
{
    struct key_file files[KEY_FILES];
    char path[STORAGE_PATH_BYTES];
    unsigned present = 0;
    list_key_files(keys, files);
    for (size_t i = 0; i < KEY_FILES; i++) {
        enum slc_status status = path_of(path, dir, files[i].name, error);
        if (status != SLC_OK) return status;
        present += access(path, F_OK) == 0;
    }
    if (present == 0) return slc_fail(error, SLC_NOT_FOUND, "%s: no keys of a published client", dir);
    for (size_t i = 0; i < KEY_FILES; i++) {
        enum slc_status status = path_of(path, dir, files[i].name, error);
        if (status == SLC_OK) status = read_key(path, &files[i], error);
        if (status != SLC_OK) return status;
    }
    return check_pairs(dir, keys, error);
}

static bool take_row(sqlite3_stmt *row, struct slc_stored_client *out)
{
    if (sqlite3_step(row) != SQLITE_ROW) return false;
    const char *gateway = (const char *)sqlite3_column_text(row, 0);
    const uint8_t *key = slc_row_blob(row, 1, SLC_SEAL_KEY_BYTES);
    if (gateway == NULL || key == NULL || slc_base58_key(out->gateway, gateway) != SLC_OK) return false;
    memcpy(out->shared_key, key, SLC_SEAL_KEY_BYTES);
    return true;
}

/* Without one, or with one that cannot be read, the client registers anew. */
static bool read_registration(const char *dir, struct slc_stored_client *out)
{
    static const char active[] = "SELECT gateway_id_bs58, derived_aes256_gcm_siv_key FROM remote_gateway_details "
                                 "JOIN active_gateway ON active_gateway_id_bs58 = gateway_id_bs58";
    char path[STORAGE_PATH_BYTES];
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    if (path_of(path, dir, "gateways_registrations.sqlite", NULL) != SLC_OK || access(path, F_OK) != 0) return false;
    bool found = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
                 sqlite3_prepare_v2(db, active, -1, &row, NULL) == SQLITE_OK && take_row(row, out);
    (void)sqlite3_finalize(row);
    (void)sqlite3_close(db);
    return found;
}

static enum slc_status keep(struct slc_storage *s, const struct slc_stored_client *found, uint64_t *identity,
                            struct slc_error *error)
{
    (void)pthread_mutex_lock(&s->turn);
    enum slc_status status = slc_storage_begin(s, error);
    if (status == SLC_OK) {
        status = slc_identity_put(s, "", &found->keys, identity, error);
        if (status == SLC_OK && found->registered) {
            status = slc_registration_put(s, *identity, found->gateway, found->shared_key, 0, error);
        }
        status = slc_storage_end(s, status, error);
    }
    if (status == SLC_OK) status = slc_storage_settle(s, error);
    (void)pthread_mutex_unlock(&s->turn);
    return status;
}

enum slc_status slc_storage_import(struct slc_storage *s, const char *dir, uint64_t *identity, struct slc_error *error)
{
    struct slc_stored_client *found = slc_guarded_new(sizeof *found);
    if (found == NULL) return slc_fail(error, SLC_NO_MEMORY, "no guarded memory for keys");
    enum slc_status status = read_keys(dir, &found->keys, error);
    if (status == SLC_OK) {
        found->registered = read_registration(dir, found);
        status = keep(s, found, identity, error);
    }
    slc_guarded_free(found);
    return status;
}
