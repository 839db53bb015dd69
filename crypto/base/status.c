/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base/error.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const texts[SLC_STATUS_COUNT] = {
    [SLC_OK] = "success",
    [SLC_PARTIAL] = "some of the batch failed",
    [SLC_AGAIN] = "not now, try again",
    [SLC_BAD_ARGUMENT] = "bad argument",
    [SLC_NO_MEMORY] = "out of memory",
    [SLC_IO] = "input/output error",
    [SLC_RANDOM_FAILED] = "the system gave no randomness",
    [SLC_TOO_SHORT] = "too short",
    [SLC_TOO_LONG] = "too long",
    [SLC_MALFORMED] = "malformed",
    [SLC_NOT_UTF8] = "not UTF-8",
    [SLC_TOO_DEEP] = "nested too deep",
    [SLC_OUT_OF_RANGE] = "number out of range",
    [SLC_UNSUPPORTED] = "not supported",
    [SLC_BAD_KEY] = "unusable key",
    [SLC_BAD_MAC] = "authentication failed",
    [SLC_BAD_SIGNATURE] = "bad signature",
    [SLC_BAD_ROUTE] = "bad route",
    [SLC_BAD_PAYLOAD] = "bad payload",
    [SLC_BAD_SURB] = "bad SURB",
    [SLC_REPLAY] = "packet seen before",
    [SLC_EXPIRED_KEY] = "key rotation has expired",
    [SLC_NO_ROUTE] = "no route",
    [SLC_NOT_FOUND] = "not found",
    [SLC_DUPLICATE] = "duplicate",
    [SLC_OUT_OF_BANDWIDTH] = "out of bandwidth",
    [SLC_FULL] = "full",
    [SLC_TIMEOUT] = "timed out",
    [SLC_CLOSED] = "connection closed",
    [SLC_REFUSED] = "refused by the peer",
    [SLC_DENIED] = "permission denied",
    [SLC_BAD_HANDLE] = "bad handle: closed, removed or never given out",
    [SLC_UNTRUSTED] = "TLS certificate not trusted",
    [SLC_WRONG_THREAD] = "wrong thread: not the engine's control thread",
};

const char *slc_status_text(enum slc_status status)
{
    return (unsigned)status < SLC_STATUS_COUNT ? texts[status] : "unknown status";
}

enum slc_status slc_fail(struct slc_error *error, enum slc_status status, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
        error->status = status;
    }
    return status;
}
