/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "net/gateway/control.h"
#include "net/gateway/messages.h"

/* First byte: which messages are legal (or a control request); the rest is a text. What is read must be written to a
 * text that reads as the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void control(struct slc_bytes text)
{
    struct slc_control first;
    struct slc_control second;
    uint8_t written[SLC_CONTROL_SEALED_MAX];
    struct slc_writer w = slc_writer(written, sizeof written);
    if (slc_control_parse(text, &first) != SLC_OK) return;
    slc_control_write(&first, &w);
    if (!slc_writer_ok(&w) || slc_control_parse(slc_bytes(written, w.len), &second) != SLC_OK) abort();
    if (first.kind != second.kind || first.client != second.client || first.stats != second.stats) abort();
    if (first.session != second.session) abort();
}

static size_t write(const struct slc_control_message *message, uint8_t *out, size_t cap)
{
    struct slc_writer w = slc_writer(out, cap);
    slc_control_message_write(message, &w);
    if (!slc_writer_ok(&w)) abort();
    return w.len;
}

static void message(struct slc_bytes text, unsigned sets)
{
    static uint8_t first_text[SLC_MESSAGE_TEXT_LIMIT];
    static uint8_t second_text[SLC_MESSAGE_TEXT_LIMIT];
    struct slc_control_message first;
    struct slc_control_message second;
    char words[16];
    if (slc_control_message_parse(text, sets, &first) != SLC_OK) return;
    size_t first_len = write(&first, first_text, sizeof first_text);
    if (slc_control_message_parse(slc_bytes(first_text, first_len), sets, &second) != SLC_OK) abort();
    size_t second_len = write(&second, second_text, sizeof second_text);
    if (first_len != second_len || memcmp(first_text, second_text, first_len) != 0) abort();
    if (strlen(slc_control_message_words(first.text, words, sizeof words)) >= sizeof words) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned SETS[] = {SLC_MESSAGES_REQUEST, SLC_MESSAGES_RESPONSE, SLC_MESSAGES_HANDSHAKE,
                                    SLC_MESSAGES_REQUEST | SLC_MESSAGES_HANDSHAKE};
    if (size == 0) return 0;
    struct slc_bytes text = slc_bytes(data + 1, size - 1);
    if (data[0] % 5 == 4) {
        control(text);
    } else {
        message(text, SETS[data[0] % 5]);
    }
    return 0;
}
