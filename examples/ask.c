/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thousands of anonymous requesters in one process: each is a client of its own, asks a service, waits, asks again.
 * Nobody, the service included, learns who asked; answers come through the SURBs sent along.
 *
 *     ask NETWORK ADDRESS REQUESTERS REQUESTS [TRAFFIC]
 *
 * The service is one that sends back what it gets, as the example `echo` or `sluice echo`.
 */
#include <sluice/sluice.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SURBS = 12, PATIENCE_S = 120 };

struct requester {
    struct slc_client_id client;
    struct question {
        uint64_t requester, request;
        char words[84];
    } question;
    uint64_t asked_at;
};

struct survey {
    struct slc_engine_id engine;
    struct slc_recipient service;
    struct requester *requesters;
    size_t requesters_count, requests, ready, answers, wrong, undelivered;
    uint64_t *round_trips;
    bool failed;
};

static uint64_t now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void ask(struct survey *s, struct requester *r)
{
    struct slc_send_options options = {.size = sizeof options, .surbs = SURBS};
    r->asked_at = now();
    enum slc_status status = slc_send(r->client, &s->service, &r->question, sizeof r->question, &options);
    /* SLC_AGAIN: SLC_EVENT_ROOM will come, and we ask then. */
    if (status != SLC_OK && status != SLC_AGAIN) {
        (void)fprintf(stderr, "ask: %s\n", slc_status_text(status));
        s->failed = true;
    }
}

static void take_answer(struct survey *s, struct requester *r, const struct slc_event *event)
{
    if (!event->is_reply || event->len != sizeof r->question || memcmp(event->data, &r->question, event->len) != 0) {
        s->wrong++;
        return;
    }
    s->round_trips[s->answers++] = now() - r->asked_at;
    if (++r->question.request < s->requests) ask(s, r);
}

static void take(void *self, const struct slc_event *event)
{
    struct survey *s = self;
    struct requester *r = event->user;
    switch (event->kind) {
    case SLC_EVENT_READY:
    case SLC_EVENT_ROOM:
        if (event->kind == SLC_EVENT_READY && r->asked_at != 0) break; /* it is back after a loss */
        s->ready += event->kind == SLC_EVENT_READY;
        ask(s, r);
        break;
    case SLC_EVENT_MESSAGE:
        take_answer(s, r, event);
        break;
    case SLC_EVENT_UNDELIVERED:
        s->undelivered++;
        break;
    default:
        if (event->kind != SLC_EVENT_FAILED) break;
        (void)fprintf(stderr, "ask: %s\n", event->text);
        s->failed = true;
    }
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool add_requesters(struct survey *s, struct slc_error *error)
{
    for (size_t i = 0; i < s->requesters_count; i++) {
        struct requester *r = &s->requesters[i];
        struct slc_client_options who = {.size = sizeof who, .user = r};
        r->question.requester = i;
        (void)snprintf(r->question.words, sizeof r->question.words, "What is the answer to question %zu?", i);
        if (slc_add(s->engine, &who, &r->client, error) != SLC_OK) return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct slc_error error = {0};
    struct survey s = {0};
    if (argc < 5 || argc > 6 || slc_recipient_from_text(argv[2], &s.service, &error) != SLC_OK) {
        (void)fprintf(stderr, "usage: ask NETWORK ADDRESS REQUESTERS REQUESTS [TRAFFIC]\n%s\n", error.text);
        return 2;
    }
    s.requesters_count = strtoul(argv[3], NULL, 10);
    s.requests = strtoul(argv[4], NULL, 10);
    size_t total = s.requesters_count * s.requests;
    s.requesters = calloc(s.requesters_count + 1, sizeof *s.requesters);
    s.round_trips = calloc(total + 1, sizeof *s.round_trips);
    bool url = strncmp(argv[1], "http", 4) == 0;
    struct slc_open_options options = {.size = sizeof options,
                                       .nym_api = url ? argv[1] : NULL,
                                       .topology_file = url ? NULL : argv[1],
                                       .traffic = argc > 5 ? argv[5] : NULL,
                                       .max_clients = (uint32_t)s.requesters_count};
    if (s.requesters == NULL || s.round_trips == NULL || slc_open(&options, &s.engine, &error) != SLC_OK ||
        !add_requesters(&s, &error)) {
        return (void)fprintf(stderr, "ask: %s\n", error.text), 1;
    }
    uint64_t start = now(), end = start + PATIENCE_S * UINT64_C(1000000000);
    while (s.answers < total && !s.failed && now() < end) {
        size_t n = 0;
        if (slc_dispatch(s.engine, take, &s, 0, &n) != SLC_OK) break;
        if (n == 0) (void)slc_wait(s.engine, 1000);
    }
    double seconds = (double)(now() - start) / 1e9;
    (void)slc_close(s.engine, NULL);
    qsort(s.round_trips, s.answers, sizeof *s.round_trips, by_size);
    printf("%zu requesters, %zu questions, %zu answers, %zu wrong, %zu undelivered, in %.1f s\n", s.ready, total,
           s.answers, s.wrong, s.undelivered, seconds);
    if (s.answers > 0) {
        printf("round trip: median %.0f ms, 99 %% below %.0f ms\n", (double)s.round_trips[s.answers / 2] / 1e6,
               (double)s.round_trips[s.answers * 99 / 100] / 1e6);
    }
    free(s.requesters);
    free(s.round_trips);
    return s.answers == total && s.wrong == 0 ? 0 : 1;
}
