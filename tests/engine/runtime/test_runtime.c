/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/runtime/actor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* Scheduling of a machine that does other things too; bounds on being late are this loose on purpose. */
#define LOOSE (2 * SLC_SECOND)

struct sending {
    slc_link link;
    uint64_t first;
    size_t n, len;
    slc_time due; /* of the first; each next is `step` later */
    slc_time step;
    bool masked;
    enum slc_status status;
    size_t sent;
};

static void send_some(struct actor *a, void *argument, slc_time now)
{
    (void)now;
    struct sending *s = argument;
    for (s->sent = 0; s->sent < s->n; s->sent++) {
        s->status = actor_send(a, s->link, s->first + s->sent, s->len, s->due + s->sent * s->step, s->masked);
        if (s->status != SLC_OK) break;
    }
}

static void listen_and_echo(struct actor *a, void *argument, slc_time now)
{
    (void)argument;
    (void)now;
    a->echo = true;
}

/* ---- WebSocket ---- */

static void messages_go_both_ways_whole_and_in_order(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    rig_do(rig, 1, listen_and_echo, NULL);
    slc_link link = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 5, NULL);
    size_t total = 0;
    /* Small and large slots, and lengths at which the WebSocket header changes. */
    static const size_t lens[] = {8, 125, 126, 2400, 33133, 8};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        size_t n = lens[i] > 2400 ? 2 : 20;
        struct sending s = {.link = link, .first = 1000 * i, .n = n, .len = lens[i], .masked = true};
        rig_do(rig, 0, send_some, &s);
        assert_int_equal(s.sent, n);
        for (size_t k = 1; k <= n; k++) {
            struct logged there = rig_wait(rig, 1, SLC_RECEIVED_BINARY, total + k);
            struct logged back = rig_wait(rig, 0, SLC_RECEIVED_BINARY, total + k);
            assert_int_equal(there.value, 1000 * i + k - 1);
            assert_int_equal(there.r.len, lens[i]);
            assert_int_equal(there.r.token, 77);
            assert_int_equal(back.value, there.value);
            assert_int_equal(back.sum, there.sum);
            assert_int_equal(back.r.token, 5);
            assert_int_equal(back.r.link, link);
        }
        total += n;
    }
    rig_free(rig);
}

static void set_token(struct actor *a, void *argument, slc_time now)
{
    (void)now;
    slc_worker_set_token(a->w, *(slc_link *)argument, 4242);
}

static void a_link_may_get_a_new_token(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    slc_link accepted, link = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 5, &accepted);
    rig_do(rig, 1, set_token, &accepted);
    /* What actor 1 sends goes through the ring behind the new token, so an echo of it comes back under that token. */
    struct sending s = {.link = accepted, .n = 1, .len = 8};
    rig_do(rig, 1, send_some, &s);
    (void)rig_wait(rig, 0, SLC_RECEIVED_BINARY, 1);
    struct sending back = {.link = link, .n = 1, .len = 8, .masked = true};
    rig_do(rig, 0, send_some, &back);
    assert_int_equal(rig_wait(rig, 1, SLC_RECEIVED_BINARY, 1).r.token, 4242);
    rig_free(rig);
}

static void frames_leave_at_their_due_times_never_before(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    slc_link link = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 5, NULL);
    enum { FRAMES = 60 };
    /* Odd steps, so that due times fall everywhere between whole milliseconds. */
    const slc_time step = 1370 * SLC_MICROSECOND;
    struct sending s = {
        .link = link, .n = FRAMES, .len = 8, .masked = true, .due = slc_now() + 20 * SLC_MILLISECOND, .step = step};
    rig_do(rig, 0, send_some, &s);
    assert_int_equal(s.sent, FRAMES);
    for (size_t i = 0; i < FRAMES; i++) {
        struct logged got = rig_wait(rig, 1, SLC_RECEIVED_BINARY, i + 1);
        assert_int_equal(got.value, i);
        assert_true(got.r.at >= s.due + i * step);
        assert_true(got.r.at < s.due + i * step + LOOSE);
    }
    static struct slc_histogram late;
    memset(&late, 0, sizeof late);
    slc_runtime_lateness(rig->runtime, &late);
    assert_int_equal(late.count, FRAMES);
    assert_true(late.max < LOOSE);
    rig_free(rig);
}

static void frames_leave_in_order_of_due_whatever_the_order_of_the_calls(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    slc_link link = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 5, NULL);
    /* Microseconds apart, so within one page of any calendar; sent backwards. One lies beyond a calendar's reach. */
    slc_time due = slc_now() + 50 * SLC_MILLISECOND;
    struct sending far = {
        .link = link, .first = 9, .n = 1, .len = 8, .masked = true, .due = due + 1500 * SLC_MILLISECOND};
    rig_do(rig, 0, send_some, &far);
    for (uint64_t i = 8; i-- > 0;) {
        struct sending s = {
            .link = link, .first = i, .n = 1, .len = 8, .masked = true, .due = due + i * SLC_MICROSECOND};
        rig_do(rig, 0, send_some, &s);
    }
    for (uint64_t i = 0; i < 8; i++) {
        assert_int_equal(rig_wait(rig, 1, SLC_RECEIVED_BINARY, i + 1).value, i);
    }
    struct logged last = rig_wait(rig, 1, SLC_RECEIVED_BINARY, 9);
    assert_int_equal(last.value, 9);
    assert_true(last.r.at >= far.due);
    rig_free(rig);
}

/* ---- backpressure ---- */

static void slots_run_out_say_so_and_come_home(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    slc_link link = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 5, NULL);
    struct sending s = {
        .link = link, .n = SMALL_SLOTS + 1, .len = 8, .masked = true, .due = slc_now() + 100 * SLC_MILLISECOND};
    rig_do(rig, 0, send_some, &s);
    assert_int_equal(s.sent, SMALL_SLOTS);
    assert_int_equal(s.status, SLC_FULL);
    (void)rig_wait(rig, 1, SLC_RECEIVED_BINARY, SMALL_SLOTS);
    /* All came home: as many again can be taken, once the network thread has told so. */
    size_t sent = 0;
    while (sent < SMALL_SLOTS) {
        struct sending again = {
            .link = link, .first = SMALL_SLOTS + sent, .n = SMALL_SLOTS - sent, .len = 8, .masked = true};
        rig_do(rig, 0, send_some, &again);
        sent += again.sent;
    }
    assert_int_equal(rig_wait(rig, 1, SLC_RECEIVED_BINARY, 2 * SMALL_SLOTS).value, 2 * SMALL_SLOTS - 1);
    rig_free(rig);
}

static void whoever_has_a_slot_finds_room_to_send_it(void **state)
{
    struct slc_runtime_config config = rig_config(*(const enum slc_loop_backend *)*state);
    config.small_slots = 10000;
    struct rig *rig = rig_new(&config, SLC_PROTOCOL_WS_SERVER);
    if (rig == NULL) skip();
    rig_start(rig);
    slc_link link = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 5, NULL);
    /* In one call, so that no ring is emptied meanwhile. */
    struct sending s = {.link = link, .n = 10001, .len = 8, .masked = true, .due = slc_now() + 3600 * SLC_SECOND};
    rig_do(rig, 0, send_some, &s);
    assert_int_equal(s.sent, 10000);
    assert_int_equal(s.status, SLC_FULL);
    rig_free(rig);
}

static void hold(struct actor *a, void *argument, slc_time now)
{
    (void)now;
    a->hold = *(bool *)argument;
    for (size_t i = 0; !a->hold && i < a->held_count; i++) {
        slc_worker_release(a->w, &a->held[i]);
    }
    if (!a->hold) a->held_count = 0;
}

static void a_worker_that_keeps_what_it_gets_is_sent_no_more_and_loses_nothing(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    slc_link link = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 5, NULL);
    bool yes = true, no = false;
    rig_do(rig, 1, hold, &yes);
    struct sending s = {.link = link, .n = SMALL_SLOTS, .len = 8, .masked = true};
    rig_do(rig, 0, send_some, &s);
    (void)rig_wait(rig, 1, SLC_RECEIVED_BINARY, SMALL_SLOTS);
    /* Every rx slot is held now; the slots of the first are home, as they were sent. What comes next has to wait. */
    size_t sent = 0;
    while (sent < 10) {
        struct sending more = {.link = link, .first = SMALL_SLOTS + sent, .n = 10 - sent, .len = 8, .masked = true};
        rig_do(rig, 0, send_some, &more);
        sent += more.sent;
    }
    struct slc_thread_report rows[8];
    slc_time until = slc_now() + PATIENCE_S * SLC_SECOND;
    uint64_t full = 0;
    while (full == 0 && slc_now() < until) {
        size_t n = slc_runtime_report(rig->runtime, rows, 8);
        assert_int_equal(n, ACTORS + 2);
        full = rows[ACTORS].ring_full;
    }
    assert_true(full > 0);
    assert_int_equal(rig_count(rig, 1, SLC_RECEIVED_BINARY), SMALL_SLOTS);
    rig_do(rig, 1, hold, &no);
    assert_int_equal(rig_wait(rig, 1, SLC_RECEIVED_BINARY, SMALL_SLOTS + 10).value, SMALL_SLOTS + 9);
    rig_free(rig);
}

static void fill_commands(struct rig *rig, size_t *taken)
{
    const struct slc_note nothing = {0};
    while (slc_runtime_command(rig->runtime, 0, &nothing) == SLC_OK) {
        ++*taken;
    }
}

static void full_of_events(struct actor *a, void *argument, slc_time now)
{
    (void)now;
    size_t *pushed = argument;
    struct slc_note event = {0};
    for (enum slc_status status = SLC_OK; status == SLC_OK;) {
        memcpy(event.bytes, pushed, sizeof *pushed);
        status = slc_worker_event(a->w, &event);
        if (status == SLC_OK) ++*pushed;
    }
}

static void full_of_notes(struct actor *a, void *argument, slc_time now)
{
    (void)now;
    size_t *pushed = argument;
    struct slc_note note = {0};
    /* As many as find room while the other worker may already be taking them; 20000 are more than any ring. */
    for (enum slc_status status = SLC_OK; status == SLC_OK && *pushed < 20000;) {
        uint64_t value = *pushed;
        memcpy(note.bytes, &value, sizeof value);
        status = slc_worker_pass(a->w, 1, &note);
        if (status == SLC_OK) ++*pushed;
    }
    if (slc_worker_pass(a->w, 0, &note) != SLC_BAD_ARGUMENT) abort(); /* to itself */
    if (slc_worker_pass(a->w, 9, &note) != SLC_BAD_ARGUMENT) abort();
}

static void full_rings_say_so_and_deliver_what_they_took(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    /* Before the start nobody takes commands. */
    size_t taken = 0;
    fill_commands(rig, &taken);
    assert_true(taken >= 1024);
    rig_start(rig);
    size_t events = 0;
    slc_time until = slc_now() + PATIENCE_S * SLC_SECOND;
    while (slc_runtime_command(rig->runtime, 0, &(struct slc_note){0}) != SLC_OK && slc_now() < until) {
    }
    rig_do(rig, 0, full_of_events, &events);
    struct slc_note note;
    for (uint64_t i = 0; i < events; i++) {
        assert_int_equal(slc_runtime_events(rig->runtime, 0, &note, 1), 1);
        uint64_t value;
        memcpy(&value, note.bytes, sizeof value);
        assert_int_equal(value, i);
    }
    assert_int_equal(slc_runtime_events(rig->runtime, 0, &note, 1), 0);
    slc_time begun = slc_now();
    slc_runtime_wait(rig->runtime, 20 * SLC_MILLISECOND);
    assert_true(slc_now() - begun < LOOSE);

    size_t passed = 0;
    rig_do(rig, 0, full_of_notes, &passed);
    size_t looked_at = passed < LOG_MAX - 16 ? passed : LOG_MAX - 16;
    assert_true(passed > 0);
    for (size_t i = 0; i < looked_at; i += looked_at / 7 + 1) {
        assert_int_equal(rig_wait(rig, 1, LOGGED_PASSED, i + 1).value, i);
    }
    rig_free(rig);
}

/* ---- the end of connections ---- */

static void a_refused_connection_is_told_under_its_token(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    /* A port that was ours and is closed again. */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    struct connecting c = {.to = rig->at, .protocol = SLC_PROTOCOL_WS_CLIENT, .token = 31};
    c.to.port = ntohs(in.sin_port);
    rig_do(rig, 0, actor_connect, &c);
    struct logged closed = rig_wait(rig, 0, SLC_RECEIVED_CLOSED, 1);
    assert_int_equal(closed.r.token, 31);
    assert_int_equal(closed.r.link, 0);
    assert_int_equal(closed.r.status, SLC_REFUSED);
    (void)close(fd);
    rig_free(rig);
}

struct closing {
    slc_link link;
    bool reset;
};

static void close_link(struct actor *a, void *argument, slc_time now)
{
    (void)now;
    const struct closing *c = argument;
    slc_worker_close(a->w, c->link, c->reset);
}

static void both_ends_see_a_close_and_a_stale_link_is_ignored(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    for (unsigned round = 0; round < 2; round++) {
        slc_link accepted, link = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 5, &accepted);
        struct sending s = {.link = accepted, .n = 3, .len = 8};
        rig_do(rig, 1, send_some, &s);
        struct closing c = {.link = accepted, .reset = round == 1};
        if (round == 1) (void)rig_wait(rig, 0, SLC_RECEIVED_BINARY, 6);
        rig_do(rig, 1, close_link, &c);
        struct logged theirs = rig_wait(rig, 0, SLC_RECEIVED_CLOSED, round + 1);
        assert_int_equal(theirs.r.link, link);
        assert_int_equal(rig_wait(rig, 1, SLC_RECEIVED_CLOSED, round + 1).r.link, accepted);
        /* What was sent before an orderly close arrives. */
        assert_int_equal(rig_count(rig, 0, SLC_RECEIVED_BINARY), 3 * (round + 1));

        struct sending stale = {.link = accepted, .n = 1, .len = 8};
        rig_do(rig, 1, send_some, &stale);
        assert_int_equal(stale.status, SLC_OK);
        rig_do(rig, 1, close_link, &c);
    }
    /* The place of the closed link is taken again; the old name must not reach it. */
    slc_link accepted;
    (void)rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 6, &accepted);
    struct sending s = {.link = accepted, .first = 55, .n = 1, .len = 8};
    rig_do(rig, 1, send_some, &s);
    assert_int_equal(rig_wait(rig, 0, SLC_RECEIVED_BINARY, 7).value, 55);
    assert_int_equal(rig_count(rig, 0, SLC_RECEIVED_CLOSED), 2);
    rig_free(rig);
}

static void send_and_reset(struct actor *a, void *argument, slc_time now)
{
    const struct sending *s = argument;
    send_some(a, argument, now);
    slc_worker_close(a->w, s->link, true);
}

/* A gateway that cuts a client off: what it pushed just before is not lost, since nobody would send it again. */
static void what_was_due_before_a_reset_arrives(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    enum { FRAMES = 50 };
    for (unsigned round = 0; round < 5; round++) {
        slc_link accepted;
        (void)rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 5, &accepted);
        struct sending s = {.link = accepted, .n = FRAMES, .len = 100};
        rig_do(rig, 1, send_and_reset, &s);
        assert_int_equal(s.sent, FRAMES);
        (void)rig_wait(rig, 0, SLC_RECEIVED_CLOSED, round + 1);
        assert_int_equal(rig_count(rig, 0, SLC_RECEIVED_BINARY), FRAMES * (round + 1));
    }
    rig_free(rig);
}

static void frames_of_a_closed_link_are_dropped_and_their_slots_come_home(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    slc_link accepted, link = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 5, &accepted);
    struct sending s = {
        .link = link, .n = SMALL_SLOTS, .len = 8, .masked = true, .due = slc_now() + 100 * SLC_MILLISECOND};
    rig_do(rig, 0, send_some, &s);
    assert_int_equal(s.sent, SMALL_SLOTS);
    struct closing c = {.link = link};
    rig_do(rig, 0, close_link, &c);
    (void)rig_wait(rig, 1, SLC_RECEIVED_CLOSED, 1);
    link = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 6, NULL);
    size_t sent = 0;
    while (sent < SMALL_SLOTS) {
        struct sending again = {.link = link, .first = sent, .n = SMALL_SLOTS - sent, .len = 8, .masked = true};
        rig_do(rig, 0, send_some, &again);
        sent += again.sent;
    }
    assert_int_equal(rig_wait(rig, 1, SLC_RECEIVED_BINARY, SMALL_SLOTS).value, SMALL_SLOTS - 1);
    rig_free(rig);
}

/* ---- strangers on the listener ---- */

static const char UPGRADE[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n";

static void a_message_just_longer_than_a_slot_ends_its_connection_only(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    /* One byte longer than a slot, and the longest that pools with rounded slots might let through. */
    for (size_t len = SLC_SLOT_LARGE + 1; len <= SLC_SLOT_LARGE + 64; len += 9) {
        int fd = raw_client(&rig->at);
        assert_int_equal(write(fd, UPGRADE, sizeof UPGRADE - 1), sizeof UPGRADE - 1);
        uint8_t *frame = calloc(1, len + 8);
        assert_non_null(frame);
        frame[0] = 0x82;
        frame[1] = 0x80 | 126;
        frame[2] = (uint8_t)(len >> 8);
        frame[3] = (uint8_t)len;
        (void)!write(fd, frame, len + 8);
        free(frame);
        char text[1024];
        (void)read_to_end(fd, text, sizeof text);
        (void)close(fd);
    }
    /* The network thread lives. */
    rig_do(rig, 1, listen_and_echo, NULL);
    slc_link link = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 5, NULL);
    struct sending s = {.link = link, .first = 8, .n = 1, .len = 8, .masked = true};
    rig_do(rig, 0, send_some, &s);
    assert_int_equal(rig_wait(rig, 0, SLC_RECEIVED_BINARY, 1).value, 8);
    rig_free(rig);
}

static void a_wake_before_the_wait_ends_it_once(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    slc_runtime_wake(rig->runtime);
    slc_time begin = slc_now();
    slc_runtime_wait(rig->runtime, 30 * SLC_SECOND);
    assert_true(slc_now() - begin < 20 * SLC_SECOND);
    begin = slc_now();
    slc_runtime_wait(rig->runtime, 50 * SLC_MILLISECOND);
    assert_true(slc_now() - begin >= 50 * SLC_MILLISECOND);
    rig_free(rig);
}

static void threads_end_however_short_they_lived(void **state)
{
    for (unsigned i = 0; i < 100; i++) {
        struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
        rig_start(rig);
        rig_free(rig);
    }
}

/* ---- peers that do not read ---- */

struct waiting {
    slc_link link;
    size_t now;
};

static void count_waiting(struct actor *a, void *argument, slc_time now)
{
    (void)now;
    struct waiting *o = argument;
    o->now = slc_worker_waiting(a->w, o->link);
}

static size_t waiting_of(struct rig *rig, slc_link link)
{
    struct waiting o = {.link = link};
    rig_do(rig, 1, count_waiting, &o);
    return o.now;
}

/* A client by hand: a socket after the upgrade, which takes nothing that comes later. */
static int upgraded_socket(struct rig *rig)
{
    static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    int small = 4096;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(rig->at.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(write(fd, REQUEST, sizeof REQUEST - 1), sizeof REQUEST - 1);
    char answer[512];
    assert_true(read(fd, answer, sizeof answer) > 0);
    return fd;
}

/*
 * Pings for as long as the other side takes them; true: it ended the connection. A message between them keeps each from
 * being answered together with the next.
 */
static bool ping_without_reading(int fd)
{
    enum { PING = 6 + 125, MESSAGE = 6 + 1, PAIRS = 64 };
    static uint8_t pings[PAIRS * (PING + MESSAGE)];
    for (size_t i = 0; i < PAIRS; i++) {
        memcpy(pings + i * (PING + MESSAGE), (uint8_t[6]){0x89, 0x80 | 125}, 6);
        memcpy(pings + i * (PING + MESSAGE) + PING, (uint8_t[6]){0x82, 0x80 | 1}, 6);
    }
    size_t sent = 0, at = 0;
    for (slc_time end = slc_now() + 5 * SLC_SECOND; sent < (size_t)64 << 20 && slc_now() < end;) {
        ssize_t put = send(fd, pings + at, sizeof pings - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && errno != EAGAIN) return true;
        if (put < 0) (void)usleep(1000);
        if (put > 0) {
            sent += (size_t)put;
            at = (at + (size_t)put) % sizeof pings;
        }
    }
    return false;
}

static void who_pings_and_does_not_read_loses_only_his_own_connection(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    enum { HOSTILE = 3 };
    int fd[HOSTILE];
    slc_link accepted, good = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 5, &accepted);
    for (unsigned i = 0; i < HOSTILE; i++) {
        fd[i] = upgraded_socket(rig);
    }
    for (unsigned i = 0; i < HOSTILE; i++) {
        assert_true(ping_without_reading(fd[i]));
    }
    /* The one that was there goes on, and others may come. */
    slc_link late = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 6, NULL);
    assert_true(late != 0 && good != 0);
    assert_int_equal(rig_count(rig, 0, SLC_RECEIVED_CLOSED), 0);
    for (unsigned i = 0; i < HOSTILE; i++) {
        (void)close(fd[i]);
    }
    rig_free(rig);
}

struct many {
    slc_link link;
    unsigned n;
};

static void send_large(struct actor *a, void *argument, slc_time now)
{
    (void)now;
    struct many *m = argument;
    for (unsigned i = 0; i < m->n; i++) {
        if (actor_send(a, m->link, i, 2400, 0, false) != SLC_OK) return;
    }
}

static void what_a_peer_does_not_take_is_seen_as_waiting(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    int fd = upgraded_socket(rig);
    struct many m = {.link = rig_wait(rig, 1, SLC_RECEIVED_ACCEPTED, 1).r.link, .n = 16};
    assert_int_equal(waiting_of(rig, m.link), 0);
    /* The kernel takes some megabytes; then frames stay. */
    size_t now = 0;
    for (unsigned round = 0; round < 5000 && now < 40; round++) {
        rig_do(rig, 1, send_large, &m);
        now = waiting_of(rig, m.link);
    }
    assert_in_range(now, 40, SMALL_SLOTS);
    /* Who reads again empties it. */
    static uint8_t sink[1 << 16];
    for (slc_time end = slc_now() + 10 * SLC_SECOND; waiting_of(rig, m.link) > 0 && slc_now() < end;) {
        (void)recv(fd, sink, sizeof sink, MSG_DONTWAIT);
    }
    assert_int_equal(waiting_of(rig, m.link), 0);
    assert_int_equal(waiting_of(rig, 0), 0);
    (void)close(fd);
    rig_free(rig);
}

static void a_connection_that_never_upgrades_is_dropped(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    int silent = raw_client(&rig->at), garbage = raw_client(&rig->at);
    assert_int_equal(write(garbage, "hello\r\n\r\n", 9), 9);
    char text[1024];
    (void)read_to_end(garbage, text, sizeof text);
    slc_time begun = slc_now();
    assert_int_equal(read_to_end(silent, text, sizeof text), 0);
    assert_true(slc_now() - begun < 5 * SLC_SECOND);
    assert_int_equal(rig_count(rig, 1, SLC_RECEIVED_ACCEPTED), 0);
    assert_int_equal(rig_count(rig, 1, SLC_RECEIVED_CLOSED), 0);
    (void)close(silent);
    (void)close(garbage);
    rig_free(rig);
}

/* ---- timers, passes ---- */

static void arm_many(struct actor *a, void *argument, slc_time now)
{
    /* More than the wheel was made for, in any order. */
    slc_time *begun = argument;
    *begun = now;
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t ms = i * 37 % 1000;
        slc_worker_arm(a->w, now + ms * SLC_MILLISECOND / 4, ms);
    }
}

static void deadlines_fire_once_and_never_early_even_beyond_what_the_wheel_was_made_for(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    slc_time begun = 0;
    rig_do(rig, 0, arm_many, &begun);
    (void)rig_wait(rig, 0, LOGGED_DUE, 1000);
    bool seen[1000] = {false};
    const struct actor *a = &rig->actor[0];
    slc_runtime_stop(rig->runtime);
    for (size_t i = 0; i < a->count; i++) {
        const struct logged *l = &a->log[i];
        if (l->r.kind != LOGGED_DUE) continue;
        assert_false(seen[l->value]);
        seen[l->value] = true;
        assert_true(l->at >= begun + l->value * SLC_MILLISECOND / 4);
        assert_true(l->at < begun + l->value * SLC_MILLISECOND / 4 + LOOSE);
    }
    rig_free(rig);
}

/* ---- beginning and end ---- */

static void it_stops_while_busy_in_every_way(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    rig_do(rig, 1, listen_and_echo, NULL);
    slc_link link = rig_connect(rig, SLC_PROTOCOL_WS_CLIENT, NULL, 5, NULL);
    bool yes = true;
    struct sending s = {.link = link, .n = SMALL_SLOTS / 2, .len = 2000, .masked = true};
    rig_do(rig, 0, send_some, &s);
    /* Frames in the calendar, timers armed, rx slots held so that the network thread waits, connects under way. */
    rig_do(rig, 1, hold, &yes);
    s = (struct sending){.link = link, .n = SMALL_SLOTS, .len = 8, .masked = true, .due = slc_now() + SLC_SECOND};
    rig_do(rig, 0, send_some, &s);
    slc_time begun;
    rig_do(rig, 0, arm_many, &begun);
    struct connecting c = {.to = rig->at, .protocol = SLC_PROTOCOL_WS_CLIENT, .token = 6};
    rig_do(rig, 0, actor_connect, &c);
    begun = slc_now();
    rig_free(rig);
    assert_true(slc_now() - begun < LOOSE);
}

static void what_cannot_be_is_refused_with_words(void **state)
{
    (void)state;
    struct slc_runtime *runtime;
    struct slc_error error = {0};
    struct slc_role role = {0};
    struct slc_runtime_config config = rig_config(SLC_LOOP_POLL);
    config.workers = 0;
    assert_int_equal(slc_runtime_new(&runtime, &config, &role, &error), SLC_BAD_ARGUMENT);
    assert_non_null(strstr(error.text, "workers"));
    config = rig_config(SLC_LOOP_POLL);
    config.networks = 99;
    assert_int_equal(slc_runtime_new(&runtime, &config, &role, &error), SLC_BAD_ARGUMENT);
    assert_null(runtime);

    config = rig_config(SLC_LOOP_POLL);
    struct rig *rig = rig_new(&config, SLC_PROTOCOL_WS_SERVER);
    struct slc_address taken = rig->at;
    struct slc_address bound;
    enum slc_status status =
        slc_runtime_listen(rig->runtime, 0, 0, &taken, SLC_PROTOCOL_WS_SERVER, NULL, 1, &bound, &error);
    assert_int_equal(status, SLC_IO);
    char text[SLC_ADDRESS_TEXT_MAX];
    slc_address_to_text(&taken, text);
    assert_non_null(strstr(error.text, text));
    rig_start(rig);
    taken.port = 0;
    status = slc_runtime_listen(rig->runtime, 0, 0, &taken, SLC_PROTOCOL_WS_SERVER, NULL, 1, &bound, &error);
    assert_int_equal(status, SLC_BAD_ARGUMENT);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(messages_go_both_ways_whole_and_in_order),
        ON_BOTH(a_link_may_get_a_new_token),
        ON_BOTH(frames_leave_at_their_due_times_never_before),
        ON_BOTH(frames_leave_in_order_of_due_whatever_the_order_of_the_calls),
        ON_BOTH(slots_run_out_say_so_and_come_home),
        ON_BOTH(whoever_has_a_slot_finds_room_to_send_it),
        ON_BOTH(a_worker_that_keeps_what_it_gets_is_sent_no_more_and_loses_nothing),
        ON_BOTH(full_rings_say_so_and_deliver_what_they_took),
        ON_BOTH(a_refused_connection_is_told_under_its_token),
        ON_BOTH(both_ends_see_a_close_and_a_stale_link_is_ignored),
        ON_BOTH(what_was_due_before_a_reset_arrives),
        ON_BOTH(frames_of_a_closed_link_are_dropped_and_their_slots_come_home),
        ON_BOTH(a_message_just_longer_than_a_slot_ends_its_connection_only),
        ON_BOTH(a_connection_that_never_upgrades_is_dropped),
        ON_BOTH(a_wake_before_the_wait_ends_it_once),
        ON_BOTH(threads_end_however_short_they_lived),
        ON_BOTH(who_pings_and_does_not_read_loses_only_his_own_connection),
        ON_BOTH(what_a_peer_does_not_take_is_seen_as_waiting),
        ON_BOTH(deadlines_fire_once_and_never_early_even_beyond_what_the_wheel_was_made_for),
        ON_BOTH(it_stops_while_busy_in_every_way),
        cmocka_unit_test(what_cannot_be_is_refused_with_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
