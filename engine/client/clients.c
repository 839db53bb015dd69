/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/client/client_internal.h"

#include <stdlib.h>

#include "crypto/base/secret.h"

/* Clients' lives from adding to leaving, deadlines, and the run that looks at those who have something to do. */

#define SWEEP_PERIOD (10 * SLC_SECOND)

/* ---- making ---- */

/* Enough for the cover that is on its way at a time, with room for slow hops. */
static uint16_t cover_ring_entries(const struct slc_traffic *t)
{
    double rate = slc_traffic_slots_per_second(t);
    slc_time loop_mean = slc_traffic_loop_mean(t);
    if (loop_mean > 0) rate += (double)SLC_SECOND / (double)loop_mean;
    double flight = 0.1 + 6.0 * (double)t->hop_delay / (double)SLC_SECOND;
    uint16_t entries = 8;
    while (entries < rate * flight && entries < 256) {
        entries = (uint16_t)(entries * 2);
    }
    return entries;
}

static enum slc_status make_parts(struct slc_clients *c)
{
    c->clients = calloc(c->max_clients, sizeof *c->clients);
    c->active = calloc(c->max_clients, sizeof *c->active);
    c->keys = calloc((c->max_clients + KEYS_PER_BLOCK - 1) / KEYS_PER_BLOCK, sizeof(struct slc_client_keys *));
    c->plans = calloc(c->batch, sizeof *c->plans);
    if (c->clients == NULL || c->active == NULL || c->keys == NULL || c->plans == NULL) return SLC_NO_MEMORY;
    enum slc_status status = slc_key_tables_new(&c->tables);
    if (status == SLC_OK) status = slc_builder_new(c);
    if (status == SLC_OK) status = slc_surb_maker_new(c);
    if (status == SLC_OK) status = slc_receiver_new(c);
    return status;
}

enum slc_status slc_clients_new(struct slc_clients **clients, const struct slc_clients_config *config)
{
    *clients = NULL;
    size_t packet_bytes = slc_packet_bytes(config->traffic->size);
    size_t secondary_bytes = slc_packet_bytes(config->traffic->secondary_size);
    if (secondary_bytes > packet_bytes) packet_bytes = secondary_bytes;
    enum slc_status sound = slc_traffic_check(config->traffic, NULL);
    if (sound != SLC_OK || config->max_clients == 0 || config->batch == 0) return SLC_BAD_ARGUMENT;
    struct slc_clients *c = calloc(1, sizeof *c);
    if (c == NULL) return SLC_NO_MEMORY;
    c->traffic = config->traffic;
    c->port = config->port;
    c->random = config->random;
    c->max_clients = config->max_clients;
    slc_look_ahead_start(&c->look_ahead, c->traffic->look_ahead_min, c->traffic->look_ahead);
    /* Large packets fill lanes sooner; their plaintexts would fill memory. */
    size_t most = ((size_t)8 << 20) / packet_bytes;
    c->batch = config->batch < most ? config->batch : most;
    c->cover_ring = cover_ring_entries(config->traffic);
    c->connect_first = c->connect_last = SLC_NO_PLACE;
    c->queues = config->queues;
    enum slc_status status = make_parts(c);
    if (status != SLC_OK) {
        slc_clients_free(c);
        return status;
    }
    *clients = c;
    return SLC_OK;
}

static void free_client(struct slc_clients *c, struct client *k)
{
    if (!k->used) return;
    slc_replies_free(c, k);
    slc_foreign_less(c, k, k->foreign);
    slc_pending_free(&k->pending);
    slc_reassembly_free(k->reassembly);
    /* It may hold a key before it ever connected. */
    slc_gateway_client_drop(k->session);
    free(k->session);
    free(k->cover_keys);
    free(k->held);
    free(k->statistics);
}

void slc_clients_free(struct slc_clients *c)
{
    if (c == NULL) return;
    slc_messages_free(c);
    for (size_t i = 0; i < c->count; i++) {
        free_client(c, &c->clients[i]);
    }
    slc_surbs_discard(c);
    for (size_t i = 0; c->keys != NULL && i < c->count; i += KEYS_PER_BLOCK) {
        slc_guarded_free(c->keys[i / KEYS_PER_BLOCK]);
    }
    for (size_t i = 0; i < c->gateway_count; i++) {
        free(c->gateways[i]);
    }
    slc_lane_pool_free(&c->lane_pool);
    slc_receiver_free(c->receiver);
    slc_surb_maker_free(c->surb_maker);
    slc_builder_free(c->builder);
    slc_key_tables_free(c->tables);
    slc_rotation_free(c);
    slc_topology_release(c->topology);
    free(c->gateways);
    free(c->plans);
    free(c->keys);
    free(c->active);
    free(c->clients);
    free(c);
}

/* ---- adding ---- */

static enum slc_status gateway_of(struct slc_clients *c, const uint8_t identity[SLC_IDENTITY_BYTES], uint32_t *place)
{
    for (size_t i = 0; i < c->gateway_count; i++) {
        *place = (uint32_t)i;
        if (memcmp(c->gateways[i]->identity, identity, SLC_IDENTITY_BYTES) == 0) return SLC_OK;
    }
    struct client_gateway **grown = realloc(c->gateways, (c->gateway_count + 1) * sizeof *grown);
    if (grown == NULL) return SLC_NO_MEMORY;
    c->gateways = grown;
    struct client_gateway *gateway = calloc(1, sizeof *gateway);
    if (gateway == NULL) return SLC_NO_MEMORY;
    memcpy(gateway->identity, identity, SLC_IDENTITY_BYTES);
    *place = (uint32_t)c->gateway_count;
    c->gateways[c->gateway_count++] = gateway;
    return SLC_OK;
}

static struct slc_client_keys *keys_for(struct slc_clients *c, size_t index)
{
    struct slc_client_keys **block = &c->keys[index / KEYS_PER_BLOCK];
    if (*block == NULL) *block = slc_guarded_new(KEYS_PER_BLOCK * sizeof **block);
    return *block == NULL ? NULL : &(*block)[index % KEYS_PER_BLOCK];
}

/* ---- another topology ---- */

/* After a change of the topology. */
static void look_for_gateway(struct slc_clients *c, struct client *k)
{
    bool waited = slc_session_waits(k);
    k->own = slc_client_node(c, c->gateways[k->gateway]->identity);
    if (k->own != NULL) k->give_up = SLC_NEVER;
    if (k->failed || k->leaving || slc_session_waits(k) == waited) return;
    if (!waited) {
        slc_session_tell_waiting(c, k, c->now);
    } else if (k->started) {
        slc_client_activate(c, k);
    } else {
        slc_session_queue(c, k);
    }
}

void slc_clients_set_topology(struct slc_clients *c, struct slc_topology *topology,
                              const struct slc_rotation_info *info)
{
    c->snapshot++;
    c->blind = topology == NULL;
    if (info != NULL) c->info = *info;
    if (topology != NULL) {
        struct slc_topology *before = c->topology;
        c->topology = slc_topology_hold(topology);
        slc_rotation_refreshed(c, before);
        slc_topology_release(before);
    }
    for (size_t i = 0; i < c->count; i++) {
        if (c->clients[i].used) look_for_gateway(c, &c->clients[i]);
    }
}

enum slc_status slc_clients_add_at(struct slc_clients *c, const struct slc_client_setup *setup, slc_time now,
                                   uint32_t index)
{
    if (index >= c->max_clients || c->clients[index].used) return SLC_BAD_ARGUMENT;
    const struct slc_node *own = slc_client_node(c, setup->gateway);
    if (own == NULL && setup->gateway_wait == 0) return SLC_NO_ROUTE;
    struct client *k = &c->clients[index];
    enum slc_status status = gateway_of(c, setup->gateway, &k->gateway);
    if (status != SLC_OK) return status;
    struct slc_client_keys *keys = keys_for(c, index);
    k->session = calloc(1, slc_gateway_client_bytes());
    if (keys == NULL || k->session == NULL || !slc_statistics_begin(c, k)) {
        free(k->statistics);
        k->statistics = NULL;
        free(k->session);
        k->session = NULL;
        return SLC_NO_MEMORY;
    }
    *keys = setup->keys;
    k->keys = keys;
    slc_session_init(c, k, setup->shared_key, setup->last_timestamp, now);
    k->used = true;
    k->own = own;
    k->has_key = setup->shared_key != NULL;
    k->armed = SLC_NEVER;
    k->retry_first = k->retry_last = SLC_NO_PLACE;
    slc_pace_start(&k->pace, now);
    slc_send_draw_cover(c, k);
    slc_schedule_stop(&k->main);
    slc_schedule_stop(&k->loop);
    slc_pending_init(&k->pending, c->traffic->max_pending, slc_random_u64(c->random));
    if (c->count <= index) c->count = index + 1;
    c->used++;
    k->give_up = SLC_NEVER;
    if (own != NULL) {
        slc_session_queue(c, k);
    } else {
        if (setup->gateway_wait < SLC_NEVER - now) k->give_up = now + setup->gateway_wait;
        slc_session_tell_waiting(c, k, now);
        slc_client_activate(c, k);
    }
    return SLC_OK;
}

enum slc_status slc_clients_add(struct slc_clients *c, const struct slc_client_setup *setup, slc_time now,
                                uint32_t *index)
{
    if (c->count == c->max_clients) return SLC_FULL;
    *index = (uint32_t)c->count;
    return slc_clients_add_at(c, setup, now, *index);
}

bool slc_clients_has(const struct slc_clients *c, uint32_t index)
{
    return index < c->count && c->clients[index].used;
}

const struct slc_node *slc_clients_gateway(const struct slc_clients *c, uint32_t index)
{
    return c->clients[index].own;
}

size_t slc_clients_count(const struct slc_clients *c)
{
    return c->used;
}

void slc_clients_recipient(const struct slc_clients *c, uint32_t index, struct slc_recipient *recipient)
{
    const struct client *k = &c->clients[index];
    memcpy(recipient->identity, k->keys->identity.public_key, SLC_IDENTITY_BYTES);
    memcpy(recipient->encryption_key, k->keys->encryption_key, SLC_KEY_BYTES);
    memcpy(recipient->gateway, c->gateways[k->gateway]->identity, SLC_IDENTITY_BYTES);
}

/* ---- leaving ---- */

void slc_client_activate(struct slc_clients *c, struct client *k)
{
    if (k->active) return;
    k->active = true;
    c->active[c->active_count++] = slc_client_index(c, k);
}

void slc_client_event(struct slc_clients *c, const struct client *k, struct slc_client_event *event)
{
    event->index = slc_client_index(c, k);
    if (c->port.event != NULL) c->port.event(c->port.self, event);
}

/* What others may still hold of it recognises it: the generation of its alarms, its places in lists of clients. */
void slc_client_vacate(struct slc_clients *c, struct client *k, slc_time now)
{
    uint32_t index = slc_client_index(c, k);
    slc_session_stop(c, k);
    c->port.disconnect(c->port.self, index);
    slc_messages_expire_all(c, k, SLC_CLOSED);
    slc_client_event(c, k, &(struct slc_client_event){.kind = SLC_CLIENT_REMOVED, .at = now});
    free_client(c, k);
    slc_wipe(&c->keys[index / KEYS_PER_BLOCK][index % KEYS_PER_BLOCK], sizeof **c->keys);
    *k = (struct client){.generation = k->generation + 1,
                         .active = k->active,
                         .waits_connect = k->waits_connect,
                         .next_connect = k->next_connect,
                         .armed = SLC_NEVER};
    if (c->queues != NULL) __atomic_store_n(&c->queues[index], 0, __ATOMIC_RELAXED);
    c->used--;
}

static void leave(struct slc_clients *c, struct client *k, slc_time now)
{
    const struct slc_traffic *t = c->traffic;
    bool forget = t->forget_client || t->forget_stats;
    const struct slc_control farewell = {.kind = forget ? SLC_CONTROL_FORGET_ME : SLC_CONTROL_REMEMBER_ME,
                                         .client = t->forget_client,
                                         .stats = t->forget_stats,
                                         .session = t->session_type};
    slc_schedule_stop(&k->main);
    slc_schedule_stop(&k->loop);
    k->leaving = true;
    slc_keep_settle(c, k);
    if (k->ready && (forget || t->remember_stats)) {
        slc_gateway_client_leave(k->session, &farewell, now);
        slc_session_take_events(c, k, now);
    } else {
        slc_client_vacate(c, k, now);
    }
}

void slc_clients_leave(struct slc_clients *c, uint32_t index, slc_time now)
{
    if (index >= c->count || !c->clients[index].used || c->clients[index].leaving) return;
    c->now = now;
    slc_messages_expire_all(c, &c->clients[index], SLC_CLOSED);
    leave(c, &c->clients[index], now);
}

void slc_clients_leave_all(struct slc_clients *c, slc_time now)
{
    c->now = now;
    slc_messages_expire_all(c, NULL, SLC_CLOSED);
    for (size_t i = 0; i < c->count; i++) {
        struct client *k = &c->clients[i];
        if (k->used && !k->leaving) leave(c, k, now);
    }
}

/* ---- deadlines ---- */

static slc_time earlier(slc_time a, slc_time b)
{
    return a < b ? a : b;
}

static slc_time next_deadline(struct slc_clients *c, struct client *k)
{
    if (!k->used) return SLC_NEVER;
    if (slc_session_waits(k) && !k->leaving) return k->give_up;
    slc_time session = k->started && !k->waits_connect ? slc_gateway_client_due(k->session) : SLC_NEVER;
    if (!k->ready || k->leaving) return session;
    slc_time due = earlier(session, slc_schedule_wake(k->loop.next, c->look_ahead.value));
    due = earlier(due, slc_send_due(c, k));
    due = earlier(due, slc_statistics_due(k));
    return earlier(due, slc_reply_due(k));
}

static void arm(struct slc_clients *c, struct client *k)
{
    slc_time deadline = next_deadline(c, k);
    if (deadline >= k->armed) return;
    k->armed = deadline;
    k->generation++;
    c->port.arm(c->port.self, deadline, (uint64_t)k->generation << 32 | slc_client_index(c, k));
}

void slc_clients_due(struct slc_clients *c, const uint64_t *tokens, size_t n, slc_time now, uint64_t unix_now)
{
    (void)now;
    (void)unix_now;
    for (size_t i = 0; i < n; i++) {
        uint32_t index = (uint32_t)tokens[i];
        if (index >= c->count) continue;
        struct client *k = &c->clients[index];
        if (k->generation != tokens[i] >> 32) continue;
        k->armed = SLC_NEVER;
        slc_client_activate(c, k);
    }
}

/* ---- the run ---- */

/* False: out of slots. */
static bool look_at(struct slc_clients *c, struct client *k, slc_time now, uint64_t unix_now)
{
    if (k->used) slc_session_tick(c, k, now, unix_now);
    if (!k->used || k->leaving) return k->held == NULL;
    slc_send_overdue(c, k, now);
    if (slc_reply_due(k) <= now) slc_reply_check(c, k, now);
    if (k->ready && now - k->swept >= SWEEP_PERIOD) {
        slc_receive_sweep(c, k, now);
        slc_messages_expire_stale(c, k, now);
        k->swept = now;
    }
    if (slc_statistics_due(k) <= now) slc_statistics_report(c, k, now);
    return slc_send_plan(c, k, now) && k->held == NULL;
}

bool slc_clients_run(struct slc_clients *c, slc_time now, uint64_t unix_now)
{
    c->now = now;
    c->unix_offset = (int64_t)unix_now - (int64_t)(now / SLC_SECOND);
    slc_look_ahead_turn(&c->look_ahead, c->planned, c->late, now);
    c->planned = 0;
    c->late = c->refused = false;
    slc_rotation_run(c, now);
    slc_session_let_connect(c, now, unix_now);
    slc_surbs_make(c);
    size_t looked = 0;
    bool starved = false;
    while (looked < c->active_count && !starved) {
        starved = !look_at(c, &c->clients[c->active[looked]], now, unix_now);
        if (!starved) looked++;
    }
    slc_build(c);
    for (size_t i = 0; i < looked; i++) {
        struct client *k = &c->clients[c->active[i]];
        k->active = false;
        if (c->queues != NULL) __atomic_store_n(&c->queues[c->active[i]], (uint32_t)k->queued, __ATOMIC_RELAXED);
        arm(c, k);
    }
    c->active_count -= looked;
    memmove(c->active, c->active + looked, c->active_count * sizeof *c->active);
    if (starved && c->active_count > 1) {
        /* Whoever used up the turn comes last in the next. */
        uint32_t last = c->active[0];
        memmove(c->active, c->active + 1, (c->active_count - 1) * sizeof *c->active);
        c->active[c->active_count - 1] = last;
    }
    return starved;
}

/* ---- numbers ---- */

size_t slc_clients_queue(const struct slc_clients *c, uint32_t index)
{
    return c->clients[index].queued;
}

const struct slc_client_counters *slc_clients_counters(const struct slc_clients *c)
{
    return &c->counters;
}

const struct slc_client_counters *slc_clients_gateway_counters(const struct slc_clients *c,
                                                               const uint8_t gateway[SLC_IDENTITY_BYTES])
{
    for (size_t i = 0; i < c->gateway_count; i++) {
        if (memcmp(c->gateways[i]->identity, gateway, SLC_IDENTITY_BYTES) == 0) return &c->gateways[i]->counters;
    }
    return NULL;
}

size_t slc_clients_ready(const struct slc_clients *c)
{
    return c->ready;
}

static size_t client_memory(const struct slc_clients *c, const struct client *k)
{
    size_t bytes = sizeof *k + sizeof *k->keys + slc_gateway_client_bytes() + slc_pending_memory(&k->pending);
    if (k->statistics != NULL) bytes += sizeof *k->statistics;
    if (k->cover_keys != NULL) bytes += c->cover_ring * sizeof *k->cover_keys;
    if (k->reassembly != NULL) {
        size_t sets, held;
        slc_reassembly_held(k->reassembly, &sets, &held);
        bytes += held;
    }
    return bytes + slc_replies_memory(k->replies);
}

size_t slc_clients_memory(const struct slc_clients *c)
{
    size_t bytes = sizeof *c + c->max_clients * sizeof *c->active + c->batch * sizeof *c->plans;
    for (size_t i = 0; i < c->count; i++) {
        if (c->clients[i].used) bytes += client_memory(c, &c->clients[i]);
    }
    bytes += slc_lane_pool_memory(&c->lane_pool);
    return bytes + slc_messages_memory(c) + slc_builder_memory(c->builder) + slc_surb_maker_memory(c->surb_maker) +
           slc_receiver_memory(c->receiver) + slc_key_tables_memory(c->tables);
}
