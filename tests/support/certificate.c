/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/certificate.h"

#include "tests/support/vectors.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static void add_extension(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

void certificate_make(const char *certificate_file, const char *key_file, const char *names)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    assert_non_null(pair);
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, pair);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)certificate_file, -1, -1, 0);
    X509_set_issuer_name(x, name);
    add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(x, NID_subject_alt_name, names);
    assert_true(X509_sign(x, pair, EVP_sha256()) > 0);
    FILE *file = fopen(certificate_file, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, x), 1);
    fclose(file);
    file = fopen(key_file, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, pair, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(x);
    EVP_PKEY_free(pair);
}

/* ---- the front ---- */

enum { SIDES = 128 };

struct tls_front {
    struct slc_loop *loop;
    struct slc_tls *tls;
    struct slc_address behind;
    pthread_t thread;
    _Atomic bool stop;
    slc_conn sides[SIDES]; /* 2i: the client's, 2i + 1: the gateway's; 0: free */
};

static void accepted(struct tls_front *f, const struct slc_loop_event *event)
{
    uint64_t place = 0;
    while (place < SIDES && (f->sides[place] != 0 || f->sides[place + 1] != 0)) {
        place += 2;
    }
    if (place == SIDES ||
        slc_loop_connect(f->loop, &f->behind, NULL, NULL, 5 * SLC_SECOND, 0, &f->sides[place + 1]) != SLC_OK) {
        slc_loop_close(f->loop, event->conn, true);
        return;
    }
    f->sides[place] = event->conn;
}

static void passed(struct tls_front *f, const struct slc_loop_event *event, unsigned place)
{
    uint8_t *copy = malloc(event->len);
    if (copy == NULL) abort();
    memcpy(copy, event->data, event->len);
    slc_conn to = f->sides[place ^ 1];
    if (to == 0 || slc_loop_send(f->loop, to, copy, event->len, (uint64_t)(uintptr_t)copy) != SLC_OK) free(copy);
}

/* By connection: data may come in one batch with its ACCEPTED, before a token could be set. */
static unsigned place_of(const struct tls_front *f, slc_conn conn)
{
    unsigned place = 0;
    while (place < SIDES && f->sides[place] != conn) {
        place++;
    }
    return place;
}

static void handle(struct tls_front *f, const struct slc_loop_event *event)
{
    if (event->kind == SLC_LOOP_SENT) free((void *)(uintptr_t)event->cookie);
    if (event->kind == SLC_LOOP_ACCEPTED) accepted(f, event);
    unsigned place = place_of(f, event->conn);
    if (place == SIDES) return;
    if (event->kind == SLC_LOOP_DATA) passed(f, event, place);
    if (event->kind == SLC_LOOP_CLOSED) {
        f->sides[place] = 0;
        if (f->sides[place ^ 1] != 0) slc_loop_close(f->loop, f->sides[place ^ 1], false);
    }
}

static void *serve(void *self)
{
    struct tls_front *f = self;
    struct slc_loop_event events[64];
    while (!atomic_load(&f->stop)) {
        size_t n = slc_loop_wait(f->loop, 100 * SLC_MILLISECOND, events, 64);
        for (size_t i = 0; i < n; i++) {
            handle(f, &events[i]);
        }
    }
    return NULL;
}

struct tls_front *tls_front_start(const char *certificate_file, const char *key_file, const struct slc_address *behind,
                                  uint16_t *port)
{
    struct tls_front *f = calloc(1, sizeof *f);
    assert_non_null(f);
    struct slc_error error = {0};
    f->behind = *behind;
    const struct slc_address at = {.version = 4, .ip = {127, 0, 0, 1}};
    struct slc_address bound;
    slc_conn listener;
    assert_int_equal(slc_tls_server(&f->tls, certificate_file, key_file, &error), SLC_OK);
    assert_int_equal(slc_loop_new(&f->loop, SLC_LOOP_AUTO, SIDES + 2, &error), SLC_OK);
    assert_int_equal(slc_loop_listen(f->loop, &at, f->tls, 0, &listener, &bound, &error), SLC_OK);
    *port = bound.port;
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
    return f;
}

void tls_front_stop(struct tls_front *f)
{
    atomic_store(&f->stop, true);
    slc_loop_wake(f->loop);
    (void)pthread_join(f->thread, NULL);
    /* Copies still queued come back as the connections end. */
    struct slc_loop_event events[64];
    for (unsigned i = 0; i < SIDES; i++) {
        if (f->sides[i] != 0) slc_loop_close(f->loop, f->sides[i], true);
    }
    for (size_t n; (n = slc_loop_wait(f->loop, 50 * SLC_MILLISECOND, events, 64)) > 0;) {
        for (size_t i = 0; i < n; i++) {
            if (events[i].kind == SLC_LOOP_SENT) free((void *)(uintptr_t)events[i].cookie);
        }
    }
    slc_loop_free(f->loop);
    slc_tls_free(f->tls);
    free(f);
}
