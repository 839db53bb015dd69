/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An echo service: every message that can be answered is, with its own bytes, through its sender's SURBs.
 *
 *     echo NETWORK [TRAFFIC [FOLDER]]
 *
 *     NETWORK   a topology file, or the URL of a nym-api
 *     TRAFFIC   "default", or as sluice-traffic(7) has it; a service that thousands ask at once needs room for their
 *               SURBs: "sluice.max_stored_surbs=1000000; sluice.max_sender_tags=100000"
 *     FOLDER    keeps the service's identity, and so its address
 *
 * SIGINT or SIGTERM ends it: answers under way get ten seconds.
 */
#include <sluice/sluice.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 64, WAITING_MAX = 4096 };

static struct slc_engine_id engine;
static volatile sig_atomic_t interrupted;

struct service {
    struct slc_client_id client;
    struct slc_event waiting[WAITING_MAX]; /* messages whose answers found the window full: not released yet */
    size_t waits;
    unsigned long received, taken, answered, undelivered, refused;
    bool finished;
};

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
    (void)slc_wake(engine);
}

/* False: the window is full. */
static bool answer(struct service *s, const struct slc_event *message)
{
    enum slc_status status = slc_reply(s->client, message->tag, message->data, message->len, NULL);
    if (status == SLC_AGAIN) return false;
    s->taken += status == SLC_OK;
    s->refused += status != SLC_OK;
    return true;
}

/* There is room again: the oldest first. */
static void answer_waiting(struct service *s)
{
    size_t done = 0;
    while (done < s->waits && answer(s, &s->waiting[done])) {
        done++;
    }
    (void)slc_release(engine, s->waiting, done);
    s->waits -= done;
    memmove(s->waiting, s->waiting + done, s->waits * sizeof *s->waiting);
}

/* True: the event stays ours for later. */
static bool take(struct service *s, const struct slc_event *event)
{
    char address[SLC_RECIPIENT_TEXT_MAX];
    struct slc_client_info info = {.size = sizeof info};
    switch (event->kind) {
    case SLC_EVENT_READY:
        if (slc_info(s->client, &info) == SLC_OK && slc_recipient_to_text(&info.recipient, address) == SLC_OK) {
            printf("ready %s\n", address);
            (void)fflush(stdout);
        }
        return false;
    case SLC_EVENT_MESSAGE:
        s->received++;
        /* An empty message cannot be answered: a reply has at least one byte. */
        if (!event->has_tag || event->len == 0) return false;
        if (s->waits == 0 && answer(s, event)) return false;
        if (s->waits == WAITING_MAX) {
            s->refused++;
            return false;
        }
        s->waiting[s->waits++] = *event;
        return true;
    case SLC_EVENT_ROOM:
        answer_waiting(s);
        return false;
    case SLC_EVENT_ACKED:
        s->answered++;
        return false;
    case SLC_EVENT_UNDELIVERED:
        s->undelivered++;
        return false;
    case SLC_EVENT_FINISHED:
        s->finished = true;
        return false;
    default: /* SENT tells nothing new here; LOST, FAILED and WARNING have words */
        if (event->status != SLC_OK) (void)fprintf(stderr, "%s: %s\n", slc_event_name(event->kind), event->text);
        s->finished |= event->kind == SLC_EVENT_FAILED;
        return false;
    }
}

static void serve(struct service *s)
{
    struct slc_event events[BATCH];
    size_t n;
    while (!s->finished && slc_poll(engine, events, BATCH, &n) == SLC_OK) {
        for (size_t i = 0; i < n; i++) {
            if (!take(s, &events[i])) (void)slc_release(engine, &events[i], 1);
        }
        if (n == 0) (void)slc_wait(engine, SLC_FOREVER);
        if (interrupted) (void)slc_finish(engine, 10000);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 4) {
        (void)fprintf(stderr, "usage: echo NETWORK [TRAFFIC [FOLDER]]\n");
        return 2;
    }
    bool url = strncmp(argv[1], "http", 4) == 0;
    struct slc_open_options options = {.size = sizeof options,
                                       .nym_api = url ? argv[1] : NULL,
                                       .topology_file = url ? NULL : argv[1],
                                       .traffic = argc > 2 ? argv[2] : NULL,
                                       .storage = argc > 3 ? argv[3] : NULL,
                                       .max_clients = 1,
                                       .window_messages = 1024};
    struct slc_client_options who = {.size = sizeof who, .name = argc > 3 ? "echo" : NULL};
    struct slc_error error = {0};
    static struct service service;
    if (slc_open(&options, &engine, &error) != SLC_OK || slc_add(engine, &who, &service.client, &error) != SLC_OK) {
        (void)fprintf(stderr, "echo: %s\n", error.text);
        return 1;
    }
    (void)signal(SIGINT, interrupt);
    (void)signal(SIGTERM, interrupt);
    serve(&service);
    struct slc_close_report left = {.size = sizeof left};
    (void)slc_close(engine, &left);
    printf("received %lu, answered %lu, undelivered %lu, refused %lu, left behind %lu\n", service.received,
           service.answered, service.undelivered, service.refused + service.waits, (unsigned long)left.unacked);
    return left.unacked == 0 ? 0 : 1;
}
