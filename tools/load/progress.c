/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/load_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_EVERY_SECONDS = 5 };

void slc_load_progress_init(struct slc_load_progress *p, bool quiet)
{
    *p = (struct slc_load_progress){.quiet = quiet, .terminal = isatty(STDERR_FILENO) == 1};
}

void slc_load_progress_row(struct slc_load_progress *p, const struct slc_report_row *row, const char *phase,
                           uint32_t clients)
{
    p->rows++;
    bool every = lround(row->at) % LINE_EVERY_SECONDS == 0;
    if (p->quiet || (!p->terminal && !every)) return;
    char p50[32] = "-", p99[32] = "-";
    bool ping = row->answered_p50 > 0;
    if (ping || row->delivered_p50 > 0) {
        (void)slc_duration_text(ping ? row->answered_p50 : row->delivered_p50, p50);
        (void)slc_duration_text(ping ? row->answered_p99 : row->delivered_p99, p99);
    }
    double s = row->seconds > 0 ? row->seconds : 1;
    (void)fprintf(stderr,
                  "%s%-9s %5.0f s  %u/%u ready  %.0f/s offered  %.0f/s delivered  %.0f/s acked  %llu in flight  p50 %s"
                  "  p99 %s%s",
                  p->terminal ? "\r\033[K" : "", phase, row->at, row->ready, clients, (double)row->offered / s,
                  (double)row->delivered / s, (double)row->acked / s, (unsigned long long)row->in_flight, p50, p99,
                  p->terminal ? "" : "\n");
    (void)fflush(stderr);
}

void slc_load_progress_end(struct slc_load_progress *p)
{
    if (!p->quiet && p->terminal && p->rows > 0) (void)fprintf(stderr, "\r\033[K");
}
