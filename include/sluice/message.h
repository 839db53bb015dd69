/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_API_MESSAGE_H
#define SLUICE_API_MESSAGE_H

#include "sluice/client.h"
#include "sluice/recipient.h"

/*
 * Sending (rules for all functions: sluice/sluice.h). Bytes are copied during the call.
 *
 * What becomes of a message comes as events with its token: SLC_EVENT_SENT when every part has left once, then
 * SLC_EVENT_ACKED when every part has reached the recipient's gateway; or SLC_EVENT_UNDELIVERED, last. Each message
 * that was taken ends with exactly one ACKED or UNDELIVERED.
 */

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SLC_TAG_BYTES = 16,         /* of a sender tag                                           */
    SLC_MESSAGE_MAX = 32 << 20, /* bytes of one message                                      */
    SLC_SURBS_MAX = 1000,       /* SURBs with one message                                    */
};

/* Retransmissions of each part of a message; other values are their number. */
#define SLC_RETRANSMIT_DEFAULT   0U /* messages and first contacts without limit, replies 10 times */
#define SLC_RETRANSMIT_NEVER     (UINT32_MAX - 1)
#define SLC_RETRANSMIT_UNLIMITED UINT32_MAX

struct slc_send_options {
    size_t size;         /* sizeof(struct slc_send_options)                                                      */
    uint64_t token;      /* the program's own, comes back in this message's events                               */
    uint32_t surbs;      /* reply SURBs to go with it, at most SLC_SURBS_MAX: the recipient can answer without
                            learning who asked, one SURB for each packet of the answer. Not for slc_reply()      */
    bool tagged;         /* with a sender tag even when `surbs` is 0: an earlier message brought SURBs enough     */
    uint32_t retransmit; /* SLC_RETRANSMIT_DEFAULT, _NEVER, _UNLIMITED, or how often                              */
    uint64_t lane;       /* messages of one lane leave in order, lanes share the client fairly; 0: the common lane */
};

/*
 * Sends `len` bytes to `recipient`. `data` may be NULL when len is 0. `options` may be NULL: a plain message that
 * cannot be answered.
 *
 * SLC_AGAIN: its window is full (window_messages, window_bytes), or its worker is behind; nothing was taken, and
 * SLC_EVENT_ROOM follows when half of it is free again. SLC_TOO_LONG: more than SLC_MESSAGE_MAX. SLC_OUT_OF_RANGE:
 * SURBs. SLC_CLOSED: the client failed, or after slc_finish(). SLC_NO_MEMORY.
 */
SLC_API SLC_MUST_CHECK enum slc_status slc_send(struct slc_client_id client, const struct slc_recipient *recipient,
                                                const void *data, size_t len, const struct slc_send_options *options);
/*
 * Answers the sender of a message that came with a tag, through its SURBs; asks it for more of them when they run
 * short. The client is the one that got the message. As slc_send(), and SLC_TOO_SHORT: a reply must have a byte.
 * A tag that nobody sent, or whose SURBs are gone for good, ends as SLC_EVENT_UNDELIVERED with SLC_NOT_FOUND.
 */
SLC_API SLC_MUST_CHECK enum slc_status slc_reply(struct slc_client_id client, const uint8_t tag[SLC_TAG_BYTES],
                                                 const void *data, size_t len, const struct slc_send_options *options);

#ifdef __cplusplus
}
#endif

#endif
