/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/ledger.h"

#include <stdlib.h>
#include <string.h>

enum mark {
    MARK_WARM = 1,
    MARK_SUBMITTED = 2,
    MARK_MISSED = 4,
    MARK_SENT = 8,
    MARK_ACKED = 16,
    MARK_EXPIRED = 32,
    MARK_DELIVERED = 64,
    MARK_CORRUPTED = 128,
    MARK_ANSWERED = 256,
    MARK_ANSWERED_WRONG = 512,
};

enum slc_status slc_ledger_init(struct slc_ledger *l, uint64_t capacity)
{
    memset(l, 0, sizeof *l);
    if (capacity > SIZE_MAX / sizeof *l->records) return SLC_NO_MEMORY;
    l->records = calloc((size_t)capacity, sizeof *l->records);
    if (l->records == NULL && capacity > 0) return SLC_NO_MEMORY;
    l->capacity = capacity;
    return SLC_OK;
}

void slc_ledger_free(struct slc_ledger *l)
{
    free(l->records);
    l->records = NULL;
    l->count = l->capacity = 0;
}

static struct slc_ledger_counts *counts_of(struct slc_ledger *l, const struct slc_record *record)
{
    return record->marks & MARK_WARM ? &l->warm : &l->run;
}

static struct slc_record *record_of(struct slc_ledger *l, uint64_t id)
{
    if (id < l->count) return &l->records[id];
    l->contradicted++;
    return NULL;
}

static void record_since(struct slc_histogram *h, const struct slc_record *r, slc_time from, slc_time to)
{
    if (!(r->marks & MARK_WARM)) slc_histogram_record(h, to > from ? to - from : 0);
}

/* Nothing more is awaited for it. */
static bool settled(const struct slc_ledger *l, uint16_t marks)
{
    bool arrived = marks & (l->asks ? MARK_ANSWERED | MARK_ANSWERED_WRONG : MARK_DELIVERED | MARK_CORRUPTED);
    return marks & (MARK_MISSED | MARK_EXPIRED) || (arrived && marks & MARK_ACKED);
}

static void mark(struct slc_ledger *l, struct slc_record *r, uint16_t marks)
{
    uint16_t before = r->marks;
    r->marks |= marks;
    if (!settled(l, before) && settled(l, r->marks)) l->open--;
}

enum slc_status slc_ledger_offer(struct slc_ledger *l, slc_time intended, uint32_t sender, uint32_t recipient,
                                 bool warm, uint64_t *id)
{
    if (l->count == l->capacity) return SLC_FULL;
    *id = l->count++;
    struct slc_record *r = &l->records[*id];
    *r = (struct slc_record){
        .intended = intended, .sender = sender, .recipient = recipient, .marks = warm ? MARK_WARM : 0};
    counts_of(l, r)->offered++;
    l->open++;
    return SLC_OK;
}

void slc_ledger_submitted(struct slc_ledger *l, uint64_t id, slc_time at)
{
    struct slc_record *r = record_of(l, id);
    if (r == NULL) return;
    mark(l, r, MARK_SUBMITTED);
    slc_time late = at > r->intended ? at - r->intended : 0;
    record_since(&l->lateness, r, r->intended, at);
    if (late > l->recent_lateness) l->recent_lateness = late;
}

void slc_ledger_missed(struct slc_ledger *l, uint64_t id)
{
    struct slc_record *r = record_of(l, id);
    if (r == NULL) return;
    mark(l, r, MARK_MISSED);
    counts_of(l, r)->missed++;
}

/* Arrivals and acks prove the sending too, when another worker's event overtook SENT. */
static void mark_sent(struct slc_ledger *l, struct slc_record *r)
{
    if (r->marks & MARK_SENT) return;
    mark(l, r, MARK_SENT);
    counts_of(l, r)->sent++;
    if (r->marks & MARK_EXPIRED) {
        counts_of(l, r)->refused--;
        counts_of(l, r)->given_up++;
    }
}

void slc_ledger_sent(struct slc_ledger *l, uint64_t id, slc_time at)
{
    struct slc_record *r = record_of(l, id);
    if (r == NULL) return;
    if (r->sent_at != 0 || !(r->marks & MARK_SUBMITTED)) {
        l->contradicted++;
        return;
    }
    mark_sent(l, r);
    r->sent_at = at;
    if (r->delivered_at != 0) record_since(&l->sent_to_delivered, r, at, r->delivered_at);
}

void slc_ledger_acked(struct slc_ledger *l, uint64_t id, slc_time at)
{
    struct slc_record *r = record_of(l, id);
    if (r == NULL) return;
    if (r->marks & MARK_ACKED || !(r->marks & MARK_SUBMITTED)) {
        l->contradicted++;
        return;
    }
    mark_sent(l, r);
    mark(l, r, MARK_ACKED);
    counts_of(l, r)->acked++;
    record_since(&l->intended_to_acked, r, r->intended, at);
    if (r->sent_at != 0) record_since(&l->sent_to_acked, r, r->sent_at, at);
}

void slc_ledger_expired(struct slc_ledger *l, uint64_t id)
{
    struct slc_record *r = record_of(l, id);
    if (r == NULL) return;
    if (r->marks & (MARK_EXPIRED | MARK_ACKED) || !(r->marks & MARK_SUBMITTED)) {
        l->contradicted++;
        return;
    }
    mark(l, r, MARK_EXPIRED);
    if (r->marks & MARK_SENT) {
        counts_of(l, r)->given_up++;
    } else {
        counts_of(l, r)->refused++;
    }
}

/* A damaged head may name any message: it is believed only where it agrees with the record in everything. */
static struct slc_record *record_of_arrival(struct slc_ledger *l, uint64_t id, slc_time intended)
{
    struct slc_record *r = id < l->count ? &l->records[id] : NULL;
    if (r == NULL || r->intended != intended || !(r->marks & MARK_SUBMITTED)) {
        l->unrecognised++;
        return NULL;
    }
    return r;
}

void slc_ledger_arrived(struct slc_ledger *l, uint64_t id, slc_time intended, uint32_t recipient, bool intact,
                        slc_time at)
{
    struct slc_record *r = record_of_arrival(l, id, intended);
    if (r == NULL) return;
    struct slc_ledger_counts *counts = counts_of(l, r);
    if (r->marks & (MARK_DELIVERED | MARK_CORRUPTED)) {
        counts->duplicated++;
        return;
    }
    mark_sent(l, r);
    /* Whole, but at somebody else: as wrong as a wrong byte. */
    if (!intact || recipient != r->recipient) {
        mark(l, r, MARK_CORRUPTED);
        counts->corrupted++;
        return;
    }
    mark(l, r, MARK_DELIVERED);
    r->delivered_at = at;
    counts->delivered++;
    record_since(&l->intended_to_delivered, r, r->intended, at);
    if (!l->asks) slc_histogram_record(&l->recent, at > r->intended ? at - r->intended : 0);
    if (r->sent_at != 0) record_since(&l->sent_to_delivered, r, r->sent_at, at);
}

void slc_ledger_answered(struct slc_ledger *l, uint64_t id, slc_time intended, uint32_t sender, bool intact,
                         slc_time at)
{
    struct slc_record *r = record_of_arrival(l, id, intended);
    if (r == NULL) return;
    struct slc_ledger_counts *counts = counts_of(l, r);
    if (r->marks & (MARK_ANSWERED | MARK_ANSWERED_WRONG)) {
        counts->answered_again++;
        return;
    }
    mark_sent(l, r);
    if (!(r->marks & (MARK_DELIVERED | MARK_CORRUPTED))) {
        mark(l, r, MARK_DELIVERED);
        counts->delivered++;
    }
    if (!intact || sender != r->sender) {
        mark(l, r, MARK_ANSWERED_WRONG);
        counts->answered_wrong++;
        return;
    }
    mark(l, r, MARK_ANSWERED);
    counts->answered++;
    record_since(&l->intended_to_answered, r, r->intended, at);
    slc_histogram_record(&l->recent, at > r->intended ? at - r->intended : 0);
    if (r->sent_at != 0) record_since(&l->sent_to_answered, r, r->sent_at, at);
}

/* ---- closing ---- */

static void give_answer(struct slc_report_messages *m, uint16_t marks)
{
    if (marks & MARK_ANSWERED) {
        m->answered++;
    } else if (marks & MARK_ANSWERED_WRONG) {
        m->answered_wrong++;
    } else {
        m->unanswered++;
    }
}

static void give_fate(struct slc_report_messages *m, uint16_t marks, bool asks)
{
    m->offered++;
    m->acked += (marks & MARK_ACKED) != 0;
    if (!(marks & MARK_SENT)) {
        if (marks & MARK_MISSED) {
            m->missed++;
        } else if (marks & MARK_EXPIRED) {
            m->refused++;
        } else {
            m->waiting++;
        }
        return;
    }
    m->sent++;
    if (asks) give_answer(m, marks);
    if (marks & MARK_DELIVERED) {
        m->delivered++;
    } else if (marks & MARK_CORRUPTED) {
        m->corrupted++;
    } else if (marks & (MARK_ACKED | MARK_EXPIRED)) {
        m->lost++;
    } else {
        m->in_flight++;
    }
}

static bool agrees(const struct slc_report_messages *m, const struct slc_ledger_counts *c, bool asks)
{
    if (m->answered != c->answered || m->answered_wrong != c->answered_wrong) return false;
    if (asks && m->sent != m->answered + m->answered_wrong + m->unanswered) return false;
    return m->offered == c->offered && m->missed == c->missed && m->refused == c->refused && m->sent == c->sent &&
           m->acked == c->acked && m->delivered == c->delivered && m->corrupted == c->corrupted &&
           m->offered == m->sent + m->missed + m->refused + m->waiting &&
           m->sent == m->delivered + m->corrupted + m->lost + m->in_flight;
}

void slc_ledger_close(const struct slc_ledger *l, struct slc_report_messages *run, struct slc_report_messages *warm)
{
    memset(run, 0, sizeof *run);
    memset(warm, 0, sizeof *warm);
    for (uint64_t i = 0; i < l->count; i++) {
        uint16_t marks = l->records[i].marks;
        give_fate(marks & MARK_WARM ? warm : run, marks, l->asks);
    }
    run->duplicated = l->run.duplicated;
    warm->duplicated = l->warm.duplicated;
    run->answered_again = l->run.answered_again;
    warm->answered_again = l->warm.answered_again;
    run->unrecognised = l->unrecognised;
    run->balanced = agrees(run, &l->run, l->asks) && l->contradicted == 0;
    warm->balanced = agrees(warm, &l->warm, l->asks) && l->contradicted == 0;
}
