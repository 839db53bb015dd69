/* SPDX-License-Identifier: Apache-2.0 */
/* A user's program: opens an engine on the topology file it is given and sends itself a message. */
#include <sluice/sluice.h>

#include <stdio.h>
#include <string.h>

/* A name the library has inside, too: both links must keep them apart. */
int slc_now(void);
int slc_now(void)
{
    return 42;
}

int main(int argc, char **argv)
{
    struct slc_open_options options = {.size = sizeof options};
    struct slc_engine_id engine;
    struct slc_client_id client;
    struct slc_client_info info = {.size = sizeof info};
    struct slc_event event;
    struct slc_error error;
    size_t n;
    int tries;
    options.topology_file = argc > 1 ? argv[1] : "";
    options.traffic = "no-cover";
    if (slc_open(&options, &engine, &error) != SLC_OK || slc_add(engine, NULL, &client, &error) != SLC_OK) {
        (void)fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    if (slc_info(client, &info) != SLC_OK) return 1;
    for (tries = 0; tries < 2000; tries++) {
        if (slc_poll(engine, &event, 1, &n) != SLC_OK) return 1;
        if (n == 0 && slc_wait(engine, 10) != SLC_OK) return 1;
        if (n == 0) continue;
        if (event.kind == SLC_EVENT_READY && slc_send(client, &info.recipient, "hello", 5, NULL) != SLC_OK) return 1;
        if (event.kind == SLC_EVENT_MESSAGE) break;
        if (slc_release(engine, &event, 1) != SLC_OK) return 1;
    }
    if (tries == 2000 || event.len != 5 || memcmp(event.data, "hello", 5) != 0 || slc_now() != 42) return 1;
    printf("libsluice %s: %.*s\n", slc_version(), (int)event.len, (const char *)event.data);
    return slc_close(engine, NULL) == SLC_OK ? 0 : 1;
}
