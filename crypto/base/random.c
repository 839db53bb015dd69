/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/random.h"

#include "crypto/base/burn.h"
#include "crypto/base/secret.h"

#include <math.h>
#include <sodium.h>
#include <string.h>
#include <sys/random.h>

void slc_random_from_seed(struct slc_random *random, const uint8_t seed[32])
{
    memcpy(random->key, seed, sizeof random->key);
    memset(random->pool, 0, sizeof random->pool);
    random->used = SLC_RANDOM_POOL;
}

enum slc_status slc_random_from_system(struct slc_random *random)
{
    uint8_t seed[32];
    if (sodium_init() < 0 || getentropy(seed, sizeof seed) != 0) return SLC_RANDOM_FAILED;
    slc_random_from_seed(random, seed);
    slc_wipe(seed, sizeof seed);
    return SLC_OK;
}

void slc_random_from_number(struct slc_random *random, uint64_t seed, uint64_t stream)
{
    static const uint8_t label[32] = "sluice random seed from number";
    uint8_t number[16];
    for (unsigned i = 0; i < 8; i++) {
        number[i] = (uint8_t)(seed >> 8 * i);
        number[8 + i] = (uint8_t)(stream >> 8 * i);
    }
    uint8_t key[32];
    (void)crypto_generichash(key, sizeof key, number, sizeof number, label, sizeof label);
    slc_random_from_seed(random, key);
    slc_wipe(key, sizeof key);
}

/* The first bytes of the stream become the next key before any of the rest is handed out: that is the erasure. */
SLC_IN_FRAME void refill_in_frame(struct slc_random *random)
{
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    uint8_t stream[sizeof random->key + SLC_RANDOM_POOL];
    (void)crypto_stream_chacha20(stream, sizeof stream, nonce, random->key);
    memcpy(random->key, stream, sizeof random->key);
    memcpy(random->pool, stream + sizeof random->key, SLC_RANDOM_POOL);
    random->used = 0;
}

/* Libsodium leaves the cipher's state on the stack, from which a spent key could be told. */
static void refill(struct slc_random *random)
{
    refill_in_frame(random);
    slc_burn_stack();
}

void slc_random_bytes(struct slc_random *random, void *out, size_t len)
{
    uint8_t *to = out;
    while (len > 0) {
        if (random->used == SLC_RANDOM_POOL) refill(random);
        size_t left = SLC_RANDOM_POOL - random->used;
        size_t part = len < left ? len : left;
        memcpy(to, random->pool + random->used, part);
        memset(random->pool + random->used, 0, part);
        random->used += part;
        to += part;
        len -= part;
    }
}

uint64_t slc_random_u64(struct slc_random *random)
{
    uint8_t bytes[8];
    slc_random_bytes(random, bytes, sizeof bytes);
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << 8 * i;
    }
    return value;
}

uint32_t slc_random_below(struct slc_random *random, uint32_t bound)
{
    /* Lemire's multiplication: of the 2^32 draws, the first (2^32 mod bound) of each interval are drawn again. */
    uint32_t rejected = -bound % bound;
    uint64_t product;
    do {
        product = (slc_random_u64(random) & UINT32_MAX) * bound;
    } while ((uint32_t)product < rejected);
    return (uint32_t)(product >> 32);
}

double slc_random_unit(struct slc_random *random)
{
    return (double)(slc_random_u64(random) >> 11) * 0x1p-53;
}

uint64_t slc_random_exponential(struct slc_random *random, uint64_t mean_ns)
{
    if (mean_ns == 0) return 0;
    double ns = -log1p(-slc_random_unit(random)) * (double)mean_ns;
    return ns < 0x1p63 ? (uint64_t)(ns + 0.5) : UINT64_MAX;
}

void slc_random_wipe(struct slc_random *random)
{
    slc_wipe(random, sizeof *random);
    random->used = SLC_RANDOM_POOL;
}
