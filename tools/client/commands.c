/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/client/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next word, cut out of the line; NULL at its end. One space parts words, so that a text keeps its own. */
static char *next_word(char **rest)
{
    char *word = *rest;
    if (word == NULL || *word == 0) return NULL;
    char *space = strchr(word, ' ');
    if (space != NULL) *space = 0;
    *rest = space != NULL ? space + 1 : NULL;
    return word;
}

static enum slc_status parse_surbs(const char *word, struct slc_command *command, struct slc_error *error)
{
    command->anonymous = strcmp(word, "-") != 0;
    if (!command->anonymous) return SLC_OK;
    char *end;
    errno = 0;
    unsigned long n = strtoul(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end != 0 || errno != 0 || n > SLC_COMMAND_SURBS_MAX) {
        return slc_fail(error, SLC_OUT_OF_RANGE, "SURBS is %s: a number up to %d, or - for no sender tag", word,
                        SLC_COMMAND_SURBS_MAX);
    }
    command->surbs = (uint32_t)n;
    return SLC_OK;
}

static enum slc_status parse_send(char *rest, struct slc_command *command, struct slc_error *error)
{
    command->kind = SLC_COMMAND_SEND;
    const char *address = next_word(&rest), *surbs = next_word(&rest);
    command->source = rest;
    if (surbs == NULL || rest == NULL || *rest == 0) {
        return slc_fail(error, SLC_TOO_SHORT, "it goes: send ADDRESS SURBS FILE, or -TEXT in place of FILE");
    }
    enum slc_status status = slc_recipient_from_text(address, &command->recipient, error);
    return status == SLC_OK ? parse_surbs(surbs, command, error) : status;
}

static enum slc_status parse_reply(char *rest, struct slc_command *command, struct slc_error *error)
{
    command->kind = SLC_COMMAND_REPLY;
    const char *tag = next_word(&rest);
    command->source = rest;
    if (tag == NULL || rest == NULL || *rest == 0) {
        return slc_fail(error, SLC_TOO_SHORT, "it goes: reply TAG FILE, or -TEXT in place of FILE");
    }
    size_t len;
    enum slc_status status = slc_base58_decode(command->tag, sizeof command->tag, &len, tag, strlen(tag));
    if (status == SLC_OK && len == sizeof command->tag) return SLC_OK;
    return slc_fail(error, SLC_MALFORMED, "%.40s is no sender tag", tag);
}

enum slc_status slc_command_parse(char *line, struct slc_command *command, struct slc_error *error)
{
    memset(command, 0, sizeof *command);
    char *rest = line;
    const char *name = next_word(&rest);
    if (name != NULL && strcmp(name, "send") == 0) return parse_send(rest, command, error);
    if (name != NULL && strcmp(name, "reply") == 0) return parse_reply(rest, command, error);
    if (name != NULL && strcmp(name, "quit") == 0) {
        command->kind = SLC_COMMAND_QUIT;
        return SLC_OK;
    }
    return slc_fail(error, SLC_NOT_FOUND, "%.40s is no command; there are send, reply and quit",
                    name != NULL ? name : "an empty line");
}

enum slc_status slc_body_read(FILE *file, const char *name, char **body, size_t *len, struct slc_error *error)
{
    size_t cap = 0, used = 0;
    char *data = NULL;
    for (bool more = true; more;) {
        if (used == cap) {
            cap = cap == 0 ? 1 << 16 : cap * 2;
            char *grown = cap > 2 * (size_t)SLC_COMMAND_BODY_MAX ? NULL : realloc(data, cap);
            if (grown == NULL) break;
            data = grown;
        }
        size_t n = fread(data + used, 1, cap - used, file);
        used += n;
        more = n > 0;
    }
    enum slc_status status = SLC_OK;
    if (ferror(file) != 0) {
        status = slc_fail(error, SLC_IO, "%s: %s", name, strerror(errno));
    } else if (used > SLC_COMMAND_BODY_MAX || data == NULL) {
        status = slc_fail(error, SLC_TOO_LONG, "%s: a message has at most %d bytes", name, SLC_COMMAND_BODY_MAX);
    }
    if (status == SLC_OK) {
        *body = data;
        *len = used;
    } else {
        free(data);
    }
    return status;
}

enum slc_status slc_command_body(const char *source, char **body, size_t *len, struct slc_error *error)
{
    if (source[0] == '-') {
        *body = strdup(source + 1);
        *len = strlen(source + 1);
        return *body != NULL ? SLC_OK : slc_fail(error, SLC_NO_MEMORY, "no memory");
    }
    FILE *file = fopen(source, "rbe");
    if (file == NULL) {
        return slc_fail(error, errno == ENOENT ? SLC_NOT_FOUND : SLC_IO, "%s: %s", source, strerror(errno));
    }
    enum slc_status status = slc_body_read(file, source, body, len, error);
    (void)fclose(file);
    return status;
}
