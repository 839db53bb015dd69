/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crypto/ct/paths.h"

#include "crypto/base/cpu.h"
#include "crypto/base/random.h"
#include "crypto/base/secret.h"
#include "crypto/seal/gcm_siv.h"
#include "crypto/sphinx/sphinx.h"

#include <stdlib.h>
#include <string.h>

/*
 * Lengths are public everywhere, as are routes, versions and the number of hops. What a path copies is static, since
 * stack.c looks at what is left on the stack.
 */
enum {
    LANES = 9,
    WIDE = 17,
    NODES = 3,
    PACKETS = 3,
    PLAINTEXT = 300,
    PAYLOAD = 333,
    PACKET = SLC_HEADER_BYTES + PAYLOAD
};

/* Full batches fill a vector of every width and leave one lane over; small ones take fewer steps. */
static size_t lanes = LANES, wide = WIDE;

static struct slc_curve_table *tables[NODES];
static uint8_t node_secret[NODES][SLC_KEY_BYTES];
static struct slc_hop hops[NODES];
static void *curve_scratch;
static struct slc_sphinx_scratch *sphinx_scratch;
static uint8_t packets[PACKETS][PACKET];

static const uint8_t *at(const uint8_t *secret, size_t i, size_t bytes)
{
    return secret + i * bytes % (SLC_CT_SECRET_BYTES - 512);
}

static void build(uint8_t (*out)[PACKET], const uint8_t *secret);

int slc_ct_set_up(bool small)
{
    if (small) lanes = wide = 2;
    struct slc_random random;
    uint8_t key[SLC_KEY_BYTES];
    static uint8_t seed[SLC_CT_SECRET_BYTES];
    slc_random_from_number(&random, 1, 0);
    for (size_t i = 0; i < NODES; i++) {
        slc_random_bytes(&random, node_secret[i], SLC_KEY_BYTES);
        slc_public_key(key, node_secret[i]);
        if (slc_curve_table_new(&tables[i], key) != SLC_OK) return -1;
        memset(hops[i].address, (int)i + 1, sizeof hops[i].address);
        hops[i].key = tables[i];
    }
    curve_scratch = aligned_alloc(64, slc_curve_scratch_bytes(WIDE));
    if (curve_scratch == NULL || slc_sphinx_scratch_new(&sphinx_scratch, WIDE) != SLC_OK) return -1;
    slc_random_bytes(&random, seed, sizeof seed);
    build(packets, seed);
    return 0;
}

/* ---- curve ---- */

static void scalars(const uint8_t *secret)
{
    static struct slc_scalar scalar;
    slc_scalar_start(&scalar, secret);
    for (size_t i = 1; i < 4; i++) {
        slc_scalar_multiply(&scalar, at(secret, i, 32));
    }
}

static void combs(const uint8_t *secret)
{
    static struct slc_scalar scalar[LANES];
    static uint8_t out[LANES][SLC_KEY_BYTES];
    struct slc_curve_job job[LANES];
    for (size_t i = 0; i < lanes; i++) {
        memcpy(scalar[i].word, at(secret, i, 32), sizeof scalar[i].word);
        scalar[i].word[3] &= 0x0fffffffffffffff;
        job[i] = (struct slc_curve_job){tables[i == lanes / 2], &scalar[i], out[i]};
    }
    slc_curve_multiply(job, lanes, curve_scratch);
}

static void public_keys(const uint8_t *secret)
{
    static uint8_t out[SLC_KEY_BYTES];
    slc_public_key(out, secret);
}

/* Points too are secret: a client's shared secrets are found by their points. */
static void ladders(const uint8_t *secret)
{
    static uint8_t out[LANES][SLC_KEY_BYTES];
    struct slc_ladder_job job[LANES];
    for (size_t i = 0; i < lanes; i++) {
        job[i] = (struct slc_ladder_job){at(secret, i, 32), at(secret, 20 + i, 32), out[i]};
    }
    slc_ladder(job, lanes);
}

static void one_ladder(const uint8_t *secret)
{
    static uint8_t out[SLC_KEY_BYTES];
    slc_ladder(&(struct slc_ladder_job){secret, at(secret, 1, 32), out}, 1);
}

static void own_tables(const uint8_t *secret)
{
    static uint8_t out[LANES][SLC_KEY_BYTES];
    static _Alignas(64) uint8_t own[(LANES + 7) * 3072];
    const uint8_t *point[LANES];
    struct slc_own_job job[LANES];
    slc_ct_must(slc_own_table_bytes(lanes) <= sizeof own, "own tables");
    for (size_t i = 0; i < lanes; i++) {
        point[i] = at(secret, 20 + i, 32);
        job[i] = (struct slc_own_job){at(secret, i, 32), out[i]};
    }
    slc_own_tables(point, lanes, own);
    slc_own_multiply(job, lanes, own);
}

/* ---- lanes ---- */

static uint8_t bytes_out[WIDE][2065];

static void point(uint8_t **out, const uint8_t **in, const uint8_t *secret, size_t len)
{
    for (size_t i = 0; i < wide; i++) {
        out[i] = bytes_out[i];
        in[i] = at(secret, i, len);
    }
}

static void expand(const uint8_t *secret)
{
    uint8_t *out[WIDE];
    const uint8_t *in[WIDE];
    point(out, in, secret, 32);
    slc_expand_secrets(out, in, 2, wide);
    slc_expand_secrets(out, in, wide == WIDE ? 9 : 3, 1);
    slc_expand_payload_keys(out, in, wide);
    slc_message_keys(out, in, wide);
}

static void macs(const uint8_t *secret)
{
    uint8_t *out[WIDE];
    const uint8_t *key[WIDE], *message[WIDE];
    point(out, key, secret, 16);
    point(out, message, secret, 31);
    slc_header_macs(out, key, message, 300, wide);
}

/* What CPUs without SHA instructions do, and others with fuller batches. */
static void expand_in_lanes(const uint8_t *secret)
{
    slc_cpu_use_sha(false);
    expand(secret);
    slc_cpu_use_sha(true);
}

static void macs_in_lanes(const uint8_t *secret)
{
    slc_cpu_use_sha(false);
    macs(secret);
    slc_cpu_use_sha(true);
}

static void lioness(const uint8_t *secret)
{
    uint8_t *block[WIDE];
    const uint8_t *key[2 * WIDE];
    point(block, key, secret, 192);
    point(block, key + wide, secret, 96);
    for (size_t i = 0; i < wide; i++) {
        memcpy(bytes_out[i], at(secret, i, 7), 300);
        memcpy(bytes_out[i] + 300, at(secret, i, 9), 300);
    }
    slc_lioness_encrypt(block, wide == WIDE ? 2065 : 97, key, wide);
    slc_lioness_decrypt(block, 38, key, wide);
    slc_lioness_encrypt_layers(block, 38, key, 2, wide);
    slc_lioness_decrypt_layers(block, 38, key, 2, wide);
}

static void keystreams(const uint8_t *secret)
{
    uint8_t *data[WIDE];
    const uint8_t *key[WIDE], *iv[WIDE];
    point(data, key, secret, 16);
    point(data, iv, secret, 48);
    for (size_t i = 0; i < lanes; i++) {
        memcpy(bytes_out[i], at(secret, i, 7), 360);
    }
    slc_aes128_ctr(data, 360, key, NULL, lanes);
    slc_aes128_ctr(data, 5, key, iv, lanes);
}

static void message_hashes(const uint8_t *secret)
{
    static uint8_t out[64];
    slc_hkdf_blake3(out, sizeof out, slc_bytes(NULL, 0), slc_bytes(secret, 32), slc_bytes("info", 4));
    slc_hmac_blake3(out, slc_bytes(secret, 32), slc_bytes(secret + 32, 200));
}

/* ---- seal ---- */

static void seals(const uint8_t *secret)
{
    static uint8_t data[3][300], nonce[3][SLC_SEAL_NONCE_BYTES], tag[3][SLC_SEAL_TAG_BYTES];
    struct slc_seal_job job[3];
    for (size_t i = 0; i < 3; i++) {
        memcpy(data[i], at(secret, i + 1, 300), sizeof data[i]);
        memset(nonce[i], (int)i, sizeof nonce[i]);
        job[i] = (struct slc_seal_job){at(secret, i / 2, 32), nonce[i], data[i], i == 1 ? 5 : 300, tag[i], SLC_OK};
    }
    slc_seal(job, 3);
    slc_ct_must(slc_unseal(job, 3) == SLC_OK, "unseal");
    slc_seal(job, 3);
    tag[1][3] ^= 1;
    slc_ct_must(slc_unseal(job, 3) == SLC_PARTIAL, "unseal a forgery");
}

/* ---- packets ---- */

static void fill_route(struct slc_route *route, const uint8_t *secret, size_t i)
{
    static const uint16_t VERSIONS[PACKETS] = {SLC_SPHINX_SEEDS, SLC_SPHINX_EXPLICIT_KEYS, SLC_SPHINX_SINGLE_SEED};
    *route = (struct slc_route){.hops = (uint8_t)(NODES - i), .version = VERSIONS[i], .random = at(secret, i, 300)};
    for (size_t hop = 0; hop < route->hops; hop++) {
        route->hop[hop] = &hops[hop];
        route->delay_ns[hop] = 1000 * (uint64_t)hop;
    }
    memcpy(route->destination, at(secret, i, 37), SLC_DESTINATION_BYTES);
    memset(route->identifier, 1, SLC_IDENTIFIER_BYTES);
}

static void build(uint8_t (*out)[PACKET], const uint8_t *secret)
{
    static struct slc_packet_job job[PACKETS];
    for (size_t i = 0; i < PACKETS; i++) {
        job[i] = (struct slc_packet_job){
            .plaintext = slc_bytes(at(secret, i, 411), PLAINTEXT), .payload_bytes = PAYLOAD, .out = out[i]};
        fill_route(&job[i].route, secret, i);
    }
    slc_ct_must(slc_packets_build(sphinx_scratch, job, PACKETS) == SLC_OK, "build");
}

static void packet_builds(const uint8_t *secret)
{
    static uint8_t out[PACKETS][PACKET];
    build(out, secret);
}

static void surbs(const uint8_t *secret)
{
    static uint8_t surb[2][SLC_SURB_MAX_BYTES], recovery[2][SLC_RECOVERY_MAX_BYTES], out[2][PACKET];
    static struct slc_surb_job job[2];
    static struct slc_surb_use use[2];
    for (size_t i = 0; i < 2; i++) {
        job[i] = (struct slc_surb_job){.out = surb[i], .recovery = recovery[i]};
        fill_route(&job[i].route, secret, 2 * i);
    }
    slc_ct_must(slc_surbs_build(sphinx_scratch, job, 2) == SLC_OK, "build SURBs");
    for (size_t i = 0; i < 2; i++) {
        use[i] = (struct slc_surb_use){.surb = slc_bytes(surb[i], job[i].out_len),
                                       .plaintext = slc_bytes(at(secret, i, 200), PLAINTEXT),
                                       .payload_bytes = PAYLOAD,
                                       .out = out[i]};
    }
    slc_ct_must(slc_surbs_use(sphinx_scratch, use, 2) == SLC_OK, "use SURBs");
}

static void surb_recovery(const uint8_t *secret)
{
    static uint8_t payload[PAYLOAD];
    struct slc_bytes plaintext;
    memcpy(payload, at(secret, 1, 100), sizeof payload);
    (void)!slc_surb_recover(slc_bytes(secret, 16 + 3 * 16), payload, sizeof payload, &plaintext);
}

/* What nodes do with packets made beforehand: another secret would not open them, so this is always the same one. */
static void opens(const uint8_t *secret)
{
    static uint8_t packet[PACKETS][PACKET], key[SLC_KEY_BYTES];
    static struct slc_open_job job[PACKETS];
    (void)secret;
    memcpy(key, node_secret[0], sizeof key);
    slc_ct_classify(key, sizeof key);
    memcpy(packet, packets, sizeof packet);
    for (size_t i = 0; i < PACKETS; i++) {
        job[i] = (struct slc_open_job){.node_secret = key, .packet = packet[i], .packet_bytes = PACKET};
    }
    packet[1][100] ^= 1;
    slc_ct_must(slc_packets_open(sphinx_scratch, job, PACKETS) == SLC_PARTIAL, "open");
    slc_ct_must(job[0].kind == SLC_OPEN_FORWARD && job[1].status == SLC_BAD_MAC && job[2].kind == SLC_OPEN_FINAL,
                "open each");
}

static void comparisons_and_draws(const uint8_t *secret)
{
    static struct slc_random random;
    static uint8_t out[100];
    volatile bool equal = slc_equal(secret, secret + 32, 32);
    (void)equal;
    slc_random_from_seed(&random, secret);
    slc_random_bytes(&random, out, sizeof out);
    slc_random_wipe(&random);
}

const struct slc_ct_path slc_ct_paths[] = {
    {"scalars", scalars, false},
    {"combs", combs, false},
    {"public keys", public_keys, true},
    {"ladders", ladders, false},
    {"own tables", own_tables, false},
    {"one ladder", one_ladder, true},
    {"expansions, payload keys, message keys", expand, false},
    {"header MACs", macs, false},
    {"expansions without SHA instructions", expand_in_lanes, false},
    {"header MACs without SHA instructions", macs_in_lanes, false},
    {"LIONESS", lioness, false},
    {"keystreams", keystreams, false},
    {"BLAKE3 key derivation", message_hashes, true},
    {"seal and unseal", seals, false},
    {"packets built", packet_builds, true},
    {"SURBs built and used", surbs, true},
    {"reply recovered", surb_recovery, true},
    {"packets opened", opens, true},
    {"comparison, random bytes", comparisons_and_draws, false},
};
const size_t slc_ct_path_count = sizeof slc_ct_paths / sizeof *slc_ct_paths;
