/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CLIENT_INTERNAL_H
#define SLUICE_CLIENT_INTERNAL_H

#include "crypto/curve/curve.h"
#include "engine/client/client.h"
#include "engine/message/reassembly.h"
#include "engine/traffic/pending.h"
#include "engine/traffic/schedule.h"

/*
 * The rooms of this folder and what they share:
 *   clients.c  lifecycle, sessions with gateways, deadlines, the run
 *   messages.c messages from the application's hand to the last ack
 *   send.c     what goes into which slot, and retransmission
 *   build.c    plans to packets, in batches
 *   receive.c  frames to acks, cover, fragments and messages, in batches
 *   reply.c    what we handed out: tags, keys of our SURBs; requests for more
 *   store.c    others' SURBs, and what waits for them
 *   surbs.c    SURBs for messages that carry some, in batches
 *   tables.c   curve tables of keys that come back again and again
 */

struct store;

/* A message until its last ack; in a slab. Cut on demand from its bytes, again for each retransmission. */
struct message {
    struct message *previous, *next;             /* in `list`                                     */
    struct message_list *list;                   /* its client's queue, its store's, or NULL     */
    struct message *store_previous, *store_next; /* all messages of one store                     */
    struct message *next_bare;                   /* of those whose SURBs are not made; free list  */
    struct store *store;                         /* replies                                       */
    const struct slc_node *egress;               /* else; of the snapshot number `snapshot`       */
    uint8_t *memory;                             /* the application's, or malloc()ed if `internal` */
    uint8_t *bytes;                              /* the message, head included                    */
    uint32_t *set_ids;                           /* &one_set, or allocated                        */
    struct slc_cut cut;
    struct slc_recipient recipient;
    uint64_t token;
    slc_time intended, first_due;
    uint32_t one_set;
    uint32_t client, snapshot, surbs;
    uint32_t next_fragment, sent, acked; /* fragments: first not yet in a slot, sent once, acked */
    uint32_t retransmissions;            /* most repeats of a fragment; UINT32_MAX: no limit     */
    uint8_t kind;                        /* enum slc_message_kind */
    bool live, internal, bare;           /* bare: its SURBs are not made yet */
};

struct message_list {
    struct message *first, *last;
};

/* Text for the gateway that found no slot. */
struct held_text {
    size_t len;
    uint8_t text[];
};

struct client {
    struct slc_gateway_client *session;
    const struct slc_client_keys *keys;
    const struct slc_node *own; /* its gateway in the snapshot; NULL: not there */
    struct slc_schedule main, loop;
    slc_time armed; /* earliest deadline handed out and not come yet; SLC_NEVER: none */
    slc_time swept; /* reassembly */
    struct message_list queue;
    size_t queued; /* fragments that wait for a slot or for SURBs */
    struct slc_pending pending;
    uint32_t retry_first, retry_last, retries; /* idle pending entries to send again */
    uint32_t generation;                       /* of `armed` */
    uint32_t gateway;                          /* in slc_clients.gateways */
    uint32_t next_connect;                     /* queue of those that wait for their turn to connect */
    uint16_t cover_at;
    bool started, connecting, open, ready, has_key, failed, active, waits_connect;
    uint8_t (*cover_keys)[SLC_KEY_BYTES]; /* ring of own cover's ephemeral keys; NULL until the first */
    struct held_text *held;
    struct slc_reassembly *reassembly; /* NULL until needed */
    struct replies *replies;           /* NULL until needed */
};

struct client_gateway {
    uint8_t identity[SLC_IDENTITY_BYTES];
    struct slc_client_counters counters;
};

/* A SURB taken for one packet; its bytes live until slc_surbs_discard(). */
struct ticket {
    const uint8_t *bytes; /* 16-byte key first */
    uint16_t len;
    uint8_t rotation;
    bool explicit_keys;
};

enum plan_kind { PLAN_COVER, PLAN_FRAGMENT, PLAN_REPLY };

/* One data packet to be built. */
struct plan {
    uint32_t client;
    uint32_t place; /* pending entry; not for cover */
    uint8_t kind;
    const struct slc_node *egress; /* not for replies */
    struct ticket ticket;          /* replies */
    uint8_t *slot;
    slc_time due;
    slc_time delays; /* result of building: delays drawn for the packet and its ack, forth and back */
};

struct slc_clients {
    const struct slc_traffic *traffic;
    struct slc_client_port port;
    struct slc_random *random;
    size_t max_clients, count, ready;
    struct client *clients;        /* max_clients; untouched pages cost nothing */
    struct slc_client_keys **keys; /* guarded blocks of KEYS_PER_BLOCK          */
    struct client_gateway **gateways;
    size_t gateway_count;
    struct slc_topology *topology;
    struct slc_rotation_info info;
    uint32_t snapshot; /* counts topologies */
    uint32_t *active;  /* clients that the next run looks at */
    size_t active_count;
    uint32_t connect_first, connect_last, connecting;
    struct message *free_messages;
    struct message_slab *slabs;
    struct message *bare_first, *bare_last;
    uint16_t cover_ring; /* entries of a client's cover_keys; a power of two */
    struct plan *plans;
    size_t plan_count, batch;
    size_t planned; /* in this turn: one client with much to send must not keep the others from theirs */
    bool refused;   /* a frame was not taken this turn: there is no use in building more */
    size_t fragment_bytes, packet_bytes;
    struct builder *builder;
    struct receiver *receiver;
    struct surb_maker *surb_maker;
    struct key_tables *tables;
    struct surb_block *spent; /* to be freed after the batch */
    slc_time now;             /* of the call that is running */
    struct slc_client_counters counters;
};

enum { KEYS_PER_BLOCK = 32 };

/* ---- numbers ---- */

static inline void slc_client_bump(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}
#define COUNT(c, k, name, n)                                                                                           \
    do {                                                                                                               \
        slc_client_bump(&(c)->counters.name, n);                                                                       \
        slc_client_bump(&(c)->gateways[(k)->gateway]->counters.name, n);                                               \
    } while (0)

static inline uint32_t slc_client_index(const struct slc_clients *c, const struct client *k)
{
    return (uint32_t)(k - c->clients);
}

/* ---- clients.c ---- */

/* The next run looks at this client. */
void slc_client_activate(struct slc_clients *c, struct client *k);
void slc_client_event(struct slc_clients *c, const struct client *k, struct slc_client_event *event);

/* ---- messages.c ---- */

void slc_list_append(struct message_list *list, struct message *m);
void slc_list_remove(struct message *m);
/* A message of our own making (SURBs, a request) like `model`, queued; takes `memory` (malloc) in any case. */
SLC_MUST_CHECK enum slc_status slc_messages_add(struct slc_clients *c, struct client *k, const struct message *model,
                                                uint8_t *memory, size_t len);
/* Gives a message up: takes its fragments from acks and alarms, and tells the application. */
void slc_messages_expire(struct slc_clients *c, struct message *m, enum slc_status status);
void slc_messages_expire_all(struct slc_clients *c, struct client *k, enum slc_status status);
void slc_messages_ack(struct slc_clients *c, struct client *k, struct slc_fragment_id id);
/* Gives back all memory, without events. */
void slc_messages_free(struct slc_clients *c);
size_t slc_messages_memory(const struct slc_clients *c);

/* ---- send.c ---- */

/* Fills the slots that fall due, or sends what waits; false: stopped for lack of slots. */
bool slc_send_plan(struct slc_clients *c, struct client *k, slc_time now);
/* What became of a plan for a fragment. Its slot is gone. */
void slc_send_result(struct slc_clients *c, const struct plan *plan, bool sent);
/* Fragments whose acks did not come go to the queue of retries. */
void slc_send_overdue(struct slc_clients *c, struct client *k, slc_time now);
/* Moves a store's waiting messages and stalled fragments back into their client's queues. */
void slc_send_resume(struct slc_clients *c, struct client *k, struct store *store);
/* Deadline of the client's own queues. */
slc_time slc_send_due(struct slc_clients *c, struct client *k);

/* ---- build.c ---- */

SLC_MUST_CHECK enum slc_status slc_builder_new(struct slc_clients *c);
void slc_builder_free(struct builder *b);
/* Builds, seals and sends all of c->plans. */
void slc_build(struct slc_clients *c);
size_t slc_builder_memory(const struct builder *b);
struct slc_sphinx_scratch *slc_builder_scratch(struct builder *b);

/* ---- surbs.c ---- */

SLC_MUST_CHECK enum slc_status slc_surb_maker_new(struct slc_clients *c);
void slc_surb_maker_free(struct surb_maker *s);
/* Makes the SURBs of messages that lack them, and writes those messages' heads. */
void slc_surbs_make(struct slc_clients *c);
/* This client's messages need none any more. */
void slc_surbs_forget(struct slc_clients *c, const struct client *k);
size_t slc_surb_maker_memory(const struct surb_maker *s);

/* ---- tables.c ---- */

SLC_MUST_CHECK enum slc_status slc_key_tables_new(struct key_tables **tables);
void slc_key_tables_free(struct key_tables *tables);
/* A table of `key` if it came often enough to have one; else NULL. Valid until the next call. */
const struct slc_curve_table *slc_key_table(struct key_tables *tables, const uint8_t key[SLC_KEY_BYTES]);
/* Forgets nothing, but keeps what was handed out since the last call from being replaced until the next. */
void slc_key_tables_turn(struct key_tables *tables);
size_t slc_key_tables_memory(const struct key_tables *tables);

/* ---- receive.c ---- */

SLC_MUST_CHECK enum slc_status slc_receiver_new(struct slc_clients *c);
void slc_receiver_free(struct receiver *r);
size_t slc_receiver_memory(const struct receiver *r);

/* ---- reply.c ---- */

/* Another's SURBs under one tag, and what waits for them. */
struct store {
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct store *older, *newer; /* by when SURBs came last */
    struct surb_block *first, *last;
    uint32_t count, requested, repeats;
    slc_time heard;
    struct message_list waiting;                   /* that found no SURB for their next fragment    */
    struct message *messages;                      /* all of them, through store_next               */
    uint32_t unsent;                               /* fragments of replies that have no SURB yet               */
    uint32_t stalled_first, stalled_last, stalled; /* pending entries to send again */
    uint32_t place, hash;
};

/* What one client knows of replies, either way. */
struct replies {
    struct reply_key *keys; /* a ring in order of making */
    uint32_t keys_cap, keys_first, keys_len;
    struct slc_index key_index;
    struct contact *contacts; /* whom we wrote to anonymously; then the oldest is overwritten */
    uint32_t contacts_cap, contacts_len, contacts_next;
    struct slc_index contact_index;
    struct store **stores;
    uint32_t stores_cap, stores_len;
    struct slc_index store_index;
    struct store *oldest, *newest;
    uint32_t stored;  /* SURBs in all stores */
    slc_time checked; /* next look at silent peers; SLC_NEVER: nothing waits for SURBs */
};

enum reply_key_result { REPLY_KEY_NONE, REPLY_KEY_FOUND, REPLY_KEY_USED };

/* The client's side tables, made at the first need; NULL: no memory. */
struct replies *slc_replies_of(struct slc_clients *c, struct client *k);
void slc_replies_free(struct slc_clients *c, struct client *k);
size_t slc_replies_memory(const struct replies *r);

/* Our tag towards `recipient`; drawn at the first use when `make`. NULL: none. */
const uint8_t *slc_reply_tag(struct slc_clients *c, struct client *k, const struct slc_recipient *recipient, bool make);
/* Keeps a handed-out SURB's key. */
SLC_MUST_CHECK enum slc_status slc_reply_key_keep(struct slc_clients *c, struct client *k,
                                                  const uint8_t key[SLC_SURB_KEY_BYTES], slc_time now);
/* Takes the key of a reply: only the first time. */
enum reply_key_result slc_reply_key_take(struct client *k, const uint8_t digest[SLC_SURB_DIGEST_BYTES],
                                         uint8_t key[SLC_SURB_KEY_BYTES]);
void slc_reply_keys_age(struct slc_clients *c, struct client *k, slc_time now);

struct store *slc_store_find(const struct client *k, const uint8_t tag[SLC_SENDER_TAG_BYTES]);
/* SURBs that came; `asked_for`: in answer to a request. */
void slc_store_receive(struct slc_clients *c, struct client *k, const uint8_t tag[SLC_SENDER_TAG_BYTES],
                       const struct slc_surb_list *surbs, bool asked_for, slc_time now);
/* Takes a SURB while more than `keep` are there. */
bool slc_store_take(struct slc_clients *c, struct client *k, struct store *store, uint32_t keep, struct ticket *ticket);
/* Its packet was never sent. */
void slc_store_untake(struct client *k, struct store *store, const struct ticket *ticket);
/* Asks for more if the rules say so. */
void slc_store_ask(struct slc_clients *c, struct client *k, struct store *store);
/* Serves another's request. */
void slc_reply_serve(struct slc_clients *c, struct client *k, const struct slc_recipient *requester, uint32_t amount);
/* Silence rules; to be called when slc_reply_due() has come. */
void slc_reply_check(struct slc_clients *c, struct client *k, slc_time now);
slc_time slc_reply_due(const struct client *k);
/* The rotation changed: what was made for the old one goes. */
void slc_reply_rotate(struct slc_clients *c, struct client *k);
void slc_surbs_discard(struct slc_clients *c);
void slc_stores_free(struct slc_clients *c, struct replies *r);
/* A message joins, or leaves, its store's list. */
void slc_store_join(struct store *store, struct message *m);
void slc_store_leave(struct message *m);

#endif
