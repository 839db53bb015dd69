/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/mininet.h"

#include <stdlib.h>

#include "tests/support/vectors.h"

/* Clients, sessions and messages end to end in a small mixnet: what is handed in arrives once, acks come back. */

static uint8_t *bytes_of(uint64_t seed, size_t len)
{
    struct slc_random random;
    uint8_t *data = malloc(len + 1);
    assert_non_null(data);
    slc_random_from_number(&random, seed, 99);
    slc_random_bytes(&random, data, len);
    return data;
}

static void expect_delivery(struct mininet *net, uint32_t to, const uint8_t *data, size_t len)
{
    struct mininet_delivery *d = mininet_next(net);
    assert_non_null(d);
    assert_int_equal(d->index, to);
    assert_int_equal(d->len, len);
    assert_memory_equal(d->data, data, len);
    mininet_forget(d);
}

static void messages_of_every_length_arrive_once_and_are_acked(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 1602, 1603, 1604, 3000, 50000, 1000000};
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    struct mininet *net = mininet_new(1, 2, &traffic, 256);
    mininet_ready(net);
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t *data = bytes_of(i, lengths[i]);
        assert_int_equal(mininet_send(net, 0, 1, i, data, lengths[i], false, 0), SLC_OK);
        mininet_run(net, 3 * SLC_SECOND);
        expect_delivery(net, 1, data, lengths[i]);
        assert_null(mininet_next(net));
        assert_int_equal(net->client[0].sent, i + 1);
        assert_int_equal(net->client[0].acked, i + 1);
        assert_int_equal(net->done_count, i + 1);
        free(data);
    }
    const struct slc_client_counters *counters = slc_clients_counters(net->clients);
    assert_int_equal(counters->retransmitted, 0);
    assert_int_equal(counters->acks_received, counters->real_sent);
    assert_int_equal(counters->unknown_acks, 0);
    mininet_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_every_length_arrive_once_and_are_acked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
