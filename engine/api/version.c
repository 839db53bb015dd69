/* SPDX-License-Identifier: Apache-2.0 */
#include "sluice/version.h"

#define TEXT(x)         #x
#define DOTTED(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char *slc_version(void)
{
    return DOTTED(SLC_VERSION_MAJOR, SLC_VERSION_MINOR, SLC_VERSION_PATCH);
}
