/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_VISITOR_H
#define SLUICE_TEST_VISITOR_H

#include "tests/support/vectors.h"

#include "engine/message/message.h"
#include "engine/node/localnet.h"
#include "net/gateway/client.h"
#include "net/gateway/frame.h"
#include "net/wire/websocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A client made by hand: one blocking socket, one session, packets built one at a time. It shares the session and the
 * codecs with the engine's clients, and nothing else.
 */

enum { VISITOR_INBOX = 4096, VISITOR_PATIENCE_S = 10, MESSAGE_BYTES = 2048 - SLC_SURB_ACK_BYTES };

struct visitor {
    int fd; /* -1: not connected */
    struct slc_ws ws;
    struct slc_pool carry;
    struct slc_gateway_client *session;
    struct slc_client_keys keys;
    struct slc_random random;
    struct slc_topology *topology;
    const struct slc_node *gateway;
    struct slc_sphinx_scratch *scratch;
    struct {
        size_t len;
        uint8_t bytes[2048];
        slc_time at;
    } got[VISITOR_INBOX];
    size_t count;
    unsigned connects, lost;
    bool stays_away; /* does not connect again */
};

static inline void visitor_write(struct visitor *v, const uint8_t *data, size_t len)
{
    while (len > 0 && v->fd >= 0) {
        ssize_t n = send(v->fd, data, len, MSG_NOSIGNAL);
        if (n <= 0) return; /* seen by the next read */
        data += n;
        len -= (size_t)n;
    }
}

static inline void visitor_frame(struct visitor *v, uint8_t *payload, size_t len, enum slc_ws_opcode opcode)
{
    uint8_t mask[4];
    slc_random_bytes(&v->random, mask, sizeof mask);
    size_t head = slc_ws_frame(payload, len, opcode, mask);
    visitor_write(v, payload - head, head + len);
}

static inline void visitor_close(struct visitor *v)
{
    if (v->fd < 0) return;
    slc_ws_drop(&v->ws);
    (void)close(v->fd);
    v->fd = -1;
}

static inline void visitor_connect(struct visitor *v)
{
    v->connects++;
    v->fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(v->gateway->ws.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(v->fd, (const struct sockaddr *)&in, sizeof in) != 0) {
        (void)close(v->fd);
        v->fd = -1;
        slc_gateway_client_closed(v->session, SLC_REFUSED, NULL, slc_now());
        return;
    }
    uint8_t request[512];
    struct slc_writer out = slc_writer(request, sizeof request);
    slc_ws_init(&v->ws, SLC_WS_CLIENT, &v->carry);
    assert_int_equal(slc_ws_request(&v->ws, "127.0.0.1", "/", &v->random, &out), SLC_OK);
    visitor_write(v, request, out.len);
}

static inline void visitor_obey(struct visitor *v)
{
    uint8_t room[SLC_WS_HEAD_MAX + SLC_GATEWAY_TEXT_MAX];
    struct slc_gateway_event event;
    for (;;) {
        struct slc_writer out = slc_writer(room + SLC_WS_HEAD_MAX, SLC_GATEWAY_TEXT_MAX);
        if (!slc_gateway_client_next(v->session, &event, &out)) return;
        switch (event.kind) {
        case SLC_GATEWAY_CONNECT:
            if (!v->stays_away) visitor_connect(v);
            break;
        case SLC_GATEWAY_SEND:
            visitor_frame(v, room + SLC_WS_HEAD_MAX, event.text.len, SLC_WS_OP_TEXT);
            break;
        case SLC_GATEWAY_LOST:
            v->lost++;
            break;
        case SLC_GATEWAY_DISCONNECT:
            visitor_close(v);
            break;
        case SLC_GATEWAY_FAILED:
            fail_msg("the session gave up: %s", event.error->text);
            break;
        default:
            break;
        }
    }
}

static inline void visitor_pushed(struct visitor *v, uint8_t *frame, size_t len)
{
    struct slc_frame_job job = {.key = slc_gateway_client_key(v->session), .frame = frame, .len = len};
    assert_int_equal(slc_frames_open(&job, 1), SLC_OK);
    assert_int_equal(job.kind, SLC_FRAME_PUSHED);
    assert_true(job.plaintext.len <= sizeof v->got->bytes && v->count < VISITOR_INBOX);
    v->got[v->count].len = job.plaintext.len;
    v->got[v->count].at = slc_now();
    memcpy(v->got[v->count++].bytes, job.plaintext.data, job.plaintext.len);
}

static inline void visitor_read(struct visitor *v)
{
    uint8_t data[65536];
    ssize_t n = read(v->fd, data, sizeof data);
    if (n <= 0) {
        visitor_close(v);
        slc_gateway_client_closed(v->session, SLC_CLOSED, NULL, slc_now());
        return;
    }
    slc_ws_feed(&v->ws, data, (size_t)n);
    struct slc_ws_event event;
    for (bool more = true; more && v->fd >= 0;) {
        uint8_t answer[SLC_WS_REPLY_MAX];
        struct slc_writer reply = slc_writer(answer, sizeof answer);
        more = slc_ws_next(&v->ws, &event, &v->random, &reply);
        visitor_write(v, answer, reply.len);
        if (!more) break;
        if (event.kind == SLC_WS_OPEN) {
            slc_gateway_client_opened(v->session, slc_now(), slc_unix_seconds());
        } else if (event.kind == SLC_WS_TEXT) {
            slc_gateway_client_text(v->session, slc_bytes(event.data, event.len), slc_now(), slc_unix_seconds());
        } else if (event.kind == SLC_WS_BINARY) {
            visitor_pushed(v, event.data, event.len);
        } else if (event.kind != SLC_WS_PONG) {
            visitor_close(v);
            slc_gateway_client_closed(v->session, SLC_CLOSED, NULL, slc_now());
        }
        visitor_obey(v);
    }
}

/* One look at socket and clock, for `ms` at most. */
static inline void visitor_turn(struct visitor *v, int ms)
{
    visitor_obey(v);
    struct pollfd fd = {.fd = v->fd, .events = POLLIN};
    if (poll(&fd, 1, ms) == 1) visitor_read(v);
    if (slc_gateway_client_due(v->session) <= slc_now()) {
        slc_gateway_client_tick(v->session, slc_now(), slc_unix_seconds());
    }
    visitor_obey(v);
}

/* Turns of `v` until `condition` holds; fails the test when that takes too long. */
#define VISITOR_UNTIL(v, condition)                                                                                    \
    do {                                                                                                               \
        slc_time until_ = slc_now() + VISITOR_PATIENCE_S * SLC_SECOND;                                                 \
        while (!(condition) && slc_now() < until_) {                                                                   \
            visitor_turn((v), 5);                                                                                      \
        }                                                                                                              \
        if (!(condition)) fail_msg("never came: " #condition);                                                         \
    } while (0)

static inline struct visitor *visitor_new(const struct slc_localnet *net, unsigned gateway, uint64_t seed)
{
    struct visitor *v = calloc(1, sizeof *v);
    assert_non_null(v);
    v->fd = -1;
    slc_random_from_number(&v->random, seed, 3);
    slc_client_keys_generate(&v->keys, &v->random);
    struct slc_error error = {0};
    assert_int_equal(slc_localnet_topology(net, &v->topology, &error), SLC_OK);
    const struct slc_node *gateways[16];
    size_t n = slc_topology_gateways(v->topology, true, gateways, 16);
    assert_true(gateway < n);
    v->gateway = gateways[gateway];
    assert_int_equal(slc_pool_init(&v->carry, 40000, 2), SLC_OK);
    assert_int_equal(slc_sphinx_scratch_new(&v->scratch, 2), SLC_OK);
    v->session = calloc(1, slc_gateway_client_bytes());
    struct slc_gateway_client_config config = {.keys = &v->keys, .random = &v->random};
    memcpy(config.gateway, v->gateway->identity, SLC_IDENTITY_BYTES);
    slc_gateway_client_init(v->session, &config, slc_now());
    return v;
}

static inline struct visitor *visitor_login(const struct slc_localnet *net, unsigned gateway, uint64_t seed)
{
    struct visitor *v = visitor_new(net, gateway, seed);
    VISITOR_UNTIL(v, slc_gateway_client_ready(v->session));
    return v;
}

static inline void visitor_free(struct visitor *v)
{
    visitor_close(v);
    slc_gateway_client_drop(v->session);
    free(v->session);
    slc_topology_release(v->topology);
    slc_pool_free(&v->carry);
    slc_sphinx_scratch_free(v->scratch);
    free(v);
}

/* ---- packets ---- */

struct journey {
    uint8_t message[MESSAGE_BYTES];
    uint8_t ack[SLC_ACK_PLAINTEXT_BYTES];
    slc_time delay;                             /* at each of the three mixnodes */
    struct slc_topology *ack_topology;          /* NULL: as for the data         */
    const struct slc_node *hop[SLC_ROUTE_HOPS]; /* result */
    uint8_t packet[SLC_REGULAR_PACKET_BYTES];   /* result */
};

static inline void visitor_route(struct visitor *v, const struct slc_node *egress, const uint8_t *destination,
                                 slc_time delay, const struct slc_node **hop, struct slc_route *route,
                                 uint8_t random[SLC_ROUTE_RANDOM_MAX])
{
    assert_int_equal(slc_topology_route(v->topology, &v->random, egress, hop), SLC_OK);
    *route = (struct slc_route){.hops = SLC_ROUTE_HOPS, .version = SLC_SPHINX_SEEDS, .random = random};
    for (unsigned i = 0; i < SLC_ROUTE_HOPS; i++) {
        route->hop[i] = &hop[i]->hop;
        route->delay_ns[i] = i + 1 < SLC_ROUTE_HOPS ? delay : 0;
    }
    memcpy(route->destination, destination, SLC_DESTINATION_BYTES);
    slc_random_bytes(&v->random, random, SLC_ROUTE_RANDOM_MAX);
}

/* Message and ack numbered `number`, from `v` to `destination` at `egress`. */
static inline void visitor_pack(struct visitor *v, struct journey *j, const struct slc_node *egress,
                                const uint8_t *destination, uint32_t number)
{
    memset(j->message, (int)(number & 0xff), sizeof j->message);
    memcpy(j->message, &number, sizeof number);
    memset(j->ack, 0xa5, sizeof j->ack);
    memcpy(j->ack, &number, sizeof number);

    uint8_t plaintext[2048] = {0}, random[SLC_ROUTE_RANDOM_MAX];
    const struct slc_node *ack_hop[SLC_ROUTE_HOPS];
    struct slc_packet_job ack = {.plaintext = slc_bytes(j->ack, sizeof j->ack),
                                 .payload_bytes = SLC_ACK_PLAINTEXT_BYTES + SLC_PAYLOAD_OVERHEAD,
                                 .out = plaintext + SLC_SURB_ACK_ADDRESS_BYTES};
    struct slc_topology *data_topology = v->topology;
    if (j->ack_topology != NULL) v->topology = j->ack_topology;
    const struct slc_node *own = slc_topology_find(v->topology, v->gateway->identity);
    visitor_route(v, own, v->keys.identity.public_key, j->delay, ack_hop, &ack.route, random);
    v->topology = data_topology;
    assert_int_equal(slc_packets_build(v->scratch, &ack, 1), SLC_OK);
    struct slc_writer head = slc_writer(plaintext, SLC_SURB_ACK_ADDRESS_BYTES);
    slc_address_write_padded(&head, &ack_hop[0]->mix, SLC_SURB_ACK_ADDRESS_BYTES);
    memcpy(plaintext + SLC_SURB_ACK_BYTES, j->message, sizeof j->message);

    struct slc_packet_job job = {.plaintext = slc_bytes(plaintext, sizeof plaintext),
                                 .payload_bytes = sizeof plaintext + SLC_PAYLOAD_OVERHEAD,
                                 .out = j->packet};
    visitor_route(v, egress, destination, j->delay, j->hop, &job.route, random);
    assert_int_equal(slc_packets_build(v->scratch, &job, 1), SLC_OK);
}

/* Hands a packet to the gateway for `first_hop`. */
static inline void visitor_submit(struct visitor *v, const uint8_t *packet, size_t len,
                                  const struct slc_address *first_hop)
{
    uint8_t room[SLC_WS_HEAD_MAX + SLC_FRAME_OVERHEAD + 64 + SLC_REGULAR_PACKET_BYTES];
    uint8_t *frame = room + SLC_WS_HEAD_MAX;
    struct slc_writer w = slc_writer(frame + SLC_FRAME_HEAD_BYTES, 64 + SLC_REGULAR_PACKET_BYTES);
    slc_mix_packet_write_head(&w, SLC_MIX_PACKET_V2, v->topology->rotation, first_hop);
    slc_write_bytes(&w, packet, len);
    struct slc_frame_job job = {
        .key = slc_gateway_client_key(v->session), .frame = frame, .len = w.len, .kind = SLC_MIX_PACKET_V2};
    slc_frames_seal(&job, 1, &v->random);
    visitor_frame(v, frame, w.len + SLC_FRAME_OVERHEAD, SLC_WS_OP_BINARY);
}

static inline void visitor_send(struct visitor *v, const struct visitor *to, uint32_t number, slc_time delay)
{
    struct journey j = {.delay = delay};
    const struct slc_node *egress = slc_topology_find(v->topology, to->gateway->identity);
    visitor_pack(v, &j, egress, to->keys.identity.public_key, number);
    visitor_submit(v, j.packet, sizeof j.packet, &j.hop[0]->mix);
}

/* How many messages (or acks) with this number came, byte for byte as they were made. */
static inline size_t visitor_has(const struct visitor *v, uint32_t number, bool ack)
{
    size_t n = 0, len = ack ? SLC_ACK_PLAINTEXT_BYTES : MESSAGE_BYTES;
    uint8_t wanted[MESSAGE_BYTES];
    memset(wanted, ack ? 0xa5 : (int)(number & 0xff), sizeof wanted);
    memcpy(wanted, &number, sizeof number);
    for (size_t i = 0; i < v->count; i++) {
        n += v->got[i].len == len && memcmp(v->got[i].bytes, wanted, len) == 0;
    }
    return n;
}

#endif
