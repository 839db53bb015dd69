/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/api/api_internal.h"

/* No struct of the API will ever be this long: a size that was not set does not make us read far. */
enum { SIZE_MAX_SANE = 4096 };

enum slc_status slc_api_take(void *ours, size_t size, size_t least, const void *theirs)
{
    memset(ours, 0, size);
    if (theirs == NULL) return SLC_OK;
    size_t given;
    memcpy(&given, theirs, sizeof given);
    if (given < least || given > SIZE_MAX_SANE) return SLC_BAD_ARGUMENT;
    for (size_t i = size; i < given; i++) {
        if (((const uint8_t *)theirs)[i] != 0) return SLC_UNSUPPORTED;
    }
    memcpy(ours, theirs, given < size ? given : size);
    return SLC_OK;
}

enum slc_status slc_api_give(void *theirs, size_t least, const void *ours, size_t size)
{
    size_t given;
    memcpy(&given, theirs, sizeof given);
    if (given < least || given > SIZE_MAX_SANE) return SLC_BAD_ARGUMENT;
    memset(theirs, 0, given);
    memcpy(theirs, ours, given < size ? given : size);
    memcpy(theirs, &given, sizeof given);
    return SLC_OK;
}
