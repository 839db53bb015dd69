/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/io/loop_rig.h"

#include <pthread.h>
#include <stdatomic.h>

static const size_t SIZES[] = {1, 2, 100, 2413, 16384, 65537, 1 << 20};

enum { SIZE_COUNT = sizeof SIZES / sizeof SIZES[0] };

static void echo_returns_every_byte_at_sizes_up_to_a_mebibyte(void **state)
{
    struct rig *rig = rig_of(state, 8);
    struct slc_address at = rig_listen(rig, NULL, RIG_ECHO);
    slc_conn conn = rig_connect(rig, &at, NULL, NULL, SLC_SECOND);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        uint8_t *bytes = rig_pattern(SIZES[i], (uint32_t)i);
        rig->got[rig_slot(conn)].len = i == 0 ? 0 : rig->got[rig_slot(conn)].len;
        size_t before = rig->got[rig_slot(conn)].len;
        assert_int_equal(slc_loop_send(rig->loop, conn, bytes, SIZES[i], i), SLC_OK);
        RIG_UNTIL(rig, rig->got[rig_slot(conn)].len == before + SIZES[i] && rig->sent == i + 1);
        assert_memory_equal(rig->got[rig_slot(conn)].bytes + before, bytes, SIZES[i]);
        free(bytes);
    }
    assert_non_null(rig_last(rig, SLC_LOOP_CONNECTED, conn));
    rig_free(rig);
}

static void two_hundred_connections_at_once_all_get_their_own_bytes(void **state)
{
    enum { CONNECTIONS = 200, BYTES = 5000 };
    struct rig *rig = rig_of(state, 2 * CONNECTIONS);
    struct slc_address at = rig_listen(rig, NULL, RIG_ECHO);
    slc_conn conn[CONNECTIONS];
    uint8_t *bytes[CONNECTIONS];
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        conn[i] = rig_connect(rig, &at, NULL, NULL, 10 * SLC_SECOND);
        bytes[i] = rig_pattern(BYTES, i);
        assert_int_equal(slc_loop_send(rig->loop, conn[i], bytes[i], BYTES, i), SLC_OK);
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        RIG_UNTIL(rig, rig->got[rig_slot(conn[i])].len == BYTES);
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        assert_memory_equal(rig->got[rig_slot(conn[i])].bytes, bytes[i], BYTES);
        slc_loop_close(rig->loop, conn[i], false);
    }
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_CLOSED) == (size_t)2 * CONNECTIONS);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        assert_int_equal(rig_last(rig, SLC_LOOP_CLOSED, conn[i])->status, SLC_CLOSED);
        free(bytes[i]);
    }
    rig_check_order(rig);
    rig_free(rig);
}

/* A connection of the loop whose other end is a blocking socket. */
static slc_conn accept_peer(struct rig *rig, uint64_t token, int *fd)
{
    struct slc_address at = rig_listen(rig, NULL, token);
    size_t before = rig_count(rig, SLC_LOOP_ACCEPTED);
    *fd = peer_connect(&at);
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_ACCEPTED) > before);
    const struct slc_loop_event *event = rig_last(rig, SLC_LOOP_ACCEPTED, 0);
    struct sockaddr_in self;
    socklen_t len = sizeof self;
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&self, &len), 0);
    assert_int_equal(event->peer.port, ntohs(self.sin_port));
    assert_true(slc_address_is_loopback(&event->peer));
    return event->conn;
}

static void buffers_of_one_turn_keep_their_order_and_leave_together(void **state)
{
    enum { BUFFERS = 300, BYTES = 24 };
    struct rig *rig = rig_of(state, 4);
    int fd;
    slc_conn conn = accept_peer(rig, RIG_SINK, &fd);
    uint8_t *bytes = rig_pattern((size_t)BUFFERS * BYTES, 7), got[BUFFERS * BYTES];
    uint64_t calls = slc_loop_system_calls(rig->loop);
    for (unsigned i = 0; i < BUFFERS; i++) {
        assert_int_equal(slc_loop_send(rig->loop, conn, bytes + (size_t)i * BYTES, BYTES, i), SLC_OK);
    }
    RIG_UNTIL(rig, rig->sent == BUFFERS);
    assert_true(slc_loop_system_calls(rig->loop) - calls < BUFFERS / 10);
    assert_int_equal(recv(fd, got, sizeof got, MSG_WAITALL), sizeof got);
    assert_memory_equal(got, bytes, sizeof got);
    uint64_t next = 0;
    for (size_t i = 0; i < rig->logged; i++) {
        if (rig->log[i].kind == SLC_LOOP_SENT) assert_int_equal(rig->log[i].cookie, next++);
    }
    free(bytes);
    close(fd);
    rig_free(rig);
}

static void a_peer_that_does_not_read_fills_the_queue_and_loses_nothing(void **state)
{
    enum { BYTES = 64 << 10, TURNS = 400 };
    struct rig *rig = rig_of(state, 4);
    int fd;
    slc_conn conn = accept_peer(rig, RIG_SINK, &fd);
    uint8_t *bytes = rig_pattern(BYTES, 3);
    size_t queued = 0;
    enum slc_status status = SLC_OK;
    /* The kernel's buffers take some megabytes first. */
    for (unsigned i = 0; i < TURNS && status == SLC_OK; i++) {
        status = slc_loop_send(rig->loop, conn, bytes, BYTES, queued);
        if (status == SLC_OK) queued++;
        (void)rig_turn(rig, 0);
    }
    assert_int_equal(status, SLC_FULL);
    assert_true(rig->sent < queued && (queued - rig->sent) * BYTES <= 5 << 20);
    uint8_t *got = malloc(queued * BYTES);
    size_t len = 0;
    RIG_UNTIL(rig,
              (assert_true(peer_read(fd, got, queued * BYTES, &len)), len == queued * BYTES && rig->sent == queued));
    for (size_t i = 0; i < queued; i++) {
        assert_memory_equal(got + i * BYTES, bytes, BYTES);
    }
    assert_int_equal(slc_loop_send(rig->loop, conn, bytes, BYTES, queued), SLC_OK);
    RIG_UNTIL(rig, rig->sent == queued + 1);
    free(got);
    free(bytes);
    close(fd);
    rig_free(rig);
}

static void no_data_comes_while_reading_is_off_and_all_of_it_afterwards(void **state)
{
    enum { BYTES = 200000 };
    struct rig *rig = rig_of(state, 4);
    int fd;
    slc_conn conn = accept_peer(rig, RIG_SINK, &fd);
    uint8_t *bytes = rig_pattern(BYTES, 11);
    size_t slot = rig_slot(conn);
    /* The second piece may be received before the loop stops; it must wait all the same. */
    assert_int_equal(send(fd, bytes, 1000, 0), 1000);
    RIG_UNTIL(rig, rig->got[slot].len == 1000);
    assert_int_equal(send(fd, bytes + 1000, 99000, 0), 99000);
    slc_loop_read(rig->loop, conn, false);
    for (unsigned i = 0; i < 20; i++) {
        (void)rig_turn(rig, SLC_MILLISECOND);
    }
    assert_int_equal(rig->got[slot].len, 1000);
    assert_int_equal(send(fd, bytes + 100000, 100000, 0), 100000);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    for (unsigned i = 0; i < 20; i++) {
        (void)rig_turn(rig, SLC_MILLISECOND);
    }
    assert_int_equal(rig->got[slot].len, 1000);
    assert_int_equal(rig_count(rig, SLC_LOOP_CLOSED), 0);
    slc_loop_read(rig->loop, conn, true);
    RIG_UNTIL(rig, rig_last(rig, SLC_LOOP_CLOSED, conn) != NULL);
    assert_int_equal(rig->got[slot].len, BYTES);
    assert_memory_equal(rig->got[slot].bytes, bytes, BYTES);
    rig_check_order(rig);
    free(bytes);
    close(fd);
    rig_free(rig);
}

static void bytes_that_are_read_but_not_delivered_wait_too(void **state)
{
    struct rig *rig = rig_of(state, 4);
    int fd[2];
    slc_conn conn[2] = {accept_peer(rig, RIG_SINK, &fd[0]), accept_peer(rig, RIG_SINK, &fd[1])};
    /* Both are read in one turn; room for one event leaves the other's bytes inside the loop. */
    assert_int_equal(send(fd[0], "first", 5, 0), 5);
    assert_int_equal(send(fd[1], "first", 5, 0), 5);
    struct slc_loop_event event;
    slc_time until = rig_now() + RIG_PATIENCE;
    while (slc_loop_wait(rig->loop, SLC_MILLISECOND, &event, 1) == 0) {
        assert_true(rig_now() < until);
    }
    unsigned other = event.conn == conn[0];
    slc_loop_read(rig->loop, conn[other], false);
    assert_int_equal(send(fd[other], " second", 7, 0), 7);
    for (unsigned i = 0; i < 20; i++) {
        (void)rig_turn(rig, SLC_MILLISECOND);
    }
    assert_int_equal(rig->got[rig_slot(conn[other])].len, 0);
    /* Its share of the buffers is not lost to the one that reads. */
    assert_int_equal(send(fd[1 - other], " second", 7, 0), 7);
    RIG_UNTIL(rig, rig->got[rig_slot(conn[1 - other])].len == 7);
    slc_loop_read(rig->loop, conn[other], true);
    RIG_UNTIL(rig, rig->got[rig_slot(conn[other])].len == 12);
    assert_memory_equal(rig->got[rig_slot(conn[other])].bytes, "first second", 12);
    close(fd[0]);
    close(fd[1]);
    rig_free(rig);
}

/* A port of the loopback that is taken and where nobody listens. */
static int silent_port(struct slc_address *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    *address = rig_loopback(ntohs(in.sin_port));
    return fd;
}

static void connecting_where_nobody_listens_is_refused(void **state)
{
    struct rig *rig = rig_of(state, 4);
    struct slc_address at;
    int fd = silent_port(&at);
    slc_conn conn = rig_connect(rig, &at, NULL, NULL, SLC_SECOND);
    uint8_t byte = 0;
    assert_int_equal(slc_loop_send(rig->loop, conn, &byte, 1, 5), SLC_OK);
    RIG_UNTIL(rig, rig_last(rig, SLC_LOOP_CLOSED, conn) != NULL);
    assert_int_equal(rig_last(rig, SLC_LOOP_CLOSED, conn)->status, SLC_REFUSED);
    assert_int_equal(rig->sent, 1);
    assert_int_equal(rig_count(rig, SLC_LOOP_CONNECTED), 0);
    rig_check_order(rig);
    close(fd);
    rig_free(rig);
}

static void connecting_to_a_full_backlog_times_out(void **state)
{
    struct rig *rig = rig_of(state, 8);
    struct slc_address at;
    int fd = silent_port(&at);
    assert_int_equal(listen(fd, 0), 0);
    /* The kernel takes one more than asked for; what comes then gets no answer. */
    int first = peer_connect(&at);
    slc_time begun = rig_now();
    slc_conn conn = rig_connect(rig, &at, NULL, NULL, 50 * SLC_MILLISECOND);
    RIG_UNTIL(rig, rig_last(rig, SLC_LOOP_CLOSED, conn) != NULL);
    assert_int_equal(rig_last(rig, SLC_LOOP_CLOSED, conn)->status, SLC_TIMEOUT);
    assert_true(rig_now() - begun >= 50 * SLC_MILLISECOND);
    close(first);
    close(fd);
    rig_free(rig);
}

static void a_port_in_use_is_named(void **state)
{
    struct rig *rig = rig_of(state, 4);
    struct slc_address at = rig_listen(rig, NULL, RIG_SINK);
    struct slc_error error = {0};
    slc_conn listener;
    char expected[SLC_ADDRESS_TEXT_MAX + 32];
    snprintf(expected, sizeof expected, "127.0.0.1:%u: address in use", at.port);
    assert_int_equal(slc_loop_listen(rig->loop, &at, NULL, 0, &listener, NULL, &error), SLC_IO);
    assert_string_equal(error.text, expected);
    rig_free(rig);
}

static void a_stale_id_touches_nobody(void **state)
{
    struct rig *rig = rig_of(state, 1);
    struct slc_address at = rig_listen(rig, NULL, RIG_SINK);
    int first = peer_connect(&at);
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_ACCEPTED) == 1);
    slc_conn stale = rig_last(rig, SLC_LOOP_ACCEPTED, 0)->conn;
    close(first);
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_CLOSED) == 1);
    int second = peer_connect(&at);
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_ACCEPTED) == 2);
    slc_conn fresh = rig_last(rig, SLC_LOOP_ACCEPTED, 0)->conn;
    assert_int_equal((uint32_t)stale, (uint32_t)fresh);
    uint8_t byte = 'x';
    assert_int_equal(slc_loop_send(rig->loop, stale, &byte, 1, 0), SLC_CLOSED);
    assert_int_equal(slc_loop_send(rig->loop, 0, &byte, 1, 0), SLC_CLOSED);
    slc_loop_read(rig->loop, stale, false);
    slc_loop_set_token(rig->loop, stale, 99);
    slc_loop_close(rig->loop, stale, true);
    assert_int_equal(send(second, "y", 1, 0), 1);
    RIG_UNTIL(rig, rig->got[rig_slot(fresh)].len == 1);
    assert_int_equal(rig_last(rig, SLC_LOOP_DATA, fresh)->token, RIG_SINK);
    close(second);
    rig_free(rig);
}

static void an_orderly_close_sends_everything_and_then_the_end(void **state)
{
    enum { BYTES = 3 << 20 };
    struct rig *rig = rig_of(state, 4);
    int fd;
    slc_conn conn = accept_peer(rig, RIG_SINK, &fd);
    uint8_t *bytes = rig_pattern(BYTES, 5), *got = malloc(BYTES + 1);
    assert_int_equal(slc_loop_send(rig->loop, conn, bytes, BYTES, 1), SLC_OK);
    slc_loop_close(rig->loop, conn, false);
    assert_int_equal(slc_loop_send(rig->loop, conn, bytes, BYTES, 2), SLC_CLOSED);
    size_t len = 0;
    RIG_UNTIL(rig, !peer_read(fd, got, BYTES + 1, &len));
    assert_int_equal(len, BYTES);
    assert_memory_equal(got, bytes, BYTES);
    close(fd);
    RIG_UNTIL(rig, rig_last(rig, SLC_LOOP_CLOSED, conn) != NULL);
    assert_int_equal(rig_last(rig, SLC_LOOP_CLOSED, conn)->status, SLC_CLOSED);
    assert_int_equal(rig->sent, 1);
    rig_check_order(rig);
    free(bytes);
    free(got);
    rig_free(rig);
}

static void an_orderly_close_gives_up_on_a_peer_that_does_not_read(void **state)
{
    enum { BYTES = 1 << 20, BUFFERS = 12 };
    struct rig *rig = rig_of(state, 4);
    int fd;
    slc_conn conn = accept_peer(rig, RIG_SINK, &fd);
    uint8_t *bytes = rig_pattern(BYTES, 5);
    uint64_t queued = 0;
    for (unsigned i = 0; i < BUFFERS; i++) {
        if (slc_loop_send(rig->loop, conn, bytes, BYTES, i) == SLC_OK) queued++;
        (void)rig_turn(rig, 0);
    }
    assert_true(rig->sent < queued);
    slc_loop_close(rig->loop, conn, false);
    slc_time begun = rig_now();
    RIG_UNTIL(rig, rig_last(rig, SLC_LOOP_CLOSED, conn) != NULL);
    assert_true(rig_now() - begun < 4 * SLC_SECOND);
    assert_int_equal(rig_last(rig, SLC_LOOP_CLOSED, conn)->status, SLC_TIMEOUT);
    assert_int_equal(rig->sent, queued);
    rig_check_order(rig);
    free(bytes);
    close(fd);
    rig_free(rig);
}

static void a_reset_is_a_reset_to_the_peer(void **state)
{
    struct rig *rig = rig_of(state, 4);
    int fd;
    slc_conn conn = accept_peer(rig, RIG_SINK, &fd);
    slc_loop_close(rig->loop, conn, true);
    RIG_UNTIL(rig, rig_last(rig, SLC_LOOP_CLOSED, conn) != NULL);
    assert_int_equal(rig_last(rig, SLC_LOOP_CLOSED, conn)->status, SLC_CLOSED);
    uint8_t byte;
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(fd);
    rig_free(rig);
}

static void freeing_the_loop_resets_what_is_open_and_in_flight(void **state)
{
    enum { BYTES = 4 << 20 };
    struct rig *rig = rig_of(state, 4);
    int fd;
    slc_conn conn = accept_peer(rig, RIG_SINK, &fd);
    uint8_t *bytes = rig_pattern(BYTES, 2), *got = malloc(BYTES);
    assert_int_equal(slc_loop_send(rig->loop, conn, bytes, BYTES, 0), SLC_OK);
    (void)rig_turn(rig, 0);
    rig_free(rig);
    memset(bytes, 0, BYTES);
    ssize_t n;
    while ((n = recv(fd, got, BYTES, 0)) > 0) {
    }
    assert_int_equal(n, -1);
    assert_int_equal(errno, ECONNRESET);
    free(bytes);
    free(got);
    close(fd);
}

static void what_came_before_a_reset_is_read_though_sending_fails_first(void **state)
{
    struct rig *rig = rig_of(state, 4);
    struct slc_address bound = rig_listen(rig, NULL, RIG_SINK);
    for (int i = 0; i < 50; i++) {
        size_t closed = rig_count(rig, SLC_LOOP_CLOSED), accepted = rig_count(rig, SLC_LOOP_ACCEPTED);
        int fd = peer_connect(&bound);
        RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_ACCEPTED) == accepted + 1);
        slc_conn conn = rig_last(rig, SLC_LOOP_ACCEPTED, 0)->conn;
        uint8_t *sent = rig_pattern(5000, (uint32_t)i);
        assert_int_equal(write(fd, sent, 5000), 5000);
        peer_reset(fd);
        /* Too late for the peer; both the data and the failure wait for the next turn. */
        static uint8_t answer[100];
        assert_int_equal(slc_loop_send(rig->loop, conn, answer, sizeof answer, 7), SLC_OK);
        RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_CLOSED) == closed + 1);
        assert_int_equal(rig->got[rig_slot(conn)].len, 5000);
        assert_memory_equal(rig->got[rig_slot(conn)].bytes, sent, 5000);
        assert_int_equal(rig_last(rig, SLC_LOOP_CLOSED, conn)->status, SLC_IO);
        free(sent);
    }
    rig_check_order(rig);
    rig_free(rig);
}

static void the_peers_reset_is_reported_with_its_error(void **state)
{
    struct rig *rig = rig_of(state, 4);
    int fd;
    slc_conn conn = accept_peer(rig, RIG_SINK, &fd);
    peer_reset(fd);
    RIG_UNTIL(rig, rig_last(rig, SLC_LOOP_CLOSED, conn) != NULL);
    assert_int_equal(rig_last(rig, SLC_LOOP_CLOSED, conn)->status, SLC_IO);
    assert_int_equal(rig_last(rig, SLC_LOOP_CLOSED, conn)->system_error, ECONNRESET);
    uint8_t byte = 0;
    assert_int_equal(slc_loop_send(rig->loop, conn, &byte, 1, 0), SLC_CLOSED);
    rig_free(rig);
}

static void a_peer_that_half_closes_still_gets_what_is_queued(void **state)
{
    enum { BYTES = 4 << 20 };
    struct rig *rig = rig_of(state, 4);
    int fd;
    slc_conn conn = accept_peer(rig, RIG_SINK, &fd);
    uint8_t *bytes = rig_pattern(BYTES, 9), *got = malloc(BYTES + 1);
    assert_int_equal(slc_loop_send(rig->loop, conn, bytes, BYTES, 1), SLC_OK);
    assert_int_equal(send(fd, "question", 8, 0), 8);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    size_t len = 0;
    RIG_UNTIL(rig, !peer_read(fd, got, BYTES + 1, &len) && rig_last(rig, SLC_LOOP_CLOSED, conn) != NULL);
    assert_int_equal(len, BYTES);
    assert_memory_equal(got, bytes, BYTES);
    assert_int_equal(rig->got[rig_slot(conn)].len, 8);
    assert_int_equal(rig_last(rig, SLC_LOOP_CLOSED, conn)->status, SLC_CLOSED);
    rig_check_order(rig);
    free(bytes);
    free(got);
    close(fd);
    rig_free(rig);
}

static void a_full_table_refuses_to_connect_and_pauses_accepting(void **state)
{
    struct rig *rig = rig_of(state, 2);
    struct slc_address at = rig_listen(rig, NULL, RIG_SINK);
    int fd[3];
    for (unsigned i = 0; i < 3; i++) {
        fd[i] = peer_connect(&at);
    }
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_ACCEPTED) == 2 && slc_loop_accept_pauses(rig->loop) == 1);
    uint64_t calls = slc_loop_system_calls(rig->loop);
    for (unsigned i = 0; i < 10; i++) {
        (void)rig_turn(rig, SLC_MILLISECOND);
    }
    assert_true(slc_loop_system_calls(rig->loop) - calls < 30);
    slc_conn conn;
    assert_int_equal(slc_loop_connect(rig->loop, &at, NULL, NULL, SLC_SECOND, 0, &conn), SLC_FULL);
    /* The third waits in the backlog. */
    close(fd[0]);
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_ACCEPTED) == 3);
    assert_int_equal(send(fd[2], "y", 1, 0), 1);
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_DATA) == 1);
    close(fd[1]);
    close(fd[2]);
    rig_free(rig);
}

static void a_big_table_takes_a_burst_of_peers(void **state)
{
    enum { PEERS = 300, TABLE = 10000 };
    struct rig *rig = rig_of(state, TABLE);
    struct slc_address at = rig_listen(rig, NULL, RIG_SINK);
    int fd[PEERS];
    for (unsigned i = 0; i < PEERS; i++) {
        fd[i] = peer_connect(&at);
        assert_int_equal(send(fd[i], &i, sizeof i, 0), sizeof i);
    }
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_DATA) == PEERS);
    assert_int_equal(rig_count(rig, SLC_LOOP_ACCEPTED), PEERS);
    for (unsigned i = 0; i < PEERS; i++) {
        close(fd[i]);
    }
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_CLOSED) == PEERS);
    assert_int_equal(slc_loop_accept_pauses(rig->loop), 0);
    rig_check_order(rig);
    rig_free(rig);
}

static void a_closed_listener_takes_nobody_and_frees_its_port(void **state)
{
    struct rig *rig = rig_of(state, 4);
    struct slc_address any = rig_loopback(0), bound;
    slc_conn listener, again;
    assert_int_equal(slc_loop_listen(rig->loop, &any, NULL, RIG_SINK, &listener, &bound, NULL), SLC_OK);
    (void)rig_turn(rig, 0);
    slc_loop_close(rig->loop, listener, false);
    enum slc_status status = SLC_IO;
    RIG_UNTIL(rig, (status = slc_loop_listen(rig->loop, &bound, NULL, RIG_SINK, &again, NULL, NULL)) == SLC_OK);
    int fd = peer_connect(&bound);
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_ACCEPTED) == 1);
    assert_int_equal(rig_count(rig, SLC_LOOP_CLOSED), 0);
    close(fd);
    rig_free(rig);
}

static void one_event_at_a_time_loses_nothing(void **state)
{
    enum { BYTES = 1 << 20, PEERS = 3 };
    struct rig *rig = rig_of(state, 8);
    int fd[PEERS];
    slc_conn conn[PEERS];
    uint8_t *bytes = rig_pattern(BYTES, 1);
    size_t sent[PEERS] = {0}, got[PEERS] = {0};
    for (unsigned i = 0; i < PEERS; i++) {
        conn[i] = accept_peer(rig, RIG_SINK, &fd[i]);
    }
    slc_time until = rig_now() + RIG_PATIENCE;
    while (got[0] + got[1] + got[2] < (size_t)PEERS * BYTES) {
        assert_true(rig_now() < until);
        for (unsigned i = 0; i < PEERS; i++) {
            ssize_t n = send(fd[i], bytes + sent[i], BYTES - sent[i], MSG_DONTWAIT);
            if (n > 0) sent[i] += (size_t)n;
        }
        struct slc_loop_event event;
        if (slc_loop_wait(rig->loop, SLC_MILLISECOND, &event, 1) == 0) continue;
        assert_int_equal(event.kind, SLC_LOOP_DATA);
        unsigned i = event.conn == conn[0] ? 0 : event.conn == conn[1] ? 1 : 2;
        assert_memory_equal(event.data, bytes + got[i], event.len);
        got[i] += event.len;
    }
    for (unsigned i = 0; i < PEERS; i++) {
        close(fd[i]);
    }
    free(bytes);
    rig_free(rig);
}

static void a_short_wait_is_as_long_as_asked(void **state)
{
    struct rig *rig = rig_of(state, 1);
    (void)rig_turn(rig, 0);
    bool exact = false;
    /* A busy machine may wake us late, but not every time; whole milliseconds would be too long each time. */
    for (unsigned i = 0; i < 2000 && !exact; i++) {
        slc_time begun = rig_now();
        assert_int_equal(rig_turn(rig, 300 * SLC_MICROSECOND), 0);
        slc_time took = rig_now() - begun;
        assert_true(took >= 300 * SLC_MICROSECOND);
        exact = took < 900 * SLC_MICROSECOND;
    }
    assert_true(exact);
    rig_free(rig);
}

/* ---- other threads ---- */

enum { WAKES = 20000 };

struct waker {
    struct slc_loop *loop;
    atomic_uint announced; /* by the other thread, before each wake */
    atomic_uint seen;
};

static void *wake_often(void *argument)
{
    struct waker *w = argument;
    for (unsigned i = 0; i < WAKES; i++) {
        atomic_store_explicit(&w->announced, i + 1, memory_order_relaxed);
        slc_loop_wake(w->loop);
        /* Mostly only when the last was seen, so that the loop is often asleep and no later wake helps a lost one. */
        while (i % 3 != 0 && atomic_load_explicit(&w->seen, memory_order_relaxed) <= i) {
        }
    }
    return NULL;
}

static void no_wake_from_another_thread_is_lost(void **state)
{
    struct rig *rig = rig_of(state, 1);
    struct waker w = {.loop = rig->loop};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_often, &w), 0);
    uint64_t turns = 0;
    while (atomic_load_explicit(&w.seen, memory_order_relaxed) < WAKES) {
        struct slc_loop_event event;
        slc_time begun = rig_now();
        assert_int_equal(slc_loop_wait(rig->loop, RIG_PATIENCE, &event, 1), 0);
        assert_true(rig_now() - begun < RIG_PATIENCE);
        atomic_store_explicit(&w.seen, atomic_load_explicit(&w.announced, memory_order_relaxed), memory_order_relaxed);
        turns++;
    }
    pthread_join(thread, NULL);
    /* At most one call of the waker and (for io_uring, a submission ahead) two of the loop for each turn. */
    assert_true(slc_loop_system_calls(rig->loop) <= 3 * turns + 8);
    rig_free(rig);
}

static void a_wake_before_the_wait_costs_no_system_call_and_is_kept(void **state)
{
    struct rig *rig = rig_of(state, 1);
    (void)rig_turn(rig, 0);
    uint64_t calls = slc_loop_system_calls(rig->loop);
    for (unsigned i = 0; i < 100; i++) {
        slc_loop_wake(rig->loop);
    }
    assert_int_equal(slc_loop_system_calls(rig->loop), calls);
    slc_time begun = rig_now();
    assert_int_equal(rig_turn(rig, RIG_PATIENCE), 0);
    assert_true(rig_now() - begun < RIG_PATIENCE / 2);
    rig_free(rig);
}

static void *run_elsewhere(void *argument)
{
    struct rig *rig = argument;
    uint8_t byte = 'z';
    slc_conn conn = rig->log[0].conn;
    if (slc_loop_send(rig->loop, conn, &byte, 1, 0) != SLC_OK) return NULL;
    slc_time until = rig_now() + RIG_PATIENCE;
    while (rig->got[(uint32_t)conn].len == 0 && rig_now() < until) {
        (void)rig_turn(rig, 10 * SLC_MILLISECOND);
    }
    return rig;
}

static void a_loop_may_be_made_and_freed_by_a_thread_that_has_its_own(void **state)
{
    struct rig *mine = rig_of(state, 4), *rig = rig_of(state, 4);
    struct slc_address here = rig_listen(mine, NULL, RIG_ECHO), at = rig_listen(rig, NULL, RIG_ECHO);
    slc_conn my_conn = rig_connect(mine, &here, NULL, NULL, SLC_SECOND);
    RIG_UNTIL(mine, rig_count(mine, SLC_LOOP_CONNECTED) == 1);

    slc_conn conn = rig_connect(rig, &at, NULL, NULL, SLC_SECOND);
    rig->log[0].conn = conn;
    pthread_t thread;
    void *done = NULL;
    assert_int_equal(pthread_create(&thread, NULL, run_elsewhere, rig), 0);
    pthread_join(thread, &done);
    assert_ptr_equal(done, rig);
    assert_int_equal(rig->got[rig_slot(conn)].len, 1);
    rig_free(rig);

    uint8_t byte = 'm';
    assert_int_equal(slc_loop_send(mine->loop, my_conn, &byte, 1, 0), SLC_OK);
    RIG_UNTIL(mine, mine->got[rig_slot(my_conn)].len == 1);
    rig_free(mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_BOTH(echo_returns_every_byte_at_sizes_up_to_a_mebibyte),
        RIG_BOTH(two_hundred_connections_at_once_all_get_their_own_bytes),
        RIG_BOTH(buffers_of_one_turn_keep_their_order_and_leave_together),
        RIG_BOTH(a_peer_that_does_not_read_fills_the_queue_and_loses_nothing),
        RIG_BOTH(no_data_comes_while_reading_is_off_and_all_of_it_afterwards),
        RIG_BOTH(bytes_that_are_read_but_not_delivered_wait_too),
        RIG_BOTH(connecting_where_nobody_listens_is_refused),
        RIG_BOTH(connecting_to_a_full_backlog_times_out),
        RIG_BOTH(a_port_in_use_is_named),
        RIG_BOTH(a_stale_id_touches_nobody),
        RIG_BOTH(an_orderly_close_sends_everything_and_then_the_end),
        RIG_BOTH(an_orderly_close_gives_up_on_a_peer_that_does_not_read),
        RIG_BOTH(a_reset_is_a_reset_to_the_peer),
        RIG_BOTH(freeing_the_loop_resets_what_is_open_and_in_flight),
        RIG_BOTH(what_came_before_a_reset_is_read_though_sending_fails_first),
        RIG_BOTH(the_peers_reset_is_reported_with_its_error),
        RIG_BOTH(a_peer_that_half_closes_still_gets_what_is_queued),
        RIG_BOTH(a_full_table_refuses_to_connect_and_pauses_accepting),
        RIG_BOTH(a_big_table_takes_a_burst_of_peers),
        RIG_BOTH(a_closed_listener_takes_nobody_and_frees_its_port),
        RIG_BOTH(one_event_at_a_time_loses_nothing),
        RIG_BOTH(a_short_wait_is_as_long_as_asked),
        RIG_BOTH(no_wake_from_another_thread_is_lost),
        RIG_BOTH(a_wake_before_the_wait_costs_no_system_call_and_is_kept),
        RIG_BOTH(a_loop_may_be_made_and_freed_by_a_thread_that_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
