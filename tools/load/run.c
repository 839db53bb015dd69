/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/run_internal.h"

#include "crypto/base/cpu.h"
#include "crypto/base/secret.h"
#include "tools/common/signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BURST = 256 }; /* messages handed over, and events taken, before the other gets its turn */

#define MISSED_AFTER      (100 * SLC_MILLISECOND)
#define RETRY_AFTER       (SLC_MILLISECOND / 5)
#define UNPACED_LEAD      (10 * SLC_MILLISECOND)
#define INTERRUPTED_DRAIN (500 * SLC_MILLISECOND)
#define LEAVING           (5 * SLC_SECOND)

/* ---- interruption ---- */

static void wake(void *engine)
{
    slc_engine_wake(engine);
}

static bool interrupted(void)
{
    return slc_signals_stop();
}

/* ---- making ---- */

static int failed(int code, const char *what, const struct slc_error *error)
{
    (void)fprintf(stderr, "sluice load: %s%s\n", what, error->text);
    return code;
}

static size_t within(double value, size_t low, size_t high)
{
    return value <= (double)low ? low : value >= (double)high ? high : (size_t)value;
}

static void configure(struct slc_load *l, struct slc_engine_config *c)
{
    const struct slc_load_options *o = l->options;
    slc_engine_config_default(c);
    c->traffic = l->traffic;
    c->tls = o->tls;
    c->ca_file = o->ca_file;
    c->max_clients = o->clients;
    if (o->threads > 0) c->runtime.workers = (unsigned)o->threads;
    if (c->runtime.workers > o->clients) c->runtime.workers = (unsigned)o->clients;
    c->runtime.cpus = o->cpus.count > 0 ? o->cpus.cpu : NULL;
    c->runtime.cpu_count = o->cpus.count;
    c->runtime.wait = (enum slc_wait)o->wait;
    c->runtime.backend = (enum slc_loop_backend)o->io;
    double packets = o->total_rate * (double)l->report->packets_per_message;
    c->runtime.max_connections = within((double)o->clients + 64, 256, 1 << 17);
    c->runtime.small_slots = within(4 * (double)o->clients + packets / 8, 4096, 1 << 16);
    c->runtime.timers = within(16 * (double)o->clients + 4 * packets, 1 << 16, 1 << 22);
    /* A message's buffer is held until its last ack: seconds, when one was lost. Beyond this it is allocated. */
    double held = 4 * o->total_rate / c->runtime.workers;
    uint32_t surbs = l->report->opening_surbs;
    c->message_bytes = slc_outgoing_head(false, surbs > 0, surbs) + (size_t)o->message_bytes;
    size_t most = ((size_t)256 << 20) / (c->message_bytes + 256) / c->runtime.workers;
    c->message_slots = within(held, 256, most < 256 ? 256 : most);
}

static enum slc_status open_home(struct slc_load *l, struct slc_error *error)
{
    enum slc_status status = slc_storage_open(&l->storage, l->options->home, error);
    const char *notice = status == SLC_OK ? slc_storage_notice(l->storage) : NULL;
    if (notice != NULL) (void)fprintf(stderr, "sluice load: %s\n", notice);
    return status;
}

static enum slc_status add_client(struct slc_load *l, uint32_t i, struct slc_error *error)
{
    struct slc_client_setup setup;
    const struct slc_node *gateway = l->gateways[i % l->gateway_count];
    enum slc_status status = slc_crowd_next(&l->crowd, l->first_topology, gateway, &setup, error);
    if (status != SLC_OK) return status;
    status = slc_engine_add(l->engine, &setup, &l->numbers[i]);
    slc_wipe(&setup, sizeof setup);
    if (status == SLC_OK && l->numbers[i] >= l->place_count) status = SLC_OUT_OF_RANGE;
    if (status != SLC_OK) {
        const char *words = slc_engine_storage_words(l->engine);
        return slc_fail(error, status, "adding clients: %s", words[0] != 0 ? words : slc_status_text(status));
    }
    l->places[l->numbers[i]] = i;
    slc_engine_recipient(l->engine, l->numbers[i], &l->recipients[i]);
    return SLC_OK;
}

static enum slc_status make_books(struct slc_load *l)
{
    const struct slc_load_options *o = l->options;
    uint32_t clients = (uint32_t)o->clients;
    enum slc_arrivals_kind kind = (enum slc_arrivals_kind)o->arrivals;
    slc_time offered = o->warm_up + o->duration;
    l->row_cap = (size_t)((offered + o->drain) / SLC_SECOND) + 8;
    l->report->rows = calloc(l->row_cap, sizeof *l->report->rows);
    l->start = calloc(3, sizeof *l->start);
    l->recipients = calloc(clients, sizeof *l->recipients);
    l->numbers = calloc(clients, sizeof *l->numbers);
    /* Numbers are dense over workers, so the highest is below this. */
    l->place_count = (size_t)clients + 256;
    l->places = calloc(l->place_count, sizeof *l->places);
    l->has_asked = calloc(clients, sizeof *l->has_asked);
    if (l->has_asked == NULL || l->report->rows == NULL || l->start == NULL || l->recipients == NULL ||
        l->numbers == NULL || l->places == NULL) {
        return SLC_NO_MEMORY;
    }
    l->stop = l->start + 1;
    l->end = l->start + 2;
    enum slc_status status = slc_arrivals_init(&l->arrivals, kind, clients, o->total_rate, o->seed);
    if (status != SLC_OK) return status;
    status = slc_ledger_init(&l->ledger, slc_arrivals_bound(kind, clients, o->total_rate, offered));
    l->ledger.asks = o->ping;
    return status;
}

static enum slc_status find_gateways(struct slc_load *l, struct slc_error *error)
{
    bool mixing_too = l->traffic.ignore_ingress_role;
    size_t count = slc_topology_gateways(l->target->mixnet.topology, mixing_too, NULL, 0);
    if (count == 0) return slc_fail(error, SLC_NO_ROUTE, "%s: no gateway takes clients", l->target->text);
    l->gateways = calloc(count, sizeof *l->gateways);
    if (l->gateways == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    l->first_topology = slc_topology_hold(l->target->mixnet.topology);
    l->gateway_count = slc_topology_gateways(l->first_topology, mixing_too, l->gateways, count);
    return SLC_OK;
}

static int make(struct slc_load *l)
{
    struct slc_error error = {0};
    struct slc_engine_config config;
    if (find_gateways(l, &error) != SLC_OK) return failed(SLC_EXIT_USAGE, "", &error);
    if (make_books(l) != SLC_OK) {
        (void)slc_fail(&error, SLC_NO_MEMORY, "no memory for the records of so many messages; lower rate or duration");
        return failed(SLC_EXIT_USAGE, "", &error);
    }
    randombytes_buf(l->key.bytes, sizeof l->key.bytes);
    configure(l, &config);
    const struct slc_mixnet *mixnet = &l->target->mixnet;
    enum slc_status status = l->options->ping ? slc_ping_open(&l->ping, l->options, mixnet, &l->key, &error) : SLC_OK;
    if (status == SLC_OK && l->options->home != NULL) status = open_home(l, &error);
    if (status == SLC_OK) status = slc_crowd_open(&l->crowd, l->storage, l->options->clients, &error);
    config.storage = l->storage;
    l->resident_before = slc_load_resident();
    if (status == SLC_OK) {
        status = slc_engine_new(&l->engine, &config, mixnet->topology, slc_mixnet_info(mixnet), &error);
    }
    for (uint32_t i = 0; i < l->options->clients && status == SLC_OK; i++) {
        status = add_client(l, i, &error);
    }
    return status == SLC_OK ? -1 : failed(SLC_EXIT_USAGE, "", &error);
}

/* ---- events ---- */

static void note_failure(struct slc_load *l, const struct slc_engine_event *event, const char *what)
{
    uint32_t place = event->client < l->place_count ? l->places[event->client] : 0;
    char address[SLC_ADDRESS_TEXT_MAX], words[SLC_REPORT_REASON_BYTES / 2];
    const struct slc_node *gateway = slc_topology_find(l->first_topology, l->recipients[place].gateway);
    slc_address_to_text(&gateway->ws, address);
    slc_report_clean(words, sizeof words, event->text != NULL ? event->text : slc_status_text(event->status));
    (void)snprintf(l->failure, sizeof l->failure, "client %u at gateway %s %s: %s", place, address, what, words);
}

static void take_delivered(struct slc_load *l, const struct slc_engine_event *event)
{
    struct slc_load_head head;
    uint32_t place = event->client < l->place_count ? l->places[event->client] : UINT32_MAX;
    enum slc_load_check check = slc_load_message_check(slc_bytes(event->data, event->len), &l->key, &head);
    if (check == SLC_LOAD_UNRECOGNISED || event->is_reply != (l->ping != NULL)) {
        l->ledger.unrecognised++;
    } else if (l->ping != NULL) {
        slc_ledger_answered(&l->ledger, head.id, head.intended, place, check == SLC_LOAD_INTACT, event->at);
    } else {
        slc_ledger_arrived(&l->ledger, head.id, head.intended, place, check == SLC_LOAD_INTACT, event->at);
    }
}

static void take_event(struct slc_load *l, const struct slc_engine_event *event)
{
    switch (event->kind) {
    case SLC_CLIENT_READY:
        break;
    case SLC_CLIENT_LOST:
        if (l->failed_clients == 0) note_failure(l, event, "is not connected");
        break;
    case SLC_CLIENT_FAILED:
        if (l->failed_clients++ == 0) note_failure(l, event, "gave up");
        break;
    case SLC_CLIENT_STORAGE:
        if (event->status != SLC_OK) (void)fprintf(stderr, "sluice load: %s\n", event->text);
        break;
    case SLC_CLIENT_SENT:
        slc_ledger_sent(&l->ledger, event->token, event->at);
        break;
    case SLC_CLIENT_ACKED:
        slc_ledger_acked(&l->ledger, event->token, event->at);
        break;
    case SLC_CLIENT_EXPIRED:
        slc_ledger_expired(&l->ledger, event->token);
        break;
    case SLC_CLIENT_DELIVERED:
        take_delivered(l, event);
        break;
    default:
        break;
    }
    slc_engine_release(l->engine, event);
}

static void take_arrivals(struct slc_load *l)
{
    size_t n;
    const struct slc_ping_arrival *arrivals = slc_ping_arrivals(l->ping, &n);
    for (size_t i = 0; i < n; i++) {
        const struct slc_ping_arrival *a = &arrivals[i];
        if (a->recognised) {
            slc_ledger_arrived(&l->ledger, a->id, a->intended, a->service, a->intact, a->at);
        } else {
            l->ledger.unrecognised++;
        }
    }
}

static bool take_events(struct slc_load *l)
{
    struct slc_engine_event events[BURST];
    size_t n = slc_engine_poll(l->engine, events, BURST);
    /* Between taking the events and reading them, so that a request is known to have arrived before its answer is. */
    if (l->ping != NULL) take_arrivals(l);
    for (size_t i = 0; i < n; i++) {
        take_event(l, &events[i]);
    }
    return n == BURST;
}

/* ---- the schedule ---- */

static bool hand_over(struct slc_load *l, slc_time now)
{
    enum slc_status status = slc_engine_submit(l->engine, &l->stuck);
    if (status == SLC_OK) {
        slc_ledger_submitted(&l->ledger, l->stuck.token, now);
        return true;
    }
    if (status == SLC_AGAIN && now < l->stuck_since + MISSED_AFTER) return false;
    slc_ledger_missed(&l->ledger, l->stuck.token);
    slc_engine_abandon(l->engine, &l->stuck);
    return true;
}

/* Prepares the next message of the schedule as the stuck one; false: it was missed, or there is no more. */
static bool take_next(struct slc_load *l)
{
    const struct slc_load_options *o = l->options;
    struct slc_arrival arrival = l->next;
    uint64_t id;
    l->next = slc_arrivals_next(&l->arrivals);
    l->offering = l->next.at < o->warm_up + o->duration;
    slc_time intended = l->origin + arrival.at;
    struct slc_recipient recipient = l->recipients[arrival.recipient];
    if (l->ping != NULL) arrival.recipient = slc_ping_service_of(l->ping, arrival.sender, &recipient);
    uint32_t surbs = l->has_asked[arrival.sender] ? l->report->surbs : l->report->opening_surbs;
    enum slc_status status =
        slc_ledger_offer(&l->ledger, intended, arrival.sender, arrival.recipient, arrival.at < o->warm_up, &id);
    if (status != SLC_OK) {
        slc_report_reason(l->report, "the schedule outgrew its records and ended early");
        l->offering = false;
        return false;
    }
    l->stuck = (struct slc_send){.client = l->numbers[arrival.sender],
                                 .token = id,
                                 .anonymous = surbs > 0,
                                 .surbs = surbs,
                                 .recipient = recipient,
                                 .intended = intended,
                                 .len = (size_t)o->message_bytes};
    l->stuck_since = intended;
    if (slc_engine_prepare(l->engine, &l->stuck) != SLC_OK) {
        slc_ledger_missed(&l->ledger, id);
        return false;
    }
    const struct slc_load_head head = {
        .id = id, .intended = intended, .sender = arrival.sender, .recipient = arrival.recipient};
    slc_load_message_write(l->stuck.data, l->stuck.len, &head, &l->key);
    l->has_asked[arrival.sender] = true;
    return true;
}

/* Hands over what is due; how long until there is more to do. */
static slc_time offer(struct slc_load *l)
{
    for (unsigned i = 0; i < BURST; i++) {
        slc_time now = slc_now();
        if (!l->is_stuck) {
            if (!l->offering) return SLC_SECOND;
            slc_time due = l->origin + l->next.at;
            if (due > now + l->lead) return due - now - l->lead;
            l->is_stuck = take_next(l);
            if (!l->is_stuck) continue;
        }
        l->is_stuck = !hand_over(l, now);
        if (l->is_stuck) return RETRY_AFTER;
    }
    return 0;
}

/* ---- phases ---- */

static bool all_ready(const struct slc_load *l)
{
    return slc_engine_ready(l->engine) == l->options->clients && (l->ping == NULL || slc_ping_ready(l->ping));
}

static int not_connected(struct slc_load *l, slc_time limit)
{
    struct slc_error error = {0};
    char text[32];
    size_t ready = slc_engine_ready(l->engine);
    bool clients = ready == l->options->clients;
    const char *why = clients ? slc_ping_trouble(l->ping) : l->failure[0] != 0 ? l->failure : "no gateway answered";
    (void)slc_fail(&error, SLC_TIMEOUT, "%zu of %llu clients ready after %s; %s", ready,
                   (unsigned long long)l->options->clients, slc_duration_text(limit, text), why);
    return failed(SLC_EXIT_NO_CONNECTION, "", &error);
}

static int connect_all(struct slc_load *l)
{
    const struct slc_load_options *o = l->options;
    struct slc_error error = {0};
    slc_time limit = o->connect > 0 ? o->connect : 10 * SLC_SECOND + o->clients * 10 * SLC_MILLISECOND;
    slc_time begin = slc_now();
    if (slc_engine_start(l->engine, &error) != SLC_OK) return failed(SLC_EXIT_USAGE, "", &error);
    while (!all_ready(l) && !interrupted()) {
        while (take_events(l)) {
        }
        if (l->failed_clients > 0) return failed(SLC_EXIT_NO_CONNECTION, l->failure, &error);
        if (slc_now() - begin > limit) return not_connected(l, limit);
        slc_engine_wait(l->engine, 5 * SLC_MILLISECOND);
    }
    size_t resident = slc_load_resident();
    l->report->connecting = slc_now() - begin;
    l->report->resident_growth = resident > l->resident_before ? resident - l->resident_before : 0;
    if (slc_load_faults_begin(l, &error) != SLC_OK) return failed(SLC_EXIT_USAGE, "", &error);
    return -1;
}

static void turn(struct slc_load *l, slc_time until, const char *phase)
{
    slc_time idle = offer(l);
    bool more = take_events(l);
    slc_time now = slc_now();
    slc_load_row(l, now, false, phase);
    slc_time next = slc_load_faults_turn(l, now);
    if (more || idle == 0 || now >= until) return;
    if (l->row_due < next) next = l->row_due;
    if (until < next) next = until;
    if (next <= now) return;
    slc_engine_wait(l->engine, next - now < idle ? next - now : idle);
}

static void run_until(struct slc_load *l, slc_time until, const char *phase)
{
    while (slc_now() < until && !interrupted()) {
        turn(l, until, phase);
    }
}

/* Whoever was cut off at the end by our own order has the time to come back. */
static bool is_whole(const struct slc_load *l)
{
    return l->ledger.open == 0 && !l->is_stuck && (l->faults.cuts == 0 || all_ready(l));
}

static void drain(struct slc_load *l)
{
    slc_time begin = slc_now();
    l->offering = false;
    l->faults.next_cut = SLC_NEVER;
    while (!is_whole(l)) {
        slc_time limit = interrupted() && l->options->drain > INTERRUPTED_DRAIN ? INTERRUPTED_DRAIN : l->options->drain;
        if (slc_now() >= begin + limit) break;
        turn(l, begin + limit, "drain");
    }
    if (!l->is_stuck) return;
    slc_ledger_missed(&l->ledger, l->stuck.token);
    slc_engine_abandon(l->engine, &l->stuck);
    l->is_stuck = false;
}

static void run_phases(struct slc_load *l)
{
    const struct slc_load_options *o = l->options;
    l->origin = slc_now() + SLC_MILLISECOND;
    l->next = slc_arrivals_next(&l->arrivals);
    l->offering = l->next.at < o->warm_up + o->duration;
    l->report->started_unix = slc_unix_seconds();
    slc_load_rows_begin(l);
    run_until(l, l->origin + o->warm_up, "warm-up");
    slc_load_snapshot_take(l, l->start);
    l->report->warm_up = o->warm_up;
    run_until(l, l->origin + o->warm_up + o->duration, "load");
    slc_load_snapshot_take(l, l->stop);
    slc_load_row(l, slc_now(), true, "load");
    drain(l);
    slc_load_snapshot_take(l, l->end);
    slc_load_row(l, slc_now(), true, "drain");
    slc_load_progress_end(&l->progress);
}

/* Gateways are told what the traffic says of the clients; the books are closed by now. */
static void leave(struct slc_load *l)
{
    const struct slc_traffic *t = &l->traffic;
    if (!t->forget_client && !t->forget_stats && !t->remember_stats) return;
    slc_engine_close(l->engine, 0);
    struct slc_engine_event events[BURST];
    bool closed = false;
    for (slc_time end = slc_now() + LEAVING; !closed && slc_now() < end;) {
        size_t n = slc_engine_poll(l->engine, events, BURST);
        for (size_t i = 0; i < n; i++) {
            closed = closed || events[i].kind == SLC_CLIENT_CLOSED;
            slc_engine_release(l->engine, &events[i]);
        }
        if (n == 0) slc_engine_wait(l->engine, 10 * SLC_MILLISECOND);
    }
}

/* ---- all of it ---- */

static void describe(struct slc_load *l)
{
    static const char *const arrivals[] = {"poisson", "constant"};
    const struct slc_load_options *o = l->options;
    struct slc_report *r = l->report;
    memcpy(r->target, l->target->text, sizeof r->target);
    r->local_network = l->target->net != NULL;
    r->client_count = (uint32_t)o->clients;
    r->client_rate = o->rate;
    r->total_rate = o->total_rate;
    r->arrivals = arrivals[o->arrivals];
    bool poisson = l->traffic.pacing == SLC_PACING_POISSON;
    r->pacing = poisson ? "poisson" : "none";
    r->slots_per_second = slc_traffic_slots_per_second(&l->traffic);
    r->adaptive = poisson && l->traffic.adaptive;
    r->cover = poisson || slc_traffic_loop_mean(&l->traffic) > 0;
    r->presets = o->traffic.presets;
    r->sets = &o->traffic.sets;
    r->message_bytes = (size_t)o->message_bytes;
    r->packets_per_message = slc_load_packets_per_message(o, &l->traffic);
    r->surbs = slc_load_surbs(o, &l->traffic, false);
    r->opening_surbs = slc_load_surbs(o, &l->traffic, true);
    r->ping = o->ping;
    r->seed = o->seed;
    r->wanted_duration = o->duration;
    r->cpu = slc_cpu_name(slc_cpu());
}

static int run(struct slc_load *l)
{
    int result = make(l);
    if (result < 0) {
        slc_signals_catch(wake, l->engine);
        result = connect_all(l);
    }
    if (result >= 0) return result;
    run_phases(l);
    if (slc_load_measure(l) != SLC_OK) {
        (void)fprintf(stderr, "sluice load: no memory for the report\n");
        return SLC_EXIT_CHECK_FAILED;
    }
    leave(l);
    return -1;
}

int slc_load_run(const struct slc_load_options *options, struct slc_load_target *target, struct slc_report *report)
{
    struct slc_load *l = calloc(1, sizeof *l);
    if (l == NULL) return SLC_EXIT_USAGE;
    struct slc_error error = {0};
    l->options = options;
    l->target = target;
    l->report = report;
    slc_load_traffic(options, &l->traffic);
    l->lead = l->traffic.pacing == SLC_PACING_NONE ? UNPACED_LEAD : 0;
    describe(l);
    slc_load_progress_init(&l->progress, options->quiet);
    bool fits = slc_load_fits(options, &l->traffic, &error) == SLC_OK;
    if (!fits) (void)fprintf(stderr, "sluice load: this run will be invalid: %s\n", error.text);
    int result = run(l);
    if (result < 0) slc_load_judge(report, interrupted(), fits ? NULL : error.text);
    if (result < 0 && l->failure[0] != 0) slc_report_reason(report, "%s", l->failure);
    slc_signals_catch(NULL, NULL);
    slc_load_faults_end(l);
    slc_engine_free(l->engine);
    slc_crowd_close(&l->crowd);
    slc_storage_close(l->storage);
    slc_ping_close(l->ping);
    slc_topology_release(l->first_topology);
    slc_arrivals_free(&l->arrivals);
    slc_ledger_free(&l->ledger);
    slc_wipe(&l->key, sizeof l->key);
    free(l->start);
    free(l->has_asked);
    free(l->recipients);
    free(l->numbers);
    free(l->places);
    free(l->gateways);
    free(l);
    return result;
}

void slc_load_report_free(struct slc_report *report)
{
    free(report->rows);
    free(report->gateways);
    free(report->threads);
    report->rows = NULL;
    report->gateways = NULL;
    report->threads = NULL;
}
