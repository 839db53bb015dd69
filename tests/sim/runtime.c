/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world_internal.h"

#include <stdlib.h>
#include <string.h>

/* engine/runtime/runtime.h in virtual time: workers that take turns, timers on the real wheel, rings of real sizes. */

enum { COMMANDS = 4096, EVENTS = 16384, PASSES = 8192, NOTES = 64 };

/* ---- making ---- */

static size_t ring_size(size_t real)
{
    return sim.config.ring_entries > 0 ? sim.config.ring_entries : real;
}

static struct slc_worker *worker_new(struct slc_runtime *r, unsigned index, const struct slc_role *role)
{
    struct slc_worker *w = aligned_alloc(64, (sizeof *w + 63) & ~(size_t)63);
    if (w == NULL) return NULL;
    memset(w, 0, sizeof *w);
    r->worker[index] = w;
    w->runtime = r;
    w->index = index;
    w->role = *role;
    w->turn_at = SLC_NEVER;
    w->left = (struct slots_left){r->config.small_slots, r->config.large_slots};
    sim_random(&w->random);
    bool made = slc_ring_init(&w->command, sizeof(struct slc_note), ring_size(COMMANDS)) == SLC_OK &&
                slc_ring_init(&w->event, sizeof(struct slc_note), ring_size(EVENTS)) == SLC_OK;
    for (unsigned from = 0; from < r->workers && made; from++) {
        made = slc_ring_init(&w->pass[from], sizeof(struct slc_note), ring_size(PASSES)) == SLC_OK;
    }
    return made ? w : NULL;
}

static bool runtime_init(struct slc_runtime *r, const struct slc_role *roles)
{
    r->end_count = (uint32_t)r->config.max_connections;
    r->ends = calloc(r->end_count, sizeof *r->ends);
    if (r->ends == NULL || slc_wheel_new(&r->wheel, r->config.timers, sim.now) != SLC_OK) return false;
    for (uint32_t i = 0; i < r->end_count; i++) {
        r->ends[i].next_free = i + 1 < r->end_count ? i + 1 : UINT32_MAX;
    }
    for (unsigned i = 0; i < r->workers; i++) {
        if (worker_new(r, i, &roles[i]) == NULL) return false;
    }
    return true;
}

enum slc_status slc_runtime_new(struct slc_runtime **runtime, const struct slc_runtime_config *config,
                                const struct slc_role *roles, struct slc_error *error)
{
    *runtime = NULL;
    size_t place = 0;
    while (place < MAX_RUNTIMES && sim.runtimes[place] != NULL) {
        place++;
    }
    if (place == MAX_RUNTIMES || config->workers == 0 || config->workers > MAX_WORKERS) {
        return slc_fail(error, SLC_BAD_ARGUMENT, "the simulator has no room for %u workers more", config->workers);
    }
    struct slc_runtime *r = calloc(1, sizeof *r);
    if (r == NULL) return slc_fail(error, SLC_NO_MEMORY, "no memory");
    r->config = *config;
    r->workers = config->workers;
    r->timer_at = SLC_NEVER;
    (void)snprintf(r->name, sizeof r->name, "%s", config->name != NULL ? config->name : "");
    sim.runtimes[place] = r;
    if (runtime_init(r, roles)) {
        *runtime = r;
        return SLC_OK;
    }
    slc_runtime_free(r);
    return slc_fail(error, SLC_NO_MEMORY, "no memory");
}

enum slc_status slc_runtime_start(struct slc_runtime *r, struct slc_error *error)
{
    (void)error;
    r->started = true;
    for (unsigned i = 0; i < r->workers; i++) {
        struct slc_worker *w = r->worker[i];
        if (w->role.start != NULL) w->role.start(w->role.self, w, sim.now);
        worker_wake(w, sim.now);
    }
    return SLC_OK;
}

void slc_runtime_stop(struct slc_runtime *r)
{
    if (r->stopped) return;
    for (unsigned i = 0; i < r->workers && r->started; i++) {
        struct slc_worker *w = r->worker[i];
        struct slc_note notes[NOTES];
        for (size_t n; (n = slc_ring_pop_spsc(&w->command, notes, NOTES)) > 0;) {
            if (w->role.command != NULL) w->role.command(w->role.self, notes, n, sim.now);
        }
        if (w->role.stop != NULL && !r->killed) w->role.stop(w->role.self, sim.now);
    }
    if (!r->killed) links_drop(r, true);
    r->stopped = true;
}

/* Its commands are still taken when it is freed, for the memory that they hold; nobody hears of it. */
void sim_kill(const char *name, bool reset)
{
    for (size_t i = 0; i < MAX_RUNTIMES; i++) {
        struct slc_runtime *r = sim.runtimes[i];
        if (r == NULL || strcmp(r->name, name) != 0) continue;
        links_drop(r, reset);
        r->killed = true;
        keeper_kill();
    }
}

/* Timers and turns; of what leaves later only the place that it holds. */
static bool is_of_runtime(const struct event *e, const void *runtime)
{
    const struct slc_runtime *r = runtime;
    if (e->kind == EVENT_LEAVE) {
        struct frame *f = e->subject;
        if (f->counted && f->owner->runtime == r) f->counted = false;
    }
    return (e->kind == EVENT_TIMER && e->subject == r) ||
           (e->kind == EVENT_TURN && ((struct slc_worker *)e->subject)->runtime == r);
}

static void worker_free(struct slc_worker *w)
{
    if (w == NULL) return;
    slc_ring_free(&w->command);
    slc_ring_free(&w->event);
    for (unsigned from = 0; from < MAX_WORKERS; from++) {
        slc_ring_free(&w->pass[from]);
    }
    for (size_t i = w->received_first; i < w->received_len; i++) {
        slc_worker_release(w, &w->received[i]);
    }
    free(w->received);
    free(w->due);
    slc_random_wipe(&w->random);
    free(w);
}

void slc_runtime_free(struct slc_runtime *r)
{
    if (r == NULL) return;
    slc_runtime_stop(r);
    world_forget(is_of_runtime, r);
    for (size_t i = 0; i < MAX_RUNTIMES; i++) {
        if (sim.runtimes[i] == r) sim.runtimes[i] = NULL;
    }
    for (unsigned i = 0; i < r->workers; i++) {
        worker_free(r->worker[i]);
    }
    slc_wheel_free(r->wheel);
    free(r->ends);
    if (r->killed) {
        r->next_dead = sim.dead;
        sim.dead = r;
    } else {
        free(r);
    }
}

/* ---- control thread ---- */

enum slc_status slc_runtime_command(struct slc_runtime *r, unsigned worker, const struct slc_note *command)
{
    if (worker >= r->workers) return SLC_BAD_ARGUMENT;
    bool room = slc_ring_push_spsc(&r->worker[worker]->command, command, 1) == 1;
    if (r->started) worker_wake(r->worker[worker], sim.now);
    return room ? SLC_OK : SLC_AGAIN;
}

size_t slc_runtime_events(struct slc_runtime *r, unsigned worker, struct slc_note *events, size_t cap)
{
    return slc_ring_pop_spsc(&r->worker[worker]->event, events, cap);
}

static bool has_events(struct slc_runtime *r)
{
    for (unsigned i = 0; i < r->workers; i++) {
        if (slc_ring_waiting_spsc(&r->worker[i]->event) > 0) return true;
    }
    return false;
}

/* Waiting is what makes time pass. */
void slc_runtime_wait(struct slc_runtime *r, slc_time timeout)
{
    slc_time until = timeout > SLC_NEVER - sim.now ? SLC_NEVER : sim.now + timeout;
    while (!r->woken && !has_events(r) && world_step(until)) {
    }
    r->woken = false;
}

void slc_runtime_wake(struct slc_runtime *r)
{
    r->woken = true;
}

int slc_runtime_fd(struct slc_runtime *r)
{
    (void)r;
    return -1;
}

void slc_runtime_heard(struct slc_runtime *r)
{
    r->woken = false;
}

void slc_runtime_poke(struct slc_runtime *r, unsigned worker)
{
    if (r->started && worker < r->workers) worker_wake(r->worker[worker], sim.now);
}

void slc_runtime_lateness(const struct slc_runtime *r, struct slc_histogram *lateness)
{
    slc_histogram_merge(lateness, &r->lateness);
}

const char *slc_runtime_backend(const struct slc_runtime *r)
{
    (void)r;
    return "simulated";
}

size_t slc_runtime_report(const struct slc_runtime *r, struct slc_thread_report *rows, size_t cap)
{
    size_t n = 0;
    for (unsigned i = 0; i < r->workers && n < cap; i++) {
        rows[n] = (struct slc_thread_report){.kind = SLC_THREAD_WORKER, .index = i, .cpu = -1};
        (void)snprintf(rows[n].name, sizeof rows[n].name, "%s-work-%u", r->name, i);
        n++;
    }
    return n;
}

void sim_freeze(const char *name, slc_time until)
{
    for (size_t i = 0; i < MAX_RUNTIMES; i++) {
        struct slc_runtime *r = sim.runtimes[i];
        if (r == NULL || strcmp(r->name, name) != 0) continue;
        for (unsigned w = 0; w < r->workers; w++) {
            r->worker[w]->frozen = until;
        }
    }
}

/* ---- workers ---- */

unsigned slc_worker_index(const struct slc_worker *w)
{
    return w->index;
}

struct slc_random *slc_worker_random(struct slc_worker *w)
{
    return &w->random;
}

void slc_worker_arm(struct slc_worker *w, slc_time deadline, uint64_t token)
{
    struct slc_runtime *r = w->runtime;
    const struct slc_timer_entry entry = {.deadline = deadline, .token = token, .owner = w->index};
    while (slc_wheel_arm(r->wheel, &entry) != SLC_OK) {
        if (slc_wheel_grow(r->wheel) != SLC_OK) abort();
    }
    slc_time next = slc_wheel_next(r->wheel);
    if (next < sim.now) next = sim.now;
    if (next >= r->timer_at) return;
    r->timer_at = next;
    world_add(next, EVENT_TIMER, r);
}

static void *grown(void *items, size_t *cap, size_t len, size_t bytes)
{
    if (len < *cap) return items;
    *cap = *cap == 0 ? 256 : *cap * 2;
    items = realloc(items, *cap * bytes);
    if (items == NULL) abort();
    return items;
}

void runtime_timer(struct slc_runtime *r)
{
    if (sim.now != r->timer_at) return;
    struct slc_timer_entry entries[BATCH];
    for (size_t n = BATCH; n == BATCH;) {
        n = slc_wheel_expire(r->wheel, sim.now, entries, BATCH);
        for (size_t i = 0; i < n; i++) {
            struct slc_worker *w = r->worker[entries[i].owner];
            w->due = grown(w->due, &w->due_cap, w->due_len, sizeof *w->due);
            w->due[w->due_len++] = entries[i].token;
            worker_wake(w, sim.now);
        }
    }
    slc_time next = slc_wheel_next(r->wheel);
    r->timer_at = next > sim.now ? next : sim.now + SLC_MILLISECOND;
    if (next != SLC_NEVER) world_add(r->timer_at, EVENT_TIMER, r);
}

enum slc_status slc_worker_pass(struct slc_worker *w, unsigned to, const struct slc_note *note)
{
    if (to >= w->runtime->workers || to == w->index) return SLC_BAD_ARGUMENT;
    struct slc_worker *other = w->runtime->worker[to];
    if (slc_ring_push_spsc(&other->pass[w->index], note, 1) == 0) return SLC_AGAIN;
    worker_wake(other, sim.now);
    return SLC_OK;
}

enum slc_status slc_worker_event(struct slc_worker *w, const struct slc_note *event)
{
    return slc_ring_push_spsc(&w->event, event, 1) == 1 ? SLC_OK : SLC_AGAIN;
}

/* ---- turns ---- */

void worker_wake(struct slc_worker *w, slc_time at)
{
    slc_time grain = sim.config.grain;
    if (at < w->frozen) at = w->frozen;
    at = (at + grain - 1) / grain * grain;
    if (at >= w->turn_at) return;
    w->turn_at = at;
    world_add(at, EVENT_TURN, w);
}

void worker_receive(struct slc_worker *w, const struct slc_received *received)
{
    w->received = grown(w->received, &w->received_cap, w->received_len, sizeof *w->received);
    w->received[w->received_len++] = *received;
    worker_wake(w, sim.now);
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

static void take_received(struct slc_worker *w)
{
    size_t n = at_most(w->received_len - w->received_first, BATCH);
    struct slc_received batch[BATCH];
    if (n > 0) memcpy(batch, w->received + w->received_first, n * sizeof *batch);
    for (size_t i = 0; i < n; i++) {
        if (batch[i].kind != SLC_RECEIVED_BINARY) continue;
        (*(frame_of(batch[i].data)->up ? &sim.numbers.binary_up_taken : &sim.numbers.binary_down_taken))++;
    }
    w->received_first += n;
    if (w->received_first == w->received_len) w->received_first = w->received_len = 0;
    if (n > 0 && w->role.received != NULL) w->role.received(w->role.self, batch, n, sim.now);
}

static void take_due(struct slc_worker *w)
{
    size_t n = at_most(w->due_len - w->due_first, BATCH);
    uint64_t batch[BATCH];
    if (n > 0) memcpy(batch, w->due + w->due_first, n * sizeof *batch);
    w->due_first += n;
    if (w->due_first == w->due_len) w->due_first = w->due_len = 0;
    if (n > 0 && w->role.due != NULL) w->role.due(w->role.self, batch, n, sim.now);
}

static bool inputs_wait(struct slc_worker *w)
{
    for (unsigned from = 0; from < w->runtime->workers; from++) {
        if (slc_ring_waiting_spsc(&w->pass[from]) > 0) return true;
    }
    return w->received_len > 0 || w->due_len > 0 || slc_ring_waiting_spsc(&w->command) > 0;
}

/* As the real worker's loop: each input once a turn, at most a batch; `run` comes last. */
void worker_turn(struct slc_worker *w)
{
    if (sim.now != w->turn_at || w->runtime->stopped) return;
    if (sim.now < w->frozen) {
        w->turn_at = SLC_NEVER;
        worker_wake(w, w->frozen);
        return;
    }
    sim.numbers.turns++;
    sim_trace(sim.now << 8 | w->index);
    take_received(w);
    take_due(w);
    struct slc_note notes[NOTES];
    for (unsigned from = 0; from < w->runtime->workers; from++) {
        size_t n = slc_ring_pop_spsc(&w->pass[from], notes, NOTES);
        if (n > 0 && w->role.passed != NULL) w->role.passed(w->role.self, notes, n, sim.now);
    }
    size_t commands = slc_ring_pop_spsc(&w->command, notes, NOTES);
    if (commands > 0 && w->role.command != NULL) w->role.command(w->role.self, notes, commands, sim.now);
    slc_time next = w->role.run != NULL ? w->role.run(w->role.self, sim.now) : SLC_NEVER;
    w->turn_at = SLC_NEVER;
    if (inputs_wait(w) || next <= sim.now) next = sim.now + 1;
    if (next != SLC_NEVER) worker_wake(w, next);
}
