/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/gateway/world.h"

#include "tests/support/vectors.h"

/* The client's and the gateway's state machine against each other, in virtual time. Their texts are held to upstream's
 * in test_client.c and test_server.c; here the question is whether they find each other again whatever happens. */

static struct slc_registered *entry(struct world *w)
{
    return slc_registry_find(w->registry, w->keys.identity.public_key);
}

static void expect_session(struct world *w)
{
    if (!slc_gateway_client_ready(w->client)) fail_msg("not ready; last: %s", w->error_text);
    assert_non_null(entry(w));
    assert_true(entry(w)->known);
    assert_int_equal(entry(w)->connection, w->connection);
    assert_memory_equal(entry(w)->key, slc_gateway_client_key(w->client), SLC_SEAL_KEY_BYTES);
}

static struct world *ready_world(uint64_t seed)
{
    struct world *w = world_new(seed);
    world_run(w, SLC_SECOND);
    expect_session(w);
    return w;
}

static void a_new_client_registers_and_claims(void **state)
{
    (void)state;
    struct world *w = ready_world(1);
    assert_int_equal(w->registered, 1);
    assert_int_equal(w->ready, 1);
    assert_int_equal(w->lost + w->disconnects + w->failed + w->drops, 0);
    assert_int_equal(w->asked_version, 1);
    assert_int_equal(w->claims, 1);
    assert_int_equal(w->auths, 0);
    assert_int_equal(slc_gateway_client_version(w->client), 6);
    assert_memory_equal(w->registered_key, entry(w)->key, SLC_SEAL_KEY_BYTES);
    world_free(w);
}

static void a_lost_connection_is_authenticated_again_without_asking_the_version(void **state)
{
    (void)state;
    struct world *w = ready_world(2);
    world_run(w, 10 * SLC_SECOND);
    world_cut(w);
    slc_time cut = w->now;
    world_run(w, SLC_SECOND);
    expect_session(w);
    assert_int_equal(w->lost, 1);
    assert_int_equal(w->ready, 2);
    assert_int_equal(w->registered, 1);
    assert_int_equal(w->auths, 1);
    assert_int_equal(w->asked_version, 1);
    assert_int_equal(w->connections, 2);
    assert_true(slc_gateway_client_last_timestamp(w->client) >= WORLD_UNIX_START + cut / SLC_SECOND);
    world_free(w);
}

static void stamps_grow_even_when_the_clock_does_not(void **state)
{
    (void)state;
    struct world *w = ready_world(3);
    uint64_t last = 0;
    for (int i = 0; i < 20; i++) {
        world_cut(w);
        world_run(w, 7 * SLC_SECOND);
        expect_session(w);
        assert_true(slc_gateway_client_last_timestamp(w->client) > last);
        last = slc_gateway_client_last_timestamp(w->client);
    }
    assert_int_equal(w->drops, 0); /* the gateway had nothing to refuse */
    assert_int_equal(w->registered, 1);
    world_free(w);
}

static void two_logins_in_one_second_wait_for_the_next(void **state)
{
    (void)state;
    struct world *w = ready_world(4);
    world_run(w, 10 * SLC_SECOND);
    w->now += SLC_SECOND - w->now % SLC_SECOND;
    slc_time second = w->now;
    world_cut(w);
    world_run(w, 150 * SLC_MILLISECOND); /* the first retry comes within 100 ms */
    expect_session(w);
    world_cut(w);
    while (w->connections < 3) {
        world_run(w, SLC_MILLISECOND);
    }
    assert_true(w->now < second + SLC_SECOND); /* connected again in the same second */
    assert_int_equal(w->auths, 1);
    world_run(w, second + SLC_SECOND - w->now - 1);
    assert_int_equal(w->auths, 1);
    world_run(w, 100 * SLC_MILLISECOND);
    expect_session(w);
    assert_int_equal(w->auths, 2);
    assert_int_equal(w->drops, 0); /* the gateway had nothing to refuse */
    world_free(w);
}

static void a_clock_that_was_set_back_leads_to_a_registration(void **state)
{
    (void)state;
    struct world *w = ready_world(5);
    world_cut(w);
    world_run(w, 7 * SLC_SECOND);
    w->unix_offset -= 3600;
    world_cut(w);
    world_run(w, 7 * SLC_SECOND);
    expect_session(w);
    assert_int_equal(w->registered, 2);
    assert_int_equal(w->drops, 0);
    world_free(w);
}

static void a_key_of_an_earlier_run_is_enough(void **state)
{
    (void)state;
    struct world *w = ready_world(6);
    uint8_t key[SLC_SEAL_KEY_BYTES];
    memcpy(key, slc_gateway_client_key(w->client), sizeof key);
    world_hang_up(w);
    world_client(w, key, slc_gateway_client_last_timestamp(w->client), 0);
    world_run(w, 2 * SLC_SECOND);
    expect_session(w);
    assert_int_equal(w->registered, 1);
    assert_int_equal(w->asked_version, 2);
    assert_int_equal(w->auths, 1);
    world_free(w);
}

static void a_gateway_that_lost_its_registry_gets_a_new_registration(void **state)
{
    (void)state;
    struct world *w = ready_world(7);
    uint8_t key[SLC_SEAL_KEY_BYTES];
    memcpy(key, slc_gateway_client_key(w->client), sizeof key);
    world_cut(w);
    world_new_registry(w);
    world_run(w, 10 * SLC_SECOND);
    expect_session(w);
    assert_int_equal(w->registered, 2);
    assert_memory_not_equal(key, slc_gateway_client_key(w->client), sizeof key);
    world_free(w);
}

static void two_refusals_for_whatever_reason_lead_to_a_registration(void **state)
{
    (void)state;
    struct world *w = ready_world(8);
    entry(w)->key[0] ^= 1;
    world_cut(w);
    world_run(w, 10 * SLC_SECOND);
    expect_session(w);
    assert_non_null(strstr(w->error_text, "failed to verify provided address ciphertext"));
    assert_int_equal(w->auths, 2);
    assert_int_equal(w->registered, 2);
    assert_int_equal(w->asked_version, 3); /* a refusal may be about the version */
    world_free(w);
}

static void versions_are_negotiated_from_either_side(void **state)
{
    (void)state;
    static const struct {
        uint8_t said;
        unsigned spoken; /* 0: refused */
    } CASES[] = {{1, 0}, {2, 0}, {3, 0}, {4, 4}, {5, 5}, {6, 6}, {7, 6}, {9, 6}, {255, 6}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct world *w = world_new(9);
        w->say_version = CASES[i].said;
        world_run(w, 10 * SLC_SECOND);
        assert_int_equal(w->failed, CASES[i].spoken == 0);
        if (CASES[i].spoken == 0) {
            assert_int_equal(w->error, SLC_UNSUPPORTED);
            assert_int_equal(w->connection, 0);
            assert_int_equal(slc_gateway_client_due(w->client), SLC_NEVER);
        } else {
            expect_session(w);
            assert_int_equal(slc_gateway_client_version(w->client), CASES[i].spoken);
            world_cut(w);
            world_run(w, 10 * SLC_SECOND);
            expect_session(w);
            assert_int_equal(slc_gateway_client_version(w->client), CASES[i].spoken);
        }
        world_free(w);
    }
}

static void a_line_cut_after_any_text_is_no_harm(void **state)
{
    (void)state;
    /* A registration has 9 texts, an authentication 4. */
    for (unsigned after = 1; after <= 10; after++) {
        struct world *w = world_new(10 + after);
        w->cut_after = after;
        world_run(w, 3 * SLC_SECOND);
        w->cut_after = 0;
        world_cut(w);
        world_run(w, 20 * SLC_SECOND);
        expect_session(w);
        world_free(w);
    }
}

static void a_lossy_line_is_survived(void **state)
{
    (void)state;
    unsigned registered = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct world *w = world_new(1000 + seed);
        uint64_t last = 0;
        w->server_config.metered = seed % 2 == 0;
        w->cut_chance = 40;
        for (int minute = 0; minute < 10; minute++) {
            world_run(w, 60 * SLC_SECOND);
            assert_true(slc_gateway_client_last_timestamp(w->client) >= last);
            last = slc_gateway_client_last_timestamp(w->client);
            world_cut(w);
            if (slc_random_below(&w->random, 10) == 0) world_new_registry(w);
        }
        w->cut_chance = 0;
        world_run(w, 60 * SLC_SECOND);
        expect_session(w);
        assert_int_equal(w->failed, 0);
        registered += w->registered;
        world_free(w);
    }
    assert_true(registered > 150);
}

static void a_silent_gateway_is_left_and_tried_again(void **state)
{
    (void)state;
    struct world *w = world_new(11);
    w->mute = true;
    world_run(w, 299 * SLC_SECOND);
    assert_int_equal(w->lost, 0);
    world_run(w, 2 * SLC_SECOND);
    assert_int_equal(w->lost, 1);
    assert_int_equal(w->disconnects, 1);
    assert_int_equal(w->error, SLC_TIMEOUT);
    w->mute = false;
    world_run(w, SLC_SECOND);
    world_cut(w);
    world_run(w, 10 * SLC_SECOND);
    expect_session(w);
    world_free(w);
}

static void a_gateway_that_hangs_in_the_handshake_is_left_after_five_seconds(void **state)
{
    (void)state;
    struct world *w = world_new(25);
    while (w->inits == 0) {
        if (!world_client_event(w) && !world_server_event(w)) (void)world_deliver(w);
    }
    w->mute = true;
    world_run(w, 4900 * SLC_MILLISECOND);
    assert_int_equal(w->lost, 0);
    world_run(w, 200 * SLC_MILLISECOND);
    assert_int_equal(w->lost, 1);
    assert_int_equal(w->error, SLC_TIMEOUT);
    w->mute = false;
    world_run(w, 10 * SLC_SECOND);
    expect_session(w);
    world_free(w);
}

/* Found by fuzz_gateway_client: what was to be said on a line that is gone came out on no line. */
static void a_line_that_goes_before_our_complaint_takes_it_along(void **state)
{
    (void)state;
    static const char REFUSAL[] = "{\"type\":\"handshakeError\",\"message\":\"no\"}";
    struct world *w = world_new(27);
    while (w->inits == 0) {
        if (!world_client_event(w) && !world_server_event(w)) (void)world_deliver(w);
    }
    slc_gateway_client_text(w->client, slc_bytes_of_text(REFUSAL), w->now, world_unix(w));
    world_cut(w);
    world_settle(w);
    assert_int_equal(w->lost, 1);
    assert_int_equal(w->disconnects, 0);
    world_run(w, 10 * SLC_SECOND);
    expect_session(w);
    world_free(w);
}

static void a_connection_that_never_opens_is_given_up(void **state)
{
    (void)state;
    struct world *w = world_new(12);
    w->hold = true;
    world_run(w, 30 * SLC_SECOND);
    assert_true(w->connects >= 2);
    assert_int_equal(w->error, SLC_TIMEOUT);
    w->hold = false;
    world_run(w, 30 * SLC_SECOND);
    expect_session(w);
    world_free(w);
}

static void retries_start_at_once_then_slow_down(void **state)
{
    (void)state;
    struct world *w = ready_world(13);
    world_run(w, 10 * SLC_SECOND);
    w->refuse = true;
    world_cut(w);
    static const slc_time SHORTEST[] = {0, 500, 1000, 2000, 4000, 5000, 5000, 5000};
    for (size_t i = 0; i < sizeof SHORTEST / sizeof SHORTEST[0]; i++) {
        slc_time since = w->now;
        unsigned connects = w->connects;
        while (w->connects == connects) {
            world_run(w, SLC_MILLISECOND);
        }
        slc_time pause = (w->now - since) / SLC_MILLISECOND;
        slc_time longest = i == 0 ? 100 : SHORTEST[i] + SHORTEST[i] / 2;
        if (pause + 1 < SHORTEST[i] || pause > longest + 1) fail_msg("retry %zu after %d ms", i, (int)pause);
    }
    world_free(w);
}

/* How long the client takes from a cut to its next connection. */
static slc_time time_to_connect(struct world *w)
{
    slc_time since = w->now;
    unsigned connects = w->connects;
    world_cut(w);
    while (w->connects == connects) {
        world_run(w, SLC_MILLISECOND);
    }
    return w->now - since;
}

static void a_session_that_lasted_starts_the_pauses_anew(void **state)
{
    (void)state;
    struct world *w = ready_world(26);
    for (int i = 0; i < 6; i++) {
        (void)time_to_connect(w);
        world_run(w, 2 * SLC_SECOND); /* ready each time, but not for long */
        expect_session(w);
    }
    assert_true(time_to_connect(w) >= 5 * SLC_SECOND);
    /* Not for long, measured by the last pause: somebody with our identity may have waited as long as we. */
    world_run(w, 10 * SLC_SECOND);
    assert_true(time_to_connect(w) >= 5 * SLC_SECOND);
    world_run(w, 31 * SLC_SECOND);
    assert_true(time_to_connect(w) <= 101 * SLC_MILLISECOND);
    world_free(w);
}

static void an_identity_in_use_elsewhere_is_waited_for_ever_longer_and_costs_no_key(void **state)
{
    (void)state;
    struct world *w = ready_world(29);
    world_run(w, 10 * SLC_SECOND);
    slc_time pause = 0;
    w->mute = true; /* the gateway speaks as the reference does, see below */
    for (int i = 0; i < 8; i++) {
        unsigned lost = w->lost;
        pause = time_to_connect(w);
        world_run(w, 2 * SLC_SECOND);
        world_say(w, "{\"type\":\"error\",\"message\":\"There is already an open connection to this client\"}");
        assert_int_equal(w->lost, lost + 1 + (i == 0));
        assert_int_equal(w->error, SLC_DUPLICATE);
        assert_non_null(strstr(w->error_text, "somewhere else"));
    }
    assert_in_range(pause, 60 * SLC_SECOND, 91 * SLC_SECOND);
    w->mute = false;
    world_run(w, 120 * SLC_SECOND);
    expect_session(w);
    assert_int_equal(w->registered, 1);
    world_free(w);
}

static void attempts_are_bounded_when_asked(void **state)
{
    (void)state;
    struct world *w = world_new(14);
    w->refuse = true;
    world_client(w, NULL, 0, 10);
    world_run(w, 300 * SLC_SECOND);
    assert_int_equal(w->connects, 11);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error, SLC_REFUSED);
    assert_non_null(strstr(w->error_text, "10 attempts"));
    assert_int_equal(slc_gateway_client_due(w->client), SLC_NEVER);
    world_free(w);
}

static void another_gateway_at_the_address_is_refused(void **state)
{
    (void)state;
    struct world *w = world_new(15);
    static const uint8_t SEED[32] = {7};
    slc_identity_from_seed(&w->gateway, SEED); /* after the client learnt its key */
    world_run(w, 10 * SLC_SECOND);
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error, SLC_BAD_SIGNATURE);
    assert_int_equal(w->registered, 0);
    assert_int_equal(slc_registry_count(w->registry), 0);
    world_free(w);
}

static void errors_and_garbage_lose_the_session_and_find_it_again(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "{\"type\":\"error\",\"message\":\"something went wrong\"}",
        "garbage",
        "{\"type\":\"send\",\"remaining_bandwidth\":1.0}",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct world *w = ready_world(16);
        world_say(w, TEXTS[i]);
        assert_int_equal(w->lost, 1);
        assert_int_equal(w->disconnects, 1);
        assert_false(slc_gateway_client_ready(w->client));
        world_run(w, 5 * SLC_SECOND);
        expect_session(w);
        world_free(w);
    }
}

static void texts_that_mean_nothing_to_us_are_no_harm(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "{\"type\":\"ofALaterVersion\",\"x\":[1]}",
        "{\"type\":\"supportedProtocol\",\"version\":6}",
        "{\"type\":\"typedError\",\"error\":\"ticket_replay\"}",
        "{\"type\":\"encryptedResponse\",\"ciphertext\":[1],\"nonce\":[2]}",
        "{\"type\":\"bandwidth\",\"available_total\":-1}",
    };
    struct world *w = world_new(17);
    static const char LATE[] = "{\"type\":\"send\",\"remaining_bandwidth\":1}"; /* never an answer to a request */
    while (!slc_gateway_client_ready(w->client)) {
        if (!world_client_event(w) && !world_server_event(w)) (void)world_deliver(w);
        if (w->connection != 0) slc_gateway_client_text(w->client, slc_bytes_of_text(LATE), w->now, world_unix(w));
    }
    world_settle(w);
    assert_int_equal(w->connections, 1);
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        world_say(w, TEXTS[i]);
    }
    assert_int_equal(w->lost, 0);
    expect_session(w);
    world_free(w);
}

/* Sends one packet through the meter; the answer reaches the client at once. */
static enum slc_status send_packet(struct world *w, size_t bytes)
{
    uint8_t text[256];
    struct slc_writer out = slc_writer(text, sizeof text);
    slc_gateway_client_sent(w->client, bytes);
    enum slc_status status = slc_server_session_charge(w->server, bytes, world_unix(w), &out);
    slc_gateway_client_text(w->client, slc_bytes(text, out.len), w->now, world_unix(w));
    return status;
}

static void bandwidth_is_claimed_before_it_runs_out(void **state)
{
    (void)state;
    struct world *w = world_new(18);
    w->server_config.metered = true;
    world_run(w, SLC_SECOND);
    expect_session(w);
    entry(w)->bandwidth = 40000000 + 2413;
    assert_int_equal(send_packet(w, 2413), SLC_OK);
    world_run(w, SLC_SECOND);
    assert_int_equal(w->claims, 1);
    assert_int_equal(slc_gateway_client_bandwidth(w->client), 40000000);
    slc_gateway_client_sent(w->client, 2413); /* not answered yet: counted all the same */
    assert_int_equal(slc_gateway_client_due(w->client), 0);
    world_run(w, SLC_SECOND);
    assert_int_equal(w->claims, 2);
    assert_int_equal(w->lost, 0);
    assert_int_equal(w->ready, 1);
    assert_true(slc_gateway_client_bandwidth(w->client) > 40000000);
    assert_int_equal(slc_gateway_client_due(w->client), SLC_NEVER);
    world_free(w);
}

static void out_of_bandwidth_stops_sending_until_a_claim_is_answered(void **state)
{
    (void)state;
    struct world *w = world_new(19);
    w->server_config.metered = true;
    world_run(w, SLC_SECOND);
    entry(w)->bandwidth = 2412;
    assert_int_equal(send_packet(w, 2413), SLC_OUT_OF_BANDWIDTH);
    assert_int_equal(send_packet(w, 2413), SLC_OUT_OF_BANDWIDTH); /* was on the way already */
    assert_false(slc_gateway_client_ready(w->client));
    world_settle(w);
    expect_session(w);
    assert_int_equal(w->lost, 1);
    assert_int_equal(w->claims, 2);
    assert_int_equal(w->ready, 2);
    assert_int_equal(w->connections, 1);
    assert_int_equal(send_packet(w, 2413), SLC_OK);
    world_free(w);
}

static void the_allowance_ends_at_midnight_and_is_claimed_again(void **state)
{
    (void)state;
    struct world *w = world_new(20);
    w->server_config.metered = true;
    world_run(w, SLC_SECOND);
    assert_int_equal(send_packet(w, 2413), SLC_OK);
    world_run(w, 24 * 3600 * SLC_SECOND);
    assert_int_equal(send_packet(w, 2413), SLC_OUT_OF_BANDWIDTH);
    world_settle(w);
    expect_session(w);
    assert_int_equal(send_packet(w, 2413), SLC_OK);
    assert_int_equal(w->connections, 1);
    world_free(w);
}

static void a_gateway_that_wants_credentials_is_given_up_with_its_words(void **state)
{
    (void)state;
    struct world *w = world_new(21);
    w->cut_after = 0;
    while (w->claims == 0) {
        if (!world_client_event(w) && !world_server_event(w)) (void)world_deliver(w);
    }
    world_say(w, "{\"type\":\"error\",\"message\":\"zk-nyms are \\u001b[31menforced\"}");
    assert_int_equal(w->failed, 1);
    assert_int_equal(w->error, SLC_REFUSED);
    assert_non_null(strstr(w->error_text, "zk-nyms are ?[31menforced"));
    world_free(w);
}

static void a_claim_that_does_not_help_is_repeated_slowly(void **state)
{
    (void)state;
    struct world *w = world_new(22);
    w->server_config.metered = true;
    world_run(w, SLC_SECOND);
    w->mute = true;
    world_say(w, "{\"type\":\"typedError\",\"error\":{\"out_of_bandwidth\":{\"required\":2413,\"available\":-5}}}");
    for (int i = 0; i < 10; i++) {
        world_say(w, "{\"type\":\"bandwidth\",\"available_total\":-5}");
        world_run(w, SLC_SECOND);
    }
    assert_in_range(w->claims, 10, 13);
    assert_false(slc_gateway_client_ready(w->client));
    world_say(w, "{\"type\":\"bandwidth\",\"available_total\":30000000}");
    assert_true(slc_gateway_client_ready(w->client));
    unsigned claims = w->claims;
    for (int i = 0; i < 100; i++) {
        slc_gateway_client_sent(w->client, 2413); /* low, but the last claim is a moment ago */
        world_settle(w);
    }
    assert_int_equal(w->claims, claims);
    world_run(w, SLC_SECOND);
    assert_int_equal(w->claims, claims + 1);
    world_free(w);
}

static const struct slc_control FORGET = {.kind = SLC_CONTROL_FORGET_ME, .client = true};

static void a_client_that_leaves_is_forgotten_when_it_asks_for_it(void **state)
{
    (void)state;
    struct world *w = ready_world(23);
    uint8_t key[SLC_SEAL_KEY_BYTES];
    memcpy(key, slc_gateway_client_key(w->client), sizeof key);
    slc_gateway_client_leave(w->client, &FORGET, w->now);
    world_settle(w);
    assert_int_equal(w->forgets, 1);
    assert_int_equal(w->left, 1);
    assert_int_equal(w->lost + w->failed, 0);
    assert_int_equal(slc_registry_count(w->registry), 0);
    assert_int_equal(slc_gateway_client_due(w->client), SLC_NEVER);
    /* With the key it kept it has to register anew. */
    world_client(w, key, slc_gateway_client_last_timestamp(w->client), 0);
    world_run(w, 10 * SLC_SECOND);
    expect_session(w);
    assert_int_equal(w->registered, 2);
    world_free(w);
}

static void a_client_that_is_to_be_remembered_keeps_its_registration(void **state)
{
    (void)state;
    static const struct slc_control REMEMBER = {.kind = SLC_CONTROL_REMEMBER_ME, .session = SLC_SESSION_NATIVE};
    struct world *w = ready_world(25);
    slc_gateway_client_leave(w->client, &REMEMBER, w->now);
    world_settle(w);
    assert_int_equal(w->left, 1);
    assert_int_equal(w->forgets, 0);
    assert_int_equal(slc_registry_count(w->registry), 1);
    world_free(w);
}

static void a_gateway_that_answers_no_farewell_is_left_after_two_seconds(void **state)
{
    (void)state;
    struct world *w = ready_world(26);
    w->mute = true;
    slc_gateway_client_leave(w->client, &FORGET, w->now);
    world_run(w, 2 * SLC_SECOND - 1);
    assert_int_equal(w->left, 0);
    world_run(w, 1);
    assert_int_equal(w->left, 1);
    assert_int_equal(w->lost + w->failed, 0);
    world_free(w);
}

static void a_connection_that_ends_ends_the_farewell(void **state)
{
    (void)state;
    struct world *w = ready_world(27);
    w->mute = true;
    slc_gateway_client_leave(w->client, &FORGET, w->now);
    world_settle(w);
    world_cut(w);
    world_settle(w);
    assert_int_equal(w->left, 1);
    world_run(w, 60 * SLC_SECOND);
    assert_int_equal(w->connects, 1);
    world_free(w);
}

static void a_client_without_a_session_leaves_at_once(void **state)
{
    (void)state;
    struct world *w = world_new(28);
    w->hold = true;
    world_run(w, SLC_SECOND);
    slc_gateway_client_leave(w->client, &FORGET, w->now);
    world_settle(w);
    assert_int_equal(w->left, 1);
    world_free(w);
}

static void a_dropped_session_does_nothing(void **state)
{
    (void)state;
    struct world *w = ready_world(24);
    uint8_t text[SLC_GATEWAY_TEXT_MAX];
    struct slc_writer out = slc_writer(text, sizeof text);
    struct slc_gateway_event event;
    static const uint8_t ZERO[SLC_SEAL_KEY_BYTES];
    slc_gateway_client_drop(w->client);
    assert_memory_equal(slc_gateway_client_key(w->client), ZERO, sizeof ZERO);
    slc_gateway_client_closed(w->client, SLC_IO, NULL, w->now);
    slc_gateway_client_tick(w->client, w->now, world_unix(w));
    assert_false(slc_gateway_client_next(w->client, &event, &out));
    assert_int_equal(slc_gateway_client_due(w->client), SLC_NEVER);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_client_registers_and_claims),
        cmocka_unit_test(a_lost_connection_is_authenticated_again_without_asking_the_version),
        cmocka_unit_test(stamps_grow_even_when_the_clock_does_not),
        cmocka_unit_test(two_logins_in_one_second_wait_for_the_next),
        cmocka_unit_test(a_clock_that_was_set_back_leads_to_a_registration),
        cmocka_unit_test(a_key_of_an_earlier_run_is_enough),
        cmocka_unit_test(a_gateway_that_lost_its_registry_gets_a_new_registration),
        cmocka_unit_test(two_refusals_for_whatever_reason_lead_to_a_registration),
        cmocka_unit_test(versions_are_negotiated_from_either_side),
        cmocka_unit_test(a_line_cut_after_any_text_is_no_harm),
        cmocka_unit_test(a_lossy_line_is_survived),
        cmocka_unit_test(a_silent_gateway_is_left_and_tried_again),
        cmocka_unit_test(a_gateway_that_hangs_in_the_handshake_is_left_after_five_seconds),
        cmocka_unit_test(a_line_that_goes_before_our_complaint_takes_it_along),
        cmocka_unit_test(a_connection_that_never_opens_is_given_up),
        cmocka_unit_test(retries_start_at_once_then_slow_down),
        cmocka_unit_test(a_session_that_lasted_starts_the_pauses_anew),
        cmocka_unit_test(an_identity_in_use_elsewhere_is_waited_for_ever_longer_and_costs_no_key),
        cmocka_unit_test(attempts_are_bounded_when_asked),
        cmocka_unit_test(another_gateway_at_the_address_is_refused),
        cmocka_unit_test(errors_and_garbage_lose_the_session_and_find_it_again),
        cmocka_unit_test(texts_that_mean_nothing_to_us_are_no_harm),
        cmocka_unit_test(bandwidth_is_claimed_before_it_runs_out),
        cmocka_unit_test(out_of_bandwidth_stops_sending_until_a_claim_is_answered),
        cmocka_unit_test(the_allowance_ends_at_midnight_and_is_claimed_again),
        cmocka_unit_test(a_gateway_that_wants_credentials_is_given_up_with_its_words),
        cmocka_unit_test(a_claim_that_does_not_help_is_repeated_slowly),
        cmocka_unit_test(a_client_that_leaves_is_forgotten_when_it_asks_for_it),
        cmocka_unit_test(a_client_that_is_to_be_remembered_keeps_its_registration),
        cmocka_unit_test(a_gateway_that_answers_no_farewell_is_left_after_two_seconds),
        cmocka_unit_test(a_connection_that_ends_ends_the_farewell),
        cmocka_unit_test(a_client_without_a_session_leaves_at_once),
        cmocka_unit_test(a_dropped_session_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
