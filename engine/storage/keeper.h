/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_KEEPER_H
#define SLUICE_KEEPER_H

#include "crypto/base/time.h"
#include "engine/storage/storage.h"

/*
 * The storage thread: takes records from workers, writes what came while it wrote the last in one transaction, and
 * tells each worker how far the disk is. Workers never wait for it.
 *
 *     worker --ring: records--> storage thread --> sqlite
 *            <--durable: a number, and a wake--
 *
 * Each worker's ring has one producer and one consumer. When it is full, or the disk fails, its records wait with the
 * worker in order, up to a bound of bytes; then slc_keeper_keep() says so. Nothing is dropped silently. While the disk
 * fails the same records are tried again, at first soon, then every five seconds.
 */

struct slc_keeper;

struct slc_keeper_config {
    struct slc_storage *storage; /* outlives the keeper */
    unsigned workers;
    size_t most_bytes; /* of one worker's records that are not durable yet; 0: 64 MiB */
    slc_time retry;    /* first pause after a failure, doubled up to 5 s; 0: 100 ms   */
    /* From the storage thread: this worker's durable sequence grew; the state of the disk changed. May be NULL. */
    void (*durable)(void *self, unsigned worker);
    void (*news)(void *self);
    void *self;
};

/* SLC_NO_MEMORY. Starts nothing yet. */
SLC_MUST_CHECK enum slc_status slc_keeper_new(struct slc_keeper **keeper, const struct slc_keeper_config *config);
SLC_MUST_CHECK enum slc_status slc_keeper_start(struct slc_keeper *keeper, struct slc_error *error);
/*
 * After the workers have ended: writes what is left and ends the thread. When the disk fails it is tried once more, and
 * what could not be written is told: SLC_OK, or why with `lost` records.
 */
enum slc_status slc_keeper_stop(struct slc_keeper *keeper, uint64_t *lost, struct slc_error *error);
void slc_keeper_free(struct slc_keeper *keeper);

/* ---- a worker's side ---- */

/*
 * Copies a record; its number in this worker's sequence, from 1. SLC_KEEP_FULL: no room now, never for a registration;
 * that one is not kept (0) only without memory.
 */
uint64_t slc_keeper_keep(struct slc_keeper *keeper, unsigned worker, uint64_t identity,
                         const struct slc_client_record *record);
/* Once a turn: hands over what found the ring full, and wakes the storage thread if there is anything for it. */
void slc_keeper_turn(struct slc_keeper *keeper, unsigned worker);
/* How many it has kept so far. Any thread. */
uint64_t slc_keeper_kept(const struct slc_keeper *keeper, unsigned worker);
/* All of this worker's records up to this number are durable. Any thread. */
uint64_t slc_keeper_durable(const struct slc_keeper *keeper, unsigned worker);

/* ---- how it is; any thread ---- */

struct slc_keeper_report {
    bool failing;
    uint64_t failures; /* transactions that failed */
    uint64_t records, transactions;
    uint64_t waiting_bytes;       /* not durable yet, all workers */
    slc_time busy, on_disk, idle; /* of the thread: working, waiting for the disk, for records */
    slc_time longest;             /* transaction */
};
void slc_keeper_report(const struct slc_keeper *keeper, struct slc_keeper_report *report);
/* What failed last; `failures` counts up when it is news. */
void slc_keeper_failure(struct slc_keeper *keeper, struct slc_error *error);

#endif
