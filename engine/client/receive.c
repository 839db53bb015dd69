/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

#include "crypto/base/secret.h"
#include "net/gateway/frame.h"

/*
 * Frames of many clients to acks, cover, fragments and messages, stage by stage over the whole batch
 * (docs/protocol/2-messages.md, section 11; 4-client.md, section 8). Every failure is local and counted. Messages are
 * delivered in the order in which their last fragments came, and after what they carry besides: when the application
 * learns of an anonymous message, its SURBs are there to answer with.
 *
 * Finished sets are remembered for ten minutes of being connected: a repeat that waited at the gateway is still known
 * after the client was away. The reference never forgets them (trap 27).
 */

enum {
    BATCH = 256,
    ACK_IV_BYTES = 16,
    ACK_ID_BYTES = SLC_ACK_PLAINTEXT_BYTES - ACK_IV_BYTES,
    SETS_MAX = 4096,
    SET_BYTES = 4096,       /* at least what a new set costs besides its first payload */
    REMEMBERED = 16384,     /* finished sets; more than a fast client completes while late repeats are about */
    REMEMBERED_SWEEPS = 60, /* of ten seconds */
};

/* One payload that is not an ack. */
struct parcel {
    struct client *client;
    uint8_t *data; /* key material, then the encrypted fragment */
    size_t len;
    uint8_t key[SLC_SURB_KEY_BYTES];
    uint8_t shared[SLC_KEY_BYTES];
    bool done; /* decrypted */
};

struct receiver {
    struct slc_frame_job frames[BATCH];
    struct client *owner[BATCH]; /* of frames[] */
    struct client *ack_owner[BATCH];
    uint8_t *acks[BATCH];
    struct parcel parcels[BATCH];
    struct slc_ladder_job ladders[BATCH];
    uint8_t *outs[BATCH];
    const uint8_t *ins[BATCH];
    const uint8_t *ivs[BATCH];
};

enum slc_status slc_receiver_new(struct slc_clients *c)
{
    c->receiver = calloc(1, sizeof *c->receiver);
    return c->receiver == NULL ? SLC_NO_MEMORY : SLC_OK;
}

void slc_receiver_free(struct receiver *r)
{
    free(r);
}

size_t slc_receiver_memory(const struct receiver *r)
{
    return sizeof *r;
}

/* ---- acks ---- */

static void take_acks(struct slc_clients *c, struct receiver *r, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        r->outs[i] = r->acks[i] + ACK_IV_BYTES;
        r->ivs[i] = r->acks[i];
        r->ins[i] = r->ack_owner[i]->keys->ack_key;
    }
    slc_aes128_ctr(r->outs, ACK_ID_BYTES, r->ins, r->ivs, n);
    for (size_t i = 0; i < n; i++) {
        struct slc_reader reader = slc_reader(slc_bytes(r->outs[i], ACK_ID_BYTES));
        struct slc_fragment_id id = {.set = slc_read_u32(&reader)};
        id.position = slc_read_u8(&reader);
        if (slc_ack_is_cover(id)) {
            COUNT(c, r->ack_owner[i], cover_acks_received, 1);
        } else {
            slc_messages_ack(c, r->ack_owner[i], id);
        }
    }
}

/* ---- messages ---- */

static void deliver(struct slc_clients *c, struct client *k, const struct slc_message *message, slc_time now)
{
    struct slc_client_event event = {.kind = SLC_CLIENT_DELIVERED, .at = now, .data = message->data};
    event.is_reply = message->kind == SLC_MESSAGE_REPLY;
    if (message->kind == SLC_MESSAGE_REPLIABLE) {
        event.has_tag = slc_store_find(k, message->sender_tag) != NULL;
        memcpy(event.tag, message->sender_tag, sizeof event.tag);
    }
    COUNT(c, k, messages_delivered, 1);
    slc_client_event(c, k, &event);
}

static void take_message(struct slc_clients *c, struct client *k, struct slc_bytes bytes, slc_time now)
{
    struct slc_message message;
    if (slc_message_parse(bytes, &message) != SLC_OK) {
        COUNT(c, k, refused_messages, 1);
        return;
    }
    bool asked_for = message.kind == SLC_MESSAGE_SURBS;
    if (message.kind == SLC_MESSAGE_HEARTBEAT) COUNT(c, k, heartbeats, 1);
    switch (message.kind) {
    case SLC_MESSAGE_REPLIABLE:
    case SLC_MESSAGE_SURBS:
    case SLC_MESSAGE_HEARTBEAT:
        slc_store_receive(c, k, message.sender_tag, &message.surbs, asked_for, now);
        break;
    case SLC_MESSAGE_SURB_REQUEST:
        slc_reply_serve(c, k, &message.requester, message.amount);
        break;
    default:
        break;
    }
    if (message.kind == SLC_MESSAGE_PLAIN || message.kind == SLC_MESSAGE_REPLIABLE ||
        message.kind == SLC_MESSAGE_REPLY) {
        deliver(c, k, &message, now);
    }
}

static struct slc_reassembly *reassembly_of(struct slc_clients *c, struct client *k, slc_time now)
{
    if (k->reassembly != NULL) return k->reassembly;
    const struct slc_reassembly_limits limits = {.max_bytes = c->traffic->max_reassembly_bytes,
                                                 .max_sets = SETS_MAX,
                                                 .remembered = REMEMBERED,
                                                 .sweeps = REMEMBERED_SWEEPS,
                                                 .timeout = c->traffic->reassembly_timeout};
    enum slc_status status = slc_reassembly_new(&k->reassembly, &limits);
    k->swept = now;
    return status == SLC_OK ? k->reassembly : NULL;
}

/* Runs of the reassembly between these two are accounted for. */
struct account {
    size_t bytes;
    struct slc_reassembly_counts counts;
};

static struct account account_open(const struct client *k)
{
    struct account account = {.counts = slc_reassembly_counts(k->reassembly)};
    size_t sets;
    slc_reassembly_held(k->reassembly, &sets, &account.bytes);
    return account;
}

static void account_close(struct slc_clients *c, struct client *k, struct account before)
{
    struct account after = account_open(k);
    slc_foreign_less(c, k, before.bytes);
    slc_foreign_more(c, k, after.bytes);
    uint64_t evicted = after.counts.evicted - before.counts.evicted;
    uint64_t stale = after.counts.stale - before.counts.stale;
    if (evicted > 0) COUNT(c, k, sets_evicted, evicted);
    if (stale > 0) COUNT(c, k, sets_stale, stale);
}

static void take_result(struct slc_clients *c, struct client *k, enum slc_reassembly_result result,
                        struct slc_bytes message, slc_time now)
{
    switch (result) {
    case SLC_REASSEMBLY_COMPLETE:
        take_message(c, k, message, now);
        return;
    case SLC_REASSEMBLY_DUPLICATE:
        COUNT(c, k, duplicate_fragments, 1);
        return;
    case SLC_REASSEMBLY_REFUSED:
        COUNT(c, k, refused_payloads, 1);
        return;
    case SLC_REASSEMBLY_BROKEN:
        COUNT(c, k, refused_messages, 1);
        return;
    default:
        return;
    }
}

/* One of several: held until the others are here. */
static void take_part(struct slc_clients *c, struct client *k, const struct slc_fragment *fragment, slc_time now)
{
    struct account account = account_open(k);
    /* Room is taken in steps of up to half a set. */
    size_t most = account.bytes + slc_foreign_room(c, k, SET_BYTES + SLC_SET_MAX / 2 * fragment->payload.len);
    if (most > c->traffic->max_reassembly_bytes) most = c->traffic->max_reassembly_bytes;
    slc_reassembly_allow(k->reassembly, most);
    struct slc_bytes message = {0};
    enum slc_reassembly_result result = slc_reassembly_add(k->reassembly, fragment, now, &message);
    account_close(c, k, account);
    take_result(c, k, result, message, now);
}

void slc_receive_plaintext(struct slc_clients *c, struct client *k, struct slc_bytes plaintext, slc_time now)
{
    if (slc_cover_is(plaintext)) {
        COUNT(c, k, cover_received, 1);
        COUNT(c, k, cover_bytes_received, plaintext.len + SLC_KEY_MATERIAL_BYTES);
        return;
    }
    struct slc_fragment fragment;
    if (slc_fragment_parse(plaintext, &fragment) != SLC_OK || reassembly_of(c, k, now) == NULL) {
        COUNT(c, k, refused_payloads, 1);
        return;
    }
    if (fragment.total > 1 || fragment.previous != 0) {
        take_part(c, k, &fragment, now);
        return;
    }
    struct slc_bytes message = {0};
    enum slc_reassembly_result result = slc_reassembly_add(k->reassembly, &fragment, now, &message);
    take_result(c, k, result, message, now);
}

void slc_receive_sweep(struct slc_clients *c, struct client *k, slc_time now)
{
    if (k->reassembly == NULL) return;
    struct account account = account_open(k);
    (void)slc_reassembly_sweep(k->reassembly, now);
    account_close(c, k, account);
}

void slc_receive_shed(struct slc_clients *c, struct client *k, size_t bytes)
{
    if (k->reassembly == NULL) return;
    struct account account = account_open(k);
    slc_reassembly_shrink(k->reassembly, account.bytes > bytes ? account.bytes - bytes : 0);
    account_close(c, k, account);
}

/* ---- data ---- */

/* Our own cover, by the ephemeral key we drew for it. */
static bool is_own_cover(struct slc_clients *c, struct client *k, const uint8_t *key)
{
    if (k->cover_keys == NULL) return false;
    for (size_t i = 0; i < c->cover_ring; i++) {
        if (memcmp(k->cover_keys[i], key, SLC_KEY_BYTES) != 0) continue;
        memset(k->cover_keys[i], 0, SLC_KEY_BYTES);
        return true;
    }
    return false;
}

/* Keys by look-up where there is one. Returns false when nothing is left to decrypt. */
static bool look_up(struct slc_clients *c, struct client *k, const uint8_t *data, size_t len, struct parcel *parcel,
                    bool *has_key)
{
    COUNT(c, k, data_received, 1);
    COUNT(c, k, data_bytes_received, len);
    if (len <= SLC_KEY_MATERIAL_BYTES) {
        COUNT(c, k, refused_payloads, 1);
        return false;
    }
    if (is_own_cover(c, k, data)) {
        COUNT(c, k, cover_received, 1);
        COUNT(c, k, cover_bytes_received, len);
        return false;
    }
    enum reply_key_result result = slc_reply_key_take(c, k, data, parcel->key);
    if (result == REPLY_KEY_USED) {
        COUNT(c, k, duplicate_fragments, 1);
        return false;
    }
    *has_key = result == REPLY_KEY_FOUND;
    return true;
}

static void agree_on_keys(struct receiver *r, size_t ladders)
{
    slc_ladder(r->ladders, ladders);
    slc_message_keys(r->outs, r->ins, ladders);
}

/* Payloads of one length share vectors; almost always there is one length. */
static void decrypt(struct receiver *r, size_t n)
{
    for (size_t first = 0; first < n; first++) {
        if (r->parcels[first].done) continue;
        size_t len = r->parcels[first].len, jobs = 0;
        for (size_t i = first; i < n; i++) {
            struct parcel *parcel = &r->parcels[i];
            if (parcel->done || parcel->len != len) continue;
            parcel->done = true;
            r->outs[jobs] = parcel->data + SLC_KEY_MATERIAL_BYTES;
            r->ins[jobs++] = parcel->key;
        }
        slc_aes128_ctr(r->outs, len - SLC_KEY_MATERIAL_BYTES, r->ins, NULL, jobs);
    }
}

static void take_data(struct slc_clients *c, struct receiver *r, size_t n, size_t ladders, slc_time now)
{
    agree_on_keys(r, ladders);
    decrypt(r, n);
    for (size_t i = 0; i < n; i++) {
        struct parcel *parcel = &r->parcels[i];
        struct slc_bytes plaintext =
            slc_bytes(parcel->data + SLC_KEY_MATERIAL_BYTES, parcel->len - SLC_KEY_MATERIAL_BYTES);
        slc_receive_plaintext(c, parcel->client, plaintext, now);
    }
    slc_wipe(r->parcels, n * sizeof *r->parcels);
}

/* ---- frames ---- */

/* Opens a batch; returns how many frames there are to look at. */
static size_t open_frames(struct slc_clients *c, struct receiver *r, const struct slc_client_frame *frames, size_t n)
{
    size_t jobs = 0;
    for (size_t i = 0; i < n; i++) {
        if (frames[i].index >= c->count) continue;
        struct client *k = &c->clients[frames[i].index];
        if (!k->has_key || !k->started) {
            COUNT(c, k, refused_frames, 1);
            continue;
        }
        r->owner[jobs] = k;
        r->frames[jobs++] = (struct slc_frame_job){
            .key = slc_gateway_client_key(k->session), .frame = frames[i].data, .len = frames[i].len};
    }
    enum slc_status all = slc_frames_open(r->frames, jobs);
    (void)all; /* each job has its own status */
    return jobs;
}

static void take_batch(struct slc_clients *c, struct receiver *r, const struct slc_client_frame *frames, size_t n,
                       slc_time now)
{
    size_t jobs = open_frames(c, r, frames, n), acks = 0, parcels = 0, ladders = 0;
    for (size_t i = 0; i < jobs; i++) {
        const struct slc_frame_job *job = &r->frames[i];
        struct client *k = r->owner[i];
        if (job->status != SLC_OK || job->kind != SLC_FRAME_PUSHED) {
            COUNT(c, k, refused_frames, 1);
            continue;
        }
        uint8_t *data = job->frame + SLC_FRAME_HEAD_BYTES;
        if (job->plaintext.len == SLC_ACK_PLAINTEXT_BYTES) {
            r->ack_owner[acks] = k;
            r->acks[acks++] = data;
            continue;
        }
        struct parcel *parcel = &r->parcels[parcels];
        bool has_key = false;
        if (!look_up(c, k, data, job->plaintext.len, parcel, &has_key)) continue;
        parcel->client = k;
        parcel->data = data;
        parcel->len = job->plaintext.len;
        parcel->done = false;
        if (!has_key) {
            r->outs[ladders] = parcel->key;
            r->ins[ladders] = parcel->shared;
            r->ladders[ladders++] = (struct slc_ladder_job){k->keys->encryption_secret, data, parcel->shared};
        }
        parcels++;
    }
    take_data(c, r, parcels, ladders, now);
    take_acks(c, r, acks);
}

void slc_clients_frames(struct slc_clients *c, const struct slc_client_frame *frames, size_t n, slc_time now)
{
    c->now = now;
    for (size_t done = 0; done < n; done += BATCH) {
        size_t count = n - done < BATCH ? n - done : BATCH;
        take_batch(c, c->receiver, frames + done, count, now);
    }
}
