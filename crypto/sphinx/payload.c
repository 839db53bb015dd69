/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sphinx/sphinx_internal.h"

#include "crypto/base/secret.h"

/* Payloads (chapter 1, section 5.4; section 7, step 13). */

enum { LEADING_ZEROS = 16, MARKER = 0x01 };
_Static_assert(LEADING_ZEROS + 1 == SLC_PAYLOAD_OVERHEAD, "zeros and marker");

enum slc_status slc_payload_check(size_t plaintext_bytes, size_t payload_bytes)
{
    if (payload_bytes < SLC_SHORTEST_PAYLOAD || payload_bytes > SLC_LONGEST_PAYLOAD) return SLC_BAD_PAYLOAD;
    return plaintext_bytes <= payload_bytes - SLC_PAYLOAD_OVERHEAD ? SLC_OK : SLC_BAD_PAYLOAD;
}

void slc_payload_fill(uint8_t *payload, size_t payload_bytes, struct slc_bytes plaintext)
{
    struct slc_writer w = slc_writer(payload, payload_bytes);
    slc_write_zeros(&w, LEADING_ZEROS);
    slc_write_bytes(&w, plaintext.data, plaintext.len);
    slc_write_u8(&w, MARKER);
    slc_write_zeros(&w, payload_bytes - w.len);
}

enum slc_status slc_payload_recover(const uint8_t *payload, size_t payload_bytes, struct slc_bytes *plaintext)
{
    static const uint8_t zeros[LEADING_ZEROS];
    *plaintext = slc_bytes(NULL, 0);
    slc_declassify(payload, payload_bytes); /* where a message ends is not kept from the machine that reads it */
    if (payload_bytes < SLC_PAYLOAD_OVERHEAD || memcmp(payload, zeros, sizeof zeros) != 0) return SLC_BAD_PAYLOAD;
    const uint8_t *start = payload + LEADING_ZEROS;
    const uint8_t *marker = memrchr(start, MARKER, payload_bytes - LEADING_ZEROS);
    if (marker == NULL) return SLC_BAD_PAYLOAD;
    *plaintext = slc_bytes(start, (size_t)(marker - start));
    return SLC_OK;
}

/* All layers of up to SLC_PAYLOAD_TILE payloads of one size and one number of hops: in and out of the lanes once. */
static void encrypt_tile(struct slc_sphinx_scratch *s, struct slc_payload_job *const *tile, size_t count)
{
    unsigned hops = tile[0]->hops;
    uint8_t *payload[SLC_PAYLOAD_TILE] = {NULL};
    const uint8_t *key[SLC_MAX_HOPS * SLC_PAYLOAD_TILE] = {NULL};
    uint8_t *derived[SLC_MAX_HOPS * SLC_PAYLOAD_TILE];
    const uint8_t *seed[SLC_MAX_HOPS * SLC_PAYLOAD_TILE];
    size_t seeds = 0;
    for (size_t j = 0; j < count; j++) {
        const struct slc_payload_job *job = tile[j];
        payload[j] = job->payload;
        for (unsigned hop = 0; hop < hops; hop++) {
            const uint8_t *material = job->keys + (size_t)job->stride * hop;
            if (!job->explicit_keys) {
                seed[seeds] = material;
                derived[seeds] = s->payload_key[seeds];
                material = s->payload_key[seeds++];
            }
            /* The last hop's layer goes on first. */
            key[(hops - 1 - hop) * count + j] = material;
        }
    }
    if (seeds > 0) {
        slc_expand_payload_keys(derived, seed, seeds);
    }
    slc_lioness_encrypt_layers(payload, tile[0]->bytes, key, hops, count);
    for (size_t j = 0; j < count; j++) {
        tile[j]->bytes = 0;
    }
}

/* The smallest payload still to do; NULL: none. Smallest first, since an ack may lie inside a data packet's payload. */
static const struct slc_payload_job *smallest(const struct slc_sphinx_scratch *s, size_t count)
{
    const struct slc_payload_job *found = NULL;
    for (size_t j = 0; j < count; j++) {
        const struct slc_payload_job *job = &s->payload[j];
        if (job->bytes > 0 && (found == NULL || job->bytes < found->bytes)) {
            found = job;
        }
    }
    return found;
}

void slc_payloads_encrypt(struct slc_sphinx_scratch *s, size_t count)
{
    for (const struct slc_payload_job *next; (next = smallest(s, count)) != NULL;) {
        /* Lanes want equal work: sweep up everything like this one, whatever stands between. */
        const struct slc_payload_job like = *next;
        struct slc_payload_job *tile[SLC_PAYLOAD_TILE];
        size_t n = 0;
        for (size_t j = 0; j < count; j++) {
            struct slc_payload_job *job = &s->payload[j];
            if (job->bytes != like.bytes || job->hops != like.hops) continue;
            tile[n++] = job;
            if (n == SLC_PAYLOAD_TILE) {
                encrypt_tile(s, tile, n);
                n = 0;
            }
        }
        if (n > 0) {
            encrypt_tile(s, tile, n);
        }
    }
}
