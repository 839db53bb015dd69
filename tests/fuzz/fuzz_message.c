/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "engine/message/message.h"

/* Every view of a message lies inside it, and what we could have sent is written again to the same bytes. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct slc_bytes view, const uint8_t *data, size_t size)
{
    if (view.len > 0 && (view.data < data || view.len > (size_t)(data + size - view.data))) abort();
}

/* The head in front of the data; a list of SURBs, or none, in the form that we write. */
static void check_round_trip(const struct slc_message *message, const uint8_t *data, size_t size)
{
    const struct slc_surb_list *surbs = &message->surbs;
    size_t head = slc_message_head_bytes(message->kind, surbs->count, surbs->hops);
    uint8_t *bytes = malloc(head);
    if (bytes == NULL) return;
    struct slc_writer w = slc_writer(bytes, head);
    if (message->kind == SLC_MESSAGE_SURB_REQUEST) {
        uint8_t request[SLC_SURB_REQUEST_BYTES];
        struct slc_writer whole = slc_writer(request, sizeof request);
        slc_message_write_surb_request(&whole, &message->requester, message->amount);
        if (size != sizeof request || memcmp(request, data, size) != 0) abort();
    } else {
        slc_message_write_head(&w, message->kind, message->sender_tag, surbs);
        if (!slc_writer_ok(&w) || w.len != head || head > size) abort();
        if (head > 22 ? memcmp(bytes, data, head) != 0 : memcmp(bytes, data, head < 20 ? head : 20) != 0) abort();
        bool data_follows = message->kind != SLC_MESSAGE_SURBS && message->kind != SLC_MESSAGE_HEARTBEAT;
        if (data_follows && message->data.len != size - head) abort();
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slc_message message;
    if (slc_message_parse(slc_bytes(data, size), &message) != SLC_OK) return 0;
    check_inside(message.data, data, size);
    check_inside(message.surbs.surbs, data, size);
    const struct slc_surb_list *surbs = &message.surbs;
    if (surbs->surbs.len != surbs->count * surbs->surb_bytes) abort();
    if (surbs->count > 0 && surbs->explicit_keys != (surbs->hops == 0)) abort();
    bool repliable = data[0] == 1;
    bool first_generation = repliable && data[17] < 3;
    if (!first_generation) check_round_trip(&message, data, size);
    return 0;
}
