/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/seal/gcm_siv.h"

#include "crypto/base/burn.h"
#include "crypto/base/secret.h"
#include "crypto/lanes/aes_internal.h"

#include <string.h>

enum { BLOCK = SLC_AES_BLOCK, GROUP = 8, DERIVED_BLOCKS = 6 };

/* Keys of a group of jobs; `auth` is POLYVAL's. */
struct keys {
    struct slc_aes256 session[GROUP];
    struct slc_aes256 message[GROUP];
    uint8_t derived[GROUP][DERIVED_BLOCKS][BLOCK];
    uint8_t auth[GROUP][16];
    uint8_t enc[GROUP][32];
    uint8_t tag[GROUP][1][BLOCK]; /* of a rejected message it would be a forgery */
};

/* Schedules of the jobs' own keys; schedule_of[i] is job i's. Jobs of one session in a row share theirs. */
static void expand_session_keys(const struct slc_aes_kernels *aes, struct keys *keys, const struct slc_seal_job *job,
                                size_t n, size_t schedule_of[GROUP])
{
    const uint8_t *key[GROUP] = {NULL};
    size_t distinct = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || job[i].key != job[i - 1].key) key[distinct++] = job[i].key;
        schedule_of[i] = distinct - 1;
    }
    aes->expand256(keys->session, key, distinct);
}

/* RFC 8452, section 4: the keys of one message are halves of blocks under the key-generating key. */
static void derive_keys(const struct slc_aes_kernels *aes, struct keys *keys, const struct slc_seal_job *job, size_t n)
{
    const uint8_t *key[GROUP] = {NULL};
    size_t schedule_of[GROUP];
    expand_session_keys(aes, keys, job, n, schedule_of);
    /* Each step for all: what the vector units load was stored by narrower stores, and those need a while to meet. */
    memset(keys->derived, 0, n * sizeof *keys->derived);
    for (size_t i = 0; i < n; i++) {
        for (unsigned b = 0; b < DERIVED_BLOCKS; b++) {
            keys->derived[i][b][0] = (uint8_t)b;
            memcpy(keys->derived[i][b] + 4, job[i].nonce, SLC_SEAL_NONCE_BYTES);
        }
    }
    for (size_t i = 0; i < n; i++) {
        aes->encrypt256(&keys->session[schedule_of[i]], keys->derived[i], DERIVED_BLOCKS);
        for (unsigned b = 0; b < DERIVED_BLOCKS; b++) {
            memcpy(b < 2 ? keys->auth[i] + 8 * b : keys->enc[i] + 8 * (b - 2), keys->derived[i][b], 8);
        }
        key[i] = keys->enc[i];
    }
    aes->expand256(keys->message, key, n);
}

/* Tags of the plaintexts in `data`. The group step by step, since one job's steps wait for each other. */
static void make_tags(const struct slc_aes_kernels *aes, struct keys *keys, const struct slc_seal_job *job, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t *tag = keys->tag[i][0];
        uint8_t lengths[BLOCK] = {0}; /* bits of associated data (none), bits of plaintext, little-endian */
        uint64_t bits = 8 * (uint64_t)job[i].len;
        for (unsigned b = 0; b < 8; b++) {
            lengths[8 + b] = (uint8_t)(bits >> (8 * b));
        }
        aes->polyval(tag, keys->auth[i], job[i].data, job[i].len, lengths);
        for (unsigned b = 0; b < SLC_SEAL_NONCE_BYTES; b++) {
            tag[b] ^= job[i].nonce[b];
        }
        tag[BLOCK - 1] &= 0x7f;
    }
    for (size_t i = 0; i < n; i++) {
        aes->encrypt256(&keys->message[i], keys->tag[i], 1);
    }
}

void slc_seal(struct slc_seal_job *jobs, size_t n)
{
    const struct slc_aes_kernels *aes = slc_aes_kernels();
    struct keys keys;
    for (size_t at = 0; at < n; at += GROUP) {
        size_t group = n - at < GROUP ? n - at : GROUP;
        derive_keys(aes, &keys, jobs + at, group);
        make_tags(aes, &keys, jobs + at, group);
        for (size_t i = 0; i < group; i++) {
            struct slc_seal_job *job = &jobs[at + i];
            memcpy(job->tag, keys.tag[i], BLOCK);
            aes->ctr256(&keys.message[i], keys.tag[i][0], job->data, job->len);
            job->status = SLC_OK;
        }
    }
    slc_wipe(&keys, sizeof keys);
    slc_burn_stack();
}

enum slc_status slc_unseal(struct slc_seal_job *jobs, size_t n)
{
    const struct slc_aes_kernels *aes = slc_aes_kernels();
    enum slc_status all = SLC_OK;
    struct keys keys;
    for (size_t at = 0; at < n; at += GROUP) {
        size_t group = n - at < GROUP ? n - at : GROUP;
        derive_keys(aes, &keys, jobs + at, group);
        for (size_t i = 0; i < group; i++) {
            aes->ctr256(&keys.message[i], jobs[at + i].tag, jobs[at + i].data, jobs[at + i].len);
        }
        make_tags(aes, &keys, jobs + at, group);
        for (size_t i = 0; i < group; i++) {
            struct slc_seal_job *job = &jobs[at + i];
            job->status = SLC_OK;
            bool right = slc_equal(keys.tag[i], job->tag, BLOCK);
            slc_declassify(&right, sizeof right);
            if (!right) {
                slc_wipe(job->data, job->len);
                job->status = SLC_BAD_MAC;
                all = SLC_PARTIAL;
            }
        }
    }
    slc_wipe(&keys, sizeof keys);
    slc_burn_stack();
    return all;
}
