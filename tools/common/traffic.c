/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/traffic.h"

enum slc_status slc_traffic_words_apply(const struct slc_traffic_words *words, struct slc_traffic *traffic,
                                        struct slc_error *error)
{
    struct slc_error why = {0};
    enum slc_status status = SLC_OK;
    if (words->presets != NULL) status = slc_traffic_preset(traffic, words->presets, &why);
    if (status != SLC_OK) return slc_fail(error, status, "--preset: %s", why.text);
    for (unsigned i = 0; i < words->sets.count; i++) {
        status = slc_traffic_set_text(traffic, words->sets.text[i], &why);
        if (status != SLC_OK) return slc_fail(error, status, "--set: %s", why.text);
    }
    return slc_traffic_check(traffic, error);
}
