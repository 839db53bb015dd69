/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/embedded.h"

/* The assembler reads the file; the build names it and rebuilds this when it changes. */
#define EMBED(name, path)                                                                                              \
    __asm__(".section .rodata\n"                                                                                       \
            ".balign 16\n" #name "_begin:\n"                                                                           \
            ".incbin \"" path "\"\n" #name "_end:\n"                                                                   \
            ".byte 0\n"                                                                                                \
            ".previous\n");                                                                                            \
    extern const uint8_t name##_begin[], name##_end[];                                                                 \
    struct slc_bytes slc_embedded_##name(void)                                                                         \
    {                                                                                                                  \
        return slc_bytes(name##_begin, (size_t)(name##_end - name##_begin));                                           \
    }

EMBED(status_page, SLUICE_EMBED_STATUS_PAGE)
EMBED(page_frame, SLUICE_EMBED_PAGE_FRAME)
EMBED(report_script, SLUICE_EMBED_REPORT_SCRIPT)
EMBED(page_style, SLUICE_EMBED_PAGE_STYLE)
EMBED(page_plots, SLUICE_EMBED_PAGE_PLOTS)
EMBED(plot_script, SLUICE_EMBED_PLOT_SCRIPT)
EMBED(chart_library, SLUICE_EMBED_CHART_LIBRARY)
