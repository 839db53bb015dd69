/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_EMBEDDED_H
#define SLUICE_EMBEDDED_H

#include "crypto/base/bytes.h"

/* Files that the build puts into the program (tools/CMakeLists.txt, `sluice_embed`). Read-only; any thread. */

/* tools/localnet/status.html */
struct slc_bytes slc_embedded_status_page(void);
/* tools/report/page.js */
struct slc_bytes slc_embedded_report_script(void);
/* tools/report/frame.html, style.css and plots.js: what pages have in common */
struct slc_bytes slc_embedded_page_frame(void);
struct slc_bytes slc_embedded_page_style(void);
struct slc_bytes slc_embedded_page_plots(void);
/* tools/bench/plot.js */
struct slc_bytes slc_embedded_plot_script(void);
/* Chart.js of the package libjs-chart.js, minified */
struct slc_bytes slc_embedded_chart_library(void);

#endif
