/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CLIENT_SAY_H
#define SLUICE_CLIENT_SAY_H

#include "engine/engine.h"

/*
 * What `sluice client` tells on standard output, one event a line, flushed, as words or as JSON objects:
 *
 *   ready ADDRESS                    connected; again after `lost`
 *   lost WHY                         not connected; it reconnects by itself
 *   sent N | acked N                 the N-th command's message left; is whole at the recipient's gateway
 *   received LEN SHA256 TAG [FILE]   TAG: the sender's; "reply": through our SURB; "-": neither. FILE with --out
 *   failed N WHY                     the N-th command was not done; "failed - WHY": the client itself
 */
enum slc_voice { SLC_VOICE_TEXT, SLC_VOICE_JSON, SLC_VOICE_SILENT };

void slc_say_ready(enum slc_voice voice, const struct slc_recipient *self);
void slc_say_lost(enum slc_voice voice, const char *why);
void slc_say_done(enum slc_voice voice, const char *what, uint64_t number); /* "sent", "acked" */
/* number 0: the client itself */
void slc_say_failed(enum slc_voice voice, uint64_t number, const char *why);
/* file: NULL when it was not kept */
void slc_say_received(enum slc_voice voice, const struct slc_engine_event *event, const char *file);

#endif
