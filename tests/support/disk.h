/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_DISK_H
#define SLUICE_TEST_DISK_H

#include "tests/support/mininet.h"

/*
 * A disk for the records of a mininet's clients: what is written is in memory, what is durable outlives a crash. Reads
 * the records as engine/client/record.h says, in the plainest way.
 */

struct disk_record {
    uint32_t index;
    struct slc_client_record record; /* its views point into `bytes` */
    uint8_t *bytes;
};

struct disk {
    struct disk_record *records;
    size_t len, cap;
    size_t durable;  /* records */
    size_t room;     /* records that may wait to become durable; 0: any number */
    uint32_t others; /* clients from this one on are kept; those before are not */
};

/* For mininet_new_kept(); `self` is the disk. */
uint64_t disk_keep(void *self, uint32_t index, const struct slc_client_record *record);
/* Everything becomes durable, and the clients hear of it. */
void disk_sync(struct disk *disk, struct mininet *net);
/* Lets time pass with a sync every `period`. */
void disk_run(struct disk *disk, struct mininet *net, slc_time duration, slc_time period);
/* What is not durable is lost; all clients die, and live again with what is left. */
void disk_crash(struct disk *disk, struct mininet *net);
/* SURBs of others that client `index` would have after a crash now. */
size_t disk_surbs(const struct disk *disk, uint32_t index);
size_t disk_count(const struct disk *disk, uint32_t index, enum slc_client_record_kind kind);
void disk_free(struct disk *disk);

#endif
