/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/run_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The invariants (docs/simulator.md). Cheap ones after every event, dear ones now and then, sums at the end. */

enum {
    MEMORY_EVERY = 4096,     /* events */
    CLIENT_MEMORY = 2 << 20, /* more than a client may take, whatever is under way */
    ENGINE_MEMORY = 8 << 20, /* the same for what a worker's clients share         */
    SPELL = 200,             /* packets of a connection from which on its gaps count */
    GENERATION = 1 << 22,    /* fingerprints after which the oldest are forgotten  */
};
#define ALPHA     1e-6
#define UNDER_WAY (2 * SLC_SECOND)

void sim_broken(struct sim_run *run, const char *format, ...)
{
    if (run->failed) return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(run->result->invariant, sizeof run->result->invariant, format, arguments);
    va_end(arguments);
    run->failed = true;
    run->result->at = slc_now();
}

/* ---- packets on the first link ---- */

/* Where it is, or would be. */
static uint64_t *find(const struct sim_headers *h, uint64_t header)
{
    size_t place = header & (h->cap - 1);
    while (h->slots[place] != 0 && h->slots[place] != header) {
        place = (place + 1) & (h->cap - 1);
    }
    return &h->slots[place];
}

static bool is_new(struct sim_headers *h, uint64_t header)
{
    if (h->used * 2 >= h->cap) {
        size_t cap = h->cap == 0 ? 1 << 16 : h->cap < GENERATION ? h->cap * 2 : h->cap;
        uint64_t *slots = calloc(cap, sizeof *slots);
        if (slots == NULL) abort();
        for (size_t i = 0; cap > h->cap && i < h->cap; i++) {
            if (h->slots[i] == 0) continue;
            size_t place = h->slots[i] & (cap - 1);
            while (slots[place] != 0) {
                place = (place + 1) & (cap - 1);
            }
            slots[place] = h->slots[i];
        }
        if (cap == h->cap) h->used = 0;
        free(h->slots);
        h->slots = slots;
        h->cap = cap;
    }
    uint64_t *slot = find(h, header);
    if (*slot == header) return false;
    *slot = header;
    h->used++;
    return true;
}

/* Gaps of connections that were too short say more of their ends than of the stream. */
static void end_spell(struct sim_client *client)
{
    if (client->since < SPELL) client->gaps.len = client->spell;
    client->spell = client->gaps.len;
    client->since = 0;
}

void sim_check_life(struct sim_run *run)
{
    for (unsigned i = 0; i < run->scenario.clients; i++) {
        end_spell(&run->clients[i]);
        run->clients[i].connection = 0;
    }
}

static void note_gap(struct sim_client *client, const struct sim_uplink *seen)
{
    if (client->connection != seen->connection) {
        end_spell(client);
        client->connection = seen->connection;
    } else if (client->since > 0) {
        sim_samples_add(&client->gaps, (double)(seen->at - client->last) / (double)SLC_SECOND);
    }
    client->since++;
    client->last = seen->at;
    client->packets++;
}

static void see_uplink(void *self, const struct sim_uplink *seen)
{
    struct sim_run *run = self;
    if (!seen->binary) return;
    uint32_t number = seen->index * run->scenario.engine_workers + seen->worker;
    if (number >= run->scenario.clients) return;
    run->result->packets++;
    if (seen->header == 0) sim_broken(run, "client %u sent a packet that was never built", number);
    if (!is_new(&run->headers, seen->header)) {
        sim_broken(run, "client %u sent a Sphinx header that was sent before: %016llx", number,
                   (unsigned long long)seen->header);
    }
    if (run->packet_bytes == 0) run->packet_bytes = seen->bytes;
    if (seen->bytes != run->packet_bytes) {
        sim_broken(run, "client %u sent a frame of %zu bytes where others have %zu: it can be told from them", number,
                   seen->bytes, run->packet_bytes);
    }
    if (run->scenario.options.clients == 0) note_gap(&run->clients[number], seen);
}

/* ---- after every event ---- */

size_t sim_memory(const struct sim_run *run)
{
    return (run->engine == NULL ? 0 : slc_engine_client_memory(run->engine)) + run->leaked;
}

static void check_memory(struct sim_run *run)
{
    if (run->scenario.options.mutation == SIM_LEAK) run->leaked += 1 << 20;
    size_t bound = run->scenario.engine_workers * (size_t)ENGINE_MEMORY + run->scenario.clients * (size_t)CLIENT_MEMORY;
    size_t memory = sim_memory(run);
    if (memory > bound) sim_broken(run, "clients hold %zu bytes, more than %zu", memory, bound);
}

static void after_event(void *self)
{
    struct sim_run *run = self;
    const struct sim_numbers *n = sim_numbers();
    if (n->frames_sent != n->frames_arrived + n->frames_lost + sim_in_flight()) {
        sim_broken(run, "of %llu frames %llu arrived, %llu were lost and %zu are on their way",
                   (unsigned long long)n->frames_sent, (unsigned long long)n->frames_arrived,
                   (unsigned long long)n->frames_lost, sim_in_flight());
    }
    if (++run->events % MEMORY_EVERY == 0) check_memory(run);
}

void sim_check_begin(struct sim_run *run)
{
    sim_observe(&(struct sim_observer){.self = run, .uplink = see_uplink, .after_event = after_event});
}

void sim_check_free(struct sim_run *run)
{
    for (unsigned i = 0; run->clients != NULL && i < run->scenario.clients; i++) {
        sim_samples_free(&run->clients[i].gaps);
    }
    free(run->headers.slots);
}

/* ---- at the end ---- */

static bool disturbs(const struct sim_scenario *s)
{
    return sim_has(s, SIM_CUT) || sim_has(s, SIM_CRASH) || sim_has(s, SIM_FORGET) || sim_has(s, SIM_HOLD) ||
           sim_has(s, SIM_FREEZE) || sim_has(s, SIM_TIGHT) || sim_has(s, SIM_CLOCK) || sim_has(s, SIM_KILL);
}

/* Whether a packet may be under way for so long that its key is retired meanwhile, through nobody's fault. */
static bool is_late(const struct sim_scenario *s)
{
    if (!sim_has(s, SIM_ROTATE)) return false;
    /* What was made before a crash is sent after it: of a rotation, by its parity, that could be the next. */
    if (s->validity_epochs == 2 && (sim_has(s, SIM_CRASH) || sim_has(s, SIM_FORGET))) return true;
    return sim_has(s, SIM_SLOW) || sim_has(s, SIM_PAUSE) || sim_has(s, SIM_HOLD) || sim_has(s, SIM_FREEZE) ||
           sim_has(s, SIM_CLOCK);
}

/* Clients look for stale SURBs eight times an epoch; then what they sent has still to arrive. */
static slc_time grace(const struct sim_run *run)
{
    return run->scenario.epoch_seconds * SLC_SECOND / 8 + UNDER_WAY;
}

void sim_check_keys(struct sim_run *run, bool new_epoch)
{
    if (is_late(&run->scenario)) return;
    struct slc_node_counters n;
    slc_localnet_counters(run->net, SLC_ALL_NODES, &n);
    uint64_t retired = n.malformed + n.key_retired;
    if (run->watching && retired != run->retired && !new_epoch) {
        sim_broken(run, "packets for retired keys, %.1f s after these were: %llu", (double)grace(run) / 1e9,
                   (unsigned long long)(retired - run->retired));
    }
    if (new_epoch) {
        run->watching = false;
        run->settled = slc_now() + grace(run);
    } else if (!run->watching && run->settled != 0 && slc_now() >= run->settled) {
        run->watching = true;
        run->retired = retired;
    }
}

static uint64_t taken_in(const struct slc_client_counters *c)
{
    return c->data_received + c->acks_received + c->cover_acks_received + c->unknown_acks + c->refused_frames;
}

/* Every message has one end; one that was acked was delivered, or went down with its recipient's link. */
static void check_messages(struct sim_run *run, const struct slc_client_counters *c, const struct slc_node_counters *n)
{
    uint64_t vanished = 0;
    for (size_t i = 0; i < run->message_count; i++) {
        const struct sim_message *m = &run->messages[i];
        if (!m->submitted || m->acked + m->expired + m->died != 1) {
            sim_broken(run,
                       "message %zu of %u bytes from client %u to %u: %s; sent %d, acked %d, expired %d, died %d, "
                       "delivered %u",
                       i, m->len, m->from, m->to, m->submitted ? "never settled" : "never taken", m->sent, m->acked,
                       m->expired, m->died, m->delivered);
        }
        vanished += m->acked && m->delivered == 0 && !m->orphaned;
    }
    /* Lost with a connection, or come when their client had given that connection up. */
    uint64_t excused = sim_numbers()->binary_down_lost + sim_numbers()->binary_down_taken - taken_in(c);
    excused += n->inbox_dropped + n->inbox_waiting;
    if (disturbs(&run->scenario)) excused += n->queue_dropped;
    if (vanished > excused) {
        sim_broken(run, "%llu messages were acked and never delivered; only %llu payloads were lost on last links",
                   (unsigned long long)vanished, (unsigned long long)excused);
    }
}

static void equal(struct sim_run *run, const char *what, uint64_t a, const char *other, uint64_t b)
{
    if (a != b) {
        sim_broken(run, "%s %llu, %s %llu", what, (unsigned long long)a, other, (unsigned long long)b);
    }
}

/* What applications heard; a process that dies takes what it has not told with it. */
static void told(struct sim_run *run, const char *what, uint64_t clients, uint64_t applications)
{
    if (run->life == 1 || clients < applications) equal(run, what, clients, "applications", applications);
}

/* What must survive a process, did. */
static void check_lives(struct sim_run *run, const struct slc_client_counters *c, const struct slc_node_counters *n)
{
    const struct sim_scenario *s = &run->scenario;
    struct slc_keeper_report report;
    slc_engine_storage(run->engine, &report);
    if (report.failing) sim_broken(run, "the storage fails at the end, on a disk that is well");
    /* Some die again before they registered again. */
    bool registered = n->clients_registered >= s->clients && n->clients_registered <= s->clients + run->unregistered;
    if (!registered && !sim_has(s, SIM_FORGET)) {
        sim_broken(run, "%llu registrations of %u clients; %llu were not durable when a process died",
                   (unsigned long long)n->clients_registered, s->clients, (unsigned long long)run->unregistered);
    }
    /* A new process does not know what the last was given: a copy on its way then comes as if it were the first. */
    if (run->result->again > c->retransmitted && !sim_has(s, SIM_TWICE)) {
        sim_broken(run, "%llu messages were delivered in two lives, only %llu packets were sent again",
                   (unsigned long long)run->result->again, (unsigned long long)c->retransmitted);
    }
}

static void check_clients(struct sim_run *run, const struct slc_client_counters *c)
{
    uint64_t sent = 0, delivered = 0;
    for (size_t i = 0; i < run->message_count; i++) {
        sent += run->messages[i].sent;
        delivered += run->messages[i].delivered;
    }
    told(run, "messages sent: clients count", c->messages_sent, sent);
    told(run, "messages acked: clients count", c->messages_acked, run->result->acked);
    if (run->scenario.options.mutation != SIM_LOSE_MESSAGE) {
        told(run, "messages delivered: clients count", c->messages_delivered, delivered);
    }
    uint64_t packets = c->real_sent + c->retransmitted + c->cover_sent + c->surb_packets_sent;
    equal(run, "packets: clients count", packets, "links", sim_numbers()->binary_up_sent);
    equal(run, "payloads that could not be read", c->refused_payloads + c->refused_messages, "allowed", 0);
    equal(run, "frames that did not authenticate", c->refused_frames, "allowed", 0);
    if (!disturbs(&run->scenario)) equal(run, "slots missed", c->slots_missed, "allowed", 0);
}

/* Every packet at a node came from a client, another node, or the duplication fault, and went somewhere. */
static void check_nodes(struct sim_run *run, const struct slc_node_counters *n)
{
    uint64_t from_nodes = n->packets_forwarded + n->fault_duplicated - n->fault_lost - slc_localnet_waiting(run->net);
    uint64_t up = sim_numbers()->binary_up_taken;
    /* These count what is pushed twice as duplicated, and acks kept back as lost: after their last node. */
    bool at_doors = sim_has(&run->scenario, SIM_TWICE) || sim_has(&run->scenario, SIM_NOACKS);
    if (at_doors) {
        from_nodes = n->packets_received;
    } else if (!disturbs(&run->scenario) && !run->scenario.tcp_hops && n->queue_dropped == 0) {
        equal(run, "packets received by nodes", n->packets_received, "sent to them", from_nodes + up);
    } else if (n->packets_received > from_nodes + up) {
        sim_broken(run, "nodes received %llu packets, more than the %llu sent to them",
                   (unsigned long long)n->packets_received, (unsigned long long)(from_nodes + up));
    }
    if (!sim_has(&run->scenario, SIM_ROTATE)) {
        equal(run, "packets that did not open, or were for another rotation's key",
              n->malformed + n->key_before + n->key_retired, "allowed", 0);
    }
    equal(run, "packets to nowhere", n->no_next_hop, "allowed", 0);
    equal(run, "client frames refused", n->frames_refused, "allowed", 0);
    if (n->replays > n->fault_duplicated) {
        sim_broken(run, "%llu replays, only %llu packets were duplicated", (unsigned long long)n->replays,
                   (unsigned long long)n->fault_duplicated);
    }
}

/* ---- what an observer of first links can learn ---- */

static bool is_paced(const struct sim_run *run)
{
    const struct sim_scenario *s = &run->scenario;
    /* A stream that meets a full queue waits, and slows down: this the observer may see (chapter 4, section 3.3). */
    if (sim_has(s, SIM_HOLD)) return false;
    bool paced = s->traffic.pacing == SLC_PACING_POISSON || s->options.mutation == SIM_UNEVEN_STREAM;
    return paced && !sim_has(s, SIM_FREEZE) && !sim_has(s, SIM_TIGHT);
}

static double mean_gap(const struct slc_traffic *t)
{
    double rate = (double)SLC_SECOND / (double)t->main_mean;
    if (t->loop_mean > 0) rate += (double)SLC_SECOND / (double)t->loop_mean;
    return 1 / rate;
}

static void check_streams(struct sim_run *run)
{
    if (!is_paced(run) || run->scenario.options.clients > 0) return;
    struct sim_samples pooled[2] = {{0}, {0}};
    double distance, mean = mean_gap(&run->scenario.traffic);
    for (unsigned i = 0; i < run->scenario.clients; i++) {
        struct sim_client *client = &run->clients[i];
        end_spell(client);
        for (size_t g = 0; g < client->gaps.len; g++) {
            sim_samples_add(&pooled[client->spoke], client->gaps.at[g]);
        }
        if (!sim_ks_exponential(&client->gaps, mean, ALPHA, &distance)) {
            sim_broken(run, "client %u, which %s: gaps of %zu packets are not exponential with mean %.2f ms (D = %.4f)",
                       i, client->spoke ? "sent messages" : "was silent", client->gaps.len, mean * 1e3, distance);
        }
    }
    for (int spoke = 0; spoke < 2; spoke++) {
        if (sim_ks_exponential(&pooled[spoke], mean, ALPHA, &distance)) continue;
        sim_broken(run, "clients that %s: gaps of %zu packets are not exponential with mean %.2f ms (D = %.4f)",
                   spoke ? "sent messages" : "were silent", pooled[spoke].len, mean * 1e3, distance);
    }
    if (!sim_ks_equal(&pooled[0], &pooled[1], ALPHA, &distance)) {
        sim_broken(run, "gaps of clients that sent messages differ from those of silent ones (D = %.4f, %zu and %zu)",
                   distance, pooled[1].len, pooled[0].len);
    }
    sim_samples_free(&pooled[0]);
    sim_samples_free(&pooled[1]);
}

void sim_check_end(struct sim_run *run)
{
    struct slc_client_counters clients;
    struct slc_node_counters nodes;
    sim_life_counters(run, &clients);
    slc_localnet_counters(run->net, SLC_ALL_NODES, &nodes);
    check_messages(run, &clients, &nodes);
    check_clients(run, &clients);
    check_lives(run, &clients, &nodes);
    check_nodes(run, &nodes);
    check_streams(run);
    for (unsigned i = 0; i < run->scenario.clients; i++) {
        if (!run->clients[i].ready) sim_broken(run, "client %u is not connected at the end", i);
    }
}
