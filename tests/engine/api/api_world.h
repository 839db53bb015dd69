/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_API_WORLD_H
#define SLUICE_TEST_API_WORLD_H

#include "tests/support/vectors.h"

#include "engine/node/localnet.h"
#include "sluice/sluice.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* The public API against the local mixnet in one process. Whatever the API does, it does through its headers. */

struct world {
    struct slc_localnet *net;
    char topology_file[64];
    struct slc_engine_id engine;
    struct slc_client_id client[4];
    struct slc_recipient recipient[4];
    size_t count[SLC_EVENT_FINISHED + 1]; /* events by kind */
    enum slc_status undelivered_status;
    uint64_t token_sum; /* of ACKED */
    uint8_t tag[SLC_TAG_BYTES];
    bool has_tag;
    size_t bytes; /* of messages */
};

static inline void good(enum slc_status status, const struct slc_error *error)
{
    if (status != SLC_OK) fail_msg("%s: %s", slc_status_text(status), error == NULL ? "" : error->text);
}

/* A mixnet that loses `loss` of all packets at each hop, and the file that describes it. */
static inline void make_net(struct world *w, double loss)
{
    struct slc_error error = {0};
    struct slc_localnet_config net;
    memset(w, 0, sizeof *w);
    slc_localnet_config_default(&net);
    net.runtime.max_connections = 256;
    net.faults.loss = loss;
    good(slc_localnet_new(&w->net, &net, &error), &error);
    good(slc_localnet_start(w->net, &error), &error);
    (void)snprintf(w->topology_file, sizeof w->topology_file, "/tmp/sluice-api-%d.json", (int)getpid());
    char *text = slc_network_document(slc_localnet_network(w->net), SLC_DOCUMENT_TOPOLOGY_FILE);
    FILE *file = fopen(w->topology_file, "w");
    assert_non_null(text);
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    free(text);
}

static inline void end_net(struct world *w)
{
    (void)unlink(w->topology_file);
    slc_localnet_free(w->net);
}

static inline struct slc_open_options options_of(const struct world *w)
{
    return (struct slc_open_options){.size = sizeof(struct slc_open_options),
                                     .topology_file = w->topology_file,
                                     .traffic = "no-cover",
                                     .max_clients = 8,
                                     .workers = 1};
}

static inline void open_engine(struct world *w, const struct slc_open_options *options, unsigned clients)
{
    struct slc_error error = {0};
    struct slc_open_options usual = options_of(w);
    good(slc_open(options == NULL ? &usual : options, &w->engine, &error), &error);
    for (unsigned i = 0; i < clients; i++) {
        struct slc_client_info info = {.size = sizeof info};
        struct slc_client_options who = {.size = sizeof who, .user = &w->client[i]};
        good(slc_add(w->engine, &who, &w->client[i], &error), &error);
        good(slc_info(w->client[i], &info), NULL);
        w->recipient[i] = info.recipient;
    }
}

static inline uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline void take(void *self, const struct slc_event *event)
{
    struct world *w = self;
    assert_true(event->kind >= SLC_EVENT_MESSAGE && event->kind <= SLC_EVENT_FINISHED);
    assert_non_null(event->text);
    w->count[event->kind]++;
    if (event->kind == SLC_EVENT_ACKED) w->token_sum += event->token;
    if (event->kind == SLC_EVENT_UNDELIVERED) w->undelivered_status = event->status;
    if (event->kind == SLC_EVENT_FAILED) fail_msg("%s", event->text);
    if (event->kind != SLC_EVENT_MESSAGE) return;
    w->bytes += event->len;
    if (event->has_tag) memcpy(w->tag, event->tag, sizeof w->tag);
    w->has_tag |= event->has_tag;
    for (size_t i = 0; i < event->len; i++) {
        if (event->data[i] != (uint8_t)(i * 7)) fail_msg("byte %zu of %zu is wrong", i, event->len);
    }
}

/* Dispatches until `wanted` events of that kind have come, at most for `seconds`. */
static inline void await(struct world *w, enum slc_event_kind kind, size_t wanted, unsigned seconds)
{
    uint64_t end = now_ms() + seconds * 1000;
    while (w->count[kind] < wanted && now_ms() < end) {
        size_t n;
        good(slc_dispatch(w->engine, take, w, 0, &n), NULL);
        if (n == 0) good(slc_wait(w->engine, 50), NULL);
    }
    if (w->count[kind] < wanted) {
        fail_msg("%zu of %zu \"%s\" in %u s", w->count[kind], wanted, slc_event_name(kind), seconds);
    }
}

static inline uint8_t *pattern(size_t len)
{
    uint8_t *bytes = malloc(len + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    return bytes;
}

#endif
