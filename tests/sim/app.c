/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/run_internal.h"

#include <stdlib.h>
#include <string.h>

/*
 * The applications behind the clients: they send what the scenario plans, answer what can be answered, and keep the
 * ledger. A message's bytes are its number and a pattern that follows from it, so each that arrives says what it is.
 */

enum { NUMBER_BYTES = 8, EVENTS = 64 };
#define RETRY (5 * SLC_MILLISECOND)

static uint8_t pattern(uint64_t number, size_t i)
{
    return (uint8_t)(number * 167 + i * 13 + (i >> 8));
}

static void write_message(uint8_t *data, size_t len, uint64_t number)
{
    memcpy(data, &number, NUMBER_BYTES);
    for (size_t i = NUMBER_BYTES; i < len; i++) {
        data[i] = pattern(number, i);
    }
}

static struct sim_message *message_new(struct sim_run *run)
{
    if (run->message_count == run->message_cap) {
        run->message_cap = run->message_cap == 0 ? 1024 : run->message_cap * 2;
        run->messages = realloc(run->messages, run->message_cap * sizeof *run->messages);
        if (run->messages == NULL) abort();
    }
    struct sim_message *m = &run->messages[run->message_count++];
    *m = (struct sim_message){0};
    return m;
}

static void wait_for_room(struct sim_run *run, uint32_t number)
{
    if (run->waiting_len == run->waiting_cap) {
        run->waiting_cap = run->waiting_cap == 0 ? 64 : run->waiting_cap * 2;
        run->waiting = realloc(run->waiting, run->waiting_cap * sizeof *run->waiting);
        if (run->waiting == NULL) abort();
    }
    run->waiting[run->waiting_len++] = number;
}

/* False: the ring is full. */
static bool submit(struct sim_run *run, uint32_t number)
{
    struct sim_message *m = &run->messages[number];
    struct slc_send send = {.client = m->from,
                            .token = number,
                            .reply = m->reply,
                            .anonymous = m->anonymous,
                            .surbs = m->surbs,
                            .recipient = run->clients[m->to].recipient,
                            .intended = slc_now(),
                            .len = m->len};
    memcpy(send.tag, m->tag, sizeof send.tag);
    if (slc_engine_prepare(run->engine, &send) != SLC_OK) abort();
    write_message(send.data, send.len, number);
    run->clients[m->from].spoke = true;
    if (slc_engine_submit(run->engine, &send) != SLC_OK) {
        slc_engine_abandon(run->engine, &send);
        return false;
    }
    m->submitted = true;
    run->open++;
    return true;
}

slc_time sim_app_send(struct sim_run *run)
{
    size_t done = 0;
    if (run->engine == NULL) return SLC_NEVER;
    while (done < run->waiting_len && submit(run, run->waiting[done])) {
        done++;
    }
    run->waiting_len -= done;
    if (done > 0) memmove(run->waiting, run->waiting + done, run->waiting_len * sizeof *run->waiting);
    const struct sim_scenario *s = &run->scenario;
    while (run->next_plan < s->plan_count && run->origin + s->plans[run->next_plan].at <= slc_now()) {
        const struct sim_plan *plan = &s->plans[run->next_plan++];
        struct sim_message *m = message_new(run);
        m->from = plan->from;
        m->to = plan->to;
        m->len = plan->len;
        m->anonymous = plan->anonymous;
        m->surbs = plan->surbs;
        m->replies = plan->replies;
        uint32_t number = (uint32_t)(m - run->messages);
        if (run->waiting_len > 0 || !submit(run, number)) wait_for_room(run, number);
    }
    if (run->waiting_len > 0) return slc_now() + RETRY;
    return run->next_plan < s->plan_count ? run->origin + s->plans[run->next_plan].at : SLC_NEVER;
}

/* ---- what arrives ---- */

static void answer(struct sim_run *run, uint32_t number, const struct slc_engine_event *event)
{
    while (event->has_tag && run->messages[number].replies > 0) {
        run->messages[number].replies--;
        struct sim_message *m = message_new(run);
        const struct sim_message *asked = &run->messages[number];
        m->from = asked->to;
        m->to = asked->from;
        m->reply = true;
        m->len = 8 + (asked->len * 7 + asked->replies * 911) % 3000;
        memcpy(m->tag, event->tag, sizeof m->tag);
        run->result->replies++;
        wait_for_room(run, (uint32_t)(m - run->messages));
    }
}

static bool is_whole(const struct slc_engine_event *event, uint64_t number)
{
    for (size_t i = NUMBER_BYTES; i < event->len; i++) {
        if (event->data[i] != pattern(number, i)) return false;
    }
    return true;
}

static void deliver(struct sim_run *run, const struct slc_engine_event *event)
{
    uint64_t number = UINT64_MAX;
    if (event->len >= NUMBER_BYTES) memcpy(&number, event->data, NUMBER_BYTES);
    if (number >= run->message_count || !run->messages[number].submitted) {
        sim_broken(run, "client %u was given %zu bytes that nobody sent", event->client, event->len);
        return;
    }
    struct sim_message *m = &run->messages[number];
    if (event->client != m->to || event->len != m->len || event->is_reply != m->reply || !is_whole(event, number)) {
        sim_broken(run,
                   "message %llu from client %u to %u (%u bytes) came to client %u as %zu bytes, not what was sent",
                   (unsigned long long)number, m->from, m->to, m->len, event->client, event->len);
        return;
    }
    bool before = m->delivered > 0, twice = before && m->life == run->life;
    m->delivered++;
    m->life = run->life;
    run->result->again += before;
    run->result->delivered++;
    sim_trace(number << 8 | 0xde);
    if (twice) {
        sim_broken(run, "message %llu from client %u to %u was delivered twice", (unsigned long long)number, m->from,
                   m->to);
    }
    answer(run, (uint32_t)number, event);
}

static void settle(struct sim_run *run, const struct slc_engine_event *event)
{
    if (event->token >= run->message_count) {
        sim_broken(run, "an event for message %llu, which is none", (unsigned long long)event->token);
        return;
    }
    struct sim_message *m = &run->messages[event->token];
    bool ends = event->kind != SLC_CLIENT_SENT;
    bool again = m->acked || m->expired || m->died || (event->kind == SLC_CLIENT_SENT && m->sent);
    if (again || event->client != m->from || !m->submitted || (event->kind == SLC_CLIENT_ACKED && !m->sent)) {
        sim_broken(run, "message %llu: event %u after sent %d, acked %d, expired %d", (unsigned long long)event->token,
                   event->kind, m->sent, m->acked, m->expired);
        return;
    }
    m->sent |= event->kind == SLC_CLIENT_SENT;
    m->acked |= event->kind == SLC_CLIENT_ACKED;
    m->expired |= event->kind == SLC_CLIENT_EXPIRED;
    if (event->kind == SLC_CLIENT_EXPIRED) m->status = (uint8_t)event->status;
    run->result->acked += event->kind == SLC_CLIENT_ACKED;
    run->result->expired += event->kind == SLC_CLIENT_EXPIRED;
    if (ends) run->open--;
    sim_trace(event->token << 8 | event->kind);
}

static void take(struct sim_run *run, const struct slc_engine_event *event)
{
    struct sim_client *client = &run->clients[event->client];
    switch (event->kind) {
    case SLC_CLIENT_READY:
        client->ready = client->was_ready = true;
        break;
    case SLC_CLIENT_LOST:
        client->ready = false;
        break;
    case SLC_CLIENT_FAILED:
        client->failed = true;
        sim_broken(run, "client %u gave up: %s", event->client, event->text);
        break;
    case SLC_CLIENT_SENT:
    case SLC_CLIENT_ACKED:
    case SLC_CLIENT_EXPIRED:
        settle(run, event);
        break;
    case SLC_CLIENT_DELIVERED:
        if (run->scenario.options.mutation == SIM_LOSE_MESSAGE && run->mutated++ == 3) break;
        deliver(run, event);
        if (run->scenario.options.mutation == SIM_DELIVER_TWICE && run->mutated++ == 3) deliver(run, event);
        break;
    default:
        break;
    }
}

/* What the process had to tell is lost with it, too. */
void sim_app_mourn(struct sim_run *run)
{
    for (size_t i = 0; i < run->message_count; i++) {
        struct sim_message *m = &run->messages[i];
        bool open = m->submitted && !m->acked && !m->expired && !m->died;
        m->died |= open;
        m->orphaned |= m->acked && m->delivered == 0;
        run->open -= open;
        run->result->died += open;
    }
    for (unsigned i = 0; i < run->scenario.clients; i++) {
        run->clients[i].ready = false;
    }
}

void sim_app_poll(struct sim_run *run)
{
    struct slc_engine_event events[EVENTS];
    for (size_t n = EVENTS; n == EVENTS;) {
        n = slc_engine_poll(run->engine, events, EVENTS);
        for (size_t i = 0; i < n; i++) {
            take(run, &events[i]);
            slc_engine_release(run->engine, &events[i]);
        }
    }
}

void sim_app_free(struct sim_run *run)
{
    free(run->messages);
    free(run->waiting);
}
