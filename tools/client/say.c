/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/client/say.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static cJSON *begin(const char *event)
{
    cJSON *object = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(object, "event", event);
    return object;
}

static void finish(cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    if (text != NULL) (void)printf("%s\n", text);
    (void)fflush(stdout);
    free(text);
}

void slc_say_ready(enum slc_voice voice, const struct slc_recipient *self)
{
    char address[SLC_RECIPIENT_TEXT_MAX];
    slc_recipient_to_text(self, address);
    if (voice == SLC_VOICE_TEXT) {
        (void)printf("ready %s\n", address);
        (void)fflush(stdout);
    } else if (voice == SLC_VOICE_JSON) {
        cJSON *object = begin("ready");
        (void)cJSON_AddStringToObject(object, "address", address);
        finish(object);
    }
}

void slc_say_lost(enum slc_voice voice, const char *why)
{
    if (voice == SLC_VOICE_TEXT) {
        (void)printf("lost %s\n", why);
        (void)fflush(stdout);
    } else if (voice == SLC_VOICE_JSON) {
        cJSON *object = begin("lost");
        (void)cJSON_AddStringToObject(object, "why", why);
        finish(object);
    }
}

void slc_say_done(enum slc_voice voice, const char *what, uint64_t number)
{
    if (voice == SLC_VOICE_TEXT) {
        (void)printf("%s %" PRIu64 "\n", what, number);
        (void)fflush(stdout);
    } else if (voice == SLC_VOICE_JSON) {
        cJSON *object = begin(what);
        (void)cJSON_AddNumberToObject(object, "command", (double)number);
        finish(object);
    }
}

void slc_say_failed(enum slc_voice voice, uint64_t number, const char *why)
{
    if (voice == SLC_VOICE_TEXT) {
        if (number == 0) {
            (void)printf("failed - %s\n", why);
        } else {
            (void)printf("failed %" PRIu64 " %s\n", number, why);
        }
        (void)fflush(stdout);
    } else if (voice == SLC_VOICE_JSON) {
        cJSON *object = begin("failed");
        if (number > 0) (void)cJSON_AddNumberToObject(object, "command", (double)number);
        (void)cJSON_AddStringToObject(object, "why", why);
        finish(object);
    }
}

void slc_say_received(enum slc_voice voice, const struct slc_engine_event *event, const char *file)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof hash + 1], tag[SLC_BASE58_MAX] = "-";
    (void)crypto_hash_sha256(hash, event->data, event->len);
    (void)sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    if (event->has_tag && slc_base58_encode(tag, sizeof tag, slc_bytes(event->tag, sizeof event->tag)) != SLC_OK) {
        tag[0] = '-', tag[1] = 0;
    }
    if (voice == SLC_VOICE_TEXT) {
        (void)printf("received %zu %s %s%s%s\n", event->len, hex, event->is_reply ? "reply" : tag,
                     file != NULL ? " " : "", file != NULL ? file : "");
        (void)fflush(stdout);
    } else if (voice == SLC_VOICE_JSON) {
        cJSON *object = begin("received");
        (void)cJSON_AddNumberToObject(object, "bytes", (double)event->len);
        (void)cJSON_AddStringToObject(object, "sha256", hex);
        if (event->has_tag) (void)cJSON_AddStringToObject(object, "tag", tag);
        (void)cJSON_AddBoolToObject(object, "reply", event->is_reply);
        if (file != NULL) (void)cJSON_AddStringToObject(object, "file", file);
        finish(object);
    }
}
