/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/engine_world.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* One of two gateways stops reading: its clients slow down and come back, the other's notice nothing. */

/* Stands between the clients and the first gateway, and reads what clients send only while it may. */
struct between {
    int listener, client, gateway;
    struct slc_address target;
    pthread_t thread;
    _Atomic bool deaf, stop;
};

static struct between between;
static struct world world;

static int dial(const struct slc_address *to)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(to->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (const struct sockaddr *)&in, sizeof in) != 0) abort();
    return fd;
}

/* False: the end. */
static bool move_bytes(int from, int to)
{
    uint8_t bytes[16384];
    ssize_t n = read(from, bytes, sizeof bytes);
    for (ssize_t done = 0, wrote; done < n; done += wrote) {
        wrote = send(to, bytes + done, (size_t)(n - done), MSG_NOSIGNAL);
        if (wrote <= 0) return false;
    }
    return n > 0;
}

static void *pass_on(void *argument)
{
    struct between *b = argument;
    while (!atomic_load(&b->stop)) {
        bool deaf = atomic_load(&b->deaf);
        struct pollfd fds[] = {{.fd = b->client < 0 ? b->listener : -1, .events = POLLIN},
                               {.fd = deaf ? -1 : b->client, .events = POLLIN},
                               {.fd = b->gateway, .events = POLLIN}};
        (void)poll(fds, 3, 20);
        if (fds[0].revents != 0) {
            b->client = accept(b->listener, NULL, NULL);
            b->gateway = dial(&b->target);
            continue;
        }
        bool alive = (fds[1].revents == 0 || move_bytes(b->client, b->gateway)) &&
                     (fds[2].revents == 0 || move_bytes(b->gateway, b->client));
        if (alive) continue;
        (void)close(b->client);
        (void)close(b->gateway);
        b->client = b->gateway = -1;
    }
    return NULL;
}

static void begin_between(struct slc_address *gateway)
{
    between.listener = socket(AF_INET, SOCK_STREAM, 0);
    between.client = between.gateway = -1;
    between.target = *gateway;
    int small = 4096;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    (void)setsockopt(between.listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(bind(between.listener, (const struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(listen(between.listener, 4), 0);
    assert_int_equal(getsockname(between.listener, (struct sockaddr *)&in, &len), 0);
    gateway->port = ntohs(in.sin_port);
    assert_int_equal(pthread_create(&between.thread, NULL, pass_on, &between), 0);
}

static void end_between(void)
{
    atomic_store(&between.stop, true);
    (void)pthread_join(between.thread, NULL);
    (void)close(between.listener);
    if (between.client >= 0) (void)close(between.client);
    if (between.gateway >= 0) (void)close(between.gateway);
}

static const struct slc_node *gateway(size_t i)
{
    const struct slc_node *gateways[8];
    assert_true(slc_topology_gateways(world.topology, true, gateways, 8) > i);
    return gateways[i];
}

/* The snapshot is ours alone until the engine has it. Slots as often as fill a connection in a moment. */
static void tune(struct slc_engine_config *config)
{
    struct slc_node *node = &world.topology->nodes[gateway(0) - world.topology->nodes];
    begin_between(&node->ws);
    config->traffic.main_mean = 2 * SLC_MILLISECOND;
}

static struct slc_client_counters counters_of(size_t i)
{
    struct slc_client_counters counters;
    slc_engine_gateway_counters(world.engine, gateway(i)->identity, &counters);
    return counters;
}

static void a_gateway_that_does_not_read_slows_its_own_clients_only(void **state)
{
    (void)state;
    make_tuned_world(&world, 2, false, tune);
    wait_for(&world, &world.ready, 2, 20);
    take_for(&world, SLC_SECOND);
    atomic_store(&between.deaf, true);
    slc_time end = slc_now() + 30 * SLC_SECOND;
    while (counters_of(0).slowdowns < 2 && slc_now() < end) {
        take_for(&world, 50 * SLC_MILLISECOND);
    }
    struct slc_client_counters stuck = counters_of(0);
    assert_true(stuck.slowdowns >= 2);
    assert_true(stuck.cover_dropped > 0);
    /* It sends nothing more, and holds no more slots than its queue's. */
    take_for(&world, SLC_SECOND);
    assert_true(counters_of(0).cover_sent - stuck.cover_sent < 5);
    assert_int_equal(counters_of(1).slowdowns, 0);
    struct slc_send send = {.client = 0, .token = 1, .len = 3000, .recipient = world.recipient[1]};
    post(&world, &send);
    send.client = 1;
    send.recipient = world.recipient[1];
    post(&world, &send);
    wait_for(&world, &world.acked, 1, 20);
    atomic_store(&between.deaf, false);
    wait_for(&world, &world.acked, 2, 20);
    while (counters_of(0).speedups == 0 && slc_now() < end + 30 * SLC_SECOND) {
        take_for(&world, 50 * SLC_MILLISECOND);
    }
    assert_true(counters_of(0).speedups > 0);
    assert_int_equal(world.lost, 0);
    end_world(&world);
    end_between();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_gateway_that_does_not_read_slows_its_own_clients_only)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
