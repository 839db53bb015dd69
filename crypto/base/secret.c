/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/secret.h"

#include <sodium.h>

void slc_wipe(void *secret, size_t len)
{
    sodium_memzero(secret, len);
}

bool slc_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

void *slc_guarded_new(size_t len)
{
    /* sodium_malloc() needs the page size and the canary that sodium_init() finds; a second call is free. */
    if (sodium_init() < 0) return NULL;
    void *memory = sodium_malloc(len);
    if (memory != NULL) sodium_memzero(memory, len);
    return memory;
}

void slc_guarded_free(void *memory)
{
    sodium_free(memory);
}
