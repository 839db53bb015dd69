/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/traffic/options.h"

#include <string.h>

/* The reference's presets (docs/protocol/4-client.md, section 3.4), which change what they name and nothing else. */

static void fast(struct slc_traffic *t)
{
    t->hop_delay = 10 * SLC_MILLISECOND;
    t->main_mean = 4 * SLC_MILLISECOND;
    t->loop_mean = 2000 * SLC_SECOND;
}

void slc_traffic_fast(struct slc_traffic *traffic)
{
    slc_traffic_default(traffic);
    fast(traffic);
}

static void no_poisson(struct slc_traffic *t)
{
    t->pacing = SLC_PACING_NONE;
}

static void no_cover(struct slc_traffic *t)
{
    t->no_loop = true;
    no_poisson(t);
}

static void keepalive(struct slc_traffic *t)
{
    t->loop_mean = 5 * SLC_SECOND;
    no_poisson(t);
}

static void medium(struct slc_traffic *t)
{
    keepalive(t);
    t->hop_delay = t->ack_hop_delay = 0;
    t->secondary_size = SLC_SIZE_EXTENDED_16;
}

enum { ALONE = 1 };

static const struct preset {
    const char *name;
    void (*apply)(struct slc_traffic *traffic);
    const char *help;
    unsigned excludes; /* ALONE: `fast` and `no-cover` */
} presets[] = {
    {"default", slc_traffic_default, "as the reference: 50 packets a second with cover, 5 loop cover packets", 0},
    {"fast", fast, "250 packets a second with cover, hops of 10 ms, almost no loop cover", 0},
    {"no-cover", no_cover, "packets leave at once, no cover at all", 0},
    {"no-poisson", no_poisson, "packets leave at once, loop cover stays", 0},
    {"keepalive", keepalive, "packets leave at once, loop cover every 5 s", 0},
    {"medium", medium, "keepalive, no delays at hops, extended16 packets for long messages", ALONE},
};
enum { PRESETS = sizeof presets / sizeof *presets };

static const struct preset *find(const char *name, size_t len)
{
    for (size_t i = 0; i < PRESETS; i++) {
        if (strlen(presets[i].name) == len && memcmp(presets[i].name, name, len) == 0) return &presets[i];
    }
    return NULL;
}

enum slc_status slc_traffic_preset(struct slc_traffic *traffic, const char *names, struct slc_error *error)
{
    struct slc_traffic result = *traffic;
    bool alone = false, others = false;
    for (const char *at = names;; at++) {
        size_t len = strcspn(at, ",");
        const struct preset *preset = find(at, len);
        if (preset == NULL) {
            return slc_fail(error, SLC_NOT_FOUND,
                            "%.*s: no such preset; there are default, fast, no-cover, no-poisson, keepalive, medium",
                            (int)(len < 40 ? len : 40), at);
        }
        alone |= preset->excludes == ALONE;
        others |= preset->apply == fast || preset->apply == no_cover;
        preset->apply(&result);
        at += len;
        if (*at == '\0') break;
    }
    if (alone && others) return slc_fail(error, SLC_BAD_ARGUMENT, "medium goes neither with fast nor with no-cover");
    *traffic = result;
    return SLC_OK;
}

bool slc_traffic_preset_about(size_t i, const char **name, const char **help)
{
    if (i >= PRESETS) return false;
    *name = presets[i].name;
    *help = presets[i].help;
    return true;
}
