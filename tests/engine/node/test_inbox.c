/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "engine/node/inbox.h"

#include <stdlib.h>
#include <string.h>

static void identity_of(uint8_t identity[SLC_IDENTITY_BYTES], unsigned number)
{
    /* All in the same list of the table: only the last bytes differ. */
    memset(identity, 7, SLC_IDENTITY_BYTES);
    memcpy(identity + SLC_IDENTITY_BYTES - sizeof number, &number, sizeof number);
}

static enum slc_status put(struct slc_inbox *inbox, unsigned client, uint32_t number)
{
    uint8_t identity[SLC_IDENTITY_BYTES], payload[40];
    identity_of(identity, client);
    memset(payload, (int)client, sizeof payload);
    memcpy(payload, &number, sizeof number);
    return slc_inbox_put(inbox, identity, slc_bytes(payload, sizeof payload));
}

/* The number of the oldest payload, which is checked to be the client's; -1: none. */
static int64_t first(const struct slc_inbox *inbox, unsigned client)
{
    uint8_t identity[SLC_IDENTITY_BYTES];
    identity_of(identity, client);
    struct slc_bytes payload;
    if (!slc_inbox_first(inbox, identity, &payload)) return -1;
    uint32_t number;
    memcpy(&number, payload.data, sizeof number);
    assert_int_equal(payload.len, 40);
    assert_int_equal(payload.data[39], client);
    return number;
}

static void drop(struct slc_inbox *inbox, unsigned client)
{
    uint8_t identity[SLC_IDENTITY_BYTES];
    identity_of(identity, client);
    slc_inbox_drop_first(inbox, identity);
}

static void payloads_come_out_in_order_and_for_their_client_only(void **state)
{
    (void)state;
    struct slc_inbox *inbox;
    assert_int_equal(slc_inbox_new(&inbox, 10, 100), SLC_OK);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(put(inbox, 1, i), SLC_OK);
        assert_int_equal(put(inbox, 2, 100 + i), SLC_OK);
    }
    assert_int_equal(slc_inbox_count(inbox), 10);
    assert_int_equal(first(inbox, 3), -1);
    drop(inbox, 3);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(first(inbox, 1), i);
        drop(inbox, 1);
        assert_int_equal(first(inbox, 2), 100);
    }
    assert_int_equal(first(inbox, 1), -1);
    assert_int_equal(put(inbox, 1, 77), SLC_OK);
    assert_int_equal(first(inbox, 1), 77);
    assert_int_equal(slc_inbox_count(inbox), 6);
    slc_inbox_free(inbox);
}

static void both_bounds_hold_and_room_comes_back(void **state)
{
    (void)state;
    struct slc_inbox *inbox;
    assert_int_equal(slc_inbox_new(&inbox, 3, 5), SLC_OK);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(put(inbox, 1, i), SLC_OK);
    }
    assert_int_equal(put(inbox, 1, 3), SLC_FULL);
    assert_int_equal(put(inbox, 2, 0), SLC_OK);
    assert_int_equal(put(inbox, 2, 1), SLC_OK);
    assert_int_equal(put(inbox, 2, 2), SLC_FULL);
    drop(inbox, 1);
    assert_int_equal(put(inbox, 2, 2), SLC_OK);
    uint8_t identity[SLC_IDENTITY_BYTES];
    identity_of(identity, 2);
    slc_inbox_forget(inbox, identity);
    assert_int_equal(slc_inbox_count(inbox), 2);
    assert_int_equal(first(inbox, 2), -1);
    assert_int_equal(first(inbox, 1), 1);
    slc_inbox_free(inbox);
}

static void a_random_life_keeps_what_a_plain_list_keeps(void **state)
{
    (void)state;
    enum { CLIENTS = 5, EACH = 8, ALL = 25 };
    struct slc_random random;
    slc_test_random(&random, 11);
    struct slc_inbox *inbox;
    assert_int_equal(slc_inbox_new(&inbox, EACH, ALL), SLC_OK);
    uint32_t list[CLIENTS][EACH];
    size_t len[CLIENTS] = {0}, all = 0;
    for (uint32_t step = 0; step < 20000; step++) {
        unsigned client = slc_random_below(&random, CLIENTS);
        if (slc_random_below(&random, 5) < 3) {
            bool room = len[client] < EACH && all < ALL;
            assert_int_equal(put(inbox, client, step), room ? SLC_OK : SLC_FULL);
            if (room) list[client][len[client]++] = step;
            all += room;
        } else {
            assert_int_equal(first(inbox, client), len[client] > 0 ? (int64_t)list[client][0] : -1);
            drop(inbox, client);
            if (len[client] == 0) continue;
            memmove(list[client], list[client] + 1, --len[client] * sizeof **list);
            all--;
        }
        assert_int_equal(slc_inbox_count(inbox), all);
    }
    slc_inbox_free(inbox); /* with letters in it: the leak checker watches */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads_come_out_in_order_and_for_their_client_only),
        cmocka_unit_test(both_bounds_hold_and_room_comes_back),
        cmocka_unit_test(a_random_life_keeps_what_a_plain_list_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
