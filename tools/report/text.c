/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/report/report.h"

#include "tools/common/options.h"

#include <ctype.h>
#include <string.h>

/* ---- numbers for people ---- */

/* "20,012" */
static const char *grouped(uint64_t value, char text[32])
{
    char digits[32];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = 0;
    return text;
}

static const char *bytes_text(double bytes, char text[32])
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    unsigned unit = 0;
    for (; bytes >= 1000 && unit < 4; unit++) {
        bytes /= 1000;
    }
    (void)snprintf(text, 32, unit == 0 ? "%.0f %s" : "%.2f %s", bytes, units[unit]);
    return text;
}

static double share(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static double per_second(uint64_t count, slc_time time)
{
    return time > 0 ? (double)count * (double)SLC_SECOND / (double)time : 0;
}

/* ---- parts ---- */

static void print_head(const struct slc_report *r, FILE *out)
{
    char verdict[16], duration[32], wanted[32];
    size_t len = 0;
    for (const char *at = slc_verdict_name(r->verdict); *at != 0; at++) {
        verdict[len++] = (char)toupper((unsigned char)*at);
    }
    verdict[len] = 0;
    (void)fprintf(out, "\n%s  %u clients on %s\n", verdict, r->client_count, r->target);
    for (size_t i = 0; i < r->reason_count; i++) {
        (void)fprintf(out, "  ! %s\n", r->reasons[i]);
    }
    if (r->total_rate > 0) {
        (void)fprintf(out, "  %.6g %s/s asked for (%s), %zu B in %zu packet%s each, pacing %s%s%s, seed %llu\n",
                      r->total_rate, r->ping ? "requests" : "messages", r->arrivals, r->message_bytes,
                      r->packets_per_message, r->packets_per_message == 1 ? "" : "s", r->pacing,
                      r->cover ? "" : ", no cover", r->surbs > 0 && !r->ping ? ", with SURBs" : "",
                      (unsigned long long)r->seed);
    } else {
        (void)fprintf(out, "  no messages, cover only, pacing %s\n", r->pacing);
    }
    if (r->presets != NULL) (void)fprintf(out, "  preset %s\n", r->presets);
    for (unsigned i = 0; r->sets != NULL && i < r->sets->count; i++) {
        (void)fprintf(out, "  set %s\n", r->sets->text[i]);
    }
    if (r->ping) {
        (void)fprintf(out, "  answered by %u service%s %s; %u SURBs in a request, %u in a client's first\n",
                      r->services, r->services == 1 ? "" : "s", r->services_here ? "in this process" : "elsewhere",
                      r->surbs, r->opening_surbs);
    }
    (void)fprintf(out, "  measured %s of %s, after %.1f s of warm-up; then waited %.1f s for what was under way\n",
                  slc_duration_text(r->measured, duration), slc_duration_text(r->wanted_duration, wanted),
                  (double)r->warm_up / (double)SLC_SECOND, (double)r->draining / (double)SLC_SECOND);
}

struct column {
    const char *name;
    uint64_t value;
};

static void print_columns(const char *name, const struct column *columns, size_t n, FILE *out)
{
    char text[32];
    (void)fprintf(out, "\n%-10s", name);
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(out, "%11s", columns[i].name);
    }
    (void)fprintf(out, "\n%-10s", "");
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(out, "%11s", grouped(columns[i].value, text));
    }
}

static void print_messages(const struct slc_report *r, FILE *out)
{
    const struct slc_report_messages *m = &r->messages;
    const struct column columns[] = {
        {"offered", m->offered}, {"sent", m->sent},           {"delivered", m->delivered}, {"acked", m->acked},
        {"lost", m->lost},       {"corrupted", m->corrupted}, {"doubled", m->duplicated},  {"in flight", m->in_flight}};
    char text[32];
    print_columns(r->ping ? "requests" : "messages", columns, sizeof columns / sizeof *columns, out);
    (void)fprintf(out, "\n%-10s", "  a second");
    const uint64_t rates[] = {m->offered, m->sent, m->delivered, m->acked};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        (void)fprintf(out, "%11.1f", per_second(rates[i], r->measured));
    }
    (void)fprintf(out,
                  "\n  ledger %s; unsent %llu (missed %llu, refused %llu, waiting %llu); retransmitted packets %s\n",
                  m->balanced ? "balanced" : "NOT BALANCED", (unsigned long long)(m->missed + m->refused + m->waiting),
                  (unsigned long long)m->missed, (unsigned long long)m->refused, (unsigned long long)m->waiting,
                  grouped(r->packets.retransmitted, text));
}

static void print_answers(const struct slc_report *r, FILE *out)
{
    const struct slc_report_messages *m = &r->messages;
    const struct slc_client_counters *s = &r->service_packets;
    const struct column columns[] = {{"answered", m->answered},
                                     {"unanswered", m->unanswered},
                                     {"wrong", m->answered_wrong},
                                     {"again", m->answered_again}};
    char made[32], used[32];
    print_columns("answers", columns, sizeof columns / sizeof *columns, out);
    (void)fprintf(out, "\n  SURBs %s made, ", grouped(r->packets.surbs_made, made));
    if (r->services_here) {
        (void)fprintf(out, "%s used (%.2f an answer); %llu requests for more, ", grouped(s->surbs_used, used),
                      slc_report_surbs_per_answer(r), (unsigned long long)s->surb_requests_sent);
    }
    (void)fprintf(out, "%llu requests for more served\n", (unsigned long long)r->packets.surb_requests_served);
}

static void print_latency(const char *name, const struct slc_histogram *h, FILE *out)
{
    char text[32];
    if (h->count == 0) return;
    (void)fprintf(out, "  %-22s", name);
    for (size_t i = 0; i < SLC_REPORT_PERCENTILES; i++) {
        uint64_t at = slc_histogram_at(h, slc_report_percentiles[i].share);
        (void)fprintf(out, "%12s", slc_duration_text(at, text));
    }
    (void)fprintf(out, "%12s\n", slc_duration_text(h->max, text));
}

static void print_latencies(const struct slc_report *r, FILE *out)
{
    (void)fprintf(out, "\n%-24s", "latency");
    for (size_t i = 0; i < SLC_REPORT_PERCENTILES; i++) {
        (void)fprintf(out, "%12s", slc_report_percentiles[i].label);
    }
    (void)fprintf(out, "%12s\n", "max");
    print_latency("intended to delivered", &r->intended_to_delivered, out);
    print_latency("intended to acked", &r->intended_to_acked, out);
    print_latency("sent to delivered", &r->sent_to_delivered, out);
    print_latency("sent to acked", &r->sent_to_acked, out);
    if (r->ping) {
        print_latency("intended to answered", &r->intended_to_answered, out);
        print_latency("sent to answered", &r->sent_to_answered, out);
    }
    print_latency("generator's lateness", &r->lateness, out);
    print_latency("slots' lateness", &r->slot_lateness, out);
}

static void print_packets(const struct slc_report *r, FILE *out)
{
    const struct slc_client_counters *w = &r->window, *p = &r->packets;
    char text[32], other[32], received[32];
    double sent = (double)(w->real_sent + w->surb_packets_sent + w->cover_sent + w->retransmitted);
    (void)fprintf(out, "\npackets   %.1f/s sent: real %.1f %%, cover %.1f %%, retransmitted %.1f %%, SURBs %.1f %%\n",
                  slc_report_packets_per_second(r), share((double)w->real_sent, sent),
                  share((double)w->cover_sent, sent), share((double)w->retransmitted, sent),
                  share((double)w->surb_packets_sent, sent));
    (void)fprintf(
        out,
        "          %.1f/s acks of messages, %.1f/s of cover; slots late %llu, dropped %llu of %s, slowed down %llu\n",
        per_second(w->acks_received, r->measured), per_second(w->cover_acks_received, r->measured),
        (unsigned long long)w->slots_late, (unsigned long long)w->slots_missed, grouped(w->slots, received),
        (unsigned long long)w->slowdowns);
    double goodput = (double)r->messages.delivered * (double)r->message_bytes;
    double wire = (double)p->wire_bytes_sent;
    (void)fprintf(out, "bytes     %s delivered for %s sent on the wire (%.1f %%) and %s received\n",
                  bytes_text(goodput, text), bytes_text(wire, other), share(goodput, wire),
                  bytes_text((double)r->wire_bytes_received, received));
}

static void print_gateways(const struct slc_report *r, FILE *out)
{
    for (size_t i = 0; i < r->gateway_count; i++) {
        const struct slc_report_gateway *g = &r->gateways[i];
        char sent[32], delivered[32], acked[32];
        (void)fprintf(out, "%-9s %.8s.. %-21s%4u clients%11s sent%11s acked%11s delivered\n", i == 0 ? "gateways" : "",
                      g->identity, g->address, g->clients, grouped(g->counters.messages_sent, sent),
                      grouped(g->counters.messages_acked, acked), grouped(g->counters.messages_delivered, delivered));
    }
}

static void print_machine(const struct slc_report *r, FILE *out)
{
    char resident[32];
    (void)fprintf(out, "threads  ");
    for (size_t i = 0; i < r->thread_count; i++) {
        if (i > 0 && i % 6 == 0) (void)fprintf(out, "\n         ");
        (void)fprintf(out, " %s %.0f %%", r->threads[i].name, 100 * r->threads[i].busy);
        if (i + 1 < r->thread_count) (void)fputc(',', out);
    }
    (void)fprintf(out, " busy\n          %s packets a second and busy core of the engine",
                  grouped((uint64_t)slc_report_packets_per_core(r), resident));
    (void)fprintf(out, "\nclients   %u of %u ready, connected in %.3f s, %llu connections lost\n", r->ready,
                  r->client_count, (double)r->connecting / (double)SLC_SECOND, (unsigned long long)r->packets.losts);
    (void)fprintf(out, "          %.1f KiB of state each, %.1f KiB resident idle, %.1f KiB under load%s\n",
                  (double)r->client_memory / r->client_count / 1024,
                  (double)r->resident_growth / r->client_count / 1024,
                  (double)r->resident_loaded / r->client_count / 1024,
                  r->local_network ? " with their end of the local mixnet" : "");
    (void)fprintf(out, "machine   cpu %s, %s, %s resident in all, growing %.0f KB a minute\n", r->cpu, r->backend,
                  bytes_text((double)r->resident, resident), r->resident_slope / 1000);
}

void slc_report_print(const struct slc_report *r, FILE *out)
{
    print_head(r, out);
    if (r->total_rate > 0) print_messages(r, out);
    if (r->ping) print_answers(r, out);
    print_latencies(r, out);
    print_packets(r, out);
    print_gateways(r, out);
    print_machine(r, out);
    (void)fprintf(out, "\n%s\n", SLC_REPORT_ANONYMITY);
}
