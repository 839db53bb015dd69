/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TLS_INTERNAL_H
#define SLUICE_TLS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "net/io/loop.h"

/*
 * TLS as a transform: bytes of the network in, plaintext out, and the other way round; no socket. Between OpenSSL and
 * us lies a pair of rings of fixed size, so nothing here grows with what a peer sends or does not read.
 */

struct tls_stream;

enum tls_result {
    TLS_DONE,   /* handshake complete, or bytes moved                                       */
    TLS_MORE,   /* needs more from the network                                              */
    TLS_FULL,   /* needs room in the ring to the network                                    */
    TLS_CLOSED, /* the peer's close_notify                                                  */
    TLS_FAILED, /* tls_reason() says why; an alert may wait in tls_output()                 */
};

/* host: name or IP to verify and, for a name, to ask for (SNI); NULL for the server's side. NULL: no memory. */
struct tls_stream *tls_stream_new(struct slc_tls *tls, const char *host);
void tls_stream_free(struct tls_stream *s);
bool tls_is_server(const struct slc_tls *tls);

/* Takes ciphertext; returns how much fitted. */
size_t tls_feed(struct tls_stream *s, const uint8_t *data, size_t len);
enum tls_result tls_handshake(struct tls_stream *s);
/* TLS_DONE with *len of at most `cap` plaintext bytes. */
enum tls_result tls_read(struct tls_stream *s, uint8_t *out, size_t cap, size_t *len);
/* TLS_DONE with *len bytes taken; after TLS_FULL the next call must begin with the same bytes. */
enum tls_result tls_write(struct tls_stream *s, const uint8_t *data, size_t len, size_t *taken);
/* Queues close_notify. */
void tls_shutdown(struct tls_stream *s);
/* Ciphertext to send: a stable view of at most the returned length; tls_output_sent() consumes it. */
size_t tls_output(struct tls_stream *s, uint8_t **data);
void tls_output_sent(struct tls_stream *s, size_t len);
/* Static text, or one that lives as long as the library. */
const char *tls_reason(const struct tls_stream *s);
/* The failure was the peer's certificate. */
bool tls_untrusted(const struct tls_stream *s);

#endif
