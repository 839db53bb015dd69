/* SPDX-License-Identifier: Apache-2.0 */
#include "net/directory/json_internal.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/directory/json_scan_internal.h"

/* ---- places ---- */

struct path {
    char text[160];
    size_t len;
};

/* Keys come from outside and errors go to terminals: only printable ASCII, and not too much of it. */
static void path_add(struct path *path, const char *part)
{
    if (path->len > 0 && path->len + 1 < sizeof path->text) {
        path->text[path->len++] = '.';
    }
    for (size_t i = 0; part[i] != 0 && i < 48 && path->len + 1 < sizeof path->text; i++) {
        path->text[path->len++] = part[i] >= 0x20 && part[i] < 0x7f ? part[i] : '?';
    }
    path->text[path->len] = 0;
}

/* cJSON keeps no positions, but its tree and the text have their values in the same order: the n-th is the n-th. */
static bool locate(const cJSON *at, const cJSON *wanted, size_t *number, struct path *path)
{
    if (at == wanted) return true;
    size_t element = 0;
    for (const cJSON *child = at->child; child != NULL; child = child->next, element++) {
        size_t back = path->len;
        char position[24];
        (void)snprintf(position, sizeof position, "%zu", element);
        path_add(path, cJSON_IsObject(at) ? child->string : position);
        ++*number;
        if (locate(child, wanted, number, path)) return true;
        path->len = back;
        path->text[back] = 0;
    }
    return false;
}

enum slc_status slc_doc_fail(struct slc_doc *json, const cJSON *node, enum slc_status status, const char *format, ...)
{
    if (json->status != SLC_OK) return json->status;
    json->status = status;
    char what[200];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    struct path path = {.len = 0};
    size_t number = 0;
    if (node == NULL || json->root == NULL || !locate(json->root, node, &number, &path)) {
        return slc_fail(json->error, status, "%s: %s", json->name, what);
    }
    struct slc_doc_scan scan = {.text = json->text, .len = json->len, .wanted = number};
    slc_doc_scan(&scan);
    struct slc_doc_place place = slc_doc_place(json->text, scan.wanted_at);
    return slc_fail(json->error, status, "%s:%zu:%zu: %s%s%s", json->name, place.line, place.column, path.text,
                    path.len > 0 ? ": " : "", what);
}

/* ---- opening ---- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

static void refuse_duplicate_keys(struct slc_doc *json, const cJSON *value)
{
    size_t count = slc_doc_count(value);
    if (cJSON_IsObject(value) && count > 1) {
        const cJSON **members = malloc(count * sizeof(const cJSON *));
        if (members == NULL) {
            (void)slc_doc_fail(json, NULL, SLC_NO_MEMORY, "out of memory");
            return;
        }
        size_t n = 0;
        for (const cJSON *member = value->child; member != NULL; member = member->next) {
            members[n++] = member;
        }
        qsort(members, n, sizeof(const cJSON *), compare_keys);
        for (size_t i = 1; i < n; i++) {
            if (strcmp(members[i - 1]->string, members[i]->string) == 0) {
                (void)slc_doc_fail(json, members[i], SLC_DUPLICATE, "this key stands twice in its object");
                break;
            }
        }
        free(members);
    }
    for (const cJSON *child = value->child; child != NULL && json->status == SLC_OK; child = child->next) {
        if (child->child != NULL) {
            refuse_duplicate_keys(json, child);
        }
    }
}

enum slc_status slc_doc_open(struct slc_doc *json, struct slc_bytes bytes, const char *name, struct slc_error *error)
{
    *json = (struct slc_doc){.name = name, .error = error};
    if (bytes.len == 0) {
        return slc_doc_fail(json, NULL, SLC_TOO_SHORT, "empty, where a JSON document belongs");
    }
    if (bytes.len > SLC_DOC_BYTES_MAX) {
        return slc_doc_fail(json, NULL, SLC_TOO_LONG, "%zu bytes; at most %d are read", bytes.len, SLC_DOC_BYTES_MAX);
    }
    /* cJSON before 1.7.18 may look one byte past a length it is given; the final 0 is that byte. */
    json->text = malloc(bytes.len + 1);
    if (json->text == NULL) {
        return slc_doc_fail(json, NULL, SLC_NO_MEMORY, "out of memory");
    }
    memcpy(json->text, bytes.data, bytes.len);
    json->text[bytes.len] = 0;
    json->len = bytes.len;

    struct slc_doc_scan scan = {.text = json->text, .len = json->len, .wanted = SIZE_MAX};
    slc_doc_scan(&scan);
    if (scan.status != SLC_OK) {
        struct slc_doc_place place = slc_doc_place(json->text, scan.at);
        json->status = scan.status;
        return slc_fail(error, scan.status, "%s:%zu:%zu: %s", name, place.line, place.column, scan.problem);
    }
    /* cJSON keeps its last error in one place for all threads; ours never look at it. */
    static pthread_mutex_t parsing = PTHREAD_MUTEX_INITIALIZER;
    (void)pthread_mutex_lock(&parsing);
    json->root = cJSON_ParseWithLength(json->text, json->len + 1);
    (void)pthread_mutex_unlock(&parsing);
    if (json->root == NULL) {
        return slc_doc_fail(json, NULL, SLC_NO_MEMORY, "out of memory");
    }
    refuse_duplicate_keys(json, json->root);
    return json->status;
}

void slc_doc_close(struct slc_doc *json)
{
    cJSON_Delete(json->root);
    free(json->text);
    json->root = NULL;
    json->text = NULL;
}

/* ---- members ---- */

const cJSON *slc_doc_member(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need)
{
    if (json->status != SLC_OK || object == NULL) return NULL;
    if (!cJSON_IsObject(object)) {
        (void)slc_doc_fail(json, object, SLC_MALFORMED, "must be an object");
        return NULL;
    }
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, key);
    if (member != NULL && !cJSON_IsNull(member)) return member;
    if (need == SLC_DOC_REQUIRED) {
        (void)slc_doc_fail(json, member != NULL ? member : object, SLC_MALFORMED,
                           member != NULL ? "%s must not be null" : "%s is missing", key);
    }
    return NULL;
}

/* The member when it is of a kind; a failure that names the kind when it is of another. */
static const cJSON *member_of(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need,
                              cJSON_bool (*is)(const cJSON *), const char *kind)
{
    const cJSON *member = slc_doc_member(json, object, key, need);
    if (member != NULL && !is(member)) {
        (void)slc_doc_fail(json, member, SLC_MALFORMED, "must be %s", kind);
        return NULL;
    }
    return member;
}

const cJSON *slc_doc_object(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need)
{
    return member_of(json, object, key, need, cJSON_IsObject, "an object");
}

const cJSON *slc_doc_array(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need)
{
    return member_of(json, object, key, need, cJSON_IsArray, "an array");
}

const char *slc_doc_text(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need)
{
    const cJSON *member = member_of(json, object, key, need, cJSON_IsString, "a string");
    return member != NULL ? member->valuestring : NULL;
}

bool slc_doc_bool(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need)
{
    return cJSON_IsTrue(member_of(json, object, key, need, cJSON_IsBool, "true or false"));
}

uint64_t slc_doc_whole(struct slc_doc *json, const cJSON *value, uint64_t min, uint64_t max)
{
    if (json->status != SLC_OK || value == NULL) return 0;
    if (!cJSON_IsNumber(value)) {
        (void)slc_doc_fail(json, value, SLC_MALFORMED, "must be a number");
        return 0;
    }
    /* Compared as doubles first: the conversion of what does not fit is undefined. */
    double number = value->valuedouble;
    if (!(number >= (double)min && number <= (double)max) || (double)(uint64_t)number != number) {
        (void)slc_doc_fail(json, value, SLC_OUT_OF_RANGE, "must be a whole number from %llu to %llu",
                           (unsigned long long)min, (unsigned long long)max);
        return 0;
    }
    return (uint64_t)number;
}

uint64_t slc_doc_number(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need,
                        uint64_t min, uint64_t max)
{
    return slc_doc_whole(json, slc_doc_member(json, object, key, need), min, max);
}

uint32_t slc_doc_u32(struct slc_doc *json, const cJSON *object, const char *key)
{
    return (uint32_t)slc_doc_number(json, object, key, SLC_DOC_REQUIRED, 0, UINT32_MAX);
}

uint16_t slc_doc_port(struct slc_doc *json, const cJSON *object, const char *key, enum slc_doc_need need)
{
    return (uint16_t)slc_doc_number(json, object, key, need, 1, UINT16_MAX);
}

size_t slc_doc_count(const cJSON *value)
{
    size_t count = 0;
    for (const cJSON *child = value != NULL ? value->child : NULL; child != NULL; child = child->next) {
        count++;
    }
    return count;
}
