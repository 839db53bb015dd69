/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_CERTIFICATE_H
#define SLUICE_TEST_CERTIFICATE_H

#include "net/io/loop.h"

/* A self-signed certificate for `names` ("DNS:gateway.test,IP:127.0.0.1") and its key, as PEM files. */
void certificate_make(const char *certificate_file, const char *key_file, const char *names);

/*
 * What operators put in front of a gateway: ends TLS and passes the bytes on to `behind`, on a thread of its own.
 * Up to 64 connections.
 */
struct tls_front;
struct tls_front *tls_front_start(const char *certificate_file, const char *key_file, const struct slc_address *behind,
                                  uint16_t *port);
void tls_front_stop(struct tls_front *front);

#endif
