/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bulk sender: sends as fast as the engine takes messages, waits in poll(2) when it does not, and ends when every
 * message is at the recipient's gateway or known not to be.
 *
 *     bulk NETWORK ADDRESS MESSAGES BYTES [TRAFFIC]
 */
#include <sluice/sluice.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 256 };

struct bulk {
    struct slc_engine_id engine;
    struct slc_client_id client;
    struct slc_recipient to;
    uint8_t *bytes;
    size_t len, messages;
    size_t taken, acked, undelivered, waits;
    bool may_send; /* READY, and no SLC_AGAIN since the last ROOM */
    bool finished;
};

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void send_what_fits(struct bulk *b)
{
    while (b->may_send && b->taken < b->messages) {
        struct slc_send_options options = {.size = sizeof options, .token = b->taken};
        enum slc_status status = slc_send(b->client, &b->to, b->bytes, b->len, &options);
        if (status == SLC_OK) {
            b->taken++;
        } else if (status == SLC_AGAIN) {
            b->may_send = false;
            b->waits++;
        } else {
            (void)fprintf(stderr, "bulk: message %zu: %s\n", b->taken, slc_status_text(status));
            b->messages = b->taken;
        }
    }
}

static void take(struct bulk *b, const struct slc_event *event)
{
    switch (event->kind) {
    case SLC_EVENT_READY:
    case SLC_EVENT_ROOM:
        b->may_send = true;
        break;
    case SLC_EVENT_ACKED:
        b->acked++;
        break;
    case SLC_EVENT_UNDELIVERED:
        b->undelivered++;
        (void)fprintf(stderr, "bulk: message %llu: %s\n", (unsigned long long)event->token, event->text);
        break;
    case SLC_EVENT_FAILED:
        (void)fprintf(stderr, "bulk: %s\n", event->text);
        b->finished = true;
        break;
    case SLC_EVENT_FINISHED:
        b->finished = true;
        break;
    default:
        break;
    }
}

/* One descriptor among as many others as a program has. */
static bool run(struct bulk *b)
{
    struct pollfd readable = {.events = POLLIN};
    bool finishing = false;
    if (slc_fd(b->engine, &readable.fd) != SLC_OK) return false;
    while (!b->finished && poll(&readable, 1, 60000) > 0) {
        struct slc_event events[BATCH];
        size_t n;
        if (slc_poll(b->engine, events, BATCH, &n) != SLC_OK) return false;
        for (size_t i = 0; i < n; i++) {
            take(b, &events[i]);
        }
        if (slc_release(b->engine, events, n) != SLC_OK) return false;
        send_what_fits(b);
        if (b->taken == b->messages && !finishing) {
            finishing = true;
            if (slc_finish(b->engine, 60000) != SLC_OK) return false;
        }
    }
    return b->finished;
}

int main(int argc, char **argv)
{
    struct slc_error error = {0};
    struct bulk b = {0};
    if (argc < 5 || argc > 6 || slc_recipient_from_text(argv[2], &b.to, &error) != SLC_OK) {
        (void)fprintf(stderr, "usage: bulk NETWORK ADDRESS MESSAGES BYTES [TRAFFIC]\n%s\n", error.text);
        return 2;
    }
    b.messages = strtoul(argv[3], NULL, 10);
    b.len = strtoul(argv[4], NULL, 10);
    b.bytes = calloc(1, b.len + 1);
    bool url = strncmp(argv[1], "http", 4) == 0;
    struct slc_open_options options = {.size = sizeof options,
                                       .nym_api = url ? argv[1] : NULL,
                                       .topology_file = url ? NULL : argv[1],
                                       .traffic = argc > 5 ? argv[5] : NULL,
                                       .max_clients = 1};
    if (b.bytes == NULL || slc_open(&options, &b.engine, &error) != SLC_OK ||
        slc_add(b.engine, NULL, &b.client, &error) != SLC_OK) {
        (void)fprintf(stderr, "bulk: %s\n", error.text);
        return 1;
    }
    double start = now();
    bool good = run(&b);
    double seconds = now() - start;
    struct slc_statistics did = {.size = sizeof did};
    if (slc_stats(b.engine, &did) != SLC_OK || slc_close(b.engine, NULL) != SLC_OK) good = false;
    printf("%zu messages of %zu bytes: %zu acked, %zu undelivered, in %.1f s: %.2f MB/s\n", b.taken, b.len, b.acked,
           b.undelivered, seconds, (double)(b.acked * b.len) / seconds / 1e6);
    printf("window full %zu times; %llu packets, %llu sent again\n", b.waits, (unsigned long long)did.real_sent,
           (unsigned long long)did.retransmitted);
    free(b.bytes);
    return good && b.acked == b.messages ? 0 : 1;
}
