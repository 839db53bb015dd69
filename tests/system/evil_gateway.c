/* SPDX-License-Identifier: Apache-2.0 */
#include "net/directory/directory.h"
#include "net/gateway/server.h"
#include "net/wire/websocket.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A gateway that misbehaves in one way, for tests of programs: evil_gateway MODE TOPOLOGY-FILE. Writes a topology in
 * which it is the only gateway, prints "ready RECIPIENT" with somebody to send to, and "visited" for each connection;
 * serves until SIGTERM.
 */

enum mode { GARBAGE, DEAF, HANG, NONSENSE, CLOSE, HUGE_FRAME, WRONG_SIGNATURE, MODES };
static const char *const names[MODES] = {
    "garbage",         /* answers the upgrade with something that is not HTTP        */
    "deaf",            /* accepts the connection and never says anything             */
    "hang",            /* upgrades, then says nothing                                */
    "nonsense",        /* upgrades, then sends text that is no message               */
    "close",           /* ends the connection in the middle of the registration      */
    "huge",            /* announces a frame of 2^63 bytes                            */
    "wrong-signature", /* registers clients with a key that is not the published one */
};

static enum mode mode;
static struct slc_identity identity;
static struct slc_recipient somebody; /* well formed, and at no place */

struct visit {
    int fd;
    struct slc_ws ws;
    struct slc_pool carry;
    struct slc_random random;
    struct slc_registry *registry;
    struct slc_server_session *session;
};

static void say(const struct visit *v, const void *data, size_t len)
{
    (void)!send(v->fd, data, len, MSG_NOSIGNAL);
}

static void say_text(const struct visit *v, const uint8_t *text, size_t len)
{
    uint8_t room[SLC_WS_HEAD_MAX + SLC_SERVER_TEXT_MAX];
    memcpy(room + SLC_WS_HEAD_MAX, text, len);
    size_t head = slc_ws_frame(room + SLC_WS_HEAD_MAX, len, SLC_WS_OP_TEXT, NULL);
    say(v, room + SLC_WS_HEAD_MAX - head, head + len);
}

static void opened(const struct visit *v)
{
    static const char nonsense[] = "{\"type\":\"supper\",\"version\":[6]";
    static const uint8_t huge[10] = {0x82, 127, 0x80};
    if (mode == NONSENSE) say_text(v, (const uint8_t *)nonsense, sizeof nonsense - 1);
    if (mode == HUGE_FRAME) say(v, huge, sizeof huge);
}

/* False: hang up. */
static bool heard(struct visit *v, const struct slc_ws_event *event)
{
    if (event->kind != SLC_WS_TEXT) return event->kind == SLC_WS_PONG;
    if (mode != CLOSE && mode != WRONG_SIGNATURE) return true;
    bool handshake = memmem(event->data, event->len, "handshakePayload", 16) != NULL ||
                     memmem(event->data, event->len, "registerHandshakeInitRequest", 28) != NULL;
    if (mode == CLOSE && handshake) return false;
    slc_server_session_text(v->session, slc_bytes(event->data, event->len), 0, 1);
    uint8_t text[SLC_SERVER_TEXT_MAX];
    struct slc_server_event answer;
    for (;;) {
        struct slc_writer out = slc_writer(text, sizeof text);
        if (!slc_server_session_next(v->session, &answer, &out)) return true;
        if (answer.kind == SLC_SERVER_SEND) say_text(v, text, out.len);
        if (answer.kind == SLC_SERVER_DROP) return false;
    }
}

static void serve(struct visit *v)
{
    uint8_t data[65536];
    for (ssize_t n; (n = read(v->fd, data, sizeof data)) > 0;) {
        if (mode == DEAF) continue;
        if (mode == GARBAGE) {
            say(v, "SSH-2.0-OpenSSH_9.2\r\n", 21);
            continue;
        }
        slc_ws_feed(&v->ws, data, (size_t)n);
        struct slc_ws_event event;
        for (bool more = true; more;) {
            uint8_t answer[SLC_WS_REPLY_MAX];
            struct slc_writer reply = slc_writer(answer, sizeof answer);
            more = slc_ws_next(&v->ws, &event, NULL, &reply);
            say(v, answer, reply.len);
            if (more && event.kind == SLC_WS_OPEN) {
                opened(v);
            } else if (more && !heard(v, &event)) {
                return;
            }
        }
    }
}

static void *visited(void *argument)
{
    struct visit *v = argument;
    const struct slc_server_config config = {.identity = &identity, .registry = v->registry, .random = &v->random};
    slc_server_session_init(v->session, &config, 1, 0);
    slc_ws_init(&v->ws, SLC_WS_SERVER, &v->carry);
    serve(v);
    slc_ws_drop(&v->ws);
    slc_server_session_closed(v->session);
    slc_registry_free(v->registry);
    slc_pool_free(&v->carry);
    (void)close(v->fd);
    free(v->session);
    free(v);
    return NULL;
}

static bool visit(int fd)
{
    struct visit *v = calloc(1, sizeof *v);
    pthread_t thread;
    if (v == NULL) return false;
    v->fd = fd;
    v->session = calloc(1, slc_server_session_bytes());
    if (v->session == NULL || slc_random_from_system(&v->random) != SLC_OK ||
        slc_registry_new(&v->registry, 1000) != SLC_OK || slc_pool_init(&v->carry, 40000, 1) != SLC_OK) {
        return false;
    }
    return pthread_create(&thread, NULL, visited, v) == 0 && pthread_detach(thread) == 0;
}

/* Three mixnodes that are nowhere, and the gateway. */
static bool write_topology(const char *path, uint16_t port)
{
    struct slc_node nodes[4] = {0};
    static const uint8_t layers[4] = {1, 2, 3, 0};
    for (uint8_t i = 0; i < 4; i++) {
        uint8_t seed[32] = {7, i};
        struct slc_identity published;
        slc_identity_from_seed(&published, seed);
        nodes[i].id = i + 1u;
        memcpy(nodes[i].identity, published.public_key, SLC_IDENTITY_BYTES);
        slc_public_key(nodes[i].sphinx_key, seed);
        nodes[i].mix = (struct slc_address){.version = 4, .ip = {127, 0, 0, 1}, .port = 1};
        nodes[i].mixnode = layers[i] != 0;
        nodes[i].entry = nodes[i].has_entry = layers[i] == 0;
        nodes[i].ws = (struct slc_address){.version = 4, .ip = {127, 0, 0, 1}, .port = port};
        memcpy(somebody.identity, published.public_key, SLC_IDENTITY_BYTES);
        memcpy(somebody.gateway, published.public_key, SLC_IDENTITY_BYTES);
        memcpy(somebody.encryption_key, nodes[i].sphinx_key, SLC_KEY_BYTES);
        if (layers[i] == 0 && mode != WRONG_SIGNATURE) identity = published;
    }
    uint8_t other[32] = {9};
    if (mode == WRONG_SIGNATURE) slc_identity_from_seed(&identity, other);
    const struct slc_network network = {.epoch_id = 97,
                                        .rotation_id = 4,
                                        .validity_epochs = 24,
                                        .epoch_seconds = 3600,
                                        .epoch_start = 1700000000,
                                        .nodes = nodes,
                                        .layer = layers,
                                        .node_count = 4};
    char *text = slc_network_document(&network, SLC_DOCUMENT_TOPOLOGY_FILE);
    FILE *file = text == NULL ? NULL : fopen(path, "w");
    bool good = file != NULL && fputs(text, file) >= 0;
    if (file != NULL) good &= fclose(file) == 0;
    free(text);
    return good;
}

int main(int argc, char **argv)
{
    mode = MODES;
    for (int i = 0; argc == 3 && i < MODES; i++) {
        if (strcmp(argv[1], names[i]) == 0) mode = (enum mode)i;
    }
    if (mode == MODES || sodium_init() < 0) {
        (void)fprintf(stderr, "usage: evil_gateway MODE TOPOLOGY-FILE\n");
        return 2;
    }
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    if (bind(listener, (struct sockaddr *)&in, len) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&in, &len) != 0 || !write_topology(argv[2], ntohs(in.sin_port))) {
        perror("evil_gateway");
        return 2;
    }
    char recipient[SLC_RECIPIENT_TEXT_MAX];
    slc_recipient_to_text(&somebody, recipient);
    (void)printf("ready %s\n", recipient);
    (void)fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) continue;
        (void)printf("visited\n");
        (void)fflush(stdout);
        if (!visit(fd)) return 2;
    }
}
