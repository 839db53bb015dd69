/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/node_frame.h"

#include "tests/support/vectors.h"

static uint8_t memory[64 << 10];

static enum slc_packet_size size_named(const char *name)
{
    static const char *const names[] = {"", "regular", "ack", "extended32", "extended8", "extended16"};
    for (size_t i = 1; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) return (enum slc_packet_size)i;
    }
    fail_msg("no size is called %s", name);
    return SLC_SIZE_REGULAR;
}

static void frames_equal_those_of_the_published_codec(void **state)
{
    (void)state;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(slc_vectors("frames.json"), "frames"))
    {
        enum slc_packet_size size = size_named(slc_vec_text(c, "packet_size"));
        enum slc_node_frame_version version =
            slc_vec_is_true(c, "legacy_encoding") ? SLC_NODE_FRAME_V7 : SLC_NODE_FRAME_V8;
        struct slc_writer w = slc_writer(memory, sizeof memory);
        slc_node_frame_write_head(&w, version, size, (enum slc_rotation)slc_vec_u64(c, "rotation_given"));
        assert_int_equal(w.len, slc_node_frame_head_bytes(version));
        slc_vec_expect(c, "header", slc_bytes(memory, w.len));
        struct slc_bytes packet = slc_vec_linear(7, 13, slc_packet_bytes(size));
        slc_write_bytes(&w, packet.data, packet.len);
        assert_int_equal(w.len, slc_vec_u64(c, "frame_len"));
        slc_vec_expect_sha256(c, "frame_sha256", slc_bytes(memory, w.len));

        struct slc_node_frame frame;
        assert_int_equal(slc_node_frame_parse_head(slc_bytes(memory, w.len), &frame), SLC_OK);
        assert_int_equal(frame.size, size);
        assert_int_equal(frame.rotation, slc_vec_u64(c, "rotation_decoded"));
        assert_int_equal(frame.head_bytes + frame.packet_bytes, w.len);
    }
}

static void headers_equal_those_of_the_message_vectors(void **state)
{
    (void)state;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(slc_vectors("messages.json"), "frame/cases"))
    {
        struct slc_writer w = slc_writer(memory, sizeof memory);
        slc_node_frame_write_head(&w, (enum slc_node_frame_version)slc_vec_u64(c, "frame"),
                                  size_named(slc_vec_text(c, "size")), (enum slc_rotation)slc_vec_u64(c, "rotation"));
        slc_vec_expect(c, "header", slc_bytes(memory, w.len));
        struct slc_node_frame frame;
        assert_int_equal(slc_node_frame_parse_head(slc_bytes(memory, w.len), &frame), SLC_OK);
        assert_int_equal(frame.head_bytes + frame.packet_bytes, slc_vec_u64(c, "len"));
        assert_int_equal(frame.rotation, slc_vec_u64(c, "decoded_rotation"));
    }
}

static void bad_headers_are_refused_as_the_published_codec_does(void **state)
{
    (void)state;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(slc_vectors("messages.json"), "frame_decode/cases"))
    {
        size_t len = (size_t)slc_vec_u64(c, "len");
        struct slc_bytes first = slc_vec_bytes(c, "first4");
        memcpy(memory, slc_vec_pat(len).data, len);
        memcpy(memory, first.data, first.len < len ? first.len : len);

        struct slc_node_frame frame;
        enum slc_status status = slc_node_frame_parse_head(slc_bytes(memory, len), &frame);
        if (status == SLC_OK && frame.head_bytes + frame.packet_bytes > len) status = SLC_AGAIN;
        enum slc_status wanted = SLC_AGAIN; /* the result is then a text, "need more bytes" */
        const cJSON *error = slc_vec_find(c, "result/error");
        if (slc_vec_find(c, "result/size_tag") != NULL) {
            wanted = SLC_OK;
            assert_int_equal(frame.size, slc_vec_u64(c, "result/size_tag"));
            assert_int_equal(frame.rotation, slc_vec_u64(c, "result/rotation"));
        } else if (error != NULL) {
            bool unsupported =
                slc_vec_is(error, "", "UnsupportedPacketVersion") || slc_vec_is(error, "", "OutfoxNotSupported");
            wanted = unsupported ? SLC_UNSUPPORTED : SLC_MALFORMED;
        } else {
            assert_true(slc_vec_is(c, "result", "need more bytes"));
        }
        if (status != wanted) fail_msg("%s: %d", slc_vec_text(c, "name"), status);
    }
}

static void tags_mean_what_the_published_tables_say(void **state)
{
    (void)state;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(slc_vectors("frames.json"), "tables/by_tag"))
    {
        uint8_t tag = (uint8_t)slc_vec_u64(c, "tag");
        struct slc_node_frame frame;
        const uint8_t sized[] = {8, tag, 0, 0};
        bool known = !slc_vec_is(c, "size", "UnknownPacketTag");
        assert_int_equal(slc_node_frame_parse_head(slc_bytes(sized, 4), &frame), known ? SLC_OK : SLC_MALFORMED);
        if (known) assert_int_equal(frame.size, size_named(slc_vec_text(c, "size")));

        const uint8_t typed[] = {8, 1, tag, 0};
        enum slc_status wanted = slc_vec_is(c, "packet_type", "Mix")      ? SLC_OK
                                 : slc_vec_is(c, "packet_type", "Outfox") ? SLC_UNSUPPORTED
                                                                          : SLC_MALFORMED;
        assert_int_equal(slc_node_frame_parse_head(slc_bytes(typed, 4), &frame), wanted);

        const uint8_t rotated[] = {8, 1, 0, tag};
        bool valid = !slc_vec_is(c, "rotation", "invalid");
        assert_int_equal(slc_node_frame_parse_head(slc_bytes(rotated, 4), &frame), valid ? SLC_OK : SLC_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_equal_those_of_the_published_codec),
        cmocka_unit_test(headers_equal_those_of_the_message_vectors),
        cmocka_unit_test(bad_headers_are_refused_as_the_published_codec_does),
        cmocka_unit_test(tags_mean_what_the_published_tables_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
