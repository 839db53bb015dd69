/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/runtime/runtime.h"
#include "net/gateway/frame.h"
#include "net/wire/websocket.h"

_Thread_local bool mininet_inside;

#define WIRE SLC_MILLISECOND /* one way, each wire */
void mininet_check(bool condition, const char *what)
{
    if (condition) return;
    (void)fprintf(stderr, "mininet: %s\n", what);
    abort();
}

void *mininet_need(void *memory)
{
    mininet_check(memory != NULL, "no memory");
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
        net->heap = mininet_need(realloc(net->heap, net->heap_cap * sizeof *net->heap));
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
    event.memory = event.data = mininet_need(malloc(len + 1));
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
    uint8_t *slot = mininet_need(aligned_alloc(64, (SLC_SLOT_HEAD + bytes + 63) & ~(size_t)63));
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
        k->dues = mininet_need(realloc(k->dues, k->due_cap * sizeof *k->dues));
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
    mininet_check(data >= slot && data + len <= slot + SLC_SLOT_HEAD + SLC_LARGEST_PACKET_BYTES + 16,
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
    struct mininet_held *held = mininet_need(malloc(sizeof *held)), **at = &k->held;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *held = (struct mininet_held){.event = *event};
    *at = held;
    k->waiting++;
}

void mininet_hang_up(struct mininet *net, struct mininet_client *k)
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
    mininet_check(memcmp(gateway->identity, net->nodes[k->gateway].identity.public_key, SLC_IDENTITY_BYTES) == 0,
                  "wrong gateway");
    mininet_hang_up(net, k);
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
    mininet_hang_up(self, &((struct mininet *)self)->client[index]);
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
    struct mininet_delivery *d = mininet_need(calloc(1, sizeof *d));
    d->index = event->index;
    d->has_tag = event->has_tag;
    d->is_reply = event->is_reply;
    d->at = event->at;
    memcpy(d->tag, event->tag, sizeof d->tag);
    d->len = event->data.len;
    d->data = mininet_need(malloc(d->len + 1));
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

struct slc_client_port mininet_port(struct mininet *net)
{
    return (struct slc_client_port){.self = net,
                                    .slot = port_slot,
                                    .slot_drop = port_slot_drop,
                                    .send = port_send,
                                    .waiting = port_waiting,
                                    .connect = port_connect,
                                    .disconnect = port_disconnect,
                                    .arm = port_arm,
                                    .event = port_event,
                                    .message_done = port_message_done,
                                    .keep = net->keep == NULL ? NULL : port_keep};
}

/* ---- gateways ---- */

static void push_sealed(struct mininet *net, uint32_t index, const uint8_t key[32], const uint8_t *payload, size_t len)
{
    uint8_t *frame = mininet_need(malloc(len + SLC_FRAME_OVERHEAD));
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
    mininet_check(key != NULL, "client is not online");
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
        mininet_check(k->gateway == gateway, "payload came out at another gateway");
        if (k->connection != 0 && mininet_key(net, i) != NULL) {
            mininet_push(net, i, payload.data, payload.len, false);
            return;
        }
        struct mininet_letter *letter = mininet_need(malloc(sizeof *letter + payload.len));
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
    mininet_check(slc_index_reserve(&net->alphas, net->alphas.used + 1) == SLC_OK, "no memory");
    slc_index_put(&net->alphas, hash, proof);
}

static void record_hop(struct mininet_client *k, uint8_t node)
{
    if (k->hop_count == k->hop_cap) {
        k->hop_cap = k->hop_cap == 0 ? 1024 : k->hop_cap * 2;
        k->hops = mininet_need(realloc(k->hops, k->hop_cap));
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
    mininet_check(slc_frames_open(&job, 1) == SLC_OK, "frame does not authenticate");
    mininet_check(slc_mix_packet_parse(job.plaintext, (enum slc_mix_packet_kind)job.kind, &mix) == SLC_OK,
                  "no mix packet");
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
    mininet_check((at[0] & 0x80) != 0 && (at[1] & 0x80) != 0, "frame is not final and masked");
    size_t len = at[1] & 127u, head = 2;
    if (len == 126) {
        len = (size_t)at[2] << 8 | at[3];
        head = 4;
    } else {
        mininet_check(len < 126, "frame of more than 64 KiB");
    }
    uint8_t *payload = at + head + 4;
    mininet_check(head + 4 + len == event->len, "frame of another length");
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
    mininet_check(slc_packet_size_of(event->len, &size) == SLC_OK, "packet of no size");
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
            mininet_check(slc_address_read(&r, &next) == SLC_OK, "next hop is no address");
            struct mininet_event on = *event;
            on.at += jobs[i].delay_ns;
            on.who = node_at(net, &next);
            mininet_check(on.who < MININET_NODES, "packet for an address that is no node");
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
    mininet_check(all_ready(net), "clients do not become ready");
}

/* ---- messages ---- */

static enum slc_status hand_in(struct mininet *net, struct slc_outgoing *out, const uint8_t *data, size_t len)
{
    out->offset = slc_outgoing_head(out->reply, out->anonymous, out->surbs);
    out->len = len;
    out->memory = mininet_need(malloc(out->offset + len + 1));
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
    mininet_hang_up(net, &net->client[index]);
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
