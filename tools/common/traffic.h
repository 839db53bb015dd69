/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TOOLS_TRAFFIC_H
#define SLUICE_TOOLS_TRAFFIC_H

#include "engine/traffic/options.h"
#include "tools/common/options.h"

/* The debug options of clients on command lines: --preset and --set; `sluice options` lists them. */

struct slc_traffic_words {
    const char *presets; /* "fast,no-poisson"; NULL: none */
    struct slc_text_list sets;
};

/* Rows for a table of options. */
#define SLC_TRAFFIC_OPTIONS(words)                                                                                     \
    {"preset",                                                                                                         \
     SLC_OPTION_TEXT,                                                                                                  \
     &(words)->presets,                                                                                                \
     "NAME",                                                                                                           \
     "of sending, as fast or no-cover; sluice options lists them",                                                     \
     0,                                                                                                                \
     0,                                                                                                                \
     NULL,                                                                                                             \
     NULL},                                                                                                            \
    {                                                                                                                  \
        "set", SLC_OPTION_LIST, &(words)->sets, "SECTION.KEY=VALUE",                                                   \
            "any debug option of clients, again for more; sluice options lists them", 0, 0, NULL, NULL                 \
    }

/* Presets, then what was set, in order; then whether it goes together. Errors name the flag. */
SLC_MUST_CHECK enum slc_status slc_traffic_words_apply(const struct slc_traffic_words *words,
                                                       struct slc_traffic *traffic, struct slc_error *error);

#endif
