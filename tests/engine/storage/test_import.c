/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/storage/home.h"

#include <sqlite3.h>

/* A published client's directory, as `nym-client-core` makes it (docs/protocol/3-gateway.md, section 14.2). */

static const char *const names[] = {"private_identity.pem", "public_identity.pem", "private_encryption.pem",
                                    "public_encryption.pem", "ack_key.pem"};

static void write_text(const struct home *h, const char *name, const char *text)
{
    FILE *file = fopen(home_path(h, name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void write_pem(const struct home *h, const char *name, const char *tag, const void *key, size_t len)
{
    char text[512];
    assert_int_equal(slc_pem_encode(text, sizeof text, tag, slc_bytes(key, len)), SLC_OK);
    write_text(h, name, text);
}

static void write_keys(const struct home *h, const struct slc_client_keys *keys)
{
    write_pem(h, names[0], "ED25519 PRIVATE KEY", keys->identity.seed, 32);
    write_pem(h, names[1], "ED25519 PUBLIC KEY", keys->identity.public_key, 32);
    write_pem(h, names[2], "X25519 PRIVATE KEY", keys->encryption_secret, 32);
    write_pem(h, names[3], "X25519 PUBLIC KEY", keys->encryption_key, 32);
    write_pem(h, names[4], "AES-128-CTR ACKNOWLEDGEMENTS KEY", keys->ack_key, 16);
}

static void run(sqlite3 *db, const char *sql)
{
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* Two gateways, `active` in use. */
static void write_registrations(const struct home *h, const struct sample *active, const struct sample *other)
{
    sqlite3 *db;
    const struct sample *const rows[] = {other, active};
    assert_int_equal(sqlite3_open(home_path(h, "gateways_registrations.sqlite"), &db), SQLITE_OK);
    run(db, "CREATE TABLE active_gateway(id INTEGER PRIMARY KEY, active_gateway_id_bs58 TEXT);"
            "CREATE TABLE remote_gateway_details(gateway_id_bs58 TEXT PRIMARY KEY,"
            " derived_aes256_gcm_siv_key BLOB NOT NULL, gateway_listener TEXT NOT NULL,"
            " fallback_listener TEXT, expiration_timestamp TIMESTAMP)");
    for (size_t i = 0; i < 2; i++) {
        char gateway[SLC_BASE58_MAX], key[2 * SLC_SEAL_KEY_BYTES + 1], sql[512];
        assert_int_equal(slc_base58_encode(gateway, sizeof gateway, slc_bytes(rows[i]->gateway, 32)), SLC_OK);
        for (size_t b = 0; b < SLC_SEAL_KEY_BYTES; b++) {
            (void)snprintf(key + 2 * b, 3, "%02x", rows[i]->shared_key[b]);
        }
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO remote_gateway_details VALUES('%s', x'%s', 'ws://127.0.0.1:9000', NULL, 0);"
                       "INSERT OR REPLACE INTO active_gateway VALUES(0, '%s')",
                       gateway, key, gateway);
        run(db, sql);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_published_client_goes_on_here(void **state)
{
    struct home *h = *state;
    struct slc_client_keys keys;
    struct slc_stored_client stored;
    struct sample active, other;
    uint64_t identity;
    assert_int_equal(slc_storage_import(h->storage, h->dir, &identity, &h->error), SLC_NOT_FOUND);
    slc_client_keys_generate(&keys, &h->random);
    sample_make(&active, &h->random, 1);
    sample_make(&other, &h->random, 1);
    write_keys(h, &keys);
    write_registrations(h, &active, &other);
    home_must(slc_storage_import(h->storage, h->dir, &identity, &h->error), h);
    home_reopen(h);
    home_must(slc_storage_find(h->storage, identity, &stored, &h->error), h);
    assert_memory_equal(&stored.keys, &keys, sizeof keys);
    assert_true(stored.registered);
    assert_memory_equal(stored.gateway, active.gateway, sizeof stored.gateway);
    assert_memory_equal(stored.shared_key, active.shared_key, sizeof stored.shared_key);
    assert_int_equal(stored.timestamp, 0);
}

static void without_a_registration_it_registers(void **state)
{
    struct home *h = *state;
    struct slc_client_keys keys;
    struct slc_stored_client stored;
    uint64_t identity;
    slc_client_keys_generate(&keys, &h->random);
    write_keys(h, &keys);
    write_text(h, "gateways_registrations.sqlite", "nonsense");
    home_must(slc_storage_import(h->storage, h->dir, &identity, &h->error), h);
    home_must(slc_storage_find(h->storage, identity, &stored, &h->error), h);
    assert_false(stored.registered);
}

static void a_lost_file_is_no_reason_for_another_address(void **state)
{
    struct home *h = *state;
    struct slc_client_keys keys;
    uint64_t identity;
    slc_client_keys_generate(&keys, &h->random);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        write_keys(h, &keys);
        assert_int_equal(unlink(home_path(h, names[i])), 0);
        assert_int_equal(slc_storage_import(h->storage, h->dir, &identity, &h->error), SLC_MALFORMED);
        assert_non_null(strstr(h->error.text, names[i]));
    }
    assert_int_equal(slc_storage_count(h->storage), 0);
}

static void a_public_file_of_another_client_is_told(void **state)
{
    struct home *h = *state;
    struct slc_client_keys keys, other;
    uint64_t identity;
    slc_client_keys_generate(&keys, &h->random);
    slc_client_keys_generate(&other, &h->random);
    write_keys(h, &keys);
    write_pem(h, names[1], "ED25519 PUBLIC KEY", other.identity.public_key, 32);
    assert_int_equal(slc_storage_import(h->storage, h->dir, &identity, &h->error), SLC_BAD_KEY);
    assert_non_null(strstr(h->error.text, names[1]));
    write_keys(h, &keys);
    write_pem(h, names[3], "X25519 PUBLIC KEY", other.encryption_key, 32);
    assert_int_equal(slc_storage_import(h->storage, h->dir, &identity, &h->error), SLC_BAD_KEY);
    assert_non_null(strstr(h->error.text, names[3]));
}

static void a_file_with_another_tag_or_length_is_told(void **state)
{
    struct home *h = *state;
    static const char *const texts[] = {
        "", "no key\n",
        "-----BEGIN X25519 PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END X25519 PRIVATE KEY-----\n",
        "-----BEGIN ED25519 PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END ED25519 PRIVATE KEY-----\n"};
    struct slc_client_keys keys;
    uint64_t identity;
    slc_client_keys_generate(&keys, &h->random);
    write_keys(h, &keys);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text(h, names[0], texts[i]);
        assert_int_equal(slc_storage_import(h->storage, h->dir, &identity, &h->error), SLC_MALFORMED);
        assert_non_null(strstr(h->error.text, names[0]));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_published_client_goes_on_here),
        TEST(without_a_registration_it_registers),
        TEST(a_lost_file_is_no_reason_for_another_address),
        TEST(a_public_file_of_another_client_is_told),
        TEST(a_file_with_another_tag_or_length_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
