/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CLIENT_INTERNAL_H
#define SLUICE_CLIENT_INTERNAL_H

#include "crypto/curve/curve.h"
#include "engine/client/client.h"
#include "engine/message/reassembly.h"
#include "engine/traffic/lanes.h"
#include "engine/traffic/look_ahead.h"
#include "engine/traffic/pace.h"
#include "engine/traffic/pending.h"
#include "engine/traffic/schedule.h"

/*
 * The rooms of this folder and what they share:
 *   clients.c  lifecycle, deadlines, the run
 *   session.c  sessions with gateways
 *   messages.c messages from the application's hand to the last ack
 *   send.c     what goes into which slot, and retransmission
 *   build.c    plans to packets, in batches
 *   receive.c  frames to acks, cover, fragments and messages, in batches
 *   reply.c    what we handed out: tags, keys of our SURBs; requests for more
 *   store.c    others' SURBs by tag, fresh and stale, and what waits for them
 *   ask.c      when to ask for more SURBs, and when to stop
 *   rotation.c key rotations: which SURBs are stale, which are void
 *   keep.c     records of what must survive, and what waits for the disk
 *   seen.c     which SURBs of others came in an earlier life
 *   foreign.c  bounds on what strangers can make the clients of one owner hold
 *   route.c    routes of packets, acks and SURBs
 *   surbs.c    SURBs for messages that carry some, in batches
 *   statistics.c reports to a provider, if one is named
 *   tables.c   curve tables of keys that come back again and again
 */

struct store;

/* A message until its last ack; in a slab. Cut on demand from its bytes, again for each retransmission. */
struct message {
    struct slc_lane_item item;                   /* in its client's lanes: fragments not in a slot yet */
    struct message *previous, *next;             /* in `list`                                     */
    struct message_list *list;                   /* its store's, of those that wait for SURBs; or NULL */
    struct message *store_previous, *store_next; /* all messages of one store                     */
    struct message *next_bare;                   /* of those that may not be queued yet; free list */
    struct store *store;                         /* replies                                       */
    const struct slc_node *egress;               /* else; of the snapshot number `snapshot`       */
    uint8_t *memory;                             /* the application's, or malloc()ed if `internal` */
    uint8_t *bytes;                              /* the message, head included                    */
    uint32_t *set_ids;                           /* &one_set, or allocated                        */
    struct slc_cut cut;
    struct slc_recipient recipient;
    uint64_t token;
    uint64_t connection; /* lane of the application's; 0: the general one */
    slc_time intended, first_due;
    slc_time astray; /* since when its gateway is not in the snapshot; 0: it is */
    uint32_t one_set;
    uint64_t kept; /* its SURBs' keys are durable when this record is; 0: nothing to wait for */
    uint32_t client, snapshot, surbs;
    uint32_t next_fragment, sent, acked; /* fragments: first not yet in a slot, sent once, acked */
    uint32_t retransmissions;            /* most repeats of a fragment; UINT32_MAX: no limit     */
    uint8_t kind;                        /* enum slc_message_kind */
    uint8_t size;                        /* enum slc_packet_size, of all its packets */
    bool live, internal, bare;           /* bare: its SURBs are not made, or their keys not durable */
};

struct message_list {
    struct message *first, *last;
};

/* Messages through next_bare, in order. */
struct bare_list {
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
    slc_time armed;   /* earliest deadline handed out and not come yet; SLC_NEVER: none */
    slc_time swept;   /* reassembly, and lanes */
    slc_time give_up; /* when its gateway has not come into the topology; SLC_NEVER: it did */
    struct slc_lanes lanes;
    struct slc_lane_item retries; /* in the lane of retransmissions: those of the list below that are not settled */
    size_t queued;                /* fragments that wait for a slot or for SURBs, retransmissions too */
    struct slc_pending pending;
    struct slc_pace pace;
    uint32_t retry_first, retry_last; /* idle pending entries to send again */
    uint32_t waiting;      /* frames due and not written, when we looked last; without pacing those since, too */
    uint32_t generation;   /* of `armed` */
    uint32_t gateway;      /* in slc_clients.gateways */
    uint32_t next_connect; /* queue of those that wait for their turn to connect */
    uint16_t cover_at;
    bool used; /* somebody is here; `generation`, `active`, `waits_connect` and `next_connect` outlive clients */
    bool started, connecting, open, ready, has_key, failed, leaving, active, waits_connect;
    uint8_t cover_size;                   /* enum slc_packet_size: of its next cover packet */
    uint8_t blocked;                      /* looks in a row that found no room on the connection; 0: there is room */
    uint8_t (*cover_keys)[SLC_KEY_BYTES]; /* ring of own cover's ephemeral keys; NULL until the first */
    struct held_text *held;
    struct slc_reassembly *reassembly; /* NULL until needed */
    struct replies *replies;           /* NULL until needed */
    struct statistics *statistics;     /* NULL: nobody is told of them */
    size_t foreign;                    /* bytes that strangers make it hold */
};

/* Where the clients are between two key rotations (rotation.c). */
struct rotation {
    struct slc_topology *previous; /* last snapshot of the rotation before; NULL: none, or its keys are retired */
    slc_time next;                 /* check                                                                   */
    slc_time period;               /* of checks                                                               */
    slc_time previous_until;       /* the keys of the rotation before are good until then                     */
    slc_time refreshed;            /* when the snapshot came; 0: since the last run                           */
    slc_time retires;              /* when nodes forget its keys                                              */
    uint32_t known;                /* id, as of the last check                                                */
    bool has_known;
    bool turned;  /* it changed; at the next check what was made before becomes stale */
    bool retired; /* nodes have forgotten the snapshot's keys                         */
    uint8_t only; /* SURBs of another rotation are void when they come; SLC_ROTATION_UNKNOWN: none is */
};

/* Of one client, for its reports. */
struct statistics {
    struct slc_client_counters counters;
    slc_time next; /* report */
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
    bool explicit_keys, stale;
};

enum plan_kind { PLAN_COVER, PLAN_FRAGMENT, PLAN_REPLY };

/* One data packet to be built. */
struct plan {
    uint32_t client;
    uint32_t place; /* pending entry; not for cover */
    uint8_t kind;
    uint8_t size;                  /* enum slc_packet_size */
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
    size_t max_clients, ready, used;
    size_t count;                  /* places ever used: clients are below it, some may be empty */
    struct client *clients;        /* max_clients; untouched pages cost nothing */
    uint32_t *queues;              /* the owner's, or NULL */
    struct slc_client_keys **keys; /* guarded blocks of KEYS_PER_BLOCK          */
    struct client_gateway **gateways;
    size_t gateway_count;
    struct slc_topology *topology; /* the newest, or NULL                     */
    bool blind;                    /* which does not count any more           */
    struct slc_rotation_info info;
    struct rotation rotation;
    int64_t unix_offset; /* unix seconds = seconds of `now` + this, as of the last run */
    uint32_t snapshot;   /* counts topologies */
    uint32_t *active;    /* clients that the next run looks at */
    size_t active_count;
    uint32_t connect_first, connect_last, connecting;
    struct message *free_messages;
    struct message_slab *slabs;
    struct bare_list bare;     /* their SURBs are to be made                                        */
    struct bare_list unkept;   /* their keys are on their way to the disk, in the order of `kept`    */
    struct surb_block *leases; /* that wait for the disk to release more of their SURBs             */
    uint64_t durable;          /* the last record known to be on the disk                           */
    bool keep_full;            /* the last record was refused                                       */
    size_t foreign;            /* bytes that strangers make all clients hold                        */
    uint32_t glutton;          /* who held most of them at the last look                          */
    slc_time glutton_at;
    struct slc_lane_pool lane_pool;
    uint16_t cover_ring; /* entries of a client's cover_keys; a power of two */
    struct plan *plans;
    size_t plan_count, batch;
    size_t planned; /* in this turn: one client with much to send must not keep the others from theirs */
    bool refused;   /* a frame was not taken this turn: there is no use in building more */
    struct slc_look_ahead look_ahead;
    bool late; /* a slot was filled after its time, since the turn before */
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
/* A message by its item in a lane; not for the lane of retransmissions. */
static inline struct message *slc_message_of(struct slc_lane_item *item)
{
    return (struct message *)(void *)((char *)item - offsetof(struct message, item));
}

#define COUNT(c, k, name, n)                                                                                           \
    do {                                                                                                               \
        slc_client_bump(&(c)->counters.name, n);                                                                       \
        slc_client_bump(&(c)->gateways[(k)->gateway]->counters.name, n);                                               \
        if ((k)->statistics != NULL) (k)->statistics->counters.name += (n);                                            \
    } while (0)

/* A node of the snapshot that counts; NULL: unknown. */
static inline const struct slc_node *slc_client_node(const struct slc_clients *c, const uint8_t *identity)
{
    return c->topology == NULL || c->blind ? NULL : slc_topology_find(c->topology, identity);
}

static inline uint32_t slc_client_index(const struct slc_clients *c, const struct client *k)
{
    return (uint32_t)(k - c->clients);
}

/* ---- what strangers make us hold ---- */

/*
 * Unfinished sets, SURBs of others and answers to requests for ours, in bytes (foreign.c). Half of the owner's budget
 * is there for whoever needs it, the other half is divided; and who holds most gives way to who holds less. So one
 * client's strangers cannot take what the others need.
 */
static inline void slc_foreign_more(struct slc_clients *c, struct client *k, size_t bytes)
{
    c->foreign += bytes;
    k->foreign += bytes;
}
static inline void slc_foreign_less(struct slc_clients *c, struct client *k, size_t bytes)
{
    c->foreign -= bytes;
    k->foreign -= bytes;
}
/* How many bytes more this client may take now; makes room for `want` if others hold more than it. */
size_t slc_foreign_room(struct slc_clients *c, struct client *k, size_t want);

/* ---- clients.c ---- */

/* The next run looks at this client. */
void slc_client_activate(struct slc_clients *c, struct client *k);
void slc_client_event(struct slc_clients *c, const struct client *k, struct slc_client_event *event);
/* Its session is over for good: REMOVED, and its place is free. */
void slc_client_vacate(struct slc_clients *c, struct client *k, slc_time now);

/* ---- session.c ---- */

/* Begins a session, which is handed its turn to connect by slc_session_queue(). */
void slc_session_init(struct slc_clients *c, struct client *k, const uint8_t *shared_key, uint64_t last_timestamp,
                      slc_time now);
void slc_session_queue(struct slc_clients *c, struct client *k);
/* Lets those connect whose turn it is. */
void slc_session_let_connect(struct slc_clients *c, slc_time now, uint64_t unix_now);
/* It is not connected, and its gateway is not in the snapshot. */
bool slc_session_waits(const struct client *k);
void slc_session_tell_waiting(struct slc_clients *c, struct client *k, slc_time now);
/* Does what the session wants done. */
void slc_session_take_events(struct slc_clients *c, struct client *k, slc_time now);
void slc_session_tick(struct slc_clients *c, struct client *k, slc_time now, uint64_t unix_now);
/* No packets any more. */
void slc_session_stop(struct slc_clients *c, struct client *k);

/* ---- statistics.c ---- */

/* False: no memory. */
bool slc_statistics_begin(struct slc_clients *c, struct client *k);
slc_time slc_statistics_due(const struct client *k);
/* Sends the report that is due. */
void slc_statistics_report(struct slc_clients *c, struct client *k, slc_time now);
/* The report's JSON; 0: no room. */
size_t slc_statistics_write(const struct slc_clients *c, const struct client *k, slc_time now, char *out, size_t cap);

/* ---- messages.c ---- */

void slc_list_append(struct message_list *list, struct message *m);
void slc_list_remove(struct message *m);
/* It may be sent from now on: its turn comes in its lane. */
void slc_messages_queue(struct slc_clients *c, struct message *m);
void slc_bare_append(struct bare_list *list, struct message *m);
struct message *slc_bare_take(struct bare_list *list);
/* A recipient's gateway in the snapshot; NULL: it is not there, or may not be one in this epoch (section 11.1). */
const struct slc_node *slc_client_egress(const struct slc_clients *c, const uint8_t gateway[SLC_IDENTITY_BYTES]);
/* A message of our own making (SURBs, a request) like `model`, queued; takes `memory` (malloc) in any case. */
SLC_MUST_CHECK enum slc_status slc_messages_add(struct slc_clients *c, struct client *k, const struct message *model,
                                                uint8_t *memory, size_t len);
/* Gives a message up: takes its fragments from acks and alarms, and tells the application. */
void slc_messages_expire(struct slc_clients *c, struct message *m, enum slc_status status);
/* All of a client's, or with NULL everybody's. */
void slc_messages_expire_all(struct slc_clients *c, struct client *k, enum slc_status status);
/* Gives up what waits in lanes that had no turn for ten minutes, though there were slots (section 2.3). */
void slc_messages_expire_stale(struct slc_clients *c, struct client *k, slc_time now);
void slc_messages_ack(struct slc_clients *c, struct client *k, struct slc_fragment_id id);
/* Gives back all memory, without events. */
void slc_messages_free(struct slc_clients *c);
size_t slc_messages_memory(const struct slc_clients *c);

/* ---- send.c ---- */

/* Fills the slots that fall due, or sends what waits; false: stopped for lack of slots. */
bool slc_send_plan(struct slc_clients *c, struct client *k, slc_time now);
/*
 * What became of a plan for a fragment; its slot is gone. SLC_OK: sent; SLC_AGAIN, SLC_CLOSED: its frame was not taken;
 * others: it could not be built.
 */
void slc_send_result(struct slc_clients *c, const struct plan *plan, enum slc_status status);
/* The message of the first retransmission that waits; there is one. */
struct message *slc_send_first_retry(struct client *k);
/* A pending fragment is settled: takes it out of the queue that it may be in. */
void slc_send_forget(struct slc_clients *c, struct client *k, uint32_t place);
/* Draws what sizes the client's next cover packet has (section 4.3). */
void slc_send_draw_cover(struct slc_clients *c, struct client *k);
/* Fragments whose acks did not come go to the lane of retransmissions. */
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

/* ---- route.c ---- */

/* Where a packet goes, and by what mean it is delayed on its way. */
struct journey {
    const struct slc_topology *snapshot;
    const struct slc_node *egress; /* NULL: SLC_NO_ROUTE */
    const uint8_t *destination;
    slc_time mean;
    bool straight;            /* no mix hops */
    struct slc_random *nodes; /* chooses them */
};
/*
 * Draws nodes, delays and randomness (into `random`, slc_route_random_bytes(hops)); adds the delays that an ack waits
 * for to `*wait`. Chapter 4, section 5.
 */
SLC_MUST_CHECK enum slc_status slc_route_draw(struct slc_clients *c, struct slc_route *route,
                                              const struct journey *journey, uint8_t *random,
                                              struct slc_address *first_hop, slc_time *wait);

/* ---- surbs.c ---- */

SLC_MUST_CHECK enum slc_status slc_surb_maker_new(struct slc_clients *c);
void slc_surb_maker_free(struct surb_maker *s);
/* Makes the SURBs of messages that lack them, and writes those messages' heads. */
void slc_surbs_make(struct slc_clients *c);
/* This client's messages need none any more, nor do they wait for the disk. */
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
/* What one payload decrypts to. */
void slc_receive_plaintext(struct slc_clients *c, struct client *k, struct slc_bytes plaintext, slc_time now);
/* Drops unfinished sets that are stale: now and then, while the client is connected. */
void slc_receive_sweep(struct slc_clients *c, struct client *k, slc_time now);
/* Drops unfinished sets until `bytes` less are held, or none is left. */
void slc_receive_shed(struct slc_clients *c, struct client *k, size_t bytes);

/* ---- reply.c ---- */

/* SURBs that came in one message, in one piece; used from the first on. */
struct surb_block {
    struct surb_block *next; /* of its pile, or of those to be freed */
    struct store *store;
    struct surb_block *lease_previous, *lease_next; /* of slc_clients.leases */
    uint64_t id;                                    /* in its records; 0: it has none */
    uint64_t lease;                                 /* record that releases `leasing`; SLC_KEEP_FULL: not made yet */
    int64_t received;                               /* seconds of `now`; negative: before it began */
    uint32_t count, used;
    uint32_t released; /* may be used before the disk has said more */
    uint32_t leasing;
    uint16_t surb_bytes;
    uint8_t rotation;
    bool explicit_keys, waits; /* waits: in slc_clients.leases */
    uint8_t bytes[];
};

/* First in, first out. */
struct surb_pile {
    struct surb_block *first, *last;
    uint32_t count;
};

/* Another's SURBs under one tag, and what waits for them. */
struct store {
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    struct store *older, *newer; /* by when SURBs came last */
    struct surb_pile fresh, stale;
    uint32_t client;
    uint32_t requested;  /* SURBs asked for that have not come */
    uint32_t refreshing; /* of these, in place of stale ones */
    uint32_t repeats;
    uint32_t most;                                 /* SURBs there were since a reply took one */
    int64_t heard;                                 /* ns of `now`: when SURBs came last */
    slc_time asked;                                /* when the last request was made */
    slc_time waits;                                /* since when fragments wait; 0: none did at the last look */
    struct message_list waiting;                   /* that found no SURB for their next fragment    */
    struct message *messages;                      /* all of them, through store_next               */
    uint32_t unsent;                               /* fragments of replies that have no SURB yet               */
    uint32_t stalled_first, stalled_last, stalled; /* pending entries to send again, for which there is no SURB */
    uint32_t resumed;                              /* of these, now in the lane of retransmissions              */
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
    struct seen *seen; /* a ring of lists of SURBs that came, oldest first */
    uint32_t seen_cap, seen_first, seen_len;
    struct slc_index seen_index;
    struct store **stores;
    uint32_t stores_cap, stores_len;
    struct slc_index store_index;
    struct store *oldest, *newest;
    uint64_t last_block; /* id */
    uint32_t stored;     /* SURBs in all stores */
    slc_time checked;    /* next look at silent peers; SLC_NEVER: nothing waits for SURBs */
};

enum reply_key_result { REPLY_KEY_NONE, REPLY_KEY_FOUND, REPLY_KEY_USED };

/* The client's side tables, made at the first need; NULL: no memory. */
struct replies *slc_replies_of(struct slc_clients *c, struct client *k);
void slc_replies_free(struct slc_clients *c, struct client *k);
size_t slc_replies_memory(const struct replies *r);

/* Our tag towards `recipient`; drawn at the first use when `make`. NULL: none. */
const uint8_t *slc_reply_tag(struct slc_clients *c, struct client *k, const struct slc_recipient *recipient, bool make);
/* Keeps a handed-out SURB's key; `*kept` is the record that must be durable before the SURB leaves, or 0. */
SLC_MUST_CHECK enum slc_status slc_reply_key_keep(struct slc_clients *c, struct client *k,
                                                  const uint8_t key[SLC_SURB_KEY_BYTES], slc_time now, uint64_t *kept);
/* Takes the key of a reply: only the first time. */
enum reply_key_result slc_reply_key_take(struct slc_clients *c, struct client *k,
                                         const uint8_t digest[SLC_SURB_DIGEST_BYTES], uint8_t key[SLC_SURB_KEY_BYTES]);
void slc_reply_keys_age(struct slc_clients *c, struct client *k, slc_time now);
/* A key, or a tag, of an earlier life. */
SLC_MUST_CHECK enum slc_status slc_reply_key_restore(struct slc_clients *c, struct client *k,
                                                     const struct slc_client_record *record, slc_time now);
SLC_MUST_CHECK enum slc_status slc_reply_tag_restore(struct slc_clients *c, struct client *k,
                                                     const struct slc_client_record *record);
/* A message with SURBs in answer to a request is done with. */
void slc_reply_served(struct slc_clients *c, struct client *k, const struct message *m);
/* Serves another's request. */
void slc_reply_serve(struct slc_clients *c, struct client *k, const struct slc_recipient *requester, uint32_t amount);

/* ---- store.c ---- */

struct store *slc_store_find(const struct client *k, const uint8_t tag[SLC_SENDER_TAG_BYTES]);
static inline uint32_t slc_store_count(const struct store *s)
{
    return s->fresh.count + s->stale.count;
}
/* SURBs that came; `asked_for`: in answer to a request. */
void slc_store_receive(struct slc_clients *c, struct client *k, const uint8_t tag[SLC_SENDER_TAG_BYTES],
                       const struct slc_surb_list *surbs, bool asked_for, slc_time now);
/* The same from an earlier life. */
SLC_MUST_CHECK enum slc_status slc_store_restore(struct slc_clients *c, struct client *k,
                                                 const struct slc_client_record *record, slc_time now);
/* Takes a SURB, fresh before stale, while more than `keep` are there and the disk knows that it may be used. */
bool slc_store_take(struct slc_clients *c, struct client *k, struct store *store, uint32_t keep, struct ticket *ticket);
/* Its packet was never sent. */
void slc_store_untake(struct slc_clients *c, struct client *k, struct store *store, const struct ticket *ticket);
/* Gives back SURBs that were released and not used: nobody uses them any more in this life. */
void slc_store_settle(struct slc_clients *c, const struct client *k, const struct store *store);
/* More of a block's SURBs may be used: the disk has said so. */
void slc_store_released(struct slc_clients *c, struct surb_block *block);
/* Throws SURBs away until `bytes` less are held, or none is left: first of peers that nobody writes to. */
void slc_stores_shed(struct slc_clients *c, struct client *k, size_t bytes);
/* Throws the first `n` of a pile away, or all that are there. */
void slc_store_throw(struct slc_clients *c, struct store *store, struct surb_pile *pile, uint32_t n);
/* A block that has left its pile: throws away what is left in it. */
void slc_store_scrap(struct slc_clients *c, struct surb_block *block);
/* A block leaves its pile; `*at` points to it, `before` is the one before it or NULL. */
struct surb_block *slc_pile_cut(struct surb_pile *pile, struct surb_block **at, struct surb_block *before);
void slc_pile_append(struct surb_pile *pile, struct surb_block *block);
/* Forgets the tag and gives up what waits for it. */
void slc_store_drop(struct slc_clients *c, struct store *store, enum slc_status status);
/* Gives up fragments that wait to be sent again, and their messages. */
void slc_store_give_up_stalled(struct slc_clients *c, struct store *store, enum slc_status status);
void slc_surbs_discard(struct slc_clients *c);
void slc_stores_free(struct slc_clients *c, struct replies *r);
/* A message joins, or leaves, its store's list. */
void slc_store_join(struct store *store, struct message *m);
void slc_store_leave(struct message *m);

/* ---- ask.c ---- */

/* Asks for more if the rules say so. */
void slc_store_ask(struct slc_clients *c, struct client *k, struct store *store);
/* Asks for `amount`, whatever they say; false: there is no SURB to ask with. */
bool slc_store_request(struct slc_clients *c, struct client *k, struct store *store, uint32_t amount);
/* Silence rules; to be called when slc_reply_due() has come. */
void slc_reply_check(struct slc_clients *c, struct client *k, slc_time now);
slc_time slc_reply_due(const struct client *k);

/* ---- rotation.c ---- */

/* `before` was the snapshot until now (NULL: there was none), c->topology is from now on. */
void slc_rotation_refreshed(struct slc_clients *c, struct slc_topology *before);
/* Looks after SURBs and keys, each eighth of an epoch. */
void slc_rotation_run(struct slc_clients *c, slc_time now);
/* The snapshot to build the ack of a reply with: the one whose rotation its SURB was made for, if it is still there. */
const struct slc_topology *slc_rotation_snapshot(const struct slc_clients *c, uint8_t rotation);
void slc_rotation_free(struct slc_clients *c);

/* ---- seen.c ---- */

/* Whether the list of SURBs that begins with the key of this digest came before. */
bool slc_seen(const struct client *k, const uint8_t digest[SLC_SURB_DIGEST_BYTES]);
/* It has come; `at`: unix seconds. What is too old, or too much, is forgotten. SLC_NO_MEMORY. */
SLC_MUST_CHECK enum slc_status slc_seen_add(struct slc_clients *c, struct client *k,
                                            const uint8_t digest[SLC_SURB_DIGEST_BYTES], int64_t at);
void slc_seen_free(struct replies *r);
size_t slc_seen_memory(const struct replies *r);

/* ---- keep.c ---- */

/* Number of the record; 0: nothing is kept; SLC_KEEP_FULL: it was not. */
uint64_t slc_keep(struct slc_clients *c, const struct client *k, const struct slc_client_record *record);
void slc_keep_registration(struct slc_clients *c, const struct client *k);
/* Asks the disk to release `block`'s SURBs up to `released`; idempotent while it is on its way. */
void slc_keep_lease(struct slc_clients *c, const struct client *k, struct surb_block *block, uint32_t released);
/* Gives back what was released of its blocks and not used: the client sends nothing any more. */
void slc_keep_settle(struct slc_clients *c, const struct client *k);
/* Nobody waits for its SURBs any more. */
void slc_keep_lease_forget(struct slc_clients *c, struct surb_block *block);
/* The block's own record, `number`, releases its first SURBs. */
void slc_keep_first(struct slc_clients *c, struct surb_block *block, uint64_t number);
/* The block is no more. */
void slc_keep_block_end(struct slc_clients *c, const struct client *k, struct surb_block *block);
/* The message's SURBs are made: it is queued now, or when their keys are durable. */
void slc_keep_then_queue(struct slc_clients *c, struct message *m);
static inline int64_t slc_unix(const struct slc_clients *c, slc_time now)
{
    return (int64_t)(now / SLC_SECOND) + c->unix_offset;
}

#endif
