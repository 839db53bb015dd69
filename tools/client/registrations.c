/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/client/identity.h"

#include "crypto/base/secret.h"
#include "tools/common/file.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A JSON array, the registration used last in front: [{"gateway": base58, "key": base58, "timestamp": seconds}]. */

enum { PATH_BYTES = 4096, FILE_BYTES = 1 << 20 };

static enum slc_status path_of(char path[PATH_BYTES], const char *dir, const char *name, struct slc_error *error)
{
    if (snprintf(path, PATH_BYTES, "%s/%s", dir, name) < PATH_BYTES) return SLC_OK;
    return slc_fail(error, SLC_TOO_LONG, "%s: path too long", dir);
}

static bool parse_entry(const cJSON *entry, struct slc_registration *r)
{
    const cJSON *gateway = cJSON_GetObjectItemCaseSensitive(entry, "gateway");
    const cJSON *key = cJSON_GetObjectItemCaseSensitive(entry, "key");
    const cJSON *timestamp = cJSON_GetObjectItemCaseSensitive(entry, "timestamp");
    if (!cJSON_IsString(gateway) || !cJSON_IsString(key) || !cJSON_IsNumber(timestamp)) return false;
    if (!(timestamp->valuedouble >= 0 && timestamp->valuedouble < 9e15)) return false;
    r->timestamp = (uint64_t)timestamp->valuedouble;
    return slc_base58_key(r->gateway, gateway->valuestring) == SLC_OK &&
           slc_base58_key(r->key, key->valuestring) == SLC_OK;
}

/* An empty array when there is no such file. */
static enum slc_status load(const char *path, cJSON **list, struct slc_error *error)
{
    char *text;
    struct slc_error quiet = {0};
    enum slc_status status = slc_file_read(path, FILE_BYTES, &text, &quiet);
    if (status == SLC_NOT_FOUND) {
        *list = cJSON_CreateArray();
        return *list != NULL ? SLC_OK : slc_fail(error, SLC_NO_MEMORY, "no memory");
    }
    if (status != SLC_OK) return slc_fail(error, status, "%s", quiet.text);
    *list = cJSON_Parse(text);
    slc_wipe(text, strlen(text));
    free(text);
    const cJSON *entry;
    struct slc_registration unused;
    bool good = cJSON_IsArray(*list);
    cJSON_ArrayForEach(entry, *list)
    {
        good = good && parse_entry(entry, &unused);
    }
    slc_wipe(&unused, sizeof unused);
    if (good) return SLC_OK;
    cJSON_Delete(*list);
    *list = NULL;
    return slc_fail(error, SLC_MALFORMED, "%s: not a list of registrations; without it the client registers anew",
                    path);
}

/* ---- a published client's ---- */

static bool take_row(sqlite3_stmt *row, struct slc_registration *r)
{
    if (sqlite3_step(row) != SQLITE_ROW) return false;
    const unsigned char *gateway = sqlite3_column_text(row, 0);
    const void *key = sqlite3_column_blob(row, 1);
    if (gateway == NULL || key == NULL || sqlite3_column_bytes(row, 1) != SLC_SEAL_KEY_BYTES) return false;
    if (slc_base58_key(r->gateway, (const char *)gateway) != SLC_OK) return false;
    memcpy(r->key, key, SLC_SEAL_KEY_BYTES);
    r->timestamp = 0;
    return true;
}

static enum slc_status find_published(const char *path, const uint8_t *gateway, struct slc_registration *r)
{
    static const char named[] = "SELECT gateway_id_bs58, derived_aes256_gcm_siv_key FROM remote_gateway_details "
                                "WHERE gateway_id_bs58 = ?1";
    static const char active[] = "SELECT gateway_id_bs58, derived_aes256_gcm_siv_key FROM remote_gateway_details "
                                 "JOIN active_gateway ON active_gateway_id_bs58 = gateway_id_bs58";
    if (access(path, F_OK) != 0) return SLC_NOT_FOUND;
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    char name[SLC_BASE58_MAX];
    bool found = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
                 sqlite3_prepare_v2(db, gateway != NULL ? named : active, -1, &row, NULL) == SQLITE_OK;
    if (found && gateway != NULL) {
        found = slc_base58_encode(name, sizeof name, slc_bytes(gateway, SLC_IDENTITY_BYTES)) == SLC_OK &&
                sqlite3_bind_text(row, 1, name, -1, SQLITE_STATIC) == SQLITE_OK;
    }
    found = found && take_row(row, r);
    (void)sqlite3_finalize(row);
    (void)sqlite3_close(db);
    return found ? SLC_OK : SLC_NOT_FOUND;
}

/* ---- the two together ---- */

enum slc_status slc_registration_find(const char *dir, const uint8_t *gateway, struct slc_registration *registration,
                                      struct slc_error *error)
{
    char path[PATH_BYTES];
    cJSON *list;
    enum slc_status status = path_of(path, dir, "registrations.json", error);
    if (status == SLC_OK) status = load(path, &list, error);
    if (status != SLC_OK) return status;
    bool found = false;
    const cJSON *entry;
    cJSON_ArrayForEach(entry, list)
    {
        found = parse_entry(entry, registration) &&
                (gateway == NULL || memcmp(registration->gateway, gateway, SLC_IDENTITY_BYTES) == 0);
        if (found) break;
    }
    cJSON_Delete(list);
    if (found) return SLC_OK;
    status = path_of(path, dir, "gateways_registrations.sqlite", error);
    return status == SLC_OK ? find_published(path, gateway, registration) : status;
}

static cJSON *entry_of(const struct slc_registration *r)
{
    char gateway[SLC_BASE58_MAX], key[SLC_BASE58_MAX];
    if (slc_base58_encode(gateway, sizeof gateway, slc_bytes(r->gateway, SLC_IDENTITY_BYTES)) != SLC_OK) return NULL;
    if (slc_base58_encode(key, sizeof key, slc_bytes(r->key, SLC_SEAL_KEY_BYTES)) != SLC_OK) return NULL;
    cJSON *entry = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(entry, "gateway", gateway);
    (void)cJSON_AddStringToObject(entry, "key", key);
    (void)cJSON_AddNumberToObject(entry, "timestamp", (double)r->timestamp);
    slc_wipe(key, sizeof key);
    return entry;
}

enum slc_status slc_registration_keep(const char *dir, const struct slc_registration *registration,
                                      struct slc_error *error)
{
    char path[PATH_BYTES];
    cJSON *list;
    enum slc_status status = path_of(path, dir, "registrations.json", error);
    if (status == SLC_OK) status = load(path, &list, error);
    if (status != SLC_OK) return status;
    for (int i = cJSON_GetArraySize(list); i-- > 0;) {
        struct slc_registration other;
        bool same = parse_entry(cJSON_GetArrayItem(list, i), &other) &&
                    memcmp(other.gateway, registration->gateway, SLC_IDENTITY_BYTES) == 0;
        if (same) cJSON_DeleteItemFromArray(list, i);
        slc_wipe(&other, sizeof other);
    }
    (void)cJSON_InsertItemInArray(list, 0, entry_of(registration));
    char *text = cJSON_Print(list);
    cJSON_Delete(list);
    if (text == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    status = slc_file_write(path, text, strlen(text), 0600, error);
    slc_wipe(text, strlen(text));
    free(text);
    return status;
}
