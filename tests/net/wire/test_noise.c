/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/noise.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "tests/support/vectors.h"

static uint8_t memory[SLC_NOISE_FRAME_MAX];

static void start(struct slc_noise *noise, enum slc_noise_role role, const cJSON *transcript)
{
    bool initiates = role == SLC_NOISE_INITIATOR;
    const char *secret = initiates ? "initiator_static_private" : "responder_static_private";
    const char *ephemeral = initiates ? "initiator_ephemeral_private" : "responder_ephemeral_private";
    const uint8_t *peer = initiates ? slc_vec_bytes_of(transcript, "responder_static_public", 32) : NULL;
    assert_int_equal(slc_noise_init(noise, role, slc_vec_bytes_of(transcript, secret, 32), peer,
                                    slc_vec_bytes_of(transcript, ephemeral, 32)),
                     SLC_OK);
}

/* The long plaintexts are given by rule (noise.json, plaintext_rule). */
static struct slc_bytes plaintext_of(const cJSON *data)
{
    struct slc_bytes plaintext;
    size_t len = (size_t)slc_vec_u64(data, "plaintext/len");
    if (slc_vec_find(data, "plaintext/hex") != NULL) {
        plaintext = slc_vec_bytes(data, "plaintext");
    } else {
        plaintext = len == 2417 ? slc_vec_linear(5, 3, len) : slc_vec_linear(3, 7, len);
    }
    slc_vec_expect(data, "plaintext", plaintext);
    return plaintext;
}

/* Both ends over the frames of a transcript; each writes exactly what the transcript says. */
static void shake(struct slc_noise *initiator, struct slc_noise *responder, const cJSON *transcript)
{
    start(initiator, SLC_NOISE_INITIATOR, transcript);
    start(responder, SLC_NOISE_RESPONDER, transcript);
    slc_vec_expect(transcript, "psk", slc_bytes(initiator->psk, 32));
    slc_vec_expect(transcript, "psk", slc_bytes(responder->psk, 32));
    static const char *const frames[] = {"frame_1", "frame_2", "frame_3"};
    for (unsigned i = 0; i < 3; i++) {
        struct slc_noise *from = i % 2 == 0 ? initiator : responder;
        struct slc_noise *to = i % 2 == 0 ? responder : initiator;
        assert_true(slc_noise_writes_next(from));
        assert_false(slc_noise_writes_next(to));
        struct slc_writer w = slc_writer(memory, SLC_NOISE_HANDSHAKE_FRAME_MAX);
        assert_int_equal(slc_noise_write_handshake(from, &w), SLC_OK);
        slc_vec_expect(transcript, frames[i], slc_bytes(memory, w.len));
        assert_int_equal(slc_noise_read_handshake(to, slc_bytes(memory, w.len)), SLC_OK);
    }
    assert_true(slc_noise_is_ready(initiator) && slc_noise_is_ready(responder));
}

static void flow(struct slc_noise *from, struct slc_noise *to, const cJSON *frames)
{
    const cJSON *data;
    cJSON_ArrayForEach(data, frames)
    {
        struct slc_bytes plaintext = plaintext_of(data);
        memcpy(memory + SLC_NOISE_HEAD_BYTES, plaintext.data, plaintext.len);
        assert_int_equal(slc_noise_seal(from, memory, plaintext.len), SLC_OK);
        size_t frame_len = plaintext.len + SLC_NOISE_OVERHEAD;
        slc_vec_expect(data, "frame", slc_bytes(memory, frame_len));

        size_t len;
        assert_int_equal(slc_noise_open(to, memory, frame_len, &len), SLC_OK);
        slc_expect_bytes(slc_bytes(memory + SLC_NOISE_HEAD_BYTES, len), plaintext, "plaintext");
    }
}

static void both_transcripts_are_reproduced_in_both_roles(void **state)
{
    (void)state;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(slc_vectors("noise.json"), "cases"))
    {
        const cJSON *transcript = slc_vec(c, "transcript");
        struct slc_noise initiator, responder;
        shake(&initiator, &responder, transcript);
        slc_vec_expect(transcript, "handshake_hash", slc_bytes(initiator.hash, 32));
        slc_vec_expect(transcript, "handshake_hash", slc_bytes(responder.hash, 32));
        slc_vec_expect(transcript, "initiator_static_seen_by_responder", slc_bytes(responder.remote_static, 32));
        flow(&initiator, &responder, slc_vec_list(transcript, "data_initiator_to_responder"));
        flow(&responder, &initiator, slc_vec_list(transcript, "data_responder_to_initiator"));
        slc_noise_wipe(&initiator);
        slc_noise_wipe(&responder);
    }
}

static const cJSON *first_transcript(void)
{
    return slc_vec(slc_vectors("noise.json"), "cases/0/transcript");
}

static void no_handshake_secret_outlives_the_handshake(void **state)
{
    (void)state;
    static const uint8_t zeros[32];
    struct slc_noise initiator, responder;
    shake(&initiator, &responder, first_transcript());
    assert_memory_equal(initiator.static_secret, zeros, 32);
    assert_memory_equal(initiator.ephemeral_secret, zeros, 32);
    assert_memory_equal(responder.static_secret, zeros, 32);
    assert_memory_equal(responder.ephemeral_secret, zeros, 32);
    assert_memory_equal(responder.chaining_key, zeros, 32);
    assert_memory_equal(responder.key, zeros, 32);
    slc_noise_wipe(&initiator);
    slc_noise_wipe(&responder);
}

static void bad_first_frames_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *error;
        enum slc_status status;
    } errors[] = {
        {"PskGenerationFailure", SLC_UNSUPPORTED}, {"UnexpectedNoisePattern", SLC_UNSUPPORTED},
        {"UnknownPattern", SLC_MALFORMED},         {"NonHandshakeMessageReceived", SLC_MALFORMED},
        {"UnknownMessageType", SLC_MALFORMED},     {"HandshakeTimeout", SLC_AGAIN},
    };
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(slc_vectors("noise.json"), "negative_first_frame_at_responder"))
    {
        /* The raw frame is given by its ends; the header decides. */
        bool whole = slc_vec_find(c, "bytes/hex") != NULL;
        struct slc_bytes bytes = slc_vec_bytes(c, whole ? "bytes" : "bytes/first64");
        struct slc_noise responder;
        start(&responder, SLC_NOISE_RESPONDER, first_transcript());
        enum slc_status status = slc_noise_read_handshake(&responder, bytes);
        enum slc_status wanted = SLC_OK;
        for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
            if (slc_vec_is(c, "error", errors[i].error)) wanted = errors[i].status;
        }
        if (slc_vec_is(c, "error", "DecryptionError")) {
            /* We tell apart what the reference lumps together. */
            wanted = slc_vec_is(c, "what", "bad tag in message 1")     ? SLC_BAD_MAC
                     : slc_vec_is(c, "what", "all-zero ephemeral key") ? SLC_BAD_KEY
                                                                       : SLC_MALFORMED;
        }
        assert_int_not_equal(wanted, SLC_OK);
        if (status != wanted) fail_msg("%s: %d", slc_vec_text(c, "what"), status);
        slc_noise_wipe(&responder);
    }
}

static void reserved_bytes_are_ignored(void **state)
{
    (void)state;
    assert_true(slc_vec_is_true(slc_vectors("noise.json"), "reserved_header_bytes_ignored"));
    struct slc_noise responder;
    start(&responder, SLC_NOISE_RESPONDER, first_transcript());
    uint8_t *frame = slc_vec_copy(slc_vec_bytes(first_transcript(), "frame_1"));
    frame[5] = frame[6] = frame[7] = 0xff;
    assert_int_equal(slc_noise_read_handshake(&responder, slc_bytes(frame, 56)), SLC_OK);
    slc_noise_wipe(&responder);
}

static void a_flipped_bit_anywhere_in_a_handshake_frame_fails_it(void **state)
{
    (void)state;
    const cJSON *transcript = first_transcript();
    for (unsigned message = 0; message < 3; message++) {
        static const char *const names[] = {"frame_1", "frame_2", "frame_3"};
        struct slc_bytes good = slc_vec_bytes(transcript, names[message]);
        for (size_t bit = 0; bit < good.len * 8; bit++) {
            size_t byte = bit / 8;
            if (byte >= 5 && byte < 8) continue;
            /* X25519 ignores the top bit of a public key, but the hash does not. */
            struct slc_noise noise;
            start(&noise, message == 1 ? SLC_NOISE_INITIATOR : SLC_NOISE_RESPONDER, transcript);
            struct slc_writer w = slc_writer(memory, sizeof memory);
            if (message > 0) {
                if (message == 2) {
                    struct slc_bytes first = slc_vec_bytes(transcript, "frame_1");
                    assert_int_equal(slc_noise_read_handshake(&noise, first), SLC_OK);
                }
                assert_int_equal(slc_noise_write_handshake(&noise, &w), SLC_OK);
            }
            memcpy(memory, good.data, good.len);
            memory[byte] ^= (uint8_t)(1u << bit % 8);
            assert_int_not_equal(slc_noise_read_handshake(&noise, slc_bytes(memory, good.len)), SLC_OK);
            slc_noise_wipe(&noise);
        }
    }
}

/* OpenSSL alone, with the key that chapter 6, section 2.6 prints for this transcript. */
static size_t seal_by_the_book(uint8_t *frame, uint64_t counter, struct slc_bytes plaintext)
{
    struct slc_bytes key = slc_vec_from_text("7ca8808246584d845c8f2f99246d41ef28eed22b5e4cfed1eceb7c9ac4713e92");
    uint8_t nonce[12] = {0};
    nonce[11] = (uint8_t)counter;
    size_t len = plaintext.len + 16;
    const uint8_t head[8] = {1, 1, 1, (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0};
    memcpy(frame, head, 8);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int out;
    assert_int_equal(EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key.data, nonce), 1);
    assert_int_equal(EVP_EncryptUpdate(context, frame + 8, &out, plaintext.data, (int)plaintext.len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(context, frame + 8 + plaintext.len, &out), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, frame + 8 + plaintext.len), 1);
    EVP_CIPHER_CTX_free(context);
    return 8 + len;
}

static void bad_data_frames_are_refused(void **state)
{
    (void)state;
    struct slc_bytes hello = slc_vec_from_text("0802000068656c6c6f");
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(slc_vectors("noise.json"), "negative_data_frame_at_responder"))
    {
        const char *what = slc_vec_text(c, "what");
        struct slc_noise initiator, responder;
        shake(&initiator, &responder, first_transcript());
        size_t frame_len = seal_by_the_book(memory, 0, hello);
        enum slc_status wanted = SLC_MALFORMED;
        if (strcmp(what, "data frame with empty plaintext (length 16)") == 0) {
            frame_len = seal_by_the_book(memory, 0, slc_bytes("", 0));
            wanted = SLC_CLOSED;
        } else if (strcmp(what, "data frame of length 15") == 0) {
            memory[4] = 15;
            frame_len = 8 + 15;
        } else if (strcmp(what, "data frame of length 0") == 0) {
            memory[4] = 0;
            frame_len = 8;
        } else if (strcmp(what, "bad tag") == 0) {
            memory[frame_len - 1] ^= 1;
            wanted = SLC_BAD_MAC;
        } else if (strcmp(what, "skipped counter (second ciphertext first)") == 0) {
            frame_len = seal_by_the_book(memory, 1, hello);
            wanted = SLC_BAD_MAC;
        } else if (strcmp(what, "type 0 after the handshake") == 0) {
            memory[2] = 0;
        } else if (strcmp(what, "version 2 after the handshake") == 0) {
            memory[0] = 2;
            wanted = SLC_UNSUPPORTED;
        } else {
            fail_msg("a case that this test does not know: %s", what);
        }
        size_t len;
        enum slc_status status = slc_noise_open(&responder, memory, frame_len, &len);
        if (status != wanted) fail_msg("%s: %d", what, status);
        slc_noise_wipe(&initiator);
        slc_noise_wipe(&responder);
    }
}

static void an_empty_or_oversized_data_frame_is_never_made(void **state)
{
    (void)state;
    struct slc_noise initiator, responder;
    shake(&initiator, &responder, first_transcript());
    assert_int_equal(slc_noise_seal(&initiator, memory, 0), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_noise_seal(&initiator, memory, SLC_NOISE_PLAINTEXT_MAX + 1), SLC_BAD_ARGUMENT);
    assert_int_equal(initiator.send.counter, 0);
    slc_noise_wipe(&initiator);
    slc_noise_wipe(&responder);
}

static void nothing_is_taken_out_of_turn(void **state)
{
    (void)state;
    struct slc_noise initiator, responder;
    start(&initiator, SLC_NOISE_INITIATOR, first_transcript());
    start(&responder, SLC_NOISE_RESPONDER, first_transcript());
    struct slc_writer w = slc_writer(memory, sizeof memory);
    assert_int_equal(slc_noise_write_handshake(&responder, &w), SLC_BAD_ARGUMENT);
    assert_int_equal(slc_noise_read_handshake(&initiator, slc_vec_bytes(first_transcript(), "frame_2")),
                     SLC_BAD_ARGUMENT);
    assert_int_equal(slc_noise_seal(&initiator, memory, 5), SLC_BAD_ARGUMENT);
    struct slc_writer small = slc_writer(memory, 55);
    assert_int_equal(slc_noise_write_handshake(&initiator, &small), SLC_TOO_LONG);
    slc_noise_wipe(&initiator);
    slc_noise_wipe(&responder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_transcripts_are_reproduced_in_both_roles),
        cmocka_unit_test(no_handshake_secret_outlives_the_handshake),
        cmocka_unit_test(bad_first_frames_are_refused),
        cmocka_unit_test(reserved_bytes_are_ignored),
        cmocka_unit_test(a_flipped_bit_anywhere_in_a_handshake_frame_fails_it),
        cmocka_unit_test(bad_data_frames_are_refused),
        cmocka_unit_test(an_empty_or_oversized_data_frame_is_never_made),
        cmocka_unit_test(nothing_is_taken_out_of_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
