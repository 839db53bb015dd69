/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TRAFFIC_OPTIONS_H
#define SLUICE_TRAFFIC_OPTIONS_H

#include "engine/traffic/traffic.h"

/*
 * Every debug option of the reference by its own name, "section.key" (docs/protocol/4-client.md, section 13), and a few
 * of ours in the section "sluice"; and the reference's presets (section 3.4). One table makes parser, help and
 * documentation. Pure; any thread.
 *
 * Values are words: durations "15ms", "1.5s", "5m", "1h", also several as in "1m 30s"; "true", "false"; numbers; packet
 * sizes "regular", "extended8", "extended16", "extended32"; "none" where there may be none. Quotes around a value, as
 * in the reference's files, are taken off.
 */

/*
 * Sets one option. SLC_NOT_FOUND: no such name (`error` has the nearest); SLC_MALFORMED: not such a value;
 * SLC_OUT_OF_RANGE; SLC_UNSUPPORTED: a value that the reference has and we do not. `*traffic` is unchanged then.
 */
SLC_MUST_CHECK enum slc_status slc_traffic_set(struct slc_traffic *traffic, const char *name, const char *value,
                                               struct slc_error *error);
/* The same from one text, "section.key=value", as it stands on a command line. SLC_MALFORMED: there is no "=". */
SLC_MUST_CHECK enum slc_status slc_traffic_set_text(struct slc_traffic *traffic, const char *text,
                                                    struct slc_error *error);

/* One row of the table, for help and documentation; false: `i` is past its end. */
struct slc_traffic_option {
    const char *name;  /* "traffic.average_packet_delay"                                          */
    const char *value; /* what its values are: "DURATION", "true|false"                          */
    const char *help;  /* one line; for an option without effect: why                            */
    bool effect;       /* false: accepted, and changes nothing                                   */
};
bool slc_traffic_option(size_t i, struct slc_traffic_option *option);
/* The option's value in `traffic`, as slc_traffic_set() reads it. `text` has `cap` bytes. False: no such option. */
bool slc_traffic_get(const struct slc_traffic *traffic, const char *name, char *text, size_t cap);

/*
 * Applies presets, one or several with commas: "fast,no-poisson". SLC_NOT_FOUND: no such preset; SLC_BAD_ARGUMENT: they
 * exclude each other. `*traffic` is unchanged then.
 */
SLC_MUST_CHECK enum slc_status slc_traffic_preset(struct slc_traffic *traffic, const char *names,
                                                  struct slc_error *error);
/* Name and one line about preset `i`; false: past the end. */
bool slc_traffic_preset_about(size_t i, const char **name, const char **help);

#endif
