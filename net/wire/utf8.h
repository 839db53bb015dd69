/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_UTF8_H
#define SLUICE_UTF8_H

#include "crypto/base/bytes.h"

/* Whether `text` is UTF-8 by RFC 3629: shortest forms only, no surrogates, nothing above U+10FFFF. Any thread. */
bool slc_utf8_ok(struct slc_bytes text);

#endif
