/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "engine/traffic/options.h"

/* "name=value" and lists of presets: whatever is taken can be read back and set again to the same effect. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_all(const struct slc_traffic *traffic)
{
    struct slc_traffic again;
    struct slc_traffic_option option;
    slc_traffic_default(&again);
    for (size_t i = 0; slc_traffic_option(i, &option); i++) {
        char text[400], twice[400];
        if (!slc_traffic_get(traffic, option.name, text, sizeof text)) abort();
        if (!option.effect) continue;
        if (slc_traffic_set(&again, option.name, text, NULL) != SLC_OK) abort();
        if (!slc_traffic_get(&again, option.name, twice, sizeof twice) || strcmp(text, twice) != 0) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    struct slc_traffic traffic, before;
    struct slc_error error = {0};
    slc_traffic_default(&traffic);
    before = traffic;
    enum slc_status set = slc_traffic_set_text(&traffic, text, &error);
    if (set != SLC_OK && (error.text[0] == '\0' || memcmp(&traffic, &before, sizeof traffic) != 0)) abort();
    if (set == SLC_OK) check_all(&traffic);
    if (slc_traffic_preset(&traffic, text, &error) == SLC_OK) check_all(&traffic);
    free(text);
    return 0;
}
