/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/random.h"
#include "crypto/seal/gcm_siv.h"
#include "crypto/sphinx/sphinx.h"
#include "engine/message/message.h"
#include "engine/node/replay.h"
#include "net/wire/websocket.h"
#include "tests/sim/model.h"
#include "tests/sim/world.h"

/*
 * Where the simulator stands between the product's files: the linker (--wrap) sends calls of these functions here.
 * Randomness comes from the seed, headers of Sphinx packets are looked at, and cryptography is the real one or its
 * model, whichever the world was begun with.
 */

#define REAL(type, name, ...)                                                                                          \
    type __real_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__);

REAL(enum slc_status, slc_random_from_system, struct slc_random *)
REAL(enum slc_status, slc_packets_build, struct slc_sphinx_scratch *, struct slc_packet_job *, size_t)
REAL(enum slc_status, slc_packets_open, struct slc_sphinx_scratch *, struct slc_open_job *, size_t)
REAL(enum slc_status, slc_surbs_build, struct slc_sphinx_scratch *, struct slc_surb_job *, size_t)
REAL(enum slc_status, slc_surbs_use, struct slc_sphinx_scratch *, struct slc_surb_use *, size_t)
REAL(enum slc_status, slc_curve_table_new, struct slc_curve_table **, const uint8_t *)
REAL(void, slc_curve_table_free, struct slc_curve_table *)
REAL(const struct slc_curve_table *, slc_curve_base, void)
REAL(void, slc_curve_multiply, const struct slc_curve_job *, size_t, void *)
REAL(void, slc_ladder, const struct slc_ladder_job *, size_t)
REAL(void, slc_public_key, uint8_t *, const uint8_t *)
REAL(void, slc_scalar_start, struct slc_scalar *, const uint8_t *)
REAL(void, slc_message_keys, uint8_t *const *, const uint8_t *const *, size_t)
REAL(void, slc_aes128_ctr, uint8_t *const *, size_t, const uint8_t *const *, const uint8_t *const *, size_t)
REAL(void, slc_seal, struct slc_seal_job *, size_t)
REAL(enum slc_status, slc_unseal, struct slc_seal_job *, size_t)
REAL(enum slc_status, slc_replay_new, struct slc_replay **, size_t)
REAL(size_t, slc_ws_frame, uint8_t *, size_t, enum slc_ws_opcode, const uint8_t *)

enum slc_status __wrap_slc_random_from_system(struct slc_random *random)
{
    sim_random(random);
    return SLC_OK;
}

/* Smaller, so that it stays in the caches and is full now and then; still the packets of many seconds. */
enum slc_status __wrap_slc_replay_new(struct slc_replay **replay, size_t remembered)
{
    (void)remembered;
    return __real_slc_replay_new(replay, (size_t)1 << 16);
}

/* ---- mutations ---- */

static void damage(struct slc_open_job *jobs, size_t n)
{
    static unsigned seen;
    for (size_t i = 0; i < n; i++) {
        if (seen++ == 2000) jobs[i].packet[100] ^= 1;
    }
}

/* The second reply of a batch goes the way of the first, or a later one that of an earlier. */
static void reuse(struct slc_surb_use *jobs, size_t n)
{
    static uint8_t kept[SLC_SURB_MAX_BYTES];
    static size_t kept_len;
    for (size_t i = 0; i < n; i++) {
        if (kept_len == jobs[i].surb.len) jobs[i].surb = slc_bytes(kept, kept_len);
        kept_len = jobs[i].surb.len;
        memmove(kept, jobs[i].surb.data, kept_len);
    }
}

/* ---- packets ---- */

enum slc_status __wrap_slc_packets_build(struct slc_sphinx_scratch *scratch, struct slc_packet_job *jobs, size_t n)
{
    enum slc_status status = sim_model() ? model_packets_build(jobs, n) : __real_slc_packets_build(scratch, jobs, n);
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].status == SLC_OK) sim_mark_header(jobs[i].out);
    }
    return status;
}

enum slc_status __wrap_slc_packets_open(struct slc_sphinx_scratch *scratch, struct slc_open_job *jobs, size_t n)
{
    if (sim_mutation() == SIM_DAMAGE) damage(jobs, n);
    return sim_model() ? model_packets_open(jobs, n) : __real_slc_packets_open(scratch, jobs, n);
}

enum slc_status __wrap_slc_surbs_build(struct slc_sphinx_scratch *scratch, struct slc_surb_job *jobs, size_t n)
{
    return sim_model() ? model_surbs_build(jobs, n) : __real_slc_surbs_build(scratch, jobs, n);
}

enum slc_status __wrap_slc_surbs_use(struct slc_sphinx_scratch *scratch, struct slc_surb_use *jobs, size_t n)
{
    if (sim_mutation() == SIM_REUSE_SURB) reuse(jobs, n);
    enum slc_status status = sim_model() ? model_surbs_use(jobs, n) : __real_slc_surbs_use(scratch, jobs, n);
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].status == SLC_OK) sim_mark_header(jobs[i].out);
    }
    return status;
}

/* ---- keys ---- */

enum slc_status __wrap_slc_curve_table_new(struct slc_curve_table **table, const uint8_t *public_key)
{
    return sim_model() ? model_table_new(table, public_key) : __real_slc_curve_table_new(table, public_key);
}

void __wrap_slc_curve_table_free(struct slc_curve_table *table)
{
    if (sim_model()) {
        model_table_free(table);
    } else {
        __real_slc_curve_table_free(table);
    }
}

const struct slc_curve_table *__wrap_slc_curve_base(void)
{
    return sim_model() ? model_base() : __real_slc_curve_base();
}

void __wrap_slc_curve_multiply(const struct slc_curve_job *jobs, size_t n, void *scratch)
{
    if (sim_model()) {
        model_multiply(jobs, n);
    } else {
        __real_slc_curve_multiply(jobs, n, scratch);
    }
}

void __wrap_slc_ladder(const struct slc_ladder_job *jobs, size_t n)
{
    if (sim_model()) {
        model_ladder(jobs, n);
    } else {
        __real_slc_ladder(jobs, n);
    }
}

void __wrap_slc_public_key(uint8_t *public_key, const uint8_t *secret)
{
    if (sim_model()) {
        model_public_key(public_key, secret);
    } else {
        __real_slc_public_key(public_key, secret);
    }
}

void __wrap_slc_scalar_start(struct slc_scalar *scalar, const uint8_t *secret)
{
    if (sim_model()) {
        model_scalar_start(scalar, secret);
    } else {
        __real_slc_scalar_start(scalar, secret);
    }
}

void __wrap_slc_message_keys(uint8_t *const *out, const uint8_t *const *secret, size_t n)
{
    if (sim_model()) {
        model_message_keys(out, secret, n);
    } else {
        __real_slc_message_keys(out, secret, n);
    }
}

/* ---- ciphers ---- */

void __wrap_slc_aes128_ctr(uint8_t *const *data, size_t len, const uint8_t *const *key, const uint8_t *const *iv,
                           size_t n)
{
    if (sim_model()) {
        model_aes128_ctr(data, len, key, iv, n);
    } else {
        __real_slc_aes128_ctr(data, len, key, iv, n);
    }
}

void __wrap_slc_seal(struct slc_seal_job *jobs, size_t n)
{
    if (sim_model()) {
        model_seal(jobs, n);
    } else {
        __real_slc_seal(jobs, n);
    }
}

enum slc_status __wrap_slc_unseal(struct slc_seal_job *jobs, size_t n)
{
    return sim_model() ? model_unseal(jobs, n) : __real_slc_unseal(jobs, n);
}

/* The model does not mask: it would only be taken off again. */
size_t __wrap_slc_ws_frame(uint8_t *payload, size_t len, enum slc_ws_opcode opcode, const uint8_t *mask)
{
    return __real_slc_ws_frame(payload, len, opcode, sim_model() ? NULL : mask);
}
