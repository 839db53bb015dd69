/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "net/io/tls_internal.h"

enum {
    OUT_RING = 64 << 10, /* what one send takes at most; holds a largest record (16 KiB and its frame) several times */
    IN_RING = 32 << 10,  /* holds a largest record */
};

struct slc_tls {
    SSL_CTX *context;
    bool server;
};

struct tls_stream {
    SSL *ssl;
    bool untrusted;
    BIO *network; /* our end of the pair of rings; the other belongs to `ssl` */
    const char *reason;
};

static const char *last_error(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return text != NULL ? text : "no reason given";
}

static SSL_CTX *context_new(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL) return NULL;
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    /* A buffer that was refused is offered again from another place; part of a buffer may be taken. */
    (void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

static enum slc_status tls_new(struct slc_tls **tls, SSL_CTX *context, bool server)
{
    *tls = malloc(sizeof **tls);
    if (*tls == NULL) {
        SSL_CTX_free(context);
        return SLC_NO_MEMORY;
    }
    **tls = (struct slc_tls){context, server};
    return SLC_OK;
}

enum slc_status slc_tls_client(struct slc_tls **tls, const char *ca_file, struct slc_error *error)
{
    *tls = NULL;
    SSL_CTX *context = context_new(TLS_client_method());
    if (context == NULL) return slc_fail(error, SLC_NO_MEMORY, "TLS: %s", last_error());
    int loaded =
        ca_file != NULL ? SSL_CTX_load_verify_file(context, ca_file) : SSL_CTX_set_default_verify_paths(context);
    if (loaded != 1) {
        SSL_CTX_free(context);
        return slc_fail(error, SLC_IO, "%s: no certificates to verify with (%s)",
                        ca_file != NULL ? ca_file : "the system's roots", last_error());
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return tls_new(tls, context, false);
}

enum slc_status slc_tls_server(struct slc_tls **tls, const char *certificate_file, const char *key_file,
                               struct slc_error *error)
{
    *tls = NULL;
    SSL_CTX *context = context_new(TLS_server_method());
    if (context == NULL) return slc_fail(error, SLC_NO_MEMORY, "TLS: %s", last_error());
    enum slc_status status = SLC_OK;
    if (SSL_CTX_use_certificate_chain_file(context, certificate_file) != 1) {
        status = slc_fail(error, SLC_IO, "%s: not a PEM certificate chain (%s)", certificate_file, last_error());
    } else if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1) {
        status =
            slc_fail(error, SLC_IO, "%s: not the PEM private key of %s (%s)", key_file, certificate_file, last_error());
    }
    if (status != SLC_OK) {
        SSL_CTX_free(context);
        return status;
    }
    /* Sessions are long and nobody resumes them: no tickets. */
    (void)SSL_CTX_set_num_tickets(context, 0);
    return tls_new(tls, context, true);
}

void slc_tls_free(struct slc_tls *tls)
{
    if (tls == NULL) return;
    SSL_CTX_free(tls->context);
    free(tls);
}

bool tls_is_server(const struct slc_tls *tls)
{
    return tls->server;
}

static bool is_literal_ip(const char *host)
{
    uint8_t ip[16];
    return inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
}

/* A literal IP is looked for among the certificate's IPs, and is not a server name (RFC 6066, section 3). */
static bool expect_host(SSL *ssl, const char *host)
{
    if (is_literal_ip(host)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct tls_stream *tls_stream_new(struct slc_tls *tls, const char *host)
{
    struct tls_stream *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    BIO *inner = NULL;
    s->ssl = SSL_new(tls->context);
    if (s->ssl == NULL || BIO_new_bio_pair(&inner, OUT_RING, &s->network, IN_RING) != 1) {
        tls_stream_free(s);
        return NULL;
    }
    SSL_set_bio(s->ssl, inner, inner);
    if (tls->server) {
        SSL_set_accept_state(s->ssl);
        return s;
    }
    SSL_set_connect_state(s->ssl);
    if (!expect_host(s->ssl, host)) {
        tls_stream_free(s);
        return NULL;
    }
    return s;
}

void tls_stream_free(struct tls_stream *s)
{
    if (s == NULL) return;
    SSL_free(s->ssl);
    BIO_free(s->network);
    free(s);
}

static int to_int(size_t len)
{
    return len > INT_MAX ? INT_MAX : (int)len;
}

size_t tls_feed(struct tls_stream *s, const uint8_t *data, size_t len)
{
    if (len == 0) return 0;
    int taken = BIO_write(s->network, data, to_int(len));
    return taken > 0 ? (size_t)taken : 0;
}

static enum tls_result result_of(struct tls_stream *s, int returned)
{
    switch (SSL_get_error(s->ssl, returned)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_MORE;
    case SSL_ERROR_WANT_WRITE:
        return TLS_FULL;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        break;
    }
    long verified = SSL_get_verify_result(s->ssl);
    s->untrusted = verified != X509_V_OK;
    s->reason = s->untrusted ? X509_verify_cert_error_string(verified) : last_error();
    ERR_clear_error();
    return TLS_FAILED;
}

enum tls_result tls_handshake(struct tls_stream *s)
{
    ERR_clear_error();
    return result_of(s, SSL_do_handshake(s->ssl));
}

enum tls_result tls_read(struct tls_stream *s, uint8_t *out, size_t cap, size_t *len)
{
    ERR_clear_error();
    int got = SSL_read(s->ssl, out, to_int(cap));
    *len = got > 0 ? (size_t)got : 0;
    return result_of(s, got);
}

enum tls_result tls_write(struct tls_stream *s, const uint8_t *data, size_t len, size_t *taken)
{
    ERR_clear_error();
    int put = SSL_write(s->ssl, data, to_int(len));
    *taken = put > 0 ? (size_t)put : 0;
    return result_of(s, put);
}

void tls_shutdown(struct tls_stream *s)
{
    ERR_clear_error();
    (void)SSL_shutdown(s->ssl);
    ERR_clear_error();
}

size_t tls_output(struct tls_stream *s, uint8_t **data)
{
    char *at = NULL;
    int len = BIO_nread0(s->network, &at);
    *data = (uint8_t *)at;
    return len > 0 ? (size_t)len : 0;
}

void tls_output_sent(struct tls_stream *s, size_t len)
{
    while (len > 0) {
        char *at = NULL;
        int taken = BIO_nread(s->network, &at, to_int(len));
        if (taken <= 0) return;
        len -= (size_t)taken;
    }
}

const char *tls_reason(const struct tls_stream *s)
{
    return s->reason;
}

bool tls_untrusted(const struct tls_stream *s)
{
    return s->untrusted;
}
