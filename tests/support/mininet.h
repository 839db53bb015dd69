/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TEST_MININET_H
#define SLUICE_TEST_MININET_H

#include "engine/client/client.h"
#include "engine/traffic/index.h"
#include "net/gateway/server.h"

/*
 * Virtual clients in a mixnet of three mixnodes and two gateways that fits in memory and in virtual time: real packets,
 * real sessions, real cryptography; only wires and clocks are missing. What happens depends on the seed alone.
 *
 * Time goes in steps of a millisecond, as with the runtime's timer, and steps without events are skipped. Packets
 * travel at their own exact times.
 */

enum { MININET_MIXES = 3, MININET_NODES = 5, MININET_UNIX = 1700000000 };

struct mininet_node {
    struct slc_identity identity;
    uint8_t secret[2][SLC_KEY_BYTES]; /* of even and odd rotations */
    struct slc_address address;
    struct slc_registry *registry; /* gateways */
};

/* A message that a client was handed. */
struct mininet_delivery {
    struct mininet_delivery *next;
    uint32_t index;
    bool has_tag, is_reply;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    slc_time at;
    size_t len;
    uint8_t *data;
};

struct mininet_client {
    struct slc_server_session *session; /* the gateway's end */
    unsigned gateway;
    uint64_t connection; /* 0: none */
    bool refuse;         /* its connections fail from now on */
    unsigned ready, lost, failed, expired, sent, acked, removed;
    struct slc_client_keys keys;
    bool has_key; /* registered: for a second life */
    uint8_t key[32];
    uint64_t timestamp;
    enum slc_status status; /* of the last EXPIRED */
    slc_time sent_at;       /* of the last SENT */
    slc_time *dues;         /* when binary frames left, if recorded */
    size_t due_count, due_cap;
    size_t large_frames; /* of these, how many were larger than a regular packet's */
    uint8_t *hops;       /* nodes that they named, as far as they reached the gateway, if recorded */
    size_t hop_count, hop_cap;
    bool stalled; /* its gateway reads nothing */
    size_t waiting;
    struct mininet_held *held;
    struct mininet_letter *inbox;
};

struct mininet {
    slc_time now;
    struct slc_random random, client_random;
    struct slc_traffic traffic;
    struct slc_clients *clients;
    struct slc_topology *topology;
    uint32_t rotation_id;
    slc_time previous_until; /* the keys of the rotation before are good until then */
    uint64_t epoch_id;
    struct slc_rotation_info info; /* validity_epochs 0: clients are told nothing */
    int64_t clock_step;            /* seconds that the wall clock is wrong         */
    bool stuck;                    /* epochs do not go on                          */
    struct mininet_node nodes[MININET_NODES];
    struct mininet_client *client;
    size_t client_count, max_clients;
    uint64_t connections;

    /* faults, for packets that enter or leave the mixnet at gateways */
    double loss, duplicates;
    slc_time jitter;
    size_t slot_limit;   /* slots that may be taken at a time; 0: no limit   */
    double send_failure; /* of port.send()                                   */
    slc_time step;       /* how coarse the owner's turns are: 1 ms           */
    bool record_dues;
    bool wide;                  /* all mixnodes are in all layers, from the next mininet_refresh() on */
    bool gateway_mixes;         /* the last gateway is in the first layer, too, from then on           */
    bool hidden[MININET_NODES]; /* nodes that the topology does not list from then on                  */
    bool keep_deliveries;       /* true at first                                  */

    /* who keeps the clients' records, as in struct slc_client_port */
    uint64_t (*keep)(void *self, uint32_t index, const struct slc_client_record *record);
    void *keeper;

    struct slc_index alphas; /* of all packets that clients sent */
    uint64_t reused;         /* packets whose header was seen before: a SURB that was used twice */
    uint64_t astray;         /* packets for addresses that are no node's                         */
    uint64_t retired;        /* packets under keys that nodes have forgotten                     */
    size_t slots_out, done_count;
    uint64_t opened_old; /* packets of the rotation before, at all their hops */
    uint64_t packets_in, packets_lost, acks_lost, unopened, texts_in;
    struct mininet_delivery *first_delivery, **last_delivery;
    size_t delivery_count;

    struct mininet_event *heap;
    size_t heap_len, heap_cap;
    uint64_t sequence;
    struct slc_sphinx_scratch *scratch;
};

/* Set while the clients' own code runs, for a test program that watches malloc(). */
extern _Thread_local bool mininet_inside;

/* The defaults of slc_traffic_default(), unless `traffic` says more; `clients` of them, ready after mininet_run(). */
struct mininet *mininet_new(uint64_t seed, size_t clients, const struct slc_traffic *traffic, size_t batch);
/* The same with clients whose records are kept. */
struct mininet *mininet_new_kept(uint64_t seed, size_t clients, const struct slc_traffic *traffic,
                                 uint64_t (*keep)(void *, uint32_t, const struct slc_client_record *), void *keeper);
void mininet_free(struct mininet *net);
/* Lets `duration` pass. */
void mininet_run(struct mininet *net, slc_time duration);
/* Runs until every client is ready; at most a minute. */
void mininet_ready(struct mininet *net);

/* Hands client `from` a message; the data is copied. */
enum slc_status mininet_send(struct mininet *net, uint32_t from, uint32_t to, uint64_t token, const uint8_t *data,
                             size_t len, bool anonymous, uint32_t surbs);
enum slc_status mininet_reply(struct mininet *net, uint32_t from, const uint8_t tag[SLC_SENDER_TAG_BYTES],
                              uint64_t token, const uint8_t *data, size_t len);
/* The oldest message that was delivered, or NULL; free it with mininet_forget(). */
struct mininet_delivery *mininet_next(struct mininet *net);
void mininet_forget(struct mininet_delivery *delivery);

/* Cuts a client's connection, as a gateway's crash does. */
void mininet_cut(struct mininet *net, uint32_t index);
/* The gateway stops reading what the client sends, or goes on where it stopped. */
void mininet_stall(struct mininet *net, uint32_t index, bool on);
/* A new key rotation: same nodes, new keys; those of the one before stay good for an hour. Clients are told at once. */
void mininet_rotate(struct mininet *net);
/*
 * Epochs of so many seconds from now on, so many to a rotation, of which the first epoch begins now. Clients learn of
 * it with mininet_refresh(): the directory is asked for what has become of epoch, rotation and keys.
 */
void mininet_epochs(struct mininet *net, uint32_t epoch_seconds, uint32_t validity);
/* Lets time pass with a refresh every `period`. */
void mininet_run_refreshed(struct mininet *net, slc_time duration, slc_time period);
void mininet_refresh(struct mininet *net);
/* What nodes do by themselves when a rotation begins. */
void mininet_turn(struct mininet *net);
/*
 * All clients die; others with the same identities and registrations take their places, and `restore` gives them back
 * what they had kept (NULL: nothing).
 */
void mininet_crash(struct mininet *net, void (*restore)(void *self, struct mininet *net), void *self);
/* Hands a client what one fragment decrypts to, as a packet of a stranger's would; or a whole message in fragments. */
void mininet_fragment(struct mininet *net, uint32_t to, const uint8_t *fragment, size_t len);
void mininet_message(struct mininet *net, uint32_t to, const uint8_t *message, size_t len);
/* Pushes `payload` to a client as its gateway would; a frame with a wrong key when `forge`. */
void mininet_push(struct mininet *net, uint32_t index, const uint8_t *payload, size_t len, bool forge);
/* The key of the session of a client, to look into what it sends. */
const uint8_t *mininet_key(const struct mininet *net, uint32_t index);

#endif
