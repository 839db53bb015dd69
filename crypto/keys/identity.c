/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/keys/keys.h"

#include <sodium.h>

#include "crypto/base/secret.h"

_Static_assert(SLC_IDENTITY_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519");
_Static_assert(SLC_SIGNATURE_BYTES == crypto_sign_BYTES, "Ed25519");

void slc_identity_from_seed(struct slc_identity *identity, const uint8_t seed[32])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    memmove(identity->seed, seed, sizeof identity->seed);
    (void)crypto_sign_seed_keypair(identity->public_key, secret, identity->seed);
    slc_wipe(secret, sizeof secret);
}

void slc_sign(uint8_t signature[SLC_SIGNATURE_BYTES], struct slc_bytes message, const struct slc_identity *identity)
{
    /* libsodium's secret key is the seed and the public key side by side. */
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    memcpy(secret, identity->seed, 32);
    memcpy(secret + 32, identity->public_key, 32);
    (void)crypto_sign_detached(signature, NULL, message.data, message.len, secret);
    slc_wipe(secret, sizeof secret);
}

enum slc_status slc_verify(const uint8_t signature[SLC_SIGNATURE_BYTES], struct slc_bytes message,
                           const uint8_t public_key[SLC_IDENTITY_BYTES])
{
    /* Stricter than the reference in what only a dishonest key can show: small order and non-canonical encodings. */
    int failed = crypto_sign_verify_detached(signature, message.data, message.len, public_key);
    return failed ? SLC_BAD_SIGNATURE : SLC_OK;
}

enum slc_status slc_identity_check(const uint8_t public_key[SLC_IDENTITY_BYTES])
{
    /*
     * is_valid_point() would refuse keys that the network accepts. The point addition decompresses its operands
     * and checks nothing else, which is the network's rule; the sum with the neutral element is thrown away.
     */
    static const uint8_t neutral[SLC_IDENTITY_BYTES] = {1};
    uint8_t sum[SLC_IDENTITY_BYTES];
    return crypto_core_ed25519_add(sum, public_key, neutral) == 0 ? SLC_OK : SLC_BAD_KEY;
}

void slc_client_keys_generate(struct slc_client_keys *keys, struct slc_random *random)
{
    uint8_t seed[32];
    slc_random_bytes(random, seed, sizeof seed);
    slc_identity_from_seed(&keys->identity, seed);
    slc_wipe(seed, sizeof seed);
    slc_random_bytes(random, keys->encryption_secret, sizeof keys->encryption_secret);
    slc_public_key(keys->encryption_key, keys->encryption_secret);
    slc_random_bytes(random, keys->ack_key, sizeof keys->ack_key);
}
