/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/options_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE (60 * SLC_SECOND)

static const struct word {
    const char *text;
    unsigned value;
} sizes[] = {{"regular", SLC_SIZE_REGULAR},
             {"extended8", SLC_SIZE_EXTENDED_8},
             {"extended16", SLC_SIZE_EXTENDED_16},
             {"extended32", SLC_SIZE_EXTENDED_32}},
  sessions[] = {{"Unknown", SLC_SESSION_UNKNOWN}, {"Vpn", SLC_SESSION_VPN},       {"Mixnet", SLC_SESSION_MIXNET},
                {"Wasm", SLC_SESSION_WASM},       {"Native", SLC_SESSION_NATIVE}, {"Socks5", SLC_SESSION_SOCKS5}};
enum { SIZES = sizeof sizes / sizeof *sizes, SESSIONS = sizeof sessions / sizeof *sessions };

/* ---- words to values ---- */

static const struct unit {
    const char *name;
    uint64_t ns;
} units[] = {{"h", (60 * MINUTE)},    {"m", MINUTE},       {"min", MINUTE},
             {"s", SLC_SECOND},       {"sec", SLC_SECOND}, {"ms", SLC_MILLISECOND},
             {"us", SLC_MICROSECOND}, {"ns", 1},           {"d", 24 * (60 * MINUTE)}};

/* Digits, perhaps a point and more digits; false: none, or absurd. strtod() takes signs, "inf" and hexadecimal. */
static bool read_decimal(const char **text, double *value)
{
    size_t digits = strspn(*text, "0123456789");
    const char *end = *text + digits;
    if (digits == 0 || digits > 18) return false;
    if (*end == '.') end += 1 + strspn(end + 1, "0123456789");
    char copy[48];
    size_t len = (size_t)(end - *text);
    if (len >= sizeof copy) return false;
    memcpy(copy, *text, len);
    copy[len] = '\0';
    *value = strtod(copy, NULL);
    *text = end;
    return true;
}

/* "1h 30m", "1.5s", "0". */
static bool read_duration(const char *text, uint64_t *ns)
{
    double sum = 0;
    if (strcmp(text, "0") == 0) {
        *ns = 0;
        return true;
    }
    do {
        double value;
        if (!read_decimal(&text, &value)) return false;
        size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz"), u = 0;
        while (u < sizeof units / sizeof *units &&
               (strlen(units[u].name) != len || memcmp(units[u].name, text, len) != 0)) {
            u++;
        }
        if (u == sizeof units / sizeof *units) return false;
        sum += value * (double)units[u].ns;
        text += len;
        text += strspn(text, " ");
    } while (*text != '\0');
    if (sum >= 9e18) return false;
    *ns = (uint64_t)(sum + 0.5);
    return true;
}

static bool read_whole(const char *text, uint64_t *value)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits] != '\0') return false;
    *value = strtoull(text, NULL, 10);
    return true;
}

static bool read_bool(const char *text, bool *value)
{
    *value = strcmp(text, "true") == 0;
    return *value || strcmp(text, "false") == 0;
}

static bool read_word(const char *text, const struct word *words, size_t n, unsigned *value)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(text, words[i].text) != 0) continue;
        *value = words[i].value;
        return true;
    }
    return false;
}

static const char *word_of(unsigned value, const struct word *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (words[i].value == value) return words[i].text;
    }
    return "none";
}

static const char *wanted(enum kind kind)
{
    switch (kind) {
    case KIND_DURATION:
        return "a duration such as 15ms, 1.5s or 5m";
    case KIND_BOOL:
    case KIND_PACING:
        return "true or false";
    case KIND_NUMBER:
    case KIND_BYTES:
        return "a whole number";
    case KIND_REPEATS:
        return "a whole number, or none";
    case KIND_FACTOR:
        return "a number such as 1.5";
    case KIND_SIZE:
        return "regular, extended8, extended16 or extended32";
    case KIND_NO_SIZE:
        return "none, regular, extended8, extended16 or extended32";
    case KIND_SESSION:
        return "Unknown, Vpn, Mixnet, Wasm, Native or Socks5";
    case KIND_PROVIDER:
        return "an address, or none";
    case KIND_MIX:
        return "mix";
    case KIND_ANYTHING:
        break;
    }
    return "a value";
}

static const char *value_name(enum kind kind)
{
    static const char *const names[] = {
        [KIND_DURATION] = "DURATION", [KIND_BOOL] = "true|false",   [KIND_NUMBER] = "N",
        [KIND_BYTES] = "BYTES",       [KIND_REPEATS] = "N|none",    [KIND_FACTOR] = "X",
        [KIND_SIZE] = "SIZE",         [KIND_NO_SIZE] = "SIZE|none", [KIND_PACING] = "true|false",
        [KIND_SESSION] = "TYPE",      [KIND_PROVIDER] = "ADDRESS",  [KIND_MIX] = "mix",
        [KIND_ANYTHING] = "VALUE"};
    return names[kind];
}

/* ---- setting ---- */

/* One value, in the type that its field has. */
union value {
    slc_time time;
    bool truth;
    uint32_t number;
    size_t bytes;
    double factor;
    enum slc_packet_size size;
    enum slc_pacing pacing;
    enum slc_session_type session;
};

static size_t bytes_of(enum kind kind)
{
    static const uint8_t bytes[] = {[KIND_DURATION] = sizeof(slc_time),
                                    [KIND_BOOL] = sizeof(bool),
                                    [KIND_NUMBER] = sizeof(uint32_t),
                                    [KIND_BYTES] = sizeof(size_t),
                                    [KIND_REPEATS] = sizeof(uint32_t),
                                    [KIND_FACTOR] = sizeof(double),
                                    [KIND_SIZE] = sizeof(enum slc_packet_size),
                                    [KIND_NO_SIZE] = sizeof(enum slc_packet_size),
                                    [KIND_PACING] = sizeof(enum slc_pacing),
                                    [KIND_SESSION] = sizeof(enum slc_session_type),
                                    [KIND_PROVIDER] = sizeof(bool),
                                    [KIND_MIX] = 0,
                                    [KIND_ANYTHING] = 0};
    return bytes[kind];
}

static enum slc_status in_range(const struct slc_traffic_row *row, uint64_t value)
{
    return value < row->min || value > row->max ? SLC_OUT_OF_RANGE : SLC_OK;
}

static enum slc_status read_size(const char *text, union value *value)
{
    unsigned word;
    if (strcmp(text, "ack") == 0 || strncmp(text, "outfox", 6) == 0) return SLC_UNSUPPORTED;
    if (!read_word(text, sizes, SIZES, &word)) return SLC_MALFORMED;
    value->size = (enum slc_packet_size)word;
    return SLC_OK;
}

static enum slc_status read_value(const struct slc_traffic_row *row, const char *text, union value *value)
{
    uint64_t whole = 0;
    unsigned word;
    const char *end = text;
    switch (row->kind) {
    case KIND_DURATION:
        if (!read_duration(text, &value->time)) return SLC_MALFORMED;
        return in_range(row, value->time);
    case KIND_BOOL:
        return read_bool(text, &value->truth) ? SLC_OK : SLC_MALFORMED;
    case KIND_PACING:
        if (!read_bool(text, &value->truth)) return SLC_MALFORMED;
        value->pacing = value->truth ? SLC_PACING_NONE : SLC_PACING_POISSON;
        return SLC_OK;
    case KIND_REPEATS:
        value->number = SLC_RETRANSMISSIONS_DEFAULT;
        if (strcmp(text, "none") == 0) return SLC_OK;
        if (!read_whole(text, &whole)) return SLC_MALFORMED;
        value->number = whole == 0 ? SLC_RETRANSMISSIONS_NONE : (uint32_t)whole;
        return in_range(row, whole);
    case KIND_NUMBER:
        if (!read_whole(text, &whole)) return SLC_MALFORMED;
        value->number = (uint32_t)whole;
        return in_range(row, whole);
    case KIND_BYTES:
        if (!read_whole(text, &whole)) return SLC_MALFORMED;
        value->bytes = whole;
        return in_range(row, whole);
    case KIND_FACTOR:
        if (!read_decimal(&end, &value->factor) || *end != '\0') return SLC_MALFORMED;
        return value->factor > (double)row->max ? SLC_OUT_OF_RANGE : SLC_OK;
    case KIND_NO_SIZE:
        value->size = 0;
        return strcmp(text, "none") == 0 ? SLC_OK : read_size(text, value);
    case KIND_SIZE:
        return read_size(text, value);
    case KIND_SESSION:
        if (!read_word(text, sessions, SESSIONS, &word)) return SLC_MALFORMED;
        value->session = (enum slc_session_type)word;
        return SLC_OK;
    case KIND_MIX:
        return strcmp(text, "mix") == 0 ? SLC_OK : SLC_UNSUPPORTED;
    case KIND_PROVIDER:
    case KIND_ANYTHING:
        break;
    }
    return SLC_OK;
}

static enum slc_status set_provider(struct slc_traffic *traffic, const struct slc_traffic_row *row, const char *text,
                                    struct slc_error *error)
{
    if (text[0] == '\0' || strcmp(text, "none") == 0) {
        traffic->has_stats_provider = false;
        return SLC_OK;
    }
    struct slc_recipient provider;
    struct slc_error why = {0};
    enum slc_status status = slc_recipient_from_text(text, &provider, &why);
    if (status != SLC_OK) return slc_fail(error, status, "%s: %s", row->name, why.text);
    traffic->has_stats_provider = true;
    traffic->stats_provider = provider;
    return SLC_OK;
}

static void limits_text(const struct slc_traffic_row *row, char *text, size_t cap);

static enum slc_status refuse(const struct slc_traffic_row *row, const char *text, enum slc_status status,
                              struct slc_error *error)
{
    char limits[80] = "";
    if (status == SLC_OUT_OF_RANGE) {
        limits_text(row, limits, sizeof limits);
        return slc_fail(error, status, "%s: %.60s is out of range: %s", row->name, text, limits);
    }
    if (status == SLC_UNSUPPORTED) {
        return slc_fail(error, status, "%s: %.60s cannot carry messages here; give %s", row->name, text,
                        wanted(row->kind));
    }
    return slc_fail(error, status, "%s: \"%.60s\" is not %s", row->name, text, wanted(row->kind));
}

/* ---- names ---- */

enum { NAME_MAX_CHARS = 80, FAR = 1000 };

/* Letters to change, leave out or put in between two words, the second one ours. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_CHARS + 1];
    size_t m = strlen(a), n = strlen(b);
    if (m > NAME_MAX_CHARS || n > NAME_MAX_CHARS) return FAR;
    for (unsigned j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= m; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned change = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            unsigned gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < gap ? change : gap;
        }
    }
    return row[n];
}

/* People leave out or mistake the section as easily as they misspell the key. */
static const char *nearest(const char *name)
{
    const char *dot = strchr(name, '.'), *best = slc_traffic_rows[0].name;
    const char *key = dot == NULL ? name : dot + 1;
    unsigned least = FAR + 1;
    for (size_t i = 0; i < slc_traffic_row_count; i++) {
        unsigned whole = 2 * distance(name, slc_traffic_rows[i].name);
        unsigned alone = 2 * distance(key, strchr(slc_traffic_rows[i].name, '.') + 1) + 1;
        unsigned d = whole < alone ? whole : alone;
        if (d >= least) continue;
        least = d;
        best = slc_traffic_rows[i].name;
    }
    return best;
}

static const struct slc_traffic_row *find(const char *name)
{
    if (strncmp(name, "debug.", 6) == 0) name += 6;
    for (size_t i = 0; i < slc_traffic_row_count; i++) {
        if (strcmp(slc_traffic_rows[i].name, name) == 0) return &slc_traffic_rows[i];
    }
    return NULL;
}

/* Takes the value out of its quotes; false: too long to be one. */
static bool unquote(const char *value, char *text, size_t cap)
{
    size_t len = strlen(value);
    bool quoted = len >= 2 && (value[0] == '\'' || value[0] == '"') && value[len - 1] == value[0];
    if (quoted) {
        value++;
        len -= 2;
    }
    if (len >= cap) return false;
    memcpy(text, value, len);
    text[len] = '\0';
    return true;
}

enum slc_status slc_traffic_set(struct slc_traffic *traffic, const char *name, const char *value,
                                struct slc_error *error)
{
    const struct slc_traffic_row *row = find(name);
    if (row == NULL) {
        return slc_fail(error, SLC_NOT_FOUND, "%.80s: no such option; is it %s?", name, nearest(name));
    }
    char text[SLC_RECIPIENT_TEXT_MAX + 64];
    if (!unquote(value, text, sizeof text)) {
        return slc_fail(error, SLC_MALFORMED, "%s: the value is too long to be %s", row->name, wanted(row->kind));
    }
    if (row->kind == KIND_PROVIDER) return set_provider(traffic, row, text, error);
    union value parsed = {0};
    enum slc_status status = read_value(row, text, &parsed);
    if (status != SLC_OK) return refuse(row, text, status, error);
    if (row->at != NOWHERE) memcpy((char *)traffic + row->at, &parsed, bytes_of(row->kind));
    return SLC_OK;
}

enum slc_status slc_traffic_set_text(struct slc_traffic *traffic, const char *text, struct slc_error *error)
{
    const char *equals = strchr(text, '=');
    char name[NAME_MAX_CHARS + 1];
    if (equals == NULL) return slc_fail(error, SLC_MALFORMED, "%.80s: give NAME=VALUE", text);
    size_t len = (size_t)(equals - text);
    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    if (len > NAME_MAX_CHARS) len = NAME_MAX_CHARS;
    memcpy(name, text, len);
    name[len] = '\0';
    equals++;
    return slc_traffic_set(traffic, name, equals + strspn(equals, " "), error);
}

/* ---- values to words ---- */

static void duration_text(uint64_t ns, char *text, size_t cap)
{
    static const struct unit exact[] = {{"h", (60 * MINUTE)},    {"m", MINUTE},           {"s", SLC_SECOND},
                                        {"ms", SLC_MILLISECOND}, {"us", SLC_MICROSECOND}, {"ns", 1}};
    const struct unit *u = exact;
    while (ns % u->ns != 0) {
        u++;
    }
    if (ns == 0) u = &exact[2];
    (void)snprintf(text, cap, "%llu%s", (unsigned long long)(ns / u->ns), u->name);
}

static void limits_text(const struct slc_traffic_row *row, char *text, size_t cap)
{
    char min[24], max[24];
    if (row->kind == KIND_DURATION) {
        duration_text(row->min, min, sizeof min);
        duration_text(row->max, max, sizeof max);
    } else {
        (void)snprintf(min, sizeof min, "%llu", (unsigned long long)row->min);
        (void)snprintf(max, sizeof max, "%llu", (unsigned long long)row->max);
    }
    (void)snprintf(text, cap, "%s to %s", min, max);
}

static void value_text(const struct slc_traffic *traffic, const struct slc_traffic_row *row, char *text, size_t cap)
{
    union value value = {0};
    memcpy(&value, (const char *)traffic + row->at, bytes_of(row->kind));
    switch (row->kind) {
    case KIND_DURATION:
        duration_text(value.time, text, cap);
        return;
    case KIND_BOOL:
        (void)snprintf(text, cap, "%s", value.truth ? "true" : "false");
        return;
    case KIND_PACING:
        (void)snprintf(text, cap, "%s", value.pacing == SLC_PACING_NONE ? "true" : "false");
        return;
    case KIND_REPEATS:
        if (value.number == SLC_RETRANSMISSIONS_NONE)
            value.number = 0;
        else if (value.number == SLC_RETRANSMISSIONS_DEFAULT || value.number == SLC_RETRANSMISSIONS_UNLIMITED) {
            (void)snprintf(text, cap, "none");
            return;
        }
        (void)snprintf(text, cap, "%u", value.number);
        return;
    case KIND_NUMBER:
        (void)snprintf(text, cap, "%u", value.number);
        return;
    case KIND_BYTES:
        (void)snprintf(text, cap, "%zu", value.bytes);
        return;
    case KIND_FACTOR:
        (void)snprintf(text, cap, "%.15g", value.factor);
        return;
    case KIND_SIZE:
    case KIND_NO_SIZE:
        (void)snprintf(text, cap, "%s", word_of(value.size, sizes, SIZES));
        return;
    case KIND_SESSION:
        (void)snprintf(text, cap, "%s", word_of(value.session, sessions, SESSIONS));
        return;
    default:
        return;
    }
}

bool slc_traffic_get(const struct slc_traffic *traffic, const char *name, char *text, size_t cap)
{
    const struct slc_traffic_row *row = find(name);
    if (row == NULL || cap == 0) return false;
    text[0] = '\0';
    if (row->kind == KIND_PROVIDER) {
        char address[SLC_RECIPIENT_TEXT_MAX] = "none";
        if (traffic->has_stats_provider) slc_recipient_to_text(&traffic->stats_provider, address);
        (void)snprintf(text, cap, "%s", address);
    } else if (row->at != NOWHERE) {
        value_text(traffic, row, text, cap);
    }
    return true;
}

bool slc_traffic_option(size_t i, struct slc_traffic_option *option)
{
    if (i >= slc_traffic_row_count) return false;
    *option = (struct slc_traffic_option){.name = slc_traffic_rows[i].name,
                                          .value = value_name(slc_traffic_rows[i].kind),
                                          .help = slc_traffic_rows[i].help,
                                          .effect = slc_traffic_rows[i].at != NOWHERE};
    return true;
}
