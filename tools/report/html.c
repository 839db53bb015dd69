/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/embedded.h"
#include "tools/report/report.h"

#include <stdlib.h>

/* The page: the JSON, tools/report/page.js that shows it, and the summary for readers without scripts. */

static bool write_summary(FILE *out, const void *report)
{
    char *summary = NULL;
    size_t len;
    FILE *memory = open_memstream(&summary, &len);
    if (memory == NULL) return false;
    slc_report_print(report, memory);
    bool good = fclose(memory) == 0 && slc_page_text(out, summary);
    free(summary);
    return good;
}

static bool write_json(FILE *out, const void *report)
{
    char *json = slc_report_json(report, true);
    bool good = json != NULL && fputs(json, out) >= 0;
    free(json);
    return good;
}

bool slc_report_html(const struct slc_report *report, FILE *out)
{
    const struct slc_page page = {.title = "Sluice load report",
                                  .summary = write_summary,
                                  .json = write_json,
                                  .script = slc_embedded_report_script()};
    return slc_page_write(out, &page, report);
}
