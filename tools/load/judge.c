/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/load_internal.h"

#include <stdio.h>

/* Where a generator is called saturated (docs/report.md, "The verdict"). */
#define LATENESS_P99_MAX (5 * SLC_MILLISECOND)
#define SLOTS_LATE_MAX   0.10
#define SLOTS_MISSED_MAX 0.001

static unsigned long long number(uint64_t value)
{
    return (unsigned long long)value;
}

/* Any of these is wrong in every run, however short or overloaded it was. */
static bool is_sound(struct slc_report *r)
{
    const struct slc_report_messages *m = &r->messages;
    size_t before = r->reason_count;
    if (!m->balanced || !r->warm.balanced) {
        slc_report_reason(r, "the ledger does not balance: events and records disagree");
    }
    if (m->corrupted + r->warm.corrupted > 0) {
        slc_report_reason(r, "%llu messages arrived damaged", number(m->corrupted + r->warm.corrupted));
    }
    if (m->duplicated + r->warm.duplicated > 0) {
        slc_report_reason(r, "%llu messages arrived more than once", number(m->duplicated + r->warm.duplicated));
    }
    if (m->unrecognised > 0) {
        slc_report_reason(r, "%llu arrivals are no messages of this run", number(m->unrecognised));
    }
    if (m->answered_wrong + r->warm.answered_wrong > 0) {
        slc_report_reason(r, "%llu answers were wrong", number(m->answered_wrong + r->warm.answered_wrong));
    }
    if (m->answered_again + r->warm.answered_again > 0) {
        slc_report_reason(r, "%llu answers came more than once", number(m->answered_again + r->warm.answered_again));
    }
    if (!slc_echo_balanced(&r->service_books)) slc_report_reason(r, "the services' books do not balance");
    return r->reason_count == before;
}

static bool kept_schedule(struct slc_report *r, const char *does_not_fit)
{
    size_t before = r->reason_count;
    char text[32];
    uint64_t late = slc_histogram_at(&r->lateness, 0.99);
    if (does_not_fit != NULL) slc_report_reason(r, "%s", does_not_fit);
    uint64_t slots_late = slc_histogram_at(&r->slot_lateness, 0.99);
    if (slots_late > LATENESS_P99_MAX) {
        slc_report_reason(r, "generator saturated: p99 of its packets' lateness is %s, more than 5 ms",
                          slc_duration_text(slots_late, text));
    }
    if (r->messages.missed > 0) {
        slc_report_reason(r, "generator saturated: %llu messages could not be handed over within 100 ms",
                          number(r->messages.missed));
    }
    if (late > LATENESS_P99_MAX) {
        slc_report_reason(r, "generator saturated: p99 of its lateness is %s, more than 5 ms",
                          slc_duration_text(late, text));
    }
    double slots = (double)r->window.slots;
    if ((double)r->window.slots_missed > SLOTS_MISSED_MAX * slots) {
        slc_report_reason(r, "generator saturated: %llu of %llu slots were dropped", number(r->window.slots_missed),
                          number(r->window.slots));
    }
    if ((double)r->window.slots_late > SLOTS_LATE_MAX * slots) {
        slc_report_reason(r, "generator saturated: %llu of %llu slots were filled late", number(r->window.slots_late),
                          number(r->window.slots));
    }
    r->saturated = r->reason_count > before + (does_not_fit != NULL);
    return r->reason_count == before;
}

static bool all_arrived(struct slc_report *r)
{
    const struct slc_report_messages *m = &r->messages;
    size_t before = r->reason_count;
    if (m->lost > 0) slc_report_reason(r, "%llu messages were lost", number(m->lost));
    if (m->unanswered > 0) slc_report_reason(r, "%llu requests were not answered", number(m->unanswered));
    if (m->in_flight > 0) slc_report_reason(r, "%llu messages were still in flight at the end", number(m->in_flight));
    if (m->waiting > 0)
        slc_report_reason(r, "%llu messages were still waiting for a slot at the end", number(m->waiting));
    if (m->refused > 0) slc_report_reason(r, "%llu messages were refused by their clients", number(m->refused));
    if (r->failed > 0) slc_report_reason(r, "%u clients gave up", r->failed);
    if (r->ready < r->client_count) {
        slc_report_reason(r, "%u of %u clients were connected at the end", r->ready, r->client_count);
    }
    return r->reason_count == before;
}

void slc_load_judge(struct slc_report *r, bool interrupted, const char *does_not_fit)
{
    bool sound = is_sound(r);
    bool kept = kept_schedule(r, does_not_fit);
    bool arrived = all_arrived(r);
    if (interrupted) {
        r->verdict = SLC_VERDICT_INTERRUPTED;
    } else if (!sound) {
        r->verdict = SLC_VERDICT_FAILED;
    } else if (!kept) {
        r->verdict = SLC_VERDICT_INVALID;
    } else {
        r->verdict = arrived ? SLC_VERDICT_GOOD : SLC_VERDICT_FAILED;
    }
}
