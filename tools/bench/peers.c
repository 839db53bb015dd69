/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench/bench.h"

/* bench/peers/build.sh puts it there; the versions are in the name, since they say what is compared. */
#define LIBRARY "sluice/bench-sphinx-0.8.0-nym-1.22.2/libbench_peers.so"

static const char *library_path(const struct slc_bench_options *options, char *text, size_t cap)
{
    if (options->peers != NULL) return options->peers;
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (cache != NULL && cache[0] != 0) {
        (void)snprintf(text, cap, "%s/" LIBRARY, cache);
    } else {
        (void)snprintf(text, cap, "%s/.cache/" LIBRARY, home != NULL ? home : "");
    }
    return text;
}

void slc_bench_peers_load(struct slc_bench_peers *peers, const struct slc_bench_options *options)
{
    *peers = (struct slc_bench_peers){0};
    if (options->no_peers) return;
    /* Never unloaded: Rust's thread-local storage would outlive its code. */
    char text[1024];
    const char *path = library_path(options, text, sizeof text);
    peers->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (peers->library != NULL) {
        slc_bench_peers_fn *list;
        void *symbol = dlsym(peers->library, "slc_bench_peers");
        memcpy(&list, &symbol, sizeof list);
        if (list != NULL) peers->all = list(SLC_BENCH_PEERS_ABI, &peers->count);
    }
    if (peers->all != NULL) return;
    const char *why = peers->library == NULL ? dlerror() : "it is of another version";
    (void)fprintf(stderr,
                  "sluice bench: NO PUBLISHED CRATE TO COMPARE WITH, so no ratios: %s\n"
                  "sluice bench: build the crates with bench/peers/build.sh, or say --no-peers\n",
                  why != NULL ? why : path);
}

struct crate {
    const struct slc_bench_peer *peer;
    void *state;
};

static bool run_crate(void *self, size_t units)
{
    const struct crate *crate = self;
    return crate->peer->run(crate->state, units) != 0;
}

size_t slc_bench_peers_open(const struct slc_bench_peers *peers, const char *work, const struct slc_bench_setup *setup,
                            struct slc_bench_contender *contenders, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < peers->count && n < cap; i++) {
        const struct slc_bench_peer *peer = &peers->all[i];
        if (strcmp(peer->work, work) != 0) continue;
        struct crate *crate = malloc(sizeof *crate);
        if (crate == NULL) break;
        *crate = (struct crate){peer, peer->open(setup)};
        if (crate->state == NULL) {
            (void)fprintf(stderr, "sluice bench: %s %s cannot do this\n", peer->name, peer->version);
            free(crate);
            continue;
        }
        contenders[n++] = (struct slc_bench_contender){peer->name, peer->version, run_crate, crate, 1, 0, NULL};
    }
    return n;
}

void slc_bench_peers_close(const struct slc_bench_contender *contenders, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct crate *crate = contenders[i].self;
        crate->peer->close(crate->state);
        free(crate);
    }
}
