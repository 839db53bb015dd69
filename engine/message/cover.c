/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/message/message.h"

static const char marker[] = "The cake is a lie!";
enum { MARKER_BYTES = sizeof marker - 1 };
_Static_assert(SLC_COVER_BYTES_MIN == MARKER_BYTES + 1, "the text and 0x01, section 12.1");

void slc_cover_write(uint8_t *out, size_t len)
{
    memcpy(out, marker, MARKER_BYTES);
    out[MARKER_BYTES] = 1;
    memset(out + SLC_COVER_BYTES_MIN, 0, len - SLC_COVER_BYTES_MIN);
}

bool slc_cover_is(struct slc_bytes plaintext)
{
    return plaintext.len >= MARKER_BYTES && memcmp(plaintext.data, marker, MARKER_BYTES) == 0;
}
