/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_ECHO_SAY_H
#define SLUICE_ECHO_SAY_H

#include "tools/echo/service.h"

/*
 * What `sluice echo` tells. On standard output, for scripts, flushed:
 *
 *   address ADDRESS          one line an identity
 *   ready N METRICS-URL      all of them are connected; the URL with --metrics only
 *   summary NAME=COUNT ...   at the end, the service's books (SLC_ECHO_COUNTERS)
 *
 * or with --json two objects: {"event":"ready","addresses":[...],"metrics":...} and {"event":"summary",...}. On
 * standard error, for people, a line from time to time and what the summary means.
 */
struct slc_echo_voice {
    const struct slc_echo *echo;
    uint32_t identities;
    bool json;
    uint16_t metrics_port; /* 0: none */
    uint64_t answered;     /* when the last line was said, */
    slc_time at;           /* and when that was            */
};

void slc_echo_say_ready(const struct slc_echo_voice *voice);
/* running: since the service is ready */
void slc_echo_say_status(struct slc_echo_voice *voice, slc_time running);
/* False: an answer failed or is still under way, or the books do not balance. */
bool slc_echo_say_summary(const struct slc_echo_voice *voice, slc_time running);

#endif
