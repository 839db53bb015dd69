/* SPDX-License-Identifier: Apache-2.0 */
#include "net/wire/http_head.h"
#include "net/wire/websocket_internal.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

/* RFC 6455, section 1.3: what is hashed behind the client's key. */
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum {
    NONCE_BYTES = 16,
    KEY_TEXT = 24, /* base64 of the nonce, "==" at its end */
    ACCEPT_TEXT = sizeof((struct slc_ws *)0)->accept_key,
};
_Static_assert(ACCEPT_TEXT == (SHA_DIGEST_LENGTH + 2) / 3 * 4, "base64 of a SHA-1 digest");

static void write_text(struct slc_writer *w, const char *text)
{
    slc_write_bytes(w, text, strlen(text));
}

/* SHA-1 is what the RFC says; nothing rests on its strength. */
static void accept_of(char accept[ACCEPT_TEXT], const uint8_t key[KEY_TEXT])
{
    uint8_t hashed[KEY_TEXT + sizeof ACCEPT_GUID - 1];
    memcpy(hashed, key, KEY_TEXT);
    memcpy(hashed + KEY_TEXT, ACCEPT_GUID, sizeof ACCEPT_GUID - 1);
    uint8_t digest[SHA_DIGEST_LENGTH];
    (void)SHA1(hashed, sizeof hashed, digest);

    uint8_t text[ACCEPT_TEXT + 1]; /* OpenSSL adds a final zero */
    (void)EVP_EncodeBlock(text, digest, sizeof digest);
    memcpy(accept, text, ACCEPT_TEXT);
}

/* ---- client ---- */

/* Nothing that could end a line or a word of the request. */
static bool is_request_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text == 0x7f) return false;
    }
    return true;
}

enum slc_status slc_ws_request(struct slc_ws *ws, const char *host, const char *path, struct slc_random *random,
                               struct slc_writer *out)
{
    if (*path == '\0') path = "/";
    if (*host == '\0' || *path != '/' || !is_request_text(host) || !is_request_text(path)) return SLC_BAD_ARGUMENT;

    uint8_t nonce[NONCE_BYTES];
    slc_random_bytes(random, nonce, sizeof nonce);
    uint8_t key[KEY_TEXT + 1];
    (void)EVP_EncodeBlock(key, nonce, sizeof nonce);
    accept_of(ws->accept_key, key);

    write_text(out, "GET ");
    write_text(out, path);
    write_text(out, " HTTP/1.1\r\nHost: ");
    write_text(out, host);
    write_text(out,
               "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
    slc_write_bytes(out, key, KEY_TEXT);
    write_text(out, "\r\n\r\n");
    return slc_writer_ok(out) ? SLC_OK : SLC_TOO_LONG;
}

static enum slc_status check_response(const struct slc_ws *ws, struct slc_bytes bytes, const char **reason)
{
    struct slc_http_head head;
    *reason = "the server's answer is not HTTP/1.1";
    if (slc_http_head_parse(bytes, &head) != SLC_OK || !slc_http_is(head.start[0], "HTTP/1.1")) return SLC_MALFORMED;
    *reason = "the server does not upgrade to WebSocket";
    if (!slc_http_is(head.start[1], "101")) return SLC_REFUSED;

    struct slc_bytes value;
    *reason = "the server's answer is not a WebSocket upgrade";
    if (!slc_http_field_has_token(&head, "Connection", "upgrade") ||
        slc_http_field_find(&head, "Upgrade", &value) != 1 || !slc_http_is_nocase(value, "websocket")) {
        return SLC_MALFORMED;
    }
    *reason = "the server's Sec-WebSocket-Accept does not fit the key";
    if (slc_http_field_find(&head, "Sec-WebSocket-Accept", &value) != 1 || value.len != ACCEPT_TEXT ||
        memcmp(value.data, ws->accept_key, ACCEPT_TEXT) != 0) {
        return SLC_MALFORMED;
    }
    *reason = "the server chose an extension or a subprotocol that was not offered";
    if (slc_http_field_find(&head, "Sec-WebSocket-Extensions", &value) > 0 ||
        slc_http_field_find(&head, "Sec-WebSocket-Protocol", &value) > 0) {
        return SLC_UNSUPPORTED;
    }
    return SLC_OK;
}

/* ---- server ---- */

/* 16 bytes as base64. */
static bool is_key(struct slc_bytes key)
{
    uint8_t text[KEY_TEXT];
    uint8_t decoded[KEY_TEXT / 4 * 3];
    if (key.len != KEY_TEXT || key.data[KEY_TEXT - 1] != '=' || key.data[KEY_TEXT - 2] != '=') return false;
    memcpy(text, key.data, KEY_TEXT);
    if (memchr(text, '=', KEY_TEXT - 2) != NULL) return false;
    return EVP_DecodeBlock(decoded, text, KEY_TEXT) == (int)sizeof decoded;
}

/* Path, origin and what the client offers do not matter (chapter 3, section 2.3). */
static enum slc_status check_request(struct slc_bytes bytes, struct slc_bytes *key, const char **reason)
{
    struct slc_http_head head;
    *reason = "the request is not HTTP/1.1";
    if (slc_http_head_parse(bytes, &head) != SLC_OK || !slc_http_is(head.start[2], "HTTP/1.1")) return SLC_MALFORMED;
    *reason = "the request is not a GET";
    if (!slc_http_is(head.start[0], "GET")) return SLC_MALFORMED;

    struct slc_bytes value;
    *reason = "the request has no Host, or several";
    if (slc_http_field_find(&head, "Host", &value) != 1) return SLC_MALFORMED;
    *reason = "the request is not a WebSocket upgrade";
    if (!slc_http_field_has_token(&head, "Connection", "upgrade") ||
        !slc_http_field_has_token(&head, "Upgrade", "websocket")) {
        return SLC_MALFORMED;
    }
    *reason = "the request's Sec-WebSocket-Key is not 16 bytes of base64";
    if (slc_http_field_find(&head, "Sec-WebSocket-Key", key) != 1 || !is_key(*key)) return SLC_MALFORMED;
    *reason = "the request's WebSocket version is not 13";
    if (slc_http_field_find(&head, "Sec-WebSocket-Version", &value) != 1 || !slc_http_is(value, "13")) {
        return SLC_UNSUPPORTED;
    }
    return SLC_OK;
}

static void write_answer(struct slc_writer *reply, enum slc_status status, struct slc_bytes key)
{
    if (status == SLC_UNSUPPORTED) {
        write_text(reply, "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\n"
                          "Connection: close\r\nContent-Length: 0\r\n\r\n");
    } else if (status != SLC_OK) {
        write_text(reply, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    } else {
        char accept[ACCEPT_TEXT];
        accept_of(accept, key.data);
        write_text(reply, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                          "Sec-WebSocket-Accept: ");
        slc_write_bytes(reply, accept, ACCEPT_TEXT);
        write_text(reply, "\r\n\r\n");
    }
}

enum slc_status slc_ws_upgrade(struct slc_ws *ws, struct slc_bytes head, struct slc_writer *reply, const char **reason)
{
    if (ws->role == SLC_WS_CLIENT) return check_response(ws, head, reason);
    struct slc_bytes key = slc_bytes(NULL, 0);
    enum slc_status status = check_request(head, &key, reason);
    write_answer(reply, status, key);
    return status;
}
