/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/node_link.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/vectors.h"

enum { LOG_MAX = 8 << 10, WIRE_MAX = 1 << 20 };

/* One end of a connection; what came out of it is a log in text, so that ways of feeding can be compared. */
struct end {
    struct slc_node_link link;
    struct slc_node_link_event last;
    unsigned packets;
    char log[LOG_MAX];
    size_t log_len;
    uint8_t reply[256];
    size_t reply_len;
};

static uint8_t wire[WIRE_MAX];
static struct slc_pool pool; /* of all ends; a slot for each of two */

/* The published transcript and its keys, looked up once: some tests open an end at every byte. */
static const cJSON *transcript;
static struct {
    const uint8_t *secret, *ephemeral, *peer;
} keys[2]; /* by role */

static void open_end(struct end *end, enum slc_node_link_role role, enum slc_node_link_mode mode)
{
    memset(end, 0, sizeof *end);
    struct slc_node_link_config config = {
        .role = role,
        .mode = mode,
        .send_version = SLC_NODE_FRAME_V8,
        .static_secret = keys[role].secret,
        .peer_key = keys[role].peer,
        .ephemeral = keys[role].ephemeral,
        .carry_pool = &pool,
    };
    assert_int_equal(slc_node_link_init(&end->link, &config), SLC_OK);
}

static void close_end(struct end *end)
{
    slc_node_link_drop(&end->link);
}

static void note(struct end *end, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct end *end, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    end->log_len += (size_t)vsnprintf(end->log + end->log_len, LOG_MAX - end->log_len, format, args);
    va_end(args);
    assert_true(end->log_len < LOG_MAX);
}

static uint64_t digest(const uint8_t *data, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* Feeds a copy that ends where its memory ends, so that a sanitizer sees every byte touched behind it. */
static void feed(struct end *end, const uint8_t *bytes, size_t len)
{
    static uint8_t fed[WIRE_MAX];
    uint8_t *copy = fed + sizeof fed - len;
    memcpy(copy, bytes, len);
    slc_node_link_feed(&end->link, copy, len);
    struct slc_writer reply = slc_writer(end->reply + end->reply_len, sizeof end->reply - end->reply_len);
    struct slc_node_link_event event;
    while (slc_node_link_next(&end->link, &event, &reply)) {
        end->last = event;
        switch (event.kind) {
        case SLC_NODE_LINK_READY:
            note(end, "READY\n");
            break;
        case SLC_NODE_LINK_PACKET:
            note(end, "PACKET %d %d %zu %016llx\n", (int)event.size, (int)event.rotation, event.packet_bytes,
                 (unsigned long long)digest(event.packet, event.packet_bytes));
            memset(event.packet, 0xee, event.packet_bytes); /* it is ours to overwrite */
            end->packets++;
            break;
        case SLC_NODE_LINK_FAILED:
            assert_non_null(event.reason);
            note(end, "FAILED %d\n", (int)event.status);
            break;
        }
    }
    assert_true(slc_writer_ok(&reply));
    end->reply_len += reply.len;
}

static void log_packet(char *log, size_t *len, enum slc_packet_size size, enum slc_rotation rotation,
                       struct slc_bytes packet)
{
    *len += (size_t)snprintf(log + *len, LOG_MAX - *len, "PACKET %d %d %zu %016llx\n", (int)size, (int)rotation,
                             packet.len, (unsigned long long)digest(packet.data, packet.len));
}

/* ---- the published codec's cases ---- */

static enum slc_packet_size size_named(const char *name)
{
    return strcmp(name, "ack") == 0 ? SLC_SIZE_ACK : strcmp(name, "regular") == 0 ? SLC_SIZE_REGULAR : SLC_SIZE_ACK;
}

/* Long inputs are given by their ends and hash: header, then filler; one of them is two such frames. */
static struct slc_bytes decoding_input(const cJSON *c)
{
    if (slc_vec_find(c, "bytes/hex") != NULL) return slc_vec_bytes(c, "bytes");
    struct slc_writer w = slc_writer(wire, sizeof wire);
    size_t len = (size_t)slc_vec_u64(c, "bytes/len");
    struct slc_bytes first = slc_vec_bytes(c, "bytes/first64");
    size_t head = first.data[0] == 7 ? 3 : 4;
    size_t ack_frame = 3 + SLC_ACK_PACKET_BYTES;
    bool two_frames = slc_vec_count(c, "result") == 3;
    slc_write_bytes(&w, first.data, head);
    size_t body = (two_frames ? ack_frame : len) - head;
    slc_write_bytes(&w, slc_vec_linear(7, 13, body).data, body);
    if (two_frames) {
        slc_write_bytes(&w, slc_vec_from_text("08010002").data, 4);
        slc_write_bytes(&w, slc_vec_linear(7, 13, len - w.len).data, len - w.len);
    }
    slc_vec_expect(c, "bytes", slc_bytes(wire, w.len));
    return slc_bytes(wire, w.len);
}

/* What the codec answered, as a log of ours; `*left` is what it says it still holds, or SIZE_MAX after an error. */
static void decoding_log(const cJSON *c, char *log, size_t *left)
{
    size_t len = 0;
    log[0] = '\0';
    *left = SIZE_MAX;
    const cJSON *r;
    cJSON_ArrayForEach(r, slc_vec_list(c, "result"))
    {
        if (cJSON_IsString(r)) {
            /* Outfox is refused by us as soon as the header is there. */
            if (slc_vec_is(c, "what", "type 2 (Outfox), header only")) {
                (void)sprintf(log + len, "FAILED %d\n", SLC_UNSUPPORTED);
                return;
            }
            *left = (size_t)strtoul(cJSON_GetStringValue(r) + strlen("needs more data, "), NULL, 10);
        } else if (slc_vec_find(r, "error") != NULL) {
            bool unsupported =
                slc_vec_is(r, "error", "UnsupportedPacketVersion") || slc_vec_is(r, "error", "OutfoxNotSupported");
            (void)sprintf(log + len, "FAILED %d\n", unsupported ? SLC_UNSUPPORTED : SLC_MALFORMED);
        } else {
            enum slc_packet_size size = size_named(slc_vec_text(r, "packet"));
            log_packet(log, &len, size, (enum slc_rotation)slc_vec_u64(r, "rotation"),
                       slc_vec_linear(7, 13, slc_packet_bytes(size)));
        }
    }
}

static void streams_decode_as_by_the_published_codec_however_they_are_cut(void **state)
{
    (void)state;
    static char wanted[LOG_MAX];
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(slc_vectors("frames.json"), "decoding"))
    {
        struct slc_bytes input = decoding_input(c);
        size_t left;
        decoding_log(c, wanted, &left);
        for (size_t cut = 0; cut <= input.len; cut++) {
            struct end end;
            open_end(&end, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_RAW);
            feed(&end, input.data, cut);
            feed(&end, input.data + cut, input.len - cut);
            if (strcmp(end.log, wanted) != 0) {
                fail_msg("%s, cut at %zu:\n%s", slc_vec_text(c, "what"), cut, end.log);
            }
            if (left != SIZE_MAX) assert_int_equal(end.link.frame_len, left);
            close_end(&end);
        }
    }
}

/* ---- both ends ---- */

static const enum slc_packet_size all_sizes[] = {SLC_SIZE_ACK,        SLC_SIZE_REGULAR,     SLC_SIZE_EXTENDED_32,
                                                 SLC_SIZE_EXTENDED_8, SLC_SIZE_EXTENDED_16, SLC_SIZE_ACK};
enum { ALL = sizeof all_sizes / sizeof *all_sizes };

static void make_packets(struct slc_node_packet packets[ALL])
{
    for (unsigned i = 0; i < ALL; i++) {
        packets[i].packet = slc_vec_linear(3, i, slc_packet_bytes(all_sizes[i]));
        packets[i].rotation = (enum slc_rotation)(i % 3);
    }
}

/* A connector that has shaken hands; everything it sent is in `wire`, and `acceptor` (if any) has seen it. */
static size_t connect_ends(struct end *connector, struct end *acceptor, enum slc_node_link_mode mode)
{
    open_end(connector, SLC_NODE_LINK_CONNECTOR, mode);
    struct slc_writer w = slc_writer(wire, sizeof wire);
    assert_int_equal(slc_node_link_start(&connector->link, &w), SLC_OK);
    feed(acceptor, wire, w.len);
    if (w.len == 0) return 0;
    feed(connector, acceptor->reply, acceptor->reply_len);
    assert_string_equal(connector->log, "READY\n");
    memcpy(wire + w.len, connector->reply, connector->reply_len);
    feed(acceptor, connector->reply, connector->reply_len);
    return w.len + connector->reply_len;
}

/* The data frames in `bytes`: bounds on each, and their number. */
static unsigned data_frames(const uint8_t *bytes, size_t len)
{
    unsigned count = 0;
    for (size_t at = 0; at < len; count++) {
        size_t plain = ((size_t)bytes[at + 3] << 8 | bytes[at + 4]) - 16;
        assert_true(plain > 0 && plain <= SLC_NODE_LINK_PLAINTEXT);
        at += SLC_NOISE_OVERHEAD + plain;
        assert_true(at <= len);
    }
    return count;
}

static void packets_of_all_sizes_arrive_raw_and_in_noise_whatever_the_pieces(void **state)
{
    (void)state;
    static char wanted[LOG_MAX];
    struct slc_node_packet packets[ALL];
    make_packets(packets);
    for (int mode = SLC_NODE_LINK_RAW; mode <= SLC_NODE_LINK_NOISE; mode++) {
        struct end connector, acceptor;
        open_end(&acceptor, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_SNIFF);
        size_t len = connect_ends(&connector, &acceptor, (enum slc_node_link_mode)mode);
        struct slc_writer w = slc_writer(wire + len, sizeof wire - len);
        size_t sent;
        assert_int_equal(slc_node_link_send(&connector.link, packets, ALL, &w, &sent), SLC_OK);
        assert_int_equal(sent, ALL);
        size_t total = len + w.len;
        close_end(&connector);
        close_end(&acceptor);

        size_t wanted_len = (size_t)sprintf(wanted, "%s", mode == SLC_NODE_LINK_NOISE ? "READY\n" : "");
        for (unsigned i = 0; i < ALL; i++) {
            log_packet(wanted, &wanted_len, all_sizes[i], packets[i].rotation, packets[i].packet);
        }
        static const size_t pieces[] = {1, 2, 7, 100, 1460, 32768, 40000, 65536, WIRE_MAX};
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
            for (int how = SLC_NODE_LINK_RAW; how <= SLC_NODE_LINK_SNIFF; how++) {
                if (how != mode && how != SLC_NODE_LINK_SNIFF) continue;
                open_end(&acceptor, SLC_NODE_LINK_ACCEPTOR, (enum slc_node_link_mode)how);
                for (size_t at = 0; at < total; at += pieces[p]) {
                    feed(&acceptor, wire + at, total - at < pieces[p] ? total - at : pieces[p]);
                }
                assert_string_equal(acceptor.log, wanted);
                assert_null(acceptor.link.carry);
                close_end(&acceptor);
            }
        }
    }
}

static void a_noise_session_gives_the_same_events_cut_at_every_byte(void **state)
{
    (void)state;
    struct end connector, acceptor;
    open_end(&acceptor, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_SNIFF);
    size_t len = connect_ends(&connector, &acceptor, SLC_NODE_LINK_NOISE);
    /* Packets that straddle data frames, by hand: the stream of two packets in frames of 1, 300, and the rest. */
    static uint8_t stream[2 * (4 + SLC_ACK_PACKET_BYTES)];
    struct slc_writer s = slc_writer(stream, sizeof stream);
    for (unsigned i = 0; i < 2; i++) {
        slc_node_frame_write_head(&s, SLC_NODE_FRAME_V8, SLC_SIZE_ACK, SLC_ROTATION_EVEN);
        slc_write_bytes(&s, slc_vec_linear(5, i, SLC_ACK_PACKET_BYTES).data, SLC_ACK_PACKET_BYTES);
    }
    static const size_t parts[] = {1, 300, 479};
    for (size_t i = 0, at = 0; i < 3; at += parts[i++]) {
        memcpy(wire + len + SLC_NOISE_HEAD_BYTES, stream + at, parts[i]);
        assert_int_equal(slc_noise_seal(&connector.link.noise, wire + len, parts[i]), SLC_OK);
        len += parts[i] + SLC_NOISE_OVERHEAD;
    }
    close_end(&connector);
    close_end(&acceptor);

    char *whole = NULL;
    for (size_t cut = 0; cut <= len; cut++) {
        open_end(&acceptor, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_SNIFF);
        feed(&acceptor, wire, cut);
        feed(&acceptor, wire + cut, len - cut);
        if (whole == NULL) {
            whole = strdup(acceptor.log);
            assert_int_equal(acceptor.packets, 2);
        }
        assert_string_equal(acceptor.log, whole);
        slc_vec_expect(transcript, "frame_2", slc_bytes(acceptor.reply, acceptor.reply_len));
        close_end(&acceptor);
    }
    free(whole);
}

static void the_handshake_on_the_wire_is_the_published_one(void **state)
{
    (void)state;
    struct end connector, acceptor;
    open_end(&acceptor, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_NOISE);
    size_t len = connect_ends(&connector, &acceptor, SLC_NODE_LINK_NOISE);
    assert_int_equal(len, 56 + 72);
    slc_vec_expect(transcript, "frame_1", slc_bytes(wire, 56));
    slc_vec_expect(transcript, "frame_2", slc_bytes(acceptor.reply, acceptor.reply_len));
    slc_vec_expect(transcript, "frame_3", slc_bytes(wire + 56, 72));
    assert_true(slc_node_link_is_ready(&connector.link) && slc_node_link_is_ready(&acceptor.link));
    close_end(&connector);
    close_end(&acceptor);
}

static void packets_given_together_share_data_frames_of_bounded_length(void **state)
{
    (void)state;
    struct end connector, acceptor;
    open_end(&acceptor, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_NOISE);
    (void)connect_ends(&connector, &acceptor, SLC_NODE_LINK_NOISE);
    enum { MANY = 100 };
    struct slc_node_packet packets[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        packets[i] = (struct slc_node_packet){slc_vec_linear(1, i, SLC_REGULAR_PACKET_BYTES), SLC_ROTATION_ODD};
    }
    struct slc_writer w = slc_writer(wire, sizeof wire);
    size_t sent;
    assert_int_equal(slc_node_link_send(&connector.link, packets, MANY, &w, &sent), SLC_OK);
    assert_int_equal(sent, MANY);
    size_t plain = (size_t)MANY * (4 + SLC_REGULAR_PACKET_BYTES);
    assert_int_equal(data_frames(wire, w.len), (plain + SLC_NODE_LINK_PLAINTEXT - 1) / SLC_NODE_LINK_PLAINTEXT);
    feed(&acceptor, wire, w.len);
    assert_int_equal(acceptor.packets, MANY);

    packets[0].packet = slc_vec_linear(1, 2, SLC_LARGEST_PACKET_BYTES);
    w.len = 0;
    w.cap = SLC_NODE_LINK_ONE_MAX - 1;
    assert_int_equal(slc_node_link_send(&connector.link, packets, MANY, &w, &sent), SLC_OK);
    assert_int_equal(sent, 0);
    w.cap = SLC_NODE_LINK_ONE_MAX;
    assert_int_equal(slc_node_link_send(&connector.link, packets, MANY, &w, &sent), SLC_OK);
    assert_int_equal(sent, 1);
    assert_int_equal(w.len, SLC_NODE_LINK_ONE_MAX);
    assert_int_equal(data_frames(wire, w.len), 2);
    feed(&acceptor, wire, w.len);
    assert_int_equal(acceptor.packets, MANY + 1);
    close_end(&connector);
    close_end(&acceptor);
}

static void as_many_packets_are_sent_as_there_is_room_for(void **state)
{
    (void)state;
    struct slc_node_packet packets[ALL];
    make_packets(packets);
    for (int mode = SLC_NODE_LINK_RAW; mode <= SLC_NODE_LINK_NOISE; mode++) {
        for (size_t room = 0; room < 100000; room += 997) {
            struct end connector, acceptor;
            open_end(&acceptor, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_SNIFF);
            (void)connect_ends(&connector, &acceptor, (enum slc_node_link_mode)mode);
            size_t done = 0;
            while (done < ALL) {
                struct slc_writer w = slc_writer(wire, room);
                size_t sent;
                assert_int_equal(slc_node_link_send(&connector.link, packets + done, ALL - done, &w, &sent), SLC_OK);
                assert_true(slc_writer_ok(&w));
                if (sent == 0) {
                    assert_int_equal(w.len, 0);
                    break;
                }
                feed(&acceptor, wire, w.len);
                done += sent;
                assert_int_equal(acceptor.packets, done);
            }
            assert_true(done == ALL || room < SLC_NODE_LINK_ONE_MAX);
            close_end(&connector);
            close_end(&acceptor);
        }
    }
}

/* ---- refusals ---- */

static void strict_ends_refuse_the_other_kind(void **state)
{
    (void)state;
    struct end end;
    struct slc_bytes noise = slc_vec_bytes(transcript, "frame_1");
    open_end(&end, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_RAW);
    feed(&end, noise.data, noise.len);
    assert_string_equal(end.log, "FAILED 9\n");
    assert_int_equal(end.last.status, SLC_MALFORMED);
    close_end(&end);

    uint8_t raw[8] = {8, 1, 0, 1};
    open_end(&end, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_NOISE);
    feed(&end, raw, sizeof raw);
    assert_int_equal(end.last.kind, SLC_NODE_LINK_FAILED);
    assert_int_equal(end.last.status, SLC_UNSUPPORTED);
    close_end(&end);
}

static void bad_first_noise_frames_end_the_link_without_an_answer(void **state)
{
    (void)state;
    const cJSON *c;
    cJSON_ArrayForEach(c, slc_vec_list(slc_vectors("noise.json"), "negative_first_frame_at_responder"))
    {
        bool whole = slc_vec_find(c, "bytes/hex") != NULL;
        struct slc_bytes bytes = slc_vec_bytes(c, whole ? "bytes" : "bytes/first64");
        for (size_t piece = 1; piece <= bytes.len; piece += bytes.len - 1) {
            struct end end;
            open_end(&end, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_NOISE);
            for (size_t at = 0; at < bytes.len; at += piece) {
                feed(&end, bytes.data + at, bytes.len - at < piece ? bytes.len - at : piece);
            }
            bool silent = slc_vec_is(c, "error", "HandshakeTimeout");
            if ((strncmp(end.log, "FAILED ", 7) == 0) == silent) fail_msg("%s: %s", slc_vec_text(c, "what"), end.log);
            assert_int_equal(end.reply_len, 0);
            assert_false(slc_node_link_is_ready(&end.link));
            close_end(&end);
        }
    }
}

static void what_came_before_a_broken_noise_frame_is_delivered(void **state)
{
    (void)state;
    struct slc_node_packet packet = {slc_vec_pat(SLC_ACK_PACKET_BYTES), SLC_ROTATION_ODD};
    struct end connector, acceptor;
    open_end(&acceptor, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_NOISE);
    (void)connect_ends(&connector, &acceptor, SLC_NODE_LINK_NOISE);
    struct slc_writer w = slc_writer(wire, sizeof wire);
    size_t sent;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(slc_node_link_send(&connector.link, &packet, 1, &w, &sent), SLC_OK);
    }
    wire[w.len * 2 / 3 - 1] ^= 1;
    feed(&acceptor, wire, w.len);
    assert_int_equal(acceptor.packets, 1);
    assert_int_equal(acceptor.last.status, SLC_BAD_MAC);
    feed(&acceptor, wire, w.len);
    assert_int_equal(acceptor.packets, 1);
    close_end(&connector);
    close_end(&acceptor);
}

static void a_data_frame_too_short_for_a_tag_is_refused_by_its_header(void **state)
{
    (void)state;
    for (uint8_t len = 0; len < 16; len++) {
        struct end connector, acceptor;
        open_end(&acceptor, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_NOISE);
        (void)connect_ends(&connector, &acceptor, SLC_NODE_LINK_NOISE);
        const uint8_t head[8] = {1, 1, 1, 0, len, 0, 0, 0};
        feed(&acceptor, head, sizeof head);
        assert_int_equal(acceptor.last.status, SLC_MALFORMED);
        close_end(&connector);
        close_end(&acceptor);
    }
}

static void a_connector_sees_garbage_and_nothing_is_sent_before_the_handshake(void **state)
{
    (void)state;
    struct slc_node_packet packet = {slc_vec_pat(SLC_ACK_PACKET_BYTES), SLC_ROTATION_ODD};
    struct end connector;
    open_end(&connector, SLC_NODE_LINK_CONNECTOR, SLC_NODE_LINK_NOISE);
    struct slc_writer w = slc_writer(wire, sizeof wire);
    size_t sent;
    assert_int_equal(slc_node_link_send(&connector.link, &packet, 1, &w, &sent), SLC_AGAIN);
    assert_int_equal(w.len + sent, 0);
    feed(&connector, (const uint8_t *)"HTTP/1.1", 8);
    assert_int_equal(connector.last.kind, SLC_NODE_LINK_FAILED);
    assert_int_equal(slc_node_link_send(&connector.link, &packet, 1, &w, &sent), SLC_AGAIN);
    close_end(&connector);

    open_end(&connector, SLC_NODE_LINK_CONNECTOR, SLC_NODE_LINK_RAW);
    packet.packet.len--;
    assert_int_equal(slc_node_link_send(&connector.link, &packet, 1, &w, &sent), SLC_BAD_ARGUMENT);
    assert_int_equal(w.len + sent, 0);
    close_end(&connector);
}

static void without_a_free_slot_only_what_straddles_fails(void **state)
{
    (void)state;
    struct end end;
    open_end(&end, SLC_NODE_LINK_ACCEPTOR, SLC_NODE_LINK_RAW);
    void *slots[2] = {slc_pool_take(&pool), slc_pool_take(&pool)};
    struct slc_writer w = slc_writer(wire, sizeof wire);
    slc_node_frame_write_head(&w, SLC_NODE_FRAME_V7, SLC_SIZE_ACK, SLC_ROTATION_UNKNOWN);
    slc_write_bytes(&w, slc_vec_pat(SLC_ACK_PACKET_BYTES).data, SLC_ACK_PACKET_BYTES);
    feed(&end, wire, w.len);
    assert_int_equal(end.packets, 1);
    feed(&end, wire, w.len - 1);
    assert_int_equal(end.last.status, SLC_FULL);
    close_end(&end);
    slc_pool_give(&pool, slots[0]);
    slc_pool_give(&pool, slots[1]);
}

static int set_up(void **state)
{
    (void)state;
    transcript = slc_vec(slc_vectors("noise.json"), "cases/0/transcript");
    keys[SLC_NODE_LINK_CONNECTOR].secret = slc_vec_bytes_of(transcript, "initiator_static_private", 32);
    keys[SLC_NODE_LINK_CONNECTOR].ephemeral = slc_vec_bytes_of(transcript, "initiator_ephemeral_private", 32);
    keys[SLC_NODE_LINK_CONNECTOR].peer = slc_vec_bytes_of(transcript, "responder_static_public", 32);
    keys[SLC_NODE_LINK_ACCEPTOR].secret = slc_vec_bytes_of(transcript, "responder_static_private", 32);
    keys[SLC_NODE_LINK_ACCEPTOR].ephemeral = slc_vec_bytes_of(transcript, "responder_ephemeral_private", 32);
    return slc_pool_init(&pool, SLC_NODE_LINK_CARRY_BYTES, 2) == SLC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    bool all_came_home = pool.taken == 0;
    slc_pool_free(&pool);
    return all_came_home ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_decode_as_by_the_published_codec_however_they_are_cut),
        cmocka_unit_test(packets_of_all_sizes_arrive_raw_and_in_noise_whatever_the_pieces),
        cmocka_unit_test(a_noise_session_gives_the_same_events_cut_at_every_byte),
        cmocka_unit_test(the_handshake_on_the_wire_is_the_published_one),
        cmocka_unit_test(packets_given_together_share_data_frames_of_bounded_length),
        cmocka_unit_test(as_many_packets_are_sent_as_there_is_room_for),
        cmocka_unit_test(strict_ends_refuse_the_other_kind),
        cmocka_unit_test(bad_first_noise_frames_end_the_link_without_an_answer),
        cmocka_unit_test(what_came_before_a_broken_noise_frame_is_delivered),
        cmocka_unit_test(a_data_frame_too_short_for_a_tag_is_refused_by_its_header),
        cmocka_unit_test(a_connector_sees_garbage_and_nothing_is_sent_before_the_handshake),
        cmocka_unit_test(without_a_free_slot_only_what_straddles_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
