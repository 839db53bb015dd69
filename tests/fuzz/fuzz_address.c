/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/wire/address.h"

/* Addresses as bytes and as text: what is read is written back, and both forms agree. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct slc_address *address)
{
    char text[SLC_ADDRESS_TEXT_MAX];
    struct slc_address again;
    slc_address_to_text(address, text);
    if (slc_address_from_text(text, &again) != SLC_OK || !slc_address_equal(&again, address)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct slc_address address;
    struct slc_reader r = slc_reader(slc_bytes(data, size));
    if (slc_address_read(&r, &address) == SLC_OK) {
        uint8_t room[SLC_ADDRESS_UNPADDED_MAX];
        struct slc_writer w = slc_writer(room, sizeof room);
        slc_address_write(&w, &address);
        if (!slc_writer_ok(&w) || w.len != size - slc_reader_left(&r) || memcmp(room, data, w.len) != 0) abort();
        check_text(&address);
    }
    char *text = malloc(size + 1);
    if (text == NULL) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (slc_address_from_text(text, &address) == SLC_OK) check_text(&address);
    if (slc_address_from_ip(text, 7, &address) == SLC_OK) check_text(&address);
    free(text);
    return 0;
}
