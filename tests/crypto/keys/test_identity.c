/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/vectors.h"

#include <sodium.h>

#include "crypto/keys/keys.h"

/* Chapter 2, section 2.5: 49 encodings, most of them traps for a stricter check. */
static void a_key_is_accepted_exactly_when_it_decompresses(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("messages.json"), "ed25519_public_key/cases"))
    {
        struct slc_bytes key = slc_vec_bytes(it, "bytes");
        if (key.len != SLC_IDENTITY_BYTES) continue;
        bool accepted = slc_identity_check(key.data) == SLC_OK;
        if (accepted != slc_vec_is_true(it, "accepted")) {
            fail_msg("%s: %s", slc_vec_text(it, "name"), accepted ? "accepted" : "refused");
        }
    }
}

static void seeds_give_the_published_public_keys(void **state)
{
    (void)state;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, slc_vec_list(slc_vectors("messages.json"), "recipient/cases"))
    {
        struct slc_identity identity;
        slc_identity_from_seed(&identity, slc_vec_bytes_of(it, "identity_seed", 32));
        slc_vec_expect(it, "sphinx_destination", slc_bytes(identity.public_key, sizeof identity.public_key));
    }
}

/* RFC 8032, section 7.1, tests 1 to 3. */
static const struct {
    const char *seed, *public_key, *message, *signature;
} RFC8032[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246"
     "5"
     "5141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb"
     "0"
     "0d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc"
     "0"
     "27beceea1ec40a"},
};

static void signatures_are_those_of_rfc_8032_and_any_changed_bit_breaks_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof RFC8032 / sizeof RFC8032[0]; i++) {
        struct slc_identity identity;
        uint8_t signature[SLC_SIGNATURE_BYTES];
        struct slc_bytes message = slc_vec_from_text(RFC8032[i].message);
        slc_identity_from_seed(&identity, slc_vec_from_text(RFC8032[i].seed).data);
        slc_expect_bytes(slc_bytes(identity.public_key, 32), slc_vec_from_text(RFC8032[i].public_key), "public key");
        slc_sign(signature, message, &identity);
        slc_expect_bytes(slc_bytes(signature, sizeof signature), slc_vec_from_text(RFC8032[i].signature), "signature");
        assert_int_equal(slc_verify(signature, message, identity.public_key), SLC_OK);
        for (size_t bit = 0; bit < 8 * sizeof signature; bit += 7) {
            signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_int_equal(slc_verify(signature, message, identity.public_key), SLC_BAD_SIGNATURE);
            signature[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        identity.public_key[3] ^= 1;
        assert_int_equal(slc_verify(signature, message, identity.public_key), SLC_BAD_SIGNATURE);
    }
}

static void generated_keys_belong_together_and_differ(void **state)
{
    (void)state;
    struct slc_random random;
    slc_test_random(&random, 1);
    struct slc_client_keys keys[2];
    for (size_t i = 0; i < 2; i++) {
        slc_client_keys_generate(&keys[i], &random);
        uint8_t public_key[32];
        uint8_t secret[64];
        assert_int_equal(crypto_scalarmult_base(public_key, keys[i].encryption_secret), 0);
        assert_memory_equal(public_key, keys[i].encryption_key, 32);
        assert_int_equal(crypto_sign_seed_keypair(public_key, secret, keys[i].identity.seed), 0);
        assert_memory_equal(public_key, keys[i].identity.public_key, 32);
    }
    assert_memory_not_equal(keys[0].identity.seed, keys[1].identity.seed, 32);
    assert_memory_not_equal(keys[0].encryption_secret, keys[1].encryption_secret, 32);
    assert_memory_not_equal(keys[0].encryption_secret, keys[0].identity.seed, 32);
    assert_memory_not_equal(keys[0].ack_key, keys[1].ack_key, SLC_ACK_KEY_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_accepted_exactly_when_it_decompresses),
        cmocka_unit_test(seeds_give_the_published_public_keys),
        cmocka_unit_test(signatures_are_those_of_rfc_8032_and_any_changed_bit_breaks_them),
        cmocka_unit_test(generated_keys_belong_together_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
