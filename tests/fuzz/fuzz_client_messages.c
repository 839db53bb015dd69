/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "engine/client/client_internal.h"
#include "tests/support/mininet.h"

/*
 * What a stranger's packets decrypt to, in any order, between messages and replies of our own, passing time, losses and
 * rotations. Each step is a byte that says what happens, then what it needs. Bounds hold after each; all that the
 * application handed in comes back.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 200 };

struct world {
    struct mininet *net;
    uint8_t tags[8][SLC_SENDER_TAG_BYTES];
    unsigned tag_count;
    uint64_t handed_in;
};

static struct slc_traffic small_bounds(void)
{
    struct slc_traffic traffic;
    slc_traffic_default(&traffic);
    traffic.pacing = SLC_PACING_NONE;
    traffic.loop_mean = 0;
    traffic.retransmissions = 3;
    traffic.max_pending = 200;
    traffic.max_reply_keys = 40;
    traffic.max_stored_surbs = 60;
    traffic.max_sender_tags = 4;
    traffic.max_reassembly_bytes = 40000;
    traffic.max_foreign_bytes = 150000;
    return traffic;
}

static void take_deliveries(struct world *w)
{
    for (struct mininet_delivery *d; (d = mininet_next(w->net)) != NULL; mininet_forget(d)) {
        if (d->has_tag) memcpy(w->tags[w->tag_count++ % 8], d->tag, SLC_SENDER_TAG_BYTES);
    }
}

static void check_bounds(const struct world *w)
{
    const struct slc_clients *c = w->net->clients;
    size_t foreign = 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct client *k = &c->clients[i];
        foreign += k->foreign;
        if (k->replies == NULL) continue;
        const struct replies *r = k->replies;
        uint32_t stored = 0;
        for (uint32_t s = 0; s < r->stores_len; s++) {
            stored += slc_store_count(r->stores[s]);
        }
        if (stored != r->stored || stored > c->traffic->max_stored_surbs + 1) abort();
        if (r->stores_len > c->traffic->max_sender_tags || r->keys_len > c->traffic->max_reply_keys) abort();
    }
    if (foreign != c->foreign || foreign > c->traffic->max_foreign_bytes + 50000) abort();
}

static void hand_in(struct world *w, uint8_t what, size_t len)
{
    static const uint8_t zeros[4096];
    struct mininet *net = w->net;
    enum slc_status status = SLC_NOT_FOUND;
    if (what % 2 == 0) {
        status = mininet_send(net, 0, 1, 1, zeros, len, what % 4 == 0, what % 4 == 0 ? what / 8 : 0);
    } else if (w->tag_count > 0) {
        unsigned tags = w->tag_count < 8 ? w->tag_count : 8;
        status = mininet_reply(net, 0, w->tags[what / 2 % tags], 2, zeros, len);
    }
    w->handed_in += status == SLC_OK;
}

/* False: no more. */
static bool step(struct world *w, struct slc_reader *in)
{
    struct mininet *net = w->net;
    if (slc_reader_left(in) < 3) return false;
    uint8_t what = slc_read_u8(in);
    size_t len = slc_read_u16(in);
    if (len > slc_reader_left(in)) len = slc_reader_left(in);
    switch (what % 8) {
    case 0:
    case 1:
    case 2:
        mininet_fragment(net, what % 8 == 2, slc_read_bytes(in, len).data, len);
        return true;
    case 3:
    case 4: {
        struct slc_bytes message = slc_read_bytes(in, len);
        mininet_message(net, 0, message.data, message.len);
        return true;
    }
    case 5:
        hand_in(w, what / 8, len % 4096);
        return true;
    case 6:
        net->loss = (double)(what / 8 % 4) / 3;
        mininet_run(net, (1 + len % 10000) * SLC_MILLISECOND);
        return true;
    default:
        if (what >= 248) mininet_rotate(net);
        mininet_run(net, len % 2000 * SLC_SECOND);
        return true;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slc_traffic traffic = small_bounds();
    struct world w = {.net = mininet_new(1, 2, &traffic, 16)};
    mininet_ready(w.net);
    struct slc_reader in = slc_reader(slc_bytes(data, size));
    for (unsigned i = 0; i < STEPS_MAX && step(&w, &in); i++) {
        mininet_run(w.net, 2 * SLC_MILLISECOND);
        take_deliveries(&w);
        check_bounds(&w);
    }
    w.net->loss = 0;
    mininet_run(w.net, 10 * SLC_SECOND);
    take_deliveries(&w);
    check_bounds(&w);
    uint64_t done = w.net->done_count;
    if (done > w.handed_in) abort();
    mininet_free(w.net);
    return 0;
}
