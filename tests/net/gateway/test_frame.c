/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gateway/frame.h"

#include "tests/support/vectors.h"

/* Oracle: binary frames of nym-gateway-requests 1.22.2 (tests/vectors/gateway.json, binary). */

static const cJSON *vectors(const char *path)
{
    return slc_vec(slc_vectors("gateway.json"), path);
}

static const uint8_t *shared_key(void)
{
    return slc_vec_bytes_of(vectors("transcripts/0"), "shared_key", SLC_SEAL_KEY_BYTES);
}

/* A generator that gives `nonce` first: frames draw nothing else. */
static void random_of_nonce(struct slc_random *random, const uint8_t *nonce)
{
    memset(random, 0, sizeof *random);
    random->used = SLC_RANDOM_POOL - SLC_SEAL_NONCE_BYTES;
    memcpy(random->pool + random->used, nonce, SLC_SEAL_NONCE_BYTES);
}

static void check_frame(const cJSON *c, struct slc_bytes plaintext, uint8_t kind)
{
    uint8_t *frame = slc_vec_copy(slc_vec_repeat(0, plaintext.len + SLC_FRAME_OVERHEAD));
    struct slc_random random;
    if (plaintext.len > 0) memcpy(frame + SLC_FRAME_HEAD_BYTES, plaintext.data, plaintext.len);
    random_of_nonce(&random, slc_vec_bytes_of(c, "nonce", SLC_SEAL_NONCE_BYTES));
    struct slc_frame_job job = {.key = shared_key(), .frame = frame, .len = plaintext.len, .kind = kind};
    slc_frames_seal(&job, 1, &random);
    slc_vec_expect(c, "frame", slc_bytes(frame, plaintext.len + SLC_FRAME_OVERHEAD));

    job = (struct slc_frame_job){.key = shared_key(), .frame = frame, .len = plaintext.len + SLC_FRAME_OVERHEAD};
    assert_int_equal(slc_frames_open(&job, 1), SLC_OK);
    assert_int_equal(job.kind, kind);
    slc_expect_bytes(job.plaintext, plaintext, "plaintext");
}

static void pushed_frames_are_upstreams_byte_for_byte(void **state)
{
    (void)state;
    size_t cases = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(vectors("binary/gateway_to_client"), ""))
    {
        check_frame(c, slc_vec_linear(3, 1, slc_vec_u64(c, "plaintext_len")), SLC_FRAME_PUSHED);
        cases++;
    }
    assert_int_equal(cases, 6);
}

static void sent_frames_are_upstreams_byte_for_byte(void **state)
{
    (void)state;
    size_t cases = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(vectors("binary/client_to_gateway"), ""))
    {
        struct slc_bytes prefix = slc_vec_bytes(c, "plaintext_prefix");
        size_t len = slc_vec_u64(c, "plaintext_len");
        uint8_t *plaintext = slc_vec_copy(slc_vec_repeat(0, len));
        memcpy(plaintext, prefix.data, prefix.len);
        memcpy(plaintext + prefix.len, slc_vec_linear(7, 13, len - prefix.len).data, len - prefix.len);
        check_frame(c, slc_bytes(plaintext, len), (uint8_t)slc_vec_u64(c, "kind"));
        cases++;
    }
    assert_int_equal(cases, 25);
}

/* Those upstream refuses for what is outside the ciphertext or for the tag; the rest is the mix packet's business. */
static void bad_frames_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        enum slc_status status;
    } CASES[] = {
        {"empty", SLC_TOO_SHORT},
        {"1 byte", SLC_TOO_SHORT},
        {"2 bytes, flag 1", SLC_TOO_SHORT},
        {"13 bytes, flag 1", SLC_TOO_SHORT},
        {"14 bytes, flag 1", SLC_TOO_SHORT},
        {"2 bytes, flag 0", SLC_UNSUPPORTED},
        {"13 bytes, flag 0", SLC_UNSUPPORTED},
        {"14 bytes, flag 0", SLC_UNSUPPORTED},
        {"flag 2", SLC_UNSUPPORTED},
        {"last tag byte changed", SLC_BAD_MAC},
        {"kind 1 unencrypted, valid packet", SLC_UNSUPPORTED}, /* upstream takes it: trap T8 */
        {"empty plaintext", SLC_OK},
    };
    size_t cases = 0;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(vectors("binary/client_to_gateway_negative"), ""))
    {
        for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
            if (!slc_vec_is(c, "what", CASES[i].what)) continue;
            struct slc_bytes frame = slc_vec_bytes(c, "frame/hex");
            struct slc_frame_job job = {.key = shared_key(), .frame = slc_vec_copy(frame), .len = frame.len};
            enum slc_status all = slc_frames_open(&job, 1);
            if (job.status != CASES[i].status) fail_msg("%s: %s", CASES[i].what, slc_status_text(job.status));
            assert_int_equal(all, CASES[i].status == SLC_OK ? SLC_OK : SLC_PARTIAL);
            cases++;
        }
    }
    assert_int_equal(cases, sizeof CASES / sizeof CASES[0]);
}

static void a_bad_frame_fails_alone_in_a_batch_of_any_size(void **state)
{
    (void)state;
    enum { N = 130, LEN = 40 };
    static uint8_t frames[N][LEN + SLC_FRAME_OVERHEAD];
    static struct slc_frame_job jobs[N];
    struct slc_random random;
    slc_test_random(&random, 1);
    for (size_t i = 0; i < N; i++) {
        memset(frames[i] + SLC_FRAME_HEAD_BYTES, (int)i, LEN);
        jobs[i] = (struct slc_frame_job){.key = shared_key(), .frame = frames[i], .len = LEN, .kind = 2};
    }
    slc_frames_seal(jobs, N, &random);
    assert_memory_not_equal(frames[0] + 2, frames[1] + 2, SLC_SEAL_NONCE_BYTES);
    for (size_t i = 0; i < N; i++) {
        jobs[i].len = LEN + SLC_FRAME_OVERHEAD;
    }
    frames[3][1] = 0;
    frames[63][20] ^= 1;
    jobs[64].len = SLC_FRAME_OVERHEAD - 1;
    frames[129][2] ^= 0x80;
    assert_int_equal(slc_frames_open(jobs, N), SLC_PARTIAL);
    for (size_t i = 0; i < N; i++) {
        enum slc_status wanted = i == 3                ? SLC_UNSUPPORTED
                                 : i == 64             ? SLC_TOO_SHORT
                                 : i == 63 || i == 129 ? SLC_BAD_MAC
                                                       : SLC_OK;
        assert_int_equal(jobs[i].status, wanted);
        assert_int_equal(jobs[i].plaintext.len, wanted == SLC_OK ? LEN : 0);
        if (wanted == SLC_OK) assert_int_equal(jobs[i].plaintext.data[LEN - 1], i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushed_frames_are_upstreams_byte_for_byte),
        cmocka_unit_test(sent_frames_are_upstreams_byte_for_byte),
        cmocka_unit_test(bad_frames_are_refused),
        cmocka_unit_test(a_bad_frame_fails_alone_in_a_batch_of_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
