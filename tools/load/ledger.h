/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_LOAD_LEDGER_H
#define SLUICE_LOAD_LEDGER_H

#include "engine/runtime/histogram.h"
#include "tools/report/report.h"

/*
 * The books of a load run: one record per offered message, found by id, and counters that every event moves. Closing
 * walks the records, gives each message its one fate, and compares the sums with the counters; only if both ways agree
 * is the ledger balanced (docs/report.md, "The ledger").
 *
 * One thread. All memory is taken by slc_ledger_init(). Events may come in any order that workers can bring about: an
 * arrival or an ack may be seen before the SENT of the same message, and stands for it.
 */

struct slc_record {
    slc_time intended, sent_at, delivered_at; /* 0: not yet */
    uint32_t sender, recipient;
    uint16_t marks;
};

struct slc_ledger_counts {
    uint64_t offered, missed, refused, sent, acked, delivered, corrupted, duplicated, given_up;
    uint64_t answered, answered_wrong, answered_again;
};

struct slc_ledger {
    struct slc_record *records;
    uint64_t count, capacity;
    bool asks; /* messages are requests: each waits for its answer */
    struct slc_ledger_counts run, warm;
    uint64_t open; /* messages, warm ones too, neither unsent, nor given up, nor acked and arrived or, asks, answered */
    uint64_t unrecognised; /* arrivals that name no message of the ledger                   */
    uint64_t contradicted; /* events that cannot be: about an unknown id, or for a second time */
    struct slc_histogram intended_to_delivered, intended_to_acked, sent_to_delivered, sent_to_acked, lateness;
    struct slc_histogram intended_to_answered, sent_to_answered;
    struct slc_histogram recent; /* intended to delivered, or asks: to answered, since the caller last cleared it */
    slc_time recent_lateness;    /* the worst since then                                   */
};

/* Room for `capacity` messages. SLC_NO_MEMORY. */
SLC_MUST_CHECK enum slc_status slc_ledger_init(struct slc_ledger *ledger, uint64_t capacity);
void slc_ledger_free(struct slc_ledger *ledger);

/* A new message; `*id` counts from 0. warm: it belongs to the warm-up. SLC_FULL. */
SLC_MUST_CHECK enum slc_status slc_ledger_offer(struct slc_ledger *ledger, slc_time intended, uint32_t sender,
                                                uint32_t recipient, bool warm, uint64_t *id);
/* It was handed to its client at `at`; lateness is how long after its intended time. */
void slc_ledger_submitted(struct slc_ledger *ledger, uint64_t id, slc_time at);
/* It was never handed over. */
void slc_ledger_missed(struct slc_ledger *ledger, uint64_t id);

/* The engine's events. */
void slc_ledger_sent(struct slc_ledger *ledger, uint64_t id, slc_time at);
void slc_ledger_acked(struct slc_ledger *ledger, uint64_t id, slc_time at);
void slc_ledger_expired(struct slc_ledger *ledger, uint64_t id);
/* An arrival at client `recipient` that says it is `id`, intended then; intact: its checksum is right. */
void slc_ledger_arrived(struct slc_ledger *ledger, uint64_t id, slc_time intended, uint32_t recipient, bool intact,
                        slc_time at);

/*
 * asks: an answer at client `sender` to what it says is `id`, intended then. It proves that the request arrived, where
 * nobody told.
 */
void slc_ledger_answered(struct slc_ledger *ledger, uint64_t id, slc_time intended, uint32_t sender, bool intact,
                         slc_time at);

/* Gives every message its fate. */
void slc_ledger_close(const struct slc_ledger *ledger, struct slc_report_messages *run,
                      struct slc_report_messages *warm);

#endif
