/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/io/loop_rig.h"
#include "tests/support/certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sys/stat.h>

/*
 * TLS over the loop against itself and against OpenSSL's own blocking API in another thread, with certificates made
 * here: one for gateway.test and 127.0.0.1, and a stranger that nobody trusts.
 */

static char folder[] = "/tmp/sluice-tls-XXXXXX";
static char certificate[64], key[64], stranger[64], stranger_key[64];

static int make_certificates(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(stranger, sizeof stranger, "%s/stranger.pem", folder);
    snprintf(stranger_key, sizeof stranger_key, "%s/stranger-key.pem", folder);
    certificate_make(certificate, key, "DNS:gateway.test,IP:127.0.0.1");
    certificate_make(stranger, stranger_key, "DNS:gateway.test,IP:127.0.0.1");
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    return remove(certificate) | remove(key) | remove(stranger) | remove(stranger_key) | rmdir(folder);
}

static struct slc_tls *server_tls(void)
{
    struct slc_tls *tls;
    struct slc_error error = {0};
    if (slc_tls_server(&tls, certificate, key, &error) != SLC_OK) fail_msg("%s", error.text);
    return tls;
}

static struct slc_tls *client_tls(const char *ca_file)
{
    struct slc_tls *tls;
    struct slc_error error = {0};
    if (slc_tls_client(&tls, ca_file, &error) != SLC_OK) fail_msg("%s", error.text);
    return tls;
}

static void echo_through_tls(struct rig *rig, const char *host)
{
    static const size_t sizes[] = {1, 100, 2413, 16384, 16385, 100000, 1 << 20, 4 << 20};
    struct slc_tls *server = server_tls(), *client = client_tls(certificate);
    struct slc_address at = rig_listen(rig, server, RIG_ECHO);
    slc_conn conn = rig_connect(rig, &at, client, host, 5 * SLC_SECOND);
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_CONNECTED) == 1 && rig_count(rig, SLC_LOOP_ACCEPTED) == 1);
    size_t slot = rig_slot(conn), before = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *bytes = rig_pattern(sizes[i], (uint32_t)i);
        assert_int_equal(slc_loop_send(rig->loop, conn, bytes, sizes[i], i), SLC_OK);
        RIG_UNTIL(rig, rig->got[slot].len == before + sizes[i] && rig->sent == i + 1);
        assert_memory_equal(rig->got[slot].bytes + before, bytes, sizes[i]);
        before += sizes[i];
        free(bytes);
    }
    slc_loop_close(rig->loop, conn, false);
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_CLOSED) == 2);
    for (size_t i = 0; i < rig->logged; i++) {
        if (rig->log[i].kind == SLC_LOOP_CLOSED) assert_int_equal(rig->log[i].status, SLC_CLOSED);
    }
    rig_check_order(rig);
    rig_free(rig);
    slc_tls_free(client);
    slc_tls_free(server);
}

static void tls_echo_returns_every_byte(void **state)
{
    echo_through_tls(rig_of(state, 8), "gateway.test");
}

static void a_literal_ip_is_verified_as_one(void **state)
{
    echo_through_tls(rig_of(state, 8), "127.0.0.1");
}

/* Our client must not connect; the server's side must see nothing and lose no slot. */
static void expect_refused(struct rig *rig, const char *ca_file, const char *host, const char *reason)
{
    struct slc_tls *server = server_tls(), *client = client_tls(ca_file);
    struct slc_address at = rig_listen(rig, server, RIG_ECHO);
    slc_conn conn = rig_connect(rig, &at, client, host, 5 * SLC_SECOND);
    uint8_t byte = 0;
    assert_int_equal(slc_loop_send(rig->loop, conn, &byte, 1, 0), SLC_OK);
    RIG_UNTIL(rig, rig_last(rig, SLC_LOOP_CLOSED, conn) != NULL);
    const struct slc_loop_event *closed = rig_last(rig, SLC_LOOP_CLOSED, conn);
    assert_int_equal(closed->status, SLC_UNTRUSTED);
    assert_non_null(closed->reason);
    assert_non_null(strstr(closed->reason, reason));
    assert_int_equal(rig->sent, 1);
    assert_int_equal(rig_count(rig, SLC_LOOP_CONNECTED), 0);
    assert_int_equal(rig_count(rig, SLC_LOOP_ACCEPTED), 0);
    slc_conn again[2];
    RIG_UNTIL(rig, slc_loop_connect(rig->loop, &at, client, host, SLC_SECOND, 0, &again[0]) == SLC_OK);
    RIG_UNTIL(rig, slc_loop_connect(rig->loop, &at, client, host, SLC_SECOND, 0, &again[1]) == SLC_OK);
    rig_free(rig);
    slc_tls_free(client);
    slc_tls_free(server);
}

static void a_wrong_host_name_is_refused(void **state)
{
    expect_refused(rig_of(state, 2), certificate, "other.test", "ostname mismatch");
}

static void a_wrong_ip_is_refused(void **state)
{
    expect_refused(rig_of(state, 2), certificate, "127.0.0.2", "IP address mismatch");
}

static void a_certificate_nobody_vouches_for_is_refused(void **state)
{
    expect_refused(rig_of(state, 2), stranger, "gateway.test", "self-signed certificate");
}

static void tls_without_a_host_or_with_the_wrong_side_is_not_begun(void **state)
{
    struct rig *rig = rig_of(state, 2);
    struct slc_tls *server = server_tls(), *client = client_tls(certificate);
    struct slc_address at = rig_listen(rig, server, RIG_ECHO), any = rig_loopback(0);
    slc_conn conn;
    assert_int_equal(slc_loop_connect(rig->loop, &at, client, NULL, SLC_SECOND, 0, &conn), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_loop_connect(rig->loop, &at, server, "gateway.test", SLC_SECOND, 0, &conn), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_loop_listen(rig->loop, &any, client, 0, &conn, NULL, NULL), SLC_BAD_ARGUMENT);
    rig_free(rig);
    slc_tls_free(client);
    slc_tls_free(server);
}

static void files_that_are_no_certificates_are_named(void **state)
{
    (void)state;
    struct slc_tls *tls;
    struct slc_error error = {0};
    assert_int_equal(slc_tls_client(&tls, "/nonexistent.pem", &error), SLC_IO);
    assert_non_null(strstr(error.text, "/nonexistent.pem"));
    assert_int_equal(slc_tls_server(&tls, key, key, &error), SLC_IO);
    assert_non_null(strstr(error.text, key));
    assert_int_equal(slc_tls_server(&tls, certificate, stranger_key, &error), SLC_IO);
    assert_non_null(strstr(error.text, stranger_key));
    assert_null(tls);
}

/* What the peer gets back for `bytes`, until the end of the stream. */
static size_t answer_to(struct rig *rig, const struct slc_address *at, const char *bytes, size_t len, uint8_t got[256])
{
    int fd = peer_connect(at);
    assert_int_equal(send(fd, bytes, len, 0), len);
    size_t got_len = 0;
    RIG_UNTIL(rig, !peer_read(fd, got, 256, &got_len));
    close(fd);
    return got_len;
}

static void what_is_not_tls_gets_the_end_and_keeps_no_slot(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n";
    static const char no_hello[] = "\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff"; /* a record; its hello is one byte */
    struct rig *rig = rig_of(state, 1);
    struct slc_tls *server = server_tls();
    struct slc_address at = rig_listen(rig, server, RIG_ECHO);
    uint8_t got[256];
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(answer_to(rig, &at, http, sizeof http - 1, got), 0);
        assert_int_equal(answer_to(rig, &at, no_hello, sizeof no_hello - 1, got), 7);
        assert_int_equal(got[0], 21); /* alert, RFC 8446, 5.1 and 6 */
        assert_int_equal(got[5], 2);  /* fatal */
    }
    assert_int_equal(rig_count(rig, SLC_LOOP_ACCEPTED), 0);
    assert_int_equal(rig_count(rig, SLC_LOOP_CLOSED), 0);
    rig_free(rig);
    slc_tls_free(server);
}

static void a_peer_that_connects_and_says_nothing_in_time_is_a_timeout(void **state)
{
    struct rig *rig = rig_of(state, 4);
    struct slc_tls *client = client_tls(certificate);
    struct slc_address at = rig_listen(rig, NULL, RIG_SINK); /* speaks no TLS */
    slc_conn conn = rig_connect(rig, &at, client, "gateway.test", 50 * SLC_MILLISECOND);
    RIG_UNTIL(rig, rig_last(rig, SLC_LOOP_CLOSED, conn) != NULL);
    assert_int_equal(rig_last(rig, SLC_LOOP_CLOSED, conn)->status, SLC_TIMEOUT);
    assert_int_equal(rig_count(rig, SLC_LOOP_CONNECTED), 0);
    rig_free(rig);
    slc_tls_free(client);
}

/* ---- OpenSSL's own client, blocking, in a thread ---- */

struct openssl_peer {
    struct slc_address at;
    int max_version;
    bool key_updates; /* asks for new keys again and again */
    bool cut;         /* ends the connection without close_notify */
    size_t bytes;     /* writes them, then reads as many back */
    const uint8_t *pattern;
    const char *failed;
};

#define PEER_CHECK(condition)                                                                                          \
    if (!(condition)) {                                                                                                \
        peer->failed = #condition;                                                                                     \
        goto out;                                                                                                      \
    }

static void *openssl_client(void *argument)
{
    struct openssl_peer *peer = argument;
    uint8_t got[4096];
    size_t done = 0;
    int fd = peer_connect(&peer->at);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    PEER_CHECK(SSL_CTX_load_verify_file(context, certificate) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    PEER_CHECK(SSL_CTX_set_max_proto_version(context, peer->max_version) == 1);
    ssl = SSL_new(context);
    PEER_CHECK(SSL_set1_host(ssl, "gateway.test") == 1 && SSL_set_fd(ssl, fd) == 1);
    PEER_CHECK(SSL_connect(ssl) == 1);
    for (size_t at = 0; at < peer->bytes;) {
        size_t part = peer->bytes - at < 3000 ? peer->bytes - at : 3000;
        if (peer->key_updates) PEER_CHECK(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
        PEER_CHECK(SSL_write(ssl, peer->pattern + at, (int)part) == (int)part);
        at += part;
        for (size_t back = 0; back < part; back += done) {
            int n = SSL_read(ssl, got, (int)(part - back));
            PEER_CHECK(n > 0 && memcmp(got, peer->pattern + at - part + back, (size_t)n) == 0);
            done = (size_t)n;
        }
    }
    if (peer->cut) goto out;
    /* Ours, and then the loop's close_notify: an end, not a break. */
    PEER_CHECK(SSL_shutdown(ssl) >= 0);
    int end = SSL_read(ssl, got, sizeof got);
    PEER_CHECK(end == 0 && SSL_get_error(ssl, end) == SSL_ERROR_ZERO_RETURN);
out:
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return NULL;
}

static void with_openssl(struct rig *rig, struct openssl_peer *peer, enum slc_status end)
{
    struct slc_tls *server = server_tls();
    peer->at = rig_listen(rig, server, RIG_ECHO);
    peer->bytes = 300000;
    uint8_t *pattern = rig_pattern(peer->bytes, 21);
    peer->pattern = pattern;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, openssl_client, peer), 0);
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_CLOSED) == 1);
    pthread_join(thread, NULL);
    if (peer->failed != NULL) fail_msg("OpenSSL's side: %s", peer->failed);
    assert_int_equal(rig_last(rig, SLC_LOOP_CLOSED, 0)->status, end);
    free(pattern);
    rig_free(rig);
    slc_tls_free(server);
}

static void openssl_in_tls_1_3_is_echoed_and_ended_by_close_notify(void **state)
{
    with_openssl(rig_of(state, 4), &(struct openssl_peer){.max_version = TLS1_3_VERSION}, SLC_CLOSED);
}

static void openssl_in_tls_1_2_is_echoed_and_ended_by_close_notify(void **state)
{
    with_openssl(rig_of(state, 4), &(struct openssl_peer){.max_version = TLS1_2_VERSION}, SLC_CLOSED);
}

static void key_updates_are_answered(void **state)
{
    with_openssl(rig_of(state, 4), &(struct openssl_peer){.max_version = TLS1_3_VERSION, .key_updates = true},
                 SLC_CLOSED);
}

static void an_end_without_close_notify_is_not_orderly(void **state)
{
    with_openssl(rig_of(state, 4), &(struct openssl_peer){.max_version = TLS1_3_VERSION, .cut = true}, SLC_IO);
}

/* ---- bounds ---- */

static void backpressure_and_pausing_work_through_tls(void **state)
{
    enum { BYTES = 32 << 10, TURNS = 2000 };
    struct rig *rig = rig_of(state, 4);
    struct slc_tls *server = server_tls(), *client = client_tls(certificate);
    struct slc_address at = rig_listen(rig, server, RIG_SINK);
    slc_conn conn = rig_connect(rig, &at, client, "gateway.test", 5 * SLC_SECOND);
    RIG_UNTIL(rig, rig_count(rig, SLC_LOOP_CONNECTED) == 1 && rig_count(rig, SLC_LOOP_ACCEPTED) == 1);
    slc_conn reader = rig_last(rig, SLC_LOOP_ACCEPTED, 0)->conn;
    slc_loop_read(rig->loop, reader, false);
    uint8_t *bytes = rig_pattern(BYTES, 4);
    size_t queued = 0;
    enum slc_status status = SLC_OK;
    for (unsigned i = 0; i < TURNS && status == SLC_OK; i++) {
        status = slc_loop_send(rig->loop, conn, bytes, BYTES, i);
        if (status == SLC_OK) queued++;
        (void)rig_turn(rig, 0);
    }
    assert_int_equal(status, SLC_FULL);
    assert_int_equal(rig->got[rig_slot(reader)].len, 0);
    /* Off and on again in quick change must not lose or double anything. */
    for (unsigned i = 0; i < 200; i++) {
        slc_loop_read(rig->loop, reader, true);
        if (i % 3 != 0) (void)rig_turn(rig, 0);
        slc_loop_read(rig->loop, reader, false);
        if (i % 2 != 0) (void)rig_turn(rig, 0);
    }
    slc_loop_read(rig->loop, reader, true);
    slc_loop_close(rig->loop, conn, false);
    RIG_UNTIL(rig, rig_last(rig, SLC_LOOP_CLOSED, reader) != NULL);
    assert_int_equal(rig_last(rig, SLC_LOOP_CLOSED, reader)->status, SLC_CLOSED);
    assert_int_equal(rig->got[rig_slot(reader)].len, queued * BYTES);
    for (size_t i = 0; i < queued; i++) {
        assert_memory_equal(rig->got[rig_slot(reader)].bytes + i * BYTES, bytes, BYTES);
    }
    assert_int_equal(rig->sent, queued);
    rig_check_order(rig);
    free(bytes);
    rig_free(rig);
    slc_tls_free(client);
    slc_tls_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_BOTH(tls_echo_returns_every_byte),
        RIG_BOTH(a_literal_ip_is_verified_as_one),
        RIG_BOTH(a_wrong_host_name_is_refused),
        RIG_BOTH(a_wrong_ip_is_refused),
        RIG_BOTH(a_certificate_nobody_vouches_for_is_refused),
        RIG_BOTH(tls_without_a_host_or_with_the_wrong_side_is_not_begun),
        cmocka_unit_test(files_that_are_no_certificates_are_named),
        RIG_BOTH(what_is_not_tls_gets_the_end_and_keeps_no_slot),
        RIG_BOTH(a_peer_that_connects_and_says_nothing_in_time_is_a_timeout),
        RIG_BOTH(openssl_in_tls_1_3_is_echoed_and_ended_by_close_notify),
        RIG_BOTH(openssl_in_tls_1_2_is_echoed_and_ended_by_close_notify),
        RIG_BOTH(key_updates_are_answered),
        RIG_BOTH(an_end_without_close_notify_is_not_orderly),
        RIG_BOTH(backpressure_and_pausing_work_through_tls),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
