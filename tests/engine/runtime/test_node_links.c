/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/runtime/actor.h"

/* Links between nodes: Sphinx packets over framed connections, raw and by Noise, in both generations of frames. */

struct packets {
    slc_link link;
    size_t n;
    enum slc_rotation rotation;
    size_t sent;
};

static const enum slc_packet_size SIZES[] = {SLC_SIZE_REGULAR, SLC_SIZE_ACK, SLC_SIZE_EXTENDED_32, SLC_SIZE_EXTENDED_8,
                                             SLC_SIZE_EXTENDED_16};
enum { SIZE_COUNT = sizeof SIZES / sizeof *SIZES };

static void send_packets(struct actor *a, void *argument, slc_time now)
{
    (void)now;
    struct packets *p = argument;
    for (; p->sent < p->n; p->sent++) {
        if (actor_send_packet(a, p->link, p->sent, SIZES[p->sent % SIZE_COUNT], p->rotation) != SLC_OK) return;
    }
}

static void packets_cross(void **state, bool v8, bool noise)
{
    struct slc_runtime_config config = rig_config(*(const enum slc_loop_backend *)*state);
    config.node_frames_v8 = v8;
    struct rig *rig = rig_new(&config, SLC_PROTOCOL_NODE);
    if (rig == NULL) skip();
    struct slc_noise_keys keys;
    memset(keys.secret, 7, sizeof keys.secret);
    slc_public_key(keys.public_key, keys.secret);
    if (noise) slc_runtime_set_noise(rig->runtime, 77, &keys);
    rig_start(rig);
    slc_link link = rig_connect(rig, SLC_PROTOCOL_NODE, noise ? keys.public_key : NULL, 5, NULL);
    struct packets p = {.link = link, .n = 50, .rotation = SLC_ROTATION_EVEN};
    while (p.sent < p.n) {
        rig_do(rig, 0, send_packets, &p);
    }
    for (size_t i = 0; i < p.n; i++) {
        struct logged got = rig_wait(rig, 1, SLC_RECEIVED_PACKET, i + 1);
        assert_int_equal(got.value, i);
        assert_int_equal(got.r.size, SIZES[i % SIZE_COUNT]);
        assert_int_equal(got.r.len, slc_packet_bytes(SIZES[i % SIZE_COUNT]));
        assert_int_equal(got.r.token, 77);
        /* The legacy frame header does not carry the rotation. */
        assert_int_equal(got.r.rotation, v8 ? SLC_ROTATION_EVEN : SLC_ROTATION_UNKNOWN);
    }
    rig_free(rig);
}

static void node_packets_cross_raw_in_legacy_frames(void **state)
{
    packets_cross(state, false, false);
}

static void node_packets_cross_raw_in_current_frames(void **state)
{
    packets_cross(state, true, false);
}

static void node_packets_cross_noise_in_legacy_frames(void **state)
{
    packets_cross(state, false, true);
}

static void node_packets_cross_noise_in_current_frames(void **state)
{
    packets_cross(state, true, true);
}

static void a_noise_node_takes_raw_connections_too_and_a_wrong_key_fails(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_NODE);
    struct slc_noise_keys keys;
    memset(keys.secret, 7, sizeof keys.secret);
    slc_public_key(keys.public_key, keys.secret);
    slc_runtime_set_noise(rig->runtime, 77, &keys);
    rig_start(rig);
    uint8_t wrong[SLC_KEY_BYTES], secret[SLC_KEY_BYTES];
    memset(secret, 9, sizeof secret);
    slc_public_key(wrong, secret);
    struct connecting c = {.to = rig->at, .protocol = SLC_PROTOCOL_NODE, .noise_key = wrong, .token = 3};
    rig_do(rig, 0, actor_connect, &c);
    struct logged closed = rig_wait(rig, 0, SLC_RECEIVED_CLOSED, 1);
    assert_int_equal(closed.r.token, 3);
    assert_int_equal(rig_count(rig, 0, SLC_RECEIVED_OPEN), 0);
    c.noise_key = NULL;
    rig_do(rig, 0, actor_connect, &c);
    struct packets p = {.link = rig_wait(rig, 0, SLC_RECEIVED_OPEN, 1).r.link, .n = 2};
    rig_do(rig, 0, send_packets, &p);
    assert_int_equal(rig_wait(rig, 1, SLC_RECEIVED_PACKET, 2).value, 1);
    rig_free(rig);
}

static void bytes_that_are_no_frame_end_a_node_link(void **state)
{
    struct rig *rig = rig_begin(state, SLC_PROTOCOL_NODE);
    rig_start(rig);
    int fd = raw_client(&rig->at);
    assert_int_equal(write(fd, "\x06\x01\x01", 3), 3);
    char text[64];
    assert_int_equal(read_to_end(fd, text, sizeof text), 0);
    (void)rig_wait(rig, 1, SLC_RECEIVED_CLOSED, 1);
    (void)close(fd);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(node_packets_cross_raw_in_legacy_frames),
        ON_BOTH(node_packets_cross_raw_in_current_frames),
        ON_BOTH(node_packets_cross_noise_in_legacy_frames),
        ON_BOTH(node_packets_cross_noise_in_current_frames),
        ON_BOTH(a_noise_node_takes_raw_connections_too_and_a_wrong_key_fails),
        ON_BOTH(bytes_that_are_no_frame_end_a_node_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
