/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/api/api_world.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* What the public API keeps in a folder, from one life of a program to the next. */

/* A disk that fails the storage thread so many times: sqlite's fdatasync is this one. */
static _Atomic unsigned sync_failures;
static _Thread_local bool is_control;

int fdatasync(int fd);

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    if (!is_control && sync_failures > 0) {
        sync_failures--;
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static void make_folder(char folder[64])
{
    (void)snprintf(folder, 64, "/tmp/sluice-api-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.') assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(closedir(dir), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void open_with(struct world *w, const char *folder, const char *const *names, unsigned count)
{
    struct slc_error error = {0};
    struct slc_open_options options = options_of(w);
    options.storage = folder;
    good(slc_open(&options, &w->engine, &error), &error);
    for (unsigned i = 0; i < count; i++) {
        struct slc_client_options who = {.size = sizeof who, .name = names[i]};
        struct slc_client_info info = {.size = sizeof info};
        good(slc_add(w->engine, &who, &w->client[i], &error), &error);
        good(slc_info(w->client[i], &info), NULL);
        w->recipient[i] = info.recipient;
    }
}

static void close_in_order(struct world *w)
{
    struct slc_close_report left = {.size = sizeof left};
    good(slc_finish(w->engine, 10000), NULL);
    await(w, SLC_EVENT_FINISHED, 1, 20);
    good(slc_close(w->engine, &left), NULL);
    good(left.storage.status, &left.storage);
    memset(w->count, 0, sizeof w->count);
}

static void names_are_the_same_clients_again(void **state)
{
    (void)state;
    static const char *const names[] = {"alice", "bob-2.x_y"}, *const reversed[] = {"bob-2.x_y", "alice", "carol"};
    struct world w;
    char folder[64];
    make_net(&w, 0);
    make_folder(folder);
    open_with(&w, folder, names, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    struct slc_recipient alice = w.recipient[0], bob = w.recipient[1];
    assert_memory_not_equal(&alice, &bob, sizeof alice);
    close_in_order(&w);
    open_with(&w, folder, reversed, 3);
    await(&w, SLC_EVENT_READY, 3, 20);
    assert_memory_equal(&w.recipient[0], &bob, sizeof bob);
    assert_memory_equal(&w.recipient[1], &alice, sizeof alice);
    close_in_order(&w);
    remove_folder(folder);
    end_net(&w);
}

static void a_tag_of_an_earlier_life_is_answered(void **state)
{
    (void)state;
    static const char *const names[] = {"asker", "service"};
    struct world w;
    char folder[64];
    make_net(&w, 0);
    make_folder(folder);
    open_with(&w, folder, names, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    struct slc_send_options with_surbs = {.size = sizeof with_surbs, .surbs = 20};
    good(slc_send(w.client[0], &w.recipient[1], "", 0, &with_surbs), NULL);
    await(&w, SLC_EVENT_MESSAGE, 1, 20);
    assert_true(w.has_tag);
    close_in_order(&w);
    open_with(&w, folder, names, 2);
    await(&w, SLC_EVENT_READY, 2, 20);
    uint8_t *bytes = pattern(100);
    good(slc_reply(w.client[1], w.tag, bytes, 100, NULL), NULL);
    await(&w, SLC_EVENT_MESSAGE, 1, 20);
    assert_int_equal(w.bytes, 100);
    free(bytes);
    close_in_order(&w);
    remove_folder(folder);
    end_net(&w);
}

static void names_and_folders_that_cannot_be_are_told_in_words(void **state)
{
    (void)state;
    static const char *const names[] = {"alice"}, *const bad[] = {"", "a/b", "a b", "\xc3\xa9"};
    struct world w;
    struct slc_error error = {0};
    char folder[64];
    make_net(&w, 0);
    make_folder(folder);
    open_with(&w, folder, names, 1);
    struct slc_client_options who = {.size = sizeof who, .name = "alice"};
    assert_int_equal(slc_add(w.engine, &who, &w.client[1], &error), SLC_DUPLICATE);
    assert_non_null(strstr(error.text, "in use"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        who.name = bad[i];
        assert_int_equal(slc_add(w.engine, &who, &w.client[1], &error), SLC_BAD_ARGUMENT);
    }
    char long_name[SLC_NAME_MAX + 2];
    memset(long_name, 'x', sizeof long_name);
    long_name[SLC_NAME_MAX + 1] = 0;
    who.name = long_name;
    assert_int_equal(slc_add(w.engine, &who, &w.client[1], &error), SLC_BAD_ARGUMENT);
    who.name = long_name + 1;
    good(slc_add(w.engine, &who, &w.client[1], &error), &error);
    assert_int_equal(slc_add(w.engine, NULL, &w.client[2], &error), SLC_BAD_ARGUMENT);
    assert_non_null(strstr(error.text, "name"));
    /* Its folder is its own. */
    struct slc_engine_id other;
    struct slc_open_options options = options_of(&w);
    options.storage = folder;
    assert_int_equal(slc_open(&options, &other, &error), SLC_DUPLICATE);
    assert_non_null(strstr(error.text, folder));
    good(slc_close(w.engine, NULL), NULL);
    remove_folder(folder);
    end_net(&w);
}

/* Adds the client of that name as soon as its last life has ended. */
static void add_again(struct world *w, unsigned i, const char *name)
{
    struct slc_error error = {0};
    struct slc_client_options who = {.size = sizeof who, .name = name};
    struct slc_client_info info = {.size = sizeof info};
    enum slc_status status = SLC_DUPLICATE;
    for (uint64_t end = now_ms() + 10000; status == SLC_DUPLICATE && now_ms() < end;) {
        size_t n;
        good(slc_dispatch(w->engine, take, w, 0, &n), NULL);
        status = slc_add(w->engine, &who, &w->client[i], &error);
        if (status == SLC_DUPLICATE) good(slc_wait(w->engine, 20), NULL);
    }
    good(status, &error);
    good(slc_info(w->client[i], &info), NULL);
    assert_memory_equal(&info.recipient, &w->recipient[i], sizeof info.recipient);
}

/* At its old gateway, however late the disk has its registration. */
static void a_removed_client_may_come_back_by_its_name(void **state)
{
    (void)state;
    static const char *const names[] = {"alice", "bob", "carol", "dave"};
    struct world w;
    char folder[64];
    make_net(&w, 0);
    make_folder(folder);
    /* One of two gateways would be the old one by chance, so more than once. */
    for (unsigned late = 0; late < 4; late++) {
        is_control = true;
        sync_failures = late > 0 ? 3 : 0;
        open_with(&w, folder, names, 4);
        await(&w, SLC_EVENT_READY, 4, 20);
        for (unsigned i = 0; i < 4; i++) {
            good(slc_remove(w.client[i]), NULL);
        }
        for (unsigned i = 0; i < 4; i++) {
            add_again(&w, i, names[i]);
        }
        assert_int_equal(sync_failures, 0);
        await(&w, SLC_EVENT_READY, 8, 20);
        close_in_order(&w);
        remove_folder(folder);
        make_folder(folder);
    }
    remove_folder(folder);
    end_net(&w);
}

static void an_address_that_was_told_stays_though_its_registration_is_lost(void **state)
{
    (void)state;
    static const char *const names[] = {"alice", "bob", "carol", "dave"};
    struct world w;
    struct slc_recipient told[4];
    struct slc_close_report left = {.size = sizeof left};
    char folder[64];
    make_net(&w, 0);
    make_folder(folder);
    is_control = true;
    sync_failures = UINT_MAX;
    open_with(&w, folder, names, 4);
    memcpy(told, w.recipient, sizeof told);
    await(&w, SLC_EVENT_READY, 4, 20);
    is_control = false;
    good(slc_close(w.engine, &left), NULL);
    assert_int_equal(left.storage.status, SLC_IO);
    sync_failures = 0;
    memset(w.count, 0, sizeof w.count);
    open_with(&w, folder, names, 4);
    assert_memory_equal(w.recipient, told, sizeof told);
    await(&w, SLC_EVENT_READY, 4, 20);
    close_in_order(&w);
    remove_folder(folder);
    end_net(&w);
}

static void a_folder_of_others_eyes_is_refused(void **state)
{
    (void)state;
    struct world w;
    struct slc_error error = {0};
    struct slc_engine_id engine;
    char folder[64];
    make_net(&w, 0);
    make_folder(folder);
    assert_int_equal(chmod(folder, 0777), 0);
    struct slc_open_options options = options_of(&w);
    options.storage = folder;
    assert_int_equal(slc_open(&options, &engine, &error), SLC_DENIED);
    assert_non_null(strstr(error.text, folder));
    remove_folder(folder);
    end_net(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_the_same_clients_again),
        cmocka_unit_test(a_tag_of_an_earlier_life_is_answered),
        cmocka_unit_test(names_and_folders_that_cannot_be_are_told_in_words),
        cmocka_unit_test(a_removed_client_may_come_back_by_its_name),
        cmocka_unit_test(an_address_that_was_told_stays_though_its_registration_is_lost),
        cmocka_unit_test(a_folder_of_others_eyes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
