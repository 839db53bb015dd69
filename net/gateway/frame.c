/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/frame.h"

enum {
    ENCRYPTED = 1, /* the flag; 0, plaintext, is never sent and makes upstream's reader crash (trap T8) */
    CHUNK = 64,    /* seal jobs on the stack at a time                                                  */
};

static struct slc_seal_job seal_job(const struct slc_frame_job *job, size_t len)
{
    return (struct slc_seal_job){
        .key = job->key,
        .nonce = job->frame + 2,
        .data = job->frame + SLC_FRAME_HEAD_BYTES,
        .len = len,
        .tag = job->frame + SLC_FRAME_HEAD_BYTES + len,
    };
}

void slc_frames_seal(struct slc_frame_job *jobs, size_t n, struct slc_random *random)
{
    struct slc_seal_job seals[CHUNK];
    for (size_t done = 0; done < n;) {
        size_t count = n - done < CHUNK ? n - done : CHUNK;
        for (size_t i = 0; i < count; i++) {
            struct slc_frame_job *job = &jobs[done + i];
            job->frame[0] = job->kind;
            job->frame[1] = ENCRYPTED;
            slc_random_bytes(random, job->frame + 2, SLC_SEAL_NONCE_BYTES);
            seals[i] = seal_job(job, job->len);
            job->status = SLC_OK;
        }
        slc_seal(seals, count);
        done += count;
    }
}

static enum slc_status check_head(struct slc_bytes frame)
{
    if (frame.len < 2) return SLC_TOO_SHORT;
    if (frame.data[1] != ENCRYPTED) return SLC_UNSUPPORTED;
    return frame.len < SLC_FRAME_OVERHEAD ? SLC_TOO_SHORT : SLC_OK;
}

/* Opens a chunk; frames with a bad head stay out of the batch. Whether all of them opened. */
static bool open_chunk(struct slc_frame_job *jobs, size_t n)
{
    struct slc_seal_job seals[CHUNK];
    struct slc_frame_job *owners[CHUNK];
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        jobs[i].plaintext = slc_bytes(NULL, 0);
        jobs[i].status = check_head(slc_bytes(jobs[i].frame, jobs[i].len));
        if (jobs[i].status != SLC_OK) continue;
        jobs[i].kind = jobs[i].frame[0];
        owners[count] = &jobs[i];
        seals[count++] = seal_job(&jobs[i], jobs[i].len - SLC_FRAME_OVERHEAD);
    }
    bool all = slc_unseal(seals, count) == SLC_OK && count == n;
    for (size_t i = 0; i < count; i++) {
        owners[i]->status = seals[i].status;
        if (seals[i].status == SLC_OK) owners[i]->plaintext = slc_bytes(seals[i].data, seals[i].len);
    }
    return all;
}

enum slc_status slc_frames_open(struct slc_frame_job *jobs, size_t n)
{
    bool all = true;
    for (size_t done = 0; done < n;) {
        size_t count = n - done < CHUNK ? n - done : CHUNK;
        all = open_chunk(jobs + done, count) && all;
        done += count;
    }
    return all ? SLC_OK : SLC_PARTIAL;
}
