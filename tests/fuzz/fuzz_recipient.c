/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/keys/keys.h"

/* A recipient as text and as bytes; each form has one spelling. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slc_recipient recipient;
    struct slc_recipient again;
    struct slc_error error = {0};
    char text[SLC_RECIPIENT_TEXT_MAX];

    char *copy = malloc(size + 1);
    if (copy == NULL) return 0;
    if (size > 0) {
        memcpy(copy, data, size);
    }
    copy[size] = '\0';
    enum slc_status status = slc_recipient_from_text(copy, &recipient, &error);
    if (error.status != status) abort();
    if (status == SLC_OK) {
        slc_recipient_to_text(&recipient, text);
        if (strcmp(text, copy) != 0) abort();
        if (slc_recipient_parse(slc_bytes(&recipient, sizeof recipient), &again) != SLC_OK) abort();
        if (memcmp(&recipient, &again, sizeof again) != 0) abort();
    }
    free(copy);

    if (slc_recipient_parse(slc_bytes(data, size), &recipient) == SLC_OK) {
        if (size != SLC_RECIPIENT_BYTES) abort();
        slc_recipient_to_text(&recipient, text);
        if (slc_recipient_from_text(text, &again, NULL) != SLC_OK) abort();
        if (memcmp(&recipient, &again, sizeof again) != 0) abort();
    }
    return 0;
}
