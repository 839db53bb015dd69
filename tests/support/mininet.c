/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/runtime/runtime.h"
#include "net/gateway/frame.h"
#include "net/wire/websocket.h"

_Thread_local bool mininet_inside;

#define WIRE SLC_MILLISECOND /* one way, each wire */
enum { OPEN_BATCH = 128, FRAME_BATCH = 256, TOKEN_BATCH = 256 };

enum event_kind { ARM, FRAME, PACKET, PUSH, TEXT, OPENED, CLOSED };

struct mininet_event {
    slc_time at;
    uint64_t sequence;
    enum event_kind kind;
    uint32_t who;        /* client, or node */
    uint64_t connection; /* of the client that this belongs to */
    uint64_t token;
    uint8_t rotation;
    uint8_t *memory; /* freed after the event */
    uint8_t *data;
    size_t len;
};

struct mininet_letter {
    struct mininet_letter *next;
    size_t len;
    uint8_t data[];
};

static void check(bool condition, const char *what)
{
    if (condition) return;
    (void)fprintf(stderr, "mininet: %s\n", what);
    abort();
}

static void *need(void *memory)
{
    check(memory != NULL, "no memory");
    return memory;
}

/* ---- events ---- */

static bool before(const struct mininet_event *a, const struct mininet_event *b)
{
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

static void push(struct mininet *net, struct mininet_event event)
{
    if (net->heap_len == net->heap_cap) {
        net->heap_cap = net->heap_cap == 0 ? 1024 : net->heap_cap * 2;
        net->heap = need(realloc(net->heap, net->heap_cap * sizeof *net->heap));
    }
    event.sequence = net->sequence++;
    size_t at = net->heap_len++;
    while (at > 0 && before(&event, &net->heap[(at - 1) / 2])) {
        net->heap[at] = net->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    net->heap[at] = event;
}

static struct mininet_event pop(struct mininet *net)
{
    struct mininet_event first = net->heap[0], last = net->heap[--net->heap_len];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < net->heap_len; at = child) {
        if (child + 1 < net->heap_len && before(&net->heap[child + 1], &net->heap[child])) child++;
        if (before(&last, &net->heap[child])) break;
        net->heap[at] = net->heap[child];
    }
    net->heap[at] = last;
    return first;
}

static void push_copy(struct mininet *net, struct mininet_event event, const uint8_t *data, size_t len)
{
    event.memory = event.data = need(malloc(len + 1));
    event.len = len;
    memcpy(event.data, data, len);
    push(net, event);
}

static bool dice(struct mininet *net, double chance)
{
    return chance > 0 && slc_random_unit(&net->random) < chance;
}

static uint64_t unix_now(const struct mininet *net)
{
    return (uint64_t)(MININET_UNIX + (int64_t)(net->now / SLC_SECOND) + net->clock_step);
}

/* ---- port ---- */

static uint8_t *port_slot(void *self, size_t bytes)
{
    struct mininet *net = self;
    if (net->slot_limit > 0 && net->slots_out >= net->slot_limit) return NULL;
    net->slots_out++;
    bool inside = mininet_inside;
    mininet_inside = false;
    uint8_t *slot = need(aligned_alloc(64, (SLC_SLOT_HEAD + bytes + 63) & ~(size_t)63));
    mininet_inside = inside;
    return slot;
}

static void port_slot_drop(void *self, uint8_t *slot)
{
    ((struct mininet *)self)->slots_out--;
    free(slot);
}

static void record_due(struct mininet_client *k, slc_time due)
{
    if (k->due_count == k->due_cap) {
        k->due_cap = k->due_cap == 0 ? 1024 : k->due_cap * 2;
        k->dues = need(realloc(k->dues, k->due_cap * sizeof *k->dues));
    }
    k->dues[k->due_count++] = due;
}

static enum slc_status port_send(void *self, uint32_t index, uint8_t *slot, const uint8_t *data, size_t len,
                                 slc_time due)
{
    struct mininet *net = self;
    struct mininet_client *k = &net->client[index];
    if (k->connection == 0) return SLC_CLOSED;
    bool binary = (data[0] & 15) == SLC_WS_OP_BINARY;
    if (binary && dice(net, net->send_failure)) return SLC_AGAIN;
    bool inside = mininet_inside;
    mininet_inside = false;
    check(data >= slot && data + len <= slot + SLC_SLOT_HEAD + SLC_LARGEST_PACKET_BYTES + 16,
          "frame is not in its slot");
    if (binary && net->record_dues) record_due(k, due);
    if (binary && net->record_dues) k->large_frames += len > SLC_SLOT_SMALL;
    push(net, (struct mininet_event){.at = due > net->now ? due : net->now,
                                     .kind = FRAME,
                                     .who = index,
                                     .connection = k->connection,
                                     .memory = slot,
                                     .data = slot + (data - slot),
                                     .len = len});
    mininet_inside = inside;
    return SLC_OK;
}

static size_t port_waiting(void *self, uint32_t index)
{
    return ((struct mininet *)self)->client[index].waiting;
}

/* Frames that the gateway has not read. */
struct mininet_held {
    struct mininet_held *next;
    struct mininet_event event;
};

static void drop_held(struct mininet *net, struct mininet_client *k)
{
    while (k->held != NULL) {
        struct mininet_held *held = k->held;
        k->held = held->next;
        free(held->event.memory);
        free(held);
        net->slots_out--;
    }
    k->waiting = 0;
}

static void hold(struct mininet_client *k, const struct mininet_event *event)
{
    struct mininet_held *held = need(malloc(sizeof *held)), **at = &k->held;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *held = (struct mininet_held){.event = *event};
    *at = held;
    k->waiting++;
}

static void hang_up(struct mininet *net, struct mininet_client *k)
{
    drop_held(net, k);
    if (k->connection == 0) return;
    slc_server_session_closed(k->session);
    k->connection = 0;
}

static void port_connect(void *self, uint32_t index, const struct slc_node *gateway)
{
    struct mininet *net = self;
    struct mininet_client *k = &net->client[index];
    bool inside = mininet_inside;
    mininet_inside = false;
    check(memcmp(gateway->identity, net->nodes[k->gateway].identity.public_key, SLC_IDENTITY_BYTES) == 0,
          "wrong gateway");
    hang_up(net, k);
    if (k->refuse) {
        push(net, (struct mininet_event){.at = net->now + WIRE, .kind = CLOSED, .who = index});
    } else {
        k->connection = ++net->connections;
        const struct slc_server_config config = {.identity = &net->nodes[k->gateway].identity,
                                                 .registry = net->nodes[k->gateway].registry,
                                                 .random = &net->random};
        slc_server_session_init(k->session, &config, k->connection, net->now);
        push(net,
             (struct mininet_event){.at = net->now + WIRE, .kind = OPENED, .who = index, .connection = k->connection});
    }
    mininet_inside = inside;
}

static void port_disconnect(void *self, uint32_t index)
{
    hang_up(self, &((struct mininet *)self)->client[index]);
}

static void port_arm(void *self, slc_time deadline, uint64_t token)
{
    struct mininet *net = self;
    bool inside = mininet_inside;
    mininet_inside = false;
    push(net, (struct mininet_event){.at = deadline > net->now ? deadline : net->now + 1, .kind = ARM, .token = token});
    mininet_inside = inside;
}

static void deliver(struct mininet *net, const struct slc_client_event *event)
{
    net->delivery_count++;
    if (!net->keep_deliveries) return;
    struct mininet_delivery *d = need(calloc(1, sizeof *d));
    d->index = event->index;
    d->has_tag = event->has_tag;
    d->is_reply = event->is_reply;
    d->at = event->at;
    memcpy(d->tag, event->tag, sizeof d->tag);
    d->len = event->data.len;
    d->data = need(malloc(d->len + 1));
    if (d->len > 0) memcpy(d->data, event->data.data, d->len);
    *net->last_delivery = d;
    net->last_delivery = &d->next;
}

static void port_event(void *self, const struct slc_client_event *event)
{
    struct mininet *net = self;
    struct mininet_client *k = &net->client[event->index];
    bool inside = mininet_inside;
    mininet_inside = false;
    k->ready += event->kind == SLC_CLIENT_READY;
    k->lost += event->kind == SLC_CLIENT_LOST;
    k->failed += event->kind == SLC_CLIENT_FAILED;
    k->sent += event->kind == SLC_CLIENT_SENT;
    k->acked += event->kind == SLC_CLIENT_ACKED;
    k->expired += event->kind == SLC_CLIENT_EXPIRED;
    k->removed += event->kind == SLC_CLIENT_REMOVED;
    if (event->kind == SLC_CLIENT_READY) {
        k->has_key = true;
        memcpy(k->key, event->key, sizeof k->key);
        k->timestamp = event->timestamp;
    }
    if (event->kind == SLC_CLIENT_SENT) k->sent_at = event->at;
    if (event->kind == SLC_CLIENT_EXPIRED) k->status = event->status;
    if (event->kind == SLC_CLIENT_DELIVERED) deliver(net, event);
    mininet_inside = inside;
}

static void port_message_done(void *self, uint8_t *memory)
{
    ((struct mininet *)self)->done_count++;
    free(memory);
}

static uint64_t port_keep(void *self, uint32_t index, const struct slc_client_record *record)
{
    struct mininet *net = self;
    bool inside = mininet_inside;
    mininet_inside = false;
    uint64_t number = net->keep(net->keeper, index, record);
    mininet_inside = inside;
    return number;
}

/* ---- gateways ---- */

static void push_sealed(struct mininet *net, uint32_t index, const uint8_t key[32], const uint8_t *payload, size_t len)
{
    uint8_t *frame = need(malloc(len + SLC_FRAME_OVERHEAD));
    memcpy(frame + SLC_FRAME_HEAD_BYTES, payload, len);
    struct slc_frame_job job = {.key = key, .frame = frame, .len = len, .kind = SLC_FRAME_PUSHED};
    slc_frames_seal(&job, 1, &net->random);
    push(net, (struct mininet_event){.at = net->now + WIRE,
                                     .kind = PUSH,
                                     .who = index,
                                     .connection = net->client[index].connection,
                                     .memory = frame,
                                     .data = frame,
                                     .len = len + SLC_FRAME_OVERHEAD});
}

const uint8_t *mininet_key(const struct mininet *net, uint32_t index)
{
    struct slc_registered *client = slc_server_session_client(net->client[index].session);
    return client == NULL ? NULL : client->key;
}

void mininet_push(struct mininet *net, uint32_t index, const uint8_t *payload, size_t len, bool forge)
{
    static const uint8_t wrong[32] = {1};
    const uint8_t *key = mininet_key(net, index);
    check(key != NULL, "client is not online");
    push_sealed(net, index, forge ? wrong : key, payload, len);
}

static void take_inbox(struct mininet *net, uint32_t index)
{
    struct mininet_client *k = &net->client[index];
    while (k->inbox != NULL) {
        struct mininet_letter *letter = k->inbox;
        k->inbox = letter->next;
        mininet_push(net, index, letter->data, letter->len, false);
        free(letter);
    }
}

static void deliver_payload(struct mininet *net, unsigned gateway, const uint8_t *destination, struct slc_bytes payload)
{
    for (uint32_t i = 0; i < net->client_count; i++) {
        struct slc_recipient recipient;
        if (!slc_clients_has(net->clients, i)) continue;
        slc_clients_recipient(net->clients, i, &recipient);
        if (memcmp(recipient.identity, destination, SLC_IDENTITY_BYTES) != 0) continue;
        struct mininet_client *k = &net->client[i];
        check(k->gateway == gateway, "payload came out at another gateway");
        if (k->connection != 0 && mininet_key(net, i) != NULL) {
            mininet_push(net, i, payload.data, payload.len, false);
            return;
        }
        struct mininet_letter *letter = need(malloc(sizeof *letter + payload.len));
        letter->next = k->inbox;
        letter->len = payload.len;
        memcpy(letter->data, payload.data, payload.len);
        k->inbox = letter;
        return;
    }
}

static void take_server_events(struct mininet *net, uint32_t index)
{
    struct mininet_client *k = &net->client[index];
    while (k->connection != 0) {
        uint8_t text[SLC_SERVER_TEXT_MAX];
        struct slc_writer out = slc_writer(text, sizeof text);
        struct slc_server_event event;
        if (!slc_server_session_next(k->session, &event, &out)) return;
        if (event.kind == SLC_SERVER_SEND) {
            push_copy(
                net,
                (struct mininet_event){.at = net->now + WIRE, .kind = TEXT, .who = index, .connection = k->connection},
                event.text.data, event.text.len);
        }
        if (event.kind == SLC_SERVER_AUTHENTICATED) take_inbox(net, index);
        if (event.kind == SLC_SERVER_DROP) mininet_cut(net, index);
    }
}

/* MININET_NODES: there is none. */
static uint32_t node_at(const struct mininet *net, const struct slc_address *address)
{
    uint32_t i = 0;
    while (i < MININET_NODES && !slc_address_equal(&net->nodes[i].address, address)) {
        i++;
    }
    return i;
}

/* Into the mixnet, with its faults. */
static bool inject(struct mininet *net, const struct slc_address *hop, struct slc_bytes packet, uint8_t rotation)
{
    if (dice(net, net->loss)) return false;
    uint32_t node = node_at(net, hop);
    if (node == MININET_NODES) {
        /* Only a stranger's SURB can lead there. */
        net->astray++;
        return false;
    }
    unsigned copies = dice(net, net->duplicates) ? 2 : 1;
    while (copies-- > 0) {
        slc_time late = net->jitter == 0 ? 0 : slc_random_exponential(&net->random, net->jitter);
        push_copy(
            net,
            (struct mininet_event){.at = net->now + WIRE + late, .kind = PACKET, .who = node, .rotation = rotation},
            packet.data, packet.len);
    }
    return true;
}

/* Each header is of its own; only a SURB that is used again brings one back. */
static void look_for_repeat(struct mininet *net, struct slc_bytes packet)
{
    uint32_t hash, proof, cursor = 0, seen;
    memcpy(&hash, packet.data, sizeof hash);
    memcpy(&proof, packet.data + sizeof hash, sizeof proof);
    proof &= INT32_MAX;
    while ((seen = slc_index_next(&net->alphas, hash, &cursor)) != SLC_NO_PLACE) {
        net->reused += seen == proof;
    }
    check(slc_index_reserve(&net->alphas, net->alphas.used + 1) == SLC_OK, "no memory");
    slc_index_put(&net->alphas, hash, proof);
}

static void record_hop(struct mininet_client *k, uint8_t node)
{
    if (k->hop_count == k->hop_cap) {
        k->hop_cap = k->hop_cap == 0 ? 1024 : k->hop_cap * 2;
        k->hops = need(realloc(k->hops, k->hop_cap));
    }
    k->hops[k->hop_count++] = node;
}

static void take_packet(struct mininet *net, uint32_t index, uint8_t *frame, size_t len)
{
    struct mininet_client *k = &net->client[index];
    const uint8_t *key = mininet_key(net, index);
    if (key == NULL) return;
    struct slc_frame_job job = {.key = key, .frame = frame, .len = len};
    struct slc_mix_packet mix;
    check(slc_frames_open(&job, 1) == SLC_OK, "frame does not authenticate");
    check(slc_mix_packet_parse(job.plaintext, (enum slc_mix_packet_kind)job.kind, &mix) == SLC_OK, "no mix packet");
    net->packets_in++;
    look_for_repeat(net, mix.packet);
    if (net->record_dues) record_hop(k, (uint8_t)node_at(net, &mix.next_hop));
    uint8_t text[SLC_SERVER_TEXT_MAX];
    struct slc_writer out = slc_writer(text, sizeof text);
    enum slc_status status = slc_server_session_charge(k->session, mix.packet.len, unix_now(net), &out);
    push_copy(net,
              (struct mininet_event){.at = net->now + WIRE, .kind = TEXT, .who = index, .connection = k->connection},
              text, out.len);
    if (status == SLC_OK && !inject(net, &mix.next_hop, mix.packet, (uint8_t)mix.rotation)) net->packets_lost++;
}

/* A client's WebSocket frame: masked, 7, 16 or 64 bits of length. */
static void take_frame(struct mininet *net, const struct mininet_event *event)
{
    struct mininet_client *k = &net->client[event->who];
    if (k->connection != event->connection) return;
    uint8_t *at = event->data;
    unsigned opcode = at[0] & 15;
    check((at[0] & 0x80) != 0 && (at[1] & 0x80) != 0, "frame is not final and masked");
    size_t len = at[1] & 127u, head = 2;
    if (len == 126) {
        len = (size_t)at[2] << 8 | at[3];
        head = 4;
    } else {
        check(len < 126, "frame of more than 64 KiB");
    }
    uint8_t *payload = at + head + 4;
    check(head + 4 + len == event->len, "frame of another length");
    for (size_t i = 0; i < len; i++) {
        payload[i] ^= at[head + i % 4];
    }
    if (opcode == SLC_WS_OP_BINARY) {
        take_packet(net, event->who, payload, len);
    } else {
        net->texts_in++;
        slc_server_session_text(k->session, slc_bytes(payload, len), net->now, unix_now(net));
        take_server_events(net, event->who);
    }
}

/* ---- nodes ---- */

static void leave(struct mininet *net, const struct mininet_event *event, const struct slc_open_job *job)
{
    enum slc_packet_size size;
    struct slc_delivery delivery;
    check(slc_packet_size_of(event->len, &size) == SLC_OK, "packet of no size");
    if (slc_delivery_split(&delivery, size, job->plaintext) != SLC_OK) {
        net->unopened++;
        return;
    }
    deliver_payload(net, event->who, job->address, delivery.message);
    if (delivery.ack_packet.len == 0) return;
    if (!inject(net, &delivery.ack_hop, delivery.ack_packet, event->rotation)) net->acks_lost++;
}

static void open_packets(struct mininet *net, struct mininet_event *events, size_t n)
{
    struct slc_open_job jobs[OPEN_BATCH];
    for (size_t i = 0; i < n; i++) {
        /* Without a tag a node tries the key of now first. */
        bool odd = events[i].rotation == SLC_ROTATION_UNKNOWN ? net->rotation_id % 2 == 1
                                                              : events[i].rotation == SLC_ROTATION_ODD;
        jobs[i] = (struct slc_open_job){.node_secret = net->nodes[events[i].who].secret[odd],
                                        .packet = events[i].data,
                                        .packet_bytes = events[i].len};
        net->opened_old += odd != net->rotation_id % 2;
        if (odd != net->rotation_id % 2 && net->now > net->previous_until) net->retired++;
    }
    enum slc_status all = slc_packets_open(net->scratch, jobs, n);
    (void)all;
    for (size_t i = 0; i < n; i++) {
        struct mininet_event *event = &events[i];
        if (jobs[i].status != SLC_OK) {
            net->unopened++;
        } else if (jobs[i].kind == SLC_OPEN_FORWARD) {
            struct slc_reader r = slc_reader(slc_bytes(jobs[i].address, SLC_ADDRESS_BYTES));
            struct slc_address next;
            check(slc_address_read(&r, &next) == SLC_OK, "next hop is no address");
            struct mininet_event on = *event;
            on.at += jobs[i].delay_ns;
            on.who = node_at(net, &next);
            check(on.who < MININET_NODES, "packet for an address that is no node");
            push(net, on);
            continue;
        } else {
            leave(net, event, &jobs[i]);
        }
        free(event->memory);
    }
}

/* ---- time ---- */

static void closed(struct mininet *net, uint32_t index)
{
    mininet_inside = true;
    slc_clients_closed(net->clients, index, SLC_CLOSED, NULL, net->now);
    mininet_inside = false;
}

static void happen(struct mininet *net, const struct mininet_event *event)
{
    struct mininet_client *k = &net->client[event->who];
    bool live = k->connection == event->connection && k->connection != 0;
    mininet_inside = true;
    if (event->kind == OPENED && live) slc_clients_opened(net->clients, event->who, net->now, unix_now(net));
    if (event->kind == CLOSED && k->connection == event->connection) {
        slc_clients_closed(net->clients, event->who, SLC_CLOSED, NULL, net->now);
    }
    if (event->kind == TEXT && live) {
        slc_clients_text(net->clients, event->who, slc_bytes(event->data, event->len), net->now, unix_now(net));
    }
    mininet_inside = false;
    if (event->kind == FRAME && live && k->stalled) {
        hold(k, event);
        return;
    }
    if (event->kind == FRAME) {
        net->slots_out--;
        take_frame(net, event);
    }
    free(event->memory);
}

struct turn {
    struct mininet_event packets[OPEN_BATCH];
    struct mininet_event pushes[FRAME_BATCH];
    uint64_t tokens[TOKEN_BATCH];
    size_t packet_count, push_count, token_count;
};

static void flush(struct mininet *net, struct turn *turn)
{
    struct slc_client_frame frames[FRAME_BATCH];
    size_t n = 0;
    for (size_t i = 0; i < turn->push_count; i++) {
        const struct mininet_event *event = &turn->pushes[i];
        if (net->client[event->who].connection != event->connection) continue;
        frames[n++] = (struct slc_client_frame){.index = event->who, .data = event->data, .len = event->len};
    }
    mininet_inside = true;
    slc_clients_frames(net->clients, frames, n, net->now);
    slc_clients_due(net->clients, turn->tokens, turn->token_count, net->now, unix_now(net));
    mininet_inside = false;
    for (size_t i = 0; i < turn->push_count; i++) {
        free(turn->pushes[i].memory);
    }
    turn->push_count = turn->token_count = 0;
    open_packets(net, turn->packets, turn->packet_count);
    turn->packet_count = 0;
}

static void take_turn(struct mininet *net)
{
    static struct turn turn;
    while (net->heap_len > 0 && net->heap[0].at <= net->now) {
        struct mininet_event event = pop(net);
        if (event.kind == PACKET) {
            turn.packets[turn.packet_count++] = event;
        } else if (event.kind == PUSH) {
            turn.pushes[turn.push_count++] = event;
        } else if (event.kind == ARM) {
            turn.tokens[turn.token_count++] = event.token;
        } else {
            happen(net, &event);
        }
        bool full =
            turn.packet_count == OPEN_BATCH || turn.push_count == FRAME_BATCH || turn.token_count == TOKEN_BATCH;
        bool last = net->heap_len == 0 || net->heap[0].at > net->now;
        if (full || last) flush(net, &turn);
    }
    for (uint32_t i = 0; i < net->client_count; i++) {
        struct mininet_client *k = &net->client[i];
        if (k->connection == 0 || slc_server_session_due(k->session) > net->now) continue;
        slc_server_session_tick(k->session, net->now);
        take_server_events(net, i);
    }
}

void mininet_run(struct mininet *net, slc_time duration)
{
    slc_time end = net->now + duration;
    bool again = true; /* what was handed in since the last run */
    while (net->now < end) {
        mininet_inside = true;
        if (again) again = slc_clients_run(net->clients, net->now, unix_now(net));
        mininet_inside = false;
        slc_time next = net->heap_len == 0 || again ? net->now + net->step : net->heap[0].at;
        next = (next + net->step - 1) / net->step * net->step;
        if (next <= net->now) next = net->now + net->step;
        if (next > end) {
            net->now = end;
            return;
        }
        net->now = next;
        take_turn(net);
        again = true;
    }
}

static bool all_ready(const struct mininet *net)
{
    return slc_clients_ready(net->clients) == net->client_count;
}

void mininet_ready(struct mininet *net)
{
    for (unsigned i = 0; i < 6000 && !all_ready(net); i++) {
        mininet_run(net, 10 * SLC_MILLISECOND);
    }
    check(all_ready(net), "clients do not become ready");
}

/* ---- making ---- */

static void make_nodes(struct mininet *net)
{
    for (unsigned i = 0; i < MININET_NODES; i++) {
        struct mininet_node *node = &net->nodes[i];
        uint8_t seed[32];
        slc_random_bytes(&net->random, seed, sizeof seed);
        slc_identity_from_seed(&node->identity, seed);
        slc_random_bytes(&net->random, node->secret, sizeof node->secret);
        node->address = (struct slc_address){.version = 4, .ip = {127, 0, 0, 1}, .port = (uint16_t)(1000 + i)};
        if (i < MININET_MIXES) continue;
        check(slc_registry_new(&node->registry, net->max_clients) == SLC_OK, "registry");
    }
}

static int64_t directory_unix(const struct mininet *net)
{
    return MININET_UNIX + (int64_t)(net->now / SLC_SECOND);
}

static void make_topology(struct mininet *net)
{
    struct slc_node_details details[MININET_NODES] = {0};
    size_t count = 0;
    for (uint32_t i = 0; i < MININET_NODES; i++) {
        if (net->hidden[i]) continue;
        struct slc_node *node = &details[count].node;
        const struct mininet_node *from = &net->nodes[i];
        bool gateway = i >= MININET_MIXES;
        node->id = i + 1;
        memcpy(node->identity, from->identity.public_key, SLC_IDENTITY_BYTES);
        slc_public_key(node->sphinx_key, from->secret[net->rotation_id % 2]);
        node->mix = from->address;
        node->mixnode = !gateway;
        node->entry = node->exit_nr = node->has_entry = gateway;
        node->ws = from->address;
        details[count++].performance = 100;
    }
    static const uint32_t ids[] = {1, 2, 3, 4, 5};
    const size_t each = net->wide ? MININET_MIXES : 1;
    static const uint32_t odd_pair[] = {1, MININET_NODES};
    const uint32_t *first = net->gateway_mixes ? odd_pair : ids;
    const struct slc_rewarded_set set = {.layer = {first, &ids[net->wide ? 0 : 1], &ids[net->wide ? 0 : 2]},
                                         .layer_count = {net->gateway_mixes ? 2 : each, each, each},
                                         .entry = &ids[MININET_MIXES],
                                         .entry_count = MININET_NODES - MININET_MIXES};
    struct slc_error error = {0};
    slc_topology_release(net->topology);
    enum slc_status status =
        slc_topology_new(&net->topology, details, count, &set, net->rotation_id, net->epoch_id, &error);
    check(status == SLC_OK, error.text);
    if (net->info.validity_epochs > 0) net->topology->refreshed_at = directory_unix(net);
    slc_clients_set_topology(net->clients, net->topology, net->info.validity_epochs > 0 ? &net->info : NULL);
}

static void new_keys(struct mininet *net, uint32_t rotation_id, slc_time overlap)
{
    net->rotation_id = rotation_id;
    net->previous_until = net->now + overlap;
    for (unsigned i = 0; i < MININET_NODES; i++) {
        slc_random_bytes(&net->random, net->nodes[i].secret[rotation_id % 2], SLC_KEY_BYTES);
    }
}

void mininet_rotate(struct mininet *net)
{
    new_keys(net, net->rotation_id + 1, 3600 * SLC_SECOND);
    make_topology(net);
}

void mininet_epochs(struct mininet *net, uint32_t epoch_seconds, uint32_t validity)
{
    net->info = (struct slc_rotation_info){.validity_epochs = validity,
                                           .initial_epoch = net->epoch_id - (uint64_t)net->rotation_id * validity,
                                           .current_epoch = net->epoch_id,
                                           .epoch_start = directory_unix(net),
                                           .epoch_seconds = epoch_seconds};
    make_topology(net);
}

void mininet_turn(struct mininet *net)
{
    const struct slc_rotation_info *info = &net->info;
    if (net->stuck) return;
    uint64_t passed = (uint64_t)(directory_unix(net) - info->epoch_start) / info->epoch_seconds;
    net->epoch_id = info->current_epoch + passed;
    uint32_t rotation_id = slc_rotation_id(net->epoch_id, info->initial_epoch, info->validity_epochs);
    if (rotation_id != net->rotation_id) new_keys(net, rotation_id, info->epoch_seconds * SLC_SECOND);
}

void mininet_refresh(struct mininet *net)
{
    if (net->info.validity_epochs > 0) mininet_turn(net);
    make_topology(net);
}

void mininet_run_refreshed(struct mininet *net, slc_time duration, slc_time period)
{
    for (slc_time end = net->now + duration; net->now < end;) {
        mininet_run(net, end - net->now < period ? end - net->now : period);
        mininet_refresh(net);
    }
}

static void add_client(struct mininet *net, uint32_t number)
{
    struct mininet_client *k = &net->client[number];
    struct slc_client_setup setup = {
        .keys = k->keys, .shared_key = k->has_key ? k->key : NULL, .last_timestamp = k->timestamp};
    memcpy(setup.gateway, net->nodes[k->gateway].identity.public_key, SLC_IDENTITY_BYTES);
    uint32_t index;
    check(slc_clients_add(net->clients, &setup, net->now, &index) == SLC_OK, "no client more");
    check(index == number, "clients are numbered in order");
}

static void make_client(struct mininet *net)
{
    struct mininet_client *k = &net->client[net->client_count];
    k->gateway = MININET_MIXES + (unsigned)net->client_count % (MININET_NODES - MININET_MIXES);
    k->session = need(calloc(1, slc_server_session_bytes()));
    slc_client_keys_generate(&k->keys, &net->random);
    add_client(net, (uint32_t)net->client_count++);
}

static void make_clients(struct mininet *net, size_t batch)
{
    const struct slc_clients_config config = {.traffic = &net->traffic,
                                              .random = &net->client_random,
                                              .max_clients = net->max_clients,
                                              .batch = batch,
                                              .port = {.self = net,
                                                       .slot = port_slot,
                                                       .slot_drop = port_slot_drop,
                                                       .send = port_send,
                                                       .waiting = port_waiting,
                                                       .connect = port_connect,
                                                       .disconnect = port_disconnect,
                                                       .arm = port_arm,
                                                       .event = port_event,
                                                       .message_done = port_message_done,
                                                       .keep = net->keep == NULL ? NULL : port_keep}};
    check(slc_clients_new(&net->clients, &config) == SLC_OK, "clients");
}

static struct mininet *make_net(uint64_t seed, size_t clients, const struct slc_traffic *traffic)
{
    struct mininet *net = need(calloc(1, sizeof *net));
    slc_random_from_number(&net->random, seed, 0);
    slc_random_from_number(&net->client_random, seed, 1);
    slc_traffic_default(&net->traffic);
    if (traffic != NULL) net->traffic = *traffic;
    net->now = SLC_SECOND;
    net->step = SLC_MILLISECOND;
    net->rotation_id = 7;
    net->epoch_id = 1000;
    net->max_clients = clients;
    net->keep_deliveries = true;
    net->last_delivery = &net->first_delivery;
    net->client = need(calloc(clients, sizeof *net->client));
    check(slc_sphinx_scratch_new(&net->scratch, OPEN_BATCH) == SLC_OK, "scratch");
    return net;
}

static void populate(struct mininet *net, size_t batch)
{
    make_clients(net, batch);
    make_nodes(net);
    make_topology(net);
    for (size_t i = 0; i < net->max_clients; i++) {
        make_client(net);
    }
}

struct mininet *mininet_new(uint64_t seed, size_t clients, const struct slc_traffic *traffic, size_t batch)
{
    struct mininet *net = make_net(seed, clients, traffic);
    populate(net, batch);
    return net;
}

struct mininet *mininet_new_kept(uint64_t seed, size_t clients, const struct slc_traffic *traffic,
                                 uint64_t (*keep)(void *, uint32_t, const struct slc_client_record *), void *keeper)
{
    struct mininet *net = make_net(seed, clients, traffic);
    net->keep = keep;
    net->keeper = keeper;
    populate(net, 256);
    return net;
}

void mininet_crash(struct mininet *net, void (*restore)(void *self, struct mininet *net), void *self)
{
    for (uint32_t i = 0; i < net->client_count; i++) {
        hang_up(net, &net->client[i]);
    }
    slc_clients_free(net->clients);
    make_clients(net, 256);
    make_topology(net);
    for (uint32_t i = 0; i < net->client_count; i++) {
        add_client(net, i);
    }
    if (restore != NULL) restore(self, net);
}

void mininet_free(struct mininet *net)
{
    slc_clients_free(net->clients);
    for (struct mininet_delivery *d; (d = mininet_next(net)) != NULL;) {
        mininet_forget(d);
    }
    for (size_t i = 0; i < net->heap_len; i++) {
        free(net->heap[i].memory);
    }
    for (size_t i = 0; i < net->client_count; i++) {
        hang_up(net, &net->client[i]);
        free(net->client[i].session);
        free(net->client[i].dues);
        free(net->client[i].hops);
        while (net->client[i].inbox != NULL) {
            struct mininet_letter *letter = net->client[i].inbox;
            net->client[i].inbox = letter->next;
            free(letter);
        }
    }
    for (unsigned i = MININET_MIXES; i < MININET_NODES; i++) {
        slc_registry_free(net->nodes[i].registry);
    }
    slc_topology_release(net->topology);
    slc_sphinx_scratch_free(net->scratch);
    slc_index_free(&net->alphas);
    free(net->heap);
    free(net->client);
    free(net);
}

/* ---- messages ---- */

static enum slc_status hand_in(struct mininet *net, struct slc_outgoing *out, const uint8_t *data, size_t len)
{
    out->offset = slc_outgoing_head(out->reply, out->anonymous, out->surbs);
    out->len = len;
    out->memory = need(malloc(out->offset + len + 1));
    if (len > 0) memcpy(out->memory + out->offset, data, len);
    mininet_inside = true;
    enum slc_status status = slc_clients_send(net->clients, out, net->now);
    mininet_inside = false;
    if (status != SLC_OK) free(out->memory);
    return status;
}

enum slc_status mininet_send(struct mininet *net, uint32_t from, uint32_t to, uint64_t token, const uint8_t *data,
                             size_t len, bool anonymous, uint32_t surbs)
{
    struct slc_outgoing out = {.index = from, .token = token, .anonymous = anonymous, .surbs = surbs};
    slc_clients_recipient(net->clients, to, &out.recipient);
    return hand_in(net, &out, data, len);
}

enum slc_status mininet_reply(struct mininet *net, uint32_t from, const uint8_t tag[SLC_SENDER_TAG_BYTES],
                              uint64_t token, const uint8_t *data, size_t len)
{
    struct slc_outgoing out = {.index = from, .token = token, .reply = true};
    memcpy(out.tag, tag, sizeof out.tag);
    return hand_in(net, &out, data, len);
}

struct mininet_delivery *mininet_next(struct mininet *net)
{
    struct mininet_delivery *d = net->first_delivery;
    if (d == NULL) return NULL;
    net->first_delivery = d->next;
    if (net->first_delivery == NULL) net->last_delivery = &net->first_delivery;
    return d;
}

void mininet_forget(struct mininet_delivery *delivery)
{
    free(delivery->data);
    free(delivery);
}

void mininet_cut(struct mininet *net, uint32_t index)
{
    hang_up(net, &net->client[index]);
    closed(net, index);
}

void mininet_stall(struct mininet *net, uint32_t index, bool on)
{
    struct mininet_client *k = &net->client[index];
    k->stalled = on;
    while (!on && k->held != NULL) {
        struct mininet_held *held = k->held;
        k->held = held->next;
        held->event.at = net->now;
        push(net, held->event);
        free(held);
    }
    if (!on) k->waiting = 0;
}
