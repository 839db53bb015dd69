/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include "tools/client/identity.h"
#include "tools/common/file.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Identity folders: ours, broken ones, and the published clients'. */

static struct slc_random rng;
static struct slc_error error;
static char dir[64], path[128];

static const char *in_dir(const char *name)
{
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/sluice-keys-XXXXXX");
    error = (struct slc_error){0};
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    static const char *const names[] = {"private_identity.pem",         "public_identity.pem", "private_encryption.pem",
                                        "public_encryption.pem",        "ack_key.pem",         "registrations.json",
                                        "gateways_registrations.sqlite"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)unlink(in_dir(names[i]));
    }
    return rmdir(dir);
}

static void keys_made_once_are_the_same_ever_after(void **state)
{
    (void)state;
    struct slc_client_keys made = {0}, loaded = {0};
    struct stat st;
    assert_int_equal(slc_keys_open(dir, &made, &rng, &error), SLC_OK);
    assert_int_equal(slc_keys_open(dir, &loaded, &rng, &error), SLC_OK);
    assert_memory_equal(&made, &loaded, sizeof made);
    assert_int_equal(stat(in_dir("private_identity.pem"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_lost_file_is_no_reason_for_another_address(void **state)
{
    (void)state;
    struct slc_client_keys keys;
    assert_int_equal(slc_keys_open(dir, &keys, &rng, &error), SLC_OK);
    assert_int_equal(unlink(in_dir("ack_key.pem")), 0);
    assert_int_equal(slc_keys_open(dir, &keys, &rng, &error), SLC_NOT_FOUND);
    assert_non_null(strstr(error.text, "ack_key.pem"));
}

static void a_public_file_of_another_client_is_told(void **state)
{
    (void)state;
    static const char *const names[] = {"public_identity.pem", "public_encryption.pem"};
    static const char *const tags[] = {"ED25519 PUBLIC KEY", "X25519 PUBLIC KEY"};
    for (size_t i = 0; i < 2; i++) {
        struct slc_client_keys keys, other;
        char text[512];
        assert_int_equal(slc_keys_open(dir, &keys, &rng, &error), SLC_OK);
        slc_client_keys_generate(&other, &rng);
        const uint8_t *key = i == 0 ? other.identity.public_key : other.encryption_key;
        assert_int_equal(slc_pem_encode(text, sizeof text, tags[i], slc_bytes(key, 32)), SLC_OK);
        assert_int_equal(slc_file_write(in_dir(names[i]), text, strlen(text), 0600, &error), SLC_OK);
        assert_int_equal(slc_keys_open(dir, &keys, &rng, &error), SLC_BAD_KEY);
        assert_non_null(strstr(error.text, names[i]));
        /* A fresh folder for the next. */
        assert_int_equal(remove_dir(state), 0);
        assert_int_equal(mkdir(dir, 0700), 0);
    }
}

static void a_file_with_another_tag_or_length_is_told(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "no key\n",
        "-----BEGIN X25519 PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END X25519 PRIVATE KEY-----\n",
        "-----BEGIN ED25519 PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END ED25519 PRIVATE KEY-----\n"};
    struct slc_client_keys keys;
    assert_int_equal(slc_keys_open(dir, &keys, &rng, &error), SLC_OK);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *file = in_dir("private_identity.pem");
        assert_int_equal(slc_file_write(file, texts[i], strlen(texts[i]), 0600, &error), SLC_OK);
        assert_int_equal(slc_keys_open(dir, &keys, &rng, &error), SLC_MALFORMED);
        assert_non_null(strstr(error.text, "private_identity.pem"));
    }
}

static struct slc_registration random_registration(void)
{
    struct slc_registration r;
    slc_random_bytes(&rng, &r, sizeof r);
    r.timestamp = 1700000000 + slc_random_below(&rng, 1000000);
    return r;
}

static void expect_registration(const uint8_t *gateway, const struct slc_registration *wanted)
{
    struct slc_registration found = {0};
    assert_int_equal(slc_registration_find(dir, gateway, &found, &error), SLC_OK);
    assert_memory_equal(found.gateway, wanted->gateway, sizeof found.gateway);
    assert_memory_equal(found.key, wanted->key, sizeof found.key);
    assert_int_equal(found.timestamp, wanted->timestamp);
}

static void registrations_are_kept_the_last_one_first(void **state)
{
    (void)state;
    struct slc_registration one = random_registration(), two = random_registration(), found;
    assert_int_equal(slc_registration_find(dir, NULL, &found, &error), SLC_NOT_FOUND);
    assert_int_equal(slc_registration_keep(dir, &one, &error), SLC_OK);
    assert_int_equal(slc_registration_keep(dir, &two, &error), SLC_OK);
    expect_registration(NULL, &two);
    expect_registration(one.gateway, &one);
    one.timestamp++;
    assert_int_equal(slc_registration_keep(dir, &one, &error), SLC_OK);
    expect_registration(NULL, &one);
    expect_registration(two.gateway, &two);
    struct slc_registration unknown = random_registration();
    assert_int_equal(slc_registration_find(dir, unknown.gateway, &found, &error), SLC_NOT_FOUND);
}

static void a_broken_list_of_registrations_is_told_not_overwritten(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{", "{}", "[1]", "[{\"gateway\":\"x\",\"key\":\"y\",\"timestamp\":1}]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct slc_registration r = random_registration();
        assert_int_equal(slc_file_write(in_dir("registrations.json"), texts[i], strlen(texts[i]), 0600, &error),
                         SLC_OK);
        assert_int_equal(slc_registration_find(dir, NULL, &r, &error), SLC_MALFORMED);
        assert_non_null(strstr(error.text, "registrations.json"));
        assert_int_equal(slc_registration_keep(dir, &r, &error), SLC_MALFORMED);
    }
}

/* As `nym-client-core` makes it (docs/protocol/3-gateway.md, section 14.2), with two gateways, `active` in use. */
static void make_published_store(const struct slc_registration *active, const struct slc_registration *other)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(in_dir("gateways_registrations.sqlite"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE TABLE active_gateway(id INTEGER PRIMARY KEY, active_gateway_id_bs58 TEXT);"
                                  "CREATE TABLE remote_gateway_details(gateway_id_bs58 TEXT PRIMARY KEY,"
                                  " derived_aes256_gcm_siv_key BLOB NOT NULL, gateway_listener TEXT NOT NULL,"
                                  " fallback_listener TEXT, expiration_timestamp TIMESTAMP)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    const struct slc_registration *const rows[] = {other, active};
    for (size_t i = 0; i < 2; i++) {
        char gateway[SLC_BASE58_MAX], key[2 * SLC_SEAL_KEY_BYTES + 1], sql[512];
        assert_int_equal(slc_base58_encode(gateway, sizeof gateway, slc_bytes(rows[i]->gateway, 32)), SLC_OK);
        for (size_t b = 0; b < SLC_SEAL_KEY_BYTES; b++) {
            (void)snprintf(key + 2 * b, 3, "%02x", rows[i]->key[b]);
        }
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO remote_gateway_details VALUES('%s', x'%s', 'ws://127.0.0.1:9000', NULL, 0);"
                       "INSERT OR REPLACE INTO active_gateway VALUES(0, '%s')",
                       gateway, key, gateway);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_published_clients_registration_is_used_until_ours_is_there(void **state)
{
    (void)state;
    struct slc_registration active = random_registration(), other = random_registration();
    active.timestamp = other.timestamp = 0;
    make_published_store(&active, &other);
    expect_registration(NULL, &active);
    expect_registration(other.gateway, &other);
    other.timestamp = 1700000000;
    assert_int_equal(slc_registration_keep(dir, &other, &error), SLC_OK);
    expect_registration(NULL, &other);
}

static void a_file_that_is_no_database_is_no_registration(void **state)
{
    (void)state;
    struct slc_registration r;
    assert_int_equal(slc_file_write(in_dir("gateways_registrations.sqlite"), "nonsense", 8, 0600, &error), SLC_OK);
    assert_int_equal(slc_registration_find(dir, NULL, &r, &error), SLC_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_made_once_are_the_same_ever_after),
        TEST(a_lost_file_is_no_reason_for_another_address),
        TEST(a_public_file_of_another_client_is_told),
        TEST(a_file_with_another_tag_or_length_is_told),
        TEST(registrations_are_kept_the_last_one_first),
        TEST(a_broken_list_of_registrations_is_told_not_overwritten),
        TEST(a_published_clients_registration_is_used_until_ours_is_there),
        TEST(a_file_that_is_no_database_is_no_registration),
    };
    slc_test_random(&rng, 3);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
