/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/report/report.h"

#include "net/wire/utf8.h"
#include "tools/common/options.h"

#include <stdarg.h>
#include <string.h>

const struct slc_report_percentile slc_report_percentiles[SLC_REPORT_PERCENTILES] = {
    {"p50", "p50", 0.5},      {"p90", "p90", 0.9},         {"p99", "p99", 0.99},
    {"p999", "p99.9", 0.999}, {"p9999", "p99.99", 0.9999},
};

const char *slc_verdict_name(enum slc_verdict verdict)
{
    static const char *const names[] = {"good", "failed", "invalid", "interrupted"};
    return names[verdict];
}

int slc_verdict_exit(enum slc_verdict verdict)
{
    static const int codes[] = {SLC_EXIT_GOOD, SLC_EXIT_CHECK_FAILED, SLC_EXIT_SATURATED, SLC_EXIT_INTERRUPTED};
    return codes[verdict];
}

void slc_report_reason(struct slc_report *r, const char *format, ...)
{
    if (r->reason_count == SLC_REPORT_REASONS) {
        (void)snprintf(r->reasons[SLC_REPORT_REASONS - 1], SLC_REPORT_REASON_BYTES, "and more");
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(r->reasons[r->reason_count++], SLC_REPORT_REASON_BYTES, format, arguments);
    va_end(arguments);
}

double slc_report_packets_per_second(const struct slc_report *r)
{
    const struct slc_client_counters *w = &r->window;
    double sent = (double)(w->real_sent + w->surb_packets_sent + w->cover_sent + w->retransmitted);
    return r->measured > 0 ? sent * (double)SLC_SECOND / (double)r->measured : 0;
}

double slc_report_packets_per_core(const struct slc_report *r)
{
    double busy = 0;
    for (size_t i = 0; i < r->thread_count; i++) {
        if (strncmp(r->threads[i].name, "slc-", 4) == 0) busy += r->threads[i].busy;
    }
    return busy > 0 ? slc_report_packets_per_second(r) / busy : 0;
}

double slc_report_surbs_per_answer(const struct slc_report *r)
{
    double answered = (double)r->messages.answered;
    return answered > 0 ? (double)r->service_packets.surbs_used / answered : 0;
}

/* Bytes of the UTF-8 character at `text`; 0: none, or one that would steer a terminal. */
static size_t printable(const char *text)
{
    unsigned char first = (unsigned char)text[0];
    if (first < 0x80) return first >= 0x20 && first != 0x7f;
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (strnlen(text, len) < len || !slc_utf8_ok(slc_bytes(text, len))) return 0;
    /* U+0080 .. U+009F are control characters too. */
    return first == 0xc2 && (unsigned char)text[1] < 0xa0 ? 0 : len;
}

void slc_report_clean(char *out, size_t cap, const char *text)
{
    size_t at = 0;
    while (*text != 0) {
        size_t len = printable(text);
        if (at + (len > 0 ? len : 1) >= cap) break;
        if (len == 0) {
            out[at++] = '?';
            text++;
            continue;
        }
        memcpy(out + at, text, len);
        at += len;
        text += len;
    }
    out[at] = 0;
}
