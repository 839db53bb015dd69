/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_GATEWAY_CLIENT_INTERNAL_H
#define SLUICE_GATEWAY_CLIENT_INTERNAL_H

#include "net/gateway/client.h"
#include "net/gateway/handshake.h"
#include "net/gateway/messages.h"

/*
 * Inside a client's session: client.c has the life of connections and the open session, client_login.c what happens
 * between the two.
 */

enum { WORDS_MAX = 128 }; /* of the gateway, in an error of ours */

enum state {
    STATE_PAUSE,      /* no connection; CONNECT falls due at `deadline`                     */
    STATE_OPENING,    /* CONNECT was handed out                                             */
    STATE_VERSION,    /* supportedProtocol sent                                             */
    STATE_ANSWER,     /* handshake message 1 sent                                           */
    STATE_ACCEPTANCE, /* handshake message 3 sent                                           */
    STATE_REGISTER,   /* handshake done, `register` to come                                 */
    STATE_CLOCK,      /* the clock still shows the second of the last authentication        */
    STATE_AUTH,       /* authenticateV2 sent                                                */
    STATE_OPEN,       /* authenticated; ready or not                                        */
    STATE_LEAVING,    /* farewell sent                                                      */
    STATE_FAILED,
};

/*
 * What _next() still has to hand out. A set, not a queue: an event that nobody took is overtaken by later ones and can
 * never overflow. The order of the values is the order in which they are handed out.
 */
enum pending {
    PENDING_HANDSHAKE_ERROR = 1 << 0,
    PENDING_FAREWELL = 1 << 1,
    PENDING_LOST = 1 << 2,
    PENDING_DISCONNECT = 1 << 3,
    PENDING_FAILED = 1 << 4,
    PENDING_CONNECT = 1 << 5,
    PENDING_VERSION = 1 << 6,
    PENDING_PAYLOAD = 1 << 7,
    PENDING_REGISTERED = 1 << 8,
    PENDING_AUTH = 1 << 9,
    PENDING_CLAIM = 1 << 10,
    PENDING_READY = 1 << 11,
    PENDING_LEFT = 1 << 12,
    PENDING_SENDS =
        PENDING_HANDSHAKE_ERROR | PENDING_FAREWELL | PENDING_VERSION | PENDING_PAYLOAD | PENDING_AUTH | PENDING_CLAIM,
};

struct slc_gateway_client {
    const struct slc_client_keys *keys;
    struct slc_random *random;
    uint8_t gateway[SLC_IDENTITY_BYTES];
    uint8_t key[SLC_SEAL_KEY_BYTES];
    bool has_key;
    bool ready;
    bool used; /* it was ready on this connection: packets may be on the way */
    bool claiming;
    bool elsewhere;   /* the gateway just said that our identity has a connection already */
    uint8_t version;  /* negotiated; 0: ask first */
    uint8_t refusals; /* of authentication, in a row */
    enum state state;
    uint32_t pending;
    uint32_t limit;    /* attempts, 0: none */
    uint32_t failures; /* attempts since the session was last ready */
    uint32_t pauses;   /* since it was last stable */
    slc_time answer_timeout;
    slc_time deadline;       /* of the state */
    slc_time claim_deadline; /* of the claim under way; or when one may be made */
    slc_time ready_since;
    slc_time last_pause; /* between connections */
    uint64_t timestamp;  /* last used */
    uint64_t next_stamp; /* of the authenticateV2 to be written */
    int64_t told;        /* balance */
    uint64_t sent;       /* bytes since it was told */
    struct slc_handshake handshake;
    uint8_t payload[SLC_HANDSHAKE_PROOF_BYTES];
    size_t payload_len;
    struct slc_control farewell;
    char complaint[192]; /* of handshakeError, to the gateway */
    struct slc_error error;
};

static inline slc_time slc_gateway_after(slc_time now, slc_time span)
{
    return span < SLC_NEVER - now ? now + span : SLC_NEVER;
}

/* ---- client.c ---- */

/* This connection is over, the next one may do better; g->error says why. open: there is something to disconnect. */
void slc_gateway_lose(struct slc_gateway_client *g, bool open, slc_time now);
/* Gives up for good; g->error says why. */
void slc_gateway_give_up(struct slc_gateway_client *g, bool open);
/* The gateway knows who we are, and told this balance. */
void slc_gateway_authenticated(struct slc_gateway_client *g, int64_t bandwidth, slc_time now);

/* ---- client_login.c ---- */

/* Begins to authenticate, or to register when there is no key. */
void slc_gateway_log_in(struct slc_gateway_client *g, slc_time now, uint64_t unix_now);
/* Authenticates, or waits in STATE_CLOCK for the next second. */
void slc_gateway_authenticate(struct slc_gateway_client *g, slc_time now, uint64_t unix_now);
/* A text in STATE_ANSWER or STATE_ACCEPTANCE. */
void slc_gateway_handshake_text(struct slc_gateway_client *g, struct slc_bytes text, slc_time now);
/* A response in STATE_VERSION, STATE_REGISTER, STATE_CLOCK or STATE_AUTH. */
void slc_gateway_login_response(struct slc_gateway_client *g, const struct slc_control_message *message, slc_time now,
                                uint64_t unix_now);
/* Ends a handshake with handshakeError. */
void slc_gateway_handshake_failed(struct slc_gateway_client *g, enum slc_status reason, slc_time now);
/* Appends the authenticateV2 that is due. */
void slc_gateway_write_authentication(struct slc_gateway_client *g, struct slc_writer *out);

#endif
