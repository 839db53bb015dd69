/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/storage/home.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/wait.h>

/* What becomes of a storage in a bad world. sqlite itself, from outside, is the oracle and the vandal. */

enum { DATABASE_MAX = 1 << 20, IDENTITIES = 5 };

/* A closed file as bytes. */
struct image {
    uint8_t bytes[DATABASE_MAX];
    size_t len;
};

static void read_image(const struct home *h, const char *name, struct image *image)
{
    FILE *file = fopen(home_path(h, name), "rb");
    image->len = file == NULL ? 0 : fread(image->bytes, 1, sizeof image->bytes, file);
    if (file != NULL) (void)fclose(file);
}

static void write_image(const struct home *h, const char *name, const void *bytes, size_t len)
{
    int fd = open(home_path(h, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    (void)close(fd);
}

static void assert_untouched(const struct home *h, const char *name, const struct image *image)
{
    static struct image now;
    read_image(h, name, &now);
    assert_int_equal(now.len, image->len);
    assert_memory_equal(now.bytes, image->bytes, now.len);
}

/* Opening fails so, names the file, and leaves it as it is. */
static void assert_refused(struct home *h, enum slc_status status, const char *words)
{
    static struct image before;
    read_image(h, "sluice.sqlite", &before);
    assert_int_equal(slc_storage_open(&h->storage, h->dir, &h->error), status);
    assert_null(h->storage);
    if (strstr(h->error.text, "sluice.sqlite") == NULL) fail_msg("no file named: %s", h->error.text);
    if (strstr(h->error.text, words) == NULL) fail_msg("not \"%s\": %s", words, h->error.text);
    assert_untouched(h, "sluice.sqlite", &before);
}

/* ---- damage ---- */

static struct slc_stored_client known[IDENTITIES];
static struct sample samples[IDENTITIES];

static void furnish(struct home *h)
{
    for (uint64_t i = 0; i < IDENTITIES; i++) {
        struct slc_client_keys keys;
        uint64_t identity;
        char name[16];
        (void)snprintf(name, sizeof name, "client-%u", (unsigned)i);
        slc_client_keys_generate(&keys, &h->random);
        home_must(slc_storage_add(h->storage, name, &keys, &identity, &h->error), h);
        sample_make(&samples[i], &h->random, 1);
        home_apply(h, identity, &samples[i].registration);
        home_apply(h, identity, &samples[i].key);
        home_apply(h, identity, &samples[i].tag);
        home_apply(h, identity, &samples[i].surbs);
    }
    home_must(home_list(h), h);
    memcpy(known, h->clients, sizeof known);
    slc_storage_close(h->storage);
    h->storage = NULL;
}

/* Everything is as it was; or something is damaged and says so. False: it said so. */
static bool all_is_well(struct home *h)
{
    enum slc_status status = home_list(h);
    if (status != SLC_OK) {
        assert_int_equal(status, SLC_MALFORMED);
        return false;
    }
    assert_int_equal(h->seen, IDENTITIES);
    assert_memory_equal(h->clients, known, sizeof known);
    bool dropped = slc_storage_notice(h->storage) != NULL;
    for (uint64_t i = 0; i < IDENTITIES; i++) {
        home_forget_loaded(h);
        status = slc_storage_load(h->storage, i + 1, home_take, h, &h->error);
        if (status != SLC_OK) {
            assert_int_equal(status, SLC_MALFORMED);
            return false;
        }
        assert_int_equal(h->loaded_count, dropped ? 2 : 3);
        assert_record_equal(h->loaded[0], &samples[i].key);
        assert_record_equal(h->loaded[1], &samples[i].tag);
        if (!dropped) assert_record_equal(h->loaded[2], &samples[i].surbs);
    }
    return true;
}

enum verdict { REFUSED, TOLD, HARMLESS };

/* What comes of opening the storage with this as its database. */
static enum verdict try_image(struct home *h, const struct image *image)
{
    enum verdict verdict = REFUSED;
    write_image(h, "sluice.sqlite", image->bytes, image->len);
    enum slc_status status = slc_storage_open(&h->storage, h->dir, &h->error);
    if (status == SLC_OK) {
        verdict = all_is_well(h) ? HARMLESS : TOLD;
    } else {
        if (status != SLC_MALFORMED && status != SLC_UNSUPPORTED) {
            fail_msg("%s: %s", slc_status_text(status), h->error.text);
        }
        assert_non_null(strstr(h->error.text, "sluice.sqlite"));
        assert_untouched(h, "sluice.sqlite", image);
    }
    slc_storage_close(h->storage);
    h->storage = NULL;
    (void)unlink(home_path(h, "sluice.sqlite-wal"));
    return verdict;
}

static void a_flipped_bit_anywhere_is_harmless_or_told(void **state)
{
    struct home *h = *state;
    static struct image good, bad;
    unsigned count[3] = {0};
    furnish(h);
    read_image(h, "sluice.sqlite", &good);
    assert_true(good.len > 8192 && good.len < DATABASE_MAX);
    unsigned rounds = HOME_SANITIZED ? 250 : 1000;
    for (unsigned round = 0; round < rounds; round++) {
        /* The head once, then anywhere. */
        size_t at = round < 100 ? round : slc_random_below(&h->random, (uint32_t)good.len);
        bad = good;
        bad.bytes[at] ^= (uint8_t)(1U << slc_random_below(&h->random, 8));
        count[try_image(h, &bad)]++;
    }
    (void)printf("%u bits: %u refused at opening, %u told when read, %u harmless\n", rounds, count[REFUSED],
                 count[TOLD], count[HARMLESS]);
    assert_true(count[REFUSED] > 0 && count[TOLD] > 0 && count[HARMLESS] > 0);
}

static void a_file_cut_short_is_refused(void **state)
{
    struct home *h = *state;
    static struct image cut;
    furnish(h);
    read_image(h, "sluice.sqlite", &cut);
    const size_t lengths[] = {cut.len - 1, cut.len - 4095, cut.len - 4096, cut.len / 2, 8192, 4096, 512, 100, 99, 1, 0};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        cut.len = lengths[i];
        enum verdict verdict = try_image(h, &cut);
        /* A last page that lacks bytes is read as if they were zero. */
        if (lengths[i] % 4096 == 0 || lengths[i] < 4096) assert_int_equal(verdict, REFUSED);
    }
}

static void what_is_not_ours_is_refused(void **state)
{
    struct home *h = *state;
    static const char text[] = "This is a shopping list. It is longer than the head of a database: butter, milk, eggs, "
                               "flour, sugar, salt, pepper.";
    sqlite3 *db;
    slc_storage_close(h->storage);
    h->storage = NULL;
    write_image(h, "sluice.sqlite", text, sizeof text);
    assert_refused(h, SLC_MALFORMED, "no sqlite database");
    assert_int_equal(unlink(home_path(h, "sluice.sqlite")), 0);
    assert_int_equal(sqlite3_open(home_path(h, "sluice.sqlite"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE other(x)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(chmod(home_path(h, "sluice.sqlite"), 0600), 0);
    assert_refused(h, SLC_MALFORMED, "another program");
}

static void vandalise(const struct home *h, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(home_path(h, "sluice.sqlite"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_newer_version_is_refused(void **state)
{
    struct home *h = *state;
    furnish(h);
    vandalise(h, "PRAGMA user_version=2");
    assert_refused(h, SLC_UNSUPPORTED, "newer");
}

static void a_lost_table_is_no_reason_for_an_empty_one(void **state)
{
    struct home *h = *state;
    furnish(h);
    vandalise(h, "DROP TABLE identity");
    assert_refused(h, SLC_MALFORMED, "identity");
}

static void changed_keys_are_told(void **state)
{
    struct home *h = *state;
    struct slc_stored_client stored;
    furnish(h);
    vandalise(h, "UPDATE identity SET seed = randomblob(32) WHERE id = 2; UPDATE identity SET gateway = randomblob(32) "
                 "WHERE id = 3; UPDATE block SET released = 0 WHERE identity = 1");
    home_must(slc_storage_open(&h->storage, h->dir, &h->error), h);
    assert_int_equal(slc_storage_find(h->storage, 2, &stored, &h->error), SLC_MALFORMED);
    assert_non_null(strstr(h->error.text, "the keys of identity 2"));
    assert_int_equal(slc_storage_find(h->storage, 3, &stored, &h->error), SLC_MALFORMED);
    assert_non_null(strstr(h->error.text, "the registration of identity 3"));
    /* A SURB is not offered twice because somebody set the lease back. */
    assert_int_equal(slc_storage_load(h->storage, 1, home_take, h, &h->error), SLC_MALFORMED);
    home_must(slc_storage_find(h->storage, 1, &stored, &h->error), h);
}

/* ---- the log ---- */

/* A child writes, and dies without closing. */
static void crash_after(struct home *h, const struct slc_client_record *record)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct slc_storage *storage;
        struct slc_stored_record *stored = slc_stored_record_new(1, record);
        if (slc_storage_open(&storage, h->dir, NULL) != SLC_OK) _exit(1);
        if (slc_storage_apply(storage, &stored, 1, NULL) != SLC_OK) _exit(1);
        (void)kill(getpid(), SIGKILL);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
}

static void a_crash_loses_nothing_and_a_lost_log_drops_surbs(void **state)
{
    struct home *h = *state;
    struct sample fresh;
    furnish(h);
    sample_make(&fresh, &h->random, 2);
    crash_after(h, &fresh.surbs);
    home_must(slc_storage_open(&h->storage, h->dir, &h->error), h);
    assert_null(slc_storage_notice(h->storage));
    assert_int_equal(home_load(h, 1), 4);
    assert_record_equal(h->loaded[3], &fresh.surbs);
    slc_storage_close(h->storage);
    h->storage = NULL;

    const struct slc_client_record lease = {.kind = SLC_RECORD_LEASE, .block = 2, .released = 9};
    crash_after(h, &lease);
    assert_int_equal(unlink(home_path(h, "sluice.sqlite-wal")), 0);
    home_must(slc_storage_open(&h->storage, h->dir, &h->error), h);
    assert_non_null(slc_storage_notice(h->storage));
    assert_non_null(strstr(slc_storage_notice(h->storage), "sluice.sqlite-wal"));
    assert_true(all_is_well(h));
    home_reopen(h);
    assert_null(slc_storage_notice(h->storage));
    assert_int_equal(home_load(h, 1), 2);
}

static void blocks_without_a_surb_left_are_gone_after_opening(void **state)
{
    struct home *h = *state;
    furnish(h);
    home_must(slc_storage_open(&h->storage, h->dir, &h->error), h);
    home_apply(h, 1, &(struct slc_client_record){.kind = SLC_RECORD_LEASE, .block = 1, .released = SAMPLE_SURBS});
    home_apply(h, 2, &(struct slc_client_record){.kind = SLC_RECORD_LEASE, .block = 1, .released = SAMPLE_SURBS - 1});
    assert_int_equal(home_load(h, 1), 3);
    home_reopen(h);
    assert_int_equal(home_load(h, 1), 2);
    assert_int_equal(home_load(h, 2), 3);
    slc_storage_close(h->storage);
    h->storage = NULL;
    assert_false(home_holds(h, samples[0].surb_bytes + 100, 32));
    assert_true(home_holds(h, samples[1].surb_bytes + 100, 32));
}

static void a_log_without_its_database_is_no_empty_directory(void **state)
{
    struct home *h = *state;
    static struct image log;
    furnish(h);
    crash_after(h, &samples[0].key);
    read_image(h, "sluice.sqlite-wal", &log);
    assert_int_equal(unlink(home_path(h, "sluice.sqlite")), 0);
    assert_refused(h, SLC_MALFORMED, "its log");
    assert_untouched(h, "sluice.sqlite-wal", &log);
    assert_int_equal(access(home_path(h, "sluice.sqlite"), F_OK), -1);
}

static void a_making_that_was_interrupted_is_made_again(void **state)
{
    struct home *h = *state;
    slc_storage_close(h->storage);
    h->storage = NULL;
    assert_int_equal(unlink(home_path(h, "sluice.sqlite")), 0);
    write_image(h, "sluice.sqlite.new", "half", 4);
    write_image(h, "sluice.sqlite.new-wal", "half", 4);
    home_must(slc_storage_open(&h->storage, h->dir, &h->error), h);
    assert_int_equal(access(home_path(h, "sluice.sqlite.new"), F_OK), -1);
    assert_int_equal(access(home_path(h, "sluice.sqlite.new-wal"), F_OK), -1);
}

/* ---- directories ---- */

/* As somebody whom modes concern. */
static enum slc_status open_as_nobody(const struct home *h, const char *dir, struct slc_error *error)
{
    struct answer {
        enum slc_status status;
        struct slc_error error;
    } answer = {0};
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        struct slc_storage *storage = NULL;
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(1);
        answer.status = slc_storage_open(&storage, dir, &answer.error);
        slc_storage_close(storage);
        _exit(write(pipes[1], &answer, sizeof answer) == sizeof answer ? 0 : 1);
    }
    (void)close(pipes[1]);
    assert_int_equal(read(pipes[0], &answer, sizeof answer), sizeof answer);
    (void)close(pipes[0]);
    (void)waitpid(child, NULL, 0);
    (void)h;
    *error = answer.error;
    return answer.status;
}

static void a_read_only_directory_is_refused(void **state)
{
    struct home *h = *state;
    slc_storage_close(h->storage);
    h->storage = NULL;
    assert_int_equal(chmod(h->dir, 0555), 0);
    assert_int_equal(open_as_nobody(h, h->dir, &h->error), SLC_DENIED);
    assert_non_null(strstr(h->error.text, h->dir));
    assert_int_equal(open_as_nobody(h, home_path(h, "below"), &h->error), SLC_DENIED);
    assert_int_equal(chmod(h->dir, 0700), 0);
    home_must(slc_storage_open(&h->storage, h->dir, &h->error), h);
}

static void a_path_that_leads_nowhere_is_refused(void **state)
{
    struct home *h = *state;
    struct slc_storage *storage;
    char longest[5000];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(slc_storage_open(&storage, home_path(h, "no/where"), &h->error), SLC_NOT_FOUND);
    assert_int_equal(slc_storage_open(&storage, home_path(h, "lock"), &h->error), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_storage_open(&storage, longest, &h->error), SLC_TOO_LONG);
    assert_null(storage);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_flipped_bit_anywhere_is_harmless_or_told),
        TEST(a_file_cut_short_is_refused),
        TEST(what_is_not_ours_is_refused),
        TEST(a_newer_version_is_refused),
        TEST(a_lost_table_is_no_reason_for_an_empty_one),
        TEST(changed_keys_are_told),
        TEST(a_crash_loses_nothing_and_a_lost_log_drops_surbs),
        TEST(blocks_without_a_surb_left_are_gone_after_opening),
        TEST(a_log_without_its_database_is_no_empty_directory),
        TEST(a_making_that_was_interrupted_is_made_again),
        TEST(a_read_only_directory_is_refused),
        TEST(a_path_that_leads_nowhere_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
