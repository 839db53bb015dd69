/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/storage/home.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* The storage's core: what is kept, what is refused, and that refusing leaves everything as it was. */

/* ---- identities ---- */

static void an_identity_is_the_same_after_reopening(void **state)
{
    struct home *h = *state;
    struct slc_client_keys keys;
    struct slc_stored_client found;
    uint64_t one, two;
    slc_client_keys_generate(&keys, &h->random);
    assert_int_equal(slc_storage_add(h->storage, "echo", &keys, &one, &h->error), SLC_OK);
    home_reopen(h);
    assert_int_equal(slc_storage_count(h->storage), 1);
    home_must(slc_storage_find(h->storage, one, &found, &h->error), h);
    assert_memory_equal(&found.keys, &keys, sizeof keys);
    assert_string_equal(found.name, "echo");
    assert_false(found.registered);
    home_must(slc_storage_find_name(h->storage, "echo", &found, &h->error), h);
    assert_int_equal(found.identity, one);
    assert_int_equal(slc_storage_find_name(h->storage, "nobody", &found, &h->error), SLC_NOT_FOUND);
    assert_int_equal(slc_storage_find(h->storage, one + 1, &found, &h->error), SLC_NOT_FOUND);
    assert_int_equal(slc_storage_add(h->storage, "echo", &keys, &two, &h->error), SLC_DUPLICATE);
    assert_non_null(strstr(h->error.text, "echo"));
}

static void identities_are_provided_once_and_listed_in_order(void **state)
{
    struct home *h = *state;
    home_must(slc_storage_provide(h->storage, 5, &h->random, &h->error), h);
    home_must(home_list(h), h);
    assert_int_equal(h->seen, 5);
    struct slc_stored_client first = h->clients[0];
    home_reopen(h);
    home_must(slc_storage_provide(h->storage, 3, &h->random, &h->error), h);
    home_must(slc_storage_provide(h->storage, 8, &h->random, &h->error), h);
    home_must(home_list(h), h);
    assert_int_equal(h->seen, 8);
    assert_memory_equal(&h->clients[0], &first, sizeof first);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(h->clients[i].identity, i + 1);
    }
}

static void a_gateway_that_was_chosen_stays_and_is_no_registration(void **state)
{
    struct home *h = *state;
    struct slc_stored_client found;
    struct sample sample;
    uint8_t other[SLC_IDENTITY_BYTES] = {9};
    home_must(slc_storage_provide(h->storage, 2, &h->random, &h->error), h);
    home_must(slc_storage_find(h->storage, 1, &found, &h->error), h);
    assert_false(found.has_gateway);
    sample_make(&sample, &h->random, 1);
    const uint8_t *gateway = sample.registration.gateway;
    home_must(slc_storage_choose(h->storage, 1, gateway, &h->error), h);
    home_reopen(h);
    home_must(slc_storage_find(h->storage, 1, &found, &h->error), h);
    assert_true(found.has_gateway);
    assert_false(found.registered);
    assert_memory_equal(found.gateway, gateway, sizeof found.gateway);
    home_must(slc_storage_registration(h->storage, gateway, &found, &h->error), h);
    assert_false(found.registered);
    /* Registered there, then elsewhere chosen and back: the registration is still that. */
    home_apply(h, 1, &sample.registration);
    home_must(slc_storage_choose(h->storage, 1, other, &h->error), h);
    home_must(slc_storage_find(h->storage, 1, &found, &h->error), h);
    assert_false(found.registered);
    assert_memory_equal(found.gateway, other, sizeof found.gateway);
    home_must(slc_storage_choose(h->storage, 1, gateway, &h->error), h);
    home_reopen(h);
    home_must(slc_storage_find(h->storage, 1, &found, &h->error), h);
    assert_true(found.registered);
    assert_memory_equal(found.gateway, gateway, sizeof found.gateway);
    home_must(slc_storage_find(h->storage, 2, &found, &h->error), h);
    assert_false(found.has_gateway);
}

static void a_removed_identity_takes_its_records_along(void **state)
{
    struct home *h = *state;
    struct slc_stored_client found;
    home_must(slc_storage_provide(h->storage, 2, &h->random, &h->error), h);
    for (uint64_t identity = 1; identity <= 2; identity++) {
        struct sample sample;
        sample_make(&sample, &h->random, 1);
        home_apply(h, identity, &sample.registration);
        home_apply(h, identity, &sample.key);
        home_apply(h, identity, &sample.tag);
        home_apply(h, identity, &sample.surbs);
    }
    home_must(slc_storage_remove(h->storage, 1, &h->error), h);
    assert_int_equal(slc_storage_remove(h->storage, 1, &h->error), SLC_NOT_FOUND);
    home_reopen(h);
    assert_int_equal(slc_storage_count(h->storage), 1);
    assert_int_equal(slc_storage_find(h->storage, 1, &found, &h->error), SLC_NOT_FOUND);
    assert_int_equal(slc_storage_load(h->storage, 1, home_take, h, &h->error), SLC_NOT_FOUND);
    assert_int_equal(home_load(h, 2), 3);
    /* A number never comes back for another. */
    home_must(slc_storage_provide(h->storage, 3, &h->random, &h->error), h);
    home_must(slc_storage_find(h->storage, 4, &found, &h->error), h);
}

/* ---- records ---- */

static void the_last_registration_is_the_one_in_use(void **state)
{
    struct home *h = *state;
    struct sample one, two;
    struct slc_stored_client found;
    struct slc_client_setup setup;
    home_must(slc_storage_provide(h->storage, 1, &h->random, &h->error), h);
    sample_make(&one, &h->random, 1);
    sample_make(&two, &h->random, 1);
    home_apply(h, 1, &one.registration);
    home_apply(h, 1, &two.registration);
    home_reopen(h);
    home_must(slc_storage_find(h->storage, 1, &found, &h->error), h);
    assert_true(found.registered);
    assert_memory_equal(found.gateway, two.gateway, sizeof found.gateway);
    assert_memory_equal(found.shared_key, two.shared_key, sizeof found.shared_key);
    assert_int_equal(found.timestamp, two.registration.timestamp);
    slc_stored_setup(&found, &setup);
    assert_ptr_equal(setup.shared_key, found.shared_key);
    assert_int_equal(setup.identity, 1);
    home_must(slc_storage_registration(h->storage, one.gateway, &found, &h->error), h);
    assert_true(found.registered);
    assert_memory_equal(found.shared_key, one.shared_key, sizeof found.shared_key);
    one.gateway[0] ^= 1;
    home_must(slc_storage_registration(h->storage, one.gateway, &found, &h->error), h);
    assert_false(found.registered);
}

static void records_come_back_as_the_ones_before_them_left_things(void **state)
{
    struct home *h = *state;
    struct sample a, b, c;
    home_must(slc_storage_provide(h->storage, 2, &h->random, &h->error), h);
    sample_make(&a, &h->random, 1);
    sample_make(&b, &h->random, 2);
    sample_make(&c, &h->random, 3);
    b.key.at = a.key.at - 1;
    const struct slc_client_record lease = {.kind = SLC_RECORD_LEASE, .block = 2, .released = 5};
    const struct slc_client_record key_end = {.kind = SLC_RECORD_KEY_END, .digest = c.digest};
    const struct slc_client_record tag_end = {.kind = SLC_RECORD_TAG_END, .recipient = &c.recipient};
    const struct slc_client_record block_end = {.kind = SLC_RECORD_SURBS_END, .block = 3};
    const struct slc_client_record *const records[] = {&a.key,   &b.key, &c.key,   &a.tag,   &c.tag,   &a.surbs,
                                                       &b.surbs, &lease, &c.surbs, &key_end, &tag_end, &block_end};
    home_apply_all(h, 1, records, sizeof records / sizeof *records);
    home_apply(h, 2, &c.key);
    home_reopen(h);
    assert_int_equal(home_load(h, 1), 5);
    assert_record_equal(h->loaded[0], &b.key);
    assert_record_equal(h->loaded[1], &a.key);
    assert_record_equal(h->loaded[2], &a.tag);
    assert_record_equal(h->loaded[3], &a.surbs);
    b.surbs.released = 5;
    assert_record_equal(h->loaded[4], &b.surbs);
    assert_int_equal(home_load(h, 2), 1);
    assert_record_equal(h->loaded[0], &c.key);
}

static void a_batch_that_fails_leaves_nothing_of_itself(void **state)
{
    struct home *h = *state;
    struct sample a;
    home_must(slc_storage_provide(h->storage, 1, &h->random, &h->error), h);
    sample_make(&a, &h->random, 1);
    const struct slc_client_record nonsense = {.kind = SLC_RECORD_KINDS};
    struct slc_stored_record *batch[] = {slc_stored_record_new(1, &a.key), slc_stored_record_new(1, &nonsense)};
    assert_int_equal(slc_storage_apply(h->storage, batch, 2, &h->error), SLC_BAD_ARGUMENT);
    assert_int_equal(home_load(h, 1), 0);
    home_must(slc_storage_apply(h->storage, batch, 1, &h->error), h);
    assert_int_equal(home_load(h, 1), 1);
    slc_stored_record_free(batch[0]);
    slc_stored_record_free(batch[1]);
}

static void storage_in_memory_works_alike(void **state)
{
    struct home *h = *state;
    struct slc_storage *on_disk = h->storage;
    struct sample a;
    home_must(slc_storage_open(&h->storage, NULL, &h->error), h);
    home_must(slc_storage_provide(h->storage, 1, &h->random, &h->error), h);
    sample_make(&a, &h->random, 1);
    home_apply(h, 1, &a.surbs);
    assert_int_equal(home_load(h, 1), 1);
    slc_storage_close(h->storage);
    h->storage = on_disk;
    assert_int_equal(slc_storage_count(h->storage), 0);
}

/* ---- files ---- */

static void files_are_readable_by_their_owner_alone(void **state)
{
    struct home *h = *state;
    struct slc_storage *fresh;
    mode_t before = umask(0);
    home_must(slc_storage_open(&fresh, home_path(h, "fresh"), &h->error), h);
    (void)umask(before);
    assert_int_equal(home_mode(h, "fresh"), 0700);
    assert_int_equal(home_mode(h, "fresh/sluice.sqlite"), 0600);
    assert_int_equal(home_mode(h, "fresh/sluice.sqlite-wal"), 0600);
    assert_int_equal(home_mode(h, "fresh/lock"), 0600);
    slc_storage_close(fresh);
    assert_int_equal(unlink(home_path(h, "fresh/sluice.sqlite")), 0);
    assert_int_equal(unlink(home_path(h, "fresh/lock")), 0);
    assert_int_equal(rmdir(home_path(h, "fresh")), 0);
    slc_storage_close(h->storage);
    h->storage = NULL;
    assert_int_equal(chmod(home_path(h, "sluice.sqlite"), 0640), 0);
    assert_int_equal(slc_storage_open(&h->storage, h->dir, &h->error), SLC_DENIED);
    assert_non_null(strstr(h->error.text, "640"));
    assert_non_null(strstr(h->error.text, "chmod 600"));
    assert_int_equal(chmod(home_path(h, "sluice.sqlite"), 0600), 0);
    assert_int_equal(chmod(h->dir, 0770), 0);
    assert_int_equal(slc_storage_open(&h->storage, h->dir, &h->error), SLC_DENIED);
    assert_non_null(strstr(h->error.text, "chmod 700"));
    assert_int_equal(chmod(h->dir, 0700), 0);
    home_must(slc_storage_open(&h->storage, h->dir, &h->error), h);
}

static void a_directory_in_use_is_refused_and_the_user_named(void **state)
{
    struct home *h = *state;
    struct slc_storage *second;
    char pid[32];
    (void)snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_int_equal(slc_storage_open(&second, h->dir, &h->error), SLC_DUPLICATE);
    assert_non_null(strstr(h->error.text, pid));
    assert_non_null(strstr(h->error.text, h->dir));
    /* Whoever dies leaves no lock behind. */
    slc_storage_close(h->storage);
    pid_t child = fork();
    if (child == 0) {
        enum slc_status status = slc_storage_open(&second, h->dir, NULL);
        if (status == SLC_OK) (void)kill(getpid(), SIGKILL);
        _exit(1);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    home_must(slc_storage_open(&h->storage, h->dir, &h->error), h);
}

static void what_secrets_were_is_not_left_in_the_file(void **state)
{
    struct home *h = *state;
    struct sample a;
    home_must(slc_storage_provide(h->storage, 1, &h->random, &h->error), h);
    sample_make(&a, &h->random, 1);
    home_apply(h, 1, &a.key);
    home_apply(h, 1, &a.surbs);
    home_reopen(h);
    slc_storage_close(h->storage);
    h->storage = NULL;
    assert_true(home_holds(h, a.key_bytes, sizeof a.key_bytes));
    assert_true(home_holds(h, a.surb_bytes + 100, 32));
    home_must(slc_storage_open(&h->storage, h->dir, &h->error), h);
    home_apply(h, 1, &(struct slc_client_record){.kind = SLC_RECORD_KEY_END, .digest = a.digest});
    home_apply(h, 1, &(struct slc_client_record){.kind = SLC_RECORD_SURBS_END, .block = 1});
    slc_storage_close(h->storage);
    h->storage = NULL;
    assert_false(home_holds(h, a.key_bytes, sizeof a.key_bytes));
    assert_false(home_holds(h, a.surb_bytes + 100, 32));
    home_must(slc_storage_open(&h->storage, h->dir, &h->error), h);
}

/* ---- thousands ---- */

static void ten_thousand_identities_open_in_a_second(void **state)
{
    enum { MANY = 10000 };
    struct home *h = *state;
    slc_time begin = slc_now();
    home_must(slc_storage_provide(h->storage, MANY, &h->random, &h->error), h);
    slc_time made = slc_now();
    struct slc_stored_record **batch = calloc(MANY, sizeof(struct slc_stored_record *));
    for (size_t i = 0; i < MANY; i++) {
        struct sample sample;
        sample_make(&sample, &h->random, 1);
        batch[i] = slc_stored_record_new(i + 1, &sample.registration);
    }
    slc_time drawn = slc_now();
    home_must(slc_storage_apply(h->storage, batch, MANY, &h->error), h);
    slc_time registered = slc_now();
    for (size_t i = 0; i < MANY; i++) {
        slc_stored_record_free(batch[i]);
    }
    free(batch);
    slc_storage_close(h->storage);
    slc_time closed = slc_now();
    home_must(slc_storage_open(&h->storage, h->dir, &h->error), h);
    home_must(home_list(h), h);
    slc_time listed = slc_now();
    for (uint64_t i = 1; i <= MANY; i++) {
        assert_int_equal(home_load(h, i), 0);
    }
    slc_time loaded = slc_now();
    (void)printf(
        "%d identities: made in %.2f s, registered in %.2f s; opened and listed in %.3f s, records in %.3f s\n", MANY,
        (double)(made - begin) / 1e9, (double)(registered - drawn) / 1e9, (double)(listed - closed) / 1e9,
        (double)(loaded - listed) / 1e9);
    assert_int_equal(h->seen, MANY);
    assert_true(h->clients[HOME_SEEN - 1].registered);
    if (!HOME_SANITIZED) assert_true(loaded - closed < SLC_SECOND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_identity_is_the_same_after_reopening),
        TEST(identities_are_provided_once_and_listed_in_order),
        TEST(a_gateway_that_was_chosen_stays_and_is_no_registration),
        TEST(a_removed_identity_takes_its_records_along),
        TEST(the_last_registration_is_the_one_in_use),
        TEST(records_come_back_as_the_ones_before_them_left_things),
        TEST(a_batch_that_fails_leaves_nothing_of_itself),
        TEST(storage_in_memory_works_alike),
        TEST(files_are_readable_by_their_owner_alone),
        TEST(a_directory_in_use_is_refused_and_the_user_named),
        TEST(what_secrets_were_is_not_left_in_the_file),
        TEST(ten_thousand_identities_open_in_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
