/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/websocket.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/vectors.h"

/*
 * The published examples of RFC 6455, and the cases of the Autobahn suite written out by hand. A connection is run
 * over a script of bytes; what came out is a log in text, so that any two ways of feeding can be compared.
 */

enum { SLOT = 70 << 10, SCRIPT_MAX = 300 << 10, LOG_MAX = 1 << 20 };

/* RFC 6455, sections 1.2 and 1.3. */
#define RFC_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define RFC_REQUEST                                                                                                    \
    "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                  \
    "Sec-WebSocket-Key: " RFC_KEY "\r\nOrigin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n"      \
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Version: 13\r\n\r\n"
#define RFC_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define RFC_RESPONSE                                                                                                   \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                                \
    "Sec-WebSocket-Accept: " RFC_ACCEPT "\r\n\r\n"

struct run {
    struct slc_pool pool;
    struct slc_ws ws;
    struct slc_random random;
    char *log;
    size_t log_len;
    uint8_t *replies;
    size_t replies_len;
    struct slc_ws_event last;
};

static struct run run;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    run.log_len += (size_t)vsnprintf(run.log + run.log_len, LOG_MAX - run.log_len, format, args);
    va_end(args);
    assert_true(run.log_len < LOG_MAX);
}

/* FNV-1a: enough to tell one message's bytes from another's in a log. */
static uint64_t digest(const uint8_t *data, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void begin(enum slc_ws_role role, size_t slot)
{
    static const uint8_t seed[32] = {7};
    if (run.log == NULL) {
        run.log = malloc(LOG_MAX);
        run.replies = malloc(LOG_MAX);
    }
    run.log_len = run.replies_len = 0;
    run.log[0] = '\0';
    run.last = (struct slc_ws_event){0};
    assert_int_equal(slc_pool_init(&run.pool, slot, 2), SLC_OK);
    slc_ws_init(&run.ws, role, &run.pool);
    slc_random_from_seed(&run.random, seed);
}

static void end(void)
{
    slc_ws_drop(&run.ws);
    assert_int_equal(run.pool.taken, 0);
    slc_pool_free(&run.pool);
}

/* Feeds an exact-size copy, so that a sanitizer sees every byte read or written outside it. */
static void feed(const uint8_t *bytes, size_t len)
{
    static const char *names[] = {"OPEN", "TEXT", "BINARY", "PONG", "CLOSE", "FAILED"};
    uint8_t *copy = malloc(len > 0 ? len : 1);
    if (len > 0) memcpy(copy, bytes, len);
    slc_ws_feed(&run.ws, copy, len);
    for (;;) {
        uint8_t room[SLC_WS_REPLY_MAX];
        struct slc_writer reply = slc_writer(room, sizeof room);
        struct slc_ws_event event;
        bool more = slc_ws_next(&run.ws, &event, &run.random, &reply);
        assert_true(slc_writer_ok(&reply));
        memcpy(run.replies + run.replies_len, room, reply.len);
        run.replies_len += reply.len;
        if (!more) break;
        run.last = event;
        note("%s", names[event.kind]);
        if (event.kind == SLC_WS_CLOSE) note(" %u", event.close_code);
        if (event.kind == SLC_WS_FAILED) {
            assert_non_null(event.reason);
            note(" %u", event.status);
        } else if (event.len > 32) {
            note(" %zu bytes %016llx", event.len, (unsigned long long)digest(event.data, event.len));
        } else {
            note(" ");
            for (size_t i = 0; i < event.len; i++) {
                note("%02x", event.data[i]);
            }
        }
        note("\n");
        if (event.len > 0) memset(event.data, 0xee, event.len); /* it is ours to overwrite */
    }
    free(copy);
}

/* ---- scripts ---- */

/* Appends a frame as the peer of `role` sends it; made without the code under test. */
static void put(struct slc_writer *w, enum slc_ws_role role, uint8_t first, const void *payload, size_t len)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t bit = role == SLC_WS_SERVER ? 0x80 : 0;
    slc_write_u8(w, first);
    if (len < 126) {
        slc_write_u8(w, (uint8_t)(bit | len));
    } else if (len < 65536) {
        slc_write_u8(w, bit | 126);
        slc_write_u16(w, (uint16_t)len);
    } else {
        slc_write_u8(w, bit | 127);
        slc_write_u64(w, len);
    }
    if (bit != 0) slc_write_bytes(w, mask, sizeof mask);
    for (size_t i = 0; i < len; i++) {
        slc_write_u8(w, (uint8_t)(((const uint8_t *)payload)[i] ^ (bit != 0 ? mask[i % 4] : 0)));
    }
    assert_true(slc_writer_ok(w));
}

static void put_text(struct slc_writer *w, enum slc_ws_role role, uint8_t first, const char *text)
{
    put(w, role, first, text, strlen(text));
}

/* The upgrade as the peer of `role` sends it; its own request makes a client expect the RFC's accept key. */
static void put_upgrade(struct slc_writer *w, enum slc_ws_role role)
{
    if (role == SLC_WS_CLIENT) memcpy(run.ws.accept_key, RFC_ACCEPT, sizeof run.ws.accept_key);
    const char *text = role == SLC_WS_SERVER ? RFC_REQUEST : RFC_RESPONSE;
    slc_write_bytes(w, text, strlen(text));
}

static uint8_t script_memory[SCRIPT_MAX];

/* What `script` gives when it comes in pieces of `piece` bytes, the first one `first` bytes long. */
static char *play(enum slc_ws_role role, struct slc_writer script, size_t first, size_t piece)
{
    begin(role, SLOT);
    if (role == SLC_WS_CLIENT) memcpy(run.ws.accept_key, RFC_ACCEPT, sizeof run.ws.accept_key);
    feed(script.data, first);
    for (size_t at = first; at < script.len; at += piece) {
        feed(script.data + at, script.len - at < piece ? script.len - at : piece);
    }
    for (size_t i = 0; i < run.replies_len; i++) {
        note("%02x", run.replies[i]);
    }
    end();
    return strdup(run.log);
}

/* Whole, at every byte boundary in two, and in equal pieces: always the same events and answers. */
static void expect_same_for_every_split(enum slc_ws_role role, struct slc_writer script)
{
    char *whole = play(role, script, script.len, 1);
    for (size_t cut = 0; cut < script.len; cut++) {
        char *split = play(role, script, cut, script.len);
        assert_string_equal(whole, split);
        free(split);
    }
    for (size_t piece = 1; piece <= 9; piece++) {
        char *split = play(role, script, 0, piece);
        assert_string_equal(whole, split);
        free(split);
    }
    free(whole);
}

/* ---- frames of the RFC ---- */

/* Section 5.7. */
static void the_examples_of_the_rfc_are_read(void **state)
{
    (void)state;
    static const struct {
        enum slc_ws_role role;
        const char *frames;
        const char *log;
    } cases[] = {
        {SLC_WS_CLIENT, "810548656c6c6f", "TEXT 48656c6c6f\n"},
        {SLC_WS_SERVER, "818537fa213d7f9f4d5158", "TEXT 48656c6c6f\n"},
        {SLC_WS_CLIENT, "010348656c80026c6f", "TEXT 48656c6c6f\n"},
        {SLC_WS_CLIENT, "890548656c6c6f", ""},
        {SLC_WS_SERVER, "8a8537fa213d7f9f4d5158", "PONG 48656c6c6f\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(cases[i].role, SLOT);
        struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
        put_upgrade(&w, cases[i].role);
        struct slc_bytes frames = slc_vec_from_text(cases[i].frames);
        slc_write_bytes(&w, frames.data, frames.len);
        feed(w.data, w.len);
        assert_memory_equal(run.log, "OPEN \n", 6);
        assert_string_equal(run.log + 6, cases[i].log);
        end();
    }
}

static void frames_are_written_as_the_rfc_shows_them(void **state)
{
    (void)state;
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t memory[SLC_WS_HEAD_MAX + 5];
    uint8_t *payload = memory + SLC_WS_HEAD_MAX;

    memcpy(payload, "Hello", 5);
    size_t head = slc_ws_frame(payload, 5, SLC_WS_OP_TEXT, NULL);
    slc_expect_bytes(slc_bytes(payload - head, head + 5), slc_vec_from_text("810548656c6c6f"), "unmasked");
    memcpy(payload, "Hello", 5);
    head = slc_ws_frame(payload, 5, SLC_WS_OP_TEXT, mask);
    slc_expect_bytes(slc_bytes(payload - head, head + 5), slc_vec_from_text("818537fa213d7f9f4d5158"), "masked");

    static uint8_t big[SLC_WS_HEAD_MAX + 65536];
    head = slc_ws_frame(big + SLC_WS_HEAD_MAX, 256, SLC_WS_OP_BINARY, NULL);
    slc_expect_bytes(slc_bytes(big + SLC_WS_HEAD_MAX - head, head), slc_vec_from_text("827e0100"), "256 bytes");
    head = slc_ws_frame(big + SLC_WS_HEAD_MAX, 65536, SLC_WS_OP_BINARY, NULL);
    slc_expect_bytes(slc_bytes(big + SLC_WS_HEAD_MAX - head, head), slc_vec_from_text("827f0000000000010000"),
                     "64 KiB");
}

static void masks_of_every_length_and_alignment_match_the_bytewise_rule(void **state)
{
    (void)state;
    struct slc_random random;
    slc_test_random(&random, 1);
    enum { LONGEST = 200, ROOM = SLC_WS_HEAD_MAX + 8 + LONGEST };
    for (size_t len = 0; len <= LONGEST; len++) {
        for (size_t offset = 0; offset < 8; offset++) {
            uint8_t memory[ROOM + 8], plain[ROOM + 8], mask[4];
            slc_random_bytes(&random, memory, sizeof memory);
            memcpy(plain, memory, sizeof memory);
            slc_random_bytes(&random, mask, sizeof mask);
            uint8_t *payload = memory + SLC_WS_HEAD_MAX + offset;
            size_t head = slc_ws_frame(payload, len, SLC_WS_OP_BINARY, mask);
            size_t start = (size_t)(payload - memory);
            for (size_t i = 0; i < sizeof memory; i++) {
                if (i >= start - head && i < start) continue;
                bool inside = i >= start && i < start + len;
                assert_int_equal(memory[i], plain[i] ^ (inside ? mask[(i - start) % 4] : 0));
            }
        }
    }
}

/* ---- cases of the Autobahn suite ---- */

struct step {
    uint8_t first; /* FIN, reserved bits, opcode; 0xff: the end */
    const char *payload;
};

struct autobahn {
    const char *name;
    struct step steps[6];
    const char *log; /* after OPEN */
};

#define STOP                                                                                                           \
    {                                                                                                                  \
        0xff, NULL                                                                                                     \
    }
#define MALFORMED_LOG "FAILED 9\n"
#define NOT_UTF8_LOG  "FAILED 10\n"
_Static_assert(SLC_MALFORMED == 9 && SLC_NOT_UTF8 == 10, "as in the two logs above");

static const struct autobahn autobahn_cases[] = {
    {"1.1.1 empty text", {{0x81, ""}, STOP}, "TEXT \n"},
    {"1.2.1 empty binary", {{0x82, ""}, STOP}, "BINARY \n"},
    {"2.1 empty ping", {{0x89, ""}, {0x81, "a"}, STOP}, "TEXT 61\n"},
    {"2.7 unsolicited pong", {{0x8a, "x"}, {0x81, "a"}, STOP}, "PONG 78\nTEXT 61\n"},
    {"3.1 RSV3", {{0x91, "a"}, {0x81, "b"}, STOP}, MALFORMED_LOG},
    {"3.2 RSV2", {{0x81, "a"}, {0xa1, "a"}, {0x89, ""}, STOP}, "TEXT 61\n" MALFORMED_LOG},
    {"3.3 RSV1 (compressed)", {{0xc1, "a"}, STOP}, MALFORMED_LOG},
    {"3.5 RSV on a ping", {{0xd9, "a"}, STOP}, MALFORMED_LOG},
    {"4.1.1 opcode 3", {{0x83, ""}, STOP}, MALFORMED_LOG},
    {"4.1.5 opcode 7", {{0x81, "a"}, {0x87, "b"}, STOP}, "TEXT 61\n" MALFORMED_LOG},
    {"4.2.1 opcode 11", {{0x8b, ""}, STOP}, MALFORMED_LOG},
    {"4.2.5 opcode 15", {{0x8f, "a"}, STOP}, MALFORMED_LOG},
    {"5.1 ping in fragments", {{0x09, "a"}, {0x80, "b"}, STOP}, MALFORMED_LOG},
    {"5.2 pong in fragments", {{0x0a, "a"}, {0x80, "b"}, STOP}, MALFORMED_LOG},
    {"5.3 text in two fragments", {{0x01, "a"}, {0x80, "b"}, STOP}, "TEXT 6162\n"},
    {"5.6 ping between fragments", {{0x01, "a"}, {0x89, "p"}, {0x80, "b"}, STOP}, "TEXT 6162\n"},
    {"5.8 pong between fragments", {{0x02, "a"}, {0x8a, "p"}, {0x80, "b"}, STOP}, "PONG 70\nBINARY 6162\n"},
    {"5.9 continuation of nothing", {{0x80, "b"}, {0x81, "a"}, STOP}, MALFORMED_LOG},
    {"5.10 open continuation of nothing", {{0x00, "b"}, {0x81, "a"}, STOP}, MALFORMED_LOG},
    {"5.15 continuation after the end", {{0x01, "a"}, {0x80, "b"}, {0x80, "c"}, STOP}, "TEXT 6162\n" MALFORMED_LOG},
    {"5.18 text inside a text", {{0x01, "a"}, {0x81, "b"}, STOP}, MALFORMED_LOG},
    {"binary inside a text", {{0x01, "a"}, {0x02, "b"}, STOP}, MALFORMED_LOG},
    {"6.1.2 empty fragments", {{0x01, ""}, {0x00, ""}, {0x80, ""}, STOP}, "TEXT \n"},
    {"6.1.3 only the middle one full", {{0x01, ""}, {0x00, "abc"}, {0x80, ""}, STOP}, "TEXT 616263\n"},
    {"only the last one full", {{0x01, ""}, {0x00, ""}, {0x80, "abc"}, STOP}, "TEXT 616263\n"},
    {"two messages in fragments",
     {{0x01, "a"}, {0x80, "b"}, {0x02, "c"}, {0x80, "d"}, STOP},
     "TEXT 6162\nBINARY 6364\n"},
    {"6.2.3 a character over two fragments", {{0x01, "\xce"}, {0x80, "\xba"}, STOP}, "TEXT ceba\n"},
    {"6.3.1 not UTF-8", {{0x81, "\xce\xba\xe1\xbd\xb9\xed\xa0\x80"}, STOP}, NOT_UTF8_LOG},
    {"6.4 not UTF-8, in fragments", {{0x01, "\xf4"}, {0x80, "\x90\x80\x80"}, STOP}, NOT_UTF8_LOG},
    {"binary need not be UTF-8", {{0x82, "\xff\xfe"}, STOP}, "BINARY fffe\n"},
    {"7.1.1 close", {{0x81, "a"}, {0x88, "\x03\xe8"}, STOP}, "TEXT 61\nCLOSE 1000 \n"},
    {"7.1.3 ping after close", {{0x88, "\x03\xe8"}, {0x89, "p"}, STOP}, "CLOSE 1000 \n"},
    {"7.1.5 close inside a message", {{0x01, "a"}, {0x88, "\x03\xe8"}, {0x80, "b"}, STOP}, "CLOSE 1000 \n"},
    {"7.3.1 close without a code", {{0x88, ""}, STOP}, "CLOSE 1005 \n"},
    {"7.3.2 close of one byte", {{0x88, "a"}, STOP}, MALFORMED_LOG},
    {"7.3.4 close with a reason", {{0x88, "\x03\xe8Hi"}, STOP}, "CLOSE 1000 4869\n"},
    {"7.5.1 reason not UTF-8", {{0x88, "\x03\xe8\xed\xa0\x80"}, STOP}, NOT_UTF8_LOG},
    {"close in fragments", {{0x08, "\x03\xe8"}, STOP}, MALFORMED_LOG},
};

static void the_autobahn_cases_come_out_right_for_both_roles_and_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof autobahn_cases / sizeof *autobahn_cases; i++) {
        for (int role = SLC_WS_CLIENT; role <= SLC_WS_SERVER; role++) {
            const struct autobahn *wanted = &autobahn_cases[i];
            begin((enum slc_ws_role)role, SLOT);
            struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
            put_upgrade(&w, (enum slc_ws_role)role);
            for (const struct step *step = wanted->steps; step->payload != NULL; step++) {
                put_text(&w, (enum slc_ws_role)role, step->first, step->payload);
            }
            feed(w.data, w.len);
            if (strcmp(run.log + 6, wanted->log) != 0) fail_msg("%s: %s", wanted->name, run.log);
            end();
            expect_same_for_every_split((enum slc_ws_role)role, w);
        }
    }
}

/* Section 7.4 of the RFC, and its registry: the codes a peer may send (Autobahn 7.7 and 7.9). */
static void close_codes_are_judged_and_echoed(void **state)
{
    (void)state;
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        bool valid = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
                     (code >= 3000 && code <= 4999);
        if (!valid && code > 5100 && code % 97 != 0) continue;
        uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};
        begin(SLC_WS_SERVER, 1024);
        struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
        put_upgrade(&w, SLC_WS_SERVER);
        feed(w.data, w.len);
        size_t before = run.replies_len;
        w.len = 0;
        put(&w, SLC_WS_SERVER, 0x88, payload, 2);
        feed(w.data, w.len);
        uint16_t answered = valid ? (uint16_t)code : 1002;
        uint8_t answer[4] = {0x88, 2, (uint8_t)(answered >> 8), (uint8_t)answered};
        slc_expect_bytes(slc_bytes(run.replies + before, run.replies_len - before), slc_bytes(answer, 4), "answer");
        assert_int_equal(run.last.kind, valid ? SLC_WS_CLOSE : SLC_WS_FAILED);
        end();
    }
}

static void a_failure_is_answered_with_its_close_code(void **state)
{
    (void)state;
    static const struct {
        uint8_t first;
        const char *payload;
        size_t len;
        uint16_t code;
    } cases[] = {{0x83, "", 0, 1002}, {0x81, "\xff", 1, 1007}, {0x82, NULL, 5000, 1009}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static uint8_t zeros[5000];
        begin(SLC_WS_SERVER, 4096);
        struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
        put_upgrade(&w, SLC_WS_SERVER);
        put(&w, SLC_WS_SERVER, cases[i].first, cases[i].payload == NULL ? (char *)zeros : cases[i].payload,
            cases[i].len);
        feed(w.data, w.len);
        assert_int_equal(run.last.kind, SLC_WS_FAILED);
        uint8_t answer[4] = {0x88, 2, (uint8_t)(cases[i].code >> 8), (uint8_t)cases[i].code};
        slc_expect_bytes(slc_bytes(run.replies + run.replies_len - 4, 4), slc_bytes(answer, 4), "close");
        end();
    }
}

static void utf8_is_judged_as_the_rfc_does(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } cases[] = {
        {"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!", true},
        {"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true},
        {"\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd", true},
        {"\x80", false},             /* a continuation alone  */
        {"12345678\xbf", false},     /* behind the fast path  */
        {"1234567\xbf", false},      /* inside it             */
        {"\xc0\x80", false},         /* long form of zero     */
        {"\xc1\xbf", false},         /* long form             */
        {"\xe0\x9f\xbf", false},     /* long form             */
        {"\xf0\x8f\xbf\xbf", false}, /* long form             */
        {"\xed\xa0\x80", false},     /* surrogate             */
        {"\xed\xbf\xbf", false},     /* surrogate             */
        {"\xf4\x90\x80\x80", false}, /* above U+10FFFF        */
        {"\xf5\x80\x80\x80", false}, /* above U+10FFFF        */
        {"\xc2", false},             /* cut short             */
        {"\xe1\x80", false},         /* cut short             */
        {"\xf1\x80\x80", false},     /* cut short             */
        {"\xe1\x80q", false},        /* broken off            */
        {"\xf1\x80\x80q", false},    /* broken off            */
        {"\xfe", false},
        {"\xff", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(SLC_WS_SERVER, 1024);
        struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
        put_upgrade(&w, SLC_WS_SERVER);
        put_text(&w, SLC_WS_SERVER, 0x81, cases[i].text);
        feed(w.data, w.len);
        if ((run.last.kind == SLC_WS_TEXT) != cases[i].ok) fail_msg("case %zu", i);
        end();
    }
}

static void messages_of_awkward_lengths_survive_every_way_of_coming(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 31, 32, 33, 125, 126, 127, 128, 255, 256, 2442, 65535, 65536};
    for (int role = SLC_WS_CLIENT; role <= SLC_WS_SERVER; role++) {
        struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
        put_upgrade(&w, (enum slc_ws_role)role);
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            put(&w, (enum slc_ws_role)role, 0x82, slc_vec_pat(lengths[i]).data, lengths[i]);
        }
        char *whole = play((enum slc_ws_role)role, w, w.len, 1);
        char line[64];
        (void)snprintf(line, sizeof line, "BINARY 65536 bytes %016llx\n",
                       (unsigned long long)digest(slc_vec_pat(65536).data, 65536));
        assert_non_null(strstr(whole, line));
        static const size_t pieces[] = {1, 2, 3, 64, 1000, 1460, 4096, 65536};
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
            char *split = play((enum slc_ws_role)role, w, 7, pieces[i]);
            assert_string_equal(whole, split);
            free(split);
        }
        free(whole);
    }
}

/* ---- bounds ---- */

static void open_server(size_t slot)
{
    begin(SLC_WS_SERVER, slot);
    struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
    put_upgrade(&w, SLC_WS_SERVER);
    feed(w.data, w.len);
    assert_string_equal(run.log, "OPEN \n");
    run.replies_len = 0;
}

static void a_length_beyond_the_bound_fails_before_a_byte_of_it_is_kept(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        enum slc_status status;
    } cases[] = {
        {"82ff800000000000000000000000", SLC_MALFORMED}, /* 2^63     */
        {"82ffffffffffffffffff00000000", SLC_MALFORMED}, /* 2^64 - 1 */
        {"82ff7fffffffffffffff00000000", SLC_TOO_LONG},  /* 2^63 - 1 */
        {"82ff000000010000000000000000", SLC_TOO_LONG},  /* 2^32     */
        {"82fe0ff300000000", SLC_TOO_LONG},              /* 4083: one more than fits with its header */
        {"82fe007d00000000", SLC_MALFORMED},             /* 125 in the long form                     */
        {"82ff000000000000ffff00000000", SLC_MALFORMED}, /* 65535 in the longest form                */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_server(4096);
        struct slc_bytes head = slc_vec_from_text(cases[i].head);
        feed(head.data, head.len);
        assert_int_equal(run.last.kind, SLC_WS_FAILED);
        assert_int_equal(run.last.status, cases[i].status);
        assert_int_equal(run.pool.high_water, 0);
        end();
    }
    open_server(4096);
    struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
    put(&w, SLC_WS_SERVER, 0x82, slc_vec_pat(4082).data, 4082);
    feed(w.data, 1);
    feed(w.data + 1, w.len - 1);
    assert_int_equal(run.last.kind, SLC_WS_BINARY);
    end();
}

static void fragments_are_bounded_as_one_message(void **state)
{
    (void)state;
    open_server(4096);
    struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
    put(&w, SLC_WS_SERVER, 0x02, slc_vec_pat(3000).data, 3000);
    put(&w, SLC_WS_SERVER, 0x00, slc_vec_pat(965).data, 965);
    put(&w, SLC_WS_SERVER, 0x89, slc_vec_pat(125).data, 125);
    put(&w, SLC_WS_SERVER, 0x80, slc_vec_pat(117).data, 117);
    for (size_t i = 0; i < w.len; i++) {
        feed(w.data + i, 1);
    }
    assert_int_equal(run.last.kind, SLC_WS_BINARY);
    assert_int_equal(run.last.len, 4082);
    assert_int_equal(run.replies_len, 2 + 125);

    w.len = 0;
    put(&w, SLC_WS_SERVER, 0x02, slc_vec_pat(3000).data, 3000);
    put(&w, SLC_WS_SERVER, 0x00, slc_vec_pat(966).data, 966);
    feed(w.data, w.len);
    assert_int_equal(run.last.status, SLC_TOO_LONG);
    end();
}

static void a_pool_without_a_slot_fails_only_what_needs_one(void **state)
{
    (void)state;
    open_server(4096);
    void *taken[2] = {slc_pool_take(&run.pool), slc_pool_take(&run.pool)};
    struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
    put_text(&w, SLC_WS_SERVER, 0x81, "whole");
    feed(w.data, w.len);
    assert_int_equal(run.last.kind, SLC_WS_TEXT);
    feed(w.data, 3);
    assert_int_equal(run.last.kind, SLC_WS_FAILED);
    assert_int_equal(run.last.status, SLC_FULL);
    slc_pool_give(&run.pool, taken[0]);
    slc_pool_give(&run.pool, taken[1]);
    end();
}

static void an_idle_connection_holds_no_buffer(void **state)
{
    (void)state;
    open_server(4096);
    struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
    put_text(&w, SLC_WS_SERVER, 0x01, "straddles ");
    put_text(&w, SLC_WS_SERVER, 0x89, "ping");
    put_text(&w, SLC_WS_SERVER, 0x80, "feeds");
    feed(w.data, 9);
    assert_int_equal(run.pool.taken, 1);
    feed(w.data + 9, w.len - 9);
    assert_int_equal(run.last.kind, SLC_WS_TEXT);
    assert_int_equal(run.pool.taken, 0);
    end();
}

static void pings_beyond_the_room_are_answered_by_the_last(void **state)
{
    (void)state;
    open_server(4096);
    struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
    for (unsigned i = 0; i < 1000; i++) {
        put(&w, SLC_WS_SERVER, 0x89, slc_vec_repeat((uint8_t)i, i % 126).data, i % 126);
    }
    put(&w, SLC_WS_SERVER, 0x89, "the last", 8);
    put(&w, SLC_WS_SERVER, 0x88, "\x03\xe8", 2);
    feed(w.data, w.len);
    assert_int_equal(run.last.kind, SLC_WS_CLOSE);
    uint8_t tail[] = "\x8a\x08the last\x88\x02\x03\xe8";
    slc_expect_bytes(slc_bytes(run.replies + run.replies_len - 14, 14), slc_bytes(tail, 14), "last pong, then close");
    slc_expect_bytes(slc_bytes(run.replies, 5), slc_vec_from_text("8a008a0101"), "the first ones");
    end();
}

static void a_frame_with_the_wrong_masking_is_refused(void **state)
{
    (void)state;
    for (int role = SLC_WS_CLIENT; role <= SLC_WS_SERVER; role++) {
        begin((enum slc_ws_role)role, SLOT);
        struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
        put_upgrade(&w, (enum slc_ws_role)role);
        put_text(&w, role == SLC_WS_CLIENT ? SLC_WS_SERVER : SLC_WS_CLIENT, 0x81, "a");
        feed(w.data, w.len);
        assert_string_equal(run.log, "OPEN \n" MALFORMED_LOG);
        end();
    }
}

/* ---- the upgrade ---- */

static void the_server_answers_the_request_of_the_rfc_and_declines_extensions(void **state)
{
    (void)state;
    begin(SLC_WS_SERVER, SLOT);
    feed((const uint8_t *)RFC_REQUEST, strlen(RFC_REQUEST));
    run.replies[run.replies_len] = '\0';
    const char *answer = (const char *)run.replies;
    assert_int_equal(strncmp(answer, "HTTP/1.1 101 ", 13), 0);
    assert_non_null(strstr(answer, "\r\nSec-WebSocket-Accept: " RFC_ACCEPT "\r\n"));
    assert_null(strstr(answer, "Extensions"));
    assert_null(strstr(answer, "Protocol:"));
    assert_string_equal(answer + run.replies_len - 4, "\r\n\r\n");
    end();
}

static void client_and_server_agree_byte_by_byte(void **state)
{
    (void)state;
    struct slc_pool pool;
    assert_int_equal(slc_pool_init(&pool, 1024, 2), SLC_OK);
    struct slc_ws client, server;
    struct slc_random random;
    slc_test_random(&random, 2);
    slc_ws_init(&client, SLC_WS_CLIENT, &pool);
    slc_ws_init(&server, SLC_WS_SERVER, &pool);
    uint8_t request[512], response[SLC_WS_REPLY_MAX];
    struct slc_writer to_server = slc_writer(request, sizeof request);
    struct slc_writer to_client = slc_writer(response, sizeof response);
    assert_int_equal(slc_ws_request(&client, "127.0.0.1:9000", "/a?b=c", &random, &to_server), SLC_OK);
    assert_memory_equal(request, "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:9000\r\n", 43);

    struct slc_ws_event event = {.kind = SLC_WS_FAILED};
    for (size_t i = 0; i < to_server.len; i++) {
        slc_ws_feed(&server, request + i, 1);
        assert_int_equal(slc_ws_next(&server, &event, NULL, &to_client), i + 1 == to_server.len);
    }
    assert_int_equal(event.kind, SLC_WS_OPEN);
    size_t len = to_client.len;
    for (size_t i = 0; i < len; i++) {
        slc_ws_feed(&client, response + i, 1);
        assert_int_equal(slc_ws_next(&client, &event, &random, &to_client), i + 1 == len);
    }
    assert_int_equal(event.kind, SLC_WS_OPEN);
    slc_ws_drop(&client);
    slc_ws_drop(&server);
    slc_pool_free(&pool);
}

#define GOOD_FIELDS "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
#define KEY_FIELD   "Sec-WebSocket-Key: " RFC_KEY "\r\n"

static void requests_are_judged(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        enum slc_status status;
    } cases[] = {
        {"GET /any/path?q HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS KEY_FIELD, SLC_OK},
        {"GET / HTTP/1.1\r\nhOST:x\r\nconnection:keep-alive , UPGRADE\r\nUPGRADE:h2c, WebSocket\r\n"
         "sec-websocket-version:\t13 \r\n" KEY_FIELD,
         SLC_OK},
        {"GET / HTTP/1.1\r\nHost: x\r\nX-Empty:\r\nX-Odd: \xe4\tb\r\n" GOOD_FIELDS KEY_FIELD, SLC_OK},
        {"POST / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS KEY_FIELD, SLC_MALFORMED},
        {"GET / HTTP/1.0\r\nHost: x\r\n" GOOD_FIELDS KEY_FIELD, SLC_MALFORMED},
        {"GET / a HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS KEY_FIELD, SLC_MALFORMED},
        {"GET  HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS KEY_FIELD, SLC_MALFORMED},
        {"GET\r\nHost: x\r\n" GOOD_FIELDS KEY_FIELD, SLC_MALFORMED},
        {"GET / HTTP/1.1\r\n" GOOD_FIELDS KEY_FIELD, SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n" GOOD_FIELDS KEY_FIELD, SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS, SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS KEY_FIELD KEY_FIELD, SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=A\r\n", SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAA===\r\n", SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS "Sec-WebSocket-Key: AAAAAAAAAAA-AAAAAAAAAA==\r\n", SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA\r\n", SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS "Sec-WebSocket-Key:\r\n", SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" KEY_FIELD, SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" KEY_FIELD, SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgraded\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
         "13\r\n" KEY_FIELD,
         SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" KEY_FIELD, SLC_UNSUPPORTED},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
         "8\r\n" KEY_FIELD,
         SLC_UNSUPPORTED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS "X-No-Colon\r\n" KEY_FIELD, SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS "X : before colon\r\n" KEY_FIELD, SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS " folded: y\r\n" KEY_FIELD, SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS ": no name\r\n" KEY_FIELD, SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS "X: bare\rCR\r\n" KEY_FIELD, SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS "X: bare\nY: LF\r\n" KEY_FIELD, SLC_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: x\r\n" GOOD_FIELDS "X: \x01\r\n" KEY_FIELD, SLC_MALFORMED},
        {"", SLC_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(SLC_WS_SERVER, SLOT);
        struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
        slc_write_bytes(&w, cases[i].head, strlen(cases[i].head));
        slc_write_bytes(&w, cases[i].head[0] == '\0' ? "\r\n\r\n" : "\r\n", cases[i].head[0] == '\0' ? 4 : 2);
        feed(w.data, w.len);
        enum slc_status status = run.last.kind == SLC_WS_OPEN ? SLC_OK : run.last.status;
        if (status != cases[i].status) fail_msg("case %zu: %s", i, run.log);
        const char *answer = cases[i].status == SLC_OK            ? "HTTP/1.1 101"
                             : cases[i].status == SLC_UNSUPPORTED ? "HTTP/1.1 426"
                                                                  : "HTTP/1.1 400";
        assert_memory_equal(run.replies, answer, strlen(answer));
        end();
        expect_same_for_every_split(SLC_WS_SERVER, w);
    }
}

static void responses_are_judged(void **state)
{
    (void)state;
#define LINE   "HTTP/1.1 101 Switching Protocols\r\n"
#define UP     "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define ACCEPT "Sec-WebSocket-Accept: " RFC_ACCEPT "\r\n"
    static const struct {
        const char *head;
        enum slc_status status;
    } cases[] = {
        {LINE UP ACCEPT, SLC_OK},
        {"HTTP/1.1 101\r\n" UP ACCEPT, SLC_OK},
        {"HTTP/1.1 200 OK\r\n" UP ACCEPT, SLC_REFUSED},
        {"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n", SLC_REFUSED},
        {"HTTP/1.0 101 Switching Protocols\r\n" UP ACCEPT, SLC_MALFORMED},
        {LINE UP, SLC_MALFORMED},
        {LINE ACCEPT "Connection: Upgrade\r\n", SLC_MALFORMED},
        {LINE ACCEPT "Upgrade: websocket\r\n", SLC_MALFORMED},
        {LINE UP "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=\r\n", SLC_MALFORMED},
        {LINE UP "Sec-WebSocket-Accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n", SLC_MALFORMED},
        {LINE UP ACCEPT ACCEPT, SLC_MALFORMED},
        {LINE UP ACCEPT "Sec-WebSocket-Extensions: permessage-deflate\r\n", SLC_UNSUPPORTED},
        {LINE UP ACCEPT "Sec-WebSocket-Protocol: chat\r\n", SLC_UNSUPPORTED},
        {"SSH-2.0-OpenSSH_9.2\r\n", SLC_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
        begin(SLC_WS_CLIENT, SLOT);
        memcpy(run.ws.accept_key, RFC_ACCEPT, sizeof run.ws.accept_key);
        slc_write_bytes(&w, cases[i].head, strlen(cases[i].head));
        slc_write_bytes(&w, "\r\n", 2);
        feed(w.data, w.len);
        enum slc_status status = run.last.kind == SLC_WS_OPEN ? SLC_OK : run.last.status;
        if (status != cases[i].status) fail_msg("case %zu: %s", i, run.log);
        assert_int_equal(run.replies_len, 0);
        end();
        expect_same_for_every_split(SLC_WS_CLIENT, w);
    }
}

static void a_head_without_an_end_is_given_up_at_the_bound(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 1000, SLC_WS_HTTP_HEAD_MAX, 3 * SLC_WS_HTTP_HEAD_MAX};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        begin(SLC_WS_SERVER, SLOT);
        struct slc_bytes junk = slc_vec_repeat('a', pieces[i]);
        size_t fed = 0;
        for (; run.last.kind != SLC_WS_FAILED && fed < 3 * SLC_WS_HTTP_HEAD_MAX; fed += junk.len) {
            feed(junk.data, junk.len);
        }
        assert_int_equal(run.last.status, SLC_TOO_LONG);
        assert_true(fed >= SLC_WS_HTTP_HEAD_MAX && fed < SLC_WS_HTTP_HEAD_MAX + junk.len + 1);
        end();
    }
}

static void a_request_cannot_be_broken_out_of(void **state)
{
    (void)state;
    static const char *const bad[][2] = {{"h", "/a b"}, {"h", "/\r\nX: y"}, {"h\r\nX: y", "/"}, {"h", "a"}, {"", "/"}};
    uint8_t room[512];
    begin(SLC_WS_CLIENT, SLOT);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct slc_writer w = slc_writer(room, sizeof room);
        assert_int_equal(slc_ws_request(&run.ws, bad[i][0], bad[i][1], &run.random, &w), SLC_BAD_ARGUMENT);
    }
    struct slc_writer small = slc_writer(room, 100);
    assert_int_equal(slc_ws_request(&run.ws, "h", "", &run.random, &small), SLC_TOO_LONG);
    end();
}

static void nothing_comes_after_the_end(void **state)
{
    (void)state;
    open_server(4096);
    struct slc_writer w = slc_writer(script_memory, sizeof script_memory);
    put(&w, SLC_WS_SERVER, 0x83, "", 0);
    feed(w.data, w.len);
    assert_string_equal(run.log, "OPEN \n" MALFORMED_LOG);
    w.len = 0;
    put_text(&w, SLC_WS_SERVER, 0x81, "a");
    feed(w.data, w.len);
    assert_string_equal(run.log, "OPEN \n" MALFORMED_LOG);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc_are_read),
        cmocka_unit_test(frames_are_written_as_the_rfc_shows_them),
        cmocka_unit_test(masks_of_every_length_and_alignment_match_the_bytewise_rule),
        cmocka_unit_test(the_autobahn_cases_come_out_right_for_both_roles_and_every_split),
        cmocka_unit_test(close_codes_are_judged_and_echoed),
        cmocka_unit_test(a_failure_is_answered_with_its_close_code),
        cmocka_unit_test(utf8_is_judged_as_the_rfc_does),
        cmocka_unit_test(messages_of_awkward_lengths_survive_every_way_of_coming),
        cmocka_unit_test(a_length_beyond_the_bound_fails_before_a_byte_of_it_is_kept),
        cmocka_unit_test(fragments_are_bounded_as_one_message),
        cmocka_unit_test(a_pool_without_a_slot_fails_only_what_needs_one),
        cmocka_unit_test(an_idle_connection_holds_no_buffer),
        cmocka_unit_test(pings_beyond_the_room_are_answered_by_the_last),
        cmocka_unit_test(a_frame_with_the_wrong_masking_is_refused),
        cmocka_unit_test(the_server_answers_the_request_of_the_rfc_and_declines_extensions),
        cmocka_unit_test(client_and_server_agree_byte_by_byte),
        cmocka_unit_test(requests_are_judged),
        cmocka_unit_test(responses_are_judged),
        cmocka_unit_test(a_head_without_an_end_is_given_up_at_the_bound),
        cmocka_unit_test(a_request_cannot_be_broken_out_of),
        cmocka_unit_test(nothing_comes_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
