/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/runtime/actor.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/io/pool.h"

/* How many frames of a link wait to be written: a peer that does not read shows there, and when it reads again, too. */

enum { READER_BUFFER = 4096, FRAME_LEN = 2400 };

static int listen_here(struct slc_address *at)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), small = READER_BUFFER;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(bind(fd, (const struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    *at = (struct slc_address){.version = 4, .ip = {127, 0, 0, 1}, .port = ntohs(in.sin_port)};
    return fd;
}

/* Takes a connection and its upgrade, and then reads nothing. */
static int accept_upgrade(int listener)
{
    struct slc_pool pool;
    struct slc_ws ws;
    struct slc_random random;
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(slc_pool_init(&pool, SLC_SLOT_LARGE + SLC_WS_HEAD_MAX, 1), SLC_OK);
    slc_random_from_number(&random, 1, 1);
    slc_ws_init(&ws, SLC_WS_SERVER, &pool);
    bool open = false;
    while (!open) {
        uint8_t in[2048], out[SLC_WS_REPLY_MAX];
        ssize_t n = read(fd, in, sizeof in);
        assert_true(n > 0);
        slc_ws_feed(&ws, in, (size_t)n);
        struct slc_ws_event event;
        struct slc_writer reply = slc_writer(out, sizeof out);
        while (slc_ws_next(&ws, &event, &random, &reply)) {
            open |= event.kind == SLC_WS_OPEN;
        }
        assert_int_equal(write(fd, out, reply.len), reply.len);
    }
    slc_ws_drop(&ws);
    slc_pool_free(&pool);
    return fd;
}

struct looking {
    slc_link link;
    bool fill;
    size_t waiting;
};

static void fill_and_look(struct actor *a, void *argument, slc_time now)
{
    (void)now;
    struct looking *l = argument;
    for (uint64_t i = 0; l->fill && actor_send(a, l->link, i, FRAME_LEN, 0, true) == SLC_OK;) {
        i++;
    }
    l->waiting = slc_worker_waiting(a->w, l->link);
}

static void pause_shortly(void)
{
    const struct timespec nap = {.tv_nsec = 2 * (long)SLC_MILLISECOND};
    (void)nanosleep(&nap, NULL);
}

static void look_for(struct rig *rig, struct looking *l, size_t least, size_t most)
{
    slc_time until = slc_now() + PATIENCE_S * SLC_SECOND;
    do {
        rig_do(rig, 0, fill_and_look, l);
        if (l->waiting >= least && l->waiting <= most) return;
        pause_shortly();
    } while (slc_now() < until);
    fail_msg("%zu frames wait, not %zu to %zu", l->waiting, least, most);
}

static void frames_wait_for_a_peer_that_does_not_read(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_WS_SERVER);
    rig_start(rig);
    struct slc_address at;
    int listener = listen_here(&at);
    struct connecting c = {.to = at, .protocol = SLC_PROTOCOL_WS_CLIENT, .token = 5};
    rig_do(rig, 0, actor_connect, &c);
    int fd = accept_upgrade(listener);
    struct looking l = {.link = rig_wait(rig, 0, SLC_RECEIVED_OPEN, 1).r.link};
    rig_do(rig, 0, fill_and_look, &l);
    assert_int_equal(l.waiting, 0);
    /* The kernel takes what it has room for; then every slot there is waits. */
    l.fill = true;
    look_for(rig, &l, SMALL_SLOTS, SMALL_SLOTS);
    /* Frames that are not due yet do not count, but there is no slot left for one anyway. Read all of it: */
    l.fill = false;
    uint8_t sink[65536];
    slc_time until = slc_now() + PATIENCE_S * SLC_SECOND;
    while (l.waiting > 0 && slc_now() < until) {
        while (recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0) {
        }
        rig_do(rig, 0, fill_and_look, &l);
    }
    assert_int_equal(l.waiting, 0);
    /* Of a link that is gone nothing waits. */
    l.fill = true;
    look_for(rig, &l, 20, SMALL_SLOTS);
    l.fill = false;
    (void)close(fd);
    (void)rig_wait(rig, 0, SLC_RECEIVED_CLOSED, 1);
    look_for(rig, &l, 0, 0);
    l.link = 0;
    look_for(rig, &l, 0, 0);
    (void)close(listener);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {ON_BOTH(frames_wait_for_a_peer_that_does_not_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
