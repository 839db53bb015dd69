/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_STORAGE_HOME_H
#define SLUICE_TEST_STORAGE_HOME_H

#include "tests/support/vectors.h"

#include "engine/runtime/runtime.h"
#include "engine/storage/storage.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A storage in a directory of its own, and records to put into it. */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HOME_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HOME_SANITIZED 1
#endif
#endif
#ifndef HOME_SANITIZED
#define HOME_SANITIZED 0
#endif

enum { HOME_SEEN = 64, HOME_LOADED = 1024, SAMPLE_SURBS = 10 };

struct home {
    char dir[128];
    struct slc_storage *storage;
    struct slc_random random;
    struct slc_error error;
    size_t seen; /* of home_list() */
    struct slc_stored_client clients[HOME_SEEN];
    struct slc_stored_record *loaded[HOME_LOADED];
    size_t loaded_count;
};

static inline void home_must(enum slc_status status, const struct home *h)
{
    if (status != SLC_OK) fail_msg("%s: %s", slc_status_text(status), h->error.text);
}

static inline const char *home_path(const struct home *h, const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", h->dir, name);
    return path;
}

static inline void home_forget_loaded(struct home *h)
{
    for (size_t i = 0; i < h->loaded_count && i < HOME_LOADED; i++) {
        slc_stored_record_free(h->loaded[i]);
    }
    h->loaded_count = 0;
}

static inline void home_reopen(struct home *h)
{
    slc_storage_close(h->storage);
    home_must(slc_storage_open(&h->storage, h->dir, &h->error), h);
}

static inline int home_setup(void **state)
{
    struct home *h = calloc(1, sizeof *h);
    if (h == NULL) return -1;
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(h->dir, sizeof h->dir, "%.100s/sluice-home-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(h->dir) == NULL) return -1;
    slc_random_from_number(&h->random, 1, 1);
    *state = h;
    return slc_storage_open(&h->storage, h->dir, &h->error) == SLC_OK ? 0 : -1;
}

static inline void home_empty(const struct home *h)
{
    DIR *dir = opendir(h->dir);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        (void)unlink(home_path(h, e->d_name));
    }
    if (dir != NULL) (void)closedir(dir);
}

static inline int home_teardown(void **state)
{
    struct home *h = *state;
    slc_storage_close(h->storage);
    home_forget_loaded(h);
    home_empty(h);
    (void)rmdir(h->dir);
    free(h);
    return 0;
}

static inline unsigned home_mode(const struct home *h, const char *name)
{
    struct stat st;
    return stat(home_path(h, name), &st) == 0 ? (unsigned)st.st_mode & 0777 : 0;
}

/* Lists all clients: how many, the first in h->clients. What fails in that is the result. */
static inline enum slc_status home_list(struct home *h)
{
    struct slc_stored_client next = {0};
    enum slc_status status;
    h->seen = 0;
    while ((status = slc_storage_next(h->storage, next.identity, &next, &h->error)) == SLC_OK) {
        if (h->seen < HOME_SEEN) h->clients[h->seen] = next;
        h->seen++;
    }
    return status == SLC_NOT_FOUND ? SLC_OK : status;
}

/* Whether any file there holds these bytes. */
static inline bool home_holds(const struct home *h, const uint8_t *bytes, size_t len)
{
    bool found = false;
    DIR *dir = opendir(h->dir);
    for (struct dirent *e; dir != NULL && !found && (e = readdir(dir)) != NULL;) {
        FILE *file = fopen(home_path(h, e->d_name), "rb");
        char *text = malloc(1 << 20);
        size_t n = file != NULL && text != NULL ? fread(text, 1, 1 << 20, file) : 0;
        found = n > 0 && memmem(text, n, bytes, len) != NULL;
        free(text);
        if (file != NULL) (void)fclose(file);
    }
    if (dir != NULL) (void)closedir(dir);
    return found;
}

/* ---- records ---- */

/* One record of each kind that makes something, and what they point to. */
struct sample {
    uint8_t gateway[SLC_IDENTITY_BYTES], shared_key[SLC_SEAL_KEY_BYTES];
    uint8_t digest[SLC_SURB_DIGEST_BYTES], key_bytes[SLC_SURB_KEY_BYTES];
    uint8_t tag_bytes[SLC_SENDER_TAG_BYTES];
    struct slc_recipient recipient;
    uint8_t surb_bytes[SAMPLE_SURBS * SLC_REPLY_SURB_BYTES];
    struct slc_client_record registration, key, tag, surbs;
};

static inline void sample_make(struct sample *s, struct slc_random *random, uint64_t block)
{
    slc_random_bytes(random, s, offsetof(struct sample, registration));
    s->registration = (struct slc_client_record){.kind = SLC_RECORD_REGISTRATION,
                                                 .gateway = s->gateway,
                                                 .shared_key = s->shared_key,
                                                 .timestamp = 1700000000 + slc_random_below(random, 1000000)};
    s->key = (struct slc_client_record){.kind = SLC_RECORD_KEY,
                                        .digest = s->digest,
                                        .key = s->key_bytes,
                                        .at = 1700000000 + slc_random_below(random, 1000000)};
    s->tag = (struct slc_client_record){.kind = SLC_RECORD_TAG, .recipient = &s->recipient, .tag = s->tag_bytes};
    s->surbs = (struct slc_client_record){.kind = SLC_RECORD_SURBS,
                                          .tag = s->tag_bytes,
                                          .block = block,
                                          .count = SAMPLE_SURBS,
                                          .released = 2,
                                          .surb_bytes = SLC_REPLY_SURB_BYTES,
                                          .rotation = SLC_ROTATION_EVEN,
                                          .surbs = s->surb_bytes,
                                          .at = 1700000000};
}

static inline void home_apply_all(struct home *h, uint64_t identity, const struct slc_client_record *const *records,
                                  size_t n)
{
    struct slc_stored_record *batch[64];
    assert_true(n <= 64);
    for (size_t i = 0; i < n; i++) {
        batch[i] = slc_stored_record_new(identity, records[i]);
        assert_non_null(batch[i]);
    }
    home_must(slc_storage_apply(h->storage, batch, n, &h->error), h);
    for (size_t i = 0; i < n; i++) {
        slc_stored_record_free(batch[i]);
    }
}

static inline void home_apply(struct home *h, uint64_t identity, const struct slc_client_record *record)
{
    home_apply_all(h, identity, &record, 1);
}

static inline enum slc_status home_take(void *self, const struct slc_client_record *record)
{
    struct home *h = self;
    if (h->loaded_count < HOME_LOADED) h->loaded[h->loaded_count] = slc_stored_record_new(0, record);
    h->loaded_count++;
    return SLC_OK;
}

/* Loads an identity's records into h->loaded; how many. */
static inline size_t home_load(struct home *h, uint64_t identity)
{
    home_forget_loaded(h);
    home_must(slc_storage_load(h->storage, identity, home_take, h, &h->error), h);
    return h->loaded_count;
}

/* Copies lie alike when what they point to is alike. */
static inline void assert_record_equal(const struct slc_stored_record *loaded, const struct slc_client_record *wanted)
{
    struct slc_stored_record *copy = slc_stored_record_new(0, wanted);
    const struct slc_client_record *r = &loaded->record;
    assert_int_equal(loaded->bytes, copy->bytes);
    assert_memory_equal(loaded->data, copy->data, loaded->bytes - sizeof *loaded);
    assert_int_equal(r->kind, wanted->kind);
    assert_int_equal(r->block, wanted->block);
    assert_int_equal(r->count, wanted->count);
    assert_int_equal(r->released, wanted->released);
    assert_int_equal(r->surb_bytes, wanted->surb_bytes);
    assert_int_equal(r->explicit_keys, wanted->explicit_keys);
    assert_int_equal(r->rotation, wanted->rotation);
    assert_int_equal(r->at, wanted->at);
    slc_stored_record_free(copy);
}

#endif
