/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/api/api_world.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* API misuse is an error code: never a crash, never another engine's trouble. Run under the sanitizers, too. */

/* ---- every function that takes a handle ---- */

/* Calls each with `engine` and `client`; all of them say `wanted`. */
static void all_say(struct slc_engine_id engine, struct slc_client_id client, enum slc_status wanted)
{
    struct world *nothing = NULL;
    struct slc_event event = {.kind = SLC_EVENT_MESSAGE};
    struct slc_client_info info = {.size = sizeof info};
    struct slc_close_report report = {.size = sizeof report};
    struct slc_recipient recipient = {{0}, {0}, {0}};
    struct slc_client_id added;
    uint8_t tag[SLC_TAG_BYTES] = {0};
    size_t n;
    int fd;
    assert_int_equal(slc_add(engine, NULL, &added, NULL), wanted);
    assert_int_equal(slc_finish(engine, 0), wanted);
    assert_int_equal(slc_hand_over(engine), wanted);
    assert_int_equal(slc_wait(engine, SLC_FOREVER), wanted);
    assert_int_equal(slc_fd(engine, &fd), wanted);
    assert_int_equal(slc_poll(engine, &event, 1, &n), wanted);
    assert_int_equal(slc_release(engine, &event, 1), wanted);
    assert_int_equal(slc_dispatch(engine, take, nothing, 0, &n), wanted);
    assert_int_equal(slc_close(engine, &report), wanted);
    assert_int_equal(slc_info(client, &info), wanted);
    assert_int_equal(slc_send(client, &recipient, "x", 1, NULL), wanted);
    assert_int_equal(slc_reply(client, tag, "x", 1, NULL), wanted);
    assert_int_equal(slc_remove(client), wanted);
}

static void a_bad_handle_is_bad_everywhere(struct slc_engine_id engine, struct slc_client_id client)
{
    struct slc_statistics statistics = {.size = sizeof statistics};
    all_say(engine, client, SLC_BAD_HANDLE);
    assert_int_equal(slc_wake(engine), SLC_BAD_HANDLE);
    assert_int_equal(slc_stats(engine, &statistics), SLC_BAD_HANDLE);
}

static void handles_of_nothing_are_bad(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 63, 64, 65, 12345, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        a_bad_handle_is_bad_everywhere((struct slc_engine_id){values[i]}, (struct slc_client_id){values[i]});
    }
}

static void invented_handles_of_an_open_engine_are_bad(void **state)
{
    (void)state;
    struct world w;
    struct slc_random random;
    struct slc_client_info info = {.size = sizeof info};
    make_net(&w, 0);
    open_engine(&w, NULL, 1);
    slc_random_from_number(&random, 1, 1);
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t number = i < 64 ? UINT64_C(1) << i : slc_random_u64(&random);
        if (number != 0) {
            assert_int_equal(slc_info((struct slc_client_id){w.client[0].value ^ number}, &info), SLC_BAD_HANDLE);
            assert_int_equal(slc_wake((struct slc_engine_id){w.engine.value ^ number}), SLC_BAD_HANDLE);
        }
    }
    /* A client's handle is no engine's, nor the other way round. */
    assert_int_equal(slc_wake((struct slc_engine_id){w.client[0].value}), SLC_BAD_HANDLE);
    assert_int_equal(slc_info((struct slc_client_id){w.engine.value}, &info), SLC_BAD_HANDLE);
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

static void a_closed_engine_and_its_clients_are_bad_handles(void **state)
{
    (void)state;
    struct world w;
    make_net(&w, 0);
    for (unsigned i = 0; i < 3; i++) {
        struct slc_engine_id before = w.engine;
        struct slc_client_id client = w.client[0];
        open_engine(&w, NULL, 1);
        /* The same entry, another generation. */
        if (i > 0) a_bad_handle_is_bad_everywhere(before, client);
        good(slc_close(w.engine, NULL), NULL);
        a_bad_handle_is_bad_everywhere(w.engine, w.client[0]);
    }
    end_net(&w);
}

/* ---- threads ---- */

static void *call_everything_from_another_thread(void *self)
{
    struct world *w = self;
    all_say(w->engine, w->client[0], SLC_WRONG_THREAD);
    return NULL;
}

static void *become_the_control_thread(void *self)
{
    struct world *w = self;
    await(w, SLC_EVENT_READY, 1, 20);
    good(slc_hand_over(w->engine), NULL);
    return NULL;
}

static void run_in_a_thread(void *(*run)(void *), void *self)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run, self), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void another_thread_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    struct slc_statistics statistics = {.size = sizeof statistics};
    make_net(&w, 0);
    open_engine(&w, NULL, 1);
    run_in_a_thread(call_everything_from_another_thread, &w);
    await(&w, SLC_EVENT_READY, 1, 20);
    good(slc_stats(w.engine, &statistics), NULL);
    assert_int_equal(statistics.clients, 1);
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

static void an_engine_that_is_handed_over_belongs_to_who_calls_next(void **state)
{
    (void)state;
    struct world w;
    make_net(&w, 0);
    open_engine(&w, NULL, 1);
    good(slc_hand_over(w.engine), NULL);
    run_in_a_thread(become_the_control_thread, &w);
    good(slc_send(w.client[0], &w.recipient[0], "", 0, NULL), NULL);
    run_in_a_thread(call_everything_from_another_thread, &w);
    await(&w, SLC_EVENT_MESSAGE, 1, 20);
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

static _Atomic uint64_t open_engine_value;
static atomic_bool enough;

static void *wake_and_look_all_the_time(void *self)
{
    size_t *calls = self;
    struct slc_statistics statistics = {.size = sizeof statistics};
    while (!atomic_load(&enough)) {
        struct slc_engine_id engine = {atomic_load(&open_engine_value)};
        enum slc_status status = *calls % 2 == 0 ? slc_wake(engine) : slc_stats(engine, &statistics);
        if (status != SLC_OK && status != SLC_BAD_HANDLE) abort();
        ++*calls;
    }
    return NULL;
}

static void wakes_and_statistics_from_other_threads_survive_a_close(void **state)
{
    (void)state;
    struct world w;
    pthread_t threads[2];
    size_t calls[2] = {0, 1};
    make_net(&w, 0);
    atomic_store(&enough, false);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, wake_and_look_all_the_time, &calls[i]), 0);
    }
    for (unsigned i = 0; i < 10; i++) {
        open_engine(&w, NULL, 1);
        atomic_store(&open_engine_value, w.engine.value);
        good(slc_wait(w.engine, 5), NULL);
        good(slc_close(w.engine, NULL), NULL);
    }
    atomic_store(&enough, true);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(calls[i] > 10);
    }
    end_net(&w);
}

static struct slc_engine_id engine_of_the_signal;

static void wake_it(int signal)
{
    (void)signal;
    (void)slc_wake(engine_of_the_signal);
}

static void a_signal_handler_ends_a_wait(void **state)
{
    (void)state;
    struct world w;
    size_t n = 1;
    make_net(&w, 0);
    open_engine(&w, NULL, 0);
    engine_of_the_signal = w.engine;
    assert_true(signal(SIGALRM, wake_it) != SIG_ERR);
    while (n > 0) {
        good(slc_dispatch(w.engine, take, &w, 0, &n), NULL);
    }
    uint64_t start = now_ms();
    (void)alarm(1);
    good(slc_wait(w.engine, 60000), NULL);
    assert_true(now_ms() - start < 20000);
    good(slc_close(w.engine, NULL), NULL);
    /* Too late is no harm either. */
    assert_int_equal(raise(SIGALRM), 0);
    assert_true(signal(SIGALRM, SIG_DFL) != SIG_ERR);
    end_net(&w);
}

/* ---- arguments ---- */

static void null_is_a_bad_argument(void **state)
{
    (void)state;
    struct world w;
    size_t n;
    struct slc_error error = {0};
    struct slc_event event;
    make_net(&w, 0);
    struct slc_open_options options = options_of(&w);
    assert_int_equal(slc_open(NULL, &w.engine, &error), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_open(&options, NULL, NULL), SLC_BAD_ARGUMENT);
    open_engine(&w, NULL, 1);
    assert_int_equal(slc_add(w.engine, NULL, NULL, NULL), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_fd(w.engine, NULL), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_poll(w.engine, NULL, 1, &n), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_poll(w.engine, &event, 1, NULL), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_release(w.engine, NULL, 1), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_dispatch(w.engine, NULL, NULL, 0, NULL), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_info(w.client[0], NULL), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_stats(w.engine, NULL), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_send(w.client[0], NULL, "x", 1, NULL), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_send(w.client[0], &w.recipient[0], NULL, 1, NULL), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_reply(w.client[0], NULL, "x", 1, NULL), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_recipient_from_text(NULL, &w.recipient[0], &error), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_recipient_from_text("x", NULL, NULL), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_recipient_to_text(NULL, error.text), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_recipient_to_text(&w.recipient[0], NULL), SLC_BAD_ARGUMENT);
    /* What may be NULL. */
    good(slc_poll(w.engine, NULL, 0, &n), NULL);
    good(slc_release(w.engine, NULL, 0), NULL);
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

static void what_is_too_much_or_too_little_is_refused(void **state)
{
    (void)state;
    static const uint8_t tag[SLC_TAG_BYTES] = {1};
    struct world w;
    make_net(&w, 0);
    open_engine(&w, NULL, 1);
    struct slc_send_options options = {.size = sizeof options, .surbs = SLC_SURBS_MAX + 1};
    assert_int_equal(slc_send(w.client[0], &w.recipient[0], "x", 1, &options), SLC_OUT_OF_RANGE);
    options.surbs = 1;
    assert_int_equal(slc_reply(w.client[0], tag, "x", 1, &options), SLC_OUT_OF_RANGE);
    assert_int_equal(slc_reply(w.client[0], tag, "", 0, NULL), SLC_TOO_SHORT);
    assert_int_equal(slc_reply(w.client[0], tag, NULL, 0, NULL), SLC_TOO_SHORT);
    /* The length is judged before the bytes are looked at. */
    assert_int_equal(slc_send(w.client[0], &w.recipient[0], "x", SLC_MESSAGE_MAX + 1, NULL), SLC_TOO_LONG);
    assert_int_equal(slc_send(w.client[0], &w.recipient[0], "x", SIZE_MAX, NULL), SLC_TOO_LONG);
    for (unsigned i = 1; i < 8; i++) {
        good(slc_add(w.engine, NULL, &w.client[1], NULL), NULL);
    }
    struct slc_error error = {0};
    assert_int_equal(slc_add(w.engine, NULL, &w.client[1], &error), SLC_FULL);
    assert_non_null(strstr(error.text, "max_clients"));
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

static void what_cannot_be_opened_is_told_in_words(void **state)
{
    (void)state;
    struct world w;
    struct slc_error error = {0};
    make_net(&w, 0);
    const struct {
        struct slc_open_options options;
        enum slc_status status;
        const char *words;
    } cases[] = {
        {{.size = 0}, SLC_BAD_ARGUMENT, "size"},
        {{.size = sizeof(struct slc_open_options)}, SLC_BAD_ARGUMENT, "nym_api or topology_file"},
        {{.size = sizeof(struct slc_open_options), .topology_file = "x", .nym_api = "x"}, SLC_BAD_ARGUMENT, "one of"},
        {{.size = sizeof(struct slc_open_options), .topology_file = "/nowhere/net.json"}, SLC_NOT_FOUND, "nowhere"},
        {{.size = sizeof(struct slc_open_options), .nym_api = " "}, SLC_BAD_ARGUMENT, "URL"},
        {{.size = sizeof(struct slc_open_options), .nym_api = "nonsense"}, SLC_BAD_ARGUMENT, "nonsense"},
        {{.size = sizeof(struct slc_open_options), .nym_api = "http://127.0.0.1:1/api", .fetch_timeout_ms = 500},
         SLC_IO,
         "127.0.0.1:1"},
        {{.size = sizeof(struct slc_open_options), .topology_file = w.topology_file, .traffic = "fats"},
         SLC_BAD_ARGUMENT,
         "fats"},
        {{.size = sizeof(struct slc_open_options), .topology_file = w.topology_file, .traffic = "fast; traffic.x=1"},
         SLC_BAD_ARGUMENT,
         "traffic.x"},
        {{.size = sizeof(struct slc_open_options),
          .topology_file = w.topology_file,
          .max_clients = SLC_CLIENTS_MAX + 1},
         SLC_BAD_ARGUMENT,
         "max_clients"},
        {{.size = sizeof(struct slc_open_options), .topology_file = w.topology_file, .workers = 1000},
         SLC_BAD_ARGUMENT,
         "workers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slc_engine_id engine = {77};
        enum slc_status status = slc_open(&cases[i].options, &engine, &error);
        if (cases[i].status == SLC_IO && status == SLC_TIMEOUT) status = SLC_IO;
        if (status != cases[i].status) fail_msg("case %zu: %s: %s", i, slc_status_text(status), error.text);
        assert_int_equal(engine.value, 0);
        if (strstr(error.text, cases[i].words) == NULL)
            fail_msg("case %zu: no \"%s\": %s", i, cases[i].words, error.text);
    }
    end_net(&w);
}

static void one_engine_too_many_is_told_in_words(void **state)
{
    (void)state;
    struct world w;
    make_net(&w, 0);
    struct slc_open_options options = options_of(&w);
    struct slc_engine_id engines[SLC_ENGINES_MAX], one_more;
    struct slc_error error = {0};
    options.max_clients = 1;
    for (size_t i = 0; i < SLC_ENGINES_MAX; i++) {
        good(slc_open(&options, &engines[i], &error), &error);
    }
    assert_int_equal(slc_open(&options, &one_more, &error), SLC_FULL);
    assert_non_null(strstr(error.text, "64"));
    good(slc_close(engines[7], NULL), NULL);
    struct slc_engine_id old = engines[7];
    good(slc_open(&options, &engines[7], &error), &error);
    assert_int_equal(slc_wake(old), SLC_BAD_HANDLE);
    for (size_t i = 0; i < SLC_ENGINES_MAX; i++) {
        good(slc_close(engines[i], NULL), NULL);
    }
    end_net(&w);
}

static void a_client_that_cannot_be_is_told_in_words(void **state)
{
    (void)state;
    struct world w;
    struct slc_error error = {0};
    make_net(&w, 0);
    open_engine(&w, NULL, 0);
    struct slc_client_options who = {.size = sizeof who, .gateway = "nonsense"};
    assert_int_equal(slc_add(w.engine, &who, &w.client[0], &error), SLC_BAD_ARGUMENT);
    assert_non_null(strstr(error.text, "nonsense"));
    who.gateway = "4uagU2CSsg9FE42FFSyptWrjt7CoENMkByJYmD7CgWMZ";
    assert_int_equal(slc_add(w.engine, &who, &w.client[0], &error), SLC_NO_ROUTE);
    assert_non_null(strstr(error.text, who.gateway));
    who = (struct slc_client_options){.size = sizeof who, .name = "alice"};
    assert_int_equal(slc_add(w.engine, &who, &w.client[0], &error), SLC_UNSUPPORTED);
    assert_non_null(strstr(error.text, "storage"));
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

/* ---- structs that grow ---- */

static void a_newer_struct_is_taken_while_it_asks_for_nothing_new(void **state)
{
    (void)state;
    struct world w;
    struct {
        struct slc_send_options options;
        uint64_t newer;
    } of_tomorrow = {.options = {.size = sizeof of_tomorrow}};
    struct {
        struct slc_client_info info;
        uint64_t newer;
    } asked = {.info = {.size = sizeof asked}, .newer = 77};
    make_net(&w, 0);
    open_engine(&w, NULL, 1);
    good(slc_send(w.client[0], &w.recipient[0], "", 0, &of_tomorrow.options), NULL);
    of_tomorrow.newer = 1;
    assert_int_equal(slc_send(w.client[0], &w.recipient[0], "", 0, &of_tomorrow.options), SLC_UNSUPPORTED);
    of_tomorrow.options.size = SIZE_MAX;
    assert_int_equal(slc_send(w.client[0], &w.recipient[0], "", 0, &of_tomorrow.options), SLC_BAD_ARGUMENT);
    good(slc_info(w.client[0], &asked.info), NULL);
    assert_int_equal(asked.newer, 0);
    assert_int_equal(asked.info.size, sizeof asked);
    asked.info.size = 8;
    assert_int_equal(slc_info(w.client[0], &asked.info), SLC_BAD_ARGUMENT);
    struct slc_close_report report = {.size = 3};
    assert_int_equal(slc_close(w.engine, &report), SLC_BAD_ARGUMENT);
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

/* ---- events ---- */

static void what_was_never_held_cannot_be_released(void **state)
{
    (void)state;
    struct world w;
    struct slc_random random;
    make_net(&w, 0);
    open_engine(&w, NULL, 1);
    slc_random_from_number(&random, 2, 2);
    for (unsigned i = 0; i < 10000; i++) {
        struct slc_event event = {.hold = i < 64 ? UINT64_C(1) << i : slc_random_u64(&random) | 1};
        assert_int_equal(slc_release(w.engine, &event, 1), SLC_BAD_HANDLE);
    }
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

struct reentrant {
    struct world w;
    unsigned depth;
    bool closed;
};

/* Calls back into everything; last of all it closes its engine and goes on looking at its message. */
static void a_handler_without_manners(void *self, const struct slc_event *event)
{
    struct reentrant *r = self;
    struct slc_client_info info = {.size = sizeof info};
    struct slc_event more;
    size_t n;
    take(&r->w, event);
    good(slc_info(r->w.client[0], &info), NULL);
    good(slc_poll(r->w.engine, &more, 1, &n), NULL);
    for (size_t i = 0; i < n; i++) {
        take(&r->w, &more);
    }
    good(slc_release(r->w.engine, &more, n), NULL);
    assert_int_equal(slc_hand_over(r->w.engine), SLC_BAD_ARGUMENT);
    if (r->depth++ < 3) {
        enum slc_status inner = slc_dispatch(r->w.engine, a_handler_without_manners, r, 1, &n);
        assert_int_equal(inner, r->closed ? SLC_CLOSED : SLC_OK);
    }
    r->depth--;
    if (event->kind != SLC_EVENT_MESSAGE || r->closed) return;
    good(slc_close(r->w.engine, NULL), NULL);
    r->closed = true;
    a_bad_handle_is_bad_everywhere(r->w.engine, r->w.client[0]);
    for (size_t i = 0; i < event->len; i++) {
        assert_int_equal(event->data[i], (uint8_t)(i * 7));
    }
}

static void a_handler_may_call_anything_and_close_the_engine(void **state)
{
    (void)state;
    struct reentrant r = {.depth = 0};
    uint8_t *bytes = pattern(5000);
    make_net(&r.w, 0);
    open_engine(&r.w, NULL, 2);
    await(&r.w, SLC_EVENT_READY, 2, 20);
    enum slc_status status = SLC_OK;
    for (uint64_t end = now_ms() + 20000; status == SLC_OK && now_ms() < end;) {
        size_t n;
        if (r.w.count[SLC_EVENT_MESSAGE] == r.w.count[SLC_EVENT_ACKED]) {
            enum slc_status sent = slc_send(r.w.client[0], &r.w.recipient[1], bytes, 5000, NULL);
            if (sent != SLC_AGAIN) good(sent, NULL);
        }
        status = slc_dispatch(r.w.engine, a_handler_without_manners, &r, 0, &n);
        if (status == SLC_OK && n == 0) good(slc_wait(r.w.engine, 20), NULL);
    }
    assert_int_equal(status, SLC_CLOSED);
    assert_true(r.closed);
    free(bytes);
    end_net(&r.w);
}

static void release_the_event(void *self, const struct slc_event *event)
{
    struct world *w = self;
    w->count[event->kind]++;
    if (event->kind == SLC_EVENT_MESSAGE) good(slc_release(w->engine, event, 1), NULL);
    if (event->kind == SLC_EVENT_MESSAGE) assert_int_equal(slc_release(w->engine, event, 1), SLC_BAD_HANDLE);
}

static void a_handler_may_release_its_event_itself(void **state)
{
    (void)state;
    struct world w;
    make_net(&w, 0);
    open_engine(&w, NULL, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    good(slc_send(w.client[0], &w.recipient[1], "abc", 3, NULL), NULL);
    for (uint64_t end = now_ms() + 20000; w.count[SLC_EVENT_MESSAGE] == 0 && now_ms() < end;) {
        size_t n;
        good(slc_dispatch(w.engine, release_the_event, &w, 0, &n), NULL);
        if (n == 0) good(slc_wait(w.engine, 50), NULL);
    }
    assert_int_equal(w.count[SLC_EVENT_MESSAGE], 1);
    good(slc_close(w.engine, NULL), NULL);
    end_net(&w);
}

/* ---- texts ---- */

static void every_status_and_every_event_has_its_own_text(void **state)
{
    (void)state;
    for (int a = 0; a < SLC_STATUS_COUNT; a++) {
        const char *text = slc_status_text((enum slc_status)a);
        assert_non_null(text);
        assert_true(strlen(text) > 2 && strcmp(text, "unknown status") != 0);
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(text, slc_status_text((enum slc_status)b));
        }
    }
    assert_string_equal(slc_status_text((enum slc_status)12345), "unknown status");
    for (int kind = SLC_EVENT_MESSAGE; kind <= SLC_EVENT_FINISHED; kind++) {
        assert_string_not_equal(slc_event_name((enum slc_event_kind)kind), "unknown");
    }
    assert_string_equal(slc_event_name((enum slc_event_kind)0), "unknown");
    assert_string_equal(slc_event_name((enum slc_event_kind)99), "unknown");
    char version[32];
    (void)snprintf(version, sizeof version, "%d.%d.%d", SLC_VERSION_MAJOR, SLC_VERSION_MINOR, SLC_VERSION_PATCH);
    assert_string_equal(slc_version(), version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handles_of_nothing_are_bad),
        cmocka_unit_test(invented_handles_of_an_open_engine_are_bad),
        cmocka_unit_test(a_closed_engine_and_its_clients_are_bad_handles),
        cmocka_unit_test(another_thread_is_refused_and_changes_nothing),
        cmocka_unit_test(an_engine_that_is_handed_over_belongs_to_who_calls_next),
        cmocka_unit_test(wakes_and_statistics_from_other_threads_survive_a_close),
        cmocka_unit_test(a_signal_handler_ends_a_wait),
        cmocka_unit_test(null_is_a_bad_argument),
        cmocka_unit_test(what_is_too_much_or_too_little_is_refused),
        cmocka_unit_test(what_cannot_be_opened_is_told_in_words),
        cmocka_unit_test(one_engine_too_many_is_told_in_words),
        cmocka_unit_test(a_client_that_cannot_be_is_told_in_words),
        cmocka_unit_test(a_newer_struct_is_taken_while_it_asks_for_nothing_new),
        cmocka_unit_test(what_was_never_held_cannot_be_released),
        cmocka_unit_test(a_handler_may_call_anything_and_close_the_engine),
        cmocka_unit_test(a_handler_may_release_its_event_itself),
        cmocka_unit_test(every_status_and_every_event_has_its_own_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
