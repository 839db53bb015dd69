/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/gateway/world.h"

/*
 * A client's session in a bad world: the input is a script of texts from the gateway's side, cuts, hangs, lost
 * registries and time that passes. When the world is good again, the client must be ready, or have given up with a
 * reason. What no event may do is checked in world.h.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_STEPS = 200 };

static void inject(struct world *w, struct slc_reader *script)
{
    struct slc_bytes text = slc_read_bytes(script, slc_read_u16(script) % 4096);
    if (w->connection == 0 || !slc_reader_ok(script)) return;
    slc_gateway_client_text(w->client, text, w->now, world_unix(w));
}

static const struct slc_control FORGET = {.kind = SLC_CONTROL_FORGET_ME, .client = true};

static void step(struct world *w, struct slc_reader *script)
{
    switch (slc_read_u8(script) % 12) {
    case 0:
        world_settle(w);
        return;
    case 1:
        world_run(w, slc_read_u8(script) * 100 * SLC_MILLISECOND);
        return;
    case 2:
        inject(w, script);
        return;
    case 3:
        world_cut(w);
        return;
    case 4:
        world_cut(w);
        world_new_registry(w);
        return;
    case 5:
        w->mute = !w->mute;
        return;
    case 6:
        slc_gateway_client_sent(w->client, slc_read_u32(script));
        return;
    case 7:
        if (!world_client_event(w) && !world_server_event(w)) (void)world_deliver(w);
        return;
    case 8:
        slc_gateway_client_leave(w->client, slc_read_u8(script) % 2 == 0 ? &FORGET : NULL, w->now);
        world_settle(w);
        return;
    case 9:
        w->server_config.metered = !w->server_config.metered;
        return;
    case 10:
        w->unix_offset = WORLD_UNIX_START + UINT64_C(40) * slc_read_u8(script);
        return;
    default:
        w->refuse = !w->refuse;
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = world_new(size);
    struct slc_reader script = slc_reader(slc_bytes(data, size));
    for (int steps = 0; slc_reader_left(&script) > 0 && steps < MAX_STEPS; steps++) {
        step(w, &script);
    }
    w->mute = false;
    w->refuse = false;
    world_run(w, 1000 * SLC_SECOND);
    world_cut(w);
    world_run(w, 60 * SLC_SECOND);
    bool ready = slc_gateway_client_ready(w->client);
    if (ready == (w->failed + w->left > 0) || w->failed + w->left > 1) abort();
    if (w->failed + w->left > 0 && slc_gateway_client_due(w->client) != SLC_NEVER) abort();
    world_free(w);
    return 0;
}
