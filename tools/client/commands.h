/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_CLIENT_COMMANDS_H
#define SLUICE_CLIENT_COMMANDS_H

#include "crypto/base/bytes.h"
#include "crypto/keys/keys.h"
#include "engine/message/message.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * The lines a program or a person writes to `sluice client`:
 *
 *   send ADDRESS SURBS FILE     SURBS: a number, or - for a message without sender tag
 *   reply TAG FILE              TAG: as a `received` line told it
 *   quit
 *
 * In place of FILE, `-` and then text: the rest of the line.
 */

enum slc_command_kind { SLC_COMMAND_SEND, SLC_COMMAND_REPLY, SLC_COMMAND_QUIT };

enum { SLC_COMMAND_SURBS_MAX = 1000, SLC_COMMAND_BODY_MAX = 32 << 20 };

struct slc_command {
    enum slc_command_kind kind;
    bool anonymous;
    uint32_t surbs;
    struct slc_recipient recipient;
    uint8_t tag[SLC_SENDER_TAG_BYTES];
    const char *source; /* FILE or -text; points into the line */
};

/* Parses one line without its end, in place. Errors say which word is wrong. Pure. */
SLC_MUST_CHECK enum slc_status slc_command_parse(char *line, struct slc_command *command, struct slc_error *error);

/* All bytes of `file`, called `name` in errors. `*body` is to be freed with free(). */
SLC_MUST_CHECK enum slc_status slc_body_read(FILE *file, const char *name, char **body, size_t *len,
                                             struct slc_error *error);
/* The message's bytes: of the file, or the text. `*body` is to be freed with free(). */
SLC_MUST_CHECK enum slc_status slc_command_body(const char *source, char **body, size_t *len, struct slc_error *error);

/*
 * Lines from a descriptor, read on a thread of its own, so that the program can wait for them and for messages at once.
 * At most a few lines wait; then the writer does.
 */
struct slc_lines;
SLC_MUST_CHECK enum slc_status slc_lines_start(struct slc_lines **lines, int fd, void (*wake)(void *self), void *self,
                                               struct slc_error *error);
enum slc_lines_result { SLC_LINES_NONE, SLC_LINES_LINE, SLC_LINES_END };
/* Takes one line, to be freed with free(). Never blocks. */
enum slc_lines_result slc_lines_take(struct slc_lines *lines, char **line);
/* Ends the thread. Takes NULL. */
void slc_lines_stop(struct slc_lines *lines);

#endif
