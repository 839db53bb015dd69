/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/io/loop_rig.h"

#include "crypto/base/random.h"

/*
 * A random life of many connections between two ends of one loop: connecting, sending, pausing, ending in every way, at
 * every moment, with event arrays of every size. What must hold whatever happens: each buffer that was taken comes back
 * once and before CLOSED; each connection the caller knows ends once, with nothing after it; and the bytes of a stream
 * arrive in order. SLUICE_SEED repeats a run.
 */

enum { CONNS = 40, STEPS = 30000, MOST = 20000, SLOTS = 256 };

struct life {
    slc_conn conn; /* 0: none */
    bool up;
    bool off;                 /* reading */
    size_t sent, got, queued; /* bytes, bytes, buffers not back */
};

struct chaos {
    struct slc_loop *loop;
    struct slc_random random;
    struct life life[SLOTS];
    uint8_t stream[1 << 16]; /* byte i of every stream is stream[i mod its size] */
    size_t alive;
    size_t ended[SLC_STATUS_COUNT];
    uint64_t bytes;
};

static struct life *life_of(struct chaos *c, slc_conn conn)
{
    assert_true((uint32_t)conn < SLOTS);
    return &c->life[(uint32_t)conn];
}

static void begin(struct chaos *c, slc_conn conn)
{
    struct life *l = life_of(c, conn);
    assert_int_equal(l->conn, 0);
    *l = (struct life){.conn = conn};
    c->alive++;
}

static void data_came(struct chaos *c, struct life *l, const struct slc_loop_event *event)
{
    assert_true(l->up && !l->off);
    for (size_t i = 0; i < event->len; i++) {
        assert_int_equal(event->data[i], c->stream[(l->got + i) % sizeof c->stream]);
    }
    /* It is ours to write in. */
    memset(event->data, 0xAA, event->len);
    l->got += event->len;
    c->bytes += event->len;
}

static void happened(struct chaos *c, const struct slc_loop_event *event)
{
    if (event->kind == SLC_LOOP_ACCEPTED) begin(c, event->conn);
    struct life *l = life_of(c, event->conn);
    assert_int_equal(l->conn, event->conn);
    switch (event->kind) {
    case SLC_LOOP_ACCEPTED:
    case SLC_LOOP_CONNECTED:
        assert_false(l->up);
        l->up = true;
        break;
    case SLC_LOOP_DATA:
        data_came(c, l, event);
        break;
    case SLC_LOOP_SENT:
        assert_true(l->queued > 0);
        l->queued--;
        break;
    case SLC_LOOP_CLOSED:
        assert_int_equal(l->queued, 0);
        assert_true(event->status != SLC_OK);
        c->ended[event->status]++;
        *l = (struct life){0};
        c->alive--;
        break;
    }
}

static size_t turn(struct chaos *c, slc_time timeout)
{
    struct slc_loop_event events[64];
    size_t cap = 1 + slc_random_below(&c->random, 64);
    size_t n = slc_loop_wait(c->loop, timeout, events, cap);
    assert_true(n <= cap);
    for (size_t i = 0; i < n; i++) {
        happened(c, &events[i]);
    }
    return n;
}

static void send_some(struct chaos *c, struct life *l)
{
    size_t at = l->sent % sizeof c->stream;
    size_t len = 1 + slc_random_below(&c->random, MOST);
    if (len > sizeof c->stream - at) len = sizeof c->stream - at;
    enum slc_status status = slc_loop_send(c->loop, l->conn, c->stream + at, len, 0);
    assert_true(status == SLC_OK || status == SLC_FULL || status == SLC_CLOSED);
    if (status != SLC_OK) return;
    l->sent += len;
    l->queued++;
}

static void step(struct chaos *c, const struct slc_address *at)
{
    struct life *l = &c->life[slc_random_below(&c->random, SLOTS)];
    uint32_t what = slc_random_below(&c->random, 1000);
    if (what < 60) {
        slc_conn conn;
        slc_time timeout = slc_random_below(&c->random, 20) == 0 ? 1 : SLC_SECOND;
        if (slc_loop_connect(c->loop, at, NULL, NULL, timeout, 0, &conn) == SLC_OK) begin(c, conn);
    } else if (what < 70) {
        slc_loop_close(c->loop, l->conn, false);
    } else if (what < 80) {
        slc_loop_close(c->loop, l->conn, true);
    } else if (what < 200) {
        l->off = what % 3 == 0 && l->conn != 0;
        slc_loop_read(c->loop, l->conn, !l->off);
    } else if (what < 700 && l->conn != 0) {
        send_some(c, l);
    } else {
        (void)turn(c, what < 950 ? 0 : 10 * SLC_MICROSECOND);
    }
}

static void whatever_happens_buffers_come_back_and_connections_end(void **state)
{
    struct chaos *c = calloc(1, sizeof *c);
    const char *given = getenv("SLUICE_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)rig_now();
    print_message("SLUICE_SEED=%llu\n", (unsigned long long)seed);
    slc_random_from_number(&c->random, seed, 0);
    slc_random_bytes(&c->random, c->stream, sizeof c->stream);
    if (slc_loop_new(&c->loop, *(const enum slc_loop_backend *)*state, CONNS, NULL) != SLC_OK) {
        free(c);
        skip();
    }
    struct slc_address any = rig_loopback(0), at;
    slc_conn listener;
    assert_int_equal(slc_loop_listen(c->loop, &any, NULL, 0, &listener, &at, NULL), SLC_OK);
    for (unsigned i = 0; i < STEPS; i++) {
        step(c, &at);
    }
    slc_loop_close(c->loop, listener, false);
    for (size_t i = 0; i < SLOTS; i++) {
        slc_loop_close(c->loop, c->life[i].conn, i % 2 != 0);
    }
    for (slc_time until = rig_now() + RIG_PATIENCE; c->alive > 0;) {
        /* Accepted after all were told to end. */
        for (size_t i = 0; i < SLOTS; i++) {
            if (rig_now() + RIG_PATIENCE > until + SLC_SECOND) slc_loop_close(c->loop, c->life[i].conn, true);
        }
        assert_true(rig_now() < until);
        (void)turn(c, SLC_MILLISECOND);
    }
    print_message("%llu bytes; ended: %zu closed, %zu errors, %zu in time\n", (unsigned long long)c->bytes,
                  c->ended[SLC_CLOSED], c->ended[SLC_IO], c->ended[SLC_TIMEOUT]);
    /* A run in which little happened has shown little. */
    assert_true(c->bytes > 1 << 20 && c->ended[SLC_CLOSED] > 50 && c->ended[SLC_IO] > 10);
    slc_loop_free(c->loop);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_BOTH(whatever_happens_buffers_come_back_and_connections_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
