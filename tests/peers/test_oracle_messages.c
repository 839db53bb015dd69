/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/oracle.h"
#include "tests/support/routes.h"

#include "engine/message/reassembly.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Random messages between us and nym-sphinx, all the way: envelope, padding, fragments, acks, packets, four hops, the
 * last hop's split, and back. Both sides live in one network, whose nodes' secrets the test knows.
 */

enum {
    NODES = 8, /* 0..5: two in each layer; 6, 7: our gateway, the crate's */
    LAYERED = 6,
    US = 6,
    THEM = 7,
    MESSAGES = 40, /* in a request */
    ROUNDS = 252,
    PACKETS_MAX = 4096,
    SURBS = 3,
    HOPS = 4,
    ROTATION_ID = 2, /* even */
    PORT = 1789,
};

static const enum slc_packet_size sizes[] = {SLC_SIZE_REGULAR,    SLC_SIZE_REGULAR,     SLC_SIZE_REGULAR,
                                             SLC_SIZE_EXTENDED_8, SLC_SIZE_EXTENDED_16, SLC_SIZE_EXTENDED_32};

static struct slc_oracle oracle;
static struct slc_sphinx_scratch *scratch;
static struct slc_test_net net;
static struct slc_random rng;
static struct slc_client_keys ours, theirs;
static struct slc_recipient we, they;
static struct slc_identity node_identity[NODES];

/* One packet on its way: where it is, and what it is of. */
struct parcel {
    uint8_t *bytes;
    size_t len;
    uint8_t hop[SLC_ADDRESS_BYTES];
    enum slc_packet_size size;
    struct slc_fragment_id id;
    struct slc_delivery delivery; /* once it has arrived; views into `bytes` */
};
struct parcels {
    struct parcel item[PACKETS_MAX];
    size_t count;
    unsigned hops; /* 0: four */
};

/* A message as it was meant, and which parcels carry it. */
struct letter {
    enum slc_message_kind kind;
    enum slc_packet_size size;
    uint8_t *data;
    size_t len;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    size_t first, count;                            /* parcels */
    uint8_t surb[SURBS * 16][SLC_REPLY_SURB_BYTES]; /* REPLIABLE: in it; REPLY: used for it */
    size_t surbs;
    unsigned surb_hops;
};

static void draw_letter(struct letter *l, enum slc_message_kind kind, size_t nth)
{
    *l = (struct letter){.kind = kind, .size = sizes[nth % 6], .surb_hops = HOPS};
    size_t fragment = slc_fragment_bytes(l->size);
    /* Mostly one fragment; every fifth a few; now and then just around a border. */
    uint32_t most = (uint32_t)(nth % 5 == 0 ? 6 * fragment : fragment - 8);
    l->len = slc_random_below(&rng, most + 1);
    if (nth % 7 == 0) l->len = fragment - 12 + slc_random_below(&rng, 16);
    /* A few of more than one set. */
    if (nth % 1259 == 1) l->size = SLC_SIZE_REGULAR, l->len = 420000 + slc_random_below(&rng, 5000);
    if (kind == SLC_MESSAGE_REPLY && l->len > 6 * fragment) l->len = fragment;
    if (kind == SLC_MESSAGE_REPLY && l->len == 0) l->len = 1;
    l->data = malloc(l->len + 1);
    assert_non_null(l->data);
    slc_random_bytes(&rng, l->data, l->len);
    slc_random_bytes(&rng, l->tag, sizeof l->tag);
}

static void free_parcels(struct parcels *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->item[i].bytes);
    }
    p->count = p->hops = 0;
}

static unsigned hops_of(const struct parcels *p)
{
    return p->hops > 0 ? p->hops : HOPS;
}

static struct parcel *add_parcel(struct parcels *p, struct slc_bytes packet, const uint8_t *hop, size_t hop_len)
{
    assert_in_range(p->count, 0, PACKETS_MAX - 1);
    struct parcel *parcel = &p->item[p->count++];
    *parcel = (struct parcel){.bytes = malloc(packet.len), .len = packet.len};
    assert_non_null(parcel->bytes);
    assert_int_equal(slc_packet_size_of(packet.len, &parcel->size), SLC_OK);
    memcpy(parcel->bytes, packet.data, packet.len);
    memcpy(parcel->hop, hop, hop_len);
    return parcel;
}

/* ---- the way through the network, by us or by the crate ---- */

static enum slc_open_kind open_once(struct parcels *p)
{
    static struct slc_open_job jobs[PACKETS_MAX];
    for (size_t i = 0; i < p->count; i++) {
        jobs[i] = (struct slc_open_job){.node_secret = slc_test_net_find(&net, p->item[i].hop)->secret,
                                        .packet = p->item[i].bytes,
                                        .packet_bytes = p->item[i].len};
    }
    assert_int_equal(slc_packets_open(scratch, jobs, p->count), SLC_OK);
    for (size_t i = 0; i < p->count; i++) {
        assert_int_equal(jobs[i].kind, jobs[0].kind);
        assert_int_equal(jobs[i].version, SLC_SPHINX_SEEDS);
        memcpy(p->item[i].hop, jobs[i].address, SLC_ADDRESS_BYTES);
        if (jobs[i].kind == SLC_OPEN_FINAL) p->item[i].delivery.message = jobs[i].plaintext;
    }
    return (enum slc_open_kind)jobs[0].kind;
}

static void we_carry(struct parcels *p)
{
    for (unsigned hop = 1; hop <= hops_of(p); hop++) {
        assert_int_equal(open_once(p), hop == hops_of(p) ? SLC_OPEN_FINAL : SLC_OPEN_FORWARD);
    }
}

/* A node opens with the secret of the address that the one before it told: asked hop by hop. */
static void crate_carries(struct parcels *p)
{
    for (unsigned hop = 1; hop <= hops_of(p); hop++) {
        slc_ask_u8(&oracle, 'h');
        slc_ask_u8(&oracle, 8);
        slc_ask_u32(&oracle, p->count);
        for (size_t i = 0; i < p->count; i++) {
            slc_ask_raw(&oracle, slc_test_net_find(&net, p->item[i].hop)->secret, SLC_KEY_BYTES);
            slc_ask_bytes(&oracle, slc_bytes(p->item[i].bytes, p->item[i].len));
        }
        struct slc_reader r = slc_oracle_ask(&oracle);
        assert_int_equal(slc_read_u32(&r), p->count);
        for (size_t i = 0; i < p->count; i++) {
            struct parcel *parcel = &p->item[i];
            assert_int_equal(slc_read_u8(&r), hop == hops_of(p) ? SLC_OPEN_FINAL : SLC_OPEN_FORWARD);
            slc_read_into(&r, parcel->hop, SLC_ADDRESS_BYTES);
            struct slc_bytes bytes = slc_answer_bytes(&r);
            assert_in_range(bytes.len, 1, parcel->len);
            memcpy(parcel->bytes, bytes.data, bytes.len);
            if (hop == hops_of(p)) parcel->delivery.message = slc_bytes(parcel->bytes, bytes.len);
        }
        slc_oracle_done(&r);
    }
}

/* Arrived parcels are for `to`; their acks reach `from` and name the fragments. */
static void deliver(struct parcels *p, const struct slc_recipient *to, const struct slc_client_keys *from,
                    void (*carry)(struct parcels *p))
{
    static struct parcels acks;
    carry(p);
    for (size_t i = 0; i < p->count; i++) {
        struct parcel *parcel = &p->item[i];
        struct slc_bytes plaintext = parcel->delivery.message;
        uint8_t hop[SLC_ADDRESS_BYTES];
        slc_expect_bytes(slc_bytes(parcel->hop, 32), slc_bytes(to->identity, 32), "the recipient");
        assert_int_equal(plaintext.len, slc_plaintext_bytes(parcel->size));
        assert_int_equal(slc_delivery_split(&parcel->delivery, parcel->size, plaintext), SLC_OK);
        struct slc_writer w = slc_writer(hop, sizeof hop);
        slc_address_write_padded(&w, &parcel->delivery.ack_hop, sizeof hop);
        (void)add_parcel(&acks, parcel->delivery.ack_packet, hop, sizeof hop);
    }
    carry(&acks);
    for (size_t i = 0; i < acks.count; i++) {
        struct slc_fragment_id id;
        slc_expect_bytes(slc_bytes(acks.item[i].hop, 32), slc_bytes(from->identity.public_key, 32), "the sender");
        assert_int_equal(slc_ack_read(acks.item[i].delivery.message, from->ack_key, &id), SLC_OK);
        assert_int_equal(id.set, p->item[i].id.set);
        assert_int_equal(id.position, p->item[i].id.position);
    }
    free_parcels(&acks);
}

/* ---- we send ---- */

static void draw_route(struct slc_route *route, unsigned hops, unsigned gateway, const uint8_t *destination,
                       uint8_t random[SLC_ROUTE_RANDOM_MAX])
{
    *route = (struct slc_route){.hops = (uint8_t)hops, .version = SLC_SPHINX_SEEDS, .random = random};
    for (unsigned layer = 0; layer + 1 < hops; layer++) {
        route->hop[layer] = &net.node[2 * layer + slc_random_below(&rng, 2)].hop;
        route->delay_ns[layer] = slc_random_exponential(&rng, 15000000);
    }
    route->hop[hops - 1] = &net.node[gateway].hop;
    memcpy(route->destination, destination, SLC_DESTINATION_BYTES);
    slc_random_bytes(&rng, random, SLC_ROUTE_RANDOM_MAX);
}

static void build_one(const struct slc_route *route, struct slc_bytes plaintext, uint8_t *out)
{
    struct slc_packet_job job = {
        .route = *route, .plaintext = plaintext, .payload_bytes = plaintext.len + SLC_PAYLOAD_OVERHEAD, .out = out};
    assert_int_equal(slc_packets_build(scratch, &job, 1), SLC_OK);
}

static void write_surb_ack(struct slc_writer *w, struct slc_fragment_id id)
{
    uint8_t random[SLC_ROUTE_RANDOM_MAX], content[SLC_ACK_CONTENT_BYTES], iv[16];
    struct slc_route route;
    draw_route(&route, HOPS, US, ours.identity.public_key, random);
    slc_random_bytes(&rng, iv, sizeof iv);
    slc_ack_write(content, ours.ack_key, iv, id);
    slc_write_bytes(w, route.hop[0]->address, SLC_SURB_ACK_ADDRESS_BYTES);
    build_one(&route, slc_bytes(content, sizeof content), slc_write_space(w, SLC_ACK_PACKET_BYTES));
}

/* A fresh key pair for one packet: writes the public one, gives the key. */
static void agree(struct slc_writer *w, const uint8_t *recipient_key, uint8_t key[16])
{
    uint8_t secret[32], shared[32];
    uint8_t *out = key;
    const uint8_t *in = shared;
    slc_random_bytes(&rng, secret, sizeof secret);
    slc_public_key(slc_write_space(w, 32), secret);
    struct slc_ladder_job job = {.secret = secret, .point = recipient_key, .out = shared};
    slc_ladder(&job, 1);
    slc_message_keys(&out, &in, 1);
}

/* Content of a data packet; `surb_key`: of a reply. */
static void write_plaintext(uint8_t *plaintext, size_t len, struct slc_fragment_id id, const uint8_t *content,
                            const uint8_t *surb_key)
{
    struct slc_writer w = slc_writer(plaintext, len);
    uint8_t key[16];
    const uint8_t *key_in = key;
    write_surb_ack(&w, id);
    if (surb_key != NULL) {
        memcpy(key, surb_key, sizeof key);
        slc_surb_digest(slc_write_space(&w, SLC_SURB_DIGEST_BYTES), key);
    } else {
        agree(&w, they.encryption_key, key);
    }
    uint8_t *at = slc_write_space(&w, len - SLC_PAYLOAD_HEAD_BYTES);
    memcpy(at, content, len - SLC_PAYLOAD_HEAD_BYTES);
    slc_aes128_ctr(&at, len - SLC_PAYLOAD_HEAD_BYTES, &key_in, NULL, 1);
    assert_true(slc_writer_ok(&w));
    assert_int_equal(w.len, len);
}

static void we_send_fragment(struct parcels *p, const struct letter *l, const uint8_t *content,
                             struct slc_fragment_id id, size_t index)
{
    size_t len = slc_plaintext_bytes(l->size);
    uint8_t *plaintext = malloc(len), *packet = malloc(slc_packet_bytes(l->size));
    const uint8_t *surb = l->kind == SLC_MESSAGE_REPLY ? l->surb[index] : NULL;
    uint8_t random[SLC_ROUTE_RANDOM_MAX], hop[SLC_ADDRESS_BYTES];
    assert_non_null(plaintext);
    assert_non_null(packet);
    write_plaintext(plaintext, len, id, content, surb);
    if (surb != NULL) {
        struct slc_surb_use use = {
            .surb = slc_bytes(surb + SLC_SURB_KEY_BYTES, slc_reply_surb_bytes(l->surb_hops) - SLC_SURB_KEY_BYTES),
            .plaintext = slc_bytes(plaintext, len),
            .payload_bytes = len + SLC_PAYLOAD_OVERHEAD,
            .out = packet};
        assert_int_equal(slc_surbs_use(scratch, &use, 1), SLC_OK);
        memcpy(hop, use.first_hop, sizeof hop);
    } else {
        struct slc_route route;
        draw_route(&route, HOPS, THEM, they.identity, random);
        build_one(&route, slc_bytes(plaintext, len), packet);
        memcpy(hop, route.hop[0]->address, sizeof hop);
    }
    struct parcel *parcel = add_parcel(p, slc_bytes(packet, slc_packet_bytes(l->size)), hop, sizeof hop);
    parcel->id = id;
    free(plaintext);
    free(packet);
}

static void make_surbs(struct letter *l)
{
    l->surbs = SURBS;
    for (size_t i = 0; i < l->surbs; i++) {
        uint8_t random[SLC_ROUTE_RANDOM_MAX];
        struct slc_surb_job job = {.out = l->surb[i] + SLC_SURB_KEY_BYTES};
        slc_random_bytes(&rng, l->surb[i], SLC_SURB_KEY_BYTES);
        draw_route(&job.route, l->surb_hops, US, ours.identity.public_key, random);
        assert_int_equal(slc_surbs_build(scratch, &job, 1), SLC_OK);
    }
}

static void we_send(struct parcels *p, struct letter *l)
{
    if (l->kind == SLC_MESSAGE_REPLIABLE) make_surbs(l);
    size_t surbs = l->kind == SLC_MESSAGE_REPLIABLE ? l->surbs : 0;
    size_t len = slc_message_head_bytes(l->kind, surbs, l->surb_hops) + l->len;
    size_t surb_bytes = slc_reply_surb_bytes(l->surb_hops);
    uint8_t packed[SURBS * SLC_REPLY_SURB_BYTES];
    for (size_t i = 0; i < surbs; i++) {
        memcpy(packed + i * surb_bytes, l->surb[i], surb_bytes);
    }
    uint8_t *message = malloc(len), *content = malloc(slc_fragment_bytes(l->size));
    assert_non_null(message);
    assert_non_null(content);
    struct slc_writer w = slc_writer(message, len);
    const struct slc_surb_list list = {.count = surbs,
                                       .hops = (uint8_t)l->surb_hops,
                                       .rotation = SLC_ROTATION_EVEN,
                                       .surb_bytes = surb_bytes,
                                       .surbs = slc_bytes(packed, surbs * surb_bytes)};
    slc_message_write_head(&w, l->kind, l->tag, &list);
    slc_write_bytes(&w, l->data, l->len);
    assert_true(slc_writer_ok(&w));
    struct slc_cut cut;
    uint32_t set_ids[16];
    assert_int_equal(slc_cut_plan(&cut, len, slc_fragment_bytes(l->size)), SLC_OK);
    assert_in_range(cut.sets, 1, 16);
    slc_set_ids(set_ids, cut.sets, &rng);
    l->first = p->count;
    l->count = cut.fragments;
    for (size_t i = 0; i < cut.fragments; i++) {
        struct slc_fragment_id id;
        size_t set;
        slc_cut_place(&cut, i, &set, &id.position);
        id.set = set_ids[set];
        slc_cut_write(&cut, message, set_ids, i, content);
        we_send_fragment(p, l, content, id, i);
    }
    free(message);
    free(content);
}

/* The crate receives what was delivered, the last fragment of each message first. */
static void crate_receives(const struct parcels *p, const struct letter *letters, size_t n)
{
    slc_ask_u8(&oracle, 'R');
    slc_ask_u32(&oracle, n);
    for (size_t m = 0; m < n; m++) {
        const struct letter *l = &letters[m];
        slc_ask_u32(&oracle, l->count);
        for (size_t i = l->count; i-- > 0;) {
            slc_ask_bytes(&oracle, p->item[l->first + i].delivery.message);
        }
        slc_ask_u32(&oracle, l->kind == SLC_MESSAGE_REPLY ? l->surbs : 0);
        for (size_t i = 0; l->kind == SLC_MESSAGE_REPLY && i < l->surbs; i++) {
            slc_ask_raw(&oracle, l->surb[i], SLC_SURB_KEY_BYTES);
        }
    }
    struct slc_reader r = slc_oracle_ask(&oracle);
    assert_int_equal(slc_read_u32(&r), n);
    for (size_t m = 0; m < n; m++) {
        const struct letter *l = &letters[m];
        unsigned kind = l->kind == SLC_MESSAGE_PLAIN ? 0 : l->kind == SLC_MESSAGE_REPLIABLE ? 1 : 2;
        assert_int_equal(slc_read_u8(&r), kind);
        struct slc_bytes tag = slc_read_bytes(&r, SLC_SENDER_TAG_BYTES);
        if (kind == 1) slc_expect_bytes(tag, slc_bytes(l->tag, sizeof l->tag), "the sender tag");
        size_t surbs = slc_read_u32(&r);
        assert_int_equal(surbs, kind == 1 ? l->surbs : 0);
        for (size_t i = 0; i < surbs; i++) {
            slc_expect_bytes(slc_answer_bytes(&r), slc_bytes(l->surb[i], slc_reply_surb_bytes(l->surb_hops)),
                             "a reply SURB");
        }
        slc_expect_bytes(slc_answer_bytes(&r), slc_bytes(l->data, l->len), "the data");
    }
    slc_oracle_done(&r);
}

/* ---- the crate sends ---- */

static void ask_letter(const struct letter *l)
{
    slc_ask_u8(&oracle, l->kind == SLC_MESSAGE_PLAIN ? 0 : l->kind == SLC_MESSAGE_REPLIABLE ? 1 : 2);
    slc_ask_u8(&oracle, l->size);
    slc_ask_bytes(&oracle, slc_bytes(l->data, l->len));
    if (l->kind != SLC_MESSAGE_REPLY) {
        slc_ask_raw(&oracle, &we, sizeof we);
        if (l->kind == SLC_MESSAGE_REPLIABLE) {
            slc_ask_raw(&oracle, l->tag, sizeof l->tag);
            slc_ask_u32(&oracle, l->surbs);
        }
        return;
    }
    slc_ask_u32(&oracle, l->surbs);
    for (size_t i = 0; i < l->surbs; i++) {
        slc_ask_bytes(&oracle, slc_bytes(l->surb[i], slc_reply_surb_bytes(l->surb_hops)));
    }
}

static void crate_sends(struct parcels *p, struct letter *letters, size_t n)
{
    slc_ask_u8(&oracle, 'P');
    slc_ask_u32(&oracle, n);
    for (size_t m = 0; m < n; m++) {
        if (letters[m].kind == SLC_MESSAGE_REPLIABLE) letters[m].surbs = SURBS;
        ask_letter(&letters[m]);
    }
    struct slc_reader r = slc_oracle_ask(&oracle);
    assert_int_equal(slc_read_u32(&r), n);
    for (size_t m = 0; m < n; m++) {
        struct letter *l = &letters[m];
        l->first = p->count;
        l->count = slc_read_u32(&r);
        for (size_t i = 0; i < l->count; i++) {
            struct slc_bytes hop = slc_read_bytes(&r, SLC_SURB_ACK_ADDRESS_BYTES);
            struct parcel *parcel = add_parcel(p, slc_answer_bytes(&r), hop.data, hop.len);
            assert_int_equal(parcel->size, l->size);
            parcel->id.set = slc_read_u32(&r);
            parcel->id.position = slc_read_u8(&r);
        }
        size_t keys = slc_read_u32(&r);
        assert_int_equal(keys, l->kind == SLC_MESSAGE_REPLIABLE ? SURBS : 0);
        for (size_t i = 0; i < keys; i++) {
            slc_read_into(&r, l->surb[i], SLC_SURB_KEY_BYTES);
        }
    }
    slc_oracle_done(&r);
}

/* Decrypts a delivered payload in place, as its recipient or as the maker of the SURB; gives the content. */
static struct slc_bytes decrypt(struct slc_bytes delivered, const struct letter *l)
{
    uint8_t key[16], shared[32], digest[SLC_SURB_DIGEST_BYTES];
    uint8_t *key_out = key, *content = (uint8_t *)(uintptr_t)delivered.data + SLC_KEY_MATERIAL_BYTES;
    const uint8_t *key_in = key, *shared_in = shared;
    size_t len = delivered.len - SLC_KEY_MATERIAL_BYTES;
    if (l->kind == SLC_MESSAGE_REPLY) {
        size_t i = 0;
        for (bool found = false; !found; i++) {
            assert_in_range(i, 0, l->surbs - 1);
            slc_surb_digest(digest, l->surb[i]);
            found = memcmp(digest, delivered.data, sizeof digest) == 0;
        }
        memcpy(key, l->surb[i - 1], sizeof key);
    } else {
        struct slc_ladder_job job = {.secret = ours.encryption_secret, .point = delivered.data, .out = shared};
        slc_ladder(&job, 1);
        slc_message_keys(&key_out, &shared_in, 1);
    }
    slc_aes128_ctr(&content, len, &key_in, NULL, 1);
    return slc_bytes(content, len);
}

static void expect_letter(struct letter *l, struct slc_bytes bytes)
{
    struct slc_message message;
    assert_int_equal(slc_message_parse(bytes, &message), SLC_OK);
    assert_int_equal(message.kind, l->kind);
    slc_expect_bytes(message.data, slc_bytes(l->data, l->len), "the data");
    if (l->kind != SLC_MESSAGE_REPLIABLE) return;
    slc_expect_bytes(slc_bytes(message.sender_tag, 16), slc_bytes(l->tag, 16), "the sender tag");
    assert_int_equal(message.surbs.count, l->surbs);
    assert_int_equal(message.surbs.rotation, SLC_ROTATION_EVEN);
    assert_int_equal(message.surbs.surb_bytes, SLC_REPLY_SURB_BYTES);
    for (size_t i = 0; i < l->surbs; i++) {
        const uint8_t *surb = message.surbs.surbs.data + i * SLC_REPLY_SURB_BYTES;
        slc_expect_bytes(slc_bytes(surb, SLC_SURB_KEY_BYTES), slc_bytes(l->surb[i], SLC_SURB_KEY_BYTES),
                         "a SURB's key");
        memcpy(l->surb[i], surb, SLC_REPLY_SURB_BYTES);
    }
}

static void we_receive(const struct parcels *p, struct letter *letters, size_t n)
{
    const struct slc_reassembly_limits limits = {
        .max_bytes = 1 << 24, .max_sets = 64, .remembered = 64, .timeout = SLC_SECOND};
    struct slc_reassembly *reassembly = NULL;
    assert_int_equal(slc_reassembly_new(&reassembly, &limits), SLC_OK);
    for (size_t m = 0; m < n; m++) {
        struct letter *l = &letters[m];
        for (size_t i = l->count; i-- > 0;) {
            struct slc_fragment fragment;
            struct slc_bytes message;
            struct slc_bytes content = decrypt(p->item[l->first + i].delivery.message, l);
            assert_int_equal(slc_fragment_parse(content, &fragment), SLC_OK);
            enum slc_reassembly_result result = slc_reassembly_add(reassembly, &fragment, 0, &message);
            assert_int_equal(result, i > 0 ? SLC_REASSEMBLY_WAITING : SLC_REASSEMBLY_COMPLETE);
            if (i == 0) expect_letter(l, message);
        }
    }
    slc_reassembly_free(reassembly);
}

/* ---- exchanges ---- */

static struct parcels parcels;
static struct letter letters[MESSAGES], replies[MESSAGES / 2];

/* Replies to the repliable half of `letters`, each by the SURBs of one of them; its data fits them. */
static size_t draw_replies(size_t round)
{
    size_t n = 0;
    for (size_t m = 0; m < MESSAGES; m++) {
        if (letters[m].kind != SLC_MESSAGE_REPLIABLE) continue;
        struct letter *l = &replies[n++];
        draw_letter(l, SLC_MESSAGE_REPLY, round + m);
        size_t most = SURBS * (slc_fragment_bytes(l->size) - SLC_FRAGMENT_HEAD_BYTES) - 3;
        if (l->len > most) l->len = most;
        memcpy(l->surb, letters[m].surb, sizeof l->surb);
        l->surbs = letters[m].surbs;
        l->surb_hops = letters[m].surb_hops;
    }
    return n;
}

static void draw_letters(size_t round)
{
    for (size_t m = 0; m < MESSAGES; m++) {
        draw_letter(&letters[m], m % 2 == 0 ? SLC_MESSAGE_PLAIN : SLC_MESSAGE_REPLIABLE, round * MESSAGES + m);
    }
}

static void drop_letters(struct letter *l, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(l[i].data);
    }
}

static void messages_we_send_are_received_by_the_crates(void **state)
{
    (void)state;
    size_t messages = 0, packets = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        draw_letters(round);
        for (size_t m = 0; m < MESSAGES; m++) {
            /* In some rounds as a client makes SURBs that has its mix hops disabled. */
            if (round % 8 == 4) letters[m].surb_hops = 1;
            we_send(&parcels, &letters[m]);
        }
        /* Nodes of either kind: that they open alike is shown for every packet in test_oracle_packets.c. */
        deliver(&parcels, &they, &ours, round % 2 == 0 ? crate_carries : we_carry);
        crate_receives(&parcels, letters, MESSAGES);
        messages += MESSAGES;
        packets += parcels.count;
        free_parcels(&parcels);
        /* The crate answers with our SURBs, and we read it. */
        if (round % 4 == 0) {
            size_t n = draw_replies(round);
            crate_sends(&parcels, replies, n);
            parcels.hops = replies[0].surb_hops;
            deliver(&parcels, &we, &theirs, we_carry);
            we_receive(&parcels, replies, n);
            free_parcels(&parcels);
            drop_letters(replies, n);
        }
        drop_letters(letters, MESSAGES);
    }
    print_message("%zu messages in %zu packets from here to there\n", messages, packets);
    assert_true(messages >= 10000);
}

static void messages_the_crates_send_are_received_by_us(void **state)
{
    (void)state;
    size_t messages = 0, packets = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        draw_letters(round);
        crate_sends(&parcels, letters, MESSAGES);
        deliver(&parcels, &we, &theirs, we_carry);
        we_receive(&parcels, letters, MESSAGES);
        messages += MESSAGES;
        packets += parcels.count;
        free_parcels(&parcels);
        /* We answer with the crate's SURBs, and it reads us. */
        if (round % 4 == 0) {
            size_t n = draw_replies(round);
            for (size_t m = 0; m < n; m++) {
                we_send(&parcels, &replies[m]);
            }
            deliver(&parcels, &they, &ours, crate_carries);
            crate_receives(&parcels, replies, n);
            free_parcels(&parcels);
            drop_letters(replies, n);
        }
        drop_letters(letters, MESSAGES);
    }
    print_message("%zu messages in %zu packets from there to here\n", messages, packets);
    assert_true(messages >= 10000);
}

/* ---- cover and acks ---- */

static void cover_is_cover_on_both_sides(void **state)
{
    (void)state;
    enum { COVER = 100 };
    slc_ask_u8(&oracle, 'V');
    slc_ask_u32(&oracle, COVER);
    for (size_t i = 0; i < COVER; i++) {
        slc_ask_u8(&oracle, sizes[i % 6]);
    }
    struct slc_reader r = slc_oracle_ask(&oracle);
    assert_int_equal(slc_read_u32(&r), COVER);
    for (size_t i = 0; i < COVER; i++) {
        struct slc_bytes hop = slc_read_bytes(&r, SLC_SURB_ACK_ADDRESS_BYTES);
        (void)add_parcel(&parcels, slc_answer_bytes(&r), hop.data, hop.len);
    }
    slc_oracle_done(&r);
    /* Its acks carry the cover identifier, all zero, as these parcels' ids are. */
    deliver(&parcels, &they, &theirs, we_carry);
    slc_ask_u8(&oracle, 'K');
    slc_ask_u32(&oracle, COVER + COVER);
    for (size_t i = 0; i < COVER; i++) {
        slc_ask_bytes(&oracle, parcels.item[i].delivery.message);
        /* Ours, for the crate's key, beside it. */
        uint8_t bytes[2048], key[16];
        const uint8_t *key_in = key;
        struct slc_writer w = slc_writer(bytes, sizeof bytes);
        agree(&w, they.encryption_key, key);
        uint8_t *content = bytes + w.len;
        slc_cover_write(content, 1611);
        slc_aes128_ctr(&content, 1611, &key_in, NULL, 1);
        slc_ask_bytes(&oracle, slc_bytes(bytes, w.len + 1611));
    }
    r = slc_oracle_ask(&oracle);
    assert_int_equal(slc_read_u32(&r), COVER + COVER);
    for (size_t i = 0; i < COVER + COVER; i++) {
        assert_int_equal(slc_read_u8(&r), 1);
    }
    slc_oracle_done(&r);
    free_parcels(&parcels);
}

static void acks_we_write_are_read_by_the_crates(void **state)
{
    (void)state;
    enum { ACKS = 1000 };
    static struct slc_fragment_id ids[ACKS];
    slc_ask_u8(&oracle, 'A');
    slc_ask_u32(&oracle, ACKS);
    for (size_t i = 0; i < ACKS; i++) {
        uint8_t content[SLC_ACK_CONTENT_BYTES], iv[16];
        ids[i] = (struct slc_fragment_id){slc_random_below(&rng, 0x7fffffff), (uint8_t)slc_random_below(&rng, 256)};
        slc_random_bytes(&rng, iv, sizeof iv);
        slc_ack_write(content, theirs.ack_key, iv, ids[i]);
        slc_ask_raw(&oracle, content, sizeof content);
    }
    struct slc_reader r = slc_oracle_ask(&oracle);
    assert_int_equal(slc_read_u32(&r), ACKS);
    for (size_t i = 0; i < ACKS; i++) {
        assert_int_equal(slc_read_u32(&r), ids[i].set);
        assert_int_equal(slc_read_u8(&r), ids[i].position);
    }
    slc_oracle_done(&r);
}

/* ---- the network and the two clients ---- */

static void tell_network(void)
{
    slc_ask_u8(&oracle, 'N');
    slc_ask_u32(&oracle, ROTATION_ID);
    slc_ask_u32(&oracle, NODES);
    for (unsigned i = 0; i < NODES; i++) {
        uint8_t seed[32], public_key[SLC_KEY_BYTES];
        slc_random_bytes(&rng, seed, sizeof seed);
        slc_identity_from_seed(&node_identity[i], seed);
        slc_public_key(public_key, net.node[i].secret);
        slc_ask_u32(&oracle, i + 1);
        slc_ask_u8(&oracle, i < LAYERED ? i / 2 + 1 : 0);
        slc_ask_raw(&oracle, net.node[i].hop.address + 3, 4);
        slc_ask_u16(&oracle, PORT);
        slc_ask_raw(&oracle, node_identity[i].public_key, SLC_IDENTITY_BYTES);
        slc_ask_raw(&oracle, public_key, sizeof public_key);
    }
    struct slc_reader r = slc_oracle_ask(&oracle);
    slc_oracle_done(&r);
}

static void make_recipient(struct slc_recipient *recipient, const struct slc_client_keys *keys, unsigned gateway)
{
    memcpy(recipient->identity, keys->identity.public_key, sizeof recipient->identity);
    memcpy(recipient->encryption_key, keys->encryption_key, sizeof recipient->encryption_key);
    memcpy(recipient->gateway, node_identity[gateway].public_key, sizeof recipient->gateway);
}

static int set_up(void **state)
{
    (void)state;
    tell_network();
    slc_client_keys_generate(&ours, &rng);
    slc_client_keys_generate(&theirs, &rng);
    make_recipient(&we, &ours, US);
    make_recipient(&they, &theirs, THEM);
    slc_ask_u8(&oracle, 'C');
    slc_ask_raw(&oracle, theirs.identity.public_key, SLC_IDENTITY_BYTES);
    slc_ask_raw(&oracle, theirs.encryption_secret, SLC_KEY_BYTES);
    slc_ask_raw(&oracle, theirs.ack_key, SLC_ACK_KEY_BYTES);
    slc_ask_raw(&oracle, they.gateway, SLC_IDENTITY_BYTES);
    struct slc_reader r = slc_oracle_ask(&oracle);
    slc_expect_bytes(slc_read_rest(&r), slc_bytes(&they, sizeof they), "the crate's own address");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_we_send_are_received_by_the_crates),
        cmocka_unit_test(messages_the_crates_send_are_received_by_us),
        cmocka_unit_test(cover_is_cover_on_both_sides),
        cmocka_unit_test(acks_we_write_are_read_by_the_crates),
    };
    slc_oracle_start(&oracle);
    slc_test_random(&rng, 2);
    slc_test_net_new(&net, NODES, &rng);
    if (slc_sphinx_scratch_new(&scratch, PACKETS_MAX) != SLC_OK) return 1;
    int failed = cmocka_run_group_tests(tests, set_up, NULL);
    slc_sphinx_scratch_free(scratch);
    slc_test_net_free(&net);
    slc_oracle_stop(&oracle);
    return failed;
}
