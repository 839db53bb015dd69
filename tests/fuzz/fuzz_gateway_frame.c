/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/gateway/frame.h"

/* The input as frames (one, and two halves in a batch) and as a plaintext. Nothing but an honest frame may open. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t KEY[SLC_SEAL_KEY_BYTES] = {1, 2, 3};

static void *copy(const uint8_t *data, size_t size, size_t room)
{
    uint8_t *out = calloc(1, size + room + 1);
    if (out == NULL) abort();
    if (size > 0) memcpy(out, data, size);
    return out;
}

static void open_halves(const uint8_t *data, size_t size)
{
    size_t half = size / 2;
    uint8_t *first = copy(data, half, 0);
    uint8_t *second = copy(data + half, size - half, 0);
    struct slc_frame_job jobs[] = {{.key = KEY, .frame = first, .len = half},
                                   {.key = KEY, .frame = second, .len = size - half}};
    if (slc_frames_open(jobs, 2) == SLC_OK) abort();
    for (size_t i = 0; i < 2; i++) {
        if (jobs[i].status == SLC_OK || jobs[i].plaintext.len != 0) abort();
    }
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slc_random random;
    slc_random_from_number(&random, size, 0);
    if (size > 0) open_halves(data, size);

    uint8_t *frame = calloc(1, size + SLC_FRAME_OVERHEAD);
    if (frame == NULL) abort();
    if (size > 0) memcpy(frame + SLC_FRAME_HEAD_BYTES, data, size);
    struct slc_frame_job job = {.key = KEY, .frame = frame, .len = size, .kind = 2};
    slc_frames_seal(&job, 1, &random);
    job = (struct slc_frame_job){.key = KEY, .frame = frame, .len = size + SLC_FRAME_OVERHEAD};
    if (slc_frames_open(&job, 1) != SLC_OK || job.kind != 2 || job.plaintext.len != size) abort();
    if (size > 0 && memcmp(job.plaintext.data, data, size) != 0) abort();
    free(frame);
    return 0;
}
