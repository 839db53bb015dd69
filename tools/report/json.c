/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/page.h"
#include "tools/report/report.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * docs/report.md lists every member. cJSON answers NULL when there is no memory, and adding to NULL does nothing, so
 * one look at the end would not do: `whole` gathers it.
 */
struct json {
    cJSON *root;
    bool whole;
};

static double seconds(uint64_t ns)
{
    return (double)ns / (double)SLC_SECOND;
}

static void number(struct json *j, cJSON *to, const char *name, double value)
{
    if (cJSON_AddNumberToObject(to, name, value) == NULL) j->whole = false;
}

/* Not by way of a double, of which cJSON prints 15 digits where that comes close: a seed has to come back exactly. */
static void count(struct json *j, cJSON *to, const char *name, uint64_t value)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%" PRIu64, value);
    if (cJSON_AddRawToObject(to, name, digits) == NULL) j->whole = false;
}

static void flag(struct json *j, cJSON *to, const char *name, bool value)
{
    if (cJSON_AddBoolToObject(to, name, value) == NULL) j->whole = false;
}

static void text(struct json *j, cJSON *to, const char *name, const char *value)
{
    if (cJSON_AddStringToObject(to, name, value) == NULL) j->whole = false;
}

static cJSON *object(struct json *j, cJSON *to, const char *name)
{
    cJSON *made = cJSON_AddObjectToObject(to, name);
    if (made == NULL) j->whole = false;
    return made;
}

static cJSON *array(struct json *j, cJSON *to, const char *name)
{
    cJSON *made = cJSON_AddArrayToObject(to, name);
    if (made == NULL) j->whole = false;
    return made;
}

/* Takes `item`. */
static cJSON *append(struct json *j, cJSON *to, cJSON *item)
{
    if (item == NULL || !cJSON_AddItemToArray(to, item)) {
        j->whole = false;
        cJSON_Delete(item);
        return NULL;
    }
    return item;
}

/* ---- parts ---- */

static void add_load(struct json *j, const struct slc_report *r)
{
    cJSON *load = object(j, j->root, "load");
    text(j, load, "target", r->target);
    flag(j, load, "local_network", r->local_network);
    count(j, load, "clients", r->client_count);
    number(j, load, "rate_per_client", r->client_rate);
    number(j, load, "rate_total", r->total_rate);
    text(j, load, "arrivals", r->arrivals);
    text(j, load, "pacing", r->pacing);
    number(j, load, "slots_per_second", r->slots_per_second);
    flag(j, load, "adaptive", r->adaptive);
    flag(j, load, "cover", r->cover);
    text(j, load, "preset", r->presets != NULL ? r->presets : "");
    cJSON *sets = array(j, load, "set");
    for (unsigned i = 0; r->sets != NULL && i < r->sets->count; i++) {
        (void)append(j, sets, cJSON_CreateString(r->sets->text[i]));
    }
    count(j, load, "message_bytes", r->message_bytes);
    count(j, load, "packets_per_message", r->packets_per_message);
    count(j, load, "surbs_per_message", r->surbs);
    count(j, load, "surbs_first_message", r->opening_surbs);
    flag(j, load, "ping", r->ping);
    count(j, load, "services", r->services);
    flag(j, load, "services_here", r->services_here);
    count(j, load, "seed", r->seed);
    cJSON *duration = object(j, j->root, "duration_seconds");
    number(j, duration, "wanted", seconds(r->wanted_duration));
    number(j, duration, "measured", seconds(r->measured));
    number(j, duration, "connect", seconds(r->connecting));
    number(j, duration, "warm_up", seconds(r->warm_up));
    number(j, duration, "drain", seconds(r->draining));
}

static void add_messages(struct json *j, const char *name, const struct slc_report_messages *m)
{
    cJSON *to = object(j, j->root, name);
    count(j, to, "offered", m->offered);
    count(j, to, "sent", m->sent);
    count(j, to, "delivered", m->delivered);
    count(j, to, "acked", m->acked);
    count(j, to, "lost", m->lost);
    count(j, to, "corrupted", m->corrupted);
    count(j, to, "duplicated", m->duplicated);
    count(j, to, "in_flight", m->in_flight);
    count(j, to, "missed", m->missed);
    count(j, to, "refused", m->refused);
    count(j, to, "waiting", m->waiting);
    count(j, to, "unrecognised", m->unrecognised);
    count(j, to, "answered", m->answered);
    count(j, to, "answered_wrong", m->answered_wrong);
    count(j, to, "answered_again", m->answered_again);
    count(j, to, "unanswered", m->unanswered);
    flag(j, to, "balanced", m->balanced);
}

static void add_packets(struct json *j, const struct slc_report *r)
{
    const struct slc_client_counters *p = &r->packets;
    cJSON *packets = object(j, j->root, "packets");
    count(j, packets, "real", p->real_sent);
    count(j, packets, "cover", p->cover_sent);
    count(j, packets, "ack", p->acks_received);
    count(j, packets, "retransmitted", p->retransmitted);
    count(j, packets, "surb", p->surb_packets_sent);
    count(j, packets, "cover_ack", p->cover_acks_received);
    number(j, packets, "sent_per_second", slc_report_packets_per_second(r));
    number(j, packets, "sent_per_busy_core", slc_report_packets_per_core(r));
    cJSON *bytes = object(j, j->root, "bytes");
    count(j, bytes, "delivered", r->messages.delivered * r->message_bytes);
    count(j, bytes, "packets_sent", p->packet_bytes_sent);
    count(j, bytes, "wire_sent", p->wire_bytes_sent);
    count(j, bytes, "wire_received", r->wire_bytes_received);
}

static void add_percentiles(struct json *j, cJSON *to, const char *name, const struct slc_histogram *h)
{
    cJSON *latency = object(j, to, name);
    for (size_t i = 0; i < SLC_REPORT_PERCENTILES; i++) {
        number(j, latency, slc_report_percentiles[i].key,
               seconds(slc_histogram_at(h, slc_report_percentiles[i].share)));
    }
    number(j, latency, "max", h->count > 0 ? seconds(h->max) : 0);
    number(j, latency, "min", h->count > 0 ? seconds(h->min) : 0);
    number(j, latency, "mean", h->count > 0 ? slc_histogram_mean(h) / (double)SLC_SECOND : 0);
    count(j, latency, "count", h->count);
}

static void add_surbs(struct json *j, const struct slc_report *r)
{
    const struct slc_client_counters *s = &r->service_packets;
    cJSON *surbs = object(j, j->root, "surbs");
    count(j, surbs, "made", r->packets.surbs_made);
    count(j, surbs, "stored", s->surbs_stored);
    count(j, surbs, "used", s->surbs_used);
    number(j, surbs, "used_per_answer", slc_report_surbs_per_answer(r));
    count(j, surbs, "requests_sent", s->surb_requests_sent);
    count(j, surbs, "requests_served", r->packets.surb_requests_served);
    cJSON *services = object(j, j->root, "services");
#define X(name, words) count(j, services, #name, r->service_books.name);
    SLC_ECHO_COUNTERS(X)
#undef X
    flag(j, services, "balanced", slc_echo_balanced(&r->service_books));
}

static void add_latency(struct json *j, const struct slc_report *r)
{
    cJSON *latency = object(j, j->root, "latency_seconds");
    add_percentiles(j, latency, "intended_to_delivered", &r->intended_to_delivered);
    add_percentiles(j, latency, "intended_to_acked", &r->intended_to_acked);
    add_percentiles(j, latency, "sent_to_delivered", &r->sent_to_delivered);
    add_percentiles(j, latency, "sent_to_acked", &r->sent_to_acked);
    add_percentiles(j, latency, "intended_to_answered", &r->intended_to_answered);
    add_percentiles(j, latency, "sent_to_answered", &r->sent_to_answered);
    cJSON *generator = object(j, j->root, "generator");
    add_percentiles(j, generator, "lateness_seconds", &r->lateness);
    count(j, generator, "missed", r->messages.missed);
    flag(j, generator, "saturated", r->saturated);
    count(j, generator, "slots", r->window.slots);
    count(j, generator, "slots_late", r->window.slots_late);
    count(j, generator, "slots_missed", r->window.slots_missed);
    count(j, generator, "slowdowns", r->window.slowdowns);
    count(j, generator, "cover_dropped", r->window.cover_dropped);
    number(j, generator, "slot_lateness_worst_seconds", seconds(r->window.slot_lateness_worst_ns));
    add_percentiles(j, generator, "slot_lateness_seconds", &r->slot_lateness);
}

static void add_clients(struct json *j, const struct slc_report *r)
{
    cJSON *clients = object(j, j->root, "clients");
    count(j, clients, "ready", r->ready);
    count(j, clients, "failed", r->failed);
    count(j, clients, "connections_lost", r->packets.losts);
    count(j, clients, "state_bytes_each", r->client_count > 0 ? r->client_memory / r->client_count : 0);
    count(j, clients, "resident_bytes_each", r->client_count > 0 ? r->resident_growth / r->client_count : 0);
    count(j, clients, "resident_bytes_each_loaded", r->client_count > 0 ? r->resident_loaded / r->client_count : 0);
    cJSON *machine = object(j, j->root, "machine");
    text(j, machine, "version", SLUICE_VERSION);
    text(j, machine, "cpu", r->cpu);
    text(j, machine, "io", r->backend);
    count(j, machine, "resident_bytes", r->resident);
    number(j, machine, "resident_slope_bytes_per_minute", r->resident_slope);
}

static void add_gateways(struct json *j, const struct slc_report *r)
{
    cJSON *gateways = array(j, j->root, "gateways");
    for (size_t i = 0; i < r->gateway_count; i++) {
        const struct slc_report_gateway *g = &r->gateways[i];
        cJSON *row = append(j, gateways, cJSON_CreateObject());
        text(j, row, "identity", g->identity);
        text(j, row, "address", g->address);
        count(j, row, "clients", g->clients);
        cJSON *counters = object(j, row, "counters");
#define X(name, words) count(j, counters, #name, g->counters.name);
        SLC_CLIENT_COUNTERS(X)
#undef X
    }
}

static void add_threads(struct json *j, const struct slc_report *r)
{
    cJSON *threads = array(j, j->root, "threads");
    for (size_t i = 0; i < r->thread_count; i++) {
        const struct slc_report_thread *t = &r->threads[i];
        cJSON *row = append(j, threads, cJSON_CreateObject());
        text(j, row, "name", t->name);
        number(j, row, "cpu", t->cpu);
        number(j, row, "busy", t->busy);
        number(j, row, "starved", t->starved);
        number(j, row, "backpressured", t->backpressured);
        number(j, row, "housekeeping", t->housekeeping);
    }
}

/* Columns: shorter than rows, and what a plot wants. */
static void add_series(struct json *j, const struct slc_report *r)
{
    cJSON *series = object(j, j->root, "series");
#define COLUMN(name, value)                                                                                            \
    do {                                                                                                               \
        cJSON *column = array(j, series, name);                                                                        \
        for (size_t i = 0; i < r->row_count; i++) {                                                                    \
            const struct slc_report_row *row = &r->rows[i];                                                            \
            (void)append(j, column, cJSON_CreateNumber((double)(value)));                                              \
        }                                                                                                              \
    } while (0)
    COLUMN("at_seconds", row->at);
    COLUMN("length_seconds", row->seconds);
    COLUMN("ready", row->ready);
    COLUMN("offered", row->offered);
    COLUMN("delivered", row->delivered);
    COLUMN("acked", row->acked);
    COLUMN("answered", row->answered);
    COLUMN("in_flight", row->in_flight);
    COLUMN("real", row->real);
    COLUMN("cover", row->cover);
    COLUMN("retransmitted", row->retransmitted);
    COLUMN("ack", row->acks);
    COLUMN("intended_to_delivered_p50_seconds", seconds(row->delivered_p50));
    COLUMN("intended_to_delivered_p99_seconds", seconds(row->delivered_p99));
    COLUMN("intended_to_answered_p50_seconds", seconds(row->answered_p50));
    COLUMN("intended_to_answered_p99_seconds", seconds(row->answered_p99));
    COLUMN("lateness_max_seconds", seconds(row->lateness_max));
    COLUMN("resident_bytes", row->resident);
#undef COLUMN
}

/*
 * The cumulative distribution as [share, seconds] pairs: where the share of what is left has shrunk by a twelfth of a
 * power of ten, so that each nine has the same number of points.
 */
static void add_distribution(struct json *j, cJSON *to, const char *name, const struct slc_histogram *h)
{
    cJSON *points = array(j, to, name);
    size_t i = 0;
    uint64_t value, n, seen = 0;
    double last_left = 2;
    while (slc_histogram_next(h, &i, &value, &n)) {
        seen += n;
        double left = 1 - (double)seen / (double)h->count;
        if (left > last_left * 0.825 && seen < h->count) continue;
        last_left = left;
        double pair[2] = {(double)seen / (double)h->count, seconds(value < h->max ? value : h->max)};
        (void)append(j, points, cJSON_CreateDoubleArray(pair, 2));
    }
}

static void add_distributions(struct json *j, const struct slc_report *r)
{
    cJSON *distribution = object(j, j->root, "distribution_seconds");
    add_distribution(j, distribution, "intended_to_delivered", &r->intended_to_delivered);
    add_distribution(j, distribution, "intended_to_acked", &r->intended_to_acked);
    add_distribution(j, distribution, "sent_to_delivered", &r->sent_to_delivered);
    add_distribution(j, distribution, "sent_to_acked", &r->sent_to_acked);
    add_distribution(j, distribution, "intended_to_answered", &r->intended_to_answered);
    add_distribution(j, distribution, "sent_to_answered", &r->sent_to_answered);
    add_distribution(j, distribution, "lateness", &r->lateness);
    add_distribution(j, distribution, "slot_lateness", &r->slot_lateness);
}

static void add_all(struct json *j, const struct slc_report *r)
{
    text(j, j->root, "schema", SLC_REPORT_SCHEMA);
    text(j, j->root, "verdict", slc_verdict_name(r->verdict));
    cJSON *reasons = array(j, j->root, "reasons");
    for (size_t i = 0; i < r->reason_count; i++) {
        (void)append(j, reasons, cJSON_CreateString(r->reasons[i]));
    }
    text(j, j->root, "anonymity", SLC_REPORT_ANONYMITY);
    count(j, j->root, "started_unix", r->started_unix);
    add_load(j, r);
    add_messages(j, "messages", &r->messages);
    add_messages(j, "warm_up_messages", &r->warm);
    add_packets(j, r);
    add_surbs(j, r);
    add_latency(j, r);
    add_clients(j, r);
    add_gateways(j, r);
    add_threads(j, r);
    add_series(j, r);
    add_distributions(j, r);
}

char *slc_report_json(const struct slc_report *report, bool for_html)
{
    struct json j = {.root = cJSON_CreateObject(), .whole = true};
    if (j.root == NULL) return NULL;
    add_all(&j, report);
    char *json = !j.whole ? NULL : for_html ? cJSON_PrintUnformatted(j.root) : cJSON_Print(j.root);
    cJSON_Delete(j.root);
    return json != NULL && for_html ? slc_page_json(json) : json;
}
