/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/storage/home.h"

#include "engine/engine.h"
#include "engine/node/localnet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/*
 * Processes that are killed at any instant, and what the next life finds: first the storage alone, then a pair of
 * clients with engine, threads and a mixnet outside, which sees every packet and knows a SURB that comes twice.
 */

static const char *self; /* this program */

static void sleep_for(slc_time span)
{
    const struct timespec time = {.tv_sec = (time_t)(span / SLC_SECOND), .tv_nsec = (long)(span % SLC_SECOND)};
    (void)nanosleep(&time, NULL);
}

/* In place of the system's, for sqlite too: a disk that takes its time leaves more to lose. */
static slc_time sync_time;

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    sleep_for(sync_time);
    return (int)syscall(SYS_fdatasync, fd);
}

/* ---- the storage alone ---- */

/* Applies batch after batch, and says after each that it is kept. Never returns. */
static void write_on(const char *dir, int out, uint64_t batch)
{
    struct slc_storage *storage;
    struct slc_random random;
    slc_random_from_number(&random, 7, 7);
    if (slc_storage_open(&storage, dir, NULL) != SLC_OK) _exit(1);
    for (;; batch++) {
        struct slc_stored_record *records[3];
        struct sample sample;
        sample_make(&sample, &random, batch);
        memcpy(sample.digest, &batch, sizeof batch);
        const struct slc_client_record lease = {.kind = SLC_RECORD_LEASE, .block = batch, .released = 7};
        records[0] = slc_stored_record_new(1, &sample.key);
        records[1] = slc_stored_record_new(1, &sample.surbs);
        records[2] = slc_stored_record_new(1, &lease);
        if (slc_storage_apply(storage, records, 3, NULL) != SLC_OK) _exit(1);
        for (size_t i = 0; i < 3; i++) {
            slc_stored_record_free(records[i]);
        }
        if (write(out, &batch, sizeof batch) != sizeof batch) _exit(1);
    }
}

struct found {
    uint64_t keys, blocks, highest;
    bool wrong;
};

static enum slc_status count_found(void *argument, const struct slc_client_record *record)
{
    struct found *f = argument;
    uint64_t batch;
    if (record->kind == SLC_RECORD_KEY) {
        memcpy(&batch, record->digest, sizeof batch);
        f->highest = batch > f->highest ? batch : f->highest;
        f->keys++;
    } else if (record->kind == SLC_RECORD_SURBS) {
        f->wrong |= record->released != 7 || record->count != SAMPLE_SURBS;
        f->blocks++;
    }
    return SLC_OK;
}

static void a_killed_writer_loses_nothing_it_was_told_is_kept(void **state)
{
    struct home *h = *state;
    enum { LIVES = 40 };
    uint64_t kept = 0;
    home_must(slc_storage_provide(h->storage, 1, &h->random, &h->error), h);
    slc_storage_close(h->storage);
    h->storage = NULL;
    for (unsigned life = 0; life < LIVES; life++) {
        int pipes[2], how;
        assert_int_equal(pipe(pipes), 0);
        struct found found = {0};
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) write_on(h->dir, pipes[1], kept + 1);
        (void)close(pipes[1]);
        sleep_for((20 + slc_random_below(&h->random, 60)) * SLC_MILLISECOND);
        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how));
        uint64_t told = kept;
        while (read(pipes[0], &told, sizeof told) == sizeof told) {
        }
        (void)close(pipes[0]);
        home_must(slc_storage_open(&h->storage, h->dir, &h->error), h);
        assert_null(slc_storage_notice(h->storage));
        home_must(slc_storage_load(h->storage, 1, count_found, &found, &h->error), h);
        /* All of a batch or nothing; what was told, and at most the one that could not be told any more. */
        assert_int_equal(found.keys, found.blocks);
        assert_int_equal(found.keys, found.highest);
        assert_false(found.wrong);
        assert_in_range(found.highest, told, told + 1);
        kept = found.highest;
        slc_storage_close(h->storage);
        h->storage = NULL;
    }
    (void)printf("%u lives, %llu batches kept\n", LIVES, (unsigned long long)kept);
    assert_true(kept > LIVES / 2);
}

/* ---- a pair of clients ---- */

enum { ASKER, ANSWERER, SURBS_EACH = 8, MOST_OPEN = 16, ANSWER_BYTES = 4500, FIRST_LEASE = 2, SLOW_SYNC = 20000000 };

struct left {
    size_t surbs, released, blocks, leased; /* leased: blocks of which more is released than at first */
    uint8_t tag[SLC_SENDER_TAG_BYTES];
};

static enum slc_status count_left(void *argument, const struct slc_client_record *record)
{
    struct left *left = argument;
    if (record->kind != SLC_RECORD_SURBS) return SLC_OK;
    left->surbs += record->count - record->released;
    left->released += record->released;
    left->blocks++;
    left->leased += record->released > FIRST_LEASE;
    memcpy(left->tag, record->tag, sizeof left->tag);
    return SLC_OK;
}

struct pair {
    struct left left; /* by the lives before */
    struct slc_storage *storage;
    struct slc_topology *topology;
    struct slc_engine *engine;
    uint32_t client[2];
    struct slc_recipient answerer;
    size_t ready, open, answered, last_replies;
    uint8_t *seen; /* of the last replies */
    size_t expected;
};

static void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "life: %s: %s\n", what, why);
    _exit(3);
}

static void add_one(struct pair *p, uint64_t identity)
{
    struct slc_stored_client stored;
    struct slc_client_setup setup;
    struct slc_error error = {0};
    const struct slc_node *gateways[8];
    if (slc_storage_find(p->storage, identity, &stored, &error) != SLC_OK) give_up("identity", error.text);
    if (!stored.registered) {
        (void)slc_topology_gateways(p->topology, true, gateways, 8);
        memcpy(stored.gateway, gateways[identity % 2]->identity, sizeof stored.gateway);
    }
    slc_stored_setup(&stored, &setup);
    enum slc_status status = slc_engine_add(p->engine, &setup, &p->client[identity - 1]);
    if (status != SLC_OK) give_up("adding", slc_engine_storage_words(p->engine));
}

static void begin_pair(struct pair *p, const char *home, const char *topology)
{
    struct slc_error error = {0};
    struct slc_engine_config config;
    slc_engine_config_default(&config);
    config.runtime.workers = 2;
    config.runtime.max_connections = 64;
    config.max_clients = 2;
    config.traffic.pacing = SLC_PACING_NONE;
    config.traffic.no_loop = true;
    config.traffic.hop_delay = SLC_MILLISECOND;
    config.traffic.ack_wait_extra = 60 * SLC_SECOND;
    config.traffic.surbs_minimum = 0;
    config.traffic.surbs_maximum = 0;
    config.traffic.max_reply_keys = config.traffic.max_stored_surbs = 1 << 20;
    if (slc_storage_open(&p->storage, home, &error) != SLC_OK) give_up("storage", error.text);
    if (slc_storage_notice(p->storage) != NULL) give_up("storage", slc_storage_notice(p->storage));
    if (slc_topology_load(topology, &p->topology, &error) != SLC_OK) give_up("topology", error.text);
    if (slc_storage_load(p->storage, 2, count_left, &p->left, &error) != SLC_OK) give_up("SURBs left", error.text);
    config.storage = p->storage;
    if (slc_engine_new(&p->engine, &config, p->topology, NULL, &error) != SLC_OK) give_up("engine", error.text);
    add_one(p, 1);
    add_one(p, 2);
    if (slc_engine_recipient(p->engine, p->client[ANSWERER], &p->answerer) != SLC_OK) give_up("answerer", "gone");
    if (slc_engine_start(p->engine, &error) != SLC_OK) give_up("start", error.text);
}

static void post(struct pair *p, struct slc_send *send, uint8_t first)
{
    if (slc_engine_prepare(p->engine, send) != SLC_OK) give_up("prepare", "no buffer");
    memset(send->data, first, send->len);
    while (slc_engine_submit(p->engine, send) == SLC_AGAIN) {
        slc_engine_wait(p->engine, SLC_MILLISECOND);
    }
    p->open++;
}

static void take_delivered(struct pair *p, const struct slc_engine_event *event, bool answering)
{
    if (event->client == p->client[ASKER]) {
        uint32_t number;
        p->answered++;
        if (!event->is_reply) give_up("asker", "a message that is no reply");
        if (event->len != sizeof number) return;
        memcpy(&number, event->data, sizeof number);
        if (number >= p->expected || p->seen[number]) give_up("asker", "a reply twice");
        p->seen[number] = 1;
        p->last_replies++;
    } else if (answering && event->has_tag) {
        struct slc_send answer = {.client = p->client[ANSWERER], .reply = true, .len = ANSWER_BYTES};
        memcpy(answer.tag, event->tag, sizeof answer.tag);
        post(p, &answer, 2);
    }
}

static void turn(struct pair *p, bool answering)
{
    struct slc_engine_event events[32];
    size_t n = slc_engine_poll(p->engine, events, 32);
    for (size_t i = 0; i < n; i++) {
        const struct slc_engine_event *e = &events[i];
        if (e->kind == SLC_CLIENT_READY) p->ready++;
        if (e->kind == SLC_CLIENT_ACKED || e->kind == SLC_CLIENT_EXPIRED) p->open--;
        if (e->kind == SLC_CLIENT_FAILED || e->kind == SLC_CLIENT_STORAGE) give_up("event", e->text);
        if (e->kind == SLC_CLIENT_DELIVERED) take_delivered(p, e, answering);
        slc_engine_release(p->engine, e);
    }
    if (n == 0) slc_engine_wait(p->engine, 2 * SLC_MILLISECOND);
    /* Every key of a SURB that is out is here: so whatever comes can be opened. */
    struct slc_client_counters counters;
    slc_engine_counters(p->engine, &counters);
    if (counters.refused_payloads > 0) give_up("asker", "a payload that cannot be opened: its key is lost");
}

static void await_ready(struct pair *p)
{
    for (slc_time end = slc_now() + 20 * SLC_SECOND; p->ready < 2;) {
        if (slc_now() > end) give_up("ready", "not in 20 s");
        turn(p, false);
    }
}

static void ask(struct pair *p)
{
    struct slc_send ask = {
        .client = p->client[ASKER], .len = 100, .anonymous = true, .surbs = SURBS_EACH, .recipient = p->answerer};
    post(p, &ask, 1);
}

/* Dies when messages have just left, and their keys may still be on their way to the disk. */
static void die_asking(struct pair *p, struct slc_random *random)
{
    for (unsigned i = 0; i < MOST_OPEN; i++) {
        ask(p);
    }
    sleep_for(slc_random_below(random, 2 * SLOW_SYNC));
    (void)kill(getpid(), SIGKILL);
}

/* Asks and answers until it is killed, or kills itself. */
static int live(const char *home, const char *topology, bool dies)
{
    struct pair p = {0};
    struct slc_random random;
    if (dies) sync_time = SLOW_SYNC;
    begin_pair(&p, home, topology);
    await_ready(&p);
    if (slc_random_from_system(&random) != SLC_OK) return 3;
    if (write(STDOUT_FILENO, p.left.leased > 0 ? "l" : "r", 1) != 1) return 3;
    for (slc_time end = slc_now() + slc_random_below(&random, 400) * SLC_MILLISECOND;;) {
        if (p.open < MOST_OPEN) ask(&p);
        turn(&p, true);
        if (dies && slc_now() > end) die_asking(&p, &random);
    }
}

/* Uses up every SURB that is left, each for one short reply; all of them have to arrive, each once. */
static int live_last(const char *home, const char *topology)
{
    struct pair p = {0};
    begin_pair(&p, home, topology);
    await_ready(&p);
    /* What waited at the gateways brings more SURBs, which are not counted. */
    for (slc_time end = slc_now() + SLC_SECOND; slc_now() < end;) {
        turn(&p, false);
    }
    p.expected = p.left.surbs;
    p.seen = calloc(p.left.surbs + 1, 1);
    for (uint32_t number = 0; number < p.left.surbs; number++) {
        struct slc_send reply = {.client = p.client[ANSWERER], .reply = true, .len = sizeof number};
        memcpy(reply.tag, p.left.tag, sizeof reply.tag);
        if (slc_engine_prepare(p.engine, &reply) != SLC_OK) give_up("prepare", "no buffer");
        memcpy(reply.data, &number, sizeof number);
        while (slc_engine_submit(p.engine, &reply) == SLC_AGAIN) {
            turn(&p, false);
        }
        p.open++;
        if (number % 64 == 63) turn(&p, false);
    }
    for (slc_time end = slc_now() + 30 * SLC_SECOND; p.last_replies < p.left.surbs || p.open > 0;) {
        if (slc_now() > end) give_up("last replies", "not all in 30 s");
        turn(&p, false);
    }
    (void)fprintf(stderr,
                  "at the end %zu SURBs left in %zu blocks, all of them used; %zu were given up or used before\n",
                  p.left.surbs, p.left.blocks, p.left.released);
    slc_engine_free(p.engine);
    slc_storage_close(p.storage);
    slc_topology_release(p.topology);
    free(p.seen);
    return p.left.surbs > 0 ? 0 : 4;
}

static pid_t start(const char *how, const char *home, const char *topology, int *out)
{
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    pid_t child = vfork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(pipes[1], STDOUT_FILENO);
        (void)execl(self, self, how, home, topology, (char *)NULL);
        _exit(127);
    }
    (void)close(pipes[1]);
    *out = pipes[0];
    return child;
}

/* Whether it found blocks of SURBs of which a part may have been used. */
static bool await_ready_line(int out)
{
    struct pollfd one = {.fd = out, .events = POLLIN};
    char ready = 0;
    if (poll(&one, 1, 30000) != 1 || read(out, &ready, 1) != 1) fail_msg("a life did not get ready");
    return ready == 'l';
}

static struct slc_localnet *make_net(const struct home *h)
{
    struct slc_error error = {0};
    struct slc_localnet_config config;
    struct slc_localnet *net;
    slc_localnet_config_default(&config);
    config.runtime.max_connections = 64;
    if (slc_localnet_new(&net, &config, &error) != SLC_OK) fail_msg("%s", error.text);
    if (slc_localnet_start(net, &error) != SLC_OK) fail_msg("%s", error.text);
    char *document = slc_network_document(slc_localnet_network(net), SLC_DOCUMENT_TOPOLOGY_FILE);
    FILE *file = fopen(home_path(h, "topology.json"), "w");
    assert_true(document != NULL && file != NULL);
    assert_true(fputs(document, file) >= 0);
    assert_int_equal(fclose(file), 0);
    free(document);
    return net;
}

static void clients_that_are_killed_lose_no_key_and_use_no_surb_twice(void **state)
{
    struct home *h = *state;
    unsigned lives = HOME_SANITIZED ? 10 : 30, leased = 0;
    struct slc_node_counters counters;
    char topology[512];
    int out, how;
    struct slc_localnet *net = make_net(h);
    (void)snprintf(topology, sizeof topology, "%s", home_path(h, "topology.json"));
    home_must(slc_storage_provide(h->storage, 2, &h->random, &h->error), h);
    slc_storage_close(h->storage);
    h->storage = NULL;
    for (unsigned life = 0; life < lives; life++) {
        bool dies = life % 2 == 1;
        pid_t child = start(dies ? "die" : "live", h->dir, topology, &out);
        leased += await_ready_line(out);
        if (!dies) {
            sleep_for((50 + slc_random_below(&h->random, 400)) * SLC_MILLISECOND);
            (void)kill(child, SIGKILL);
        }
        assert_int_equal(waitpid(child, &how, 0), child);
        (void)close(out);
        if (!WIFSIGNALED(how)) fail_msg("life %u ended by itself, with code %d", life, WEXITSTATUS(how));
    }
    slc_localnet_counters(net, SLC_ALL_NODES, &counters);
    uint64_t packets = counters.packets_final;
    pid_t child = start("last", h->dir, topology, &out);
    assert_int_equal(waitpid(child, &how, 0), child);
    (void)close(out);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
    slc_localnet_counters(net, SLC_ALL_NODES, &counters);
    (void)printf(
        "%u lives, %u of them with SURBs half used; %llu packets at their gateways, then %llu more; %llu replays\n",
        lives, leased, (unsigned long long)packets, (unsigned long long)(counters.packets_final - packets),
        (unsigned long long)counters.replays);
    assert_true(leased > 0);
    assert_int_equal(counters.replays, 0);
    assert_int_equal(counters.inbox_dropped, 0);
    assert_int_equal(counters.clients_registered, 2);
    slc_localnet_free(net);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 4 && strcmp(argv[1], "last") == 0) return live_last(argv[2], argv[3]);
    if (argc == 4) return live(argv[2], argv[3], strcmp(argv[1], "die") == 0);
    const struct CMUnitTest tests[] = {
        TEST(a_killed_writer_loses_nothing_it_was_told_is_kept),
        TEST(clients_that_are_killed_lose_no_key_and_use_no_surb_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
