/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/disk.h"

#include <stdlib.h>

#include "tests/support/vectors.h"

static void *copy(uint8_t **at, const void *from, size_t len)
{
    if (from == NULL) return NULL;
    uint8_t *to = *at;
    memcpy(to, from, len);
    *at += len;
    return to;
}

uint64_t disk_keep(void *self, uint32_t index, const struct slc_client_record *record)
{
    struct disk *disk = self;
    if (index < disk->others) return 0;
    if (disk->room > 0 && disk->len - disk->durable >= disk->room && record->kind != SLC_RECORD_REGISTRATION) {
        return SLC_KEEP_FULL;
    }
    if (disk->len == disk->cap) {
        disk->cap = disk->cap == 0 ? 256 : disk->cap * 2;
        disk->records = realloc(disk->records, disk->cap * sizeof *disk->records);
        assert_non_null(disk->records);
    }
    struct disk_record *r = &disk->records[disk->len++];
    size_t surbs = record->surbs == NULL ? 0 : (size_t)record->count * record->surb_bytes;
    uint8_t *at = r->bytes = malloc(512 + surbs);
    assert_non_null(at);
    r->index = index;
    r->record = *record;
    r->record.gateway = copy(&at, record->gateway, SLC_IDENTITY_BYTES);
    r->record.shared_key = copy(&at, record->shared_key, SLC_SEAL_KEY_BYTES);
    r->record.digest = copy(&at, record->digest, SLC_SURB_DIGEST_BYTES);
    r->record.key = copy(&at, record->key, SLC_SURB_KEY_BYTES);
    r->record.recipient = copy(&at, record->recipient, sizeof *record->recipient);
    r->record.tag = copy(&at, record->tag, SLC_SENDER_TAG_BYTES);
    r->record.surbs = copy(&at, record->surbs, surbs);
    return disk->len;
}

void disk_sync(struct disk *disk, struct mininet *net)
{
    disk->durable = disk->len;
    slc_clients_durable(net->clients, disk->durable, net->now);
}

void disk_run(struct disk *disk, struct mininet *net, slc_time duration, slc_time period)
{
    for (slc_time end = net->now + duration; net->now < end;) {
        mininet_run(net, end - net->now < period ? end - net->now : period);
        disk_sync(disk, net);
    }
}

static bool ends(const struct disk_record *r, const struct disk_record *later)
{
    const struct slc_client_record *a = &r->record, *b = &later->record;
    if (r->index != later->index) return false;
    switch (a->kind) {
    case SLC_RECORD_KEY:
        return b->kind == SLC_RECORD_KEY_END && memcmp(a->digest, b->digest, SLC_SURB_DIGEST_BYTES) == 0;
    case SLC_RECORD_SEEN:
        return b->kind == SLC_RECORD_SEEN_END && memcmp(a->digest, b->digest, SLC_SURB_DIGEST_BYTES) == 0;
    case SLC_RECORD_TAG:
        return b->kind == SLC_RECORD_TAG_END && memcmp(a->recipient, b->recipient, sizeof *a->recipient) == 0;
    case SLC_RECORD_SURBS:
        return b->kind == SLC_RECORD_SURBS_END && a->block == b->block;
    default:
        return true; /* no state of its own */
    }
}

/* What record `i` amounts to after all later ones; false: nothing. */
static bool outcome(const struct disk *disk, size_t i, struct slc_client_record *record)
{
    const struct disk_record *r = &disk->records[i];
    *record = r->record;
    if (ends(r, r)) return false;
    for (size_t j = i + 1; j < disk->durable; j++) {
        const struct disk_record *later = &disk->records[j];
        if (ends(r, later)) return false;
        bool lease = later->index == r->index && later->record.kind == SLC_RECORD_LEASE &&
                     r->record.kind == SLC_RECORD_SURBS && later->record.block == r->record.block;
        if (lease) record->released = later->record.released;
    }
    return true;
}

static void restore(void *self, struct mininet *net)
{
    const struct disk *disk = self;
    for (size_t i = 0; i < disk->len; i++) {
        struct slc_client_record record;
        if (!outcome(disk, i, &record)) continue;
        enum slc_status status = slc_clients_restore(net->clients, disk->records[i].index, &record, net->now,
                                                     MININET_UNIX + net->now / SLC_SECOND);
        assert_int_equal(status, SLC_OK);
    }
    slc_clients_durable(net->clients, disk->durable, net->now);
}

void disk_crash(struct disk *disk, struct mininet *net)
{
    /* The dying say nothing more. */
    while (disk->len > disk->durable) {
        free(disk->records[--disk->len].bytes);
    }
    size_t len = disk->len;
    mininet_crash(net, restore, disk);
    assert_int_equal(disk->len, len);
}

size_t disk_surbs(const struct disk *disk, uint32_t index)
{
    size_t surbs = 0;
    for (size_t i = 0; i < disk->durable; i++) {
        struct slc_client_record record;
        if (disk->records[i].index != index || !outcome(disk, i, &record)) continue;
        if (record.kind == SLC_RECORD_SURBS) surbs += record.count - record.released;
    }
    return surbs;
}

size_t disk_count(const struct disk *disk, uint32_t index, enum slc_client_record_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < disk->len; i++) {
        n += disk->records[i].index == index && disk->records[i].record.kind == kind;
    }
    return n;
}

void disk_free(struct disk *disk)
{
    for (size_t i = 0; i < disk->len; i++) {
        free(disk->records[i].bytes);
    }
    free(disk->records);
}
