/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_FOREIGN_H
#define SLUICE_FOREIGN_H

#include "engine/node/localnet.h"

/*
 * Reads a file of foreign nodes: a JSON array of objects with `id`, `layer` (0: gateway), `identity_key`, `sphinx_key`
 * (base58), `mix` ("127.0.0.1:1789"), for gateways `ws`, and optionally `noise_key`. `*nodes` is to be freed with
 * free(). Errors name file, entry and member.
 */
SLC_MUST_CHECK enum slc_status slc_foreign_load(const char *path, struct slc_foreign_node **nodes, size_t *count,
                                                struct slc_error *error);
/* Our own nodes as such a file, so that another local mixnet can name them; to be freed with free(); NULL: no memory.
 */
char *slc_foreign_document(const struct slc_localnet *net);

#endif
