/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

#include "crypto/base/secret.h"
#include "engine/runtime/runtime.h"
#include "net/gateway/frame.h"
#include "net/wire/websocket.h"

/*
 * From plans to frames on the wire, for many clients at once, stage by stage over the whole batch
 * (docs/protocol/2-messages.md, section 10): contents of acks; keys of the message layer; fragments and cover; Sphinx
 * packets, straight into the frames' slots, with the acks' inside them; seal; WebSocket.
 *
 *   slot + SLC_SLOT_HEAD - 49 at most: WebSocket header, frame head, mix packet head | packet | tag
 */

enum {
    PAYLOAD_ZEROS = SLC_PAYLOAD_OVERHEAD - 1, /* before a plaintext; the marker is behind it */
    ACK_AT = SLC_SURB_ACK_ADDRESS_BYTES,      /* in a plaintext */
    KEY_AT = SLC_SURB_ACK_BYTES,
    FRAGMENT_AT = SLC_PAYLOAD_HEAD_BYTES,
    MIX_HEAD_MAX = 21,
    SPHINX_JOB_BYTES = 1024, /* of the scratch; touched for one */
};
_Static_assert(SLC_WS_HEAD_MAX + SLC_FRAME_HEAD_BYTES + MIX_HEAD_MAX <= SLC_SLOT_HEAD, "heads grow to the front");

/* What one plan needs between the stages; secrets, so wiped with the rest of the scratch. */
struct work {
    uint8_t ack[SLC_ACK_CONTENT_BYTES];
    uint8_t ephemeral[SLC_KEY_BYTES];
    uint8_t shared[SLC_KEY_BYTES];
    uint8_t key[SLC_SURB_KEY_BYTES];
    struct slc_scalar scalar;
    uint8_t *frame;
    size_t frame_bytes;
};

struct builder {
    size_t batch;
    size_t plaintext_bytes; /* room for one: of the larger size                 */
    size_t random_bytes;    /* what the route with the fewest hops takes         */
    struct slc_sphinx_scratch *sphinx;
    void *curve;
    uint8_t *plaintexts;
    uint8_t *random; /* of routes: the ack's and the data packet's of each plan; secret */
    struct work *work;
    struct slc_packet_job *packets; /* data packets end where acks begin, at `batch` */
    struct slc_surb_use *replies;
    struct slc_curve_job *multiplications;
    struct slc_ladder_job *ladders;
    struct slc_frame_job *frames;
    uint8_t **outs;
    const uint8_t **ins;
    uint32_t *plan_of; /* job -> plan */
    struct slc_address *first_hops;
    enum slc_status *status;
};

static void *array(size_t n, size_t bytes)
{
    size_t total = (n * bytes + 63) & ~(size_t)63;
    void *memory = aligned_alloc(64, total);
    if (memory != NULL) memset(memory, 0, total);
    return memory;
}

enum slc_status slc_builder_new(struct slc_clients *c)
{
    struct builder *b = c->builder = calloc(1, sizeof *b);
    if (b == NULL) return SLC_NO_MEMORY;
    size_t n = b->batch = c->batch;
    b->plaintext_bytes = slc_plaintext_bytes(c->traffic->size);
    size_t secondary_bytes = slc_plaintext_bytes(c->traffic->secondary_size);
    if (secondary_bytes > b->plaintext_bytes) b->plaintext_bytes = secondary_bytes;
    b->random_bytes = slc_route_random_bytes(slc_traffic_hops(c->traffic));
    b->curve = array(1, slc_curve_scratch_bytes(2 * n));
    b->plaintexts = array(n, b->plaintext_bytes);
    b->random = array(2 * n, b->random_bytes);
    b->work = array(n, sizeof *b->work);
    b->packets = array(2 * n, sizeof *b->packets);
    b->replies = array(n, sizeof *b->replies);
    b->multiplications = array(2 * n, sizeof *b->multiplications);
    b->ladders = array(n, sizeof *b->ladders);
    b->frames = array(n, sizeof *b->frames);
    b->outs = array(n, sizeof *b->outs);
    b->ins = array(n, sizeof *b->ins);
    b->plan_of = array(2 * n, sizeof *b->plan_of);
    b->first_hops = array(n, sizeof *b->first_hops);
    b->status = array(n, sizeof *b->status);
    bool whole = b->curve != NULL && b->plaintexts != NULL && b->random != NULL && b->work != NULL &&
                 b->packets != NULL && b->replies != NULL && b->multiplications != NULL && b->ladders != NULL &&
                 b->frames != NULL && b->outs != NULL && b->ins != NULL && b->plan_of != NULL &&
                 b->first_hops != NULL && b->status != NULL;
    return whole ? slc_sphinx_scratch_new(&b->sphinx, 2 * n) : SLC_NO_MEMORY;
}

void slc_builder_free(struct builder *b)
{
    if (b == NULL) return;
    slc_sphinx_scratch_free(b->sphinx);
    free(b->curve);
    free(b->plaintexts);
    free(b->random);
    free(b->work);
    free(b->packets);
    free(b->replies);
    free(b->multiplications);
    free(b->ladders);
    free(b->frames);
    free(b->outs);
    free(b->ins);
    free(b->plan_of);
    free(b->first_hops);
    free(b->status);
    free(b);
}

size_t slc_builder_memory(const struct builder *b)
{
    size_t each = b->plaintext_bytes + 2 * b->random_bytes + sizeof *b->work + 2 * sizeof *b->packets +
                  sizeof *b->replies + 2 * sizeof *b->multiplications + sizeof *b->ladders + sizeof *b->frames +
                  sizeof *b->outs + sizeof *b->ins + 2 * sizeof *b->plan_of + sizeof *b->first_hops + sizeof *b->status;
    return sizeof *b + b->batch * (each + 2 * SPHINX_JOB_BYTES) + slc_curve_scratch_bytes(2 * b->batch);
}

struct slc_sphinx_scratch *slc_builder_scratch(struct builder *b)
{
    return b->sphinx;
}

/* ---- stages ---- */

static struct message *message_of(struct slc_clients *c, const struct plan *plan)
{
    if (plan->kind == PLAN_COVER) return NULL;
    return c->clients[plan->client].pending.entries[plan->place].message;
}

static uint8_t *plaintext_of(const struct builder *b, size_t i)
{
    return b->plaintexts + i * b->plaintext_bytes;
}

/*
 * Where the ack of plan i is built: in the payload of the data packet around it (crypto/sphinx/sphinx.h); a reply's
 * packet comes later, from its plaintext.
 */
static uint8_t *ack_of(const struct builder *b, const struct plan *plan, size_t i)
{
    uint8_t *plaintext =
        plan->kind == PLAN_REPLY ? plaintext_of(b, i) : plan->slot + SLC_SLOT_HEAD + SLC_HEADER_BYTES + PAYLOAD_ZEROS;
    return plaintext + ACK_AT;
}

/* For a route: [0] the ack's, [1] the data packet's. */
static uint8_t *random_of(const struct builder *b, size_t i)
{
    return b->random + 2 * i * b->random_bytes;
}

/* Cover always takes the mix hops (section 4.2). */
static bool is_straight(const struct slc_clients *c, const struct plan *plan)
{
    return c->traffic->no_mix_hops && plan->kind != PLAN_COVER;
}

/*
 * The ack comes back under the rotation of the packet it was in, so that of a reply is built for its SURB's rotation
 * (chapter 4, section 12.4).
 */
static struct journey ack_journey(const struct slc_clients *c, const struct plan *plan)
{
    const struct client *k = &c->clients[plan->client];
    struct journey journey = {.snapshot = c->topology,
                              .egress = k->own,
                              .destination = k->keys->identity.public_key,
                              .mean = c->traffic->ack_hop_delay,
                              .straight = is_straight(c, plan),
                              .nodes = c->random};
    if (plan->kind != PLAN_REPLY) return journey;
    const struct slc_topology *snapshot = slc_rotation_snapshot(c, plan->ticket.rotation);
    if (snapshot == c->topology) return journey;
    const struct slc_node *own = slc_topology_find(snapshot, c->gateways[k->gateway]->identity);
    if (own == NULL) return journey;
    journey.snapshot = snapshot;
    journey.egress = own;
    return journey;
}

/* Jobs for the acks; returns how many. */
static size_t plan_acks(struct slc_clients *c, struct builder *b, size_t n)
{
    size_t jobs = 0;
    for (size_t i = 0; i < n; i++) {
        struct plan *plan = &c->plans[i];
        const struct client *k = &c->clients[plan->client];
        struct slc_fragment_id id = {0, 0};
        if (plan->kind != PLAN_COVER) {
            const struct slc_pending_entry *e = &k->pending.entries[plan->place];
            /* Settled since it was planned: expired with its message. */
            if (e->message == NULL) b->status[i] = SLC_CLOSED;
            id = (struct slc_fragment_id){e->set, e->position};
        }
        if (b->status[i] != SLC_OK) continue;
        struct slc_packet_job *job = &b->packets[b->batch + jobs];
        const struct journey journey = ack_journey(c, plan);
        struct slc_address first_hop;
        plan->delays = 0;
        b->status[i] = slc_route_draw(c, &job->route, &journey, random_of(b, i), &first_hop, &plan->delays);
        if (b->status[i] != SLC_OK) continue;
        struct slc_writer w = slc_writer(plaintext_of(b, i), SLC_SURB_ACK_ADDRESS_BYTES);
        slc_address_write_padded(&w, &first_hop, SLC_SURB_ACK_ADDRESS_BYTES);
        uint8_t iv[16];
        slc_random_bytes(c->random, iv, sizeof iv);
        slc_ack_write(b->work[i].ack, k->keys->ack_key, iv, id);
        job->plaintext = slc_bytes(b->work[i].ack, SLC_ACK_CONTENT_BYTES);
        job->payload_bytes = SLC_ACK_PACKET_BYTES - SLC_HEADER_BYTES;
        job->out = ack_of(b, plan, i);
        b->plan_of[b->batch + jobs++] = (uint32_t)i;
    }
    return jobs;
}

static const uint8_t *encryption_key_of(struct slc_clients *c, const struct plan *plan)
{
    const struct message *m = message_of(c, plan);
    return m == NULL ? c->clients[plan->client].keys->encryption_key : m->recipient.encryption_key;
}

/* Ephemeral keys into the plaintexts, and the keys they agree on with the recipients'. */
static void agree_on_keys(struct slc_clients *c, struct builder *b, size_t n)
{
    size_t multiplications = 0, ladders = 0, keys = 0;
    slc_key_tables_turn(c->tables);
    for (size_t i = 0; i < n; i++) {
        const struct plan *plan = &c->plans[i];
        if (b->status[i] != SLC_OK || plan->kind == PLAN_REPLY) continue;
        struct work *w = &b->work[i];
        slc_random_bytes(c->random, w->ephemeral, sizeof w->ephemeral);
        slc_scalar_start(&w->scalar, w->ephemeral);
        b->multiplications[multiplications++] =
            (struct slc_curve_job){slc_curve_base(), &w->scalar, plaintext_of(b, i) + KEY_AT};
        const uint8_t *recipient = encryption_key_of(c, plan);
        const struct slc_curve_table *table = slc_key_table(c->tables, recipient);
        if (table != NULL) {
            b->multiplications[multiplications++] = (struct slc_curve_job){table, &w->scalar, w->shared};
        } else {
            b->ladders[ladders++] = (struct slc_ladder_job){w->ephemeral, recipient, w->shared};
        }
        b->outs[keys] = w->key;
        b->ins[keys++] = w->shared;
    }
    slc_curve_multiply(b->multiplications, multiplications, b->curve);
    slc_ladder(b->ladders, ladders);
    slc_message_keys(b->outs, b->ins, keys);
}

static void remember_cover(struct slc_clients *c, struct client *k, const uint8_t *ephemeral_key)
{
    if (k->cover_keys == NULL) k->cover_keys = calloc(c->cover_ring, sizeof *k->cover_keys);
    /* Without it, cover is known by its content. */
    if (k->cover_keys == NULL) return;
    memcpy(k->cover_keys[k->cover_at], ephemeral_key, SLC_KEY_BYTES);
    k->cover_at = (uint16_t)((k->cover_at + 1) & (c->cover_ring - 1));
}

/* Encrypts the fragments of one size: they share vectors. */
static void encrypt_fragments(struct slc_clients *c, struct builder *b, size_t n, enum slc_packet_size size)
{
    size_t jobs = 0;
    for (size_t i = 0; i < n; i++) {
        const struct plan *plan = &c->plans[i];
        if (b->status[i] != SLC_OK || plan->size != size) continue;
        b->ins[jobs] = plan->kind == PLAN_REPLY ? plan->ticket.bytes : b->work[i].key;
        b->outs[jobs++] = plaintext_of(b, i) + FRAGMENT_AT;
    }
    if (jobs > 0) slc_aes128_ctr(b->outs, slc_fragment_bytes(size), b->ins, NULL, jobs);
}

static void write_contents(struct slc_clients *c, struct builder *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct plan *plan = &c->plans[i];
        if (b->status[i] != SLC_OK) continue;
        struct client *k = &c->clients[plan->client];
        uint8_t *plaintext = plaintext_of(b, i);
        const struct message *m = message_of(c, plan);
        if (m == NULL) {
            slc_cover_write(plaintext + FRAGMENT_AT, slc_fragment_bytes((enum slc_packet_size)plan->size));
            remember_cover(c, k, plaintext + KEY_AT);
        } else {
            slc_cut_write(&m->cut, m->bytes, m->set_ids, k->pending.entries[plan->place].fragment,
                          plaintext + FRAGMENT_AT);
        }
        if (plan->kind == PLAN_REPLY) slc_surb_digest(plaintext + KEY_AT, plan->ticket.bytes);
    }
    encrypt_fragments(c, b, n, c->traffic->size);
    if (c->traffic->secondary_size != 0) encrypt_fragments(c, b, n, c->traffic->secondary_size);
}

static size_t payload_bytes(const struct plan *plan)
{
    return slc_packet_bytes((enum slc_packet_size)plan->size) - SLC_HEADER_BYTES;
}

static enum slc_status draw_data_route(struct slc_clients *c, struct builder *b, size_t i, struct slc_route *route)
{
    struct plan *plan = &c->plans[i];
    const struct client *k = &c->clients[plan->client];
    const struct message *m = message_of(c, plan);
    struct journey journey = {.snapshot = c->topology,
                              .egress = plan->egress,
                              .destination = m == NULL ? k->keys->identity.public_key : m->recipient.identity,
                              .mean = c->traffic->hop_delay,
                              .straight = is_straight(c, plan),
                              .nodes = c->random};
    struct slc_random fixed;
    bool is_fixed = c->traffic->fixed_routes && m != NULL;
    if (is_fixed) {
        /* The same nodes for all packets of a fragment, while the topology lasts; another choice for every client. */
        const struct slc_pending_entry *e = &k->pending.entries[plan->place];
        slc_random_from_number(&fixed, k->pending.salt, (uint64_t)e->set << 8 | e->position);
        journey.nodes = &fixed;
    }
    enum slc_status status =
        slc_route_draw(c, route, &journey, random_of(b, i) + b->random_bytes, &b->first_hops[i], &plan->delays);
    if (is_fixed) slc_random_wipe(&fixed);
    return status;
}

/* Data packets of all but replies, and all acks, in one batch: hops of both share lanes. */
static void build_packets(struct slc_clients *c, struct builder *b, size_t n, size_t acks)
{
    size_t first = b->batch;
    for (size_t i = 0; i < n; i++) {
        struct plan *plan = &c->plans[i];
        if (b->status[i] != SLC_OK || plan->kind == PLAN_REPLY) continue;
        struct slc_packet_job *job = &b->packets[first - 1];
        b->status[i] = draw_data_route(c, b, i, &job->route);
        if (b->status[i] != SLC_OK) continue;
        job->plaintext = slc_bytes(plaintext_of(b, i), slc_plaintext_bytes((enum slc_packet_size)plan->size));
        job->payload_bytes = payload_bytes(plan);
        job->out = plan->slot + SLC_SLOT_HEAD;
        b->plan_of[--first] = (uint32_t)i;
    }
    if (slc_packets_build(b->sphinx, b->packets + first, b->batch - first + acks) == SLC_OK) return;
    for (size_t j = first; j < b->batch + acks; j++) {
        if (b->packets[j].status != SLC_OK) b->status[b->plan_of[j]] = b->packets[j].status;
    }
}

static void build_replies(struct slc_clients *c, struct builder *b, size_t n)
{
    size_t jobs = 0;
    for (size_t i = 0; i < n; i++) {
        struct plan *plan = &c->plans[i];
        if (b->status[i] != SLC_OK || plan->kind != PLAN_REPLY) continue;
        b->replies[jobs] = (struct slc_surb_use){
            .surb = slc_bytes(plan->ticket.bytes + SLC_SURB_KEY_BYTES, plan->ticket.len - SLC_SURB_KEY_BYTES),
            .explicit_keys = plan->ticket.explicit_keys,
            .plaintext = slc_bytes(plaintext_of(b, i), slc_plaintext_bytes((enum slc_packet_size)plan->size)),
            .payload_bytes = payload_bytes(plan),
            .out = plan->slot + SLC_SLOT_HEAD};
        /* The delays inside a SURB are its maker's secret. */
        if (!c->traffic->no_mix_hops) plan->delays += 3 * c->traffic->hop_delay;
        b->plan_of[jobs++] = (uint32_t)i;
    }
    if (jobs == 0) return;
    enum slc_status all = slc_surbs_use(b->sphinx, b->replies, jobs);
    (void)all; /* each job has its own status */
    for (size_t j = 0; j < jobs; j++) {
        enum slc_status status = b->replies[j].status;
        struct slc_reader r = slc_reader(slc_bytes(b->replies[j].first_hop, SLC_ADDRESS_BYTES));
        if (status == SLC_OK) status = slc_address_read(&r, &b->first_hops[b->plan_of[j]]);
        b->status[b->plan_of[j]] = status;
    }
}

static void seal(struct slc_clients *c, struct builder *b, size_t n)
{
    size_t jobs = 0;
    for (size_t i = 0; i < n; i++) {
        const struct plan *plan = &c->plans[i];
        if (b->status[i] != SLC_OK) continue;
        const struct client *k = &c->clients[plan->client];
        enum slc_mix_packet_kind kind =
            slc_gateway_client_version(k->session) >= 5 ? SLC_MIX_PACKET_V2 : SLC_MIX_PACKET_V1;
        enum slc_rotation rotation =
            plan->kind == PLAN_REPLY ? (enum slc_rotation)plan->ticket.rotation : c->topology->rotation;
        size_t head = slc_mix_packet_head_bytes(kind, &b->first_hops[i]);
        uint8_t *body = plan->slot + SLC_SLOT_HEAD - head;
        struct slc_writer w = slc_writer(body, head);
        slc_mix_packet_write_head(&w, kind, rotation, &b->first_hops[i]);
        b->frames[jobs] = (struct slc_frame_job){.key = slc_gateway_client_key(k->session),
                                                 .frame = body - SLC_FRAME_HEAD_BYTES,
                                                 .len = head + slc_packet_bytes((enum slc_packet_size)plan->size),
                                                 .kind = (uint8_t)kind};
        b->plan_of[jobs++] = (uint32_t)i;
    }
    slc_frames_seal(b->frames, jobs, c->random);
    for (size_t j = 0; j < jobs; j++) {
        size_t i = b->plan_of[j];
        const struct slc_frame_job *frame = &b->frames[j];
        b->work[i].frame = frame->frame;
        b->work[i].frame_bytes = frame->len + SLC_FRAME_OVERHEAD;
    }
}

/* ---- sending ---- */

static enum slc_status send_frame(struct slc_clients *c, struct builder *b, size_t i)
{
    const struct plan *plan = &c->plans[i];
    struct client *k = &c->clients[plan->client];
    size_t len = b->work[i].frame_bytes;
    uint8_t mask[4];
    slc_random_bytes(c->random, mask, sizeof mask);
    uint8_t *frame = b->work[i].frame;
    size_t head = slc_ws_frame(frame, len, SLC_WS_OP_BINARY, mask);
    enum slc_status status = c->port.send(c->port.self, plan->client, plan->slot, frame - head, head + len, plan->due);
    if (status != SLC_OK) return status == SLC_CLOSED ? SLC_CLOSED : SLC_AGAIN;
    size_t packet_bytes = slc_packet_bytes((enum slc_packet_size)plan->size);
    slc_gateway_client_sent(k->session, packet_bytes);
    COUNT(c, k, packet_bytes_sent, packet_bytes);
    COUNT(c, k, wire_bytes_sent, head + len);
    return SLC_OK;
}

static void send_frames(struct slc_clients *c, struct builder *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct plan *plan = &c->plans[i];
        struct client *k = &c->clients[plan->client];
        /* An earlier frame's event may have ended the session. */
        enum slc_status status = k->ready ? b->status[i] : SLC_CLOSED;
        if (status == SLC_OK) status = send_frame(c, b, i);
        if (status != SLC_OK) c->port.slot_drop(c->port.self, plan->slot);
        if (plan->kind != PLAN_COVER) {
            slc_send_result(c, plan, status);
        } else if (status == SLC_OK) {
            COUNT(c, k, cover_sent, 1);
            COUNT(c, k, cover_bytes_sent, slc_packet_bytes((enum slc_packet_size)plan->size));
        }
    }
}

void slc_build(struct slc_clients *c)
{
    struct builder *b = c->builder;
    size_t n = c->plan_count;
    if (n == 0) return;
    for (size_t i = 0; i < n; i++) {
        b->status[i] = SLC_OK;
    }
    size_t acks = plan_acks(c, b, n);
    agree_on_keys(c, b, n);
    write_contents(c, b, n);
    build_packets(c, b, n, acks);
    build_replies(c, b, n);
    seal(c, b, n);
    send_frames(c, b, n);
    slc_wipe(b->work, n * sizeof *b->work);
    slc_wipe(b->random, 2 * n * b->random_bytes);
    c->plan_count = 0;
    slc_client_bump(&c->counters.batches, 1);
    slc_client_bump(&c->counters.batch_packets, n);
    slc_client_bump(&c->counters.look_ahead_ns, c->look_ahead.value);
    slc_surbs_discard(c);
}
