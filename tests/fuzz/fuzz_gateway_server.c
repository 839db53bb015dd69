/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/gateway/world.h"

/*
 * A gateway's session with a client that says anything: the input is a script of texts, packets and time, mixed with
 * what an honest client says. After all of it an honest client must still be served.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_STEPS = 200 };

static void charge(struct world *w, struct slc_reader *script)
{
    uint8_t text[SLC_SERVER_TEXT_MAX];
    struct slc_writer out = slc_writer(text, sizeof text);
    size_t cost = slc_read_u32(script);
    if (w->connection == 0 || slc_server_session_client(w->server) == NULL) return;
    int64_t before = slc_server_session_client(w->server)->bandwidth;
    enum slc_status status = slc_server_session_charge(w->server, cost, world_unix(w), &out);
    int64_t after = slc_server_session_client(w->server)->bandwidth;
    if (!slc_writer_ok(&out) || after > before || (status != SLC_OK && after != before)) abort();
}

static void inject(struct world *w, struct slc_reader *script)
{
    struct slc_bytes text = slc_read_bytes(script, slc_read_u16(script) % 4096);
    if (w->connection == 0 || !slc_reader_ok(script)) return;
    slc_server_session_text(w->server, text, w->now, world_unix(w));
    while (world_server_event(w)) {
    }
}

static void step(struct world *w, struct slc_reader *script)
{
    switch (slc_read_u8(script) % 8) {
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
        charge(w, script);
        return;
    case 4:
        if (w->connection != 0) slc_server_session_binary_refused(w->server);
        return;
    case 5:
        world_cut(w);
        return;
    case 6:
        w->server_config.metered = !w->server_config.metered;
        return;
    default:
        if (!world_client_event(w) && !world_server_event(w)) (void)world_deliver(w);
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
    world_hang_up(w);
    world_client(w, NULL, 0, 0); /* an honest client that starts anew */
    world_run(w, 10 * SLC_SECOND);
    if (!slc_gateway_client_ready(w->client) || slc_server_session_client(w->server) == NULL) abort();
    world_free(w);
    return 0;
}
