/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "net/directory/documents_internal.h"

/* Ours, truthful, in the form of section 10.3: application/version/target/commit. */
#ifndef SLUICE_COMMIT
#define SLUICE_COMMIT "unknown"
#endif
#if defined(__x86_64__)
#define TARGET_CPU "x86_64"
#elif defined(__aarch64__)
#define TARGET_CPU "aarch64"
#else
#define TARGET_CPU "unknown"
#endif
#define USER_AGENT "sluice/" SLUICE_VERSION "/" TARGET_CPU "-linux-gnu/" SLUICE_COMMIT

enum {
    URL_MAX = 1024,
    ATTEMPTS = 4, /* section 10.2: three retries, of transport errors only */
    PAGES_MAX = 64,
};

/* One fetch: one connection kept alive, one deadline for everything. */
struct fetcher {
    CURL *curl;
    struct curl_slist *headers;
    char base[URL_MAX]; /* without a slash at its end */
    const struct slc_fetch_options *options;
    int64_t deadline_ms;
    struct slc_error *error;
    char reason[CURL_ERROR_SIZE];
    char url[URL_MAX]; /* of the last request, for messages */
};

struct body {
    uint8_t *data;
    size_t len, cap;
    enum slc_status status;
};

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- one request ---- */

/* What comes is counted after decompression, so that a small answer cannot grow past the bound. */
static size_t on_body(char *data, size_t one, size_t len, void *context)
{
    (void)one;
    struct body *body = context;
    if (len > (size_t)SLC_DOC_BYTES_MAX - body->len) {
        body->status = SLC_TOO_LONG;
        return CURL_WRITEFUNC_ERROR;
    }
    if (body->len + len > body->cap) {
        size_t cap = 2 * (body->len + len);
        uint8_t *grown = realloc(body->data, cap);
        if (grown == NULL) {
            body->status = SLC_NO_MEMORY;
            return CURL_WRITEFUNC_ERROR;
        }
        body->data = grown;
        body->cap = cap;
    }
    if (len > 0) {
        memcpy(body->data + body->len, data, len);
    }
    body->len += len;
    return len;
}

static bool cancelled(const struct fetcher *fetcher)
{
    return fetcher->options->cancel != NULL && atomic_load_explicit(fetcher->options->cancel, memory_order_relaxed);
}

/* libcurl asks at least once a second. */
static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    return cancelled(context);
}

static enum slc_status check_answer(const struct fetcher *fetcher)
{
    long code = 0;
    (void)curl_easy_getinfo(fetcher->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code >= 200 && code <= 299) return SLC_OK;
    if (code == 404) {
        return slc_fail(fetcher->error, SLC_REFUSED, "%s: 404 not found; check the API URL, which usually ends in /api",
                        fetcher->url);
    }
    return slc_fail(fetcher->error, SLC_REFUSED,
                    "%s: the directory answered %ld%s; try again later, or another API URL", fetcher->url, code,
                    code >= 300 && code <= 399 ? ", a redirection, which is not followed" : "");
}

static enum slc_status explain(const struct fetcher *fetcher, CURLcode code, const struct body *body)
{
    if (code == CURLE_ABORTED_BY_CALLBACK) return slc_fail(fetcher->error, SLC_CLOSED, "%s: given up", fetcher->url);
    const char *reason = fetcher->reason[0] != 0 ? fetcher->reason : curl_easy_strerror(code);
    if (body->status == SLC_TOO_LONG) {
        return slc_fail(fetcher->error, SLC_TOO_LONG, "%s: the answer is longer than %d bytes; is it a nym-api?",
                        fetcher->url, SLC_DOC_BYTES_MAX);
    }
    if (body->status != SLC_OK || code == CURLE_OUT_OF_MEMORY) {
        return slc_fail(fetcher->error, SLC_NO_MEMORY, "%s: out of memory", fetcher->url);
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return slc_fail(fetcher->error, SLC_TIMEOUT, "%s: no answer in time (%s); check the URL, or allow more time",
                        fetcher->url, reason);
    }
    return slc_fail(fetcher->error, SLC_IO, "%s: %s; is the directory running there?", fetcher->url, reason);
}

/* The request could succeed when it is repeated: nothing of an answer was understood. */
static bool is_transport_error(CURLcode code, const struct body *body)
{
    return body->status == SLC_OK && code != CURLE_OUT_OF_MEMORY && code != CURLE_OPERATION_TIMEDOUT &&
           code != CURLE_ABORTED_BY_CALLBACK;
}

/* The body of GET base + path; to be freed in every case. */
static enum slc_status get(struct fetcher *fetcher, const char *path, struct body *body)
{
    *body = (struct body){.status = SLC_OK};
    int len = snprintf(fetcher->url, sizeof fetcher->url, "%s%s", fetcher->base, path);
    if (len < 0 || (size_t)len >= sizeof fetcher->url) {
        return slc_fail(fetcher->error, SLC_TOO_LONG, "the API URL is too long");
    }
    (void)curl_easy_setopt(fetcher->curl, CURLOPT_WRITEDATA, body);
    CURLcode code = curl_easy_setopt(fetcher->curl, CURLOPT_URL, fetcher->url);
    for (int attempt = 0; attempt < ATTEMPTS && code == CURLE_OK; attempt++) {
        int64_t left = fetcher->deadline_ms - now_ms();
        if (left <= 0) {
            code = CURLE_OPERATION_TIMEDOUT;
            break;
        }
        body->len = 0;
        fetcher->reason[0] = 0;
        (void)curl_easy_setopt(fetcher->curl, CURLOPT_TIMEOUT_MS, (long)left);
        code = curl_easy_perform(fetcher->curl);
        if (code == CURLE_OK) return check_answer(fetcher);
        if (!is_transport_error(code, body)) break;
        if (attempt + 1 < ATTEMPTS) {
            code = CURLE_OK;
        }
    }
    return explain(fetcher, code, body);
}

/* ---- documents ---- */

static enum slc_status fetch_rotation(struct fetcher *fetcher, struct slc_rotation_info *info)
{
    struct body body;
    enum slc_status status = get(fetcher, "/v1/epoch/key-rotation-info", &body);
    if (status == SLC_OK) {
        status = slc_directory_parse_rotation(slc_bytes(body.data, body.len), fetcher->url, info, fetcher->error);
    }
    free(body.data);
    return status;
}

static enum slc_status fetch_rewarded_set(struct fetcher *fetcher, struct slc_rewarded_document *document)
{
    struct body body;
    enum slc_status status = get(fetcher, "/v1/nym-nodes/rewarded-set", &body);
    if (status == SLC_OK) {
        status = slc_rewarded_document_parse(document, slc_bytes(body.data, body.len), fetcher->url, fetcher->error);
    }
    free(body.data);
    return status;
}

/* Pages 0, 1, ... until they have together what the first one promised (section 10.5). */
static enum slc_status fetch_nodes(struct fetcher *fetcher, const char *path, struct slc_node_list *list)
{
    do {
        char page[128];
        (void)snprintf(page, sizeof page, "%s?page=%u", path, list->pages);
        struct body body;
        uint64_t before = list->entries;
        enum slc_status status = get(fetcher, page, &body);
        if (status == SLC_OK) {
            status = slc_node_list_add(list, slc_bytes(body.data, body.len), fetcher->url, fetcher->error);
        }
        free(body.data);
        if (status != SLC_OK) return status;
        bool stuck = list->entries == before || list->pages == PAGES_MAX;
        if (slc_node_list_wants_more(list) && list->entries < list->total && stuck) {
            return slc_fail(fetcher->error, SLC_TOO_SHORT, "%s: the pages end after %llu of %llu nodes", fetcher->url,
                            (unsigned long long)list->entries, (unsigned long long)list->total);
        }
    } while (slc_node_list_wants_more(list));
    return SLC_OK;
}

/* D and E, or F for both. */
static enum slc_status fetch_lists(struct fetcher *fetcher, struct slc_node_list *mix, struct slc_node_list *gateways)
{
    const struct slc_fetch_options *o = fetcher->options;
    mix->minimum_performance = o->mixnode_performance;
    gateways->minimum_performance = o->gateway_performance;
    if (o->extended) {
        bool lower = o->gateway_performance < o->mixnode_performance;
        mix->minimum_performance = lower ? o->gateway_performance : o->mixnode_performance;
        return fetch_nodes(fetcher, "/v2/unstable/nym-nodes/skimmed", mix);
    }
    enum slc_status status = fetch_nodes(fetcher, "/v2/unstable/nym-nodes/skimmed/mixnodes/active", mix);
    if (status != SLC_OK) return status;
    return fetch_nodes(fetcher, "/v2/unstable/nym-nodes/skimmed/entry-gateways", gateways);
}

static enum slc_status fetch_topology(struct fetcher *fetcher, struct slc_topology **topology)
{
    struct slc_rewarded_document rewarded = {.ids = NULL};
    struct slc_node_list mix = {.nodes = NULL}, gateways = {.nodes = NULL};
    enum slc_status status = fetch_rewarded_set(fetcher, &rewarded);
    if (status == SLC_OK) status = fetch_lists(fetcher, &mix, &gateways);
    if (status == SLC_OK) {
        const struct slc_node_list *entries = fetcher->options->extended ? &mix : &gateways;
        status = slc_documents_join(&rewarded, &mix, entries, fetcher->base, topology, fetcher->error);
    }
    slc_rewarded_document_free(&rewarded);
    slc_node_list_free(&mix);
    slc_node_list_free(&gateways);
    return status;
}

/* ---- opening ---- */

static bool is_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool is = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return is;
}

static bool is_local_host(CURLU *url)
{
    char *host = NULL;
    if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK) return false;
    size_t len = strlen(host);
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = 0;
        memmove(host, host + 1, len - 1);
    }
    struct slc_address address;
    bool local = strcmp(host, "localhost") == 0 ||
                 (slc_address_from_ip(host, 1, &address) == SLC_OK && slc_address_is_loopback(&address));
    curl_free(host);
    return local;
}

/* Takes http and https alone, and no user name: it would end up in messages. */
static enum slc_status take_base(struct fetcher *fetcher, const char *base, bool *local)
{
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/') {
        len--;
    }
    if (len + 128 > sizeof fetcher->base) return slc_fail(fetcher->error, SLC_TOO_LONG, "the API URL is too long");
    memcpy(fetcher->base, base, len);
    fetcher->base[len] = 0;
    CURLU *url = curl_url();
    if (url == NULL) return slc_fail(fetcher->error, SLC_NO_MEMORY, "out of memory");
    char *scheme = NULL;
    bool web = curl_url_set(url, CURLUPART_URL, fetcher->base, 0) == CURLUE_OK &&
               curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
               (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    bool plain = !is_part(url, CURLUPART_USER) && !is_part(url, CURLUPART_QUERY) && !is_part(url, CURLUPART_FRAGMENT);
    *local = is_local_host(url);
    curl_url_cleanup(url);
    if (!web) {
        return slc_fail(fetcher->error, SLC_BAD_ARGUMENT, "%.200s: an API URL starts with http:// or https://", base);
    }
    if (!plain) {
        return slc_fail(fetcher->error, SLC_BAD_ARGUMENT,
                        "the API URL must have neither user name nor query nor fragment");
    }
    return SLC_OK;
}

static enum slc_status open_fetcher(struct fetcher *fetcher, const char *base)
{
    bool local = false;
    enum slc_status status = take_base(fetcher, base, &local);
    if (status != SLC_OK) return status;
    fetcher->deadline_ms = now_ms() + fetcher->options->timeout_ms;
    fetcher->curl = curl_easy_init();
    fetcher->headers = curl_slist_append(NULL, "Accept: application/json");
    if (fetcher->curl == NULL || fetcher->headers == NULL) {
        return slc_fail(fetcher->error, SLC_NO_MEMORY, "out of memory");
    }
    CURL *curl = fetcher->curl;
    CURLcode code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    /* A redirection could lead from this machine to another one. */
    if (code == CURLE_OK) code = curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    if (code == CURLE_OK) code = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (code == CURLE_OK) code = curl_easy_setopt(curl, CURLOPT_USERAGENT, USER_AGENT);
    if (code == CURLE_OK) code = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fetcher->headers);
    if (code == CURLE_OK) code = curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    if (code == CURLE_OK) code = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    if (code == CURLE_OK) code = curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, fetcher->reason);
    if (code == CURLE_OK) code = curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    if (code == CURLE_OK) code = curl_easy_setopt(curl, CURLOPT_XFERINFODATA, fetcher);
    if (code == CURLE_OK) code = curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    /* A proxy of the environment cannot reach our loopback. */
    if (code == CURLE_OK && local) code = curl_easy_setopt(curl, CURLOPT_PROXY, "");
    return code == CURLE_OK ? SLC_OK
                            : slc_fail(fetcher->error, SLC_UNSUPPORTED, "libcurl: %s", curl_easy_strerror(code));
}

void slc_directory_start(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum slc_status slc_directory_fetch_with(const char *base, const struct slc_fetch_options *options,
                                         struct slc_topology **topology, struct slc_rotation_info *info,
                                         struct slc_error *error)
{
    *topology = NULL;
    struct fetcher fetcher = {.error = error, .options = options};
    enum slc_status status = open_fetcher(&fetcher, base);
    if (status == SLC_OK && info != NULL) {
        status = fetch_rotation(&fetcher, info);
    }
    if (status == SLC_OK) {
        status = fetch_topology(&fetcher, topology);
    }
    /* Disagreement means that an epoch changed between two answers: once more, at once (section 10.7, step 1). */
    if (status == SLC_AGAIN) {
        status = fetch_topology(&fetcher, topology);
    }
    curl_easy_cleanup(fetcher.curl);
    curl_slist_free_all(fetcher.headers);
    return status;
}

enum slc_status slc_directory_fetch(const char *base, unsigned timeout_ms, struct slc_topology **topology,
                                    struct slc_rotation_info *info, struct slc_error *error)
{
    struct slc_fetch_options options = SLC_FETCH_DEFAULTS;
    options.timeout_ms = timeout_ms;
    return slc_directory_fetch_with(base, &options, topology, info, error);
}
