/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/embedded.h"
#include "tools/report/report.h"

#include <stdlib.h>
#include <string.h>

/*
 * The page is tools/report/page.html with marks replaced: the charting library, the JSON, and the summary for readers
 * without scripts. Its content security policy forbids every load, so nothing is fetched when it is viewed.
 */

static bool write_bytes(FILE *out, struct slc_bytes bytes)
{
    return fwrite(bytes.data, 1, bytes.len, out) == bytes.len;
}

static bool write_escaped(FILE *out, const char *text)
{
    for (; *text != 0; text++) {
        const char *as = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : NULL;
        if (as != NULL ? fputs(as, out) < 0 : fputc(*text, out) == EOF) return false;
    }
    return true;
}

static bool write_summary(FILE *out, const struct slc_report *report)
{
    char *summary = NULL;
    size_t len;
    FILE *memory = open_memstream(&summary, &len);
    if (memory == NULL) return false;
    slc_report_print(report, memory);
    bool good = fclose(memory) == 0 && write_escaped(out, summary);
    free(summary);
    return good;
}

static bool write_json(FILE *out, const struct slc_report *report)
{
    char *json = slc_report_json(report, true);
    bool good = json != NULL && fputs(json, out) >= 0;
    free(json);
    return good;
}

static bool write_chart_library(FILE *out, const struct slc_report *report)
{
    (void)report;
    return write_bytes(out, slc_embedded_chart_library());
}

bool slc_report_html(const struct slc_report *report, FILE *out)
{
    static const struct part {
        const char *mark;
        bool (*write)(FILE *out, const struct slc_report *report);
    } parts[] = {{"@SUMMARY@", write_summary}, {"@CHART@", write_chart_library}, {"@JSON@", write_json}};
    struct slc_bytes page = slc_embedded_report_page();
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t mark_len = strlen(parts[i].mark);
        const uint8_t *mark = memmem(page.data, page.len, parts[i].mark, mark_len);
        if (mark == NULL || !write_bytes(out, slc_bytes(page.data, (size_t)(mark - page.data)))) return false;
        if (!parts[i].write(out, report)) return false;
        page.len -= (size_t)(mark - page.data) + mark_len;
        page.data = mark + mark_len;
    }
    return write_bytes(out, page);
}
