/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/client/identity.h"

#include "crypto/base/secret.h"
#include "tools/common/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, PEM_BYTES = 1024 };

static enum slc_status path_of(char path[PATH_BYTES], const char *dir, const char *name, struct slc_error *error)
{
    if (snprintf(path, PATH_BYTES, "%s/%s", dir, name) < PATH_BYTES) return SLC_OK;
    return slc_fail(error, SLC_TOO_LONG, "%s: path too long", dir);
}

/* One PEM file and where its bytes lie in the keys. */
struct key_file {
    const char *name, *tag;
    uint8_t *bytes;
    size_t len;
};

enum { KEY_FILES = 5 };

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

static enum slc_status read_key(const char *dir, const struct key_file *file, struct slc_error *error)
{
    char path[PATH_BYTES], *text;
    enum slc_status status = path_of(path, dir, file->name, error);
    if (status == SLC_OK) status = slc_file_read(path, PEM_BYTES, &text, error);
    if (status != SLC_OK) return status;
    size_t len = 0, text_len = strlen(text);
    uint8_t key[64];
    status = slc_pem_decode(key, sizeof key, &len, file->tag, slc_bytes(text, text_len));
    slc_wipe(text, text_len);
    free(text);
    if (status == SLC_OK && len == file->len) memcpy(file->bytes, key, len);
    slc_wipe(key, sizeof key);
    if (status == SLC_OK && len == file->len) return SLC_OK;
    return slc_fail(error, SLC_MALFORMED, "%s: not a PEM file of %zu bytes with tag \"%s\"", path, file->len,
                    file->tag);
}

static enum slc_status write_key(const char *dir, const struct key_file *file, struct slc_error *error)
{
    char path[PATH_BYTES], text[PEM_BYTES];
    enum slc_status status = path_of(path, dir, file->name, error);
    if (status == SLC_OK) status = slc_pem_encode(text, sizeof text, file->tag, slc_bytes(file->bytes, file->len));
    if (status == SLC_OK) status = slc_file_write(path, text, strlen(text), 0600, error);
    slc_wipe(text, sizeof text);
    return status;
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

enum slc_status slc_keys_open(const char *dir, struct slc_client_keys *keys, struct slc_random *random,
                              struct slc_error *error)
{
    struct key_file files[KEY_FILES];
    list_key_files(keys, files);
    unsigned present = 0;
    for (size_t i = 0; i < KEY_FILES; i++) {
        char path[PATH_BYTES];
        enum slc_status status = path_of(path, dir, files[i].name, error);
        if (status != SLC_OK) return status;
        present += access(path, F_OK) == 0;
    }
    enum slc_status status = SLC_OK;
    if (present > 0) {
        /* A folder that lost a file is not an empty one: fresh keys would be another address. */
        for (size_t i = 0; i < KEY_FILES && status == SLC_OK; i++) {
            status = read_key(dir, &files[i], error);
        }
        return status == SLC_OK ? check_pairs(dir, keys, error) : status;
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return slc_fail(error, errno == EACCES ? SLC_DENIED : SLC_IO, "%s: %s", dir, strerror(errno));
    }
    slc_client_keys_generate(keys, random);
    for (size_t i = 0; i < KEY_FILES && status == SLC_OK; i++) {
        status = write_key(dir, &files[i], error);
    }
    return status;
}
