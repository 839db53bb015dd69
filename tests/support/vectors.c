/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

enum { MAX_FILES = 16, SHOWN = 96 };

/* Everything handed out, so that a leak checker sees only the leaks of the code under test. */
static struct {
    char name[64];
    cJSON *root;
} files[MAX_FILES];
static void **kept;
static size_t kept_count;

static void release_all(void)
{
    for (size_t i = 0; i < MAX_FILES; i++) {
        cJSON_Delete(files[i].root);
    }
    for (size_t i = 0; i < kept_count; i++) {
        free(kept[i]);
    }
    free(kept);
}

static void *keep(size_t len)
{
    static bool registered;
    if (!registered) {
        registered = true;
        atexit(release_all);
    }
    void **grown = realloc(kept, (kept_count + 1) * sizeof *kept);
    void *memory = calloc(1, len > 0 ? len : 1);
    if (grown == NULL || memory == NULL) {
        fail_msg("no memory for %zu bytes of vectors", len);
    }
    kept = grown;
    kept[kept_count++] = memory;
    return memory;
}

static cJSON *parse_file(const char *file)
{
    char path[512];
    snprintf(path, sizeof path, "%s/vectors/%s", SLUICE_TEST_DATA, file);
    FILE *in = fopen(path, "rb");
    if (in == NULL) {
        fail_msg("cannot open %s", path);
        return NULL;
    }
    fseek(in, 0, SEEK_END);
    long size = ftell(in);
    rewind(in);
    char *text = size > 0 ? malloc((size_t)size) : NULL;
    if (text == NULL || fread(text, 1, (size_t)size, in) != (size_t)size) {
        fclose(in);
        free(text);
        fail_msg("cannot read %s", path);
        return NULL;
    }
    fclose(in);
    cJSON *root = cJSON_ParseWithLength(text, (size_t)size);
    free(text);
    if (root == NULL) {
        fail_msg("%s is not JSON", path);
    }
    return root;
}

const cJSON *slc_vectors(const char *file)
{
    (void)keep(0);
    for (size_t i = 0; i < MAX_FILES; i++) {
        if (files[i].root == NULL) {
            snprintf(files[i].name, sizeof files[i].name, "%s", file);
            files[i].root = parse_file(file);
            return files[i].root;
        }
        if (strcmp(files[i].name, file) == 0) {
            return files[i].root;
        }
    }
    fail_msg("more than %d vector files in one test", MAX_FILES);
    return NULL;
}

const cJSON *slc_vec_find(const cJSON *node, const char *path)
{
    while (node != NULL && *path != '\0') {
        char name[128];
        size_t len = strcspn(path, "/");
        if (len >= sizeof name) {
            return NULL;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        path += len + (path[len] == '/');
        if (cJSON_IsArray(node)) {
            char *end = NULL;
            long index = strtol(name, &end, 10);
            node = *end == '\0' && end != name ? cJSON_GetArrayItem(node, (int)index) : NULL;
        } else {
            node = cJSON_GetObjectItemCaseSensitive(node, name);
        }
    }
    return node;
}

const cJSON *slc_vec(const cJSON *node, const char *path)
{
    const cJSON *found = slc_vec_find(node, path);
    if (found == NULL) {
        const char *below = node != NULL && node->string != NULL ? node->string : "(an element)";
        fail_msg("vectors: nothing at \"%s\" below %s", path, below);
    }
    return found;
}

const char *slc_vec_text(const cJSON *node, const char *path)
{
    const cJSON *found = slc_vec(node, path);
    if (!cJSON_IsString(found)) {
        fail_msg("vectors: \"%s\" is not text", path);
    }
    return found->valuestring;
}

uint64_t slc_vec_u64(const cJSON *node, const char *path)
{
    const cJSON *found = slc_vec(node, path);
    if (cJSON_IsNumber(found) && found->valuedouble >= 0 && found->valuedouble <= 9007199254740992.0) {
        return (uint64_t)found->valuedouble;
    }
    char *end = NULL;
    uint64_t value = cJSON_IsString(found) ? strtoull(found->valuestring, &end, 10) : 0;
    if (end == NULL || end == found->valuestring || *end != '\0') {
        fail_msg("vectors: \"%s\" is not a whole number", path);
    }
    return value;
}

bool slc_vec_is_null(const cJSON *node, const char *path)
{
    return cJSON_IsNull(slc_vec(node, path));
}

bool slc_vec_is_true(const cJSON *node, const char *path)
{
    const cJSON *found = slc_vec(node, path);
    if (!cJSON_IsBool(found)) {
        fail_msg("vectors: \"%s\" is not a truth value", path);
    }
    return cJSON_IsTrue(found);
}

bool slc_vec_is(const cJSON *node, const char *path, const char *text)
{
    return strcmp(slc_vec_text(node, path), text) == 0;
}

const cJSON *slc_vec_list(const cJSON *node, const char *path)
{
    const cJSON *found = slc_vec(node, path);
    if (!cJSON_IsArray(found) || cJSON_GetArraySize(found) == 0) {
        fail_msg("vectors: \"%s\" is not a list with something in it", path);
    }
    return found;
}

size_t slc_vec_count(const cJSON *node, const char *path)
{
    const cJSON *found = slc_vec(node, path);
    if (!cJSON_IsArray(found)) {
        fail_msg("vectors: \"%s\" is not a list", path);
    }
    return (size_t)cJSON_GetArraySize(found);
}

struct slc_bytes slc_vec_linear(unsigned a, unsigned b, size_t n)
{
    uint8_t *out = keep(n);
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(a * i + b);
    }
    return slc_bytes(out, n);
}

struct slc_bytes slc_vec_pat(size_t n)
{
    uint8_t *out = keep(n);
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(i % 251);
    }
    return slc_bytes(out, n);
}

struct slc_bytes slc_vec_repeat(uint8_t value, size_t n)
{
    return slc_vec_linear(0, value, n);
}

uint8_t *slc_vec_copy(struct slc_bytes bytes)
{
    uint8_t *out = keep(bytes.len);
    if (bytes.len > 0) {
        memcpy(out, bytes.data, bytes.len);
    }
    return out;
}

static struct slc_bytes from_hex(const char *text)
{
    size_t len = strlen(text) / 2;
    size_t written = 0;
    const char *end = NULL;
    uint8_t *out = keep(len);
    if (sodium_hex2bin(out, len, text, strlen(text), NULL, &written, &end) != 0 || *end != '\0') {
        fail_msg("vectors: \"%.*s\" is neither hex nor a generator", SHOWN, text);
    }
    return slc_bytes(out, written);
}

struct slc_bytes slc_vec_from_text(const char *text)
{
    unsigned a = 0;
    unsigned b = 0;
    int used = 0;
    if (sscanf(text, "range(%u,%u)%n", &a, &b, &used) == 2 && used > 0 && b >= a) {
        return slc_vec_linear(1, a, b - a);
    }
    if (sscanf(text, "pat(%u)%n", &a, &used) == 1 && used > 0) {
        return slc_vec_pat(a);
    }
    if (sscanf(text, "%2x*%u%n", &a, &b, &used) == 2 && used > 0) {
        return slc_vec_repeat((uint8_t)a, b);
    }
    return from_hex(strncmp(text, "hex:", 4) == 0 ? text + 4 : text);
}

struct slc_bytes slc_vec_bytes(const cJSON *node, const char *path)
{
    const cJSON *found = slc_vec(node, path);
    return slc_vec_from_text(cJSON_IsObject(found) ? slc_vec_text(found, "hex") : slc_vec_text(found, ""));
}

const uint8_t *slc_vec_bytes_of(const cJSON *node, const char *path, size_t len)
{
    struct slc_bytes bytes = slc_vec_bytes(node, path);
    if (bytes.len != len) {
        fail_msg("vectors: \"%s\" has %zu bytes, not %zu", path, bytes.len, len);
    }
    return bytes.data;
}

static void show(char text[2 * SHOWN + 1], struct slc_bytes bytes, size_t from)
{
    size_t len = bytes.len - from < SHOWN ? bytes.len - from : SHOWN;
    sodium_bin2hex(text, 2 * SHOWN + 1, bytes.data + from, len);
}

void slc_expect_bytes(struct slc_bytes got, struct slc_bytes wanted, const char *what)
{
    if (got.len != wanted.len) {
        fail_msg("%s: %zu bytes, wanted %zu", what, got.len, wanted.len);
    }
    size_t at = 0;
    while (at < got.len && got.data[at] == wanted.data[at]) {
        at++;
    }
    if (at < got.len) {
        char left[2 * SHOWN + 1];
        char right[2 * SHOWN + 1];
        show(left, got, at);
        show(right, wanted, at);
        fail_msg("%s: differs at byte %zu of %zu\n   got %s\nwanted %s", what, at, got.len, left, right);
    }
}

void slc_vec_expect_sha256(const cJSON *node, const char *path, struct slc_bytes got)
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, got.data, got.len);
    slc_expect_bytes(slc_bytes(digest, sizeof digest), slc_vec_bytes(node, path), path);
}

/* Whether a member with one end of the bytes stands in `digest`, and is right. */
static bool expect_end(const cJSON *digest, const char *member, bool first, struct slc_bytes got, const char *what)
{
    if (slc_vec_find(digest, member) == NULL) {
        return false;
    }
    struct slc_bytes wanted = slc_vec_bytes(digest, member);
    if (got.len < wanted.len) {
        fail_msg("%s: %zu bytes, wanted more than %zu", what, got.len, wanted.len);
    }
    slc_expect_bytes(slc_bytes(first ? got.data : got.data + got.len - wanted.len, wanted.len), wanted, what);
    return true;
}

void slc_vec_expect(const cJSON *node, const char *path, struct slc_bytes got)
{
    const cJSON *found = slc_vec(node, path);
    if (!cJSON_IsObject(found) || slc_vec_find(found, "hex") != NULL) {
        slc_expect_bytes(got, slc_vec_bytes(node, path), path);
        return;
    }
    if (slc_vec_find(found, "len") != NULL && slc_vec_u64(found, "len") != got.len) {
        fail_msg("%s: %zu bytes, wanted %" PRIu64, path, got.len, slc_vec_u64(found, "len"));
    }
    /* The ends first: they show where the difference is. */
    (void)expect_end(found, "first32", true, got, path);
    (void)expect_end(found, "first64", true, got, path);
    (void)expect_end(found, "last32", false, got, path);
    (void)expect_end(found, "last64", false, got, path);
    slc_vec_expect_sha256(found, "sha256", got);
}

void slc_test_random(struct slc_random *random, uint64_t stream)
{
    static uint64_t seed;
    static bool chosen;
    if (!chosen) {
        const char *wish = getenv("SLUICE_TEST_SEED");
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        seed = wish != NULL ? strtoull(wish, NULL, 10) : (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
        chosen = true;
        print_message("SLUICE_TEST_SEED=%" PRIu64 "\n", seed);
    }
    slc_random_from_number(random, seed, stream);
}
