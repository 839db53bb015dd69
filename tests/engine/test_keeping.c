/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/engine_world.h"

#include "tests/engine/storage/home.h"

#include <sys/resource.h>

/* An engine with a storage: what one life leaves to the next, and what goes on while the disk fails. */

/* The mixnet of a world whose engines come and go. */
static void make_net(struct world *w)
{
    struct slc_error error = {0};
    struct slc_localnet_config net;
    memset(w, 0, sizeof *w);
    slc_localnet_config_default(&net);
    net.runtime.max_connections = 256;
    must(slc_localnet_new(&w->net, &net, &error), &error);
    must(slc_localnet_topology(w->net, &w->topology, &error), &error);
    must(slc_localnet_start(w->net, &error), &error);
}

static void begin_life(struct world *w, struct home *h)
{
    struct slc_engine_config config;
    slc_engine_config_default(&config);
    config.runtime.max_connections = 256;
    config.max_clients = 8;
    config.traffic.hop_delay = 2 * SLC_MILLISECOND;
    config.storage = h->storage;
    must(slc_engine_new(&w->engine, &config, w->topology, NULL, &h->error), &h->error);
    must(slc_engine_start(w->engine, &h->error), &h->error);
    w->ready = 0;
}

static void end_life(struct world *w)
{
    slc_engine_close(w->engine, 0);
    w->closed = 0;
    wait_for(w, &w->closed, 1, 20);
    slc_engine_free(w->engine);
    w->engine = NULL;
}

static uint32_t add_stored(struct world *w, struct home *h, uint64_t identity)
{
    struct slc_stored_client stored;
    struct slc_client_setup setup;
    uint32_t client;
    must(slc_storage_find(h->storage, identity, &stored, &h->error), &h->error);
    slc_stored_setup(&stored, &setup);
    must(slc_engine_add(w->engine, &setup, &client), &h->error);
    must(slc_engine_recipient(w->engine, client, &w->recipient[identity]), NULL);
    return client;
}

static void an_identity_registers_once_in_all_its_lives(void **state)
{
    struct home *h = *state;
    struct world w;
    struct slc_node_counters net;
    make_net(&w);
    begin_life(&w, h);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t client = add_client(&w, i);
        must(slc_engine_recipient(w.engine, client, &w.recipient[i + 1]), NULL);
    }
    wait_for(&w, &w.ready, 3, 20);
    end_life(&w);
    assert_int_equal(slc_storage_count(h->storage), 3);
    const struct slc_recipient first = w.recipient[1];
    for (unsigned life = 0; life < 2; life++) {
        home_reopen(h);
        begin_life(&w, h);
        for (uint64_t i = 1; i <= 3; i++) {
            (void)add_stored(&w, h, i);
        }
        assert_memory_equal(&w.recipient[1], &first, sizeof first);
        wait_for(&w, &w.ready, 3, 20);
        end_life(&w);
    }
    slc_localnet_counters(w.net, SLC_ALL_NODES, &net);
    assert_int_equal(net.clients_registered, 3);
    assert_true(net.clients_authenticated >= 6);
    end_world(&w);
}

static void a_question_of_one_life_is_answered_in_the_next(void **state)
{
    struct home *h = *state;
    struct world w;
    make_net(&w);
    must(slc_storage_provide(h->storage, 1, &h->random, &h->error), &h->error);
    begin_life(&w, h);
    (void)add_client(&w, 0); /* identity 2 */
    (void)add_client(&w, 1); /* identity 3 */
    wait_for(&w, &w.ready, 2, 20);
    struct slc_recipient answerer;
    must(slc_engine_recipient(w.engine, 1, &answerer), NULL);
    struct slc_send ask = {.client = 0, .len = 300, .anonymous = true, .surbs = 15, .recipient = answerer};
    post(&w, &ask);
    wait_for(&w, &w.delivered, 1, 20);
    wait_for(&w, &w.acked, 1, 20);
    assert_true(w.has_tag);
    end_life(&w);
    home_reopen(h);

    begin_life(&w, h);
    (void)add_stored(&w, h, 2);
    uint32_t client = add_stored(&w, h, 3);
    wait_for(&w, &w.ready, 2, 20);
    struct slc_send answer = {.client = client, .reply = true, .len = 4000};
    memcpy(answer.tag, w.last_tag, sizeof answer.tag);
    post(&w, &answer);
    wait_for(&w, &w.delivered, 2, 20);
    assert_true(w.got_reply);
    wait_for(&w, &w.acked, 2, 20);
    end_life(&w);
    end_world(&w);
}

static void an_identity_is_used_by_one_client_at_a_time(void **state)
{
    struct home *h = *state;
    struct world w;
    make_net(&w);
    begin_life(&w, h);
    uint32_t client = add_client(&w, 0);
    wait_for(&w, &w.ready, 1, 20);
    struct slc_stored_client stored;
    struct slc_client_setup setup;
    slc_time end = slc_now() + 20 * SLC_SECOND;
    do {
        must(slc_storage_find(h->storage, 1, &stored, &h->error), &h->error);
        take_for(&w, SLC_MILLISECOND);
    } while (!stored.registered && slc_now() < end);
    assert_true(stored.registered);
    slc_stored_setup(&stored, &setup);
    assert_int_equal(slc_engine_add(w.engine, &setup, &client), SLC_DUPLICATE);
    assert_int_equal(slc_engine_identity(w.engine, 1), SLC_DUPLICATE);
    assert_int_equal(slc_engine_identity(w.engine, 77), SLC_NOT_FOUND);
    assert_int_equal(slc_engine_identity(w.engine, UINT64_MAX), SLC_NOT_FOUND);
    setup.identity = 77;
    assert_int_equal(slc_engine_add(w.engine, &setup, &client), SLC_NOT_FOUND);
    setup.identity = 1;
    must(slc_engine_remove(w.engine, 0), NULL);
    wait_for(&w, &w.removed, 1, 20);
    enum slc_status status;
    while ((status = slc_engine_identity(w.engine, 1)) == SLC_AGAIN && slc_now() < end) {
        take_for(&w, SLC_MILLISECOND);
    }
    must(status, NULL);
    must(slc_engine_add(w.engine, &setup, &client), NULL);
    wait_for(&w, &w.ready, 2, 20);
    end_life(&w);
    end_world(&w);
}

/* ---- a disk that is full ---- */

static struct slc_engine_event last_news;

static void wait_for_news(struct world *w, enum slc_status wanted)
{
    slc_time end = slc_now() + 20 * SLC_SECOND;
    while (slc_now() < end) {
        struct slc_engine_event event;
        size_t n = slc_engine_poll(w->engine, &event, 1);
        if (n == 1 && event.kind == SLC_CLIENT_STORAGE) {
            last_news = event;
            if (event.status == wanted) return;
        } else if (n == 1) {
            take(w, &event);
            slc_engine_release(w->engine, &event);
        } else {
            slc_engine_wait(w->engine, 20 * SLC_MILLISECOND);
        }
    }
    fail_msg("no news of the storage in 20 s");
}

static void fill_disk(bool full)
{
    struct rlimit limit;
    (void)getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = full ? 4096 : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void while_the_disk_is_full_what_does_not_need_it_goes_on(void **state)
{
    struct home *h = *state;
    struct world w;
    make_net(&w);
    begin_life(&w, h);
    (void)add_client(&w, 0);
    (void)add_client(&w, 1);
    wait_for(&w, &w.ready, 2, 20);
    struct slc_recipient other;
    must(slc_engine_recipient(w.engine, 1, &other), NULL);
    take_for(&w, 50 * SLC_MILLISECOND);
    (void)signal(SIGXFSZ, SIG_IGN);
    fill_disk(true);
    struct slc_send ask = {.client = 0, .len = 300, .anonymous = true, .surbs = 5, .recipient = other};
    post(&w, &ask);
    wait_for_news(&w, SLC_FULL);
    assert_non_null(strstr(last_news.text, h->dir));
    assert_string_equal(slc_engine_storage_words(w.engine), last_news.text);
    struct slc_send plain = {.client = 0, .len = 300, .recipient = other};
    post(&w, &plain);
    wait_for(&w, &w.acked, 1, 20);
    assert_int_equal(w.delivered, 1);
    assert_false(w.has_tag);
    fill_disk(false);
    wait_for_news(&w, SLC_OK);
    wait_for(&w, &w.acked, 2, 20);
    wait_for(&w, &w.delivered, 2, 20);
    assert_true(w.has_tag);
    end_life(&w);
    end_world(&w);
}

static void what_a_full_disk_did_not_take_is_told_by_the_last_event(void **state)
{
    struct home *h = *state;
    struct world w;
    make_net(&w);
    begin_life(&w, h);
    (void)add_client(&w, 0);
    wait_for(&w, &w.ready, 1, 20);
    (void)signal(SIGXFSZ, SIG_IGN);
    take_for(&w, 50 * SLC_MILLISECOND);
    fill_disk(true);
    struct slc_recipient self;
    must(slc_engine_recipient(w.engine, 0, &self), NULL);
    struct slc_send ask = {.client = 0, .len = 300, .anonymous = true, .surbs = 5, .recipient = self};
    post(&w, &ask);
    wait_for_news(&w, SLC_FULL);
    slc_engine_close(w.engine, 0);
    struct slc_engine_event event = {0};
    slc_time end = slc_now() + 20 * SLC_SECOND;
    while (event.kind != SLC_CLIENT_CLOSED && slc_now() < end) {
        if (slc_engine_poll(w.engine, &event, 1) == 0) slc_engine_wait(w.engine, SLC_MILLISECOND);
    }
    fill_disk(false);
    assert_int_equal(event.kind, SLC_CLIENT_CLOSED);
    assert_int_equal(event.status, SLC_FULL);
    assert_non_null(strstr(event.text, "records are lost"));
    end_world(&w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_identity_registers_once_in_all_its_lives),
        TEST(a_question_of_one_life_is_answered_in_the_next),
        TEST(an_identity_is_used_by_one_client_at_a_time),
        TEST(while_the_disk_is_full_what_does_not_need_it_goes_on),
        TEST(what_a_full_disk_did_not_take_is_told_by_the_last_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
