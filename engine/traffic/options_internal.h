/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TRAFFIC_OPTIONS_INTERNAL_H
#define SLUICE_TRAFFIC_OPTIONS_INTERNAL_H

#include "engine/traffic/options.h"

/* The table of options (options_table.c), for the functions over it (options.c). */

enum kind {
    KIND_DURATION, /* slc_time                                           */
    KIND_BOOL,     /* bool                                               */
    KIND_NUMBER,   /* uint32_t                                           */
    KIND_BYTES,    /* size_t                                             */
    KIND_REPEATS,  /* uint32_t: SLC_RETRANSMISSIONS_...                  */
    KIND_FACTOR,   /* double                                             */
    KIND_SIZE,     /* enum slc_packet_size                               */
    KIND_NO_SIZE,  /* the same, or none                                  */
    KIND_PACING,   /* bool in the reference: true is SLC_PACING_NONE     */
    KIND_SESSION,  /* enum slc_session_type                              */
    KIND_PROVIDER, /* struct slc_recipient with its flag before it       */
    KIND_MIX,      /* the one packet type that is left                   */
    KIND_ANYTHING, /* whatever it says, nobody reads it                  */
};

#define NOWHERE SIZE_MAX

struct slc_traffic_row {
    const char *name;
    enum kind kind;
    size_t at; /* in struct slc_traffic; NOWHERE: accepted, no effect */
    const char *help;
    uint64_t min, max; /* DURATION: ns; NUMBER, BYTES; FACTOR: max */
};

extern const struct slc_traffic_row slc_traffic_rows[];
extern const size_t slc_traffic_row_count;

#endif
