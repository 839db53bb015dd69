/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/file.h"
#include "tools/report/report.h"

/* An object of a file, the one made of it for the page, and where we are, for errors. */
struct place {
    const char *file;
    char inside[96]; /* "", "[2].", "[2].peers[1]." */
    const cJSON *from;
    cJSON *to;
    struct slc_error *error;
};

enum need { OPTIONAL, NEEDED };

struct number {
    const char *name;
    enum need need;
    double least; /* the most is MOST */
};

/* What a double still counts one by one. */
static const double MOST = 9007199254740992.0;

static enum slc_status refuse(const struct place *p, const char *member, const char *why)
{
    return slc_fail(p->error, SLC_MALFORMED, "%s: %s%s: %s", p->file, p->inside, member, why);
}

static enum slc_status no_memory(const struct place *p)
{
    return slc_fail(p->error, SLC_NO_MEMORY, "%s: no memory", p->file);
}

static enum slc_status copy_number(const struct place *p, const struct number *n, const char *as)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(p->from, n->name);
    if (item == NULL && n->need == OPTIONAL) return SLC_OK;
    if (item == NULL) return refuse(p, n->name, "missing");
    double value = item->valuedouble;
    if (!cJSON_IsNumber(item) || !isfinite(value) || value < n->least || value > MOST) {
        char why[64];
        (void)snprintf(why, sizeof why, "not a number from %.0f to %.0f", n->least, MOST);
        return refuse(p, n->name, why);
    }
    return cJSON_AddNumberToObject(p->to, as, value) != NULL ? SLC_OK : no_memory(p);
}

static enum slc_status copy_numbers(const struct place *p, const struct number *numbers, size_t n)
{
    enum slc_status status = SLC_OK;
    for (size_t i = 0; i < n && status == SLC_OK; i++) {
        status = copy_number(p, &numbers[i], numbers[i].name);
    }
    return status;
}

/* "ticks_per_pair", "ticks_per_frame": the unit is in the name. */
static enum slc_status copy_ticks(const struct place *p, const char *unit)
{
    char name[SLC_PLOT_TEXT_MAX + 16];
    (void)snprintf(name, sizeof name, "ticks_per_%s", unit);
    return copy_number(p, &(struct number){name, NEEDED, 0}, "ticks");
}

static enum slc_status copy_text(const struct place *p, const char *name, enum need need)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(p->from, name);
    if (item == NULL && need == OPTIONAL) return SLC_OK;
    if (item == NULL) return refuse(p, name, "missing");
    if (!cJSON_IsString(item)) return refuse(p, name, "not a text");
    if (strlen(item->valuestring) >= SLC_PLOT_TEXT_MAX) return refuse(p, name, "a text longer than 191 bytes");
    char clean[SLC_PLOT_TEXT_MAX];
    slc_report_clean(clean, sizeof clean, item->valuestring);
    return cJSON_AddStringToObject(p->to, name, clean) != NULL ? SLC_OK : no_memory(p);
}

static enum slc_status copy_texts(const struct place *p, const char *const *names, size_t n)
{
    enum slc_status status = SLC_OK;
    for (size_t i = 0; i < n && status == SLC_OK; i++) {
        status = copy_text(p, names[i], NEEDED);
    }
    return status;
}

static const char *text_of(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

typedef enum slc_status copy_fn(const struct place *p, const char *unit);

static enum slc_status copy_list(const struct place *p, const char *name, copy_fn *copy, const char *unit)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(p->from, name), *item;
    if (list == NULL) return refuse(p, name, "missing");
    if (!cJSON_IsArray(list)) return refuse(p, name, "not an array");
    if (cJSON_GetArraySize(list) > SLC_PLOT_LIST_MAX) return refuse(p, name, "more than 128 entries");
    cJSON *to = cJSON_AddArrayToObject(p->to, name);
    if (to == NULL) return no_memory(p);
    unsigned at = 0;
    cJSON_ArrayForEach(item, list)
    {
        struct place inner = {.file = p->file, .from = item, .to = cJSON_CreateObject(), .error = p->error};
        (void)snprintf(inner.inside, sizeof inner.inside, "%.64s%s[%u].", p->inside, name, at++);
        if (!cJSON_AddItemToArray(to, inner.to)) return no_memory(p);
        enum slc_status status = copy(&inner, unit);
        if (status != SLC_OK) return status;
    }
    return SLC_OK;
}

static enum slc_status copy_stage(const struct place *p, const char *unit)
{
    (void)unit;
    /* The rest, after every kernel, may be negative: noise. */
    static const struct number numbers[] = {{"ticks", NEEDED, -1e15}, {"model_ticks", OPTIONAL, 0}};
    enum slc_status status = copy_text(p, "name", NEEDED);
    return status == SLC_OK ? copy_numbers(p, numbers, sizeof numbers / sizeof *numbers) : status;
}

static enum slc_status copy_peer(const struct place *p, const char *unit)
{
    static const char *const texts[] = {"name", "version"};
    static const struct number numbers[] = {
        {"ticks_least", NEEDED, 0}, {"ratio", NEEDED, 0}, {"ratio_low", NEEDED, 0}, {"ratio_high", NEEDED, 0}};
    enum slc_status status = copy_texts(p, texts, sizeof texts / sizeof *texts);
    if (status == SLC_OK) status = copy_ticks(p, unit);
    return status == SLC_OK ? copy_numbers(p, numbers, sizeof numbers / sizeof *numbers) : status;
}

static enum slc_status copy_thread(const struct place *p, const char *unit)
{
    (void)unit;
    static const struct number numbers[] = {
        {"busy", NEEDED, 0}, {"on_a_core", NEEDED, 0}, {"system_calls_per_packet", NEEDED, 0}};
    enum slc_status status = copy_text(p, "name", NEEDED);
    return status == SLC_OK ? copy_numbers(p, numbers, sizeof numbers / sizeof *numbers) : status;
}

static enum slc_status copy_engine(const struct place *p)
{
    static const struct number numbers[] = {
        {"clients", NEEDED, 0},
        {"workers", NEEDED, 0},
        {"seconds", NEEDED, 0},
        {"packets_per_second", NEEDED, 0},
        {"counted_per_second", NEEDED, 0},
        {"packets_per_worker_core_second", NEEDED, 0},
        {"packets_per_core_second", NEEDED, 0},
        {"packets_per_batch", NEEDED, 0},
        {"slots_missed_per_second", NEEDED, 0},
    };
    enum slc_status status = copy_text(p, "io", NEEDED);
    if (status == SLC_OK) status = copy_numbers(p, numbers, sizeof numbers / sizeof *numbers);
    return status == SLC_OK ? copy_list(p, "threads", copy_thread, NULL) : status;
}

static enum slc_status copy_crypto(const struct place *p)
{
    static const char *const texts[] = {"unit", "cpu", "size"};
    static const struct number numbers[] = {
        {"batch", NEEDED, 1},        {"nodes", NEEDED, 1},
        {"hops", NEEDED, 1},         {"samples", NEEDED, 1},
        {"ticks_least", NEEDED, 0},  {"ns", NEEDED, 0},
        {"workers", OPTIONAL, 1},    {"per_second_per_core", NEEDED, 0},
        {"ticks_per_ns", NEEDED, 0}, {"workers_ratio", OPTIONAL, 0},
    };
    enum slc_status status = copy_texts(p, texts, sizeof texts / sizeof *texts);
    if (status == SLC_OK) status = copy_numbers(p, numbers, sizeof numbers / sizeof *numbers);
    if (status != SLC_OK) return status;
    const char *unit = text_of(p->from, "unit");
    status = copy_ticks(p, unit);
    if (status == SLC_OK) status = copy_list(p, "stages", copy_stage, unit);
    return status == SLC_OK ? copy_list(p, "peers", copy_peer, unit) : status;
}

static enum slc_status copy_run(const struct place *p)
{
    if (!cJSON_IsObject(p->from)) return refuse(p, "", "not an object, as sluice bench --json writes it");
    char file[SLC_PLOT_TEXT_MAX];
    const char *slash = strrchr(p->file, '/');
    slc_report_clean(file, sizeof file, slash != NULL ? slash + 1 : p->file);
    if (cJSON_AddStringToObject(p->to, "file", file) == NULL) return no_memory(p);
    static const char *const texts[] = {"bench", "backend"};
    enum slc_status status = copy_texts(p, texts, sizeof texts / sizeof *texts);
    if (status != SLC_OK) return status;
    return strcmp(text_of(p->from, "bench"), "engine") == 0 ? copy_engine(p) : copy_crypto(p);
}

/* An object, or an array of them. */
static enum slc_status copy_runs(const char *path, const cJSON *json, cJSON *runs, struct slc_error *error)
{
    bool many = cJSON_IsArray(json);
    struct place p = {.file = path, .error = error};
    if (many && json->child == NULL) return refuse(&p, "[]", "no run in it");
    unsigned at = 0;
    for (p.from = many ? json->child : json; p.from != NULL; p.from = many ? p.from->next : NULL) {
        if (many) (void)snprintf(p.inside, sizeof p.inside, "[%u].", at++);
        if (cJSON_GetArraySize(runs) == SLC_PLOT_RUNS_MAX) {
            return slc_fail(error, SLC_TOO_LONG, "%s: more than %d runs in all files", path, SLC_PLOT_RUNS_MAX);
        }
        p.to = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(runs, p.to)) return no_memory(&p);
        enum slc_status status = copy_run(&p);
        if (status != SLC_OK) return status;
    }
    return SLC_OK;
}

static unsigned line_of(const char *text, const char *at)
{
    unsigned line = 1;
    for (; text < at; text++) {
        line += *text == '\n';
    }
    return line;
}

enum slc_status slc_plot_read(const char *path, cJSON *runs, struct slc_error *error)
{
    char *text;
    enum slc_status status = slc_file_read(path, SLC_PLOT_FILE_MAX, &text, error);
    if (status != SLC_OK) return status;
    const char *end = text;
    cJSON *json = cJSON_ParseWithOpts(text, &end, true);
    if (json == NULL) {
        status = slc_fail(error, SLC_MALFORMED, "%s:%u: not JSON from here on", path, line_of(text, end));
    } else {
        status = copy_runs(path, json, runs, error);
    }
    cJSON_Delete(json);
    free(text);
    return status;
}

static bool is_name(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len < 32 && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* "packets:ifma=40" */
static bool add_target(char *text, cJSON *targets)
{
    char *ratio = strchr(text, '='), *backend = strchr(text, ':'), *end;
    if (ratio == NULL) return false;
    *ratio++ = 0;
    if (backend != NULL && backend < ratio) {
        *backend++ = 0;
    } else {
        backend = NULL;
    }
    double value = strtod(ratio, &end);
    if (end == ratio || *end != 0 || !isfinite(value) || value <= 0 || value > 1e6) return false;
    if (!is_name(text) || (backend != NULL && !is_name(backend))) return false;
    cJSON *target = cJSON_CreateObject();
    return cJSON_AddItemToArray(targets, target) && cJSON_AddStringToObject(target, "bench", text) != NULL &&
           (backend == NULL || cJSON_AddStringToObject(target, "backend", backend) != NULL) &&
           cJSON_AddNumberToObject(target, "ratio", value) != NULL;
}

enum slc_status slc_plot_targets(const char *text, cJSON *targets, struct slc_error *error)
{
    char copy[1024], *rest = copy;
    if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy) {
        return slc_fail(error, SLC_TOO_LONG, "--targets: longer than %zu bytes", sizeof copy - 1);
    }
    for (char *item; (item = strsep(&rest, ",")) != NULL;) {
        char shown[64];
        (void)snprintf(shown, sizeof shown, "%s", item);
        if (!add_target(item, targets)) {
            return slc_fail(error, SLC_MALFORMED, "--targets %s: want BENCH[:BACKEND]=RATIO, such as packets:ifma=40",
                            shown);
        }
    }
    return SLC_OK;
}
